//! What eksctl waits for, command by command.

use super::Running;
use crate::World;
use crate::drain::{Drain, Round};
use serde_json::{Map, Value};
use stairway_core::model::{Known, KubeMinor};
use std::collections::{BTreeSet, VecDeque};

/// eksctl polls DescribeUpdate every 30 s at first (pkg/eks/update.go, pkg/utils/waiters).
const POLL_UPDATE: i64 = 30;
/// CloudFormation waiters poll every 15 s or more (pkg/cfn/manager/waiters.go).
const POLL_STACK: i64 = 15;
/// `--pod-eviction-wait-period`: 10 s.
const POLL_DRAIN: i64 = crate::spans::EVICTION_PAUSE;
/// Add-ons are polled like updates, a little faster (pkg/actions/addon/create.go).
const POLL_ADDON: i64 = 15;

/// Where a tool is.
#[derive(Clone, Debug)]
pub(super) enum Phase {
    /// It has nothing to wait for and exits 0.
    Finishes,
    /// It exits 1.
    Fails(String),
    Upgrades {
        update: String,
        to: KubeMinor,
        down: bool,
    },
    Creates {
        making: Vec<Making>,
    },
    Drains(Draining),
    Deletes {
        name: String,
        waits: bool,
    },
    Addons {
        rest: VecDeque<Map<String, Value>>,
        current: Option<String>,
        /// None updates; some creates, and tells whether it may overwrite.
        create: Option<bool>,
    },
    /// The change is done and the tool waits for its timeout.
    Hangs,
    Over(u8),
}

/// A group whose stack was begun.
#[derive(Clone, Debug)]
pub(super) struct Making {
    pub(super) name: String,
    pub(super) managed: bool,
    /// The stack is complete; its nodes are awaited.
    pub(super) complete: bool,
}

/// A drain in flight.
#[derive(Clone, Debug)]
pub(super) struct Draining {
    pub(super) drain: Drain,
    /// Nodes that were said to hold pods which budgets hold back.
    pub(super) held_back: BTreeSet<String>,
    /// Some when a deletion follows, and whether that is waited for.
    pub(super) then_delete: Option<bool>,
}

/// How far a turn came.
pub(super) enum Progress {
    Wait(i64),
    Done,
    Failed(String),
}

impl Running {
    /// Goes on with the present phase as far as it can.
    pub(super) fn proceed(&mut self, world: &mut World) -> Progress {
        match std::mem::replace(&mut self.phase, Phase::Finishes) {
            Phase::Finishes => Progress::Done,
            Phase::Fails(why) => Progress::Failed(why),
            Phase::Upgrades { update, to, down } => self.upgrade_turn(update, to, down, world),
            Phase::Creates { making } => self.create_turn(making, world),
            Phase::Drains(draining) => self.drain_turn(draining, world),
            Phase::Deletes { name, waits } => self.delete_turn(name, waits, world),
            phase @ Phase::Addons { .. } => {
                self.phase = phase;
                self.addon_turn(world)
            }
            Phase::Hangs => {
                self.phase = Phase::Hangs;
                Progress::Wait(60)
            }
            Phase::Over(exit) => {
                self.phase = Phase::Over(exit);
                Progress::Done
            }
        }
    }

    fn upgrade_turn(
        &mut self,
        update: String,
        to: KubeMinor,
        down: bool,
        world: &mut World,
    ) -> Progress {
        let found = world.update(&update);
        let status = found.map_or("Cancelled", |update| update.status.as_str());
        match status {
            "InProgress" => {
                self.phase = Phase::Upgrades { update, to, down };
                Progress::Wait(POLL_UPDATE)
            }
            "Successful" => {
                let name = world.cluster.cluster.name.clone();
                let verb = if down { "rolled back" } else { "upgraded" };
                self.succeed(
                    world,
                    &format!(
                        "cluster \"{name}\" control plane has been {verb} to version \"{to}\""
                    ),
                );
                self.inform(world, "you will need to follow the upgrade procedure for all of nodegroups and add-ons");
                self.inform(
                    world,
                    &format!("re-building cluster stack \"eksctl-{name}-cluster\""),
                );
                self.succeed(
                    world,
                    &format!(
                        "all resources in cluster stack \"eksctl-{name}-cluster\" are up-to-date"
                    ),
                );
                self.inform(
                    world,
                    "all nodegroups have up-to-date cloudformation templates",
                );
                Progress::Done
            }
            other => {
                let errors = found.map(|u| u.errors.join("; ")).unwrap_or_default();
                Progress::Failed(format!(
                    "update failed with status \"{other}\": update errors: [{errors}]"
                ))
            }
        }
    }

    fn create_turn(&mut self, mut making: Vec<Making>, world: &mut World) -> Progress {
        let cluster = world.cluster.cluster.name.clone();
        let mut waits = None;
        for one in &mut making {
            let stack = world.stack_name(&one.name);
            match world.stack_status(&one.name) {
                Some("CREATE_IN_PROGRESS") => {
                    self.inform(
                        world,
                        &format!("waiting for CloudFormation stack \"{stack}\""),
                    );
                    waits = Some(POLL_STACK * 2);
                    continue;
                }
                Some("CREATE_COMPLETE") => {}
                status => {
                    let status = status.unwrap_or("DELETE_COMPLETE");
                    self.log(world, "✖", &format!("unexpected status \"{status}\" while waiting for CloudFormation stack \"{stack}\""));
                    self.inform(world, "1 error(s) occurred and nodegroups haven't been created properly, you may wish to check CloudFormation console");
                    self.inform(world, &format!("to cleanup resources, run 'eksctl delete nodegroup --region={} --cluster={cluster} --name=<name>' for each of the failed nodegroup", world.cluster.cluster.region));
                    return Progress::Failed(format!(
                        "failed to create nodegroups for cluster \"{cluster}\""
                    ));
                }
            }
            let ready = world
                .cluster
                .nodes_of(&one.name)
                .filter(|node| node.ready.value() == Some(&true))
                .count();
            let least = world
                .nodegroup(&one.name)
                .and_then(|g| crate::count(g, "minSize"));
            let least = least.unwrap_or(0) as usize;
            if !one.complete {
                one.complete = true;
                self.inform(
                    world,
                    &format!(
                        "nodegroup \"{}\" has {} node(s)",
                        one.name,
                        world.cluster.nodes_of(&one.name).count()
                    ),
                );
                self.inform(
                    world,
                    &format!(
                        "waiting for at least {least} node(s) to become ready in \"{}\"",
                        one.name
                    ),
                );
            }
            if ready < least {
                waits = Some(POLL_STACK);
            }
        }
        if let Some(seconds) = waits {
            self.phase = Phase::Creates { making };
            return Progress::Wait(seconds);
        }
        self.tell_created(&making, &cluster, world);
        Progress::Done
    }

    fn tell_created(&mut self, making: &[Making], cluster: &str, world: &World) {
        if making.is_empty() {
            self.inform(world, "no tasks");
        }
        for (managed, word) in [(false, ""), (true, "managed ")] {
            let count = making.iter().filter(|one| one.managed == managed).count();
            self.succeed(
                world,
                &format!("created {count} {word}nodegroup(s) in cluster \"{cluster}\""),
            );
        }
    }

    /// Evicts what budgets allow, `parallel` nodes at a time; daemons stay, and a refusal is tried again.
    fn drain_turn(&mut self, mut draining: Draining, world: &mut World) -> Progress {
        for round in draining.drain.round(world) {
            let Round {
                node,
                held,
                drained,
                ..
            } = round;
            if !held.is_empty() && draining.held_back.insert(node.clone()) {
                let refused = held.len();
                self.log(
                    world,
                    "!",
                    &format!("{refused} pods are unevictable from node {node}"),
                );
            }
            if drained {
                self.succeed(world, &format!("drained node {node}"));
            }
        }
        if !draining.drain.is_over(world) {
            self.phase = Phase::Drains(draining);
            return Progress::Wait(POLL_DRAIN);
        }
        let group = draining.drain.group;
        let nodes = world.node_names(&group);
        let all: Vec<&str> = nodes.iter().map(String::as_str).collect();
        self.succeed(world, &format!("drained all nodes: [{}]", all.join(" ")));
        let Some(waits) = draining.then_delete else {
            return Progress::Done;
        };
        self.begin_deletion(&group, waits, world);
        Progress::Wait(1)
    }

    fn delete_turn(&mut self, name: String, waits: bool, world: &mut World) -> Progress {
        let cluster = world.cluster.cluster.name.clone();
        let stack = world.stack_name(&name);
        if waits {
            if world.stack_status(&name) == Some("DELETE_FAILED")
                || world
                    .nodegroup(&name)
                    .is_some_and(|g| g.status == Known::Value("DELETE_FAILED".to_owned()))
            {
                self.log(world, "✖", &format!("unexpected status \"DELETE_FAILED\" while waiting for CloudFormation stack \"{stack}\""));
                return Progress::Failed(format!(
                    "failed to delete nodegroup(s) for cluster \"{cluster}\": waiting for CloudFormation stack \"{stack}\": DELETE_FAILED"
                ));
            }
            if world.stack_status(&name).is_some() || world.nodegroup(&name).is_some() {
                self.phase = Phase::Deletes { name, waits };
                return Progress::Wait(POLL_STACK);
            }
        }
        self.succeed(
            world,
            &format!("deleted 1 nodegroup(s) from cluster \"{cluster}\" ({name})"),
        );
        Progress::Done
    }

    fn addon_turn(&mut self, world: &mut World) -> Progress {
        let Phase::Addons { current, .. } = &self.phase else {
            return Progress::Done;
        };
        if let Some(name) = current.clone() {
            let status = world.addon(&name).and_then(|a| a.status.value().cloned());
            match status.as_deref() {
                Some("UPDATING" | "CREATING") => return Progress::Wait(POLL_ADDON),
                Some("ACTIVE") => self.inform(world, &format!("addon \"{name}\" active")),
                other => {
                    let status = other.unwrap_or("gone").to_owned();
                    return Progress::Failed(format!("addon status transitioned to \"{status}\""));
                }
            }
        }
        self.next_addon(world).unwrap_or(Progress::Done)
    }

    /// Begins the next add-on of the file; none when there is none left.
    pub(super) fn next_addon(&mut self, world: &mut World) -> Option<Progress> {
        let Phase::Addons {
            rest,
            current,
            create,
        } = &mut self.phase
        else {
            return None;
        };
        let spec = rest.pop_front()?;
        let create = *create;
        let read = |key: &str| spec.get(key).and_then(Value::as_str).unwrap_or_default();
        let (name, version) = (read("name"), read("version"));
        *current = Some(name.to_owned());
        let begun = match create {
            Some(overwrite) if world.addon(name).is_none() => {
                world.begin_addon_creation(name, version, &spec, overwrite)
            }
            // eksctl creates what is there already as an update (pkg/actions/addon/create.go).
            Some(_) | None => world.begin_addon(name, version, &spec).map(|_| ()),
        };
        if let Err(error) = begun {
            return Some(Progress::Failed(error.to_string()));
        }
        self.acted = true;
        let text = if create.is_some() {
            format!("creating addon: {name}")
        } else {
            format!("updating addon: {name}")
        };
        self.inform(world, &text);
        Some(Progress::Wait(POLL_ADDON))
    }
}
