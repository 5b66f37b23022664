//! `stairway drift`

mod files;
mod past;
mod runs;

#[cfg(test)]
mod tests;

use crate::cli::ambient::Ambient;
use crate::cli::args::DriftFormat;
use crate::cli::error::CliError;
use crate::cli::exit_code;
use crate::cli::request::{DriftKeep, DriftRequest};
use crate::cli::session::{Session, Tour, Toured};
use crate::files as disk;
use crate::pipeline::Loaded;
use crate::store;
use crate::vcs::{self, Branch, Change, Committed, Message, Tip, VcsError};
use files::{Before, Composed, Findings, Looked, compose};
use past::{Base, Historian};
use runs::{Runs, runs_of};
use stairway_core::catalog::Catalog;
use stairway_core::diff::compare;
use stairway_core::drift::wire::{DRIFT_FORMAT, DriftSet, SET_KIND};
use stairway_core::drift::{Fresh, Known, READ_BYTES_MAX, judge, seen};
use stairway_core::model::Timestamp;
use stairway_core::model::clusterconfig::{Config, Desired};
use stairway_core::plan::wire::ClusterError;
use stairway_core::report::{drift_markdown, drift_table};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The folder of the reports on their branch.
const FOLDER: &str = "drift";
/// Why a cluster was not compared whose config is at fault, in the words of its report.
const NOT_RENDERED: &str = "its config cannot be read";

/// Compares live with git, and keeps the reports where they are asked for.
///
/// # Errors
/// Nothing could be selected, or the reports cannot be written.
pub(crate) fn run(session: &mut Session<'_>, request: &DriftRequest) -> Result<u8, CliError> {
    let (findings, toured) = look(session, request)?;
    let place = Place::of(session, request);
    let mut composed = Composed::default();
    let kept = place.keep(session, request, &findings, &mut composed);
    let blind = findings.blind();
    let set = set_of(&mut composed, &toured, blind);
    print(session, request, &set)?;
    let said = kept?;
    session.terminal.say(&said);
    Ok(if request.detailed_exitcode {
        set.exit
    } else {
        exit_code::strongest(codes(&set, &toured, blind))
    })
}

/// Reads and compares every cluster.
fn look(session: &mut Session<'_>, request: &DriftRequest) -> Result<(Findings, Toured), CliError> {
    let tour = Tour {
        work: &request.work,
        verb: "Comparing",
        live: true,
        at: request.at,
    };
    let catalog = session.catalog;
    let scope = &request.work.scope;
    let historian = Historian::new(catalog, scope.worker.clone());
    let mut looked = Vec::new();
    let each = |loaded: &Loaded| fresh(loaded, request, &historian, catalog);
    let toured = session.tour_set(&tour, &each, &mut |_, fresh| {
        looked.push(Looked::Fresh(Box::new(fresh)));
        Ok(())
    })?;
    for error in &toured.errors {
        let why = toured.unread.get(&error.name).copied();
        let known = Known {
            cluster: error.name.clone(),
            config: String::new(),
            owner: None,
            at: request.at.unwrap_or(session.ambient.now),
            journal: BTreeMap::new(),
        };
        let why = why.unwrap_or(NOT_RENDERED).to_owned();
        looked.push(Looked::Failed(known, why));
    }
    let whole = scope.subjects.is_empty() && toured.partial.is_none();
    Ok((Findings { looked, whole }, toured))
}

/// Compares one cluster, and asks git who moved.
fn fresh(
    loaded: &Loaded,
    request: &DriftRequest,
    historian: &Historian<'_>,
    catalog: &Catalog,
) -> Result<Fresh, ClusterError> {
    let desired = eks(loaded)?;
    let Some(live) = &loaded.live else {
        return Err(ClusterError {
            name: loaded.name.clone(),
            error: "The live side was not read".to_owned(),
            hint: None,
        });
    };
    let who = (
        loaded.name.as_str(),
        loaded.inputs.decided_at.unwrap_or(loaded.at),
    );
    let observed = &live.observation;
    let differences = compare(desired, observed, &loaded.settings, catalog, who);
    let seen = seen(&differences, observed, &loaded.settings, catalog, who);
    let quiet = seen.found.is_empty() && seen.under_way.is_empty();
    let runs = if quiet {
        Runs::default()
    } else {
        runs_of(&request.plans, &loaded.name)
    };
    let base = match &request.base {
        Some(revision) => given(loaded, revision)?,
        None => runs.base,
    };
    let (mut verdicts, mut last_author) = (Vec::new(), None);
    if !seen.found.is_empty() {
        let past = historian.past(loaded, &base);
        verdicts.extend(
            seen.found
                .iter()
                .map(|found| judge(found, &past.states, &past.horizon)),
        );
        last_author = past.last_author;
    }
    Ok(Fresh {
        known: Known {
            cluster: loaded.name.clone(),
            config: loaded.inputs.config.clone(),
            owner: loaded.origin.owner.clone(),
            at: loaded.at,
            journal: runs.tainted,
        },
        seen,
        verdicts,
        last_author,
    })
}

fn eks(loaded: &Loaded) -> Result<&Desired, ClusterError> {
    match &loaded.config {
        Config::Eks(desired) => Ok(desired),
        Config::EksAnywhere(_) => Err(ClusterError {
            name: loaded.name.clone(),
            error: format!(
                "`{}` is an EKS Anywhere cluster, and this build does not compare those yet",
                loaded.name
            ),
            hint: Some(format!("leave it out with `--exclude {}`", loaded.name)),
        }),
    }
}

/// Returns the base that was given, as the repository of the config knows it.
fn given(loaded: &Loaded, revision: &str) -> Result<Base, ClusterError> {
    let failed = |error: String, hint: Option<String>| ClusterError {
        name: loaded.name.clone(),
        error,
        hint,
    };
    let Some(top) = disk::repository_top(&loaded.origin.root) else {
        let error =
            format!("`--base {revision}` is a revision, and the config is not in a git repository");
        return Err(failed(error, None));
    };
    vcs::resolve(&top, revision)
        .map(Base::Given)
        .map_err(|error| failed(error.to_string(), error.hint()))
}

/// Where the reports are.
struct Place {
    /// The top of the repository of the fleet; none outside of any.
    top: Option<PathBuf>,
}

impl Place {
    fn of(session: &Session<'_>, request: &DriftRequest) -> Self {
        let scope = &request.work.scope;
        let folder = match &scope.fleet {
            Some(fleet) => disk::parent_of(&session.ambient.cwd.join(scope.place(fleet))),
            None => session.ambient.cwd.clone(),
        };
        Self {
            top: disk::repository_top(&folder),
        }
    }

    /// Compares with the last reports and writes the new ones; returns what became of them.
    fn keep(
        &self,
        session: &Session<'_>,
        request: &DriftRequest,
        findings: &Findings,
        composed: &mut Composed,
    ) -> Result<String, CliError> {
        match &request.keep {
            DriftKeep::Nowhere => {
                let (before, shown) = self.last(session, request)?;
                *composed = compose(findings, &before, &shown);
                Ok(if before.is_empty() {
                    "There is no earlier report: `--out DIR` or `--commit` keeps this one"
                        .to_owned()
                } else {
                    format!("Compared with the reports in {shown}")
                })
            }
            DriftKeep::Folder(folder) => {
                let shown = folder.strip_prefix(&session.ambient.cwd).unwrap_or(folder);
                let shown = shown.display().to_string();
                *composed = compose(findings, &in_folder(folder)?, &shown);
                write(folder, &shown, composed)
            }
            DriftKeep::Branch(remote) => {
                let at = request.at.unwrap_or(session.ambient.now);
                self.commit(request, (remote.as_deref(), at), findings, composed)
            }
        }
    }

    /// Returns the last reports: those of the branch, else those in `drift/` here.
    fn last(
        &self,
        session: &Session<'_>,
        request: &DriftRequest,
    ) -> Result<(Before, String), CliError> {
        if let Some(top) = &self.top {
            let git = Ambient::git();
            let branch = Branch::of(&git, top, &request.branch, Some(&request.remote))?;
            let found: Result<Option<Before>, VcsError> = branch.look(|tip| match tip.id() {
                Some(_) => in_tip(tip).map(Some),
                None => Ok(None),
            });
            if let Ok(Some(before)) = found {
                return Ok((before, format!("{}:{FOLDER}", request.branch)));
            }
        }
        let before = in_folder(&session.ambient.cwd.join(FOLDER))?;
        Ok((before, FOLDER.to_owned()))
    }

    fn commit(
        &self,
        request: &DriftRequest,
        (remote, at): (Option<&str>, Timestamp),
        findings: &Findings,
        composed: &mut Composed,
    ) -> Result<String, CliError> {
        let name = &request.branch;
        let Some(top) = &self.top else {
            *composed = compose(findings, &Before::new(), FOLDER);
            return Err(CliError::user(format!(
                "Committing the reports to the branch `{name}` failed: this is no git repository"
            ))
            .hint("run it in a clone, or keep the reports in a folder with `--out drift`"));
        };
        let git = Ambient::git();
        let branch = Branch::of(&git, top, name, Some(&request.remote))?;
        let revision = vcs::resolve(top, "HEAD").ok();
        let shown = format!("{name}:{FOLDER}");
        let mut make = |tip: &Tip<'_>| -> Result<Option<Change>, VcsError> {
            *composed = compose(findings, &in_tip(tip)?, &shown);
            if composed.entries.is_empty() {
                return Ok(None);
            }
            Ok(Some(change_of(composed, revision.as_deref())))
        };
        let (committed, pushed) = match remote {
            Some(_) => {
                let published = branch.publish(at, &mut make)?;
                (published.committed, published.pushed)
            }
            None => (branch.commit(at, &mut make)?, false),
        };
        let to = match (remote, pushed) {
            (Some(remote), true) => format!(" and pushed it to `{remote}`"),
            (Some(_) | None, _) => String::new(),
        };
        Ok(match committed {
            Committed::New { commit, .. } => {
                let short = commit.get(..COMMIT_DIGITS).unwrap_or(&commit);
                format!("Committed {short} to the branch `{name}`{to}")
            }
            Committed::Same { .. } if pushed => {
                format!("No report has changed: no commit; the branch `{name}` was pushed as it is")
            }
            Committed::Same { .. } => {
                format!("No report has changed: no commit to the branch `{name}`")
            }
        })
    }
}

/// As git shows them where ten are enough.
const COMMIT_DIGITS: usize = 10;

fn change_of(composed: &Composed, revision: Option<&str>) -> Change {
    let (subject, body) = composed.message();
    let summary = &composed.summary;
    let mut trailers = vec![
        ("Drift-New".to_owned(), summary.new.to_string()),
        ("Drift-Known".to_owned(), summary.known.to_string()),
        ("Drift-Resolved".to_owned(), summary.resolved.to_string()),
        ("Drift-Unapplied".to_owned(), summary.unapplied.to_string()),
    ];
    trailers.extend(revision.map(|hash| ("Config-Revision".to_owned(), hash.to_owned())));
    let entries = composed.entries.iter();
    Change {
        entries: entries
            .map(|(file, bytes)| (format!("{FOLDER}/{file}"), bytes.clone()))
            .collect(),
        message: Message {
            subject,
            body,
            trailers,
        },
    }
}

fn in_tip(tip: &Tip<'_>) -> Result<Before, VcsError> {
    let mut before = Before::new();
    for path in tip.list(FOLDER)? {
        let Some(file) = path.strip_prefix(&format!("{FOLDER}/")) else {
            continue;
        };
        if !files::is_ours(file) {
            continue;
        }
        let read = match tip.read(&path) {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => continue,
            Err(error) => Err(error.to_string()),
        };
        before.insert(file.to_owned(), read);
    }
    Ok(before)
}

fn in_folder(folder: &Path) -> Result<Before, CliError> {
    let mut before = Before::new();
    if !disk::is_dir(folder) {
        return Ok(before);
    }
    let limit = u64::try_from(READ_BYTES_MAX).unwrap_or(u64::MAX);
    for file in disk::list_dir(folder)? {
        let path = folder.join(&file);
        if files::is_ours(&file) && disk::is_file(&path) {
            let read = disk::read_bounded(&path, limit).map_err(|error| error.to_string());
            before.insert(file, read);
        }
    }
    Ok(before)
}

fn write(folder: &Path, shown: &str, composed: &Composed) -> Result<String, CliError> {
    for (file, bytes) in &composed.entries {
        let path = folder.join(file);
        match bytes {
            Some(bytes) => disk::write_report(&path, bytes)?,
            None => disk::remove(&path)?,
        }
    }
    Ok(match composed.entries.len() {
        0 => format!("No report in {shown} has changed"),
        1 => format!("Wrote 1 file in {shown}"),
        files => format!("Wrote {files} files in {shown}"),
    })
}

impl Findings {
    /// Returns true when a whole list of facts of some cluster was not read.
    fn blind(&self) -> bool {
        self.looked.iter().any(|looked| match looked {
            Looked::Fresh(fresh) => fresh.seen.blind,
            Looked::Failed(..) => false,
        })
    }
}

fn set_of(composed: &mut Composed, toured: &Toured, blind: bool) -> DriftSet {
    let mut errors = toured.errors.clone();
    errors.append(&mut composed.refused);
    errors.sort_by(|a, b| (&a.name, &a.error).cmp(&(&b.name, &b.error)));
    let mut set = DriftSet {
        format_version: DRIFT_FORMAT,
        kind: SET_KIND.to_owned(),
        clusters: std::mem::take(&mut composed.clusters),
        errors,
        partial: toured.partial.clone(),
        summary: composed.summary.clone(),
        exit: exit_code::DONE,
    };
    let mut all = codes(&set, toured, blind);
    if set.summary.new > 0 {
        all.push(exit_code::CHANGES);
    }
    set.exit = exit_code::strongest(all);
    set
}

/// The codes that need no option: what was not compared is never a silent success.
fn codes(set: &DriftSet, toured: &Toured, blind: bool) -> Vec<u8> {
    let unread = &toured.unread;
    let failed = set
        .errors
        .iter()
        .any(|error| !unread.contains_key(&error.name));
    let lost = set
        .clusters
        .iter()
        .any(|cluster| cluster.report.items.iter().any(|item| item.unread));
    [
        (failed, exit_code::ERROR),
        (set.summary.lapsed > 0, exit_code::BLOCKED),
        (blind || lost || !unread.is_empty(), exit_code::INCOMPLETE),
    ]
    .into_iter()
    .filter_map(|(holds, code)| holds.then_some(code))
    .collect()
}

/// A table and Markdown name the clusters that were not compared; else they are told on stderr.
fn print(
    session: &mut Session<'_>,
    request: &DriftRequest,
    set: &DriftSet,
) -> Result<(), CliError> {
    match request.format {
        DriftFormat::Table => {
            let text = drift_table(set, &session.look());
            session.terminal.data(&text)?;
        }
        DriftFormat::Markdown => session.terminal.data(&drift_markdown(set))?,
        DriftFormat::Json => {
            session.terminal.bytes(&store::json_line(set))?;
            session.fail(set.errors.clone());
        }
    }
    Ok(())
}
