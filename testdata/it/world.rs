//! The embedded world with the real binary: its commands, its stand-in for eksctl, kills.

use crate::support::{DEMO_FLEET, Place, USAGE, demo, files_below, read, wait_for, write};
use serde_json::Value;
use stairway::actuate::tools::{ToolCall, ToolRunner};
use stairway::actuate::world::{Place as WorldPlace, WorldActuator, WorldTools};
use stairway::actuate::{Actuator as _, StepFiles, ToolEnvironment};
use stairway::drive::{ActionCall, Interrupt};
use stairway::live::WorldStore;
use stairway_core::plan::wire::Action;
use std::collections::BTreeMap;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const WORLD: &str = "testdata/demo/worlds/demo.yaml";
const BINARY: &str = env!("CARGO_BIN_EXE_stairway");

/// The plans of a fleet file, without digests and without how live was read.
fn plans(place: &Place, fleet: &str) -> Value {
    let run = place.run(&["plan", "--fleet", fleet, "--format", "json"]);
    without_digests(run.expect(0).json()["clusters"].take())
}

fn without_digests(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.into_iter().filter(|(key, _)| {
                !key.contains("digest") && key != "id" && key != "observation_kind"
            });
            kept.map(|(key, inner)| {
                let plain = key != "steps" && key != "not_now";
                (key, if plain { without_digests(inner) } else { inner })
            })
            .collect()
        }
        Value::Array(items) => items.into_iter().map(without_digests).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

#[test]
fn the_world_plans_as_the_recordings_that_it_begins_with() {
    let place = demo();
    let recorded = plans(&place, "testdata/demo/fleet-recorded.yaml");
    let embedded = plans(&place, DEMO_FLEET);
    for (one, other) in embedded
        .as_array()
        .expect("a list")
        .iter()
        .zip(recorded.as_array().expect("a list"))
    {
        assert_eq!(one["name"], other["name"]);
        assert_eq!(one["steps"], other["steps"], "{}", one["name"]);
        assert_eq!(one, other);
    }
}

#[test]
fn a_world_is_a_live_side_of_its_own() {
    let place = demo();
    let config = "testdata/demo/clusters/harbor.jsonnet";
    let run = place
        .run(&["plan", config, "--live", WORLD, "--format", "json"])
        .expect(0);
    let plan = &run.json()["clusters"][0];
    assert_eq!(plan["preview"], false);
    assert_eq!(plan["inputs"]["observation_kind"], "world");
    assert_eq!(plan["inputs"]["at"], "2026-11-01T06:00:00Z");
    place.run(&["diff", config, "--live", WORLD]).expect(0);
    let observed = place.run(&["observe", config, "--live", WORLD]).expect(0);
    assert_eq!(observed.json()["cluster"]["name"], "harbor");
    place
        .run(&["observe", "--live", WORLD])
        .refused(&[1], &["holds 8 clusters", "Hint"]);
    place.file("other.yaml", "apiVersion: eksctl.io/v1alpha5\nkind: ClusterConfig\nmetadata: {name: nowhere, region: us-west-2}\n");
    place
        .run(&["plan", "other.yaml", "--live", WORLD])
        .refused(&[1], &["no cluster `nowhere`", "canyon, delta"]);
}

#[expect(
    clippy::too_many_lines,
    reason = "one story: each command sees what the ones before it did"
)]
#[test]
fn the_commands_of_a_world_say_what_they_did() {
    let place = demo();
    let files = files_below(&place.work());
    let rows: [(&[&str], i32, &str, &str); 12] = [
        (&["faults"], 0, "drain-timeout ", ""),
        (
            &["show", WORLD],
            0,
            "harbor  1.33  ACTIVE  2026-11-01T06:00:00Z",
            "",
        ),
        (
            &["reset", WORLD],
            0,
            "",
            "Nothing had become of the world yet",
        ),
        (
            &["break", WORLD, "harbor", "no-such-fault"],
            USAGE,
            "",
            "Hint: `stairway world faults`",
        ),
        (
            &["break", WORLD, "nowhere", "slow"],
            1,
            "",
            "no cluster `nowhere`",
        ),
        (
            &[
                "break",
                WORLD,
                "harbor",
                "slow:core-a",
                "--subject",
                "core-b",
            ],
            USAGE,
            "",
            "Two subjects",
        ),
        (
            &[
                "break",
                WORLD,
                "harbor",
                "drain-timeout:core-a",
                "--times",
                "2",
            ],
            0,
            "",
            "`harbor` misbehaves: drain-timeout on `core-a`, 2 times: ",
        ),
        (
            &["show", WORLD],
            0,
            "  misbehaves: drain-timeout on `core-a`, 2 times",
            "",
        ),
        (
            &["mend", WORLD, "harbor"],
            0,
            "",
            "`harbor` no longer misbehaves: drain-timeout on `core-a`, 2 times",
        ),
        (
            &["mend", WORLD, "harbor"],
            0,
            "",
            "`harbor` did not misbehave",
        ),
        (
            &["advance", WORLD, "30m"],
            0,
            "",
            "30 min passed: it is 2026-11-01T06:30:00Z",
        ),
        (
            &["advance", WORLD, "half an hour"],
            USAGE,
            "",
            "half an hour",
        ),
    ];
    for (index, (words, code, out, err)) in rows.into_iter().enumerate() {
        let run = place.run(&[&["world"], words].concat()).calm().expect(code);
        assert!(run.stdout.contains(out), "{words:?}: {}", run.stdout);
        assert!(run.stderr.contains(err), "{words:?}: {}", run.stderr);
        if index == 3 {
            assert_eq!(
                files_below(&place.work()),
                [&files[..], &[]].concat(),
                "nothing was changed"
            );
        }
    }
    let shown = place
        .run(&["world", "show", WORLD, "--format", "json"])
        .expect(0)
        .json();
    let clusters = shown["clusters"].as_array().expect("a list");
    assert_eq!(clusters.len(), 8);
    assert!(
        clusters
            .iter()
            .all(|one| one["now"] == "2026-11-01T06:30:00Z")
    );
    let group = &clusters[3]["nodegroups"][0];
    assert_eq!(
        (&group["ready"], &group["nodes"]),
        (&group["nodes"], &group["nodes"])
    );
    let text = read(&place.work().join(WORLD));
    write(&place.work().join(WORLD), &format!("{text}# more\n"));
    place.run(&["world", "show", WORLD]).refused(
        &[1],
        &["was changed after its snapshot", "stairway world reset"],
    );
    place.run(&["world", "reset", WORLD]).expect(0);
    place.run(&["world", "show", WORLD]).expect(0);
}

/// The stand-in as a tool is started: by its name, with a scrubbed environment.
fn stand_in(place: &Place, cluster: Option<&str>, words: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command
        .arg0("eksctl")
        .args(words)
        .env_clear()
        .env("STAIRWAY_WORLD", place.work().join(WORLD))
        .current_dir(place.work())
        .stdin(Stdio::null());
    if let Some(cluster) = cluster {
        command.env("STAIRWAY_CLUSTER", cluster);
    }
    command
}

fn output(mut command: Command) -> (Option<i32>, String, String) {
    let output = command.output().expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

fn store(place: &Place) -> WorldStore {
    WorldStore::of(&place.work().join(WORLD), None).expect("a world")
}

const UPGRADE: [&str; 11] = [
    "upgrade",
    "cluster",
    "-n",
    "harbor",
    "-r",
    "us-west-2",
    "--version",
    "1.34",
    "--approve",
    "--timeout",
    "90m",
];

#[test]
fn the_binary_called_eksctl_is_its_stand_in() {
    let place = demo();
    let (code, said, _) = output(stand_in(&place, Some("harbor"), &["version", "-o", "json"]));
    let version: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(code, Some(0));
    assert!(version["Version"].is_string());
    let (code, said, complained) = output(stand_in(&place, Some("harbor"), &UPGRADE));
    assert_eq!((code, complained.as_str()), (Some(0), ""), "{said}");
    let version = store(&place).with_world("harbor", |world| world.version());
    assert_eq!(
        version.expect("a world").map(|v| v.to_string()).as_deref(),
        Some("1.34")
    );
    let (code, _, complained) = output(stand_in(&place, Some("harbor"), &["destroy", "all"]));
    assert_eq!(code, Some(1));
    assert!(complained.starts_with("Error: "), "{complained}");
    let (code, _, complained) = output(stand_in(&place, None, &["version"]));
    assert_eq!(code, Some(1));
    assert!(complained.contains("STAIRWAY_CLUSTER"), "{complained}");
    let mut without = stand_in(&place, None, &["version"]);
    without.env_remove("STAIRWAY_WORLD");
    let (code, _, complained) = output(without);
    assert_eq!(code, Some(1));
    assert!(complained.contains("stand-in"), "{complained}");
}

/// When a stand-in is killed; what is killed at an earlier moment than another begins less.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// While it starts.
    AtOnce,
    /// It has made the file that it locks for its first change.
    Locked,
    /// Its first change is on the disk.
    Begun,
    /// The world's own clock has gone on by so many seconds.
    Passed(i64),
    /// It has ended.
    Over,
}

impl Moment {
    fn has_come(self, store: &WorldStore, start: i64) -> bool {
        match self {
            Self::AtOnce => true,
            Self::Locked => store.snapshot().with_extension("json.lock").exists(),
            Self::Begun => store.snapshot().exists(),
            Self::Passed(seconds) => unix_time(store) >= start + seconds,
            Self::Over => false,
        }
    }
}

fn unix_time(store: &WorldStore) -> i64 {
    let now = store.with_world("harbor", |world| world.now);
    now.expect("a whole world").unix()
}

/// Law 4 for the world itself: a kill between any two instructions leaves it whole.
#[test]
fn a_stand_in_that_is_killed_anywhere_leaves_a_whole_world_and_what_it_began_goes_on() {
    let place = demo();
    let version = |store: &WorldStore| {
        let version = store.with_world("harbor", |world| world.version());
        version.expect("a whole world").map(|v| v.to_string())
    };
    // A hop takes eksctl some minutes of the world's time.
    let passed = [1, 15, 30, 60, 120, 240, 480].map(Moment::Passed);
    let early = [Moment::AtOnce, Moment::Locked, Moment::Begun];
    for moment in early.into_iter().chain(passed).chain([Moment::Over]) {
        place.run(&["world", "reset", WORLD]).expect(0);
        let store = store(&place);
        let start = unix_time(&store);
        // A reset leaves it behind.
        let _not_there = std::fs::remove_file(store.snapshot().with_extension("json.lock"));
        let mut child = stand_in(&place, Some("harbor"), &UPGRADE)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary runs");
        wait_for(&format!("{moment:?}"), || {
            let over = child.try_wait().expect("a child").is_some();
            if over || moment.has_come(&store, start) {
                return Ok(());
            }
            Err("the stand-in goes on".to_owned())
        });
        child.kill().expect("a kill");
        child.wait().expect("an end");
        let began = store.snapshot().exists();
        let early = matches!(moment, Moment::AtOnce | Moment::Locked);
        assert!(began || early, "{moment:?}: the update was never begun");
        store
            .change("harbor", |world| world.advance(7200))
            .expect("a whole world");
        let expected = if began { "1.34" } else { "1.33" };
        assert_eq!(version(&store).as_deref(), Some(expected), "{moment:?}");
    }
}

#[test]
fn a_run_on_a_world_starts_our_own_binary_and_never_a_real_eksctl() {
    let place = demo();
    place.file("bin/eksctl", "#!/bin/sh\necho real > ../real\nexit 9\n");
    let real = place.work().join("bin/eksctl");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&real, mode).expect("permissions");
    let link = place.work().join("link");
    std::fs::create_dir(&link).expect("a folder");
    std::os::unix::fs::symlink(BINARY, link.join("eksctl")).expect("a link");
    let paths = [place.work().join("bin"), link.clone()];
    for (search, expected) in [
        (&paths[..1], Path::new(BINARY).to_path_buf()),
        (&paths[..], link.join("eksctl")),
    ] {
        place.run(&["world", "reset", WORLD]).expect(0);
        let path = std::env::join_paths(search).expect("a path");
        let store = store(&place);
        let plan_dir = Some(place.work().join("plan"));
        let tools = WorldTools::of(
            Path::new(BINARY),
            ToolEnvironment::with_path(path),
            &store,
            "harbor",
            plan_dir,
        );
        match &tools {
            WorldTools::Process { program, .. } => assert_eq!(*program, expected),
            WorldTools::InProcess => panic!("a process is wanted"),
        }
        let at = WorldPlace::Stored {
            store: store.clone(),
            cluster: "harbor".to_owned(),
            pace: Duration::ZERO,
        };
        let call = ActionCall {
            step: "upgrade-control-plane/cluster@1.34".to_owned(),
            number: 0,
            attempt: 1,
            token: "stairway-t".to_owned(),
            action: Action::Run {
                tool: "eksctl".to_owned(),
                argv: UPGRADE.map(str::to_owned).to_vec(),
                files: Vec::new(),
            },
        };
        let mut heard = Vec::new();
        let claim = WorldActuator::new(at, tools).act(
            &call,
            &StepFiles::new(),
            &mut |line| heard.push(line.to_owned()),
            &|| Interrupt::None,
        );
        assert!(claim.ok, "{claim:?}");
        assert!(!heard.is_empty());
        assert!(place.work().join("plan/logs/stairway-t.log").is_file());
        let version = store.with_world("harbor", |world| world.version());
        assert_eq!(
            version.expect("a world").map(|v| v.to_string()).as_deref(),
            Some("1.34")
        );
    }
    assert!(!place.work().join("real").exists());
}

#[test]
fn step_files_reach_the_stand_in_through_its_working_folder() {
    let place = demo();
    let config = serde_json::json!({
        "apiVersion": "eksctl.io/v1alpha5", "kind": "ClusterConfig",
        "metadata": {"name": "harbor", "region": "us-west-2", "version": "1.33"},
        "managedNodeGroups": [{"name": "extra-a", "instanceType": "m5.large", "minSize": 1, "maxSize": 2, "desiredCapacity": 1}],
    });
    let store = store(&place);
    let environment = ToolEnvironment::with_path("");
    let tools = WorldTools::of(Path::new(BINARY), environment, &store, "harbor", None);
    let WorldTools::Process { program, runner } = tools else {
        panic!("a process is wanted")
    };
    let runner: ToolRunner = runner;
    let files = BTreeMap::from([("harbor.json".to_owned(), config.to_string())]);
    let argv = [
        "create",
        "nodegroup",
        "-f",
        "harbor.json",
        "--include",
        "extra-a",
        "--timeout",
        "40m",
    ];
    let call = ToolCall {
        program: &program,
        name: Some("eksctl"),
        argv: &argv.map(str::to_owned),
        files: &files,
        token: "t",
    };
    let run = runner.run(&call, &mut |_| {}, &|| Interrupt::None);
    assert!(run.claim.ok, "{run:?}");
    let there = store.with_world("harbor", |world| world.nodegroup("extra-a").is_some());
    assert!(there.expect("a world"));
}

#[test]
fn schemas_of_world_and_journal_fit_what_is_committed() {
    let place = demo();
    let schema = place.run(&["schema", "world"]).expect(0).json();
    let world: Value = serde_saphyr::from_str(&read(&place.work().join(WORLD))).expect("YAML");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<String> = validator
        .iter_errors(&world)
        .map(|e| e.to_string())
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
    let schema = place.run(&["schema", "journal"]).expect(0).json();
    jsonschema::validator_for(&schema).expect("a schema");
}
