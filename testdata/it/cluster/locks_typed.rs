//! The real binary and the lease of a served cluster: what a refusal leaves, and what is said of a lock that nobody
//! can look at or that somebody else took.

use super::canaries_typed::{CLUSTER, KUBECONFIG, serve};
use super::raw::Raw;
use crate::runs::Scene;
use crate::served::through_apis;
use crate::support::{DEMO_FLEET, wait_for_end, write};
use serde_json::{Value, json};
use stairway_world::door::{DoorFault, Trouble};

const REFUSED: i32 = 5;
const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/stairway";

/// A run that was killed after its first effect, its server, and a client beside it.
struct Killed {
    scene: Scene,
    serving: stairway::serve::Serving,
    raw: Raw,
}

impl Killed {
    fn new() -> Self {
        let scene = Scene::new(0);
        through_apis(&scene.place);
        let serving = serve(&scene);
        let raw = Raw::open(&scene.place.work().join(KUBECONFIG), CLUSTER);
        std::fs::remove_dir_all(scene.place.work().join("plans")).expect("plans");
        // The other clusters of the fleet are not served.
        let line = ["plan", CLUSTER, "--fleet", DEMO_FLEET, "--out", "plans"];
        scene.place.run(&line).expect(0);
        let mut child = scene.begin(CLUSTER, "effect-returned");
        child.kill().expect("killed");
        let _killed = wait_for_end("the killed run", &mut child);
        Self {
            scene,
            serving,
            raw,
        }
    }

    fn lease(&self) -> Value {
        let (status, lease) = self.raw.send("GET", LEASE, None);
        assert_eq!(status, 200, "{lease}");
        lease
    }

    /// What the lease says of runs.
    fn note(&self) -> Value {
        let lease = self.lease();
        let text = lease["metadata"]["annotations"]["stairway/lock"].as_str();
        serde_json::from_str(text.expect("an annotation")).expect("JSON")
    }

    fn status(&self) -> (String, String) {
        let run = self.scene.run("status", CLUSTER, &[]).expect(0);
        let said: Vec<&str> = run.stdout.split_whitespace().collect();
        (said.join(" "), run.stderr)
    }
}

#[test]
fn a_refusal_leaves_the_lease_as_the_last_run_left_it() {
    let killed = Killed::new();
    let before = killed.note();
    assert_ne!(before["run"], "", "{before}");
    let journal = killed.scene.dir(CLUSTER).join("journal.ndjson");
    std::fs::rename(&journal, journal.with_extension("lost")).expect("moved");
    let mut said = Vec::new();
    for _ in 0..2 {
        let run = killed.scene.apply(CLUSTER, &["--resume"]);
        let run = run.refused(&[REFUSED], &["has 0 events, and the lock knows of"]);
        said.push(run.stderr);
        assert_eq!(killed.note(), before, "what is known of the run stays");
        assert_eq!(killed.lease()["spec"].get("holderIdentity"), None);
    }
    assert_eq!(said[0], said[1]);
}

#[test]
fn a_lock_that_nobody_can_look_at_is_told_and_no_run_is_denied() {
    let mut killed = Killed::new();
    let id = killed.scene.id(CLUSTER);
    let (told, _) = killed.status();
    let give_up = killed.note()["id"].as_str().expect("an id").to_owned();
    assert!(told.contains(&format!("Lock's id: {give_up}")), "{told}");
    let journal = killed.scene.dir(CLUSTER).join("journal.ndjson");
    std::fs::rename(&journal, journal.with_extension("lost")).expect("moved");
    let unknown = |killed: &Killed, why: &str| {
        let (told, warned) = killed.status();
        assert!(
            told.contains(&format!(
                "No run of plan {id} is known here; whether one goes on elsewhere is not known"
            )),
            "{why}: {told}"
        );
        assert!(
            !told.contains("No run yet") && !told.contains("To begin"),
            "{told}"
        );
        assert!(
            warned.contains("whether a run goes on elsewhere is not known") && warned.contains(why),
            "{why}: {warned}"
        );
    };
    // Only the lease cannot be read, then nothing at all, then nobody answers.
    let strike = |killed: &Killed, path: &str, trouble| {
        let fault = DoorFault::of(path, trouble);
        let struck = killed.serving.with(CLUSTER, |door, _| {
            door.heal();
            door.strike(fault);
        });
        struck.expect("a cluster");
    };
    strike(&killed, "*/leases*", Trouble::Forbidden);
    unknown(&killed, "403");
    strike(&killed, "*", Trouble::Expired);
    unknown(&killed, "401");
    killed.serving.stop();
    unknown(&killed, "cannot be reached");
    // A kubeconfig that nobody wrote.
    write(&killed.scene.place.work().join(KUBECONFIG), "");
    unknown(&killed, "it is empty");
}

#[test]
fn a_stolen_lease_is_told_alike_everywhere_and_the_command_frees_it() {
    let killed = Killed::new();
    let (before, id) = (killed.note(), killed.scene.id(CLUSTER));
    let run = before["run"].as_str().expect("a run");
    let patch =
        json!({"spec": {"holderIdentity": "intruder", "renewTime": "2099-01-01T00:00:00.000000Z"}});
    let (status, answer) = killed.raw.send("PATCH", LEASE, Some(&patch));
    assert_eq!(status, 200, "{answer}");
    let alike = format!("annotation is of run {run} of ");
    let free =
        r#"-n kube-system patch lease stairway --type=merge -p '{"spec":{"holderIdentity":null}}'"#;
    let (told, _) = killed.status();
    let gone = before["id"].as_str().expect("an id");
    let unlock = killed.scene.run("apply", CLUSTER, &["--unlock", gone]);
    let resume = killed.scene.apply(CLUSTER, &["--resume"]);
    for (sentence, text) in [
        ("status", &told),
        ("--unlock", &unlock.stderr),
        ("--resume", &resume.stderr),
    ] {
        for words in [
            "intruder holds",
            "does not tell for what",
            &alike,
            "who held it before",
            free,
        ] {
            assert!(text.contains(words), "{sentence}: `{words}`: {text}");
        }
        assert!(
            !text.contains(&format!("for run {run}")),
            "{sentence}: {text}"
        );
        assert!(!text.contains("nobody holds it"), "{sentence}: {text}");
    }
    assert_eq!((unlock.code, resume.code), (REFUSED, REFUSED), "{id}");
    // What the command does.
    let patch = json!({"spec": {"holderIdentity": null}});
    assert_eq!(killed.raw.send("PATCH", LEASE, Some(&patch)).0, 200);
    let freed = killed.scene.run("apply", CLUSTER, &["--unlock", gone]);
    freed.expect(0);
}
