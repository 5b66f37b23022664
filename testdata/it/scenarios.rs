//! Scenarios: a script with prose, run with the real binary, and the transcript that is committed.
//!
//! `UPDATE_TRANSCRIPTS=1 cargo test --test it scenarios` writes the transcripts again. Read each
//! against `domain/eks.md` before it is committed: what stands there is what people will believe.

use crate::support::{Place, files_below, is_set, names_in, read, testdata, write};
use std::path::Path;

/// The rows of the domain's table of traps, and the shapes of a real fleet's history.
const SCENARIOS: [&str; 16] = [
    "five-minors",
    "fleet-control-planes-first",
    "kind-flip-same-name",
    "letters-not-monotone",
    "names-reused",
    "override-bites-old-generation",
    "s1-nodes-ahead",
    "s2-delete-by-exact-name",
    "s3-create-after-delete",
    "s4-generations",
    "s5-addons-by-owner",
    "s6-exit-codes-are-claims",
    "s7-two-rollbacks",
    "swap-without-version-change",
    "two-generations-partly-real",
    "version-only-edit",
];
const SCRIPT: &str = "script.txt";
const TRANSCRIPT: &str = "transcript.txt";
/// Hex digits of a plan's id: they change with every release and every refresh of the catalog.
const ID_DIGITS: usize = 12;

#[test]
fn every_scenario_has_a_script_and_a_transcript() {
    assert_eq!(names_in(&testdata("scenarios")), SCENARIOS);
    for name in SCENARIOS {
        let files = names_in(&testdata("scenarios").join(name));
        for wanted in [SCRIPT, TRANSCRIPT] {
            assert!(
                files.iter().any(|file| file == wanted),
                "{name} has no {wanted}"
            );
        }
        let script = read(&testdata("scenarios").join(name).join(SCRIPT));
        assert!(script.starts_with("# "), "{name} begins without prose");
        assert!(
            script.lines().any(|line| line.starts_with("$ stairway ")),
            "{name} runs nothing"
        );
    }
}

#[test]
fn every_file_of_a_scenario_is_used_by_its_script() {
    for name in SCENARIOS {
        let folder = testdata("scenarios").join(name);
        let files = files_below(&folder);
        let texts: Vec<String> = files
            .iter()
            .filter(|file| *file == SCRIPT || file.ends_with("fleet.yaml"))
            .map(|file| read(&folder.join(file)))
            .collect();
        for file in files
            .iter()
            .filter(|file| *file != SCRIPT && *file != TRANSCRIPT)
        {
            assert!(
                texts.iter().any(|text| text.contains(file.as_str())),
                "{name}/{file} is unused"
            );
        }
    }
}

#[test]
fn transcripts_are_what_the_binary_says() {
    let mut stale = Vec::new();
    for name in SCENARIOS {
        let folder = testdata("scenarios").join(name);
        let said = play(&folder);
        let path = folder.join(TRANSCRIPT);
        if is_set("UPDATE_TRANSCRIPTS") {
            write(&path, &said);
        }
        let committed = if path.exists() {
            read(&path)
        } else {
            String::new()
        };
        if committed != said {
            stale.push(format!(
                "── {name}\n{}",
                first_difference(&committed, &said)
            ));
        }
    }
    assert!(
        stale.is_empty(),
        "UPDATE_TRANSCRIPTS=1 writes them again\n{}",
        stale.join("\n")
    );
}

#[test]
fn a_transcript_is_the_same_when_it_is_played_again() {
    let folder = testdata("scenarios").join(SCENARIOS[0]);
    assert_eq!(play(&folder), play(&folder));
}

/// Runs a script in a copy of its folder and returns the transcript.
fn play(folder: &Path) -> String {
    let place = Place::new();
    for file in files_below(folder) {
        place.file(&file, &read(&folder.join(&file)));
    }
    let mut out = String::new();
    for line in read(&folder.join(SCRIPT)).lines() {
        out.push_str(line);
        out.push('\n');
        let Some(command) = line.strip_prefix("$ stairway ") else {
            assert!(
                line.is_empty() || line.starts_with('#'),
                "neither prose nor command: {line}"
            );
            continue;
        };
        let words: Vec<&str> = command.split_whitespace().collect();
        let run = place.run(&words).calm();
        out.push_str(&run.stdout);
        for told in run
            .stderr
            .lines()
            .filter(|told| !depends_on_the_clock(told))
        {
            out.push_str(&format!("stderr: {told}\n"));
        }
        out.push_str(&format!("exit code {}\n", run.code));
    }
    without_ids(&out.replace(&*place.work().to_string_lossy(), "."))
}

/// The age of a recorded observation is told by the clock of the machine.
fn depends_on_the_clock(line: &str) -> bool {
    line.starts_with("Warning: the observation of") || line.contains("observations are older than")
}

/// Replaces the hex digits of plan ids, also where they stand in digests.
fn without_ids(text: &str) -> String {
    let mut out = text.to_owned();
    for line in text.lines() {
        let digits = line
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
            .filter_map(|word| word.rsplit_once('-'))
            .map(|(_, digits)| digits);
        for id in digits.filter(|digits| is_id(digits)) {
            out = out.replace(id, "<digits>");
        }
    }
    out
}

fn is_id(text: &str) -> bool {
    let hex = text
        .chars()
        .all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c));
    text.len() == ID_DIGITS && hex && text.contains(|c: char| c.is_ascii_digit())
}

fn first_difference(committed: &str, said: &str) -> String {
    let pairs = committed.lines().zip(said.lines());
    match pairs
        .clone()
        .enumerate()
        .find(|(_, (one, other))| one != other)
    {
        Some((index, (one, other))) => {
            format!(
                "line {}:\n  committed: {one}\n  said:      {other}",
                index + 1
            )
        }
        None => format!(
            "{} lines are committed, {} are said",
            committed.lines().count(),
            said.lines().count()
        ),
    }
}
