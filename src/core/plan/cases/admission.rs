//! Cases of the findings about who and what the API server lets in.

use super::Case;
use super::scene::Scene;
use crate::model::{Known, MappedRole, Webhook};
use serde_json::json;

const ROLE: &str = "arn:aws:iam::123456789012:role/shared-nodes";

/// A webhook on pods that fails closed; its service selects by `app`.
fn webhook(scene: &mut Scene, namespace: &str, app: &str) {
    let webhook = json!({
        "kind": "Validating", "configuration": "gate", "name": "pods.gate.example",
        "namespace": namespace, "service": "gate", "selector": {"app": app}, "resources": ["pods"],
        "excludes_kube_system": false, "timeout_seconds": 10,
    });
    let webhook = serde_json::from_value(webhook).expect("a webhook");
    scene.observed.webhooks = Known::Value(vec![webhook]);
}

fn only(scene: &mut Scene) -> &mut Webhook {
    match &mut scene.observed.webhooks {
        Known::Value(webhooks) => webhooks.first_mut().expect("a webhook"),
        Known::Absent | Known::Unknown(_) => panic!("the case has one"),
    }
}

fn no_budget(scene: &mut Scene) {
    scene.pdbs().clear();
}

fn entry(username: &str, groups: &[&str]) -> MappedRole {
    MappedRole {
        role_arn: ROLE.to_owned(),
        username: username.to_owned(),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
    }
}

fn node_entry() -> MappedRole {
    let groups = ["system:bootstrappers", "system:nodes"];
    entry("system:node:{{EC2PrivateDNSName}}", &groups)
}

/// `core-a` and `spare` are self-managed and share a role, which `aws-auth` maps so many times.
fn shared(scene: &mut Scene, entries: usize) {
    scene.self_managed("core-b", "core-a");
    scene.also_runs("spare", "core-a");
    for group in ["core-a", "spare"] {
        let spec = &mut scene.group(group).spec;
        spec.insert("iam".to_owned(), json!({"instanceRoleARN": ROLE}));
    }
    let settings = &mut scene.plane().settings;
    let mode = json!({"authenticationMode": "CONFIG_MAP"});
    settings.insert("accessConfig".to_owned(), mode);
    scene.observed.aws_auth = Known::Value(vec![node_entry(); entries]);
}

pub(super) static CASES: &[Case] = &[
    Case {
        code: "STW-WEBHOOK",
        says: "both pods that answer a webhook on pods run on the swapped group, and no budget keeps one",
        comes_up: |scene| {
            webhook(scene, "prod", "proxy");
            no_budget(scene);
        },
        nearest_that_does_not: "a budget lets them go one after the other",
        stays_quiet: |scene| webhook(scene, "prod", "proxy"),
    },
    Case {
        code: "STW-WEBHOOK",
        says: "the only pod that answers it runs there, and its budget lets it go",
        comes_up: |scene| {
            webhook(scene, "prod", "proxy");
            scene.pods().retain(|pod| pod.name != "proxy-1");
        },
        nearest_that_does_not: "requests go through while nobody answers it",
        stays_quiet: |scene| {
            webhook(scene, "prod", "proxy");
            scene.pods().retain(|pod| pod.name != "proxy-1");
            only(scene).fails_closed = false;
        },
    },
    Case {
        code: "STW-WEBHOOK",
        says: "its own pods are left out, so that it comes back by itself: a warning",
        comes_up: |scene| {
            webhook(scene, "kube-system", "coredns");
            only(scene).excludes_kube_system = Known::Value(true);
            no_budget(scene);
        },
        nearest_that_does_not: "one of its pods runs on another group",
        stays_quiet: |scene| {
            webhook(scene, "kube-system", "coredns");
            only(scene).excludes_kube_system = Known::Value(true);
            no_budget(scene);
            scene.pod("coredns-1").node = Some("workers-0".to_owned());
        },
    },
    Case {
        code: "STW-WEBHOOK",
        says: "a webhook on pods names a service that is not there",
        comes_up: |scene| {
            webhook(scene, "prod", "proxy");
            only(scene).selector = Known::Absent;
        },
        nearest_that_does_not: "it is asked about Deployments only",
        stays_quiet: |scene| {
            webhook(scene, "prod", "proxy");
            only(scene).selector = Known::Absent;
            only(scene).resources = vec!["apps/deployments".to_owned()];
        },
    },
    Case {
        code: "STW-WEBHOOK",
        says: "no running pod answers a webhook on leases",
        comes_up: |scene| {
            webhook(scene, "prod", "nobody");
            only(scene).resources = vec!["coordination.k8s.io/*".to_owned()];
        },
        nearest_that_does_not: "it is asked at a URL outside of the cluster",
        stays_quiet: |scene| {
            webhook(scene, "prod", "nobody");
            only(scene).resources = vec!["coordination.k8s.io/*".to_owned()];
            only(scene).service = None;
            only(scene).namespace = None;
        },
    },
    Case {
        code: "STW-AWS-AUTH",
        says: "a self-managed group goes whose role another one has too, and aws-auth maps it once",
        comes_up: |scene| shared(scene, 1),
        nearest_that_does_not: "aws-auth maps it once for each of the two groups",
        stays_quiet: |scene| shared(scene, 2),
    },
    Case {
        code: "STW-AWS-AUTH",
        says: "nobody recorded the mode, and aws-auth maps the shared role once",
        comes_up: |scene| {
            shared(scene, 1);
            scene.plane().settings.remove("accessConfig");
        },
        nearest_that_does_not: "EKS no longer reads aws-auth",
        stays_quiet: |scene| {
            shared(scene, 1);
            let mode = json!({"authenticationMode": "API"});
            scene
                .plane()
                .settings
                .insert("accessConfig".to_owned(), mode);
        },
    },
    Case {
        code: "STW-AWS-AUTH",
        says: "the last of two entries for one role takes its nodes' groups away: a warning",
        comes_up: |scene| {
            let entries = vec![node_entry(), entry("ops", &["ops"])];
            scene.observed.aws_auth = Known::Value(entries);
        },
        nearest_that_does_not: "both entries say the same",
        stays_quiet: |scene| {
            scene.observed.aws_auth = Known::Value(vec![node_entry(), node_entry()]);
        },
    },
];
