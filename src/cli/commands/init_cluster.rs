//! `stairway init cluster`

use super::init::Generated;
use crate::cli::ambient::Ambient;
use crate::cli::args::InitClusterArgs;
use crate::cli::carry::ask;
use crate::cli::error::CliError;
use crate::cli::exit_code;
use crate::cli::session::Session;
use crate::config::{self, ClusterEntry, Fleet, NewEntry};
use crate::files;
use crate::live::{self, LiveFile, OBSERVATION_BYTES_MAX, sniff};
use crate::overlay::Overlay;
use crate::propose::Texts;
use crate::render::{RenderOptions, SourceFormat};
use crate::starter;
use crate::template::{
    Answers, Parameter, ParameterKind, TEMPLATE_BYTES_MAX, Template, read_answer,
};
use serde_json::Value;
use stairway_core::model::clusterconfig::{Config, read_documents};
use std::path::{Path, PathBuf};

/// Somebody who mistypes this often does not know the answer.
const TRIES: usize = 3;
/// A fleet file that people edit.
const FLEET_BYTES_MAX: u64 = 16 << 20;

/// Where clusters are generated: a fleet, or a folder that has none.
pub(super) struct Ground {
    /// The folder of the fleet file, canonical.
    pub(super) folder: PathBuf,
    /// What nothing may leave.
    pub(super) root: PathBuf,
    /// The fleet file and what it says.
    pub(super) fleet: Option<(PathBuf, Fleet)>,
}

impl Ground {
    /// Finds the fleet that is named, or the nearest one.
    ///
    /// # Errors
    /// The fleet file is wrong.
    pub(super) fn find(session: &Session<'_>, named: Option<&Path>) -> Result<Self, CliError> {
        let cwd = &session.ambient.cwd;
        let path = match named {
            Some(path) => Some(cwd.join(path)),
            None => config::find(cwd)?,
        };
        let Some(path) = path else {
            let folder = files::canonicalize(cwd)?;
            let root = files::repository_top(&folder).unwrap_or_else(|| folder.clone());
            return Ok(Self {
                folder,
                root,
                fleet: None,
            });
        };
        let evaluate = |path: &Path, root: &Path| {
            let options = RenderOptions {
                root: Some(root.to_path_buf()),
                ..RenderOptions::default()
            };
            let rendered = crate::render::render_file(path, &options)?;
            Ok(rendered.documents.into_iter().map(|d| d.value).collect())
        };
        let fleet = config::load(&path, None, &evaluate)?;
        Ok(Self {
            folder: fleet.folder.clone(),
            root: fleet.root.clone(),
            fleet: Some((path, fleet)),
        })
    }

    /// Returns a file as the fleet file would name it.
    ///
    /// # Errors
    /// It does not exist, or is not below the folder of the fleet file.
    pub(super) fn inner(&self, path: &Path) -> Result<String, CliError> {
        let full = files::canonicalize(path)?;
        let inner = full.strip_prefix(&self.folder).map_err(|_| {
            CliError::user(format!(
                "`{}` cannot be used: it is not below the folder of the fleet file",
                path.display()
            ))
            .hint("copy it there, so that everyone who clones the repository has it")
        })?;
        Ok(inner.to_string_lossy().into_owned())
    }

    /// Returns a template's name in records and its text.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn template(&self, name: &str) -> Result<String, CliError> {
        if name == starter::BUILTIN {
            return Ok(starter::template_text());
        }
        let path = self.folder.join(name);
        self.inner(&path)?;
        Ok(files::read_text(&path, TEMPLATE_BYTES_MAX)?)
    }

    /// Returns the path of a file in the root, for the renderer.
    pub(super) fn below_root(&self, inner: &str) -> String {
        let full = self.folder.join(inner);
        let inner = full.strip_prefix(&self.root).unwrap_or(&full);
        inner.to_string_lossy().into_owned()
    }

    /// Returns a copy of all configs and libraries, in which the config at `inner` can be tried, with the
    /// variables that the fleet file gives it.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub(super) fn overlay(&self, inner: &str) -> Result<Overlay, CliError> {
        let config = self.below_root(inner);
        let mut options = RenderOptions::default();
        let clusters = self
            .fleet
            .iter()
            .flat_map(|(_, fleet)| &fleet.file.clusters);
        let full = self.folder.join(inner);
        let same =
            |entry: &&ClusterEntry| crate::render::normal(&self.folder.join(&entry.config)) == full;
        if let Some(entry) = clusters.into_iter().find(same) {
            options.ext_vars.clone_from(&entry.ext_vars);
            options.tlas.clone_from(&entry.tlas);
        }
        Ok(Overlay::planned(&self.root, &config, &options).with_all_files()?)
    }
}

/// Generates a cluster's config, records how, and adds the cluster to the fleet file.
///
/// # Errors
/// The name is taken, an answer is missing or wrong, what comes out is no config, or something is in the
/// way; then nothing was written.
pub(crate) fn run(session: &mut Session<'_>, request: &InitClusterArgs) -> Result<u8, CliError> {
    let name = request.name.as_str();
    read_answer(ParameterKind::Cluster, name)
        .map_err(|why| CliError::usage(format!("`{name}` cannot be a cluster's name: {why}")))?;
    let ground = Ground::find(session, request.fleet.as_deref())?;
    check_fleet(&ground, request)?;
    let template_name = template_name(session, request, &ground)?;
    let template_text = ground.template(&template_name)?;
    let template = Template::read(&template_text, &template_name)?;
    let answers = answers(session, request, &template)?;
    let text = template.generate(&template.complete(answers.clone())?);
    let config = format!("clusters/{name}.jsonnet");
    let made = Generated {
        cluster: name,
        config: &config,
        template: &template_name,
        template_text: &template_text,
        folder: &ground.folder,
        answers,
        text: &text,
    };
    let mut new = made.record();
    new.insert(config.clone(), text.clone());
    if template_name == starter::BUILTIN
        && !files::exists(&ground.folder.join(starter::LIBRARY_PATH))
    {
        new.insert(
            starter::LIBRARY_PATH.to_owned(),
            starter::LIBRARY.to_owned(),
        );
    }
    let documents = try_out(&ground, &config, &new)?;
    let region = check_documents(&documents, name)?;
    let (entry, world) = entry(session, request, &ground, &documents, region)?;
    if let Some(world) = world {
        new.insert(entry.live.1.clone(), world);
    }
    refuse_what_is_there(&ground, name, &new)?;
    let fleet_text = match &ground.fleet {
        Some((path, fleet)) if !request.no_entry => {
            Some((path, edited(path, &fleet.shown, &entry)?))
        }
        Some(_) | None => None,
    };
    let printed = entry.lines().join("\n") + "\n";
    if request.dry_run {
        session.terminal.data(&text)?;
        session.terminal.flush()?;
        session.terminal.say(&format!(
            "The entry of the fleet file:\n{printed}Nothing was written: --dry-run"
        ));
        return Ok(exit_code::DONE);
    }
    write(session, &ground, &new)?;
    if let Some((path, text)) = fleet_text {
        files::write_atomic(path, text.as_bytes())?;
        let printed = printed.trim_end();
        let line = format!("Added `{name}` to the fleet file:\n{printed}");
        session.terminal.say(&line);
    } else {
        let line = "Add this to `clusters` of the fleet file:";
        session.terminal.say(line);
        session.terminal.data(&printed)?;
        session.terminal.flush()?;
    }
    let line = format!("Next:\n  stairway render {config}\n  stairway plan {name}");
    session.terminal.say(&line);
    Ok(exit_code::DONE)
}

/// Writes the record before anything else: a run that is killed leaves nothing that counts.
fn write(session: &mut Session<'_>, ground: &Ground, new: &Texts) -> Result<(), CliError> {
    let (records, others): (Vec<_>, Vec<_>) = new
        .iter()
        .partition(|(path, _)| path.starts_with(crate::template::GENERATED_FOLDER));
    for (path, text) in records.into_iter().chain(others) {
        files::write_atomic(&ground.folder.join(path), text.as_bytes())?;
        session.terminal.say(&format!("Wrote {path}"));
    }
    Ok(())
}

/// The name must be free, and there must be a fleet file that can be edited.
fn check_fleet(ground: &Ground, request: &InitClusterArgs) -> Result<(), CliError> {
    let name = &request.name;
    let Some((path, fleet)) = &ground.fleet else {
        if request.no_entry {
            return Ok(());
        }
        return Err(CliError::user(format!(
            "Adding `{name}` to the fleet failed: no fleet file is in this folder or above it"
        ))
        .hint(
            "begin a repository with `stairway init .`, or add `--no-entry` for the config alone",
        ));
    };
    let called = |entry: &ClusterEntry| {
        let stem = Path::new(&entry.config).file_stem();
        let stem = stem.map(|stem| stem.to_string_lossy().into_owned());
        entry.name.clone().or(stem).unwrap_or_default()
    };
    let mut clusters = fleet.file.clusters.iter();
    if let Some(entry) = clusters.clone().find(|entry| called(entry) == *name) {
        return Err(CliError::user(format!(
            "`{}` has a cluster `{name}` already: its config is `{}`",
            fleet.shown, entry.config
        ))
        .hint(format!(
            "`stairway template diff {name}` shows what its template changed since"
        )));
    }
    if let Some(entry) = clusters.find(|entry| called(entry).eq_ignore_ascii_case(name)) {
        let other = called(entry);
        return Err(CliError::user(format!(
            "`{name}` and the cluster `{other}` of `{}` differ in case only: their files and plans would share a name where case does not count",
            fleet.shown
        ))
        .hint(format!(
            "give it a name of its own: `stairway init cluster {}-2`",
            name.to_ascii_lowercase()
        )));
    }
    if SourceFormat::of(path) != Some(SourceFormat::Yaml) && !request.no_entry {
        return Err(CliError::user(format!(
            "Adding `{name}` to `{}` failed: jsonnet is not edited, and nothing was written",
            fleet.shown
        ))
        .hint(format!("`stairway init cluster {name} … --no-entry` writes the config and prints the entry to paste")));
    }
    Ok(())
}

fn template_name(
    session: &Session<'_>,
    request: &InitClusterArgs,
    ground: &Ground,
) -> Result<String, CliError> {
    if let Some(path) = &request.template {
        return ground.inner(&session.ambient.cwd.join(path));
    }
    let usual = ground.folder.join(starter::TEMPLATE_PATH);
    let name = if files::is_file(&usual) {
        starter::TEMPLATE_PATH
    } else {
        starter::BUILTIN
    };
    Ok(name.to_owned())
}

/// Collects the answers: options, `--answer`, the day's newest minor, and on a terminal questions.
fn answers(
    session: &mut Session<'_>,
    request: &InitClusterArgs,
    template: &Template,
) -> Result<Answers, CliError> {
    let mut typed: Vec<(String, String)> = Vec::new();
    if template.parameter("name").is_ok() {
        typed.push(("name".to_owned(), request.name.clone()));
    }
    typed.extend(
        request
            .region
            .iter()
            .map(|region| ("region".to_owned(), region.clone())),
    );
    typed.extend(
        request
            .version
            .iter()
            .map(|minor| ("version".to_owned(), minor.to_string())),
    );
    if !request.hub.is_empty() {
        typed.push(("hubs".to_owned(), request.hub.join(",")));
    }
    typed.extend(pairs(&request.answer)?);
    let mut answers = Answers::new();
    for (key, text) in typed {
        let parameter = template.parameter(&key)?;
        let answer = parameter.answer(&text)?;
        check_minor(session, parameter, &answer)?;
        if answers.insert(key.clone(), answer).is_some() {
            return Err(CliError::usage(format!("`{key}` is answered twice")));
        }
    }
    let can_ask = !request.no_input && Ambient::can_ask();
    for parameter in template.parameters.iter().filter(|p| p.required) {
        if answers.contains_key(&parameter.name) {
            continue;
        }
        if parameter.kind == ParameterKind::Minor
            && let Some(minor) = starter::newest_minor(session.catalog, session.ambient.now)
        {
            session.terminal.say(&format!(
                "{}: {minor}, the newest in standard support",
                parameter.name
            ));
            answers.insert(parameter.name.clone(), Value::from(minor.to_string()));
        } else if can_ask {
            answers.insert(parameter.name.clone(), asked(session, parameter)?);
        }
    }
    Ok(answers)
}

fn asked(session: &mut Session<'_>, parameter: &Parameter) -> Result<Value, CliError> {
    let mut last = None;
    for _ in 0..TRIES {
        let typed = ask(&format!("{}: ", parameter.line().trim()))?;
        if typed.is_empty() {
            break;
        }
        let checked = parameter
            .answer(typed.trim())
            .map_err(CliError::from)
            .and_then(|answer| check_minor(session, parameter, &answer).map(|()| answer));
        match checked {
            Ok(answer) => return Ok(answer),
            Err(error) => {
                session.terminal.warn(&error.message);
                last = Some(error);
            }
        }
    }
    Err(last.unwrap_or_else(|| CliError::usage(format!("`{}` has no answer", parameter.name))))
}

/// A version that EKS does not offer would make a config that nothing can be planned for.
pub(super) fn check_minor(
    session: &Session<'_>,
    parameter: &Parameter,
    answer: &Value,
) -> Result<(), CliError> {
    if parameter.kind != ParameterKind::Minor {
        return Ok(());
    }
    let Some(minor) = answer.as_str().and_then(|text| text.parse().ok()) else {
        return Ok(());
    };
    let name = &parameter.name;
    starter::check_offered(session.catalog, session.ambient.now, minor).map_err(|(why, hint)| {
        CliError::usage(format!("`{name}={minor}` cannot be: {why}")).hint(hint)
    })
}

/// Reads `KEY=VALUE`.
///
/// # Errors
/// There is no `=`.
pub(super) fn pairs(given: &[String]) -> Result<Vec<(String, String)>, CliError> {
    let pair = |text: &String| match text.split_once('=') {
        Some((key, value)) => Ok((key.trim().to_owned(), value.to_owned())),
        None => Err(CliError::usage(format!("`--answer {text}` has no value"))
            .hint(format!("write `--answer {text}=VALUE`"))),
    };
    given.iter().map(pair).collect()
}

/// Renders the new config beside the files that are there.
fn try_out(ground: &Ground, config: &str, new: &Texts) -> Result<Vec<Value>, CliError> {
    let texts: Texts = new
        .iter()
        .filter(|(path, _)| SourceFormat::of(Path::new(path)).is_some())
        .map(|(path, text)| (ground.below_root(path), text.clone()))
        .collect();
    ground.overlay(config)?.try_render(&texts)
}

/// What was generated must be this cluster. Returns its region.
fn check_documents(documents: &[Value], name: &str) -> Result<Option<String>, CliError> {
    let failed = |why: String| {
        CliError::user(format!(
            "Generating `{name}` failed, and nothing was written: {why}"
        ))
        .hint("see what comes out: add `--dry-run`, or mend the template")
    };
    let configs = read_documents(documents).map_err(|error| failed(error.to_string()))?;
    let (found, region) = match configs.as_slice() {
        [Config::Eks(desired)] => (
            desired.cluster.name.clone(),
            Some(desired.cluster.region.clone()),
        ),
        [Config::EksAnywhere(config)] => (config.name.clone(), None),
        several => return Err(failed(format!("it renders to {} clusters", several.len()))),
    };
    if found == name {
        Ok(region)
    } else {
        Err(failed(format!("it renders to a cluster called `{found}`")))
    }
}

/// Returns the entry of the fleet file, and the text of the cluster's own world when it gets one.
fn entry(
    session: &Session<'_>,
    request: &InitClusterArgs,
    ground: &Ground,
    documents: &[Value],
    region: Option<String>,
) -> Result<(NewEntry, Option<String>), CliError> {
    let name = &request.name;
    let clusters = ground
        .fleet
        .as_ref()
        .map(|(_, fleet)| fleet.file.clusters.as_slice());
    let playground = clusters.is_some_and(|all| all.iter().all(|one| one.live.world.is_some()));
    let mut world = None;
    let live = match (&request.live, &request.context) {
        (Some(path), _) => {
            let path = session.ambient.cwd.join(path);
            (live_key(&path)?, ground.inner(&path)?)
        }
        (None, Some(context)) => ("kubernetes", context.clone()),
        (None, None) if playground => {
            let text = starter::world(documents, session.ambient.now, session.catalog);
            world = Some(text.map_err(CliError::user)?);
            ("world", format!("worlds/{name}.yaml"))
        }
        (None, None) => ("kubernetes", name.clone()),
    };
    let waves = ground.fleet.as_ref().map(|(_, fleet)| &fleet.file.waves);
    let entry = NewEntry {
        name: name.clone(),
        config: format!("clusters/{name}.jsonnet"),
        wave: waves.and_then(|waves| waves.last().cloned()),
        region: region.filter(|_| live.0 == "kubernetes"),
        live,
    };
    Ok((entry, world))
}

/// Returns the key of `live` for a file.
fn live_key(path: &Path) -> Result<&'static str, CliError> {
    if SourceFormat::of(path) == Some(SourceFormat::Jsonnet) {
        return Ok("assumed");
    }
    let text = files::read_text(path, OBSERVATION_BYTES_MAX)?;
    let document = live::parse(&text, &path.display().to_string())?;
    match sniff(&document) {
        LiveFile::Observation => Ok("recorded"),
        LiveFile::World => Ok("world"),
        LiveFile::Config => Ok("assumed"),
        LiveFile::Other(found) => Err(CliError::user(format!(
            "`{}` is {found}, and not an observation, a world or a config",
            path.display()
        ))),
    }
}

/// Refuses when a file is there with other content. A record without a cluster in the fleet is what a
/// run that was killed left.
fn refuse_what_is_there(ground: &Ground, name: &str, new: &Texts) -> Result<(), CliError> {
    let mut taken = Vec::new();
    for (path, text) in new {
        let full = ground.folder.join(path);
        let there = files::is_link(&full).is_ok();
        let record = path.starts_with(crate::template::GENERATED_FOLDER);
        let same = || {
            let limit = u64::try_from(text.len()).unwrap_or(u64::MAX);
            files::read_bounded(&full, limit).is_ok_and(|bytes| bytes == text.as_bytes())
        };
        if there && !record && !same() {
            taken.push(path.as_str());
        }
    }
    if taken.is_empty() {
        return Ok(());
    }
    Err(CliError::user(format!(
        "Generating `{name}` failed: these are in the way, and nothing was written:\n  {}",
        taken.join("\n  ")
    ))
    .hint(format!(
        "move them away, for example `mv {0} {0}.old`",
        taken.first().copied().unwrap_or_default()
    )))
}

/// Returns the fleet file's text with the entry.
fn edited(path: &Path, shown: &str, entry: &NewEntry) -> Result<String, CliError> {
    let text = files::read_text(path, FLEET_BYTES_MAX)?;
    entry.add_to(&text).ok_or_else(|| {
        CliError::user(format!(
            "Adding `{}` to `{shown}` failed: `clusters` is not a plain list there, and nothing was written. The entry is:\n{}",
            entry.name,
            entry.lines().join("\n")
        ))
        .hint(format!("`stairway init cluster {} … --no-entry` leaves the fleet file alone", entry.name))
    })
}
