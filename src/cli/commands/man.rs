//! `stairway man` and `stairway completions`; the one door to `clap_mangen` and `clap_complete`.

use crate::cli::error::CliError;
use crate::cli::exit_code;
use crate::cli::session::Session;
use crate::files;
use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;
use std::fmt::Write as _;
use std::path::Path;

/// Prints the page of the program, or writes the page of every command to `out`.
///
/// # Errors
/// Stdout or the folder cannot take it.
pub(crate) fn run(
    session: &mut Session<'_>,
    command: Command,
    out: Option<&Path>,
) -> Result<u8, CliError> {
    let Some(out) = out else {
        let page = page(command.after_long_help(exit_codes()))?;
        session.terminal.bytes(&page)?;
        return Ok(exit_code::DONE);
    };
    let folder = session.ambient.cwd.join(out);
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let name = command.get_name().to_owned();
    for inner in command.get_subcommands() {
        let page_name = format!("{name}-{}", inner.get_name());
        files::write_atomic(
            &folder.join(format!("{page_name}.1")),
            &page(inner.clone())?,
        )?;
    }
    let top = page(command.after_long_help(exit_codes()))?;
    files::write_atomic(&folder.join(format!("{name}.1")), &top)?;
    session
        .terminal
        .say(&format!("Wrote the manual pages to {}", out.display()));
    Ok(exit_code::DONE)
}

/// Prints a completion script.
///
/// # Errors
/// Stdout cannot take it.
pub(crate) fn completions(
    session: &mut Session<'_>,
    mut command: Command,
    shell: Shell,
) -> Result<u8, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "stairway", &mut script);
    session.terminal.bytes(&script)?;
    Ok(exit_code::DONE)
}

fn page(command: Command) -> Result<Vec<u8>, CliError> {
    let mut page = Vec::new();
    Man::new(command)
        .render(&mut page)
        .map_err(|error| CliError::internal(format!("Making the manual page failed: {error}")))?;
    Ok(page)
}

fn exit_codes() -> String {
    let mut text = "Exit codes:\n".to_owned();
    for (code, meaning) in exit_code::TABLE {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {code}: {meaning}");
    }
    text
}
