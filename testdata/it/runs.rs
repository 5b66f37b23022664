//! Whole runs with the real binary on the embedded world: kills, two at once, every refusal.

use crate::approve::Desk;
use crate::support::{DEMO_FLEET, Place, Run, demo, names_in, read, wait_for, wait_for_end, write};
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Child, Stdio};

const WORLD: &str = "testdata/demo/worlds/demo.yaml";
const STOPPED: i32 = 4;
const REFUSED: i32 = 5;
pub(crate) const PAUSED: i32 = 7;
/// A run pauses once per bake and per wait for people; one that goes on after so many has no end.
const PAUSES_MAX: usize = 60;

/// A clone of the demo fleet whose tools answer at once, and its plans.
pub(crate) struct Scene {
    pub(crate) place: Place,
}

impl Scene {
    pub(crate) fn new(pace: u32) -> Self {
        let place = demo();
        let world = read(&place.work().join(WORLD));
        let other = world.replacen("pace: 20", &format!("pace: {pace}"), 1);
        assert_ne!(other, world);
        place.file(WORLD, &other);
        // Signatures have tests of their own.
        let fleet = read(&place.work().join(DEMO_FLEET));
        let free = fleet.replacen("approvals: {required: 1", "approvals: {required: 0", 1);
        assert_ne!(free, fleet);
        // So have waves.
        let free: Vec<&str> = free.lines().filter(|line| !line.contains("wave")).collect();
        place.file(DEMO_FLEET, &free.join("\n"));
        let scene = Self { place };
        scene.plan();
        scene
    }

    pub(crate) fn plan(&self) {
        let run = self
            .place
            .run(&["plan", "--fleet", DEMO_FLEET, "--out", "plans"]);
        run.expect(0);
    }

    pub(crate) fn id(&self, cluster: &str) -> String {
        let names = names_in(&self.place.work().join("plans"));
        let mut found = names
            .into_iter()
            .filter(|name| name.starts_with(&format!("{cluster}-")));
        found.next().expect("a plan")
    }

    pub(crate) fn dir(&self, cluster: &str) -> PathBuf {
        self.place.work().join("plans").join(self.id(cluster))
    }

    pub(crate) fn run(&self, command: &str, cluster: &str, more: &[&str]) -> Run {
        let id = self.id(cluster);
        let line = [command, &id, "--fleet", DEMO_FLEET];
        self.place.run(&[&line, more].concat())
    }

    pub(crate) fn apply(&self, cluster: &str, more: &[&str]) -> Run {
        let digest = approve(&self.id(cluster));
        self.run(
            "apply",
            cluster,
            &[&[digest.as_str(), "--no-input"], more].concat(),
        )
    }

    pub(crate) fn journal(&self, cluster: &str) -> String {
        let path = self.dir(cluster).join("journal.ndjson");
        if path.exists() {
            read(&path)
        } else {
            String::new()
        }
    }

    /// Begins a run in a process of its own and returns when its journal holds `until`.
    pub(crate) fn begin(&self, cluster: &str, until: &str) -> Child {
        let id = self.id(cluster);
        let digest = approve(&id);
        let line = ["apply", &id, "--fleet", DEMO_FLEET, &digest, "--no-input"];
        let mut child = self
            .place
            .command(&line)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        wait_for(&format!("`{until}` in the journal of {cluster}"), || {
            // Looked at first: what ended has written all that it will.
            let over = child.try_wait().expect("a child").is_some();
            let journal = self.journal(cluster);
            if journal.contains(until) {
                return Ok(());
            }
            assert!(!over, "the run is over without `{until}`: {journal}");
            Err(journal)
        });
        child
    }

    /// What a cluster of the world is, without clocks and counters.
    pub(crate) fn essence(&self, cluster: &str) -> Vec<String> {
        let run = self.place.run(&["observe", cluster, "--fleet", DEMO_FLEET]);
        let seen = run.expect(0).json();
        let seen = if seen.is_array() {
            seen[0].clone()
        } else {
            seen
        };
        let mut facts = vec![seen["control_plane"]["version"].to_string()];
        for group in seen["nodegroups"].as_array().expect("groups") {
            let spec = &group["spec"];
            facts.push(format!(
                "{} {} {} {} {} {}",
                group["name"],
                group["status"],
                group["version"],
                spec["minSize"],
                spec["maxSize"],
                spec["taints"]
            ));
        }
        for addon in seen["addons"].as_array().into_iter().flatten() {
            facts.push(format!(
                "{} {} {}",
                addon["name"], addon["status"], addon["version"]
            ));
        }
        for stack in seen["stacks"].as_array().into_iter().flatten() {
            facts.push(format!("{} {}", stack["name"], stack["status"]));
        }
        facts.sort();
        facts
    }

    /// Resumes until the run is over; pauses are waited out in virtual time.
    pub(crate) fn to_the_end(&self, cluster: &str) {
        for _ in 0..PAUSES_MAX {
            let run = self.apply(cluster, &["--resume"]);
            match run.code {
                0 => return,
                PAUSED => {
                    let passed = self.place.run(&["world", "advance", WORLD, "12h"]);
                    passed.expect(0);
                }
                REFUSED if run.stderr.contains("run to its end") => return,
                _ => panic!("exit {}: {}", run.code, run.stderr),
            }
        }
        panic!("{PAUSES_MAX} pauses and no end: {}", self.journal(cluster));
    }
}

pub(crate) fn approve(id: &str) -> String {
    let digits = id.rsplit('-').next().expect("a digest");
    format!("--approve={digits}")
}

/// The clusters of the demo whose plans have something to run and end by themselves.
const RUNS: [&str; 4] = ["harbor", "meadow", "delta", "glacier"];

#[test]
fn plans_are_applied_and_leave_nothing_to_plan() {
    let scene = Scene::new(0);
    for cluster in RUNS {
        let dry = scene.run("apply", cluster, &[]).expect(0);
        assert!(dry.stdout.contains("Would apply plan"), "{}", dry.stdout);
        assert!(
            scene.journal(cluster).is_empty(),
            "a dry run wrote a journal"
        );
        let run = scene.apply(cluster, &[]);
        match run.code {
            0 => {}
            PAUSED => scene.to_the_end(cluster),
            code => panic!("{cluster}: exit {code}: {}", run.stderr),
        }
        let again = scene
            .place
            .run(&["plan", cluster, "--fleet", DEMO_FLEET, "--format", "json"]);
        let steps = again.expect(0).json()["clusters"][0]["steps"].clone();
        assert_eq!(
            steps.as_array().map(Vec::len),
            Some(0),
            "{cluster}: {steps}"
        );
        let status = scene
            .run("status", cluster, &["--format", "json"])
            .expect(0)
            .json();
        assert_eq!(status["state"], "done", "{cluster}: {status}");
    }
}

/// When a process is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// While it starts.
    AtOnce,
    /// Its journal has so many more lines.
    Events(usize),
    /// One more tool has begun to write its log: in the middle of an action.
    Tool,
}

/// Each kind of event of a journal is the last one before a kill at some of these, in turn.
const MOMENTS: [Moment; 7] = [
    Moment::Events(1),
    Moment::Tool,
    Moment::Events(2),
    Moment::AtOnce,
    Moment::Events(3),
    Moment::Tool,
    Moment::Events(5),
];

/// How often a run is killed at the most before it may go to its end.
const KILLS_MAX: usize = 25;

impl Scene {
    /// How many lines the journal has, and how many logs tools have begun.
    fn traces(&self, cluster: &str) -> (usize, usize) {
        let logs = self.dir(cluster).join("logs");
        let logs = if logs.exists() {
            names_in(&logs).len()
        } else {
            0
        };
        (self.journal(cluster).lines().count(), logs)
    }

    /// Kills a process at a moment; returns false when it ended before.
    fn kill_at(&self, cluster: &str, moment: Moment, child: &mut Child) -> bool {
        let (lines, logs) = self.traces(cluster);
        let ended = wait_for(&format!("{moment:?} of {cluster}"), || {
            let over = child.try_wait().expect("a child").is_some();
            let (lines_now, logs_now) = self.traces(cluster);
            let come = match moment {
                Moment::AtOnce => true,
                Moment::Events(more) => lines_now >= lines + more,
                Moment::Tool => logs_now > logs,
            };
            if come || over {
                return Ok(over);
            }
            Err(format!("{lines_now} lines and {logs_now} logs"))
        });
        if !ended {
            child.kill().expect("killed");
        }
        wait_for_end("the killed process to end", child);
        !ended
    }
}

/// Law 4 with the real binary: SIGKILL at any moment, resumed by another process, the same end.
#[test]
fn a_run_that_is_killed_again_and_again_ends_like_one_that_is_not() {
    let cluster = "glacier";
    let smooth = Scene::new(0);
    let first = smooth.apply(cluster, &[]);
    if first.code != 0 {
        assert_eq!(first.code, PAUSED, "{}", first.stderr);
        smooth.to_the_end(cluster);
    }
    let rough = Scene::new(1);
    let id = rough.id(cluster);
    let digest = approve(&id);
    let mut killed = 0;
    let mut begun = false;
    for moment in MOMENTS.into_iter().cycle().take(KILLS_MAX) {
        let mut line = vec!["apply", &id, "--fleet", DEMO_FLEET, &digest, "--no-input"];
        if begun {
            line.push("--resume");
        }
        let mut child = rough
            .place
            .command(&line)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        killed += usize::from(rough.kill_at(cluster, moment, &mut child));
        begun = begun || rough.journal(cluster).contains("run-started");
        let status = rough
            .run("status", cluster, &["--format", "json"])
            .expect(0);
        let state = status.json()["state"].as_str().expect("a state").to_owned();
        if state == "done" {
            break;
        }
        if state == "paused" {
            let passed = rough.place.run(&["world", "advance", WORLD, "12h"]);
            passed.expect(0);
        }
    }
    assert!(
        killed > MOMENTS.len(),
        "only {killed} processes were killed"
    );
    assert!(begun, "nothing was ever begun");
    rough.to_the_end(cluster);
    assert_eq!(rough.essence(cluster), smooth.essence(cluster));
}

/// The kernel's lock: one wins, the other says who has it.
#[test]
fn of_two_runs_at_once_one_wins_and_the_other_exits_5_and_says_who_holds_the_lock() {
    let scene = Scene::new(120);
    let id = scene.id("harbor");
    let mut first = scene.begin("harbor", "run-started");
    let digest = approve(&id);
    let line = ["apply", &id, "--fleet", DEMO_FLEET, &digest, "--no-input"];
    let second = scene
        .place
        .run(&line)
        .refused(&[REFUSED], &["holds", "since", &id]);
    let pid = first.id().to_string();
    assert!(
        second.stderr.contains(&pid),
        "{pid} is not named: {}",
        second.stderr
    );
    first.kill().expect("killed");
    first.wait().expect("gone");
    scene.to_the_end("harbor");
}

/// Everything that stops an apply before it begins: exit 5, the fact, and nothing done.
#[test]
fn what_does_not_fit_is_refused_and_nothing_is_done() {
    let scene = Scene::new(0);
    let untouched = scene.essence("harbor");
    let nothing = |scene: &Scene, what: &str| {
        assert!(
            scene.journal("harbor").is_empty(),
            "{what}: a journal was written"
        );
        assert_eq!(scene.essence("harbor"), untouched, "{what}");
    };
    let plan = scene.dir("harbor").join("plan.json");
    let whole = read(&plan);

    write(&plan, &whole.replacen("1.34", "1.35", 1));
    scene
        .apply("harbor", &[])
        .refused(&[REFUSED], &["changed after it was made"]);
    nothing(&scene, "a changed byte");
    write(&plan, &whole);

    let other = scene.run("apply", "harbor", &["--approve=000000000000", "--no-input"]);
    other.refused(&[REFUSED], &["digest"]);
    nothing(&scene, "another digest");
    let short = scene.run("apply", "harbor", &["--approve=0000", "--no-input"]);
    short.refused(&[REFUSED], &["12"]);
    let silent = scene.run("apply", "harbor", &["--approve", "--no-input"]);
    silent.refused(&[REFUSED], &["without a terminal"]);
    nothing(&scene, "no confirmation");

    let resumed = scene.apply("harbor", &["--resume"]);
    resumed.refused(&[REFUSED], &["no run of it was begun"]);
    nothing(&scene, "nothing to resume");

    // Somebody else upgrades the cluster between plan and apply.
    let eksctl = scene.place.work().join("../eksctl");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_stairway"), &eksctl).expect("a link");
    let hop = std::process::Command::new(&eksctl)
        .args([
            "upgrade",
            "cluster",
            "-n",
            "harbor",
            "-r",
            "us-west-2",
            "--version",
            "1.34",
            "--approve",
        ])
        .env_clear()
        .env("STAIRWAY_WORLD", scene.place.work().join(WORLD))
        .env("STAIRWAY_CLUSTER", "harbor")
        .output()
        .expect("the stand-in runs");
    assert!(
        hop.status.success(),
        "{}",
        String::from_utf8_lossy(&hop.stderr)
    );
    let moved = scene.apply("harbor", &[]);
    moved.refused(&[REFUSED], &["starts from 1.33", "1.34"]);
    assert!(
        scene.journal("harbor").is_empty(),
        "moved: a journal was written"
    );
}

#[test]
fn a_plan_for_another_cluster_and_a_preview_are_refused() {
    let scene = Scene::new(0);
    // The same name in another account: recorded elsewhere, applied here.
    let path = "testdata/demo/recorded/harbor.observed.json";
    let text = read(&scene.place.work().join(path));
    let foreign = text.replace("111122223333", "999999999999");
    assert_ne!(foreign, text);
    scene.place.file(path, &foreign);
    scene.place.run(&["world", "reset", WORLD]).expect(0);
    let run = scene.apply("harbor", &[]);
    run.refused(&[REFUSED], &["111122223333", "999999999999"]);
    assert!(scene.journal("harbor").is_empty());

    let preview = scene.place.run(&[
        "plan",
        "testdata/demo/clusters/harbor.jsonnet",
        "--live",
        "testdata/demo/live/harbor.jsonnet",
        "--out",
        "previews",
    ]);
    preview.expect(0);
    let id = names_in(&scene.place.work().join("previews"))
        .into_iter()
        .find(|name| name.starts_with("harbor-"))
        .expect("a preview");
    let line = ["apply", &id, "--dir", "previews", "--fleet", DEMO_FLEET];
    scene.place.run(&line).refused(&[REFUSED], &["preview"]);
}

/// The plans that git no longer gives: another render is another plan.
#[test]
fn a_config_that_changed_since_the_plan_is_refused() {
    let scene = Scene::new(0);
    let cluster = "glacier";
    let config = format!("testdata/demo/clusters/{cluster}.jsonnet");
    let text = read(&scene.place.work().join(&config));
    let changed = text.replacen("r7i", "r6i", 1).replacen("r5", "r6i", 1);
    assert_ne!(changed, text, "{text}");
    scene.place.file(&config, &changed);
    let run = scene.apply(cluster, &[]);
    run.refused(&[REFUSED], &["renders to something else"]);
    assert!(scene.journal(cluster).is_empty());
}

/// Signatures: none, foreign, revoked, enough, and used up.
#[test]
fn approvals_are_counted_and_used_up() {
    let desk = Desk::new("{required: 1, notAuthor: true, expires: 72h}");
    let digest = approve(&desk.plan);
    let apply = |more: &[&str]| {
        let line = [
            "apply",
            &desk.plan,
            "--fleet",
            DEMO_FLEET,
            &digest,
            "--no-input",
        ];
        desk.place.run(&[&line, more].concat())
    };
    apply(&[]).refused(&[REFUSED], &["0 of 1 approvals"]);
    desk.sign("ann", &[]).expect(0);
    desk.sign("ann", &["--revoke"]).expect(0);
    apply(&[]).refused(&[REFUSED], &["0 of 1 approvals", "revoked"]);
    desk.sign("bob", &[]).expect(0);
    let folder = desk.folder();
    let kept: Vec<(String, String)> = names_in(&folder)
        .into_iter()
        .map(|name| (name.clone(), read(&folder.join(name))))
        .collect();
    // A byte of a signed statement is another statement.
    for (name, text) in kept.iter().filter(|(name, _)| name.ends_with(".json")) {
        write(
            &folder.join(name),
            &text.replacen("Approval", "Approvam", 1),
        );
    }
    apply(&[]).refused(&[REFUSED], &["0 of 1 approvals"]);
    for (name, text) in &kept {
        write(&folder.join(name), text);
    }
    let run = apply(&[]);
    assert!(
        [0, PAUSED].contains(&run.code),
        "exit {}: {}",
        run.code,
        run.stderr
    );
    // A copy of the plan and its approvals in a fresh clone without the journal: used up all the same.
    let dir = desk.place.work().join("plans").join(&desk.plan);
    let journal = dir.join("journal.ndjson");
    let gone = read(&journal);
    std::fs::remove_file(&journal).expect("removed");
    let again = apply(&[]);
    assert_eq!(again.code, REFUSED, "{}", again.stderr);
    write(&journal, &gone);
    let again = apply(&[]);
    assert_eq!(again.code, REFUSED, "{}", again.stderr);
}

/// A journal that was tampered with is not believed; half a last line is.
#[test]
fn journals_that_cannot_be_believed_are_told_with_their_line() {
    let scene = Scene::new(0);
    let run = scene
        .place
        .run(&["world", "break", WORLD, "harbor", "update-reverted"]);
    run.expect(0);
    let run = scene.apply("harbor", &[]);
    assert_eq!(run.code, STOPPED, "{}", run.stderr);
    assert!(run.stderr.contains("reverted"), "{}", run.stderr);
    let path = scene.dir("harbor").join("journal.ndjson");
    let whole = read(&path);
    let status = scene.run("status", "harbor", &[]).expect(0);
    assert!(status.stdout.contains("failed"), "{}", status.stdout);

    write(&path, &whole.replacen("\"attempt\":1", "\"attempt\":2", 1));
    scene
        .run("status", "harbor", &[])
        .refused(&[1, REFUSED], &["journal.ndjson", "line"]);
    let half = &whole[..whole.len() - 20];
    write(&path, half);
    scene.run("status", "harbor", &[]).expect(0);
    write(&path, &whole);
    scene.to_the_end("harbor");
}

/// The way back of the README, taken, and the journal of the first run closed.
#[test]
fn a_rollback_reaches_the_earlier_state_and_the_plan_cannot_run_again() {
    let scene = Scene::new(0);
    let before = scene.essence("harbor");
    scene.apply("harbor", &[]).expect(0);
    assert_ne!(scene.essence("harbor"), before);
    let shown = scene
        .run("rollback", "harbor", &["--format", "json"])
        .expect(0);
    let digest = shown.json()["clusters"][0]["digest"]
        .as_str()
        .expect("a digest")[7..19]
        .to_owned();
    let taken = scene.run(
        "rollback",
        "harbor",
        &[&format!("--approve={digest}"), "--no-input"],
    );
    taken.expect(0);
    assert_eq!(scene.essence("harbor"), before);
    let first = scene.dir_of_upgrade();
    let status = scene
        .place
        .run(&["status", &first, "--fleet", DEMO_FLEET, "--format", "json"]);
    assert_eq!(status.expect(0).json()["state"], "rolled-back");
    let line = [
        "apply",
        &first,
        "--fleet",
        DEMO_FLEET,
        &approve(&first),
        "--no-input",
        "--resume",
    ];
    scene.place.run(&line).refused(&[REFUSED], &[]);
}

impl Scene {
    /// The id of harbor's upgrade, among plans of ways back.
    fn dir_of_upgrade(&self) -> String {
        let plans = self.place.work().join("plans");
        names_in(&plans)
            .into_iter()
            .filter(|name| name.starts_with("harbor-"))
            .find(|name| {
                let text = read(&plans.join(name).join("plan.json"));
                let plan: Value = serde_json::from_str(&text).expect("a plan");
                plan["rollback"] == Value::Bool(false)
            })
            .expect("the upgrade")
    }
}

/// A lost journal: nothing is taken for done that is not seen, and nothing is done twice.
#[test]
fn a_lost_journal_is_adopted() {
    let scene = Scene::new(40);
    let mut child = scene.begin("harbor", "run-started");
    child.kill().expect("killed");
    child.wait().expect("gone");
    let lock = scene
        .place
        .work()
        .join("testdata/demo/worlds/.stairway/harbor.lock");
    let content: Value = serde_json::from_str(&read(&lock)).expect("a lock");
    let held = content["id"].as_str().expect("an id");
    scene
        .run("apply", "harbor", &["--unlock", "0000"])
        .refused(&[REFUSED], &[held]);
    scene.run("apply", "harbor", &["--unlock", held]).expect(0);
    scene.to_the_end("harbor");
}
