//! Why there is no picture of a live cluster.

use super::WorldError;
use crate::config::ShapeError;
use crate::files::FileError;
use crate::kubernetes::{CallError, KubeconfigError, PinError};
use crate::render::RenderError;
use stairway_core::model::clusterconfig::ConfigError;

/// Why there is no picture of a live cluster.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// The file could not be read.
    #[error("Reading the live cluster failed: {0}")]
    Unreadable(FileError),
    /// The file could not be parsed or evaluated.
    #[error("Reading the live cluster failed: {}", without_hint(.0))]
    Unparsable(RenderError),
    /// The file is something else.
    #[error("Reading the live cluster failed: `{file}` is {found}, not {wanted}")]
    WrongKind {
        /// The file as shown.
        file: String,
        /// What it is.
        found: String,
        /// What was needed.
        wanted: &'static str,
    },
    /// The observation was written in another format.
    #[error(
        "Reading the live cluster failed: `{file}` has observation format {found}, and this build reads format {known}"
    )]
    Format {
        /// The file as shown.
        file: String,
        /// Its format.
        found: String,
        /// Ours.
        known: u32,
    },
    /// A fact has the wrong shape.
    #[error("Reading the live cluster failed: {file}{}: `{}`: {}", at(.place), shape.path, shape.message)]
    Shape {
        /// The file as shown.
        file: String,
        /// Line and column from 1, when the text is at hand.
        place: Option<(usize, usize)>,
        /// What and where in the value.
        shape: ShapeError,
    },
    /// Two facts cannot both hold.
    #[error("Reading the live cluster failed: the observation `{file}` contradicts itself: {}", .list.join("; "))]
    Contradiction {
        /// The file as shown.
        file: String,
        /// Each contradiction as a sentence.
        list: Vec<String>,
    },
    /// The file holds other than one cluster.
    #[error("Reading the live cluster failed: `{file}` holds {count} clusters, and one is needed")]
    Count {
        /// The file as shown.
        file: String,
        /// How many.
        count: usize,
    },
    /// The config that was to be taken as live is wrong.
    #[error("Reading the live cluster failed: {file}: {error}")]
    Config {
        /// The file as shown.
        file: String,
        /// Why.
        error: ConfigError,
    },
    /// The path leads out of the repository.
    #[error("Reading the live cluster failed: `{path}` is outside of the root")]
    OutsideRoot {
        /// The path as written.
        path: String,
    },
    /// The embedded world cannot be used.
    #[error("{0}")]
    World(Box<WorldError>),
    /// The Kubernetes API gives no picture at all.
    #[error("Reading the live cluster failed: {0}")]
    Kubernetes(Box<CallError>),
    /// This build cannot read such a cluster.
    #[error("Reading the live cluster failed: this build cannot read {what} yet")]
    NotThereYet {
        /// What.
        what: String,
    },
    /// The context cannot be used.
    #[error("{0}")]
    Kubeconfig(#[from] KubeconfigError),
    /// The context leads to another cluster than the one that is pinned.
    #[error("{0}")]
    Pinned(#[from] PinError),
    /// What answers is another cluster.
    #[error("Reading `{cluster}` was refused: {why}")]
    Elsewhere {
        /// What the config calls the cluster.
        cluster: String,
        /// By what it is another one.
        why: String,
    },
    /// Nothing says how to read the cluster.
    #[error("Nothing says how the live cluster is read")]
    NotGiven,
}

impl LiveError {
    /// Returns why, in few words that are the same every time: without names, addresses and clocks.
    pub const fn in_short(&self) -> &'static str {
        match self {
            Self::Unreadable(_) | Self::Unparsable(_) => "its file cannot be read",
            Self::WrongKind { .. }
            | Self::Format { .. }
            | Self::Shape { .. }
            | Self::Contradiction { .. }
            | Self::Count { .. }
            | Self::Config { .. } => "its file is not what it should be",
            Self::OutsideRoot { .. } => "its file is outside of the root",
            Self::World(_) => "its world cannot be used",
            Self::Kubernetes(_) => "its API gives no picture",
            Self::NotThereYet { .. } => "this build cannot read it",
            Self::Kubeconfig(_) => "its context cannot be used",
            Self::Pinned(_) | Self::Elsewhere { .. } => "what answers is another cluster",
            Self::NotGiven => "nothing says how it is read",
        }
    }
}

impl From<CallError> for LiveError {
    fn from(error: CallError) -> Self {
        Self::Kubernetes(Box::new(error))
    }
}

impl From<WorldError> for LiveError {
    /// What is wrong with a file reads the same, whoever needed it.
    fn from(error: WorldError) -> Self {
        match error {
            WorldError::Definition(error) => *error,
            WorldError::Unbuildable { .. }
            | WorldError::Snapshot { .. }
            | WorldError::Changed { .. }
            | WorldError::NoCluster { .. }
            | WorldError::InUse { .. }
            | WorldError::Disk { .. } => Self::World(Box::new(error)),
        }
    }
}

fn at(place: &Option<(usize, usize)>) -> String {
    place.map_or_else(String::new, |(line, column)| format!(":{line}:{column}"))
}

/// Returns the error's text without the hint at its end.
pub(crate) fn without_hint(error: &RenderError) -> String {
    let text = error.to_string();
    match &error.hint {
        Some(hint) => text
            .strip_suffix(&format!("\nHint: {hint}"))
            .map_or_else(|| text.clone(), str::to_owned),
        None => text,
    }
}

impl LiveError {
    /// Returns what to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unparsable(error) => error.hint.clone(),
            Self::Shape { shape, .. } => shape.hint.clone(),
            Self::Config { error, .. } => error.hint.clone(),
            Self::World(error) => error.hint(),
            Self::Kubernetes(error) => error.hint(),
            Self::WrongKind { .. } => Some(
                "`stairway schema observation` prints what a recorded cluster looks like"
                    .to_owned(),
            ),
            Self::Format { .. } => Some("record the cluster again with this version".to_owned()),
            Self::Contradiction { .. } => Some("record the cluster again".to_owned()),
            Self::OutsideRoot { .. } => Some(
                "keep recorded clusters in the repository, or widen the root with `--root DIR`"
                    .to_owned(),
            ),
            Self::Kubeconfig(error) => error.hint.clone(),
            Self::Pinned(_) => Some(
                "mend the pin in the fleet file (`live.kubernetes`), or the kubeconfig: one of them is of another cluster"
                    .to_owned(),
            ),
            Self::Elsewhere { .. } => Some(
                "mend `live.kubernetes.context` or `aws` of the cluster in the fleet file".to_owned(),
            ),
            Self::NotThereYet { .. } | Self::NotGiven => Some(
                "give a recorded observation, or a config to be taken as live, with `--live FILE`"
                    .to_owned(),
            ),
            Self::Count { .. } => Some("name the config of one cluster beside it".to_owned()),
            Self::Unreadable(_) => None,
        }
    }
}
