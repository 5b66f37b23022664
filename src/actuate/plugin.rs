//! `aws eks get-token`, the one plugin of a kubeconfig that is run: as a tool, with a scrubbed environment.

use super::process::{self, Start, ToolEnvironment};
use crate::drive::Interrupt;
use crate::files::TemporaryDir;
use crate::kubernetes::RunPlugin;
use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

/// The program, found on PATH.
const AWS: &str = "aws";
/// One call of STS at most; the CLI's own start takes a second or two.
const AT_MOST: Duration = Duration::from_secs(60);

/// Returns what runs the plugin with this environment.
pub fn aws_plugin(environment: ToolEnvironment) -> RunPlugin {
    Arc::new(move |argv, env| run(&environment, argv, env))
}

fn run(
    environment: &ToolEnvironment,
    argv: &[String],
    env: &[(String, String)],
) -> Result<String, String> {
    let found = environment.find(AWS);
    let program = found
        .first()
        .ok_or_else(|| format!("there is no `{AWS}` on PATH"))?;
    let mut own = environment.clone();
    for (name, value) in env {
        own = own.with(name, value);
    }
    let folder = TemporaryDir::create().map_err(|error| error.to_string())?;
    let start = Start {
        program,
        name: None,
        argv,
        environment: &own,
        folder: folder.path(),
        grace: process::GRACE,
    };
    let (mut out, mut last) = (String::new(), String::new());
    let mut hear = |line: &str, is_complaint: bool| {
        if is_complaint {
            line.clone_into(&mut last);
        } else {
            out.push_str(line);
            out.push('\n');
        }
    };
    // The question is asked once in each `LOOK`.
    let looks = Cell::new(0_u32);
    let patience = || {
        looks.set(looks.get() + 1);
        if process::LOOK * looks.get() > AT_MOST {
            Interrupt::Twice
        } else {
            Interrupt::None
        }
    };
    let ended = process::run(&start, &mut hear, &patience).map_err(|error| error.to_string())?;
    if ended.stopped {
        return Err(format!("it did not end within {} s", AT_MOST.as_secs()));
    }
    if !ended.status.success() {
        let last = super::output::discreet(last.trim());
        return Err(format!("{}: {last}", ended.status));
    }
    Ok(out)
}
