//! Until when EKS supports what runs and what is asked for, and what it costs.

use super::super::draft::{Draft, finding};
use super::super::hops::source_of_calendar;
use super::super::wire::{Applies, Finding, Severity};
use super::hops;
use crate::catalog::{SupportState, SupportTier};
use crate::model::{DAY_SECONDS, KubeMinor, Timestamp};

/// Hours in a month as AWS bills it.
const HOURS_PER_MONTH: u32 = 730;
/// A quarter: in it most teams have one window for an upgrade.
const ENDS_SOON_DAYS: i64 = 90;
/// Half a year: a target that ends sooner means the next upgrade within two quarters.
const TARGET_ENDS_SOON_DAYS: i64 = 183;

/// Says where the live version and the target stand on the calendar.
pub(super) fn remark(draft: &mut Draft<'_>, to: Option<KubeMinor>) {
    let Some(live) = draft.input.observed.version() else {
        return;
    };
    if let Some(found) = of_live(draft, live) {
        draft.find(found);
    }
    if hops(draft)
        && let Some(found) = to
            .filter(|to| *to > live)
            .and_then(|to| of_target(draft, to))
    {
        draft.find(found);
    }
}

/// Dollars a month for one control plane.
fn monthly(draft: &Draft<'_>, tier: SupportTier) -> u32 {
    let price = draft.input.catalog.price(tier);
    price.map_or(0, |price| price.cents_per_hour) * HOURS_PER_MONTH / 100
}

fn only(minor: KubeMinor) -> Applies {
    Applies {
        from: Some(minor),
        until: Some(minor),
        ..Applies::default()
    }
}

fn of_live(draft: &Draft<'_>, live: KubeMinor) -> Option<Finding> {
    let catalog = draft.input.catalog;
    let window = catalog.support(live)?;
    let at = draft.input.at;
    let applies = only(live);
    let (code, message, applies) = match catalog.support_state(live, at) {
        SupportState::Uncatalogued => return None,
        SupportState::Standard { until } => return ends_soon(draft, live, until),
        SupportState::NotYetOffered { from } => {
            let region = &draft.input.desired.cluster.region;
            return Some(behind(region, live, from, applies));
        }
        SupportState::Extended { until } => (
            "STW-R6-EXTENDED",
            format!(
                "{live} is in extended support until {}, at about ${} a month for this control plane.",
                until.day(),
                monthly(draft, SupportTier::Extended)
            ),
            Applies {
                since: Some(window.end_standard),
                before: Some(until),
                ..applies
            },
        ),
        SupportState::Ended { since } => (
            "STW-R6-OUT-OF-SUPPORT",
            format!(
                "EKS support of {live} ended on {}; EKS may upgrade it by itself at any time.",
                since.day()
            ),
            Applies {
                since: Some(since),
                ..applies
            },
        ),
    };
    let mut found = finding(code, "R6", Severity::Warning, "cluster");
    found.message = message;
    found.remedy = "Upgrade; extended support costs six times as much, and its end upgrades the cluster for you.".to_owned();
    found.source = source_of_calendar(draft, live);
    found.applies = Some(applies);
    Some(found)
}

/// What runs is offered: the catalog is behind, or the plan is judged for a day before.
fn behind(region: &str, live: KubeMinor, from: Timestamp, applies: Applies) -> Finding {
    let mut found = finding("STW-CATALOG-GAP", "R6", Severity::Warning, "cluster");
    found.message = format!(
        "{live} runs, and the catalog says that EKS offers it from {} on; its support dates were not judged.",
        from.day()
    );
    found.remedy = format!(
        "aws eks describe-cluster-versions --region {region}; with `--at` an earlier day than today was asked for."
    );
    found.source = "stairway, catalog".to_owned();
    found.applies = Some(Applies {
        before: Some(from),
        ..applies
    });
    found
}

fn days_until(at: Timestamp, until: Timestamp) -> i64 {
    until.seconds_since(at).div_euclid(DAY_SECONDS)
}

fn in_days(days: i64) -> String {
    match days {
        0 => "within a day".to_owned(),
        1 => "in 1 day".to_owned(),
        _ => format!("in {days} days"),
    }
}

/// Standard support ends: what then happens depends on the cluster's support type.
fn ends_soon(draft: &Draft<'_>, live: KubeMinor, until: Timestamp) -> Option<Finding> {
    let days = days_until(draft.input.at, until);
    if days > ENDS_SOON_DAYS {
        return None;
    }
    let plane = draft.input.observed.control_plane.value();
    let support = plane.and_then(|plane| plane.support_type.value());
    let after = format!(
        "extended support begins, at about ${} a month for this control plane instead of ${}",
        monthly(draft, SupportTier::Extended),
        monthly(draft, SupportTier::Standard)
    );
    let upgraded = format!("EKS upgrades it to {} by itself", live.next());
    let then = match support.map(String::as_str) {
        Some("STANDARD") => format!("then {upgraded}, because the support type is STANDARD"),
        Some("EXTENDED") => format!("then {after}, because the support type is EXTENDED"),
        Some(_) | None => {
            format!(
                "then, by the support type, {after} (EXTENDED, the default), or {upgraded} (STANDARD)"
            )
        }
    };
    let mut found = finding("STW-R6-ENDING", "R6", Severity::Warning, "cluster");
    found.message = format!(
        "Standard support of {live} ends on {} ({}); {then}.",
        until.day(),
        in_days(days)
    );
    found.remedy = format!("stairway plan --to {}", live.next());
    found.source = source_of_calendar(draft, live);
    found.applies = Some(Applies {
        since: Some(until.plus_days(-ENDS_SOON_DAYS)),
        before: Some(until),
        ..only(live)
    });
    Some(found)
}

/// A target whose own support ends soon, or has ended in part, means to come back soon.
fn of_target(draft: &Draft<'_>, to: KubeMinor) -> Option<Finding> {
    let catalog = draft.input.catalog;
    let at = draft.input.at;
    let (severity, message, applies) = match catalog.support_state(to, at) {
        SupportState::Standard { until } => {
            let days = days_until(at, until);
            if days > TARGET_ENDS_SOON_DAYS {
                return None;
            }
            let message = format!(
                "The target {to} leaves standard support on {} ({}).",
                until.day(),
                in_days(days)
            );
            let applies = Applies {
                since: Some(until.plus_days(-TARGET_ENDS_SOON_DAYS)),
                before: Some(until),
                ..only(to)
            };
            (Severity::Note, message, applies)
        }
        SupportState::Extended { until } => {
            let message = format!(
                "The target {to} is in extended support already, until {}, at about ${} a month for this control plane.",
                until.day(),
                monthly(draft, SupportTier::Extended)
            );
            let applies = Applies {
                since: catalog.support(to).map(|window| window.end_standard),
                before: Some(until),
                ..only(to)
            };
            (Severity::Warning, message, applies)
        }
        // What EKS does not offer is no target at all, and said as such.
        SupportState::NotYetOffered { .. }
        | SupportState::Ended { .. }
        | SupportState::Uncatalogued => return None,
    };
    let newest = catalog.newest_offered(at).filter(|newest| *newest > to);
    let mut found = finding("STW-R6-TARGET-SUPPORT", "R6", severity, "cluster");
    found.message = message;
    found.remedy = match newest {
        Some(newest) => format!(
            "Plan further while you are at it; the newest that EKS offers is {newest}: stairway plan --to {newest}"
        ),
        None => "Plan the next upgrade before that day.".to_owned(),
    };
    found.source = source_of_calendar(draft, to);
    found.applies = Some(applies);
    Some(found)
}
