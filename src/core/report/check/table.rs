//! A check for a terminal.

use super::super::findings;
use super::super::fleet;
use super::super::layout::{Page, clean, clip};
use super::super::style::{Ink, Look};
use super::super::words::{count, list_some};
use super::markdown::nothing;
use super::{CheckReport, CheckedCluster};
use crate::plan::wire::{Finding, Severity};

/// How many clusters without a finding are named.
const NAMES_SHOWN: usize = 40;

/// Returns the terminal report: the totals, each cluster with findings from `floor` up, the worst
/// first, the clusters without one, the totals again.
pub fn check_table(report: &CheckReport, floor: Severity, look: &Look) -> String {
    let mut page = Page::new(*look);
    let line = report.line();
    page.line(line.clone());
    let mut clear = Vec::new();
    let mut hidden = 0;
    for cluster in report.by_risk() {
        let shown: Vec<&Finding> = cluster
            .findings
            .iter()
            .filter(|one| one.severity <= floor)
            .collect();
        hidden += cluster.findings.len() - shown.len();
        if shown.is_empty() {
            clear.push(cluster);
            continue;
        }
        page.gap();
        heading(cluster, &mut page);
        findings::write(shown, 2, &mut page);
    }
    at_ease(&clear, report, floor, &mut page);
    let alone = report.errors.is_empty() && clear.len() == report.clusters.len() && hidden == 0;
    fleet::errors(&report.errors, &mut page);
    if hidden > 0 {
        page.gap();
        let text = format!(
            "{} below this severity not shown.",
            count(hidden, "finding")
        );
        page.say(0, Ink::Faint, &text);
    }
    if let Some(idle) = report.idle_line() {
        page.gap();
        page.say(0, Ink::Plain, &idle);
    }
    if !alone {
        page.gap();
        page.line(line);
    }
    page.finish()
}

fn heading(cluster: &CheckedCluster, page: &mut Page) {
    let look = page.look;
    let blocking = cluster
        .findings
        .iter()
        .filter(|one| findings::blocks(one))
        .count();
    let state = match blocking {
        0 => String::new(),
        number => format!("  {number} blocking"),
    };
    let room = look.columns().saturating_sub(state.len());
    let name = clip(&clean(&cluster.name, look), room, look);
    let ink = if blocking > 0 { Ink::Bad } else { Ink::Plain };
    page.line(format!(
        "{}{}",
        look.paint(Ink::Strong, &name),
        look.paint(ink, &state)
    ));
    if !cluster.config.is_empty() {
        page.say(2, Ink::Faint, &cluster.config);
    }
}

/// Names the clusters with nothing to show; where that is all of them, the totals say so already.
fn at_ease(clear: &[&CheckedCluster], report: &CheckReport, floor: Severity, page: &mut Page) {
    if clear.is_empty() || clear.len() == report.clusters.len() {
        return;
    }
    page.gap();
    let names: Vec<String> = clear.iter().map(|cluster| cluster.name.clone()).collect();
    let text = format!(
        "{} on {}: {}.",
        nothing(floor),
        count(names.len(), "cluster"),
        list_some(&names, NAMES_SHOWN)
    );
    page.say(0, Ink::Good, &text);
}
