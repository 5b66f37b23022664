//! Drift for a terminal: what is new first, the most dangerous cluster first.

use super::super::layout::{Page, clean, clip};
use super::super::style::{Ink, Look};
use super::super::words::{count, list_some};
use super::{
    LAST_UNREAD, drift_line, heading, last_author, place, rank, sides, sorted, story, takes,
    under_way,
};
use crate::drift::wire::{DriftClass, DriftItem, DriftReport, DriftSet, DriftedCluster, Standing};
use crate::model::{DAY_SECONDS, Timestamp};
use crate::plan::wire::DifferenceClass;

/// How many clusters without a difference are named.
const NAMES_SHOWN: usize = 40;

/// Returns the terminal report: the most dangerous cluster first, what is new before what is known.
pub fn drift_table(set: &DriftSet, look: &Look) -> String {
    let mut page = Page::new(*look);
    let line = drift_line(&set.summary);
    page.line(line.clone());
    let mut clusters: Vec<&DriftedCluster> = set.clusters.iter().collect();
    clusters.sort_by_key(|cluster| danger(cluster));
    let mut quiet = Vec::new();
    for cluster in &clusters {
        if is_quiet(cluster) {
            quiet.push(cluster.report.cluster.clone());
        } else {
            page.gap();
            one(cluster, &mut page);
        }
    }
    if !quiet.is_empty() && quiet.len() < clusters.len() {
        page.gap();
        let text = format!(
            "Git and live agree on {}: {}.",
            count(quiet.len(), "cluster"),
            list_some(&quiet, NAMES_SHOWN)
        );
        page.say(0, Ink::Good, &text);
    }
    errors(set, &mut page);
    if quiet.len() < clusters.len() || !set.errors.is_empty() {
        page.gap();
        page.line(line);
    }
    page.finish()
}

fn errors(set: &DriftSet, page: &mut Page) {
    for error in &set.errors {
        page.gap();
        page.say(
            0,
            Ink::Bad,
            &format!("{}: {}", heading(set, &error.name), error.name),
        );
        page.say(2, Ink::Plain, &error.error);
        if let Some(hint) = &error.hint {
            page.say(2, Ink::Place, &format!("Hint: {hint}"));
        }
    }
}

/// New drift before known drift, by its worst item; then what was not read, then the rest by name.
fn danger(cluster: &DriftedCluster) -> (bool, bool, bool, (u8, u8), &str) {
    let worst = |new: bool| {
        let items = cluster.report.items.iter();
        items
            .filter(|item| item.class.is_drift() && (!new || cluster.is_new(item)))
            .map(|item| (rank(item).0, rank(item).1))
            .min()
    };
    let (new, any) = (worst(true), worst(false));
    (
        new.is_none(),
        any.is_none(),
        cluster.report.failed().is_none(),
        new.or(any).unwrap_or((u8::MAX, u8::MAX)),
        &cluster.report.cluster,
    )
}

fn is_quiet(cluster: &DriftedCluster) -> bool {
    let report = &cluster.report;
    report.items.is_empty()
        && report.open.is_empty()
        && report.lapsed.is_empty()
        && report.unread.is_empty()
        && cluster.resolved.is_empty()
        && report.failed().is_none()
        && !cluster.last_unread
}

fn one(cluster: &DriftedCluster, page: &mut Page) {
    let now = cluster.at;
    let report = &cluster.report;
    let look = page.look;
    let name = clip(&clean(&report.cluster, look), look.columns(), look);
    page.line(look.paint(Ink::Strong, &name));
    let owner = match &report.owner {
        Some(owner) => format!(", of {owner}"),
        None => String::new(),
    };
    page.say(2, Ink::Faint, &format!("{}{owner}", report.config));
    if let Some(why) = report.failed() {
        let text = format!("It could not be read ({why}); below is what was known before.");
        page.say(2, Ink::Bad, &text);
    }
    if cluster.last_unread {
        page.say(2, Ink::Bad, LAST_UNREAD);
    }
    let dates = standing(&report.standing, now);
    if !dates.is_empty() {
        page.say(2, Ink::Plain, &dates);
    }
    let mut items = sorted(&report.items);
    items.sort_by_key(|item| !cluster.is_new(item));
    for item in items {
        difference(item, cluster.is_new(item), now, page);
    }
    for item in &cluster.resolved {
        page.item("- resolved ", 2, Ink::Good, &place(item));
    }
    for open in &report.open {
        let text = format!(
            "{}: {} ({})",
            open.subject,
            under_way(open),
            age(open.since, now)
        );
        page.item("~ ", 2, Ink::Caution, &text);
    }
    for rule in &report.lapsed {
        let text = format!(
            "the ignore rule `{}` of {} ran out on {} ({}): renew `expires` in the fleet file, or remove it",
            rule.path,
            rule.owner,
            rule.expires.day(),
            rule.reason.trim_end_matches('.')
        );
        page.item("! ", 2, Ink::Bad, &text);
    }
    if !report.unread.is_empty() {
        let text = format!("not read: {}", list_some(&report.unread, NAMES_SHOWN));
        page.item("? ", 2, Ink::Caution, &text);
    }
    next(report, page);
}

fn difference(item: &DriftItem, new: bool, now: Timestamp, page: &mut Page) {
    let (lead, ink) = match item.class {
        DriftClass::Both | DriftClass::Drift | DriftClass::Unclassified if new => {
            ("+ new drift ", Ink::Bad)
        }
        DriftClass::Both | DriftClass::Drift | DriftClass::Unclassified => {
            ("* known drift ", Ink::Caution)
        }
        DriftClass::Unapplied => ("> unapplied ", Ink::Plain),
        DriftClass::Ignored => (". ignored ", Ink::Faint),
    };
    let (git, live) = sides(item);
    let text = format!("{}: git {git}, live {live} ({})", place(item), takes(item));
    page.item(lead, 2, ink, &text);
    let mut words = story(item);
    if item.class != DriftClass::Ignored {
        let since = format!(
            " First seen {} ({}).",
            item.first_seen,
            age(item.first_seen, now)
        );
        words.push_str(&since);
        words.push_str(&last_author(item));
    }
    page.say(6, Ink::Faint, &words);
}

/// What can be typed next.
fn next(report: &DriftReport, page: &mut Page) {
    let any = |holds: fn(&DriftItem) -> bool| report.items.iter().any(holds);
    let cluster = &report.cluster;
    let text = if report.failed().is_some() {
        format!("Next: stairway observe {cluster}")
    } else if any(|item| item.class.is_drift() && item.takes != DifferenceClass::NotOurs) {
        format!(
            "Next: stairway plan {cluster}, to bring live back to git; or write into {} what live says",
            report.config
        )
    } else if any(|item| item.class.is_drift()) {
        format!(
            "Next: write into {} what live says: stairway changes none of it",
            report.config
        )
    } else if any(|item| item.class == DriftClass::Unapplied) {
        format!("Next: stairway plan {cluster}")
    } else {
        return;
    };
    page.say(2, Ink::Place, &text);
    if any(|item| item.class == DriftClass::Unclassified) {
        let text = "To know who moved: a whole clone, as by `git fetch --unshallow`, or `fetch-depth: 0` of actions/checkout";
        page.say(2, Ink::Place, text);
    }
}

fn standing(standing: &Standing, now: Timestamp) -> String {
    let Some(version) = standing.version else {
        return String::new();
    };
    let mut parts = vec![match (standing.standard_until, standing.extended_until) {
        (Some(until), _) if now < until => {
            format!(
                "{version}, standard support until {} ({})",
                until.day(),
                left(until, now)
            )
        }
        (_, Some(until)) if now < until => {
            let price = standing.extended_dollars_a_month.unwrap_or_default();
            format!(
                "{version}, extended support until {} ({}), at about ${price} a month",
                until.day(),
                left(until, now)
            )
        }
        (Some(until), None) | (_, Some(until)) => {
            format!("{version}, out of support since {}", until.day())
        }
        (None, None) => version.to_string(),
    }];
    if let Some(until) = standing.rollback_until.filter(|until| now < *until) {
        parts.push(format!(
            "a rollback is possible until {until} ({})",
            left(until, now)
        ));
    }
    format!("{}.", parts.join("; "))
}

fn age(since: Timestamp, now: Timestamp) -> String {
    match now.seconds_since(since).div_euclid(DAY_SECONDS) {
        days if days < 0 => "in the future".to_owned(),
        0 => "today".to_owned(),
        1 => "1 day ago".to_owned(),
        days => format!("{days} days ago"),
    }
}

fn left(until: Timestamp, now: Timestamp) -> String {
    match until.seconds_since(now).div_euclid(DAY_SECONDS) {
        0 => "within a day".to_owned(),
        1 => "in 1 day".to_owned(),
        days => format!("in {days} days"),
    }
}
