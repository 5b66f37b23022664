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
//!    one fact that `comes_up` touches, or its neighbor in the same object: a near
//!    miss, not another story. The scene
//!    itself finds [`scene::FOUND_IN_ANY_CASE`] and nothing else; whoever adds a
//!    finding that it brings up either makes the scene healthier or adds the code there.
//! 3. every severity that its page lists is brought up by some case, and no other.
//!
//! What a subject may look like stands in [`SUBJECTS`].

mod admission;
mod cluster;
mod drain;
mod drain_action;
mod drain_words;
mod existing;
mod fleet;
mod groups;
mod readiness;
pub(crate) mod scene;

use super::wire::{Finding, Severity};
use crate::policy::waivers::is_never_waived;
use crate::report::{page, pages};
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
    existing::CASES
        .iter()
        .chain(groups::CASES)
        .chain(drain::CASES)
        .chain(readiness::CASES)
        .chain(cluster::CASES)
        .chain(fleet::CASES)
        .chain(admission::CASES)
}

/// How subjects begin; the rest is a name.
const SUBJECTS: [&str; 11] = [
    "cluster",
    "plan",
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

/// Below this depth a neighbor is a field of the same object: `/observed/nodes/0/zone`.
const FIELD_DEPTH: usize = 3;

/// Returns true for a place among `places`, or one beside it in the same object.
fn near(place: &str, places: &BTreeSet<String>) -> bool {
    let parent = |place: &str| {
        let (parent, _field) = place.rsplit_once('/')?;
        (place.matches('/').count() >= FIELD_DEPTH).then(|| parent.to_owned())
    };
    let inside = |inner: &str, outer: &str| {
        inner
            .strip_prefix(outer)
            .is_some_and(|rest| rest.starts_with('/'))
    };
    places.contains(place)
        || places
            .iter()
            .any(|other| inside(place, other) || inside(other, place))
        || places
            .iter()
            .any(|other| parent(place).is_some() && parent(place) == parent(other))
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
        let shared = up.is_empty() || quiet.iter().any(|place| near(place, &up));
        assert!(shared, "{title}: touches {quiet:?}, and the case {up:?}");
        for text in [case.says, case.nearest_that_does_not] {
            assert!(text.len() > 10 && !text.ends_with('.'), "{title}: `{text}`");
        }
    }
}

#[test]
fn every_page_of_a_finding_has_cases_that_bring_up_each_of_its_severities_and_no_other() {
    let mut seen: BTreeSet<(&str, Severity)> = BTreeSet::new();
    for case in all() {
        let findings = of(case.comes_up).findings();
        let found = coded(&findings, case.code);
        seen.extend(found.iter().map(|found| (case.code, found.severity)));
    }
    let findings = || pages().filter(|page| page.is_finding());
    let listed: BTreeSet<(&str, Severity)> = findings()
        .flat_map(|page| {
            page.severities
                .iter()
                .map(|severity| (page.code, *severity))
        })
        .collect();
    let unproven: Vec<_> = listed.difference(&seen).collect();
    let unlisted: Vec<_> = seen.difference(&listed).collect();
    assert!(unproven.is_empty(), "no case brings up {unproven:?}");
    assert!(unlisted.is_empty(), "no page lists {unlisted:?}");
    for page in findings() {
        assert!(page.severities.is_sorted(), "{}", page.code);
        assert!(!page.severities.is_empty(), "{}", page.code);
        let blocking = page.severities.contains(&Severity::Blocking);
        let waivable = blocking && !is_never_waived(page.code);
        assert_eq!(page.waivable, waivable, "{}", page.code);
    }
}

/// A waiver turns what blocks into a warning that names it, and moves no mandatory finding.
#[test]
fn a_waiver_lifts_what_blocks_and_nothing_that_is_mandatory() {
    for case in all() {
        let mut scene = of(case.comes_up);
        let before = scene.findings();
        let waiver = serde_json::json!({
            "code": case.code, "cluster": "quay", "reason": "seen and accepted", "owner": "ada",
            "expires": "2099-01-01",
        });
        let waiver = serde_json::from_value(waiver).expect("a waiver");
        scene.settings.waivers.push(waiver);
        let after = scene.findings();
        let with = |findings: &[Finding], severity: Severity| {
            let found = coded(findings, case.code).into_iter();
            found.filter(|found| found.severity == severity).count()
        };
        // That a waiver has ended is nothing to waive once more.
        let stays = is_never_waived(case.code);
        assert!(
            stays || with(&after, Severity::Blocking) == 0,
            "{}, when {}",
            case.code,
            case.says
        );
        let mandatory = with(&before, Severity::Mandatory);
        let title = format!("{}, when {}", case.code, case.says);
        assert!(with(&after, Severity::Mandatory) >= mandatory, "{title}");
        if with(&before, Severity::Blocking) > 0 && !stays {
            let told = coded(&after, case.code);
            let told = told
                .iter()
                .any(|found| found.message.contains("by ada: seen and accepted."));
            assert!(told, "{title}: nobody says who waived it");
        }
    }
}
