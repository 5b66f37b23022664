//! Secrets in every object that can be read: none of them is in anything that stairway tells.

use super::ground::{self, world};
use super::matrix::{Fault, OF_READS, OF_WRITES};
use super::matrix_writes::{ALL, work};
use super::{PATIENT, ServedCluster, around, reader};
use serde_json::{Value, json};
use stairway::kubernetes::{
    Credentials, KubeconfigSource, Limits, Reads, Resource, Secret, Writes, read_kubeconfig,
};
use stairway::serve::Role;
use stairway_world::door::DoorFault;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// One secret for each place, so that a leak tells where it came from.
pub(super) fn canary(place: &str) -> String {
    format!("c4n4ry-{place}-7b1e")
}

/// Where they are planted.
const PLACES: [&str; 18] = [
    "token",
    "plugin",
    "client-key",
    "secret",
    "node-annotation",
    "last-applied",
    "pod-annotation",
    "pod-env",
    "pod-args",
    "pod-command",
    "daemonset-env",
    "configmap",
    "aws-auth-extra",
    "aws-auth-users",
    "webhook-url",
    "webhook-ca",
    "lease-annotation",
    "service-annotation",
];

fn plant(cluster: &ServedCluster) {
    let applied = json!({"metadata": {"annotations": {
        "kubectl.kubernetes.io/last-applied-configuration": format!("{{\"env\": \"{}\"}}", canary("last-applied")),
        "team": canary("node-annotation"),
    }}});
    for node in ["node-a", "node-b", "node-c"] {
        cluster.patch(&format!("/api/v1/nodes/{node}"), &applied);
    }
    let note = json!({"metadata": {"annotations": {"note": canary("pod-annotation")}}});
    for pod in ground::MOVED {
        cluster.patch(
            &format!("/api/v1/namespaces/{}/pods/{pod}", ground::SHOP),
            &note,
        );
    }
    let containers = json!([{
        "name": "main",
        "image": "registry.example/app:1",
        "env": [{"name": "TOKEN", "value": canary("pod-env")}],
        "args": ["--password", canary("pod-args")],
        "command": ["sh", "-c", canary("pod-command")],
    }]);
    let pod = json!({"metadata": {"name": "loud"}, "spec": {"nodeName": "node-c", "containers": containers}});
    cluster.make(Resource::PODS, Some(ground::SHOP), pod);
    let env = json!([{"name": "KEY", "value": canary("daemonset-env")}]);
    let daemons = "/apis/apps/v1/namespaces/kube-system/daemonsets/aws-node";
    let mut template = cluster.now(daemons)["spec"]["template"].clone();
    template["spec"]["containers"][0]["env"] = env;
    cluster.patch(daemons, &json!({"spec": {"template": template}}));
    let map = json!({"metadata": {"name": "settings"}, "data": {"password": canary("configmap")}});
    cluster.make(Resource::CONFIG_MAPS, Some("kube-system"), map);
    let users = format!(
        "- userarn: arn:aws:iam::111122223333:user/{}\n  username: x\n",
        canary("aws-auth-users")
    );
    let auth = json!({"data": {"mapUsers": users, "extra": canary("aws-auth-extra")}});
    cluster.patch("/api/v1/namespaces/kube-system/configmaps/aws-auth", &auth);
    let hook = json!({
        "metadata": {"name": "loud"},
        "webhooks": [{
            "name": "loud.example", "admissionReviewVersions": ["v1"], "sideEffects": "None", "failurePolicy": "Fail",
            "clientConfig": {"url": format!("https://hook.example/{}", canary("webhook-url")), "caBundle": canary("webhook-ca")},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}],
        }],
    });
    cluster.make(Resource::VALIDATING_WEBHOOKS, None, hook);
    let service = json!({
        "metadata": {"name": "loud", "annotations": {"note": canary("service-annotation")}},
        "spec": {"ports": [{"port": 443}], "selector": {"app": "loud"}},
    });
    cluster.make(Resource::SERVICES, Some("kube-system"), service);
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "loud"}, "stringData": {"key": canary("secret")},
    });
    let (status, said) = cluster.raw().send(
        "POST",
        "/api/v1/namespaces/kube-system/secrets",
        Some(&secret),
    );
    assert_eq!(status, 201, "{said}");
}

/// The lease of somebody who wrote something else into it.
fn plant_lease(cluster: &ServedCluster) {
    let note = format!("{{\"holder\": \"{}", canary("lease-annotation"));
    let lease = json!({
        "metadata": {"name": "stairway", "annotations": {"stairway/lock": note, "other": canary("lease-annotation")}},
        "spec": {"holderIdentity": "somebody"},
    });
    cluster.make(Resource::LEASES, Some("kube-system"), lease);
}

/// Where a canary was heard.
#[derive(Default)]
pub(super) struct Leaks(Mutex<Vec<String>>);

impl Leaks {
    pub(super) fn look(&self, what: &str, text: &str) {
        for place in PLACES.iter().filter(|place| text.contains(&canary(place))) {
            let line = format!("{what} tells the secret planted in {place}");
            self.0.lock().expect("no panic").push(line);
        }
    }

    pub(super) fn none(self) {
        let found = self.0.into_inner().expect("no panic");
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
}

fn serve() -> ServedCluster {
    let cluster = ServedCluster::with_token(world(), Role::Admin, &canary("token"));
    plant(&cluster);
    cluster
}

fn observed(leaks: &Leaks, what: &str, reads: Reads) {
    match reader(reads.clone()).read() {
        Ok(seen) => {
            let text = serde_json::to_string(&seen).expect("JSON");
            assert!(text.len() > 200, "{text}");
            leaks.look(what, &text);
            leaks.look(what, &format!("{seen:?}"));
        }
        Err(error) => leaks.look(what, &format!("{error} {error:?} {:?}", error.hint())),
    }
    leaks.look(
        what,
        &format!("{reads:?} {:?} {:?}", reads.access(), reads.warnings()),
    );
}

#[test]
fn no_observation_and_no_message_of_a_fault_has_a_secret() {
    let leaks = Leaks::default();
    let cluster = serve();
    observed(&leaks, "an observation", cluster.reads());
    let whole = reader(cluster.reads())
        .read()
        .unwrap_or_else(|error| panic!("{error}"));
    let text = serde_json::to_string(&whole).expect("JSON");
    for planted in ["loud.example", "\"loud\"", "\"aws_auth_users\":1"] {
        assert!(
            text.contains(planted),
            "`{planted}` was not read, so nothing is proved: {text}"
        );
    }
    for fault in OF_READS {
        let Some(trouble) = fault.trouble().filter(|_| !fault.is_silence()) else {
            continue;
        };
        for path in ["/version", "/api/*", "/apis/*", "/metrics"] {
            cluster.strike(DoorFault::of(path, trouble));
            observed(&leaks, &format!("{fault:?} of {path}"), cluster.reads());
            cluster.heal();
        }
    }
    let short = Limits {
        request: Duration::from_millis(200),
        ..PATIENT
    };
    let silent = Fault::NeverAnswers.trouble().expect("a fault");
    cluster.strike(DoorFault::of("/api*", silent));
    observed(&leaks, "silence", cluster.reads_within(short));
    leaks.none();
}

#[test]
fn no_claim_and_no_line_of_what_acts_has_a_secret() {
    let leaks = Leaks::default();
    for fault in OF_WRITES {
        let Some(trouble) = fault.trouble().filter(|_| !fault.is_silence()) else {
            continue;
        };
        let cluster = serve();
        for method in ["PATCH", "PUT", "POST"] {
            cluster.strike(DoorFault::of("*", trouble).on(method).times(2));
        }
        for doing in ALL {
            let done = work(cluster.writes(), doing, false);
            leaks.look(&format!("{doing:?} × {fault:?}"), &format!("{done:?}"));
        }
    }
    let cluster = serve();
    plant_lease(&cluster);
    let done = work(cluster.writes(), ALL[3], false);
    assert!(!done.ok, "{done:?}");
    leaks.look("a lease of somebody else", &format!("{done:?}"));
    leaks.none();
}

#[test]
fn no_credential_is_told_by_whoever_holds_it() {
    let leaks = Leaks::default();
    let cluster = serve();
    let printed = json!({
        "kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1",
        "status": {"token": canary("plugin"), "expirationTimestamp": "2026-01-01T01:00:00Z"},
    });
    let plugin = Credentials::Plugin {
        argv: vec!["eks".to_owned(), "get-token".to_owned()],
        env: Vec::new(),
    };
    for (says, printed) in [
        ("a token that is not taken", printed.to_string()),
        (
            "a plugin that prints something else",
            format!("{}\n", canary("plugin")),
        ),
        (
            "half an answer",
            printed.to_string()[..60].to_owned() + &canary("plugin"),
        ),
    ] {
        let mut access = cluster.access();
        access.credentials = plugin.clone();
        let mut around = around();
        around.plugin = Arc::new(move |_, _| Ok(printed.clone()));
        let reads = Reads::open(access, PATIENT, around).unwrap_or_else(|error| panic!("{error}"));
        observed(&leaks, says, reads.clone());
        let done = work(Writes::of(reads), ALL[0], false);
        assert!(!done.ok, "{says}: {done:?}");
        leaks.look(says, &format!("{done:?}"));
    }
    let mut access = cluster.access();
    access.credentials = Credentials::Certificate {
        certificate: b"no certificate".to_vec(),
        key: Secret::new(canary("client-key")),
    };
    leaks.look("a certificate", &format!("{access:?}"));
    match Reads::open(access, PATIENT, around()) {
        Ok(reads) => observed(&leaks, "a certificate", reads),
        Err(error) => leaks.look(
            "a certificate that is none",
            &format!("{error} {error:?} {:?}", error.hint()),
        ),
    }
    let text = crate::support::read(cluster.kubeconfig());
    assert!(
        text.contains(&canary("token")),
        "the token is in the kubeconfig"
    );
    for end in (0..text.len()).step_by(7) {
        let path = cluster.kubeconfig().with_extension("half");
        crate::support::write(&path, &text[..end]);
        let source = KubeconfigSource {
            named: Some(path),
            ..KubeconfigSource::default()
        };
        let half = read_kubeconfig("served", &source);
        leaks.look("half a kubeconfig", &format!("{half:?}"));
    }
    leaks.none();
}

/// What is looked for can be found.
#[test]
fn a_leak_is_seen() {
    let leaks = Leaks::default();
    let cluster = serve();
    let nodes: Value = cluster.now("/api/v1/nodes");
    let pods = cluster.now("/api/v1/pods");
    leaks.look("a list of nodes", &nodes.to_string());
    leaks.look("a list of pods", &pods.to_string());
    let found = leaks.0.into_inner().expect("no panic").len();
    assert!(found >= 6, "only {found} of those that are there");
}
