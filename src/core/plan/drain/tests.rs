//! Drains played through, in sentences.

use super::simulate::{Played, Stage, Why, play};
use crate::model::{Known, Pdb, Pod};
use serde_json::json;
use std::collections::BTreeMap;

fn pod(name: &str, app: &str, node: Option<&str>, waiting: Option<&str>) -> Pod {
    Pod {
        namespace: "prod".to_owned(),
        name: name.to_owned(),
        node: node.map(str::to_owned),
        owner: Known::Value(format!("Deployment/{app}")),
        labels: BTreeMap::from([("app".to_owned(), app.to_owned())]),
        waiting: waiting.map(str::to_owned),
        ..Pod::default()
    }
}

fn budget(name: &str, app: &str, facts: serde_json::Value) -> Pdb {
    let mut value = json!({"namespace": "prod", "name": name, "selector": {"app": app}});
    for (key, fact) in facts.as_object().expect("facts") {
        value[key] = fact.clone();
    }
    serde_json::from_value(value).expect("a budget")
}

/// `never b: a-0 a-1 | not now (x) b: … | nowhere b: … | twice b+c: … | b 1 of 5 in 5 rounds | unread b`.
fn said(played: &Played<'_>) -> String {
    let names = |pods: &[&Pod]| -> String {
        let names: Vec<&str> = pods.iter().map(|pod| pod.name.as_str()).collect();
        names.join(" ")
    };
    let mut all = Vec::new();
    for stuck in &played.stuck {
        let why = match &stuck.why {
            Why::Never => "never".to_owned(),
            Why::NotNow(ill) => format!("not now ({})", names(ill)),
            Why::Nowhere => "nowhere".to_owned(),
        };
        all.push(format!(
            "{why} {}: {}",
            stuck.budget.name,
            names(&stuck.pods)
        ));
    }
    for (keys, pods) in &played.torn {
        let keys: Vec<&str> = keys.iter().map(|key| &key["prod/".len()..]).collect();
        all.push(format!("twice {}: {}", keys.join("+"), names(pods)));
    }
    for pace in &played.paces {
        all.push(format!(
            "{} {} of {} in {} rounds",
            pace.budget.name, pace.at_a_time, pace.pods, pace.rounds
        ));
    }
    all.extend(
        played
            .unread
            .iter()
            .map(|budget| format!("unread {}", budget.name)),
    );
    if all.is_empty() {
        "at once".to_owned()
    } else {
        all.join(", ")
    }
}

/// `web 5` on node n1; `web 2 n2`; `web 1 ill`; `web 1 elsewhere`; `web 1 pending`; `web 1 bare`; `web 1 lost`.
fn people(text: &str) -> Vec<Pod> {
    let mut pods = Vec::new();
    for group in text
        .split(',')
        .map(str::trim)
        .filter(|group| !group.is_empty())
    {
        let mut words = group.split_whitespace();
        let app = words.next().expect("an app");
        let count: usize = words.next().and_then(|n| n.parse().ok()).expect("a count");
        for _ in 0..count {
            let mut one = pod(&format!("{app}-{:02}", pods.len()), app, Some("n1"), None);
            for word in words.clone() {
                match word {
                    "ill" => one.waiting = Some("CrashLoopBackOff".to_owned()),
                    "pulling" => one.waiting = Some("ImagePullBackOff".to_owned()),
                    "elsewhere" => one.node = Some("other".to_owned()),
                    "pending" => one.node = None,
                    "bare" => one.owner = Known::Absent,
                    "lost" => one.volume_zones = Known::Value(vec!["nowhere".to_owned()]),
                    node => one.node = Some(node.to_owned()),
                }
            }
            pods.push(one);
        }
    }
    pods
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table, one sentence a row")]
fn budgets_and_pods_decide_how_a_drain_goes() {
    // sentence | pods | budgets | what is said
    let table = [
        ("nothing is asked of anybody", "web 5", json!({}), "at once"),
        (
            "a budget that allows all",
            "web 2",
            json!({"b": {"allowed": 2}}),
            "at once",
        ),
        (
            "a budget of 1 makes five pods slow, and no more",
            "web 5",
            json!({"b": {"allowed": 1}}),
            "b 1 of 5 in 5 rounds",
        ),
        (
            "rounds of both nodes count",
            "web 3, web 2 n2",
            json!({"b": {"allowed": 2}}),
            "b 2 of 5 in 3 rounds",
        ),
        (
            "none may ever go",
            "web 2",
            json!({"b": {"allowed": 0, "max_unavailable": "0"}}),
            "never b: web-00 web-01",
        ),
        (
            "nobody read what it allows, and its terms say that none may",
            "web 2",
            json!({"b": {"max_unavailable": "0%"}}),
            "never b: web-00 web-01",
        ),
        (
            "one replica that must stay",
            "web 1",
            json!({"b": {"min_available": "1", "expected": 1, "healthy": 1}}),
            "never b: web-00",
        ),
        (
            "nobody told the terms, all are well, and still it allows none",
            "web 2",
            json!({"b": {"allowed": 0}}),
            "never b: web-00 web-01",
        ),
        (
            "one is ill elsewhere",
            "web 1, web 1 elsewhere ill",
            json!({"b": {"allowed": 0}}),
            "not now (web-01) b: web-00",
        ),
        (
            "terms that would allow, and one is ill elsewhere",
            "web 1, web 1 elsewhere ill",
            json!({"b": {"allowed": 0, "max_unavailable": "1", "expected": 2, "healthy": 1}}),
            "not now (web-01) b: web-00",
        ),
        (
            "the ill one may go where the others suffice",
            "web 1 ill, web 2 elsewhere",
            json!({"b": {"allowed": 0, "min_available": "2", "expected": 3, "healthy": 2}}),
            "at once",
        ),
        (
            "it may not where they do not",
            "web 1 ill, web 1 elsewhere",
            json!({"b": {"allowed": 0, "min_available": "2", "expected": 2, "healthy": 1}}),
            "never b: web-00",
        ),
        (
            "unless the budget lets the ill go always",
            "web 1 ill, web 1 elsewhere",
            json!({"b": {"allowed": 0, "min_available": "2", "expected": 2, "healthy": 1, "evicts_unhealthy": true}}),
            "at once",
        ),
        (
            "what never started is deleted without asking",
            "web 1 pulling, web 1 elsewhere",
            json!({"b": {"allowed": 0, "min_available": "2", "expected": 2, "healthy": 1}}),
            "at once",
        ),
        (
            "one lacks a node, and the new group has one",
            "web 1, web 1 pending",
            json!({"b": {"allowed": 0, "max_unavailable": "1", "expected": 2, "healthy": 1}}),
            "at once",
        ),
        (
            "it lacks a node, and no group takes it",
            "web 1, web 1 pending lost",
            json!({"b": {"allowed": 0, "max_unavailable": "1", "expected": 2, "healthy": 1}}),
            "not now (web-01) b: web-00",
        ),
        (
            "a pod that finds no node uses the budget up",
            "web 1 lost, web 2",
            json!({"b": {"allowed": 1}}),
            "nowhere b: web-01 web-02",
        ),
        (
            "so does a pod that nobody makes again",
            "web 1 bare, web 2",
            json!({"b": {"allowed": 1}}),
            "nowhere b: web-01 web-02",
        ),
        (
            "two budgets over one pod",
            "web 1",
            json!({"b": {"allowed": 5}, "c": {"allowed": 5}}),
            "twice b+c: web-00",
        ),
        (
            "the second budget is of other pods",
            "web 1",
            json!({"b": {"allowed": 5}, "c": {"allowed": 0, "selector": {"app": "db"}}}),
            "at once",
        ),
        (
            "nobody knows what it allows",
            "web 1",
            json!({"b": {}}),
            "unread b",
        ),
        (
            "nobody knows, and it has no say",
            "db 1",
            json!({"b": {}}),
            "at once",
        ),
        (
            "it does not matter what a budget without pods here allows",
            "db 1",
            json!({"b": {"allowed": 0, "max_unavailable": "0"}}),
            "at once",
        ),
    ];
    for (sentence, who, budgets, wanted) in table {
        let pods = people(who);
        let budgets: Vec<Pdb> = budgets
            .as_object()
            .expect("budgets")
            .iter()
            .map(|(name, facts)| budget(name, "web", facts.clone()))
            .collect();
        let here = |pod: &&Pod| {
            pod.node
                .as_deref()
                .is_some_and(|node| node.starts_with('n'))
        };
        let leaving: Vec<&Pod> = pods.iter().filter(here).collect();
        let stage = Stage {
            leaving: &leaving,
            budgets: &budgets,
            everyone: &pods,
            lands: &|pod| pod.volume_zones.items().is_empty(),
            settles: &|pod| pod.volume_zones.items().is_empty(),
        };
        assert_eq!(said(&play(&stage)), wanted, "{sentence}");
    }
}

#[test]
fn thousands_of_pods_under_a_budget_of_one_are_played_at_once() {
    let pods = people("web 5000");
    let budgets = [budget("b", "web", json!({"allowed": 1}))];
    let leaving: Vec<&Pod> = pods.iter().collect();
    let stage = Stage {
        leaving: &leaving,
        budgets: &budgets,
        everyone: &pods,
        lands: &|_| true,
        settles: &|_| true,
    };
    assert_eq!(said(&play(&stage)), "b 1 of 5000 in 5000 rounds");
}
