//! What may be read: files inside of the root, and nothing else.

use super::*;

#[test]
fn imports_stay_inside_of_the_root() {
    let repo = Repo::new();
    repo.put("outside.libsonnet", "{secret: 1}");
    repo.put("repo/lib/in.libsonnet", "{a: 1}");
    repo.link("repo/lib/out.libsonnet", "../../outside.libsonnet");
    repo.link("repo/lib/up", "../..");
    for import in [
        "../../outside.libsonnet",
        "../lib/out.libsonnet",
        "../lib/up/outside.libsonnet",
        "../lib/../../outside.libsonnet",
        "/etc/hostname",
        "../.git/config",
        "",
    ] {
        for keyword in ["import", "importstr", "importbin"] {
            let error = repo.fails(&format!("{{\n  a: {keyword} '{import}',\n}}"));
            assert_eq!(error.kind, RenderErrorKind::ImportRefused, "{error}");
            assert_eq!((error.line, error.column), (Some(2), Some(6)), "{error}");
            assert_eq!(error.file, "clusters/x.jsonnet");
            assert!(error.hint.is_some());
            assert!(
                error
                    .excerpt
                    .as_deref()
                    .is_some_and(|e| e.contains(keyword))
            );
        }
    }
    let rendered = repo
        .jsonnet("import '../lib/in.libsonnet'")
        .expect("inside");
    assert_eq!(rendered.imports[1].path, "lib/in.libsonnet");
}

#[test]
fn a_wider_root_takes_more() {
    let repo = Repo::new();
    repo.put("outside.libsonnet", "{a: 1}");
    repo.put("repo/x.jsonnet", "import '../outside.libsonnet'");
    let mut request = repo.request("repo/x.jsonnet");
    request.options.root = Some(repo.0.path().to_path_buf());
    let rendered = render_file(&request.path, &request.options).expect("wider");
    let paths: Vec<_> = rendered.imports.iter().map(|i| i.path.as_str()).collect();
    assert_eq!(paths, ["repo/x.jsonnet", "outside.libsonnet"]);
    request.options.root = Some(repo.0.path().join("repo/nowhere"));
    let error = render_file(&request.path, &request.options).expect_err("no such root");
    assert!(error.to_string().contains("--root"), "{error}");
}

#[test]
fn outside_of_a_repository_the_root_is_the_folder() {
    let repo = Repo::new();
    repo.put("loose/a.jsonnet", "import 'b.libsonnet'");
    repo.put("loose/b.libsonnet", "{a: 1}");
    repo.put("loose/c.jsonnet", "import '../repo/b.libsonnet'");
    repo.put("repo/b.libsonnet", "{a: 1}");
    assert!(repo.render("loose/a.jsonnet").is_ok());
    let error = repo.render("loose/c.jsonnet").expect_err("outside");
    assert_eq!(error.kind, RenderErrorKind::ImportRefused);
}

#[test]
fn the_file_itself_must_be_inside_too() {
    let repo = Repo::new();
    for ending in ["jsonnet", "yaml", "json"] {
        let target = format!("secret.{ending}");
        repo.put(&target, "not: [parseable");
        repo.link(&format!("repo/x.{ending}"), &format!("../{target}"));
        let error = repo
            .render(&format!("repo/x.{ending}"))
            .expect_err("outside");
        assert_eq!(error.kind, RenderErrorKind::OutsideRoot, "{error}");
        assert!(!error.to_string().contains("parseable"), "{error}");
        repo.link(&format!("repo/g.{ending}"), ".git/config");
        let error = repo
            .render(&format!("repo/g.{ending}"))
            .expect_err("secret");
        assert_eq!(error.kind, RenderErrorKind::OutsideRoot, "{error}");
    }
}

#[test]
fn links_are_recorded_with_what_they_lead_to() {
    let repo = Repo::new();
    repo.put("repo/lib/v2.libsonnet", "{a: 1}");
    repo.link("repo/lib/current.libsonnet", "v2.libsonnet");
    let rendered = repo
        .jsonnet("import '../lib/current.libsonnet'")
        .expect("inside");
    let import = &rendered.imports[1];
    assert_eq!(import.path, "lib/v2.libsonnet");
    assert_eq!(import.link.as_deref(), Some("lib/current.libsonnet"));
}

#[test]
fn every_kind_of_import_is_recorded() {
    let repo = Repo::new();
    repo.put("repo/clusters/a.libsonnet", "{x: importstr 'b.txt'}");
    repo.put("repo/clusters/b.txt", "text\n");
    repo.put("repo/clusters/c.bin", [0, 255]);
    let rendered = repo
        .jsonnet("{b: importbin 'c.bin', a: import 'a.libsonnet', again: importstr './b.txt'}")
        .expect("rendered");
    let paths: Vec<_> = rendered.imports.iter().map(|i| i.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "clusters/x.jsonnet",
            "clusters/a.libsonnet",
            "clusters/b.txt",
            "clusters/c.bin"
        ]
    );
    assert_eq!(rendered.imports[3].digest, Digest::of(&[0, 255]));
    let value = only(rendered);
    assert_eq!(value["b"], serde_json::json!([0, 255]));
    let error = repo.fails("{a: importstr 'c.bin'}");
    assert!(error.message.contains("offset 1"), "{error}");
}

#[test]
fn imports_are_bounded() {
    let repo = Repo::new();
    for i in 0..20 {
        repo.put(&format!("repo/{i}.libsonnet"), "{a: 'xxxxxxxxxxxxxxxx'}");
    }
    let imports: Vec<_> = (0..20).map(|i| format!("import '{i}.libsonnet'")).collect();
    repo.put("repo/x.jsonnet", format!("[{}]", imports.join(",")));
    let mut request = repo.request("repo/x.jsonnet");
    assert!(render_file(&request.path, &request.options).is_ok());
    request.options.limits.imports = 10;
    let error = render_file(&request.path, &request.options).expect_err("too many");
    assert_eq!(error.kind, RenderErrorKind::ImportLimit, "{error}");
    request.options.limits.imports = 100;
    request.options.limits.import_bytes = 600;
    let error = render_file(&request.path, &request.options).expect_err("too large");
    assert_eq!(error.kind, RenderErrorKind::ImportLimit, "{error}");
}

#[test]
fn cycles_end() {
    let repo = Repo::new();
    repo.put("repo/clusters/b.libsonnet", "import 'x.jsonnet'");
    let error = repo.fails("import 'b.libsonnet'");
    assert_eq!(error.kind, RenderErrorKind::JsonnetEvaluation, "{error}");
    // A cycle of files that is none of values is fine.
    repo.put("repo/clusters/c.libsonnet", "{c: (import 'x.jsonnet').a}");
    let value = only(
        repo.jsonnet("{a: 1, b: (import 'c.libsonnet').c}")
            .expect("no cycle of values"),
    );
    assert_eq!(value["b"], 1);
}
