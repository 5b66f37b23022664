//! The pages behind `explain CODE`: rules and findings.

mod admission;
mod cluster;
mod drain;
mod findings;
mod fleet;
mod readiness;
mod rules;

use crate::plan::wire::Severity;
use serde::Serialize;

/// What a code means and what to do about it.
#[derive(Debug, Serialize)]
pub struct Page {
    /// `R4` or `STW-…`.
    pub code: &'static str,
    /// A few words.
    pub title: &'static str,
    /// What was found.
    pub meaning: &'static str,
    /// What would go wrong.
    pub why: &'static str,
    /// What to do.
    pub remedy: &'static str,
    /// Where the fact comes from; begins with `stairway` when it is our own rule.
    pub source: &'static str,
    /// Where that can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<&'static str>,
    /// Which severities a finding of this code can have before any waiver, the worst first; none for rules.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub severities: &'static [Severity],
    /// True when a waiver in the fleet file lifts what it blocks.
    pub waivable: bool,
    /// For which versions, days or commands it counts, in words; empty for always.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub applies: &'static str,
}

impl Page {
    /// Returns true for a finding, false for a rule.
    pub fn is_finding(&self) -> bool {
        self.code.starts_with("STW-")
    }
}

/// Returns every page, rules first.
pub fn pages() -> impl Iterator<Item = &'static Page> {
    rules::PAGES
        .iter()
        .chain(findings::PAGES)
        .chain(readiness::PAGES)
        .chain(drain::PAGES)
        .chain(cluster::PAGES)
        .chain(fleet::PAGES)
        .chain(admission::PAGES)
}

/// Returns the page of `code`, whatever its case.
pub fn page(code: &str) -> Option<&'static Page> {
    pages().find(|page| page.code.eq_ignore_ascii_case(code))
}

/// Returns every code that has a page, rules first.
pub fn codes() -> Vec<&'static str> {
    pages().map(|page| page.code).collect()
}
