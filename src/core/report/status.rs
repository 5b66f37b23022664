//! Where a run stands, from its plan and its journal.
//!
//! A journal knows what was intended, claimed and seen; it does not know whether a process is alive.
//! Where nobody knows, the report says so.

mod commands;
mod several;

use super::layout::Page;
use super::style::{Ink, Look};
use super::table::{Cell, Column, blocks};
use super::words::count;
use crate::journal::{Claim, Ending, Fold, StepFold, StepPhase, Torn};
use crate::model::{Timestamp, say_seconds};
use crate::plan::wire::{Action, Plan};
use commands::{ending, go_back, go_on, resume};
use serde_json::{Value, json};
pub use several::{status_set_json, status_set_table};

/// The major format version of a status in JSON.
const STATUS_FORMAT: u32 = 1;
/// Digits of a run's name that tell it from others in a sentence.
const RUN_SHOWN: usize = 8;
/// A terminal narrower than this shows steps as short paragraphs.
const TABLE_WIDTH_MIN: usize = 76;

/// Why a journal ends without an end where the run does not go on.
const CUT_OFF: &str = "its journal has no end: it was killed, or it lost the cluster's lock";

/// What a status is made of.
#[derive(Clone, Debug)]
pub struct StatusView<'v> {
    /// The plan.
    pub plan: &'v Plan,
    /// Where its journal says that it stands.
    pub fold: &'v Fold,
    /// Now.
    pub now: Timestamp,
    /// What a crash left of the journal's last line.
    pub torn: Option<&'v Torn>,
    /// Who holds the cluster's lock; none when nobody does or nobody looked.
    pub lock: Option<LockView>,
    /// True when the lock was looked at: a run that does not hold it begins nothing any more.
    pub looked: bool,
    /// Why the lock could not be looked at, where there is one: whether a run goes on elsewhere is not known.
    pub unlooked: Option<String>,
    /// The id by which the lock can be given up; none where there is nothing to give up.
    pub lock_id: Option<String>,
    /// Options that commands about this plan need, each after a blank: ` --fleet FILE`.
    pub words: String,
    /// Where the journal is, as it may be shown.
    pub journal: Option<String>,
}

/// Who holds a cluster's lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockView {
    /// `user@host`.
    pub holder: String,
    /// Since when; none where that is not told.
    pub since: Option<Timestamp>,
    /// For which run; empty before it has a name, and none where that is not told.
    pub run: Option<String>,
    /// `of run X of user@host`: of whom the lock tells, where that is not the holder.
    pub before: Option<String>,
    /// The command that frees it where no id does.
    pub free: Option<String>,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RunState {
    NotStarted,
    RunningOrKilled,
    /// Its journal has no end, and the lock is not its own: nothing goes on.
    CutOff,
    Paused,
    Stopped,
    Done,
    RolledBack,
}

/// Where a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StepState {
    Done,
    Failed,
    InDoubt,
    Waiting,
    Paused,
    NotStarted,
}

/// Returns seconds as short as a column wants them: `45s`, `10m02s`, `1h05m`, `7d3h`.
pub fn took(seconds: u64) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 3_600;
    const DAY: u64 = 86_400;
    match seconds {
        0..MINUTE => format!("{seconds}s"),
        MINUTE..HOUR => format!("{}m{:02}s", seconds / MINUTE, seconds % MINUTE),
        HOUR..DAY => format!("{}h{:02}m", seconds / HOUR, seconds % HOUR / MINUTE),
        DAY.. => format!("{}d{}h", seconds / DAY, seconds % DAY / HOUR),
    }
}

/// Returns the status for people: where the run is, each step, what to do next.
pub fn status_table(view: &StatusView<'_>, look: &Look) -> String {
    let mut page = Page::new(*look);
    let state = RunState::of(view);
    page.say(0, state.ink(), &headline(view));
    remarks(view, &mut page);
    let rows: Vec<Row<'_>> = rows(view);
    if !rows.is_empty() {
        page.gap();
        let same_day = on_one_day(view, &rows);
        if look.columns() < TABLE_WIDTH_MIN {
            narrow(view, &rows, same_day, &mut page);
        } else {
            wide(view, &rows, same_day, &mut page);
        }
    }
    ending(view, &mut page);
    page.finish()
}

/// Returns the status for programs.
pub fn status_json(view: &StatusView<'_>) -> Value {
    let StatusView {
        plan,
        fold,
        now,
        torn,
        lock,
        looked: _,
        unlooked,
        lock_id,
        words: _,
        journal,
    } = view;
    let state = RunState::of(view);
    let current = fold
        .current()
        .filter(|_| fold.run.is_some() && !fold.is_over());
    let ended_at = (fold.ending.is_some()).then_some(fold.last_at).flatten();
    let cut_off = CUT_OFF.to_owned();
    let why = match (&fold.ending, &fold.paused) {
        (Some((_, why)), _) => Some(why),
        (None, Some(paused)) => Some(&paused.why),
        (None, None) if state == RunState::CutOff => Some(&cut_off),
        (None, None) => None,
    };
    json!({
        "format_version": STATUS_FORMAT,
        "kind": "Status",
        "as_of": now,
        "plan": plan.id,
        "digest": plan.digest,
        "cluster": plan.name,
        "run": fold.run,
        "state": state.name(),
        "started_at": fold.started_at,
        "ended_at": ended_at,
        "last_event_at": fold.last_at,
        "actor": fold.run.as_ref().map(|_| &fold.actor),
        "resumed": fold.resumed,
        "adopted": fold.adopted,
        "done": fold.done(),
        "of": plan.steps.len(),
        "held_back": plan.not_now.len(),
        "step": current.and_then(|at| fold.steps.get(at)).map(|step| &step.id),
        "why": why,
        "resume_after": fold.paused.as_ref().and_then(|paused| paused.resume_after),
        "journal": journal,
        "events": fold.seq,
        "head": fold.head,
        "torn": torn.map(|torn| json!({"line": torn.line, "bytes": torn.bytes})),
        "lock": lock.as_ref().map(|lock| json!({
            "holder": lock.holder,
            "since": lock.since,
            "run": lock.run,
            "ours": is_alive(view),
            "before": lock.before,
            "free": lock.free,
        })),
        "lock_id": lock_id,
        "lock_unknown": unlooked,
        "next": go_on(view),
        "rollback": go_back(view),
        "steps": rows(view).iter().map(Row::json).collect::<Vec<_>>(),
    })
}

impl RunState {
    fn of(view: &StatusView<'_>) -> Self {
        let fold = view.fold;
        match (&fold.run, &fold.ending, &fold.paused) {
            (None, _, _) => Self::NotStarted,
            (Some(_), Some((Ending::Done, _)), _) => Self::Done,
            (Some(_), Some((Ending::RolledBack, _)), _) => Self::RolledBack,
            (Some(_), Some((Ending::Stopped, _)), _) => Self::Stopped,
            (Some(_), None, Some(_)) => Self::Paused,
            (Some(_), None, None) if view.looked && !holds(view) => Self::CutOff,
            (Some(_), None, None) => Self::RunningOrKilled,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::NotStarted => "not-started",
            Self::RunningOrKilled => "running-or-killed",
            Self::Paused => "paused",
            Self::Stopped | Self::CutOff => "stopped",
            Self::Done => "done",
            Self::RolledBack => "rolled-back",
        }
    }

    const fn ink(self) -> Ink {
        match self {
            Self::NotStarted | Self::RunningOrKilled => Ink::Strong,
            Self::Paused | Self::RolledBack => Ink::Caution,
            Self::Stopped | Self::CutOff => Ink::Bad,
            Self::Done => Ink::Good,
        }
    }
}

impl StepState {
    const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::InDoubt => "in-doubt",
            Self::Waiting => "waiting",
            Self::Paused => "paused",
            Self::NotStarted => "not-started",
        }
    }

    const fn mark(self, look: Look, alive: bool) -> &'static str {
        match self {
            Self::Done => look.pick("✔", "+"),
            Self::Failed => look.pick("✖", "x"),
            Self::InDoubt if alive => look.pick("▶", ">"),
            Self::InDoubt => "?",
            Self::Waiting => look.pick("▶", ">"),
            Self::Paused => look.pick("‖", "="),
            Self::NotStarted => look.pick("·", "."),
        }
    }

    /// What people call it; a live run is in no doubt about what it does.
    const fn word(self, alive: bool) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "FAILED",
            Self::InDoubt if alive => "running",
            Self::InDoubt => "IN DOUBT",
            Self::Waiting => "waiting",
            Self::Paused => "paused",
            Self::NotStarted => "not done",
        }
    }

    const fn ink(self, alive: bool) -> Ink {
        match self {
            Self::Done => Ink::Good,
            Self::Failed => Ink::Bad,
            Self::InDoubt if alive => Ink::Place,
            Self::InDoubt | Self::Paused => Ink::Caution,
            Self::Waiting => Ink::Place,
            Self::NotStarted => Ink::Faint,
        }
    }
}

/// A step as the report shows it.
struct Row<'v> {
    fold: &'v StepFold,
    state: StepState,
    /// Which of how many actions it is in, from 1.
    action: Option<(u32, usize)>,
    started: Option<Timestamp>,
    ended: Option<Timestamp>,
}

fn rows<'v>(view: &StatusView<'v>) -> Vec<Row<'v>> {
    let row = |(place, fold): (usize, &'v StepFold)| {
        let state = step_state(view, place, fold);
        let (action, at) = match &fold.phase {
            StepPhase::NotStarted => (None, None),
            StepPhase::InDoubt { action, at } | StepPhase::Returned { action, at } => {
                (Some(*action), Some(*at))
            }
            StepPhase::Observed { at, .. } | StepPhase::Failed { at, .. } => (None, Some(*at)),
        };
        let of = view.plan.steps.get(place).map_or(0, |s| s.actions.len());
        Row {
            fold,
            state,
            action: action.map(|action| (action + 1, of)),
            started: fold.intended_at.or(at),
            ended: match state {
                StepState::Done | StepState::Failed => at,
                StepState::InDoubt
                | StepState::Waiting
                | StepState::Paused
                | StepState::NotStarted => None,
            },
        }
    };
    view.fold.steps.iter().enumerate().map(row).collect()
}

fn step_state(view: &StatusView<'_>, place: usize, step: &StepFold) -> StepState {
    let paused = view.fold.ending.is_none()
        && view
            .fold
            .paused
            .as_ref()
            .is_some_and(|paused| paused.step == step.id);
    let only_waits = |action: u32| {
        let actions = view.plan.steps.get(place).map(|step| &step.actions);
        let action = actions.and_then(|all| all.get(action as usize));
        matches!(action, Some(Action::Wait(_)))
    };
    match &step.phase {
        StepPhase::Observed { .. } => StepState::Done,
        StepPhase::Failed { .. } => StepState::Failed,
        // The run looked before it paused, so it was in no doubt.
        StepPhase::NotStarted | StepPhase::InDoubt { .. } | StepPhase::Returned { .. }
            if paused =>
        {
            StepState::Paused
        }
        StepPhase::NotStarted if view.fold.adopted && !view.fold.is_over() => StepState::InDoubt,
        StepPhase::NotStarted => StepState::NotStarted,
        StepPhase::InDoubt { action, .. } if only_waits(*action) => StepState::Waiting,
        StepPhase::InDoubt { .. } => StepState::InDoubt,
        StepPhase::Returned { .. } => StepState::Waiting,
    }
}

impl Row<'_> {
    fn took(&self) -> Option<u64> {
        let (from, to) = (self.started?, self.ended?);
        Some(seconds_between(from, to))
    }

    fn json(&self) -> Value {
        let (facts, why) = match &self.fold.phase {
            StepPhase::Observed { facts, .. } => (facts.as_slice(), None),
            StepPhase::Failed { why, .. } => (&[][..], Some(why)),
            StepPhase::NotStarted | StepPhase::InDoubt { .. } | StepPhase::Returned { .. } => {
                (&[][..], None)
            }
        };
        json!({
            "id": self.fold.id,
            "state": self.state.name(),
            "attempt": self.fold.attempt,
            "action": self.action.map(|(action, _)| action),
            "intended_at": self.fold.intended_at,
            "ended_at": self.ended,
            "took_seconds": self.took(),
            "facts": facts,
            "why": why,
            "claim": self.fold.claim,
        })
    }
}

/// Returns the truth at a glance.
fn headline(view: &StatusView<'_>) -> String {
    let (plan, fold, now) = (view.plan, view.fold, view.now);
    let Some(run) = &fold.run else {
        let todo = match plan.steps.len() {
            0 => "no step can run now".to_owned(),
            steps => format!("{} to run", count(steps, "step")),
        };
        return match &view.unlooked {
            None => format!("No run yet of plan {}: {todo}.", plan.id),
            Some(why) => format!(
                "No run of plan {} is known here; whether one goes on elsewhere is not known: {why}.",
                plan.id
            ),
        };
    };
    let ago = |at: Option<Timestamp>| {
        at.map_or_else(String::new, |at| {
            format!("{} ago", say_seconds(seconds_between(at, now)))
        })
    };
    let ended = ago(fold.last_at);
    let current = fold.current().and_then(|at| fold.steps.get(at));
    let tail = match (RunState::of(view), current) {
        (RunState::Done, _) => format!("over {ended}, after {}", whole_time(fold)),
        (RunState::RolledBack, _) => format!("rolled back {ended}"),
        (RunState::Paused, _) => {
            let step = fold.paused.as_ref().map_or("", |paused| &paused.step);
            format!("paused in `{step}` ({ended})")
        }
        (RunState::Stopped, None) => format!("stopped ({ended})"),
        (RunState::Stopped, Some(step)) => match &step.phase {
            StepPhase::Failed { at, .. } => {
                format!("stopped at `{}` (failed {})", step.id, ago(Some(*at)))
            }
            StepPhase::InDoubt { .. } => format!("stopped in `{}` (in doubt)", step.id),
            StepPhase::Returned { .. } => format!("stopped in `{}` ({ended})", step.id),
            StepPhase::NotStarted | StepPhase::Observed { .. } => {
                format!("stopped before `{}` ({ended})", step.id)
            }
        },
        (RunState::CutOff, step) => {
            let place = step.map_or_else(|| "its end".to_owned(), |step| format!("`{}`", step.id));
            format!("stopped at {place}, last heard of {ended}: {CUT_OFF}")
        }
        (RunState::RunningOrKilled | RunState::NotStarted, step) => {
            let place = step.map_or_else(|| "its end".to_owned(), |step| format!("`{}`", step.id));
            if is_alive(view) {
                format!("running, at {place}")
            } else {
                format!("at {place}; last heard of {ended}: it runs, or it was killed")
            }
        }
    };
    format!(
        "Run {} of plan {}: {} of {} done; {tail}.",
        run_shown(run, &plan.id),
        plan.id,
        fold.done(),
        count(plan.steps.len(), "step"),
    )
}

/// Leaves out the plan's id, which stands beside it; random names are told apart by their beginning.
fn run_shown(run: &str, plan: &str) -> String {
    let own = run
        .strip_prefix(plan)
        .and_then(|rest| rest.strip_prefix('-'));
    let run = own.filter(|rest| !rest.is_empty()).unwrap_or(run);
    let random = run.len() > RUN_SHOWN && run.chars().all(|c| c.is_ascii_hexdigit());
    if random {
        run.chars().take(RUN_SHOWN).collect()
    } else {
        run.to_owned()
    }
}

fn whole_time(fold: &Fold) -> String {
    match (fold.started_at, fold.last_at) {
        (Some(from), Some(to)) => say_seconds(seconds_between(from, to)),
        (None, _) | (_, None) => "?".to_owned(),
    }
}

fn seconds_between(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.seconds_since(from)).unwrap_or(0)
}

/// Returns true when the run has the cluster's lock.
fn holds(view: &StatusView<'_>) -> bool {
    let own = view.fold.run.as_ref();
    let held = |lock: &LockView| own.is_some() && own == lock.run.as_ref();
    view.lock.as_ref().is_some_and(held)
}

/// Returns true when the lock says that this very run goes on.
fn is_alive(view: &StatusView<'_>) -> bool {
    holds(view) && RunState::of(view) == RunState::RunningOrKilled
}

/// Says why it stands where it stands, and what is odd.
fn remarks(view: &StatusView<'_>, page: &mut Page) {
    let fold = view.fold;
    if let Some((Ending::Stopped, why)) = &fold.ending
        && !said_in_a_row(fold, why)
    {
        page.say(0, Ink::Plain, &format!("Why: {why}"));
    }
    if let (Some(started), Some(last)) = (fold.started_at, fold.last_at) {
        let resumed = match fold.resumed {
            0 => String::new(),
            1 => ", resumed once".to_owned(),
            times => format!(", resumed {times} times"),
        };
        let text = format!(
            "Started {started}{resumed}; last written {last} by {}. Times are UTC.",
            fold.actor
        );
        page.say(0, Ink::Faint, &text);
    }
    if view.plan.preview {
        let text = "PREVIEW: live was assumed; this plan can never be applied.";
        page.say(0, Ink::Caution, text);
    }
    if fold.adopted && !fold.is_over() {
        let text = "The run took over without a whole journal (`--adopt`): a step counts only after it was seen.";
        page.say(0, Ink::Caution, text);
    }
    if let Some(lock) = &view.lock {
        let (ink, whose) = match lock.run.as_deref() {
            Some(_) if holds(view) => (Ink::Faint, "this run".to_owned()),
            Some("") => (Ink::Caution, "a run that has not begun yet".to_owned()),
            Some(run) => (Ink::Caution, format!("another run, {run}")),
            None => (Ink::Caution, String::new()),
        };
        let what_for = match (&lock.run, &lock.before) {
            (Some(_), _) => format!(", for {whose}"),
            (None, None) => " and does not tell for what".to_owned(),
            (None, Some(before)) => format!(
                " and does not tell for what; the lock's annotation is {before}, who held it before"
            ),
        };
        let text = match lock.since {
            Some(since) => format!(
                "{} has held the cluster's lock since {since}{what_for}.",
                lock.holder
            ),
            None => format!("{} holds the cluster's lock{what_for}.", lock.holder),
        };
        page.say(0, ink, &text);
    }
    if let Some(torn) = view.torn {
        let text = format!(
            "Line {} of the journal was not written to its end: a crash cut it off after {}. It is not believed, and `--resume` removes it.",
            torn.line,
            bytes(torn.bytes)
        );
        page.say(0, Ink::Caution, &text);
    }
}

fn bytes(number: u64) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} byte{plural}")
}

/// Returns true when the row of a failed step already says why the run stopped.
fn said_in_a_row(fold: &Fold, ending: &str) -> bool {
    fold.steps.iter().any(|step| match &step.phase {
        StepPhase::Failed { why, .. } => ending.contains(why.as_str()),
        StepPhase::NotStarted
        | StepPhase::InDoubt { .. }
        | StepPhase::Returned { .. }
        | StepPhase::Observed { .. } => false,
    })
}

fn on_one_day(view: &StatusView<'_>, rows: &[Row<'_>]) -> bool {
    let times = rows.iter().flat_map(|row| [row.started, row.ended]);
    let mut days: Vec<String> = times.flatten().map(Timestamp::day).collect();
    if !days.is_empty() {
        days.push(view.now.day());
    }
    days.dedup();
    days.len() <= 1
}

/// Returns `12:03:11`, or `08-22 12:03` when the run spans days.
fn moment(at: Timestamp, same_day: bool) -> String {
    let text = at.to_string();
    let short = if same_day {
        text.get(11..19).map(str::to_owned)
    } else {
        let (day, time) = (text.get(5..10), text.get(11..16));
        day.zip(time).map(|(day, time)| format!("{day} {time}"))
    };
    short.unwrap_or(text)
}

fn wide(view: &StatusView<'_>, rows: &[Row<'_>], same_day: bool, page: &mut Page) {
    let columns = [
        Column::exact("", 1),
        Column::exact("step", 18),
        Column::exact("state", 8),
        Column::exact("started", if same_day { 8 } else { 11 }),
        Column::exact("took", 6),
        Column::prose("note", 16),
    ];
    let alive = is_alive(view);
    let cells: Vec<Vec<Cell>> = rows
        .iter()
        .map(|row| {
            let ink = row.state.ink(alive);
            vec![
                Cell::new(ink, row.state.mark(page.look, alive)),
                Cell::from(row.fold.id.as_str()),
                Cell::new(ink, row.state.word(alive)),
                Cell::from(
                    row.started
                        .map_or_else(String::new, |at| moment(at, same_day)),
                ),
                Cell::from(time_of(view, row)),
                Cell::new(note_ink(row.state, alive), note(view, row, same_day)),
            ]
        })
        .collect();
    for lines in blocks(&columns, &cells, 0, page.look) {
        page.extend(lines);
    }
}

fn narrow(view: &StatusView<'_>, rows: &[Row<'_>], same_day: bool, page: &mut Page) {
    let alive = is_alive(view);
    for row in rows {
        let ink = row.state.ink(alive);
        let lead = format!("{} ", row.state.mark(page.look, alive));
        page.item(&lead, 0, ink, &row.fold.id);
        let times = match (row.started, time_of(view, row)) {
            (None, _) => String::new(),
            (Some(at), time) if time.is_empty() => format!(", started {}", moment(at, same_day)),
            (Some(at), time) => format!(", started {}, took {time}", moment(at, same_day)),
        };
        if row.state != StepState::NotStarted {
            let text = format!("{}{times}", row.state.word(alive));
            page.say(2, Ink::Plain, &text);
        }
        let note = note(view, row, same_day);
        if !note.is_empty() {
            page.say(2, note_ink(row.state, alive), &note);
        }
    }
}

const fn note_ink(state: StepState, alive: bool) -> Ink {
    match state {
        StepState::Failed => Ink::Bad,
        StepState::InDoubt if !alive => Ink::Caution,
        StepState::InDoubt
        | StepState::Done
        | StepState::Waiting
        | StepState::Paused
        | StepState::NotStarted => Ink::Plain,
    }
}

/// Returns how long it took; with `+` while it goes on.
fn time_of(view: &StatusView<'_>, row: &Row<'_>) -> String {
    if let Some(seconds) = row.took() {
        return took(seconds);
    }
    let goes_on = match row.state {
        StepState::InDoubt | StepState::Waiting => is_alive(view),
        StepState::Paused => true,
        StepState::Done | StepState::Failed | StepState::NotStarted => false,
    };
    match row.started {
        Some(at) if goes_on => format!("{}+", took(seconds_between(at, view.now))),
        Some(_) | None => String::new(),
    }
}

/// Returns what was seen, why it failed, or what nobody knows.
fn note(view: &StatusView<'_>, row: &Row<'_>, same_day: bool) -> String {
    let attempt = match row.fold.attempt {
        0 | 1 => String::new(),
        attempt => format!("attempt {attempt}: "),
    };
    let text = match (&row.fold.phase, row.state) {
        (StepPhase::Observed { facts, .. }, _) => facts.join("; "),
        (StepPhase::Failed { why, .. }, _) => with_claim(why, row.fold.claim.as_ref()),
        (StepPhase::NotStarted, StepState::InDoubt) => {
            format!("nobody knows whether it happened; `{}` looks", resume(view))
        }
        (_, StepState::Paused) => paused_note(view),
        (StepPhase::NotStarted, _) => String::new(),
        (StepPhase::InDoubt { at, .. }, StepState::InDoubt) => {
            let action = match row.action {
                Some((action, of)) if of > 1 => format!("action {action} of {of} "),
                Some(_) | None => String::new(),
            };
            if is_alive(view) {
                format!("{action}begun at {}", moment(*at, same_day))
            } else {
                format!(
                    "{action}intended at {}, nobody knows whether it happened; `{}` looks",
                    moment(*at, same_day),
                    resume(view)
                )
            }
        }
        (StepPhase::InDoubt { at, .. }, _) => {
            format!(
                "waits since {}; it does nothing else",
                moment(*at, same_day)
            )
        }
        (StepPhase::Returned { at, .. }, _) => {
            let said = row.fold.claim.as_ref().map_or_else(String::new, claimed);
            format!(
                "came back at {}{said}; the cluster has not shown it yet",
                moment(*at, same_day)
            )
        }
    };
    if text.is_empty() {
        text
    } else {
        format!("{attempt}{text}")
    }
}

fn paused_note(view: &StatusView<'_>) -> String {
    let Some(paused) = &view.fold.paused else {
        return String::new();
    };
    match paused.resume_after {
        Some(at) if at > view.now => format!("{}; goes on after {at}", paused.why),
        Some(at) => format!("{}; it may go on since {at}", paused.why),
        None => paused.why.clone(),
    }
}

fn claimed(claim: &Claim) -> String {
    let what = match (claim.stopped, claim.ok) {
        (true, _) => "we stopped it",
        (false, true) => "claims success",
        (false, false) => "claims failure",
    };
    format!(": {what} ({})", claim.said)
}

/// Adds what the tool said, unless the reason quotes it already.
fn with_claim(why: &str, claim: Option<&Claim>) -> String {
    match claim {
        Some(claim) if !claim.said.is_empty() && !why.contains(&claim.said) => {
            let line = claim.tail.iter().rev().find(|line| !line.trim().is_empty());
            let line = line.map_or_else(String::new, |line| format!(": {}", line.trim()));
            format!("{why}. The tool said: {}{line}", claim.said)
        }
        Some(_) | None => why.to_owned(),
    }
}

#[cfg(test)]
mod tests;
