// delta as it runs: one minor behind git.
local eksctl = import '../../../templates/lib/eksctl.libsonnet';
local desired = import '../clusters/delta.jsonnet';

eksctl.cluster(desired.spec { version: '1.32' })
