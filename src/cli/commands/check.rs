//! `stairway check`

use crate::cli::args::CheckFormat;
use crate::cli::error::CliError;
use crate::cli::exit_code;
use crate::cli::request::{CheckRequest, CheckSource};
use crate::cli::review;
use crate::cli::session::{Session, Tour};
use crate::pipeline::{Loaded, plan_cluster};
use crate::store::{self, Stored};
use stairway_core::plan::wire::{ClusterError, Plan};
use stairway_core::plan::{exit_facts, idle_decisions};
use stairway_core::report::{
    CheckReport, CheckedCluster, Sheet, check_annotations, check_junit, check_markdown, check_table,
};
use std::collections::BTreeSet;

/// Prints the findings of every cluster, and fails when one blocks.
///
/// # Errors
/// Nothing could be selected, or what was asked for cannot be written.
pub(crate) fn run(session: &mut Session<'_>, request: &CheckRequest) -> Result<u8, CliError> {
    let mut found = Found::default();
    match &request.from {
        CheckSource::Plans(file) => found.read(session, file)?,
        CheckSource::Clusters { work, options, at } => {
            let tour = Tour {
                work,
                verb: "Checking",
                live: true,
                at: *at,
            };
            let catalog = session.catalog;
            let make = |loaded: &Loaded| {
                let planned = plan_cluster(loaded, options, catalog)?;
                let idle = idle_decisions(&planned.plan, &loaded.settings);
                Ok((Checked::of(&planned.plan), idle))
            };
            let mut idle: Option<BTreeSet<String>> = None;
            type Made = (Checked, BTreeSet<String>);
            let toured = session.tour_set(&tour, &make, &mut |_, (checked, own): Made| {
                idle = Some(match idle.take() {
                    Some(before) => before.intersection(&own).cloned().collect(),
                    None => own,
                });
                found.checked.push(checked);
                Ok(())
            })?;
            found.errors = toured.errors;
            // What was not looked at may be what a decision covers.
            let whole = work.scope.subjects.is_empty() && toured.partial.is_none();
            if whole && found.errors.is_empty() {
                found.idle = idle.into_iter().flatten().collect();
            }
        }
    }
    let report = found.report();
    review::write_check_files(session, &request.review, &report, request.floor)?;
    print(session, request, &report)?;
    Ok(report.exit)
}

/// What was found so far.
#[derive(Default)]
struct Found {
    checked: Vec<Checked>,
    errors: Vec<ClusterError>,
    /// Decisions that cover nothing in the whole fleet.
    idle: Vec<String>,
}

/// One cluster, and what it says to the exit code.
struct Checked {
    cluster: CheckedCluster,
    codes: Vec<u8>,
}

impl Checked {
    fn of(plan: &Plan) -> Self {
        Self {
            cluster: CheckedCluster::of(plan),
            codes: exit_code::of_check(exit_facts(plan)),
        }
    }
}

impl Found {
    /// Reads plans that were made before.
    fn read(&mut self, session: &Session<'_>, file: &std::path::Path) -> Result<(), CliError> {
        let subject = file.display().to_string();
        match store::open(&subject, &session.ambient.cwd, &[])? {
            Stored::Plan(plan) => self.checked.push(Checked::of(&plan)),
            Stored::Set(set) => {
                self.checked.extend(set.clusters.iter().map(Checked::of));
                self.errors = set.errors;
            }
        }
        Ok(())
    }

    fn report(self) -> CheckReport {
        let mut codes = vec![exit_code::DONE];
        codes.extend(exit_code::of_failed(&self.errors));
        let mut clusters = Vec::with_capacity(self.checked.len());
        for one in self.checked {
            codes.extend(one.codes);
            clusters.push(one.cluster);
        }
        let mut report = CheckReport::of(clusters, self.errors, exit_code::strongest(codes));
        report.idle = self.idle;
        report
    }
}

/// A table and Markdown name the clusters that could not be checked; else they are told on stderr.
fn print(
    session: &mut Session<'_>,
    request: &CheckRequest,
    report: &CheckReport,
) -> Result<(), CliError> {
    let key = request.review.comment_key.as_deref().unwrap_or_default();
    let only_errors = report.clusters.is_empty() && !report.errors.is_empty();
    match request.format {
        CheckFormat::Table if only_errors => {}
        CheckFormat::Table => {
            let text = check_table(report, request.floor, &session.look());
            session.terminal.data(&text)?;
            return Ok(());
        }
        CheckFormat::Json => session.terminal.bytes(&store::json_line(report))?,
        CheckFormat::Markdown => {
            let whole = review::whole(&request.review, None);
            let sheet = Sheet::comment().keyed(key).beside(whole);
            session
                .terminal
                .data(&check_markdown(report, request.floor, &sheet))?;
        }
        CheckFormat::Sarif => session.terminal.data(&review::sarif(report, key))?,
        CheckFormat::Junit => session.terminal.data(&check_junit(report))?,
        CheckFormat::Github => session.terminal.data(&check_annotations(report))?,
    }
    session.fail(report.errors.clone());
    Ok(())
}
