//! The lock in the cluster: a Lease, for runs on different machines.
//!
//! ```text
//! Lease kube-system/stairway
//!   spec.holderIdentity            who holds it; absent while nobody does
//!   spec.renewTime                 renewed while the holder lives
//!   annotation stairway/lock       what a lock file says: run, plan, journal head, plans that were used up
//! ```
//!
//! The holder is known by the random id of its holding. A write carries the lease's uid and version, so of
//! two that write one is told, and a lease that a person deleted is not made again. Nobody ends what a
//! holder has begun: who lost the lease begins nothing more.

mod object;
mod renew;

pub use object::LeaseSeen;

use super::{ClusterLock, Holding, Leased, LockClaim, LockContent, LockError, LockNote};
use crate::kubernetes::{CallError, Object, Resource, Trouble, Writes};
use object::Written;
use serde_json::Value;
use stairway_core::model::Timestamp;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The name of the lease.
pub const LEASE_NAME: &str = "stairway";
/// Its namespace: it is in every cluster, nobody can delete it, and who may write there may do more already.
pub const LEASE_NAMESPACE: &str = "kube-system";

/// What a lease needs from outside.
#[derive(Clone)]
pub struct LeaseAround {
    /// The clock by which a lease of a holder that died ends.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Gets what a person should know while it waits.
    pub say: Arc<dyn Fn(&str) + Send + Sync>,
    /// True when the operator wants no more waiting.
    pub stop: Arc<dyn Fn() -> bool + Send + Sync>,
}

/// How long things take around a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseTimes {
    /// Seconds after its last renewal at which others may take the lease (`leaseDurationSeconds`).
    pub lease_seconds: u32,
    /// The holder renews so often.
    pub renew: Duration,
    /// After a renewal or a look that failed, the next.
    pub retry: Duration,
    /// Between the two looks after which an ended lease is taken over.
    pub look: Duration,
    /// How long a server that does not answer is waited for.
    pub patience: Duration,
}

impl Default for LeaseTimes {
    /// An EKS control plane that is upgraded, or an API server that restarts, is away for a minute or two; a
    /// holder misses two renewals before 5 minutes are over, and renews within 10 s once the server is back.
    /// Whoever takes over looks for longer than a holder needs for one renewal (100 s and a request of 30 s),
    /// so clocks that disagree do no harm. A control plane that is away for longer than 15 minutes is a case
    /// for people.
    fn default() -> Self {
        Self {
            lease_seconds: 300,
            renew: Duration::from_secs(100),
            retry: Duration::from_secs(10),
            look: Duration::from_secs(135),
            patience: Duration::from_secs(15 * 60),
        }
    }
}

/// How often a write is made anew because somebody else wrote in between.
const WRITES_MAX: u32 = 5;
/// How often a wait looks whether it is still wanted.
const GLANCE: Duration = Duration::from_millis(500);

/// The lock of a cluster as a Lease in it.
pub struct LeaseLock {
    desk: Arc<Desk>,
}

impl std::fmt::Debug for LeaseLock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LeaseLock").finish_non_exhaustive()
    }
}

/// What the lock and the thread that renews it share.
struct Desk {
    writes: Writes,
    around: LeaseAround,
    times: LeaseTimes,
    kept: Mutex<Option<Kept>>,
    /// Rings when the lease is let go of.
    bell: Condvar,
}

/// A lease that is held.
struct Kept {
    /// As it was last seen or written.
    object: Value,
    holding: Holding,
    /// Why it is not ours any more.
    lost: Option<String>,
}

/// Why something could not be done with a lease.
enum Fault {
    Lost(String),
    Call(CallError),
    Bad(String),
}

impl LeaseLock {
    /// Returns the lock of the cluster that these writes are to, which nobody holds through it yet.
    pub fn new(writes: Writes, around: LeaseAround, times: LeaseTimes) -> Self {
        Self {
            desk: Arc::new(Desk {
                writes,
                around,
                times,
                kept: Mutex::new(None),
                bell: Condvar::new(),
            }),
        }
    }

    /// Reads what the lease says, whoever holds it; none when it was never taken.
    ///
    /// # Errors
    /// The API did not answer, or the lease is none of ours.
    pub fn read(&self) -> Result<Option<LeaseSeen>, LockError> {
        let desk = &self.desk;
        let found = desk
            .get()
            .map_err(|error| desk.error("Reading", Fault::Call(error)))?;
        found
            .map(|object| object::seen(&object).map_err(|why| desk.bad(why)))
            .transpose()
    }

    /// Takes the lock; a holding with the id `dead` is known to have no process any more.
    ///
    /// # Errors
    /// As [`ClusterLock::acquire`].
    pub fn acquire_after(
        &mut self,
        claim: &LockClaim,
        dead: &str,
    ) -> Result<Option<LockContent>, LockError> {
        let kept = self.desk.take(claim, dead)?;
        let before = kept.holding.before.clone();
        *self.desk.kept() = Some(kept);
        if let Err(cause) = renew::begin(&self.desk) {
            // Nobody would renew it; where it cannot be let go of, it ends.
            let _ends_anyway = self.release();
            return Err(LockError::Api {
                attempt: "Keeping",
                lease: self.desk.shown(),
                why: format!("no thread: {cause}"),
                hint: None,
                unanswered: false,
            });
        }
        Ok(before)
    }

    /// Returns the command by which a person frees it of whoever wrote no id into it.
    pub fn free_command(&self) -> String {
        self.desk.free_command()
    }

    /// Says why no id frees the lease, where that is so.
    ///
    /// # Errors
    /// Somebody holds it who wrote no id, or the API did not answer.
    pub fn has_an_id(&self) -> Result<(), LockError> {
        match self.read()?.filter(LeaseSeen::is_strange) {
            Some(seen) => Err(self.desk.strange(&seen)),
            None => Ok(()),
        }
    }

    /// Gives up the holding with this id: its run counts as stopped. A holder that lives all the same notices
    /// before its next effect.
    ///
    /// # Errors
    /// There is no such holding, or the API did not answer.
    pub fn unlock(&self, id: &str) -> Result<LockContent, LockError> {
        self.desk.unlock(id)
    }
}

impl ClusterLock for LeaseLock {
    fn acquire(&mut self, claim: &LockClaim) -> Result<Option<LockContent>, LockError> {
        self.acquire_after(claim, "")
    }

    fn check(&mut self) -> Result<(), LockError> {
        self.desk.held(|desk, kept| {
            let found = desk.get().map_err(Fault::Call)?;
            let found = found.ok_or_else(|| Fault::Lost("it was deleted".to_owned()))?;
            object::is_ours(&found, kept).map_err(Fault::Lost)?;
            kept.object = found;
            // Others may take it soon: who renews it now is who has it.
            if object::age(&kept.object, (desk.around.clock)())
                .is_none_or(|age| age >= 2 * i64::from(desk.times.lease_seconds) / 3)
            {
                desk.renew(kept)?;
            }
            Ok(())
        })
    }

    fn annotate(&mut self, note: &LockNote) -> Result<(), LockError> {
        let mut noted = false;
        self.desk.held(|desk, kept| {
            if !noted {
                kept.holding.note(note);
                noted = true;
            }
            desk.renew(kept)
        })
    }

    fn release(&mut self) -> Result<(), LockError> {
        let desk = &self.desk;
        let mut guard = desk.kept();
        let Some(mut kept) = guard.take() else {
            return Ok(());
        };
        // Nobody renews any more, whatever becomes of the write.
        desk.bell.notify_all();
        if let Some(why) = kept.lost {
            return Err(desk.error("Releasing", Fault::Lost(why)));
        }
        let left = kept.holding.clone().left();
        desk.write(&mut kept, &Written::released(&left))
            .map_err(|fault| desk.error("Releasing", fault))
    }
}

impl Drop for LeaseLock {
    fn drop(&mut self) {
        // As when the process dies: the lease stays until it ends.
        *self.desk.kept() = None;
        self.desk.bell.notify_all();
    }
}

impl Desk {
    fn kept(&self) -> MutexGuard<'_, Option<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    const fn object() -> Object<'static> {
        Object::within(Resource::LEASES, LEASE_NAMESPACE, LEASE_NAME)
    }

    fn get(&self) -> Result<Option<Value>, CallError> {
        self.writes.reads().get(&Self::object())
    }

    fn now(&self) -> Timestamp {
        (self.around.clock)()
    }

    fn shown(&self) -> String {
        let context = &self.writes.reads().access().context;
        format!("{LEASE_NAMESPACE}/{LEASE_NAME} of {context}")
    }

    /// Returns a command about the lease.
    fn command(&self, verb: &str, more: &str) -> String {
        let kubectl = self.writes.reads().access().kubectl();
        format!("{kubectl} -n {LEASE_NAMESPACE} {verb} lease {LEASE_NAME}{more}")
    }

    fn free_command(&self) -> String {
        self.command(
            "patch",
            r#" --type=merge -p '{"spec":{"holderIdentity":null}}'"#,
        )
    }

    fn strange(&self, seen: &LeaseSeen) -> LockError {
        LockError::NotThisOne {
            file: format!("lease {}", self.shown()),
            why: format!(
                "{} holds it {}, and no id frees it",
                seen.holder,
                seen.what_for()
            ),
            free: Some(self.free_command()),
        }
    }

    fn bad(&self, why: String) -> LockError {
        LockError::BadLease {
            lease: self.shown(),
            why,
            remove: self.command("delete", ""),
        }
    }

    fn error(&self, attempt: &'static str, fault: Fault) -> LockError {
        match fault {
            Fault::Lost(why) => LockError::Lost {
                file: format!("lease {}", self.shown()),
                why,
            },
            Fault::Bad(why) => self.bad(why),
            Fault::Call(error) => LockError::Api {
                attempt,
                lease: self.shown(),
                why: error.to_string(),
                hint: error.hint(),
                unanswered: error.is_outage() || error.trouble == Trouble::Unauthorized,
            },
        }
    }

    /// Waits; false when nobody wants that any more.
    fn pause(&self, time: Duration) -> bool {
        let mut left = time;
        while !left.is_zero() {
            if (self.around.stop)() {
                return false;
            }
            let part = left.min(GLANCE);
            self.writes.reads().pause(part);
            left = left.saturating_sub(part);
        }
        true
    }

    /// Does something that a server which is away only delays.
    fn patiently<R>(
        &self,
        attempt: &'static str,
        mut act: impl FnMut() -> Result<R, Fault>,
    ) -> Result<R, LockError> {
        let mut waited = Duration::ZERO;
        loop {
            let error = match act() {
                Ok(done) => return Ok(done),
                Err(Fault::Call(error)) if is_passing(&error) => error,
                Err(fault) => return Err(self.error(attempt, fault)),
            };
            if waited.is_zero() {
                (self.around.say)(&format!(
                    "the lease {} cannot be verified: {error}; nothing is begun until it can be",
                    self.shown()
                ));
            }
            if waited >= self.times.patience || !self.pause(self.times.retry) {
                return Err(self.error(attempt, Fault::Call(error)));
            }
            waited = waited.saturating_add(self.times.retry);
        }
    }

    /// Does something with the lease that we hold.
    fn held(
        &self,
        mut act: impl FnMut(&Self, &mut Kept) -> Result<(), Fault>,
    ) -> Result<(), LockError> {
        let mut guard = self.kept();
        let Some(kept) = guard.as_mut() else {
            let why = "it was never taken, or let go of".to_owned();
            return Err(self.error("Verifying", Fault::Lost(why)));
        };
        self.patiently("Verifying", || {
            if let Some(why) = &kept.lost {
                return Err(Fault::Lost(why.clone()));
            }
            let done = act(self, kept);
            if let Err(Fault::Lost(why)) = &done {
                kept.lost = Some(why.clone());
            }
            done
        })
    }

    /// Writes what the lease says now, with a new time of renewal.
    fn renew(&self, kept: &mut Kept) -> Result<(), Fault> {
        let forgotten = object::fit(&mut kept.holding.mine).map_err(Fault::Bad)?;
        if forgotten > 0 {
            (self.around.say)(&format!(
                "the lease {} has no room for all runs: it forgot the oldest {forgotten} that ended; the lock file keeps them",
                self.shown()
            ));
        }
        let mine = kept.holding.mine.clone();
        let written = Written::held(&mine, self.now(), self.times.lease_seconds);
        self.write(kept, &written)
    }

    /// Writes a lease that is ours; what is there decides when that is in doubt.
    fn write(&self, kept: &mut Kept, written: &Written) -> Result<(), Fault> {
        let mut tries = 0;
        loop {
            let body = written.onto(&kept.object);
            let error = match self.writes.replace(&Self::object(), &body) {
                Ok(object) => {
                    kept.object = object;
                    return Ok(());
                }
                Err(error) => error,
            };
            let read_again =
                error.in_doubt() || matches!(error.trouble, Trouble::Conflict | Trouble::NotFound);
            tries += 1;
            if !read_again || tries >= WRITES_MAX {
                return Err(Fault::Call(error));
            }
            let found = self.get().map_err(Fault::Call)?;
            let found = found.ok_or_else(|| Fault::Lost("it was deleted".to_owned()))?;
            if error.in_doubt() && object::same_uid(&found, &kept.object) && written.is_on(&found) {
                kept.object = found;
                return Ok(());
            }
            object::is_ours(&found, kept).map_err(Fault::Lost)?;
            kept.object = found;
        }
    }

    /// Takes the lease, free or ended.
    fn take(&self, claim: &LockClaim, dead: &str) -> Result<Kept, LockError> {
        let mut unchanged: Option<Value> = None;
        for _ in 0..WRITES_MAX {
            let found = self
                .get()
                .map_err(|error| self.error("Taking", Fault::Call(error)))?;
            let Some(found) = found else {
                match self.create(claim)? {
                    Some(kept) => return Ok(kept),
                    None => continue,
                }
            };
            let seen = object::seen(&found).map_err(|why| self.bad(why))?;
            let ended = seen.ends().is_some_and(|ends| ends < self.now());
            let free = seen.holder.is_empty() || (!dead.is_empty() && seen.id() == dead);
            if !free && !ended {
                return Err(self.leased(&seen));
            }
            match &unchanged {
                _ if free => {}
                Some(before) if *before == found => {}
                // It was renewed: its holder lives, whatever our clock says.
                Some(_) => return Err(self.leased(&seen)),
                None => {
                    (self.around.say)(&format!(
                        "the lease {} of {} ended and was not renewed; looking again in {} s before taking it over",
                        self.shown(),
                        seen.holder,
                        self.times.look.as_secs()
                    ));
                    if !self.pause(self.times.look) {
                        return Err(self.leased(&seen));
                    }
                    unchanged = Some(found);
                    continue;
                }
            }
            if let Some(kept) = self.take_over(found, seen.content, claim)? {
                return Ok(kept);
            }
        }
        Err(LockError::Api {
            attempt: "Taking",
            lease: self.shown(),
            why: format!("others wrote it in between, {WRITES_MAX} times"),
            hint: Some(self.command("get", " -o yaml")),
            unanswered: false,
        })
    }

    /// Makes the lease; none when somebody else was faster.
    fn create(&self, claim: &LockClaim) -> Result<Option<Kept>, LockError> {
        let holding = Holding::begin(None, claim);
        let written = Written::taken(&holding.mine, self.now(), self.times.lease_seconds);
        let body = written.onto(&object::empty());
        let made = self
            .writes
            .create(Resource::LEASES, Some(LEASE_NAMESPACE), &body);
        self.settle(made, &claim.id, holding)
    }

    /// Takes over a lease that is free; none when somebody else was faster.
    fn take_over(
        &self,
        found: Value,
        before: Option<LockContent>,
        claim: &LockClaim,
    ) -> Result<Option<Kept>, LockError> {
        let mut holding = Holding::begin(before, claim);
        object::fit(&mut holding.mine).map_err(|why| self.bad(why))?;
        let written = Written::taken(&holding.mine, self.now(), self.times.lease_seconds);
        let made = self.writes.replace(&Self::object(), &written.onto(&found));
        self.settle(made, &claim.id, holding)
    }

    /// Tells whether a write that takes the lease did; what is there decides when that is in doubt.
    fn settle(
        &self,
        made: Result<Value, CallError>,
        id: &str,
        holding: Holding,
    ) -> Result<Option<Kept>, LockError> {
        let keep = |object: Value| {
            Some(Kept {
                object,
                holding,
                lost: None,
            })
        };
        let error = match made {
            Ok(object) => return Ok(keep(object)),
            Err(error) => error,
        };
        if matches!(
            error.trouble,
            Trouble::AlreadyExists | Trouble::Conflict | Trouble::NotFound
        ) {
            return Ok(None);
        }
        if !error.in_doubt() {
            return Err(self.error("Taking", Fault::Call(error)));
        }
        // Not to know whether we hold it would block everybody until it ends.
        let found = self.patiently("Taking", || self.get().map_err(Fault::Call))?;
        Ok(found
            .filter(|found| object::seen(found).is_ok_and(|seen| seen.id() == id))
            .and_then(keep))
    }

    fn leased(&self, seen: &LeaseSeen) -> LockError {
        let told = |text: &str| {
            if text.is_empty() {
                "(not written)".to_owned()
            } else {
                text.to_owned()
            }
        };
        let time = |at: Option<Timestamp>| at.map_or_else(|| told(""), |at| at.to_string());
        let content = seen.content.as_ref().filter(|_| !seen.written_over);
        LockError::Leased(Box::new(Leased {
            lease: self.shown(),
            by: content.map_or_else(|| told(&seen.holder), |content| told(&content.holder)),
            // Where a name was written over, the time is that of the holder before.
            since: time(seen.since.filter(|_| !seen.written_over)),
            renewed: time(seen.renewed),
            what_for: seen.what_for(),
            id: seen.id().to_owned(),
            look: self.command("get", " -o yaml"),
            free: self.free_command(),
        }))
    }

    fn unlock(&self, id: &str) -> Result<LockContent, LockError> {
        let refuse = |why: &str| LockError::NotThisOne {
            file: format!("lease {}", self.shown()),
            why: why.to_owned(),
            free: None,
        };
        for _ in 0..WRITES_MAX {
            let found = self
                .get()
                .map_err(|error| self.error("Unlocking", Fault::Call(error)))?;
            let found = found.ok_or_else(|| refuse("nobody ever held it"))?;
            let seen = object::seen(&found).map_err(|why| self.bad(why))?;
            if seen.is_strange() {
                return Err(self.strange(&seen));
            }
            let Some(mut content) = seen.content else {
                return Err(refuse("it tells no id"));
            };
            content.give_up(id).map_err(|why| refuse(&why))?;
            let written = Written::released(&content);
            match self.writes.replace(&Self::object(), &written.onto(&found)) {
                Ok(_) => return Ok(content),
                Err(error) if error.trouble == Trouble::Conflict => {}
                Err(error) if error.in_doubt() => {
                    let found = self.patiently("Unlocking", || self.get().map_err(Fault::Call))?;
                    if found.is_some_and(|found| written.is_on(&found)) {
                        return Ok(content);
                    }
                }
                Err(error) => return Err(self.error("Unlocking", Fault::Call(error))),
            }
        }
        Err(refuse("others wrote it in between"))
    }
}

/// Returns true for what a server that is upgraded or restarted answers.
fn is_passing(error: &CallError) -> bool {
    error.is_outage() || matches!(error.trouble, Trouble::Throttled | Trouble::Garbled)
}

#[cfg(test)]
mod tests;
