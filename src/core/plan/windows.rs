//! Whether a plan's units fit into the maintenance windows, judged as `apply` judges it.

use super::draft::{Draft, after, finding};
use super::wire::{
    BlockedBy, LaterStep, Severity, Step, UnitTime, goes_on, unit_starts, unit_time,
};
use crate::model::say_seconds;
use crate::policy::windows::{Opening, opening};

const CODE: &str = "STW-WINDOW";

/// Says which windows count and what they hold; from the first unit on that fits into none of them,
/// nothing runs: `apply` would stop before it, with the steps before done and the rest not.
pub(super) fn judge(draft: &mut Draft<'_>) {
    let windows = &draft.input.settings.windows;
    if windows.is_empty() || draft.steps.is_empty() {
        return;
    }
    let listed: Vec<String> = windows.iter().map(ToString::to_string).collect();
    let listed = listed.join("; ");
    let too_long = unit_starts(&draft.steps).find_map(|place| {
        let time = unit_time(&draft.steps, place);
        match opening(windows, draft.input.at, time.most) {
            Opening::Now | Opening::At(_) => None,
            Opening::Never(longest) => Some((place, time, longest)),
        }
    });
    match too_long {
        Some((place, time, longest)) => hold(draft, place, time, longest, &listed),
        None => fits(draft, &listed),
    }
}

fn fits(draft: &mut Draft<'_>, listed: &str) {
    let units = unit_starts(&draft.steps).count();
    let longest = unit_starts(&draft.steps)
        .map(|place| (unit_time(&draft.steps, place), &draft.steps[place]))
        .max_by_key(|(time, _)| time.most);
    let Some((time, step)) = longest else {
        return;
    };
    let mut found = finding(CODE, "", Severity::Note, "cluster");
    found.message = format!(
        "Steps start only inside the maintenance windows: {listed}. Each of the {units} units fits into one; the longest begins with {} and takes up to {}, typically {}.",
        step.id,
        say_seconds(u64::from(time.most)),
        say_seconds(u64::from(time.typical)),
    );
    found.remedy =
        "Outside of a window `stairway apply` pauses with exit code 7 and says when to resume."
            .to_owned();
    draft.find(found);
}

fn hold(draft: &mut Draft<'_>, place: usize, time: UnitTime, longest: u32, listed: &str) {
    let rest = draft.steps.split_off(place);
    let Some(first) = rest.first() else {
        return;
    };
    let mut found = finding(CODE, "", Severity::Mandatory, &subject(first));
    found.message = format!(
        "The unit that begins with {} takes up to {}, typically {}, and no maintenance window is longer than {}: {listed}. It could never start.",
        first.id,
        say_seconds(u64::from(time.most)),
        say_seconds(u64::from(time.typical)),
        say_seconds(u64::from(longest)),
    );
    found.remedy = format!(
        "Give the cluster a window of at least {} under `policy.windows`, or make the unit smaller; no waiver lifts a window.",
        say_seconds(u64::from(time.most))
    );
    let blocked = BlockedBy {
        code: CODE.to_owned(),
        subject: found.subject.clone(),
        why: found.message.clone(),
    };
    draft.find(found);
    let head = first.id.clone();
    let own = 1 + (1..rest.len()).take_while(|at| goes_on(&rest, *at)).count();
    let held = rest.into_iter().enumerate().map(|(at, step)| LaterStep {
        step,
        blocked_by: vec![if at < own {
            blocked.clone()
        } else {
            after(&head)
        }],
    });
    let held: Vec<LaterStep> = held.collect();
    draft.later.splice(0..0, held);
}

fn subject(step: &Step) -> String {
    if step.kind.name().ends_with("-nodegroup") {
        format!("nodegroup {}", step.subject)
    } else {
        step.subject.clone()
    }
}
