// canyon as it runs: one minor behind git, on the last minor that has Amazon Linux 2.
local eksctl = import '../../../templates/lib/eksctl.libsonnet';
local desired = import '../clusters/canyon.jsonnet';

eksctl.cluster(desired.spec { version: '1.32' })
