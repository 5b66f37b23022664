//! The README's transcript: every command of it is run, and every line of it must be printed.

use crate::support::{Place, demo, is_set, read, testdata, top, write};
use std::process::Command;

const TRANSCRIPT: &str = "demo/transcript.txt";

/// What a maintainer types, in order.
const COMMANDS: [&str; 8] = [
    "stairway plan harbor --fleet testdata/demo/fleet.yaml --out plans",
    "stairway apply harbor --fleet testdata/demo/fleet.yaml --approve=DIGEST",
    "install -m 600 testdata/approvals/test-only-ann.key demo.key",
    "stairway approve harbor --fleet testdata/demo/fleet.yaml --key demo.key",
    "stairway apply harbor --fleet testdata/demo/fleet.yaml --approve=DIGEST",
    "stairway status harbor --fleet testdata/demo/fleet.yaml",
    "stairway rollback harbor --fleet testdata/demo/fleet.yaml --approve=DIGEST",
    "stairway plan harbor --fleet testdata/demo/fleet.yaml",
];

fn digest_of(place: &Place, cluster: &str) -> String {
    let mut names = crate::support::names_in(&place.work().join("plans")).into_iter();
    let name = names.find(|name| name.starts_with(&format!("{cluster}-")));
    let name = name.expect("a plan");
    name.rsplit('-').next().expect("a digest").to_owned()
}

/// Runs a line; what varies from run to run is replaced by a word.
fn typed(place: &Place, line: &str) -> String {
    let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    if words[0] != "stairway" {
        let status = Command::new(&words[0])
            .args(&words[1..])
            .current_dir(place.work())
            .status();
        assert!(status.expect("it runs").success(), "{line}");
        return format!("$ {line}\n");
    }
    let mut arguments: Vec<String> = words[1..].to_vec();
    if let Some(at) = arguments.iter().position(|word| word == "--approve=DIGEST") {
        let digest = match arguments[0].as_str() {
            "rollback" => {
                let mut shown: Vec<&str> = arguments.iter().map(String::as_str).collect();
                shown.remove(at);
                shown.extend(["--format", "json"]);
                let set = place.run(&shown).expect(0).json();
                set["clusters"][0]["digest"].as_str().expect("a digest")[7..19].to_owned()
            }
            _ => digest_of(place, &arguments[1]),
        };
        arguments[at] = format!("--approve={digest}");
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let run = place.run(&arguments);
    let mut text = format!("$ stairway {}\n", arguments.join(" "));
    text.push_str(&run.stdout);
    text.push_str(&run.stderr);
    text.push_str(&format!("(exit {})\n\n", run.code));
    text
}

/// Random names, times of the machine's clock, and who runs it.
fn steady(text: &str) -> String {
    text.lines()
        .map(|line| {
            // Between two looks the screen counts real seconds.
            let mut line = match line.split_once("  [") {
                Some((_, rest)) if rest.contains("] | ") => format!("TIME  [{rest}"),
                Some(_) | None => line.to_owned(),
            };
            for (mark, word) in [
                ("journal head sha256:", "…"),
                ("Head:       sha256:", "…"),
                ("@example.org until ", "…"),
            ] {
                if let Some(at) = line.find(mark) {
                    line.truncate(at + mark.len());
                    line.push_str(word);
                }
            }
            let words = line.split(' ').map(|word| {
                let bare = word.trim_end_matches(['.', ',', ':', ';']);
                let end = &word[bare.len()..];
                let run = bare.strip_prefix('r').is_some_and(|hex| {
                    hex.len() == 6 && hex.chars().all(|c| c.is_ascii_hexdigit())
                });
                let nonce = bare.len() == 32 && bare.chars().all(|c| c.is_ascii_hexdigit());
                let nonce_file = bare.starts_with("plans/") && bare.contains("/approvals/");
                let of_plan = bare.rsplit_once("-r").filter(|(_, hex)| {
                    hex.len() == 6 && hex.chars().all(|c| c.is_ascii_hexdigit())
                });
                if run {
                    format!("r000000{end}")
                } else if let Some((plan, _)) = of_plan {
                    format!("{plan}-r000000{end}")
                } else if nonce || nonce_file {
                    format!("NONCE{end}")
                } else if bare.contains('@') && bare.ends_with(&host()) {
                    format!("operator@host{end}")
                } else {
                    word.to_owned()
                }
            });
            words.collect::<Vec<_>>().join(" ")
        })
        .collect::<Vec<_>>()
        .join("\n")
        + "\n"
}

/// The plan of a way back names its run, whose name is random.
fn without_the_way_backs_digest(text: &str) -> String {
    let line = text
        .lines()
        .find(|line| line.starts_with("$ stairway rollback"));
    let digest = line
        .and_then(|line| line.rsplit_once("--approve="))
        .map(|(_, digest)| digest);
    text.replace(digest.expect("a digest"), "0123456789ab")
}

fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .unwrap_or_default()
        .trim()
        .to_owned()
}

#[test]
fn the_readme_shows_what_the_program_does() {
    let place = demo();
    place.copy("testdata/approvals");
    let text: String = COMMANDS.iter().map(|line| typed(&place, line)).collect();
    let text = steady(&without_the_way_backs_digest(&text));
    let path = testdata(TRANSCRIPT);
    if is_set("UPDATE_TRANSCRIPTS") {
        write(&path, &text);
    }
    let kept = read(&path);
    let first = text.lines().zip(kept.lines()).find(|(now, was)| now != was);
    assert_eq!(first, None, "UPDATE_TRANSCRIPTS=1 writes it anew");
    assert_eq!(text.lines().count(), kept.lines().count());

    let readme = read(&top().join("README.md"));
    let block = readme
        .split("<!-- transcript -->\n```console\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .expect("the README has a transcript");
    let mut printed = text.lines();
    for line in block
        .lines()
        .filter(|line| !line.is_empty() && *line != "…")
    {
        assert!(
            printed.any(|known| known.trim_end() == line.trim_end()),
            "the README says, and the program does not print at that place: {line}"
        );
    }
}
