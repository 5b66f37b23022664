// Four minors up, with every self-managed group replaced once on the way: generation b instead of a.
local eksctl = import '../../../templates/lib/eksctl.libsonnet';
local fleet = import '../lib/fleet.libsonnet';

eksctl.cluster(fleet.in_('eu-central-1') {
  name: 'summit',
  version: '1.34',
  managed: false,
  core: [{ instance: 'm6i.large', min: 2, max: 4 }],
  user: fleet.perHub(['staging', 'prod'], ['r6i.xlarge', 'r6i.2xlarge', 'r6i.8xlarge']),
  worker: [
    { hub: 'prod', instance: ['r6i.4xlarge', 'r6a.4xlarge', 'r5.4xlarge'], spot: true, max: 60 },
  ],
  generations: ['b'],
})
