//! `stairway init`

use crate::cli::args::InitArgs;
use crate::cli::error::CliError;
use crate::cli::session::Session;

/// Writes a new repository, or a new cluster's config.
///
/// # Errors
/// The folder is in use, or the file system refused.
pub(crate) fn run(_session: &mut Session<'_>, _request: &InitArgs) -> Result<u8, CliError> {
    Err(CliError::user("`stairway init` is not built yet"))
}
