//! The user's own git, run as a tool: no terminal, no editor, no prompt, bounded time.

use super::process::{self, Start, ToolEnvironment};
use crate::drive::Interrupt;
use crate::vcs::{GitCall, GitSaid, RunGit};
use std::cell::Cell;
use std::sync::Arc;

/// The program, found on PATH.
const GIT: &str = "git";
/// More than any answer that is asked for; a server that sends more is not listened to.
const SAID_BYTES_MAX: usize = 4 << 20;

/// Returns what runs git with this environment.
pub fn git_tool(environment: ToolEnvironment) -> RunGit {
    let environment = environment
        .with("GIT_TERMINAL_PROMPT", "0")
        .with("GCM_INTERACTIVE", "never")
        .with("GIT_EDITOR", ":")
        .with("GIT_PAGER", "cat")
        // Its words are read.
        .with("LC_ALL", "C");
    Arc::new(move |call| run(&environment, call))
}

fn run(environment: &ToolEnvironment, call: &GitCall<'_>) -> Result<GitSaid, String> {
    let found = environment.find(GIT);
    let program = found
        .first()
        .ok_or_else(|| format!("there is no `{GIT}` on PATH"))?;
    let mut own = environment.clone();
    for (name, value) in call.env {
        own = own.with(name, value);
    }
    let start = Start {
        program,
        name: None,
        argv: call.argv,
        environment: &own,
        folder: call.folder,
        grace: process::GRACE,
    };
    let mut said = GitSaid::default();
    let mut hear = |line: &str, is_complaint: bool| {
        let text = if is_complaint {
            &mut said.err
        } else {
            &mut said.out
        };
        if text.len() + line.len() < SAID_BYTES_MAX {
            text.push_str(line);
            text.push('\n');
        }
    };
    // The question is asked once in each `LOOK`.
    let looks = Cell::new(0_u32);
    let patience = || {
        looks.set(looks.get().saturating_add(1));
        if process::LOOK.saturating_mul(looks.get()) > call.at_most {
            Interrupt::Twice
        } else {
            Interrupt::None
        }
    };
    let ended = process::run(&start, &mut hear, &patience).map_err(|error| error.to_string())?;
    if ended.stopped {
        return Err(format!(
            "it did not end within {} s",
            call.at_most.as_secs()
        ));
    }
    said.ok = ended.status.success();
    Ok(said)
}
