//! `stairway status`

use crate::cli::args::DiffFormat;
use crate::cli::branch::Reach;
use crate::cli::error::CliError;
use crate::cli::exit_code;
use crate::cli::request::StatusRequest;
use crate::cli::session::Session;
use crate::cli::subject::Subject;
use crate::drive::live::Target as _;
use crate::drive::target::LiveTarget;
use crate::store::disk::RealDisk;
use crate::store::journal::{JOURNAL_FILE, JournalFile};
use serde_json::Value;
use stairway_core::journal::{Fold, Journal, fold};
use stairway_core::report::{
    LockView, StatusView, status_json, status_set_json, status_set_table, status_table,
};

/// Says how far the run of a plan is, from its journal; of several plans, which run and which do not.
///
/// # Errors
/// There is no such plan, or its journal cannot be believed.
pub(crate) fn run(session: &mut Session<'_>, request: &StatusRequest) -> Result<u8, CliError> {
    let several = Subject::several(session, &request.scope)?;
    if several.len() > 1 {
        return list(session, request, &several);
    }
    let subject = Subject::open(session, &request.scope, Reach::Read)?;
    let told = Told::read(&subject)?;
    // The journal alone tells enough; the cluster's own clock and lock tell more, where they are known.
    let (target, has_lock) = match subject.sides(session, &request.scope) {
        Ok(sides) => (sides.target(session, &subject), sides.has_lock()),
        Err(error) => (Err(error), true),
    };
    let mut view = told.view(session, &subject);
    match target {
        Ok(target) => look(session, (&subject, &told), target, &mut view),
        Err(error) if has_lock || told.is_open() => {
            unknown(session, &told, &mut view, &error.message);
            if let Some(hint) = &error.hint {
                session.terminal.hint(hint);
            }
        }
        // A cluster that is known from a file has no lock, and nothing runs on it.
        Err(_) => {}
    }
    let text = match request.format {
        DiffFormat::Table => status_table(&view, &session.look()),
        DiffFormat::Json => shown(&status_json(&view)),
    };
    session.terminal.data(&text)?;
    Ok(exit_code::DONE)
}

/// What a plan's journal says.
struct Told {
    fold: Fold,
    journal: Journal,
}

impl Told {
    fn read(subject: &Subject) -> Result<Self, CliError> {
        let (_, journal) = JournalFile::open(RealDisk, &subject.dir, &subject.plan.digest)
            .map_err(|error| subject.named(error, None))?;
        Ok(Self {
            fold: fold(&subject.plan, &journal.events),
            journal,
        })
    }

    /// Returns true when only the cluster's lock tells whether the run goes on.
    const fn is_open(&self) -> bool {
        let Fold {
            run,
            ending,
            paused,
            ..
        } = &self.fold;
        run.is_some() && ending.is_none() && paused.is_none()
    }

    fn view<'v>(&'v self, session: &Session<'_>, subject: &'v Subject) -> StatusView<'v> {
        let place = subject.dir.join(JOURNAL_FILE);
        let shown = place.strip_prefix(&session.ambient.cwd).unwrap_or(&place);
        let now = session.ambient.now;
        StatusView {
            plan: &subject.plan,
            fold: &self.fold,
            now: self.fold.last_at.unwrap_or(now).max(now),
            torn: self.journal.torn.as_ref(),
            lock: None,
            looked: false,
            unlooked: None,
            lock_id: None,
            words: subject.words.clone(),
            journal: Some(shown.display().to_string()),
        }
    }
}

/// Says that nobody looked at the lock, and why.
fn unknown(session: &mut Session<'_>, told: &Told, view: &mut StatusView<'_>, why: &str) {
    let what = if told.is_open() {
        "the run goes on"
    } else {
        "a run goes on elsewhere"
    };
    session
        .terminal
        .warn(&format!("whether {what} is not known: {why}"));
    view.unlooked = Some(why.to_owned());
}

/// Adds what the cluster itself knows: its time, and who has its lock.
fn look(
    session: &mut Session<'_>,
    (subject, told): (&Subject, &Told),
    mut target: LiveTarget,
    view: &mut StatusView<'_>,
) {
    view.now = target.now().unwrap_or(view.now);
    let seen = match target.lock_seen() {
        Ok(seen) => seen,
        Err(error) => {
            unknown(session, told, view, &error.to_string());
            if let Some(hint) = error.hint() {
                let id = &subject.plan.id;
                session
                    .terminal
                    .hint(&hint.replace("PLAN", &format!("{id}{}", subject.words)));
            }
            return;
        }
    };
    let left = seen.left.as_ref();
    let own = left.and_then(|left| left.run_of(&subject.plan.digest));
    if let Some(own) = own.filter(|own| own.seq > view.fold.seq) {
        session.terminal.warn(&format!(
            "the cluster's lock knows of {} events of run {}, and the journal has {}: it is lost or behind",
            own.seq, own.run, view.fold.seq
        ));
    }
    view.looked = true;
    view.lock_id = left.map(|left| left.id.clone()).filter(|id| !id.is_empty());
    view.lock = seen.holder.map(|holder| LockView {
        holder: holder.holder,
        since: holder.since,
        run: holder.run,
        before: holder.before,
        free: holder.free,
    });
}

/// Lists several plans by their journals; nobody's lock is looked at.
fn list(
    session: &mut Session<'_>,
    request: &StatusRequest,
    subjects: &[Subject],
) -> Result<u8, CliError> {
    let told: Vec<Told> = subjects
        .iter()
        .map(Told::read)
        .collect::<Result<_, CliError>>()?;
    let views: Vec<StatusView<'_>> = told
        .iter()
        .zip(subjects)
        .map(|(told, subject)| told.view(session, subject))
        .collect();
    let text = match request.format {
        DiffFormat::Table => status_set_table(&views, &session.look()),
        DiffFormat::Json => shown(&status_set_json(&views)),
    };
    session.terminal.data(&text)?;
    Ok(exit_code::DONE)
}

fn shown(value: &Value) -> String {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    format!("{text}\n")
}
