//! `explain` at a terminal: every code that plans name, lists for programs, and waivers that work.

use crate::support::{DEMO_FLEET, Place, demo, read};
use serde_json::Value;
use std::collections::BTreeSet;

#[test]
fn every_code_of_the_demo_fleets_plans_has_a_page() {
    let place = demo();
    let run = place
        .run(&["plan", "--fleet", DEMO_FLEET, "--format", "json"])
        .expect(0);
    let set = run.json();
    let plans = set["clusters"].as_array().expect("plans");
    let findings = plans
        .iter()
        .flat_map(|plan| plan["findings"].as_array().expect("findings"));
    let codes: BTreeSet<&str> = findings
        .filter_map(|found| found["code"].as_str())
        .collect();
    assert!(codes.len() > 5, "{codes:?}");
    for code in codes {
        let page = place.run(&["explain", code]).expect(0).stdout;
        assert!(page.starts_with(&format!("{code}: ")), "{page}");
    }
}

#[test]
fn a_code_is_found_in_any_case_and_a_wrong_one_suggests() {
    let place = Place::new();
    let page = place.run(&["explain", "stw-r4-al2"]).expect(0).stdout;
    for words in [
        "STW-R4-AL2: ",
        "  mandatory: nothing waives it",
        "hops to 1.33 and later",
        "https://",
    ] {
        assert!(page.contains(words), "`{words}` is missing in: {page}");
    }
    place.run(&["explain", "STW-R4-AL3"]).refused(
        &[1],
        &[
            "There is no code `STW-R4-AL3`",
            "did you mean `STW-R4-AL2`?",
        ],
    );
}

#[test]
fn the_list_has_one_line_for_each_code_and_the_same_codes_in_every_format() {
    let place = Place::new();
    let table = place.run(&["explain"]).expect(0).stdout;
    let all = place.run(&["explain", "--format", "json"]).expect(0).json();
    let markdown = place
        .run(&["explain", "--format", "markdown"])
        .expect(0)
        .stdout;
    let pages = all.as_array().expect("a list");
    assert!(pages.len() > 40, "{}", pages.len());
    for page in pages {
        let code = page["code"].as_str().expect("a code");
        let lines = table
            .lines()
            .filter(|line| line.split_whitespace().next() == Some(code));
        let lines: Vec<&str> = lines.collect();
        assert_eq!(lines.len(), 1, "{code}: {lines:?}");
        assert!(
            lines[0].ends_with(page["title"].as_str().expect("a title")),
            "{}",
            lines[0]
        );
        assert!(markdown.contains(&format!("\n### {code}\n")), "{code}");
        let one = place_json(&place, code);
        assert_eq!(&one, page);
    }
}

fn place_json(place: &Place, code: &str) -> Value {
    place
        .run(&["explain", code, "--format", "json"])
        .expect(0)
        .json()
}

/// What the page shows as a waiver goes into a fleet file as it stands.
#[test]
fn the_waiver_of_a_page_is_read_by_the_fleet_file() {
    let place = demo();
    let page = place.run(&["explain", "STW-R8-PDB"]).expect(0).stdout;
    let snippet: Vec<&str> = page
        .lines()
        .skip_while(|line| line.trim() != "waivers:")
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("    "))
        .collect();
    assert_eq!(snippet.len(), 7, "{page}");
    // The page cannot know the fleet's clusters.
    let snippet: Vec<String> = snippet
        .iter()
        .map(|line| line.replace("openscapes", "lagoon"))
        .collect();
    let fleet = read(&place.work().join(DEMO_FLEET));
    assert_eq!(fleet.matches("\nwaivers:\n").count(), 1, "{fleet}");
    let with = |more: &str| {
        let waivers = format!("\n{}\n{more}", snippet.join("\n"));
        fleet.replace("\nwaivers:\n", &waivers)
    };
    place.file(DEMO_FLEET, &with(""));
    place
        .run(&["plan", "--fleet", DEMO_FLEET, "lagoon"])
        .expect(0);
    place.file(DEMO_FLEET, &with("    expired: 2026-01-01\n"));
    place
        .run(&["plan", "--fleet", DEMO_FLEET, "lagoon"])
        .refused(&[1], &["expired"]);
}

#[test]
fn a_step_has_no_other_format() {
    let step = "upgrade-control-plane/cluster@1.33";
    Place::new()
        .run(&["explain", step, "--plan", "x", "--format", "json"])
        .refused(&[crate::support::USAGE], &["is for codes"]);
}
