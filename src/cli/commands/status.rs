//! `stairway status`

use crate::cli::args::DiffFormat;
use crate::cli::branch::Reach;
use crate::cli::error::CliError;
use crate::cli::exit_code;
use crate::cli::request::{StatusRequest, StoreOption};
use crate::cli::session::Session;
use crate::cli::subject::Subject;
use crate::drive::live::Target as _;
use crate::store::disk::RealDisk;
use crate::store::journal::{JOURNAL_FILE, JournalFile};
use stairway_core::journal::fold;
use stairway_core::report::{LockView, StatusView, status_json, status_table};

/// Says how far the run of a plan is, from its journal.
///
/// # Errors
/// There is no such plan, or its journal cannot be believed.
pub(crate) fn run(session: &mut Session<'_>, request: &StatusRequest) -> Result<u8, CliError> {
    let subject = Subject::open(session, &request.scope, Reach::Read)?;
    let (_, journal) = JournalFile::open(RealDisk, &subject.dir, &subject.plan.digest)?;
    let folded = fold(&subject.plan, &journal.events);
    // The journal alone tells enough; the cluster's own clock and lock tell more, where they are known.
    let target = subject
        .sides(session, &request.scope)
        .ok()
        .and_then(|sides| sides.target(session, &subject.plan).ok());
    let mut now = folded
        .last_at
        .unwrap_or(session.ambient.now)
        .max(session.ambient.now);
    let mut lock = None;
    if let Some(mut target) = target {
        // A lock that cannot be read now is looked at again by the next run.
        let (left, held) = target.lock_content().unwrap_or_default();
        let own = left
            .as_ref()
            .and_then(|left| left.run_of(&subject.plan.digest));
        if let Some(own) = own.filter(|own| own.seq > folded.seq) {
            session.terminal.warn(&format!(
                "the cluster's lock knows of {} events of run {}, and the journal has {}: it is lost or behind",
                own.seq, own.run, folded.seq
            ));
        }
        now = target.now().unwrap_or(now);
        lock = left.filter(|_| held);
    }
    let lock = lock
        .filter(|content| content.plan == subject.plan.digest)
        .map(|content| LockView {
            holder: content.holder,
            since: content.acquired_at,
            run: content.run,
        });
    let place = subject.dir.join(JOURNAL_FILE);
    let shown = place.strip_prefix(&session.ambient.cwd).unwrap_or(&place);
    let options = request.scope.store.as_ref().map(StoreOption::typed);
    let view = StatusView {
        plan: &subject.plan,
        fold: &folded,
        now,
        torn: journal.torn.as_ref(),
        lock,
        journal: Some(shown.display().to_string()),
        options: options.unwrap_or_default(),
    };
    match request.format {
        DiffFormat::Table => {
            let text = status_table(&view, &session.look());
            session.terminal.data(&text)?;
        }
        DiffFormat::Json => {
            let text = serde_json::to_string_pretty(&status_json(&view)).unwrap_or_default();
            session.terminal.data(&format!("{text}\n"))?;
        }
    }
    Ok(exit_code::DONE)
}
