//! A cluster through its Kubernetes API: one reading of everything that a plan needs of it.
//!
//! ```text
//! /version ─▶ lists, all at once ─▶ objects ─▶ facts
//! ```
//!
//! Who is asked is settled first: without an answer to `/version` there is no picture. After that nothing is fatal: a
//! list that cannot be read makes the facts that depend on it unknown, with the reason, and an object that cannot be
//! understood makes its facts unknown, or the list that it is in. Nothing is left out in silence.

mod admission;
mod auth;
mod budgets;
mod combine;
mod metrics;
mod nodes;
mod object;
mod pods;
mod quantity;
mod volumes;
mod workloads;

pub use combine::combine;

use super::{LiveError, LiveReader, ObservationKind};
use crate::kubernetes::{CallError, Object, Reads, Resource, Selector, ServerVersion, Trouble};
use object::{Fetched, line, shown};
use serde_json::{Map, Value};
use stairway_core::model::{ClusterId, ControlPlane, Known, KubeVersion, Observation};
use std::io;
use std::thread::{Builder, Scope, ScopedJoinHandle};

/// Why facts of AWS are unknown.
const AWS_UNREAD: &str = "the AWS APIs were not read, only the cluster's Kubernetes API";
const KUBE_SYSTEM: &str = "kube-system";

/// Reads one cluster through its Kubernetes API.
#[derive(Clone, Debug)]
pub struct KubernetesReader {
    /// The connection.
    pub reads: Reads,
    /// Whose picture it is.
    pub cluster: ClusterId,
}

impl KubernetesReader {
    /// Reads the cluster once. Facts that only AWS can tell are unknown; [`combine`] fills them in.
    ///
    /// # Errors
    /// The API server does not say who it is: it cannot be reached, is another one, or does not let us in.
    pub fn read(&self) -> Result<Observation, LiveError> {
        let began = self.reads.now();
        let version = self
            .reads
            .version()
            .map_err(|error| LiveError::Kubernetes(Box::new(error)))?;
        let asked = Asked::of(&self.reads);
        let mut seen = self.without_facts(&version);
        seen.observed_at = Known::Value(began);
        asked.tell(&mut seen);
        Ok(seen.sorted())
    }

    fn without_facts(&self, version: &ServerVersion) -> Observation {
        let source = format!(
            "kubernetes: context {} ({})",
            shown(&self.reads.access().context),
            shown(&version.git_version)
        );
        let mut seen = Observation::unknown(self.cluster.clone(), &source);
        seen.control_plane = Known::Value(plane(version));
        seen.updates = unread();
        seen.nodegroups = unread();
        seen.stacks = unread();
        seen.addons = unread();
        seen.addon_versions = unread();
        seen.insights = unread();
        seen.quotas = unread();
        seen.subnets = unread();
        seen
    }
}

impl LiveReader for KubernetesReader {
    fn observe(&self) -> Result<Observation, LiveError> {
        self.read()
    }

    fn kind(&self) -> ObservationKind {
        ObservationKind::Kubernetes
    }
}

fn unread<T>() -> Known<T> {
    Known::Unknown(AWS_UNREAD.to_owned())
}

fn plane(version: &ServerVersion) -> ControlPlane {
    let told = &version.git_version;
    ControlPlane {
        version: match told.parse::<KubeVersion>() {
            Ok(version) => Known::Value(version.minor()),
            Err(_) => Known::Unknown(format!(
                "the API server says that its version is `{}`",
                shown(told)
            )),
        },
        status: unread(),
        platform_version: unread(),
        created_at: unread(),
        support_type: unread(),
        auto_mode: unread(),
        settings: Map::new(),
        settings_complete: false,
    }
}

/// What was asked for, with its answers; a failure is one line.
struct Asked {
    nodes: Fetched,
    pods: Fetched,
    budgets: Fetched,
    replica_sets: Fetched,
    volumes: Fetched,
    claims: Fetched,
    daemon_sets: Fetched,
    deployments: Fetched,
    mutating: Fetched,
    validating: Fetched,
    services: Fetched,
    kube_system: Result<Option<Value>, String>,
    aws_auth: Result<Option<Value>, String>,
    metrics: Result<String, String>,
}

impl Asked {
    /// Asks for everything at once: reading takes as long as the longest chain of pages.
    fn of(reads: &Reads) -> Self {
        std::thread::scope(|scope| {
            let listed = |resource: Resource, namespace: Option<&'static str>| {
                begin(scope, move || {
                    let listed = reads.list(resource, namespace, &Selector::all());
                    listed.map(|listed| listed.items)
                })
            };
            let all = |resource| listed(resource, None);
            let nodes = all(Resource::NODES);
            let pods = all(Resource::PODS);
            let budgets = all(Resource::BUDGETS);
            let replica_sets = all(Resource::REPLICA_SETS);
            let volumes = all(Resource::VOLUMES);
            let claims = all(Resource::CLAIMS);
            let daemon_sets = listed(Resource::DAEMON_SETS, Some(KUBE_SYSTEM));
            let deployments = listed(Resource::DEPLOYMENTS, Some(KUBE_SYSTEM));
            let mutating = all(Resource::MUTATING_WEBHOOKS);
            let validating = all(Resource::VALIDATING_WEBHOOKS);
            let services = all(Resource::SERVICES);
            let kube_system = begin(scope, move || {
                reads.get(&Object::of(Resource::NAMESPACES, KUBE_SYSTEM))
            });
            let aws_auth = begin(scope, move || {
                reads.get(&Object::within(
                    Resource::CONFIG_MAPS,
                    KUBE_SYSTEM,
                    "aws-auth",
                ))
            });
            let metrics = begin(scope, move || reads.text("/metrics"));
            Self {
                nodes: nodes.end(),
                pods: pods.end(),
                budgets: budgets.end(),
                replica_sets: replica_sets.end(),
                volumes: volumes.end(),
                claims: claims.end(),
                daemon_sets: daemon_sets.end(),
                deployments: deployments.end(),
                mutating: mutating.end(),
                validating: validating.end(),
                services: services.end(),
                kube_system: kube_system.end(),
                aws_auth: aws_auth.end(),
                metrics: metrics.end(),
            }
        })
    }

    /// Turns the answers into facts.
    fn tell(&self, seen: &mut Observation) {
        let beside = pods::Beside::of(&self.replica_sets, &self.claims, &self.volumes);
        let around = admission::Around::of(&self.services, &self.kube_system);
        seen.nodes = nodes::nodes(&self.nodes);
        seen.pods = pods::pods(&self.pods, &beside);
        seen.pdbs = budgets::budgets(&self.budgets);
        seen.workloads = workloads::workloads(&self.daemon_sets, &self.deployments);
        seen.deprecated_apis = metrics::deprecated(&self.metrics);
        seen.webhooks = admission::webhooks(&self.mutating, &self.validating, &around);
        (seen.aws_auth, seen.aws_auth_users) = auth::aws_auth(&self.aws_auth);
    }
}

/// A request that is under way on a thread of its own.
struct Pending<'scope, T>(io::Result<ScopedJoinHandle<'scope, Result<T, CallError>>>);

fn begin<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    ask: impl FnOnce() -> Result<T, CallError> + Send + 'scope,
) -> Pending<'scope, T> {
    Pending(
        Builder::new()
            .name("read".to_owned())
            .spawn_scoped(scope, ask),
    )
}

impl<T> Pending<'_, T> {
    fn end(self) -> Result<T, String> {
        match self.0.map(ScopedJoinHandle::join) {
            Ok(Ok(Ok(read))) => Ok(read),
            Ok(Ok(Err(error))) => Err(reason(&error)),
            Ok(Err(_)) => Err("reading it ended in a fault of this program".to_owned()),
            Err(error) => Err(line(&format!("no thread could be started: {error}"))),
        }
    }
}

/// A failed call as the reason of what is unknown: the same for the same cause.
fn reason(error: &CallError) -> String {
    let told = match error.trouble {
        // Its message has versions, and they differ from one reading to the next.
        Trouble::Stale => "the API server answered with an older state than before",
        // Where it broke differs too.
        Trouble::Cut => "the connection broke before the answer was whole",
        Trouble::Unreachable
        | Trouble::Identity
        | Trouble::Unauthorized
        | Trouble::Forbidden
        | Trouble::NotFound
        | Trouble::Gone
        | Trouble::Conflict
        | Trouble::AlreadyExists
        | Trouble::Budget
        | Trouble::Throttled
        | Trouble::Refused
        | Trouble::Server
        | Trouble::Timeout
        | Trouble::Garbled
        | Trouble::TooLarge => return line(&error.to_string()),
    };
    line(&format!("{} failed: {told}", error.attempt))
}

#[cfg(test)]
mod tests;
