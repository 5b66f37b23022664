//! Why a lock could not be taken, kept or written.

use stairway_core::journal::Ending;

/// Who has the lease in the cluster.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "Locking the cluster failed: {by} holds the lease `{lease}` since {since} (renewed at {renewed}), {what_for}"
)]
pub struct Leased {
    /// The lease.
    pub lease: String,
    /// Who.
    pub by: String,
    /// Since when.
    pub since: String,
    /// When it was last renewed.
    pub renewed: String,
    /// For which run of which plan, or that it does not tell.
    pub what_for: String,
    /// The id of the holding; empty when the lease tells none.
    pub id: String,
    /// The lease as a command reads it.
    pub look: String,
    /// The command that frees it where no id does.
    pub free: String,
}

/// Why a lock could not be taken, kept or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error(
        "Locking the cluster failed: {by} holds `{file}` since {since}, for run {run} of the plan {plan}"
    )]
    Held {
        /// The lock.
        file: String,
        /// Who.
        by: String,
        /// Since when.
        since: String,
        /// The run.
        run: String,
        /// The digest of its plan.
        plan: String,
    },
    /// Somebody else has the lease in the cluster.
    #[error("{0}")]
    Leased(Box<Leased>),
    /// The lease in the cluster could not be read or written.
    #[error("{attempt} the lease `{lease}` failed: {why}")]
    Api {
        /// What was attempted.
        attempt: &'static str,
        /// The lease.
        lease: String,
        /// Why.
        why: String,
        /// What to do about it.
        hint: Option<String>,
        /// The API did not answer, or not to us: nobody can tell whose it is.
        unanswered: bool,
    },
    /// What the lease in the cluster says is no lock.
    #[error("Reading the lease `{lease}` failed: {why}")]
    BadLease {
        /// The lease.
        lease: String,
        /// What is wrong.
        why: String,
        /// The command that takes it away.
        remove: String,
    },
    /// It was ours and is not any more.
    #[error("The lock `{file}` is not ours any more: {why}")]
    Lost {
        /// The lock.
        file: String,
        /// What is there instead.
        why: String,
    },
    /// Its content is no lock.
    #[error("Reading the lock `{file}` failed: {why}")]
    Unreadable {
        /// The lock.
        file: String,
        /// What is wrong.
        why: String,
    },
    /// The file system refused.
    #[error("{attempt} the lock `{file}` failed: {why}")]
    Disk {
        /// What was attempted.
        attempt: &'static str,
        /// The lock.
        file: String,
        /// Why.
        why: String,
    },
    /// `--unlock` names another holding.
    #[error("Unlocking `{file}` failed: {why}")]
    NotThisOne {
        /// The lock.
        file: String,
        /// What is there.
        why: String,
        /// The command that frees it where no id does.
        free: Option<String>,
    },
    /// A run of another plan was begun and nobody wrote down how it ended.
    #[error("Run {run} of the plan {plan} was begun on this cluster and has no end")]
    Unfinished {
        /// The run.
        run: String,
        /// The digest of its plan.
        plan: String,
        /// The lock's id.
        id: String,
    },
    /// The plan was carried out or taken back.
    #[error("The plan {plan} was run before (run {run}), and it is {}", word(*.ending))]
    UsedUp {
        /// The digest.
        plan: String,
        /// The run.
        run: String,
        /// How that ended.
        ending: Ending,
    },
    /// The journal lacks events that were written.
    #[error(
        "The journal of run {run} has {journal} events, and the lock knows of {lock}: events are missing"
    )]
    JournalBehind {
        /// The run.
        run: String,
        /// Events in the journal.
        journal: u64,
        /// Events that the lock knows of.
        lock: u64,
    },
    /// The journal is another one.
    #[error(
        "The journal of run {run} does not hold the event {seq} that the lock knows: it was changed or replaced"
    )]
    JournalDiffers {
        /// The run.
        run: String,
        /// Which event.
        seq: u64,
    },
}

const fn word(ending: Ending) -> &'static str {
    match ending {
        Ending::Done => "done",
        Ending::Stopped => "stopped",
        Ending::RolledBack => "rolled back",
    }
}

impl LockError {
    /// Returns the digest of the plan whose run stands in the way, where it is another one's.
    pub fn other_plan(&self) -> Option<&str> {
        match self {
            Self::Unfinished { plan, .. } => Some(plan),
            Self::Held { .. }
            | Self::Leased(_)
            | Self::Api { .. }
            | Self::BadLease { .. }
            | Self::Lost { .. }
            | Self::Unreadable { .. }
            | Self::Disk { .. }
            | Self::NotThisOne { .. }
            | Self::UsedUp { .. }
            | Self::JournalBehind { .. }
            | Self::JournalDiffers { .. } => None,
        }
    }

    /// Returns what to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Held { .. } => {
                "`stairway status PLAN` shows how far it is; wait until it ends".to_owned()
            }
            Self::Leased(one) if one.id.is_empty() => {
                format!(
                    "`{}` shows it; wait until it ends, or, when that holder is gone for good: `{}`",
                    one.look, one.free
                )
            }
            Self::Leased(one) => format!(
                "`{}` shows it; wait until it ends, or, when that process is gone for good: `stairway apply PLAN --unlock {}`",
                one.look, one.id
            ),
            Self::Api { hint, .. } => return hint.clone(),
            Self::BadLease { remove, .. } => format!(
                "when no run is going on: `{remove}`, then `stairway apply PLAN --resume --adopt`"
            ),
            Self::Lost { .. } | Self::JournalBehind { .. } | Self::JournalDiffers { .. } => {
                "look at the cluster, then go on with `stairway apply PLAN --resume --adopt`"
                    .to_owned()
            }
            Self::Unreadable { file, .. } => format!(
                "when no run is going on: `mv '{file}' '{file}.aside'`, then `stairway apply PLAN --resume --adopt`"
            ),
            Self::NotThisOne {
                free: Some(free), ..
            } => format!("when that holder is gone for good: `{free}`"),
            Self::NotThisOne { free: None, .. } => {
                "`stairway status PLAN` shows the lock's id".to_owned()
            }
            Self::Unfinished { id, .. } if id.is_empty() => {
                "finish it with `stairway apply THAT-PLAN --resume`".to_owned()
            }
            Self::Unfinished { id, .. } => format!(
                "finish it with `stairway apply THAT-PLAN --resume`, or give it up with `stairway apply THAT-PLAN --unlock {id}`"
            ),
            Self::UsedUp { .. } => "make another one with `stairway plan --out plans`".to_owned(),
            Self::Disk { .. } => return None,
        })
    }
}
