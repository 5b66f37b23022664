//! Many files on a few workers.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::error::{RenderError, RenderErrorKind};
use super::frame::{Evaluated, Job};
use super::jsonnet;
use super::sources::{Folders, Shelf, Site};
use super::worker::{Worker, WorkerMode};
use super::{
    RenderOptions, RenderRequest, Rendered, SourceFormat, locate, read_output, read_plain,
};

type Outcome = Result<Rendered, RenderError>;

/// Renders all requests and keeps their order.
pub(super) fn render_all(requests: &[RenderRequest], parallelism: usize) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(requests.len()));
    let work = || {
        let mine = Seat::default().render_each(|| take(&next, requests));
        done.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(mine);
    };
    let seats = parallelism.clamp(1, requests.len().max(1));
    std::thread::scope(|scope| {
        for _ in 1..seats {
            // The calling thread works too, so a thread that cannot be started
            // costs time and nothing else.
            let _ = std::thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}

/// Renders one request.
pub(super) fn render_one(request: &RenderRequest) -> Outcome {
    let mut seat = Seat::default();
    let flight = seat.launch(request);
    seat.land(flight).finish()
}

fn take<'r>(
    next: &AtomicUsize,
    requests: &'r [RenderRequest],
) -> Option<(usize, &'r RenderRequest)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    requests.get(index).map(|request| (index, request))
}

/// A place where files are rendered one after the other, with at most one
/// worker, which is started when the first jsonnet file comes.
#[derive(Default)]
struct Seat {
    worker: Option<Worker>,
    folders: Folders,
}

/// A file that is being rendered.
enum Flight<'r> {
    /// It needed no worker, or did not come as far as one.
    Done(Box<Outcome>),
    /// A worker has it, unless giving it failed.
    Given {
        site: Site,
        job: Job,
        options: &'r RenderOptions,
        given: bool,
    },
}

/// A file that a worker has done with.
enum Landed {
    Done(Box<Outcome>),
    /// Output that is still to be read.
    Raw {
        site: Site,
        evaluated: Evaluated,
        body: Vec<u8>,
    },
}

impl Landed {
    fn finish(self) -> Outcome {
        match self {
            Self::Done(outcome) => *outcome,
            Self::Raw {
                site,
                evaluated,
                body,
            } => read_output(&site, evaluated, body),
        }
    }
}

impl Seat {
    /// Renders one file after the other. While the worker evaluates one, the
    /// output of the one before is read.
    fn render_each<'r>(
        &mut self,
        mut take: impl FnMut() -> Option<(usize, &'r RenderRequest)>,
    ) -> Vec<(usize, Outcome)> {
        let mut done = Vec::new();
        let mut last: Option<(usize, Landed)> = None;
        while let Some((index, request)) = take() {
            let flight = self.launch(request);
            if let Some((before, landed)) = last.take() {
                done.push((before, landed.finish()));
            }
            last = Some((index, self.land(flight)));
        }
        if let Some((before, landed)) = last {
            done.push((before, landed.finish()));
        }
        done
    }

    fn launch<'r>(&mut self, request: &'r RenderRequest) -> Flight<'r> {
        let done = |outcome| Flight::Done(Box::new(outcome));
        let options = &request.options;
        let (site, format) = match locate(request, &mut self.folders) {
            Ok(found) => found,
            Err(error) => return done(Err(error)),
        };
        match format {
            SourceFormat::Json | SourceFormat::Yaml => {
                let limits = &options.limits;
                done(read_plain(&site, format, limits, &mut self.folders))
            }
            SourceFormat::Jsonnet => {
                let job = Job {
                    path: site.path.to_string_lossy().into_owned(),
                    display: site.display.clone(),
                    root: site.root.to_string_lossy().into_owned(),
                    ext_vars: options.ext_vars.clone(),
                    tlas: options.tlas.clone(),
                };
                if options.worker == WorkerMode::InProcess {
                    return done(evaluate_here(&site, &job, options));
                }
                match self.give(&job, options) {
                    Ok(given) => Flight::Given {
                        site,
                        job,
                        options,
                        given,
                    },
                    Err(error) => done(Err(error)),
                }
            }
        }
    }

    fn land(&mut self, flight: Flight<'_>) -> Landed {
        let (site, job, options, mut given) = match flight {
            Flight::Done(outcome) => return Landed::Done(outcome),
            Flight::Given {
                site,
                job,
                options,
                given,
            } => (site, job, options, given),
        };
        let done = |error| Landed::Done(Box::new(Err(error)));
        // A worker that was found dead did not die of this file: once more.
        if !given {
            self.worker = None;
            given = match self.give(&job, options) {
                Ok(given) => given,
                Err(error) => return done(error),
            };
        }
        let Some(mut worker) = self.worker.take().filter(|_| given) else {
            return done(unavailable(&job, "it ends before it is given a file"));
        };
        let answered = worker.wait(&job);
        if answered.alive {
            self.worker = Some(worker);
        }
        match answered.outcome {
            Ok((evaluated, body)) => Landed::Raw {
                site,
                evaluated,
                body,
            },
            Err(error) => done(error),
        }
    }

    /// Gives a job to a worker that fits, started if need be; `false` when the
    /// worker turns out to be dead.
    fn give(&mut self, job: &Job, options: &RenderOptions) -> Result<bool, RenderError> {
        let mut worker = match self.worker.take() {
            Some(worker) if worker.fits(&options.worker, &options.limits) => worker,
            Some(_) | None => Worker::start(&options.worker, &options.limits)
                .map_err(|why| unavailable(job, &why))?,
        };
        let given = worker.give(job).is_ok();
        self.worker = Some(worker);
        Ok(given)
    }
}

fn evaluate_here(site: &Site, job: &Job, options: &RenderOptions) -> Outcome {
    let (evaluated, text) = jsonnet::evaluate(job, &options.limits, &mut Shelf::default())?;
    read_output(site, evaluated, text.into_bytes())
}

fn unavailable(job: &Job, why: &str) -> RenderError {
    let message = format!("starting the render worker failed: {why}");
    RenderError::new(RenderErrorKind::WorkerUnavailable, &job.display, &message)
}
