//! Messages: file, place, excerpt, trace and hint.

use super::*;

fn at(error: &RenderError) -> (Option<u32>, Option<u32>) {
    (error.line, error.column)
}

#[test]
fn broken_jsonnet_is_shown_with_its_line() {
    let repo = Repo::new();
    let error = repo.fails("{\n  a: 1\n  b: 'é', c: 2,\n}\n");
    assert_eq!(error.kind, RenderErrorKind::JsonnetSyntax);
    let wanted = "\
Rendering `clusters/x.jsonnet` failed: clusters/x.jsonnet:3:3: found `b` where `,` or `}` or `(` or something else is expected
 --> clusters/x.jsonnet:3:3
  |
3 |   b: 'é', c: 2,
  |   ^";
    assert_eq!(error.to_string(), wanted);
    let error = repo.fails("{a: 'é', c: foo}");
    assert_eq!(at(&error), (Some(1), Some(13)), "columns are characters");
    assert!(error.message.contains("`foo`"));
    for truncated in [
        "{",
        "{a: 'x",
        "{a: |||\n  x",
        "/* a",
        "local a = 1;",
        "",
        "// only\n",
    ] {
        let error = repo.fails(truncated);
        assert_eq!(error.kind, RenderErrorKind::JsonnetSyntax, "{error}");
        assert!(error.line.is_some(), "{error}");
    }
}

#[test]
fn errors_in_a_library_name_the_library_and_the_way_there() {
    let repo = Repo::new();
    repo.put(
        "repo/lib/l.libsonnet",
        "{\n  make(n):: { b: n + self.nope },\n}\n",
    );
    let error = repo.fails("local l = import '../lib/l.libsonnet';\nl.make('x')\n");
    assert_eq!(error.entry, "clusters/x.jsonnet");
    assert_eq!(error.file, "lib/l.libsonnet");
    assert_eq!(at(&error), (Some(2), Some(22)));
    assert_eq!(error.message, "the object has no field `nope`");
    assert!(
        error
            .excerpt
            .as_deref()
            .is_some_and(|e| e.contains("^^^^^^^^^"))
    );
    assert!(!error.trace.is_empty());
    repo.put("repo/lib/l.libsonnet", "{\n  make(n):: { b: n + },\n}\n");
    let error = repo.fails("local l = import '../lib/l.libsonnet';\nl.make('x')\n");
    assert_eq!(error.kind, RenderErrorKind::JsonnetSyntax);
    assert_eq!(error.file, "lib/l.libsonnet");
    assert!(
        error.trace.is_empty() || error.trace[0].contains("x.jsonnet"),
        "{error}"
    );
}

#[test]
fn what_a_config_says_cannot_drive_the_terminal() {
    let repo = Repo::new();
    let error = repo.fails("error 'boom\\u001b[2J \\u202e ' + std.repeat('x', 100000)");
    assert!(
        error
            .message
            .starts_with("the config says: boom\u{fffd}[2J \u{fffd} xxx")
    );
    assert!(error.message.chars().count() < 1_100);
    // Nor can the source line, or one without an end.
    let line = format!(
        "/* \u{1b}[2J {} */ foo /* {} */",
        "x".repeat(50_000),
        "y".repeat(50_000)
    );
    let error = repo.fails(&line);
    assert_eq!(at(&error), (Some(1), Some(50_013)));
    let excerpt = error.excerpt.clone().unwrap_or_default();
    assert!(
        excerpt.contains("foo") && excerpt.len() < 1_000,
        "{excerpt}"
    );
    let error = repo.fails("/* \u{1b}[2J */ foo");
    assert!(!error.to_string().contains('\u{1b}'), "{error}");
}

#[test]
fn assertions_and_missing_arguments_are_in_words() {
    let repo = Repo::new();
    let message = |content: &str| repo.fails(content).message.clone();
    assert_eq!(message("{assert false: 'no'}"), "an assertion fails: no");
    assert_eq!(
        message("local f(a) = a; {x: f()}"),
        "the argument `a` is missing"
    );
    assert_eq!(
        message("{a: 1 + {}}"),
        "`+` cannot be applied to a number and an object"
    );
    assert_eq!(
        message("{a: std.length(1)}"),
        "argument 1 of `std.length` must be a string or an array or an object or a function, not a number"
    );
    assert_eq!(
        message("{a: [1][3]}"),
        "the index 3 is out of range: there are 1 items"
    );
    assert_eq!(message("{a: 1 / 0}"), "division by zero");
    assert_eq!(
        message("{a: function(x) x}"),
        "a function is left in the output: call it, or hide the field with `::`"
    );
}

#[test]
fn files_that_are_no_text_files() {
    let repo = Repo::new();
    for ending in ["jsonnet", "json", "yaml"] {
        let name = format!("repo/x.{ending}");
        repo.put(&name, b"{a:\n  \"\xff\"}");
        let error = repo.render(&name).expect_err("not UTF-8");
        assert_eq!(error.kind, RenderErrorKind::NotUtf8, "{error}");
        assert_eq!(at(&error), (Some(2), Some(4)), "{error}");
        let name = format!("repo/missing.{ending}");
        let error = repo.render(&name).expect_err("missing");
        assert_eq!(error.kind, RenderErrorKind::FileMissing, "{error}");
        let name = format!("repo/dir.{ending}");
        repo.put(&format!("{name}/inner"), "");
        let error = repo.render(&name).expect_err("a folder");
        assert_eq!(error.kind, RenderErrorKind::FileUnreadable, "{error}");
        let name = format!("repo/huge.{ending}");
        repo.put(&name, " ".repeat(9 << 20));
        let error = repo.render(&name).expect_err("huge");
        assert_eq!(error.kind, RenderErrorKind::FileTooLarge, "{error}");
        let name = format!("repo/bom.{ending}");
        repo.put(&name, "\u{feff}{\"a\": 1}");
        assert!(repo.render(&name).is_ok(), "{ending}");
        for blank in ["", " \n", "\u{feff}"] {
            let name = format!("repo/blank.{ending}");
            repo.put(&name, blank);
            let error = repo.render(&name).expect_err("blank");
            let wanted = if ending == "jsonnet" {
                RenderErrorKind::JsonnetSyntax
            } else {
                RenderErrorKind::Empty
            };
            assert_eq!(error.kind, wanted, "{error}");
        }
    }
    let error = repo.render("repo/x.txt").expect_err("an unknown format");
    assert_eq!(error.kind, RenderErrorKind::UnknownFormat);
}

#[test]
fn templates_are_told_from_mistakes() {
    let repo = Repo::new();
    for template in [
        "{#-\n  a template\n-#}\nlocal a = 1;\n<% if x %>\n{}",
        "local a = 1;\n<% if x %>\n{a: a}\n<% endif %>",
        "{% set a = 1 %}\n{a: 1}",
        "{a: {{ name }}, b: 1}",
        "{\n  {% for x in y %}\n  a: 1,\n  {% endfor %}\n}",
        "{metadata: {name: << cluster_name >>}}",
        "{metadata: {name: '<< cluster_name >>'}}",
        "{metadata: {name: '{{ cluster_name }}'}}",
    ] {
        let error = repo.fails(template);
        assert_eq!(
            error.kind,
            RenderErrorKind::JinjaTemplate,
            "{template}: {error}"
        );
    }
    for mistake in [
        "{a: '{{ name }}', b: }",
        "{a: '{% x %}' b: 1}",
        "// {{ x }}\n{a: 1 b: 2}",
        "{a: {{b: 1}}}",
        "{a: 1 << }",
        "{# comment\n a: 1",
    ] {
        let error = repo.fails(mistake);
        assert_eq!(
            error.kind,
            RenderErrorKind::JsonnetSyntax,
            "{mistake}: {error}"
        );
    }
    let legal = "{metadata: {name: 'x'}, cmd: \"docker inspect -f '{{ .State }}'\"}";
    assert!(repo.jsonnet(legal).is_ok());
}

#[test]
fn json_errors_have_places() {
    let cases = [
        ("{\"a\": 1,\n \"a\": 2}", RenderErrorKind::DuplicateKey, 2),
        (
            "{\"a\": {\"b\": 1, \"b\": 1}}",
            RenderErrorKind::DuplicateKey,
            1,
        ),
        ("{\"a\": 1,\n}", RenderErrorKind::JsonSyntax, 2),
        ("{\"a\": 1", RenderErrorKind::JsonSyntax, 1),
        ("{\"a\": NaN}", RenderErrorKind::JsonSyntax, 1),
        ("{\"a\": 1e999}", RenderErrorKind::UnusableNumber, 1),
        ("{} {}", RenderErrorKind::JsonSyntax, 1),
    ];
    for (text, kind, line) in cases {
        let error = parse_json(text, "x.json").expect_err(text);
        assert_eq!(error.kind, kind, "{error}");
        assert_eq!(error.line, Some(line), "{error}");
        assert!(error.excerpt.is_some());
    }
    let error = parse_json(&"[".repeat(100_000), "x.json").expect_err("deep");
    assert_eq!(error.kind, RenderErrorKind::TooDeep);
    assert_eq!(
        parse_json("{\"a\": 1.30, \"b\": \"1.30\"}", "x").expect("a value"),
        serde_json::json!({"a": 1.3, "b": "1.30"})
    );
}
