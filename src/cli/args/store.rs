//! Where plans are, when not in a folder, as it is typed.

use crate::store::branch::PREFIX;
use clap::Args;

/// A branch as the store of plans, approvals and journals.
#[derive(Clone, Debug, Default, Args)]
pub struct StoreArgs {
    /// Keep plans, approvals and journals on this git branch, and push it at every step
    ///
    /// The branch has them below plans/, as a folder would; it must not be checked out anywhere. No step
    /// begins before its intent is pushed, so that anyone can resume the run from another clone.
    #[arg(long, value_name = "branch:NAME", value_parser = branch_name)]
    pub store: Option<String>,
    /// The remote that the branch is pushed to [default: origin, where there is one]
    #[arg(long, value_name = "NAME", requires = "store")]
    pub remote: Option<String>,
}

pub(super) fn branch_name(text: &str) -> Result<String, String> {
    match text.strip_prefix(PREFIX) {
        Some(name) if !name.is_empty() => Ok(name.to_owned()),
        Some(_) | None => Err(format!(
            "a store is written `{PREFIX}NAME`, as `{PREFIX}runs`"
        )),
    }
}
