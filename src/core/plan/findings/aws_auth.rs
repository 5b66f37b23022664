//! Roles that the ConfigMap `aws-auth` lets in, and what eksctl takes out of it with a group.
//!
//! In `CONFIG_MAP` mode eksctl appends one entry for each self-managed group that it makes and
//! removes the first entry of the group's role for each that it deletes (eksctl,
//! `pkg/authconfigmap`, `AddNodeGroup` and `RemoveNodeGroup`): the last entry of a shared role goes
//! with whichever group happens to be deleted.

use super::super::draft::{Draft, finding};
use super::super::drain::some;
use super::super::wire::{BlockedBy, Severity};
use crate::model::{Known, MappedRole};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The mode in which EKS no longer reads the ConfigMap (EKS, access entries).
const WITHOUT_CONFIG_MAP: &str = "API";
/// The mode in which nothing but the ConfigMap lets nodes in.
const CONFIG_MAP: &str = "CONFIG_MAP";
/// The group that kubelets of Linux nodes need (eksctl, `RoleNodeGroupGroups`).
const NODES: &str = "system:nodes";

fn role_of(spec: &Map<String, Value>) -> Option<&str> {
    spec.get("iam")?.get("instanceRoleARN")?.as_str()
}

/// Returns how the cluster lets principals in; none when nobody knows.
fn mode<'a>(draft: &Draft<'a>) -> Option<&'a str> {
    let plane = draft.input.observed.control_plane.value()?;
    plane
        .settings
        .get("accessConfig")?
        .get("authenticationMode")?
        .as_str()
}

/// A role that other groups have too.
struct Shared<'a> {
    role: &'a str,
    /// Who keeps it, as names in a sentence.
    stay: Vec<String>,
    /// How many groups of the role this plan made or deleted before.
    added: usize,
    gone: usize,
}

impl<'a> Shared<'a> {
    /// Returns the role of a self-managed group that others have too, where EKS reads the ConfigMap.
    fn of(draft: &Draft<'a>, name: &str) -> Option<Self> {
        let observed = draft.input.observed;
        let live = observed.nodegroup(name).filter(|live| !live.managed)?;
        let mode = mode(draft);
        let role = role_of(&live.spec).filter(|_| mode != Some(WITHOUT_CONFIG_MAP))?;
        let has_it = |spec: &Map<String, Value>| role_of(spec) == Some(role);
        let made = draft.groups.iter().filter(|(other, group)| {
            let declared = group.git.as_ref();
            let declared = declared.and_then(|git| draft.input.desired.nodegroups.get(git));
            observed.nodegroup(other).is_none()
                && !group.managed
                && declared.is_some_and(|declared| has_it(&declared.spec))
        });
        let mut shared = Self {
            role,
            stay: Vec::new(),
            // With access entries eksctl makes one of those instead.
            added: made.filter(|_| mode == Some(CONFIG_MAP)).count(),
            gone: 0,
        };
        for other in observed.nodegroups.items() {
            if other.name == name || !has_it(&other.spec) {
                continue;
            }
            if draft.groups.contains_key(&other.name) {
                shared.stay.push(format!("`{}`", other.name));
            } else if !other.managed {
                shared.gone += 1;
            }
        }
        (!shared.stay.is_empty()).then_some(shared)
    }

    fn one_or_more(&self, one: &'static str, more: &'static str) -> &'static str {
        if self.stay.len() == 1 { one } else { more }
    }
}

/// The entry of a role that other nodes need must not go with a group.
pub(in crate::plan) fn shared_role(draft: &mut Draft<'_>, name: &str) -> Vec<BlockedBy> {
    let Some(shared) = Shared::of(draft, name) else {
        return Vec::new();
    };
    let role = shared.role;
    let entries = match &draft.input.observed.aws_auth {
        Known::Value(roles) => roles.iter().filter(|one| one.role_arn == role).count(),
        Known::Absent => return Vec::new(),
        Known::Unknown(_) => {
            let what = format!(
                "how often the ConfigMap `aws-auth` maps `{role}`, which {} {} too",
                some(&shared.stay),
                shared.one_or_more("uses", "use")
            );
            draft
                .unread
                .entry(what)
                .or_default()
                .insert(name.to_owned());
            return Vec::new();
        }
    };
    if entries == 0 || entries + shared.added > shared.gone + 1 {
        return Vec::new();
    }
    let subject = format!("nodegroup {name}");
    let mut found = finding("STW-AWS-AUTH", "R8", Severity::Blocking, &subject);
    found.message = format!(
        "eksctl takes the last entry of `{role}` out of the ConfigMap `aws-auth` when it deletes `{name}`, and {} {} the same role: {} nodes lose access and become NotReady.",
        some(&shared.stay),
        shared.one_or_more("has", "have"),
        shared.one_or_more("its", "their"),
    );
    let names = shared.stay.iter().map(|group| group.trim_matches('`'));
    found.objects = names.map(|group| format!("nodegroup {group}")).collect();
    found.remedy = format!(
        "Give the role one more entry, for eksctl removes one with each group; then observe and plan again: {}",
        add_entry(draft, role)
    );
    found.source = "eksctl issues #1703 and #1368; eksctl, pkg/authconfigmap (RemoveNodeGroup); containers-roadmap #755"
        .to_owned();
    draft.block(found)
}

/// eksctl appends an entry, whatever is there already.
fn add_entry(draft: &Draft<'_>, role: &str) -> String {
    let cluster = &draft.input.desired.cluster;
    format!(
        "eksctl create iamidentitymapping --cluster {} --region {} --arn {} --username 'system:node:{{{{EC2PrivateDNSName}}}}' --group system:bootstrappers --group {NODES}",
        cluster.name,
        cluster.region,
        crate::model::shell_word(role)
    )
}

/// Of several entries for one role only the last one counts; those before it may be what somebody relies on.
pub(super) fn remark(draft: &mut Draft<'_>) {
    if mode(draft) == Some(WITHOUT_CONFIG_MAP) {
        return;
    }
    let mut by_role: BTreeMap<&str, Vec<&MappedRole>> = BTreeMap::new();
    for entry in draft.input.observed.aws_auth.items() {
        by_role.entry(&entry.role_arn).or_default().push(entry);
    }
    for (role, entries) in by_role {
        let Some((last, before)) = entries.split_last() else {
            continue;
        };
        let differs =
            |one: &&MappedRole| one.username != last.username || one.groups != last.groups;
        if !before.iter().any(differs) {
            continue;
        }
        let mut found = finding("STW-AWS-AUTH", "R8", Severity::Warning, "cluster");
        let nodes = |one: &MappedRole| one.groups.iter().any(|group| group == NODES);
        let lost = !nodes(last) && before.iter().any(|one| nodes(one));
        found.message = format!(
            "The ConfigMap `aws-auth` has {} entries for `{role}` that differ, and only the last one counts (`{}`{}){}.",
            entries.len(),
            last.username,
            groups(last),
            if lost {
                ": nodes with this role are no nodes to the API server"
            } else {
                ""
            }
        );
        found.objects = vec![format!("role {role}")];
        found.remedy = "Remove the entries that should not count: kubectl -n kube-system edit configmap aws-auth"
            .to_owned();
        found.source = "aws-iam-authenticator, EKS ConfigMap backend; eksctl, create iamidentitymapping appends duplicates".to_owned();
        draft.find(found);
    }
}

fn groups(entry: &MappedRole) -> String {
    if entry.groups.is_empty() {
        return String::new();
    }
    format!(", {}", entry.groups.join(", "))
}
