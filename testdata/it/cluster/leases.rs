//! The life of the lease that locks a cluster.

use super::raw::Raw;
use super::{TestCluster, now};
use serde_json::{Value, json};
use stairway::store::lock::{
    ClusterLock, LeaseAround, LeaseLock, LeaseTimes, LockClaim, LockError, LockNote,
};
use stairway_core::journal::Ending;
use stairway_core::model::Timestamp;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const PATH: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/stairway";

/// No thread of a lock writes anything by itself, and every wait is short.
pub(super) const TIMES: LeaseTimes = LeaseTimes {
    lease_seconds: 300,
    renew: Duration::from_secs(100_000),
    retry: Duration::from_millis(1),
    look: Duration::from_millis(1),
    patience: Duration::from_millis(5),
};

/// A cluster has one lease: of the tests on a real one, each has its turn.
struct Turn<'c> {
    raw: &'c Raw,
    is_real: bool,
    _turn: MutexGuard<'static, ()>,
}

static TURNS: Mutex<()> = Mutex::new(());

impl<'c> Turn<'c> {
    fn on(cluster: &'c TestCluster) -> Self {
        let turn = TURNS.lock().unwrap_or_else(PoisonError::into_inner);
        let there = cluster.now(PATH);
        assert!(
            there.is_null(),
            "{PATH} is there already; these tests need a cluster of their own"
        );
        Self {
            raw: cluster.raw(),
            is_real: cluster.is_real(),
            _turn: turn,
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.is_real {
            let _gone = self.raw.send("DELETE", PATH, None);
        }
    }
}

/// A clock that a test sets.
#[derive(Clone)]
struct Clock(Arc<AtomicI64>);

impl Clock {
    fn new() -> Self {
        Self(Arc::new(AtomicI64::new(now().unix())))
    }

    fn pass(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }

    fn around(&self) -> LeaseAround {
        let clock = Arc::clone(&self.0);
        LeaseAround {
            clock: Arc::new(move || Timestamp::from_unix(clock.load(Ordering::SeqCst))),
            say: Arc::new(|_| {}),
            stop: Arc::new(|| false),
        }
    }
}

pub(super) fn claim(id: &str) -> LockClaim {
    LockClaim {
        id: id.to_owned(),
        holder: format!("tester@{id} 1"),
        at: now(),
        run: "run-1".to_owned(),
        plan: "sha256:plan".to_owned(),
    }
}

pub(super) fn note(ending: Option<Ending>) -> LockNote {
    LockNote {
        run: "run-1".to_owned(),
        plan: "sha256:plan".to_owned(),
        seq: 3,
        head: "head".to_owned(),
        nonces: vec!["nonce".to_owned()],
        ending,
    }
}

fn lock(cluster: &TestCluster, clock: &Clock) -> LeaseLock {
    LeaseLock::new(cluster.writes(), clock.around(), TIMES)
}

fn good<T>(what: &str, result: Result<T, LockError>) -> T {
    result.unwrap_or_else(|error| panic!("{what}: {error}"))
}

fn holder(lease: &Value) -> &str {
    lease["spec"]["holderIdentity"].as_str().unwrap_or_default()
}

#[test]
fn a_lease_is_taken_noted_renewed_and_released() {
    let cluster = TestCluster::new();
    let _turn = Turn::on(&cluster);
    let clock = Clock::new();
    let mut own = lock(&cluster, &clock);
    assert_eq!(good("taking", own.acquire(&claim("one"))), None);
    let taken = cluster.now(PATH);
    assert_eq!(holder(&taken), "tester@one 1 one");
    assert_eq!(taken["spec"]["leaseDurationSeconds"], json!(300));
    good("checking", own.check());
    good("noting", own.annotate(&note(None)));
    clock.pass(250);
    good("checking late", own.check());
    let renewed = cluster.now(PATH);
    assert_ne!(renewed["spec"]["renewTime"], taken["spec"]["renewTime"]);
    assert_eq!(renewed["spec"]["acquireTime"], taken["spec"]["acquireTime"]);
    good("noting the end", own.annotate(&note(Some(Ending::Done))));
    good("releasing", own.release());
    assert_eq!(holder(&cluster.now(PATH)), "");
    // Whoever comes next knows what was run.
    let mut next = lock(&cluster, &clock);
    let left = good("taking again", next.acquire(&claim("two"))).expect("what the first one left");
    let run = left.run_of("sha256:plan").expect("its run");
    assert_eq!((run.ending, run.seq), (Some(Ending::Done), 3));
    assert_eq!(holder(&cluster.now(PATH)), "tester@two 1 two");
    good("releasing", next.release());
}

#[test]
fn a_lease_that_is_held_is_not_taken_and_its_holder_is_named() {
    let cluster = TestCluster::new();
    let _turn = Turn::on(&cluster);
    let clock = Clock::new();
    let mut first = lock(&cluster, &clock);
    good("taking", first.acquire(&claim("one")));
    let error = lock(&cluster, &clock)
        .acquire(&claim("two"))
        .expect_err("it is held");
    assert!(matches!(error, LockError::Leased { .. }), "{error}");
    assert!(error.to_string().contains("tester@one 1"), "{error}");
    assert!(
        error
            .hint()
            .is_some_and(|hint| hint.contains("--unlock one")),
        "{:?}",
        error.hint()
    );
    clock.pass(299);
    lock(&cluster, &clock)
        .acquire(&claim("two"))
        .expect_err("it is held for one more second");
    good("the first still has it", first.check());
}

#[test]
fn a_lease_that_ended_is_taken_over_and_its_holder_begins_nothing_more() {
    let cluster = TestCluster::new();
    let _turn = Turn::on(&cluster);
    let clock = Clock::new();
    let mut first = lock(&cluster, &clock);
    good("taking", first.acquire(&claim("one")));
    good("noting", first.annotate(&note(None)));
    clock.pass(301);
    let mut second = lock(&cluster, &clock);
    let left = good("taking over", second.acquire(&claim("two"))).expect("what the first one left");
    assert!(
        left.unfinished().is_some_and(|run| run.run == "run-1"),
        "{left:?}"
    );
    assert_eq!(cluster.now(PATH)["spec"]["leaseTransitions"], json!(1));
    for attempt in ["first", "second"] {
        let lost = first.check().expect_err("it is another's");
        assert!(matches!(lost, LockError::Lost { .. }), "{attempt}: {lost}");
        assert!(lost.to_string().contains("tester@two"), "{attempt}: {lost}");
    }
    first
        .annotate(&note(None))
        .expect_err("nothing is written into another's lease");
    first.release().expect_err("and it is not released either");
    assert_eq!(holder(&cluster.now(PATH)), "tester@two 1 two");
    good("the second has it", second.check());
}

#[test]
fn a_lease_that_a_person_deleted_is_lost_and_not_made_again() {
    let cluster = TestCluster::new();
    let _turn = Turn::on(&cluster);
    let clock = Clock::new();
    for (says, touch) in [("annotate", true), ("check", false)] {
        let mut own = lock(&cluster, &clock);
        good("taking", own.acquire(&claim("one")));
        let (status, said) = cluster.raw().send("DELETE", PATH, None);
        assert_eq!(status, 200, "{said}");
        let lost = if touch {
            own.annotate(&note(None))
        } else {
            own.check()
        };
        let lost = lost.expect_err(says);
        assert!(lost.to_string().contains("deleted"), "{says}: {lost}");
        own.release().expect_err(says);
        assert!(cluster.now(PATH).is_null(), "{says}: it is there again");
    }
    let mut first = lock(&cluster, &clock);
    good("taking", first.acquire(&claim("one")));
    let (status, _) = cluster.raw().send("DELETE", PATH, None);
    assert_eq!(status, 200);
    let mut second = lock(&cluster, &clock);
    good("taking what is free", second.acquire(&claim("two")));
    let lost = first
        .check()
        .expect_err("another lease of that name is not ours");
    assert!(matches!(lost, LockError::Lost { .. }), "{lost}");
    assert_eq!(holder(&cluster.now(PATH)), "tester@two 1 two");
}

#[test]
fn a_lease_is_given_up_by_its_id_only() {
    let cluster = TestCluster::new();
    let _turn = Turn::on(&cluster);
    let clock = Clock::new();
    let mut gone = lock(&cluster, &clock);
    good("taking", gone.acquire(&claim("one")));
    good("noting", gone.annotate(&note(None)));
    let other = lock(&cluster, &clock);
    other.unlock("two").expect_err("another id");
    let content = good("unlocking", other.unlock("one"));
    assert_eq!(
        content.run_of("sha256:plan").and_then(|run| run.ending),
        Some(Ending::Stopped)
    );
    assert_eq!(holder(&cluster.now(PATH)), "");
    gone.check()
        .expect_err("whoever lives all the same notices");
}

#[test]
fn a_lease_of_somebody_else_is_neither_read_as_ours_nor_written() {
    let cluster = TestCluster::new();
    let _turn = Turn::on(&cluster);
    let theirs = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "stairway", "namespace": "kube-system", "annotations": {"stairway/lock": "{\"half\": "}},
        "spec": {"holderIdentity": "somebody", "leaseDurationSeconds": 10},
    });
    let (status, said) =
        cluster
            .raw()
            .send("POST", PATH.trim_end_matches("/stairway"), Some(&theirs));
    assert_eq!(status, 201, "{said}");
    let before = cluster.now(PATH);
    let error = lock(&cluster, &Clock::new())
        .acquire(&claim("one"))
        .expect_err("no lock");
    assert!(matches!(error, LockError::BadLease { .. }), "{error}");
    assert!(
        error
            .hint()
            .is_some_and(|hint| hint.contains("delete lease stairway"))
    );
    assert_eq!(cluster.now(PATH), before);
    // A name and no time: nobody knows when it ends, so nobody may take it.
    let (status, _) = cluster.raw().send("DELETE", PATH, None);
    assert_eq!(status, 200);
    let mut named = theirs;
    named["metadata"]["annotations"] = json!({});
    let (status, said) =
        cluster
            .raw()
            .send("POST", PATH.trim_end_matches("/stairway"), Some(&named));
    assert_eq!(status, 201, "{said}");
    let error = lock(&cluster, &Clock::new())
        .acquire(&claim("one"))
        .expect_err("it is held");
    assert!(error.to_string().contains("somebody"), "{error}");
}
