//! Whether a group can be emptied: a drain played through, and whether what leaves it fits elsewhere.
//!
//! What is known to stop a drain half way blocks it before it begins; what nobody recorded never
//! blocks and is said once, in [`remark`].

mod budgets;
mod findings;
mod fit;
mod homes;
mod others;
mod peak;
mod remedies;
mod simulate;
mod single;
#[cfg(test)]
mod tests;
mod webhooks;

use super::draft::Draft;
use super::wire::{BlockedBy, Disruption};
use crate::diff::normalize;
use crate::model::{Known, LiveNodegroup, Observation, Pod};
use crate::policy::settings::Strategy;
pub(super) use findings::some;
use homes::{Carries, Home, needed, zones_of};
pub(super) use peak::{quota_source, remark};
use simulate::{Played, Stage, comes_back, play};
use std::collections::BTreeSet;
pub(super) use webhooks::remark as remark_webhooks;

/// Where the pods of a group can go.
#[derive(Clone, Debug)]
pub(super) enum To {
    /// EKS makes new nodes of the same group, one after the other.
    Itself,
    /// A group that takes over.
    Group {
        /// Its name in EKS.
        name: String,
        /// Its name in git, whose settings it has.
        git: String,
        /// How many nodes it starts with, when it is made for this.
        start: Option<u32>,
    },
    /// Whatever other groups there are.
    Others,
}

/// A group that is about to be emptied.
struct Exodus<'a> {
    observed: &'a Observation,
    /// Its live name.
    group: String,
    /// Its key under `nodegroups` in a fleet file: its name in git where it has one.
    key: String,
    /// It is made again under its name once it has gone, and its pods wait for it.
    made_again: bool,
    /// It carries the core role.
    core: bool,
    /// Pods of groups that this plan emptied before, which need room in the same places.
    before_it: Vec<&'a Pod>,
    /// Its live settings: what its nodes carry now.
    before: Home,
    /// Pods that a drain evicts.
    leaving: Vec<&'a Pod>,
    /// Where they may go; the one that takes over first.
    homes: Vec<Home>,
    to: To,
    /// People's pods end by themselves before the drain.
    waits: bool,
}

/// Returns the pods that a drain of the group evicts, by namespace and name; none when unknown.
pub(super) fn leaving<'a>(observed: &'a Observation, group: &str) -> Option<Vec<&'a Pod>> {
    if observed.pods.is_unknown() || observed.nodes.is_unknown() {
        return None;
    }
    let mut pods = observed.pods_of(group);
    pods.retain(|pod| !pod.is_daemon());
    pods.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    Some(pods)
}

/// Returns who a drain of the group disturbs: its pods, and the budgets that it asks.
pub(super) fn disruption(observed: &Observation, group: &str, nodes: Option<u32>) -> Disruption {
    let pods = leaving(observed, group);
    let asked = |pdb: &&crate::model::Pdb| pods.iter().flatten().any(|pod| pdb.covers(pod));
    let pdbs = observed.pdbs.items().iter().filter(asked);
    Disruption {
        nodes,
        pdbs: pdbs.map(crate::model::Pdb::key).collect(),
        pods: pods.map(|pods| u32::try_from(pods.len()).unwrap_or(u32::MAX)),
        waiting: None,
    }
}

/// Returns who is disturbed when a group is emptied after its people have left: first by the wait,
/// then by the drain, which finds only what has a controller and is nobody's session.
pub(super) fn phased(draft: &Draft<'_>, group: &str) -> (Disruption, Disruption) {
    let observed = draft.input.observed;
    let number = |pods: &[&Pod]| u32::try_from(pods.len()).unwrap_or(u32::MAX);
    let settled = Disruption {
        nodes: Some(0),
        pods: Some(0),
        ..Disruption::default()
    };
    let Some(all) = leaving(observed, group) else {
        let unread = Disruption {
            pods: None,
            ..settled.clone()
        };
        return (settled, unread);
    };
    let (left, people): (Vec<&Pod>, Vec<&Pod>) =
        all.into_iter().partition(|pod| outlasts(draft, pod));
    let asked = |pdb: &&crate::model::Pdb| left.iter().any(|pod| pdb.covers(pod));
    let pdbs = observed.pdbs.items().iter().filter(asked);
    let drain = Disruption {
        pods: Some(number(&left)),
        pdbs: pdbs.map(crate::model::Pdb::key).collect(),
        ..settled.clone()
    };
    let wait = Disruption {
        waiting: Some(number(&people)),
        ..settled
    };
    (wait, drain)
}

/// Returns true for a pod that is still there when a phase-out has ended.
fn outlasts(draft: &Draft<'_>, pod: &Pod) -> bool {
    let activity = &draft.input.settings.activity;
    comes_back(pod) && !activity.iter().any(|selector| selector.matches(pod))
}

/// Says what would stop the emptying of a group, and returns what that holds back.
///
/// Everything else that a reviewer of it should know becomes findings too. With `PhaseOut`,
/// people's pods and those without a controller end by themselves before the drain begins.
pub(super) fn blockers(
    draft: &mut Draft<'_>,
    group: &str,
    to: &To,
    strategy: Strategy,
) -> Vec<BlockedBy> {
    let Some(exodus) = Exodus::of(draft, group, to, strategy) else {
        return Vec::new();
    };
    draft.outlooks.remove(group);
    if exodus.leaving.is_empty() {
        return Vec::new();
    }
    let (input, catalog) = (draft.input, draft.input.catalog);
    let id = &exodus.observed.cluster;
    let lands = |pod: &Pod| {
        let mut homes = exodus.homes.iter();
        homes.any(|home| home.takes(pod, &exodus.before, catalog, id))
    };
    let settles = |pod: &Pod| {
        let mut homes = exodus.successor().into_iter();
        homes.any(|home| home.takes(pod, &exodus.before, catalog, id))
    };
    let stage = Stage {
        leaving: &exodus.leaving,
        budgets: exodus.observed.pdbs.items(),
        everyone: exodus.observed.pods.items(),
        lands: &lands,
        settles: &settles,
    };
    let played = play(&stage);
    draft.outlooks.insert(
        group.to_owned(),
        findings::outlook(&played, exodus.leaving.len()),
    );
    let longest = budgets::longest(&played);
    draft.longest_drains.insert(group.to_owned(), longest);
    draft.unread_budgets |= !played.unread.is_empty();
    let mut found = exodus.of_budgets(&played, catalog);
    found.extend(exodus.of_pods(input.settings));
    found.extend(exodus.of_places(catalog));
    found.extend(exodus.of_room(catalog));
    found.extend(exodus.of_webhooks());
    for what in exodus.unread(&played, catalog) {
        draft
            .unread
            .entry(what)
            .or_default()
            .insert(group.to_owned());
    }
    let mut blockers = Vec::new();
    for one in found {
        if findings::holds_back(&one) {
            blockers.extend(draft.block(one));
        } else {
            draft.find(one);
        }
    }
    if blockers.is_empty() && matches!(to, To::Others) {
        draft.emptied.insert(group.to_owned());
    }
    blockers
}

/// Says which pods of a group nobody would make again, and returns what holds back a drain of it on
/// the way back from a run; empty when there are none, or their owner gives them up.
pub(super) fn bare_blockers(draft: &mut Draft<'_>, group: &str) -> Vec<BlockedBy> {
    let Some(exodus) = Exodus::of(draft, group, &To::Others, Strategy::Swap) else {
        return Vec::new();
    };
    let leaving = exodus.leaving.iter().copied();
    let bare: Vec<&Pod> = leaving.filter(|pod| is_bare(pod)).collect();
    if bare.is_empty() {
        return Vec::new();
    }
    let mut found = exodus.bare(&bare);
    found.remedy = format!(
        "Let them end, or delete them: {}; then plan the way back again",
        remedies::delete(&bare)
    );
    draft.block(found)
}

/// Returns true where a waiver gives up the pods of a group that nobody would make again.
pub(super) fn gives_up_bare_pods(draft: &Draft<'_>, group: &str) -> bool {
    let subject = format!("nodegroup {group}");
    draft.findings.iter().any(|found| {
        found.code == "STW-R8-BARE-POD" && found.subject == subject && found.waived.is_some()
    })
}

impl<'a> Exodus<'a> {
    fn of(draft: &Draft<'a>, group: &str, to: &To, strategy: Strategy) -> Option<Self> {
        let observed = draft.input.observed;
        let mut leaving = leaving(observed, group)?;
        let waits = strategy == Strategy::PhaseOut;
        if waits {
            leaving.retain(|pod| outlasts(draft, pod));
        }
        let before = observed.nodegroup(group).map(|live| live_home(draft, live));
        let known = draft.groups.get(group);
        let git = known.and_then(|group| group.git.clone());
        let emptied = draft.emptied.iter().filter(|other| *other != group);
        let before_it =
            emptied.flat_map(|other| self::leaving(observed, other).unwrap_or_default());
        Some(Self {
            observed,
            group: group.to_owned(),
            key: git.unwrap_or_else(|| group.to_owned()),
            made_again: draft.input.desired.nodegroups.contains_key(group),
            core: known.is_some_and(|group| group.core),
            before_it: before_it.filter(|pod| comes_back(pod)).collect(),
            before: before?,
            leaving,
            homes: homes(draft, group, to),
            to: to.clone(),
            waits,
        })
    }

    /// Returns the group that takes over.
    fn successor(&self) -> Option<&Home> {
        match &self.to {
            To::Group { .. } => self.homes.first(),
            To::Itself | To::Others => None,
        }
    }

    /// Returns what this step needs to know and nobody recorded, as ends of a sentence.
    fn unread(&self, played: &Played<'_>, catalog: &crate::catalog::Catalog) -> BTreeSet<String> {
        let mut unread = BTreeSet::new();
        let mut note = |missing: bool, what: &str| {
            if missing {
                unread.insert(what.to_owned());
            }
        };
        let some = |is: &dyn Fn(&Pod) -> bool| self.leaving.iter().any(|pod| is(pod));
        note(
            some(&|pod| pod.owner.is_unknown()),
            "which pods have a controller",
        );
        note(
            some(&|pod| pod.empty_dir.is_unknown()),
            "which pods have `emptyDir` volumes",
        );
        let mut nodes = self.observed.nodes_of(&self.group);
        note(
            nodes.any(|node| node.ready.is_unknown()),
            "whether its nodes are Ready",
        );
        let moves = !matches!(self.to, To::Itself);
        note(
            moves && some(&|pod| pod.node_selector.is_unknown()),
            "what pods select their nodes by",
        );
        note(
            moves && some(&|pod| pod.volume_zones.is_unknown()),
            "in which zones pods have volumes",
        );
        for what in webhooks::unread(self.observed) {
            note(true, &what);
        }
        if let Some(home) = self.successor() {
            note(
                some(&|pod| pod.cpu_millis.is_unknown() || pod.memory_mib.is_unknown()),
                "what pods request",
            );
            // Subnets that nobody listed are told once, for the whole plan.
            let listed = !self.observed.subnets.is_unknown();
            note(
                listed && fit::free_addresses(self.observed, home).is_none(),
                "how many addresses the subnets of the new group have free",
            );
            let zoned = some(&|pod| !pod.volume_zones.items().is_empty());
            note(home.zones.is_none() && zoned, "the zones of the new group");
            for taint in home.taints.difference(&self.before.taints) {
                let text = format!(
                    "whether pods tolerate `{taint}`, which only `{}` has",
                    home.name
                );
                note(true, &text);
            }
            let id = &self.observed.cluster;
            for pair in self.leaving.iter().flat_map(|pod| needed(pod)) {
                let carries = home.carries(pair, &self.before, catalog, id);
                let text = format!(
                    "whether nodes of `{}` carry `{}={}`, which no config declares",
                    home.name, pair.0, pair.1
                );
                note(carries == Carries::Unknown, &text);
            }
        }
        unread.extend(played.unread.iter().map(|budget| unread_budget(budget)));
        for pod in self.observed.pods_elsewhere() {
            let node = pod.node.as_deref().unwrap_or_default();
            unread.insert(format!(
                "to which group the node `{node}` of pod `{}/{}` belongs, which was not listed",
                pod.namespace, pod.name
            ));
        }
        unread
    }
}

/// What nobody knows of a budget, as the end of a sentence.
fn unread_budget(budget: &crate::model::Pdb) -> String {
    if budget.selector.is_unknown() {
        format!("which pods the budget `{}` covers", budget.key())
    } else {
        format!("what the budget `{}` allows", budget.key())
    }
}

fn live_home(draft: &Draft<'_>, live: &LiveNodegroup) -> Home {
    let (input, observed) = (draft.input, draft.input.observed);
    let mut zones = zones_of(&live.spec, &input.desired.document, observed);
    let seen: Option<BTreeSet<String>> = observed
        .nodes_of(&live.name)
        .map(|node| node.zone.value().cloned())
        .collect();
    if !live.spec.contains_key("availabilityZones") {
        zones = seen.filter(|zones| !zones.is_empty()).or(zones);
    }
    let kind = (live.managed, live.spec_complete);
    Home::of(&live.name, kind, &live.spec, input.catalog, zones)
}

fn git_home(draft: &Draft<'_>, name: &str, git: &str) -> Option<Home> {
    let input = draft.input;
    let declared = input.desired.nodegroups.get(git)?;
    let spec = normalize::redact(&declared.spec, input.catalog);
    let zones = zones_of(&spec, &input.desired.document, input.observed);
    let kind = (declared.managed, true);
    Some(Home::of(name, kind, &spec, input.catalog, zones))
}

/// The group that takes over, then every other group that stays and whose taints the pods know.
fn homes(draft: &Draft<'_>, group: &str, to: &To) -> Vec<Home> {
    let live = |name: &str| draft.input.observed.nodegroup(name);
    let mut homes = Vec::new();
    match to {
        To::Itself => homes.extend(live(group).map(|live| live_home(draft, live))),
        To::Group { name, git, .. } => homes.extend(git_home(draft, name, git)),
        To::Others => {}
    }
    let Some(before) = live(group).map(|live| live_home(draft, live)) else {
        return homes;
    };
    let first = homes.first().map(|home| home.name.clone());
    for (name, other) in &draft.groups {
        let goes = goes_too(draft, name);
        if name == group || goes || first.as_ref() == Some(name) {
            continue;
        }
        let mut home = match (live(name), &other.git) {
            (Some(live), _) if !draft.made_here(name) => Some(live_home(draft, live)),
            (_, Some(git)) => git_home(draft, name, git),
            (_, None) => None,
        };
        if let Some(home) = &mut home {
            home.core = other.core;
            // Whoever ran on a group that it replaced runs on it by then.
            let olds = draft.replaced.iter().filter(|(_, new)| *new == name);
            home.hosts.extend(olds.map(|(old, _)| old.clone()));
        }
        let welcome = |home: &Home| home.max() > 0 && home.taints.is_subset(&before.taints);
        homes.extend(home.filter(welcome));
    }
    homes
}

/// Returns true for a group that is on its way out itself: whoever lands there moves again, or nowhere.
fn goes_too(draft: &Draft<'_>, name: &str) -> bool {
    let matching = &draft.differences.matching;
    draft.leaving.iter().any(|(old, _)| old == name)
        || draft.is_marked(name)
        || matching.outgoing.contains_key(name)
        || matching.undeclared.contains(name)
            && draft.input.settings.prune.iter().any(|p| p == name)
}

/// Returns true when a pod is known to have no controller.
const fn is_bare(pod: &Pod) -> bool {
    matches!(pod.owner, Known::Absent)
}
