//! The workflows of `templates/ci`: who may do what in them, and how they come into a repository.

use crate::support::{Place, USAGE, files_below, read, top};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

const WORKFLOWS: [&str; 3] = ["plan", "apply", "drift"];
/// Whose actions may run; each by major version or by commit.
const ACTIONS: [&str; 5] = [
    "actions/checkout",
    "actions/upload-artifact",
    "actions/download-artifact",
    "github/codeql-action/upload-sarif",
    "aws-actions/configure-aws-credentials",
];
/// Texts that somebody outside may write: titles, branch names, bodies, names of people.
const UNTRUSTED: [&str; 6] = [
    "github.event",
    "github.head_ref",
    "github.base_ref",
    "github.ref_name",
    "github.actor",
    "inputs.",
];

pub(crate) fn template(path: &str) -> String {
    read(&top().join("templates/ci").join(path))
}

pub(crate) fn workflow(name: &str) -> Value {
    serde_saphyr::from_str(&template(&format!("github/{name}.yml"))).expect("YAML")
}

pub(crate) fn git(folder: &Path, arguments: &[&str]) {
    let run = Command::new("git")
        .args(["-c", "user.name=Ann", "-c", "user.email=ann@example.org"])
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("git runs");
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(run.status.success(), "{arguments:?}: {said}");
}

/// Every job of every workflow, by `workflow/job`.
fn jobs() -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for name in WORKFLOWS {
        let workflow = workflow(name);
        for (job, body) in workflow["jobs"].as_object().expect("jobs") {
            found.insert(format!("{name}/{job}"), body.clone());
        }
    }
    found
}

pub(crate) fn steps(job: &Value) -> &[Value] {
    job["steps"].as_array().expect("steps")
}

pub(crate) fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

#[test]
fn each_job_may_do_what_this_table_says() {
    let rows = [
        ("apply/apply", "contents: write, id-token: write"),
        ("drift/drift", "contents: write, id-token: write"),
        ("drift/issue", "issues: write"),
        ("plan/comment", "pull-requests: write"),
        (
            "plan/findings",
            "actions: read, contents: read, security-events: write",
        ),
        ("plan/plan", "contents: read, id-token: write"),
        ("plan/store", "contents: write, id-token: write"),
    ];
    let found: Vec<(String, String)> = jobs()
        .iter()
        .map(|(name, job)| {
            let permissions = job["permissions"].as_object().expect("permissions");
            let each = permissions.iter();
            let mut each: Vec<String> = each
                .map(|(what, how)| format!("{what}: {}", how.as_str().expect("a word")))
                .collect();
            each.sort();
            (name.clone(), each.join(", "))
        })
        .collect();
    let expected = rows.map(|(name, may)| (name.to_owned(), may.to_owned()));
    assert_eq!(found, expected);
    for name in WORKFLOWS {
        let workflow = workflow(name);
        assert_eq!(
            workflow["permissions"],
            serde_json::json!({}),
            "{name}: what no job asks for, nobody has"
        );
        assert!(!workflow["concurrency"]["group"].is_null(), "{name}");
        let on = workflow["on"].as_object().expect("events");
        assert!(!on.contains_key("pull_request_target"), "{name}");
        assert!(!on.contains_key("workflow_run"), "{name}");
        assert!(!on.contains_key("issue_comment"), "{name}");
    }
    assert_eq!(
        workflow("apply")["concurrency"]["cancel-in-progress"],
        false
    );
    assert_eq!(jobs()["apply/apply"]["environment"], "stairway-apply");
}

#[test]
fn a_job_that_writes_for_people_runs_nothing_of_what_is_under_review() {
    for (name, job) in jobs() {
        let permissions = job["permissions"].to_string();
        let speaks = ["pull-requests", "issues", "security-events"]
            .iter()
            .any(|what| permissions.contains(what));
        let runs_content = steps(&job).iter().any(|step| {
            text(step, "uses").starts_with("actions/checkout") || text(step, "run").contains(".sh")
        });
        assert!(!(speaks && runs_content), "{name}");
        let writes_contents = job["permissions"]["contents"] == "write";
        let on_a_pull_request = text(&job, "if").contains("== 'pull_request'");
        assert!(!(writes_contents && on_a_pull_request), "{name}");
        assert!(job["timeout-minutes"].is_u64(), "{name} could hang");
    }
}

#[test]
fn no_text_of_somebody_is_put_into_a_script() {
    let mut scripts = 0;
    for (name, job) in jobs() {
        for step in steps(&job) {
            let script = text(step, "run");
            scripts += usize::from(!script.is_empty());
            // Not one expression, whatever it is of: values come by the environment.
            assert!(!script.contains("${{"), "{name}: {script}");
        }
    }
    assert!(scripts >= 10, "{scripts}");
    // And where they come by the environment, shell does not take them apart.
    for (name, job) in jobs() {
        for step in steps(&job) {
            let Some(env) = step["env"].as_object() else {
                continue;
            };
            for (variable, value) in env {
                let value = value.as_str().unwrap_or_default();
                if !UNTRUSTED.iter().any(|text| value.contains(text)) {
                    continue;
                }
                let script = text(step, "run");
                let bare = script
                    .match_indices(&format!("${variable}"))
                    .filter(|(at, _)| {
                        let before = &script[..*at];
                        // Inside of double quotes: an odd number of them stands before it on its line.
                        let line = before.rsplit('\n').next().unwrap_or_default();
                        line.matches('"').count().is_multiple_of(2)
                    })
                    .count();
                assert_eq!(bare, 0, "{name}: ${variable} is not quoted in {script}");
            }
        }
    }
    // GitLab puts variables into scripts by the shell alone: a script must be plain text to YAML.
    let gitlab: Value = serde_saphyr::from_str(&template("gitlab/gitlab-ci.yml")).expect("YAML");
    for (name, job) in gitlab.as_object().expect("jobs") {
        for line in job["script"].as_array().into_iter().flatten() {
            let line = line.as_str().expect("text");
            assert!(
                !line.contains("$[[") && !line.contains("eval "),
                "{name}: {line}"
            );
            for variable in [
                "CI_MERGE_REQUEST_TITLE",
                "CI_COMMIT_MESSAGE",
                "CI_COMMIT_REF_NAME",
            ] {
                assert!(!line.contains(variable), "{name}: {line}");
            }
        }
    }
}

#[test]
fn what_must_not_be_lost_is_in_no_group_that_a_push_cancels() {
    let plan = workflow("plan");
    let group = text(&plan["concurrency"], "group");
    // A group of a branch would have its pending run cancelled by the next push, and with it the store job.
    assert!(group.ends_with("github.run_id }}"), "{group}");
    let store = &plan["jobs"]["store"]["concurrency"];
    assert_eq!(store["group"], "stairway-store");
    assert_eq!(store["cancel-in-progress"], false);
    let issue = jobs()["drift/issue"]["if"].to_string();
    assert!(
        issue.contains("outputs.new") && !issue.contains("exit"),
        "{issue}"
    );
}

#[test]
fn the_page_says_what_guards_the_environment_and_what_the_token_may() {
    let page = template("README.md");
    for words in [
        "Create `stairway-apply` yourself",
        "required reviewers",
        "deployment branches to `main`",
        "role Reporter and the scope `api`",
        "`stairway/planned`",
    ] {
        assert!(page.contains(words), "{words}");
    }
}

#[test]
fn actions_are_few_known_and_named_by_version() {
    for (name, job) in jobs() {
        for step in steps(&job) {
            let uses = text(step, "uses");
            if uses.is_empty() {
                continue;
            }
            let (action, version) = uses.split_once('@').expect("a version");
            assert!(ACTIONS.contains(&action), "{name}: {action}");
            let number = version.strip_prefix('v').unwrap_or(version);
            let major = number.chars().all(|c| c.is_ascii_digit());
            let commit = version.len() == 40 && version.chars().all(|c| c.is_ascii_hexdigit());
            assert!(major || commit, "{name}: {uses}");
            if action == "actions/checkout" {
                let keeps = &step["with"]["persist-credentials"];
                let pushes = job["permissions"]["contents"] == "write";
                assert_eq!(keeps, pushes, "{name}: a token stays only where it pushes");
                assert_eq!(step["with"]["fetch-depth"], 0, "{name}");
            }
        }
    }
}

#[test]
fn templates_come_as_a_patch_that_adds_and_never_overwrites() {
    for (host, least) in [("github", 10), ("gitlab", 6)] {
        let place = Place::new();
        git(&place.work(), &["init", "-q"]);
        let run = place.run(&["template", "ci", host]).expect(0);
        crate::template::git_apply(&place.work(), &run.stdout);
        let written: Vec<String> = files_below(&place.work())
            .into_iter()
            .filter(|path| !path.starts_with(".git/"))
            .collect();
        assert!(written.len() >= least, "{written:?}");
        for path in &written {
            let one = place.run(&["template", "ci", host, path]).expect(0).stdout;
            assert_eq!(one, read(&place.work().join(path)), "{path}");
        }
        let again = place.run(&["template", "ci", host]).expect(0);
        assert_eq!(again.stdout, "");
        assert!(again.stderr.contains("has all of them"), "{}", again.stderr);
        place.file(".stairway/ci/plan.sh", "mine\n");
        let kept = place.run(&["template", "ci", host]).expect(0);
        assert_eq!(kept.stdout, "");
        assert!(
            kept.stderr.contains("`.stairway/ci/plan.sh` is there"),
            "{}",
            kept.stderr
        );
    }
    Place::new()
        .run(&["template", "ci", "github", "nothing.yml"])
        .refused(&[USAGE], &["nothing.yml", "stairway-plan.yml"]);
}

#[test]
fn init_writes_the_workflows_of_the_host_that_was_named() {
    for (host, own, other) in [
        (
            "github",
            ".github/workflows/stairway-plan.yml",
            ".gitlab-ci.yml",
        ),
        ("gitlab", ".gitlab-ci.yml", ".stairway/ci/install.sh"),
        ("none", "fleet.yaml", ".stairway/ci/plan.sh"),
    ] {
        let place = Place::new();
        place.run(&["init", "fleet", "--ci", host]).expect(0);
        let written = files_below(&place.work().join("fleet"));
        assert!(
            written.iter().any(|path| path == own),
            "{host}: {written:?}"
        );
        assert!(
            !written.iter().any(|path| path == other),
            "{host}: {written:?}"
        );
    }
}
