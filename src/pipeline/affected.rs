//! Which clusters a change affects: what git says has changed, and what each cluster is made from.

use super::{ClusterRequest, LiveSource, Scope, SelectError};
use crate::config::{self, ClusterEntry, Fleet, FleetFile};
use crate::files::{self, TemporaryDir};
use crate::render::{ImportScan, Reads, RenderError};
use crate::vcs::{self, Changes, VcsError};
use serde_json::Value;
use stairway_core::policy::settings::{IgnoreRule, Waiver, glob_matches};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What a fleet file in jsonnet may import.
const IMPORTED: [&str; 5] = ["jsonnet", "libsonnet", "json", "yaml", "yml"];
/// More names than this are not listed in a note.
const NAMES_LISTED: usize = 3;

/// What became of a selection.
pub(super) struct Kept {
    /// How many files changed.
    pub(super) files: usize,
    /// What to tell.
    pub(super) notes: Vec<String>,
    /// Entries of the fleet at the revision that it has no more.
    pub(super) gone: Vec<ClusterEntry>,
}

/// What a change of the fleet file means.
enum FleetChange {
    /// Nothing for any cluster.
    None,
    /// All clusters are affected, because of this.
    Everything(String),
    /// The clusters with these keys.
    Entries(BTreeSet<String>),
}

type Evaluate<'e> = &'e dyn Fn(&Path, &Path) -> Result<Vec<Value>, RenderError>;

/// Leaves only the requests that what changed since `rev` affects.
pub(super) fn keep_affected(
    scope: &Scope,
    rev: &str,
    fleet: Option<&Fleet>,
    requests: &mut Vec<ClusterRequest>,
    evaluate: Evaluate<'_>,
) -> Result<Kept, SelectError> {
    let folder = match (fleet, requests.first()) {
        (Some(fleet), _) => fleet.folder.clone(),
        (None, Some(request)) => files::parent_of(&scope.cwd.join(&request.config)),
        (None, None) => scope.cwd.clone(),
    };
    let failed = |error: VcsError| SelectError::Changes {
        rev: rev.to_owned(),
        error,
    };
    let Some(top) = files::repository_top(&folder) else {
        return Err(SelectError::NoRepository {
            rev: rev.to_owned(),
            folder,
        });
    };
    let changes = vcs::changed_since(&top, rev).map_err(failed)?;
    let mut scan = ImportScan::default();
    let mut notes = Vec::new();
    let mut gone = Vec::new();
    let by_fleet = match fleet {
        Some(fleet) => fleet_change(fleet, rev, &top, &changes, &mut scan, evaluate, &mut gone),
        None => FleetChange::None,
    };
    let keys = match by_fleet {
        FleetChange::None => BTreeSet::new(),
        FleetChange::Entries(keys) => keys,
        FleetChange::Everything(why) => {
            notes.push(format!("every cluster counts as affected: {why}"));
            let files = changes.paths.len();
            return Ok(Kept { files, notes, gone });
        }
    };
    let mut not_in_git: BTreeSet<PathBuf> = BTreeSet::new();
    requests.retain(|request| {
        let reads = reads_of(scope, request, &mut scan);
        let unknown = reads.files.iter().filter(|file| !changes.knows(file));
        let before = not_in_git.len();
        not_in_git.extend(unknown.cloned());
        let unknown =
            not_in_git.len() > before || reads.files.iter().any(|f| not_in_git.contains(f));
        unknown || keys.contains(&request.key) || reads.paths.iter().any(|p| changes.touches(p))
    });
    notes.extend(not_tracked(&not_in_git, &top));
    Ok(Kept {
        files: changes.paths.len(),
        notes,
        gone,
    })
}

/// Git says nothing about files that it ignores or that are outside of the repository.
fn not_tracked(files: &BTreeSet<PathBuf>, top: &Path) -> Option<String> {
    if files.is_empty() {
        return None;
    }
    let shown = |path: &PathBuf| config::files_shown(path, top);
    let names: Vec<String> = files.iter().take(NAMES_LISTED).map(shown).collect();
    let more = if files.len() > NAMES_LISTED {
        ", …"
    } else {
        ""
    };
    Some(format!(
        "git does not track {} of the files that clusters are made from, so these clusters count as affected: `{}`{more}",
        files.len(),
        names.join("`, `")
    ))
}

/// Returns what a cluster is made from: its config and, where they are files, its live side.
fn reads_of(scope: &Scope, request: &ClusterRequest, scan: &mut ImportScan) -> Reads {
    let mut reads = Reads::default();
    let config = scope.cwd.join(&request.config);
    let root = match &request.root {
        Some(root) => files::canonicalize(root).unwrap_or_else(|_| root.clone()),
        None => {
            let folder = files::parent_of(&config);
            files::repository_top(&folder)
                .or_else(|| files::canonicalize(&folder).ok())
                .unwrap_or(folder)
        }
    };
    scan.add(&config, &root, &mut reads);
    match &request.live {
        LiveSource::Recorded { path, root }
        | LiveSource::Assumed { path, root }
        | LiveSource::World { path, root } => scan.add(path, root, &mut reads),
        LiveSource::File(path) => scan.add(&scope.cwd.join(path), &root, &mut reads),
        LiveSource::Kubernetes(source) => {
            if let Some((path, root)) = &source.cloud {
                scan.add(path, root, &mut reads);
            }
        }
        LiveSource::NotGiven => {}
    }
    reads
}

/// Compares the fleet file with that of the revision, when anything that it is made from changed.
fn fleet_change(
    fleet: &Fleet,
    rev: &str,
    top: &Path,
    changes: &Changes,
    scan: &mut ImportScan,
    evaluate: Evaluate<'_>,
    gone: &mut Vec<ClusterEntry>,
) -> FleetChange {
    let mut reads = Reads::default();
    scan.add(&fleet.path, &fleet.root, &mut reads);
    let shown = &fleet.shown;
    if let Some(file) = reads.files.iter().find(|file| !changes.knows(file)) {
        let file = config::files_shown(file, top);
        return FleetChange::Everything(format!("git does not track `{file}`"));
    }
    if !reads.paths.iter().any(|path| changes.touches(path)) {
        return FleetChange::None;
    }
    match fleet_at(fleet, rev, top, evaluate) {
        Ok(before) => {
            *gone = no_more(&before, &fleet.file);
            compare(&before, &fleet.file, shown)
        }
        Err(why) => FleetChange::Everything(format!(
            "`{shown}` has changed and cannot be compared with that of `{rev}`: {why}"
        )),
    }
}

/// Reads the fleet file as the revision has it.
fn fleet_at(
    fleet: &Fleet,
    rev: &str,
    top: &Path,
    evaluate: Evaluate<'_>,
) -> Result<FleetFile, String> {
    let Ok(inner) = fleet.path.strip_prefix(top) else {
        return Err("it is outside of the repository".to_owned());
    };
    if fleet
        .path
        .extension()
        .is_none_or(|ending| ending != "jsonnet")
    {
        let bytes = vcs::read_at(top, rev, inner).map_err(|error| error.to_string())?;
        let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())?;
        return config::read_text(&text, &fleet.shown).map_err(|error| error.to_string());
    }
    let copy = TemporaryDir::create().map_err(|error| error.to_string())?;
    vcs::export(top, rev, &IMPORTED, copy.path()).map_err(|error| error.to_string())?;
    let target = copy.path().join(inner);
    config::load(&target, Some(copy.path()), evaluate)
        .map(|fleet| fleet.file)
        .map_err(|error| error.to_string())
}

/// Returns the entries that were in the fleet and are not now. One that was known by its config and
/// has a name today is still there.
fn no_more(before: &FleetFile, now: &FleetFile) -> Vec<ClusterEntry> {
    let keys: BTreeSet<String> = now.clusters.iter().map(ClusterEntry::key).collect();
    let configs: BTreeSet<&str> = now.clusters.iter().map(|e| e.config.as_str()).collect();
    let stays = |entry: &&ClusterEntry| {
        let by_config = entry.name.is_none() && configs.contains(entry.config.as_str());
        keys.contains(&entry.key()) || by_config
    };
    let before = before.clusters.iter();
    before.filter(|entry| !stays(entry)).cloned().collect()
}

/// Returns true when what is said about this cluster by its name is not as before. Who has no name yet
/// may be anybody.
fn is_judged_anew(before: &FleetFile, now: &FleetFile, entry: &ClusterEntry) -> bool {
    let means = |glob: &str| match &entry.name {
        Some(name) => glob_matches(glob, name),
        None => true,
    };
    let waivers = |file: &FleetFile| -> Vec<Waiver> {
        let own = file.waivers.iter().filter(|waiver| means(&waiver.cluster));
        own.cloned().collect()
    };
    let ignored = |file: &FleetFile| -> Vec<IgnoreRule> {
        let own = file.ignore.iter().filter(|rule| means(&rule.cluster));
        own.cloned().collect()
    };
    waivers(before) != waivers(now) || ignored(before) != ignored(now)
}

/// Sections whose entries are each about some clusters, by name.
const BY_NAME: [&str; 2] = ["ignore", "waivers"];

/// A section that counts for all clusters, or the entries that are new or not as before.
fn compare(before: &FleetFile, now: &FleetFile, shown: &str) -> FleetChange {
    let sections = |file: &FleetFile| -> BTreeMap<String, Value> {
        let mut value = serde_json::to_value(file).unwrap_or_default();
        let map = value.as_object_mut().map(std::mem::take);
        map.unwrap_or_default()
            .into_iter()
            .filter(|(key, _)| key != "clusters" && !BY_NAME.contains(&key.as_str()))
            .collect()
    };
    let (old, new) = (sections(before), sections(now));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let changed: Vec<&str> = names
        .into_iter()
        .filter(|name| old.get(*name) != new.get(*name))
        .map(String::as_str)
        .collect();
    if !changed.is_empty() {
        return FleetChange::Everything(format!(
            "`{}` of `{shown}` has changed",
            changed.join("` and `")
        ));
    }
    // Most changes are of neither, and a fleet has thousands of entries.
    let judged_anew = before.waivers != now.waivers || before.ignore != now.ignore;
    let known: BTreeMap<String, _> = before
        .clusters
        .iter()
        .map(|entry| (entry.key(), entry))
        .collect();
    let entries = now
        .clusters
        .iter()
        .filter(|entry| {
            known.get(&entry.key()) != Some(entry)
                || (judged_anew && is_judged_anew(before, now, entry))
        })
        .map(ClusterEntry::key)
        .collect();
    FleetChange::Entries(entries)
}
