//! The real ports: a clock, a cluster, a disk that syncs, a lock, and somebody who watches.

use super::ports::{ActionCall, Interrupt, PortError, Ports, Report};
use crate::actuate::world::Place;
use crate::actuate::{Actuator, Interrupts, StepFiles};
use crate::live::WorldStore;
use crate::store::disk::RealDisk;
use crate::store::journal::JournalFile;
use crate::store::lock::{ClusterLock, LockError, LockNote};
use stairway_core::journal::{Claim, Ending, Event, What};
use stairway_core::model::{Observation, Timestamp};
use std::time::Duration;

/// Somebody who watches a run.
pub trait Watch {
    /// Something happened at `at`.
    fn show(&self, at: Timestamp, report: &Report);

    /// A tool printed a line.
    fn tool_line(&self, line: &str);

    /// Time went on.
    fn clock(&self, at: Timestamp);
}

/// A live cluster during a run: its time and its looks.
pub trait Target {
    /// Returns the time that counts there.
    ///
    /// # Errors
    /// It cannot be told.
    fn now(&mut self) -> Result<Timestamp, String>;

    /// Looks at the cluster.
    ///
    /// # Errors
    /// There is no picture at all.
    fn observe(&mut self) -> Result<Observation, String>;

    /// An action was carried out: its time may have moved.
    fn acted(&mut self) {}

    /// Waits, or lets a world's time pass.
    fn pass(&mut self, seconds: u32, interrupts: &Interrupts);
}

/// One cluster of an embedded world, as a target.
#[derive(Clone, Debug)]
pub struct WorldTarget {
    /// The world.
    pub store: WorldStore,
    /// The cluster.
    pub cluster: String,
    /// How long a wait takes in real time, however long it is in the world.
    pub pace: Duration,
    /// The world's time as it was last told; none when a tool may have moved it since.
    pub told: Option<Timestamp>,
}

impl WorldTarget {
    /// Returns the place on which an actuator acts.
    pub fn place(&self) -> Place {
        Place::Stored {
            store: self.store.clone(),
            cluster: self.cluster.clone(),
            pace: self.pace,
        }
    }
}

impl Target for WorldTarget {
    fn now(&mut self) -> Result<Timestamp, String> {
        if let Some(told) = self.told {
            return Ok(told);
        }
        let now = self
            .store
            .with_world(&self.cluster, |world| world.now)
            .map_err(|error| error.to_string())?;
        self.told = Some(now);
        Ok(now)
    }

    fn observe(&mut self) -> Result<Observation, String> {
        let observed = self
            .store
            .observe_in_run(&self.cluster)
            .map_err(|error| error.to_string())?;
        self.told = observed.observed_at.value().copied().max(self.told);
        Ok(observed)
    }

    fn acted(&mut self) {
        self.told = None;
    }

    fn pass(&mut self, seconds: u32, interrupts: &Interrupts) {
        // A world that cannot be written says so at the next look.
        let moved = self.store.change(&self.cluster, |world| {
            world.advance(i64::from(seconds));
            world.now
        });
        self.told = moved.ok();
        if !self.pace.is_zero() {
            interrupts.sleep(self.pace);
        }
    }
}

/// A place besides this disk where events are written, so that others can go on from there.
pub trait Publish {
    /// Publishes the journal up to this event, which is durable here. Returns true when it is there.
    ///
    /// # Errors
    /// It is not, and what the event announces must not be done.
    fn publish(&mut self, event: &Event) -> Result<bool, PortError>;
}

/// The ports of `apply` and `rollback`.
pub struct LivePorts<'w> {
    /// The cluster.
    pub target: Box<dyn Target + 'w>,
    /// What carries actions out.
    pub actuator: Box<dyn Actuator + 'w>,
    /// The journal.
    pub journal: JournalFile<RealDisk>,
    /// Where else events are written.
    pub elsewhere: Option<Box<dyn Publish + 'w>>,
    /// The cluster's lock, held.
    pub lock: Box<dyn ClusterLock + 'w>,
    /// What the actions' files hold.
    pub files: StepFiles,
    /// The operator's wish to stop.
    pub interrupts: Interrupts,
    /// Who watches.
    pub watch: Box<dyn Watch + 'w>,
    /// The clock of this machine.
    pub clock: Box<dyn Fn() -> Timestamp + 'w>,
    /// What the lock says of the run.
    pub note: LockNote,
    /// The last time that could be told.
    pub last: Timestamp,
}

impl Ports for LivePorts<'_> {
    fn now(&mut self) -> Timestamp {
        // A clock that cannot be read stands still; the next look gives the reason.
        if let Ok(now) = self.target.now() {
            self.last = now.max(self.last);
        }
        self.watch.clock(self.last);
        self.last
    }

    fn wall(&mut self) -> Timestamp {
        (self.clock)()
    }

    fn observe(&mut self) -> Result<Observation, PortError> {
        self.target.observe().map_err(PortError::Failed)
    }

    fn append(&mut self, event: &Event) -> Result<(), PortError> {
        self.journal
            .append(event)
            .map_err(|error| PortError::Failed(error.to_string()))?;
        self.note.run.clone_from(&event.run);
        self.note.seq = event.seq;
        self.note.head = event.hash();
        self.note.ending = None;
        match &event.what {
            What::RunStarted { approvals, .. } => self.note.nonces.clone_from(approvals),
            What::RunEnded { ending, .. } => self.note.ending = Some(*ending),
            // While people are waited for, other plans may run: a later one takes the wait over.
            What::Paused { .. } => self.note.ending = Some(Ending::Stopped),
            What::StepIntended { .. }
            | What::EffectReturned { .. }
            | What::StepObserved { .. }
            | What::StepFailed { .. }
            | What::Resumed { .. } => {}
        }
        let is_there = match &mut self.elsewhere {
            Some(elsewhere) => elsewhere.publish(event)?,
            None => true,
        };
        // The lock remembers what whoever goes on must know of: what is only here, others cannot. The end of a
        // run is for the plans that follow.
        if is_there || self.note.ending.is_some() {
            self.lock.annotate(&self.note).map_err(lost)?;
        }
        Ok(())
    }

    fn check_lock(&mut self) -> Result<(), PortError> {
        self.lock.check().map_err(lost)
    }

    fn act(&mut self, call: &ActionCall) -> Result<Claim, PortError> {
        let Self {
            actuator,
            files,
            watch,
            interrupts,
            ..
        } = self;
        let mut hear = |line: &str| watch.tool_line(line);
        let claim = actuator.act(call, files, &mut hear, &|| interrupts.level());
        self.target.acted();
        Ok(claim)
    }

    fn sleep(&mut self, seconds: u32) -> Result<(), PortError> {
        self.target.pass(seconds, &self.interrupts);
        Ok(())
    }

    fn emit(&mut self, report: &Report) {
        self.watch.show(self.last, report);
    }

    fn interrupted(&self) -> Interrupt {
        self.interrupts.level()
    }
}

/// A lock of which nobody can tell whose it is, is not lost; nothing is done nevertheless.
fn lost(error: LockError) -> PortError {
    if matches!(error, LockError::Api { .. }) {
        PortError::Failed(error.to_string())
    } else {
        PortError::LockLost(error.to_string())
    }
}
