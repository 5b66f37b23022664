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

/// A cluster that is on git's version already, observed in 2025, with a fleet file that decides.
fn observed_long_ago(entry: &str, decisions: &str) -> Place {
    let place = Place::new();
    let config = json!({
        "apiVersion": "eksctl.io/v1alpha5", "kind": "ClusterConfig",
        "metadata": {"name": "c", "region": "us-west-2", "version": "1.33"},
    });
    place.json("c.json", &config);
    place.json(
        "observed.json",
        &json!({
            "format_version": 1, "kind": "Observation", "observed_at": "2025-09-01T00:00:00Z",
            "cluster": {"name": "c", "region": "us-west-2"},
            "control_plane": {"version": "1.33", "status": "ACTIVE"},
            "updates": [], "nodegroups": [], "nodes": [], "pods": [], "pdbs": [], "addons": [],
        }),
    );
    place.file(
        "fleet.yaml",
        &format!(
            "apiVersion: stairway/v1\nkind: Fleet\nclusters:\n  - {{{entry}config: c.json, live: {{recorded: observed.json}}}}\n{decisions}"
        ),
    );
    place
}

const ENDED: &str =
    "waivers:\n  - {code: STW-R8-PDB, cluster: c, reason: r, owner: o, expires: 2025-10-01}\n";

#[test]
fn a_waiver_that_ended_since_the_observation_counts_no_more() {
    let place = observed_long_ago("name: c, ", ENDED);
    let now = place.run(&["plan", "--detailed-exitcode"]).expect(3);
    let told = "Exit 3: 1 waiver or ignore rule has expired: waiver STW-R8-PDB for * (`c`)";
    assert!(now.stderr.contains(told), "{}", now.stderr);
    let json = place.run(&["plan", "--format", "json"]).expect(0).json();
    let plan = &json["clusters"][0];
    assert!(codes(plan).contains(&"STW-WAIVER-EXPIRED"), "{plan}");
    assert_eq!(plan["inputs"]["at"], json!("2025-09-01T00:00:00Z"));
    assert_eq!(plan["inputs"]["decided_at"], json!("2025-10-01T00:00:00Z"));
    place.run(&["check"]).expect(3);
    let then = [
        "plan",
        "--detailed-exitcode",
        "--at",
        "2025-09-01",
        "--format",
        "json",
    ];
    let then = place.run(&then).expect(0);
    assert!(!then.stderr.contains("expired"), "{}", then.stderr);
    let plan = then.json()["clusters"][0].clone();
    assert!(!codes(&plan).contains(&"STW-WAIVER-EXPIRED"), "{plan}");
    assert!(plan["inputs"].get("decided_at").is_none(), "{plan}");
}

#[test]
fn a_decision_for_a_cluster_that_only_rendering_names_is_told_after_the_run() {
    let decision = |name: &str| {
        format!(
            "waivers:\n  - {{code: STW-R8-PDB, cluster: {name}, reason: r, owner: o, expires: 2099-01-01}}\n"
        )
    };
    let told = "Warning: the fleet file has waivers or ignore rules for `x`, and no cluster of the fleet is called so";
    let stranger = observed_long_ago("", &decision("x"))
        .run(&["plan"])
        .expect(0);
    assert!(stranger.stderr.contains(told), "{}", stranger.stderr);
    let own = observed_long_ago("", &decision("c"))
        .run(&["plan"])
        .expect(0);
    assert!(!own.stderr.contains("ignore rules for"), "{}", own.stderr);
}

#[test]
fn a_decision_for_many_that_covers_nothing_in_the_whole_fleet_is_told_once() {
    let place = deciding(
        "waivers:\n  - {code: STW-R8-QUOTA, cluster: \"*\", reason: r, owner: o, expires: 2099-01-01}\n",
    );
    let check = |more: &[&str]| {
        let mut arguments = vec!["check", "--fleet", DEMO_FLEET, "--at", "2026-09-01"];
        arguments.extend(more);
        let text = place.run(&arguments).stdout;
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let told = "nothing in the whole fleet";
    let whole = check(&[]);
    assert_eq!(whole.matches(told).count(), 1, "{whole}");
    assert!(
        whole.contains("waiver STW-R8-QUOTA for `*` on `*`"),
        "{whole}"
    );
    let partial = check(&["--exclude", "lagoon"]);
    assert!(!partial.contains(told), "{partial}");
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
            "waivers:\n  - {code: STW-R8-PDB, cluster: meadov, reason: r, owner: o, expires: 2027-01-01}\n",
            "did you mean `meadow`?",
        ),
        (
            "ignore:\n  - {path: nodegroup *.tags, cluster: \"\", reason: r, owner: o, expires: 2027-01-01}\n",
            "is empty, and matches no cluster",
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
