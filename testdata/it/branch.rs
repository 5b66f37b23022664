//! Plans, approvals and journals on a branch: two clones, one bare remote, one world, the real binary.

use crate::approve::{key, signer};
use crate::runs::{PAUSED, approve};
use crate::support::{DEMO_CLUSTERS, DEMO_FLEET, Place, Run, read, wait_for, wait_for_end, write};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const WORLD: &str = "testdata/demo/worlds/demo.yaml";
const STATE: &str = "testdata/demo/worlds/.stairway";
const STORE: [&str; 2] = ["--store", "branch:runs"];
const STOPPED: i32 = 4;
const REFUSED: i32 = 5;
const USAGE: i32 = 64;
/// A run pauses once per bake and wait; a push of a killed process may still arrive.
const TRIES_MAX: usize = 60;

/// Runs git as somebody without settings.
fn ran(folder: &Path, words: &[&str]) -> (bool, String) {
    let mut command = Command::new("git");
    command.args(words).current_dir(folder);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null");
    command.env("GIT_CONFIG_NOSYSTEM", "1");
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "Ann");
        command.env(format!("GIT_{who}_EMAIL"), "ann@example.org");
    }
    let output = command.output().expect("git runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    let both = text(output.stdout.clone()) + &text(output.stderr);
    let out = if output.status.success() {
        text(output.stdout).trim_end().to_owned()
    } else {
        both
    };
    (output.status.success(), out)
}

fn git(folder: &Path, words: &[&str]) -> String {
    let (ok, out) = ran(folder, words);
    assert!(ok, "git {words:?}: {out}");
    out
}

/// A bare remote, two clones of it that share one world, and a place for wrappers.
struct Scene {
    folder: tempfile::TempDir,
    one: Place,
    two: Place,
}

impl Scene {
    /// The demo fleet without waves, signatures as told, its plans on the branch `runs`.
    fn new(pace: u32, approvals: &str) -> Self {
        let scene = Self::unplanned(pace, approvals);
        let line = ["plan", "--fleet", DEMO_FLEET];
        let run = scene.one.run(&[&line, STORE.as_slice()].concat()).expect(0);
        let told = "Put the plans on the branch `runs` of `origin`";
        assert!(run.stderr.contains(told), "{}", run.stderr);
        scene
    }

    fn unplanned(pace: u32, approvals: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let seed = Place::new();
        seed.copy("testdata/demo");
        seed.copy("templates");
        let world = read(&seed.work().join(WORLD));
        seed.file(
            WORLD,
            &world.replacen("pace: 20", &format!("pace: {pace}"), 1),
        );
        let fleet = read(&seed.work().join(DEMO_FLEET));
        let decided = fleet.replacen("approvals: {required: 1", approvals, 1);
        assert!(decided.contains(approvals), "{fleet}");
        let free = decided.lines().filter(|line| !line.contains("wave"));
        seed.file(DEMO_FLEET, &free.collect::<Vec<_>>().join("\n"));
        seed.file(
            "testdata/demo/.stairway/allowed_signers",
            &signer("ann@example.org", "ann"),
        );
        git(&seed.work(), &["init", "-q", "-b", "main"]);
        git(&seed.work(), &["add", "-A", "-f"]);
        git(&seed.work(), &["commit", "-q", "-m", "begin"]);
        let remote = folder.path().join("remote");
        let shown = remote.display().to_string();
        git(&seed.work(), &["clone", "-q", "--bare", ".", &shown]);
        let [one, two] = ["one", "two"].map(|name| {
            let bin = folder.path().join(name).join("bin");
            std::fs::create_dir_all(&bin).expect("a folder");
            let path = std::env::var("PATH").expect("a search path");
            let place = Place::new()
                .with("PATH", &format!("{}:{path}", bin.display()))
                .with("GIT_CONFIG_NOSYSTEM", "1")
                .with("GIT_AUTHOR_NAME", name)
                .with("GIT_COMMITTER_NAME", name);
            git(&place.work(), &["clone", "-q", &shown, "."]);
            place
        });
        let scene = Self { folder, one, two };
        let shared = scene.folder.path().join("state");
        std::fs::create_dir(&shared).expect("a folder");
        for place in [&scene.one, &scene.two] {
            let state = place.work().join(STATE);
            std::os::unix::fs::symlink(&shared, state).expect("a link");
        }
        scene
    }

    fn remote(&self) -> PathBuf {
        self.folder.path().join("remote")
    }

    /// The id of a cluster's plan on the remote's branch.
    fn id(&self, cluster: &str) -> String {
        let names = git(
            &self.remote(),
            &["ls-tree", "--name-only", "runs", "plans/"],
        );
        let start = format!("plans/{cluster}-");
        let found = names.lines().find(|name| name.starts_with(&start));
        found.expect("a plan")["plans/".len()..].to_owned()
    }

    /// The journal as the remote has it.
    fn journal(&self, cluster: &str) -> String {
        let path = format!("runs:plans/{}/journal.ndjson", self.id(cluster));
        let (ok, out) = ran(&self.remote(), &["show", &path]);
        if ok {
            format!("{out}\n")
        } else {
            String::new()
        }
    }

    /// The journal as a clone has it.
    fn journal_in(&self, place: &Place, cluster: &str) -> String {
        let path = store(place).join(self.id(cluster)).join("journal.ndjson");
        std::fs::read_to_string(path).unwrap_or_default()
    }

    fn line(&self, command: &str, cluster: &str, more: &[&str]) -> Vec<String> {
        let id = self.id(cluster);
        [command, &id, "--fleet", DEMO_FLEET]
            .iter()
            .chain(&STORE)
            .chain(more)
            .map(|&word| word.to_owned())
            .collect()
    }

    fn run(&self, place: &Place, command: &str, cluster: &str, more: &[&str]) -> Run {
        let line = self.line(command, cluster, more);
        place.run(&line.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn apply(&self, place: &Place, cluster: &str, more: &[&str]) -> Run {
        let digest = approve(&self.id(cluster));
        let more = [&[digest.as_str(), "--no-input"], more].concat();
        self.run(place, "apply", cluster, &more)
    }

    /// Begins a run in a clone, kills it once its journal there has so many lines, and returns false when it
    /// was over before.
    fn kill_after(&self, place: &Place, cluster: &str, lines: usize) -> bool {
        let digest = approve(&self.id(cluster));
        let line = self.line("apply", cluster, &[&digest, "--no-input"]);
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        let mut command = place.command(&line);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the binary starts");
        let over = wait_for(&format!("{lines} events of {cluster}"), || {
            let over = child.try_wait().expect("a child").is_some();
            let journal = self.journal_in(place, cluster);
            if over || journal.lines().count() >= lines {
                return Ok(over);
            }
            Err(journal)
        });
        if !over {
            child.kill().expect("killed");
        }
        wait_for_end("the killed process to end", &mut child);
        !over
    }

    /// Goes on until the run is over.
    fn to_the_end(&self, place: &Place, cluster: &str) {
        for _ in 0..TRIES_MAX {
            let run = self.apply(place, cluster, &["--resume"]);
            match run.code {
                0 => return,
                PAUSED => {
                    place.run(&["world", "advance", WORLD, "12h"]).expect(0);
                }
                // The last push of a killed process came in between.
                STOPPED | REFUSED if run.stderr.contains("somebody else works") => {}
                _ => panic!("exit {}: {}", run.code, run.stderr),
            }
        }
        panic!("no end: {}", self.journal(cluster));
    }

    /// How often each thing was asked of the cluster: updates by kind and subject.
    fn updates(&self, place: &Place, cluster: &str) -> BTreeMap<String, usize> {
        let line = ["observe", cluster, "--fleet", DEMO_FLEET];
        let seen = place.run(&line).expect(0).json();
        let mut counts = BTreeMap::new();
        for update in seen["updates"].as_array().expect("updates") {
            let what = format!(
                "{} {} {}",
                update["type"], update["addon"], update["version"]
            );
            *counts.entry(what).or_default() += 1;
        }
        counts
    }

    /// Has git of one clone run a script before it pushes for the n-th time; `$real` is git itself.
    fn before_push(&self, name: &str, number: usize, script: &str) {
        let bin = self.folder.path().join(name).join("bin");
        let (_, real) = ran_which();
        let count = bin.join("count").display().to_string();
        let text = format!(
            "#!/bin/sh\nreal={real}\ncase \" $* \" in\n*\" push \"*)\n  n=$(($(cat {count} 2>/dev/null || echo 0) + 1))\n  echo $n > {count}\n  if [ $n -eq {number} ]; then\n{script}\n  fi ;;\nesac\nexec $real \"$@\"\n"
        );
        write(&bin.join("git"), &text);
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(bin.join("git"), mode).expect("permissions");
    }

    /// Gives a clone git itself again.
    fn plain_git(&self, name: &str) {
        let bin = self.folder.path().join(name).join("bin");
        std::fs::remove_file(bin.join("git")).expect("the wrapper");
    }
}

/// Where git itself is.
fn ran_which() -> (bool, String) {
    let output = Command::new("sh").args(["-c", "command -v git"]).output();
    let output = output.expect("a shell");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    (output.status.success(), text.trim().to_owned())
}

fn store(place: &Place) -> PathBuf {
    place.work().join(".git/stairway/store/runs/plans")
}

fn events(journal: &str, event: &str) -> Vec<Value> {
    let lines = journal
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    lines.filter(|one| one["event"] == event).collect()
}

const FREE: &str = "approvals: {required: 0";

/// The proof of the issue: killed on one machine, resumed on another, each effect counted by the world.
#[test]
fn a_run_that_was_killed_goes_on_from_another_clone() {
    let scene = Scene::new(5, FREE);
    let smooth = Scene::new(0, FREE);
    let mut killed = 0;
    // After the first event, an intent, a claim, an outcome, and in the middle.
    for (cluster, lines) in [("harbor", 2), ("meadow", 3), ("delta", 4), ("glacier", 9)] {
        let run = smooth.apply(&smooth.one, cluster, &[]);
        if run.code != 0 {
            assert_eq!(run.code, PAUSED, "{cluster}: {}", run.stderr);
            smooth.to_the_end(&smooth.one, cluster);
        }
        killed += usize::from(scene.kill_after(&scene.one, cluster, lines));
        scene.to_the_end(&scene.two, cluster);
        let journal = scene.journal(cluster);
        assert_eq!(journal, scene.journal_in(&scene.two, cluster), "{cluster}");
        let ended = events(&journal, "run-ended");
        assert_eq!(
            ended.last().map(|e| &e["ending"]),
            Some(&"done".into()),
            "{cluster}"
        );
        let expected = smooth.updates(&smooth.one, cluster);
        assert_eq!(scene.updates(&scene.two, cluster), expected, "{cluster}");
        let runs: Vec<Value> = events(&journal, "run-started");
        assert_eq!(
            runs.len(),
            1,
            "{cluster}: one run, by two machines: {journal}"
        );
        // Whoever was killed sees the end.
        let status = scene.run(&scene.one, "status", cluster, &["--format", "json"]);
        if status.code == 0 {
            assert_eq!(status.json()["state"], "done", "{cluster}");
        } else {
            // It had written what it never pushed.
            status.refused(&[REFUSED], &["went apart after", "mv "]);
        }
    }
    assert!(killed >= 3, "only {killed} runs were killed");
    let status = git(
        &scene.one.work(),
        &["status", "--porcelain", "--", ":!testdata"],
    );
    assert_eq!(status, "", "the work tree changed");
    assert_eq!(
        git(&scene.one.work(), &["branch", "--show-current"]),
        "main"
    );
}

/// Between the intent here and its push: no effect has begun, so the other clone begins it.
#[test]
fn a_kill_before_the_push_of_an_intent_leaves_no_effect_behind() {
    let scene = Scene::new(0, FREE);
    let before = scene.updates(&scene.two, "harbor");
    // The first push is of the run's start, the second of the first intent.
    scene.before_push("one", 2, "    kill -9 $PPID\n    exit 1");
    let run = scene.apply(&scene.one, "harbor", &[]);
    assert_eq!(run.code, -1, "it was not killed: {}", run.stderr);
    let here = scene.journal_in(&scene.one, "harbor");
    assert_eq!(events(&here, "step-intended").len(), 1, "{here}");
    assert_eq!(events(&scene.journal("harbor"), "step-intended").len(), 0);
    assert_eq!(scene.updates(&scene.two, "harbor"), before);
    scene.to_the_end(&scene.two, "harbor");
    let after = scene.updates(&scene.two, "harbor");
    assert!(
        after.len() > before.len() && after.values().all(|count| *count == 1),
        "{after:?}"
    );
    // The first one's intent is one that the other has carried out: its journal is set aside, and nothing is stuck.
    scene.plain_git("one");
    let status = scene.run(&scene.one, "status", "harbor", &["--format", "json"]);
    let status = status.expect(0);
    assert_eq!(status.json()["state"], "done");
    for words in ["1 event that is not on", "of two <", ".apart-1"] {
        assert!(status.stderr.contains(words), "{words}: {}", status.stderr);
    }
    let plan = store(&scene.one).join(scene.id("harbor"));
    assert_eq!(read(&plan.join("journal.ndjson.apart-1")), here);
    let again = scene.run(&scene.one, "status", "harbor", &[]).expect(0);
    assert!(!again.stderr.contains("apart"), "{}", again.stderr);
}

#[test]
fn a_remote_without_an_answer_is_no_begin_and_no_further_effect() {
    let scene = Scene::new(0, FREE);
    let before = scene.updates(&scene.one, "harbor");
    let url = scene.remote().display().to_string();
    let set = |to: &str| git(&scene.one.work(), &["remote", "set-url", "origin", to]);
    set("/nowhere/at/all");
    let words = [
        "Fetching the branch `runs` from `origin` failed",
        "nothing was done",
    ];
    scene
        .apply(&scene.one, "harbor", &[])
        .refused(&[REFUSED], &words);
    assert_eq!(scene.journal_in(&scene.one, "harbor"), "");
    // To look needs no remote.
    let status = scene.run(&scene.one, "status", "harbor", &[]).expect(0);
    assert!(
        status.stderr.contains("as it was last seen here"),
        "{}",
        status.stderr
    );
    let shown = scene.one.run(&["show", "harbor", "--store", "branch:runs"]);
    assert!(shown.expect(0).stdout.contains("harbor"));
    set(&url);
    // It goes away after the first effect: the fourth push is of the second step's intent.
    let gone = "    n=4\n  fi\n  if [ $n -ge 4 ]; then\n    echo \"fatal: unable to access 'https://ann:s3cret@git.example.org/': no answer\" >&2\n    exit 128";
    scene.before_push("one", 4, gone);
    let run = scene.apply(&scene.one, "harbor", &[]);
    assert_eq!(run.code, STOPPED, "{}", run.stderr);
    for words in ["no answer", "does not have the last events", "--resume"] {
        assert!(run.stderr.contains(words), "{words}: {}", run.stderr);
    }
    assert!(!run.stderr.contains("s3cret"), "{}", run.stderr);
    let (here, there) = (
        scene.journal_in(&scene.one, "harbor"),
        scene.journal("harbor"),
    );
    assert!(
        here.starts_with(&there) && here.len() > there.len(),
        "{there}"
    );
    // One effect, and none whose intent others could not see.
    let effects = events(&here, "effect-returned").len();
    assert!(effects <= events(&there, "step-intended").len(), "{here}");
    let now = scene.updates(&scene.one, "harbor");
    assert_eq!(now.len(), before.len() + 1, "{now:?}");
    // Back again: what was only here is there, and the run goes on.
    scene.plain_git("one");
    let dry = scene
        .run(&scene.one, "apply", "harbor", &["--resume"])
        .expect(0);
    assert!(dry.stderr.contains("that were only here"), "{}", dry.stderr);
    assert_eq!(scene.journal("harbor"), here);
    scene.to_the_end(&scene.two, "harbor");
    assert!(
        scene
            .updates(&scene.two, "harbor")
            .values()
            .all(|count| *count == 1)
    );
}

/// Without a shared lock only the branch tells the two apart: the second machine has a world of its own.
#[test]
fn of_two_machines_at_once_one_is_refused() {
    let scene = Scene::new(0, FREE);
    let state = scene.two.work().join(STATE);
    std::fs::remove_file(&state).expect("the link");
    let before = scene.updates(&scene.two, "harbor");
    // While the second machine is about to push its run's start, the first one runs to the end.
    let mut line = vec![env!("CARGO_BIN_EXE_stairway").to_owned()];
    let digest = approve(&scene.id("harbor"));
    line.extend(scene.line("apply", "harbor", &[&digest, "--no-input"]));
    let first = format!(
        "    cd {} && {} > /dev/null 2>&1 || exit 1\n    cd {}",
        scene.one.work().display(),
        line.join(" "),
        scene.two.work().display()
    );
    scene.before_push("two", 1, &first);
    let words = [
        "somebody else works on this plan",
        "run-ended",
        "`stairway status harbor",
    ];
    scene
        .apply(&scene.two, "harbor", &[])
        .refused(&[REFUSED], &words);
    assert_eq!(
        scene.updates(&scene.two, "harbor"),
        before,
        "an effect without a push"
    );
    let ended = events(&scene.journal("harbor"), "run-ended");
    assert_eq!(ended.last().map(|e| &e["ending"]), Some(&"done".into()));
    // Its hint works: what it wrote before it was refused is set aside.
    let status = scene.run(&scene.two, "status", "harbor", &["--format", "json"]);
    assert_eq!(status.expect(0).json()["state"], "done");
    let words = [
        "has run to its end",
        "`stairway plan harbor",
        "--store branch:runs`",
    ];
    scene
        .apply(&scene.two, "harbor", &["--resume"])
        .refused(&[REFUSED], &words);
}

/// Somebody changes an outcome on the branch, and takes that back later.
#[test]
fn a_journal_that_was_changed_on_the_branch_stops_everything_until_it_is_mended() {
    let scene = Scene::new(0, FREE);
    let run = scene.apply(&scene.one, "harbor", &[]);
    assert!([0, PAUSED].contains(&run.code), "{}", run.stderr);
    let (good, id) = (scene.journal("harbor"), scene.id("harbor"));
    let other = scene.folder.path().join("other");
    let remote = scene.remote().display().to_string();
    git(
        scene.folder.path(),
        &["clone", "-q", "-b", "runs", &remote, "other"],
    );
    let path = other.join("plans").join(&id).join("journal.ndjson");
    write(&path, &good.replacen("\"ok\":true", "\"ok\":false", 1));
    assert_ne!(read(&path), good);
    git(&other, &["commit", "-qam", "mended"]);
    git(&other, &["push", "-q"]);
    let tip = git(&scene.remote(), &["rev-parse", "runs"]);
    let words = [
        "the chain is broken",
        "\"mended\"",
        "`git log -p origin/runs -- plans/harbor-",
    ];
    for place in [&scene.one, &scene.two] {
        for command in ["status", "rollback"] {
            scene
                .run(place, command, "harbor", &[])
                .refused(&[1], &words);
        }
        scene
            .apply(place, "harbor", &["--resume"])
            .refused(&[1], &words);
    }
    assert_eq!(
        git(&scene.remote(), &["rev-parse", "runs"]),
        tip,
        "something was pushed"
    );
    assert_eq!(scene.journal_in(&scene.one, "harbor"), good);
    assert_eq!(scene.journal_in(&scene.two, "harbor"), "");
    git(&other, &["revert", "--no-edit", "HEAD"]);
    git(&other, &["push", "-q"]);
    for place in [&scene.one, &scene.two] {
        scene.run(place, "status", "harbor", &[]).expect(0);
        assert_eq!(scene.journal_in(place, "harbor"), good);
    }
}

#[test]
fn hints_lead_back_to_the_branch_and_to_the_policy() {
    let scene = Scene::new(0, "approvals: {required: 1");
    let (id, digest) = (scene.id("harbor"), approve(&scene.id("harbor")));
    let more = [
        digest.as_str(),
        "--no-input",
        "--policy-from",
        "origin/main",
    ];
    let command =
        format!("`stairway approve {id} --store branch:runs --policy-from origin/main --key FILE`");
    scene
        .run(&scene.one, "apply", "harbor", &more)
        .refused(&[REFUSED], &["has 0 of 1 approvals", &command]);
}

#[test]
fn commits_of_others_on_the_branch_are_kept() {
    let scene = Scene::new(0, FREE);
    let other = scene.folder.path().join("other");
    let remote = scene.remote().display().to_string();
    git(
        scene.folder.path(),
        &["clone", "-q", "-b", "runs", &remote, "other"],
    );
    let meanwhile = format!(
        "    (cd {0} && $real pull -q --ff-only origin runs && echo x > notes.md && $real add -A && $real -c user.name=Bob -c user.email=bob@example.org commit -qm notes && $real push -q origin runs) || exit 1",
        other.display()
    );
    scene.before_push("one", 3, &meanwhile);
    let run = scene.apply(&scene.one, "harbor", &[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(git(&scene.remote(), &["show", "runs:notes.md"]), "x");
    let authors = git(&scene.remote(), &["log", "--format=%an", "runs"]);
    assert!(authors.lines().any(|name| name == "Bob"), "{authors}");
    let ended = events(&scene.journal("harbor"), "run-ended");
    assert_eq!(ended.len(), 1);
    // All of it is one line of history: nothing was forced.
    let merges = git(
        &scene.remote(),
        &["rev-list", "--merges", "--count", "runs"],
    );
    assert_eq!(merges, "0");
}

#[test]
fn a_signature_given_in_one_clone_counts_in_the_other_once() {
    let scene = Scene::new(0, "approvals: {required: 1");
    let words = ["0 of 1 approvals"];
    scene
        .apply(&scene.one, "harbor", &[])
        .refused(&[REFUSED], &words);
    let ann = key(&scene.two, "ann").display().to_string();
    let signed = scene.run(&scene.two, "approve", "harbor", &["--key", &ann]);
    let told = "Put the signature on the branch `runs` of `origin`";
    assert!(
        signed.clone().expect(0).stderr.contains(told),
        "{}",
        signed.stderr
    );
    let run = scene.apply(&scene.one, "harbor", &[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let started = &events(&scene.journal("harbor"), "run-started")[0];
    assert_eq!(
        started["signers"],
        serde_json::json!(["ann@example.org"]),
        "{started}"
    );
    scene
        .apply(&scene.two, "harbor", &[])
        .refused(&[REFUSED], &["was run before", "it is done"]);
    // A push that is refused leaves no signature behind that only its maker can see.
    scene.before_push("two", 1, "    exit 1");
    scene
        .run(&scene.two, "approve", "meadow", &["--key", &ann])
        .refused(&[1], &["Pushing the branch `runs`"]);
    let approvals = store(&scene.two).join(scene.id("meadow")).join("approvals");
    let left = std::fs::read_dir(approvals).map_or(0, Iterator::count);
    assert_eq!(left, 0);
}

#[test]
fn the_way_back_is_taken_from_another_clone() {
    let scene = Scene::new(0, FREE);
    let run = scene.apply(&scene.one, "harbor", &[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let of = scene.id("harbor");
    let shown = scene
        .run(&scene.two, "rollback", "harbor", &["--format", "json"])
        .expect(0);
    let back = shown.json()["clusters"][0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let names = || {
        git(
            &scene.remote(),
            &["ls-tree", "--name-only", "runs", "plans/"],
        )
    };
    assert!(!names().contains(&back), "a dry run wrote {back}");
    let digest = approve(&back);
    let line = [
        "rollback",
        of.as_str(),
        "--fleet",
        DEMO_FLEET,
        &digest,
        "--no-input",
    ];
    let run = scene.two.run(&[&line, STORE.as_slice()].concat());
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(names().contains(&back), "{}", names());
    let path = format!("runs:plans/{of}/journal.ndjson");
    let undone = git(&scene.remote(), &["show", &path]);
    let ended = events(&undone, "run-ended");
    assert_eq!(
        ended.last().map(|e| &e["ending"]),
        Some(&"rolled-back".into()),
        "{undone}"
    );
}

#[test]
fn without_a_remote_the_branch_is_kept_here_and_that_is_said() {
    let scene = Scene::new(0, FREE);
    let top = scene.two.work();
    git(&top, &["fetch", "-q"]);
    git(&top, &["branch", "-q", "runs", "origin/runs"]);
    git(&top, &["remote", "remove", "origin"]);
    let before = git(&scene.remote(), &["rev-parse", "runs"]);
    let run = scene.apply(&scene.two, "harbor", &[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let told = run.stderr.matches("this repository has no remote").count();
    assert_eq!(told, 1, "{}", run.stderr);
    let path = format!("runs:plans/{}/journal.ndjson", scene.id("harbor"));
    assert_eq!(events(&git(&top, &["show", &path]), "run-ended").len(), 1);
    assert_eq!(git(&scene.remote(), &["rev-parse", "runs"]), before);
}

#[test]
fn stores_that_cannot_be_are_refused() {
    let scene = Scene::unplanned(0, FREE);
    let one = |words: &[&str]| scene.one.run(words);
    let rows: [(&[&str], i32, &str); 9] = [
        (&["show", "x", "--store", "runs"], USAGE, "branch:NAME"),
        (&["show", "x", "--store", "branch:"], USAGE, "branch:NAME"),
        (&["show", "x", "--remote", "origin"], USAGE, "--store"),
        (
            &["show", "x", "--store", "branch:-f"],
            USAGE,
            "Naming the branch `-f`",
        ),
        (
            &["show", "x", "--store", "branch:runs", "--dir", "plans"],
            USAGE,
            "cannot be used with",
        ),
        (
            &["plan", "--store", "branch:runs", "--out", "plans"],
            USAGE,
            "cannot be used with",
        ),
        (
            &["show", "x", "--store", "branch:runs"],
            1,
            "there is no branch `runs`, neither here nor at `origin`",
        ),
        (
            &[
                "show",
                "x",
                "--store",
                "branch:runs",
                "--remote",
                "upstream",
            ],
            1,
            "has no remote `upstream`",
        ),
        (
            &[
                "plan",
                "harbor",
                "--fleet",
                DEMO_FLEET,
                "--store",
                "branch:main",
            ],
            REFUSED,
            "has it checked out",
        ),
    ];
    for (words, code, expected) in rows {
        one(words).refused(&[code], &[expected]);
    }
}

#[test]
fn names_that_are_no_plan_of_the_branch_are_refused() {
    let scene = Scene::unplanned(0, FREE);
    let one = |words: &[&str]| scene.one.run(words);
    let line = ["plan", "harbor", "--fleet", DEMO_FLEET];
    one(&[&line, STORE.as_slice()].concat()).expect(0);
    for name in ["../../config", "/etc/passwd", ".", "plans/../x"] {
        let line = ["show", name, "--store", "branch:runs"];
        one(&line).refused(&[USAGE], &["is no plan of"]);
    }
    let line = ["show", "lagoon", "--store", "branch:runs"];
    one(&line).refused(
        &[1],
        &[
            "There is no plan `lagoon` on the branch `runs`",
            "git ls-tree",
        ],
    );
    let outside = Place::new();
    let line = ["show", "x", "--store", "branch:runs"];
    outside
        .run(&line)
        .refused(&[1], &["in no git repository", "--out plans"]);
}

/// Eight jobs at once, in one clone and in another, each planning its own cluster.
#[test]
fn eight_processes_that_plan_at_once_lose_nothing() {
    let scene = Scene::unplanned(0, FREE);
    let mut children = Vec::new();
    for (number, cluster) in DEMO_CLUSTERS.into_iter().enumerate() {
        let place = [&scene.one, &scene.two][number % 2];
        let line = ["plan", cluster, "--fleet", DEMO_FLEET];
        let mut command = place.command(&[&line, STORE.as_slice()].concat());
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        children.push((cluster, command.spawn().expect("the binary starts")));
    }
    for (cluster, child) in children {
        let output = child.wait_with_output().expect("an end");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{cluster}: {said}");
    }
    for cluster in DEMO_CLUSTERS {
        scene.id(cluster);
    }
    let commits = git(&scene.remote(), &["rev-list", "--count", "runs"]);
    assert_eq!(commits, DEMO_CLUSTERS.len().to_string());
}

#[test]
fn the_help_of_every_command_that_takes_a_plan_tells_of_branches() {
    for command in ["plan", "show", "approve", "apply", "status", "rollback"] {
        let help = Place::new().run(&[command, "--help"]).expect(0).stdout;
        let help: Vec<&str> = help.split_whitespace().collect();
        let help = help.join(" ");
        for words in ["--store <branch:NAME>", "from another clone"] {
            assert!(help.contains(words), "{command}: {help}");
        }
    }
}
