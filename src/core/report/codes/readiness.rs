//! Findings about what would stop a step half-way.

use super::Page;

pub(super) static PAGES: &[Page] = &[
    Page {
        code: "STW-R8-INSIGHT",
        title: "an EKS upgrade insight is in ERROR",
        meaning: "EKS found something that breaks at the next minor, such as requests to a removed API.",
        why: "EKS may refuse the update with `Upgrade readiness issues detected`, and what it found will break.",
        remedy: "Do what the insight recommends: `aws eks describe-insight`. An API insight looks back 30 days, so it clears that long after the last request at the latest.",
        source: "Amazon EKS User Guide, Prepare for Kubernetes version upgrades and troubleshoot misconfigurations with cluster insights",
    },
    Page {
        code: "STW-R8-PDB",
        title: "a disruption budget would stop a drain",
        meaning: "The budget allows no disruption now, and it covers pods on a group that is to be drained.",
        why: "Evictions are refused until the budget allows one; the drain runs into its timeout and the run stops.",
        remedy: "Add a replica, or raise `maxUnavailable`, for the time of the drain.",
        source: "kubernetes.io, Specifying a Disruption Budget for your Application",
    },
    Page {
        code: "STW-R8-BARE-POD",
        title: "a pod without a controller would be lost",
        meaning: "The pod runs on a group that is to be drained, and nothing would start it again.",
        why: "An evicted bare pod is gone.",
        remedy: "Let its owner stop it, or put it under a Deployment, StatefulSet or Job.",
        source: "kubernetes.io, Safely Drain a Node; kubectl drain",
    },
    Page {
        code: "STW-R8-QUOTA",
        title: "a quota does not cover the peak of a swap",
        meaning: "Old and new groups exist side by side for a while, and together they exceed a quota, such as managed nodegroups per cluster.",
        why: "The creation would fail half-way through the fleet of groups.",
        remedy: "Ask for a higher quota in Service Quotas, or remove groups that nobody uses.",
        source: "Amazon EKS User Guide, Amazon EKS service quotas",
    },
    Page {
        code: "STW-R8-CAPACITY",
        title: "the new group may not hold the pods that move",
        meaning: "Requests, pods per node, zones of volumes, labels, taints or architecture of the new group do not fit the pods of the old one.",
        why: "Evicted pods would stay Pending.",
        remedy: "Raise `maxSize`, choose a larger instance type, or add the zone, label or toleration that the finding names.",
        source: "kubernetes.io, Assigning Pods to Nodes; Node-specific Volume Limits",
    },
    Page {
        code: "STW-R8-ADDRESSES",
        title: "a subnet has too few free addresses",
        meaning: "A control-plane upgrade needs up to 5 free addresses in the cluster's subnets; new nodes and their pods need more.",
        why: "The update fails with `InsufficientFreeAddresses` or `IpNotAvailable`, or nodes stay NotReady.",
        remedy: "Free addresses, or add subnets to the cluster.",
        source: "Amazon EKS User Guide, Update existing cluster to new Kubernetes version",
    },
    Page {
        code: "STW-R8-REMOVED-API",
        title: "an API that the next minor removes is in use",
        meaning: "Objects or requests use an API version that the target no longer serves.",
        why: "Clients and controllers that use it get errors from the hop on.",
        remedy: "Move manifests and clients to the replacement that the finding names, and look for the user agent that still asks for it.",
        source: "kubernetes.io, Deprecated API Migration Guide",
    },
    Page {
        code: "STW-R8-NOT-ASSESSED",
        title: "readiness could not be assessed",
        meaning: "Facts that a readiness check needs were not recorded: pods, budgets, insights, quotas or subnets.",
        why: "The plan is not wrong, but nobody looked. `apply` reads these facts before the step, and stops if they are bad.",
        remedy: "Observe with an identity that may read them, and plan again.",
        source: "stairway, rule R8",
    },
    Page {
        code: "STW-R9-ADDON",
        title: "an add-on has no version that suits the way",
        meaning: "EKS offers no version of the add-on that works on both minors of a hop, or the declared version does not suit the target.",
        why: "An add-on of the network or of DNS that does not suit the API server takes the cluster down.",
        remedy: "Declare the version that the finding names, or remove the version to let stairway choose.",
        source: "Amazon EKS API Reference, DescribeAddonVersions",
    },
];
