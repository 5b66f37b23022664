//! eksctl's own JSON schema, where the user gives one: it warns and never blocks. The one door to
//! `jsonschema`.

use crate::files::{self, FileError};
use crate::render::{self, RenderError};
use serde_json::Value;
use std::path::Path;

/// eksctl's schema has 100 kB.
const SCHEMA_BYTES_MAX: u64 = 16 << 20;
/// More warnings than this about one file say nothing new.
const WARNINGS_SHOWN: usize = 5;
/// A warning quotes the value that does not fit, which may be a whole nodegroup.
const WARNING_CHARS: usize = 300;

/// A schema that configs are held against.
#[derive(Debug)]
pub struct EksctlSchema(jsonschema::Validator);

/// Why a schema cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// It could not be read.
    #[error(transparent)]
    File(FileError),
    /// It is no JSON.
    #[error(transparent)]
    Json(RenderError),
    /// It is no schema.
    #[error("`{file}` is no JSON Schema: {why}")]
    NoSchema {
        /// The file.
        file: String,
        /// Why.
        why: String,
    },
}

impl EksctlSchema {
    /// Reads the schema at `path`. References to other files or to the network are not followed.
    ///
    /// # Errors
    /// The file is unreadable or no schema.
    pub fn load(path: &Path) -> Result<Self, SchemaError> {
        let shown = path.display().to_string();
        let text = files::read_text(path, SCHEMA_BYTES_MAX).map_err(SchemaError::File)?;
        let schema = render::parse_json(&text, &shown).map_err(SchemaError::Json)?;
        jsonschema::validator_for(&schema)
            .map(Self)
            .map_err(|error| SchemaError::NoSchema {
                file: shown,
                why: error.to_string(),
            })
    }

    /// Returns what in `document` does not fit, as sentences.
    pub fn warnings(&self, document: &Value) -> Vec<String> {
        let mut all = self.0.iter_errors(document);
        let mut shown: Vec<String> = all
            .by_ref()
            .take(WARNINGS_SHOWN)
            .map(|error| {
                let text: String = error.to_string().chars().take(WARNING_CHARS).collect();
                format!("`{}`: {text}", error.instance_path())
            })
            .collect();
        let more = all.count();
        if more > 0 {
            shown.push(format!("and {more} more"));
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_does_not_fit_is_warned_about() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("schema.json");
        let schema = json!({"type": "object", "properties": {"kind": {"enum": ["ClusterConfig"]}}});
        files::write_atomic(&path, schema.to_string().as_bytes()).unwrap();
        let schema = EksctlSchema::load(&path).unwrap();
        assert!(
            schema
                .warnings(&json!({"kind": "ClusterConfig"}))
                .is_empty()
        );
        let warnings = schema.warnings(&json!({"kind": "Clutter"}));
        assert!(
            matches!(warnings.as_slice(), [one] if one.starts_with("`/kind`: ")),
            "{warnings:?}"
        );
        files::write_atomic(&path, b"{\"type\": 3}").unwrap();
        assert!(matches!(
            EksctlSchema::load(&path),
            Err(SchemaError::NoSchema { .. })
        ));
    }
}
