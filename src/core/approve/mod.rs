//! Approvals: whether statements and signatures cover exactly this plan.
//!
//! ```text
//! Statement ─canonical JSON─▶ bytes ─SigningKey::sign─▶ Signed ─┐
//! Plan × Confirmation × Requirements × Used × now ──────────────┴─admit─▶ Approved<Plan> | Refusal
//! ```
//!
//! One statement covers one digest, so a plan that differs by one byte has no approvals. The signature
//! is an SSHSIG as `ssh-keygen -Y sign -n stairway-plan` makes it, and who may sign stands in a file
//! as `ssh-keygen -Y verify` reads it: whoever does not trust this program can check with that one.
//!
//! Nothing here reads a file or a clock, or makes a random number: these are arguments.
//!
//! [`admit`] is the only maker of [`Approved`]; it cannot be made from its parts:
//!
//! ```compile_fail,E0451
//! use stairway_core::{approve::Approved, plan::wire::Plan};
//! fn forge(plan: Plan) -> Approved<Plan> {
//!     Approved { inner: plan, until: None, counted: Vec::new() }
//! }
//! ```
//!
//! What it holds cannot be exchanged afterwards:
//!
//! ```compile_fail,E0594
//! use stairway_core::{approve::Approved, plan::wire::Plan};
//! fn change(mut approved: Approved<Plan>) {
//!     approved.steps = Vec::new();
//! }
//! ```
//!
//! And it is read like this:
//!
//! ```
//! use stairway_core::{approve::Approved, plan::wire::Plan};
//! fn digest(approved: &Approved<Plan>) -> &str {
//!     &approved.plan().digest
//! }
//! ```

mod admit;
mod refusal;
mod signers;
mod sshsig;
mod statement;
mod tally;

pub use admit::{Approved, admit, check_plan};
pub use refusal::{Confirmation, ConfirmationError, Refusal};
pub use signers::{AllowedSigners, SignersError};
pub use sshsig::{KeyError, PublicKey, Signature, SignatureError, SigningKey};
pub use statement::{
    Nonce, STATEMENT_FORMAT, Signed, SignedError, Statement, StatementError, StatementKind,
};
pub use tally::{Counted, Requirements, Tally, Uncounted, Used, WhyNot, check_revocation, tally};

/// The namespace of our signatures: one made for git or for mail never counts here.
pub const NAMESPACE: &str = "stairway-plan";

#[cfg(test)]
mod tests;
