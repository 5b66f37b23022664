//! Which journals of a branch may be believed, and of two that went apart, which one may be left behind.

use super::PLAN_FILE;
use crate::files;
use crate::store::PLAN_BYTES_MAX;
use serde_json::Value;
use stairway_core::journal::{self, Event, JournalError, What};
use std::collections::BTreeSet;
use std::path::Path;

/// Returns the digest of the plan that a journal must hang on: as the plan stands here, or else on the branch.
///
/// It begins as the plan's id ends, or it is none.
pub(super) fn digest(dir: &Path, there: Option<&[u8]>, id: &str) -> Option<String> {
    let here = files::read_bounded(&dir.join(PLAN_FILE), PLAN_BYTES_MAX).ok();
    let digest_in = |bytes: &[u8]| -> Option<String> {
        let plan: Value = serde_json::from_slice(bytes).ok()?;
        let digest = plan["digest"].as_str()?;
        let digits = id.rsplit('-').next()?;
        let is_own = digest.strip_prefix("sha256:")?.starts_with(digits);
        is_own.then(|| digest.to_owned())
    };
    let of_here = here.as_deref().and_then(digest_in);
    of_here.or_else(|| there.and_then(digest_in))
}

/// Reads a journal as it is published: whole lines, its chain unbroken from the plan's digest.
///
/// # Errors
/// It cannot be believed.
pub(super) fn read(bytes: &[u8], digest: Option<&str>) -> Result<Vec<Event>, JournalError> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let Some(digest) = digest else {
        return Err(JournalError {
            line: 1,
            why: "there is no plan beside it that it could belong to".to_owned(),
        });
    };
    let journal = journal::read(bytes, digest)?;
    match journal.torn {
        // Only whole lines are ever published.
        Some(torn) => Err(JournalError {
            line: torn.line,
            why: "its end is cut off".to_owned(),
        }),
        None => Ok(journal.events),
    }
}

/// Returns true when the events that are only here announce no effect of which the branch does not know: then the
/// branch's journal tells everything that was begun, and is what to go on from.
pub(super) fn may_be_left(here: &[Event], there: &[Event]) -> bool {
    let token = |event: &Event| match &event.what {
        What::StepIntended { token, .. } => Some(token.clone()),
        What::RunStarted { .. }
        | What::EffectReturned { .. }
        | What::StepObserved { .. }
        | What::StepFailed { .. }
        | What::Paused { .. }
        | What::Resumed { .. }
        | What::RunEnded { .. } => None,
    };
    let known: BTreeSet<String> = there.iter().filter_map(token).collect();
    here.iter()
        .filter_map(token)
        .all(|token| known.contains(&token))
}
