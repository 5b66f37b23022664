//! Where reports are kept: what was known is read there, and what was found is put there.

use super::files::{self, Before, Composed, Findings, compose, compose_alone};
use crate::cli::ambient::Ambient;
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::request::{DriftKeep, DriftRequest};
use crate::cli::session::Session;
use crate::files as disk;
use crate::vcs::{self, Branch, Change, Committed, Message, Tip, VcsError};
use stairway_core::drift::READ_BYTES_MAX;
use stairway_core::model::Timestamp;
use std::path::{Path, PathBuf};

/// The folder of the reports on their branch.
const FOLDER: &str = "drift";

/// Where the reports are.
pub(super) struct Place {
    /// The top of the repository of the fleet; none outside of any.
    pub(super) top: Option<PathBuf>,
}

impl Place {
    pub(super) fn of(session: &Session<'_>, request: &DriftRequest) -> Self {
        let scope = &request.work.scope;
        let folder = match &scope.fleet {
            Some(fleet) => disk::parent_of(&session.ambient.cwd.join(scope.place(fleet))),
            None => session.ambient.cwd.clone(),
        };
        Self {
            top: disk::repository_top(&folder),
        }
    }

    /// Compares with the last reports and writes the new ones. What was found is returned whatever becomes
    /// of the reports: second is what to say, or why they could not be kept.
    pub(super) fn keep(
        &self,
        session: &mut Session<'_>,
        request: &DriftRequest,
        findings: &Findings,
    ) -> (Composed, Result<String, CliError>) {
        let mut composed = None;
        let kept = self.kept(session, request, findings, &mut composed);
        // The clusters were read: an obstacle before anything was compared hides none of it.
        let composed = composed.unwrap_or_else(|| {
            let last = match &request.keep {
                DriftKeep::Folder(folder) => {
                    in_folder(folder).map(|before| (before, String::new()))
                }
                DriftKeep::Nowhere | DriftKeep::Branch(_) => self.last(session, request),
            };
            match last {
                Ok((before, shown)) => compose(findings, &before, &shown),
                Err(_) => compose_alone(findings),
            }
        });
        (composed, kept)
    }

    fn kept(
        &self,
        session: &mut Session<'_>,
        request: &DriftRequest,
        findings: &Findings,
        composed: &mut Option<Composed>,
    ) -> Result<String, CliError> {
        match &request.keep {
            DriftKeep::Nowhere => {
                let (before, shown) = match self.last(session, request) {
                    Ok(last) => last,
                    Err(error) if error.kind == ErrorKind::Usage => return Err(error),
                    Err(error) => {
                        session.terminal.warn(&error.message);
                        if let Some(hint) = &error.hint {
                            session.terminal.hint(hint);
                        }
                        *composed = Some(compose_alone(findings));
                        return Ok(
                            "The last reports cannot be read, so all drift counts as new"
                                .to_owned(),
                        );
                    }
                };
                *composed = Some(compose(findings, &before, &shown));
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
                let made = composed.insert(compose(findings, &in_folder(folder)?, &shown));
                write(folder, &shown, made)
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
            let found: Option<Before> = branch.look(|tip| match tip.id() {
                Some(_) => in_tip(tip).map(Some),
                None => Ok(None),
            })?;
            if let Some(before) = found {
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
        composed: &mut Option<Composed>,
    ) -> Result<String, CliError> {
        let name = &request.branch;
        let Some(top) = &self.top else {
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
            let made = composed.insert(compose(findings, &in_tip(tip)?, &shown));
            if made.entries.is_empty() {
                return Ok(None);
            }
            Ok(Some(change_of(made, revision.as_deref())))
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
