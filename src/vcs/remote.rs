//! Remotes, by the user's own git: their credentials, their ssh, their proxies.
//!
//! A push moves the remote's branch only from the commit that we built upon
//! (`--force-with-lease=BRANCH:EXPECTED` as compare-and-swap), and only forward: nothing of anybody is
//! ever overwritten.

use super::settings::Settings;
use super::write::{Branch, Change, Committed, TRIES_MAX, Tip};
use super::{VcsError, open};
use git2::{ErrorCode, Oid, Repository};
use stairway_core::model::Timestamp;
use std::time::Duration;

/// A push of a few kilobytes through the slowest proxy; a remote that hangs is one that is not there.
const NETWORK_AT_MOST: Duration = Duration::from_secs(120);
/// Two fetches of one clone lock the same ref for moments.
const BUSY_LOOK: Duration = Duration::from_millis(25);
/// Two seconds.
const BUSY_LOOKS_MAX: u32 = 80;
/// A terminal shows two lines of this.
const WHY_CHARS_MAX: usize = 300;
/// What git and its servers say when somebody else holds a ref's lock right now.
const BUSY: [&str; 4] = [
    "cannot lock ref",
    "failed to update ref",
    "unable to update local ref",
    "incorrect old value provided",
];

/// What became of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// The remote has it.
    Done,
    /// The remote's branch is at another commit than expected, or is gone.
    Moved(Option<String>),
}

/// What became of a commit that the remote was to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// What was committed.
    pub committed: Committed,
    /// True when something was sent.
    pub pushed: bool,
}

impl Branch<'_> {
    /// Returns true when the repository knows the remote.
    ///
    /// # Errors
    /// There is no repository.
    pub fn has_remote(&self) -> Result<bool, VcsError> {
        let repository = open(&self.top)?;
        Ok(self
            .remote
            .as_deref()
            .is_some_and(|name| repository.find_remote(name).is_ok()))
    }

    /// Fetches the branch and returns its newest commit there; none when the remote has no such branch.
    ///
    /// # Errors
    /// There is no such remote, or it gave no answer.
    pub fn fetch(&self) -> Result<Option<String>, VcsError> {
        let repository = open(&self.top)?;
        let settings = self.git.settings(&self.top)?;
        let found = self.fetched(&repository, &settings)?;
        Ok(found.map(|id| id.to_string()))
    }

    /// Moves the remote's branch from `expected` (none: it must not be there) to a commit that follows on it.
    ///
    /// # Errors
    /// The commit does not follow on what is expected; there is no such remote, it gave no answer, or
    /// it refused.
    pub fn push(&self, commit: &str, expected: Option<&str>) -> Result<Pushed, VcsError> {
        let repository = open(&self.top)?;
        let settings = self.git.settings(&self.top)?;
        let parse = |text: &str| {
            Oid::from_str(text).map_err(|error| self.failed("Pushing a commit of", &error))
        };
        let expected = expected.map(parse).transpose()?;
        self.sent(&repository, &settings, parse(commit)?, expected)
    }

    /// Makes a commit of what `make` returns and publishes it: fetches, builds upon the remote's branch,
    /// pushes, and begins again when somebody else was faster. The branch here follows once the remote has
    /// the commit; where the push fails, nothing has moved.
    ///
    /// # Errors
    /// As [`Branch::commit`] and [`Branch::push`]; and the branch here has commits that neither the remote
    /// has nor follow on what it has.
    pub fn publish<E: From<VcsError>>(
        &self,
        at: Timestamp,
        make: &mut dyn FnMut(&Tip<'_>) -> Result<Option<Change>, E>,
    ) -> Result<Published, E> {
        self.publish_from(at, false, make)
    }

    /// As [`Branch::publish`], beginning with what was last seen of the remote instead of a fetch: for one
    /// commit after another.
    ///
    /// # Errors
    /// As [`Branch::publish`].
    pub fn publish_next<E: From<VcsError>>(
        &self,
        at: Timestamp,
        make: &mut dyn FnMut(&Tip<'_>) -> Result<Option<Change>, E>,
    ) -> Result<Published, E> {
        self.publish_from(at, true, make)
    }

    fn publish_from<E: From<VcsError>>(
        &self,
        at: Timestamp,
        seen: bool,
        make: &mut dyn FnMut(&Tip<'_>) -> Result<Option<Change>, E>,
    ) -> Result<Published, E> {
        let repository = open(&self.top)?;
        self.is_free(&repository)?;
        let settings = self.git.settings(&self.top)?;
        let mut known = seen;
        for _ in 0..TRIES_MAX {
            let there = if known {
                self.tracked(&repository)?
            } else {
                self.fetched(&repository, &settings)?
            };
            known = false;
            let base = self.base(&repository, there)?;
            let made = self.made(&repository, &settings, at, base, make)?;
            let Some(new) = made.or(base) else {
                return Ok(Published {
                    committed: Committed::Same { tip: None },
                    pushed: false,
                });
            };
            let pushed = Some(new) != there;
            if pushed {
                match self.sent(&repository, &settings, new, there)? {
                    Pushed::Done => {}
                    Pushed::Moved(_) => continue,
                }
            }
            self.follow(&repository, &settings, at, new)?;
            let text = |id: Oid| id.to_string();
            let committed = match made {
                Some(new) => Committed::New {
                    commit: new.to_string(),
                    parent: base.map(text),
                },
                None => Committed::Same {
                    tip: base.map(text),
                },
            };
            return Ok(Published { committed, pushed });
        }
        Err(self.raced().into())
    }

    /// Returns what a new commit is made upon: the newer one of here and there.
    pub(super) fn base(
        &self,
        repository: &Repository,
        there: Option<Oid>,
    ) -> Result<Option<Oid>, VcsError> {
        let here = self.local(repository)?;
        let (Some(ours), Some(theirs)) = (here, there) else {
            return Ok(here.or(there));
        };
        if self.follows(repository, ours, theirs)? {
            return Ok(Some(ours));
        }
        if self.follows(repository, theirs, ours)? {
            return Ok(Some(theirs));
        }
        let (ahead, behind) = repository
            .graph_ahead_behind(ours, theirs)
            .map_err(|error| self.failed("Comparing", &error))?;
        Err(VcsError::Diverged {
            branch: self.name.clone(),
            remote: self.remote.clone().unwrap_or_default(),
            ours: ahead,
            theirs: behind,
        })
    }

    /// Moves the branch here to a commit that the remote has now, unless it is further already.
    fn follow(
        &self,
        repository: &Repository,
        settings: &Settings,
        at: Timestamp,
        new: Oid,
    ) -> Result<(), VcsError> {
        for _ in 0..TRIES_MAX {
            let here = self.local(repository)?;
            let is_behind = match here {
                None => true,
                Some(here) => here != new && self.follows(repository, new, here)?,
            };
            // Commits that were made here meanwhile stay; the next push tells of them.
            if !is_behind || self.point(repository, settings, at, here, new)? {
                return Ok(());
            }
        }
        Err(self.raced())
    }

    /// Returns true when `new` is `old` or follows on it.
    fn follows(&self, repository: &Repository, new: Oid, old: Oid) -> Result<bool, VcsError> {
        if new == old {
            return Ok(true);
        }
        match repository.graph_descendant_of(new, old) {
            Ok(follows) => Ok(follows),
            // A commit that is not here is not what ours follow on.
            Err(error) if error.code() == ErrorCode::NotFound => Ok(false),
            Err(error) => Err(self.failed("Comparing", &error)),
        }
    }

    fn known_remote(&self, repository: &Repository) -> Result<String, VcsError> {
        let attempt = || format!("Finding the remote of the branch `{}`", self.name);
        let remote = self.remote.clone().ok_or_else(|| VcsError::Remote {
            attempt: attempt(),
            why: "none was named".to_owned(),
            hint: "name it with `--remote NAME`".to_owned(),
        })?;
        repository
            .find_remote(&remote)
            .map_err(|_| VcsError::Remote {
                attempt: attempt(),
                why: format!("this repository has no remote `{remote}`"),
                hint: format!("`git remote add {remote} URL`; `git remote` lists them"),
            })?;
        Ok(remote)
    }

    fn env(settings: &Settings) -> Vec<(String, String)> {
        if settings.own_ssh {
            return Vec::new();
        }
        // Nobody sits there to answer.
        let batch = "ssh -oBatchMode=yes".to_owned();
        vec![("GIT_SSH_COMMAND".to_owned(), batch)]
    }

    fn fetched(
        &self,
        repository: &Repository,
        settings: &Settings,
    ) -> Result<Option<Oid>, VcsError> {
        let remote = self.known_remote(repository)?;
        let (full, name) = (self.full(), &self.name);
        let tracking = format!("refs/remotes/{remote}/{name}");
        let refspec = format!("+{full}:{tracking}");
        let argv = [
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            "--refmap=",
            &remote,
            &refspec,
        ];
        let fail = |why: String| VcsError::Remote {
            attempt: format!("Fetching the branch `{name}` from `{remote}`"),
            why,
            hint: format!("`git fetch {remote}` shows more"),
        };
        for _ in 0..BUSY_LOOKS_MAX {
            let said = self
                .git
                .call(&self.top, &argv, &Self::env(settings), NETWORK_AT_MOST)
                .map_err(&fail)?;
            if said.ok {
                return self.tracked(repository);
            }
            if said.err.contains("couldn't find remote ref") {
                // Gone there, so what was last seen of it is nothing to build upon.
                if let Ok(mut stale) = repository.find_reference(&tracking) {
                    stale
                        .delete()
                        .map_err(|error| self.failed("Forgetting the remote's", &error))?;
                }
                return Ok(None);
            }
            if !is_busy(&said.err) {
                return Err(fail(one_line(&said.err)));
            }
            std::thread::sleep(BUSY_LOOK);
        }
        Err(fail(
            "other git processes keep the branch locked".to_owned(),
        ))
    }

    fn sent(
        &self,
        repository: &Repository,
        settings: &Settings,
        commit: Oid,
        expected: Option<Oid>,
    ) -> Result<Pushed, VcsError> {
        let remote = self.known_remote(repository)?;
        let (full, name) = (self.full(), &self.name);
        let fail = |why: String| VcsError::Remote {
            attempt: format!("Pushing the branch `{name}` to `{remote}`"),
            why,
            hint: format!("`git push --dry-run {remote} {commit}:{full}` shows more"),
        };
        if let Some(expected) = expected
            && !self.follows(repository, commit, expected)?
        {
            return Err(fail(format!("{commit} does not follow on {expected}")));
        }
        let lease = expected.map(|id| id.to_string()).unwrap_or_default();
        let lease = format!("--force-with-lease={full}:{lease}");
        let refspec = format!("{commit}:{full}");
        let argv = [
            "push",
            "--porcelain",
            "--no-verify",
            "--no-follow-tags",
            "--recurse-submodules=no",
            &lease,
            &remote,
            &refspec,
        ];
        for _ in 0..BUSY_LOOKS_MAX {
            let said = self
                .git
                .call(&self.top, &argv, &Self::env(settings), NETWORK_AT_MOST)
                .map_err(&fail)?;
            let status = said.out.lines().find(|line| line.contains(&refspec));
            if said.ok && status.is_some_and(|line| !line.starts_with('!')) {
                self.remember(repository, commit)?;
                return Ok(Pushed::Done);
            }
            let Some(status) = status else {
                return Err(fail(one_line(&said.err)));
            };
            let now = self.fetched(repository, settings)?;
            if now == Some(commit) {
                // It arrived, and only the answer was lost.
                return Ok(Pushed::Done);
            }
            if now != expected {
                return Ok(Pushed::Moved(now.map(|id| id.to_string())));
            }
            if !is_busy(status) && !is_busy(&said.err) {
                return Err(fail(refusal(status, &said.err)));
            }
            std::thread::sleep(BUSY_LOOK);
        }
        Err(fail("the remote keeps the branch locked".to_owned()))
    }

    /// A clone of one branch does not keep what it pushes to another: then it is kept here.
    fn remember(&self, repository: &Repository, commit: Oid) -> Result<(), VcsError> {
        if self.tracked(repository)? == Some(commit) {
            return Ok(());
        }
        let remote = self.remote.as_deref().unwrap_or_default();
        let tracking = format!("refs/remotes/{remote}/{}", self.name);
        match repository.reference(&tracking, commit, true, "stairway: push") {
            Ok(_) => Ok(()),
            // Somebody else writes it at this moment; the next fetch tells the truth.
            Err(error) if error.code() == ErrorCode::Locked => Ok(()),
            Err(error) => Err(self.failed("Remembering the remote's", &error)),
        }
    }
}

fn is_busy(text: &str) -> bool {
    BUSY.iter().any(|words| text.contains(words))
}

/// Of a line `!\tFROM:TO\t[remote rejected] (why)`, why; with what the server said.
fn refusal(status: &str, err: &str) -> String {
    let why = status.rsplit('\t').next().unwrap_or(status);
    let said = err
        .lines()
        .filter_map(|line| line.strip_prefix("remote:"))
        .map(str::trim)
        .find(|line| !line.is_empty());
    match said {
        Some(said) => one_line(&format!("{why}: {said}")),
        None => one_line(why),
    }
}

/// Returns the first line that says something, without credentials and control characters.
pub(super) fn one_line(text: &str) -> String {
    let idle = ["hint:", "To ", "Warning: Permanently added", "warning:"];
    let line = text
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !idle.iter().any(|start| line.starts_with(start)));
    let Some(line) = line else {
        return "git gave no reason".to_owned();
    };
    let line = line.trim_start_matches("fatal: ");
    // Cut last: a cut address would keep its credentials.
    without_credentials(line)
        .chars()
        .filter(|c| !c.is_control())
        .take(WHY_CHARS_MAX)
        .collect()
}

/// Replaces what stands between `://` and `@` of an address.
fn without_credentials(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        out.push_str(before);
        out.push_str("://");
        let end = after
            .find(|c: char| c.is_whitespace() || matches!(c, '/' | '\'' | '"' | '`'))
            .unwrap_or(after.len());
        rest = match after[..end].rfind('@') {
            Some(at) => {
                out.push_str("***");
                &after[at..]
            }
            None => after,
        };
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_complains_becomes_one_line_without_credentials() {
        for (text, expected) in [
            ("", "git gave no reason"),
            (
                "fatal: unable to access 'https://ann:s3cret@git.example.org/r.git/': Could not resolve host",
                "unable to access 'https://***@git.example.org/r.git/': Could not resolve host",
            ),
            (
                "Warning: Permanently added 'x'\ngit@example.org: Permission denied (publickey).\nfatal: Could not read",
                "git@example.org: Permission denied (publickey).",
            ),
            ("hint: try\nerror: \u{1b}[31mred", "error: [31mred"),
            (
                "a https://t@x and ssh://u:p@y/z",
                "a https://***@x and ssh://***@y/z",
            ),
            ("https://x/a@b", "https://x/a@b"),
        ] {
            assert_eq!(one_line(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_refusal_of_the_server_keeps_its_words() {
        let status = "!\tabc:refs/heads/runs\t[remote rejected] (protected branch hook declined)";
        let err = "remote: \nremote: error: GH006: Protected branch update failed\nTo x";
        assert_eq!(
            refusal(status, err),
            "[remote rejected] (protected branch hook declined): error: GH006: Protected branch update failed"
        );
    }
}
