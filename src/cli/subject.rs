//! The plan that a command is about, its directory, and both sides of its cluster.

use super::branch::{self, Reach};
use super::error::CliError;
use super::request::PlanScope;
use super::session::Session;
use crate::actuate::StepFiles;
use crate::drive::live::WorldTarget;
use crate::drive::target::{ApiTarget, LiveTarget};
use crate::kubernetes::{Identity, Reads};
use crate::live::{ApiSource, LiveError, WorldStore};
use crate::pipeline::{
    ClusterRequest, LiveSource, Loaded, PlanOptions, RunOptions, Scope, plan_cluster, run, select,
    typed,
};
use crate::render::WorkerMode;
use crate::store::branch::BranchStore;
use crate::store::{self, StoreError, Stored};
use stairway_core::model::Digest;
use stairway_core::plan::wire::{Action, ClusterError, Failure, Plan};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

/// A plan that was opened by name.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    /// The plan, its digest checked.
    pub(crate) plan: Plan,
    /// Its directory: journal, approvals, observation.
    pub(crate) dir: PathBuf,
    /// The options that lead other commands to it, for hints: ` --fleet FILE`, or nothing.
    pub(crate) words: String,
    /// The command that plans its cluster again, for hints.
    pub(crate) again: String,
    /// The branch on which it is published, if it is.
    pub(crate) store: Option<Rc<BranchStore>>,
}

/// Both sides of the plan's cluster.
#[derive(Debug)]
pub(crate) struct Sides {
    /// What git asks for and what runs.
    pub(crate) loaded: Loaded,
    /// Where what runs is.
    pub(crate) live: LiveSource,
    /// What the fleet knows the cluster by, or the config as it was named.
    pub(crate) key: String,
}

impl Subject {
    /// Opens the plan that `scope` names; the name of a run leads to its plan.
    ///
    /// On a branch it is fetched first; `reach` says whether the remote must answer.
    pub(crate) fn open(
        session: &mut Session<'_>,
        scope: &PlanScope,
        reach: Reach,
    ) -> Result<Self, CliError> {
        let Some(option) = &scope.store else {
            let cwd = &session.ambient.cwd;
            return Self::open_in(scope, &scope.plan, cwd, &scope.folders, None);
        };
        let store = branch::open_filled(session, option, reach)?;
        let named = branch::plain_name(&store, &scope.plan)?;
        let folder = store.folder().to_path_buf();
        let folders = std::slice::from_ref(&folder);
        let mut subject = Self::open_in(scope, &named, &folder, folders, Some(&store))?;
        branch::check(session, &store, &subject.plan.id)?;
        if reach == Reach::Write {
            branch::catch_up(session, &store, &subject.plan.id)?;
        } else if store.is_ahead(&subject.plan.id)? {
            let (id, option) = (&subject.plan.id, store.option());
            session.terminal.warn(&format!(
                "the journal here has events that {} does not have",
                store.said()
            ));
            session.terminal.hint(&format!(
                "`stairway apply {id}{option} --resume` puts them there"
            ));
        }
        subject.store = Some(store);
        Ok(subject)
    }

    fn open_in(
        scope: &PlanScope,
        subject: &str,
        cwd: &Path,
        folders: &[PathBuf],
        branch: Option<&BranchStore>,
    ) -> Result<Self, CliError> {
        // A run is called `<plan>-r<six hex digits>`.
        let run_of = subject
            .rsplit_once("-r")
            .filter(|(_, tail)| tail.len() == 6 && tail.chars().all(|c| c.is_ascii_hexdigit()));
        let named = run_of.map_or(subject, |(plan, _)| plan);
        let stored = store::open(named, cwd, folders).map_err(|error| match branch {
            Some(branch) => branch::not_found(branch, error),
            None => error.into(),
        })?;
        let plan = match stored {
            Stored::Plan(plan) => *plan,
            Stored::Set(set) => match <[Plan; 1]>::try_from(set.clusters) {
                Ok([plan]) => plan,
                Err(plans) => {
                    let ids: Vec<&str> = plans.iter().map(|plan| plan.id.as_str()).collect();
                    return Err(CliError::user(format!(
                        "`{}` holds {} plans, and one is needed",
                        scope.plan,
                        plans.len()
                    ))
                    .hint(format!("name one of: {}", ids.join(", "))));
                }
            },
        };
        let dir = crate::approvals::plan_dir(&plan, named, cwd, folders)?;
        let (words, again) = (scope.words(), scope.plan_again(&plan.name));
        Ok(Self {
            plan,
            dir,
            words,
            again,
            store: None,
        })
    }

    /// Opens all plans that `scope` names: those of a set whose directories are there, or all that begin so.
    ///
    /// Of one plan, and where [`Self::open`] says better what is wrong, there is none.
    pub(crate) fn several(
        session: &mut Session<'_>,
        scope: &PlanScope,
    ) -> Result<Vec<Self>, CliError> {
        let cwd = session.ambient.cwd.clone();
        let (cwd, folders, named, kept) = match &scope.store {
            None => (cwd, scope.folders.clone(), scope.plan.clone(), None),
            Some(option) => {
                let kept = branch::open_filled(session, option, Reach::Read)?;
                let (folder, named) = (kept.folder(), branch::plain_name(&kept, &scope.plan)?);
                (
                    folder.to_owned(),
                    vec![folder.to_owned()],
                    named,
                    Some(kept),
                )
            }
        };
        let plans = match store::open(&named, &cwd, &folders) {
            Ok(Stored::Set(set)) => set.clusters,
            Err(StoreError::Ambiguous { found, .. }) => {
                let mut plans = Vec::with_capacity(found.len());
                for id in &found {
                    if let Stored::Plan(plan) = store::open(id, &cwd, &folders)? {
                        plans.push(*plan);
                    }
                }
                plans
            }
            Ok(Stored::Plan(_)) | Err(_) => return Ok(Vec::new()),
        };
        let (mut subjects, words) = (Vec::with_capacity(plans.len()), scope.words());
        for plan in plans {
            let dir = crate::approvals::plan_dir(&plan, &named, &cwd, &folders)?;
            if let Some(kept) = &kept {
                branch::check(session, kept, &plan.id)?;
            }
            subjects.push(Self {
                again: scope.plan_again(&plan.name),
                words: words.clone(),
                plan,
                dir,
                store: kept.clone(),
            });
        }
        Ok(subjects)
    }

    /// Has the hint of an error that knows only "a plan" say the commands of this one, as they are typed.
    pub(crate) fn named(&self, error: impl Into<CliError>, policy_from: Option<&str>) -> CliError {
        let shown: CliError = error.into();
        let (id, words) = (&self.plan.id, &self.words);
        let policy = policy_from.map_or_else(String::new, |rev| {
            format!(" {}", typed("--policy-from", rev))
        });
        let kept = self.store.as_ref().map_or_else(String::new, |s| s.option());
        let hint = shown.hint.as_ref().map(|hint| {
            hint.replace("`stairway plan --out plans`", &format!("`{}`", self.again))
                .replace(
                    &format!("`stairway approve {id} --key FILE`"),
                    &format!("`stairway approve {id}{kept}{policy} --key FILE`"),
                )
                .replace(
                    &format!("`stairway show {id}`"),
                    &format!("`stairway show {id}{kept}`"),
                )
                .replace(
                    "`stairway apply PLAN ",
                    &format!("`stairway apply {id}{words} "),
                )
        });
        shown.maybe_hint(hint)
    }

    /// Reads both sides of the cluster, as the plan was made from them.
    pub(crate) fn sides(
        &self,
        session: &Session<'_>,
        scope: &PlanScope,
    ) -> Result<Sides, CliError> {
        let options = self.options();
        let subject = match &scope.config {
            Some(config) => config.to_string_lossy().into_owned(),
            None => self.plan.name.clone(),
        };
        let selected = select(&Scope {
            subjects: vec![subject],
            fleet: scope.fleet.clone(),
            live: scope.live.clone(),
            root: scope.root.clone(),
            ext_vars: scope.ext_vars.clone(),
            tlas: scope.tlas.clone(),
            prune: options.prune.into_iter().collect(),
            cwd: session.ambient.cwd.clone(),
            worker: WorkerMode::default(),
            ..Scope::default()
        })?;
        for request in &selected.requests {
            if let LiveSource::Kubernetes(source) = &request.live {
                pinned(session, source, self)?;
            }
            if let Some(loaded) = self.load(session, request)? {
                return Ok(Sides {
                    loaded,
                    live: request.live.clone(),
                    key: request.key.clone(),
                });
            }
        }
        Err(CliError::user(format!(
            "Finding the cluster `{}` of the plan failed: neither a config nor the fleet has it",
            self.plan.name
        ))
        .hint("name the fleet with `--fleet FILE`, or `--config FILE --live FILE`"))
    }

    fn load(
        &self,
        session: &Session<'_>,
        request: &ClusterRequest,
    ) -> Result<Option<Loaded>, CliError> {
        let options = RunOptions {
            at: None,
            now: session.ambient.now,
            parallelism: 1,
            live: true,
            worker: WorkerMode::default(),
            schema: None,
            outside: session.ambient.outside(),
        };
        let keep = |loaded: &Loaded| -> Result<Loaded, ClusterError> { Ok(loaded.clone()) };
        let mut found = None;
        let mut failed = None;
        run(
            std::slice::from_ref(request),
            &options,
            session.catalog,
            &keep,
            &|| {},
            &mut |report| -> Result<(), CliError> {
                match report.outcome {
                    Some(Ok(loaded)) if loaded.name == self.plan.name => found = Some(loaded),
                    Some(Err(error)) if report.name == self.plan.name => failed = Some(error),
                    Some(Ok(_) | Err(_)) | None => {}
                }
                Ok(())
            },
        )?;
        match (found, failed) {
            (Some(loaded), _) => Ok(Some(loaded)),
            (None, Some(error)) => Err(self.unread(error)),
            (None, None) => Ok(None),
        }
    }

    /// An error of the first reading: nothing was done, whatever it is; a cluster that did not answer is a case of its
    /// own, for trying again may help.
    fn unread(&self, error: ClusterError) -> CliError {
        match error.failure {
            Failure::Error | Failure::Refused => error.into(),
            Failure::Unread => {
                let message = format!(
                    "Nothing was done for `{}`, for its cluster could not be read: {}",
                    self.plan.id, error.error
                );
                CliError::unread(message).maybe_hint(error.hint)
            }
        }
    }

    /// Returns the options with which the plan was made.
    fn options(&self) -> PlanOptions {
        let listed = |key: &str| {
            let text = self.plan.inputs.options.get(key);
            text.into_iter()
                .flat_map(|text| text.split(','))
                .map(str::to_owned)
                .collect()
        };
        let to = self.plan.inputs.options.get("to");
        PlanOptions {
            to: to.and_then(|to| to.parse().ok()),
            replace: listed("replace"),
            prune: listed("prune"),
        }
    }

    /// Makes the files of the plan's actions again: from git as it is now, and from what was
    /// observed when the plan was made. A plan holds their digests only, because they may hold
    /// secrets.
    pub(crate) fn files(
        &self,
        session: &Session<'_>,
        sides: &Sides,
    ) -> Result<StepFiles, CliError> {
        let wanted: Vec<(&str, &str)> = self
            .plan
            .steps
            .iter()
            .flat_map(|step| &step.actions)
            .flat_map(|action| match action {
                Action::Run { files, .. } => files.as_slice(),
                Action::Aws { .. } | Action::Kube { .. } | Action::Wait(_) => &[],
            })
            .map(|file| (file.name.as_str(), file.digest.as_str()))
            .collect();
        if wanted.is_empty() {
            return Ok(StepFiles::new());
        }
        let (was, is) = (
            &self.plan.inputs.render_digest,
            &sides.loaded.inputs.render_digest,
        );
        if was != is {
            return Err(refused(format!(
                "Applying `{}` failed: `{}` renders to something else than when the plan was made",
                self.plan.id, self.plan.inputs.config
            ))
            .hint(format!(
                "make the plan again: `{}`, or check its revision out",
                self.again
            )));
        }
        let mut loaded = sides.loaded.clone();
        if let Some(live) = &mut loaded.live {
            live.observation = store::read_observed(&self.dir, &self.plan)?;
        }
        loaded.at = self.plan.inputs.at.unwrap_or(loaded.at);
        loaded.inputs.decided_at = self.plan.inputs.decided_at;
        let again = plan_cluster(&loaded, &self.options(), session.catalog)?;
        let mut files = StepFiles::new();
        for (name, digest) in wanted {
            let text = again.files.get(name).map(|file| file.text.clone());
            let found = text.filter(|text| Digest::of(text.as_bytes()).to_string() == digest);
            let Some(text) = found else {
                return Err(refused(format!(
                    "Applying `{}` failed: its file `{name}` cannot be made again as it was approved",
                    self.plan.id
                ))
                .hint(format!("make the plan again: `{}`", self.again)));
            };
            files.insert(name.to_owned(), text);
        }
        Ok(files)
    }
}

/// An error that leaves everything as it was.
pub(crate) fn refused(message: impl Into<String>) -> CliError {
    CliError::refused(message)
}

impl Sides {
    /// Returns true when the cluster has a lock that runs take; a file that is no world, and git, have none.
    pub(crate) const fn has_lock(&self) -> bool {
        matches!(
            self.live,
            LiveSource::World { .. } | LiveSource::Kubernetes(_)
        )
    }

    /// Returns the cluster as something that a run can act on.
    pub(crate) fn target(
        &self,
        session: &Session<'_>,
        subject: &Subject,
    ) -> Result<LiveTarget, CliError> {
        let plan = &subject.plan;
        let nowhere = |what: &str| {
            Err(refused(format!(
                "Applying `{}` failed: its cluster is known from {what} only, and cannot be acted on",
                plan.id
            ))
            .hint("name the live cluster: `live: {world: FILE}` in the fleet, or `--live WORLD`"))
        };
        match &self.live {
            LiveSource::World { path, root } => {
                world(path, Some(root), plan).map(LiveTarget::World)
            }
            LiveSource::File(path) => {
                match WorldStore::of(path, None).and_then(|s| s.read().map(|_| s)) {
                    Ok(_) => world(path, None, plan).map(LiveTarget::World),
                    Err(_) => nowhere("a file"),
                }
            }
            LiveSource::Recorded { .. } => nowhere("a recorded observation"),
            LiveSource::Assumed { .. } => nowhere("a config"),
            LiveSource::NotGiven => nowhere("git"),
            LiveSource::Kubernetes(source) => through_apis(session, source, subject),
        }
    }
}

/// Before the first request: the context must lead where the plan was made.
fn pinned(session: &Session<'_>, source: &ApiSource, subject: &Subject) -> Result<Reads, CliError> {
    let plan = &subject.plan;
    let reads = source
        .connect(&session.ambient.outside())
        .map_err(cluster_error)?;
    let planned = Identity {
        endpoint: plan.identity.cluster.endpoint.clone(),
        authority: plan.identity.cluster.certificate_authority.clone(),
    };
    match reads.access().matches(&planned, "the plan") {
        Ok(()) => Ok(reads),
        Err(error) => Err(refused(error.to_string()).hint(format!(
            "mend the context when it should lead where the plan was made; else plan again through it: `{}`",
            subject.again
        ))),
    }
}

/// A cluster behind its own APIs: pins first, those of the plan as well as those of the fleet.
fn through_apis(
    session: &Session<'_>,
    source: &ApiSource,
    subject: &Subject,
) -> Result<LiveTarget, CliError> {
    let plan = &subject.plan;
    let Some((path, root)) = &source.cloud else {
        return Err(refused(format!(
            "Applying `{}` failed: this build has no client of the AWS APIs, which most of its steps need",
            plan.id
        ))
        .hint(format!(
            "rehearse it: `stairway rehearse {}`, and carry its steps out by hand: `stairway show {}`",
            plan.id, plan.id
        )));
    };
    // Looked at before the first read, and here again before the first write.
    let reads = pinned(session, source, subject)?;
    Ok(LiveTarget::Apis(Box::new(ApiTarget {
        source: source.clone(),
        reads,
        cloud: world(path, Some(root), plan)?,
        clock: session.ambient.outside().clock,
    })))
}

fn cluster_error(error: LiveError) -> CliError {
    let shown = match error.failure() {
        Failure::Unread => CliError::unread(error.to_string()),
        // As in every other command: what the user wrote does not work, and nobody refused anything.
        Failure::Error => CliError::user(error.to_string()),
        Failure::Refused => refused(error.to_string()),
    };
    shown.maybe_hint(error.hint())
}

fn world(path: &Path, root: Option<&Path>, plan: &Plan) -> Result<WorldTarget, CliError> {
    let store = WorldStore::of(path, root)?;
    let set = store.read()?;
    Ok(WorldTarget {
        store,
        cluster: plan.identity.cluster.name.clone(),
        pace: Duration::from_millis(u64::from(set.pace)),
        told: None,
    })
}
