//! Proposes the plan and the "why not now" report; wire format and digest.

mod addons;
mod draft;
mod exit;
mod files;
mod hops;
mod nodes;
mod preflight;
mod propose;
mod replace;
mod rollback;
mod steps;
mod summary;
mod undo;
pub mod wire;

pub use exit::{ExitFacts, exit_facts};
pub use propose::{MissingFile, PlanInput, Planned, StepFile, propose};
pub use summary::total;
pub use undo::{Touched, Undo, undo};
