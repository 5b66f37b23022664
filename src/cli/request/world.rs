//! `stairway world`, checked.

use crate::cli::ambient::Ambient;
use crate::cli::args::{DiffFormat, WorldArgs, WorldCommand};
use crate::cli::error::CliError;
use stairway_world::{Fault, Misbehaviour};
use std::path::PathBuf;

/// A `world`.
#[derive(Debug)]
pub enum WorldRequest {
    /// Print it.
    Show {
        /// The definition.
        file: PathBuf,
        /// How to print.
        format: DiffFormat,
    },
    /// Let time pass.
    Advance {
        /// The definition.
        file: PathBuf,
        /// How long.
        seconds: u32,
    },
    /// Let something misbehave.
    Break {
        /// The definition.
        file: PathBuf,
        /// The cluster.
        cluster: String,
        /// What, whom and how often.
        misbehaviour: Misbehaviour,
    },
    /// Switch misbehaviours off.
    Mend {
        /// The definition.
        file: PathBuf,
        /// The cluster.
        cluster: String,
    },
    /// Begin again.
    Reset {
        /// The definition.
        file: PathBuf,
    },
    /// List misbehaviours.
    Faults,
}

pub(super) fn check(args: WorldArgs, ambient: &Ambient) -> Result<WorldRequest, CliError> {
    let place = |file: PathBuf| ambient.cwd.join(file);
    Ok(match args.command {
        WorldCommand::Show { file, format } => WorldRequest::Show {
            file: place(file),
            format,
        },
        WorldCommand::Advance { file, duration } => WorldRequest::Advance {
            file: place(file),
            seconds: duration,
        },
        WorldCommand::Break {
            file,
            cluster,
            fault,
            subject,
            times,
        } => WorldRequest::Break {
            file: place(file),
            cluster,
            misbehaviour: misbehaviour(&fault, subject, times)?,
        },
        WorldCommand::Mend { file, cluster } => WorldRequest::Mend {
            file: place(file),
            cluster,
        },
        WorldCommand::Reset { file } => WorldRequest::Reset { file: place(file) },
        WorldCommand::Faults => WorldRequest::Faults,
    })
}

/// Reads `FAULT` or `FAULT:SUBJECT`.
///
/// # Errors
/// There is no such misbehaviour, or two subjects are given.
pub fn misbehaviour(
    text: &str,
    subject: Option<String>,
    times: u32,
) -> Result<Misbehaviour, CliError> {
    let (name, own) = match text.split_once(':') {
        Some((name, own)) => (name, Some(own.to_owned())),
        None => (text, None),
    };
    let fault: Fault = name.parse().map_err(|why: String| {
        CliError::usage(why).hint("`stairway world faults` says what each of them does")
    })?;
    if let (Some(own), Some(subject)) = (&own, &subject) {
        return Err(CliError::usage(format!(
            "Two subjects are given: `{own}` and `{subject}`"
        )));
    }
    Ok(Misbehaviour {
        fault,
        subject: own.or(subject).filter(|name| !name.is_empty()),
        times,
    })
}
