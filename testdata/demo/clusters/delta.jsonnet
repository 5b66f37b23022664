// An older style: self-managed groups, and add-ons that EKS does not manage, so none are declared.
local eksctl = import '../../../templates/lib/eksctl.libsonnet';
local fleet = import '../lib/fleet.libsonnet';

eksctl.cluster(fleet.in_('us-west-2') {
  name: 'delta',
  version: '1.33',
  managed: false,
  addons: null,
  core: [{ name: 'core', instance: 'm5.large' }],
  user: [
    { instance: 'm5.xlarge' },
    { instance: 'r5.xlarge' },
    { instance: 'r5.4xlarge' },
  ],
  worker: [
    { instance: 'm5.2xlarge', spot: true },
    { instance: 'r5.4xlarge', spot: true },
  ],
})
