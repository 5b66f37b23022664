//! What a run writes down before and after everything it does, and what that says.
//!
//! One line per event, canonical JSON, each with the hash of the line before
//! it. The chain finds corruption; without an anchored head it is no proof
//! against somebody who rewrites the whole file, and it is not called one.
//!
//! The first line hangs on the plan's digest, so that a journal belongs to one
//! plan.

mod fold;
mod read;

pub use fold::{Fold, PausedRun, StepFold, StepPhase, fold};
pub use read::{Journal, JournalError, Torn, read};

use crate::model::{Digest, Timestamp, canonical_bytes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The major format version of journals that this build reads and writes.
pub const JOURNAL_FORMAT: u32 = 1;

/// One line of a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// From 1, without gaps.
    pub seq: u64,
    /// When it was written.
    pub at: Timestamp,
    /// The run; a resumed run keeps its name.
    pub run: String,
    /// Who ran it: `user@host`.
    pub actor: String,
    /// Hash of the line before; of the first line, the plan's digest.
    pub prev_hash: String,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum What {
    /// A run began.
    RunStarted {
        /// Major version of this format.
        format_version: u32,
        /// The plan's digest.
        plan: String,
        /// The cluster, `name region account`.
        cluster: String,
        /// Name and version of the program.
        tool: String,
        /// How the operator confirmed it.
        confirmed: String,
        /// Nonces of the approvals that this run used up.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        approvals: Vec<String>,
        /// Whose approvals they were.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        signers: Vec<String>,
        /// True when there was no journal to go on from: every step is in doubt.
        #[serde(default, skip_serializing_if = "is_false")]
        adopted: bool,
    },
    /// An action is about to be carried out. Durable before the action begins.
    StepIntended {
        /// The step.
        step: String,
        /// Which of its actions, from 0.
        action: u32,
        /// From 1; rises only after a journalled failure.
        attempt: u32,
        /// The idempotency token of this action in this attempt.
        token: String,
        /// The cluster's health before the step, for the bake that follows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        health: Option<Health>,
    },
    /// An action came back with a claim; only a look at the cluster makes it true.
    EffectReturned {
        /// The step.
        step: String,
        /// Which of its actions.
        action: u32,
        /// The attempt.
        attempt: u32,
        /// The token.
        token: String,
        /// What came back.
        claim: Claim,
    },
    /// What the step promises was seen on the live cluster.
    StepObserved {
        /// The step.
        step: String,
        /// The attempt.
        attempt: u32,
        /// What was seen, in words.
        facts: Vec<String>,
    },
    /// The step failed; the run ends.
    StepFailed {
        /// The step.
        step: String,
        /// The attempt.
        attempt: u32,
        /// Why, with what the tool said.
        why: String,
    },
    /// The run left off as planned.
    Paused {
        /// The step that it waits in.
        step: String,
        /// Why.
        why: String,
        /// Not worth resuming before.
        resume_after: Option<Timestamp>,
    },
    /// Somebody goes on.
    Resumed {
        /// True when the journal was behind, and every step is in doubt.
        #[serde(default, skip_serializing_if = "is_false")]
        adopted: bool,
        /// How many bytes of a half-written last line were cut off.
        #[serde(default, skip_serializing_if = "is_zero")]
        torn_bytes: u64,
    },
    /// The run is over, or stopped part-way.
    RunEnded {
        /// How.
        ending: Ending,
        /// Why, in a sentence.
        why: String,
    },
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Every step was observed.
    Done,
    /// It stopped part-way and may be resumed.
    Stopped,
    /// A later run undid it.
    RolledBack,
}

/// What an action said on its way out: a claim, and no fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Claim {
    /// True when it claims success.
    pub ok: bool,
    /// `exit 1`, `update 7f…`, `ThrottlingException: …`.
    pub said: String,
    /// The end of its output.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tail: Vec<String>,
    /// Digest of its whole output, kept beside the journal; empty without output.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub output: String,
    /// True when we stopped it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub stopped: bool,
}

/// How a cluster fares, for the comparison of a bake.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// Nodes that are Ready.
    pub ready: u32,
    /// Names of nodes that are not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_ready: Vec<String>,
    /// Workloads of kube-system that are not rolled out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_rolled_out: Vec<String>,
    /// Pods without a node.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<String>,
    /// Pods whose containers do not run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<String>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature is serde's"
)]
const fn is_false(value: &bool) -> bool {
    !*value
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature is serde's"
)]
const fn is_zero(value: &u64) -> bool {
    *value == 0
}

impl Event {
    /// Returns the event's line, without the line break.
    pub fn line(&self) -> Vec<u8> {
        canonical_bytes(self)
    }

    /// Returns the hash on which the next event hangs.
    pub fn hash(&self) -> String {
        hash_of(&self.line())
    }
}

/// Returns the hash of a line without its line break.
pub fn hash_of(line: &[u8]) -> String {
    Digest::of(line).to_string()
}

/// Returns the idempotency token of one action: the same for every retry of the same attempt.
///
/// EKS takes up to 64 characters as `clientRequestToken`.
pub fn token_of(run: &str, step: &str, action: u32, attempt: u32) -> String {
    let digest = Digest::of(format!("{run}\n{step}\n{action}\n{attempt}").as_bytes());
    format!("stairway-{}", digest.short(32))
}

#[cfg(test)]
mod tests;
