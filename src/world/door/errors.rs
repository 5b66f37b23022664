//! Answers that are no success: `metav1.Status`, as kube-apiserver writes it.

use super::kinds::Kind;
use super::{JSON, Response};
use serde_json::{Map, Value, json};

/// A refusal of the API server.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    code: u16,
    /// Empty for the few errors that have none.
    reason: &'static str,
    message: String,
    details: Option<Map<String, Value>>,
    /// Seconds, in `details` and in the header.
    retry_after: Option<u32>,
    token: Option<String>,
    /// Milliseconds that the server takes before it answers.
    delay: u64,
}

/// How a refusal names the object: for some the plural and its group, for others the kind.
pub(crate) fn named(kind: &Kind, name: &str) -> Map<String, Value> {
    let mut details = Map::new();
    if !name.is_empty() {
        details.insert("name".to_owned(), json!(name));
    }
    if !kind.group.is_empty() {
        details.insert("group".to_owned(), json!(kind.group));
    }
    details.insert("kind".to_owned(), json!(kind.plural));
    details
}

fn by_kind(kind: &Kind, name: &str) -> Map<String, Value> {
    let mut details = named(kind, name);
    details.insert("kind".to_owned(), json!(kind.kind));
    details
}

impl Refusal {
    /// Returns a refusal without details.
    pub(crate) fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            details: None,
            retry_after: None,
            token: None,
            delay: 0,
        }
    }

    fn with(mut self, details: Map<String, Value>) -> Self {
        self.details = Some(details);
        self
    }

    fn because(mut self, causes: &[(&str, String, &str)]) -> Self {
        let causes: Vec<Value> = causes
            .iter()
            .map(|(reason, message, field)| {
                let mut cause = json!({"reason": reason, "message": message});
                if !field.is_empty() {
                    cause["field"] = json!(field);
                }
                cause
            })
            .collect();
        let details = self.details.get_or_insert_with(Map::new);
        details.insert("causes".to_owned(), Value::Array(causes));
        self
    }

    fn retry(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        let details = self.details.get_or_insert_with(Map::new);
        details.insert("retryAfterSeconds".to_owned(), json!(seconds));
        self
    }

    /// 400: what was sent cannot be read.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// 401.
    pub(crate) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    /// 403, with the words of the authorizer.
    pub(crate) fn forbidden(details: Map<String, Value>, message: String) -> Self {
        Self::new(403, "Forbidden", message).with(details)
    }

    /// 404 of an object.
    pub(crate) fn not_found(kind: &Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" not found", kind.qualified());
        Self::new(404, "NotFound", message).with(named(kind, name))
    }

    /// 404 of a path that no version serves.
    pub(crate) fn no_resource() -> Self {
        let message = "the server could not find the requested resource";
        Self::new(404, "NotFound", message).with(Map::new())
    }

    /// 405.
    pub(crate) fn no_method() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self::new(405, "MethodNotAllowed", message).with(Map::new())
    }

    /// 406.
    pub(crate) fn not_acceptable() -> Self {
        let message = "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, application/vnd.kubernetes.protobuf, application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch";
        Self::new(406, "NotAcceptable", message).with(Map::new())
    }

    /// 409 of a name that is taken.
    pub(crate) fn exists(kind: &Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", kind.qualified());
        Self::new(409, "AlreadyExists", message).with(named(kind, name))
    }

    /// 409 of a resourceVersion that is not the newest.
    pub(crate) fn stale(kind: &Kind, name: &str) -> Self {
        Self::conflict(
            kind,
            name,
            "the object has been modified; please apply your changes to the latest version and try again",
        )
    }

    /// 409 with other words.
    pub(crate) fn conflict(kind: &Kind, name: &str, why: &str) -> Self {
        let subject = kind.qualified();
        let message = format!("Operation cannot be fulfilled on {subject} \"{name}\": {why}");
        Self::new(409, "Conflict", message).with(named(kind, name))
    }

    /// 409 of a precondition of a DELETE, which names the kind and not the plural.
    pub(crate) fn precondition(
        kind: &Kind,
        name: &str,
        field: &str,
        wanted: &str,
        has: &str,
    ) -> Self {
        let lower = if field == "UID" {
            "UID"
        } else {
            "ResourceVersion"
        };
        let again = if field == "UID" {
            "deleted and then recreated"
        } else {
            "modified"
        };
        let message = format!(
            "Operation cannot be fulfilled on {} \"{name}\": the {lower} in the precondition ({wanted}) does not match the {lower} in record ({has}). The object might have been {again}",
            kind.kind
        );
        Self::new(409, "Conflict", message).with(by_kind(kind, name))
    }

    /// 409 of a server-side apply: manager → fields.
    pub(crate) fn managers(conflicts: &[(String, String)]) -> Self {
        let causes: Vec<(&str, String, &str)> = conflicts
            .iter()
            .map(|(manager, field)| {
                let message = format!("conflict with {manager}");
                ("FieldManagerConflict", message, field.as_str())
            })
            .collect();
        let mut by_manager: Vec<(&str, Vec<&str>)> = Vec::new();
        for (manager, field) in conflicts {
            match by_manager.iter_mut().find(|(name, _)| name == manager) {
                Some((_, fields)) => fields.push(field),
                None => by_manager.push((manager, vec![field])),
            }
        }
        let message = if let [(manager, field)] = conflicts {
            format!("Apply failed with 1 conflict: conflict with {manager}: {field}")
        } else {
            let lists: Vec<String> = by_manager
                .iter()
                .map(|(manager, fields)| {
                    format!("conflicts with {manager}:\n- {}", fields.join("\n- "))
                })
                .collect();
            format!(
                "Apply failed with {} conflicts: {}",
                conflicts.len(),
                lists.join("\n")
            )
        };
        Self::new(409, "Conflict", message).because(&causes)
    }

    /// 410 of a page: the new token goes on at the newest version.
    pub(crate) fn page_expired(token: String) -> Self {
        let mut refusal = Self::new(
            410,
            "Expired",
            "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.",
        );
        refusal.token = Some(token);
        refusal
    }

    /// 410 of a watch or an exact list.
    pub(crate) fn too_old(asked: u64, oldest: u64) -> Self {
        let message = format!("too old resource version: {asked} ({oldest})");
        Self::new(410, "Expired", message)
    }

    /// 413.
    pub(crate) fn too_large(limit: usize) -> Self {
        let message = format!("Request entity too large: limit is {limit}");
        Self::new(413, "RequestEntityTooLarge", message)
    }

    /// 415.
    pub(crate) fn media_type() -> Self {
        let message = "415: Unsupported Media Type";
        Self::new(415, "UnsupportedMediaType", message).with(Map::new())
    }

    /// 422 of a JSON patch that cannot be applied.
    pub(crate) fn bad_patch() -> Self {
        let message = "the server rejected our request due to an error in our request";
        Self::new(422, "Invalid", message).with(Map::new())
    }

    /// 422 of one field; validation names the kind.
    pub(crate) fn invalid(kind: &Kind, name: &str, cause: &str, field: &str, why: &str) -> Self {
        let message = format!("{} \"{name}\" is invalid: {field}: {why}", long_kind(kind));
        Self::new(422, "Invalid", message)
            .with(by_kind(kind, name))
            .because(&[(cause, why.to_owned(), field)])
    }

    /// 422 of a PUT without resourceVersion, which names the plural.
    pub(crate) fn no_version(kind: &Kind, name: &str) -> Self {
        let why = "Invalid value: 0: must be specified for an update";
        let field = "metadata.resourceVersion";
        let message = format!("{} \"{name}\" is invalid: {field}: {why}", kind.qualified());
        Self::new(422, "Invalid", message)
            .with(named(kind, name))
            .because(&[("FieldValueInvalid", why.to_owned(), field)])
    }

    /// 422 of an unknown field in a patch: neither name nor kind, and the whole object quoted.
    pub(crate) fn strict_patch(object: &Value, fault: &str) -> Self {
        let quoted = Value::String(object.to_string());
        let why = format!("Invalid value: {quoted}: strict decoding error: {fault}");
        let message = format!(" \"\" is invalid: patch: {why}");
        Self::new(422, "Invalid", message).because(&[("FieldValueInvalid", why, "patch")])
    }

    /// 429 of the Eviction API.
    pub(crate) fn budget(cause: String, retry: Option<u32>) -> Self {
        let message = "Cannot evict pod as it would violate the pod's disruption budget.";
        let refusal =
            Self::new(429, "TooManyRequests", message).because(&[("DisruptionBudget", cause, "")]);
        match retry {
            Some(seconds) => refusal.retry(seconds),
            None => refusal,
        }
    }

    /// 429 of priority and fairness.
    pub(crate) fn busy(retry: Option<u32>) -> Self {
        let message =
            "the server has received too many requests and has asked us to try again later";
        let refusal = Self::new(429, "TooManyRequests", message).with(Map::new());
        match retry {
            Some(seconds) => refusal.retry(seconds),
            None => refusal,
        }
    }

    /// 500 and its like, in the words of a server that is not well.
    pub(crate) fn unwell(code: u16) -> Self {
        let (reason, message) = match code {
            503 => (
                "ServiceUnavailable",
                "the server is currently unable to handle the request",
            ),
            504 => (
                "Timeout",
                "the server was unable to return a response in the time allotted, but may still be processing the request",
            ),
            500..=502 | 505.. | 0..500 => (
                "InternalError",
                "Internal error occurred: etcdserver: request timed out",
            ),
        };
        Self::new(code, reason, message).with(Map::new())
    }

    /// 504 of a resourceVersion from the future; kube-apiserver waits three seconds for it.
    pub(crate) fn from_the_future(asked: u64, current: u64) -> Self {
        let message = format!("Timeout: Too large resource version: {asked}, current: {current}");
        let cause = "Too large resource version".to_owned();
        let mut refusal = Self::new(504, "Timeout", message)
            .because(&[("ResourceVersionTooLarge", cause, "")])
            .retry(1);
        refusal.delay = 3_000;
        refusal
    }

    /// Returns the Status.
    pub(crate) fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "code": self.code,
        });
        if !self.reason.is_empty() {
            status["reason"] = json!(self.reason);
        }
        if let Some(token) = &self.token {
            status["metadata"]["continue"] = json!(token);
        }
        if let Some(details) = &self.details {
            status["details"] = Value::Object(details.clone());
        }
        status
    }

    /// Returns the answer.
    pub(crate) fn response(&self) -> Response {
        let mut response = Response::json(self.code, &self.status());
        response.headers = vec![("content-type".to_owned(), JSON.to_owned())];
        if let Some(seconds) = self.retry_after {
            let header = ("retry-after".to_owned(), seconds.to_string());
            response.headers.push(header);
        }
        response.delay_ms = self.delay;
        response
    }
}

/// Validation says `Deployment.apps`, and `ConfigMap` for the core.
fn long_kind(kind: &Kind) -> String {
    if kind.group.is_empty() {
        return kind.kind.to_owned();
    }
    format!("{}.{}", kind.kind, kind.group)
}

/// Returns a Success without details, as an eviction answers.
pub(crate) fn success(code: u16) -> Response {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": code,
    });
    Response::json(code, &status)
}

/// Returns what a DELETE with nothing to wait for answers.
pub(crate) fn deleted(kind: &Kind, name: &str, uid: &str) -> Response {
    let mut details = named(kind, name);
    details.insert("uid".to_owned(), json!(uid));
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details,
    });
    Response::json(200, &status)
}
