//! What an owner decides: waivers and ignore rules, from the fleet file to the exit code.

use crate::support::{DEMO_FLEET, Place, demo, read, write};
use serde_json::{Value, json};

/// The demo's fleet with other decisions at its end.
fn deciding(decisions: &str) -> Place {
    let place = demo();
    let path = place.work().join(DEMO_FLEET);
    let fleet = read(&path);
    let (clusters, _) = fleet.split_once("\nwaivers:").expect("waivers");
    write(&path, &format!("{clusters}\n{decisions}"));
    place
}

fn plan(place: &Place, cluster: &str, code: i32) -> Value {
    let arguments = [
        "plan",
        cluster,
        "--fleet",
        DEMO_FLEET,
        "--at",
        "2026-09-01",
        "--detailed-exitcode",
        "--format",
        "json",
    ];
    place.run(&arguments).expect(code).json()["clusters"][0].clone()
}

fn codes(plan: &Value) -> Vec<&str> {
    let findings = plan["findings"].as_array().expect("a list");
    findings.iter().filter_map(|f| f["code"].as_str()).collect()
}

#[test]
fn a_waiver_that_ran_out_is_exit_3_even_where_nothing_else_is_wrong() {
    let waiver = |expires: &str| {
        format!(
            "waivers:\n  - {{code: STW-R8-PDB, cluster: lagoon, reason: drained by hand, owner: platform, expires: {expires}}}\n"
        )
    };
    let plan_lapsed = plan(&deciding(&waiver("2026-08-31")), "lagoon", 3);
    assert!(
        codes(&plan_lapsed).contains(&"STW-WAIVER-EXPIRED"),
        "{plan_lapsed}"
    );
    assert_eq!(plan_lapsed["summary"]["blocked"], json!(0));
    let unused = plan(&deciding(&waiver("2027-08-31")), "lagoon", 0);
    assert!(codes(&unused).contains(&"STW-WAIVER-UNUSED"), "{unused}");
}

#[test]
fn ignored_differences_are_shown_with_who_and_until_when_and_make_no_change() {
    let rule = "ignore:\n  - {path: \"nodegroup *\", cluster: \"*\", reason: \"frozen for the conference\", owner: events, expires: 2026-12-24}\n";
    let place = deciding(rule);
    let diff = place
        .run(&["diff", "meadow", "--fleet", DEMO_FLEET])
        .expect(0);
    let words: String = diff.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("ignored"), "{}", diff.stdout);
    assert!(words.contains("2026-12-24"), "{}", diff.stdout);
    let plan = plan(&place, "meadow", 2);
    let ignored = plan["differences"].as_array().expect("a list").iter();
    let ignored: Vec<&Value> = ignored.filter(|d| d["class"] == json!("ignored")).collect();
    assert!(!ignored.is_empty(), "{plan}");
    assert!(
        ignored
            .iter()
            .all(|d| d["ignored"]["owner"] == json!("events"))
    );
}

#[test]
fn a_decision_that_nobody_may_take_is_refused_with_line_and_column() {
    for (decisions, words) in [
        (
            "waivers:\n  - {code: STW-R8-PDP, reason: r, owner: o, expires: 2027-01-01}\n",
            "did you mean `STW-R8-PDB`?",
        ),
        (
            "waivers:\n  - {code: STW-R4-AL2, reason: r, owner: o, expires: 2027-01-01}\n",
            "is a mandatory rule",
        ),
        (
            "ignore:\n  - {path: cluster.version, reason: r, owner: o, expires: 2027-01-01}\n",
            "versions are never ignored",
        ),
    ] {
        let place = deciding(decisions);
        place
            .run(&["plan", "--fleet", DEMO_FLEET])
            .refused(&[1], &["testdata/demo/fleet.yaml:", words]);
    }
}

#[test]
fn a_key_that_is_not_committed_is_found_and_one_that_is_there_is_not() {
    let place = Place::new();
    let config = |version: &str| {
        json!({
            "apiVersion": "eksctl.io/v1alpha5", "kind": "ClusterConfig",
            "metadata": {"name": "c", "region": "us-west-2", "version": version},
            "managedNodeGroups": [
                {"name": "core-a", "minSize": 1, "maxSize": 2, "ssh": {"publicKeyPath": "ssh-keys/c.key.pub"}},
                {"name": "nb-a", "minSize": 0, "maxSize": 2, "ssh": {"publicKeyPath": "../../../c.pub"}},
                {"name": "web-a", "minSize": 0, "maxSize": 2, "ssh": {"publicKeyPath": "~/.ssh/c.pub"}},
            ],
        })
    };
    place.json("eksctl/c.json", &config("1.33"));
    let bare = json!({
        "apiVersion": "eksctl.io/v1alpha5", "kind": "ClusterConfig",
        "metadata": {"name": "c", "region": "us-west-2", "version": "1.33"},
    });
    place.json("old/c.json", &bare);
    place.file(".git/HEAD", "ref: refs/heads/main\n");
    let found = |place: &Place| {
        let run = place.run(&[
            "plan",
            "eksctl/c.json",
            "--live",
            "old/c.json",
            "--at",
            "2026-01-01",
            "--format",
            "json",
        ]);
        let plan = run.calm().expect(0).json()["clusters"][0].clone();
        let findings = plan["findings"].as_array().expect("a list").iter();
        let missing = findings.filter(|f| f["code"] == json!("STW-MISSING-FILE"));
        missing
            .map(|f| {
                format!(
                    "{} {}",
                    f["subject"].as_str().unwrap_or(""),
                    f["severity"].as_str().unwrap_or("")
                )
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(
        found(&place),
        [
            "nodegroup core-a blocking",
            "nodegroup nb-a note",
            "nodegroup web-a note"
        ]
    );
    place.file("eksctl/ssh-keys/c.key.pub", "ssh-ed25519 AAAA\n");
    assert_eq!(
        found(&place),
        ["nodegroup nb-a note", "nodegroup web-a note"]
    );
}
