//! Law 9: a planted secret appears in nothing that stairway prints or writes.

use crate::support::{Place, files_below, read};
use serde_json::{Value, json};

/// One secret for each place, so that a leak tells where it came from.
fn secret(place: &str) -> String {
    format!("s3cr3t-{place}-5f0c1d")
}

/// Where secrets are planted.
const PLACES: [&str; 12] = [
    "environment",
    "override",
    "override-document",
    "pre-bootstrap",
    "bottlerocket",
    "configuration",
    "gitops",
    "live-override",
    "live-pre-bootstrap",
    "live-bottlerocket",
    "live-configuration",
    "live-settings",
];

fn node_config(secret: &str) -> String {
    format!(
        "apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec: {{kubelet: {{config: {{token: {secret}}}}}}}\n"
    )
}

fn config() -> Value {
    json!({
        "apiVersion": "eksctl.io/v1alpha5",
        "kind": "ClusterConfig",
        "metadata": {"name": "vault", "region": "eu-west-1", "version": "1.34"},
        "gitops": {"flux": {"gitProvider": "github", "flags": {"token": secret("gitops")}}},
        "addons": [
            {"name": "coredns", "configurationValues": format!("{{\"token\": \"{}\"}}", secret("configuration"))},
            {"name": "kube-proxy"},
        ],
        "nodeGroups": [
            {"name": "core-b", "instanceType": "m5.large", "minSize": 1, "maxSize": 3,
             "preBootstrapCommands": [format!("curl -H 'token: {}' https://example.org", secret("pre-bootstrap"))]},
            {"name": "nb-b", "instanceType": "r5.xlarge", "minSize": 0, "maxSize": 3,
             "overrideBootstrapCommand": format!("#!/bin/bash\nexport TOKEN={}\n", secret("override"))},
            {"name": "dask-b", "instanceType": "r5.xlarge", "minSize": 0, "maxSize": 3,
             "overrideBootstrapCommand": node_config(&secret("override-document"))},
            {"name": "rocket-b", "amiFamily": "Bottlerocket", "instanceType": "r5.xlarge", "minSize": 0, "maxSize": 3,
             "bottlerocket": {"settings": {"host-containers": {"admin": {"user-data": secret("bottlerocket")}}}}},
        ],
    })
}

/// A recorded cluster into which somebody wrote sensitive fields in clear.
fn live() -> Value {
    let group = |name: &str, more: Value| {
        let mut spec = json!({"instanceType": "m5.large", "minSize": 1, "maxSize": 3});
        spec.as_object_mut()
            .expect("an object")
            .extend(more.as_object().cloned().unwrap_or_default());
        json!({"name": name, "managed": false, "status": "CREATE_COMPLETE", "version": "1.32",
               "arn": format!("arn:{name}"), "created_at": "2025-01-01T00:00:00Z", "spec": spec, "spec_complete": true})
    };
    json!({
        "format_version": 1,
        "kind": "Observation",
        "cluster": {"name": "vault", "region": "eu-west-1"},
        "observed_at": "2026-05-04T06:00:00Z",
        "control_plane": {
            "version": "1.32", "status": "ACTIVE", "support_type": "EXTENDED",
            "settings": {"gitops": {"flux": {"flags": {"token": secret("live-settings")}}}},
        },
        "nodegroups": [
            group("core-a", json!({"preBootstrapCommands": [format!("echo {}", secret("live-pre-bootstrap"))]})),
            group("nb-a", json!({"overrideBootstrapCommand": node_config(&secret("live-override"))})),
            group("rocket-a", json!({"bottlerocket": {"settings": {"motd": secret("live-bottlerocket")}}})),
        ],
        "addons": [
            {"name": "coredns", "version": "v1.11.4-eksbuild.48", "status": "ACTIVE", "spec_complete": true,
             "spec": {"configurationValues": format!("token: {}\n", secret("live-configuration"))}},
            {"name": "kube-proxy", "version": "v1.32.13-eksbuild.5", "status": "ACTIVE", "spec": {}, "spec_complete": true},
        ],
        "updates": [], "stacks": [], "insights": [], "pods": [], "pdbs": [], "workloads": [], "subnets": [],
        "nodes": [{"name": "n1", "nodegroup": "core-a", "kubelet": "v1.32.9", "ready": true}],
    })
}

fn place() -> Place {
    let place = Place::new()
        .with("AWS_SECRET_ACCESS_KEY", &secret("environment"))
        .with("AWS_PROFILE", &secret("environment"))
        .with("KUBECONFIG", &secret("environment"));
    place.json("config.json", &config());
    place.json("live.json", &live());
    place.file("old/.gitkeep", "");
    let mut old = config();
    old["metadata"]["version"] = "1.33".into();
    place.json("old/config.json", &old);
    place
}

/// What told a secret, and which.
#[derive(Default)]
struct Leaks(Vec<String>);

impl Leaks {
    fn look(&mut self, what: &str, text: &str) {
        for place in PLACES.iter().filter(|place| text.contains(&secret(place))) {
            self.0
                .push(format!("{what} tells the secret planted in {place}"));
        }
    }

    fn none(&self) {
        assert!(self.0.is_empty(), "{:#?}", self.0);
    }
}

#[test]
fn no_output_tells_a_planted_secret() {
    let mut leaks = Leaks::default();
    let place = place();
    let recorded = ["config.json", "--live", "live.json"];
    let assumed = [
        "config.json",
        "--live",
        "old/config.json",
        "--at",
        "2026-05-04",
    ];
    for sides in [&recorded[..], &assumed[..]] {
        for format in ["table", "markdown", "json"] {
            let arguments = [&["plan"], sides, &["--format", format]].concat();
            let run = place.run(&arguments).expect(0);
            leaks.look(&format!("{arguments:?}"), &(run.stdout + &run.stderr));
        }
    }
    let rows: [&[&str]; 6] = [
        &["diff", "config.json", "--live", "live.json"],
        &["diff", "config.json", "--live", "live.json", "--text"],
        &[
            "diff",
            "config.json",
            "--live",
            "live.json",
            "--format",
            "json",
        ],
        &["observe", "--live", "live.json"],
        &["observe", "--live", "old/config.json"],
        &["observe", "config.json", "--live", "live.json"],
    ];
    for arguments in rows {
        let run = place.run(arguments).expect(0);
        leaks.look(&format!("{arguments:?}"), &(run.stdout + &run.stderr));
    }
    for name in ["plan", "planset", "observation", "fleet"] {
        leaks.look(name, &place.run(&["schema", name]).expect(0).stdout);
    }
    leaks.none();
}

#[test]
fn no_file_tells_a_planted_secret() {
    let mut leaks = Leaks::default();
    let place = place();
    let plan = [
        "plan",
        "config.json",
        "--live",
        "live.json",
        "--out",
        "out/plans",
        "--json-into",
        "out/set.json",
    ];
    place.run(&plan).expect(0);
    place
        .run(&[
            "observe",
            "config.json",
            "--live",
            "live.json",
            "--out",
            "out/recorded",
        ])
        .expect(0);
    place.run(&["man", "--out", "out/man"]).expect(0);
    let files = files_below(&place.work().join("out"));
    assert!(
        files.iter().any(|file| file.contains("/files/")),
        "no per-step file: {files:?}"
    );
    for file in &files {
        leaks.look(file, &read(&place.work().join("out").join(file)));
    }
    let set: Value = serde_json::from_str(&read(&place.work().join("out/set.json"))).expect("JSON");
    let id = set["clusters"][0]["id"].as_str().expect("an id").to_owned();
    for format in ["table", "markdown", "json"] {
        let run = place
            .run(&["show", &id, "--dir", "out/plans", "--format", format])
            .expect(0);
        leaks.look("show", &(run.stdout + &run.stderr));
    }
    for step in set["clusters"][0]["steps"].as_array().expect("a list") {
        let step = step["id"].as_str().expect("an id");
        let run = place
            .run(&["explain", step, "--plan", &id, "--dir", "out/plans"])
            .expect(0);
        leaks.look(step, &(run.stdout + &run.stderr));
    }
    leaks.none();
}

#[test]
fn the_secrets_are_really_there_and_their_change_is_seen() {
    let place = place();
    let rendered = place.run(&["render", "config.json"]).expect(0).stdout;
    for planted in [
        "override",
        "override-document",
        "pre-bootstrap",
        "bottlerocket",
        "configuration",
        "gitops",
    ] {
        assert!(rendered.contains(&secret(planted)), "{planted}");
    }
    let run = place
        .run(&[
            "diff",
            "config.json",
            "--live",
            "live.json",
            "--format",
            "json",
        ])
        .expect(0);
    let text = run.json().to_string();
    for field in [
        "overrideBootstrapCommand",
        "preBootstrapCommands",
        "bottlerocket.settings",
        "configurationValues",
    ] {
        assert!(
            text.contains(field),
            "{field} differs and nobody says so: {text}"
        );
    }
    assert!(text.contains("[redacted sha256:"), "{text}");
}
