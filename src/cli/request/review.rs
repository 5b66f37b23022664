//! A checked `check`.

use super::{Work, work};
use crate::cli::ambient::Ambient;
use crate::cli::args::{CheckArgs, CheckFormat};
use crate::cli::error::CliError;
use crate::pipeline::PlanOptions;
use stairway_core::model::Timestamp;

/// A `check`.
#[derive(Debug)]
pub struct CheckRequest {
    /// Which clusters.
    pub work: Work,
    /// What is asked of every plan.
    pub options: PlanOptions,
    /// The time for which calendars are read.
    pub at: Option<Timestamp>,
    /// How to print.
    pub format: CheckFormat,
}

pub(super) fn check(args: CheckArgs, ambient: &Ambient) -> Result<CheckRequest, CliError> {
    let CheckArgs {
        scope,
        to,
        at,
        format,
    } = args;
    Ok(CheckRequest {
        work: work(scope, &[], ambient)?,
        options: PlanOptions {
            to,
            ..PlanOptions::default()
        },
        at,
        format,
    })
}
