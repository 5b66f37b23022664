//! The one place that reads environment, clock, working directory and terminal.

#![expect(
    clippy::disallowed_methods,
    reason = "this file is the one door to environment and clock"
)]

use crate::actuate::{ToolEnvironment, aws_plugin, git_tool};
use crate::kubernetes::Limits;
use crate::live::Outside;
use crate::vcs::Git;
use stairway_core::model::Timestamp;
use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// The width of text that does not go to a terminal: fixed, so that two runs give the same bytes.
const WIDTH_WITHOUT_TERMINAL: usize = 100;
/// Narrower terminals get lines of this width and wrap them: no table fits in less.
const WIDTH_MIN: usize = 40;
/// Wider terminals get lines of this width: longer ones are hard to read.
const WIDTH_MAX: usize = 200;
/// The variables that change what the program prints.
const VARIABLES: [&str; 8] = [
    "NO_COLOR",
    "CLICOLOR_FORCE",
    "TERM",
    "CI",
    "COLUMNS",
    "LC_ALL",
    "LC_CTYPE",
    "LANG",
];

/// The variables by which git knows who writes (git(1), "Git Commits").
const IDENTITY: [&str; 4] = [
    "GIT_AUTHOR_NAME",
    "GIT_AUTHOR_EMAIL",
    "GIT_COMMITTER_NAME",
    "GIT_COMMITTER_EMAIL",
];

/// What the program knows of the place where it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ambient {
    /// The clock at the start of the run.
    pub now: Timestamp,
    /// The working directory.
    pub cwd: PathBuf,
    /// Color on stdout.
    pub color: bool,
    /// Color on stderr.
    pub color_stderr: bool,
    /// Columns of a line on stdout.
    pub width: usize,
    /// True when box-drawing characters and arrows can be shown.
    pub unicode: bool,
    /// True when stdout is a terminal.
    pub stdout_is_terminal: bool,
    /// True when stderr is a terminal.
    pub stderr_is_terminal: bool,
    /// True in continuous integration.
    pub ci: bool,
}

/// What was read, before it was interpreted.
#[derive(Clone, Debug, Default)]
struct Readings {
    variables: BTreeMap<&'static str, String>,
    stdout_is_terminal: bool,
    stderr_is_terminal: bool,
    terminal_columns: Option<usize>,
}

impl Ambient {
    /// Reads environment, clock, working directory and terminal once.
    ///
    /// # Errors
    /// The working directory is gone or may not be read.
    pub fn read() -> io::Result<Self> {
        let readings = Readings {
            variables: VARIABLES
                .iter()
                .filter_map(|name| Some((*name, std::env::var(name).ok()?)))
                .collect(),
            stdout_is_terminal: io::stdout().is_terminal(),
            stderr_is_terminal: io::stderr().is_terminal(),
            terminal_columns: rustix::termios::tcgetwinsize(io::stdout())
                .ok()
                .map(|size| usize::from(size.ws_col)),
        };
        Ok(readings.interpret(clock(), std::env::current_dir()?))
    }

    /// Returns who runs this, `user@host`, as the journal names it.
    pub fn actor(&self) -> String {
        let user = ["USER", "LOGNAME"]
            .iter()
            .find_map(|name| std::env::var(name).ok().filter(|name| !name.is_empty()));
        let host = rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned();
        format!("{}@{host}", user.unwrap_or_else(|| "unknown".to_owned()))
    }

    /// Returns what clusters are reached with: the user's own kubeconfigs, looked for as kubectl does (`$KUBECONFIG`,
    /// split, else `~/.kube/config`), the plugin for tokens, and the clock.
    pub fn outside(&self) -> Outside {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let home = set("HOME").map(PathBuf::from);
        let kubeconfigs = match (set("KUBECONFIG"), &home) {
            (Some(listed), _) => std::env::split_paths(&listed)
                .filter(|path| !path.as_os_str().is_empty())
                .collect(),
            (None, Some(home)) => vec![home.join(".kube/config")],
            (None, None) => Vec::new(),
        };
        let start = self.now;
        Outside {
            home,
            kubeconfigs,
            plugin: aws_plugin(ToolEnvironment::of_process()),
            clock: Arc::new(move || Self::clock_from(start)),
            limits: Limits::default(),
        }
    }

    /// Returns the user's own git, and who they are to it.
    pub fn git() -> Git {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Git {
            run: git_tool(ToolEnvironment::of_git()),
            identity: IDENTITY
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), set(name)?)))
                .collect(),
            own_ssh: set("GIT_SSH_COMMAND").or_else(|| set("GIT_SSH")).is_some(),
        }
    }

    /// Returns true when somebody can be asked: questions go to stderr, answers come from stdin.
    pub fn can_ask() -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Returns the clock, never before `start`.
    pub fn clock_from(start: Timestamp) -> Timestamp {
        clock().max(start)
    }

    /// Returns 128 random bits from the operating system.
    ///
    /// # Errors
    /// It gave none.
    pub fn nonce() -> io::Result<[u8; 16]> {
        let mut bytes = [0; 16];
        // Up to 256 bytes come at once; fewer are an error rather than a loop.
        let got = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
        if got < bytes.len() {
            return Err(io::Error::other(
                "the operating system gave too few random bytes",
            ));
        }
        Ok(bytes)
    }
}

/// Returns the clock; a clock before 1970 counts as 1970.
fn clock() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_unix(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

impl Readings {
    fn interpret(&self, now: Timestamp, cwd: PathBuf) -> Ambient {
        let ci = self.is_set("CI") && self.value("CI") != "false";
        Ambient {
            now,
            cwd,
            color: self.color(self.stdout_is_terminal),
            color_stderr: self.color(self.stderr_is_terminal),
            width: self.width(),
            unicode: self.unicode(),
            stdout_is_terminal: self.stdout_is_terminal,
            stderr_is_terminal: self.stderr_is_terminal,
            ci,
        }
    }

    fn value(&self, name: &str) -> &str {
        self.variables.get(name).map_or("", String::as_str)
    }

    fn is_set(&self, name: &str) -> bool {
        !self.value(name).is_empty()
    }

    /// `NO_COLOR` beats `CLICOLOR_FORCE`, which beats what the terminal can do.
    fn color(&self, is_terminal: bool) -> bool {
        if self.is_set("NO_COLOR") {
            return false;
        }
        if self.is_set("CLICOLOR_FORCE") && self.value("CLICOLOR_FORCE") != "0" {
            return true;
        }
        is_terminal && self.value("TERM") != "dumb"
    }

    fn width(&self) -> usize {
        let told = self.value("COLUMNS").parse::<usize>().ok();
        let seen = self
            .terminal_columns
            .filter(|columns| self.stdout_is_terminal && *columns > 0);
        told.filter(|columns| *columns > 0)
            .or(seen)
            .unwrap_or(WIDTH_WITHOUT_TERMINAL)
            .clamp(WIDTH_MIN, WIDTH_MAX)
    }

    /// Files and pipes are UTF-8; a terminal is when its locale says so or says nothing.
    fn unicode(&self) -> bool {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .map(|name| self.value(name))
            .find(|value| !value.is_empty())
            .unwrap_or("");
        let lower = locale.to_ascii_lowercase();
        !self.stdout_is_terminal
            || (locale.is_empty() && self.value("TERM") != "dumb")
            || lower.contains("utf-8")
            || lower.contains("utf8")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Variables = [(&'static str, &'static str)];

    fn interpret(variables: &Variables, terminal: bool) -> Ambient {
        let readings = Readings {
            variables: variables
                .iter()
                .map(|(k, v)| (*k, (*v).to_owned()))
                .collect(),
            stdout_is_terminal: terminal,
            stderr_is_terminal: terminal,
            terminal_columns: terminal.then_some(120),
        };
        readings.interpret(Timestamp::from_unix(0), PathBuf::from("/"))
    }

    #[test]
    fn color_follows_the_conventions() {
        let rows: [(&Variables, bool, bool); 9] = [
            (&[], true, true),
            (&[], false, false),
            (&[("NO_COLOR", "1")], true, false),
            (&[("NO_COLOR", "")], true, true),
            (&[("CLICOLOR_FORCE", "1")], false, true),
            (&[("CLICOLOR_FORCE", "0")], false, false),
            (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false, false),
            (&[("TERM", "dumb")], true, false),
            (&[("TERM", "dumb"), ("CLICOLOR_FORCE", "1")], true, true),
        ];
        for (variables, terminal, expected) in rows {
            let seen = interpret(variables, terminal).color;
            assert_eq!(seen, expected, "{variables:?}, terminal: {terminal}");
        }
    }

    #[test]
    fn width_is_told_seen_or_fixed() {
        assert_eq!(interpret(&[], true).width, 120);
        assert_eq!(interpret(&[], false).width, WIDTH_WITHOUT_TERMINAL);
        assert_eq!(interpret(&[("COLUMNS", "80")], false).width, 80);
        assert_eq!(interpret(&[("COLUMNS", "3")], true).width, WIDTH_MIN);
        assert_eq!(interpret(&[("COLUMNS", "many")], true).width, 120);
        assert_eq!(interpret(&[("COLUMNS", "100000")], true).width, WIDTH_MAX);
    }

    #[test]
    fn unicode_follows_the_locale_of_a_terminal() {
        assert!(interpret(&[("LANG", "C")], false).unicode);
        assert!(!interpret(&[("LANG", "C")], true).unicode);
        assert!(interpret(&[("LANG", "de_DE.UTF-8")], true).unicode);
        assert!(interpret(&[("LC_ALL", "C.utf8"), ("LANG", "C")], true).unicode);
        assert!(interpret(&[], true).unicode);
    }

    #[test]
    fn ci_is_what_the_services_set() {
        assert!(interpret(&[("CI", "true")], false).ci);
        assert!(!interpret(&[("CI", "false")], false).ci);
        assert!(!interpret(&[], false).ci);
    }
}
