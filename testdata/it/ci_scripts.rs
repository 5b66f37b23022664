//! The scripts and steps of `templates/ci`, run as CI runs them, with programs that stand in for others.

use crate::ci::{git, steps, template, text, workflow};
use crate::support::{Place, Run, USAGE, files_below, read, wait_for, wait_for_end, write};
use serde_json::Value;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A folder with programs that stand in for others, and the variables of a GitHub job.
struct Runner {
    place: Place,
}

impl Runner {
    fn new() -> Self {
        let place = Place::new();
        for inner in ["bin", "temp"] {
            std::fs::create_dir(place.work().join("..").join(inner)).expect("a folder");
        }
        for (path, text) in [
            (".stairway/ci/plan.sh", template("scripts/plan.sh")),
            (".stairway/ci/store.sh", template("scripts/store.sh")),
            (".stairway/ci/apply.sh", template("scripts/apply.sh")),
            (".stairway/ci/drift.sh", template("scripts/drift.sh")),
            (".stairway/ci/install.sh", template("scripts/install.sh")),
            (
                ".stairway/ci/kubeconfig.sh",
                template("scripts/kubeconfig.sh"),
            ),
        ] {
            place.file(path, &text);
        }
        Self { place }
    }

    fn outside(&self, name: &str) -> PathBuf {
        self.place.work().join("..").join(name)
    }

    /// Puts a program on the path that notes its arguments in `NAME.argv`, one each line, and does `body`.
    fn program(&self, name: &str, body: &str) {
        let path = self.outside("bin").join(name);
        let argv = self.outside(&format!("{name}.argv"));
        let noted = format!("printf '%s\\n' \"$@\" >>'{}'\n", argv.display());
        write(&path, &format!("#!/bin/sh\n{noted}{body}\n"));
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&path, mode).expect("permissions");
    }

    fn argv(&self, name: &str) -> String {
        std::fs::read_to_string(self.outside(&format!("{name}.argv"))).unwrap_or_default()
    }

    fn command(&self, program: &str, arguments: &[&str], env: &[(&str, &str)]) -> Command {
        let mut command = Command::new(program);
        let path = format!(
            "{}:/usr/local/bin:/usr/bin:/bin",
            self.outside("bin").display()
        );
        command
            .args(arguments)
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.outside("home"))
            .env("RUNNER_TEMP", self.outside("temp"))
            .env("GITHUB_STEP_SUMMARY", self.outside("summary.md"))
            .env("GITHUB_PATH", self.outside("path"))
            .env("GITHUB_ENV", self.outside("env"))
            .envs(env.iter().copied())
            .current_dir(self.place.work())
            .stdin(Stdio::null());
        command
    }

    fn run(&self, program: &str, arguments: &[&str], env: &[(&str, &str)]) -> Run {
        let output = self.command(program, arguments, env).output();
        let output = output.expect("it runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Run {
            code: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
            seconds: 0,
        }
    }

    fn script(&self, name: &str, arguments: &[&str], env: &[(&str, &str)]) -> Run {
        let path = format!(".stairway/ci/{name}.sh");
        self.run("sh", &[&[path.as_str()], arguments].concat(), env)
    }

    /// Runs a step of a GitHub workflow as GitHub does.
    fn step(&self, script: &str, env: &[(&str, &str)]) -> Run {
        let file = self.outside("temp").join("step.sh");
        write(&file, script);
        let path = file.to_string_lossy().into_owned();
        let shell = ["--noprofile", "--norc", "-eo", "pipefail", path.as_str()];
        self.run("bash", &shell, env)
    }

    fn summary(&self) -> String {
        std::fs::read_to_string(self.outside("summary.md")).unwrap_or_default()
    }
}

/// A stairway that ends as it is told and writes what the script expects.
fn planner(runner: &Runner, code: u32, writes: bool) {
    let comment = if writes {
        "printf '<!-- stairway:plan ci all -->\\nthe plan\\n' >review/comment.md"
    } else {
        "printf 'Error: ~~~ `x` <b>\\n' >&2"
    };
    runner.program("stairway", &format!("{comment}\nexit {code}"));
}

#[test]
fn a_check_passes_with_changes_and_fails_when_blocked_unread_or_broken() {
    let rows = [
        // (exit code of the plan, codes that pass, how the check ends)
        (0, None, 0),
        (2, None, 0),
        (3, None, 3),
        (6, None, 6),
        (6, Some("0 2 6"), 0),
        (1, None, 1),
        (1, Some("0 2 6"), 1),
        (64, None, 64),
    ];
    for (code, pass, ends) in rows {
        let runner = Runner::new();
        let work = runner.place.work();
        git(&work, &["init", "-q", "-b", "main"]);
        git(&work, &["commit", "-q", "--allow-empty", "-m", "begin"]);
        planner(&runner, code, code != 1);
        let env: Vec<(&str, &str)> = pass
            .map(|pass| ("STAIRWAY_PASS", pass))
            .into_iter()
            .collect();
        let run = runner.script("plan", &["main"], &env);
        assert_eq!(run.code, ends, "{code} {pass:?}: {}", run.stderr);
        assert_eq!(read(&work.join("review/exit")), format!("{code}\n"));
        let comment = read(&work.join("review/comment.md"));
        assert!(comment.starts_with("<!-- stairway:plan ci "), "{comment}");
        if code == 1 {
            assert!(comment.contains("### No plan"), "{comment}");
            assert_eq!(
                comment.matches("~~~").count(),
                2,
                "nothing ends it: {comment}"
            );
            assert!(runner.summary().contains("### No plan"));
        }
        assert!(runner.argv("stairway").contains("--detailed-exitcode\n"));
    }
}

#[test]
fn a_page_of_an_earlier_run_never_passes_for_this_one() {
    let runner = Runner::new();
    let work = runner.place.work();
    git(&work, &["init", "-q", "-b", "main"]);
    git(&work, &["commit", "-q", "--allow-empty", "-m", "begin"]);
    planner(&runner, 2, true);
    runner.script("plan", &["main"], &[]).expect(0);
    planner(&runner, 1, false);
    runner.script("plan", &["main"], &[]).expect(1);
    let comment = read(&work.join("review/comment.md"));
    assert!(!comment.contains("the plan"), "{comment}");
    let lost = runner.script("plan", &["origin/nowhere"], &[]).expect(1);
    assert!(lost.stderr.contains("fetch-depth: 0"), "{}", lost.stderr);
}

/// A `gh` whose comments are the files `comments/ID` and `comments/ID.by`. The filter that the step gives is run by
/// jq where there is one.
const GH: &str = r#"
method=GET path= body= jq= list=
[ "$1" = api ] || exit 90
shift
while [ $# -gt 0 ]; do
  case $1 in
    --method) method=$2; shift ;;
    --jq) jq=$2; shift ;;
    -F) body=${2#body=@}; shift ;;
    -f) shift ;;
    --paginate) list=yes ;;
    --silent) ;;
    *) path=$1 ;;
  esac
  shift
done
case $method in
  GET)
    [ "$list" = yes ] || exit 91
    case $jq in *'user.login == env.AUTHOR'*'startswith(env.MARK)'*) ;; *) exit 92 ;; esac
    if command -v jq >/dev/null; then
      for file in "$COMMENTS"/*.by; do
        [ -f "$file" ] || continue
        id=$(basename "$file" .by)
        jq -n --argjson id "$id" --rawfile by "$file" --rawfile body "$COMMENTS/$id" \
          '{id: $id, number: $id, body: $body, user: {login: ($by | rtrimstr("\n"))}}'
      done | jq -s . | jq -r "$jq"
    else
      for file in "$COMMENTS"/*.by; do
        [ -f "$file" ] || continue
        id=$(basename "$file" .by)
        [ "$(cat "$file")" = "$AUTHOR" ] || continue
        case $(head -n 1 "$COMMENTS/$id") in "$MARK"*) printf '%s\n' "$id" ;; esac
      done
    fi ;;
  POST) cp "$body" "$COMMENTS/900"; printf '%s\n' "$AUTHOR" >"$COMMENTS/900.by" ;;
  PATCH) cp "$body" "$COMMENTS/${path##*/}" ;;
esac
"#;

fn script_of(workflow_name: &str, job: &str, step_name: &str) -> (String, Vec<(String, String)>) {
    let workflow = workflow(workflow_name);
    let steps = steps(&workflow["jobs"][job]).to_vec();
    let found = steps.iter().find(|step| text(step, "name") == step_name);
    let step = found.expect("the step");
    let env = step["env"].as_object().expect("variables").iter();
    let fixed = env
        .map(|(name, value)| (name.clone(), value.as_str().expect("text").to_owned()))
        .filter(|(_, value)| !value.contains("${{"))
        .collect();
    (text(step, "run").to_owned(), fixed)
}

struct Thread {
    runner: Runner,
    script: String,
    env: Vec<(String, String)>,
}

impl Thread {
    fn of(workflow: &str, job: &str, step: &str) -> Self {
        let runner = Runner::new();
        runner.program("gh", GH);
        std::fs::create_dir(runner.outside("comments")).expect("a folder");
        let (script, env) = script_of(workflow, job, step);
        Self {
            runner,
            script,
            env,
        }
    }

    fn page(&self, text: &str, exit: &str) {
        self.runner.place.file("review/comment.md", text);
        self.runner.place.file("review/exit", exit);
    }

    fn comment(&self, id: u32, by: &str, body: &str) {
        let path = self.runner.outside("comments").join(id.to_string());
        write(&path, body);
        write(&path.with_extension("by"), &format!("{by}\n"));
    }

    fn posted(&self, id: u32) -> Option<String> {
        std::fs::read_to_string(self.runner.outside("comments").join(id.to_string())).ok()
    }

    fn run(&self) -> Run {
        let comments = self.runner.outside("comments");
        let comments = comments.to_string_lossy().into_owned();
        let mut env: Vec<(&str, &str)> = vec![
            ("COMMENTS", &comments),
            ("REPOSITORY", "owner/name"),
            ("NUMBER", "7"),
            ("COMMIT", "0123456789abcdef0123456789abcdef01234567"),
            ("RUN", "https://github.com/owner/name/actions/runs/1"),
            ("GH_TOKEN", "none"),
        ];
        env.extend(self.env.iter().map(|(k, v)| (k.as_str(), v.as_str())));
        self.runner.step(&self.script, &env)
    }
}

const PAGE: &str = "<!-- stairway:plan ci part-01234567 -->\nPlan: 1 to upgrade.\n";

#[test]
fn the_comment_is_one_and_is_replaced() {
    let thread = Thread::of("plan", "comment", "Replace the comment");
    // The same marker by somebody else, and an earlier line of ours: neither is it.
    thread.comment(1, "mallory", PAGE);
    thread.comment(
        2,
        "github-actions[bot]",
        "I quote:\n<!-- stairway:plan ci all -->\n",
    );
    thread.comment(
        3,
        "github-actions[bot]",
        "<!-- stairway:plan other all -->\n",
    );
    thread.page(PAGE, "2\n");
    thread.run().expect(0);
    let first = thread.posted(900).expect("a comment");
    assert!(first.starts_with(PAGE), "{first}");
    assert!(first.contains("Planned for 0123456789ab;"), "{first}");
    thread.run().expect(0);
    assert_eq!(thread.posted(900).as_deref(), Some(first.as_str()));
    let another = PAGE.replace("part-01234567", "failed");
    thread.page(&another, "1\n");
    thread.run().expect(0);
    assert!(thread.posted(900).expect("it").starts_with(&another));
    thread.page("<!-- stairway:plan ci all -->\nNo changes.\n", "0\n");
    thread.run().expect(0);
    assert!(thread.posted(900).expect("it").contains("No changes."));
    assert_eq!(thread.posted(1).as_deref(), Some(PAGE));
    let calls = thread.runner.argv("gh");
    assert_eq!(calls.matches("POST\n").count(), 1, "{calls}");
    assert_eq!(
        calls
            .matches("repos/owner/name/issues/comments/900")
            .count(),
        3
    );
}

#[test]
fn nothing_to_say_says_nothing_and_what_is_no_page_is_not_posted() {
    let thread = Thread::of("plan", "comment", "Replace the comment");
    thread.page(PAGE, "0\n");
    thread.run().expect(0);
    assert_eq!(thread.posted(900), None, "no plan, no earlier comment");
    for text in [
        "no marker\n".to_owned(),
        format!(" {PAGE}"),
        format!("{PAGE}{}", "x".repeat(65_000)),
    ] {
        thread.page(&text, "2\n");
        let run = thread.run().expect(1);
        assert!(run.stdout.contains("::error::"), "{}", run.stdout);
    }
    let page = thread.runner.place.work().join("review/comment.md");
    std::fs::remove_file(&page).expect("removed");
    write(&thread.runner.outside("secret"), PAGE);
    symlink(thread.runner.outside("secret"), &page).expect("a link");
    thread.run().expect(1);
    assert_eq!(thread.posted(900), None);
}

#[test]
fn the_drift_issue_is_one_is_replaced_and_fits() {
    let thread = Thread::of("drift", "issue", "Open or update the issue");
    thread.comment(4, "mallory", "<!-- stairway:drift:issue -->\n");
    let long = "one line of the report, as long as they are\n".repeat(5_000);
    thread.runner.place.file("review/drift.md", &long);
    thread.run().expect(0);
    let body = thread.posted(900).expect("an issue");
    assert!(
        body.len() < 65_536 && body.contains("the rest is in"),
        "{}",
        body.len()
    );
    thread.runner.place.file("review/drift.md", "short\n");
    thread.run().expect(0);
    let body = thread.posted(900).expect("the same issue");
    assert!(
        body.ends_with("short\n") && !body.contains("the rest"),
        "{body}"
    );
    assert_eq!(thread.runner.argv("gh").matches("POST\n").count(), 1);
}

#[test]
fn new_drift_is_told_whatever_the_exit_code_says() {
    let (script, _) = script_of("drift", "drift", "Look for drift");
    let rows = [
        // (exit code, new, the output)
        (0, Some(0), "new=0"),
        (2, Some(1), "new=1"),
        (3, Some(2), "new=2"),
        (6, Some(12), "new=12"),
        (6, Some(0), "new=0"),
        (1, Some(1), "new=1"),
        (1, None, "new=0"),
    ];
    for (code, new, output) in rows {
        let runner = Runner::new();
        let line = new.map_or_else(String::new, |new| {
            format!("Drift: {new} new, 3 known, 0 resolved, 0 unapplied, 0 ignored, 1 unread.")
        });
        runner.program("stairway", &format!("echo '{line}'\nexit {code}"));
        let outputs = runner.outside("output");
        let shown = outputs.to_string_lossy().into_owned();
        runner.step(&script, &[("GITHUB_OUTPUT", &shown)]);
        assert_eq!(read(&outputs).trim(), output, "{code} {new:?}");
    }
}

/// A clone of a remote whose `main` has three commits.
fn merged() -> (Runner, [String; 3]) {
    let runner = Runner::new();
    let work = runner.place.work();
    git(&work, &["init", "-q", "-b", "main"]);
    let remote = runner.outside("remote").to_string_lossy().into_owned();
    git(&work, &["init", "-q", "--bare", &remote]);
    git(&work, &["remote", "add", "origin", &remote]);
    let commits = ["one", "two", "three"].map(|name| {
        git(&work, &["commit", "-q", "--allow-empty", "-m", name]);
        let head = runner.run("git", &["rev-parse", "HEAD"], &[]).expect(0);
        head.stdout.trim().to_owned()
    });
    (runner, commits)
}

#[test]
fn what_was_merged_is_planned_since_the_last_time_that_it_was_planned_to_the_end() {
    let rows = [
        // (what, up to where it was planned, what the event says, how the plan ends, since when, up to where then)
        ("the first time", None, Some(1), 2, None, 2),
        ("as it should be", Some(1), Some(1), 2, Some(1), 2),
        ("a job was cancelled", Some(0), Some(1), 0, Some(0), 2),
        ("by hand", Some(0), None, 3, Some(0), 2),
        ("once more", Some(2), Some(1), 2, Some(1), 2),
        ("its plan fails", Some(1), Some(1), 1, Some(1), 1),
        ("a cluster is unread", Some(1), Some(1), 6, Some(1), 1),
    ];
    for (what, planned, before, code, since, then) in rows {
        let (runner, commits) = merged();
        let marker = "refs/heads/stairway/planned";
        if let Some(planned) = planned {
            let spec = format!("{}:{marker}", commits[planned]);
            git(&runner.place.work(), &["push", "-q", "origin", &spec]);
        }
        runner.program("stairway", &format!("exit {code}"));
        let argument: Vec<&str> = before
            .map(|at: usize| commits[at].as_str())
            .into_iter()
            .collect();
        let run = runner.script("store", &argument, &[]);
        let ends = if code == 1 || code == 6 { code } else { 0 };
        assert_eq!(run.code, ends, "{what}: {}", run.stderr);
        let argv = runner.argv("stairway");
        let expected = since.map_or_else(String::new, |at: usize| {
            format!("--changed-since\n{}\n", commits[at])
        });
        assert!(argv.contains(&expected), "{what}: {argv}");
        assert_eq!(
            argv.contains("--changed-since"),
            since.is_some(),
            "{what}: {argv}"
        );
        let remote = runner.outside("remote").to_string_lossy().into_owned();
        let now = runner.run("git", &["-C", &remote, "rev-parse", marker], &[]);
        assert_eq!(now.stdout.trim(), commits[then], "{what}");
    }
}

#[test]
fn what_is_not_known_is_planned_whole_and_what_a_later_job_planned_not_again() {
    let zeros = "0".repeat(40);
    for before in [zeros.as_str(), "1234567890123456789012345678901234567890"] {
        let (runner, commits) = merged();
        let spec = format!("{}:refs/heads/stairway/planned", commits[1]);
        git(&runner.place.work(), &["push", "-q", "origin", &spec]);
        runner.program("stairway", "exit 0");
        let run = runner.script("store", &[before], &[]).expect(0);
        assert!(
            !runner.argv("stairway").contains("--changed-since"),
            "{before}"
        );
        assert!(run.stdout.contains("the whole fleet"), "{}", run.stdout);
    }
    let (runner, commits) = merged();
    let spec = format!("{}:refs/heads/stairway/planned", commits[2]);
    git(&runner.place.work(), &["push", "-q", "origin", &spec]);
    git(
        &runner.place.work(),
        &["switch", "-q", "--detach", &commits[1]],
    );
    runner.program("stairway", "exit 0");
    runner.script("store", &[&commits[0]], &[]).expect(0);
    assert_eq!(
        runner.argv("stairway"),
        "",
        "an older config is not planned over a newer one"
    );
}

#[test]
fn what_looks_like_an_option_is_no_revision() {
    for script in ["plan", "store"] {
        let runner = Runner::new();
        runner.program("stairway", "exit 0");
        let run = runner.script(script, &["--all"], &[]).expect(USAGE);
        assert!(run.stderr.contains("usage: "), "{}", run.stderr);
        assert_eq!(runner.argv("stairway"), "", "{script}");
    }
}

#[test]
fn apply_refuses_names_that_are_no_names_before_anything_runs() {
    let digest = "0123456789abcdef";
    let rows: [&[&str]; 9] = [
        &[],
        &["sandbox"],
        &["$(touch pwned)", digest],
        &["--unlock", digest],
        &["../plans", digest],
        &["sandbox", "0123456789a"],
        &["sandbox", "0123456789ab --dangerously-skip-waves"],
        &["sandbox", "0123456789AB"],
        &["sandbox", digest, "--adopt"],
    ];
    for row in rows {
        let runner = Runner::new();
        runner.program("stairway", "exit 0");
        let run = runner.script("apply", row, &[]);
        assert_eq!(run.code, USAGE, "{row:?}: {}", run.stderr);
        assert_eq!(runner.argv("stairway"), "", "{row:?}");
    }
}

#[test]
fn how_an_apply_ended_and_what_to_type_stands_in_the_summary() {
    let rows = [
        // (exit code of apply, how the job ends, what the summary says)
        (0, 0, "**Done**"),
        (4, 4, "--resume --approve=0123456789abcdef"),
        (5, 5, "**Refused**"),
        (7, 0, "**Paused by plan**"),
        (1, 1, "whether anything was begun"),
    ];
    for (code, ends, said) in rows {
        let runner = Runner::new();
        runner.program("stairway", &format!("exit {code}"));
        let line = ["sandbox", "sha256:0123456789abcdef", "true"];
        let run = runner.script("apply", &line, &[("STAIRWAY_POLICY_FROM", "origin/trunk")]);
        assert_eq!(run.code, ends, "{code}");
        let summary = runner.summary();
        assert!(summary.contains(said), "{code}: {summary}");
        assert!(
            summary.contains("sandbox-0123456789ab") || code == 5,
            "{summary}"
        );
        let argv = runner.argv("stairway");
        let expected = "apply\nsandbox-0123456789ab\n--store\nbranch:stairway/runs\n--approve=0123456789abcdef\n\
                        --policy-from\norigin/trunk\n--no-input\n--resume\n";
        assert_eq!(argv, expected);
    }
}

#[test]
fn a_job_that_is_cancelled_tells_the_run_and_waits_for_its_end() {
    let runner = Runner::new();
    // Ends its step, and only then itself.
    runner.program(
        "stairway",
        "trap 'touch ended; exit 4' TERM\ntouch begun\nwhile :; do sleep 0.05; done",
    );
    let apply = workflow("apply");
    let script = steps(&apply["jobs"]["apply"])
        .iter()
        .find(|step| text(step, "name") == "Apply")
        .map(|step| text(step, "run").to_owned());
    let file = runner.outside("temp").join("step.sh");
    write(&file, &script.expect("the step"));
    let path = file.to_string_lossy().into_owned();
    let env = [
        ("CLUSTER", "sandbox"),
        ("DIGEST", "0123456789ab"),
        ("RESUME", "false"),
    ];
    let mut child = runner
        .command("bash", &["-e", &path], &env)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let begun = runner.place.work().join("begun");
    wait_for("the run's begin", || {
        begun
            .exists()
            .then_some(())
            .ok_or_else(|| "nothing".to_owned())
    });
    // GitHub tells the first process only.
    let told = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(told.expect("kill runs").success());
    let status = wait_for_end("the job", &mut child);
    assert_eq!(status.code(), Some(4));
    assert!(runner.place.work().join("ended").exists());
    assert!(runner.summary().contains("**Stopped part-way.**"));
}

#[test]
fn a_runner_without_stairway_says_where_to_put_it() {
    let runner = Runner::new();
    let run = runner
        .script("install", &[], &[("STAIRWAY_IMAGE", "")])
        .expect(1);
    for words in [
        "::error",
        "STAIRWAY_IMAGE",
        ".stairway/ci/install.sh",
        "forks",
    ] {
        assert!(run.stdout.contains(words), "{words}: {}", run.stdout);
    }
    runner.program(
        "docker",
        "case $1 in create) echo c1 ;; cp) printf '#!/bin/sh\\necho stairway 1\\n' >\"$3/stairway\"; chmod +x \"$3/stairway\" ;; esac",
    );
    let image = "registry.example.org/stairway@sha256:00";
    let run = runner
        .script("install", &[], &[("STAIRWAY_IMAGE", image)])
        .expect(0);
    assert!(run.stdout.contains("stairway 1"), "{}", run.stdout);
    assert!(runner.argv("docker").contains(image));
    let bin = read(&runner.outside("path"));
    assert!(Path::new(bin.trim()).join("stairway").is_file(), "{bin}");
}

#[test]
fn a_kubeconfig_is_kept_where_only_the_job_reads_it() {
    let runner = Runner::new();
    runner.script("kubeconfig", &[], &[]).expect(0);
    assert!(
        !runner.outside("env").exists(),
        "nothing to take is nothing taken"
    );
    let env = [("STAIRWAY_KUBECONFIG", "apiVersion: v1\nkind: Config")];
    runner.script("kubeconfig", &[], &env).expect(0);
    let file = runner.outside("temp").join("kubeconfig");
    let mode = std::fs::metadata(&file)
        .expect("a file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(read(&runner.outside("env")).starts_with("KUBECONFIG="));
}

/// A `curl` for GitLab's notes: the files `notes/ID` and, with the author's number, `notes/ID.by`.
const CURL: &str = r#"
method=GET data= output= url=
while [ $# -gt 0 ]; do
  case $1 in
    --request) method=$2; shift ;;
    --data) data=${2#@}; shift ;;
    --output) output=$2; shift ;;
    --header) shift ;;
    --*) ;;
    *) url=$1 ;;
  esac
  shift
done
case $method:$url in
  GET:*/user) printf '{"id": 42}\n' ;;
  GET:*/notes*'&page=1')
    for file in "$COMMENTS"/*.by; do
      [ -f "$file" ] || continue
      id=$(basename "$file" .by)
      jq -n --argjson id "$id" --argjson by "$(cat "$file")" --rawfile body "$COMMENTS/$id" \
        '{id: $id, body: $body, author: {id: $by}}'
    done | jq -s . ;;
  GET:*/notes*) printf '[]\n' ;;
  POST:*/notes) jq -rj .body "$data" >"$COMMENTS/900"; printf '42\n' >"$COMMENTS/900.by"; : >"$output" ;;
  PUT:*/notes/*) jq -rj .body "$data" >"$COMMENTS/${url##*/}"; : >"$output" ;;
  *) exit 22 ;;
esac
"#;

#[test]
fn the_note_of_a_merge_request_is_one_and_is_replaced() {
    let runner = Runner::new();
    // The step is written for jq; without one here it cannot be run.
    if runner.run("sh", &["-c", "command -v jq"], &[]).code != 0 {
        return;
    }
    runner.program("curl", CURL);
    let notes = runner.outside("comments");
    std::fs::create_dir(&notes).expect("a folder");
    let gitlab: Value = serde_saphyr::from_str(&template("gitlab/gitlab-ci.yml")).expect("YAML");
    let job = &gitlab["comment"];
    let script = job["script"][0].as_str().expect("a script");
    let comments = notes.to_string_lossy().into_owned();
    let env = [
        ("COMMENTS", comments.as_str()),
        ("MARK", job["variables"]["MARK"].as_str().expect("a marker")),
        ("STAIRWAY_NOTE_TOKEN", "none"),
        ("CI_API_V4_URL", "https://gitlab.example.org/api/v4"),
        ("CI_PROJECT_ID", "5"),
        ("CI_MERGE_REQUEST_IID", "7"),
        ("CI_COMMIT_SHORT_SHA", "01234567"),
        ("CI_PIPELINE_URL", "https://gitlab.example.org/p/1"),
    ];
    let run = || runner.run("sh", &["-c", script], &env);
    // The same marker by somebody else.
    write(&notes.join("3"), PAGE);
    write(&notes.join("3.by"), "41");
    runner.place.file("review/comment.md", PAGE);
    runner.place.file("review/exit", "0\n");
    run().expect(0);
    assert!(!notes.join("900").exists(), "nothing to say");
    runner.place.file("review/exit", "2\n");
    run().expect(0);
    let first = read(&notes.join("900"));
    assert!(
        first.starts_with(PAGE) && first.contains("Planned for 01234567;"),
        "{first}"
    );
    let other = format!("{PAGE}\"quoted\" `$(x)` \\n\n");
    runner.place.file("review/comment.md", &other);
    run().expect(0);
    assert!(read(&notes.join("900")).starts_with(&other));
    assert_eq!(read(&notes.join("3")), PAGE);
    runner.place.file("review/comment.md", "no marker\n");
    run().expect(1);
}

/// Puts the real program on the runner's path.
fn real(runner: &Runner) {
    let link = runner.outside("bin").join("stairway");
    symlink(env!("CARGO_BIN_EXE_stairway"), link).expect("a link");
}

#[test]
fn a_pull_request_is_planned_as_actions_checkout_leaves_it_whatever_its_base_is_called() {
    const BASE: &str = "release/$(touch${IFS}pwned);`touch${IFS}pwned`'\"";
    let runner = Runner::new();
    real(&runner);
    let work = runner.place.work();
    std::fs::remove_dir_all(work.join(".stairway")).expect("the scripts come with the repository");
    runner.place.run(&["init", "."]).expect(0);
    for words in [
        &["init", "-q", "-b", "main"][..],
        &["add", "-A"],
        &["commit", "-qm", "begin"],
        &["update-ref", &format!("refs/remotes/origin/{BASE}"), "HEAD"],
        &["switch", "-q", "--detach"],
    ] {
        git(&work, words);
    }
    let config = work.join("clusters/sandbox.jsonnet");
    write(&config, &(read(&config) + "// changed\n"));
    git(&work, &["commit", "-qam", "change"]);
    let (script, _) = script_of("plan", "plan", "Plan");
    let base = format!("origin/{BASE}");
    let step = || runner.step(&script, &[("BASE", base.as_str())]).expect(0);
    assert!(step().stdout.contains("Plan: 1 to upgrade"));
    let comment = read(&work.join("review/comment.md"));
    assert!(comment.starts_with("<!-- stairway:plan ci "), "{comment}");
    assert_eq!(comment.matches("<!--").count(), 1, "{comment}");
    assert!(comment.len() < 65_536, "{}", comment.len());
    assert!(runner.summary().contains("1 to upgrade") && runner.summary().len() < 1 << 20);
    for name in ["planset.json", "findings.sarif"] {
        let text = read(&work.join("review").join(name));
        serde_json::from_str::<Value>(&text).expect(name);
    }
    step();
    assert_eq!(read(&work.join("review/comment.md")), comment);
    let left: Vec<String> = files_below(&work)
        .into_iter()
        .filter(|path| path.rsplit('/').next() == Some("pwned"))
        .collect();
    assert_eq!(left, Vec::<String>::new());
    let status = runner.run("git", &["status", "--porcelain"], &[]).expect(0);
    assert_eq!(status.stdout, "", "the work tree stays as it was");

    write(&config, "local broken = ");
    git(&work, &["commit", "-qam", "break"]);
    runner.step(&script, &[("BASE", base.as_str())]).expect(1);
    let broken = read(&work.join("review/comment.md"));
    assert!(broken.starts_with("<!-- stairway:plan ci "), "{broken}");
    assert!(broken.contains("clusters/sandbox.jsonnet:"), "{broken}");
    write(&work.join("fleet.yaml"), "clusters: [");
    git(&work, &["commit", "-qam", "break more"]);
    runner.step(&script, &[("BASE", base.as_str())]).expect(1);
    let failed = read(&work.join("review/comment.md"));
    assert!(
        failed.starts_with("<!-- stairway:plan ci failed -->"),
        "{failed}"
    );
    assert!(failed.contains("fleet.yaml"), "{failed}");
}

#[test]
fn drift_looks_for_what_was_applied_on_the_branch_of_the_runs() {
    let runner = Runner::new();
    runner.program("stairway", "printf 'No drift.\\n'");
    runner.script("drift", &[], &[]).expect(0);
    let argv = runner.argv("stairway");
    assert!(argv.contains("--store\nbranch:stairway/runs\n"), "{argv}");
    let other = [("STAIRWAY_STORE", "branch:ops/runs")];
    runner.script("drift", &[], &other).expect(0);
    let argv = runner.argv("stairway");
    assert!(argv.contains("--store\nbranch:ops/runs\n"), "{argv}");
}
