//! The roles of templates/rbac allow what stairway asks for, and nothing that it does not ask for.

use super::ground::world;
use super::matrix::{Kind, kinds};
use super::matrix_writes::{ALL, work};
use super::{ServedCluster, at, reader};
use crate::support::{read, top};
use serde_json::Value;
use stairway::kubernetes::Resource;
use stairway::render::parse_yaml;
use stairway::serve::Role;
use stairway_world::door::{Asked, DoorFault, Trouble};
use std::collections::BTreeSet;

/// Verbs that change nothing.
const READING: [&str; 3] = ["get", "list", "watch"];
/// What every authenticated user may do (`system:public-info-viewer`, `system:basic-user`).
const OPEN: [(&str, &str); 2] = [
    ("get", "/version"),
    ("create", "authorization.k8s.io/selfsubjectaccessreviews"),
];

fn documents(name: &str) -> Vec<Value> {
    let path = top().join("templates/rbac").join(name);
    parse_yaml(&read(&path), name).unwrap_or_else(|error| panic!("{error}"))
}

fn texts<'v>(value: &'v Value, key: &str) -> Vec<&'v str> {
    let all = value[key].as_array().into_iter().flatten();
    all.map(|one| one.as_str().expect("a text")).collect()
}

/// What the rules of these files allow, one by one: verb and resource or path, with the namespace of a Role.
fn allowed(files: &[&str]) -> BTreeSet<(Kind, String)> {
    let mut found = BTreeSet::new();
    for document in files.iter().flat_map(|name| documents(name)) {
        let namespace = match document["kind"].as_str() {
            Some("ClusterRole") => "",
            Some("Role") => document["metadata"]["namespace"]
                .as_str()
                .expect("a namespace"),
            _ => continue,
        };
        for rule in document["rules"].as_array().expect("rules") {
            for verb in texts(rule, "verbs") {
                let mut add = |what: String| {
                    found.insert(((verb.to_owned(), what), namespace.to_owned()));
                };
                texts(rule, "nonResourceURLs")
                    .into_iter()
                    .for_each(|path| add(path.to_owned()));
                for group in texts(rule, "apiGroups") {
                    for resource in texts(rule, "resources") {
                        add(match group {
                            "" => resource.to_owned(),
                            group => format!("{group}/{resource}"),
                        });
                    }
                }
            }
        }
    }
    found
}

fn kind(one: &Asked) -> Kind {
    let only = kinds(std::slice::from_ref(one));
    only.into_keys().next().expect("a kind")
}

/// The rules that no request needed.
fn unused(files: &[&str], asked: &[Asked]) -> Vec<(Kind, String)> {
    let used = |rule: &(Kind, String)| {
        let here = |one: &Asked| rule.1.is_empty() || rule.1 == one.namespace;
        asked
            .iter()
            .any(|one| here(one) && kind(one) == rule.0 && one.status < 400)
    };
    allowed(files)
        .into_iter()
        .filter(|rule| !used(rule))
        .collect()
}

/// The requests that were refused, or that nobody granted but the door.
fn refused(files: &[&str], asked: &[Asked]) -> Vec<String> {
    let rules = allowed(files);
    let granted = |one: &Asked| {
        let kind = kind(one);
        let open = OPEN
            .iter()
            .any(|(verb, what)| (*verb, *what) == (kind.0.as_str(), kind.1.as_str()));
        let by = |namespace: &str| rules.contains(&(kind.clone(), namespace.to_owned()));
        open || by("") || (!one.namespace.is_empty() && by(&one.namespace))
    };
    asked
        .iter()
        .filter(|one| one.status == 403 || !granted(one))
        .map(|one| format!("{one:?}"))
        .collect()
}

/// May one do what nobody but the apply role may?
fn reviews(cluster: &ServedCluster) -> Vec<bool> {
    let reads = cluster.reads();
    [
        ("patch", Resource::NODES, ""),
        ("create", Resource::PODS, "eviction"),
    ]
    .into_iter()
    .map(|(verb, resource, sub)| {
        let allowed = reads.allowed(verb, resource, sub, None);
        allowed.unwrap_or_else(|error| panic!("{error}"))
    })
    .collect()
}

#[test]
fn the_plan_role_is_what_a_reading_needs() {
    let cluster = ServedCluster::of(world(), Role::Plan);
    let seen = reader(cluster.reads())
        .read()
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(reviews(&cluster), [false, false]);
    let asked = cluster.asked();
    assert_eq!(refused(&["plan.yaml"], &asked), Vec::<String>::new());
    assert_eq!(
        unused(&["plan.yaml"], &asked),
        Vec::new(),
        "rules that nothing needs"
    );
    for (what, unknown) in [
        ("nodes", seen.nodes.unknown()),
        ("pods", seen.pods.unknown()),
        ("workloads", seen.workloads.unknown()),
        ("webhooks", seen.webhooks.unknown()),
        ("aws-auth", seen.aws_auth.unknown()),
        ("deprecated APIs", seen.deprecated_apis.unknown()),
    ] {
        assert_eq!(unknown, None, "{what}");
    }
    let writing: Vec<_> = allowed(&["plan.yaml"])
        .into_iter()
        .filter(|((verb, _), _)| !READING.contains(&verb.as_str()))
        .collect();
    assert_eq!(writing, Vec::new(), "the role that plans changes nothing");
}

#[test]
fn the_apply_role_is_what_acting_needs_beside_it() {
    let files = ["plan.yaml", "apply.yaml"];
    let mut asked = Vec::new();
    for doing in ALL {
        for conflict in [false, true] {
            let cluster = ServedCluster::of(world(), Role::Apply);
            if conflict {
                // Somebody else writes in between: what is written is read again first.
                for method in ["PATCH", "PUT"] {
                    cluster.strike(DoorFault::of("*", Trouble::Conflict).on(method).times(1));
                }
            }
            let done = work(cluster.writes(), doing, false);
            assert!(done.ok || conflict, "{doing:?}: {done:?}");
            asked.extend(cluster.asked());
        }
    }
    let cluster = ServedCluster::of(world(), Role::Apply);
    reader(cluster.reads())
        .read()
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(reviews(&cluster), [true, true]);
    asked.extend(cluster.asked());
    assert_eq!(refused(&files, &asked), Vec::<String>::new());
    assert_eq!(
        unused(&files, &asked),
        Vec::new(),
        "rules that nothing needs"
    );
    let never: Vec<_> = allowed(&files)
        .into_iter()
        .filter(|((verb, what), _)| {
            verb.starts_with("delete")
                || verb == "*"
                || what.contains('*')
                || what.contains("secrets")
        })
        .collect();
    assert_eq!(never, Vec::new());
}

#[test]
fn with_the_plan_role_nothing_can_be_changed() {
    for doing in ALL {
        let cluster = ServedCluster::of(world(), Role::Plan);
        let before = cluster.with(|_, world| world.cluster.clone());
        let done = work(cluster.writes(), doing, false);
        assert!(!done.ok, "{doing:?}: {done:?}");
        assert!(
            done.said.contains("403") && done.said.contains("forbidden"),
            "{doing:?}: {}",
            done.said
        );
        assert!(
            done.said.contains("stairway-plan"),
            "it names who may not: {}",
            done.said
        );
        let after = cluster.with(|door, world| {
            door.observe(world);
            world.cluster.clone()
        });
        assert_eq!(before, after, "{doing:?}");
        let written = cluster
            .asked()
            .into_iter()
            .find(|one| !READING.contains(&one.verb.as_str()) && one.status != 403);
        assert_eq!(written, None, "{doing:?}");
    }
}

/// A token that somebody took away in the middle is an error, and no half a picture that looks whole.
#[test]
fn a_role_that_is_taken_away_leaves_names_of_what_is_missing() {
    let cluster = ServedCluster::of(world(), Role::Plan);
    for path in ["/api/v1/pods", "/apis/policy/*"] {
        cluster.strike(at(path, Trouble::Forbidden));
    }
    let seen = reader(cluster.reads())
        .read()
        .unwrap_or_else(|error| panic!("{error}"));
    for why in [seen.pods.unknown(), seen.pdbs.unknown()] {
        let why = why.expect("nobody could read it");
        assert!(
            why.contains("403") && why.contains("\"stairway-plan\" cannot list"),
            "{why}"
        );
    }
    assert_eq!(seen.nodes.unknown(), None);
    cluster.with(|door, _| door.revoke("t0ken"));
    let error = reader(cluster.reads())
        .read()
        .expect_err("nobody is let in");
    assert!(error.to_string().contains("401"), "{error}");
    assert!(
        error
            .hint()
            .is_some_and(|hint| hint.contains("credentials")),
        "{error}"
    );
}
