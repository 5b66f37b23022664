//! Progress on stderr: a bar on a terminal, now and then a line elsewhere; the one door to `indicatif`.

use super::ambient::Ambient;
use super::terminal::Terminal;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Work that ends sooner needs no line.
const FIRST_LINE_AFTER: Duration = Duration::from_secs(1);
/// From this many clusters on it does not end sooner, and its first line comes at once.
const MANY: usize = 100;
/// At once, and all the same not a line for what turns out to be done.
const FIRST_LINE_OF_MANY_AFTER: Duration = Duration::from_millis(50);
/// Nobody waits longer than five seconds without a sign of life, however busy the machine is.
const LINE_EVERY: Duration = Duration::from_secs(4);
/// Fast enough to look alive, slow enough to cost nothing.
const BAR_EVERY: Duration = Duration::from_millis(120);

/// The progress of one piece of work over many clusters. Dropping it clears the bar.
pub(crate) struct Progress(Form);

enum Form {
    Silent,
    Bar(ProgressBar),
    Lines(Lines),
}

struct Lines {
    done: Arc<AtomicUsize>,
    stop: Option<mpsc::Sender<()>>,
    ticker: Option<JoinHandle<()>>,
}

impl Progress {
    /// Begins to show the progress of `verb` (`Planning`) over `total` clusters.
    pub(crate) fn start(ambient: &Ambient, terminal: &Terminal, verb: &str, total: usize) -> Self {
        if !terminal.shows_progress() {
            return Self(Form::Silent);
        }
        if ambient.stderr_is_terminal && !ambient.ci {
            return Self(Form::Bar(bar(verb, total)));
        }
        Self(Form::Lines(lines(verb, total)))
    }

    /// Counts `count` more clusters as done.
    pub(crate) fn advance(&self, count: usize) {
        match &self.0 {
            Form::Silent => {}
            Form::Bar(bar) => bar.inc(u64::try_from(count).unwrap_or(u64::MAX)),
            Form::Lines(lines) => {
                lines.done.fetch_add(count, Ordering::Relaxed);
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        match &mut self.0 {
            Form::Silent => {}
            Form::Bar(bar) => bar.finish_and_clear(),
            Form::Lines(lines) => {
                drop(lines.stop.take());
                if let Some(ticker) = lines.ticker.take() {
                    // The ticker only sleeps and prints; if it died, there is nothing to clean up.
                    let _ended = ticker.join();
                }
            }
        }
    }
}

fn bar(verb: &str, total: usize) -> ProgressBar {
    let total = u64::try_from(total).unwrap_or(u64::MAX);
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len} clusters") {
        bar.set_style(style);
    }
    bar.set_message(verb.to_owned());
    bar.enable_steady_tick(BAR_EVERY);
    bar
}

fn lines(verb: &str, total: usize) -> Lines {
    let done = Arc::new(AtomicUsize::new(0));
    let (stop, stopped) = mpsc::channel::<()>();
    let (counter, verb) = (Arc::clone(&done), verb.to_owned());
    let ticker = std::thread::Builder::new().spawn(move || {
        let mut pause = if total < MANY {
            FIRST_LINE_AFTER
        } else {
            FIRST_LINE_OF_MANY_AFTER
        };
        while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
            let so_far = counter.load(Ordering::Relaxed);
            let line = format!("{verb}: {so_far} of {total} clusters done");
            // A closed stderr must not stop the work.
            let _unreportable = writeln!(std::io::stderr(), "{line}");
            pause = LINE_EVERY;
        }
    });
    Lines {
        done,
        stop: Some(stop),
        ticker: ticker.ok(),
    }
}

/// What a full bar of [`Bars`] counts to.
pub(crate) const BAR_FULL: u64 = 1_000;

/// Two bars on stderr with lines above them: the progress of one run. Dropping it clears the bars.
pub(crate) struct Bars {
    both: MultiProgress,
    run: ProgressBar,
    step: ProgressBar,
}

impl Bars {
    /// Begins to show two bars; none where stderr cannot redraw a line, such as `TERM=dumb`.
    pub(crate) fn start(unicode: bool) -> Option<Self> {
        let target = ProgressDrawTarget::stderr();
        if target.is_hidden() {
            return None;
        }
        let both = MultiProgress::with_draw_target(target);
        let signs = if unicode { "█░" } else { "#-" };
        let [run, step] = [(), ()].map(|()| {
            let bar = both.add(ProgressBar::new(BAR_FULL));
            if let Ok(style) = ProgressStyle::with_template("{bar:24} {wide_msg}") {
                bar.set_style(style.progress_chars(signs));
            }
            bar
        });
        Some(Self { both, run, step })
    }

    /// Prints a line above the bars, where it stays.
    pub(crate) fn above(&self, line: &str) {
        // A closed stderr must not stop the work.
        let _unreportable = self.both.println(line);
    }

    /// Shows how far the run is, of [`BAR_FULL`].
    pub(crate) fn show_run(&self, part: u64, text: String) {
        self.run.set_position(part.min(BAR_FULL));
        self.run.set_message(text);
    }

    /// Shows how far the step is, of [`BAR_FULL`].
    pub(crate) fn show_step(&self, part: u64, text: String) {
        self.step.set_position(part.min(BAR_FULL));
        self.step.set_message(text);
    }

    /// Takes the bars off the terminal; what stands above them stays.
    pub(crate) fn clear(&self) {
        if self.run.is_finished() {
            return;
        }
        self.step.finish_and_clear();
        self.run.finish_and_clear();
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.clear();
    }
}
