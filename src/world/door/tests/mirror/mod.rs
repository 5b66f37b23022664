//! What a reader of the served objects finds is what the world knows, fact by fact.

mod reader;

use super::stage::cluster;
use crate::World;
use reader::{Client, aws_auth, part, read, unread};
use serde_json::{Value, json};
use stairway_core::model::{Known, KubeVersion, MappedRole, Observation, Webhook};
use std::collections::BTreeMap;

/// A cluster of which every fact is known.
fn known() -> World {
    let mut world = cluster();
    let seen = &mut world.cluster;
    if let Known::Value(nodes) = &mut seen.nodes {
        nodes.iter_mut().for_each(|node| {
            node.instance_type = Known::Value("m5.large".to_owned());
        });
    }
    if let Known::Value(pods) = &mut seen.pods {
        for pod in pods {
            pod.cpu_millis = Known::Value(100);
            pod.memory_mib = Known::Value(128);
            pod.volume_zones = Known::Value(Vec::new());
            pod.empty_dir = Known::Value(false);
            if pod.node_selector.is_unknown() {
                pod.node_selector = Known::Value(BTreeMap::new());
            }
            // A reader names the Deployment.
            if let Known::Value(owner) = &mut pod.owner
                && let Some(set) = owner.strip_prefix("ReplicaSet/")
            {
                let (deployment, _) = set.rsplit_once('-').expect("a hash");
                *owner = format!("Deployment/{deployment}");
            }
        }
    }
    if let Known::Value(pdbs) = &mut seen.pdbs {
        for pdb in pdbs {
            if pdb.min_available.is_unknown() {
                pdb.min_available = Known::Absent;
                pdb.max_unavailable = Known::Value("1".to_owned());
            } else {
                pdb.max_unavailable = Known::Absent;
            }
            (pdb.expected, pdb.healthy) = (Known::Value(3), Known::Value(3));
            pdb.evicts_unhealthy = Known::Value(false);
        }
    }
    if let Known::Value(apis) = &mut seen.deprecated_apis {
        apis[0].removed_in = Known::Value("1.40".parse().expect("a minor"));
    }
    world
}

type Change = fn(&mut Observation);

fn value<T>(known: &mut Known<T>) -> &mut T {
    match known {
        Known::Value(value) => value,
        Known::Absent | Known::Unknown(_) => panic!("it is known"),
    }
}

fn gate(kind: &str) -> Webhook {
    Webhook {
        kind: kind.to_owned(),
        configuration: "gate".to_owned(),
        name: "pods.gate.example".to_owned(),
        fails_closed: true,
        namespace: Some("gates".to_owned()),
        service: Some("gate".to_owned()),
        selector: Known::Value(BTreeMap::from([("app".to_owned(), "gate".to_owned())])),
        resources: vec![
            "apps/deployments".to_owned(),
            "core/pods/eviction".to_owned(),
            "pods".to_owned(),
        ],
        narrowed: false,
        excludes_kube_system: Known::Value(false),
        timeout_seconds: Known::Value(10),
    }
}

fn role(arn: &str, username: &str, groups: &[&str]) -> MappedRole {
    MappedRole {
        role_arn: arn.to_owned(),
        username: username.to_owned(),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
    }
}

static ROWS: [(&str, Change); 36] = [
    ("a cluster of which everything is known", |_| {}),
    ("a cordoned node with a mark", |seen| {
        let node = &mut value(&mut seen.nodes)[0];
        node.unschedulable = true;
        node.taints = vec!["stairway/leaving".to_owned()];
    }),
    ("a node that is not Ready", |seen| {
        value(&mut seen.nodes)[1].ready = Known::Value(false)
    }),
    ("a node of which nobody knows whether it is Ready", |seen| {
        value(&mut seen.nodes)[1].ready = unread()
    }),
    (
        "a node without a kubelet's version, a zone and a type",
        |seen| {
            let node = &mut value(&mut seen.nodes)[2];
            (node.kubelet, node.zone, node.instance_type) =
                (unread(), Known::Absent, Known::Absent);
        },
    ),
    (
        "a node of a self-managed group whose labels lie about the zone",
        |seen| {
            value(&mut seen.nodegroups)[0].managed = false;
            let labels = json!({"topology.kubernetes.io/zone": "elsewhere", "team": "a"});
            value(&mut seen.nodegroups)[0]
                .spec
                .insert("labels".to_owned(), labels);
        },
    ),
    (
        "a node of Fargate, one of Karpenter, one of Auto Mode, and one of nobody",
        |seen| {
            for (index, who) in ["fargate", "karpenter", "auto-mode", "other"]
                .iter()
                .enumerate()
            {
                let node = &mut value(&mut seen.nodes)[index];
                node.nodegroup = None;
                node.provisioner = Some((*who).to_owned());
            }
        },
    ),
    ("nodes that nobody could list", |seen| seen.nodes = unread()),
    ("pods that nobody could list", |seen| seen.pods = unread()),
    ("budgets that nobody could list", |seen| {
        seen.pdbs = unread()
    }),
    (
        "a bare pod, a StatefulSet's and one of a custom controller",
        |seen| {
            let pods = value(&mut seen.pods);
            pods[7].owner = Known::Absent;
            pods[8].owner = Known::Value("StatefulSet/db".to_owned());
            pods[9].owner = Known::Value("DaskCluster/dask".to_owned());
        },
    ),
    (
        "a pod with a volume in one zone, one with a volume in two, one with an unread volume",
        |seen| {
            let pods = value(&mut seen.pods);
            pods[7].volume_zones = Known::Value(vec!["zone-1".to_owned()]);
            pods[8].volume_zones = Known::Value(vec!["zone-1".to_owned(), "zone-2".to_owned()]);
            pods[9].volume_zones = unread();
        },
    ),
    (
        "a pod with a nodeSelector, scratch space and every toleration",
        |seen| {
            let pod = &mut value(&mut seen.pods)[7];
            pod.node_selector =
                Known::Value(BTreeMap::from([("disk".to_owned(), "ssd".to_owned())]));
            pod.empty_dir = Known::Value(true);
            pod.tolerates_everything = true;
        },
    ),
    (
        "a pod that crashes, one that is pending, one that pends and cannot start",
        |seen| {
            let pods = value(&mut seen.pods);
            pods[7].waiting = Some("CrashLoopBackOff".to_owned());
            pods[8].node = None;
            pods[9].node = None;
            pods[9].waiting = Some("CreateContainerConfigError".to_owned());
            // No node has such a disk, or the scheduler would place them.
            for pod in &mut pods[8..10] {
                let disk = BTreeMap::from([("disk".to_owned(), "tape".to_owned())]);
                pod.node_selector = Known::Value(disk);
            }
        },
    ),
    ("a budget in percent that lets ill pods go", |seen| {
        let pdb = &mut value(&mut seen.pdbs)[1];
        pdb.min_available = Known::Value("50%".to_owned());
        pdb.evicts_unhealthy = Known::Value(true);
    }),
    ("a budget without a selector", |seen| {
        value(&mut seen.pdbs)[1].selector = Known::Absent
    }),
    ("a budget that selects every pod", |seen| {
        value(&mut seen.pdbs)[1].selector = Known::Value(BTreeMap::new());
    }),
    ("a budget whose selector nobody could read", |seen| {
        value(&mut seen.pdbs)[1].selector = unread()
    }),
    ("a budget of which nobody counted yet", |seen| {
        let pdb = &mut value(&mut seen.pdbs)[1];
        (pdb.allowed, pdb.expected, pdb.healthy) = (unread(), unread(), unread());
    }),
    ("a budget without terms", |seen| {
        let pdb = &mut value(&mut seen.pdbs)[1];
        (pdb.min_available, pdb.max_unavailable) = (Known::Absent, Known::Absent);
    }),
    ("a rollout that goes on", |seen| {
        value(&mut seen.workloads)[0].rolled_out = Known::Value(false)
    }),
    ("a rollout that is over although a pod waits", |seen| {
        value(&mut seen.pods)[0].waiting = Some("CrashLoopBackOff".to_owned());
    }),
    ("workloads without pods, over and not", |seen| {
        value(&mut seen.pods).retain(|pod| pod.namespace != "kube-system");
        value(&mut seen.workloads)[0].rolled_out = Known::Value(false);
    }),
    (
        "a workload of which neither version nor rollout could be read",
        |seen| {
            let one = &mut value(&mut seen.workloads)[1];
            (one.version, one.rolled_out) = (unread(), unread());
        },
    ),
    ("workloads that nobody could read", |seen| {
        seen.workloads = unread()
    }),
    (
        "deprecated APIs that stay, and of which nobody knows how long they do",
        |seen| {
            let apis = value(&mut seen.deprecated_apis);
            apis.push(apis[0].clone());
            apis[0].removed_in = Known::Absent;
            apis[1].resource = "machines".to_owned();
            apis[1].removed_in = unread();
        },
    ),
    ("a pod of which nobody knows the owner", |seen| {
        value(&mut seen.pods)[7].owner = unread();
    }),
    ("a node that says nothing of being Ready", |seen| {
        value(&mut seen.nodes)[1].ready = Known::Absent;
    }),
    ("no deprecated API", |seen| {
        seen.deprecated_apis = Known::Value(Vec::new())
    }),
    ("a metric that nobody could read", |seen| {
        seen.deprecated_apis = unread()
    }),
    (
        "webhooks of both kinds, one of them narrowed, one at a URL",
        |seen| {
            let mut narrowed = gate("Validating");
            narrowed.name = "a.gate.example".to_owned();
            narrowed.narrowed = true;
            narrowed.excludes_kube_system = Known::Value(true);
            narrowed.timeout_seconds = Known::Value(3);
            let mut outside = gate("Mutating");
            outside.configuration = "outside".to_owned();
            (outside.namespace, outside.service, outside.selector) = (None, None, Known::default());
            outside.fails_closed = false;
            outside.resources = vec!["*/*".to_owned(), "*/*/*".to_owned()];
            seen.webhooks = Known::Value(vec![
                gate("Mutating"),
                outside,
                narrowed,
                gate("Validating"),
            ]);
        },
    ),
    (
        "webhooks without a service, and with one that selects nothing",
        |seen| {
            let mut none = gate("Validating");
            (none.service, none.selector) = (Some("gone".to_owned()), Known::Absent);
            let mut by_hand = gate("Mutating");
            by_hand.selector = Known::Value(BTreeMap::new());
            (by_hand.excludes_kube_system, by_hand.narrowed) = (unread(), true);
            by_hand.timeout_seconds = unread();
            seen.webhooks = Known::Value(vec![by_hand, none]);
        },
    ),
    ("webhooks whose service nobody could read", |seen| {
        let mut one = gate("Validating");
        one.selector = unread();
        seen.webhooks = Known::Value(vec![one]);
    }),
    ("webhooks that nobody could list", |seen| {
        seen.webhooks = unread()
    }),
    (
        "an aws-auth with a role twice, odd words and two users",
        |seen| {
            let arn = "arn:aws:iam::111122223333:role/nodes";
            seen.aws_auth = Known::Value(vec![
                role(
                    arn,
                    "system:node:{{EC2PrivateDNSName}}",
                    &["system:bootstrappers", "system:nodes"],
                ),
                role(arn, "on", &[]),
                role(
                    "arn:aws:iam::111122223333:role/a+b@c=d,e",
                    "say: \"yes\" # no",
                    &["null", "1.0", "système"],
                ),
            ]);
            seen.aws_auth_users = Known::Value(2);
        },
    ),
    ("an aws-auth that nobody could read", |seen| {
        (seen.aws_auth, seen.aws_auth_users) = (unread(), unread());
    }),
];

#[test]
fn what_a_reader_finds_is_what_the_world_knows() {
    let mut wrong = Vec::new();
    for (sentence, change) in &ROWS {
        let mut world = known();
        change(&mut world.cluster);
        let wanted = part(&world.cluster.clone().sorted());
        let mut client = Client::of(world);
        let found = part(&read(&mut client));
        for (key, wanted) in wanted.as_object().expect("parts") {
            if found[key] != *wanted {
                wrong.push(format!(
                    "{sentence}, {key}:\n  wanted {wanted}\n  found  {}",
                    found[key]
                ));
            }
        }
        let after = part(&client.world.cluster.clone().sorted());
        if after != wanted {
            wrong.push(format!("{sentence}: reading changed the world"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_version_that_nobody_recorded_is_none() {
    let mut client = Client::of(known());
    let Known::Value(version) = client.get("/version") else {
        panic!("it is known");
    };
    assert_eq!(version["minor"], "36");
    let mut world = known();
    value(&mut world.cluster.control_plane).version = unread();
    let Known::Value(version) = Client::of(world).get("/version") else {
        panic!("a server always answers");
    };
    let told = version["gitVersion"].as_str().unwrap_or_default();
    assert!(told.parse::<KubeVersion>().is_err(), "{told}");
}

const VALIDATING: &str = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
const AWS_AUTH: &str = "/api/v1/namespaces/kube-system/configmaps/aws-auth";

fn written_gate() -> Value {
    json!({
        "kind": "ValidatingWebhookConfiguration", "apiVersion": "admissionregistration.k8s.io/v1",
        "metadata": {"name": "policy"},
        "webhooks": [{
            "name": "v.policy.example", "admissionReviewVersions": ["v1"], "sideEffects": "None",
            "failurePolicy": "Fail", "timeoutSeconds": 5,
            "clientConfig": {"service": {"namespace": "shop", "name": "policy"}, "caBundle": "Y2FuYXJ5"},
            "rules": [
                {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["*"]},
                {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["secrets"], "operations": ["DELETE"]},
            ],
        }],
    })
}

/// What clients do, and what the world then knows.
type Row = (
    &'static str,
    fn(&mut Client),
    fn(&Observation) -> Value,
    Value,
);

fn first_webhook(seen: &Observation) -> Value {
    let webhooks = seen.webhooks.items().first();
    webhooks.map_or(Value::Null, |one| {
        json!([one.selector, one.resources, one.fails_closed, one.narrowed])
    })
}

fn role_names(seen: &Observation) -> Value {
    let names: Known<Vec<&String>> = match &seen.aws_auth {
        Known::Value(roles) => Known::Value(roles.iter().map(|role| &role.role_arn).collect()),
        Known::Absent => Known::Absent,
        Known::Unknown(why) => Known::Unknown(why.clone()),
    };
    json!([names, seen.aws_auth_users])
}

#[test]
fn what_clients_write_is_what_the_world_knows_and_what_they_read_again() {
    let rows: [Row; 7] = [
        (
            "a webhook whose service is not there",
            |client| {
                client.done("POST", VALIDATING, &written_gate());
            },
            first_webhook,
            json!([null, ["pods"], true, false]),
        ),
        (
            "its service comes",
            |client| {
                client.done("POST", VALIDATING, &written_gate());
                let service = json!({"metadata": {"name": "policy"}, "spec": {"selector": {"app": "p"}, "ports": [{"port": 443}]}});
                client.done("POST", "/api/v1/namespaces/shop/services", &service);
            },
            first_webhook,
            json!([{"app": "p"}, ["pods"], true, false]),
        ),
        (
            "it is patched to let requests through, for some objects",
            |client| {
                client.done("POST", VALIDATING, &written_gate());
                let mut webhooks = written_gate()["webhooks"].clone();
                webhooks[0]["failurePolicy"] = json!("Ignore");
                webhooks[0]["objectSelector"] = json!({"matchLabels": {"a": "b"}});
                let patch = json!({"webhooks": webhooks});
                client.done("PATCH", &format!("{VALIDATING}/policy"), &patch);
            },
            first_webhook,
            json!([null, ["pods"], false, true]),
        ),
        (
            "it is deleted",
            |client| {
                client.done("POST", VALIDATING, &written_gate());
                client.done("DELETE", &format!("{VALIDATING}/policy"), &Value::Null);
            },
            first_webhook,
            Value::Null,
        ),
        (
            "an aws-auth is made",
            |client| {
                let map = json!({"metadata": {"name": "aws-auth"}, "data": {"mapRoles": "- rolearn: a\n- rolearn: a\n", "mapUsers": "- userarn: u\n"}});
                client.done("POST", "/api/v1/namespaces/kube-system/configmaps", &map);
            },
            role_names,
            json!([["a", "a"], 1]),
        ),
        (
            "its roles are no YAML, and then they are again",
            |client| {
                let map = json!({"metadata": {"name": "aws-auth"}, "data": {"mapRoles": "- {"}});
                client.done("POST", "/api/v1/namespaces/kube-system/configmaps", &map);
                assert!(client.world.cluster.aws_auth.is_unknown());
                assert_eq!(aws_auth(client).0, unread());
                client.done(
                    "PATCH",
                    AWS_AUTH,
                    &json!({"data": {"mapRoles": "- rolearn: b\n"}}),
                );
            },
            role_names,
            json!([["b"], 0]),
        ),
        (
            "it is deleted",
            |client| {
                let map = json!({"metadata": {"name": "aws-auth"}, "data": {"mapRoles": "- rolearn: a\n"}});
                client.done("POST", "/api/v1/namespaces/kube-system/configmaps", &map);
                client.done("DELETE", AWS_AUTH, &Value::Null);
            },
            role_names,
            json!([null, null]),
        ),
    ];
    for (sentence, act, told, wanted) in rows {
        let mut client = Client::of(known());
        act(&mut client);
        assert_eq!(told(&client.world.cluster), wanted, "{sentence}: the world");
        client.world.advance(1);
        client.door.observe(&mut client.world);
        let seen = read(&mut client);
        assert_eq!(told(&seen), wanted, "{sentence}: a reader");
        assert_eq!(
            part(&seen)["webhooks"],
            part(&client.world.cluster.clone().sorted())["webhooks"],
            "{sentence}"
        );
    }
}

#[test]
fn what_a_client_wrote_stays_as_it_was_written() {
    let mut client = Client::of(known());
    client.done("POST", VALIDATING, &written_gate());
    client.world.advance(60);
    client.door.observe(&mut client.world);
    let Known::Value(object) = client.get(&format!("{VALIDATING}/policy")) else {
        panic!("it is there");
    };
    assert_eq!(object["webhooks"], written_gate()["webhooks"]);
    // Neither the authority's certificate nor what is asked about deletions is a fact of the world.
    let facts = json!(client.world.cluster.webhooks).to_string();
    assert!(
        !facts.contains("Y2FuYXJ5") && !facts.contains("secrets"),
        "{facts}"
    );
}

#[test]
fn objects_from_the_start_are_facts_beside_those_of_the_world() {
    let mut world = known();
    world.cluster.webhooks = Known::Value(vec![gate("Mutating")]);
    let mut client = Client::with(world, vec![written_gate()]);
    let names = |seen: &Observation| -> Vec<String> {
        seen.webhooks.items().iter().map(Webhook::key).collect()
    };
    let wanted = ["gate/pods.gate.example", "policy/v.policy.example"];
    assert_eq!(names(&read(&mut client)), wanted);
    assert_eq!(names(&client.world.cluster), wanted);
}
