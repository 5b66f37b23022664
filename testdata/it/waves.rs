//! Waves at apply: a wave waits for those before it, with the real binary on the embedded world.

use crate::support::{DEMO_FLEET, Place, Run, demo, files_below, names_in, read};
use serde_json::Value;

const WORLD: &str = "testdata/demo/worlds/demo.yaml";
const REFUSED: i32 = 5;

/// The demo fleet, whose tools answer at once and whose plans need no signatures, and its plans.
fn scene() -> Place {
    let place = demo();
    let world = read(&place.work().join(WORLD)).replacen("pace: 20", "pace: 0", 1);
    place.file(WORLD, &world);
    let fleet = read(&place.work().join(DEMO_FLEET));
    let free = fleet.replacen("approvals: {required: 1", "approvals: {required: 0", 1);
    assert_ne!(free, fleet);
    place.file(DEMO_FLEET, &free);
    place
        .run(&["plan", "--fleet", DEMO_FLEET, "--out", "plans"])
        .expect(0);
    place
}

fn id(place: &Place, cluster: &str) -> String {
    let names = names_in(&place.work().join("plans"));
    let start = format!("{cluster}-");
    names
        .into_iter()
        .find(|name| name.starts_with(&start))
        .expect("a plan")
}

fn apply(place: &Place, cluster: &str, more: &[&str]) -> Run {
    let id = id(place, cluster);
    let line = ["apply", &id, "--fleet", DEMO_FLEET];
    place.run(&[&line, more].concat())
}

/// Applies for real.
fn carry_out(place: &Place, cluster: &str, more: &[&str]) -> Run {
    let id = id(place, cluster);
    let approve = format!("--approve={}", id.rsplit_once('-').expect("an id").1);
    apply(
        place,
        cluster,
        &[&[approve.as_str(), "--no-input"], more].concat(),
    )
}

#[test]
fn a_wave_waits_for_the_wave_before_it() {
    let place = scene();
    let harbor = id(&place, "harbor");
    let words = [
        "an earlier wave is not done",
        harbor.as_str(),
        "(wave `canary`: it was not applied)",
        "stairway apply harbor-",
        " --fleet testdata/demo/fleet.yaml --approve=",
        "--dangerously-skip-waves",
    ];
    carry_out(&place, "delta", &[]).refused(&[REFUSED], &words);
    // Without `--approve` it says what it would do, and that it would not be let.
    let dry = apply(&place, "delta", &[]).expect(0);
    assert!(
        dry.stdout.contains("Would apply plan delta-"),
        "{}",
        dry.stdout
    );
    for word in words.iter().chain(&["`--approve` would be refused now"]) {
        assert!(dry.stderr.contains(word), "`{word}`: {}", dry.stderr);
    }
    let journal = place
        .work()
        .join("plans")
        .join(id(&place, "delta"))
        .join("journal.ndjson");
    assert!(!journal.exists(), "something was written down");
    // `lagoon` is of the first wave too and has nothing to do: it holds nobody up.
    carry_out(&place, "harbor", &[]).expect(0);
    let run = apply(&place, "delta", &[]).expect(0);
    assert!(run.stderr.contains("Nothing was done."), "{}", run.stderr);
}

#[test]
fn waves_are_skipped_on_purpose_only_and_the_journal_tells() {
    let place = scene();
    let harbor = id(&place, "harbor");
    let run = carry_out(&place, "delta", &["--dangerously-skip-waves"]).expect(0);
    assert!(
        run.stderr.contains("earlier waves are not waited for"),
        "{}",
        run.stderr
    );
    let journal = read(
        &place
            .work()
            .join("plans")
            .join(id(&place, "delta"))
            .join("journal.ndjson"),
    );
    let first: Value =
        serde_json::from_str(journal.lines().next().expect("an event")).expect("JSON");
    let confirmed = first["confirmed"].as_str().expect("text");
    assert!(
        confirmed.ends_with(&format!("waves skipped, not done: {harbor}")),
        "{confirmed}"
    );
}

#[test]
fn a_canary_that_was_rolled_back_stops_the_rest() {
    let place = scene();
    carry_out(&place, "harbor", &[]).expect(0);
    let harbor = id(&place, "harbor");
    let line = [
        "rollback",
        &harbor,
        "--fleet",
        DEMO_FLEET,
        "--no-input",
        "--approve",
    ];
    let shown = place
        .run(&[
            "rollback", &harbor, "--fleet", DEMO_FLEET, "--format", "json",
        ])
        .expect(0);
    let digest = shown.json()["digest"].as_str().map(str::to_owned);
    let digest = digest.or_else(|| {
        shown.json()["clusters"][0]["digest"]
            .as_str()
            .map(str::to_owned)
    });
    let digest = digest.expect("a digest").replace("sha256:", "");
    let approve = format!("--approve={}", &digest[..12]);
    place
        .run(&[&line[..5], &[approve.as_str()]].concat())
        .expect(0);
    carry_out(&place, "delta", &[]).refused(
        &[REFUSED],
        &[
            "it was rolled back",
            "plan again",
            "`stairway plan --fleet testdata/demo/fleet.yaml --out plans`",
        ],
    );
}

/// Only the fleet file knows all that go before.
#[test]
fn a_set_that_is_a_part_opens_no_gate() {
    let words = [
        "an earlier wave is not done",
        "`harbor` (wave `canary`: no plan of it is here)",
        "`stairway plan --fleet testdata/demo/fleet.yaml --out plans`",
    ];
    for part in [&["delta"][..], &["--wave", "rest"]] {
        let place = scene();
        std::fs::remove_dir_all(place.work().join("plans")).expect("removed");
        let line = ["plan", "--fleet", DEMO_FLEET, "--out", "plans"];
        place.run(&[&line, part].concat()).expect(0);
        carry_out(&place, "delta", &[]).refused(&[REFUSED], &words);
        carry_out(&place, "delta", &["--dangerously-skip-waves"]).expect(0);
    }
}

#[test]
fn without_a_set_the_plans_themselves_are_evidence() {
    let place = scene();
    let set = place.work().join("plans/planset.json");
    std::fs::remove_file(set).expect("removed");
    carry_out(&place, "delta", &[]).refused(&[REFUSED], &["it was not applied"]);
    carry_out(&place, "harbor", &[]).expect(0);
    // Of `lagoon` there is a plan without steps.
    carry_out(&place, "delta", &[]).expect(0);
}

#[test]
fn a_plan_that_was_carried_elsewhere_finds_no_evidence_there() {
    let place = scene();
    let delta = id(&place, "delta");
    let from = place.work().join("plans").join(&delta);
    for file in files_below(&from) {
        place.file(&format!("away/{delta}/{file}"), &read(&from.join(&file)));
    }
    let approve = format!("--approve={}", delta.rsplit_once('-').expect("an id").1);
    let named = format!("away/{delta}");
    std::fs::remove_dir_all(place.work().join("plans")).expect("removed");
    let line = ["apply", &named, "--fleet", DEMO_FLEET, "--no-input"];
    place
        .run(&[&line[..], &[approve.as_str()]].concat())
        .refused(&[REFUSED], &["no plan of it is here", "--out away`"]);
}
