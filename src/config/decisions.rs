//! Checks what the owner decided: waivers and ignore rules that mean nothing are errors, not silence.

use super::file::FleetFile;
use super::nearest::nearest;
use super::shape::{ShapeError, ValuePath};
use stairway_core::policy::settings::{IgnoreRule, Waiver};
use stairway_core::policy::waivers::is_never_waived;
use stairway_core::report::codes;

/// The beginnings of what a rule can be about.
const SUBJECTS: [&str; 3] = ["cluster", "nodegroup ", "addon "];

/// Checks the waivers and the ignore rules of a fleet file.
pub(super) fn check(file: &FleetFile) -> Result<(), ShapeError> {
    let root = ValuePath::default();
    for (index, waiver) in file.waivers.iter().enumerate() {
        let path = root.key("waivers").item(index);
        check_cluster(file, &waiver.cluster, &path)?;
        check_waiver(waiver, &path)?;
    }
    for (index, rule) in file.ignore.iter().enumerate() {
        let path = root.key("ignore").item(index);
        check_cluster(file, &rule.cluster, &path)?;
        check_rule(rule, &path)?;
    }
    Ok(())
}

/// A decision for one cluster needs that cluster. Entries without a name get theirs when they are
/// rendered: while there is one, only the names after the run tell.
fn check_cluster(file: &FleetFile, cluster: &str, path: &ValuePath) -> Result<(), ShapeError> {
    let at = path.key("cluster");
    if cluster.trim().is_empty() {
        return Err(ShapeError::new(at, "is empty, and matches no cluster")
            .hint("name a cluster, or write `\"*\"` for all"));
    }
    let names: Option<Vec<&str>> = file.clusters.iter().map(|e| e.name.as_deref()).collect();
    let Some(names) = names.filter(|_| !cluster.contains(['*', '?'])) else {
        return Ok(());
    };
    if names.contains(&cluster) {
        return Ok(());
    }
    let error = ShapeError::new(at, format!("there is no cluster `{cluster}` in this fleet"));
    Err(match nearest(cluster, names).first() {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint("names are those under `clusters`; globs such as `prod-*` are for many"),
    })
}

fn check_words(path: &ValuePath, reason: &str, owner: &str) -> Result<(), ShapeError> {
    for (key, value) in [("reason", reason), ("owner", owner)] {
        if value.trim().is_empty() {
            return Err(ShapeError::new(path.key(key), "is empty")
                .hint("say why, and who answers for it: the plan shows both"));
        }
    }
    Ok(())
}

fn check_waiver(waiver: &Waiver, path: &ValuePath) -> Result<(), ShapeError> {
    let code = waiver.code.as_str();
    let at = path.key("code");
    if code.contains(['*', '?']) {
        let message = format!("`{code}` is a glob, and a waiver is for one code");
        return Err(ShapeError::new(at, message)
            .hint("write one waiver for each code; stairway explain lists them"));
    }
    let findings: Vec<&str> = codes()
        .into_iter()
        .filter(|known| known.starts_with("STW-"))
        .collect();
    if !findings.contains(&code) {
        let error = ShapeError::new(at, format!("there is no finding `{code}`"));
        return Err(match nearest(code, findings.iter().copied()).first() {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint("stairway explain lists all codes"),
        });
    }
    if is_never_waived(code) {
        let message = format!("`{code}` is a mandatory rule, and nothing waives it");
        return Err(ShapeError::new(at, message)
            .hint(format!("stairway explain {code} says what mends it")));
    }
    check_words(path, &waiver.reason, &waiver.owner)
}

fn check_rule(rule: &IgnoreRule, path: &ValuePath) -> Result<(), ShapeError> {
    let at = path.key("path");
    if let Some(version) = rule.covered_version() {
        let message = format!("it covers `{version}`, and versions are never ignored");
        return Err(ShapeError::new(at, message)
            .hint("leave `version` out in git to keep what runs, or name the fields"));
    }
    let written = rule.path.as_str();
    let fits = SUBJECTS.iter().any(|subject| {
        written
            .strip_prefix(subject)
            .is_some_and(|rest| *subject != "cluster" || rest.starts_with('.'))
    });
    if !fits {
        let message = format!("`{written}` begins with no subject");
        return Err(ShapeError::new(at, message).hint(
            "paths read `cluster.FIELD`, `nodegroup NAME.FIELD` or `addon NAME.FIELD`, with globs; stairway diff shows subjects and fields",
        ));
    }
    check_words(path, &rule.reason, &rule.owner)
}
