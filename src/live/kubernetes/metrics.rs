//! Deprecated APIs that somebody asked for, from the API server's own `/metrics`.

use super::object::{NAME_MAX, Wrong, line, plain, shown};
use stairway_core::model::{DeprecatedApi, Known};
use std::collections::BTreeMap;

/// One line for each deprecated API that was asked for (Kubernetes, `apiserver_requested_deprecated_apis`).
const GAUGE: &str = "apiserver_requested_deprecated_apis";

/// Reads the gauge; of all else in the text nothing is looked at.
pub(super) fn deprecated(fetched: &Result<String, String>) -> Known<Vec<DeprecatedApi>> {
    let text = match fetched {
        Ok(text) => text,
        Err(why) => return Known::Unknown(why.clone()),
    };
    if !text.is_empty() && !text.ends_with('\n') {
        return Known::Unknown(
            "Reading /metrics failed: it ends in the middle of a line".to_owned(),
        );
    }
    let mut found: Vec<DeprecatedApi> = Vec::new();
    for written in text.lines() {
        let Some(rest) = written.strip_prefix(GAUGE) else {
            continue;
        };
        if rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':') {
            // Another metric, whose name begins the same.
            continue;
        }
        match sample(rest) {
            // One line for each subresource; the resource is what counts.
            Ok(Some(api)) if !found.contains(&api) => found.push(api),
            Ok(_) => {}
            Err(wrong) => {
                return Known::Unknown(line(&format!(
                    "a line of the metric {GAUGE} cannot be understood: {wrong}"
                )));
            }
        }
    }
    Known::Value(found)
}

/// Reads what stands behind the gauge's name; none for a gauge at 0.
fn sample(rest: &str) -> Result<Option<DeprecatedApi>, Wrong> {
    let (labels, value) = labels(rest).ok_or("its labels have no end")?;
    let value = value.split_whitespace().next().unwrap_or_default();
    let value: f64 = value
        .parse()
        .map_err(|_| format!("its value `{}` is no number", shown(value)))?;
    if value == 0.0 {
        return Ok(None);
    }
    let label = |key: &str| -> Result<&str, Wrong> {
        let found = labels.get(key).map_or("", String::as_str);
        plain(found, &format!("its label `{key}`"), NAME_MAX)
    };
    let (group, version, resource) = (label("group")?, label("version")?, label("resource")?);
    if version.is_empty() || resource.is_empty() {
        return Err("it names no version or no resource".to_owned());
    }
    let removed = label("removed_release")?;
    Ok(Some(DeprecatedApi {
        group_version: if group.is_empty() {
            version.to_owned()
        } else {
            format!("{group}/{version}")
        },
        resource: resource.to_owned(),
        removed_in: match (removed, removed.parse()) {
            // No removal is planned.
            ("", _) => Known::Absent,
            (_, Ok(minor)) => Known::Value(minor),
            (_, Err(_)) => Known::Unknown(format!("`{}` is no minor", shown(removed))),
        },
    }))
}

/// Reads `{key="value",…}` and returns what is behind it (Prometheus, text format: `\\`, `\"` and `\n` in values).
fn labels(text: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    let mut rest = text.trim_start().strip_prefix('{')?;
    loop {
        rest = rest.trim_start_matches([' ', ',']);
        if let Some(behind) = rest.strip_prefix('}') {
            return Some((labels, behind));
        }
        let (key, quoted) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut signs = quoted.char_indices();
        let end = loop {
            match signs.next()? {
                (at, '"') => break at,
                (_, '\\') => match signs.next()?.1 {
                    'n' => value.push('\n'),
                    other => value.push(other),
                },
                (_, other) => value.push(other),
            }
        };
        labels.insert(key.to_owned(), value);
        rest = quoted.get(end + 1..)?;
    }
}
