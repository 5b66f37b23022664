//! The simulated ports: a world in memory, a disk that forgets what was not synced, and a process
//! that may be killed at any call. `rehearse` and the simulation tests run the real machine on them.

mod disk;
mod eyes;
mod life;

pub use life::live;

use super::machine::{Chooser, Finish};
use super::ports::{ActionCall, Interrupt, PortError, Ports, Report};
use crate::actuate::with_token;
use crate::store::disk::{Disk, SimDisk};
use crate::store::journal::JournalFile;
use disk::FaultyDisk;
use eyes::Eyes;
use serde_json::{Map, Value};
use stairway_core::catalog::Catalog;
use stairway_core::journal::{Claim, Ending, Event, What};
use stairway_core::model::{Condition, Known, Observation, Timestamp};
use stairway_core::next::Manner;
use stairway_core::plan::wire::{Action, Plan, Step};
use stairway_core::verify::{Ground, verify};
use stairway_world::tools::{Running, Turn};
use stairway_world::{Fault, World, eks, kubernetes};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Where the simulated disk has the plan's folder.
const FOLDER: &str = "/plans/simulated";
/// How often a stopped run is taken up again unless told otherwise.
const RETRIES: u32 = 4;
/// A story with more calls than this does not end; the longest demo plan needs some thousands.
const CALLS_MAX: u64 = 60_000;
/// No event has more bytes.
const TAIL_BYTES: usize = 64 << 10;
/// Lines of a tool's output that a claim keeps.
const TAIL_LINES: usize = 5;

/// How a simulated operator and a simulated fate behave.
#[derive(Clone, Debug)]
pub struct Fate {
    /// What chance is drawn from.
    pub seed: u64,
    /// The call, counted over all lives, at which the process is killed; each entry kills once.
    pub kills: Vec<u64>,
    /// The call at which the operator asks to stop once.
    pub interrupts: Vec<u64>,
    /// True when a tool outlives the process that started it.
    pub orphans: bool,
    /// True when the journal is lost with the first kill.
    pub loses_journal: bool,
    /// Who chooses: the real chooser, or one with a planted fault.
    pub chooser: Chooser,
    /// How runs are done.
    pub manner: Manner,
    /// How effects and the disk are broken on purpose.
    pub sabotage: Sabotage,
    /// How often a stopped run is taken up again before it counts as stopped.
    pub retries: u32,
    /// Stop for good after this many steps were observed; none to go to the end.
    pub steps_max: Option<usize>,
}

/// What is broken on purpose below the chooser, to see that the laws notice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sabotage {
    /// Nothing.
    #[default]
    None,
    /// Events are written after the effect that they announce.
    JournalAfterEffect,
    /// Nothing is ever synced.
    NeverSynced,
    /// Only the file is synced, and never its folder.
    FolderNotSynced,
    /// A resumed run does not read its journal.
    ForgetsJournal,
    /// Drains go around disruption budgets.
    IgnoresBudgets,
    /// Another group is deleted than the plan says.
    WrongGroup,
    /// A plan that ran to its end runs again, with its approvals and without its journal.
    RunsAgain,
}

impl Default for Fate {
    fn default() -> Self {
        Self {
            seed: 1,
            kills: Vec::new(),
            interrupts: Vec::new(),
            orphans: false,
            loses_journal: false,
            chooser: stairway_core::next::next,
            manner: Manner::default(),
            sabotage: Sabotage::None,
            retries: RETRIES,
            steps_max: None,
        }
    }
}

/// What became of a plan.
#[derive(Debug)]
pub struct Story {
    /// How it ended.
    pub finish: Finish,
    /// How many processes it took.
    pub lives: u32,
    /// How many calls all of them made.
    pub calls: u64,
    /// The world at the end.
    pub world: World,
    /// The journal as it is on the disk.
    pub events: Vec<Event>,
    /// Laws that were broken, each as a sentence.
    pub broken: Vec<String>,
    /// What was shown, with the time.
    pub shown: Vec<(Timestamp, Report)>,
    /// What was going on when the process was killed.
    pub killed_in: Vec<&'static str>,
    /// How often an effect was begun, by token.
    pub effects: BTreeMap<String, u32>,
}

/// The simulated ports of one process.
#[derive(Debug)]
pub struct SimPorts<'p> {
    world: World,
    plan: &'p Plan,
    files: &'p BTreeMap<String, String>,
    journal: JournalFile<FaultyDisk>,
    disk: FaultyDisk,
    fate: Fate,
    calls: u64,
    interrupted: Interrupt,
    broken: Vec<String>,
    shown: Vec<(Timestamp, Report)>,
    killed_in: Vec<&'static str>,
    effects: BTreeMap<String, u32>,
    late: Vec<Event>,
    observed_steps: usize,
    intended: BTreeMap<String, Timestamp>,
    begun: BTreeSet<String>,
    ended: bool,
    eyes: Eyes,
    done: BTreeSet<String>,
}

impl Ports for SimPorts<'_> {
    fn now(&mut self) -> Timestamp {
        self.world.now
    }

    fn observe(&mut self) -> Result<Observation, PortError> {
        self.tick("a look")?;
        // A read takes a moment.
        self.world.advance(1);
        let observed = self.world.observe();
        Ok(self.eyes.see(observed))
    }

    fn append(&mut self, event: &Event) -> Result<(), PortError> {
        self.tick("before a journal write")?;
        self.check_truth(event);
        if self.fate.sabotage == Sabotage::JournalAfterEffect
            && matches!(event.what, What::StepIntended { .. })
        {
            self.late.push(event.clone());
            return Ok(());
        }
        for event in std::mem::take(&mut self.late) {
            self.write(&event)?;
        }
        if let Err(killed) = self.tick("in the middle of a journal write") {
            // Any prefix of what was on its way may be on the disk; whatever fails here died with us.
            let _died = self.disk.append(&journal_path(), &event.line());
            return Err(killed);
        }
        self.write(event)?;
        if matches!(event.what, What::StepObserved { .. }) {
            self.observed_steps += 1;
        }
        self.tick("after a journal write")
    }

    fn check_lock(&mut self) -> Result<(), PortError> {
        Ok(())
    }

    fn act(&mut self, call: &ActionCall) -> Result<Claim, PortError> {
        self.tick("before an effect")?;
        self.check_intent(call);
        let mut call = call.clone();
        self.spoil(&mut call);
        self.check_approved(&call);
        *self.effects.entry(call.token.clone()).or_default() += 1;
        let claim = match &call.action {
            Action::Run { argv, .. } => self.tool(argv)?,
            Action::Aws {
                operation, input, ..
            } => self.api(operation, input, &call.token),
            Action::Kube {
                verb, object, body, ..
            } => self.kubernetes(verb, object, body)?,
            Action::Wait(_) => claim(true, "waited", ""),
        };
        self.tick("after an effect")?;
        Ok(claim)
    }

    fn sleep(&mut self, seconds: u32) -> Result<(), PortError> {
        self.tick("a wait")?;
        self.world.advance(i64::from(seconds));
        Ok(())
    }

    fn emit(&mut self, report: &Report) {
        self.shown.push((self.world.now, report.clone()));
    }

    fn interrupted(&self) -> Interrupt {
        let enough = self
            .fate
            .steps_max
            .is_some_and(|max| self.observed_steps >= max);
        if enough {
            Interrupt::Once
        } else {
            self.interrupted
        }
    }
}

impl SimPorts<'_> {
    /// Counts a call, and dies where fate says so.
    fn tick(&mut self, what: &'static str) -> Result<(), PortError> {
        self.calls += 1;
        if self.calls > CALLS_MAX {
            self.broken
                .push("law 4: it does not come to an end".to_owned());
            return Err(PortError::Killed);
        }
        if self.fate.interrupts.contains(&self.calls) {
            self.interrupted = Interrupt::Once;
        }
        if self.fate.kills.contains(&self.calls) {
            self.killed_in.push(what);
            return Err(PortError::Killed);
        }
        Ok(())
    }

    fn write(&mut self, event: &Event) -> Result<(), PortError> {
        self.journal
            .append(event)
            .map_err(|error| PortError::Failed(error.to_string()))
    }

    /// Law 3: at the effect, its intent is on the disk, whatever happens to the memory.
    fn check_intent(&mut self, call: &ActionCall) {
        let durable = self.disk.inner.durable(&journal_path()).unwrap_or_default();
        let line = format!("\"token\":\"{}\"", call.token);
        // The intent is among the last events.
        let tail = durable.len().saturating_sub(TAIL_BYTES);
        let told = String::from_utf8_lossy(&durable[tail..]).contains(&line);
        if !told {
            self.broken.push(format!(
                "law 3: `{}` action {} began without a durable intent",
                call.step, call.number
            ));
        }
    }

    /// Law 6: what is carried out is what was approved, byte for byte, in its order, once.
    fn check_approved(&mut self, call: &ActionCall) {
        let place = self.plan.steps.iter().position(|step| step.id == call.step);
        let step = place.map(|place| &self.plan.steps[place]);
        let approved = step.and_then(|step| step.actions.get(call.number as usize));
        if approved != Some(&call.action) {
            self.broken.push(format!(
                "law 6: `{}` did something that was not approved",
                call.step
            ));
        }
        let before = &self.plan.steps[..place.unwrap_or(0)];
        if let Some(open) = before.iter().find(|step| !self.done.contains(&step.id)) {
            self.broken.push(format!(
                "law 6: `{}` began before `{}` was seen to be done",
                call.step, open.id
            ));
        }
        if let Some(step) = step.filter(|_| call.number == 0) {
            self.check_preconditions(step);
        }
        if !self.begun.insert(call.token.clone()) {
            self.broken.push(format!(
                "law 4: `{}` action {} was begun twice by one process",
                call.step, call.number
            ));
        }
    }

    /// Law 6: what a step needs holds when it begins, unless the look before was an old one.
    fn check_preconditions(&mut self, step: &Step) {
        if self.world.struck(Fault::StaleRead) > 0 {
            return;
        }
        let truth = self.eyes.see(self.world.cluster.clone());
        let ground = Ground {
            now: self.world.now,
            since: None,
            health: None,
        };
        let open = step
            .preconditions
            .iter()
            .map(|condition| verify(condition, &truth, ground))
            .find(|verdict| !verdict.is_met());
        if let Some(open) = open {
            self.broken.push(format!(
                "law 6: `{}` began although {}",
                step.id,
                open.why()
            ));
        }
    }

    /// Laws 3 and 8: a success is written down only when the cluster shows it.
    fn check_truth(&mut self, event: &Event) {
        match &event.what {
            What::StepIntended { step, .. } => {
                self.intended.entry(step.clone()).or_insert(event.at);
            }
            What::StepObserved { step, facts, .. } => {
                self.done.insert(step.clone());
                self.check_observed(step, facts);
            }
            What::StepFailed { step, .. } => {
                self.intended.remove(step);
            }
            What::RunEnded {
                ending: Ending::Done,
                ..
            } => {
                self.ended = true;
                let open = self.plan.steps.iter().find(|s| !self.done.contains(&s.id));
                if let Some(open) = open {
                    self.broken
                        .push(format!("law 3: done, and `{}` was never seen", open.id));
                }
            }
            What::RunStarted { adopted, .. } => {
                if !adopted && std::mem::replace(&mut self.ended, false) {
                    self.broken
                        .push("law 6: a plan that had ended was begun again".to_owned());
                }
            }
            What::EffectReturned { .. }
            | What::Paused { .. }
            | What::Resumed { .. }
            | What::RunEnded { .. } => {}
        }
    }

    fn check_observed(&mut self, id: &str, facts: &[String]) {
        let Some(step) = self.plan.steps.iter().find(|known| known.id == id) else {
            return;
        };
        // What an earlier step of a lost journal left may be gone again by a later one.
        let taken_over = facts.iter().any(|fact| fact.starts_with("taken over"));
        let Some(wait) = step.wait.as_ref().filter(|_| !taken_over) else {
            return;
        };
        if let Condition::HealthNotWorse { seconds } = &wait.condition {
            let since = self.intended.get(id).copied().unwrap_or(self.world.now);
            if self.world.now.seconds_since(since) < i64::from(*seconds) {
                self.broken
                    .push(format!("`{id}` was shorter than promised"));
            }
            return;
        }
        let truth = self.eyes.see(self.world.cluster.clone());
        let ground = Ground {
            now: self.world.now,
            since: None,
            health: None,
        };
        let verdict = verify(&wait.condition, &truth, ground);
        if !verdict.is_met() {
            self.broken.push(format!(
                "law 3: `{id}` was written down as done, and it is not: {}",
                verdict.why()
            ));
        }
    }

    fn spoil(&mut self, call: &mut ActionCall) {
        match (self.fate.sabotage, &mut call.action) {
            (Sabotage::IgnoresBudgets, Action::Kube { verb, body, .. })
                if verb == "drain-nodes" =>
            {
                body["disableEviction"] = Value::Bool(true);
            }
            (Sabotage::WrongGroup, Action::Run { argv, .. })
                if argv.first().is_some_and(|verb| verb == "delete") =>
            {
                let other = self.world.cluster.nodegroups.items().last();
                let other = other.map(|group| group.name.clone());
                if let (Some(at), Some(other)) = (argv.iter().position(|a| a == "-n"), other) {
                    argv[at + 1] = other;
                }
            }
            (
                Sabotage::None
                | Sabotage::JournalAfterEffect
                | Sabotage::NeverSynced
                | Sabotage::FolderNotSynced
                | Sabotage::ForgetsJournal
                | Sabotage::IgnoresBudgets
                | Sabotage::WrongGroup
                | Sabotage::RunsAgain,
                _,
            ) => {}
        }
    }

    fn tool(&mut self, argv: &[String]) -> Result<Claim, PortError> {
        let mut running = Running::start(argv, self.files, &mut self.world);
        let mut output = String::new();
        loop {
            if let Err(killed) = self.tick("a running tool") {
                if self.fate.orphans {
                    finish_orphan(running, &mut self.world);
                }
                return Err(killed);
            }
            match running.turn(&mut self.world) {
                Turn::Waits { seconds, said } => {
                    output.push_str(&said);
                    self.world.advance(i64::from(seconds));
                }
                Turn::Exits {
                    exit,
                    said,
                    complained,
                } => {
                    output.push_str(&said);
                    output.push_str(&complained);
                    return Ok(claim(exit == 0, &format!("exit {exit}"), &output));
                }
            }
        }
    }

    /// A drain is done by this process itself: it ends when the process does.
    fn kubernetes(&mut self, verb: &str, object: &str, body: &Value) -> Result<Claim, PortError> {
        let mut running = kubernetes::Running::start(&mut self.world, verb, object, body);
        let mut output = String::new();
        loop {
            if verb == "drain-nodes" {
                self.tick("a running drain")?;
            }
            match running.turn(&mut self.world) {
                kubernetes::Turn::Waits { seconds, said } => {
                    output.push_str(&said);
                    self.world.advance(i64::from(seconds));
                }
                kubernetes::Turn::Ends { answer, said } => {
                    output.push_str(&said);
                    return Ok(match answer {
                        Ok(done) => claim(true, &done, &output),
                        Err(error) => claim(false, &error.to_string(), &output),
                    });
                }
            }
        }
    }

    fn api(&mut self, operation: &str, input: &Map<String, Value>, token: &str) -> Claim {
        let input = with_token(operation, input, token);
        match eks::call(&mut self.world, operation, &input) {
            Ok(answer) => {
                let id = answer.pointer("/update/id").and_then(Value::as_str);
                claim(true, &format!("update {}", id.unwrap_or("done")), "")
            }
            Err(error) => claim(false, &error.to_string(), ""),
        }
    }
}

/// A tool that lives on runs to its end by itself.
fn finish_orphan(mut running: Running, world: &mut World) {
    while let Turn::Waits { seconds, .. } = running.turn(world) {
        world.advance(i64::from(seconds));
    }
}

fn claim(ok: bool, said: &str, output: &str) -> Claim {
    let lines: Vec<String> = output.lines().map(str::to_owned).collect();
    let from = lines.len().saturating_sub(TAIL_LINES);
    Claim {
        ok,
        said: said.to_owned(),
        tail: lines[from..].to_vec(),
        output: String::new(),
        stopped: false,
    }
}

/// The plan was written there before, durably.
fn fresh_disk() -> SimDisk {
    SimDisk::with_folders(&[Path::new(FOLDER)])
}

fn journal_path() -> PathBuf {
    Path::new(FOLDER).join("journal.ndjson")
}

/// Returns a world that begins as `observed`, for a rehearsal.
pub fn world_of(observed: &Observation, at: Timestamp, seed: u64) -> World {
    let offers = match &observed.addon_versions {
        Known::Value(offers) => offers.clone(),
        Known::Absent | Known::Unknown(_) => offers_of_catalog(),
    };
    World::of(observed.clone(), offers, at).with_seed(seed)
}

/// What the catalog knows of add-on versions.
pub fn offers_of_catalog() -> stairway_world::Offers {
    let catalog = Catalog::embedded();
    let mut offers = stairway_world::Offers::new();
    for addon in catalog.addons() {
        let mut by_minor = BTreeMap::new();
        for minor in catalog.support_windows().map(|window| window.minor) {
            let versions: Vec<_> = catalog
                .addon_versions(&addon.name, minor)
                .into_iter()
                .cloned()
                .collect();
            if !versions.is_empty() {
                by_minor.insert(minor, versions);
            }
        }
        offers.insert(addon.name.clone(), by_minor);
    }
    offers
}
