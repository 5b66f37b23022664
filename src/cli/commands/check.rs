//! `stairway check`

use crate::cli::error::CliError;
use crate::cli::request::CheckRequest;
use crate::cli::session::Session;

/// Prints the findings of every cluster.
///
/// # Errors
/// Nothing could be selected.
pub(crate) fn run(_session: &mut Session<'_>, _request: &CheckRequest) -> Result<u8, CliError> {
    Err(CliError::user("`stairway check` is not built yet"))
}
