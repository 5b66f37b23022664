//! `template diff` with the real binary: patches that git applies, collisions that nobody loses.

use crate::support::{Place, Run, files_below, read, write};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

const CONFIG: &str = "clusters/sandbox.jsonnet";
const TEMPLATE: &str = "templates/cluster.jsonnet";

fn fleet() -> Place {
    let place = Place::new();
    place.run(&["init", ".", "--version", "1.34"]).expect(0);
    place
}

fn replace(place: &Place, path: &str, from: &str, to: &str) {
    let full = place.work().join(path);
    let text = read(&full);
    assert!(text.contains(from), "{from}");
    write(&full, &text.replacen(from, to, 1));
}

fn diff(place: &Place) -> Run {
    place.run(&["template", "diff", "sandbox"]).expect(0)
}

/// Applies a patch as a reviewer would.
pub(crate) fn git_apply(folder: &Path, patch: &str) {
    let mut child = Command::new("git")
        .args(["apply", "--whitespace=nowarn"])
        .current_dir(folder)
        .env("GIT_CEILING_DIRECTORIES", folder.parent().unwrap_or(folder))
        .stdin(Stdio::piped())
        .spawn()
        .expect("git runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(patch.as_bytes()).expect("written");
    drop(stdin);
    assert!(child.wait().expect("git ends").success(), "{patch}");
}

#[test]
fn an_edited_config_and_an_unchanged_template_are_no_change() {
    let place = fleet();
    replace(&place, CONFIG, "min: 1, max: 4", "min: 2, max: 4");
    let run = diff(&place);
    assert_eq!(
        (run.stdout.as_str(), run.stderr.as_str()),
        ("", "sandbox: no change\n")
    );
    let all = place
        .run(&["template", "diff", "--all", "--exit-code"])
        .expect(0);
    assert_eq!(all.stdout, "");
}

#[test]
fn what_the_template_changed_comes_into_the_edited_file_and_git_applies_it() {
    let place = fleet();
    replace(&place, CONFIG, "min: 1, max: 4", "min: 2, max: 4");
    replace(
        &place,
        CONFIG,
        "local version = '1.34'",
        "local version = '1.35'",
    );
    replace(
        &place,
        TEMPLATE,
        "set: { volumeEncrypted: true },",
        "set: { volumeEncrypted: true, volumeIOPS: 6000 },",
    );
    replace(
        &place,
        TEMPLATE,
        "// Tags of the AWS resources.",
        "// Tags of what AWS bills.",
    );
    let files = files_below(&place.work());
    let run = diff(&place);
    assert_eq!(files_below(&place.work()), files, "nothing is written");
    assert!(
        run.stderr
            .contains("sandbox: 4 values of the rendered config change"),
        "{}",
        run.stderr
    );
    let coded = place
        .run(&["template", "diff", "--all", "--exit-code"])
        .expect(2);
    assert_eq!(coded.stdout, run.stdout);
    git_apply(&place.work(), &run.stdout);
    let config = read(&place.work().join(CONFIG));
    for kept in [
        "min: 2, max: 4",
        "local version = '1.35'",
        "volumeIOPS: 6000",
        "// Tags of what AWS bills.",
    ] {
        assert!(config.contains(kept), "{kept}");
    }
    let rendered = place.run(&["render", CONFIG]).expect(0).stdout;
    assert!(rendered.contains("volumeIOPS: 6000") && rendered.contains("minSize: 2"));
    assert_eq!(
        diff(&place).stderr,
        "sandbox: no change\n",
        "the record moved on with the patch"
    );
}

#[test]
fn a_collision_is_named_until_it_is_settled_and_the_rest_goes_on() {
    let place = fleet();
    replace(&place, CONFIG, "min: 1, max: 4", "min: 2, max: 4");
    replace(&place, TEMPLATE, "min: 1, max: 4", "min: 1, max: 9");
    replace(
        &place,
        TEMPLATE,
        "set: { volumeEncrypted: true },",
        "set: { volumeEncrypted: true, volumeIOPS: 6000 },",
    );
    let first = diff(&place);
    for word in [
        "clusters/sandbox.jsonnet:",
        "collision",
        "min: 2, max: 4",
        "min: 1, max: 9",
        "--keep-mine",
    ] {
        assert!(first.stderr.contains(word), "{word} in {}", first.stderr);
    }
    assert!(!first.stdout.contains("max: 9"), "{}", first.stdout);
    git_apply(&place.work(), &first.stdout);
    let second = diff(&place);
    assert_eq!(second.stdout, "");
    assert!(
        second.stderr.contains("collision"),
        "it is not forgotten: {}",
        second.stderr
    );
    place
        .run(&["template", "diff", "sandbox", "--exit-code"])
        .expect(2);
    let kept = place
        .run(&["template", "diff", "sandbox", "--keep-mine"])
        .expect(0);
    assert!(
        kept.stderr.contains("only the record moves on"),
        "{}",
        kept.stderr
    );
    git_apply(&place.work(), &kept.stdout);
    assert_eq!(diff(&place).stderr, "sandbox: no change\n");
    assert!(read(&place.work().join(CONFIG)).contains("min: 2, max: 4"));
}

#[test]
fn another_answer_is_a_patch_too() {
    let place = fleet();
    let run = place
        .run(&[
            "template",
            "diff",
            "sandbox",
            "--answer",
            "hubs=staging,prod",
        ])
        .expect(0);
    git_apply(&place.work(), &run.stdout);
    assert!(read(&place.work().join(CONFIG)).contains("local hubs = ['staging', 'prod'];"));
    let rendered = place.run(&["render", CONFIG]).expect(0).stdout;
    assert!(rendered.contains("nb-prod-r7i-xlarge-a"), "{rendered}");
    assert_eq!(diff(&place).stderr, "sandbox: no change\n");
    place
        .run(&["template", "diff", "sandbox", "--answer", "hub=x"])
        .refused(&[64], &["hubs"]);
}

#[test]
fn parameters_that_come_and_go_are_told() {
    let place = fleet();
    replace(
        &place,
        TEMPLATE,
        "//: param hubs words",
        "//: param owner text required: who pays\n//: param hubs words",
    );
    replace(
        &place,
        TEMPLATE,
        "local hubs = [];",
        "local owner = 'x';\nlocal hubs = [];",
    );
    place
        .run(&["template", "diff", "sandbox"])
        .refused(&[64], &["owner (text): who pays", "--answer owner="]);
    let run = place
        .run(&[
            "template",
            "diff",
            "sandbox",
            "--answer",
            "owner=Ann O'Neil",
        ])
        .expect(0);
    assert!(
        run.stdout.contains("+local owner = \"Ann O'Neil\";"),
        "{}",
        run.stdout
    );
    git_apply(&place.work(), &run.stdout);
    place.run(&["render", CONFIG]).expect(0);
    replace(
        &place,
        TEMPLATE,
        "//: param owner text required: who pays\n",
        "",
    );
    assert!(
        diff(&place)
            .stderr
            .contains("does not ask for `owner` any more")
    );
}

#[test]
fn a_record_that_is_missing_or_damaged_is_refused() {
    let place = fleet();
    let record = place.work().join(".stairway/generated/sandbox.json");
    let base = place.work().join(".stairway/generated/sandbox.base");
    let (record_text, base_text) = (read(&record), read(&base));
    let words = ["template", "diff", "sandbox"];
    write(&base, &base_text[..base_text.len() / 2]);
    place
        .run(&words)
        .refused(&[1], &["sandbox.base", "digest", "git checkout"]);
    write(&base, &base_text);
    for text in [
        &record_text[..record_text.len() / 2],
        "",
        "[]",
        &record_text.replace("\"format_version\": 1", "\"format_version\": 2"),
        &record_text.replace("\"cluster\": \"sandbox\"", "\"cluster\": \"x\""),
    ] {
        write(&record, text);
        place.run(&words).refused(&[1], &["sandbox.json", "Hint"]);
    }
    write(
        &record,
        &record_text.replace(
            "\"template\": \"templates/cluster.jsonnet\"",
            "\"template\": \"../../../etc/passwd\"",
        ),
    );
    place.run(&words).refused(&[1], &[]);
    write(
        &record,
        &record_text.replace(
            "\"config\": \"clusters/sandbox.jsonnet\"",
            "\"config\": \"/etc/passwd\"",
        ),
    );
    place.run(&words).refused(&[1], &["not below"]);
    std::fs::remove_file(&record).expect("removed");
    place
        .run(&words)
        .refused(&[1], &["Nothing is recorded", "init cluster sandbox"]);
    place
        .run(&["template", "diff", "../x"])
        .refused(&[1, 64], &[]);
    place
        .run(&["template", "diff"])
        .refused(&[64], &["CLUSTER"]);
    assert_eq!(
        place.run(&["template", "diff", "--all"]).expect(0).stdout,
        ""
    );
}

#[test]
fn a_patch_of_a_fleet_in_a_subfolder_is_relative_to_the_repository() {
    let place = Place::new();
    let init = Command::new("git")
        .args(["init", "-q"])
        .current_dir(place.work())
        .status();
    assert!(init.expect("git runs").success());
    place
        .run(&["init", "infra/my fleet", "--version", "1.34"])
        .expect(0);
    let inner = "infra/my fleet/templates/cluster.jsonnet";
    replace(
        &place,
        inner,
        "volumeEncrypted: true",
        "volumeEncrypted: false",
    );
    let run = place
        .run(&[
            "template",
            "diff",
            "sandbox",
            "--fleet",
            "infra/my fleet/fleet.yaml",
        ])
        .expect(0);
    git_apply(&place.work(), &run.stdout);
    let config = read(&place.work().join("infra/my fleet/clusters/sandbox.jsonnet"));
    assert!(config.contains("volumeEncrypted: false"));
}

#[test]
fn a_patch_that_would_break_the_config_is_not_printed() {
    let place = fleet();
    // Each side alone is fine to merge, and what comes out fails.
    replace(
        &place,
        CONFIG,
        "min: 1, max: 4",
        "min: 1, max: std.length(zones) + 3",
    );
    replace(
        &place,
        TEMPLATE,
        "local hubs = [];",
        "local hubs = [];\nlocal broken = error 'no';\nassert broken;",
    );
    for words in [
        ["template", "diff", "sandbox"],
        ["template", "diff", "--all"],
    ] {
        let run = place
            .run(&words)
            .refused(&[1], &["does not render", "no patch is printed", "Hint"]);
        assert_eq!(run.stdout, "");
    }
}

#[test]
fn the_variables_of_the_fleet_file_are_there_when_a_patch_is_tried() {
    let place = fleet();
    replace(
        &place,
        CONFIG,
        "local hubs = [];",
        "local hubs = [std.extVar('hub')];",
    );
    replace(
        &place,
        "fleet.yaml",
        "    wave: canary",
        "    extVars: {hub: staging}\n    wave: canary",
    );
    replace(
        &place,
        TEMPLATE,
        "volumeEncrypted: true",
        "volumeEncrypted: false",
    );
    let run = diff(&place);
    assert!(
        run.stderr.contains("of the rendered config change"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_revision_is_recorded_only_when_the_template_stands_in_it() {
    let place = fleet();
    let git = |words: &[&str]| {
        let run = Command::new("git")
            .args(["-c", "user.name=Ann", "-c", "user.email=ann@example.org"])
            .args(words)
            .current_dir(place.work())
            .output()
            .expect("git runs");
        assert!(run.status.success(), "{words:?}");
        String::from_utf8(run.stdout)
            .expect("UTF-8")
            .trim()
            .to_owned()
    };
    let record = || read(&place.work().join(".stairway/generated/sandbox.json"));
    git(&["init", "-q"]);
    git(&["add", "-A"]);
    git(&["commit", "-qm", "begin"]);
    replace(
        &place,
        TEMPLATE,
        "volumeEncrypted: true",
        "volumeEncrypted: false",
    );
    let edited = diff(&place);
    assert!(!edited.stdout.contains("git_revision"), "{}", edited.stdout);
    assert!(edited.stdout.contains("+  \"template_digest\": \"sha256:"));
    git(&["commit", "-qam", "template"]);
    git_apply(&place.work(), &diff(&place).stdout);
    let head = git(&["rev-parse", "HEAD"]);
    assert!(
        record().contains(&format!("\"git_revision\": \"{head}\"")),
        "{}",
        record()
    );
    let words = ["init", "cluster", "reef", "--region", "us-west-2"];
    place.run(&words).expect(0);
    let reef = || read(&place.work().join(".stairway/generated/reef.json"));
    assert!(reef().contains(&head), "{}", reef());
}
