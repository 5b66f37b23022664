//! `stairway observe`

use crate::cli::error::CliError;
use crate::cli::exit_code;
use crate::cli::request::ObserveRequest;
use crate::cli::session::{Session, Tour};
use crate::files;
use crate::pipeline::{Loaded, observe_file};
use crate::render::RenderOptions;
use serde_json::Value;
use stairway_core::model::Observation;
use stairway_core::plan::wire::ClusterError;
use std::path::Path;

/// Prints what is known of the live clusters.
///
/// # Errors
/// Nothing could be selected, or the text cannot be written.
pub(crate) fn run(session: &mut Session<'_>, request: &ObserveRequest) -> Result<u8, CliError> {
    let scope = &request.work.scope;
    let mut observations: Vec<(String, Observation)> = Vec::new();
    let mut errors = Vec::new();
    // One file alone needs no config beside it.
    let file_alone = scope
        .live
        .as_ref()
        .filter(|_| scope.subjects.is_empty() && scope.fleet.is_none());
    if let Some(file) = file_alone {
        let options = RenderOptions {
            root: scope.root.clone(),
            ext_vars: scope.ext_vars.clone(),
            tlas: scope.tlas.clone(),
            worker: scope.worker.clone(),
            ..RenderOptions::default()
        };
        let read = observe_file(&scope.place(file), &options, session.catalog)?;
        observations.push((read.observation.cluster.name.clone(), read.observation));
    } else {
        let tour = Tour {
            work: &request.work,
            verb: "Observing",
            live: true,
            at: None,
        };
        errors = session.tour(&tour, &observed, &mut |name, observation| {
            observations.push((name, observation));
            Ok(())
        })?;
    }
    match &request.out {
        Some(folder) => write(session, &session.ambient.cwd.join(folder), &observations)?,
        None => print(session, observations)?,
    }
    Ok(exit_code::strongest([session.fail(errors)]))
}

fn observed(loaded: &Loaded) -> Result<Observation, ClusterError> {
    match &loaded.live {
        Some(read) => Ok(read.observation.clone()),
        None => Err(ClusterError {
            name: loaded.name.clone(),
            error: format!(
                "`{}` is an EKS Anywhere cluster, and this build does not observe those yet",
                loaded.name
            ),
            hint: Some(format!("leave it out with `--exclude {}`", loaded.name)),
            ..ClusterError::default()
        }),
    }
}

fn print(
    session: &mut Session<'_>,
    observations: Vec<(String, Observation)>,
) -> Result<(), CliError> {
    let mut values: Vec<Value> = Vec::new();
    for (name, observation) in observations {
        values.push(as_value(&name, &observation)?);
    }
    let whole = match values.len() {
        0 => return Ok(()),
        1 => values.remove(0),
        _ => Value::Array(values),
    };
    Ok(session.terminal.data(&format!("{whole:#}\n"))?)
}

fn write(
    session: &mut Session<'_>,
    folder: &Path,
    observations: &[(String, Observation)],
) -> Result<(), CliError> {
    for (name, observation) in observations {
        let path = folder.join(format!("{name}.observed.json"));
        let text = format!("{:#}\n", as_value(name, observation)?);
        files::write_atomic(&path, text.as_bytes())?;
        session.terminal.say(&format!("Wrote {}", path.display()));
    }
    Ok(())
}

fn as_value(name: &str, observation: &Observation) -> Result<Value, CliError> {
    serde_json::to_value(observation).map_err(|error| {
        CliError::internal(format!(
            "Writing the observation of `{name}` failed: {error}"
        ))
    })
}
