use super::terminal::tests::Captured;
use super::*;
use crate::files;
use serde_json::{Value, json};
use stairway_core::model::Timestamp;
use std::path::Path;

struct Ran {
    code: u8,
    out: String,
    err: String,
}

fn stairway(cwd: &Path, line: &str) -> Ran {
    let ambient = Ambient {
        now: Timestamp::from_unix(1_795_000_000),
        cwd: cwd.to_path_buf(),
        color: false,
        color_stderr: false,
        width: 100,
        unicode: true,
        stdout_is_terminal: false,
        stderr_is_terminal: false,
        ci: true,
    };
    let (out, err) = (Captured::default(), Captured::default());
    let mut terminal = Terminal::to_writers(Box::new(out.clone()), Box::new(err.clone()));
    let argv = std::iter::once("stairway")
        .chain(line.split_whitespace())
        .map(OsString::from);
    let code = run_in(argv.collect(), &ambient, &mut terminal);
    Ran {
        code,
        out: out.text(),
        err: err.text(),
    }
}

fn config(version: &str) -> Value {
    json!({
        "apiVersion": "eksctl.io/v1alpha5",
        "kind": "ClusterConfig",
        "metadata": {"name": "demo", "region": "us-west-2", "version": version},
        "managedNodeGroups": [{"name": "core-a", "instanceType": "m5.large", "minSize": 1, "maxSize": 3}],
    })
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, value) in [("new.json", config("1.34")), ("old.json", config("1.33"))] {
        files::write_atomic(&folder.path().join(name), value.to_string().as_bytes()).unwrap();
    }
    folder
}

#[test]
fn no_arguments_print_where_to_start() {
    let ran = stairway(Path::new("/"), "");
    assert_eq!(ran.code, 0);
    assert!(
        ran.out.contains("Start here:") && ran.out.contains("Not built yet:"),
        "{}",
        ran.out
    );
    assert_eq!(ran.err, "");
}

#[test]
fn nothing_to_work_on_is_a_usage_error_with_a_command() {
    let empty = tempfile::tempdir().unwrap();
    let ran = stairway(empty.path(), "plan");
    assert_eq!(ran.code, 64);
    assert_eq!(ran.out, "");
    assert!(
        ran.err
            .contains("Hint: plan one config with `stairway plan CONFIG --live FILE`"),
        "{}",
        ran.err
    );
}

#[test]
fn a_plan_is_the_same_twice_and_json_is_alone_on_stdout() {
    let folder = folder();
    let line = "plan new.json --live old.json --format json";
    let (first, second) = (stairway(folder.path(), line), stairway(folder.path(), line));
    assert_eq!(first.code, 0, "{}", first.err);
    assert_eq!(first.out, second.out);
    let set: Value = serde_json::from_str(&first.out).unwrap();
    assert_eq!(set["kind"], "PlanSet");
    assert_eq!(set["clusters"][0]["name"], "demo");
    assert_eq!(
        stairway(folder.path(), &format!("{line} --detailed-exitcode")).code,
        set["exit"]
    );
}

#[test]
fn plans_are_written_shown_and_refused_when_changed() {
    let folder = folder();
    let here = folder.path();
    let ran = stairway(
        here,
        "plan new.json --live old.json --out plans --json-into set.json",
    );
    assert_eq!(ran.code, 0, "{}", ran.err);
    let set = files::read_text(&here.join("plans/planset.json"), 1 << 20).unwrap();
    assert_eq!(
        set,
        files::read_text(&here.join("set.json"), 1 << 20).unwrap()
    );
    let set: Value = serde_json::from_str(&set).unwrap();
    let id = set["clusters"][0]["id"].as_str().unwrap();
    for subject in ["demo", id, "plans/planset.json", &format!("plans/{id}")] {
        let ran = stairway(here, &format!("show {subject}"));
        assert_eq!(ran.code, 0, "{subject}: {}", ran.err);
        assert!(ran.out.contains(id), "{subject}");
    }
    let path = here.join(format!("plans/{id}/plan.json"));
    let text = files::read_text(&path, 1 << 20).unwrap();
    files::write_atomic(
        &path,
        text.replacen("us-west-2", "us-east-1", 1)
            .replacen("\"preview\":true", "\"preview\":false", 1)
            .as_bytes(),
    )
    .unwrap();
    let ran = stairway(here, "show demo");
    assert_eq!(ran.code, 5, "{}", ran.err);
    assert!(ran.err.contains(id), "{}", ran.err);
}

#[test]
fn nothing_is_written_without_being_asked_for() {
    let folder = folder();
    for command in [
        "render new.json",
        "diff new.json --live old.json",
        "observe new.json --live old.json",
        "plan new.json --live old.json",
    ] {
        let ran = stairway(folder.path(), command);
        assert_eq!(ran.code, 0, "{command}: {}", ran.err);
        assert!(!ran.out.is_empty(), "{command}");
    }
    assert_eq!(
        files::walk(folder.path()).unwrap(),
        ["new.json", "old.json"]
    );
}

#[test]
fn an_observation_can_be_recorded_and_used() {
    let folder = folder();
    let here = folder.path();
    let ran = stairway(here, "observe --live old.json");
    assert_eq!(ran.code, 0, "{}", ran.err);
    let mut observation: Value = serde_json::from_str(&ran.out).unwrap();
    observation["observed_at"] = json!("2026-01-01T00:00:00Z");
    files::write_atomic(&here.join("o.json"), observation.to_string().as_bytes()).unwrap();
    let ran = stairway(here, "plan new.json --live o.json --format json");
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(
        ran.err
            .contains("Warning: the observation of `demo` was recorded on 2026-01-01"),
        "{}",
        ran.err
    );
    let set: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(set["clusters"][0]["inputs"]["at"], "2026-01-01T00:00:00Z");
    assert_eq!(set["clusters"][0]["preview"], false);
}

#[test]
fn a_config_that_fails_is_an_error_on_stderr() {
    let folder = folder();
    files::write_atomic(&folder.path().join("bad.json"), b"{\"kind\": 1,}").unwrap();
    let ran = stairway(folder.path(), "plan bad.json --live old.json");
    assert_eq!(ran.code, 1);
    assert_eq!(ran.out, "");
    assert!(
        ran.err.starts_with("Error: Rendering `bad.json` failed"),
        "{}",
        ran.err
    );
    let ran = stairway(folder.path(), "plan bad.json --live old.json --format json");
    let set: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, &set["exit"]), (1, &json!(1)));
}

#[test]
fn schemas_completions_and_manuals_print() {
    for line in [
        "schema plan",
        "schema planset",
        "schema observation",
        "schema fleet",
        "schema world",
        "schema journal",
        "world faults",
        "completions bash",
        "completions zsh",
        "completions fish",
        "man",
        "--version",
        "help plan",
        "explain",
    ] {
        let ran = stairway(Path::new("/"), line);
        assert_eq!(ran.code, 0, "{line}: {}", ran.err);
        assert!(!ran.out.is_empty(), "{line}");
    }
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(stairway(folder.path(), "man --out man").code, 0);
    assert!(files::exists(&folder.path().join("man/stairway-plan.1")));
}

#[test]
fn what_is_printed_fits_the_schema() {
    let folder = folder();
    let cases = [
        (
            "schema planset",
            "plan new.json --live old.json --format json",
        ),
        ("schema observation", "observe --live old.json"),
    ];
    for (schema, line) in cases {
        let schema: Value = serde_json::from_str(&stairway(folder.path(), schema).out).unwrap();
        let printed: Value = serde_json::from_str(&stairway(folder.path(), line).out).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&printed)
            .map(|e| e.to_string())
            .collect();
        assert!(errors.is_empty(), "{line}: {errors:?}");
    }
}
