//! Fleets of real-sized clusters for benches: seeded, so that every run measures the same bytes.
//!
//! ```text
//! (seed, index) ─traits─▶ git and live jsonnet ─render─▶ config file
//!                                    └────────▶ recorded observation
//! ```

mod facts;
mod rng;
mod text;

use stairway::render::{self, RenderOptions, WorkerMode, to_yaml};
use stairway_core::catalog::Catalog;
use stairway_core::model::canonical_bytes;
use stairway_core::model::clusterconfig::{Config, Desired, read_documents};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use text::Situation;

/// Another number gives another fleet of the same kind.
pub(crate) const SEED: u64 = 20_261_101;

/// Waivers of the whole fleet.
const WAIVERS: usize = 12;

/// In what form configs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Jsonnet,
    Json,
    Yaml,
}

impl Form {
    pub(crate) const fn ending(self) -> &'static str {
        match self {
            Self::Jsonnet => "jsonnet",
            Self::Json => "json",
            Self::Yaml => "yaml",
        }
    }
}

/// A fleet to write.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    /// Where to.
    pub(crate) folder: PathBuf,
    /// Sizes of the fleets; each is the beginning of the largest.
    pub(crate) sizes: Vec<usize>,
    /// The form of the configs.
    pub(crate) form: Form,
    /// The seed.
    pub(crate) seed: u64,
}

/// Returns the name of a cluster.
pub(crate) fn name_of(index: usize) -> String {
    format!("c{index:05}")
}

/// Returns the config of a cluster, relative to its fleet.
pub(crate) fn config_of(index: usize, form: Form) -> String {
    format!("clusters/{}.{}", name_of(index), form.ending())
}

/// Returns the observation of a cluster, relative to its fleet.
pub(crate) fn observation_of(index: usize) -> String {
    format!("recorded/{}.observed.json", name_of(index))
}

/// Returns the fleet file for the first `size` clusters.
pub(crate) fn fleet_file(size: usize) -> String {
    format!("fleet-{size}.yaml")
}

/// Writes the fleets and returns the bytes of each config as JSON, by index.
pub(crate) fn write(order: &Order) -> Vec<usize> {
    let Order {
        folder,
        sizes,
        form,
        seed,
    } = order;
    for inner in ["clusters", "live", "lib", "recorded"] {
        fs::create_dir_all(folder.join(inner)).expect("a folder");
    }
    put(
        &folder.join("lib/eksctl.libsonnet"),
        include_str!("../../templates/lib/eksctl.libsonnet"),
    );
    put(&folder.join("lib/fleet.libsonnet"), &text::library());
    let largest = sizes.iter().copied().max().unwrap_or(0);
    for size in sizes {
        put(&folder.join(fleet_file(*size)), &fleet_text(*size, *form));
    }
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut written: Vec<(usize, usize)> = std::thread::scope(|scope| {
        let work = || {
            let mut mine = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= largest {
                    return mine;
                }
                mine.push((index, write_cluster(folder, index, *form, *seed)));
            }
        };
        let all: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        all.into_iter()
            .flat_map(|thread| thread.join().expect("a thread"))
            .collect()
    });
    fs::remove_dir_all(folder.join("live")).expect("the folder was just made");
    written.sort_unstable();
    written.into_iter().map(|(_, bytes)| bytes).collect()
}

/// Writes one cluster and returns the size of its config as JSON.
fn write_cluster(folder: &Path, index: usize, form: Form, seed: u64) -> usize {
    let sides = text::sides(index, seed);
    let git = folder.join(config_of(index, Form::Jsonnet));
    put(&git, &sides.git);
    let document = rendered(&git, folder);
    let json = canonical_bytes(&document);
    let config = folder.join(config_of(index, form));
    match form {
        Form::Jsonnet => {}
        // As jsonnet and most people write it: two blanks for each level.
        Form::Json => put(&config, &format!("{document:#}\n")),
        Form::Yaml => put(&config, &to_yaml(&document)),
    }
    if form != Form::Jsonnet {
        fs::remove_file(&git).expect("the file was just made");
    }
    let live = folder.join(format!("live/{}.jsonnet", name_of(index)));
    put(&live, &sides.live);
    let observed = facts::observe(
        &desired(&rendered(&live, folder)),
        &sides,
        Catalog::embedded(),
    );
    let mut bytes = serde_json::to_vec_pretty(&observed).expect("JSON");
    bytes.push(b'\n');
    fs::write(folder.join(observation_of(index)), bytes).expect("a file");
    json.len()
}

/// Renders a file of our own making.
fn rendered(path: &Path, root: &Path) -> serde_json::Value {
    let options = RenderOptions {
        root: Some(root.to_path_buf()),
        worker: WorkerMode::InProcess,
        ..RenderOptions::default()
    };
    let rendered = render::render_file(path, &options).expect("a config of ours renders");
    rendered
        .documents
        .into_iter()
        .next()
        .expect("one document")
        .value
}

/// Reads a rendered config.
pub(crate) fn desired(document: &serde_json::Value) -> Desired {
    let configs = read_documents(std::slice::from_ref(document)).expect("a config of ours");
    match configs.into_iter().next() {
        Some(Config::Eks(desired)) => *desired,
        other => panic!("no EKS config: {other:?}"),
    }
}

fn fleet_text(size: usize, form: Form) -> String {
    let mut out = String::from(
        "apiVersion: stairway/v1\nkind: Fleet\nwaves: [canary, rest]\n\
         policy:\n  bake: 30m\n  activity:\n    - {namespace: \"*\", selector: \"component=singleuser-server\"}\n\
         \x20 windows:\n    - {days: [sat, sun], from: \"04:00\", for: 16h}\n\
         waivers:\n",
    );
    for number in 0..WAIVERS {
        let _infallible = writeln!(
            out,
            "  - {{code: STW-R8-PDB, cluster: \"c{number:03}*\", subject: \"nodegroup nb-*\", reason: \"notebooks are restarted on weekends\", owner: team-{number}, expires: 2027-06-30T00:00:00Z}}"
        );
    }
    out.push_str("clusters:\n");
    for index in 0..size {
        let (name, config, recorded) = (
            name_of(index),
            config_of(index, form),
            observation_of(index),
        );
        let wave = if index % 10 == 0 { "canary" } else { "rest" };
        let _infallible = writeln!(
            out,
            "  - {{name: {name}, config: {config}, wave: {wave}, live: {{recorded: {recorded}}}{}}}",
            if Situation::of(index) == Situation::PhaseOut {
                ", nodegroups: {\"nb-*\": {strategy: phase-out}}"
            } else {
                ""
            }
        );
    }
    out
}

fn put(path: &Path, text: &str) {
    fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
