//! Git: what it knows, commits that touch no work tree, and remotes.
//!
//! ```text
//! read      the revision of a folder; files, committers and changes of other revisions
//! write     commits on a branch that nobody has checked out
//! tree      the trees of such commits
//! settings  who commits, and whether it is signed
//! remote    fetch and push, by the user's own git
//! history   which commits changed a file, and whose they are
//! ```
//!
//! What is read is read without running git, so neither hooks nor filters of a repository run, and
//! nothing reaches for the network. Of the user's settings only `safe.directory` matters there:
//! content is compared by its object id, byte for byte, and not by what `core.*` makes of it.
//!
//! The user's own git is run for three things that only it can do as they have set it up: signing
//! (`commit-tree -S`), `fetch` and `push`. It gets a scrubbed environment, no hooks, no terminal and
//! bounded time.

mod history;
mod read;
mod remote;
mod settings;
mod tree;
mod write;

pub use history::{Authors, History, Made, changes_of, last_author, last_authors};
pub use read::{
    Changes, Committer, changed_since, committer_of, content_id, dirty, export, head_revision,
    read_at, resolve,
};
pub use remote::{Published, Pushed};
pub use settings::{FALLBACK_EMAIL, FALLBACK_NAME, Git, GitCall, GitSaid, RunGit};
pub use write::{Branch, Change, Committed, Message, Tip};

use crate::files::{self, FileError};
use git2::{ErrorCode, Repository, RepositoryOpenFlags};
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

/// Why git's store gave no answer: what was attempted on which repository or revision.
#[derive(Debug, thiserror::Error)]
pub enum VcsError {
    /// It is no repository, or one that cannot be read.
    #[error("Opening the git repository `{}` failed: {why}", .top.display())]
    NoRepository {
        /// Its top.
        top: PathBuf,
        /// The reason.
        why: String,
    },
    /// It belongs to another user, who could have prepared it.
    #[error("Opening the git repository `{}` failed: it belongs to another user", .top.display())]
    OtherOwner {
        /// Its top.
        top: PathBuf,
    },
    /// There is no such revision.
    #[error("Finding the revision `{rev}` failed: {why}")]
    NoRevision {
        /// As given.
        rev: String,
        /// The reason.
        why: String,
    },
    /// The clone ends before the revision.
    #[error(
        "Finding the revision `{rev}` failed: this clone is shallow and does not go back to it"
    )]
    Shallow {
        /// As given.
        rev: String,
    },
    /// There is nothing beside its store.
    #[error("Comparing with `{rev}` failed: `{}` is a bare repository, without a work tree", .top.display())]
    Bare {
        /// Its folder.
        top: PathBuf,
        /// The revision.
        rev: String,
    },
    /// The revision has no such file.
    #[error("Reading `{path}` at `{rev}` failed: the revision has no such file")]
    NoFile {
        /// As given.
        rev: String,
        /// Relative to the top.
        path: String,
    },
    /// It is there and no regular file, or too large.
    #[error("Reading `{path}` at `{rev}` failed: {why}")]
    BadFile {
        /// As given.
        rev: String,
        /// Relative to the top.
        path: String,
        /// What it is.
        why: String,
    },
    /// Git's store is damaged or incomplete.
    #[error("{attempt} failed: {why}")]
    Store {
        /// What was attempted, as the start of a sentence.
        attempt: String,
        /// The reason.
        why: String,
    },
    /// A name or an address cannot be meant.
    #[error("{attempt} failed: {why}")]
    BadName {
        /// What was attempted, as the start of a sentence.
        attempt: String,
        /// What is wrong with the name.
        why: String,
    },
    /// A work tree has the branch checked out, and would be left behind.
    #[error(
        "Writing to the branch `{branch}` failed: the work tree `{}` has it checked out, and git would show what is written as deleted there", .at.display()
    )]
    CheckedOut {
        /// The branch.
        branch: String,
        /// The work tree.
        at: PathBuf,
    },
    /// What is to be written and what is there do not fit beside each other.
    #[error("Writing `{path}` on the branch `{branch}` failed: {why}")]
    Conflict {
        /// The branch.
        branch: String,
        /// The path.
        path: String,
        /// What stands against it.
        why: String,
    },
    /// Another process holds the branch's lock, or one that died left it.
    #[error("Moving the branch `{branch}` failed: `{}` is there, so another git process is at work or died", .lock.display())]
    Locked {
        /// The branch.
        branch: String,
        /// The lock file.
        lock: PathBuf,
    },
    /// Others moved it each time that it was tried.
    #[error("Moving the branch `{branch}` failed: others moved it {tries} times in between")]
    Raced {
        /// The branch.
        branch: String,
        /// How often it was tried.
        tries: u32,
    },
    /// The configured signature could not be made.
    #[error("Signing a commit for the branch `{branch}` failed: {why}")]
    Signing {
        /// The branch.
        branch: String,
        /// The reason.
        why: String,
    },
    /// Here and there have commits that the other side does not have.
    #[error(
        "Writing to the branch `{branch}` failed: here it has {ours} commits that `{remote}` does not have, and there {theirs} that are not here"
    )]
    Diverged {
        /// The branch.
        branch: String,
        /// The remote.
        remote: String,
        /// Commits of this clone.
        ours: usize,
        /// Commits of the remote.
        theirs: usize,
    },
    /// The remote gave no answer, or a refusal.
    #[error("{attempt} failed: {why}")]
    Remote {
        /// What was attempted, as the start of a sentence.
        attempt: String,
        /// What git said, in one line.
        why: String,
        /// A command that shows more.
        hint: String,
    },
    /// The work tree cannot be read, or the copy cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
}

impl VcsError {
    /// Returns what to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoRepository { .. } => Some("run it in a clone: `git clone URL`".to_owned()),
            Self::OtherOwner { top } => Some(format!(
                "when you trust it: `git config --global --add safe.directory {}`",
                top.display()
            )),
            Self::NoRevision { rev, .. } => Some(format!(
                "fetch it with `git fetch origin`, and see `git rev-parse {rev}`"
            )),
            Self::Shallow { rev } => Some(format!(
                "`git fetch --unshallow origin`, or only what is needed: `git fetch --depth=1 origin {rev}`; with actions/checkout: `fetch-depth: 0`"
            )),
            Self::Bare { .. } => Some("make a work tree: `git worktree add ../work`".to_owned()),
            Self::NoFile { rev, .. } => Some(format!(
                "`git ls-tree -r --name-only {rev}` lists its files"
            )),
            Self::Store { .. } => Some("`git fsck` checks the repository".to_owned()),
            Self::CheckedOut { branch, .. } => Some(format!(
                "write to another branch, or let go of it there: `git switch --detach` (it is `{branch}`)"
            )),
            Self::Locked { lock, .. } => Some(format!(
                "when no git process runs any more: `rm {}`",
                lock.display()
            )),
            Self::Raced { .. } => Some("try it again".to_owned()),
            Self::Signing { .. } => Some(
                "`git commit --allow-empty -S` shows more; unsigned commits: `git config commit.gpgsign false`"
                    .to_owned(),
            ),
            Self::Diverged { branch, remote, .. } => Some(format!(
                "`git log --left-right {branch}...{remote}/{branch}` shows both; to drop those here: `git branch -f {branch} {remote}/{branch}`"
            )),
            Self::Remote { hint, .. } => Some(hint.clone()),
            Self::BadName { .. }
            | Self::Conflict { .. }
            | Self::BadFile { .. }
            | Self::File(_) => None,
        }
    }
}

/// Returns the repository around a folder: the top of its work tree, or the folder of a bare one.
pub fn repository_around(folder: &Path) -> Option<PathBuf> {
    files::repository_top(folder).or_else(|| {
        let found = Repository::discover(folder).ok()?;
        found.is_bare().then(|| found.path().to_path_buf())
    })
}

/// Returns the folder of git itself that all work trees of the repository share.
///
/// # Errors
/// There is no repository at `top`.
pub fn common_folder(top: &Path) -> Result<PathBuf, VcsError> {
    Ok(open(top)?.commondir().to_path_buf())
}

fn open(top: &Path) -> Result<Repository, VcsError> {
    let above: [&OsStr; 0] = [];
    Repository::open_ext(top, RepositoryOpenFlags::NO_SEARCH, above).map_err(|error| {
        let top = top.to_path_buf();
        if error.code() == ErrorCode::Owner {
            VcsError::OtherOwner { top }
        } else {
            let why = error.message().to_owned();
            VcsError::NoRepository { top, why }
        }
    })
}

fn commit<'r>(repository: &'r Repository, rev: &str) -> Result<git2::Commit<'r>, VcsError> {
    repository
        .revparse_single(rev)
        .and_then(|object| object.peel_to_commit())
        .map_err(|error| VcsError::NoRevision {
            rev: rev.to_owned(),
            why: error.message().to_owned(),
        })
}

fn broken(attempt: String, error: &git2::Error) -> VcsError {
    VcsError::Store {
        attempt,
        why: error.message().to_owned(),
    }
}

/// Returns a relative path without `.` and `..`; none when it leaves the top.
pub(crate) fn normal(path: &Path) -> Option<PathBuf> {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => plain.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                if !plain.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    (plain != Path::new("")).then_some(plain)
}

#[cfg(test)]
mod tests;
