//! `stairway plan`

use crate::cli::args::{PlanFormat, ReviewArgs};
use crate::cli::branch::{self, Reach};
use crate::cli::error::CliError;
use crate::cli::exit_code;
use crate::cli::request::PlanRequest;
use crate::cli::review;
use crate::cli::session::{Session, Tour};
use crate::pipeline::{Loaded, plan_cluster};
use crate::store::branch::{BranchStore, Told};
use crate::store::sets::SET_FILE;
use crate::store::{Kept, PlanFolder, SetDraft, Writer};
use stairway_core::model::{Observation, canonical_bytes};
use stairway_core::plan::wire::{ClusterError, Summary};
use stairway_core::plan::{Planned, exit_facts, lapsed};
use stairway_core::report::{Sheet, plan_markdown, plan_table, planset_html, planset_markdown};
use std::path::PathBuf;
use std::rc::Rc;

/// Plans the way from what is live to what git asks for.
///
/// # Errors
/// Nothing could be selected, or what was made cannot be written.
pub(crate) fn run(session: &mut Session<'_>, request: &PlanRequest) -> Result<u8, CliError> {
    if request.propose {
        return super::propose::run(session, request);
    }
    let tour = Tour {
        work: &request.work,
        verb: "Planning",
        live: true,
        at: request.at,
    };
    let (store, out) = kept_in(session, request)?;
    let catalog = session.catalog;
    let keep_json = request.format == PlanFormat::Json && !review::needs_plans(&request.review);
    let make = |loaded: &Loaded| {
        let planned = plan_cluster(loaded, &request.options, catalog)?;
        let observed = loaded.live.as_ref().map(|live| &live.observation);
        Ok(Made::of(
            planned,
            keep_json,
            observed.filter(|_| out.is_some()),
        ))
    };
    let writer = out.as_deref().map(Writer::start);
    let mut draft = SetDraft::default();
    let (mut codes, mut lapsed, mut ids) = (vec![exit_code::DONE], Vec::new(), Vec::new());
    let toured = session.tour_set(&tour, &make, &mut |name, made: Made| {
        if let (Some(writer), Some(folder)) = (&writer, made.folder) {
            writer.write(folder)?;
        }
        codes.extend(made.codes);
        lapsed.extend(made.lapsed.iter().map(|what| format!("{what} (`{name}`)")));
        draft.add(&made.summary);
        ids.push(made.id);
        draft.clusters.push((name, made.kept));
        Ok(())
    });
    let written = writer.map_or(Ok(()), Writer::finish);
    let toured = toured?;
    written?;
    (draft.waves, draft.partial) = (toured.waves, toured.partial);
    finish(&mut draft, toured.errors, codes);
    let exit = draft.exit;
    let failed = !draft.errors.is_empty();
    let only_lapsed = exit == exit_code::BLOCKED && draft.summary.blocked == 0;
    if let Some(out) = &out {
        draft.write_file(&out.join(SET_FILE))?;
    }
    if let Some(path) = &request.review.json_into {
        draft.write_file(&session.ambient.cwd.join(path))?;
    }
    let whole = review::whole(&request.review, request.out.as_deref());
    print_set(session, request.format, &request.review, whole, draft)?;
    tell_kept(session, request, store.as_deref(), &ids)?;
    if request.detailed_exitcode && only_lapsed {
        tell_lapsed(session, &lapsed);
    }
    Ok(match (request.detailed_exitcode, failed) {
        (true, _) => exit,
        (false, true) => exit_code::ERROR,
        (false, false) => exit_code::DONE,
    })
}

/// Returns the branch that the plans go to, if any, and the folder in which they are written.
fn kept_in(
    session: &mut Session<'_>,
    request: &PlanRequest,
) -> Result<(Option<Rc<BranchStore>>, Option<PathBuf>), CliError> {
    let Some(option) = &request.store else {
        let named = request.out.as_ref();
        return Ok((None, named.map(|out| session.ambient.cwd.join(out))));
    };
    let store = branch::open(session, option, Reach::Write)?;
    let folder = store.folder().to_path_buf();
    Ok((Some(store), Some(folder)))
}

/// Publishes the plans, where they are to be published, and says where they are.
fn tell_kept(
    session: &mut Session<'_>,
    request: &PlanRequest,
    store: Option<&BranchStore>,
    ids: &[String],
) -> Result<(), CliError> {
    if let Some(store) = store.filter(|_| !ids.is_empty()) {
        put(session, store, ids)?;
    }
    if let Some(out) = &request.out {
        session
            .terminal
            .say(&format!("Wrote the plans to {}", out.display()));
    }
    Ok(())
}

/// Publishes the plans that were made.
fn put(session: &mut Session<'_>, store: &BranchStore, ids: &[String]) -> Result<(), CliError> {
    let told = Told {
        subject: match ids {
            [one] => format!("plan: {one}"),
            several => format!("plan: {} clusters", several.len()),
        },
        trailers: ids
            .iter()
            .take(TRAILERS_MAX)
            .map(|id| ("Stairway-Plan".to_owned(), id.clone()))
            .collect(),
    };
    let commit = store.publish(ids, true, &told, session.ambient.now)?;
    session.terminal.say(&match commit {
        Some(commit) => format!(
            "Put the plans on {}: commit {}",
            store.said(),
            commit.get(..12).unwrap_or(&commit)
        ),
        None => format!("{} has these plans already", store.said()),
    });
    Ok(())
}

/// A message of a commit is read by people; `planset.json` beside it has all.
const TRAILERS_MAX: usize = 20;

/// More expired decisions than this are a number on stderr; the plans name all.
const LAPSED_SHOWN: usize = 5;

/// Says why the code is 3 where the last line says that nothing is blocked.
fn tell_lapsed(session: &mut Session<'_>, lapsed: &[String]) {
    let shown = lapsed.get(..LAPSED_SHOWN).unwrap_or(lapsed);
    let more = match lapsed.len() - shown.len() {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    let what = match lapsed.len() {
        1 => "1 waiver or ignore rule has expired".to_owned(),
        count => format!("{count} waivers and ignore rules have expired"),
    };
    let list = shown.join(", ");
    session.terminal.say(&format!(
        "Exit {}: {what}: {list}{more}",
        exit_code::BLOCKED
    ));
}

/// Puts a set into its order, with what failed and the code that it gives.
fn finish(draft: &mut SetDraft, errors: Vec<ClusterError>, mut codes: Vec<u8>) {
    if !errors.is_empty() {
        codes.push(exit_code::ERROR);
    }
    draft.errors = errors;
    draft.exit = exit_code::strongest(codes);
    draft.clusters.sort_by(|(a, _), (b, _)| a.cmp(b));
    draft
        .errors
        .sort_by(|a, b| (&a.name, &a.error).cmp(&(&b.name, &b.error)));
}

/// One plan in the forms that this run needs, made where the plan is made: in parallel.
struct Made {
    id: String,
    kept: Kept,
    folder: Option<PlanFolder>,
    summary: Summary,
    codes: Vec<u8>,
    /// Decisions that have run out.
    lapsed: Vec<String>,
}

impl Made {
    /// `keep_json` keeps the bytes only, where nothing else will read the plan.
    fn of(planned: Planned, keep_json: bool, observed: Option<&Observation>) -> Self {
        let json = if observed.is_some() || keep_json {
            canonical_bytes(&planned.plan)
        } else {
            Vec::new()
        };
        let folder = observed.map(|observed| {
            PlanFolder::of(&planned, &json, &plan_markdown(&planned.plan))
                .with_observation(observed)
        });
        let summary = planned.plan.summary.clone();
        let codes = exit_code::of_plan(exit_facts(&planned.plan));
        let lapsed = lapsed(&planned.plan).map(str::to_owned).collect();
        let id = planned.plan.id.clone();
        let kept = if keep_json {
            Kept::Json(json)
        } else {
            Kept::Plan(Box::new(planned.plan))
        };
        Self {
            id,
            kept,
            folder,
            summary,
            codes,
            lapsed,
        }
    }
}

/// Prints a set; `whole` is the file in which all of it stands.
///
/// The table names the clusters that failed; where nothing else is in it, and in the other formats,
/// they are told on stderr.
pub(super) fn print_set(
    session: &mut Session<'_>,
    format: PlanFormat,
    review: &ReviewArgs,
    whole: Option<String>,
    draft: SetDraft,
) -> Result<(), CliError> {
    let only_errors = draft.clusters.is_empty() && !draft.errors.is_empty();
    let errors = draft.errors.clone();
    let told_in_table = format == PlanFormat::Table && !only_errors;
    if format == PlanFormat::Json {
        draft.write(&mut session.terminal.as_writer())?;
    }
    let set = draft.into_set();
    review::write_plan_files(session, review, &set, whole.as_deref())?;
    match format {
        PlanFormat::Markdown => {
            let key = review.comment_key.as_deref().unwrap_or_default();
            let text = planset_markdown(&set, &Sheet::comment().keyed(key).beside(whole));
            session.terminal.data(&text)?;
        }
        PlanFormat::Html => session.terminal.data(&planset_html(&set))?,
        PlanFormat::Json => {}
        PlanFormat::Table if only_errors => {}
        PlanFormat::Table => {
            let text = plan_table(&set, &session.look());
            session.terminal.data(&text)?;
        }
    }
    if !told_in_table {
        session.fail(errors);
    }
    Ok(())
}
