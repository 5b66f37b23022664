use super::*;
use serde_json::json;
use std::cell::Cell;

const WORLD: &str = "\
apiVersion: stairway/v1
kind: World
start: 2026-11-01T06:00:00Z
clusters:
  - name: alpha
    region: us-west-2
    version: \"1.33\"
    nodegroups:
      - {name: core-a, nodes: 2, pods: 3, spec: {instanceType: m5.large, minSize: 1, maxSize: 3}}
";

struct Stage {
    _folder: tempfile::TempDir,
    store: WorldStore,
    actuator: WorldActuator,
}

fn stage() -> Stage {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("w.yaml");
    files::write_atomic(&path, WORLD.as_bytes()).expect("a world");
    let store = WorldStore::of(&path, None).expect("a store");
    let place = Place::Stored {
        store: store.clone(),
        cluster: "alpha".to_owned(),
        pace: Duration::ZERO,
    };
    Stage {
        _folder: folder,
        store,
        actuator: WorldActuator::new(place, WorldTools::InProcess),
    }
}

fn act(
    stage: &mut Stage,
    action: Action,
    interrupted: &dyn Fn() -> Interrupt,
) -> (Claim, Vec<String>) {
    let call = ActionCall {
        step: "s".to_owned(),
        number: 0,
        attempt: 1,
        token: "stairway-1".to_owned(),
        action,
    };
    let mut heard = Vec::new();
    let claim = stage.actuator.act(
        &call,
        &StepFiles::new(),
        &mut |line| heard.push(line.to_owned()),
        interrupted,
    );
    (claim, heard)
}

fn upgrade() -> Action {
    let line = "upgrade cluster -n alpha -r us-west-2 --version 1.34 --approve --timeout 90m";
    Action::Run {
        tool: EKSCTL.to_owned(),
        argv: line.split(' ').map(str::to_owned).collect(),
        files: Vec::new(),
    }
}

fn version(stage: &Stage) -> String {
    let version = stage.store.with_world("alpha", World::version);
    version.expect("a cluster").expect("a version").to_string()
}

#[test]
fn eksctl_on_a_stored_world_moves_its_clock_and_its_cluster() {
    let mut stage = stage();
    let (claim, heard) = act(&mut stage, upgrade(), &|| Interrupt::None);
    assert!(claim.ok, "{claim:?}");
    assert!(!heard.is_empty() && !claim.output.is_empty());
    assert_eq!(version(&stage), "1.34");
    let now = stage
        .store
        .with_world("alpha", |world| world.now)
        .expect("a cluster");
    assert!(now.to_string().as_str() > "2026-11-01T06:01:00Z", "{now}");
}

#[test]
fn a_tool_that_is_stopped_leaves_what_it_began_going_on() {
    let mut stage = stage();
    let turns = Cell::new(0);
    let interrupted = || {
        turns.set(turns.get() + 1);
        if turns.get() > 1 {
            Interrupt::Twice
        } else {
            Interrupt::Once
        }
    };
    let (claim, _) = act(&mut stage, upgrade(), &interrupted);
    assert!(claim.stopped && !claim.ok, "{claim:?}");
    assert_eq!(version(&stage), "1.33");
    stage
        .store
        .change("alpha", |world| world.advance(3600))
        .expect("time");
    assert_eq!(version(&stage), "1.34");
}

#[test]
fn an_api_call_twice_with_one_token_is_one_change() {
    let mut stage = stage();
    let action = Action::Aws {
        service: "eks".to_owned(),
        operation: "UpdateNodegroupConfig".to_owned(),
        input: json!({"clusterName": "alpha", "nodegroupName": "core-a", "scalingConfig": {"minSize": 2, "maxSize": 4}})
            .as_object()
            .expect("an object")
            .clone(),
    };
    let (first, _) = act(&mut stage, action.clone(), &|| Interrupt::None);
    let (second, _) = act(&mut stage, action, &|| Interrupt::None);
    assert!(first.ok && first.said.starts_with("update "), "{first:?}");
    assert_eq!(first.said, second.said);
    let updates = stage
        .store
        .with_world("alpha", |world| world.cluster.updates.items().len());
    assert_eq!(updates.expect("a cluster"), 1);
}

#[test]
fn what_the_world_refuses_is_a_claim_in_its_words() {
    let mut stage = stage();
    let aws = |service: &str, operation: &str| Action::Aws {
        service: service.to_owned(),
        operation: operation.to_owned(),
        input: json!({"clusterName": "alpha", "nodegroupName": "gone"})
            .as_object()
            .expect("an object")
            .clone(),
    };
    let run = |tool: &str| Action::Run {
        tool: tool.to_owned(),
        argv: vec!["destroy".to_owned()],
        files: Vec::new(),
    };
    let patch = Action::Kube {
        verb: "patch".to_owned(),
        object: "daemonsets/kube-system/none".to_owned(),
        body: json!({}),
        only_if: None,
    };
    for (action, word) in [
        (
            aws("eks", "UpdateNodegroupVersion"),
            "ResourceNotFoundException",
        ),
        (aws("ec2", "TerminateInstances"), "no service `ec2`"),
        (run("kubectl"), "no tool `kubectl`"),
        (run(EKSCTL), "exit 1"),
        (patch, "NotFound"),
    ] {
        let (claim, _) = act(&mut stage, action, &|| Interrupt::None);
        assert!(!claim.ok && claim.said.contains(word), "{word}: {claim:?}");
    }
}

#[test]
fn a_world_that_is_only_here_needs_no_disk() {
    let stage = stage();
    let world = stage
        .store
        .with_world("alpha", World::clone)
        .expect("a cluster");
    let mut place = Place::Here(Box::new(world));
    let argv: Vec<String> = ["version", "-o", "json"].map(str::to_owned).to_vec();
    let mut said = String::new();
    let mut hear = |text: &str, _| said.push_str(text);
    let played = play(&mut place, &argv, &StepFiles::new(), &mut hear, &|| {
        Interrupt::None
    });
    assert_eq!(played.expect("a world").exit, 0);
    let answer: Value = serde_json::from_str(&said).expect("JSON");
    assert!(answer["Version"].is_string());
}

fn drain(seconds: u32) -> Action {
    Action::Kube {
        verb: "drain-nodes".to_owned(),
        object: "nodes?nodegroup=core-a".to_owned(),
        body: json!({"parallel": 1, "timeoutSeconds": seconds}),
        only_if: None,
    }
}

fn cordoned(stage: &Stage) -> bool {
    let all = stage.store.with_world("alpha", |world| {
        world
            .cluster
            .nodes_of("core-a")
            .all(|node| node.unschedulable)
    });
    all.expect("a cluster")
}

#[test]
fn a_drain_is_watched_line_by_line_and_may_be_done_again() {
    let mut stage = stage();
    for _ in 0..2 {
        let (claim, heard) = act(&mut stage, drain(3600), &|| Interrupt::None);
        assert!(claim.ok, "{claim:?}");
        assert_eq!(claim.said, "drained 2 nodes of nodegroup `core-a`");
        assert_eq!(claim.tail, heard);
        assert!(heard[0].starts_with("cordoned node "), "{heard:?}");
        let last = heard.last().expect("a line");
        assert!(
            last.starts_with("node ") && last.ends_with(": drained"),
            "{heard:?}"
        );
        assert!(cordoned(&stage));
    }
    let undo = Action::Kube {
        verb: "patch-nodes".to_owned(),
        object: "nodes?nodegroup=core-a".to_owned(),
        body: json!({"unschedulable": false}),
        only_if: None,
    };
    let (claim, _) = act(&mut stage, undo, &|| Interrupt::None);
    assert!(claim.ok && !cordoned(&stage), "{claim:?}");
}

#[test]
fn a_drain_that_a_budget_holds_goes_on_after_one_interrupt_and_stops_at_the_second() {
    let mut stage = stage();
    let stick = |world: &mut World| {
        world.misbehave(stairway_world::Misbehaviour::of(
            stairway_world::Fault::DrainTimeout,
            1,
        ));
    };
    stage.store.change("alpha", stick).expect("a world");
    let turns = Cell::new(0);
    let interrupted = || {
        turns.set(turns.get() + 1);
        if turns.get() > 3 {
            Interrupt::Twice
        } else {
            Interrupt::Once
        }
    };
    let (claim, heard) = act(&mut stage, drain(3600), &interrupted);
    assert!(claim.stopped && !claim.ok, "{claim:?}");
    assert_eq!(turns.get(), 4, "each turn is asked about once");
    assert!(
        heard.iter().any(|line| line.contains(" for now: ")),
        "{heard:?}"
    );
    assert!(cordoned(&stage));
    let passed = |stage: &Stage| stage.store.with_world("alpha", |world| world.now.unix());
    let before = passed(&stage).expect("a cluster");
    // The run is taken up again: the same action, which now runs into its timeout.
    let (claim, _) = act(&mut stage, drain(60), &|| Interrupt::Once);
    assert_eq!(passed(&stage).expect("a cluster") - before, 60);
    assert!(!claim.ok && !claim.stopped, "{claim:?}");
    for words in [
        "draining nodegroup `core-a` failed after 60 s: ",
        "held by the disruption budget `",
        "Its nodes stay cordoned",
    ] {
        assert!(claim.said.contains(words), "{words}: {claim:?}");
    }
}
