//! The machine: told what happened, it says what to do next, one effect at a time.

use super::ports::{ActionCall, PortError, Report};
use stairway_core::approve::Approved;
use stairway_core::journal::{Claim, Ending, Event, Fold, Health, JOURNAL_FORMAT, What, token_of};
use stairway_core::model::{Observation, Timestamp};
use stairway_core::next::{Manner, Next, Situation, admit, next};
use stairway_core::plan::wire::{Action, Plan, Step};
use stairway_core::verify::health_of;

/// After a look that gave no picture: cluster APIs recover within minutes or not at all.
const LOOK_AGAIN_SECONDS: u32 = 15;
/// How many looks in a row may fail before the run stops: five minutes.
const LOOKS_MAX: u32 = 20;

/// Who runs, and as what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runner {
    /// The run's name, unique among all runs.
    pub run: String,
    /// `user@host`.
    pub actor: String,
    /// How the operator confirmed it.
    pub confirmed: String,
    /// True to treat every step as in doubt.
    pub adopt: bool,
    /// Bytes of a half-written line that were cut off the journal.
    pub torn_bytes: u64,
}

/// What happened since the last effect.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// The run begins.
    Start,
    /// The look that was asked for.
    Observed(Result<Box<Observation>, String>),
    /// The event is durable.
    Appended,
    /// The lock is ours.
    LockHeld,
    /// The action came back.
    Acted(Claim),
    /// The time is over, or the operator interrupted.
    Slept,
    /// A port failed: the journal cannot be written, or the lock is lost.
    Broken(PortError),
}

/// What to do now. After each the machine wants its [`Input`].
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Look at the cluster.
    Observe,
    /// Make this durable.
    Append(Event),
    /// Make sure of the lock.
    CheckLock,
    /// Carry this out.
    Act(ActionCall),
    /// Wait.
    Sleep(u32),
    /// The run is over, for now or for good.
    Finish(Finish),
}

/// How a run finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finish {
    /// How.
    pub how: How,
    /// Why, in a sentence.
    pub why: String,
    /// The step it is in.
    pub step: Option<String>,
    /// Not worth resuming before.
    pub resume_after: Option<Timestamp>,
    /// Hash of the journal's last line.
    pub head: String,
}

/// The ways to finish; each has its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum How {
    /// Every step was observed: 0.
    Done,
    /// Refused before anything was done: 5.
    Refused,
    /// A fact that the start needs could not be read; nothing was done: 6.
    Unread,
    /// Stopped part-way, the journal tells: 4.
    Stopped,
    /// Left by the operator's wish; the journal tells: 4.
    Left,
    /// Paused as planned: 7.
    Paused,
}

/// The chooser; the tests plant faults here.
pub type Chooser = fn(&Situation<'_>) -> Next;

/// What the machine waits for.
#[derive(Clone, Debug, PartialEq)]
enum Phase {
    New,
    Admitting,
    Opening,
    Looking,
    Writing(After),
    Locking(Box<ActionCall>),
    Acting {
        step: usize,
        action: u32,
        attempt: u32,
    },
    Sleeping,
    Finished,
}

/// What follows when an event is durable.
#[derive(Clone, Debug, PartialEq)]
enum After {
    Look,
    Act(Box<ActionCall>),
    End(How, String, Option<String>),
    Finish(Box<Finish>),
}

/// A run in the making.
#[derive(Debug)]
pub struct Machine<'p> {
    approved: &'p Approved<Plan>,
    manner: Manner,
    runner: Runner,
    fold: Fold,
    phase: Phase,
    blind: u32,
    health: Option<Health>,
    shown: Option<usize>,
    waits_for: String,
    interrupted: bool,
    hurried: bool,
    wall: Option<Timestamp>,
    reports: Vec<Report>,
    chooser: Chooser,
}

impl<'p> Machine<'p> {
    /// Returns a machine for an approved plan and what its journal knows.
    ///
    /// The end of the approval is the approved plan's own, whatever `manner` says.
    pub fn new(approved: &'p Approved<Plan>, fold: Fold, runner: Runner, manner: Manner) -> Self {
        let manner = Manner {
            expires: approved.expires(),
            ..manner
        };
        Self {
            approved,
            manner,
            runner,
            fold,
            phase: Phase::New,
            blind: 0,
            health: None,
            shown: None,
            waits_for: String::new(),
            interrupted: false,
            hurried: false,
            wall: None,
            reports: Vec::new(),
            chooser: next,
        }
    }

    /// Replaces the chooser: how the tests plant faults.
    #[must_use]
    pub const fn with_chooser(mut self, chooser: Chooser) -> Self {
        self.chooser = chooser;
        self
    }

    /// Returns what the journal knows by now.
    pub const fn fold(&self) -> &Fold {
        &self.fold
    }

    /// Takes what there is to show.
    pub fn reports(&mut self) -> Vec<Report> {
        std::mem::take(&mut self.reports)
    }

    /// Tells the time by which approvals are judged, where it is not the cluster's.
    pub const fn tell_wall(&mut self, wall: Timestamp) {
        self.wall = Some(wall);
    }

    /// Tells that the operator asked to stop.
    pub const fn interrupt(&mut self) {
        self.interrupted = true;
    }

    /// Tells that the operator asked to stop once more: what was begun is not waited for any more.
    pub const fn interrupt_now(&mut self) {
        self.interrupted = true;
        self.hurried = true;
    }

    fn plan(&self) -> &'p Plan {
        self.approved.plan()
    }

    /// Takes what happened and returns what to do.
    pub fn step(&mut self, now: Timestamp, input: Input) -> Effect {
        if let Input::Broken(error) = input {
            return self.broken(&error);
        }
        match (std::mem::replace(&mut self.phase, Phase::Finished), input) {
            (Phase::New, Input::Start | Input::Slept) => {
                self.phase = Phase::Admitting;
                Effect::Observe
            }
            (Phase::Admitting, Input::Observed(Ok(observed))) => self.admit(now, &observed),
            (Phase::Looking, Input::Observed(Ok(observed))) => self.choose(now, &observed),
            (phase @ (Phase::Admitting | Phase::Looking), Input::Observed(Err(why))) => {
                self.blind(now, phase, &why)
            }
            (Phase::Opening, Input::Appended) => self.look(),
            (Phase::Writing(after), Input::Appended) => self.written(now, after),
            (Phase::Locking(call), Input::LockHeld) => {
                self.phase = Phase::Acting {
                    step: self.place_of(&call.step),
                    action: call.number,
                    attempt: call.attempt,
                };
                Effect::Act(*call)
            }
            (
                Phase::Acting {
                    step,
                    action,
                    attempt,
                },
                Input::Acted(claim),
            ) => self.returned(now, step, action, attempt, claim),
            (Phase::Sleeping, Input::Slept) => self.look(),
            (phase, input) => self.finish(
                How::Stopped,
                format!("internal: {input:?} came while {phase:?}"),
                None,
                None,
            ),
        }
    }

    fn place_of(&self, id: &str) -> usize {
        let steps = &self.plan().steps;
        steps.iter().position(|step| step.id == id).unwrap_or(0)
    }

    fn look(&mut self) -> Effect {
        self.phase = Phase::Looking;
        Effect::Observe
    }

    /// Before the first event: is this the cluster, and is it as the plan saw it?
    fn admit(&mut self, now: Timestamp, observed: &Observation) -> Effect {
        self.blind = 0;
        let fresh = self.fold.run.is_none();
        if self.fold.is_over() {
            let why = "the plan has run to its end; make a new one: stairway plan".to_owned();
            return self.finish(How::Refused, why, None, None);
        }
        if let Err(why) = self.approved.still_valid(self.wall.unwrap_or(now)) {
            return self.finish(How::Refused, why.to_string(), None, None);
        }
        if fresh && !self.runner.adopt {
            if let Err(refusal) = admit(self.plan(), observed, now) {
                let how = if refusal.unknown {
                    How::Unread
                } else {
                    How::Refused
                };
                return self.finish(how, refusal.why, None, None);
            }
        } else if let Err(refusal) = stairway_core::next::same_cluster(self.plan(), observed) {
            return self.finish(How::Refused, refusal.why, None, None);
        }
        self.reports.push(Report::Began {
            run: self.runner.run.clone(),
            resumed: !fresh,
            done: self.fold.done(),
            of: self.plan().steps.len(),
            expected: self.plan().steps.iter().map(|s| s.duration.typical).sum(),
        });
        let what = if fresh {
            self.started()
        } else {
            What::Resumed {
                adopted: self.runner.adopt,
                torn_bytes: self.runner.torn_bytes,
            }
        };
        self.phase = Phase::Opening;
        Effect::Append(self.event(now, what))
    }

    fn started(&self) -> What {
        let plan = self.plan();
        let cluster = &plan.identity.cluster;
        let account = cluster.account_id.as_deref().unwrap_or("-");
        What::RunStarted {
            format_version: JOURNAL_FORMAT,
            plan: plan.digest.clone(),
            cluster: format!("{} {} {account}", cluster.name, cluster.region),
            tool: format!("{} {}", plan.tool.name, env!("CARGO_PKG_VERSION")),
            confirmed: self.runner.confirmed.clone(),
            approvals: self
                .approved
                .nonces()
                .map(|n| n.as_str().to_owned())
                .collect(),
            signers: self.approved.signers().map(str::to_owned).collect(),
            adopted: self.runner.adopt,
        }
    }

    /// Makes the next event and takes it in.
    fn event(&mut self, now: Timestamp, what: What) -> Event {
        let run = self
            .fold
            .run
            .clone()
            .unwrap_or_else(|| self.runner.run.clone());
        let event = Event {
            seq: self.fold.seq + 1,
            at: now.max(self.fold.last_at.unwrap_or(now)),
            run,
            actor: self.runner.actor.clone(),
            prev_hash: self.fold.head.clone(),
            what,
        };
        self.fold.add(&event);
        event
    }

    fn choose(&mut self, now: Timestamp, observed: &Observation) -> Effect {
        self.blind = 0;
        self.health = health_of(observed);
        let plan = self.plan();
        let chosen = (self.chooser)(&Situation {
            plan,
            fold: &self.fold,
            observed,
            now,
            wall: self.wall.unwrap_or(now),
            manner: &self.manner,
            interrupted: self.interrupted,
        });
        self.show(&chosen);
        match chosen {
            Next::Act {
                step,
                action,
                attempt,
            } => self.intend(now, step, action, attempt),
            Next::Look { step, .. } if self.hurried => {
                let id = plan.steps[step].id.clone();
                let why =
                    format!("the operator stopped the wait in `{id}`; what it began may go on");
                self.end(now, How::Left, why, Some(id))
            }
            Next::Look { seconds, .. } => {
                self.phase = Phase::Sleeping;
                Effect::Sleep(seconds)
            }
            Next::Observed { step, facts } => {
                let what = What::StepObserved {
                    step: plan.steps[step].id.clone(),
                    attempt: self.fold.steps[step].attempt,
                    facts,
                };
                self.write(now, what, After::Look)
            }
            Next::Fail { step, why } => {
                let id = plan.steps[step].id.clone();
                let what = What::StepFailed {
                    step: id.clone(),
                    attempt: self.fold.steps[step].attempt,
                    why: why.clone(),
                };
                let why = format!("`{id}` failed: {why}");
                self.write(now, what, After::End(How::Stopped, why, Some(id)))
            }
            Next::Pause {
                step,
                why,
                resume_after,
            } => self.pause(now, step, why, resume_after),
            Next::Stop { step, why, unknown } => self.stop(now, step, &why, unknown),
            Next::Leave { step } => {
                let id = plan.steps[step].id.clone();
                let why = format!("the operator asked to stop; `{id}` is next");
                self.end(now, How::Left, why, Some(id))
            }
            Next::Done => self.end(
                now,
                How::Done,
                "every step was seen to be done".to_owned(),
                None,
            ),
        }
    }

    fn show(&mut self, chosen: &Next) {
        let place = match chosen {
            Next::Act { step, .. }
            | Next::Look { step, .. }
            | Next::Observed { step, .. }
            | Next::Fail { step, .. }
            | Next::Pause { step, .. } => *step,
            Next::Stop { .. } | Next::Leave { .. } | Next::Done => return,
        };
        if self.shown != Some(place) {
            self.shown = Some(place);
            self.reports.push(Report::StepBegan {
                step: place,
                attempt: self.fold.steps[place].attempt.max(1),
                expected: self.plan().steps[place].duration.typical,
            });
        }
        match chosen {
            Next::Look { step, why, .. } | Next::Pause { step, why, .. } => {
                // The same words again would tell nobody anything.
                if self.waits_for != *why {
                    self.waits_for.clone_from(why);
                    self.reports.push(Report::Waiting {
                        step: *step,
                        why: why.clone(),
                    });
                }
            }
            Next::Observed { step, facts } => self.reports.push(Report::StepDone {
                step: *step,
                facts: facts.clone(),
            }),
            Next::Act { .. }
            | Next::Fail { .. }
            | Next::Stop { .. }
            | Next::Leave { .. }
            | Next::Done => {}
        }
    }

    /// The intent is durable before the effect begins.
    fn intend(&mut self, now: Timestamp, step: usize, action: u32, attempt: u32) -> Effect {
        let run = self.fold.run.clone().unwrap_or_default();
        let Some(chosen) = self.plan().steps.get(step) else {
            return self.finish(
                How::Stopped,
                "internal: no such step".to_owned(),
                None,
                None,
            );
        };
        let Some(body) = chosen.actions.get(action as usize) else {
            return self.nothing_to_do(now, chosen, attempt);
        };
        let token = token_of(&run, &chosen.id, action, attempt);
        let what = What::StepIntended {
            step: chosen.id.clone(),
            action,
            attempt,
            token: token.clone(),
            health: (action == 0).then(|| self.health.clone()).flatten(),
        };
        let call = ActionCall {
            step: chosen.id.clone(),
            number: action,
            attempt,
            token,
            action: body.clone(),
        };
        self.write(now, what, After::Act(Box::new(call)))
    }

    /// A step without actions is a person's: nothing here can do it.
    fn nothing_to_do(&mut self, now: Timestamp, step: &Step, attempt: u32) -> Effect {
        let why = "it has no action that stairway could carry out".to_owned();
        let what = What::StepFailed {
            step: step.id.clone(),
            attempt,
            why: why.clone(),
        };
        let after = After::End(How::Stopped, why, Some(step.id.clone()));
        self.write(now, what, after)
    }

    fn write(&mut self, now: Timestamp, what: What, after: After) -> Effect {
        let event = self.event(now, what);
        self.phase = Phase::Writing(after);
        Effect::Append(event)
    }

    fn written(&mut self, now: Timestamp, after: After) -> Effect {
        match after {
            After::Look => self.look(),
            After::End(how, why, step) => self.end(now, how, why, step),
            After::Finish(finish) => {
                let Finish {
                    how,
                    why,
                    step,
                    resume_after,
                    head: _,
                } = *finish;
                self.finish(how, why, step, resume_after)
            }
            After::Act(call) => match &call.action {
                // A wait is no effect: the chooser watches it.
                Action::Wait(_) => self.look(),
                Action::Run { .. } | Action::Aws { .. } | Action::Kube { .. } => {
                    self.reports.push(Report::Acting {
                        step: self.place_of(&call.step),
                        what: in_words(&call.action),
                    });
                    self.phase = Phase::Locking(call);
                    Effect::CheckLock
                }
            },
        }
    }

    fn returned(
        &mut self,
        now: Timestamp,
        step: usize,
        action: u32,
        attempt: u32,
        claim: Claim,
    ) -> Effect {
        let id = self.plan().steps[step].id.clone();
        let token = token_of(
            self.fold.run.as_deref().unwrap_or_default(),
            &id,
            action,
            attempt,
        );
        self.reports.push(Report::Returned {
            step,
            claim: claim.clone(),
        });
        let stopped = claim.stopped;
        let what = What::EffectReturned {
            step: id.clone(),
            action,
            attempt,
            token,
            claim,
        };
        let after = if stopped {
            let why = format!("the operator stopped `{id}`; what it began may go on");
            After::End(How::Left, why, Some(id))
        } else {
            After::Look
        };
        self.write(now, what, after)
    }

    fn pause(
        &mut self,
        now: Timestamp,
        step: usize,
        why: String,
        resume_after: Option<Timestamp>,
    ) -> Effect {
        let id = self.plan().steps[step].id.clone();
        let finish = Finish {
            how: How::Paused,
            why: why.clone(),
            step: Some(id.clone()),
            resume_after,
            head: String::new(),
        };
        let what = What::Paused {
            step: id,
            why,
            resume_after,
        };
        self.write(now, what, After::Finish(Box::new(finish)))
    }

    fn stop(&mut self, now: Timestamp, step: usize, why: &str, unknown: bool) -> Effect {
        let id = self.plan().steps[step].id.clone();
        let how = match (self.fold.touched(), unknown) {
            (true, _) => How::Stopped,
            (false, true) => How::Unread,
            (false, false) => How::Refused,
        };
        let why = format!("before `{id}`: {why}");
        self.end(now, how, why, Some(id))
    }

    /// Writes the ending down, where a run began.
    fn end(&mut self, now: Timestamp, how: How, why: String, step: Option<String>) -> Effect {
        let ending = match how {
            How::Done if self.plan().rollback => Ending::Done,
            How::Done => Ending::Done,
            How::Refused | How::Unread | How::Stopped | How::Left | How::Paused => Ending::Stopped,
        };
        let finish = Finish {
            how,
            why: why.clone(),
            step,
            resume_after: None,
            head: String::new(),
        };
        self.write(
            now,
            What::RunEnded { ending, why },
            After::Finish(Box::new(finish)),
        )
    }

    fn finish(
        &mut self,
        how: How,
        why: String,
        step: Option<String>,
        resume_after: Option<Timestamp>,
    ) -> Effect {
        self.phase = Phase::Finished;
        Effect::Finish(Finish {
            how,
            why,
            step,
            resume_after,
            head: self.fold.head.clone(),
        })
    }

    /// A look that gave no picture: look again for a while.
    fn blind(&mut self, now: Timestamp, phase: Phase, why: &str) -> Effect {
        self.blind += 1;
        if self.blind < LOOKS_MAX && !self.interrupted {
            self.reports.push(Report::Note(format!(
                "looking at the cluster failed, and is tried again: {why}"
            )));
            self.phase = match phase {
                Phase::Admitting => Phase::New,
                Phase::New
                | Phase::Opening
                | Phase::Looking
                | Phase::Writing(_)
                | Phase::Locking(_)
                | Phase::Acting { .. }
                | Phase::Sleeping
                | Phase::Finished => Phase::Sleeping,
            };
            return Effect::Sleep(LOOK_AGAIN_SECONDS);
        }
        let why = format!("the cluster could not be read: {why}");
        if self.fold.run.is_none() {
            return self.finish(How::Unread, why, None, None);
        }
        let step = self
            .fold
            .current()
            .map(|at| self.plan().steps[at].id.clone());
        self.end(now, How::Stopped, why, step)
    }

    /// The journal or the lock is gone: nothing may be done or written any more.
    fn broken(&mut self, error: &PortError) -> Effect {
        let touched = self.fold.touched();
        let how = if touched { How::Stopped } else { How::Refused };
        let step = self
            .fold
            .current()
            .map(|at| self.plan().steps[at].id.clone());
        self.finish(how, error.to_string(), step, None)
    }
}

/// Returns an action as people write it.
fn in_words(action: &Action) -> String {
    match action {
        Action::Run { tool, argv, .. } => format!("{tool} {}", argv.join(" ")),
        Action::Aws {
            service,
            operation,
            input,
        } => {
            let subject = ["nodegroupName", "addonName", "name", "resourceArn"]
                .iter()
                .find_map(|key| input.get(*key)?.as_str());
            format!("{service} {operation} {}", subject.unwrap_or_default())
        }
        Action::Kube { verb, object, .. } => match object.strip_prefix("nodes?nodegroup=") {
            Some(group) if verb == "drain-nodes" => {
                format!("drain nodegroup {group} through the Eviction API")
            }
            Some(_) | None => format!("kubernetes {verb} {object}"),
        },
        Action::Wait(_) => "wait".to_owned(),
    }
}
