//! A `drift`, checked.

use super::{Ambient, CliError, PLANS_FOLDER, StoreOption, Work, work};
use crate::cli::args::{DriftArgs, DriftFormat};
use crate::store::branch::DEFAULT_REMOTE;
use stairway_core::model::Timestamp;
use std::path::PathBuf;

/// A `drift`.
#[derive(Debug)]
pub struct DriftRequest {
    /// Which clusters.
    pub work: Work,
    /// The revision as which live is known to have been.
    pub base: Option<String>,
    /// The time for which calendars are read.
    pub at: Option<Timestamp>,
    /// Where reports are kept.
    pub keep: DriftKeep,
    /// The branch of the reports.
    pub branch: String,
    /// The remote that it is on.
    pub remote: String,
    /// The branch that has plans as well.
    pub store: Option<StoreOption>,
    /// Where plans are.
    pub plans: PathBuf,
    /// How to print.
    pub format: DriftFormat,
    /// Exit with 2 for new drift.
    pub detailed_exitcode: bool,
}

/// Where reports are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DriftKeep {
    /// Nowhere: they are compared and printed.
    Nowhere,
    /// In a folder.
    Folder(PathBuf),
    /// On a branch, and on a remote when one is named.
    Branch(Option<String>),
}

/// Checks what was typed.
///
/// # Errors
/// A value that makes no sense.
pub(super) fn drift(args: DriftArgs, ambient: &Ambient) -> Result<DriftRequest, CliError> {
    let DriftArgs {
        scope,
        base,
        at,
        out,
        commit,
        branch,
        push,
        remote,
        store,
        dir,
        format,
        detailed_exitcode,
    } = args;
    let store = store.map(|branch| StoreOption {
        branch,
        remote: remote.clone(),
    });
    let remote = remote.unwrap_or_else(|| DEFAULT_REMOTE.to_owned());
    let keep = match (out, commit) {
        (Some(folder), _) => DriftKeep::Folder(ambient.cwd.join(folder)),
        (None, true) => DriftKeep::Branch(push.then(|| remote.clone())),
        (None, false) => DriftKeep::Nowhere,
    };
    Ok(DriftRequest {
        work: work(scope, &[], ambient)?,
        base,
        at,
        keep,
        branch,
        remote,
        store,
        plans: ambient
            .cwd
            .join(dir.unwrap_or_else(|| PathBuf::from(PLANS_FOLDER))),
        format,
        detailed_exitcode,
    })
}
