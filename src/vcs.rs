//! The git revision of a folder, read from its `.git` without running git.

use crate::files;
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
