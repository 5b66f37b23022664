//! OpenAPI v3, made from the schema: what `kubectl apply` and `kubectl explain` need.

use super::errors::Refusal;
use super::kinds::{GROUPS, KINDS, Kind, VERSION, group_version};
use super::request::{JSON, Response};
use super::schema::{Shape, schema};
use serde_json::{Map, Value, json};
use stairway_core::model::Digest;

/// The index is JSON under this type, as a real server sends it.
const TEXT: &str = "text/plain; charset=utf-8";

/// Answers a path below `/openapi/v3`.
pub(crate) fn answer(rest: &[&str]) -> Result<Response, Refusal> {
    match rest {
        [] => Ok(Response::text(200, TEXT, index().to_string())),
        ["api", VERSION] => Ok(Response::text(200, JSON, document("").to_string())),
        ["apis", group, VERSION] if GROUPS.contains(group) => {
            Ok(Response::text(200, JSON, document(group).to_string()))
        }
        ["version"] => Ok(Response::text(200, JSON, empty("version").to_string())),
        _ => Err(Refusal::no_resource()),
    }
}

fn index() -> Value {
    let mut paths = Map::new();
    let mut add = |path: String, document: &Value| {
        let hash = Digest::of(document.to_string().as_bytes());
        let url = format!("/openapi/v3/{path}?hash={}", hash.hex().to_uppercase());
        paths.insert(path, json!({"serverRelativeURL": url}));
    };
    add(format!("api/{VERSION}"), &document(""));
    for group in GROUPS {
        add(format!("apis/{group}/{VERSION}"), &document(group));
    }
    add("version".to_owned(), &empty("version"));
    json!({"paths": paths})
}

fn empty(title: &str) -> Value {
    json!({"openapi": "3.0.0", "info": {"title": title, "version": "unversioned"}, "paths": {}})
}

fn document(group: &str) -> Value {
    let mut paths = Map::new();
    let mut schemas = Map::new();
    for kind in KINDS
        .iter()
        .filter(|kind| kind.group == group && schema().knows(kind.kind))
    {
        let root = if group.is_empty() {
            "/api/v1".to_owned()
        } else {
            format!("/apis/{}", group_version(group))
        };
        let scope = if kind.namespaced {
            "/namespaces/{namespace}"
        } else {
            ""
        };
        let path = format!("{root}{scope}/{}", kind.plural);
        paths.insert(path.clone(), json!({"post": operation(kind, "post")}));
        let one = json!({
            "get": operation(kind, "get"),
            "put": operation(kind, "put"),
            "patch": operation(kind, "patch"),
            "delete": operation(kind, "delete"),
        });
        paths.insert(format!("{path}/{{name}}"), one);
        schemas.insert(component(kind.kind), object_schema(kind.kind, Some(kind)));
    }
    for name in schema().types().keys() {
        let place = component(name);
        if !schemas.contains_key(&place) && !KINDS.iter().any(|kind| kind.kind == name) {
            schemas.insert(place, object_schema(name, None));
        }
    }
    json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "unversioned"},
        "paths": paths,
        "components": {"schemas": schemas},
    })
}

fn component(kind: &str) -> String {
    format!("io.k8s.api.{kind}")
}

fn reference(kind: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{}", component(kind))})
}

/// kubectl lets the server validate when an operation takes the parameter `fieldValidation`.
fn operation(kind: &Kind, method: &str) -> Value {
    let parameter = |name: &str| json!({"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": true}});
    let names: &[&str] = match method {
        "get" => &["pretty"],
        "delete" => &[
            "pretty",
            "dryRun",
            "gracePeriodSeconds",
            "propagationPolicy",
        ],
        "patch" => &[
            "pretty",
            "dryRun",
            "fieldManager",
            "fieldValidation",
            "force",
        ],
        _ => &["pretty", "dryRun", "fieldManager", "fieldValidation"],
    };
    let parameters: Vec<Value> = names.iter().map(|name| parameter(name)).collect();
    let body = json!({"schema": reference(kind.kind)});
    let mut one = json!({
        "operationId": format!("{method}{}", kind.kind),
        "parameters": parameters,
        "responses": {"200": {"description": "OK", "content": {"application/json": body}}},
        "x-kubernetes-action": method,
        "x-kubernetes-group-version-kind": gvk(kind),
    });
    if method == "patch" {
        let any = json!({"schema": {"type": "object"}});
        one["requestBody"] = json!({"content": {
            "application/apply-patch+yaml": any,
            "application/json-patch+json": any,
            "application/merge-patch+json": any,
            "application/strategic-merge-patch+json": any,
        }});
    } else if method == "post" || method == "put" {
        one["requestBody"] = json!({"content": {"*/*": body}});
    }
    one
}

fn gvk(kind: &Kind) -> Value {
    json!({"group": kind.group, "version": VERSION, "kind": kind.kind})
}

fn object_schema(name: &str, kind: Option<&Kind>) -> Value {
    let mut properties = Map::new();
    for (field, shape) in schema().types().get(name).into_iter().flatten() {
        properties.insert(field.clone(), shape_schema(shape));
    }
    let mut one = json!({"type": "object"});
    if let Some(kind) = kind {
        for field in ["apiVersion", "kind"] {
            properties.insert(field.to_owned(), json!({"type": "string"}));
        }
        properties.insert("metadata".to_owned(), reference("ObjectMeta"));
        one["x-kubernetes-group-version-kind"] = json!([gvk(kind)]);
    }
    one["properties"] = Value::Object(properties);
    one
}

fn shape_schema(shape: &Shape) -> Value {
    match shape {
        Shape::Scalar => json!({"x-kubernetes-int-or-string": true}),
        Shape::Any => json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}),
        Shape::Map => {
            json!({"type": "object", "additionalProperties": {"x-kubernetes-int-or-string": true}})
        }
        Shape::Set => json!({
            "type": "array",
            "items": {"type": "string"},
            "x-kubernetes-list-type": "set",
            "x-kubernetes-patch-strategy": "merge",
        }),
        Shape::List(item) => json!({
            "type": "array",
            "items": shape_schema(item),
            "x-kubernetes-list-type": "atomic",
        }),
        Shape::Keyed(keys, item) => json!({
            "type": "array",
            "items": shape_schema(item),
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": keys,
            "x-kubernetes-patch-strategy": "merge",
            "x-kubernetes-patch-merge-key": keys.first(),
        }),
        Shape::Of(name) => json!({"allOf": [reference(name)]}),
    }
}
