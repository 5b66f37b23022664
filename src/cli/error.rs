//! Every error classed once: what kind it is, how it reads, and which code the program exits with.

use super::exit_code;
use super::terminal::Terminal;
use crate::config::FleetError;
use crate::eksctl_schema::SchemaError;
use crate::files::FileError;
use crate::live::{LiveError, without_hint};
use crate::pipeline::SelectError;
use crate::render::RenderError;
use crate::store::StoreError;
use crate::store::branch::BranchError;
use crate::store::lock::LockError;
use crate::template::{RecordError, TemplateError};
use crate::vcs::VcsError;
use stairway_core::plan::wire::{ClusterError, Failure};
use std::error::Error;
use std::io;

/// What kind of error it is, and by that the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Something that the user gave does not work.
    User,
    /// The command line is wrong.
    Usage,
    /// Refused before anything was done.
    Refused,
    /// The cluster could not be read, and nothing was done.
    Unread,
    /// A fault of this program.
    Internal,
}

/// An error as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CliError {
    /// What kind it is.
    pub kind: ErrorKind,
    /// What was attempted on which object, and why it failed.
    pub message: String,
    /// What lies below, outermost first.
    pub causes: Vec<String>,
    /// What to do: a command, where there is one.
    pub hint: Option<String>,
}

impl CliError {
    /// Returns an error about what the user gave.
    pub fn user(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::User, message)
    }

    /// Returns an error about the command line.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// Returns an error that is a fault of this program.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            causes: Vec::new(),
            hint: None,
        }
    }

    /// Returns an error about something that was refused before anything was done.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Refused, message)
    }

    /// Returns an error about a cluster that could not be read before anything was done.
    pub fn unread(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unread, message)
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Replaces what to do about it.
    #[must_use]
    pub(crate) fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    fn cause(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    /// Returns the exit code.
    pub const fn exit_code(&self) -> u8 {
        match self.kind {
            ErrorKind::User | ErrorKind::Internal => exit_code::ERROR,
            ErrorKind::Usage => exit_code::USAGE,
            ErrorKind::Refused => exit_code::REFUSED,
            ErrorKind::Unread => exit_code::INCOMPLETE,
        }
    }

    /// Prints it to stderr.
    pub fn print(&self, terminal: &mut Terminal) {
        terminal.error(&self.message);
        for cause in &self.causes {
            terminal.say(&format!("Caused by: {cause}"));
        }
        if self.kind == ErrorKind::Internal {
            terminal.say("This is a fault of stairway and not of your files; please report it");
        }
        if let Some(hint) = &self.hint {
            terminal.hint(hint);
        }
    }
}

impl From<SelectError> for CliError {
    fn from(error: SelectError) -> Self {
        let hint = error.hint();
        match error {
            SelectError::Fleet(error) => error.into(),
            SelectError::Nothing
            | SelectError::NoFleet { .. }
            | SelectError::LiveForSeveral { .. }
            | SelectError::WaveWithoutFleet
            | SelectError::NoWave { .. }
            | SelectError::AllExcluded => Self::usage(error.to_string()).maybe_hint(hint),
            SelectError::MissingConfig { .. }
            | SelectError::Folder { .. }
            | SelectError::NoRepository { .. }
            | SelectError::Changes { .. }
            | SelectError::NoMatch { .. } => Self::user(error.to_string()).maybe_hint(hint),
        }
    }
}

impl From<FleetError> for CliError {
    fn from(error: FleetError) -> Self {
        let shown = Self::user(error.to_string()).maybe_hint(error.hint());
        match &error {
            FleetError::Unreadable(source) => shown.cause(source.to_string()),
            FleetError::Unparsable(source) => shown.cause(without_hint(source)),
            FleetError::NotAFleet { .. } | FleetError::Wrong(_) | FleetError::Ambiguous { .. } => {
                shown
            }
        }
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        let kind = match &error {
            StoreError::Changed { .. } => ErrorKind::Refused,
            StoreError::File(_)
            | StoreError::Missing { .. }
            | StoreError::Ambiguous { .. }
            | StoreError::Unparsable(_)
            | StoreError::WrongKind { .. }
            | StoreError::NoSet { .. }
            | StoreError::Format { .. }
            | StoreError::Shape { .. }
            | StoreError::Journal { .. }
            | StoreError::Disk { .. } => ErrorKind::User,
        };
        let hint = error.hint();
        Self::new(kind, error.to_string()).maybe_hint(hint)
    }
}

impl From<BranchError> for CliError {
    fn from(error: BranchError) -> Self {
        let (message, hint) = (error.to_string(), error.hint());
        let kind = match error {
            BranchError::Taken { .. } | BranchError::Apart { .. } => ErrorKind::Refused,
            BranchError::Vcs(error) => return error.into(),
            BranchError::File(_)
            | BranchError::Journal { .. }
            | BranchError::JournalHere { .. }
            | BranchError::NoRepository { .. }
            | BranchError::NoBranch { .. } => ErrorKind::User,
        };
        Self::new(kind, message).maybe_hint(hint)
    }
}

impl From<VcsError> for CliError {
    fn from(error: VcsError) -> Self {
        let (message, hint) = (error.to_string(), error.hint());
        let kind = match error {
            VcsError::BadName { .. } => ErrorKind::Usage,
            VcsError::CheckedOut { .. }
            | VcsError::Locked { .. }
            | VcsError::Raced { .. }
            | VcsError::Diverged { .. }
            | VcsError::Signing { .. } => ErrorKind::Refused,
            VcsError::NoRepository { .. }
            | VcsError::OtherOwner { .. }
            | VcsError::NoRevision { .. }
            | VcsError::Shallow { .. }
            | VcsError::Bare { .. }
            | VcsError::NoFile { .. }
            | VcsError::BadFile { .. }
            | VcsError::Conflict { .. }
            | VcsError::Remote { .. }
            | VcsError::Store { .. }
            | VcsError::File(_) => ErrorKind::User,
        };
        Self::new(kind, message).maybe_hint(hint)
    }
}

impl From<LockError> for CliError {
    fn from(error: LockError) -> Self {
        let (message, hint) = (error.to_string(), error.hint());
        let kind = match error {
            LockError::Api {
                unanswered: true, ..
            } => ErrorKind::Unread,
            LockError::Held { .. }
            | LockError::Leased(_)
            | LockError::Lost { .. }
            | LockError::Unfinished { .. }
            | LockError::UsedUp { .. }
            | LockError::JournalBehind { .. }
            | LockError::JournalDiffers { .. }
            | LockError::NotThisOne { .. }
            | LockError::Api { .. } => ErrorKind::Refused,
            LockError::Unreadable { .. } | LockError::BadLease { .. } | LockError::Disk { .. } => {
                ErrorKind::User
            }
        };
        Self::new(kind, message).maybe_hint(hint)
    }
}

impl From<FileError> for CliError {
    fn from(error: FileError) -> Self {
        Self::user(error.to_string())
    }
}

impl From<RenderError> for CliError {
    fn from(error: RenderError) -> Self {
        Self::user(without_hint(&error)).maybe_hint(error.hint.clone())
    }
}

impl From<TemplateError> for CliError {
    fn from(error: TemplateError) -> Self {
        let hint = error.hint();
        match error {
            TemplateError::Unknown { .. }
            | TemplateError::BadAnswer { .. }
            | TemplateError::Missing { .. } => Self::usage(error.to_string()).maybe_hint(hint),
            TemplateError::NoTemplate { .. }
            | TemplateError::Jinja { .. }
            | TemplateError::Wrong { .. } => Self::user(error.to_string()).maybe_hint(hint),
        }
    }
}

impl From<RecordError> for CliError {
    fn from(error: RecordError) -> Self {
        Self::user(error.to_string()).maybe_hint(error.hint())
    }
}

impl From<LiveError> for CliError {
    fn from(error: LiveError) -> Self {
        error.of_cluster(String::new()).into()
    }
}

impl From<SchemaError> for CliError {
    fn from(error: SchemaError) -> Self {
        match error {
            SchemaError::File(error) => error.into(),
            SchemaError::Json(error) => error.into(),
            SchemaError::NoSchema { .. } => Self::user(error.to_string()),
        }
    }
}

impl From<ClusterError> for CliError {
    fn from(error: ClusterError) -> Self {
        let ClusterError {
            name: _,
            error,
            hint,
            failure,
        } = error;
        let kind = match failure {
            Failure::Refused => ErrorKind::Refused,
            Failure::Error | Failure::Unread => ErrorKind::User,
        };
        Self::new(kind, error).maybe_hint(hint)
    }
}

impl From<io::Error> for CliError {
    /// Only stdout is written through `io` directly.
    fn from(error: io::Error) -> Self {
        let mut shown = Self::user(format!("Writing to stdout failed: {error}"));
        if let Some(source) = error.source() {
            shown = shown.cause(source.to_string());
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::super::terminal::tests::Captured;
    use super::*;

    #[test]
    fn an_error_reads_message_causes_hint() {
        let err = Captured::default();
        let mut terminal =
            Terminal::to_writers(Box::new(Captured::default()), Box::new(err.clone()));
        CliError::user("Reading `x` failed")
            .cause("no such file")
            .hint("make it")
            .print(&mut terminal);
        assert_eq!(
            err.text(),
            "Error: Reading `x` failed\nCaused by: no such file\nHint: make it\n"
        );
    }

    #[test]
    fn a_lease_that_nobody_could_read_is_no_refusal() {
        let rows = [
            (
                "the API server is away, or answers 401",
                true,
                exit_code::INCOMPLETE,
            ),
            ("it answers that we may not", false, exit_code::REFUSED),
        ];
        for (sentence, unanswered, code) in rows {
            let error = LockError::Api {
                attempt: "Taking",
                lease: "kube-system/stairway of small".to_owned(),
                why: "why".to_owned(),
                hint: None,
                unanswered,
            };
            assert_eq!(CliError::from(error).exit_code(), code, "{sentence}");
        }
    }

    #[test]
    fn kinds_have_the_codes_of_the_table() {
        assert_eq!(CliError::user("").exit_code(), 1);
        assert_eq!(CliError::usage("").exit_code(), 64);
        assert_eq!(CliError::new(ErrorKind::Refused, "").exit_code(), 5);
        assert_eq!(CliError::unread("").exit_code(), 6);
        assert_eq!(CliError::internal("").exit_code(), 1);
    }
}
