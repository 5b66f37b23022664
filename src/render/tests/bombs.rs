//! Configs that try to take the machine with them. Each must become an error
//! of its own file, within seconds.

use super::*;

fn limited(content: &str, kind: RenderErrorKind) {
    let error = Repo::new().fails(content);
    let shown: String = content.chars().take(80).collect();
    assert_eq!(error.kind, kind, "{shown}: {error}");
    assert_eq!(error.entry, "clusters/x.jsonnet");
}

#[test]
fn memory_is_bounded() {
    for content in [
        "{a: std.range(0, 1e9)}",
        "{a: std.repeat('x', 2e9)}",
        "{a: std.makeArray(1e9, function(i) i)}",
        "local d(n) = if n == 0 then 'xxxxxxxxxxxxxxxx' else (local c = d(n - 1); c + c); {a: d(40)}",
        "local d(n) = if n == 0 then [1] else (local c = d(n - 1); c + c); {a: d(40)}",
    ] {
        limited(content, RenderErrorKind::MemoryLimit);
    }
}

#[test]
fn sizes_that_no_array_has_are_refused_by_the_evaluator() {
    for content in ["{a: std.range(0, 1e12)}", "{a: std.repeat('x', 1e10)}"] {
        limited(content, RenderErrorKind::JsonnetEvaluation);
    }
}

#[test]
fn processor_time_is_bounded() {
    for content in [
        "local f(i, acc) = if i == 0 then acc else f(i - 1, acc + 1) tailstrict; {a: f(1e15, 0)}",
        "local d(n) = if n == 0 then {} else (local c = d(n - 1); {a: c, b: c}); d(60)",
    ] {
        limited(content, RenderErrorKind::CpuLimit);
    }
}

#[test]
fn recursion_is_bounded() {
    for content in [
        "local f(x) = f(x + 1); f(0)",
        "local f(x) = 1 + f(x); f(0)",
        "local a = {x: {y: a.x} + self.x}; a.x",
    ] {
        let error = Repo::new().fails(content);
        assert!(
            matches!(
                error.kind,
                RenderErrorKind::StackLimit | RenderErrorKind::JsonnetEvaluation
            ),
            "{error}"
        );
        assert_eq!(error.line, Some(1), "{error}");
    }
    limited("local f(x) = f(x + 1); f(0)", RenderErrorKind::StackLimit);
}

#[test]
fn recursion_that_real_configs_have_is_not() {
    let content = "local sum(n) = if n == 0 then 0 else n + sum(n - 1); {a: sum(400)}";
    let value = only(Repo::new().jsonnet(content).expect("400 deep"));
    assert_eq!(value["a"], 80_200);
}

#[test]
fn nesting_of_the_source_is_bounded() {
    // The parser of some recurses and overflows its stack; others only end late.
    let opened = [
        ("{a:", 200_000),
        ("[", 30_000),
        ("(", 30_000),
        ("-", 30_000),
        ("local x = ", 30_000),
        ("if true then ", 30_000),
    ];
    for (open, deep) in opened {
        let error = Repo::new().fails(&open.repeat(deep));
        assert!(
            matches!(
                error.kind,
                RenderErrorKind::JsonnetSyntax
                    | RenderErrorKind::StackLimit
                    | RenderErrorKind::MemoryLimit
                    | RenderErrorKind::CpuLimit
            ),
            "{open}: {error}"
        );
    }
}

#[test]
fn nesting_of_the_output_is_bounded() {
    let content = "std.foldl(function(inner, i) {a: inner}, std.range(1, 500), {})";
    limited(content, RenderErrorKind::TooDeep);
}

#[test]
fn output_is_bounded() {
    let repo = Repo::new();
    repo.put("repo/x.jsonnet", "{a: std.repeat('x', 5000)}");
    let mut request = repo.request("repo/x.jsonnet");
    request.options.limits.output_bytes = 4096;
    let error = render_file(&request.path, &request.options).expect_err("too large");
    assert_eq!(error.kind, RenderErrorKind::OutputLimit);
}

#[test]
fn time_on_the_clock_is_bounded() {
    let repo = Repo::new();
    let endless = "local f(x) = f(x + 1) tailstrict; f(0)";
    repo.put("repo/x.jsonnet", endless);
    repo.put("repo/y.jsonnet", "{a: 1}");
    let requests = ["repo/x.jsonnet", "repo/y.jsonnet"].map(|name| {
        let mut request = repo.request(name);
        request.options.limits.cpu_seconds = 60;
        request.options.limits.wall_seconds = 1;
        request
    });
    let [first, second] = <[_; 2]>::try_from(render_files(&requests, 1)).expect("two results");
    assert_eq!(first.expect_err("endless").kind, RenderErrorKind::TimeLimit);
    assert_eq!(only(second.expect("another worker"))["a"], 1);
}

#[test]
fn a_file_gets_all_of_its_budget_whatever_came_before() {
    let repo = Repo::new();
    // 0.4 s of a second each: five of them in one worker are no offence.
    let busy = "local f(i) = if i == 0 then 0 else f(i - 1) tailstrict; {a: f(100000)}";
    // More than half of the memory each.
    let large = "{a: std.length(std.repeat('x', 6e7))}";
    let requests: Vec<_> = (0..12)
        .map(|i| {
            let name = format!("repo/{i}.jsonnet");
            repo.put(&name, if i % 2 == 0 { busy } else { large });
            repo.request(&name)
        })
        .collect();
    for (i, outcome) in render_files(&requests, 1).into_iter().enumerate() {
        assert!(outcome.is_ok(), "{i}: {outcome:?}");
    }
}
