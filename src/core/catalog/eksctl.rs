//! What eksctl does, by version, and the keys its schema knows.

use super::Catalog;
use crate::model::Timestamp;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// The version of an eksctl release, such as `0.229.0`; a suffix such as `-dev` is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct EksctlVersion {
    major: u32,
    minor: u32,
    patch: u32,
}

impl FromStr for EksctlVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = || format!("`{text}` is not an eksctl version such as `0.229.0`");
        let bare = text.strip_prefix('v').unwrap_or(text);
        let core = bare.split(['-', '+']).next().unwrap_or(bare);
        let mut parts = core.split('.').map(|part| {
            let digits = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            if digits {
                part.parse::<u32>().ok()
            } else {
                None
            }
        });
        let mut next = || parts.next().flatten().ok_or_else(error);
        let version = Self {
            major: next()?,
            minor: next()?,
            patch: next()?,
        };
        if parts.next().is_some() {
            Err(error())
        } else {
            Ok(version)
        }
    }
}

impl TryFrom<String> for EksctlVersion {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for EksctlVersion {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&format!("{}.{}.{}", self.major, self.minor, self.patch))
    }
}

/// Something eksctl does, that a plan must reckon with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EksctlBehaviour {
    /// A stable name.
    pub id: String,
    /// The first version that does it; `None`: as far back as known.
    #[serde(default)]
    pub from: Option<EksctlVersion>,
    /// The first version that no longer does it; `None`: still so.
    #[serde(default)]
    pub until: Option<EksctlVersion>,
    /// One or two sentences for people.
    pub text: String,
    /// The day on which this was true.
    pub as_of: Timestamp,
    /// The upstream source.
    pub source: String,
}

impl EksctlBehaviour {
    /// Returns whether `version` does it.
    pub fn applies_to(&self, version: EksctlVersion) -> bool {
        self.from.is_none_or(|from| from <= version) && self.until.is_none_or(|u| version < u)
    }
}

/// What eksctl is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EksctlUse {
    /// Any plan.
    Plan,
    /// A plan that rolls a control plane back.
    Rollback,
}

/// The oldest eksctl that is good enough for a use.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EksctlMinimum {
    /// The use.
    #[serde(rename = "use")]
    pub needed_for: EksctlUse,
    /// The oldest version.
    pub version: EksctlVersion,
    /// What this version is the first to do, as a clause.
    pub why: String,
    /// The day on which this was true.
    pub as_of: Timestamp,
    /// The upstream source.
    pub source: String,
}

/// The keys of one definition of the eksctl schema.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KnownKeys {
    /// The name of the definition.
    pub(super) definition: String,
    /// The keys of the current schema.
    pub(super) keys: BTreeSet<String>,
    /// The keys that only older releases accepted.
    #[serde(default)]
    pub(super) legacy_keys: BTreeSet<String>,
    /// The day on which this was true.
    #[serde(rename = "as_of")]
    _as_of: Timestamp,
    /// The upstream source.
    #[serde(rename = "source")]
    _source: String,
}

impl Catalog {
    /// Returns what eksctl does, in the order of the data file.
    pub fn eksctl_behaviours(&self) -> &[EksctlBehaviour] {
        &self.behaviours
    }

    /// Returns the behaviour called `id`.
    pub fn eksctl_behaviour(&self, id: &str) -> Option<&EksctlBehaviour> {
        self.behaviours.iter().find(|behaviour| behaviour.id == id)
    }

    /// Returns the oldest eksctl that is good enough for `needed_for`.
    pub fn eksctl_minimum(&self, needed_for: EksctlUse) -> Option<&EksctlMinimum> {
        self.minimums
            .iter()
            .find(|minimum| minimum.needed_for == needed_for)
    }
}
