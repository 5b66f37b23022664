//! The real binary against a served world full of secrets: what it prints, and every file that it writes.

use super::canaries::{Leaks, canary};
use super::raw::Raw;
use crate::runs::{Scene, approve};
use crate::served::through_apis;
use crate::support::{DEMO_FLEET, Run, files_below, read, wait_for, write};
use serde_json::{Value, json};
use stairway::live::WorldStore;
use stairway::serve::{Ground, Role, ServeOptions, Serving, kubeconfig};
use stairway_world::door::{DoorFault, Trouble};

const WORLD: &str = "testdata/demo/worlds/demo.yaml";
pub(super) const CLUSTER: &str = "harbor";
/// Outside of the repository, where the fleet of the demo looks for it.
pub(super) const KUBECONFIG: &str = "../home/.kube/stairway-demo";

pub(super) fn serve(scene: &Scene) -> Serving {
    let store = WorldStore::of_operator(&scene.place.work().join(WORLD)).expect("a world");
    let token = canary("token");
    let options = ServeOptions {
        clusters: vec![CLUSTER.to_owned()],
        port: 0,
        token: token.clone(),
        role: Role::Admin,
        tls: true,
        pace: 0,
        until_idle: None,
    };
    let serving = Serving::start(Ground::Stored(store), &options).expect("it serves");
    let text = kubeconfig(serving.endpoints(), Role::Admin.user(), &token);
    write(&scene.place.work().join(KUBECONFIG), &text);
    serving
}

fn plant(raw: &Raw) {
    let done = |method: &str, path: &str, body: Option<&Value>| {
        let (status, said) = raw.send(method, path, body);
        assert!(
            (200..300).contains(&status),
            "{method} {path}: {status} {said}"
        );
        said
    };
    let notes = json!({"metadata": {"labels": {"stairway.test/planted": "loud"}, "annotations": {
        "kubectl.kubernetes.io/last-applied-configuration": format!("{{\"env\": \"{}\"}}", canary("last-applied")),
        "note": canary("node-annotation"),
    }}});
    for (list, group) in [("/api/v1/nodes", ""), ("/api/v1/pods", "pods")] {
        for object in done("GET", list, None)["items"].as_array().expect("items") {
            let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default();
            let path = match group {
                "" => format!("{list}/{}", text("name")),
                plural => format!(
                    "/api/v1/namespaces/{}/{plural}/{}",
                    text("namespace"),
                    text("name")
                ),
            };
            done("PATCH", &path, Some(&notes));
        }
    }
    let auth = "/api/v1/namespaces/kube-system/configmaps/aws-auth";
    let extra = json!({"data": {"extra": canary("aws-auth-extra")}});
    if raw.send("GET", auth, None).0 == 200 {
        done("PATCH", auth, Some(&extra));
    }
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "loud"}, "stringData": {"key": canary("secret")}});
    done(
        "POST",
        "/api/v1/namespaces/kube-system/secrets",
        Some(&secret),
    );
}

/// Begins a run, ends it after its first effect as a machine that fails would, and returns what it printed.
fn begun(scene: &Scene) -> String {
    let id = scene.id(CLUSTER);
    let digest = approve(&id);
    let line = ["apply", &id, "--fleet", DEMO_FLEET, &digest, "--no-input"];
    let printed = scene.place.work().join("printed");
    let file = std::fs::File::create(&printed).expect("a file");
    let mut child = scene
        .place
        .command(&line)
        .stdout(file.try_clone().expect("a file"))
        .stderr(file)
        .spawn()
        .expect("the binary starts");
    wait_for("the first effect", || {
        let over = child.try_wait().expect("a child").is_some();
        let journal = scene.journal(CLUSTER);
        if journal.contains("effect-returned") {
            return Ok(());
        }
        assert!(!over, "it is over: {}", read(&printed));
        Err(journal)
    });
    let _gone = child.kill();
    let _gone = child.wait();
    read(&printed)
}

#[test]
fn no_command_prints_and_no_file_holds_a_secret_of_the_cluster() {
    let leaks = Leaks::default();
    let scene = Scene::new(0);
    through_apis(&scene.place);
    let mut serving = serve(&scene);
    let raw = Raw::open(&scene.place.work().join(KUBECONFIG), CLUSTER);
    plant(&raw);
    std::fs::remove_dir_all(scene.place.work().join("plans")).expect("plans");
    let heard = |what: &str, run: Run| {
        leaks.look(what, &(run.stdout.clone() + &run.stderr));
        run
    };
    let typed = |line: &[&str]| {
        let line = [line, &[CLUSTER, "--fleet", DEMO_FLEET]].concat();
        heard(&line.join(" "), scene.place.run(&line))
    };
    let seen = typed(&["observe"]).expect(0).stdout;
    assert!(
        seen.contains("stairway.test/planted"),
        "what was planted is read: {seen}"
    );
    for format in ["table", "json", "markdown"] {
        typed(&["plan", "--format", format]).expect(0);
    }
    typed(&["plan", "--out", "plans"]).expect(0);
    leaks.look("apply", &begun(&scene));
    heard("status", scene.run("status", CLUSTER, &[]));
    let journal = scene.journal(CLUSTER);
    assert!(journal.contains("effect-returned"), "{journal}");
    let lease = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/stairway";
    let (status, lease) = raw.send("GET", lease, None);
    assert_eq!(status, 200, "the run took the lease");
    leaks.look("the lease", &lease.to_string());
    // Everything that a run wrote: plans, journal, reports.
    let plans = scene.place.work().join("plans");
    let files = files_below(&plans);
    assert!(files.len() > 3, "{files:?}");
    for file in files {
        leaks.look(&file, &read(&plans.join(&file)));
    }
    for (path, trouble) in [
        ("/version", Trouble::Forbidden),
        ("/version", Trouble::Expired),
        ("/version", Trouble::Unwell(500)),
        ("/api*", Trouble::Forbidden),
        ("/api*", Trouble::Truncated),
    ] {
        let strike = DoorFault::of(path, trouble);
        let struck = serving.with(CLUSTER, |door, _| door.strike(strike));
        struck.expect("a cluster");
        typed(&["observe"]).calm();
        typed(&["plan"]).calm();
        let healed = serving.with(CLUSTER, |door, _| door.heal());
        healed.expect("a cluster");
    }
    serving.stop();
    let gone = typed(&["plan"]).calm();
    assert_ne!(gone.code, 0, "{gone:?}");
    leaks.none();
}
