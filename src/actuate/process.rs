//! Child processes: the one door to tokio, and to the environment that tools get.

#![expect(
    clippy::disallowed_methods,
    reason = "this file starts tools and reads the few variables that they need"
)]

use super::interrupts::Interrupts;
use crate::drive::Interrupt;
use rustix::process::{Pid, Signal, kill_process_group};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

/// How often the operator's wish to stop is looked at.
pub(super) const LOOK: Duration = Duration::from_millis(50);
/// After SIGTERM, a tool has this long to leave.
pub(super) const GRACE: Duration = Duration::from_secs(10);
/// A tool that ended may leave a child behind that keeps its pipes open; its words do not matter.
const PIPES_AFTER_EXIT: Duration = Duration::from_secs(2);
/// A line that does not end is cut here.
const LINE_BYTES_MAX: usize = 64 << 10;
const CHUNK_BYTES: usize = 16 << 10;

/// The variables of our own environment that tools get: to be found, and to find their credentials.
const PASSED_ON: [&str; 2] = ["PATH", "HOME"];

/// What git gets beside these: its credentials (agents, askpass, helpers of forges), how ssh is started, its
/// settings, keys to sign with, proxies and authorities. No `GIT_DIR` and nothing else that would turn it to
/// another repository (git(1), "Environment Variables"; curl(1), "ENVIRONMENT").
const PASSED_TO_GIT: [&str; 39] = [
    "USER",
    "LOGNAME",
    "TMPDIR",
    "SSH_AUTH_SOCK",
    "SSH_AGENT_PID",
    "SSH_ASKPASS",
    "GIT_ASKPASS",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSH_VARIANT",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_PARAMETERS",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
    "GIT_SSL_NO_VERIFY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CURL_CA_BUNDLE",
    "GH_TOKEN",
    "GH_HOST",
    "GITHUB_TOKEN",
    "GITLAB_TOKEN",
    "CI_JOB_TOKEN",
    "GNUPGHOME",
    "GPG_TTY",
    "XDG_CONFIG_HOME",
    "XDG_CACHE_HOME",
    "XDG_RUNTIME_DIR",
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
    "DBUS_SESSION_BUS_ADDRESS",
];
/// Settings in the environment come as `GIT_CONFIG_KEY_0`, …; services pass a handful.
const GIT_SETTINGS_MAX: u32 = 100;

/// The environment of a tool: these variables and no others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolEnvironment(pub(super) BTreeMap<OsString, OsString>);

impl ToolEnvironment {
    /// Returns the part of our own environment that tools may see.
    pub fn of_process() -> Self {
        let known = PASSED_ON
            .iter()
            .filter_map(|name| Some((OsString::from(name), std::env::var_os(name)?)));
        Self(known.collect())
    }

    /// Returns the part of our own environment that git may see, the user's credentials included.
    pub fn of_git() -> Self {
        let mut all = Self::of_process();
        let settings = (0..GIT_SETTINGS_MAX)
            .flat_map(|n| ["KEY", "VALUE"].map(|part| format!("GIT_CONFIG_{part}_{n}")));
        let names = PASSED_TO_GIT.into_iter().map(str::to_owned);
        for name in names.chain(settings) {
            if let Some(value) = std::env::var_os(&name) {
                all.0.insert(name.into(), value);
            }
        }
        all
    }

    /// Returns an environment with this search path alone.
    pub fn with_path(path: impl Into<OsString>) -> Self {
        Self(BTreeMap::from([("PATH".into(), path.into())]))
    }

    /// Adds the fleet's pins: which profile, which region.
    #[must_use]
    pub fn with_aws(self, profile: Option<&str>, region: Option<&str>) -> Self {
        let profile = profile.map(|profile| ("AWS_PROFILE", profile));
        let regions = region.map(|region| [("AWS_REGION", region), ("AWS_DEFAULT_REGION", region)]);
        profile
            .into_iter()
            .chain(regions.into_iter().flatten())
            .fold(self, |all, (name, value)| all.with(name, value))
    }

    /// Adds a variable.
    #[must_use]
    pub(super) fn with(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }

    /// Returns every file on the search path with this name that may be executed, the first first.
    pub(super) fn find(&self, program: &str) -> Vec<PathBuf> {
        let path = self.0.get(&OsString::from("PATH")).cloned();
        std::env::split_paths(&path.unwrap_or_default())
            // A relative entry would find what the repository under review brings.
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(program))
            .filter(|file| {
                file.is_file() && rustix::fs::access(file, rustix::fs::Access::EXEC_OK).is_ok()
            })
            .collect()
    }
}

/// Returns our own executable.
pub(super) fn own_executable() -> io::Result<PathBuf> {
    std::env::current_exe()
}

/// Lets only its owner enter a folder.
pub(super) fn close_to_others(folder: &Path) -> io::Result<()> {
    rustix::fs::chmod(folder, rustix::fs::Mode::RWXU).map_err(io::Error::from)
}

/// A program to run.
#[derive(Clone, Debug)]
pub(super) struct Start<'s> {
    pub(super) program: &'s Path,
    /// What the program sees as its name; its file name when none.
    pub(super) name: Option<&'s str>,
    pub(super) argv: &'s [String],
    pub(super) environment: &'s ToolEnvironment,
    pub(super) folder: &'s Path,
    pub(super) grace: Duration,
}

/// How a program ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    /// True when we asked it to.
    pub(super) stopped: bool,
}

/// Runs a program in a process group of its own and hands over what it prints, line by line, and whether it complains.
///
/// A first interrupt is the caller's business: the program goes on. At the second one its group
/// gets SIGTERM, and after the grace SIGKILL.
///
/// # Errors
/// It cannot be started.
pub(super) fn run(
    start: &Start<'_>,
    hear: &mut dyn FnMut(&str, bool),
    interrupted: &dyn Fn() -> Interrupt,
) -> io::Result<Ended> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let ended = runtime.block_on(attend(start, hear, interrupted));
    // A pipe that a left-over child holds open must not keep us.
    runtime.shutdown_background();
    ended
}

async fn attend(
    start: &Start<'_>,
    hear: &mut dyn FnMut(&str, bool),
    interrupted: &dyn Fn() -> Interrupt,
) -> io::Result<Ended> {
    let mut child = spawn(start)?;
    let mut stop = Stop::of(&child, start.grace);
    let mut out = Lines::of(child.stdout.take());
    let mut err = Lines::of(child.stderr.take());
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut status = None;
    let mut pipes_until: Option<Instant> = None;
    while status.is_none() || !out.is_over() || !err.is_over() {
        let deadline = pipes_until.unwrap_or_else(Instant::now);
        tokio::select! {
            read = out.read(), if !out.is_over() => read.iter().for_each(|line| hear(line, false)),
            read = err.read(), if !err.is_over() => read.iter().for_each(|line| hear(line, true)),
            ended = child.wait(), if status.is_none() => {
                status = Some(ended?);
                pipes_until = Some(Instant::now() + PIPES_AFTER_EXIT);
            }
            () = sleep_until(deadline), if pipes_until.is_some() => break,
            _ = looks.tick(), if status.is_none() => stop.look(interrupted()),
        }
    }
    for (line, is_complaint) in [(out.rest(), false), (err.rest(), true)] {
        if let Some(line) = line {
            hear(&line, is_complaint);
        }
    }
    let status = match status {
        Some(status) => status,
        None => child.wait().await?,
    };
    // Its leader may have left and others of the group not.
    stop.finish();
    Ok(Ended {
        status,
        stopped: stop.since.is_some(),
    })
}

fn spawn(start: &Start<'_>) -> io::Result<Child> {
    let mut command = Command::new(start.program);
    if let Some(name) = start.name {
        command.arg0(name);
    }
    command
        .args(start.argv)
        .env_clear()
        .envs(&start.environment.0)
        .current_dir(start.folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
}

/// How a program is asked to leave, and then made to.
struct Stop {
    /// Its group has its own number, and both are ours until it was waited for.
    group: Option<Pid>,
    grace: Duration,
    since: Option<Instant>,
    killed: bool,
}

impl Stop {
    fn of(child: &Child, grace: Duration) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self {
            group: id.and_then(Pid::from_raw),
            grace,
            since: None,
            killed: false,
        }
    }

    fn finish(&self) {
        if let (Some(group), Some(_)) = (self.group, self.since) {
            let _gone = kill_process_group(group, Signal::KILL);
        }
    }

    fn look(&mut self, interrupt: Interrupt) {
        let Some(group) = self.group else { return };
        match self.since {
            None if interrupt == Interrupt::Twice => {
                self.since = Some(Instant::now());
                // A group that is gone already needs no signal.
                let _gone = kill_process_group(group, Signal::TERM);
            }
            Some(since) if !self.killed && since.elapsed() >= self.grace => {
                self.killed = true;
                let _gone = kill_process_group(group, Signal::KILL);
            }
            Some(_) | None => {}
        }
    }
}

/// The lines of a pipe.
struct Lines<R> {
    pipe: Option<R>,
    chunk: Vec<u8>,
    begun: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    fn of(pipe: Option<R>) -> Self {
        Self {
            pipe,
            chunk: vec![0; CHUNK_BYTES],
            begun: Vec::new(),
        }
    }

    const fn is_over(&self) -> bool {
        self.pipe.is_none()
    }

    /// Waits for more and returns the lines that are whole now.
    async fn read(&mut self) -> Vec<String> {
        let count = match &mut self.pipe {
            Some(pipe) => pipe.read(&mut self.chunk).await.unwrap_or(0),
            None => 0,
        };
        if count == 0 {
            self.pipe = None;
            return self.rest().into_iter().collect();
        }
        let mut lines = Vec::new();
        for byte in self.chunk.iter().take(count) {
            if *byte == b'\n' || self.begun.len() >= LINE_BYTES_MAX {
                lines.push(text(&std::mem::take(&mut self.begun)));
            }
            if *byte != b'\n' {
                self.begun.push(*byte);
            }
        }
        lines
    }

    /// Returns a last line without its end.
    fn rest(&mut self) -> Option<String> {
        let rest = std::mem::take(&mut self.begun);
        (!rest.is_empty()).then(|| text(&rest))
    }
}

fn text(bytes: &[u8]) -> String {
    let line = String::from_utf8_lossy(bytes);
    line.strip_suffix('\r').unwrap_or(&line).to_owned()
}

/// Counts SIGINT and SIGTERM into `interrupts`, on a thread of its own, from now on.
///
/// # Errors
/// The signals cannot be caught; then they end the process as usual.
pub(super) fn listen(interrupts: Interrupts) -> io::Result<()> {
    let (ready, is_ready) = std::sync::mpsc::channel();
    let count = async move {
        let both = (
            signal(SignalKind::interrupt()),
            signal(SignalKind::terminate()),
        );
        let (mut interrupt, mut terminate) = match both {
            (Ok(interrupt), Ok(terminate)) => (interrupt, terminate),
            (Err(cause), _) | (_, Err(cause)) => {
                let _nobody_waits = ready.send(Err(cause));
                return;
            }
        };
        let _nobody_waits = ready.send(Ok(()));
        loop {
            tokio::select! {
                _ = interrupt.recv() => interrupts.add(),
                _ = terminate.recv() => interrupts.add(),
            }
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || runtime.block_on(count))?;
    is_ready
        .recv()
        .unwrap_or_else(|_| Err(io::Error::other("the thread for signals ended")))
}
