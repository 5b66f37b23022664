//! Drift for a terminal, for the files in git, and for the commit that brings them.

mod page;
mod terminal;

#[cfg(test)]
mod tests;

pub use page::{drift_files_page, drift_markdown, drift_message, drift_page};
pub use terminal::drift_table;

use super::differences::class_in_words;
use super::words::count;
use crate::drift::wire::{
    DriftClass, DriftItem, DriftSet, DriftSummary, GitChange, OpenKind, OpenWork, ToldBy,
};
use crate::plan::wire::DifferenceClass;

/// Git shows seven digits of a commit, and longer beginnings where that is not enough.
const COMMIT_DIGITS: usize = 10;
/// Longer values are cut; the JSON has them whole.
const VALUE_CHARS_MAX: usize = 120;

/// Returns the totals as one line.
pub fn drift_line(summary: &DriftSummary) -> String {
    let DriftSummary {
        clusters: _,
        new,
        known,
        resolved,
        unapplied,
        ignored,
        unread,
        unclassified,
        lapsed,
    } = summary;
    let any = [new, known, resolved, unapplied, ignored, unread, lapsed];
    if any.iter().all(|number| **number == 0) {
        return "No drift.".to_owned();
    }
    let mut line = format!(
        "Drift: {new} new, {known} known, {resolved} resolved, {unapplied} unapplied, {ignored} ignored, {unread} unread."
    );
    if *unclassified > 0 {
        line.push_str(&format!(" {unclassified} unclassified."));
    }
    if *lapsed > 0 {
        let rules = count(
            usize::try_from(*lapsed).unwrap_or(usize::MAX),
            "ignore rule",
        );
        line.push_str(&format!(" {rules} expired."));
    }
    line
}

/// What is said of a cluster whose last report is no help.
const LAST_UNREAD: &str = "The last report cannot be read: all drift counts as new, and nothing of this cluster was written.";

/// How an error is headed: a cluster that was compared with git has only its report to complain about.
fn heading(set: &DriftSet, name: &str) -> &'static str {
    let mut clusters = set.clusters.iter();
    let compared = clusters.any(|cluster| cluster.last_unread && cluster.report.cluster == name);
    if compared { "Not kept" } else { "Not compared" }
}

/// Returns `nodegroup core-a maxSize`.
fn place(item: &DriftItem) -> String {
    format!("{} {}", item.subject, item.field)
        .trim_end()
        .to_owned()
}

/// Most dangerous first.
fn rank(item: &DriftItem) -> (u8, u8, &str, &str) {
    let takes = match item.takes {
        DifferenceClass::Rollback => 0,
        DifferenceClass::Replace => 1,
        DifferenceClass::Undeclared => 2,
        DifferenceClass::Create => 3,
        DifferenceClass::Upgrade => 4,
        DifferenceClass::InPlace => 5,
        DifferenceClass::Scale => 6,
        DifferenceClass::NotOurs => 7,
        DifferenceClass::NotAssessed => 8,
        DifferenceClass::Ignored => 9,
    };
    let class = match item.class {
        DriftClass::Both => 0,
        DriftClass::Drift => 1,
        DriftClass::Unclassified => 2,
        DriftClass::Unapplied => 3,
        DriftClass::Ignored => 4,
    };
    (class, takes, &item.subject, &item.field)
}

fn sorted(items: &[DriftItem]) -> Vec<&DriftItem> {
    let mut all: Vec<&DriftItem> = items.iter().collect();
    all.sort_by_key(|item| rank(item));
    all
}

fn short(text: &str) -> String {
    if text.chars().count() <= VALUE_CHARS_MAX {
        return text.to_owned();
    }
    let head: String = text.chars().take(VALUE_CHARS_MAX).collect();
    format!("{head}…")
}

/// Returns both sides, in the order git, live.
fn sides(item: &DriftItem) -> (String, String) {
    let whole = item.field.is_empty();
    let side = |value: &Option<String>, none: &str| match value {
        Some(value) => short(value),
        None => none.to_owned(),
    };
    match (whole, &item.git, &item.live) {
        (true, None, Some(live)) if live == "live" => {
            ("does not declare it".to_owned(), "has it".to_owned())
        }
        (true, git, live) => (
            side(git, "does not declare it"),
            side(live, "does not have it"),
        ),
        (false, git, live) => (side(git, "not set"), side(live, "not set")),
    }
}

fn commit(change: &GitChange) -> String {
    change
        .commit
        .get(..COMMIT_DIGITS)
        .unwrap_or(&change.commit)
        .to_owned()
}

/// Returns `abc1234567 by Ann on 2026-11-02`.
fn by_whom(change: &GitChange) -> String {
    format!(
        "{} by {} on {}",
        commit(change),
        change.author,
        change.at.day()
    )
}

/// Says who changed git's side last, where the story has not said it.
fn last_author(item: &DriftItem) -> String {
    match (&item.last_author, &item.change) {
        (Some(last), Some(change)) if last == change => String::new(),
        (Some(last), _) => format!(" Last changed in git: {}.", by_whom(last)),
        (None, _) => String::new(),
    }
}

/// Says who moved, as a sentence.
fn story(item: &DriftItem) -> String {
    let git = match (&item.change, item.uncommitted) {
        (Some(change), _) => format!("in {}", by_whom(change)),
        (None, true) => "in the work tree, not committed".to_owned(),
        (None, false) => String::new(),
    };
    if let Some(asked) = item.asked_in.as_ref().map(by_whom) {
        let live = format!(
            "it is as git asked in {asked}, and what was applied last (or `--base`) is otherwise"
        );
        return if item.class == DriftClass::Both {
            format!("Live was changed: {live}; git changed it too, {git}.")
        } else {
            format!("Live was changed: {live}.")
        };
    }
    match item.class {
        DriftClass::Drift => {
            "Live was changed, or never followed: no config in git agrees.".to_owned()
        }
        DriftClass::Both => {
            format!("No config in git agrees with live, and git changed it too, {git}.")
        }
        DriftClass::Unapplied if git.is_empty() && is_latest(item) => {
            "Git asks for the latest, and there is a later one.".to_owned()
        }
        DriftClass::Unapplied if git.is_empty() => {
            "Git has asked for a newer version for long; it is not applied.".to_owned()
        }
        DriftClass::Unapplied => format!("Git changed it {git}; it is not applied."),
        DriftClass::Unclassified => {
            let why = item.why.as_deref().unwrap_or("git's history is not there");
            format!("Who moved is not known: {why}.")
        }
        DriftClass::Ignored => match &item.ignored {
            Some(waived) => format!(
                "Ignored until {} by {}: {}.",
                waived.expires.day(),
                waived.owner,
                waived.reason.trim_end_matches('.')
            ),
            None => "Ignored.".to_owned(),
        },
    }
}

fn is_latest(item: &DriftItem) -> bool {
    item.git
        .as_deref()
        .is_some_and(|git| git.ends_with(" (latest)"))
}

/// What it takes to make live agree, and what else is to be known of it.
fn takes(item: &DriftItem) -> String {
    let mut words = class_in_words(item.takes, &item.field);
    if item.prune {
        words.push_str(", to be deleted by `prune`");
    }
    if item.unread {
        words.push_str(", not read this time");
    }
    words
}

/// Says what is under way, without how long ago that is.
fn under_way(open: &OpenWork) -> String {
    let successor = match &open.successor {
        Some(name) => format!(" by `{name}`"),
        None => String::new(),
    };
    let what = match open.what {
        OpenKind::HalfDoneSwap => format!(
            "half-done swap{successor}: both generations run, and nothing says which of them is to go"
        ),
        OpenKind::Swap => format!("replacement{successor} is under way"),
        OpenKind::PhaseOut => {
            format!("phase-out{successor} is open: it waits until nobody uses it")
        }
    };
    let told = match open.told_by {
        ToldBy::Journal => "as the journal says",
        ToldBy::Successor => "when its successor was made",
        ToldBy::FirstSeen => "when a report showed it first",
    };
    format!("{what}; since {}, {told}", open.since)
}
