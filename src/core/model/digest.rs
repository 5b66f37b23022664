//! Content digests over canonical bytes.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::{fmt, io};

/// A SHA-256 digest, written `sha256:<64 hex digits>`.
#[derive(
    Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

/// The prefix names the algorithm, so that another can be added without guessing.
const PREFIX: &str = "sha256:";
/// SHA-256 has 32 bytes, two hex digits each.
const HEX_DIGITS: usize = 64;

impl Digest {
    /// Returns the digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let mut text = String::with_capacity(PREFIX.len() + HEX_DIGITS);
        text.push_str(PREFIX);
        for byte in Sha256::digest(bytes) {
            text.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
            text.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
        }
        Self(text)
    }

    /// Returns the digest of the canonical JSON (RFC 8785) of `value`.
    pub fn of_canonical<T: Serialize>(value: &T) -> Self {
        Self::of(&canonical_bytes(value))
    }

    /// Returns the hex digits without the algorithm's name.
    pub fn hex(&self) -> &str {
        &self.0[PREFIX.len()..]
    }

    /// Returns the first `digits` hex digits, for names and messages.
    pub fn short(&self, digits: usize) -> &str {
        &self.hex()[..digits.min(HEX_DIGITS)]
    }
}

/// Returns the canonical JSON (RFC 8785) of `value`: one byte form for one value.
///
/// Our wire types hold no floats beyond the doubles of JSON and no maps with
/// keys that are not strings, so serialisation cannot fail; a type that broke
/// this would give an empty digest in every test at once.
pub fn canonical_bytes<T: Serialize>(value: &T) -> Vec<u8> {
    super::canonical::to_vec(value).unwrap_or_default()
}

/// Returns a number as RFC 8785 writes it.
pub(super) fn canonical_number(value: f64) -> io::Result<Vec<u8>> {
    serde_json_canonicalizer::to_vec(&value).map_err(io::Error::other)
}

/// Returns what the reference implementation writes.
#[cfg(test)]
pub(super) fn reference_bytes<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(value).unwrap_or_default()
}

impl fmt::Display for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl TryFrom<String> for Digest {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let valid = text.strip_prefix(PREFIX).is_some_and(|hex| {
            hex.len() == HEX_DIGITS
                && hex
                    .bytes()
                    .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        });
        if valid {
            Ok(Self(text))
        } else {
            Err(format!(
                "`{text}` is not a digest of the form `sha256:<64 hex digits>`"
            ))
        }
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}
