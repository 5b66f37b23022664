//! The command line: argv to a request, a request to one call chain, errors to messages and codes.

pub mod ambient;
pub mod args;
mod branch;
mod carry;
mod commands;
pub mod error;
pub mod exit_code;
pub mod not_built;
mod progress;
pub mod request;
mod review;
mod screen;
mod session;
mod subject;
pub mod terminal;
mod waves;

use crate::render::{Evaluator, SourceFormat};
use ambient::Ambient;
use args::{Cli, START_HERE};
use clap::error::ErrorKind as ClapKind;
use clap::{CommandFactory as _, FromArgMatches as _};
use error::CliError;
use request::Request;
use session::Session;
use stairway_core::catalog::Catalog;
use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::LazyLock;
use terminal::Terminal;

/// Runs the program on `argv`, the name of the program included.
pub fn run(argv: Vec<OsString>) -> ExitCode {
    let ambient = match Ambient::read() {
        Ok(ambient) => ambient,
        Err(error) => return without_place(&error),
    };
    let mut terminal = Terminal::of_process(&ambient);
    ExitCode::from(run_in(argv, &ambient, &mut terminal))
}

/// Runs the program with everything that it knows of its place given; returns the exit code.
pub fn run_in(argv: Vec<OsString>, ambient: &Ambient, terminal: &mut Terminal) -> u8 {
    let outcome = dispatch(argv, ambient, terminal);
    let flushed = terminal.flush().map_err(CliError::from);
    match outcome.and_then(|code| flushed.map(|()| code)) {
        Ok(code) => code,
        Err(error) => {
            error.print(terminal);
            error.exit_code()
        }
    }
}

/// The working directory is gone: nothing can be read relative to it.
fn without_place(error: &std::io::Error) -> ExitCode {
    let mut terminal = Terminal::to_writers(Box::new(std::io::sink()), Box::new(std::io::stderr()));
    let error = CliError::user(format!("Finding the working directory failed: {error}"))
        .hint("change to a folder that exists");
    error.print(&mut terminal);
    ExitCode::from(error.exit_code())
}

/// What `--version` says: a plan depends on all of it.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let evaluator = Evaluator::of(SourceFormat::Jsonnet);
    format!(
        "{} (catalog of {}, {} {})",
        env!("CARGO_PKG_VERSION"),
        Catalog::embedded().as_of().day(),
        evaluator.name,
        evaluator.version
    )
});

/// Returns the definition of the command line, as help, completions and manual show it.
pub fn command() -> clap::Command {
    Cli::command()
        .version(VERSION.as_str())
        .after_help(format!("{}\n\n{START_HERE}", not_built::paragraph()))
}

fn dispatch(
    argv: Vec<OsString>,
    ambient: &Ambient,
    terminal: &mut Terminal,
) -> Result<u8, CliError> {
    let parsed = command()
        .term_width(ambient.width)
        .try_get_matches_from(argv)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return not_parsed(&error, ambient, terminal),
    };
    let request = request::check(cli.command, ambient)?;
    let mut session = Session {
        ambient,
        terminal,
        catalog: Catalog::embedded(),
    };
    match request {
        Request::Help => {
            let help = command()
                .term_width(ambient.width)
                .render_help()
                .to_string();
            session.terminal.data(&help)?;
            Ok(exit_code::DONE)
        }
        Request::Render(request) => commands::render::run(&mut session, &request),
        Request::Observe(request) => commands::observe::run(&mut session, &request),
        Request::Diff(request) => commands::diff::run(&mut session, &request),
        Request::Plan(request) => commands::plan::run(&mut session, &request),
        Request::Check(request) => commands::check::run(&mut session, &request),
        Request::Merge(request) => commands::merge::run(&mut session, &request),
        Request::Init(request) => commands::init::run(&mut session, &request),
        Request::Template(request) => commands::template::run(&mut session, &request),
        Request::Show(request) => commands::show::run(&mut session, &request),
        Request::Approve(request) => commands::approve::run(&mut session, &request),
        Request::Apply(request) => commands::apply::run(&mut session, &request),
        Request::Status(request) => commands::status::run(&mut session, &request),
        Request::Rollback(request) => commands::rollback::run(&mut session, &request),
        Request::Rehearse(request) => commands::rehearse::run(&mut session, &request),
        Request::Drift(request) => commands::drift::run(&mut session, &request),
        Request::World(request) => commands::world::run(&mut session, &request),
        Request::Explain(request) => commands::explain::run(&mut session, &request),
        Request::Schema(name) => commands::schema::run(&mut session, name),
        Request::Completions(shell) => commands::man::completions(&mut session, command(), shell),
        Request::Man(out) => commands::man::run(&mut session, command(), out.as_deref()),
    }
}

/// Help and version are data and no error; everything else is a wrong command line.
fn not_parsed(
    error: &clap::Error,
    ambient: &Ambient,
    terminal: &mut Terminal,
) -> Result<u8, CliError> {
    let plain = error.render().to_string();
    let painted = error.render().ansi().to_string();
    if matches!(
        error.kind(),
        ClapKind::DisplayHelp | ClapKind::DisplayVersion
    ) {
        terminal.data(if ambient.color { &painted } else { &plain })?;
        return Ok(exit_code::DONE);
    }
    let text = plain.strip_prefix("error: ").unwrap_or(&plain).trim_end();
    Err(CliError::usage(text))
}

#[cfg(test)]
mod tests;
