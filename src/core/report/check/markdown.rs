//! A check as Markdown.

use super::super::comment::{Sheet, marker_of};
use super::super::markdown::findings;
use super::super::markup::{code_cell, fenced, html, prose, shortened};
use super::super::words::{count, list_some};
use super::{CheckReport, CheckedCluster};
use crate::plan::wire::{ClusterError, Finding, Severity};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// How many clusters without a finding are named.
const NAMES_SHOWN: usize = 40;

/// Bytes for what always stands on the page: marker, totals twice, the lines that count what is
/// left out.
const FRAME: usize = 1_024;
/// A cluster that could not be checked has its error shortened to this.
const ERROR_MAX: usize = 1_000;
/// A name longer than this is shortened.
const NAME_MAX: usize = 96;

/// Returns the report as a page of Markdown of at most `sheet.limit` bytes: the totals, each cluster
/// with findings from `floor` up, the worst first and open where something blocks, the totals again.
/// Where there is no room the least bad clusters become a line each, and then a number.
pub fn check_markdown(report: &CheckReport, floor: Severity, sheet: &Sheet) -> String {
    let line = report.line();
    let marker = marker_of("check", &sheet.key, "all");
    let mut room = sheet.limit.max(Sheet::LEAST) - FRAME;
    let mut out = format!("{marker}\n# Check\n\n{line}\n\n");
    let mut put = |text: &str| {
        let fits = text.len() <= room;
        if fits {
            room -= text.len();
            out.push_str(text);
        }
        fits
    };
    let mut left = 0;
    for error in &report.errors {
        left += usize::from(!put(&unchecked(error)));
    }
    let mut clear = Vec::new();
    let mut short = Vec::new();
    for cluster in report.by_risk() {
        let shown: Vec<&Finding> = cluster
            .findings
            .iter()
            .filter(|one| one.severity <= floor)
            .collect();
        if shown.is_empty() {
            clear.push(prose(&shortened(&cluster.name, NAME_MAX)));
        } else if !short.is_empty() || !put(&section(cluster, &shown)) {
            short.push(one_line(cluster, &shown));
        }
    }
    let unnamed = short.iter().filter(|text| !put(text)).count();
    if !short.is_empty() {
        let _blank_line = put("\n");
    }
    if !clear.is_empty() {
        let names = list_some(&clear, NAMES_SHOWN);
        let number = count(clear.len(), "cluster");
        let _left_out_first = put(&format!("{} on {number}: {names}.\n\n", nothing(floor)));
    }
    if let Some(idle) = report.idle_line() {
        let _left_out_first = put(&format!("{}\n\n", prose(&shortened(&idle, ERROR_MAX))));
    }
    if !short.is_empty() {
        let _ = write!(
            out,
            "> **Shortened.** Of {} only the numbers are here, and {unnamed} are not named. Everything: `stairway check --format json`.\n\n",
            count(short.len(), "cluster")
        );
    }
    if left > 0 {
        let left = count(left, "cluster");
        let _ = write!(out, "{left} more could not be checked.\n\n");
    }
    let _ = writeln!(out, "{line}");
    out
}

/// Returns what is said of clusters with no finding from `floor` up.
pub(super) const fn nothing(floor: Severity) -> &'static str {
    match floor {
        Severity::Note => "Nothing found",
        Severity::Mandatory | Severity::Blocking | Severity::Warning => "Nothing of this severity",
    }
}

fn unchecked(error: &ClusterError) -> String {
    let mut out = format!(
        "## {} was not checked\n\n{}\n",
        prose(&shortened(&error.name, NAME_MAX)),
        fenced("text", &shortened(&error.error, ERROR_MAX))
    );
    if let Some(hint) = &error.hint {
        let _ = write!(out, "Hint: {}\n\n", prose(&shortened(hint, ERROR_MAX)));
    }
    out
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
    let blocking = shown.iter().filter(|one| super::blocks(one)).count();
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
