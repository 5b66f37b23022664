//! Why not now: each reason once, then the steps that it holds back.

use super::layout::Page;
use super::style::Ink;
use super::table::{Cell, Column, blocks};
use super::words::{change_lines, count, list_some};
use crate::plan::wire::{BlockedBy, LaterStep};
use std::collections::BTreeMap;

/// The code of a blocker that is only a step which must come first.
pub(super) const AFTER: &str = "after";
/// How many subjects of one reason are listed.
const SUBJECTS_SHOWN: usize = 6;

/// A reason with every subject that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reason {
    /// How the steps refer to it: `A`, `B`, …
    pub(super) mark: String,
    /// The rule or the finding.
    pub(super) code: String,
    /// What it names, each once, in order of appearance.
    pub(super) subjects: Vec<String>,
    /// Why.
    pub(super) why: String,
}

impl Reason {
    /// Returns `A. R4, nodegroup core-a: why`.
    pub(super) fn text(&self) -> String {
        let subjects = list_some(&self.subjects, SUBJECTS_SHOWN);
        let at = if subjects.is_empty() {
            String::new()
        } else {
            format!(", {subjects}")
        };
        format!("{}{at}: {}", self.code, self.why)
    }
}

/// Returns the distinct reasons other than "after", in order of appearance.
pub(super) fn reasons(later: &[LaterStep]) -> Vec<Reason> {
    let mut reasons: Vec<Reason> = Vec::new();
    let mut known: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for blocker in later.iter().flat_map(|step| &step.blocked_by) {
        if blocker.code == AFTER {
            continue;
        }
        let key = (blocker.code.as_str(), blocker.why.as_str());
        let at = *known.entry(key).or_insert_with(|| {
            reasons.push(Reason {
                mark: mark(reasons.len()),
                code: blocker.code.clone(),
                subjects: Vec::new(),
                why: blocker.why.clone(),
            });
            reasons.len() - 1
        });
        let subjects = &mut reasons[at].subjects;
        if !blocker.subject.is_empty() && !subjects.contains(&blocker.subject) {
            subjects.push(blocker.subject.clone());
        }
    }
    reasons
}

/// Returns `A` … `Z`, `AA`, …
fn mark(index: usize) -> String {
    const LETTERS: usize = 26;
    let letter = |at: usize| u8::try_from(at).map_or('?', |at| char::from(b'A'.saturating_add(at)));
    match index.checked_sub(LETTERS) {
        None => letter(index).to_string(),
        Some(rest) => format!("{}{}", mark(rest / LETTERS), letter(rest % LETTERS)),
    }
}

/// Returns what holds `later` back, in a few words: marks of reasons, and the step
/// that must come first where no other reason is given.
pub(super) fn held_by(later: &LaterStep, previous: Option<&str>, reasons: &[Reason]) -> String {
    let find = |blocker: &BlockedBy| {
        let same = |reason: &&Reason| reason.code == blocker.code && reason.why == blocker.why;
        reasons.iter().find(same).map(|reason| reason.mark.clone())
    };
    let mut marks: Vec<String> = later.blocked_by.iter().filter_map(find).collect();
    marks.sort();
    marks.dedup();
    if !marks.is_empty() {
        return marks.join(", ");
    }
    let after: Vec<&str> = later
        .blocked_by
        .iter()
        .filter(|blocker| blocker.code == AFTER)
        .map(|blocker| blocker.subject.as_str())
        .collect();
    match after.as_slice() {
        [] => String::new(),
        [only] if previous == Some(*only) => "the step before it".to_owned(),
        [only] => format!("after {only}"),
        [first, rest @ ..] => format!("after {first} and {} more", rest.len()),
    }
}

/// Writes the section; nothing when no step is held back.
pub(super) fn write(later: &[LaterStep], first_number: usize, page: &mut Page) {
    if later.is_empty() {
        return;
    }
    let reasons = reasons(later);
    page.gap();
    let steps = count(later.len(), "step");
    let verb = if later.len() == 1 { "is" } else { "are" };
    let because = match reasons.len() {
        0 => String::new(),
        number => format!(", for {}", count(number, "reason")),
    };
    page.say(
        0,
        Ink::Caution,
        &format!("Not now: {steps} {verb} held back{because}."),
    );
    for reason in &reasons {
        page.item(&format!("{}. ", reason.mark), 2, Ink::Plain, &reason.text());
    }
    page.gap();
    let columns = [
        Column::exact("#", 2),
        Column::exact("step", 18),
        Column::exact("change", 10),
        Column::prose("held back by", 12),
    ];
    let previous =
        std::iter::once(None).chain(later.iter().map(|step| Some(step.step.id.as_str())));
    let rows: Vec<Vec<Cell>> = later
        .iter()
        .zip(previous)
        .enumerate()
        .map(|(at, (step, previous))| {
            vec![
                Cell::new(Ink::Faint, format!("{}", first_number + at)),
                Cell::from(step.step.id.as_str()),
                Cell::from(change_lines(&step.step)),
                Cell::new(Ink::Caution, held_by(step, previous, &reasons)),
            ]
        })
        .collect();
    page.extend(blocks(&columns, &rows, 0, page.look).into_iter().flatten());
}
