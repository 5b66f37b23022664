//! A check as JUnit XML: a suite per cluster, a case per finding.

use super::super::findings::{blocks, waiver, window};
use super::super::layout::is_steering;
use super::super::markup::entity;
use super::super::words::{list_some, severity};
use super::{CheckReport, CheckedCluster};
use crate::plan::wire::Finding;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How many objects of one finding are listed.
const OBJECTS_SHOWN: usize = 50;

/// Returns the report as JUnit XML: blocking findings fail, waived ones are skipped, warnings and
/// notes pass with their text, and a cluster that could not be checked is an error.
pub fn check_junit(report: &CheckReport) -> String {
    let blocking = report.summary.blocking;
    let errors = report.errors.len();
    let tests: usize = report.clusters.iter().map(cases).sum::<usize>() + errors;
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        out,
        "<testsuites name=\"stairway check\" tests=\"{tests}\" failures=\"{blocking}\" errors=\"{errors}\">"
    );
    for cluster in &report.clusters {
        suite(cluster, &mut out);
    }
    for error in &report.errors {
        let name = attribute(&error.name);
        let first = error.error.lines().next().unwrap_or_default();
        let _ = writeln!(
            out,
            "  <testsuite name=\"{name}\" tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\">\n    \
             <testcase classname=\"{name}\" name=\"check\">\n      \
             <error message=\"{}\" type=\"not-checked\">{}</error>\n    </testcase>\n  </testsuite>",
            attribute(first),
            body(&error.error)
        );
    }
    out.push_str("</testsuites>\n");
    out
}

/// A cluster without a finding has one case that passes, so that a report shows it was checked.
fn cases(cluster: &CheckedCluster) -> usize {
    cluster.findings.len().max(1)
}

fn suite(cluster: &CheckedCluster, out: &mut String) {
    let failures = cluster.findings.iter().filter(|one| blocks(one)).count();
    let skipped = cluster.findings.iter().filter(|one| skips(one)).count();
    let name = attribute(&cluster.name);
    let _ = writeln!(
        out,
        "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\">",
        cases(cluster)
    );
    if cluster.findings.is_empty() {
        let _ = writeln!(
            out,
            "    <testcase classname=\"{name}\" name=\"nothing found\"/>"
        );
    }
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for finding in &cluster.findings {
        let title = format!("{} {}", finding.code, finding.subject);
        let title = title.trim_end().to_owned();
        let again = seen.entry(title.clone()).or_insert(0);
        *again += 1;
        let title = match *again {
            1 => title,
            number => format!("{title} #{number}"),
        };
        let case = format!(
            "    <testcase classname=\"{name}\" name=\"{}\"{}",
            attribute(&title),
            place(cluster)
        );
        let _ = writeln!(out, "{case}>\n{}    </testcase>", inner(finding));
    }
    out.push_str("  </testsuite>\n");
}

/// A waived finding is skipped; a mandatory one fails all the same, and a case has one outcome.
const fn skips(finding: &Finding) -> bool {
    finding.waived.is_some() && !blocks(finding)
}

fn place(cluster: &CheckedCluster) -> String {
    if cluster.config.is_empty() {
        String::new()
    } else {
        format!(" file=\"{}\"", attribute(&cluster.config))
    }
}

fn inner(finding: &Finding) -> String {
    if blocks(finding) {
        return format!(
            "      <failure message=\"{}\" type=\"{}\">{}</failure>\n",
            attribute(&finding.message),
            severity(finding.severity).to_lowercase(),
            body(&long(finding))
        );
    }
    if let Some(waived) = &finding.waived {
        let why = attribute(&waiver(waived));
        return format!(
            "      <skipped message=\"{why}\"/>\n      <system-out>{}</system-out>\n",
            body(&long(finding))
        );
    }
    format!("      <system-out>{}</system-out>\n", body(&long(finding)))
}

/// Everything about a finding, one fact per line.
fn long(finding: &Finding) -> String {
    let mut lines = vec![format!(
        "{}: {}",
        severity(finding.severity),
        finding.message
    )];
    if finding.not_assessed {
        lines.push("Not assessed: a fact is unknown.".to_owned());
    }
    if let Some(applies) = &finding.applies {
        lines.push(format!("Counts {}.", window(applies)));
    }
    if !finding.objects.is_empty() {
        let objects = list_some(&finding.objects, OBJECTS_SHOWN);
        lines.push(format!("Affects: {objects}"));
    }
    if !finding.remedy.is_empty() {
        lines.push(format!("Do: {}", finding.remedy));
    }
    if !finding.source.is_empty() {
        lines.push(format!("Source: {}", finding.source));
    }
    lines.join("\n")
}

/// Escapes text for an attribute, where a line break would become a space anyway.
fn attribute(text: &str) -> String {
    escaped(&text.replace(['\n', '\r', '\t'], " "))
}

/// Escapes text for the inside of an element; line breaks stay.
fn body(text: &str) -> String {
    escaped(text)
}

/// Escapes what XML acts on; what XML 1.0 cannot hold, and what steers a screen, is replaced.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for sign in text.chars() {
        match (entity(sign), sign) {
            (Some(entity), _) => out.push_str(entity),
            (None, '\'') => out.push_str("&apos;"),
            (None, '\n') => out.push('\n'),
            (None, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            (None, _) if is_steering(sign) => out.push('\u{fffd}'),
            (None, _) => out.push(sign),
        }
    }
    out
}

#[cfg(test)]
mod tests;
