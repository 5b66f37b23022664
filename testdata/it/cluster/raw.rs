//! A client that is not ours: what a person or a controller does to the cluster while stairway works.

use http_body_util::BodyExt as _;
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::Value;
use stairway::kubernetes::Resource;
use std::path::Path;

/// A connection with all rights that the kubeconfig gives.
pub(crate) struct Raw {
    runtime: tokio::runtime::Runtime,
    client: kube::Client,
}

/// Returns the contexts of a kubeconfig.
pub(super) fn contexts(path: &Path) -> Vec<String> {
    let file = Kubeconfig::read_from(path).unwrap_or_else(|error| panic!("{error}"));
    file.contexts.into_iter().map(|one| one.name).collect()
}

/// Returns the kind of a resource.
pub(super) fn kind_of(resource: Resource) -> &'static str {
    match resource.plural {
        "configmaps" => "ConfigMap",
        "daemonsets" => "DaemonSet",
        "deployments" => "Deployment",
        "leases" => "Lease",
        "mutatingwebhookconfigurations" => "MutatingWebhookConfiguration",
        "namespaces" => "Namespace",
        "nodes" => "Node",
        "persistentvolumeclaims" => "PersistentVolumeClaim",
        "persistentvolumes" => "PersistentVolume",
        "poddisruptionbudgets" => "PodDisruptionBudget",
        "pods" => "Pod",
        "replicasets" => "ReplicaSet",
        "services" => "Service",
        "validatingwebhookconfigurations" => "ValidatingWebhookConfiguration",
        other => panic!("no test makes {other}"),
    }
}

impl Raw {
    pub(super) fn open(kubeconfig: &Path, context: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let file = Kubeconfig::read_from(kubeconfig).unwrap_or_else(|error| panic!("{error}"));
        let options = KubeConfigOptions {
            context: Some(context.to_owned()),
            ..KubeConfigOptions::default()
        };
        let client = runtime.block_on(async {
            let config = kube::Config::from_custom_kubeconfig(file, &options).await;
            let mut config = config.unwrap_or_else(|error| panic!("{error}"));
            // What the server refuses is the test's to see.
            config.default_retry = false;
            kube::Client::try_from(config).unwrap_or_else(|error| panic!("{error}"))
        });
        Self { runtime, client }
    }

    /// Sends a request; patches are merge patches. Returns the status and the body, `Null` when it is no JSON.
    pub(crate) fn send(&self, method: &str, target: &str, body: Option<&Value>) -> (u16, Value) {
        let content = if method == "PATCH" {
            "application/merge-patch+json"
        } else {
            "application/json"
        };
        let bytes = body
            .map(|body| body.to_string().into_bytes())
            .unwrap_or_default();
        let request = http::Request::builder()
            .method(method)
            .uri(target)
            .header("content-type", content)
            .header("user-agent", "somebody-else/1.0")
            .body(Body::from(bytes))
            .expect("a request");
        self.runtime.block_on(async {
            let answer = self.client.send(request).await;
            let (head, body) = answer
                .unwrap_or_else(|error| panic!("{method} {target}: {error}"))
                .into_parts();
            let bytes = body
                .collect()
                .await
                .unwrap_or_else(|error| panic!("{method} {target}: {error}"));
            let value = serde_json::from_slice(&bytes.to_bytes()).unwrap_or_default();
            (head.status.as_u16(), value)
        })
    }
}
