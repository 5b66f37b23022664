//! The limits, each with rows that a change by one would break.

use super::addons::{Fit, Offer, kube_proxy_fits, stops};
use super::limits::{
    FREE_ADDRESSES_FOR_UPGRADE, MANAGED_NODEGROUPS_DEFAULT, ROLLBACK_MINORS, al2_is_gone,
    rollback_is_open,
};
use super::settings::{
    ActivitySelector, Roles, Settings, Waiver, glob_matches, read_duration, write_duration,
};
use super::skew::{HOP_MINORS, Skew, allowed_lag, newest_control_plane, oldest_kubelet, verdict};
use crate::model::{Known, KubeMinor, Pod, Timestamp};
use std::collections::BTreeMap;

fn minor(text: &str) -> KubeMinor {
    text.parse().expect("a minor")
}

fn instant(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

#[test]
fn a_kubelet_is_judged_as_the_kubernetes_policy_says() {
    // Kubernetes version skew policy, kubelet: "must not be newer than kube-apiserver";
    // "may be up to three minor versions older"; "kubelet < 1.25 … up to two".
    let rows = [
        ("the same minor is legal", "1.33", "1.33", true),
        ("one minor newer is never legal", "1.34", "1.33", false),
        ("one minor older is legal", "1.32", "1.33", true),
        (
            "three minors older is legal from 1.25 on",
            "1.30",
            "1.33",
            true,
        ),
        ("four minors older is too old", "1.29", "1.33", false),
        ("1.25 itself may lag three", "1.25", "1.28", true),
        ("1.25 may not lag four", "1.25", "1.29", false),
        ("1.24 may lag two", "1.24", "1.26", true),
        ("1.24 may not lag three", "1.24", "1.27", false),
    ];
    for (name, kubelet, plane, legal) in rows {
        assert_eq!(
            verdict(minor(kubelet), minor(plane)).is_legal(),
            legal,
            "{name}"
        );
    }
    assert_eq!(
        verdict(minor("1.29"), minor("1.33")),
        Skew::TooOld { lag: 4, limit: 3 }
    );
}

#[test]
fn the_lag_changes_at_1_25() {
    assert_eq!(allowed_lag(minor("1.24")), 2);
    assert_eq!(allowed_lag(minor("1.25")), 3);
    assert_eq!(newest_control_plane(minor("1.24")), minor("1.26"));
    assert_eq!(newest_control_plane(minor("1.30")), minor("1.33"));
    assert_eq!(oldest_kubelet(minor("1.33")), minor("1.30"));
    assert_eq!(oldest_kubelet(minor("1.26")), minor("1.24"));
    assert_eq!(oldest_kubelet(minor("1.27")), minor("1.25"));
}

#[test]
fn a_hop_is_one_minor_and_so_is_a_rollback() {
    // EKS API: "Unsupported Kubernetes minor version update from A to B".
    assert_eq!(HOP_MINORS, 1);
    assert_eq!(ROLLBACK_MINORS, 1);
}

#[test]
fn amazon_linux_2_ends_with_1_32() {
    // AWS EKS user guide: "1.32 is the last version for which Amazon EKS releases AL2 AMIs".
    assert!(!al2_is_gone(minor("1.31")));
    assert!(!al2_is_gone(minor("1.32")));
    assert!(al2_is_gone(minor("1.33")));
}

#[test]
fn a_rollback_is_open_for_exactly_seven_days() {
    // AWS EKS user guide, rollback-cluster: "within 7 days".
    let done = instant("2026-07-01T10:00:00Z");
    let rows = [
        ("right after", "2026-07-01T10:00:00Z", true),
        ("a second before the end", "2026-07-08T09:59:59Z", true),
        ("at the end it is closed", "2026-07-08T10:00:00Z", false),
        ("a day later it is closed", "2026-07-09T10:00:00Z", false),
    ];
    for (name, at, open) in rows {
        assert_eq!(rollback_is_open(done, instant(at)), open, "{name}");
    }
}

#[test]
fn numbers_of_eks_stand_as_documented() {
    assert_eq!(
        FREE_ADDRESSES_FOR_UPGRADE, 5,
        "update-cluster: up to five addresses"
    );
    assert_eq!(MANAGED_NODEGROUPS_DEFAULT, 30, "service quotas");
}

#[test]
fn kube_proxy_follows_the_api_server_and_never_leads() {
    let rows = [
        ("the same minor fits", "v1.33.3-eksbuild.4", "1.33", true),
        (
            "a newer one never fits",
            "v1.34.0-eksbuild.1",
            "1.33",
            false,
        ),
        ("three behind fits", "v1.30.0-eksbuild.1", "1.33", true),
        ("four behind does not", "v1.29.0-eksbuild.1", "1.33", false),
    ];
    for (name, version, plane, fits) in rows {
        let version = version.parse().expect("a version");
        assert_eq!(
            kube_proxy_fits(&version, minor(plane)) == Fit::Yes,
            fits,
            "{name}"
        );
    }
}

#[test]
fn vpc_cni_moves_one_of_its_minors_per_step() {
    let parse = |text: &str| text.parse().expect("a version");
    let offer = Offer {
        versions: [
            "v1.16.4-eksbuild.2",
            "v1.17.1-eksbuild.1",
            "v1.18.1-eksbuild.1",
            "v1.18.6-eksbuild.1",
            "v1.19.0-eksbuild.1",
        ]
        .map(parse)
        .to_vec(),
        observed: true,
    };
    let path = stops(
        "vpc-cni",
        Some(&parse("v1.16.4-eksbuild.2")),
        &parse("v1.19.0-eksbuild.1"),
        &offer,
    );
    let text: Vec<&str> = path
        .iter()
        .map(crate::model::AddonVersion::as_str)
        .collect();
    assert_eq!(
        text,
        [
            "v1.17.1-eksbuild.1",
            "v1.18.6-eksbuild.1",
            "v1.19.0-eksbuild.1"
        ]
    );
    let direct = stops(
        "coredns",
        Some(&parse("v1.9.3-eksbuild.1")),
        &parse("v1.11.1-eksbuild.1"),
        &offer,
    );
    assert_eq!(direct.len(), 1, "only vpc-cni needs stops");
}

#[test]
fn latest_and_parts_of_versions_become_exact_ones() {
    let parse = |text: &str| {
        text.parse::<crate::model::AddonVersion>()
            .expect("a version")
    };
    let offer = Offer {
        versions: vec![
            parse("v1.10.1-eksbuild.2"),
            parse("v1.11.1-eksbuild.9"),
            parse("v1.11.1-eksbuild.10"),
        ],
        observed: true,
    };
    let live = parse("v1.10.1-eksbuild.2");
    let rows = [
        (
            "latest is the highest by number, not by text",
            Some("latest"),
            Some("v1.11.1-eksbuild.10"),
        ),
        ("left out keeps what runs", None, Some("v1.10.1-eksbuild.2")),
        (
            "exact is itself",
            Some("v1.11.1-eksbuild.9"),
            Some("v1.11.1-eksbuild.9"),
        ),
        (
            "a part means the highest that contains it",
            Some("1.11"),
            Some("v1.11.1-eksbuild.10"),
        ),
        ("a part of nothing is nothing", Some("2.0"), None),
    ];
    for (name, wanted, expected) in rows {
        let got = offer.resolve(wanted, Some(&live));
        assert_eq!(
            got.as_ref().map(crate::model::AddonVersion::as_str),
            expected,
            "{name}"
        );
    }
}

#[test]
fn globs_match_whole_names() {
    let rows = [
        ("a star matches any run", "nb-*", "nb-prod-a", true),
        ("a star matches nothing too", "core*", "core", true),
        ("a glob matches the whole name", "core", "core-a", false),
        (
            "a question mark is one character",
            "core-?",
            "core-ab",
            false,
        ),
        ("stars backtrack", "*-a", "x-a-b-a", true),
    ];
    for (name, glob, text, matches) in rows {
        assert_eq!(glob_matches(glob, text), matches, "{name}");
    }
}

#[test]
fn durations_read_as_they_are_written() {
    for text in ["90s", "30m", "12h", "60d"] {
        assert_eq!(
            write_duration(read_duration(text).expect("a duration")),
            text
        );
    }
    for text in ["", "30", "m", "-1m", "1w", "99999999999d", "1.5h"] {
        assert!(read_duration(text).is_err(), "{text}");
    }
}

#[test]
fn core_groups_are_told_by_name_or_label() {
    let rule = Roles::default().core;
    let labels = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
    assert!(rule.matches("core-a", &BTreeMap::new()));
    assert!(rule.matches("system-nodes", &BTreeMap::new()));
    assert!(rule.matches("x", &labels("hub.jupyter.org/node-purpose", "core")));
    assert!(!rule.matches("nb-a", &labels("hub.jupyter.org/node-purpose", "user")));
}

#[test]
fn activity_is_a_namespace_and_all_of_its_labels() {
    let pod = Pod {
        namespace: "prod".to_owned(),
        name: "jupyter-a".to_owned(),
        node: None,
        owner: Known::Absent,
        labels: BTreeMap::from([("component".to_owned(), "singleuser-server".to_owned())]),
        cpu_millis: Known::default(),
        memory_mib: Known::default(),
        volume_zones: Known::Value(Vec::new()),
        tolerates_everything: false,
        waiting: None,
        ..Pod::default()
    };
    let selector = |namespace: &str, selector: &str| ActivitySelector {
        namespace: namespace.to_owned(),
        selector: selector.to_owned(),
    };
    assert!(Settings::default().activity.iter().all(|s| s.matches(&pod)));
    assert!(!selector("staging", "component=singleuser-server").matches(&pod));
    assert!(!selector("*", "component=singleuser-server,tier=a").matches(&pod));
    assert!(selector("pro*", "component").matches(&pod));
}

#[test]
fn a_waiver_ends_at_its_instant_and_covers_only_what_it_names() {
    let waiver = Waiver {
        code: "STW-R8-PDB".to_owned(),
        cluster: "har*".to_owned(),
        subject: "*".to_owned(),
        reason: "known".to_owned(),
        owner: "team".to_owned(),
        expires: instant("2026-08-01"),
    };
    let before = instant("2026-07-31T23:59:59Z");
    assert!(waiver.covers("STW-R8-PDB", "harbor", "nodegroup core-a", before));
    assert!(!waiver.covers(
        "STW-R8-PDB",
        "harbor",
        "nodegroup core-a",
        instant("2026-08-01")
    ));
    assert!(!waiver.covers("STW-R8-QUOTA", "harbor", "nodegroup core-a", before));
    assert!(!waiver.covers("STW-R8-PDB", "summit", "nodegroup core-a", before));
}

#[test]
fn decisions_are_judged_by_the_last_instant_at_which_one_turned() {
    let settings: Settings = serde_json::from_value(serde_json::json!({
        "waivers": [{"code": "STW-R8-PDB", "cluster": "har*", "reason": "r", "owner": "o", "expires": "2026-08-01"}],
        "ignore": [{"path": "addon *", "cluster": "*", "reason": "r", "owner": "o", "expires": "2026-09-01"}],
    }))
    .expect("settings");
    for (sentence, cluster, now, turn) in [
        ("nothing turned", "harbor", "2026-07-10", None),
        (
            "the waiver came near its end",
            "harbor",
            "2026-07-20",
            Some("2026-07-18"),
        ),
        (
            "it ended",
            "harbor",
            "2026-08-01T00:00:00Z",
            Some("2026-08-01"),
        ),
        ("it is for other clusters", "summit", "2026-08-01", None),
        (
            "the rule ended long ago",
            "summit",
            "2027-01-01",
            Some("2026-09-01"),
        ),
        ("the clock is behind", "harbor", "2026-01-01", None),
    ] {
        let turned = settings.decided_at(cluster, instant("2026-07-01"), instant(now));
        assert_eq!(turned, turn.map(instant), "{sentence}");
    }
}

#[test]
fn what_nobody_waives_is_what_the_pages_say() {
    use crate::plan::wire::Severity;
    let pages = crate::report::pages().filter(|page| page.is_finding());
    let mut mandatory: Vec<&str> = pages
        // A lapsed decision blocks an approval and covers no step: there is nothing to waive.
        .filter(|page| {
            let worst = page.severities.first();
            matches!(worst, Some(Severity::Mandatory | Severity::Blocking)) && !page.waivable
        })
        .map(|page| page.code)
        .collect();
    mandatory.sort_unstable();
    assert_eq!(mandatory, super::waivers::NEVER_WAIVED);
}
