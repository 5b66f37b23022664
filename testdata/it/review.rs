//! What a reviewer gets: comments, checks, SARIF, announcements, as the real binary writes them.

use crate::support::{DEMO_FLEET, Place, demo, names_in, read, testdata};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// A comment on GitHub holds no more characters.
const COMMENT_MAX: usize = 65_536;
/// The demo's clusters on which there is something to do.
const BUSY: [&str; 7] = [
    "canyon", "delta", "glacier", "harbor", "meadow", "summit", "tundra",
];

/// Writes a fleet of `size` clusters beside the demo's: each of `of` in turn, under names of its own.
fn fleet(place: &Place, of: &[&str], size: usize) -> String {
    let mut text =
        "apiVersion: stairway/v1\nkind: Fleet\npolicy: {bake: 30m}\nclusters:\n".to_owned();
    for (number, cluster) in of.iter().cycle().take(size).enumerate() {
        let _ = writeln!(
            text,
            "  - {{name: {cluster}-{number:03}, config: clusters/{cluster}.jsonnet, live: {{recorded: recorded/{cluster}.observed.json}}}}"
        );
    }
    place.file("testdata/demo/many.yaml", &text);
    "testdata/demo/many.yaml".to_owned()
}

fn text(place: &Place, name: &str) -> String {
    read(&place.work().join(name))
}

fn json(place: &Place, name: &str) -> Value {
    serde_json::from_str(&text(place, name)).expect("JSON")
}

/// Cluster and code of everything that blocks, from the plans themselves.
fn blockers(set: &Value) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for plan in set["clusters"].as_array().expect("plans") {
        for finding in plan["findings"].as_array().expect("findings") {
            let severe = ["mandatory", "blocking"]
                .contains(&finding["severity"].as_str().expect("a severity"));
            if severe && finding["waived"].is_null() {
                let word = |value: &Value| value.as_str().expect("a word").to_owned();
                all.push((word(&plan["name"]), word(&finding["code"])));
            }
        }
    }
    all
}

#[test]
fn a_comment_on_sixty_changed_clusters_fits_and_names_every_blocker() {
    let place = demo();
    let fleet = fleet(&place, &BUSY, 60);
    place
        .run(&[
            "plan",
            "--fleet",
            &fleet,
            "--json-into",
            "set.json",
            "--comment-into",
            "comment.md",
            "--format",
            "json",
        ])
        .expect(0);
    let (set, page) = (json(&place, "set.json"), text(&place, "comment.md"));
    assert_eq!(set["clusters"].as_array().map(Vec::len), Some(60));
    assert!(page.len() <= COMMENT_MAX, "{}", page.len());
    assert!(
        page.starts_with("<!-- stairway:plan all -->\n# Plan\n\nPlan: "),
        "{page:.200}"
    );
    let start = page.find("## What blocks").expect("a list of blockers");
    let end = page
        .find("## No way back")
        .expect("a list of points of no return");
    let found = blockers(&set);
    assert!(found.len() > 60, "{}", found.len());
    for (cluster, code) in found {
        // In full a cluster's blockers stand below it, in short the clusters stand behind a code.
        let named = page[start..end]
            .split("\n* **")
            .any(|part| part.contains(&format!("`{code}`")) && part.contains(&cluster));
        assert!(named, "{code} of {cluster}: {}", &page[start..end]);
    }
    for plan in set["clusters"].as_array().expect("plans") {
        let points = plan["steps"].as_array().expect("steps").iter();
        let points = points.filter(|step| step["irreversible"] == true).count();
        let name = plan["name"].as_str().expect("a name");
        // In full with its steps, in short with how many they are: always named.
        let told = page[end..].split("\n## ").next().unwrap_or_default();
        assert!(points == 0 || told.contains(name), "{name}: {told}");
    }
    assert!(
        page.contains("> **Shortened to ") && page.contains("`stairway show set.json`"),
        "it says what was cut, and where it stands"
    );
    let shown = place
        .run(&["show", "set.json", "--format", "markdown"])
        .expect(0);
    assert_eq!(
        shown.stdout, page,
        "the page of a written set is the comment"
    );
}

#[test]
fn one_run_writes_every_file_and_nothing_else() {
    let place = demo();
    let before = names_in(&place.work());
    place.file("out/summary.md", "# Build\n\nfine");
    let run = place
        .run(&[
            "plan",
            "--fleet",
            DEMO_FLEET,
            "--json-into",
            "out/set.json",
            "--comment-into",
            "out/comment.md",
            "--comment-key",
            "demo",
            "--summary-into",
            "out/summary.md",
            "--sarif-into",
            "out/findings.sarif",
            "--junit-into",
            "out/junit.xml",
        ])
        .expect(0);
    assert!(run.stdout.starts_with("Plan: "), "{}", run.stdout);
    let mut expected = before;
    expected.push("out".to_owned());
    expected.sort();
    assert_eq!(names_in(&place.work()), expected);
    assert_eq!(
        names_in(&place.work().join("out")),
        [
            "comment.md",
            "findings.sarif",
            "junit.xml",
            "set.json",
            "summary.md"
        ]
    );
    assert!(text(&place, "out/comment.md").starts_with("<!-- stairway:plan demo all -->\n"));
    let summary = text(&place, "out/summary.md");
    assert!(
        summary.starts_with("# Build\n\nfine\n<!-- stairway:plan demo all -->\n"),
        "{summary:.200}"
    );
    assert!(
        summary.contains("The ladder as text"),
        "a summary has more room than a comment"
    );
    place.file("full.md", &"x".repeat(1 << 20));
    place
        .run(&["plan", "--fleet", DEMO_FLEET, "--summary-into", "full.md"])
        .refused(&[1], &["full.md", "bytes are in it already"]);
    assert_eq!(
        text(&place, "full.md").len(),
        1 << 20,
        "what was there is lost"
    );
}

#[test]
fn files_for_a_review_do_not_overwrite_each_other() {
    let place = demo();
    let before = names_in(&place.work());
    let rows: [(&[&str], &str); 4] = [
        (
            &["plan", "--json-into", "x", "--comment-into", "./x"],
            "`--json-into` and `--comment-into` both name the file",
        ),
        (
            &["check", "--sarif-into", "o/../x", "--junit-into", "x"],
            "`--sarif-into` and `--junit-into` both name the file",
        ),
        (
            &["plan", "--comment-into", "-"],
            "`--format markdown` prints it",
        ),
        (&["check", "--json-into", "-"], "`--format json` prints it"),
    ];
    for (words, said) in rows {
        let run = place.run(&[words, &["--fleet", DEMO_FLEET]].concat());
        assert_eq!(run.code, crate::support::USAGE, "{words:?}: {}", run.stderr);
        assert!(run.stderr.contains(said), "{words:?}: {}", run.stderr);
    }
    assert_eq!(names_in(&place.work()), before, "nothing was written");
}

#[test]
fn an_error_of_the_whole_fleet_is_told_once() {
    let place = demo();
    let fleet = fleet(&place, &["harbor"], 20);
    place.file("testdata/demo/clusters/harbor.jsonnet", "{ oops");
    let run = place
        .run(&["plan", "--fleet", &fleet, "--comment-into", "comment.md"])
        .expect(1);
    assert_eq!(run.stderr.matches("oops").count(), 1, "{}", run.stderr);
    assert!(run.stderr.contains("20 clusters ("), "{}", run.stderr);
    let page = text(&place, "comment.md");
    assert!(page.contains(" No plan for 20 clusters.\n"), "{page}");
    assert!(!page.contains("Shortened"), "{page}");
    assert_eq!(page.matches("```text").count(), 1, "{page}");
}

#[test]
fn the_exit_code_of_a_check_says_what_was_found() {
    let place = demo();
    let rows: [(&str, &[&str], i32); 4] = [
        ("nothing blocks", &["lagoon", "harbor"], 0),
        ("something blocks", &["canyon"], 3),
        ("one of several blocks", &[], 3),
        ("warnings fail nothing", &["glacier", "summit"], 0),
    ];
    for (sentence, subjects, code) in rows {
        let mut words = vec!["check", "--fleet", DEMO_FLEET];
        words.extend(subjects);
        let run = place.run(&words);
        assert_eq!(run.code, code, "{sentence}: {}", run.stdout);
        let (first, last) = (run.stdout.lines().next(), run.stdout.lines().last());
        assert_eq!(first, last, "{sentence}");
    }
    let run = place
        .run(&["check", "--fleet", DEMO_FLEET, "lagoon"])
        .expect(0);
    assert_eq!(run.stdout, "Nothing found on 1 cluster.\n");
    place.file("testdata/demo/clusters/harbor.jsonnet", "{ oops");
    let run = place.run(&["check", "--fleet", DEMO_FLEET]).expect(1);
    assert!(
        run.stdout.contains("1 cluster not checked."),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout.contains("canyon"),
        "the others are checked all the same"
    );
}

#[test]
fn a_fact_that_a_rule_needs_and_nobody_knows_is_exit_6() {
    let place = demo();
    let mut observed: Value =
        serde_json::from_str(&read(&testdata("demo/recorded/harbor.observed.json"))).expect("JSON");
    observed["nodes"] = serde_json::json!({"$unknown": "the API server did not answer"});
    place.json("blind.json", &observed);
    let run = place.run(&[
        "check",
        "testdata/demo/clusters/harbor.jsonnet",
        "--live",
        "blind.json",
        "--format",
        "json",
    ]);
    let report = run.json();
    let unread = report["clusters"][0]["findings"]
        .as_array()
        .expect("findings")
        .iter();
    assert!(
        unread.clone().any(|one| one["not_assessed"] == true),
        "{report:#}"
    );
    assert!([3, 6].contains(&run.code), "{}", run.code);
    assert_eq!(report["exit"], run.code);
    let only_unread = unread
        .filter(|one| ["mandatory", "blocking"].contains(&one["severity"].as_str().unwrap_or("")))
        .count()
        == 0;
    assert_eq!(run.code == 6, only_unread, "{report:#}");
}

#[test]
fn a_check_of_written_plans_finds_what_the_plans_say() {
    let place = demo();
    place
        .run(&["plan", "--fleet", DEMO_FLEET, "--json-into", "set.json"])
        .expect(0);
    let live = place
        .run(&["check", "--fleet", DEMO_FLEET, "--format", "json"])
        .expect(3);
    let kept = place
        .run(&["check", "--plans", "set.json", "--format", "json"])
        .expect(3);
    assert_eq!(live.stdout, kept.stdout);
    let report = live.json();
    assert_eq!(
        (&report["kind"], &report["format_version"]),
        (&"CheckReport".into(), &1.into())
    );
    let schema = place.run(&["schema", "check"]).expect(0).json();
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    assert!(
        validator.is_valid(&report),
        "{:?}",
        validator.iter_errors(&report).next()
    );
    place
        .run(&["check", "--plans", "set.json", "--fleet", DEMO_FLEET])
        .refused_usage();
}

impl crate::support::Run {
    /// Fails unless the command line was called wrong, in clap's words.
    fn refused_usage(self) {
        assert_eq!(self.code, crate::support::USAGE, "{}", self.stderr);
        assert!(
            self.stderr.contains("cannot be used with"),
            "{}",
            self.stderr
        );
    }
}

/// The published schema, formats of addresses and dates included.
fn sarif_schema() -> jsonschema::Validator {
    // As published, one pattern has a bracket that closes nothing, which no strict engine takes.
    let text = read(&testdata("schemas/sarif-schema-2.1.0.json"));
    let text = text.replace("{2}|^[a-zA-Z]{2}-[a-zA-Z]{2}]?$", "{2}(-[a-zA-Z]{2})?$");
    let schema: Value = serde_json::from_str(&text).expect("JSON");
    jsonschema::options()
        .should_validate_formats(true)
        .build(&schema)
        .expect("the published schema")
}

#[test]
fn sarif_is_what_the_published_schema_says() {
    let place = demo();
    let printed = place
        .run(&["check", "--fleet", DEMO_FLEET, "--format", "sarif"])
        .expect(3);
    place
        .run(&[
            "plan",
            "--fleet",
            DEMO_FLEET,
            "--sarif-into",
            "findings.sarif",
        ])
        .expect(0);
    let validator = sarif_schema();
    for log in [printed.json(), json(&place, "findings.sarif")] {
        let errors: Vec<String> = validator
            .iter_errors(&log)
            .map(|error| format!("{}: {error:.300}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{errors:#?}");
        let results = log["runs"][0]["results"].as_array().expect("results");
        assert!(results.len() > 20, "{}", results.len());
        let prints: BTreeSet<String> = results
            .iter()
            .map(|one| one["partialFingerprints"].to_string())
            .collect();
        assert_eq!(prints.len(), results.len());
        let uri = &results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
        let path = place.work().join(uri.as_str().expect("a uri"));
        assert!(path.is_file(), "{}", path.display());
    }
    // The schema finds what is broken; else the test above says nothing.
    let breaks: [(&str, &str, Value); 5] = [
        ("another version", "/version", "2.0".into()),
        (
            "a level of our own",
            "/runs/0/results/0/level",
            "blocking".into(),
        ),
        (
            "a message that is no object",
            "/runs/0/results/0/message",
            "text".into(),
        ),
        (
            "a line before the first",
            "/runs/0/results/0/locations/0/physicalLocation/region/startLine",
            0.into(),
        ),
        (
            "a path that is no URI",
            "/runs/0/results/0/locations/0/physicalLocation/artifactLocation/uri",
            "a b%zz".into(),
        ),
    ];
    for (sentence, pointer, value) in breaks {
        let mut log = printed.json();
        *log.pointer_mut(pointer).expect(pointer) = value;
        assert!(!validator.is_valid(&log), "{sentence}");
    }
}

#[test]
fn every_format_of_a_check_is_printed_and_fails_alike() {
    let place = demo();
    for (format, start) in [
        ("table", "Check: "),
        ("json", "{\"clusters\":["),
        ("markdown", "<!-- stairway:check all -->\n# Check\n"),
        ("sarif", "{"),
        ("junit", "<?xml "),
        (
            "github",
            "::error file=testdata/demo/clusters/canyon.jsonnet,line=1,title=STW-R4-AL2 on canyon::",
        ),
    ] {
        let run = place
            .run(&["check", "--fleet", DEMO_FLEET, "--format", format])
            .expect(3);
        assert!(
            run.stdout.starts_with(start),
            "{format}: {:.200}",
            run.stdout
        );
        assert!(
            !run.stdout.chars().any(|c| c.is_control() && c != '\n'),
            "{format}"
        );
    }
}

#[test]
fn names_in_observations_steer_no_output() {
    let place = demo();
    let hostile = "evil\u{1b}[2J\u{202e}<!-- stairway:plan all --></details>@octocat";
    let raw = read(&testdata("demo/recorded/canyon.observed.json"));
    let spelled = Value::from(hostile).to_string();
    let text = raw.replace("Cluster health issues", spelled.trim_matches('"'));
    let observed: Value = serde_json::from_str(&text).expect("JSON");
    place.json("evil.json", &observed);
    let base = [
        "testdata/demo/clusters/canyon.jsonnet",
        "--live",
        "evil.json",
    ];
    let steering = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
    let mut seen = 0;
    for format in ["table", "markdown", "sarif", "junit", "github"] {
        let words = [&["check"], &base[..], &["--format", format]].concat();
        let run = place.run(&words).expect(3);
        assert!(
            !run.stdout.chars().any(steering),
            "{format}: {}",
            run.stdout
        );
        seen += usize::from(run.stdout.contains("evil"));
    }
    assert_eq!(seen, 5, "the hostile name must be looked at");
    let words = [&["plan"], &base[..], &["--format", "markdown"]].concat();
    let page = place.run(&words).expect(0).stdout;
    assert!(
        !page.chars().any(steering) && page.contains("evil"),
        "{page}"
    );
    assert_eq!(page.matches("<!-- stairway:").count(), 1, "{page}");
}

#[test]
fn an_announcement_says_who_is_disturbed_and_when() {
    let place = demo();
    place
        .run(&["plan", "--fleet", DEMO_FLEET, "--out", "plans"])
        .expect(0);
    let plain = place.run(&["show", "summit", "--notice"]).expect(0).stdout;
    assert!(
        plain.starts_with(
            "Maintenance on summit\n\nWhat\n- The cluster moves from Kubernetes 1.30 to 1.34.\n"
        ),
        "{plain}"
    );
    assert!(
        plain.contains("\nWho is disturbed\n") && !plain.contains("UTC"),
        "{plain}"
    );
    let dated = place
        .run(&[
            "show",
            "summit",
            "--notice",
            "--start",
            "2026-12-01T10:00:00Z",
            "--format",
            "markdown",
            "--contact",
            "#platform",
        ])
        .expect(0)
        .stdout;
    assert!(
        dated.starts_with("# Maintenance on summit\n")
            && dated.contains("From 2026-12-01 10:00 UTC"),
        "{dated}"
    );
    let whole = place
        .run(&["show", "plans/planset.json", "--notice"])
        .expect(0)
        .stdout;
    assert!(whole.contains("Nothing happens on lagoon."), "{whole}");
    assert!(
        whole.contains("Work on canyon is needed and cannot begin yet"),
        "{whole}"
    );
    let calm = place.run(&["show", "harbor", "--notice"]).expect(0).stdout;
    assert!(
        calm.contains("Nobody: nothing that runs is stopped."),
        "{calm}"
    );
    for words in [
        vec!["show", "summit", "--notice", "--format", "json"],
        vec!["show", "summit", "--start", "2026-12-01"],
    ] {
        assert_eq!(place.run(&words).code, crate::support::USAGE, "{words:?}");
    }
}
