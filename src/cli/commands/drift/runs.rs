//! What the plans and journals beside the configs say: what was applied last, and since when groups are
//! on their way out.

use super::past::Base;
use crate::files;
use crate::store::{self, Stored};
use stairway_core::journal::{self, Ending};
use stairway_core::model::Timestamp;
use stairway_core::plan::wire::{Plan, StepKind};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The journal of the longest run has some 10 MB.
const JOURNAL_BYTES_MAX: u64 = 256 << 20;

/// What the runs of one cluster say.
#[derive(Clone, Debug, Default)]
pub(super) struct Runs {
    /// What was applied last, when it was all that git asked for.
    pub(super) base: Base,
    /// By group: when it was tainted by a run.
    pub(super) tainted: BTreeMap<String, Timestamp>,
}

/// Reads the runs of a cluster below each of `plans`. What cannot be read says nothing: a broken journal is no
/// proof that something was applied.
pub(super) fn runs_of(plans: &[PathBuf], cluster: &str) -> Runs {
    let mut newest: Option<(Timestamp, Base)> = None;
    let mut tainted: BTreeMap<String, Timestamp> = BTreeMap::new();
    let names = |folder: &PathBuf| {
        let names = files::list_dir(folder).unwrap_or_default().into_iter();
        names
            .map(|name| (folder.join(&name), name))
            .collect::<Vec<_>>()
    };
    for (folder, name) in plans.iter().flat_map(names) {
        let own = name
            .rsplit_once('-')
            .is_some_and(|(head, _)| head == cluster);
        if !own {
            continue;
        }
        let Ok(Stored::Plan(plan)) = store::read(&folder.join("plan.json"), &name) else {
            continue;
        };
        let journal = folder.join("journal.ndjson");
        let Ok(bytes) = files::read_bounded(&journal, JOURNAL_BYTES_MAX) else {
            continue;
        };
        let Ok(read) = journal::read(&bytes, &plan.digest) else {
            continue;
        };
        let fold = journal::fold(&plan, &read.events);
        for (step, known) in plan.steps.iter().zip(&fold.steps) {
            if step.kind == StepKind::TaintNodegroup
                && let Some(at) = known.intended_at
            {
                let since = tainted.entry(step.subject.clone()).or_insert(at);
                *since = (*since).min(at);
            }
        }
        let done = matches!(fold.ending, Some((Ending::Done, _)));
        if let (true, true, Some(at)) = (done, was_everything(&plan), fold.last_at)
            && newest.as_ref().is_none_or(|(then, _)| *then < at)
        {
            newest = Some((at, applied(&plan)));
        }
    }
    Runs {
        base: newest.map_or(Base::Unknown, |(_, base)| base),
        tainted,
    }
}

/// Returns true when a plan, run to its end, made live what git asked for then: what it held back or was
/// not asked for is no older state.
fn was_everything(plan: &Plan) -> bool {
    plan.not_now.is_empty()
        && !plan.rollback
        && !plan.preview
        && !plan.inputs.options.contains_key("to")
}

fn applied(plan: &Plan) -> Base {
    let inputs = &plan.inputs;
    let clean = inputs.dirty.as_ref().is_some_and(Vec::is_empty);
    Base::Applied {
        revision: inputs.git_revision.clone().filter(|_| clean),
        imports: inputs.imports.clone(),
    }
}
