//! Versions as types: a minor, a patch version and an add-on version never mix.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A Kubernetes minor version such as `1.33`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KubeMinor {
    major: u16,
    minor: u16,
}

/// A text that is not a version of the expected form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {wanted}")]
pub struct VersionError {
    /// The text as given.
    pub text: String,
    /// What was expected, with an example.
    pub wanted: &'static str,
}

impl KubeMinor {
    /// Returns `1.<minor>`: EKS has never served another major version.
    pub const fn of(minor: u16) -> Self {
        Self { major: 1, minor }
    }

    /// Returns the number after the dot.
    pub const fn minor(self) -> u16 {
        self.minor
    }

    /// Returns the version one minor above.
    pub const fn next(self) -> Self {
        Self {
            major: self.major,
            minor: self.minor.saturating_add(1),
        }
    }

    /// Returns the version one minor below, or `None` at minor 0.
    pub const fn previous(self) -> Option<Self> {
        match self.minor.checked_sub(1) {
            Some(minor) => Some(Self {
                major: self.major,
                minor,
            }),
            None => None,
        }
    }

    /// Returns how many minors `self` is ahead of `other`, or `None` when it is
    /// older or the major versions differ.
    pub const fn minors_ahead_of(self, other: Self) -> Option<u16> {
        if self.major != other.major {
            return None;
        }
        self.minor.checked_sub(other.minor)
    }
}

impl FromStr for KubeMinor {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        let error = || VersionError {
            text: text.to_owned(),
            wanted: "a Kubernetes minor version such as `1.33`",
        };
        let (major, minor) = text.split_once('.').ok_or_else(error)?;
        Ok(Self {
            major: number(major).ok_or_else(error)?,
            minor: number(minor).ok_or_else(error)?,
        })
    }
}

/// Reads a decimal number without sign or leading zero, so that one version has one text.
fn number<T: FromStr>(text: &str) -> Option<T> {
    let plain = !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

impl fmt::Display for KubeMinor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&format!("{}.{}", self.major, self.minor))
    }
}

impl fmt::Debug for KubeMinor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{self}")
    }
}

impl TryFrom<String> for KubeMinor {
    type Error = VersionError;

    fn try_from(text: String) -> Result<Self, VersionError> {
        text.parse()
    }
}

impl From<KubeMinor> for String {
    fn from(version: KubeMinor) -> Self {
        version.to_string()
    }
}

/// A Kubernetes version with its patch, such as a kubelet's `v1.33.4-eks-abc1234`.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KubeVersion {
    minor: KubeMinor,
    text: String,
}

impl KubeVersion {
    /// Returns the minor version.
    pub const fn minor(&self) -> KubeMinor {
        self.minor
    }
}

impl FromStr for KubeVersion {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        let error = || VersionError {
            text: text.to_owned(),
            wanted: "a Kubernetes version such as `v1.33.4` or `1.33`",
        };
        let bare = text.strip_prefix('v').unwrap_or(text);
        let core = bare.split(['-', '+']).next().unwrap_or(bare);
        let mut parts = core.split('.');
        let (Some(major), Some(minor)) = (parts.next(), parts.next()) else {
            return Err(error());
        };
        let patch = parts.next();
        if parts.next().is_some() || patch.is_some_and(|p| number::<u32>(p).is_none()) {
            return Err(error());
        }
        let minor = format!("{major}.{minor}").parse().map_err(|_| error())?;
        Ok(Self {
            minor,
            text: text.to_owned(),
        })
    }
}

impl fmt::Display for KubeVersion {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&self.text)
    }
}

impl fmt::Debug for KubeVersion {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

impl TryFrom<String> for KubeVersion {
    type Error = VersionError;

    fn try_from(text: String) -> Result<Self, VersionError> {
        text.parse()
    }
}

impl From<KubeVersion> for String {
    fn from(version: KubeVersion) -> Self {
        version.text
    }
}

/// The version of an add-on, such as `v1.20.1-eksbuild.3` or an image tag `v1.11.4`.
///
/// Ordered by its numbers, then by its text, so that sorting is total.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AddonVersion {
    /// major, minor, patch, build.
    numbers: [u32; 4],
    text: String,
}

impl AddonVersion {
    /// Returns the major and minor numbers, e.g. `(1, 33)` of a kube-proxy.
    pub const fn major_minor(&self) -> (u32, u32) {
        (self.numbers[0], self.numbers[1])
    }

    /// Returns the Kubernetes minor that a kube-proxy of this version belongs to.
    pub fn kube_minor(&self) -> Option<KubeMinor> {
        format!("{}.{}", self.numbers[0], self.numbers[1])
            .parse()
            .ok()
    }

    /// Returns the text as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for AddonVersion {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        let error = || VersionError {
            text: text.to_owned(),
            wanted: "an exact add-on version such as `v1.20.1-eksbuild.3`",
        };
        let bare = text.strip_prefix('v').unwrap_or(text);
        let (core, suffix) = match bare.split_once('-') {
            Some((core, suffix)) => (core, Some(suffix)),
            None => (bare, None),
        };
        let mut numbers = [0_u32; 4];
        let parts: Vec<&str> = core.split('.').collect();
        if parts.len() < 2 || parts.len() > 3 {
            return Err(error());
        }
        for (slot, part) in numbers.iter_mut().zip(&parts) {
            *slot = number(part).ok_or_else(error)?;
        }
        if let Some(suffix) = suffix {
            let build = suffix.rsplit('.').next().and_then(number);
            numbers[3] = build.unwrap_or(0);
        }
        Ok(Self {
            numbers,
            text: text.to_owned(),
        })
    }
}

impl PartialOrd for AddonVersion {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for AddonVersion {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.numbers
            .cmp(&other.numbers)
            .then_with(|| self.text.cmp(&other.text))
    }
}

impl fmt::Display for AddonVersion {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&self.text)
    }
}

impl fmt::Debug for AddonVersion {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

impl TryFrom<String> for AddonVersion {
    type Error = VersionError;

    fn try_from(text: String) -> Result<Self, VersionError> {
        text.parse()
    }
}

impl From<AddonVersion> for String {
    fn from(version: AddonVersion) -> Self {
        version.text
    }
}

macro_rules! text_schema {
    ($($kind:ident: $pattern:literal),*) => {$(
        impl schemars::JsonSchema for $kind {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($kind).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({"type": "string", "pattern": $pattern})
            }
        }
    )*};
}

text_schema!(
    KubeMinor: r"^\d+\.\d+$",
    KubeVersion: r"^v?\d+\.\d+(\.\d+)?([-+].*)?$",
    AddonVersion: r"^v?\d+\.\d+(\.\d+)?(-.*)?$"
);
