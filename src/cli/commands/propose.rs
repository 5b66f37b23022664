//! `stairway plan --propose`: the edit in git that asks for what a plan does.

mod target;

use crate::cli::error::CliError;
use crate::cli::request::PlanRequest;
use crate::cli::session::Session;
use crate::overlay::{Overlay, patch_place};
use crate::pipeline::{
    ClusterRequest, Loaded, PlanOptions, Report, RunOptions, Scope, plan_cluster, run as run_all,
    select,
};
use crate::propose::{Edit, SourceFile, Texts, VERSION, rewrites, search};
use crate::render::RenderOptions;
use serde_json::Value;
use stairway_core::diff::generation::DECLARED_AS;
use stairway_core::diff::text::patch;
use stairway_core::model::clusterconfig::{Config, Desired, read_documents};
use stairway_core::plan::Planned;
use stairway_core::plan::wire::{Action, ClusterError, Plan, StepKind};
use stairway_core::report::summary_line;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// One file with its text before and after.
struct Patched {
    before: String,
    after: String,
}

/// Patches by file.
type Patches = BTreeMap<PathBuf, Patched>;

/// Prints the edit as a patch on stdout, and everything else on stderr. Writes nothing.
///
/// # Errors
/// Nothing could be selected, or stdout cannot take the patch.
pub(crate) fn run(session: &mut Session<'_>, request: &PlanRequest) -> Result<u8, CliError> {
    let selected = select(&request.work.scope)?;
    for note in &selected.notes {
        session.terminal.warn(note);
    }
    let mut patches = Patches::new();
    let mut errors = Vec::new();
    for one in &selected.requests {
        for report in plans(session, request, one) {
            let told = match report {
                Ok((loaded, planned)) => {
                    propose(session, request, one, &loaded, &planned, &mut patches)
                }
                Err(error) => Err(error),
            };
            match told {
                Ok(told) => told.tell(session),
                Err(error) => errors.push(error),
            }
        }
    }
    for (path, Patched { before, after }) in &patches {
        let (_, name) = patch_place(path, &session.ambient.cwd);
        session.terminal.data(&patch(Some(before), after, &name))?;
    }
    Ok(session.fail(errors))
}

/// What is said about one cluster on stderr.
#[derive(Default)]
struct Told {
    warnings: Vec<String>,
    lines: Vec<String>,
}

impl Told {
    fn tell(&self, session: &mut Session<'_>) {
        self.warnings
            .iter()
            .for_each(|line| session.terminal.warn(line));
        self.lines
            .iter()
            .for_each(|line| session.terminal.say(line));
    }
}

type Outcome = Result<(Loaded, Planned), ClusterError>;

/// Plans the clusters of one config.
fn plans(session: &Session<'_>, request: &PlanRequest, one: &ClusterRequest) -> Vec<Outcome> {
    let options = RunOptions {
        at: request.at,
        now: session.ambient.now,
        parallelism: 1,
        live: true,
        worker: request.work.scope.worker.clone(),
        schema: None,
        outside: session.ambient.outside(),
    };
    let make = |loaded: &Loaded| {
        let planned = plan_cluster(loaded, &request.options, session.catalog)?;
        Ok((loaded.clone(), planned))
    };
    let mut found = Vec::new();
    let kept: Result<(), CliError> = run_all(
        std::slice::from_ref(one),
        &options,
        session.catalog,
        &make,
        &|| (),
        &mut |report: Report<(Loaded, Planned)>| {
            found.extend(report.outcome);
            Ok(())
        },
    );
    // The sink above takes everything.
    debug_assert!(kept.is_ok());
    found
}

/// Finds one cluster's edit, adds it to `patches`, and returns what to say about it.
fn propose(
    session: &Session<'_>,
    request: &PlanRequest,
    one: &ClusterRequest,
    loaded: &Loaded,
    planned: &Planned,
    patches: &mut Patches,
) -> Result<Told, ClusterError> {
    let name = &loaded.name;
    let fail = |error: String, hint: Option<String>| ClusterError {
        name: name.clone(),
        error,
        hint,
        ..ClusterError::default()
    };
    let plan = &planned.plan;
    if let Some(to) = request.options.to {
        target::check(loaded, plan, to)?;
    }
    let mut said = begin(name, plan);
    let Config::Eks(desired) = &loaded.config else {
        return Err(fail(format!("`{name}` is no EKS cluster"), None));
    };
    let renames = renames(planned);
    let to = request.options.to.map(|to| to.to_string());
    let wanted = rewrites(&loaded.documents, desired, to.as_deref(), &renames);
    if to.is_some() && desired.version.is_none() {
        let config = &loaded.inputs.config;
        let error = format!(
            "Editing `{config}` failed: it has no `metadata.version` that could be changed"
        );
        let hint = format!("write `version: '{}'` into it", to.unwrap_or_default());
        return Err(fail(error, Some(hint)));
    }
    if wanted.is_empty() {
        said.lines.push(format!(
            "{name}: nothing to propose: git asks for this already"
        ));
        return Ok(said);
    }
    let options = RenderOptions {
        root: one.root.clone(),
        ext_vars: one.ext_vars.clone(),
        tlas: one.tlas.clone(),
        worker: request.work.scope.worker.clone(),
        ..RenderOptions::default()
    };
    let (overlay, _) = Overlay::of(&one.config, &options)
        .map_err(|error| fail(error.message.clone(), error.hint.clone()))?;
    let sources = overlay
        .sources()
        .map_err(|error| fail(error.to_string(), None))?;
    let cluster = Cluster {
        session,
        request,
        loaded,
        desired,
        plan,
        overlay: &overlay,
        renames: &renames,
        to: to.as_deref(),
    };
    let edit = cluster.edit(&sources)?;
    said.lines.extend(cluster.words(&edit));
    if edit.texts.is_empty() {
        said.lines.push(format!("{name}: nothing to propose"));
    }
    add(patches, edit, &overlay, &sources, name)?;
    Ok(said)
}

/// Says what the plan is, and what keeps it from being done at once: git may ask for it all the same.
fn begin(name: &str, plan: &Plan) -> Told {
    let mut told = Told::default();
    told.lines
        .push(format!("{name}: {}", summary_line(&plan.summary)));
    let held = plan.not_now.len();
    match target::blockers(plan) {
        Some(blockers) if held > 0 => told.warnings.push(format!(
            "{name}: {held} of its steps are held back now, by {blockers}; the edit asks for them all the same"
        )),
        Some(blockers) => told.warnings.push(format!(
            "{name}: the plan is held back now, by {blockers}; the edit asks for it all the same"
        )),
        None if held > 0 => told.lines.push(format!(
            "{name}: {held} of its steps are held back now; the edit asks for them all the same"
        )),
        None => {}
    }
    told
}

/// Adds an edit to the patches. Clusters may be rendered from one file.
fn add(
    patches: &mut Patches,
    edit: Edit,
    overlay: &Overlay,
    sources: &[SourceFile],
    name: &str,
) -> Result<(), ClusterError> {
    for (path, after) in edit.texts {
        let full = overlay.root().join(&path);
        let before = sources.iter().find(|source| source.path == path);
        let before = before.map_or_else(String::new, |source| source.text.clone());
        let known = patches.get(&full);
        if known.is_some_and(|known| known.after != after) {
            return Err(ClusterError {
                name: name.to_owned(),
                error: format!(
                    "Two of the selected clusters need different edits of `{path}`, and one patch can have only one"
                ),
                hint: Some(format!(
                    "propose them one after the other, this one next: `stairway plan {name} … --propose`"
                )),
                ..ClusterError::default()
            });
        }
        patches.insert(full, Patched { before, after });
    }
    Ok(())
}

/// What the search for one cluster's edit goes by.
struct Cluster<'c> {
    session: &'c Session<'c>,
    request: &'c PlanRequest,
    loaded: &'c Loaded,
    desired: &'c Desired,
    plan: &'c Plan,
    overlay: &'c Overlay,
    renames: &'c BTreeMap<String, String>,
    to: Option<&'c str>,
}

impl Cluster<'_> {
    /// Finds the edit with which planning gives the same steps: of everything, else of the version alone.
    fn edit(&self, sources: &[SourceFile]) -> Result<Edit, ClusterError> {
        let none = BTreeMap::new();
        let mut shared = None;
        for renames in [self.renames, &none] {
            let wanted = rewrites(&self.loaded.documents, self.desired, self.to, renames);
            let has_version = wanted.iter().any(|rewrite| rewrite.subject == VERSION);
            if wanted.is_empty() {
                break;
            }
            let evaluate = |texts: &[Texts]| self.overlay.render(texts);
            let own = sources.get(..1).unwrap_or_default();
            for among in [own, sources] {
                let edit = search(among, &self.loaded.documents, &wanted, &evaluate);
                let enough = !edit.done.is_empty() && (!has_version || edit.done.contains(VERSION));
                if !enough || !self.plans_the_same(&edit) {
                    continue;
                }
                match self.users_of(&edit)? {
                    Some(why) => shared = Some(why),
                    None => return Ok(edit),
                }
            }
            if !has_version {
                // Names may stay as they are; a version may not.
                return Ok(Edit::default());
            }
        }
        Err(self.not_found(shared))
    }

    fn not_found(&self, shared: Option<String>) -> ClusterError {
        let config = &self.loaded.inputs.config;
        let to = self.to.unwrap_or_default();
        let why = shared.unwrap_or_else(|| {
            "no text in it or in what it imports could be changed with exactly this effect; the value may come from a variable of the fleet file, or be computed".to_owned()
        });
        ClusterError {
            name: self.loaded.name.clone(),
            error: format!("Editing `{config}` so that it asks for {to} failed: {why}"),
            hint: Some(format!(
                "`stairway render {config}` shows what it renders to; edit it by hand"
            )),
            ..ClusterError::default()
        }
    }

    /// True when planning the edited config, without the options that it makes unnecessary, gives the
    /// steps that were planned.
    fn plans_the_same(&self, edit: &Edit) -> bool {
        let Ok(configs) = read_documents(&edit.documents) else {
            return false;
        };
        let own = configs.into_iter().find(|config| match config {
            Config::Eks(desired) => desired.cluster.name == self.desired.cluster.name,
            Config::EksAnywhere(_) => false,
        });
        let Some(config) = own else {
            return false;
        };
        let loaded = Loaded {
            config,
            documents: edit.documents.clone(),
            ..self.loaded.clone()
        };
        let asked = &self.request.options;
        let replaced_in_git = |group: &&String| !edit.done.contains(*group);
        let options = PlanOptions {
            to: None,
            replace: asked
                .replace
                .iter()
                .filter(replaced_in_git)
                .cloned()
                .collect(),
            prune: asked.prune.clone(),
        };
        plan_cluster(&loaded, &options, self.session.catalog)
            .is_ok_and(|planned| steps(&planned.plan) == steps(self.plan))
    }

    /// Returns why an edit of an imported file cannot be proposed: other clusters are rendered from it.
    fn users_of(&self, edit: &Edit) -> Result<Option<String>, ClusterError> {
        let entry = self.overlay.config();
        let Some(library) = edit.texts.keys().find(|path| path.as_str() != entry) else {
            return Ok(None);
        };
        let scope = Scope {
            subjects: Vec::new(),
            live: None,
            target: Vec::new(),
            exclude: Vec::new(),
            ..self.request.work.scope.clone()
        };
        let Ok(selected) = select(&scope) else {
            return Ok(Some(format!(
                "`{library}` would have to change, and without a fleet file nobody knows what else is rendered from it"
            )));
        };
        let options = RunOptions {
            at: None,
            now: self.session.ambient.now,
            parallelism: self.request.work.parallelism,
            live: false,
            worker: scope.worker.clone(),
            schema: None,
            outside: self.session.ambient.outside(),
        };
        let mut users = BTreeSet::new();
        run_all(
            &selected.requests,
            &options,
            self.session.catalog,
            &|loaded| {
                Ok(loaded
                    .inputs
                    .imports
                    .keys()
                    .any(|path| edit.texts.contains_key(path)))
            },
            &|| (),
            &mut |report: Report<bool>| {
                if matches!(report.outcome, Some(Ok(true))) && report.name != self.loaded.name {
                    users.insert(report.name);
                }
                Ok::<(), ClusterError>(())
            },
        )?;
        if users.is_empty() {
            return Ok(None);
        }
        let users: Vec<String> = users.into_iter().map(|name| format!("`{name}`")).collect();
        Ok(Some(format!(
            "`{library}` would have to change, and from it these are rendered too: {}",
            users.join(", ")
        )))
    }

    /// Says what the edit does, and why it does not do more.
    fn words(&self, edit: &Edit) -> Vec<String> {
        let name = &self.loaded.name;
        let mut parts = Vec::new();
        if edit.done.contains(VERSION)
            && let Some(to) = self.to
        {
            parts.push(format!("asks for {to}"));
        }
        let (renamed, kept): (Vec<_>, Vec<_>) = self
            .renames
            .iter()
            .partition(|(old, _)| edit.done.contains(*old));
        if !renamed.is_empty() {
            let renamed: Vec<String> = renamed
                .iter()
                .map(|(old, new)| format!("{old} → {new}"))
                .collect();
            parts.push(format!("renames {}", renamed.join(", ")));
        }
        let mut said = Vec::new();
        if !parts.is_empty() {
            said.push(format!(
                "{name}: {}: {}",
                edit.places.join(", "),
                parts.join("; ")
            ));
        }
        if !kept.is_empty() {
            let many = kept.len() > 1;
            let kept: Vec<String> = kept.iter().map(|(old, _)| format!("`{old}`")).collect();
            said.push(format!(
                "{name}: {} in git: no edit renames exactly what the plan replaces and leaves its steps as they are. None is needed: {} tagged `{DECLARED_AS}`, by which the next plan knows",
                if many { format!("{} keep their names", kept.join(", ")) } else { format!("{} keeps its name", kept.join(", ")) },
                if many { "the new groups are" } else { "the new group is" }
            ));
        }
        said
    }
}

fn steps(plan: &Plan) -> Vec<&str> {
    let later = plan.not_now.iter().map(|later| later.step.id.as_str());
    plan.steps
        .iter()
        .map(|step| step.id.as_str())
        .chain(later)
        .collect()
}

/// Returns the groups that the plan makes under another name than git's, by their names in git. The
/// last one counts, where a plan replaces a group several times.
fn renames(planned: &Planned) -> BTreeMap<String, String> {
    let later = planned.plan.not_now.iter().map(|later| &later.step);
    let mut found = BTreeMap::new();
    for step in planned.plan.steps.iter().chain(later) {
        if step.kind != StepKind::CreateNodegroup {
            continue;
        }
        for action in &step.actions {
            let Action::Run { files, .. } = action else {
                continue;
            };
            let texts = files
                .iter()
                .filter_map(|file| planned.files.get(&file.name));
            for declared in texts.filter_map(|file| declared_as(&file.text, &step.subject)) {
                found.insert(declared, step.subject.clone());
            }
        }
    }
    found
}

/// Returns the name in git of the group that a step's file makes as `name`.
fn declared_as(text: &str, name: &str) -> Option<String> {
    let document: Value = serde_json::from_str(text).ok()?;
    let lists = ["nodeGroups", "managedNodeGroups"];
    let mut groups = lists
        .iter()
        .filter_map(|list| document.get(*list)?.as_array())
        .flatten();
    let group = groups.find(|group| group.get("name").and_then(Value::as_str) == Some(name))?;
    let declared = group.get("tags")?.get(DECLARED_AS)?.as_str()?;
    Some(declared.to_owned())
}
