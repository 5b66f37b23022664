//! The inside of a render worker: reads jobs, evaluates them, answers.

use std::any::Any;
use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::error::{RenderError, RenderErrorKind};
use super::frame::{Answer, Evaluated, GREETING, Job, Setup, receive, send};
use super::jsonnet;
use super::limits::{Limits, Usage, confine, grant_cpu};
use super::sources::Shelf;

/// The stack that jobs are evaluated on. The evaluator itself keeps its frames
/// on the heap; its parser recurses, 1 to 2 kB for each bracket, so that this
/// takes more nesting than a source file of the largest size can have in
/// practice. Pages that are not touched cost nothing.
const STACK_BYTES: usize = 256 << 20;

/// A job that leaves more than this part of the memory limit behind ends its
/// worker, so that the next file has all of the memory it is entitled to.
const RETIRE_PART: u64 = 4;

/// Exit codes that only the parent sees.
const DONE: u8 = 0;
const BROKEN: u8 = 70;

/// Runs the process as a render worker: jobs on stdin, answers on stdout, until
/// stdin ends. Entered by the hidden `stairway __render-worker`.
///
/// Returns the exit code of the process.
pub fn worker_main() -> u8 {
    let evaluation = std::thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(|| serve(&mut io::stdin().lock(), &mut io::stdout().lock()));
    match evaluation.map(std::thread::JoinHandle::join) {
        Ok(Ok(Ok(()))) => DONE,
        Ok(Ok(Err(_)) | Err(_)) | Err(_) => BROKEN,
    }
}

fn serve(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    to.write_all(GREETING)?;
    to.flush()?;
    let Some((Setup { limits }, _)) = receive(from, 0)? else {
        return Ok(());
    };
    confine(&limits).map_err(io::Error::other)?;
    let at_first = Usage::now();
    let mut usage = at_first;
    let mut shelf = Shelf::default();
    while let Some((job, _)) = receive::<Job>(from, 0)? {
        grant_cpu(limits.cpu_seconds, usage).map_err(io::Error::other)?;
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            jsonnet::evaluate(&job, &limits, &mut shelf)
        }));
        // After a panic nothing that the evaluator touched is trusted.
        let panicked = outcome.is_err();
        let outcome = outcome.unwrap_or_else(|cause| Err(of_panic(&job, &limits, cause.as_ref())));
        usage = Usage::now();
        let grown = at_first.zip(usage).is_some_and(|(first, now)| {
            now.grown_since(&first) > limits.memory_bytes / RETIRE_PART
        });
        let retires = panicked || grown;
        reply(to, outcome, retires)?;
        if retires {
            break;
        }
    }
    Ok(())
}

fn reply(
    to: &mut impl Write,
    outcome: Result<(Evaluated, String), RenderError>,
    retires: bool,
) -> io::Result<()> {
    let (outcome, text) = match outcome {
        Ok((evaluated, text)) => (Ok(evaluated), text),
        Err(error) => (Err(error), String::new()),
    };
    send(to, &Answer { outcome, retires }, text.as_bytes())
}

/// A bug of the evaluator, or an allocation so large that it is refused before
/// the system is asked.
fn of_panic(job: &Job, limits: &Limits, cause: &(dyn Any + Send)) -> RenderError {
    let said = cause
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| cause.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no reason given");
    if said.contains("capacity overflow") {
        return over_memory(&job.display, limits);
    }
    RenderError::new(
        RenderErrorKind::EvaluatorFailed,
        &job.display,
        &format!("the evaluator failed on this file: {said}"),
    )
}

/// An evaluation that asked for more memory than it may have.
pub(super) fn over_memory(display: &str, limits: &Limits) -> RenderError {
    let message = format!(
        "the evaluation needs more than {} MiB of memory",
        limits.memory_bytes >> 20
    );
    RenderError::new(RenderErrorKind::MemoryLimit, display, &message)
        .hint("look for a value that grows without end")
}
