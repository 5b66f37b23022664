//! Add-on steps: exact versions, one vpc-cni minor at a time, by who owns them.

use super::draft::{Draft, facts, finding, wait};
use super::files::addon_file;
use super::findings;
use super::steps;
use super::wire::{Action, BlockedBy, Rollback, Severity, Step, StepKind};
use crate::diff::normalize;
use crate::model::{AddonVersion, Condition, KubeMinor};
use crate::policy::addons::{
    AddonState, CORE_ADDONS, CoreAddon, Fit, Offer, VPC_CNI_MINORS_PER_STEP, kube_proxy_fits,
    live_addon, stops,
};
use crate::policy::skew;
use serde_json::{Map, Value, json};

/// eksctl's default of 25 minutes; add-ons settle within minutes or hang.
const ADDON_WAIT_SECONDS: u32 = 25 * 60;

/// Before the first hop: versions and settings that git asks for and that fit now.
pub(super) fn settle(draft: &mut Draft<'_>, target: KubeMinor) {
    if target == draft.control_plane {
        let names: Vec<String> = draft
            .input
            .desired
            .addons
            .iter()
            .flat_map(|addons| addons.keys().cloned())
            .collect();
        for name in in_order(names) {
            move_declared(draft, target, &name);
        }
        catch_up_self_managed(draft);
    }
    for (name, fields) in draft.differences.addon_settings.clone() {
        configure(draft, &name, &fields);
    }
}

/// Before a hop: what the next minor would break moves to a version that fits both.
pub(super) fn before_hop(draft: &mut Draft<'_>, next: KubeMinor) -> Vec<BlockedBy> {
    let mut blockers = unknown_addons(draft);
    let kube_proxy = CORE_ADDONS[0];
    let version = draft.self_managed.get(kube_proxy.addon).cloned().flatten();
    if version.is_some_and(|version| matches!(kube_proxy_fits(&version, next), Fit::No(_))) {
        // Left too far behind: it catches up with the present control plane first.
        update_self_managed(draft, kube_proxy);
    }
    for (name, version) in draft.addons.clone() {
        let offer = Offer::of(&name, next, draft.input.observed, draft.input.catalog);
        match offer.fits(&name, &version, next, draft.input.catalog) {
            Fit::Yes => {}
            Fit::Unlisted => gap(draft, &name, &version, next),
            Fit::No(why) => blockers.extend(make_fit(draft, &name, &version, next, &offer, &why)),
        }
    }
    blockers
}

/// R9 judges every add-on; one that nobody read satisfies nothing.
fn unknown_addons(draft: &mut Draft<'_>) -> Vec<BlockedBy> {
    let observed = draft.input.observed;
    let plane = observed.control_plane.value();
    let auto_mode = plane.is_some_and(|plane| plane.auto_mode.value() == Some(&true));
    if draft.input.assumed || auto_mode {
        return Vec::new();
    }
    let mut found = Vec::new();
    for core in CORE_ADDONS {
        let why = match live_addon(observed, core.addon) {
            AddonState::Unknown(why) => format!("add-on `{}` is unknown: {why}", core.addon),
            AddonState::Managed(version) if version.is_unknown() => {
                format!("the version of add-on `{}` is unknown", core.addon)
            }
            AddonState::Managed(_) | AddonState::SelfManaged(_) | AddonState::Missing => continue,
        };
        let subject = format!("addon {}", core.addon);
        found.push(super::hops::facts_unknown("R9", &subject, &why));
    }
    found
        .into_iter()
        .flat_map(|finding| draft.block(finding))
        .collect()
}

fn gap(draft: &mut Draft<'_>, name: &str, version: &AddonVersion, minor: KubeMinor) {
    let mut found = finding(
        "STW-CATALOG-GAP",
        "R9",
        Severity::Note,
        &format!("addon {name}"),
    );
    found.message =
        format!("Nobody listed whether `{name}` {version} fits {minor}; it is taken to fit.");
    let region = &draft.input.desired.cluster.region;
    found.remedy = format!(
        "aws eks describe-addon-versions --region {region} --addon-name {name} --kubernetes-version {minor}"
    );
    draft.find(found);
}

fn make_fit(
    draft: &mut Draft<'_>,
    name: &str,
    version: &AddonVersion,
    next: KubeMinor,
    offer: &Offer,
    why: &str,
) -> Vec<BlockedBy> {
    let now = Offer::of(
        name,
        draft.control_plane,
        draft.input.observed,
        draft.input.catalog,
    );
    let control_plane = draft.control_plane;
    // EKS lists a kube-proxy for its own minor only; the one of today fits the next minor as well.
    let mut candidates: Vec<&AddonVersion> = offer.versions.iter().chain(&now.versions).collect();
    candidates.sort();
    let both = candidates.into_iter().rev().find(|candidate| {
        now.fits(name, candidate, control_plane, draft.input.catalog) == Fit::Yes
            && offer.fits(name, candidate, next, draft.input.catalog) == Fit::Yes
    });
    match both.cloned() {
        Some(both) => {
            let reason = format!("{why}; {both} fits {control_plane} and {next}.");
            let held = draft.later.len();
            for stop in stops(name, Some(version), &both, &now) {
                update_managed(draft, name, &stop, &reason);
            }
            draft.later[held..]
                .iter()
                .take(1)
                .map(|l| super::draft::after(&l.step.id))
                .collect()
        }
        None => {
            let mut found = finding(
                "STW-R9-ADDON",
                "R8",
                Severity::Blocking,
                &format!("addon {name}"),
            );
            found.message = format!(
                "{why}, and no version is known that fits both {control_plane} and {next}."
            );
            let region = &draft.input.desired.cluster.region;
            found.remedy = format!(
                "aws eks describe-addon-versions --region {region} --addon-name {name} --kubernetes-version {next}"
            );
            found.source = "EKS API, DescribeAddonVersions".to_owned();
            draft.block(found)
        }
    }
}

/// After a hop and its bake: kube-proxy, vpc-cni, CoreDNS, then the rest, whoever owns them.
pub(super) fn after_hop(draft: &mut Draft<'_>, target: KubeMinor) {
    for core in CORE_ADDONS {
        if draft.self_managed.contains_key(core.addon) {
            update_self_managed(draft, core);
        } else {
            move_declared(draft, target, core.addon);
        }
    }
    let names: Vec<String> = draft.addons.keys().cloned().collect();
    for name in names
        .iter()
        .filter(|name| order_of(name) == CORE_ADDONS.len())
    {
        move_declared(draft, target, name);
    }
}

/// Moves an EKS-managed add-on to what git means at the present minor.
///
/// A pinned version waits until it fits; one that git leaves out is kept
/// unless it does not fit.
fn move_declared(draft: &mut Draft<'_>, target: KubeMinor, name: &str) {
    let Some(live) = draft.addons.get(name).cloned() else {
        return;
    };
    let now = draft.control_plane;
    let declared = draft
        .input
        .desired
        .addons
        .as_ref()
        .and_then(|addons| addons.get(name));
    let wanted = declared.and_then(|addon| addon.version.clone());
    let offer = Offer::of(name, now, draft.input.observed, draft.input.catalog);
    let catalog = draft.input.catalog;
    let fits =
        |version: &AddonVersion| !matches!(offer.fits(name, version, now, catalog), Fit::No(_));
    let to = match offer.resolve(wanted.as_deref(), Some(&live)) {
        Some(version) if fits(&version) => version,
        Some(version) if now == target && wanted.is_some() => {
            unfit_pin(draft, name, &version, now);
            return;
        }
        Some(_) | None if fits(&live) => return,
        Some(_) | None => match offer.versions.last() {
            Some(latest) => latest.clone(),
            None => return,
        },
    };
    if to == live {
        return;
    }
    let why = match wanted.as_deref() {
        Some("latest") => format!("Git says `latest`: {to} is the highest that fits {now}."),
        Some(_) => format!("Git asks for {to}."),
        None => format!("{live} does not fit {now}."),
    };
    for stop in stops(name, Some(&live), &to, &offer) {
        update_managed(draft, name, &stop, &why);
    }
}

/// Core add-ons first, in the order in which they move.
fn in_order(mut names: Vec<String>) -> Vec<String> {
    names.sort_by_key(|name| (order_of(name), name.clone()));
    names
}

fn order_of(name: &str) -> usize {
    CORE_ADDONS
        .iter()
        .position(|core| core.addon == name)
        .unwrap_or(CORE_ADDONS.len())
}

fn unfit_pin(draft: &mut Draft<'_>, name: &str, version: &AddonVersion, now: KubeMinor) {
    let mut found = finding(
        "STW-R9-ADDON",
        "R9",
        Severity::Warning,
        &format!("addon {name}"),
    );
    found.message =
        format!("Git pins `{name}` to {version}, which does not fit {now}; it is left alone.");
    found.remedy = "Pin a version that fits, or write `version: latest`.".to_owned();
    found.source = "EKS API, DescribeAddonVersions".to_owned();
    draft.find(found);
}

/// Moves an EKS-managed add-on by the EKS API, and keeps changed settings.
fn update_managed(draft: &mut Draft<'_>, name: &str, to: &AddonVersion, why: &str) {
    let from = draft.addons.get(name).cloned();
    let mut step = draft.step(StepKind::UpdateAddon, name, to.as_str());
    let later = draft.later.iter().map(|later| &later.step);
    if draft.steps.iter().chain(later).any(|s| s.id == step.id) {
        return;
    }
    step.reason = vec![why.to_owned()];
    step.before = facts([("version", json!(from.as_ref().map(AddonVersion::as_str)))]);
    step.after = facts([("version", json!(to.as_str()))]);
    step.preconditions = vec![Condition::ControlPlaneSettled {
        version: draft.control_plane,
    }];
    if let Some(from) = &from {
        // An add-on that is not well and whose owner accepts that is never ACTIVE before.
        if findings::addons::is_sound(draft, name) {
            step.preconditions.push(Condition::AddonActive {
                addon: name.to_owned(),
                version: from.clone(),
            });
        }
        step.rollback = Rollback::Inverse {
            actions: vec![update_action(draft, name, from)],
        };
        step.reversible_until = Some("while the earlier version fits the control plane".to_owned());
    }
    step.actions = vec![update_action(draft, name, to)];
    let active = Condition::AddonActive {
        addon: name.to_owned(),
        version: to.clone(),
    };
    step.wait = Some(wait(active, ADDON_WAIT_SECONDS));
    step.duration = draft.duration("update-addon", None);
    let held = findings::addons::of_update(draft, name);
    let free = held.is_empty();
    draft.emit(step, held);
    // An add-on that is held back stays what it is for whatever else the plan does.
    if free {
        draft.addons.insert(name.to_owned(), to.clone());
    }
}

/// `PRESERVE` keeps what people changed on the cluster; overwriting is never a default.
fn update_action(draft: &Draft<'_>, name: &str, version: &AddonVersion) -> Action {
    draft.eks(
        "UpdateAddon",
        json!({
            "addonName": name,
            "addonVersion": version.as_str(),
            "resolveConflicts": "PRESERVE",
        }),
    )
}

/// Applies changed settings from a file of this add-on alone, so that secrets stay out of the plan.
fn configure(draft: &mut Draft<'_>, name: &str, fields: &[String]) {
    let Some(version) = draft.addons.get(name).cloned() else {
        return;
    };
    let Some(file) = addon_file(draft, name, version.as_str()) else {
        return;
    };
    let file_name = format!("addon-{name}@{version}.json");
    let reference = draft.file(file_name.clone(), file);
    let mut step = draft.step(StepKind::UpdateAddon, name, "settings");
    step.reason = vec![format!("Git changes {}.", fields.join(", "))];
    step.before = facts([("version", json!(version.as_str()))]);
    step.after = facts([
        ("version", json!(version.as_str())),
        ("settings", json!(fields)),
    ]);
    if findings::addons::is_sound(draft, name) {
        step.preconditions = vec![Condition::AddonActive {
            addon: name.to_owned(),
            version: version.clone(),
        }];
    }
    let argv = [
        "update",
        "addon",
        "-f",
        &file_name,
        "--wait",
        "--timeout",
        "25m",
    ];
    step.actions = vec![Action::Run {
        tool: "eksctl".to_owned(),
        argv: argv.iter().map(|arg| (*arg).to_owned()).collect(),
        files: vec![reference],
    }];
    let settled = Condition::AddonSettings {
        addon: name.to_owned(),
        expected: settings_in_git(draft, name, fields),
    };
    step.wait = Some(wait(settled, ADDON_WAIT_SECONDS));
    step.duration = draft.duration("update-addon", None);
    step.rollback = Rollback::Manual {
        runbook: format!(
            "Revert the change in git and plan again; the earlier settings of `{name}` are in the revision before."
        ),
    };
    let held = findings::addons::of_update(draft, name);
    draft.emit(step, held);
}

/// What each changed field must be for the step to be done; sensitive values as digests.
fn settings_in_git(draft: &Draft<'_>, name: &str, fields: &[String]) -> Map<String, Value> {
    let addons = draft.input.desired.addons.as_ref();
    let spec = addons.and_then(|addons| Some(addons.get(name)?.spec.clone()));
    let spec = normalize::redact_addon(&spec.unwrap_or_default(), draft.input.catalog);
    let tops = fields
        .iter()
        .map(|path| path.split('.').next().unwrap_or(path));
    tops.map(|top| {
        (
            top.to_owned(),
            spec.get(top).cloned().unwrap_or(Value::Null),
        )
    })
    .collect()
}

/// A self-managed kube-proxy that was left behind catches up without a hop.
fn catch_up_self_managed(draft: &mut Draft<'_>) {
    let kube_proxy = CORE_ADDONS[0];
    let version = draft.self_managed.get(kube_proxy.addon).cloned().flatten();
    let minor = version.and_then(|version| version.kube_minor());
    if minor.is_some_and(|minor| minor < draft.control_plane) {
        update_self_managed(draft, kube_proxy);
    }
}

/// Updates a self-managed core add-on through eksctl, checks its rollout, repairs a known fault.
fn update_self_managed(draft: &mut Draft<'_>, core: CoreAddon) {
    let now = draft.control_plane;
    let offer = Offer::of(core.addon, now, draft.input.observed, draft.input.catalog);
    let from = draft.self_managed.get(core.addon).cloned().flatten();
    let to = offer.resolve(Some("latest"), None);
    let mut step = draft.step(StepKind::UpdateAddon, core.addon, &now.to_string());
    step.reason = vec![format!(
        "EKS does not manage `{}` here; eksctl brings the manifest for {now}.",
        core.addon
    )];
    step.before = facts([("version", json!(from.as_ref().map(AddonVersion::as_str)))]);
    // Only kube-proxy's version is EKS's; the others come from manifests inside eksctl.
    step.after = if core.workload == "kube-proxy" {
        facts([("version", json!(to.as_ref().map(AddonVersion::as_str)))])
    } else {
        facts([("manifest", json!(format!("eksctl's, for {now}")))])
    };
    step.preconditions = vec![
        Condition::ControlPlaneSettled { version: now },
        Condition::AddonAbsent {
            addon: core.addon.to_owned(),
        },
    ];
    step.actions = vec![draft.eksctl(&["utils", core.eksctl_utility], &["--approve"])];
    let rolled_out = Condition::WorkloadRolledOut {
        workload: core.workload_kind.to_owned(),
        name: core.workload.to_owned(),
        version: None,
    };
    step.wait = Some(wait(rolled_out.clone(), ADDON_WAIT_SECONDS));
    step.duration = draft.duration("update-addon", None);
    step.rollback = Rollback::Manual {
        runbook: format!(
            "kubectl -n kube-system rollout undo {}/{}",
            core.workload_kind.to_lowercase(),
            core.workload
        ),
    };
    let repairs = core.workload == "aws-node";
    if repairs {
        manifest_jump(draft, from.as_ref(), to.as_ref());
    }
    if repairs {
        // The rollout may hang on the fault that the next step repairs; that step waits for it.
        step.wait = None;
    }
    draft.emit(step, Vec::new());
    if repairs {
        let step = repair(draft, core, rolled_out);
        draft.emit(step, Vec::new());
    }
    draft
        .self_managed
        .insert(core.addon.to_owned(), to.or(from));
}

/// eksctl's manifest may be several minors of vpc-cni ahead; no option of eksctl takes them one by one.
fn manifest_jump(draft: &mut Draft<'_>, from: Option<&AddonVersion>, to: Option<&AddonVersion>) {
    let (Some(from), Some(to)) = (from, to) else {
        return;
    };
    let ((major, one), (other_major, other)) = (from.major_minor(), to.major_minor());
    if major == other_major && other <= one + VPC_CNI_MINORS_PER_STEP {
        return;
    }
    let mut found = finding("STW-R9-ADDON", "R9", Severity::Warning, "addon vpc-cni");
    found.message = format!(
        "The self-managed vpc-cni is at {from}; the manifest inside eksctl may be several of its minors newer, and AWS advises one at a time."
    );
    found.remedy =
        "Let EKS manage it (list `vpc-cni` under `addons`): then it moves one minor per step."
            .to_owned();
    found.source = "AWS EKS user guide, managing the Amazon VPC CNI plugin".to_owned();
    draft.find(found);
}

/// eksctl 0.122 brought an aws-node that may not run as root and must (eksctl issue #6048).
fn repair(draft: &Draft<'_>, core: CoreAddon, rolled_out: Condition) -> Step {
    let target = draft.control_plane.to_string();
    let mut step = draft.step(StepKind::RepairAddon, core.addon, &target);
    step.reason = vec![
        "Only if its pods cannot start because of their security context (eksctl issue #6048)."
            .to_owned(),
    ];
    let context = json!({"allowPrivilegeEscalation": null, "runAsNonRoot": null});
    let container = json!({"name": core.workload, "securityContext": context});
    step.actions = vec![Action::Kube {
        verb: "patch".to_owned(),
        object: "daemonsets/kube-system/aws-node".to_owned(),
        body: json!({"spec": {"template": {"spec": {"containers": [container]}}}}),
        only_if: Some(Condition::WorkloadStuckOnSecurityContext {
            name: core.workload.to_owned(),
        }),
    }];
    step.rollback = Rollback::Manual {
        runbook: "kubectl -n kube-system rollout undo daemonset/aws-node".to_owned(),
    };
    step.wait = Some(wait(rolled_out, ADDON_WAIT_SECONDS));
    step.duration = draft.duration("update-addon", None);
    step
}

/// After the last hop: add-ons that git declares and EKS does not manage yet.
pub(super) fn finish(draft: &mut Draft<'_>) {
    let declared = draft.input.desired.addons.clone().unwrap_or_default();
    for name in in_order(declared.keys().cloned().collect()) {
        match live_addon(draft.input.observed, &name) {
            AddonState::Managed(version) if version.is_unknown() => {
                let why = format!("the version of add-on `{name}` is unknown");
                let mut found = super::hops::facts_unknown("R9", &format!("addon {name}"), &why);
                found.severity = Severity::Warning;
                draft.find(found);
            }
            AddonState::Managed(_) => {}
            // Whether it is there is a difference as any other, and its owner may leave it alone.
            AddonState::Missing | AddonState::SelfManaged(_)
                if draft.is_ignored(&format!("addon {name}"), "version") => {}
            AddonState::Missing => create(draft, &name, false),
            AddonState::SelfManaged(_) => create(draft, &name, true),
            AddonState::Unknown(why) => {
                let why = format!("add-ons are unknown: {why}");
                let mut found = super::hops::facts_unknown("R9", &format!("addon {name}"), &why);
                found.severity = Severity::Warning;
                draft.find(found);
            }
        }
    }
}

/// Returns the exact version that git means for an add-on that is not installed.
fn version_to_install(draft: &mut Draft<'_>, name: &str) -> Option<AddonVersion> {
    let now = draft.control_plane;
    let offer = Offer::of(name, now, draft.input.observed, draft.input.catalog);
    let declared = draft.input.desired.addons.as_ref();
    let wanted = declared.and_then(|addons| addons.get(name)?.version.clone());
    let version = offer.resolve(Some(wanted.as_deref().unwrap_or("latest")), None);
    if version.is_none() {
        let subject = format!("addon {name}");
        let mut found = finding("STW-CATALOG-GAP", "R9", Severity::Warning, &subject);
        found.message =
            format!("No version of `{name}` is known for {now}, so it cannot be planned.");
        found.remedy = "Write an exact version in git, or record `addon_versions`.".to_owned();
        draft.find(found);
    }
    version
}

fn create(draft: &mut Draft<'_>, name: &str, adopt: bool) {
    let now = draft.control_plane;
    let Some(version) = version_to_install(draft, name) else {
        return;
    };
    let Some(file) = addon_file(draft, name, version.as_str()) else {
        return;
    };
    let file_name = format!("addon-{name}@{version}.json");
    let reference = draft.file(file_name.clone(), file);
    let mut step = draft.step(StepKind::CreateAddon, name, version.as_str());
    step.reason = vec![if adopt {
        format!(
            "Git lets EKS manage `{name}`; the self-managed one is taken over, and its own settings are overwritten."
        )
    } else {
        "Git declares it, and it is not installed.".to_owned()
    }];
    step.before = facts([("managed", json!(false))]);
    step.after = facts([
        ("version", json!(version.as_str())),
        ("overwrite", json!(adopt)),
    ]);
    step.preconditions = vec![
        Condition::ControlPlaneSettled { version: now },
        Condition::AddonAbsent {
            addon: name.to_owned(),
        },
    ];
    let mut argv = vec![
        "create",
        "addon",
        "-f",
        &file_name,
        "--wait",
        "--timeout",
        "25m",
    ];
    if adopt {
        argv.push("--force");
    }
    step.actions = vec![Action::Run {
        tool: "eksctl".to_owned(),
        argv: argv.iter().map(|arg| (*arg).to_owned()).collect(),
        files: vec![reference],
    }];
    let active = Condition::AddonActive {
        addon: name.to_owned(),
        version: version.clone(),
    };
    step.wait = Some(wait(active, ADDON_WAIT_SECONDS));
    step.duration = draft.duration("update-addon", None);
    let undo = draft.eksctl(&["delete", "addon"], &["--name", name, "--preserve"]);
    if adopt {
        step.rollback = Rollback::Irreversible {
            why: "the self-managed add-on's own settings are overwritten".to_owned(),
        };
        step.irreversible = true;
    } else {
        step.rollback = Rollback::Inverse {
            actions: vec![undo],
        };
        step.reversible_until = Some("always".to_owned());
    }
    draft.emit(step, Vec::new());
    draft.addons.insert(name.to_owned(), version);
    draft.self_managed.remove(name);
}

/// Before a rollback to `target`: what does not fit there goes back first.
pub(super) fn before_rollback(draft: &mut Draft<'_>, target: KubeMinor) -> Vec<BlockedBy> {
    let mut blockers = Vec::new();
    for (name, version) in draft.addons.clone() {
        let offer = Offer::of(&name, target, draft.input.observed, draft.input.catalog);
        let Fit::No(why) = offer.fits(&name, &version, target, draft.input.catalog) else {
            continue;
        };
        let catalog = draft.input.catalog;
        let fits = |v: &&AddonVersion| offer.fits(&name, v, target, catalog) == Fit::Yes;
        match offer.versions.iter().rev().find(fits).cloned() {
            Some(to) => {
                for stop in stops(&name, Some(&version), &to, &offer) {
                    update_managed(draft, &name, &stop, &format!("{why}."));
                }
            }
            None => {
                let mut found = finding(
                    "STW-R9-ADDON",
                    "R5",
                    Severity::Mandatory,
                    &format!("addon {name}"),
                );
                found.message = format!("{why}, and no version is known that fits {target}.");
                let region = &draft.input.desired.cluster.region;
                found.remedy = format!(
                    "aws eks describe-addon-versions --region {region} --addon-name {name} --kubernetes-version {target}"
                );
                found.source = "EKS API, DescribeAddonVersions".to_owned();
                blockers.extend(draft.block(found));
            }
        }
    }
    let kube_proxy = draft.self_managed.get("kube-proxy").cloned().flatten();
    let minor = kube_proxy.and_then(|version| version.kube_minor());
    if minor.is_some_and(|minor| skew::verdict(minor, target) == skew::Skew::Newer) {
        let mut found = finding(
            "STW-R9-ADDON",
            "R5",
            Severity::Mandatory,
            "addon kube-proxy",
        );
        found.message = format!(
            "The self-managed kube-proxy is newer than {target}, and eksctl brings none older than the control plane's."
        );
        found.remedy = format!(
            "kubectl -n kube-system set image daemonset/kube-proxy to a {target} image, observe, and plan again"
        );
        found.source = "Kubernetes version skew policy, kube-proxy".to_owned();
        blockers.extend(draft.block(found));
    }
    blockers
}

/// A bake after add-ons of a rollback.
pub(super) fn bake_after(draft: &mut Draft<'_>, target: KubeMinor) {
    let step = steps::bake(draft, "cluster", &target.to_string());
    draft.emit(step, Vec::new());
}
