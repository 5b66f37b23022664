//! A plan through as many processes as fate gives it.

use super::disk::FaultyDisk;
use super::eyes::Eyes;
use super::{FOLDER, Fate, Sabotage, SimPorts, Story, fresh_disk};
use crate::drive::machine::{Finish, How, Machine, Runner};
use crate::drive::ports::{Interrupt, Report};
use crate::drive::run::run;
use crate::store::journal::JournalFile;
use stairway_core::approve::Approved;
use stairway_core::journal::{Ending, fold};
use stairway_core::model::{Observation, Timestamp};
use stairway_core::plan::wire::Plan;
use stairway_world::{World, tools};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A run that needs more lives than this does not converge.
const LIVES_MAX: u32 = 60;
/// How many pauses a run may make: a phase-out of 60 days, looked at every six hours.
const PAUSES_MAX: u32 = 260;

/// Runs an approved plan on `world` through as many lives as fate gives it.
pub fn live(
    approved: &Approved<Plan>,
    files: &BTreeMap<String, String>,
    world: World,
    fate: Fate,
) -> Story {
    let mut story = Life::begin(approved, files, world, fate);
    loop {
        if let Some(finish) = story.once() {
            return story.end(finish);
        }
    }
}

/// A story while it is told.
struct Life<'p> {
    approved: &'p Approved<Plan>,
    files: &'p BTreeMap<String, String>,
    fate: Fate,
    disk: FaultyDisk,
    world: Option<World>,
    lives: u32,
    calls: u64,
    retries: u32,
    pauses: u32,
    lost: bool,
    broken: Vec<String>,
    shown: Vec<(Timestamp, Report)>,
    killed_in: Vec<&'static str>,
    effects: BTreeMap<String, u32>,
    observed_steps: usize,
    intended: BTreeMap<String, Timestamp>,
    done: BTreeSet<String>,
    eyes: Eyes,
    ended: bool,
    again: bool,
}

impl<'p> Life<'p> {
    fn begin(
        approved: &'p Approved<Plan>,
        files: &'p BTreeMap<String, String>,
        world: World,
        fate: Fate,
    ) -> Self {
        let disk = FaultyDisk {
            inner: fresh_disk(),
            syncs_files: fate.sabotage != Sabotage::NeverSynced,
            syncs_folders: !matches!(
                fate.sabotage,
                Sabotage::NeverSynced | Sabotage::FolderNotSynced
            ),
        };
        Self {
            approved,
            files,
            fate,
            disk,
            world: Some(world),
            lives: 0,
            calls: 0,
            retries: 0,
            pauses: 0,
            lost: false,
            broken: Vec::new(),
            shown: Vec::new(),
            killed_in: Vec::new(),
            effects: BTreeMap::new(),
            observed_steps: 0,
            intended: BTreeMap::new(),
            done: BTreeSet::new(),
            eyes: Eyes::default(),
            ended: false,
            again: false,
        }
    }

    /// One process, from its start to its finish or death; returns the finish of the whole story.
    fn once(&mut self) -> Option<Finish> {
        self.lives += 1;
        if self.fate.sabotage == Sabotage::ForgetsJournal && self.lives > 1 {
            self.disk.inner = fresh_disk();
        }
        let plan = self.approved.plan();
        let world = self.world.take()?;
        let opened = JournalFile::open(self.disk.clone(), Path::new(FOLDER), &plan.digest);
        let (journal, known) = match opened {
            Ok(opened) => opened,
            Err(error) => return Some(self.corrupt(world, &error.to_string())),
        };
        let folded = fold(plan, &known.events);
        // Killed right after its last word: there is nothing left to do.
        if let Some((Ending::Done, why)) = &folded.ending {
            self.world = Some(world);
            return Some(Finish {
                how: How::Done,
                why: why.clone(),
                step: None,
                resume_after: None,
                head: folded.head.clone(),
            });
        }
        let runner = Runner {
            run: format!("run-{}", self.fate.seed),
            actor: "operator@simulation".to_owned(),
            confirmed: "simulation".to_owned(),
            adopt: std::mem::take(&mut self.lost),
            torn_bytes: known.torn.as_ref().map_or(0, |torn| torn.bytes),
        };
        let mut machine = Machine::new(self.approved, folded, runner, self.fate.manner.clone())
            .with_chooser(self.fate.chooser);
        let mut ports = SimPorts {
            world,
            plan,
            files: self.files,
            journal,
            disk: self.disk.clone(),
            fate: self.fate.clone(),
            calls: self.calls,
            interrupted: Interrupt::None,
            broken: Vec::new(),
            shown: Vec::new(),
            killed_in: Vec::new(),
            effects: std::mem::take(&mut self.effects),
            late: Vec::new(),
            observed_steps: self.observed_steps,
            intended: std::mem::take(&mut self.intended),
            begun: BTreeSet::new(),
            ended: self.ended,
            eyes: std::mem::take(&mut self.eyes),
            done: std::mem::take(&mut self.done),
        };
        let outcome = run(&mut machine, &mut ports);
        self.take_back(ports);
        match outcome {
            Err(_) => self.after_death(),
            Ok(finish) => self.after_finish(finish),
        }
    }

    fn take_back(&mut self, ports: SimPorts<'_>) {
        self.calls = ports.calls;
        self.effects = ports.effects;
        self.observed_steps = ports.observed_steps;
        self.intended = ports.intended;
        self.eyes = ports.eyes;
        self.ended = ports.ended;
        self.done = ports.done;
        self.broken.extend(ports.broken);
        self.shown.extend(ports.shown);
        self.killed_in.extend(ports.killed_in);
        self.world = Some(ports.world);
    }

    fn after_death(&mut self) -> Option<Finish> {
        self.disk.inner.crash(self.fate.seed ^ self.calls);
        if self.fate.loses_journal && self.lives == 1 {
            self.disk.inner = fresh_disk();
            self.lost = true;
        }
        // Somebody notices after minutes.
        let away = 60 + i64::try_from((self.fate.seed ^ self.calls) % 600).unwrap_or(0);
        self.pass(away);
        self.enough(How::Stopped, "killed too often")
    }

    fn after_finish(&mut self, finish: Finish) -> Option<Finish> {
        match finish.how {
            How::Done if self.fate.sabotage == Sabotage::RunsAgain && !self.again => {
                self.again = true;
                self.disk.inner = fresh_disk();
                None
            }
            // That it does not fit any more is the second defence, and no law's.
            How::Refused if self.again => Some(Finish {
                how: How::Done,
                ..finish
            }),
            How::Done => Some(finish),
            How::Refused if self.lives > 1 || self.retries > 0 => Some(finish),
            How::Refused | How::Unread | How::Stopped => {
                self.retries += 1;
                if self.retries > self.fate.retries {
                    return Some(finish);
                }
                self.mend();
                self.pass(600);
                None
            }
            How::Left => {
                let enough = self
                    .fate
                    .steps_max
                    .is_some_and(|max| self.observed_steps >= max);
                if enough {
                    return Some(finish);
                }
                self.fate.interrupts.clear();
                self.pass(60);
                self.enough(How::Left, "left too often")
            }
            How::Paused => {
                self.pauses += 1;
                if self.pauses > PAUSES_MAX {
                    return Some(finish);
                }
                self.pass(6 * 3600);
                None
            }
        }
    }

    fn enough(&self, how: How, why: &str) -> Option<Finish> {
        (self.lives > LIVES_MAX).then(|| Finish {
            how,
            why: why.to_owned(),
            step: None,
            resume_after: None,
            head: String::new(),
        })
    }

    fn pass(&mut self, seconds: i64) {
        if let Some(world) = &mut self.world {
            world.advance(seconds);
        }
    }

    /// A person does what the messages say: stacks that failed are removed.
    fn mend(&mut self) {
        let Some(world) = &mut self.world else { return };
        let cluster = world.cluster.cluster.clone();
        let prefix = format!("eksctl-{}-nodegroup-", cluster.name);
        let dead: Vec<String> = world
            .cluster
            .stacks
            .items()
            .iter()
            .filter(|stack| {
                stack.status == "ROLLBACK_COMPLETE" || stack.status.ends_with("_FAILED")
            })
            .filter_map(|stack| stack.name.strip_prefix(&prefix).map(str::to_owned))
            .collect();
        for name in dead {
            let argv = [
                "delete",
                "nodegroup",
                "-c",
                &cluster.name,
                "-r",
                &cluster.region,
                "-n",
                &name,
                "--drain=false",
                "--wait",
            ]
            .map(str::to_owned);
            let _claims = tools::eksctl(&argv, &BTreeMap::new(), world);
        }
    }

    fn corrupt(&mut self, world: World, why: &str) -> Finish {
        self.broken
            .push(format!("law 4: the journal cannot be read again: {why}"));
        self.world = Some(world);
        Finish {
            how: How::Stopped,
            why: why.to_owned(),
            step: None,
            resume_after: None,
            head: String::new(),
        }
    }

    fn end(self, finish: Finish) -> Story {
        let plan = self.approved.plan();
        let journal = JournalFile::open(self.disk, Path::new(FOLDER), &plan.digest);
        let events = journal.map(|(_, known)| known.events).unwrap_or_default();
        let mut broken = self.broken;
        let world = self.world.unwrap_or_else(|| {
            World::of(
                Observation::unknown(plan.identity.cluster.clone(), "lost"),
                BTreeMap::new(),
                Timestamp::from_unix(0),
            )
        });
        broken.extend(
            world
                .mishaps
                .iter()
                .map(|mishap| format!("laws 2 and 8: {mishap:?}")),
        );
        Story {
            finish,
            lives: self.lives,
            calls: self.calls,
            world,
            events,
            broken,
            shown: self.shown,
            killed_in: self.killed_in,
            effects: self.effects,
        }
    }
}
