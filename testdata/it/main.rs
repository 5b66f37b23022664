//! Integration tests: the real binary, the committed demo and scenarios, and the shape of the code.

#![expect(
    clippy::disallowed_methods,
    reason = "tests start the real binary and read and write committed files"
)]

mod approve;
mod cli;
mod configs;
mod demo;
mod demo_facts;
mod fleet;
mod hostile;
mod inputs;
mod limits;
mod review;
mod runs;
mod scenarios;
mod secrets;
mod support;
mod tidy;
mod transcript;
mod world;
