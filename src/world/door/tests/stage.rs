//! The cluster of the recordings as a world, and a door before it.

use super::super::{Binding, Door, DoorOptions, Reply, Request, Response, Subject, User, Watch};
use crate::{Offers, World};
use serde_json::{Value, json};
use stairway_core::model::{
    ClusterId, ControlPlane, Known, LiveNodegroup, Node, Observation, Pdb, Pod, Timestamp, Workload,
};
use std::collections::BTreeMap;

pub(super) const ADMIN: &str = "admin-token";
pub(super) const VIEWER: &str = "viewer-token";
pub(super) const START: &str = "2026-01-01T00:00:01Z";

/// A door and its world.
pub(super) struct Stage {
    pub(super) world: World,
    pub(super) door: Door,
}

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn node(name: &str, group: &str) -> Node {
    Node {
        name: name.to_owned(),
        nodegroup: Some(group.to_owned()),
        provisioner: None,
        kubelet: Known::Value("v1.35.6-eks-0a1b2c3".parse().expect("a version")),
        ready: Known::Value(true),
        unschedulable: false,
        taints: Vec::new(),
        zone: Known::Value("zone-1".to_owned()),
        instance_type: Known::default(),
    }
}

fn group(name: &str) -> LiveNodegroup {
    let spec = json!({"name": name, "minSize": 0, "maxSize": 5});
    LiveNodegroup {
        name: name.to_owned(),
        managed: true,
        status: Known::Value("ACTIVE".to_owned()),
        version: Known::Value("1.35".parse().expect("a minor")),
        release_version: Known::default(),
        arn: Known::default(),
        created_at: Known::default(),
        spec: spec.as_object().cloned().expect("an object"),
        spec_complete: true,
        health: Known::default(),
    }
}

fn pod(namespace: &str, name: &str, node: &str, owner: &str, pairs: &[(&str, &str)]) -> Pod {
    Pod {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        node: Some(node.to_owned()),
        owner: Known::Value(owner.to_owned()),
        labels: labels(pairs),
        ..Pod::default()
    }
}

fn pods() -> Vec<Pod> {
    let mut pods = Vec::new();
    for (index, letter) in ["a", "b", "c", "d", "e"].iter().enumerate() {
        // The recordings number the pods of a node that they show from 1.
        let number = if *letter == "e" { 1 } else { index + 2 };
        let daemon = [
            ("controller-revision-hash", "7cc99d6f44"),
            ("k8s-app", "aws-node"),
            ("pod-template-generation", "1"),
        ];
        let name = format!("aws-node-p{number:04}");
        let mut one = pod(
            "kube-system",
            &name,
            &format!("node-{letter}"),
            "DaemonSet/aws-node",
            &daemon,
        );
        one.tolerates_everything = true;
        pods.push(one);
    }
    for number in 1..=2 {
        let pairs = [("k8s-app", "kube-dns"), ("pod-template-hash", "57bfcb5659")];
        let name = format!("coredns-57bfcb5659-p000{number}");
        let mut one = pod(
            "kube-system",
            &name,
            "node-b",
            "ReplicaSet/coredns-57bfcb5659",
            &pairs,
        );
        one.node_selector = Known::Value(labels(&[("kubernetes.io/hostname", "node-b")]));
        pods.push(one);
    }
    for (app, hash, count) in [
        ("web", "85d8d878f", 3),
        ("api", "56df54c896", 1),
        ("free", "555f9b7846", 1),
        ("solo", "6c8b9cb764", 1),
    ] {
        for number in 1..=count {
            let place = if app == "solo" { "node-e" } else { "node-c" };
            let name = format!("{app}-{hash}-p000{number}");
            let pairs = [("app", app), ("pod-template-hash", hash)];
            pods.push(pod(
                "shop",
                &name,
                place,
                &format!("ReplicaSet/{app}-{hash}"),
                &pairs,
            ));
        }
    }
    pods
}

fn budget(namespace: &str, name: &str, (key, value): (&str, &str), allowed: u32) -> Pdb {
    Pdb {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        allowed: Known::Value(allowed),
        selector: Known::Value(labels(&[(key, value)])),
        ..Pdb::default()
    }
}

fn workload(kind: &str, name: &str, version: &str) -> Workload {
    Workload {
        kind: kind.to_owned(),
        namespace: "kube-system".to_owned(),
        name: name.to_owned(),
        version: Known::Value(version.parse().expect("a version")),
        rolled_out: Known::Value(true),
    }
}

/// Returns the world of the recordings.
pub(super) fn cluster() -> World {
    let id = ClusterId {
        name: "recorded".to_owned(),
        region: String::new(),
        account_id: None,
        endpoint: None,
        certificate_authority: None,
    };
    let mut seen = Observation::unknown(id, "test");
    let start: Timestamp = START.parse().expect("a time");
    seen.control_plane = Known::Value(ControlPlane {
        version: Known::Value("1.36".parse().expect("a minor")),
        status: Known::Value("ACTIVE".to_owned()),
        platform_version: Known::default(),
        created_at: Known::Value(start),
        support_type: Known::default(),
        auto_mode: Known::default(),
        settings: serde_json::Map::new(),
        settings_complete: false,
    });
    seen.nodegroups = Known::Value(vec![group("blue"), group("green")]);
    let nodes = [
        ("node-a", "blue"),
        ("node-b", "blue"),
        ("node-c", "blue"),
        ("node-d", "green"),
        ("node-e", "green"),
    ];
    seen.nodes = Known::Value(
        nodes
            .iter()
            .map(|(name, group)| node(name, group))
            .collect(),
    );
    seen.pods = Known::Value(pods());
    let mut web = budget("shop", "web", ("app", "web"), 0);
    web.min_available = Known::Value("3".to_owned());
    seen.pdbs = Known::Value(vec![
        budget("kube-system", "coredns", ("k8s-app", "kube-dns"), 1),
        web,
        budget("shop", "api", ("app", "api"), 1),
        budget("shop", "api-too", ("app", "api"), 1),
    ]);
    seen.workloads = Known::Value(vec![
        workload("DaemonSet", "aws-node", "v1.19.0"),
        workload("Deployment", "coredns", "v1.11.3"),
    ]);
    let asked = json!([{"group_version": "cluster.x-k8s.io/v1beta1", "resource": "clusters", "removed_in": null}]);
    seen.deprecated_apis = Known::Value(serde_json::from_value(asked).expect("a list"));
    seen.webhooks = Known::Value(Vec::new());
    seen.aws_auth = Known::Absent;
    seen.aws_auth_users = Known::Absent;
    World::of(seen, Offers::new(), start)
}

impl Stage {
    pub(super) fn new(git_version: &str) -> Self {
        let mut world = cluster();
        let viewer = User {
            name: "viewer".to_owned(),
            groups: vec!["viewers".to_owned()],
            token: VIEWER.to_owned(),
        };
        let look = Binding {
            name: "look".to_owned(),
            subject: Subject::Group("viewers".to_owned()),
            namespace: None,
            role: json!({
                "kind": "ClusterRole",
                "metadata": {"name": "look"},
                "rules": [{"verbs": ["get", "list", "watch"], "apiGroups": [""], "resources": ["nodes", "pods"]}],
            }),
        };
        let options = DoorOptions {
            users: vec![User::admin(ADMIN), viewer],
            bindings: vec![look],
            git_version: Some(git_version.to_owned()),
            objects: vec![
                json!({"kind": "Namespace", "metadata": {"name": "other"}}),
                json!({"kind": "Secret", "metadata": {"name": "key", "namespace": "shop"}, "data": {"a": "Y2FuYXJ5"}, "type": "Opaque"}),
            ],
            yaml: None,
        };
        let door = Door::new(&mut world, options);
        Self { world, door }
    }

    pub(super) fn ask(&mut self, request: &Request) -> Reply {
        self.door.handle(&mut self.world, request)
    }

    pub(super) fn answer(&mut self, request: &Request) -> Response {
        match self.ask(request) {
            Reply::Answer(response) => response,
            Reply::Watch(_) => panic!("{} {} is a watch", request.method, request.path),
        }
    }

    /// Sends a request of the administrator; patches are merge patches unless `media` says otherwise.
    pub(super) fn send(&mut self, method: &str, target: &str, body: &Value) -> (u16, Value) {
        let media = if method == "PATCH" {
            "application/merge-patch+json"
        } else {
            "application/json"
        };
        self.send_as(method, target, media, body)
    }

    pub(super) fn send_as(
        &mut self,
        method: &str,
        target: &str,
        media: &str,
        body: &Value,
    ) -> (u16, Value) {
        let mut request = Request::new(method, target)
            .with_header("authorization", &format!("Bearer {ADMIN}"))
            .with_header("content-type", media);
        if !body.is_null() {
            request = request.with_body(body.to_string());
        }
        let response = self.answer(&request);
        let body = serde_json::from_slice(&response.body).unwrap_or(Value::Null);
        (response.status, body)
    }

    /// The same for requests that must go well.
    pub(super) fn done(&mut self, method: &str, target: &str, body: &Value) -> Value {
        let (status, answer) = self.send(method, target, body);
        assert!(
            (200..300).contains(&status),
            "{method} {target}: {status} {answer}"
        );
        answer
    }

    pub(super) fn get(&mut self, target: &str) -> Value {
        self.done("GET", target, &Value::Null)
    }

    /// Moves the clock, and lets the door look.
    pub(super) fn wait(&mut self, seconds: i64) {
        self.world.advance(seconds);
        self.door.observe(&mut self.world);
    }

    pub(super) fn watch(&mut self, target: &str) -> Watch {
        let request =
            Request::new("GET", target).with_header("authorization", &format!("Bearer {ADMIN}"));
        match self.ask(&request) {
            Reply::Watch(watch) => *watch,
            Reply::Answer(response) => {
                panic!("{target}: {}", String::from_utf8_lossy(&response.body))
            }
        }
    }

    /// Returns what a watch tells after so many seconds, and whether it ended.
    pub(super) fn poll(&self, watch: &mut Watch, elapsed: u64) -> (Vec<Value>, bool) {
        let polled = self.door.poll(&self.world, watch, elapsed);
        let events = polled.events.iter().map(|line| {
            assert_eq!(line.last(), Some(&b'\n'));
            serde_json::from_slice(line).expect("an event")
        });
        (events.collect(), polled.ended)
    }
}
