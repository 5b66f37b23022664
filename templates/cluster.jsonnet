// A cluster. Copy this file, keep what you need, delete the comments.
// Shown with `stairway render cluster.jsonnet`, or with plain `jsonnet cluster.jsonnet`.
local eksctl = import 'lib/eksctl.libsonnet';  // adjust the path to where you put the library

eksctl.cluster({
  // The name of the EKS cluster. With the region it is the cluster's identity: neither can be changed later.
  name: 'example',
  region: 'us-west-2',

  // The Kubernetes version you want, as a string. It may be several minors ahead of what runs:
  // stairway plans the single hops. Lower than what runs means a rollback, which needs a rollback plan.
  version: '1.34',

  // At least two zones for the control plane. Nodes stay in one zone here, because the EBS volumes of
  // hubs and users live in one zone; without `nodeZones` they spread over all zones.
  zones: ['us-west-2a', 'us-west-2b', 'us-west-2c'],
  nodeZones: ['us-west-2a'],

  // Tags of the AWS resources.
  tags: { team: 'research-platform' },

  // EKS add-ons. A name means `version: latest`, which stairway resolves to an exact version when it plans.
  // An object is passed on as written: pin a version or give configurationValues there.
  // `addons: null` leaves the field out, for clusters whose kube-proxy, aws-node and coredns are self-managed.
  addons: [
    { name: 'vpc-cni', version: 'latest', configurationValues: std.manifestJsonMinified({ enableNetworkPolicy: 'true' }) },
    'coredns',
    'kube-proxy',
    'aws-ebs-csi-driver',
  ],

  // true (default): managedNodeGroups; EKS can upgrade them in place. false: nodeGroups (self-managed).
  managed: true,

  // AmazonLinux2023 (default). AmazonLinux2 ends with Kubernetes 1.32.
  family: 'AmazonLinux2023',

  // Settings of the kubelet on every node; this is the default. {} leaves eksctl's own bootstrap alone.
  kubelet: { serializeImagePulls: false, maxParallelImagePulls: 4 },

  // Groups that always run: hubs, proxies, ingress. At least one. Its size must hold all of their pods:
  // the type limits pods per node, `max` the nodes.
  core: [
    { instance: 'r7i.large', min: 1, max: 4 },  // core-r7i-large-a
  ],

  // Groups for notebook servers. From 0 to 100 nodes unless min and max say otherwise.
  user: [
    { instance: 'r7i.xlarge' },  // nb-r7i-xlarge-a
    { instance: 'r7i.4xlarge', hub: 'prod', max: 40 },  // nb-prod-r7i-4xlarge-a
    {
      prefix: 'gpu',  // gpu-g4dn-xlarge-a
      instance: 'g4dn.xlarge',
      max: 10,
      labels: { 'example.org/gpu': 't4' },
      taints: [{ key: 'nvidia.com/gpu', value: 'present', effect: 'NoSchedule' }],
      set: { volumeSize: 300 },  // any field of an eksctl nodegroup
    },
  ],

  // Groups for Dask workers. Several types share one group when spot capacity is short.
  worker: [
    { instance: ['r7i.4xlarge', 'r6i.4xlarge'], spot: true },  // dask-r7i-4xlarge-r6i-4xlarge-a
  ],

  // Generations, oldest first. To replace all groups, add a letter here and remove the old one:
  // stairway makes the new groups, moves the pods, then deletes the old groups.
  generations: ['a'],

  // While users are still on old groups, keep declaring just those. Settings can differ by generation, so that
  // the declaration of a running group does not change together with its successor's:
  //
  // generations: [
  //   { letter: 'a', only: ['nb-prod-r7i-4xlarge'] },
  //   { letter: 'b', set: { volumeType: 'gp3', volumeIOPS: 6000 }, setFor: { user: { volumeSize: 400 } } },
  // ],
  //
  // A generation can also have its own `managed`, `family` and `kubelet`.

  // Fields of every nodegroup, and of the top level of the ClusterConfig. `labels+:` adds, `labels:` replaces.
  set: { volumeEncrypted: true },
  extra: { upgradePolicy: { supportType: 'STANDARD' } },
})
