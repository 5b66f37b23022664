//! What the recordings do not show: the world behind the door, faults, roles, workloads of clients, hostile input.

use super::super::{Binding, Door, DoorFault, DoorOptions, Reply, Request, Subject, Trouble, User};
use super::stage::{ADMIN, Stage, cluster};
use crate::{Fault, Misbehaviour, kubernetes};
use serde_json::{Value, json};
use stairway_core::model::Known;

const NODES: &str = "/api/v1/nodes";
const MAPS: &str = "/api/v1/namespaces/shop/configmaps";
const STRATEGIC: &str = "application/strategic-merge-patch+json";

fn stage() -> Stage {
    Stage::new("v1.36.2")
}

fn asked(method: &str, target: &str) -> Request {
    Request::new(method, target).with_header("authorization", &format!("Bearer {ADMIN}"))
}

fn deployment(name: &str, replicas: u32, image: &str) -> Value {
    json!({
        "kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": name, "image": image}]}},
        },
    })
}

#[test]
fn what_a_client_writes_of_a_node_is_the_worlds_fact() {
    let mut stage = stage();
    let node = |stage: &Stage| stage.world.cluster.nodes.items()[0].clone();
    stage.done(
        "PATCH",
        &format!("{NODES}/node-a"),
        &json!({"spec": {"unschedulable": true}}),
    );
    assert!(node(&stage).unschedulable);
    stage.wait(1);
    let labels = json!({"metadata": {"labels": {"x": "y"}}});
    stage.done("PATCH", &format!("{NODES}/node-a"), &labels);
    assert!(
        node(&stage).taints.is_empty(),
        "the control plane's taint is no fact of the world"
    );
    let taints = json!({"spec": {"taints": [{"key": "stairway/phase-out", "value": "x", "effect": "NoSchedule"}]}});
    stage.done("PATCH", &format!("{NODES}/node-a"), &taints);
    assert_eq!(node(&stage).taints, ["stairway/phase-out"]);
    stage.done(
        "PATCH",
        &format!("{NODES}/node-a"),
        &json!({"spec": {"unschedulable": null, "taints": null}}),
    );
    assert!(!node(&stage).unschedulable && node(&stage).taints.is_empty());
    stage.wait(1);
    let spec = stage.get(&format!("{NODES}/node-a"))["spec"].clone();
    assert!(
        spec.get("taints").is_none() && spec.get("unschedulable").is_none(),
        "{spec}"
    );
}

#[test]
fn what_a_tool_does_to_the_world_is_an_event_and_labels_of_clients_stay() {
    let mut stage = stage();
    stage.done(
        "PATCH",
        &format!("{NODES}/node-a"),
        &json!({"metadata": {"labels": {"mine": "1"}}}),
    );
    let from = stage.door.revision();
    let mut watch = stage.watch(&format!("{NODES}?watch=1&resourceVersion={from}"));
    let body = json!({"addOrUpdateTaints": [{"key": "stairway/phase-out"}]});
    kubernetes::act(
        &mut stage.world,
        "patch-nodes",
        "nodes?nodegroup=blue",
        &body,
    )
    .expect("an action");
    stage.door.observe(&mut stage.world);
    let (events, _) = stage.poll(&mut watch, 0);
    let names: Vec<&str> = events
        .iter()
        .filter_map(|e| e["object"]["metadata"]["name"].as_str())
        .collect();
    assert_eq!(names, ["node-a", "node-b", "node-c"]);
    assert_eq!(events[0]["object"]["metadata"]["labels"]["mine"], "1");
    assert_eq!(
        events[0]["object"]["spec"]["taints"][0]["key"],
        "stairway/phase-out"
    );
    let before = stage.door.revision();
    stage.door.observe(&mut stage.world);
    assert_eq!(
        stage.door.revision(),
        before,
        "nothing changed, so no version does"
    );
}

#[test]
fn an_evicted_pod_goes_its_successor_lands_and_the_budget_recovers() {
    let mut stage = stage();
    let pod = "/api/v1/namespaces/kube-system/pods/coredns-57bfcb5659-p0001";
    let budget = "/apis/policy/v1/namespaces/kube-system/poddisruptionbudgets/coredns";
    let first = stage.get(pod)["metadata"]["uid"].clone();
    stage.done("POST", &format!("{pod}/eviction"), &json!({"metadata": {}}));
    assert!(!stage.get(pod)["metadata"]["deletionTimestamp"].is_null());
    stage.wait(1);
    let next = stage.get(pod);
    assert_ne!(next["metadata"]["uid"], first);
    assert_eq!(next["status"]["phase"], "Pending");
    let counted = stage.get(budget);
    assert_eq!(counted["status"]["disruptionsAllowed"], 0);
    assert_eq!(
        counted["spec"]["maxUnavailable"], 1,
        "the spec stays as it was"
    );
    assert_eq!(counted["metadata"]["generation"], 1);
    stage.wait(60);
    assert!(stage.get(pod)["spec"]["nodeName"].is_string());
    assert_eq!(stage.get(budget)["status"]["disruptionsAllowed"], 1);
}

#[test]
fn a_daemons_pod_that_is_deleted_comes_again_on_its_node() {
    let mut stage = stage();
    let pod = "/api/v1/namespaces/kube-system/pods/aws-node-p0001";
    let first = stage.get(pod);
    stage.done("DELETE", pod, &Value::Null);
    stage.wait(1);
    let next = stage.get(pod);
    assert_ne!(next["metadata"]["uid"], first["metadata"]["uid"]);
    assert_eq!(next["spec"]["nodeName"], first["spec"]["nodeName"]);
}

#[test]
fn a_clients_deployment_gets_pods_rolls_out_and_goes_with_its_namespace() {
    let mut stage = stage();
    stage.done(
        "POST",
        "/api/v1/namespaces",
        &json!({"metadata": {"name": "mine"}}),
    );
    let list = "/apis/apps/v1/namespaces/mine/deployments";
    stage.done("POST", list, &deployment("app", 3, "images.example/app:1"));
    stage.wait(1);
    let made = stage.get(&format!("{list}/app"));
    assert_eq!(made["status"]["availableReplicas"], 3, "{made}");
    let pods = stage.get("/api/v1/namespaces/mine/pods?labelSelector=app%3Dapp");
    assert_eq!(pods["items"].as_array().map(Vec::len), Some(3));
    assert_eq!(
        pods["items"][0]["spec"]["containers"][0]["image"],
        "images.example/app:1"
    );
    let image = json!({"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "images.example/app:2"}]}}}});
    let (status, answer) = stage.send_as("PATCH", &format!("{list}/app"), STRATEGIC, &image);
    assert_eq!(
        (status, &answer["status"]["observedGeneration"]),
        (200, &json!(1))
    );
    let mut updated = Vec::new();
    for _ in 0..8 {
        stage.wait(1);
        updated.push(
            stage.get(&format!("{list}/app"))["status"]["updatedReplicas"]
                .as_i64()
                .unwrap_or(0),
        );
    }
    assert!(
        updated.is_sorted() && updated[0] < 3 && updated[7] == 3,
        "{updated:?}"
    );
    let sets = stage.get("/apis/apps/v1/namespaces/mine/replicasets");
    assert_eq!(
        sets["items"].as_array().map(Vec::len),
        Some(2),
        "both revisions are remembered"
    );
    stage.done("DELETE", "/api/v1/namespaces/mine", &Value::Null);
    stage.wait(1);
    stage.wait(1);
    assert_eq!(
        stage.send("GET", "/api/v1/namespaces/mine", &Value::Null).0,
        404
    );
    assert!(
        stage
            .world
            .cluster
            .pods
            .items()
            .iter()
            .all(|pod| pod.namespace != "mine")
    );
}

#[test]
fn a_clients_daemonset_has_a_pod_on_each_node_and_a_bare_pod_a_node() {
    let mut stage = stage();
    let mut set = deployment("agent", 0, "images.example/agent:1");
    set["kind"] = json!("DaemonSet");
    set["spec"]
        .as_object_mut()
        .expect("a spec")
        .remove("replicas");
    stage.done("POST", "/apis/apps/v1/namespaces/shop/daemonsets", &set);
    let bare = json!({"metadata": {"name": "bare"}, "spec": {"containers": [{"name": "c", "image": "i:1"}], "volumes": [{"name": "v", "emptyDir": {}}]}});
    stage.done("POST", "/api/v1/namespaces/shop/pods", &bare);
    stage.wait(1);
    let status = stage.get("/apis/apps/v1/namespaces/shop/daemonsets/agent")["status"].clone();
    assert_eq!(status["numberAvailable"], 5, "{status}");
    let bare = stage.get("/api/v1/namespaces/shop/pods/bare");
    assert_eq!(bare["status"]["phase"], "Running");
    assert_eq!(
        bare["spec"]["volumes"][0]["name"], "v",
        "what the client wrote stays"
    );
    stage.done(
        "DELETE",
        "/apis/apps/v1/namespaces/shop/daemonsets/agent",
        &Value::Null,
    );
    stage.wait(1);
    assert!(
        stage
            .world
            .cluster
            .pods
            .items()
            .iter()
            .all(|pod| pod.owner.value().is_none_or(|o| o != "DaemonSet/agent"))
    );
}

#[test]
fn each_fault_strikes_as_often_as_it_says() {
    let rows: [(&str, DoorFault, &[u16]); 5] = [
        (
            "429 twice, then well",
            DoorFault::of("*/nodes", Trouble::Busy(Some(3))).times(2),
            &[429, 429, 200, 200],
        ),
        (
            "503 for ever",
            DoorFault::of("*/nodes", Trouble::Unwell(503)),
            &[503, 503, 503, 503],
        ),
        (
            "a token that expires after two requests",
            DoorFault::of("*", Trouble::Expired).after(2),
            &[200, 200, 401, 401],
        ),
        (
            "of another path",
            DoorFault::of("*/pods", Trouble::Unwell(500)),
            &[200, 200, 200, 200],
        ),
        (
            "of another method",
            DoorFault::of("*/nodes", Trouble::Unwell(500)).on("PATCH"),
            &[200, 200, 200, 200],
        ),
    ];
    for (row, fault, wanted) in rows {
        let mut stage = stage();
        stage.door.strike(fault);
        let got: Vec<u16> = wanted
            .iter()
            .map(|_| stage.answer(&asked("GET", NODES)).status)
            .collect();
        assert_eq!(got, wanted, "{row}");
        stage.door.heal();
        assert_eq!(
            stage.answer(&asked("GET", NODES)).status,
            200,
            "{row}: healed"
        );
    }
    let mut stage = stage();
    stage
        .door
        .strike(DoorFault::of(NODES, Trouble::Busy(Some(3))));
    assert_eq!(
        stage.answer(&asked("GET", NODES)).header("retry-after"),
        Some("3")
    );
}

#[test]
fn answers_are_cut_slow_lost_and_stale() {
    let mut stage = stage();
    stage
        .door
        .strike(DoorFault::of(NODES, Trouble::Cut(7)).times(1));
    assert_eq!(stage.answer(&asked("GET", NODES)).cut_after, Some(7));
    stage
        .door
        .strike(DoorFault::of(NODES, Trouble::HalfPage).times(1));
    let half = stage.answer(&asked("GET", NODES));
    assert_eq!(half.cut_after, Some(half.body.len() / 2));
    stage
        .door
        .strike(DoorFault::of(NODES, Trouble::Slow(50)).times(1));
    assert_eq!(stage.answer(&asked("GET", NODES)).delay_ms, 50);
    stage
        .door
        .strike(DoorFault::of(MAPS, Trouble::AnswerLost(504)).times(1));
    let map = json!({"metadata": {"name": "done"}});
    assert_eq!(stage.send("POST", MAPS, &map).0, 504);
    assert_eq!(
        stage.send("POST", MAPS, &map).0,
        409,
        "what was asked is done all the same"
    );
    let before = stage.get(NODES)["metadata"]["resourceVersion"].clone();
    stage.done(
        "PATCH",
        &format!("{NODES}/node-a"),
        &json!({"spec": {"unschedulable": true}}),
    );
    stage
        .door
        .strike(DoorFault::of(NODES, Trouble::Stale(1)).times(1));
    let stale = stage.get(NODES);
    assert_eq!(stale["metadata"]["resourceVersion"], before);
    assert!(stale["items"][0]["spec"].get("unschedulable").is_none());
    assert_eq!(stage.get(NODES)["items"][0]["spec"]["unschedulable"], true);
    let mut watch = stage.watch(&format!("{NODES}?watch=1"));
    stage.door.compact();
    stage.done(
        "PATCH",
        &format!("{NODES}/node-a"),
        &json!({"spec": {"unschedulable": false}}),
    );
    let (events, _) = stage.poll(&mut watch, 0);
    assert_eq!(
        events.last().map(|event| &event["type"]),
        Some(&json!("MODIFIED"))
    );
    assert!(stage.door.revoke(ADMIN));
    assert_eq!(stage.answer(&asked("GET", NODES)).status, 401);
}

#[test]
fn the_worlds_own_faults_meet_writes() {
    let mut stage = stage();
    let cordon = json!({"spec": {"unschedulable": true}});
    let node = format!("{NODES}/node-a");
    stage
        .world
        .misbehave(Misbehaviour::of(Fault::Throttle, 1).on("blue"));
    assert_eq!(stage.send("PATCH", &node, &cordon).0, 429);
    assert!(!stage.world.cluster.nodes.items()[0].unschedulable);
    stage
        .world
        .misbehave(Misbehaviour::of(Fault::ErrorAfterEffect, 1).on("blue"));
    assert_eq!(stage.send("PATCH", &node, &cordon).0, 504);
    assert!(stage.world.cluster.nodes.items()[0].unschedulable);
}

fn bot() -> DoorOptions {
    let binding = |name: &str, namespace: Option<&str>, rule: Value| Binding {
        name: name.to_owned(),
        subject: Subject::User("bot".to_owned()),
        namespace: namespace.map(str::to_owned),
        role: json!({"kind": "ClusterRole", "metadata": {"name": name}, "rules": [rule]}),
    };
    DoorOptions {
        users: vec![User {
            name: "bot".to_owned(),
            groups: Vec::new(),
            token: "t".to_owned(),
        }],
        bindings: vec![
            binding(
                "read",
                None,
                json!({"verbs": ["get"], "apiGroups": [""], "resources": ["nodes"]}),
            ),
            binding(
                "evict",
                None,
                json!({"verbs": ["create"], "apiGroups": [""], "resources": ["pods/eviction"]}),
            ),
            binding(
                "lock",
                Some("kube-system"),
                json!({"verbs": ["get", "update"], "apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "resourceNames": ["stairway"]}),
            ),
            binding(
                "count",
                None,
                json!({"verbs": ["get"], "nonResourceURLs": ["/metrics"]}),
            ),
        ],
        ..DoorOptions::default()
    }
}

#[test]
fn roles_bind_verbs_resources_names_and_namespaces() {
    let mut world = cluster();
    let mut door = Door::new(&mut world, bot());
    let rows: [(&str, &str, u16); 11] = [
        ("GET", "/api/v1/nodes/node-a", 200),
        ("GET", "/api/v1/nodes", 403),
        ("GET", "/api/v1/nodes?watch=1", 403),
        (
            "GET",
            "/api/v1/nodes?fieldSelector=metadata.name%3Dnode-a",
            403,
        ),
        ("POST", "/api/v1/namespaces/shop/pods/nobody/eviction", 404),
        ("POST", "/api/v1/namespaces/shop/pods", 403),
        (
            "GET",
            "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/stairway",
            404,
        ),
        (
            "GET",
            "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/other",
            403,
        ),
        (
            "GET",
            "/apis/coordination.k8s.io/v1/namespaces/shop/leases/stairway",
            403,
        ),
        ("GET", "/metrics", 200),
        ("GET", "/apis", 200),
    ];
    for (method, target, wanted) in rows {
        let request = Request::new(method, target)
            .with_header("authorization", "bearer t")
            .with_body("{}");
        let Reply::Answer(answer) = door.handle(&mut world, &request) else {
            panic!("{method} {target} is a watch");
        };
        assert_eq!(
            answer.status,
            wanted,
            "{method} {target}: {}",
            String::from_utf8_lossy(&answer.body)
        );
    }
    let asked = door.asked();
    assert_eq!(asked.len(), 11, "every request is noted");
    assert_eq!(
        (
            asked[4].verb.as_str(),
            asked[4].resource.as_str(),
            asked[4].status
        ),
        ("create", "pods/eviction", 404)
    );
}

#[test]
fn kubectl_gets_tables() {
    let mut stage = stage();
    stage.done(
        "PATCH",
        &format!("{NODES}/node-a"),
        &json!({"spec": {"unschedulable": true}}),
    );
    stage.wait(185);
    let accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
    let mut lines = Vec::new();
    for target in [
        "/api/v1/nodes?limit=1",
        "/apis/policy/v1/namespaces/shop/poddisruptionbudgets?limit=1",
        "/apis/apps/v1/namespaces/kube-system/daemonsets",
        "/apis/apps/v1/namespaces/kube-system/deployments",
        "/api/v1/namespaces/shop/pods?fieldSelector=metadata.name%3Dsolo-6c8b9cb764-p0001",
    ] {
        let answer = stage.answer(&asked("GET", target).with_header("accept", accept));
        let table: Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert_eq!(table["kind"], "Table");
        assert_eq!(table["rows"][0]["object"]["kind"], "PartialObjectMetadata");
        let columns = table["columnDefinitions"].as_array().expect("columns");
        let cells = table["rows"][0]["cells"].as_array().expect("cells");
        assert_eq!(columns.len(), cells.len(), "{target}");
        let shown = columns
            .iter()
            .zip(cells)
            .filter(|(column, _)| column["priority"] == 0);
        let words: Vec<String> = shown
            .map(|(column, cell)| {
                format!(
                    "{}={}",
                    column["name"].as_str().unwrap_or_default(),
                    cell.to_string().replace('"', "")
                )
            })
            .collect();
        lines.push(words.join(" "));
    }
    assert_eq!(
        lines,
        [
            "Name=node-a Status=Ready,SchedulingDisabled Roles=<none> Age=3m5s Version=v1.35.6-eks-0a1b2c3",
            "Name=api Min Available=N/A Max Unavailable=1 Allowed Disruptions=1 Age=3m5s",
            "Name=aws-node Desired=5 Current=5 Ready=5 Up-to-date=5 Available=5 Node Selector=<none> Age=3m5s",
            "Name=coredns Ready=2/2 Up-to-date=2 Available=2 Age=3m5s",
            "Name=solo-6c8b9cb764-p0001 Ready=1/1 Status=Running Restarts=0 Age=3m5s",
        ]
    );
}

#[test]
fn patches_do_what_their_kind_says() {
    let template = |stage: &mut Stage| {
        stage.get("/apis/apps/v1/namespaces/shop/deployments/app")["spec"]["template"]["spec"]
            .clone()
    };
    let mut stage = stage();
    stage.done(
        "POST",
        "/apis/apps/v1/namespaces/shop/deployments",
        &deployment("app", 1, "i:1"),
    );
    let place = "/apis/apps/v1/namespaces/shop/deployments/app";
    let add = json!({"spec": {"template": {"spec": {"$setElementOrder/containers": [{"name": "app"}, {"name": "two"}], "containers": [{"name": "two", "image": "i:2"}]}}}});
    assert_eq!(stage.send_as("PATCH", place, STRATEGIC, &add).0, 200);
    assert_eq!(
        template(&mut stage)["containers"].as_array().map(Vec::len),
        Some(2)
    );
    let drop = json!({"spec": {"template": {"spec": {"containers": [{"name": "two", "$patch": "delete"}]}}}});
    assert_eq!(stage.send_as("PATCH", place, STRATEGIC, &drop).0, 200);
    assert_eq!(
        template(&mut stage)["containers"].as_array().map(Vec::len),
        Some(1)
    );
    let steps = json!([
        {"op": "test", "path": "/spec/replicas", "value": 1},
        {"op": "replace", "path": "/spec/replicas", "value": 2},
        {"op": "add", "path": "/metadata/labels", "value": {"a/b": "1"}},
        {"op": "copy", "from": "/metadata/labels/a~1b", "path": "/metadata/labels/c"},
        {"op": "move", "from": "/metadata/labels/c", "path": "/metadata/labels/d"},
        {"op": "remove", "path": "/metadata/labels/a~1b"},
    ]);
    let (status, answer) = stage.send_as("PATCH", place, "application/json-patch+json", &steps);
    assert_eq!(
        (
            status,
            &answer["metadata"]["labels"],
            &answer["spec"]["replicas"]
        ),
        (200, &json!({"d": "1"}), &json!(2))
    );
    let stale = json!({"metadata": {"resourceVersion": "1"}, "spec": {"replicas": 5}});
    assert_eq!(
        stage.send("PATCH", place, &stale).0,
        409,
        "a version in a patch is a precondition"
    );
}

#[test]
fn the_protobuf_of_kubectl_is_read_and_other_bytes_are_refused() {
    let mut stage = stage();
    let field = |number: u8, bytes: &[u8]| {
        let mut out = vec![number << 3 | 2, u8::try_from(bytes.len()).expect("short")];
        out.extend_from_slice(bytes);
        out
    };
    let types = [field(1, b"v1"), field(2, b"ConfigMap")].concat();
    let entry = [field(1, b"colour"), field(2, b"blue")].concat();
    let object = [field(1, &field(1, b"binary")), field(2, &entry)].concat();
    let body = [b"k8s\0".to_vec(), field(1, &types), field(2, &object)].concat();
    let media = "application/vnd.kubernetes.protobuf";
    let request = asked("POST", MAPS)
        .with_header("content-type", media)
        .with_body(body.clone());
    assert_eq!(stage.answer(&request).status, 201);
    assert_eq!(
        stage.get(&format!("{MAPS}/binary"))["data"],
        json!({"colour": "blue"})
    );
    for end in 0..body.len() {
        let request = asked("POST", MAPS)
            .with_header("content-type", media)
            .with_body(body[..end].to_vec());
        let status = stage.answer(&request).status;
        assert!((400..500).contains(&status), "{end} bytes: {status}");
    }
}

#[test]
fn hostile_requests_are_refused_and_change_nothing() {
    let mut stage = stage();
    let before = stage.door.revision();
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    let bodies = [
        "",
        "null",
        "5",
        "[]",
        "\"x\"",
        "{\"metadata\":5}",
        "{\"metadata\":{\"name\":{}}}",
        "{\"spec\":[1]}",
        "{\"spec\":{\"taints\":5}}",
        "{\"status\":7}",
        "\u{0}",
        deep.as_str(),
    ];
    let targets = [
        "/api/v1/nodes",
        "/api/v1/nodes/node-a",
        "/api/v1/nodes/node-a/status",
        MAPS,
        "/api/v1/namespaces/shop/pods/solo-6c8b9cb764-p0001/eviction",
        "/apis/apps/v1/namespaces/kube-system/daemonsets/aws-node",
        "/apis/apps/v1/namespaces/kube-system/deployments/coredns/scale",
        "/apis/policy/v1/namespaces/shop/poddisruptionbudgets",
        "/api/v1/namespaces/shop/pods",
        "//",
        "/api/v1/%zz",
        "/apis/x/v1/y",
        "/openapi/v3/x",
    ];
    let medias = [
        "application/json",
        STRATEGIC,
        "application/merge-patch+json",
        "application/json-patch+json",
        "application/apply-patch+yaml",
        "text/plain",
    ];
    for target in targets {
        for body in bodies {
            for media in medias {
                for method in ["POST", "PUT", "PATCH"] {
                    let target = format!("{target}?fieldManager=x&dryRun=All");
                    let request = asked(method, &target)
                        .with_header("content-type", media)
                        .with_body(body);
                    let answer = stage.answer(&request);
                    assert!(answer.status >= 200, "{method} {target} {media} {body:.40}");
                    assert!(
                        answer.status != 500 || media.contains("apply"),
                        "{method} {target} {media} {body:.40}"
                    );
                }
            }
        }
    }
    assert_eq!(stage.door.revision(), before, "nothing was stored");
    assert!(matches!(stage.world.cluster.nodes, Known::Value(_)));
}

#[test]
fn queries_that_cannot_be_read_are_400() {
    let mut stage = stage();
    for query in [
        "limit=x",
        "limit=-1",
        "continue=zzz",
        "continue=e30",
        "labelSelector=a%20b",
        "labelSelector=a%20in%20(",
        "fieldSelector=x%3Dy",
        "resourceVersion=abc",
        "watch=1&resourceVersion=abc",
        "watch=1&sendInitialEvents=true",
    ] {
        let answer = match stage.ask(&asked("GET", &format!("{NODES}?{query}"))) {
            Reply::Answer(answer) => answer.status,
            Reply::Watch(_) => panic!("{query} is a watch"),
        };
        assert!(
            answer == 400 || query.starts_with("limit"),
            "{query}: {answer}"
        );
    }
}

#[test]
fn the_same_requests_give_the_same_bytes() {
    let script = || {
        let mut stage = stage();
        let mut bytes = Vec::new();
        stage.done(
            "PATCH",
            &format!("{NODES}/node-c"),
            &json!({"spec": {"unschedulable": true}}),
        );
        stage.send(
            "POST",
            "/api/v1/namespaces/shop/pods/solo-6c8b9cb764-p0001/eviction",
            &json!({"metadata": {}}),
        );
        stage.done(
            "POST",
            "/apis/apps/v1/namespaces/shop/deployments",
            &deployment("app", 2, "i:1"),
        );
        for seconds in [1, 20, 60] {
            stage.wait(seconds);
            for list in [
                NODES,
                "/api/v1/pods",
                "/apis/apps/v1/deployments",
                "/apis/policy/v1/poddisruptionbudgets",
            ] {
                bytes.extend(stage.answer(&asked("GET", list)).body);
            }
        }
        bytes
    };
    assert!(script() == script());
}

#[test]
fn what_nobody_could_read_is_no_empty_list() {
    let mut stage = stage();
    stage.world.cluster.pods = Known::Unknown("throttled".to_owned());
    let (status, answer) = stage.send("GET", "/api/v1/pods", &Value::Null);
    assert_eq!(status, 503);
    assert_eq!(answer["message"], "pods cannot be told: throttled");
    assert_eq!(stage.send("GET", NODES, &Value::Null).0, 200);
}
