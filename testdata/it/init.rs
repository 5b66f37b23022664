//! `init` and `init cluster` with the real binary: what is written works, and nothing is ever lost.

use crate::support::{Place, Run, USAGE, files_below, read, write};
use std::path::Path;
use std::process::Command;

/// Runs a line as it is printed, with the binary on the path.
fn paste(place: &Place, folder: &Path, line: &str) -> Run {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [program, arguments @ ..] = words.as_slice() else {
        panic!("an empty line")
    };
    assert_eq!(*program, "stairway", "{line}");
    in_folder(place, folder, arguments)
}

fn in_folder(place: &Place, folder: &Path, arguments: &[&str]) -> Run {
    let output = place
        .command(arguments)
        .current_dir(folder)
        .output()
        .expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Run {
        code: output.status.code().unwrap_or(-1),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
        seconds: 0,
    }
}

fn git(folder: &Path, arguments: &[&str]) {
    let run = Command::new("git")
        .args(["-c", "user.name=Ann", "-c", "user.email=ann@example.org"])
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("git runs");
    assert!(
        run.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&run.stderr)
    );
}

#[test]
fn a_new_repository_plans_at_once_and_what_is_printed_can_be_pasted() {
    let place = Place::new();
    let run = place.run(&["init", "fleet"]).expect(0);
    let folder = place.work().join("fleet");
    let expected = [
        ".github/workflows/stairway-apply.yml",
        ".github/workflows/stairway-drift.yml",
        ".github/workflows/stairway-plan.yml",
        ".gitignore",
        ".stairway/allowed_signers",
        ".stairway/ci/README.md",
        ".stairway/ci/apply.sh",
        ".stairway/ci/drift.sh",
        ".stairway/ci/install.sh",
        ".stairway/ci/kubeconfig.sh",
        ".stairway/ci/plan.sh",
        ".stairway/ci/store.sh",
        ".stairway/generated/sandbox.base",
        ".stairway/generated/sandbox.json",
        "README.md",
        "clusters/sandbox.jsonnet",
        "fleet.yaml",
        "lib/eksctl.libsonnet",
        "plans/.gitkeep",
        "templates/cluster.jsonnet",
        "worlds/sandbox.yaml",
    ];
    assert_eq!(files_below(&folder), expected);
    for name in expected.iter().filter_map(|path| path.rsplit('/').next()) {
        assert!(
            run.stdout.contains(&format!(" {name}\n")),
            "{name} in {}",
            run.stdout
        );
    }
    let mut lines = run
        .stderr
        .lines()
        .filter_map(|line| line.strip_prefix("  "));
    assert_eq!(lines.next(), Some("cd fleet"));
    let pasted: Vec<Run> = lines
        .map(|line| paste(&place, &folder, line).expect(0))
        .collect();
    assert_eq!(pasted.len(), 3);
    let planned = &pasted[0].stdout;
    assert!(planned.starts_with("Plan: 1 to upgrade"), "{planned}");
    assert!(planned.contains("Every step has a way back"), "{planned}");
    assert!(
        !planned.contains("@tags"),
        "the world differs in more than the version: {planned}"
    );
    // Nothing that was just made has drifted.
    let diff = in_folder(&place, &folder, &["diff"]).expect(0);
    assert!(!diff.stdout.contains("not ours"), "{}", diff.stdout);
}

#[test]
fn the_loop_of_the_readme_runs_to_its_end() {
    let place = Place::new();
    place.run(&["init", "fleet"]).expect(0);
    let folder = place.work().join("fleet");
    git(&folder, &["init", "-q"]);
    git(&folder, &["add", "-A"]);
    git(&folder, &["commit", "-qm", "begin"]);
    let run = |line: &str| paste(&place, &folder, line);
    let set = run("stairway plan --out plans --format json")
        .expect(0)
        .json();
    let digest = set["clusters"][0]["digest"].as_str().expect("a digest");
    let hex = &digest.trim_start_matches("sha256:")[..12];
    run(&format!(
        "stairway apply sandbox --approve={hex} --no-input"
    ))
    .expect(0);
    run("stairway status sandbox").expect(0);
    assert!(
        run("stairway plan")
            .expect(0)
            .stdout
            .starts_with("No changes.")
    );
    let back = run("stairway rollback sandbox").expect(0);
    assert!(
        back.stdout.contains("rollback-control-plane"),
        "{}",
        back.stdout
    );
    run("stairway world reset worlds/sandbox.yaml").expect(0);
    let readme = read(&folder.join("README.md"));
    for line in readme
        .lines()
        .filter_map(|line| line.strip_prefix("    stairway "))
    {
        let command = line.split_whitespace().next().expect("a command");
        place.run(&[command, "--help"]).expect(0);
    }
    let status = Command::new("git")
        .args(["status", "--porcelain"])
        .current_dir(&folder)
        .output()
        .expect("git runs");
    let left = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(
        left.lines().all(|line| line.contains("plans/")),
        "only plans are new: {left}"
    );
}

#[test]
fn nothing_is_overwritten_and_nothing_half_written() {
    let place = Place::new();
    place.file("fleet/fleet.yaml", "mine\n");
    place.file("fleet/lib", "a file where a folder would go\n");
    let before = files_below(&place.work());
    let words = [
        "in the way",
        "fleet.yaml",
        "lib/eksctl.libsonnet",
        "nothing was written",
        "Hint",
    ];
    place.run(&["init", "fleet"]).refused(&[1], &words);
    assert_eq!(files_below(&place.work()), before);
    place
        .run(&["init", "fleet", "--keep-existing"])
        .refused(&[1], &["fleet.yaml"]);
    assert_eq!(read(&place.work().join("fleet/fleet.yaml")), "mine\n");

    place.file("other/README.md", "mine\n");
    place.run(&["init", "other"]).refused(&[1], &["README.md"]);
    let run = place.run(&["init", "other", "--keep-existing"]).expect(0);
    assert!(
        run.stderr.contains("`README.md` is there already"),
        "{}",
        run.stderr
    );
    assert_eq!(read(&place.work().join("other/README.md")), "mine\n");
    in_folder(&place, &place.work().join("other"), &["plan"]).expect(0);

    let target = place.work().join("elsewhere");
    std::fs::create_dir(&target).expect("a folder");
    std::fs::create_dir(place.work().join("linked")).expect("a folder");
    std::os::unix::fs::symlink(&target, place.work().join("linked/clusters")).expect("a link");
    place
        .run(&["init", "linked"])
        .refused(&[1], &["clusters/sandbox.jsonnet"]);
    assert_eq!(files_below(&target), Vec::<String>::new());
    place
        .run(&["init", "/proc/stairway"])
        .refused(&[1], &["/proc"]);
}

#[test]
fn a_run_that_was_killed_is_finished_by_the_next() {
    let place = Place::new();
    let folder = place.work().join("here");
    place.run(&["init", "here", "--version", "1.33"]).expect(0);
    // What a run of another day leaves when it is killed: its mark, and some of its files.
    let mut begun = serde_json::Map::new();
    for path in [
        "clusters/sandbox.jsonnet",
        "worlds/sandbox.yaml",
        ".stairway/generated/sandbox.base",
        ".stairway/generated/sandbox.json",
    ] {
        let bytes = read(&folder.join(path));
        let digest = stairway_core::model::Digest::of(bytes.as_bytes()).to_string();
        begun.insert(path.to_owned(), digest.into());
    }
    std::fs::remove_file(folder.join("fleet.yaml")).expect("removed");
    std::fs::remove_dir_all(folder.join("lib")).expect("removed");
    place
        .run(&["init", "here", "--version", "1.34"])
        .refused(&[1], &["clusters/sandbox.jsonnet"]);
    let mark = folder.join(".stairway/init.unfinished");
    write(&mark, &serde_json::Value::Object(begun).to_string());
    place.run(&["init", "here", "--version", "1.34"]).expect(0);
    assert!(!mark.exists());
    assert!(read(&folder.join("clusters/sandbox.jsonnet")).contains("'1.34'"));
    in_folder(&place, &folder, &["plan"]).expect(0);
    // Half a mark is no mark.
    write(&mark, "{\"fleet.yaml\": ");
    place
        .run(&["init", "here", "--version", "1.35"])
        .refused(&[1], &["clusters/sandbox.jsonnet"]);
}

#[test]
fn a_dry_run_and_wrong_words_write_nothing() {
    let place = Place::new();
    let dry = place.run(&["init", "fleet", "--dry-run"]).expect(0);
    assert!(dry.stdout.contains("  fleet.yaml\n"));
    let rows: [(&[&str], i32, &str); 6] = [
        (&["init"], USAGE, "needs a folder"),
        (&["init", "x", "--name", "../x"], USAGE, "cannot be"),
        (&["init", "x", "--name", "a b"], USAGE, "cannot be"),
        (&["init", "x", "--region", "moon"], USAGE, "no region"),
        (&["init", "x", "--version", "1"], USAGE, "--version"),
        (&["init", "cluster", "x"], 1, "no fleet file"),
    ];
    for (words, code, told) in rows {
        let run = place.run(words).refused(&[code], &[told]);
        assert_eq!(run.stdout, "");
    }
    assert_eq!(files_below(&place.work()), Vec::<String>::new());
    place
        .run(&["init", ".", "--name", "reef", "--region", "eu-north-1"])
        .expect(0);
    let planned = place.run(&["plan"]).expect(0).stdout;
    assert!(planned.contains("reef"), "{planned}");
}

/// A fleet to add clusters to, with everything that happened to it before.
fn fleet() -> Place {
    let place = Place::new();
    place.run(&["init", "."]).expect(0);
    place
}

#[test]
fn a_cluster_is_generated_recorded_and_added() {
    let place = fleet();
    let before = read(&place.work().join("fleet.yaml"));
    let words = [
        "init",
        "cluster",
        "lagoon",
        "--region",
        "ap-southeast-2",
        "--version",
        "1.34",
        "--hub",
        "staging",
        "--hub",
        "prod",
        "--answer",
        "users=r7i.xlarge",
    ];
    let run = place.run(&words).expect(0);
    assert!(
        run.stderr.contains("stairway plan lagoon"),
        "{}",
        run.stderr
    );
    let config = read(&place.work().join("clusters/lagoon.jsonnet"));
    for line in [
        "local name = 'lagoon';",
        "local region = 'ap-southeast-2';",
        "local version = '1.34';",
        "local hubs = ['staging', 'prod'];",
        "local users = ['r7i.xlarge'];",
    ] {
        assert!(config.contains(line), "{line}");
    }
    assert!(
        !config.contains("//:") && config.contains("// EKS add-ons."),
        "comments for people stay"
    );
    let after = read(&place.work().join("fleet.yaml"));
    assert!(
        after.starts_with(&before) && after.contains("- name: lagoon\n"),
        "{after}"
    );
    let record = read(&place.work().join(".stairway/generated/lagoon.json"));
    for word in [
        "\"template\": \"templates/cluster.jsonnet\"",
        "\"hubs\": [",
        "\"template_digest\": \"sha256:",
    ] {
        assert!(record.contains(word), "{word} in {record}");
    }
    assert_eq!(
        read(&place.work().join(".stairway/generated/lagoon.base")),
        config
    );
    let rendered = place
        .run(&["render", "clusters/lagoon.jsonnet"])
        .expect(0)
        .stdout;
    assert!(
        rendered.contains("name: nb-staging-r7i-xlarge-a"),
        "{rendered}"
    );
    let planned = place.run(&["plan", "lagoon"]).expect(0).stdout;
    assert!(planned.contains("lagoon  1.33 → 1.34"), "{planned}");
    place.run(&words).refused(
        &[1],
        &["has a cluster `lagoon` already", "template diff lagoon"],
    );
}

#[test]
fn hostile_names_and_answers_write_nothing() {
    let place = fleet();
    let before = files_below(&place.work());
    let fleet_before = read(&place.work().join("fleet.yaml"));
    let long = "x".repeat(101);
    let region: [&str; 2] = ["--region", "us-west-2"];
    let rows: [(&str, &[&str], &str); 15] = [
        ("../x", &region, "cannot be a cluster's name"),
        ("a/b", &region, "cannot be a cluster's name"),
        ("x'y", &region, "cannot be a cluster's name"),
        ("${X}", &region, "cannot be a cluster's name"),
        (&long, &region, "longer than 100"),
        ("", &region, "cannot be a cluster's name"),
        ("x", &[], "region (region): the AWS region"),
        ("x", &["--region", "us'west"], "no region"),
        (
            "x",
            &["--region", "us-west-2", "--hub", "a'b"],
            "characters other than",
        ),
        (
            "x",
            &["--region", "us-west-2", "--hub", "${HUB}"],
            "characters other than",
        ),
        (
            "x",
            &["--region", "us-west-2", "--answer", "hubs=a\nb"],
            "characters other than",
        ),
        (
            "x",
            &["--region", "us-west-2", "--answer", "hubs"],
            "has no value",
        ),
        (
            "x",
            &["--region", "us-west-2", "--answer", "region=us-east-1"],
            "answered twice",
        ),
        (
            "x",
            &["--region", "us-west-2", "--answer", "hub=a"],
            "did you mean `--answer hubs=…`?",
        ),
        ("sandbox", &region, "already"),
    ];
    for (name, words, told) in rows {
        let all = [&["init", "cluster", name, "--no-input"], words].concat();
        place.run(&all).refused(&[1, USAGE], &[told]);
    }
    assert_eq!(files_below(&place.work()), before);
    assert_eq!(read(&place.work().join("fleet.yaml")), fleet_before);
}

#[test]
fn templates_of_others_are_taken_or_refused_by_name() {
    let place = fleet();
    place.file(
        "templates/jinja.jsonnet",
        "local name = '<< cluster_name >>';\n",
    );
    place.file(
        "templates/broken.jsonnet",
        "//: template v1\n//: param name cluster required: n\nlocal name = 'x';\n{\n",
    );
    place.file("templates/other.jsonnet", "//: template v1\n//: param name cluster required: n\nlocal name = 'x';\n{ apiVersion: 'eksctl.io/v1alpha5', kind: 'ClusterConfig', metadata: { name: 'other', region: 'us-west-2', version: '1.34' } }\n");
    place.file("templates/env.jsonnet", "//: template v1\n//: param name cluster required: n\n//: param note text: a note\nlocal name = 'x';\nlocal note = '';\n{ apiVersion: 'eksctl.io/v1alpha5', kind: 'ClusterConfig', metadata: { name: name, region: 'us-west-2', version: '1.34', tags: { note: note } } }\n");
    let outside = place.work().join("../outside.jsonnet");
    write(&outside, "//: template v1\n{}\n");
    let before = files_below(&place.work());
    let rows = [
        ("templates/jinja.jsonnet", "is a jinja template"),
        ("templates/broken.jsonnet", "failed"),
        (
            "templates/other.jsonnet",
            "renders to a cluster called `other`",
        ),
        ("templates/none.jsonnet", "no such file"),
        (
            "../outside.jsonnet",
            "not below the folder of the fleet file",
        ),
        ("README.md", "no template of stairway"),
    ];
    for (template, told) in rows {
        place
            .run(&["init", "cluster", "x", "--template", template])
            .refused(&[1], &[told]);
    }
    let env = [
        "init",
        "cluster",
        "x",
        "--template",
        "templates/env.jsonnet",
        "--answer",
    ];
    place
        .run(&[&env[..], &["note=${HOME}"]].concat())
        .refused(&[1], &["nothing was written", "HOME"]);
    assert_eq!(files_below(&place.work()), before);
    place
        .run(&[&env[..], &["note=it's \"so\" \\n"]].concat())
        .expect(0);
    let rendered = place.run(&["render", "x", "--format", "json"]).expect(0);
    assert!(
        rendered.stdout.contains(r#"it's \"so\" \\n"#),
        "{}",
        rendered.stdout
    );
}

#[test]
fn a_fleet_that_cannot_be_edited_gets_the_entry_to_paste() {
    let place = fleet();
    std::fs::remove_file(place.work().join("fleet.yaml")).expect("removed");
    place.file("fleet.jsonnet", "{ apiVersion: 'stairway/v1', kind: 'Fleet', clusters: [{ config: 'clusters/sandbox.jsonnet', live: { world: 'worlds/sandbox.yaml' } }] }\n");
    let before = files_below(&place.work());
    let words = [
        "init",
        "cluster",
        "reef",
        "--region",
        "us-west-2",
        "--context",
        "reef-admin",
    ];
    place
        .run(&words)
        .refused(&[1], &["jsonnet is not edited", "--no-entry"]);
    assert_eq!(files_below(&place.work()), before);
    let run = place.run(&[&words[..], &["--no-entry"]].concat()).expect(0);
    assert_eq!(
        run.stdout,
        "- name: reef\n  config: clusters/reef.jsonnet\n  live: {kubernetes: {context: \"reef-admin\"}}\n  aws: {region: \"us-west-2\"}\n"
    );
    assert!(place.work().join("clusters/reef.jsonnet").is_file());
    place.file("clusters/tarn.jsonnet", "mine\n");
    place
        .run(&[
            "init",
            "cluster",
            "tarn",
            "--region",
            "us-west-2",
            "--no-entry",
        ])
        .refused(&[1], &["in the way", "clusters/tarn.jsonnet"]);
}

#[test]
fn versions_that_eks_does_not_offer_are_refused() {
    let place = Place::new();
    let rows = [
        ("1.99", "the newest that EKS offers"),
        ("2.1", "the newest that EKS offers"),
        ("1.20", "EKS support of 1.20 ended on"),
        ("1.2", "does not offer it"),
    ];
    for (version, told) in rows {
        let run = place
            .run(&["init", "x", "--version", version])
            .refused(&[USAGE], &[told, "Hint: EKS offers --version 1."]);
        assert_eq!(run.stdout, "");
    }
    assert_eq!(files_below(&place.work()), Vec::<String>::new());
    place.run(&["init", "."]).expect(0);
    let before = files_below(&place.work());
    let begin = [
        "init",
        "cluster",
        "x",
        "--region",
        "us-west-2",
        "--no-input",
    ];
    for (version, told) in rows {
        let answer = format!("version={version}");
        for words in [["--version", version], ["--answer", &answer]] {
            place
                .run(&[&begin[..], &words].concat())
                .refused(&[USAGE], &[told, "--version 1."]);
        }
        place
            .run(&["template", "diff", "sandbox", "--answer", &answer])
            .refused(&[USAGE], &[told]);
    }
    assert_eq!(files_below(&place.work()), before);
}

#[test]
fn a_name_that_differs_in_case_only_is_refused_for_that() {
    let place = fleet();
    let before = files_below(&place.work());
    place
        .run(&["init", "cluster", "SANDBOX", "--region", "us-west-2"])
        .refused(
            &[1],
            &["differ in case only", "stairway init cluster sandbox-2"],
        );
    assert_eq!(files_below(&place.work()), before);
}
