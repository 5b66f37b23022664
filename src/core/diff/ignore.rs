//! Sets aside the differences that their owner leaves alone for a while.

use super::compare::Differences;
use crate::model::Timestamp;
use crate::plan::wire::{DifferenceClass, Waived};
use crate::policy::settings::{IgnoreRule, Settings};

/// Marks what the rules cover, and takes it from whatever steps are made of.
pub(super) fn set_aside(
    result: &mut Differences,
    settings: &Settings,
    cluster: &str,
    at: Timestamp,
) {
    let counts = |rule: &&IgnoreRule| rule.counts(cluster, at);
    let rules: Vec<&IgnoreRule> = settings.ignore.iter().filter(counts).collect();
    if rules.is_empty() {
        return;
    }
    let rule_for = |subject: &str, field: &str| {
        let covers = |rule: &&&IgnoreRule| rule.covers(subject, field);
        rules.iter().find(covers).copied()
    };
    // UpdateAddon sets all settings of an add-on at once: one that stays keeps the others.
    let mut kept_addons: Vec<(String, &IgnoreRule)> = Vec::new();
    for (name, fields) in &result.addon_settings {
        let subject = format!("addon {name}");
        let rule = fields.iter().find_map(|field| rule_for(&subject, field));
        kept_addons.extend(rule.map(|rule| (subject, rule)));
    }
    // A swap under way is finished: what it leaves behind is no difference of taste.
    let outgoing = |subject: &str| {
        let name = subject.strip_prefix("nodegroup ");
        name.is_some_and(|name| result.matching.outgoing.contains_key(name))
    };
    for difference in &mut result.list {
        let settings_of_kept = || {
            let setting = difference.class == DifferenceClass::InPlace;
            let kept = kept_addons.iter().find(|(s, _)| *s == difference.subject);
            kept.filter(|_| setting).map(|(_, rule)| *rule)
        };
        let rule = rule_for(&difference.subject, &difference.field).or_else(settings_of_kept);
        let open = may_be_ignored(difference.class) && !outgoing(&difference.subject);
        let Some(rule) = rule.filter(|_| open) else {
            continue;
        };
        difference.class = DifferenceClass::Ignored;
        difference.ignored = Some(Waived {
            owner: rule.owner.clone(),
            reason: rule.reason.clone(),
            expires: rule.expires,
        });
        let key = (difference.subject.clone(), difference.field.clone());
        result.ignored.insert(key);
    }
    forget(result);
}

/// A version is never ignored: whoever wants to keep one leaves it out in git.
const fn may_be_ignored(class: DifferenceClass) -> bool {
    match class {
        DifferenceClass::Upgrade | DifferenceClass::Rollback | DifferenceClass::Ignored => false,
        DifferenceClass::Create
        | DifferenceClass::Undeclared
        | DifferenceClass::Scale
        | DifferenceClass::InPlace
        | DifferenceClass::Replace
        | DifferenceClass::NotOurs
        | DifferenceClass::NotAssessed => true,
    }
}

/// Takes ignored differences from the groups and add-ons that steps are made of.
fn forget(result: &mut Differences) {
    let ignored = &result.ignored;
    let is = |subject: &str, field: &str| ignored.contains(&(subject.to_owned(), field.to_owned()));
    for (git, group) in &mut result.groups {
        let subject = format!("nodegroup {git}");
        group.fields.retain(|field| !is(&subject, &field.path));
        group.not_assessed.retain(|path| !is(&subject, path));
        group.new_generation &= !is(&subject, "name");
        group.kind_flip &= !is(&subject, "kind");
    }
    for (name, fields) in &mut result.addon_settings {
        let subject = format!("addon {name}");
        fields.retain(|field| !is(&subject, field));
    }
    result.addon_settings.retain(|_, fields| !fields.is_empty());
    let matching = &mut result.matching;
    let stays = |name: &str| !is(&format!("nodegroup {name}"), "");
    matching.create.retain(|name| stays(name));
    matching.superseded.retain(|name, _| stays(name));
    matching.half_done.retain(|name, _| stays(name));
    matching.undeclared.retain(|name| stays(name));
}
