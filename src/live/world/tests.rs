use super::*;
use stairway_world::{Fault, Misbehaviour};

const WORLD: &str = "\
apiVersion: stairway/v1
kind: World
start: 2026-11-01T06:00:00Z
clusters:
  - name: alpha
    region: us-west-2
    version: \"1.33\"
    nodegroups:
      - {name: core-a, nodes: 2, spec: {instanceType: m5.large, minSize: 1, maxSize: 3}}
  - name: beta
    region: us-west-2
    version: \"1.34\"
    nodegroups: []
";

fn folder_with(text: &str) -> (tempfile::TempDir, WorldStore) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("demo.yaml");
    files::write_atomic(&path, text.as_bytes()).expect("a world");
    let store = WorldStore::of(&path, None).expect("a store");
    (folder, store)
}

fn refused(text: &str) -> String {
    let (_folder, store) = folder_with(text);
    match store.read() {
        Ok(_) => "taken".to_owned(),
        Err(error) => format!("{error} ({})", error.hint().unwrap_or_default()),
    }
}

/// What alpha's clock says.
fn now(store: &WorldStore) -> String {
    let now = store.with_world("alpha", |world| world.now);
    now.expect("a cluster").to_string()
}

/// When alpha was looked at, by a look now.
fn observed_at(store: &WorldStore) -> String {
    let observed = store.observe("alpha").expect("a cluster");
    let at = observed.observed_at.value().map(ToString::to_string);
    at.expect("a time")
}

#[test]
fn reading_writes_nothing_and_a_change_makes_the_snapshot() {
    let (folder, store) = folder_with(WORLD);
    assert_eq!(observed_at(&store), "2026-11-01T06:00:00Z");
    assert_eq!(files::walk(folder.path()).expect("a folder"), ["demo.yaml"]);
    store
        .change("alpha", |world| world.advance(60))
        .expect("a change");
    assert!(files::is_file(
        &folder.path().join(".stairway/demo.world.json")
    ));
    assert_eq!(
        store.snapshot(),
        folder
            .path()
            .canonicalize()
            .expect("a folder")
            .join(".stairway/demo.world.json")
    );
    assert_eq!(observed_at(&store), "2026-11-01T06:01:00Z");
    assert!(store.reset().expect("a reset"));
    assert!(!store.reset().expect("nothing to reset"));
    assert_eq!(now(&store), "2026-11-01T06:00:00Z");
}

#[test]
fn a_snapshot_is_the_same_world_when_it_is_read_again() {
    let (_folder, store) = folder_with(WORLD);
    let before = store.read().expect("a world");
    store.change_all(|_| ()).expect("a change of nothing");
    assert_eq!(store.read().expect("a world"), before);
}

#[test]
fn changes_of_many_threads_lose_nothing() {
    let (_folder, store) = folder_with(WORLD);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..12 {
                    store
                        .change("alpha", |world| world.advance(1))
                        .expect("a change");
                    store
                        .with_world("beta", |world| world.now)
                        .expect("a whole world");
                }
            });
        }
    });
    assert_eq!(now(&store), "2026-11-01T06:01:36Z");
}

#[test]
fn a_snapshot_of_another_definition_is_refused_with_the_way_out() {
    let (_folder, store) = folder_with(WORLD);
    store
        .change("alpha", |world| world.advance(1))
        .expect("a change");
    let changed = format!("{WORLD}# changed\n");
    files::write_atomic(store.definition(), changed.as_bytes()).expect("a write");
    let error = store.observe("alpha").expect_err("changed");
    assert!(matches!(error, WorldError::Changed { .. }), "{error}");
    assert!(
        error
            .hint()
            .is_some_and(|hint| hint.contains("stairway world reset"))
    );
    assert!(store.change("alpha", |_| ()).is_err());
    store.reset().expect("a reset");
    store.observe("alpha").expect("a cluster");
}

#[test]
fn hostile_snapshots_are_refused() {
    let (_folder, store) = folder_with(WORLD);
    store
        .change("alpha", |world| world.advance(1))
        .expect("a change");
    let good = files::read_text(store.snapshot(), 1 << 20).expect("a snapshot");
    let rows = [
        (String::new(), "no JSON"),
        (good[..good.len() / 2].to_owned(), "no JSON"),
        ("[]".to_owned(), "its kind is None"),
        (
            good.replace("\"kind\":\"WorldSnapshot\"", "\"kind\":\"Plan\""),
            "not `WorldSnapshot`",
        ),
        (
            good.replace(
                "\"format_version\":1,\"kind\":\"WorldSnapshot\"",
                "\"format_version\":9,\"kind\":\"WorldSnapshot\"",
            ),
            "snapshot format 9",
        ),
        (
            good.replace("\"pace\":0", "\"pace\":\"fast\""),
            "expected u32",
        ),
        (
            good.replace("\"nodegroup\":\"core-a\"", "\"nodegroup\":\"gone\""),
            "contradicts itself",
        ),
    ];
    for (text, word) in rows {
        assert_ne!(text, good, "{word}");
        files::write_atomic(store.snapshot(), text.as_bytes()).expect("a write");
        let error = store.read().expect_err(word);
        assert!(error.to_string().contains(word), "{error}");
        assert!(
            error.hint().is_some_and(|hint| hint.contains("reset")),
            "{error}"
        );
        assert!(store.change_all(|_| ()).is_err());
    }
    files::remove(store.snapshot()).expect("a removal");
    std::os::unix::fs::symlink(store.definition(), store.snapshot()).expect("a link");
    let error = store.read().expect_err("a link");
    assert!(error.to_string().contains("symbolic link"), "{error}");
}

#[test]
fn a_definition_is_refused_with_its_place() {
    let rows = [
        (
            WORLD.replace("version: \"1.33\"", "version: 1.33"),
            "demo.yaml:7:",
        ),
        (
            WORLD.replace(
                "region: us-west-2\n    version: \"1.33\"",
                "regoin: us-west-2\n    version: \"1.33\"",
            ),
            "demo.yaml:6:",
        ),
        (
            WORLD.replace("kind: World", "kind: World\nkind: World"),
            "demo.yaml:3:",
        ),
        (
            WORLD.replace("name: beta", "name: alpha"),
            "two clusters called `alpha`",
        ),
        (
            WORLD.replace("start: 2026-11-01T06:00:00Z", "start: soon"),
            "start",
        ),
        ("kind: World\n".to_owned(), "apiVersion"),
        (WORLD.replace("stairway/v1", "stairway/v7"), "stairway/v7"),
    ];
    for (text, word) in rows {
        let said = refused(&text);
        assert!(said.contains(word), "`{said}` lacks `{word}`");
    }
}

#[test]
fn observations_of_a_world_stay_inside_of_the_root() {
    let (outer, _) = folder_with(WORLD);
    let secret = outer.path().join("secret.json");
    files::write_atomic(&secret, b"{\"password\": \"hunter2\"}").expect("a file");
    let path = outer.path().join("inner/demo.yaml");
    for (name, word) in [
        ("../secret.json", "outside of the root"),
        (".git/x.json", "outside of the root"),
        ("missing.json", "missing.json"),
        ("plan.json", "not a recorded observation"),
    ] {
        let text = format!(
            "apiVersion: stairway/v1\nkind: World\nstart: 2026-11-01T06:00:00Z\nclusters: [{{observation: {name}}}]\n"
        );
        files::write_atomic(&path, text.as_bytes()).expect("a world");
        files::write_atomic(&outer.path().join("inner/.git/x.json"), b"{}").expect("a file");
        files::write_atomic(
            &outer.path().join("inner/plan.json"),
            b"{\"kind\": \"Plan\"}",
        )
        .expect("a file");
        let store = WorldStore::of(&path, None).expect("a store");
        let said = store.read().expect_err(name).to_string();
        assert!(said.contains(word) && !said.contains("hunter2"), "{said}");
    }
}

#[test]
fn an_unknown_cluster_is_refused_with_the_known_ones() {
    let (_folder, store) = folder_with(WORLD);
    let error = store.observe("gamma").expect_err("unknown");
    assert!(
        error.to_string().ends_with("it has: alpha, beta"),
        "{error}"
    );
    let alone = Embedded {
        store: &store,
        name: None,
    };
    assert!(matches!(
        alone.observe(),
        Err(LiveError::Count { count: 2, .. })
    ));
}

#[test]
fn a_run_counts_the_lies_of_reads_and_a_look_does_not() {
    let (_folder, store) = folder_with(WORLD);
    let lie = Misbehaviour::of(Fault::UnknownFacts, 1);
    store
        .change("alpha", |world| world.misbehave(lie))
        .expect("a change");
    let is_unknown =
        |observed: Observation| observed.pods.is_unknown() || observed.updates.is_unknown();
    for _ in 0..2 {
        assert!(is_unknown(store.observe("alpha").expect("a cluster")));
    }
    assert!(is_unknown(
        store.observe_in_run("alpha").expect("a cluster")
    ));
    assert!(!is_unknown(
        store.observe_in_run("alpha").expect("a cluster")
    ));
}

#[test]
fn a_world_with_a_run_in_it_is_not_reset() {
    use crate::store::lock::{ClusterLock as _, LockClaim};
    use stairway_core::model::Timestamp;
    let (_folder, store) = folder_with(WORLD);
    store.change("alpha", |_| ()).expect("a change");
    let mut lock = FileLock::new(store.lock_of("alpha"));
    let claim = LockClaim {
        id: "1".to_owned(),
        holder: "user@host 1".to_owned(),
        at: Timestamp::from_unix(0),
        run: "r".to_owned(),
        plan: "p".to_owned(),
    };
    lock.acquire(&claim).expect("free");
    let error = store.reset().expect_err("in use");
    assert!(error.to_string().contains("`alpha`"), "{error}");
    lock.release().expect("a release");
    assert!(store.reset().expect("a reset"));
    assert!(!files::exists(&store.lock_of("alpha")));
}
