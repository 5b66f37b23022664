//! The one owner of stdout and stderr: data goes to stdout, talk to stderr.

use super::ambient::Ambient;
use stairway_core::report::is_steering;
use std::io::{self, BufWriter, Write};

/// Stdout and stderr of one run.
///
/// A reader that went away (`stairway plan | head`) is no error: what is left
/// of the data is dropped, and the command ends with the code it would have
/// ended with.
pub struct Terminal {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    reader_gone: bool,
    color_stderr: bool,
    progress: bool,
}

/// SGR codes for the first word of a message.
const RED: &str = "1;31";
const YELLOW: &str = "1;33";
const GREEN: &str = "1;32";

impl Terminal {
    /// Returns the terminal of this process.
    pub fn of_process(ambient: &Ambient) -> Self {
        Self {
            out: Box::new(BufWriter::new(io::stdout())),
            err: Box::new(io::stderr()),
            reader_gone: false,
            color_stderr: ambient.color_stderr,
            progress: true,
        }
    }

    /// Returns a terminal that writes to these two, without color and progress: for tests.
    pub fn to_writers(out: Box<dyn Write + Send>, err: Box<dyn Write + Send>) -> Self {
        Self {
            out,
            err,
            reader_gone: false,
            color_stderr: false,
            progress: false,
        }
    }

    /// Returns true when progress may be shown on stderr.
    pub const fn shows_progress(&self) -> bool {
        self.progress
    }

    /// Writes data to stdout.
    ///
    /// # Errors
    /// Stdout cannot take it, for example because a disk is full; not when the reader is gone.
    pub fn data(&mut self, text: &str) -> io::Result<()> {
        self.bytes(text.as_bytes())
    }

    /// Writes bytes to stdout; as [`Terminal::data`].
    ///
    /// # Errors
    /// As [`Terminal::data`].
    pub fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.reader_gone {
            return Ok(());
        }
        let written = self.out.write_all(bytes);
        self.forgive(written)
    }

    /// Returns stdout as a writer with the same forgiveness.
    pub fn as_writer(&mut self) -> impl Write + '_ {
        Forgiving(self)
    }

    /// Writes out what is buffered for stdout.
    ///
    /// # Errors
    /// As [`Terminal::data`].
    pub fn flush(&mut self) -> io::Result<()> {
        if self.reader_gone {
            return Ok(());
        }
        let flushed = self.out.flush();
        self.forgive(flushed)
    }

    fn forgive(&mut self, outcome: io::Result<()>) -> io::Result<()> {
        match outcome {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.reader_gone = true;
                Ok(())
            }
            other => other,
        }
    }

    /// Writes a line to stderr. Nobody can be told when that fails, so it is not reported.
    pub fn say(&mut self, line: &str) {
        let _unreportable = writeln!(self.err, "{}", harmless(line));
    }

    /// Writes `Error: …` to stderr.
    pub fn error(&mut self, text: &str) {
        self.labeled("Error", RED, text);
    }

    /// Writes `Warning: …` to stderr.
    pub fn warn(&mut self, text: &str) {
        self.labeled("Warning", YELLOW, text);
    }

    /// Writes `Hint: …` to stderr.
    pub fn hint(&mut self, text: &str) {
        self.labeled("Hint", GREEN, text);
    }

    fn labeled(&mut self, label: &str, color: &str, text: &str) {
        if self.color_stderr {
            let painted = format!("\u{1b}[{color}m{label}:\u{1b}[0m");
            let _unreportable = write!(self.err, "{painted} ");
            self.say(text);
        } else {
            self.say(&format!("{label}: {text}"));
        }
    }
}

struct Forgiving<'t>(&'t mut Terminal);

impl Write for Forgiving<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.bytes(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Returns `text` without characters that steer a terminal or reorder what it shows, other than line
/// breaks: it may quote a file under review.
pub(super) fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| {
            if is_steering(c) && c != '\n' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    /// A writer whose bytes can be read while the terminal owns it.
    #[derive(Clone, Default)]
    pub(crate) struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Captured {
        pub(crate) fn text(&self) -> String {
            let bytes = self.0.lock().map(|b| b.clone()).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        }
    }

    impl Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if let Ok(mut own) = self.0.lock() {
                own.extend_from_slice(bytes);
            }
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A writer that fails in one way.
    struct Failing(io::ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn a_reader_that_went_away_is_no_error() {
        let gone = Box::new(Failing(io::ErrorKind::BrokenPipe));
        let mut terminal = Terminal::to_writers(gone, Box::new(Captured::default()));
        assert!(terminal.data("a").is_ok());
        assert!(terminal.data("b").is_ok());
        assert!(terminal.flush().is_ok());
    }

    #[test]
    fn a_full_disk_is_an_error() {
        let full = Box::new(Failing(io::ErrorKind::StorageFull));
        let mut terminal = Terminal::to_writers(full, Box::new(Captured::default()));
        assert!(terminal.data("a").is_err());
    }

    #[test]
    fn talk_goes_to_stderr_only() {
        let (out, err) = (Captured::default(), Captured::default());
        let mut terminal = Terminal::to_writers(Box::new(out.clone()), Box::new(err.clone()));
        terminal.warn("careful");
        terminal.hint("do\u{1b}[2Jthis");
        terminal.error("`prod\u{202e}gnigats\u{2066}`\u{9b}2J\u{200b}");
        assert_eq!(out.text(), "");
        assert_eq!(
            err.text(),
            "Warning: careful\nHint: do\u{fffd}[2Jthis\nError: `prod\u{fffd}gnigats\u{fffd}`\u{fffd}2J\u{fffd}\n"
        );
    }
}
