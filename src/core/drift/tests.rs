use super::wire::{DriftClass, DriftReport, GitChange, OpenKind, ToldBy};
use super::{
    Asked, Found, Fresh, Horizon, Key, Known, ReadError, Seen, Under, Unseen, Verdict, carry,
    classify, judge, keep, read_report, seen, value_since,
};
use crate::catalog::Catalog;
use crate::diff::Differences;
use crate::model::{Observation, Timestamp};
use crate::plan::wire::{DifferenceClass, Waived};
use crate::policy::settings::Settings;
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_unix(1_787_400_000 + minutes * 60)
}

fn commit(name: &str) -> GitChange {
    GitChange {
        commit: name.repeat(40).chars().take(40).collect(),
        author: format!("Author of {name}"),
        at: at(-1000),
    }
}

fn key() -> Key {
    ("nodegroup core-a".to_owned(), "maxSize".to_owned())
}

/// What git asked for, newest first; `=` is what live has, `!` cannot be rendered, `*` is not committed.
fn states(text: &str) -> Vec<Asked> {
    let one = |(index, word): (usize, &str)| {
        let (word, change) = match word.strip_prefix('*') {
            Some(word) => (word, None),
            None => (word, Some(commit(&index.to_string()))),
        };
        let differs = match word {
            "!" => None,
            "=" => Some(BTreeMap::new()),
            value => Some(BTreeMap::from([(key(), Some(value.to_owned()))])),
        };
        Asked { change, differs }
    };
    text.split_whitespace().enumerate().map(one).collect()
}

fn said(verdict: &Verdict) -> String {
    let by = |change: &Option<GitChange>| match change {
        Some(change) => change.commit[..1].to_owned(),
        None => "work tree".to_owned(),
    };
    match verdict {
        Verdict::Drift => "drift".to_owned(),
        Verdict::Both(change) => format!("both, {}", by(change)),
        Verdict::Unapplied(change) => format!("unapplied, {}", by(change)),
        Verdict::Standing => "standing".to_owned(),
        Verdict::Unclassified(why) => format!("unclassified: {why}"),
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of sentences")]
fn who_moved_is_told_by_what_git_asked_for_earlier() {
    let shallow = || Horizon::Cut("shallow".to_owned());
    let rows = [
        (
            "git never changed it: live moved",
            "5 5 5",
            Horizon::Root,
            "drift",
        ),
        ("one commit and no more", "5", Horizon::Root, "drift"),
        (
            "git and live agreed before the newest commit",
            "6 =",
            Horizon::Root,
            "unapplied, 0",
        ),
        (
            "the commit that changed it, not a later one",
            "6 6 =",
            Horizon::Root,
            "unapplied, 1",
        ),
        (
            "it is not committed",
            "*6 =",
            Horizon::Root,
            "unapplied, work tree",
        ),
        (
            "it is not committed, and HEAD already differed",
            "*7 6 =",
            Horizon::Root,
            "unapplied, 1",
        ),
        (
            "git moved, and live was elsewhere before",
            "6 5",
            Horizon::Root,
            "both, 0",
        ),
        (
            "git moved twice: the last time counts",
            "7 6 5",
            Horizon::Root,
            "both, 0",
        ),
        (
            "git moved in the work tree, and live too",
            "*6 5 5",
            Horizon::Root,
            "both, work tree",
        ),
        ("git went there and back", "5 6 5", Horizon::Root, "both, 0"),
        (
            "what is older than what was applied is not seen",
            "5 5",
            Horizon::Base,
            "drift",
        ),
        (
            "git moved since it was applied, and live too",
            "6 5",
            Horizon::Base,
            "both, 0",
        ),
        (
            "twenty commits are enough",
            "5 5",
            Horizon::Bounded,
            "drift",
        ),
        (
            "a shallow clone hides who moved",
            "5 5",
            shallow(),
            "unclassified: shallow",
        ),
        (
            "also when git moved within it",
            "6 5",
            shallow(),
            "unclassified: shallow",
        ),
        ("but not what it shows", "6 =", shallow(), "unapplied, 0"),
        (
            "a commit that cannot be rendered says nothing",
            "6 ! =",
            Horizon::Root,
            "unapplied, 0",
        ),
        (
            "neither when it is the oldest",
            "5 !",
            Horizon::Root,
            "drift",
        ),
        ("no state at all", "", shallow(), "unclassified: shallow"),
    ];
    for (sentence, git, horizon, expected) in rows {
        let verdict = classify(&key(), &states(git), &horizon);
        assert_eq!(said(&verdict), expected, "{sentence}: {git}");
    }
}

#[test]
fn the_author_is_who_brought_the_value() {
    let rows = [
        ("the first commit", "5 5 5", Horizon::Root, Some("2")),
        ("the one that changed it", "5 5 6", Horizon::Root, Some("1")),
        (
            "one that cannot be rendered is passed over",
            "5 ! 6",
            Horizon::Root,
            Some("0"),
        ),
        (
            "before what was applied nobody looks",
            "5 5",
            Horizon::Base,
            None,
        ),
        ("too long ago", "5 5", Horizon::Bounded, None),
        (
            "in the work tree nobody committed it",
            "*6 5",
            Horizon::Root,
            None,
        ),
    ];
    for (sentence, git, horizon, expected) in rows {
        let states = states(git);
        let since = value_since(&key(), &states, &horizon).map(|c| c.commit[..1].to_owned());
        assert_eq!(since.as_deref(), expected, "{sentence}: {git}");
    }
}

fn found(live: &str) -> Found {
    Found {
        key: key(),
        subject: key().0,
        field: key().1,
        takes: DifferenceClass::Scale,
        git: Some("5".to_owned()),
        live: Some(live.to_owned()),
        ignored: None,
        prune: false,
        other_generation: false,
    }
}

#[test]
fn whoever_asks_for_the_latest_never_drifts_by_being_behind() {
    let addon = Found {
        takes: DifferenceClass::Upgrade,
        git: Some("v1.2.0 (latest)".to_owned()),
        ..found("v1.1.0")
    };
    let (verdict, _) = judge(&addon, &states("5"), &Horizon::Root);
    assert_eq!(verdict, Verdict::Standing);
    let older = Found {
        takes: DifferenceClass::Rollback,
        ..addon
    };
    let (verdict, _) = judge(&older, &states("5"), &Horizon::Root);
    assert_eq!(verdict, Verdict::Drift);
}

#[test]
fn a_version_that_live_never_reached_is_not_applied() {
    let upgrade = Found {
        takes: DifferenceClass::Upgrade,
        git: Some("5".to_owned()),
        ..found("4")
    };
    let rows = [
        (
            "git asked for it from the beginning",
            "5 5",
            Horizon::Root,
            "unapplied, 1",
        ),
        (
            "for longer than is looked at",
            "5 5",
            Horizon::Bounded,
            "standing",
        ),
        (
            "it was applied, and live went down",
            "5 5",
            Horizon::Base,
            "drift",
        ),
        (
            "git went on from another one",
            "5 6",
            Horizon::Root,
            "unapplied, 0",
        ),
        (
            "nobody knows",
            "5",
            Horizon::Cut("shallow".to_owned()),
            "unclassified: shallow",
        ),
    ];
    let generation = Found {
        takes: DifferenceClass::Replace,
        other_generation: true,
        ..upgrade.clone()
    };
    for (sentence, git, horizon, expected) in rows {
        for one in [&upgrade, &generation] {
            let (verdict, _) = judge(one, &states(git), &horizon);
            assert_eq!(said(&verdict), expected, "{sentence}");
        }
    }
}

proptest! {
    /// What the words mean, said without walking: git's values newest first, `live` among few values.
    #[test]
    fn the_class_is_as_defined(git in prop::collection::vec(0_u8..4, 1..8), live in 0_u8..4) {
        prop_assume!(git[0] != live);
        let text: Vec<String> = git
            .iter()
            .map(|value| if *value == live { "=".to_owned() } else { value.to_string() })
            .collect();
        let verdict = classify(&key(), &states(&text.join(" ")), &Horizon::Root);
        let agreed = git.iter().position(|value| *value == live);
        let moved = git.windows(2).position(|pair| pair[0] != pair[1]);
        let expected = match (agreed, moved) {
            (Some(index), _) => format!("unapplied, {}", index - 1),
            (None, Some(index)) => format!("both, {index}"),
            (None, None) => "drift".to_owned(),
        };
        prop_assert_eq!(said(&verdict), expected);
    }
}

fn known() -> Known {
    Known {
        cluster: "hub".to_owned(),
        config: "clusters/hub.jsonnet".to_owned(),
        owner: Some("platform".to_owned()),
        at: at(0),
        journal: BTreeMap::new(),
    }
}

fn fresh(minutes: i64, rows: Vec<(Found, Verdict)>) -> Fresh {
    let (found, verdicts): (Vec<Found>, Vec<_>) = rows
        .into_iter()
        .map(|(found, verdict)| (found, (verdict, None)))
        .unzip();
    Fresh {
        known: Known {
            at: at(minutes),
            ..known()
        },
        seen: Seen {
            found,
            ..Seen::default()
        },
        verdicts,
        last_author: Some(commit("c")),
        asked: BTreeMap::new(),
    }
}

#[test]
fn drift_is_new_then_known_then_resolved() {
    let first = carry(&fresh(0, vec![(found("9"), Verdict::Drift)]), None);
    assert_eq!((first.new.len(), first.resolved.len()), (1, 0));
    let second = carry(
        &fresh(60, vec![(found("9"), Verdict::Drift)]),
        Some(&first.report),
    );
    assert_eq!(second.report, first.report, "nothing grows older by itself");
    assert_eq!((second.new.len(), second.summary().known), (0, 1));
    // Another value of the same field is another drift, and the old one is not resolved by it.
    let third = carry(
        &fresh(120, vec![(found("8"), Verdict::Drift)]),
        Some(&second.report),
    );
    assert_eq!((third.new.len(), third.resolved.len()), (1, 0));
    assert_eq!(third.report.items[0].first_seen, at(120));
    // What git then asks for as well is not resolved either; it waits to be applied.
    let waits = Verdict::Unapplied(Some(commit("a")));
    let fourth = carry(&fresh(180, vec![(found("8"), waits)]), Some(&third.report));
    assert_eq!((fourth.new.len(), fourth.resolved.len()), (0, 0));
    assert_eq!(fourth.report.items[0].first_seen, at(120));
    let fifth = carry(&fresh(240, vec![]), Some(&third.report));
    assert_eq!((fifth.new.len(), fifth.resolved.len()), (0, 1));
    assert_eq!(fifth.report.items, vec![]);
}

#[test]
fn what_becomes_drift_later_is_new_then() {
    let waits = Verdict::Unapplied(Some(commit("a")));
    let before = carry(&fresh(0, vec![(found("9"), waits)]), None);
    assert_eq!(before.new, Vec::<String>::new());
    let after = carry(
        &fresh(60, vec![(found("9"), Verdict::Drift)]),
        Some(&before.report),
    );
    assert_eq!(after.new.len(), 1);
    assert_eq!(after.report.items[0].first_seen, at(0));
}

#[test]
fn what_is_ignored_is_no_drift_and_says_whose_it_is() {
    let waived = Waived {
        owner: "network".to_owned(),
        reason: "moves next week".to_owned(),
        expires: at(10_000),
    };
    let ignored = Found {
        ignored: Some(waived.clone()),
        ..found("9")
    };
    let carried = carry(&fresh(0, vec![(ignored, Verdict::Both(None))]), None);
    let item = &carried.report.items[0];
    assert_eq!(item.class, DriftClass::Ignored);
    assert_eq!(item.ignored, Some(waived));
    assert!(!item.uncommitted && item.change.is_none());
    assert_eq!(carried.summary().ignored, 1);
    assert_eq!(carried.summary().new, 0);
}

#[test]
fn a_cluster_that_cannot_be_read_keeps_what_was_known() {
    let before = carry(&fresh(0, vec![(found("9"), Verdict::Drift)]), None);
    let kept = keep(&known(), "its API gives no picture", Some(&before.report));
    assert_eq!(kept.report.items, before.report.items);
    assert_eq!(kept.report.read, "failed: its API gives no picture");
    assert_eq!((kept.new.len(), kept.resolved.len()), (0, 0));
    assert_eq!((kept.summary().known, kept.summary().unread), (1, 1));
    // And when it comes back, nothing is new.
    let back = carry(
        &fresh(60, vec![(found("9"), Verdict::Drift)]),
        Some(&kept.report),
    );
    assert_eq!(back.report, before.report);
}

#[test]
fn what_was_not_read_is_not_resolved() {
    let before = carry(&fresh(0, vec![(found("9"), Verdict::Drift)]), None);
    for unseen in [Unseen::Subjects("nodegroup "), Unseen::Field(key())] {
        let mut blind = fresh(60, vec![]);
        blind.seen.unseen = vec![unseen];
        blind.seen.unread = vec!["nodegroups".to_owned()];
        let kept = carry(&blind, Some(&before.report));
        assert!(kept.report.items[0].unread);
        assert_eq!((kept.new.len(), kept.resolved.len()), (0, 0));
        assert_eq!(kept.report.read, "partly");
    }
    let mut elsewhere = fresh(60, vec![]);
    elsewhere.seen.unseen = vec![Unseen::Subjects("addon ")];
    assert_eq!(carry(&elsewhere, Some(&before.report)).resolved.len(), 1);
}

#[test]
fn an_older_generation_is_told_by_what_holds_it() {
    let observed = |managed: bool, taints: &[&str]| -> Observation {
        serde_json::from_value(json!({
            "format_version": 1, "kind": "Observation", "cluster": {"name": "hub"},
            "nodegroups": [{"name": "nb-a", "managed": managed, "spec": {}, "spec_complete": true}],
            "nodes": [{"name": "n1", "nodegroup": "nb-a", "taints": taints}, {"name": "n2", "taints": []}],
            "addons": [],
        }))
        .expect("an observation")
    };
    let what = |observed: &Observation, outgoing: bool, half_done: bool| {
        let mut differences = Differences::default();
        let pair = || ("nb-a".to_owned(), "nb-b".to_owned());
        differences.matching.outgoing.extend(outgoing.then(pair));
        differences.matching.half_done.extend(half_done.then(pair));
        let settings = Settings::default();
        let found = seen(
            &differences,
            observed,
            &settings,
            Catalog::embedded(),
            ("hub", at(0)),
        );
        found.under_way.first().map(|under| under.what)
    };
    let tainted = observed(false, &["stairway/phase-out"]);
    let plain = observed(true, &["other"]);
    assert_eq!(what(&tainted, true, false), Some(OpenKind::PhaseOut));
    assert_eq!(what(&plain, true, false), Some(OpenKind::Swap));
    assert_eq!(what(&plain, false, true), Some(OpenKind::HalfDoneSwap));
    assert_eq!(what(&plain, false, false), None);
    // The version was not read: nothing of the cluster itself is called resolved.
    let found = seen(
        &Differences::default(),
        &plain,
        &Settings::default(),
        Catalog::embedded(),
        ("hub", at(0)),
    );
    assert_eq!(found.unread, ["control plane"]);
    assert!(found.blind && found.unseen == [Unseen::Subjects("cluster")]);
}

#[test]
fn a_phase_out_is_dated_by_the_best_witness() {
    let under = Under {
        group: "nb-a".to_owned(),
        what: OpenKind::PhaseOut,
        successor: Some("nb-b".to_owned()),
        successor_made: None,
    };
    let with = |minutes: i64, made: Option<Timestamp>, journal: Option<Timestamp>| {
        let mut one = fresh(minutes, vec![]);
        one.seen.under_way = vec![Under {
            successor_made: made,
            ..under.clone()
        }];
        one.known
            .journal
            .extend(journal.map(|at| ("nb-a".to_owned(), at)));
        one
    };
    let first = carry(&with(0, None, None), None);
    assert_eq!(first.report.open[0].since, at(0));
    let later = carry(&with(60, None, None), Some(&first.report));
    assert_eq!(later.report, first.report);
    let tagged = carry(&with(60, Some(at(-50)), None), Some(&first.report));
    assert_eq!(tagged.report.open[0].told_by, ToldBy::Successor);
    let told = carry(&with(60, Some(at(-50)), Some(at(-20))), None);
    assert_eq!(told.report.open[0].since, at(-20));
    assert_eq!(told.report.open[0].told_by, ToldBy::Journal);
}

#[test]
fn reports_are_read_back_and_others_refused() {
    let report = carry(&fresh(0, vec![(found("9"), Verdict::Drift)]), None).report;
    let json = report.to_json();
    assert_eq!(read_report(json.as_bytes(), "hub"), Ok(report));
    let kind = |error: ReadError| {
        let text = format!("{error:?}");
        text.split('(').next().unwrap_or("").to_owned()
    };
    let refused = |text: &str| match read_report(text.as_bytes(), "hub") {
        Ok(_) => "taken".to_owned(),
        Err(error) => kind(error),
    };
    for (sentence, text, expected) in [
        ("half-written", json[..json.len() / 2].to_owned(), "NoJson"),
        ("empty", String::new(), "NoJson"),
        ("a list", "[]".to_owned(), "WrongKind"),
        (
            "another kind",
            json.replace("DriftReport", "Plan"),
            "WrongKind",
        ),
        (
            "another format",
            json.replace("\"format_version\": 1", "\"format_version\": 2"),
            "Format",
        ),
        (
            "no format",
            json.replace("format_version", "version"),
            "Format",
        ),
        (
            "another cluster",
            json.replace("\"hub\"", "\"prod\""),
            "OtherCluster",
        ),
        (
            "a wrong shape",
            json.replace("\"items\": [", "\"items\": [7,"),
            "Shape",
        ),
        ("deep", "[".repeat(100_000), "NoJson"),
    ] {
        assert_eq!(refused(&text), expected, "{sentence}");
    }
    let huge = format!("{}{}", " ".repeat(super::READ_BYTES_MAX), json);
    assert_eq!(refused(&huge), "TooLarge");
    let more = json.replacen('{', "{\n  \"later\": true,", 1);
    assert!(
        read_report(more.as_bytes(), "hub").is_ok(),
        "keys of later versions"
    );
}

#[test]
fn one_changed_value_changes_the_lines_of_its_item_only() {
    let other = |live: &str| Found {
        key: ("nodegroup nb-a".to_owned(), "minSize".to_owned()),
        subject: "nodegroup nb-a".to_owned(),
        field: "minSize".to_owned(),
        ..found(live)
    };
    let rows = |live: &str| vec![(found("9"), Verdict::Drift), (other(live), Verdict::Drift)];
    let before = carry(&fresh(0, rows("1")), None).report;
    let after = carry(&fresh(60, rows("2")), Some(&before)).report;
    let changed = changed_lines(&before, &after);
    assert_eq!(
        changed
            .iter()
            .map(|line| line.trim().split(':').next().unwrap_or(""))
            .collect::<Vec<_>>(),
        ["\"fingerprint\"", "\"first_seen\"", "\"live\""]
    );
}

fn changed_lines(before: &DriftReport, after: &DriftReport) -> Vec<String> {
    let (one, other) = (before.to_json(), after.to_json());
    assert_eq!(one.lines().count(), other.lines().count());
    one.lines()
        .zip(other.lines())
        .filter(|(one, other)| one != other)
        .map(|(_, other)| other.to_owned())
        .collect()
}

#[test]
fn what_a_shallow_clone_cannot_judge_is_as_it_was_judged_before() {
    let cut = || Verdict::Unclassified("this clone is shallow".to_owned());
    for (sentence, verdict, class, by) in [
        (
            "not applied, by that commit",
            Verdict::Unapplied(Some(commit("d"))),
            DriftClass::Unapplied,
            Some(commit("d")),
        ),
        ("by hand", Verdict::Drift, DriftClass::Drift, None),
        (
            "both",
            Verdict::Both(Some(commit("d"))),
            DriftClass::Both,
            Some(commit("d")),
        ),
        (
            "what was not committed then may be by now",
            Verdict::Unapplied(None),
            DriftClass::Unclassified,
            None,
        ),
    ] {
        let before = carry(&fresh(0, vec![(found("9"), verdict)]), None).report;
        let now = carry(&fresh(60, vec![(found("9"), cut())]), Some(&before));
        let item = &now.report.items[0];
        assert_eq!((item.class, &item.change), (class, &by), "{sentence}");
        assert_eq!(
            now.new.is_empty(),
            class != DriftClass::Unclassified,
            "{sentence}"
        );
        // Another value is another difference, of which nothing is known.
        let other = carry(&fresh(60, vec![(found("8"), cut())]), Some(&before));
        assert_eq!(
            other.report.items[0].class,
            DriftClass::Unclassified,
            "{sentence}"
        );
    }
}
