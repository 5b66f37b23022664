//! A report from what was found and from the previous report: what is new, known, resolved.

use super::find::{Key, Seen, Unseen};
use super::wire::{
    DRIFT_FORMAT, DriftClass, DriftItem, DriftReport, DriftedCluster, GitChange, LapsedRule,
    OpenWork, READ_COMPLETE, READ_FAILED, READ_PARTLY, REPORT_KIND, Standing, ToldBy,
};
use super::{Found, Verdict};
use crate::model::{Digest, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Enough that the drift of a fleet never collides, short enough to type.
const FINGERPRINT_DIGITS: usize = 12;

/// What is known of one cluster beside its differences.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// Its name.
    pub cluster: String,
    /// Its config.
    pub config: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// When live was read.
    pub at: Timestamp,
    /// By group: since when it is on its way out, as a journal says.
    pub journal: BTreeMap<String, Timestamp>,
}

/// One cluster as it was found now: each difference with who moved, and who last changed it in git
/// where that can be told by its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Fresh {
    /// What is known beside.
    pub known: Known,
    /// What was found.
    pub seen: Seen,
    /// Who moved, of each of `seen.found` in its order.
    pub verdicts: Vec<(Verdict, Option<GitChange>)>,
    /// Who last changed the config: for what no value tells.
    pub last_author: Option<GitChange>,
    /// By what it is about: the newest commit that asked for what live says, where that was superseded.
    pub asked: BTreeMap<Key, GitChange>,
}

/// A report and what changed since the previous one.
pub type Carried = DriftedCluster;

/// Returns the fingerprint of a difference: another value on either side is another one.
pub fn fingerprint(cluster: &str, found: &Found) -> String {
    let parts = (cluster, &found.key.0, &found.field, &found.git, &found.live);
    Digest::of_canonical(&parts)
        .short(FINGERPRINT_DIGITS)
        .to_owned()
}

/// Makes the report of a cluster that was read.
pub fn carry(fresh: &Fresh, previous: Option<&DriftReport>) -> Carried {
    let before: BTreeMap<&str, &DriftItem> = previous
        .iter()
        .flat_map(|report| &report.items)
        .map(|item| (item.fingerprint.as_str(), item))
        .collect();
    let Fresh {
        known,
        seen,
        verdicts,
        last_author,
        asked,
    } = fresh;
    let mut items: Vec<DriftItem> = Vec::new();
    for (found, (verdict, since)) in seen.found.iter().zip(verdicts) {
        let print = fingerprint(&known.cluster, found);
        let old = before.get(print.as_str()).copied();
        let mut item = item(
            found,
            &judged_before(verdict, old),
            print,
            old.map_or(known.at, |old| old.first_seen),
        );
        // A value that did not change has the author that it had; only its commit may be too old to see.
        let kept = old.and_then(|old| old.last_author.clone());
        item.last_author = since.clone().or(kept).or_else(|| last_author.clone());
        if matches!(item.class, DriftClass::Drift | DriftClass::Both) {
            let kept = old.and_then(|old| old.asked_in.clone());
            item.asked_in = asked.get(&found.key).cloned().or(kept);
        }
        items.push(item);
    }
    let lost = previous.iter().flat_map(|report| &report.items);
    items.extend(
        lost.filter(|old| is_unseen(&seen.unseen, old))
            .filter(|old| !seen.found.iter().any(|f| same(f, old)))
            .map(|old| DriftItem {
                unread: true,
                ..(*old).clone()
            }),
    );
    items.sort_by(|a, b| (&a.subject, &a.field).cmp(&(&b.subject, &b.field)));
    let read = if seen.unread.is_empty() {
        READ_COMPLETE
    } else {
        READ_PARTLY
    };
    let report = DriftReport {
        owner: known.owner.clone(),
        read: read.to_owned(),
        standing: seen.standing.clone(),
        items,
        open: open(fresh, previous),
        lapsed: seen.lapsed.clone(),
        unread: seen.unread.clone(),
        ..empty(&known.cluster, &known.config)
    };
    compared(report, known.at, previous)
}

/// Makes the report of a cluster that could not be read: what was known before stays, and nothing is
/// called resolved. `why` is the same words every time.
pub fn keep(known: &Known, why: &str, previous: Option<&DriftReport>) -> Carried {
    let mut report = previous.map_or_else(
        || empty(&known.cluster, &known.config),
        |previous| DriftReport {
            owner: known.owner.clone().or_else(|| previous.owner.clone()),
            ..previous.clone()
        },
    );
    report.read = format!("{READ_FAILED}{why}");
    DriftedCluster {
        report,
        at: known.at,
        new: Vec::new(),
        resolved: Vec::new(),
        last_unread: false,
    }
}

fn empty(cluster: &str, config: &str) -> DriftReport {
    DriftReport {
        format_version: DRIFT_FORMAT,
        kind: REPORT_KIND.to_owned(),
        cluster: cluster.to_owned(),
        config: config.to_owned(),
        owner: None,
        read: READ_COMPLETE.to_owned(),
        standing: Standing::default(),
        items: Vec::new(),
        open: Vec::new(),
        lapsed: Vec::<LapsedRule>::new(),
        unread: Vec::new(),
    }
}

/// What a clone without its history cannot judge may be judged already: both values are the same still.
fn judged_before(verdict: &Verdict, old: Option<&DriftItem>) -> Verdict {
    let (Verdict::Unclassified(_), Some(old)) = (verdict, old) else {
        return verdict.clone();
    };
    match (old.class, &old.change) {
        (DriftClass::Drift, None) => Verdict::Drift,
        (DriftClass::Both, Some(change)) => Verdict::Both(Some(change.clone())),
        (DriftClass::Unapplied, Some(change)) => Verdict::Unapplied(Some(change.clone())),
        (DriftClass::Unapplied, None) if !old.uncommitted => Verdict::Standing,
        (
            DriftClass::Drift
            | DriftClass::Both
            | DriftClass::Unapplied
            | DriftClass::Unclassified
            | DriftClass::Ignored,
            _,
        ) => verdict.clone(),
    }
}

fn is_unseen(unseen: &[Unseen], item: &DriftItem) -> bool {
    unseen
        .iter()
        .any(|one| one.includes(&item.subject, &item.field))
}

fn same(found: &Found, item: &DriftItem) -> bool {
    found.subject == item.subject && found.field == item.field
}

fn item(found: &Found, verdict: &Verdict, fingerprint: String, first_seen: Timestamp) -> DriftItem {
    let (class, change, why) = match verdict {
        Verdict::Drift => (DriftClass::Drift, None, None),
        Verdict::Both(change) => (DriftClass::Both, Some(change), None),
        Verdict::Unapplied(change) => (DriftClass::Unapplied, Some(change), None),
        Verdict::Standing => (DriftClass::Unapplied, None, None),
        Verdict::Unclassified(why) => (DriftClass::Unclassified, None, Some(why.clone())),
    };
    let ignored = found.ignored.is_some();
    DriftItem {
        fingerprint,
        subject: found.subject.clone(),
        field: found.field.clone(),
        class: if ignored { DriftClass::Ignored } else { class },
        takes: found.takes,
        git: found.git.clone(),
        live: found.live.clone(),
        first_seen,
        uncommitted: !ignored && change.is_some_and(Option::is_none),
        change: change.cloned().flatten().filter(|_| !ignored),
        asked_in: None,
        last_author: None,
        ignored: found.ignored.clone(),
        why: why.filter(|_| !ignored),
        prune: found.prune,
        unread: false,
    }
}

fn open(fresh: &Fresh, previous: Option<&DriftReport>) -> Vec<OpenWork> {
    let known = &fresh.known;
    let mut all = Vec::new();
    for under in &fresh.seen.under_way {
        let subject = format!("nodegroup {}", under.group);
        let before = previous.iter().flat_map(|report| &report.open);
        let before = before
            .filter(|open| open.subject == subject && open.what == under.what)
            .find(|open| open.told_by == ToldBy::FirstSeen);
        let (since, told_by) = match (known.journal.get(&under.group), under.successor_made) {
            (Some(at), _) => (*at, ToldBy::Journal),
            (None, Some(at)) => (at, ToldBy::Successor),
            (None, None) => (before.map_or(known.at, |b| b.since), ToldBy::FirstSeen),
        };
        all.push(OpenWork {
            what: under.what,
            subject,
            successor: under.successor.clone(),
            since,
            told_by,
        });
    }
    if fresh.seen.unseen.contains(&Unseen::Subjects("nodegroup ")) {
        all.extend(previous.iter().flat_map(|report| report.open.clone()));
    }
    all.sort_by(|a, b| (&a.subject, a.what).cmp(&(&b.subject, b.what)));
    all
}

/// What is drift now and was not, and what was and is no difference at all any more. A drift whose
/// value changed is a new one, and the old one is not resolved.
fn compared(report: DriftReport, at: Timestamp, previous: Option<&DriftReport>) -> Carried {
    let old: Vec<&DriftItem> = previous
        .iter()
        .flat_map(|report| &report.items)
        .filter(|item| item.class.is_drift())
        .collect();
    let known: BTreeSet<&str> = old.iter().map(|item| item.fingerprint.as_str()).collect();
    let new: Vec<String> = report
        .items
        .iter()
        .filter(|item| item.class.is_drift() && !item.unread)
        .filter(|item| !known.contains(item.fingerprint.as_str()))
        .map(|item| item.fingerprint.clone())
        .collect();
    let present: BTreeSet<(&str, &str)> = report
        .items
        .iter()
        .map(|item| (item.subject.as_str(), item.field.as_str()))
        .collect();
    let resolved: Vec<DriftItem> = old
        .into_iter()
        .filter(|item| !present.contains(&(item.subject.as_str(), item.field.as_str())))
        .cloned()
        .collect();
    DriftedCluster {
        report,
        at,
        new,
        resolved,
        last_unread: false,
    }
}
