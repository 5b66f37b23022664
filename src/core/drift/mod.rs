//! Drift: in what live differs from git, and which of that git meant.
//!
//! ```text
//! Differences × git's earlier configs ─classify─▶ drift | both | unapplied | unclassified
//! what was found × the previous report ─carry─▶ DriftReport, and what is new, known, resolved
//! ```
//!
//! A difference alone does not say who moved. If an earlier config in git agrees with live, git moved:
//! the change is meant and not applied yet. If none does, live moved, or never followed.

mod carry;
mod classify;
mod find;
mod read;
pub mod wire;

#[cfg(test)]
mod tests;

pub use carry::{Carried, Fresh, Known, carry, fingerprint, keep};
pub use classify::{Asked, Horizon, Verdict, classify, judge, value_since};
pub use find::{Found, Key, Seen, Under, Unseen, anchors, seen, wants};
pub use read::{READ_BYTES_MAX, ReadError, read_report};
