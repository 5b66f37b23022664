//! `stairway merge`

use crate::cli::args::MergeArgs;
use crate::cli::error::CliError;
use crate::cli::session::Session;

/// Puts plan sets together.
///
/// # Errors
/// A set cannot be read.
pub(crate) fn run(_session: &mut Session<'_>, _request: &MergeArgs) -> Result<u8, CliError> {
    Err(CliError::user("`stairway merge` is not built yet"))
}
