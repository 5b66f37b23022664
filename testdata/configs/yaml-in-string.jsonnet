// The value is a string that holds YAML, as a program gives whose output is piped into eksctl.
std.manifestYamlDoc({
  apiVersion: 'eksctl.io/v1alpha5',
  kind: 'ClusterConfig',
  metadata: { name: 'yaml-in-string', region: 'us-west-2', version: '1.34' },
  managedNodeGroups: [
    { name: 'core-a', instanceType: 'm7i.large', minSize: 1, maxSize: 4 },
    { name: 'nb-m7i-xlarge-a', instanceType: 'm7i.xlarge', minSize: 0, maxSize: 50 },
  ],
})
