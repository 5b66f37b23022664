//! `stairway explain`

use crate::cli::args::ExplainFormat;
use crate::cli::error::CliError;
use crate::cli::exit_code;
use crate::cli::request::ExplainRequest;
use crate::cli::session::Session;
use crate::config::nearest;
use crate::store::{self, Stored};
use stairway_core::plan::wire::{Plan, Step};
use stairway_core::report::{
    Page, codes, codes_markdown, codes_table, explain_findings, explain_page, explain_step, page,
    page_markdown, pages,
};

/// Explains a code, a rule, or a step of a plan.
///
/// # Errors
/// There is no such code, step or plan, or a format that steps do not have.
pub(crate) fn run(session: &mut Session<'_>, request: &ExplainRequest) -> Result<u8, CliError> {
    let text = match request.subject.as_deref() {
        None => every_code(request.format),
        Some(subject) => match page(subject) {
            Some(page) => match &request.plan {
                Some(plan) if request.format == ExplainFormat::Table => {
                    let found = found(session, subject, plan, request)?;
                    format!("{}\n{found}", explain_page(page))
                }
                Some(_) | None => one_code(page, request.format),
            },
            None if subject.contains('/') && request.format != ExplainFormat::Table => {
                return Err(steps_have_no_format(subject));
            }
            None => step(session, subject, request)?,
        },
    };
    session.terminal.data(&text)?;
    Ok(exit_code::DONE)
}

fn every_code(format: ExplainFormat) -> String {
    match format {
        ExplainFormat::Table => codes_table(),
        ExplainFormat::Markdown => codes_markdown(),
        ExplainFormat::Json => written(&pages().collect::<Vec<_>>()),
    }
}

fn one_code(page: &Page, format: ExplainFormat) -> String {
    match format {
        ExplainFormat::Table => explain_page(page),
        ExplainFormat::Markdown => page_markdown(page),
        ExplainFormat::Json => written(page),
    }
}

fn written<T: serde::Serialize>(pages: &T) -> String {
    let mut text = serde_json::to_string_pretty(pages).unwrap_or_default();
    text.push('\n');
    text
}

/// Returns what a plan has of a code.
fn found(
    session: &Session<'_>,
    code: &str,
    plan: &str,
    request: &ExplainRequest,
) -> Result<String, CliError> {
    let plans = plans(session, plan, request)?;
    let text = explain_findings(&plans, code, session.look());
    Ok(if text.is_empty() {
        format!("`{plan}` has no finding with this code.\n")
    } else {
        text
    })
}

fn plans(
    session: &Session<'_>,
    subject: &str,
    request: &ExplainRequest,
) -> Result<Vec<Plan>, CliError> {
    Ok(
        match store::open(subject, &session.ambient.cwd, &request.folders)? {
            Stored::Plan(plan) => vec![*plan],
            Stored::Set(set) => set.clusters,
        },
    )
}

fn step(session: &Session<'_>, id: &str, request: &ExplainRequest) -> Result<String, CliError> {
    let Some(subject) = &request.plan else {
        return Err(no_such(id));
    };
    let plans = plans(session, subject, request)?;
    let steps: Vec<&Step> = plans.iter().flat_map(Plan::all_steps).collect();
    let found: Vec<String> = steps
        .iter()
        .filter(|step| step.id == id)
        .map(|step| explain_step(step))
        .collect();
    if !found.is_empty() {
        return Ok(found.join("\n"));
    }
    let error = CliError::user(format!("The plan `{subject}` has no step `{id}`"));
    let near = nearest(id, steps.iter().map(|step| step.id.as_str()));
    Err(match near.first() {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint(format!("`stairway show {subject}` lists its steps")),
    })
}

fn steps_have_no_format(id: &str) -> CliError {
    CliError::usage(format!(
        "`--format` is for codes, and `{id}` looks like a step"
    ))
    .hint("`stairway show PLAN --format json` has every step in full")
}

fn no_such(subject: &str) -> CliError {
    if subject.contains('/') {
        return CliError::usage(format!(
            "`{subject}` looks like a step, and no plan is named"
        ))
        .hint(format!("`stairway explain {subject} --plan PLAN`"));
    }
    let error = CliError::user(format!("There is no code `{subject}`"));
    match nearest(subject, codes()).first() {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint("`stairway explain` lists the codes"),
    }
}
