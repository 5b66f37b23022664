//! From an empty folder to drift in git: the script in `testdata/flow`, whose transcript the README shows.

use crate::support::{Place, is_set, read, testdata, top, write};
use std::process::{Command, Stdio};

const TRANSCRIPT: &str = "flow/transcript.txt";
/// More would not be read.
const LINES_MAX: usize = 140;

#[test]
fn the_whole_flow_is_as_its_transcript_says() {
    let place = Place::new();
    let path = std::env::var_os("PATH").expect("a path");
    let run = Command::new("sh")
        .arg(testdata("flow/run"))
        .arg(place.work().join("flow"))
        .arg(env!("CARGO_BIN_EXE_stairway"))
        .env_clear()
        .env("PATH", path)
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

    // Where the README shows it, it shows what is printed.
    let readme = read(&top().join("README.md"));
    let block = readme
        .split("<!-- flow -->\n```console\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .unwrap_or_default();
    assert!(block.lines().count() > 30, "the README shows the flow");
    let mut printed = text.lines();
    for line in block
        .lines()
        .filter(|line| !line.is_empty() && *line != "…")
    {
        assert!(
            printed.any(|known| known.trim_end() == line.trim_end()),
            "the README says, and the flow does not print at that place: {line}"
        );
    }
}
