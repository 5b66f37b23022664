//! A run as it goes on: two bars on a terminal, a line per event elsewhere, objects for programs.
//!
//! What tools say is not ours and may quote anything: it loses its escape sequences and control
//! characters before it is shown, and stands behind a bar so that it cannot pass for our words.

use super::ambient::Ambient;
use super::progress::{BAR_FULL, Bars, FAINT, GREEN, RED, STRONG, YELLOW};
use crate::actuate::HearInterrupt;
use crate::drive::{Finish, How, Interrupt, Report};
use serde::Serialize;
use stairway_core::model::{Timestamp, say_seconds};
use stairway_core::report::took;
use std::io::{self, Write};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

mod plain;

use plain::bare;

/// Nobody waits longer than half a minute without a sign of life, however busy the machine is.
const LINE_EVERY: Duration = Duration::from_secs(28);
/// How often the bars move, and how exactly waiting is counted.
const TICK: Duration = Duration::from_secs(1);

/// A step, as far as it is shown while it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StepFace {
    /// Its id.
    pub(crate) id: String,
    /// How long it typically takes, in seconds.
    pub(crate) expected: u64,
}

/// Where a run is shown, and in which form.
pub(crate) struct Outlet {
    /// Takes the objects.
    pub(crate) out: Box<dyn Write + Send>,
    /// Takes the talk.
    pub(crate) err: Box<dyn Write + Send>,
    /// Objects on `out` instead of talk.
    pub(crate) json: bool,
    /// The longest silence.
    pub(crate) every: Duration,
}

/// Shows a run while it goes on, also while the thread that runs it is blocked in a child.
/// Dropping it clears the bars.
pub(crate) struct Screen {
    shown: Arc<Mutex<Shown>>,
    stop: Option<mpsc::Sender<()>>,
    ticker: Option<JoinHandle<()>>,
}

impl Screen {
    /// Begins to show a run of these steps on the process's stdout and stderr. Nobody else may
    /// hold unwritten data for stdout meanwhile.
    pub(crate) fn start(ambient: &Ambient, json: bool, steps: Vec<StepFace>) -> Self {
        let redraws = !json && ambient.stderr_is_terminal && !ambient.ci;
        let bars = redraws.then(|| Bars::start(ambient.unicode)).flatten();
        let outlet = Outlet {
            out: Box::new(io::stdout()),
            err: Box::new(io::stderr()),
            json,
            every: LINE_EVERY,
        };
        let mut shown = Shown::new(outlet, ambient.now, steps);
        if let Some(bars) = bars {
            shown.form = Form::Bars(bars);
        }
        shown.color = ambient.color_stderr;
        shown.unicode = ambient.unicode;
        Self::begin(shown)
    }

    /// As [`Screen::start`], without color and bars.
    #[cfg(test)]
    pub(crate) fn to_outlet(outlet: Outlet, now: Timestamp, steps: Vec<StepFace>) -> Self {
        Self::begin(Shown::new(outlet, now, steps))
    }

    fn begin(shown: Shown) -> Self {
        let tick = TICK.min(shown.every);
        let shown = Arc::new(Mutex::new(shown));
        let (stop, stopped) = mpsc::channel::<()>();
        let seen = Arc::clone(&shown);
        let ticker = std::thread::Builder::new()
            .name("screen".to_owned())
            .spawn(move || {
                while stopped.recv_timeout(tick) == Err(RecvTimeoutError::Timeout) {
                    locked(&seen).tick(tick);
                }
            });
        Self {
            shown,
            stop: Some(stop),
            // Without a thread there are no signs of life in between, and all else works.
            ticker: ticker.ok(),
        }
    }

    /// Shows what goes on.
    pub(crate) fn show(&self, at: Timestamp, report: &Report) {
        let mut shown = locked(&self.shown);
        shown.tell(at);
        shown.show(report);
    }

    /// Shows a line that the running tool wrote.
    pub(crate) fn tool_line(&self, line: &str) {
        locked(&self.shown).tool_line(line);
    }

    /// Tells that time, real or of a simulated world, has moved on.
    pub(crate) fn clock(&self, at: Timestamp) {
        let mut shown = locked(&self.shown);
        shown.tell(at);
        shown.draw();
    }

    /// Returns what shows at once that the operator asked to stop, and what comes of it.
    pub(crate) fn hears_interrupts(&self) -> HearInterrupt {
        let shown = Arc::clone(&self.shown);
        Arc::new(move |level| locked(&shown).interrupted(level))
    }

    /// Shows how the run finished.
    ///
    /// # Errors
    /// Stdout could not take the objects, for example because a disk is full; not when the reader
    /// is gone.
    pub(crate) fn finish(mut self, finish: &Finish, exit: u8) -> io::Result<()> {
        self.halt();
        let mut shown = locked(&self.shown);
        shown.finish(finish, exit);
        shown.failure.take().map_or(Ok(()), Err)
    }

    /// Ends the ticker; nothing is shown of its own accord any more.
    fn halt(&mut self) {
        drop(self.stop.take());
        if let Some(ticker) = self.ticker.take() {
            // The ticker only counts and prints; if it died, there is nothing to clean up.
            let _ended = ticker.join();
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.halt();
        locked(&self.shown).clear();
    }
}

/// A thread that died while it printed leaves nothing behind that would be unsafe to print over.
fn locked(shown: &Mutex<Shown>) -> MutexGuard<'_, Shown> {
    shown.lock().unwrap_or_else(PoisonError::into_inner)
}

enum Form {
    Bars(Bars),
    Lines,
    Objects,
}

/// The step that runs.
struct Current {
    place: usize,
    began: Timestamp,
    /// What it does or waits for.
    busy: String,
}

/// What is shown, and what is known.
struct Shown {
    form: Form,
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    every: Duration,
    color: bool,
    unicode: bool,
    steps: Vec<StepFace>,
    done: usize,
    began: Timestamp,
    /// The time as it was last told.
    told: Timestamp,
    /// Real time since then.
    since_told: Duration,
    /// The latest time that was shown, once one was told: what is shown never falls back, though the clock that is
    /// told may stand still while real time goes on.
    floor: Option<Timestamp>,
    is_told: bool,
    /// Real time since the last line.
    since_line: Duration,
    current: Option<Current>,
    /// True when the operator asked to stop.
    asked_to_stop: bool,
    over: bool,
    reader_gone: bool,
    failure: Option<io::Error>,
}

impl Shown {
    fn new(outlet: Outlet, now: Timestamp, steps: Vec<StepFace>) -> Self {
        let Outlet {
            out,
            err,
            json,
            every,
        } = outlet;
        Self {
            form: if json { Form::Objects } else { Form::Lines },
            out,
            err,
            every,
            color: false,
            unicode: true,
            steps: steps
                .into_iter()
                .map(|face| StepFace {
                    id: bare(&face.id),
                    ..face
                })
                .collect(),
            done: 0,
            began: now,
            told: now,
            since_told: Duration::ZERO,
            floor: None,
            is_told: false,
            since_line: Duration::ZERO,
            current: None,
            asked_to_stop: false,
            over: false,
            reader_gone: false,
            failure: None,
        }
    }

    fn tell(&mut self, at: Timestamp) {
        // What was there before the first time is this machine's clock; the cluster may have another.
        if !self.is_told {
            self.floor = None;
        }
        self.is_told = true;
        self.told = at;
        self.since_told = Duration::ZERO;
    }

    /// Returns the time that is about to be shown; none that is shown later is earlier.
    fn stamp(&mut self) -> Timestamp {
        let now = self.now();
        self.floor = Some(now);
        now
    }

    /// The time as it was last told, and the real time since then.
    fn now(&self) -> Timestamp {
        let passed = i64::try_from(self.since_told.as_secs()).unwrap_or(i64::MAX);
        let now = Timestamp::from_unix(self.told.unix().saturating_add(passed));
        self.floor.map_or(now, |floor| now.max(floor))
    }

    fn tick(&mut self, passed: Duration) {
        self.since_told += passed;
        self.since_line += passed;
        match self.form {
            Form::Bars(_) => self.draw(),
            Form::Lines | Form::Objects if self.since_line >= self.every => {
                let text = self.still();
                self.line(&text);
            }
            Form::Lines | Form::Objects => {}
        }
    }

    fn show(&mut self, report: &Report) {
        let known = self.known(report);
        self.take_in(report);
        match self.form {
            Form::Bars(_) => {
                let _shown = self.stamp();
                for line in self.lines_above(report) {
                    self.above(&line);
                }
            }
            Form::Lines if known => {}
            Form::Lines => {
                let text = self.in_words(report);
                self.line(&text);
            }
            Form::Objects => {
                let event = self.event(report);
                self.object(&event);
            }
        }
        if let Report::StepDone { step, .. } = report {
            self.done = self.done.max(step + 1);
            self.current = None;
        }
        self.draw();
    }

    /// Returns true when nothing is new: a step waits for what it waited for before.
    fn known(&self, report: &Report) -> bool {
        match (report, &self.current) {
            (Report::Waiting { why, .. }, Some(current)) => current.busy == bare(why),
            (
                Report::Waiting { .. }
                | Report::Began { .. }
                | Report::StepBegan { .. }
                | Report::Acting { .. }
                | Report::Returned { .. }
                | Report::StepDone { .. }
                | Report::Note(_),
                _,
            ) => false,
        }
    }

    fn take_in(&mut self, report: &Report) {
        let busy = match report {
            Report::Began { done, .. } => {
                self.done = *done;
                self.began = self.told;
                return;
            }
            Report::StepBegan { step, .. } => {
                self.current = Some(Current {
                    place: *step,
                    began: self.told,
                    busy: "a look at the cluster".to_owned(),
                });
                return;
            }
            Report::Acting { what, .. } => format!("`{}`", bare(what)),
            Report::Waiting { why, .. } => bare(why),
            Report::Returned { .. } => "a look at the cluster".to_owned(),
            Report::StepDone { .. } | Report::Note(_) => return,
        };
        if let Some(current) = &mut self.current {
            current.busy = busy;
        }
    }

    fn tool_line(&mut self, line: &str) {
        let line = bare(line);
        if line.is_empty() {
            return;
        }
        match self.form {
            Form::Bars(_) => {
                let bar = if self.unicode { "│" } else { "|" };
                let text = self.paint(FAINT, &format!("    {bar} {line}"));
                self.above(&text);
            }
            Form::Lines => {
                let text = format!("{} | {line}", self.place());
                self.line(text.trim_start());
            }
            Form::Objects => {
                let step = self.current.as_ref().map(|current| self.id(current.place));
                let event = Event::ToolOutput {
                    step: step.map(str::to_owned),
                    line,
                };
                self.object(&event);
            }
        }
    }

    /// Says what comes of the operator's wish to stop.
    fn interrupted(&mut self, level: Interrupt) {
        let text = match level {
            Interrupt::None => return,
            _ if self.over => return,
            Interrupt::Once => {
                self.asked_to_stop = true;
                let busy = self.current.as_ref().map(|current| current.busy.as_str());
                until_the_safe_place(busy)
            }
            Interrupt::Twice => "Stopping now; what was begun may go on".to_owned(),
        };
        match self.form {
            Form::Bars(_) => {
                let text = self.paint(YELLOW, &text);
                self.above(&text);
            }
            Form::Lines => self.line(&text),
            Form::Objects => self.raw(&text),
        }
    }

    fn finish(&mut self, finish: &Finish, exit: u8) {
        self.clear();
        self.over = true;
        let asked = if self.asked_to_stop && finish.how != How::Left {
            " (the operator had asked to stop)"
        } else {
            ""
        };
        let why = format!("{}{asked}", bare(&finish.why));
        let (word, color) = how_in_words(finish.how);
        let after = finish
            .resume_after
            .map_or_else(String::new, |at| format!("; resume after {at}"));
        let journalled = match finish.how {
            How::Done | How::Stopped | How::Left | How::Paused => !finish.head.is_empty(),
            How::Refused | How::Unread => false,
        };
        match self.form {
            Form::Bars(_) => {
                let mark = self.mark(finish.how);
                let text = self.paint(color, &format!("{mark} {word}: {why}{after}"));
                self.raw(&text);
                if journalled {
                    let text = self.paint(FAINT, &format!("  journal head {}", finish.head));
                    self.raw(&text);
                }
            }
            Form::Lines => {
                self.line(&format!("{word}: {why}{after}"));
                if journalled {
                    self.line(&format!("journal head {}", finish.head));
                }
            }
            Form::Objects => self.object(&Event::Finish {
                how: how_name(finish.how),
                exit,
                why,
                step: finish.step.clone(),
                resume_after: finish.resume_after,
                head: finish.head.clone(),
            }),
        }
    }

    fn clear(&self) {
        if let Form::Bars(bars) = &self.form {
            bars.clear();
        }
    }

    /// Draws the bars anew, where there are bars.
    fn draw(&self) {
        if let Form::Bars(bars) = &self.form {
            let [(run, run_text), (step, step_text)] = self.bars();
            bars.show_run(run, &run_text);
            bars.show_step(step, &step_text);
        }
    }

    /// Prints a line above the bars, with its paint.
    fn above(&self, line: &str) {
        if let Form::Bars(bars) = &self.form {
            bars.above(line);
        }
    }

    /// Prints a line with the time.
    fn line(&mut self, text: &str) {
        let line = format!("{}  {text}", self.stamp());
        self.raw(&line);
        self.since_line = Duration::ZERO;
    }

    /// Prints talk. Nobody can be told when that fails, so it is not reported.
    fn raw(&mut self, line: &str) {
        let _unreportable = self.err.write_all(format!("{line}\n").as_bytes());
        let _unreportable = self.err.flush();
    }

    /// Prints an object. A reader that went away is no error.
    fn object(&mut self, event: &Event) {
        let line = Line {
            at: self.stamp(),
            event,
        };
        self.since_line = Duration::ZERO;
        if self.reader_gone || self.failure.is_some() {
            return;
        }
        let written = serde_json::to_string(&line)
            .map_err(io::Error::from)
            .and_then(|text| self.out.write_all(format!("{text}\n").as_bytes()))
            .and_then(|()| self.out.flush());
        match written {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.reader_gone = true,
            Err(error) => self.failure = Some(error),
        }
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.color {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    const fn mark(&self, how: How) -> &'static str {
        let (mark, ascii) = match how {
            How::Done => ("✔", "+"),
            How::Refused | How::Unread | How::Stopped => ("✖", "x"),
            How::Left | How::Paused => ("‖", "="),
        };
        if self.unicode { mark } else { ascii }
    }
}

/// Says what ends before the run does, by what it does now.
fn until_the_safe_place(busy: Option<&str>) -> String {
    let first = match busy {
        None => "nothing more is begun".to_owned(),
        Some(busy) if busy.starts_with('`') => format!("{busy} ends first"),
        Some(_) => "a wait that only watches ends now, one for what was begun goes on to its end"
            .to_owned(),
    };
    format!("Stopping at the next safe place: {first}; press Ctrl-C again to stop now")
}

const fn how_in_words(how: How) -> (&'static str, &'static str) {
    match how {
        How::Done => ("Done", GREEN),
        How::Refused => ("Refused, nothing was done", RED),
        How::Unread => ("Not enough could be read, nothing was done", RED),
        How::Stopped => ("Stopped part-way", RED),
        How::Left => ("Left part-way", YELLOW),
        How::Paused => ("Paused", YELLOW),
    }
}

const fn how_name(how: How) -> &'static str {
    match how {
        How::Done => "done",
        How::Refused => "refused",
        How::Unread => "unread",
        How::Stopped => "stopped",
        How::Left => "left",
        How::Paused => "paused",
    }
}

/// A line for programs.
#[derive(Serialize)]
struct Line<'e> {
    at: Timestamp,
    #[serde(flatten)]
    event: &'e Event,
}

/// What happened, for programs. `number` counts steps from 1; times are seconds.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum Event {
    RunBegan {
        run: String,
        resumed: bool,
        done: usize,
        of: usize,
        expected: u64,
    },
    StepBegan {
        step: String,
        number: usize,
        attempt: u32,
        expected: u64,
    },
    Acting {
        step: String,
        what: String,
    },
    Returned {
        step: String,
        ok: bool,
        stopped: bool,
        said: String,
    },
    Waiting {
        step: String,
        why: String,
    },
    StepDone {
        step: String,
        number: usize,
        took: u64,
        facts: Vec<String>,
    },
    Note {
        text: String,
    },
    ToolOutput {
        step: Option<String>,
        line: String,
    },
    Finish {
        how: &'static str,
        exit: u8,
        why: String,
        step: Option<String>,
        resume_after: Option<Timestamp>,
        head: String,
    },
}

#[cfg(test)]
mod tests;
