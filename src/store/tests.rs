use super::*;
use serde_json::json;
use stairway_core::plan::wire::{Inputs, Tool};

fn plan(name: &str) -> Plan {
    Plan {
        wave: None,
        format_version: PLAN_FORMAT,
        kind: "Plan".to_owned(),
        id: String::new(),
        digest: String::new(),
        tool: Tool {
            name: "stairway".to_owned(),
            version: "0.0.0".to_owned(),
        },
        inputs: Inputs::default(),
        name: name.to_owned(),
        flavor: "eks".to_owned(),
        identity: stairway_core::plan::wire::Identity {
            cluster: stairway_core::model::ClusterId {
                name: "demo".to_owned(),
                region: "us-west-2".to_owned(),
                account_id: None,
                endpoint: None,
                certificate_authority: None,
            },
            created_at: None,
        },
        preview: false,
        rollback: false,
        from: None,
        to: None,
        differences: Vec::new(),
        groups: Default::default(),
        steps: Vec::new(),
        not_now: Vec::new(),
        findings: Vec::new(),
        summary: Summary::default(),
    }
    .seal()
}

fn planned(name: &str) -> Planned {
    Planned {
        plan: plan(name),
        files: BTreeMap::new(),
    }
}

fn write_plan(out: &Path, planned: &Planned) {
    let writer = Writer::start(out);
    let json = canonical_bytes(&planned.plan);
    writer
        .write(PlanFolder::of(planned, &json, "# demo\n"))
        .unwrap();
    writer.finish().unwrap();
}

#[test]
fn what_the_file_system_refuses_is_reported_in_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let blocked = folder.path().join("file");
    files::write_atomic(&blocked, b"").unwrap();
    let writer = Writer::start(&blocked);
    let planned = planned("demo");
    let json = canonical_bytes(&planned.plan);
    for _ in 0..100 {
        writer.write(PlanFolder::of(&planned, &json, "")).unwrap();
    }
    assert!(matches!(writer.finish(), Err(StoreError::File(_))));
}

#[test]
fn what_was_written_is_found_by_every_name() {
    let folder = tempfile::tempdir().unwrap();
    let plans = folder.path().join("plans");
    let planned = planned("demo");
    write_plan(&plans, &planned);
    let id = &planned.plan.id;
    let names = [
        format!("plans/{id}"),
        format!("plans/{id}/plan.json"),
        id.clone(),
        "demo".to_owned(),
        "demo-".to_owned(),
    ];
    for name in names {
        let stored = open(&name, folder.path(), std::slice::from_ref(&plans)).unwrap();
        assert_eq!(
            stored,
            Stored::Plan(Box::new(planned.plan.clone())),
            "{name}"
        );
    }
    let missing = open("other", folder.path(), std::slice::from_ref(&plans)).unwrap_err();
    assert!(matches!(missing, StoreError::Missing { .. }), "{missing}");
}

#[test]
fn a_beginning_of_several_ids_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["demo-one", "demo-two"] {
        write_plan(folder.path(), &planned(name));
    }
    let folders = [folder.path().to_path_buf()];
    let error = open("demo", Path::new("/nowhere"), &folders).unwrap_err();
    assert!(matches!(error, StoreError::Ambiguous { .. }), "{error}");
}

#[test]
fn a_draft_writes_the_bytes_of_the_wire_type() {
    let (a, b) = (plan("a"), plan("b"));
    let draft = SetDraft {
        waves: Vec::new(),
        partial: None,
        clusters: vec![
            ("a".to_owned(), Kept::Plan(Box::new(a.clone()))),
            ("b".to_owned(), Kept::Json(canonical_bytes(&b))),
        ],
        errors: vec![ClusterError {
            name: "c".to_owned(),
            error: "no".to_owned(),
            hint: None,
            ..ClusterError::default()
        }],
        summary: Summary {
            upgrade: 2,
            ..Summary::default()
        },
        exit: 1,
    };
    let mut bytes = Vec::new();
    draft.write(&mut bytes).unwrap();
    let set = PlanSet {
        clusters: vec![a, b],
        ..draft.into_set()
    };
    assert_eq!(String::from_utf8(bytes), String::from_utf8(json_line(&set)));
}

#[test]
fn a_changed_plan_is_refused() {
    let mut document = serde_json::to_value(plan("demo")).unwrap();
    assert!(read_text(&document.to_string(), "x").is_ok());
    document["preview"] = json!(true);
    let error = read_text(&document.to_string(), "x").unwrap_err();
    assert!(matches!(error, StoreError::Changed { .. }), "{error}");
    let mut renamed = serde_json::to_value(plan("demo")).unwrap();
    renamed["id"] = json!("demo-000000000000");
    assert!(matches!(
        read_text(&renamed.to_string(), "x"),
        Err(StoreError::Changed { .. })
    ));
    let mut extended = serde_json::to_value(plan("demo")).unwrap();
    extended["smuggled"] = json!(1);
    assert!(matches!(
        read_text(&extended.to_string(), "x"),
        Err(StoreError::Changed { .. })
    ));
}

#[test]
fn other_formats_and_kinds_are_refused_by_name() {
    let mut document = serde_json::to_value(plan("demo")).unwrap();
    document["format_version"] = json!(2);
    let error = read_text(&document.to_string(), "x")
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("plan format 2, and this build reads format 1"),
        "{error}"
    );
    let error = read_text("{\"kind\": \"World\"}", "x")
        .unwrap_err()
        .to_string();
    assert!(error.contains("its kind is `World`"), "{error}");
    assert!(matches!(
        read_text("{", "x"),
        Err(StoreError::Unparsable(_))
    ));
}
