// What the clusters of the demonstration fleet have in common.
{
  // Region, zones and tags of a cluster; its nodes stay in the first zone, where the users' disks are.
  in_(region):: {
    region: region,
    zones: [region + letter for letter in ['a', 'b', 'c']],
    nodeZones: [region + 'a'],
    tags: { 'example.org/fleet': 'demo', 'example.org/managed-by': 'git' },
  },

  // One group for each hub and instance type.
  perHub(hubs, instances, fields={}):: [
    { hub: hub, instance: instance } + fields
    for hub in hubs
    for instance in instances
  ],
}
