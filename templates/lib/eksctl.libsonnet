// ClusterConfigs (eksctl.io/v1alpha5) for clusters whose nodegroups are replaced, never edited.
//
// eksctl cannot change a running nodegroup except in size. To change anything else, a new group is made beside
// the old one and the old one goes. This library therefore names every group `<logical name>-<letter>`; the letter
// is the *generation*, and several generations can be declared at once while users move from one to the next.
//
//   local eksctl = import 'lib/eksctl.libsonnet';
//   eksctl.cluster({
//     name: 'harbor', region: 'us-west-2', version: '1.34', zones: ['us-west-2a', 'us-west-2b'],
//     core: [{ instance: 'r7i.large' }],
//     user: [{ instance: 'r7i.xlarge' }, { instance: 'r7i.4xlarge', hub: 'prod' }],
//     worker: [{ instance: ['r7i.4xlarge', 'r6i.4xlarge'], spot: true }],
//   })
//
// It reads no environment, no files and no external variables: the same call gives the same bytes.
// Field by field: `clusterDefaults`, `groupDefaults` and `generationDefaults` below. A field that is not listed
// there is an error, so that a typing mistake does not pass silently.

// EKS refuses longer nodegroup names. Cut names keep their generation (see `fullName`).
local longestName = 63;

// The fields of the argument of `cluster`. `error` marks those without a default.
local clusterDefaults = {
  name: error 'cluster: "name" is missing',
  region: error 'cluster: "region" is missing',
  version: error 'cluster: "version" is missing, for example "1.34"',
  zones: [],  // availability zones of the cluster; EKS asks for at least two
  nodeZones: [],  // zones of the nodes; give one zone when users' disks cannot move between zones
  tags: {},
  addons: ['vpc-cni', 'coredns', 'kube-proxy', 'aws-ebs-csi-driver'],  // null: leave the field out (self-managed add-ons)
  managed: true,  // true: managedNodeGroups, false: nodeGroups
  family: 'AmazonLinux2023',  // or AmazonLinux2, which EKS has only up to 1.32
  kubelet: { serializeImagePulls: false, maxParallelImagePulls: 4 },  // KubeletConfiguration fields; {}: none
  core: [],
  user: [],
  worker: [],
  generations: ['a'],  // oldest first; letters, or objects as in generationDefaults
  set: {},  // eksctl fields for every nodegroup; write `labels+:` to add to a field instead of replacing it
  extra: {},  // eksctl fields for the top level of the ClusterConfig, likewise
};

// The fields of one entry of `core`, `user` or `worker`. The entry exists once in every declared generation.
local groupDefaults = {
  instance: error 'group: "instance" is missing, for example "r7i.xlarge"',  // or a list of types
  name: null,  // the logical name; null: <prefix>[-<hub>]-<instance types, "." written "-">
  prefix: null,  // null: the prefix of the role (core, nb, dask)
  hub: null,
  min: null,  // null: the minimum of the role
  max: null,
  spot: false,
  labels: {},
  taints: [],  // in addition to those of the role
  set: {},  // eksctl fields for this group
};

// The fields of one entry of `generations` that is not just a letter.
local generationDefaults = {
  letter: error 'generation: "letter" is missing',
  only: null,  // logical names: of this generation, nothing else is declared
  managed: null,  // null: as the cluster says; likewise the next two
  family: null,
  kubelet: null,
  set: {},  // eksctl fields for every group of this generation, and of no other
  setFor: {},  // the same for one role or one logical name: { user: {…}, 'nb-prod-r7i-xlarge': {…} }
};

// A taint that keeps other pods away. JupyterHub and Dask tolerate it with either separator; some clouds refuse "/".
local dedicated(domain, value) = [
  { key: domain + separator + 'dedicated', value: value, effect: 'NoSchedule' }
  for separator in ['_', '/']
];

local roles = {
  // Hubs, proxies and whatever else must always run. Untainted: pods without tolerations need a place.
  core: {
    prefix: 'core',
    min: 1,
    max: 6,
    labels: { 'hub.jupyter.org/node-purpose': 'core' },
    taints: [],
    set: { volumeSize: 80, iam: { withAddonPolicies: { autoScaler: true } } },
  },
  // Notebook servers.
  user: {
    prefix: 'nb',
    min: 0,
    max: 100,
    labels: { 'hub.jupyter.org/node-purpose': 'user' },
    taints: dedicated('hub.jupyter.org', 'user'),
    set: { volumeSize: 200 },
  },
  // Dask workers.
  worker: {
    prefix: 'dask',
    min: 0,
    max: 100,
    labels: { 'k8s.dask.org/node-purpose': 'worker' },
    taints: dedicated('k8s.dask.org', 'worker'),
    set: { volumeSize: 80 },
  },
};

// `given` over `defaults`, with unknown fields refused.
local fill(what, defaults, given) =
  local unknown = std.setDiff(std.objectFields(given), std.objectFields(defaults));
  assert unknown == [] : '%s: unknown field "%s"; known: %s' % [what, unknown[0], std.join(', ', std.objectFields(defaults))];
  defaults + given;

local first(values) = [value for value in values if value != null][0];

local types(group) = if std.isArray(group.instance) then group.instance else [group.instance];

local logicalName(group) =
  if group.name != null then group.name
  else std.strReplace(
    std.join('-', [group.prefix] + (if group.hub == null then [] else [group.hub]) + types(group)), '.', '-'
  );

local fullName(logical, letter) =
  std.rstripChars(logical[:longestName - std.length(letter) - 1], '-') + '-' + letter;

// How settings of the kubelet reach the node. AL2023 boots with nodeadm, which reads a NodeConfig; eksctl merges the
// one given here with its own. On AL2 only self-managed groups have a field for it.
local bootstrap(family, managed, kubelet) =
  if kubelet == {} then {}
  else if family == 'AmazonLinux2023' then {
    overrideBootstrapCommand: std.manifestYamlDoc({
      apiVersion: 'node.eks.aws/v1alpha1',
      kind: 'NodeConfig',
      spec: { kubelet: { config: kubelet } },
    }, quote_keys=false),
  }
  else if family == 'AmazonLinux2' && !managed then { kubeletExtraConfig: kubelet }
  else {};

// eksctl writes instance types differently for the two kinds of group.
local instances(managed, group) =
  if managed then { instanceTypes: types(group), [if group.spot then 'spot']: true }
  else if group.spot || std.length(types(group)) > 1 then {
    instancesDistribution: {
      instanceTypes: types(group),
      onDemandBaseCapacity: 0,
      onDemandPercentageAboveBaseCapacity: if group.spot then 0 else 100,
    },
  }
  else { instanceType: types(group)[0] };

// One nodegroup. From weak to strong: role, cluster, group, generation.
local nodegroup(spec, role, group, generation) =
  local logical = logicalName(group);
  local managed = first([generation.managed, spec.managed]);
  local family = first([generation.family, spec.family]);
  local taints = roles[role].taints + group.taints;
  {
    name: fullName(logical, generation.letter),
    amiFamily: family,
    minSize: first([group.min, roles[role].min]),
    maxSize: first([group.max, roles[role].max]),
    labels: roles[role].labels + { 'stairway/generation': generation.letter } + group.labels,
    [if taints != [] then 'taints']: taints,
    [if spec.nodeZones != [] then 'availabilityZones']: spec.nodeZones,
    propagateASGTags: true,  // lets cluster-autoscaler see labels and taints of a group without nodes
    // Hidden: for the choice of list and for the checks in `cluster`, not part of the output.
    managed_:: managed,
    role_:: role,
    letter_:: generation.letter,
  }
  + instances(managed, group)
  + bootstrap(family, managed, first([generation.kubelet, spec.kubelet]))
  + roles[role].set + spec.set + group.set
  + generation.set + std.get(generation.setFor, role, {}) + std.get(generation.setFor, logical, {});

local addon(entry) =
  local policies = { 'aws-ebs-csi-driver': { wellKnownPolicies: { ebsCSIController: true } } };
  if std.isObject(entry) then entry
  else { name: entry, version: 'latest' } + std.get(policies, entry, {});

{
  // A ClusterConfig. The argument stays readable as the hidden field `spec`, so that a variation can be derived:
  //   eksctl.cluster((import 'harbor.jsonnet').spec { version: '1.33' })
  cluster(spec)::
    local full = fill('cluster', clusterDefaults, spec);
    local generations = [
      fill('generation', generationDefaults, if std.isString(entry) then { letter: entry } else entry)
      for entry in full.generations
    ];
    local declared = [
      { role: role, group: filled { prefix: first([filled.prefix, roles[role].prefix]) } }
      for role in ['core', 'user', 'worker']
      for group in full[role]
      for filled in [fill(role + ' group', groupDefaults, group)]
    ];
    local logicals = [logicalName(entry.group) for entry in declared];
    local groups = [
      nodegroup(full, entry.role, entry.group, generation)
      for entry in declared
      for generation in generations
      if generation.only == null || std.member(generation.only, logicalName(entry.group))
    ];
    local names = [group.name for group in groups];
    local newest = generations[std.length(generations) - 1].letter;
    local strangers = [
      name
      for generation in generations
      for name in first([generation.only, []])
                  + [key for key in std.objectFields(generation.setFor) if !std.objectHas(roles, key)]
      if !std.member(logicals, name)
    ];
    local managed = [group for group in groups if group.managed_];
    local selfManaged = [group for group in groups if !group.managed_];
    {
      assert std.isString(full.version) : 'version must be a string: "1.30", because 1.30 is the number 1.3',
      assert generations != [] : 'declare at least one generation',
      assert strangers == [] : 'generation names "%s", which is no logical name here; known: %s' % [strangers[0], std.join(', ', logicals)],
      assert [name for name in names if std.length(name) > longestName] == [] : 'a nodegroup name is longer than %d: %s' % [longestName, names],
      assert std.length(std.set(names)) == std.length(names) : 'two nodegroups have one name: %s' % [names],
      assert [g for g in groups if g.role_ == 'core' && g.letter_ == newest] != []
             : 'the newest generation (%s) has no core group' % newest,

      spec:: spec,
      apiVersion: 'eksctl.io/v1alpha5',
      kind: 'ClusterConfig',
      metadata: {
        name: full.name,
        region: full.region,
        version: full.version,
        [if full.tags != {} then 'tags']: full.tags,
      },
      [if full.zones != [] then 'availabilityZones']: full.zones,
      iam: { withOIDC: true },
      [if full.addons != null then 'addons']: [addon(entry) for entry in full.addons],
      [if managed != [] then 'managedNodeGroups']: managed,
      [if selfManaged != [] then 'nodeGroups']: selfManaged,
    } + full.extra,
}
