//! What a screen says, as text: nothing here prints.

use super::{BAR_FULL, Event, FAINT, GREEN, RED, Report, STRONG, Shown, Timestamp, YELLOW};
use super::{say_seconds, took};

/// Longer lines are cut: no tool has that much to say in one line, and a screen is no log.
const SIGNS_MAX: usize = 4_000;

impl Shown {
    /// Returns a step's id, without anything that could steer a terminal.
    pub(super) fn id(&self, step: usize) -> &str {
        self.steps.get(step).map_or("?", |face| &face.id)
    }

    /// Returns `[8/19]` for the step that runs; empty without one.
    pub(super) fn place(&self) -> String {
        self.current
            .as_ref()
            .map_or_else(String::new, |current| self.place_of(current.place))
    }

    fn place_of(&self, step: usize) -> String {
        format!("[{}/{}]", step + 1, self.steps.len())
    }

    fn passed(&self, since: Timestamp) -> u64 {
        u64::try_from(self.now().seconds_since(since)).unwrap_or(0)
    }

    /// Returns how long the step takes by now, and how long it typically takes.
    fn pace(&self, step: usize, since: Timestamp) -> String {
        let expected = self.steps.get(step).map_or(0, |face| face.expected);
        let passed = took(self.passed(since));
        match expected {
            0 => passed,
            expected => format!("{passed} of about {}", say_seconds(expected)),
        }
    }

    /// Returns a report as a line.
    pub(super) fn in_words(&self, report: &Report) -> String {
        match report {
            Report::Began {
                run,
                resumed,
                done,
                of,
                expected,
            } => began(&bare(run), *resumed, *done, *of, *expected),
            Report::StepBegan {
                step,
                attempt,
                expected,
            } => {
                let about = match expected {
                    0 => String::new(),
                    expected => format!(", about {}", say_seconds(*expected)),
                };
                let attempt = match attempt {
                    0 | 1 => String::new(),
                    attempt => format!(", attempt {attempt}"),
                };
                format!(
                    "{} {} begins{about}{attempt}",
                    self.place_of(*step),
                    self.id(*step)
                )
            }
            Report::Acting { step, what } => {
                format!("{} does `{}`", self.place_of(*step), bare(what))
            }
            Report::Returned { step, claim } => {
                let what = match (claim.stopped, claim.ok) {
                    (true, _) => "was stopped",
                    (false, true) => "came back and claims success",
                    (false, false) => "came back and claims FAILURE",
                };
                format!("{} {what}: {}", self.place_of(*step), bare(&claim.said))
            }
            Report::Waiting { step, why } => {
                format!("{} waits: {}", self.place_of(*step), bare(why))
            }
            Report::StepDone { step, facts } => format!(
                "{} {} done after {}: {}",
                self.place_of(*step),
                self.id(*step),
                took(self.step_seconds()),
                all(facts)
            ),
            Report::Note(text) => format!("note: {}", bare(text)),
        }
    }

    /// Returns the lines that stay above the bars; what passes is in the bars.
    pub(super) fn lines_above(&self, report: &Report) -> Vec<String> {
        let stamp = clock(self.now());
        let marked = |color: &str, sign: &str, ascii: &str, text: &str| {
            let mark = self.paint(color, if self.unicode { sign } else { ascii });
            vec![format!("{mark} {stamp} {text}")]
        };
        match report {
            Report::Began {
                run,
                resumed,
                done,
                of,
                expected,
            } => {
                let text = began(&bare(run), *resumed, *done, *of, *expected);
                vec![self.paint(STRONG, &text)]
            }
            Report::StepBegan { .. } | Report::Waiting { .. } => Vec::new(),
            Report::Acting { what, .. } => {
                vec![self.paint(FAINT, &format!("    $ {}", bare(what)))]
            }
            Report::Returned { step, claim } if claim.stopped || !claim.ok => {
                let (color, what) = if claim.stopped {
                    (YELLOW, "was stopped")
                } else {
                    (RED, "claims FAILURE")
                };
                let text = format!("{}  {what}: {}", self.id(*step), bare(&claim.said));
                marked(color, "!", "!", &text)
            }
            Report::Returned { .. } => Vec::new(),
            Report::StepDone { step, facts } => {
                let time = took(self.step_seconds());
                let text = format!("{}  {time}  {}", self.id(*step), all(facts));
                marked(GREEN, "✔", "+", text.trim_end())
            }
            Report::Note(text) => marked(YELLOW, "!", "!", &bare(text)),
        }
    }

    /// Returns a report for programs.
    pub(super) fn event(&self, report: &Report) -> Event {
        match report {
            Report::Began {
                run,
                resumed,
                done,
                of,
                expected,
            } => Event::RunBegan {
                run: bare(run),
                resumed: *resumed,
                done: *done,
                of: *of,
                expected: *expected,
            },
            Report::StepBegan {
                step,
                attempt,
                expected,
            } => Event::StepBegan {
                step: self.id(*step).to_owned(),
                number: step + 1,
                attempt: *attempt,
                expected: *expected,
            },
            Report::Acting { step, what } => Event::Acting {
                step: self.id(*step).to_owned(),
                what: bare(what),
            },
            Report::Returned { step, claim } => Event::Returned {
                step: self.id(*step).to_owned(),
                ok: claim.ok,
                stopped: claim.stopped,
                said: bare(&claim.said),
            },
            Report::Waiting { step, why } => Event::Waiting {
                step: self.id(*step).to_owned(),
                why: bare(why),
            },
            Report::StepDone { step, facts } => Event::StepDone {
                step: self.id(*step).to_owned(),
                number: step + 1,
                took: self.step_seconds(),
                facts: facts.iter().map(|fact| bare(fact)).collect(),
            },
            Report::Note(text) => Event::Note { text: bare(text) },
        }
    }

    fn step_seconds(&self) -> u64 {
        let current = self.current.as_ref();
        current.map_or(0, |current| self.passed(current.began))
    }

    /// Returns the sign of life of a silent run.
    pub(super) fn still(&self) -> String {
        match &self.current {
            Some(current) => format!(
                "{} still waiting for {}, {}: {}",
                self.place_of(current.place),
                self.id(current.place),
                self.pace(current.place, current.began),
                current.busy
            ),
            None => format!(
                "still waiting for a look at the cluster, {}",
                took(self.passed(self.began))
            ),
        }
    }

    /// Returns how full the bars of run and step are, and what stands beside them.
    pub(super) fn bars(&self) -> [(u64, String); 2] {
        let sum = |steps: &[super::StepFace]| steps.iter().map(|face| face.expected).sum::<u64>();
        let total = sum(&self.steps);
        let before = self.steps.get(..self.done.min(self.steps.len()));
        let mut passed = sum(before.unwrap_or_default());
        let mut step = (0, "a look at the cluster".to_owned());
        if let Some(current) = &self.current {
            let expected = self.steps.get(current.place).map_or(0, |f| f.expected);
            let so_far = self.passed(current.began);
            passed += so_far.min(expected);
            let pace = self.pace(current.place, current.began);
            let text = format!("{}  {pace}: {}", self.id(current.place), current.busy);
            step = (part(so_far, expected), text);
        }
        let left = match total.saturating_sub(passed) {
            0 => String::new(),
            left => format!(", about {} left", say_seconds(left)),
        };
        let run = format!(
            "{}/{} steps, {}{left}",
            self.done,
            self.steps.len(),
            took(self.passed(self.began))
        );
        [(part(passed, total), run), step]
    }
}

fn part(passed: u64, expected: u64) -> u64 {
    match expected {
        0 => 0,
        expected => passed.min(expected).saturating_mul(BAR_FULL) / expected,
    }
}

fn began(run: &str, resumed: bool, done: usize, of: usize, expected: u64) -> String {
    let about = match expected {
        0 => String::new(),
        expected => format!(", about {} in all", say_seconds(expected)),
    };
    let plural = if of == 1 { "" } else { "s" };
    if resumed {
        format!("Run {run} goes on: {done} of {of} step{plural} done{about}")
    } else {
        format!("Run {run} begins: {of} step{plural}{about}")
    }
}

fn all(facts: &[String]) -> String {
    let facts: Vec<String> = facts.iter().map(|fact| bare(fact)).collect();
    facts.join("; ")
}

/// Returns `12:03:11`, in UTC.
fn clock(at: Timestamp) -> String {
    let text = at.to_string();
    text.get(11..19).map(str::to_owned).unwrap_or(text)
}

/// Returns one line of `text` without escape sequences, control characters and marks that hide or
/// reorder text.
pub(super) fn bare(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(SIGNS_MAX));
    let mut signs = text.chars().take(SIGNS_MAX).peekable();
    while let Some(sign) = signs.next() {
        match sign {
            '\u{1b}' => skip_escape(&mut signs),
            '\u{9b}' => skip_control(&mut signs),
            '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}' => skip_text(&mut signs),
            '\t' | '\r' | '\n' => out.push(' '),
            '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}' => {}
            _ if sign.is_control() => {}
            _ => out.push(sign),
        }
    }
    out.truncate(out.trim_end().len());
    out
}

type Signs<'s> = std::iter::Peekable<std::iter::Take<std::str::Chars<'s>>>;

/// Behind ESC.
fn skip_escape(signs: &mut Signs<'_>) {
    match signs.next() {
        Some('[') => skip_control(signs),
        Some(']' | 'P' | 'X' | '^' | '_') => skip_text(signs),
        Some(' '..='/') => {
            // Intermediates, then one final.
            while signs.next_if(|sign| (' '..='/').contains(sign)).is_some() {}
            let _final = signs.next_if(|sign| ('0'..='~').contains(sign));
        }
        Some(_) | None => {}
    }
}

/// A control sequence: parameters and intermediates, then one final.
fn skip_control(signs: &mut Signs<'_>) {
    while signs.next_if(|sign| (' '..='?').contains(sign)).is_some() {}
    let _final = signs.next_if(|sign| ('@'..='~').contains(sign));
}

/// A string for the terminal: to BEL or the string terminator, or to the end.
fn skip_text(signs: &mut Signs<'_>) {
    while let Some(sign) = signs.next() {
        match sign {
            '\u{7}' | '\u{9c}' => return,
            '\u{1b}' => {
                let _backslash = signs.next_if_eq(&'\\');
                return;
            }
            _ => {}
        }
    }
}
