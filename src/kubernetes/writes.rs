//! Writing: each call is made so that doing it twice does no more than doing it once, or is not repeated.

use super::client::Got;
use super::error::CallError;
use super::reads::{JSON, Plain, Reads};
use super::resource::{Object, Resource};
use serde_json::{Value, json};

/// How a patch is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patch {
    /// RFC 7386: `null` removes, lists are replaced whole.
    Merge,
    /// As `kubectl patch` does by default: lists with a merge key are merged. Built-in kinds only.
    Strategic,
}

impl Patch {
    const fn content_type(self) -> &'static str {
        match self {
            Self::Merge => "application/merge-patch+json",
            Self::Strategic => "application/strategic-merge-patch+json",
        }
    }
}

/// The writing side of one cluster's API.
#[derive(Clone, Debug)]
pub struct Writes {
    reads: Reads,
}

/// Who writes, for `managedFields`.
const MANAGER: &str = "fieldManager=stairway&fieldValidation=Strict";

impl Writes {
    /// Returns the writing side of the cluster that these reads are of.
    pub const fn of(reads: Reads) -> Self {
        Self { reads }
    }

    /// Returns the reading side.
    pub const fn reads(&self) -> &Reads {
        &self.reads
    }

    /// Patches an object; a body with `metadata.resourceVersion` is refused when the object changed meanwhile.
    ///
    /// # Errors
    /// It was not patched, or that is in doubt ([`CallError::in_doubt`]).
    pub fn patch(
        &self,
        object: &Object<'_>,
        patch: Patch,
        body: &Value,
    ) -> Result<Value, CallError> {
        let attempt = format!("Patching {}", object.shown());
        // With a version in it, the second of two that arrive is a conflict, and no second effect.
        self.send(
            &attempt,
            "PATCH",
            format!("{}?{MANAGER}", object.path()),
            patch.content_type(),
            body,
            true,
        )
    }

    /// Creates an object; not repeated when its outcome is in doubt.
    ///
    /// # Errors
    /// It was not created, or that is in doubt.
    pub fn create(
        &self,
        resource: Resource,
        namespace: Option<&str>,
        body: &Value,
    ) -> Result<Value, CallError> {
        let name = body.pointer("/metadata/name").and_then(Value::as_str);
        let attempt = format!(
            "Creating {} `{}`",
            resource.plural,
            name.unwrap_or_default()
        );
        self.send(
            &attempt,
            "POST",
            format!("{}?{MANAGER}", resource.path(namespace)),
            JSON,
            body,
            false,
        )
    }

    /// Replaces an object; `body` must carry `metadata.resourceVersion` and `metadata.uid`: without the uid, a lease that
    /// was deleted would be created again (recording 84 of a real server).
    ///
    /// # Errors
    /// It was not replaced, or that is in doubt.
    pub fn replace(&self, object: &Object<'_>, body: &Value) -> Result<Value, CallError> {
        let attempt = format!("Writing {}", object.shown());
        self.send(
            &attempt,
            "PUT",
            format!("{}?{MANAGER}", object.path()),
            JSON,
            body,
            false,
        )
    }

    /// Asks for the eviction of one pod: of this `uid` only, so that a pod of the same name that came later stays.
    ///
    /// # Errors
    /// It was not granted: a budget forbids it ([`super::Trouble::Budget`]), the pod is gone already
    /// ([`super::Trouble::NotFound`]) or is another one ([`super::Trouble::Conflict`]), or the outcome is in doubt.
    pub fn evict(
        &self,
        pod: &Object<'_>,
        uid: &str,
        grace_seconds: Option<u32>,
    ) -> Result<(), CallError> {
        let attempt = format!("Evicting {}", pod.shown());
        let mut options = json!({"preconditions": {"uid": uid}});
        if let Some(seconds) = grace_seconds {
            options["gracePeriodSeconds"] = json!(seconds);
        }
        let body = json!({
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"namespace": pod.namespace, "name": pod.name},
            "deleteOptions": options,
        });
        let path = format!("{}/eviction", pod.path());
        self.exchange(&attempt, "POST", path, JSON, &body, true)
            .map(|_granted| ())
    }

    fn send(
        &self,
        attempt: &str,
        method: &'static str,
        path: String,
        content_type: &'static str,
        body: &Value,
        repeatable: bool,
    ) -> Result<Value, CallError> {
        let got = self.exchange(attempt, method, path, content_type, body, repeatable)?;
        self.reads.parsed(attempt, &got)
    }

    fn exchange(
        &self,
        attempt: &str,
        method: &'static str,
        path: String,
        content_type: &'static str,
        body: &Value,
        repeatable: bool,
    ) -> Result<Got, CallError> {
        self.reads.ask(&Plain {
            attempt,
            method,
            path,
            content_type: Some(content_type),
            body: body.to_string().into_bytes(),
            repeatable,
        })
    }
}
