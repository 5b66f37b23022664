// A jinja template that ends in .jsonnet: not jsonnet. Named as such, and skipped in a fleet.
{%- set nodes = ["r7i.xlarge", "r7i.4xlarge"] %}
{
  apiVersion: 'eksctl.io/v1alpha5',
  kind: 'ClusterConfig',
  metadata: { name: '<< cluster_name >>', region: '<< region >>', version: '1.34' },
  managedNodeGroups: [
    {% for node in nodes %}
    { name: 'nb-{{ node }}-a', instanceType: '{{ node }}', minSize: 0, maxSize: 100 },
    {% endfor %}
  ],
}
