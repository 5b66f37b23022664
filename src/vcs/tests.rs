//! Commits without a work tree, remotes and histories, on real repositories.

use super::*;
use crate::actuate::{ToolEnvironment, git_tool};
use crate::files::{self, TemporaryDir};
use stairway_core::model::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

const AT: Timestamp = Timestamp::from_unix(1_790_000_000);

/// The user's git, without what the machine's owner has set up.
fn git() -> Git {
    let run = git_tool(ToolEnvironment::of_git());
    let own = [
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_CONFIG_SYSTEM", "/dev/null"),
        ("GIT_CONFIG_COUNT", "0"),
    ];
    Git {
        run: Arc::new(move |call: &GitCall<'_>| {
            let mut env = call.env.to_vec();
            env.extend(own.map(|(k, v)| (k.to_owned(), v.to_owned())));
            run(&GitCall {
                env: &env,
                ..call.clone()
            })
        }),
        identity: BTreeMap::new(),
        own_ssh: false,
    }
}

/// Runs git in a folder and returns what it printed.
fn run(folder: &Path, words: &[&str]) -> String {
    let said = ran(folder, words);
    assert!(said.ok, "git {words:?}: {}{}", said.out, said.err);
    said.out.trim_end().to_owned()
}

fn ran(folder: &Path, words: &[&str]) -> GitSaid {
    let argv: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
    let who = ["AUTHOR", "COMMITTER"].map(|who| {
        [
            (format!("GIT_{who}_NAME"), "Ann".to_owned()),
            (format!("GIT_{who}_EMAIL"), "ann@example.org".to_owned()),
            (format!("GIT_{who}_DATE"), "@1780000000 +0000".to_owned()),
        ]
    });
    (git().run)(&GitCall {
        argv: &argv,
        env: &who.concat(),
        folder,
        at_most: Duration::from_secs(60),
    })
    .unwrap()
}

fn put(folder: &Path, name: &str, text: &str) {
    files::write_atomic(&folder.join(name), text.as_bytes()).unwrap();
}

/// A repository on `main` with two commits.
fn repository(folder: &Path) -> PathBuf {
    let top = folder.join("repo");
    run(folder, &["init", "-q", "-b", "main", "repo"]);
    for text in ["one", "two"] {
        put(&top, "fleet.yaml", text);
        put(&top, "clusters/a.jsonnet", "{}");
        run(&top, &["add", "-A"]);
        run(&top, &["commit", "-qm", text]);
    }
    top
}

/// Paths with their text, or none for deleted.
type Rows<'r> = &'r [(&'r str, Option<&'r str>)];

fn change(entries: Rows<'_>) -> Change {
    Change {
        entries: entries
            .iter()
            .map(|(path, text)| {
                (
                    (*path).to_owned(),
                    text.map(|text| text.as_bytes().to_vec()),
                )
            })
            .collect(),
        message: Message {
            subject: "drift: two clusters".to_owned(),
            body: "Both are new.".to_owned(),
            trailers: vec![("Stairway-Run".to_owned(), "r1\nForged: yes".to_owned())],
        },
    }
}

fn commit_on(top: &Path, branch: &str, entries: Rows<'_>) -> Result<Committed, VcsError> {
    let git = git();
    Branch::of(&git, top, branch, None)?.commit(AT, &mut |_| Ok(Some(change(entries))))
}

fn new(committed: Committed) -> String {
    match committed {
        Committed::New { commit, .. } => commit,
        Committed::Same { tip } => panic!("no commit on {tip:?}"),
    }
}

#[test]
fn a_commit_changes_its_paths_and_keeps_all_others() {
    let folder = TemporaryDir::create().unwrap();
    let top = repository(folder.path());
    run(&top, &["branch", "reports"]);
    let entries = [
        ("drift/a.json", Some("{}")),
        ("fleet.yaml", None),
        ("clusters/a.jsonnet", None),
        ("no/such/file", None),
    ];
    let made = new(commit_on(&top, "reports", &entries).unwrap());
    assert_eq!(run(&top, &["rev-parse", "reports"]), made);
    assert_eq!(
        run(&top, &["rev-parse", "reports~1"]),
        run(&top, &["rev-parse", "main"])
    );
    assert_eq!(
        run(&top, &["ls-tree", "-r", "--name-only", "reports"]),
        "drift/a.json"
    );
    let shown = run(
        &top,
        &["log", "-1", "--format=%an %ae %cn %ct%n%B", "reports"],
    );
    assert_eq!(
        shown,
        "stairway stairway@stairway.invalid stairway 1790000000\n\
         drift: two clusters\n\nBoth are new.\n\nStairway-Run: r1 Forged: yes"
    );
    assert_eq!(run(&top, &["fsck", "--strict"]), "");
    // The same again: nothing changed, so there is no second commit.
    let again = commit_on(&top, "reports", &entries).unwrap();
    assert_eq!(
        again,
        Committed::Same {
            tip: Some(made.clone())
        }
    );
    assert_eq!(run(&top, &["rev-parse", "reports"]), made);
    // A file becomes a folder when it is deleted in the same commit.
    new(commit_on(
        &top,
        "reports",
        &[("drift/a.json", None), ("drift/a.json/b", Some("1"))],
    )
    .unwrap());
    assert_eq!(
        run(&top, &["ls-tree", "-r", "--name-only", "reports"]),
        "drift/a.json/b"
    );
    let git = git();
    let branch = Branch::of(&git, &top, "reports", None).unwrap();
    let (listed, read) = branch
        .look(|tip| Ok::<_, VcsError>((tip.list("drift/")?, tip.read("drift/a.json/b")?)))
        .unwrap();
    assert_eq!(
        (listed, read),
        (vec!["drift/a.json/b".to_owned()], Some(b"1".to_vec()))
    );
}

#[test]
fn nothing_to_write_makes_no_branch() {
    let folder = TemporaryDir::create().unwrap();
    let top = repository(folder.path());
    let none = Committed::Same { tip: None };
    assert_eq!(commit_on(&top, "reports", &[("a", None)]).unwrap(), none);
    assert!(!ran(&top, &["rev-parse", "--verify", "-q", "reports"]).ok);
    // The first commit of a branch is nobody's child.
    let first = new(commit_on(&top, "reports", &[("a", Some("1"))]).unwrap());
    assert_eq!(run(&top, &["rev-list", "reports"]), first);
}

#[test]
fn work_trees_and_indexes_stay_as_they_are_wherever_it_runs() {
    let folder = TemporaryDir::create().unwrap();
    let top = repository(folder.path());
    let at = |name: &str| folder.path().join(name);
    let url = format!("file://{}", top.display());
    run(folder.path(), &["clone", "-q", "--bare", &url, "bare"]);
    run(
        folder.path(),
        &["clone", "-q", "--depth=1", &url, "shallow"],
    );
    run(folder.path(), &["clone", "-q", &url, "detached"]);
    run(&at("detached"), &["switch", "-q", "--detach"]);
    run(folder.path(), &["clone", "-q", &url, "linked-main"]);
    run(
        &at("linked-main"),
        &["worktree", "add", "-q", "-b", "side", "../linked"],
    );
    for name in ["bare", "shallow", "detached", "linked", "linked-main"] {
        let top = at(name);
        let found = repository_around(&top).unwrap();
        let snapshot = || {
            if name == "bare" {
                return (Vec::new(), String::new());
            }
            let index = run(
                &top,
                &["rev-parse", "--path-format=absolute", "--git-path", "index"],
            );
            let bytes = files::read_bounded(Path::new(&index), 1 << 20).unwrap();
            (bytes, run(&top, &["status", "--porcelain=v2", "--branch"]))
        };
        let before = snapshot();
        let made = new(commit_on(&found, "reports", &[("drift/a.md", Some(name))]).unwrap());
        assert_eq!(
            run(&top, &["rev-parse", "refs/heads/reports"]),
            made,
            "{name}"
        );
        assert_eq!(run(&top, &["show", "reports:drift/a.md"]), name);
        assert!(
            snapshot() == before,
            "{name}: the work tree or the index changed"
        );
        assert!(!top.join("drift").exists());
        // On top of what is there, in a shallow clone too.
        if name != "linked-main" {
            run(
                &top,
                &[
                    "branch",
                    "-f",
                    "onto",
                    if name == "bare" { "main" } else { "HEAD" },
                ],
            );
            new(commit_on(&found, "onto", &[("drift/a.md", Some("1"))]).unwrap());
            assert_eq!(run(&top, &["show", "onto:fleet.yaml"]), "two", "{name}");
        }
    }
}

#[test]
fn a_branch_that_a_work_tree_has_checked_out_is_refused() {
    let folder = TemporaryDir::create().unwrap();
    let top = repository(folder.path());
    run(&top, &["worktree", "add", "-q", "-b", "side", "../linked"]);
    run(folder.path(), &["init", "-q", "-b", "fresh", "unborn"]);
    let linked = folder.path().join("linked");
    for (at, branch) in [
        (&top, "main"),
        (&top, "side"),
        (&linked, "main"),
        (&linked, "side"),
        (&folder.path().join("unborn"), "fresh"),
    ] {
        let before = ran(at, &["rev-parse", branch]);
        let error = commit_on(at, branch, &[("a", Some("1"))]).unwrap_err();
        assert!(
            matches!(error, VcsError::CheckedOut { .. }),
            "{branch}: {error}"
        );
        assert!(error.hint().unwrap().contains("git switch --detach"));
        assert_eq!(ran(at, &["rev-parse", branch]), before);
    }
}

#[test]
fn paths_that_a_tree_cannot_have_are_refused() {
    let folder = TemporaryDir::create().unwrap();
    let top = repository(folder.path());
    std::os::unix::fs::symlink("fleet.yaml", top.join("link")).unwrap();
    run(&top, &["add", "-A"]);
    run(&top, &["commit", "-qm", "link"]);
    run(&top, &["branch", "reports"]);
    let rows: [(Rows<'_>, &str); 13] = [
        (&[("/etc/passwd", Some(""))], "plain relative path"),
        (&[("../a", Some(""))], "plain relative path"),
        (&[("a/../b", Some(""))], "plain relative path"),
        (&[("./a", Some(""))], "plain relative path"),
        (&[("a//b", Some(""))], "plain relative path"),
        (&[("a/", Some(""))], "plain relative path"),
        (&[("", Some(""))], "plain relative path"),
        (&[("a\nb", Some(""))], "plain relative path"),
        (&[("a/.GIT/hooks/x", Some(""))], "keeps the name `.git`"),
        (
            &[("fleet.yaml/x", Some(""))],
            "a file is where a folder must be",
        ),
        (
            &[("clusters", Some(""))],
            "something else than a file is there",
        ),
        (&[("link", Some(""))], "something else than a file is there"),
        (&[("x", Some("")), ("x/y", Some(""))], "a file and a folder"),
    ];
    let before = run(&top, &["rev-parse", "reports"]);
    for (entries, expected) in rows {
        let error = commit_on(&top, "reports", entries).unwrap_err();
        assert!(error.to_string().contains(expected), "{entries:?}: {error}");
    }
    assert_eq!(run(&top, &["rev-parse", "reports"]), before);
}

#[test]
fn names_that_could_be_options_or_other_refs_are_refused() {
    let folder = TemporaryDir::create().unwrap();
    let top = repository(folder.path());
    let git = git();
    for branch in [
        "-f", "", "HEAD", "a b", "a..b", "a.lock", "a:b", "/a", "a/", "@{-1}", "a\nb",
    ] {
        let error = Branch::of(&git, &top, branch, None).unwrap_err();
        assert!(
            matches!(error, VcsError::BadName { .. }),
            "{branch}: {error}"
        );
    }
    for remote in ["--upload-pack=x", "", "https://x/y", "../x", "a b"] {
        let made = Branch::of(&git, &top, "runs", Some(remote));
        let refused = match made {
            Err(error) => matches!(error, VcsError::BadName { .. }),
            // A name that git could have, and this repository does not have.
            Ok(branch) => matches!(branch.fetch(), Err(VcsError::Remote { .. })),
        };
        assert!(refused, "{remote}");
    }
    run(&top, &["branch", "taken"]);
    run(&top, &["pack-refs", "--all"]);
    for branch in ["taken/below", "main/x"] {
        let error = commit_on(&top, branch, &[("a", Some("1"))]).unwrap_err();
        assert!(error.to_string().contains("beside the branch"), "{error}");
    }
    run(&top, &["branch", "up/down"]);
    let error = commit_on(&top, "up", &[("a", Some("1"))]).unwrap_err();
    assert!(
        error.to_string().contains("beside the branch `up/down`"),
        "{error}"
    );
}

#[test]
fn eight_committers_of_one_repository_lose_nothing() {
    const WRITERS: usize = 8;
    const EACH: usize = 5;
    let folder = TemporaryDir::create().unwrap();
    let top = repository(folder.path());
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let top = &top;
            scope.spawn(move || {
                for number in 0..EACH {
                    let path = format!("drift/{writer}-{number}.md");
                    new(commit_on(top, "reports", &[(&path, Some("x"))]).unwrap());
                }
            });
        }
    });
    let listed = run(&top, &["ls-tree", "-r", "--name-only", "reports"]);
    assert_eq!(listed.lines().count(), WRITERS * EACH, "{listed}");
    let commits = run(&top, &["rev-list", "--count", "reports"]);
    assert_eq!(commits, (WRITERS * EACH).to_string());
    // Commits that came too late are left to `git gc`.
    assert_eq!(run(&top, &["fsck", "--strict", "--no-dangling"]), "");
}

/// A bare remote with `main`, and clones of it.
fn remote_with(folder: &Path, clones: usize) -> Vec<PathBuf> {
    let top = repository(folder);
    let url = format!("file://{}", folder.join("remote").display());
    run(
        folder,
        &[
            "clone",
            "-q",
            "--bare",
            &top.display().to_string(),
            "remote",
        ],
    );
    (0..clones)
        .map(|number| {
            let name = format!("clone-{number}");
            run(folder, &["clone", "-q", &url, &name]);
            folder.join(name)
        })
        .collect()
}

fn publish(top: &Path, entries: Rows<'_>) -> Result<Published, VcsError> {
    let git = git();
    Branch::of(&git, top, "runs", Some("origin"))?.publish(AT, &mut |_| Ok(Some(change(entries))))
}

#[test]
fn eight_clones_that_publish_lose_nothing() {
    const EACH: usize = 2;
    let folder = TemporaryDir::create().unwrap();
    let clones = remote_with(folder.path(), 8);
    std::thread::scope(|scope| {
        for (writer, top) in clones.iter().enumerate() {
            scope.spawn(move || {
                for number in 0..EACH {
                    let path = format!("drift/{writer}-{number}.md");
                    let published = publish(top, &[(&path, Some("x"))]).unwrap();
                    assert!(published.pushed);
                }
            });
        }
    });
    let remote = folder.path().join("remote");
    let listed = run(&remote, &["ls-tree", "-r", "--name-only", "runs"]);
    assert_eq!(listed.lines().count(), clones.len() * EACH, "{listed}");
    let commits = run(&remote, &["rev-list", "--count", "runs"]);
    assert_eq!(commits, (clones.len() * EACH).to_string());
    // Each clone has its own last commit, and one that publishes nothing new sends nothing.
    let last = publish(&clones[0], &[("drift/0-0.md", Some("x"))]).unwrap();
    assert!(!last.pushed && matches!(last.committed, Committed::Same { .. }));
    let tips: BTreeSet<String> = [&clones[0], &remote]
        .map(|top| run(top, &["rev-parse", "refs/heads/runs"]))
        .into();
    assert_eq!(tips.len(), 1);
}

#[test]
fn a_push_moves_the_remote_only_from_what_was_expected() {
    let folder = TemporaryDir::create().unwrap();
    let clones = remote_with(folder.path(), 2);
    let git = git();
    let [here, there] =
        [0, 1].map(|n| Branch::of(&git, &clones[n], "runs", Some("origin")).unwrap());
    assert!(here.has_remote().unwrap());
    assert_eq!(here.fetch().unwrap(), None);
    let first = new(here
        .commit::<VcsError>(AT, &mut |_| Ok(Some(change(&[("a", Some("1"))]))))
        .unwrap());
    assert_eq!(here.push(&first, None).unwrap(), Pushed::Done);
    // The other clone builds upon what it fetched, although it has no such branch.
    assert_eq!(there.fetch().unwrap(), Some(first.clone()));
    let second = there
        .commit::<VcsError>(AT, &mut |tip| {
            assert_eq!(tip.id(), Some(first.clone()));
            Ok(Some(change(&[("b", Some("2"))])))
        })
        .unwrap();
    let second = new(second);
    assert_eq!(
        there.push(&second, None).unwrap(),
        Pushed::Moved(Some(first.clone()))
    );
    assert_eq!(there.push(&second, Some(&first)).unwrap(), Pushed::Done);
    // Its own branch went on meanwhile: neither side is lost, and nobody is overwritten.
    let ours = new(here
        .commit::<VcsError>(AT, &mut |_| Ok(Some(change(&[("c", Some("3"))]))))
        .unwrap());
    assert_eq!(
        here.push(&ours, Some(&first)).unwrap(),
        Pushed::Moved(Some(second.clone()))
    );
    let error = here.push(&ours, Some(&second)).unwrap_err();
    assert!(error.to_string().contains("does not follow on"), "{error}");
    let error = publish(&clones[0], &[("d", Some("4"))]).unwrap_err();
    assert!(
        matches!(
            error,
            VcsError::Diverged {
                ours: 1,
                theirs: 1,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(run(&clones[0], &["rev-parse", "runs"]), ours);
    assert_eq!(
        run(&folder.path().join("remote"), &["rev-parse", "runs"]),
        second
    );
}

#[test]
fn a_remote_that_refuses_or_is_gone_says_so_and_nothing_has_moved() {
    let folder = TemporaryDir::create().unwrap();
    let clones = remote_with(folder.path(), 1);
    let top = &clones[0];
    publish(top, &[("a", Some("1"))]).unwrap();
    let before = run(top, &["rev-parse", "runs"]);
    let hook = folder.path().join("remote/hooks/pre-receive");
    put(
        folder.path(),
        "remote/hooks/pre-receive",
        "#!/bin/sh\necho 'not on a Friday' >&2\nexit 1\n",
    );
    run(
        folder.path(),
        &["-c", "alias.x=!chmod +x remote/hooks/pre-receive", "x"],
    );
    let error = publish(top, &[("a", Some("2"))]).unwrap_err().to_string();
    assert!(
        error.contains("Pushing the branch `runs` to `origin` failed"),
        "{error}"
    );
    assert!(error.contains("not on a Friday"), "{error}");
    assert_eq!(run(top, &["rev-parse", "runs"]), before);
    files::remove(&hook).unwrap();
    for (url, word) in [
        ("file:///no/such/remote", "no/such/remote"),
        ("https://ann:s3cret@127.0.0.1:1/r.git", "127.0.0.1"),
    ] {
        run(top, &["remote", "set-url", "origin", url]);
        let error = publish(top, &[("a", Some("2"))]).unwrap_err();
        assert!(error.hint().is_some());
        let error = error.to_string();
        assert!(
            error.contains("Fetching the branch `runs` from `origin` failed"),
            "{error}"
        );
        assert!(error.contains(word) && !error.contains("s3cret"), "{error}");
        assert_eq!(run(top, &["rev-parse", "runs"]), before);
    }
    let git = git();
    let nowhere = Branch::of(&git, top, "runs", Some("upstream")).unwrap();
    assert!(!nowhere.has_remote().unwrap());
    let error = nowhere.fetch().unwrap_err();
    assert!(
        error.to_string().contains("has no remote `upstream`"),
        "{error}"
    );
}

#[test]
fn commits_are_signed_when_git_is_set_up_so() {
    let folder = TemporaryDir::create().unwrap();
    let top = repository(folder.path());
    let key = folder.path().join("key");
    let key_shown = key.display().to_string();
    let keygen = format!("alias.x=!ssh-keygen -q -t ed25519 -N '' -C '' -f {key_shown}");
    run(folder.path(), &["-c", &keygen, "x"]);
    let public = files::read_text(&key.with_extension("pub"), 1 << 10).unwrap();
    put(
        folder.path(),
        "signers",
        &format!("{FALLBACK_EMAIL} {public}"),
    );
    let signers = folder.path().join("signers").display().to_string();
    for (name, value) in [
        ("commit.gpgsign", "true"),
        ("gpg.format", "ssh"),
        ("user.signingkey", &key_shown),
        ("gpg.ssh.allowedSignersFile", &signers),
    ] {
        run(&top, &["config", name, value]);
    }
    let made = new(commit_on(&top, "reports", &[("a", Some("1"))]).unwrap());
    run(&top, &["verify-commit", &made]);
    let next = new(commit_on(&top, "reports", &[("a", Some("2"))]).unwrap());
    run(&top, &["verify-commit", &next]);
    let shown = run(&top, &["log", "-1", "--format=%ae %at %ct%n%B", &next]);
    assert!(
        shown.starts_with("stairway@stairway.invalid 1790000000 1790000000\ndrift: two"),
        "{shown}"
    );
    assert_eq!(run(&top, &["rev-parse", "reports~1"]), made);
    // A key that is gone: no unsigned commit takes its place.
    files::remove(&key).unwrap();
    files::remove(&key.with_extension("pub")).unwrap();
    let error = commit_on(&top, "reports", &[("a", Some("3"))]).unwrap_err();
    assert!(matches!(error, VcsError::Signing { .. }), "{error}");
    assert!(error.hint().unwrap().contains("commit.gpgsign"));
    assert_eq!(run(&top, &["rev-parse", "reports"]), next);
}

#[test]
fn a_lock_that_was_left_and_a_broken_store_say_so() {
    let folder = TemporaryDir::create().unwrap();
    let top = repository(folder.path());
    put(&top, ".git/refs/heads/reports.lock", "");
    let error = commit_on(&top, "reports", &[("a", Some("1"))]).unwrap_err();
    assert!(matches!(error, VcsError::Locked { .. }), "{error}");
    assert!(error.hint().unwrap().ends_with("refs/heads/reports.lock`"));
    files::remove(&top.join(".git/refs/heads/reports.lock")).unwrap();
    let made = new(commit_on(&top, "reports", &[("a", Some("1"))]).unwrap());
    let object = top.join(".git/objects").join(&made[..2]).join(&made[2..]);
    files::remove(&object).unwrap();
    let error = commit_on(&top, "reports", &[("a", Some("2"))]).unwrap_err();
    assert!(matches!(error, VcsError::Store { .. }), "{error}");
    assert_eq!(run(&top, &["rev-parse", "refs/heads/reports"]), made);
}

#[test]
fn the_last_author_is_whoever_changed_it_last() {
    let folder = TemporaryDir::create().unwrap();
    let top = repository(folder.path());
    let commit = |name: &str, text: &str, who: &str| {
        put(&top, name, text);
        run(&top, &["add", "-A"]);
        let author = format!("--author={who} <{who}@example.org>");
        run(
            &top,
            &["commit", "-q", &author, "-m", &format!("{name}: {text}")],
        );
        run(&top, &["rev-parse", "HEAD"])
    };
    let by_bo = commit("clusters/b.jsonnet", "b", "bo");
    run(&top, &["switch", "-q", "-c", "side"]);
    let by_cy = commit("clusters/c.jsonnet", "c", "cy");
    run(&top, &["switch", "-q", "main"]);
    let by_di = commit("fleet.yaml", "three", "di");
    run(&top, &["merge", "-q", "--no-ff", "-m", "merge", "side"]);
    let last = |paths: &[&str]| {
        let paths: Vec<String> = paths.iter().map(|&path| path.to_owned()).collect();
        let found = last_author(&top, "HEAD", &paths).unwrap();
        found.map(|made| (made.name, made.commit))
    };
    let of = |name: &str, commit: &str| Some((name.to_owned(), commit.to_owned()));
    assert_eq!(last(&["clusters/b.jsonnet"]), of("bo", &by_bo));
    // The merge made nothing itself.
    assert_eq!(last(&["clusters/c.jsonnet"]), of("cy", &by_cy));
    assert_eq!(last(&["fleet.yaml"]), of("di", &by_di));
    assert_eq!(last(&["./clusters/"]), of("cy", &by_cy));
    assert_eq!(last(&["nowhere"]), None);
    assert_eq!(last(&[]), None);
    let groups = [
        vec!["fleet.yaml".to_owned()],
        vec!["clusters/b.jsonnet".to_owned()],
        Vec::new(),
    ];
    let all = last_authors(&top, "HEAD", &groups).unwrap();
    let names: Vec<Option<&str>> = all
        .last
        .iter()
        .map(|m| m.as_ref().map(|m| m.name.as_str()))
        .collect();
    assert_eq!(names, [Some("di"), Some("bo"), None]);
    assert!(!all.cut);
    let history = |at_most: usize, stop: Option<&str>| {
        let found = changes_of(&top, "HEAD", &["clusters".to_owned()], at_most, stop).unwrap();
        let subjects = found
            .commits
            .into_iter()
            .map(|made| made.subject)
            .collect::<Vec<_>>();
        (subjects, found.cut)
    };
    let all = ["clusters/c.jsonnet: c", "clusters/b.jsonnet: b", "one"].map(str::to_owned);
    assert_eq!(history(10, None), (all.to_vec(), false));
    assert_eq!(history(1, None), (all[..1].to_vec(), false));
    assert_eq!(history(10, Some(&by_bo)), (all[..1].to_vec(), false));
    // The commit where a shallow clone ends would seem to have changed everything.
    let url = format!("file://{}", top.display());
    run(
        folder.path(),
        &["clone", "-q", "--depth=2", &url, "shallow"],
    );
    let shallow = folder.path().join("shallow");
    let found = last_authors(&shallow, "HEAD", &groups).unwrap();
    assert_eq!(found.last, [None, None, None]);
    assert!(found.cut);
    let error = last_author(&top, "nowhere", &["a".to_owned()]).unwrap_err();
    assert!(matches!(error, VcsError::NoRevision { .. }), "{error}");
}
