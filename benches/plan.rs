//! What each part of a plan costs, for one cluster of real size: `cargo bench --bench plan`

#![expect(
    clippy::disallowed_methods,
    reason = "benches write and read files of their own"
)]

mod fleet;

use divan::{Bencher, black_box};
use fleet::{Form, Order, SEED};
use stairway::live::Outside;
use stairway::pipeline::{PlanOptions, RunOptions, Scope, observe_file, plan_cluster, run, select};
use stairway::render::{RenderOptions, WORKER_ARGUMENT, WorkerMode, render_file};
use stairway_core::audit;
use stairway_core::catalog::Catalog;
use stairway_core::diff::compare;
use stairway_core::make_plan;
use stairway_core::model::clusterconfig::Desired;
use stairway_core::model::{Observation, Timestamp, canonical_bytes};
use stairway_core::plan::wire::{Inputs, PLAN_FORMAT, PlanSet};
use stairway_core::plan::{PlanInput, Planned, propose};
use stairway_core::policy::settings::Settings;
use stairway_core::report::{Look, Sheet, plan_markdown, plan_table, planset_markdown};
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// Four minors up with every group replaced: the largest plan there is.
const CLUSTER: usize = 0;
/// Clusters of the fleet that goes through the pipeline.
const FLEET: usize = 100;
const FORMS: [&str; 3] = ["jsonnet", "json", "yaml"];

/// One fleet in each form, made once and removed by the system's temporary folder.
static FOLDERS: LazyLock<Vec<tempfile::TempDir>> = LazyLock::new(|| {
    [Form::Jsonnet, Form::Json, Form::Yaml]
        .into_iter()
        .map(|form| {
            let folder = tempfile::tempdir().expect("a folder");
            let sizes = vec![if form == Form::Jsonnet { FLEET } else { 1 }];
            let order = Order {
                folder: folder.path().to_path_buf(),
                sizes,
                form,
                seed: SEED,
            };
            fleet::write(&order);
            folder
        })
        .collect()
});

fn folder(form: &str) -> (&'static Path, Form) {
    let nth = FORMS.iter().position(|name| *name == form).unwrap_or(0);
    (
        FOLDERS[nth].path(),
        [Form::Jsonnet, Form::Json, Form::Yaml][nth],
    )
}

struct Cluster {
    desired: Desired,
    observed: Observation,
    settings: Settings,
}

static LOADED: LazyLock<Cluster> = LazyLock::new(|| {
    let (folder, form) = folder("json");
    let options = RenderOptions::default();
    let config = folder.join(fleet::config_of(CLUSTER, form));
    let rendered = render_file(&config, &options).expect("a config");
    let recorded = folder.join(fleet::observation_of(CLUSTER));
    let live = observe_file(&recorded, &options, Catalog::embedded()).expect("an observation");
    Cluster {
        desired: fleet::desired(&rendered.documents[0].value),
        observed: live.observation,
        settings: Settings::default(),
    }
});

fn input(cluster: &Cluster) -> PlanInput<'_> {
    PlanInput {
        wave: None,
        missing_files: Vec::new(),
        name: cluster.desired.cluster.name.clone(),
        desired: &cluster.desired,
        observed: &cluster.observed,
        assumed: false,
        at: Timestamp::from_unix(1_793_512_800),
        to: None,
        replace: BTreeSet::new(),
        settings: &cluster.settings,
        catalog: Catalog::embedded(),
        inputs: Inputs {
            observation_kind: "recorded".to_owned(),
            ..Inputs::default()
        },
    }
}

fn planned() -> Planned {
    let planned = make_plan(&input(&LOADED));
    assert!(
        planned.plan.steps.len() > 20,
        "the bench plans nothing: {:#?}",
        planned.plan.findings
    );
    planned
}

/// Without the worker process, which takes files one after the other and is started once for many.
#[divan::bench(args = FORMS)]
fn render_one(bencher: Bencher<'_, '_>, form: &str) {
    let (folder, form) = folder(form);
    let config = folder.join(fleet::config_of(CLUSTER, form));
    let options = RenderOptions {
        root: Some(folder.to_path_buf()),
        worker: WorkerMode::InProcess,
        ..RenderOptions::default()
    };
    bencher.bench(|| render_file(black_box(&config), &options).expect("a config"));
}

#[divan::bench]
fn read_observation(bencher: Bencher<'_, '_>) {
    let path = folder("json").0.join(fleet::observation_of(CLUSTER));
    let options = RenderOptions::default();
    bencher.bench(|| {
        observe_file(black_box(&path), &options, Catalog::embedded()).expect("an observation")
    });
}

#[divan::bench]
fn normalise_and_diff(bencher: Bencher<'_, '_>) {
    let Cluster {
        desired,
        observed,
        settings,
    } = &*LOADED;
    let who = ("c", Timestamp::from_unix(1_793_512_800));
    bencher.bench(|| {
        compare(
            black_box(desired),
            observed,
            settings,
            Catalog::embedded(),
            who,
        )
    });
}

#[divan::bench]
fn propose_with_diff(bencher: Bencher<'_, '_>) {
    let input = input(&LOADED);
    bencher.bench(|| propose(black_box(&input)));
}

#[divan::bench]
fn audit_plan(bencher: Bencher<'_, '_>) {
    let planned = planned();
    bencher.bench(|| {
        audit::check(
            black_box(&planned),
            &LOADED.observed,
            Catalog::embedded(),
            &|name, _| name.starts_with("core"),
        )
    });
}

#[divan::bench]
fn canonical_json(bencher: Bencher<'_, '_>) {
    let planned = planned();
    bencher.bench(|| canonical_bytes(black_box(&planned.plan)));
}

#[divan::bench]
fn report_markdown(bencher: Bencher<'_, '_>) {
    let planned = planned();
    bencher.bench(|| plan_markdown(black_box(&planned.plan)));
}

/// A set as `stairway plan` of one cluster prints it.
fn set() -> PlanSet {
    let plan = planned().plan;
    PlanSet {
        waves: Vec::new(),
        partial: None,
        format_version: PLAN_FORMAT,
        kind: "PlanSet".to_owned(),
        summary: plan.summary.clone(),
        clusters: vec![plan],
        errors: Vec::new(),
        exit: 0,
    }
}

const LOOK: Look = Look {
    width: 100,
    color: false,
    unicode: true,
};

#[divan::bench]
fn report_table(bencher: Bencher<'_, '_>) {
    let set = set();
    bencher.bench(|| plan_table(black_box(&set), &LOOK));
}

#[divan::bench]
fn report_set_markdown(bencher: Bencher<'_, '_>) {
    let set = set();
    bencher.bench(|| planset_markdown(black_box(&set), &Sheet::comment()));
}

/// A hundred clusters from files to plans, on all processors.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn pipeline_of_100(bencher: Bencher<'_, '_>) {
    let (folder, _) = folder("jsonnet");
    let worker = WorkerMode::Command {
        program: PathBuf::from(env!("CARGO_BIN_EXE_stairway")),
        args: vec![WORKER_ARGUMENT.into()],
    };
    let scope = Scope {
        fleet: Some(folder.join(fleet::fleet_file(FLEET))),
        cwd: folder.to_path_buf(),
        worker: worker.clone(),
        ..Scope::default()
    };
    let catalog = Catalog::embedded();
    let options = RunOptions {
        at: None,
        now: Timestamp::from_unix(1_793_512_800),
        parallelism: std::thread::available_parallelism().map_or(1, usize::from),
        live: true,
        worker,
        schema: None,
        outside: Outside::default(),
    };
    bencher.bench(|| {
        let selected = select(&scope).expect("a fleet");
        let mut steps = 0;
        let work = |loaded: &_| plan_cluster(loaded, &PlanOptions::default(), catalog);
        let outcome = run(
            &selected.requests,
            &options,
            catalog,
            &work,
            &|| {},
            &mut |report| {
                let planned = report.outcome.expect("a config").expect("a plan");
                steps += planned.plan.steps.len();
                Ok::<(), Infallible>(())
            },
        );
        assert!(
            outcome.is_ok() && steps > FLEET,
            "the fleet plans {steps} steps"
        );
        steps
    });
}

fn main() {
    divan::main();
}
