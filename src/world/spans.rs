//! How long things take, in seconds: least and most. The dice choose between them.

/// A span of time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span(pub(crate) i64, pub(crate) i64);

/// EKS user guide, update-cluster: "several minutes"; published logs show 7 to 12.
pub(crate) const CONTROL_PLANE: Span = Span(480, 720);
/// A failed update is seen sooner than a good one ends (eksctl polls DescribeUpdate every 30–120 s).
pub(crate) const CONTROL_PLANE_FAILS: Span = Span(300, 600);
/// Other updates of the cluster (upgrade policy, logging): a minute or two.
pub(crate) const CLUSTER_CONFIG: Span = Span(40, 120);
/// UpdateNodegroupConfig without a version: the ASG and the node labels are patched.
pub(crate) const GROUP_CONFIG: Span = Span(20, 45);
/// CreateStack with an Auto Scaling group or a managed nodegroup: about five minutes until the nodes are Ready.
pub(crate) const GROUP_CREATE: Span = Span(220, 340);
/// A stack that rolls back does so after its first failed resource, and deletes what it made.
pub(crate) const ROLL_BACK: Span = Span(180, 420);
/// DeleteStack of a group without nodes.
pub(crate) const DELETE_EMPTY: Span = Span(20, 120);
/// DeleteStack of a group with nodes: instances terminate and interfaces are released.
pub(crate) const DELETE_FULL: Span = Span(120, 300);
/// EC2 start to the kubelet's first report.
pub(crate) const BOOT: Span = Span(40, 75);
/// From the first report to Ready: the CNI's pod must run.
pub(crate) const READY: Span = Span(20, 50);
/// Between the nodes of a managed update: EKS scales up, waits, goes on (about 4 min per node in all).
pub(crate) const ROLL: Span = Span(60, 120);
/// Eviction of one node's pods and its termination in a managed update.
pub(crate) const ROLL_NODE: Span = Span(80, 140);
/// UpdateAddon until ACTIVE: one to two minutes (durations of this project's catalog).
pub(crate) const ADDON: Span = Span(60, 120);
/// A DaemonSet's or Deployment's rollout in kube-system.
pub(crate) const ROLLOUT: Span = Span(30, 90);
/// An evicted pod runs again elsewhere: image pull and start.
pub(crate) const POD_LANDS: Span = Span(15, 45);
/// The cluster autoscaler sees a Pending pod, and the instance boots, in about three minutes.
pub(crate) const AUTOSCALE: Span = Span(90, 150);
/// A session ends within a day.
pub(crate) const SESSION: Span = Span(1_800, 86_400);
/// When background misbehaviours come.
pub(crate) const WEATHER: Span = Span(60, 1_500);
/// How long a lost node is away; the node lifecycle controller evicts only after five minutes.
pub(crate) const NODE_AWAY: Span = Span(240, 900);

/// EKS gives each pod 15 minutes to leave a node of a managed group (EKS user guide, managed-node-update-behavior).
pub(crate) const EVICTION_LIMIT: i64 = 900;
/// Pause after a refused eviction (`--pod-eviction-wait-period`, default 10 s).
pub(crate) const EVICTION_PAUSE: i64 = 10;
/// The same of stairway's own drain, which waits as kubectl does: 5 s (kubernetes/kubectl, pkg/drain/drain.go).
pub(crate) const EVICTION_RETRY: u32 = 5;
/// Control-plane rollback is possible for seven days (EKS user guide, rollback-cluster).
pub(crate) const ROLLBACK_WINDOW: i64 = 7 * 86_400;
/// How old a stale read may be.
pub(crate) const STALE: i64 = 60;
/// What `slow` multiplies by.
pub(crate) const SLOW_FACTOR: i64 = 4;
