//! How git and live differ, by subject.

use super::layout::{Page, clean, clip};
use super::style::{Ink, Look};
use super::table::{Cell, Column, blocks};
use super::words::count;
use crate::plan::wire::{Difference, DifferenceClass, Waived};

/// Longer values are cut in the middle of a table; the digests and the rest are in the JSON.
const VALUE_CHARS_MAX: usize = 160;

/// Returns the differences of the cluster called `name`, by subject; one sentence
/// when there is none.
pub fn differences_table(name: &str, differences: &[Difference], look: &Look) -> String {
    let mut page = Page::new(*look);
    if differences.is_empty() {
        page.say(0, Ink::Good, &format!("{name}: git and live agree."));
        return page.finish();
    }
    let mut subjects: Vec<&str> = differences
        .iter()
        .map(|difference| difference.subject.as_str())
        .collect();
    subjects.sort_by_key(|subject| rank(subject));
    subjects.dedup();
    let head = format!(
        "{name}: {} on {}.",
        count(differences.len(), "difference"),
        count(subjects.len(), "subject")
    );
    page.say(0, Ink::Strong, &head);
    let mut sorted: Vec<&Difference> = differences.iter().collect();
    sorted.sort_by_key(|difference| {
        (
            rank(&difference.subject),
            difference.class,
            &difference.field,
        )
    });
    let rows: Vec<Vec<Cell>> = sorted.iter().copied().map(row).collect();
    let columns = [
        Column::exact("field", 12),
        Column::exact("live", 9),
        Column::exact("git", 9),
        Column::prose("what it takes", 14),
    ];
    let mut drawn = blocks(&columns, &rows, 2, *look).into_iter();
    page.gap();
    page.extend(drawn.next().unwrap_or_default());
    let mut subject = None;
    for (difference, lines) in sorted.into_iter().zip(drawn) {
        if subject != Some(&difference.subject) {
            subject = Some(&difference.subject);
            let title = clip(&clean(&difference.subject, *look), look.columns(), *look);
            page.line(look.paint(Ink::Strong, &title));
        }
        page.extend(lines);
    }
    page.finish()
}

/// The cluster first, then its parts by name.
fn rank(subject: &str) -> (bool, &str) {
    (subject != "cluster", subject)
}

fn row(difference: &Difference) -> Vec<Cell> {
    let Difference {
        subject: _,
        field,
        class,
        live,
        desired,
        ignored,
    } = difference;
    let field = if field.is_empty() {
        "(all of it)"
    } else {
        field
    };
    let value = |value: &Option<String>, none: &str| {
        value.as_deref().map_or_else(|| none.to_owned(), short)
    };
    let unread = if *class == DifferenceClass::NotAssessed {
        "unknown"
    } else {
        "absent"
    };
    vec![
        Cell::from(field),
        Cell::new(faint_or(*class, Ink::Bad), value(live, unread)),
        Cell::new(faint_or(*class, Ink::Good), value(desired, "absent")),
        Cell::new(ink(*class), what_it_takes(*class, field, ignored.as_ref())),
    ]
}

/// What is left alone stands back.
fn faint_or(class: DifferenceClass, other: Ink) -> Ink {
    if class == DifferenceClass::Ignored {
        Ink::Faint
    } else {
        other
    }
}

fn what_it_takes(class: DifferenceClass, field: &str, ignored: Option<&Waived>) -> String {
    match ignored {
        Some(Waived {
            owner,
            reason,
            expires,
        }) => format!("ignored until {} by {owner}: {reason}", expires.day()),
        None => class_in_words(class, field),
    }
}

fn short(text: &str) -> String {
    if text.chars().count() <= VALUE_CHARS_MAX {
        return text.to_owned();
    }
    let head: String = text.chars().take(VALUE_CHARS_MAX).collect();
    format!("{head}…")
}

const fn ink(class: DifferenceClass) -> Ink {
    match class {
        DifferenceClass::Create | DifferenceClass::Scale | DifferenceClass::InPlace => Ink::Plain,
        DifferenceClass::Upgrade => Ink::Good,
        DifferenceClass::Replace
        | DifferenceClass::Rollback
        | DifferenceClass::Undeclared
        | DifferenceClass::NotAssessed => Ink::Caution,
        DifferenceClass::NotOurs | DifferenceClass::Ignored => Ink::Faint,
    }
}

/// Returns what it takes to make live agree with git.
pub(super) fn class_in_words(class: DifferenceClass, field: &str) -> String {
    match class {
        DifferenceClass::Create => "create".to_owned(),
        DifferenceClass::Undeclared => "not declared in git".to_owned(),
        DifferenceClass::Scale => "scale".to_owned(),
        DifferenceClass::InPlace => "in place".to_owned(),
        DifferenceClass::Replace => format!("replace, because {field}"),
        DifferenceClass::Upgrade => "upgrade".to_owned(),
        DifferenceClass::Rollback => "rollback".to_owned(),
        DifferenceClass::NotOurs => "not ours to change".to_owned(),
        DifferenceClass::NotAssessed => "not assessed".to_owned(),
        DifferenceClass::Ignored => "ignored for a while".to_owned(),
    }
}
