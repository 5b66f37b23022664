//! The gate, and the only maker of an approved plan.

use super::refusal::{Confirmation, Refusal};
use super::statement::{Nonce, Signed};
use super::tally::{Counted, Requirements, Tally, Used, tally};
use crate::model::Timestamp;
use crate::plan::wire::Plan;
use std::ops::Deref;

/// The flavor of clusters that this build acts on.
const FLAVOR: &str = "eks";

/// Something that may be acted on, because it was approved. It cannot be changed any more.
#[derive(Debug)]
pub struct Approved<T> {
    inner: T,
    until: Option<Timestamp>,
    counted: Vec<Counted>,
}

impl<T> Deref for Approved<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

impl Approved<Plan> {
    /// Returns the plan.
    pub const fn plan(&self) -> &Plan {
        &self.inner
    }

    /// Returns the first instant at which fewer approvals than required are left; none when no
    /// approval is required.
    pub const fn expires(&self) -> Option<Timestamp> {
        self.until
    }

    /// Returns the approvals that this run consumes: all that count, so that none is left over for
    /// another run of the plan.
    pub fn nonces(&self) -> impl Iterator<Item = &Nonce> {
        self.counted.iter().map(|one| &one.nonce)
    }

    /// Returns who approved.
    pub fn signers(&self) -> impl Iterator<Item = &str> {
        self.counted.iter().map(|one| one.signer.as_str())
    }

    /// Checks that the approvals still count: before an irreversible step, and when a run goes on.
    ///
    /// # Errors
    /// They have expired.
    pub fn still_valid(&self, now: Timestamp) -> Result<(), Refusal> {
        match self.until {
            Some(at) if now >= at => Err(Refusal::Expired {
                id: self.inner.id.clone(),
                at,
            }),
            Some(_) | None => Ok(()),
        }
    }
}

/// Lets a plan pass, or says why not.
///
/// # Errors
/// See [`Refusal`].
pub fn admit(
    plan: Plan,
    confirmation: &Confirmation,
    requirements: &Requirements,
    signed: &[Signed],
    used: &Used,
    now: Timestamp,
) -> Result<Approved<Plan>, Refusal> {
    check_plan(&plan)?;
    let id = || plan.id.clone();
    if used.finished {
        return Err(Refusal::Finished { id: id() });
    }
    if !confirmation.is_of(&plan) {
        return Err(Refusal::NotConfirmed { id: id() });
    }
    let required = requirements.required;
    if required > 0 && requirements.not_author && requirements.author.is_none() {
        return Err(Refusal::AuthorUnknown { id: id() });
    }
    let Tally { counted, others } = tally(&plan, requirements, signed, used, now);
    let enough = usize::try_from(required).unwrap_or(usize::MAX);
    if counted.len() < enough {
        return Err(Refusal::TooFew {
            id: id(),
            have: counted.len(),
            required,
            others,
        });
    }
    // The one that lasts longest comes first: with the last needed one, too few are left.
    let until = enough
        .checked_sub(1)
        .and_then(|last| counted.get(last))
        .map(|one| one.expires);
    Ok(Approved {
        inner: plan,
        until,
        counted,
    })
}

/// Checks what makes a plan unfit to run whoever approves it.
///
/// # Errors
/// Its content is not what its digest says, it is a preview, it is for a flavor that this build does
/// not act on, or none of its steps can run.
pub fn check_plan(plan: &Plan) -> Result<(), Refusal> {
    let id = || plan.id.clone();
    let content = plan.clone().seal();
    if content.digest != plan.digest || content.id != plan.id {
        return Err(Refusal::Changed {
            id: id(),
            said: plan.digest.clone(),
            found: content.digest,
        });
    }
    if plan.preview {
        return Err(Refusal::Preview { id: id() });
    }
    if plan.flavor != FLAVOR {
        return Err(Refusal::Flavor {
            id: id(),
            flavor: plan.flavor.clone(),
        });
    }
    if plan.steps.is_empty() {
        return Err(Refusal::Nothing {
            id: id(),
            held_back: plan.not_now.len(),
        });
    }
    Ok(())
}
