//! Clusters that are reached through the Kubernetes API, served from the embedded world: observed, planned and
//! applied exactly as in process.

use crate::runs::{PAUSED, Scene};
use crate::support::{DEMO_FLEET, Place, read, testdata};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Stdio};

/// A server that its test forgot ends by itself.
const IDLE: &str = "120";
const WORLD: &str = "testdata/demo/worlds/demo.yaml";
/// Outside of the repository: no credentials are read from what is planned.
const KUBECONFIG: &str = "../home/.kube/stairway-demo";

/// The server of a world.
pub(crate) struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}

/// Serves the demo's world and returns when it answers.
pub(crate) fn serve(place: &Place, options: &[&str]) -> Server {
    let line = [
        "world",
        "serve",
        WORLD,
        "--kubeconfig",
        KUBECONFIG,
        "--until-idle",
        IDLE,
    ];
    let mut child = place
        .command(&[&line, options].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the server starts");
    let mut first = String::new();
    let out = child.stdout.as_mut().expect("a pipe");
    BufReader::new(out).read_line(&mut first).expect("a line");
    if first.is_empty() {
        let mut said = String::new();
        let err = child.stderr.as_mut().expect("a pipe");
        err.read_to_string(&mut said).expect("text");
        panic!("it does not serve: {said}");
    }
    Server(child)
}

/// Returns a fleet file in which every cluster is read through the API, and its world answers for AWS.
fn behind_apis(fleet: &str) -> String {
    let mut name = String::new();
    let mut lines = Vec::new();
    for line in fleet.lines() {
        if let Some((_, named)) = line.split_once("- name: ") {
            named.clone_into(&mut name);
        }
        let kubernetes = format!("{{context: {name}, kubeconfig: ~/.kube/stairway-demo}}");
        let line = line.replace(
            "live: {world: worlds/demo.yaml}",
            &format!("live: {{kubernetes: {kubernetes}}}"),
        );
        lines.push(line.replace("aws: {profile", "aws: {world: worlds/demo.yaml, profile"));
    }
    format!("{}\n", lines.join("\n"))
}

/// Lets the clusters of a copy of the demo be read through the API.
pub(crate) fn through_apis(place: &Place) {
    let fleet = behind_apis(&read(&place.work().join(DEMO_FLEET)));
    assert_eq!(fleet.matches("kubernetes:").count(), 8, "{fleet}");
    place.file(DEMO_FLEET, &fleet);
}

#[test]
fn the_served_fleet_of_the_demo_is_the_other_one_behind_apis() {
    let body = |name: &str| {
        let text = read(&testdata(name));
        let begin = text.find("apiVersion").expect("a fleet");
        text[begin..].to_owned()
    };
    assert_eq!(
        behind_apis(&body("demo/fleet.yaml")),
        body("demo/fleet-served.yaml")
    );
}

/// What a reading through the API may add, and nothing else: where it was read.
fn without_places(mut observed: Value) -> Value {
    for one in observed.as_array_mut().expect("several") {
        one["sources"] = json!([]);
        let cluster = one["cluster"].as_object_mut().expect("a cluster");
        for key in ["endpoint", "certificate_authority"] {
            cluster.remove(key);
        }
    }
    observed
}

fn observed(place: &Place) -> Value {
    let run = place.run(&["observe", "--fleet", DEMO_FLEET]);
    run.expect(0).json()
}

#[test]
fn every_fact_read_through_the_api_is_the_one_in_process() {
    let scene = Scene::new(0);
    let place = &scene.place;
    let within = observed(place);
    through_apis(place);
    let _server = serve(place, &["--role", "plan"]);
    let through = observed(place);
    let sources = through[0]["sources"].to_string();
    assert!(sources.contains("kubernetes"), "{sources}");
    let endpoint = &through[0]["cluster"]["endpoint"];
    assert!(
        endpoint
            .as_str()
            .is_some_and(|url| url.starts_with("https://127.0.0.1:")),
        "{endpoint}"
    );
    let (within, through) = (without_places(within), without_places(through));
    let pairs = within.as_array().expect("several").iter();
    for (one, other) in pairs.zip(through.as_array().expect("several")) {
        let name = &one["cluster"]["name"];
        let keys: BTreeSet<&String> = [one, other]
            .into_iter()
            .flat_map(|seen| seen.as_object().expect("facts").keys())
            .collect();
        let mut counted = 0;
        for key in keys {
            let (one, other) = (&one[key], &other[key]);
            let items = one.as_array().into_iter().flatten();
            // Item by item, so that a failure shows the one that differs.
            for (index, item) in items.enumerate() {
                assert_eq!(*item, other[index], "`{key}` of {name}");
                counted += 1;
            }
            assert_eq!(size(one), size(other), "how many `{key}` of {name}");
            assert!(one == other, "`{key}` of {name}");
        }
        assert!(counted > 20, "{name} has {counted} facts");
    }
}

fn size(value: &Value) -> Option<usize> {
    value.as_array().map(Vec::len)
}

/// What a plan does, without what it was made from.
fn essence(set: &Value) -> Vec<Vec<(&'static str, Value)>> {
    let plans = set["clusters"].as_array().expect("plans");
    let keys = [
        "name",
        "from",
        "to",
        "differences",
        "steps",
        "not_now",
        "findings",
        "summary",
    ];
    let of = |plan: &Value| keys.iter().map(|key| (*key, plan[*key].clone())).collect();
    plans.iter().map(of).collect()
}

#[test]
fn plans_through_the_api_are_those_in_process() {
    let scene = Scene::new(0);
    let place = &scene.place;
    let line = ["plan", "--fleet", DEMO_FLEET, "--format", "json"];
    let within = place.run(&line).expect(0).json();
    through_apis(place);
    let _server = serve(place, &["--role", "plan"]);
    let through = place.run(&line).expect(0).json();
    let identity = &through["clusters"][0]["identity"];
    assert!(identity["endpoint"].is_string(), "{identity}");
    for (one, other) in essence(&within).into_iter().zip(essence(&through)) {
        for (key, one, other) in one
            .into_iter()
            .zip(other)
            .map(|((key, a), (_, b))| (key, a, b))
        {
            assert!(one == other, "`{key}`:\n{one}\n{other}");
        }
    }
    let again = place.run(&line).expect(0).json();
    assert!(through == again, "two plans through the API differ");
}

/// Applies a cluster's plan, and waits its pauses out.
fn carry(scene: &Scene, cluster: &str) {
    let run = scene.apply(cluster, &[]);
    match run.code {
        0 => {}
        PAUSED => scene.to_the_end(cluster),
        code => panic!("{cluster}: exit {code}: {}", run.stderr),
    }
}

#[test]
fn what_is_applied_through_the_api_ends_as_in_process() {
    for cluster in ["harbor", "meadow", "glacier"] {
        let within = Scene::new(0);
        carry(&within, cluster);
        let through = Scene::new(0);
        through_apis(&through.place);
        let server = serve(&through.place, &["--role", "apply"]);
        std::fs::remove_dir_all(through.place.work().join("plans")).expect("plans");
        through.plan();
        carry(&through, cluster);
        assert_eq!(
            within.essence(cluster),
            through.essence(cluster),
            "{cluster}"
        );
        assert_eq!(
            steps(&within, cluster),
            steps(&through, cluster),
            "{cluster}"
        );
        let again = ["plan", cluster, "--fleet", DEMO_FLEET];
        let nothing = through.place.run(&again).expect(0).stdout;
        drop(server);
        assert_eq!(
            within.place.run(&again).expect(0).stdout,
            nothing,
            "{cluster}"
        );
    }
}

/// The steps that the journal says were done, in their order.
fn steps(scene: &Scene, cluster: &str) -> Vec<String> {
    let journal = scene.journal(cluster);
    let events = journal
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let done = events.filter(|event| event["event"] == "step-observed");
    let done: Vec<String> = done.map(|event| event["step"].to_string()).collect();
    assert!(!done.is_empty(), "{journal}");
    done
}
