use super::*;
use crate::files;
use crate::live::Outside;
use crate::render::WorkerMode;
use serde_json::{Value, json};
use stairway_core::catalog::Catalog;
use stairway_core::model::Timestamp;
use stairway_core::plan::wire::Plan;
use std::path::Path;

fn config(name: &str, version: &str) -> Value {
    json!({
        "apiVersion": "eksctl.io/v1alpha5",
        "kind": "ClusterConfig",
        "metadata": {"name": name, "region": "us-west-2", "version": version},
        "managedNodeGroups": [{
            "name": "core-a", "instanceType": "m5.large", "minSize": 1, "maxSize": 3,
            "amiFamily": "AmazonLinux2023", "labels": {"node-purpose": "core"},
        }],
    })
}

/// A folder with a fleet of three clusters, two of them with an alias.
fn fleet_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        files::write_atomic(&folder.path().join(name), text.as_bytes()).unwrap();
    };
    for (name, now, wanted) in [
        ("alpha", "1.33", "1.34"),
        ("beta", "1.34", "1.34"),
        ("gamma", "1.33", "1.34"),
    ] {
        write(
            &format!("clusters/{name}.json"),
            &config(name, wanted).to_string(),
        );
        write(&format!("old/{name}.json"), &config(name, now).to_string());
    }
    write(
        "fleet.yaml",
        "apiVersion: stairway/v1\nkind: Fleet\nclusters:\n\
         - {name: prod-alpha, config: clusters/alpha.json, live: {assumed: old/alpha.json}}\n\
         - {config: clusters/gamma.json, live: {assumed: old/gamma.json}}\n\
         - {name: prod-beta, config: clusters/beta.json, live: {assumed: old/beta.json}}\n",
    );
    folder
}

fn scope(folder: &Path, subjects: &[&str]) -> Scope {
    Scope {
        subjects: subjects.iter().map(|s| (*s).to_owned()).collect(),
        cwd: folder.to_path_buf(),
        worker: WorkerMode::InProcess,
        ..Scope::default()
    }
}

type Outcomes = Vec<(String, Option<Result<Plan, String>>)>;

fn plans(scope: &Scope) -> Result<Outcomes, SelectError> {
    let selected = select(scope)?;
    let options = RunOptions {
        at: None,
        now: Timestamp::from_unix(1_795_000_000),
        parallelism: 2,
        live: true,
        worker: scope.worker.clone(),
        schema: None,
        outside: Outside::default(),
    };
    let catalog = Catalog::embedded();
    let asked = PlanOptions::default();
    let mut all = Vec::new();
    let work = |loaded: &Loaded| plan_cluster(loaded, &asked, catalog);
    let outcome = run(
        &selected.requests,
        &options,
        catalog,
        &work,
        &|| {},
        &mut |report| {
            let outcome = report
                .outcome
                .map(|o| o.map(|p| p.plan).map_err(|e| e.error));
            all.push((report.name, outcome));
            Ok::<(), ()>(())
        },
    );
    assert_eq!(outcome, Ok(()));
    Ok(all)
}

fn names(scope: &Scope) -> Vec<String> {
    let outcomes = plans(scope).map_err(|e| e.to_string()).unwrap();
    outcomes.into_iter().map(|(name, _)| name).collect()
}

#[test]
fn globs_files_and_filters_select() {
    let folder = fleet_folder();
    let here = folder.path();
    let all = ["gamma", "prod-alpha", "prod-beta"];
    assert_eq!(names(&scope(here, &[])), all);
    assert_eq!(
        names(&scope(here, &["prod-*"])),
        ["prod-alpha", "prod-beta"]
    );
    assert_eq!(names(&scope(here, &["gam*"])), ["gamma"]);
    assert_eq!(
        names(&scope(here, &["clusters/alpha.json"])),
        ["prod-alpha"]
    );
    assert_eq!(
        names(&scope(here, &["prod-beta", "clusters/alpha.json"])),
        ["prod-alpha", "prod-beta"]
    );
    let excluded = Scope {
        exclude: vec!["prod-*".to_owned()],
        ..scope(here, &[])
    };
    assert_eq!(names(&excluded), ["gamma"]);
    let target = Scope {
        target: vec!["*a".to_owned()],
        exclude: vec!["g*".to_owned()],
        ..scope(here, &[])
    };
    assert_eq!(names(&target), ["prod-alpha", "prod-beta"]);
}

#[test]
fn what_cannot_be_selected_is_said() {
    let folder = fleet_folder();
    let here = folder.path();
    let error = |scope: &Scope| plans(scope).map(|_| ()).unwrap_err();
    assert!(matches!(
        error(&scope(here, &["clusters/none.json"])),
        SelectError::MissingConfig { .. }
    ));
    assert!(matches!(
        error(&scope(here, &["clusters"])),
        SelectError::Folder { .. }
    ));
    let live = Scope {
        live: Some("old/alpha.json".into()),
        ..scope(here, &[])
    };
    assert!(matches!(
        error(&live),
        SelectError::LiveForSeveral { count: 3 }
    ));
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(
        error(&scope(empty.path(), &[])),
        SelectError::Nothing
    ));
    assert!(matches!(
        error(&scope(empty.path(), &["x*"])),
        SelectError::NoFleet { .. }
    ));
}

#[test]
fn a_name_that_is_missing_gets_near_names() {
    let folder = tempfile::tempdir().unwrap();
    let text = "apiVersion: stairway/v1\nkind: Fleet\nclusters:\n\
                - {name: openscapes, config: a.json, live: {assumed: a.json}}\n\
                - {name: berlin, config: b.json, live: {assumed: b.json}}\n";
    files::write_atomic(&folder.path().join("fleet.yaml"), text.as_bytes()).unwrap();
    match plans(&scope(folder.path(), &["openscape"])) {
        Err(SelectError::NoMatch { near, .. }) => assert_eq!(near, ["openscapes"]),
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_failure_is_its_own() {
    let folder = fleet_folder();
    let broken = folder.path().join("clusters/beta.json");
    files::write_atomic(&broken, b"{\"apiVersion\": ").unwrap();
    let outcomes = plans(&scope(folder.path(), &[])).unwrap();
    let failed: Vec<&str> = outcomes
        .iter()
        .filter(|(_, outcome)| matches!(outcome, Some(Err(_))))
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(failed, ["prod-beta"]);
    assert_eq!(outcomes.len(), 3);
}

#[test]
fn the_order_in_the_fleet_file_has_no_say() {
    let folder = fleet_folder();
    let before = plans(&scope(folder.path(), &[])).unwrap();
    let path = folder.path().join("fleet.yaml");
    let text = files::read_text(&path, 10_000).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.swap(3, 5);
    files::write_atomic(&path, (lines.join("\n") + "\n").as_bytes()).unwrap();
    let after = plans(&scope(folder.path(), &[])).unwrap();
    let without_fleet = |outcomes: Outcomes| -> Vec<Value> {
        outcomes
            .into_iter()
            .filter_map(|(_, outcome)| outcome?.ok())
            .map(|mut plan| {
                plan.inputs.fleet_digest = None;
                serde_json::to_value(plan.seal()).unwrap()
            })
            .collect()
    };
    assert_eq!(without_fleet(before), without_fleet(after));
}

#[test]
fn two_clusters_of_one_name_are_told_apart() {
    let folder = fleet_folder();
    let text = "apiVersion: stairway/v1\nkind: Fleet\nclusters:\n\
                - {config: clusters/alpha.json, live: {assumed: old/alpha.json}}\n\
                - {config: old/alpha.json, live: {assumed: old/alpha.json}}\n";
    files::write_atomic(&folder.path().join("fleet.yaml"), text.as_bytes()).unwrap();
    let outcomes = plans(&scope(folder.path(), &[])).unwrap();
    let said: Vec<bool> = outcomes
        .iter()
        .map(|(_, o)| matches!(o, Some(Ok(_))))
        .collect();
    assert_eq!(said, [true, false]);
}

#[test]
fn a_fleet_cannot_read_outside_of_its_root() {
    let outer = fleet_folder();
    let inner = outer.path().join("inner");
    let head = "apiVersion: stairway/v1\nkind: Fleet\nclusters:\n- ";
    let write = |name: &str, text: &str| {
        files::write_atomic(&inner.join(name), text.as_bytes()).unwrap();
    };
    write(".git/config", "{}");
    write("a.json", &config("a", "1.34").to_string());
    for entry in [
        "{name: a, config: a.json, live: {recorded: ../old/alpha.json}}",
        "{name: b, config: a.json, live: {assumed: ../old/alpha.json}}",
        "{name: c, config: ../clusters/alpha.json, live: {assumed: a.json}}",
        "{name: e, config: a.json, live: {world: ../fleet.yaml}}",
    ] {
        write("fleet.yaml", &format!("{head}{entry}\n"));
        let error = plans(&scope(&inner, &[]))
            .map(|_| ())
            .unwrap_err()
            .to_string();
        assert!(error.contains("outside of the root"), "{entry}: {error}");
        assert!(error.starts_with("fleet.yaml:4:"), "{entry}: {error}");
    }
    // Inside by name, and closed all the same.
    write(
        "fleet.yaml",
        &format!("{head}{{name: d, config: a.json, live: {{recorded: .git/config}}}}\n"),
    );
    for (name, outcome) in plans(&scope(&inner, &[])).unwrap() {
        match outcome {
            Some(Err(error)) => assert!(error.contains("outside of the root"), "{name}: {error}"),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn a_cluster_without_a_kubeconfig_says_so() {
    let folder = fleet_folder();
    let text = "apiVersion: stairway/v1\nkind: Fleet\nclusters:\n\
                - {name: b, config: clusters/alpha.json, live: {kubernetes: {context: b}}}\n";
    files::write_atomic(&folder.path().join("fleet.yaml"), text.as_bytes()).unwrap();
    for (name, outcome) in plans(&scope(folder.path(), &[])).unwrap() {
        match outcome {
            Some(Err(error)) => {
                assert!(error.contains("there is no kubeconfig"), "{name}: {error}")
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn assumed_plans_are_of_the_day_and_hold_no_host_paths() {
    let folder = fleet_folder();
    let here = folder.path();
    for (_, outcome) in plans(&scope(here, &[])).unwrap() {
        let Some(Ok(plan)) = outcome else {
            panic!("{outcome:?}")
        };
        assert!(plan.preview);
        assert_eq!(plan.inputs.at.map(|at| at.unix() % 86_400), Some(0));
        let text = serde_json::to_string(&plan).unwrap();
        assert!(!text.contains(&here.display().to_string()), "{text}");
    }
}
