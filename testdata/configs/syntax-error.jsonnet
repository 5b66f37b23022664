// A comma is missing after the region (line 5): the error must give file, line and column.
{
  apiVersion: 'eksctl.io/v1alpha5',
  kind: 'ClusterConfig',
  metadata: { name: 'syntax-error', region: 'us-west-2' version: '1.34' },
}
