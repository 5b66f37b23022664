// One minor up. The nodes may stay where they are: one minor behind their control plane is legal.
local eksctl = import '../../../templates/lib/eksctl.libsonnet';
local fleet = import '../lib/fleet.libsonnet';

eksctl.cluster(fleet.in_('us-west-2') {
  name: 'harbor',
  version: '1.34',
  core: [{ instance: 'r7i.large', min: 2 }],
  user:
    fleet.perHub(['staging', 'prod'], ['r7i.xlarge', 'r7i.4xlarge', 'r7i.16xlarge'])
    + [{ prefix: 'gpu', hub: 'prod', instance: 'g4dn.xlarge', max: 20 }],
  worker: fleet.perHub(['staging', 'prod'], ['r7i.4xlarge'], { spot: true }),
  generations: ['b'],
})
