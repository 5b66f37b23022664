//! Admission webhooks whose pods a drain takes away: while nobody answers, no pod starts.

use super::Exodus;
use super::findings::{bounded, objects, some};
use super::remedies::more;
use crate::model::{Known, Observation, Pod, Webhook, shell_word as word};
use crate::plan::draft::{Draft, finding};
use crate::plan::wire::{Finding, Severity};
use std::collections::BTreeMap;

const SOURCE: &str =
    "Kubernetes, Dynamic Admission Control: failure policy; EKS Best Practices, admission webhooks";

/// What a drain and a new node ask the API server for: group, resource, subresource, and what
/// happens while a webhook of it refuses.
static NEEDED: [(&str, &str, &str, &str); 4] = [
    ("", "pods", "", "no pod starts anywhere"),
    ("", "pods", "eviction", "no pod can be evicted"),
    ("", "nodes", "", "no node registers"),
    (
        "coordination.k8s.io",
        "leases",
        "",
        "nodes cannot say that they live",
    ),
];

/// A webhook that refuses while nobody answers it, of whose pods something is known.
struct Gate<'a> {
    webhook: &'a Webhook,
    /// `namespace/service`.
    service: String,
    stops: Vec<&'static str>,
    /// The pods behind its service that run.
    behind: Vec<&'a Pod>,
    /// Its service selects pods at all, and exists.
    found: Found,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Service,
    NoService,
}

impl<'a> Gate<'a> {
    /// Returns nothing for a webhook that lets through what it cannot judge, that is asked outside
    /// of the cluster, or of whose pods nobody knows.
    fn of(observed: &'a Observation, webhook: &'a Webhook) -> Option<Self> {
        if !webhook.fails_closed || observed.pods.is_unknown() {
            return None;
        }
        let (namespace, service) = (webhook.namespace.as_ref()?, webhook.service.as_ref()?);
        let stops: Vec<&str> = NEEDED
            .iter()
            .filter(|(group, resource, sub, _)| webhook.is_asked_about(group, resource, sub))
            .map(|(.., stops)| *stops)
            .collect();
        if stops.is_empty() {
            return None;
        }
        let (found, behind) = match &webhook.selector {
            Known::Unknown(_) => return None,
            Known::Absent => (Found::NoService, Vec::new()),
            // Whoever answers behind a Service without a selector is written down by hand.
            Known::Value(labels) if labels.is_empty() => return None,
            Known::Value(labels) => {
                let chosen = |pod: &&Pod| {
                    let mut pairs = labels.iter();
                    pod.namespace == *namespace
                        && pod.is_healthy()
                        && pairs.all(|(key, value)| pod.labels.get(key) == Some(value))
                };
                let pods = observed.pods.items().iter();
                (Found::Service, pods.filter(chosen).collect())
            }
        };
        Some(Self {
            webhook,
            service: format!("{namespace}/{service}"),
            stops,
            behind,
            found,
        })
    }

    /// While it is down, its own pods cannot start either.
    fn holds_itself(&self) -> bool {
        let webhook = self.webhook;
        let own_left_out = webhook.namespace.as_deref() == Some("kube-system")
            && webhook.excludes_kube_system == Known::Value(true);
        webhook.is_asked_about("", "pods", "") && !webhook.narrowed && !own_left_out
    }

    /// Its judgement, where it sees everything that it is asked about.
    fn severity(&self) -> Severity {
        if self.holds_itself() {
            Severity::Blocking
        } else {
            Severity::Warning
        }
    }

    fn name(&self) -> String {
        format!(
            "The {} webhook `{}` of `{}` (service `{}`) fails closed",
            self.webhook.kind.to_lowercase(),
            self.webhook.name,
            self.webhook.configuration,
            self.service
        )
    }

    /// What its rules stop, and for whom.
    fn consequence(&self) -> String {
        let mut stops: Vec<String> = self.stops.iter().map(|s| (*s).to_owned()).collect();
        let everywhere = self.webhook.excludes_kube_system == Known::Value(false);
        if let Some(first) = stops
            .first_mut()
            .filter(|_| everywhere && !self.webhook.narrowed)
            && self.webhook.is_asked_about("", "pods", "")
        {
            first.push_str(" (kube-system included, so new nodes do not become Ready)");
        }
        let narrowed = if self.webhook.narrowed {
            ", as far as its selectors choose them"
        } else {
            ""
        };
        format!("{}{narrowed}", some(&stops))
    }

    /// The command that lets requests through while nobody answers, and how it is taken back.
    fn open(&self) -> String {
        let kind = match self.webhook.kind.as_str() {
            "Mutating" => "mutatingwebhookconfiguration",
            _ => "validatingwebhookconfiguration",
        };
        let name = word(&self.webhook.configuration);
        format!(
            "kubectl get {kind} {name} -o yaml > webhook.yaml && kubectl delete {kind} {name}; afterwards back: kubectl apply -f webhook.yaml"
        )
    }

    fn dead(&self) -> Finding {
        let mut found = finding("STW-WEBHOOK", "R8", self.severity(), "cluster");
        let why = match self.found {
            Found::Service => "no running pod answers it",
            Found::NoService => "there is no such service",
        };
        found.message = format!("{}, and {why}: {}.", self.name(), self.consequence());
        found.objects = vec![format!("webhook {}", self.webhook.key())];
        let namespace = word(self.webhook.namespace.as_deref().unwrap_or_default());
        found.remedy = format!(
            "See why it does not run: kubectl -n {namespace} get service,pods; or take it away until it does: {}",
            self.open()
        );
        SOURCE.clone_into(&mut found.source);
        found
    }
}

impl Exodus<'_> {
    /// Webhooks that are down when the group is empty, or already.
    pub(super) fn of_webhooks(&self) -> Vec<Finding> {
        let webhooks = self.observed.webhooks.items().iter();
        // One service answers many webhooks, often: told once, for the worst of them.
        let mut by_service: BTreeMap<(Severity, String), Vec<Gate<'_>>> = BTreeMap::new();
        let mut found = Vec::new();
        for gate in webhooks.filter_map(|webhook| Gate::of(self.observed, webhook)) {
            if gate.behind.is_empty() {
                found.push(gate.dead());
            } else if self.all_leave(&gate) && !self.is_kept(&gate) {
                let key = (gate.severity(), gate.service.clone());
                by_service.entry(key).or_default().push(gate);
            }
        }
        found.extend(
            by_service
                .into_values()
                .filter_map(|gates| self.closed(&gates)),
        );
        found
    }

    fn all_leave(&self, gate: &Gate<'_>) -> bool {
        let leaves = |pod: &&Pod| {
            let mut leaving = self.leaving.iter();
            leaving.any(|one| one.namespace == pod.namespace && one.name == pod.name)
        };
        gate.behind.iter().all(leaves)
    }

    /// Several pods, of which a budget lets not all go at once: one always answers.
    fn is_kept(&self, gate: &Gate<'_>) -> bool {
        let count = u32::try_from(gate.behind.len()).unwrap_or(u32::MAX);
        let budgets = self.observed.pdbs.items().iter();
        let mut asked = budgets.filter(|budget| gate.behind.iter().all(|pod| budget.covers(pod)));
        count > 1 && asked.any(|budget| budget.allows().is_some_and(|allowed| allowed < count))
    }

    fn closed(&self, gates: &[Gate<'_>]) -> Option<Finding> {
        let gate = gates.first()?;
        let pods = &gate.behind;
        let subject = format!("nodegroup {}", self.group);
        let mut found = finding("STW-WEBHOOK", "R8", gate.severity(), &subject);
        let others = match gates.len() {
            1 => String::new(),
            more => format!(" (and {} of the same service)", more - 1),
        };
        let all = match pods.len() {
            1 => "the only pod that answers it runs".to_owned(),
            count => format!("all {count} pods that answer it run, with no budget that keeps one,"),
        };
        let itself = if gate.holds_itself() {
            ". That holds for its own pods too, so the drain does not end by itself"
        } else {
            ", until it is back"
        };
        found.message = format!(
            "{}{others}, and {all} on `{}`: while {} down, {}{itself}.",
            gate.name(),
            self.group,
            if pods.len() == 1 { "it is" } else { "they are" },
            gate.consequence(),
        );
        let mut about: Vec<String> = gates
            .iter()
            .map(|gate| format!("webhook {}", gate.webhook.key()))
            .collect();
        about.extend(objects(pods, &[]));
        found.objects = bounded(about);
        found.remedy = self.keep_one(gate);
        SOURCE.clone_into(&mut found.source);
        Some(found)
    }

    fn keep_one(&self, gate: &Gate<'_>) -> String {
        let webhook = gate.webhook;
        let labels = webhook.selector.value().into_iter().flatten();
        let labels: Vec<String> = labels
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let budget = format!(
            "kubectl -n {} create poddisruptionbudget {} --selector={} --min-available=1",
            word(webhook.namespace.as_deref().unwrap_or_default()),
            word(webhook.service.as_deref().unwrap_or_default()),
            word(&labels.join(","))
        );
        let mut parts = Vec::new();
        if gate.behind.len() == 1
            && let Some(command) = more(self.observed, &gate.behind, 1)
        {
            // Two are wanted for good: with one, the budget would let no drain end.
            let (there, _back) = command.split_once("; ").unwrap_or((&command, ""));
            parts.push(there.to_owned());
        }
        parts.push(budget);
        format!(
            "Let one of {} always answer: {}. Or take the webhook away for the time of the drain: {}",
            if gate.behind.len() == 1 {
                "two"
            } else {
                "them"
            },
            parts.join("; "),
            gate.open()
        )
    }
}

/// Says of webhooks that nobody answers what no drain has said.
pub(in crate::plan) fn remark(draft: &mut Draft<'_>) {
    let observed = draft.input.observed;
    let told = |draft: &Draft<'_>, webhook: &Webhook| {
        let object = format!("webhook {}", webhook.key());
        let mut findings = draft.findings.iter();
        findings.any(|one| one.code == "STW-WEBHOOK" && one.objects.contains(&object))
    };
    for webhook in observed.webhooks.items() {
        let gate = Gate::of(observed, webhook).filter(|gate| gate.behind.is_empty());
        if let Some(gate) = gate.filter(|_| !told(draft, webhook)) {
            let mut found = gate.dead();
            found.severity = Severity::Warning;
            draft.find(found);
        }
    }
}

/// What nobody could read of webhooks. An observation from before they were recorded says nothing.
pub(super) fn unread(observed: &Observation) -> Vec<String> {
    if let Known::Unknown(why) = &observed.webhooks {
        let recorded = !observed.webhooks.is_unknown_by_default();
        return recorded
            .then(|| format!("which admission webhooks fail closed ({why})"))
            .into_iter()
            .collect();
    }
    let asked = |webhook: &Webhook| {
        let mut needed = NEEDED.iter();
        needed.any(|(group, resource, sub, _)| webhook.is_asked_about(group, resource, sub))
    };
    let webhooks = observed.webhooks.items().iter();
    webhooks
        .filter(|one| one.fails_closed && one.service.is_some() && asked(one))
        .filter(|one| one.selector.is_unknown())
        .map(|one| format!("which pods answer the webhook `{}`", one.key()))
        .collect()
}
