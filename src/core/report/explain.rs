//! Everything that a plan says of one step.

use super::actions::by_hand;
use super::conditions::condition_in_words;
use super::findings;
use super::layout::{Page, clean};
use super::style::Look;
use super::words::{action_line, changes, count, disturbs, list, no_way_back, open_until, range};
use crate::model::say_seconds;
use crate::plan::wire::{Action, Finding, Plan, Rollback, Step};
use std::fmt::Write as _;

/// Returns a step in full: why, what must hold, what is executed byte for byte, what
/// it waits for, who is disturbed, and the way back.
pub fn explain_step(step: &Step) -> String {
    let mut out = format!("{}\n", step.id);
    let _ = writeln!(out, "on cluster {}, {}\n", step.cluster, step.subject);
    section(&mut out, "Why", &step.reason);
    section(&mut out, "What changes", &change_list(step));
    let conditions: Vec<String> = step.preconditions.iter().map(condition_in_words).collect();
    section(&mut out, "Only if, read live right before", &conditions);
    actions(&mut out, "What is executed", &step.actions);
    if let Some(wait) = &step.wait {
        let text = format!(
            "{}. Read every {}, given up after {}.",
            condition_in_words(&wait.condition),
            say_seconds(u64::from(wait.every)),
            say_seconds(u64::from(wait.at_most))
        );
        section(&mut out, "Done when", &[text]);
    }
    section(&mut out, "Who is disturbed", &disturbed(step));
    section(&mut out, "How long", &how_long(step));
    way_back(&mut out, step);
    ended(out)
}

/// Returns the findings with this code in plans, with everything that each affects; empty when there
/// is none.
pub fn explain_findings(plans: &[Plan], code: &str, look: Look) -> String {
    let mut page = Page::new(look);
    let mut found = false;
    for plan in plans {
        let own = plan.findings.iter();
        let own: Vec<&Finding> = own
            .filter(|finding| finding.code.eq_ignore_ascii_case(code))
            .collect();
        if own.is_empty() {
            continue;
        }
        found = true;
        page.gap();
        page.line(clean(&format!("On {}:", plan.name), look));
        findings::write(own, 2, &mut page);
    }
    if found { page.finish() } else { String::new() }
}

/// Ends a page with exactly one line break.
pub(super) fn ended(mut page: String) -> String {
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

pub(super) fn section(out: &mut String, title: &str, lines: &[String]) {
    if lines.iter().all(String::is_empty) {
        return;
    }
    let _ = writeln!(out, "{title}:");
    for line in lines.iter().filter(|line| !line.is_empty()) {
        let _ = writeln!(out, "  {line}");
    }
    out.push('\n');
}

fn change_list(step: &Step) -> Vec<String> {
    let say = |value: Option<String>, none: &str| value.unwrap_or_else(|| none.to_owned());
    changes(step)
        .into_iter()
        .map(|change| {
            let name = if change.name.is_empty() {
                "version".to_owned()
            } else {
                change.name
            };
            format!(
                "{name}: {} → {}",
                say(change.before, "none"),
                say(change.after, "gone")
            )
        })
        .collect()
}

fn actions(out: &mut String, title: &str, actions: &[Action]) {
    let mut lines = Vec::new();
    for action in actions {
        lines.push(action_line(action));
        lines.extend(by_hand(action).map(|command| format!("  by hand: {command}")));
        if let Action::Run {
            tool: _,
            argv: _,
            files,
        } = action
        {
            lines.extend(
                files
                    .iter()
                    .map(|file| format!("  with {}, {}", file.name, file.digest)),
            );
        }
    }
    section(out, title, &lines);
}

fn disturbed(step: &Step) -> Vec<String> {
    let words = disturbs(&step.disruption);
    let mut lines = vec![if words.is_empty() {
        "nobody".to_owned()
    } else {
        words
    }];
    if !step.disruption.pdbs.is_empty() {
        let budgets = count(step.disruption.pdbs.len(), "budget");
        lines.push(format!(
            "{budgets} may hold it up: {}",
            list(&step.disruption.pdbs)
        ));
    }
    lines
}

fn how_long(step: &Step) -> Vec<String> {
    let words = range(&step.duration);
    if words.is_empty() {
        return Vec::new();
    }
    let source = &step.duration.source;
    let source = if source.is_empty() {
        String::new()
    } else {
        format!(" (source: {source})")
    };
    vec![format!(
        "{words}, typically {}{source}",
        say_seconds(step.duration.typical)
    )]
}

fn way_back(out: &mut String, step: &Step) {
    if let Some(why) = no_way_back(step) {
        let why = if why.is_empty() {
            String::new()
        } else {
            format!(": {why}")
        };
        section(
            out,
            "Way back",
            &[format!("NO WAY BACK after this step{why}")],
        );
        return;
    }
    let words = match &step.rollback {
        Rollback::Native { to, until: _ } => format!("EKS itself goes back to {to}"),
        Rollback::Inverse { actions } if actions.is_empty() => {
            "These changes are undone.".to_owned()
        }
        Rollback::Inverse { actions: undo } => {
            actions(out, "Way back, executed on rollback", undo);
            String::new()
        }
        Rollback::Manual { runbook } => format!("By hand: {runbook}"),
        Rollback::NothingToUndo => "The step changes nothing that would need undoing.".to_owned(),
        Rollback::Irreversible { why } => format!("None: {why}"),
    };
    section(out, "Way back", &[words]);
    if let Some(until) = open_until(step) {
        section(out, "Open until", &[until.to_owned()]);
    }
}
