// Off Amazon Linux 2: generation a runs it, generation b runs Amazon Linux 2023, which 1.33 needs.
local eksctl = import '../../../templates/lib/eksctl.libsonnet';
local fleet = import '../lib/fleet.libsonnet';

eksctl.cluster(fleet.in_('us-east-1') {
  name: 'glacier',
  version: '1.33',
  managed: false,
  core: [{ name: 'core', instance: 'm5.large', max: 4 }],
  user: [
    { instance: 'm5.large' },
    { instance: 'r5.xlarge' },
    { instance: 'r5.4xlarge' },
    { instance: 'r5.16xlarge', max: 20 },
    { prefix: 'gpu', instance: 'g4dn.xlarge', max: 8 },
  ],
  worker: [{ instance: 'r5.4xlarge', spot: true }],
  generations: ['b'],
})
