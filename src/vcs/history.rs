//! Which commits changed a file, and whose they are.
//!
//! Of a merge, only what it made itself counts: a path that is as one of the parents has it came from
//! there. The commit with which a shallow clone ends cannot tell what it changed, so it is no answer.

use super::{VcsError, broken, commit, open};
use git2::{Commit, DiffOptions, Oid, Repository, Sort};
use stairway_core::model::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

/// The largest public GitOps repositories have some 100,000 commits; a walk over more is given up.
const WALK_MAX: usize = 200_000;

/// A commit, as reports name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Its full hash.
    pub commit: String,
    /// The author's name.
    pub name: String,
    /// The author's mail address.
    pub email: String,
    /// When it was committed.
    pub at: Timestamp,
    /// Its first line.
    pub subject: String,
}

/// Some commits of a history, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// The commits that changed one of the paths.
    pub commits: Vec<Made>,
    /// True when there may be older ones that this clone does not have: it is shallow.
    pub cut: bool,
}

/// The last authors of several groups of paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authors {
    /// For each group the newest commit that changed one of its paths; none when no commit is known.
    pub last: Vec<Option<Made>>,
    /// True when the missing ones may be behind the end of a shallow clone.
    pub cut: bool,
}

/// Returns the newest commit at or before `rev` that changed one of these paths (files or folders,
/// relative to the top); none when no commit of this clone did.
///
/// # Errors
/// There is no repository at `top`, no such revision, or git's store cannot be read.
pub fn last_author(top: &Path, rev: &str, paths: &[String]) -> Result<Option<Made>, VcsError> {
    let authors = last_authors(top, rev, &[paths.to_vec()])?;
    Ok(authors.last.into_iter().next().flatten())
}

/// Returns the last author of each group of paths, in one walk over the history.
///
/// # Errors
/// As [`last_author`].
pub fn last_authors(top: &Path, rev: &str, groups: &[Vec<String>]) -> Result<Authors, VcsError> {
    let repository = open(top)?;
    let mut last = vec![None; groups.len()];
    let mut open_groups: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for (number, group) in groups.iter().enumerate() {
        for path in group {
            open_groups.entry(trimmed(path)).or_default().insert(number);
        }
    }
    let mut left = groups.iter().filter(|group| !group.is_empty()).count();
    if left == 0 {
        return Ok(Authors { last, cut: false });
    }
    let cut = walk(&repository, rev, &mut |commit, changed| {
        for path in changed {
            // The path itself, and every folder above it.
            let ends = path.match_indices('/').map(|(end, _)| end);
            for end in ends.chain([path.len()]) {
                let Some(numbers) = open_groups.get(&path[..end]) else {
                    continue;
                };
                for number in numbers {
                    if let Some(found @ None) = last.get_mut(*number) {
                        *found = Some(made(commit));
                        left -= 1;
                    }
                }
            }
        }
        left > 0
    })?;
    Ok(Authors { last, cut })
}

/// Returns the commits at or before `rev` that changed one of these paths, the newest first: at most
/// `at_most` of them, and none from the commit `stop_at` (a full hash) on.
///
/// # Errors
/// As [`last_author`].
pub fn changes_of(
    top: &Path,
    rev: &str,
    paths: &[String],
    at_most: usize,
    stop_at: Option<&str>,
) -> Result<History, VcsError> {
    let repository = open(top)?;
    let wanted: HashSet<&str> = paths.iter().map(|path| trimmed(path)).collect();
    let mut commits = Vec::new();
    if at_most == 0 || wanted.is_empty() {
        return Ok(History::default());
    }
    let cut = walk(&repository, rev, &mut |commit, changed| {
        if stop_at.is_some_and(|stop| commit.id().to_string() == stop) {
            return false;
        }
        let touches = changed.iter().any(|path| {
            let mut ends = path.match_indices('/').map(|(end, _)| end);
            wanted.contains(path.as_str()) || ends.any(|end| wanted.contains(&path[..end]))
        });
        if touches {
            commits.push(made(commit));
        }
        commits.len() < at_most
    })?;
    Ok(History { commits, cut })
}

fn trimmed(path: &str) -> &str {
    path.trim_start_matches("./").trim_end_matches('/')
}

/// Goes over the commits, children before parents, until `visit` returns false; returns true when the
/// history ends before its beginning.
fn walk(
    repository: &Repository,
    rev: &str,
    visit: &mut dyn FnMut(&Commit<'_>, &BTreeSet<String>) -> bool,
) -> Result<bool, VcsError> {
    let wrap = |error: git2::Error| broken(format!("Reading the history of `{rev}`"), &error);
    let start = commit(repository, rev)?;
    let ends = shallow_ends(repository);
    let mut commits = repository.revwalk().map_err(wrap)?;
    commits
        .set_sorting(Sort::TOPOLOGICAL | Sort::TIME)
        .map_err(wrap)?;
    commits.push(start.id()).map_err(wrap)?;
    let mut cut = false;
    for (count, id) in commits.enumerate() {
        let id = id.map_err(wrap)?;
        if ends.contains(&id) {
            cut = true;
            continue;
        }
        if count >= WALK_MAX {
            return Ok(true);
        }
        let one = repository.find_commit(id).map_err(wrap)?;
        let changed = changed_by(repository, &one).map_err(wrap)?;
        if !visit(&one, &changed) {
            return Ok(false);
        }
    }
    Ok(cut)
}

/// Returns the paths that a commit changed: those that are as none of its parents has them.
fn changed_by(repository: &Repository, one: &Commit<'_>) -> Result<BTreeSet<String>, git2::Error> {
    let tree = one.tree()?;
    let mut changed: Option<BTreeSet<String>> = None;
    let against = |before: Option<&git2::Tree<'_>>| -> Result<BTreeSet<String>, git2::Error> {
        let mut options = DiffOptions::new();
        options.skip_binary_check(true).include_typechange(true);
        let diff = repository.diff_tree_to_tree(before, Some(&tree), Some(&mut options))?;
        let mut paths = BTreeSet::new();
        for delta in diff.deltas() {
            for file in [delta.old_file(), delta.new_file()] {
                let path = file.path_bytes().map(String::from_utf8_lossy);
                paths.extend(path.map(std::borrow::Cow::into_owned));
            }
        }
        Ok(paths)
    };
    for parent in one.parents() {
        let own = against(Some(&parent.tree()?))?;
        changed = Some(match changed {
            None => own,
            Some(before) => before.intersection(&own).cloned().collect(),
        });
    }
    match changed {
        Some(changed) => Ok(changed),
        None => against(None),
    }
}

/// The commits whose parents a shallow clone does not have: git lists them in `shallow`.
fn shallow_ends(repository: &Repository) -> HashSet<Oid> {
    let path = repository.commondir().join("shallow");
    let text = crate::files::read_text(&path, 64 << 20).unwrap_or_default();
    text.lines()
        .filter_map(|line| Oid::from_str(line.trim()).ok())
        .collect()
}

fn made(commit: &Commit<'_>) -> Made {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let author = commit.author();
    Made {
        commit: commit.id().to_string(),
        name: text(author.name_bytes()),
        email: text(author.email_bytes()),
        at: Timestamp::from_unix(commit.time().seconds()),
        subject: text(commit.summary_bytes().unwrap_or_default()),
    }
}
