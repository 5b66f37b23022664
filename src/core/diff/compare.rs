//! Compares desired with observed and says what each difference takes.

use super::generation::{MatchedBy, Matching, generation_label, match_groups, slot_is_live};
use super::ignore;
use super::normalize::{self, Settled, show};
use crate::catalog::{Catalog, FieldClass, Scope};
use crate::model::clusterconfig::{Desired, DesiredNodegroup};
use crate::model::{LiveNodegroup, Observation, Timestamp};
use crate::plan::wire::{Difference, DifferenceClass};
use crate::policy::addons::{AddonState, Offer, live_addon};
use crate::policy::settings::Settings;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Everything in which git and live differ.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Differences {
    /// One entry per field, for people and files; sorted.
    pub list: Vec<Difference>,
    /// What became of every group.
    pub matching: Matching,
    /// Matched groups by name in git.
    pub groups: BTreeMap<String, GroupDifferences>,
    /// Add-ons by name whose settings (not version) differ, with the fields.
    pub addon_settings: BTreeMap<String, Vec<String>>,
    /// Subject and field of what the owner leaves alone; not compared any further.
    pub ignored: BTreeSet<(String, String)>,
}

/// How a matched pair of groups differs.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupDifferences {
    /// Live name.
    pub live: String,
    /// How the two were brought together.
    pub matched: MatchedBy,
    /// Git asks for another generation of the group.
    pub new_generation: bool,
    /// Managed in git and self-managed live, or the other way round.
    pub kind_flip: bool,
    /// Fields that differ.
    pub fields: Vec<FieldDifference>,
    /// Fields that git sets and nobody read live.
    pub not_assessed: Vec<String>,
}

/// A field that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldDifference {
    /// Dotted eksctl path.
    pub path: String,
    /// What it takes.
    pub class: FieldClass,
    /// Live value.
    pub live: Option<Value>,
    /// Git's value.
    pub desired: Option<Value>,
}

impl GroupDifferences {
    /// Returns the fields because of which the group must be replaced.
    pub fn replace_fields(&self) -> Vec<&str> {
        self.fields
            .iter()
            .filter(|field| field.class == FieldClass::Replace)
            .map(|field| field.path.as_str())
            .collect()
    }

    /// Returns true when only a replacement makes the group as git wants it.
    pub fn asks_for_replacement(&self) -> bool {
        self.new_generation || self.kind_flip || !self.replace_fields().is_empty()
    }
}

/// Compares what git asks for with what runs, and sets aside what the owner ignores.
///
/// `cluster` and `at` are the name and the instant for which ignore rules count.
pub fn compare(
    desired: &Desired,
    observed: &Observation,
    settings: &Settings,
    catalog: &Catalog,
    (cluster, at): (&str, Timestamp),
) -> Differences {
    let matching = match_groups(desired, observed, settings);
    let mut result = Differences {
        matching,
        ..Differences::default()
    };
    compare_control_plane(desired, observed, &mut result.list);
    let mut seen = normalize::Seen::new();
    for (git, (live_name, matched)) in result.matching.pairs.clone() {
        let (Some(group), Some(live)) =
            (desired.nodegroups.get(&git), observed.nodegroup(&live_name))
        else {
            continue;
        };
        let differences =
            compare_group(desired, group, live, matched, settings, catalog, &mut seen);
        list_group(&git, &differences, live, &mut result.list);
        result.groups.insert(git, differences);
    }
    list_unmatched(&result.matching, desired, &mut result.list);
    compare_addons(desired, observed, catalog, &mut result);
    compare_other_settings(desired, observed, catalog, &mut result.list);
    result
        .list
        .sort_by(|a, b| (&a.subject, &a.field).cmp(&(&b.subject, &b.field)));
    ignore::set_aside(&mut result, settings, cluster, at);
    result
}

fn difference(subject: &str, field: &str, class: DifferenceClass) -> Difference {
    Difference {
        subject: subject.to_owned(),
        field: field.to_owned(),
        class,
        live: None,
        desired: None,
        ignored: None,
    }
}

fn compare_control_plane(desired: &Desired, observed: &Observation, list: &mut Vec<Difference>) {
    if let Some(want) = desired.version {
        let live = observed.version();
        let class = match live {
            Some(live) if live < want => Some(DifferenceClass::Upgrade),
            Some(live) if live > want => Some(DifferenceClass::Rollback),
            Some(_) => None,
            None => Some(DifferenceClass::NotAssessed),
        };
        if let Some(class) = class {
            list.push(Difference {
                live: live.map(|v| v.to_string()),
                desired: Some(want.to_string()),
                ..difference("cluster", "version", class)
            });
        }
    }
    let plane = observed.control_plane.value();
    let live = plane.and_then(|plane| plane.support_type.value());
    if let (Some(want), Some(live)) = (&desired.support_type, live)
        && want != live
    {
        list.push(Difference {
            live: Some(live.clone()),
            desired: Some(want.clone()),
            ..difference(
                "cluster",
                "upgradePolicy.supportType",
                DifferenceClass::InPlace,
            )
        });
    }
}

/// Returns a group's object with what eksctl merges into it from the cluster.
///
/// Source: eksctl merges `metadata.tags` into managed groups' tags (defaults.go).
pub fn effective_spec(desired: &Desired, group: &DesiredNodegroup) -> Map<String, Value> {
    let mut spec = group.spec.clone();
    let tags = desired.document.get("metadata").and_then(|m| m.get("tags"));
    if group.managed
        && let Some(Value::Object(tags)) = tags
    {
        let mut merged = tags.clone();
        if let Some(Value::Object(own)) = spec.get("tags") {
            merged.extend(own.clone());
        }
        spec.insert("tags".to_owned(), Value::Object(merged));
    }
    spec
}

fn compare_group(
    desired: &Desired,
    group: &DesiredNodegroup,
    live: &LiveNodegroup,
    matched: MatchedBy,
    settings: &Settings,
    catalog: &Catalog,
    seen: &mut normalize::Seen,
) -> GroupDifferences {
    let spec = normalize::redact_seen(&effective_spec(desired, group), catalog, seen);
    let want = normalize::nodegroup(&spec, group.managed, true, catalog);
    let have = normalize::nodegroup(&live.spec, live.managed, live.spec_complete, catalog);
    let renamed = matched == MatchedBy::LogicalName && !slot_is_live(settings, &group.name);
    let mut result = GroupDifferences {
        live: live.name.clone(),
        matched,
        new_generation: renamed,
        kind_flip: group.managed != live.managed,
        fields: Vec::new(),
        not_assessed: Vec::new(),
    };
    // Asked for below only when live is not known completely, or of the other kind.
    let explicit: BTreeSet<String> = if result.kind_flip || !live.spec_complete {
        normalize::nodegroup(&spec, group.managed, false, catalog)
            .into_keys()
            .collect()
    } else {
        BTreeSet::new()
    };
    // The label that holds the generation changes with every generation; it is no reason of its own.
    let generation_label =
        generation_label(&group.name, &group.spec).map(|key| format!("labels.{key}"));
    let set_live: BTreeSet<String> = if result.kind_flip {
        normalize::nodegroup(&live.spec, live.managed, false, catalog)
            .into_keys()
            .collect()
    } else {
        BTreeSet::new()
    };
    for path in want.keys().chain(have.keys()).collect::<BTreeSet<_>>() {
        let (one, other) = (have.get(path), want.get(path));
        if one == other
            || Some(path) == generation_label.as_ref() && (renamed || matched != MatchedBy::Name)
        {
            continue;
        }
        // The two kinds have other defaults; what neither side sets is no reason.
        if result.kind_flip && !explicit.contains(path) && !set_live.contains(path) {
            continue;
        }
        if one.is_none() && !live.spec_complete {
            if explicit.contains(path) {
                result.not_assessed.push(path.clone());
            }
            continue;
        }
        let class = catalog.field_class(path, live.managed);
        let foreign = other.is_none() && catalog.field_ignored_unless_desired(path);
        if class != FieldClass::NeverDiff && !foreign {
            result.fields.push(FieldDifference {
                path: path.clone(),
                class,
                live: one.cloned(),
                desired: other.cloned(),
            });
        }
    }
    result
}

fn wire_class(class: FieldClass) -> DifferenceClass {
    match class {
        FieldClass::Scale => DifferenceClass::Scale,
        FieldClass::InPlace(_) => DifferenceClass::InPlace,
        FieldClass::Replace => DifferenceClass::Replace,
        FieldClass::Version => DifferenceClass::Upgrade,
        FieldClass::NeverDiff => DifferenceClass::NotOurs,
    }
}

fn list_group(
    git: &str,
    differences: &GroupDifferences,
    live: &LiveNodegroup,
    list: &mut Vec<Difference>,
) {
    let subject = format!("nodegroup {git}");
    if differences.new_generation {
        list.push(Difference {
            live: Some(differences.live.clone()),
            desired: Some(git.to_owned()),
            ..difference(&subject, "name", DifferenceClass::Replace)
        });
    }
    if differences.kind_flip {
        let word = |managed: bool| if managed { "managed" } else { "self-managed" };
        list.push(Difference {
            live: Some(word(live.managed).to_owned()),
            desired: Some(word(!live.managed).to_owned()),
            ..difference(&subject, "kind", DifferenceClass::Replace)
        });
    }
    for field in &differences.fields {
        list.push(Difference {
            live: field.live.as_ref().map(show),
            desired: field.desired.as_ref().map(show),
            ..difference(&subject, &field.path, wire_class(field.class))
        });
    }
    for path in &differences.not_assessed {
        list.push(difference(&subject, path, DifferenceClass::NotAssessed));
    }
}

fn list_unmatched(matching: &Matching, desired: &Desired, list: &mut Vec<Difference>) {
    for git in &matching.create {
        let managed = desired
            .nodegroups
            .get(git)
            .is_some_and(|group| group.managed);
        list.push(Difference {
            desired: Some(if managed { "managed" } else { "self-managed" }.to_owned()),
            ..difference(&format!("nodegroup {git}"), "", DifferenceClass::Create)
        });
    }
    for (git, newer) in &matching.superseded {
        list.push(Difference {
            desired: Some(format!("superseded by `{newer}`")),
            ..difference(&format!("nodegroup {git}"), "", DifferenceClass::NotOurs)
        });
    }
    let gone = matching.outgoing.iter().chain(&matching.half_done);
    for (live, successor) in gone {
        list.push(Difference {
            live: Some(format!("older generation of `{successor}`")),
            ..difference(
                &format!("nodegroup {live}"),
                "",
                DifferenceClass::Undeclared,
            )
        });
    }
    for live in &matching.undeclared {
        list.push(Difference {
            live: Some("live".to_owned()),
            ..difference(
                &format!("nodegroup {live}"),
                "",
                DifferenceClass::Undeclared,
            )
        });
    }
}

fn compare_addons(
    desired: &Desired,
    observed: &Observation,
    catalog: &Catalog,
    result: &mut Differences,
) {
    let target = desired.version.max(observed.version());
    for addon in desired.addons.iter().flatten().map(|(_, addon)| addon) {
        let subject = format!("addon {}", addon.name);
        let state = live_addon(observed, &addon.name);
        let live = state.version().cloned();
        let offer = target.map(|minor| Offer::of(&addon.name, minor, observed, catalog));
        let want = offer.and_then(|o| o.resolve(addon.version.as_deref(), live.as_ref()));
        let class = match (&state, &live, &want) {
            (AddonState::Missing | AddonState::SelfManaged(_), _, _) => {
                Some(DifferenceClass::Create)
            }
            (AddonState::Unknown(_), _, _) => Some(DifferenceClass::NotAssessed),
            (AddonState::Managed(_), Some(live), Some(want)) if live < want => {
                Some(DifferenceClass::Upgrade)
            }
            (AddonState::Managed(_), Some(live), Some(want)) if live > want => {
                Some(DifferenceClass::Rollback)
            }
            (AddonState::Managed(_), _, _) => None,
        };
        if let Some(class) = class {
            let asked = addon.version.as_deref().filter(|text| *text == "latest");
            let desired = match (asked, &want) {
                (Some(text), Some(version)) => Some(format!("{version} ({text})")),
                (None, Some(version)) => Some(version.to_string()),
                (_, None) => addon.version.clone(),
            };
            let live = live.map(|version| version.to_string());
            result.list.push(Difference {
                live,
                desired,
                ..difference(&subject, "version", class)
            });
        }
        compare_addon_settings(&addon.name, &addon.spec, observed, catalog, result);
    }
    let declared = |name: &str| {
        desired
            .addons
            .as_ref()
            .is_some_and(|addons| addons.contains_key(name))
    };
    for addon in observed.addons.items() {
        if desired.addons.is_some() && !declared(&addon.name) {
            result.list.push(Difference {
                live: addon.version.value().map(ToString::to_string),
                ..difference(
                    &format!("addon {}", addon.name),
                    "",
                    DifferenceClass::Undeclared,
                )
            });
        }
    }
}

fn compare_addon_settings(
    name: &str,
    spec: &Map<String, Value>,
    observed: &Observation,
    catalog: &Catalog,
    result: &mut Differences,
) {
    let Some(live) = observed
        .addons
        .items()
        .iter()
        .find(|addon| addon.name == name)
    else {
        return;
    };
    let want = normalize::addon(spec, catalog);
    let have = normalize::addon(&live.spec, catalog);
    for path in want.keys().chain(have.keys()).collect::<BTreeSet<_>>() {
        let (one, other) = (have.get(path), want.get(path));
        // Live values that git leaves out were chosen by EKS or by hand; they are kept.
        if one == other || other.is_none() {
            continue;
        }
        let known = live.spec_complete && !is_untold(path) || one.is_some();
        let class = match (known, settings_class(path)) {
            (false, _) => DifferenceClass::NotAssessed,
            (true, class) => class,
        };
        result.list.push(Difference {
            live: one.map(show),
            desired: other.map(show),
            ..difference(&format!("addon {name}"), path, class)
        });
        if class == DifferenceClass::InPlace {
            result
                .addon_settings
                .entry(name.to_owned())
                .or_default()
                .push(path.clone());
        }
    }
}

/// True for what eksctl makes around an add-on and EKS does not tell of it (`DescribeAddon` answers with version, role,
/// configuration and pod identities): its absence from live says nothing.
fn is_untold(path: &str) -> bool {
    let top = path.split('.').next().unwrap_or(path);
    matches!(
        top,
        "attachPolicy" | "attachPolicyARNs" | "wellKnownPolicies" | "permissionsBoundary"
    )
}

/// UpdateAddon takes configuration and roles; what eksctl makes around them is left alone.
fn settings_class(path: &str) -> DifferenceClass {
    match path.split('.').next().unwrap_or(path) {
        "configurationValues" | "serviceAccountRoleARN" => DifferenceClass::InPlace,
        _ => DifferenceClass::NotOurs,
    }
}

/// Top-level keys that stairway acts on or that say nothing about the cluster.
const COMPARED_ELSEWHERE: [&str; 8] = [
    "apiVersion",
    "kind",
    "metadata",
    "nodeGroups",
    "managedNodeGroups",
    "addons",
    "addonsConfig",
    "upgradePolicy",
];

/// Reports cluster settings that eksctl does not change after creation, when live was read.
fn compare_other_settings(
    desired: &Desired,
    observed: &Observation,
    catalog: &Catalog,
    list: &mut Vec<Difference>,
) {
    let Some(plane) = observed.control_plane.value() else {
        return;
    };
    let settle = |document: &Map<String, Value>| {
        let mut document = document.clone();
        if plane.settings_complete {
            catalog.fill_defaults(Scope::Cluster, &mut document);
        }
        cluster_settings(&document, catalog)
    };
    let (want, have) = (settle(&desired.document), settle(&plane.settings));
    for path in want.keys().chain(have.keys()).collect::<BTreeSet<_>>() {
        let top = path.split('.').next().unwrap_or(path);
        let read = plane.settings_complete
            || plane.settings.contains_key(top) && desired.document.contains_key(top);
        let (one, other) = (have.get(path), want.get(path));
        if read && one != other {
            list.push(Difference {
                live: one.map(show),
                desired: other.map(show),
                ..difference("cluster", path, DifferenceClass::NotOurs)
            });
        }
    }
}

/// Returns the cluster settings that stairway compares and never changes.
pub fn cluster_settings(document: &Map<String, Value>, catalog: &Catalog) -> Settled {
    let mut spec = document.clone();
    spec.retain(|key, _| !COMPARED_ELSEWHERE.contains(&key.as_str()));
    normalize::settings(&spec, catalog)
}

/// Returns the config's document with the live names of its groups.
pub fn as_live(desired: &Desired, observed: &Observation, settings: &Settings) -> Value {
    let matching = match_groups(desired, observed, settings);
    let mut document = desired.document.clone();
    for key in ["nodeGroups", "managedNodeGroups"] {
        let Some(Value::Array(groups)) = document.get_mut(key) else {
            continue;
        };
        for group in groups {
            let live = group
                .get("name")
                .and_then(Value::as_str)
                .and_then(|name| matching.pairs.get(name))
                .map(|(live, _)| live.clone());
            if let (Some(live), Some(map)) = (live, group.as_object_mut()) {
                map.insert("name".to_owned(), Value::String(live));
            }
        }
    }
    Value::Object(document)
}
