//! What the door promises.

mod behaviour;
mod compare;
mod conformance;
mod recordings;
mod stage;
