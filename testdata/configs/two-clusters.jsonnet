// The value is an array of two ClusterConfigs: one file, two clusters.
local cluster(number, region) = {
  apiVersion: 'eksctl.io/v1alpha5',
  kind: 'ClusterConfig',
  metadata: { name: 'numbered-%02d' % number, region: region, version: '1.34' },
  managedNodeGroups: [
    { name: 'core-a', instanceType: 'm7i.large', minSize: 1, maxSize: 4 },
    { name: 'workers-a', instanceTypes: ['m7i.4xlarge', 'm6i.4xlarge'], minSize: 0, maxSize: 20 },
  ],
};

std.mapWithIndex(function(index, region) cluster(index + 1, region), ['us-west-2', 'eu-west-1'])
