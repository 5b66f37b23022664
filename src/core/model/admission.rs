//! Who and what an API server lets in: admission webhooks, and the roles of the `aws-auth` ConfigMap.

use super::Known;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A webhook of a `MutatingWebhookConfiguration` or a `ValidatingWebhookConfiguration`.
///
/// No certificate and no address is kept: a URL may hold a credential.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Webhook {
    /// `Mutating` or `Validating`.
    pub kind: String,
    /// The name of the configuration that lists it.
    pub configuration: String,
    /// Its name there: `mpod.elbv2.k8s.aws`.
    pub name: String,
    /// True when requests fail while nobody answers it (`failurePolicy: Fail`, also when left out).
    #[serde(default = "yes")]
    pub fails_closed: bool,
    /// The namespace of the Service that answers it; none for one that is asked at a URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The Service that answers it; none for one that is asked at a URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The labels by which that Service finds its pods; absent when there is no such Service, empty
    /// for a Service without a selector.
    #[serde(default, skip_serializing_if = "Known::is_unknown_by_default")]
    pub selector: Known<BTreeMap<String, String>>,
    /// What it is asked about when it is created or changed, as [`Webhook::resource`] writes it.
    #[serde(default)]
    pub resources: Vec<String>,
    /// True when it is asked about some of these objects only: by an `objectSelector`, by
    /// `matchConditions`, or by a `namespaceSelector` that does more than leave namespaces out by name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub narrowed: bool,
    /// True when its `namespaceSelector` leaves kube-system out; unknown when that depends on
    /// labels which were not read.
    #[serde(default, skip_serializing_if = "Known::is_unknown_by_default")]
    pub excludes_kube_system: Known<bool>,
    /// How long the API server waits for it, in seconds.
    #[serde(default, skip_serializing_if = "Known::is_unknown_by_default")]
    pub timeout_seconds: Known<u32>,
}

const fn yes() -> bool {
    true
}

impl Webhook {
    /// Writes what a rule names: `pods`, `apps/deployments`, `core/pods/eviction`, `*/*`.
    ///
    /// The core group is left out before a resource without subresource. `resource` is as rules
    /// write it: `pods`, `pods/eviction`, `pods/*`, `*`, `*/*`.
    pub fn resource(group: &str, resource: &str) -> String {
        match (group, resource.contains('/')) {
            ("", false) => resource.to_owned(),
            ("", true) => format!("core/{resource}"),
            (group, _) => format!("{group}/{resource}"),
        }
    }

    /// Returns true when it is asked about a resource of a group; `sub` is empty for the resource itself.
    pub fn is_asked_about(&self, group: &str, resource: &str, sub: &str) -> bool {
        let fits = |pattern: &str, word: &str| pattern == "*" || pattern == word;
        self.resources.iter().any(|written| {
            let words: Vec<&str> = written.split('/').collect();
            let (its_group, its_resource, its_sub) = match words.as_slice() {
                [resource] => ("", *resource, ""),
                ["core", resource] => ("", *resource, ""),
                [group, resource] => (*group, *resource, ""),
                ["core", resource, sub] => ("", *resource, *sub),
                [group, resource, sub] => (*group, *resource, *sub),
                _ => return false,
            };
            // `pods/*` means the subresources, `*/*` everything (AdmissionRegistration v1, Rule).
            let sub_fits = its_sub == sub
                || its_sub == "*" && !sub.is_empty()
                || its_sub == "*" && its_resource == "*";
            fits(its_group, group) && fits(its_resource, resource) && sub_fits
        })
    }

    /// Returns how messages name it.
    pub fn key(&self) -> String {
        format!("{}/{}", self.configuration, self.name)
    }
}

/// An entry of `mapRoles` in the ConfigMap `kube-system/aws-auth`.
///
/// Entries for one role may be there several times; then the last one counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MappedRole {
    /// The IAM role.
    pub role_arn: String,
    /// The user name that whoever assumes it has in Kubernetes.
    #[serde(default)]
    pub username: String,
    /// The groups that this user is in.
    #[serde(default)]
    pub groups: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Group, resource and subresource of a request.
    type Asked = &'static [(&'static str, &'static str, &'static str)];
    /// Group and resource of a rule, what it covers, and what it does not.
    type Row = (&'static str, &'static str, Asked, Asked);

    #[test]
    fn a_rule_of_a_webhook_covers_what_kubernetes_says_it_covers() {
        let rows: [Row; 8] = [
            (
                "",
                "pods",
                &[("", "pods", "")],
                &[("", "pods", "eviction"), ("apps", "pods", "")],
            ),
            (
                "",
                "pods/eviction",
                &[("", "pods", "eviction")],
                &[("", "pods", "")],
            ),
            (
                "",
                "pods/*",
                &[("", "pods", "eviction")],
                &[("", "pods", "")],
            ),
            (
                "",
                "*",
                &[("", "pods", ""), ("", "nodes", "")],
                &[("", "pods", "status"), ("apps", "deployments", "")],
            ),
            (
                "",
                "*/*",
                &[("", "pods", ""), ("", "pods", "status")],
                &[("apps", "deployments", "")],
            ),
            (
                "*",
                "*",
                &[("", "pods", ""), ("apps", "deployments", "")],
                &[("", "pods", "eviction")],
            ),
            (
                "*",
                "*/*",
                &[("", "pods", "eviction"), ("apps", "deployments", "")],
                &[],
            ),
            (
                "apps",
                "deployments",
                &[("apps", "deployments", "")],
                &[("", "deployments", "")],
            ),
        ];
        for (group, resource, covered, not) in rows {
            let webhook = Webhook {
                resources: vec![Webhook::resource(group, resource)],
                ..Webhook::default()
            };
            for (want, list) in [(true, covered), (false, not)] {
                for (group, resource, sub) in list {
                    assert_eq!(
                        webhook.is_asked_about(group, resource, sub),
                        want,
                        "{:?}: {group}/{resource}/{sub}",
                        webhook.resources
                    );
                }
            }
        }
    }

    #[test]
    fn a_webhook_without_a_failure_policy_fails_closed() {
        let text = r#"{"kind": "Validating", "configuration": "a", "name": "b"}"#;
        let read: Webhook = serde_json::from_str(text).expect("a webhook");
        assert!(read.fails_closed);
    }
}
