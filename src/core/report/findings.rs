//! Findings: the worst first, what is alike said once.

use super::layout::{Page, clean, clip};
use super::style::Ink;
use super::words::{list_some, severity};
use crate::plan::wire::{Applies, Finding, Severity, Waived};

/// How many subjects of one message are listed.
const SUBJECTS_SHOWN: usize = 6;
/// How many objects of one message are listed: a drain can name every pod of a group.
const OBJECTS_SHOWN: usize = 8;

/// Findings with one code and one remedy.
pub(super) struct Group<'a> {
    /// The first of them, for code, severity, rule, remedy, source, window and waiver.
    pub(super) first: &'a Finding,
    /// Each message once.
    pub(super) messages: Vec<Said<'a>>,
}

/// One message, with everything it is said of.
pub(super) struct Said<'a> {
    /// What is the matter.
    message: &'a str,
    subjects: Vec<String>,
    objects: Vec<String>,
}

impl Said<'_> {
    /// Returns `subjects: message`.
    pub(super) fn text(&self) -> String {
        let about = list_some(&self.subjects, SUBJECTS_SHOWN);
        let lead = if about.is_empty() {
            String::new()
        } else {
            format!("{about}: ")
        };
        format!("{lead}{}", self.message)
    }

    /// Returns the affected objects, up to a bound; empty when none is named.
    pub(super) fn objects(&self) -> String {
        list_some(&self.objects, OBJECTS_SHOWN)
    }

    fn add(&mut self, finding: &Finding) {
        self.subjects.extend(subjects(finding));
        self.objects.extend(finding.objects.iter().cloned());
        self.objects.sort();
        self.objects.dedup();
    }
}

impl<'a> Group<'a> {
    fn of(finding: &'a Finding) -> Self {
        Self {
            first: finding,
            messages: vec![Said::of(finding)],
        }
    }

    /// Returns what stands behind the code: `, not assessed, from 1.33 on`.
    pub(super) fn marks(&self) -> String {
        let mut text = String::new();
        if self.first.waived.is_some() && !blocks(self.first) {
            text.push_str(", waived");
        }
        if self.first.not_assessed {
            text.push_str(", not assessed");
        }
        let window = self.first.applies.as_ref().map(window).unwrap_or_default();
        if !window.is_empty() {
            text.push_str(", ");
            text.push_str(&window);
        }
        text
    }
}

impl<'a> Said<'a> {
    fn of(finding: &'a Finding) -> Self {
        let mut said = Self {
            message: &finding.message,
            subjects: Vec::new(),
            objects: Vec::new(),
        };
        said.add(finding);
        said
    }
}

/// Returns when a finding counts: `from 1.33 on`, `until 2027-03-01`; empty for always.
pub(super) fn window(applies: &Applies) -> String {
    let Applies {
        from,
        until,
        since,
        before,
    } = applies;
    let mut parts = Vec::new();
    match (from, until) {
        (Some(from), Some(until)) if from == until => parts.push(format!("at {from}")),
        (Some(from), Some(until)) => parts.push(format!("from {from} to {until}")),
        (Some(from), None) => parts.push(format!("from {from} on")),
        (None, Some(until)) => parts.push(format!("up to {until}")),
        (None, None) => {}
    }
    match (since, before) {
        (Some(since), Some(before)) => {
            parts.push(format!("from {} until {}", since.day(), before.day()));
        }
        (Some(since), None) => parts.push(format!("from {} on", since.day())),
        (None, Some(before)) => parts.push(format!("until {}", before.day())),
        (None, None) => {}
    }
    parts.join(", ")
}

/// Returns `waived until 2027-03-01 by platform: why`.
pub(super) fn waiver(waived: &Waived) -> String {
    let Waived {
        owner,
        reason,
        expires,
    } = waived;
    format!("waived until {} by {owner}: {reason}", expires.day())
}

/// Returns true for a finding that somebody must mend or waive; a mandatory one can only be mended.
pub(super) const fn blocks(finding: &Finding) -> bool {
    match finding.severity {
        Severity::Mandatory => true,
        Severity::Blocking => finding.waived.is_none(),
        Severity::Warning | Severity::Note => false,
    }
}

/// Returns the findings by severity, code and remedy.
pub(super) fn groups<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Vec<Group<'a>> {
    let mut sorted: Vec<&Finding> = findings.into_iter().collect();
    sorted.sort_by(|one, other| key(one).cmp(&key(other)));
    let mut groups: Vec<Group<'a>> = Vec::new();
    for finding in sorted {
        let alike = |group: &&mut Group<'_>| {
            let first = group.first;
            (&first.source, &first.applies, &first.waived)
                == (&finding.source, &finding.applies, &finding.waived)
                && (
                    first.severity,
                    &first.code,
                    &first.remedy,
                    first.not_assessed,
                ) == (
                    finding.severity,
                    &finding.code,
                    &finding.remedy,
                    finding.not_assessed,
                )
        };
        let Some(group) = groups.last_mut().filter(alike) else {
            groups.push(Group::of(finding));
            continue;
        };
        match group
            .messages
            .iter_mut()
            .find(|said| said.message == finding.message)
        {
            Some(said) => said.add(finding),
            None => group.messages.push(Said::of(finding)),
        }
    }
    groups
}

/// What findings are sorted by.
type Rank<'a> = (
    (Severity, bool, &'a str, &'a str, &'a str, bool),
    (String, String, &'a str, &'a str),
);

fn key(finding: &Finding) -> Rank<'_> {
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
        applies,
        waived,
    } = finding;
    let window = applies.as_ref().map(window).unwrap_or_default();
    let waiver = waived.as_ref().map(waiver).unwrap_or_default();
    (
        (
            *severity,
            waived.is_some(),
            code,
            remedy,
            source,
            *not_assessed,
        ),
        (window, waiver, subject, message),
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
        let head = format!(
            "{} {}{rule}{}",
            severity(first.severity),
            first.code,
            group.marks()
        );
        let head = clip(
            &clean(&head, page.look),
            page.look.columns() - indent,
            page.look,
        );
        let ink = if first.waived.is_some() && !blocks(first) {
            Ink::Faint
        } else {
            ink(first.severity)
        };
        page.line(format!(
            "{}{}",
            " ".repeat(indent),
            page.look.paint(ink, &head)
        ));
        if let Some(waived) = &first.waived {
            page.say(indent + 4, Ink::Plain, &waiver(waived));
        }
        for said in &group.messages {
            page.say(indent + 4, Ink::Plain, &said.text());
            let objects = said.objects();
            if !objects.is_empty() {
                page.item("Affects: ", indent + 4, Ink::Plain, &objects);
            }
        }
        if !first.remedy.is_empty() {
            page.item("Do: ", indent + 4, Ink::Plain, &first.remedy);
        }
        if !first.source.is_empty() {
            page.item("Source: ", indent + 4, Ink::Faint, &first.source);
        }
    }
}
