//! Drift for git: one page per cluster, one for the fleet, and the words of the commit.
//!
//! One difference is one line, and nothing in a page grows older by itself.

use super::super::markup::{cell, code_cell, prose, table};
use super::super::words::count;
use super::{
    LAST_UNREAD, drift_line, heading, last_author, place, sides, sorted, story, takes, under_way,
};
use crate::drift::wire::{
    DriftClass, DriftItem, DriftReport, DriftSet, DriftedCluster, Standing, stem_of,
};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// A message is read in a log: more lines than this are in the files.
const LINES_IN_MESSAGE: usize = 60;

/// Returns the page of one cluster.
pub fn drift_page(report: &DriftReport) -> String {
    let mut out = format!("# Drift of {}\n\n", prose(&report.cluster));
    let owner = match &report.owner {
        Some(owner) => format!(", of {}", prose(owner)),
        None => String::new(),
    };
    let _ = writeln!(out, "Config: {}{owner}.", code_cell(&report.config));
    if let Some(why) = report.failed() {
        let _ = writeln!(
            out,
            "\n**It could not be read ({}): this is what was known before.**",
            prose(why)
        );
    }
    let dates = standing(&report.standing);
    if !dates.is_empty() {
        let _ = writeln!(out, "\n{dates}");
    }
    type Holds = fn(&DriftItem) -> bool;
    let groups: [(&str, Holds); 3] = [
        ("Drift", |item| item.class.is_drift()),
        ("In git and not applied", |item| {
            item.class == DriftClass::Unapplied
        }),
        ("Ignored", |item| item.class == DriftClass::Ignored),
    ];
    let mut any = false;
    for (title, holds) in groups {
        let own: Vec<&DriftItem> = sorted(&report.items)
            .into_iter()
            .filter(|item| holds(item))
            .collect();
        if own.is_empty() {
            continue;
        }
        any = true;
        let _ = writeln!(out, "\n## {title}\n");
        for item in own {
            let _ = writeln!(out, "- {}", line(item));
        }
    }
    any |= rest(report, &mut out);
    if !any && report.failed().is_none() {
        out.push_str("\nGit and live agree.\n");
    }
    out
}

/// What is no difference; returns true when there is any.
fn rest(report: &DriftReport, out: &mut String) -> bool {
    let mut section = |title: &str, lines: Vec<String>| {
        if lines.is_empty() {
            return false;
        }
        let _ = writeln!(out, "\n## {title}\n");
        for line in lines {
            let _ = writeln!(out, "- {}", prose(&line));
        }
        true
    };
    let open = report.open.iter();
    let open = open.map(|open| format!("`{}`: {}.", open.subject, under_way(open)));
    let lapsed = report.lapsed.iter().map(|rule| {
        format!(
            "`{}` of {} ran out on {}: {}.",
            rule.path,
            rule.owner,
            rule.expires.day(),
            rule.reason.trim_end_matches('.')
        )
    });
    let unread = report.unread.iter().map(|name| format!("`{name}`"));
    let shown = [
        section("Replacements under way", open.collect()),
        section("Ignore rules that have run out", lapsed.collect()),
        section("Not read", unread.collect()),
    ];
    shown.contains(&true)
}

/// One difference on one line.
fn line(item: &DriftItem) -> String {
    let (git, live) = sides(item);
    format!(
        "{}: git {}, live {} ({}). {} First seen {}.{}",
        code_cell(&place(item)),
        code_cell(&git),
        code_cell(&live),
        prose(&takes(item)),
        prose(&story(item)),
        item.first_seen,
        prose(&last_author(item))
    )
}

fn standing(standing: &Standing) -> String {
    let Some(version) = standing.version else {
        return String::new();
    };
    let mut parts = vec![format!("Kubernetes {version}")];
    if let Some(until) = standing.standard_until {
        parts.push(format!("standard support until {}", until.day()));
    }
    if let Some(until) = standing.extended_until {
        let price = match standing.extended_dollars_a_month {
            Some(dollars) => format!(" at about ${dollars} a month"),
            None => String::new(),
        };
        parts.push(format!("extended support until {}{price}", until.day()));
    }
    if let Some(until) = standing.rollback_until {
        parts.push(format!(
            "rollback of the last upgrade possible until {until}"
        ));
    }
    format!("{}.", parts.join(", "))
}

/// Returns the page of the fleet: a row per cluster, with links to the pages beside it. `unusable` are
/// clusters that have a report which cannot be read, so that nothing is said of them in numbers.
pub fn drift_files_page(reports: &[&DriftReport], unusable: &BTreeSet<String>) -> String {
    let number = |report: &DriftReport, holds: fn(DriftClass) -> bool| {
        report.items.iter().filter(|item| holds(item.class)).count()
    };
    let drift = |report: &DriftReport| number(report, DriftClass::is_drift);
    let unapplied = |report: &DriftReport| number(report, |c| c == DriftClass::Unapplied);
    let ignored = |report: &DriftReport| number(report, |c| c == DriftClass::Ignored);
    let total = |of: &dyn Fn(&DriftReport) -> usize| -> usize {
        reports.iter().map(|report| of(report)).sum()
    };
    let failed = reports.iter().filter(|r| r.failed().is_some()).count();
    let mut out = String::from("# Drift\n\nWritten by `stairway drift`; edits are lost.\n\n");
    let _ = writeln!(
        out,
        "{} drifted, {} unapplied, {} ignored on {}; {} not read.\n",
        total(&drift),
        total(&unapplied),
        total(&ignored),
        count(reports.len(), "cluster"),
        failed
    );
    if !unusable.is_empty() {
        let clusters = count(unusable.len(), "cluster");
        let _ = writeln!(
            out,
            "Not counted: {clusters} whose report cannot be read.\n"
        );
    }
    let mut rows: Vec<(&str, Vec<String>)> = reports
        .iter()
        .map(|report| {
            let standing = &report.standing;
            let row = vec![
                format!("[{}]({}.md)", cell(&report.cluster), link(&report.stem())),
                drift(report).to_string(),
                unapplied(report).to_string(),
                ignored(report).to_string(),
                report.open.len().to_string(),
                standing.version.map_or(String::new(), |v| v.to_string()),
                standing.standard_until.map_or(String::new(), |t| t.day()),
                cell(report.owner.as_deref().unwrap_or("")),
                cell(&report.read),
            ];
            (report.cluster.as_str(), row)
        })
        .collect();
    rows.extend(unusable.iter().map(|name| {
        let mut row = vec![format!("[{}]({}.md)", cell(name), link(&stem_of(name)))];
        row.resize(8, "?".to_owned());
        row.push("report cannot be read".to_owned());
        (name.as_str(), row)
    }));
    rows.sort();
    let rows: Vec<Vec<String>> = rows.into_iter().map(|(_, row)| row).collect();
    let titles = [
        "cluster",
        "drift",
        "unapplied",
        "ignored",
        "under way",
        "version",
        "standard support until",
        "owner",
        "read",
    ];
    out.push_str(&table(&titles, &rows));
    out
}

/// A file's name as the target of a link.
fn link(name: &str) -> String {
    let mut out = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Returns the pages of an invocation as one, for a comment or a summary of a job.
pub fn drift_markdown(set: &DriftSet) -> String {
    let mut out = format!("{}\n", drift_line(&set.summary));
    for cluster in &set.clusters {
        let report = &cluster.report;
        let quiet = report.items.is_empty()
            && report.open.is_empty()
            && report.lapsed.is_empty()
            && report.unread.is_empty()
            && report.failed().is_none()
            && cluster.resolved.is_empty()
            && !cluster.last_unread;
        if quiet {
            continue;
        }
        let _ = write!(out, "\n#{}", drift_page(report).replace("\n## ", "\n### "));
        if cluster.last_unread {
            let _ = writeln!(out, "\n**{LAST_UNREAD}**");
        }
        for (title, items) in [
            ("New", new_items(cluster)),
            ("Resolved", cluster.resolved.iter().collect()),
        ] {
            if !items.is_empty() {
                let places: Vec<String> = items.iter().map(|i| code_cell(&place(i))).collect();
                let _ = writeln!(out, "\n{title}: {}.", places.join(", "));
            }
        }
    }
    for error in &set.errors {
        let _ = writeln!(
            out,
            "\n**{}: {}.** {}",
            heading(set, &error.name),
            prose(&error.name),
            prose(&error.error)
        );
    }
    out
}

fn new_items(cluster: &DriftedCluster) -> Vec<&DriftItem> {
    let items = sorted(&cluster.report.items);
    items.into_iter().filter(|i| cluster.is_new(i)).collect()
}

/// Returns subject and body of the commit that brings the reports of these clusters; `gone` are those
/// that the fleet has no more.
pub fn drift_message(changed: &[&DriftedCluster], gone: &[String]) -> (String, String) {
    let sum = |of: fn(&DriftedCluster) -> usize| -> usize {
        changed.iter().map(|cluster| of(cluster)).sum()
    };
    let (new, resolved) = (sum(|c| c.new.len()), sum(|c| c.resolved.len()));
    let clusters = count(changed.len() + gone.len(), "cluster");
    let subject = match (new, resolved) {
        (0, 0) => format!("drift: reports of {clusters}, none new, none resolved"),
        (new, 0) => format!("drift: {new} new in {clusters}"),
        (0, resolved) => format!("drift: {resolved} resolved in {clusters}"),
        (new, resolved) => format!("drift: {new} new, {resolved} resolved in {clusters}"),
    };
    let mut lines = Vec::new();
    for cluster in changed {
        let name = &cluster.report.cluster;
        for item in new_items(cluster) {
            let (git, live) = sides(item);
            lines.push(format!(
                "new: {name}: {}: git {git}, live {live}",
                place(item)
            ));
        }
        for item in &cluster.resolved {
            lines.push(format!("resolved: {name}: {}", place(item)));
        }
        if let Some(why) = cluster.report.failed() {
            lines.push(format!("not read: {name}: {why}"));
        }
        if cluster.new.is_empty()
            && cluster.resolved.is_empty()
            && cluster.report.failed().is_none()
        {
            lines.push(format!("changed: {name}"));
        }
    }
    lines.extend(
        gone.iter()
            .map(|name| format!("no more in the fleet: {name}")),
    );
    if lines.len() > LINES_IN_MESSAGE {
        let more = lines.len() - LINES_IN_MESSAGE;
        lines.truncate(LINES_IN_MESSAGE);
        lines.push(format!("and {more} more"));
    }
    (subject, lines.join("\n"))
}
