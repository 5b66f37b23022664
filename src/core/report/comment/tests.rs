//! The page never outgrows its place, and keeps what nobody may miss.

use super::super::fixtures::{blocked, evil, four_hops, in_sync, set};
use super::{Sheet, marker, planset_markdown};
use crate::plan::wire::{ClusterError, Finding, Partial, Plan, PlanSet, Severity};
use proptest::prelude::{ProptestConfig, any, prop, prop_assert, prop_assert_eq, proptest};

fn blocker(code: &str, subject: &str) -> Finding {
    Finding {
        code: code.to_owned(),
        rule: String::new(),
        severity: Severity::Blocking,
        subject: subject.to_owned(),
        message: format!(
            "{subject} cannot go on, for a reason that takes a whole sentence to say."
        ),
        remedy: format!("Mend {subject}, then plan again with what is live by then."),
        source: "a test".to_owned(),
        not_assessed: false,
        objects: Vec::new(),
        applies: None,
        waived: None,
    }
}

fn named(mut plan: Plan, name: &str) -> Plan {
    name.clone_into(&mut plan.name);
    plan
}

/// Clusters of four kinds in turn: blocked, a long way up, one change in place, nothing to do.
fn fleet(size: usize) -> Vec<Plan> {
    let one = |number: usize| {
        let name = format!("hub-{number:04}");
        match number % 4 {
            0 => {
                let mut plan = named(blocked(), &name);
                plan.findings = vec![
                    blocker(&format!("STW-TEST-{}", number % 7), "nodegroup core-a"),
                    blocker("STW-R8-PDB", &format!("nodegroup nb-{number}")),
                ];
                plan
            }
            1 => named(four_hops(), &name),
            2 => {
                let mut plan = named(four_hops(), &name);
                plan.steps.truncate(1);
                plan.not_now.clear();
                plan.findings.clear();
                plan
            }
            _ => in_sync(&name),
        }
    };
    (0..size).map(one).collect()
}

fn bodies(page: &str) -> usize {
    page.matches("\n<details><summary><b>").count()
}

#[test]
fn sixty_changed_clusters_fit_and_keep_every_blocker() {
    let set = set(
        fleet(80)
            .into_iter()
            .filter(|plan| !plan.is_empty())
            .collect(),
        true,
    );
    assert_eq!(set.clusters.len(), 60);
    let page = planset_markdown(&set, &Sheet::comment());
    assert!(page.len() <= Sheet::comment().limit, "{}", page.len());
    assert!(
        page.len() > Sheet::comment().limit * 3 / 4,
        "room is left: {}",
        page.len()
    );
    let blockers = &page[page.find("## What blocks").expect("a list")
        ..page.find("## No way back").expect("a list")];
    for plan in &set.clusters {
        for finding in plan
            .findings
            .iter()
            .filter(|one| one.severity == Severity::Blocking)
        {
            let own = blockers
                .split("\n* **")
                .find(|own| own.starts_with(&plan.name));
            assert!(
                own.is_some_and(|own| own.contains(&format!("`{}`", finding.code))),
                "{} of {}: {blockers}",
                finding.code,
                plan.name
            );
        }
        let points = plan.points_of_no_return().count();
        let after = &page[page.find("## No way back").expect("a list")..];
        assert!(points == 0 || after.contains(&plan.name), "{}", plan.name);
    }
    assert!(page.contains("> **Shortened to "), "{page}");
    assert!(
        page.contains("`stairway plan --json-into planset.json` writes everything"),
        "no file was written: {page}"
    );
    let beside = Sheet::comment().beside(Some("out/set.json".to_owned()));
    let page = planset_markdown(&set, &beside);
    assert!(page.contains("`stairway show out/set.json`"), "{page}");
}

#[test]
fn five_thousand_blocked_clusters_are_all_counted() {
    let clusters: Vec<Plan> = fleet(20_000).into_iter().step_by(4).collect();
    assert_eq!(clusters.len(), 5_000);
    let set = set(clusters, false);
    let page = planset_markdown(&set, &Sheet::comment());
    assert!(page.len() <= Sheet::comment().limit, "{}", page.len());
    assert!(page.contains("## What blocks, on 5000 clusters"), "{page}");
    for code in ["STW-R8-PDB", "STW-TEST-0", "STW-TEST-6"] {
        let line = page
            .lines()
            .find(|line| line.contains(&format!("`{code}`")))
            .expect(code);
        let total: usize = line
            .split_once("(on ")
            .and_then(|(_, rest)| rest.split(' ').next())
            .and_then(|number| number.parse().ok())
            .expect("a number of clusters");
        let more: usize = line
            .rsplit_once(" and ")
            .and_then(|(_, rest)| rest.strip_suffix(" more."))
            .map_or(0, |number| number.parse().expect("a number"));
        assert_eq!(line.matches("hub-").count() + more, total, "{line}");
        assert!(more > 0 || code != "STW-R8-PDB", "{line}");
    }
    assert!(page.contains("names in the lists of blockers"), "{page}");
}

#[test]
fn a_failure_of_the_whole_fleet_is_one_text_with_every_name() {
    let mut set = set(Vec::new(), false);
    set.errors = (0..60)
        .map(|number| ClusterError {
            name: format!("hub-{number:04}"),
            error: format!(
                "Rendering `clusters/hub-{number:04}.jsonnet` failed: {}the end",
                "a line of lib/all.libsonnet ".repeat(100)
            ),
            hint: None,
            ..ClusterError::default()
        })
        .collect();
    let page = planset_markdown(&set, &Sheet::comment());
    assert!(
        page.lines()
            .any(|line| line.starts_with("Plan: ") && line.ends_with(" No plan for 60 clusters.")),
        "{page}"
    );
    assert!(!page.contains("Shortened"), "there is room: {page}");
    assert_eq!(page.matches("the end").count(), 1, "{page}");
    for error in &set.errors {
        assert!(page.contains(&error.name), "{}: {page}", error.name);
    }
    set.clusters = fleet(8);
    let page = planset_markdown(&set, &Sheet::comment());
    let at = |words: &str| page.find(words).expect(words);
    assert!(at("## No plan for 60") < at("## What blocks"), "{page}");
}

#[test]
fn details_are_cut_before_what_blocks_is_said_in_fewer_words() {
    let clusters: Vec<Plan> = fleet(200)
        .into_iter()
        .step_by(4)
        .map(|mut plan| {
            for finding in &mut plan.findings {
                finding.message = "A long reason. ".repeat(24);
            }
            plan
        })
        .collect();
    let set = set(clusters, false);
    let page = planset_markdown(&set, &Sheet::comment());
    assert!(page.len() <= Sheet::comment().limit);
    assert_eq!(page.matches("\n    Do: Mend").count(), 100, "{page:.3000}");
    assert!(page.contains("> **Shortened to "), "{page:.3000}");
}

#[test]
fn a_cluster_without_a_row_is_not_said_to_keep_it() {
    let set = set(fleet(400), false);
    for limit in (Sheet::LEAST..100_000).step_by(7_000) {
        let page = planset_markdown(&set, &sheet(limit));
        let rows_cut =
            page.contains("> * the rows of the ") || page.contains("> * the overview of ");
        assert!(
            !(rows_cut && page.contains("which keep their rows")),
            "{limit}: {page:.3000}"
        );
    }
}

#[test]
fn what_is_least_risky_is_left_out_first() {
    let set = set(fleet(48), false);
    let details = |page: &str, kind: usize| {
        let own = (kind..48).step_by(4);
        own.filter(|number| page.contains(&format!("<summary><b>hub-{number:04}</b>")))
            .count()
    };
    // (sentence, bytes of the sheet, details of changes in place, quiet clusters named)
    let rows = [
        ("a big sheet has everything", 1 << 20, 12, true),
        (
            "a comment drops the details of changes in place",
            60_000,
            0,
            true,
        ),
        ("a small sheet keeps what blocks", 9_000, 0, false),
    ];
    for (sentence, limit, in_place, quiet) in rows {
        let page = planset_markdown(&set, &sheet(limit));
        assert_eq!(details(&page, 2), in_place, "{sentence}");
        assert_eq!(page.contains("hub-0003"), quiet, "{sentence}");
        let whole = bodies(&page) == 36 && quiet;
        assert_eq!(page.contains("> **Shortened"), !whole, "{sentence}");
    }
    for limit in (Sheet::LEAST..700_000).step_by(9_000) {
        let page = planset_markdown(&set, &sheet(limit));
        assert!(page.len() <= limit, "{limit}: {}", page.len());
        assert!(page.contains("## Nothing to do on 12 clusters"), "{limit}");
        let risky = details(&page, 0) + details(&page, 1);
        assert!(
            details(&page, 2) == 0 || risky == 24,
            "{limit}: in place before risky"
        );
        for number in (0..48).step_by(4) {
            assert!(
                page.contains(&format!("hub-{number:04}")),
                "{limit}: {number}"
            );
        }
    }
}

fn sheet(limit: usize) -> Sheet {
    Sheet {
        limit,
        key: String::new(),
        whole: None,
    }
}

#[test]
fn the_marker_is_stable_and_tells_selections_apart() {
    let mut one = set(fleet(4), false);
    let whole = marker(&one, "");
    assert_eq!(whole, "<!-- stairway:plan all -->");
    assert_eq!(
        marker(&set(fleet(8), true), ""),
        whole,
        "clusters may come and go"
    );
    let mut part = |by: &str, key: &str| {
        one.partial = Some(Partial {
            of: 9,
            by: vec![by.to_owned()],
            gone: Vec::new(),
        });
        marker(&one, key)
    };
    let first = part("--shard 1/2", "");
    assert!(first.starts_with("<!-- stairway:plan part-"), "{first}");
    assert_ne!(first, part("--shard 2/2", ""));
    assert_eq!(part("--shard 1/2", ""), first);
    let moved = part("--changed-since origin/main", "");
    assert_eq!(
        part("--changed-since 4f2c9a1", ""),
        moved,
        "a push moves the revision"
    );
    assert_ne!(moved, first);
    let keyed = part("--shard 1/2", "prod");
    assert!(
        keyed.starts_with("<!-- stairway:plan prod part-"),
        "{keyed}"
    );
    for hostile in ["a --> <b>", "x\ny", "--", &"k".repeat(500)] {
        let line = part("--shard 1/2", hostile);
        assert!(
            line.starts_with("<!-- stairway:plan key-") && line.len() < 80,
            "{line}"
        );
        assert_eq!(
            (line.matches("--").count(), line.lines().count()),
            (2, 1),
            "{line}"
        );
    }
}

#[test]
fn no_text_of_a_cluster_forges_the_marker() {
    let forged = "<!-- stairway:plan all -->";
    let mut plan = named(evil(), forged);
    plan.inputs.config = forged.to_owned();
    let mut finding = blocker(forged, forged);
    finding.message = format!("`{forged}`\n{forged}");
    finding.objects = vec![forged.to_owned()];
    plan.findings.push(finding);
    let mut set = set(vec![plan, named(in_sync("a"), forged)], false);
    set.errors.push(ClusterError {
        name: forged.to_owned(),
        error: format!("oops\n{forged}\n```\n{forged}"),
        hint: Some(format!("`{forged}`")),
        ..ClusterError::default()
    });
    set.partial = Some(Partial {
        of: 3,
        by: vec![forged.to_owned()],
        gone: Vec::new(),
    });
    for limit in [Sheet::LEAST, 1 << 20] {
        let page = planset_markdown(
            &set,
            &Sheet {
                limit,
                key: String::new(),
                whole: None,
            },
        );
        assert_eq!(page.matches("<!-- stairway:").count(), 1, "{page}");
        assert!(page.starts_with("<!-- stairway:plan part-"), "{page}");
        assert!(
            page.contains("stairway:plan all"),
            "the test must look at something"
        );
    }
}

#[test]
fn a_summary_has_what_the_step_has_left() {
    let whole = Sheet::summary(0).expect("a sheet").limit;
    assert!(whole < Sheet::SUMMARY_MAX);
    assert_eq!(
        Sheet::summary(1_000).map(|sheet| sheet.limit),
        Some(whole - 1_000)
    );
    assert_eq!(Sheet::summary(Sheet::SUMMARY_MAX), None);
    assert_eq!(Sheet::summary(whole - 100), None);
}

fn any_set() -> impl proptest::strategy::Strategy<Value = PlanSet> {
    use proptest::strategy::Strategy as _;
    let name = "[a-z@#<>`|*\u{1b}\u{202e}é→-]{0,300}";
    let findings = prop::collection::vec((name, name, any::<bool>()), 0..12);
    let cluster = (0_usize..8, name, findings);
    let errors = prop::collection::vec((name, "[a-z@#`\n]{0,3000}"), 0..8);
    let partial = prop::option::of(prop::collection::vec(name, 0..6));
    (prop::collection::vec(cluster, 0..60), errors, partial).prop_map(|(clusters, errors, by)| {
        let kinds = fleet(4);
        let plans = clusters.into_iter().map(|(kind, name, findings)| {
            let base = match kind {
                4 => evil(),
                kind => kinds[kind % kinds.len()].clone(),
            };
            let mut plan = named(base, &name);
            plan.wave = (kind == 5).then(|| name.clone());
            for (code, subject, mandatory) in findings {
                let mut finding = blocker(&code, &subject);
                if mandatory {
                    finding.severity = Severity::Mandatory;
                }
                finding.objects = vec![name.clone(); 30];
                plan.findings.push(finding);
            }
            plan
        });
        let mut set = set(plans.collect(), false);
        set.errors = errors
            .into_iter()
            .map(|(name, error)| ClusterError {
                name,
                error,
                hint: Some("`a`".to_owned()),
                ..ClusterError::default()
            })
            .collect();
        set.partial = by.map(|by| Partial {
            of: 9_999,
            by,
            gone: Vec::new(),
        });
        set
    })
}

proptest! {
    // Each case renders up to sixty clusters; more cases find nothing more in a minute.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_set_outgrows_its_sheet(set in any_set(), limit in Sheet::LEAST..90_000) {
        let sheet = Sheet { limit, key: String::new(), whole: None };
        let page = planset_markdown(&set, &sheet);
        prop_assert!(page.len() <= limit, "{} of {limit}", page.len());
        prop_assert_eq!(page.matches("<!-- stairway:").count(), 1);
        prop_assert!(!page.chars().any(|sign| sign.is_control() && sign != '\n'));
        let blocked = set.clusters.iter().filter(|plan| {
            plan.summary.blocked > 0 || plan.findings.iter().any(super::super::findings::blocks)
        });
        let blocked = blocked.count();
        let head = format!("## What blocks, on {blocked} cluster");
        prop_assert_eq!(page.contains(&head), blocked > 0);
        let points = set.clusters.iter().any(|plan| plan.points_of_no_return().next().is_some());
        prop_assert_eq!(page.contains("## No way back: "), points);
        prop_assert_eq!(page.contains("## No plan for "), !set.errors.is_empty());
    }
}
