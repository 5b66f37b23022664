//! Cases of the findings about a cluster's state, git's declarations and the owner's decisions.

use super::Case;
use super::scene::Scene;
use crate::model::{AddonVersion, HealthIssue, Known, Stack, Timestamp};
use crate::plan::MissingFile;
use crate::policy::settings::{IgnoreRule, Waiver};
use serde_json::json;

fn day(text: &str) -> Timestamp {
    text.parse().expect("a day")
}

fn version(text: &str) -> Known<AddonVersion> {
    Known::Value(text.parse().expect("a version"))
}

fn issue() -> Known<Vec<HealthIssue>> {
    Known::Value(vec![HealthIssue {
        code: "InsufficientNumberOfReplicas".to_owned(),
        message: "The add-on doesn't have the desired number of replicas.".to_owned(),
        objects: Vec::new(),
    }])
}

/// EKS saw a client ask this often for an API that 1.31 no longer serves.
fn asks_for_removed_api(scene: &mut Scene, requests: u32) {
    scene.versions("1.30", "1.31");
    let insight = json!({
        "id": "i-api", "name": "Deprecated APIs removed in Kubernetes v1.31",
        "category": "UPGRADE_READINESS", "version": "1.31", "status": "WARNING",
        "deprecations": [{
            "usage": "/apis/flowcontrol.apiserver.k8s.io/v1beta3/flowschemas",
            "replaced_with": "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas",
            "stops_in": "1.31",
            "clients": [{"user_agent": "argocd/v2.4", "requests": requests,
                         "last_request": "2025-08-30T00:00:00Z"}],
        }],
    });
    let insight = serde_json::from_value(insight).expect("an insight");
    match &mut scene.observed.insights {
        Known::Value(insights) => insights.push(insight),
        Known::Absent | Known::Unknown(_) => panic!("insights"),
    }
}

fn last_refresh(scene: &mut Scene, at: &str) {
    match &mut scene.observed.insights {
        Known::Value(insights) => insights[0].refreshed_at = Known::Value(day(at)),
        Known::Absent | Known::Unknown(_) => panic!("insights"),
    }
}

/// The group `workers` has another name in git, and is to be made.
fn calls_workers(scene: &mut Scene, name: &str) {
    scene
        .declared("workers")
        .insert("name".to_owned(), json!(name));
}

fn long_cluster(scene: &mut Scene, group: usize) {
    let name = "q".repeat(60);
    scene.config["metadata"]["name"] = json!(name);
    scene.observed.cluster.name = name;
    calls_workers(scene, &"w".repeat(group));
}

/// A group's key is in a file; live agrees.
fn names_key(scene: &mut Scene, git: &str, path: &str) {
    let ssh = json!({"publicKeyPath": path});
    scene.declared(git).insert("ssh".to_owned(), ssh.clone());
    if scene.observed.nodegroup(git).is_some() {
        scene.group(git).spec.insert("ssh".to_owned(), ssh);
    }
}

fn gone(scene: &mut Scene, index: usize) {
    scene.missing_files.push(MissingFile {
        at: format!("managedNodeGroups[{index}].ssh.publicKeyPath"),
        path: "ssh-keys/quay.key.pub".to_owned(),
        why: "no such file".to_owned(),
    });
}

fn waives(scene: &mut Scene, cluster: &str, expires: &str) {
    scene.settings.waivers.push(Waiver {
        code: "STW-R8-PDB".to_owned(),
        cluster: cluster.to_owned(),
        subject: "*".to_owned(),
        reason: "the proxy is drained by hand".to_owned(),
        owner: "platform".to_owned(),
        expires: day(expires),
    });
}

fn ignores(scene: &mut Scene, path: &str, cluster: &str, expires: &str) {
    scene.settings.ignore.push(IgnoreRule {
        path: path.to_owned(),
        cluster: cluster.to_owned(),
        reason: "tagged by hand until the audit".to_owned(),
        owner: "finance".to_owned(),
        expires: day(expires),
    });
}

fn tags(scene: &mut Scene) {
    let tags = json!({"cost-center": "4711"});
    scene.declared("workers").insert("tags".to_owned(), tags);
}

fn file_of(scene: &mut Scene, choice: &str) {
    let addon = scene.declared_addon("coredns");
    addon["configurationValues"] = json!("{\"replicaCount\": 3}");
    addon["resolveConflicts"] = json!(choice);
}

fn other_addon(scene: &mut Scene, status: &str) {
    let mut addon = scene.addon("coredns").clone();
    addon.name = "adot".to_owned();
    addon.status = Known::Value(status.to_owned());
    scene.addons().push(addon);
}

fn left_over(scene: &mut Scene, status: &str) {
    scene.stacks().push(Stack {
        name: "eksctl-quay-nodegroup-gpu-a".to_owned(),
        status: status.to_owned(),
    });
}

fn own_stack(scene: &mut Scene, status: &str) {
    scene.stacks().push(Stack {
        name: "eksctl-quay-cluster".to_owned(),
        status: status.to_owned(),
    });
}

pub(super) static CASES: &[Case] = &[
    Case {
        code: "STW-R2-KUBE-PROXY",
        says: "kube-proxy is 4 minors behind, and the plan moves it first",
        comes_up: |scene| scene.addon("kube-proxy").version = version("v1.28.3-eksbuild.2"),
        nearest_that_does_not: "it is 3 behind",
        stays_quiet: |scene| scene.addon("kube-proxy").version = version("v1.29.3-eksbuild.2"),
    },
    Case {
        code: "STW-R2-KUBE-PROXY",
        says: "kube-proxy is 4 minors behind, and EKS offers none that would do",
        comes_up: |scene| {
            scene.addon("kube-proxy").version = version("v1.28.3-eksbuild.2");
            scene.offers("kube-proxy", "1.32", &[]);
            scene.offers("kube-proxy", "1.33", &[]);
        },
        nearest_that_does_not: "it is at the control plane's minor",
        stays_quiet: |scene| scene.offers("kube-proxy", "1.32", &[]),
    },
    Case {
        code: "STW-R2-SKEW",
        says: "a group runs 4 minors behind, git asks for no hop, and only a move would mend it",
        comes_up: |scene| {
            scene.versions("1.32", "1.32");
            scene.runs_at("workers", "1.28");
        },
        nearest_that_does_not: "it runs 3 behind",
        stays_quiet: |scene| {
            scene.versions("1.32", "1.32");
            scene.runs_at("workers", "1.29");
        },
    },
    Case {
        code: "STW-R6-ENDING",
        says: "standard support of 1.32 ends in 50 days",
        comes_up: |scene| scene.at = day("2026-02-01"),
        nearest_that_does_not: "it ends in 112 days",
        stays_quiet: |scene| scene.at = day("2025-12-01"),
    },
    Case {
        code: "STW-R6-TARGET-SUPPORT",
        says: "standard support of the target ends in 178 days",
        comes_up: |scene| scene.at = day("2026-02-01"),
        nearest_that_does_not: "it ends in 209 days",
        stays_quiet: |scene| scene.at = day("2026-01-01"),
    },
    Case {
        code: "STW-R6-TARGET-SUPPORT",
        says: "the target is in extended support",
        comes_up: |scene| scene.at = day("2026-08-01"),
        nearest_that_does_not: "git asks for a target that stays in standard support for long",
        stays_quiet: |scene| {
            scene.versions("1.35", "1.36");
            scene.at = day("2026-08-01");
        },
    },
    Case {
        code: "STW-R8-REMOVED-API",
        says: "a client asked 12 times for an API that the next minor takes away",
        comes_up: |scene| asks_for_removed_api(scene, 12),
        nearest_that_does_not: "the same client is listed with no request",
        stays_quiet: |scene| asks_for_removed_api(scene, 0),
    },
    Case {
        code: "STW-R8-INSIGHT-AGE",
        says: "EKS looked two days ago",
        comes_up: |scene| last_refresh(scene, "2025-08-30T00:00:00Z"),
        nearest_that_does_not: "it looked twelve hours ago",
        stays_quiet: |scene| last_refresh(scene, "2025-08-31T12:00:00Z"),
    },
    Case {
        code: "STW-ADDON-HEALTH",
        says: "CoreDNS is degraded before a hop",
        comes_up: |scene| {
            scene.addon("coredns").status = Known::Value("DEGRADED".to_owned());
            scene.addon("coredns").health = issue();
        },
        nearest_that_does_not: "nobody read its status",
        stays_quiet: |scene| scene.addon("coredns").status = Known::Unknown("denied".to_owned()),
    },
    Case {
        code: "STW-ADDON-HEALTH",
        says: "an add-on that no step touches could not be updated",
        comes_up: |scene| other_addon(scene, "UPDATE_FAILED"),
        nearest_that_does_not: "it is active",
        stays_quiet: |scene| other_addon(scene, "ACTIVE"),
    },
    Case {
        code: "STW-ADDON-OVERWRITE",
        says: "git changes settings of CoreDNS and asks to overwrite",
        comes_up: |scene| file_of(scene, "overwrite"),
        nearest_that_does_not: "it asks to preserve",
        stays_quiet: |scene| file_of(scene, "preserve"),
    },
    Case {
        code: "STW-GROUP-HEALTH",
        says: "EKS reports an issue of a group",
        comes_up: |scene| {
            scene.group("workers").health = issue();
            scene.group("workers").release_version = Known::Unknown("denied".to_owned());
        },
        nearest_that_does_not: "it reports none, and nobody read the group's image",
        stays_quiet: |scene| {
            scene.group("workers").release_version = Known::Unknown("denied".to_owned());
        },
    },
    Case {
        code: "STW-GROUP-HEALTH",
        says: "a node of a group is not Ready",
        comes_up: |scene| scene.nodes()[0].ready = Known::Value(false),
        nearest_that_does_not: "nobody knows whether it is",
        stays_quiet: |scene| scene.nodes()[0].ready = Known::Unknown("no heartbeat".to_owned()),
    },
    Case {
        code: "STW-GROUP-HEALTH",
        says: "one node of a group is a minor older than what the group boots",
        comes_up: |scene| {
            scene.nodes()[0].kubelet = Known::Value("v1.31.4".parse().expect("a kubelet"));
        },
        nearest_that_does_not: "it is a patch older",
        stays_quiet: |scene| {
            scene.nodes()[0].kubelet = Known::Value("v1.32.0".parse().expect("a kubelet"));
        },
    },
    Case {
        code: "STW-STACK",
        says: "the stack of a group that git does not declare was rolled back",
        comes_up: |scene| left_over(scene, "ROLLBACK_COMPLETE"),
        nearest_that_does_not: "that stack is gone",
        stays_quiet: |scene| left_over(scene, "DELETE_COMPLETE"),
    },
    Case {
        code: "STW-STACK",
        says: "the cluster's own stack could not be updated, and a hop would update it",
        comes_up: |scene| own_stack(scene, "UPDATE_FAILED"),
        nearest_that_does_not: "the update was taken back",
        stays_quiet: |scene| own_stack(scene, "UPDATE_ROLLBACK_COMPLETE"),
    },
    Case {
        code: "STW-R8-INSIGHT",
        says: "EKS warns of something before the next minor",
        comes_up: |scene| scene.insight("UPGRADE_READINESS", "Cluster health", "1.33", "WARNING"),
        nearest_that_does_not: "the warning is about the way back",
        stays_quiet: |scene| {
            scene.insight("ROLLBACK_READINESS", "Cluster health", "1.33", "WARNING");
        },
    },
    Case {
        code: "STW-R8-NOT-ASSESSED",
        says: "nobody read the stacks, and the plan makes groups",
        comes_up: |scene| scene.observed.stacks = Known::Unknown("denied".to_owned()),
        nearest_that_does_not: "there is none",
        stays_quiet: |scene| scene.observed.stacks = Known::Absent,
    },
    Case {
        code: "STW-R8-NOT-ASSESSED",
        says: "nobody read the API server's metrics, and EKS gave its insights",
        comes_up: |scene| scene.observed.deprecated_apis = Known::Unknown("denied".to_owned()),
        nearest_that_does_not: "they were read to have none",
        stays_quiet: |scene| scene.observed.deprecated_apis = Known::Absent,
    },
    Case {
        code: "STW-WAIVER-EXPIRED",
        says: "a waiver has ended since the observation was recorded",
        comes_up: |scene| {
            waives(scene, "*", "2025-10-01");
            scene.decided_at = Some(day("2025-10-01"));
        },
        nearest_that_does_not: "it ends the day after",
        stays_quiet: |scene| {
            waives(scene, "*", "2025-10-02");
            scene.decided_at = Some(day("2025-10-01"));
        },
    },
    Case {
        code: "STW-NAME",
        says: "git declares a new group with a name of 64 characters",
        comes_up: |scene| calls_workers(scene, &"w".repeat(64)),
        nearest_that_does_not: "it has 63 characters",
        stays_quiet: |scene| calls_workers(scene, &"w".repeat(63)),
    },
    Case {
        code: "STW-NAME",
        says: "git declares a new group with an underscore in its name",
        comes_up: |scene| calls_workers(scene, "work_ers"),
        nearest_that_does_not: "it is a hyphen",
        stays_quiet: |scene| calls_workers(scene, "work-ers"),
    },
    Case {
        code: "STW-NAME",
        says: "the name of a new group's stack would have 129 characters",
        comes_up: |scene| long_cluster(scene, 51),
        nearest_that_does_not: "it would have 128",
        stays_quiet: |scene| long_cluster(scene, 50),
    },
    Case {
        code: "STW-NAME-REUSED",
        says: "a group called as the next generation ran before",
        comes_up: |scene| {
            scene.observed.past_nodegroups.insert("nb-b".to_owned());
        },
        nearest_that_does_not: "the generation of today did",
        stays_quiet: |scene| {
            scene.observed.past_nodegroups.insert("nb-a".to_owned());
        },
    },
    Case {
        code: "STW-GENERATION",
        says: "git changes the instance type of a group and keeps its name",
        comes_up: |scene| {
            let workers = scene.declared("workers");
            workers.insert("instanceType".to_owned(), json!("m5.xlarge"));
        },
        nearest_that_does_not: "it changes the name as well",
        stays_quiet: |scene| {
            let workers = scene.declared("workers");
            workers.insert("instanceType".to_owned(), json!("m5.xlarge"));
            calls_workers(scene, "workers-2");
        },
    },
    Case {
        code: "STW-MISSING-FILE",
        says: "a group that is to be made names a key that is not there",
        comes_up: |scene| {
            names_key(scene, "core-b", "ssh-keys/quay.key.pub");
            gone(scene, 0);
        },
        nearest_that_does_not: "the key is there",
        stays_quiet: |scene| names_key(scene, "core-b", "ssh-keys/quay.key.pub"),
    },
    Case {
        code: "STW-MISSING-FILE",
        says: "a group that stays names a key that is not there",
        comes_up: |scene| {
            names_key(scene, "workers", "ssh-keys/quay.key.pub");
            gone(scene, 2);
        },
        nearest_that_does_not: "the key is there",
        stays_quiet: |scene| names_key(scene, "workers", "ssh-keys/quay.key.pub"),
    },
    Case {
        code: "STW-MISSING-FILE",
        says: "a group names a key in somebody's home",
        comes_up: |scene| names_key(scene, "core-b", "~/.ssh/id_ed25519.pub"),
        nearest_that_does_not: "the key is beside the config",
        stays_quiet: |scene| names_key(scene, "core-b", "./.ssh/id_ed25519.pub"),
    },
    Case {
        code: "STW-WAIVER-EXPIRED",
        says: "a waiver ended a day ago",
        comes_up: |scene| waives(scene, "*", "2025-08-31"),
        nearest_that_does_not: "it ends in a month",
        stays_quiet: |scene| waives(scene, "*", "2025-10-01"),
    },
    Case {
        code: "STW-WAIVER-EXPIRING",
        says: "a waiver ends in ten days",
        comes_up: |scene| waives(scene, "*", "2025-09-11"),
        nearest_that_does_not: "it ends in a month",
        stays_quiet: |scene| waives(scene, "*", "2025-10-01"),
    },
    Case {
        code: "STW-WAIVER-UNUSED",
        says: "a waiver for this cluster covers no finding",
        comes_up: |scene| waives(scene, "quay", "2026-09-01"),
        nearest_that_does_not: "a budget that it covers holds a drain",
        stays_quiet: |scene| {
            waives(scene, "quay", "2026-09-01");
            scene.pdb("proxy").allowed = Known::Value(0);
        },
    },
    Case {
        code: "STW-IGNORE-EXPIRED",
        says: "an ignore rule ended a day ago",
        comes_up: |scene| ignores(scene, "nodegroup workers.tags.*", "*", "2025-08-31"),
        nearest_that_does_not: "it ends in a month",
        stays_quiet: |scene| ignores(scene, "nodegroup workers.tags.*", "*", "2025-10-01"),
    },
    Case {
        code: "STW-IGNORE-EXPIRING",
        says: "an ignore rule ends in ten days",
        comes_up: |scene| ignores(scene, "nodegroup workers.tags.*", "*", "2025-09-11"),
        nearest_that_does_not: "it ends in a month",
        stays_quiet: |scene| ignores(scene, "nodegroup workers.tags.*", "*", "2025-10-01"),
    },
    Case {
        code: "STW-IGNORE-UNUSED",
        says: "an ignore rule for this cluster covers no difference",
        comes_up: |scene| ignores(scene, "nodegroup workers.tags.*", "quay", "2026-09-01"),
        nearest_that_does_not: "git sets a tag that it covers",
        stays_quiet: |scene| {
            ignores(scene, "nodegroup workers.tags.*", "quay", "2026-09-01");
            tags(scene);
        },
    },
];

mod health {
    use super::*;
    use crate::plan::wire::{Finding, Plan, Severity};

    fn plan(change: impl FnOnce(&mut Scene)) -> Plan {
        let mut scene = Scene::new();
        change(&mut scene);
        scene.plan().plan
    }

    fn found<'p>(plan: &'p Plan, code: &str) -> Vec<&'p Finding> {
        plan.findings.iter().filter(|f| f.code == code).collect()
    }

    #[test]
    fn an_insight_blocks_the_hops_that_it_speaks_of_and_no_later_one() {
        use Severity::{Blocking, Warning};
        for (sentence, version, status, severity) in [
            ("an error about the next minor", "1.33", "ERROR", Blocking),
            ("a warning about it", "1.33", "WARNING", Warning),
            ("nobody knows", "1.33", "UNKNOWN", Warning),
            ("an error about what runs", "1.32", "ERROR", Warning),
            ("an error about what ran", "1.31", "ERROR", Warning),
        ] {
            let plan = plan(|scene| {
                scene.insight("UPGRADE_READINESS", "Cluster health", version, status);
            });
            let found = found(&plan, "STW-R8-INSIGHT");
            assert_eq!(found.len(), 1, "{sentence}");
            assert_eq!(found[0].severity, severity, "{sentence}");
            assert!(found[0].remedy.contains("--region us-west-2"), "{sentence}");
            assert_eq!(plan.not_now.is_empty(), severity == Warning, "{sentence}");
        }
    }

    #[test]
    fn only_managed_groups_get_commands_of_managed_groups() {
        let mixed = |managed: bool| {
            let plan = plan(|scene| {
                scene.group("workers").managed = managed;
                scene.group("workers").health = issue();
                let mut nodes = scene.nodes().iter_mut();
                let node = nodes.find(|n| n.nodegroup.as_deref() == Some("workers"));
                node.expect("a node").kubelet = Known::Value("v1.31.4".parse().expect("a kubelet"));
            });
            let found = found(&plan, "STW-GROUP-HEALTH");
            let words = found.iter().map(|f| format!("{} {}", f.message, f.remedy));
            words.collect::<Vec<_>>().join("\n")
        };
        let (managed, own) = (mixed(true), mixed(false));
        for word in [
            "stopped half way",
            "eksctl upgrade nodegroup -c quay -r us-west-2",
            "eksctl utils nodegroup-health -c quay -r us-west-2",
        ] {
            assert!(managed.contains(word), "{word}: {managed}");
        }
        for word in [
            "in place",
            "eksctl upgrade nodegroup",
            "nodegroup-health",
            "EKS",
        ] {
            assert!(!own.contains(word), "{word}: {own}");
        }
        assert!(own.contains("stairway plan --replace workers"), "{own}");
    }

    #[test]
    fn the_clusters_own_stack_holds_hops_and_other_stacks_do_not() {
        let held = |name: &str, status: &str| {
            let plan = plan(|scene| {
                scene.stacks().push(Stack {
                    name: name.to_owned(),
                    status: status.to_owned(),
                });
            });
            let found = found(&plan, "STW-STACK");
            (
                found.iter().map(|f| f.severity).collect::<Vec<_>>(),
                plan.not_now.is_empty(),
            )
        };
        let (blocks, warns) = (
            (vec![Severity::Blocking], false),
            (vec![Severity::Warning], true),
        );
        assert_eq!(held("eksctl-quay-cluster", "UPDATE_IN_PROGRESS"), blocks);
        assert_eq!(
            held("eksctl-quay-cluster", "UPDATE_ROLLBACK_FAILED"),
            blocks
        );
        assert_eq!(held("eksctl-quay-addon-x", "UPDATE_FAILED"), warns);
    }

    #[test]
    fn facts_that_nobody_read_are_named_by_how_much_the_plan_relies_on_them() {
        let said = |change: fn(&mut Scene)| {
            let plan = plan(change);
            let found = found(&plan, "STW-R8-NOT-ASSESSED");
            let said = found
                .iter()
                .map(|f| format!("{:?}: {}", f.severity, f.message));
            said.collect::<Vec<_>>().join("; ")
        };
        for (change, words) in [
            (
                (|scene| scene.addon("coredns").status = Known::Unknown("denied".to_owned()))
                    as fn(&mut Scene),
                "Warning: Not assessed: the status of add-on `coredns` (denied).",
            ),
            (
                |scene| {
                    other_addon(scene, "ACTIVE");
                    scene.addon("adot").status = Known::Unknown("denied".to_owned());
                },
                "Note: Not assessed: the status of add-on `adot` (denied).",
            ),
            (
                |scene| scene.group("workers").status = Known::Unknown("denied".to_owned()),
                "Warning: Not assessed: the status of nodegroup `workers` (denied).",
            ),
            (
                |scene| scene.observed.addon_versions = Known::Unknown("denied".to_owned()),
                "Warning: Not assessed: versions of add-ons on offer (denied).",
            ),
        ] {
            assert_eq!(said(change), words);
        }
    }

    #[test]
    fn a_group_beyond_the_skew_is_not_said_to_lag_legally() {
        let plan = plan(|scene| {
            scene.versions("1.31", "1.33");
            scene.also_runs("gpu-a", "workers");
            scene.runs_at("gpu-a", "1.29");
        });
        assert!(
            !found(&plan, "STW-R2-SKEW").is_empty(),
            "{:#?}",
            plan.findings
        );
        let lag = found(&plan, "STW-LAG");
        assert!(lag.iter().all(|f| !f.message.contains("gpu-a")), "{lag:#?}");
    }
}

mod decisions {
    use super::*;
    use crate::plan::exit_facts;
    use crate::plan::wire::{DifferenceClass, Plan, Severity};

    const LATER: &str = "2026-09-01";

    fn plan(change: impl FnOnce(&mut Scene)) -> Plan {
        let mut scene = Scene::new();
        change(&mut scene);
        scene.plan().plan
    }

    fn touches(plan: &Plan, subject: &str) -> bool {
        plan.all_steps().any(|step| step.subject == subject)
    }

    #[test]
    fn an_ignored_difference_is_shown_and_makes_no_step() {
        let with = |rule: Option<(&str, &str)>| {
            plan(|scene| {
                scene.versions("1.32", "1.32");
                tags(scene);
                if let Some((path, expires)) = rule {
                    ignores(scene, path, "*", expires);
                }
            })
        };
        let class = |plan: &Plan| {
            let mut tags = plan.differences.iter();
            let tag = tags.find(|d| d.field == "tags.cost-center").expect("shown");
            (tag.class, tag.ignored.as_ref().map(|i| i.owner.clone()))
        };
        for (sentence, rule, acted_on) in [
            ("no rule", None, true),
            (
                "a rule for the field",
                Some(("nodegroup workers.tags.*", LATER)),
                false,
            ),
            (
                "a rule for the group",
                Some(("nodegroup work*", LATER)),
                false,
            ),
            (
                "a rule for another group",
                Some(("nodegroup nb-*.tags.*", LATER)),
                true,
            ),
            (
                "a rule that ran out",
                Some(("nodegroup workers.tags.*", "2025-08-31")),
                true,
            ),
        ] {
            let plan = with(rule);
            assert_eq!(touches(&plan, "workers"), acted_on, "{sentence}");
            let expected = if acted_on {
                (DifferenceClass::InPlace, None)
            } else {
                (DifferenceClass::Ignored, Some("finance".to_owned()))
            };
            assert_eq!(class(&plan), expected, "{sentence}");
        }
    }

    #[test]
    fn what_is_ignored_as_a_whole_is_neither_made_nor_reported() {
        for (sentence, change) in [
            (
                "a declared group that is not live",
                (|s| s.declare("extra", "workers")) as fn(&mut Scene),
            ),
            ("a live group that git does not know", |s| {
                s.also_runs("extra", "workers")
            }),
        ] {
            let seen = plan(change);
            assert!(touches(&seen, "extra"), "{sentence}");
            let unseen = plan(|scene| {
                change(scene);
                ignores(scene, "nodegroup extra", "*", LATER);
            });
            // An undeclared group still moves when a hop needs it; here none does.
            assert!(
                !touches(&unseen, "extra"),
                "{sentence}: {:?}",
                unseen.not_now
            );
            let said = unseen
                .findings
                .iter()
                .any(|f| f.subject == "nodegroup extra");
            assert!(!said, "{sentence}: {:?}", unseen.findings);
        }
    }

    #[test]
    fn versions_move_whatever_is_ignored() {
        let plan = plan(|scene| {
            for path in ["addon *", "nodegroup *"] {
                ignores(scene, path, "*", LATER);
            }
        });
        assert!(touches(&plan, "cluster"));
        assert!(touches(&plan, "kube-proxy"));
    }

    #[test]
    fn one_ignored_setting_of_an_add_on_keeps_the_others() {
        let plan = plan(|scene| {
            scene.versions("1.32", "1.32");
            file_of(scene, "preserve");
            let role = json!("arn:aws:iam::123456789012:role/dns");
            scene.declared_addon("coredns")["serviceAccountRoleARN"] = role;
            ignores(scene, "addon coredns.configurationValues", "*", LATER);
        });
        assert!(!touches(&plan, "coredns"));
        let ignored = plan.differences.iter();
        let ignored = ignored
            .filter(|d| d.class == DifferenceClass::Ignored)
            .count();
        assert_eq!(ignored, 2, "{:?}", plan.differences);
    }

    #[test]
    fn a_waiver_lifts_the_block_until_it_runs_out() {
        for (sentence, expires, held, lapsed) in [
            ("it counts", LATER, false, false),
            ("it ran out", "2025-08-31", true, true),
        ] {
            let plan = plan(|scene| {
                scene.pdb("proxy").allowed = Known::Value(0);
                waives(scene, "*", expires);
            });
            let found = plan.findings.iter().find(|f| f.code == "STW-R8-PDB");
            let found = found.expect(sentence);
            assert_eq!(found.waived.is_none(), held, "{sentence}");
            let severity = if held {
                Severity::Blocking
            } else {
                Severity::Warning
            };
            assert_eq!(found.severity, severity, "{sentence}");
            let facts = exit_facts(&plan);
            assert_eq!(
                (facts.unacceptable, facts.lapsed),
                (held, lapsed),
                "{sentence}"
            );
            // The waiver that ran out holds nothing by itself.
            let held_by = plan.not_now.iter().flat_map(|later| &later.blocked_by);
            let codes: Vec<&str> = held_by.map(|by| by.code.as_str()).collect();
            assert!(!codes.contains(&"STW-WAIVER-EXPIRED"), "{codes:?}");
        }
    }

    #[test]
    fn a_lapsed_waiver_does_not_block_a_cluster_with_nothing_to_do() {
        let plan = plan(|scene| {
            scene.config["metadata"]["version"] = json!("1.32");
            scene.undeclare("core-b");
            scene.undeclare("nb-b");
            scene.declare("core-a", "workers");
            waives(scene, "*", "2025-08-31");
        });
        assert_eq!(plan.summary.blocked, 0);
        assert!(exit_facts(&plan).lapsed);
    }

    #[test]
    fn an_api_in_use_holds_only_the_hop_that_takes_it_away() {
        let plan = plan(|scene| {
            scene.versions("1.29", "1.31");
            scene.at = day("2025-03-01");
            let used = json!({"group_version": "flowcontrol.apiserver.k8s.io/v1beta3",
                "resource": "flowschemas", "removed_in": "1.31"});
            let used = serde_json::from_value(used).expect("a use");
            scene.observed.deprecated_apis = Known::Value(vec![used]);
        });
        let hops = |steps: Vec<&str>| -> Vec<String> {
            let hops = steps
                .into_iter()
                .filter(|id| id.starts_with("upgrade-control-plane"));
            hops.map(str::to_owned).collect()
        };
        let runs = hops(plan.steps.iter().map(|s| s.id.as_str()).collect());
        let held = hops(plan.not_now.iter().map(|l| l.step.id.as_str()).collect());
        assert_eq!(runs, ["upgrade-control-plane/cluster@1.30"]);
        assert_eq!(held, ["upgrade-control-plane/cluster@1.31"]);
    }
}
