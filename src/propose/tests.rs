//! The search for an edit, with a stand-in for the renderer.

use super::*;
use serde_json::json;

/// A stand-in for jsonnet: the entry's text is JSON.
fn of_json(texts: &[Texts]) -> Vec<Option<Vec<Value>>> {
    texts
        .iter()
        .map(|texts| Some(vec![serde_json::from_str(texts.get("a.json")?).ok()?]))
        .collect()
}

fn rewrite(subject: &str, pointer: &str, old: &str, new: &str) -> Rewrite {
    Rewrite {
        subject: subject.to_owned(),
        pointer: format!("/0{pointer}"),
        old: old.to_owned(),
        new: new.to_owned(),
    }
}

fn find(value: &Value, rewrites: &[Rewrite]) -> Edit {
    let source = SourceFile {
        path: "a.json".to_owned(),
        text: format!("{value:#}\n"),
    };
    search(&[source], std::slice::from_ref(value), rewrites, &of_json)
}

#[test]
fn only_the_place_that_is_meant_changes() {
    let value = json!({"other": "1.33", "v": "1.33"});
    let edit = find(&value, &[rewrite(VERSION, "/v", "1.33", "1.34")]);
    assert_eq!(edit.documents, [json!({"other": "1.33", "v": "1.34"})]);
    assert_eq!(edit.places, ["a.json:3"]);
}

#[test]
fn half_a_rename_is_none_and_the_rest_is_kept() {
    let value = json!({"g": {"name": "core-a", "label": "x"}, "v": "1.33"});
    let wanted = [
        rewrite(VERSION, "/v", "1.33", "1.34"),
        rewrite("core-a", "/g/name", "core-a", "core-b"),
        rewrite("core-a", "/g/missing", "a", "b"),
    ];
    let edit = find(&value, &wanted);
    assert_eq!(edit.done, BTreeSet::from([VERSION.to_owned()]));
    assert_eq!(edit.documents[0]["g"]["name"], "core-a");
}

#[test]
fn nothing_is_found_where_nothing_stands() {
    let edit = find(
        &json!({"v": "1.33"}),
        &[rewrite(VERSION, "/w", "1.33", "1.34")],
    );
    assert_eq!(edit, Edit::default());
}

#[test]
fn spots_are_values_and_no_comments_keys_or_parts() {
    let rows = [
        (
            "x.jsonnet",
            "// 'a'\nlocal b = 'a';  # \"a\"\n/* 'a' */ ['ab', \"a\", |||\n  'a'\n|||, @'a']",
            3,
        ),
        ("x.jsonnet", "'it\\'s', 'a'", 1),
        ("x.jsonnet", "'unfinished", 0),
        ("x.jsonnet", "'a", 0),
        (
            "x.yaml",
            "# a\nname: a # a\nlist: [a, \"a\", b-a, a.b]\na: 1\n",
            3,
        ),
        ("x.txt", "'a'", 0),
    ];
    for (path, text, count) in rows {
        let source = SourceFile {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        assert_eq!(
            spots::find(0, &source, "a", "b").len(),
            count,
            "{path}: {text}"
        );
    }
}
