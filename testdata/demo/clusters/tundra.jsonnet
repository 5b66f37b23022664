// In the middle of a change of generation. Of c, only the group with long-running users is still declared.
local eksctl = import '../../../templates/lib/eksctl.libsonnet';
local fleet = import '../lib/fleet.libsonnet';

eksctl.cluster(fleet.in_('eu-north-1') {
  name: 'tundra',
  version: '1.34',
  core: [{ instance: 'r7i.large' }],
  user:
    fleet.perHub(['staging'], ['r7i.xlarge'])
    + fleet.perHub(['prod'], ['r7i.xlarge', 'r7i.4xlarge', 'r7i.8xlarge']),
  worker: [{ hub: 'prod', instance: ['r7i.4xlarge', 'r6i.4xlarge'], spot: true }],
  generations: [
    { letter: 'c', only: ['nb-prod-r7i-4xlarge'] },
    { letter: 'd', set: { volumeType: 'gp3', volumeIOPS: 6000, volumeThroughput: 250 } },
  ],
})
