//! What a difference in a field of an eksctl file means.

use super::Catalog;
use crate::model::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The API through which a field of a live nodegroup can change without replacing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Api {
    /// EKS `UpdateNodegroupConfig`.
    EksNodegroupConfig,
    /// EKS `UpdateNodegroupVersion`.
    EksNodegroupVersion,
    /// EKS `TagResource` and `UntagResource`.
    EksTagResource,
    /// EC2 Auto Scaling, on the group behind the nodegroup (eksctl has no command for it).
    AutoScalingGroup,
}

/// What it takes to make a live nodegroup follow a changed field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FieldClass {
    /// Scaling, in place.
    Scale,
    /// A call that leaves the nodes as they are, or lets EKS roll them.
    InPlace(Api),
    /// A new nodegroup in place of the old.
    Replace,
    /// Not a difference: others move it, or live state cannot show it.
    NeverDiff,
    /// The Kubernetes version of the nodes: in place for managed groups,
    /// a new nodegroup for self-managed ones.
    Version,
}

/// One entry: a path below which a class holds, for either kind of nodegroup.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NodegroupField {
    /// A dotted path; a trailing `/` or `:` makes it a prefix of map keys.
    pub(super) path: String,
    #[serde(default)]
    pub(super) self_managed: Option<FieldClass>,
    #[serde(default)]
    pub(super) managed: Option<FieldClass>,
    /// Live values that the desired state does not set are no difference.
    #[serde(default)]
    pub(super) ignored_unless_desired: bool,
    #[serde(default, rename = "note")]
    _note: Option<String>,
    #[serde(rename = "as_of")]
    _as_of: Timestamp,
    #[serde(rename = "source")]
    _source: String,
}

impl NodegroupField {
    /// Returns the class for one kind of nodegroup.
    pub(super) const fn class(&self, managed: bool) -> Option<FieldClass> {
        if managed {
            self.managed
        } else {
            self.self_managed
        }
    }

    /// Returns whether `path` is this field or lies below it.
    fn covers(&self, path: &str) -> bool {
        covers(&self.path, path)
    }
}

/// Traits of one field.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FieldTraits {
    /// A dotted path with `[]` for list elements, from the nodegroup or the file.
    pub(super) path: String,
    pub(super) traits: Vec<FieldTrait>,
    #[serde(default, rename = "note")]
    _note: Option<String>,
    #[serde(rename = "as_of")]
    _as_of: Timestamp,
    #[serde(rename = "source")]
    _source: String,
}

/// A trait of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum FieldTrait {
    Set,
    Sensitive,
    Document,
}

/// Returns the paths of the fields that may hold secrets: asked for every field of every group.
pub(super) fn sensitive(traits: &BTreeMap<String, FieldTraits>) -> Vec<String> {
    traits
        .values()
        .filter(|field| field.traits.contains(&FieldTrait::Sensitive))
        .map(|field| field.path.clone())
        .collect()
}

impl Catalog {
    /// Returns what it takes to change the field `path` of a nodegroup, such as
    /// `iam.withAddonPolicies.ebs`: the class of the longest known path that
    /// covers it. An unknown path is [`FieldClass::Replace`], the safe answer.
    pub fn field_class(&self, path: &str, managed: bool) -> FieldClass {
        let path = normal(path);
        self.fields
            .iter()
            .filter(|field| field.covers(&path))
            .filter_map(|field| Some((field.path.len(), field.class(managed)?)))
            .max_by_key(|(length, _)| *length)
            .map_or(FieldClass::Replace, |(_, class)| class)
    }

    /// Returns whether a live value at `path` is no difference as long as the
    /// desired state does not set it: tags that eksctl, EKS or an autoscaler add.
    pub fn field_ignored_unless_desired(&self, path: &str) -> bool {
        let path = normal(path);
        self.fields
            .iter()
            .any(|field| field.ignored_unless_desired && field.covers(&path))
    }

    /// Returns whether the list at `path` is a set, so that its order means
    /// nothing: `subnets`, `addons`, `vpc.publicAccessCIDRs`.
    ///
    /// `instanceTypes` is not one: On-Demand managed groups try the types in
    /// the order given, and EKS returns that order.
    pub fn field_is_set(&self, path: &str) -> bool {
        self.has_trait(path, FieldTrait::Set)
    }

    /// Returns whether the string at `path` holds a YAML or JSON document, so
    /// that it is compared by content where it parses as one.
    pub fn field_holds_document(&self, path: &str) -> bool {
        self.has_trait(path, FieldTrait::Document)
    }

    /// Returns whether `path` or a field above it may hold secrets, so that its
    /// value must not be shown.
    pub fn field_is_sensitive(&self, path: &str) -> bool {
        let path = normal(path);
        self.sensitive.iter().any(|known| covers(known, &path))
    }

    /// Returns whether exactly the field `path` has a trait.
    fn has_trait(&self, path: &str, wanted: FieldTrait) -> bool {
        self.traits
            .get(normal(path).as_ref())
            .is_some_and(|field| field.traits.contains(&wanted))
    }

    /// As [`Self::field_is_sensitive`], from the whole table.
    #[cfg(test)]
    pub(super) fn field_is_sensitive_by_table(&self, path: &str) -> bool {
        let path = normal(path);
        self.traits.values().any(|field| {
            field.traits.contains(&FieldTrait::Sensitive) && covers(&field.path, &path)
        })
    }

    /// Returns the paths that have a class of their own for a kind of nodegroup.
    #[cfg(test)]
    pub(super) fn classed_paths(&self, managed: bool) -> impl Iterator<Item = &str> {
        self.fields
            .iter()
            .filter(move |field| field.class(managed).is_some())
            .map(|field| field.path.as_str())
    }
}

/// Returns whether `path` is `known` or lies below it.
fn covers(known: &str, path: &str) -> bool {
    path.strip_prefix(known).is_some_and(|rest| {
        rest.is_empty() || known.ends_with(['/', ':']) || rest.starts_with(['.', '['])
    })
}

/// Returns `path` with `[]` for every list index or selector, and relative to
/// the nodegroup where it starts at one.
fn normal(path: &str) -> Cow<'_, str> {
    if !path.contains('[') {
        return Cow::Borrowed(path);
    }
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('[') {
        out.push_str(before);
        out.push_str("[]");
        rest = after.split_once(']').map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    for list in ["nodeGroups[].", "managedNodeGroups[]."] {
        if let Some(relative) = out.strip_prefix(list) {
            return Cow::Owned(relative.to_owned());
        }
    }
    Cow::Owned(out)
}
