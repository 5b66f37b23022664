//! What can be wrong with a fleet file.

use super::shape::ShapeError;
use crate::files::FileError;
use crate::render::RenderError;
use std::fmt;

/// Why a fleet file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// It could not be read.
    #[error("Reading the fleet file failed")]
    Unreadable(#[source] FileError),
    /// It could not be parsed or evaluated.
    #[error("Reading the fleet file failed")]
    Unparsable(#[source] RenderError),
    /// It is something else: Rancher's Fleet has files of the same name.
    #[error("`{file}` is not a stairway fleet: {why}")]
    NotAFleet {
        /// The file as shown.
        file: String,
        /// What it is.
        why: String,
    },
    /// Something in it is wrong.
    #[error("{0}")]
    Wrong(FleetProblem),
    /// Two files in one folder could be meant.
    #[error("Both `{first}` and `{second}` could be the fleet")]
    Ambiguous {
        /// One.
        first: String,
        /// The other.
        second: String,
    },
}

/// Something wrong at one place of a fleet file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FleetProblem {
    /// The file as shown.
    pub file: String,
    /// Line and column from 1; none in a file that was evaluated.
    pub place: Option<(usize, usize)>,
    /// What and where in the value.
    pub shape: ShapeError,
}

impl fmt::Display for FleetProblem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.file)?;
        if let Some((line, column)) = self.place {
            write!(out, ":{line}:{column}")?;
        }
        write!(out, ": `{}`: {}", self.shape.path, self.shape.message)
    }
}

impl FleetError {
    /// Returns what to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unreadable(_) => None,
            Self::Unparsable(error) => error.hint.clone(),
            Self::NotAFleet { .. } => Some(
                "name the fleet with `--fleet FILE`, or plan one config with `stairway plan CONFIG --live FILE`"
                    .to_owned(),
            ),
            Self::Wrong(problem) => problem.shape.hint.clone(),
            Self::Ambiguous { first, .. } => Some(format!("choose one with `--fleet {first}`")),
        }
    }
}
