//! The order of waves, when a plan is applied: a wave waits for those before it.

use super::error::CliError;
use super::subject::{Subject, refused};
use crate::files;
use crate::store::disk::RealDisk;
use crate::store::journal::JournalFile;
use crate::store::sets::{SET_FILE, SetFile, read_set};
use stairway_core::journal::{Ending, fold};
use stairway_core::plan::wire::Plan;
use std::path::Path;

/// What the waves say about a plan.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    /// Plans of earlier waves that have not run to their end, each with the way it stands.
    pub(crate) open: Vec<OpenPlan>,
    /// Why the order could not be judged, if so.
    pub(crate) note: Option<String>,
}

/// A plan of an earlier wave.
#[derive(Debug)]
pub(crate) struct OpenPlan {
    id: String,
    name: String,
    wave: String,
    stands: &'static str,
}

/// Looks at the set beside the plan's folder.
///
/// # Errors
/// The set cannot be read, or the journal of an earlier plan cannot be believed.
pub(crate) fn gate(subject: &Subject) -> Result<Gate, CliError> {
    let plan = &subject.plan;
    let folder = files::parent_of(&subject.dir);
    let path = folder.join(SET_FILE);
    if !files::is_file(&path) {
        let note = plan.wave.as_ref().map(|wave| {
            format!("`{}` is of the wave `{wave}`, and no {SET_FILE} beside it tells which waves go before", plan.id)
        });
        return Ok(Gate {
            open: Vec::new(),
            note,
        });
    }
    let set = read_set(&path, SET_FILE)?;
    judge(plan, &set, &folder)
}

fn judge(plan: &Plan, set: &SetFile, folder: &Path) -> Result<Gate, CliError> {
    let mut gate = Gate::default();
    // The way back waits for nobody; that of a run is in no set.
    let listed = set.clusters.iter().any(|other| other.id == plan.id);
    if set.waves.is_empty() || plan.rollback || (plan.wave.is_none() && !listed) {
        return Ok(gate);
    }
    let place = |wave: Option<&String>| {
        let found = wave.and_then(|wave| set.waves.iter().position(|known| known == wave));
        found.unwrap_or(set.waves.len())
    };
    let own = place(plan.wave.as_ref());
    for other in &set.clusters {
        if place(other.wave.as_ref()) >= own {
            continue;
        }
        let other = other.plan().map_err(|error| {
            CliError::user(format!(
                "Reading `{}` in {SET_FILE} failed: {error}",
                other.id
            ))
        })?;
        if other.steps.is_empty() {
            continue;
        }
        if let Some(stands) = unfinished(&other, folder)? {
            gate.open.push(OpenPlan {
                wave: other.wave.clone().unwrap_or_default(),
                name: other.name,
                id: other.id,
                stands,
            });
        }
    }
    if let Some(partial) = set.partial.as_ref().filter(|_| own > 0) {
        gate.note = Some(format!(
            "{SET_FILE} is a part of the fleet, chosen by {}: whether other clusters of earlier waves are done is not in it",
            partial.by.join(" ")
        ));
    }
    Ok(gate)
}

/// Returns how the run of a plan stands, unless it came to its end.
fn unfinished(plan: &Plan, folder: &Path) -> Result<Option<&'static str>, CliError> {
    let dir = folder.join(&plan.id);
    if !files::is_dir(&dir) {
        return Ok(Some("its folder is not here, and with it its journal"));
    }
    let (_, journal) = JournalFile::open(RealDisk, &dir, &plan.digest)?;
    let folded = fold(plan, &journal.events);
    Ok(match (&folded.ending, &folded.run) {
        (Some((Ending::Done, _)), _) => None,
        (Some((Ending::RolledBack, _)), _) => Some("it was rolled back"),
        (_, Some(_)) => Some("its run has not come to its end"),
        (_, None) => Some("it was not applied"),
    })
}

/// More plans than this are not listed.
const PLANS_LISTED: usize = 5;

impl Gate {
    /// Returns why the plan may not be applied now.
    pub(crate) fn refusal(&self, plan: &Plan) -> Option<CliError> {
        let first = self.open.first()?;
        let own = match &plan.wave {
            Some(wave) => format!("is of the wave `{wave}`"),
            None => "is in no wave and goes after all of them".to_owned(),
        };
        let more = match self.open.len().saturating_sub(PLANS_LISTED) {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        let waiting: Vec<String> = self
            .open
            .iter()
            .take(PLANS_LISTED)
            .map(|open| {
                format!(
                    "`{}` of `{}` (wave `{}`: {})",
                    open.id, open.name, open.wave, open.stands
                )
            })
            .collect();
        Some(
            refused(format!(
                "Applying `{}` failed: it {own}, and an earlier wave is not done: {}{more}",
                plan.id,
                waiting.join(", ")
            ))
            .hint(format!(
                "`stairway apply {}` first, or plan again when it is not needed any more; to go ahead all the same: `--dangerously-skip-waves`",
                first.id
            )),
        )
    }

    /// Returns what the journal is told when the order was not kept on purpose.
    pub(crate) fn overridden(&self) -> Option<String> {
        if self.open.is_empty() {
            return None;
        }
        let ids: Vec<&str> = self.open.iter().map(|open| open.id.as_str()).collect();
        Some(format!("waves skipped, not done: {}", ids.join(", ")))
    }
}
