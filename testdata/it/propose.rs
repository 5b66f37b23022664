//! `plan --propose` with the real binary: the edit is exact, small, and asks for the same steps.

use crate::support::{DEMO_FLEET, Place, demo, files_below, read};
use crate::template::git_apply;
use serde_json::Value;

/// A fleet of one library cluster whose groups all have nodes, and of one in plain YAML.
fn fleet() -> Place {
    let place = Place::new();
    place.file(".git/HEAD", "ref: refs/heads/main\n");
    place.copy("templates/lib");
    let config = "// not '1.30', and not 'a'\nlocal eksctl = import '../templates/lib/eksctl.libsonnet';\neksctl.cluster({\n  name: 'reef',\n  region: 'us-west-2',\n  version: '1.30',\n  zones: ['us-west-2a', 'us-west-2b'],\n  managed: false,\n  core: [{ instance: 'r7i.large' }],\n  user: [{ instance: 'r7i.xlarge', min: 1 }],\n  generations: ['a'],\n})\n";
    place.file("clusters/reef.jsonnet", config);
    place.file("old/reef.jsonnet", config);
    let yaml = "# 1.30 and core-a\napiVersion: eksctl.io/v1alpha5\nkind: ClusterConfig\nmetadata: {name: tarn, region: us-west-2, version: \"1.30\"}\nnodeGroups:\n  - name: core-a # core-a\n    instanceType: r7i.large\n    minSize: 1\n    maxSize: 3\n    labels: {hub.jupyter.org/node-purpose: core, team/generation: a}\n";
    place.file("clusters/tarn.yaml", yaml);
    place.file("old/tarn.yaml", yaml);
    place.file("fleet.yaml", "apiVersion: stairway/v1\nkind: Fleet\nclusters:\n  - {name: reef, config: clusters/reef.jsonnet, live: {assumed: old/reef.jsonnet}}\n  - {name: tarn, config: clusters/tarn.yaml, live: {assumed: old/tarn.yaml}}\n");
    place
}

/// The ids of all steps, by cluster.
fn steps(place: &Place, words: &[&str]) -> Vec<(String, Vec<String>)> {
    let set = place
        .run(&[&["plan", "--format", "json"], words].concat())
        .expect(0)
        .json();
    let ids = |list: &Value| -> Vec<String> {
        let steps = list.as_array().expect("steps").iter();
        steps
            .map(|step| step["id"].as_str().expect("an id").to_owned())
            .collect()
    };
    let clusters = set["clusters"].as_array().expect("clusters").iter();
    clusters
        .map(|plan| {
            let all = [ids(&plan["steps"]), ids(&plan["not_now"])].concat();
            (plan["name"].as_str().expect("a name").to_owned(), all)
        })
        .collect()
}

#[test]
fn version_and_generations_are_edited_and_the_plan_stays_the_same() {
    let place = fleet();
    let files = files_below(&place.work());
    let before = steps(&place, &["--to", "1.34"]);
    let run = place.run(&["plan", "--to", "1.34", "--propose"]).expect(0);
    assert_eq!(files_below(&place.work()), files, "nothing is written");
    let changed: Vec<&str> = run
        .stdout
        .lines()
        .filter(|line| {
            line.starts_with(['+', '-']) && !line.starts_with("+++") && !line.starts_with("---")
        })
        .collect();
    assert_eq!(
        changed,
        [
            "-  version: '1.30',",
            "+  version: '1.34',",
            "-  generations: ['a'],",
            "+  generations: ['b'],",
            "-metadata: {name: tarn, region: us-west-2, version: \"1.30\"}",
            "+metadata: {name: tarn, region: us-west-2, version: \"1.34\"}",
            "-  - name: core-a # core-a",
            "+  - name: core-b # core-a",
            "-    labels: {hub.jupyter.org/node-purpose: core, team/generation: a}",
            "+    labels: {hub.jupyter.org/node-purpose: core, team/generation: b}",
        ]
    );
    assert!(run.stderr.contains("reef: clusters/reef.jsonnet:6, clusters/reef.jsonnet:11: asks for 1.34; renames core-r7i-large-a → core-r7i-large-b, "), "{}", run.stderr);
    git_apply(&place.work(), &run.stdout);
    assert_eq!(steps(&place, &[]), before);
    let again = place.run(&["plan", "--to", "1.34", "--propose"]).expect(0);
    assert_eq!(again.stdout, "");
    assert!(
        again.stderr.contains("nothing to propose"),
        "{}",
        again.stderr
    );
}

#[test]
fn groups_that_cannot_be_renamed_exactly_keep_their_names_and_it_is_said() {
    let place = fleet();
    // An empty group is recreated under its name, and one letter names both groups.
    for path in ["clusters/reef.jsonnet", "old/reef.jsonnet"] {
        let text = read(&place.work().join(path)).replace(", min: 1 }", " }");
        place.file(path, &text);
    }
    let before = steps(&place, &["reef", "--to", "1.34"]);
    let run = place
        .run(&["plan", "reef", "--to", "1.34", "--propose"])
        .expect(0);
    assert!(!run.stdout.contains("generations: ['b']"), "{}", run.stdout);
    assert!(
        run.stderr
            .contains("`core-r7i-large-a` keeps its name in git"),
        "{}",
        run.stderr
    );
    git_apply(&place.work(), &run.stdout);
    assert_eq!(steps(&place, &["reef"]), before);
}

#[test]
fn every_cluster_of_the_demo_asks_for_the_same_steps_afterwards() {
    let place = demo();
    let words = ["--fleet", DEMO_FLEET, "--to", "1.35"];
    let before = steps(&place, &words);
    let run = place
        .run(&[&["plan", "--propose"], &words[..]].concat())
        .expect(0);
    git_apply(&place.work(), &run.stdout);
    assert_eq!(steps(&place, &words[..2]), before);
    let harbor = place
        .run(&[
            "plan",
            "harbor",
            "--fleet",
            DEMO_FLEET,
            "--to",
            "1.35",
            "--propose",
        ])
        .expect(0);
    assert_eq!(harbor.stdout, "", "only what git does not ask for yet");
}

#[test]
fn a_shared_library_is_not_edited_behind_other_clusters_backs() {
    let place = fleet();
    place.file("lib/version.libsonnet", "'1.30'\n");
    for name in ["reef", "moor"] {
        let text = read(&place.work().join("old/reef.jsonnet"))
            .replace(
                "version: '1.30'",
                "version: import '../lib/version.libsonnet'",
            )
            .replace("'reef'", &format!("'{name}'"));
        place.file(&format!("clusters/{name}.jsonnet"), &text);
    }
    let fleet = read(&place.work().join("fleet.yaml"));
    let words = ["plan", "reef", "--to", "1.31", "--propose"];
    let alone = place.run(&words).expect(0);
    assert!(
        alone.stdout.contains("+'1.31'"),
        "nobody else imports it: {}",
        alone.stdout
    );
    place.file("fleet.yaml", &format!("{fleet}  - {{name: moor, config: clusters/moor.jsonnet, live: {{assumed: old/reef.jsonnet}}}}\n"));
    let run = place.run(&words).refused(
        &[1],
        &["lib/version.libsonnet", "rendered too: `moor`", "Hint"],
    );
    assert_eq!(run.stdout, "");
}

#[test]
fn what_is_not_written_anywhere_is_said() {
    let place = fleet();
    let reef = read(&place.work().join("clusters/reef.jsonnet"));
    place.file(
        "clusters/reef.jsonnet",
        &reef.replace("'1.30',", "'1.' + (20 + 10),"),
    );
    place
        .run(&["plan", "reef", "--to", "1.34", "--propose"])
        .refused(&[1], &["asks for 1.34", "computed"]);
    let tarn = read(&place.work().join("clusters/tarn.yaml"));
    place.file(
        "clusters/tarn.yaml",
        &tarn.replace(", version: \"1.30\"", ""),
    );
    place
        .run(&["plan", "tarn", "--to", "1.34", "--propose"])
        .refused(&[1], &["no `metadata.version`", "version: '1.34'"]);
    place
        .run(&["plan", "reef", "--propose", "--out", "plans"])
        .refused(&[64], &["--propose"]);
}

#[test]
fn after_the_proposed_edit_was_carried_out_nothing_is_left_to_do() {
    let place = Place::new();
    place.run(&["init", "."]).expect(0);
    let config = read(&place.work().join("clusters/sandbox.jsonnet"));
    let newest = config
        .split("local version = '")
        .nth(1)
        .and_then(|rest| rest.split('\'').next());
    let newest = newest.expect("a version").to_owned();
    let minor: u32 = newest.trim_start_matches("1.").parse().expect("a minor");
    let before = format!("1.{}", minor - 1);
    place.file(
        "clusters/sandbox.jsonnet",
        &config.replace(&newest, &before),
    );
    let run = place.run(&["plan", "--to", &newest, "--propose"]).expect(0);
    git_apply(&place.work(), &run.stdout);
    assert_eq!(read(&place.work().join("clusters/sandbox.jsonnet")), config);
    let set = place
        .run(&["plan", "--out", "plans", "--format", "json"])
        .expect(0)
        .json();
    let digest = set["clusters"][0]["digest"].as_str().expect("a digest");
    let hex = &digest.trim_start_matches("sha256:")[..12];
    place
        .run(&[
            "apply",
            "sandbox",
            &format!("--approve={hex}"),
            "--no-input",
        ])
        .expect(0);
    assert!(
        place
            .run(&["plan"])
            .expect(0)
            .stdout
            .starts_with("No changes.")
    );
}

#[test]
fn a_target_that_cannot_be_reached_is_not_proposed() {
    let place = fleet();
    let rows: [(&str, &[&str]); 5] = [
        (
            "1.99",
            &["asks for 1.99", "EKS has no such version", "Correct"],
        ),
        ("2.1", &["EKS has no such version"]),
        (
            "1.29",
            &["a rollback", "is blocked", "stairway rollback reef"],
        ),
        ("1.20", &["a rollback", "stairway plan reef --to 1.20"]),
        // Not offered yet on that day.
        ("1.36", &["EKS offers 1.36 from 2026-06-02", "Choose"]),
    ];
    for (to, words) in rows {
        let run = place
            .run(&[
                "plan",
                "reef",
                "--to",
                to,
                "--at",
                "2026-03-01T00:00:00Z",
                "--propose",
            ])
            .refused(&[1], words);
        assert_eq!(run.stdout, "", "{to}");
    }
}

#[test]
fn a_target_that_is_blocked_for_now_is_proposed_with_a_warning() {
    let place = fleet();
    // No minor has an add-on of this name: every hop is held back, and git may ask for it all the same.
    for path in ["clusters/tarn.yaml", "old/tarn.yaml"] {
        let text = read(&place.work().join(path)).replace(
            "    instanceType",
            "    amiFamily: AmazonLinux2\n    instanceType",
        );
        place.file(path, &text);
    }
    let run = place
        .run(&["plan", "tarn", "--to", "1.34", "--propose"])
        .expect(0);
    assert!(run.stdout.contains("+metadata"), "{}", run.stdout);
    let warning = run.stderr.lines().find(|line| line.starts_with("Warning"));
    assert!(
        warning.is_some_and(|line| line.contains("held back now, by") && line.contains("R4")),
        "{}",
        run.stderr
    );
}
