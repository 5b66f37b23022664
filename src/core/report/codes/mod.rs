//! The pages behind `explain CODE`: rules and findings.

mod cluster;
mod findings;
mod readiness;
mod rules;

/// What a code means and what to do about it.
#[derive(Debug)]
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
    /// Where the fact comes from.
    pub source: &'static str,
}

fn pages() -> impl Iterator<Item = &'static Page> {
    rules::PAGES
        .iter()
        .chain(findings::PAGES)
        .chain(readiness::PAGES)
        .chain(cluster::PAGES)
}

/// Returns the page of `code`, whatever its case.
pub fn find(code: &str) -> Option<&'static Page> {
    pages().find(|page| page.code.eq_ignore_ascii_case(code))
}

/// Returns every code that has a page, rules first.
pub fn codes() -> Vec<&'static str> {
    pages().map(|page| page.code).collect()
}
