//! `stairway schema`

use crate::cli::args::SchemaName;
use crate::cli::error::CliError;
use crate::cli::exit_code;
use crate::cli::session::Session;
use crate::config::FleetFile;
use crate::template::GeneratedRecord;
use schemars::{Schema, schema_for};
use stairway_core::drift::wire::{DriftReport, DriftSet};
use stairway_core::journal::Event;
use stairway_core::model::Observation;
use stairway_core::plan::wire::{Plan, PlanSet};
use stairway_core::report::CheckReport;
use stairway_world::WorldFile;

/// Prints the JSON Schema of a file.
///
/// # Errors
/// Stdout cannot take it.
pub(crate) fn run(session: &mut Session<'_>, name: SchemaName) -> Result<u8, CliError> {
    session
        .terminal
        .data(&format!("{:#}\n", of(name).as_value()))?;
    Ok(exit_code::DONE)
}

fn of(name: SchemaName) -> Schema {
    match name {
        SchemaName::Plan => schema_for!(Plan),
        SchemaName::Planset => schema_for!(PlanSet),
        SchemaName::Observation => schema_for!(Observation),
        SchemaName::Fleet => schema_for!(FleetFile),
        SchemaName::World => schema_for!(WorldFile),
        SchemaName::Journal => schema_for!(Event),
        SchemaName::Generated => schema_for!(GeneratedRecord),
        SchemaName::Drift => schema_for!(DriftReport),
        SchemaName::Driftset => schema_for!(DriftSet),
        SchemaName::Check => schema_for!(CheckReport),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum as _;

    #[test]
    fn every_schema_is_one() {
        for name in SchemaName::value_variants() {
            assert!(
                jsonschema::validator_for(of(*name).as_value()).is_ok(),
                "{name:?}"
            );
        }
    }
}
