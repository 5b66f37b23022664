use super::*;

fn scratch() -> TemporaryDir {
    TemporaryDir::create().expect("a temporary folder")
}

fn one(name: &str, text: &str) -> BTreeMap<String, Vec<u8>> {
    BTreeMap::from([(name.to_owned(), text.as_bytes().to_vec())])
}

#[test]
fn reads_are_bounded_and_name_the_path() {
    let dir = scratch();
    let path = dir.path().join("a/b.txt");
    write_atomic(&path, b"12345").expect("parents are created");
    assert_eq!(read_bounded(&path, 5).expect("exactly the limit"), b"12345");
    let error = read_bounded(&path, 4).expect_err("one byte too many");
    assert!(matches!(error.kind, FileErrorKind::TooLarge { limit: 4 }));
    assert!(error.to_string().contains("b.txt"), "{error}");
    let error = read_bounded(dir.path(), 10).expect_err("a folder");
    assert!(matches!(error.kind, FileErrorKind::NotRegular));
    let error = read_bounded(&dir.path().join("nope"), 10).expect_err("missing");
    assert!(matches!(error.kind, FileErrorKind::Missing));
    assert_eq!(
        error.to_string(),
        format!(
            "Reading `{}` failed: no such file or folder",
            dir.path().join("nope").display()
        )
    );
}

#[test]
fn text_must_be_utf8_and_loses_its_byte_order_mark() {
    let dir = scratch();
    let path = dir.path().join("t");
    write_atomic(&path, b"ok \xff").expect("written");
    let error = read_text(&path, 10).expect_err("not UTF-8");
    assert!(matches!(error.kind, FileErrorKind::NotUtf8 { offset: 3 }));
    write_atomic(&path, b"\xef\xbb\xbfhi").expect("written");
    assert_eq!(read_text(&path, 10).expect("text"), "hi");
}

#[test]
fn atomic_writes_replace_and_leave_nothing_behind() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = scratch();
    let path = dir.path().join("f");
    write_atomic(&path, b"one").expect("first");
    write_report(&path, b"1").expect("in between");
    write_private(&path, b"two").expect("second");
    assert_eq!(read_bounded(&path, 9).expect("read"), b"two");
    let mode = fs::metadata(&path).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(list_dir(dir.path()).expect("listed"), ["f"]);
}

#[test]
fn folders_appear_at_once_and_never_lose_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = scratch();
    let folder = dir.path().join("plans/x");
    let first = one("deep/plan.json", "1");
    assert_eq!(
        write_dir_atomic(&folder, &first).expect("new"),
        Written::Created
    );
    assert_eq!(
        write_dir_atomic(&folder, &first).expect("same"),
        Written::Unchanged
    );
    let second = one("deep/plan.json", "22");
    assert_eq!(
        write_dir_atomic(&folder, &second).expect("other"),
        Written::Replaced
    );
    assert_eq!(walk(&folder).expect("walked"), ["deep/plan.json"]);
    // As open as any folder that the user makes.
    let made = dir.path().join("made");
    fs::create_dir(&made).expect("made");
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode();
    assert_eq!(mode(&folder), mode(&made));
    sync_tree(&folder).expect("synced");
    append_synced(&folder.join("journal"), b"line\n").expect("appended");
    assert_eq!(
        write_dir_atomic(&folder, &second).expect("same"),
        Written::Unchanged
    );
    let error = write_dir_atomic(&folder, &first).expect_err("the journal would be lost");
    assert!(error.to_string().contains("journal"), "{error}");
    assert_eq!(list_dir(&dir.path().join("plans")).expect("listed"), ["x"]);
    for bad in ["../x", "/x", "", "a/../b"] {
        assert!(write_dir_atomic(&folder, &one(bad, "")).is_err(), "{bad}");
    }
}

#[test]
fn locks_are_exclusive() {
    let dir = scratch();
    let path = dir.path().join("lock");
    create_new(&path, b"me").expect("free");
    let error = create_new(&path, b"you").expect_err("taken");
    assert!(matches!(error.kind, FileErrorKind::Occupied { .. }));
    remove(&path).expect("released");
    create_new(&path, b"you").expect("free again");
}

#[test]
fn repository_top_is_the_nearest() {
    let dir = scratch();
    let inner = dir.path().join("a/b");
    fs::create_dir_all(&inner).expect("folders");
    fs::create_dir(dir.path().join(".git")).expect("a repository");
    let top = canonicalize(dir.path()).expect("there");
    assert_eq!(repository_top(&inner), Some(top));
    // A worktree has a file of this name.
    write_atomic(&dir.path().join("a/.git"), b"gitdir: x").expect("written");
    let nested = canonicalize(&dir.path().join("a")).expect("there");
    assert_eq!(repository_top(&inner), Some(nested));
}
