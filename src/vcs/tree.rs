//! Trees: the one of a tip with a few paths changed, without an index and without a work tree.

use super::{VcsError, broken};
use git2::{FileMode, ObjectType, Oid, Repository, Tree};
use std::collections::BTreeMap;
use std::path::Path;

/// What becomes of a path: these bytes, or none for deleted.
pub(super) type Entries = BTreeMap<String, Option<Vec<u8>>>;

/// A path is refused from this length on: Linux opens no longer ones.
const PATH_BYTES_MAX: usize = 4095;
/// A folder in a tree has one mode only.
const FOLDER_MODE: i32 = 0o040_000;
/// A file that nobody executes.
const FILE_MODE: i32 = 0o100_644;

/// Paths below a folder, taken apart once.
#[derive(Default)]
struct Below<'e> {
    files: BTreeMap<&'e str, Option<&'e [u8]>>,
    folders: BTreeMap<&'e str, Below<'e>>,
}

/// Builds trees for one branch.
pub(super) struct Trees<'r> {
    pub(super) repository: &'r Repository,
    pub(super) branch: &'r str,
}

impl Trees<'_> {
    /// Returns the tree that `base` becomes when only these paths change; all else is kept.
    pub(super) fn with(&self, base: Option<&Tree<'_>>, entries: &Entries) -> Result<Oid, VcsError> {
        let mut root = Below::default();
        for (path, content) in entries {
            self.check(path)?;
            let mut place = &mut root;
            let mut rest = path.as_str();
            while let Some((folder, inner)) = rest.split_once('/') {
                place = place.folders.entry(folder).or_default();
                rest = inner;
            }
            place.files.insert(rest, content.as_deref());
        }
        match self.build(base, &root, "")? {
            Some(tree) => Ok(tree),
            None => self.empty(),
        }
    }

    fn empty(&self) -> Result<Oid, VcsError> {
        let builder = self.repository.treebuilder(None);
        builder
            .and_then(|builder| builder.write())
            .map_err(|error| self.failed(&error))
    }

    /// None when nothing is left in the folder.
    fn build(
        &self,
        base: Option<&Tree<'_>>,
        below: &Below<'_>,
        at: &str,
    ) -> Result<Option<Oid>, VcsError> {
        let wrap = |error: git2::Error| self.failed(&error);
        let mut builder = self.repository.treebuilder(base).map_err(wrap)?;
        // Files go first, so that a folder can take the place of a file deleted beside it.
        for (name, content) in &below.files {
            let path = format!("{at}{name}");
            let there = base.and_then(|tree| tree.get_name(name));
            let kind = there.as_ref().and_then(git2::TreeEntry::kind);
            let mode = there.as_ref().map_or(FILE_MODE, git2::TreeEntry::filemode);
            let is_file = kind == Some(ObjectType::Blob) && mode != super::read::LINK_MODE;
            if there.is_some() && !is_file {
                return Err(self.conflict(&path, "something else than a file is there"));
            }
            match content {
                None if there.is_some() => builder.remove(name).map_err(wrap)?,
                None => {}
                Some(_) if below.folders.get(name).is_some_and(writes) => {
                    return Err(self.conflict(&path, "it is to be a file and a folder"));
                }
                Some(bytes) => {
                    let blob = self.repository.blob(bytes).map_err(wrap)?;
                    builder.insert(name, blob, mode).map(drop).map_err(wrap)?;
                }
            }
        }
        for (name, inner) in &below.folders {
            let path = format!("{at}{name}");
            let there = builder.get(name).map_err(wrap)?;
            let there = there.map(|entry| (entry.id(), entry.kind()));
            let tree = match there {
                None => None,
                Some((id, Some(ObjectType::Tree))) => {
                    Some(self.repository.find_tree(id).map_err(wrap)?)
                }
                // What is below a file is not there, and need not be deleted.
                Some(_) if !writes(inner) => continue,
                Some(_) => return Err(self.conflict(&path, "a file is where a folder must be")),
            };
            match self.build(tree.as_ref(), inner, &format!("{path}/"))? {
                Some(id) => builder
                    .insert(name, id, FOLDER_MODE)
                    .map(drop)
                    .map_err(wrap)?,
                None if there.is_some() => builder.remove(name).map_err(wrap)?,
                None => {}
            }
        }
        if builder.is_empty() {
            return Ok(None);
        }
        builder.write().map(Some).map_err(wrap)
    }

    /// A path that a tree may have, and that every git checks out below its work tree.
    fn check(&self, path: &str) -> Result<(), VcsError> {
        let plain = super::normal(Path::new(path));
        let is_plain = plain.is_some_and(|plain| plain == Path::new(path))
            && !path.ends_with('/')
            && !path.contains("//")
            && !path.split('/').any(|part| part == ".");
        if !is_plain || path.len() > PATH_BYTES_MAX || path.chars().any(char::is_control) {
            return Err(self.conflict(path, "it is no plain relative path"));
        }
        if path
            .split('/')
            .any(|part| part.eq_ignore_ascii_case(".git"))
        {
            return Err(self.conflict(path, "git keeps the name `.git` for itself"));
        }
        Ok(())
    }

    fn conflict(&self, path: &str, why: &str) -> VcsError {
        VcsError::Conflict {
            branch: self.branch.to_owned(),
            path: path.escape_debug().to_string(),
            why: why.to_owned(),
        }
    }

    fn failed(&self, error: &git2::Error) -> VcsError {
        broken(
            format!("Writing the files of the branch `{}`", self.branch),
            error,
        )
    }
}

fn writes(below: &Below<'_>) -> bool {
    below.files.values().any(Option::is_some) || below.folders.values().any(writes)
}

/// Returns the bytes of a regular file in a tree; none when it has no such file.
pub(super) fn read(
    repository: &Repository,
    tree: &Tree<'_>,
    path: &str,
) -> Result<Option<Vec<u8>>, VcsError> {
    let attempt = || format!("Reading `{path}` of a branch");
    let Some(plain) = super::normal(Path::new(path)) else {
        return Ok(None);
    };
    let Ok(entry) = tree.get_path(&plain) else {
        return Ok(None);
    };
    if entry.kind() != Some(ObjectType::Blob) || entry.filemode() == super::read::LINK_MODE {
        return Ok(None);
    }
    let blob = repository
        .find_blob(entry.id())
        .map_err(|error| broken(attempt(), &error))?;
    if blob.size() > super::read::BLOB_BYTES_MAX {
        return Err(VcsError::Store {
            attempt: attempt(),
            why: "it is too large".to_owned(),
        });
    }
    Ok(Some(blob.content().to_vec()))
}

/// Returns the regular files below a folder of a tree (all of them for `""`), as paths from the top with
/// the ids of their content, sorted; links and names that are no text are left out.
pub(super) fn list(
    repository: &Repository,
    tree: &Tree<'_>,
    folder: &str,
) -> Result<Vec<(String, Oid)>, VcsError> {
    let wrap = |error: git2::Error| broken(format!("Listing `{folder}` of a branch"), &error);
    let mut pending = Vec::new();
    if let Some(inner) = folder_of(repository, tree, folder)? {
        let at = folder.trim_end_matches('/');
        let at = if at.is_empty() {
            String::new()
        } else {
            format!("{at}/")
        };
        pending.push((at, inner));
    }
    let mut found = Vec::new();
    while let Some((at, tree)) = pending.pop() {
        for entry in &tree {
            let Ok(name) = entry.name() else { continue };
            let path = format!("{at}{name}");
            if super::normal(Path::new(&path)).is_none_or(|plain| plain != Path::new(&path)) {
                continue;
            }
            let mode = entry.filemode();
            if entry.kind() == Some(ObjectType::Tree) {
                let inner = repository.find_tree(entry.id()).map_err(wrap)?;
                pending.push((format!("{path}/"), inner));
            } else if mode == i32::from(FileMode::Blob)
                || mode == i32::from(FileMode::BlobExecutable)
            {
                found.push((path, entry.id()));
            }
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Returns the names of the folders right below a folder of a tree, with the ids of their trees.
pub(super) fn folders(
    repository: &Repository,
    tree: &Tree<'_>,
    folder: &str,
) -> Result<Vec<(String, Oid)>, VcsError> {
    let Some(inner) = folder_of(repository, tree, folder)? else {
        return Ok(Vec::new());
    };
    let is_folder = |entry: &git2::TreeEntry<'_>| entry.kind() == Some(ObjectType::Tree);
    Ok(inner
        .iter()
        .filter(is_folder)
        .filter_map(|entry| Some((entry.name().ok()?.to_owned(), entry.id())))
        .filter(|(name, _)| super::normal(Path::new(name)).is_some_and(|p| p == Path::new(name)))
        .collect())
}

fn folder_of<'r>(
    repository: &'r Repository,
    tree: &Tree<'r>,
    folder: &str,
) -> Result<Option<Tree<'r>>, VcsError> {
    let plain = folder.trim_end_matches('/');
    if plain.is_empty() {
        return Ok(Some(tree.clone()));
    }
    let Ok(entry) = tree.get_path(Path::new(plain)) else {
        return Ok(None);
    };
    if entry.kind() != Some(ObjectType::Tree) {
        return Ok(None);
    }
    repository
        .find_tree(entry.id())
        .map(Some)
        .map_err(|error| broken(format!("Listing `{folder}` of a branch"), &error))
}
