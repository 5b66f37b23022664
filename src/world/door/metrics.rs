//! `/metrics`: the gauge of deprecated APIs, in the text format of Prometheus.

use super::Door;
use super::kinds::{KINDS, VERSION};
use super::request::Response;
use crate::World;
use stairway_core::model::Known;

const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";
const NAME: &str = "apiserver_requested_deprecated_apis";
const HELP: &str = "[STABLE] Gauge of deprecated APIs that have been requested, broken out by API group, version, resource, subresource, and removed_release.";

impl Door {
    /// Answers with what was asked for here, and what the world says was asked for before.
    pub(crate) fn metrics(&self, world: &World) -> Response {
        let mut lines: Vec<String> = Vec::new();
        let mut line = |group: &str, version: &str, resource: &str, removed: &str| {
            lines.push(format!(
                "{NAME}{{group=\"{group}\",removed_release=\"{removed}\",resource=\"{resource}\",subresource=\"\",version=\"{version}\"}} 1\n"
            ));
        };
        for plural in &self.deprecated {
            let group = KINDS
                .iter()
                .find(|kind| kind.plural == *plural)
                .map_or("", |kind| kind.group);
            line(group, VERSION, plural, "");
        }
        for api in world.cluster.deprecated_apis.items() {
            let (group, version) = api
                .group_version
                .split_once('/')
                .unwrap_or(("", &api.group_version));
            let removed = match &api.removed_in {
                Known::Value(minor) => minor.to_string(),
                // No removal is planned.
                Known::Absent => String::new(),
                Known::Unknown(_) => "unknown".to_owned(),
            };
            line(group, version, &api.resource, &removed);
        }
        lines.sort();
        lines.dedup();
        let body = format!(
            "# HELP {NAME} {HELP}\n# TYPE {NAME} gauge\n{}",
            lines.concat()
        );
        Response::text(200, CONTENT_TYPE, body)
    }
}
