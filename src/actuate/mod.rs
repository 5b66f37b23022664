//! The acting ports: what carries out the actions of an approved plan.
//!
//! ```text
//! drive ─ActionCall─▶ Actuator ─┬─ tools ─▶ process ─▶ eksctl          (a real cluster)
//!                               ├─ kubernetes ─▶ its API server        (a real cluster)
//!                               └─ world ─▶ eks, kubernetes, eksctl's stand-in (the embedded world)
//! ```
//!
//! An actuator decides nothing. It does one action, byte for byte, and returns
//! what the tool or the API claims; whether the claim is true is looked up on
//! the live cluster by others.

mod git;
mod interrupts;
pub mod kubernetes;
mod output;
mod plugin;
mod process;
pub mod stand_in;
pub mod tools;
pub mod world;

pub use git::git_tool;
pub use interrupts::{HearInterrupt, Interrupts};
pub use plugin::aws_plugin;
pub use process::ToolEnvironment;

use crate::drive::{ActionCall, Interrupt};
use serde_json::{Map, Value};
use stairway_core::journal::Claim;
use std::collections::BTreeMap;

/// The content of the files that an action names, by name.
pub type StepFiles = BTreeMap<String, String>;

/// Carries out actions.
pub trait Actuator {
    /// Carries out one action and returns when the tool or call returns.
    ///
    /// `files` are what the action names; `watch` gets each line that a tool prints, as it comes.
    /// At the second interrupt a running tool or drain is stopped; other API calls are short and are not.
    fn act(
        &mut self,
        call: &ActionCall,
        files: &StepFiles,
        watch: &mut dyn FnMut(&str),
        interrupted: &dyn Fn() -> Interrupt,
    ) -> Claim;
}

/// A claim without any output.
fn claim(ok: bool, said: impl Into<String>) -> Claim {
    Claim {
        ok,
        said: said.into(),
        tail: Vec::new(),
        output: String::new(),
        stopped: false,
    }
}

/// Operations of EKS that take `clientRequestToken` (EKS API model, 2026-08).
const WITH_TOKEN: [&str; 14] = [
    "AssociateEncryptionConfig",
    "AssociateIdentityProviderConfig",
    "CreateAccessEntry",
    "CreateAddon",
    "CreateCluster",
    "CreateFargateProfile",
    "CreateNodegroup",
    "CreatePodIdentityAssociation",
    "UpdateAccessEntry",
    "UpdateAddon",
    "UpdateClusterConfig",
    "UpdateClusterVersion",
    "UpdateNodegroupConfig",
    "UpdateNodegroupVersion",
];

/// Returns an operation's input with the idempotency token, where the operation takes one.
pub fn with_token(operation: &str, input: &Map<String, Value>, token: &str) -> Map<String, Value> {
    let mut input = input.clone();
    if WITH_TOKEN.contains(&operation) {
        input.insert("clientRequestToken".to_owned(), token.into());
    }
    input
}

#[cfg(test)]
mod tests;
