//! The wire between the process and its render workers: frames over pipes.
//!
//! A frame is a JSON header and a raw body, each preceded by its length. The
//! body carries rendered output, which would cost twice when quoted as a JSON
//! string inside of JSON.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Import;
use super::error::RenderError;
use super::limits::Limits;

/// What a worker says first, so that a program which is no worker, or one of
/// another version, is noticed before it is sent anything.
pub(super) const GREETING: &[u8] =
    concat!("\nstairway-render-worker ", env!("CARGO_PKG_VERSION"), "\n").as_bytes();

/// A header holds paths, variables or an error with an excerpt; 1 MiB is three
/// orders of magnitude more.
pub(super) const HEADER_BYTES: u64 = 1 << 20;

/// Bytes of a length, little-endian.
const LENGTH: usize = 8;

/// The first frame to a worker.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Setup {
    pub(super) limits: Limits,
}

/// A file to evaluate.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Job {
    /// The file as it is opened, absolute or relative to the working directory.
    pub(super) path: String,
    /// The file's name in messages.
    pub(super) display: String,
    /// The canonical folder that imports must stay in.
    pub(super) root: String,
    pub(super) ext_vars: BTreeMap<String, String>,
    pub(super) tlas: BTreeMap<String, String>,
}

/// What the body of an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Output {
    /// JSON text of an object, an array, a number, a boolean or null.
    Json,
    /// The characters of a string.
    Text,
}

/// A worker's header about a job.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) outcome: Result<Evaluated, RenderError>,
    /// The worker ends after this answer and must be replaced: its memory is
    /// not as a new one's any more.
    pub(super) retires: bool,
}

/// A successful evaluation, without its output.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Evaluated {
    pub(super) output: Output,
    pub(super) imports: Vec<Import>,
    /// Lines of `std.trace`.
    pub(super) notes: Vec<String>,
}

/// Writes one frame and flushes.
pub(super) fn send<T: Serialize>(to: &mut impl Write, header: &T, body: &[u8]) -> io::Result<()> {
    // One buffer, because each write to a pipe may wake the other side.
    let mut frame = vec![0; 2 * LENGTH];
    serde_json::to_writer(&mut frame, header)?;
    let header = frame.len() - 2 * LENGTH;
    frame.extend_from_slice(body);
    let lengths = [header, body.len()];
    for (slot, length) in frame.chunks_exact_mut(LENGTH).zip(lengths) {
        let length = u64::try_from(length).map_err(io::Error::other)?;
        slot.copy_from_slice(&length.to_le_bytes());
    }
    to.write_all(&frame)?;
    to.flush()
}

/// Reads one frame with a body of at most `limit` bytes; `None` at the end of
/// the stream.
pub(super) fn receive<T: DeserializeOwned>(
    from: &mut impl Read,
    limit: u64,
) -> io::Result<Option<(T, Vec<u8>)>> {
    let mut lengths = [0_u8; 2 * LENGTH];
    loop {
        match from.read(&mut lengths[..1]) {
            Ok(0) => return Ok(None),
            Ok(_) => break,
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => return Err(cause),
        }
    }
    from.read_exact(&mut lengths[1..])?;
    let (header, body) = lengths.split_at(LENGTH);
    let header = take(from, length_of(header), HEADER_BYTES)?;
    let body = take(from, length_of(body), limit)?;
    Ok(Some((serde_json::from_slice(&header)?, body)))
}

fn length_of(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |sum, b| (sum << 8) | u64::from(*b))
}

fn take(from: &mut impl Read, length: u64, limit: u64) -> io::Result<Vec<u8>> {
    if length > limit {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "a frame is larger than its limit",
        ));
    }
    let size = usize::try_from(length).map_err(io::Error::other)?;
    let mut bytes = vec![0; size];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}
