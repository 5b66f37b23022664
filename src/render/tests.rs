//! Shared parts of the tests of rendering.

mod bombs;
mod confine;
mod errors;
mod properties;
mod yaml;

use super::*;
use crate::files::TemporaryDir;

/// A repository in a temporary folder.
struct Repo(TemporaryDir);

impl Repo {
    fn new() -> Self {
        let repo = Self(TemporaryDir::create().expect("a temporary folder"));
        repo.put("repo/.git/config", "[core]\n");
        repo
    }

    /// Writes a file; `repo/` is inside of the repository.
    fn put(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        files::write_atomic(&path, content.as_ref()).expect("written");
        path
    }

    fn link(&self, name: &str, target: &str) {
        let path = self.0.path().join(name);
        std::os::unix::fs::symlink(target, path).expect("linked");
    }

    fn request(&self, name: &str) -> RenderRequest {
        RenderRequest {
            path: self.0.path().join(name),
            options: options(),
        }
    }

    fn render(&self, name: &str) -> Result<Rendered, RenderError> {
        let request = self.request(name);
        render_file(&request.path, &request.options)
    }

    /// Renders one jsonnet file with this content.
    fn jsonnet(&self, content: &str) -> Result<Rendered, RenderError> {
        self.put("repo/clusters/x.jsonnet", content);
        self.render("repo/clusters/x.jsonnet")
    }

    fn fails(&self, content: &str) -> RenderError {
        self.jsonnet(content).expect_err(content)
    }
}

/// Small limits, so that reaching one takes a second.
fn options() -> RenderOptions {
    RenderOptions {
        limits: Limits {
            memory_bytes: 128 << 20,
            cpu_seconds: 1,
            wall_seconds: 30,
            ..Limits::default()
        },
        worker: test_worker(),
        ..RenderOptions::default()
    }
}

/// This test binary, made to run nothing but [`worker_process`].
fn test_worker() -> WorkerMode {
    let args = [
        "render::tests::worker_process",
        "--exact",
        "--nocapture",
        "--test-threads=1",
    ];
    WorkerMode::Command {
        program: std::env::current_exe().expect("our own path"),
        args: args.map(std::ffi::OsString::from).to_vec(),
    }
}

/// The other end of the tests' workers; in a plain run it has nothing to serve.
#[test]
fn worker_process() {
    let arguments: Vec<String> = std::env::args().collect();
    let asked = |argument: &str| arguments.iter().any(|given| given == argument);
    if asked("--exact") && asked("--test-threads=1") {
        assert_eq!(worker_main(), 0);
    }
}

fn only(rendered: Rendered) -> Value {
    let mut documents = rendered.documents;
    assert_eq!(documents.len(), 1, "{documents:?}");
    documents.remove(0).value
}

#[test]
fn versions_are_those_that_are_built_in() {
    let lock = include_str!("../../Cargo.lock");
    for format in [
        SourceFormat::Jsonnet,
        SourceFormat::Json,
        SourceFormat::Yaml,
    ] {
        let Evaluator { name, version } = Evaluator::of(format);
        let entry = format!("name = \"{name}\"\nversion = \"{version}\"\n");
        assert!(
            lock.contains(&entry),
            "{name} {version} is not in Cargo.lock"
        );
    }
}

#[test]
fn a_fleet_keeps_its_order_and_its_failures_apart() {
    let repo = Repo::new();
    repo.put("repo/lib.libsonnet", "{make(n):: {metadata: {name: n}}}");
    let mut requests = Vec::new();
    for i in 0..20 {
        let name = format!("repo/c{i}.jsonnet");
        let content = match i % 10 {
            3 => "local f(x) = f(x + 1) tailstrict; f(0)".to_owned(),
            7 => "{".to_owned(),
            _ => format!("(import 'lib.libsonnet').make('c{i}')"),
        };
        repo.put(&name, content);
        requests.push(repo.request(&name));
    }
    let rendered = render_files(&requests, 3);
    assert_eq!(rendered.len(), requests.len());
    for (i, outcome) in rendered.into_iter().enumerate() {
        match (i % 10, outcome) {
            (3, Err(error)) => assert_eq!(error.kind, RenderErrorKind::CpuLimit, "{error}"),
            (7, Err(error)) => assert_eq!(error.kind, RenderErrorKind::JsonnetSyntax),
            (_, outcome) => {
                let rendered = outcome.expect("a document");
                let paths: Vec<_> = rendered.imports.iter().map(|i| i.path.as_str()).collect();
                assert_eq!(paths, [format!("c{i}.jsonnet").as_str(), "lib.libsonnet"]);
                assert_eq!(
                    rendered.imports[1].digest,
                    Digest::of(b"{make(n):: {metadata: {name: n}}}")
                );
                assert_eq!(only(rendered)["metadata"]["name"], format!("c{i}"));
            }
        }
    }
    assert!(render_files(&[], 4).is_empty());
}

#[test]
fn one_object_is_one_document_and_a_list_is_several() {
    let repo = Repo::new();
    let documents = |content: &str| {
        let rendered = repo.jsonnet(content).expect(content);
        let values: Vec<_> = rendered.documents.into_iter().map(|d| d.value).collect();
        Value::Array(values).to_string()
    };
    assert_eq!(documents("{a: 1}"), r#"[{"a":1}]"#);
    assert_eq!(documents("[{a: 1}, null, {b: 2}]"), r#"[{"a":1},{"b":2}]"#);
    // A wrapper that renders YAML, as some fleets have it.
    assert_eq!(
        documents("std.manifestYamlStream([{version: '1.30', on: 'yes'}, {b: [1]}])"),
        r#"[{"on":"yes","version":"1.30"},{"b":[1]}]"#
    );
    assert_eq!(
        documents("std.manifestJsonEx({a: 'x'}, ' ')"),
        r#"[{"a":"x"}]"#
    );
    for (content, what) in [
        ("42", "a number"),
        ("true", "a boolean"),
        ("'text'", "a string"),
        ("[[{}]]", "a list in a list"),
        ("[{}, 1]", "a number"),
    ] {
        let error = repo.fails(content);
        assert_eq!(error.kind, RenderErrorKind::NotAnObject, "{error}");
        assert!(error.message.contains(what), "{error}");
    }
    for content in ["null", "[]", "''", "'# nothing'"] {
        assert_eq!(
            repo.fails(content).kind,
            RenderErrorKind::Empty,
            "{content}"
        );
    }
}

#[test]
fn variables_and_arguments_are_strings() {
    let repo = Repo::new();
    repo.put(
        "repo/f.jsonnet",
        "function(name, zone='a') {metadata: {name: name}, zone: zone, v: std.extVar('v')}",
    );
    let mut request = repo.request("repo/f.jsonnet");
    request.options.tlas = BTreeMap::from([("name".to_owned(), "n".to_owned())]);
    request.options.ext_vars = BTreeMap::from([("v".to_owned(), "1.30".to_owned())]);
    let value = only(render_file(&request.path, &request.options).expect("rendered"));
    let wanted = serde_json::json!({"metadata": {"name": "n"}, "zone": "a", "v": "1.30"});
    assert_eq!(value, wanted);
    request
        .options
        .tlas
        .insert("other".to_owned(), String::new());
    let error = render_file(&request.path, &request.options).expect_err("no such parameter");
    assert!(error.message.contains("`other`"), "{error}");
    repo.put("repo/f.jsonnet", "{a: 1}");
    let error = render_file(&request.path, &request.options).expect_err("no function");
    assert_eq!(error.kind, RenderErrorKind::UnusedArguments);
    // A worker is reused for other variables.
    repo.put("repo/g.jsonnet", "{a: std.extVar('v')}");
    let requests = ["1", "2"].map(|v| {
        let mut request = repo.request("repo/g.jsonnet");
        request
            .options
            .ext_vars
            .insert("v".to_owned(), v.to_owned());
        request
    });
    let rendered = render_files(&requests, 1);
    let values: Vec<_> = rendered
        .into_iter()
        .map(|r| only(r.expect("rendered"))["a"].clone())
        .collect();
    assert_eq!(values, ["1", "2"]);
}

#[test]
fn nothing_of_the_machine_is_visible() {
    let repo = Repo::new();
    let value = only(repo.jsonnet("{file: std.thisFile}").expect("rendered"));
    assert_eq!(value["file"], "clusters/x.jsonnet");
    let error = repo.fails("{a: std.extVar('HOME')}");
    assert_eq!(error.kind, RenderErrorKind::JsonnetEvaluation);
    assert!(error.hint.as_deref().is_some_and(|h| h.contains("extVars")));
    let error = repo.fails("{a: std.native('env')('HOME')}");
    assert_eq!(error.kind, RenderErrorKind::JsonnetEvaluation);
}

#[test]
fn traces_are_notes() {
    let repo = Repo::new();
    let rendered = repo
        .jsonnet("{a: [std.trace('step \u{1b}[31m%d' % i, i) for i in std.range(1, 500)]}")
        .expect("rendered");
    assert_eq!(rendered.notes.len(), 100);
    assert_eq!(
        rendered.notes[0],
        "clusters/x.jsonnet:1:6: step \u{fffd}[31m1"
    );
}

#[test]
fn a_program_that_is_no_worker_is_an_error() {
    let repo = Repo::new();
    for program in ["/bin/true", "/bin/cat", "/nowhere/at-all"] {
        let mut request = repo.request("repo/x.jsonnet");
        repo.put("repo/x.jsonnet", "{}");
        request.options.worker = WorkerMode::Command {
            program: PathBuf::from(program),
            args: vec!["/proc/self/environ".into()],
        };
        let error = render_file(&request.path, &request.options).expect_err(program);
        assert_eq!(error.kind, RenderErrorKind::WorkerUnavailable, "{error}");
    }
}

#[test]
fn in_process_is_the_same_evaluation() {
    let repo = Repo::new();
    repo.put("repo/x.jsonnet", "{a: import 'y.libsonnet'}");
    repo.put("repo/y.libsonnet", "{b: 1.5}");
    let mut request = repo.request("repo/x.jsonnet");
    let apart = render_file(&request.path, &request.options).expect("by a worker");
    request.options.worker = WorkerMode::InProcess;
    let here = render_file(&request.path, &request.options).expect("here");
    assert_eq!(apart, here);
}
