//! Clusters that a run can act on: one of an embedded world, or one that is reached through its APIs.

use super::live::{Target, WorldTarget};
use crate::actuate::kubernetes::{DrainPace, KubernetesActuator};
use crate::actuate::world::{WorldActuator, WorldTools};
use crate::actuate::{Actuator, Interrupts, StepFiles};
use crate::drive::{ActionCall, Interrupt};
use crate::kubernetes::{Reads, Writes};
use crate::live::{ApiSource, LiveReader as _, ThroughApis};
use crate::store::lock::{
    BothLocks, ClusterLock, FileLock, LeaseAround, LeaseLock, LeaseSeen, LeaseTimes, LockContent,
    LockError,
};
use stairway_core::journal::Claim;
use stairway_core::model::{Observation, Timestamp};
use stairway_core::plan::wire::Action;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A clock.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Gets what a person should know.
pub type Say = Arc<dyn Fn(&str) + Send + Sync>;

fn quiet() -> Say {
    Arc::new(|_| ())
}

/// A cluster that a run can act on.
#[derive(Clone)]
pub enum LiveTarget {
    /// One of an embedded world.
    World(WorldTarget),
    /// One that is reached through its APIs.
    Apis(Box<ApiTarget>),
}

/// A cluster that is reached through its APIs.
#[derive(Clone)]
pub struct ApiTarget {
    /// Which APIs.
    pub source: ApiSource,
    /// The connection to Kubernetes.
    pub reads: Reads,
    /// What answers for AWS, and keeps the time.
    pub cloud: WorldTarget,
    /// The clock of this machine, by which leases are judged.
    pub clock: Clock,
}

/// What the lock of a cluster says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockSeen {
    /// What is known of runs on the cluster; none where there never was one.
    pub left: Option<LockContent>,
    /// Who holds it now; none when nobody does.
    pub holder: Option<LockHolder>,
}

/// Who holds the lock of a cluster now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockHolder {
    /// `user@host pid`, or what somebody else wrote.
    pub holder: String,
    /// Since when; none where that is not told.
    pub since: Option<Timestamp>,
    /// For which run; empty before it has a name, and none where that is not told.
    pub run: Option<String>,
    /// Of whose run the lock tells, where that is not the holder's.
    pub before: Option<String>,
    /// The command that frees it, where no id does.
    pub free: Option<String>,
}

impl LockHolder {
    fn of(content: LockContent) -> Self {
        Self {
            holder: content.holder,
            since: Some(content.acquired_at),
            run: Some(content.run),
            before: None,
            free: None,
        }
    }

    /// Returns who holds a lease. The id of the lock file is that of a dead process when no process holds the file.
    fn by_lease(
        seen: &LeaseSeen,
        (id, held): (&str, bool),
        now: Timestamp,
        free: &str,
    ) -> Option<Self> {
        let dead = !held && !id.is_empty() && seen.id() == id;
        let ended = seen.ends().is_some_and(|ends| ends < now);
        if seen.holder.is_empty() || dead || ended {
            return None;
        }
        match seen.content.clone().filter(|_| !seen.is_strange()) {
            Some(content) => Some(Self::of(content)),
            // Where a name was written over, the time is that of the holder before.
            None => Some(Self {
                holder: seen.holder.clone(),
                since: seen.since.filter(|_| !seen.written_over),
                run: None,
                before: seen.before(),
                free: Some(free.to_owned()),
            }),
        }
    }
}

impl LiveTarget {
    /// Returns the part that a world simulates: all of it, or what stands for AWS.
    pub const fn world(&self) -> &WorldTarget {
        match self {
            Self::World(world) => world,
            Self::Apis(apis) => &apis.cloud,
        }
    }

    fn file(&self) -> PathBuf {
        let world = self.world();
        world.store.lock_of(&world.cluster)
    }

    /// Returns the cluster's lock, not taken yet: a file, and where there is a Kubernetes API a Lease as well.
    ///
    /// `say` gets what a person should know while it is waited for; an interrupt ends the waiting.
    pub fn lock(&self, say: Say, interrupts: &Interrupts) -> Box<dyn ClusterLock> {
        let file = FileLock::new(self.file());
        match self {
            Self::World(_) => Box::new(file),
            Self::Apis(apis) => {
                let interrupts = interrupts.clone();
                let stop = Arc::new(move || interrupts.level() != Interrupt::None);
                Box::new(BothLocks::new(file, apis.lease(say, stop)))
            }
        }
    }

    /// Returns what the lock says, and who holds it.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn lock_seen(&self) -> Result<LockSeen, LockError> {
        let path = self.file();
        let (left, held) = (FileLock::read(&path)?, FileLock::is_held(&path)?);
        let here = left.clone().filter(|_| held).map(LockHolder::of);
        match self {
            Self::World(_) => Ok(LockSeen { left, holder: here }),
            Self::Apis(apis) => {
                let lease = apis.lease(quiet(), Arc::new(|| false));
                let (seen, free) = (lease.read()?, lease.free_command());
                let id = left.as_ref().map_or("", |left| left.id.as_str());
                let there = seen
                    .as_ref()
                    .and_then(|seen| LockHolder::by_lease(seen, (id, held), (apis.clock)(), &free));
                let left = match (left, seen.and_then(|seen| seen.content)) {
                    (Some(file), Some(lease)) => Some(LockContent::merged(file, lease)),
                    (file, lease) => lease.or(file),
                };
                // Without the lease nothing is begun, whatever the file says.
                Ok(LockSeen {
                    left,
                    holder: there,
                })
            }
        }
    }

    /// Removes the lock of this holding, which somebody says is dead; returns what it said.
    ///
    /// # Errors
    /// It is another holding, or alive.
    pub fn unlock(&self, id: &str) -> Result<LockContent, LockError> {
        match self {
            Self::World(_) => FileLock::unlock(&self.file(), id),
            Self::Apis(apis) => {
                let lease = apis.lease(quiet(), Arc::new(|| false));
                BothLocks::unlock(&self.file(), &lease, id)
            }
        }
    }

    /// Returns what carries actions out.
    pub fn actuator(&self, tools: WorldTools) -> Box<dyn Actuator> {
        let world = WorldActuator::new(self.world().place(), tools);
        match self {
            Self::World(_) => Box::new(world),
            Self::Apis(apis) => Box::new(ApiActuator::of(apis, world)),
        }
    }
}

impl ApiTarget {
    fn lease(&self, say: Say, stop: Arc<dyn Fn() -> bool + Send + Sync>) -> LeaseLock {
        let around = LeaseAround {
            clock: Arc::clone(&self.clock),
            say,
            stop,
        };
        LeaseLock::new(
            Writes::of(self.reads.clone()),
            around,
            LeaseTimes::default(),
        )
    }
}

impl Target for LiveTarget {
    fn now(&mut self) -> Result<Timestamp, String> {
        match self {
            Self::World(world) => world.now(),
            Self::Apis(apis) => apis.cloud.now(),
        }
    }

    fn observe(&mut self) -> Result<Observation, String> {
        match self {
            Self::World(world) => world.observe(),
            Self::Apis(apis) => {
                let name = apis.cloud.cluster.clone();
                let through = ThroughApis {
                    source: &apis.source,
                    reads: &apis.reads,
                    cluster: &name,
                    now: (apis.clock)(),
                    in_run: true,
                };
                let observed = through.observe().map_err(|error| error.to_string())?;
                let seen = observed.observed_at.value().copied();
                apis.cloud.told = seen.max(apis.cloud.told);
                Ok(observed)
            }
        }
    }

    fn acted(&mut self) {
        match self {
            Self::World(world) => world.acted(),
            Self::Apis(apis) => apis.cloud.acted(),
        }
    }

    fn pass(&mut self, seconds: u32, interrupts: &Interrupts) {
        match self {
            Self::World(world) => world.pass(seconds, interrupts),
            Self::Apis(apis) => apis.cloud.pass(seconds, interrupts),
        }
    }
}

/// How often a served world's time moves on while a drain waits for it, and by how many seconds: what kubectl, and
/// the drain, wait between two tries, takes so long.
const TICK: Duration = Duration::from_millis(25);
const TICK_SECONDS: i64 = 5;

/// Acts through both APIs of a cluster.
struct ApiActuator {
    kubernetes: KubernetesActuator,
    world: WorldTarget,
    cloud: WorldActuator,
}

impl ApiActuator {
    fn of(apis: &ApiTarget, cloud: WorldActuator) -> Self {
        let world = apis.cloud.clone();
        let (store, cluster) = (world.store.clone(), world.cluster.clone());
        let begun = world.told.unwrap_or(Timestamp::from_unix(0));
        // A world that cannot be read stands still; the next look gives the reason.
        let clock = move || {
            store
                .with_world(&cluster, |world| world.now)
                .unwrap_or(begun)
        };
        let pace = DrainPace {
            retry: TICK,
            ..DrainPace::default()
        };
        Self {
            kubernetes: KubernetesActuator::new(Writes::of(apis.reads.clone()), Arc::new(clock))
                .with_pace(pace),
            world,
            cloud,
        }
    }
}

impl Actuator for ApiActuator {
    fn act(
        &mut self,
        call: &ActionCall,
        files: &StepFiles,
        watch: &mut dyn FnMut(&str),
        interrupted: &dyn Fn() -> Interrupt,
    ) -> Claim {
        if !matches!(call.action, Action::Kube { .. }) {
            return self.cloud.act(call, files, watch, interrupted);
        }
        let (world, done) = (&self.world, AtomicBool::new(false));
        std::thread::scope(|scope| {
            // Whoever waits lets the world's time pass: pods end in it, and budgets recover.
            scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    std::thread::park_timeout(TICK);
                    // A world that cannot be written is told by whoever reads it.
                    let _later = world.store.change(&world.cluster, |world| {
                        world.advance(TICK_SECONDS);
                    });
                }
            });
            let claim = self.kubernetes.act(call, files, watch, interrupted);
            done.store(true, Ordering::SeqCst);
            claim
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_000;

    fn content(id: &str) -> LockContent {
        LockContent {
            format_version: 1,
            kind: "ClusterLock".to_owned(),
            id: id.to_owned(),
            holder: "ana@laptop 7".to_owned(),
            acquired_at: Timestamp::from_unix(100),
            run: "run-1".to_owned(),
            plan: "sha256:plan".to_owned(),
            seq: 3,
            head: "head".to_owned(),
            consumed: Vec::new(),
        }
    }

    fn lease(holder: &str, id: Option<&str>, renewed: i64) -> LeaseSeen {
        LeaseSeen {
            holder: holder.to_owned(),
            since: Some(Timestamp::from_unix(100)),
            renewed: Some(Timestamp::from_unix(renewed)),
            seconds: Some(300),
            content: id.map(content),
            written_over: id == Some(""),
        }
    }

    #[test]
    fn only_who_may_go_on_holds_the_lease() {
        let own = ("ana@laptop 7", Some("run-1"), Some(100));
        let rows = [
            (
                "it is held and renewed",
                lease("ana@laptop 7 a", Some("a"), 900),
                ("b", false),
                Some(own),
            ),
            (
                "its process is alive",
                lease("ana@laptop 7 a", Some("a"), 900),
                ("a", true),
                Some(own),
            ),
            (
                "its process on this machine died",
                lease("ana@laptop 7 a", Some("a"), 900),
                ("a", false),
                None,
            ),
            (
                "it was released",
                lease("", Some("a"), 900),
                ("b", false),
                None,
            ),
            (
                "it ended",
                lease("ana@laptop 7 a", Some("a"), 500),
                ("b", false),
                None,
            ),
            (
                "another name was written over it",
                lease("bob", Some(""), 900),
                ("a", false),
                Some(("bob", None, None)),
            ),
            (
                "another tool took it",
                lease("bob", None, 900),
                ("a", true),
                Some(("bob", None, Some(100))),
            ),
        ];
        for (sentence, seen, (id, held), expected) in rows {
            let now = Timestamp::from_unix(NOW);
            let holder = LockHolder::by_lease(&seen, (id, held), now, "kubectl");
            let expected = expected.map(|(holder, run, since)| LockHolder {
                holder: holder.to_owned(),
                since: since.map(Timestamp::from_unix),
                run: run.map(str::to_owned),
                before: seen
                    .written_over
                    .then(|| "of run run-1 of ana@laptop 7".to_owned()),
                free: run.is_none().then(|| "kubectl".to_owned()),
            });
            assert_eq!(holder, expected, "{sentence}");
        }
    }
}
