//! What a disruption budget allows: the arithmetic of Kubernetes' disruption controller.

use super::{Known, Pdb, Pod};

impl Pdb {
    /// Returns true when the budget is known to count `pod`. An empty selector of `policy/v1` counts
    /// every pod of its namespace, and no selector none.
    pub fn covers(&self, pod: &Pod) -> bool {
        self.namespace == pod.namespace
            && self.selector.value().is_some_and(|selector| {
                let mut pairs = selector.iter();
                pairs.all(|(key, value)| pod.labels.get(key) == Some(value))
            })
    }

    /// Returns true when nobody knows whether the budget counts `pod`.
    pub fn may_cover(&self, pod: &Pod) -> bool {
        self.namespace == pod.namespace && self.selector.is_unknown()
    }

    /// Returns `namespace/name`.
    pub fn key(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// Returns how many pods must stay healthy (`status.desiredHealthy`); none when that is not known.
    ///
    /// Percentages are of the pods that the budget counts and are rounded up, both of them
    /// (kubernetes/kubernetes, pkg/controller/disruption, `getExpectedPodCount`).
    pub fn needs(&self) -> Option<u32> {
        if let Known::Value(text) = &self.min_available {
            return amount(text, self.expected.value().copied());
        }
        let expected = *self.expected.value()?;
        let gone = amount(self.max_unavailable.value()?, Some(expected))?;
        Some(expected.saturating_sub(gone))
    }

    /// Returns how many pods may go now: as EKS read it, or from its other facts; none when that is not known.
    pub fn allows(&self) -> Option<u32> {
        if let Known::Value(allowed) = &self.allowed {
            return Some(*allowed);
        }
        Some(self.healthy.value()?.saturating_sub(self.needs()?))
    }

    /// Returns true when no pod could go even if all were healthy; none when that is not known.
    pub fn never_allows(&self) -> Option<bool> {
        if let Known::Value(text) = &self.max_unavailable
            && !matches!(self.min_available, Known::Value(_))
        {
            return Some(text.trim_end_matches('%').parse() == Ok(0_u32));
        }
        Some(self.needs()? >= *self.expected.value()?)
    }

    /// Returns true when a pod that does not run may be evicted without drawing on the budget:
    /// enough others run, or the budget says so (`unhealthyPodEvictionPolicy`).
    pub fn lets_ill_pods_go(&self) -> bool {
        let enough = self.healthy.value().zip(self.needs());
        self.evicts_unhealthy == Known::Value(true)
            || self.allows().is_some_and(|allowed| allowed > 0)
            || enough.is_some_and(|(healthy, needs)| needs > 0 && *healthy >= needs)
    }

    /// Returns the budget with the status that these pods give it, where it leaves that open.
    ///
    /// A budget of which only `allowed` is told gets the `minAvailable` that says so.
    pub fn with_status_of(mut self, pods: &[Pod]) -> Self {
        let counted: Vec<&Pod> = pods.iter().filter(|pod| self.covers(pod)).collect();
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let healthy = counted.iter().filter(|pod| pod.is_healthy()).count();
        if self.expected.is_unknown() {
            self.expected = Known::Value(number(counted.len()));
        }
        if self.healthy.is_unknown() {
            self.healthy = Known::Value(number(healthy));
        }
        if self.evicts_unhealthy.is_unknown() {
            self.evicts_unhealthy = Known::Value(false);
        }
        if self.min_available.is_unknown() && self.max_unavailable.is_unknown() {
            if let (Known::Value(allowed), Known::Value(healthy)) = (&self.allowed, &self.healthy) {
                let kept = healthy.saturating_sub(*allowed);
                self.min_available = Known::Value(kept.to_string());
                self.max_unavailable = Known::Absent;
            }
        } else if self.min_available.is_unknown() {
            self.min_available = Known::Absent;
        } else if self.max_unavailable.is_unknown() {
            self.max_unavailable = Known::Absent;
        }
        if self.allowed.is_unknown()
            && let Some(allowed) = self.allows()
        {
            self.allowed = Known::Value(allowed);
        }
        self
    }
}

impl Pod {
    /// Returns true for a pod whose phase is Pending: it has no node, or none of it has started there.
    ///
    /// The Eviction API deletes such a pod without asking a budget (kubernetes/kubernetes,
    /// pkg/registry/core/pod/storage/eviction.go, `canIgnorePDB`).
    pub fn is_pending(&self) -> bool {
        self.node.is_none()
            || self
                .waiting
                .as_deref()
                .is_some_and(|why| NOT_STARTED.contains(&why))
    }

    /// Returns true for a pod that runs, as far as is known.
    pub const fn is_healthy(&self) -> bool {
        self.node.is_some() && self.waiting.is_none()
    }
}

/// Why containers wait that have not run yet (kubernetes/kubernetes, pkg/kubelet/images and
/// pkg/kubelet/kuberuntime); CrashLoopBackOff has run before.
const NOT_STARTED: [&str; 9] = [
    "ContainerCreating",
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImageInspectError",
    "ImagePullBackOff",
    "InvalidImageName",
    "PodInitializing",
];

/// Reads `3` or `25%` of `whole`, rounded up.
fn amount(text: &str, whole: Option<u32>) -> Option<u32> {
    let Some(percent) = text.strip_suffix('%') else {
        return text.parse().ok();
    };
    let percent: u64 = percent.parse().ok()?;
    let parts = u64::from(whole?).saturating_mul(percent).div_ceil(100);
    u32::try_from(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn budgets_count_as_the_disruption_controller_does() {
        // sentence | budget | needs, allows, never allows
        let table = [
            (
                "one of one must stay",
                json!({"min_available": "1", "expected": 1, "healthy": 1}),
                (Some(1), Some(0), Some(true)),
            ),
            (
                "one of two must stay",
                json!({"min_available": "1", "expected": 2, "healthy": 2}),
                (Some(1), Some(1), Some(false)),
            ),
            (
                "half of three is two, rounded up",
                json!({"min_available": "50%", "expected": 3, "healthy": 3}),
                (Some(2), Some(1), Some(false)),
            ),
            (
                "99% of three is all three",
                json!({"min_available": "99%", "expected": 3, "healthy": 3}),
                (Some(3), Some(0), Some(true)),
            ),
            (
                "none may go",
                json!({"max_unavailable": "0", "expected": 3, "healthy": 3}),
                (Some(3), Some(0), Some(true)),
            ),
            (
                "none may go, in percent and without a status",
                json!({"max_unavailable": "0%"}),
                (None, None, Some(true)),
            ),
            (
                "a percent of three is one, rounded up",
                json!({"max_unavailable": "1%", "expected": 3, "healthy": 3}),
                (Some(2), Some(1), Some(false)),
            ),
            (
                "two are down already",
                json!({"max_unavailable": "1", "expected": 3, "healthy": 1}),
                (Some(2), Some(0), Some(false)),
            ),
            (
                "what was read counts before what follows",
                json!({"allowed": 2, "min_available": "1", "expected": 2, "healthy": 2}),
                (Some(1), Some(2), Some(false)),
            ),
            (
                "only the answer was read",
                json!({"allowed": 0}),
                (None, Some(0), None),
            ),
            ("nothing was read", json!({}), (None, None, None)),
            (
                "nonsense is not known",
                json!({"min_available": "some", "expected": 2, "healthy": 2}),
                (None, None, None),
            ),
        ];
        for (sentence, mut value, wanted) in table {
            value["namespace"] = json!("prod");
            value["name"] = json!("hub");
            let budget: Pdb = serde_json::from_value(value).expect("a budget");
            let found = (budget.needs(), budget.allows(), budget.never_allows());
            assert_eq!(found, wanted, "{sentence}");
        }
    }

    #[test]
    fn a_status_follows_from_the_pods() {
        let pod = |name: &str, waiting: Option<&str>| Pod {
            namespace: "prod".to_owned(),
            name: name.to_owned(),
            node: Some("n".to_owned()),
            waiting: waiting.map(str::to_owned),
            ..Pod::default()
        };
        let pods = [
            pod("a", None),
            pod("b", None),
            pod("c", Some("CrashLoopBackOff")),
        ];
        let bare = Pdb {
            namespace: "prod".to_owned(),
            name: "all".to_owned(),
            selector: Known::Value(std::collections::BTreeMap::new()),
            ..Pdb::default()
        };
        let told = Pdb {
            allowed: Known::Value(1),
            ..bare.clone()
        }
        .with_status_of(&pods);
        assert_eq!(
            (told.expected.value(), told.healthy.value()),
            (Some(&3), Some(&2))
        );
        assert_eq!(told.needs(), Some(1), "two run, one may go");
        let counted = Pdb {
            max_unavailable: Known::Value("2".to_owned()),
            ..bare
        }
        .with_status_of(&pods);
        assert_eq!(
            counted.allowed,
            Known::Value(1),
            "one of the two is down already"
        );
    }
}
