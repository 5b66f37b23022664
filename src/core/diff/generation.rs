//! Which live group is which declared group, across generations.

use crate::model::clusterconfig::{Desired, NAME_LENGTH_MAX, labels_of};
use crate::model::{LiveNodegroup, Observation};
use crate::policy::settings::{Settings, Slot, glob_matches};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The tag that says which name in git a group answers to.
pub const DECLARED_AS: &str = "stairway/declared-as";
/// The tag that says which group this one was made to replace: evidence of a swap under way.
pub const REPLACES: &str = "stairway/replaces";
/// The taint that keeps new pods off a group that is on its way out.
pub const PHASE_OUT_TAINT: &str = "stairway/phase-out";
/// Keys of our own are never compared: the next plan would undo them.
pub const OWN_PREFIX: &str = "stairway/";

/// A group's name, split where a generation is recognised.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// The name without its generation.
    pub logical: String,
    /// The generation, when the name has one.
    pub generation: Option<String>,
    /// True when a label says so, not only the name's last letter.
    pub labelled: bool,
}

/// Splits a name: by a generation label when there is one, else at a last single letter.
pub fn split(name: &str, spec: &Map<String, Value>) -> Named {
    for (key, value) in labels_of(spec) {
        let last = key.rsplit('/').next().unwrap_or(&key);
        if (last == "generation" || last.ends_with("-generation"))
            && let Some(logical) = name.strip_suffix(&value).and_then(|n| n.strip_suffix('-'))
            && !logical.is_empty()
        {
            return Named {
                logical: logical.to_owned(),
                generation: Some(value),
                labelled: true,
            };
        }
    }
    if let Some((logical, letter)) = name.rsplit_once('-')
        && letter.len() == 1
        && letter.bytes().all(|b| b.is_ascii_lowercase())
        && !logical.is_empty()
    {
        return Named {
            logical: logical.to_owned(),
            generation: Some(letter.to_owned()),
            labelled: false,
        };
    }
    Named {
        logical: name.to_owned(),
        generation: None,
        labelled: false,
    }
}

/// How a declared and a live group were brought together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatchedBy {
    /// The live group carries the tag `stairway/declared-as`.
    Tag,
    /// The names are equal.
    Name,
    /// One declared and one live group share the logical name.
    LogicalName,
}

/// What became of every declared and live group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matching {
    /// Name in git → live name, and how.
    pub pairs: BTreeMap<String, (String, MatchedBy)>,
    /// Declared, and to be made.
    pub create: BTreeSet<String>,
    /// Declared in an older generation than one that exists: not made. Name → the newer name.
    pub superseded: BTreeMap<String, String>,
    /// Live, older, no longer declared, with evidence: to go. Live name → name in git of its successor.
    pub outgoing: BTreeMap<String, String>,
    /// Live beside its declared sibling, without evidence of which one goes. Live name → name in git.
    pub half_done: BTreeMap<String, String>,
    /// Live, and git knows nothing of it.
    pub undeclared: BTreeSet<String>,
}

struct Matcher<'a> {
    desired: BTreeMap<&'a str, Named>,
    live: BTreeMap<&'a str, (&'a LiveNodegroup, Named)>,
    settings: &'a Settings,
    result: Matching,
}

/// Matches live groups to declared ones.
///
/// In order: the tag `stairway/declared-as`, the exact name, and the logical
/// name when exactly one declared and one live group share it.
pub fn match_groups(desired: &Desired, observed: &Observation, settings: &Settings) -> Matching {
    let mut matcher = Matcher {
        desired: desired
            .nodegroups
            .values()
            .map(|group| (group.name.as_str(), split(&group.name, &group.spec)))
            .collect(),
        live: observed
            .nodegroups
            .items()
            .iter()
            .map(|group| {
                (
                    group.name.as_str(),
                    (group, split(&group.name, &group.spec)),
                )
            })
            .collect(),
        settings,
        result: Matching::default(),
    };
    matcher.by_tag();
    matcher.by_name();
    matcher.by_logical_name();
    matcher.rest_of_desired();
    matcher.rest_of_live();
    matcher.result
}

/// Returns a tag of a live group.
pub fn tag<'a>(group: &'a LiveNodegroup, key: &str) -> Option<&'a str> {
    group
        .spec
        .get("tags")
        .and_then(|tags| tags.get(key))
        .and_then(Value::as_str)
}

/// Orders generations of one logical name: shorter first, then by letter.
fn newer(one: Option<&str>, other: Option<&str>) -> bool {
    let rank = |g: Option<&str>| g.map(|text| (text.len(), text.to_owned()));
    rank(one) > rank(other)
}

impl Matcher<'_> {
    fn is_free(&self, git: &str) -> bool {
        !self.result.pairs.contains_key(git)
    }

    fn is_taken(&self, live: &str) -> bool {
        self.result.pairs.values().any(|(taken, _)| taken == live)
            || self.result.outgoing.contains_key(live)
    }

    fn by_tag(&mut self) {
        let mut tagged: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, (group, _)) in &self.live {
            if let Some(git) = tag(group, DECLARED_AS)
                && self.desired.contains_key(git)
            {
                tagged.entry(git).or_default().push(name);
            }
        }
        for (git, mut names) in tagged {
            let by_age = |name: &&str| {
                let group = self.live[*name].0;
                (group.created_at.value().copied(), (*name).to_owned())
            };
            names.sort_by_key(by_age);
            let replaced: BTreeSet<&str> = names
                .iter()
                .filter_map(|name| tag(self.live[*name].0, REPLACES))
                .collect();
            let newest = names.iter().rev().find(|name| !replaced.contains(**name));
            let Some(newest) = newest.or_else(|| names.last()).copied() else {
                continue;
            };
            self.result
                .pairs
                .insert(git.to_owned(), (newest.to_owned(), MatchedBy::Tag));
            let others = names.iter().copied().filter(|name| *name != newest);
            let exact = self.live.contains_key(git).then_some(git);
            for name in others.chain(exact.filter(|name| *name != newest)) {
                self.result.outgoing.insert(name.to_owned(), git.to_owned());
            }
        }
    }

    fn by_name(&mut self) {
        for git in self.desired.keys() {
            if self.is_free(git) && self.live.contains_key(git) && !self.is_taken(git) {
                let pair = ((*git).to_owned(), MatchedBy::Name);
                self.result.pairs.insert((*git).to_owned(), pair);
            }
        }
    }

    fn by_logical_name(&mut self) {
        for (git, named) in &self.desired {
            if !self.is_free(git) || named.generation.is_none() {
                continue;
            }
            let declared = self
                .desired
                .values()
                .filter(|n| n.logical == named.logical)
                .count();
            let live: Vec<&str> = self
                .live
                .iter()
                .filter(|(_, (_, n))| n.logical == named.logical)
                .map(|(name, _)| *name)
                .collect();
            if let ([only], 1) = (live.as_slice(), declared)
                && !self.is_taken(only)
            {
                let pair = ((*only).to_owned(), MatchedBy::LogicalName);
                self.result.pairs.insert((*git).to_owned(), pair);
            }
        }
    }

    fn rest_of_desired(&mut self) {
        let rest: Vec<&str> = self
            .desired
            .keys()
            .copied()
            .filter(|g| self.is_free(g))
            .collect();
        for git in rest {
            let named = &self.desired[git];
            match self.newer_sibling(named) {
                Some(sibling) => {
                    self.result.superseded.insert(git.to_owned(), sibling);
                }
                None => {
                    self.result.create.insert(git.to_owned());
                }
            }
        }
    }

    /// Returns a declared or live group of the same logical name in a newer
    /// generation; only labels order generations, letters alone are plain names.
    fn newer_sibling(&self, named: &Named) -> Option<String> {
        if !named.labelled {
            return None;
        }
        let declared = self.desired.iter().map(|(name, n)| (*name, n));
        // A live group that is matched counts as what git declares of it.
        let matched = |name: &str| self.result.pairs.values().any(|(live, _)| live == name);
        let pruned = |name: &str| self.settings.prune.iter().any(|pruned| pruned == name);
        let live = self
            .live
            .iter()
            .filter(|(name, _)| !pruned(name) && !matched(name));
        let live = live.map(|(name, (_, n))| (*name, n));
        declared
            .chain(live)
            .filter(|(_, n)| n.labelled && n.logical == named.logical)
            .find(|(_, n)| newer(n.generation.as_deref(), named.generation.as_deref()))
            .map(|(name, _)| name.to_owned())
    }

    fn rest_of_live(&mut self) {
        let rest: Vec<&str> = self
            .live
            .keys()
            .copied()
            .filter(|n| !self.is_taken(n))
            .collect();
        for name in rest {
            let (group, named) = &self.live[name];
            let Some(sibling) = self.successor(named) else {
                self.result.undeclared.insert(name.to_owned());
                continue;
            };
            if self.evidence(name, group, named, &sibling) {
                self.result.outgoing.insert(name.to_owned(), sibling);
            } else {
                self.result.half_done.insert(name.to_owned(), sibling);
            }
        }
    }

    /// Returns the newest declared generation of the same logical name, when
    /// git means one: several unlabelled letters are plain names.
    fn successor(&self, named: &Named) -> Option<String> {
        named.generation.as_ref()?;
        let siblings: Vec<(&&str, &Named)> = self
            .desired
            .iter()
            .filter(|(_, n)| n.logical == named.logical && n.generation.is_some())
            .collect();
        let labelled = named.labelled && siblings.iter().all(|(_, n)| n.labelled);
        if siblings.len() > 1 && !labelled {
            return None;
        }
        siblings
            .iter()
            .max_by_key(|(_, n)| n.generation.as_ref().map(|g| (g.len(), g.clone())))
            .map(|(name, _)| (**name).to_owned())
    }

    /// Returns true when something besides the letters says that `name` is the one to go.
    fn evidence(&self, name: &str, group: &LiveNodegroup, named: &Named, sibling: &str) -> bool {
        let successor_live = self
            .result
            .pairs
            .get(sibling)
            .map(|(live, _)| live.as_str());
        let replaced_by_tag = successor_live
            .and_then(|live| self.live.get(live))
            .is_some_and(|(live, _)| tag(live, REPLACES) == Some(name));
        let tainted = has_phase_out_taint(group);
        let chosen = self.settings.prune.iter().any(|pruned| pruned == name);
        let desired = &self.desired[sibling];
        let labels_say_older = named.labelled
            && desired.labelled
            && newer(desired.generation.as_deref(), named.generation.as_deref());
        replaced_by_tag || tainted || chosen || labels_say_older
    }
}

/// Returns true when a managed group carries stairway's taint.
pub fn has_phase_out_taint(group: &LiveNodegroup) -> bool {
    crate::model::clusterconfig::read_taints(group.spec.get("taints"), "taints")
        .is_ok_and(|taints| taints.iter().any(|taint| taint.key == PHASE_OUT_TAINT))
}

/// Returns the owner's choice for a group: the first glob that matches, in order of the globs.
pub fn group_settings<'a>(
    settings: &'a Settings,
    name: &str,
) -> Option<&'a crate::policy::settings::GroupSettings> {
    // A group's own name says more than any glob.
    settings.nodegroups.get(name).or_else(|| {
        let mut choices = settings.nodegroups.iter();
        choices
            .find(|(glob, _)| glob_matches(glob, name))
            .map(|(_, choice)| choice)
    })
}

/// Returns true when the letter of this group is a fact of the cluster and asks for nothing.
pub fn slot_is_live(settings: &Settings, name: &str) -> bool {
    group_settings(settings, name).is_some_and(|choice| choice.slot == Slot::Live)
}

/// Returns the key of the label that holds a group's generation.
pub fn generation_label(name: &str, spec: &Map<String, Value>) -> Option<String> {
    let named = split(name, spec);
    let generation = named.generation.filter(|_| named.labelled)?;
    labels_of(spec)
        .into_iter()
        .find(|(key, value)| *value == generation && key.ends_with("generation"))
        .map(|(key, _)| key)
}

/// Returns the newest generation that git declares of the same group, when it is newer than `name`.
pub fn newer_declared(desired: &Desired, name: &str) -> Option<String> {
    let this = split(name, &desired.nodegroups.get(name)?.spec);
    if !this.labelled {
        return None;
    }
    desired
        .nodegroups
        .values()
        .map(|group| (group, split(&group.name, &group.spec)))
        .filter(|(_, other)| other.labelled && other.logical == this.logical)
        .filter(|(_, other)| newer(other.generation.as_deref(), this.generation.as_deref()))
        .max_by_key(|(_, other)| other.generation.as_ref().map(|g| (g.len(), g.clone())))
        .map(|(group, _)| group.name.clone())
}

/// Returns the next free name for a new generation of `name`.
///
/// "Free" is told by `used`: live and past names and those that git declares.
/// The search begins behind the present letter and wraps, so that a name that
/// was deleted a moment ago comes last. `None` when all letters are taken.
pub fn next_name(name: &str, spec: &Map<String, Value>, used: &BTreeSet<String>) -> Option<String> {
    const LETTERS: u8 = 26;
    let named = split(name, spec);
    let present = named
        .generation
        .as_deref()
        .and_then(|g| g.bytes().last())
        .unwrap_or(b'a');
    let start = present.saturating_sub(b'a');
    (1..=LETTERS).find_map(|step| {
        let letter = char::from(b'a' + (start + step) % LETTERS);
        let mut logical = named.logical.clone();
        // Room for the dash and the letter, so that the generation is never what is cut off.
        let room = NAME_LENGTH_MAX - 2;
        if logical.len() > room {
            logical = logical.chars().take(room).collect();
        }
        let candidate = format!("{logical}-{letter}");
        (!used.contains(&candidate)).then_some(candidate)
    })
}
