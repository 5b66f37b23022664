//! What is true before every Kubernetes API server: tests that run against the served world, or against a real one.
//!
//! ```text
//! STAIRWAY_TEST_KUBECONFIG=FILE [STAIRWAY_TEST_CONTEXT=NAME] cargo test --test it cluster::
//! ```
//!
//! A test takes a [`TestCluster`] and makes what it needs: a namespace of its own, nodes that no kubelet runs on,
//! pods on them. On a real server that is a cluster for tests only, of 1.34 to 1.36 and with a controller manager;
//! schedulers and kubelets are not needed, for what a kubelet says is said here. A test of what only a served world
//! can do (faults, virtual time, who asked for what) takes a [`ServedCluster`].

mod acting;
mod canaries;
mod canaries_typed;
mod drains;
mod ground;
mod kubelet;
mod leases;
mod locks_typed;
mod matrix;
mod matrix_reads;
mod matrix_writes;
mod raw;
mod rbac;
mod reading;
mod requests;
mod served_cluster;
mod test_cluster;
mod watching;

pub(crate) use served_cluster::ServedCluster;
pub(crate) use test_cluster::TestCluster;

use serde_json::{Value, json};
use stairway::actuate::kubernetes::{DrainPace, KubernetesActuator};
use stairway::drive::Interrupt;
use stairway::kubernetes::{Around, Limits, Reads, Resource, Selector, WatchStart, Writes};
use stairway::live::KubernetesReader;
use stairway_core::journal::Claim;
use stairway_core::model::{ClusterId, Timestamp};
use stairway_world::door::{DoorFault, Trouble};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

/// The label of every node that a test makes, with the test's namespace.
const RUN: &str = "stairway.test/run";
/// By which a node tells its group (EKS user guide, managed node groups).
const GROUP: &str = "eks.amazonaws.com/nodegroup";
/// The name of the served cluster, and so of its context.
const SERVED: &str = "served";
/// What has not come by then, on the slowest machine, never comes.
const WAITED_MAX: Duration = Duration::from_secs(180);
/// Between two looks.
const BREAK: Duration = Duration::from_millis(20);
/// Watches of two seconds each; what has not come by then never comes.
const LOOKS_MAX: u32 = 120;
/// Every test's clock: nothing here depends on the day.
const NOW: &str = "2026-01-01T00:00:00Z";

/// Limits under which a slow machine fails no test: a hang is found by the test runner.
pub(crate) const PATIENT: Limits = Limits {
    request: Duration::from_secs(60),
    attempts: 3,
    page: 500,
    pages: 400,
    bytes: 64 << 20,
    pause: Duration::from_millis(1),
    pause_max: Duration::from_millis(2),
};

/// Rounds of a drain; short, for nobody waits for a kubelet here.
pub(crate) const PACE: DrainPace = DrainPace {
    retry: Duration::from_millis(40),
    rounds: 12,
    late: Duration::from_secs(30),
};

/// Waits by lists and watches.
pub(crate) fn until<R>(
    reads: &Reads,
    what: &str,
    resource: Resource,
    within: Option<&str>,
    mut look: impl FnMut(&[Value]) -> Option<R>,
) -> R {
    let all = Selector::all();
    let mut last = Vec::new();
    let begun = std::time::Instant::now();
    while begun.elapsed() < WAITED_MAX {
        let listed = reads
            .list(resource, within, &all)
            .unwrap_or_else(|error| panic!("{error}"));
        if let Some(found) = look(&listed.items) {
            return found;
        }
        let start = WatchStart {
            version: listed.version,
            at_most: Duration::from_secs(1),
        };
        last = listed.items;
        // The first change is a reason to look again; a watch that fails is one too.
        let _again = reads.watch(resource, within, &all, &start, &mut |_| {
            ControlFlow::Break(())
        });
        // Whoever asks without a break keeps controllers from their turn.
        reads.pause(BREAK);
    }
    panic!("waited in vain for {what}; instead: {}", json!(last));
}

pub(crate) fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    let mut ready = conditions.filter(|one| one["type"] == "Ready");
    ready.any(|one| one["status"] == "True")
}

pub(crate) fn now() -> Timestamp {
    NOW.parse().expect("a time")
}

/// A clock that stands still, and the one plugin.
pub(crate) fn around() -> Around {
    Around {
        plugin: Arc::new(|argv, env| {
            let mut command = std::process::Command::new("aws");
            command.args(argv).envs(env.iter().cloned());
            let output = command.output().map_err(|error| error.to_string())?;
            String::from_utf8(output.stdout).map_err(|error| error.to_string())
        }),
        clock: Arc::new(now),
    }
}

pub(crate) fn reader(reads: Reads) -> KubernetesReader {
    let cluster = ClusterId {
        name: SERVED.to_owned(),
        region: "eu-west-1".to_owned(),
        account_id: None,
        endpoint: None,
        certificate_authority: None,
    };
    KubernetesReader { reads, cluster }
}

pub(crate) fn actuator(writes: Writes) -> KubernetesActuator {
    KubernetesActuator::new(writes, Arc::new(now)).with_pace(PACE)
}

/// Carries out an action without anybody who interrupts or listens.
pub(crate) fn kube(actuator: &KubernetesActuator, verb: &str, object: &str, body: &Value) -> Claim {
    actuator.kube(verb, object, body, &mut |_| {}, &|| Interrupt::None)
}

/// A fault of the requests to exactly this path.
pub(crate) fn at(path: &str, trouble: Trouble) -> DoorFault {
    DoorFault::of(path, trouble)
}
