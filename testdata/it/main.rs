//! Integration tests: the real binary, the committed demo and scenarios, and the shape of the code.

#![expect(
    clippy::disallowed_methods,
    reason = "tests start the real binary and read and write committed files"
)]

mod approve;
mod branch;
mod ci;
mod ci_scripts;
mod cli;
mod cluster;
mod configs;
mod demo;
mod demo_facts;
mod drift;
mod drift_base;
mod drift_obstacles;
mod explain;
mod fleet;
mod fleet_changes;
mod fleet_parts;
mod flow;
mod hostile;
mod init;
mod inputs;
mod kubectl;
mod limits;
mod owner;
mod propose;
mod review;
mod runs;
mod scenarios;
mod secrets;
mod served;
mod served_ends;
mod stops;
mod support;
mod template;
mod tidy;
mod transcript;
mod waves;
mod world;
