//! Tools as processes: found, their version checked once, run without a shell.

use super::output::{Output, command_line, log_of};
use super::process::{self, GRACE, Start, ToolEnvironment};
use super::{Actuator, StepFiles, claim};
use crate::drive::{ActionCall, Interrupt};
use crate::files::{self, TemporaryDir};
use serde_json::Value;
use stairway_core::catalog::{Catalog, EksctlUse, EksctlVersion};
use stairway_core::journal::Claim;
use stairway_core::plan::wire::Action;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The tool that plans name.
pub const EKSCTL: &str = "eksctl";
const GET_EKSCTL: &str = "install it from https://github.com/eksctl-io/eksctl/releases and put it on PATH; `eksctl version` must answer";

/// Why a tool cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ToolError {
    /// It is not on the search path.
    #[error("Finding `{tool}` failed: no folder of PATH has it")]
    Missing {
        /// The tool.
        tool: String,
    },
    /// It does not say its version.
    #[error("Asking `{}` for its version failed: {why}", .program.display())]
    NoVersion {
        /// The file.
        program: PathBuf,
        /// Why.
        why: String,
    },
    /// It is too old.
    #[error("`{}` is version {found}, and {needed} is needed: only since then it {why}", .program.display())]
    TooOld {
        /// The file.
        program: PathBuf,
        /// Its version.
        found: EksctlVersion,
        /// The oldest that will do.
        needed: EksctlVersion,
        /// What that one is the first to do.
        why: String,
    },
}

impl ToolError {
    /// Returns what to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Missing { .. } | Self::TooOld { .. } => Some(GET_EKSCTL.to_owned()),
            Self::NoVersion { program, .. } => Some(format!(
                "see what `{} version -o json` prints",
                program.display()
            )),
        }
    }
}

/// A tool to run.
#[derive(Clone, Copy, Debug)]
pub struct ToolCall<'c> {
    /// The executable.
    pub program: &'c Path,
    /// What it is told to be called; its own name when none.
    pub name: Option<&'c str>,
    /// Its arguments.
    pub argv: &'c [String],
    /// What its working folder holds.
    pub files: &'c StepFiles,
    /// Names the log of its output.
    pub token: &'c str,
}

/// How a tool ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolRun {
    /// What it claims.
    pub claim: Claim,
    /// Why its output could not be kept, if so.
    pub log_error: Option<String>,
}

fn recent_enough(
    program: &Path,
    version: EksctlVersion,
    needed_for: EksctlUse,
    catalog: &Catalog,
) -> Result<(), ToolError> {
    match catalog.eksctl_minimum(needed_for) {
        Some(minimum) if version < minimum.version => Err(ToolError::TooOld {
            program: program.to_path_buf(),
            found: version,
            needed: minimum.version,
            why: minimum.why.clone(),
        }),
        Some(_) | None => Ok(()),
    }
}

/// Runs tools.
#[derive(Clone, Debug)]
pub struct ToolRunner {
    environment: ToolEnvironment,
    /// Where outputs are kept; none for nowhere.
    plan_dir: Option<PathBuf>,
    grace: Duration,
    eksctl: Option<(PathBuf, EksctlVersion)>,
}

impl ToolRunner {
    /// Returns a runner whose tools see this environment and nothing else of ours.
    pub const fn new(environment: ToolEnvironment, plan_dir: Option<PathBuf>) -> Self {
        Self {
            environment,
            plan_dir,
            grace: GRACE,
            eksctl: None,
        }
    }

    /// Gives tools less or more time after SIGTERM.
    #[must_use]
    pub const fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Returns the eksctl that will be run, and its version; looks once.
    ///
    /// # Errors
    /// It is not there, does not answer, or is too old for this use.
    pub fn eksctl(
        &mut self,
        needed_for: EksctlUse,
        catalog: &Catalog,
    ) -> Result<(PathBuf, EksctlVersion), ToolError> {
        let (program, version) = match &self.eksctl {
            Some(known) => known.clone(),
            None => {
                let program = self.find(EKSCTL)?;
                let version = self.version_of(&program, None)?;
                self.eksctl = Some((program.clone(), version));
                (program, version)
            }
        };
        recent_enough(&program, version, needed_for, catalog)?;
        Ok((program, version))
    }

    /// Checks the version of a program that stands in for eksctl, told that this is its name.
    ///
    /// # Errors
    /// It does not answer, or is too old for this use.
    pub fn check(
        &self,
        program: &Path,
        name: &str,
        needed_for: EksctlUse,
        catalog: &Catalog,
    ) -> Result<EksctlVersion, ToolError> {
        let version = self.version_of(program, Some(name))?;
        recent_enough(program, version, needed_for, catalog)?;
        Ok(version)
    }

    fn find(&self, tool: &str) -> Result<PathBuf, ToolError> {
        let found = self.environment.find(tool).into_iter().next();
        found.ok_or_else(|| ToolError::Missing {
            tool: tool.to_owned(),
        })
    }

    fn version_of(&self, program: &Path, name: Option<&str>) -> Result<EksctlVersion, ToolError> {
        let refuse = |why: String| ToolError::NoVersion {
            program: program.to_path_buf(),
            why,
        };
        let argv = ["version", "-o", "json"].map(str::to_owned);
        let mut text = String::new();
        let mut hear = |line: &str| {
            text.push_str(line);
            text.push('\n');
        };
        let call = ToolCall {
            program,
            name,
            argv: &argv,
            files: &StepFiles::new(),
            token: "",
        };
        let ended = self
            .start(&call, &mut hear, &|| Interrupt::None)
            .map_err(refuse)?;
        if !ended.status.success() {
            return Err(refuse(format!("{}: {}", said(ended.status), text.trim())));
        }
        let document: Value = serde_json::from_str(&text)
            .map_err(|error| refuse(format!("it says no JSON: {error}")))?;
        let version = document.get("Version").and_then(Value::as_str);
        version
            .ok_or_else(|| refuse("its answer has no `Version`".to_owned()))?
            .parse()
            .map_err(refuse)
    }

    fn start(
        &self,
        call: &ToolCall<'_>,
        hear: &mut dyn FnMut(&str),
        interrupted: &dyn Fn() -> Interrupt,
    ) -> Result<process::Ended, String> {
        let folder = workplace(call.files)?;
        let start = Start {
            program: call.program,
            name: call.name,
            argv: call.argv,
            environment: &self.environment,
            folder: folder.path(),
            grace: self.grace,
        };
        process::run(&start, &mut |line, _| hear(line), interrupted)
            .map_err(|cause| format!("starting `{}` failed: {cause}", call.program.display()))
    }

    /// Returns where the output of an action is kept, if it is.
    pub(super) fn log_of(&self, token: &str) -> Option<PathBuf> {
        log_of(self.plan_dir.as_ref(), token)
    }

    /// Runs a program until it ends and returns what it claims.
    pub fn run(
        &self,
        call: &ToolCall<'_>,
        watch: &mut dyn FnMut(&str),
        interrupted: &dyn Fn() -> Interrupt,
    ) -> ToolRun {
        let mut output = Output::default();
        let mut hear = |line: &str| watch(&output.add(line));
        let ended = self.start(call, &mut hear, interrupted);
        let tail = output.tail();
        let log = self.log_of(call.token);
        let (digest, log_error) = match output.keep(log.as_ref()) {
            Ok(digest) => (digest, None),
            Err(why) => (String::new(), Some(why)),
        };
        let claim = match ended {
            Ok(ended) => Claim {
                ok: ended.status.success(),
                said: said(ended.status),
                tail,
                output: digest,
                stopped: ended.stopped,
            },
            Err(why) => claim(false, why),
        };
        ToolRun { claim, log_error }
    }
}

/// Makes a folder that holds exactly a step's files, for their owner only.
fn workplace(step_files: &StepFiles) -> Result<TemporaryDir, String> {
    let folder = TemporaryDir::create().map_err(|error| error.to_string())?;
    process::close_to_others(folder.path())
        .map_err(|cause| format!("closing a temporary folder to others failed: {cause}"))?;
    for (name, text) in step_files {
        let plain = Path::new(name).components().count() == 1
            && Path::new(name)
                .file_name()
                .is_some_and(|last| last == name.as_str());
        if !plain {
            return Err(format!("the step's file `{name}` has no plain name"));
        }
        files::write_private(&folder.path().join(name), text.as_bytes())
            .map_err(|error| error.to_string())?;
    }
    Ok(folder)
}

fn said(status: std::process::ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => status.to_string(),
    }
}

/// Returns an action's command line as people write it; empty for other actions.
pub fn shown(action: &Action) -> String {
    match action {
        Action::Run { tool, argv, .. } => command_line(tool, argv),
        Action::Aws { .. } | Action::Kube { .. } | Action::Wait(_) => String::new(),
    }
}

impl Actuator for ToolRunner {
    fn act(
        &mut self,
        call: &ActionCall,
        step_files: &StepFiles,
        watch: &mut dyn FnMut(&str),
        interrupted: &dyn Fn() -> Interrupt,
    ) -> Claim {
        let Action::Run { tool, argv, .. } = &call.action else {
            return claim(false, "this action is not a tool's");
        };
        if tool != EKSCTL {
            return claim(false, format!("`{tool}` is no tool that plans run"));
        }
        let known = self.eksctl.as_ref().map(|(program, _)| program.clone());
        let program = match known.map_or_else(|| self.find(tool), Ok) {
            Ok(program) => program,
            Err(error) => return claim(false, error.to_string()),
        };
        let tool_call = ToolCall {
            program: &program,
            name: None,
            argv,
            files: step_files,
            token: &call.token,
        };
        let run = self.run(&tool_call, watch, interrupted);
        if let Some(why) = &run.log_error {
            watch(why);
        }
        run.claim
    }
}

#[cfg(test)]
mod tests;
