//! Drift where something is in the way: what was found is told all the same, and nothing false is kept.

use crate::ci::git;
use crate::drift::{BRANCH, DAY_1, DAY_2, DAY_3, EXPIRED, Grove, NEW_DRIFT};
use crate::fleet_parts::library;
use crate::support::USAGE;
use serde_json::{Value, json};

const ERROR: i32 = 1;
const REFUSED: i32 = 5;

/// The totals that were printed, and the exit code that they come with.
fn told(set: &Value) -> (Value, Value, Value) {
    let summary = &set["summary"];
    (
        summary["new"].clone(),
        summary["known"].clone(),
        set["exit"].clone(),
    )
}

#[test]
fn reports_that_cannot_be_committed_hide_no_drift() {
    let mut grove = Grove::new("");
    let path = std::env::var("PATH").expect("a PATH");
    grove.place = grove.place.with("PATH", &path);
    grove.by_hand("alder", 9);
    let gone = grove.place.work().join("../gone").display().to_string();
    grove
        .repository()
        .remote("origin", &gone)
        .expect("a remote");
    // A remote that gives no answer, before the first report and after it.
    let push = ["--commit", "--push", "--detailed-exitcode"];
    let set = grove.json(&push, ERROR);
    assert_eq!(told(&set), (json!(1), json!(0), json!(ERROR)));
    let run = grove.run(&["--commit", "--push"]).expect(ERROR);
    assert!(run.stdout.starts_with("Drift: 1 new"), "{}", run.stdout);
    assert!(run.stderr.contains("origin"), "{}", run.stderr);
    grove
        .run(&["--commit", "--at", DAY_1, "--detailed-exitcode"])
        .expect(NEW_DRIFT);
    grove.by_hand("birch", 8);
    let set = grove.json(&push, ERROR);
    assert_eq!(told(&set), (json!(1), json!(1), json!(ERROR)));
    assert_eq!(grove.commits().len(), 1);
    // A branch here that went apart from the remote's.
    let work = grove.place.work();
    git(&work, &["clone", "-q", "--bare", ".", &gone]);
    git(
        &work,
        &[
            "push",
            "-q",
            "-f",
            "origin",
            &format!("HEAD:refs/heads/{BRANCH}"),
        ],
    );
    let set = grove.json(&push, REFUSED);
    assert_eq!(told(&set), (json!(2), json!(0), json!(REFUSED)));
    assert_eq!(set["clusters"][0]["last_unread"], true);
}

#[test]
fn reports_of_the_branch_that_cannot_be_read_are_not_taken_for_none() {
    let grove = Grove::new("");
    grove.by_hand("alder", 9);
    grove.run(&["--commit", "--at", DAY_1]).expect(0);
    let repository = grove.repository();
    let head = repository.head().expect("a head").target().expect("a tip");
    let gone = grove.place.work().join("../gone").display().to_string();
    repository.remote("origin", &gone).expect("a remote");
    let name = format!("refs/remotes/origin/{BRANCH}");
    repository
        .reference(&name, head, true, "apart")
        .expect("a reference");
    for (more, code) in [([].as_slice(), 0), (&["--detailed-exitcode"], ERROR)] {
        let run = grove.run(more).expect(code);
        assert!(
            !run.stderr.contains("There is no earlier report"),
            "{}",
            run.stderr
        );
        assert!(
            run.stderr.contains("Warning")
                && run.stderr.contains("The last reports cannot be read"),
            "{}",
            run.stderr
        );
        assert!(run.stdout.contains("+ new drift"), "{}", run.stdout);
    }
}

#[test]
fn a_base_that_is_none_is_refused_before_anything_is_written() {
    let grove = Grove::new("");
    grove.by_hand("alder", 9);
    let run = grove.run(&["--base", "nonsense", "--commit"]);
    run.refused(&[USAGE], &["--base nonsense"]);
    assert_eq!(grove.commits(), Vec::new());
    grove
        .run(&["--base", "nonsense", "--out", "drift"])
        .refused(&[USAGE], &["--base nonsense"]);
    assert!(!grove.place.work().join("drift").exists());
}

#[test]
fn a_shallow_clone_keeps_what_the_last_report_knew() {
    let grove = Grove::new("");
    grove.git(5);
    let five = grove.commit();
    grove.by_hand("alder", 9);
    grove.run(&["--commit", "--at", DAY_1]).expect(0);
    let words = format!("// words\n{}", library("1.33"));
    grove.place.file("lib/new.libsonnet", &words);
    let head = grove.commit();
    let shallow = grove.place.work().join(".git/shallow");
    std::fs::write(&shallow, format!("{head}\n")).expect("written");
    let run = grove.run(&["--commit", "--at", DAY_2, "--detailed-exitcode"]);
    let run = run.expect(0);
    assert!(
        run.stderr.contains("No report has changed"),
        "{}",
        run.stderr
    );
    assert_eq!(grove.commits().len(), 1);
    let report: Value =
        serde_json::from_str(&grove.kept("birch.json").expect("a report")).expect("JSON");
    let item = &report["items"][0];
    assert_eq!(
        (&item["class"], &item["change"]["commit"]),
        (&json!("unapplied"), &json!(five))
    );
}

#[test]
fn one_rule_over_two_clusters_runs_out_once() {
    let rule = "ignore: [{path: nodegroup core-*.maxSize, reason: a load test, owner: ops, expires: 2026-09-02}]\n";
    let grove = Grove::new(rule);
    grove.by_hand("alder", 9);
    grove.by_hand("birch", 9);
    let run = grove.run(&["--at", DAY_3]).expect(EXPIRED);
    assert!(
        run.stdout.contains("1 ignore rule expired."),
        "{}",
        run.stdout
    );
}
