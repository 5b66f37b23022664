use super::*;
use crate::cli::args::Cli;
use clap::Parser as _;

fn ambient() -> Ambient {
    Ambient {
        now: Timestamp::from_unix(0),
        cwd: PathBuf::from("/work"),
        color: false,
        color_stderr: false,
        width: 100,
        unicode: true,
        stdout_is_terminal: false,
        stderr_is_terminal: false,
        ci: false,
    }
}

fn read(line: &str) -> Result<Request, CliError> {
    let words = std::iter::once("stairway").chain(line.split_whitespace());
    let cli = Cli::try_parse_from(words).map_err(|e| CliError::usage(e.to_string()))?;
    check(cli.command, &ambient())
}

#[test]
fn plan_options_are_collected() {
    let line = "plan a.jsonnet prod-* --to 1.34 --replace b --replace a --prune old --at 2026-11-20 \
                --format json -V x=1=2 --tla-str y= --parallelism 3 --detailed-exitcode";
    let Ok(Request::Plan(plan)) = read(line) else {
        panic!("not a plan");
    };
    assert_eq!(plan.work.scope.subjects, ["a.jsonnet", "prod-*"]);
    assert_eq!(
        plan.options.to.map(|to| to.to_string()).as_deref(),
        Some("1.34")
    );
    assert_eq!(plan.options.replace.iter().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(plan.work.scope.prune, ["old"]);
    assert_eq!(
        plan.at.map(|at| at.to_string()).as_deref(),
        Some("2026-11-20T00:00:00Z")
    );
    assert_eq!(
        plan.work.scope.ext_vars.get("x").map(String::as_str),
        Some("1=2")
    );
    assert_eq!(plan.work.scope.tlas.get("y").map(String::as_str), Some(""));
    assert_eq!(plan.work.parallelism, 3);
    assert_eq!(plan.format, PlanFormat::Json);
    assert!(plan.detailed_exitcode);
}

#[test]
fn wrong_command_lines_are_usage_errors() {
    let rows = [
        "plan --to 34",
        "plan --to v1.34",
        "plan --at tomorrow",
        "plan --format pdf",
        "plan --parallelism 0",
        "plan -V HOME",
        "plan -V a=1 -V a=2",
        "plan --shard 4/3",
        "render --live x",
        "diff --text --format json",
        "show",
        "schema nothing",
        "completions tcl",
        "plna",
        "--nonsense",
    ];
    for line in rows {
        match read(line) {
            Ok(request) => panic!("`{line}` was taken as {request:?}"),
            Err(error) => assert_eq!(error.exit_code(), 64, "`{line}`: {error:?}"),
        }
    }
}

#[test]
fn commands_that_are_not_built_say_so_whatever_follows() {
    for command in &not_built::NOT_BUILT {
        let line = format!("{} PLAN --approve --anything=1", command.name);
        match read(&line) {
            Ok(request) => panic!("`{line}` was taken as {request:?}"),
            Err(error) => {
                assert_eq!(error.exit_code(), 1, "{error:?}");
                assert!(error.message.contains("is not built yet"), "{error:?}");
                assert!(error.hint.is_some());
            }
        }
    }
}

#[test]
fn every_command_of_the_design_is_built_or_named() {
    let designed = "render observe diff check plan show approve apply status rollback drift recover \
                    backup restore rehearse explain init import schema completions man world";
    for name in designed.split_whitespace() {
        let built = COMMANDS.contains(&name);
        assert!(built != not_built::find(name).is_some(), "{name}");
    }
}

#[test]
fn a_misspelled_command_is_guessed() {
    let error = read("plna").map(|_| ()).unwrap_err();
    assert_eq!(error.hint.as_deref(), Some("did you mean `stairway plan`?"));
}

#[test]
fn the_definition_holds_together() {
    use clap::CommandFactory as _;
    Cli::command().debug_assert();
}
