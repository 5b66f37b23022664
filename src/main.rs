//! The `stairway` program, and under the name `eksctl` its stand-in on the embedded world.

use stairway::actuate::stand_in;
use stairway::{cli, render};
use std::ffi::OsString;
use std::process::ExitCode;

#[expect(
    clippy::disallowed_methods,
    reason = "the stand-in is told its world before there is a command line"
)]
fn main() -> ExitCode {
    let argv: Vec<OsString> = std::env::args_os().collect();
    if stand_in::is_meant(&argv) {
        let world = std::env::var_os(stand_in::WORLD);
        let cluster = std::env::var_os(stand_in::CLUSTER);
        return ExitCode::from(stand_in::main(&argv, world.as_deref(), cluster.as_deref()));
    }
    // Our own binary evaluates jsonnet in a process of its own, with limits.
    if argv
        .get(1)
        .is_some_and(|first| first == render::WORKER_ARGUMENT)
    {
        return ExitCode::from(render::worker_main());
    }
    cli::run(argv)
}
