//! A checked `check`.

use super::{Work, work};
use crate::cli::ambient::Ambient;
use crate::cli::args::{CheckArgs, CheckFormat, ReviewArgs, SeverityFloor};
use crate::cli::error::CliError;
use crate::pipeline::PlanOptions;
use stairway_core::model::Timestamp;
use stairway_core::plan::wire::Severity;
use std::path::PathBuf;

/// A `check`.
#[derive(Debug)]
pub struct CheckRequest {
    /// Where the findings come from.
    pub from: CheckSource,
    /// The least severity that is shown.
    pub floor: Severity,
    /// How to print.
    pub format: CheckFormat,
    /// What to write besides.
    pub review: ReviewArgs,
}

/// Where findings come from.
#[derive(Debug)]
pub enum CheckSource {
    /// Clusters, planned now.
    Clusters {
        /// Which.
        work: Box<Work>,
        /// What is asked of every plan.
        options: PlanOptions,
        /// The time for which calendars are read.
        at: Option<Timestamp>,
    },
    /// Plans that were made before.
    Plans(PathBuf),
}

pub(super) fn check(args: CheckArgs, ambient: &Ambient) -> Result<CheckRequest, CliError> {
    let CheckArgs {
        scope,
        plans,
        to,
        at,
        severity,
        format,
        review,
    } = args;
    crate::cli::review::refuse_paths(&review, &ambient.cwd)?;
    let from = match plans {
        Some(file) => CheckSource::Plans(file),
        None => CheckSource::Clusters {
            work: Box::new(work(scope, &[], ambient)?),
            options: PlanOptions {
                to,
                ..PlanOptions::default()
            },
            at,
        },
    };
    let floor = match severity {
        SeverityFloor::Mandatory => Severity::Mandatory,
        SeverityFloor::Blocking => Severity::Blocking,
        SeverityFloor::Warning => Severity::Warning,
        SeverityFloor::Note => Severity::Note,
    };
    Ok(CheckRequest {
        from,
        floor,
        format,
        review,
    })
}
