//! What the token of a served world may do: the roles that people give to stairway on real clusters.

use crate::render::parse_yaml;
use serde_json::Value;
use stairway_core::codec::embedded::documents;
use stairway_world::door::{Binding, DoorOptions, Subject, User, Yaml};

/// A role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Reads what plans need.
    Plan,
    /// Does what applies need.
    Apply,
    /// Everything, as `system:masters`.
    #[default]
    Admin,
}

/// The manifests of the role that only reads.
pub const PLAN: &str = include_str!("../../templates/rbac/plan.yaml");
/// The manifests of what acting needs beyond it.
pub const APPLY: &str = include_str!("../../templates/rbac/apply.yaml");

impl Role {
    /// Returns the user's name, as refusals tell it.
    pub const fn user(self) -> &'static str {
        match self {
            Self::Plan => "stairway-plan",
            Self::Apply => "stairway-apply",
            Self::Admin => "admin",
        }
    }

    /// Returns the manifests and the groups that they are bound to.
    const fn manifests(self) -> (&'static [&'static str], &'static [&'static str]) {
        match self {
            Self::Plan => (&[PLAN], &["stairway:plan"]),
            Self::Apply => (&[PLAN, APPLY], &["stairway:plan", "stairway:apply"]),
            Self::Admin => (&[], &["system:masters"]),
        }
    }

    /// Returns a door's options with one user of this role.
    pub fn door(self, token: &str) -> DoorOptions {
        let (manifests, groups) = self.manifests();
        let user = User {
            name: self.user().to_owned(),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            token: token.to_owned(),
        };
        DoorOptions {
            bindings: manifests.iter().flat_map(|text| bindings(text)).collect(),
            users: vec![user],
            yaml: Some(Yaml(|text| match documents(text)?.as_slice() {
                [one] => Some(one.clone()),
                _ => None,
            })),
            ..DoorOptions::default()
        }
    }
}

/// The bindings of a manifest, each with the role that it names.
fn bindings(text: &str) -> Vec<Binding> {
    // The files are ours and a test reads them; one that is broken allows nothing.
    let documents = parse_yaml(text, "rbac.yaml").unwrap_or_default();
    let word = |value: &Value, pointer: &str| {
        let found = value.pointer(pointer).and_then(Value::as_str);
        found.map(str::to_owned)
    };
    let bound = documents.iter().filter_map(|binding| {
        let name = word(binding, "/roleRef/name")?;
        let kind = word(binding, "/roleRef/kind")?;
        let group = word(binding, "/subjects/0/name")?;
        let role = documents.iter().find(|role| {
            role["kind"] == kind.as_str() && role["metadata"]["name"] == name.as_str()
        })?;
        Some(Binding {
            name,
            subject: Subject::Group(group),
            namespace: word(binding, "/metadata/namespace"),
            role: role.clone(),
        })
    });
    bound.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_role_only_reads_and_the_apply_role_adds_to_it() {
        for (text, writes) in [(PLAN, false), (APPLY, true)] {
            let documents = parse_yaml(text, "rbac.yaml").expect("YAML");
            let rules = documents
                .iter()
                .filter_map(|document| document["rules"].as_array())
                .flatten();
            let verbs: Vec<&Value> = rules
                .flat_map(|rule| rule["verbs"].as_array().expect("verbs"))
                .collect();
            let reading = |verb: &Value| ["get", "list", "watch"].iter().any(|one| verb == one);
            assert!(verbs.len() > 5, "{text}");
            assert_eq!(verbs.iter().any(|verb| !reading(verb)), writes, "{text}");
            assert!(verbs.into_iter().all(|verb| verb != "*"), "{text}");
            assert_eq!(bindings(text).len(), 2, "{text}");
        }
    }
}
