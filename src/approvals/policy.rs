//! What the owner asks of approvals: from the fleet file, as the work tree or a revision has it.

use super::ApprovalsError;
use crate::config::{self, Approvals, ClusterEntry, FLEET_NAMES, Fleet, FleetError, FleetFile};
use crate::files::{self, FileErrorKind, TemporaryDir};
use crate::render::{self, RenderError, RenderOptions, WorkerMode};
use crate::vcs::{self, VcsError};
use serde_json::Value;
use stairway_core::approve::{AllowedSigners, Requirements};
use stairway_core::plan::wire::Plan;
use stairway_core::policy::windows::Window;
use std::path::{Path, PathBuf};

/// Where `allowed_signers` is when the fleet does not say.
const SIGNERS_DEFAULT: &str = ".stairway/allowed_signers";
/// A change that is reviewed on one day is applied within the next days, or reviewed again.
const LONGEST_DEFAULT: u32 = 72 * 3600;
/// A line has under 1 kB, and nobody has 10,000 maintainers.
const SIGNERS_BYTES_MAX: u64 = 8 << 20;
/// What a fleet file in jsonnet may import.
const IMPORTED: [&str; 5] = ["jsonnet", "libsonnet", "json", "yaml", "yml"];

/// Where the owner's decisions are read.
#[derive(Clone, Debug, Default)]
pub struct PolicySource {
    /// The fleet file; found upward when none.
    pub fleet: Option<PathBuf>,
    /// The revision to read it from; the work tree when none.
    pub revision: Option<String>,
    /// The working directory.
    pub cwd: PathBuf,
    /// What evaluates a fleet file in jsonnet.
    pub worker: WorkerMode,
}

/// The owner's decisions, read once for any number of plans.
#[derive(Clone, Debug)]
pub struct OwnerPolicy {
    file: Option<FleetFile>,
    /// The folder of the fleet file, relative to `root`.
    folder: PathBuf,
    /// The top of the repository, or the folder that the fleet may not leave.
    root: PathBuf,
    /// The commit that it was read from; none for the work tree.
    commit: Option<String>,
    /// The revision as it was named.
    revision: Option<String>,
}

/// What the policy says for one plan, defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Decided {
    required: u32,
    signers: String,
    not_author: bool,
    longest: u32,
}

/// Reads what is asked of the approvals of one plan, and notes on where that was read.
///
/// # Errors
/// See [`ApprovalsError`].
pub fn requirements_for(
    plan: &Plan,
    source: &PolicySource,
) -> Result<(Requirements, Vec<String>), ApprovalsError> {
    OwnerPolicy::read(source)?.requirements(plan)
}

impl OwnerPolicy {
    /// Reads the fleet file.
    ///
    /// # Errors
    /// It is wrong, or the revision does not have one: a change that deletes the fleet file must
    /// not lift what it requires.
    pub fn read(source: &PolicySource) -> Result<Self, ApprovalsError> {
        match &source.revision {
            Some(rev) => Self::at_revision(source, rev),
            None => Self::in_work_tree(source),
        }
    }

    fn in_work_tree(source: &PolicySource) -> Result<Self, ApprovalsError> {
        let named = source.fleet.as_ref().map(|path| source.cwd.join(path));
        let found = match &named {
            Some(path) => Some(path.clone()),
            None => config::find(&source.cwd)?,
        };
        let fleet = match found.map(|path| load(&path, None, &source.worker)) {
            None => None,
            Some(Ok(fleet)) => Some(fleet),
            // A file of this name that nobody named may belong to another tool.
            Some(Err(FleetError::NotAFleet { .. })) if named.is_none() => None,
            Some(Err(error)) => return Err(error.into()),
        };
        let Some(Fleet {
            folder, root, file, ..
        }) = fleet
        else {
            let root = files::repository_top(&source.cwd).unwrap_or_else(|| source.cwd.clone());
            return Ok(Self {
                file: None,
                folder: PathBuf::new(),
                root,
                commit: None,
                revision: None,
            });
        };
        let inner = folder.strip_prefix(&root).unwrap_or(Path::new(""));
        Ok(Self {
            file: Some(file),
            folder: inner.to_path_buf(),
            root,
            commit: None,
            revision: None,
        })
    }

    fn at_revision(source: &PolicySource, rev: &str) -> Result<Self, ApprovalsError> {
        let cwd = &source.cwd;
        let Some(top) = files::repository_top(cwd) else {
            return Err(ApprovalsError::NoRepository {
                rev: rev.to_owned(),
                folder: cwd.clone(),
            });
        };
        // One commit for all reads: a branch may move in between.
        let commit = vcs::resolve(&top, rev)?;
        let path = fleet_path(source, rev, &top, &commit)?;
        // Rendering reads files, so the revision's are put where nothing else is.
        let copy = TemporaryDir::create()?;
        let target = copy.path().join(&path);
        if path.extension().is_some_and(|ending| ending == "jsonnet") {
            vcs::export(&top, &commit, &IMPORTED, copy.path())?;
        } else {
            files::write_report(&target, &vcs::read_at(&top, &commit, &path)?)?;
        }
        let fleet = load(&target, Some(copy.path()), &source.worker)?;
        Ok(Self {
            file: Some(fleet.file),
            folder: path.parent().unwrap_or(Path::new("")).to_path_buf(),
            root: top,
            commit: Some(commit),
            revision: Some(rev.to_owned()),
        })
    }

    /// Returns the fleet file, for its waivers and windows; none when there is no fleet.
    pub const fn fleet(&self) -> Option<&FleetFile> {
        self.file.as_ref()
    }

    /// Returns the commit that it was read from; none for the work tree.
    pub fn commit(&self) -> Option<&str> {
        self.commit.as_deref()
    }

    /// Returns what is asked of the approvals of a plan, and notes on where that was read.
    ///
    /// # Errors
    /// The file of signers is wrong, or signatures are required and it is not there.
    pub fn requirements(&self, plan: &Plan) -> Result<(Requirements, Vec<String>), ApprovalsError> {
        let decided = self.decided(plan);
        let mut notes = Vec::new();
        let mut author = None;
        if decided.required > 0 {
            if self.revision.is_none() {
                notes.push(
                    "policy and signers are read from the work tree, which the change may have edited; \
                     `--policy-from REV` reads them from a revision, such as the protected branch"
                        .to_owned(),
                );
            }
            if decided.not_author {
                match self.author(plan) {
                    Ok(email) => author = Some(email),
                    Err(why) => notes.push(format!(
                        "the author of the plan `{}` cannot be told: {why}",
                        plan.id
                    )),
                }
            }
        }
        let signers = self.signers(&decided)?;
        let Decided {
            required,
            not_author,
            longest,
            ..
        } = decided;
        let requirements = Requirements {
            required,
            not_author,
            author,
            signers,
            longest,
        };
        Ok((requirements, notes))
    }

    /// Returns the address of whoever committed the revision that the plan was made from.
    fn author(&self, plan: &Plan) -> Result<String, String> {
        let inputs = &plan.inputs;
        let dirty = inputs.dirty.iter().flatten().next();
        if let Some(file) = dirty {
            return Err(format!("`{file}` was changed after the commit"));
        }
        let Some(rev) = &inputs.git_revision else {
            return Err("it was made outside of a git repository".to_owned());
        };
        vcs::committer_of(&self.root, rev)
            .map(|committer| committer.email)
            .map_err(|error| error.to_string())
    }

    /// Returns when steps on the plan's cluster may start; a cluster's own windows replace the fleet's.
    pub fn windows(&self, plan: &Plan) -> Vec<Window> {
        let Some(file) = &self.file else {
            return Vec::new();
        };
        let own = file
            .clusters
            .iter()
            .filter(|entry| self.lists(entry, plan))
            .find_map(|entry| entry.policy.windows.clone());
        own.or_else(|| file.policy.windows.clone())
            .unwrap_or_default()
    }

    /// A plan that the fleet does not clearly list gets the strictest of all decisions, so that
    /// another name is no way around them.
    fn decided(&self, plan: &Plan) -> Decided {
        let Some(file) = &self.file else {
            return merged(None, None);
        };
        let wide = file.policy.approvals.as_ref();
        let listed: Vec<&ClusterEntry> = file
            .clusters
            .iter()
            .filter(|entry| self.lists(entry, plan))
            .collect();
        let clear = !listed.is_empty() && listed.iter().all(|entry| pins_agree(entry, plan));
        let entries = if clear {
            listed
        } else {
            file.clusters.iter().collect()
        };
        entries
            .into_iter()
            .map(|entry| merged(wide, entry.policy.approvals.as_ref()))
            .reduce(stricter)
            .unwrap_or_else(|| merged(wide, None))
    }

    fn lists(&self, entry: &ClusterEntry, plan: &Plan) -> bool {
        let config = vcs::normal(&self.folder.join(&entry.config));
        let same_config = config.is_some() && config == vcs::normal(Path::new(&plan.inputs.config));
        let name = entry.name.as_deref();
        name == Some(plan.name.as_str())
            || name == Some(plan.identity.cluster.name.as_str())
            || same_config
    }

    fn signers(&self, decided: &Decided) -> Result<AllowedSigners, ApprovalsError> {
        let Some(path) = vcs::normal(&self.folder.join(&decided.signers)) else {
            return Err(ApprovalsError::SignersOutside {
                file: decided.signers.clone(),
            });
        };
        let shown = match &self.revision {
            Some(rev) => format!("{}:{}", rev, path.display()),
            None => path.display().to_string(),
        };
        let Some(bytes) = self.signers_bytes(&path)? else {
            if decided.required == 0 {
                return Ok(AllowedSigners::default());
            }
            return Err(ApprovalsError::NoSigners {
                required: decided.required,
                file: shown,
            });
        };
        let Ok(text) = String::from_utf8(bytes) else {
            return Err(ApprovalsError::SignersBytes { file: shown });
        };
        AllowedSigners::read(&text).map_err(|error| ApprovalsError::Signers { file: shown, error })
    }

    fn signers_bytes(&self, path: &Path) -> Result<Option<Vec<u8>>, ApprovalsError> {
        if let Some(commit) = &self.commit {
            return match vcs::read_at(&self.root, commit, path) {
                Ok(bytes) => Ok(Some(bytes)),
                Err(VcsError::NoFile { .. }) => Ok(None),
                Err(error) => Err(error.into()),
            };
        }
        let full = self.root.join(path);
        match files::canonicalize(&full) {
            Ok(real) if !real.starts_with(files::canonicalize(&self.root)?) => {
                let file = path.display().to_string();
                return Err(ApprovalsError::SignersOutside { file });
            }
            Ok(_) => {}
            Err(error) if matches!(error.kind, FileErrorKind::Missing) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        Ok(Some(files::read_bounded(&full, SIGNERS_BYTES_MAX)?))
    }
}

fn load(path: &Path, root: Option<&Path>, worker: &WorkerMode) -> Result<Fleet, FleetError> {
    let evaluate = |path: &Path, root: &Path| -> Result<Vec<Value>, RenderError> {
        let options = RenderOptions {
            root: Some(root.to_path_buf()),
            worker: worker.clone(),
            ..RenderOptions::default()
        };
        let rendered = render::render_file(path, &options)?;
        let documents = rendered.documents.into_iter();
        Ok(documents.map(|document| document.value).collect())
    };
    config::load(path, root, &evaluate)
}

/// Finds the fleet file in a revision, relative to the top. The work tree has no say: a change could
/// delete the file there, or put another one nearer.
fn fleet_path(
    source: &PolicySource,
    rev: &str,
    top: &Path,
    commit: &str,
) -> Result<PathBuf, ApprovalsError> {
    let here = files::canonicalize(&source.cwd)?;
    let inner = here.strip_prefix(top).unwrap_or(Path::new(""));
    if let Some(named) = &source.fleet {
        let relative = if named.is_absolute() {
            let folder = files::canonicalize(&files::parent_of(named)).ok();
            let name = named.file_name().unwrap_or_default();
            folder.and_then(|folder| Some(folder.strip_prefix(top).ok()?.join(name)))
        } else {
            Some(inner.join(named))
        };
        return relative.and_then(|path| vcs::normal(&path)).ok_or_else(|| {
            ApprovalsError::Outside {
                rev: rev.to_owned(),
                path: named.clone(),
            }
        });
    }
    for folder in inner.ancestors() {
        let mut found = Vec::new();
        for name in FLEET_NAMES {
            let path = folder.join(name);
            match vcs::read_at(top, commit, &path) {
                Ok(_) => found.push(path),
                Err(VcsError::NoFile { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        match found.as_slice() {
            [] => {}
            [one] => return Ok(one.clone()),
            [first, second, ..] => {
                return Err(ApprovalsError::Fleet(FleetError::Ambiguous {
                    first: first.display().to_string(),
                    second: second.display().to_string(),
                }));
            }
        }
    }
    Err(ApprovalsError::NoFleet {
        rev: rev.to_owned(),
    })
}

/// Returns false when the fleet pins the entry to another account or region than the plan's.
fn pins_agree(entry: &ClusterEntry, plan: &Plan) -> bool {
    let Some(pins) = &entry.aws else { return true };
    let cluster = &plan.identity.cluster;
    let account = match (&pins.account_id, &cluster.account_id) {
        (Some(pinned), Some(found)) => pinned == found,
        (Some(_), None) | (None, _) => true,
    };
    let region = pins.region.as_ref();
    account && region.is_none_or(|region| cluster.region.is_empty() || *region == cluster.region)
}

/// The cluster's own keys win over the fleet's; what is left out keeps the wider decision.
fn merged(wide: Option<&Approvals>, own: Option<&Approvals>) -> Decided {
    fn pick<T>(
        wide: Option<&Approvals>,
        own: Option<&Approvals>,
        key: impl Fn(&Approvals) -> Option<T>,
    ) -> Option<T> {
        own.and_then(&key).or_else(|| wide.and_then(&key))
    }
    Decided {
        required: pick(wide, own, |a| a.required).unwrap_or(0),
        signers: pick(wide, own, |a| a.signers.clone())
            .unwrap_or_else(|| SIGNERS_DEFAULT.to_owned()),
        not_author: pick(wide, own, |a| a.not_author).unwrap_or(true),
        longest: pick(wide, own, |a| a.expires.map(|seconds| seconds.0)).unwrap_or(LONGEST_DEFAULT),
    }
}

fn stricter(one: Decided, other: Decided) -> Decided {
    let signers = if other.required > one.required {
        other.signers
    } else {
        one.signers
    };
    Decided {
        required: one.required.max(other.required),
        signers,
        not_author: one.not_author || other.not_author,
        longest: one.longest.min(other.longest),
    }
}
