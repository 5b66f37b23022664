//! Documents inside strings: user data and add-on configuration hold YAML or JSON.

use serde_json::Value;

/// Bounds a string that is compared as a document: EC2 takes 16 KiB of user data, add-ons take less.
const EMBEDDED_BYTES_MAX: usize = 256 * 1024;

/// Returns the documents that `text` holds, or `None` when it is plain text.
///
/// A shell script can happen to be a YAML scalar; only mappings and lists count as documents.
pub fn documents(text: &str) -> Option<Vec<Value>> {
    if text.len() > EMBEDDED_BYTES_MAX {
        return None;
    }
    let values: Vec<Value> = serde_saphyr::from_multiple(text).ok()?;
    let structured = !values.is_empty()
        && values
            .iter()
            .all(|v| v.is_object() || v.is_array() || v.is_null())
        && values.iter().any(|v| !v.is_null());
    structured.then(|| values.into_iter().filter(|v| !v.is_null()).collect())
}
