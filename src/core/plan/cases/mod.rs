//! For each code of a finding: facts that bring it up, and the nearest facts that do not.
//!
//! A new finding needs three things, and the tests here and in
//! `testdata/it/tidy.rs` fail while one is missing:
//!
//! 1. its page in `report/codes`,
//! 2. at least one [`Case`] in a list of this folder. Write a file `NAME.rs`
//!    with `pub(super) static CASES: &[Case] = &[…];`, name it under `mod` below
//!    and chain it in [`all`]. A case changes a healthy [`Scene`] by typed values:
//!
//!    ```ignore
//!    Case {
//!        code: "STW-R8-ADDRESSES",
//!        says: "the cluster's subnets have 4 free addresses",
//!        comes_up: |scene| scene.subnets().iter_mut().for_each(|s| s.free_addresses = Known::Value(2)),
//!        nearest_that_does_not: "they have 5 between them",
//!        stays_quiet: |scene| { … },
//!    }
//!    ```
//!
//!    `stays_quiet` starts from the same healthy scene and must touch at least
//!    one fact that `comes_up` touches: a near miss, not another story. The scene
//!    itself finds [`scene::FOUND_IN_ANY_CASE`] and nothing else; whoever adds a
//!    finding that it brings up either makes the scene healthier or adds the code there.
//! 3. every severity that its page lists is brought up by some case, and no other.
//!
//! What a subject may look like stands in [`SUBJECTS`].

mod cluster;
mod existing;
pub(crate) mod scene;

use super::wire::Finding;
use crate::report::page;
use scene::{FOUND_IN_ANY_CASE, Scene};
use serde_json::Value;
use std::collections::BTreeSet;

/// Facts that bring up a finding, and the nearest that do not.
pub(crate) struct Case {
    /// The finding.
    pub(crate) code: &'static str,
    /// The facts, as a sentence.
    pub(crate) says: &'static str,
    pub(crate) comes_up: fn(&mut Scene),
    /// What differs, as a sentence.
    pub(crate) nearest_that_does_not: &'static str,
    pub(crate) stays_quiet: fn(&mut Scene),
}

/// Every case; helpers chain their lists here.
fn all() -> impl Iterator<Item = &'static Case> {
    existing::CASES.iter().chain(cluster::CASES)
}

/// How subjects begin; the rest is a name.
const SUBJECTS: [&str; 10] = [
    "cluster",
    "nodegroup ",
    "node ",
    "addon ",
    "to ",
    "step ",
    "api ",
    "stack ",
    "waiver ",
    "ignore rule ",
];

fn of(change: fn(&mut Scene)) -> Scene {
    let mut scene = Scene::new();
    change(&mut scene);
    scene
}

fn coded<'f>(findings: &'f [Finding], code: &str) -> Vec<&'f Finding> {
    findings.iter().filter(|found| found.code == code).collect()
}

/// Returns where two documents differ, as JSON pointers.
fn touched(one: &Value, other: &Value, at: &str, places: &mut BTreeSet<String>) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let keys: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for key in keys {
                let side = |map: &serde_json::Map<String, Value>| map.get(key).cloned();
                let (one, other) = (side(one), side(other));
                let (one, other) = (one.unwrap_or_default(), other.unwrap_or_default());
                touched(&one, &other, &format!("{at}/{key}"), places);
            }
        }
        (Value::Array(one), Value::Array(other)) => {
            for index in 0..one.len().max(other.len()) {
                let side = |list: &[Value]| list.get(index).cloned().unwrap_or_default();
                touched(&side(one), &side(other), &format!("{at}/{index}"), places);
            }
        }
        _different if one != other => {
            places.insert(at.to_owned());
        }
        _same => {}
    }
}

fn touched_by(change: fn(&mut Scene)) -> BTreeSet<String> {
    let mut places = BTreeSet::new();
    let (before, after) = (Scene::new().written(), of(change).written());
    touched(&before, &after, "", &mut places);
    places
}

/// Everything that is wrong with how a finding is told.
fn faults_of(found: &Finding) -> Vec<String> {
    let Some(page) = page(&found.code) else {
        return vec!["it has no page".to_owned()];
    };
    let mut faults = Vec::new();
    let mut must = |holds: bool, fault: &str| {
        if !holds {
            faults.push(format!("{fault}: {found:?}"));
        }
    };
    must(found.message.ends_with('.'), "the message is no sentence");
    must(!found.message.contains(".."), "the message ends twice");
    must(
        page.remedy.starts_with("Nothing") || !found.remedy.is_empty(),
        "it says nothing to do",
    );
    must(
        page.source.starts_with("stairway") || !found.source.is_empty(),
        "its page has a source and it has none",
    );
    let words = format!(
        "{}{}{}{}",
        found.subject, found.message, found.remedy, found.source
    );
    must(!words.chars().any(char::is_control), "control characters");
    let known = SUBJECTS
        .iter()
        .any(|form| match found.subject.strip_prefix(form) {
            Some(rest) => rest.is_empty() != form.ends_with(' '),
            None => false,
        });
    must(known, "its subject is of no known form");
    faults
}

#[test]
fn the_scene_is_healthy_and_has_a_hop_a_swap_a_phase_out_and_a_move_in_place() {
    let planned = Scene::new().plan();
    let plan = &planned.plan;
    let codes: BTreeSet<&str> = plan.findings.iter().map(|f| f.code.as_str()).collect();
    assert_eq!(
        codes,
        BTreeSet::from(FOUND_IN_ANY_CASE),
        "{:#?}",
        plan.findings
    );
    assert!(plan.not_now.is_empty(), "{:?}", plan.not_now);
    let ids: Vec<&str> = plan.steps.iter().map(|step| step.id.as_str()).collect();
    for id in [
        "upgrade-control-plane/cluster@1.33",
        "drain-nodegroup/core-a",
        "delete-nodegroup/core-a",
        "phase-out/nb-a",
        "upgrade-nodegroup/workers@1.33",
    ] {
        assert!(
            ids.iter().any(|step| step.starts_with(id)),
            "{id}: {ids:#?}"
        );
    }
}

#[test]
fn each_finding_comes_up_where_it_should_and_not_in_the_nearest_case() {
    let mut wrong = Vec::new();
    for case in all() {
        let title = format!("{}, when {}", case.code, case.says);
        let up = of(case.comes_up).findings();
        let found = coded(&up, case.code);
        if found.is_empty() {
            wrong.push(format!("{title}: it does not come up, but {up:#?}"));
        }
        for fault in found.iter().flat_map(|found| faults_of(found)) {
            wrong.push(format!("{title}: {fault}"));
        }
        let quiet = of(case.stays_quiet).findings();
        for found in coded(&quiet, case.code) {
            let near = case.nearest_that_does_not;
            wrong.push(format!("{title}: it also comes up when {near}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_nearest_case_is_near() {
    for case in all() {
        let (up, quiet) = (touched_by(case.comes_up), touched_by(case.stays_quiet));
        let title = format!("{}, when {}", case.code, case.nearest_that_does_not);
        assert!(!quiet.is_empty(), "{title}: that is the scene as it is");
        let shared = up.is_empty() || quiet.iter().any(|place| up.contains(place));
        assert!(shared, "{title}: touches {quiet:?}, and the case {up:?}");
        for text in [case.says, case.nearest_that_does_not] {
            assert!(text.len() > 10 && !text.ends_with('.'), "{title}: `{text}`");
        }
    }
}
