//! Writes: POST, PUT, PATCH and DELETE.

use super::errors::{self, Refusal};
use super::kinds::Kind;
use super::request::Response;
use super::schema::schema;
use super::store::Key;
use super::{Call, Door, apply, decode, name_of, number, owners, patch, workloads};
use crate::World;
use serde_json::{Value, json};
use std::sync::Arc;

/// The longest name of an object (RFC 1123 subdomain).
const NAME_MAX: usize = 253;
const NAME_RULE: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

/// What a write of an object is to become.
struct Change {
    key: Key,
    before: Option<Arc<Value>>,
    after: Value,
    warnings: Vec<String>,
    /// An apply names its owners itself.
    applied: bool,
}

impl Door {
    /// Carries out a request that changes something.
    pub(crate) fn write(
        &mut self,
        world: &mut World,
        call: &Call<'_>,
    ) -> Result<Response, Refusal> {
        let sub = call.target.sub.as_deref();
        let verbs = match sub {
            None => call.kind.verbs,
            Some(name) => call.kind.sub(name).map_or(&[][..], |sub| sub.verbs),
        };
        let method = call.request.method.as_str();
        let (verb, whole) = match method {
            "POST" => ("create", sub.is_none()),
            "PUT" => ("update", false),
            "PATCH" => ("patch", false),
            _ => ("delete", false),
        };
        let deletes_all = verb == "delete" && call.target.name.is_none();
        if !verbs.contains(&verb) || (whole == call.target.name.is_some() && !deletes_all) {
            return Err(Refusal::no_method());
        }
        if call.kind.namespaced && call.target.namespace.is_empty() {
            return Err(Refusal::no_method());
        }
        match (method, sub) {
            ("POST", Some("eviction")) => self.evict(world, call),
            ("POST", _) => self.create(world, call),
            ("PUT" | "PATCH", Some("scale")) => self.rescale(world, call),
            ("PUT", _) => self.replace(world, call),
            ("PATCH", _) => self.patch(world, call),
            _ if deletes_all => self.delete_all(world, call),
            _ => self.delete(world, call, call.target.name()),
        }
    }

    fn create(&mut self, world: &mut World, call: &Call<'_>) -> Result<Response, Refusal> {
        let (mut object, warnings) = decode::decode(call, call.kind.kind)?;
        let namespace = call.key("").1;
        self.place(call, &mut object)?;
        let name = match name_of(&object) {
            "" => self.made_up_name(call, &mut object)?,
            name => name.to_owned(),
        };
        check_name(call.kind, &name)?;
        let home = (
            super::kinds::of("Namespace").id(),
            String::new(),
            namespace.clone(),
        );
        let Some(home) = self.store.get(&home).filter(|_| !namespace.is_empty()) else {
            if namespace.is_empty() {
                return self.finish_create(world, call, &name, object, warnings);
            }
            return Err(Refusal::not_found(
                super::kinds::of("Namespace"),
                &namespace,
            ));
        };
        if !home["metadata"]["deletionTimestamp"].is_null() {
            let message = format!(
                "{} \"{name}\" is forbidden: unable to create new content in namespace {namespace} because it is being terminated",
                call.kind.qualified()
            );
            return Err(Refusal::forbidden(errors::named(call.kind, &name), message));
        }
        self.finish_create(world, call, &name, object, warnings)
    }

    fn finish_create(
        &mut self,
        world: &mut World,
        call: &Call<'_>,
        name: &str,
        mut object: Value,
        warnings: Vec<String>,
    ) -> Result<Response, Refusal> {
        let key = call.key(name);
        if self.store.get(&key).is_some() {
            return Err(Refusal::exists(call.kind, name));
        }
        let computed = call.kind.has_status() && call.kind.plural != "nodes";
        if let Some(map) = object.as_object_mut().filter(|_| computed) {
            map.remove("status");
        }
        let change = Change {
            key,
            before: None,
            after: object,
            warnings,
            applied: false,
        };
        self.commit(world, call, change, 201)
    }

    /// A namespace in the body must be that of the path; without one it is.
    fn place(&self, call: &Call<'_>, object: &mut Value) -> Result<(), Refusal> {
        if !call.kind.namespaced {
            super::meta_mut(object).remove("namespace");
            return Ok(());
        }
        let here = &call.target.namespace;
        let meta = super::meta_mut(object);
        match meta
            .get("namespace")
            .and_then(Value::as_str)
            .filter(|n| !n.is_empty())
        {
            Some(other) if other != here => Err(Refusal::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            )),
            Some(_) => Ok(()),
            None => {
                meta.insert("namespace".to_owned(), json!(here));
                Ok(())
            }
        }
    }

    fn made_up_name(&mut self, call: &Call<'_>, object: &mut Value) -> Result<String, Refusal> {
        let meta = super::meta_mut(object);
        let Some(stem) = meta.get("generateName").and_then(Value::as_str) else {
            let why = "Required value: name or generateName is required";
            let field = "metadata.name";
            return Err(Refusal::invalid(
                call.kind,
                "",
                "FieldValueRequired",
                field,
                why,
            ));
        };
        self.names += 1;
        let name = format!("{stem}{:05}", self.names);
        meta.insert("name".to_owned(), json!(name));
        Ok(name)
    }

    fn replace(&mut self, world: &mut World, call: &Call<'_>) -> Result<Response, Refusal> {
        let name = call.target.name();
        let (mut object, warnings) = decode::decode(call, call.kind.kind)?;
        self.place(call, &mut object)?;
        let said = name_of(&object).to_owned();
        if said != name {
            let message = format!(
                "the name of the object ({said}) does not match the name on the URL ({name})"
            );
            return Err(Refusal::bad_request(message));
        }
        let key = call.key(name);
        let version = object["metadata"]["resourceVersion"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let uid = object["metadata"]["uid"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        // A lease is a lock: a PUT creates it, and never overwrites it blindly.
        let lock = call.kind.plural == "leases";
        let Some(before) = self.store.get(&key).cloned() else {
            if !lock || call.target.sub.is_some() {
                return Err(Refusal::not_found(call.kind, name));
            }
            if !uid.is_empty() {
                return Err(Refusal::conflict(
                    call.kind,
                    name,
                    &no_object(&key, call.kind, &uid),
                ));
            }
            let change = Change {
                key,
                before: None,
                after: object,
                warnings,
                applied: false,
            };
            return self.commit(world, call, change, 201);
        };
        if lock && version.is_empty() {
            return Err(Refusal::no_version(call.kind, name));
        }
        fresh(call.kind, &before, &version, &uid)?;
        let change = Change {
            key,
            before: Some(before),
            after: object,
            warnings,
            applied: false,
        };
        self.commit(world, call, change, 200)
    }

    fn patch(&mut self, world: &mut World, call: &Call<'_>) -> Result<Response, Refusal> {
        let name = call.target.name();
        let header = call.request.header("content-type");
        let media = header.split(';').next().unwrap_or_default().trim();
        let known = matches!(
            media,
            "application/json-patch+json"
                | "application/merge-patch+json"
                | "application/strategic-merge-patch+json"
                | "application/apply-patch+yaml"
                | "application/apply-patch+json"
        );
        if !known {
            return Err(Refusal::media_type());
        }
        let key = call.key(name);
        let body: Value = serde_json::from_slice(&call.request.body).map_err(|error| {
            let hint = if media.ends_with("+yaml") {
                "; this server reads patches of server-side apply as JSON only"
            } else {
                ""
            };
            Refusal::bad_request(format!("error decoding patch: {error}{hint}"))
        })?;
        if media.starts_with("application/apply-patch") {
            return self.apply(world, call, key, body);
        }
        let Some(before) = self.store.get(&key).cloned() else {
            return Err(Refusal::not_found(call.kind, name));
        };
        let (after, warnings) = patched(call, media, &before, &body)?;
        let change = Change {
            key,
            before: Some(before),
            after,
            warnings,
            applied: false,
        };
        self.commit(world, call, change, 200)
    }

    fn apply(
        &mut self,
        world: &mut World,
        call: &Call<'_>,
        key: Key,
        mut wish: Value,
    ) -> Result<Response, Refusal> {
        if call.request.param("fieldManager").is_none_or(str::is_empty) {
            let why = "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch";
            return Err(Refusal::new(422, "Invalid", why));
        }
        let wanted = (wish["apiVersion"].as_str(), wish["kind"].as_str());
        if wanted != (Some(call.kind.api_version().as_str()), Some(call.kind.kind)) {
            let message = format!(
                "incorrect version specified in apply patch. Specified patch version: {}, expected: {}",
                wanted.0.unwrap_or_default(),
                call.kind.api_version()
            );
            return Err(Refusal::bad_request(message));
        }
        self.place(call, &mut wish)?;
        let before = self.store.get(&key).cloned();
        let name = call.target.name();
        let uid = wish["metadata"]["uid"].as_str().unwrap_or_default();
        let version = wish["metadata"]["resourceVersion"]
            .as_str()
            .unwrap_or_default();
        match &before {
            Some(before) => fresh(call.kind, before, version, uid)?,
            None if !uid.is_empty() => {
                let why = no_object(&key, call.kind, uid);
                return Err(Refusal::conflict(call.kind, name, &why));
            }
            None => check_name(call.kind, name)?,
        }
        super::meta_mut(&mut wish).insert("name".to_owned(), json!(name));
        let after = apply::apply(call, before.as_deref(), wish, world.now)?;
        let status = if before.is_some() { 200 } else { 201 };
        let change = Change {
            key,
            before,
            after,
            warnings: Vec::new(),
            applied: true,
        };
        self.commit(world, call, change, status)
    }

    /// Finishes an object, stores it unless it is a dry run, and lets the world follow.
    fn commit(
        &mut self,
        world: &mut World,
        call: &Call<'_>,
        mut change: Change,
        status: u16,
    ) -> Result<Response, Refusal> {
        self.finish(world, call, &mut change)?;
        let Change {
            key,
            before,
            after,
            warnings,
            ..
        } = change;
        if call.dry_run() {
            return Ok(Response::json(status, &after).warned(&warnings));
        }
        self.world_refuses(world, call, &key)?;
        let removed = before.as_ref().is_some_and(|before| {
            let leaving = !before["metadata"]["deletionTimestamp"].is_null();
            leaving && finalizers(&after) == 0 && finalizers(before) > 0
        });
        if removed && !self.dying.contains(&key) {
            // Nothing holds it any more: the answer is the object one last time.
            self.vanish(world, &key);
            return Ok(Response::json(status, &after).warned(&warnings));
        }
        let stored = self.store.put(&key, after);
        self.effect(world, call, &key, before.as_deref(), &stored);
        self.world_loses_answer(world, call, &key)?;
        Ok(Response::json(status, &stored).warned(&warnings))
    }

    fn finish(&self, world: &World, call: &Call<'_>, change: &mut Change) -> Result<(), Refusal> {
        let kind = call.kind;
        let sub = call.target.sub.as_deref().unwrap_or_default();
        let after = &mut change.after;
        if let Some(map) = after.as_object_mut() {
            map.insert("kind".to_owned(), json!(kind.kind));
            map.insert("apiVersion".to_owned(), json!(kind.api_version()));
        }
        match change.before.as_deref() {
            None => {
                self.store.born(&change.key, after, world.now);
                let meta = super::meta_mut(after);
                for key in [
                    "deletionTimestamp",
                    "deletionGracePeriodSeconds",
                    "generation",
                ] {
                    meta.remove(key);
                }
                workloads::fill_defaults(kind, after);
                if kind.has_generation() {
                    super::meta_mut(after).insert("generation".to_owned(), json!(1));
                    workloads::note_template(kind, after);
                }
            }
            Some(before) => {
                keep_server_fields(before, after);
                keep_other_half(kind, sub, before, after);
                let spec_moved = before["spec"] != after["spec"];
                if kind.has_generation() && spec_moved {
                    let next = number(&before["metadata"]["generation"]) + 1;
                    super::meta_mut(after).insert("generation".to_owned(), json!(next));
                    workloads::note_template(kind, after);
                }
            }
        }
        workloads::validate(kind, &change.key.2, after)?;
        if !change.applied {
            let before = change.before.as_deref();
            let kept = before
                .map(|b| b["metadata"]["managedFields"].clone())
                .filter(|m| !m.is_null());
            let meta = super::meta_mut(after);
            meta.remove("managedFields");
            if let Some(kept) = kept {
                meta.insert("managedFields".to_owned(), kept);
            }
            let manager = call.manager();
            let version = kind.api_version();
            owners::note_update(
                kind.kind,
                &version,
                before,
                after,
                (&manager, sub),
                world.now,
            );
        }
        Ok(())
    }

    fn rescale(&mut self, world: &mut World, call: &Call<'_>) -> Result<Response, Refusal> {
        let key = call.key(call.target.name());
        let before = self.store.get(&key).cloned();
        let before = before.ok_or_else(|| Refusal::not_found(call.kind, call.target.name()))?;
        let body: Value = serde_json::from_slice(&call.request.body)
            .map_err(|error| Refusal::bad_request(format!("error decoding scale: {error}")))?;
        let Some(replicas) = body["spec"]["replicas"].as_u64() else {
            return Err(Refusal::bad_request("spec.replicas: Required value"));
        };
        let mut after = (*before).clone();
        super::map_mut(&mut after, "spec").insert("replicas".to_owned(), json!(replicas));
        let change = Change {
            key: key.clone(),
            before: Some(before),
            after,
            warnings: Vec::new(),
            applied: false,
        };
        let answer = self.commit(world, call, change, 200)?;
        let stored = self
            .store
            .get(&key)
            .map(|object| super::list::scale_of(object));
        Ok(stored.map_or(answer, |scale| Response::json(200, &scale)))
    }
}

/// Returns a patched object and what the server warns of.
fn patched(
    call: &Call<'_>,
    media: &str,
    before: &Value,
    body: &Value,
) -> Result<(Value, Vec<String>), Refusal> {
    let name = call.target.name();
    let mut after = before.clone();
    match media {
        "application/json-patch+json" => after = patch::json(&after, body)?,
        "application/merge-patch+json" => patch::merge(&mut after, body),
        _ => patch::strategic(call.kind.kind, &mut after, body),
    }
    let whole = after.clone();
    let faults = schema().prune(call.kind.kind, &mut after);
    if let Some((path, found)) = faults.misshapen.first() {
        let fault = format!(
            "json: cannot unmarshal {found} into Go struct field {}.{path}",
            call.kind.kind
        );
        return Err(Refusal::bad_request(fault));
    }
    let said: Vec<String> = faults
        .unknown
        .iter()
        .map(|path| format!("unknown field \"{path}\""))
        .collect();
    let warnings = match call.request.param("fieldValidation") {
        Some("Strict") if !said.is_empty() => {
            return Err(Refusal::strict_patch(&whole, &said.join(", ")));
        }
        Some("Ignore") => Vec::new(),
        Some(_) | None => said,
    };
    let text = |key: &str| after["metadata"][key].as_str().unwrap_or_default();
    fresh(call.kind, before, text("resourceVersion"), text("uid"))?;
    if name_of(&after) != name {
        let message = format!(
            "the name of the object ({}) does not match the name on the URL ({name})",
            name_of(&after)
        );
        return Err(Refusal::bad_request(message));
    }
    Ok((after, warnings))
}

fn check_name(kind: &Kind, name: &str) -> Result<(), Refusal> {
    let part = |part: &str| {
        let edge =
            |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        edge(part.chars().next())
            && edge(part.chars().last())
            && part
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    if name.len() <= NAME_MAX && name.split('.').all(part) {
        return Ok(());
    }
    let why = format!("Invalid value: \"{name}\": {NAME_RULE}");
    Err(Refusal::invalid(
        kind,
        name,
        "FieldValueInvalid",
        "metadata.name",
        &why,
    ))
}

/// A resourceVersion or uid in the body must be that of the object.
fn fresh(kind: &Kind, before: &Value, version: &str, uid: &str) -> Result<(), Refusal> {
    let meta = &before["metadata"];
    let name = name_of(before);
    if !uid.is_empty() && meta["uid"] != uid {
        let has = meta["uid"].as_str().unwrap_or_default();
        let why =
            format!("Precondition failed: UID in precondition: {uid}, UID in object meta: {has}");
        return Err(Refusal::conflict(kind, name, &why));
    }
    if !version.is_empty() && meta["resourceVersion"] != version {
        return Err(Refusal::stale(kind, name));
    }
    Ok(())
}

fn no_object(key: &Key, kind: &Kind, uid: &str) -> String {
    format!(
        "StorageError: invalid object, Code: 4, Key: /registry/{}/{}/{}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: {uid}, UID in object meta: ",
        kind.plural, key.1, key.2
    )
}

fn keep_server_fields(before: &Value, after: &mut Value) {
    let meta = super::meta_mut(after);
    for key in [
        "uid",
        "creationTimestamp",
        "generation",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "resourceVersion",
        "generateName",
    ] {
        match before["metadata"].get(key) {
            Some(value) => {
                meta.insert(key.to_owned(), value.clone());
            }
            None => {
                meta.remove(key);
            }
        }
    }
}

/// The main path leaves the status alone, and the status path all but the status; of nodes it stores labels and annotations too.
fn keep_other_half(kind: &Kind, sub: &str, before: &Value, after: &mut Value) {
    let Some(map) = after.as_object_mut() else {
        return;
    };
    if sub != "status" {
        if kind.has_status() {
            match before.get("status") {
                Some(status) => map.insert("status".to_owned(), status.clone()),
                None => map.remove("status"),
            };
        }
        return;
    }
    let status = map.get("status").cloned();
    let meta = map.get("metadata").cloned();
    *after = before.clone();
    if let Some(map) = after.as_object_mut() {
        if let Some(status) = status {
            map.insert("status".to_owned(), status);
        }
        if let Some(meta) = meta.filter(|_| kind.plural == "nodes") {
            map.insert("metadata".to_owned(), meta);
        }
    }
}

pub(crate) fn finalizers(object: &Value) -> usize {
    object["metadata"]["finalizers"]
        .as_array()
        .map_or(0, Vec::len)
}
