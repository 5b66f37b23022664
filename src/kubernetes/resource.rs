//! What is asked for: resources, objects, and which of them.

/// A resource of the API. Versions are those that 1.34 to 1.36 serve (Kubernetes deprecation guide, 2026-11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resource {
    /// The API group; empty for the core.
    pub group: &'static str,
    /// The version in the group.
    pub version: &'static str,
    /// The plural, as in paths and in roles.
    pub plural: &'static str,
    /// The kind of its objects; a list of them has this kind and `List`.
    pub kind: &'static str,
    /// True when its objects are in namespaces.
    pub namespaced: bool,
}

const fn core(plural: &'static str, kind: &'static str, namespaced: bool) -> Resource {
    of("", plural, kind, namespaced)
}

const fn of(
    group: &'static str,
    plural: &'static str,
    kind: &'static str,
    namespaced: bool,
) -> Resource {
    Resource {
        group,
        version: "v1",
        plural,
        kind,
        namespaced,
    }
}

impl Resource {
    /// Nodes.
    pub const NODES: Self = core("nodes", "Node", false);
    /// Pods.
    pub const PODS: Self = core("pods", "Pod", true);
    /// Namespaces.
    pub const NAMESPACES: Self = core("namespaces", "Namespace", false);
    /// Services.
    pub const SERVICES: Self = core("services", "Service", true);
    /// Config maps.
    pub const CONFIG_MAPS: Self = core("configmaps", "ConfigMap", true);
    /// Volumes.
    pub const VOLUMES: Self = core("persistentvolumes", "PersistentVolume", false);
    /// Claims on volumes.
    pub const CLAIMS: Self = core("persistentvolumeclaims", "PersistentVolumeClaim", true);
    /// Daemon sets.
    pub const DAEMON_SETS: Self = of("apps", "daemonsets", "DaemonSet", true);
    /// Deployments.
    pub const DEPLOYMENTS: Self = of("apps", "deployments", "Deployment", true);
    /// Replica sets.
    pub const REPLICA_SETS: Self = of("apps", "replicasets", "ReplicaSet", true);
    /// Disruption budgets.
    pub const BUDGETS: Self = of(
        "policy",
        "poddisruptionbudgets",
        "PodDisruptionBudget",
        true,
    );
    /// Leases.
    pub const LEASES: Self = of("coordination.k8s.io", "leases", "Lease", true);
    /// Webhooks that change objects.
    pub const MUTATING_WEBHOOKS: Self = of(
        "admissionregistration.k8s.io",
        "mutatingwebhookconfigurations",
        "MutatingWebhookConfiguration",
        false,
    );
    /// Webhooks that judge objects.
    pub const VALIDATING_WEBHOOKS: Self = of(
        "admissionregistration.k8s.io",
        "validatingwebhookconfigurations",
        "ValidatingWebhookConfiguration",
        false,
    );
    /// What one may do oneself.
    pub const ACCESS_REVIEWS: Self = of(
        "authorization.k8s.io",
        "selfsubjectaccessreviews",
        "SelfSubjectAccessReview",
        false,
    );

    /// Returns the path of all objects, in one namespace or in all.
    pub fn path(self, namespace: Option<&str>) -> String {
        let root = if self.group.is_empty() {
            format!("/api/{}", self.version)
        } else {
            format!("/apis/{}/{}", self.group, self.version)
        };
        match namespace {
            Some(namespace) if self.namespaced => {
                format!("{root}/namespaces/{}/{}", segment(namespace), self.plural)
            }
            Some(_) | None => format!("{root}/{}", self.plural),
        }
    }
}

/// One object, or a subresource of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object<'a> {
    /// Its resource.
    pub resource: Resource,
    /// Its namespace; empty for cluster-scoped ones.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
}

impl<'a> Object<'a> {
    /// Returns a cluster-scoped object.
    pub const fn of(resource: Resource, name: &'a str) -> Self {
        Self {
            resource,
            namespace: "",
            name,
        }
    }

    /// Returns an object in a namespace.
    pub const fn within(resource: Resource, namespace: &'a str, name: &'a str) -> Self {
        Self {
            resource,
            namespace,
            name,
        }
    }

    /// Returns its path.
    pub fn path(&self) -> String {
        let within = (!self.namespace.is_empty()).then_some(self.namespace);
        format!("{}/{}", self.resource.path(within), segment(self.name))
    }

    /// Returns `daemonsets kube-system/aws-node`.
    pub fn shown(&self) -> String {
        if self.namespace.is_empty() {
            format!("{} `{}`", self.resource.plural, self.name)
        } else {
            format!(
                "{} `{}/{}`",
                self.resource.plural, self.namespace, self.name
            )
        }
    }
}

/// Which objects of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    /// By labels: `component=web,tier!=db`; empty for all.
    pub labels: String,
    /// By fields: `spec.nodeName=n`; empty for all.
    pub fields: String,
}

impl Selector {
    /// Returns the selector of all objects.
    pub fn all() -> Self {
        Self::default()
    }

    /// Returns a selector by a field.
    pub fn field(name: &str, value: &str) -> Self {
        Self {
            labels: String::new(),
            fields: format!("{name}={value}"),
        }
    }

    /// Returns a selector by labels.
    pub fn labels(labels: impl Into<String>) -> Self {
        Self {
            labels: labels.into(),
            fields: String::new(),
        }
    }
}

/// A part of a path: names come from the cluster, and a slash in one must not lead elsewhere.
fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b':') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    // A dot segment would be resolved away.
    if out.chars().all(|c| c == '.') {
        out = out.replace('.', "%2E");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_names_in_paths() {
        let rows = [
            ("web", "/api/v1/namespaces/default/pods/web"),
            ("../secrets", "/api/v1/namespaces/default/pods/..%2Fsecrets"),
            ("..", "/api/v1/namespaces/default/pods/%2E%2E"),
            ("a?watch=1", "/api/v1/namespaces/default/pods/a%3Fwatch%3D1"),
        ];
        for (name, path) in rows {
            assert_eq!(Object::within(Resource::PODS, "default", name).path(), path);
        }
        assert_eq!(
            Resource::LEASES.path(Some("kube-system")),
            "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"
        );
        assert_eq!(Object::of(Resource::NODES, "n").path(), "/api/v1/nodes/n");
    }
}
