//! Acting on the embedded world: the same actions, on clusters that are simulated.

use super::output::Output;
use super::process::{self, ToolEnvironment};
use super::tools::{EKSCTL, ToolCall, ToolError, ToolRunner};
use super::{Actuator, StepFiles, claim, stand_in, with_token};
use crate::drive::{ActionCall, Interrupt};
use crate::files;
use crate::live::{WorldError, WorldStore};
use serde_json::{Map, Value};
use stairway_core::catalog::{Catalog, EksctlUse};
use stairway_core::journal::Claim;
use stairway_core::plan::wire::Action;
use stairway_world::tools::{Running, Turn};
use stairway_world::{World, eks, kubernetes};
use std::path::PathBuf;
use std::time::Duration;

/// The service whose API the world has.
const EKS: &str = "eks";

/// Where a world is.
#[derive(Clone, Debug)]
pub enum Place {
    /// One cluster of a world on disk.
    Stored {
        /// The world.
        store: WorldStore,
        /// The cluster.
        cluster: String,
        /// How long a tool waits in real time between two looks.
        pace: Duration,
    },
    /// One that only this process knows.
    Here(Box<World>),
}

impl Place {
    /// Changes the world.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub fn change<R>(&mut self, change: impl FnOnce(&mut World) -> R) -> Result<R, WorldError> {
        match self {
            Self::Stored { store, cluster, .. } => store.change(cluster, change),
            Self::Here(world) => Ok(change(world)),
        }
    }

    fn pause(&self) {
        match self {
            Self::Stored { pace, .. } => std::thread::sleep(*pace),
            Self::Here(_) => {}
        }
    }
}

/// How a tool ended on the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Played {
    /// Its exit code.
    pub exit: u8,
    /// True when we stopped it; what it began goes on.
    pub stopped: bool,
}

/// The exit code that a shell gives to a program that SIGTERM ended.
const TERMINATED: u8 = 143;

/// Runs eksctl on the world, turn by turn; `hear` gets what it prints, and whether on stderr.
///
/// Each turn is one change of the world, and the clock moves by what the tool waits: whoever is
/// killed between two turns leaves a world that is whole.
///
/// # Errors
/// The world cannot be read or written.
pub fn play(
    place: &mut Place,
    argv: &[String],
    step_files: &StepFiles,
    hear: &mut dyn FnMut(&str, bool),
    interrupted: &dyn Fn() -> Interrupt,
) -> Result<Played, WorldError> {
    let mut running = place.change(|world| Running::start(argv, step_files, world))?;
    loop {
        let turn = place.change(|world| {
            let turn = running.turn(world);
            match &turn {
                Turn::Waits { seconds, .. } => world.advance(i64::from(*seconds)),
                Turn::Exits { .. } => {}
            }
            turn
        })?;
        match turn {
            Turn::Waits { said, .. } => hear(&said, false),
            Turn::Exits {
                exit,
                said,
                complained,
            } => {
                hear(&said, false);
                hear(&complained, true);
                return Ok(Played {
                    exit,
                    stopped: false,
                });
            }
        }
        if interrupted() == Interrupt::Twice {
            return Ok(Played {
                exit: TERMINATED,
                stopped: true,
            });
        }
        place.pause();
    }
}

/// How tools are run on a world.
#[derive(Clone, Debug)]
pub enum WorldTools {
    /// As a process: our own executable under the name of the tool.
    Process {
        /// The executable.
        program: PathBuf,
        /// Runs it.
        runner: ToolRunner,
    },
    /// By a call, in this process: for rehearsals and tests.
    InProcess,
}

impl WorldTools {
    /// Returns our own executable as the tool: by the name under which PATH has it, if it is there
    /// as `eksctl`. A real eksctl is never run on a world.
    ///
    /// # Errors
    /// Our own executable cannot be told.
    pub fn own(
        environment: ToolEnvironment,
        store: &WorldStore,
        cluster: &str,
        plan_dir: Option<PathBuf>,
    ) -> std::io::Result<Self> {
        let own = process::own_executable()?;
        Ok(Self::of(&own, environment, store, cluster, plan_dir))
    }

    /// As [`WorldTools::own`], with the executable given: for tests, whose own is a test harness.
    pub fn of(
        executable: &std::path::Path,
        environment: ToolEnvironment,
        store: &WorldStore,
        cluster: &str,
        plan_dir: Option<PathBuf>,
    ) -> Self {
        let canonical = files::canonicalize(executable).ok();
        let by_name = environment
            .find(EKSCTL)
            .into_iter()
            .find(|found| canonical.is_some() && files::canonicalize(found).ok() == canonical);
        let environment = environment
            .with(stand_in::WORLD, store.definition().as_os_str())
            .with(stand_in::CLUSTER, cluster);
        Self::Process {
            program: by_name.unwrap_or_else(|| executable.to_path_buf()),
            runner: ToolRunner::new(environment, plan_dir),
        }
    }
}

impl WorldTools {
    /// Checks that the tool answers and is recent enough.
    ///
    /// # Errors
    /// It does not, or is not.
    pub fn check(&self, needed_for: EksctlUse, catalog: &Catalog) -> Result<(), ToolError> {
        match self {
            Self::Process { program, runner } => runner
                .check(program, stand_in::NAME, needed_for, catalog)
                .map(|_version| ()),
            Self::InProcess => Ok(()),
        }
    }

    /// Returns where the output of an action is kept, if it is.
    fn log_of(&self, token: &str) -> Option<PathBuf> {
        match self {
            Self::Process { runner, .. } => runner.log_of(token),
            Self::InProcess => None,
        }
    }
}

/// Acts on one cluster of an embedded world.
#[derive(Clone, Debug)]
pub struct WorldActuator {
    place: Place,
    tools: WorldTools,
}

impl WorldActuator {
    /// Returns what acts on the world at this place.
    pub const fn new(place: Place, tools: WorldTools) -> Self {
        Self { place, tools }
    }

    /// Returns the place, for whoever looks at the same world.
    pub const fn place(&mut self) -> &mut Place {
        &mut self.place
    }

    fn call(&mut self, operation: &str, input: &Map<String, Value>) -> Claim {
        let answer = self
            .place
            .change(|world| eks::call(world, operation, input));
        match answer {
            Ok(Ok(answer)) => claim(true, said_of(&answer)),
            Ok(Err(error)) => claim(false, error.to_string()),
            Err(error) => claim(false, error.to_string()),
        }
    }

    /// Asks the Kubernetes API of the world, turn by turn: each turn is one change, and the clock
    /// moves by what a drain waits for, so whoever is killed between two turns leaves a whole world.
    fn kubernetes(
        &mut self,
        (verb, object, body): (&str, &str, &Value),
        token: &str,
        watch: &mut dyn FnMut(&str),
        interrupted: &dyn Fn() -> Interrupt,
    ) -> Claim {
        let mut output = Output::default();
        let mut stopped = false;
        let begun = self.place.change(|world| {
            let mut running = kubernetes::Running::start(world, verb, object, body);
            let turn = turn_of(&mut running, world);
            (running, turn)
        });
        let answer = begun.and_then(|(mut running, mut turn)| {
            loop {
                let (kubernetes::Turn::Waits { said, .. } | kubernetes::Turn::Ends { said, .. }) =
                    &turn;
                for line in said.lines() {
                    watch(&output.add(line));
                }
                if let kubernetes::Turn::Ends { answer, .. } = turn {
                    return Ok(answer.map_err(|error| error.to_string()));
                }
                if interrupted() == Interrupt::Twice {
                    stopped = true;
                    return Ok(Err(format!(
                        "{verb} {object} was stopped: what is done stays, and nothing else is asked for"
                    )));
                }
                self.place.pause();
                turn = self.place.change(|world| turn_of(&mut running, world))?;
            }
        });
        let (ok, said) = match answer {
            Ok(Ok(done)) => (true, done),
            Ok(Err(why)) => (false, why),
            Err(error) => (false, error.to_string()),
        };
        let tail = output.tail();
        let digest = output.keep(self.tools.log_of(token).as_ref());
        let digest = digest.unwrap_or_else(|why| {
            watch(&why);
            String::new()
        });
        Claim {
            ok,
            said,
            tail,
            output: digest,
            stopped,
        }
    }

    fn run(
        &mut self,
        argv: &[String],
        step_files: &StepFiles,
        token: &str,
        watch: &mut dyn FnMut(&str),
        interrupted: &dyn Fn() -> Interrupt,
    ) -> Claim {
        if let WorldTools::Process { program, runner } = &self.tools {
            let call = ToolCall {
                program,
                name: Some(stand_in::NAME),
                argv,
                files: step_files,
                token,
            };
            let ran = runner.run(&call, watch, interrupted);
            if let Some(why) = &ran.log_error {
                watch(why);
            }
            return ran.claim;
        }
        let mut output = Output::default();
        let mut hear = |text: &str, _is_complaint: bool| {
            for line in text.lines() {
                watch(&output.add(line));
            }
        };
        let played = play(&mut self.place, argv, step_files, &mut hear, interrupted);
        let tail = output.tail();
        let digest = output.keep(None).unwrap_or_default();
        match played {
            Ok(Played { exit, stopped }) => Claim {
                ok: exit == 0,
                said: format!("exit {exit}"),
                tail,
                output: digest,
                stopped,
            },
            Err(error) => claim(false, error.to_string()),
        }
    }
}

/// One turn of an action, and the time that it waits for.
fn turn_of(running: &mut kubernetes::Running, world: &mut World) -> kubernetes::Turn {
    let turn = running.turn(world);
    if let kubernetes::Turn::Waits { seconds, .. } = &turn {
        world.advance(i64::from(*seconds));
    }
    turn
}

/// Returns what an answer of EKS claims, in words: the update that was begun, if one was.
fn said_of(answer: &Value) -> String {
    let text = |pointer: &str| answer.pointer(pointer).and_then(Value::as_str);
    match (text("/update/id"), text("/update/status")) {
        (Some(id), Some(status)) => format!("update {id} {status}"),
        (Some(id), None) => format!("update {id}"),
        (None, _) => "accepted".to_owned(),
    }
}

impl Actuator for WorldActuator {
    fn act(
        &mut self,
        call: &ActionCall,
        step_files: &StepFiles,
        watch: &mut dyn FnMut(&str),
        interrupted: &dyn Fn() -> Interrupt,
    ) -> Claim {
        match &call.action {
            Action::Run { tool, argv, .. } if tool == EKSCTL => {
                self.run(argv, step_files, &call.token, watch, interrupted)
            }
            Action::Run { tool, .. } => claim(false, format!("the world has no tool `{tool}`")),
            Action::Aws {
                service,
                operation,
                input,
            } if service == EKS => self.call(operation, &with_token(operation, input, &call.token)),
            Action::Aws { service, .. } => {
                claim(false, format!("the world has no service `{service}`"))
            }
            // Whether `only_if` holds is looked up by whoever asks for the action.
            Action::Kube {
                verb, object, body, ..
            } => self.kubernetes((verb, object, body), &call.token, watch, interrupted),
            Action::Wait(_) => claim(false, "a wait is no action"),
        }
    }
}

#[cfg(test)]
mod tests;
