//! The rules that every plan obeys.

use super::Page;

const SKEW: &str = "kubernetes.io, Version Skew Policy";

pub(super) static PAGES: &[Page] = &[
    Page {
        code: "R1",
        title: "a control plane moves one minor at a time, from rest",
        meaning: "A hop takes the control plane from one minor to the next, and starts only when the cluster is ACTIVE and no update is in progress. Mandatory.",
        why: "Kubernetes does not support skipping minors of the API server. EKS answers `Unsupported Kubernetes minor version update`, and takes one update of a cluster at a time.",
        remedy: "Nothing: a plan over several minors holds one hop for each. When an update is in progress, wait for its end and plan again.",
        source: "kubernetes.io, Version Skew Policy; Amazon EKS User Guide, Update existing cluster to new Kubernetes version",
    },
    Page {
        code: "R2",
        title: "a kubelet is never newer than its API server, and at most 3 minors older",
        meaning: "Below 1.25 a kubelet may be at most 2 minors older. The same bounds hold for kube-proxy. Every node counts, and what an empty group would boot. Mandatory.",
        why: "Outside these bounds a node may fail to register or misread the API; a 1.31 kubelet under an older API server fails outright (kubernetes/kubernetes #127316). An order of steps that takes nodes ahead of the control plane is therefore refused, though EKS may let it start.",
        remedy: "Let nodes lag and replace them once before the hop that would break the bound; that is what `policy.nodes: batch` plans.",
        source: SKEW,
    },
    Page {
        code: "R3",
        title: "managed nodegroups are created at the control plane's version only",
        meaning: "A self-managed group may be created at any version that R2 allows; a managed one only at the version that the control plane has at that moment. Mandatory.",
        why: "EKS accepts no other version in CreateNodegroup. A deleted managed group therefore cannot come back at its old version.",
        remedy: "Nothing: the plan creates managed groups after the hop.",
        source: "Amazon EKS API Reference, CreateNodegroup",
    },
    Page {
        code: "R4",
        title: "Amazon Linux 2 ends at 1.32",
        meaning: "A group that git still declares as AL2, or with a shell bootstrap and no NodeConfig, blocks the way to 1.33. Mandatory.",
        why: "EKS publishes no AL2 images for 1.33 and later, and the AMI family of a group cannot be changed in place.",
        remedy: "Declare `amiFamily: AmazonLinux2023` or `Bottlerocket`, and move `bootstrap.sh` settings to a `NodeConfig`. The plan then swaps the group.",
        source: "Amazon EKS User Guide, Amazon Linux 2 AMI deprecation",
    },
    Page {
        code: "R5",
        title: "going down is a rollback, never an upgrade",
        meaning: "When git asks for an older minor than live, nothing is done unless a rollback plan was asked for. A rollback goes exactly one minor down, within 7 days of the upgrade, nodes first. Mandatory.",
        why: "EKS takes a control plane back only inside that window and only to the minor it came from. etcd is not rolled back: objects written since stay. An update that EKS reverted by itself after a failure is not a rollback.",
        remedy: "Raise the version in git, or run `stairway rollback` for a rollback plan.",
        source: "Amazon EKS User Guide, Roll back a cluster's Kubernetes version",
    },
    Page {
        code: "R6",
        title: "a hop goes only to a version that EKS supports on that day",
        meaning: "A target out of support is refused. A live version out of support is a warning, since the way up stays open; extended support is priced and named.",
        why: "EKS does not offer a version whose extended support ended, and upgrades clusters by itself when their support ends.",
        remedy: "Choose a target inside standard support.",
        source: "Amazon EKS User Guide, Understand the Kubernetes version lifecycle on EKS",
    },
    Page {
        code: "R7",
        title: "the new group is proven before the old one is touched",
        meaning: "A swap creates, verifies, taints, drains, bakes, rechecks and only then deletes. It never deletes the last core group, nor a group that the same plan created. Mandatory.",
        why: "A group deleted too early takes its pods with it, and a managed group cannot come back at its old version.",
        remedy: "When the last core group is named: declare another group that carries the core label, and plan again.",
        source: "stairway; the eksctl user guide, Nodegroups, describes the swap by hand",
    },
    Page {
        code: "R8",
        title: "what would stop a step is looked for before it starts",
        meaning: "Removed APIs in use, insights in ERROR, budgets and bare pods that would stop a drain, missing addresses, quota or capacity: each holds back the step that it would break. A waiver in the fleet file lifts it.",
        why: "Found half-way, each of these leaves the cluster between two versions.",
        remedy: "Mend the cause that the finding names, or write a waiver with a reason, an owner and a last day.",
        source: "Amazon EKS User Guide, Prepare for Kubernetes version upgrades and troubleshoot misconfigurations with cluster insights",
    },
    Page {
        code: "R9",
        title: "add-ons move at the right side of the hop, to exact versions",
        meaning: "An add-on that does not suit the next minor moves first, to a version that suits both; the others after the hop and its bake, kube-proxy among them, then the nodes. vpc-cni moves one of its minors per step. A rollback reverses all of it.",
        why: "`latest` and an omitted version mean different things to eksctl, EKS and git, and a kube-proxy newer than the API server breaks R2.",
        remedy: "Nothing, as long as EKS offers a version that suits both minors. Else see the finding's edit.",
        source: "Amazon EKS User Guide, Amazon EKS add-ons; Amazon EKS API Reference, DescribeAddonVersions",
    },
    Page {
        code: "R13",
        title: "pods leave only through the Eviction API",
        meaning: "No drain bypasses budgets. Disabling eviction, force, overwriting an add-on and forced deletes happen only where an approved step names them. A drain that times out stops the run. Mandatory.",
        why: "Deleting pods directly ignores the budgets that their owners wrote.",
        remedy: "When a drain stops: free the pod and the budget that the message names, then `stairway apply PLAN --resume`.",
        source: "kubernetes.io, API-initiated Eviction; Safely Drain a Node",
    },
];
