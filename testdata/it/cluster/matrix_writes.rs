//! Everything that writes × every fault, once and each time: it is done, or there is a reason; nothing is done twice,
//! and it ends.

use super::leases::{claim, note};
use super::matrix::{self, Fault, Kind, OF_WRITES, kinds, on_kind};
use super::{PATIENT, ServedCluster, ground, kube, now};
use serde_json::{Value, json};
use stairway::actuate::kubernetes::{DrainPace, KubernetesActuator};
use stairway::kubernetes::{Limits, Resource, Selector, WatchStart, Watched, Writes};
use stairway::store::lock::{ClusterLock, LeaseAround, LeaseLock, LeaseTimes, LockError};
use stairway_core::journal::Ending;
use stairway_core::model::Timestamp;
use stairway_world::door::Asked;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/stairway";
const AWS_NODE: &str = "/apis/apps/v1/namespaces/kube-system/daemonsets/aws-node";
const IMAGE: &str = "registry.example/amazon-k8s-cni:v1.19.2";
const LEAVING: &str = "stairway.test/leaving";
/// Where a request is silent: longer than an answer takes here.
const SHORT: Duration = Duration::from_secs(1);
/// A drain that cannot go on gives up after 25 rounds.
const ROUNDS: DrainPace = DrainPace {
    retry: Duration::from_millis(80),
    ..super::PACE
};
/// More requests than any of these takes, with every try of every round.
const REQUESTS_MAX: u64 = 500;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Work {
    Taint,
    Drain,
    Repair,
    Lease,
}

pub(super) const ALL: [Work; 4] = [Work::Taint, Work::Drain, Work::Repair, Work::Lease];

/// How it went.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) ok: bool,
    pub(super) said: String,
}

fn wall() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_unix(i64::try_from(since.as_secs()).unwrap_or(0))
}

/// Does one work on the group and objects of the ground.
pub(super) fn work(writes: Writes, work: Work, by_the_wall: bool) -> Done {
    let clock: fn() -> Timestamp = if by_the_wall { wall } else { now };
    let actuator = KubernetesActuator::new(writes.clone(), Arc::new(clock)).with_pace(ROUNDS);
    let group = format!("nodes?nodegroup={}", ground::GROUP);
    let claimed = match work {
        Work::Taint => {
            let taint = json!({"key": LEAVING, "value": "true", "effect": "NoSchedule"});
            let body = json!({"addOrUpdateTaints": [taint], "unschedulable": true});
            kube(&actuator, "patch-nodes", &group, &body)
        }
        Work::Drain => {
            let body = json!({"parallel": 2, "timeoutSeconds": 2, "gracePeriodSeconds": 1});
            kube(&actuator, "drain-nodes", &group, &body)
        }
        Work::Repair => kube(
            &actuator,
            "patch",
            "daemonsets/kube-system/aws-node",
            &repair(),
        ),
        Work::Lease => return lease(writes),
    };
    Done {
        ok: claimed.ok,
        said: claimed.said,
    }
}

fn repair() -> Value {
    let container = json!({"name": "aws-node", "image": IMAGE});
    json!({"spec": {"template": {"spec": {"containers": [container]}}}})
}

/// The life of a lease, to its first error.
fn lease(writes: Writes) -> Done {
    let around = LeaseAround {
        clock: Arc::new(now),
        say: Arc::new(|_| {}),
        stop: Arc::new(|| false),
    };
    let times = LeaseTimes {
        lease_seconds: 300,
        renew: Duration::from_secs(100_000),
        retry: Duration::from_millis(1),
        look: Duration::from_millis(1),
        patience: Duration::from_millis(1),
    };
    let mut lock = LeaseLock::new(writes, around, times);
    let mut life = || -> Result<(), LockError> {
        lock.acquire(&claim("one"))?;
        lock.check()?;
        lock.annotate(&note(None))?;
        lock.annotate(&note(Some(Ending::Done)))?;
        lock.release()
    };
    match life() {
        Ok(()) => Done {
            ok: true,
            said: String::new(),
        },
        Err(error) => Done {
            ok: false,
            said: error.to_string(),
        },
    }
}

/// What the cluster is like before.
struct Before {
    version: String,
    generation: i64,
}

fn before(cluster: &ServedCluster) -> Before {
    let listed = cluster.reads().list(Resource::PODS, None, &Selector::all());
    let generation = cluster.now(AWS_NODE)["metadata"]["generation"].as_i64();
    Before {
        version: listed.unwrap_or_else(|error| panic!("{error}")).version,
        generation: generation.expect("a generation"),
    }
}

/// Counts how often each pod was taken away since then.
fn removals(cluster: &ServedCluster, since: &Before) -> BTreeMap<String, usize> {
    // Controllers have their say, and a change that everybody sees marks the end.
    for _ in 0..2 {
        cluster.with(|door, world| door.observe(world));
    }
    let last = "aws-node-p0003";
    let path = format!("/api/v1/namespaces/kube-system/pods/{last}");
    cluster.patch(
        &path,
        &json!({"metadata": {"labels": {"stairway.test/end": "true"}}}),
    );
    let start = WatchStart {
        version: since.version.clone(),
        at_most: Duration::from_secs(60),
    };
    let mut found = BTreeMap::new();
    let mut each = |event: Watched| {
        let (Watched::Is(pod) | Watched::Gone(pod)) = &event else {
            return ControlFlow::Continue(());
        };
        let name = pod["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if matches!(event, Watched::Gone(_)) {
            *found.entry(name).or_default() += 1;
        } else if name == last && pod["metadata"]["labels"]["stairway.test/end"] == "true" {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    };
    let ended = cluster
        .reads()
        .watch(Resource::PODS, None, &Selector::all(), &start, &mut each);
    ended.unwrap_or_else(|error| panic!("{error}"));
    found
}

fn faults_of_nodes(cluster: &ServedCluster, work: Work, ok: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut check = |holds: bool, what: String| {
        if !holds {
            wrong.push(what);
        }
    };
    for name in ["node-a", "node-b", "node-c"] {
        let node = cluster.now(&format!("/api/v1/nodes/{name}"));
        let taints = node["spec"]["taints"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let count = |key: &str| taints.iter().filter(|taint| taint["key"] == key).count();
        check(
            count("dedicated") == 1,
            format!("{name}: the taint of others: {taints:?}"),
        );
        let (ours, closed) = (count(LEAVING), node["spec"]["unschedulable"] == json!(true));
        check(ours <= 1, format!("{name}: {taints:?}"));
        let of_group = name != "node-c";
        check(
            of_group || (ours == 0 && !closed),
            format!("{name} is no node of the group"),
        );
        let done = match work {
            Work::Taint => ours == 1 && closed,
            Work::Drain => closed,
            Work::Repair | Work::Lease => true,
        };
        check(
            !ok || !of_group || done,
            format!("{name} is not as claimed: {node}"),
        );
    }
    wrong
}

/// Says what is wrong with the cluster after a work, whatever its claim; `ok` is the claim.
fn faults(cluster: &ServedCluster, work: Work, ok: bool, before: &Before) -> Vec<String> {
    let mut wrong = faults_of_nodes(cluster, work, ok);
    let mut check = |holds: bool, what: String| {
        if !holds {
            wrong.push(what);
        }
    };
    let removals = removals(cluster, before);
    for (pod, times) in &removals {
        check(*times <= 1, format!("{pod} was taken away {times} times"));
        let moved = work == Work::Drain && ground::MOVED.contains(&pod.as_str());
        check(moved, format!("{pod} was taken away"));
    }
    if ok && work == Work::Drain {
        for pod in ground::MOVED {
            check(removals.contains_key(pod), format!("{pod} did not leave"));
        }
    }
    let daemons = cluster.now(AWS_NODE);
    let generation = daemons["metadata"]["generation"].as_i64().unwrap_or(0);
    let patched = daemons.to_string().contains(IMAGE);
    let rose = generation - before.generation;
    check(
        rose <= i64::from(work == Work::Repair),
        format!("aws-node changed {rose} times"),
    );
    check(
        !ok || work != Work::Repair || patched,
        "aws-node is not patched".to_owned(),
    );
    let lease = cluster.now(LEASE);
    if !lease.is_null() {
        let transitions = lease["spec"]["leaseTransitions"].as_i64().unwrap_or(0);
        check(
            transitions == 0,
            format!("the lease was taken {transitions} more times"),
        );
        let holder = lease["spec"]["holderIdentity"].as_str().unwrap_or_default();
        check(
            work == Work::Lease && holder.is_empty() || holder == "tester@one 1 one",
            format!("{holder} has the lease"),
        );
        check(
            !ok || holder.is_empty(),
            "the lease is not released".to_owned(),
        );
    }
    check(
        !ok || work != Work::Lease || lease.to_string().contains("done"),
        format!("{lease}"),
    );
    wrong
}

/// One cell: this fault on this kind of request, once or each time.
fn cell(doing: Work, kind: &Asked, fault: Fault, once: bool) -> Vec<String> {
    let cluster = ServedCluster::new();
    let before = before(&cluster);
    let limits = Limits {
        request: if fault.is_silence() {
            SHORT
        } else {
            PATIENT.request
        },
        ..PATIENT
    };
    let writes = Writes::of(cluster.reads_within(limits));
    let reads = writes.reads().clone();
    let trouble = fault.trouble().expect("a fault of a request");
    let strike = on_kind(kind, trouble);
    cluster.strike(if once { strike.times(1) } else { strike });
    let done = work(writes, doing, fault.is_silence());
    let requests = reads.traffic().requests;
    cluster.heal();
    let mut wrong = faults(&cluster, doing, done.ok, &before);
    if !done.ok && done.said.len() < 40 {
        wrong.push(format!("no reason: {}", done.said));
    }
    if requests > REQUESTS_MAX {
        wrong.push(format!("{requests} requests"));
    }
    if once && fault.passes() && !done.ok {
        wrong.push(format!("another try would have helped: {}", done.said));
    }
    let refused = matches!(fault, Fault::Forbidden | Fault::Expired);
    if !once && refused && done.ok {
        wrong.push("it is done although the server refused".to_owned());
    }
    let how = if once { "once" } else { "each time" };
    let row = format!(
        "{doing:?}: {} {}, {fault:?} {how}",
        kind.verb, kind.resource
    );
    wrong
        .into_iter()
        .map(|what| format!("{row}: {what}"))
        .collect()
}

/// Returns the requests of a work when all is well.
fn healthy(doing: Work) -> BTreeMap<Kind, Asked> {
    let cluster = ServedCluster::new();
    let before = before(&cluster);
    let from = cluster.asked().len();
    let done = work(cluster.writes(), doing, false);
    let asked = cluster.asked_since(from);
    assert!(done.ok, "{doing:?}: {done:?}");
    assert_eq!(
        faults(&cluster, doing, true, &before),
        Vec::<String>::new(),
        "{doing:?}"
    );
    kinds(&asked)
}

#[test]
fn everything_that_writes_meets_every_fault() {
    let mut rows: Vec<(Work, Kind, Asked)> = Vec::new();
    for doing in ALL {
        rows.extend(
            healthy(doing)
                .into_iter()
                .map(|(kind, asked)| (doing, kind, asked)),
        );
    }
    // Each of these changes something, and none may be missing.
    for write in [
        (Work::Taint, "patch", "nodes"),
        (Work::Drain, "patch", "nodes"),
        (Work::Drain, "create", "pods/eviction"),
        (Work::Drain, "watch", "pods"),
        (Work::Repair, "patch", "apps/daemonsets"),
        (Work::Lease, "create", "coordination.k8s.io/leases"),
        (Work::Lease, "update", "coordination.k8s.io/leases"),
    ] {
        let has = rows
            .iter()
            .any(|(work, kind, _)| (*work, kind.0.as_str(), kind.1.as_str()) == write);
        assert!(has, "no {write:?} in {rows:?}");
    }
    let mut cells: BTreeMap<(String, Fault), usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    std::thread::scope(|scope| {
        let works: Vec<_> = rows
            .iter()
            .map(|(doing, _, asked)| {
                scope.spawn(move || {
                    let faults = OF_WRITES
                        .iter()
                        .flat_map(|fault| [(*fault, true), (*fault, false)]);
                    let found: Vec<(Fault, Vec<String>)> = faults
                        .map(|(fault, once)| (fault, cell(*doing, asked, fault, once)))
                        .collect();
                    found
                })
            })
            .collect();
        for ((doing, kind, _), done) in rows.iter().zip(works) {
            for (fault, mut found) in done.join().expect("a row") {
                let row = format!("{doing:?}: {} {}", kind.0, kind.1);
                *cells.entry((row, fault)).or_default() += 1;
                wrong.append(&mut found);
            }
        }
    });
    matrix::print("writes × faults, once and each time", &cells);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(cells.len(), rows.len() * OF_WRITES.len());
    assert!(
        cells.values().all(|count| *count == 2),
        "once and each time: {cells:?}"
    );
}
