//! Findings about emptying a group: budgets, pods that come back or do not, and whether they fit elsewhere.

use super::Page;

pub(super) static PAGES: &[Page] = &[
    Page {
        code: "STW-R8-PDB-TWICE",
        title: "a pod is under two disruption budgets",
        meaning: "More than one PodDisruptionBudget selects the pod, and it runs on a group that is to be drained.",
        why: "The Eviction API answers 500 (`does not support more than one`), whatever the budgets allow: the drain repeats the try until its timeout.",
        remedy: "Leave one budget over the pod: narrow the selector of the other one.",
        source: "kubernetes.io, API-initiated Eviction; Specifying a Disruption Budget for your Application",
    },
    Page {
        code: "STW-R8-DRAIN-SLOW",
        title: "a budget makes a drain slow",
        meaning: "The budget lets few of many pods go at a time. Each round takes as long as a pod takes to be Ready elsewhere.",
        why: "The drain stops after an hour, with some nodes empty and some not; nothing is lost, and the run can be resumed.",
        remedy: "Raise `maxUnavailable` for the time of the drain, with the command that the finding gives.",
        source: "kubernetes.io, Specifying a Disruption Budget for your Application",
    },
    Page {
        code: "STW-R8-TOLERATES-ALL",
        title: "a pod comes back to the nodes that are emptied",
        meaning: "The pod has a toleration without key and effect and a controller other than a DaemonSet, so the scheduler may put it back on a cordoned, tainted node.",
        why: "Evicted, it returns to the emptiest node, which is one that is being drained: the drain never ends.",
        remedy: "Give it tolerations with keys, or scale its controller to 0 for the time of the drain.",
        source: "kubernetes.io, Taints and Tolerations; 2i2c-org/infrastructure #5913 (tigera-operator)",
    },
    Page {
        code: "STW-R8-PINNED",
        title: "a pod selects nodes by a label that the new group does not carry",
        meaning: "The pod's `nodeSelector` or required affinity names a label of the old group, such as `alpha.eksctl.io/nodegroup-name`, and no group that stays carries it.",
        why: "Evicted, the pod stays Pending.",
        remedy: "Declare the label on the new group in git, or select by a label that both groups carry.",
        source: "kubernetes.io, Assigning Pods to Nodes; eksctl user guide, Nodegroups",
    },
    Page {
        code: "STW-R8-ZONES",
        title: "a volume's zone has no node of the new group",
        meaning: "The pod has a volume in a zone in which the group that takes over has no nodes.",
        why: "A block volume cannot leave its zone: evicted, the pod stays Pending.",
        remedy: "Add the zone to `availabilityZones` of the group in git, or move the data to a volume in another zone.",
        source: "Amazon EBS User Guide, volumes; kubernetes.io, Storage Classes (allowed topologies)",
    },
    Page {
        code: "STW-R8-SINGLE-REPLICA",
        title: "a service is down while its only pod moves",
        meaning: "The only pod of a controller runs on a group that is to be drained. Pods that count as activity and those without a controller are not meant.",
        why: "Between the eviction and the new pod's readiness nobody answers: seconds for a small service, minutes for a hub or a proxy.",
        remedy: "Announce it, or give services that allow it a second replica first.",
        source: "kubernetes.io, Disruptions; 2i2c-org/infrastructure, upgrade disruptions",
    },
    Page {
        code: "STW-R8-CRASH-LOOP",
        title: "a pod on a group that is to be drained does not run",
        meaning: "A container of the pod waits, for example in CrashLoopBackOff.",
        why: "It will not run on the new nodes either, and whoever looks after the drain cannot tell which of the two did it. A budget over it may allow nothing.",
        remedy: "Mend it first; its last words: `kubectl logs --previous`.",
        source: "kubernetes.io, Pod Lifecycle",
    },
    Page {
        code: "STW-R8-EMPTY-DIR",
        title: "a drain empties `emptyDir` volumes",
        meaning: "The pod has an `emptyDir` volume, and it runs on a group that is to be drained.",
        why: "Such a volume lives as long as the pod on its node: caches come back, uploads and queues do not.",
        remedy: "Nothing for a cache. Copy anything else out first: `kubectl cp`.",
        source: "kubernetes.io, Volumes (emptyDir)",
    },
];
