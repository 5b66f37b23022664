//! Findings: the worst first, what is alike said once.

use super::layout::{Page, clean, clip};
use super::style::Ink;
use super::words::{list_some, severity};
use crate::plan::wire::{Finding, Severity};

/// How many subjects of one message are listed.
const SUBJECTS_SHOWN: usize = 6;

/// Findings with one code and one remedy.
pub(super) struct Group<'a> {
    /// The first of them, for code, severity, rule, remedy and source.
    pub(super) first: &'a Finding,
    /// Each message with its subjects.
    pub(super) messages: Vec<(&'a str, Vec<String>)>,
}

/// Returns the findings by severity, code and remedy.
pub(super) fn groups<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Vec<Group<'a>> {
    let mut sorted: Vec<&Finding> = findings.into_iter().collect();
    sorted.sort_by(|one, other| key(one).cmp(&key(other)));
    let mut groups: Vec<Group<'a>> = Vec::new();
    for finding in sorted {
        let alike = |group: &&mut Group<'_>| {
            let first = group.first;
            (
                first.severity,
                &first.code,
                &first.remedy,
                &first.source,
                first.not_assessed,
            ) == (
                finding.severity,
                &finding.code,
                &finding.remedy,
                &finding.source,
                finding.not_assessed,
            )
        };
        let Some(group) = groups.last_mut().filter(alike) else {
            let messages = vec![(finding.message.as_str(), subjects(finding))];
            groups.push(Group {
                first: finding,
                messages,
            });
            continue;
        };
        match group
            .messages
            .iter_mut()
            .find(|(message, _)| *message == finding.message)
        {
            Some((_, known)) => known.extend(subjects(finding)),
            None => group.messages.push((&finding.message, subjects(finding))),
        }
    }
    groups
}

fn key(finding: &Finding) -> (Severity, &str, &str, &str, bool, &str, &str) {
    let Finding {
        code,
        rule: _,
        severity,
        subject,
        message,
        remedy,
        source,
        not_assessed,
        objects: _,
        applies: _,
        waived: _,
    } = finding;
    (
        *severity,
        code,
        remedy,
        source,
        *not_assessed,
        subject,
        message,
    )
}

fn subjects(finding: &Finding) -> Vec<String> {
    if finding.subject.is_empty() {
        Vec::new()
    } else {
        vec![finding.subject.clone()]
    }
}

/// Returns the color of a severity.
pub(super) const fn ink(severity: Severity) -> Ink {
    match severity {
        Severity::Mandatory => Ink::Bad,
        Severity::Blocking | Severity::Warning => Ink::Caution,
        Severity::Note => Ink::Faint,
    }
}

/// Writes findings, each with what to do; nothing when there is none.
pub(super) fn write<'a>(
    findings: impl IntoIterator<Item = &'a Finding>,
    indent: usize,
    page: &mut Page,
) {
    for group in groups(findings) {
        let first = group.first;
        let rule = if first.rule.is_empty() || first.code.contains(&first.rule) {
            String::new()
        } else {
            format!(" ({})", first.rule)
        };
        let unread = if first.not_assessed {
            ", not assessed"
        } else {
            ""
        };
        let head = format!("{} {}{rule}{unread}", severity(first.severity), first.code);
        let head = clip(
            &clean(&head, page.look),
            page.look.columns() - indent,
            page.look,
        );
        page.line(format!(
            "{}{}",
            " ".repeat(indent),
            page.look.paint(ink(first.severity), &head)
        ));
        for (message, subjects) in &group.messages {
            let about = list_some(subjects, SUBJECTS_SHOWN);
            let lead = if about.is_empty() {
                String::new()
            } else {
                format!("{about}: ")
            };
            page.say(indent + 4, Ink::Plain, &format!("{lead}{message}"));
        }
        if !first.remedy.is_empty() {
            page.item("Do: ", indent + 4, Ink::Plain, &first.remedy);
        }
        if !first.source.is_empty() {
            page.item("Source: ", indent + 4, Ink::Faint, &first.source);
        }
    }
}
