// tundra as it runs: all of generation c, and of generation d everything but the Dask workers.
local eksctl = import '../../../templates/lib/eksctl.libsonnet';
local desired = import '../clusters/tundra.jsonnet';

eksctl.cluster(desired.spec {
  generations: [
    'c',
    super.generations[1] {
      only: [
        'core-r7i-large',
        'nb-staging-r7i-xlarge',
        'nb-prod-r7i-xlarge',
        'nb-prod-r7i-4xlarge',
        'nb-prod-r7i-8xlarge',
      ],
    },
  ],
})
