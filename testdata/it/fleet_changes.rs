//! What a change affects: git, the import graph, and the fleet file.

use crate::fleet_parts::{
    CLUSTERS, GROUP, affected, commit, config, fleet, fleet_text, library, live, names,
};
use serde_json::json;
use std::path::Path;

#[test]
fn a_change_affects_the_clusters_that_are_made_from_it() {
    let place = fleet();
    let first = commit(&place);
    let (found, run) = affected(&place, "HEAD");
    assert!(found.is_empty());
    assert!(
        run.stderr
            .contains("No cluster is affected by what changed since HEAD (0 files changed)"),
        "{}",
        run.stderr
    );
    let old = ["alder", "birch", "cedar"];
    // Not staged.
    place.file("lib/old.libsonnet", &library("1.33"));
    assert_eq!(affected(&place, "HEAD").0, old);
    // Committed.
    commit(&place);
    assert_eq!(affected(&place, &first).0, old);
    assert!(affected(&place, "HEAD").0.is_empty());
    // A file that nobody reads.
    place.file("notes.md", "nothing\n");
    let (found, run) = affected(&place, "HEAD");
    assert!(
        found.is_empty() && run.stderr.contains("(1 file changed)"),
        "{}",
        run.stderr
    );
    // The live side of one.
    place.json("old/hazel.json", &live("hazel2"));
    assert_eq!(affected(&place, "HEAD").0, ["hazel"]);
    // What all of them import, two files away.
    place.file("lib/group.libsonnet", &GROUP.replace("3", "4"));
    assert_eq!(affected(&place, "HEAD").0.len(), CLUSTERS.len());
    let partial = affected(&place, "HEAD").1.json()["partial"].clone();
    assert_eq!(partial, json!({"of": 7, "by": ["--changed-since HEAD"]}));
}

#[test]
fn staged_deleted_renamed_and_new_files_count() {
    let place = fleet();
    place.file(
        "clusters/maple.jsonnet",
        "import '../common/maple.jsonnet'\n",
    );
    place.file("common/maple.jsonnet", &config("maple", "new"));
    commit(&place);
    let work = place.work();
    // A deleted import: the cluster fails, and it is this cluster that does.
    std::fs::remove_file(work.join("common/maple.jsonnet")).expect("removed");
    let run = place
        .run(&["plan", "--changed-since", "HEAD", "--format", "json"])
        .expect(1);
    assert_eq!(run.json()["errors"][0]["name"], "maple");
    assert_eq!(names(&run.json()), Vec::<String>::new());
    // Renamed, and the importer with it: staged only.
    place.file("common/tree.jsonnet", &config("maple", "new"));
    place.file(
        "clusters/maple.jsonnet",
        "import '../common/tree.jsonnet'\n",
    );
    let repository = git2::Repository::open(&work).expect("the repository");
    let mut index = repository.index().expect("an index");
    index
        .add_all(["."], git2::IndexAddOption::DEFAULT, None)
        .expect("added");
    index.update_all(["."], None).expect("updated");
    index.write().expect("written");
    assert_eq!(affected(&place, "HEAD").0, ["maple"]);
    // A new file that is not tracked yet.
    commit(&place);
    place.file("clusters/elder.jsonnet", "import '../common/new.jsonnet'\n");
    commit(&place);
    place.file("common/new.jsonnet", &config("elder", "new"));
    assert_eq!(affected(&place, "HEAD").0, ["elder"]);
}

#[test]
fn links_and_ignored_files_count() {
    let place = fleet();
    let work = place.work();
    std::fs::create_dir_all(work.join("common/one")).expect("a folder");
    std::fs::create_dir_all(work.join("common/two")).expect("a folder");
    for folder in ["one", "two"] {
        place.file(&format!("common/{folder}/x.libsonnet"), "{}\n");
    }
    let link = work.join("common/current");
    std::os::unix::fs::symlink("one", &link).expect("a link");
    place.file(
        "clusters/maple.jsonnet",
        &config("maple", "new").replace(
            "lib.cluster",
            "(import '../common/current/x.libsonnet') + lib.cluster",
        ),
    );
    commit(&place);
    assert!(affected(&place, "HEAD").0.is_empty());
    std::fs::remove_file(&link).expect("removed");
    std::os::unix::fs::symlink("two", &link).expect("a link");
    assert_eq!(affected(&place, "HEAD").0, ["maple"]);
    commit(&place);
    // What git ignores may have changed: nobody can tell.
    place.file(".gitignore", "/old/larch.json\n");
    let repository = git2::Repository::open(&work).expect("the repository");
    let mut index = repository.index().expect("an index");
    index
        .remove_path(Path::new("old/larch.json"))
        .expect("removed");
    index.write().expect("written");
    commit(&place);
    let (found, run) = affected(&place, "HEAD");
    assert_eq!(found, ["larch"]);
    assert!(run.stderr.contains("git does not track"), "{}", run.stderr);
}

#[test]
fn a_changed_fleet_file_is_compared_entry_by_entry() {
    let place = fleet();
    commit(&place);
    let all = CLUSTERS.len();
    let rows: [(&str, String, usize, &str); 5] = [
        ("a comment", format!("# trees\n{}", fleet_text("")), 0, "No cluster is affected"),
        (
            "one entry",
            fleet_text("").replace("old/cedar.json}", "old/cedar.json}\n    policy: {bake: 1h}"),
            1,
            "",
        ),
        ("an entry less", fleet_text("").replacen("  - name: alder\n    config: clusters/alder.jsonnet\n    wave: canary\n    live: {assumed: old/alder.json}\n", "", 1), 0, "No cluster"),
        ("a section for all", fleet_text("policy: {bake: 1h}\n"), all, "`policy` of `fleet.yaml` has changed"),
        ("another order of waves", fleet_text("").replace("[canary, rest]", "[rest, canary]"), all, "`waves` of"),
    ];
    for (what, text, expected, told) in rows {
        assert_ne!(text, fleet_text(""), "{what}");
        place.file("fleet.yaml", &text);
        let (found, run) = affected(&place, "HEAD");
        assert_eq!(found.len(), expected, "{what}: {found:?}");
        assert!(run.stderr.contains(told), "{what}: {}", run.stderr);
    }
    // A fleet that did not parse cannot be compared.
    place.file("fleet.yaml", "apiVersion: [");
    commit(&place);
    place.file("fleet.yaml", &fleet_text(""));
    let (found, run) = affected(&place, "HEAD");
    assert_eq!(found.len(), all);
    assert!(
        run.stderr
            .contains("cannot be compared with that of `HEAD`"),
        "{}",
        run.stderr
    );
}

/// The entry of `alder`, which is a canary.
const ALDER: &str = "  - name: alder\n    config: clusters/alder.jsonnet\n    wave: canary\n    live: {assumed: old/alder.json}\n";

#[test]
fn a_cluster_that_left_the_fleet_is_told_everywhere() {
    let place = fleet();
    commit(&place);
    let less = fleet_text("").replacen(ALDER, "", 1);
    assert_ne!(less, fleet_text(""));
    let said = "No longer in the fleet: ";
    let since = ["--changed-since", "HEAD"];
    let run = |more: &[&str]| place.run(&[&["plan"][..], &since, more].concat()).expect(0);
    place.file("fleet.yaml", &less);
    let set = run(&["--format", "json"]);
    assert_eq!(
        set.json()["partial"],
        json!({"of": 6, "by": ["--changed-since HEAD"], "gone": ["alder"]})
    );
    assert!(
        set.stderr
            .contains("no longer in the fleet since HEAD, and so not planned: `alder`"),
        "{}",
        set.stderr
    );
    let table = run(&[]).stdout;
    let heading: Vec<&str> = table.lines().take(4).collect();
    let told = heading.join(" ").contains(&format!("{said}alder."));
    assert!(told, "{table}");
    let page = run(&["--format", "markdown"]).stdout;
    assert!(page.contains(&format!("{said}`alder`")), "{page}");
    // It is gone although all others are affected, too; and it is gone from its own part only.
    place.file("fleet.yaml", &format!("prune: [x]\n{less}"));
    let set = run(&["--format", "json"]).json();
    assert_eq!(set["partial"]["gone"], json!(["alder"]));
    assert_eq!(names(&set).len(), 6);
    for (more, gone) in [
        (["--wave", "rest"], 0),
        (["--wave", "canary"], 1),
        (["--target", "b*"], 0),
        (["--exclude", "alder"], 0),
    ] {
        let set = run(&[&more[..], &["--format", "json"]].concat()).json();
        let found = set["partial"]["gone"].as_array().map_or(0, Vec::len);
        assert_eq!(found, gone, "{more:?}");
    }
    // It is in one shard, and the merged set tells it once.
    let mut line = vec!["merge".to_owned()];
    for index in 1..=3 {
        let (shard, file) = (format!("{index}/3"), format!("{index}.json"));
        run(&["--shard", &shard, "--json-into", &file]);
        line.push(file);
    }
    let mut line: Vec<&str> = line.iter().map(String::as_str).collect();
    line.extend(["--format", "json"]);
    let merged = place.run(&line).expect(0).json();
    assert_eq!(merged["partial"]["gone"], json!(["alder"]));
}

#[test]
fn a_waiver_of_one_cluster_affects_that_one() {
    let place = fleet();
    let waivers = |of: &[(&str, &str)]| {
        let entry = |(cluster, reason): &(&str, &str)| {
            format!(
                "  - {{code: STW-R8-BARE-POD, cluster: '{cluster}', reason: {reason}, owner: o@example.org, expires: 2027-12-31T00:00:00Z}}\n"
            )
        };
        let entries: String = of.iter().map(entry).collect();
        fleet_text(&format!("waivers:\n{entries}"))
    };
    let ignore = |cluster: &str| {
        fleet_text(&format!(
            "ignore:\n  - {{path: cluster.tags.*, cluster: '{cluster}', reason: r, owner: o@example.org, expires: 2027-12-31T00:00:00Z}}\n"
        ))
    };
    let before = waivers(&[("maple", "one"), ("b*", "two")]);
    let rows: [(&str, String, &[&str]); 6] = [
        (
            "one, by its name",
            waivers(&[("maple", "other"), ("b*", "two")]),
            &["maple"],
        ),
        ("one less", waivers(&[("b*", "two")]), &["maple"]),
        (
            "a glob",
            waivers(&[("maple", "one"), ("c*", "two")]),
            &["birch", "cedar"],
        ),
        (
            "one more",
            waivers(&[("maple", "one"), ("b*", "two"), ("*r", "x")]),
            &["alder", "cedar", "elder"],
        ),
        (
            "another order of what no cluster shares",
            waivers(&[("b*", "two"), ("maple", "one")]),
            &[],
        ),
        (
            "waivers away, and an ignored path",
            ignore("hazel"),
            &["birch", "hazel", "maple"],
        ),
    ];
    place.file("fleet.yaml", &before);
    commit(&place);
    for (what, text, expected) in rows {
        place.file("fleet.yaml", &text);
        assert_eq!(affected(&place, "HEAD").0, expected, "{what}");
    }
    // Who has no name in the fleet file may be anybody.
    let nameless = |text: &str| text.replace("  - name: larch\n    config", "  - config");
    place.file("fleet.yaml", &nameless(&before));
    commit(&place);
    let other = waivers(&[("maple", "other"), ("b*", "two")]);
    place.file("fleet.yaml", &nameless(&other));
    assert_eq!(affected(&place, "HEAD").0, ["larch", "maple"]);
}

#[test]
fn a_fleet_in_jsonnet_is_compared_as_it_evaluates() {
    let place = fleet();
    std::fs::remove_file(place.work().join("fleet.yaml")).expect("removed");
    place.file(
        "fleet.jsonnet",
        "{ apiVersion: 'stairway/v1', kind: 'Fleet', clusters: [\n\
         \x20 { name: n, config: 'clusters/%s.jsonnet' % n, live: { assumed: 'old/%s.json' % n } }\n\
         \x20 for n in import 'lib/names.libsonnet' ] }\n",
    );
    place.file("lib/names.libsonnet", "['alder', 'birch']\n");
    commit(&place);
    assert!(affected(&place, "HEAD").0.is_empty());
    place.file("lib/names.libsonnet", "['alder', 'maple', 'birch']\n");
    assert_eq!(affected(&place, "HEAD").0, ["maple"]);
}

#[test]
fn a_revision_that_cannot_be_compared_is_told_with_a_command() {
    let place = fleet();
    let plan = |rev: &str| place.run(&["plan", "--changed-since", rev]);
    plan("HEAD").refused(&[1], &["is not in a git repository", "git clone"]);
    commit(&place);
    plan("nowhere").refused(
        &[1],
        &["Finding the revision `nowhere` failed", "git fetch origin"],
    );
    plan("--all").calm();
    place.file(".git/shallow", &format!("{}\n", commit(&place)));
    plan("HEAD~1").refused(&[1], &["this clone is shallow", "git fetch --unshallow"]);
}
