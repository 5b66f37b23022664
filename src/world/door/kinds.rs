//! The kinds that the door serves: names, scopes, verbs, subresources.

/// What can be asked of an ordinary kind.
const ALL: &[&str] = &[
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
];
const READ: &[&str] = &["get", "list", "watch"];
const CREATE: &[&str] = &["create"];
const STATUS: &[&str] = &["get", "patch", "update"];

/// A kind of object under its plural.
#[derive(Debug)]
pub(crate) struct Kind {
    /// The API group; empty for the core.
    pub(crate) group: &'static str,
    /// As in paths.
    pub(crate) plural: &'static str,
    pub(crate) singular: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) namespaced: bool,
    pub(crate) short: &'static [&'static str],
    pub(crate) verbs: &'static [&'static str],
    pub(crate) subs: &'static [Sub],
}

/// A subresource; its kind may be of another group.
#[derive(Debug)]
pub(crate) struct Sub {
    pub(crate) name: &'static str,
    pub(crate) group: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) verbs: &'static [&'static str],
}

const fn status(kind: &'static str) -> Sub {
    Sub {
        name: "status",
        group: "",
        kind,
        verbs: STATUS,
    }
}

const SCALE: Sub = Sub {
    name: "scale",
    group: "autoscaling",
    kind: "Scale",
    verbs: STATUS,
};

const fn kind(
    group: &'static str,
    (plural, singular, kind): (&'static str, &'static str, &'static str),
    namespaced: bool,
    short: &'static [&'static str],
    verbs: &'static [&'static str],
    subs: &'static [Sub],
) -> Kind {
    Kind {
        group,
        plural,
        singular,
        kind,
        namespaced,
        short,
        verbs,
        subs,
    }
}

/// What stands in a path after its group: the version of every group here.
pub(crate) const VERSION: &str = "v1";

/// Every kind; the position is its number in the store.
pub(crate) static KINDS: [Kind; 26] = [
    kind(
        "",
        ("nodes", "node", "Node"),
        false,
        &["no"],
        ALL,
        &[status("Node")],
    ),
    kind(
        "",
        ("namespaces", "namespace", "Namespace"),
        false,
        &["ns"],
        ALL,
        &[status("Namespace")],
    ),
    kind(
        "apps",
        ("daemonsets", "daemonset", "DaemonSet"),
        true,
        &["ds"],
        ALL,
        &[status("DaemonSet")],
    ),
    kind(
        "apps",
        ("deployments", "deployment", "Deployment"),
        true,
        &["deploy"],
        ALL,
        &[SCALE, status("Deployment")],
    ),
    kind(
        "apps",
        ("statefulsets", "statefulset", "StatefulSet"),
        true,
        &["sts"],
        ALL,
        &[SCALE, status("StatefulSet")],
    ),
    kind(
        "apps",
        ("replicasets", "replicaset", "ReplicaSet"),
        true,
        &["rs"],
        ALL,
        &[SCALE, status("ReplicaSet")],
    ),
    kind(
        "apps",
        (
            "controllerrevisions",
            "controllerrevision",
            "ControllerRevision",
        ),
        true,
        &[],
        ALL,
        &[],
    ),
    kind(
        "",
        ("pods", "pod", "Pod"),
        true,
        &["po"],
        ALL,
        &[
            Sub {
                name: "eviction",
                group: "policy",
                kind: "Eviction",
                verbs: CREATE,
            },
            status("Pod"),
        ],
    ),
    kind(
        "policy",
        (
            "poddisruptionbudgets",
            "poddisruptionbudget",
            "PodDisruptionBudget",
        ),
        true,
        &["pdb"],
        ALL,
        &[status("PodDisruptionBudget")],
    ),
    kind(
        "coordination.k8s.io",
        ("leases", "lease", "Lease"),
        true,
        &[],
        ALL,
        &[],
    ),
    kind(
        "",
        ("configmaps", "configmap", "ConfigMap"),
        true,
        &["cm"],
        ALL,
        &[],
    ),
    kind("", ("secrets", "secret", "Secret"), true, &[], ALL, &[]),
    kind(
        "",
        ("serviceaccounts", "serviceaccount", "ServiceAccount"),
        true,
        &["sa"],
        ALL,
        &[],
    ),
    kind("", ("events", "event", "Event"), true, &["ev"], ALL, &[]),
    kind(
        "",
        ("endpoints", "endpoints", "Endpoints"),
        true,
        &["ep"],
        ALL,
        &[],
    ),
    kind(
        "",
        ("services", "service", "Service"),
        true,
        &["svc"],
        ALL,
        &[status("Service")],
    ),
    kind(
        "",
        ("persistentvolumes", "persistentvolume", "PersistentVolume"),
        false,
        &["pv"],
        ALL,
        &[],
    ),
    kind(
        "",
        (
            "persistentvolumeclaims",
            "persistentvolumeclaim",
            "PersistentVolumeClaim",
        ),
        true,
        &["pvc"],
        ALL,
        &[],
    ),
    kind(
        "admissionregistration.k8s.io",
        (
            "validatingwebhookconfigurations",
            "validatingwebhookconfiguration",
            "ValidatingWebhookConfiguration",
        ),
        false,
        &[],
        ALL,
        &[],
    ),
    kind(
        "admissionregistration.k8s.io",
        (
            "mutatingwebhookconfigurations",
            "mutatingwebhookconfiguration",
            "MutatingWebhookConfiguration",
        ),
        false,
        &[],
        ALL,
        &[],
    ),
    kind(
        "apiextensions.k8s.io",
        (
            "customresourcedefinitions",
            "customresourcedefinition",
            "CustomResourceDefinition",
        ),
        false,
        &["crd", "crds"],
        READ,
        &[],
    ),
    kind(
        "discovery.k8s.io",
        ("endpointslices", "endpointslice", "EndpointSlice"),
        true,
        &[],
        ALL,
        &[],
    ),
    kind(
        "authorization.k8s.io",
        (
            "selfsubjectaccessreviews",
            "selfsubjectaccessreview",
            "SelfSubjectAccessReview",
        ),
        false,
        &[],
        CREATE,
        &[],
    ),
    kind(
        "authorization.k8s.io",
        (
            "selfsubjectrulesreviews",
            "selfsubjectrulesreview",
            "SelfSubjectRulesReview",
        ),
        false,
        &[],
        CREATE,
        &[],
    ),
    kind(
        "authentication.k8s.io",
        (
            "selfsubjectreviews",
            "selfsubjectreview",
            "SelfSubjectReview",
        ),
        false,
        &[],
        CREATE,
        &[],
    ),
    kind(
        "autoscaling",
        (
            "horizontalpodautoscalers",
            "horizontalpodautoscaler",
            "HorizontalPodAutoscaler",
        ),
        true,
        &["hpa"],
        READ,
        &[],
    ),
];

/// Groups in the order of the server's preference; the core comes first and is not listed under `/apis`.
pub(crate) const GROUPS: [&str; 9] = [
    "apps",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "policy",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
];

/// A deprecated kind: plural of the core group, and the words of its warning (kube-apiserver 1.36).
pub(crate) const DEPRECATED: [(&str, &str); 1] = [(
    "endpoints",
    "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
)];

impl Kind {
    /// Returns its number in the store.
    pub(crate) fn id(&self) -> usize {
        KINDS
            .iter()
            .position(|other| std::ptr::eq(other, self))
            .unwrap_or(KINDS.len())
    }

    /// Returns `v1`, `apps/v1`.
    pub(crate) fn api_version(&self) -> String {
        group_version(self.group)
    }

    /// Returns `nodes`, `leases.coordination.k8s.io`: how messages name it.
    pub(crate) fn qualified(&self) -> String {
        if self.group.is_empty() {
            return self.plural.to_owned();
        }
        format!("{}.{}", self.plural, self.group)
    }

    /// Returns a subresource by name.
    pub(crate) fn sub(&self, name: &str) -> Option<&'static Sub> {
        let of: &'static Kind = KINDS.get(self.id())?;
        of.subs.iter().find(|sub| sub.name == name)
    }

    /// Returns true when its status is written through a subresource only.
    pub(crate) fn has_status(&self) -> bool {
        self.sub("status").is_some()
    }

    /// Returns true when the server counts generations of it.
    pub(crate) fn has_generation(&self) -> bool {
        self.group == "apps" && self.plural != "controllerrevisions"
            || matches!(self.plural, "poddisruptionbudgets" | "pods")
    }

    /// Returns true for what `kubectl get all` shows.
    pub(crate) fn is_common(&self) -> bool {
        matches!(
            self.plural,
            "pods" | "services" | "daemonsets" | "deployments" | "replicasets" | "statefulsets"
        )
    }

    /// Returns the warning of a deprecated kind.
    pub(crate) fn deprecation(&self) -> Option<&'static str> {
        let found = DEPRECATED.iter().find(|(plural, _)| *plural == self.plural);
        found
            .map(|(_, words)| *words)
            .filter(|_| self.group.is_empty())
    }
}

/// Returns `v1`, `apps/v1`.
pub(crate) fn group_version(group: &str) -> String {
    if group.is_empty() {
        return VERSION.to_owned();
    }
    format!("{group}/{VERSION}")
}

/// Returns the kind under a plural of a group.
pub(crate) fn find(group: &str, plural: &str) -> Option<&'static Kind> {
    KINDS
        .iter()
        .find(|kind| kind.group == group && kind.plural == plural)
}

/// Returns a kind of the door's own by its name; for kinds that this module lists.
pub(crate) fn of(kind: &str) -> &'static Kind {
    let found = KINDS.iter().find(|one| one.kind == kind);
    found.unwrap_or(&KINDS[0])
}
