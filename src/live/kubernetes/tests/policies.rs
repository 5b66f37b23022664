//! Budgets, workloads, webhooks, aws-auth and metrics; each row is a sentence.

use super::super::{admission, auth, budgets, metrics, workloads};
use super::objects::{merged, needs, said};
use super::{failed, listed};
use serde_json::{Value, json};

#[test]
#[expect(clippy::too_many_lines, reason = "a table, one sentence a row")]
fn budgets_are_as_written_and_counted_only_when_the_controller_has_looked() {
    let base = json!({
        "metadata": {"name": "b", "namespace": "s", "generation": 2},
        "spec": {"selector": {"matchLabels": {"app": "x"}}, "minAvailable": "50%"},
        "status": {"observedGeneration": 2, "disruptionsAllowed": 1, "expectedPods": 4, "currentHealthy": 3},
    });
    let off = Value::Null;
    let stale = "the disruption controller has not counted since the budget was changed";
    let rows = [
        ("what it allows", json!({}), "/allowed", json!(1)),
        ("how many it counts", json!({}), "/expected", json!(4)),
        ("how many are healthy", json!({}), "/healthy", json!(3)),
        (
            "a counter that is left out is 0",
            json!({"status": {"disruptionsAllowed": off}}),
            "/allowed",
            json!(0),
        ),
        (
            "an older generation",
            json!({"status": {"observedGeneration": 1}}),
            "/allowed",
            json!({"$unknown": stale}),
        ),
        (
            "an older generation counts nothing",
            json!({"status": {"observedGeneration": 1}}),
            "/healthy",
            json!({"$unknown": stale}),
        ),
        (
            "no status yet",
            json!({"status": off}),
            "/allowed",
            json!({"$unknown": "the disruption controller has not counted yet"}),
        ),
        (
            "a negative count",
            json!({"status": {"disruptionsAllowed": -1}}),
            "/allowed",
            json!({"$unknown": "`status.disruptionsAllowed` is no count"}),
        ),
        ("a share", json!({}), "/min_available", json!("50%")),
        (
            "what it does not say is absent",
            json!({}),
            "/max_unavailable",
            off.clone(),
        ),
        (
            "a number",
            json!({"spec": {"maxUnavailable": 0}}),
            "/max_unavailable",
            json!("0"),
        ),
        (
            "neither",
            json!({"spec": {"maxUnavailable": "few"}}),
            "/max_unavailable",
            json!({"$unknown": "what it asks for, `few`, is neither a number nor a share"}),
        ),
        ("labels", json!({}), "/selector", json!({"app": "x"})),
        (
            "an empty selector",
            json!({"spec": {"selector": {"matchLabels": off}}}),
            "/selector",
            json!({}),
        ),
        (
            "no selector",
            json!({"spec": {"selector": off}}),
            "/selector",
            off.clone(),
        ),
        (
            "expressions",
            json!({"spec": {"selector": {"matchExpressions": [needs("a", "Exists", &[])]}}}),
            "/selector",
            json!({"$unknown": "its selector has matchExpressions, which labels cannot say"}),
        ),
        (
            "the default policy",
            json!({}),
            "/evicts_unhealthy",
            json!(false),
        ),
        (
            "the other policy",
            json!({"spec": {"unhealthyPodEvictionPolicy": "AlwaysAllow"}}),
            "/evicts_unhealthy",
            json!(true),
        ),
    ];
    for (sentence, change, pointer, wanted) in rows {
        let found = budgets::budgets(&listed(&[merged(base.clone(), &change)]));
        assert_eq!(said(&found, pointer), wanted, "{sentence}");
    }
}

#[test]
fn workloads_say_their_version_by_their_image() {
    let unknown = |why: &str| json!({"$unknown": why});
    let rows = [
        (
            "602401143452.dkr.ecr.us-west-2.amazonaws.com/eks/kube-proxy:v1.33.0-eksbuild.2",
            json!("v1.33.0-eksbuild.2"),
        ),
        (
            "602401143452.dkr.ecr.us-west-2.amazonaws.com/eks/kube-proxy:v1.33.0-minimal-eksbuild.2",
            json!("v1.33.0-eksbuild.2"),
        ),
        ("host:5000/kube-proxy:v1.33.0@sha256:00", json!("v1.33.0")),
        (
            "host:5000/kube-proxy",
            unknown("its image `host:5000/kube-proxy` has no tag"),
        ),
        (
            "kube-proxy@sha256:00",
            unknown("its image `kube-proxy@sha256:00` has no tag"),
        ),
        (
            "kube-proxy:latest",
            unknown("the tag of its image `kube-proxy:latest` is no version"),
        ),
    ];
    for (image, wanted) in rows {
        let object = json!({
            "metadata": {"name": "kube-proxy", "namespace": "kube-system"},
            "spec": {"template": {"spec": {"containers": [
                {"name": "beside", "image": "beside:v9.9.9"}, {"name": "kube-proxy", "image": image}]}}},
        });
        let other = json!({"metadata": {"name": "ebs-csi-node", "namespace": "kube-system"}});
        let found = workloads::workloads(&listed(&[other, object]), &listed(&[]));
        assert_eq!(said(&found, "/version"), wanted, "{image}");
        assert_eq!(
            said(&found, "/rolled_out"),
            unknown("its controller has not looked at it yet"),
            "{image}"
        );
    }
    for (daemon_sets, deployments) in [(failed(), listed(&[])), (listed(&[]), failed())] {
        let found = workloads::workloads(&daemon_sets, &deployments);
        assert!(found.is_unknown(), "half of them are not all of them");
    }
}

fn webhook(change: &Value, kube_system: &Value) -> Value {
    let base = json!({
        "name": "w", "clientConfig": {"service": {"namespace": "s", "name": "svc"}, "caBundle": "SECRET"},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "operations": ["CREATE"]}],
    });
    let object = json!({"metadata": {"name": "conf"}, "webhooks": [merged(base, change)]});
    let service =
        json!({"metadata": {"name": "svc", "namespace": "s"}, "spec": {"selector": {"app": "w"}}});
    let found = if kube_system.is_null() {
        Err("not read".to_owned())
    } else {
        Ok(Some(json!({"metadata": {"labels": kube_system}})))
    };
    let around = admission::Around::of(&listed(&[service]), &found);
    let found = admission::webhooks(&listed(&[]), &listed(&[object]), &around);
    said(&found, "")
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table, one sentence a row")]
fn webhooks_say_what_they_are_asked_about_and_who_answers() {
    let named = |operator: &str, values: &[&str]| json!({"namespaceSelector": {"matchExpressions": [needs("kubernetes.io/metadata.name", operator, values)]}});
    let labelled = json!({"namespaceSelector": {"matchExpressions": [needs("gate/ignore", "DoesNotExist", &[])]}});
    let off = Value::Null;
    let name = json!({"kubernetes.io/metadata.name": "kube-system"});
    let rows = [
        (
            "no policy fails closed",
            json!({}),
            &name,
            "/fails_closed",
            json!(true),
        ),
        (
            "a policy that lets through",
            json!({"failurePolicy": "Ignore"}),
            &name,
            "/fails_closed",
            json!(false),
        ),
        (
            "the service's pods",
            json!({}),
            &name,
            "/selector",
            json!({"app": "w"}),
        ),
        (
            "a service that is not there",
            json!({"clientConfig": {"service": {"name": "gone"}}}),
            &name,
            "/selector",
            off.clone(),
        ),
        (
            "a URL is not kept",
            json!({"clientConfig": {"service": off, "url": "https://u:SECRET@h/"}}),
            &name,
            "/namespace",
            off.clone(),
        ),
        (
            "rules about what comes and changes, and not about what goes",
            json!({"rules": [
                {"apiGroups": ["apps", ""], "resources": ["deployments"], "operations": ["*"]},
                {"apiGroups": [""], "resources": ["pods/eviction"], "operations": ["CREATE"]},
                {"apiGroups": [""], "resources": ["secrets"], "operations": ["DELETE", "CONNECT"]}]}),
            &name,
            "/resources",
            json!(["apps/deployments", "core/pods/eviction", "deployments"]),
        ),
        (
            "all namespaces",
            json!({"namespaceSelector": {}}),
            &name,
            "/excludes_kube_system",
            json!(false),
        ),
        (
            "kube-system left out by name",
            named("NotIn", &["kube-system"]),
            &off,
            "/excludes_kube_system",
            json!(true),
        ),
        (
            "that alone narrows nothing",
            named("NotIn", &["kube-system"]),
            &off,
            "/narrowed",
            off.clone(),
        ),
        (
            "another one left out",
            named("NotIn", &["x"]),
            &off,
            "/excludes_kube_system",
            json!(false),
        ),
        (
            "only some by name",
            named("In", &["x"]),
            &name,
            "/excludes_kube_system",
            json!(true),
        ),
        (
            "only some by name narrows",
            named("In", &["x"]),
            &name,
            "/narrowed",
            json!(true),
        ),
        (
            "by a label that kube-system lacks",
            labelled.clone(),
            &name,
            "/excludes_kube_system",
            json!(false),
        ),
        (
            "by a label that kube-system has",
            labelled.clone(),
            &json!({"gate/ignore": "1"}),
            "/excludes_kube_system",
            json!(true),
        ),
        (
            "by labels that were not read",
            labelled,
            &off,
            "/excludes_kube_system",
            json!({"$unknown": "not read"}),
        ),
        (
            "by labels of objects",
            json!({"objectSelector": {"matchLabels": {"a": "b"}}}),
            &name,
            "/narrowed",
            json!(true),
        ),
        (
            "by an empty selector of objects",
            json!({"objectSelector": {}}),
            &name,
            "/narrowed",
            off.clone(),
        ),
        (
            "by conditions",
            json!({"matchConditions": [{"name": "c", "expression": "true"}]}),
            &name,
            "/narrowed",
            json!(true),
        ),
        (
            "the time",
            json!({"timeoutSeconds": 5}),
            &name,
            "/timeout_seconds",
            json!(5),
        ),
        (
            "an operator that nobody knows",
            json!({"namespaceSelector": {"matchExpressions": [needs("a", "Like", &["b"])]}}),
            &name,
            "/excludes_kube_system",
            json!({"$unknown": "its namespaceSelector has the operator `Like`"}),
        ),
    ];
    for (sentence, change, labels, pointer, wanted) in rows {
        let found = webhook(&change, labels);
        assert!(!found.to_string().contains("SECRET"), "{sentence}");
        let found = found.pointer(pointer).cloned().unwrap_or_default();
        assert_eq!(found, wanted, "{sentence}");
    }
    let many: Vec<String> = (0..1_000).map(|number| format!("r{number}")).collect();
    let bomb = json!({"rules": [{"apiGroups": many, "resources": many, "operations": ["*"]}]});
    let found = webhook(&bomb, &name);
    assert!(
        found.to_string().contains("more than 10000 resources"),
        "{found}"
    );
}

#[test]
fn aws_auth_tells_its_roles_in_their_order_and_how_many_users_it_has() {
    let map = |roles: &str, users: &str| {
        Ok(Some(
            json!({"data": {"mapRoles": roles, "mapUsers": users}}),
        ))
    };
    let told = |found| serde_json::to_value(auth::aws_auth(&found)).expect("JSON");
    let wrong = |key: &str, why: &str| json!({"$unknown": format!("`{key}` of the ConfigMap `kube-system/aws-auth` cannot be understood: {why}")});
    let role = "- rolearn: arn:b\n  username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:nodes]\n- {rolearn: arn:a}\n";
    let roles = json!([
        {"role_arn": "arn:b", "username": "system:node:{{EC2PrivateDNSName}}", "groups": ["system:nodes"]},
        {"role_arn": "arn:a", "username": "", "groups": []},
    ]);
    let rows = [
        ("none", Ok(None), json!([null, null])),
        (
            "unread",
            Err("why".to_owned()),
            json!([{"$unknown": "why"}, {"$unknown": "why"}]),
        ),
        ("an empty one", Ok(Some(json!({}))), json!([[], 0])),
        (
            "both",
            map(role, "- {userarn: one}\n- {userarn: two}\n"),
            json!([roles, 2]),
        ),
        ("empty texts", map("", "\n"), json!([[], 0])),
        (
            "YAML that is none is not quoted",
            map("- {SECRET", role),
            json!([wrong("mapRoles", "it is no YAML"), 2]),
        ),
        (
            "no list",
            map("a: b", ""),
            json!([wrong("mapRoles", "it is no list"), 0]),
        ),
        (
            "an entry without a role",
            map("- {username: x}", ""),
            json!([wrong("mapRoles", "`rolearn` is missing"), 0]),
        ),
        (
            "groups that are none",
            map("- {rolearn: x, groups: some}", ""),
            json!([wrong("mapRoles", "`groups` is no list"), 0]),
        ),
    ];
    for (sentence, found, wanted) in rows {
        assert_eq!(told(found), wanted, "{sentence}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table, one sentence a row")]
fn deprecated_apis_are_the_lines_of_one_gauge() {
    let gauge = |labels: &str, value: &str| {
        format!("apiserver_requested_deprecated_apis{{{labels}}} {value}\n")
    };
    let psp = r#"group="policy",removed_release="1.25",resource="podsecuritypolicies",subresource="",version="v1beta1""#;
    let core = r#"group="",removed_release="",resource="endpoints",subresource="",version="v1""#;
    let wrong = |why: &str| json!({"$unknown": format!("a line of the metric apiserver_requested_deprecated_apis cannot be understood: {why}")});
    let psp_told = json!({"group_version": "policy/v1beta1", "resource": "podsecuritypolicies", "removed_in": "1.25"});
    let rows = [
        ("nothing", String::new(), json!([])),
        (
            "other metrics only",
            "# HELP apiserver_requested_deprecated_apis x\nup 1\n\u{0}\n".to_owned(),
            json!([]),
        ),
        ("one", gauge(psp, "1"), json!([psp_told])),
        (
            "its subresource is the same one",
            gauge(psp, "1")
                + &gauge(
                    &psp.replace("subresource=\"\"", "subresource=\"status\""),
                    "1",
                ),
            json!([psp_told]),
        ),
        (
            "no removal is planned",
            gauge(core, "1"),
            json!([{"group_version": "v1", "resource": "endpoints", "removed_in": null}]),
        ),
        ("a gauge at 0", gauge(psp, "0"), json!([])),
        (
            "with a time behind it",
            gauge(psp, "1 1600000000000"),
            json!([psp_told]),
        ),
        (
            "labels without an end",
            "apiserver_requested_deprecated_apis{group=\"a\n".to_owned(),
            wrong("its labels have no end"),
        ),
        (
            "no labels",
            "apiserver_requested_deprecated_apis 1\n".to_owned(),
            wrong("its labels have no end"),
        ),
        (
            "a text that is cut",
            gauge(psp, "1") + "apiserver_requested_dep",
            json!({"$unknown": "Reading /metrics failed: it ends in the middle of a line"}),
        ),
        (
            "another metric whose name begins the same",
            "apiserver_requested_deprecated_apis_seen{} 1\n".to_owned(),
            json!([]),
        ),
        (
            "no value",
            gauge(psp, ""),
            wrong("its value `` is no number"),
        ),
        (
            "no resource",
            gauge("version=\"v1\"", "1"),
            wrong("it names no version or no resource"),
        ),
        (
            "control characters in a label",
            gauge(r#"version="v1",resource="a\nb""#, "1"),
            wrong("its label `resource` has control characters"),
        ),
    ];
    for (sentence, text, wanted) in rows {
        let found = serde_json::to_value(metrics::deprecated(&Ok(text))).expect("JSON");
        assert_eq!(found, wanted, "{sentence}");
    }
}
