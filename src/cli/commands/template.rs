//! `stairway template`

use super::init_cluster::{Ground, check_minor, pairs};
use crate::cli::args::{
    CiName, RbacRole, TemplateArgs, TemplateCiArgs, TemplateCommand, TemplateDiffArgs,
};
use crate::cli::error::CliError;
use crate::cli::exit_code;
use crate::cli::session::Session;
use crate::files;
use crate::overlay::patch_place;
use crate::propose::Texts;
use crate::serve;
use crate::starter::CiHost;
use crate::template::{Answers, GeneratedRecord, TEMPLATE_BYTES_MAX, Template, plain, revision_of};
use serde_json::Value;
use stairway_core::diff::merge::{Collision, merge};
use stairway_core::diff::text::patch;
use stairway_core::model::Digest;

/// Lines of a collision that are shown of each side.
const SHOWN_LINES: usize = 6;

/// Shows what regenerating a config would change, or prints roles or workflows.
///
/// # Errors
/// The config was not generated, or its template cannot be read.
pub(crate) fn run(session: &mut Session<'_>, request: &TemplateArgs) -> Result<u8, CliError> {
    let request = match &request.command {
        TemplateCommand::Diff(request) => request,
        TemplateCommand::Rbac(asked) => {
            let text = match asked.role {
                RbacRole::Plan => serve::PLAN_ROLE,
                RbacRole::Apply => serve::APPLY_ROLE,
            };
            session.terminal.data(text)?;
            return Ok(exit_code::DONE);
        }
        TemplateCommand::Ci(asked) => return workflows(session, asked),
    };
    let ground = Ground::find(session, request.fleet.as_deref())?;
    let names = match &request.cluster {
        Some(name) => vec![name.clone()],
        None => GeneratedRecord::all(&ground.folder)?,
    };
    if names.is_empty() {
        session
            .terminal
            .say("No config here was generated from a template");
    }
    let mut changed = false;
    let mut failed = false;
    for name in &names {
        match refresh(session, request, &ground, name) {
            Ok(fresh) => {
                changed |= !fresh.patch.is_empty() || fresh.collides;
                session.terminal.data(&fresh.patch)?;
                fresh
                    .said
                    .iter()
                    .for_each(|line| session.terminal.say(line));
            }
            Err(error) if request.all => {
                failed = true;
                error.print(session.terminal);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(match (failed, changed && request.exit_code) {
        (true, _) => exit_code::ERROR,
        (false, true) => exit_code::CHANGES,
        (false, false) => exit_code::DONE,
    })
}

/// Prints a workflow, or the patch that adds those that the repository does not have.
///
/// # Errors
/// No file of this name is among them.
fn workflows(session: &mut Session<'_>, request: &TemplateCiArgs) -> Result<u8, CliError> {
    let host = match request.host {
        CiName::Github => CiHost::Github,
        CiName::Gitlab => CiHost::Gitlab,
    };
    let files = host.files();
    if let Some(asked) = &request.file {
        let named = |path: &str| path == asked || path.rsplit('/').next() == Some(asked.as_str());
        let found = files.iter().find(|(path, _)| named(path));
        let (_, text) = found.ok_or_else(|| {
            let known: Vec<&str> = files.iter().map(|(path, _)| *path).collect();
            CliError::usage(format!(
                "There is no `{asked}` among the files for {}",
                host.word()
            ))
            .hint(format!("one of {}", known.join(", ")))
        })?;
        session.terminal.data(text)?;
        return Ok(exit_code::DONE);
    }
    let cwd = &session.ambient.cwd;
    let top = files::repository_top(cwd).unwrap_or_else(|| cwd.clone());
    let mut made = 0;
    for (path, text) in files {
        let full = top.join(path);
        if files::is_link(&full).is_err() {
            session.terminal.data(&patch(None, text, path))?;
            made += 1;
            continue;
        }
        let same = files::read_text(&full, TEMPLATE_BYTES_MAX).is_ok_and(|there| there == text);
        if !same {
            session.terminal.warn(&format!(
                "`{path}` is there already, is not this one, and stays as it is; to compare: `stairway template ci {} {path} | diff - {path}`",
                host.word()
            ));
        }
    }
    session.terminal.flush()?;
    session.terminal.say(&match made {
        0 => "The repository has all of them".to_owned(),
        count => format!(
            "{count} files, for `git apply` at the top of the repository; .stairway/ci/README.md says what to set up"
        ),
    });
    Ok(exit_code::DONE)
}

/// What regenerating gives.
struct Fresh {
    patch: String,
    said: Vec<String>,
    collides: bool,
}

fn refresh(
    session: &Session<'_>,
    request: &TemplateDiffArgs,
    ground: &Ground,
    name: &str,
) -> Result<Fresh, CliError> {
    let (record, base) = GeneratedRecord::read(&ground.folder, name)?;
    let template_name = match &request.template {
        Some(path) => ground.inner(&session.ambient.cwd.join(path))?,
        None => record.template.clone(),
    };
    let text = ground.template(&template_name)?;
    let template = Template::read(&text, &template_name)?;
    let mut said = Vec::new();
    let answers = answers(session, &record, request, &template, name, &mut said)?;
    let theirs = template.generate(&template.complete(answers.clone())?);
    let config = ground.folder.join(&record.config);
    ground.inner(&config)?;
    let ours = files::read_text(&config, TEMPLATE_BYTES_MAX)?;
    let mut merged = merge(&base, &ours, &theirs);
    if request.keep_mine {
        merged.base.clone_from(&theirs);
        merged.collisions.clear();
    }
    for collision in &merged.collisions {
        said.push(collision_words(&record.config, collision));
    }
    let moved =
        merged.base != base || answers != record.answers || template_name != record.template;
    let mut fresh = Fresh {
        patch: String::new(),
        said,
        collides: !merged.collisions.is_empty(),
    };
    if !moved && merged.text == ours {
        if !fresh.collides {
            fresh.said.push(format!("{name}: no change"));
        }
        return Ok(fresh);
    }
    let consequence = consequence(ground, &record.config, &ours, &merged.text)?;
    let template_digest = Digest::of(text.as_bytes());
    let next = GeneratedRecord {
        template_digest: template_digest.to_string(),
        git_revision: revision_of(&ground.folder, &template_name, &template_digest),
        template: template_name,
        tool: format!("stairway {}", env!("CARGO_PKG_VERSION")),
        answers,
        base_digest: Digest::of(merged.base.as_bytes()).to_string(),
        ..record.clone()
    };
    let (record_name, base_name) = GeneratedRecord::names(name);
    let record_now = files::read_text(&ground.folder.join(&record_name), TEMPLATE_BYTES_MAX)?;
    for (path, before, after) in [
        (&record.config, &ours, &merged.text),
        (&base_name, &base, &merged.base),
        (&record_name, &record_now, &next.text()),
    ] {
        let (_, shown) = patch_place(&ground.folder.join(path), &session.ambient.cwd);
        fresh.patch.push_str(&patch(Some(before), after, &shown));
    }
    fresh.said.push(format!("{name}: {consequence}"));
    Ok(fresh)
}

/// Takes the recorded answers, those of the command line over them, and drops what is not asked any more.
fn answers(
    session: &Session<'_>,
    record: &GeneratedRecord,
    request: &TemplateDiffArgs,
    template: &Template,
    name: &str,
    said: &mut Vec<String>,
) -> Result<Answers, CliError> {
    let mut answers = Answers::new();
    for (key, value) in &record.answers {
        match template.parameter(key) {
            Ok(parameter) => {
                answers.insert(key.clone(), parameter.answer(&plain(value))?);
            }
            Err(_) => said.push(format!(
                "{name}: the template does not ask for `{key}` any more; the answer was `{}`",
                plain(value)
            )),
        }
    }
    for (key, typed) in pairs(&request.answer)? {
        let parameter = template.parameter(&key)?;
        let answer = parameter.answer(&typed)?;
        check_minor(session, parameter, &answer)?;
        answers.insert(key, answer);
    }
    Ok(answers)
}

fn collision_words(config: &str, collision: &Collision) -> String {
    let Collision {
        line,
        base: _,
        ours,
        theirs,
    } = collision;
    let side = |text: &str| {
        let lines: Vec<&str> = text.lines().collect();
        let mut shown: Vec<String> = lines
            .iter()
            .take(SHOWN_LINES)
            .map(|line| format!("    {line}"))
            .collect();
        if lines.len() > SHOWN_LINES {
            shown.push(format!("    … {} lines more", lines.len() - SHOWN_LINES));
        }
        if shown.is_empty() {
            shown.push("    (nothing)".to_owned());
        }
        shown.join("\n")
    };
    format!(
        "{config}:{line}: collision: both the template and somebody by hand changed these lines; the config keeps\n{}\n  the template has\n{}\n  Edit the config, or keep it as it is with `--keep-mine`",
        side(ours),
        side(theirs)
    )
}

/// Says how many values of the rendered config change.
///
/// # Errors
/// The new text does not render: nobody should apply such a patch.
fn consequence(ground: &Ground, config: &str, ours: &str, new: &str) -> Result<String, CliError> {
    if ours == new {
        return Ok("the config stays as it is; only the record moves on".to_owned());
    }
    let overlay = ground.overlay(config)?;
    let with = |text: &str| Texts::from([(ground.below_root(config), text.to_owned())]);
    let mut rendered = overlay.render(&[with(ours), with(new)]).into_iter();
    let (before, after) = (rendered.next().flatten(), rendered.next().flatten());
    let Some(after) = after else {
        let error = overlay.try_render(&with(new)).err();
        let why = error.map_or_else(String::new, |error| format!(": {}", error.message));
        let already = if before.is_some() {
            ""
        } else {
            ", and does not now either"
        };
        return Err(CliError::user(format!(
            "Regenerating `{config}` failed, and no patch is printed: with it the config does not render{already}{why}"
        ))
        .hint(format!("mend the template, or what was edited by hand: `stairway render {config}`")));
    };
    Ok(match before {
        Some(before) => {
            let count = changed_values(&Value::from(before), &Value::from(after));
            match count {
                0 => "the rendered config stays as it is".to_owned(),
                1 => "1 value of the rendered config changes".to_owned(),
                count => format!("{count} values of the rendered config change"),
            }
        }
        None => "the config renders again".to_owned(),
    })
}

/// Counts the scalars that differ, those that are only on one side too.
fn changed_values(old: &Value, new: &Value) -> usize {
    match (old, new) {
        (Value::Object(one), Value::Object(other)) => {
            let null = Value::Null;
            let keys = one
                .keys()
                .chain(other.keys().filter(|key| !one.contains_key(*key)));
            keys.map(|key| {
                changed_values(
                    one.get(key).unwrap_or(&null),
                    other.get(key).unwrap_or(&null),
                )
            })
            .sum()
        }
        (Value::Array(one), Value::Array(other)) => {
            let longest = one.len().max(other.len());
            let null = Value::Null;
            (0..longest)
                .map(|i| changed_values(one.get(i).unwrap_or(&null), other.get(i).unwrap_or(&null)))
                .sum()
        }
        (Value::Object(one), _) if new.is_null() => one.len().max(1),
        (_, Value::Object(other)) if old.is_null() => other.len().max(1),
        (old, new) => usize::from(old != new),
    }
}
