//! Ways to fail that a client must tell apart, and what the door notes of who asked.

use super::super::{DoorFault, NEVER_MS, Reply, Request, Trouble};
use super::stage::{ADMIN, Stage, VIEWER};
use serde_json::{Value, json};

const NODES: &str = "/api/v1/nodes";
const MAPS: &str = "/api/v1/namespaces/shop/configmaps";

fn stage() -> Stage {
    Stage::new("v1.36.2")
}

fn asked(method: &str, target: &str) -> Request {
    Request::new(method, target).with_header("authorization", &format!("Bearer {ADMIN}"))
}

#[test]
fn each_refusal_has_the_status_and_the_words_of_a_real_server() {
    let rows: [(&str, Trouble, &str, u16, &str, &str); 6] = [
        (
            "a list that nobody may read",
            Trouble::Forbidden,
            NODES,
            403,
            "Forbidden",
            "nodes is forbidden: User \"admin\" cannot list resource \"nodes\" in API group \"\" at the cluster scope",
        ),
        (
            "a node that nobody may read",
            Trouble::Forbidden,
            "/api/v1/nodes/node-a",
            403,
            "Forbidden",
            "nodes \"node-a\" is forbidden: User \"admin\" cannot get resource \"nodes\" in API group \"\" at the cluster scope",
        ),
        (
            "a path that nobody may read",
            Trouble::Forbidden,
            "/metrics",
            403,
            "Forbidden",
            "forbidden: User \"admin\" cannot get path \"/metrics\"",
        ),
        (
            "a watch from a version that is forgotten",
            Trouble::Gone,
            "/api/v1/nodes?watch=1&resourceVersion=900",
            410,
            "Expired",
            "too old resource version: 900 (",
        ),
        (
            "a token that expired",
            Trouble::Expired,
            "/version",
            401,
            "Unauthorized",
            "Unauthorized",
        ),
        (
            "a server that is busy and says for how long",
            Trouble::Busy(Some(2)),
            "/metrics",
            429,
            "TooManyRequests",
            "the server has received too many requests",
        ),
    ];
    for (sentence, trouble, target, status, reason, words) in rows {
        let mut stage = stage();
        stage.door.strike(DoorFault::of("*", trouble).times(1));
        let answer = stage.answer(&asked("GET", target));
        let body: Value = serde_json::from_slice(&answer.body).expect("a Status");
        assert_eq!(answer.status, status, "{sentence}");
        assert_eq!(body["reason"], reason, "{sentence}");
        let message = body["message"].as_str().unwrap_or_default();
        assert!(message.starts_with(words), "{sentence}: {message}");
    }
}

#[test]
fn the_nth_request_of_a_method_to_a_resource_fails_and_no_other() {
    let mut stage = stage();
    let fault = DoorFault::of("*/nodes*", Trouble::Forbidden);
    stage.door.strike(fault.on("PATCH").after(1).times(1));
    let cordon = json!({"spec": {"unschedulable": true}});
    let mut status = |method: &str, target: &str, body: &Value| stage.send(method, target, body).0;
    assert_eq!(status("GET", NODES, &Value::Null), 200);
    let node = format!("{NODES}/node-a");
    assert_eq!(status("PATCH", &node, &cordon), 200);
    assert_eq!(status("GET", &node, &Value::Null), 200);
    let other = format!("{NODES}/node-b");
    assert_eq!(status("PATCH", &other, &cordon), 403);
    let cordoned =
        |stage: &Stage, index: usize| stage.world.cluster.nodes.items()[index].unschedulable;
    assert!(
        cordoned(&stage, 0) && !cordoned(&stage, 1),
        "no effect of what is refused"
    );
    assert_eq!(stage.send("PATCH", &other, &cordon).0, 200);
}

#[test]
fn half_a_page_may_look_whole_and_an_answer_may_never_come() {
    let mut stage = stage();
    let whole = stage.answer(&asked("GET", NODES));
    stage
        .door
        .strike(DoorFault::of(NODES, Trouble::Truncated).times(1));
    let half = stage.answer(&asked("GET", NODES));
    assert_eq!((half.status, half.cut_after), (200, None));
    assert_eq!(half.body.len(), whole.body.len() / 2);
    assert!(serde_json::from_slice::<Value>(&half.body).is_err());

    stage
        .door
        .strike(DoorFault::of(MAPS, Trouble::NeverAnswers).times(1));
    let map = json!({"metadata": {"name": "done"}});
    let answer = stage.answer(&asked("POST", MAPS).with_body(map.to_string()));
    assert_eq!(answer.delay_ms, NEVER_MS);
    assert_eq!(
        stage.send("POST", MAPS, &map).0,
        409,
        "it was done all the same"
    );
    stage
        .door
        .strike(DoorFault::of(NODES, Trouble::NeverAnswers).times(1));
    let watch = stage.watch(&format!("{NODES}?watch=1"));
    assert_eq!(watch.delay_ms, NEVER_MS);
}

#[test]
fn requests_for_no_resource_are_noted_with_their_path() {
    let mut stage = stage();
    let rows = [
        (ADMIN, "/version", 200),
        (ADMIN, "/readyz", 200),
        (VIEWER, "/metrics", 403),
        (VIEWER, "/api/v1/nodes/node-a", 200),
    ];
    for (token, target, status) in rows {
        let request =
            Request::new("GET", target).with_header("authorization", &format!("Bearer {token}"));
        let Reply::Answer(answer) = stage.ask(&request) else {
            panic!("{target} is a watch");
        };
        assert_eq!(answer.status, status, "{target}");
    }
    let noted: Vec<String> = stage
        .door
        .asked()
        .iter()
        .map(|one| {
            format!(
                "{} {} {}{} {}",
                one.user, one.verb, one.path, one.resource, one.status
            )
        })
        .collect();
    assert_eq!(
        noted,
        [
            "admin get /version 200",
            "admin get /readyz 200",
            "viewer get /metrics 403",
            "viewer get nodes 200",
        ]
    );
}
