//! The demo fleet, carried out on the embedded world.

use crate::generate::Case;
use crate::walk;
use stairway::render::{RenderOptions, WorkerMode, render_file};
use stairway_core::diff::normalize::redact_observation;
use stairway_core::model::clusterconfig::{Config, read_documents};
use stairway_core::model::{Known, Observation};
use stairway_core::policy::settings::{GroupSettings, Settings, Strategy};
use stairway_world::World;
use std::path::Path;

pub(crate) const CLUSTERS: [&str; 8] = [
    "canyon", "delta", "glacier", "harbor", "lagoon", "meadow", "summit", "tundra",
];

pub(crate) fn case(name: &str) -> Case {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/demo");
    let options = RenderOptions {
        worker: WorkerMode::InProcess,
        ..RenderOptions::default()
    };
    let rendered = render_file(&demo.join(format!("clusters/{name}.jsonnet")), &options)
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    let values: Vec<_> = rendered.documents.into_iter().map(|d| d.value).collect();
    let desired = match read_documents(&values).expect("a config").pop() {
        Some(Config::Eks(desired)) => *desired,
        other => panic!("{name}: {other:?}"),
    };
    let path = demo.join(format!("recorded/{name}.observed.json"));
    let text = stairway::files::read_text(&path, 64 << 20).expect("a recorded observation");
    let observed: Observation = serde_json::from_str(&text).expect("an observation");
    let observed = redact_observation(
        observed.sorted(),
        stairway_core::catalog::Catalog::embedded(),
    );
    let mut settings = Settings::default();
    for glob in ["nb-*", "gpu-*"] {
        let strategy = (name != "meadow").then_some(Strategy::PhaseOut);
        let choice = GroupSettings {
            strategy,
            ..GroupSettings::default()
        };
        settings.nodegroups.insert(glob.to_owned(), choice);
    }
    let at = *observed.observed_at.value().expect("a time");
    Case {
        desired,
        observed,
        settings,
        at,
    }
}

/// Law 5 on the demo fleet: what can run leads to where nothing is left to do.
#[test]
fn planning_the_end_of_every_demo_plan_is_empty() {
    for name in CLUSTERS {
        let case = case(name);
        let planned = walk::plan(&case, &case.observed);
        let offers = match &case.observed.addon_versions {
            Known::Value(offers) => offers.clone(),
            Known::Absent | Known::Unknown(_) => walk::offers(),
        };
        let files = planned
            .files
            .iter()
            .map(|(name, file)| (name.clone(), file.text.clone()))
            .collect();
        let mut world = World::of(case.observed.clone(), offers, case.at);
        for step in &planned.plan.steps {
            walk::run(step, &files, &mut world).unwrap_or_else(|why| panic!("{name}: {why}"));
        }
        assert!(world.mishaps.is_empty(), "{name}: {:?}", world.mishaps);
        let again = walk::plan(&case, &walk::observe(&world));
        let steps: Vec<&String> = again.plan.steps.iter().map(|step| &step.id).collect();
        assert!(steps.is_empty(), "{name}: plans again {steps:?}");
    }
}
