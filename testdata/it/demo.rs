//! The demo fleet's recorded observations are what its live configs and facts say.
//!
//! `UPDATE_TESTDATA=1 cargo test --test it demo` writes them again.

use crate::demo_facts::{Facts, observe};
use crate::support::{DEMO_CLUSTERS, is_set, read, testdata, write};
use serde_json::Value;
use stairway::render::{RenderOptions, WorkerMode, render_file};
use stairway_core::catalog::Catalog;
use stairway_core::model::clusterconfig::{Config, Desired, read_documents};

/// Renders a config of the demo with the real library and the real binary's worker.
fn render(path: &str) -> Desired {
    let worker = WorkerMode::Command {
        program: env!("CARGO_BIN_EXE_stairway").into(),
        args: vec![stairway::render::WORKER_ARGUMENT.into()],
    };
    let root = Some(crate::support::top());
    let options = RenderOptions {
        root,
        worker,
        ..RenderOptions::default()
    };
    let rendered = render_file(&testdata(path), &options).expect("the demo renders");
    let documents: Vec<Value> = rendered.documents.into_iter().map(|d| d.value).collect();
    match read_documents(&documents).expect("a config").pop() {
        Some(Config::Eks(desired)) => *desired,
        other => panic!("{path} is no EKS cluster: {other:?}"),
    }
}

fn generate(name: &str) -> String {
    let facts: Facts =
        serde_json::from_str(&read(&testdata(&format!("demo/live/{name}.facts.json"))))
            .unwrap_or_else(|error| panic!("{name}.facts.json: {error}"));
    let offers = serde_json::from_str(&read(&testdata("demo/live/addon-versions.json")))
        .expect("addon-versions.json");
    let live = render(&format!("demo/live/{name}.jsonnet"));
    let observation = observe(&live, &facts, offers, Catalog::embedded());
    assert_eq!(
        observation.contradictions(),
        Vec::<String>::new(),
        "{name} contradicts itself"
    );
    let mut text = serde_json::to_string_pretty(&observation).expect("JSON");
    text.push('\n');
    text
}

#[test]
fn recorded_observations_are_what_live_configs_and_facts_say() {
    for name in DEMO_CLUSTERS {
        let generated = generate(name);
        let path = testdata(&format!("demo/recorded/{name}.observed.json"));
        if is_set("UPDATE_TESTDATA") {
            write(&path, &generated);
        }
        let same = path.exists() && read(&path) == generated;
        assert!(
            same,
            "{name}.observed.json is stale; UPDATE_TESTDATA=1 writes it again"
        );
    }
}

#[test]
fn recorded_observations_hold_no_bootstrap_command_and_no_configuration_in_clear() {
    for name in DEMO_CLUSTERS {
        let text = generate(name);
        assert!(!text.contains("NodeConfig"), "{name}");
        assert!(!text.contains("serializeImagePulls:"), "{name}");
    }
}
