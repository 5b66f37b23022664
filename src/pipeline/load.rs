//! One cluster with everything that a plan is made from.

use super::{ClusterRequest, LiveSource};
use crate::config::files_shown;
use crate::live::{
    Assumed, Embedded, LiveError, LiveFile, LiveReader, ObservationKind, Outside, Recorded,
    ThroughApis, WorldStore, sniff, without_hint,
};
use crate::render::{Document, RenderError, RenderOptions, Rendered, SourceFormat};
use crate::{files, live, render, vcs};
use serde_json::Value;
use stairway_core::catalog::Catalog;
use stairway_core::model::clusterconfig::{
    Config, ConfigError, Standing, read_documents, referenced_files,
};
use stairway_core::model::{DAY_SECONDS, Digest, Observation, Timestamp};
use stairway_core::plan::MissingFile;
use stairway_core::plan::wire::{ClusterError, Inputs};
use stairway_core::policy::settings::Settings;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// One cluster with everything that a plan is made from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Its alias, or the name in its config.
    pub name: String,
    /// What git asks for.
    pub config: Config,
    /// What the config renders to: all documents of its file.
    pub documents: Vec<Value>,
    /// What runs; none when the work does not need it.
    pub live: Option<LiveRead>,
    /// The wave of the fleet that it goes with.
    pub wave: Option<String>,
    /// The owner's decisions.
    pub settings: Arc<Settings>,
    /// Where desired and observed come from.
    pub inputs: Inputs,
    /// The instant for which calendars are read.
    pub at: Timestamp,
    /// Files that the config names and that are not there, by place.
    pub missing_files: Vec<MissingFile>,
    /// How its config is rendered, for who renders it again as it was earlier.
    pub origin: Origin,
}

/// How a config is rendered, and whose it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The canonical folder that the names of files are relative to.
    pub root: PathBuf,
    /// External variables for jsonnet.
    pub ext_vars: BTreeMap<String, String>,
    /// Top-level arguments for jsonnet.
    pub tlas: BTreeMap<String, String>,
    /// Who answers for the cluster.
    pub owner: Option<String>,
}

/// A live cluster as it was read.
#[derive(Clone, Debug)]
pub struct LiveRead {
    /// The facts.
    pub observation: Observation,
    /// Where they come from.
    pub kind: ObservationKind,
}

/// Something to tell about a cluster that is no failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The recorded observation is older than a day.
    Stale(Timestamp),
    /// The recorded observation is dated in the future.
    Future(Timestamp),
    /// The file is no config and was skipped.
    Skipped(String),
    /// Something that eksctl's schema does not have.
    Schema(String),
    /// A line of `std.trace`.
    Trace(String),
}

/// Clocks of two machines differ by less.
const CLOCK_DIFFERENCE_SECONDS: i64 = 300;

/// Returns what to say about the age of an observation.
pub(super) fn age_note(observed_at: Timestamp, now: Timestamp) -> Option<Note> {
    let age = now.seconds_since(observed_at);
    if age > DAY_SECONDS {
        Some(Note::Stale(observed_at))
    } else if age < -CLOCK_DIFFERENCE_SECONDS {
        Some(Note::Future(observed_at))
    } else {
        None
    }
}

/// Returns the instant for which calendars are read: as given, else when live was recorded, else
/// the day of the clock, so that two runs on one day give the same bytes.
pub(super) fn instant(
    given: Option<Timestamp>,
    live: Option<&LiveRead>,
    now: Timestamp,
) -> Timestamp {
    let recorded = live.and_then(|live| live.observation.observed_at.value().copied());
    let today = Timestamp::from_unix(now.unix() - now.unix().rem_euclid(DAY_SECONDS));
    given.or(recorded).unwrap_or(today)
}

/// Returns the instant by which the owner's decisions are judged, where it is another than `at`:
/// the clock's, because an old observation revives no waiver. A time that was given is meant for
/// the decisions too, and a world has a clock of its own, which `at` is.
pub(super) fn decided_at(
    settings: &Settings,
    cluster: &str,
    live: Option<&LiveRead>,
    (given, at, now): (Option<Timestamp>, Timestamp, Timestamp),
) -> Option<Timestamp> {
    let by_clock = live.is_none_or(|live| match live.kind {
        ObservationKind::Recorded | ObservationKind::Assumed | ObservationKind::Kubernetes => true,
        ObservationKind::World => false,
    });
    if given.is_some() || !by_clock {
        return None;
    }
    settings.decided_at(cluster, at, now)
}

/// Returns the file that must be rendered to know the live side.
pub(super) fn live_to_render(live: &LiveSource) -> Option<&Path> {
    match live {
        LiveSource::Assumed { path, .. } => Some(path),
        LiveSource::File(path) if SourceFormat::of(path) == Some(SourceFormat::Jsonnet) => {
            Some(path)
        }
        LiveSource::File(_)
        | LiveSource::NotGiven
        | LiveSource::Recorded { .. }
        | LiveSource::World { .. }
        | LiveSource::Kubernetes(_) => None,
    }
}

/// Reads the live side of the cluster whose config calls it `cluster`. `rendered` is there for the
/// files that [`live_to_render`] names.
pub(super) fn read_live(
    request: &ClusterRequest,
    cluster: &str,
    root: &Path,
    rendered: Option<Result<Rendered, RenderError>>,
    (catalog, outside): (&Catalog, &Outside),
) -> Result<LiveRead, LiveError> {
    match (&request.live, rendered) {
        (LiveSource::NotGiven, _) => Err(LiveError::NotGiven),
        (LiveSource::World { path, root }, _) => {
            let canonical = confined(path, root)?;
            from_world(&canonical, Some(root), Some(cluster))
        }
        (LiveSource::Kubernetes(source), _) => {
            let mut source = source.as_ref().clone();
            if let Some((path, root)) = &mut source.cloud {
                *path = confined(path, root)?;
            }
            let reads = source.connect(outside)?;
            read(&ThroughApis {
                source: &source,
                reads: &reads,
                cluster,
                now: (outside.clock)(),
                in_run: false,
            })
        }
        (LiveSource::Recorded { path, root }, _) => {
            let canonical = confined(path, root)?;
            let shown = files_shown(&canonical, root);
            read(&Recorded {
                path: canonical,
                shown,
            })
        }
        (LiveSource::Assumed { path, .. } | LiveSource::File(path), Some(rendered)) => {
            let rendered = rendered.map_err(LiveError::Unparsable)?;
            let shown = first_import(&rendered.imports).unwrap_or_else(|| files_shown(path, root));
            from_documents(&values(rendered.documents), &shown, catalog)
        }
        (LiveSource::Assumed { path, .. } | LiveSource::File(path), None) => {
            let full = files::canonicalize(path).map_err(LiveError::Unreadable)?;
            from_file(&full, &files_shown(&full, root), Some(cluster), catalog)
        }
    }
}

/// Reads a file that says itself what it is, without any config beside it.
///
/// # Errors
/// The file is unreadable, or neither an observation nor a cluster config.
pub fn observe_file(
    path: &Path,
    options: &RenderOptions,
    catalog: &Catalog,
) -> Result<LiveRead, LiveError> {
    let full = files::canonicalize(path).map_err(LiveError::Unreadable)?;
    let root = files::repository_top(&full).unwrap_or_else(|| files::parent_of(&full));
    let shown = files_shown(&full, &root);
    if SourceFormat::of(path) != Some(SourceFormat::Jsonnet) {
        return from_file(&full, &shown, None, catalog);
    }
    let rendered = render::render_file(path, options).map_err(LiveError::Unparsable)?;
    from_documents(&values(rendered.documents), &shown, catalog)
}

/// A fleet file may come from a change under review: what it names stays inside of the root.
fn confined(path: &Path, root: &Path) -> Result<PathBuf, LiveError> {
    let canonical = files::canonicalize(path).map_err(LiveError::Unreadable)?;
    let in_git = canonical
        .components()
        .any(|part| part.as_os_str() == ".git");
    if canonical.starts_with(root) && !in_git {
        Ok(canonical)
    } else {
        Err(LiveError::OutsideRoot {
            path: files_shown(path, root),
        })
    }
}

fn read(reader: &dyn LiveReader) -> Result<LiveRead, LiveError> {
    Ok(LiveRead {
        observation: reader.observe()?,
        kind: reader.kind(),
    })
}

/// Reads one cluster of an embedded world.
fn from_world(
    path: &Path,
    root: Option<&Path>,
    cluster: Option<&str>,
) -> Result<LiveRead, LiveError> {
    let store = WorldStore::of(path, root)?;
    read(&Embedded {
        store: &store,
        name: cluster,
    })
}

/// Reads a JSON or YAML file that says itself what it is.
fn from_file(
    path: &Path,
    shown: &str,
    cluster: Option<&str>,
    catalog: &Catalog,
) -> Result<LiveRead, LiveError> {
    let text =
        files::read_text(path, live::OBSERVATION_BYTES_MAX).map_err(LiveError::Unreadable)?;
    let document = live::parse(&text, shown)?;
    match sniff(&document) {
        LiveFile::Observation => Ok(LiveRead {
            observation: live::read_value(&document, Some(&text), shown)?,
            kind: ObservationKind::Recorded,
        }),
        LiveFile::World => from_world(path, None, cluster),
        LiveFile::Config | LiveFile::Other(_) => from_documents(&[document], shown, catalog),
    }
}

fn from_documents(
    documents: &[Value],
    shown: &str,
    catalog: &Catalog,
) -> Result<LiveRead, LiveError> {
    let first = documents.first().unwrap_or(&Value::Null);
    match sniff(first) {
        LiveFile::Observation => Ok(LiveRead {
            observation: live::read_value(first, None, shown)?,
            kind: ObservationKind::Recorded,
        }),
        LiveFile::Config => read(&Assumed {
            documents,
            shown,
            catalog,
        }),
        LiveFile::World => Err(LiveError::NotThereYet {
            what: "a world in jsonnet".to_owned(),
        }),
        LiveFile::Other(found) => Err(LiveError::WrongKind {
            file: shown.to_owned(),
            found,
            wanted: "a recorded observation, a world or a cluster config",
        }),
    }
}

fn values(documents: Vec<Document>) -> Vec<Value> {
    documents
        .into_iter()
        .map(|document| document.value)
        .collect()
}

fn first_import(imports: &[render::Import]) -> Option<String> {
    imports.first().map(|import| import.path.clone())
}

/// The revisions of the repositories of one run: looked up once, because a repository of many
/// branches packs them into megabytes, and because all plans of a run have the same one.
#[derive(Debug, Default)]
pub(super) struct Revisions(Mutex<BTreeMap<PathBuf, Option<String>>>);

impl Revisions {
    /// Returns the revision that the repository around `root` has checked out.
    fn of(&self, root: &Path) -> Option<String> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(revision) = known.get(root) {
            return revision.clone();
        }
        let revision = vcs::head_revision(root);
        known.insert(root.to_path_buf(), revision.clone());
        revision
    }
}

/// What a rendered config gives: its clusters, its documents, and what is known of its origin.
pub(super) struct Read {
    pub(super) configs: Vec<Config>,
    pub(super) documents: Vec<Value>,
    pub(super) inputs: Inputs,
    pub(super) root: PathBuf,
}

/// Reads a rendered config; `name` is what the cluster is called in errors.
pub(super) fn read_config(
    request: &ClusterRequest,
    rendered: Rendered,
    catalog: &Catalog,
    revisions: &Revisions,
) -> Result<Read, ClusterError> {
    let Rendered {
        documents,
        imports,
        root,
        evaluator,
        format: _,
        notes: _,
    } = rendered;
    let config = first_import(&imports).unwrap_or_default();
    let spelled: Vec<BTreeMap<String, String>> = documents
        .iter()
        .map(|document| document.spelled.clone())
        .collect();
    let documents = values(documents);
    let configs = read_documents(&documents).map_err(|error| ClusterError {
        name: request.name.clone().unwrap_or_else(|| config.clone()),
        error: format!("Reading the config `{config}` failed: {error}"),
        hint: respell(&error, &spelled),
    })?;
    let inputs = Inputs {
        config,
        evaluator: format!("{} {}", evaluator.name, evaluator.version),
        imports: imports
            .into_iter()
            .map(|i| (i.path, i.digest.to_string()))
            .collect(),
        render_digest: Digest::of_canonical(&documents).to_string(),
        catalog_date: catalog.as_of().day(),
        fleet_digest: request.fleet_digest.clone(),
        git_revision: revisions.of(&root),
        ..Inputs::default()
    };
    Ok(Read {
        configs,
        documents,
        inputs,
        root,
    })
}

/// A hint about an unquoted version names what the author wrote: `1.30`, not `1.3`.
fn respell(error: &ConfigError, spelled: &[BTreeMap<String, String>]) -> Option<String> {
    let pointer = error
        .path
        .replace('[', ".")
        .replace(']', "")
        .replace('.', "/");
    let written = spelled
        .iter()
        .find_map(|of_one| of_one.get(&format!("/{pointer}")));
    match written {
        Some(written) => Some(format!("put it in quotes: `\"{written}\"`")),
        None => error.hint.clone(),
    }
}

/// Returns the files that the config names, inside of the root, and that are not there.
pub(super) fn missing_files(config: &Config, shown: &str, root: &Path) -> Vec<MissingFile> {
    let Config::Eks(desired) = config else {
        return Vec::new();
    };
    let mut missing: Vec<MissingFile> = referenced_files(desired, shown)
        .into_iter()
        .filter_map(|file| {
            let Standing::Inside(inside) = &file.standing else {
                return None;
            };
            let why = match files::canonicalize(&root.join(inside)) {
                // A link may lead anywhere; what is outside is no part of the repository.
                Ok(full) if !full.starts_with(root) => "it leads out of the repository",
                Ok(full) if files::is_file(&full) => return None,
                Ok(_) => "it is no file",
                Err(_) => "no such file",
            };
            Some(MissingFile {
                at: file.at,
                path: file.path,
                why: why.to_owned(),
            })
        })
        .collect();
    missing.sort();
    missing
}

/// Says a render error as the error of a cluster.
pub(super) fn render_failure(name: Option<&str>, error: &RenderError) -> ClusterError {
    ClusterError {
        name: name.unwrap_or(&error.entry).to_owned(),
        error: without_hint(error),
        hint: error.hint.clone(),
    }
}

/// Returns the cluster's name in its config.
pub fn name_of(config: &Config) -> &str {
    match config {
        Config::Eks(desired) => &desired.cluster.name,
        Config::EksAnywhere(config) => &config.name,
    }
}
