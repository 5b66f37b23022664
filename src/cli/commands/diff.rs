//! `stairway diff`

use crate::cli::args::DiffFormat;
use crate::cli::error::CliError;
use crate::cli::exit_code;
use crate::cli::request::DiffRequest;
use crate::cli::session::{Session, Tour};
use crate::pipeline::Loaded;
use serde_json::json;
use stairway_core::catalog::Catalog;
use stairway_core::diff::compare;
use stairway_core::diff::text::unified;
use stairway_core::model::clusterconfig::Config;
use stairway_core::plan::wire::{ClusterError, Difference, DifferenceClass};
use stairway_core::report::{diff_text, differences_table};
use std::fmt::Write as _;

/// Lines around a change in `--text`.
const CONTEXT_LINES: usize = 1;

/// Shows how git and the live clusters differ.
///
/// # Errors
/// Nothing could be selected, or stdout cannot take it.
pub(crate) fn run(session: &mut Session<'_>, request: &DiffRequest) -> Result<u8, CliError> {
    let tour = Tour {
        work: &request.work,
        verb: "Comparing",
        live: true,
        at: None,
    };
    let mut clusters: Vec<(String, Vec<Difference>)> = Vec::new();
    let catalog = session.catalog;
    let errors = session.tour(
        &tour,
        &|loaded| differences(loaded, catalog),
        &mut |name, list| {
            clusters.push((name, list));
            Ok(())
        },
    )?;
    // What the owner ignores is shown, and is no change.
    let counts = |difference: &Difference| difference.class != DifferenceClass::Ignored;
    let differ = clusters.iter().any(|(_, list)| list.iter().any(counts));
    let look = session.look();
    match request.format {
        DiffFormat::Json => {
            let all: Vec<_> = clusters
                .iter()
                .map(|(name, list)| json!({"name": name, "differences": list}))
                .collect();
            session.terminal.data(&format!("{:#}\n", json!(all)))?;
        }
        DiffFormat::Table => {
            for (index, (name, list)) in clusters.iter().enumerate() {
                let text = if request.text {
                    as_text(name, list, session)
                } else {
                    differences_table(name, list, &look)
                };
                let gap = if index > 0 && !text.is_empty() {
                    "\n"
                } else {
                    ""
                };
                session.terminal.data(&format!("{gap}{text}"))?;
            }
        }
    }
    let changes = if differ && request.detailed_exitcode {
        exit_code::CHANGES
    } else {
        exit_code::DONE
    };
    Ok(exit_code::strongest([session.fail(errors), changes]))
}

fn differences(loaded: &Loaded, catalog: &Catalog) -> Result<Vec<Difference>, ClusterError> {
    match (&loaded.config, &loaded.live) {
        (Config::Eks(desired), Some(read)) => {
            let decided_at = loaded.inputs.decided_at.unwrap_or(loaded.at);
            let who = (loaded.name.as_str(), decided_at);
            Ok(compare(desired, &read.observation, &loaded.settings, catalog, who).list)
        }
        (Config::Eks(_) | Config::EksAnywhere(_), _) => Err(ClusterError {
            name: loaded.name.clone(),
            error: format!(
                "`{}` is an EKS Anywhere cluster, and this build does not compare those yet",
                loaded.name
            ),
            hint: Some(format!("leave it out with `--exclude {}`", loaded.name)),
            ..ClusterError::default()
        }),
    }
}

/// The fields that differ, once as they are live and once as git has them, as a unified difference.
fn as_text(name: &str, list: &[Difference], session: &Session<'_>) -> String {
    let live = side(list, |difference| difference.live.as_deref());
    let git = side(list, |difference| difference.desired.as_deref());
    let lines = unified(
        &live,
        &git,
        &format!("{name} (live)"),
        &format!("{name} (git)"),
        CONTEXT_LINES,
    );
    diff_text(&lines, &session.look())
}

fn side(list: &[Difference], value: impl Fn(&Difference) -> Option<&str>) -> String {
    let mut out = String::new();
    let mut subject = "";
    for difference in list {
        let Some(text) = value(difference) else {
            continue;
        };
        if difference.subject != subject {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "{}:", difference.subject);
            subject = &difference.subject;
        }
        let field = if difference.field.is_empty() {
            "exists"
        } else {
            &difference.field
        };
        let _ = writeln!(out, "  {field}: {text}");
    }
    out
}
