//! What the token of a served world may do.

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

const PLAN: &str = include_str!("roles/plan.json");
const APPLY: &str = include_str!("roles/apply.json");

impl Role {
    /// Returns the user's name, as refusals tell it.
    pub const fn user(self) -> &'static str {
        match self {
            Self::Plan => "stairway-plan",
            Self::Apply => "stairway-apply",
            Self::Admin => "admin",
        }
    }

    /// Returns a door's options with one user of this role.
    pub fn door(self, token: &str) -> DoorOptions {
        let (groups, roles): (Vec<String>, &[&str]) = match self {
            Self::Plan => (Vec::new(), &[PLAN]),
            Self::Apply => (Vec::new(), &[PLAN, APPLY]),
            Self::Admin => (vec!["system:masters".to_owned()], &[]),
        };
        let user = User {
            name: self.user().to_owned(),
            groups,
            token: token.to_owned(),
        };
        let bindings = roles.iter().map(|text| {
            // The files are ours and a test reads them; one that is broken allows nothing.
            let role: Value = serde_json::from_str(text).unwrap_or_default();
            Binding {
                name: role["metadata"]["name"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
                subject: Subject::User(self.user().to_owned()),
                namespace: None,
                role,
            }
        });
        DoorOptions {
            bindings: bindings.collect(),
            users: vec![user],
            yaml: Some(Yaml(|text| match documents(text)?.as_slice() {
                [one] => Some(one.clone()),
                _ => None,
            })),
            ..DoorOptions::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_role_only_reads_and_the_apply_role_adds_to_it() {
        for (text, writes) in [(PLAN, false), (APPLY, true)] {
            let role: Value = serde_json::from_str(text).expect("JSON");
            assert_eq!(role["kind"], "ClusterRole");
            let rules = role["rules"].as_array().expect("rules");
            let verbs = rules
                .iter()
                .flat_map(|rule| rule["verbs"].as_array().expect("verbs"));
            let reading = |verb: &Value| ["get", "list", "watch"].iter().any(|one| verb == one);
            assert_eq!(verbs.clone().any(|verb| !reading(verb)), writes, "{text}");
            assert!(verbs.into_iter().all(|verb| verb != "*"), "{text}");
        }
    }
}
