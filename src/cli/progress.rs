//! Progress on stderr: a bar on a terminal, now and then a line elsewhere; the one door to `indicatif`.

use super::ambient::Ambient;
use super::terminal::{Terminal, harmless};
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

/// SGR codes: those that a run's screen paints with, and the end of all paint.
pub(crate) const STRONG: &str = "1";
pub(crate) const FAINT: &str = "2";
pub(crate) const RED: &str = "31";
pub(crate) const GREEN: &str = "32";
pub(crate) const YELLOW: &str = "33";
const PLAIN: &str = "0";
const PAINT: [&str; 6] = [STRONG, FAINT, RED, GREEN, YELLOW, PLAIN];

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
    bar.set_message(one_line(verb));
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
            // A closed stderr must not stop the work.
            let _unreportable = writeln!(std::io::stderr(), "{}", line(&verb, so_far, total));
            pause = LINE_EVERY;
        }
    });
    Lines {
        done,
        stop: Some(stop),
        ticker: ticker.ok(),
    }
}

fn line(verb: &str, so_far: usize, total: usize) -> String {
    one_line(&format!("{verb}: {so_far} of {total} clusters done"))
}

/// Returns `text` as one line without what steers a terminal: a line break would tear the bars.
fn one_line(text: &str) -> String {
    harmless(text).replace('\n', " ")
}

/// Returns `line` as one line in which nothing steers a terminal but our own paint: sequences that
/// begin with one of the SGR codes of [`PAINT`] or end it.
fn painted_line(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, behind)) = rest.split_once("\u{1b}[") {
        out.push_str(&one_line(before));
        let ours = PAINT.iter().find_map(|code| {
            let behind = behind.strip_prefix(code)?.strip_prefix('m')?;
            Some((code, behind))
        });
        match ours {
            Some((code, behind)) => {
                out.push_str(&format!("\u{1b}[{code}m"));
                rest = behind;
            }
            None => {
                out.push_str("\u{fffd}[");
                rest = behind;
            }
        }
    }
    out.push_str(&one_line(rest));
    out
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
        (!target.is_hidden()).then(|| Self::on(target, unicode))
    }

    fn on(target: ProgressDrawTarget, unicode: bool) -> Self {
        let both = MultiProgress::with_draw_target(target);
        let signs = if unicode { "█░" } else { "#-" };
        let [run, step] = [(), ()].map(|()| {
            let bar = both.add(ProgressBar::new(BAR_FULL));
            if let Ok(style) = ProgressStyle::with_template("{bar:24} {wide_msg}") {
                bar.set_style(style.progress_chars(signs));
            }
            bar
        });
        Self { both, run, step }
    }

    /// Prints a line above the bars, where it stays. Paint of [`PAINT`] is kept; whatever else would
    /// steer the terminal is replaced.
    pub(crate) fn above(&self, line: &str) {
        // A closed stderr must not stop the work.
        let _unreportable = self.both.println(painted_line(line));
    }

    /// Shows how far the run is, of [`BAR_FULL`].
    pub(crate) fn show_run(&self, part: u64, text: &str) {
        self.run.set_position(part.min(BAR_FULL));
        self.run.set_message(one_line(text));
    }

    /// Shows how far the step is, of [`BAR_FULL`].
    pub(crate) fn show_step(&self, part: u64, text: &str) {
        self.step.set_position(part.min(BAR_FULL));
        self.step.set_message(one_line(text));
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands above bars may quote a tool or a file under review.
    #[test]
    fn nothing_but_our_paint_steers_the_terminal() {
        let rows = [
            (
                "our paint stays",
                "\u{1b}[32m+\u{1b}[0m done",
                "\u{1b}[32m+\u{1b}[0m done",
            ),
            ("the screen is not cleared", "a\u{1b}[2Jb", "a\u{fffd}[2Jb"),
            (
                "nothing is hidden by a paint that is not ours",
                "\u{1b}[8mx",
                "\u{fffd}[8mx",
            ),
            (
                "nor by one that only begins like ours",
                "\u{1b}[2;8mx",
                "\u{fffd}[2;8mx",
            ),
            (
                "no title is set",
                "\u{1b}]0;t\u{7}x",
                "\u{fffd}]0;t\u{fffd}x",
            ),
            ("an open sequence at the end", "x\u{1b}[", "x\u{fffd}["),
            (
                "an escape before ours",
                "\u{1b}\u{1b}[31mx",
                "\u{fffd}\u{1b}[31mx",
            ),
            ("one line stays one", "a\nb\rc", "a b\u{fffd}c"),
            (
                "nothing is reordered",
                "a\u{202e}b\u{9b}2J",
                "a\u{fffd}b\u{fffd}2J",
            ),
        ];
        for (what, line, expected) in rows {
            assert_eq!(painted_line(line), expected, "{what}");
        }
    }

    #[test]
    fn lines_and_bars_show_text_that_steers_nothing() {
        let hostile = "Plan\u{1b}[31m\u{202e}\nning\u{7}";
        let clean = "Plan\u{fffd}[31m\u{fffd} ning\u{fffd}";
        assert_eq!(
            line(hostile, 3, 9),
            format!("{clean}: 3 of 9 clusters done")
        );
        assert_eq!(bar(hostile, 9).message(), clean);
        let bars = Bars::on(ProgressDrawTarget::hidden(), false);
        bars.show_run(1, hostile);
        bars.show_step(2, hostile);
        assert_eq!(bars.run.message(), clean);
        assert_eq!(bars.step.message(), clean);
    }
}
