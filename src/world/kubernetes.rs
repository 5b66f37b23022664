//! What a plan asks of the Kubernetes API.

use crate::World;
use crate::drain::{Drain, Round};
use crate::faults::Fault;
use crate::nodes::is_mark;
use crate::pods::Held;
use crate::spans::EVICTION_RETRY;
use serde_json::Value;
use stairway_core::model::{KubeMinor, Timestamp, say_seconds};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Pods that the end of a drain names; the rest is counted.
const NAMES_MAX: usize = 3;
/// Seconds between two looks at a watch that tells nothing any more.
const HANGS: u32 = 60;
/// Words that the body of a drain may have.
const DRAIN_WORDS: [&str; 4] = [
    "parallel",
    "timeoutSeconds",
    "gracePeriodSeconds",
    "barePods",
];

/// An error of the Kubernetes API, or of what was done through it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", prefix(.reason))]
pub struct KubeError {
    /// The reason of a `metav1.Status`: `NotFound`, `TooManyRequests`, `InternalError`; empty for an
    /// error that is not the server's.
    pub reason: &'static str,
    /// The message.
    pub message: String,
}

fn prefix(reason: &str) -> String {
    if reason.is_empty() {
        String::new()
    } else {
        format!("{reason}: ")
    }
}

fn refuse<T>(reason: &'static str, message: impl Into<String>) -> Result<T, KubeError> {
    Err(KubeError {
        reason,
        message: message.into(),
    })
}

/// What an action in flight does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It waits; the caller advances the clock by `seconds` and turns again.
    Waits {
        /// At least 1.
        seconds: u32,
        /// New lines for whoever watches.
        said: String,
    },
    /// It is over.
    Ends {
        /// What was done in words, or why it failed.
        answer: Result<String, KubeError>,
        /// New lines for whoever watches.
        said: String,
    },
}

/// An action in flight. To kill it, turn it no more: what was asked of the API goes on, and nothing else is.
#[derive(Clone, Debug)]
pub struct Running {
    subject: String,
    phase: Phase,
    said: String,
}

#[derive(Clone, Debug)]
enum Phase {
    Over(Result<String, KubeError>),
    Drains(Box<Draining>),
}

/// A drain that waits for budgets.
#[derive(Clone, Debug)]
struct Draining {
    drain: Drain,
    timeout: i64,
    deadline: Timestamp,
    /// Pods that had to stay when they were last asked away.
    held: BTreeMap<String, Held>,
    /// Everything is done, and nobody hears of it.
    hangs: bool,
}

/// Carries out a Kubernetes action to its end; the clock moves by what it waits.
///
/// # Errors
/// As the API server answers, or why a drain came to no good end.
pub fn act(world: &mut World, verb: &str, object: &str, body: &Value) -> Result<(), KubeError> {
    let mut running = Running::start(world, verb, object, body);
    loop {
        match running.turn(world) {
            Turn::Waits { seconds, .. } => world.advance(i64::from(seconds)),
            Turn::Ends { answer, .. } => return answer.map(|_done| ()),
        }
    }
}

impl Running {
    /// Begins a Kubernetes action.
    ///
    /// `patch-nodes` of `nodes?nodegroup=NAME` adds and removes taints of the nodes that the group
    /// has now, and opens or closes them; nodes that join later do not get them. `drain-nodes` of the
    /// same cordons them and asks their pods away. `patch` of `daemonsets/NAMESPACE/NAME` begins a
    /// rollout.
    pub fn start(world: &mut World, verb: &str, object: &str, body: &Value) -> Self {
        let subject = match object.strip_prefix("nodes?nodegroup=") {
            Some(group) => group,
            None => object.rsplit('/').next().unwrap_or_default(),
        };
        let mut running = Self {
            subject: subject.to_owned(),
            phase: Phase::Over(Ok(format!("{verb} {object}"))),
            said: String::new(),
        };
        if let Err(error) = running.begin(world, verb, object, body) {
            running.phase = Phase::Over(Err(error));
        }
        running
    }

    fn begin(
        &mut self,
        world: &mut World,
        verb: &str,
        object: &str,
        body: &Value,
    ) -> Result<(), KubeError> {
        let subject = self.subject.clone();
        if world.strikes(Fault::Throttle, &subject) {
            return refuse(
                "TooManyRequests",
                "the server has received too many requests and has asked us to try again later",
            );
        }
        if world.strikes(Fault::ErrorBeforeEffect, &subject) {
            return refuse(
                "InternalError",
                "Internal error occurred: etcdserver: request timed out",
            );
        }
        world.remember();
        match verb {
            "patch-nodes" => patch_nodes(world, &subject, body)?,
            "drain-nodes" => self.begin_drain(world, &subject, body)?,
            "patch" => {
                if !world.begin_rollout(&subject, None) {
                    return refuse("NotFound", format!("{object} not found"));
                }
            }
            other => return refuse("MethodNotAllowed", format!("{other} is not modelled")),
        }
        world.watch();
        if world.strikes(Fault::ErrorAfterEffect, &subject) {
            return refuse(
                "Timeout",
                "the server was unable to return a response in the time allotted, but may still be processing the request",
            );
        }
        Ok(())
    }

    /// Goes on from where it waited.
    pub fn turn(&mut self, world: &mut World) -> Turn {
        let over = Phase::Over(Ok(String::new()));
        let answer = match std::mem::replace(&mut self.phase, over) {
            Phase::Over(answer) => answer,
            Phase::Drains(mut draining) => match self.drain_turn(&mut draining, world) {
                Some(answer) => answer,
                None => {
                    let left = draining.deadline.seconds_since(world.now);
                    if left > 0 {
                        let pause = if draining.hangs {
                            HANGS
                        } else {
                            EVICTION_RETRY
                        };
                        let left = u32::try_from(left).unwrap_or(pause);
                        self.phase = Phase::Drains(draining);
                        return Turn::Waits {
                            seconds: pause.min(left),
                            said: std::mem::take(&mut self.said),
                        };
                    }
                    self.timed_out(&draining, world)
                }
            },
        };
        self.phase = Phase::Over(answer.clone());
        Turn::Ends {
            answer,
            said: std::mem::take(&mut self.said),
        }
    }

    /// Cordons; refuses before anything is evicted where a pod would be lost that nobody gave up.
    fn begin_drain(
        &mut self,
        world: &mut World,
        group: &str,
        body: &Value,
    ) -> Result<(), KubeError> {
        let asked = Asked::read(body)?;
        if world.nodegroup(group).is_none() {
            return refuse("NotFound", format!("no nodes of the nodegroup {group}"));
        }
        let drain = Drain::begin(world, group, asked.parallel);
        for node in world.node_names(group) {
            self.say(&format!("cordoned node {node}"));
        }
        if !asked.bare_pods {
            let bare = bare_pods(world, group);
            if !bare.is_empty() {
                return refuse(
                    "",
                    format!(
                        "draining nodegroup `{group}` failed: pods without a controller would be lost, and the plan does not accept that: {}. Nothing was evicted; its nodes stay cordoned",
                        some(&bare)
                    ),
                );
            }
        }
        self.phase = Phase::Drains(Box::new(Draining {
            drain,
            timeout: asked.timeout,
            deadline: crate::clock::later(world.now, asked.timeout),
            held: BTreeMap::new(),
            hangs: false,
        }));
        Ok(())
    }

    /// One round of evictions; returns how the drain ended, if it did.
    fn drain_turn(
        &mut self,
        draining: &mut Draining,
        world: &mut World,
    ) -> Option<Result<String, KubeError>> {
        if draining.hangs {
            return None;
        }
        let group = draining.drain.group.clone();
        self.cordon_newcomers(&group, world);
        for round in draining.drain.round(world) {
            self.tell(round, &mut draining.held);
        }
        world.watch();
        if !draining.drain.is_over(world) {
            return None;
        }
        if world.strikes(Fault::Exit1AfterSuccess, &group) {
            return Some(refuse(
                "Unauthorized",
                "the server has asked for the client to provide credentials",
            ));
        }
        if world.strikes(Fault::ToolHangs, &group) {
            draining.hangs = true;
            return None;
        }
        let nodes = world.node_names(&group).len();
        let plural = if nodes == 1 { "" } else { "s" };
        Some(Ok(format!(
            "drained {nodes} node{plural} of nodegroup `{group}`"
        )))
    }

    /// Nodes that joined since are closed too, before they are looked at.
    fn cordon_newcomers(&mut self, group: &str, world: &mut World) {
        let nodes = world.cluster.nodes_of(group);
        let open: BTreeSet<String> = nodes
            .filter(|node| !node.unschedulable)
            .map(|node| node.name.clone())
            .collect();
        if open.is_empty() {
            return;
        }
        world.cordon(&open, true);
        for node in &open {
            self.say(&format!("cordoned node {node}"));
        }
    }

    fn tell(&mut self, round: Round, held: &mut BTreeMap<String, Held>) {
        for pod in &round.evicted {
            held.remove(pod);
            self.say(&format!("evicting pod {pod} from node {}", round.node));
        }
        for (pod, why) in round.held {
            // Said once, and again when the server gives another reason.
            if held.get(&pod) != Some(&why) {
                self.say(&format!(
                    "pod {pod} stays on node {} for now: {}",
                    round.node, why.why
                ));
            }
            held.insert(pod, why);
        }
        if round.drained {
            self.say(&format!("node {}: drained", round.node));
        }
    }

    fn timed_out(&mut self, draining: &Draining, world: &World) -> Result<String, KubeError> {
        let group = &draining.drain.group;
        let after = say_seconds(u64::try_from(draining.timeout).unwrap_or(0));
        if draining.hangs {
            return refuse(
                "",
                format!(
                    "draining nodegroup `{group}` failed: the API server told nothing more, for {after}"
                ),
            );
        }
        let left = left_behind(draining, world);
        self.say(&format!("nothing else is evicted from nodegroup {group}"));
        let pods = if left.len() == 1 {
            "pod is"
        } else {
            "pods are"
        };
        let mut message = format!(
            "draining nodegroup `{group}` failed after {after}: {} {pods} left: {}. Its nodes stay cordoned",
            left.len(),
            some(&left)
        );
        if let Some((namespace, name)) = first_budget(draining) {
            let _ = write!(
                message,
                "; see: `kubectl -n {namespace} describe pdb {name}`"
            );
        }
        refuse("", message)
    }

    fn say(&mut self, line: &str) {
        self.said.push_str(line);
        self.said.push('\n');
    }
}

/// What the body of a drain asks for.
struct Asked {
    parallel: usize,
    timeout: i64,
    bare_pods: bool,
}

impl Asked {
    fn read(body: &Value) -> Result<Self, KubeError> {
        let keys = body.as_object().into_iter().flat_map(|map| map.keys());
        if let Some(word) = keys
            .into_iter()
            .find(|key| !DRAIN_WORDS.contains(&key.as_str()))
        {
            return refuse("Invalid", format!("drain-nodes has no word `{word}`"));
        }
        let number = |key: &str| body.get(key).and_then(Value::as_u64).filter(|n| *n > 0);
        let timeout = number("timeoutSeconds").and_then(|n| i64::try_from(n).ok());
        let parallel = number("parallel").and_then(|n| usize::try_from(n).ok());
        let (Some(parallel), Some(timeout)) = (parallel, timeout) else {
            let message = "drain-nodes needs `parallel` and `timeoutSeconds`, each at least 1";
            return refuse("Invalid", message);
        };
        Ok(Self {
            parallel,
            timeout,
            bare_pods: body.get("barePods") == Some(&Value::Bool(true)),
        })
    }
}

/// Pods of a group that nobody would make again, as a person names them.
fn bare_pods(world: &World, group: &str) -> Vec<String> {
    let mut bare = world.cluster.pods_of(group);
    bare.retain(|pod| pod.owner == stairway_core::model::Known::Absent);
    bare.iter()
        .map(|pod| {
            at(
                &crate::pods::key_of(pod),
                pod.node.as_deref().unwrap_or_default(),
            )
        })
        .collect()
}

fn at(pod: &str, node: &str) -> String {
    format!("`{pod}` on node `{node}`")
}

/// The pods that a drain did not get rid of: those first that budgets hold.
fn left_behind(draining: &Draining, world: &World) -> Vec<String> {
    let (mut held, mut others) = (Vec::new(), Vec::new());
    for node in world.node_names(&draining.drain.group) {
        for pod in world.evictable(&node) {
            let Some(why) = draining.held.get(&pod) else {
                others.push(at(&pod, &node));
                continue;
            };
            let keys: Vec<String> = why.budgets.iter().map(|key| format!("`{key}`")).collect();
            let plural = if keys.len() == 1 { "" } else { "s" };
            held.push(format!(
                "{}, held by the disruption budget{plural} {} ({})",
                at(&pod, &node),
                keys.join(" and "),
                why.why.trim_end_matches('.')
            ));
        }
    }
    held.append(&mut others);
    held
}

fn first_budget(draining: &Draining) -> Option<(&str, &str)> {
    let first = draining.held.values().next()?.budgets.first()?;
    first.split_once('/')
}

fn some(names: &[String]) -> String {
    let mut text = names.iter().take(NAMES_MAX).cloned().collect::<Vec<_>>();
    if names.len() > NAMES_MAX {
        text.push(format!("and {} more", names.len() - NAMES_MAX));
    }
    text.join("; ")
}

fn patch_nodes(world: &mut World, group: &str, body: &Value) -> Result<(), KubeError> {
    if world.nodegroup(group).is_none() {
        return refuse("NotFound", format!("no nodes of the nodegroup {group}"));
    }
    let keys = |key: &str| -> BTreeSet<String> {
        let items = body.get(key).and_then(Value::as_array);
        items
            .into_iter()
            .flatten()
            .filter_map(|taint| crate::text(taint, "key").map(str::to_owned))
            .collect()
    };
    let (add, remove) = (keys("addOrUpdateTaints"), keys("removeTaints"));
    world.taint_nodes(group, &add, &remove);
    // A group without nodes keeps no taint; the autoscaler's tags on its Auto Scaling group do.
    if add.iter().any(|key| is_mark(key)) {
        world.books.marked.insert(group.to_owned());
    }
    if remove.iter().any(|key| is_mark(key)) {
        world.books.marked.remove(group);
    }
    if body.get("unschedulable").is_some() {
        let cordoned = body.get("unschedulable") == Some(&Value::Bool(true));
        let nodes = world.node_names(group);
        world.cordon(&nodes, cordoned);
    }
    Ok(())
}

/// Returns what `GET /version` tells: `major`, `minor` and `gitVersion`.
pub fn server_version(world: &World) -> Option<Value> {
    let version = world.version()?;
    let minor = KubeMinor::minor(version);
    Some(serde_json::json!({
        "major": "1",
        "minor": minor.to_string(),
        "gitVersion": format!("v{version}.0-eks"),
    }))
}
