//! Drift: who moved, since when, and reports in git that change only when something changed.

use crate::approve::commit;
use crate::fleet_parts::{GROUP, config, library};
use crate::support::{Place, Run, read};
use serde_json::{Value, json};

pub(crate) const NEW_DRIFT: i32 = 2;
pub(crate) const EXPIRED: i32 = 3;
const INCOMPLETE: i32 = 6;
pub(crate) const BRANCH: &str = "stairway/drift";
/// When the first of the reports of these tests are made.
pub(crate) const DAY_1: &str = "2026-09-01T08:00:00Z";
pub(crate) const DAY_2: &str = "2026-09-02T08:00:00Z";
pub(crate) const DAY_3: &str = "2026-09-03T08:00:00Z";

/// The clusters of the fleet: all agree with git at first.
const NAMES: [&str; 8] = [
    "alder", "birch", "cedar", "elder", "hazel", "larch", "maple", "rowan",
];

/// What runs, in the words of a config: `maxSize` is what these tests change by hand.
fn live(name: &str, most: u32) -> Value {
    json!({
        "apiVersion": "eksctl.io/v1alpha5",
        "kind": "ClusterConfig",
        "metadata": {"name": name, "region": "us-west-2", "version": "1.33"},
        "managedNodeGroups": [{
            "name": "core-a", "instanceType": "m5.large", "minSize": 1, "maxSize": most,
            "amiFamily": "AmazonLinux2023", "labels": {"node-purpose": "core"},
        }],
    })
}

/// A fleet in git whose clusters are as git asks for.
pub(crate) struct Grove {
    pub(crate) place: Place,
}

impl Grove {
    pub(crate) fn new(extra: &str) -> Self {
        let place = Place::new();
        let grove = Self { place };
        grove.fleet(extra);
        grove.place.file("lib/new.libsonnet", &library("1.33"));
        grove.git(3);
        for name in NAMES {
            let file = format!("clusters/{name}.jsonnet");
            grove.place.file(&file, &config(name, "new"));
            grove.by_hand(name, 3);
        }
        grove.commit();
        grove
    }

    fn fleet(&self, extra: &str) {
        let mut text = format!("apiVersion: stairway/v1\nkind: Fleet\n{extra}clusters:\n");
        for name in NAMES {
            text.push_str(&format!(
                "  - {{name: {name}, config: clusters/{name}.jsonnet, owner: team-{name}, live: {{assumed: live/{name}.json}}}}\n"
            ));
        }
        self.place.file("fleet.yaml", &text);
    }

    /// What git asks of every cluster.
    pub(crate) fn git(&self, most: u32) {
        let group = GROUP.replace("maxSize: 3", &format!("maxSize: {most}"));
        self.place.file("lib/group.libsonnet", &group);
    }

    /// Somebody changes a cluster.
    pub(crate) fn by_hand(&self, name: &str, most: u32) {
        let file = format!("live/{name}.json");
        self.place.json(&file, &live(name, most));
    }

    pub(crate) fn commit(&self) -> String {
        commit(&self.place, "someone@example.org")
    }

    pub(crate) fn run(&self, more: &[&str]) -> Run {
        self.place.run(&[&["drift"], more].concat()).calm()
    }

    pub(crate) fn json(&self, more: &[&str], code: i32) -> Value {
        let line = [&["--format", "json", "--at", DAY_1], more].concat();
        self.run(&line).expect(code).json()
    }

    /// Class and commit of the one item of a cluster; nothing when git and live agree.
    fn judged(&self, name: &str, more: &[&str]) -> (String, String) {
        let set = self.json(&[&[name], more].concat(), 0);
        let items = set["clusters"][0]["report"]["items"].clone();
        let items = items.as_array().expect("items");
        assert!(items.len() <= 1, "{items:?}");
        let Some(item) = items.first() else {
            return (String::new(), String::new());
        };
        let class = item["class"].as_str().expect("a class").to_owned();
        let by = match item["uncommitted"].as_bool() {
            Some(true) => "uncommitted",
            _ => item["change"]["commit"].as_str().unwrap_or(""),
        };
        (class, by.to_owned())
    }

    pub(crate) fn repository(&self) -> git2::Repository {
        git2::Repository::open(self.place.work()).expect("the repository")
    }

    /// The commits of the reports' branch, newest first.
    pub(crate) fn commits(&self) -> Vec<(String, String)> {
        let repository = self.repository();
        let Ok(branch) = repository.find_branch(BRANCH, git2::BranchType::Local) else {
            return Vec::new();
        };
        let mut walk = repository.revwalk().expect("a walk");
        walk.push(branch.get().target().expect("a tip"))
            .expect("a start");
        walk.map(|id| {
            let found = repository
                .find_commit(id.expect("an id"))
                .expect("a commit");
            (
                found.id().to_string(),
                found.message().expect("words").to_owned(),
            )
        })
        .collect()
    }

    /// A file of the branch.
    pub(crate) fn kept(&self, file: &str) -> Option<String> {
        let repository = self.repository();
        let name = format!("refs/heads/{BRANCH}:drift/{file}");
        let object = repository.revparse_single(&name).ok()?;
        let blob = object.peel_to_blob().ok()?;
        Some(String::from_utf8(blob.content().to_vec()).expect("text"))
    }
}

fn pair(class: &str, by: &str) -> (String, String) {
    (class.to_owned(), by.to_owned())
}

#[test]
fn who_moved_is_told_from_gits_history() {
    let grove = Grove::new("");
    let table = grove.run(&[]).expect(0);
    assert_eq!(table.stdout, "No drift.\n");
    // By hand.
    grove.by_hand("alder", 9);
    assert_eq!(grove.judged("alder", &[]), pair("drift", ""));
    grove.run(&["--detailed-exitcode"]).expect(NEW_DRIFT);
    grove.run(&[]).expect(0);
    // In git, and not applied: first in the work tree, then committed.
    grove.git(5);
    assert_eq!(grove.judged("birch", &[]), pair("unapplied", "uncommitted"));
    assert_eq!(grove.judged("alder", &[]), pair("both", "uncommitted"));
    let five = grove.commit();
    assert_eq!(grove.judged("birch", &[]), pair("unapplied", &five));
    assert_eq!(grove.judged("alder", &[]), pair("both", &five));
    grove.run(&["birch", "--detailed-exitcode"]).expect(0);
    // Other commits come and go: it is still that one.
    grove.place.file("notes.md", "nothing\n");
    grove.commit();
    grove.place.file(
        "lib/new.libsonnet",
        &format!("// words\n{}", library("1.33")),
    );
    grove.commit();
    assert_eq!(grove.judged("birch", &[]), pair("unapplied", &five));
    // Applied, and then put back by hand: git knows what was applied.
    assert_eq!(
        grove.judged("birch", &["--base", "HEAD"]),
        pair("drift", "")
    );
    assert_eq!(grove.judged("birch", &["--base", &five]), pair("drift", ""));
    // Reverted in git: the hand that is left is the only one.
    grove.git(3);
    grove.commit();
    assert_eq!(grove.judged("birch", &[]), pair("", ""));
    // Git catches up with what was done by hand.
    grove.git(9);
    grove.commit();
    assert_eq!(grove.judged("alder", &[]), pair("", ""));
}

#[test]
fn a_library_that_is_imported_no_more_counts_as_well() {
    let grove = Grove::new("");
    grove.git(4);
    let four = grove.commit();
    let moved = grove.place.work().join("lib/group.libsonnet");
    let text = read(&moved);
    std::fs::remove_file(&moved).expect("removed");
    grove.place.file("lib/other.libsonnet", &text);
    let library = library("1.33").replace("group.libsonnet", "other.libsonnet");
    grove.place.file("lib/new.libsonnet", &library);
    grove.commit();
    assert_eq!(grove.judged("hazel", &[]), pair("unapplied", &four));
}

#[test]
fn what_git_cannot_tell_is_not_guessed() {
    let grove = Grove::new("");
    grove.by_hand("alder", 9);
    // Not checked out by a branch.
    let repository = grove.repository();
    let head = repository
        .head()
        .expect("a head")
        .target()
        .expect("a commit");
    repository.set_head_detached(head).expect("detached");
    assert_eq!(grove.judged("alder", &[]), pair("drift", ""));
    // A clone that ends here.
    let shallow = grove.place.work().join(".git/shallow");
    std::fs::write(&shallow, format!("{head}\n")).expect("written");
    assert_eq!(grove.judged("alder", &[]), pair("unclassified", ""));
    let said = grove
        .run(&["alder", "--detailed-exitcode"])
        .expect(NEW_DRIFT);
    assert!(
        said.stdout.contains("this clone is shallow"),
        "{}",
        said.stdout
    );
    assert!(said.stdout.contains("1 unclassified."), "{}", said.stdout);
    // What the shallow clone has is enough where git moved within it.
    grove.git(5);
    let five = grove.commit();
    assert_eq!(grove.judged("birch", &[]), pair("unapplied", &five));
    // Outside of git.
    std::fs::remove_dir_all(grove.place.work().join(".git")).expect("removed");
    assert_eq!(
        grove.judged("alder", &["--root", "."]),
        pair("unclassified", "")
    );
    grove
        .run(&["--commit"])
        .refused(&[1], &["this is no git repository", "--out drift"]);
}

#[test]
fn reports_are_committed_only_when_they_change() {
    let grove = Grove::new("");
    grove.by_hand("alder", 9);
    grove.by_hand("birch", 7);
    let head = grove.repository().head().expect("a head").target();
    let first = grove.run(&["--commit", "--at", DAY_1, "--detailed-exitcode"]);
    let first = first.expect(NEW_DRIFT);
    let line = "Drift: 2 new, 0 known, 0 resolved, 0 unapplied, 0 ignored, 0 unread.";
    assert_eq!(first.stdout.lines().next(), Some(line));
    assert_eq!(first.stdout.lines().last(), Some(line));
    let commits = grove.commits();
    assert_eq!(commits.len(), 1);
    let message = &commits[0].1;
    assert!(
        message.starts_with("drift: 2 new in 8 clusters\n\n"),
        "{message}"
    );
    for words in [
        "new: alder: nodegroup core-a maxSize: git 3, live 9\n",
        "\nDrift-New: 2\n",
        &format!("\nConfig-Revision: {}", head.expect("a commit")),
    ] {
        assert!(message.contains(words), "{words:?} is missing in {message}");
    }
    // Nothing changed: no commit, another day.
    let second = grove.run(&["--commit", "--at", DAY_2, "--detailed-exitcode"]);
    let second = second.expect(0);
    assert!(
        second.stderr.contains("No report has changed"),
        "{}",
        second.stderr
    );
    assert!(
        second
            .stdout
            .starts_with("Drift: 0 new, 2 known, 0 resolved")
    );
    assert_eq!(grove.commits().len(), 1);
    // One is mended, one goes on.
    let before = grove.kept("birch.json");
    grove.by_hand("alder", 3);
    let third = grove.run(&["--commit", "--at", DAY_3]).expect(0);
    assert!(
        third
            .stdout
            .starts_with("Drift: 0 new, 1 known, 1 resolved")
    );
    assert!(
        third.stdout.contains("- resolved nodegroup core-a maxSize"),
        "{}",
        third.stdout
    );
    let message = &grove.commits()[0].1;
    assert!(
        message.starts_with("drift: 1 resolved in 1 cluster\n\nresolved: alder: "),
        "{message}"
    );
    assert_eq!(grove.kept("birch.json"), before);
    assert!(before.is_some_and(|text| text.contains(&format!("\"first_seen\": \"{DAY_1}\""))));
    // The work tree knows nothing of it.
    assert!(!grove.place.work().join("drift").exists());
    assert_eq!(grove.repository().head().expect("a head").target(), head);
}

#[test]
fn without_commit_the_branch_is_what_is_compared_with() {
    let grove = Grove::new("");
    grove.by_hand("birch", 7);
    grove.run(&["--commit", "--at", DAY_1]).expect(0);
    // Without --commit the branch is what is compared with.
    let plain = grove.run(&["--at", DAY_3, "--detailed-exitcode"]).expect(0);
    assert!(
        plain
            .stderr
            .contains("Compared with the reports in stairway/drift:drift"),
        "{}",
        plain.stderr
    );
    assert!(
        plain
            .stdout
            .starts_with("Drift: 0 new, 1 known, 0 resolved")
    );
    assert_eq!(grove.commits().len(), 1);
}

#[test]
fn one_changed_value_changes_its_lines_and_no_others() {
    let grove = Grove::new("");
    for name in NAMES {
        grove.by_hand(name, 9);
    }
    grove.run(&["--commit", "--at", DAY_1]).expect(0);
    let files = |grove: &Grove| -> Vec<(String, String)> {
        let names = NAMES
            .iter()
            .flat_map(|name| ["json", "md"].map(|e| format!("{name}.{e}")));
        names
            .chain(["README.md".to_owned()])
            .map(|file| (file.clone(), grove.kept(&file).expect("a file")))
            .collect()
    };
    let before = files(&grove);
    grove.by_hand("hazel", 8);
    grove.run(&["--commit", "--at", DAY_2]).expect(0);
    let mut changed = Vec::new();
    for ((file, old), (_, new)) in before.iter().zip(files(&grove)) {
        assert_eq!(old.lines().count(), new.lines().count(), "{file}");
        let lines = old
            .lines()
            .zip(new.lines())
            .filter(|(one, other)| one != other);
        changed.extend(lines.map(|(_, line)| {
            let word: String = line.trim().chars().take_while(|c| *c != ':').collect();
            format!("{file} {word}")
        }));
    }
    assert_eq!(
        changed,
        [
            "hazel.json \"fingerprint\"",
            "hazel.json \"first_seen\"",
            "hazel.json \"live\"",
            "hazel.md - `nodegroup core-a maxSize`",
        ]
    );
}

#[test]
fn eight_committers_at_once_lose_nothing() {
    let grove = Grove::new("");
    for name in NAMES {
        grove.by_hand(name, 9);
    }
    let children: Vec<_> = NAMES
        .iter()
        .map(|name| {
            let mut command = grove
                .place
                .command(&["drift", name, "--commit", "--at", DAY_1]);
            command.stdout(std::process::Stdio::piped());
            command.stderr(std::process::Stdio::piped());
            command.spawn().expect("it starts")
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(said.contains("Committed "), "{said}");
    }
    assert_eq!(grove.commits().len(), NAMES.len());
    let page = grove.kept("README.md").expect("the page of the fleet");
    assert!(
        page.contains("8 drifted, 0 unapplied, 0 ignored on 8 clusters; 0 not read."),
        "{page}"
    );
    for name in NAMES {
        let report = grove.kept(&format!("{name}.json")).expect("a report");
        assert!(report.contains("\"live\": \"9\""), "{report}");
        assert!(
            page.contains(&format!("| [{name}]({name}.md) | 1 | 0 |")),
            "{page}"
        );
    }
    // And the whole fleet at once finds nothing to add.
    grove.run(&["--commit", "--at", DAY_2]).expect(0);
    assert_eq!(grove.commits().len(), NAMES.len());
}

#[test]
fn ignored_drift_is_listed_until_the_rule_runs_out() {
    let rule = "ignore: [{path: nodegroup core-*.maxSize, cluster: alder, reason: a load test, owner: ops, expires: 2026-09-02}]\n";
    let grove = Grove::new(rule);
    grove.by_hand("alder", 9);
    let set = grove.json(&["alder", "--detailed-exitcode"], 0);
    let item = &set["clusters"][0]["report"]["items"][0];
    assert_eq!(
        (&item["class"], &item["ignored"]["owner"]),
        (&json!("ignored"), &json!("ops"))
    );
    assert_eq!(set["summary"]["ignored"], 1);
    // The day comes: always 3, and what was ignored is drift.
    let run = grove.run(&["--at", DAY_3]).expect(EXPIRED);
    assert!(run.stdout.starts_with("Drift: 1 new,"), "{}", run.stdout);
    assert!(
        run.stdout.contains("1 ignore rule expired."),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout
            .contains("! the ignore rule `nodegroup core-*.maxSize` of ops ran out on 2026-09-02"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_cluster_that_cannot_be_read_keeps_its_report() {
    let grove = Grove::new("");
    grove.by_hand("alder", 9);
    grove.run(&["--commit", "--at", DAY_1]).expect(0);
    std::fs::remove_file(grove.place.work().join("live/alder.json")).expect("removed");
    let lost = grove.run(&["--commit", "--at", DAY_2, "--detailed-exitcode"]);
    let lost = lost.expect(INCOMPLETE);
    assert!(
        lost.stdout
            .starts_with("Drift: 0 new, 1 known, 0 resolved, 0 unapplied, 0 ignored, 1 unread.")
    );
    assert!(
        lost.stdout
            .contains("It could not be read (its file cannot be read)"),
        "{}",
        lost.stdout
    );
    let kept: Value =
        serde_json::from_str(&grove.kept("alder.json").expect("a report")).expect("JSON");
    assert_eq!(kept["read"], "failed: its file cannot be read");
    assert_eq!(kept["items"][0]["live"], "9");
    // Still not there: nothing changes.
    grove.run(&["--commit", "--at", DAY_3]).expect(INCOMPLETE);
    assert_eq!(grove.commits().len(), 2);
    // Back again.
    grove.by_hand("alder", 9);
    let back = grove
        .run(&["--commit", "--at", DAY_3, "--detailed-exitcode"])
        .expect(0);
    assert!(
        back.stdout.starts_with("Drift: 0 new, 1 known, 0 resolved"),
        "{}",
        back.stdout
    );
    // A config that cannot be read is an error of its own, and its report stays as well.
    grove.place.file("clusters/alder.jsonnet", "{");
    let broken = grove.run(&["--commit", "--at", DAY_3]).expect(1);
    assert!(
        broken.stdout.contains("0 new, 1 known, 0 resolved"),
        "{}",
        broken.stdout
    );
    assert!(
        grove
            .kept("alder.json")
            .expect("a report")
            .contains("failed: its config cannot be read")
    );
}

#[test]
fn facts_that_were_not_read_resolve_nothing() {
    let grove = Grove::new("");
    grove
        .place
        .run(&["observe", "alder", "--out", "seen"])
        .expect(0);
    let path = grove.place.work().join("seen/alder.observed.json");
    let mut seen: Value = serde_json::from_str(&read(&path)).expect("an observation");
    seen["nodegroups"][0]["spec"]["maxSize"] = json!(9);
    let write = |seen: &Value| std::fs::write(&path, seen.to_string()).expect("written");
    write(&seen);
    let line = [
        "clusters/alder.jsonnet",
        "--live",
        "seen/alder.observed.json",
        "--out",
        "drift",
        "--at",
    ];
    let run = |day: &str| grove.run(&[&line[..], &[day]].concat());
    run(DAY_1).expect(0);
    let whole = seen["nodegroups"].take();
    seen["nodegroups"] = json!({"$unknown": "AccessDenied at 12:03"});
    write(&seen);
    let blind = run(DAY_2).expect(INCOMPLETE);
    assert!(
        blind
            .stdout
            .starts_with("Drift: 0 new, 1 known, 0 resolved, 0 unapplied, 0 ignored, 1 unread."),
        "{}",
        blind.stdout
    );
    assert!(
        blind.stdout.contains("not read: nodegroups"),
        "{}",
        blind.stdout
    );
    let report = read(&grove.place.work().join("drift/alder.json"));
    assert!(
        report.contains("\"unread\": true") && !report.contains("AccessDenied"),
        "{report}"
    );
    seen["nodegroups"] = whole;
    write(&seen);
    let back = run(DAY_3).expect(0);
    assert!(
        back.stdout.starts_with("Drift: 0 new, 1 known, 0 resolved"),
        "{}",
        back.stdout
    );
}

#[test]
fn clusters_that_left_the_fleet_are_removed_when_all_of_it_was_seen() {
    let grove = Grove::new("");
    grove.run(&["--out", "drift", "--at", DAY_1]).expect(0);
    let report = grove.place.work().join("drift/rowan.json");
    let page = || read(&grove.place.work().join("drift/README.md"));
    assert!(report.exists() && page().contains("on 8 clusters"));
    let text = read(&grove.place.work().join("fleet.yaml"));
    let without: String = text
        .lines()
        .filter(|line| !line.contains("rowan"))
        .map(|line| format!("{line}\n"))
        .collect();
    grove.place.file("fleet.yaml", &without);
    grove.place.file("drift/notes.txt", "mine");
    for part in [
        ["alder"].as_slice(),
        &["--shard", "1/2"],
        &["--exclude", "birch"],
    ] {
        grove
            .run(&[part, &["--out", "drift", "--at", DAY_2]].concat())
            .expect(0);
        assert!(report.exists(), "{part:?}");
    }
    grove.run(&["--out", "drift", "--at", DAY_2]).expect(0);
    assert!(!report.exists() && page().contains("on 7 clusters"));
    assert_eq!(read(&grove.place.work().join("drift/notes.txt")), "mine");
}

#[test]
fn earlier_reports_that_cannot_be_used_are_left_alone() {
    let grove = Grove::new("");
    grove.by_hand("alder", 9);
    grove.by_hand("birch", 9);
    let line = ["--out", "drift", "--at", DAY_1];
    grove.run(&line).expect(0);
    let path = grove.place.work().join("drift/alder.json");
    let good = read(&path);
    let rows = [
        (good[..good.len() / 2].to_owned(), "it is no JSON"),
        (String::new(), "it is no JSON"),
        (good.replace("DriftReport", "Plan"), "its kind is `Plan`"),
        (
            good.replace("\"format_version\": 1", "\"format_version\": 7"),
            "drift format `7`, and this build reads format 1",
        ),
        (
            good.replace("\"alder\"", "\"other\""),
            "it is about the cluster `other`",
        ),
        (
            good.replace("\"first_seen\": \"2026", "\"first_seen\": \"long ago 2026"),
            "wrong shape",
        ),
        ("[".repeat(1 << 20), "it is no JSON"),
        (" ".repeat((16 << 20) + 1), "drift/alder.json"),
    ];
    for (text, words) in rows {
        std::fs::write(&path, &text).expect("written");
        grove.by_hand("birch", 8);
        let run = grove.run(&line).expect(1);
        let said: Vec<&str> = run.stdout.split_whitespace().collect();
        assert!(said.join(" ").contains(words), "{words}: {}", run.stdout);
        assert_eq!(read(&path), text, "{words}: it is not touched");
        // The others go on.
        let other = read(&grove.place.work().join("drift/birch.json"));
        assert!(other.contains("\"live\": \"8\""), "{other}");
        let page = read(&grove.place.work().join("drift/README.md"));
        let row = "| [alder](alder.md) | ? | ? | ? | ? | ? | ? | ? | report cannot be read |";
        assert!(page.contains(row), "{page}");
        // What live is now is told all the same.
        let live = "+ new drift nodegroup core-a maxSize: git 3, live 9";
        for told in [
            live,
            "The last report cannot be read: all drift counts as new",
            "Not kept: alder",
        ] {
            assert!(run.stdout.contains(told), "{told}: {}", run.stdout);
        }
    }
    std::fs::remove_file(&path).expect("removed");
    grove.run(&line).expect(0);
    assert_eq!(read(&path), good);
}

#[test]
fn what_is_written_and_printed_fits_its_schema() {
    let grove = Grove::new("");
    grove.by_hand("alder", 9);
    grove.git(4);
    grove.commit();
    let valid = |name: &str, value: &Value| {
        let schema = grove.place.run(&["schema", name]).expect(0).json();
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        let errors: Vec<String> = validator
            .iter_errors(value)
            .map(|e| e.to_string())
            .collect();
        assert!(errors.is_empty(), "{name}: {errors:?}");
    };
    valid("driftset", &grove.json(&["--out", "drift"], 0));
    for name in NAMES {
        let report = read(&grove.place.work().join(format!("drift/{name}.json")));
        let report: Value = serde_json::from_str(&report).expect("JSON");
        assert_eq!(report["kind"], "DriftReport");
        valid("drift", &report);
    }
}

#[test]
fn no_secret_is_reported() {
    let grove = Grove::new("");
    let secret = |place: &str| format!("s3cr3t-{place}-5f0c1d");
    let script = |place: &str| format!("#!/bin/bash\nexport TOKEN={}\n", secret(place));
    let with = |place: &str| {
        let mut config = live("alder", 3);
        let group = &mut config["managedNodeGroups"][0];
        group["preBootstrapCommands"] = json!([script(place)]);
        group["overrideBootstrapCommand"] = json!(script(place));
        config["addons"] = json!([{"name": "coredns", "version": "v1.11.4-eksbuild.2",
            "configurationValues": format!("{{\"token\": \"{}\"}}", secret(place))}]);
        config
    };
    grove
        .place
        .file("clusters/alder.jsonnet", &with("older").to_string());
    grove.commit();
    grove
        .place
        .file("clusters/alder.jsonnet", &with("git").to_string());
    grove.place.json("live/alder.json", &with("live"));
    let mut said = String::new();
    for format in ["table", "json", "markdown"] {
        let run = grove
            .run(&["alder", "--commit", "--format", format, "--at", DAY_1])
            .expect(0);
        said.push_str(&run.stdout);
        said.push_str(&run.stderr);
    }
    for file in ["alder.json", "alder.md", "README.md"] {
        said.push_str(&grove.kept(file).expect("a file"));
    }
    said.push_str(&grove.commits()[0].1);
    assert!(
        said.contains("preBootstrapCommands") && said.contains("configurationValues"),
        "{said}"
    );
    assert!(!said.contains("s3cr3t"), "{said}");
}
