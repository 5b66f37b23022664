//! A check as workflow commands of GitHub Actions, which it shows as annotations.

use super::super::layout::is_steering;
use super::super::words::count;
use super::CheckReport;
use crate::plan::wire::{Finding, Severity};
use std::fmt::Write as _;

/// Annotations of one kind that a step shows; what is above is dropped without a word.
/// GitHub Docs, "Annotation limits": 10 of each kind per step.
const PER_KIND: usize = 10;

/// Returns `::error …::…` lines, at most ten of each kind: where there are more, the tenth says so.
pub fn check_annotations(report: &CheckReport) -> String {
    let mut out = String::new();
    for (kind, severities) in [
        (
            "error",
            [Severity::Mandatory, Severity::Blocking].as_slice(),
        ),
        ("warning", &[Severity::Warning]),
        ("notice", &[Severity::Note]),
    ] {
        let mut lines = Vec::new();
        if kind == "error" {
            for error in &report.errors {
                let title = format!(
                    "title={}",
                    property(&format!("{} was not checked", error.name))
                );
                lines.push(format!("::error {title}::{}", text(&error.error)));
            }
        }
        for cluster in report.by_risk() {
            let own = cluster.findings.iter();
            let own = own.filter(|one| one.waived.is_none() && severities.contains(&one.severity));
            lines.extend(own.map(|one| line(kind, &cluster.name, &cluster.config, one)));
        }
        if let Some(more) = lines.len().checked_sub(PER_KIND).filter(|more| *more > 0) {
            lines.truncate(PER_KIND - 1);
            // The tenth place is for this line, so one more is not shown.
            let more = count(more + 1, "more finding");
            lines.push(format!(
                "::{kind} title=stairway check::{more} of this kind; `stairway check` lists all"
            ));
        }
        for line in lines {
            let _ = writeln!(out, "{line}");
        }
    }
    out
}

fn line(kind: &str, cluster: &str, config: &str, finding: &Finding) -> String {
    let file = if config.is_empty() {
        String::new()
    } else {
        format!("file={},line=1,", property(config))
    };
    let title = property(&format!("{} on {cluster}", finding.code));
    let about = if finding.subject.is_empty() {
        String::new()
    } else {
        format!("{}: ", finding.subject)
    };
    let remedy = if finding.remedy.is_empty() {
        String::new()
    } else {
        format!("\nDo: {}", finding.remedy)
    };
    let words = text(&format!("{about}{}{remedy}", finding.message));
    format!("::{kind} {file}title={title}::{words}")
}

/// Escapes the message of a command, as `escapeData` of the Actions toolkit does.
fn text(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    for sign in words.chars() {
        match sign {
            '%' => out.push_str("%25"),
            '\n' => out.push_str("%0A"),
            '\r' => out.push_str("%0D"),
            '\t' => out.push(' '),
            _ if is_steering(sign) => out.push('\u{fffd}'),
            _ => out.push(sign),
        }
    }
    out
}

/// Escapes a property, as `escapeProperty` of the Actions toolkit does.
fn property(words: &str) -> String {
    text(words).replace(':', "%3A").replace(',', "%2C")
}
