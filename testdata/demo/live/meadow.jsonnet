// meadow as it runs: one minor behind git, without the new label and taint, in the old sizes.
local eksctl = import '../../../templates/lib/eksctl.libsonnet';
local desired = import '../clusters/meadow.jsonnet';

eksctl.cluster(desired.spec {
  version: '1.34',
  set: {},
  generations: [{
    letter: 'a',
    setFor: {
      'core-m7i-large': { minSize: 1 },
      'nb-prod-m7i-xlarge': { maxSize: 60 },
      'dask-prod-m7i-4xlarge': { maxSize: 30 },
      'gpu-prod-g5-xlarge': { taints: [taint for taint in super.taints if taint.key != 'nvidia.com/gpu'] },
    },
  }],
})
