//! The pages behind `explain CODE`: rules and findings.

mod findings;
mod fleet;
mod readiness;
mod rules;

/// What a code means and what to do about it.
#[derive(Debug)]
pub(super) struct Page {
    /// `R4` or `STW-…`.
    pub(super) code: &'static str,
    /// A few words.
    pub(super) title: &'static str,
    /// What was found.
    pub(super) meaning: &'static str,
    /// What would go wrong.
    pub(super) why: &'static str,
    /// What to do.
    pub(super) remedy: &'static str,
    /// Where the fact comes from.
    pub(super) source: &'static str,
}

fn pages() -> impl Iterator<Item = &'static Page> {
    rules::PAGES
        .iter()
        .chain(findings::PAGES)
        .chain(readiness::PAGES)
        .chain(fleet::PAGES)
}

/// Returns the page of `code`, whatever its case.
pub(super) fn find(code: &str) -> Option<&'static Page> {
    pages().find(|page| page.code.eq_ignore_ascii_case(code))
}

/// Returns every code that has a page, rules first.
pub fn codes() -> Vec<&'static str> {
    pages().map(|page| page.code).collect()
}
