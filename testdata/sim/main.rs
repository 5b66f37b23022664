//! The real machine on simulated ports: random clusters, random faults, a kill at any call.
//!
//! `cargo test --test sim` runs [`RUNS`] lives and deaths; `STAIRWAY_SIM_RUNS=20000` more of them, and
//! `STAIRWAY_SIM_SEED=N` one seed alone, told in full.

#![expect(clippy::print_stdout, reason = "the figures of a run are its result")]

#[path = "../laws/demo.rs"]
mod demo;
#[expect(dead_code, reason = "the laws shuffle, simulations do not")]
#[path = "../laws/generate.rs"]
mod generate;
#[path = "../laws/rng.rs"]
mod rng;
#[path = "../laws/seeds.rs"]
mod seeds;
#[expect(dead_code, reason = "the laws walk plans without a driver")]
#[path = "../laws/walk.rs"]
mod walk;

mod back;
mod coverage;
mod planted;
mod stage;
mod sweep;

use coverage::Coverage;
use stage::Stage;
use std::sync::Mutex;

/// Runs inside of `cargo test`.
const RUNS: u64 = 1_200;

#[expect(
    clippy::disallowed_methods,
    reason = "the tests' own switches for longer proofs"
)]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Checks the seeds; a failing one can be told in full.
fn for_each_seed(seeds: u64, check: impl Fn(u64) -> Result<(), String> + Sync) {
    let hint = "repeat one with STAIRWAY_SIM_SEED=N cargo test --test sim";
    seeds::for_each_seed(seeds, hint, check);
}

/// Laws 2 to 8 at every instant of every run, whatever fails and whenever the process dies.
#[test]
fn no_fault_and_no_kill_breaks_a_law() {
    if let Some(seed) = number("STAIRWAY_SIM_SEED") {
        tell(seed);
        return;
    }
    let runs = number("STAIRWAY_SIM_RUNS").unwrap_or(RUNS);
    let coverage = Mutex::new(Coverage::default());
    for_each_seed(runs, |seed| {
        let Some(stage) = Stage::of(seed) else {
            return Ok(());
        };
        let story = stage.play();
        coverage
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .add(&stage, &story);
        stage.judge(&story)
    });
    let coverage = coverage.into_inner().expect("no panic");
    println!("{coverage}");
    coverage.check(runs);
}

/// One seed, told in full.
fn tell(seed: u64) {
    let stage = Stage::of(seed).expect("a plan with steps");
    let story = stage.play();
    for (at, report) in &story.shown {
        println!("{at} {report:?}");
    }
    for event in &story.events {
        println!("{}", String::from_utf8_lossy(&event.line()));
    }
    println!(
        "faults {:?}, kills {:?}\n{:?} after {} lives and {} calls",
        stage.faults, story.killed_in, story.finish, story.lives, story.calls
    );
    stage.judge(&story).expect("no law is broken");
}
