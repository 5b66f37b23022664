//! What YAML means here, and what is refused.

use serde_json::json;

use super::*;

fn value(text: &str) -> Value {
    let mut values = parse_yaml(text, "x.yaml").expect(text);
    assert_eq!(values.len(), 1, "{text}");
    values.remove(0)
}

fn refused(text: &str) -> RenderError {
    parse_yaml(text, "x.yaml").expect_err(text)
}

#[test]
fn scalars_keep_their_kind() {
    let text = "
a: 1.30
b: \"1.30\"
c: null
d: ~
e:
f: 'on'
g: true
h: -7
i: 0x1F
j: 1e3
k: 2024-01-01
l: 12:30:45
m: !!str 1.30
n1: \"0123\"
o: 18446744073709551615
p: v1.30
q: 0o17
r: .5
s: 1.32.4
t: +12
u: 10.0.0.0/16
v: arn:aws:iam::123456789012:role/x
";
    let wanted = json!({
        "a": 1.3, "b": "1.30", "c": null, "d": null, "e": null, "f": "on", "g": true, "h": -7,
        "i": 31, "j": 1000.0, "k": "2024-01-01", "l": "12:30:45", "m": "1.30", "n1": "0123",
        "o": u64::MAX, "p": "v1.30", "q": 15, "r": 0.5, "s": "1.32.4", "t": 12,
        "u": "10.0.0.0/16", "v": "arn:aws:iam::123456789012:role/x",
    });
    assert_eq!(value(text), wanted);
}

#[test]
fn the_spelling_of_numbers_is_kept_beside_them() {
    let repo = Repo::new();
    repo.put(
        "repo/x.yaml",
        "metadata: {version: 1.30}\ngroups: [{a/b: 1.10, c: 1.5, d: 3}]\n",
    );
    let rendered = repo.render("repo/x.yaml").expect("rendered");
    let spelled = &rendered.documents[0].spelled;
    let wanted = [("/groups/0/a~1b", "1.10"), ("/metadata/version", "1.30")];
    assert_eq!(
        spelled
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect::<Vec<_>>(),
        wanted
    );
    repo.put("repo/x.yaml", "- {v: 1.5}\n- {v: 1.30}\n");
    let rendered = repo.render("repo/x.yaml").expect("rendered");
    assert_eq!(rendered.documents[1].spelled["/v"], "1.30");
    assert!(rendered.documents[0].spelled.is_empty());
}

#[test]
fn scalars_that_two_versions_of_yaml_read_differently_are_refused() {
    for text in [
        "a: yes",
        "a: No",
        "a: ON",
        "a: off",
        "a: y",
        "n: 1",
        "- n",
        "a: 0123",
        "a: 012345678901",
        "a: -007",
        "a: 1_000",
        "a: 0b101",
        "a: 0X1F",
        "a: -0x10",
    ] {
        let error = refused(text);
        assert_eq!(
            error.kind,
            RenderErrorKind::AmbiguousScalar,
            "{text}: {error}"
        );
        assert!(error.hint.is_some());
    }
    for text in [
        "a: 'yes'",
        "a: \"0123\"",
        "a: |\n  on\n",
        "a: yes please",
        "a: 1_a",
        "a: !!str no",
    ] {
        assert!(value(text)["a"].is_string(), "{text}");
    }
    assert_eq!(
        refused("n: 1").hint.as_deref(),
        Some("put the key in quotes")
    );
    let error = refused("addons:\n  - name: x\n    force: yes\n");
    assert_eq!((error.line, error.column), (Some(3), Some(12)));
    assert_eq!(
        error.hint.as_deref(),
        Some("write `true`, or `\"yes\"` for text")
    );
}

#[test]
fn numbers_that_json_cannot_carry_are_refused() {
    for text in [
        "a: .nan",
        "a: .inf",
        "a: -.INF",
        "a: 1e999",
        "a: 99999999999999999999",
    ] {
        assert_eq!(
            refused(text).kind,
            RenderErrorKind::UnusableNumber,
            "{text}"
        );
    }
}

#[test]
fn keys_are_text_and_unique() {
    let error = refused("a: 1\nb:\n  c: 1\n  c: 2\n");
    assert_eq!(error.kind, RenderErrorKind::DuplicateKey);
    assert_eq!((error.line, error.column), (Some(4), Some(3)));
    assert!(error.message.contains("line 3"), "{error}");
    assert_eq!(
        refused("{a: 1, \"a\": 2}").kind,
        RenderErrorKind::DuplicateKey
    );
    for text in [
        "1: a",
        "true: a",
        "~: a",
        "? [a]\n: b",
        "? {a: b}\n: c",
        "1.5: a",
        "{[a]: b}",
    ] {
        let error = refused(text);
        assert_eq!(error.kind, RenderErrorKind::NonTextKey, "{text}: {error}");
    }
    assert_eq!(
        value("'1': a\n\"true\": b\n"),
        json!({"1": "a", "true": "b"})
    );
    assert_eq!(
        value("&k a: 1\nb: {*k : 2}\n"),
        json!({"a": 1, "b": {"a": 2}})
    );
}

#[test]
fn merges_work_also_twice() {
    let base = "x: &x {a: 1, b: 2}\nw: &y {c: 3}\n";
    let merged = |entry: &str| value(&format!("{base}z:\n{entry}"))["z"].clone();
    assert_eq!(
        merged("  <<: *x\n  d: 4\n"),
        json!({"a": 1, "b": 2, "d": 4})
    );
    assert_eq!(merged("  b: 9\n  <<: *x\n"), json!({"a": 1, "b": 9}));
    assert_eq!(merged("  <<: *x\n  b: 9\n"), json!({"a": 1, "b": 9}));
    assert_eq!(merged("  <<: [*x, *y]\n"), json!({"a": 1, "b": 2, "c": 3}));
    assert_eq!(merged("  <<: [{a: 7}, *x]\n"), json!({"a": 7, "b": 2}));
    assert_eq!(
        merged("  <<: *x\n  <<: *y\n"),
        json!({"a": 1, "b": 2, "c": 3})
    );
    assert_eq!(merged("  <<: *x\n  <<: {a: 1}\n"), json!({"a": 1, "b": 2}));
    assert_eq!(merged("  '<<': *x\n"), json!({"<<": {"a": 1, "b": 2}}));
    for entry in ["  <<: *x\n  <<: {a: 5}\n", "  <<: 5\n", "  <<: [1]\n"] {
        let error = refused(&format!("{base}z:\n{entry}"));
        assert_eq!(error.kind, RenderErrorKind::BadMerge, "{error}");
    }
    // The mapping's own word settles what its merges disagree on.
    assert_eq!(
        merged("  <<: *x\n  <<: {a: 5}\n  a: 6\n"),
        json!({"a": 6, "b": 2})
    );
}

#[test]
fn tags_are_refused_unless_they_say_what_is_there() {
    for text in [
        "a: !!binary aGk=",
        "a: !custom x",
        "a: !!set {b: null}",
        "a: !!int x",
        "!x {a: 1}",
        "a: !!map [1]",
        "a: !!float 3",
    ] {
        assert_eq!(
            refused(text).kind,
            RenderErrorKind::UnsupportedTag,
            "{text}"
        );
    }
    assert_eq!(
        value("!!map {a: !!seq [!!int 1, !!bool true, !!null ~]}"),
        json!({"a": [1, true, null]})
    );
}

#[test]
fn streams_have_several_documents_and_empty_ones_are_none() {
    let values = |text: &str| parse_yaml(text, "x").expect(text);
    assert_eq!(
        values("---\na: 1\n---\n---\n# nothing\n---\nb: 2\n...\n"),
        [json!({"a": 1}), json!({"b": 2})]
    );
    assert_eq!(values(""), [] as [Value; 0]);
    assert_eq!(values("# only\n# comments\n"), [] as [Value; 0]);
    assert_eq!(values("\u{feff}a: 1"), [json!({"a": 1})]);
    assert_eq!(
        values("a: 1\r\nb: |\r\n  x\r\n  y\r\n"),
        [json!({"a": 1, "b": "x\ny\n"})]
    );
    let error = refused("a: &x 1\n---\nb: *x\n");
    assert_eq!(error.kind, RenderErrorKind::YamlSyntax, "{error}");
}

#[test]
fn bombs_are_bounded() {
    let mut laughs = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for i in 1..30 {
        let refs = format!("*a{}, ", i - 1).repeat(9);
        laughs.push_str(&format!("a{i}: &a{i} [{refs}]\n"));
    }
    let error = refused(&laughs);
    assert_eq!(error.kind, RenderErrorKind::TooLarge, "{error}");
    for open in ["[", "{a: ", "- ", "? ", "[{a: "] {
        let error = refused(&open.repeat(100_000));
        assert!(
            matches!(
                error.kind,
                RenderErrorKind::TooDeep
                    | RenderErrorKind::YamlSyntax
                    | RenderErrorKind::NonTextKey
            ),
            "{open}: {error}"
        );
    }
    let nested: String = (0..2_000)
        .map(|i| format!("{}a:\n", " ".repeat(i)))
        .collect();
    assert_eq!(refused(&nested).kind, RenderErrorKind::TooDeep);
    assert_eq!(refused("a: &a [*a]").kind, RenderErrorKind::YamlSyntax);
    let wide = format!("a: [{}]", "1,".repeat(2 << 20));
    assert_eq!(refused(&wide).kind, RenderErrorKind::TooLarge);
    let merges = format!("x: &x {{a: 1}}\nz:\n{}", "  <<: *x\n".repeat(100));
    assert_eq!(refused(&merges).kind, RenderErrorKind::BadMerge);
}

#[test]
fn truncated_and_broken_files_have_places() {
    for text in [
        "a: [1, 2",
        "a: {b",
        "a: \"x",
        "a: 'x",
        "a: b: c",
        "a: *nope",
        "%YAML 3.0\n---\na",
        "a: @x",
        "- a\nb: 1",
    ] {
        let error = refused(text);
        assert_eq!(error.kind, RenderErrorKind::YamlSyntax, "{text}: {error}");
        assert!(
            error.line.is_some() && error.excerpt.is_some(),
            "{text}: {error}"
        );
    }
}

/// Strings that a careless writer turns into something else.
#[rustfmt::skip]
const TRICKY: &[&str] = &[
    "1.30", "on", "null", "0123", "", "2024-01-01", "~", "yes", "0x1", "1e3", ".inf", ".nan",
    "y", "N", "true", "1_000", "0b1", "0o7", "12:30", "=", "<<", "- a", "a: b", "a #b", "#a",
    "*a", "&a", "!a", "%a", "@a", "`a", "{a", "[a", "a\nb", "a\nb\n", "\n", " a", "a ", "|",
    ">", "a\tb", "a\r\nb", "\u{1b}[31m", "é", "🦀", "---", "--- a", "...", "'a'", "\"a\"", "\\",
    "\u{85}", "\u{2028}", "a:", ":a", "?", "? a", "-", "key: |\n  x\n\n\n", "  x\n y\n",
    "\n\nx", "+1", "-1", "1.", ".5",
];

#[test]
fn written_strings_stay_strings() {
    for &text in TRICKY {
        let object = json!({"k": text, "list": [text], text: 1});
        let written = to_yaml(&object);
        assert_eq!(
            parse_yaml(&written, "x").expect(&written),
            [object],
            "{written}"
        );
    }
}

#[test]
fn written_yaml_is_for_people() {
    let object = json!({
        "apiVersion": "eksctl.io/v1alpha5",
        "metadata": {"name": "x", "version": "1.30"},
        "nodeGroups": [{"name": "core-a", "taints": {}, "tags": []}],
        "script": "set -e\necho hi\n",
        "long": "x ".repeat(100) + "y",
    });
    let wanted = format!(
        "\
apiVersion: eksctl.io/v1alpha5
long: {}y
metadata:
  name: x
  version: \"1.30\"
nodeGroups:
- name: core-a
  tags: []
  taints: {{}}
script: |
  set -e
  echo hi
",
        "x ".repeat(100)
    );
    assert_eq!(to_yaml(&object), wanted);
}
