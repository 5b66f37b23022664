//! Interrupts, and signatures that must not count, with the real binary.

use crate::approve::{Desk, key};
use crate::runs::{Scene, approve};
use crate::support::{DEMO_FLEET, Run, read, wait_for_end, write};
use serde_json::Value;
use stairway_core::approve::{Nonce, Signed, SigningKey, Statement, StatementKind};
use stairway_core::model::Timestamp;
use stairway_core::plan::wire::Plan;
use std::process::{Child, Command};

const STOPPED: i32 = 4;
const REFUSED: i32 = 5;
const PAUSED: i32 = 7;
/// Seconds that an approval counts.
const TWO_DAYS: u32 = 2 * 86_400;

/// The two signals that ask a run to stop. Each counts by itself; two of one kind may become one
/// on their way, when the first was not taken in yet.
fn ask_to_stop(child: &Child, signal: &str) {
    let kill = format!("kill -{signal} {}", child.id());
    let sent = Command::new("sh").args(["-c", &kill]).status();
    assert!(sent.expect("a shell").success());
}

/// The events of a journal of this kind.
fn events(journal: &str, event: &str) -> Vec<Value> {
    let lines = journal
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    lines.filter(|one| one["event"] == event).collect()
}

/// The first request finishes the unit: the hop that it meets comes back by itself.
#[test]
fn one_interrupt_does_not_stop_a_hop_in_the_middle() {
    for signal in ["INT", "TERM"] {
        let scene = Scene::new(100);
        let mut child = scene.begin("harbor", "step-intended");
        ask_to_stop(&child, signal);
        let status = wait_for_end("the end of the unit", &mut child);
        let journal = scene.journal("harbor");
        assert_eq!(status.code(), Some(STOPPED), "{signal}: {journal}");
        let claims = events(&journal, "effect-returned");
        assert!(!claims.is_empty(), "{signal}: nothing came back: {journal}");
        for claim in claims {
            assert_eq!(claim["claim"]["ok"], true, "{signal}: {claim}");
            assert_ne!(claim["claim"]["stopped"], true, "{signal}: {claim}");
        }
        scene.to_the_end("harbor");
    }
}

/// The second one stops at once; the journal says so, and the run goes on from there.
#[test]
fn a_second_interrupt_stops_at_once_and_the_run_can_be_resumed() {
    let scene = Scene::new(200);
    let mut child = scene.begin("harbor", "step-intended");
    ask_to_stop(&child, "INT");
    ask_to_stop(&child, "TERM");
    let status = wait_for_end("the end after two interrupts", &mut child);
    assert_eq!(status.code(), Some(STOPPED), "{}", scene.journal("harbor"));
    let journal = scene.journal("harbor");
    let last: Value = serde_json::from_str(journal.lines().last().expect("events")).expect("JSON");
    assert!(
        journal.contains("\"stopped\":true"),
        "the journal does not say that somebody stopped it: {last}"
    );
    let status = scene
        .run("status", "harbor", &["--format", "json"])
        .expect(0);
    assert_ne!(status.json()["state"], "done");
    // A tool that was stopped before it did anything is a failed attempt: told once, and the next resume tries again.
    let run = scene.apply("harbor", &["--resume"]);
    let failed = run.code == STOPPED && run.stderr.contains("ended by signal");
    assert!(
        failed || matches!(run.code, 0 | PAUSED),
        "{}: {}",
        run.code,
        run.stderr
    );
    if run.code != 0 {
        scene.to_the_end("harbor");
    }
}

/// Puts a signed statement beside the plan, as somebody would who writes the files by hand.
fn plant(desk: &Desk, signer: &str, by: &str, issued: Timestamp, nonce: [u8; 16]) {
    let dir = desk.place.work().join("plans").join(&desk.plan);
    let plan: Plan = serde_json::from_str(&read(&dir.join("plan.json"))).expect("a plan");
    let statement = Statement::about(
        &plan,
        StatementKind::Approval,
        signer,
        (issued, TWO_DAYS),
        Nonce::of(nonce),
    );
    let statement = statement.expect("a statement");
    let secret = std::fs::read(key(&desk.place, by)).expect("a key");
    let secret = SigningKey::read(&secret).expect("a private key");
    let signed = Signed::sign(statement, &secret).expect("a signature");
    let name = format!("{}.json", signed.statement().nonce.as_str());
    let text = String::from_utf8(signed.bytes().to_vec()).expect("JSON");
    write(&desk.folder().join(&name), &text);
    write(
        &desk.folder().join(format!("{name}.sig")),
        &signed.armored(),
    );
}

fn apply(desk: &Desk) -> Run {
    let digest = approve(&desk.plan);
    let line = [
        "apply",
        &desk.plan,
        "--fleet",
        DEMO_FLEET,
        &digest,
        "--no-input",
    ];
    desk.place.run(&line)
}

/// Each of these was written by hand beside the plan; none counts, and the reason is told.
#[test]
fn expired_and_foreign_signatures_do_not_count() {
    let desk = Desk::new("{required: 1, expires: 72h}");
    let long_ago = Timestamp::from_unix(1_600_000_000);
    let rows = [
        (
            "an approval that has expired",
            "ann@example.org",
            "ann",
            long_ago,
            "expired",
        ),
        (
            "a key that no signer has",
            "ann@example.org",
            "eve-p256",
            Timestamp::from_unix(1_793_500_000),
            "ann@example.org",
        ),
        (
            "a person that nobody listed",
            "eve@example.org",
            "eve-p256",
            Timestamp::from_unix(1_793_500_000),
            "eve@example.org",
        ),
        (
            "another signer's key",
            "bob@example.org",
            "ann",
            Timestamp::from_unix(1_793_500_000),
            "bob@example.org",
        ),
    ];
    for (index, (what, signer, by, issued, word)) in rows.into_iter().enumerate() {
        let nonce = [u8::try_from(index + 1).expect("few rows"); 16];
        plant(&desk, signer, by, issued, nonce);
        let run = apply(&desk);
        assert_eq!(run.code, REFUSED, "{what}: {}", run.stderr);
        assert!(
            run.stderr.contains("0 of 1 approvals"),
            "{what}: {}",
            run.stderr
        );
        assert!(
            run.stderr.contains(word),
            "{what} is not told: {}",
            run.stderr
        );
        let journal = desk
            .place
            .work()
            .join("plans")
            .join(&desk.plan)
            .join("journal.ndjson");
        assert!(!journal.exists(), "{what}: a journal was written");
    }
}
