use super::files::{Before, Findings, Looked, compose};
use super::past::Base;
use super::runs::runs_of;
use stairway_core::drift::{Found, Fresh, Known, Seen, Verdict};
use stairway_core::model::Timestamp;
use stairway_core::plan::wire::DifferenceClass;
use std::collections::BTreeMap;

const CLUSTERS: usize = 1_000;

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_unix(1_787_400_000 + minutes * 60)
}

fn name(number: usize) -> String {
    format!("c{number:04}")
}

fn looked(cluster: &str, minutes: i64, live: Option<&str>) -> Looked {
    let subject = "nodegroup core-a".to_owned();
    let found: Vec<Found> = live
        .into_iter()
        .map(|live| Found {
            key: (subject.clone(), "maxSize".to_owned()),
            subject: subject.clone(),
            field: "maxSize".to_owned(),
            takes: DifferenceClass::Scale,
            git: Some("5".to_owned()),
            live: Some(live.to_owned()),
            ignored: None,
            prune: false,
            other_generation: false,
        })
        .collect();
    Looked::Fresh(Box::new(Fresh {
        known: Known {
            cluster: cluster.to_owned(),
            config: format!("clusters/{cluster}.jsonnet"),
            owner: None,
            at: at(minutes),
            journal: BTreeMap::new(),
        },
        verdicts: found.iter().map(|_| (Verdict::Drift, None)).collect(),
        seen: Seen {
            found,
            ..Seen::default()
        },
        last_author: None,
        asked: BTreeMap::new(),
    }))
}

/// A fleet in which every third cluster has drifted; `live` of number 500 is as told.
fn fleet(minutes: i64, live: Option<&str>) -> Findings {
    let one = |number: usize| match number {
        500 => looked(&name(number), minutes, live),
        _ => looked(
            &name(number),
            minutes,
            number.is_multiple_of(3).then_some("9"),
        ),
    };
    Findings {
        looked: (0..CLUSTERS).map(one).collect(),
        whole: true,
    }
}

/// Applies what is to be written, and returns file and number of each line that changed.
fn write(before: &mut Before, findings: &Findings) -> Vec<String> {
    let composed = compose(findings, before, "drift");
    let mut changed = Vec::new();
    for (file, bytes) in composed.entries {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let old = before.remove(&file).and_then(Result::ok);
        let old = old.map(|bytes| text(&bytes)).unwrap_or_default();
        let Some(bytes) = bytes else { continue };
        let new = text(&bytes);
        let kept: Vec<&str> = old.lines().collect();
        let lines = new.lines().filter(|line| !kept.contains(line));
        changed.extend(lines.map(|line| format!("{file}: {}", line.trim())));
        before.insert(file, Ok(bytes));
    }
    changed
}

#[test]
fn in_a_thousand_clusters_one_field_changes_exactly_its_lines() {
    let mut files = Before::new();
    write(&mut files, &fleet(0, Some("8")));
    assert_eq!(files.len(), 2 * CLUSTERS + 1);
    // Another day, another hour, nothing else.
    assert_eq!(
        write(&mut files, &fleet(2_000, Some("8"))),
        Vec::<String>::new()
    );
    // Another live value: what identifies it, since when, and the value, and its line on the page.
    let words = |line: &String| line.split_inclusive("\": ").next().unwrap_or("").to_owned();
    let changed = write(&mut files, &fleet(3_000, Some("7")));
    let heads: Vec<String> = changed.iter().map(words).collect();
    assert_eq!(
        heads[..3],
        [
            "c0500.json: \"fingerprint\": ",
            "c0500.json: \"first_seen\": ",
            "c0500.json: \"live\": ",
        ]
    );
    assert_eq!(changed.len(), 4, "{changed:#?}");
    assert!(changed[3].starts_with("c0500.md: - `nodegroup core-a maxSize`: git `5`, live `7`"));
    // It is gone: no line but that nothing differs, its row, and the totals.
    let changed = write(&mut files, &fleet(4_000, None));
    assert_eq!(
        changed,
        [
            "README.md: 334 drifted, 0 unapplied, 0 ignored on 1000 clusters; 0 not read.",
            "README.md: | [c0500](c0500.md) | 0 | 0 | 0 | 0 |  |  |  | complete |",
            "c0500.json: \"items\": [],",
            "c0500.md: Git and live agree.",
        ]
    );
}

#[test]
fn the_order_in_which_clusters_were_looked_at_has_no_say() {
    let mut other = fleet(0, Some("8"));
    other.looked.reverse();
    let one = compose(&fleet(0, Some("8")), &Before::new(), "drift");
    let two = compose(&other, &Before::new(), "drift");
    assert_eq!(one.entries, two.entries);
    assert_eq!(one.message(), two.message());
}

#[test]
fn a_cluster_called_readme_does_not_replace_the_page_of_the_fleet() {
    let findings = Findings {
        looked: vec![looked("readme", 0, Some("9")), looked("a", 0, None)],
        whole: true,
    };
    let mut files = Before::new();
    write(&mut files, &findings);
    let names: Vec<&String> = files.keys().collect();
    assert_eq!(
        names,
        [
            "README.md",
            "a.json",
            "a.md",
            "readme.cluster.json",
            "readme.cluster.md"
        ]
    );
    assert_eq!(write(&mut files, &findings), Vec::<String>::new());
}

#[test]
fn what_failed_before_it_had_a_name_is_found_by_its_config() {
    let mut files = Before::new();
    let whole = |looked: Vec<Looked>| Findings {
        looked,
        whole: true,
    };
    write(&mut files, &whole(vec![looked("hub", 0, Some("9"))]));
    let failed = |config: &str| {
        let known = Known {
            cluster: config.to_owned(),
            config: String::new(),
            owner: None,
            at: at(60),
            journal: BTreeMap::new(),
        };
        Looked::Failed(known, "its config cannot be read".to_owned())
    };
    let composed = compose(
        &whole(vec![failed("clusters/hub.jsonnet")]),
        &files,
        "drift",
    );
    assert_eq!(composed.gone, Vec::<String>::new());
    assert_eq!(composed.clusters[0].report.cluster, "hub");
    assert_eq!(composed.clusters[0].report.items.len(), 1);
    // Nobody knows whose config this is: then nobody is gone either.
    let composed = compose(
        &whole(vec![failed("clusters/new.jsonnet")]),
        &files,
        "drift",
    );
    assert_eq!(composed.clusters, vec![]);
    assert_eq!(composed.gone, Vec::<String>::new());
}

#[test]
fn without_plans_nothing_is_known_of_runs() {
    let folder = tempfile::tempdir().unwrap();
    for plans in [folder.path().join("none"), folder.path().to_path_buf()] {
        let runs = runs_of(&[plans], "hub");
        assert!(matches!(runs.base, Base::Unknown));
        assert!(runs.tainted.is_empty());
    }
    crate::files::write_atomic(&folder.path().join("hub-0123456789ab/plan.json"), b"{").unwrap();
    let plans = [folder.path().to_path_buf()];
    assert!(matches!(runs_of(&plans, "hub").base, Base::Unknown));
}
