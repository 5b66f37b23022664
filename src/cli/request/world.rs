//! `stairway world`, checked.

use crate::cli::ambient::Ambient;
use crate::cli::args::{DiffFormat, ServeArgs, ServeRole, WorldArgs, WorldCommand};
use crate::cli::error::CliError;
use crate::serve::Role;
use stairway_world::{Fault, Misbehaviour};
use std::path::PathBuf;
use std::time::Duration;

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
    /// Serve it as a Kubernetes API.
    Serve(ServeRequest),
    /// List misbehaviours.
    Faults,
}

/// A `world serve`.
#[derive(Debug)]
pub struct ServeRequest {
    /// The definition.
    pub file: PathBuf,
    /// One cluster, or all.
    pub cluster: Option<String>,
    /// The first port; 0 for any.
    pub port: u16,
    /// Where the kubeconfig goes; beside the world when none.
    pub kubeconfig: Option<PathBuf>,
    /// The token; a random one when none.
    pub token: Option<String>,
    /// What it allows.
    pub role: Role,
    /// False for plain HTTP.
    pub tls: bool,
    /// Virtual seconds per second.
    pub pace: u32,
    /// How long to wait for a next request; for ever when none.
    pub until_idle: Option<Duration>,
    /// Milliseconds before each answer.
    pub delay_ms: Option<u64>,
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
        WorldCommand::Serve(args) => WorldRequest::Serve(serve(args, ambient)?),
        WorldCommand::Faults => WorldRequest::Faults,
    })
}

fn serve(args: ServeArgs, ambient: &Ambient) -> Result<ServeRequest, CliError> {
    let plain = |token: &String| !token.is_empty() && token.chars().all(|c| c.is_ascii_graphic());
    if args.token.as_ref().is_some_and(|token| !plain(token)) {
        // RFC 6750 §2.1: a token has no spaces.
        let message = "--token is empty, or has a character that no bearer token may have";
        return Err(CliError::usage(message).hint("leave it out: then a random one is made"));
    }
    Ok(ServeRequest {
        file: ambient.cwd.join(args.file),
        cluster: args.cluster,
        port: args.port.unwrap_or(0),
        kubeconfig: args.kubeconfig.map(|out| ambient.cwd.join(out)),
        token: args.token,
        role: match args.role {
            ServeRole::Plan => Role::Plan,
            ServeRole::Apply => Role::Apply,
            ServeRole::Admin => Role::Admin,
        },
        tls: !args.insecure_http,
        pace: args.pace.unwrap_or(0),
        delay_ms: args.delay_ms,
        until_idle: args
            .until_idle
            .map(|seconds| Duration::from_secs(u64::from(seconds))),
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
