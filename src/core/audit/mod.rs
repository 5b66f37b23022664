//! An independent checker that reads every plan before it is shown.
//!
//! It imports neither `plan::propose` nor `policy`: it has its own copy of the
//! law, interprets what the actions would do, and never believes `after`.

mod argv;
mod cluster;
mod form;
#[cfg(test)]
mod tests;

use crate::catalog::Catalog;
use crate::model::Observation;
use crate::plan::wire::{Finding, Plan, Severity, Step};
use crate::plan::{Planned, StepFile};
use cluster::Cluster;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What an audit looks at.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The files that its actions name.
    pub files: &'a BTreeMap<String, StepFile>,
    /// What the plan was made from.
    pub observed: &'a Observation,
    /// Dated facts.
    pub catalog: &'a Catalog,
    /// The owner's rule for core groups, by name and eksctl settings.
    pub is_core: &'a dyn Fn(&str, &Map<String, Value>) -> bool,
}

/// Returns what is wrong with a plan; empty for a plan that may be shown.
pub fn check(
    planned: &Planned,
    observed: &Observation,
    catalog: &Catalog,
    is_core: &dyn Fn(&str, &Map<String, Value>) -> bool,
) -> Vec<Finding> {
    let subject = Subject {
        plan: &planned.plan,
        files: &planned.files,
        observed,
        catalog,
        is_core,
    };
    let mut faults = Faults::default();
    form::check(&subject, &mut faults);
    let mut cluster = Cluster::of(&subject);
    for step in &subject.plan.steps {
        cluster.run(step, &subject, &mut faults);
    }
    // Later steps have the same shape and go on from there: they must be as legal.
    for later in &subject.plan.not_now {
        cluster.run_later(later, &subject, &mut faults);
    }
    faults.list
}

/// The faults found so far.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    list: Vec<Finding>,
}

impl Faults {
    /// Records that a step breaks a law.
    pub(crate) fn add(&mut self, rule: &str, step: &Step, message: String) {
        self.record(rule, &format!("step {}", step.id), message);
    }

    /// Records that the plan as a whole breaks a law.
    pub(crate) fn record(&mut self, rule: &str, subject: &str, message: String) {
        self.list.push(Finding {
            code: "STW-AUDIT".to_owned(),
            rule: rule.to_owned(),
            severity: Severity::Mandatory,
            subject: subject.to_owned(),
            message,
            remedy: "This is a fault of stairway, not of your config: do not apply the plan, and report it.".to_owned(),
            source: String::new(),
            not_assessed: false,
            objects: Vec::new(),
            applies: None,
            waived: None,
        });
    }
}
