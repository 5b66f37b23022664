//! How commands end against a Kubernetes API that is another one, is away, or takes nobody's word; and what hints say
//! then.

use crate::runs::{Scene, approve};
use crate::served::{serve, through_apis};
use crate::support::{DEMO_FLEET, read, wait_for_end, write};
use std::path::PathBuf;

/// Nothing was done: the cluster is another one.
const REFUSED: i32 = 5;
/// Nothing was done: the cluster could not be read.
const UNREAD: i32 = 6;

/// The demo behind APIs, with its plans; no server runs yet.
fn behind_apis() -> Scene {
    let scene = Scene::new(0);
    through_apis(&scene.place);
    scene
}

fn kubeconfig(scene: &Scene) -> PathBuf {
    scene.place.work().join("../home/.kube/stairway-demo")
}

fn plan(scene: &Scene) {
    std::fs::remove_dir_all(scene.place.work().join("plans")).expect("plans");
    scene.plan();
}

fn live(context: &str) -> String {
    format!("live: {{kubernetes: {{context: {context}, kubeconfig: ~/.kube/stairway-demo}}}}")
}

#[test]
fn another_cluster_is_refused_by_every_reader() {
    let scene = behind_apis();
    let _server = serve(&scene.place, &["--role", "plan"]);
    let fleet = read(&scene.place.work().join(DEMO_FLEET));
    let pinned = live("harbor").replace(
        "context: harbor",
        "context: harbor, endpoint: \"https://example.com\"",
    );
    let rows = [
        (
            "a context of another cluster",
            live("lagoon"),
            "is another cluster's",
        ),
        (
            "a pin of another endpoint",
            pinned,
            "pins `https://example.com`",
        ),
    ];
    for (sentence, live_there, words) in rows {
        let wrong = fleet.replace(&live("harbor"), &live_there);
        assert_ne!(wrong, fleet, "{sentence}");
        scene.place.file("testdata/demo/wrong.yaml", &wrong);
        for command in ["plan", "observe", "diff", "check"] {
            let line = [command, "harbor", "--fleet", "testdata/demo/wrong.yaml"];
            let run = scene.place.run(&line).refused(&[REFUSED], &[words]);
            assert!(
                !run.stderr.contains("fault of stairway"),
                "{sentence}: {}",
                run.stderr
            );
        }
        let line = [
            "plan",
            "harbor",
            "--fleet",
            "testdata/demo/wrong.yaml",
            "--out",
            "none",
        ];
        let run = scene
            .place
            .run(&line)
            .refused(&[REFUSED], &["No plan was made"]);
        assert!(
            !run.stderr.contains("Wrote the plans"),
            "{sentence}: {}",
            run.stderr
        );
        let set = read(&scene.place.work().join("none/planset.json"));
        assert!(
            set.contains("\"failure\":\"refused\"") && set.contains("\"exit\":5"),
            "{set}"
        );
        // Others of the fleet that are read get their plans.
        let line = [
            "plan",
            "*a*",
            "--fleet",
            "testdata/demo/wrong.yaml",
            "--out",
            "some",
        ];
        let run = scene.place.run(&line);
        assert_eq!(run.code, REFUSED, "{sentence}: {}", run.stderr);
        assert!(
            run.stderr.contains("Wrote the plans to some"),
            "{sentence}: {}",
            run.stderr
        );
    }
}

#[test]
fn a_malformed_pin_is_told_where_it_is_written() {
    let scene = behind_apis();
    let fleet = read(&scene.place.work().join(DEMO_FLEET));
    let malformed = fleet.replace(
        &live("harbor"),
        &live("harbor").replace(
            "context: harbor",
            "context: harbor, certificateAuthority: \"sha256:9f2c\"",
        ),
    );
    scene.place.file("testdata/demo/wrong.yaml", &malformed);
    let line = ["plan", "harbor", "--fleet", "testdata/demo/wrong.yaml"];
    scene.place.run(&line).refused(
        &[1],
        &[
            "testdata/demo/wrong.yaml:",
            "`clusters[0].live.kubernetes.certificateAuthority`",
            "malformed",
        ],
    );
}

#[test]
fn an_apply_to_a_cluster_that_does_not_answer_did_nothing() {
    let scene = behind_apis();
    let server = serve(&scene.place, &["--role", "apply"]);
    plan(&scene);
    let (path, good) = (kubeconfig(&scene), read(&kubeconfig(&scene)));
    let lines: Vec<String> = good
        .lines()
        .map(|line| match line.split_once("token: ") {
            Some((before, _)) => format!("{before}token: stale}}"),
            None => line.to_owned(),
        })
        .collect();
    write(&path, &format!("{}\n", lines.join("\n")));
    let hint = "kubectl --kubeconfig ";
    let words = [
        "Nothing was done",
        "could not be read",
        hint,
        "--context meadow",
    ];
    let dry: &[&str] = &[];
    let real: &[&str] = &[&approve(&scene.id("meadow")), "--no-input"];
    for more in [dry, real] {
        let run = scene.run("apply", "meadow", more);
        run.refused(&[UNREAD], &[&words[..], &["401"]].concat());
    }
    write(&path, &good);
    drop(server);
    for more in [dry, real] {
        let run = scene.run("apply", "meadow", more);
        let run = run.refused(&[UNREAD], &[&words[..], &["cannot be reached"]].concat());
        assert!(!run.stderr.contains("ServiceError"), "{}", run.stderr);
    }
    assert_eq!(scene.journal("meadow"), "");
    // A plan has no answer about the cluster at all.
    let run = scene.run("plan", "meadow", &[]);
    assert_ne!(run.code, 0, "a plan id is no cluster: {}", run.stderr);
    let line = ["plan", "meadow", "--fleet", DEMO_FLEET];
    scene.place.run(&line).refused(&[1], &["cannot be reached"]);
}

#[test]
fn hints_lead_back_to_the_same_fleet_and_a_resume_lists_what_is_left() {
    let scene = behind_apis();
    let server = serve(&scene.place, &["--role", "apply"]);
    plan(&scene);
    let id = scene.id("meadow");
    let fleet = format!("--fleet {DEMO_FLEET}");
    let begin = scene.run("status", "meadow", &[]).expect(0).stdout;
    let command = format!("stairway apply {id} {fleet} --approve=");
    assert!(begin.contains(&command), "{begin}");
    let mut child = scene.begin("meadow", "step-observed");
    child.kill().expect("killed");
    let _killed = wait_for_end("the killed run", &mut child);
    let dry = scene.run("apply", "meadow", &["--resume"]).expect(0);
    let left = dry.stdout.split("what is left:").nth(1).expect("a list");
    assert!(
        dry.stdout.contains(" of 27 steps are done; what is left:"),
        "{}",
        dry.stdout
    );
    assert!(
        !left.contains("\n    1  "),
        "the first step is done: {left}"
    );
    assert!(left.contains("\n   27  "), "{left}");
    let command = format!("`stairway apply {id} {fleet} --resume --approve=");
    assert!(dry.stderr.contains(&command), "{}", dry.stderr);
    let again = scene.run("apply", "meadow", &[]);
    again.refused(
        &[REFUSED],
        &[
            "has not come to its end",
            &format!("stairway apply {id} {fleet} --resume"),
        ],
    );
    says_that_it_stopped(&scene, &id, &fleet);
    // The plan is of this cluster; a context that leads elsewhere is refused, with the way to plan again.
    drop(server);
    let _another = serve(&scene.place, &["--role", "apply"]);
    let status = scene.run("status", "meadow", &[]).expect(0);
    let said = "whether the run goes on is not known: Connecting to context `meadow` was refused";
    assert!(status.stderr.contains(said), "{}", status.stderr);
    assert!(
        status.stdout.contains("it runs, or it"),
        "{}",
        status.stdout
    );
    scene.apply("meadow", &["--resume"]).refused(
        &[REFUSED],
        &[
            "the plan pins",
            &format!("stairway plan meadow {fleet} --out plans"),
        ],
    );
}

fn says_that_it_stopped(scene: &Scene, id: &str, fleet: &str) {
    // The process is gone and its lease is not: nobody says that the run goes on.
    let status = scene.run("status", "meadow", &[]).expect(0).stdout;
    let words: Vec<&str> = status.split_whitespace().collect();
    let said = words.join(" ");
    assert!(
        said.contains("stopped at `")
            && said.contains("it was killed, or it lost the cluster's lock"),
        "{status}"
    );
    assert!(!said.contains("running"), "{status}");
    for command in ["apply", "rollback"] {
        let hint = format!("stairway {command} {id} {fleet}");
        assert!(status.contains(&hint), "{hint}: {status}");
    }
    let json = scene
        .run("status", "meadow", &["--format", "json"])
        .expect(0)
        .json();
    assert_eq!(json["state"], "stopped");
    let list = scene
        .place
        .run(&["status", "plans", "--fleet", DEMO_FLEET])
        .expect(0)
        .stdout;
    let row = list
        .lines()
        .find(|line| line.starts_with(id))
        .expect("a row");
    assert!(row.contains("running or killed"), "{list}");
    assert!(
        list.contains(&format!("Look closer: stairway status {id} {fleet}")),
        "{list}"
    );
}

#[test]
fn a_context_that_does_not_exist_is_an_error_of_the_config_for_every_command() {
    let scene = behind_apis();
    let server = serve(&scene.place, &["--role", "apply"]);
    plan(&scene);
    let fleet = read(&scene.place.work().join(DEMO_FLEET));
    let moved = fleet.replace("context: meadow,", "context: nowhere,");
    assert_ne!(fleet, moved);
    scene.place.file(DEMO_FLEET, &moved);
    let approved = approve(&scene.id("meadow"));
    for line in [
        vec!["plan", "meadow", "--fleet", DEMO_FLEET],
        vec!["observe", "meadow", "--fleet", DEMO_FLEET],
    ] {
        scene.place.run(&line).refused(&[1], &["no such context"]);
    }
    for more in [vec![], vec![approved.as_str(), "--no-input"]] {
        let run = scene.run("apply", "meadow", &more);
        run.refused(&[1], &["no such context"]);
    }
    assert_eq!(scene.journal("meadow"), "");
    drop(server);
}
