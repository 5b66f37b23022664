//! What is there: the revision of a folder, and files, committers and changes of other revisions.

use super::{VcsError, broken, commit, normal, open};
use crate::files::{self, FileErrorKind};
use git2::{DiffOptions, ErrorCode, ObjectType, Oid};
use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// `HEAD` and a loose ref hold one line.
const REF_BYTES_MAX: u64 = 4 << 10;
/// A repository of 100,000 branches and tags has about 10 MB of packed refs.
const PACKED_BYTES_MAX: u64 = 64 << 20;
/// SHA-1 has 40 hex digits, SHA-256 has 64.
const HASH_DIGITS: [usize; 2] = [40, 64];

/// Returns the commit that the repository around `folder` has checked out.
///
/// None outside of a repository, before the first commit, and when `.git` holds something else
/// than git writes there: a plan without a revision is still a plan.
pub fn head_revision(folder: &Path) -> Option<String> {
    let top = files::repository_top(folder)?;
    let git = git_folder(&top)?;
    let head = line(&git.join("HEAD"))?;
    let Some(name) = head.strip_prefix("ref: ") else {
        return hash(&head);
    };
    if !is_plain_ref(name) {
        return None;
    }
    let common = common_folder(&git);
    line(&git.join(name))
        .or_else(|| line(&common.join(name)))
        .and_then(|text| hash(&text))
        .or_else(|| packed(&common, name))
}

/// Returns the folder that `.git` is, or that the file `.git` of a worktree names.
fn git_folder(top: &Path) -> Option<PathBuf> {
    let git = top.join(".git");
    if files::is_dir(&git) {
        return Some(git);
    }
    let text = line(&git)?;
    Some(top.join(text.strip_prefix("gitdir: ")?))
}

/// Returns the folder with the refs that all worktrees share.
fn common_folder(git: &Path) -> PathBuf {
    match line(&git.join("commondir")) {
        Some(common) => git.join(common),
        None => git.to_path_buf(),
    }
}

fn packed(common: &Path, name: &str) -> Option<String> {
    let text = files::read_text(&common.join("packed-refs"), PACKED_BYTES_MAX).ok()?;
    text.lines()
        .filter_map(|line| line.split_once(' '))
        .find(|(_, packed)| *packed == name)
        .and_then(|(found, _)| hash(found))
}

fn line(path: &Path) -> Option<String> {
    let text = files::read_text(path, REF_BYTES_MAX).ok()?;
    text.lines().next().map(|line| line.trim_end().to_owned())
}

fn hash(text: &str) -> Option<String> {
    let valid = HASH_DIGITS.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
    valid.then(|| text.to_ascii_lowercase())
}

/// A ref's name stays inside of the git folder.
fn is_plain_ref(name: &str) -> bool {
    name.starts_with("refs/") && name.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// A fleet file or an `allowed_signers` has far less; a blob is in memory whole.
pub(super) const BLOB_BYTES_MAX: usize = 16 << 20;
/// All jsonnet of the largest public fleet has under 10 MB.
const EXPORT_BYTES_MAX: usize = 256 << 20;
/// The mode of a symbolic link in a tree.
pub(super) const LINK_MODE: i32 = 0o120_000;

/// Who made a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committer {
    /// The name.
    pub name: String,
    /// The mail address.
    pub email: String,
}

/// Returns the commit that a revision names, as a full hash.
///
/// # Errors
/// There is no repository at `top`, or no such revision in it.
pub fn resolve(top: &Path, rev: &str) -> Result<String, VcsError> {
    let repository = open(top)?;
    let commit = commit(&repository, rev)?;
    Ok(commit.id().to_string())
}

/// Returns the bytes of a file as they are in a revision; `path` is relative to the top.
///
/// # Errors
/// There is no such revision, or no such regular file in it.
pub fn read_at(top: &Path, rev: &str, path: &Path) -> Result<Vec<u8>, VcsError> {
    let repository = open(top)?;
    let shown = path.display().to_string();
    let missing = || VcsError::NoFile {
        rev: rev.to_owned(),
        path: shown.clone(),
    };
    let Some(plain) = normal(path) else {
        return Err(missing());
    };
    let tree = commit(&repository, rev)?
        .tree()
        .map_err(|error| broken(format!("Reading the files of `{rev}`"), &error))?;
    let entry = tree.get_path(&plain).map_err(|error| {
        if error.code() == ErrorCode::NotFound {
            missing()
        } else {
            broken(format!("Reading `{shown}` at `{rev}`"), &error)
        }
    })?;
    let bad = |why: &str| VcsError::BadFile {
        rev: rev.to_owned(),
        path: shown.clone(),
        why: why.to_owned(),
    };
    if entry.kind() != Some(ObjectType::Blob) || entry.filemode() == LINK_MODE {
        return Err(bad("it is not a regular file"));
    }
    let blob = repository
        .find_blob(entry.id())
        .map_err(|error| broken(format!("Reading `{shown}` at `{rev}`"), &error))?;
    if blob.size() > BLOB_BYTES_MAX {
        return Err(bad("it is too large"));
    }
    Ok(blob.content().to_vec())
}

/// Returns who committed a revision.
///
/// # Errors
/// There is no repository at `top`, or no such revision in it.
pub fn committer_of(top: &Path, rev: &str) -> Result<Committer, VcsError> {
    let repository = open(top)?;
    let commit = commit(&repository, rev)?;
    let committer = commit.committer();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Committer {
        name: text(committer.name_bytes()),
        email: text(committer.email_bytes()),
    })
}

/// Returns those of `paths`, relative to the top, that are not as the checked out commit has them:
/// changed, deleted, or not in it. A path that neither has is left out.
///
/// # Errors
/// There is no repository at `top`, it has no commit, or a file cannot be read.
pub fn dirty(top: &Path, paths: &[String]) -> Result<Vec<String>, VcsError> {
    let repository = open(top)?;
    let tree = commit(&repository, "HEAD")?
        .tree()
        .map_err(|error| broken("Reading the files of `HEAD`".to_owned(), &error))?;
    let mut found = Vec::new();
    for path in paths {
        let committed = normal(Path::new(path)).and_then(|plain| tree.get_path(&plain).ok());
        let limit = u64::try_from(BLOB_BYTES_MAX).unwrap_or(u64::MAX);
        let present = match files::read_bounded(&top.join(path), limit) {
            Ok(bytes) => Some(bytes),
            Err(error) if matches!(error.kind, FileErrorKind::Missing) => None,
            Err(error) => return Err(error.into()),
        };
        let same = match (committed, present) {
            (None, None) => true,
            (Some(entry), Some(bytes)) => {
                Oid::hash_object(ObjectType::Blob, &bytes).is_ok_and(|id| id == entry.id())
            }
            (Some(_), None) | (None, Some(_)) => false,
        };
        if !same {
            found.push(path.clone());
        }
    }
    Ok(found)
}

/// Returns the id that git gives to content.
pub fn content_id(bytes: &[u8]) -> Option<String> {
    let id = Oid::hash_object(ObjectType::Blob, bytes).ok()?;
    Some(id.to_string())
}

/// What differs between a revision and the work tree.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Files and links that differ, by absolute name: changed, added, deleted, renamed from and to;
    /// committed, staged, unstaged or untracked.
    pub paths: HashSet<PathBuf>,
    /// Every file that git tracks or has seen new, by absolute name.
    known: HashSet<PathBuf>,
}

impl Changes {
    /// Returns true when the file has changed, or a link or a repository that it is behind.
    pub fn touches(&self, path: &Path) -> bool {
        !self.paths.is_empty() && path.ancestors().any(|above| self.paths.contains(above))
    }

    /// Returns true when git can tell whether the file has changed: false for what it ignores.
    pub fn knows(&self, path: &Path) -> bool {
        self.known.contains(path) || self.touches(path)
    }
}

/// Compares the work tree and the index with a revision. Nothing is written, the index neither.
///
/// # Errors
/// There is no repository at `top`, it is bare, it has no such revision, or git's store or the work
/// tree cannot be read.
pub fn changed_since(top: &Path, rev: &str) -> Result<Changes, VcsError> {
    let repository = open(top)?;
    let rev_owned = || rev.to_owned();
    if repository.is_bare() {
        let top = top.to_path_buf();
        return Err(VcsError::Bare {
            top,
            rev: rev_owned(),
        });
    }
    let commit = commit(&repository, rev).map_err(|error| {
        if repository.is_shallow() {
            VcsError::Shallow { rev: rev_owned() }
        } else {
            error
        }
    })?;
    let attempt = || format!("Comparing the work tree with `{rev}`");
    let wrap = |error: git2::Error| broken(attempt(), &error);
    let tree = commit.tree().map_err(wrap)?;
    let mut options = DiffOptions::new();
    options
        .include_untracked(true)
        .recurse_untracked_dirs(true)
        .include_typechange(true)
        .skip_binary_check(true);
    let diff = repository
        .diff_tree_to_workdir_with_index(Some(&tree), Some(&mut options))
        .map_err(wrap)?;
    let place =
        |bytes: &[u8]| top.join(OsStr::from_bytes(bytes.strip_suffix(b"/").unwrap_or(bytes)));
    let mut paths = HashSet::new();
    for delta in diff.deltas() {
        for file in [delta.old_file(), delta.new_file()] {
            paths.extend(file.path_bytes().map(place));
        }
    }
    let index = repository.index().map_err(wrap)?;
    let known = index.iter().map(|entry| place(&entry.path)).collect();
    Ok(Changes { paths, known })
}

/// Copies the regular files of a revision whose names have one of these endings into a folder.
///
/// # Errors
/// There is no such revision, it has too much of them, or the copy cannot be written.
pub fn export(top: &Path, rev: &str, endings: &[&str], into: &Path) -> Result<(), VcsError> {
    let repository = open(top)?;
    let attempt = || format!("Reading the files of `{rev}`");
    let tree = commit(&repository, rev)?
        .tree()
        .map_err(|error| broken(attempt(), &error))?;
    let mut pending = vec![(PathBuf::new(), tree)];
    let mut total = 0_usize;
    while let Some((folder, tree)) = pending.pop() {
        for entry in &tree {
            let Ok(name) = entry.name() else { continue };
            let path = folder.join(name);
            if entry.kind() == Some(ObjectType::Tree) {
                let inner = repository
                    .find_tree(entry.id())
                    .map_err(|error| broken(attempt(), &error))?;
                pending.push((path, inner));
                continue;
            }
            let wanted = path
                .extension()
                .and_then(OsStr::to_str)
                .is_some_and(|ending| endings.contains(&ending));
            if entry.kind() != Some(ObjectType::Blob) || entry.filemode() == LINK_MODE || !wanted {
                continue;
            }
            // Git refuses `..` and `.git` in a tree when it makes one; whoever made this one may not have.
            let Some(plain) = normal(&path) else { continue };
            let blob = repository
                .find_blob(entry.id())
                .map_err(|error| broken(attempt(), &error))?;
            total = total.saturating_add(blob.size());
            if total > EXPORT_BYTES_MAX {
                return Err(VcsError::BadFile {
                    rev: rev.to_owned(),
                    path: path.display().to_string(),
                    why: format!("the files up to it have more than {EXPORT_BYTES_MAX} bytes"),
                });
            }
            files::write_report(&into.join(plain), blob.content())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use git2::Repository;

    const HASH: &str = "0123456789abcdef0123456789abcdef01234567";

    fn check(entries: &[(&str, &str)], expected: Option<&str>) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in entries {
            files::write_atomic(&folder.path().join(name), text.as_bytes()).unwrap();
        }
        assert_eq!(
            head_revision(folder.path()).as_deref(),
            expected,
            "{entries:?}"
        );
    }

    #[test]
    fn the_revision_is_found_wherever_git_keeps_it() {
        let on_main = (".git/HEAD", "ref: refs/heads/main\n");
        check(&[(".git/HEAD", HASH)], Some(HASH));
        check(&[on_main, (".git/refs/heads/main", HASH)], Some(HASH));
        let packed = format!("# pack-refs with: peeled\n{HASH} refs/heads/main\n");
        check(&[on_main, (".git/packed-refs", &packed)], Some(HASH));
        let worktree = [
            (".git", "gitdir: store/worktrees/w\n"),
            ("store/worktrees/w/HEAD", "ref: refs/heads/main\n"),
            ("store/worktrees/w/commondir", "../..\n"),
            ("store/refs/heads/main", HASH),
        ];
        check(&worktree, Some(HASH));
    }

    #[test]
    fn anything_else_is_no_revision() {
        check(&[(".git/HEAD", "ref: refs/heads/main\n")], None);
        check(&[(".git/HEAD", "ref: ../../secret\n")], None);
        check(
            &[(".git/HEAD", "ref: refs/../../secret\n"), ("secret", HASH)],
            None,
        );
        check(&[(".git/HEAD", "not a hash")], None);
        check(&[(".git/HEAD", "")], None);
    }

    /// A repository with these commits; returns their hashes.
    fn repository(folder: &Path, commits: &[&[(&str, &str)]]) -> Vec<String> {
        let made = Repository::init(folder).unwrap();
        let time = git2::Time::new(1_790_000_000, 0);
        let by = git2::Signature::new("Ann", "ann@example.org", &time).unwrap();
        let mut hashes = Vec::new();
        let mut parent: Option<Oid> = None;
        for entries in commits {
            for (name, text) in *entries {
                files::write_atomic(&folder.join(name), text.as_bytes()).unwrap();
            }
            let mut index = made.index().unwrap();
            index
                .add_all(["*"], git2::IndexAddOption::FORCE, None)
                .unwrap();
            index.write().unwrap();
            let tree = made.find_tree(index.write_tree().unwrap()).unwrap();
            let before = parent.map(|id| made.find_commit(id).unwrap());
            let parents: Vec<&git2::Commit<'_>> = before.iter().collect();
            let id = made
                .commit(Some("HEAD"), &by, &by, "change", &tree, &parents)
                .unwrap();
            parent = Some(id);
            hashes.push(id.to_string());
        }
        hashes
    }

    #[test]
    fn a_file_is_read_as_its_revision_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path();
        let first: &[(&str, &str)] = &[("a/fleet.yaml", "one"), ("b.jsonnet", "{}")];
        let hashes = repository(top, &[first, &[("a/fleet.yaml", "two")]]);
        files::write_atomic(&top.join("a/fleet.yaml"), b"three").unwrap();
        let read = |rev: &str, path: &str| read_at(top, rev, Path::new(path));
        assert_eq!(read("HEAD", "a/fleet.yaml").unwrap(), b"two");
        assert_eq!(read("HEAD~1", "./b/../a/fleet.yaml").unwrap(), b"one");
        assert_eq!(read(&hashes[0], "a/fleet.yaml").unwrap(), b"one");
        assert_eq!(head_revision(top).as_deref(), Some(hashes[1].as_str()));
        assert_eq!(resolve(top, "HEAD").unwrap(), hashes[1]);
        for path in ["nope", "../x", "", "/etc/passwd", "a/fleet.yaml/x"] {
            let error = read("HEAD", path).unwrap_err();
            assert!(matches!(error, VcsError::NoFile { .. }), "{path}: {error}");
            assert!(error.hint().is_some());
        }
        assert!(matches!(
            read("HEAD", "a").unwrap_err(),
            VcsError::BadFile { .. }
        ));
        for rev in ["nope", "", "HEAD~9", "--all", "a\u{0}b"] {
            let error = read(rev, "a/fleet.yaml").unwrap_err();
            assert!(
                matches!(error, VcsError::NoRevision { .. }),
                "{rev}: {error}"
            );
        }
        let committer = committer_of(top, &hashes[0]).unwrap();
        assert_eq!(committer.name, "Ann");
        assert_eq!(committer.email, "ann@example.org");
    }

    #[test]
    fn links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("fleet.yaml")).unwrap();
        repository(folder.path(), &[&[("x.jsonnet", "{}")]]);
        let error = read_at(folder.path(), "HEAD", Path::new("fleet.yaml")).unwrap_err();
        assert!(
            error.to_string().ends_with("it is not a regular file"),
            "{error}"
        );
        let copy = tempfile::tempdir().unwrap();
        export(folder.path(), "HEAD", &["yaml", "jsonnet"], copy.path()).unwrap();
        assert_eq!(files::walk(copy.path()).unwrap(), ["x.jsonnet"]);
    }

    #[test]
    fn dirty_is_what_the_commit_does_not_have() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path();
        let all: &[(&str, &str)] = &[("same", "1"), ("changed", "1"), ("deleted", "1")];
        repository(top, &[all]);
        files::write_atomic(&top.join("changed"), b"2").unwrap();
        files::write_atomic(&top.join("fresh"), b"1").unwrap();
        files::remove(&top.join("deleted")).unwrap();
        let paths = ["changed", "deleted", "fresh", "nowhere", "same"].map(str::to_owned);
        assert_eq!(dirty(top, &paths).unwrap(), ["changed", "deleted", "fresh"]);
        assert_eq!(dirty(top, &paths[4..]).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn what_is_no_repository_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let error = resolve(folder.path(), "HEAD").unwrap_err();
        assert!(matches!(error, VcsError::NoRepository { .. }), "{error}");
        Repository::init(folder.path()).unwrap();
        // Before the first commit.
        let error = resolve(folder.path(), "HEAD").unwrap_err();
        assert!(matches!(error, VcsError::NoRevision { .. }), "{error}");
    }
}
