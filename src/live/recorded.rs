//! Saved observations. The file may come from a change under review: it is bounded and distrusted.

use super::{LiveError, LiveFile, LiveReader, ObservationKind, sniff};
use crate::config::{ShapeError, ValuePath, read_shape};
use crate::{files, render};
use serde_json::Value;
use stairway_core::catalog::Catalog;
use stairway_core::diff::normalize::redact_observation;
use stairway_core::model::{OBSERVATION_FORMAT, Observation};
use std::path::PathBuf;

/// A cluster of 5,000 nodes with 50,000 pods has about 30 MB.
pub(crate) const OBSERVATION_BYTES_MAX: u64 = 64 << 20;
/// More contradictions than this say nothing new.
const CONTRADICTIONS_SHOWN: usize = 5;

/// A saved observation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The file.
    pub path: PathBuf,
    /// The file as plans and messages name it.
    pub shown: String,
}

impl LiveReader for Recorded {
    fn observe(&self) -> Result<Observation, LiveError> {
        let text =
            files::read_text(&self.path, OBSERVATION_BYTES_MAX).map_err(LiveError::Unreadable)?;
        read_text(&text, &self.shown)
    }

    fn kind(&self) -> ObservationKind {
        ObservationKind::Recorded
    }
}

/// Reads the text of a saved observation, JSON or YAML; `shown` names it in messages.
///
/// # Errors
/// Broken text, another kind or format, a fact of the wrong shape, or facts that contradict each
/// other. Unknown keys are ignored, because a newer version may have written them.
fn read_text(text: &str, shown: &str) -> Result<Observation, LiveError> {
    let document = parse(text, shown)?;
    read_value(&document, Some(text), shown)
}

/// Parses a file that is to hold one document.
pub(crate) fn parse(text: &str, shown: &str) -> Result<Value, LiveError> {
    if shown.ends_with(".json") || text.trim_start().starts_with('{') {
        return render::parse_json(text, shown).map_err(LiveError::Unparsable);
    }
    let mut documents = render::parse_yaml(text, shown).map_err(LiveError::Unparsable)?;
    match (documents.pop(), documents.len()) {
        (Some(document), 0) => Ok(document),
        (Some(_), others) => Err(count(shown, others + 1)),
        (None, _) => Err(count(shown, 0)),
    }
}

fn count(shown: &str, count: usize) -> LiveError {
    LiveError::Count {
        file: shown.to_owned(),
        count,
    }
}

/// Reads a parsed observation; `text` is where places are looked up.
pub(crate) fn read_value(
    document: &Value,
    text: Option<&str>,
    shown: &str,
) -> Result<Observation, LiveError> {
    let wrong_kind = |found: &str| LiveError::WrongKind {
        file: shown.to_owned(),
        found: found.to_owned(),
        wanted: "a recorded observation",
    };
    match sniff(document) {
        LiveFile::Observation => {}
        LiveFile::Config => return Err(wrong_kind("a cluster config")),
        LiveFile::World => return Err(wrong_kind("a world")),
        LiveFile::Other(what) => return Err(wrong_kind(&what)),
    }
    check_format(document, shown)?;
    let observation: Observation =
        read_shape(document).map_err(|shape| shape_error(shape, text, shown))?;
    if observation.cluster.name.is_empty() {
        let path = ValuePath::default().key("cluster").key("name");
        let shape = ShapeError::new(path, "the name is empty");
        return Err(shape_error(shape, text, shown));
    }
    let mut list = observation.contradictions();
    if list.is_empty() {
        // A recorder that left secrets in the file must not make us repeat them.
        return Ok(redact_observation(
            observation.sorted(),
            Catalog::embedded(),
        ));
    }
    let more = list.len().saturating_sub(CONTRADICTIONS_SHOWN);
    list.truncate(CONTRADICTIONS_SHOWN);
    if more > 0 {
        list.push(format!("and {more} more"));
    }
    Err(LiveError::Contradiction {
        file: shown.to_owned(),
        list,
    })
}

fn shape_error(shape: ShapeError, text: Option<&str>, shown: &str) -> LiveError {
    LiveError::Shape {
        file: shown.to_owned(),
        place: text.and_then(|text| render::place_of(text, &shape.path.0)),
        shape,
    }
}

/// Refuses other formats before the shape is looked at, so that the message names the cause.
fn check_format(document: &Value, shown: &str) -> Result<(), LiveError> {
    match document.get("format_version") {
        Some(Value::Number(number)) if number.as_u64() == Some(u64::from(OBSERVATION_FORMAT)) => {
            Ok(())
        }
        Some(other) => Err(LiveError::Format {
            file: shown.to_owned(),
            found: other.to_string(),
            known: OBSERVATION_FORMAT,
        }),
        None => Err(LiveError::Format {
            file: shown.to_owned(),
            found: "(missing)".to_owned(),
            known: OBSERVATION_FORMAT,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn good() -> Value {
        json!({
            "format_version": 1,
            "kind": "Observation",
            "cluster": {"name": "demo", "region": "us-west-2"},
            "observed_at": "2026-11-01T00:00:00Z",
            "control_plane": {"version": "1.32", "status": "ACTIVE"},
            "nodegroups": [{"name": "core-a", "managed": true, "version": "1.32", "spec": {}}],
            "nodes": [{"name": "n1", "nodegroup": "core-a", "kubelet": "v1.32.9"}],
            "pods": {"$unknown": "no access to pods"},
            "future": {"anything": 1}
        })
    }

    fn said(value: &Value) -> String {
        let text = serde_json::to_string_pretty(value).unwrap();
        match read_text(&text, "x.observed.json") {
            Ok(_) => "taken".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    fn with(pointer: &str, value: Value) -> Value {
        let mut whole = good();
        *whole.pointer_mut(pointer).unwrap() = value;
        whole
    }

    #[test]
    fn a_good_observation_is_taken_and_unknown_keys_are_ignored() {
        assert_eq!(said(&good()), "taken");
    }

    #[test]
    fn lies_and_wrong_kinds_are_refused_with_their_place() {
        let rows = [
            (
                with("/format_version", json!(2)),
                "has observation format 2, and this build reads format 1",
            ),
            (
                with("/format_version", json!("1")),
                "observation format \"1\"",
            ),
            (
                with("/kind", json!("Plan")),
                "is a `Plan`, not a recorded observation",
            ),
            (with("/nodes/0/kubelet", json!(132)), "`nodes[0].kubelet`: "),
            (with("/nodes/0/kubelet", json!("new")), "x.observed.json:"),
            (
                with("/control_plane/version", json!(1.3)),
                "`control_plane.version`: ",
            ),
            (
                with("/nodes/0/nodegroup", json!("gone")),
                "contradicts itself: node `n1` says it belongs to",
            ),
            (with("/pods", json!({"$unknown": "x", "y": 1})), "`pods`: "),
            (with("/cluster/name", json!("")), "the name is empty"),
            (
                json!({"kind": "Observation"}),
                "observation format (missing)",
            ),
            (json!([]), "a document without `kind`"),
        ];
        for (value, expected) in rows {
            let said = said(&value);
            assert!(said.contains(expected), "`{said}` lacks `{expected}`");
        }
    }

    #[test]
    fn truncated_and_doubled_text_is_refused_with_line_and_column() {
        let text = serde_json::to_string_pretty(&good()).unwrap();
        let half: String = text.chars().take(text.len() / 2).collect();
        let error = read_text(&half, "x.json").unwrap_err().to_string();
        assert!(error.contains("x.json:"), "{error}");
        let doubled = text.replacen("\"kind\"", "\"format_version\": 1,\n  \"kind\"", 1);
        let error = read_text(&doubled, "x.json").unwrap_err().to_string();
        assert!(
            error.contains("format_version") && error.contains("x.json:"),
            "{error}"
        );
    }

    #[test]
    fn yaml_is_taken_too() {
        let text = "format_version: 1\nkind: Observation\ncluster: {name: a}\ncontrol_plane: {version: \"1.32\"}\n";
        assert!(read_text(text, "x.yaml").is_ok());
        let float = text.replacen("\"1.32\"", "1.32", 1);
        let error = read_text(&float, "x.yaml").unwrap_err();
        assert!(error.to_string().contains("x.yaml:4:"), "{error}");
    }

    proptest! {
        #[test]
        fn any_mutation_is_taken_or_refused(at in 0..400_usize, with in "\\PC{0,3}", drop in 0..9_usize) {
            let mut text: Vec<char> = good().to_string().chars().collect();
            let at = at.min(text.len());
            let end = (at + drop).min(text.len());
            text.splice(at..end, with.chars());
            let text: String = text.into_iter().collect();
            let _either = read_text(&text, "x.json");
            let _either = read_text(&text, "x.yaml");
        }
    }
}
