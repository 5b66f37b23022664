//: template v1
//: `stairway init cluster` makes clusters/NAME.jsonnet of this file. Lines that begin like this one are not copied.
//: param name cluster required: the name of the EKS cluster
//: param region region required: the AWS region
//: param version minor required: the Kubernetes version
//: param hubs words: hubs with notebook and Dask groups of their own; none for one set that all hubs share
//: param core words: instance types of the group that always runs
//: param users words: instance types for notebook servers, one group for each
//: param workers words: instance types for Dask workers, all in one group
//: param generation word: the letter of the first generation
// A cluster. Generate it with `stairway init cluster`, or copy this file; keep what you need, delete the comments.
// Shown with `stairway render`, or with plain `jsonnet`.
local eksctl = import 'lib/eksctl.libsonnet';

// The name of the EKS cluster. With the region it is the cluster's identity: neither can be changed later.
local name = 'example';
local region = 'us-west-2';

// The Kubernetes version you want, as a string. It may be several minors ahead of what runs:
// stairway plans the single hops. Lower than what runs means a rollback, which needs a rollback plan.
local version = '1.34';

// Each hub here gets notebook and Dask groups of its own; without any, all hubs share one set.
local hubs = [];

// Instance types: of hubs and proxies, of notebook servers (one group each), of Dask workers (one group of all:
// several types help when spot capacity is short).
local core = ['r7i.large'];
local users = ['r7i.xlarge', 'r7i.4xlarge'];
local workers = ['r7i.4xlarge', 'r6i.4xlarge'];

// The letter at the end of every nodegroup's name, see `generations`.
local generation = 'a';

// One entry for each hub, or one without a hub.
local perHub(entry) = if hubs == [] then [entry] else [entry { hub: hub } for hub in hubs];

eksctl.cluster({
  name: name,
  region: region,
  version: version,

  // At least two zones for the control plane. Nodes stay in one zone here, because the EBS volumes of
  // hubs and users live in one zone; without `nodeZones` they spread over all zones.
  zones: [region + letter for letter in ['a', 'b', 'c']],
  nodeZones: [region + 'a'],

  // Tags of the AWS resources.
  tags: { 'example.org/managed-by': 'git' },

  // EKS add-ons. A name means `version: latest`, which stairway resolves to an exact version when it plans.
  // An object is passed on as written: pin a version or give configurationValues there.
  // `addons: null` leaves the field out, for clusters whose kube-proxy, aws-node and coredns are self-managed.
  addons: [
    'vpc-cni',
    // { name: 'vpc-cni', version: 'latest', configurationValues: std.manifestJsonMinified({ enableNetworkPolicy: 'true' }) },
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
    { instance: core, min: 1, max: 4 },  // core-r7i-large-a
  ],

  // Groups for notebook servers. From 0 to 100 nodes unless min and max say otherwise.
  user: [
    group  // nb-r7i-xlarge-a, or nb-prod-r7i-xlarge-a of the hub `prod`
    for type in users
    for group in perHub({ instance: type })
  ] + [
    // {
    //   prefix: 'gpu',  // gpu-g4dn-xlarge-a
    //   instance: 'g4dn.xlarge',
    //   max: 10,
    //   labels: { 'example.org/gpu': 't4' },
    //   taints: [{ key: 'nvidia.com/gpu', value: 'present', effect: 'NoSchedule' }],
    //   set: { volumeSize: 300 },  // any field of an eksctl nodegroup
    // },
  ],

  // Groups for Dask workers.
  worker: if workers == [] then [] else perHub({ instance: workers, spot: true }),  // dask-r7i-4xlarge-r6i-4xlarge-a

  // Generations, oldest first. To replace all groups, add a letter here and remove the old one:
  // stairway makes the new groups, moves the pods, then deletes the old groups.
  generations: [generation],

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
