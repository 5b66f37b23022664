//! Carries an approved plan out: the lock, the journal, the machine and its real ports.

use super::ambient::Ambient;
use super::branch::{self, Missing, Publishing};
use super::error::CliError;
use super::exit_code;
use super::request::RunManner;
use super::screen::{Screen, StepFace};
use super::session::Session;
use super::subject::{Subject, refused};
use super::terminal::harmless;
use crate::actuate::world::WorldTools;
use crate::actuate::{Interrupts, StepFiles, ToolEnvironment};
use crate::approvals;
use crate::drive::live::{LivePorts, Publish, Target as _, Watch};
use crate::drive::target::LiveTarget;
use crate::drive::{Finish, How, Interrupt, Machine, PortError, Report, Runner, run};
use crate::pipeline::typed;
use crate::store::StoreError;
use crate::store::disk::RealDisk;
use crate::store::journal::JournalFile;
use crate::store::lock::{ClusterLock, LockClaim, LockContent, LockError, LockNote};
use stairway_core::approve::{Approved, Confirmation, Nonce, Requirements, Used, admit};
use stairway_core::catalog::EksctlUse;
use stairway_core::journal::{Event, Fold, Journal, fold};
use stairway_core::model::{Timestamp, say_seconds};
use stairway_core::next::Manner;
use stairway_core::plan::wire::{Action, ID_DIGITS, Plan, Step, StepKind};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::{BufRead as _, Write as _};
use std::rc::Rc;
use std::sync::Arc;

/// How many hex digits of a digest are printed for confirmation, and asked for at least.
pub(crate) const DIGEST_DIGITS: usize = 12;

/// Everything that a run needs before it is confirmed.
pub(crate) struct Carry<'r> {
    /// The plan and its directory.
    pub(crate) subject: Subject,
    /// The cluster.
    pub(crate) target: LiveTarget,
    /// What the actions' files hold.
    pub(crate) files: StepFiles,
    /// How many approvals count.
    pub(crate) requirements: Requirements,
    /// How steps run.
    pub(crate) manner: Manner,
    /// How the command was called.
    pub(crate) asked: &'r RunManner,
    /// True to go on with a run.
    pub(crate) resume: bool,
    /// True to take nothing for done that is not seen.
    pub(crate) adopt: bool,
    /// What was overridden on purpose, for the journal.
    pub(crate) overridden: Option<String>,
    /// The digest of the plan that this one takes back, if any: its open run is no obstacle.
    pub(crate) takes_back: Option<String>,
}

/// The journal and the lock of a run that is about to begin or go on.
struct Opened {
    journal: JournalFile<RealDisk>,
    known: Journal,
    fold: Fold,
    lock: Shared,
    left: Option<LockContent>,
    interrupts: Interrupts,
}

/// What came of it.
pub(crate) struct Carried {
    /// The end.
    pub(crate) finish: Finish,
    /// The lock, still held: whoever has more to write down writes it, and lets go.
    pub(crate) lock: Box<dyn ClusterLock>,
}

impl Carry<'_> {
    /// Runs the plan.
    pub(crate) fn out(mut self, session: &mut Session<'_>) -> Result<Carried, CliError> {
        let nonce = Ambient::nonce()
            .map_err(|error| CliError::user(format!("Getting random bytes failed: {error}")))?;
        let hex = Nonce::of(nonce).as_str().to_owned();
        let actor = session.ambient.actor();
        let now = self.now()?;
        let interrupts = Interrupts::of_process()
            .map_err(|error| CliError::internal(format!("Listening to signals failed: {error}")))?;
        interrupts.tell(Arc::new(|level| {
            if level == Interrupt::Once {
                say("Stopping before the first step: nothing is begun");
            }
        }));
        let mut opened = self.open(&hex, &actor, now, interrupts)?;
        let outcome = self.confirmed_run(session, &hex, actor, &mut opened);
        match outcome {
            Ok(finish) => Ok(Carried {
                finish,
                lock: Box::new(opened.lock),
            }),
            Err(error) => {
                give_back(&mut opened.lock);
                Err(error)
            }
        }
    }

    fn now(&mut self) -> Result<Timestamp, CliError> {
        self.target.now().map_err(|why| {
            CliError::unread(format!(
                "Reading the cluster failed, and nothing was done: {why}"
            ))
        })
    }

    /// Takes the lock and reads the journal.
    fn open(
        &self,
        id: &str,
        actor: &str,
        at: Timestamp,
        interrupts: Interrupts,
    ) -> Result<Opened, CliError> {
        let plan = &self.subject.plan;
        let mut lock = Shared::new(self.target.lock(Arc::new(say), &interrupts));
        let claim = LockClaim {
            id: id.to_owned(),
            holder: format!("{actor} {}", std::process::id()),
            at,
            run: String::new(),
            plan: plan.digest.clone(),
        };
        let left = lock
            .acquire(&claim)
            .map_err(|error| with_ids(error, &self.subject))?;
        match self.admitted(left.as_ref()) {
            Ok((journal, known, fold)) => Ok(Opened {
                journal,
                known,
                fold,
                lock,
                left,
                interrupts,
            }),
            Err(error) => {
                give_back(&mut lock);
                Err(error)
            }
        }
    }

    /// Reads the journal, and says why the run may not begin or go on by it and by what the lock told.
    fn admitted(
        &self,
        left: Option<&LockContent>,
    ) -> Result<(JournalFile<RealDisk>, Journal, Fold), CliError> {
        let plan = &self.subject.plan;
        let (journal, known) = match JournalFile::open(RealDisk, &self.subject.dir, &plan.digest) {
            Ok(opened) => opened,
            Err(StoreError::Journal { .. }) if self.adopt => {
                JournalFile::start_over(RealDisk, &self.subject.dir, &plan.digest)?;
                JournalFile::open(RealDisk, &self.subject.dir, &plan.digest)?
            }
            Err(error) => return Err(self.subject.named(error, None)),
        };
        let folded = fold(plan, &known.events);
        if let Some(left) = left {
            self.admitted_by(left, &known)?;
        }
        resumable(&self.subject, &folded, self.resume, self.adopt)?;
        Ok((journal, known, folded))
    }

    fn admitted_by(&self, left: &LockContent, known: &Journal) -> Result<(), CliError> {
        let hash_of = |seq: u64| {
            let index = usize::try_from(seq.checked_sub(1)?).ok()?;
            known.events.get(index).map(Event::hash)
        };
        let mut left = left.clone();
        if let Some(other) = &self.takes_back {
            left.consumed.retain(|one| one.plan != *other);
        }
        let events = known.events.len() as u64;
        left.admits(&self.subject.plan.digest, events, &hash_of, self.adopt)
            .map_err(|error| with_ids(error, &self.subject))
    }

    /// Lets the plan pass, and runs it.
    fn confirmed_run(
        &mut self,
        session: &mut Session<'_>,
        hex: &str,
        actor: String,
        opened: &mut Opened,
    ) -> Result<Finish, CliError> {
        let (approved, confirmed) = self.passed(session, opened)?;
        let tools = self.tools(session)?;
        let digits = hex.get(..6).unwrap_or("000000");
        let runner = Runner {
            run: format!("{}-r{digits}", approved.plan().id),
            actor,
            confirmed,
            adopt: self.adopt,
            torn_bytes: opened.known.torn.as_ref().map_or(0, |torn| torn.bytes),
        };
        let manner = self.manner.clone();
        let mut machine = Machine::new(&approved, opened.fold.clone(), runner, manner);
        let faces = approved
            .plan()
            .steps
            .iter()
            .map(|step| StepFace {
                id: step.id.clone(),
                expected: step.duration.typical,
            })
            .collect();
        let screen = Screen::start(session.ambient, self.asked.json, faces);
        opened.interrupts.tell(screen.hears_interrupts());
        let publishing = self.publishing(session, opened);
        let missing = publishing.as_ref().map(Publishing::missing);
        let finish = self.run_on(session, opened, &mut machine, &screen, (tools, publishing));
        let missing = missing.and_then(|missing| missing.borrow().clone());
        let finish = match finish {
            Ok(finish) => finish,
            Err(error) => {
                return Err(CliError::internal(format!(
                    "Running the plan failed: {error}"
                )));
            }
        };
        if finish.how == How::Refused && !self.asked.json {
            drop(screen);
            return Err(refused(format!(
                "Applying `{}` failed: {}",
                approved.plan().id,
                finish.why
            ))
            .hint(self.hint_of_refusal(missing.as_ref()).unwrap_or_default()));
        }
        screen.finish(&finish, exit_of(finish.how))?;
        if let (Some(store), Some(missing)) = (&self.subject.store, missing) {
            let (id, words) = (&approved.plan().id, &self.subject.words);
            let command = format!("stairway apply {id}{words} --resume");
            branch::tell_missing(session.terminal, store, &missing, &command);
        }
        Ok(finish)
    }

    /// Asks, and lets the plan pass with what was confirmed and signed.
    fn passed(
        &self,
        session: &mut Session<'_>,
        opened: &Opened,
    ) -> Result<(Approved<Plan>, String), CliError> {
        let plan = self.subject.plan.clone();
        let (confirmation, mut confirmed) = self.confirm(session, &plan)?;
        if let Some(overridden) = &self.overridden {
            confirmed = format!("{confirmed}; {overridden}");
        }
        let (signed, notes) = approvals::read_signed(&self.subject.dir);
        for note in notes {
            session.terminal.warn(&note);
        }
        let used = used(opened, &plan);
        let wall = session.ambient.now;
        let approved = admit(
            plan,
            &confirmation,
            &self.requirements,
            &signed,
            &used,
            wall,
        )
        .map_err(|refusal| {
            self.subject
                .named(refusal, self.asked.policy_from.as_deref())
        })?;
        Ok((approved, confirmed))
    }

    /// Where the run's events go besides its folder.
    fn publishing(&self, session: &Session<'_>, opened: &Opened) -> Option<Publishing> {
        let store = self.subject.store.as_ref()?;
        let (id, now) = (&self.subject.plan.id, session.ambient.now);
        Some(Publishing::of(store, id, now, opened.interrupts.clone()))
    }

    /// A run whose beginning could not be published has begun here, and goes on.
    fn hint_of_refusal(&self, missing: Option<&Missing>) -> Option<String> {
        let Subject { plan, words, .. } = &self.subject;
        let (id, digest) = (&plan.id, digest_start(plan));
        let policy_from = self.asked.policy_from.as_deref();
        let policy = policy_from.map_or_else(String::new, |rev| {
            format!(" {}", typed("--policy-from", rev))
        });
        let Some(missing) = missing else {
            return hint_for(How::Refused, &self.subject, policy_from);
        };
        if missing.taken {
            return Some(format!(
                "nothing was done here; `stairway status {id}{words}` tells of theirs"
            ));
        }
        Some(format!(
            "nothing was done; when the branch can be pushed: `stairway apply {id}{words}{policy} --resume --approve={digest}`"
        ))
    }

    fn run_on(
        &mut self,
        session: &Session<'_>,
        opened: &mut Opened,
        machine: &mut Machine<'_>,
        screen: &Screen,
        (tools, publishing): (WorldTools, Option<Publishing>),
    ) -> Result<Finish, PortError> {
        let digest = &self.subject.plan.digest;
        let own = opened.left.as_ref().and_then(|left| left.run_of(digest));
        let started = session.ambient.now;
        let mut ports = LivePorts {
            target: Box::new(self.target.clone()),
            actuator: self.target.actuator(tools),
            journal: opened.journal.clone(),
            elsewhere: publishing.map(|one| Box::new(one) as Box<dyn Publish>),
            lock: Box::new(opened.lock.clone()),
            files: self.files.clone(),
            interrupts: opened.interrupts.clone(),
            watch: Box::new(Watching(screen)),
            clock: Box::new(move || Ambient::clock_from(started)),
            note: LockNote {
                plan: digest.clone(),
                nonces: own.map(|own| own.nonces.clone()).unwrap_or_default(),
                ..LockNote::default()
            },
            last: opened.fold.last_at.unwrap_or(Timestamp::from_unix(0)),
        };
        run(machine, &mut ports)
    }

    /// Returns what runs eksctl, its version checked where the plan runs it at all.
    fn tools(&self, session: &Session<'_>) -> Result<WorldTools, CliError> {
        let environment = ToolEnvironment::of_process();
        let dir = Some(self.subject.dir.clone());
        let world = self.target.world();
        let tools =
            WorldTools::own(environment, &world.store, &world.cluster, dir).map_err(|error| {
                CliError::user(format!("Finding our own executable failed: {error}"))
            })?;
        let steps = &self.subject.plan.steps;
        let runs = |action: &Action| matches!(action, Action::Run { .. });
        if !steps.iter().flat_map(|step| &step.actions).any(runs) {
            return Ok(tools);
        }
        let back = |step: &Step| step.kind == StepKind::RollbackControlPlane;
        let needed_for = if steps.iter().any(back) {
            EksctlUse::Rollback
        } else {
            EksctlUse::Plan
        };
        match tools.check(needed_for, session.catalog) {
            Ok(()) => Ok(tools),
            Err(error) => {
                let shown = refused(error.to_string());
                Err(match error.hint() {
                    Some(hint) => shown.hint(hint),
                    None => shown,
                })
            }
        }
    }

    /// The operator says which plan is meant: by its digest, or by the cluster's name.
    fn confirm(
        &self,
        session: &mut Session<'_>,
        plan: &Plan,
    ) -> Result<(Confirmation, String), CliError> {
        let typed = self.asked.approve.as_deref().unwrap_or_default();
        if !typed.is_empty() {
            let confirmation = Confirmation::by_digest(typed, plan)?;
            return Ok((confirmation, format!("digest {typed}")));
        }
        let digest = digest_start(plan);
        if self.asked.no_input || self.asked.json || !Ambient::can_ask() {
            return Err(refused(format!(
                "Applying `{}` failed: without a terminal, `--approve` needs the plan's digest",
                plan.id
            ))
            .hint(format!("review it, then: `--approve={digest}`")));
        }
        session.terminal.say(&face(plan));
        let question = format!(
            "Type the cluster's name to apply, anything else to stop [{}]: ",
            plan.identity.cluster.name
        );
        let answer = ask(&question)?;
        let confirmation = Confirmation::by_name(answer.trim(), plan)?;
        Ok((confirmation, "the cluster's name, typed".to_owned()))
    }
}

/// Says why a run does not begin, or does not go on, by its journal.
///
/// # Errors
/// It is over, or it was begun and `resume` is not asked for, or the other way round.
pub(crate) fn resumable(
    subject: &Subject,
    folded: &Fold,
    resume: bool,
    adopt: bool,
) -> Result<(), CliError> {
    let (id, words) = (&subject.plan.id, &subject.words);
    if folded.is_over() {
        return Err(refused(format!(
            "Applying `{id}` failed: the plan has run to its end"
        ))
        .hint(format!("make a new plan: `{}`", subject.again)));
    }
    match (&folded.run, resume) {
        (Some(run), false) => Err(refused(format!(
            "Applying `{id}` failed: its run {run} was begun and has not come to its end"
        ))
        .hint(format!(
            "`stairway status {id}{words}`, then `stairway apply {id}{words} --resume --approve`"
        ))),
        (None, true) if !adopt => Err(refused(format!(
            "Resuming `{id}` failed: no run of it was begun here"
        ))
        .hint(format!(
            "leave `--resume` out; where its journal was lost: `stairway apply {id}{words} --resume --adopt --approve`"
        ))),
        (Some(_) | None, _) => Ok(()),
    }
}

/// The first digits of a plan's digest, as they are typed.
pub(crate) fn digest_start(plan: &Plan) -> String {
    let hex = plan.digest.rsplit(':').next().unwrap_or_default();
    hex.chars().take(DIGEST_DIGITS).collect()
}

/// What the operator must see before confirming.
pub(crate) fn face(plan: &Plan) -> String {
    let cluster = &plan.identity.cluster;
    let account = cluster.account_id.as_deref().unwrap_or("not recorded");
    let hop = match (plan.from, plan.to) {
        (Some(from), Some(to)) if from != to => format!("{from} → {to}"),
        (Some(from), _) => from.to_string(),
        (None, _) => "unknown".to_owned(),
    };
    let irreversible = plan
        .points_of_no_return()
        .next()
        .map_or_else(|| "none".to_owned(), |step| format!("`{}`", step.id));
    let typical: u64 = plan.steps.iter().map(|step| step.duration.typical).sum();
    let mut rows = vec![
        ("cluster", format!("{} ({})", cluster.name, plan.flavor)),
        ("account", format!("{account}, {}", cluster.region)),
    ];
    let places = [
        ("endpoint", &cluster.endpoint),
        ("authority", &cluster.certificate_authority),
    ];
    rows.extend(
        places
            .into_iter()
            .filter_map(|(name, place)| Some((name, place.clone()?))),
    );
    rows.extend([
        ("control plane", hop),
        (
            "steps",
            format!("{}, typically {}", plan.steps.len(), say_seconds(typical)),
        ),
        ("first irreversible", irreversible),
        ("digest", plan.digest.clone()),
    ]);
    let lines: Vec<String> = rows
        .iter()
        .map(|(name, value)| format!("  {name:<18}  {value}"))
        .collect();
    lines.join("\n")
}

/// Asks on the terminal; an empty answer is also what the end of input gives.
pub(crate) fn ask(question: &str) -> Result<String, CliError> {
    let failed = |error: std::io::Error| CliError::user(format!("Asking failed: {error}"));
    let mut out = std::io::stderr().lock();
    out.write_all(question.as_bytes()).map_err(failed)?;
    out.flush().map_err(failed)?;
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(failed)?;
    Ok(answer)
}

/// What earlier runs of any plan on the cluster used up.
fn used(opened: &Opened, plan: &Plan) -> Used {
    let mut nonces: BTreeSet<Nonce> = BTreeSet::new();
    let mut take = |text: &String| {
        if let Ok(nonce) = Nonce::try_from(text.clone()) {
            nonces.insert(nonce);
        }
    };
    opened.fold.nonces.iter().for_each(&mut take);
    if let Some(left) = &opened.left {
        left.consumed
            .iter()
            .flat_map(|one| &one.nonces)
            .for_each(&mut take);
    }
    let own = opened
        .left
        .as_ref()
        .and_then(|left| left.run_of(&plan.digest));
    Used {
        nonces,
        finished: opened.fold.is_over(),
        resuming: opened.fold.run.is_some() || own.is_some(),
    }
}

/// Returns the exit code of an end.
pub(crate) const fn exit_of(how: How) -> u8 {
    match how {
        How::Done => exit_code::DONE,
        How::Refused => exit_code::REFUSED,
        How::Unread => exit_code::INCOMPLETE,
        How::Stopped | How::Left => exit_code::STOPPED,
        How::Paused => exit_code::PAUSED,
    }
}

/// Returns what to do next, as commands that can be typed.
pub(crate) fn hint_for(how: How, subject: &Subject, policy_from: Option<&str>) -> Option<String> {
    let policy = policy_from.map_or_else(String::new, |rev| {
        format!(" {}", typed("--policy-from", rev))
    });
    let (id, words) = (&subject.plan.id, &subject.words);
    let resume = format!(
        "`stairway apply {id}{words}{policy} --resume --approve={}`",
        digest_start(&subject.plan)
    );
    match how {
        How::Done => None,
        How::Refused => Some(format!(
            "nothing was done; plan again from what is live: `{}`",
            subject.again
        )),
        How::Unread => Some("nothing was done; try again when the cluster answers".to_owned()),
        How::Stopped | How::Left => Some(format!(
            "`stairway status {id}{words}`; then {resume}, or `stairway rollback {id}{words}`"
        )),
        How::Paused => Some(resume),
    }
}

/// The hints of a lock name the plan, and the one that has the lock.
fn with_ids(error: LockError, subject: &Subject) -> CliError {
    let plan = &subject.plan;
    let other = error.other_plan().map_or_else(
        || "THAT-PLAN".to_owned(),
        |digest| {
            let hex = digest.rsplit(':').next().unwrap_or_default();
            let hex: String = hex.chars().take(ID_DIGITS).collect();
            format!("{}-{hex}", plan.name)
        },
    );
    let shown = CliError::from(error);
    let (own, words) = (&plan.id, &subject.words);
    let named = |hint: &String| {
        let parts: Vec<String> = hint
            .split("THAT-PLAN")
            .map(|part| part.replace("PLAN", &format!("{own}{words}")))
            .collect();
        parts.join(&format!("{other}{words}"))
    };
    let hint = shown.hint.as_ref().map(named);
    shown.maybe_hint(hint)
}

/// Lets go of a lock under which nothing was done: what it told of earlier runs stands there again.
fn give_back(lock: &mut dyn ClusterLock) {
    if let Err(error) = lock.release() {
        say(&format!("{error}; others can take it when it ends"));
    }
}

/// Says something while a lock is waited for or kept, from whichever thread does it.
fn say(line: &str) {
    // Nobody may be listening any more.
    let _gone = writeln!(std::io::stderr().lock(), "{}", harmless(line));
}

/// The lock is the ports' while they run, and ours before and afterwards.
#[derive(Clone)]
struct Shared(Rc<RefCell<Box<dyn ClusterLock>>>);

impl Shared {
    fn new(lock: Box<dyn ClusterLock>) -> Self {
        Self(Rc::new(RefCell::new(lock)))
    }
}

impl ClusterLock for Shared {
    fn acquire(&mut self, claim: &LockClaim) -> Result<Option<LockContent>, LockError> {
        self.0.borrow_mut().acquire(claim)
    }

    fn check(&mut self) -> Result<(), LockError> {
        self.0.borrow_mut().check()
    }

    fn annotate(&mut self, note: &LockNote) -> Result<(), LockError> {
        self.0.borrow_mut().annotate(note)
    }

    fn release(&mut self) -> Result<(), LockError> {
        self.0.borrow_mut().release()
    }
}

struct Watching<'s>(&'s Screen);

impl Watch for Watching<'_> {
    fn show(&self, at: Timestamp, report: &Report) {
        self.0.show(at, report);
    }

    fn tool_line(&self, line: &str) {
        self.0.tool_line(line);
    }

    fn clock(&self, at: Timestamp) {
        self.0.clock(at);
    }
}
