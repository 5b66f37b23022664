//! What a comparison found, as drift sees it.

use super::wire::{LapsedRule, OpenKind, Standing};
use crate::catalog::{Catalog, SupportTier};
use crate::diff::Differences;
use crate::diff::generation::{PHASE_OUT_TAINT, has_phase_out_taint};
use crate::model::{Observation, Timestamp};
use crate::plan::wire::{DifferenceClass, Waived};
use crate::policy::limits::rollback_deadline;
use crate::policy::settings::{Settings, glob_matches};
use std::collections::{BTreeMap, BTreeSet};

/// What a difference is about, whatever git calls it: subject and field, a nodegroup by its live name.
///
/// Git renames a group with every generation; the group that runs is the same.
pub type Key = (String, String);

/// Hours in a month as AWS bills it.
const HOURS_PER_MONTH: u32 = 730;

/// One difference that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// What it is about.
    pub key: Key,
    /// The subject as git calls it.
    pub subject: String,
    /// The field.
    pub field: String,
    /// What it takes.
    pub takes: DifferenceClass,
    /// What git says.
    pub git: Option<String>,
    /// What live says.
    pub live: Option<String>,
    /// Who leaves it alone.
    pub ignored: Option<Waived>,
    /// Named in `prune`.
    pub prune: bool,
    /// True for a group of which git asks for another generation than the one that runs.
    pub other_generation: bool,
}

/// A replacement under way, before anybody knows since when.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Under {
    /// The group that is to go.
    pub group: String,
    /// What it is.
    pub what: OpenKind,
    /// Its successor in git.
    pub successor: Option<String>,
    /// When the successor was made, when that is known.
    pub successor_made: Option<Timestamp>,
}

/// Everything that was found on one cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// Differences, by subject and field.
    pub found: Vec<Found>,
    /// Replacements under way.
    pub under_way: Vec<Under>,
    /// What the calendar says.
    pub standing: Standing,
    /// Ignore rules that have run out.
    pub lapsed: Vec<LapsedRule>,
    /// Facts that were not read, by name; `prefix *` for a whole list.
    pub unread: Vec<String>,
    /// Subjects, or subjects and fields, of which nothing can be said.
    pub unseen: Vec<Unseen>,
    /// True when a whole list of facts, or the version, was not read.
    pub blind: bool,
}

/// Something of which nothing can be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unseen {
    /// Every subject that begins so.
    Subjects(&'static str),
    /// One field of one subject.
    Field(Key),
}

impl Found {
    /// Returns true when git asks for the latest version and not for one: nobody has to change git for
    /// it to be behind.
    pub fn asks_for_latest(&self) -> bool {
        let latest = self
            .git
            .as_deref()
            .is_some_and(|git| git.ends_with(" (latest)"));
        latest && self.takes == DifferenceClass::Upgrade
    }
}

impl Unseen {
    /// Returns true when it includes this field of this subject.
    pub fn includes(&self, subject: &str, field: &str) -> bool {
        match self {
            Self::Subjects(prefix) => subject.starts_with(prefix),
            Self::Field((own, path)) => own == subject && path == field,
        }
    }
}

/// Returns by what name a subject is known whatever its generation: the live name of a matched group.
pub fn anchors(differences: &Differences) -> BTreeMap<String, String> {
    let pairs = differences.groups.iter();
    pairs
        .map(|(git, group)| {
            (
                format!("nodegroup {git}"),
                format!("nodegroup {}", group.live),
            )
        })
        .collect()
}

/// Returns in what a config differs from live, and what it asks for: what an earlier state of git says.
pub fn wants(differences: &Differences) -> BTreeMap<Key, Option<String>> {
    let anchors = anchors(differences);
    let listed = differences.list.iter();
    listed
        .map(|difference| {
            let subject = &difference.subject;
            let anchor = anchors.get(subject).unwrap_or(subject).clone();
            (
                (anchor, difference.field.clone()),
                difference.desired.clone(),
            )
        })
        .collect()
}

/// Returns what was found on the cluster called `cluster`; `at` is the instant by which ignore rules
/// are judged.
pub fn seen(
    differences: &Differences,
    observed: &Observation,
    settings: &Settings,
    catalog: &Catalog,
    (cluster, at): (&str, Timestamp),
) -> Seen {
    let mut result = Seen {
        standing: standing(observed, catalog),
        lapsed: lapsed(settings, cluster, at),
        under_way: under_way(differences, observed),
        ..Seen::default()
    };
    whole_lists(observed, &mut result);
    let anchors = anchors(differences);
    let going: BTreeSet<String> = differences
        .matching
        .outgoing
        .keys()
        .map(|name| format!("nodegroup {name}"))
        .collect();
    let groups = differences.groups.iter();
    let replaced: BTreeSet<String> = groups
        .filter(|(_, group)| group.new_generation)
        .map(|(git, _)| format!("nodegroup {git}"))
        .collect();
    for difference in &differences.list {
        let (subject, field) = (&difference.subject, &difference.field);
        let anchor = anchors.get(subject).unwrap_or(subject).clone();
        if difference.class == DifferenceClass::NotAssessed {
            result.unread.push(name_of(subject, field));
            let subject = subject.clone();
            let field = field.clone();
            result.unseen.push(Unseen::Field((subject, field)));
            continue;
        }
        let blind = |unseen: &Unseen| unseen.includes(subject, field);
        // A swap under way is told as such, and is nobody's drift.
        let leaving = field.is_empty() && going.contains(subject);
        if leaving || result.unseen.iter().any(blind) {
            continue;
        }
        let undeclared = difference.class == DifferenceClass::Undeclared;
        result.found.push(Found {
            key: (anchor, field.clone()),
            subject: subject.clone(),
            field: field.clone(),
            takes: difference.class,
            git: difference.desired.clone(),
            live: difference.live.clone(),
            ignored: difference.ignored.clone(),
            prune: undeclared && is_pruned(settings, subject),
            other_generation: replaced.contains(subject),
        });
    }
    result.unread.sort();
    result.unread.dedup();
    result
}

fn name_of(subject: &str, field: &str) -> String {
    format!("{subject} {field}").trim_end().to_owned()
}

fn is_pruned(settings: &Settings, subject: &str) -> bool {
    let name = subject.split_once(' ').map_or(subject, |(_, name)| name);
    settings.prune.iter().any(|pruned| pruned == name)
}

/// Lists without which whole kinds of differences cannot be seen.
fn whole_lists(observed: &Observation, result: &mut Seen) {
    let mut blind = |name: &str, prefix: Option<&'static str>| {
        result.unread.push(name.to_owned());
        result.unseen.extend(prefix.map(Unseen::Subjects));
        result.blind = true;
    };
    if observed.nodegroups.is_unknown() {
        blind("nodegroups", Some("nodegroup "));
    }
    if observed.addons.is_unknown() {
        blind("addons", Some("addon "));
    }
    if observed.control_plane.is_unknown() {
        blind("control plane", Some("cluster"));
    } else if observed.version().is_none() {
        blind("cluster version", None);
    }
}

fn standing(observed: &Observation, catalog: &Catalog) -> Standing {
    let Some(version) = observed.version() else {
        return Standing::default();
    };
    let window = catalog.support(version);
    let price = catalog.price(SupportTier::Extended);
    Standing {
        version: Some(version),
        standard_until: window.map(|window| window.end_standard),
        extended_until: window.and_then(|window| window.end_extended),
        extended_dollars_a_month: price.map(|price| price.cents_per_hour * HOURS_PER_MONTH / 100),
        rollback_until: upgraded_at(observed).map(rollback_deadline),
    }
}

/// Returns when the upgrade to the present version ended.
fn upgraded_at(observed: &Observation) -> Option<Timestamp> {
    let version = observed.version()?;
    let updates = observed.updates.items().iter();
    let upgrades = updates
        .filter(|update| update.kind == "VersionUpdate" && update.status == "Successful")
        .filter(|update| update.nodegroup.is_none() && update.addon.is_none())
        .filter(|update| update.version.value() == Some(&version));
    upgrades
        .filter_map(|update| update.finished_at.value().copied())
        .max()
}

fn lapsed(settings: &Settings, cluster: &str, at: Timestamp) -> Vec<LapsedRule> {
    let rules = settings.ignore.iter();
    let mut lapsed: Vec<LapsedRule> = rules
        .filter(|rule| glob_matches(&rule.cluster, cluster) && at >= rule.expires)
        .map(|rule| LapsedRule {
            path: rule.path.clone(),
            cluster: rule.cluster.clone(),
            owner: rule.owner.clone(),
            reason: rule.reason.clone(),
            expires: rule.expires,
        })
        .collect();
    lapsed.sort_by(|a, b| (&a.path, a.expires).cmp(&(&b.path, b.expires)));
    lapsed
}

fn under_way(differences: &Differences, observed: &Observation) -> Vec<Under> {
    let matching = &differences.matching;
    let made = |git: &str| {
        let (live, _) = matching.pairs.get(git)?;
        observed.nodegroup(live)?.created_at.value().copied()
    };
    let mut all = BTreeSet::new();
    for group in observed.nodegroups.items() {
        let name = &group.name;
        let outgoing = matching.outgoing.get(name);
        let half_done = matching.half_done.get(name);
        // EKS keeps the taints of managed groups; of others only the nodes tell.
        let mut nodes = observed.nodes.items().iter();
        let tainted = has_phase_out_taint(group)
            || nodes.any(|node| {
                node.nodegroup.as_deref() == Some(name)
                    && node.taints.iter().any(|key| key == PHASE_OUT_TAINT)
            });
        let what = if tainted {
            OpenKind::PhaseOut
        } else if outgoing.is_some() {
            OpenKind::Swap
        } else if half_done.is_some() {
            OpenKind::HalfDoneSwap
        } else {
            continue;
        };
        let successor = outgoing.or(half_done).cloned();
        all.insert(Under {
            group: name.clone(),
            what,
            successor_made: successor.as_deref().and_then(made),
            successor,
        });
    }
    all.into_iter().collect()
}
