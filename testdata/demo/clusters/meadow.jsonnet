// Managed groups that are upgraded in place; a label for all of them, a taint and three sizes change with it.
local eksctl = import '../../../templates/lib/eksctl.libsonnet';
local fleet = import '../lib/fleet.libsonnet';

eksctl.cluster(fleet.in_('us-east-2') {
  name: 'meadow',
  version: '1.35',
  core: [{ instance: 'm7i.large', min: 2 }],
  user:
    fleet.perHub(['staging', 'prod', 'workshop'], ['m7i.xlarge', 'm7i.4xlarge'])
    + [{
      prefix: 'gpu',
      hub: 'prod',
      instance: 'g5.xlarge',
      max: 12,
      taints: [{ key: 'nvidia.com/gpu', value: 'present', effect: 'NoSchedule' }],
    }],
  worker: fleet.perHub(['staging', 'prod'], ['m7i.4xlarge'], { max: 60 }),
  set: { labels+: { 'example.org/cost-center': 'research' } },
})
