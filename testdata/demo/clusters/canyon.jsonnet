// Cannot be done as written: Amazon Linux 2 ends with 1.32, and this asks for it at 1.33.
local eksctl = import '../../../templates/lib/eksctl.libsonnet';
local fleet = import '../lib/fleet.libsonnet';

eksctl.cluster(fleet.in_('ca-central-1') {
  name: 'canyon',
  version: '1.33',
  managed: false,
  family: 'AmazonLinux2',
  core: [{ instance: 'm5.xlarge' }],
  user: fleet.perHub(['staging', 'prod'], ['r5.xlarge', 'r5.4xlarge']),
  worker: [{ instance: 'r5.4xlarge', spot: true }],
})
