//! Renders files through the worker pool and with the bare evaluator, in turns, and compares:
//! `cargo bench --bench bare -- --rounds N FILE…`
//!
//! The bare side is what the evaluator's own command line does: read, load, evaluate, write JSON.
//! It has no worker process, no limits, no confinement, no hashes, and nobody reads its output.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "benches are programs of their own: they read arguments, files and the clock, and print"
)]

mod cpu;

use cpu::cpu_seconds;
use rsjsonnet_lang::arena::Arena;
use rsjsonnet_lang::interner::InternedStr;
use rsjsonnet_lang::program::{
    Callbacks, EvalStackTraceItem, ImportError, NativeError, Program, Thunk, Value,
};
use rsjsonnet_lang::span::{SourceId, SpanContext, SpanId};
use stairway::render::{RenderOptions, RenderRequest, WORKER_ARGUMENT, WorkerMode, render_files};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// The folders of imported files by source, and what was imported already.
#[derive(Default)]
struct Bare<'p> {
    folders: HashMap<SourceId, PathBuf>,
    thunks: HashMap<PathBuf, Thunk<'p>>,
}

impl<'p> Bare<'p> {
    fn load(&mut self, program: &mut Program<'p>, path: &Path) -> Thunk<'p> {
        let text =
            std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let (context, id) = program.span_manager_mut().insert_source_context(text.len());
        self.folders.insert(
            id,
            path.parent().map_or_else(PathBuf::new, Path::to_path_buf),
        );
        let Ok(thunk) = program.load_source(context, &text, true, &path.to_string_lossy()) else {
            panic!("{} does not parse", path.display());
        };
        thunk
    }
}

impl<'p> Callbacks<'p> for Bare<'p> {
    fn import(
        &mut self,
        program: &mut Program<'p>,
        from: SpanId,
        path: &str,
    ) -> Result<Thunk<'p>, ImportError> {
        let (context, ..) = program.span_manager().get_span(from);
        let SpanContext::Source(id) = program.span_manager().get_context(context);
        let path = self.folders[id].join(path);
        if let Some(thunk) = self.thunks.get(&path) {
            return Ok(thunk.clone());
        }
        let thunk = self.load(program, &path);
        self.thunks.insert(path, thunk.clone());
        Ok(thunk)
    }

    fn import_str(
        &mut self,
        _: &mut Program<'p>,
        _: SpanId,
        _: &str,
    ) -> Result<String, ImportError> {
        Err(ImportError)
    }

    fn import_bin(
        &mut self,
        _: &mut Program<'p>,
        _: SpanId,
        _: &str,
    ) -> Result<Vec<u8>, ImportError> {
        Err(ImportError)
    }

    fn trace(&mut self, _: &mut Program<'p>, _: &str, _: &[EvalStackTraceItem]) {}

    fn native_call(
        &mut self,
        _: &mut Program<'p>,
        _: InternedStr<'p>,
        _: &[Value<'p>],
    ) -> Result<Value<'p>, NativeError> {
        Err(NativeError)
    }
}

fn evaluate(path: &Path) -> String {
    let arena = Arena::new();
    let mut program = Program::new(&arena);
    program.set_max_stack(2_000);
    let mut bare = Bare::default();
    let thunk = bare.load(&mut program, path);
    let Ok(value) = program.eval_value(&thunk, &mut bare) else {
        panic!("{} does not evaluate", path.display());
    };
    let Ok(text) = program.manifest_json(&value, false) else {
        panic!("{} is no JSON", path.display());
    };
    text
}

/// Evaluates all files on `threads` threads; returns the bytes of output.
fn bare(files: &[PathBuf], threads: usize) -> usize {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut bytes = 0;
        while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            bytes += evaluate(file).len();
        }
        bytes
    };
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        all.into_iter()
            .map(|thread| thread.join().expect("a thread"))
            .sum()
    })
}

/// Renders all files as `stairway` does; returns how many documents there are.
fn pool(requests: &[RenderRequest], threads: usize) -> usize {
    let rendered = render_files(requests, threads);
    let documents = rendered
        .into_iter()
        .map(|one| one.expect("it renders").documents.len());
    documents.sum()
}

fn timed(work: impl FnOnce() -> usize) -> [f64; 2] {
    let (clock, cpu) = (Instant::now(), cpu_seconds());
    std::hint::black_box(work());
    [clock.elapsed().as_secs_f64(), cpu_seconds() - cpu]
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

fn main() {
    let mut rounds = 5;
    let mut files = Vec::new();
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    while let Some(arg) = args.next() {
        if arg == "--rounds" {
            rounds = args.next().and_then(|n| n.parse().ok()).expect("a number");
        } else {
            files.push(std::fs::canonicalize(&arg).expect("a file"));
        }
    }
    if files.is_empty() {
        println!("usage: bare [--rounds N] FILE…");
        return;
    }
    let root = files[0]
        .parent()
        .and_then(Path::parent)
        .map(Path::to_path_buf);
    let worker = WorkerMode::Command {
        program: PathBuf::from(env!("CARGO_BIN_EXE_stairway")),
        args: vec![WORKER_ARGUMENT.into()],
    };
    let options = RenderOptions {
        root,
        worker,
        ..RenderOptions::default()
    };
    let requests: Vec<RenderRequest> = files
        .iter()
        .map(|path| RenderRequest {
            path: path.clone(),
            options: options.clone(),
        })
        .collect();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (mut bares, mut pools) = (Vec::new(), Vec::new());
    // The first round of each is thrown away: it fills the page cache.
    for round in 0..=rounds {
        let one = timed(|| bare(&files, threads));
        let other = timed(|| pool(&requests, threads));
        if round > 0 {
            bares.push(one);
            pools.push(other);
        }
    }
    let ratio = |of: usize| {
        let all: Vec<f64> = pools
            .iter()
            .zip(&bares)
            .map(|(pool, bare)| pool[of] / bare[of])
            .collect();
        median(&all)
    };
    let each = |of: usize, runs: &[[f64; 2]]| {
        let all: Vec<f64> = runs.iter().map(|run| run[of]).collect();
        median(&all) * 1_000.0 / files.len() as f64
    };
    println!(
        "files={} threads={threads} bare_wall_ms={:.3} pool_wall_ms={:.3} wall_ratio={:.2} bare_cpu_ms={:.3} pool_cpu_ms={:.3} cpu_ratio={:.2}",
        files.len(),
        each(0, &bares),
        each(0, &pools),
        ratio(0),
        each(1, &bares),
        each(1, &pools),
        ratio(1),
    );
}
