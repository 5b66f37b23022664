//! What the door promises.

mod behaviour;
mod compare;
mod conformance;
mod faults;
mod mirror;
mod recordings;
mod stage;
