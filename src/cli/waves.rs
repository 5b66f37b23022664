//! The order of waves, when a plan is applied: a wave waits for those before it.
//!
//! The fleet file says who goes before. Each of those needs evidence beside the plan: a plan that ran
//! to its end, or one without steps.

use super::carry::digest_start;
use super::error::CliError;
use super::subject::{Subject, refused};
use crate::config::{ClusterEntry, FleetFile};
use crate::files;
use crate::pipeline::typed;
use crate::store::disk::RealDisk;
use crate::store::journal::JournalFile;
use crate::store::sets::{SET_FILE, SetFile, read_set};
use crate::store::{self, Stored};
use stairway_core::journal::{Ending, fold};
use stairway_core::plan::wire::Plan;
use std::path::{Path, PathBuf};

/// What the waves say about a plan.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    /// Clusters of earlier waves that are not done, each with the way it stands.
    open: Vec<Open>,
    /// The wave of the plan's own cluster.
    wave: Option<String>,
    /// Options that the commands in hints need: the fleet.
    fleet: String,
    /// The folder of plans, as it is typed; none on a branch, which stands with the fleet.
    folder: Option<String>,
}

/// A cluster of an earlier wave.
#[derive(Debug)]
struct Open {
    name: String,
    wave: String,
    /// Its plan, where there is one.
    plan: Option<Box<Plan>>,
    stands: Stands,
}

/// How a cluster of an earlier wave stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stands {
    NoPlan,
    NoFolder,
    RolledBack,
    Begun,
    NotApplied,
}

impl Stands {
    const fn said(self) -> &'static str {
        match self {
            Self::NoPlan => "no plan of it is here",
            Self::NoFolder => "its plan's folder is not here, and with it its journal",
            Self::RolledBack => "it was rolled back",
            Self::Begun => "its run has not come to its end",
            Self::NotApplied => "it was not applied",
        }
    }
}

/// What the gate looks at.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    /// The plan and its directory.
    pub(crate) subject: &'a Subject,
    /// The owner's fleet file, if there is one.
    pub(crate) fleet: Option<&'a FleetFile>,
    /// What the fleet knows the plan's cluster by.
    pub(crate) key: &'a str,
    /// The fleet as it was named, for hints.
    pub(crate) named: Option<&'a Path>,
    /// The store as it was named, for hints.
    pub(crate) store: Option<String>,
    /// Where plans are.
    pub(crate) folders: &'a [PathBuf],
    /// The working directory.
    pub(crate) cwd: &'a Path,
}

/// Looks at the clusters of earlier waves.
///
/// # Errors
/// There is no fleet file to tell them; the set cannot be read, or the journal of an earlier plan
/// cannot be believed.
pub(crate) fn gate(asked: &Asked<'_>) -> Result<Gate, CliError> {
    let plan = &asked.subject.plan;
    let beside = files::parent_of(&asked.subject.dir);
    let folder = beside.strip_prefix(asked.cwd).unwrap_or(&beside);
    let mut gate = Gate {
        folder: (asked.store.is_none()).then(|| folder.display().to_string()),
        fleet: asked.named.map_or_else(String::new, |named| {
            format!(" {}", typed("--fleet", &named.to_string_lossy()))
        }) + asked.store.as_deref().unwrap_or_default(),
        wave: plan.wave.clone(),
        ..Gate::default()
    };
    // The way back waits for nobody.
    if plan.rollback {
        return Ok(gate);
    }
    let Some(fleet) = asked.fleet else {
        return match &plan.wave {
            None => Ok(gate),
            Some(wave) => Err(refused(format!(
                "Applying `{}` failed: it is of the wave `{wave}`, and no fleet file tells which clusters go before",
                plan.id
            ))
            .hint("name the fleet with `--fleet FILE`")),
        };
    };
    let own = fleet.clusters.iter().find(|entry| entry.key() == asked.key);
    if let Some(own) = own {
        gate.wave.clone_from(&own.wave);
    } else if plan.wave.is_none() {
        return Ok(gate);
    }
    let place = |wave: Option<&String>| {
        let found = wave.and_then(|wave| fleet.waves.iter().position(|known| known == wave));
        found.unwrap_or(fleet.waves.len())
    };
    let at = place(gate.wave.as_ref());
    let earlier = fleet.clusters.iter();
    let earlier: Vec<&ClusterEntry> = earlier
        .filter(|entry| place(entry.wave.as_ref()) < at)
        .collect();
    if earlier.is_empty() {
        return Ok(gate);
    }
    let evidence = Evidence::read(plan, &beside, asked.folders)?;
    for entry in earlier {
        gate.open.extend(evidence.open(entry)?);
    }
    Ok(gate)
}

/// The plans that can tell how a cluster stands.
struct Evidence<'a> {
    plan: &'a Plan,
    set: Option<SetFile>,
    /// The folder of the set first.
    folders: Vec<PathBuf>,
}

impl<'a> Evidence<'a> {
    fn read(plan: &'a Plan, beside: &Path, more: &[PathBuf]) -> Result<Self, CliError> {
        let path = beside.join(SET_FILE);
        let set = if files::is_file(&path) {
            Some(read_set(&path, SET_FILE)?)
        } else {
            None
        };
        let mut folders = vec![beside.to_path_buf()];
        folders.extend(more.iter().filter(|one| *one != beside).cloned());
        Ok(Self { plan, set, folders })
    }

    /// Returns how a cluster stands, unless it is done: what the set of this plan says of it, else any
    /// plan of the same state of the fleet that is done.
    fn open(&self, entry: &ClusterEntry) -> Result<Option<Open>, CliError> {
        let mut last = None;
        let mut plans = self.in_set(entry)?;
        if plans.is_empty() {
            plans = self.in_folders(entry)?;
        }
        for (plan, folder) in plans {
            match stands(&plan, &folder)? {
                None => return Ok(None),
                Some(how) => last = Some((plan, how)),
            }
        }
        let (plan, stands) = match last {
            Some((plan, stands)) => (Some(Box::new(plan)), stands),
            None => (None, Stands::NoPlan),
        };
        Ok(Some(Open {
            name: entry.key(),
            wave: entry.wave.clone().unwrap_or_default(),
            plan,
            stands,
        }))
    }

    fn in_set(&self, entry: &ClusterEntry) -> Result<Vec<(Plan, PathBuf)>, CliError> {
        let mut found = Vec::new();
        let Some(set) = &self.set else {
            return Ok(found);
        };
        let together = set.clusters.iter().any(|other| other.id == self.plan.id);
        let folder = &set.folder;
        for other in &set.clusters {
            if entry.name.as_ref().is_some_and(|name| *name != other.name) {
                continue;
            }
            let plan = other.plan().map_err(|error| {
                CliError::user(format!(
                    "Reading `{}` in {SET_FILE} failed: {error}",
                    other.id
                ))
            })?;
            if is_of(entry, &plan) && (together || self.is_of_one_state(&plan)) {
                found.push((plan, folder.clone()));
            }
        }
        Ok(found)
    }

    fn in_folders(&self, entry: &ClusterEntry) -> Result<Vec<(Plan, PathBuf)>, CliError> {
        let mut found = Vec::new();
        for folder in self.folders.iter().filter(|folder| files::is_dir(folder)) {
            let names =
                files::list_dir(folder).map_err(|error| CliError::user(error.to_string()))?;
            for name in names {
                let start = entry.name.as_ref().map(|own| format!("{own}-"));
                let file = folder.join(&name).join("plan.json");
                if start.is_some_and(|start| !name.starts_with(&start)) || !files::is_file(&file) {
                    continue;
                }
                // A plan that cannot be read tells nothing.
                if let Ok(Stored::Plan(plan)) = store::read(&file, &format!("{name}/plan.json"))
                    && is_of(entry, &plan)
                    && self.is_of_one_state(&plan)
                {
                    found.push((*plan, folder.clone()));
                }
            }
        }
        Ok(found)
    }

    /// A plan that ran to its end last month says nothing about this change.
    fn is_of_one_state(&self, other: &Plan) -> bool {
        let (own, other) = (&self.plan.inputs, &other.inputs);
        own.fleet_digest == other.fleet_digest && own.git_revision == other.git_revision
    }
}

fn is_of(entry: &ClusterEntry, plan: &Plan) -> bool {
    let config = entry
        .config
        .trim_start_matches("./")
        .trim_start_matches("../");
    !plan.rollback
        && match &entry.name {
            Some(name) => plan.name == *name,
            None => Path::new(&plan.inputs.config).ends_with(config),
        }
}

/// Returns how a plan stands, unless it is done.
fn stands(plan: &Plan, folder: &Path) -> Result<Option<Stands>, CliError> {
    if plan.steps.is_empty() {
        return Ok(None);
    }
    let dir = folder.join(&plan.id);
    if !files::is_dir(&dir) {
        return Ok(Some(Stands::NoFolder));
    }
    let (_, journal) = JournalFile::open(RealDisk, &dir, &plan.digest)?;
    let folded = fold(plan, &journal.events);
    Ok(match (&folded.ending, &folded.run) {
        (Some((Ending::Done, _)), _) => None,
        (Some((Ending::RolledBack, _)), _) => Some(Stands::RolledBack),
        (_, Some(_)) => Some(Stands::Begun),
        (_, None) => Some(Stands::NotApplied),
    })
}

/// More clusters than this are not listed.
const LISTED: usize = 5;

impl Gate {
    /// Returns why the plan may not be applied now.
    pub(crate) fn refusal(&self, plan: &Plan) -> Option<CliError> {
        let why = self.why()?;
        let shown = refused(format!("Applying `{}` failed: {why}", plan.id));
        Some(shown.hint(self.hint()))
    }

    /// Returns why the plan has to wait, if so.
    pub(crate) fn why(&self) -> Option<String> {
        if self.open.is_empty() {
            return None;
        }
        let own = match &self.wave {
            Some(wave) => format!("is of the wave `{wave}`"),
            None => "is in no wave and goes after all of them".to_owned(),
        };
        let more = match self.open.len().saturating_sub(LISTED) {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        let told = |open: &Open| {
            let id = match &open.plan {
                Some(plan) => format!("`{}` of ", plan.id),
                None => String::new(),
            };
            let (name, wave, stands) = (&open.name, &open.wave, open.stands.said());
            format!("{id}`{name}` (wave `{wave}`: {stands})")
        };
        let waiting: Vec<String> = self.open.iter().take(LISTED).map(told).collect();
        Some(format!(
            "it {own}, and an earlier wave is not done: {}{more}",
            waiting.join(", ")
        ))
    }

    /// Returns what to do first, as a command that can be typed.
    pub(crate) fn hint(&self) -> String {
        let fleet = &self.fleet;
        let option = |name: &str, folder: &String| format!(" {}", typed(name, folder));
        let dir = self.folder.as_ref().filter(|folder| *folder != "plans");
        let dir = dir.map_or_else(String::new, |folder| option("--dir", folder));
        let out = self.folder.as_ref();
        let out = out.map_or_else(String::new, |folder| option("--out", folder));
        let again = format!("`stairway plan{fleet}{out}`");
        // Without a plan nobody knows what is to be done: that comes before anything else.
        let known = |open: &&Open| !matches!(open.stands, Stands::NoPlan | Stands::NoFolder);
        let first = match self.open.iter().all(|open| known(&open)) {
            true => self
                .open
                .first()
                .and_then(|open| Some((open.plan.as_ref()?, open.stands))),
            false => None,
        };
        let first = match first {
            None => format!("plan the whole fleet: {again}"),
            Some((_, Stands::RolledBack)) => {
                format!("plan again, and apply that wave before this one: {again}")
            }
            Some((plan, Stands::Begun)) => format!(
                "`stairway apply {}{fleet}{dir} --resume --approve={}` first",
                plan.id,
                digest_start(plan)
            ),
            Some((plan, Stands::NotApplied | Stands::NoPlan | Stands::NoFolder)) => format!(
                "`stairway apply {}{fleet}{dir} --approve={}` first, or {again} when it is not needed any more",
                plan.id,
                digest_start(plan)
            ),
        };
        format!("{first}; to go ahead all the same: `--dangerously-skip-waves`")
    }

    /// Returns what the journal is told when the order was not kept on purpose.
    pub(crate) fn overridden(&self) -> Option<String> {
        if self.open.is_empty() {
            return None;
        }
        let id = |open: &Open| {
            open.plan
                .as_ref()
                .map_or(open.name.clone(), |plan| plan.id.clone())
        };
        let ids: Vec<String> = self.open.iter().map(id).collect();
        Some(format!("waves skipped, not done: {}", ids.join(", ")))
    }
}
