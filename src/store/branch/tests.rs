//! Two clones of one bare remote, and what each takes and publishes.

use super::*;
use crate::actuate::{ToolEnvironment, git_tool};
use crate::files::TemporaryDir;
use crate::vcs::GitCall;
use stairway_core::journal::{Event, What};
use std::sync::Arc;
use std::time::Duration;

const AT: Timestamp = Timestamp::from_unix(1_790_000_000);
const ID: &str = "canyon-0123456789ab";
const PLAN: &str = "{\"digest\":\"sha256:0123456789ab\"}\n";

/// A journal of events whose names are separated by blanks: `r…` starts a run of that name, `i…` intends an action
/// with that token, `f…` looks back on it; everything else is seen.
fn journal(words: &str) -> String {
    let (mut run, mut prev) = ("run".to_owned(), "sha256:0123456789ab".to_owned());
    let mut text = String::new();
    for (place, word) in words.split_whitespace().enumerate() {
        let step = word.to_owned();
        let what = match word.chars().next() {
            Some('r') => {
                word.clone_into(&mut run);
                What::RunStarted {
                    format_version: 1,
                    plan: prev.clone(),
                    cluster: "canyon".to_owned(),
                    tool: "stairway".to_owned(),
                    confirmed: "typed".to_owned(),
                    approvals: Vec::new(),
                    signers: Vec::new(),
                    adopted: false,
                }
            }
            Some('i') => What::StepIntended {
                token: word.to_owned(),
                step,
                action: 0,
                attempt: 1,
                health: None,
            },
            _ => What::StepObserved {
                step,
                attempt: 1,
                facts: Vec::new(),
            },
        };
        let event = Event {
            seq: place as u64 + 1,
            at: AT,
            run: run.clone(),
            actor: "ann@here".to_owned(),
            prev_hash: prev,
            what,
        };
        text.push_str(&String::from_utf8(event.line()).unwrap());
        text.push('\n');
        prev = event.hash();
    }
    text
}

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

    /// The plan is on the branch, with a journal of these events.
    fn with(words: &str) -> Self {
        let pair = Self::new();
        put(&pair.ann, "plan.json", PLAN);
        put(&pair.ann, JOURNAL_FILE, &journal(words));
        publish(&pair.ann).unwrap().unwrap();
        pair
    }

    /// Both have the plan with a journal of one event.
    fn begun() -> Self {
        let pair = Self::with("1");
        fetch(&pair.bob).unwrap();
        assert_eq!(get(&pair.bob, JOURNAL_FILE).unwrap(), journal("1"));
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
    store.check(ID).map(|_aside| ())
}

/// Somebody changes a journal with git itself.
fn tamper(pair: &Pair, text: &str) {
    let bob = pair.folder.path().join("bob");
    run(&bob, &["fetch", "-q"]);
    run(&bob, &["switch", "-q", "-C", "work", "origin/runs"]);
    let path = format!("plans/{ID}/{JOURNAL_FILE}");
    files::write_atomic(&bob.join(&path), text.as_bytes()).unwrap();
    let by = ["-c", "user.name=Eve", "-c", "user.email=eve@example.org"];
    run(&bob, &[&by[..], &["commit", "-qam", "mended"]].concat());
    run(&bob, &["push", "-q", "origin", "work:runs"]);
}

#[test]
fn a_journal_that_cannot_be_believed_is_neither_taken_nor_published_until_it_is_mended() {
    let whole = journal("r1 i1 o1 o2");
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    let foreign = whole.replace("0123456789ab", "0123456789ac");
    let rows = [
        (
            "a fact was rewritten",
            whole.replace("\"o1\"", "\"x1\""),
            "the chain is broken",
        ),
        (
            "an event was taken out",
            [lines[0], lines[1], lines[3]].concat(),
            "the chain is broken",
        ),
        (
            "the first was taken out",
            lines[1..].concat(),
            "it belongs to the plan",
        ),
        ("it is of another plan", foreign, "it belongs to the plan"),
        (
            "it is no journal",
            format!("{}<<<<<<< HEAD\n", lines[0]),
            "it is no event",
        ),
        (
            "its end was cut off",
            whole.trim_end().to_owned(),
            "its end is cut off",
        ),
    ];
    for (what, text, why) in rows {
        let pair = Pair::with("r1 i1");
        fetch(&pair.ann).unwrap();
        tamper(&pair, &text);
        let error = fetch(&pair.ann).unwrap_err();
        assert!(
            matches!(error, BranchError::Journal { .. }),
            "{what}: {error}"
        );
        let (said, hint) = (error.to_string(), error.hint().unwrap());
        assert!(
            said.contains(why) && said.contains("of Eve"),
            "{what}: {said}"
        );
        let command = format!("`git log -p origin/runs -- plans/{ID}/journal.ndjson`");
        assert!(hint.contains(&command), "{what}: {hint}");
        assert_eq!(
            get(&pair.ann, JOURNAL_FILE).unwrap(),
            journal("r1 i1"),
            "{what}"
        );
        // A clone that never saw it takes nothing either, and the machine that runs pushes nothing.
        run(pair.folder.path(), &["clone", "-q", "remote", "new"]);
        let new = BranchStore::open(git("new"), &pair.folder.path().join("new"), "runs", None);
        let new = new.unwrap();
        fetch(&new).unwrap_err();
        assert_eq!(get(&new, JOURNAL_FILE), None, "{what}");
        put(&pair.ann, JOURNAL_FILE, &journal("r1 i1 o1"));
        publish(&pair.ann).unwrap_err();
        assert_eq!(pair.on_remote(JOURNAL_FILE), text.trim_end(), "{what}");
        // Once it is mended, everything works again.
        tamper(&pair, &journal("r1 i1"));
        fetch(&pair.ann).unwrap();
        fetch(&new).unwrap();
        publish(&pair.ann).unwrap().unwrap();
        assert_eq!(pair.on_remote(JOURNAL_FILE), journal("r1 i1 o1").trim_end());
    }
}

#[test]
fn a_journal_that_was_changed_here_is_not_published_and_an_event_taken_off_the_branch_comes_back() {
    let pair = Pair::with("r1 i1 o1");
    let good = journal("r1 i1 o1 o2");
    put(
        &pair.ann,
        JOURNAL_FILE,
        &good.replace("\"o2\"", "\"x2\"").replace("\"o1\"", "\"x1\""),
    );
    let error = publish(&pair.ann).unwrap_err();
    assert!(matches!(error, BranchError::JournalHere { .. }), "{error}");
    assert!(error.hint().unwrap().contains("`mv "), "{:?}", error.hint());
    assert_eq!(pair.on_remote(JOURNAL_FILE), journal("r1 i1 o1").trim_end());
    put(&pair.ann, JOURNAL_FILE, &good);
    tamper(&pair, &journal("r1"));
    fetch(&pair.ann).unwrap();
    assert_eq!(get(&pair.ann, JOURNAL_FILE).unwrap(), good);
    publish(&pair.ann).unwrap().unwrap();
    assert_eq!(pair.on_remote(JOURNAL_FILE), good.trim_end());
}

#[test]
fn of_two_journals_that_went_apart_the_one_here_is_left_only_when_it_began_nothing() {
    let rows = [
        // (what, the branch's, the one here, how many events are left behind)
        ("it lost the race for the start", "r1 i1 o1", "r2", Some(1)),
        (
            "it was killed before it told an outcome",
            "r1 i1 x o1",
            "r1 i1 o1 y",
            Some(2),
        ),
        (
            "the other has begun the same action",
            "r1 x i1 o1",
            "r1 i1",
            Some(1),
        ),
        ("it began what nobody knows", "r1 x o1", "r1 i1", None),
        (
            "it began more than the other",
            "r1 x i1",
            "r1 i1 o1 i2",
            None,
        ),
    ];
    for (what, there, here, left) in rows {
        let pair = Pair::with("r1");
        fetch(&pair.bob).unwrap();
        put(&pair.ann, JOURNAL_FILE, &journal(there));
        publish(&pair.ann).unwrap().unwrap();
        put(&pair.bob, JOURNAL_FILE, &journal(here));
        pair.bob.fetch().unwrap();
        pair.bob.take().unwrap();
        assert_eq!(
            get(&pair.bob, JOURNAL_FILE).unwrap(),
            journal(here),
            "{what}"
        );
        let Some(events) = left else {
            let error = pair.bob.check(ID).unwrap_err();
            assert!(
                matches!(error, BranchError::Apart { .. }),
                "{what}: {error}"
            );
            assert_eq!(
                get(&pair.bob, JOURNAL_FILE).unwrap(),
                journal(here),
                "{what}"
            );
            continue;
        };
        let aside = pair.bob.check(ID).unwrap().unwrap();
        assert_eq!(aside.events, events, "{what}");
        assert!(aside.commit.contains("of ann"), "{what}: {aside:?}");
        assert_eq!(
            get(&pair.bob, JOURNAL_FILE).unwrap(),
            journal(there),
            "{what}"
        );
        assert_eq!(
            get(&pair.bob, "journal.ndjson.apart-1").unwrap(),
            journal(here),
            "{what}"
        );
        // It stays here, and is nobody's business.
        assert_eq!(pair.bob.check(ID).unwrap(), None, "{what}");
        assert_eq!(publish(&pair.bob).unwrap(), None, "{what}");
        fetch(&pair.bob).unwrap();
        assert!(get(&pair.bob, "journal.ndjson.apart-1").is_some(), "{what}");
    }
}

#[test]
fn what_is_published_here_is_taken_there_without_logs_and_half_lines() {
    let pair = Pair::new();
    assert!(pair.ann.is_empty().unwrap());
    put(&pair.ann, "plan.json", PLAN);
    put(&pair.ann, JOURNAL_FILE, &format!("{}half", journal("1 2")));
    put(&pair.ann, "logs/token.log", "long");
    put(&pair.ann, ".stairway-left", "over");
    assert!(publish(&pair.ann).unwrap().is_some());
    assert_eq!(publish(&pair.ann).unwrap(), None, "nothing changed");
    fetch(&pair.bob).unwrap();
    assert!(!pair.bob.is_empty().unwrap());
    assert_eq!(get(&pair.bob, JOURNAL_FILE).unwrap(), journal("1 2"));
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
    put(&pair.bob, JOURNAL_FILE, &journal("1"));
    fetch(&pair.bob).unwrap();
    assert_eq!(get(&pair.bob, "plan.json").unwrap(), PLAN);
    assert_eq!(get(&pair.bob, JOURNAL_FILE).unwrap(), journal("1 2"));
}

#[test]
fn a_journal_that_is_ahead_here_stays_and_is_published() {
    let pair = Pair::begun();
    put(&pair.ann, JOURNAL_FILE, &journal("1 2"));
    assert!(pair.ann.is_ahead(ID).unwrap());
    // An approval came in between; that changes nothing about whose journal is longer.
    put(&pair.bob, "approvals/a.json", "{}");
    publish(&pair.bob).unwrap().unwrap();
    fetch(&pair.ann).unwrap();
    assert_eq!(get(&pair.ann, JOURNAL_FILE).unwrap(), journal("1 2"));
    assert_eq!(get(&pair.ann, "approvals/a.json").unwrap(), "{}");
    publish(&pair.ann).unwrap().unwrap();
    assert!(!pair.ann.is_ahead(ID).unwrap());
    assert_eq!(pair.on_remote(JOURNAL_FILE), journal("1 2").trim_end());
}

#[test]
fn whoever_publishes_second_is_told_who_was_first() {
    let pair = Pair::begun();
    put(&pair.ann, JOURNAL_FILE, &journal("1 i2a"));
    let commit = publish(&pair.ann).unwrap().unwrap();
    put(&pair.bob, JOURNAL_FILE, &journal("1 i2b"));
    let error = publish(&pair.bob).unwrap_err();
    assert!(matches!(error, BranchError::Taken { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.contains(&commit[..12]) && text.contains("of ann <"),
        "{text}"
    );
    assert!(error.hint().unwrap().contains("stairway status"));
    assert_eq!(pair.on_remote(JOURNAL_FILE), journal("1 i2a").trim_end());
    // Both wrote: neither journal is touched.
    let error = fetch(&pair.bob).unwrap_err();
    assert!(
        matches!(error, BranchError::Apart { common: 1, .. }),
        "{error}"
    );
    assert_eq!(get(&pair.bob, JOURNAL_FILE).unwrap(), journal("1 i2b"));
    assert!(error.hint().unwrap().contains("`mv "), "{:?}", error.hint());
    // The hint: what was moved aside stays here, and the branch's takes its place.
    files::remove(&pair.bob.folder().join(ID).join(JOURNAL_FILE)).unwrap();
    put(&pair.bob, "journal.ndjson.aside", &journal("1 i2b"));
    fetch(&pair.bob).unwrap();
    assert_eq!(get(&pair.bob, JOURNAL_FILE).unwrap(), journal("1 i2a"));
    assert_eq!(
        get(&pair.bob, "journal.ndjson.aside").unwrap(),
        journal("1 i2b")
    );
    assert_eq!(publish(&pair.bob).unwrap(), None);
}

#[test]
fn approvals_of_others_join_in_the_middle_of_a_run_and_so_do_their_deletions() {
    let pair = Pair::begun();
    put(&pair.bob, "approvals/a.json", "a");
    put(&pair.bob, "approvals/b.json", "b");
    publish(&pair.bob).unwrap().unwrap();
    put(&pair.ann, JOURNAL_FILE, &journal("1 2"));
    publish(&pair.ann).unwrap().unwrap();
    assert_eq!(get(&pair.ann, "approvals/a.json").unwrap(), "a");
    assert_eq!(pair.on_remote("approvals/b.json"), "b");
    assert_eq!(pair.on_remote(JOURNAL_FILE), journal("1 2").trim_end());
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
    put(&pair.ann, JOURNAL_FILE, &journal("1 2 3"));
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
    put(&pair.ann, JOURNAL_FILE, &journal("1 2"));
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
    put(&pair.ann, JOURNAL_FILE, &journal("1 2 3"));
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
