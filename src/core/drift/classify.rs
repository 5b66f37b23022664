//! Who moved: a difference judged by git's earlier configs.

use super::find::{Found, Key};
use super::wire::GitChange;
use crate::plan::wire::DifferenceClass;
use std::collections::BTreeMap;

/// What git asked for at one time, compared with what is live now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asked {
    /// The commit that brought it; none for what is not committed.
    pub change: Option<GitChange>,
    /// In what it differs from live, with what git asked for; none when it cannot be rendered, so that
    /// it says nothing.
    pub differs: Option<BTreeMap<Key, Option<String>>>,
}

/// Why there are no older states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Horizon {
    /// The oldest state is the one that was applied last, or the base that was given: what is older
    /// was superseded.
    Base,
    /// The oldest state is the first one that git has.
    Root,
    /// So many states are enough.
    Bounded,
    /// Git has older ones that cannot be seen, or nothing at all, because of this.
    Cut(String),
}

/// Who moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Live: no config in git agrees with it, and git did not change what it asks for.
    Drift,
    /// Both: no config in git agrees with live, and git changed what it asks for, last with this.
    Both(Option<GitChange>),
    /// Git, with this change: before it, git and live agreed.
    Unapplied(Option<GitChange>),
    /// Neither: git asks for the latest, and there is a later one, or it has asked for a newer version for
    /// longer than can be seen.
    Standing,
    /// Nobody knows, because of this.
    Unclassified(String),
}

/// Says who moved, and since which commit git asks for what it asks for.
pub fn judge(found: &Found, states: &[Asked], horizon: &Horizon) -> (Verdict, Option<GitChange>) {
    let since = value_since(&found.key, states, horizon).cloned();
    let latest = found.asks_for_latest();
    // Neither a version goes down by itself nor a group back to an older generation: where nothing says
    // that it was applied, live never followed.
    let unreached = (found.takes == DifferenceClass::Upgrade || found.other_generation)
        && match horizon {
            Horizon::Root | Horizon::Bounded => true,
            Horizon::Base | Horizon::Cut(_) => false,
        };
    let verdict = match classify(&found.key, states, horizon) {
        Verdict::Both(change) if latest || unreached => Verdict::Unapplied(change),
        Verdict::Drift | Verdict::Unclassified(_) if latest => Verdict::Standing,
        Verdict::Drift if unreached => since
            .clone()
            .map_or(Verdict::Standing, |change| Verdict::Unapplied(Some(change))),
        verdict @ (Verdict::Drift
        | Verdict::Both(_)
        | Verdict::Unapplied(_)
        | Verdict::Standing
        | Verdict::Unclassified(_)) => verdict,
    };
    (verdict, since)
}

/// Says who moved. `states` are newest first, the present one at the head.
pub fn classify(key: &Key, states: &[Asked], horizon: &Horizon) -> Verdict {
    let mut newer: Option<(&Asked, &Option<String>)> = None;
    let mut moved: Option<&Asked> = None;
    for state in states {
        let Some(differs) = &state.differs else {
            continue;
        };
        match (differs.get(key), newer) {
            // Git and live agreed: the next newer state is what live did not follow.
            (None, Some((next, _))) => return Verdict::Unapplied(next.change.clone()),
            // The present state agrees; there is nothing to judge.
            (None, None) => return Verdict::Drift,
            (Some(asked), Some((next, then))) if asked != then && moved.is_none() => {
                moved = Some(next);
                newer = Some((state, asked));
            }
            (Some(asked), _) => newer = Some((state, asked)),
        }
    }
    match (horizon, moved) {
        (Horizon::Cut(why), _) => Verdict::Unclassified(why.clone()),
        (Horizon::Base | Horizon::Root | Horizon::Bounded, Some(state)) => {
            Verdict::Both(state.change.clone())
        }
        (Horizon::Base | Horizon::Root | Horizon::Bounded, None) => Verdict::Drift,
    }
}

/// Returns the commit since which git asks for what it asks for now; none when that is older than
/// what can be seen, or not committed.
pub fn value_since<'s>(key: &Key, states: &'s [Asked], horizon: &Horizon) -> Option<&'s GitChange> {
    let mut since: Option<&Asked> = None;
    let mut asked: Option<&Option<String>> = None;
    for state in states {
        let Some(differs) = &state.differs else {
            continue;
        };
        let here = differs.get(key);
        if since.is_some() && here != asked {
            return since.and_then(|state| state.change.as_ref());
        }
        asked = here;
        since = Some(state);
    }
    match horizon {
        Horizon::Root => since.and_then(|state| state.change.as_ref()),
        Horizon::Base | Horizon::Bounded | Horizon::Cut(_) => None,
    }
}
