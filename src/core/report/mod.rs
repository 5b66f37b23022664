//! Plans and differences as text: for terminals, Markdown and `explain`.
//!
//! Everything returns text. Nothing here prints, reads a clock, a file or the
//! environment, or decides anything: a report says what the plan says.

mod actions;
mod alike;
mod check;
mod codes;
mod comment;
mod conditions;
mod differences;
mod difftext;
mod drift;
mod explain;
mod findings;
mod fleet;
mod html;
mod ladder;
mod later;
mod layout;
mod markdown;
mod markup;
mod mermaid;
mod notice;
mod pages;
mod picture;
mod status;
mod style;
mod summary;
mod table;
mod terminal;
mod timeline;
mod words;

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod tests;

pub use alike::{Alike, alike};
pub use check::{
    CHECK_FORMAT, CheckReport, CheckSummary, CheckedCluster, check_annotations, check_junit,
    check_markdown, check_sarif, check_table,
};
pub use codes::{Page, codes, page, pages};
pub use comment::{Sheet, marker, planset_markdown};
pub use conditions::condition_in_words;
pub use differences::differences_table;
pub use difftext::diff_text;
pub use drift::{
    drift_files_page, drift_line, drift_markdown, drift_message, drift_page, drift_table,
};
pub use explain::{explain_findings, explain_step};
pub use html::planset_html;
pub use ladder::LadderStart;
pub use layout::is_steering;
pub use markdown::plan_markdown;
pub use notice::{Notice, notice_markdown, notice_text};
pub use pages::{codes_markdown, codes_table, explain_code, explain_page, page_markdown};
pub use picture::ladder_picture;
pub use status::{LockView, StatusView, status_json, status_table, took};
pub use style::Look;
pub use summary::{set_heading, set_summary_line, summary_line};
pub use terminal::plan_table;
pub use timeline::{
    Rehearsal, Sweep, TimelineRow, rehearsal_json, rehearsal_table, sweep_json, sweep_table,
};
