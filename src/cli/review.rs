//! The files for a review that `plan` and `check` write besides what they print: each whole or not
//! at all, and only those that were asked for.

use super::args::ReviewArgs;
use super::error::CliError;
use super::session::Session;
use crate::files;
use crate::store;
use crate::store::sets::SET_FILE;
use stairway_core::plan::wire::{PlanSet, Severity};
use stairway_core::report::{
    CheckReport, Sheet, check_junit, check_markdown, check_sarif, planset_markdown,
};
use std::path::{Component, Path, PathBuf};

/// A job summary is bounded by GitHub to this; a longer file is none.
const SUMMARY_BYTES_MAX: u64 = Sheet::SUMMARY_MAX as u64;

/// Refuses files that would overwrite each other, and `-`.
///
/// # Errors
/// Two options name one file, or one names stdout.
pub(crate) fn refuse_paths(review: &ReviewArgs, cwd: &Path) -> Result<(), CliError> {
    let ReviewArgs {
        json_into,
        comment_into,
        comment_key: _,
        summary_into,
        sarif_into,
        junit_into,
    } = review;
    let options = [
        ("--json-into", json_into, "`--format json` prints it"),
        (
            "--comment-into",
            comment_into,
            "`--format markdown` prints it",
        ),
        (
            "--summary-into",
            summary_into,
            "`--format markdown` prints such a page",
        ),
        (
            "--sarif-into",
            sarif_into,
            "`stairway check --format sarif` prints it",
        ),
        (
            "--junit-into",
            junit_into,
            "`stairway check --format junit` prints it",
        ),
    ];
    let mut seen: Vec<(&str, PathBuf)> = Vec::new();
    for (option, path, instead) in options {
        let Some(path) = path else { continue };
        if path.as_os_str() == "-" {
            return Err(CliError::usage(format!(
                "`{option} -` names no file: `-` is not stdout here"
            ))
            .hint(format!("{instead}; a file of this name is `./-`")));
        }
        let place = plain(&cwd.join(path));
        if let Some((other, _)) = seen.iter().find(|(_, known)| *known == place) {
            let shown = path.display();
            return Err(CliError::usage(format!(
                "`{other}` and `{option}` both name the file `{shown}`: one would overwrite the other"
            ))
            .hint(format!("give `{option}` a file of its own")));
        }
        seen.push((option, place));
    }
    Ok(())
}

/// Returns a path without `.` and `..`, as far as its words tell.
fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                out.pop();
            }
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => out.push(part),
        }
    }
    out
}

/// Returns the file in which a run writes everything, as it was typed; none when it writes none.
pub(crate) fn whole(review: &ReviewArgs, out: Option<&Path>) -> Option<String> {
    let set = || out.map(|out| out.join(SET_FILE));
    let path = review.json_into.clone().or_else(set)?;
    Some(path.display().to_string())
}

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
    whole: Option<&str>,
) -> Result<(), CliError> {
    if !needs_plans(review) {
        return Ok(());
    }
    pages(session, review, &|sheet| {
        planset_markdown(set, &sheet.beside(whole.map(str::to_owned)))
    })?;
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
    let whole = whole(review, None);
    pages(session, review, &|sheet| {
        check_markdown(report, floor, &sheet.beside(whole.clone()))
    })?;
    lists(session, review, report)
}

/// Writes the comment and the job summary.
fn pages(
    session: &Session<'_>,
    review: &ReviewArgs,
    page: &dyn Fn(Sheet) -> String,
) -> Result<(), CliError> {
    let key = review.comment_key.as_deref().unwrap_or_default();
    if let Some(path) = &review.comment_into {
        let path = session.ambient.cwd.join(path);
        files::write_report(&path, page(Sheet::comment().keyed(key)).as_bytes())?;
    }
    if let Some(path) = &review.summary_into {
        add_summary(&session.ambient.cwd.join(path), key, page)?;
    }
    Ok(())
}

/// Adds a page to a job summary. What stands there stays: the file is replaced by one with both.
fn add_summary(path: &Path, key: &str, page: &dyn Fn(Sheet) -> String) -> Result<(), CliError> {
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
    text.push_str(&page(sheet.keyed(key)));
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
