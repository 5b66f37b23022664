//! Drift after a run: what it applied is the base, wherever its plan and journal are.

use crate::drift::Grove;
use crate::support::{Place, read};
use serde_json::{Value, json};
use std::path::Path;

fn fleet(place: &Place, live: &str) {
    place.file(
        "fleet.yaml",
        &format!(
            "apiVersion: stairway/v1\nkind: Fleet\nclusters:\n  - {{name: sandbox, config: clusters/sandbox.jsonnet, live: {live}}}\n"
        ),
    );
}

/// What the report says of the version of the control plane.
fn version(grove: &Grove, more: &[&str]) -> Value {
    let set = grove
        .run(&[&["--format", "json"], more].concat())
        .expect(0)
        .json();
    let items = set["clusters"][0]["report"]["items"].as_array().cloned();
    let mut items = items.unwrap_or_default().into_iter();
    let own = items.find(|item| item["subject"] == "cluster" && item["field"] == "version");
    own.unwrap_or_default()
}

fn is_drift_asked_in(item: &Value, commit: &str) {
    assert_eq!(
        (&item["class"], &item["asked_in"]["commit"]),
        (&json!("drift"), &json!(commit))
    );
}

/// What a run applied is the base: what git asked for before it is no excuse.
#[test]
fn a_run_that_ended_is_the_base() {
    let place = Place::new();
    place.run(&["init", "--version", "1.34", "."]).expect(0);
    fleet(&place, "{world: worlds/sandbox.yaml}");
    let grove = Grove { place };
    let config = grove.place.work().join("clusters/sandbox.jsonnet");
    let newer = read(&config);
    std::fs::write(&config, newer.replace("'1.34'", "'1.33'")).expect("written");
    let older = grove.commit();
    std::fs::write(&config, &newer).expect("written");
    let asked = grove.commit();
    let version = |more: &[&str]| version(&grove, more);
    let item = version(&[]);
    assert_eq!(
        (&item["class"], &item["change"]["commit"]),
        (&json!("unapplied"), &json!(asked))
    );
    grove.place.run(&["observe", "--out", "before"]).expect(0);
    grove.place.run(&["plan", "--out", "plans"]).expect(0);
    let digest = apply_digest(&grove.place.work().join("plans"));
    let approve = format!("--approve={digest}");
    grove
        .place
        .run(&["apply", "sandbox", &approve, "--no-input"])
        .expect(0);
    assert_eq!(version(&[]), Value::Null);
    // Somebody takes the control plane back. Git asked for that once, and it was applied since.
    fleet(&grove.place, "{recorded: before/sandbox.observed.json}");
    is_drift_asked_in(&version(&[]), &older);
    // Git asks for it again and takes that back: it is that commit then.
    let previous = newer.replace("'1.34'", "'1.33'");
    std::fs::write(&config, previous).expect("written");
    let again = grove.commit();
    std::fs::write(&config, &newer).expect("written");
    grove.commit();
    is_drift_asked_in(&version(&[]), &again);
    let said = grove.run(&[]).expect(0).stdout;
    let words: Vec<&str> = said.split_whitespace().collect();
    let told = format!("Live was changed: it is as git asked in {}", &again[..10]);
    assert!(words.join(" ").contains(&told), "{said}");
    is_found_on_a_branch(&grove, &again);
}

/// The plans may be on a branch: there they are found, and else nothing is known of them.
fn is_found_on_a_branch(grove: &Grove, again: &str) {
    let version = |more: &[&str]| version(grove, more);
    let plans = grove.place.work().join("plans");
    put_on_branch(grove, &plans, "stairway/runs");
    std::fs::remove_dir_all(plans).expect("removed");
    assert_eq!(version(&[])["class"], "unapplied");
    assert_eq!(version(&["--store", "branch:none"])["class"], "unapplied");
    let store = ["--store", "branch:stairway/runs"];
    is_drift_asked_in(&version(&store), again);
    // A remote that gives no answer is told, and what was last seen counts.
    let gone = grove.place.work().join("../gone").display().to_string();
    grove
        .repository()
        .remote("origin", &gone)
        .expect("a remote");
    let run = grove.run(&store).expect(0);
    assert!(
        run.stderr.contains("as it was last seen here"),
        "{}",
        run.stderr
    );
    is_drift_asked_in(&version(&store), again);
}

/// Commits the files of a folder as `plans/` of a new branch.
fn put_on_branch(grove: &Grove, plans: &Path, branch: &str) {
    let repository = grove.repository();
    let mut index = git2::Index::new().expect("an index");
    for file in crate::support::files_below(plans) {
        let content = std::fs::read(plans.join(&file)).expect("a file");
        let entry = git2::IndexEntry {
            ctime: git2::IndexTime::new(0, 0),
            mtime: git2::IndexTime::new(0, 0),
            dev: 0,
            ino: 0,
            mode: 0o100_644,
            uid: 0,
            gid: 0,
            file_size: 0,
            id: repository.blob(&content).expect("a blob"),
            flags: 0,
            flags_extended: 0,
            path: format!("plans/{file}").into_bytes(),
        };
        index.add(&entry).expect("an entry");
    }
    let tree = index.write_tree_to(&repository).expect("a tree");
    let tree = repository.find_tree(tree).expect("a tree");
    let who = git2::Signature::now("Ann", "ann@example.org").expect("a name");
    let name = format!("refs/heads/{branch}");
    let commit = repository.commit(Some(&name), &who, &who, "plans", &tree, &[]);
    commit.expect("a commit");
}

fn apply_digest(plans: &Path) -> String {
    let name = crate::support::names_in(plans)
        .into_iter()
        .find(|name| name.starts_with("sandbox-"))
        .expect("a plan");
    name.trim_start_matches("sandbox-").to_owned()
}
