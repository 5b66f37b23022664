//! The command line as scripts and CI see it: exit codes, streams, files, color.

use crate::support::{
    DEMO_CLUSTERS, DEMO_FLEET, Place, Run, USAGE, demo, files_below, read, write,
};
use serde_json::Value;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::Stdio;

const FLEET: [&str; 2] = ["--fleet", DEMO_FLEET];

fn with_fleet<'a>(command: &'a str, rest: &[&'a str]) -> Vec<&'a str> {
    [&[command], &FLEET[..], rest].concat()
}

#[test]
fn exit_codes_are_those_of_the_design() {
    let place = demo();
    let rows: [(i32, &[&str]); 17] = [
        (0, &["plan"]),
        (3, &["plan", "--detailed-exitcode"]),
        (2, &["plan", "harbor", "--detailed-exitcode"]),
        (0, &["plan", "lagoon", "--detailed-exitcode"]),
        (3, &["plan", "canyon", "harbor", "--detailed-exitcode"]),
        (0, &["plan", "canyon"]),
        (1, &["plan", "no-such-cluster"]),
        (0, &["diff"]),
        (2, &["diff", "--detailed-exitcode"]),
        (0, &["diff", "lagoon", "--detailed-exitcode"]),
        (USAGE, &["diff", "--text", "--format", "json"]),
        (0, &["render"]),
        (0, &["observe"]),
        (USAGE, &["plan", "--format", "yaml"]),
        (USAGE, &["plan", "--no-such-option"]),
        (USAGE, &["plan", "--to", "1.3.4"]),
        (USAGE, &["plan", "--ext-str", "KEY"]),
    ];
    for (code, arguments) in rows {
        let run = place.run(&with_fleet(arguments[0], &arguments[1..])).calm();
        assert_eq!(run.code, code, "{arguments:?}: {}", run.stderr);
    }
}

#[test]
fn commands_without_a_cluster_have_their_exit_codes() {
    let place = Place::new();
    let rows: [(i32, &[&str]); 17] = [
        (0, &[]),
        (0, &["--help"]),
        (0, &["--version"]),
        (0, &["help", "plan"]),
        (0, &["schema", "plan"]),
        (0, &["schema", "fleet"]),
        (USAGE, &["schema", "nothing"]),
        (0, &["completions", "bash"]),
        (USAGE, &["completions", "cobol"]),
        (0, &["man"]),
        (0, &["explain"]),
        (0, &["explain", "R4"]),
        (1, &["explain", "STW-NO-SUCH-CODE"]),
        (USAGE, &["explain", "upgrade-control-plane/cluster@1.33"]),
        (USAGE, &["pla"]),
        (1, &["apply", "x"]),
        (1, &["show", "no-such-plan"]),
    ];
    for (code, arguments) in rows {
        let run = place.run(arguments).calm();
        assert_eq!(run.code, code, "{arguments:?}: {}", run.stderr);
        if code != 0 {
            assert!(
                run.stdout.is_empty(),
                "{arguments:?} printed data: {}",
                run.stdout
            );
        }
    }
    place.run(&["plan"]).refused(&[USAGE], &["Hint"]);
}

#[test]
fn facts_that_a_rule_needs_and_nobody_read_give_6() {
    let place = demo();
    let path = place
        .work()
        .join("testdata/demo/recorded/harbor.observed.json");
    let mut observed: Value = serde_json::from_str(&read(&path)).expect("JSON");
    observed["nodes"] = serde_json::json!({"$unknown": "no access to nodes"});
    observed["pods"] = serde_json::json!({"$unknown": "no access to pods"});
    write(&path, &observed.to_string());
    let run = place.run(&with_fleet(
        "plan",
        &["harbor", "--detailed-exitcode", "--format", "json"],
    ));
    // Blocked and incomplete: the stronger code wins.
    assert_eq!(run.code, 3, "{}", run.stderr);
    let plan = &run.json()["clusters"][0];
    assert_eq!(plan["steps"], serde_json::json!([]));
    assert!(
        plan["findings"]
            .as_array()
            .expect("a list")
            .iter()
            .any(|f| f["not_assessed"] == true)
    );
}

#[test]
fn an_error_beats_every_other_code() {
    let place = demo();
    place.file("testdata/demo/clusters/harbor.jsonnet", "{");
    let run = place
        .run(&with_fleet(
            "plan",
            &["--detailed-exitcode", "--format", "json"],
        ))
        .expect(1);
    let set = run.json();
    assert_eq!(set["errors"].as_array().expect("a list").len(), 1);
    assert_eq!(
        set["clusters"].as_array().expect("a list").len(),
        DEMO_CLUSTERS.len() - 1
    );
    assert!(run.stderr.contains("harbor"), "{}", run.stderr);
}

#[test]
fn nothing_is_written_without_out() {
    let place = demo();
    let before = files_below(&place.work());
    for command in ["plan", "diff", "render", "observe"] {
        let _run = place.run(&with_fleet(command, &[]));
    }
    place.run(&["man"]).expect(0);
    place.run(&["schema", "plan"]).expect(0);
    assert_eq!(files_below(&place.work()), before);
    assert_eq!(
        files_below(&place.work().join("../home")),
        Vec::<String>::new()
    );
}

fn planned(place: &Place) -> Vec<PathBuf> {
    place
        .run(&with_fleet("plan", &["--out", "plans"]))
        .expect(0);
    let folder = place.work().join("plans");
    files_below(&folder)
        .into_iter()
        .map(|file| folder.join(file))
        .collect()
}

#[test]
fn a_plan_directory_holds_plan_markdown_and_the_files_that_actions_name() {
    let place = demo();
    let files = planned(&place);
    let set: Value =
        serde_json::from_str(&read(&place.work().join("plans/planset.json"))).expect("JSON");
    let plans = set["clusters"].as_array().expect("a list");
    assert_eq!(plans.len(), DEMO_CLUSTERS.len());
    let mut expected = vec!["planset.json".to_owned()];
    for plan in plans {
        let id = plan["id"].as_str().expect("an id");
        expected.extend([
            format!("{id}/plan.json"),
            format!("{id}/plan.md"),
            format!("{id}/observed.json"),
        ]);
        let later = plan["not_now"].as_array().expect("a list").iter();
        for step in plan["steps"]
            .as_array()
            .expect("a list")
            .iter()
            .chain(later)
        {
            for action in step["actions"].as_array().expect("a list") {
                for file in action["files"].as_array().into_iter().flatten() {
                    expected.push(format!(
                        "{id}/files/{}",
                        file["name"].as_str().expect("a name")
                    ));
                }
            }
        }
    }
    expected.sort();
    expected.dedup();
    let folder = place.work().join("plans");
    let mut found: Vec<String> = files
        .iter()
        .map(|file| {
            file.strip_prefix(&folder)
                .expect("inside")
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn digests_in_a_plan_directory_hold_and_show_checks_them() {
    let place = demo();
    for file in planned(&place)
        .iter()
        .filter(|file| file.ends_with("plan.json"))
    {
        let text = read(file);
        let plan: stairway_core::plan::wire::Plan = serde_json::from_str(&text).expect("a plan");
        assert_eq!(plan.compute_digest().to_string(), plan.digest);
        assert!(
            plan.digest
                .contains(plan.id.rsplit_once('-').expect("digits").1)
        );
        place.run(&["show", &plan.id]).expect(0);
        place.run(&["show", &file.to_string_lossy()]).expect(0);
    }
    place.run(&["show", "plans/planset.json"]).expect(0);
    place.run(&["show", "plans"]).expect(0);
}

#[test]
fn a_plan_that_was_changed_is_refused_with_5() {
    let place = demo();
    let files = planned(&place);
    let plan = files
        .iter()
        .find(|f| f.ends_with("plan.json") && f.to_string_lossy().contains("harbor"));
    let plan = plan.expect("the plan of harbor");
    let text = read(plan);
    let changes = [
        ("\"1.34\"", "\"1.35\""),
        ("\"steps\":[", "\"old\":[],\"steps\":["),
        ("\"preview\":false", "\"preview\":true"),
        ("\"name\":\"harbor\"", "\"name\":\"lagoon\""),
        ("\"id\":\"harbor-", "\"id\":\"lagoon-"),
    ];
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        write(plan, &text.replacen(from, to, 1));
        let run = place.run(&["show", &plan.to_string_lossy()]);
        assert_eq!(run.code, 5, "{from} → {to} is not seen: {}", run.stderr);
        run.refused(&[5], &["changed after it was made", "Hint"]);
    }
    let set = place.work().join("plans/planset.json");
    write(&set, &read(&set).replacen("\"1.34\"", "\"1.35\"", 1));
    place
        .run(&["show", "plans/planset.json"])
        .refused(&[5], &["changed after it was made"]);
}

#[test]
fn color_comes_only_when_it_is_wanted() {
    let escape = "\u{1b}[";
    let arguments = with_fleet("plan", &["harbor"]);
    let plain = demo().run(&arguments).expect(0);
    assert!(!plain.stdout.contains(escape) && !plain.stderr.contains(escape));
    let forced = demo().with("CLICOLOR_FORCE", "1").run(&arguments).expect(0);
    assert!(forced.stdout.contains(escape));
    let without: String = strip(&forced.stdout);
    assert_eq!(without, plain.stdout, "color is no more than help");
    let none = demo()
        .with("CLICOLOR_FORCE", "1")
        .with("NO_COLOR", "1")
        .run(&arguments)
        .expect(0);
    assert_eq!(none.stdout, plain.stdout);
    let json = demo()
        .with("CLICOLOR_FORCE", "1")
        .run(&with_fleet("plan", &["--format", "json"]));
    assert!(!json.stdout.contains(escape));
}

fn strip(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("\u{1b}[") {
        out.push_str(&rest[..start]);
        let tail = &rest[start..];
        rest = tail.find('m').map_or("", |end| &tail[end + 1..]);
    }
    out.push_str(rest);
    out
}

#[test]
fn a_closed_pipe_ends_the_program_quietly() {
    let place = demo();
    let arguments = with_fleet("plan", &["--format", "json"]);
    let mut child = place
        .command(&arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut byte = [0_u8; 1];
    let mut stdout = child.stdout.take().expect("a pipe");
    stdout.read_exact(&mut byte).expect("a first byte");
    drop(stdout);
    let output = child.wait_with_output().expect("an end");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !stderr.contains("panicked") && !stderr.contains("Broken pipe"),
        "{stderr}"
    );
    assert!(
        output.status.code().is_some(),
        "ended by a signal: {:?}",
        output.status
    );
}

#[test]
fn json_is_one_document_without_a_word_beside_it() {
    let place = demo();
    for (command, rest) in [
        ("plan", vec!["--format", "json"]),
        ("diff", vec!["--format", "json"]),
        ("observe", vec![]),
        ("render", vec!["--format", "json"]),
    ] {
        let run: Run = place.run(&with_fleet(command, &rest)).expect(0);
        assert!(run.json().is_object() || run.json().is_array(), "{command}");
    }
}

#[test]
fn what_is_printed_fits_its_own_schema() {
    let place = demo();
    let schema = |name: &str| {
        let schema = place.run(&["schema", name]).expect(0).json();
        jsonschema::validator_for(&schema).expect("a schema")
    };
    let valid = |name: &str, value: &Value| {
        let errors: Vec<String> = schema(name)
            .iter_errors(value)
            .map(|e| format!("{}: {e}", e.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{name}: {errors:?}");
    };
    let set = place
        .run(&with_fleet("plan", &["--format", "json"]))
        .expect(0)
        .json();
    valid("planset", &set);
    for plan in set["clusters"].as_array().expect("a list") {
        valid("plan", plan);
    }
    for name in DEMO_CLUSTERS {
        let path = place
            .work()
            .join(format!("testdata/demo/recorded/{name}.observed.json"));
        valid(
            "observation",
            &serde_json::from_str(&read(&path)).expect("JSON"),
        );
    }
    let fleet =
        serde_saphyr::from_str::<Value>(&read(&place.work().join(DEMO_FLEET))).expect("YAML");
    valid("fleet", &fleet);
}

#[test]
fn a_plan_needs_no_fleet_file() {
    let place = demo();
    let config = "testdata/demo/clusters/harbor.jsonnet";
    let live = "testdata/demo/recorded/harbor.observed.json";
    let run = place
        .run(&["plan", config, "--live", live, "--format", "json"])
        .expect(0);
    let plan = &run.json()["clusters"][0];
    assert_eq!(plan["preview"], false);
    assert_eq!(plan["inputs"]["observation_kind"], "recorded");
}

#[test]
fn a_plan_from_an_assumed_cluster_is_a_preview_and_says_so() {
    let place = demo();
    let config = "testdata/demo/clusters/harbor.jsonnet";
    let live = "testdata/demo/live/harbor.jsonnet";
    let arguments = ["plan", config, "--live", live, "--at", "2026-11-01"];
    let run = place
        .run(&[&arguments[..], &["--format", "json"]].concat())
        .expect(0);
    let plan = &run.json()["clusters"][0];
    assert_eq!(plan["preview"], true);
    assert_eq!(plan["inputs"]["observation_kind"], "assumed");
    let table = place.run(&arguments).expect(0);
    assert!(
        table.stdout.to_lowercase().contains("preview"),
        "{}",
        table.stdout
    );
}
