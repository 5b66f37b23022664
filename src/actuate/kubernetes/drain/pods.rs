//! Pods as a drain sees them: which must leave, and what became of each.

use crate::actuate::kubernetes::nodes::text;
use crate::kubernetes::{CallError, Listed, Reads, Resource, Selector};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// By this annotation a kubelet marks what stands for a static pod (kubernetes/kubectl, pkg/drain/filters.go).
const MIRROR: &str = "kubernetes.io/config.mirror";

/// Returns the pods on a node.
pub(super) fn on(reads: &Reads, node: &str) -> Result<Listed, CallError> {
    reads.list(
        Resource::PODS,
        None,
        &Selector::field("spec.nodeName", node),
    )
}

/// Returns `namespace/name`.
pub(super) fn key_of(pod: &Value) -> String {
    format!(
        "{}/{}",
        text(pod, "/metadata/namespace"),
        text(pod, "/metadata/name")
    )
}

fn controller(pod: &Value) -> Option<&str> {
    let owners = pod.pointer("/metadata/ownerReferences")?.as_array()?;
    let by = owners
        .iter()
        .find(|owner| owner.get("controller") == Some(&Value::Bool(true)))?;
    by.get("kind").and_then(Value::as_str)
}

/// Returns true for a pod that a drain leaves alone: a daemon's, which its DaemonSet would make again, what stands
/// for a static pod, and one that did its work.
pub(super) fn stays(pod: &Value) -> bool {
    let mirror = pod
        .pointer("/metadata/annotations")
        .is_some_and(|annotations| annotations.get(MIRROR).is_some());
    mirror || is_finished(pod) || matches!(controller(pod), Some("DaemonSet" | "Node"))
}

/// Its containers run no more and nothing of it is lost that a node's end would keep.
fn is_finished(pod: &Value) -> bool {
    matches!(text(pod, "/status/phase"), "Succeeded" | "Failed")
}

fn is_leaving(pod: &Value) -> bool {
    !text(pod, "/metadata/deletionTimestamp").is_empty()
}

/// Returns true for a pod that nobody would make again.
pub(super) fn is_bare(pod: &Value) -> bool {
    !stays(pod) && !is_leaving(pod) && controller(pod).is_none()
}

/// Why a pod has not left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    /// A budget allows no eviction (429), in the server's words.
    Budget(String),
    /// Several budgets guard it, and the server evicts no such pod (500).
    Budgets(String),
    /// The server did not answer, or was busy.
    Delayed(String),
    /// The server does not take the request.
    Refused(String),
}

impl Hold {
    /// Returns true when asking again can help.
    pub(super) const fn is_passing(&self) -> bool {
        match self {
            // A person may take one of two budgets away while the drain waits.
            Self::Budget(_) | Self::Budgets(_) | Self::Delayed(_) => true,
            Self::Refused(_) => false,
        }
    }

    pub(super) fn words(&self) -> &str {
        match self {
            Self::Budget(why) | Self::Budgets(why) | Self::Delayed(why) | Self::Refused(why) => why,
        }
    }

    const fn is_by_budget(&self) -> bool {
        matches!(self, Self::Budget(_) | Self::Budgets(_))
    }
}

/// A pod that must leave.
#[derive(Clone, Debug)]
pub(super) struct Leaver {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) bare: bool,
    /// Its end has begun, by us or by others: since how much was waited, and its grace in seconds.
    pub(super) ends: Option<(Duration, u64)>,
    pub(super) finalizers: Vec<String>,
    pub(super) hold: Option<Hold>,
    /// That it is late was said.
    pub(super) told_late: bool,
}

impl Leaver {
    /// Reads a pod; none for one that stays.
    pub(super) fn read(pod: &Value, waited: Duration) -> Option<Self> {
        if stays(pod) {
            return None;
        }
        let labels = pod
            .pointer("/metadata/labels")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
        let mut leaver = Self {
            namespace: text(pod, "/metadata/namespace").to_owned(),
            name: text(pod, "/metadata/name").to_owned(),
            labels: labels.collect(),
            bare: is_bare(pod),
            ends: None,
            finalizers: Vec::new(),
            hold: None,
            told_late: false,
        };
        leaver.learn(pod, waited);
        Some(leaver)
    }

    /// Learns from a newer look at the same pod.
    pub(super) fn learn(&mut self, pod: &Value, waited: Duration) {
        let finalizers = pod
            .pointer("/metadata/finalizers")
            .and_then(Value::as_array);
        self.finalizers = finalizers
            .into_iter()
            .flatten()
            .filter_map(|one| one.as_str().map(str::to_owned))
            .collect();
        if is_leaving(pod) {
            let grace = pod.pointer("/metadata/deletionGracePeriodSeconds");
            let grace = grace.and_then(Value::as_u64).unwrap_or_default();
            let since = self.ends.map_or(waited, |(since, _)| since);
            self.ends = Some((since, grace));
            self.hold = None;
        }
    }

    pub(super) fn key(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// Returns for how long it is there after its grace, if it is.
    pub(super) fn late(&self, waited: Duration) -> Option<Duration> {
        let (since, grace) = self.ends?;
        waited
            .saturating_sub(since)
            .checked_sub(Duration::from_secs(grace))
    }

    /// Returns it as one that did not leave; `blind` says why the last look gave no picture.
    pub(super) fn left(&self, node: &str, waited: Duration, blind: Option<&str>) -> Left {
        let late = self.late(waited).is_some_and(|late| !late.is_zero());
        let why = match (&self.hold, self.ends) {
            (Some(hold), _) if blind.is_none() || hold.is_by_budget() => {
                hold.words().trim_end_matches('.').to_owned()
            }
            (Some(_), _) | (None, Some(_)) if blind.is_some() => format!(
                "not seen any more, it may have gone: {}",
                blind.unwrap_or_default().trim_end_matches('.')
            ),
            (Some(hold), _) => hold.words().trim_end_matches('.').to_owned(),
            (None, Some((_, grace))) if late => {
                let mut why = format!("it is still terminating after its grace of {grace} s");
                if !self.finalizers.is_empty() {
                    let all = self.finalizers.join(", ");
                    why.push_str(&format!(" and has the finalizers {all}"));
                }
                why
            }
            (None, Some(_)) => "it is terminating".to_owned(),
            (None, None) => "it was not asked to leave yet".to_owned(),
        };
        Left {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            node: node.to_owned(),
            labels: self.labels.clone(),
            by_budget: self.hold.as_ref().is_some_and(Hold::is_by_budget),
            budgets: Vec::new(),
            why,
        }
    }
}

/// A pod that a drain did not get rid of.
#[derive(Clone, Debug)]
pub(super) struct Left {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) node: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) by_budget: bool,
    /// The budgets that count it, `namespace/name`.
    pub(super) budgets: Vec<String>,
    pub(super) why: String,
}

impl Left {
    /// Those first that budgets hold.
    pub(super) fn order(&self) -> (bool, &str, &str, &str) {
        (!self.by_budget, &self.node, &self.namespace, &self.name)
    }

    /// Returns why it is there, as the end of a sentence about it.
    fn reason(&self) -> String {
        if self.budgets.is_empty() {
            return format!(" ({})", self.why);
        }
        let plural = if self.budgets.len() == 1 { "" } else { "s" };
        let budgets: Vec<String> = self.budgets.iter().map(|key| format!("`{key}`")).collect();
        format!(
            ", held by the disruption budget{plural} {} ({})",
            budgets.join(" and "),
            self.why
        )
    }
}

/// Returns the pods in words, those that are left for one reason together: an API server that is away gives all of
/// them the same. At most `names_max` are named, and the others counted.
pub(super) fn in_words(pods: &[Left], names_max: usize) -> String {
    let mut alike: Vec<(String, Vec<String>)> = Vec::new();
    for pod in pods {
        let name = format!("`{}/{}` on node `{}`", pod.namespace, pod.name, pod.node);
        let reason = pod.reason();
        match alike.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, names)) => names.push(name),
            None => alike.push((reason, vec![name])),
        }
    }
    let (mut parts, mut room, mut unnamed) = (Vec::new(), names_max, 0);
    for (reason, names) in &alike {
        let shown = names.get(..room.min(names.len())).unwrap_or_default();
        room -= shown.len();
        if shown.is_empty() {
            unnamed += names.len();
            continue;
        }
        let more = match names.len() - shown.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let each = if names.len() > 1 { ", each" } else { "" };
        parts.push(format!("{}{more}{each}{reason}", shown.join(", ")));
    }
    if unnamed > 0 {
        parts.push(format!("and {unnamed} more"));
    }
    parts.join("; ")
}
