//! Conditions on add-ons and the workloads of kube-system.

use super::groups::{at_path, same, unread};
use super::{Ground, Verdict, known, list};
use crate::model::{AddonVersion, Observation};
use serde_json::{Map, Value};

/// Installed through EKS, ACTIVE, at the version.
pub(super) fn active(
    name: &str,
    version: &AddonVersion,
    observed: &Observation,
    ground: Ground<'_>,
) -> Verdict {
    let addons = match list(&observed.addons, "add-ons") {
        Ok(addons) => addons,
        Err(verdict) => return verdict,
    };
    let Some(addon) = addons.iter().find(|addon| addon.name == name) else {
        let why = format!("add-on `{name}` is not installed through EKS");
        return match ground.since {
            Some(_) => Verdict::NotYet(why),
            None => Verdict::Refuted(why),
        };
    };
    let facts = known(&addon.version, &format!("version of add-on `{name}`")).and_then(|v| {
        Ok((
            v,
            known(&addon.status, &format!("status of add-on `{name}`"))?,
        ))
    });
    let (live, status) = match facts {
        Ok(facts) => facts,
        // EKS lists an add-on before it has a version.
        Err(Verdict::Refuted(why)) => return Verdict::NotYet(why),
        Err(verdict) => return verdict,
    };
    let seen = format!("add-on `{name}` is {status} at {live}");
    if live == version && status == "ACTIVE" {
        return Verdict::Met(seen);
    }
    if ground.since.is_none() {
        return if live == version && status.ends_with("ING") {
            Verdict::NotYet(seen)
        } else {
            Verdict::Refuted(format!("{seen}, and ACTIVE at {version} is expected"))
        };
    }
    if status.ends_with("_FAILED") {
        return Verdict::Refuted(seen);
    }
    Verdict::NotYet(seen)
}

/// Not installed through EKS.
pub(super) fn absent(name: &str, observed: &Observation, ground: Ground<'_>) -> Verdict {
    match list(&observed.addons, "add-ons") {
        Ok(addons) => match addons.iter().find(|addon| addon.name == name) {
            None => Verdict::Met(format!("add-on `{name}` is not installed through EKS")),
            Some(addon) => {
                let status = addon.status.value().map_or("there", String::as_str);
                let seen = format!("add-on `{name}` is {status}");
                let ours = ground.since.is_some() && status != "DELETE_FAILED";
                if status == "DELETING" || ours {
                    Verdict::NotYet(seen)
                } else {
                    Verdict::Refuted(seen)
                }
            }
        },
        Err(verdict) => verdict,
    }
}

/// Its settings are as in git.
pub(super) fn settings(
    name: &str,
    expected: &Map<String, Value>,
    observed: &Observation,
) -> Verdict {
    let addons = match list(&observed.addons, "add-ons") {
        Ok(addons) => addons,
        Err(verdict) => return verdict,
    };
    let Some(addon) = addons.iter().find(|addon| addon.name == name) else {
        return Verdict::Refuted(format!("add-on `{name}` is not installed through EKS"));
    };
    match addon.status.value().map(String::as_str) {
        Some("ACTIVE") => {}
        Some(status) if status.ends_with("_FAILED") => {
            return Verdict::Refuted(format!("add-on `{name}` is {status}"));
        }
        Some(status) => return Verdict::NotYet(format!("add-on `{name}` is {status}")),
        None => return Verdict::Unknown(format!("the status of add-on `{name}` is unknown")),
    }
    for (path, wanted) in expected {
        if unread(path, &addon.spec, addon.spec_complete) {
            return Verdict::Unknown(format!("`{path}` of add-on `{name}` was not read"));
        }
        if !same(path, at_path(&addon.spec, path), wanted) {
            return Verdict::NotYet(format!("`{path}` of add-on `{name}` is not yet as in git"));
        }
    }
    Verdict::Met(format!("add-on `{name}` is ACTIVE and as in git"))
}

/// All replicas are updated and available.
pub(super) fn rolled_out(
    kind: &str,
    name: &str,
    version: Option<&AddonVersion>,
    observed: &Observation,
) -> Verdict {
    let workloads = match list(&observed.workloads, "workloads of kube-system") {
        Ok(workloads) => workloads,
        Err(verdict) => return verdict,
    };
    let found = workloads
        .iter()
        .find(|w| w.namespace == "kube-system" && w.name == name && w.kind == kind);
    let Some(workload) = found else {
        return Verdict::NotYet(format!("there is no {kind} `kube-system/{name}`"));
    };
    let rolled_out = match known(&workload.rolled_out, &format!("rollout of `{name}`")) {
        Ok(rolled_out) => *rolled_out,
        Err(verdict) => return verdict,
    };
    if !rolled_out {
        return Verdict::NotYet(format!("{kind} `kube-system/{name}` is rolling out"));
    }
    match (version, workload.version.value()) {
        (Some(wanted), Some(live)) if wanted != live => {
            Verdict::NotYet(format!("{kind} `kube-system/{name}` is at {live}"))
        }
        (Some(_), None) => Verdict::Unknown(format!("the version of `{name}` is unknown")),
        (Some(_) | None, _) => Verdict::Met(format!("{kind} `kube-system/{name}` is rolled out")),
    }
}

/// Its rollout hangs on the fault of eksctl issue #6048.
pub(super) fn stuck(name: &str, observed: &Observation) -> Verdict {
    let workloads = match list(&observed.workloads, "workloads of kube-system") {
        Ok(workloads) => workloads,
        Err(verdict) => return verdict,
    };
    let hangs = workloads
        .iter()
        .any(|w| w.name == name && w.rolled_out.value() == Some(&false));
    let pods = match list(&observed.pods, "pods") {
        Ok(pods) => pods,
        Err(verdict) => return verdict,
    };
    let config_error = pods.iter().any(|pod| {
        pod.namespace == "kube-system"
            && pod.name.starts_with(name)
            && pod.waiting.as_deref() == Some("CreateContainerConfigError")
    });
    if hangs && config_error {
        return Verdict::Met(format!(
            "pods of `kube-system/{name}` cannot start: CreateContainerConfigError"
        ));
    }
    Verdict::NotYet(format!("`kube-system/{name}` does not hang"))
}
