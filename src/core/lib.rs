//! The pure core of stairway: from what git asks for and what runs to a plan
//! that leaves its executor no choices.
//!
//! # Bird's-eye view
//!
//! ```text
//! documents ─model::clusterconfig─▶ Desired
//! observation file ─model─▶ Observation          (every fact Value | Absent | Unknown(why))
//! Desired × Observation ─diff─▶ Differences
//! Differences ─plan─▶ Plan + "why not now" ─audit─▶ Findings ─report─▶ text
//! Plan × statements ─approve─▶ Approved<Plan>
//! Differences × earlier configs × previous report ─drift─▶ DriftReport
//! Approved<Plan> × journal × Observation × time ─next─▶ what happens next   (verify judges conditions)
//! ```
//!
//! # Code map
//!
//! | module | one sentence |
//! |---|---|
//! | [`codec`] | text forms of values; documents inside strings |
//! | [`model`] | the nouns as values with invariants |
//! | [`catalog`] | dated facts as data with sources |
//! | [`policy`] | what Kubernetes, EKS and the fleet's owner allow: tables and settings |
//! | [`diff`] | desired × observed → typed, default-aware differences, across generations |
//! | [`plan`] | proposes the plan and what is not possible now; wire format and digest |
//! | [`audit`] | an independent checker that interprets the actions of every plan |
//! | [`approve`] | whether statements and signatures cover exactly this digest; the only maker of `Approved<Plan>` |
//! | [`journal`] | what a run writes down, its hash chain, and where that says it stands |
//! | [`verify`] | condition × observation → met, not yet, unknown, refuted |
//! | [`next`] | the only chooser of what happens next in a run |
//! | [`drift`] | differences × git's earlier configs → who moved, since when; reports and what is new in them |
//! | [`report`] | plans, differences, runs and rehearsals as table, JSON, Markdown and words |
//!
//! Inside [`plan`]: `propose` is the straight line, `draft` the plan while it
//! is being made, `hops` the control plane, `nodes` what must happen to which
//! group and when, `replace` how, `steps` what a step runs, `addons`,
//! `rollback`, `undo` the way back from a run, `preflight`, `findings` what a
//! reviewer should know, `exit` what a caller is told, `files`, `summary`.
//!
//! # Invariants, each with its test
//!
//! 1. No module here performs I/O, reads a clock or is async (the manifest,
//!    clippy's bans, the import-table test).
//! 2. No prefix of a plan breaks version skew or moves a control plane by more
//!    than one minor (`audit`, and the law tests on the embedded world).
//! 3. Planning the interpreted end of a plan gives no plan; equal inputs in any
//!    order give equal bytes (law tests).
//! 4. `audit` imports neither `plan::propose` nor `policy` (import-table test).
//! 5. Sensitive values become digests in `diff::normalize` before they reach an
//!    observation, a difference or a plan (secrets tests).
//! 6. What cannot run is never dropped: it stands in `not_now` with its reason.
//! 7. `Approved<Plan>` is made in `approve::admit` and nowhere else (the compiler).
//! 8. Nothing begins without a durable intent, nothing is done that was not
//!    seen, and what runs is what was approved, under any fault and any kill
//!    (`testdata/sim`).

pub mod approve;
pub mod audit;
pub mod catalog;
pub mod codec;
pub mod diff;
pub mod drift;
pub mod journal;
pub mod model;
pub mod next;
pub mod plan;
pub mod policy;
pub mod report;
pub mod verify;

/// Returns the steps that a run has touched, in the order of the plan.
pub fn touched<'p>(plan: &'p plan::wire::Plan, fold: &journal::Fold) -> Vec<plan::Touched<'p>> {
    let steps = plan.steps.iter().zip(&fold.steps);
    steps
        .filter(|(_, known)| known.phase != journal::StepPhase::NotStarted)
        .map(|(step, known)| plan::Touched {
            step,
            done_at: match &known.phase {
                journal::StepPhase::Observed { at, .. } => Some(*at),
                journal::StepPhase::NotStarted
                | journal::StepPhase::InDoubt { .. }
                | journal::StepPhase::Returned { .. }
                | journal::StepPhase::Failed { .. } => None,
            },
        })
        .collect()
}

/// Audits the plan of a way back; a plan with a fault runs nothing.
pub fn check_undo(input: &plan::PlanInput<'_>, mut undo: plan::Undo) -> plan::Undo {
    let any = input.any_core_group();
    let faults = audit::check(
        &undo.planned,
        input.observed,
        input.catalog,
        &|name, spec| input.is_core(name, spec, any),
    );
    if !faults.is_empty() {
        undo.planned.refuse(faults);
    }
    undo
}

/// Proposes a plan, audits it, and adds what the audit found.
///
/// A fault of the plan is a mandatory finding, and then nothing in it runs.
pub fn make_plan(input: &plan::PlanInput<'_>) -> plan::Planned {
    let mut planned = plan::propose(input);
    let any = input.any_core_group();
    let faults = audit::check(&planned, input.observed, input.catalog, &|name, spec| {
        input.is_core(name, spec, any)
    });
    if !faults.is_empty() {
        planned.refuse(faults);
    }
    planned
}
