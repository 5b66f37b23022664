//! What git asked for earlier: the commits that changed what a cluster is rendered from, rendered again.

use crate::files::{self, TemporaryDir};
use crate::pipeline::{Loaded, name_of};
use crate::render::{RenderError, RenderOptions, Rendered, WorkerMode, render_file};
use crate::vcs::{self, Made, VcsError};
use stairway_core::catalog::Catalog;
use stairway_core::diff::compare;
use stairway_core::drift::wire::GitChange;
use stairway_core::drift::{Asked, Horizon, Key, wants};
use stairway_core::model::clusterconfig::{Config, Desired, read_documents};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// More changes of one config than any fleet makes between two applies; each is rendered once.
const STATES_MAX: usize = 20;
/// An older config may import other files, whose changes count too; three rounds find those of theirs.
const ROUNDS_MAX: usize = 3;
/// What jsonnet may import beside what a config imports today.
const IMPORTED: [&str; 5] = ["jsonnet", "libsonnet", "json", "yaml", "yml"];

/// The earlier states of one config, newest first, and who last changed it.
pub(super) struct Past {
    pub(super) states: Vec<Asked>,
    pub(super) horizon: Horizon,
    pub(super) last_author: Option<GitChange>,
    /// With [`Horizon::Base`]: what git asked for at all, newest first, whatever was applied since.
    beyond: Vec<Asked>,
}

impl Past {
    /// Returns the newest commit that asked for what live says of this, though it was superseded.
    pub(super) fn asked_in(&self, key: &Key) -> Option<GitChange> {
        let mut states = self.beyond.iter();
        let agreed =
            states.find(|state| state.differs.as_ref().is_some_and(|d| !d.contains_key(key)));
        agreed.and_then(|state| state.change.clone())
    }
}

/// How live is known to have been.
#[derive(Clone, Debug, Default)]
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
    #[default]
    Unknown,
}

/// Reads the past of configs; shared by all clusters of a run.
pub(super) struct Historian<'a> {
    catalog: &'a Catalog,
    worker: WorkerMode,
}

/// On the way back through the changes of one config.
struct Walk<'w> {
    historian: &'w Historian<'w>,
    subject: &'w Subject<'w>,
    base: &'w Base,
    /// The base's revision, when this clone has it.
    stop: Option<&'w str>,
    /// What was rendered already, by revision.
    rendered: &'w mut BTreeMap<String, Earlier>,
    /// Every file that the config is or was made from, relative to the top.
    paths: &'w mut BTreeSet<String>,
    states: Vec<Asked>,
}

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
#[derive(Clone)]
struct Earlier {
    differs: Option<BTreeMap<Key, Option<String>>>,
    /// Every file that it was rendered from, relative to the root, with its digest.
    imports: BTreeMap<String, String>,
    /// The revision has no such config, or it is about another cluster.
    absent: bool,
}

impl<'a> Historian<'a> {
    pub(super) const fn new(catalog: &'a Catalog, worker: WorkerMode) -> Self {
        Self { catalog, worker }
    }

    /// Returns the past of a cluster whose config differs from live.
    pub(super) fn past(&self, loaded: &Loaded, base: &Base) -> Past {
        let present = self.state(loaded, desired_of(&loaded.config), None);
        let cut = |why: &str, state: Asked| Past {
            states: vec![state],
            horizon: Horizon::Cut(why.to_owned()),
            last_author: None,
            beyond: Vec::new(),
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

    fn in_git(&self, subject: &Subject<'_>, mut present: Asked, base: &Base) -> Option<Past> {
        let top = &subject.top;
        let mut paths: BTreeSet<String> = subject.paths(subject.loaded.inputs.imports.keys());
        let listed = |paths: &BTreeSet<String>| paths.iter().cloned().collect::<Vec<String>>();
        let dirty = !vcs::dirty(top, &listed(&paths)).ok()?.is_empty();
        let stop = match base {
            Base::Given(revision) => Some(revision.clone()),
            Base::Applied { revision, .. } => revision.clone(),
            Base::Unknown => None,
        };
        let stop = stop.filter(|revision| vcs::resolve(top, revision).is_ok());
        let mut rendered: BTreeMap<String, Earlier> = BTreeMap::new();
        let mut outcome = (Vec::new(), Horizon::Bounded);
        for _ in 0..ROUNDS_MAX {
            // One more than is rendered, to know whether there are more.
            let most = STATES_MAX + 1;
            let history =
                vcs::changes_of(top, "HEAD", &listed(&paths), most, stop.as_deref()).ok()?;
            let mut walk = Walk {
                historian: self,
                subject,
                base,
                stop: stop.as_deref(),
                rendered: &mut rendered,
                paths: &mut paths,
                states: Vec::new(),
            };
            if dirty {
                walk.states.push(present.clone());
            } else {
                // What is checked out was read already, and is as the newest of its changes left it.
                present.change = history.commits.first().map(change);
                walk.states.push(present.clone());
            }
            let known = walk.paths.len();
            let horizon = walk.along(&history, usize::from(!dirty));
            outcome = (walk.states, horizon);
            if paths.len() == known {
                break;
            }
        }
        let (states, horizon) = outcome;
        let mut beyond = Vec::new();
        if horizon == Horizon::Base {
            let files = listed(&paths);
            let history = vcs::changes_of(top, "HEAD", &files, STATES_MAX, None).ok()?;
            let mut walk = Walk {
                historian: self,
                subject,
                base,
                stop: None,
                rendered: &mut rendered,
                paths: &mut paths,
                states: vec![present],
            };
            walk.beyond(&history, usize::from(!dirty));
            beyond = walk.states;
        }
        Some(Past {
            states,
            horizon,
            last_author: self.last_author(subject),
            beyond,
        })
    }

    /// Renders the config as a revision has it.
    fn at(&self, subject: &Subject<'_>, revision: &str, paths: &BTreeSet<String>) -> Earlier {
        let nothing = |absent| Earlier {
            differs: None,
            imports: BTreeMap::new(),
            absent,
        };
        let few = subject.few(revision, paths);
        let rendered = match few
            .as_ref()
            .map(|folder| subject.render(folder, &self.worker))
        {
            None => return nothing(false),
            Some(None) => return nothing(true),
            Some(Some(Ok(rendered))) => Some(rendered),
            // It may import what nobody imports any more.
            Some(Some(Err(_))) => {
                let whole = subject.whole(revision);
                let again = whole
                    .as_ref()
                    .and_then(|folder| subject.render(folder, &self.worker));
                again.and_then(Result::ok)
            }
        };
        let Some(rendered) = rendered else {
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
        let loaded = subject.loaded;
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
    ) -> Asked {
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
        Asked { change, differs }
    }

    /// Returns who last changed the config itself: a library changes for all clusters at once.
    fn last_author(&self, subject: &Subject<'_>) -> Option<GitChange> {
        let config = subject.paths([&subject.loaded.inputs.config]);
        let paths: Vec<String> = config.into_iter().collect();
        let made = vcs::last_author(&subject.top, "HEAD", &paths).ok()??;
        Some(change(&made))
    }
}

impl Walk<'_> {
    /// Adds a state per commit, and the one before the oldest; returns why it ends there. The first
    /// `seen` commits have their states.
    fn along(&mut self, history: &vcs::History, seen: usize) -> Horizon {
        let applied = match self.base {
            Base::Applied { imports, .. } => Some(imports),
            Base::Given(_) | Base::Unknown => None,
        };
        if applied == Some(&self.subject.loaded.inputs.imports) {
            return Horizon::Base;
        }
        for made in history.commits.iter().take(STATES_MAX).skip(seen) {
            if self.is_told() {
                return Horizon::Bounded;
            }
            let earlier = self.at(&made.commit);
            if earlier.absent {
                return Horizon::Root;
            }
            let is_base = applied == Some(&earlier.imports);
            self.states.push(Asked {
                change: Some(change(made)),
                differs: earlier.differs,
            });
            if is_base {
                return Horizon::Base;
            }
        }
        if self.is_told() || history.commits.len() > STATES_MAX {
            return Horizon::Bounded;
        }
        self.before_all(history)
    }

    /// Adds a state per commit, whatever was applied since, until each difference has one that agreed.
    fn beyond(&mut self, history: &vcs::History, seen: usize) {
        for made in history.commits.iter().skip(seen) {
            if self.is_told() {
                return;
            }
            let earlier = self.at(&made.commit);
            if earlier.absent {
                return;
            }
            self.states.push(Asked {
                change: Some(change(made)),
                differs: earlier.differs,
            });
        }
    }

    /// What the oldest of the changes changed: the state before it, which may be the base.
    fn before_all(&mut self, history: &vcs::History) -> Horizon {
        let oldest = history.commits.last();
        let before = match (self.stop, oldest) {
            (Some(stop), _) if !history.cut => Some(stop.to_owned()),
            (_, Some(oldest)) => Some(format!("{}^", oldest.commit)),
            (_, None) => None,
        };
        let top = &self.subject.top;
        let before = before.filter(|revision| vcs::resolve(top, revision).is_ok());
        if let Some(revision) = before {
            let earlier = self.at(&revision);
            if earlier.absent {
                return Horizon::Root;
            }
            self.states.push(Asked {
                change: None,
                differs: earlier.differs,
            });
            if self.stop.is_some_and(|stop| stop == revision) {
                return Horizon::Base;
            }
        }
        match (history.cut, oldest) {
            (true, _) => {
                Horizon::Cut("this clone is shallow: its history ends too early".to_owned())
            }
            (false, None) if self.stop.is_none() => {
                Horizon::Cut("git has no commit of the config".to_owned())
            }
            (false, _) => Horizon::Root,
        }
    }

    fn at(&mut self, revision: &str) -> Earlier {
        let Self {
            historian,
            subject,
            rendered,
            paths,
            ..
        } = self;
        let earlier = rendered
            .entry(revision.to_owned())
            .or_insert_with(|| historian.at(subject, revision, paths));
        paths.extend(subject.paths(earlier.imports.keys()));
        earlier.clone()
    }

    /// Returns true when every difference has a state that agreed with live: older ones say no more.
    fn is_told(&self) -> bool {
        let differs = |state: &Asked| state.differs.clone().unwrap_or_default();
        let Some(present) = self.states.first().map(differs) else {
            return false;
        };
        let agreed = |key: &Key| {
            let mut states = self.states.iter();
            states.any(|state| state.differs.as_ref().is_some_and(|d| !d.contains_key(key)))
        };
        present.keys().all(agreed)
    }
}

impl Subject<'_> {
    /// Renders the config as it is in a copy of the repository; none when it is not there.
    fn render(
        &self,
        copy: &TemporaryDir,
        worker: &WorkerMode,
    ) -> Option<Result<Rendered, RenderError>> {
        let origin = &self.loaded.origin;
        let root = copy.path().join(&self.root);
        let path = root.join(&self.loaded.inputs.config);
        let options = RenderOptions {
            root: Some(root),
            ext_vars: origin.ext_vars.clone(),
            tlas: origin.tlas.clone(),
            worker: worker.clone(),
            ..RenderOptions::default()
        };
        files::is_file(&path).then(|| render_file(&path, &options))
    }

    /// Copies the files that the config is known to be made from, as a revision has them.
    fn few(&self, revision: &str, paths: &BTreeSet<String>) -> Option<TemporaryDir> {
        let folder = TemporaryDir::create().ok()?;
        for path in paths {
            match vcs::read_at(&self.top, revision, Path::new(path)) {
                Ok(bytes) => files::write_report(&folder.path().join(path), &bytes).ok()?,
                Err(VcsError::NoFile { .. } | VcsError::BadFile { .. }) => {}
                Err(_) => return None,
            }
        }
        Some(folder)
    }

    /// Copies everything that a config may be made from.
    fn whole(&self, revision: &str) -> Option<TemporaryDir> {
        let known = self.loaded.inputs.imports.keys();
        let known = known.filter_map(|path| Path::new(path).extension()?.to_str());
        let mut endings: Vec<&str> = IMPORTED.into_iter().chain(known).collect();
        endings.sort_unstable();
        endings.dedup();
        let folder = TemporaryDir::create().ok()?;
        vcs::export(&self.top, revision, &endings, folder.path()).ok()?;
        Some(folder)
    }

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
