//! What `check` found, for people and for machines.
//!
//! ```text
//! plans ─of─▶ CheckReport ─▶ table, Markdown          for people
//!                        ├─▶ JSON (this type)        for scripts
//!                        ├─▶ SARIF, annotations      for code scanning on GitHub
//!                        └─▶ JUnit                   for test reports of any CI
//! ```

mod annotations;
mod junit;
mod markdown;
mod sarif;
mod table;

pub use annotations::check_annotations;
pub use junit::check_junit;
pub use markdown::check_markdown;
pub use sarif::check_sarif;
pub use table::check_table;

use super::findings::blocks;
use super::words::{count, list_some};
use crate::plan::wire::{ClusterError, Finding, Plan, PlanSet, Severity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The major format version of check reports that this build writes.
pub const CHECK_FORMAT: u32 = 1;
/// How many decisions that cover nothing are named in a line; the JSON has all.
const IDLE_SHOWN: usize = 10;

/// What was found on the clusters of one invocation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckReport {
    /// Major version of this format.
    pub format_version: u32,
    /// Always `CheckReport`.
    pub kind: String,
    /// The clusters, by name, those without a finding included.
    pub clusters: Vec<CheckedCluster>,
    /// Clusters that could not be checked, and why.
    pub errors: Vec<ClusterError>,
    /// Waivers and ignore rules for many clusters that cover nothing on any cluster of the fleet;
    /// empty also where not the whole fleet was checked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub idle: Vec<String>,
    /// Totals.
    pub summary: CheckSummary,
    /// The exit code of the command.
    pub exit: u8,
}

/// One cluster with what was found on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckedCluster {
    /// Its name.
    pub name: String,
    /// Its config as the user named it, relative to the root; empty when unknown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub config: String,
    /// What was found, the worst first.
    pub findings: Vec<Finding>,
}

/// Totals of a check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckSummary {
    /// Clusters that were checked.
    pub clusters: u32,
    /// Clusters that could not be checked.
    pub errors: u32,
    /// Mandatory findings, and blocking ones that nobody waived.
    pub blocking: u32,
    /// Findings that somebody waived.
    pub waived: u32,
    /// Warnings that nobody waived.
    pub warnings: u32,
    /// Notes that nobody waived.
    pub notes: u32,
}

impl CheckedCluster {
    /// Returns what a plan says of its cluster.
    pub fn of(plan: &Plan) -> Self {
        let mut findings = plan.findings.clone();
        findings.sort_by(|one, other| order(one).cmp(&order(other)));
        Self {
            name: plan.name.clone(),
            config: plan.inputs.config.clone(),
            findings,
        }
    }

    /// Returns the worst severity that nobody waived; none when there is no such finding.
    fn worst(&self) -> Option<Severity> {
        let standing = self.findings.iter().filter(|one| one.waived.is_none());
        standing.map(|one| one.severity).min()
    }
}

/// The worst first, waived ones behind those that stand.
fn order(finding: &Finding) -> (Severity, bool, &str, &str, &str) {
    (
        finding.severity,
        finding.waived.is_some(),
        &finding.code,
        &finding.subject,
        &finding.message,
    )
}

impl CheckReport {
    /// Returns the report of these clusters; `exit` is the exit code of the command.
    pub fn of(mut clusters: Vec<CheckedCluster>, mut errors: Vec<ClusterError>, exit: u8) -> Self {
        clusters.sort_by(|one, other| (&one.name, &one.config).cmp(&(&other.name, &other.config)));
        errors.sort_by(|one, other| (&one.name, &one.error).cmp(&(&other.name, &other.error)));
        let summary = CheckSummary::of(&clusters, &errors);
        Self {
            format_version: CHECK_FORMAT,
            kind: "CheckReport".to_owned(),
            clusters,
            errors,
            idle: Vec::new(),
            summary,
            exit,
        }
    }

    /// Returns the report of a set of plans.
    pub fn of_set(set: &PlanSet, exit: u8) -> Self {
        let clusters = set.clusters.iter().map(CheckedCluster::of).collect();
        Self::of(clusters, set.errors.clone(), exit)
    }

    /// Returns the first and last line: `Check: 2 blocking, 1 waived, 14 warnings, 9 notes on 8 clusters.`
    pub fn line(&self) -> String {
        let CheckSummary {
            clusters,
            errors,
            blocking,
            waived,
            warnings,
            notes,
        } = self.summary;
        let unread = match errors {
            0 => String::new(),
            errors => format!(" {} not checked.", count(errors as usize, "cluster")),
        };
        let on = count(clusters as usize, "cluster");
        if blocking + waived + warnings + notes == 0 {
            return format!("Nothing found on {on}.{unread}");
        }
        let warnings = count(warnings as usize, "warning");
        let notes = count(notes as usize, "note");
        format!("Check: {blocking} blocking, {waived} waived, {warnings}, {notes} on {on}.{unread}")
    }

    /// Says which decisions cover nothing in the whole fleet; none when each covers something.
    fn idle_line(&self) -> Option<String> {
        let decisions = match self.idle.len() {
            0 => return None,
            1 => "1 decision covers".to_owned(),
            several => format!("{several} decisions cover"),
        };
        Some(format!(
            "{decisions} nothing in the whole fleet, and can go from the fleet file: {}.",
            list_some(&self.idle, IDLE_SHOWN)
        ))
    }

    /// Returns the clusters, the worst first.
    fn by_risk(&self) -> Vec<&CheckedCluster> {
        let mut clusters: Vec<&CheckedCluster> = self.clusters.iter().collect();
        clusters.sort_by_key(|cluster| {
            let blocking = cluster.findings.iter().filter(|one| blocks(one)).count();
            // No finding at all stands behind every severity.
            let worst = cluster.worst();
            (
                worst.is_none(),
                worst,
                std::cmp::Reverse(blocking),
                std::cmp::Reverse(cluster.findings.len()),
            )
        });
        clusters
    }
}

impl CheckSummary {
    fn of(clusters: &[CheckedCluster], errors: &[ClusterError]) -> Self {
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let mut sum = Self {
            clusters: number(clusters.len()),
            errors: number(errors.len()),
            ..Self::default()
        };
        for finding in clusters.iter().flat_map(|cluster| &cluster.findings) {
            let slot = match (blocks(finding), &finding.waived, finding.severity) {
                (true, _, _) => &mut sum.blocking,
                (false, Some(_), _) => &mut sum.waived,
                (false, None, Severity::Warning) => &mut sum.warnings,
                (false, None, _) => &mut sum.notes,
            };
            *slot = slot.saturating_add(1);
        }
        sum
    }
}

#[cfg(test)]
mod tests;
