// summit as it runs: four minors behind git, generation a.
local eksctl = import '../../../templates/lib/eksctl.libsonnet';
local desired = import '../clusters/summit.jsonnet';

eksctl.cluster(desired.spec { version: '1.30', generations: ['a'] })
