//! Render workers seen from outside: started, asked, and replaced when they die.
//!
//! A worker is our own binary, started again with an empty environment. It may
//! be killed by what it evaluates; that is an error of one file. This is the
//! only file that starts a process for rendering.

use std::ffi::OsString;
use std::io::{BufReader, Read};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use super::error::{RenderError, RenderErrorKind, printable};
use super::frame::{Answer, Evaluated, GREETING, Job, Setup, receive, send};
use super::limits::Limits;
use super::serve::over_memory;

/// The argument that makes our binary a render worker.
pub const WORKER_ARGUMENT: &str = "__render-worker";

/// A worker greets within milliseconds; a machine under load is given time.
const START: Duration = Duration::from_secs(10);
/// A test harness writes a few lines before our greeting; a program that is no
/// worker is not listened to for longer.
const PREAMBLE_BYTES: usize = 4 << 10;
/// The runtime's last words are one line.
const LAST_WORDS_BYTES: u64 = 8 << 10;

/// Signals that say why a worker died; the numbers are the same on all Unix
/// systems that Rust supports.
const SIGKILL: i32 = 9;
const SIGSEGV: i32 = 11;
const SIGXCPU: i32 = 24;

/// What is run for jsonnet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum WorkerMode {
    /// Our own executable with [`WORKER_ARGUMENT`].
    #[default]
    OwnBinary,
    /// Another program that ends in [`super::worker_main`]: tests and benches,
    /// whose own executable is a test harness.
    Command {
        /// The executable.
        program: PathBuf,
        /// Its arguments.
        args: Vec<OsString>,
    },
    /// No process: the calling thread evaluates, and nothing bounds it but the
    /// evaluator's stack. For trusted files only, such as those of benches.
    InProcess,
}

type Reply = std::io::Result<Option<(Answer, Vec<u8>)>>;

/// A running worker.
pub(super) struct Worker {
    child: Child,
    stdin: ChildStdin,
    replies: Receiver<Reply>,
    mode: WorkerMode,
    limits: Limits,
}

/// What became of a job.
pub(super) struct Answered {
    pub(super) outcome: Result<(Evaluated, Vec<u8>), RenderError>,
    /// Whether the worker takes another job; otherwise it must be dropped.
    pub(super) alive: bool,
}

impl Worker {
    /// Starts a worker and waits for its greeting; an error is in words.
    pub(super) fn start(mode: &WorkerMode, limits: &Limits) -> Result<Self, String> {
        let mut child = spawn(mode)?;
        let (Some(mut stdin), Some(mut stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the worker has no pipes".to_owned());
        };
        let (greeted, greeting) = channel();
        let (sender, replies) = channel();
        let limit = limits.output_bytes;
        let listener = std::thread::Builder::new()
            .name("render-replies".to_owned())
            .spawn(move || {
                let hello = await_greeting(&mut stdout);
                let failed = hello.is_err();
                if greeted.send(hello).is_err() || failed {
                    return;
                }
                let mut stdout = BufReader::new(stdout);
                loop {
                    let reply: Reply = receive(&mut stdout, limit);
                    let last = !matches!(reply, Ok(Some(_)));
                    if sender.send(reply).is_err() || last {
                        return;
                    }
                }
            });
        let setup = Setup { limits: *limits };
        let ready = listener
            .map_err(|cause| cause.to_string())
            .and_then(|_| match greeting.recv_timeout(START) {
                Ok(Ok(())) => Ok(()),
                Ok(Err(why)) => Err(why),
                Err(_) => Err("it does not answer".to_owned()),
            })
            .and_then(|()| send(&mut stdin, &setup, &[]).map_err(|cause| cause.to_string()));
        if let Err(why) = ready {
            let (status, said) = end(&mut child);
            let status = status.map_or_else(String::new, |s| format!(", {s}"));
            return Err(format!("{why}{status}{}", quoted(&said)));
        }
        Ok(Self {
            child,
            stdin,
            replies,
            mode: mode.clone(),
            limits: *limits,
        })
    }

    /// Whether this worker serves such jobs.
    pub(super) fn fits(&self, mode: &WorkerMode, limits: &Limits) -> bool {
        self.mode == *mode && self.limits == *limits
    }

    /// Gives the worker a job. An error means that it was dead before.
    pub(super) fn give(&mut self, job: &Job) -> std::io::Result<()> {
        send(&mut self.stdin, job, &[])
    }

    /// Waits for the end of the job that was given.
    pub(super) fn wait(&mut self, job: &Job) -> Answered {
        let patience = Duration::from_secs(u64::from(self.limits.wall_seconds));
        let outcome = match self.replies.recv_timeout(patience) {
            Ok(Ok(Some((answer, body)))) => {
                let alive = !answer.retires;
                let outcome = answer.outcome.map(|evaluated| (evaluated, body));
                return Answered { outcome, alive };
            }
            Err(RecvTimeoutError::Timeout) => {
                let message = format!(
                    "the evaluation does not end within {} s",
                    self.limits.wall_seconds
                );
                RenderError::new(RenderErrorKind::TimeLimit, &job.display, &message)
            }
            Ok(Ok(None) | Err(_)) | Err(RecvTimeoutError::Disconnected) => {
                let (status, said) = end(&mut self.child);
                explain_death(&job.display, &self.limits, status, &said)
            }
        };
        Answered {
            outcome: Err(outcome),
            alive: false,
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // A worker holds nothing that is worth a farewell. It is this process's
        // child, so the pid cannot have gone to another one before the wait.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "render workers are started here only"
)]
fn spawn(mode: &WorkerMode) -> Result<Child, String> {
    let (program, args) = match mode {
        WorkerMode::Command { program, args } => (program.clone(), args.clone()),
        WorkerMode::OwnBinary | WorkerMode::InProcess => {
            let own = std::env::current_exe().map_err(|cause| cause.to_string())?;
            (own, vec![OsString::from(WORKER_ARGUMENT)])
        }
    };
    std::process::Command::new(&program)
        .args(args)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|cause| format!("starting it failed: {cause}"))
}

/// Reads up to and including the greeting.
fn await_greeting(from: &mut impl Read) -> Result<(), String> {
    let mut seen = Vec::new();
    let mut byte = [0];
    while !seen.ends_with(GREETING) {
        if seen.len() > PREAMBLE_BYTES {
            return Err("it is no render worker of this version".to_owned());
        }
        match from.read(&mut byte) {
            Ok(0) => return Err("it ends without a greeting".to_owned()),
            Ok(_) => seen.push(byte[0]),
            Err(cause) => return Err(cause.to_string()),
        }
    }
    Ok(())
}

/// Ends a process for certain; returns how it ended and what it said at last.
fn end(child: &mut Child) -> (Option<ExitStatus>, String) {
    // A process that is already ending keeps the cause that it is ending for.
    let _ = child.kill();
    let status = child.wait().ok();
    let mut said = Vec::new();
    if let Some(stderr) = child.stderr.take() {
        let _ = stderr.take(LAST_WORDS_BYTES).read_to_end(&mut said);
    }
    (status, String::from_utf8_lossy(&said).into_owned())
}

fn explain_death(
    display: &str,
    limits: &Limits,
    status: Option<ExitStatus>,
    said: &str,
) -> RenderError {
    let signal = status.and_then(|status| status.signal());
    let cpu = || {
        let message = format!(
            "the evaluation needs more than {} s of processor time",
            limits.cpu_seconds
        );
        RenderError::new(RenderErrorKind::CpuLimit, display, &message)
            .hint("look for a loop or a recursion without end")
    };
    let stack = || {
        let message = "the evaluation nests deeper than its stack";
        RenderError::new(RenderErrorKind::StackLimit, display, message)
            .hint("look for brackets or calls that nest without end")
    };
    match signal {
        Some(SIGXCPU) => cpu(),
        _ if said.contains("memory allocation of") => over_memory(display, limits),
        _ if said.contains("overflowed its stack") => stack(),
        Some(SIGSEGV) => stack(),
        Some(SIGKILL) => {
            let message = "the system killed the evaluation, as it does when memory runs out";
            RenderError::new(RenderErrorKind::MemoryLimit, display, message)
                .hint("use a lower --parallelism, or look for a value that grows without end")
        }
        Some(_) | None => {
            let how = status.map_or_else(|| "of unknown cause".to_owned(), |s| s.to_string());
            let message = format!("the render worker died ({how}){}", quoted(said));
            RenderError::new(RenderErrorKind::EvaluatorFailed, display, &message)
        }
    }
}

fn quoted(said: &str) -> String {
    let said = said.trim();
    if said.is_empty() {
        String::new()
    } else {
        format!(": {}", printable(said, 300))
    }
}
