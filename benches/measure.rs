//! Runs a command and prints what it cost: `cargo bench --bench measure -- COMMAND ARG…`
//!
//! `wall_ms`, `cpu_ms` (with all children), `first_ms` (until the first byte on stdout or stderr),
//! `silence_ms` (the longest time without one), `rss_mib` (of the process), `tree_mib` (the process
//! and its workers together, shared pages counted once for each), `exit`.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "benches are programs of their own: they start processes, read the clock and print"
)]

mod cpu;

use cpu::cpu_seconds;
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

/// Often enough to see the peak of a process that grows for seconds, seldom enough to cost little.
const SAMPLE_EVERY: Duration = Duration::from_millis(5);
const KIB_PER_MIB: u64 = 1024;

fn main() {
    let mut args: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| arg != "--bench")
        .collect();
    let mut runs = 1;
    if args.first().is_some_and(|arg| arg == "--runs") {
        runs = args[1].parse().expect("a number");
        args.drain(..2);
    }
    let Some((program, args)) = args.split_first() else {
        println!("usage: measure [--runs N] COMMAND ARG…");
        return;
    };
    let mut all: Vec<Cost> = (0..runs).map(|_| run(program, args)).collect();
    all.sort_by(|one, other| one.wall.cmp(&other.wall));
    let Cost {
        wall,
        cpu,
        first,
        silence,
        rss,
        tree,
        exit,
    } = &all[all.len() / 2];
    println!(
        "wall_ms={:.1} cpu_ms={:.1} first_ms={:.1} silence_ms={:.1} rss_mib={} tree_mib={} exit={exit}",
        millis(*wall),
        cpu * 1_000.0,
        millis(*first),
        millis(*silence),
        rss / KIB_PER_MIB,
        tree / KIB_PER_MIB,
    );
}

struct Cost {
    wall: Duration,
    cpu: f64,
    first: Duration,
    silence: Duration,
    /// KiB.
    rss: u64,
    /// KiB.
    tree: u64,
    exit: i32,
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

fn run(program: &str, args: &[String]) -> Cost {
    let (start, cpu) = (Instant::now(), cpu_seconds());
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let (sender, spoken) = channel();
    let out = child.stdout.take().expect("a pipe");
    let err = child.stderr.take().expect("a pipe");
    let (mut rss, mut tree) = (0, 0);
    let (status, end) = std::thread::scope(|scope| {
        let other = sender.clone();
        let ends = [
            scope.spawn(move || listen(out, &sender)),
            scope.spawn(move || listen(err, &other)),
        ];
        let status = loop {
            let own = kib(child.id(), "VmHWM:");
            rss = rss.max(own);
            let sum = children(child.id())
                .into_iter()
                .map(|pid| kib(pid, "VmRSS:"))
                .sum::<u64>();
            tree = tree.max(kib(child.id(), "VmRSS:") + sum);
            if let Some(status) = child.try_wait().expect("a child of ours") {
                break status;
            }
            std::thread::sleep(SAMPLE_EVERY);
        };
        let ends = ends.map(|thread| thread.join().expect("a thread"));
        (status, ends[0].max(ends[1]))
    });
    let mut moments: Vec<Instant> = spoken.into_iter().collect();
    moments.sort();
    let first = moments.first().map_or(end - start, |first| *first - start);
    moments.push(end);
    let mut last = start;
    let mut silence = Duration::ZERO;
    for moment in moments {
        silence = silence.max(moment - last);
        last = moment;
    }
    let exit = status.code().unwrap_or(-1);
    Cost {
        wall: end - start,
        cpu: cpu_seconds() - cpu,
        first,
        silence,
        rss,
        tree,
        exit,
    }
}

/// Tells when there was something to read; returns when the process closed its end.
fn listen(mut from: impl Read, spoken: &Sender<Instant>) -> Instant {
    let mut bytes = vec![0; 1 << 16];
    while from.read(&mut bytes).is_ok_and(|count| count > 0) {
        // The receiver outlives the threads.
        let _received = spoken.send(Instant::now());
    }
    Instant::now()
}

fn kib(pid: u32, key: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(key))
        .unwrap_or_default();
    line.split_whitespace()
        .next()
        .and_then(|n| n.parse().ok())
        .unwrap_or(0)
}

/// Returns the children of all threads of a process.
fn children(pid: u32) -> Vec<u32> {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    let lists = tasks.flatten().map(|task| task.path().join("children"));
    let texts = lists.filter_map(|path| std::fs::read_to_string(path).ok());
    texts
        .flat_map(|text| {
            text.split_whitespace()
                .filter_map(|n| n.parse().ok())
                .collect::<Vec<_>>()
        })
        .collect()
}
