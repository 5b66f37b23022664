//! Checks for people against committed text, and what machines rely on.

use super::super::comment::Sheet;
use super::super::fixtures::{blocked, evil, four_hops, in_sync, set};
use super::super::style::Look;
use super::super::tests::check;
use super::{
    CheckReport, CheckedCluster, check_annotations, check_junit, check_markdown, check_sarif,
    check_table,
};
use crate::model::{KubeMinor, Timestamp};
use crate::plan::wire::{Applies, ClusterError, Finding, Severity, Waived};
use serde_json::Value;

pub(super) fn finding(severity: Severity, code: &str, subject: &str) -> Finding {
    Finding {
        code: code.to_owned(),
        rule: String::new(),
        severity,
        subject: subject.to_owned(),
        message: format!("{subject} is not as it should be"),
        remedy: "Mend it.".to_owned(),
        source: "a test".to_owned(),
        not_assessed: false,
        objects: Vec::new(),
        applies: None,
        waived: None,
    }
}

pub(super) fn waived(mut finding: Finding) -> Finding {
    finding.waived = Some(Waived {
        owner: "platform".to_owned(),
        reason: "the users were told".to_owned(),
        expires: day("2026-12-31"),
    });
    finding
}

fn day(text: &str) -> Timestamp {
    text.parse().expect("a day")
}

pub(super) fn cluster(name: &str, findings: Vec<Finding>) -> CheckedCluster {
    CheckedCluster {
        name: name.to_owned(),
        config: format!("clusters/{name}.jsonnet"),
        findings,
    }
}

fn error() -> ClusterError {
    ClusterError {
        name: "broken".to_owned(),
        error: "clusters/broken.jsonnet:7:13: expected `,`".to_owned(),
        hint: Some("stairway render clusters/broken.jsonnet".to_owned()),
        ..ClusterError::default()
    }
}

/// One of everything.
pub(super) fn mixed() -> CheckReport {
    let mut drain = finding(Severity::Blocking, "STW-R8-PDB", "nodegroup core-a");
    drain.objects = (0..12)
        .map(|number| format!("pod prod/hub-{number:02}"))
        .collect();
    let mut removed = finding(Severity::Warning, "STW-R8-REMOVED-API", "to 1.34");
    removed.applies = Some(Applies {
        from: Some(KubeMinor::of(34)),
        ..Applies::default()
    });
    let mut support = finding(Severity::Warning, "STW-R6-EXTENDED", "cluster");
    support.applies = Some(Applies {
        before: Some(day("2027-03-01")),
        ..Applies::default()
    });
    let unread = Finding {
        not_assessed: true,
        ..finding(Severity::Blocking, "STW-R8-INSIGHT", "cluster")
    };
    let lost = waived(finding(
        Severity::Blocking,
        "STW-R8-BARE-POD",
        "nodegroup nb-a",
    ));
    let note = finding(Severity::Note, "STW-LAG", "cluster");
    CheckReport::of(
        vec![
            cluster("quiet", vec![]),
            cluster("calm", vec![note.clone()]),
            cluster("busy", vec![lost, support, note]),
            cluster("stuck", vec![drain, removed, unread]),
        ],
        vec![error()],
        1,
    )
}

#[test]
fn the_table_looks_as_committed() {
    let look = Look {
        width: 100,
        color: false,
        unicode: true,
    };
    let table = check_table(&mixed(), Severity::Note, &look);
    check(
        "check_100",
        include_str!("../snapshots/check_100.txt"),
        &table,
    );
}

#[test]
fn the_page_looks_as_committed() {
    let page = check_markdown(&mixed(), Severity::Warning, &Sheet::comment());
    check("check_md", include_str!("../snapshots/check_md.txt"), &page);
}

#[test]
fn what_machines_read_looks_as_committed() {
    let report = mixed();
    let machines = format!("{}\n{}", check_junit(&report), check_annotations(&report));
    check(
        "check_ci",
        include_str!("../snapshots/check_ci.txt"),
        &machines,
    );
}

#[test]
fn the_totals_are_the_first_and_the_last_line() {
    let one = |severity, waive: bool| {
        let found = finding(severity, "STW-X", "cluster");
        if waive { waived(found) } else { found }
    };
    let rows = [
        (vec![], "Nothing found on 2 clusters."),
        (
            vec![one(Severity::Blocking, false), one(Severity::Note, false)],
            "Check: 1 blocking, 0 waived, 0 warnings, 1 note on 2 clusters.",
        ),
        (
            vec![one(Severity::Blocking, true), one(Severity::Warning, false)],
            "Check: 0 blocking, 1 waived, 1 warning, 0 notes on 2 clusters.",
        ),
        // Nobody can waive what is mandatory.
        (
            vec![one(Severity::Mandatory, true)],
            "Check: 1 blocking, 0 waived, 0 warnings, 0 notes on 2 clusters.",
        ),
    ];
    for (findings, line) in rows {
        let clusters = vec![cluster("a", findings), cluster("b", vec![])];
        let report = CheckReport::of(clusters, vec![], 0);
        let table = check_table(&report, Severity::Note, &Look::plain(80));
        assert_eq!(table.lines().next(), Some(line));
        assert_eq!(table.lines().last(), Some(line));
    }
    assert_eq!(
        mixed().line(),
        "Check: 2 blocking, 1 waived, 2 warnings, 2 notes on 4 clusters. 1 cluster not checked."
    );
}

#[test]
fn a_floor_hides_words_and_no_number() {
    let report = mixed();
    let table = check_table(&report, Severity::Blocking, &Look::plain(100));
    assert!(table.starts_with(&report.line()), "{table}");
    assert!(
        !table.contains("STW-LAG") && table.contains("STW-R8-PDB"),
        "{table}"
    );
    assert!(
        table.contains("4 findings below this severity not shown."),
        "{table}"
    );
}

fn sarif(report: &CheckReport) -> Value {
    serde_json::from_str(&check_sarif(report, "", "0.1.0")).expect("JSON")
}

fn prints(log: &Value) -> Vec<(String, String)> {
    let results = log["runs"][0]["results"].as_array().expect("results");
    let mut all: Vec<(String, String)> = results
        .iter()
        .map(|result| {
            let name = &result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"];
            let about = format!("{} {name}", result["ruleId"]);
            (about, result["partialFingerprints"].to_string())
        })
        .collect();
    all.sort();
    all
}

#[test]
fn fingerprints_outlive_new_words_and_another_order() {
    let first = mixed();
    let mut again = first.clone();
    again.clusters.reverse();
    for cluster in &mut again.clusters {
        cluster.findings.reverse();
        for finding in &mut cluster.findings {
            finding.message = "other words, from another day".to_owned();
            finding.objects.clear();
        }
    }
    let (one, other) = (prints(&sarif(&first)), prints(&sarif(&again)));
    assert_eq!(one, other);
    let distinct: std::collections::BTreeSet<&String> =
        one.iter().map(|(_, print)| print).collect();
    assert_eq!(
        distinct.len(),
        one.len(),
        "two findings share a fingerprint"
    );
    let mut elsewhere = first;
    elsewhere
        .clusters
        .iter_mut()
        .for_each(|cluster| cluster.name.push('x'));
    let moved = prints(&sarif(&elsewhere));
    assert!(moved.iter().all(|(_, print)| !distinct.contains(print)));
}

#[test]
fn sarif_says_level_place_rule_and_waiver() {
    let log = sarif(&mixed());
    let run = &log["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
    let results = run["results"].as_array().expect("results");
    assert_eq!(results.len(), 7);
    for result in results {
        let index =
            usize::try_from(result["ruleIndex"].as_u64().expect("an index")).expect("small");
        assert_eq!(rules[index]["id"], result["ruleId"]);
        let uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str();
        assert!(
            uri.is_some_and(|uri| uri.starts_with("clusters/")),
            "{result}"
        );
    }
    let of = |code: &str| {
        results
            .iter()
            .find(|one| one["ruleId"] == code)
            .expect("a result")
    };
    assert_eq!(of("STW-R8-PDB")["level"], "error");
    assert_eq!(of("STW-R6-EXTENDED")["level"], "warning");
    assert_eq!(of("STW-LAG")["level"], "note");
    let suppressed = &of("STW-R8-BARE-POD")["suppressions"][0];
    assert_eq!(
        suppressed["justification"],
        "waived until 2026-12-31 by platform: the users were told"
    );
    assert_eq!(of("STW-R8-PDB")["suppressions"], serde_json::json!([]));
    let notes = run["invocations"][0]["toolExecutionNotifications"].to_string();
    assert!(notes.contains("`broken` was not checked"), "{notes}");
}

#[test]
fn sarif_keeps_the_worst_of_too_many_results_and_says_so() {
    let notes = (0..25_005)
        .map(|number| finding(Severity::Note, "STW-LAG", &format!("nodegroup {number}")));
    let mut findings: Vec<Finding> = notes.collect();
    findings.push(finding(Severity::Blocking, "STW-R8-PDB", "nodegroup core"));
    let log = sarif(&CheckReport::of(vec![cluster("big", findings)], vec![], 3));
    let results = log["runs"][0]["results"].as_array().expect("results");
    assert_eq!(results.len(), 25_000);
    assert_eq!(results[0]["ruleId"], "STW-R8-PDB");
    let said = log["runs"][0]["invocations"][0]["toolExecutionNotifications"].to_string();
    assert!(said.contains("6 results left out"), "{said}");
}

#[test]
fn a_uri_holds_what_a_uri_may_hold() {
    let rows = [
        ("clusters/a b.jsonnet", "clusters/a%20b.jsonnet"),
        ("./x/ü%.yaml", "x/%C3%BC%25.yaml"),
        ("/abs/x.yaml", "abs/x.yaml"),
        ("a:b#c?d", "a%3Ab%23c%3Fd"),
    ];
    for (path, expected) in rows {
        let mut one = cluster("a", vec![finding(Severity::Note, "STW-LAG", "cluster")]);
        path.clone_into(&mut one.config);
        let log = sarif(&CheckReport::of(vec![one], vec![], 0));
        let place = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], expected);
    }
}

#[test]
fn annotations_stay_within_ten_of_a_kind() {
    let many = |severity, number: usize| -> Vec<Finding> {
        (0..number)
            .map(|at| finding(severity, "STW-X", &format!("nodegroup {at}")))
            .collect()
    };
    for (number, shown, more) in [
        (3, 3, None),
        (10, 10, None),
        (11, 10, Some("2 more")),
        (99, 10, Some("90 more")),
    ] {
        let report = CheckReport::of(
            vec![cluster("a", many(Severity::Warning, number))],
            vec![],
            0,
        );
        let text = check_annotations(&report);
        assert_eq!(
            text.lines()
                .filter(|line| line.starts_with("::warning "))
                .count(),
            shown
        );
        assert!(more.is_none_or(|more| text.contains(more)), "{text}");
    }
    let mut odd = finding(Severity::Note, "STW-X", "a,b:c");
    odd.message = "50%\nof it\r::error::forged".to_owned();
    let report = CheckReport::of(vec![cluster("a,b:c", vec![odd])], vec![], 0);
    let text = check_annotations(&report);
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(
        text.contains("file=clusters/a%2Cb%3Ac.jsonnet,") && text.contains("50%25%0Aof it%0D::"),
        "{text}"
    );
}

#[test]
fn a_page_of_findings_stays_within_its_sheet() {
    let clusters = (0..400).map(|number| {
        let mut findings = vec![finding(Severity::Warning, "STW-X", "cluster"); 5];
        if number % 3 == 0 {
            findings.push(finding(
                Severity::Blocking,
                "STW-R8-PDB",
                "nodegroup core-a",
            ));
        }
        cluster(&format!("hub-{number:03}"), findings)
    });
    let report = CheckReport::of(clusters.collect(), vec![error(); 9], 3);
    for limit in [Sheet::LEAST, 20_000, 64_000] {
        let sheet = Sheet {
            limit,
            key: String::new(),
            whole: None,
        };
        let page = check_markdown(&report, Severity::Note, &sheet);
        assert!(page.len() <= limit, "{} of {limit}", page.len());
        assert!(
            page.starts_with("<!-- stairway:check all -->\n# Check\n"),
            "{page}"
        );
        assert!(page.contains("> **Shortened to "), "{page}");
        assert_eq!(page.lines().last(), Some(report.line().as_str()));
    }
    let page = check_markdown(
        &report,
        Severity::Note,
        &Sheet {
            limit: 64_000,
            key: String::new(),
            whole: None,
        },
    );
    for number in (0..400).step_by(3) {
        assert!(
            page.contains(&format!("hub-{number:03}")),
            "blocked clusters come first"
        );
    }
}

#[test]
fn every_blocked_cluster_is_named_before_details_are_spent() {
    let long = "this takes a long sentence to say. ".repeat(12);
    let clusters = (0..250).map(|number| {
        let mut blocker = finding(Severity::Blocking, "STW-R8-PDB", "nodegroup core-a");
        blocker.message.clone_from(&long);
        let mut other = finding(Severity::Warning, "STW-X", "cluster");
        other.message.clone_from(&long);
        cluster(&format!("hub-{number:03}"), vec![blocker, other])
    });
    let report = CheckReport::of(clusters.collect(), Vec::new(), 3);
    let page = check_markdown(&report, Severity::Note, &Sheet::comment());
    assert!(page.len() <= Sheet::comment().limit);
    for number in 0..250 {
        let name = format!("hub-{number:03}");
        assert!(page.contains(&name), "{name}: {page:.2000}");
    }
    let list = page
        .find("## What blocks, on 250 clusters")
        .expect("a list");
    assert!(page.find("<details").is_none_or(|at| list < at), "{page}");
    assert!(page.contains("--json-into report.json"), "{page:.2000}");
}

/// What somebody could write into a config so that a page says something else.
const HOSTILE: &str = "a\u{1b}[2J<b>&\"'\u{202e}]]>\u{0}\u{fffe}\n::error::x";

/// Hostile names everywhere.
pub(super) fn hostile_report() -> CheckReport {
    let lost = waived(finding(Severity::Blocking, HOSTILE, HOSTILE));
    let broken = finding(Severity::Mandatory, HOSTILE, HOSTILE);
    CheckReport::of(
        vec![
            cluster(HOSTILE, vec![lost, broken]),
            CheckedCluster::of(&evil()),
        ],
        vec![ClusterError {
            name: HOSTILE.to_owned(),
            error: HOSTILE.to_owned(),
            hint: None,
            ..ClusterError::default()
        }],
        1,
    )
}

#[test]
fn hostile_names_break_no_form() {
    let report = hostile_report();
    let pages = [
        check_table(&report, Severity::Note, &Look::plain(80)),
        check_markdown(&report, Severity::Note, &Sheet::comment()),
        check_junit(&report),
        check_annotations(&report),
        check_sarif(&report, HOSTILE, "0.1.0"),
    ];
    for page in &pages {
        let steering = |sign: char| sign.is_control() && sign != '\n' || sign == '\u{202e}';
        assert!(!page.chars().any(steering), "{page}");
    }
    let [_, markdown, junit, _, _] = pages;
    assert!(
        markdown.contains("<summary><b>a\u{fffd}[2J&lt;b&gt;&amp;"),
        "{markdown}"
    );
    assert!(!junit.contains("]]>") && !junit.contains("\"'"), "{junit}");
    assert!(
        junit.matches("<testsuite ").count() == 3 && junit.contains("<skipped "),
        "{junit}"
    );
}

#[test]
fn a_report_of_plans_has_their_findings() {
    let plans = set(vec![four_hops(), blocked(), in_sync("alpha")], true);
    let report = CheckReport::of_set(&plans, 3);
    let total: usize = plans.clusters.iter().map(|plan| plan.findings.len()).sum();
    assert_eq!(
        report
            .clusters
            .iter()
            .map(|one| one.findings.len())
            .sum::<usize>(),
        total
    );
    assert_eq!(
        (report.clusters.len(), report.errors.len(), report.exit),
        (3, 1, 3)
    );
}
