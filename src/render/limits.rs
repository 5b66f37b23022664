//! What one evaluation may use, and the one door to `rustix`: the worker's
//! resource limits.

use std::path::Path;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};

use crate::files;

/// What the evaluation of one file may use. Real configs stay under 1 % of each
/// of these; the defaults bound what a hostile or broken one costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of memory beyond what the idle worker has.
    pub memory_bytes: u64,
    /// Seconds of processor time, rounded up to whole seconds by the kernel.
    pub cpu_seconds: u32,
    /// Seconds on the clock until the worker is killed.
    pub wall_seconds: u32,
    /// Frames of the evaluator's stack.
    pub stack_frames: u32,
    /// Bytes of the rendered JSON or YAML.
    pub output_bytes: u64,
    /// Bytes of one source file, imported or not.
    pub source_bytes: u64,
    /// How many files one file may import, directly or not.
    pub imports: u32,
    /// Bytes of all imported files together.
    pub import_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // The largest public config (87 groups) needs 12 MB.
            memory_bytes: 512 << 20,
            // The largest public config takes 0.01 s, and 0.25 s in go-jsonnet.
            cpu_seconds: 5,
            // Processor time is the real limit. This one is for a worker that
            // sleeps, and leaves room for a machine with twelve times more
            // work than processors.
            wall_seconds: 60,
            // go-jsonnet and C++ stop at 500 calls. rsjsonnet counts variables
            // and fields as frames too, three or four for each call, so that
            // 2,000 takes what those take.
            stack_frames: 2_000,
            // 90 kB is a large config; 16 MiB is 180 of them.
            output_bytes: 16 << 20,
            // The largest public library is 13 kB, the largest config 40 kB.
            source_bytes: 8 << 20,
            // Public configs import one to four files; generated trees of
            // per-account files reach hundreds.
            imports: 2_000,
            import_bytes: 64 << 20,
        }
    }
}

/// Files that a worker may have open: its three pipes, the file being read,
/// and as many again for the runtime.
const OPEN_FILES: u64 = 16;

/// Bytes that the process has mapped when it cannot be read from the kernel:
/// the binary, the evaluator's stack, and two arenas of the allocator.
const ASSUMED_MAPPED: u64 = 512 << 20;

/// `/proc/self/stat` is one line of some 300 bytes.
const STAT_BYTES: u64 = 4 << 10;

/// Limits the calling process for the rest of its life: memory, files, no
/// core dump (it would hold the configs), nothing written, no new process.
///
/// # Errors
/// The kernel refused a limit, in words for a message.
pub(super) fn confine(limits: &Limits) -> Result<(), String> {
    // What is mapped already, the evaluator's stack above all, is not the
    // config's doing.
    let mapped = Usage::now().map_or(ASSUMED_MAPPED, |usage| usage.mapped_bytes);
    lower(Resource::As, mapped.saturating_add(limits.memory_bytes))?;
    lower(Resource::Core, 0)?;
    lower(Resource::Fsize, 0)?;
    lower(Resource::Nofile, OPEN_FILES)?;
    // No process and no thread is started from here on. The superuser is
    // exempt; the worker has no code that would start one.
    lower(Resource::Nproc, 0)
}

fn lower(resource: Resource, bound: u64) -> Result<(), String> {
    let now = getrlimit(resource);
    let bound = now.maximum.map_or(bound, |maximum| maximum.min(bound));
    let wanted = Rlimit {
        current: Some(bound),
        maximum: Some(bound),
    };
    setrlimit(resource, wanted).map_err(|cause| format!("limiting {resource:?} failed: {cause}"))
}

/// What the calling process has used so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usage {
    /// Processor time of all threads, rounded up.
    cpu_seconds: u64,
    /// Bytes of address space.
    mapped_bytes: u64,
}

impl Usage {
    /// Asks the system; `None` where it does not tell.
    pub(super) fn now() -> Option<Self> {
        let stat = files::read_text(Path::new("/proc/self/stat"), STAT_BYTES).ok()?;
        // The second field is the program's name in parentheses, and may itself
        // hold blanks and parentheses. After it, fields 14 and 15 of proc(5)
        // are user and system time, in ticks of a hundredth of a second on
        // Linux; field 23 is the address space in bytes.
        let (_, fields) = stat.rsplit_once(')')?;
        let fields: Vec<u64> = fields
            .split_ascii_whitespace()
            .map(|field| field.parse().unwrap_or(0))
            .collect();
        let ticks = fields.get(11)?.saturating_add(*fields.get(12)?);
        Some(Self {
            cpu_seconds: ticks.div_ceil(100),
            mapped_bytes: *fields.get(20)?,
        })
    }

    /// Bytes mapped since `earlier`.
    pub(super) fn grown_since(&self, earlier: &Self) -> u64 {
        self.mapped_bytes.saturating_sub(earlier.mapped_bytes)
    }
}

/// Gives the calling process `seconds` of processor time beyond what it has
/// used. When they are used up, the kernel ends it with SIGXCPU.
///
/// # Errors
/// The kernel refused, in words for a message.
pub(super) fn grant_cpu(seconds: u32, used: Option<Usage>) -> Result<(), String> {
    let now = getrlimit(Resource::Cpu);
    // Where the system does not tell, the budgets add up, and the clock bounds
    // what one file gets of them.
    let used = used.map_or_else(|| now.current.unwrap_or(0), |usage| usage.cpu_seconds);
    let bound = used.saturating_add(u64::from(seconds));
    let bound = now.maximum.map_or(bound, |maximum| maximum.min(bound));
    if now.current == Some(bound) {
        return Ok(());
    }
    let wanted = Rlimit {
        current: Some(bound),
        maximum: now.maximum,
    };
    setrlimit(Resource::Cpu, wanted)
        .map_err(|cause| format!("limiting the processor time failed: {cause}"))
}
