//! A served world, and connections to it: for everybody who tests against a Kubernetes API.

use crate::kubernetes::{Access, Around, Credentials, Limits, Reads, Secret, Writes};
use crate::serve::{Ground, Role, ServeOptions, Serving};
use serde_json::{Value, json};
use stairway_core::model::{
    ClusterId, Known, LiveNodegroup, Node, Observation, Pdb, Pod, Timestamp, Workload,
};
use stairway_world::door::{Door, DoorFault};
use stairway_world::{Offers, World};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub(crate) const START: &str = "2026-01-01T00:00:00Z";
const NAME: &str = "small";

/// A served world.
pub(crate) struct Stage {
    serving: Serving,
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
        managed: name == "blue",
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

/// A pod of `app` on a node; `owner` is `ReplicaSet/x`, or nothing.
pub(crate) fn pod(name: &str, node: &str, owner: Option<&str>, app: &str) -> Pod {
    Pod {
        namespace: "shop".to_owned(),
        name: name.to_owned(),
        node: Some(node.to_owned()),
        owner: owner.map_or(Known::Absent, |owner| Known::Value(owner.to_owned())),
        labels: BTreeMap::from([("app".to_owned(), app.to_owned())]),
        ..Pod::default()
    }
}

/// A budget over the pods of `app`.
pub(crate) fn budget(name: &str, app: &str, allowed: u32) -> Pdb {
    Pdb {
        namespace: "shop".to_owned(),
        name: name.to_owned(),
        allowed: Known::Value(allowed),
        selector: Known::Value(BTreeMap::from([("app".to_owned(), app.to_owned())])),
        ..Pdb::default()
    }
}

/// Two nodes of `blue` with four pods of two Deployments and a daemon each, and a node of `green`.
pub(crate) fn world() -> World {
    let id = ClusterId {
        name: NAME.to_owned(),
        region: String::new(),
        account_id: None,
        endpoint: None,
        certificate_authority: None,
    };
    let mut seen = Observation::unknown(id, "test");
    seen.nodegroups = Known::Value(vec![group("blue"), group("green")]);
    seen.nodes = Known::Value(vec![
        node("node-a", "blue"),
        node("node-b", "blue"),
        node("node-c", "green"),
    ]);
    let mut pods = vec![
        pod("web-1", "node-a", Some("ReplicaSet/web-5b7c9d"), "web"),
        pod("web-2", "node-b", Some("ReplicaSet/web-5b7c9d"), "web"),
        pod("free-1", "node-a", Some("ReplicaSet/free-6c8d7"), "free"),
        pod("free-2", "node-b", Some("ReplicaSet/free-6c8d7"), "free"),
    ];
    for node in ["node-a", "node-b", "node-c"] {
        let mut daemon = pod(
            &format!("aws-node-{node}"),
            node,
            Some("DaemonSet/aws-node"),
            "aws-node",
        );
        daemon.namespace = "kube-system".to_owned();
        daemon.tolerates_everything = true;
        pods.push(daemon);
    }
    seen.pods = Known::Value(pods);
    seen.pdbs = Known::Value(Vec::new());
    seen.workloads = Known::Value(vec![Workload {
        kind: "DaemonSet".to_owned(),
        namespace: "kube-system".to_owned(),
        name: "aws-node".to_owned(),
        version: Known::Value("v1.19.0".parse().expect("a version")),
        rolled_out: Known::Value(true),
    }]);
    World::of(seen, Offers::new(), START.parse().expect("a time"))
}

impl Stage {
    /// Serves the world; its clock stands still.
    pub(crate) fn of(world: World, role: Role) -> Self {
        let options = ServeOptions {
            clusters: vec![NAME.to_owned()],
            port: 0,
            token: "token".to_owned(),
            role,
            tls: false,
            pace: 0,
            until_idle: Some(Duration::from_secs(300)),
        };
        let worlds = BTreeMap::from([(NAME.to_owned(), world)]);
        let serving = Serving::start(Ground::Here(worlds), &options).expect("it serves");
        Self { serving }
    }

    pub(crate) fn new() -> Self {
        Self::of(world(), Role::Admin)
    }

    pub(crate) fn with<R>(&self, change: impl FnOnce(&mut Door, &mut World) -> R) -> R {
        self.serving.with(NAME, change).expect("a cluster")
    }

    /// Changes the world as somebody else would, and lets the server notice.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Observation)) {
        self.with(|door, world| {
            change(&mut world.cluster);
            door.observe(world);
        });
    }

    pub(crate) fn strike(&self, fault: DoorFault) {
        self.with(|door, _| door.strike(fault));
    }

    pub(crate) fn reads(&self) -> Reads {
        let access = Access {
            context: NAME.to_owned(),
            shown: "kubeconfig".to_owned(),
            endpoint: self.serving.endpoints()[0].url(),
            authority: Vec::new(),
            server_name: None,
            credentials: Credentials::Token(Secret::new("token".to_owned())),
        };
        let limits = Limits {
            attempts: 2,
            pause: Duration::from_millis(5),
            pause_max: Duration::from_millis(20),
            ..Limits::default()
        };
        let around = Around {
            plugin: Arc::new(|_, _| Err("no plugin".to_owned())),
            clock: Arc::new(|| Timestamp::from_unix(0)),
        };
        Reads::open(access, limits, around).expect("a connection")
    }

    pub(crate) fn writes(&self) -> Writes {
        Writes::of(self.reads())
    }

    /// Returns the node as the world has it.
    pub(crate) fn node(&self, name: &str) -> Node {
        self.with(|_, world| {
            let mut nodes = world.cluster.nodes.items().iter();
            nodes
                .find(|node| node.name == name)
                .cloned()
                .expect("a node")
        })
    }

    /// Returns the pods on a node that a drain moves.
    pub(crate) fn pods_on(&self, node: &str) -> Vec<String> {
        self.with(|_, world| {
            let pods = world.cluster.pods.items().iter();
            pods.filter(|pod| pod.node.as_deref() == Some(node) && !pod.is_daemon())
                .map(|pod| pod.name.clone())
                .collect()
        })
    }

    /// Returns how often this was asked for with this status.
    pub(crate) fn count(&self, verb: &str, resource: &str, status: u16) -> usize {
        self.with(|door, _| {
            let asked = door.asked().iter();
            asked
                .filter(|one| one.verb == verb && one.resource == resource && one.status == status)
                .count()
        })
    }

    /// Nothing was ever deleted.
    pub(crate) fn never_deleted(&self) {
        let deleted = self.with(|door, _| {
            let mut asked = door.asked().iter();
            asked.any(|one| one.verb.starts_with("delete"))
        });
        assert!(!deleted, "nothing may be deleted");
    }
}

/// Returns a body as JSON text, for messages of tests.
pub(crate) fn shown(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("JSON")
}
