//! Drift for people against committed text.

use super::super::style::Look;
use super::super::tests::{check, check_all, time};
use super::{drift_files_page, drift_line, drift_markdown, drift_message, drift_page, drift_table};
use crate::drift::wire::{
    DRIFT_FORMAT, DriftClass, DriftItem, DriftReport, DriftSet, DriftSummary, DriftedCluster,
    GitChange, LapsedRule, OpenKind, OpenWork, REPORT_KIND, SET_KIND, Standing, ToldBy,
};
use crate::model::{KubeMinor, Timestamp};
use crate::plan::wire::{ClusterError, DifferenceClass, Waived};
use std::collections::BTreeSet;

fn change(digit: &str, author: &str) -> GitChange {
    GitChange {
        commit: digit.repeat(40),
        author: author.to_owned(),
        at: time(-60_000),
    }
}

fn item(class: DriftClass, subject: &str, field: &str) -> DriftItem {
    DriftItem {
        fingerprint: format!("{subject}.{field}"),
        subject: subject.to_owned(),
        field: field.to_owned(),
        class,
        takes: DifferenceClass::Scale,
        git: Some("5".to_owned()),
        live: Some("9".to_owned()),
        first_seen: time(-3_000),
        change: None,
        uncommitted: false,
        asked_in: None,
        last_author: Some(change("a", "Ann Example")),
        ignored: None,
        why: None,
        prune: false,
        unread: false,
    }
}

fn report(cluster: &str, items: Vec<DriftItem>) -> DriftReport {
    DriftReport {
        format_version: DRIFT_FORMAT,
        kind: REPORT_KIND.to_owned(),
        cluster: cluster.to_owned(),
        config: format!("clusters/{cluster}.jsonnet"),
        owner: None,
        read: "complete".to_owned(),
        standing: Standing::default(),
        items,
        open: vec![],
        lapsed: vec![],
        unread: vec![],
    }
}

fn day(text: &str) -> Timestamp {
    text.parse().expect("a day")
}

/// A cluster with one of everything.
#[expect(clippy::too_many_lines, reason = "one of everything")]
fn busy() -> DriftedCluster {
    let both = DriftItem {
        takes: DifferenceClass::Replace,
        git: Some("m7i.large".to_owned()),
        live: Some("m5.large".to_owned()),
        change: Some(change("b", "Bob | <b>Example</b>")),
        last_author: Some(change("b", "Bob | <b>Example</b>")),
        ..item(DriftClass::Both, "nodegroup core-b", "instanceType")
    };
    let extra = DriftItem {
        takes: DifferenceClass::Undeclared,
        git: None,
        live: Some("live".to_owned()),
        prune: true,
        ..item(DriftClass::Drift, "nodegroup by-hand", "")
    };
    let waits = DriftItem {
        takes: DifferenceClass::Upgrade,
        git: Some("1.34".to_owned()),
        live: Some("1.33".to_owned()),
        change: Some(change("c", "Cleo")),
        last_author: Some(change("c", "Cleo")),
        ..item(DriftClass::Unapplied, "cluster", "version")
    };
    let in_work_tree = DriftItem {
        uncommitted: true,
        ..item(DriftClass::Unapplied, "nodegroup nb-a", "maxSize")
    };
    let ignored = DriftItem {
        ignored: Some(Waived {
            owner: "network".to_owned(),
            reason: "moves next week".to_owned(),
            expires: day("2026-12-31"),
        }),
        ..item(DriftClass::Ignored, "nodegroup nb-a", "tags.cost")
    };
    let unknown = DriftItem {
        why: Some("this clone is shallow: its history ends too early".to_owned()),
        ..item(DriftClass::Unclassified, "nodegroup nb-a", "minSize")
    };
    let known = item(DriftClass::Drift, "nodegroup core-b", "maxSize");
    let new = ["nodegroup core-b.instanceType", "nodegroup by-hand."];
    let mut own = report(
        "hub",
        vec![waits, extra, both, known, in_work_tree, unknown, ignored],
    );
    own.owner = Some("platform".to_owned());
    own.read = "partly".to_owned();
    own.standing = Standing {
        version: Some(KubeMinor::of(33)),
        standard_until: Some(day("2026-07-29")),
        extended_until: Some(day("2027-07-29")),
        extended_dollars_a_month: Some(438),
        rollback_until: Some(time(4_000)),
    };
    own.open = vec![OpenWork {
        what: OpenKind::PhaseOut,
        subject: "nodegroup nb-z".to_owned(),
        successor: Some("nb-a".to_owned()),
        since: time(-40_000),
        told_by: ToldBy::Journal,
    }];
    own.lapsed = vec![LapsedRule {
        path: "addon *.tags".to_owned(),
        cluster: "*".to_owned(),
        owner: "ops".to_owned(),
        reason: "a load test.".to_owned(),
        expires: day("2026-08-01"),
    }];
    own.unread = vec!["addon coredns version".to_owned()];
    DriftedCluster {
        report: own,
        at: time(0),
        new: new.map(str::to_owned).to_vec(),
        resolved: vec![item(DriftClass::Drift, "addon vpc-cni", "version")],
        last_unread: false,
    }
}

fn calm(name: &str) -> DriftedCluster {
    DriftedCluster {
        report: report(name, vec![]),
        at: time(0),
        new: vec![],
        resolved: vec![],
        last_unread: false,
    }
}

fn lost() -> DriftedCluster {
    let mut own = report(
        "lost",
        vec![item(DriftClass::Drift, "nodegroup a", "maxSize")],
    );
    own.read = "failed: its API gives no picture".to_owned();
    DriftedCluster {
        report: own,
        ..calm("lost")
    }
}

fn set() -> DriftSet {
    let clusters = vec![calm("alpha"), calm("beta"), busy(), lost()];
    let mut summary = DriftSummary::default();
    for cluster in &clusters {
        summary.add(&cluster.summary());
    }
    DriftSet {
        format_version: DRIFT_FORMAT,
        kind: SET_KIND.to_owned(),
        clusters,
        errors: vec![ClusterError {
            name: "lost".to_owned(),
            error: "Reading the live cluster failed: connection refused".to_owned(),
            hint: None,
            ..ClusterError::default()
        }],
        partial: None,
        summary,
        exit: 1,
    }
}

#[test]
fn the_table_looks_as_committed() {
    let look = Look {
        width: 100,
        color: false,
        unicode: true,
    };
    check(
        "drift_100",
        include_str!("../snapshots/drift_100.txt"),
        &drift_table(&set(), &look),
    );
}

#[test]
fn what_goes_to_git_looks_as_committed() {
    let set = set();
    let reports: Vec<&DriftReport> = set.clusters.iter().map(|one| &one.report).collect();
    let (subject, body) = drift_message(&[&busy(), &lost()], &["old".to_owned()]);
    check_all(&[
        (
            "drift_page",
            include_str!("../snapshots/drift_page.txt"),
            drift_page(&busy().report),
        ),
        (
            "drift_files",
            include_str!("../snapshots/drift_files.txt"),
            format!(
                "{}\n{subject}\n\n{body}\n",
                drift_files_page(&reports, &BTreeSet::new())
            ),
        ),
        (
            "drift_json",
            include_str!("../snapshots/drift_json.txt"),
            busy().report.to_json(),
        ),
    ]);
}

#[test]
fn a_comment_has_no_line_that_names_could_break() {
    let text = drift_markdown(&set());
    assert!(text.starts_with(&drift_line(&set().summary)), "{text}");
    assert!(!text.contains("<b>"), "{text}");
    assert!(
        text.contains("Resolved: `addon vpc-cni version`."),
        "{text}"
    );
}

#[test]
fn the_totals_say_what_counts() {
    let line = |change: fn(&mut DriftSummary)| {
        let mut summary = DriftSummary::default();
        change(&mut summary);
        drift_line(&summary)
    };
    assert_eq!(line(|_| {}), "No drift.");
    assert_eq!(
        line(|s| (s.new, s.known, s.resolved) = (2, 3, 1)),
        "Drift: 2 new, 3 known, 1 resolved, 0 unapplied, 0 ignored, 0 unread."
    );
    assert_eq!(
        line(|s| (s.unclassified, s.known, s.lapsed) = (1, 1, 1)),
        "Drift: 0 new, 1 known, 0 resolved, 0 unapplied, 0 ignored, 0 unread. 1 unclassified. 1 ignore rule expired."
    );
}

#[test]
fn a_fleet_in_which_nothing_differs_is_one_line() {
    let set = DriftSet {
        clusters: vec![calm("alpha"), calm("beta")],
        errors: vec![],
        summary: DriftSummary::default(),
        ..set()
    };
    assert_eq!(drift_table(&set, &Look::plain(80)), "No drift.\n");
}

#[test]
fn who_cannot_be_counted_is_not_counted_as_nothing() {
    let unusable: BTreeSet<String> = ["broken".to_owned()].into();
    let own = report("core-a", vec![]);
    let page = drift_files_page(&[&own], &unusable);
    assert!(
        page.contains(
            "| [broken](broken.md) | ? | ? | ? | ? | ? | ? | ? | report cannot be read |"
        ),
        "{page}"
    );
    assert!(
        page.contains("on 1 cluster; 0 not read.\n\nNot counted: 1 cluster whose report cannot"),
        "{page}"
    );
}

#[test]
fn drift_that_git_once_asked_for_is_told_so() {
    let asked = |class| DriftItem {
        asked_in: Some(change("d", "Dan")),
        change: (class == DriftClass::Both).then(|| change("b", "Bob")),
        ..item(class, "nodegroup core-b", "maxSize")
    };
    for (class, end) in [
        (DriftClass::Drift, "is otherwise."),
        (
            DriftClass::Both,
            "is otherwise; git changed it too, in bbbbbbbbbb by Bob",
        ),
    ] {
        let page = drift_page(&report("hub", vec![asked(class)]));
        assert!(
            page.contains("it is as git asked in dddddddddd by Dan"),
            "{page}"
        );
        assert!(
            page.contains(end) && !page.contains("o config in git agrees"),
            "{page}"
        );
    }
}
