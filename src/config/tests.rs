use super::*;
use proptest::prelude::*;
use stairway_core::policy::settings::{NodePace, Settings};

const GOOD: &str = "\
apiVersion: stairway/v1
kind: Fleet
clusters:
  - name: openscapes
    config: clusters/openscapes.jsonnet
    wave: canary
    live:
      recorded: recorded/openscapes.observed.json
    aws: {profile: openscapes, region: us-west-2, accountId: \"123456789012\"}
    nodegroups: {\"nb-*\": {strategy: phase-out}, \"core-*\": {strategy: swap, slot: declared}}
    policy: {bake: 1h}
  - config: clusters/berlin.jsonnet
    extVars: {tier: small}
    live: {assumed: old/berlin.json}
roles: {core: {names: [\"core*\", \"system*\"], labels: [\"*node-purpose=core\"]}}
policy:
  nodes: follow
  bake: 10m
  activity: [{namespace: \"*\", selector: \"component=singleuser-server\"}]
  windows: []
  approvals: {required: 0, signers: .stairway/allowed_signers, notAuthor: true, expires: 72h}
waves: [canary, rest]
ignore: []
waivers: []
prune: [old-group]
";

fn read(text: &str) -> Result<Fleet, FleetError> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string()).unwrap();
    let path = folder.path().join("fleet.yaml");
    files::write_atomic(&path, text.as_bytes()).unwrap();
    load(&path, Some(folder.path()), &|_, _| Ok(Vec::new()))
}

fn check_refused(text: &str, said: &str, hint: Option<&str>) {
    match read(text) {
        Ok(_) => panic!("taken:\n{text}"),
        Err(error) => {
            let mut whole = error.to_string();
            if let Some(source) = std::error::Error::source(&error) {
                whole = format!("{whole}: {source}");
            }
            assert!(whole.contains(said), "`{whole}` lacks `{said}`");
            assert_eq!(error.hint().as_deref(), hint, "{whole}");
        }
    }
}

#[test]
fn the_fleet_of_the_design_is_taken() {
    let fleet = read(GOOD).unwrap();
    assert_eq!(fleet.shown, "fleet.yaml");
    assert_eq!(fleet.file.clusters.len(), 2);
}

#[test]
fn settings_are_composed_from_wide_to_narrow() {
    let fleet = read(GOOD).unwrap();
    let first = fleet.settings(fleet.file.clusters.first(), &["extra".to_owned()]);
    assert_eq!(first.bake, 3600);
    assert_eq!(first.nodes, NodePace::Follow);
    assert_eq!(first.prune, ["extra", "old-group"]);
    assert_eq!(first.nodegroups.len(), 2);
    let second = fleet.settings(fleet.file.clusters.get(1), &[]);
    assert_eq!(second.bake, 600);
    assert!(second.nodegroups.is_empty());
    assert_eq!(
        second.phase_out_at_most,
        Settings::default().phase_out_at_most
    );
}

#[test]
fn what_is_wrong_is_said_with_line_and_column() {
    let swap = |from: &str, to: &str| GOOD.replacen(from, to, 1);
    check_refused(
        &swap("      recorded: ", "      recordd: "),
        "fleet.yaml:8:7: `clusters[0].live.recordd`: there is no key `recordd` here",
        Some("did you mean `recorded`?"),
    );
    check_refused(
        &swap("bake: 10m", "bake: 10 minutes"),
        "fleet.yaml:18:3: `policy.bake`: `10 minutes` is not a duration such as `30m`, `12h` or `60d`",
        None,
    );
    check_refused(
        &swap("wave: canary", "wave: canari"),
        "fleet.yaml:6:5: `clusters[0].wave`: there is no wave `canari`",
        Some("did you mean `canary`?"),
    );
    check_refused(
        &swap(
            "live: {assumed: old/berlin.json}",
            "live: {assumed: a, recorded: b}",
        ),
        "fleet.yaml:14:5: `clusters[1].live`: it names several ways: recorded, assumed",
        Some("write exactly one of `recorded`, `assumed`, `world` and `kubernetes`"),
    );
    check_refused(
        &swap("    live: {assumed: old/berlin.json}\n", ""),
        "fleet.yaml:12:5: `clusters[1]`: the key `live` is missing",
        None,
    );
    check_refused(
        &swap(
            "  - config: clusters/berlin",
            "  - name: openscapes\n    config: clusters/berlin",
        ),
        "another cluster is called `openscapes`",
        Some("names are unique in a fleet"),
    );
    check_refused(
        &swap("name: openscapes", "name: ../up"),
        "fleet.yaml:4:5",
        None,
    );
    check_refused(&swap("kind: Fleet", "kind: Float"), "fleet.yaml:2:1", None);
    check_refused(&swap("stairway/v1", "stairway/v2"), "fleet.yaml:1:1", None);
}

#[test]
fn a_fleet_of_another_tool_is_not_ours() {
    let error = read("defaultNamespace: x\nhelm: {chart: z}\n").unwrap_err();
    assert!(matches!(error, FleetError::NotAFleet { .. }), "{error}");
}

#[test]
fn broken_yaml_is_said_with_its_place() {
    let error = read("apiVersion: [stairway/v1\nkind: x\n").unwrap_err();
    let source = std::error::Error::source(&error)
        .map(ToString::to_string)
        .unwrap_or_default();
    assert!(source.contains("fleet.yaml:"), "{source}");
}

#[test]
fn decisions_of_the_owner_reach_every_cluster() {
    let ignore =
        "ignore: [{path: \"nodegroup nb-*.tags.*\", reason: r, owner: o, expires: 2027-01-01}]";
    let waivers = "waivers: [{code: STW-R8-PDB, reason: r, owner: o, expires: 2027-01-01}]";
    let text = GOOD
        .replacen("ignore: []", ignore, 1)
        .replacen("waivers: []", waivers, 1);
    let fleet = read(&text).unwrap();
    let settings = fleet.settings(None, &[]);
    assert_eq!(settings.ignore.len(), 1);
    assert_eq!(settings.waivers.len(), 1);
    assert_eq!(settings.waivers[0].cluster, "*");
}

#[test]
fn decisions_that_nobody_may_take_are_refused_with_their_place() {
    let waivers =
        |fields: &str| GOOD.replacen("waivers: []", &format!("waivers:\n  - {{{fields}}}"), 1);
    let ignore =
        |fields: &str| GOOD.replacen("ignore: []", &format!("ignore:\n  - {{{fields}}}"), 1);
    let rest = "reason: r, owner: o, expires: 2027-01-01";
    for (text, said, hint) in [
        (
            waivers(&format!("code: STW-R8-PDP, {rest}")),
            "fleet.yaml:25:6: `waivers[0].code`: there is no finding `STW-R8-PDP`",
            Some("did you mean `STW-R8-PDB`?"),
        ),
        (
            waivers(&format!("code: STW-R2-SKEW, {rest}")),
            "fleet.yaml:25:6: `waivers[0].code`: `STW-R2-SKEW` is a mandatory rule, and nothing waives it",
            Some("stairway explain STW-R2-SKEW says what mends it"),
        ),
        (
            waivers(&format!("code: STW-R8-*, {rest}")),
            "`waivers[0].code`: `STW-R8-*` is a glob, and a waiver is for one code",
            Some("write one waiver for each code; stairway explain lists them"),
        ),
        (
            waivers("code: STW-R8-PDB, reason: \" \", owner: o, expires: 2027-01-01"),
            "`waivers[0].reason`: is empty",
            Some("say why, and who answers for it: the plan shows both"),
        ),
        (
            waivers("code: STW-R8-PDB, reason: r, expires: 2027-01-01"),
            "`waivers[0]`: the key `owner` is missing",
            None,
        ),
        (
            ignore("path: nodegroup scratch, reason: r, owner: \"\", expires: 2027-01-01"),
            "`ignore[0].owner`: is empty",
            Some("say why, and who answers for it: the plan shows both"),
        ),
        (
            ignore(&format!("path: \"cluster.*\", {rest}")),
            "fleet.yaml:24:6: `ignore[0].path`: it covers `cluster.version`, and versions are never ignored",
            Some("leave `version` out in git to keep what runs, or name the fields"),
        ),
        (
            ignore(&format!("path: \"nodegroup nb-*.*\", {rest}")),
            "it covers `nodegroup nb-*.version`",
            Some("leave `version` out in git to keep what runs, or name the fields"),
        ),
        (
            ignore(&format!("path: \"addon coredns.version\", {rest}")),
            "it covers `addon coredns.version`",
            Some("leave `version` out in git to keep what runs, or name the fields"),
        ),
        (
            ignore(&format!("path: core-a.tags, {rest}")),
            "`ignore[0].path`: `core-a.tags` begins with no subject",
            Some(
                "paths read `cluster.FIELD`, `nodegroup NAME.FIELD` or `addon NAME.FIELD`, with globs; stairway diff shows subjects and fields",
            ),
        ),
    ] {
        check_refused(&text, said, hint);
    }
    for taken in [
        "nodegroup scratch",
        "nodegroup nb-*.tags.*",
        "addon vpc-cni.configurationValues",
        "cluster.cloudWatch*",
    ] {
        let read = read(&ignore(&format!("path: \"{taken}\", {rest}")));
        assert!(read.is_ok(), "{taken}: {read:?}");
    }
}

#[test]
fn a_fleet_is_found_upward_to_the_top_of_the_repository() {
    let folder = tempfile::tempdir().unwrap();
    let top = files::canonicalize(folder.path()).unwrap();
    let inner = top.join("repo/clusters/deep");
    files::write_atomic(&inner.join("x.json"), b"{}").unwrap();
    files::write_atomic(&top.join("fleet.yaml"), b"").unwrap();
    assert_eq!(find(&inner).unwrap(), Some(top.join("fleet.yaml")));
    files::write_atomic(&top.join("repo/.git/HEAD"), b"").unwrap();
    assert_eq!(find(&inner).unwrap(), None);
    files::write_atomic(&top.join("repo/fleet.jsonnet"), b"").unwrap();
    assert_eq!(find(&inner).unwrap(), Some(top.join("repo/fleet.jsonnet")));
    files::write_atomic(&top.join("repo/fleet.yaml"), b"").unwrap();
    assert!(matches!(find(&inner), Err(FleetError::Ambiguous { .. })));
}

proptest! {
    #[test]
    fn any_mutation_is_taken_or_refused(at in 0..GOOD.len(), with in "\\PC{0,3}", drop in 0..8_usize) {
        let mut text: Vec<char> = GOOD.chars().collect();
        let end = (at + drop).min(text.len());
        text.splice(at..end, with.chars());
        let text: String = text.into_iter().collect();
        if let Ok(documents) = render::parse_yaml(&text, "fleet.yaml") {
            for document in &documents {
                if let Err(Wrong::Shape(shape)) = check(document, "fleet.yaml") {
                    let _place = render::place_of(&text, &shape.path.0);
                }
            }
        }
    }
}

#[test]
fn a_pin_that_no_cluster_can_have_is_malformed() {
    let swap = |from: &str, to: &str| GOOD.replacen(from, to, 1);
    let pinned = |pin: &str| {
        swap(
            "live: {assumed: old/berlin.json}",
            &format!("live: {{kubernetes: {{context: berlin, {pin}}}}}"),
        )
    };
    let hint = "`stairway observe NAME` without the pin tells it as `certificate_authority`; compare it before you take it";
    for pin in ["sha256:9f2c", "9f2c", "sha256:zz", ""] {
        check_refused(
            &pinned(&format!("certificateAuthority: \"{pin}\"")),
            &format!(
                "fleet.yaml:14:42: `clusters[1].live.kubernetes.certificateAuthority`: the pin `{pin}` is malformed"
            ),
            Some(hint),
        );
    }
    check_refused(
        &pinned("endpoint: \"example.com\""),
        "`clusters[1].live.kubernetes.endpoint`: the pin `example.com` is malformed",
        None,
    );
    let good = format!("sha256:{}", "9F2c".repeat(16));
    let fleet = read(&pinned(&format!("certificateAuthority: \"{good}\""))).unwrap();
    assert_eq!(fleet.file.clusters.len(), 2);
}
