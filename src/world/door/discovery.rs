//! Discovery, health and version: paths that are no resources.

use super::Door;
use super::auth::{self, Caller};
use super::errors::Refusal;
use super::kinds::{GROUPS, KINDS, Kind, VERSION, group_version};
use super::request::{JSON, Request, Response};
use crate::World;
use serde_json::{Value, json};
use stairway_core::model::{Digest, KubeMinor};

const TEXT: &str = "text/plain; charset=utf-8";
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

impl Door {
    /// Answers a path that is no resource.
    pub(crate) fn plain(
        &self,
        world: &World,
        request: &Request,
        caller: &Caller,
    ) -> Result<Response, Refusal> {
        let path = request.path.trim_end_matches('/');
        let verb = verb_of(request);
        if !self.authority.allows_path(caller, verb, &request.path) {
            return Err(auth::denied_path(caller, verb, &request.path));
        }
        if verb != "get" {
            return Err(Refusal::no_method());
        }
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        match parts.as_slice() {
            ["healthz" | "livez" | "readyz", ..] => Ok(Response::text(200, TEXT, "ok")),
            ["version"] => Ok(Response::json(200, &self.version(world))),
            ["metrics"] => {
                super::told("metrics", &world.cluster.deprecated_apis)?;
                Ok(self.metrics(world))
            }
            ["api"] => Ok(discovery(request, &[""], &core_versions())),
            ["apis"] => Ok(discovery(request, &GROUPS, &group_list())),
            ["api", VERSION] => Ok(Response::json(200, &resources(""))),
            ["apis", group, VERSION] if GROUPS.contains(group) => {
                Ok(Response::json(200, &resources(group)))
            }
            ["apis", group] if GROUPS.contains(group) => {
                let mut answer = group_of(group);
                answer["kind"] = json!("APIGroup");
                answer["apiVersion"] = json!("v1");
                Ok(Response::json(200, &answer))
            }
            ["api" | "apis", ..] => Err(Refusal::no_resource()),
            ["openapi", "v3", rest @ ..] => super::openapi::answer(rest),
            _ => Ok(Response::text(404, TEXT, "404 page not found\n")),
        }
    }

    fn version(&self, world: &World) -> Value {
        if self.git_version.is_none() && world.version().is_none() {
            // A server always answers; what nobody recorded is no version.
            return json!({"major": "", "minor": "", "gitVersion": "not-recorded", "platform": "linux/amd64"});
        }
        let minor = world.version().map_or(0, KubeMinor::minor);
        let told = self.git_version.clone().unwrap_or_else(|| {
            // The form of EKS: the hash differs from cluster to cluster.
            let hash = Digest::of(world.cluster.cluster.name.as_bytes());
            format!("v1.{minor}.0-eks-{}", hash.short(7))
        });
        let said = told.trim_start_matches('v').split('.').nth(1);
        let minor = said
            .and_then(|said| said.parse::<u16>().ok())
            .unwrap_or(minor);
        json!({
            "major": "1",
            "minor": minor.to_string(),
            "emulationMajor": "1",
            "emulationMinor": minor.to_string(),
            "minCompatibilityMajor": "1",
            "minCompatibilityMinor": minor.saturating_sub(1).to_string(),
            "gitVersion": told,
            "gitCommit": Digest::of(told.as_bytes()).short(40),
            "gitTreeState": "clean",
            "buildDate": "2026-01-01T00:00:00Z",
            "goVersion": "go1.26.6",
            "compiler": "gc",
            "platform": "linux/amd64",
        })
    }
}

/// The accept header chooses between the plain list and the aggregated one.
fn discovery(request: &Request, groups: &[&str], plain: &Value) -> Response {
    let wants = |clause: &str| {
        let mut parts = clause.split(';').map(str::trim);
        let media = parts.next() == Some(JSON);
        let parts: Vec<&str> = parts.collect();
        media
            && ["g=apidiscovery.k8s.io", "v=v2", "as=APIGroupDiscoveryList"]
                .iter()
                .all(|part| parts.contains(part))
    };
    if !request.header("accept").split(',').any(wants) {
        return Response::json(200, plain);
    }
    let items: Vec<Value> = groups.iter().map(|group| aggregated(group)).collect();
    let list = json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": items,
    });
    Response::text(200, AGGREGATED, list.to_string())
}

fn core_versions() -> Value {
    json!({
        "kind": "APIVersions",
        "versions": [VERSION],
        "serverAddressByClientCIDRs": [],
    })
}

fn group_of(group: &str) -> Value {
    let version = json!({"groupVersion": group_version(group), "version": VERSION});
    json!({"name": group, "versions": [version], "preferredVersion": version})
}

fn group_list() -> Value {
    let groups: Vec<Value> = GROUPS.iter().map(|group| group_of(group)).collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

fn kinds_of(group: &str) -> impl Iterator<Item = &'static Kind> {
    KINDS.iter().filter(move |kind| kind.group == group)
}

fn aggregated(group: &str) -> Value {
    let resources: Vec<Value> = kinds_of(group)
        .map(|kind| {
            let mut one = json!({
                "resource": kind.plural,
                "responseKind": {"group": "", "version": "", "kind": kind.kind},
                "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
                "singularResource": kind.singular,
                "verbs": kind.verbs,
            });
            if !kind.short.is_empty() {
                one["shortNames"] = json!(kind.short);
            }
            if kind.is_common() {
                one["categories"] = json!(["all"]);
            }
            if !kind.subs.is_empty() {
                let subs = kind.subs.iter().map(|sub| {
                    let version = if sub.group.is_empty() { "" } else { VERSION };
                    json!({
                        "subresource": sub.name,
                        "responseKind": {"group": sub.group, "version": version, "kind": sub.kind},
                        "verbs": sub.verbs,
                    })
                });
                one["subresources"] = Value::Array(subs.collect());
            }
            one
        })
        .collect();
    let mut metadata = json!({});
    if !group.is_empty() {
        metadata["name"] = json!(group);
    }
    json!({
        "metadata": metadata,
        "versions": [{"version": VERSION, "resources": resources, "freshness": "Current"}],
    })
}

fn resources(group: &str) -> Value {
    let mut list = Vec::new();
    for kind in kinds_of(group) {
        let mut one = json!({
            "name": kind.plural,
            "singularName": kind.singular,
            "namespaced": kind.namespaced,
            "kind": kind.kind,
            "verbs": kind.verbs,
        });
        if !kind.short.is_empty() {
            one["shortNames"] = json!(kind.short);
        }
        if kind.is_common() {
            one["categories"] = json!(["all"]);
        }
        list.push(one);
        for sub in kind.subs {
            let mut one = json!({
                "name": format!("{}/{}", kind.plural, sub.name),
                "singularName": "",
                "namespaced": kind.namespaced,
                "kind": sub.kind,
                "verbs": sub.verbs,
            });
            if !sub.group.is_empty() {
                one["group"] = json!(sub.group);
                one["version"] = json!(VERSION);
            }
            list.push(one);
        }
    }
    json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": group_version(group),
        "resources": list,
    })
}

/// Returns the verb of the authorizer for a path that is no resource.
pub(crate) fn verb_of(request: &Request) -> &'static str {
    match request.method.as_str() {
        "GET" | "HEAD" => "get",
        "POST" => "post",
        _ => "put",
    }
}
