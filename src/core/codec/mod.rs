//! Text forms of values; the one door to the YAML crate.

pub mod embedded;
