//! Does what an approved plan says, and nothing else.
//!
//! [`Machine`] is a synchronous state machine: it is given what happened and
//! says what to do next, one effect at a time. It decides nothing about the
//! cluster: `stairway_core::next` does. [`run`] is the loop that carries its
//! effects out through [`Ports`].

pub mod live;
mod machine;
mod ports;
mod run;
pub mod sim;
pub mod target;

pub use machine::{Chooser, Effect, Finish, How, Input, Machine, Runner};
pub use ports::{ActionCall, Interrupt, PortError, Ports, Report};
pub use run::run;
