// harbor as it runs: one minor behind git.
local eksctl = import '../../../templates/lib/eksctl.libsonnet';
local desired = import '../clusters/harbor.jsonnet';

eksctl.cluster(desired.spec { version: '1.33' })
