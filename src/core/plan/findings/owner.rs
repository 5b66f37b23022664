//! What the owner decided and what became of it: waivers and ignore rules.

use super::super::draft::{Draft, finding, waived_by};
use super::super::exit::{IGNORE_EXPIRED, WAIVER_EXPIRED};
use super::super::wire::{Applies, Finding, Plan, Severity};
use crate::model::Timestamp;
use crate::policy::settings::{EXPIRES_SOON_SECONDS, IgnoreRule, Settings, Waiver, glob_matches};
use std::collections::BTreeSet;

/// Says which decisions ran out, will soon, or cover nothing.
pub(super) fn remark(draft: &mut Draft<'_>) {
    accept_warnings(draft);
    let mut found: Vec<Finding> = Vec::new();
    for waiver in &draft.input.settings.waivers {
        if glob_matches(&waiver.cluster, &draft.input.name) {
            found.extend(of_waiver(draft, waiver));
        }
    }
    for rule in &draft.input.settings.ignore {
        if glob_matches(&rule.cluster, &draft.input.name) {
            found.extend(of_rule(draft, rule));
        }
    }
    for finding in found {
        draft.find(finding);
    }
}

/// A warning holds nothing back, and still its owner may say that it is known.
fn accept_warnings(draft: &mut Draft<'_>) {
    let input = draft.input;
    for finding in &mut draft.findings {
        if finding.severity == Severity::Warning && finding.waived.is_none() {
            finding.waived = waived_by(input, &finding.code, &finding.subject);
        }
    }
}

/// Returns the waivers and ignore rules for many clusters that cover nothing in this plan: what is
/// in this set for every cluster of a fleet covers nothing at all.
pub fn idle_decisions(plan: &Plan, settings: &Settings) -> BTreeSet<String> {
    let waivers = settings.waivers.iter().filter(|waiver| {
        let covered = glob_matches(&waiver.cluster, &plan.name)
            && plan.findings.iter().any(|found| {
                found.code == waiver.code && glob_matches(&waiver.subject, &found.subject)
            });
        !is_for_one(&waiver.cluster) && !covered
    });
    let rules = settings.ignore.iter().filter(|rule| {
        let covered = glob_matches(&rule.cluster, &plan.name)
            && plan.differences.iter().any(|difference| {
                difference.ignored.is_some() && rule.covers(&difference.subject, &difference.field)
            });
        !is_for_one(&rule.cluster) && !covered
    });
    let waivers = waivers.map(|waiver| {
        let Waiver {
            code,
            subject,
            cluster,
            ..
        } = waiver;
        format!("waiver {code} for `{subject}` on `{cluster}`")
    });
    let rules = rules.map(|rule| format!("ignore rule `{}` on `{}`", rule.path, rule.cluster));
    waivers.chain(rules).collect()
}

/// Returns true when the rule is for this cluster alone: of one for many clusters no single plan
/// can say that it covers nothing.
fn is_for_one(cluster: &str) -> bool {
    !cluster.contains(['*', '?'])
}

fn of_waiver(draft: &Draft<'_>, waiver: &Waiver) -> Option<Finding> {
    let covers = |finding: &&Finding| {
        finding.code == waiver.code && glob_matches(&waiver.subject, &finding.subject)
    };
    let covered: Vec<String> = draft
        .findings
        .iter()
        .filter(covers)
        .map(|finding| finding.subject.clone())
        .collect();
    let what = format!("waiver {} for {}", waiver.code, waiver.subject);
    let why = format!(
        "{}, by {}",
        waiver.reason.trim_end_matches('.'),
        waiver.owner
    );
    let unused = is_for_one(&waiver.cluster) && covered.is_empty();
    lapse(
        draft,
        &Decision {
            what,
            why,
            expires: waiver.expires,
            unused,
            expired: WAIVER_EXPIRED,
            expiring: "STW-WAIVER-EXPIRING",
            idle: "STW-WAIVER-UNUSED",
            key: "waivers",
            effect: "What it covered counts again.",
            objects: covered,
        },
    )
}

fn of_rule(draft: &Draft<'_>, rule: &IgnoreRule) -> Option<Finding> {
    let ignored = draft.differences.ignored.iter();
    let covered: Vec<String> = ignored
        .filter(|(subject, field)| rule.covers(subject, field))
        .map(|(subject, field)| {
            format!("{subject}.{field}")
                .trim_end_matches('.')
                .to_owned()
        })
        .collect();
    let what = format!("ignore rule {}", rule.path);
    let why = format!("{}, by {}", rule.reason.trim_end_matches('.'), rule.owner);
    let unused = is_for_one(&rule.cluster) && covered.is_empty();
    lapse(
        draft,
        &Decision {
            what,
            why,
            expires: rule.expires,
            unused,
            expired: IGNORE_EXPIRED,
            expiring: "STW-IGNORE-EXPIRING",
            idle: "STW-IGNORE-UNUSED",
            key: "ignore",
            effect: "The differences that it left alone count again.",
            objects: covered,
        },
    )
}

/// A decision with an end.
struct Decision<'a> {
    what: String,
    why: String,
    expires: Timestamp,
    unused: bool,
    expired: &'a str,
    expiring: &'a str,
    idle: &'a str,
    key: &'a str,
    effect: &'a str,
    objects: Vec<String>,
}

fn lapse(draft: &Draft<'_>, decision: &Decision<'_>) -> Option<Finding> {
    let Decision {
        what,
        why,
        expires,
        unused,
        expired,
        expiring,
        idle,
        key,
        effect,
        objects,
    } = decision;
    let at = draft.input.decided_at();
    let day = expires.day();
    let (code, severity, message) = if at >= *expires {
        let message = format!("It ran out on {day} ({why}). {effect}");
        (expired, Severity::Blocking, message)
    } else if *unused {
        let message = format!("It covers nothing on this cluster ({why}).");
        (idle, Severity::Note, message)
    } else if expires.seconds_since(at) <= EXPIRES_SOON_SECONDS {
        (
            expiring,
            Severity::Note,
            format!("It runs out on {day} ({why})."),
        )
    } else {
        return None;
    };
    let mut found = finding(code, "", severity, what);
    found.message = message;
    found.remedy = format!(
        "Mend what it is about and remove it from `{key}` in the fleet file, or have a new `expires` reviewed."
    );
    found.source = format!("fleet file, `{key}`");
    let mut objects = objects.clone();
    objects.sort();
    objects.dedup();
    found.objects = objects;
    found.applies = if at >= *expires {
        Some(Applies {
            since: Some(*expires),
            ..Applies::default()
        })
    } else {
        None
    };
    Some(found)
}
