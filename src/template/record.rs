//! How a cluster's file came about: template, answers and the text as it was generated.
//!
//! ```text
//! .stairway/generated/NAME.json   template, its digest and revision, answers, digest of the text
//! .stairway/generated/NAME.base   the text itself
//! ```
//!
//! The text is kept whole, because the template as it was then may be in no commit that is here: clones
//! are shallow, and not every folder is a repository. Both belong in git, beside the cluster's file.

use super::Answers;
use crate::files::{self, FileError, FileErrorKind};
use crate::vcs;
use serde::{Deserialize, Serialize};
use stairway_core::model::Digest;
use std::path::{Path, PathBuf};

/// The major format version of records that this build reads and writes.
pub const RECORD_FORMAT: u32 = 1;
/// Their `kind`.
pub const RECORD_KIND: &str = "Generated";
/// Where they are, below the folder of the fleet file.
pub const GENERATED_FOLDER: &str = ".stairway/generated";
/// A page of answers.
const RECORD_BYTES_MAX: u64 = 1 << 20;

/// What a cluster's file was generated from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct GeneratedRecord {
    /// Major version of this format.
    pub format_version: u32,
    /// Always `Generated`.
    pub kind: String,
    /// The cluster's name.
    pub cluster: String,
    /// The generated file, relative to the fleet file's folder.
    pub config: String,
    /// The template, relative to the fleet file's folder; `builtin` for the one in the program.
    pub template: String,
    /// The digest of the template's bytes.
    pub template_digest: String,
    /// The commit that was checked out, when the template stands in it as it was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git_revision: Option<String>,
    /// Name and version of the program.
    pub tool: String,
    /// The answers that were given. What was left to the template follows its defaults.
    pub answers: Answers,
    /// The digest of the generated text in `NAME.base`.
    pub base_digest: String,
}

/// Why a record cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// There is none.
    #[error("Nothing is recorded of how `{cluster}` was generated: `{file}` does not exist")]
    None {
        /// The cluster.
        cluster: String,
        /// Where it would be.
        file: String,
    },
    /// It is damaged, or of another version.
    #[error("Reading the record `{file}` failed: {why}")]
    Damaged {
        /// The file.
        file: String,
        /// Why.
        why: String,
    },
    /// The disk.
    #[error(transparent)]
    File(#[from] FileError),
}

impl RecordError {
    /// Returns what to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::None { cluster, .. } => Some(format!(
                "only files that `stairway init cluster {cluster}` wrote can be compared with a template"
            )),
            Self::Damaged { file, .. } => Some(format!("bring it back: `git checkout -- {file}`")),
            Self::File(_) => None,
        }
    }
}

/// Returns the commit that is checked out, when the template stands in it with this digest. A template that
/// was edited and not committed, or is built in, is in none.
pub fn revision_of(folder: &Path, template: &str, digest: &Digest) -> Option<String> {
    let path = files::canonicalize(&folder.join(template)).ok()?;
    let top = files::repository_top(&files::parent_of(&path))?;
    let revision = vcs::head_revision(&top)?;
    let committed = vcs::read_at(&top, &revision, path.strip_prefix(&top).ok()?).ok()?;
    (Digest::of(&committed) == *digest).then_some(revision)
}

impl GeneratedRecord {
    /// Returns the names of record and text below the folder of the fleet file.
    pub fn names(cluster: &str) -> (String, String) {
        (
            format!("{GENERATED_FOLDER}/{cluster}.json"),
            format!("{GENERATED_FOLDER}/{cluster}.base"),
        )
    }

    /// Returns the record as it is written.
    pub fn text(&self) -> String {
        // A struct of strings and JSON values always serializes.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Reads a cluster's record and the text that was generated.
    ///
    /// # Errors
    /// There is none, or one of the two files is not what was written.
    pub fn read(folder: &Path, cluster: &str) -> Result<(Self, String), RecordError> {
        let (name, base_name) = Self::names(cluster);
        let damaged = |file: &str, why: String| RecordError::Damaged {
            file: file.to_owned(),
            why,
        };
        let text = match files::read_text(&folder.join(&name), RECORD_BYTES_MAX) {
            Ok(text) => text,
            Err(error) if matches!(error.kind, FileErrorKind::Missing) => {
                return Err(RecordError::None {
                    cluster: cluster.to_owned(),
                    file: name,
                });
            }
            Err(error) => return Err(error.into()),
        };
        let record: Self =
            serde_json::from_str(&text).map_err(|error| damaged(&name, error.to_string()))?;
        if record.format_version != RECORD_FORMAT || record.kind != RECORD_KIND {
            let why = format!(
                "it is a `{}` of version {}, and this build reads `{RECORD_KIND}` of version {RECORD_FORMAT}",
                record.kind, record.format_version
            );
            return Err(damaged(&name, why));
        }
        if record.cluster != cluster {
            let why = format!("it is the record of `{}`", record.cluster);
            return Err(damaged(&name, why));
        }
        let base = files::read_text(&folder.join(&base_name), super::TEMPLATE_BYTES_MAX)
            .map_err(|error| damaged(&base_name, error.kind.to_string()))?;
        if Digest::of(base.as_bytes()).to_string() != record.base_digest {
            let why = format!("it is not the text whose digest stands in `{name}`");
            return Err(damaged(&base_name, why));
        }
        Ok((record, base))
    }

    /// Returns the names of all clusters that have a record, sorted.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn all(folder: &Path) -> Result<Vec<String>, FileError> {
        let place: PathBuf = folder.join(GENERATED_FOLDER);
        if !files::is_dir(&place) {
            return Ok(Vec::new());
        }
        let names = files::list_dir(&place)?;
        let stems = names.iter().filter_map(|name| name.strip_suffix(".json"));
        Ok(stems.map(str::to_owned).collect())
    }
}
