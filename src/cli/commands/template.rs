//! `stairway template`

use crate::cli::args::TemplateArgs;
use crate::cli::error::CliError;
use crate::cli::session::Session;

/// Shows what regenerating a config would change.
///
/// # Errors
/// The config was not generated, or its template cannot be read.
pub(crate) fn run(_session: &mut Session<'_>, _request: &TemplateArgs) -> Result<u8, CliError> {
    Err(CliError::user("`stairway template` is not built yet"))
}
