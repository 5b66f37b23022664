//! Finds the edit of configs in git that makes them render to something else, by trying.
//!
//! Nobody can say in general which characters of a jsonnet file a rendered value comes from. So each
//! place that holds the old text is changed, the config is rendered again, and an edit counts only when
//! it changes what was wanted and nothing else.

mod spots;

use serde_json::Value;
use spots::Spot;
use stairway_core::diff::generation::{generation_label, split};
use stairway_core::model::clusterconfig::{Desired, DesiredNodegroup};
use std::collections::{BTreeMap, BTreeSet};

/// Every candidate costs an evaluation, of some milliseconds.
const CANDIDATES_MAX: usize = 256;

/// A value in the rendered documents, and what it should become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrite {
    /// Whose value it is: `version`, or a nodegroup's name in git.
    pub subject: String,
    /// Where it stands, as JSON pointer from the list of documents.
    pub pointer: String,
    /// What stands there.
    pub old: String,
    /// What should.
    pub new: String,
}

/// The subject of the version.
pub const VERSION: &str = "version";

/// A file that a config is rendered from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Relative to the root.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// Edited texts by path.
pub type Texts = BTreeMap<String, String>;

/// Renders the config once for each set of edited texts; none where it does not render.
pub type Evaluate<'e> = &'e dyn Fn(&[Texts]) -> Vec<Option<Vec<Value>>>;

/// The edit that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    /// The files that change, and their new texts.
    pub texts: Texts,
    /// What the edit brings about: subjects with all of their values.
    pub done: BTreeSet<String>,
    /// What the config renders to with it.
    pub documents: Vec<Value>,
    /// Lines that change, `path:line`.
    pub places: Vec<String>,
}

/// Returns what must change in `documents` for the cluster to be at `to` with these groups renamed.
pub fn rewrites(
    documents: &[Value],
    desired: &Desired,
    to: Option<&str>,
    renames: &BTreeMap<String, String>,
) -> Vec<Rewrite> {
    let mut found = Vec::new();
    let own = |document: &&Value| document.as_object() == Some(&desired.document);
    let Some((index, document)) = documents.iter().enumerate().find(|(_, d)| own(d)) else {
        return found;
    };
    let mut add = |subject: &str, inner: String, old: &str, new: &str| {
        if old != new {
            found.push(Rewrite {
                subject: subject.to_owned(),
                pointer: format!("/{index}{inner}"),
                old: old.to_owned(),
                new: new.to_owned(),
            });
        }
    };
    let version = document
        .pointer("/metadata/version")
        .and_then(Value::as_str);
    if let (Some(to), Some(version)) = (to, version) {
        add(VERSION, "/metadata/version".to_owned(), version, to);
    }
    for list in ["nodeGroups", "managedNodeGroups"] {
        let groups = document.get(list).and_then(Value::as_array);
        for (at, group) in groups.into_iter().flatten().enumerate() {
            let name = group
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let (Some(new), Some(spec)) = (renames.get(name), desired.nodegroups.get(name)) else {
                continue;
            };
            add(name, format!("/{list}/{at}/name"), name, new);
            if let Some((label, old, letter)) = relabelled(spec, new) {
                let label = label.replace('~', "~0").replace('/', "~1");
                add(name, format!("/{list}/{at}/labels/{label}"), &old, &letter);
            }
        }
    }
    found
}

/// Returns the label that repeats the group's generation, that generation, and the next one's.
fn relabelled(group: &DesiredNodegroup, new: &str) -> Option<(String, String, String)> {
    let label = generation_label(&group.name, &group.spec)?;
    let old = split(&group.name, &group.spec).generation?;
    let (_, letter) = new.rsplit_once('-')?;
    Some((label, old, letter.to_owned()))
}

/// Looks for the smallest edit of `sources` that makes as many subjects as possible be as wanted, and
/// changes nothing else of `before`.
pub fn search(
    sources: &[SourceFile],
    before: &[Value],
    rewrites: &[Rewrite],
    evaluate: Evaluate<'_>,
) -> Edit {
    let candidates = candidates(sources, rewrites);
    let texts: Vec<Texts> = candidates
        .iter()
        .map(|c| spots::apply(sources, c))
        .collect();
    let mut useful: Vec<(Vec<Spot>, BTreeSet<usize>)> = Vec::new();
    for (candidate, rendered) in candidates.into_iter().zip(evaluate(&texts)) {
        let fixed = rendered.and_then(|after| effect(before, &after, rewrites));
        useful.extend(
            fixed
                .filter(|fixed| !fixed.is_empty())
                .map(|fixed| (candidate, fixed)),
        );
    }
    // Most first; then the fewest places; then the order of the sources and their lines.
    useful.sort_by_key(|(spots, fixed)| (usize::MAX - fixed.len(), spots.len(), spots.clone()));
    let mut given_up = BTreeSet::new();
    loop {
        let picked = cover(&useful, rewrites, &given_up);
        let covered: BTreeSet<usize> = picked.iter().flat_map(|(_, fixed)| fixed.clone()).collect();
        let open = rewrites.iter().enumerate();
        let open: BTreeSet<String> = open
            .filter(|(index, r)| !covered.contains(index) && !given_up.contains(&r.subject))
            .map(|(_, r)| r.subject.clone())
            .collect();
        if !open.is_empty() {
            // Half a rename is none.
            given_up.extend(open);
            continue;
        }
        if picked.is_empty() {
            return Edit::default();
        }
        let spots: BTreeSet<Spot> = picked.iter().flat_map(|(spots, _)| spots.clone()).collect();
        let spots: Vec<Spot> = spots.into_iter().collect();
        let texts = spots::apply(sources, &spots);
        let rendered = evaluate(std::slice::from_ref(&texts)).pop().flatten();
        let exact = rendered.filter(|after| effect(before, after, rewrites) == Some(covered));
        return exact.map_or_else(Edit::default, |documents| Edit {
            places: spots::places(sources, &spots),
            texts,
            done: subjects(rewrites).difference(&given_up).cloned().collect(),
            documents,
        });
    }
}

fn subjects(rewrites: &[Rewrite]) -> BTreeSet<String> {
    rewrites.iter().map(|r| r.subject.clone()).collect()
}

/// Picks candidates until nothing more is gained; none that touches a subject that was given up.
fn cover<'c>(
    useful: &'c [(Vec<Spot>, BTreeSet<usize>)],
    rewrites: &[Rewrite],
    given_up: &BTreeSet<String>,
) -> Vec<&'c (Vec<Spot>, BTreeSet<usize>)> {
    let mut covered = BTreeSet::new();
    let mut picked = Vec::new();
    for candidate in useful {
        let (_, fixed) = candidate;
        let lost = fixed.iter().any(|index| {
            rewrites
                .get(*index)
                .is_some_and(|r| given_up.contains(&r.subject))
        });
        if !lost && !fixed.is_subset(&covered) {
            covered.extend(fixed.iter().copied());
            picked.push(candidate);
        }
    }
    picked
}

/// Each place alone, and all places of one file with the same text together.
fn candidates(sources: &[SourceFile], rewrites: &[Rewrite]) -> Vec<Vec<Spot>> {
    let mut pairs: BTreeSet<(String, String)> = BTreeSet::new();
    for rewrite in rewrites {
        pairs.insert((rewrite.old.clone(), rewrite.new.clone()));
        // A name that is put together from a logical name and a letter.
        if let (Some((head, old)), Some((same, new))) =
            (rewrite.old.rsplit_once('-'), rewrite.new.rsplit_once('-'))
            && head == same
        {
            pairs.insert((old.to_owned(), new.to_owned()));
        }
    }
    let mut found = Vec::new();
    for (file, source) in sources.iter().enumerate() {
        for (old, new) in &pairs {
            let spots = spots::find(file, source, old, new);
            found.extend(spots.iter().map(|spot| vec![spot.clone()]));
            if spots.len() > 1 {
                found.push(spots);
            }
        }
    }
    found.truncate(CANDIDATES_MAX);
    found
}

/// Returns which rewrites an edit brings about; none when it changes anything else.
fn effect(before: &[Value], after: &[Value], rewrites: &[Rewrite]) -> Option<BTreeSet<usize>> {
    let mut changed = Vec::new();
    if before.len() != after.len() {
        return None;
    }
    for (index, (old, new)) in before.iter().zip(after).enumerate() {
        changes(old, new, &format!("/{index}"), &mut changed)?;
    }
    changed
        .into_iter()
        .map(|(pointer, value)| {
            rewrites
                .iter()
                .position(|r| r.pointer == pointer && value.as_str() == Some(&r.new))
        })
        .collect()
}

/// Lists the scalars that differ; none when the shapes do.
fn changes<'v>(
    old: &Value,
    new: &'v Value,
    at: &str,
    into: &mut Vec<(String, &'v Value)>,
) -> Option<()> {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            if old.len() != new.len() {
                return None;
            }
            old.iter().try_for_each(|(key, value)| {
                let key_path = key.replace('~', "~0").replace('/', "~1");
                changes(value, new.get(key)?, &format!("{at}/{key_path}"), into)
            })
        }
        (Value::Array(old), Value::Array(new)) => {
            if old.len() != new.len() {
                return None;
            }
            let mut both = old.iter().zip(new).enumerate();
            both.try_for_each(|(i, (old, new))| changes(old, new, &format!("{at}/{i}"), into))
        }
        (old, new) => {
            if old != new {
                into.push((at.to_owned(), new));
            }
            Some(())
        }
    }
}

#[cfg(test)]
mod tests;
