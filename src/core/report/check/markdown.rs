//! A check as Markdown.

use super::super::comment::{Blocked, Sheet, blockers, marker_of, without_plan};
use super::super::markdown::findings;
use super::super::markup::{code_cell, html, prose, shortened};
use super::super::words::{count, list_some};
use super::{CheckReport, CheckedCluster};
use crate::plan::wire::{Finding, Severity};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// How many clusters without a finding are named.
const NAMES_SHOWN: usize = 40;

/// Bytes for what always stands on the page: marker, totals twice, the note of what is left out, which
/// has at most eight lines.
const FRAME: usize = 2_048;
/// A name longer than this is shortened.
const NAME_MAX: usize = 96;
/// The line about decisions that cover nothing is shortened to this.
const IDLE_MAX: usize = 2_000;

/// The part of the room that is kept free for what blocks when errors are many.
const BLOCKERS_SHARE: usize = 4;

/// Returns the report as a page of Markdown of at most `sheet.limit` bytes: the totals, what could
/// not be checked, each cluster with findings from `floor` up, the worst first and open where
/// something blocks, the totals again. Where not all fits, every cluster on which something blocks is
/// named before any details are there; the least bad clusters become a line each, then a number.
pub fn check_markdown(report: &CheckReport, floor: Severity, sheet: &Sheet) -> String {
    let line = report.line();
    let marker = marker_of("check", &sheet.key, "all");
    let limit = sheet.limit.max(Sheet::LEAST);
    let mut page = Page {
        room: limit - FRAME,
        body: String::new(),
        cuts: Vec::new(),
    };
    let mut clear = Vec::new();
    let mut found = Vec::new();
    for cluster in report.by_risk() {
        let shown = cluster.findings.iter().filter(|one| one.severity <= floor);
        let shown: Vec<&Finding> = shown.collect();
        if shown.is_empty() {
            clear.push(prose(&shortened(&cluster.name, NAME_MAX)));
        } else {
            found.push((cluster, shown));
        }
    }
    if !report.errors.is_empty() {
        let stuck = found.iter().filter(|(_, shown)| blocking(shown) > 0);
        let names = stuck.map(|(cluster, shown)| one_line(cluster, shown).len());
        let kept = names.fold(0, usize::saturating_add);
        let room = page.room - kept.min(page.room / BLOCKERS_SHARE);
        let head = format!(
            "## Not checked: {}\n\n",
            count(report.errors.len(), "cluster")
        );
        let text = without_plan(&head, &report.errors, room, &mut page.cuts);
        page.put(&text);
    }
    if !whole(&found, &mut page) {
        partly(&found, &mut page);
    }
    if !clear.is_empty() {
        let names = list_some(&clear, NAMES_SHOWN);
        let number = count(clear.len(), "cluster");
        let text = format!("{} on {number}: {names}.\n\n", nothing(floor));
        if !page.put(&text) {
            page.cuts
                .push(format!("{number} with nothing to say about"));
        }
    }
    if let Some(idle) = report.idle_line() {
        page.put(&format!("{}\n\n", prose(&shortened(&idle, IDLE_MAX))));
    }
    let Page { body, cuts, .. } = page;
    let note = note(&cuts, limit, sheet.whole.as_deref());
    format!("{marker}\n# Check\n\n{line}\n\n{note}{body}{line}\n")
}

/// A page under construction.
struct Page {
    room: usize,
    body: String,
    cuts: Vec<String>,
}

impl Page {
    /// Adds `text` if it fits into what is left.
    fn put(&mut self, text: &str) -> bool {
        let fits = text.len() <= self.room;
        if fits {
            self.room -= text.len();
            self.body.push_str(text);
        }
        fits
    }
}

/// Clusters with what is shown of them, the worst first.
type Found<'r> = [(&'r CheckedCluster, Vec<&'r Finding>)];

/// Writes every cluster in full; nothing when they do not all fit.
fn whole(found: &Found<'_>, page: &mut Page) -> bool {
    let mut text = String::new();
    for (cluster, shown) in found {
        text.push_str(&section(cluster, shown));
        if text.len() > page.room {
            return false;
        }
    }
    page.put(&text)
}

/// Writes what blocks on all clusters, then the worst clusters in full, then the others in a line each.
fn partly(found: &Found<'_>, page: &mut Page) {
    let stuck = found.iter();
    let stuck: Vec<Blocked<'_>> = stuck
        .filter_map(|(cluster, shown)| Blocked::among(&cluster.name, shown))
        .collect();
    if !stuck.is_empty() {
        let text = blockers(&stuck, page.room, &mut page.cuts);
        page.put(&text);
    }
    let mut named = 0;
    let mut lines = Vec::new();
    let mut missed = false;
    for (cluster, shown) in found {
        missed = missed || !page.put(&section(cluster, shown));
        if !missed {
            continue;
        }
        if blocking(shown) > 0 {
            named += 1;
        } else {
            lines.push(one_line(cluster, shown));
        }
    }
    if named > 0 {
        let clusters = count(named, "cluster");
        let cut = format!("the findings in full of {clusters}, which are in *What blocks*");
        page.cuts.push(cut);
    }
    if lines.is_empty() {
        return;
    }
    let unnamed = lines.iter().filter(|text| !page.put(text)).count();
    page.put("\n");
    let clusters = count(lines.len(), "cluster");
    let unnamed = match unnamed {
        0 => String::new(),
        number => format!("; {number} are not named"),
    };
    let cut = format!("the findings of {clusters} on which nothing blocks{unnamed}");
    page.cuts.push(cut);
}

fn blocking(shown: &[&Finding]) -> usize {
    shown.iter().filter(|one| super::blocks(one)).count()
}

fn note(cuts: &[String], limit: usize, whole: Option<&str>) -> String {
    if cuts.is_empty() {
        return String::new();
    }
    let kib = limit >> 10;
    let mut out = format!(
        "> **Shortened to {kib} KiB.** What blocks is named first; names that do not fit are counted. Left out or shortened:\n"
    );
    for cut in cuts {
        let _ = writeln!(out, "> * {cut}");
    }
    let everything = match whole {
        Some(path) => format!(
            "Everything: {}, which the same run wrote.",
            code_cell(&shortened(path, 2 * NAME_MAX))
        ),
        None => "`stairway check --json-into report.json` writes everything.".to_owned(),
    };
    let _ = write!(out, ">\n> {everything}\n\n");
    out
}

/// Returns what is said of clusters with no finding from `floor` up.
pub(super) const fn nothing(floor: Severity) -> &'static str {
    match floor {
        Severity::Note => "Nothing found",
        Severity::Mandatory | Severity::Blocking | Severity::Warning => "Nothing of this severity",
    }
}

/// One cluster without its findings' words, every blocking code named.
fn one_line(cluster: &CheckedCluster, shown: &[&Finding]) -> String {
    let codes: BTreeSet<&str> = shown
        .iter()
        .filter(|one| super::blocks(one))
        .map(|one| one.code.as_str())
        .collect();
    let codes: Vec<String> = codes
        .into_iter()
        .map(|code| code_cell(&shortened(code, NAME_MAX)))
        .collect();
    let codes = if codes.is_empty() {
        String::new()
    } else {
        format!(", blocking: {}", codes.join(", "))
    };
    let name = prose(&shortened(&cluster.name, NAME_MAX));
    format!("* {name}: {}{codes}\n", count(shown.len(), "finding"))
}

fn section(cluster: &CheckedCluster, shown: &[&Finding]) -> String {
    let blocking = blocking(shown);
    let open = if blocking > 0 { " open" } else { "" };
    let state = match blocking {
        0 => count(shown.len(), "finding"),
        number => format!("{number} blocking of {}", count(shown.len(), "finding")),
    };
    let mut out = format!(
        "<details{open}><summary><b>{}</b>: {state}</summary>\n\n",
        html(&shortened(&cluster.name, NAME_MAX))
    );
    if !cluster.config.is_empty() {
        let _ = write!(out, "Config {}\n\n", code_cell(&cluster.config));
    }
    findings(shown.iter().copied(), "###", &mut out);
    out.push_str("</details>\n\n");
    out
}
