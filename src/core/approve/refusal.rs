//! What the operator confirmed, and why a plan is refused.

use super::tally::Uncounted;
use crate::model::Timestamp;
use crate::plan::wire::{ID_DIGITS, Plan};

/// The digest has 64 hex digits behind the name of its algorithm.
const HEX_DIGITS: usize = 64;
/// The name of the algorithm, which may be typed or left out.
const PREFIX: &str = "sha256:";

/// What the operator confirmed: this plan, by its digest or by the name of its cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmation {
    digest: String,
}

/// Why a confirmation was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfirmationError {
    /// It is too short, or no hex digits.
    #[error("`{given}` is not {ID_DIGITS} to 64 hex digits of a digest")]
    NotADigest {
        /// As typed.
        given: String,
    },
    /// It is the digest of another plan.
    #[error("`{given}` is not the beginning of the plan's digest, {digest}")]
    OtherDigest {
        /// As typed.
        given: String,
        /// The plan's.
        digest: String,
    },
    /// It is another cluster's name.
    #[error("`{given}` is not the name of the plan's cluster, `{name}`")]
    OtherName {
        /// As typed.
        given: String,
        /// The cluster's.
        name: String,
    },
}

impl Confirmation {
    /// Confirms a plan by the beginning of its digest.
    ///
    /// # Errors
    /// Fewer than 12 hex digits, or those of another plan.
    pub fn by_digest(prefix: &str, plan: &Plan) -> Result<Self, ConfirmationError> {
        let given = || prefix.escape_debug().to_string();
        let hex = prefix.strip_prefix(PREFIX).unwrap_or(prefix);
        let lower = hex.to_ascii_lowercase();
        let is_hex = lower.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hex || !(ID_DIGITS..=HEX_DIGITS).contains(&lower.len()) {
            return Err(ConfirmationError::NotADigest { given: given() });
        }
        let own = plan.digest.strip_prefix(PREFIX);
        if !own.is_some_and(|own| own.starts_with(&lower)) {
            return Err(ConfirmationError::OtherDigest {
                given: given(),
                digest: plan.digest.clone(),
            });
        }
        Ok(Self {
            digest: plan.digest.clone(),
        })
    }

    /// Confirms a plan by the name of its cluster, as it was typed.
    ///
    /// # Errors
    /// Another name.
    pub fn by_name(typed: &str, plan: &Plan) -> Result<Self, ConfirmationError> {
        let name = &plan.identity.cluster.name;
        if name.is_empty() || typed.trim() != name {
            return Err(ConfirmationError::OtherName {
                given: typed.trim().escape_debug().to_string(),
                name: name.clone(),
            });
        }
        Ok(Self {
            digest: plan.digest.clone(),
        })
    }

    pub(super) fn is_of(&self, plan: &Plan) -> bool {
        self.digest == plan.digest
    }
}

/// Why a plan may not run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Live was assumed.
    #[error("The plan `{id}` is a preview: its live side was assumed and not read")]
    Preview {
        /// The plan.
        id: String,
    },
    /// The content is not what the digest says.
    #[error(
        "The plan `{id}` was changed after it was made: its digest says {said}, and its content has {found}"
    )]
    Changed {
        /// The plan.
        id: String,
        /// The digest in the plan.
        said: String,
        /// The digest of the content.
        found: String,
    },
    /// This build does not act on such clusters.
    #[error(
        "The plan `{id}` is for a cluster of flavor `{flavor}`, and this build acts on `eks` only"
    )]
    Flavor {
        /// The plan.
        id: String,
        /// Its flavor.
        flavor: String,
    },
    /// There is nothing to do.
    #[error("The plan `{id}` has no step that can run{}", say_held_back(*.held_back))]
    Nothing {
        /// The plan.
        id: String,
        /// Steps that wait for something.
        held_back: usize,
    },
    /// The operator confirmed another plan.
    #[error("The plan `{id}` is not the one that was confirmed")]
    NotConfirmed {
        /// The plan.
        id: String,
    },
    /// A plan runs once.
    #[error("The plan `{id}` already ran to its end, and a plan runs once")]
    Finished {
        /// The plan.
        id: String,
    },
    /// Nobody knows whose change it is.
    #[error(
        "The plan `{id}` needs approvals by others than its author, and who that is cannot be told"
    )]
    AuthorUnknown {
        /// The plan.
        id: String,
    },
    /// Not enough persons signed.
    #[error("The plan `{id}` has {have} of {required} approvals{}", say_others(.others))]
    TooFew {
        /// The plan.
        id: String,
        /// How many count.
        have: usize,
        /// How many are needed.
        required: u32,
        /// Those that do not count.
        others: Vec<Uncounted>,
    },
    /// The approvals counted once.
    #[error("The approvals of the plan `{id}` expired at {at}")]
    Expired {
        /// The plan.
        id: String,
        /// When.
        at: Timestamp,
    },
}

fn say_held_back(count: usize) -> String {
    match count {
        0 => ": it is empty".to_owned(),
        1 => ": its only step is held back".to_owned(),
        several => format!(": all of its {several} steps are held back"),
    }
}

fn say_others(others: &[Uncounted]) -> String {
    let mut text = String::new();
    for (index, one) in others.iter().enumerate() {
        text.push_str(if index == 0 { "; not counted: " } else { "; " });
        text.push_str(&one.to_string());
    }
    text
}

/// Writes names for a sentence.
pub(super) fn list(names: &[String]) -> String {
    if names.is_empty() {
        return "no cluster".to_owned();
    }
    let quoted: Vec<String> = names
        .iter()
        .map(|name| format!("`{}`", name.escape_debug()))
        .collect();
    quoted.join(", ")
}
