use super::*;
use crate::actuate::Interrupts;
use stairway_core::plan::wire::FileRef;
use std::cell::RefCell;
use std::os::unix::fs::PermissionsExt as _;

/// A folder with a scripted `eksctl` in it, and one for the plan.
struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn with(script: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let bench = Self { folder };
        bench.program("bin/eksctl", script);
        bench
    }

    fn program(&self, name: &str, script: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        files::write_atomic(&path, format!("#!/bin/sh\n{script}\n").as_bytes()).expect("a script");
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&path, mode).expect("permissions");
        path
    }

    fn runner(&self) -> ToolRunner {
        let path = format!("{}:/usr/bin:/bin", self.folder.path().join("bin").display());
        let plan_dir = Some(self.folder.path().join("plan"));
        ToolRunner::new(ToolEnvironment::with_path(path), plan_dir)
            .with_grace(Duration::from_millis(300))
    }

    fn act(&self, argv: &[&str], step_files: &StepFiles) -> (Claim, Vec<String>) {
        self.act_until(argv, step_files, &|| Interrupt::None)
    }

    fn act_until(
        &self,
        argv: &[&str],
        step_files: &StepFiles,
        interrupted: &dyn Fn() -> Interrupt,
    ) -> (Claim, Vec<String>) {
        let mut heard = Vec::new();
        let mut watch = |line: &str| heard.push(line.to_owned());
        let claim = self
            .runner()
            .act(&call(argv), step_files, &mut watch, interrupted);
        (claim, heard)
    }
}

fn call(argv: &[&str]) -> ActionCall {
    ActionCall {
        step: "create-nodegroup/core-b@1.33".to_owned(),
        number: 0,
        attempt: 1,
        token: "stairway-0123".to_owned(),
        action: Action::Run {
            tool: "eksctl".to_owned(),
            argv: argv.iter().map(|word| (*word).to_owned()).collect(),
            files: Vec::<FileRef>::new(),
        },
    }
}

#[test]
fn what_a_tool_prints_is_shown_kept_and_digested() {
    let bench = Bench::with("echo one; echo two >&2; printf three; exit 3");
    let (claim, heard) = bench.act(&[], &StepFiles::new());
    assert_eq!((claim.ok, claim.said.as_str()), (false, "exit 3"));
    let mut sorted = heard.clone();
    sorted.sort();
    assert_eq!(sorted, ["one", "three", "two"]);
    assert_eq!(claim.tail, heard);
    let log = bench.folder.path().join("plan/logs/stairway-0123.log");
    let text = files::read_bounded(&log, 1 << 20).expect("a log");
    assert_eq!(
        claim.output,
        stairway_core::model::Digest::of(&text).to_string()
    );
    let mode = std::fs::metadata(&log).expect("a log").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn success_is_no_more_than_exit_0() {
    let (claim, heard) = Bench::with("exit 0").act(&[], &StepFiles::new());
    assert_eq!((claim.ok, claim.said.as_str()), (true, "exit 0"));
    assert_eq!((heard.len(), claim.output.as_str()), (0, ""));
    let (claim, _) = Bench::with("kill -9 $$").act(&[], &StepFiles::new());
    assert_eq!(
        (claim.ok, claim.said.as_str()),
        (false, "ended by signal 9")
    );
}

#[test]
fn arguments_arrive_as_they_are_and_no_shell_reads_them() {
    let bench = Bench::with("for word in \"$@\"; do echo \"<$word>\"; done");
    let argv = [
        "a b",
        "$(touch x)",
        "`id`",
        "*",
        "; rm -rf y",
        "'",
        "\"",
        "",
        "ü",
    ];
    let (_, heard) = bench.act(&argv, &StepFiles::new());
    let expected: Vec<String> = argv.iter().map(|word| format!("<{word}>")).collect();
    assert_eq!(heard, expected);
}

#[test]
fn a_tool_sees_no_variable_but_those_it_needs() {
    let bench =
        Bench::with("env | cut -d= -f1 | grep -v -e ^PWD -e ^SHLVL -e ^_ -e ^OLDPWD | sort");
    let (_, heard) = bench.act(&[], &StepFiles::new());
    assert_eq!(heard, ["PATH"]);
    let environment = ToolEnvironment::of_process().with_aws(Some("demo"), Some("us-west-2"));
    let names: Vec<String> = environment
        .0
        .keys()
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    let allowed = [
        "AWS_DEFAULT_REGION",
        "AWS_PROFILE",
        "AWS_REGION",
        "HOME",
        "PATH",
    ];
    assert!(
        names.iter().all(|name| allowed.contains(&name.as_str())),
        "{names:?}"
    );
}

#[test]
fn the_working_folder_holds_exactly_the_steps_files_and_is_gone_afterwards() {
    let bench = Bench::with("pwd; ls -la | awk '{print $1, $9}'; cat a.json; stat -c %a .");
    let step_files = StepFiles::from([("a.json".to_owned(), "{\"x\":1}\n".to_owned())]);
    let (_, heard) = bench.act(&["-f", "a.json"], &step_files);
    assert!(heard.contains(&"-rw------- a.json".to_owned()), "{heard:?}");
    assert!(heard.contains(&"{\"x\":1}".to_owned()), "{heard:?}");
    assert_eq!(heard.last().map(String::as_str), Some("700"));
    assert!(!files::exists(Path::new(&heard[0])), "{heard:?}");
    for name in ["../a", "/a", "a/b", ".."] {
        let step_files = StepFiles::from([(name.to_owned(), String::new())]);
        let (claim, _) = bench.act(&[], &step_files);
        assert!(claim.said.contains("no plain name"), "{name}: {claim:?}");
    }
}

#[test]
fn a_flood_is_read_to_its_end_and_its_end_is_kept() {
    let bench = Bench::with(
        "i=0; while [ $i -lt 20000 ]; do echo \"line $i xxxxxxxxxxxxxxxxxxxxxxxx\"; i=$((i+1)); done; head -c 300000 /dev/zero | tr '\\0' y",
    );
    let (claim, heard) = bench.act(&[], &StepFiles::new());
    assert!(claim.ok, "{claim:?}");
    assert_eq!(claim.tail.len(), 20);
    assert!(heard.len() > 20_000, "{}", heard.len());
    assert!(heard.iter().all(|line| line.len() <= 64 << 10));
    assert_eq!(heard.iter().map(String::len).max(), Some(64 << 10));
}

#[test]
fn the_first_interrupt_lets_a_tool_go_on_and_the_second_stops_its_whole_group() {
    let script =
        "trap '' TERM; sh -c 'trap \"\" TERM; echo started; sleep 30; echo never' & wait; sleep 30";
    let bench = Bench::with(script);
    let interrupts = Interrupts::none();
    let started = RefCell::new(0);
    let look = || {
        // The first two seconds of looks: nothing, then once, then twice.
        *started.borrow_mut() += 1;
        match *started.borrow() {
            6 | 12 => interrupts.add(),
            _ => {}
        }
        interrupts.level()
    };
    let (claim, heard) = bench.act_until(&[], &StepFiles::new(), &look);
    assert_eq!(heard, ["started"], "{claim:?}");
    assert!(claim.stopped && !claim.ok, "{claim:?}");
    assert_eq!(claim.said, "ended by signal 9");
    let (claim, _) =
        Bench::with("sleep 30").act_until(&[], &StepFiles::new(), &|| Interrupt::Twice);
    assert_eq!(claim.said, "ended by signal 15");
    let (claim, _) = Bench::with("sleep 1").act_until(&[], &StepFiles::new(), &|| Interrupt::Once);
    assert!(claim.ok && !claim.stopped, "{claim:?}");
}

#[test]
fn a_child_that_is_left_behind_keeps_nobody_waiting() {
    let bench = Bench::with("sleep 20 & echo done; exit 0");
    let (claim, heard) = bench.act(&[], &StepFiles::new());
    assert!(claim.ok, "{claim:?}");
    assert_eq!(heard, ["done"]);
}

#[test]
fn the_version_is_asked_once_and_an_old_one_is_refused() {
    let catalog = Catalog::embedded();
    let bench = Bench::with("echo asked >> \"$0.log\"; echo '{\"Version\":\"0.215.0\"}'");
    let mut runner = bench.runner();
    let (program, version) = runner.eksctl(EksctlUse::Plan, catalog).expect("new enough");
    assert_eq!(
        (program, version.to_string()),
        (bench.folder.path().join("bin/eksctl"), "0.215.0".to_owned())
    );
    let error = runner
        .eksctl(EksctlUse::Rollback, catalog)
        .expect_err("too old");
    let said = error.to_string();
    assert!(
        said.contains("0.215.0") && said.contains("0.229.0"),
        "{said}"
    );
    assert!(error.hint().is_some_and(|hint| hint.contains("releases")));
    let asked = files::read_text(&bench.folder.path().join("bin/eksctl.log"), 1 << 10);
    assert_eq!(asked.expect("a log"), "asked\n");
}

#[test]
fn a_tool_that_does_not_answer_is_refused_with_what_it_said() {
    let catalog = Catalog::embedded();
    for (script, word) in [
        ("exit 1", "exit 1"),
        ("echo hello", "no JSON"),
        ("echo '{}'", "no `Version`"),
        ("echo '{\"Version\":\"dev\"}'", "`dev`"),
    ] {
        let error = Bench::with(script)
            .runner()
            .eksctl(EksctlUse::Plan, catalog)
            .expect_err(script);
        assert!(error.to_string().contains(word), "{script}: {error}");
    }
    let nowhere = ToolEnvironment::with_path("relative:/nowhere");
    let mut runner = ToolRunner::new(nowhere, None);
    let error = runner.eksctl(EksctlUse::Plan, catalog).expect_err("none");
    assert!(error.to_string().contains("no folder of PATH"), "{error}");
    let claim = runner.act(&call(&[]), &StepFiles::new(), &mut |_| {}, &|| {
        Interrupt::None
    });
    assert!(
        !claim.ok && claim.said.contains("no folder of PATH"),
        "{claim:?}"
    );
}

#[test]
fn secrets_in_an_output_are_hidden_everywhere() {
    let bench = Bench::with("echo using AKIAIOSFODNN7EXAMPLE; echo password=hunter2");
    let (claim, heard) = bench.act(&[], &StepFiles::new());
    let log = bench.folder.path().join("plan/logs/stairway-0123.log");
    let log = files::read_text(&log, 1 << 20).expect("a log");
    for text in [heard.join("\n"), claim.tail.join("\n"), log] {
        assert!(
            !text.contains("AKIA") && !text.contains("hunter2"),
            "{text}"
        );
    }
}
