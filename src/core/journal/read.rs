//! Reads a journal: strict about its chain, lenient about a torn last line.

use super::{Event, hash_of};

/// A journal that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Journal {
    /// The whole events, in order.
    pub events: Vec<Event>,
    /// What the crash left of the last write.
    pub torn: Option<Torn>,
    /// How many bytes the whole events take: where the next one goes.
    pub valid_bytes: u64,
}

/// A last line that was not written to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// Its line number, from 1.
    pub line: usize,
    /// How many bytes of it there are.
    pub bytes: u64,
}

/// Why a journal cannot be believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct JournalError {
    /// From 1.
    pub line: usize,
    /// What is wrong.
    pub why: String,
}

/// Reads the bytes of a journal of the plan with this digest.
///
/// A last line without its line break is what a crash in the middle of a write
/// leaves: it is reported and not believed.
///
/// # Errors
/// A line that is no event, a gap, or a broken chain before the last line.
pub fn read(bytes: &[u8], plan: &str) -> Result<Journal, JournalError> {
    let mut journal = Journal::default();
    let mut prev = plan.to_owned();
    let mut rest = bytes;
    let mut line = 0;
    while !rest.is_empty() {
        line += 1;
        let end = rest.iter().position(|byte| *byte == b'\n');
        let text = &rest[..end.unwrap_or(rest.len())];
        match event(text, line, &prev, &journal) {
            Ok(event) if end.is_some() => {
                prev = hash_of(text);
                journal.valid_bytes += text.len() as u64 + 1;
                journal.events.push(event);
            }
            // Without its line break nobody knows whether it is whole.
            Ok(_) => journal.torn = Some(torn(line, rest)),
            Err(Flaw::Unparsable(_)) if end.is_none() => journal.torn = Some(torn(line, rest)),
            Err(Flaw::Unparsable(why) | Flaw::Wrong(why)) => {
                return Err(JournalError { line, why });
            }
        }
        rest = end.map_or(&[], |end| &rest[end + 1..]);
    }
    Ok(journal)
}

fn torn(line: usize, rest: &[u8]) -> Torn {
    Torn {
        line,
        bytes: rest.len() as u64,
    }
}

enum Flaw {
    Unparsable(String),
    Wrong(String),
}

fn event(text: &[u8], line: usize, prev: &str, journal: &Journal) -> Result<Event, Flaw> {
    let event: Event = serde_json::from_slice(text)
        .map_err(|error| Flaw::Unparsable(format!("it is no event: {error}")))?;
    if event.prev_hash != prev {
        return Err(Flaw::Wrong(if line == 1 {
            format!("it belongs to the plan {}, not to {prev}", event.prev_hash)
        } else {
            "the chain is broken: the line before was changed, added or taken away".to_owned()
        }));
    }
    if event.seq != line as u64 {
        return Err(Flaw::Wrong(format!(
            "its number is {}, and {line} is expected",
            event.seq
        )));
    }
    if let Some(first) = journal.events.first()
        && first.run != event.run
    {
        return Err(Flaw::Wrong(format!(
            "it is of run {}, and the journal of run {}",
            event.run, first.run
        )));
    }
    Ok(event)
}
