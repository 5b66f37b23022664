//! Units of work: what is not left half-way for a window or an operator.

use super::{Step, StepKind};

/// Returns true when the step at `place` belongs to the unit of the one before it: cordon to drained
/// is one unit.
pub fn goes_on(steps: &[Step], place: usize) -> bool {
    let Some(before) = place.checked_sub(1).and_then(|i| steps.get(i)) else {
        return false;
    };
    let marks = matches!(
        before.kind,
        StepKind::TaintNodegroup | StepKind::CordonNodegroup
    );
    steps.get(place).is_some_and(|step| {
        marks && step.kind == StepKind::DrainNodegroup && step.subject == before.subject
    })
}

/// How long a unit takes, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnitTime {
    /// As it usually goes.
    pub typical: u32,
    /// At most: what a window must have left when the unit begins.
    pub most: u32,
}

/// Returns how long the unit that starts at `place` may take; waits for people are no work.
pub fn unit_time(steps: &[Step], place: usize) -> UnitTime {
    let seconds = |long: u64| u32::try_from(long).unwrap_or(u32::MAX);
    let mut sum = UnitTime::default();
    for (index, step) in steps.iter().enumerate().skip(place) {
        if index > place && !goes_on(steps, index) {
            break;
        }
        if matches!(step.kind, StepKind::PhaseOut | StepKind::Bake) {
            continue;
        }
        sum.typical = sum.typical.saturating_add(seconds(step.duration.typical));
        sum.most = sum.most.saturating_add(seconds(step.duration.max));
    }
    sum
}

/// Returns the places where units begin.
pub fn unit_starts(steps: &[Step]) -> impl Iterator<Item = usize> {
    (0..steps.len()).filter(|place| !goes_on(steps, *place))
}
