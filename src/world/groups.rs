//! Nodegroups and their stacks: created, configured, deleted.
//!
//! CloudFormation stack states and eksctl 0.230 (`pkg/cfn/manager`); EKS API model for managed groups.

use crate::clock::Event;
use crate::eks::{ApiError, error};
use crate::faults::Fault;
use crate::nodes::declared_taints;
use crate::spans::{DELETE_EMPTY, DELETE_FULL, GROUP_CONFIG, GROUP_CREATE, ROLL_BACK};
use crate::{World, count, list, text};
use serde_json::{Map, Value, json};
use stairway_core::model::{Known, KubeMinor, LiveNodegroup, Stack};
use std::collections::BTreeSet;

/// eksctl's default of `minSize` (defaults.go: minimum = desired, else 2).
const SIZE_DEFAULT: u32 = 2;

impl World {
    pub(crate) fn stack_name(&self, group: &str) -> String {
        format!("eksctl-{}-nodegroup-{group}", self.cluster.cluster.name)
    }

    pub(crate) fn stack_status(&self, group: &str) -> Option<&str> {
        let name = self.stack_name(group);
        let stacks = self.cluster.stacks.items().iter();
        stacks
            .rev()
            .find(|stack| stack.name == name)
            .map(|stack| stack.status.as_str())
    }

    pub(crate) fn set_stack(&mut self, group: &str, status: &str) {
        let name = self.stack_name(group);
        let stacks = list(&mut self.cluster.stacks);
        match stacks.iter_mut().find(|stack| stack.name == name) {
            Some(stack) => status.clone_into(&mut stack.status),
            None => stacks.push(Stack {
                name,
                status: status.to_owned(),
            }),
        }
    }

    fn drop_stack(&mut self, group: &str) {
        let name = self.stack_name(group);
        list(&mut self.cluster.stacks).retain(|stack| stack.name != name);
    }

    /// Sets an EKS status; a self-managed group shows its stack's.
    pub(crate) fn group_status(&mut self, group: &str, status: &str) {
        if let Some(group) = self.nodegroup_mut(group)
            && group.managed
        {
            group.status = Known::Value(status.to_owned());
        }
    }

    fn stack_and_status(&mut self, group: &str, stack: &str, managed: &str) {
        self.set_stack(group, stack);
        if let Some(live) = self.nodegroup_mut(group) {
            let status = if live.managed { managed } else { stack };
            live.status = Known::Value(status.to_owned());
        }
    }

    /// Begins a group's stack (CloudFormation CreateStack).
    pub(crate) fn begin_group(
        &mut self,
        spec: &Map<String, Value>,
        managed: bool,
        version: KubeMinor,
    ) {
        let name = spec
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        self.begin(&format!("nodegroup {name}"), &format!("create {version}"));
        let (id, now) = (self.books.dice.id(), self.now);
        let cluster = &self.cluster.cluster;
        let place = format!(
            "{}:{}",
            cluster.region,
            cluster.account_id.as_deref().unwrap_or_default()
        );
        let arn = if managed {
            format!("arn:aws:eks:{place}:nodegroup/{}/{name}/{id}", cluster.name)
        } else {
            let stack = self.stack_name(&name);
            format!("arn:aws:cloudformation:{place}:stack/{stack}/{id}")
        };
        let group = LiveNodegroup {
            health: Known::Value(Vec::new()),
            name: name.clone(),
            managed,
            status: Known::Absent,
            version: Known::Value(version),
            release_version: Known::default(),
            arn: Known::Value(arn),
            created_at: Known::Value(now),
            spec: spec.clone(),
            spec_complete: true,
        };
        let size = count(&group, "desiredCapacity").or(count(&group, "minSize"));
        self.nodegroups().push(group);
        self.cluster.past_nodegroups.insert(name.clone());
        self.stack_and_status(&name, "CREATE_IN_PROGRESS", "CREATING");
        self.touch();
        if self.strikes(Fault::CreateRollsBack, &name) {
            let seconds = self.takes(ROLL_BACK, &name);
            self.schedule(seconds, Event::StackRollsBack { group: name });
            return;
        }
        let whole = self.takes(GROUP_CREATE, &name);
        let nodes = size.unwrap_or(SIZE_DEFAULT);
        if nodes > 0 {
            let group = name.clone();
            self.schedule(whole / 2, Event::NodesBoot { group, nodes });
        }
        self.schedule(whole, Event::StackMade { group: name });
    }

    pub(crate) fn stack_made(&mut self, group: &str) {
        self.stack_and_status(group, "CREATE_COMPLETE", "ACTIVE");
    }

    pub(crate) fn stack_rolls_back(&mut self, group: &str) {
        let nodes = self.node_names(group);
        self.remove_nodes(group, &nodes);
        self.nodegroups().retain(|live| live.name != group);
        self.set_stack(group, "ROLLBACK_COMPLETE");
        self.forget(&format!("nodegroup {group}"));
        self.touch();
    }

    /// Begins to delete a group or what is left of its stack (CloudFormation DeleteStack, or DeleteNodegroup).
    pub(crate) fn begin_delete(&mut self, group: &str) {
        let going = self.stack_status(group) == Some("DELETE_IN_PROGRESS");
        if going {
            return;
        }
        if self.stack_status(group).is_some() {
            self.set_stack(group, "DELETE_IN_PROGRESS");
        }
        if let Some(live) = self.nodegroup_mut(group) {
            let status = if live.managed {
                "DELETING"
            } else {
                "DELETE_IN_PROGRESS"
            };
            live.status = Known::Value(status.to_owned());
        }
        self.go_on_deleting(group);
    }

    pub(crate) fn go_on_deleting(&mut self, group: &str) {
        let empty = self.cluster.nodes_of(group).next().is_none();
        let span = if empty { DELETE_EMPTY } else { DELETE_FULL };
        let seconds = self.takes(span, group);
        let fails = self.strikes(Fault::DeleteFails, group);
        let group = group.to_owned();
        if !empty {
            let group = group.clone();
            self.schedule(seconds / 2, Event::NodesGo { group });
        }
        self.schedule(seconds, Event::StackGoes { group, fails });
    }

    pub(crate) fn nodes_go(&mut self, group: &str) {
        let nodes = self.node_names(group);
        self.remove_nodes(group, &nodes);
    }

    pub(crate) fn stack_goes(&mut self, group: &str, fails: bool) {
        if fails {
            if self.stack_status(group).is_some() {
                self.set_stack(group, "DELETE_FAILED");
            }
            if let Some(live) = self.nodegroup_mut(group) {
                live.status = Known::Value("DELETE_FAILED".to_owned());
            }
            return;
        }
        self.nodes_go(group);
        self.nodegroups().retain(|live| live.name != group);
        self.drop_stack(group);
        self.cluster.past_nodegroups.insert(group.to_owned());
        self.forget(&format!("nodegroup {group}"));
        self.forget(&format!("nodes of {group}"));
        self.books.marked.remove(group);
        self.touch();
    }

    /// Returns the managed group if EKS would take an update of it now.
    pub(crate) fn free_group(&self, name: &str) -> Result<&LiveNodegroup, ApiError> {
        let Some(group) = self.nodegroup(name).filter(|group| group.managed) else {
            return error(
                "ResourceNotFoundException",
                format!("No node group found for name: {name}."),
            );
        };
        let updating = self.cluster.updates.items().iter().any(|update| {
            update.status == "InProgress" && update.nodegroup.as_deref() == Some(name)
        });
        let status = group.status.value().map(String::as_str);
        if updating || matches!(status, Some("UPDATING" | "CREATING" | "DELETING")) {
            return error(
                "ResourceInUseException",
                format!(
                    "Nodegroup cannot be updated as it is currently not in Active State: {name} is {}",
                    status.unwrap_or("UPDATING")
                ),
            );
        }
        Ok(group)
    }

    /// UpdateNodegroupConfig: labels, taints, scaling and settings of a managed group.
    pub(crate) fn begin_config(&mut self, input: &Value) -> Result<String, ApiError> {
        let name = text(input, "nodegroupName").unwrap_or_default().to_owned();
        let group = self.free_group(&name)?;
        self.check_scaling(group, input)?;
        let update = self.begin_update("ConfigUpdate", Known::Absent, Some(name.clone()), None);
        self.group_status(&name, "UPDATING");
        let fails = self
            .strikes(Fault::NodegroupUpdateFails, &name)
            .then(|| "Unknown: the Auto Scaling group could not be updated".to_owned());
        let seconds = self.takes(GROUP_CONFIG, &name);
        let event = Event::GroupConfigured {
            update: update.clone(),
            group: name,
            input: input.clone(),
            fails,
        };
        self.schedule(seconds, event);
        Ok(update)
    }

    /// EKS refuses bounds that the present size does not fit.
    fn check_scaling(&self, group: &LiveNodegroup, input: &Value) -> Result<(), ApiError> {
        let Some(scaling) = input.get("scalingConfig") else {
            return Ok(());
        };
        let read = |key: &str| {
            let value = scaling.get(key);
            value.and_then(stairway_core::model::clusterconfig::count_of)
        };
        let max = read("maxSize").or(count(group, "maxSize"));
        let min = read("minSize").or(count(group, "minSize"));
        if max == Some(0) {
            return error("InvalidParameterException", "maxSize must be at least 1");
        }
        if let (Some(min), Some(max)) = (min, max)
            && min > max
        {
            return error(
                "InvalidParameterException",
                format!("Minimum capacity {min} can't be greater than maximum size {max}"),
            );
        }
        let nodes = self.cluster.nodes_of(&group.name).count();
        let desired = read("desiredSize").map_or(nodes, |size| size as usize);
        if let Some(max) = max.filter(|max| desired > *max as usize) {
            return error(
                "InvalidParameterException",
                format!("desired capacity {desired} can't be greater than max size {max}"),
            );
        }
        Ok(())
    }

    pub(crate) fn group_configured(
        &mut self,
        update: &str,
        name: &str,
        input: &Value,
        fails: Option<String>,
    ) {
        self.group_status(name, "ACTIVE");
        if let Some(why) = fails {
            self.end_update(update, vec![why]);
            return;
        }
        let Some(group) = self.nodegroup_mut(name) else {
            self.end_update(update, vec!["Unknown: the group is gone".to_owned()]);
            return;
        };
        if let Some(labels) = input.get("labels") {
            change_labels(&mut group.spec, labels);
        }
        for key in ["updateConfig", "nodeRepairConfig", "warmPoolConfig"] {
            change_setting(&mut group.spec, key, input.get(key));
        }
        if let Some(taints) = input.get("taints") {
            let before = declared_taints(group);
            change_taints(&mut group.spec, taints);
            let after = declared_taints(group);
            let gone: BTreeSet<String> = before.difference(&after).cloned().collect();
            self.taint_nodes(name, &after, &gone);
        }
        if let Some(scaling) = input.get("scalingConfig") {
            let read = |key: &str| {
                let value = scaling.get(key);
                value.and_then(stairway_core::model::clusterconfig::count_of)
            };
            let (min, max) = (read("minSize"), read("maxSize"));
            self.set_bounds(name, min, max, read("desiredSize"));
        }
        self.end_update(update, Vec::new());
    }

    /// TagResource and UntagResource, which are done at once.
    pub(crate) fn change_tags(&mut self, input: &Value) -> Result<(), ApiError> {
        let resource = text(input, "resourceArn").unwrap_or_default().to_owned();
        let group = self.nodegroups().iter_mut().find(|group| {
            group.arn.value() == Some(&resource) || resource == format!("nodegroup/{}", group.name)
        });
        let Some(group) = group else {
            return error(
                "NotFoundException",
                format!("{resource} is not a resource of EKS"),
            );
        };
        if let Value::Object(map) = object(&mut group.spec, "tags") {
            if let Some(Value::Object(add)) = input.get("tags") {
                map.extend(add.clone());
            }
            for key in strings(input.get("tagKeys")) {
                map.remove(key);
            }
        }
        Ok(())
    }
}

/// Returns the object under `key`; `null` and a missing key become an empty one.
fn object<'a>(spec: &'a mut Map<String, Value>, key: &str) -> &'a mut Value {
    let entry = spec.entry(key).or_insert_with(|| json!({}));
    if entry.is_null() {
        *entry = json!({});
    }
    entry
}

fn strings(value: Option<&Value>) -> impl Iterator<Item = &str> {
    let items = value.and_then(Value::as_array);
    items.into_iter().flatten().filter_map(Value::as_str)
}

fn change_labels(spec: &mut Map<String, Value>, change: &Value) {
    if let Value::Object(map) = object(spec, "labels") {
        for key in strings(change.get("removeLabels")) {
            map.remove(key);
        }
        if let Some(Value::Object(add)) = change.get("addOrUpdateLabels") {
            map.extend(add.clone());
        }
    }
}

fn change_setting(spec: &mut Map<String, Value>, key: &str, change: Option<&Value>) {
    match change {
        None => {}
        Some(Value::Object(change)) => {
            if let Value::Object(map) = object(spec, key) {
                map.extend(change.clone());
                map.retain(|_, value| !value.is_null());
            }
        }
        Some(_) => {
            spec.remove(key);
        }
    }
}

/// EKS writes effects in capitals; eksctl's shape has Kubernetes' words.
fn change_taints(spec: &mut Map<String, Value>, change: &Value) {
    let word = |effect: &str| match effect {
        "NO_EXECUTE" => "NoExecute",
        "PREFER_NO_SCHEDULE" => "PreferNoSchedule",
        _ => "NoSchedule",
    };
    let read = |key: &str| -> Vec<(String, String, String)> {
        let items = change.get(key).and_then(Value::as_array);
        let part = |item: &Value, key: &str| text(item, key).unwrap_or_default().to_owned();
        let taint = |item: &Value| {
            let effect = word(&part(item, "effect")).to_owned();
            (part(item, "key"), part(item, "value"), effect)
        };
        items.into_iter().flatten().map(taint).collect()
    };
    let now = stairway_core::model::clusterconfig::read_taints(spec.get("taints"), "taints");
    let mut taints: Vec<(String, String, String)> = now
        .unwrap_or_default()
        .into_iter()
        .map(|t| (t.key, t.value, t.effect))
        .collect();
    let remove = read("removeTaints");
    taints.retain(|(key, _, effect)| !remove.iter().any(|(k, _, e)| k == key && e == effect));
    for added in read("addOrUpdateTaints") {
        taints.retain(|(key, _, effect)| (key, effect) != (&added.0, &added.2));
        taints.push(added);
    }
    taints.sort();
    let taints: Vec<Value> = taints
        .into_iter()
        .map(|(key, value, effect)| json!({"key": key, "value": value, "effect": effect}))
        .collect();
    spec.insert("taints".to_owned(), Value::Array(taints));
}
