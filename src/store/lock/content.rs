//! What a lock says: who holds it, how far that run is, what was run before.

use super::LockError;
use serde::{Deserialize, Serialize};
use stairway_core::journal::Ending;
use stairway_core::model::Timestamp;

/// The major format version of locks that this build reads and writes.
pub const LOCK_FORMAT: u32 = 1;
pub(super) const LOCK_KIND: &str = "ClusterLock";

/// What a lock says of its holder and of the runs on its cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockContent {
    /// Major version of this format.
    pub format_version: u32,
    /// Always `ClusterLock`.
    pub kind: String,
    /// The id of this holding, random; empty after a release.
    pub id: String,
    /// `user@host pid`; the last one after a release.
    pub holder: String,
    /// Since when.
    pub acquired_at: Timestamp,
    /// The run that the holder carries out.
    pub run: String,
    /// The digest of its plan.
    pub plan: String,
    /// How many events its journal had at least.
    pub seq: u64,
    /// Hash of the last of these.
    pub head: String,
    /// Every run of a plan on the cluster, with what it used up; the oldest first.
    #[serde(default)]
    pub consumed: Vec<ConsumedPlan>,
}

/// A plan that was begun on the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsumedPlan {
    /// Its digest.
    pub plan: String,
    /// The run.
    pub run: String,
    /// Nonces of the approvals that it used up.
    #[serde(default)]
    pub nonces: Vec<String>,
    /// How it ended; none while nobody wrote that down.
    #[serde(default)]
    pub ending: Option<Ending>,
    /// How many events its journal had at least.
    #[serde(default)]
    pub seq: u64,
    /// Hash of the last of these.
    #[serde(default)]
    pub head: String,
}

/// Who takes a lock, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockClaim {
    /// The id of this holding: random hex digits.
    pub id: String,
    /// `user@host pid`.
    pub holder: String,
    /// Now.
    pub at: Timestamp,
    /// The run; empty before it has a name.
    pub run: String,
    /// The digest of its plan.
    pub plan: String,
}

/// How far a run is, for whoever comes after it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LockNote {
    /// The run.
    pub run: String,
    /// The digest of its plan.
    pub plan: String,
    /// How many events its journal has.
    pub seq: u64,
    /// Hash of the last one.
    pub head: String,
    /// Nonces of the approvals that it used up.
    pub nonces: Vec<String>,
    /// How it ended.
    pub ending: Option<Ending>,
}

impl LockContent {
    /// Returns the latest run that was begun and of which nobody wrote down the end.
    pub fn unfinished(&self) -> Option<&ConsumedPlan> {
        self.consumed.iter().rev().find(|one| one.ending.is_none())
    }

    /// Returns the latest run of the plan with this digest.
    pub fn run_of(&self, plan: &str) -> Option<&ConsumedPlan> {
        self.consumed.iter().rev().find(|one| one.plan == plan)
    }

    /// Says why a run of this plan may not begin or go on here. `events` is how many events its
    /// journal has, and `hash_of` the hash of one by its number; `adopt` takes what is missing or
    /// unfinished for something to look at again.
    ///
    /// # Errors
    /// [`LockError::UsedUp`], [`LockError::Unfinished`], [`LockError::JournalBehind`] or
    /// [`LockError::JournalDiffers`].
    pub fn admits(
        &self,
        plan: &str,
        events: u64,
        hash_of: &dyn Fn(u64) -> Option<String>,
        adopt: bool,
    ) -> Result<(), LockError> {
        let own = self.run_of(plan);
        if let Some(ConsumedPlan { run, ending, .. }) = own
            && let Some(ending @ (Ending::Done | Ending::RolledBack)) = ending
        {
            return Err(LockError::UsedUp {
                plan: plan.to_owned(),
                run: run.clone(),
                ending: *ending,
            });
        }
        if adopt {
            return Ok(());
        }
        if let Some(other) = self.unfinished().filter(|one| one.plan != plan) {
            return Err(LockError::Unfinished {
                run: other.run.clone(),
                plan: other.plan.clone(),
                id: self.id.clone(),
            });
        }
        let Some(own) = own.filter(|own| own.seq > 0) else {
            return Ok(());
        };
        let run = own.run.clone();
        if own.seq > events {
            return Err(LockError::JournalBehind {
                run,
                journal: events,
                lock: own.seq,
            });
        }
        if hash_of(own.seq).as_deref() == Some(&own.head) {
            Ok(())
        } else {
            Err(LockError::JournalDiffers { run, seq: own.seq })
        }
    }

    /// Gives up the holding with this id: its run counts as stopped. Why not, otherwise.
    pub(super) fn give_up(&mut self, id: &str) -> Result<(), String> {
        if self.id.is_empty() {
            return Err("nobody holds it".to_owned());
        }
        if self.id != id {
            return Err(format!(
                "its id is `{}`, held by {} since {}",
                self.id, self.holder, self.acquired_at
            ));
        }
        self.id.clear();
        for one in self.consumed.iter_mut().filter(|one| one.ending.is_none()) {
            one.ending = Some(Ending::Stopped);
        }
        Ok(())
    }

    /// Returns what two locks of one cluster say together: what either has of a run counts.
    pub(crate) fn merged(one: Self, other: Self) -> Self {
        let (mut later, earlier) = if one.acquired_at >= other.acquired_at {
            (one, other)
        } else {
            (other, one)
        };
        let mut only_there = Vec::new();
        for run in earlier.consumed {
            let is_it = |own: &&mut ConsumedPlan| own.plan == run.plan && own.run == run.run;
            match later.consumed.iter_mut().find(is_it) {
                Some(own) => own.learn(run),
                None => only_there.push(run),
            }
        }
        only_there.append(&mut later.consumed);
        later.consumed = only_there;
        later
    }

    /// Forgets the oldest run that ended, and not one of `plan`; false when there is none.
    pub(super) fn forget_one(&mut self, plan: &str) -> bool {
        let old = |one: &ConsumedPlan| one.ending.is_some() && one.plan != plan;
        match self.consumed.iter().position(old) {
            Some(at) => {
                self.consumed.remove(at);
                true
            }
            None => false,
        }
    }

    pub(super) fn note(&mut self, note: &LockNote) {
        let LockNote {
            run,
            plan,
            seq,
            head,
            nonces,
            ending,
        } = note;
        self.run.clone_from(run);
        self.plan.clone_from(plan);
        self.seq = *seq;
        self.head.clone_from(head);
        let is_it = |one: &ConsumedPlan| one.plan == *plan && one.run == *run;
        let mut entry = match self.consumed.iter().position(is_it) {
            Some(at) => self.consumed.remove(at),
            None => ConsumedPlan {
                plan: plan.clone(),
                run: run.clone(),
                nonces: Vec::new(),
                ending: None,
                seq: 0,
                head: String::new(),
            },
        };
        entry.ending = *ending;
        entry.seq = *seq;
        entry.head.clone_from(head);
        for nonce in nonces {
            if !entry.nonces.contains(nonce) {
                entry.nonces.push(nonce.clone());
            }
        }
        // The latest run stands last.
        self.consumed.push(entry);
    }
}

impl ConsumedPlan {
    /// Takes over what another lock says of the same run.
    fn learn(&mut self, other: Self) {
        for nonce in other.nonces {
            if !self.nonces.contains(&nonce) {
                self.nonces.push(nonce);
            }
        }
        let is_last =
            |ending: &Option<Ending>| matches!(ending, Some(Ending::Done | Ending::RolledBack));
        // A run that was carried out stays so; else the lock that saw more of it knows better, and one that
        // was given up since has as many events.
        let theirs = other.seq > self.seq || (other.seq == self.seq && self.ending.is_none());
        if is_last(&other.ending) || (theirs && !is_last(&self.ending)) {
            self.ending = other.ending;
        }
        if other.seq > self.seq {
            self.seq = other.seq;
            self.head = other.head;
        }
    }
}
