//! `--store branch:NAME`: opens the branch for a command, and publishes a run's events on it.

use super::ambient::Ambient;
use super::error::CliError;
use super::request::StoreOption;
use super::session::Session;
use super::terminal::Terminal;
use crate::actuate::Interrupts;
use crate::drive::live::Publish;
use crate::drive::{Interrupt, PortError};
use crate::store::StoreError;
use crate::store::branch::{BranchError, BranchStore, Told};
use crate::vcs::VcsError;
use stairway_core::journal::{Event, What};
use stairway_core::model::Timestamp;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// How often a push is tried, when the remote gives no answer.
const TRIES: u32 = 3;
/// Between two tries: a remote that restarts is back after some seconds, or after minutes.
const BETWEEN: Duration = Duration::from_secs(2);

/// What a command wants of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// To read: a remote without an answer is told, and what was last seen is shown.
    Read,
    /// To write: without the remote nothing is begun.
    Write,
}

/// Opens the store, fetched and with a copy here. With [`Reach::Write`] the branch may be missing.
pub(crate) fn open(
    session: &mut Session<'_>,
    option: &StoreOption,
    reach: Reach,
) -> Result<Rc<BranchStore>, CliError> {
    let store = fetched(session, option, reach)?;
    if store.remote().is_none() {
        session.terminal.warn(&format!(
            "this repository has no remote: {} is kept here only, and nobody else can go on from it",
            store.said()
        ));
    }
    store.take()?;
    Ok(Rc::new(store))
}

/// Opens the store and fetches it; the copy here is as it was.
pub(crate) fn fetched(
    session: &mut Session<'_>,
    option: &StoreOption,
    reach: Reach,
) -> Result<BranchStore, CliError> {
    let cwd = &session.ambient.cwd;
    let store = BranchStore::open(
        Ambient::git(),
        cwd,
        &option.branch,
        option.remote.as_deref(),
    )?;
    if let Err(error) = store.fetch() {
        if reach == Reach::Write {
            let shown = CliError::refused(format!("{error}; nothing was done"));
            return Err(match error.hint() {
                Some(hint) => shown.hint(hint),
                None => shown,
            });
        }
        session.terminal.warn(&format!(
            "{error}; this is {} as it was last seen here",
            store.said()
        ));
    }
    Ok(store)
}

/// As [`open`], for a plan that must be there already.
pub(crate) fn open_filled(
    session: &mut Session<'_>,
    option: &StoreOption,
    reach: Reach,
) -> Result<Rc<BranchStore>, CliError> {
    let store = open(session, option, reach)?;
    if store.is_empty()? {
        return Err(store.no_branch().into());
    }
    Ok(store)
}

/// Makes sure that the journal of a plan here is of the run on the branch; says so when the one here was set aside.
pub(crate) fn check(
    session: &mut Session<'_>,
    store: &BranchStore,
    id: &str,
) -> Result<(), CliError> {
    if let Some(aside) = store.check(id)? {
        let events = match aside.events {
            1 => "1 event that is".to_owned(),
            many => format!("{many} events that are"),
        };
        session.terminal.warn(&format!(
            "the journal of `{id}` here has {events} not on {}, where {} went on; none of them announces an effect that is unknown there, so that it was set aside ({}), and this goes on from the branch's",
            store.said(),
            aside.commit,
            aside.file.display()
        ));
    }
    Ok(())
}

/// Returns the name by which a plan of the store is looked for: names only, nothing that leads elsewhere.
pub(crate) fn plain_name(store: &BranchStore, typed: &str) -> Result<String, CliError> {
    let name = typed.strip_prefix("plans/").unwrap_or(typed);
    let name = name.trim_end_matches('/');
    let name = name.strip_suffix("/plan.json").unwrap_or(name);
    if name.is_empty() || name.starts_with('.') || name.contains('/') {
        return Err(
            CliError::usage(format!("`{typed}` is no plan of {}", store.said()))
                .hint("name it by its id or the beginning of it, or `planset.json`"),
        );
    }
    Ok(name.to_owned())
}

/// The error of a plan that was looked for on the branch.
pub(crate) fn not_found(store: &BranchStore, error: StoreError) -> CliError {
    let StoreError::Missing { subject, .. } = error else {
        return error.into();
    };
    // It may be there and not have been taken.
    if let Err(error) = store.check_named(&subject) {
        return error.into();
    }
    let message = format!("There is no plan `{subject}` on {}", store.said());
    let (listing, option) = (store.listing(), store.option());
    CliError::user(message).hint(format!(
        "`{listing}` lists them; `stairway plan{option}` makes them"
    ))
}

/// Puts what is here and not on the branch there, and says so: the end of a run that could not be pushed.
pub(crate) fn catch_up(
    session: &mut Session<'_>,
    store: &BranchStore,
    id: &str,
) -> Result<(), CliError> {
    if !store.is_ahead(id)? {
        return Ok(());
    }
    let told = Told {
        subject: format!("{id}: the end of its journal"),
        trailers: vec![("Stairway-Plan".to_owned(), id.to_owned())],
    };
    let plans = [id.to_owned()];
    if let Some(commit) = store.publish(&plans, false, &told, session.ambient.now)? {
        session.terminal.say(&format!(
            "Put events of `{id}` that were only here on {}: commit {}",
            store.said(),
            commit.get(..12).unwrap_or(&commit)
        ));
    }
    Ok(())
}

/// Why the branch does not have the last events of a run.
#[derive(Clone, Debug)]
pub(crate) struct Missing {
    /// In words.
    pub(crate) why: String,
    /// True when somebody else runs the plan.
    pub(crate) taken: bool,
}

/// Publishes the events of one run.
pub(crate) struct Publishing {
    store: Rc<BranchStore>,
    plan: String,
    clock: Box<dyn Fn() -> Timestamp>,
    interrupts: Interrupts,
    /// Why the branch does not have the last events, while it does not.
    missing: Rc<RefCell<Option<Missing>>>,
}

impl Publishing {
    pub(crate) fn of(
        store: &Rc<BranchStore>,
        plan: &str,
        started: Timestamp,
        interrupts: Interrupts,
    ) -> Self {
        Self {
            store: Rc::clone(store),
            plan: plan.to_owned(),
            clock: Box::new(move || Ambient::clock_from(started)),
            interrupts,
            missing: Rc::default(),
        }
    }

    /// Returns where it will be told why the branch lacks the last events.
    pub(crate) fn missing(&self) -> Rc<RefCell<Option<Missing>>> {
        Rc::clone(&self.missing)
    }

    fn told(&self, event: &Event) -> Told {
        let what = serde_json::to_value(event).unwrap_or_default();
        let kind = what["event"].as_str().unwrap_or("event").to_owned();
        let step = what["step"].as_str().map(|step| format!(" {step}"));
        let trailer = |key: &str, value: String| (key.to_owned(), value);
        Told {
            subject: format!("{}: {kind}{}", self.plan, step.unwrap_or_default()),
            trailers: vec![
                trailer("Stairway-Plan", self.plan.clone()),
                trailer("Stairway-Run", event.run.clone()),
                trailer("Stairway-Event", format!("{} {}", event.seq, event.hash())),
            ],
        }
    }

    /// Tries again while the remote gives no answer and nobody asks to stop.
    fn put(&self, event: &Event, tries: u32) -> Result<(), BranchError> {
        let (plans, told) = ([self.plan.clone()], self.told(event));
        for left in (0..tries).rev() {
            match self.store.publish(&plans, false, &told, (self.clock)()) {
                Ok(_) => return Ok(()),
                Err(BranchError::Vcs(VcsError::Remote { .. }))
                    if left > 0 && self.interrupts.level() == Interrupt::None =>
                {
                    self.interrupts.sleep(BETWEEN);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Publish for Publishing {
    fn publish(&mut self, event: &Event) -> Result<bool, PortError> {
        // An effect follows on these, or a run that nobody else may begin beside it.
        let must = match &event.what {
            What::RunStarted { .. } | What::Resumed { .. } | What::StepIntended { .. } => true,
            What::StepObserved { .. }
            | What::StepFailed { .. }
            | What::Paused { .. }
            | What::RunEnded { .. } => false,
            // The outcome that is looked up next goes with it.
            What::EffectReturned { .. } => return Ok(false),
        };
        let last = matches!(&event.what, What::Paused { .. } | What::RunEnded { .. });
        match self.put(event, if must || last { TRIES } else { 1 }) {
            Ok(()) => {
                self.missing.replace(None);
                Ok(true)
            }
            Err(error) => {
                let why = error.to_string();
                let taken = matches!(error, BranchError::Taken { .. });
                let missing = Missing {
                    why: why.clone(),
                    taken,
                };
                self.missing.replace(Some(missing));
                match error {
                    _ if !must => Ok(false),
                    BranchError::Taken { .. } => Err(PortError::LockLost(why)),
                    BranchError::Vcs(_)
                    | BranchError::File(_)
                    | BranchError::NoRepository { .. }
                    | BranchError::NoBranch { .. }
                    | BranchError::Journal { .. }
                    | BranchError::JournalHere { .. }
                    | BranchError::Apart { .. } => Err(PortError::Failed(format!(
                        "{why}; nothing is done that others cannot see"
                    ))),
                }
            }
        }
    }
}

/// Says what the branch does not have, at the end of a run.
pub(crate) fn tell_missing(
    terminal: &mut Terminal,
    store: &BranchStore,
    missing: &Missing,
    command: &str,
) {
    terminal.warn(&format!(
        "{} does not have the last events of this run, which are safe in {}: {}",
        store.said(),
        store.folder().display(),
        missing.why
    ));
    // What somebody else wrote there meanwhile counts; `status` tells how the two stand.
    if !missing.taken {
        terminal.hint(&format!(
            "when it can be pushed again: `{command}` puts them there"
        ));
    }
}
