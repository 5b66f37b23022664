//! Webhooks with their services, and the ConfigMap `aws-auth`: from the world's facts to objects, and back.
//!
//! What a client writes of them is a fact of the world from then on; the objects stay as they were
//! written.

use super::project::key;
use super::route::Target;
use super::select::Selector;
use super::store::Key;
use super::{Door, kinds};
use crate::World;
use serde_json::{Value, json};
use stairway_core::model::{Known, MappedRole, Webhook};
use std::collections::{BTreeMap, BTreeSet};

const KUBE_SYSTEM: &str = "kube-system";
const AWS_AUTH: &str = "aws-auth";
/// The label that every namespace has (Kubernetes, well-known labels).
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";
/// Kinds of configurations: the fact's word, and the object's kind.
const CONFIGURATIONS: [(&str, &str); 2] = [
    ("Mutating", "MutatingWebhookConfiguration"),
    ("Validating", "ValidatingWebhookConfiguration"),
];
/// A label that a webhook's objects have when the world says only that it sees some of them.
const SOME: &str = "stairway.world/admission";
/// Operations by which objects come to be or change.
const CHANGES: [&str; 3] = ["*", "CREATE", "UPDATE"];

fn aws_auth_key() -> Key {
    key("ConfigMap", KUBE_SYSTEM, AWS_AUTH)
}

/// Returns the configurations, services and the ConfigMap that the world's facts stand for.
pub(crate) fn pictures(world: &World) -> Vec<(Key, Value)> {
    let mut pictures = Vec::new();
    for (word, kind) in CONFIGURATIONS {
        let mut by_name: BTreeMap<&str, Vec<&Webhook>> = BTreeMap::new();
        let webhooks = world.cluster.webhooks.items().iter();
        for webhook in webhooks.filter(|webhook| webhook.kind == word) {
            by_name
                .entry(&webhook.configuration)
                .or_default()
                .push(webhook);
        }
        for (name, webhooks) in by_name {
            let webhooks: Vec<Value> = webhooks.into_iter().map(webhook_picture).collect();
            let object = json!({
                "kind": kind,
                "apiVersion": "admissionregistration.k8s.io/v1",
                "metadata": {"name": name, "generation": 1},
                "webhooks": webhooks,
            });
            pictures.push((key(kind, "", name), object));
        }
    }
    pictures.extend(services(world));
    pictures.extend(aws_auth(world));
    pictures
}

fn webhook_picture(webhook: &Webhook) -> Value {
    let rules: Vec<Value> = webhook.resources.iter().map(|one| rule(one)).collect();
    let client = match (&webhook.namespace, &webhook.service) {
        (Some(namespace), Some(service)) => json!({"service": {
            "namespace": namespace, "name": service, "path": "/", "port": 443,
        }}),
        // That it is a URL is all that is known.
        _ => json!({"url": "https://webhook.example/"}),
    };
    let by_name = match webhook.excludes_kube_system {
        Known::Value(true) => json!({"matchExpressions": [
            {"key": NAMESPACE_NAME, "operator": "NotIn", "values": [KUBE_SYSTEM]},
        ]}),
        Known::Value(false) | Known::Absent => json!({}),
        // Whether kube-system has such labels nobody can say of an operator that there is not.
        Known::Unknown(_) => {
            json!({"matchExpressions": [{"key": SOME, "operator": "NotRecorded"}]})
        }
    };
    let some = if webhook.narrowed {
        json!({"matchLabels": {SOME: "object"}})
    } else {
        json!({})
    };
    let mut picture = json!({
        "name": webhook.name,
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": if webhook.fails_closed { "Fail" } else { "Ignore" },
        "matchPolicy": "Equivalent",
        "clientConfig": client,
        "rules": rules,
        "namespaceSelector": by_name,
        "objectSelector": some,
    });
    if let Some(seconds) = webhook.timeout_seconds.value() {
        picture["timeoutSeconds"] = json!(seconds);
    }
    if webhook.kind == "Mutating" {
        picture["reinvocationPolicy"] = json!("Never");
    }
    picture
}

/// A rule of one resource, from how [`Webhook::resource`] writes it.
fn rule(written: &str) -> Value {
    let (group, resource) = match written.split_once('/') {
        None => ("", written),
        Some(("core", resource)) => ("", resource),
        Some((group, resource)) => (group, resource),
    };
    json!({
        "apiGroups": [group], "apiVersions": ["*"], "resources": [resource],
        "operations": ["CREATE", "UPDATE"], "scope": "*",
    })
}

fn services(world: &World) -> Vec<(Key, Value)> {
    let mut services: BTreeMap<(&str, &str), &BTreeMap<String, String>> = BTreeMap::new();
    for webhook in world.cluster.webhooks.items() {
        if let (Some(namespace), Some(service), Some(labels)) = (
            webhook.namespace.as_deref(),
            webhook.service.as_deref(),
            webhook.selector.value(),
        ) {
            services.entry((namespace, service)).or_insert(labels);
        }
    }
    let picture = |(namespace, name): (&str, &str), labels: &BTreeMap<String, String>| {
        let mut spec = json!({
            "type": "ClusterIP",
            "ports": [{"port": 443, "protocol": "TCP", "targetPort": 443}],
        });
        if !labels.is_empty() {
            spec["selector"] = json!(labels);
        }
        json!({
            "kind": "Service",
            "apiVersion": "v1",
            "metadata": {"name": name, "namespace": namespace},
            "spec": spec,
            "status": {"loadBalancer": {}},
        })
    };
    services
        .into_iter()
        .map(|(at, labels)| (key("Service", at.0, at.1), picture(at, labels)))
        .collect()
}

fn aws_auth(world: &World) -> Option<(Key, Value)> {
    let roles = world.cluster.aws_auth.value()?;
    let mut data = json!({"mapRoles": roles_text(roles)});
    match &world.cluster.aws_auth_users {
        Known::Value(0) | Known::Absent => {}
        Known::Value(count) => data["mapUsers"] = json!(users_text(world, *count)),
        Known::Unknown(_) if world.cluster.aws_auth_users.is_unknown_by_default() => {}
        // What nobody could read is no YAML here either.
        Known::Unknown(_) => data["mapUsers"] = json!("{"),
    }
    let object = json!({
        "kind": "ConfigMap",
        "apiVersion": "v1",
        "metadata": {"name": AWS_AUTH, "namespace": KUBE_SYSTEM},
        "data": data,
    });
    Some((aws_auth_key(), object))
}

/// Writes `mapRoles` in eksctl's order of keys.
fn roles_text(roles: &[MappedRole]) -> String {
    if roles.is_empty() {
        return "[]\n".to_owned();
    }
    let mut text = String::new();
    for role in roles {
        if role.groups.is_empty() {
            text.push_str("- groups: []\n");
        } else {
            text.push_str("- groups:\n");
        }
        for group in &role.groups {
            text.push_str(&format!("  - {}\n", scalar(group)));
        }
        text.push_str(&format!("  rolearn: {}\n", scalar(&role.role_arn)));
        text.push_str(&format!("  username: {}\n", scalar(&role.username)));
    }
    text
}

/// The world knows how many there are, and not who.
fn users_text(world: &World, count: u32) -> String {
    let account = world.cluster.cluster.account_id.as_deref();
    let account = account.unwrap_or("111122223333");
    let one = |number: u32| {
        format!(
            "- groups: []\n  userarn: arn:aws:iam::{account}:user/user-{number}\n  username: user-{number}\n"
        )
    };
    (1..=count).map(one).collect()
}

/// A text of YAML that is read as this text: plain where nothing can be mistaken, else quoted as JSON.
fn scalar(text: &str) -> String {
    let plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '/' | '_' | '.' | '-' | '{' | '}');
    let begins = text.starts_with("arn:") || text.starts_with("system:");
    if begins && text.chars().all(plain) && !text.ends_with(':') {
        return text.to_owned();
    }
    Value::String(text.to_owned()).to_string()
}

impl Door {
    /// Returns why nobody can tell objects of a kind; nothing when they can be told.
    pub(crate) fn unread_gate<'w>(
        &self,
        world: &'w World,
        plural: &str,
        target: &Target,
    ) -> Option<&'w str> {
        let about_auth = (target.namespace.is_empty() || target.namespace == KUBE_SYSTEM)
            && target.name.as_deref().is_none_or(|name| name == AWS_AUTH);
        match plural {
            "mutatingwebhookconfigurations" | "validatingwebhookconfigurations" => {
                world.cluster.webhooks.unknown()
            }
            // A service that nobody read must not look as if there were none.
            "services" => {
                let webhooks = world.cluster.webhooks.items().iter();
                let mut named = webhooks.filter(|one| one.service.is_some());
                named.find_map(|one| one.selector.unknown())
            }
            "configmaps" if about_auth => {
                // A text that a client wrote and nobody can read is still a text.
                let written = self.store.get(&aws_auth_key()).is_some();
                world.cluster.aws_auth.unknown().filter(|_| !written)
            }
            _ => None,
        }
    }

    /// Objects that are there from the start are facts of the world too.
    pub(crate) fn tell_planted(&mut self, world: &mut World, planted: &[Value]) {
        let kinds: BTreeSet<&str> = planted
            .iter()
            .filter_map(|one| one["kind"].as_str())
            .collect();
        let configured = CONFIGURATIONS.iter().any(|(_, kind)| kinds.contains(kind));
        if configured {
            // The world's own are no objects yet.
            for (place, picture) in pictures(world) {
                if self.store.get(&place).is_none() && place != aws_auth_key() {
                    self.plant(world, picture);
                }
            }
            if world.cluster.webhooks.is_unknown() {
                world.cluster.webhooks = Known::Value(Vec::new());
            }
            self.tell_webhooks(world);
        }
        if self.store.get(&aws_auth_key()).is_some() {
            self.tell_aws_auth(world);
        }
    }

    /// Carries what a client wrote of these objects into the world's facts.
    pub(crate) fn tell_gates(&mut self, world: &mut World, place: &Key) {
        match kinds::KINDS[place.0].kind {
            "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration" | "Service" => {
                self.tell_webhooks(world);
            }
            "ConfigMap" if *place == aws_auth_key() => self.tell_aws_auth(world),
            _ => {}
        }
    }

    fn tell_webhooks(&mut self, world: &mut World) {
        if world.cluster.webhooks.is_unknown() {
            return;
        }
        let mut told = Vec::new();
        for (word, kind) in CONFIGURATIONS {
            for (place, object) in self.store.of_kind(kinds::of(kind).id()) {
                let webhooks = object["webhooks"].as_array().into_iter().flatten();
                told.extend(webhooks.map(|one| self.read_webhook(word, &place.2, one)));
            }
        }
        // A service that nobody could read is still unread.
        for webhook in &mut told {
            let before =
                world.cluster.webhooks.items().iter().find(|old| {
                    old.service == webhook.service && old.namespace == webhook.namespace
                });
            if let Some(before) = before.filter(|old| old.selector.is_unknown()) {
                webhook.selector = before.selector.clone();
            }
        }
        world.cluster.webhooks = Known::Value(told);
        self.keep_as_written(world);
    }

    fn tell_aws_auth(&mut self, world: &mut World) {
        let object = self.store.get(&aws_auth_key());
        let (roles, users) = match object {
            None => (Known::Absent, Known::Absent),
            Some(object) => {
                let text = |key: &str| object["data"][key].as_str().unwrap_or_default().to_owned();
                let users = match self.list_of(&text("mapUsers"), "mapUsers") {
                    Ok(list) => Known::Value(u32::try_from(list.len()).unwrap_or(u32::MAX)),
                    Err(why) => Known::Unknown(why),
                };
                (self.read_roles(&text("mapRoles")), users)
            }
        };
        world.cluster.aws_auth = roles;
        world.cluster.aws_auth_users = users;
        self.keep_as_written(world);
    }

    /// The objects are as their writers wrote them: no picture of the world changes them.
    fn keep_as_written(&mut self, world: &World) {
        let now: BTreeMap<Key, Value> = pictures(world).into_iter().collect();
        let ours = |place: &Key| {
            matches!(
                kinds::KINDS[place.0].kind,
                "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration" | "Service"
            ) || *place == aws_auth_key()
        };
        self.pictures
            .retain(|place, _| !ours(place) || now.contains_key(place));
        for (place, picture) in now {
            if self.store.get(&place).is_some() {
                self.pictures.insert(place, picture);
            }
        }
    }

    fn read_webhook(&self, word: &str, configuration: &str, one: &Value) -> Webhook {
        let service = &one["clientConfig"]["service"];
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let (namespace, name) = (text(&service["namespace"]), text(&service["name"]));
        let selector = match (&namespace, &name) {
            (Some(namespace), Some(name)) => {
                match self.store.get(&key("Service", namespace, name)) {
                    Some(found) => {
                        Known::Value(super::effects::labels_at(&found["spec"]["selector"]))
                    }
                    None => Known::Absent,
                }
            }
            _ => Known::default(),
        };
        let by_name = by_name_only(&one["namespaceSelector"]);
        let empty = |value: &Value| {
            let map = value.as_object().into_iter().flatten();
            map.into_iter().all(|(_, part)| {
                part.as_array().map_or_else(
                    || part.as_object().is_none_or(serde_json::Map::is_empty),
                    Vec::is_empty,
                )
            })
        };
        let conditions = one["matchConditions"]
            .as_array()
            .is_some_and(|list| !list.is_empty());
        Webhook {
            kind: word.to_owned(),
            configuration: configuration.to_owned(),
            name: name_in(one),
            fails_closed: one["failurePolicy"] != "Ignore",
            namespace,
            service: name,
            selector,
            resources: resources_of(&one["rules"]),
            narrowed: conditions || !empty(&one["objectSelector"]) || by_name.is_none(),
            excludes_kube_system: match by_name {
                Some(left_out) => Known::Value(left_out),
                None => self.leaves_out(&one["namespaceSelector"]),
            },
            timeout_seconds: one["timeoutSeconds"]
                .as_u64()
                .and_then(|seconds| u32::try_from(seconds).ok())
                .map_or_else(Known::default, Known::Value),
        }
    }

    /// Returns whether a selector of labels leaves kube-system out.
    fn leaves_out(&self, selector: &Value) -> Known<bool> {
        const OPERATORS: [&str; 4] = ["In", "NotIn", "Exists", "DoesNotExist"];
        let expressions = selector["matchExpressions"]
            .as_array()
            .into_iter()
            .flatten();
        let mut operators = expressions.map(|one| one["operator"].as_str().unwrap_or_default());
        let known = operators.all(|operator| OPERATORS.contains(&operator));
        match self.store.get(&key("Namespace", "", KUBE_SYSTEM)) {
            Some(namespace) if known => {
                Known::Value(!Selector::of_object(selector).matches(namespace))
            }
            Some(_) | None => Known::Unknown("its namespaceSelector asks for labels".to_owned()),
        }
    }
}

fn name_in(one: &Value) -> String {
    one["name"].as_str().unwrap_or_default().to_owned()
}

/// Returns whether a selector leaves kube-system out, when it does nothing but leave namespaces out by name.
fn by_name_only(selector: &Value) -> Option<bool> {
    if selector["matchLabels"]
        .as_object()
        .is_some_and(|labels| !labels.is_empty())
    {
        return None;
    }
    let mut left_out = false;
    for one in selector["matchExpressions"]
        .as_array()
        .into_iter()
        .flatten()
    {
        if one["key"] != NAMESPACE_NAME || one["operator"] != "NotIn" {
            return None;
        }
        let mut names = one["values"].as_array().into_iter().flatten();
        left_out |= names.any(|name| name == KUBE_SYSTEM);
    }
    Some(left_out)
}

fn resources_of(rules: &Value) -> Vec<String> {
    let words = |value: &Value| -> Vec<String> {
        let list = value.as_array().into_iter().flatten();
        list.filter_map(|one| one.as_str().map(str::to_owned))
            .collect()
    };
    let mut found = BTreeSet::new();
    for rule in rules.as_array().into_iter().flatten() {
        let operations = words(&rule["operations"]);
        if !operations.iter().any(|one| CHANGES.contains(&one.as_str())) {
            continue;
        }
        for group in words(&rule["apiGroups"]) {
            for resource in words(&rule["resources"]) {
                found.insert(Webhook::resource(&group, &resource));
            }
        }
    }
    found.into_iter().collect()
}

impl Door {
    /// Reads a list out of a text of YAML; no text is an empty list.
    fn list_of(&self, text: &str, key: &str) -> Result<Vec<Value>, String> {
        if text.trim().is_empty() {
            return Ok(Vec::new());
        }
        let read = match self.yaml {
            Some(yaml) => (yaml.0)(text),
            None => serde_json::from_str(text).ok(),
        };
        match read {
            Some(Value::Array(list)) => Ok(list),
            Some(_) | None => Err(format!(
                "`{key}` of the ConfigMap `{KUBE_SYSTEM}/{AWS_AUTH}` is no list in YAML"
            )),
        }
    }

    fn read_roles(&self, text: &str) -> Known<Vec<MappedRole>> {
        let wrong = |what: &str| {
            format!("an entry of `mapRoles` of the ConfigMap `{KUBE_SYSTEM}/{AWS_AUTH}` {what}")
        };
        let read = |one: &Value| -> Result<MappedRole, String> {
            let groups = match &one["groups"] {
                Value::Null => Some(Vec::new()),
                Value::Array(groups) => groups
                    .iter()
                    .map(|g| g.as_str().map(str::to_owned))
                    .collect(),
                Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => None,
            };
            let username = match &one["username"] {
                Value::Null => Some(""),
                other => other.as_str(),
            };
            Ok(MappedRole {
                role_arn: one["rolearn"]
                    .as_str()
                    .ok_or_else(|| wrong("names no role"))?
                    .to_owned(),
                username: username
                    .ok_or_else(|| wrong("has no text as username"))?
                    .to_owned(),
                groups: groups.ok_or_else(|| wrong("has no list of texts as groups"))?,
            })
        };
        let list = self.list_of(text, "mapRoles");
        match list.and_then(|list| list.iter().map(read).collect()) {
            Ok(roles) => Known::Value(roles),
            Err(why) => Known::Unknown(why),
        }
    }
}
