//! What must happen to which group, and when.

use super::draft::{Draft, Group, after, finding};
use super::drain::{self, To};
use super::replace::{
    Replacement, al2_finding, blockers_of_delete, choose, managed_quota, replace, retire, see_off,
};
use super::steps;
use super::wire::{Action, BlockedBy, Severity};
use crate::catalog::{Api, FieldClass};
use crate::diff::generation::{OWN_PREFIX, group_settings, newer_declared};
use crate::diff::{FieldDifference, GroupDifferences};
use crate::model::KubeMinor;
use crate::model::clusterconfig::count_of;
use crate::policy::settings::{NodePace, Strategy};
use crate::policy::skew::{self, Skew};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Changes what EKS changes in place, on groups that are not about to be replaced.
pub(super) fn settle_in_place(draft: &mut Draft<'_>) {
    for (git, differences) in draft.differences.groups.clone() {
        if differences.asks_for_replacement() || draft.input.replace.contains(&git) {
            continue;
        }
        scale(draft, &differences);
        update(draft, &differences);
    }
}

fn scale(draft: &mut Draft<'_>, differences: &GroupDifferences) {
    let changed = |path: &str| differences.fields.iter().find(|f| f.path == path);
    if changed("minSize").is_none() && changed("maxSize").is_none() {
        return;
    }
    let name = &differences.live;
    let before = draft.scaling_of(name);
    let pick = |path: &str, old: u32| {
        changed(path)
            .and_then(|f| f.desired.as_ref())
            .and_then(count_of)
            .unwrap_or(old)
    };
    let after = (pick("minSize", before.0), pick("maxSize", before.1));
    let managed = draft.groups.get(name).is_some_and(|g| g.managed);
    let reason = vec!["Git changes the scaling bounds.".to_owned()];
    let step = steps::scale(draft, name, managed, before, after, reason);
    draft.emit(step, Vec::new());
}

/// What each changed setting is, and what it must be for the step to be done.
fn settings_of(fields: &[&FieldDifference]) -> (Map<String, Value>, Map<String, Value>) {
    let side = |pick: fn(&FieldDifference) -> Option<&Value>| {
        fields
            .iter()
            .map(|field| {
                let value = pick(field).cloned().unwrap_or(Value::Null);
                (field.path.clone(), value)
            })
            .collect()
    };
    (
        side(|field| field.live.as_ref()),
        side(|field| field.desired.as_ref()),
    )
}

/// Labels, taints, tags and update settings of managed groups, one API call each.
fn update(draft: &mut Draft<'_>, differences: &GroupDifferences) {
    let name = &differences.live;
    let by_api = |api: Api| -> Vec<&FieldDifference> {
        differences
            .fields
            .iter()
            .filter(|f| f.class == FieldClass::InPlace(api))
            .collect()
    };
    let fields = by_api(Api::EksNodegroupConfig);
    if !fields.is_empty() {
        let forward = config_change(name, &fields, false);
        let back = config_change(name, &fields, true);
        let action = draft.eks("UpdateNodegroupConfig", forward);
        let undo = draft.eks("UpdateNodegroupConfig", back);
        let step = steps::update(
            draft,
            name,
            settings_of(&fields),
            tops(&fields),
            vec![action],
            vec![undo],
        );
        emit_update(draft, step, &fields);
    }
    let tags = by_api(Api::EksTagResource);
    if !tags.is_empty() {
        let actions = tag_actions(draft, name, &tags, false);
        let undo = tag_actions(draft, name, &tags, true);
        let step = steps::update(draft, name, settings_of(&tags), tops(&tags), actions, undo);
        emit_update(draft, step, &tags);
    }
    for api in [Api::EksNodegroupVersion, Api::AutoScalingGroup] {
        for field in by_api(api) {
            let subject = format!("nodegroup {name}");
            let mut found = finding("STW-NOT-OURS", "", Severity::Warning, &subject);
            found.message = format!(
                "`{}` differs; it moves with the next replacement or by hand.",
                field.path
            );
            found.remedy = format!("stairway plan --replace {name}");
            draft.find(found);
        }
    }
}

fn emit_update(draft: &mut Draft<'_>, mut step: super::wire::Step, fields: &[&FieldDifference]) {
    for field in fields {
        step.before
            .insert(field.path.clone(), steps::shown(field.live.as_ref()));
        step.after
            .insert(field.path.clone(), steps::shown(field.desired.as_ref()));
    }
    draft.emit(step, Vec::new());
}

fn tops(fields: &[&FieldDifference]) -> Vec<String> {
    let mut names: Vec<String> = fields
        .iter()
        .map(|field| {
            field
                .path
                .split('.')
                .next()
                .unwrap_or(&field.path)
                .to_owned()
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

/// Builds UpdateNodegroupConfig's input; `back` swaps the sides.
fn config_change(name: &str, fields: &[&FieldDifference], back: bool) -> Value {
    let mut input = Map::new();
    input.insert("nodegroupName".to_owned(), json!(name));
    let (mut add, mut remove) = (Map::new(), Vec::new());
    for field in fields {
        let (from, to) = if back {
            (&field.desired, &field.live)
        } else {
            (&field.live, &field.desired)
        };
        if let Some(label) = field.path.strip_prefix("labels.") {
            match to {
                Some(value) => {
                    add.insert(label.to_owned(), value.clone());
                }
                None => remove.push(json!(label)),
            }
        } else if field.path == "taints" {
            input.insert(
                "taints".to_owned(),
                taint_change(from.as_ref(), to.as_ref()),
            );
        } else if let Some((top, rest)) = field.path.split_once('.') {
            let entry = input.entry(top.to_owned()).or_insert_with(|| json!({}));
            if let Value::Object(map) = entry {
                map.insert(rest.to_owned(), to.clone().unwrap_or(Value::Null));
            }
        } else {
            input.insert(field.path.clone(), to.clone().unwrap_or(Value::Null));
        }
    }
    if !add.is_empty() || !remove.is_empty() {
        let mut labels = Map::new();
        if !add.is_empty() {
            labels.insert("addOrUpdateLabels".to_owned(), Value::Object(add));
        }
        if !remove.is_empty() {
            labels.insert("removeLabels".to_owned(), Value::Array(remove));
        }
        input.insert("labels".to_owned(), Value::Object(labels));
    }
    Value::Object(input)
}

/// Settled taints are `key=value:Effect`; EKS writes effects in its own way.
fn taint_change(from: Option<&Value>, to: Option<&Value>) -> Value {
    let read = |side: Option<&Value>| -> Vec<String> {
        let items = side.and_then(Value::as_array).cloned().unwrap_or_default();
        items
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    };
    let (from, to) = (read(from), read(to));
    let objects = |list: &[String], other: &[String]| -> Vec<Value> {
        list.iter()
            .filter(|t| !other.contains(t))
            .map(|t| taint_object(t))
            .collect()
    };
    let mut change = Map::new();
    let (add, remove) = (objects(&to, &from), objects(&from, &to));
    if !add.is_empty() {
        change.insert("addOrUpdateTaints".to_owned(), Value::Array(add));
    }
    if !remove.is_empty() {
        change.insert("removeTaints".to_owned(), Value::Array(remove));
    }
    Value::Object(change)
}

fn taint_object(text: &str) -> Value {
    let (key, rest) = text.split_once('=').unwrap_or((text, ""));
    let (value, effect) = rest.rsplit_once(':').unwrap_or((rest, "NoSchedule"));
    let effect = match effect {
        "NoExecute" => "NO_EXECUTE",
        "PreferNoSchedule" => "PREFER_NO_SCHEDULE",
        _ => "NO_SCHEDULE",
    };
    json!({"key": key, "value": value, "effect": effect})
}

fn tag_actions(
    draft: &Draft<'_>,
    name: &str,
    fields: &[&FieldDifference],
    back: bool,
) -> Vec<Action> {
    let live = draft.input.observed.nodegroup(name);
    let arn = live.and_then(|g| g.arn.value()).cloned();
    // An ARN that nobody recorded is read at apply; the name says whose it is.
    let resource = arn.unwrap_or_else(|| format!("nodegroup/{name}"));
    let (mut add, mut remove) = (Map::new(), Vec::new());
    for field in fields {
        let Some(key) = field.path.strip_prefix("tags.") else {
            continue;
        };
        match if back { &field.live } else { &field.desired } {
            Some(value) => {
                add.insert(key.to_owned(), value.clone());
            }
            None if !key.starts_with(OWN_PREFIX) => remove.push(json!(key)),
            None => {}
        }
    }
    let mut actions = Vec::new();
    if !add.is_empty() {
        actions.push(draft.eks("TagResource", json!({"resourceArn": resource, "tags": add})));
    }
    if !remove.is_empty() {
        actions.push(draft.eks(
            "UntagResource",
            json!({"resourceArn": resource, "tagKeys": remove}),
        ));
    }
    actions
}

/// Moves every group that would be too old for `next`; each is moved once, as git wants it.
///
/// Returns the steps that must run and cannot yet.
pub(super) fn make_room_for(draft: &mut Draft<'_>, next: KubeMinor) -> Vec<BlockedBy> {
    let held_before = draft.later.len();
    for name in too_old_for(draft, next) {
        let Some(group) = draft.groups.get(&name).cloned() else {
            continue;
        };
        if let Some(successor) = draft.differences.matching.outgoing.get(&name).cloned() {
            create_declared(draft, &successor);
            retire_outgoing(draft, &name, &successor);
            continue;
        }
        let Some(git) = group.git.clone() else {
            make_room_by_pruning(draft, &name, &group);
            continue;
        };
        let limit = group.version.map_or(skew::LAG_MAX, skew::allowed_lag);
        let reason = format!(
            "Its kubelets ({}) may be at most {limit} minors behind; {next} would be too far.",
            group
                .version
                .map_or_else(|| "unknown".to_owned(), |v| v.to_string())
        );
        move_group(draft, &git, &name, vec![reason]);
    }
    see_off(draft);
    let mut blockers: Vec<BlockedBy> = draft.later[held_before..]
        .iter()
        .take(1)
        .map(|later| after(&later.step.id))
        .collect();
    let stuck = too_old_for(draft, next)
        .into_iter()
        .filter_map(|name| draft.stuck.get(&name));
    blockers.extend(stuck.map(|stuck| after(&stuck.step)));
    blockers.dedup();
    blockers
}

/// Returns true when this plan has made the group, and perhaps replaced it since.
fn was_made(draft: &Draft<'_>, git: &str) -> bool {
    draft.groups.contains_key(git) || draft.replaced.contains_key(git)
}

/// Makes a declared group that does not exist yet, unless that was done.
fn create_declared(draft: &mut Draft<'_>, git: &str) {
    if !draft.differences.matching.create.contains(git) || was_made(draft, git) {
        return;
    }
    let work = Replacement {
        git: git.to_owned(),
        old: None,
        asked: true,
        kind_flip: false,
        reason: vec!["Git declares it, and it does not exist.".to_owned()],
    };
    replace(draft, &work);
}

/// An undeclared group that the owner named goes before the hop that it would stop.
///
/// What takes over from a core group must stand first.
fn make_room_by_pruning(draft: &mut Draft<'_>, name: &str, group: &Group) {
    let undeclared = draft.differences.matching.undeclared.contains(name);
    if !undeclared
        || !draft
            .input
            .settings
            .prune
            .iter()
            .any(|pruned| pruned == name)
    {
        return;
    }
    if group.core {
        for git in draft.differences.matching.create.clone() {
            if is_core_in_git(draft, &git) {
                create_declared(draft, &git);
            }
        }
    }
    draft.unit(name, |draft| drop_undeclared(draft, name, group));
}

/// Returns the groups whose kubelets a control plane at `next` would not accept.
pub(super) fn too_old_for(draft: &Draft<'_>, next: KubeMinor) -> Vec<String> {
    let mut names: Vec<(bool, String)> = draft
        .groups
        .iter()
        .filter(|(_, group)| {
            group
                .version
                .is_some_and(|version| matches!(skew::verdict(version, next), Skew::TooOld { .. }))
        })
        .map(|(name, group)| (!group.core, name.clone()))
        .collect();
    names.sort();
    names.into_iter().map(|(_, name)| name).collect()
}

/// Moves one group to the control plane's version, with whatever git asks of it.
fn move_group(draft: &mut Draft<'_>, git: &str, live: &str, mut reason: Vec<String>) {
    let work = work_of(draft, git, Some(live));
    reason.extend(work.as_ref().map(|w| w.reason.clone()).unwrap_or_default());
    let work = match work {
        Some(work) => Replacement { reason, ..work },
        None => Replacement {
            git: git.to_owned(),
            old: Some(live.to_owned()),
            asked: false,
            kind_flip: false,
            reason,
        },
    };
    replace(draft, &work);
}

/// Returns what git asks of a group beyond versions, unless this plan has already done it.
fn work_of(draft: &Draft<'_>, git: &str, live: Option<&str>) -> Option<Replacement> {
    let differences = draft.differences.groups.get(git)?;
    if live.is_some_and(|live| live != differences.live)
        || draft.replaced.contains_key(&differences.live)
        || draft.stuck.contains_key(&differences.live)
    {
        return None;
    }
    let forced = draft.input.replace.contains(git);
    // An override that rewrites an older generation asks for nothing: that generation is on its way out.
    if !forced && !differences.new_generation && superseded(draft, git).is_some() {
        return None;
    }
    if !differences.asks_for_replacement() && !forced {
        return None;
    }
    let mut reason = Vec::new();
    if differences.new_generation {
        reason.push(format!(
            "Git asks for a new generation: `{}` → `{git}`.",
            differences.live
        ));
    }
    if differences.kind_flip {
        reason.push("Git changes it between managed and self-managed.".to_owned());
    }
    let fields = differences.replace_fields();
    if !fields.is_empty() {
        reason.push(format!("Replace because {}.", fields.join(", ")));
    }
    if forced {
        reason.push("Asked for with --replace.".to_owned());
    }
    Some(Replacement {
        git: git.to_owned(),
        old: Some(differences.live.clone()),
        asked: true,
        kind_flip: differences.kind_flip,
        reason,
    })
}

/// Returns the newer declared generation of a group, when it is live or about to be.
fn superseded(draft: &Draft<'_>, git: &str) -> Option<String> {
    let newer = newer_declared(draft.input.desired, git)?;
    let matching = &draft.differences.matching;
    (matching.pairs.contains_key(&newer) || matching.create.contains(&newer)).then_some(newer)
}

/// Says which differences of older generations are left alone.
pub(super) fn older_generations(draft: &mut Draft<'_>) {
    for (git, differences) in draft.differences.groups.clone() {
        let fields = differences.replace_fields();
        let Some(newer) = superseded(draft, &git).filter(|_| !fields.is_empty()) else {
            continue;
        };
        let mut found = finding(
            "STW-OLD-GENERATION",
            "",
            Severity::Warning,
            &format!("nodegroup {git}"),
        );
        found.message = format!(
            "Git also changes `{git}` ({}), an older generation beside `{newer}`; it is left as it runs.",
            fields.join(", ")
        );
        found.remedy = format!(
            "Limit the override to the new generation, or drop `{git}` from git; to replace it all the same: stairway plan --replace {git}"
        );
        draft.find(found);
    }
}

/// With `nodes: follow`, every declared group follows a hop.
pub(super) fn follow(draft: &mut Draft<'_>) {
    if draft.input.settings.nodes != NodePace::Follow {
        return;
    }
    let behind: Vec<(String, String)> = draft
        .groups
        .iter()
        .filter(|(_, group)| group.version.is_some_and(|v| v < draft.control_plane))
        .filter(|(name, _)| !draft.leaving.iter().any(|(old, _)| old == *name))
        .filter_map(|(name, group)| Some((name.clone(), group.git.clone()?)))
        .collect();
    for (live, git) in core_first(draft, behind) {
        move_group(
            draft,
            &git,
            &live,
            vec!["policy.nodes is `follow`.".to_owned()],
        );
    }
    see_off(draft);
}

fn core_first(draft: &Draft<'_>, mut list: Vec<(String, String)>) -> Vec<(String, String)> {
    list.sort_by_key(|(live, _)| {
        (
            !draft.groups.get(live).is_some_and(|g| g.core),
            live.clone(),
        )
    });
    list
}

/// After the last hop: what git still asks for.
pub(super) fn finish(draft: &mut Draft<'_>) {
    follow(draft);
    let mut works: Vec<Replacement> = Vec::new();
    for git in draft.differences.groups.keys().cloned().collect::<Vec<_>>() {
        works.extend(work_of(draft, &git, None));
    }
    for git in draft.differences.matching.create.clone() {
        if was_made(draft, &git) {
            continue;
        }
        let reason = vec!["Git declares it, and it does not exist.".to_owned()];
        let (asked, kind_flip) = (true, false);
        works.push(Replacement {
            git,
            old: None,
            asked,
            kind_flip,
            reason,
        });
    }
    let full = peak(draft, &works);
    works.sort_by_key(|work| order_of(draft, work, full));
    for work in &works {
        replace(draft, work);
    }
    retire_rest(draft);
    half_done(draft);
    undeclared(draft);
    see_off(draft);
}

/// Returns true when all new managed groups beside the old ones would not fit the quota.
fn peak(draft: &Draft<'_>, works: &[Replacement]) -> bool {
    let managed = |git: &str| {
        draft
            .input
            .desired
            .nodegroups
            .get(git)
            .is_some_and(|group| group.managed)
    };
    let made = works.iter().filter(|work| managed(&work.git)).count();
    let there = draft.groups.values().filter(|group| group.managed).count();
    made + there > managed_quota(draft) as usize
}

/// Core first, then by name; when the peak does not fit, groups that go before they come make room.
fn order_of(draft: &Draft<'_>, work: &Replacement, full: bool) -> (u8, bool, bool, String) {
    let old = work.old.as_ref().and_then(|old| draft.groups.get(old));
    let core = old.is_some_and(|group| group.core) || is_core_in_git(draft, &work.git);
    let frees = work.old.as_ref().zip(old).is_some_and(|(name, group)| {
        group.nodes == Some(0) && choose(draft, work, name, group) == Strategy::Recreate
    });
    (
        u8::from(!(full && frees)),
        !core,
        work.old.is_none(),
        work.git.clone(),
    )
}

fn is_core_in_git(draft: &Draft<'_>, git: &str) -> bool {
    let any = draft.input.any_core_group();
    draft
        .input
        .desired
        .nodegroups
        .get(git)
        .is_some_and(|group| draft.input.is_core(git, &group.spec, any))
}

fn retire_rest(draft: &mut Draft<'_>) {
    for (live, successor) in draft.differences.matching.outgoing.clone() {
        retire_outgoing(draft, &live, &successor);
    }
}

/// An older generation that git no longer declares goes once its successor stands.
fn retire_outgoing(draft: &mut Draft<'_>, live: &str, successor: &str) {
    draft.unit(live, |draft| retire_older(draft, live, successor));
}

fn retire_older(draft: &mut Draft<'_>, live: &str, successor: &str) -> bool {
    let Some(group) = draft.groups.get(live).cloned() else {
        return false;
    };
    let matched = draft
        .differences
        .matching
        .pairs
        .get(successor)
        .map(|(name, _)| name.clone());
    let new = matched.map(|name| draft.newest_of(name));
    let new = new.unwrap_or_else(|| successor.to_owned());
    let strategy = outgoing_strategy(draft, live, &group);
    let empty = group.nodes == Some(0) && !group.core;
    let mut held: Vec<BlockedBy> = Vec::new();
    if !draft.groups.contains_key(&new) {
        held.push(successor_missing(draft, successor, &new));
    }
    if !empty {
        let to = To::Group {
            name: new.clone(),
            git: successor.to_owned(),
            start: None,
        };
        held.extend(drain::blockers(draft, live, &to, strategy));
    }
    held.extend(blockers_of_delete(draft, live, &group));
    if let Some(version) = draft.groups.get(&new).and_then(|g| g.version) {
        let step = steps::verify(draft, &new, version, (u32::from(group.core), false));
        let already = draft.steps.iter().any(|s| s.id == step.id)
            || draft.later.iter().any(|s| s.step.id == step.id);
        if !already {
            draft.emit(step, held.clone());
        }
    }
    let held = if empty {
        drop_empty(draft, live, &group, Some(&new), &held)
    } else {
        retire(draft, live, &group, Some(&new), strategy, &held)
    };
    draft.replaced.insert(live.to_owned(), new);
    held
}

/// R7: a group goes only after its successor stands.
fn successor_missing(draft: &Draft<'_>, successor: &str, new: &str) -> BlockedBy {
    match draft.stuck.get(successor) {
        Some(stuck) => after(&stuck.step),
        None => BlockedBy {
            code: "R7".to_owned(),
            subject: format!("nodegroup {new}"),
            why: format!(
                "`{new}` does not stand yet, and nothing goes before its successor stands"
            ),
        },
    }
}

/// Caps an empty group, rechecks it, and deletes it.
fn drop_empty(
    draft: &mut Draft<'_>,
    live: &str,
    group: &Group,
    new: Option<&str>,
    held: &[BlockedBy],
) -> bool {
    let tainted = draft.is_marked(live);
    let mut held = held.to_vec();
    held.extend(blockers_of_delete(draft, live, group));
    if !tainted {
        let step = steps::cordon(draft, live, group);
        draft.emit(step, held.clone());
    }
    let reason = match new {
        Some(new) => format!("`{new}` has taken over, and this group is empty."),
        None => "Git does not declare it, and it is empty.".to_owned(),
    };
    let step = steps::delete(draft, live, group, new, vec![reason]);
    let blocked = !held.is_empty();
    draft.emit(step, held);
    draft.groups.remove(live);
    blocked
}

/// A busy group's people are not disturbed: unless the owner says otherwise, it is phased out.
fn outgoing_strategy(draft: &Draft<'_>, live: &str, group: &Group) -> Strategy {
    let owner = group_settings(draft.input.settings, live).and_then(|choice| choice.strategy);
    let selectors = &draft.input.settings.activity;
    let busy = draft.pods_to_move(live).is_none_or(|pods| {
        pods.iter()
            .any(|pod| selectors.iter().any(|selector| selector.matches(pod)))
    });
    match owner {
        Some(Strategy::PhaseOut) => Strategy::PhaseOut,
        Some(Strategy::Swap | Strategy::Recreate) => Strategy::Swap,
        Some(Strategy::InPlace) | None => {
            if busy && !group.core {
                Strategy::PhaseOut
            } else {
                Strategy::Swap
            }
        }
    }
}

/// Two generations run and nothing says which one goes: a person decides.
fn half_done(draft: &mut Draft<'_>) {
    for (live, sibling) in draft.differences.matching.half_done.clone() {
        let Some(group) = draft.groups.get(&live).cloned() else {
            continue;
        };
        let mut found = finding(
            "STW-HALF-DONE-SWAP",
            "",
            Severity::Blocking,
            &format!("nodegroup {live}"),
        );
        let runs = draft.groups.contains_key(&sibling);
        found.message = if runs {
            format!(
                "`{live}` and `{sibling}` look like two generations of one group, and no tag, taint or journal says that a swap is under way."
            )
        } else {
            format!(
                "`{live}` runs; git declares another generation, `{sibling}`, which does not, and nothing says which of them is meant."
            )
        };
        found.remedy = format!(
            "If `{live}` is the one to go, say so: stairway plan --prune {live} (or `prune: [{live}]` in the fleet file)."
        );
        let blockers = draft.block(found);
        if !blockers.is_empty() && runs {
            let reason = vec![format!("Git declares `{sibling}` and not `{live}`.")];
            let step = steps::delete(draft, &live, &group, Some(&sibling), reason);
            draft.emit(step, blockers);
        }
    }
}

/// Groups that git does not know are reported, and go only when they are named.
fn undeclared(draft: &mut Draft<'_>) {
    for live in draft.differences.matching.undeclared.clone() {
        let Some(group) = draft.groups.get(&live).cloned() else {
            continue;
        };
        let named = draft.input.settings.prune.contains(&live);
        let mut found = finding(
            "STW-UNDECLARED",
            "",
            Severity::Note,
            &format!("nodegroup {live}"),
        );
        found.message = format!("`{live}` runs and git does not declare it.");
        found.remedy = format!(
            "Declare it, or let it go: stairway plan --prune {live} (or `prune: [{live}]` in the fleet file)."
        );
        let reason = vec!["Git does not declare it.".to_owned()];
        if !named {
            let blocked = BlockedBy {
                code: found.code.clone(),
                subject: found.subject.clone(),
                why: "it goes only when `prune` names it".to_owned(),
            };
            draft.find(found);
            let step = steps::delete(draft, &live, &group, None, reason);
            draft.emit(step, vec![blocked]);
            continue;
        }
        draft.unit(&live, |draft| drop_undeclared(draft, &live, &group));
    }
}

/// Lets a group go that the owner named, by the strategy that suits who runs on it.
fn drop_undeclared(draft: &mut Draft<'_>, live: &str, group: &Group) -> bool {
    if group.nodes == Some(0) {
        return drop_empty(draft, live, group, None, &[]);
    }
    let strategy = outgoing_strategy(draft, live, group);
    let held = drain::blockers(draft, live, &To::Others, strategy);
    retire(draft, live, group, None, strategy, &held)
}

/// R4 for the config as a whole: at this version eksctl refuses every file with such a group.
pub(super) fn al2_blockers(draft: &mut Draft<'_>, next: KubeMinor) -> Vec<BlockedBy> {
    let names: Vec<String> = draft.input.desired.nodegroups.keys().cloned().collect();
    let mut blockers = Vec::new();
    for git in names {
        if let Some(found) = al2_finding(draft, &git, next) {
            blockers.extend(draft.block(found));
        }
    }
    blockers
}

/// Returns the labels of the groups that lag, by version, for the closing note.
pub(super) fn lagging(draft: &Draft<'_>) -> BTreeMap<KubeMinor, Vec<String>> {
    let mut by_version: BTreeMap<KubeMinor, Vec<String>> = BTreeMap::new();
    for (name, group) in &draft.groups {
        if let Some(version) = group.version.filter(|v| *v < draft.control_plane) {
            by_version.entry(version).or_default().push(name.clone());
        }
    }
    by_version
}
