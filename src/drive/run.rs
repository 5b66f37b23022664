//! The loop that carries a machine's effects out.

use super::machine::{Effect, Finish, Input, Machine};
use super::ports::{Interrupt, PortError, Ports};

/// Runs `machine` to its finish.
///
/// # Errors
/// [`PortError::Killed`]: the process is gone, and only the disk knows how far it came.
pub fn run<P: Ports>(machine: &mut Machine<'_>, ports: &mut P) -> Result<Finish, PortError> {
    let mut input = Input::Start;
    loop {
        match ports.interrupted() {
            Interrupt::None => {}
            Interrupt::Once => machine.interrupt(),
            Interrupt::Twice => machine.interrupt_now(),
        }
        let now = ports.now();
        machine.tell_wall(ports.wall());
        let effect = machine.step(now, input);
        for report in machine.reports() {
            ports.emit(&report);
        }
        input = match effect {
            Effect::Finish(finish) => return Ok(finish),
            Effect::Observe => match ports.observe() {
                Ok(observed) => Input::Observed(Ok(Box::new(observed))),
                Err(PortError::Failed(why)) => Input::Observed(Err(why)),
                Err(error) => broken(error)?,
            },
            Effect::Append(event) => settled(ports.append(&event), Input::Appended)?,
            Effect::CheckLock => settled(ports.check_lock(), Input::LockHeld)?,
            Effect::Act(call) => match ports.act(&call) {
                Ok(claim) => Input::Acted(claim),
                Err(error) => broken(error)?,
            },
            Effect::Sleep(seconds) => settled(ports.sleep(seconds), Input::Slept)?,
        };
    }
}

fn settled(outcome: Result<(), PortError>, input: Input) -> Result<Input, PortError> {
    match outcome {
        Ok(()) => Ok(input),
        Err(error) => broken(error),
    }
}

fn broken(error: PortError) -> Result<Input, PortError> {
    match error {
        PortError::Killed => Err(PortError::Killed),
        PortError::Failed(_) | PortError::LockLost(_) => Ok(Input::Broken(error)),
    }
}
