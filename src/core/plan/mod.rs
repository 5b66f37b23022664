//! Proposes the plan and the "why not now" report; wire format and digest.

mod addons;
#[cfg(test)]
mod cases;
mod draft;
mod drain;
mod exit;
mod files;
mod findings;
mod hops;
mod nodes;
mod preflight;
mod propose;
mod replace;
mod rollback;
mod steps;
mod summary;
mod undo;
mod windows;
pub mod wire;

pub use exit::{ExitFacts, exit_facts, lapsed};
pub use findings::idle_decisions;
pub use propose::{MissingFile, PlanInput, Planned, StepFile, propose};
pub use summary::total;
pub use undo::{Touched, Undo, undo};
