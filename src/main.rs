//! The `stairway` program.

use stairway::{cli, render};
use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    let argv: Vec<OsString> = std::env::args_os().collect();
    // Our own binary evaluates jsonnet in a process of its own, with limits.
    if argv
        .get(1)
        .is_some_and(|first| first == render::WORKER_ARGUMENT)
    {
        return ExitCode::from(render::worker_main());
    }
    cli::run(argv)
}
