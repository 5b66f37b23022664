//! A served world or a real API server: what tests make in it, and that it is clean afterwards.

use super::kubelet::{Kubelet, finish};
use super::raw::{self, Raw};
use super::{GROUP, PATIENT, RUN, SERVED, actuator, around, ground, is_ready, kube, reader, until};
use serde_json::{Value, json};
use stairway::actuate::kubernetes::KubernetesActuator;
use stairway::kubernetes::{
    Access, KubeconfigSource, Limits, Reads, Resource, Writes, read_kubeconfig,
};
use stairway::live::KubernetesReader;
use stairway::serve::{Ground, Role, ServeOptions, Serving, kubeconfig};
use stairway_core::journal::Claim;
use stairway_world::World;
use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, Hasher as _};
use std::path::{Path, PathBuf};

/// A cluster to test against.
pub(crate) struct TestCluster {
    pub(super) kubeconfig: PathBuf,
    pub(super) context: String,
    pub(super) namespace: String,
    raw: Raw,
    pub(super) served: Option<Serving>,
    kubelet: Option<Kubelet>,
    _folder: tempfile::TempDir,
}

impl TestCluster {
    /// Returns the cluster that the environment names, else a served one, with a namespace for this test.
    pub(crate) fn new() -> Self {
        let named = std::env::var_os("STAIRWAY_TEST_KUBECONFIG").filter(|path| !path.is_empty());
        let cluster = match named {
            Some(path) => Self::real(PathBuf::from(path)),
            None => Self::served(ground::world(), Role::Admin, "t0ken"),
        };
        cluster.prepared()
    }

    fn real(kubeconfig: PathBuf) -> Self {
        let context = std::env::var("STAIRWAY_TEST_CONTEXT").unwrap_or_else(|_| {
            let all = raw::contexts(&kubeconfig);
            match all.as_slice() {
                [only] => only.clone(),
                several => panic!("STAIRWAY_TEST_CONTEXT has to name one of {several:?}"),
            }
        });
        Self::of(
            kubeconfig,
            &context,
            None,
            tempfile::tempdir().expect("a folder"),
        )
    }

    pub(super) fn served(world: World, role: Role, token: &str) -> Self {
        let options = ServeOptions {
            clusters: vec![SERVED.to_owned()],
            port: 0,
            token: token.to_owned(),
            role,
            tls: true,
            pace: 0,
            until_idle: None,
        };
        let worlds = BTreeMap::from([(SERVED.to_owned(), world)]);
        let serving = Serving::start(Ground::Here(worlds), &options).expect("it serves");
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("kubeconfig");
        let text = kubeconfig(serving.endpoints(), role.user(), token);
        crate::support::write(&path, &text);
        Self::of(path, SERVED, Some(serving), folder)
    }

    fn of(
        kubeconfig: PathBuf,
        context: &str,
        served: Option<Serving>,
        folder: tempfile::TempDir,
    ) -> Self {
        Self {
            raw: Raw::open(&kubeconfig, context),
            namespace: format!("stairway-test-{:08x}", random()),
            kubeconfig,
            context: context.to_owned(),
            served,
            kubelet: None,
            _folder: folder,
        }
    }

    /// Makes the namespace; where no kubelet is, what a kubelet does.
    pub(super) fn prepared(mut self) -> Self {
        let meta = json!({"name": self.namespace});
        self.make(Resource::NAMESPACES, None, json!({"metadata": meta}));
        // A controller makes it as well, a moment later; pods are refused until it is there.
        let account =
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
        let path = format!("/api/v1/namespaces/{}/serviceaccounts", self.namespace);
        let (status, said) = self.raw.send("POST", &path, Some(&account));
        assert!(matches!(status, 201 | 409), "{status}: {said}");
        if self.is_real() {
            self.kubelet = Some(Kubelet::begin(&self));
        }
        self
    }

    /// Returns true for a real API server.
    pub(crate) fn is_real(&self) -> bool {
        self.served.is_none()
    }

    pub(crate) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The nodegroup of the nodes that this test makes.
    pub(crate) fn group(&self) -> String {
        format!("{}-g", self.namespace)
    }

    pub(crate) fn access(&self) -> Access {
        let source = KubeconfigSource {
            named: Some(self.kubeconfig.clone()),
            ..KubeconfigSource::default()
        };
        read_kubeconfig(&self.context, &source).unwrap_or_else(|error| panic!("{error}"))
    }

    pub(crate) fn reads_within(&self, limits: Limits) -> Reads {
        Reads::open(self.access(), limits, around()).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Returns a connection of its own.
    pub(crate) fn reads(&self) -> Reads {
        self.reads_within(PATIENT)
    }

    pub(crate) fn writes(&self) -> Writes {
        Writes::of(self.reads())
    }

    pub(crate) fn raw(&self) -> &Raw {
        &self.raw
    }

    pub(crate) fn actuator(&self) -> KubernetesActuator {
        actuator(self.writes())
    }

    pub(crate) fn reader(&self) -> KubernetesReader {
        reader(self.reads())
    }

    fn made(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, said) = self.raw.send(method, path, Some(body));
        assert!(
            (200..300).contains(&status),
            "{method} {path}: {status} {said}"
        );
        said
    }

    /// Creates an object; kind and version are those of the resource.
    pub(crate) fn make(
        &self,
        resource: Resource,
        namespace: Option<&str>,
        mut body: Value,
    ) -> Value {
        let version = match resource.group {
            "" => resource.version.to_owned(),
            group => format!("{group}/{}", resource.version),
        };
        body["apiVersion"] = json!(version);
        body["kind"] = json!(raw::kind_of(resource));
        self.made("POST", &resource.path(namespace), &body)
    }

    /// Merges a patch into an object.
    pub(crate) fn patch(&self, path: &str, body: &Value) -> Value {
        self.made("PATCH", path, body)
    }

    /// Makes a node that is Ready and on which nothing runs; returns its name.
    pub(crate) fn add_node(&self, name: &str, labels: &[(&str, &str)], taints: &Value) -> String {
        let name = format!("{}-{name}", self.namespace);
        let mut all = json!({RUN: self.namespace, GROUP: self.group()});
        for (key, value) in labels {
            all[*key] = json!(value);
        }
        let node = json!({"metadata": {"name": name, "labels": all}, "spec": {"taints": taints}});
        self.make(Resource::NODES, None, node);
        let status = json!({"status": {
            "conditions": [{"type": "Ready", "status": "True", "reason": "Test", "message": "a test says so"}],
            "nodeInfo": {"kubeletVersion": "v1.34.1"},
        }});
        self.patch(&format!("/api/v1/nodes/{name}/status"), &status);
        name
    }

    /// Makes a pod that runs on a node and is Ready; returns its uid. An owner makes no other pod when it goes.
    pub(crate) fn add_pod(
        &self,
        name: &str,
        node: &str,
        labels: &[(&str, &str)],
        owner: Option<&Value>,
    ) -> String {
        let labels: BTreeMap<&str, &str> = labels.iter().copied().collect();
        let owners: Vec<Value> = owner.into_iter().cloned().collect();
        let pod = json!({
            "metadata": {"name": name, "labels": labels, "ownerReferences": owners},
            "spec": {
                "nodeName": node,
                "containers": [{"name": "main", "image": "registry.example/pause:1"}],
                // A node of a test is tainted by controllers that miss its kubelet.
                "tolerations": [{"operator": "Exists"}],
            },
        });
        let path = self.pod_path(name);
        let made = self.make(Resource::PODS, Some(&self.namespace), pod);
        let status = json!({"status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True"}],
        }});
        self.patch(&format!("{path}/status"), &status);
        let running = self.until("a pod that runs", Resource::PODS, |pods| {
            let own = pods.iter().find(|pod| pod["metadata"]["name"] == name)?;
            is_ready(own).then(|| own["metadata"]["uid"].clone())
        });
        assert_eq!(running, made["metadata"]["uid"]);
        running.as_str().unwrap_or_default().to_owned()
    }

    /// Makes an owner of pods behind which there is no controller; returns the reference to it.
    pub(crate) fn add_owner(&self, name: &str) -> Value {
        let body = json!({"metadata": {"name": name}});
        let made = self.make(Resource::CONFIG_MAPS, Some(&self.namespace), body);
        json!({
            "apiVersion": "v1", "kind": "ConfigMap", "name": name, "controller": true,
            "uid": made["metadata"]["uid"],
        })
    }

    /// Makes a budget and waits until its controller has counted so many healthy pods.
    pub(crate) fn add_budget(
        &self,
        name: &str,
        (key, value): (&str, &str),
        least: u32,
        healthy: u32,
    ) {
        let spec = json!({"minAvailable": least, "selector": {"matchLabels": {key: value}}});
        let budget = json!({"metadata": {"name": name}, "spec": spec});
        self.make(Resource::BUDGETS, Some(&self.namespace), budget);
        self.until("a budget that is counted", Resource::BUDGETS, |budgets| {
            let own = budgets.iter().find(|one| one["metadata"]["name"] == name)?;
            let seen = own["status"]["observedGeneration"] == own["metadata"]["generation"];
            (seen && own["status"]["currentHealthy"] == healthy).then_some(())
        });
    }

    fn pod_path(&self, name: &str) -> String {
        format!("{}/{name}", Resource::PODS.path(Some(&self.namespace)))
    }

    /// Lets a pod be gone at once, as when its kubelet has ended it.
    pub(crate) fn finish_pod(&self, name: &str, uid: &str) {
        finish(&self.raw, &self.pod_path(name), uid);
    }

    /// Waits for something of the objects in this test's namespace, by lists and watches.
    pub(crate) fn until<R>(
        &self,
        what: &str,
        resource: Resource,
        look: impl FnMut(&[Value]) -> Option<R>,
    ) -> R {
        let within = resource.namespaced.then_some(self.namespace.as_str());
        until(&self.reads(), what, resource, within, look)
    }

    /// Returns an object as it is now; `Null` when there is none.
    pub(crate) fn now(&self, path: &str) -> Value {
        match self.raw.send("GET", path, None) {
            (200, found) => found,
            (404, _) => Value::Null,
            (status, said) => panic!("GET {path}: {status} {said}"),
        }
    }

    /// Carries out an action on the nodes of this test's group.
    pub(crate) fn on_group(&self, verb: &str, body: &Value) -> Claim {
        kube(
            &self.actuator(),
            verb,
            &format!("nodes?nodegroup={}", self.group()),
            body,
        )
    }
}

impl Drop for TestCluster {
    #[expect(
        clippy::print_stderr,
        reason = "whoever runs it has to clean up by hand"
    )]
    fn drop(&mut self) {
        self.kubelet = None;
        if !self.is_real() {
            return;
        }
        // All of it is tried, whatever the test left.
        let now = json!({"gracePeriodSeconds": 0});
        let pods = Resource::PODS.path(Some(&self.namespace));
        let nodes = format!("/api/v1/nodes?labelSelector={RUN}%3D{}", self.namespace);
        let namespace = format!("/api/v1/namespaces/{}", self.namespace);
        for path in [pods, nodes, namespace] {
            let (status, said) = self.raw.send("DELETE", &path, Some(&now));
            if status >= 300 && status != 404 {
                eprintln!("{path} was not deleted: {status} {said}");
            }
        }
    }
}

fn random() -> u32 {
    let hash = std::collections::hash_map::RandomState::new()
        .build_hasher()
        .finish();
    u32::try_from(hash & 0xffff_ffff).unwrap_or(0)
}
