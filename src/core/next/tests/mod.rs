//! Scripts: what the journal says, what is seen, when — and what must happen next.

mod admit;
mod adopt;
mod begin;
mod leaving;
pub(crate) mod stage;
mod waiting;

use super::*;
use crate::journal::{Claim, Event, JOURNAL_FORMAT, What, fold, token_of};
use crate::verify::health_of;
use stage::{Stage, later};

/// What a journal says of the step of a row, and how many seconds after the start.
#[derive(Clone, Copy, Debug)]
pub(super) enum Line {
    /// An action was intended.
    Intent(u32, i64),
    /// It came back and claims success.
    Ok(u32, i64),
    /// It came back and claims failure.
    Err(u32, i64),
    /// The step failed.
    Failed(i64),
    /// Somebody resumed the run.
    Resumed(i64),
}

/// A journal in the making.
pub(crate) struct Book<'p> {
    plan: &'p Plan,
    fold: Fold,
}

impl<'p> Book<'p> {
    pub(crate) fn new(plan: &'p Plan, adopted: bool) -> Self {
        let mut book = Self {
            plan,
            fold: fold(plan, &[]),
        };
        book.write(
            0,
            What::RunStarted {
                format_version: JOURNAL_FORMAT,
                plan: plan.digest.clone(),
                cluster: "c".to_owned(),
                tool: "stairway".to_owned(),
                confirmed: "--approve".to_owned(),
                approvals: Vec::new(),
                signers: Vec::new(),
                adopted,
            },
        );
        book
    }

    pub(crate) fn fold(&self) -> Fold {
        self.fold.clone()
    }

    pub(crate) fn write(&mut self, at: i64, what: What) {
        let event = Event {
            seq: self.fold.seq + 1,
            at: later(at),
            run: "r1".to_owned(),
            actor: "one@host".to_owned(),
            prev_hash: self.fold.head.clone(),
            what,
        };
        self.fold.add(&event);
    }

    pub(crate) fn intent(
        &mut self,
        place: usize,
        action: u32,
        attempt: u32,
        at: i64,
        health: Option<Health>,
    ) {
        let step = self.plan.steps[place].id.clone();
        let token = token_of("r1", &step, action, attempt);
        self.write(
            at,
            What::StepIntended {
                step,
                action,
                attempt,
                token,
                health: health.filter(|_| action == 0),
            },
        );
    }

    pub(crate) fn returned(&mut self, place: usize, action: u32, at: i64, ok: bool) {
        let step = self.plan.steps[place].id.clone();
        let attempt = self.fold().steps[place].attempt;
        let token = token_of("r1", &step, action, attempt);
        let claim = Claim {
            ok,
            said: format!("exit {}", u8::from(!ok)),
            tail: vec!["Error: it went wrong".to_owned(), String::new()],
            output: String::new(),
            stopped: false,
        };
        self.write(
            at,
            What::EffectReturned {
                step,
                action,
                attempt,
                token,
                claim,
            },
        );
    }

    pub(crate) fn seen(&mut self, place: usize, at: i64) {
        let step = self.plan.steps[place].id.clone();
        let attempt = self.fold().steps[place].attempt;
        self.write(
            at,
            What::StepObserved {
                step,
                attempt,
                facts: Vec::new(),
            },
        );
    }

    /// Steps before `place` are done, each with a healthy cluster before it.
    pub(super) fn done_before(&mut self, place: usize, observed: &Observation) {
        for before in 0..place {
            self.intent(before, 0, 1, 0, health_of(observed));
            self.seen(before, 0);
        }
    }

    pub(super) fn line(&mut self, place: usize, line: Line, observed: &Observation) {
        let step = self.plan.steps[place].id.clone();
        let fold = self.fold().steps[place].clone();
        match line {
            Line::Intent(action, at) => {
                let again = matches!(fold.phase, StepPhase::Failed { .. } | StepPhase::NotStarted);
                let attempt = fold.attempt + u32::from(again);
                self.intent(place, action, attempt, at, health_of(observed));
            }
            Line::Ok(action, at) => self.returned(place, action, at, true),
            Line::Err(action, at) => self.returned(place, action, at, false),
            Line::Failed(at) => self.write(
                at,
                What::StepFailed {
                    step,
                    attempt: fold.attempt,
                    why: "it went wrong".to_owned(),
                },
            ),
            Line::Resumed(at) => self.write(
                at,
                What::Resumed {
                    adopted: false,
                    torn_bytes: 0,
                },
            ),
        }
    }
}

/// Says what is next in one line.
pub(super) fn said(plan: &Plan, next: &Next) -> String {
    let id = |step: &usize| plan.steps[*step].id.clone();
    match next {
        Next::Act {
            step,
            action,
            attempt,
        } => format!("act {} action {action} attempt {attempt}", id(step)),
        Next::Look { step, seconds, why } => format!("look {} in {seconds}: {why}", id(step)),
        Next::Observed { step, facts } => format!("seen {}: {}", id(step), facts.join("; ")),
        Next::Fail { step, why } => format!("fail {}: {why}", id(step)),
        Next::Pause {
            step,
            why,
            resume_after,
        } => {
            let until = resume_after.map_or_else(|| "whenever".to_owned(), |at| at.to_string());
            format!("pause {} until {until}: {why}", id(step))
        }
        Next::Stop { step, why, unknown } => {
            format!(
                "stop{} {}: {why}",
                if *unknown { ", unknown," } else { "" },
                id(step)
            )
        }
        Next::Leave { step } => format!("leave {}", id(step)),
        Next::Done => "done".to_owned(),
    }
}

/// A sentence; what the journal says; what changed on the cluster since the steps before;
/// the time; and what is next: how it begins, and what it names.
pub(super) type Row<'a> = (
    &'a str,
    &'a [Line],
    fn(&mut Observation),
    i64,
    &'a str,
    &'a str,
);

/// A step to which rows apply: the first of a kind in a plan.
pub(super) struct Scene<'a> {
    pub(super) stage: &'a Stage,
    pub(super) plan: &'a Plan,
    pub(super) place: usize,
    pub(super) manner: Manner,
    pub(super) interrupted: bool,
}

pub(super) fn first_of(plan: &Plan, kind: StepKind) -> usize {
    let place = plan.steps.iter().position(|step| step.kind == kind);
    place.unwrap_or_else(|| panic!("no {kind:?} in {:?}", stage::ids(plan)))
}

impl<'a> Scene<'a> {
    pub(super) fn new(stage: &'a Stage, plan: &'a Plan, kind: StepKind) -> Self {
        Self {
            stage,
            plan,
            place: first_of(plan, kind),
            manner: Manner::default(),
            interrupted: false,
        }
    }

    /// `<kind>` of the step stands for its id in what is expected.
    pub(super) fn check(&self, rows: &[Row<'_>]) {
        let mut wrong = Vec::new();
        for (what, lines, live, now, begins, names) in rows {
            let before = self.stage.after(self.plan, self.place);
            let mut book = Book::new(self.plan, false);
            book.done_before(self.place, &before);
            for line in *lines {
                book.line(self.place, *line, &before);
            }
            let mut observed = before;
            live(&mut observed);
            let next = next(&Situation {
                plan: self.plan,
                fold: &book.fold(),
                observed: &observed,
                now: later(*now),
                wall: later(*now),
                manner: &self.manner,
                interrupted: self.interrupted,
            });
            let said = said(self.plan, &next);
            if !said.starts_with(begins) || !said.contains(names) {
                wrong.push(format!("{what}: not `{begins} … {names}`, but `{said}`"));
            }
        }
        assert!(
            wrong.is_empty(),
            "{}\n{}",
            self.plan.steps[self.place].id,
            wrong.join("\n")
        );
    }
}

/// Nothing changed on the cluster.
pub(super) fn as_it_was(_: &mut Observation) {}
