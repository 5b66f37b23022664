//! Two clones of one bare remote, and what each takes and publishes.

use super::*;
use crate::actuate::{ToolEnvironment, git_tool};
use crate::files::TemporaryDir;
use crate::vcs::GitCall;
use std::sync::Arc;
use std::time::Duration;

const AT: Timestamp = Timestamp::from_unix(1_790_000_000);
const ID: &str = "canyon-0123456789ab";

fn git(who: &str) -> Git {
    let run = git_tool(ToolEnvironment::of_git());
    Git {
        run: Arc::new(move |call: &GitCall<'_>| {
            let mut env = call.env.to_vec();
            for (name, value) in [
                ("GIT_CONFIG_GLOBAL", "/dev/null"),
                ("GIT_CONFIG_SYSTEM", "/dev/null"),
                ("GIT_CONFIG_COUNT", "0"),
            ] {
                env.push((name.to_owned(), value.to_owned()));
            }
            run(&GitCall {
                env: &env,
                ..call.clone()
            })
        }),
        identity: BTreeMap::from([
            ("GIT_AUTHOR_NAME".to_owned(), who.to_owned()),
            ("GIT_COMMITTER_NAME".to_owned(), who.to_owned()),
        ]),
        own_ssh: false,
    }
}

fn run(folder: &Path, words: &[&str]) -> String {
    let argv: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
    let said = (git("run").run)(&GitCall {
        argv: &argv,
        env: &[],
        folder,
        at_most: Duration::from_secs(60),
    })
    .unwrap();
    assert!(said.ok, "git {words:?}: {}", said.err);
    said.out.trim_end().to_owned()
}

/// Two stores on one remote.
struct Pair {
    folder: TemporaryDir,
    ann: BranchStore,
    bob: BranchStore,
}

impl Pair {
    fn new() -> Self {
        let folder = TemporaryDir::create().unwrap();
        run(folder.path(), &["init", "-q", "--bare", "remote"]);
        let [ann, bob] = ["ann", "bob"].map(|who| {
            run(folder.path(), &["clone", "-q", "remote", who]);
            BranchStore::open(git(who), &folder.path().join(who), "runs", None).unwrap()
        });
        Self { folder, ann, bob }
    }

    /// Both have the plan with a journal of one event.
    fn begun() -> Self {
        let pair = Self::new();
        put(&pair.ann, "plan.json", "{}\n");
        put(&pair.ann, JOURNAL_FILE, "1\n");
        publish(&pair.ann).unwrap().unwrap();
        fetch(&pair.bob).unwrap();
        assert_eq!(get(&pair.bob, JOURNAL_FILE).unwrap(), "1\n");
        pair
    }

    fn on_remote(&self, name: &str) -> String {
        let path = format!("runs:plans/{ID}/{name}");
        run(&self.folder.path().join("remote"), &["show", &path])
    }
}

fn put(store: &BranchStore, name: &str, text: &str) {
    files::write_atomic(&store.folder().join(ID).join(name), text.as_bytes()).unwrap();
}

fn get(store: &BranchStore, name: &str) -> Option<String> {
    let bytes = read_here(&store.folder().join(ID).join(name)).unwrap()?;
    Some(String::from_utf8(bytes).unwrap())
}

fn publish(store: &BranchStore) -> Result<Option<String>, BranchError> {
    let told = Told {
        subject: "an event".to_owned(),
        trailers: Vec::new(),
    };
    store.publish(&[ID.to_owned()], false, &told, AT)
}

fn fetch(store: &BranchStore) -> Result<(), BranchError> {
    store.fetch()?;
    store.take()?;
    store.check(ID)
}

#[test]
fn what_is_published_here_is_taken_there_without_logs_and_half_lines() {
    let pair = Pair::new();
    assert!(pair.ann.is_empty().unwrap());
    put(&pair.ann, "plan.json", "{}\n");
    put(&pair.ann, JOURNAL_FILE, "1\n2\nhalf");
    put(&pair.ann, "logs/token.log", "long");
    put(&pair.ann, ".stairway-left", "over");
    assert!(publish(&pair.ann).unwrap().is_some());
    assert_eq!(publish(&pair.ann).unwrap(), None, "nothing changed");
    fetch(&pair.bob).unwrap();
    assert!(!pair.bob.is_empty().unwrap());
    assert_eq!(get(&pair.bob, JOURNAL_FILE).unwrap(), "1\n2\n");
    assert_eq!(get(&pair.bob, "logs/token.log"), None);
    let listed = run(
        &pair.folder.path().join("remote"),
        &["ls-tree", "-r", "--name-only", "runs"],
    );
    assert_eq!(
        listed,
        format!("plans/{ID}/journal.ndjson\nplans/{ID}/plan.json")
    );
    // What was lost here comes back, though nothing is new there.
    files::remove(&pair.bob.folder().join(ID).join("plan.json")).unwrap();
    put(&pair.bob, JOURNAL_FILE, "1\n");
    fetch(&pair.bob).unwrap();
    assert_eq!(get(&pair.bob, "plan.json").unwrap(), "{}\n");
    assert_eq!(get(&pair.bob, JOURNAL_FILE).unwrap(), "1\n2\n");
}

#[test]
fn a_journal_that_is_ahead_here_stays_and_is_published() {
    let pair = Pair::begun();
    put(&pair.ann, JOURNAL_FILE, "1\n2\n");
    assert!(pair.ann.is_ahead(ID).unwrap());
    // An approval came in between; that changes nothing about whose journal is longer.
    put(&pair.bob, "approvals/a.json", "{}");
    publish(&pair.bob).unwrap().unwrap();
    fetch(&pair.ann).unwrap();
    assert_eq!(get(&pair.ann, JOURNAL_FILE).unwrap(), "1\n2\n");
    assert_eq!(get(&pair.ann, "approvals/a.json").unwrap(), "{}");
    publish(&pair.ann).unwrap().unwrap();
    assert!(!pair.ann.is_ahead(ID).unwrap());
    assert_eq!(pair.on_remote(JOURNAL_FILE), "1\n2");
}

#[test]
fn whoever_publishes_second_is_told_who_was_first() {
    let pair = Pair::begun();
    put(&pair.ann, JOURNAL_FILE, "1\n2a\n");
    let commit = publish(&pair.ann).unwrap().unwrap();
    put(&pair.bob, JOURNAL_FILE, "1\n2b\n");
    let error = publish(&pair.bob).unwrap_err();
    assert!(matches!(error, BranchError::Taken { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.contains(&commit[..12]) && text.contains("of ann <"),
        "{text}"
    );
    assert!(error.hint().unwrap().contains("stairway status"));
    assert_eq!(pair.on_remote(JOURNAL_FILE), "1\n2a");
    // Both wrote: neither journal is touched.
    let error = fetch(&pair.bob).unwrap_err();
    assert!(
        matches!(error, BranchError::Apart { common: 1, .. }),
        "{error}"
    );
    assert_eq!(get(&pair.bob, JOURNAL_FILE).unwrap(), "1\n2b\n");
    assert!(error.hint().unwrap().contains("`mv "), "{:?}", error.hint());
    // The hint: what was moved aside stays here, and the branch's takes its place.
    files::remove(&pair.bob.folder().join(ID).join(JOURNAL_FILE)).unwrap();
    put(&pair.bob, "journal.ndjson.aside", "1\n2b\n");
    fetch(&pair.bob).unwrap();
    assert_eq!(get(&pair.bob, JOURNAL_FILE).unwrap(), "1\n2a\n");
    assert_eq!(get(&pair.bob, "journal.ndjson.aside").unwrap(), "1\n2b\n");
    assert_eq!(publish(&pair.bob).unwrap(), None);
}

#[test]
fn approvals_of_others_join_in_the_middle_of_a_run_and_so_do_their_deletions() {
    let pair = Pair::begun();
    put(&pair.bob, "approvals/a.json", "a");
    put(&pair.bob, "approvals/b.json", "b");
    publish(&pair.bob).unwrap().unwrap();
    put(&pair.ann, JOURNAL_FILE, "1\n2\n");
    publish(&pair.ann).unwrap().unwrap();
    assert_eq!(get(&pair.ann, "approvals/a.json").unwrap(), "a");
    assert_eq!(pair.on_remote("approvals/b.json"), "b");
    assert_eq!(pair.on_remote(JOURNAL_FILE), "1\n2");
    // Somebody deletes one with git itself: it does not come back.
    let bob = pair.folder.path().join("bob");
    run(&bob, &["fetch", "-q"]);
    run(&bob, &["switch", "-q", "-C", "work", "origin/runs"]);
    run(&bob, &["rm", "-q", &format!("plans/{ID}/approvals/a.json")]);
    let by = ["-c", "user.name=Eve", "-c", "user.email=eve@example.org"];
    run(
        &bob,
        &[&by[..], &["commit", "-q", "-m", "revoked"]].concat(),
    );
    run(&bob, &["push", "-q", "origin", "work:runs"]);
    put(&pair.ann, JOURNAL_FILE, "1\n2\n3\n");
    publish(&pair.ann).unwrap().unwrap();
    assert_eq!(get(&pair.ann, "approvals/a.json"), None);
    let listed = run(
        &pair.folder.path().join("remote"),
        &["ls-tree", "-r", "--name-only", "runs"],
    );
    assert!(
        !listed.contains("a.json") && listed.contains("b.json"),
        "{listed}"
    );
}

#[test]
fn other_plans_and_other_files_are_nobodys_business() {
    let pair = Pair::begun();
    let other = "delta-0123456789ab".to_owned();
    let path = pair.bob.folder().join(&other).join("plan.json");
    files::write_atomic(&path, b"{}").unwrap();
    pair.bob
        .publish(std::slice::from_ref(&other), false, &Told::default(), AT)
        .unwrap()
        .unwrap();
    put(&pair.ann, JOURNAL_FILE, "1\n2\n");
    publish(&pair.ann).unwrap().unwrap();
    let listed = run(
        &pair.folder.path().join("remote"),
        &["ls-tree", "-r", "--name-only", "runs"],
    );
    assert!(listed.contains(&other) && listed.contains(ID), "{listed}");
    // A plan that somebody took off the branch is not put back in silence.
    let bob = pair.folder.path().join("bob");
    run(&bob, &["fetch", "-q"]);
    run(&bob, &["switch", "-q", "-C", "work", "origin/runs"]);
    run(&bob, &["rm", "-q", "-r", &format!("plans/{ID}")]);
    let by = ["-c", "user.name=Eve", "-c", "user.email=eve@example.org"];
    run(&bob, &[&by[..], &["commit", "-q", "-m", "gone"]].concat());
    run(&bob, &["push", "-q", "origin", "work:runs"]);
    put(&pair.ann, JOURNAL_FILE, "1\n2\n3\n");
    let error = publish(&pair.ann).unwrap_err();
    assert!(matches!(error, BranchError::Taken { .. }), "{error}");
    assert!(error.to_string().contains("\"gone\""), "{error}");
}

#[test]
fn names_of_branches_and_files_lead_nowhere_else() {
    let pair = Pair::begun();
    let ann = pair.folder.path().join("ann");
    let slashed = BranchStore::open(git("ann"), &ann, "a/b%2Fc", None).unwrap();
    assert!(
        slashed.folder().ends_with("store/a%2Fb%252Fc/plans"),
        "{:?}",
        slashed.folder()
    );
    for name in ["../x", "-x", "", "a..b"] {
        let error = BranchStore::open(git("ann"), &ann, name, None).unwrap_err();
        assert!(
            matches!(error, BranchError::Vcs(VcsError::BadName { .. })),
            "{name}: {error}"
        );
    }
    // A link on the branch is not followed, and not written.
    let bob = pair.folder.path().join("bob");
    run(&bob, &["fetch", "-q"]);
    run(&bob, &["switch", "-q", "-C", "work", "origin/runs"]);
    let link = bob.join("plans/evil-0123456789ab/plan.json");
    files::write_atomic(&link.with_file_name("plan.md"), b"x").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", &link).unwrap();
    run(&bob, &["add", "-A"]);
    let by = ["-c", "user.name=Eve", "-c", "user.email=eve@example.org"];
    run(&bob, &[&by[..], &["commit", "-q", "-m", "evil"]].concat());
    run(&bob, &["push", "-q", "origin", "work:runs"]);
    fetch(&pair.ann).unwrap();
    let taken = pair.ann.folder().join("evil-0123456789ab");
    assert!(files::exists(&taken.join("plan.md")));
    assert!(!files::exists(&taken.join("plan.json")));
}
