// What the clusters of a generated fleet have in common; most of a real config's size.
local packages = [
  'amazon-cloudwatch-agent', 'amazon-ecr-credential-helper', 'amazon-efs-utils', 'amazon-ssm-agent',
  'audit', 'chrony', 'conntrack-tools', 'ethtool', 'iproute-tc', 'jq', 'lvm2', 'nfs-utils', 'nvme-cli',
  'perf', 'python3-pip', 'rsync', 'socat', 'strace', 'sysstat', 'tmpwatch', 'unzip', 'xfsprogs', 'zstd',
  'bpftrace', 'irqbalance', 'numactl', 'tuned', 'util-linux',
];
local policies = [
  'AmazonEKSWorkerNodePolicy', 'AmazonEC2ContainerRegistryReadOnly', 'AmazonSSMManagedInstanceCore',
  'AmazonEKS_CNI_Policy', 'CloudWatchAgentServerPolicy',
];

{
  in_(region):: {
    region: region,
    zones: [region + letter for letter in ['a', 'b', 'c']],
    nodeZones: [region + 'a'],
    tags: { 'example.org/fleet': 'bench', 'example.org/managed-by': 'git', 'example.org/contact': 'platform@example.org' },
  },

  addons: [
    'vpc-cni',
    { name: 'coredns', version: 'latest', configurationValues: std.manifestJsonMinified({
      replicaCount: 3,
      resources: { requests: { cpu: '100m', memory: '150Mi' }, limits: { memory: '150Mi' } },
      topologySpreadConstraints: [
        { maxSkew: 1, topologyKey: 'topology.kubernetes.io/zone', whenUnsatisfiable: 'ScheduleAnyway', labelSelector: { matchLabels: { 'k8s-app': 'kube-dns' } } },
      ],
    }) },
    'kube-proxy',
    'aws-ebs-csi-driver',
  ],

  kubelet: {
    serializeImagePulls: false,
    maxParallelImagePulls: 4,
    imageGCHighThresholdPercent: 75,
    imageGCLowThresholdPercent: 60,
    containerLogMaxSize: '50Mi',
    containerLogMaxFiles: 3,
    eventRecordQPS: 50,
    kubeAPIQPS: 50,
    kubeAPIBurst: 100,
    podPidsLimit: 8192,
    registryPullQPS: 20,
    registryBurst: 40,
    shutdownGracePeriod: '60s',
    shutdownGracePeriodCriticalPods: '20s',
    systemReserved: { cpu: '200m', memory: '400Mi', 'ephemeral-storage': '2Gi' },
    kubeReserved: { cpu: '200m', memory: '700Mi', 'ephemeral-storage': '2Gi' },
    evictionHard: { 'memory.available': '300Mi', 'nodefs.available': '10%', 'nodefs.inodesFree': '5%', 'imagefs.available': '15%' },
    evictionSoft: { 'memory.available': '500Mi', 'nodefs.available': '15%' },
    evictionSoftGracePeriod: { 'memory.available': '1m30s', 'nodefs.available': '2m' },
  },

  // `weight` is how many packages a node installs at boot: the sizes of configs differ by it.
  group(team, volume, weight):: {
    volumeSize: volume,
    volumeType: 'gp3',
    volumeIOPS: 6000,
    volumeThroughput: 250,
    volumeEncrypted: true,
    privateNetworking: true,
    disableIMDSv1: true,
    ssh: { allow: false },
    labels+: {
      ['example.org/' + key]: value
      for key in ['cost-center', 'environment', 'team', 'tier', 'compliance', 'data-class', 'owner', 'schedule']
      for value in [if key == 'team' then team else 'bench-' + key]
    },
    tags+: {
      ['example.org/' + key]: value
      for key in ['cost-center', 'environment', 'team', 'tier', 'compliance', 'data-class', 'owner', 'schedule', 'backup', 'patch-group']
      for value in [if key == 'team' then team else 'bench-' + key]
    },
    iam+: {
      attachPolicyARNs: ['arn:aws:iam::aws:policy/' + name for name in policies],
      withAddonPolicies: { autoScaler: true, ebs: true, efs: true, cloudWatch: true, imageBuilder: false },
    },
    preBootstrapCommands: [
      'set -o errexit -o nounset -o pipefail',
      'sysctl --write fs.inotify.max_user_watches=1048576 fs.inotify.max_user_instances=8192 vm.max_map_count=262144',
      'sysctl --write net.core.somaxconn=4096 net.ipv4.tcp_tw_reuse=1 net.ipv4.ip_local_port_range="1024 65000"',
    ] + [
      'dnf install --assumeyes --setopt=retries=20 --setopt=timeout=60 %s || (sleep 15 && dnf clean all && dnf install --assumeyes %s); systemctl enable --now %s.service || true' % [name, name, name]
      for name in packages[:weight]
    ],
  },

  extra: {
    upgradePolicy: { supportType: 'EXTENDED' },
    cloudWatch: { clusterLogging: { enableTypes: ['api', 'audit', 'authenticator'] } },
    vpc: { clusterEndpoints: { publicAccess: true, privateAccess: true }, nat: { gateway: 'HighlyAvailable' } },
    accessConfig: { authenticationMode: 'API_AND_CONFIG_MAP' },
  },
}
