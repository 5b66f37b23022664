// In step with git: nothing to do. One name is so long that it is cut, with its generation kept.
local eksctl = import '../../../templates/lib/eksctl.libsonnet';
local fleet = import '../lib/fleet.libsonnet';

eksctl.cluster(fleet.in_('ap-southeast-2') {
  name: 'lagoon',
  version: '1.35',
  core: [{ instance: 'r8i.large' }],
  user: fleet.perHub(['staging', 'prod'], ['r8i.xlarge', 'r8i.4xlarge']),
  worker: [
    { hub: 'prod', instance: ['r8i.2xlarge', 'r7i.2xlarge', 'r7a.2xlarge', 'r6i.2xlarge', 'm7i.4xlarge'], spot: true },
  ],
})
