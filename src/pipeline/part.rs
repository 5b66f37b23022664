//! A part of a fleet: a shard, some waves, what a change affects.

use stairway_core::model::Digest;
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

/// Which part of the selected clusters is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// One of several shards.
    pub shard: Option<Shard>,
    /// Only clusters that what changed since this revision affects.
    pub changed_since: Option<String>,
    /// Only clusters of these waves.
    pub waves: Vec<String>,
}

/// Shard `i` of `n`, written `i/n`.
///
/// A cluster's shard depends on its own key and on `n` alone, so that a cluster that comes or goes
/// moves no other: the first 16 hex digits of the SHA-256 of the key, as a number, modulo `n`, plus 1.
/// The key is the cluster's `name` in the fleet; without one its `config`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// From 1.
    pub index: NonZeroU32,
    /// How many there are.
    pub of: NonZeroU32,
}

/// Hex digits of the digest that choose the shard: 64 bits are even over any number of shards.
const SHARD_DIGITS: usize = 16;
/// More shards than any fleet has clusters are a typing error.
const SHARDS_MAX: u32 = 100_000;

impl Shard {
    /// Returns true when the cluster with this key is in the shard.
    pub fn takes(self, key: &str) -> bool {
        let digest = Digest::of(key.as_bytes()).to_string();
        let hex = digest
            .rsplit_once(':')
            .map_or(digest.as_str(), |(_, hex)| hex);
        let number = hex
            .get(..SHARD_DIGITS)
            .and_then(|digits| u64::from_str_radix(digits, 16).ok())
            .unwrap_or(0);
        number % u64::from(self.of.get()) == u64::from(self.index.get()) - 1
    }

    /// Returns true when there is only this one, which is everything.
    pub fn is_all(self) -> bool {
        self.of.get() == 1
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.index, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no shard such as `2/5`");
        let (index, of) = text.split_once('/').ok_or_else(wrong)?;
        let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if !plain(index) || !plain(of) {
            return Err(wrong());
        }
        let index: NonZeroU32 = index.parse().map_err(|_| wrong())?;
        let of: NonZeroU32 = of.parse().map_err(|_| wrong())?;
        if index > of {
            return Err(format!("there is no shard {index} of {of}"));
        }
        if of.get() > SHARDS_MAX {
            return Err(format!("{of} shards are more than {SHARDS_MAX}"));
        }
        Ok(Self { index, of })
    }
}

/// Writes an option as it is typed in a shell.
pub fn typed(option: &str, value: &str) -> String {
    format!("{option} {}", quoted(value))
}

/// Writes a word as it is typed in a shell.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._/-@~^:+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn shards_are_read_strictly() {
        for (text, expected) in [
            ("1/1", "1/1"),
            ("2/5", "2/5"),
            ("5/5", "5/5"),
            ("0/5", "`0/5` is no shard such as `2/5`"),
            ("6/5", "there is no shard 6 of 5"),
            ("1/0", "`1/0` is no shard such as `2/5`"),
            ("+1/2", "`+1/2` is no shard such as `2/5`"),
            ("1", "`1` is no shard such as `2/5`"),
            ("1/2/3", "`1/2/3` is no shard such as `2/5`"),
            ("1/99999999999", "`1/99999999999` is no shard such as `2/5`"),
            ("1/4000000000", "4000000000 shards are more than 100000"),
        ] {
            let said = match Shard::from_str(text) {
                Ok(shard) => shard.to_string(),
                Err(why) => why,
            };
            assert_eq!(said, expected, "{text}");
        }
    }

    #[test]
    fn the_shard_of_a_name_never_changes() {
        // Another hash would move every cluster of every fleet to another job.
        let of = |key: &str| {
            (1..=5)
                .find(|index| {
                    format!("{index}/5")
                        .parse::<Shard>()
                        .is_ok_and(|s| s.takes(key))
                })
                .unwrap_or(0)
        };
        assert_eq!(
            ["alpha", "beta", "gamma", "clusters/x.jsonnet"].map(of),
            SHARDS_OF_FIVE
        );
    }

    const SHARDS_OF_FIVE: [u32; 4] = [5, 1, 3, 5];

    #[test]
    fn shards_are_even() {
        let mut counts = [0_u32; 5];
        for number in 0..1000 {
            let key = format!("c{number:05}");
            for (at, count) in counts.iter_mut().enumerate() {
                let shard: Shard = format!("{}/5", at + 1).parse().unwrap();
                *count += u32::from(shard.takes(&key));
            }
        }
        assert_eq!(counts.iter().sum::<u32>(), 1000);
        assert!(
            counts.iter().all(|count| (160..=240).contains(count)),
            "{counts:?}"
        );
    }

    proptest! {
        #[test]
        fn every_cluster_is_in_exactly_one_shard(key in "\\PC{0,40}", of in 1..50_u32) {
            let taken = (1..=of).filter(|index| {
                format!("{index}/{of}").parse::<Shard>().is_ok_and(|shard| shard.takes(&key))
            });
            prop_assert_eq!(taken.count(), 1);
        }
    }

    #[test]
    fn options_are_told_as_typed() {
        assert_eq!(typed("--target", "eu-*"), "--target 'eu-*'");
        assert_eq!(
            typed("--changed-since", "origin/main~2"),
            "--changed-since origin/main~2"
        );
        assert_eq!(typed("--wave", "it's"), "--wave 'it'\\''s'");
        assert_eq!(typed("--target", ""), "--target ''");
        assert_eq!(quoted("eu-*"), "'eu-*'");
        assert_eq!(quoted("clusters/a.jsonnet"), "clusters/a.jsonnet");
    }
}
