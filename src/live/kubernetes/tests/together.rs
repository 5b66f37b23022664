//! Two pictures as one, and everything asked for at once.

use super::super::{KubernetesReader, combine};
use super::served::around;
use crate::kubernetes::{Access, Credentials, Limits, Reads};
use stairway_core::model::{
    ClusterId, ControlPlane, Known, LiveAddon, Observation, Update, Workload,
};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Barrier};
use std::time::Duration;

fn id() -> ClusterId {
    ClusterId {
        name: "c".to_owned(),
        region: String::new(),
        account_id: None,
        endpoint: None,
        certificate_authority: None,
    }
}

fn plane(version: Known<&str>) -> Known<ControlPlane> {
    Known::Value(ControlPlane {
        version: match version {
            Known::Value(text) => Known::Value(text.parse().expect("a minor")),
            Known::Absent => Known::Absent,
            Known::Unknown(why) => Known::Unknown(why),
        },
        status: Known::default(),
        platform_version: Known::default(),
        created_at: Known::default(),
        support_type: Known::default(),
        auto_mode: Known::default(),
        settings: serde_json::Map::new(),
        settings_complete: false,
    })
}

fn picture(source: &str, version: Known<&str>, at: &str) -> Observation {
    let mut seen = Observation::unknown(id(), source);
    seen.control_plane = plane(version);
    seen.observed_at = Known::Value(at.parse().expect("a time"));
    seen
}

fn update(kind: &str, status: &str, nodegroup: Option<&str>) -> Update {
    Update {
        id: "u".to_owned(),
        kind: kind.to_owned(),
        status: status.to_owned(),
        version: Known::default(),
        created_at: Known::default(),
        finished_at: Known::default(),
        nodegroup: nodegroup.map(str::to_owned),
        addon: None,
        errors: Vec::new(),
    }
}

const EARLY: &str = "2026-01-01T00:00:00Z";
const LATE: &str = "2026-02-01T00:00:00Z";

#[test]
#[expect(clippy::too_many_lines, reason = "a table, one sentence a row")]
fn two_versions_of_one_control_plane_are_not_papered_over() {
    let unknown = || Known::Unknown("why".to_owned());
    let rows = [
        (
            "both say the same",
            Known::Value("1.33"),
            Known::Value("1.33"),
            None,
            Some("1.33"),
        ),
        (
            "they differ",
            Known::Value("1.34"),
            Known::Value("1.33"),
            None,
            None,
        ),
        (
            "they differ during an update",
            Known::Value("1.34"),
            Known::Value("1.33"),
            Some(update("VersionUpdate", "InProgress", None)),
            Some("1.33"),
        ),
        (
            "they differ during a rollback",
            Known::Value("1.34"),
            Known::Value("1.33"),
            Some(update("VersionRollback", "InProgress", None)),
            Some("1.33"),
        ),
        (
            "the update is over",
            Known::Value("1.34"),
            Known::Value("1.33"),
            Some(update("VersionUpdate", "Successful", None)),
            None,
        ),
        (
            "the update is of a nodegroup",
            Known::Value("1.34"),
            Known::Value("1.33"),
            Some(update("VersionUpdate", "InProgress", Some("g"))),
            None,
        ),
        (
            "the update is of a setting",
            Known::Value("1.34"),
            Known::Value("1.33"),
            Some(update("ConfigUpdate", "InProgress", None)),
            None,
        ),
        (
            "EKS does not know",
            Known::Value("1.34"),
            unknown(),
            None,
            Some("1.34"),
        ),
        (
            "the API server does not know",
            unknown(),
            Known::Value("1.33"),
            None,
            Some("1.33"),
        ),
    ];
    for (sentence, told, eks, going_on, wanted) in rows {
        let kubernetes = picture("kubernetes: context c (v1)", told, LATE);
        let mut cloud = picture("eks", eks, EARLY);
        cloud.updates = Known::Value(going_on.into_iter().collect());
        let both = combine(kubernetes, cloud);
        let found = both.version().map(|version| version.to_string());
        assert_eq!(found.as_deref(), wanted, "{sentence}");
        if wanted.is_none() {
            let why = both
                .control_plane
                .value()
                .and_then(|plane| plane.version.unknown());
            let why = why.expect("a reason");
            assert!(
                why.contains("EKS says 1.33") && why.contains("says 1.34"),
                "{why}"
            );
        }
    }
    let kubernetes = picture("kubernetes: context c (v1)", Known::Value("1.34"), LATE);
    let mut cloud = picture("eks", Known::Absent, EARLY);
    cloud.control_plane = Known::Unknown("throttled".to_owned());
    assert_eq!(
        combine(kubernetes, cloud)
            .version()
            .map(|v| v.to_string())
            .as_deref(),
        Some("1.34")
    );
}

#[test]
fn each_side_tells_its_own_facts_and_a_world_its_time() {
    for (source, at) in [("world", EARLY), ("eks", LATE)] {
        let mut kubernetes = picture("kubernetes: context c (v1)", Known::Value("1.33"), LATE);
        kubernetes.nodes = Known::Value(Vec::new());
        kubernetes.subnets = Known::Value(Vec::new());
        let workload = |name: &str| Workload {
            kind: "DaemonSet".to_owned(),
            namespace: "kube-system".to_owned(),
            name: name.to_owned(),
            version: Known::default(),
            rolled_out: Known::Value(true),
        };
        kubernetes.workloads = Known::Value(vec![workload("aws-node"), workload("kube-proxy")]);
        let mut cloud = picture(source, Known::Value("1.33"), EARLY);
        cloud.nodes = Known::Unknown("EKS does not tell nodes".to_owned());
        cloud.stacks = Known::Value(Vec::new());
        cloud.addons = Known::Value(vec![LiveAddon {
            name: "vpc-cni".to_owned(),
            version: Known::default(),
            status: Known::default(),
            spec: serde_json::Map::new(),
            spec_complete: false,
            health: Known::default(),
        }]);
        let all = combine(
            kubernetes.clone(),
            Observation {
                addons: Known::default(),
                ..cloud.clone()
            },
        );
        assert_eq!(
            all.workloads.items().len(),
            2,
            "nobody knows what EKS manages"
        );
        let both = combine(kubernetes, cloud);
        assert_eq!(both.sources, ["kubernetes: context c (v1)", source]);
        assert_eq!(
            both.observed_at.value().map(ToString::to_string).as_deref(),
            Some(at)
        );
        assert_eq!(both.nodes, Known::Value(Vec::new()));
        assert_eq!(both.stacks, Known::Value(Vec::new()));
        assert!(both.subnets.is_unknown(), "subnets are AWS's to tell");
        let names: Vec<&str> = both
            .workloads
            .items()
            .iter()
            .map(|one| one.name.as_str())
            .collect();
        assert_eq!(
            names,
            ["kube-proxy"],
            "the workload of an add-on of EKS is EKS's to tell"
        );
    }
}

/// How many things are asked for after the version.
const ASKED: usize = 14;

/// The kinds of what is asked for, by what stands last in a path.
const KINDS: [(&str, &str); 13] = [
    ("nodes", "NodeList"),
    ("pods", "PodList"),
    ("poddisruptionbudgets", "PodDisruptionBudgetList"),
    ("replicasets", "ReplicaSetList"),
    ("persistentvolumes", "PersistentVolumeList"),
    ("persistentvolumeclaims", "PersistentVolumeClaimList"),
    ("daemonsets", "DaemonSetList"),
    ("deployments", "DeploymentList"),
    ("services", "ServiceList"),
    ("kube-system", "Namespace"),
    ("aws-auth", "ConfigMap"),
    (
        "mutatingwebhookconfigurations",
        "MutatingWebhookConfigurationList",
    ),
    (
        "validatingwebhookconfigurations",
        "ValidatingWebhookConfigurationList",
    ),
];

fn empty(path: &str) -> String {
    let last = path
        .split('?')
        .next()
        .and_then(|path| path.rsplit('/').next());
    let kind = KINDS.iter().find(|(name, _)| Some(*name) == last);
    let kind = kind.map_or("", |(_, kind)| *kind);
    format!(r#"{{"kind": "{kind}", "metadata": {{"resourceVersion": "1"}}, "items": []}}"#)
}

/// Answers the version at once, and everything else only when all of it has been asked for.
fn answer(stream: TcpStream, all_here: &Barrier) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        while line.trim_end() != "" {
            line.clear();
            reader.read_line(&mut line)?;
        }
        let body = match path.as_str() {
            "/version" => r#"{"gitVersion": "v1.33.1-eks-1"}"#,
            "/metrics" => "",
            other => &empty(other),
        };
        if path != "/version" {
            all_here.wait();
        }
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )?;
    }
}

#[test]
fn everything_is_asked_for_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let all_here = Arc::new(Barrier::new(ASKED));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let all_here = Arc::clone(&all_here);
            // A client that goes away is no error.
            std::thread::spawn(move || drop(answer(stream, &all_here)));
        }
    });
    let access = Access {
        context: "fake".to_owned(),
        shown: "no file".to_owned(),
        endpoint: format!("http://127.0.0.1:{port}"),
        authority: Vec::new(),
        server_name: None,
        credentials: Credentials::None,
    };
    // Had one waited for another, neither would be answered.
    let limits = Limits {
        request: Duration::from_secs(60),
        attempts: 1,
        ..Limits::default()
    };
    let reads = Reads::open(access, limits, around()).expect("a connection");
    let reader = KubernetesReader {
        reads: reads.clone(),
        cluster: id(),
    };
    let seen = reader.read().expect("a picture");
    assert_eq!(seen.nodes, Known::Value(Vec::new()));
    assert_eq!(seen.pods, Known::Value(Vec::new()));
    assert_eq!(seen.webhooks, Known::Value(Vec::new()));
    assert_eq!(seen.deprecated_apis, Known::Value(Vec::new()));
    assert_eq!(seen.aws_auth_users, Known::Value(0));
    assert_eq!(reads.traffic().requests, 1 + ASKED as u64);
    assert_eq!(seen.sources, ["kubernetes: context fake (v1.33.1-eks-1)"]);
}
