//! What the lock in the cluster promises, against a served world.

use super::super::{BothLocks, ConsumedPlan, FileLock};
use super::*;
use crate::actuate::kubernetes::tests::stage::Stage;
use serde_json::json;
use stairway_core::journal::Ending;
use stairway_world::door::{DoorFault, Trouble as DoorTrouble};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

const LEASES: &str = "*/leases*";
const START: i64 = 1_800_000_000;

/// Everything around a lease that a test moves.
#[derive(Clone)]
struct Hands {
    now: Arc<AtomicI64>,
    said: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
}

impl Hands {
    fn new() -> Self {
        Self {
            now: Arc::new(AtomicI64::new(START)),
            said: Arc::default(),
            stop: Arc::default(),
        }
    }

    fn around(&self) -> LeaseAround {
        let (now, said, stop) = (self.now.clone(), self.said.clone(), self.stop.clone());
        LeaseAround {
            clock: Arc::new(move || Timestamp::from_unix(now.load(Ordering::SeqCst))),
            say: Arc::new(move |line| said.lock().expect("a list").push(line.to_owned())),
            stop: Arc::new(move || stop.load(Ordering::SeqCst)),
        }
    }

    fn pass(&self, seconds: i64) {
        self.now.fetch_add(seconds, Ordering::SeqCst);
    }

    fn said(&self) -> String {
        self.said.lock().expect("a list").join("\n")
    }
}

/// Renews only when a test lets it; looks and retries take no time that matters.
fn times() -> LeaseTimes {
    LeaseTimes {
        renew: Duration::from_secs(3600),
        retry: Duration::from_millis(5),
        look: Duration::from_millis(5),
        patience: Duration::from_secs(30),
        ..LeaseTimes::default()
    }
}

fn lock(stage: &Stage, hands: &Hands) -> LeaseLock {
    LeaseLock::new(stage.writes(), hands.around(), times())
}

fn claim(id: &str, plan: &str) -> LockClaim {
    LockClaim {
        id: id.to_owned(),
        holder: format!("user@host {id}"),
        at: Timestamp::from_unix(START),
        run: format!("run-{plan}"),
        plan: plan.to_owned(),
    }
}

fn note(plan: &str, seq: u64, ending: Option<Ending>) -> LockNote {
    LockNote {
        run: format!("run-{plan}"),
        plan: plan.to_owned(),
        seq,
        head: format!("hash-{seq}"),
        nonces: vec!["n1".to_owned()],
        ending,
    }
}

fn object(stage: &Stage) -> Option<Value> {
    stage.reads().get(&Desk::object()).expect("an answer")
}

fn lost(error: &LockError) -> bool {
    matches!(error, LockError::Lost { .. })
}

/// Deletes the lease as a person would.
fn delete(stage: &Stage) {
    let request = stairway_world::door::Request::new(
        "DELETE",
        "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/stairway",
    )
    .with_header("authorization", "Bearer token");
    stage.with(|door, world| drop(door.handle(world, &request)));
    assert_eq!(object(stage), None);
}

#[test]
fn a_holder_takes_notes_lets_go_and_the_next_one_reads_them() {
    let (stage, hands) = (Stage::new(), Hands::new());
    let mut first = lock(&stage, &hands);
    assert_eq!(first.acquire(&claim("1", "a")), Ok(None));
    first.check().expect("ours");
    first.annotate(&note("a", 7, None)).expect("ours");
    let held = object(&stage).expect("a lease");
    assert_eq!(held["spec"]["holderIdentity"], "user@host 1 1");
    assert_eq!(held["spec"]["leaseDurationSeconds"], 300);
    assert_eq!(held["spec"]["renewTime"], "2027-01-15T08:00:00.000000Z");
    first
        .annotate(&note("a", 9, Some(Ending::Done)))
        .expect("ours");
    first.release().expect("a release");
    assert!(lost(&first.check().expect_err("let go of")));
    let seen = first.read().expect("an answer").expect("a lease");
    assert_eq!((seen.holder.as_str(), seen.id()), ("", ""));
    let left = lock(&stage, &hands)
        .acquire(&claim("2", "b"))
        .expect("free")
        .expect("content");
    let run = left.run_of("a").expect("a run");
    assert_eq!(
        (run.seq, run.head.as_str(), run.ending),
        (9, "hash-9", Some(Ending::Done))
    );
    assert!(
        left.admits("a", 9, &|_| None, false).is_err(),
        "it is used up"
    );
    assert_eq!(
        object(&stage).expect("a lease")["spec"]["leaseTransitions"],
        1
    );
}

#[test]
fn of_two_that_race_one_wins_and_the_other_is_told_who() {
    for round in 0..5 {
        let (stage, hands) = (Stage::new(), Hands::new());
        if round % 2 == 1 {
            let mut before = lock(&stage, &hands);
            before.acquire(&claim("0", "z")).expect("free");
            before.release().expect("a release");
        }
        let gate = Barrier::new(2);
        let answers: Vec<_> = std::thread::scope(|scope| {
            let run = |id: &'static str| {
                let (mut one, gate) = (lock(&stage, &hands), &gate);
                scope.spawn(move || {
                    gate.wait();
                    let answer = one.acquire(&claim(id, "a"));
                    (one, answer)
                })
            };
            let threads = [run("1"), run("2")];
            threads
                .into_iter()
                .map(|thread| thread.join().expect("an answer"))
                .collect()
        });
        let winners = answers.iter().filter(|(_, answer)| answer.is_ok()).count();
        assert_eq!(winners, 1, "{answers:?}");
        let refused = answers.iter().find_map(|(_, answer)| answer.as_ref().err());
        let error = refused.expect("a loser");
        let text = error.to_string();
        for word in [
            "user@host ",
            "kube-system/stairway of small",
            "plan a",
            "run-a",
        ] {
            assert!(text.contains(word), "{text}");
        }
        let hint = error.hint().expect("a hint");
        assert!(hint.contains("stairway apply PLAN --unlock "), "{hint}");
        assert!(
            hint.contains(
                "kubectl --kubeconfig kubeconfig --context small -n kube-system get lease stairway"
            ),
            "{hint}"
        );
    }
}

#[test]
fn a_lease_is_taken_over_only_after_it_ended_and_the_stale_holder_is_told() {
    let (stage, hands) = (Stage::new(), Hands::new());
    let mut first = lock(&stage, &hands);
    first.acquire(&claim("1", "a")).expect("free");
    first.annotate(&note("a", 3, None)).expect("ours");
    let mut second = lock(&stage, &hands);
    hands.pass(300);
    let error = second.acquire(&claim("2", "b")).expect_err("not over yet");
    assert!(matches!(error, LockError::Leased(_)), "{error}");
    hands.pass(1);
    let left = second
        .acquire(&claim("2", "b"))
        .expect("over")
        .expect("content");
    assert_eq!((left.id.as_str(), left.seq), ("1", 3));
    assert!(
        hands.said().contains("ended and was not renewed"),
        "{}",
        hands.said()
    );
    for error in [
        first.annotate(&note("a", 4, None)).expect_err("stale"),
        first.check().expect_err("stale"),
        first.release().expect_err("stale"),
    ] {
        assert!(
            lost(&error) && error.to_string().contains("user@host 2 2 holds it"),
            "{error}"
        );
    }
    second.check().expect("ours");
    let kept = second.read().expect("an answer").expect("a lease").content;
    assert_eq!(
        kept.expect("content").run_of("a").map(|run| run.seq),
        Some(3)
    );
}

#[test]
fn a_holder_that_lives_is_not_robbed_by_a_clock_that_runs_ahead() {
    let (stage, hands) = (Stage::new(), Hands::new());
    let mut first = lock(&stage, &hands);
    first.acquire(&claim("1", "a")).expect("free");
    let ahead = Hands::new();
    ahead.pass(10_000);
    let mut around = ahead.around();
    // The holder renews between the two looks.
    let holder = Mutex::new(first);
    let say = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&say);
    around.say = Arc::new(move |_| told.store(true, Ordering::SeqCst));
    let mut second = LeaseLock::new(
        stage.writes(),
        around,
        LeaseTimes {
            look: Duration::from_millis(700),
            ..times()
        },
    );
    std::thread::scope(|scope| {
        let renewing = scope.spawn(|| {
            let reads = stage.reads();
            while !say.load(Ordering::SeqCst) {
                reads.pause(Duration::from_millis(5));
            }
            let mut first = holder.lock().expect("a lock");
            first.annotate(&note("a", 2, None)).expect("ours");
        });
        let error = second.acquire(&claim("2", "b")).expect_err("it lives");
        assert!(matches!(error, LockError::Leased(_)), "{error}");
        renewing.join().expect("renewed");
    });
    holder.lock().expect("a lock").check().expect("still ours");
}

#[test]
fn a_lease_that_a_person_deleted_is_lost_and_not_made_again() {
    let (stage, hands) = (Stage::new(), Hands::new());
    let mut first = lock(&stage, &hands);
    first.acquire(&claim("1", "a")).expect("free");
    delete(&stage);
    let error = first.annotate(&note("a", 1, None)).expect_err("deleted");
    assert!(
        lost(&error) && error.to_string().contains("deleted"),
        "{error}"
    );
    assert_eq!(object(&stage), None, "not made again");
    assert!(lost(&first.check().expect_err("deleted")));
    // Also when somebody else made it again, with the same words in it.
    let mut second = lock(&stage, &hands);
    second.acquire(&claim("2", "a")).expect("free");
    let mut body = object(&stage).expect("a lease");
    delete(&stage);
    body["metadata"] = json!({
        "name": LEASE_NAME, "annotations": body["metadata"]["annotations"],
    });
    let made = stage
        .writes()
        .create(Resource::LEASES, Some(LEASE_NAMESPACE), &body);
    made.expect("made");
    let error = second.check().expect_err("another one");
    assert!(
        lost(&error) && error.to_string().contains("made again"),
        "{error}"
    );
}

#[test]
fn an_outage_is_waited_for_and_is_no_loss() {
    let (stage, hands) = (Stage::new(), Hands::new());
    let mut first = lock(&stage, &hands);
    first.acquire(&claim("1", "a")).expect("free");
    for trouble in [
        DoorTrouble::Unwell(503),
        DoorTrouble::Cut(0),
        DoorTrouble::HalfPage,
        DoorTrouble::Busy(None),
    ] {
        stage.strike(DoorFault::of(LEASES, trouble).times(9));
        first.check().expect("it came back");
        stage.strike(DoorFault::of(LEASES, trouble).times(9));
        first.annotate(&note("a", 1, None)).expect("it came back");
        stage.with(|door, _| door.heal());
    }
    assert!(
        hands.said().contains("cannot be verified"),
        "{}",
        hands.said()
    );
    // Who has no patience is told that nobody knows, not that it is lost.
    hands.stop.store(true, Ordering::SeqCst);
    stage.strike(DoorFault::of(LEASES, DoorTrouble::Unwell(503)));
    let error = first.check().expect_err("away");
    assert!(
        matches!(&error, LockError::Api { why, .. } if why.contains("503")),
        "{error}"
    );
    stage.with(|door, _| door.heal());
    first.check().expect("ours all the while");
}

#[test]
fn a_write_in_doubt_is_decided_by_what_is_there() {
    for trouble in [
        DoorTrouble::AnswerLost(504),
        DoorTrouble::Cut(0),
        DoorTrouble::HalfPage,
        DoorTrouble::Unwell(500),
    ] {
        let (stage, hands) = (Stage::new(), Hands::new());
        let mut first = lock(&stage, &hands);
        stage.strike(DoorFault::of(LEASES, trouble).on("POST").times(1));
        let taken = first.acquire(&claim("1", "a"));
        assert_eq!(taken, Ok(None), "{trouble:?}");
        first.check().expect("ours");
        stage.strike(DoorFault::of(LEASES, trouble).on("PUT").times(1));
        first.annotate(&note("a", 5, None)).expect("written");
        let content = first.read().expect("an answer").expect("a lease").content;
        assert_eq!(content.map(|content| content.seq), Some(5), "{trouble:?}");
        stage.strike(DoorFault::of(LEASES, trouble).on("PUT").times(1));
        first.release().expect("let go of");
        stage.strike(DoorFault::of(LEASES, trouble).on("PUT").times(1));
        let mut second = lock(&stage, &hands);
        second.acquire(&claim("2", "a")).expect("free");
        second.check().expect("ours");
        stage.strike(DoorFault::of(LEASES, trouble).on("PUT").times(1));
        second.unlock("2").expect("given up");
        assert!(lost(&second.check().expect_err("given up")));
    }
}

#[test]
fn what_has_no_room_is_forgotten_oldest_first_and_that_is_said() {
    let (stage, hands) = (Stage::new(), Hands::new());
    let mut first = lock(&stage, &hands);
    first.acquire(&claim("1", "last")).expect("free");
    if let Some(kept) = first.desk.kept().as_mut() {
        kept.holding.mine.consumed = (0..3_000)
            .map(|number| ConsumedPlan {
                plan: format!("{number:064}"),
                run: format!("run-{number}"),
                nonces: Vec::new(),
                ending: (number != 0).then_some(Ending::Done),
                seq: 1,
                head: "h".repeat(64),
            })
            .collect();
    }
    first.annotate(&note("last", 1, None)).expect("it fits");
    assert!(
        hands.said().contains("it forgot the oldest "),
        "{}",
        hands.said()
    );
    let content = first.read().expect("an answer").expect("a lease").content;
    let runs = content.expect("content").consumed;
    assert!((100..2_000).contains(&runs.len()), "{}", runs.len());
    assert_eq!(runs[0].run, "run-0", "what has no end stays");
    assert_eq!(runs.last().map(|run| run.plan.as_str()), Some("last"));
    assert_eq!(runs[runs.len() - 2].run, "run-2999");
}

#[test]
fn unlocking_needs_the_id_and_the_run_counts_as_stopped() {
    let (stage, hands) = (Stage::new(), Hands::new());
    let mut first = lock(&stage, &hands);
    let error = first.unlock("1").expect_err("nobody");
    assert!(matches!(error, LockError::NotThisOne { .. }), "{error}");
    first.acquire(&claim("1", "a")).expect("free");
    first.annotate(&note("a", 1, None)).expect("ours");
    let other = lock(&stage, &hands);
    let error = other.unlock("2").expect_err("another id");
    assert!(error.to_string().contains("its id is `1`"), "{error}");
    first.check().expect("still ours");
    let left = other.unlock("1").expect("given up");
    assert_eq!(left.unfinished(), None);
    let error = first.check().expect_err("given up");
    assert!(
        lost(&error) && error.to_string().contains("released"),
        "{error}"
    );
    assert!(other.unlock("1").is_err(), "once");
    lock(&stage, &hands)
        .acquire(&claim("2", "b"))
        .expect("free");
}

#[test]
fn what_is_no_lock_of_ours_is_never_written_over() {
    for (spec, note, word) in [
        (json!({}), json!("{"), "no JSON"),
        (json!({}), json!("[]"), "kind"),
        (
            json!({"holderIdentity": "x"}),
            json!({"kind": "ClusterLock", "format_version": 9})
                .to_string()
                .into(),
            "lock format 9",
        ),
        (
            json!({"holderIdentity": "somebody"}),
            Value::Null,
            "somebody holds the lease",
        ),
    ] {
        let (stage, hands) = (Stage::new(), Hands::new());
        let annotations = json!({"stairway/lock": note});
        let mut body = object::empty();
        body["spec"] = spec;
        if !note.is_null() {
            body["metadata"]["annotations"] = annotations;
        }
        let made = stage
            .writes()
            .create(Resource::LEASES, Some(LEASE_NAMESPACE), &body);
        let made = made.expect("made");
        hands.pass(1_000_000);
        let error = lock(&stage, &hands)
            .acquire(&claim("1", "a"))
            .expect_err(word);
        assert!(error.to_string().contains(word), "{error}");
        assert!(error.hint().is_some(), "{error}");
        assert_eq!(object(&stage), Some(made));
    }
    // One that somebody prepared is taken.
    let (stage, hands) = (Stage::new(), Hands::new());
    let made = stage
        .writes()
        .create(Resource::LEASES, Some(LEASE_NAMESPACE), &object::empty());
    made.expect("made");
    assert_eq!(lock(&stage, &hands).acquire(&claim("1", "a")), Ok(None));
}

#[test]
fn a_lease_is_renewed_while_it_is_held_and_no_longer() {
    let (stage, hands) = (Stage::new(), Hands::new());
    let mut first = LeaseLock::new(
        stage.writes(),
        hands.around(),
        LeaseTimes {
            renew: Duration::from_millis(10),
            ..times()
        },
    );
    first.acquire(&claim("1", "a")).expect("free");
    hands.pass(60);
    let renewed = |seconds: i64| {
        let seen = first.read().expect("an answer").expect("a lease");
        seen.renewed == Some(Timestamp::from_unix(START + seconds))
    };
    let reads = stage.reads();
    while !renewed(60) {
        reads.pause(Duration::from_millis(5));
    }
    // Also after the server was away.
    stage.strike(
        DoorFault::of(LEASES, DoorTrouble::Unwell(503))
            .on("PUT")
            .times(5),
    );
    hands.pass(60);
    while !renewed(120) {
        reads.pause(Duration::from_millis(5));
    }
    first.check().expect("ours");
    first.release().expect("a release");
    let after = object(&stage);
    hands.pass(60);
    reads.pause(Duration::from_millis(50));
    assert_eq!(object(&stage), after, "nobody renews it any more");
}

#[test]
fn a_lease_that_is_about_to_end_is_renewed_before_the_next_effect() {
    let (stage, hands) = (Stage::new(), Hands::new());
    let mut first = lock(&stage, &hands);
    first.acquire(&claim("1", "a")).expect("free");
    hands.pass(199);
    first.check().expect("ours");
    let renewed = || first.read().expect("an answer").expect("a lease").renewed;
    assert_eq!(renewed(), Some(Timestamp::from_unix(START)));
    hands.pass(10_000);
    let mut first = first;
    first.check().expect("nobody took it");
    let seen = first.read().expect("an answer").expect("a lease");
    assert_eq!(seen.renewed, Some(Timestamp::from_unix(START + 10_199)));
}

fn both(stage: &Stage, hands: &Hands, path: &std::path::Path) -> BothLocks {
    BothLocks::new(FileLock::new(path.to_path_buf()), lock(stage, hands))
}

#[test]
fn the_two_locks_are_one() {
    let (stage, hands) = (Stage::new(), Hands::new());
    let folder = tempfile::tempdir().expect("a folder");
    let (here, there) = (folder.path().join("a.lock"), folder.path().join("b.lock"));
    let mut first = both(&stage, &hands, &here);
    assert_eq!(first.acquire(&claim("1", "a")), Ok(None));
    first.annotate(&note("a", 3, None)).expect("ours");
    first.check().expect("ours");
    // Another process of this machine meets the file, another machine the lease.
    let error = both(&stage, &hands, &here)
        .acquire(&claim("2", "b"))
        .expect_err("held");
    assert!(matches!(error, LockError::Held { .. }), "{error}");
    let error = both(&stage, &hands, &there)
        .acquire(&claim("2", "b"))
        .expect_err("held");
    assert!(matches!(error, LockError::Leased(_)), "{error}");
    assert_eq!(FileLock::is_held(&there), Ok(false), "let go of again");
    // The process dies: here that is known, elsewhere it is not.
    drop(first);
    assert!(
        both(&stage, &hands, &there)
            .acquire(&claim("2", "b"))
            .is_err()
    );
    let mut next = both(&stage, &hands, &here);
    let left = next
        .acquire(&claim("3", "a"))
        .expect("its process is dead")
        .expect("content");
    assert_eq!((left.id.as_str(), left.seq), ("1", 3));
    next.annotate(&note("a", 9, Some(Ending::Done)))
        .expect("ours");
    next.release().expect("a release");
    // Elsewhere the lease alone knows that the plan is used up.
    let mut other = both(&stage, &hands, &there);
    let left = other
        .acquire(&claim("4", "a"))
        .expect("free")
        .expect("content");
    assert!(matches!(
        left.admits("a", 0, &|_| None, true),
        Err(LockError::UsedUp { .. })
    ));
    drop(other);
    let plain = lock(&stage, &hands);
    let error = BothLocks::unlock(&here, &plain, "9").expect_err("another id");
    assert!(matches!(error, LockError::NotThisOne { .. }), "{error}");
    BothLocks::unlock(&there, &plain, "4").expect("given up in both");
    assert_eq!(
        plain.read().expect("an answer").expect("a lease").holder,
        ""
    );
}

#[test]
fn what_either_lock_knows_of_a_run_counts() {
    let run = |plan: &str, seq: u64, ending: Option<Ending>, nonce: &str| ConsumedPlan {
        plan: plan.to_owned(),
        run: format!("run-{plan}"),
        nonces: vec![nonce.to_owned()],
        ending,
        seq,
        head: format!("hash-{seq}"),
    };
    let (done, stopped) = (Some(Ending::Done), Some(Ending::Stopped));
    for (says, one, other, seq, ending) in [
        (
            "the longer one knows the end",
            (3, None),
            (9, done),
            9,
            done,
        ),
        (
            "the longer one knows that it goes on",
            (3, stopped),
            (9, None),
            9,
            None,
        ),
        ("what was done stays done", (3, done), (9, None), 9, done),
        ("given up since", (3, None), (3, stopped), 3, stopped),
        ("given up in the other", (3, stopped), (3, None), 3, stopped),
    ] {
        let content = |at: i64, (seq, ending): (u64, Option<Ending>), nonce: &str| LockContent {
            consumed: vec![run("a", seq, ending, nonce)],
            ..Holding::begin(
                None,
                &LockClaim {
                    at: Timestamp::from_unix(at),
                    ..claim("1", "a")
                },
            )
            .mine
        };
        for (first, second) in [(1, 2), (2, 1)] {
            let mut later = content(second, other, "m");
            later.consumed.push(run("b", 1, None, "x"));
            let merged = LockContent::merged(content(first, one, "n"), later);
            let found = merged.run_of("a").expect(says);
            assert_eq!((found.seq, found.ending), (seq, ending), "{says}");
            assert_eq!(found.head, format!("hash-{seq}"), "{says}");
            let mut nonces = found.nonces.clone();
            nonces.sort();
            assert_eq!(nonces, ["m", "n"], "{says}");
            assert!(merged.run_of("b").is_some(), "{says}");
        }
    }
}
