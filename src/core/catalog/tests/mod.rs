//! Tables that quote upstream, and that the data has no doubles or holes.

mod addons;
mod fields;
mod nodes;

use super::*;
use crate::model::AddonVersion;
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeSet;

fn catalog() -> &'static Catalog {
    Catalog::embedded()
}

fn minor(text: &str) -> KubeMinor {
    text.parse().unwrap()
}

/// Reads a table of sentences and cells, one row a line, split at `|`.
fn rows<const N: usize>(table: &str) -> Vec<[&str; N]> {
    table
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            cells.try_into().unwrap_or_else(|_| panic!("{line}"))
        })
        .collect()
}

fn day(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn version(text: &str) -> AddonVersion {
    text.parse().unwrap()
}

#[test]
fn the_embedded_data_parses_and_is_dated() {
    let parsed = Catalog::parse(FILES).unwrap();
    assert_eq!(parsed.version_digest(), catalog().version_digest());
    assert_ne!(parsed.version_digest(), Digest::of(b""));
    assert!(parsed.as_of() >= day("2026-08-21"), "{}", parsed.as_of());
}

#[test]
fn a_broken_file_is_named() {
    let table = [
        ("a file that is missing", None, "support.json", "is missing"),
        ("a file that is not JSON", Some("{"), "support.json", "EOF"),
        (
            "an entry with an unknown key",
            Some(r#"{"as_of":"2026-01-01","source":"x","entries":[{"minor":"1.33","colour":1}]}"#),
            "support.json",
            "entry 0",
        ),
    ];
    for (name, text, file, why) in table {
        let files: Vec<_> = FILES
            .iter()
            .filter_map(|(known, data)| {
                if *known == file {
                    text.map(|text| (*known, text))
                } else {
                    Some((*known, *data))
                }
            })
            .collect();
        let error = Catalog::parse(&files).unwrap_err();
        assert_eq!(error.file, file, "{name}");
        assert!(error.why.contains(why), "{name}: {error}");
    }
}

#[test]
fn every_file_says_where_its_facts_come_from() {
    for (file, text) in FILES {
        let local = format!("/{}/", "work");
        assert!(!text.contains(&local), "{file} names a local source");
        assert!(!text.contains("domain/"), "{file} names a local source");
        let data: serde_json::Value = serde_json::from_str(text).unwrap();
        assert!(
            data["source"].as_str().is_some_and(|s| !s.is_empty()),
            "{file}"
        );
        let entries = data["entries"].as_array().unwrap();
        let unique: BTreeSet<String> = entries.iter().map(ToString::to_string).collect();
        assert_eq!(unique.len(), entries.len(), "{file} repeats an entry");
        for entry in entries {
            assert_ne!(entry["source"], json!(""), "{file}: {entry}");
        }
    }
}

#[test]
fn keys_of_indexed_files_are_unique() {
    let table = [
        ("support.json", catalog().support.len()),
        ("addons.json", catalog().addons.len()),
        ("known_keys.json", catalog().known.len()),
        ("field_traits.json", catalog().traits.len()),
        ("instance_types.json", catalog().instances.len()),
        ("instance_shapes.json", catalog().shapes.len()),
        ("node_labels.json", catalog().labels.len()),
        ("quotas.json", catalog().quotas.len()),
        ("durations.json", catalog().durations.len()),
    ];
    for (file, indexed) in table {
        let text = FILES.iter().find(|(name, _)| *name == file).unwrap().1;
        let data: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(data["entries"].as_array().unwrap().len(), indexed, "{file}");
    }
}

#[test]
fn support_states_follow_the_calendar_of_eks() {
    use SupportState::{Ended, Extended, NotYetOffered, Standard, Uncatalogued};
    let table = "
        1.36 came to EKS on 2026-06-02                   | 1.36 | 2026-06-01 | from 2026-06-02
        and is in standard support from its first day    | 1.36 | 2026-06-02 | standard 2027-08-02
        1.34 is in standard support until 2026-12-02     | 1.34 | 2026-12-01 | standard 2026-12-02
        1.33 went into extended support on 2026-07-29    | 1.33 | 2026-07-29 | extended 2027-07-29
        1.31 stays in extended support until 2026-11-26  | 1.31 | 2026-11-20 | extended 2026-11-26
        1.30 ended on 2026-07-23                         | 1.30 | 2026-07-23 | ended 2026-07-23
        1.20 never had extended support                  | 1.20 | 2022-11-01 | ended 2022-11-01
        1.21 had it until 2024-07-15                     | 1.21 | 2024-07-14 | extended 2024-07-15
        1.37 is not in the catalog                       | 1.37 | 2026-11-20 | unknown
        nor is 1.15                                      | 1.15 | 2026-11-20 | unknown
    ";
    for [name, at_minor, at, wanted] in rows(table) {
        let found = match catalog().support_state(minor(at_minor), day(at)) {
            NotYetOffered { from } => format!("from {}", from.day()),
            Standard { until } => format!("standard {}", until.day()),
            Extended { until } => format!("extended {}", until.day()),
            Ended { since } => format!("ended {}", since.day()),
            Uncatalogued => "unknown".to_owned(),
        };
        assert_eq!(found, wanted, "{name}");
    }
}

#[test]
fn the_calendar_has_every_minor_from_1_16_to_1_36_in_order() {
    let windows: Vec<_> = catalog().support_windows().collect();
    let minors: Vec<u16> = windows.iter().map(|w| w.minor.minor()).collect();
    assert_eq!(minors, (16..=36).collect::<Vec<_>>());
    for window in &windows {
        assert!(window.released < window.end_standard, "{}", window.minor);
        assert!(
            window
                .end_extended
                .is_none_or(|end| window.end_standard < end),
            "{}",
            window.minor
        );
    }
    assert!(windows.is_sorted_by_key(|w| w.released));
    assert!(windows.is_sorted_by_key(|w| w.end_standard));
    let newest = |at| catalog().newest_offered(day(at)).map(|m| m.to_string());
    assert_eq!(newest("2026-06-01").as_deref(), Some("1.35"));
    assert_eq!(newest("2026-11-20").as_deref(), Some("1.36"));
    assert_eq!(newest("2019-01-01"), None);
}

#[test]
fn a_cluster_hour_costs_ten_cents_and_sixty_in_extended_support() {
    let price = |m: &str, at: &str| {
        catalog().price_per_hour_cents(catalog().support_state(minor(m), day(at)))
    };
    assert_eq!(price("1.34", "2026-11-20"), Some(10));
    assert_eq!(price("1.33", "2026-11-20"), Some(60));
    assert_eq!(price("1.29", "2026-11-20"), None);
    assert_eq!(price("1.99", "2026-11-20"), None);
}

#[test]
fn removed_apis_quote_the_deprecation_guide() {
    let table = [
        (
            "the v1.25 release stopped serving CronJob of batch/v1beta1",
            "1.25",
            "batch/v1beta1",
            "CronJob",
            Some("batch/v1"),
        ),
        (
            "PodSecurityPolicy went in v1.25 without replacement",
            "1.25",
            "policy/v1beta1",
            "PodSecurityPolicy",
            None,
        ),
        (
            "Ingress of extensions/v1beta1 went in v1.22",
            "1.22",
            "extensions/v1beta1",
            "Ingress",
            Some("networking.k8s.io/v1"),
        ),
        (
            "HPA of autoscaling/v2beta2 went in v1.26",
            "1.26",
            "autoscaling/v2beta2",
            "HorizontalPodAutoscaler",
            Some("autoscaling/v2"),
        ),
        (
            "FlowSchema of v1beta3 went in v1.32",
            "1.32",
            "flowcontrol.apiserver.k8s.io/v1beta3",
            "FlowSchema",
            Some("flowcontrol.apiserver.k8s.io/v1"),
        ),
    ];
    for (name, at, group_version, kind, replacement) in table {
        let found = catalog()
            .removed_in(minor(at))
            .iter()
            .find(|api| api.group_version == group_version && api.kinds.iter().any(|k| k == kind));
        assert_eq!(
            found.map(|api| api.replacement.as_deref()),
            Some(replacement),
            "{name}"
        );
    }
    assert!(
        catalog().removed_in(minor("1.28")).is_empty(),
        "1.28 removed nothing that was served by default"
    );
    assert!(catalog().removed_apis().count() > 30);
}

#[test]
fn gotchas_have_names_of_their_own() {
    for window in catalog().support_windows() {
        let gotchas = catalog().gotchas(window.minor);
        let ids: BTreeSet<_> = gotchas.iter().map(|g| &g.id).collect();
        assert_eq!(ids.len(), gotchas.len(), "{}", window.minor);
    }
    assert!(
        catalog()
            .gotchas(minor("1.33"))
            .iter()
            .any(|g| g.id == "no-al2")
    );
}

#[test]
fn families_of_images() {
    let al2 = catalog().ami_family("AmazonLinux2").unwrap();
    assert_eq!(
        al2.last_minor,
        Some(minor("1.32")),
        "1.32 is the last minor with AL2"
    );
    assert!(al2.has_images_for(minor("1.32")) && !al2.has_images_for(minor("1.33")));
    assert_eq!(al2.bootstrap, Bootstrap::Shell);
    assert_eq!(
        catalog().default_ami_family().map(|f| f.name.as_str()),
        Some("AmazonLinux2023")
    );
    let table = [
        ("an alias", "al2023", Some(Bootstrap::NodeConfig)),
        ("another case", "BOTTLEROCKET", Some(Bootstrap::Toml)),
        ("Ubuntu", "Ubuntu2404", Some(Bootstrap::Ubuntu)),
        (
            "Windows",
            "WindowsServer2022CoreContainer",
            Some(Bootstrap::PowerShell),
        ),
        ("a family nobody knows", "Slackware", None),
    ];
    for (name, family, bootstrap) in table {
        assert_eq!(
            catalog().ami_family(family).map(|f| f.bootstrap),
            bootstrap,
            "{name}"
        );
    }
    let of_type = |t: &str| catalog().ami_family_of_type(t).map(|f| f.name.as_str());
    assert_eq!(of_type("AL2_x86_64_GPU"), Some("AmazonLinux2"));
    assert_eq!(of_type("AL2023_x86_64_STANDARD"), Some("AmazonLinux2023"));
    assert_eq!(of_type("CUSTOM"), None);
}

#[test]
fn max_pods_follow_the_list_of_aws() {
    let table = [
        ("r5.xlarge", Some(58)),
        ("r8i-flex.large", Some(29)),
        ("m5.large", Some(29)),
        ("t3.medium", Some(17)),
        ("t3.xlarge", Some(58)),
        ("t3a.small", Some(8)),
        ("m5.4xlarge", Some(234)),
        ("p2.xlarge", Some(58)),
        ("g4dn.xlarge", Some(29)),
        ("c6in.32xlarge", Some(394)),
        ("x1.16xlarge", Some(234)),
        ("r8i-flex.16xlarge", None),
        ("r5", None),
        ("", None),
    ];
    for (instance_type, wanted) in table {
        assert_eq!(catalog().max_pods(instance_type), wanted, "{instance_type}");
    }
}

#[test]
fn quotas_and_durations() {
    assert_eq!(
        catalog()
            .quota("managed-nodegroups-per-cluster")
            .map(|q| q.value),
        Some(30)
    );
    assert_eq!(
        catalog()
            .quota("nodes-per-managed-nodegroup")
            .map(|q| q.value),
        Some(450)
    );
    for operation in [
        "upgrade-control-plane",
        "rollback-control-plane",
        "update-addon",
        "create-nodegroup",
        "drain-nodegroup",
        "delete-nodegroup",
        "upgrade-nodegroup",
        "scale-nodegroup",
        "verify",
        "taint",
        "cordon",
    ] {
        let duration = catalog().duration(operation).unwrap();
        assert!(
            duration.min_seconds <= duration.typical_seconds,
            "{operation}"
        );
        assert!(
            duration.typical_seconds <= duration.max_seconds,
            "{operation}"
        );
    }
    assert_eq!(
        catalog().duration("drain-nodegroup").map(|d| d.per),
        Some(Per::Node)
    );
}

#[test]
fn eksctl_by_version() {
    let does = |id: &str, at: &str| {
        catalog()
            .eksctl_behaviour(id)
            .unwrap()
            .applies_to(at.parse().unwrap())
    };
    let table = [
        (
            "0.228 refuses a lower version",
            "lower-version-refused",
            "0.228.0",
            true,
        ),
        (
            "0.229 rolls back instead",
            "lower-version-refused",
            "0.229.0",
            false,
        ),
        (
            "0.229 rolls back",
            "control-plane-rollback",
            "0.229.0",
            true,
        ),
        (
            "0.122 ships the broken aws-node",
            "aws-node-security-context",
            "v0.122.0",
            true,
        ),
        (
            "0.230 does not",
            "aws-node-security-context",
            "0.230.0",
            false,
        ),
        (
            "existing stacks are skipped to this day",
            "existing-stack-skipped",
            "0.231.0-dev",
            true,
        ),
    ];
    for (name, id, at, wanted) in table {
        assert_eq!(does(id, at), wanted, "{name}");
    }
    let rollback = catalog().eksctl_minimum(EksctlUse::Rollback).unwrap();
    assert_eq!(rollback.version.to_string(), "0.229.0");
    let plan = catalog().eksctl_minimum(EksctlUse::Plan).unwrap();
    assert!(plan.version < rollback.version);
    for bad in ["", "0.229", "0.229.x", "0.229.0.1", "latest"] {
        assert!(bad.parse::<EksctlVersion>().is_err(), "{bad}");
    }
    let ids: BTreeSet<_> = catalog()
        .eksctl_behaviours()
        .iter()
        .map(|b| &b.id)
        .collect();
    assert_eq!(ids.len(), catalog().eksctl_behaviours().len());
}

proptest! {
    #[test]
    fn lookups_never_panic(text in ".{0,40}", number in any::<u16>(), at in any::<i64>(), managed: bool) {
        let (minor, at) = (KubeMinor::of(number), Timestamp::from_unix(at));
        let state = catalog().support_state(minor, at);
        let _ = (catalog().price_per_hour_cents(state), catalog().newest_offered(at));
        let _ = (catalog().removed_in(minor), catalog().gotchas(minor), catalog().max_pods(&text));
        let _ = (catalog().ami_family(&text), catalog().ami_family_of_type(&text));
        let _ = (catalog().field_class(&text, managed), catalog().field_is_set(&text));
        let _ = (catalog().field_is_sensitive(&text), catalog().field_holds_document(&text));
        let _ = (catalog().known_keys(&text), catalog().quota(&text), catalog().duration(&text));
        let _ = text.parse::<EksctlVersion>();
        for addon in catalog().addons() {
            let _ = catalog().addon_latest(&addon.name, minor);
            for version in catalog().addon_versions(&addon.name, minor) {
                prop_assert_eq!(
                    catalog().addon_compatible(&addon.name, version, minor),
                    Compatibility::Compatible
                );
            }
            if let Ok(version) = text.parse::<AddonVersion>() {
                let _ = catalog().addon_compatible(&addon.name, &version, minor);
            }
        }
    }

    #[test]
    fn a_path_below_a_field_has_its_class_or_a_stricter_entry(tail in "[a-z]{1,8}", managed: bool) {
        let class = catalog().field_class("kubeletExtraConfig", managed);
        prop_assert_eq!(catalog().field_class(&format!("kubeletExtraConfig.{tail}"), managed), class);
        prop_assert_eq!(catalog().field_class(&format!("minSize{tail}"), managed), FieldClass::Replace);
    }
}
