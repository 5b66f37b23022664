//! From files to documents: jsonnet, JSON and YAML, hermetic and bounded.
//!
//! A rendering depends on the files inside of its root, the variables it is
//! given, and the version of the evaluator: not on the environment, the
//! network, the clock, or where the checkout is. Jsonnet runs in a worker
//! process with limits, since a config under review may be hostile or endless;
//! JSON and YAML are parsed here, by parsers that cannot panic, within bounds.
//!
//! ```text
//! request ─sources─▶ file inside of the root ─┬─ .json ───json──────────────┐
//!                                             ├─ .yaml ───yaml──────────────┤
//!                                             └─ .jsonnet ─pool─▶ worker ═══╪═▶ documents
//!                                  (worker: serve ─▶ jsonnet ─▶ sources) ◀══╝
//! ```

mod error;
mod excerpt;
mod frame;
mod imports;
mod json;
mod jsonnet;
mod limits;
mod place;
mod pool;
mod scalar;
mod serve;
mod sources;
mod worker;
mod yaml;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stairway_core::model::Digest;

use crate::files;
use frame::{Evaluated, Output};
pub(crate) use sources::normal;
use sources::{Folders, Site};

pub use error::{RenderError, RenderErrorKind, RenderFailure};
pub use imports::{ImportScan, Reads};
pub use json::parse_json;
pub use limits::Limits;
pub use place::place_of;
pub use serve::worker_main;
pub use worker::{WORKER_ARGUMENT, WorkerMode};
pub use yaml::{parse_yaml, to_yaml};

/// How a file is rendered.
#[derive(Debug, Clone, Default)]
pub struct RenderOptions {
    /// The folder that the file and its imports must be in. Default: the top of
    /// the file's repository; for a file outside of any, its own folder.
    pub root: Option<PathBuf>,
    /// What `std.extVar` gives, as strings.
    pub ext_vars: BTreeMap<String, String>,
    /// Top-level arguments, as strings, for a jsonnet file that is a function.
    pub tlas: BTreeMap<String, String>,
    /// What one evaluation may use.
    pub limits: Limits,
    /// What evaluates jsonnet.
    pub worker: WorkerMode,
}

/// A file and how to render it.
#[derive(Debug, Clone)]
pub struct RenderRequest {
    /// The file, absolute or relative to the working directory.
    pub path: PathBuf,
    /// How to render it.
    pub options: RenderOptions,
}

/// The format of a source file, told by the ending of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceFormat {
    /// `.jsonnet` and `.libsonnet`.
    Jsonnet,
    /// `.json`.
    Json,
    /// `.yaml` and `.yml`.
    Yaml,
}

impl SourceFormat {
    /// Returns the format that the ending of a file's name tells.
    pub fn of(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?;
        match ending.to_ascii_lowercase().as_str() {
            "jsonnet" | "libsonnet" => Some(Self::Jsonnet),
            "json" => Some(Self::Json),
            "yaml" | "yml" => Some(Self::Yaml),
            _ => None,
        }
    }
}

/// What turned the file into documents. Another version may render the same
/// file differently, so plans record it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Evaluator {
    /// The crate's name.
    pub name: String,
    /// Its exact version.
    pub version: String,
}

impl Evaluator {
    /// Returns the evaluator of a format.
    pub fn of(format: SourceFormat) -> Self {
        let (name, version) = match format {
            SourceFormat::Jsonnet => (jsonnet::NAME, jsonnet::VERSION),
            SourceFormat::Json => (json::NAME, json::VERSION),
            SourceFormat::Yaml => (yaml::NAME, yaml::VERSION),
        };
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
        }
    }
}

/// A file that a rendering read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Import {
    /// The path relative to the root, links resolved, with `/`.
    pub path: String,
    /// When the file was reached by a link: where the link stands, relative to
    /// the root. A change of either changes the rendering.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// The digest of the file's bytes.
    pub digest: Digest,
}

/// One rendered document: an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The object.
    pub value: Value,
    /// Its place among the documents of the file, from 0.
    pub index: usize,
    /// Numbers whose spelling in YAML says more than their value, by JSON
    /// pointer: an unquoted `version: 1.30` is the number 1.3, and is found
    /// here as `1.30`.
    pub spelled: BTreeMap<String, String>,
}

/// A rendered file.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered {
    /// At least one document.
    pub documents: Vec<Document>,
    /// The file itself first, then what it imports, sorted by path.
    pub imports: Vec<Import>,
    /// The canonical root that the paths in `imports` are relative to. Never
    /// part of a plan, which holds no host paths.
    pub root: PathBuf,
    /// What rendered it.
    pub evaluator: Evaluator,
    /// The format of the source.
    pub format: SourceFormat,
    /// Lines of `std.trace`, for people.
    pub notes: Vec<String>,
}

/// Renders files, with at most `parallelism` workers at a time; results are in
/// the order of the requests, and one file's failure is its own.
pub fn render_files(
    requests: &[RenderRequest],
    parallelism: usize,
) -> Vec<Result<Rendered, RenderError>> {
    pool::render_all(requests, parallelism)
}

/// Renders one file.
///
/// # Errors
/// See [`RenderErrorKind`].
pub fn render_file(path: &Path, options: &RenderOptions) -> Result<Rendered, RenderError> {
    let request = RenderRequest {
        path: path.to_path_buf(),
        options: options.clone(),
    };
    pool::render_one(&request)
}

/// Finds the file of a request and its format.
fn locate(
    request: &RenderRequest,
    folders: &mut Folders,
) -> Result<(Site, SourceFormat), RenderError> {
    let shown = request.path.to_string_lossy();
    let Some(format) = SourceFormat::of(&request.path) else {
        let message = "the name ends in none of .jsonnet, .libsonnet, .json, .yaml and .yml";
        return Err(RenderError::new(
            RenderErrorKind::UnknownFormat,
            &shown,
            message,
        ));
    };
    let site = Site::find(&request.path, &request.options, folders)?;
    Ok((site, format))
}

/// Reads a JSON or YAML file.
fn read_plain(
    site: &Site,
    format: SourceFormat,
    limits: &Limits,
    folders: &mut Folders,
) -> Result<Rendered, RenderError> {
    let name = site.display.as_str();
    let found = Site::locate(&site.path, &site.root, name, folders)?;
    let bytes = files::read_bounded(&found.canonical, limits.source_bytes)
        .map_err(|cause| RenderError::file(name, &cause))?;
    let import = Import {
        path: found.inner,
        link: found.link,
        digest: Digest::of(&bytes),
    };
    let text = String::from_utf8(bytes).map_err(|cause| error::not_utf8(name, cause.as_bytes()))?;
    let values = match format {
        SourceFormat::Json => vec![(parse_json(&text, name)?, BTreeMap::new())],
        SourceFormat::Yaml | SourceFormat::Jsonnet => yaml::read_yaml(&text, name)?
            .into_iter()
            .map(|document| (document.value, document.spelled))
            .collect(),
    };
    Ok(Rendered {
        documents: documents(values, name)?,
        imports: vec![import],
        root: site.root.clone(),
        evaluator: Evaluator::of(format),
        format,
        notes: Vec::new(),
    })
}

/// Turns a worker's output into documents.
fn read_output(site: &Site, evaluated: Evaluated, body: Vec<u8>) -> Result<Rendered, RenderError> {
    let name = site.display.as_str();
    let values = match evaluated.output {
        Output::Json => {
            let value = json::parse_manifest(&body).map_err(|cause| {
                let message = format!("the output cannot be read: {cause}");
                RenderError::new(RenderErrorKind::TooDeep, name, &message)
            })?;
            vec![(value, BTreeMap::new())]
        }
        // A wrapper around `std.manifestYamlDoc` or `std.manifestJson`.
        Output::Text => {
            let text =
                String::from_utf8(body).map_err(|cause| error::not_utf8(name, cause.as_bytes()))?;
            let shown = format!("output of {name}");
            yaml::read_yaml(&text, &shown)
                .map_err(|error| error.entry(name))?
                .into_iter()
                .map(|document| (document.value, document.spelled))
                .collect()
        }
    };
    let documents = documents(values, name)?;
    if let Some(placeholder) = documents.iter().find_map(placeholder_name) {
        let message = format!("the file is a jinja template: `metadata.name` is `{placeholder}`");
        return Err(
            RenderError::new(RenderErrorKind::JinjaTemplate, name, &message)
                .hint("leave it out of the fleet, or render the template first"),
        );
    }
    Ok(Rendered {
        documents,
        imports: evaluated.imports,
        root: site.root.clone(),
        evaluator: Evaluator::of(SourceFormat::Jsonnet),
        format: SourceFormat::Jsonnet,
        notes: evaluated.notes,
    })
}

fn placeholder_name(document: &Document) -> Option<&str> {
    let name = document.value.pointer("/metadata/name")?.as_str()?;
    jsonnet::is_placeholder(name).then_some(name)
}

/// A value with the spellings of its numbers.
type Spelled = (Value, BTreeMap<String, String>);

/// An object is a document, a list is one for each item, and null is none.
fn documents(values: Vec<Spelled>, name: &str) -> Result<Vec<Document>, RenderError> {
    let mut found = Vec::new();
    for (value, spelled) in values {
        match value {
            Value::Array(items) => {
                for (i, item) in items.into_iter().enumerate() {
                    let prefix = format!("/{i}/");
                    let inner = spelled
                        .iter()
                        .filter_map(|(at, text)| {
                            let rest = at.strip_prefix(prefix.as_str())?;
                            Some((format!("/{rest}"), text.clone()))
                        })
                        .collect();
                    push(&mut found, item, inner, name)?;
                }
            }
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Object(_) => push(&mut found, value, spelled, name)?,
        }
    }
    if found.is_empty() {
        let message = "the file holds no document";
        return Err(RenderError::new(RenderErrorKind::Empty, name, message));
    }
    Ok(found)
}

fn push(
    found: &mut Vec<Document>,
    value: Value,
    spelled: BTreeMap<String, String>,
    name: &str,
) -> Result<(), RenderError> {
    let what = match &value {
        Value::Object(_) => {
            let index = found.len();
            found.push(Document {
                value,
                index,
                spelled,
            });
            return Ok(());
        }
        Value::Null => return Ok(()),
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list in a list",
    };
    let message = format!(
        "document {} is {what}, and a document must be an object",
        found.len() + 1
    );
    Err(RenderError::new(
        RenderErrorKind::NotAnObject,
        name,
        &message,
    ))
}

#[cfg(test)]
mod tests;
