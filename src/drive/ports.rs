//! What the machine needs of the world around it. Two sets of implementations exist: the real one
//! ([`super::live`]) and the simulated one of the tests and of `rehearse`.

use stairway_core::journal::{Claim, Event};
use stairway_core::model::{Observation, Timestamp};
use stairway_core::plan::wire::Action;

/// Something that a port could not do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PortError {
    /// It failed, and why.
    #[error("{0}")]
    Failed(String),
    /// The lock is somebody else's now, and whose.
    #[error("{0}")]
    LockLost(String),
    /// The process is gone: nothing more may be done. Only simulated ports say this.
    #[error("killed")]
    Killed,
}

/// How often the operator asked to stop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Interrupt {
    /// Not at all.
    #[default]
    None,
    /// Once: finish or leave the current unit, and say where we are.
    Once,
    /// Twice: stop the child now.
    Twice,
}

/// One action, ready to be carried out.
#[derive(Clone, Debug, PartialEq)]
pub struct ActionCall {
    /// The step.
    pub step: String,
    /// Which of its actions.
    pub number: u32,
    /// The attempt.
    pub attempt: u32,
    /// The idempotency token.
    pub token: String,
    /// What to do, byte for byte.
    pub action: Action,
}

/// The effects of a run.
pub trait Ports {
    /// Returns the time that counts here: the clock's, or the world's.
    fn now(&mut self) -> Timestamp;

    /// Returns the time by which approvals are judged: the clock of the people who sign them.
    fn wall(&mut self) -> Timestamp {
        self.now()
    }

    /// Looks at the live cluster. Sensitive values are digests already.
    ///
    /// # Errors
    /// There is no picture at all.
    fn observe(&mut self) -> Result<Observation, PortError>;

    /// Makes an event durable: file and directory are synced when this returns. The lock's
    /// annotation follows.
    ///
    /// # Errors
    /// It may not be durable; then nothing may be done.
    fn append(&mut self, event: &Event) -> Result<(), PortError>;

    /// Makes sure that the lock is still ours. Called right before each effect.
    ///
    /// # Errors
    /// It is not, or nobody can tell.
    fn check_lock(&mut self) -> Result<(), PortError>;

    /// Carries out one action and waits until the tool or call returns.
    ///
    /// # Errors
    /// Only [`PortError::Killed`]; a failing action is a claim.
    fn act(&mut self, call: &ActionCall) -> Result<Claim, PortError>;

    /// Waits; returns early when the operator interrupts.
    ///
    /// # Errors
    /// Only [`PortError::Killed`].
    fn sleep(&mut self, seconds: u32) -> Result<(), PortError>;

    /// Shows what goes on.
    fn emit(&mut self, report: &Report);

    /// Returns how often the operator asked to stop.
    fn interrupted(&self) -> Interrupt;
}

/// What goes on, for whoever watches.
#[derive(Clone, Debug, PartialEq)]
pub enum Report {
    /// A run begins or goes on.
    Began {
        /// The run.
        run: String,
        /// True when it goes on.
        resumed: bool,
        /// How many steps are done already.
        done: usize,
        /// Of how many.
        of: usize,
        /// How long all of it takes, in seconds.
        expected: u64,
    },
    /// A step begins or goes on.
    StepBegan {
        /// The step's place in the plan, from 0.
        step: usize,
        /// The attempt.
        attempt: u32,
        /// How long it typically takes, in seconds.
        expected: u64,
    },
    /// An action begins, in words: the command line or the call.
    Acting {
        /// The step's place.
        step: usize,
        /// In words.
        what: String,
    },
    /// An action came back.
    Returned {
        /// The step's place.
        step: usize,
        /// What it claims.
        claim: Claim,
    },
    /// The step waits for something.
    Waiting {
        /// The step's place.
        step: usize,
        /// For what, and what is seen now.
        why: String,
    },
    /// The step is done.
    StepDone {
        /// The step's place.
        step: usize,
        /// What was seen.
        facts: Vec<String>,
    },
    /// Something that a person should know.
    Note(String),
}
