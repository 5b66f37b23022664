//! `stairway approve`: the real binary, a real repository, and OpenSSH where it is installed.

use crate::support::{DEMO_FLEET, Place, Run, demo, names_in, read, testdata, write};
use serde_json::Value;
use stairway_core::approve::{Signed, SigningKey, Statement};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const ANN: &str = "ann@example.org";
const BOB: &str = "bob@example.org";
const AUTHOR: &str = "author@example.org";
const REFUSED: i32 = 5;
const USAGE: i32 = 64;

/// A clone of the demo fleet with a policy on approvals, and one plan in `plans/`.
pub(crate) struct Desk {
    pub(crate) place: Place,
    pub(crate) plan: String,
}

/// Returns a line of `allowed_signers` for one of the test-only keys.
pub(crate) fn signer(principal: &str, key: &str) -> String {
    let public = testdata(&format!("approvals/test-only-{key}.key.pub"));
    format!("{principal} {}", read(&public))
}

fn policy(place: &Place, approvals: &str, signers: &str) {
    let fleet = read(&testdata("demo/fleet.yaml"));
    let decided = fleet.replacen(
        "\npolicy:\n",
        &format!("\npolicy:\n  approvals: {approvals}\n"),
        1,
    );
    assert_ne!(decided, fleet);
    // Waves have tests of their own.
    let free: Vec<&str> = decided
        .lines()
        .filter(|line| !line.contains("wave"))
        .collect();
    place.file(DEMO_FLEET, &format!("{}\n", free.join("\n")));
    place.file("testdata/demo/.stairway/allowed_signers", signers);
}

/// Commits everything below the working folder that is not ignored; returns the hash.
pub(crate) fn commit(place: &Place, email: &str) -> String {
    let top = place.work();
    let repository = git2::Repository::init(&top).expect("a repository");
    let time = git2::Time::new(1_790_000_000, 0);
    let by = git2::Signature::new("Someone", email, &time).expect("a signature");
    let mut index = repository.index().expect("an index");
    index
        .add_all(["."], git2::IndexAddOption::DEFAULT, None)
        .expect("added");
    index.update_all(["."], None).expect("updated");
    index.write().expect("written");
    let tree = index.write_tree().expect("a tree");
    let tree = repository.find_tree(tree).expect("the tree");
    let parent = repository
        .head()
        .ok()
        .and_then(|head| head.peel_to_commit().ok());
    let parents: Vec<&git2::Commit<'_>> = parent.iter().collect();
    let id = repository.commit(Some("HEAD"), &by, &by, "change", &tree, &parents);
    id.expect("a commit").to_string()
}

pub(crate) fn key(place: &Place, name: &str) -> PathBuf {
    let from = testdata(&format!("approvals/test-only-{name}.key"));
    let to = place.work().join(format!("../{name}.key"));
    write(&to, &read(&from));
    let private = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(&to, private).expect("permissions");
    to
}

impl Desk {
    pub(crate) fn new(approvals: &str) -> Self {
        let place = Place::new();
        place.copy("testdata/demo");
        place.copy("templates");
        let signers = format!("{}{}", signer(ANN, "ann"), signer(BOB, "bob"));
        policy(&place, approvals, &signers);
        commit(&place, AUTHOR);
        let plan = Self::plan(&place);
        Self { place, plan }
    }

    /// Plans the fleet and returns the id of the first plan with something to run.
    fn plan(place: &Place) -> String {
        let line = [
            "plan", "--fleet", DEMO_FLEET, "--out", "plans", "--format", "json",
        ];
        let set = place.run(&line).expect(0).json();
        set["clusters"]
            .as_array()
            .expect("plans")
            .iter()
            .find(|plan| !plan["steps"].as_array().expect("steps").is_empty())
            .and_then(|plan| plan["id"].as_str())
            .expect("a plan with steps")
            .to_owned()
    }

    fn approve(&self, more: &[&str]) -> Run {
        let line = ["approve", &self.plan, "--fleet", DEMO_FLEET];
        self.place.run(&[&line, more].concat())
    }

    pub(crate) fn sign(&self, by: &str, more: &[&str]) -> Run {
        let key = key(&self.place, by).to_string_lossy().into_owned();
        let line = ["--key", &key, "--policy-from", "HEAD"];
        self.approve(&[&line, more].concat())
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.place
            .work()
            .join("plans")
            .join(&self.plan)
            .join("approvals")
    }

    /// The first plan of what `--format json` printed.
    fn only(run: &Run) -> Value {
        run.json()["plans"][0].clone()
    }
}

fn counting(plan: &Value) -> Vec<String> {
    let all = plan["approvals"].as_array().expect("approvals");
    let names = all
        .iter()
        .filter(|one| one["counts"] == true)
        .map(|one| one["signer"].as_str().expect("a signer").to_owned());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn n_persons_approve_and_one_takes_it_back() {
    let desk = Desk::new("{required: 2}");
    let first = desk.sign("ann", &[]).expect(0);
    for said in [
        "Cluster",
        "Account",
        "111122223333",
        "sha256:",
        "1 of 2 required",
        ANN,
        "No way back",
    ] {
        assert!(first.stdout.contains(said), "{said}: {}", first.stdout);
    }
    assert_eq!(first.stderr, "");
    let second = desk.sign("bob", &["--format", "json"]).expect(0);
    let plan = Desk::only(&second);
    assert_eq!(plan["required"], 2);
    assert_eq!(plan["approved"], true);
    assert_eq!(counting(&plan), [ANN, BOB]);
    let names = names_in(&desk.folder());
    assert_eq!(names.len(), 4, "{names:?}");
    // Once more changes nothing.
    let again = desk.sign("bob", &["--expires", "1h"]).expect(0);
    assert!(
        again.stderr.contains("has approved the plan"),
        "{}",
        again.stderr
    );
    assert_eq!(names_in(&desk.folder()), names);
    let revoked = desk
        .sign("ann", &["--revoke", "--format", "json"])
        .expect(0);
    let plan = Desk::only(&revoked);
    assert_eq!(plan["approved"], false);
    assert_eq!(counting(&plan), [BOB]);
    let why = plan["approvals"][1]["why_not"].as_str().expect("a reason");
    assert!(why.starts_with("`ann@example.org` revoked it at"), "{why}");
}

#[test]
fn what_cannot_count_is_not_written() {
    let desk = Desk::new("{required: 1}");
    let eve = desk.sign("eve-p256", &[]);
    eve.refused(&[REFUSED], &["the signers do not list the key SHA256:"]);
    let eve = desk.sign("eve-p256", &["--signer", ANN]);
    eve.refused(
        &[REFUSED],
        &["the signers allow no key SHA256:", "for `ann@example.org`"],
    );
    let nothing = desk.sign("ann", &["--revoke"]);
    nothing.refused(
        &[REFUSED],
        &["Revoking the approval of", "there is none of this signer"],
    );
    let long = desk.sign("ann", &["--expires", "73h"]);
    long.refused(
        &[USAGE],
        &["`--expires 73h` is longer than the fleet allows, 3d"],
    );
    assert!(!desk.folder().exists());
    let none = desk.approve(&[]);
    none.refused(
        &[USAGE],
        &[
            "No key is named, and none is guessed",
            "--key ~/.ssh/id_ed25519",
        ],
    );
    // A broken file there is told and does not count.
    write(&desk.folder().join("broken.json"), "{");
    let run = desk.sign("ann", &[]).expect(0);
    assert!(
        run.stderr
            .contains("`approvals/broken.json` does not count"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_plan_that_was_changed_by_one_byte_is_refused() {
    let desk = Desk::new("{required: 1}");
    desk.sign("ann", &[]).expect(0);
    let path = desk
        .place
        .work()
        .join("plans")
        .join(&desk.plan)
        .join("plan.json");
    let text = read(&path);
    let changed = text.replacen("\"region\":\"", "\"region\":\"x", 1);
    assert!(changed != text, "nothing was changed");
    write(&path, &changed);
    let run = desk.sign("bob", &[]);
    run.refused(&[REFUSED], &["was changed after it was made"]);
}

#[test]
fn policy_comes_from_the_revision_and_not_from_the_work_tree() {
    let desk = Desk::new("{required: 2, notAuthor: false}");
    // The change under review lowers the number and adds a signer.
    let all = format!(
        "{}{}",
        signer(ANN, "ann"),
        signer("eve@example.org", "eve-p256")
    );
    policy(&desk.place, "{required: 1}", &all);
    commit(&desk.place, AUTHOR);
    policy(&desk.place, "{required: 0}", &all);
    let required = |more: &[&str]| {
        let key = key(&desk.place, "ann").to_string_lossy().into_owned();
        let run = desk.approve(&[&["--key", &key, "--format", "json"], more].concat());
        let plan = Desk::only(&run.clone().expect(0));
        (plan["required"].clone(), run.stderr)
    };
    assert_eq!(required(&["--policy-from", "HEAD~1"]).0, 2);
    assert_eq!(required(&["--policy-from", "HEAD"]).0, 1);
    assert_eq!(required(&[]).0, 0);
    policy(&desk.place, "{required: 1}", &all);
    let (_, stderr) = required(&[]);
    assert!(stderr.contains("read from the work tree"), "{stderr}");
    let eve = key(&desk.place, "eve-p256").to_string_lossy().into_owned();
    let line = ["--key", eve.as_str(), "--policy-from"];
    desk.approve(&[&line[..], &["HEAD~1"]].concat())
        .refused(&[REFUSED], &["do not list the key"]);
    desk.approve(&[&line[..], &["HEAD"]].concat()).expect(0);
    let run = desk.approve(&[&line[..], &["nowhere"]].concat());
    run.refused(
        &[1],
        &["Finding the revision `nowhere` failed", "git fetch"],
    );
    // Without the fleet file in the work tree, and without naming it.
    for name in names_in(&desk.place.work().join("testdata/demo")) {
        let path = desk.place.work().join("testdata/demo").join(name);
        if path.is_file() {
            std::fs::remove_file(path).expect("removed");
        }
    }
    assert_eq!(required(&["--policy-from", "HEAD~1"]).0, 2);
    let ann = key(&desk.place, "ann").to_string_lossy().into_owned();
    let unnamed = [
        "approve",
        &desk.plan,
        "--key",
        &ann,
        "--policy-from",
        "HEAD~1",
    ];
    let run = desk.place.run(&unnamed);
    run.refused(
        &[REFUSED],
        &["it has no fleet file in this folder or above it"],
    );
}

#[test]
fn a_fleet_in_jsonnet_is_evaluated_as_the_revision_has_it() {
    let place = Place::new();
    place.copy("testdata/demo");
    place.copy("templates");
    let yaml = testdata("demo/fleet.yaml");
    place.file("signers", &signer(ANN, "ann"));
    place.file(
        "lib/approvals.libsonnet",
        "{required: 3, signers: 'signers', notAuthor: false}",
    );
    let one = "{name: 'x', config: 'x.yaml', live: {recorded: 'x.json'}}";
    let text = format!(
        "{{apiVersion: 'stairway/v1', kind: 'Fleet', clusters: [{one}], policy: {{approvals: import 'lib/approvals.libsonnet'}}}}"
    );
    place.file("fleet.jsonnet", &text);
    commit(&place, AUTHOR);
    place.file("lib/approvals.libsonnet", "{required: 0}");
    place.file(DEMO_FLEET, &read(&yaml));
    let plan = Desk::plan(&place);
    let key = key(&place, "ann").to_string_lossy().into_owned();
    let line = [
        "approve",
        &plan,
        "--key",
        &key,
        "--policy-from",
        "HEAD",
        "--format",
        "json",
    ];
    let run = place.run(&line).expect(0);
    assert_eq!(Desk::only(&run)["required"], 3);
}

#[test]
fn the_author_of_the_change_does_not_count() {
    let mut desk = Desk::new("{required: 1}");
    desk.place.file("testdata/demo/more.txt", "a change\n");
    commit(&desk.place, ANN);
    desk.plan = Desk::plan(&desk.place);
    let run = desk.sign("ann", &[]);
    run.refused(
        &[REFUSED],
        &["`ann@example.org` is the author of the change"],
    );
    desk.sign("bob", &[]).expect(0);
}

#[test]
fn keys_that_others_may_read_or_that_cannot_sign_are_refused_with_a_way_out() {
    let desk = Desk::new("{required: 1}");
    let open = key(&desk.place, "ann");
    let line = |path: &Path| {
        let path = path.to_string_lossy().into_owned();
        desk.approve(&["--key", &path, "--policy-from", "HEAD"])
    };
    for mode in [0o644, 0o640, 0o604, 0o620] {
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(mode)).expect("set");
        let shown = format!("(mode {mode:04o})");
        line(&open).refused(
            &[REFUSED],
            &["others than its owner may read it", &shown, "chmod 600"],
        );
    }
    let locked = key(&desk.place, "locked");
    let words = [
        "a passphrase protects it",
        "ssh-keygen -Y sign -n stairway-plan -f",
        "--import STATEMENT.sig",
    ];
    line(&locked).refused(&[1], &words);
    let rsa = key(&desk.place, "rsa");
    line(&rsa).refused(
        &[1],
        &[
            "keys of type `ssh-rsa` cannot sign here",
            "ssh-keygen -t ed25519",
        ],
    );
    line(&desk.place.work().join("nope")).refused(&[1], &["no such file"]);
    let public = desk.place.file("ann.pub", &signer("", "ann"));
    std::fs::set_permissions(&public, std::fs::Permissions::from_mode(0o600)).expect("set");
    line(&public).refused(&[1], &["it is a public key"]);
}

/// Prints the statement for Ann and writes it where a signature is to come.
fn statement(desk: &Desk, more: &[&str]) -> PathBuf {
    let line = ["--statement", "--signer", ANN, "--policy-from", "HEAD"];
    let run = desk.approve(&[&line, more].concat()).expect(0);
    assert!(
        run.stderr.contains("ssh-keygen -Y sign -n stairway-plan"),
        "{}",
        run.stderr
    );
    desk.place.file("statement.json", &run.stdout)
}

fn import(desk: &Desk) -> Run {
    desk.approve(&[
        "--import",
        "statement.json.sig",
        "--policy-from",
        "HEAD",
        "--format",
        "json",
    ])
}

#[test]
fn a_signature_that_was_made_elsewhere_is_taken_in() {
    let desk = Desk::new("{required: 1}");
    let path = statement(&desk, &[]);
    let bytes = std::fs::read(&path).expect("the statement");
    let private = read(&testdata("approvals/test-only-ann.key"));
    let by = SigningKey::read(private.as_bytes()).expect("a key");
    let signed = Signed::sign(Statement::read(&bytes).expect("a statement"), &by).expect("signed");
    import(&desk).refused(&[1], &["statement.json.sig", "no such file"]);
    desk.place.file("statement.json.sig", &signed.armored());
    let plan = Desk::only(&import(&desk).expect(0));
    assert_eq!(counting(&plan), [ANN]);
    let written = desk
        .place
        .work()
        .join(plan["written"].as_str().expect("a path"));
    assert_eq!(std::fs::read(&written).expect("the statement"), bytes);
    // One byte more is another message.
    desk.place
        .file("statement.json", &format!("{}\n", signed_text(&bytes)));
    import(&desk).refused(&[1], &["not canonical JSON"]);
    // Another plan's statement.
    let mut other = Statement::read(&bytes).expect("a statement");
    other.digest = stairway_core::model::Digest::of(b"another plan");
    let other = Signed::sign(other, &by).expect("signed");
    desk.place
        .file("statement.json", &signed_text(other.bytes()));
    desk.place.file("statement.json.sig", &other.armored());
    import(&desk).refused(
        &[REFUSED],
        &["it is about the plan with the digest sha256:"],
    );
    let line = desk.approve(&["--import", "statement.json"]);
    line.refused(&[USAGE], &["does not end in `.sig`"]);
    let both = desk.approve(&["--import", "x.sig", "--revoke"]);
    both.refused(&[USAGE], &["--revoke"]);
}

fn signed_text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("a statement is text")
}

/// Runs OpenSSH's tool; none where it is not installed.
fn ssh_keygen(folder: &Path, arguments: &[&str], input: Option<&Path>) -> Option<(bool, String)> {
    let mut command = Command::new("ssh-keygen");
    command
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null());
    if let Some(path) = input {
        command.stdin(std::fs::File::open(path).expect("the input"));
    }
    let output = command.output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    Some((
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    ))
}

#[test]
fn openssh_makes_signatures_that_count_and_takes_ours() {
    let desk = Desk::new("{required: 1}");
    let work = desk.place.work();
    let signers = work.join("testdata/demo/.stairway/allowed_signers");
    let signers = signers.to_string_lossy().into_owned();
    let verify = |message: &Path, by: &str| {
        let signature = format!("{}.sig", message.display());
        let line = [
            "-Y",
            "verify",
            "-f",
            &signers,
            "-I",
            by,
            "-n",
            "stairway-plan",
            "-s",
            &signature,
        ];
        ssh_keygen(&work, &line, Some(message))
    };
    // Ours, checked by theirs.
    let plan = Desk::only(&desk.sign("bob", &["--format", "json"]).expect(0));
    let ours = work.join(plan["written"].as_str().expect("a path"));
    let Some((good, said)) = verify(&ours, BOB) else {
        return;
    };
    assert!(
        good && said.contains("Good \"stairway-plan\" signature"),
        "{said}"
    );
    assert!(!verify(&ours, ANN).expect("it runs").0);
    // Theirs, checked by ours.
    let path = statement(&desk, &["--expires", "1h"]);
    let ann = key(&desk.place, "ann").to_string_lossy().into_owned();
    let name = path.to_string_lossy().into_owned();
    let sign = ["-Y", "sign", "-n", "stairway-plan", "-f", &ann, &name];
    let (good, said) = ssh_keygen(&work, &sign, None).expect("it runs");
    assert!(good, "{said}");
    let plan = Desk::only(&import(&desk).expect(0));
    assert_eq!(counting(&plan), [ANN, BOB]);
}

#[test]
fn a_set_approves_each_plan_that_can_run() {
    let desk = Desk::new("{required: 1}");
    write(&desk.place.work().join("x"), "");
    let key = key(&desk.place, "ann").to_string_lossy().into_owned();
    let line = [
        "approve",
        "plans/planset.json",
        "--fleet",
        DEMO_FLEET,
        "--key",
        &key,
    ];
    let line = [&line[..], &["--policy-from", "HEAD", "--format", "json"]].concat();
    let run = desk.place.run(&line).expect(0);
    let plans = run.json()["plans"].as_array().expect("plans").clone();
    assert!(plans.len() > 2, "{plans:?}");
    for plan in &plans {
        assert_eq!(counting(plan), [ANN], "{plan}");
        assert!(plan["steps"].as_u64() > Some(0));
        assert!(
            desk.place
                .work()
                .join(plan["written"].as_str().expect("a path"))
                .is_file()
        );
    }
    let statement = [
        "approve",
        "plans/planset.json",
        "--statement",
        "--signer",
        ANN,
    ];
    let run = desk
        .place
        .run(&[&statement[..], &["--fleet", DEMO_FLEET]].concat());
    run.refused(&[USAGE], &["the statement of one plan"]);
}

#[test]
fn without_policy_and_signers_an_approval_is_a_note_to_others() {
    let place = demo();
    let plan = Desk::plan(&place);
    let key = key(&place, "ann").to_string_lossy().into_owned();
    let line = ["approve", &plan, "--fleet", DEMO_FLEET, "--key", &key];
    place
        .run(&line)
        .refused(&[USAGE], &["name nobody for the key", "--signer PRINCIPAL"]);
    let run = place
        .run(&[&line[..], &["--signer", ANN]].concat())
        .expect(0);
    assert!(
        run.stderr.contains("no approval is required"),
        "{}",
        run.stderr
    );
    let revision = place.run(&[&line[..], &["--policy-from", "HEAD"]].concat());
    revision.refused(&[1], &["Opening the git repository"]);
}
