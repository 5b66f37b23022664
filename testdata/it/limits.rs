//! Hostile configs end in an error within seconds: the render worker's limits with the real binary.

use crate::support::{Place, Run};

fn refused(name: &str, text: &str, words: &[&str]) {
    let place = Place::new();
    place.file(name, text);
    for command in ["render", "plan"] {
        let live = ["--live", name];
        let arguments = [
            &[command, name][..],
            if command == "plan" { &live } else { &[] },
        ]
        .concat();
        let run: Run = place.run(&arguments);
        let run = run.refused(&[1], words);
        assert!(run.stdout.is_empty(), "{name}: {}", run.stdout);
        assert!(
            run.stderr.len() < 4096,
            "{name}: {} bytes of message",
            run.stderr.len()
        );
    }
}

#[test]
fn a_recursion_without_end_is_told_with_its_place() {
    refused(
        "bomb.jsonnet",
        "local f(n) = f(n + 1) + 1;\nf(0)\n",
        &["bomb.jsonnet:1:", "recurses deeper"],
    );
}

#[test]
fn memory_without_end_is_stopped() {
    let text = "{ x: std.makeArray(1000000000, function(i) 'x' + i) }\n";
    refused("bomb.jsonnet", text, &["memory"]);
}

#[test]
fn a_loop_without_end_is_stopped() {
    let text = "local g(n, a) = if n == 0 then a else g(n - 1, a + 1) tailstrict;\n{ x: g(1000000000000, 0) }\n";
    refused("bomb.jsonnet", text, &["processor time"]);
}

#[test]
fn output_without_end_is_stopped() {
    let text = "local s(n) = if n == 0 then 'xxxxxxxxxxxxxxxx' else local t = s(n - 1); t + t;\n{ x: s(21) }\n";
    refused("bomb.jsonnet", text, &["the output has", "limit"]);
}

#[test]
fn imports_do_not_leave_the_root() {
    let rows = [
        (
            "import '../../../../../../etc/hostname'",
            "outside of the root",
        ),
        ("importstr '/etc/hostname'", "absolute path"),
        ("importstr '.git/config'", ".git"),
    ];
    for (text, words) in rows {
        refused(
            "escape.jsonnet",
            &format!("{text}\n"),
            &["escape.jsonnet:1:", words],
        );
    }
}

#[test]
fn the_environment_is_not_there_to_be_read() {
    let place = Place::new().with("CLUSTER_NAME", "from-the-environment");
    place.file("config.jsonnet", "{ x: std.extVar('CLUSTER_NAME') }\n");
    place
        .run(&["render", "config.jsonnet"])
        .refused(&[1], &["CLUSTER_NAME"]);
    place
        .run(&["render", "config.jsonnet", "--ext-str", "CLUSTER_NAME"])
        .refused(&[64], &["the environment is not read"]);
}

#[test]
fn yaml_bombs_are_stopped() {
    let mut text = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, before) in ('b'..='i').zip('a'..) {
        let list = vec![format!("*{before}"); 10].join(", ");
        text.push_str(&format!("{name}: &{name} [{list}]\n"));
    }
    refused("bomb.yaml", &text, &["bomb.yaml:"]);
    let deep = format!("a: {}{}\n", "[".repeat(100_000), "]".repeat(100_000));
    refused("deep.yaml", &deep, &["deep.yaml"]);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    refused("deep.json", &deep, &["deep.json"]);
}
