//! Replaces groups: which strategy, and the steps of each.

use super::draft::{Draft, Group, finding};
use super::drain::{self, To};
use super::files::{NewGroup, nodegroup_file};
use super::findings;
use super::steps;
use super::wire::{BlockedBy, Finding, Severity};
use crate::diff::generation::{group_settings, next_name};
use crate::diff::normalize;
use crate::model::KubeMinor;
use crate::model::clusterconfig::count_of;
use crate::policy::limits::{MANAGED_NODEGROUPS_DEFAULT, al2_is_gone};
use crate::policy::settings::Strategy;
use serde_json::Value;

/// A group to be made as git wants it, in place of a live one or as a new one.
#[derive(Clone, Debug)]
pub(super) struct Replacement {
    /// Its name in git.
    pub(super) git: String,
    /// The live group that goes; none for a new one.
    pub(super) old: Option<String>,
    /// Git asks for it, beyond what a version move needs.
    pub(super) asked: bool,
    /// It changes between managed and self-managed.
    pub(super) kind_flip: bool,
    /// Why, in sentences.
    pub(super) reason: Vec<String>,
}

/// How the new group is called and made.
struct Shape {
    new: NewGroup,
    group: Group,
    min: u32,
    max: u32,
}

impl Shape {
    /// Returns the group as the one that pods move to.
    fn takes_over(&self) -> To {
        To::Group {
            name: self.new.name.clone(),
            git: self.new.git.clone(),
            start: self.group.nodes,
        }
    }
}

/// Carries out one replacement at the control plane's version, or says why not.
pub(super) fn replace(draft: &mut Draft<'_>, work: &Replacement) {
    replace_at(draft, work, draft.control_plane, &[]);
}

/// Carries out one replacement by a group of `version`; `held` holds all of it back.
pub(super) fn replace_at(
    draft: &mut Draft<'_>,
    work: &Replacement,
    version: KubeMinor,
    held: &[BlockedBy],
) {
    if quota_is_full(draft, work) {
        see_off(draft);
    }
    let Some(old) = work.old.clone() else {
        draft.unit(&work.git, |draft| create_only(draft, work));
        return;
    };
    draft.unit(&old, |draft| replace_old(draft, work, &old, version, held));
}

/// Returns true when something holds back this very replacement.
fn replace_old(
    draft: &mut Draft<'_>,
    work: &Replacement,
    old: &str,
    version: KubeMinor,
    held: &[BlockedBy],
) -> bool {
    let Some(group) = draft.groups.get(old).cloned() else {
        return false;
    };
    let strategy = choose(draft, work, old, &group);
    if strategy == Strategy::InPlace {
        return in_place(draft, old, &group, work.reason.clone());
    }
    // A group that this plan made goes only after a later generation stands verified.
    let made_here = draft.made_here(old);
    // What eksctl may refuse to make is made before anything is deleted.
    let doubtful = !super::preflight::unknown_keys_of(draft, &work.git).is_empty();
    let same_name = strategy == Strategy::Recreate && old == work.git && !made_here && !doubtful;
    // A name that ran when the plan was made stays that group's name all through the plan.
    let taken =
        draft.groups.contains_key(&work.git) || draft.input.observed.nodegroup(&work.git).is_some();
    let name = if same_name || !taken {
        Some(work.git.clone())
    } else {
        let spec = draft
            .input
            .desired
            .nodegroups
            .get(&work.git)
            .map(|g| g.spec.clone());
        next_name(old, &spec.unwrap_or_default(), &draft.names)
    };
    let Some(name) = name else {
        let mut found = finding(
            "STW-NAME",
            "",
            Severity::Mandatory,
            &format!("nodegroup {old}"),
        );
        found.message = format!("Every letter after `{old}` is taken by a live or past group.");
        found.remedy = "Rename the group in git.".to_owned();
        found.source = "stairway, generations".to_owned();
        draft.block(found);
        return true;
    };
    let delete_first = same_name
        || (group.nodes == Some(0) && !made_here && !doubtful && quota_is_full(draft, work));
    let replaces = Some(old.to_owned());
    let Some(mut shape) = shape(draft, work, &name, replaces, &group, strategy) else {
        return false;
    };
    shape.new.version = version;
    shape.group.version = Some(version);
    // The swap is one unit: what would stop it half way stops it before it begins.
    let mut blockers = blockers_of_create(draft, &shape, delete_first);
    if delete_first {
        blockers.extend(blockers_of_delete(draft, old, &group));
    }
    blockers.extend_from_slice(held);
    if group.nodes != Some(0) {
        let to = if delete_first {
            To::Others
        } else {
            shape.takes_over()
        };
        blockers.extend(drain::blockers(draft, old, &to, strategy));
    }
    if delete_first {
        take_away(draft, work, old, &group, None, &blockers);
        make(draft, &shape, work, &blockers, false);
    } else {
        make(draft, &shape, work, &blockers, group.core);
        hand_over(draft, work, strategy, old, &group, &shape, &blockers);
    }
    draft.replaced.insert(old.to_owned(), name);
    !blockers.is_empty()
}

/// Tells which strategy a replacement takes.
pub(super) fn choose(draft: &Draft<'_>, work: &Replacement, old: &str, group: &Group) -> Strategy {
    let owner = group_settings(draft.input.settings, &work.git).and_then(|choice| choice.strategy);
    let can_move_in_place =
        group.managed && !work.asked && readable_version(draft, old) && images_exist(draft, old);
    if can_move_in_place && matches!(owner, None | Some(Strategy::InPlace)) {
        return Strategy::InPlace;
    }
    let empty = group.nodes == Some(0);
    if work.kind_flip && !group.core && work.git == *old {
        return Strategy::Recreate;
    }
    match owner {
        Some(Strategy::Recreate) if !group.core => Strategy::Recreate,
        Some(Strategy::PhaseOut) => Strategy::PhaseOut,
        Some(Strategy::Swap) => Strategy::Swap,
        Some(Strategy::Recreate | Strategy::InPlace) | None => {
            if empty && !group.core {
                Strategy::Recreate
            } else {
                Strategy::Swap
            }
        }
    }
}

/// In place only while EKS still makes images of the group's family: leaving AL2 takes a swap.
fn images_exist(draft: &Draft<'_>, old: &str) -> bool {
    let family = draft
        .input
        .observed
        .nodegroup(old)
        .and_then(|live| live.spec.get("amiFamily"))
        .and_then(Value::as_str)
        .and_then(|family| draft.input.catalog.ami_family(family));
    family.is_none_or(|family| family.has_images_for(draft.control_plane))
}

/// In place only when EKS chooses the AMI: with a custom AMI or launch template the version cannot be read.
fn readable_version(draft: &Draft<'_>, old: &str) -> bool {
    let Some(live) = draft.input.observed.nodegroup(old) else {
        return true;
    };
    let set = |key: &str| live.spec.get(key).is_some_and(|value| !value.is_null());
    !set("ami") && !set("launchTemplate")
}

/// Lets EKS move a managed group's nodes to the control plane's version.
fn in_place(draft: &mut Draft<'_>, name: &str, group: &Group, reason: Vec<String>) -> bool {
    let version = draft.control_plane;
    let step = steps::upgrade_in_place(draft, name, group, version, reason);
    let blockers = drain::blockers(draft, name, &To::Itself, Strategy::InPlace);
    let held = !blockers.is_empty();
    draft.emit(step, blockers);
    if let Some(group) = draft.groups.get_mut(name) {
        group.version = Some(version);
    }
    held
}

fn create_only(draft: &mut Draft<'_>, work: &Replacement) -> bool {
    let Some(declared) = draft.input.desired.nodegroups.get(&work.git) else {
        return false;
    };
    let any = draft.input.any_core_group();
    let group = Group {
        managed: declared.managed,
        version: Some(draft.control_plane),
        git: Some(work.git.clone()),
        core: draft.input.is_core(&work.git, &declared.spec, any),
        nodes: Some(0),
    };
    let shape = shape(draft, work, &work.git, None, &group, Strategy::Swap);
    let Some(shape) = shape else { return false };
    let blockers = blockers_of_create(draft, &shape, false);
    make(draft, &shape, work, &blockers, group.core);
    !blockers.is_empty()
}

fn shape(
    draft: &Draft<'_>,
    work: &Replacement,
    name: &str,
    replaces: Option<String>,
    old: &Group,
    strategy: Strategy,
) -> Option<Shape> {
    let declared = draft.input.desired.nodegroups.get(&work.git)?;
    let settled = normalize::nodegroup(&declared.spec, declared.managed, true, draft.input.catalog);
    let read = |key: &str| settled.get(key).and_then(count_of).unwrap_or(0);
    let (min, max) = (read("minSize"), read("maxSize"));
    // A group that takes over shows that it can: as many nodes as a drain needs, or one.
    let needed = match (strategy, &replaces) {
        (Strategy::Swap, Some(_)) => old.nodes.unwrap_or(u32::from(old.core)),
        (Strategy::PhaseOut, Some(_)) => u32::from(old.nodes != Some(0)),
        (Strategy::Swap | Strategy::PhaseOut | Strategy::Recreate | Strategy::InPlace, _) => 0,
    };
    let hold = (needed > min)
        .then(|| needed.min(max))
        .filter(|hold| *hold > min);
    let version = draft.control_plane;
    let group = Group {
        managed: declared.managed,
        version: Some(version),
        git: Some(work.git.clone()),
        core: old.core,
        nodes: Some(hold.unwrap_or(min)),
    };
    let new = NewGroup {
        git: work.git.clone(),
        name: name.to_owned(),
        version,
        replaces,
        hold,
    };
    Some(Shape {
        new,
        group,
        min,
        max,
    })
}

/// Creates and verifies, and bakes a new core group.
fn make(draft: &mut Draft<'_>, shape: &Shape, work: &Replacement, held: &[BlockedBy], bake: bool) {
    let Some(file) = nodegroup_file(draft, &shape.new) else {
        return;
    };
    let name = &shape.new.name;
    let reference = draft.file(format!("{name}@{}.json", shape.new.version), file);
    let min = shape.group.nodes.unwrap_or(shape.min);
    let step = steps::create(
        draft,
        &shape.new,
        &shape.group,
        reference,
        min,
        work.reason.clone(),
    );
    draft.emit(step, held.to_vec());
    let check = steps::verify(
        draft,
        name,
        shape.new.version,
        (min, shape.new.replaces.is_some()),
    );
    draft.emit(check, held.to_vec());
    if bake {
        let step = steps::bake(draft, name, &shape.new.version.to_string());
        draft.emit(step, held.to_vec());
    }
    draft.groups.insert(name.clone(), shape.group.clone());
    draft.names.insert(name.clone());
}

/// Moves the load from the old group to the new one and takes the old one away.
fn hand_over(
    draft: &mut Draft<'_>,
    work: &Replacement,
    strategy: Strategy,
    old: &str,
    group: &Group,
    shape: &Shape,
    held: &[BlockedBy],
) {
    let new = shape.new.name.clone();
    if group.nodes == Some(0) && !group.core {
        take_away(draft, work, old, group, Some(&new), held);
    } else {
        retire(draft, old, group, Some(&new), strategy, held);
    }
    if shape.new.hold.is_some() {
        let before = (shape.group.nodes.unwrap_or(shape.min), shape.max);
        let after = (shape.min, shape.max);
        let reason =
            vec!["The minimum was held while the group took over; git's is restored.".to_owned()];
        let mut step = steps::scale(draft, &new, shape.group.managed, before, after, reason);
        step.id = format!("{}-restored@{}", step.id, shape.new.version);
        draft.emit(step, held.to_vec());
    }
}

/// Taints, empties and deletes a group whose successor stands verified.
///
/// The caller has looked for what would stop the drain; the last core group is looked for here.
pub(super) fn retire(
    draft: &mut Draft<'_>,
    old: &str,
    group: &Group,
    new: Option<&str>,
    strategy: Strategy,
    held: &[BlockedBy],
) -> bool {
    let mut held = held.to_vec();
    held.extend(blockers_of_delete(draft, old, group));
    let blocked = !held.is_empty();
    let tainted = draft.is_marked(old);
    if !tainted {
        let step = steps::taint(draft, old, group);
        draft.emit(step, held.clone());
    }
    if strategy == Strategy::PhaseOut && !blocked {
        // The wait may take weeks: whatever else there is to do comes first.
        draft.leaving.push((old.to_owned(), new.map(str::to_owned)));
        return false;
    }
    if strategy == Strategy::PhaseOut {
        let step = steps::phase_out(draft, old);
        draft.emit(step, held.clone());
        let mut step = steps::drain(draft, old, group, new.unwrap_or(OTHER_GROUPS));
        step.disruption = drain::phased(draft, old).1;
        draft.emit(step, held.clone());
    } else {
        let step = steps::drain(draft, old, group, new.unwrap_or(OTHER_GROUPS));
        draft.emit(step, held.clone());
        if group.core {
            let step = steps::bake(draft, old, &format!("{}-drained", draft.control_plane));
            draft.emit(step, held.clone());
        }
    }
    let step = steps::delete(draft, old, group, new, vec![taken_over(new)]);
    draft.emit(step, held);
    draft.groups.remove(old);
    blocked
}

/// Where pods go when no one group takes over.
const OTHER_GROUPS: &str = "other groups";

fn taken_over(new: Option<&str>) -> String {
    match new {
        Some(new) => format!("`{new}` has taken over."),
        None => "Nobody is left on it.".to_owned(),
    }
}

/// Waits for the people of every tainted group, and deletes the groups.
pub(super) fn see_off(draft: &mut Draft<'_>) {
    for (old, new) in std::mem::take(&mut draft.leaving) {
        let Some(group) = draft.groups.get(&old).cloned() else {
            continue;
        };
        let step = steps::phase_out(draft, &old);
        draft.emit(step, Vec::new());
        // Nobody is busy any more; what is left has controllers, which bring it up elsewhere.
        let to = new.as_deref();
        let mut step = steps::drain(draft, &old, &group, to.unwrap_or(OTHER_GROUPS));
        step.disruption = drain::phased(draft, &old).1;
        draft.emit(step, Vec::new());
        let step = steps::delete(draft, &old, &group, to, vec![taken_over(to)]);
        draft.emit(step, Vec::new());
        draft.groups.remove(&old);
    }
}

/// Deletes a group that is empty: cap it, recheck, delete.
fn take_away(
    draft: &mut Draft<'_>,
    work: &Replacement,
    old: &str,
    group: &Group,
    new: Option<&str>,
    held: &[BlockedBy],
) {
    let mut held = held.to_vec();
    held.extend(blockers_of_delete(draft, old, group));
    let step = steps::cordon(draft, old, group);
    draft.emit(step, held.clone());
    if group.nodes != Some(0) {
        let target = new.unwrap_or(&work.git).to_owned();
        let step = steps::drain(draft, old, group, &target);
        draft.emit(step, held.clone());
    }
    let reason = match new {
        Some(new) => format!("`{new}` has taken over, and this group is empty."),
        None => format!(
            "`{}` is made again under the same name, so the old one goes first.",
            work.git
        ),
    };
    let step = steps::delete(draft, old, group, new, vec![reason]);
    draft.emit(step, held);
    draft.groups.remove(old);
}

/// What stands against making this group now.
fn blockers_of_create(draft: &mut Draft<'_>, shape: &Shape, delete_first: bool) -> Vec<BlockedBy> {
    let mut blockers = Vec::new();
    let subject = format!("nodegroup {}", shape.new.name);
    for found in findings::declared::of_name(draft, &shape.new.name) {
        blockers.extend(draft.block(found));
    }
    blockers.extend(findings::declared::of_files(draft, &shape.new.git));
    if let Some(found) = pinned_image(draft, shape) {
        blockers.extend(draft.block(found));
    }
    if let Some(found) = al2_finding(draft, &shape.new.git, shape.new.version) {
        blockers.extend(draft.block(found));
    }
    blockers.extend(stack_in_the_way(draft, &shape.new.name, delete_first));
    if shape.group.managed && !delete_first {
        blockers.extend(quota_blocker(draft, &subject));
    }
    blockers
}

/// A custom image brings its own kubelet: the version in the file says nothing about it.
fn pinned_image(draft: &Draft<'_>, shape: &Shape) -> Option<Finding> {
    let old = shape.new.replaces.as_ref()?;
    let live = draft.input.observed.nodegroup(old)?;
    let declared = draft.input.desired.nodegroups.get(&shape.new.git)?;
    let pinned = ["ami", "launchTemplate"].into_iter().find(|key| {
        let value = declared.spec.get(*key).filter(|value| !value.is_null());
        value.is_some() && value == live.spec.get(*key)
    })?;
    if live.version.value() == Some(&shape.new.version) {
        return None;
    }
    let subject = format!("nodegroup {}", shape.new.git);
    let mut found = finding("STW-AMI-PINNED", "R2", Severity::Mandatory, &subject);
    found.message = format!(
        "`{}` keeps its `{pinned}`, and the image decides the kubelet: a new group would not be at {}.",
        shape.new.git, shape.new.version
    );
    found.remedy = format!(
        "Give `{}` an image for {} in git, or let eksctl choose one by `amiFamily`.",
        shape.new.git, shape.new.version
    );
    found.source = "eksctl, custom AMIs; EKS user guide, launch templates".to_owned();
    Some(found)
}

/// A stack of this name makes `create nodegroup` skip the group and exit 0 (eksctl issue #8712).
fn stack_in_the_way(draft: &mut Draft<'_>, name: &str, delete_first: bool) -> Vec<BlockedBy> {
    let cluster = &draft.input.desired.cluster.name;
    let stack_name = format!("eksctl-{cluster}-nodegroup-{name}");
    let stacks = draft.input.observed.stacks.items();
    let Some(stack) = stacks
        .iter()
        .find(|s| s.name == stack_name && s.status != "DELETE_COMPLETE")
    else {
        return Vec::new();
    };
    if delete_first && stack.status.ends_with("_COMPLETE") && !stack.status.contains("ROLLBACK") {
        return Vec::new();
    }
    let mut found = finding(
        "STW-STACK",
        "",
        Severity::Mandatory,
        &format!("nodegroup {name}"),
    );
    let outcome = if stack.status == "DELETE_FAILED" {
        "CloudFormation would answer AlreadyExists"
    } else {
        "eksctl would skip the group and exit 0"
    };
    found.message = format!("The stack `{stack_name}` is {}; {outcome}.", stack.status);
    found.objects = vec![format!("stack {stack_name}")];
    let region = &draft.input.desired.cluster.region;
    found.remedy = if stack.status == "DELETE_IN_PROGRESS" {
        format!(
            "aws cloudformation wait stack-delete-complete --region {region} --stack-name {stack_name}; then observe and plan again"
        )
    } else {
        format!(
            "eksctl delete nodegroup -c {cluster} -r {region} -n {name} --drain=false --wait; then observe and plan again"
        )
    };
    found.source = "eksctl issue #8712".to_owned();
    draft.block(found)
}

/// R4: a group that git still wants on Amazon Linux 2, or with its bootstrap, at 1.33 or newer.
pub(super) fn al2_finding(draft: &Draft<'_>, git: &str, version: KubeMinor) -> Option<Finding> {
    let declared = draft.input.desired.nodegroups.get(git)?;
    if !al2_is_gone(version) {
        return None;
    }
    let family = declared.spec.get("amiFamily").and_then(Value::as_str);
    let known = family.map_or_else(
        || draft.input.catalog.default_ami_family(),
        |family| draft.input.catalog.ami_family(family),
    );
    let al2 = known.is_some_and(|f| !f.has_images_for(version));
    let node_config = known.is_some_and(|f| f.bootstrap == crate::catalog::Bootstrap::NodeConfig);
    let shell = node_config && has_shell_bootstrap(&declared.spec);
    if !al2 && !shell {
        return None;
    }
    let list = if declared.managed {
        "managedNodeGroups"
    } else {
        "nodeGroups"
    };
    let mut found = finding(
        "STW-R4-AL2",
        "R4",
        Severity::Mandatory,
        &format!("nodegroup {git}"),
    );
    if al2 {
        found.message = format!(
            "Git wants `{git}` on {}, of which there are no images for {version}; eksctl refuses the whole file.",
            family.unwrap_or("its default family")
        );
        found.remedy = format!(
            "In `{list}`, `{git}`: set `amiFamily: \"AmazonLinux2023\"`, turn its bootstrap commands into a NodeConfig, and give it a new generation."
        );
    } else {
        found.message = format!(
            "`{git}` boots with a shell script; {} takes a NodeConfig and never runs `bootstrap.sh`.",
            known.map_or("AmazonLinux2023", |f| f.name.as_str())
        );
        found.remedy = format!(
            "In `{list}`, `{git}`: replace `overrideBootstrapCommand` by a `node.eks.aws/v1alpha1` NodeConfig."
        );
    }
    found.source =
        "AWS EKS user guide, AL2 AMI deprecation; eksctl SetNodeGroupDefaults".to_owned();
    Some(found)
}

fn has_shell_bootstrap(spec: &serde_json::Map<String, Value>) -> bool {
    spec.get("overrideBootstrapCommand")
        .and_then(Value::as_str)
        .is_some_and(|text| text.contains("bootstrap.sh") && !text.contains("NodeConfig"))
}

/// Returns the quota of managed groups; a default that live already exceeds was raised, and is unknown.
pub(super) fn managed_quota(draft: &Draft<'_>) -> u32 {
    let observed = draft.input.observed.quotas.value();
    let observed = observed
        .and_then(|q| q.get("managed-nodegroups-per-cluster"))
        .copied();
    let catalog = draft
        .input
        .catalog
        .quota("managed-nodegroups-per-cluster")
        .map(|q| q.value);
    let default = catalog.unwrap_or(MANAGED_NODEGROUPS_DEFAULT);
    let live = draft.input.observed.nodegroups.items().iter();
    let live = live.filter(|group| group.managed).count();
    let raised = u32::try_from(live).is_ok_and(|live| live > default);
    observed.unwrap_or(if raised { u32::MAX } else { default })
}

fn managed_count(draft: &Draft<'_>) -> u32 {
    u32::try_from(draft.groups.values().filter(|g| g.managed).count()).unwrap_or(u32::MAX)
}

/// Returns true when one more managed group does not fit beside the old one.
fn quota_is_full(draft: &Draft<'_>, work: &Replacement) -> bool {
    let managed = draft
        .input
        .desired
        .nodegroups
        .get(&work.git)
        .is_some_and(|g| g.managed);
    managed && managed_count(draft) >= managed_quota(draft)
}

fn quota_blocker(draft: &mut Draft<'_>, subject: &str) -> Vec<BlockedBy> {
    let (count, quota) = (managed_count(draft), managed_quota(draft));
    if count < quota {
        return Vec::new();
    }
    let mut found = finding("STW-R8-QUOTA", "R8", Severity::Blocking, subject);
    found.message = format!(
        "It would be managed group {} of the cluster; the quota is {quota} ({}).",
        count.saturating_add(1),
        drain::quota_source(draft)
    );
    found.remedy =
        "Raise the quota \"Managed node groups per cluster\", or delete groups first.".to_owned();
    found.source = "AWS service quotas, Amazon EKS".to_owned();
    draft.block(found)
}

/// R7: the last core group stays; and no entry of `aws-auth` goes that other nodes need.
pub(super) fn blockers_of_delete(
    draft: &mut Draft<'_>,
    name: &str,
    group: &Group,
) -> Vec<BlockedBy> {
    let mut blockers = findings::aws_auth::shared_role(draft, name);
    // A core group without nodes holds nothing.
    let other_core = draft.groups.iter().any(|(other, g)| {
        g.core && other != name && (g.nodes != Some(0) || group.nodes == Some(0))
    });
    if !group.core || other_core {
        return blockers;
    }
    let mut found = finding(
        "STW-R7-LAST-CORE",
        "R7",
        Severity::Mandatory,
        &format!("nodegroup {name}"),
    );
    found.message =
        format!("`{name}` is the last core group; nothing would run the hub's services.");
    found.remedy = "Declare another core group first.".to_owned();
    blockers.extend(draft.block(found));
    blockers
}
