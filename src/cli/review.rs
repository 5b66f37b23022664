//! The files for a review that `plan` and `check` write besides what they print: each whole or not
//! at all, and only those that were asked for.

use super::args::ReviewArgs;
use super::error::CliError;
use super::session::Session;
use crate::files;
use crate::store;
use stairway_core::plan::wire::{PlanSet, Severity};
use stairway_core::report::{
    CheckReport, Sheet, check_junit, check_markdown, check_sarif, planset_markdown,
};
use std::path::Path;

/// A job summary is bounded by GitHub to this; a longer file is none.
const SUMMARY_BYTES_MAX: u64 = Sheet::SUMMARY_MAX as u64;

/// Returns true when a file is asked for that is made of plans and not of their JSON.
pub(crate) const fn needs_plans(review: &ReviewArgs) -> bool {
    let ReviewArgs {
        json_into: _,
        comment_into,
        comment_key: _,
        summary_into,
        sarif_into,
        junit_into,
    } = review;
    comment_into.is_some() || summary_into.is_some() || sarif_into.is_some() || junit_into.is_some()
}

/// Writes what was asked for beside a plan set; the set itself is written by whoever has its JSON.
pub(crate) fn write_plan_files(
    session: &Session<'_>,
    review: &ReviewArgs,
    set: &PlanSet,
) -> Result<(), CliError> {
    if !needs_plans(review) {
        return Ok(());
    }
    pages(session, review, &|sheet| planset_markdown(set, sheet))?;
    let report = CheckReport::of_set(set, set.exit);
    lists(session, review, &report)
}

/// Writes what was asked for beside a check.
pub(crate) fn write_check_files(
    session: &Session<'_>,
    review: &ReviewArgs,
    report: &CheckReport,
    floor: Severity,
) -> Result<(), CliError> {
    if let Some(path) = &review.json_into {
        let path = session.ambient.cwd.join(path);
        files::write_report(&path, &store::json_line(report))?;
    }
    pages(session, review, &|sheet| {
        check_markdown(report, floor, sheet)
    })?;
    lists(session, review, report)
}

/// Writes the comment and the job summary.
fn pages(
    session: &Session<'_>,
    review: &ReviewArgs,
    page: &dyn Fn(&Sheet) -> String,
) -> Result<(), CliError> {
    let key = review.comment_key.as_deref().unwrap_or_default();
    if let Some(path) = &review.comment_into {
        let path = session.ambient.cwd.join(path);
        files::write_report(&path, page(&Sheet::comment().keyed(key)).as_bytes())?;
    }
    if let Some(path) = &review.summary_into {
        add_summary(&session.ambient.cwd.join(path), key, page)?;
    }
    Ok(())
}

/// Adds a page to a job summary. What stands there stays: the file is replaced by one with both.
fn add_summary(path: &Path, key: &str, page: &dyn Fn(&Sheet) -> String) -> Result<(), CliError> {
    let mut text = if files::exists(path) {
        files::read_text(path, SUMMARY_BYTES_MAX)?
    } else {
        String::new()
    };
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    let Some(sheet) = Sheet::summary(text.len()) else {
        return Err(CliError::user(format!(
            "Adding to the job summary `{}` failed: {} bytes are in it already, and GitHub takes {} per step",
            path.display(),
            text.len(),
            Sheet::SUMMARY_MAX
        ))
        .hint("write it in a step of its own, or use `--comment-into`"));
    };
    text.push_str(&page(&sheet.keyed(key)));
    files::write_report(path, text.as_bytes())?;
    Ok(())
}

/// Writes SARIF and JUnit.
fn lists(session: &Session<'_>, review: &ReviewArgs, report: &CheckReport) -> Result<(), CliError> {
    let key = review.comment_key.as_deref().unwrap_or_default();
    if let Some(path) = &review.sarif_into {
        let text = sarif(report, key);
        files::write_report(&session.ambient.cwd.join(path), text.as_bytes())?;
    }
    if let Some(path) = &review.junit_into {
        let text = check_junit(report);
        files::write_report(&session.ambient.cwd.join(path), text.as_bytes())?;
    }
    Ok(())
}

/// Returns a report as SARIF of this build.
pub(crate) fn sarif(report: &CheckReport, key: &str) -> String {
    check_sarif(report, key, env!("CARGO_PKG_VERSION"))
}
