//! DELETE: at once, with grace, or held by finalizers.

use super::errors::{self, Refusal};
use super::request::Response;
use super::write::finalizers;
use super::{Call, Door, JSON};
use crate::World;
use serde_json::{Value, json};

impl Door {
    /// Deletes what a selector selects.
    pub(crate) fn delete_all(
        &mut self,
        world: &mut World,
        call: &Call<'_>,
    ) -> Result<Response, Refusal> {
        let selector = self.selector(call)?;
        let namespace = call.key("").1;
        let names: Vec<String> = self
            .store
            .of_kind(call.kind.id())
            .filter(|(key, object)| key.1 == namespace && selector.matches(object))
            .map(|(key, _)| key.2.clone())
            .collect();
        let mut items = Vec::new();
        for name in names {
            let key = call.key(&name);
            if let Some(object) = self.store.get(&key) {
                items.push((**object).clone());
            }
            self.delete(world, call, &name)?;
        }
        let list = json!({
            "kind": super::list::list_kind(call),
            "apiVersion": call.kind.api_version(),
            "metadata": {"resourceVersion": self.store.revision().to_string()},
            "items": items,
        });
        Ok(Response::text(200, JSON, list.to_string()))
    }

    /// Deletes one object.
    pub(crate) fn delete(
        &mut self,
        world: &mut World,
        call: &Call<'_>,
        name: &str,
    ) -> Result<Response, Refusal> {
        let key = call.key(name);
        let object = self.store.get(&key).cloned();
        let object = object.ok_or_else(|| Refusal::not_found(call.kind, name))?;
        let options = delete_options(call)?;
        let uid = object["metadata"]["uid"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let version = object["metadata"]["resourceVersion"]
            .as_str()
            .unwrap_or_default();
        let wanted = &options["preconditions"];
        if let Some(other) = wanted["uid"].as_str().filter(|other| *other != uid) {
            return Err(Refusal::precondition(call.kind, name, "UID", other, &uid));
        }
        if let Some(other) = wanted["resourceVersion"].as_str().filter(|v| *v != version) {
            return Err(Refusal::precondition(
                call.kind,
                name,
                "ResourceVersion",
                other,
                version,
            ));
        }
        let dry = call.dry_run() || options["dryRun"] == json!(["All"]);
        let pod = call.kind.plural == "pods";
        let grace = if pod { grace_of(&object, &options) } else { 0 };
        let waits = finalizers(&object) > 0 || grace > 0 || call.kind.plural == "namespaces";
        let ends = world.now.unix().saturating_add(grace);
        let marked = marked_for_deletion(&object, ends, grace);
        if dry {
            return Ok(if waits {
                Response::json(200, &marked)
            } else {
                errors::deleted(call.kind, name, &uid)
            });
        }
        self.world_refuses(world, call, &key)?;
        if !waits {
            self.vanish(world, &key);
            return Ok(if pod {
                Response::json(200, &object)
            } else {
                errors::deleted(call.kind, name, &uid)
            });
        }
        let stored = self.store.put(&key, marked);
        if pod && finalizers(&stored) == 0 {
            self.dying.insert(key);
        }
        Ok(Response::json(200, &stored))
    }
}

fn grace_of(pod: &Value, options: &Value) -> i64 {
    if pod["spec"]["nodeName"].is_null() {
        return 0;
    }
    let asked = options["gracePeriodSeconds"].as_i64();
    asked
        .or_else(|| pod["spec"]["terminationGracePeriodSeconds"].as_i64())
        .unwrap_or(30)
        .max(0)
}

/// Returns an object with its deletion noted; one that is leaving already stays as it is.
pub(crate) fn marked_for_deletion(object: &Value, ends: i64, grace: i64) -> Value {
    let mut marked = object.clone();
    let meta = super::meta_mut(&mut marked);
    if meta
        .get("deletionTimestamp")
        .is_some_and(|at| !at.is_null())
    {
        return marked;
    }
    let ends = stairway_core::model::Timestamp::from_unix(ends);
    meta.insert("deletionTimestamp".to_owned(), json!(ends.to_string()));
    meta.insert("deletionGracePeriodSeconds".to_owned(), json!(grace));
    if let Some(generation) = meta.get("generation").and_then(Value::as_i64) {
        meta.insert("generation".to_owned(), json!(generation + 1));
    }
    if object["kind"] == "Namespace" {
        super::map_mut(&mut marked, "status").insert("phase".to_owned(), json!("Terminating"));
    }
    marked
}

/// Reads DeleteOptions from the body and the parameters.
fn delete_options(call: &Call<'_>) -> Result<Value, Refusal> {
    let mut options = json!({});
    if !call.request.body.is_empty() {
        let body = &call.request.body;
        options = match super::protobuf::delete_options(body) {
            Some(options) => options,
            None => serde_json::from_slice(body).map_err(|error| {
                Refusal::bad_request(format!("error decoding DeleteOptions: {error}"))
            })?,
        };
    }
    if !options.is_object() {
        return Err(Refusal::bad_request("DeleteOptions must be an object"));
    }
    let grace = call
        .request
        .param("gracePeriodSeconds")
        .and_then(|text| text.parse::<i64>().ok());
    if let Some(seconds) = grace {
        options["gracePeriodSeconds"] = json!(seconds);
    }
    Ok(options)
}
