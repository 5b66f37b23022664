//! `stairway init`

use crate::cli::args::{CiChoice, InitArgs, InitCommand};
use crate::cli::error::CliError;
use crate::cli::exit_code;
use crate::cli::session::Session;
use crate::config::FLEET_NAMES;
use crate::files::{self, FileError};
use crate::overlay::Overlay;
use crate::render::RenderOptions;
use crate::starter::{self, CiHost};
use crate::template::{Answers, GeneratedRecord, RECORD_FORMAT, RECORD_KIND, revision_of};
use serde_json::json;
use stairway_core::model::Digest;
use std::collections::BTreeMap;
use std::path::Path;

/// Written before the first file and removed after the last: what a run that was killed had begun.
const UNFINISHED: &str = ".stairway/init.unfinished";
/// A line for each of a dozen files.
const UNFINISHED_BYTES_MAX: u64 = 64 << 10;

type Files = BTreeMap<String, String>;

/// Writes a new repository, or a new cluster's config.
///
/// # Errors
/// Something is in the way, or the file system refused.
pub(crate) fn run(session: &mut Session<'_>, request: &InitArgs) -> Result<u8, CliError> {
    if let Some(InitCommand::Cluster(request)) = &request.command {
        return super::init_cluster::run(session, request);
    }
    let Some(dir) = &request.dir else {
        return Err(CliError::usage("`stairway init` needs a folder")
            .hint("`stairway init fleet`, or `stairway init .` for this one"));
    };
    let folder = session.ambient.cwd.join(dir);
    let mut files = contents(session, request)?;
    let here = files::exists(&folder);
    if here {
        let unfinished = unfinished(&folder);
        let mut taken = Vec::new();
        for (path, text) in &files {
            if in_the_way(&folder, path, text, &unfinished)? {
                taken.push(path.clone());
            }
        }
        // Two files that could be the fleet would be none.
        let others = FLEET_NAMES
            .iter()
            .filter(|name| **name != starter::FLEET_PATH);
        let others = others.filter(|name| files::exists(&folder.join(name)));
        let others: Vec<String> = others.map(|name| (*name).to_owned()).collect();
        taken.extend(others.iter().cloned());
        let keeps = |path: &String| {
            request.keep_existing && path != starter::FLEET_PATH && !others.contains(path)
        };
        let (kept, taken): (Vec<String>, Vec<String>) = taken.into_iter().partition(keeps);
        if !taken.is_empty() {
            return Err(CliError::user(format!(
                "Writing a repository to `{}` failed: these are in the way, and nothing was written:\n  {}",
                dir.display(),
                taken.join("\n  ")
            ))
            .hint("name another folder, move them away, or leave them as they are with `--keep-existing`"));
        }
        for path in kept {
            session
                .terminal
                .warn(&format!("`{path}` is there already and stays as it is"));
            files.remove(&path);
        }
    }
    let tree = tree(dir, &files);
    if request.dry_run {
        session.terminal.data(&tree)?;
        session.terminal.flush()?;
        session.terminal.say("Nothing was written: --dry-run");
        return Ok(exit_code::DONE);
    }
    if here {
        fill(&folder, &files)?;
    } else {
        let bytes = files
            .iter()
            .map(|(path, text)| (path.clone(), text.clone().into_bytes()));
        files::write_dir_atomic(&folder, &bytes.collect())?;
    }
    session.terminal.data(&tree)?;
    // The tree comes before what is said about it.
    session.terminal.flush()?;
    next(session, dir, &request.name);
    Ok(exit_code::DONE)
}

/// Returns all files of the repository; its config was rendered and its world begins as that.
fn contents(session: &Session<'_>, request: &InitArgs) -> Result<Files, CliError> {
    let now = session.ambient.now;
    let template = starter::template()?;
    let version = request
        .version
        .or_else(|| starter::newest_minor(session.catalog, now))
        .ok_or_else(|| CliError::internal("The catalog has no version"))?;
    starter::check_offered(session.catalog, now, version).map_err(|(why, hint)| {
        CliError::usage(format!("`--version {version}` cannot be: {why}")).hint(hint)
    })?;
    let mut answers = Answers::new();
    for (parameter, typed) in [
        ("name", request.name.clone()),
        ("region", request.region.clone()),
        ("version", version.to_string()),
    ] {
        let answer = template.parameter(parameter)?.answer(&typed)?;
        answers.insert(parameter.to_owned(), answer);
    }
    let name = &request.name;
    let text = template.generate(&template.complete(answers.clone())?);
    let config = format!("clusters/{name}.jsonnet");
    let ci = match request.ci {
        CiChoice::Github => Some(CiHost::Github),
        CiChoice::Gitlab => Some(CiHost::Gitlab),
        CiChoice::None => None,
    };
    let mut files = starter::repository(name, &request.region, ci);
    let made = Generated {
        cluster: name,
        config: &config,
        template: starter::TEMPLATE_PATH,
        template_text: &starter::template_text(),
        folder: &session
            .ambient
            .cwd
            .join(request.dir.as_deref().unwrap_or(Path::new("."))),
        answers,
        text: &text,
    };
    files.extend(made.record());
    files.insert(config.clone(), text);
    let overlay = Overlay::planned(Path::new("/"), &config, &RenderOptions::default());
    let documents = overlay.try_render(&files)?;
    let world = starter::world(&documents, now, session.catalog).map_err(CliError::internal)?;
    files.insert(format!("worlds/{name}.yaml"), world);
    Ok(files)
}

/// A file that was generated, and from what.
pub(super) struct Generated<'g> {
    pub(super) cluster: &'g str,
    pub(super) config: &'g str,
    pub(super) template: &'g str,
    pub(super) template_text: &'g str,
    /// Whose repository's revision is recorded.
    pub(super) folder: &'g Path,
    pub(super) answers: Answers,
    pub(super) text: &'g str,
}

impl Generated<'_> {
    /// Returns the two files of the record, relative to the folder of the fleet file.
    pub(super) fn record(&self) -> Files {
        let digest = Digest::of(self.template_text.as_bytes());
        let record = GeneratedRecord {
            format_version: RECORD_FORMAT,
            kind: RECORD_KIND.to_owned(),
            cluster: self.cluster.to_owned(),
            config: self.config.to_owned(),
            template: self.template.to_owned(),
            template_digest: digest.to_string(),
            git_revision: revision_of(self.folder, self.template, &digest),
            tool: format!("stairway {}", env!("CARGO_PKG_VERSION")),
            answers: self.answers.clone(),
            base_digest: Digest::of(self.text.as_bytes()).to_string(),
        };
        let (name, base) = GeneratedRecord::names(self.cluster);
        Files::from([(name, record.text()), (base, self.text.to_owned())])
    }
}

/// Returns what a run that was killed had begun to write here: digests by path.
fn unfinished(folder: &Path) -> BTreeMap<String, String> {
    let text = files::read_text(&folder.join(UNFINISHED), UNFINISHED_BYTES_MAX).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// True when something stands where `path` would go, other than what we would write, or had begun to.
fn in_the_way(
    folder: &Path,
    path: &str,
    text: &str,
    unfinished: &BTreeMap<String, String>,
) -> Result<bool, FileError> {
    let full = folder.join(path);
    let above = full
        .ancestors()
        .skip(1)
        .take_while(|above| *above != folder);
    for parent in above {
        // A link could lead anywhere.
        if files::is_link(parent).is_ok_and(|link| link || !files::is_dir(parent)) {
            return Ok(true);
        }
    }
    match files::is_link(&full) {
        Err(_) => return Ok(false),
        Ok(true) => return Ok(true),
        Ok(false) => {}
    }
    if !files::is_file(&full) {
        return Ok(true);
    }
    let limit = 1 << 20;
    let Ok(bytes) = files::read_bounded(&full, limit) else {
        return Ok(true);
    };
    let begun = unfinished.get(path) == Some(&Digest::of(&bytes).to_string());
    Ok(bytes != text.as_bytes() && !begun)
}

/// Writes into a folder that exists: the fleet file last, because with it the folder is a fleet.
fn fill(folder: &Path, files: &Files) -> Result<(), FileError> {
    let mark = folder.join(UNFINISHED);
    let digests: BTreeMap<&String, String> = files
        .iter()
        .map(|(path, text)| (path, Digest::of(text.as_bytes()).to_string()))
        .collect();
    files::write_atomic(&mark, format!("{:#}\n", json!(digests)).as_bytes())?;
    let (last, others): (Vec<_>, Vec<_>) = files
        .iter()
        .partition(|(path, _)| *path == starter::FLEET_PATH);
    for (path, text) in others.into_iter().chain(last) {
        files::write_atomic(&folder.join(path), text.as_bytes())?;
    }
    files::remove(&mark)
}

/// Draws the files as a tree.
fn tree(dir: &Path, files: &Files) -> String {
    let mut text = format!("{}/\n", dir.display().to_string().trim_end_matches('/'));
    let mut open: Vec<&str> = Vec::new();
    for path in files.keys() {
        let parts: Vec<&str> = path.split('/').collect();
        let Some((name, folders)) = parts.split_last() else {
            continue;
        };
        let same = open.iter().zip(folders).take_while(|(a, b)| a == b).count();
        for (depth, folder) in folders.iter().enumerate().skip(same) {
            text.push_str(&format!("{}{folder}/\n", "  ".repeat(depth + 1)));
        }
        open = folders.to_vec();
        text.push_str(&format!("{}{name}\n", "  ".repeat(folders.len() + 1)));
    }
    text
}

/// Says what to do next; each line can be pasted.
fn next(session: &mut Session<'_>, dir: &Path, name: &str) {
    let mut lines = vec!["Next:".to_owned()];
    if dir != Path::new(".") {
        lines.push(format!("  cd {}", shell_word(&dir.display().to_string())));
    }
    lines.push("  stairway plan --out plans".to_owned());
    lines.push(format!("  stairway rehearse {name}"));
    lines.push(format!("  stairway apply {name}"));
    lines.push(format!(
        "`stairway apply {name} --approve` does it, on the embedded world; README.md goes on from there"
    ));
    lines.iter().for_each(|line| session.terminal.say(line));
}

/// Quotes a word for a shell where it needs that.
fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
    if !word.is_empty() && word.chars().all(plain) && !word.starts_with('-') {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
