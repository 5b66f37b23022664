//! Whole clusters, read through a socket with TLS and the role for plans, against the worlds that are served.

use super::super::{AWS_UNREAD, KubernetesReader, combine};
use crate::files;
use crate::kubernetes::{
    Around, KubeconfigSource, Limits, Reads, Trouble as Cause, read_kubeconfig,
};
use crate::live::{LiveError, LiveReader as _, ObservationKind, WorldStore};
use crate::serve::{Ground, Role, ServeOptions, Serving, kubeconfig};
use serde_json::{Value, json};
use stairway_core::model::{Known, Node, Observation, Pdb, Pod};
use stairway_world::World;
use stairway_world::door::{DoorFault, Reply, Request, Trouble};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const TOKEN: &str = "token-of-a-test";
/// The machine's clock, which is not the world's.
const NOW: &str = "2026-11-20T10:00:00Z";

pub(super) fn around() -> Around {
    Around {
        plugin: Arc::new(|_, _| Err("there is no plugin".to_owned())),
        clock: Arc::new(|| NOW.parse().expect("a time")),
    }
}

/// Tries again at once: nothing here needs a pause.
fn limits() -> Limits {
    Limits {
        attempts: 2,
        pause: Duration::from_millis(1),
        pause_max: Duration::from_millis(1),
        ..Limits::default()
    }
}

/// The world of the demonstration, where nobody has played in it yet.
fn demo() -> (tempfile::TempDir, WorldStore) {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/demo");
    let text = files::read_text(&demo.join("worlds/demo.yaml"), 1 << 20).expect("the demo");
    let text = text.replace(
        "../recorded/",
        &format!("{}/", demo.join("recorded").display()),
    );
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("demo.yaml");
    files::write_atomic(&path, text.as_bytes()).expect("a world");
    let store = WorldStore::of_operator(&path).expect("a store");
    (folder, store)
}

fn serve(worlds: BTreeMap<String, World>, role: Role) -> Serving {
    let options = ServeOptions {
        clusters: worlds.keys().cloned().collect(),
        port: 0,
        token: TOKEN.to_owned(),
        role,
        tls: true,
        pace: 0,
        until_idle: Some(Duration::from_secs(300)),
    };
    Serving::start(Ground::Here(worlds), &options).expect("it serves")
}

fn reader_with(serving: &Serving, world: &World, token: &str, limits: Limits) -> KubernetesReader {
    let name = world.cluster.cluster.name.clone();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config");
    let text = kubeconfig(serving.endpoints(), "stairway", token);
    files::write_atomic(&path, text.as_bytes()).expect("a kubeconfig");
    let source = KubeconfigSource {
        named: Some(path),
        own: Vec::new(),
        planned: None,
    };
    let access = read_kubeconfig(&name, &source).expect("a context");
    KubernetesReader {
        reads: Reads::open(access, limits, around()).expect("a connection"),
        cluster: world.cluster.cluster.clone(),
    }
}

fn reader(serving: &Serving, world: &World) -> KubernetesReader {
    reader_with(serving, world, TOKEN, limits())
}

/// Every fact that the Kubernetes API tells.
fn facts(seen: &Observation) -> BTreeMap<&'static str, Value> {
    let of = |fact: &dyn erased::Fact| fact.json();
    BTreeMap::from([
        ("version", of(&seen.version())),
        ("nodes", of(&seen.nodes)),
        ("pods", of(&seen.pods)),
        ("pdbs", of(&seen.pdbs)),
        ("workloads", of(&seen.workloads)),
        ("deprecated_apis", of(&seen.deprecated_apis)),
        ("webhooks", of(&seen.webhooks)),
        ("aws_auth", of(&seen.aws_auth)),
        ("aws_auth_users", of(&seen.aws_auth_users)),
    ])
}

mod erased {
    pub(super) trait Fact {
        fn json(&self) -> serde_json::Value;
    }

    impl<T: serde::Serialize> Fact for T {
        fn json(&self) -> serde_json::Value {
            serde_json::to_value(self).expect("JSON")
        }
    }
}

fn is_unknown(fact: &Value) -> bool {
    fact.get("$unknown").is_some()
}

/// Compares fact by fact, and of lists item by item.
fn same(what: &str, found: &Observation, wanted: &Observation) {
    let (found, wanted) = (facts(found), facts(wanted));
    for (name, wanted) in wanted {
        // What nobody recorded of a world, no reader can know: what the server makes of it is the server's own test.
        if is_unknown(&wanted) {
            continue;
        }
        let found = &found[name];
        if let (Value::Array(found), Value::Array(wanted)) = (found, &wanted) {
            for (found, wanted) in found.iter().zip(wanted) {
                assert_eq!(found, wanted, "{what}: {name}");
            }
        }
        assert_eq!(*found, wanted, "{what}: {name}");
    }
}

#[test]
fn every_cluster_of_the_demonstration_is_read_through_a_socket_as_it_is() {
    let (_folder, store) = demo();
    let worlds = store.read().expect("the demo").worlds;
    let serving = serve(worlds.clone(), Role::Plan);
    assert_eq!(worlds.len(), 8);
    for (name, world) in &worlds {
        let wanted = store.observe(name).expect("a picture");
        let reader = reader(&serving, world);
        let seen = reader.observe().expect("a picture");
        assert_eq!(reader.kind(), ObservationKind::Kubernetes);
        assert!(
            seen.pods.items().len() > 20,
            "there is something to compare"
        );
        assert_eq!(seen.observed_at, Known::Value(NOW.parse().expect("a time")));
        let hash = seen.sources[0].contains("eks-");
        assert!(seen.sources[0].starts_with(&format!("kubernetes: context {name} (v1.")) && hash);

        let both = combine(seen.clone(), wanted.clone());
        same(name, &both, &wanted);
        // All else is the cloud's, the time of a world among it.
        let rest = Observation {
            sources: wanted.sources.clone(),
            deprecated_apis: wanted.deprecated_apis.clone(),
            webhooks: wanted.webhooks.clone(),
            aws_auth: wanted.aws_auth.clone(),
            aws_auth_users: wanted.aws_auth_users.clone(),
            ..both
        };
        assert_eq!(rest, wanted, "{name}");

        let why = Some(AWS_UNREAD);
        let plane = seen.control_plane.value().expect("a control plane");
        for unread in [
            seen.updates.unknown(),
            seen.nodegroups.unknown(),
            seen.stacks.unknown(),
            seen.addons.unknown(),
            seen.addon_versions.unknown(),
            seen.insights.unknown(),
            seen.quotas.unknown(),
            seen.subnets.unknown(),
            plane.status.unknown(),
            plane.platform_version.unknown(),
            plane.created_at.unknown(),
            plane.support_type.unknown(),
            plane.auto_mode.unknown(),
        ] {
            assert_eq!(unread, why, "{name}");
        }
        assert_eq!(
            reader.observe().expect("a picture"),
            seen,
            "reading twice tells the same"
        );
    }
}

fn items<T>(list: &mut Known<Vec<T>>) -> &mut Vec<T> {
    match list {
        Known::Value(items) => items,
        Known::Absent | Known::Unknown(_) => panic!("it is known"),
    }
}

/// A cluster of the demonstration in trouble, of every kind that a reader has to tell.
fn troubled(worlds: &BTreeMap<String, World>) -> World {
    let mut world = worlds["delta"].clone();
    let seen = &mut world.cluster;
    let nodes: &mut Vec<Node> = items(&mut seen.nodes);
    nodes[0].unschedulable = true;
    nodes[0].taints = vec!["stairway.example/leaving".to_owned()];
    nodes[1].ready = Known::Value(false);
    nodes[2].nodegroup = None;
    nodes[2].provisioner = Some("karpenter".to_owned());
    let mut made = nodes[3].clone();
    for who in ["fargate", "auto-mode", "other"] {
        (made.name, made.nodegroup) = (format!("node-of-{who}"), None);
        made.provisioner = Some(who.to_owned());
        (made.zone, made.instance_type) = (Known::Absent, Known::Absent);
        nodes.push(made.clone());
    }
    for group in items(&mut seen.nodegroups) {
        group.managed = group.name != "core-a";
    }
    let pods: &mut Vec<Pod> = items(&mut seen.pods);
    let moved = pods
        .iter()
        .position(|pod| !pod.is_daemon() && pod.namespace != "kube-system")
        .expect("a pod");
    pods[moved].waiting = Some("ImagePullBackOff".to_owned());
    pods[moved].volume_zones = Known::Value(vec!["us-west-2a".to_owned(), "us-west-2b".to_owned()]);
    pods[moved].tolerates_everything = true;
    pods[moved].cpu_millis = Known::Value(0);
    let mut waits = pods[moved].clone();
    (waits.name, waits.node, waits.waiting) = ("waits".to_owned(), None, None);
    waits.owner = Known::Value("Job/j".to_owned());
    // No node has it, or the world would place the pod.
    let disk = BTreeMap::from([("disk".to_owned(), "tape".to_owned())]);
    waits.node_selector = Known::Value(disk);
    waits.empty_dir = Known::Value(true);
    pods.push(waits);
    let pdb = |name: &str| Pdb {
        namespace: "prod".to_owned(),
        name: name.to_owned(),
        allowed: Known::Value(0),
        selector: Known::Value(BTreeMap::new()),
        min_available: Known::Absent,
        max_unavailable: Known::Value("25%".to_owned()),
        expected: Known::Value(7),
        healthy: Known::Value(3),
        evicts_unhealthy: Known::Value(true),
    };
    items(&mut seen.pdbs).push(pdb("all"));
    let workloads = items(&mut seen.workloads);
    workloads[0].rolled_out = Known::Value(false);
    let api = |text: &str| serde_json::from_str(text).expect("an API");
    seen.deprecated_apis = Known::Value(vec![
        api(
            r#"{"group_version": "policy/v1beta1", "resource": "podsecuritypolicies", "removed_in": "1.25"}"#,
        ),
        api(r#"{"group_version": "v1", "resource": "endpoints", "removed_in": null}"#),
    ]);
    let role = r#"[{"role_arn": "arn:r", "username": "u", "groups": ["g"]}]"#;
    seen.aws_auth = serde_json::from_str(role).expect("a role");
    seen.aws_auth_users = Known::Value(2);
    seen.webhooks = Known::Value(Vec::new());
    world
}

fn troubled_serving(role: Role) -> (Serving, World) {
    let (_folder, store) = demo();
    let world = troubled(&store.read().expect("the demo").worlds);
    let serving = serve(BTreeMap::from([("delta".to_owned(), world.clone())]), role);
    (serving, world)
}

/// Writes through the door, as a client with every right does.
fn write(serving: &Serving, method: &str, path: &str, body: &Value) {
    let request = Request::new(method, path)
        .with_header("authorization", &format!("Bearer {TOKEN}"))
        .with_header("content-type", "application/json")
        .with_body(body.to_string());
    let reply = serving.with("delta", |door, world| door.handle(world, &request));
    match reply.expect("a world") {
        Reply::Answer(answer) => {
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            let gone = method == "DELETE" && answer.status == 404;
            assert!(
                gone || (200..300).contains(&answer.status),
                "{method} {path}: {text}"
            );
        }
        Reply::Watch(_) => panic!("no watch was asked for"),
    }
}

#[test]
fn a_cluster_in_trouble_is_read_through_a_socket_as_it_is() {
    let (serving, world) = troubled_serving(Role::Admin);
    let auth = "/api/v1/namespaces/kube-system/configmaps";
    let gates = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
    let wanted = world.clone().observe().sorted();
    let seen = reader(&serving, &world).read().expect("a picture");
    same("in trouble", &combine(seen, wanted.clone()), &wanted);

    let service = json!({"metadata": {"name": "gate"}, "spec": {"selector": {"app": "gate"}, "ports": [{"port": 443}]}});
    write(
        &serving,
        "POST",
        "/api/v1/namespaces/prod/services",
        &service,
    );
    let gate = json!({
        "metadata": {"name": "gate"},
        "webhooks": [{
            "name": "pods.gate.example", "admissionReviewVersions": ["v1"], "sideEffects": "None", "failurePolicy": "Fail",
            "timeoutSeconds": 5, "clientConfig": {"service": {"namespace": "prod", "name": "gate"}},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}],
            "namespaceSelector": {"matchExpressions": [{"key": "gate/off", "operator": "DoesNotExist"}]},
        }],
    });
    write(&serving, "POST", gates, &gate);
    write(&serving, "DELETE", &format!("{auth}/aws-auth"), &json!({}));
    let gone = reader(&serving, &world).read().expect("a picture");
    assert_eq!(
        (gone.aws_auth, gone.aws_auth_users),
        (Known::Absent, Known::Absent)
    );
    let map = json!({
        "metadata": {"name": "aws-auth"},
        "data": {"mapRoles": "- {rolearn: 'arn:r', username: u, groups: [g]}\n", "mapUsers": "- {userarn: 'arn:u'}\n"},
    });
    write(&serving, "POST", auth, &map);
    let seen = reader(&serving, &world).read().expect("a picture");
    assert_eq!(
        facts(&seen)["webhooks"],
        json!([{
            "kind": "Validating", "configuration": "gate", "name": "pods.gate.example", "fails_closed": true,
            "namespace": "prod", "service": "gate", "selector": {"app": "gate"}, "resources": ["pods"],
            "narrowed": true, "excludes_kube_system": false, "timeout_seconds": 5,
        }])
    );
    assert_eq!(
        facts(&seen)["aws_auth"],
        json!([{"role_arn": "arn:r", "username": "u", "groups": ["g"]}])
    );
    assert_eq!(seen.aws_auth_users, Known::Value(1));
}

/// Each list that fails takes its own facts with it, and nothing else.
#[test]
#[expect(clippy::too_many_lines, reason = "a table, one sentence a row")]
fn a_list_that_cannot_be_read_makes_its_facts_unknown_and_no_others() {
    let (serving, world) = troubled_serving(Role::Plan);
    let reader = reader(&serving, &world);
    let whole = facts(&reader.read().expect("a picture"));
    let rows: [(&str, &[&str]); 13] = [
        ("/api/v1/nodes", &["nodes"]),
        ("/api/v1/pods", &["pods"]),
        ("/apis/policy/v1/poddisruptionbudgets", &["pdbs"]),
        ("/apis/apps/v1/replicasets", &["pods/owner"]),
        ("/api/v1/persistentvolumes", &["pods/volume_zones"]),
        ("/api/v1/persistentvolumeclaims", &["pods/volume_zones"]),
        (
            "/apis/apps/v1/namespaces/kube-system/daemonsets",
            &["workloads"],
        ),
        (
            "/apis/apps/v1/namespaces/kube-system/deployments",
            &["workloads"],
        ),
        (
            "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
            &["webhooks"],
        ),
        (
            "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
            &["webhooks"],
        ),
        (
            "/api/v1/namespaces/kube-system/configmaps/aws-auth",
            &["aws_auth", "aws_auth_users"],
        ),
        ("/metrics", &["deprecated_apis"]),
        ("/api/v1/services", &[]),
    ];
    let troubles = [
        Trouble::Unwell(503),
        Trouble::Forbidden,
        Trouble::HalfPage,
        Trouble::Truncated,
    ];
    for (path, unread) in rows {
        for trouble in troubles {
            let what = format!("{path} with {trouble:?}");
            let strike = |on: bool| {
                let change = serving.with("delta", |door, _| {
                    door.heal();
                    if on {
                        door.strike(DoorFault::of(path, trouble));
                    }
                });
                change.expect("a world");
            };
            strike(true);
            let seen = reader.read().expect("a picture all the same");
            let again = reader.read().expect("a picture all the same");
            assert_eq!(seen, again, "{what}: the reasons are the same each time");
            strike(false);
            for (name, found) in facts(&seen) {
                let parts = unread.iter().filter_map(|one| one.strip_prefix("pods/"));
                if unread.contains(&name) {
                    let why = found["$unknown"].as_str().unwrap_or_default();
                    assert!(
                        why.contains(" failed: ") && !why.contains('\n'),
                        "{what}: {name}: {found}"
                    );
                    continue;
                }
                let mut wanted = whole[name].clone();
                if name == "pods" {
                    for part in parts {
                        without(&mut wanted, &found, part, &what);
                    }
                }
                assert_eq!(found, wanted, "{what}: {name}");
            }
        }
    }
    assert_eq!(
        facts(&reader.read().expect("a picture")),
        whole,
        "nothing of it stays"
    );
}

/// Takes a fact that is unknown in `found` for as good as the one that was read; at least one has to be.
fn without(wanted: &mut Value, found: &Value, part: &str, what: &str) {
    let (Value::Array(wanted), Value::Array(found)) = (wanted, found) else {
        panic!("{what}: the list itself is read");
    };
    let mut unknown = 0;
    for (wanted, found) in wanted.iter_mut().zip(found) {
        if is_unknown(&found[part]) {
            wanted[part] = found[part].clone();
            unknown += 1;
        }
    }
    assert!(
        unknown > 0 && unknown < found.len(),
        "{what}: {unknown} of {}",
        found.len()
    );
}

#[test]
fn small_pages_tell_the_same_and_answers_that_are_too_large_nothing() {
    let (serving, world) = troubled_serving(Role::Plan);
    let whole = reader(&serving, &world).read().expect("a picture");
    let paged = Limits {
        page: 2,
        ..limits()
    };
    let seen = reader_with(&serving, &world, TOKEN, paged).read();
    assert_eq!(seen.expect("a picture"), whole);
    for small in [
        Limits {
            bytes: 2_000,
            ..limits()
        },
        Limits {
            page: 1,
            pages: 2,
            ..limits()
        },
    ] {
        let seen = reader_with(&serving, &world, TOKEN, small).read();
        let seen = seen.expect("a picture");
        for why in [seen.nodes.unknown(), seen.pods.unknown()] {
            assert!(
                why.is_some_and(|why| why.contains(" more than ")),
                "{why:?}"
            );
        }
        assert_eq!(seen.aws_auth, whole.aws_auth);
        assert_eq!(seen.version(), whole.version());
    }
}

fn refused(read: Result<Observation, LiveError>) -> (Cause, String, String) {
    match read {
        Err(LiveError::Kubernetes(error)) => {
            let error = LiveError::Kubernetes(error);
            let (text, hint) = (error.to_string(), error.hint().unwrap_or_default());
            let LiveError::Kubernetes(error) = error else {
                panic!("it was one");
            };
            (error.trouble, text, hint)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn without_an_answer_to_who_it_is_there_is_no_picture() {
    let (mut serving, world) = troubled_serving(Role::Plan);
    let (cause, text, hint) = refused(reader_with(&serving, &world, "another", limits()).read());
    assert_eq!(cause, Cause::Unauthorized);
    assert!(text.starts_with("Reading the live cluster failed: Reading the version of the API server failed: the API server answered 401"), "{text}");
    assert!(
        !text.contains("another")
            && hint.contains("kubectl --kubeconfig ")
            && hint.contains(" --context delta "),
        "{hint}"
    );

    let (other, _) = troubled_serving(Role::Plan);
    let mut strange = reader(&serving, &world).reads.access().clone();
    strange.authority = reader(&other, &world).reads.access().authority.clone();
    let strange = KubernetesReader {
        reads: Reads::open(strange, limits(), around()).expect("a connection"),
        cluster: world.cluster.cluster.clone(),
    };
    let (cause, text, hint) = refused(strange.read());
    assert_eq!(cause, Cause::Identity, "{text}");
    assert!(hint.contains("certificateAuthority"), "{hint}");

    let change = serving.with("delta", |door, _| {
        door.strike(DoorFault::of("/version", Trouble::Unwell(503)))
    });
    change.expect("a world");
    let gone = reader(&serving, &world);
    assert_eq!(refused(gone.read()).0, Cause::Server);
    serving.stop();
    let (cause, text, hint) = refused(gone.read());
    assert_eq!(cause, Cause::Unreachable, "{text}");
    assert!(hint.contains("get --raw /readyz"), "{hint}");
}
