//! Templates: what is read, what is refused, what comes out.

use super::*;
use serde_json::json;

const SMALL: &str = "//: template v1
//: For tests.
//: param name cluster required: the name
//: param zones words: zones
//: param size number: how many
//: param note text: a remark
//: param spot boolean: cheaper
local name = 'x';  // kept
local zones = ['a', 'b'];
local size = 3;
local note = '';
local spot = false;
{ name: name, zones: zones }
";

fn small() -> Template {
    Template::read(SMALL, "t.jsonnet").unwrap()
}

fn answers(given: &[(&str, &str)]) -> Result<Answers, TemplateError> {
    let template = small();
    let mut answers = Answers::new();
    for (name, text) in given {
        answers.insert((*name).to_owned(), template.parameter(name)?.answer(text)?);
    }
    template.complete(answers)
}

#[test]
fn answers_replace_literals_and_nothing_else() {
    let given = answers(&[
        ("name", "reef"),
        ("zones", "c, d"),
        ("note", "it's \"$1\""),
        ("size", "5"),
        ("spot", "true"),
    ]);
    let text = small().generate(&given.unwrap());
    assert_eq!(
        text,
        "local name = 'reef';  // kept\nlocal zones = ['c', 'd'];\nlocal size = 5;\nlocal note = \"it's \\\"$1\\\"\";\n\
         local spot = true;\n{ name: name, zones: zones }\n"
    );
}

#[test]
fn what_has_no_answer_keeps_the_default() {
    let given = answers(&[("name", "x")]).unwrap();
    assert_eq!(given.get("zones"), Some(&json!(["a", "b"])));
    let text = small().generate(&given);
    assert!(text.starts_with("local name = 'x';  // kept\nlocal zones = ['a', 'b'];\n"));
    let none = answers(&[("name", "x"), ("zones", "")]).unwrap();
    assert!(small().generate(&none).contains("local zones = [];"));
}

#[test]
fn hostile_answers_are_refused() {
    let long = "x".repeat(101);
    let rows = [
        ("name", "a'b"),
        ("name", "a\nb"),
        ("name", "../x"),
        ("name", "${NAME}"),
        ("name", ""),
        ("name", "-x"),
        ("name", "a.b"),
        ("name", &long),
        ("zones", "a,'b"),
        ("size", "1;"),
        ("size", "NaN"),
        ("spot", "yes"),
        ("note", "a\nb"),
        ("note", "a\u{1b}[2Jb"),
    ];
    for (name, answer) in rows {
        let error = answers(&[("name", "ok"), (name, answer)]).unwrap_err();
        assert!(
            matches!(error, TemplateError::BadAnswer { .. }),
            "{name}={answer}: {error}"
        );
    }
}

#[test]
fn unknown_and_missing_answers_list_the_parameters() {
    let error = answers(&[("nam", "x")]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "The template has no parameter `nam`; it has: name, zones, size, note, spot"
    );
    assert_eq!(error.hint().unwrap(), "did you mean `--answer name=…`?");
    let error = answers(&[]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "The template needs more answers:\n  name (cluster): the name"
    );
}

#[test]
fn a_template_that_does_not_fit_itself_is_refused_with_its_line() {
    let rows = [
        (
            "//: template v1\n//: param x word: x\n",
            "t:2: not exactly one line begins with `local x = `",
        ),
        (
            "//: template v1\n//: param x word: x\nlocal x = 'a';\nlocal x = 'b';\n",
            "t:2: not exactly one",
        ),
        (
            "//: template v1\n//: param x word: x\nlocal x = 'a' + 'b';\n",
            "t:3: `x` is not one plain literal",
        ),
        (
            "//: template v1\n//: param x word: x\nlocal x = ['a' 'b'];\n",
            "t:3: `x` is not one plain literal",
        ),
        (
            "//: template v1\n//: param x minor: x\nlocal x = 'a';\n",
            "t:3: `x=a` cannot be",
        ),
        (
            "//: template v1\n//: param x size: x\nlocal x = 'a';\n",
            "t:2: there is no kind `size`",
        ),
        (
            "//: template v1\n//: param x word\nlocal x = 'a';\n",
            "t:2: a parameter is declared as",
        ),
        (
            "//: template v1\n//: param a-b word: x\n",
            "t:2: `a-b` cannot be the name",
        ),
        (
            "//: template v1\n//: param x word: x\n//: param x word: x\nlocal x = 'a';\n",
            "t:3: `x` is declared twice",
        ),
        ("{ name: 'x' }\n", "`t` is no template of stairway"),
        ("", "`t` is no template of stairway"),
        (
            "local x = '{{ cluster_name }}';\n",
            "`t` is a jinja template",
        ),
        ("{% for hub in hubs %}\n", "`t` is a jinja template"),
        (
            "local x = '<< cluster_name >>';\n",
            "`t` is a jinja template",
        ),
    ];
    for (text, expected) in rows {
        let error = Template::read(text, "t").unwrap_err();
        assert!(error.to_string().starts_with(expected), "{text}: {error}");
    }
}

#[test]
fn the_template_in_the_program_reads() {
    let template = Template::read(crate::starter::TEMPLATE, "cluster.jsonnet").unwrap();
    let names: Vec<&str> = template
        .parameters
        .iter()
        .map(|p| p.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "name",
            "region",
            "version",
            "hubs",
            "core",
            "users",
            "workers",
            "generation"
        ]
    );
}
