//! Which clusters an invocation is about.

use super::affected::keep_affected;
use super::part::{quoted, typed};
use super::{ClusterRequest, LiveSource, Part};
use crate::config::{self, ClusterEntry, Fleet, FleetError, Live, Policy, nearest};
use crate::files;
use crate::kubernetes::Identity;
use crate::live::ApiSource;
use crate::render::{self, RenderError, RenderOptions, SourceFormat, WorkerMode};
use crate::vcs::VcsError;
use serde_json::Value;
use stairway_core::plan::wire::Partial;
use stairway_core::policy::settings::{Settings, glob_matches};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the user said about which clusters are meant and how they are read.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Configs and globs over cluster names; none for the whole fleet.
    pub subjects: Vec<String>,
    /// The fleet file; found upward when none.
    pub fleet: Option<PathBuf>,
    /// The live side of the one selected cluster.
    pub live: Option<PathBuf>,
    /// The folder that configs and imports must be in.
    pub root: Option<PathBuf>,
    /// Only clusters whose name one of these globs matches.
    pub target: Vec<String>,
    /// No cluster whose name one of these globs matches.
    pub exclude: Vec<String>,
    /// Which part of what is selected.
    pub part: Part,
    /// External variables for jsonnet, over those of the fleet.
    pub ext_vars: BTreeMap<String, String>,
    /// Top-level arguments for jsonnet, over those of the fleet.
    pub tlas: BTreeMap<String, String>,
    /// Undeclared groups and add-ons that may be deleted.
    pub prune: Vec<String>,
    /// The working directory.
    pub cwd: PathBuf,
    /// What evaluates jsonnet.
    pub worker: WorkerMode,
}

/// The clusters that are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selected {
    /// In a fixed order: by alias, then by config.
    pub requests: Vec<ClusterRequest>,
    /// What the fleet file asks for and this build does not do, and how the part was found.
    pub notes: Vec<String>,
    /// The fleet's waves in their order; empty without a fleet.
    pub waves: Vec<String>,
    /// Which part of the fleet it is, when not all of it.
    pub partial: Option<Partial>,
    /// Why no cluster is in the part, as a sentence.
    pub nothing: Option<String>,
}

/// Globs over cluster names that are checked when the name is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameFilter {
    /// Any of these must match; empty for all.
    pub subjects: Vec<String>,
    /// Any of these must match; empty for all.
    pub target: Vec<String>,
    /// None of these may match.
    pub exclude: Vec<String>,
}

impl NameFilter {
    /// Returns true when a cluster of this name is meant.
    pub fn takes(&self, name: &str) -> bool {
        let any = |globs: &[String]| globs.iter().any(|glob| glob_matches(glob, name));
        (self.subjects.is_empty() || any(&self.subjects))
            && (self.target.is_empty() || any(&self.target))
            && !any(&self.exclude)
    }
}

impl Scope {
    /// Returns where a file is that was named relative to the working directory: as it was named,
    /// so that messages repeat what was typed, wherever that leads to the same file.
    pub fn place(&self, named: &Path) -> PathBuf {
        let full = self.cwd.join(named);
        match (files::canonicalize(named), files::canonicalize(&full)) {
            (Ok(as_named), Ok(as_meant)) if as_named == as_meant => named.to_path_buf(),
            (Ok(_) | Err(_), Ok(_) | Err(_)) => full,
        }
    }

    fn filter(&self, globs: &[String]) -> NameFilter {
        NameFilter {
            subjects: globs.to_vec(),
            target: self.target.clone(),
            exclude: self.exclude.clone(),
        }
    }
}

/// Why no clusters could be selected.
#[derive(Debug, thiserror::Error)]
pub enum SelectError {
    /// The fleet file is wrong.
    #[error(transparent)]
    Fleet(FleetError),
    /// Neither configs nor a fleet.
    #[error(
        "There is nothing to work on: no config was named, and no fleet file is in this folder or above it"
    )]
    Nothing,
    /// A glob needs a fleet.
    #[error("`{subject}` is no file, and there is no fleet file in which it could name a cluster")]
    NoFleet {
        /// The argument.
        subject: String,
    },
    /// A config that does not exist.
    #[error("Reading the config `{subject}` failed: no such file")]
    MissingConfig {
        /// The argument.
        subject: String,
    },
    /// A folder where a config is needed.
    #[error("`{subject}` is a folder, and a config is a file")]
    Folder {
        /// The argument.
        subject: String,
    },
    /// No cluster of this name.
    #[error("No cluster of the fleet matches `{subject}`")]
    NoMatch {
        /// The argument.
        subject: String,
        /// Names that look like it, or else all of them, shortened.
        near: Vec<String>,
    },
    /// Everything is excluded.
    #[error("`--target` and `--exclude` leave no cluster")]
    AllExcluded,
    /// The fleet has no such wave.
    #[error("The fleet has no wave `{wave}`")]
    NoWave {
        /// As given.
        wave: String,
        /// Those that it has.
        waves: Vec<String>,
    },
    /// A wave needs a fleet.
    #[error("`--wave` is about the waves of a fleet, and there is no fleet file")]
    WaveWithoutFleet,
    /// Nothing tells what changed.
    #[error("Finding what changed since `{rev}` failed: `{}` is not in a git repository", .folder.display())]
    NoRepository {
        /// The revision.
        rev: String,
        /// Where one was looked for.
        folder: PathBuf,
    },
    /// Git does not tell what changed.
    #[error("Finding what changed since `{rev}` failed: {error}")]
    Changes {
        /// The revision.
        rev: String,
        /// Why.
        error: VcsError,
    },
    /// One live side for several clusters.
    #[error("`--live` is the live side of one cluster, and {count} clusters are selected")]
    LiveForSeveral {
        /// How many.
        count: usize,
    },
}

impl SelectError {
    /// Returns what to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Fleet(error) => error.hint(),
            Self::Nothing => Some(
                "plan one config with `stairway plan CONFIG --live FILE`, or name a fleet with `--fleet FILE`"
                    .to_owned(),
            ),
            Self::NoFleet { .. } => Some("name a fleet with `--fleet FILE`".to_owned()),
            Self::MissingConfig { .. } => None,
            Self::Folder { subject } => Some(format!("name its files: `{subject}/*.jsonnet`")),
            Self::NoMatch { near, .. } if near.is_empty() => None,
            Self::NoMatch { near, .. } => Some(format!("near names: `{}`", near.join("`, `"))),
            Self::AllExcluded => None,
            Self::NoWave { waves, .. } if waves.is_empty() => {
                Some("it has none: write `waves: [canary, rest]` into it, and `wave` at its clusters".to_owned())
            }
            Self::NoWave { wave, waves } => {
                Some(match nearest(wave, waves.iter().map(String::as_str)).first() {
                    Some(near) => format!("did you mean `--wave {near}`?"),
                    None => format!("its waves: `{}`", waves.join("`, `")),
                })
            }
            Self::WaveWithoutFleet => Some("name a fleet with `--fleet FILE`".to_owned()),
            Self::NoRepository { .. } => Some(
                "run it in a clone: `git clone URL`; here all clusters are planned without `--changed-since`"
                    .to_owned(),
            ),
            Self::Changes { error, .. } => error.hint(),
            Self::LiveForSeveral { .. } => {
                Some("name one cluster, or write `live` into the fleet file".to_owned())
            }
        }
    }
}

/// More names than this are not listed when nothing looks like the one that was given.
const NAMES_LISTED: usize = 10;

/// Finds the clusters that are meant.
///
/// # Errors
/// See [`SelectError`].
pub fn select(scope: &Scope) -> Result<Selected, SelectError> {
    let mut configs: Vec<&str> = Vec::new();
    let mut globs: Vec<String> = Vec::new();
    for subject in &scope.subjects {
        let path = scope.cwd.join(subject);
        if files::is_file(&path) {
            configs.push(subject);
        } else if files::is_dir(&path) {
            return Err(SelectError::Folder {
                subject: subject.clone(),
            });
        } else if subject.contains('/') || SourceFormat::of(Path::new(subject)).is_some() {
            return Err(SelectError::MissingConfig {
                subject: subject.clone(),
            });
        } else {
            globs.push(subject.clone());
        }
    }
    let whole_fleet = scope.subjects.is_empty();
    let mut notes = Vec::new();
    let fleet = find_fleet(scope, whole_fleet || !globs.is_empty(), &mut notes)?;
    let mut requests = Vec::new();
    let listed = listed_configs(&configs, fleet.as_ref());
    for config in configs {
        for_config(scope, config, fleet.as_ref(), &listed, &mut requests);
    }
    if whole_fleet || !globs.is_empty() {
        let Some(fleet) = &fleet else {
            return Err(match globs.into_iter().next() {
                Some(subject) => SelectError::NoFleet { subject },
                None => SelectError::Nothing,
            });
        };
        from_fleet(scope, fleet, &globs, &mut requests)?;
    }
    requests.sort_by(|a, b| (&a.name, &a.config).cmp(&(&b.name, &b.config)));
    requests.dedup();
    let whole = requests.len();
    let partial = fleet
        .as_ref()
        .and_then(|fleet| partial(scope, fleet, &requests));
    let Taken { nothing, gone } = take_part(scope, fleet.as_ref(), &mut requests, &mut notes)?;
    let in_fleet = whole > 1;
    for request in &mut requests {
        request.in_fleet = in_fleet;
    }
    if nothing.is_none() {
        attach_live(scope, &mut requests)?;
    }
    let partial = partial.map(|partial| Partial { gone, ..partial });
    let waves = fleet.map(|fleet| fleet.file.waves).unwrap_or_default();
    Ok(Selected {
        requests,
        notes,
        waves,
        partial,
        nothing,
    })
}

/// What was found while a part was taken.
#[derive(Default)]
struct Taken {
    /// Why nothing is left, if so.
    nothing: Option<String>,
    /// Clusters of the part that the fleet has no more.
    gone: Vec<String>,
}

/// Leaves only the part that is meant.
fn take_part(
    scope: &Scope,
    fleet: Option<&Fleet>,
    requests: &mut Vec<ClusterRequest>,
    notes: &mut Vec<String>,
) -> Result<Taken, SelectError> {
    let Part {
        shard,
        changed_since,
        waves,
    } = &scope.part;
    let Taken {
        mut nothing,
        mut gone,
    } = Taken::default();
    if !waves.is_empty() {
        let known = fleet.ok_or(SelectError::WaveWithoutFleet)?;
        if let Some(wave) = waves.iter().find(|wave| !known.file.waves.contains(wave)) {
            return Err(SelectError::NoWave {
                wave: wave.clone(),
                waves: known.file.waves.clone(),
            });
        }
        requests.retain(|request| {
            request
                .wave
                .as_ref()
                .is_some_and(|wave| waves.contains(wave))
        });
        if requests.is_empty() {
            nothing = Some(format!(
                "No cluster is in the wave `{}`",
                waves.join("` or `")
            ));
        }
    }
    if let Some(shard) = shard
        && nothing.is_none()
    {
        requests.retain(|request| shard.takes(&request.key));
        if requests.is_empty() {
            nothing = Some(format!("No cluster is in shard {shard}"));
        }
    }
    if let Some(rev) = changed_since
        && nothing.is_none()
    {
        let evaluate = |path: &Path, root: &Path| evaluate(path, root, &scope.worker);
        let kept = keep_affected(scope, rev, fleet, requests, &evaluate)?;
        notes.extend(kept.notes);
        let meant = kept.gone.iter().filter(|entry| is_meant(scope, entry));
        gone.extend(meant.map(ClusterEntry::key));
        gone.sort();
        if !gone.is_empty() {
            notes.push(format!(
                "no longer in the fleet since {rev}, and so not planned: `{}`",
                gone.join("`, `")
            ));
        }
        if requests.is_empty() {
            let files = match kept.files {
                1 => "1 file".to_owned(),
                files => format!("{files} files"),
            };
            nothing = Some(format!(
                "No cluster is affected by what changed since {rev} ({files} changed)"
            ));
        }
    }
    Ok(Taken { nothing, gone })
}

/// Returns true when a cluster that the fleet has no more would have been in the part.
fn is_meant(scope: &Scope, entry: &ClusterEntry) -> bool {
    let Part {
        shard,
        changed_since: _,
        waves,
    } = &scope.part;
    let wave = entry.wave.as_ref();
    scope.filter(&scope.subjects).takes(provisional(entry))
        && shard.is_none_or(|shard| shard.takes(&entry.key()))
        && (waves.is_empty() || wave.is_some_and(|wave| waves.contains(wave)))
}

/// Says which part of the fleet was asked for, as it was typed. `requests` are those before a part was
/// taken: names that are all there is are no part, and neither is a config of which the fleet knows
/// nothing.
fn partial(scope: &Scope, fleet: &Fleet, requests: &[ClusterRequest]) -> Option<Partial> {
    let Part {
        shard,
        changed_since,
        waves,
    } = &scope.part;
    let shard = shard.filter(|shard| !shard.is_all());
    let mut by: Vec<String> = Vec::new();
    by.extend(shard.map(|shard| typed("--shard", &shard.to_string())));
    by.extend(
        changed_since
            .iter()
            .map(|rev| typed("--changed-since", rev)),
    );
    by.extend(waves.iter().map(|wave| typed("--wave", wave)));
    by.extend(scope.target.iter().map(|glob| typed("--target", glob)));
    by.extend(scope.exclude.iter().map(|glob| typed("--exclude", glob)));
    let keys: BTreeSet<String> = fleet.file.clusters.iter().map(ClusterEntry::key).collect();
    let listed = requests
        .iter()
        .filter(|request| !request.tentative && keys.contains(&request.key))
        .count();
    let tentative = requests.iter().any(|request| request.tentative);
    if (listed > 0 || tentative) && listed < keys.len() {
        by.extend(scope.subjects.iter().map(|subject| quoted(subject)));
    }
    let of = u32::try_from(fleet.file.clusters.len()).unwrap_or(u32::MAX);
    (!by.is_empty()).then_some(Partial {
        of,
        by,
        gone: Vec::new(),
    })
}

/// Loads the fleet file. One that was found and not named may belong to another tool, and does not
/// matter when only configs are named.
fn find_fleet(
    scope: &Scope,
    needed: bool,
    notes: &mut Vec<String>,
) -> Result<Option<Fleet>, SelectError> {
    let named = scope.fleet.as_ref().map(|path| scope.cwd.join(path));
    let found = match &named {
        Some(path) => Some(path.clone()),
        None => config::find(&scope.cwd).map_err(SelectError::Fleet)?,
    };
    let Some(path) = found else {
        return Ok(None);
    };
    let evaluate = |path: &Path, root: &Path| evaluate(path, root, &scope.worker);
    let root = scope.root.as_ref().map(|root| scope.cwd.join(root));
    let optional = named.is_none() && !needed;
    match config::load(&path, root.as_deref(), &evaluate) {
        Ok(fleet) => Ok(Some(fleet)),
        Err(FleetError::NotAFleet { .. }) if optional => Ok(None),
        Err(FleetError::Unparsable(_) | FleetError::Unreadable(_))
            if optional && scope.live.is_some() =>
        {
            let shown = path.display();
            notes.push(format!(
                "`{shown}` cannot be read as a fleet and has no say in this run"
            ));
            Ok(None)
        }
        Err(error) => Err(SelectError::Fleet(error)),
    }
}

fn evaluate(path: &Path, root: &Path, worker: &WorkerMode) -> Result<Vec<Value>, RenderError> {
    let options = RenderOptions {
        root: Some(root.to_path_buf()),
        worker: worker.clone(),
        ..RenderOptions::default()
    };
    let rendered = render::render_file(path, &options)?;
    Ok(rendered
        .documents
        .into_iter()
        .map(|document| document.value)
        .collect())
}

/// The fleet's entries by the canonical path of their configs: each is looked up once, however many
/// configs are named on the command line.
type Listed = BTreeMap<PathBuf, Vec<usize>>;

fn listed_configs(configs: &[&str], fleet: Option<&Fleet>) -> Listed {
    let mut listed = Listed::new();
    let Some(fleet) = fleet.filter(|_| !configs.is_empty()) else {
        return listed;
    };
    for (index, entry) in fleet.file.clusters.iter().enumerate() {
        if let Ok(canonical) = files::canonicalize(&fleet.folder.join(&entry.config)) {
            listed.entry(canonical).or_default().push(index);
        }
    }
    listed
}

/// A config from the command line: the fleet's entries for it, or one of its own.
fn for_config(
    scope: &Scope,
    config: &str,
    fleet: Option<&Fleet>,
    listed: &Listed,
    requests: &mut Vec<ClusterRequest>,
) {
    if let Some(fleet) = fleet
        && let Ok(canonical) = files::canonicalize(&scope.cwd.join(config))
        && let Some(entries) = listed.get(&canonical)
    {
        let entries = entries
            .iter()
            .filter_map(|index| fleet.file.clusters.get(*index));
        let common = Arc::new(fleet.settings(None, &scope.prune));
        requests.extend(entries.map(|entry| for_entry(scope, fleet, entry, &common)));
        return;
    }
    let settings = match fleet {
        Some(fleet) => fleet.settings(None, &scope.prune),
        None => Settings {
            prune: scope.prune.clone(),
            ..Settings::default()
        },
    };
    requests.push(ClusterRequest {
        key: config.to_owned(),
        name: None,
        filter: scope.filter(&[]),
        tentative: false,
        config: scope.place(Path::new(config)),
        root: scope.root.as_ref().map(|root| scope.cwd.join(root)),
        ext_vars: scope.ext_vars.clone(),
        tlas: scope.tlas.clone(),
        wave: None,
        owner: None,
        live: LiveSource::NotGiven,
        settings: Arc::new(settings),
        fleet_digest: fleet.map(|fleet| fleet.digest.to_string()),
        in_fleet: false,
    });
}

fn for_entry(
    scope: &Scope,
    fleet: &Fleet,
    entry: &ClusterEntry,
    common: &Arc<Settings>,
) -> ClusterRequest {
    let mut ext_vars = entry.ext_vars.clone();
    ext_vars.extend(scope.ext_vars.clone());
    let mut tlas = entry.tlas.clone();
    tlas.extend(scope.tlas.clone());
    ClusterRequest {
        key: entry.key(),
        name: entry.name.clone(),
        filter: NameFilter::default(),
        tentative: false,
        config: fleet.folder.join(&entry.config),
        root: Some(fleet.root.clone()),
        ext_vars,
        tlas,
        wave: entry.wave.clone(),
        owner: entry.owner.clone(),
        live: live_source(fleet, entry),
        settings: settings_of(scope, fleet, entry, common),
        fleet_digest: Some(fleet.digest.to_string()),
        in_fleet: false,
    }
}

/// Most clusters decide nothing of their own and share the fleet's settings: the waivers of a fleet of
/// thousands are in memory once.
fn settings_of(
    scope: &Scope,
    fleet: &Fleet,
    entry: &ClusterEntry,
    common: &Arc<Settings>,
) -> Arc<Settings> {
    if entry.policy == Policy::default() && entry.nodegroups.is_empty() {
        Arc::clone(common)
    } else {
        Arc::new(fleet.settings(Some(entry), &scope.prune))
    }
}

/// The fleet file was checked to name exactly one.
fn live_source(fleet: &Fleet, entry: &ClusterEntry) -> LiveSource {
    let Live {
        recorded,
        assumed,
        world,
        kubernetes,
    } = &entry.live;
    let root = fleet.root.clone();
    if let Some(path) = recorded {
        return LiveSource::Recorded {
            path: fleet.folder.join(path),
            root,
        };
    }
    if let Some(path) = assumed {
        return LiveSource::Assumed {
            path: fleet.folder.join(path),
            root,
        };
    }
    if let Some(path) = world {
        return LiveSource::World {
            path: fleet.folder.join(path),
            root,
        };
    }
    let Some(live) = kubernetes else {
        return LiveSource::NotGiven;
    };
    let aws = entry.aws.clone().unwrap_or_default();
    LiveSource::Kubernetes(Box::new(ApiSource {
        context: live.context.clone(),
        kubeconfig: live
            .kubeconfig
            .as_ref()
            .map(|path| match path.strip_prefix("~/") {
                // The user's own folder; where it is is not known here.
                Some(_) => PathBuf::from(path),
                None => fleet.folder.join(path),
            }),
        pins: Identity {
            endpoint: live.endpoint.clone(),
            authority: live.certificate_authority.clone(),
        },
        planned: Some(root.clone()),
        region: aws.region,
        account_id: aws.account_id,
        cloud: aws.world.map(|path| (fleet.folder.join(path), root)),
    }))
}

/// Adds the clusters of the fleet that the globs mean.
///
/// An entry without alias is called what its config renders to, which is not known yet: its file's
/// stem may match already; otherwise it stays, and its name decides later.
fn from_fleet(
    scope: &Scope,
    fleet: &Fleet,
    globs: &[String],
    requests: &mut Vec<ClusterRequest>,
) -> Result<(), SelectError> {
    let filter = scope.filter(globs);
    let all_named = fleet.file.clusters.iter().all(|entry| entry.name.is_some());
    for glob in globs {
        let matched = fleet
            .file
            .clusters
            .iter()
            .any(|entry| glob_matches(glob, provisional(entry)));
        if all_named && !matched {
            return Err(no_match(fleet, glob));
        }
    }
    let before = requests.len();
    let common = Arc::new(fleet.settings(None, &scope.prune));
    for entry in &fleet.file.clusters {
        if filter.takes(provisional(entry)) {
            requests.push(for_entry(scope, fleet, entry, &common));
        } else if entry.name.is_none() {
            let request = for_entry(scope, fleet, entry, &common);
            requests.push(ClusterRequest {
                filter: filter.clone(),
                tentative: true,
                ..request
            });
        }
    }
    if requests.len() == before {
        Err(SelectError::AllExcluded)
    } else {
        Ok(())
    }
}

/// The alias, or the stem of the config's file name.
fn provisional(entry: &ClusterEntry) -> &str {
    match &entry.name {
        Some(name) => name,
        None => Path::new(&entry.config)
            .file_stem()
            .and_then(|s| s.to_str())
            .unwrap_or(""),
    }
}

fn no_match(fleet: &Fleet, glob: &str) -> SelectError {
    let names: Vec<&str> = fleet.file.clusters.iter().map(provisional).collect();
    let mut near = nearest(glob.trim_matches('*'), names.iter().copied());
    if near.is_empty() {
        near = names;
        near.sort_unstable();
        near.truncate(NAMES_LISTED);
    }
    SelectError::NoMatch {
        subject: glob.to_owned(),
        near: near.into_iter().map(str::to_owned).collect(),
    }
}

fn attach_live(scope: &Scope, requests: &mut [ClusterRequest]) -> Result<(), SelectError> {
    let Some(live) = &scope.live else {
        return Ok(());
    };
    match requests {
        [request] => {
            request.live = LiveSource::File(scope.place(live));
            Ok(())
        }
        several => Err(SelectError::LiveForSeveral {
            count: several.len(),
        }),
    }
}
