//! The report files: what they were, and what they become.

use crate::render::SourceFormat;
use stairway_core::drift::wire::{DriftReport, DriftSummary, DriftedCluster, LapsedRule, stem_of};
use stairway_core::drift::{Fresh, Known, carry, keep, read_report};
use stairway_core::plan::wire::ClusterError;
use stairway_core::report::{drift_files_page, drift_message, drift_page};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The page of the fleet.
const FLEET_PAGE: &str = "README.md";

/// What became of one cluster.
pub(super) enum Looked {
    /// It was compared.
    Fresh(Box<Fresh>),
    /// It was not, because of this in few words: what was known before stays.
    Failed(Known, String),
}

/// Everything that a run found, before it is compared with what was known.
pub(super) struct Findings {
    pub(super) looked: Vec<Looked>,
    /// True when nothing of the fleet was left out, so that what is not there is gone.
    pub(super) whole: bool,
}

/// What the reports become.
#[derive(Default)]
pub(super) struct Composed {
    /// The clusters that were looked at, by name.
    pub(super) clusters: Vec<DriftedCluster>,
    /// Files by name: their bytes, or none for those to be deleted. Only what changes.
    pub(super) entries: BTreeMap<String, Option<Vec<u8>>>,
    /// Reports that cannot be used, each with what to say; nothing of them is touched.
    pub(super) refused: Vec<ClusterError>,
    /// Clusters whose reports change.
    pub(super) changed: BTreeSet<String>,
    /// Clusters that the fleet has no more.
    pub(super) gone: Vec<String>,
    pub(super) summary: DriftSummary,
    /// True when there may be earlier reports, and nobody knows what they say.
    pub(super) lost: bool,
}

impl Composed {
    /// Returns subject and body of the commit.
    pub(super) fn message(&self) -> (String, String) {
        let changed = |cluster: &&DriftedCluster| self.changed.contains(&cluster.report.cluster);
        let changed: Vec<&DriftedCluster> = self.clusters.iter().filter(changed).collect();
        drift_message(&changed, &self.gone)
    }
}

/// Files that are there, by name: their bytes, or why they cannot be read.
pub(super) type Before = BTreeMap<String, Result<Vec<u8>, String>>;

/// Compares what was found with the files that are there, and says what they become. `shown` names their
/// folder in messages.
pub(super) fn compose(findings: &Findings, before: &Before, shown: &str) -> Composed {
    let mut result = Composed::default();
    let mut pages: BTreeMap<String, DriftReport> = BTreeMap::new();
    let mut previous = read_all(before, shown, &mut result.refused);
    let broken: BTreeSet<String> = result.refused.iter().map(|one| one.name.clone()).collect();
    let mut whole = findings.whole;
    let mut looked_at: BTreeSet<String> = BTreeSet::new();
    for looked in &findings.looked {
        let Some((cluster, mut carried)) = judged(looked, &previous) else {
            // Whose config it is is not known, so nobody is gone for certain.
            whole = false;
            continue;
        };
        looked_at.insert(cluster.clone());
        if !is_file_name(&cluster) {
            result.refused.push(ClusterError {
                name: cluster.clone(),
                error: format!("`{cluster}` cannot be the name of a file"),
                hint: Some("give the cluster a `name` in the fleet file".to_owned()),
                ..ClusterError::default()
            });
            continue;
        }
        carried.last_unread = broken.contains(&cluster);
        result.summary.add(&carried.summary());
        result.clusters.push(carried);
    }
    result
        .clusters
        .sort_by(|a, b| a.report.cluster.cmp(&b.report.cluster));
    let lapsed = result.clusters.iter().flat_map(|c| &c.report.lapsed);
    // One rule of the fleet file is for many clusters.
    let lapsed: BTreeSet<&LapsedRule> = lapsed.collect();
    result.summary.lapsed = u32::try_from(lapsed.len()).unwrap_or(u32::MAX);
    for cluster in result.clusters.iter().filter(|c| !c.last_unread) {
        previous.remove(&cluster.report.cluster);
        pages.insert(cluster.report.cluster.clone(), cluster.report.clone());
    }
    if whole {
        result.gone = previous
            .keys()
            .filter(|name| !looked_at.contains(*name))
            .cloned()
            .collect();
    }
    for (name, report) in previous {
        if !result.gone.contains(&name) {
            pages.insert(name, report);
        }
    }
    write(&mut result, &pages, &broken, before);
    result
}

/// As [`compose`], where nobody knows what the earlier reports say: all drift counts as new.
pub(super) fn compose_alone(findings: &Findings) -> Composed {
    let mut result = compose(findings, &Before::new(), "");
    for cluster in &mut result.clusters {
        // Where git and live agree there is nothing to add.
        cluster.last_unread = !cluster.new.is_empty();
    }
    result.lost = true;
    result
}

/// Reads the reports that are there; those that cannot be used are refused and left alone.
fn read_all(
    before: &Before,
    shown: &str,
    refused: &mut Vec<ClusterError>,
) -> BTreeMap<String, DriftReport> {
    let mut previous = BTreeMap::new();
    for (file, bytes) in before {
        let Some(stem) = file.strip_suffix(".json") else {
            continue;
        };
        let cluster = stem.strip_suffix(".cluster").filter(|c| stem_of(c) == stem);
        let cluster = cluster.unwrap_or(stem);
        let read = bytes
            .as_ref()
            .map_err(Clone::clone)
            .and_then(|bytes| read_report(bytes, cluster).map_err(|error| error.to_string()));
        match read {
            Ok(report) => {
                previous.insert(cluster.to_owned(), report);
            }
            Err(why) => refused.push(ClusterError {
                name: cluster.to_owned(),
                error: format!(
                    "Reading the last drift report `{shown}/{file}` failed: {why}; it is left as it is"
                ),
                hint: Some(format!(
                    "`{}/{file}` shows when it was whole; move it away to begin anew",
                    match shown.split_once(':') {
                        Some((branch, folder)) => format!("git log {branch} -- {folder}"),
                        None => format!("git log -- {shown}"),
                    }
                )),
                ..ClusterError::default()
            }),
        }
    }
    previous
}

/// A cluster that failed before its name was known is found by its config.
fn judged(
    looked: &Looked,
    previous: &BTreeMap<String, DriftReport>,
) -> Option<(String, DriftedCluster)> {
    match looked {
        Looked::Fresh(fresh) => {
            let name = fresh.known.cluster.clone();
            let carried = carry(fresh, previous.get(&name));
            Some((name, carried))
        }
        Looked::Failed(known, why) => {
            let before = previous.get(&known.cluster).or_else(|| {
                let mut by_config = previous.values();
                by_config.find(|report| report.config == known.cluster)
            });
            let is_a_file = SourceFormat::of(Path::new(&known.cluster)).is_some();
            if before.is_none() && is_a_file {
                return None;
            }
            let name = before.map_or(&known.cluster, |report| &report.cluster);
            let known = Known {
                cluster: name.clone(),
                ..known.clone()
            };
            Some((name.clone(), keep(&known, why, before)))
        }
    }
}

fn is_file_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('.')
        && !name.contains(['/', '\\'])
        && !name.chars().any(char::is_control)
}

/// Of `broken` nothing is touched: their reports cannot be read.
fn write(
    result: &mut Composed,
    pages: &BTreeMap<String, DriftReport>,
    broken: &BTreeSet<String>,
    before: &Before,
) {
    let mut put = |file: String, text: String| {
        let same = matches!(before.get(&file), Some(Ok(old)) if old == text.as_bytes());
        if !same {
            result.entries.insert(file, Some(text.into_bytes()));
        }
        !same
    };
    let mut changed = BTreeSet::new();
    for cluster in result.clusters.iter().filter(|c| !c.last_unread) {
        let report = &cluster.report;
        let stem = report.stem();
        let json = put(format!("{stem}.json"), report.to_json());
        if put(format!("{stem}.md"), drift_page(report)) || json {
            changed.insert(report.cluster.clone());
        }
    }
    let reports: Vec<&DriftReport> = pages.values().collect();
    put(FLEET_PAGE.to_owned(), drift_files_page(&reports, broken));
    for name in &result.gone {
        for ending in ["json", "md"] {
            let file = format!("{}.{ending}", stem_of(name));
            if before.contains_key(&file) {
                result.entries.insert(file, None);
            }
        }
    }
    result.changed = changed;
}

/// Returns true for a file that a report may be, so that nothing else of a folder is read.
pub(super) fn is_ours(file: &str) -> bool {
    !file.contains('/')
        && (Path::new(file).extension()).is_some_and(|ending| ending == "json" || ending == "md")
}
