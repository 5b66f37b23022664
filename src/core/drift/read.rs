//! Reads a report that was written before. It decides nothing but first-seen instants, and still it is
//! refused rather than guessed at.

use super::wire::{DRIFT_FORMAT, DriftReport, REPORT_KIND};
use serde_json::Value;

/// The report of a cluster with ten thousand differences has some 5 MB.
pub const READ_BYTES_MAX: usize = 16 << 20;

/// Why a previous report cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Too much.
    #[error("it has {0} bytes, and a report has at most {READ_BYTES_MAX}")]
    TooLarge(usize),
    /// Not JSON, or not all of it.
    #[error("it is no JSON: {0}")]
    NoJson(String),
    /// Another file.
    #[error("it is no drift report: its kind is {0}")]
    WrongKind(String),
    /// Another format.
    #[error("it has drift format {0}, and this build reads format {DRIFT_FORMAT}")]
    Format(String),
    /// A part of it has the wrong shape.
    #[error("it has the wrong shape: {0}")]
    Shape(String),
    /// It is about another cluster than its name says.
    #[error("it is about the cluster `{0}`")]
    OtherCluster(String),
}

/// Reads the report of the cluster called `cluster`.
///
/// # Errors
/// See [`ReadError`].
pub fn read_report(bytes: &[u8], cluster: &str) -> Result<DriftReport, ReadError> {
    if bytes.len() > READ_BYTES_MAX {
        return Err(ReadError::TooLarge(bytes.len()));
    }
    let document: Value =
        serde_json::from_slice(bytes).map_err(|error| ReadError::NoJson(error.to_string()))?;
    let shown = |key: &str| {
        document.get(key).map_or_else(
            || "missing".to_owned(),
            |value| format!("`{}`", value.to_string().trim_matches('"')),
        )
    };
    if document.get("kind").and_then(Value::as_str) != Some(REPORT_KIND) {
        return Err(ReadError::WrongKind(shown("kind")));
    }
    if document.get("format_version").and_then(Value::as_u64) != Some(u64::from(DRIFT_FORMAT)) {
        return Err(ReadError::Format(shown("format_version")));
    }
    let report: DriftReport =
        serde_json::from_value(document).map_err(|error| ReadError::Shape(error.to_string()))?;
    if report.cluster != cluster {
        return Err(ReadError::OtherCluster(report.cluster));
    }
    Ok(report)
}
