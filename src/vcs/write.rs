//! Commits on a branch, without touching a work tree or an index.
//!
//! # Guarantees
//! A branch moves only from the commit on which the new one was made: whoever was faster is built
//! upon, never overwritten. Everything that a change does not name stays as the branch has it.

use super::settings::{Git, Person, Settings, work_trees};
use super::tree::{self, Entries, Trees};
use super::{VcsError, broken, open};
use crate::files;
use git2::{Commit, ErrorCode, Oid, Reference, Remote, Repository, Signature, Time};
use stairway_core::model::Timestamp;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Each try in vain is a commit of somebody else: fifty of them within moments are a loop of theirs.
pub(super) const TRIES_MAX: u32 = 50;
/// A ref is locked for as long as it takes to write 41 bytes.
const LOCK_LOOK: Duration = Duration::from_millis(10);
/// Two seconds: a lock that stands longer belongs to nobody.
const LOCK_LOOKS_MAX: u32 = 200;
/// A message is an argument of `git commit-tree`, and Linux takes 128 kB for one.
const MESSAGE_BYTES_MAX: usize = 64 << 10;

/// What a commit says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// The first line.
    pub subject: String,
    /// Paragraphs below it; may be empty.
    pub body: String,
    /// `Key: value` lines at the end.
    pub trailers: Vec<(String, String)>,
}

impl Message {
    /// Returns the whole text.
    fn text(&self) -> String {
        let line = |text: &str| {
            let plain: String = text
                .chars()
                .map(|c| if c.is_control() { ' ' } else { c })
                .collect();
            plain.trim().to_owned()
        };
        let mut text = line(&self.subject);
        let body = self.body.replace('\0', "");
        if !body.trim().is_empty() {
            text = format!("{text}\n\n{}", body.trim());
        }
        let trailers: Vec<String> = self
            .trailers
            .iter()
            .map(|(key, value)| format!("{}: {}", line(key), line(value)))
            .collect();
        if !trailers.is_empty() {
            text = format!("{text}\n\n{}", trailers.join("\n"));
        }
        format!("{text}\n")
    }
}

/// What is to become of a branch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Paths from the top, with their bytes, or none for what is to be deleted.
    pub entries: Entries,
    /// What the commit says.
    pub message: Message,
}

/// What became of a branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Committed {
    /// It has a new commit.
    New {
        /// Its full hash.
        commit: String,
        /// What it was made upon; none for a first commit.
        parent: Option<String>,
    },
    /// Nothing changed, so there is no commit.
    Same {
        /// The newest commit of the branch; none when there is no branch.
        tip: Option<String>,
    },
}

/// The newest commit of a branch.
pub struct Tip<'r> {
    repository: &'r Repository,
    tree: Option<git2::Tree<'r>>,
    id: Option<Oid>,
}

impl Tip<'_> {
    /// Returns the commit's full hash; none before the first commit.
    pub fn id(&self) -> Option<String> {
        self.id.map(|id| id.to_string())
    }

    /// Returns the bytes of a regular file; none when there is none.
    ///
    /// # Errors
    /// Git's store cannot be read.
    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>, VcsError> {
        match &self.tree {
            Some(tree) => tree::read(self.repository, tree, path),
            None => Ok(None),
        }
    }

    /// Returns the regular files below a folder, or all of them for `""`, as paths from the top, sorted.
    ///
    /// # Errors
    /// Git's store cannot be read.
    pub fn list(&self, folder: &str) -> Result<Vec<String>, VcsError> {
        let found = self.files(folder)?;
        Ok(found.into_iter().map(|(path, _)| path).collect())
    }

    /// As [`Tip::list`], each with the id of its content.
    ///
    /// # Errors
    /// Git's store cannot be read.
    pub fn files(&self, folder: &str) -> Result<Vec<(String, String)>, VcsError> {
        match &self.tree {
            Some(tree) => tree::list(self.repository, tree, folder).map(in_text),
            None => Ok(Vec::new()),
        }
    }

    /// Returns the folders right below a folder, by name, each with the id of all that is in it.
    ///
    /// # Errors
    /// Git's store cannot be read.
    pub fn folders(&self, folder: &str) -> Result<Vec<(String, String)>, VcsError> {
        match &self.tree {
            Some(tree) => tree::folders(self.repository, tree, folder).map(in_text),
            None => Ok(Vec::new()),
        }
    }
}

fn in_text(found: Vec<(String, Oid)>) -> Vec<(String, String)> {
    let text = |(name, id): (String, Oid)| (name, id.to_string());
    found.into_iter().map(text).collect()
}

/// One branch to write to.
#[derive(Clone, Debug)]
pub struct Branch<'g> {
    pub(super) git: &'g Git,
    pub(super) top: PathBuf,
    pub(super) name: String,
    pub(super) remote: Option<String>,
}

impl<'g> Branch<'g> {
    /// Returns a branch of the repository at `top`, which need not exist yet, and a remote on which it is
    /// published.
    ///
    /// # Errors
    /// Git would not take one of the names.
    pub fn of(
        git: &'g Git,
        top: &Path,
        name: &str,
        remote: Option<&str>,
    ) -> Result<Self, VcsError> {
        let bad = |what: &str, name: &str| VcsError::BadName {
            attempt: format!("Naming the {what} `{}`", name.escape_debug()),
            why: format!("git takes no {what} of that name"),
        };
        let full = format!("refs/heads/{name}");
        if name.starts_with('-') || name == "HEAD" || !Reference::is_valid_name(&full) {
            return Err(bad("branch", name));
        }
        if let Some(remote) = remote
            && (remote.starts_with('-') || !Remote::is_valid_name(remote))
        {
            return Err(bad("remote", remote));
        }
        Ok(Self {
            git,
            top: top.to_path_buf(),
            name: name.to_owned(),
            remote: remote.map(str::to_owned),
        })
    }

    /// Returns the branch's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns its remote.
    pub fn remote(&self) -> Option<&str> {
        self.remote.as_deref()
    }

    /// Looks at the branch: the newer one of what is here and what was last fetched of its remote.
    ///
    /// # Errors
    /// Both have commits that the other does not have; git's store cannot be read; or `look` failed.
    pub fn look<T, E: From<VcsError>>(
        &self,
        look: impl FnOnce(&Tip<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let repository = open(&self.top)?;
        let there = self.tracked(&repository)?;
        let id = self.base(&repository, there)?;
        look(&self.tip(&repository, id)?)
    }

    /// Looks at a commit of the branch, by its full hash.
    ///
    /// # Errors
    /// There is no such commit, git's store cannot be read, or `look` failed.
    pub fn look_at<T, E: From<VcsError>>(
        &self,
        commit: &str,
        look: impl FnOnce(&Tip<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let repository = open(&self.top)?;
        let id = Oid::from_str(commit).map_err(|error| self.failed("Reading", &error))?;
        look(&self.tip(&repository, Some(id))?)
    }

    /// Makes a commit on the branch of what `make` returns for its tip, and moves the branch to it. When
    /// somebody else moves it in between, `make` is asked again on theirs. Where `make` returns nothing,
    /// or what is there already, nothing is done.
    ///
    /// The first commit of a branch that the remote has follows on what was last fetched of it.
    ///
    /// # Errors
    /// A work tree has the branch checked out; a path cannot be written; the commit cannot be signed; the
    /// branch is locked, or others move it all the time; `make` failed.
    pub fn commit<E: From<VcsError>>(
        &self,
        at: Timestamp,
        make: &mut dyn FnMut(&Tip<'_>) -> Result<Option<Change>, E>,
    ) -> Result<Committed, E> {
        let repository = open(&self.top)?;
        self.is_free(&repository)?;
        let settings = self.git.settings(&self.top)?;
        for _ in 0..TRIES_MAX {
            let local = self.local(&repository)?;
            let base = match local {
                Some(id) => Some(id),
                None => self.tracked(&repository)?,
            };
            let Some(new) = self.made(&repository, &settings, at, base, make)? else {
                let tip = base.map(|id| id.to_string());
                return Ok(Committed::Same { tip });
            };
            if self.point(&repository, &settings, at, local, new)? {
                return Ok(Committed::New {
                    commit: new.to_string(),
                    parent: base.map(|id| id.to_string()),
                });
            }
        }
        Err(self.raced().into())
    }

    /// Makes the commit, which no branch has yet; none when nothing would change.
    pub(super) fn made<E: From<VcsError>>(
        &self,
        repository: &Repository,
        settings: &Settings,
        at: Timestamp,
        base: Option<Oid>,
        make: &mut dyn FnMut(&Tip<'_>) -> Result<Option<Change>, E>,
    ) -> Result<Option<Oid>, E> {
        let tip = self.tip(repository, base)?;
        let Some(change) = make(&tip)? else {
            return Ok(None);
        };
        let trees = Trees {
            repository,
            branch: &self.name,
        };
        let tree = trees.with(tip.tree.as_ref(), &change.entries)?;
        let is_same = match &tip.tree {
            Some(before) => before.id() == tree,
            // A branch does not begin with an empty commit.
            None => change.entries.values().all(Option::is_none),
        };
        if is_same {
            return Ok(None);
        }
        let message = change.message.text();
        if message.len() > MESSAGE_BYTES_MAX {
            let too_long = git2::Error::from_str("its message is too long");
            return Err(self.failed("Making a commit for", &too_long).into());
        }
        let made = if settings.signed {
            self.signed(settings, at, tree, base, &message)?
        } else {
            self.unsigned(repository, settings, at, tree, base, &message)?
        };
        Ok(Some(made))
    }

    fn unsigned(
        &self,
        repository: &Repository,
        settings: &Settings,
        at: Timestamp,
        tree: Oid,
        base: Option<Oid>,
        message: &str,
    ) -> Result<Oid, VcsError> {
        let wrap = |error: git2::Error| self.failed("Making a commit for", &error);
        let tree = repository.find_tree(tree).map_err(wrap)?;
        let parent = base.map(|id| repository.find_commit(id));
        let parent = parent.transpose().map_err(wrap)?;
        let parents: Vec<&Commit<'_>> = parent.iter().collect();
        let author = signature(&settings.author, at).map_err(wrap)?;
        let committer = signature(&settings.committer, at).map_err(wrap)?;
        repository
            .commit(None, &author, &committer, message, &tree, &parents)
            .map_err(wrap)
    }

    /// Has the user's own git make the commit, because only it knows how they sign.
    fn signed(
        &self,
        settings: &Settings,
        at: Timestamp,
        tree: Oid,
        base: Option<Oid>,
        message: &str,
    ) -> Result<Oid, VcsError> {
        let fail = |why: String| VcsError::Signing {
            branch: self.name.clone(),
            why,
        };
        let (tree, parent) = (tree.to_string(), base.map(|id| id.to_string()));
        let mut argv = vec!["commit-tree", "-S", tree.as_str()];
        if let Some(parent) = &parent {
            argv.extend(["-p", parent.as_str()]);
        }
        argv.extend(["-m", message]);
        let date = format!("@{} +0000", at.unix());
        let mut env = Vec::new();
        for (who, person) in [
            ("AUTHOR", &settings.author),
            ("COMMITTER", &settings.committer),
        ] {
            for (what, value) in [
                ("NAME", &person.name),
                ("EMAIL", &person.email),
                ("DATE", &date),
            ] {
                env.push((format!("GIT_{who}_{what}"), value.clone()));
            }
        }
        let said = self
            .git
            .call_locally(&self.top, &argv, &env)
            .map_err(fail)?;
        let id = Oid::from_str(said.out.trim()).ok();
        match id.filter(|_| said.ok) {
            Some(id) => Ok(id),
            None => Err(fail(super::remote::one_line(&said.err))),
        }
    }

    /// Moves the branch from `before` to `after`; false when it is not at `before` any more.
    pub(super) fn point(
        &self,
        repository: &Repository,
        settings: &Settings,
        at: Timestamp,
        before: Option<Oid>,
        after: Oid,
    ) -> Result<bool, VcsError> {
        let full = self.full();
        let wrap = |error: git2::Error| self.failed("Moving", &error);
        if before.is_none() {
            self.is_possible(repository)?;
        }
        let mut moving = self.locked(repository, &full)?;
        // Only under the lock is what is read still true when it is written.
        if self.local(repository)? != before {
            return Ok(false);
        }
        let by = signature(&settings.committer, at).map_err(wrap)?;
        moving
            .set_target(&full, after, Some(&by), "stairway: commit")
            .and_then(|()| moving.commit())
            .map_err(wrap)?;
        Ok(true)
    }

    fn locked<'r>(
        &self,
        repository: &'r Repository,
        full: &str,
    ) -> Result<git2::Transaction<'r>, VcsError> {
        for _ in 0..LOCK_LOOKS_MAX {
            let mut moving = repository
                .transaction()
                .map_err(|error| self.failed("Moving", &error))?;
            match moving.lock_ref(full) {
                Ok(()) => return Ok(moving),
                Err(error) if error.code() == ErrorCode::Locked => {
                    std::thread::sleep(LOCK_LOOK);
                }
                Err(error) => return Err(self.failed("Moving", &error)),
            }
        }
        Err(VcsError::Locked {
            branch: self.name.clone(),
            lock: repository.commondir().join(format!("{full}.lock")),
        })
    }

    /// A branch `a` and a branch `a/b` cannot both be there: one is a file, the other needs a folder.
    fn is_possible(&self, repository: &Repository) -> Result<(), VcsError> {
        let above = self
            .name
            .match_indices('/')
            .map(|(end, _)| &self.name[..end]);
        let in_the_way = above
            .map(|name| format!("refs/heads/{name}"))
            .find(|full| repository.find_reference(full).is_ok());
        let below = || {
            let pattern = format!("{}/*", self.full());
            let mut found = repository.references_glob(&pattern).ok()?;
            let name = found.names().next()?.ok()?.to_owned();
            Some(name)
        };
        match in_the_way.or_else(below) {
            None => Ok(()),
            Some(full) => Err(VcsError::BadName {
                attempt: format!("Making the branch `{}`", self.name),
                why: format!(
                    "git cannot have it beside the branch `{}`",
                    full.trim_start_matches("refs/heads/")
                ),
            }),
        }
    }

    /// A branch that somebody works on must not move under them; one without a commit yet neither.
    pub(super) fn is_free(&self, repository: &Repository) -> Result<(), VcsError> {
        let wanted = format!("ref: {}", self.full());
        for (folder, at) in work_trees(repository) {
            let head = files::read_text(&folder.join("HEAD"), 4 << 10).unwrap_or_default();
            if head.trim_end() == wanted {
                let branch = self.name.clone();
                return Err(VcsError::CheckedOut { branch, at });
            }
        }
        Ok(())
    }

    pub(super) fn full(&self) -> String {
        format!("refs/heads/{}", self.name)
    }

    pub(super) fn local(&self, repository: &Repository) -> Result<Option<Oid>, VcsError> {
        self.named(repository, &self.full())
    }

    /// What the remote's branch was when it was last seen.
    pub(super) fn tracked(&self, repository: &Repository) -> Result<Option<Oid>, VcsError> {
        match &self.remote {
            Some(remote) => self.named(repository, &format!("refs/remotes/{remote}/{}", self.name)),
            None => Ok(None),
        }
    }

    fn named(&self, repository: &Repository, full: &str) -> Result<Option<Oid>, VcsError> {
        match repository.refname_to_id(full) {
            Ok(id) => Ok(Some(id)),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(self.failed("Reading", &error)),
        }
    }

    pub(super) fn tip<'r>(
        &self,
        repository: &'r Repository,
        id: Option<Oid>,
    ) -> Result<Tip<'r>, VcsError> {
        let tree = id.map(|id| repository.find_commit(id).and_then(|commit| commit.tree()));
        let tree = tree
            .transpose()
            .map_err(|error| self.failed("Reading", &error))?;
        Ok(Tip {
            repository,
            tree,
            id,
        })
    }

    pub(super) fn raced(&self) -> VcsError {
        VcsError::Raced {
            branch: self.name.clone(),
            tries: TRIES_MAX,
        }
    }

    pub(super) fn failed(&self, attempt: &str, error: &git2::Error) -> VcsError {
        broken(format!("{attempt} the branch `{}`", self.name), error)
    }
}

fn signature(person: &Person, at: Timestamp) -> Result<Signature<'static>, git2::Error> {
    Signature::new(&person.name, &person.email, &Time::new(at.unix(), 0))
}
