use super::*;
use stairway_core::approve::{Nonce, SigningKey, Statement, StatementKind};
use stairway_core::model::{Digest, Timestamp};

const KEY: &str = include_str!("../../testdata/approvals/test-only-ann.key");

fn signed(number: u8) -> Signed {
    let mut bytes = [0; 16];
    bytes[15] = number;
    let statement = Statement {
        format_version: stairway_core::approve::STATEMENT_FORMAT,
        kind: StatementKind::Approval,
        digest: Digest::of(b"plan"),
        clusters: vec!["demo".to_owned()],
        signer: "ann@example.org".to_owned(),
        issued: Timestamp::from_unix(0),
        expires: Timestamp::from_unix(1),
        nonce: Nonce::of(bytes),
    };
    Signed::sign(statement, &SigningKey::read(KEY.as_bytes()).unwrap()).unwrap()
}

#[test]
fn what_was_written_is_read_again_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(read_signed(folder.path()), (Vec::new(), Vec::new()));
    let (one, two) = (signed(1), signed(2));
    write_signed(folder.path(), &two).unwrap();
    let path = write_signed(folder.path(), &one).unwrap();
    assert!(path.ends_with("approvals/00000000000000000000000000000001.json"));
    assert_eq!(files::read_bounded(&path, 9999).unwrap(), one.bytes());
    assert_eq!(read_signed(folder.path()), (vec![one, two], Vec::new()));
}

#[test]
fn files_that_are_something_else_are_named_and_do_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join(FOLDER);
    let good = signed(1);
    write_signed(folder.path(), &good).unwrap();
    let armored = good.armored();
    let huge = vec![b' '; 1 << 20];
    let half = &good.bytes()[..100];
    let entries: [(&str, &[u8]); 12] = [
        ("notes.txt", b"x"),
        (".stairway-x1y2", b"{"),
        ("a.json", half),
        ("a.json.sig", armored.as_bytes()),
        ("b.json", good.bytes()),
        ("b.json.sig", armored.as_bytes()),
        ("c.json", good.bytes()),
        ("d.json", &huge),
        ("d.json.sig", armored.as_bytes()),
        ("e.json", good.bytes()),
        ("e.json.sig", &armored.as_bytes()[..80]),
        ("f.json.sig", armored.as_bytes()),
    ];
    for (name, bytes) in entries {
        files::write_atomic(&place.join(name), bytes).unwrap();
    }
    let (found, notes) = read_signed(folder.path());
    assert_eq!(found, [good]);
    let expected = [
        (
            "`approvals/.stairway-x1y2` does not count: ",
            "neither a statement nor",
        ),
        ("`approvals/a.json` does not count: ", "no statement"),
        (
            "`approvals/b.json` does not count: ",
            "its name is not its nonce",
        ),
        (
            "`approvals/c.json` does not count: ",
            "its signature cannot be read: no such file",
        ),
        (
            "`approvals/d.json` does not count: ",
            "larger than the limit",
        ),
        ("`approvals/e.json` does not count: ", "no SSH signature"),
        (
            "`approvals/f.json.sig` does not count: ",
            "its statement is not there",
        ),
        (
            "`approvals/notes.txt` does not count: ",
            "neither a statement nor",
        ),
    ];
    assert_eq!(notes.len(), expected.len(), "{notes:#?}");
    for (note, (start, said)) in notes.iter().zip(expected) {
        assert!(note.starts_with(start) && note.contains(said), "{note}");
    }
}

#[test]
fn a_file_in_the_place_of_the_folder_is_a_note() {
    let folder = tempfile::tempdir().unwrap();
    files::write_atomic(&folder.path().join(FOLDER), b"x").unwrap();
    let (found, notes) = read_signed(folder.path());
    assert!(found.is_empty());
    assert_eq!(notes.len(), 1, "{notes:?}");
}

const FLEET: &str = "\
apiVersion: stairway/v1
kind: Fleet
clusters:
  - name: dev
    config: dev.yaml
    live: {recorded: dev.json}
    policy: {approvals: {required: 0}}
  - name: prod
    config: prod.yaml
    live: {recorded: prod.json}
    aws: {accountId: \"111122223333\", region: us-west-2}
    policy: {approvals: {expires: 1h}}
  - config: other/open.yaml
    live: {recorded: open.json}
    policy: {approvals: {required: 3, signers: three, notAuthor: true}}
policy:
  approvals: {required: 1, signers: one, notAuthor: false, expires: 2d}
";

fn plan(name: &str, config: &str, cluster: &str, account: &str) -> Plan {
    let plan: Plan = serde_json::from_value(serde_json::json!({
        "format_version": 1, "kind": "Plan", "id": "", "digest": "",
        "tool": {"name": "stairway", "version": "0.0.0"},
        "inputs": {
            "config": config, "evaluator": "", "imports": {}, "render_digest": "",
            "observation_digest": "", "observation_kind": "recorded", "observed_at": null,
            "at": null, "catalog_date": "", "fleet_digest": null, "git_revision": null,
            "options": {},
        },
        "name": name, "flavor": "eks",
        "identity": {"name": cluster, "region": "us-west-2", "account_id": account},
        "preview": false, "from": null, "to": null, "differences": [], "steps": [],
        "not_now": [], "findings": [],
        "summary": {
            "upgrade": 0, "swap": 0, "update": 0, "create": 0, "roll_back": 0, "delete": 0,
            "phasing_out": 0, "blocked": 0, "held_back": 0,
        },
    }))
    .unwrap();
    plan.seal()
}

/// A folder with the fleet and its signers.
fn fleet(text: &str) -> (tempfile::TempDir, PolicySource) {
    let folder = tempfile::tempdir().unwrap();
    let line = include_str!("../../testdata/approvals/test-only-ann.key.pub");
    files::write_atomic(&folder.path().join("fleet.yaml"), text.as_bytes()).unwrap();
    for name in ["one", "three"] {
        let signers = format!("{name}@example.org {line}");
        files::write_atomic(&folder.path().join(name), signers.as_bytes()).unwrap();
    }
    let source = PolicySource {
        cwd: folder.path().to_path_buf(),
        fleet: Some("fleet.yaml".into()),
        ..PolicySource::default()
    };
    (folder, source)
}

#[test]
fn a_cluster_has_its_own_policy_and_an_unlisted_plan_the_strictest() {
    let (_folder, source) = fleet(FLEET);
    let key = SigningKey::read(KEY.as_bytes()).unwrap();
    let account = "111122223333";
    // name, config, cluster, account → required, author counts, seconds, whose signers
    let rows = [
        (
            ("dev", "dev.yaml", "dev", account),
            (0, false, 172_800, "one@example.org"),
        ),
        (
            ("prod", "prod.yaml", "prod", account),
            (1, false, 3600, "one@example.org"),
        ),
        (
            ("x", "other/open.yaml", "x", account),
            (3, true, 172_800, "three@example.org"),
        ),
        (
            ("x", "./other/open.yaml", "x", account),
            (3, true, 172_800, "three@example.org"),
        ),
        // Under another alias it is still that cluster.
        (
            ("dev", "dev.yaml", "prod", account),
            (1, false, 3600, "one@example.org"),
        ),
        // Nobody knows these: the strictest of everything.
        (
            ("new", "new.yaml", "new", account),
            (3, true, 3600, "three@example.org"),
        ),
        (
            ("prod", "prod.yaml", "prod", "999999999999"),
            (3, true, 3600, "three@example.org"),
        ),
    ];
    let policy = OwnerPolicy::read(&source).unwrap();
    for ((name, config, cluster, account), expected) in rows {
        let plan = plan(name, config, cluster, account);
        let (asked, notes) = policy.requirements(&plan).unwrap();
        let whose = asked.signers.principals_of(key.public());
        let found = (
            asked.required,
            asked.not_author,
            asked.longest,
            whose[0].as_str(),
        );
        assert_eq!(found, expected, "{name} {config} {cluster} {account}");
        assert_eq!(notes.is_empty(), asked.required == 0, "{notes:?}");
    }
}

#[test]
fn signers_are_inside_of_the_fleet_and_there_when_they_are_needed() {
    let asked = |text: &str| {
        let (folder, source) = fleet(text);
        let outside = folder.path().join("link");
        std::os::unix::fs::symlink("/etc/hostname", outside).unwrap();
        requirements_for(&plan("prod", "prod.yaml", "prod", "111122223333"), &source)
    };
    let with =
        |signers: &str| asked(&FLEET.replace("signers: one", &format!("signers: {signers}")));
    let rows = [
        (
            "nowhere",
            "1 of the signers must approve, and their file `nowhere` is not there",
        ),
        ("../one", "outside of the fleet's folder tree"),
        ("/etc/hostname", "outside of the fleet's folder tree"),
        ("link", "outside of the fleet's folder tree"),
        ("fleet.yaml", "`fleet.yaml`, line 1: "),
    ];
    for (signers, said) in rows {
        let error = with(signers).unwrap_err().to_string();
        assert!(error.contains(said), "{signers}: {error}");
    }
    let free = FLEET.replace("required: 1, signers: one", "required: 0, signers: nowhere");
    let (asked, notes) = asked(&free).unwrap();
    assert!(asked.signers.is_empty() && notes.is_empty());
}

#[test]
fn without_a_fleet_nothing_is_required() {
    let folder = tempfile::tempdir().unwrap();
    let source = PolicySource {
        cwd: folder.path().to_path_buf(),
        ..PolicySource::default()
    };
    let (asked, notes) = requirements_for(&plan("x", "x.yaml", "x", ""), &source).unwrap();
    assert_eq!((asked.required, asked.longest), (0, 72 * 3600));
    assert!(notes.is_empty());
}
