use super::*;
use std::path::PathBuf;

const FOLDER: &str = "/plans/x";

fn sim() -> (SimDisk, PathBuf) {
    let folder = Path::new(FOLDER);
    (SimDisk::with_folders(&[folder]), folder.join("a"))
}

fn text(disk: &SimDisk, path: &Path) -> Option<String> {
    let bytes = disk.read(path).expect("a readable disk")?;
    Some(String::from_utf8(bytes).expect("text"))
}

/// Law 4's disk: what was synced is there, of the rest a beginning may be.
#[test]
fn every_crash_keeps_what_was_synced_and_a_beginning_of_the_rest() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..400 {
        let (disk, path) = sim();
        disk.append(&path, b"one\n").expect("an append");
        disk.sync_file(&path).expect("a sync");
        disk.sync_dir(Path::new(FOLDER)).expect("a sync");
        disk.append(&path, b"two\n").expect("an append");
        assert_eq!(text(&disk, &path).as_deref(), Some("one\ntwo\n"));
        assert_eq!(disk.durable(&path).as_deref(), Some(&b"one\n"[..]));
        disk.crash(seed);
        let left = text(&disk, &path).expect("a synced file");
        assert!(
            left.starts_with("one\n") && "one\ntwo\n".starts_with(&left),
            "seed {seed}: {left:?}"
        );
        seen.insert(left.len());
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [4, 5, 6, 7, 8]);
}

#[test]
fn a_name_that_was_not_synced_is_lost_with_all_of_its_bytes() {
    for seed in 0..20 {
        let (disk, path) = sim();
        disk.append(&path, b"one\n").expect("an append");
        disk.sync_file(&path).expect("a sync");
        assert_eq!(disk.durable(&path), None);
        disk.crash(seed);
        assert_eq!(text(&disk, &path), None, "seed {seed}");
    }
}

#[test]
fn a_folder_that_was_not_synced_takes_its_files_along() {
    let disk = SimDisk::with_folders(&[Path::new("/plans")]);
    let path = Path::new("/plans/y/a");
    disk.make_dir(Path::new("/plans/y")).expect("a folder");
    disk.append(path, b"one").expect("an append");
    disk.sync_file(path).expect("a sync");
    disk.sync_dir(Path::new("/plans/y")).expect("a sync");
    let lost = disk.fork();
    lost.crash(1);
    assert_eq!(text(&lost, path), None);
    disk.sync_dir(Path::new("/plans")).expect("a sync");
    disk.crash(1);
    assert_eq!(text(&disk, path).as_deref(), Some("one"));
}

#[test]
fn a_cut_that_was_not_synced_may_be_undone_and_never_goes_further() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..50 {
        let (disk, path) = sim();
        disk.append(&path, b"onetwo").expect("an append");
        disk.sync_file(&path).expect("a sync");
        disk.sync_dir(Path::new(FOLDER)).expect("a sync");
        disk.truncate(&path, 3).expect("a cut");
        disk.crash(seed);
        seen.insert(text(&disk, &path).expect("a file"));
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["one", "onetwo"]);
}

#[test]
fn an_atomic_write_is_there_or_was_not() {
    let (disk, path) = sim();
    disk.write_atomic(&path, b"old").expect("a write");
    disk.cut_power_after(0);
    disk.write_atomic(&path, b"new").expect_err("no power");
    assert!(disk.read(&path).is_err());
    disk.crash(3);
    assert_eq!(text(&disk, &path).as_deref(), Some("old"));
    disk.write_atomic(&path, b"new").expect("a write");
    disk.crash(4);
    assert_eq!(text(&disk, &path).as_deref(), Some("new"));
}

#[test]
fn a_full_disk_takes_a_part() {
    let (disk, path) = sim();
    disk.leave_room(Some(2));
    let error = disk.append(&path, b"one").expect_err("no room");
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(text(&disk, &path).as_deref(), Some("on"));
}

#[test]
fn the_real_disk_follows_no_link_and_waits_for_no_pipe() {
    let folder = tempfile::tempdir().expect("a folder");
    let (target, link) = (folder.path().join("target"), folder.path().join("link"));
    files::write_atomic(&target, b"mine").expect("a file");
    std::os::unix::fs::symlink(&target, &link).expect("a link");
    for error in [
        RealDisk.read(&link).expect_err("a link"),
        RealDisk.append(&link, b"!").expect_err("a link"),
        RealDisk.truncate(&link, 0).expect_err("a link"),
        RealDisk.read(folder.path()).expect_err("a folder"),
    ] {
        assert!(
            error.to_string().contains("symbolic link")
                || error.to_string().contains("not a regular file"),
            "{error}"
        );
    }
    assert_eq!(
        RealDisk.read(&target).expect("a file").as_deref(),
        Some(&b"mine"[..])
    );
    assert_eq!(
        RealDisk.read(&folder.path().join("none")).expect("none"),
        None
    );
}

#[test]
fn the_kernel_locks_once_and_frees_what_is_dropped() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.lock");
    let first = Flock::try_take(&path).expect("a lock").expect("free");
    assert!(Flock::try_take(&path).expect("a lock").is_none());
    let patience = Duration::from_millis(10);
    assert!(Flock::take(&path, patience).expect("a lock").is_none());
    drop(first);
    let second = Flock::take(&path, patience).expect("a lock").expect("free");
    assert!(second.is_at(&path));
    files::remove(&path).expect("a removal");
    assert!(!second.is_at(&path));
    assert!(Flock::try_take(&path).expect("a lock").is_some());
}
