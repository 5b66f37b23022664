//! The EKS API operations that plans use.
//!
//! Names, fields and errors: EKS API model (botocore), 2026-08. Updates are
//! asynchronous: a call begins one, and the answer tells its id.

use crate::faults::Fault;
use crate::{World, text};
use serde_json::{Map, Value, json};
use stairway_core::model::{Known, KubeMinor};

/// An error of the API: code and message as EKS words them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// `InvalidParameterException`, `ResourceNotFoundException`, …
    pub code: &'static str,
    /// The message.
    pub message: String,
}

pub(crate) fn error<T>(code: &'static str, message: impl Into<String>) -> Result<T, ApiError> {
    Err(ApiError {
        code,
        message: message.into(),
    })
}

/// Calls an operation; an update that it begins goes on by itself.
///
/// A `clientRequestToken` that was answered before gets the same answer and
/// begins nothing (EKS API reference, idempotency).
///
/// # Errors
/// As EKS answers.
pub fn call(
    world: &mut World,
    operation: &str,
    input: &Map<String, Value>,
) -> Result<Value, ApiError> {
    let input = Value::Object(input.clone());
    let name = world.cluster.cluster.name.clone();
    let cluster = text(&input, "clusterName").or(text(&input, "name"));
    let by_arn = matches!(operation, "TagResource" | "UntagResource") && cluster.is_none();
    if cluster != Some(name.as_str()) && !by_arn {
        return error(
            "ResourceNotFoundException",
            format!(
                "No cluster found for name: {}.",
                cluster.unwrap_or_default()
            ),
        );
    }
    let subject = text(&input, "nodegroupName")
        .or(text(&input, "addonName"))
        .unwrap_or(&name)
        .to_owned();
    if world.strikes(Fault::Throttle, &subject) {
        return error("ThrottlingException", "Rate exceeded");
    }
    let token = text(&input, "clientRequestToken").map(|token| format!("{operation} {token}"));
    if let Some(answer) = token.as_ref().and_then(|t| world.books.tokens.get(t)) {
        return Ok(answer.clone());
    }
    if world.strikes(Fault::ErrorBeforeEffect, &subject) {
        return error("ServerException", "Internal server error");
    }
    world.remember();
    let answer = match begin(world, operation, &input)? {
        Some(update) => json!({"update": shown(world, &update)}),
        None => json!({}),
    };
    world.watch();
    if let Some(token) = token {
        world.books.tokens.insert(token, answer.clone());
    }
    if world.strikes(Fault::ErrorAfterEffect, &subject) {
        return error("ServerException", "Internal server error");
    }
    Ok(answer)
}

/// Returns the id of the update that was begun, if the operation makes one.
fn begin(world: &mut World, operation: &str, input: &Value) -> Result<Option<String>, ApiError> {
    match operation {
        "UpdateClusterVersion" => {
            let Some(to) = text(input, "version").and_then(|v| v.parse::<KubeMinor>().ok()) else {
                return error(
                    "InvalidParameterException",
                    "version is not a Kubernetes minor",
                );
            };
            let force = input.get("force") == Some(&Value::Bool(true));
            world.begin_version(to, force).map(Some)
        }
        "UpdateNodegroupVersion" => world.begin_roll(input).map(Some),
        "UpdateNodegroupConfig" => world.begin_config(input).map(Some),
        "UpdateAddon" => {
            let name = text(input, "addonName").unwrap_or_default();
            let wanted = text(input, "addonVersion").unwrap_or_default();
            let mut spec = Map::new();
            if let Some(values) = input.get("configurationValues") {
                spec.insert("configurationValues".to_owned(), values.clone());
            }
            world.begin_addon(name, wanted, &spec).map(Some)
        }
        "UpdateClusterConfig" => {
            let policy = input.get("upgradePolicy");
            match policy.and_then(|policy| text(policy, "supportType")) {
                Some(support @ ("STANDARD" | "EXTENDED")) => world.begin_support(support).map(Some),
                Some(_) | None => error(
                    "InvalidParameterException",
                    "only upgradePolicy.supportType STANDARD or EXTENDED is modelled",
                ),
            }
        }
        "TagResource" | "UntagResource" => world.change_tags(input).map(|()| None),
        other => error(
            "InvalidRequestException",
            format!("{other} is not modelled"),
        ),
    }
}

/// An update as UpdateClusterVersion and its siblings answer it.
fn shown(world: &World, id: &str) -> Value {
    let Some(update) = world.update(id) else {
        return Value::Null;
    };
    let mut params = Vec::new();
    if let Known::Value(version) = &update.version {
        params.push(json!({"type": "Version", "value": version.to_string()}));
    }
    let created = update.created_at.value().map(ToString::to_string);
    json!({
        "id": update.id,
        "status": update.status,
        "type": update.kind,
        "params": params,
        "createdAt": created,
        "errors": update.errors,
    })
}
