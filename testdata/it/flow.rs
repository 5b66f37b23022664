//! From an empty folder to drift in git: the script in `testdata/flow`, whose transcript the README shows.

use crate::support::{Place, is_set, read, testdata, write};
use std::process::{Command, Stdio};

const TRANSCRIPT: &str = "flow/transcript.txt";
/// More would not be read.
const LINES_MAX: usize = 130;

#[test]
fn the_whole_flow_is_as_its_transcript_says() {
    let place = Place::new();
    let run = Command::new("sh")
        .arg(testdata("flow/run"))
        .arg(place.work().join("flow"))
        .arg(env!("CARGO_BIN_EXE_stairway"))
        .stdin(Stdio::null())
        .output()
        .expect("the script runs");
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    let text = String::from_utf8(run.stdout).expect("UTF-8");
    assert!(run.status.success(), "{text}\n{said}");
    let path = testdata(TRANSCRIPT);
    if is_set("UPDATE_TRANSCRIPTS") {
        write(&path, &text);
    }
    let kept = read(&path);
    let first = text.lines().zip(kept.lines()).find(|(now, was)| now != was);
    assert_eq!(first, None, "UPDATE_TRANSCRIPTS=1 writes it anew:\n{text}");
    assert_eq!(text.lines().count(), kept.lines().count());
    assert!(text.lines().count() <= LINES_MAX);
}
