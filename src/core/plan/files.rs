//! The config file of one step: one group, at the version that the control plane has at that moment.

use super::StepFile;
use super::draft::Draft;
use crate::diff::generation::{DECLARED_AS, REPLACES, generation_label};
use crate::diff::normalize;
use crate::model::KubeMinor;
use crate::model::clusterconfig::count_of;
use serde_json::{Map, Value, json};

/// What a new group is made as.
#[derive(Clone, Debug)]
pub(super) struct NewGroup {
    /// Its name in git: whose settings it gets.
    pub(super) git: String,
    /// Its name in EKS.
    pub(super) name: String,
    /// The minor in the file: the control plane's at that moment.
    pub(super) version: KubeMinor,
    /// The live group that it replaces.
    pub(super) replaces: Option<String>,
    /// A higher minimum while it takes over.
    pub(super) hold: Option<u32>,
}

/// Returns the ClusterConfig with which eksctl makes exactly this group.
pub(super) fn nodegroup_file(draft: &Draft<'_>, new: &NewGroup) -> Option<StepFile> {
    let group = draft.input.desired.nodegroups.get(&new.git)?;
    let mut spec = group.spec.clone();
    normalize::sort_sets(&mut spec, draft.input.catalog);
    spec.insert("name".to_owned(), Value::String(new.name.clone()));
    let mut marks = Map::new();
    if new.name != new.git {
        marks.insert(DECLARED_AS.to_owned(), Value::String(new.git.clone()));
    }
    if let Some(old) = new.replaces.as_ref().filter(|old| **old != new.name) {
        marks.insert(REPLACES.to_owned(), Value::String(old.clone()));
    }
    if new.name != new.git
        && let Some(label) = generation_label(&new.git, &spec_in_git(draft, &new.git))
        && let Some((_, letter)) = new.name.rsplit_once('-')
        && let Some(Value::Object(labels)) = spec.get_mut("labels")
    {
        // The label tells the autoscaler's and people's selectors which generation a node is.
        labels.insert(label, Value::String(letter.to_owned()));
    }
    if !marks.is_empty() {
        let tags = spec.entry("tags").or_insert_with(|| json!({}));
        if tags.is_null() {
            *tags = json!({});
        }
        if let Value::Object(tags) = tags {
            tags.extend(marks);
        }
    }
    if let Some(hold) = new.hold {
        spec.insert("minSize".to_owned(), json!(hold));
        let desired = spec.get("desiredCapacity").and_then(count_of);
        if desired.is_some_and(|count| count < hold) {
            spec.insert("desiredCapacity".to_owned(), json!(hold));
        }
    }
    let list = if group.managed {
        "managedNodeGroups"
    } else {
        "nodeGroups"
    };
    let head = head(draft, new.version);
    let shown = normalize::redact(&head, draft.input.catalog);
    let shown_spec = normalize::redact(&spec, draft.input.catalog);
    Some(StepFile {
        text: document(head, list, spec),
        shown: document(shown, list, shown_spec),
    })
}

fn spec_in_git(draft: &Draft<'_>, git: &str) -> Map<String, Value> {
    let group = draft.input.desired.nodegroups.get(git);
    group.map(|group| group.spec.clone()).unwrap_or_default()
}

/// Returns the ClusterConfig with which eksctl configures exactly this add-on.
pub(super) fn addon_file(draft: &Draft<'_>, name: &str, version: &str) -> Option<StepFile> {
    let addon = draft.input.desired.addons.as_ref()?.get(name)?;
    let mut spec = addon.spec.clone();
    spec.insert("version".to_owned(), Value::String(version.to_owned()));
    let head = head(draft, draft.control_plane);
    let shown = normalize::redact(&head, draft.input.catalog);
    let shown_spec = normalize::redact_addon(&spec, draft.input.catalog);
    Some(StepFile {
        text: document(head, "addons", spec),
        shown: document(shown, "addons", shown_spec),
    })
}

/// Everything of the config but groups, add-ons and what other commands make.
fn head(draft: &Draft<'_>, version: KubeMinor) -> Map<String, Value> {
    const LEFT_OUT: [&str; 5] = [
        "nodeGroups",
        "managedNodeGroups",
        "addons",
        "addonsConfig",
        "fargateProfiles",
    ];
    let mut document: Map<String, Value> = draft
        .input
        .desired
        .document
        .iter()
        .filter(|(key, _)| !LEFT_OUT.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    normalize::sort_sets(&mut document, draft.input.catalog);
    if let Some(Value::Object(metadata)) = document.get_mut("metadata") {
        metadata.insert("version".to_owned(), Value::String(version.to_string()));
    }
    document
}

/// Puts the one item into its list. JSON is YAML to eksctl, and has one form.
fn document(mut head: Map<String, Value>, list: &str, item: Map<String, Value>) -> String {
    head.insert(list.to_owned(), Value::Array(vec![Value::Object(item)]));
    let mut text = serde_json::to_string_pretty(&head).unwrap_or_default();
    text.push('\n');
    text
}
