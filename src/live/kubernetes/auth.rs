//! The ConfigMap `kube-system/aws-auth`: which roles it lets in, and how many users.

use super::object::{Wrong, line, list, long, map, text, texts};
use serde_json::{Value, json};
use stairway_core::model::{Known, MappedRole};

/// A path of 512 and a name of 64 behind the account (IAM quotas); ARNs have at most 2048 (IAM API, `arnType`).
const ARN_MAX: usize = 2_048;

/// Reads both facts; without the ConfigMap they are absent.
pub(super) fn aws_auth(
    fetched: &Result<Option<Value>, String>,
) -> (Known<Vec<MappedRole>>, Known<u32>) {
    let object = match fetched {
        Ok(Some(object)) => object,
        Ok(None) => return (Known::Absent, Known::Absent),
        Err(why) => return (Known::Unknown(why.clone()), Known::Unknown(why.clone())),
    };
    (
        told(object, "mapRoles", roles),
        told(object, "mapUsers", users),
    )
}

fn told<T>(object: &Value, key: &str, read: impl Fn(&Value) -> Result<T, Wrong>) -> Known<T> {
    match entries(object, key).and_then(|entries| read(&entries)) {
        Ok(value) => Known::Value(value),
        Err(wrong) => Known::Unknown(line(&format!(
            "`{key}` of the ConfigMap `kube-system/aws-auth` cannot be understood: {wrong}"
        ))),
    }
}

/// The list that a key of the ConfigMap holds as YAML, under `list`; empty when there is no such key.
///
/// An error of YAML quotes the line that it is about; who is let in is not for messages.
fn entries(object: &Value, key: &str) -> Result<Value, Wrong> {
    let written = match map(object, "/data")?.and_then(|data| data.get(key)) {
        None | Some(Value::Null) => return Ok(json!({"list": []})),
        Some(Value::String(written)) => written,
        Some(_) => return Err("it is no text".to_owned()),
    };
    let mut documents =
        crate::render::parse_yaml(written, key).map_err(|_| "it is no YAML".to_owned())?;
    match (documents.pop(), documents.is_empty()) {
        (None, _) => Ok(json!({"list": []})),
        (Some(entries @ Value::Array(_)), true) => Ok(json!({"list": entries})),
        (Some(_), _) => Err("it is no list".to_owned()),
    }
}

fn roles(entries: &Value) -> Result<Vec<MappedRole>, Wrong> {
    let role = |entry: &Value| {
        Ok(MappedRole {
            role_arn: long(entry, "/rolearn", ARN_MAX)?.to_owned(),
            username: text(entry, "/username")?.unwrap_or_default().to_owned(),
            groups: texts(entry, "/groups")?,
        })
    };
    list(entries, "/list")?.iter().map(role).collect()
}

fn users(entries: &Value) -> Result<u32, Wrong> {
    let count = list(entries, "/list")?.len();
    u32::try_from(count).map_err(|_| "it has more users than can be counted".to_owned())
}
