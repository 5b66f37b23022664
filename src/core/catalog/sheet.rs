//! Reading of the data files: a dated header and entries that inherit it.

use super::CatalogError;
use crate::model::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A data file: the date and source of its entries, unless an entry says otherwise.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sheet {
    as_of: Timestamp,
    source: String,
    entries: Vec<serde_json::Map<String, Value>>,
}

/// The files of a catalog while it is read.
pub(super) struct Sheets<'a> {
    files: &'a [(&'a str, &'a str)],
    newest: Option<Timestamp>,
}

impl<'a> Sheets<'a> {
    /// Starts reading `files`, given as (name, text).
    pub(super) const fn new(files: &'a [(&'a str, &'a str)]) -> Self {
        Self {
            files,
            newest: None,
        }
    }

    /// Returns the newest date in the headers of the files read so far.
    pub(super) const fn newest(&self) -> Option<Timestamp> {
        self.newest
    }

    /// Reads the entries of the file `name`; each gets `as_of` and `source` of
    /// the header where it has none of its own.
    pub(super) fn read<T: DeserializeOwned>(&mut self, name: &str) -> Result<Vec<T>, CatalogError> {
        let error = |why: String| CatalogError {
            file: name.to_owned(),
            why,
        };
        let (_, text) = self
            .files
            .iter()
            .find(|(file, _)| *file == name)
            .ok_or_else(|| error("is missing".to_owned()))?;
        let sheet: Sheet = serde_json::from_str(text).map_err(|e| error(e.to_string()))?;
        self.newest = self.newest.max(Some(sheet.as_of));
        let read = |(index, mut entry): (usize, serde_json::Map<String, Value>)| {
            entry
                .entry("as_of")
                .or_insert_with(|| Value::from(String::from(sheet.as_of)));
            entry
                .entry("source")
                .or_insert_with(|| Value::from(sheet.source.clone()));
            serde_json::from_value(Value::Object(entry))
                .map_err(|e| error(format!("entry {index}: {e}")))
        };
        sheet.entries.into_iter().enumerate().map(read).collect()
    }
}
