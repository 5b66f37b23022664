//! The shape of the code: layers, doors to foreign crates, sizes, words.

use crate::support::{Place, files_below, read, top};
use std::collections::{BTreeMap, BTreeSet};

/// Module of the core → what it may import from the rest of the core.
///
/// `diff` writes the wire's `Difference`, and `audit` reads plans as they are on the wire and knows the
/// phase-out taint; neither reaches into how plans are proposed.
const ARROWS: [(&str, &[&str]); 13] = [
    ("model", &[]),
    ("codec", &["model"]),
    ("catalog", &["model"]),
    ("policy", &["model", "catalog"]),
    (
        "diff",
        &["model", "catalog", "policy", "codec", "plan::wire"],
    ),
    ("plan", &["model", "catalog", "policy", "diff"]),
    (
        "drift",
        &["model", "catalog", "policy", "diff", "plan::wire"],
    ),
    (
        "audit",
        &[
            "model",
            "catalog",
            "plan::wire",
            "plan::Planned",
            "plan::StepFile",
            "diff::generation",
        ],
    ),
    ("approve", &["model", "plan::wire"]),
    ("journal", &["model", "plan::wire"]),
    (
        "verify",
        &[
            "model",
            "policy",
            "journal::Health",
            "diff::generation",
            "diff::normalize",
        ],
    ),
    (
        "next",
        &["model", "policy", "plan::wire", "journal", "verify"],
    ),
    (
        "report",
        &[
            "model",
            "plan::wire",
            "diff::text",
            "drift::wire",
            "journal",
        ],
    ),
];

/// Foreign crate → the files that may name it. `serde`, `serde_json`, `schemars` and `thiserror` are
/// everywhere: they are how types are written.
const DOORS: [(&str, &[&str]); 29] = [
    ("annotate_snippets", &["src/render/excerpt.rs"]),
    (
        "clap",
        &[
            "src/cli/args.rs",
            "src/cli/args/check.rs",
            "src/cli/args/drift.rs",
            "src/cli/args/part.rs",
            "src/cli/args/start.rs",
            "src/cli/args/store.rs",
            "src/cli/args/world.rs",
            "src/cli/commands/man.rs",
            "src/cli/commands/schema.rs",
            "src/cli/mod.rs",
            "src/cli/request.rs",
        ],
    ),
    (
        "clap_complete",
        &[
            "src/cli/args.rs",
            "src/cli/commands/man.rs",
            "src/cli/request.rs",
        ],
    ),
    ("clap_mangen", &["src/cli/commands/man.rs"]),
    ("indicatif", &["src/cli/progress.rs"]),
    ("jiff", &["src/core/model/time.rs"]),
    ("jsonschema", &["src/eksctl_schema.rs"]),
    ("minijinja", &["src/core/report/html.rs"]),
    (
        "rsjsonnet_lang",
        &[
            "src/render/jsonnet.rs",
            "src/render/jsonnet/explain.rs",
            "src/render/jsonnet/words.rs",
        ],
    ),
    (
        "rustix",
        &[
            "src/actuate/process.rs",
            "src/cli/ambient.rs",
            "src/render/limits.rs",
            "src/store/disk.rs",
        ],
    ),
    ("serde_json_canonicalizer", &["src/core/model/digest.rs"]),
    (
        "serde_saphyr",
        &[
            "src/core/codec/embedded.rs",
            "src/render/place.rs",
            "src/render/yaml.rs",
        ],
    ),
    ("sha2", &["src/core/model/digest.rs"]),
    ("similar", &["src/core/diff/text.rs"]),
    ("tabled", &["src/core/report/table.rs"]),
    ("tempfile", &["src/files.rs"]),
    (
        "git2",
        &[
            "src/vcs.rs",
            "src/vcs/history.rs",
            "src/vcs/read.rs",
            "src/vcs/remote.rs",
            "src/vcs/settings.rs",
            "src/vcs/tree.rs",
            "src/vcs/write.rs",
        ],
    ),
    ("ssh_key", &["src/core/approve/sshsig.rs"]),
    (
        "tokio",
        &[
            "src/actuate/process.rs",
            "src/kubernetes/client.rs",
            "src/serve/wire.rs",
            "src/serve/listen.rs",
            "src/serve/tls.rs",
        ],
    ),
    ("hyper", &["src/serve/wire.rs"]),
    (
        "hyper_util",
        &["src/kubernetes/client.rs", "src/serve/wire.rs"],
    ),
    ("rcgen", &["src/serve/tls.rs"]),
    ("tokio_rustls", &["src/serve/tls.rs"]),
    (
        "base64",
        &["src/kubernetes/client.rs", "src/kubernetes/kubeconfig.rs"],
    ),
    ("form_urlencoded", &["src/kubernetes/reads.rs"]),
    ("http", &["src/kubernetes/client.rs"]),
    ("http_body_util", &["src/kubernetes/client.rs"]),
    ("k8s_openapi", &[]),
    ("kube", &["src/kubernetes/client.rs"]),
];

/// Lines of a file: aimed at, and never exceeded.
const LINES_MAX: usize = 800;

/// A Rust file without comments, strings and what stands behind `#[cfg(test)]`.
struct Source {
    path: String,
    raw: String,
    code: String,
}

fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    for folder in ["src", "testdata", "benches"] {
        let root = top().join(folder);
        if !root.is_dir() {
            continue;
        }
        for file in files_below(&root)
            .into_iter()
            .filter(|file| file.ends_with(".rs"))
        {
            let raw = read(&root.join(&file));
            let code = without_words(&raw);
            found.push(Source {
                path: format!("{folder}/{file}"),
                raw,
                code,
            });
        }
    }
    assert!(found.len() > 80, "only {} sources were found", found.len());
    found
}

impl Source {
    fn is_test(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or(&self.path);
        !self.path.starts_with("src/")
            || name == "tests.rs"
            || self.path.contains("/tests/")
            || self.path.contains("/fixtures/")
            || self.path.contains("/cases/")
    }

    /// The code before the file's own tests.
    fn shipped(&self) -> &str {
        self.code
            .split("#[cfg(test)]\nmod tests {")
            .next()
            .unwrap_or(&self.code)
    }
}

/// Blanks comments and the inside of string literals; raw strings and lifetimes are told apart.
fn without_words(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skip = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("r#\"") {
            rest.find("\"#").map_or(rest.len(), |end| end + 2)
        } else if c == '"' {
            string_end(rest)
        } else if rest.starts_with("'\"'") || rest.starts_with("'\\\"'") {
            if rest.starts_with("'\\") { 4 } else { 3 }
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        out.extend(rest[..skip].chars().filter(|c| *c == '\n'));
        out.push(' ');
        rest = &rest[skip..];
    }
    out
}

fn string_end(text: &str) -> usize {
    let mut escaped = false;
    for (index, c) in text.char_indices().skip(1) {
        match c {
            '\\' if !escaped => escaped = true,
            '"' if !escaped => return index + 1,
            _ => escaped = false,
        }
    }
    text.len()
}

/// Returns what a file imports from its own crate: `model::KubeMinor`, `plan::wire`, ….
fn crate_paths(code: &str) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for part in code.split("crate::").skip(1) {
        let path: String = part
            .chars()
            .take_while(|c| c.is_alphanumeric() || matches!(c, '_' | ':' | '{'))
            .collect();
        let Some(brace) = path.find('{') else {
            paths.insert(path.trim_end_matches(':').to_owned());
            continue;
        };
        let (head, list) = (&path[..brace], &part[brace + 1..]);
        let inner = list.split('}').next().unwrap_or("");
        for item in inner
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
        {
            paths.insert(format!("{head}{item}"));
        }
    }
    paths
}

#[test]
fn the_core_imports_along_its_arrows() {
    let mut seen = BTreeSet::new();
    for source in sources()
        .iter()
        .filter(|s| s.path.starts_with("src/core/") && !s.is_test())
    {
        let inner = source.path.trim_start_matches("src/core/");
        let Some((module, _)) = inner.split_once('/') else {
            continue;
        };
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == module) else {
            panic!("the arrows do not know the module `{module}`");
        };
        seen.insert(module.to_owned());
        for path in crate_paths(source.shipped()) {
            let fine = path.starts_with(&format!("{module}::"))
                || path == module
                || allowed
                    .iter()
                    .any(|ok| path == *ok || path.starts_with(&format!("{ok}::")));
            assert!(fine, "{} imports `crate::{path}`", source.path);
        }
    }
    assert_eq!(seen.len(), ARROWS.len(), "{seen:?}");
}

#[test]
fn the_audit_knows_neither_proposals_nor_policy() {
    for source in sources()
        .iter()
        .filter(|s| s.path.starts_with("src/core/audit/") && !s.is_test())
    {
        for word in ["policy", "propose", "super::super"] {
            let found = source
                .shipped()
                .split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
            assert!(
                !found
                    .clone()
                    .any(|w| w.split("::").any(|part| part == word)),
                "{}: {word}",
                source.path
            );
        }
    }
}

#[test]
fn the_world_imports_nothing_of_the_core_but_its_model() {
    for source in sources()
        .iter()
        .filter(|s| s.path.starts_with("src/world/"))
    {
        for part in source.shipped().split("stairway_core::").skip(1) {
            assert!(
                part.starts_with("model"),
                "{} imports `stairway_core::{:.30}`",
                source.path,
                part
            );
        }
        assert!(!source.shipped().contains("stairway::"), "{}", source.path);
    }
}

#[test]
fn each_foreign_crate_has_its_doors() {
    for source in sources().iter().filter(|s| !s.is_test()) {
        let words: BTreeSet<&str> = source
            .shipped()
            .split(|c: char| c.is_whitespace() || matches!(c, '(' | '<' | '&' | '[' | '{' | ','))
            .filter_map(|word| word.split_once("::").map(|(head, _)| head))
            .collect();
        for (name, doors) in DOORS {
            let open = doors.contains(&source.path.as_str());
            assert!(
                open || !words.contains(name),
                "{} names the crate `{name}`",
                source.path
            );
        }
    }
}

#[test]
fn law_1_the_core_depends_on_nothing_that_acts() {
    let manifest = read(&top().join("src/core/Cargo.toml"));
    let dependencies = manifest
        .split("[dev-dependencies]")
        .next()
        .unwrap_or(&manifest);
    let banned = [
        "tokio", "async", "kube", "aws", "git2", "gix", "reqwest", "hyper", "rand", "tempfile",
        "rustix", "chrono",
    ];
    for name in banned {
        assert!(
            !dependencies.lines().any(|line| line.starts_with(name)),
            "the core depends on {name}"
        );
    }
    for source in sources()
        .iter()
        .filter(|s| s.path.starts_with("src/core/") && !s.is_test())
    {
        for word in [
            "std::fs",
            "std::env::",
            "std::net",
            "std::process",
            "std::thread",
            "SystemTime",
            "Instant::now",
            "async fn",
            ".await",
            "static mut",
        ] {
            assert!(
                !source.shipped().contains(word),
                "{} has `{word}`",
                source.path
            );
        }
    }
}

#[test]
fn files_stay_short() {
    for source in sources() {
        let lines = source.raw.lines().count();
        assert!(lines <= LINES_MAX, "{} has {lines} lines", source.path);
    }
}

/// Names that say nothing; `State` may be the end of a longer word that says of what.
const BANNED_ENDS: [&str; 7] = [
    "Manager", "Helper", "Helpers", "Util", "Utils", "Handler", "Info",
];
const BANNED_WHOLE: [&str; 4] = ["Data", "Context", "State", "Common"];

#[test]
fn names_say_something() {
    for source in sources() {
        let words: Vec<&str> = source
            .code
            .split(|c: char| !(c.is_alphanumeric() || c == '_'))
            .filter(|w| !w.is_empty())
            .collect();
        for pair in words.windows(2) {
            let [keyword, name] = pair else { continue };
            if !["struct", "enum", "trait", "type", "union", "mod"].contains(keyword) {
                continue;
            }
            // Named by the trait of hyper that it belongs to.
            if (source.path.as_str(), *keyword, *name) == ("src/serve/wire.rs", "type", "Data") {
                continue;
            }
            let capital: String = name.split('_').map(capitalized).collect();
            let banned = BANNED_ENDS.iter().any(|end| capital.ends_with(end))
                || BANNED_WHOLE.contains(&capital.as_str());
            assert!(!banned, "{}: `{keyword} {name}`", source.path);
        }
    }
}

fn capitalized(word: &str) -> String {
    let mut chars = word.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}

#[test]
fn nothing_is_left_to_do_and_no_test_is_ignored() {
    for source in sources() {
        for word in ["todo!(", "unimplemented!(", "dbg!("] {
            assert!(!source.code.contains(word), "{} has `{word}`", source.path);
        }
        assert!(
            !source.code.contains("#[ignore"),
            "{} ignores a test",
            source.path
        );
    }
}

#[test]
fn no_file_names_a_folder_of_somebodys_machine() {
    let folders = ["home", "Users", "work", "root"].map(|name| format!("\"/{name}/"));
    for source in sources() {
        for folder in &folders {
            let hits: Vec<&str> = source
                .raw
                .lines()
                .filter(|line| line.contains(folder.as_str()))
                .collect();
            let tests_for_it = hits.iter().all(|line| line.contains("contains("));
            assert!(tests_for_it, "{}: {hits:?}", source.path);
        }
    }
}

#[test]
fn every_code_of_a_finding_has_a_page() {
    let mut codes: BTreeMap<String, String> = BTreeMap::new();
    for source in sources()
        .iter()
        .filter(|s| s.path.starts_with("src/core/") && !s.is_test())
    {
        for part in source.raw.split("\"STW-").skip(1) {
            let rest: String = part
                .chars()
                .take_while(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || *c == '-')
                .collect();
            if !rest.is_empty() {
                codes.insert(format!("STW-{rest}"), source.path.clone());
            }
        }
    }
    assert!(codes.len() > 15, "{codes:?}");
    for (code, path) in codes {
        assert!(
            stairway_core::report::explain_code(&code).is_some(),
            "`{code}` of {path} has no page"
        );
    }
}

/// The codes that follow `before` in a text: `"STW-…"`.
fn codes_after(text: &str, before: &str, into: &mut BTreeSet<String>) {
    for part in text.split(before).skip(1) {
        let end = part.find('"').unwrap_or(part.len());
        into.insert(part[..end].to_owned());
    }
}

/// What plans and audits can say, what `explain` explains, and what has a case that brings it up and
/// one that does not, are the same codes.
#[test]
fn findings_pages_and_cases_are_of_the_same_codes() {
    let (mut said, mut cases) = (BTreeSet::new(), BTreeSet::new());
    let sources = sources();
    let of = |folder: &'static str| sources.iter().filter(move |s| s.path.starts_with(folder));
    for source in of("src/core/plan/").chain(of("src/core/audit/")) {
        if source.path.contains("/cases/") {
            codes_after(&source.raw, "code: \"", &mut cases);
        } else if !source.is_test() {
            let mut found = BTreeSet::new();
            codes_after(&source.raw, "\"STW-", &mut found);
            said.extend(found.into_iter().map(|rest| format!("STW-{rest}")));
        }
    }
    let pages = stairway_core::report::pages().filter(|page| page.is_finding());
    let pages: BTreeSet<String> = pages.map(|page| page.code.to_owned()).collect();
    assert!(said.len() > 30, "{said:?}");
    assert_eq!(said, pages, "left: what plans say; right: pages");
    let cases: BTreeSet<String> = cases
        .into_iter()
        .filter(|c| c.starts_with("STW-"))
        .collect();
    assert_eq!(cases, pages, "left: cases; right: pages");
}

#[test]
fn the_readme_lists_the_commands_of_the_help() {
    let Some(readme) = readme() else { return };
    let help = Place::new().run(&["--help"]).expect(0).stdout;
    let commands = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next());
    let rows: Vec<&str> = readme
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    for command in commands.filter(|command| *command != "help") {
        let listed = rows.iter().any(|row| {
            row.starts_with(&format!("| `{command}`"))
                || row.starts_with(&format!("| `{command} "))
                || row.starts_with(&format!("| `stairway {command}"))
        });
        assert!(listed, "the README's table has no row for `{command}`");
    }
}

#[test]
fn the_readme_has_the_exit_codes_of_the_constants() {
    let Some(readme) = readme() else { return };
    let mut rows = BTreeMap::new();
    for line in readme.lines().filter(|line| line.starts_with('|')) {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let code = cells
            .next()
            .and_then(|cell| cell.trim_matches('`').parse::<u8>().ok());
        if let (Some(code), Some(meaning)) = (code, cells.next()) {
            rows.insert(code, meaning.to_owned());
        }
    }
    let table: BTreeMap<u8, String> = stairway::cli::exit_code::TABLE
        .iter()
        .map(|(code, text)| (*code, (*text).to_owned()))
        .collect();
    assert_eq!(rows, table);
}

/// The README is written last.
fn readme() -> Option<String> {
    let path = top().join("README.md");
    path.exists().then(|| read(&path))
}
