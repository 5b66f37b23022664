use super::*;
use crate::files;
use stairway_core::journal::Ending;
use stairway_core::model::Timestamp;

fn claim(id: &str, plan: &str) -> LockClaim {
    LockClaim {
        id: id.to_owned(),
        holder: format!("user@host {id}"),
        at: Timestamp::from_unix(1_800_000_000),
        run: format!("run-{plan}"),
        plan: plan.to_owned(),
    }
}

fn note(plan: &str, seq: u64, ending: Option<Ending>) -> LockNote {
    LockNote {
        run: format!("run-{plan}"),
        plan: plan.to_owned(),
        seq,
        head: format!("hash-{seq}"),
        nonces: vec!["n1".to_owned()],
        ending,
    }
}

fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("harbor.lock");
    (folder, path)
}

#[test]
fn one_process_holds_a_lock_and_the_other_is_told_who() {
    let (_folder, path) = place();
    let mut first = FileLock::new(path.clone());
    assert_eq!(first.acquire(&claim("1", "a")), Ok(None));
    first.check().expect("ours");
    let error = FileLock::new(path.clone())
        .acquire(&claim("2", "b"))
        .expect_err("held");
    let said = error.to_string();
    for word in ["user@host 1", "run-a", "plan a", "harbor.lock"] {
        assert!(said.contains(word), "{said}");
    }
    assert!(error.hint().is_some());
    assert_eq!(FileLock::is_held(&path), Ok(true));
    first.release().expect("a release");
    assert_eq!(FileLock::is_held(&path), Ok(false));
    let left = FileLock::new(path.clone())
        .acquire(&claim("2", "b"))
        .expect("free");
    assert!(left.is_some_and(|left| left.id.is_empty() && left.holder == "user@host 1"));
    assert_eq!(FileLock::is_held(&path), Ok(false), "dropped");
}

#[test]
fn what_a_dead_holder_wrote_is_given_to_the_next_one() {
    let (_folder, path) = place();
    let mut dead = FileLock::new(path.clone());
    dead.acquire(&claim("1", "a")).expect("free");
    dead.annotate(&note("a", 7, None)).expect("ours");
    drop(dead);
    let mut next = FileLock::new(path.clone());
    let left = next
        .acquire(&claim("2", "b"))
        .expect("free")
        .expect("content");
    assert_eq!((left.id.as_str(), left.seq), ("1", 7));
    let none = |_: u64| None;
    let error = left.admits("b", 0, &none, false).expect_err("unfinished");
    assert!(matches!(&error, LockError::Unfinished { plan, .. } if plan == "a"));
    assert!(error.hint().is_some_and(|hint| hint.contains("--unlock 1")));
    left.admits("b", 0, &none, true).expect("adopted");
    // Nothing was done by the second: what the first left stands there again, with its id.
    next.release().expect("a release");
    let kept = FileLock::read(&path).expect("a lock").expect("content");
    assert_eq!(kept, left);
    next.acquire(&claim("2", "b")).expect("free");
    // What plan a had is still known while another one holds the lock.
    let kept = FileLock::read(&path).expect("a lock").expect("content");
    assert_eq!(kept.run_of("a").map(|one| one.seq), Some(7));
    assert_eq!((kept.plan.as_str(), kept.seq), ("b", 0));
}

#[test]
fn a_journal_that_is_behind_or_another_one_is_noticed() {
    let (_folder, path) = place();
    let mut lock = FileLock::new(path.clone());
    lock.acquire(&claim("1", "a")).expect("free");
    lock.annotate(&note("a", 3, None)).expect("ours");
    let left = FileLock::read(&path).expect("a lock").expect("content");
    let hash = |seq: u64| Some(format!("hash-{seq}"));
    left.admits("a", 3, &hash, false).expect("the same journal");
    left.admits("a", 9, &hash, false).expect("a longer journal");
    assert!(matches!(
        left.admits("a", 2, &hash, false),
        Err(LockError::JournalBehind {
            journal: 2,
            lock: 3,
            ..
        })
    ));
    let other = |_: u64| Some("other".to_owned());
    assert!(matches!(
        left.admits("a", 3, &other, false),
        Err(LockError::JournalDiffers { seq: 3, .. })
    ));
    left.admits("a", 0, &other, true).expect("adopted");
}

#[test]
fn a_plan_that_ended_cannot_run_again_and_a_stopped_one_can() {
    let (_folder, path) = place();
    let none = |_: u64| None;
    for (ending, admitted) in [
        (Ending::Done, false),
        (Ending::RolledBack, false),
        (Ending::Stopped, true),
    ] {
        let mut lock = FileLock::new(path.clone());
        lock.acquire(&claim("1", "a")).expect("free");
        lock.annotate(&note("a", 1, Some(ending))).expect("ours");
        lock.release().expect("a release");
        let left = FileLock::read(&path).expect("a lock").expect("content");
        assert_eq!(left.unfinished(), None);
        left.admits("b", 0, &none, false)
            .expect("another plan may run");
        let again = left.admits("a", 0, &none, true);
        assert_eq!(again.is_ok(), admitted, "{ending:?}: {again:?}");
    }
    let left = FileLock::read(&path).expect("a lock").expect("content");
    assert_eq!(left.consumed.len(), 1, "one entry per run");
    assert_eq!(left.consumed[0].nonces, ["n1"]);
}

#[test]
fn a_lock_that_was_taken_away_is_noticed_before_the_next_effect() {
    let (_folder, path) = place();
    let mut lock = FileLock::new(path.clone());
    lock.acquire(&claim("1", "a")).expect("free");
    let own = files::read_text(&path, 1 << 20).expect("a lock");
    let theirs = own.replace("\"id\":\"1\"", "\"id\":\"2\"");
    for (text, word) in [
        (theirs.as_str(), "holds it"),
        (&own[..own.len() / 2], "no JSON"),
        ("", "no JSON"),
        ("[]", "kind"),
        (
            "{\"kind\":\"ClusterLock\",\"format_version\":2}",
            "lock format 2",
        ),
        ("{\"kind\":\"ClusterLock\",\"format_version\":1}", "id"),
    ] {
        files::write_atomic(&path, text.as_bytes()).expect("a write");
        let error = lock.check().expect_err(text);
        assert!(matches!(error, LockError::Lost { .. }), "{error}");
        assert!(error.to_string().contains(word), "{error}");
        assert!(lock.annotate(&note("a", 1, None)).is_err());
        let mut next = FileLock::new(path.clone());
        assert!(
            next.acquire(&claim("3", "b")).is_err(),
            "the kernel's lock is still ours"
        );
    }
    files::remove(&path).expect("a removal");
    assert!(lock.check().is_err());
    files::write_atomic(&path, own.as_bytes()).expect("a write");
    lock.check().expect("ours again");
    files::remove(&path.with_file_name("harbor.lock.held")).expect("a removal");
    assert!(lock.check().is_err());
}

#[test]
fn hostile_content_is_never_ignored() {
    let (_folder, path) = place();
    for text in ["", "{", "null", "{\"kind\":\"Plan\"}", "\u{0}\u{0}"] {
        files::write_atomic(&path, text.as_bytes()).expect("a write");
        let error = FileLock::new(path.clone())
            .acquire(&claim("1", "a"))
            .expect_err(text);
        assert!(
            matches!(error, LockError::Unreadable { .. }),
            "{text}: {error}"
        );
        assert!(error.hint().is_some_and(|hint| hint.contains("--adopt")));
        assert!(FileLock::unlock(&path, "1").is_err());
    }
}

#[test]
fn unlocking_needs_the_id_and_a_dead_holder() {
    let (_folder, path) = place();
    assert!(matches!(
        FileLock::unlock(&path, "1"),
        Err(LockError::NotThisOne { .. })
    ));
    let mut lock = FileLock::new(path.clone());
    lock.acquire(&claim("1", "a")).expect("free");
    lock.annotate(&note("a", 1, None)).expect("ours");
    assert!(matches!(
        FileLock::unlock(&path, "1"),
        Err(LockError::Held { .. })
    ));
    drop(lock);
    let error = FileLock::unlock(&path, "2").expect_err("another id");
    assert!(error.to_string().contains("its id is `1`"), "{error}");
    let left = FileLock::unlock(&path, "1").expect("unlocked");
    assert_eq!(left.unfinished(), None);
    assert!(FileLock::unlock(&path, "1").is_err(), "once");
}

#[test]
fn a_simulated_lock_keeps_what_it_wrote_over_a_crash() {
    let folder = Path::new("/w");
    let disk = SimDisk::with_folders(&[folder]);
    let path = folder.join("x.lock");
    let mut lock = SimLock::new(disk.clone(), path.clone());
    lock.acquire(&claim("1", "a")).expect("free");
    lock.annotate(&note("a", 2, None)).expect("ours");
    disk.crash(1);
    let mut next = SimLock::new(disk, path);
    let left = next
        .acquire(&claim("2", "a"))
        .expect("free")
        .expect("content");
    assert_eq!(left.seq, 2);
    assert!(lock.check().is_err(), "the dead one lost it");
    next.check().expect("ours");
}
