//! Pod disruption budgets: what they say, and what their controller has counted.

use super::object::{
    Fetched, Wrong, at, count, each, known, known_or_absent, labels, list, map, place,
    place_within, shown, text,
};
use serde_json::Value;
use stairway_core::model::{Known, Pdb};
use std::collections::BTreeMap;

/// `4294967295%`.
const TERM_MAX: usize = 11;

pub(super) fn budgets(fetched: &Fetched) -> Known<Vec<Pdb>> {
    each(fetched, "poddisruptionbudgets", |object| {
        place_within(object)?;
        budget(object).map(Some)
    })
}

fn budget(object: &Value) -> Result<Pdb, Wrong> {
    let (namespace, name) = place(object)?;
    let policy = text(object, "/spec/unhealthyPodEvictionPolicy");
    Ok(Pdb {
        namespace,
        name,
        allowed: known(counted(object, "/status/disruptionsAllowed")),
        selector: known_or_absent(selector(object)),
        min_available: known_or_absent(term(object, "/spec/minAvailable")),
        max_unavailable: known_or_absent(term(object, "/spec/maxUnavailable")),
        expected: known(counted(object, "/status/expectedPods")),
        healthy: known(counted(object, "/status/currentHealthy")),
        evicts_unhealthy: known(policy.map(|policy| policy == Some("AlwaysAllow"))),
    })
}

/// What the controller counts is of the budget as it is now only when it has seen this generation.
fn counted(object: &Value, pointer: &str) -> Result<u32, Wrong> {
    let generation = count(object, "/metadata/generation")?.unwrap_or(0);
    match count(object, "/status/observedGeneration")? {
        None => Err("the disruption controller has not counted yet".to_owned()),
        Some(seen) if seen < generation => {
            Err("the disruption controller has not counted since the budget was changed".to_owned())
        }
        Some(_) => {
            let counted = count(object, pointer)?.unwrap_or(0);
            u32::try_from(counted).map_err(|_| format!("{counted} is no count of pods"))
        }
    }
}

/// No selector counts no pods, an empty one all; labels cannot say what expressions do.
fn selector(object: &Value) -> Result<Option<BTreeMap<String, String>>, Wrong> {
    let Some(selector) = at(object, "/spec/selector") else {
        return Ok(None);
    };
    map(object, "/spec/selector")?;
    if !list(selector, "/matchExpressions")?.is_empty() {
        return Err("its selector has matchExpressions, which labels cannot say".to_owned());
    }
    labels(selector, "/matchLabels").map(Some)
}

/// A count or a share, as written.
fn term(object: &Value, pointer: &str) -> Result<Option<String>, Wrong> {
    let written = match at(object, pointer) {
        None => return Ok(None),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Bool(_) | Value::Array(_) | Value::Object(_) | Value::Null) => {
            return Err("what it asks for is neither a number nor a share".to_owned());
        }
    };
    let digits = written.strip_suffix('%').unwrap_or(&written);
    if written.len() > TERM_MAX || digits.parse::<u32>().is_err() {
        return Err(format!(
            "what it asks for, `{}`, is neither a number nor a share",
            shown(&written)
        ));
    }
    Ok(Some(written))
}
