// The override was meant for generation d, and says so nowhere: it rewrites c as well.
local override = { volumeIOPS: 6000 };
local group(name, letter, fields) = fields { name: name + '-' + letter, labels: { 'example.org/generation': letter } };
local core = { instanceType: 'm5.large', minSize: 1, maxSize: 4 };
local notebook = { instanceType: 'r5.xlarge', minSize: 0, maxSize: 50 } + override;
{
  apiVersion: 'eksctl.io/v1alpha5',
  kind: 'ClusterConfig',
  metadata: { name: 'pipit', region: 'eu-west-1', version: '1.34' },
  managedNodeGroups: [group('core', 'd', core), group('nb', 'c', notebook), group('nb', 'd', notebook)],
}
