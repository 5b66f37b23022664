//! `stairway show`

use crate::cli::args::PlanFormat;
use crate::cli::branch::{self, Reach};
use crate::cli::error::CliError;
use crate::cli::exit_code;
use crate::cli::request::ShowRequest;
use crate::cli::session::Session;
use crate::store::{self, SetDraft, Stored};
use stairway_core::plan::wire::{Plan, PlanSet};
use stairway_core::report::{
    Sheet, notice_markdown, notice_text, plan_markdown, plan_table, planset_html, planset_markdown,
};

/// Shows a plan that was made before.
///
/// # Errors
/// There is no such plan, it was changed, or stdout cannot take it.
pub(crate) fn run(session: &mut Session<'_>, request: &ShowRequest) -> Result<u8, CliError> {
    let stored = match &request.store {
        None => store::open(&request.plan, &session.ambient.cwd, &request.folders)?,
        Some(option) => {
            let branch = branch::open_filled(session, option, Reach::Read)?;
            let named = branch::plain_name(&branch, &request.plan)?;
            let folder = branch.folder().to_path_buf();
            store::open(&named, &folder, std::slice::from_ref(&folder))
                .map_err(|error| branch::not_found(&branch, error))?
        }
    };
    let look = session.look();
    if let Some(notice) = &request.notice {
        let set = match stored {
            Stored::Plan(plan) => alone(*plan),
            Stored::Set(set) => *set,
        };
        let text = match request.format {
            PlanFormat::Markdown => notice_markdown(&set, notice),
            PlanFormat::Table | PlanFormat::Json | PlanFormat::Html => notice_text(&set, notice),
        };
        session.terminal.data(&text)?;
        return Ok(exit_code::DONE);
    }
    let text = match (stored, request.format) {
        (Stored::Plan(plan), PlanFormat::Table) => plan_table(&alone(*plan), &look),
        (Stored::Plan(plan), PlanFormat::Markdown) => plan_markdown(&plan),
        (Stored::Plan(plan), PlanFormat::Html) => planset_html(&alone(*plan)),
        (Stored::Set(set), PlanFormat::Html) => planset_html(&set),
        (Stored::Plan(plan), PlanFormat::Json) => {
            session.terminal.bytes(&store::json_line(&plan))?;
            return Ok(exit_code::DONE);
        }
        (Stored::Set(set), PlanFormat::Table) => plan_table(&set, &look),
        (Stored::Set(set), PlanFormat::Markdown) => {
            let sheet = Sheet::comment().keyed(&request.comment_key);
            planset_markdown(&set, &sheet.beside(Some(request.plan.clone())))
        }
        (Stored::Set(set), PlanFormat::Json) => {
            session.terminal.bytes(&store::json_line(&set))?;
            return Ok(exit_code::DONE);
        }
    };
    session.terminal.data(&text)?;
    Ok(exit_code::DONE)
}

/// One plan as a set of its own.
fn alone(plan: Plan) -> PlanSet {
    let summary = plan.summary.clone();
    PlanSet {
        clusters: vec![plan],
        summary,
        ..SetDraft::default().into_set()
    }
}
