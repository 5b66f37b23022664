//! Each recording of a real server, sent to the door of the same cluster.
//!
//! Custom resources (59–73, 75–77) are not served by the door and not recorded here.

use super::super::{Reply, Request};
use super::compare::Learned;
use super::recordings::RECORDINGS;
use super::stage::{ADMIN, Stage, VIEWER};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Headers that the recordings looked for.
const HEADERS: [&str; 5] = [
    "content-type",
    "warning",
    "retry-after",
    "allow",
    "www-authenticate",
];

/// A stage on which recordings are played one after the other.
struct Play {
    stage: Stage,
    learned: Learned,
    played: BTreeSet<&'static str>,
}

fn recording(number: &str) -> (&'static str, Value) {
    let found = RECORDINGS
        .iter()
        .find(|(name, _)| name.split('-').next() == Some(number));
    let (name, text) = found.unwrap_or_else(|| panic!("no recording {number}"));
    (name, serde_json::from_str(text).expect("a recording"))
}

impl Play {
    fn new() -> Self {
        Self {
            stage: Stage::new("v1.36.2"),
            learned: Learned::default(),
            played: BTreeSet::new(),
        }
    }

    /// Builds the request of a recording with our tokens, versions and uids.
    fn request(&self, recorded: &Value) -> Request {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut request = Request::new(&text(&recorded["method"]), &text(&recorded["path"]));
        for (name, value) in recorded["headers"].as_object().into_iter().flatten() {
            let value = text(value)
                .replace("<admin-token>", ADMIN)
                .replace("<viewer-token>", VIEWER)
                .replace("<bad-token>", "nobody-knows");
            request = request.with_header(name, &value);
        }
        let mut body = recorded["body"].clone();
        if let Some(raw) = body.as_str() {
            return request.with_body(raw.to_owned());
        }
        if body.is_null() {
            return request;
        }
        let name = text(&body["metadata"]["name"]);
        if let Some(ours) = body["metadata"]["resourceVersion"]
            .as_str()
            .and_then(|v| self.learned.version(&name, v))
        {
            body["metadata"]["resourceVersion"] = json!(ours);
        }
        if let Some(ours) = body["metadata"]["uid"]
            .as_str()
            .and_then(|uid| self.learned.uid(uid))
        {
            body["metadata"]["uid"] = json!(ours);
        }
        request.with_body(body.to_string())
    }

    /// Plays a recording as it is.
    fn row(&mut self, number: &str) -> Value {
        self.row_with(number, &[], |_| {})
    }

    /// Plays a recording whose answer differs at `free`, with a request that is `turned` first.
    fn row_with(&mut self, number: &str, free: &[&str], turned: impl Fn(&mut Request)) -> Value {
        let (name, recorded) = recording(number);
        let mut request = self.request(&recorded["request"]);
        turned(&mut request);
        let answer = self.stage.answer(&request);
        let wanted = &recorded["response"];
        let said = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(u64::from(answer.status), wanted["status"], "{name}: {said}");
        for header in HEADERS {
            let wanted = wanted["headers"][header].as_str();
            assert_eq!(answer.header(header), wanted, "{name}: the header {header}");
        }
        let body = serde_json::from_str(&said).unwrap_or_else(|_| json!(said));
        self.learned.same(&wanted["body"], &body, name, free);
        self.played.insert(name);
        body
    }

    /// Compares the events of a watch.
    fn events(&mut self, number: &str, events: &[Value]) {
        let (name, recorded) = recording(number);
        let events = Value::Array(events.to_vec());
        self.learned
            .same(&recorded["response"]["body"], &events, name, &[]);
        self.played.insert(name);
    }

    fn watched(&self, number: &str) -> String {
        recording(number).1["request"]["path"]
            .as_str()
            .expect("a path")
            .to_owned()
    }

    /// The recordings of a range were all played.
    fn covers(&self, range: std::ops::RangeInclusive<u32>) {
        for (name, _) in RECORDINGS {
            let number: u32 = name
                .split('-')
                .next()
                .and_then(|n| n.parse().ok())
                .expect("a number");
            assert!(
                !range.contains(&number) || self.played.contains(name),
                "{name} was not played"
            );
        }
    }
}

fn set_param(request: &mut Request, name: &str, value: &str) {
    for (key, old) in &mut request.query {
        if key == name {
            value.clone_into(old);
        }
    }
}

#[test]
fn discovery_is_as_recorded() {
    let mut play = Play::new();
    play.row("01");
    play.row("05");
    // Recorded lists were cut to some groups and paths: ours must have them, in whatever company.
    for (number, list, key) in [("03", "groups", "name"), ("04", "items", "metadata")] {
        let (name, recorded) = recording(number);
        let request = play.request(&recorded["request"]);
        let answer = play.stage.answer(&request);
        let wanted = &recorded["response"];
        assert_eq!(
            answer.header("content-type"),
            wanted["headers"]["content-type"].as_str(),
            "{name}"
        );
        let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert_eq!(body["kind"], wanted["body"]["kind"]);
        for one in wanted["body"][list].as_array().expect("a list") {
            let ours = body[list]
                .as_array()
                .expect("a list")
                .iter()
                .find(|other| other[key] == one[key]);
            let ours = ours.unwrap_or_else(|| panic!("{name}: {} is missing", one[key]));
            play.learned.same(one, ours, name, &[]);
        }
        play.played.insert(name);
    }
    let (name, recorded) = recording("06");
    let request = play.request(&recorded["request"]);
    let answer = play.stage.answer(&request);
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; charset=utf-8"),
        "{name}"
    );
    let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
    for (path, entry) in recorded["response"]["body"]["paths"]
        .as_object()
        .expect("paths")
    {
        let url = body["paths"][path]["serverRelativeURL"]
            .as_str()
            .expect("a URL");
        let wanted = entry["serverRelativeURL"].as_str().expect("a URL");
        assert_eq!(url.split('?').next(), wanted.split('?').next(), "{name}");
        let request =
            Request::new("GET", url).with_header("authorization", &format!("Bearer {ADMIN}"));
        assert_eq!(play.stage.answer(&request).status, 200, "{url}");
    }
    play.played.insert(name);
    let stage = std::mem::replace(&mut play.stage, Stage::new("v1.35.6-eks-113cf36"));
    drop(stage);
    play.row("02");
    play.covers(1..=6);
}

#[test]
fn nodes_are_listed_patched_and_refused_as_recorded() {
    let mut play = Play::new();
    let first = play.row("07");
    let touched = json!({"metadata": {"annotations": {"example/touched": "between-pages"}}});
    play.stage.done("PATCH", "/api/v1/nodes/node-e", &touched);
    let token = first["metadata"]["continue"]
        .as_str()
        .expect("a token")
        .to_owned();
    let second = play.row_with("08", &[], |request| set_param(request, "continue", &token));
    let token = second["metadata"]["continue"]
        .as_str()
        .expect("a token")
        .to_owned();
    play.row_with("09", &[], |request| set_param(request, "continue", &token));
    for number in ["10", "11", "12", "13", "14", "15"] {
        play.row(number);
    }
    play.stage.wait(1);
    let cordoned = play.stage.get("/api/v1/nodes/node-a");
    assert_eq!(
        cordoned["spec"]["taints"][0]["key"],
        "node.kubernetes.io/unschedulable"
    );
    play.row("16");
    play.stage.wait(1);
    let taints = play.stage.get("/api/v1/nodes/node-a")["spec"]["taints"].clone();
    assert_eq!(
        taints.as_array().map(Vec::len),
        Some(2),
        "the controller puts its taint back: {taints}"
    );
    for number in ["17", "18", "19", "20"] {
        play.row(number);
    }
    unknown_fields(&mut play);
    expired_versions(&mut play);
    play.covers(7..=25);
}

fn unknown_fields(play: &mut Play) {
    let quoted = ["/message", "/details/causes/0/message"];
    let refused = play.row_with("21", &quoted, |_| {});
    let message = refused["message"].as_str().expect("a message");
    assert!(
        message.starts_with(" \"\" is invalid: patch: Invalid value: \"{"),
        "{message}"
    );
    assert!(
        message.ends_with("strict decoding error: unknown field \"spec.unschedulabel\""),
        "{message}"
    );
    play.row("22");
}

fn expired_versions(play: &mut Play) {
    let first = play.stage.get("/api/v1/nodes?limit=2");
    let token = first["metadata"]["continue"]
        .as_str()
        .expect("a token")
        .to_owned();
    play.stage.done(
        "PATCH",
        "/api/v1/nodes/node-e",
        &json!({"metadata": {"labels": {"x": "y"}}}),
    );
    play.stage.door.compact();
    let expired = play.row_with("23", &[], |request| set_param(request, "continue", &token));
    let token = expired["metadata"]["continue"]
        .as_str()
        .expect("a token")
        .to_owned();
    let rest = play
        .stage
        .get(&format!("/api/v1/nodes?limit=2&continue={token}"));
    assert_eq!(
        rest["items"][0]["metadata"]["name"], "node-c",
        "the new token goes on at the same name"
    );
    play.row("24");
    let mut watch = play.stage.watch(&play.watched("25"));
    let (events, ended) = play.stage.poll(&mut watch, 0);
    play.events("25", &events);
    assert!(ended);
}

#[test]
fn pods_are_evicted_and_deleted_as_recorded() {
    let mut play = Play::new();
    play.row("26");
    play.row("27");
    let before = play
        .stage
        .get("/apis/policy/v1/namespaces/kube-system/poddisruptionbudgets/coredns");
    assert_eq!(
        before["status"]["disruptionsAllowed"], 1,
        "a dry run changes nothing"
    );
    for number in ["28", "29", "30", "31", "32"] {
        play.row(number);
    }
    let spec = json!({"minAvailable": 0, "selector": {"matchLabels": {"app": "free"}}});
    let budget = json!({"kind": "PodDisruptionBudget", "apiVersion": "policy/v1", "metadata": {"name": "free"}, "spec": spec});
    play.stage.done(
        "POST",
        "/apis/policy/v1/namespaces/shop/poddisruptionbudgets",
        &budget,
    );
    play.row("33");
    play.row("34");
    let pod = "/api/v1/namespaces/shop/pods/web-85d8d878f-p0002";
    play.stage.done(
        "PATCH",
        pod,
        &json!({"metadata": {"finalizers": ["example/hold"]}}),
    );
    let leaving = play.row("35");
    let ends = leaving["metadata"]["deletionTimestamp"]
        .as_str()
        .expect("a time");
    let ends: stairway_core::model::Timestamp = ends.parse().expect("a time");
    assert_eq!(ends.seconds_since(play.stage.world.now), 20);
    play.row("36");
    play.stage.wait(60);
    assert!(
        !play.stage.get(pod)["metadata"]["deletionTimestamp"].is_null(),
        "the finalizer holds it"
    );
    let gone = play
        .stage
        .done("PATCH", pod, &json!({"metadata": {"finalizers": null}}));
    assert_eq!(gone["metadata"]["uid"], leaving["metadata"]["uid"]);
    play.covers(26..=36);
}

#[test]
fn workloads_roll_out_as_recorded() {
    let mut play = Play::new();
    play.row("37");
    play.row_with("38", &["/spec/updateStrategy"], |_| {});
    play.row_with("39", &["/status/conditions/1/message"], |_| {});
    let before = play.stage.door.revision();
    play.row_with("40", &["/status/conditions/1/message"], |_| {});
    let path = play
        .watched("41")
        .replace("resourceVersion=6001", &format!("resourceVersion={before}"));
    let events = rollout(&mut play, &path);
    let (name, recorded) = recording("41");
    let recorded = recorded["response"]["body"].as_array().expect("events");
    // Order and number of the steps between differ from run to run.
    play.learned
        .same(&recorded[0], &events[0], name, &["/object/status"]);
    let first = &events[0]["object"];
    assert_eq!(
        first["status"]["observedGeneration"], 1,
        "the first event looks done"
    );
    assert!(settled(&first["status"], "Deployment"));
    let caught_up = events
        .iter()
        .find(|e| e["object"]["status"]["observedGeneration"] == 2)
        .expect("an event");
    assert!(
        !settled(&caught_up["object"]["status"], "Deployment"),
        "{caught_up}"
    );
    let last = &events.last().expect("an event")["object"];
    let wanted = &recorded.last().expect("an event")["object"];
    assert_eq!(
        last["metadata"]["annotations"],
        wanted["metadata"]["annotations"]
    );
    assert!(
        settled(&last["status"], "Deployment") && last["status"]["observedGeneration"] == 2,
        "{last}"
    );
    play.played.insert(name);
    daemons_roll_out(&mut play);
    play.row("43");
    play.covers(37..=43);
}

fn daemons_roll_out(play: &mut Play) {
    let before = play.stage.door.revision();
    let image = json!({"spec": {"template": {"spec": {"containers": [{"name": "aws-node", "image": "images.example/vpc-cni:v1.20.0"}]}}}});
    let media = "application/strategic-merge-patch+json";
    let (status, _) = play.stage.send_as(
        "PATCH",
        "/apis/apps/v1/namespaces/kube-system/daemonsets/aws-node",
        media,
        &image,
    );
    assert_eq!(status, 200);
    let path = play
        .watched("42")
        .replace("resourceVersion=6010", &format!("resourceVersion={before}"));
    let events = rollout(play, &path);
    let (name, recorded) = recording("42");
    let recorded = recorded["response"]["body"].as_array().expect("events");
    play.learned.same(
        &recorded[0],
        &events[0],
        name,
        &["/object/spec/template/spec/tolerations"],
    );
    play.learned.same(&recorded[1], &events[1], name, &[]);
    play.learned.same(
        recorded.last().expect("an event"),
        events.last().expect("an event"),
        name,
        &[],
    );
    let counts: Vec<i64> = events[1..]
        .iter()
        .map(|e| {
            e["object"]["status"]["updatedNumberScheduled"]
                .as_i64()
                .unwrap_or(0)
        })
        .collect();
    assert!(counts.is_sorted() && counts.len() > 3, "{counts:?}");
    play.played.insert(name);
}

/// Lets a rollout end, and returns what a watch tells of it.
fn rollout(play: &mut Play, path: &str) -> Vec<Value> {
    let mut watch = play.stage.watch(path);
    let mut events = Vec::new();
    for _ in 0..12 {
        events.extend(play.stage.poll(&mut watch, 0).0);
        play.stage.wait(10);
    }
    assert!(events.iter().all(|event| event["type"] == "MODIFIED"));
    events
}

fn settled(status: &Value, kind: &str) -> bool {
    let (all, parts) = if kind == "Deployment" {
        ("replicas", ["updatedReplicas", "availableReplicas"])
    } else {
        (
            "desiredNumberScheduled",
            ["updatedNumberScheduled", "numberAvailable"],
        )
    };
    parts.iter().all(|part| status[*part] == status[all])
}

fn settings(name: &str, data: &Value) -> Value {
    json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": name, "labels": {"set": "w"}}, "data": data})
}

#[test]
fn watches_tell_what_was_recorded() {
    let maps = "/api/v1/namespaces/shop/configmaps";
    let mut play = Play::new();
    play.stage
        .done("POST", maps, &settings("w-first", &json!({"a": "1"})));
    play.stage
        .done("POST", maps, &settings("w-one", &json!({"a": "1"})));
    let mut watch = play.stage.watch(&play.watched("44"));
    let (mut events, _) = play.stage.poll(&mut watch, 0);
    play.stage.done(
        "PATCH",
        &format!("{maps}/w-one"),
        &json!({"data": {"a": "2"}}),
    );
    play.stage
        .done("DELETE", &format!("{maps}/w-first"), &Value::Null);
    play.stage.done(
        "PATCH",
        &format!("{maps}/w-one"),
        &json!({"metadata": {"labels": {"set": "v"}}}),
    );
    let (more, ended) = play.stage.poll(&mut watch, 1);
    events.extend(more);
    assert!(!ended);
    play.events("44", &events);
    bookmarks(&mut play);
    one_object(&mut play);
    play.row("74");
    play.covers(44..=48);
    play.covers(74..=74);
}

/// Bookmarks, and the end without a word.
fn bookmarks(play: &mut Play) {
    let maps = "/api/v1/namespaces/shop/configmaps";
    let path = play
        .watched("45")
        .replace("7005", &play.stage.door.revision().to_string());
    let mut watch = play.stage.watch(&path);
    play.stage
        .done("POST", maps, &settings("w-two", &json!({"a": "1"})));
    play.stage
        .done("POST", maps, &json!({"metadata": {"name": "unseen"}}));
    let mut events = Vec::new();
    let mut ends = Vec::new();
    for elapsed in [0, 1, 2, 3, 5] {
        let (more, ended) = play.stage.poll(&mut watch, elapsed);
        events.extend(more);
        ends.push(ended);
    }
    assert_eq!(ends, [false, false, false, false, true]);
    events.truncate(3);
    play.events("45", &events);
    play.stage
        .done("POST", maps, &json!({"metadata": {"name": "unseen-too"}}));
    let mut watch = play.stage.watch(&play.watched("46"));
    let (events, _) = play.stage.poll(&mut watch, 0);
    play.events("46", &events);
}

fn one_object(play: &mut Play) {
    let maps = "/api/v1/namespaces/shop/configmaps";
    play.stage
        .done("POST", maps, &settings("w-three", &json!({"a": "1"})));
    let mut watch = play.stage.watch(&play.watched("47"));
    let (mut events, _) = play.stage.poll(&mut watch, 0);
    play.stage.done(
        "PATCH",
        &format!("{maps}/w-two"),
        &json!({"data": {"b": "3"}}),
    );
    play.stage.done(
        "PATCH",
        &format!("{maps}/w-three"),
        &json!({"data": {"a": "9"}}),
    );
    play.stage
        .done("DELETE", &format!("{maps}/w-three"), &Value::Null);
    events.extend(play.stage.poll(&mut watch, 1).0);
    play.events("47", &events);
    let mut watch = play.stage.watch(&play.watched("48"));
    play.stage.done(
        "PATCH",
        &format!("{maps}/w-two"),
        &json!({"data": {"b": "4"}}),
    );
    assert_eq!(play.stage.poll(&mut watch, 4), (Vec::new(), false));
    assert_eq!(play.stage.poll(&mut watch, 5), (Vec::new(), true));
    play.events("48", &[]);
}

#[test]
fn server_side_apply_is_as_recorded() {
    let mut play = Play::new();
    play.row("49");
    let (status, _) = play.stage.send(
        "GET",
        "/api/v1/namespaces/shop/configmaps/settings",
        &Value::Null,
    );
    assert_eq!(status, 404, "nothing was stored");
    play.stage.wait(1);
    play.row("50");
    play.stage.wait(1);
    for number in ["51", "52", "53", "54"] {
        play.row(number);
        play.stage.wait(1);
    }
    play.row("55");
    let hand = json!({"data": {"shape": "square"}});
    play.stage.done(
        "PATCH",
        "/api/v1/namespaces/shop/configmaps/settings?fieldManager=hand",
        &hand,
    );
    play.row("56");
    let (_, recorded) = recording("58");
    let mut front = recorded["request"]["body"].clone();
    front["spec"]
        .as_object_mut()
        .expect("a spec")
        .remove("replicaz");
    let media = "application/apply-patch+yaml";
    let place = "/apis/apps/v1/namespaces/shop/deployments/shopfront?fieldManager=stairway";
    let (status, made) = play.stage.send_as("PATCH", place, media, &front);
    assert_eq!(status, 201, "{made}");
    play.row("57");
    play.row("58");
    play.covers(49..=58);
}

#[test]
fn a_lease_is_a_lock_as_recorded() {
    let mut play = Play::new();
    for number in ["78", "79", "80", "81", "82"] {
        play.row(number);
    }
    let lease = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/stairway";
    play.stage.done("DELETE", lease, &Value::Null);
    play.row("83");
    let (status, _) = play.stage.send("GET", lease, &Value::Null);
    assert_eq!(status, 404, "nothing was created");
    play.row("84");
    play.covers(78..=84);
}

#[test]
fn users_are_known_allowed_and_refused_as_recorded() {
    let mut play = Play::new();
    for number in ["85", "86", "87", "88"] {
        play.row(number);
    }
    let (name, recorded) = recording("89");
    let request = play.request(&recorded["request"]);
    let answer = play.stage.answer(&request);
    assert_eq!(answer.status, 201);
    let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!(body["spec"], json!({}), "the namespace is not echoed");
    for list in ["resourceRules", "nonResourceRules"] {
        let sorted = |value: &Value| {
            let mut lines: Vec<String> = value["status"][list]
                .as_array()
                .expect("rules")
                .iter()
                .map(ToString::to_string)
                .collect();
            lines.sort();
            lines
        };
        assert_eq!(
            sorted(&body),
            sorted(&recorded["response"]["body"]),
            "{name}"
        );
    }
    play.played.insert(name);
    play.covers(85..=89);
}

#[test]
fn wrong_requests_are_refused_as_recorded() {
    let mut play = Play::new();
    for number in ["90", "91", "92", "93", "94", "95"] {
        play.row(number);
    }
    play.row_with("96", &[], |request| {
        let long = "x".repeat(Request::BODY_MAX + 10);
        request.body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "big"}, "data": {"a": long}}).to_string().into_bytes();
    });
    play.row("97");
    play.row("98");
    play.row("99");
    play.covers(90..=99);
}

#[test]
fn every_recording_that_is_here_is_a_row_of_some_test() {
    // The tests above name ranges; a file that nobody's range covers would be dead weight.
    let covered = |n: u32| (1..=58).contains(&n) || n == 74 || (78..=99).contains(&n);
    for (name, text) in RECORDINGS {
        let number: u32 = name
            .split('-')
            .next()
            .and_then(|n| n.parse().ok())
            .expect("a number");
        assert!(covered(number), "{name}");
        assert!(text.contains("\"about\""), "{name} has no rule");
    }
    let request = Request::new("GET", "/api/v1/nodes");
    let reply = Stage::new("v1.36.2").ask(&request);
    assert!(
        matches!(reply, Reply::Answer(answer) if answer.status == 403),
        "without a token nobody is anybody"
    );
}
