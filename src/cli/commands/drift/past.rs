//! What git asked for earlier: the commits that changed what a cluster is rendered from, rendered again.

use crate::files::{self, TemporaryDir};
use crate::pipeline::{Loaded, name_of};
use crate::render::{RenderOptions, WorkerMode, render_file};
use crate::vcs::{self, Made};
use stairway_core::catalog::Catalog;
use stairway_core::diff::compare;
use stairway_core::drift::wire::GitChange;
use stairway_core::drift::{Horizon, State, wants};
use stairway_core::model::clusterconfig::{Config, Desired, read_documents};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// More changes of one config than any fleet makes between two applies; each is rendered once.
const STATES_MAX: usize = 20;
/// An older config may import other files, whose changes count too; three rounds find those of theirs.
const ROUNDS_MAX: usize = 3;
/// What jsonnet may import beside what a config imports today.
const IMPORTED: [&str; 5] = ["jsonnet", "libsonnet", "json", "yaml", "yml"];

/// The earlier states of one config, newest first, and who last changed it.
pub(super) struct Past {
    pub(super) states: Vec<State>,
    pub(super) horizon: Horizon,
    pub(super) last_author: Option<GitChange>,
}

/// How live is known to have been.
#[derive(Clone, Debug)]
pub(super) enum Base {
    /// As git has it at this revision: a full hash.
    Given(String),
    /// As a plan made it that ran to its end.
    Applied {
        /// The revision of the plan; none when it was made outside of git.
        revision: Option<String>,
        /// Every file that its config was rendered from, with its digest.
        imports: BTreeMap<String, String>,
    },
    /// Nobody knows.
    Unknown,
}

/// Reads the past of configs; shared by all clusters of a run.
pub(super) struct Historian<'a> {
    catalog: &'a Catalog,
    worker: WorkerMode,
    copies: Mutex<BTreeMap<(PathBuf, String), Copy>>,
}

/// A revision's files, copied once; none when they cannot be.
type Copy = Arc<OnceLock<Option<TemporaryDir>>>;

/// One cluster and where it is in git.
struct Subject<'l> {
    loaded: &'l Loaded,
    now: &'l Desired,
    /// The top of the repository.
    top: PathBuf,
    /// The root, relative to the top.
    root: PathBuf,
}

/// A config as it was.
struct Earlier {
    differs: Option<BTreeMap<(String, String), Option<String>>>,
    /// Every file that it was rendered from, relative to the root, with its digest.
    imports: BTreeMap<String, String>,
    /// The revision has no such config, or it is about another cluster.
    absent: bool,
}

impl<'a> Historian<'a> {
    pub(super) const fn new(catalog: &'a Catalog, worker: WorkerMode) -> Self {
        Self {
            catalog,
            worker,
            copies: Mutex::new(BTreeMap::new()),
        }
    }

    /// Returns the past of a cluster whose config differs from live.
    pub(super) fn past(&self, loaded: &Loaded, base: &Base) -> Past {
        let present = self.state(loaded, desired_of(&loaded.config), None);
        let cut = |why: &str, state: State| Past {
            states: vec![state],
            horizon: Horizon::Cut(why.to_owned()),
            last_author: None,
        };
        let root = &loaded.origin.root;
        let Some(top) = files::repository_top(root) else {
            return cut("the config is not in a git repository", present);
        };
        let (Some(now), Ok(inner)) = (desired_of(&loaded.config), root.strip_prefix(&top)) else {
            return cut("the config is not in a git repository", present);
        };
        let subject = Subject {
            loaded,
            now,
            root: inner.to_path_buf(),
            top,
        };
        if vcs::resolve(&subject.top, "HEAD").is_err() {
            return cut("git has no commit that can be read", present);
        }
        match self.in_git(&subject, present.clone(), base) {
            Some(past) => past,
            None => cut("git's history cannot be read", present),
        }
    }

    fn in_git(&self, subject: &Subject<'_>, mut present: State, base: &Base) -> Option<Past> {
        let loaded = subject.loaded;
        let mut paths: BTreeSet<String> = subject.paths(loaded.inputs.imports.keys());
        let listed: Vec<String> = paths.iter().cloned().collect();
        let dirty = !vcs::dirty(&subject.top, &listed).ok()?.is_empty();
        let stop = match base {
            Base::Given(revision) => Some(revision.clone()),
            Base::Applied { revision, .. } => revision.clone(),
            Base::Unknown => None,
        };
        let stop = stop.filter(|revision| vcs::resolve(&subject.top, revision).is_ok());
        let mut rendered: BTreeMap<String, Earlier> = BTreeMap::new();
        let mut history = vcs::History::default();
        for _ in 0..ROUNDS_MAX {
            let listed: Vec<String> = paths.iter().cloned().collect();
            // One more than is rendered, to know whether there are more.
            let most = STATES_MAX + 1;
            history = vcs::changes_of(&subject.top, "HEAD", &listed, most, stop.as_deref()).ok()?;
            let before = paths.len();
            for made in history.commits.iter().take(STATES_MAX) {
                let earlier = rendered
                    .entry(made.commit.clone())
                    .or_insert_with(|| self.at(subject, &made.commit));
                paths.extend(subject.paths(earlier.imports.keys()));
            }
            if paths.len() == before {
                break;
            }
        }
        let last_author = self.last_author(subject);
        let mut states = Vec::new();
        if dirty {
            states.push(present.clone());
        } else {
            present.change = history.commits.first().map(change);
        }
        let horizon = self.walk(
            subject,
            &history,
            (base, stop.as_deref()),
            &mut rendered,
            &mut states,
        );
        if !dirty {
            // What is checked out was read already, and is as the newest of its changes left it.
            match states.first_mut() {
                Some(first) => *first = present,
                None => states.push(present),
            }
        }
        Some(Past {
            states,
            horizon,
            last_author,
        })
    }

    /// Adds a state per commit, and the one before the oldest; returns why it ends there.
    fn walk(
        &self,
        subject: &Subject<'_>,
        history: &vcs::History,
        (base, stop): (&Base, Option<&str>),
        rendered: &mut BTreeMap<String, Earlier>,
        states: &mut Vec<State>,
    ) -> Horizon {
        let applied = match base {
            Base::Applied { imports, .. } => Some(imports),
            Base::Given(_) | Base::Unknown => None,
        };
        for made in history.commits.iter().take(STATES_MAX) {
            let earlier = rendered
                .entry(made.commit.clone())
                .or_insert_with(|| self.at(subject, &made.commit));
            if earlier.absent {
                return Horizon::Root;
            }
            states.push(State {
                change: Some(change(made)),
                differs: earlier.differs.clone(),
            });
            if applied == Some(&earlier.imports) {
                return Horizon::Base;
            }
        }
        if history.commits.len() > STATES_MAX {
            return Horizon::Bounded;
        }
        // What the oldest of the changes changed: the state before it, which may be the base.
        let oldest = history.commits.last();
        let before = match (stop, oldest) {
            (Some(stop), _) if !history.cut => Some(stop.to_owned()),
            (_, Some(oldest)) => Some(format!("{}^", oldest.commit)),
            (_, None) => None,
        };
        let before = before.filter(|revision| vcs::resolve(&subject.top, revision).is_ok());
        if let Some(revision) = before {
            let earlier = self.at(subject, &revision);
            if earlier.absent {
                return Horizon::Root;
            }
            states.push(State {
                change: None,
                differs: earlier.differs,
            });
            if stop.is_some_and(|stop| stop == revision) {
                return Horizon::Base;
            }
        }
        match (history.cut, oldest) {
            (true, _) => {
                Horizon::Cut("this clone is shallow: its history ends too early".to_owned())
            }
            (false, None) if stop.is_none() => {
                Horizon::Cut("git has no commit of the config".to_owned())
            }
            (false, _) => Horizon::Root,
        }
    }

    /// Renders the config as a revision has it.
    fn at(&self, subject: &Subject<'_>, revision: &str) -> Earlier {
        let nothing = |absent| Earlier {
            differs: None,
            imports: BTreeMap::new(),
            absent,
        };
        let loaded = subject.loaded;
        let copy = self.copy(subject, revision);
        let Some(Some(copy)) = copy.get() else {
            return nothing(false);
        };
        let root = copy.path().join(&subject.root);
        let path = root.join(&loaded.inputs.config);
        if !files::is_file(&path) {
            return nothing(true);
        }
        let options = RenderOptions {
            root: Some(root),
            ext_vars: loaded.origin.ext_vars.clone(),
            tlas: loaded.origin.tlas.clone(),
            worker: self.worker.clone(),
            ..RenderOptions::default()
        };
        let Ok(rendered) = render_file(&path, &options) else {
            return nothing(false);
        };
        let imports = rendered.imports.into_iter();
        let imports = imports.map(|i| (i.path, i.digest.to_string())).collect();
        let documents: Vec<_> = rendered.documents.into_iter().map(|d| d.value).collect();
        let Ok(configs) = read_documents(&documents) else {
            return Earlier {
                imports,
                ..nothing(false)
            };
        };
        let own = configs
            .iter()
            .find(|config| name_of(config) == subject.now.cluster.name);
        Earlier {
            differs: own.and_then(|own| self.state(loaded, desired_of(own), None).differs),
            imports,
            absent: own.is_none(),
        }
    }

    /// Compares a config with the cluster as it is now.
    fn state(
        &self,
        loaded: &Loaded,
        desired: Option<&Desired>,
        change: Option<GitChange>,
    ) -> State {
        let at = loaded.inputs.decided_at.unwrap_or(loaded.at);
        let differs = match (desired, &loaded.live) {
            (Some(desired), Some(live)) => {
                let who = (loaded.name.as_str(), at);
                let found = compare(
                    desired,
                    &live.observation,
                    &loaded.settings,
                    self.catalog,
                    who,
                );
                Some(wants(&found))
            }
            (_, _) => None,
        };
        State { change, differs }
    }

    /// Returns a revision's files in a folder of their own.
    fn copy(&self, subject: &Subject<'_>, revision: &str) -> Copy {
        let key = (subject.top.clone(), revision.to_owned());
        let copy = {
            let mut copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(copies.entry(key).or_default())
        };
        copy.get_or_init(|| {
            let known = subject.loaded.inputs.imports.keys();
            let known = known.filter_map(|path| Path::new(path).extension()?.to_str());
            let mut endings: Vec<&str> = IMPORTED.into_iter().chain(known).collect();
            endings.sort_unstable();
            endings.dedup();
            let folder = TemporaryDir::create().ok()?;
            vcs::export(&subject.top, revision, &endings, folder.path()).ok()?;
            Some(folder)
        });
        copy
    }

    /// Returns who last changed the config itself: a library changes for all clusters at once.
    fn last_author(&self, subject: &Subject<'_>) -> Option<GitChange> {
        let config = subject.paths([&subject.loaded.inputs.config]);
        let paths: Vec<String> = config.into_iter().collect();
        let made = vcs::last_author(&subject.top, "HEAD", &paths).ok()??;
        Some(change(&made))
    }
}

impl Subject<'_> {
    /// Returns files as git names them.
    fn paths<'p>(&self, inner: impl IntoIterator<Item = &'p String>) -> BTreeSet<String> {
        let named = inner.into_iter().map(|path| self.root.join(path));
        named
            .filter_map(|path| path.as_os_str().to_str().map(str::to_owned))
            .collect()
    }
}

fn desired_of(config: &Config) -> Option<&Desired> {
    match config {
        Config::Eks(desired) => Some(desired),
        Config::EksAnywhere(_) => None,
    }
}

/// Names are shown; mail addresses only where there is nothing else.
fn change(made: &Made) -> GitChange {
    let name = made.name.trim();
    GitChange {
        commit: made.commit.clone(),
        author: if name.is_empty() {
            made.email.clone()
        } else {
            name.to_owned()
        },
        at: made.at,
    }
}
