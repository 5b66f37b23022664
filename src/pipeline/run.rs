//! Many clusters through render, live and work, in batches, in parallel, in order.

use super::load::{
    LiveRead, Loaded, Note, Origin, Revisions, age_note, decided_at, instant, live_to_render,
    missing_files, name_of, read_config, read_live, render_failure,
};
use super::{ClusterRequest, LiveSource};
use crate::eksctl_schema::EksctlSchema;
use crate::live::{ObservationKind, Outside};
use crate::render::{
    RenderError, RenderErrorKind, RenderOptions, RenderRequest, Rendered, WorkerMode, render_files,
};
use serde_json::Value;
use stairway_core::catalog::Catalog;
use stairway_core::model::clusterconfig::Config;
use stairway_core::model::{Digest, Timestamp};
use stairway_core::plan::wire::{ClusterError, Inputs};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Clusters in one batch per worker: starting a worker costs milliseconds, it keeps some five megabytes of
/// each config that it evaluated until it ends, and a rendered
/// cluster about half a megabyte while its batch lasts.
const BATCH_PER_WORKER: usize = 12;

/// How clusters are run.
#[derive(Clone, Debug)]
pub struct RunOptions<'a> {
    /// The instant for which calendars are read; none for the rule of [`instant`].
    pub at: Option<Timestamp>,
    /// The clock.
    pub now: Timestamp,
    /// How many clusters are worked on at a time.
    pub parallelism: usize,
    /// Whether the live side is needed.
    pub live: bool,
    /// What evaluates jsonnet.
    pub worker: WorkerMode,
    /// eksctl's schema, to warn by.
    pub schema: Option<&'a EksctlSchema>,
    /// The user's kubeconfigs, and what clusters are reached with.
    pub outside: Outside,
}

/// What became of one cluster.
#[derive(Clone, Debug)]
pub struct Report<T> {
    /// Its name, or its config when it has none.
    pub name: String,
    /// What the work gave, or why there is nothing; none for a file that was skipped.
    pub outcome: Option<Result<T, ClusterError>>,
    /// What to tell besides.
    pub notes: Vec<Note>,
    /// Set when the config is fine and its live side could not be read: why, in the same few words
    /// every time.
    pub unread: Option<&'static str>,
}

/// Does `work` on every requested cluster and gives each report to `sink`, in the order of the
/// requests; `done` is called as soon as a cluster is finished, in any order.
///
/// # Errors
/// Only those of `sink`; then the remaining clusters are left out.
pub fn run<T: Send, E>(
    requests: &[ClusterRequest],
    options: &RunOptions<'_>,
    catalog: &Catalog,
    work: &(dyn Fn(&Loaded) -> Result<T, ClusterError> + Sync),
    done: &(dyn Fn() + Sync),
    sink: &mut dyn FnMut(Report<T>) -> Result<(), E>,
) -> Result<(), E> {
    let parallelism = options.parallelism.max(1);
    let revisions = Revisions::default();
    let mut taken: BTreeMap<String, String> = BTreeMap::new();
    for batch in requests.chunks(BATCH_PER_WORKER * parallelism) {
        let rendered = render_batch(batch, options, parallelism);
        let jobs: Vec<Job<'_>> = batch.iter().zip(rendered).collect();
        let each = |(request, rendered): Job<'_>| {
            let reports = one_request(request, rendered, options, catalog, &revisions, work);
            done();
            reports
        };
        let reports = in_parallel(jobs, parallelism, &each);
        for (request, reports) in batch.iter().zip(reports) {
            let config = request.config.to_string_lossy();
            for report in reports {
                sink(unique(report, &mut taken, &config))?;
            }
        }
    }
    Ok(())
}

type Job<'r> = (&'r ClusterRequest, Both);

/// The config and, where it must be rendered, the live side of one request.
struct Both {
    config: Result<Rendered, RenderError>,
    live: Option<Result<Rendered, RenderError>>,
}

fn render_batch(
    batch: &[ClusterRequest],
    options: &RunOptions<'_>,
    parallelism: usize,
) -> Vec<Both> {
    let mut wanted = Vec::new();
    for request in batch {
        wanted.push(RenderRequest {
            path: request.config.clone(),
            options: RenderOptions {
                root: request.root.clone(),
                ext_vars: request.ext_vars.clone(),
                tlas: request.tlas.clone(),
                worker: options.worker.clone(),
                ..RenderOptions::default()
            },
        });
        if let Some(path) = live_to_render(&request.live).filter(|_| options.live) {
            let root = match &request.live {
                LiveSource::Assumed { root, .. } => Some(root.clone()),
                LiveSource::File(_)
                | LiveSource::NotGiven
                | LiveSource::Recorded { .. }
                | LiveSource::World { .. }
                | LiveSource::Kubernetes(_) => None,
            };
            wanted.push(RenderRequest {
                path: path.to_path_buf(),
                options: RenderOptions {
                    root,
                    ext_vars: request.ext_vars.clone(),
                    tlas: request.tlas.clone(),
                    worker: options.worker.clone(),
                    ..RenderOptions::default()
                },
            });
        }
    }
    let mut rendered = render_files(&wanted, parallelism).into_iter();
    let mut all = Vec::with_capacity(batch.len());
    for request in batch {
        let Some(config) = rendered.next() else {
            break;
        };
        let has_live = options.live && live_to_render(&request.live).is_some();
        let live = if has_live { rendered.next() } else { None };
        all.push(Both { config, live });
    }
    all
}

/// Runs `each` over `jobs` on a few threads and keeps the order.
fn in_parallel<J: Send, R: Send>(
    jobs: Vec<J>,
    parallelism: usize,
    each: &(dyn Fn(J) -> R + Sync),
) -> Vec<R> {
    let threads = parallelism.clamp(1, jobs.len().max(1));
    let finished = Mutex::new(Vec::with_capacity(jobs.len()));
    let waiting = Mutex::new(jobs.into_iter().enumerate());
    let take = || {
        waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .next()
    };
    let work = || {
        while let Some((index, job)) = take() {
            let result = each(job);
            finished
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push((index, result));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            // The calling thread works too: a thread that cannot be started only costs time.
            let _maybe_fewer = std::thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
    let mut finished = finished
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    finished.sort_by_key(|(index, _)| *index);
    finished.into_iter().map(|(_, result)| result).collect()
}

/// Returns what there is to say of a rendered config.
fn notes_of(rendered: &Rendered, options: &RunOptions<'_>) -> Vec<Note> {
    let mut notes: Vec<Note> = rendered.notes.iter().cloned().map(Note::Trace).collect();
    if let Some(schema) = options.schema {
        let documents = rendered.documents.iter();
        let warnings = documents.flat_map(|d| schema.warnings(&d.value));
        notes.extend(warnings.map(Note::Schema));
    }
    notes
}

/// Works on one request: usually one cluster, several when its file renders to several.
fn one_request<T>(
    request: &ClusterRequest,
    both: Both,
    options: &RunOptions<'_>,
    catalog: &Catalog,
    revisions: &Revisions,
    work: &(dyn Fn(&Loaded) -> Result<T, ClusterError> + Sync),
) -> Vec<Report<T>> {
    let rendered = match both.config {
        Ok(rendered) => rendered,
        Err(error) => return without_config(request, &error),
    };
    let mut notes = notes_of(&rendered, options);
    let mut read = match read_config(request, rendered, catalog, revisions) {
        Ok(read) => read,
        Err(_) if request.tentative => return Vec::new(),
        Err(error) => return vec![failed(error, notes)],
    };
    if read.configs.len() > 1 && request.name.is_some() {
        let name = request.name.clone().unwrap_or_default();
        let file = &read.inputs.config;
        let error = format!(
            "`{file}` renders to {} clusters, and one name is given",
            read.configs.len()
        );
        let hint = Some("leave `name` out of the fleet file, or split the config".to_owned());
        return vec![failed(ClusterError { name, error, hint }, notes)];
    }
    let mut live = both.live;
    let mut reports = Vec::new();
    let mut configs = std::mem::take(&mut read.configs).into_iter();
    while let Some(config) = configs.next() {
        let name = request
            .name
            .clone()
            .unwrap_or_else(|| name_of(&config).to_owned());
        if !request.filter.takes(&name) {
            continue;
        }
        // Nothing reads EKS Anywhere clusters yet; the work says so itself.
        let wanted = match &config {
            Config::Eks(_) => options.live,
            Config::EksAnywhere(_) => false,
        };
        let called = name_of(&config);
        let with = (catalog, &options.outside);
        let from = |live| read_live(request, called, &read.root, live, with);
        let live = match wanted.then(|| from(live.take())).transpose() {
            Ok(live) => live,
            Err(error) => {
                let unread = Some(error.in_short());
                let (hint, error) = (error.hint(), error.to_string());
                let report = failed(ClusterError { name, error, hint }, Vec::new());
                reports.push(Report { unread, ..report });
                continue;
            }
        };
        let mut notes = std::mem::take(&mut notes);
        notes.extend(live.as_ref().and_then(|live| age(live, options.now)));
        // The last one takes the documents; copying them would be most of the work here.
        let documents = if configs.len() == 0 {
            std::mem::take(&mut read.documents)
        } else {
            read.documents.clone()
        };
        let inputs = read.inputs.clone();
        let mut loaded = assemble(name, config, documents, inputs, live, request, options);
        loaded.origin.root.clone_from(&read.root);
        loaded.missing_files = missing_files(&loaded.config, &loaded.inputs.config, &read.root);
        let outcome = Some(work(&loaded));
        let name = loaded.name;
        reports.push(Report {
            name,
            outcome,
            notes,
            unread: None,
        });
    }
    reports
}

fn assemble(
    name: String,
    config: Config,
    documents: Vec<Value>,
    mut inputs: Inputs,
    live: Option<LiveRead>,
    request: &ClusterRequest,
    options: &RunOptions<'_>,
) -> Loaded {
    let at = instant(options.at, live.as_ref(), options.now);
    describe_live(&mut inputs, live.as_ref(), at);
    let instants = (options.at, at, options.now);
    inputs.decided_at = decided_at(&request.settings, &name, live.as_ref(), instants);
    Loaded {
        name,
        config,
        documents,
        live,
        wave: request.wave.clone(),
        settings: Arc::clone(&request.settings),
        inputs,
        at,
        missing_files: Vec::new(),
        origin: Origin {
            ext_vars: request.ext_vars.clone(),
            tlas: request.tlas.clone(),
            owner: request.owner.clone(),
            ..Origin::default()
        },
    }
}

fn age(live: &LiveRead, now: Timestamp) -> Option<Note> {
    match live.kind {
        ObservationKind::Recorded => live
            .observation
            .observed_at
            .value()
            .and_then(|at| age_note(*at, now)),
        ObservationKind::Assumed | ObservationKind::World | ObservationKind::Kubernetes => None,
    }
}

fn describe_live(inputs: &mut Inputs, live: Option<&LiveRead>, at: Timestamp) {
    inputs.at = Some(at);
    if let Some(live) = live {
        inputs.observation_digest = Digest::of_canonical(&live.observation).to_string();
        live.kind.name().clone_into(&mut inputs.observation_kind);
        inputs.observed_at = live.observation.observed_at.value().copied();
    }
}

fn failed<T>(error: ClusterError, notes: Vec<Note>) -> Report<T> {
    Report {
        name: error.name.clone(),
        outcome: Some(Err(error)),
        notes,
        unread: None,
    }
}

/// A file that is no config is skipped among others and an error alone.
fn without_config<T>(request: &ClusterRequest, error: &RenderError) -> Vec<Report<T>> {
    // A config that was chosen only in case its name matches has no say when it has no name.
    if request.tentative {
        return Vec::new();
    }
    if request.in_fleet && error.kind == RenderErrorKind::JinjaTemplate {
        return vec![Report {
            name: error.entry.clone(),
            outcome: None,
            notes: vec![Note::Skipped(error.message.clone())],
            unread: None,
        }];
    }
    vec![failed(
        render_failure(request.name.as_deref(), error),
        Vec::new(),
    )]
}

/// Two clusters of one name would overwrite each other's plans: the second gets an error instead.
fn unique<T>(
    mut report: Report<T>,
    taken: &mut BTreeMap<String, String>,
    config: &str,
) -> Report<T> {
    match &report.outcome {
        Some(Ok(_)) => {}
        Some(Err(_)) | None => return report,
    }
    if let Some(first) = taken.get(&report.name) {
        let name = report.name.clone();
        let error = format!("Two configs are called `{name}`: `{first}` and `{config}`");
        let hint = Some("give each a `name` of its own in the fleet file".to_owned());
        report.outcome = Some(Err(ClusterError { name, error, hint }));
    } else {
        taken.insert(report.name.clone(), config.to_owned());
    }
    report
}
