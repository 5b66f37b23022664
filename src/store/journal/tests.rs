use super::*;
use crate::store::disk::{RealDisk, SimDisk};
use stairway_core::journal::{Ending, What};
use stairway_core::model::Timestamp;
use std::cell::Cell;
use std::os::unix::fs::PermissionsExt as _;
use std::rc::Rc;

const PLAN: &str = "sha256:plan";

fn event(seq: u64, prev: &str, why: &str) -> Event {
    Event {
        seq,
        at: Timestamp::from_unix(1_800_000_000),
        run: "r1".to_owned(),
        actor: "one@host".to_owned(),
        prev_hash: prev.to_owned(),
        what: What::RunEnded {
            ending: Ending::Stopped,
            why: why.to_owned(),
        },
    }
}

/// Appends `count` events; stops at the first that fails.
fn write<D: Disk>(file: &mut JournalFile<D>, count: u64) -> Result<(), StoreError> {
    for _ in 0..count {
        let seq = file.next_seq();
        let event = event(seq, file.head(), &format!("event {seq}"));
        file.append(&event)?;
    }
    Ok(())
}

fn open<D: Disk>(disk: D, folder: &Path) -> (JournalFile<D>, Journal) {
    JournalFile::open(disk, folder, PLAN).expect("a journal")
}

fn sim() -> (SimDisk, PathBuf) {
    let folder = PathBuf::from("/plans/x");
    (SimDisk::with_folders(&[&folder]), folder)
}

#[test]
fn what_was_appended_is_read_by_the_next_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let (mut file, journal) = open(RealDisk, here);
    assert_eq!(journal, Journal::default());
    assert!(
        !files::exists(&here.join(JOURNAL_FILE)),
        "reading writes nothing"
    );
    write(&mut file, 3).expect("three events");
    let (mut again, journal) = open(RealDisk, here);
    assert_eq!(journal.events.len(), 3);
    assert_eq!((again.head(), again.next_seq()), (file.head(), 4));
    write(&mut again, 2).expect("two events");
    assert_eq!(open(RealDisk, here).1.events.len(), 5);
}

#[test]
fn every_torn_tail_is_reported_and_cut_off_before_the_next_event() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(JOURNAL_FILE);
    write(&mut open(RealDisk, folder.path()).0, 2).expect("two events");
    let whole = files::read_bounded(&path, 1 << 20).expect("a journal");
    let first = whole.iter().position(|b| *b == b'\n').expect("a line") + 1;
    for cut in first + 1..whole.len() {
        files::write_report(&path, &whole[..cut]).expect("a torn journal");
        let (mut file, journal) = open(RealDisk, folder.path());
        assert_eq!(journal.events.len(), 1, "cut at {cut}");
        let torn = journal.torn.expect("a torn line");
        assert_eq!((torn.line, torn.bytes), (2, (cut - first) as u64));
        write(&mut file, 1).expect("an event");
        let (_, journal) = open(RealDisk, folder.path());
        assert_eq!(
            (journal.events.len(), journal.torn),
            (2, None),
            "cut at {cut}"
        );
    }
}

#[test]
fn rubbish_without_a_line_break_is_torn_and_a_broken_chain_is_refused_with_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(JOURNAL_FILE);
    write(&mut open(RealDisk, folder.path()).0, 3).expect("three events");
    let text = files::read_text(&path, 1 << 20).expect("a journal");
    files::write_report(&path, format!("{text}rubb").as_bytes()).expect("a write");
    let (mut file, journal) = open(RealDisk, folder.path());
    assert_eq!((journal.events.len(), journal.torn.is_some()), (3, true));
    write(&mut file, 1).expect("an event");
    assert_eq!(open(RealDisk, folder.path()).1.events.len(), 4);
    let changed = text.replacen("event 1", "event X", 1);
    files::write_report(&path, changed.as_bytes()).expect("a write");
    let error = JournalFile::open(RealDisk, folder.path(), PLAN).expect_err("a broken chain");
    let said = error.to_string();
    assert!(
        said.contains(JOURNAL_FILE) && said.contains("line 2"),
        "{said}"
    );
    assert!(error.hint().is_some_and(|hint| hint.contains("--adopt")));
    let (mut fresh, aside) =
        JournalFile::start_over(RealDisk, folder.path(), PLAN).expect("a new journal");
    assert_eq!(aside, Some(folder.path().join("journal.1.aside.ndjson")));
    write(&mut fresh, 1).expect("an event");
    assert_eq!(open(RealDisk, folder.path()).1.events.len(), 1);
}

#[test]
fn a_huge_line_is_an_event_like_any_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut file, _) = open(RealDisk, folder.path());
    let huge = event(1, PLAN, &"x".repeat(4 << 20));
    file.append(&huge).expect("an event");
    write(&mut file, 1).expect("an event");
    let (_, journal) = open(RealDisk, folder.path());
    assert_eq!(journal.events[0], huge);
    assert_eq!(journal.events.len(), 2);
}

#[test]
fn an_event_that_hangs_on_another_one_is_refused() {
    let (disk, folder) = sim();
    let (mut file, _) = open(disk, &folder);
    write(&mut file, 1).expect("an event");
    for wrong in [event(3, file.head(), ""), event(2, PLAN, "")] {
        let said = file.append(&wrong).expect_err("a gap").to_string();
        assert!(said.contains("does not follow"), "{said}");
    }
    write(&mut file, 1).expect("an event");
}

/// Law 3: when `append` returned, the worst crash leaves the event.
#[test]
fn an_appended_event_is_durable_and_a_power_cut_anywhere_loses_only_what_was_not_returned() {
    for operations in 0..40 {
        for seed in 0..8 {
            let (disk, folder) = sim();
            let (mut file, _) = open(disk.clone(), &folder);
            write(&mut file, 2).expect("two events");
            disk.cut_power_after(operations);
            let mut returned = 2;
            while returned < 12 && write(&mut file, 1).is_ok() {
                returned += 1;
            }
            let durable = disk.durable(&folder.join(JOURNAL_FILE)).unwrap_or_default();
            let kept = journal::read(&durable, PLAN).expect("a chain");
            assert!(kept.events.len() >= returned, "{operations}, {seed}");
            disk.crash(seed);
            let (mut file, journal) = open(disk.clone(), &folder);
            let found = journal.events.len();
            assert!(
                (returned..=returned + 1).contains(&found),
                "{operations}, {seed}"
            );
            write(&mut file, 3).expect("three events");
            disk.crash(seed + 1);
            assert_eq!(open(disk, &folder).1.events.len(), found + 3);
        }
    }
}

#[test]
fn a_full_disk_leaves_whole_events_and_the_run_goes_on_when_there_is_room() {
    for room in 0..400 {
        let (disk, folder) = sim();
        let (mut file, _) = open(disk.clone(), &folder);
        write(&mut file, 1).expect("an event");
        disk.leave_room(Some(room));
        let error = write(&mut file, 5).expect_err("no room");
        assert!(error.to_string().contains("the disk is full"), "{error}");
        let whole = file.next_seq() - 1;
        let (_, journal) = open(disk.clone(), &folder);
        assert_eq!(journal.events.len() as u64, whole, "room for {room}");
        disk.leave_room(None);
        write(&mut file, 2).expect("two events");
        let (_, journal) = open(disk, &folder);
        assert_eq!(
            (journal.events.len() as u64, journal.torn),
            (whole + 2, None)
        );
    }
}

/// A disk whose sync of files fails while it is told to.
#[derive(Clone)]
struct Unsyncable(SimDisk, Rc<Cell<bool>>);

impl Disk for Unsyncable {
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        self.0.read(path)
    }
    fn append(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.0.append(path, bytes)
    }
    fn truncate(&self, path: &Path, length: u64) -> io::Result<()> {
        self.0.truncate(path, length)
    }
    fn sync_file(&self, path: &Path) -> io::Result<()> {
        if self.1.get() {
            return Err(io::Error::other("input/output error"));
        }
        self.0.sync_file(path)
    }
    fn sync_dir(&self, folder: &Path) -> io::Result<()> {
        self.0.sync_dir(folder)
    }
    fn write_atomic(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.0.write_atomic(path, bytes)
    }
    fn make_dir(&self, folder: &Path) -> io::Result<()> {
        self.0.make_dir(folder)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename(from, to)
    }
}

#[test]
fn after_a_failed_sync_nothing_more_is_believed() {
    let (disk, folder) = sim();
    let broken = Rc::new(Cell::new(false));
    let (mut file, _) = open(Unsyncable(disk, Rc::clone(&broken)), &folder);
    write(&mut file, 1).expect("an event");
    broken.set(true);
    let said = write(&mut file, 1).expect_err("no sync").to_string();
    assert!(
        said.starts_with("Syncing `/plans/x/journal.ndjson` failed"),
        "{said}"
    );
    broken.set(false);
    let said = write(&mut file, 1).expect_err("a lost file").to_string();
    assert!(said.contains("nobody knows what is on the disk"), "{said}");
}

#[test]
fn a_folder_that_refuses_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let inner = folder.path().join("inner");
    let (mut missing, _) = open(RealDisk, &inner);
    let said = write(&mut missing, 1).expect_err("no folder").to_string();
    assert!(
        said.contains("no such file or folder") && said.contains("inner"),
        "{said}"
    );
    files::write_atomic(&inner.join("x"), b"").expect("a file");
    let closed = std::fs::Permissions::from_mode(0o500);
    std::fs::set_permissions(&inner, closed).expect("permissions");
    let (mut file, _) = open(RealDisk, &inner);
    // The superuser may write anywhere.
    if let Err(error) = write(&mut file, 1) {
        assert!(error.to_string().contains("permission denied"), "{error}");
    }
    let open_again = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(&inner, open_again).expect("permissions");
}

#[test]
fn logs_have_plain_names() {
    let path = log_path(Path::new("p"), "../../etc/x");
    assert_eq!(path, Path::new("p/logs/______etc_x.log"));
}
