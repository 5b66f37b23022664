//! A seeded generator: the same seed gives the same history on every machine.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// SplitMix64 (Steele, Lea, Flood 2014; public domain by Sebastiano Vigna).
///
/// Written as hex text, because canonical JSON has no whole numbers above 2^53.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dice(u64);

/// 2^64 divided by the golden ratio, made odd: the sequence visits every 64-bit number once.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
/// Stafford's variant 13 of the MurmurHash3 finalizer: each input bit flips each output bit about half of the time.
const MIX_FIRST: u64 = 0xBF58_476D_1CE4_E5B9;
/// The second multiplier of the same mix.
const MIX_SECOND: u64 = 0x94D0_49BB_1331_11EB;

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(MIX_FIRST);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(MIX_SECOND);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number from `least` to `most`, both possible.
    pub(crate) fn between(&mut self, least: i64, most: i64) -> i64 {
        let width = most.abs_diff(least).saturating_add(1).max(1);
        if most < least {
            return least;
        }
        least.saturating_add(i64::try_from(self.roll() % width).unwrap_or(0))
    }

    /// Returns an index below `length`; 0 when there is none.
    pub(crate) fn below(&mut self, length: usize) -> usize {
        let bound = u64::try_from(length).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.roll() % bound).unwrap_or(0)
    }

    /// Returns text in the shape of the ids that AWS gives.
    pub(crate) fn id(&mut self) -> String {
        let text = format!("{:016x}{:016x}", self.roll(), self.roll());
        let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
        format!(
            "{}-{}-{}-{}-{}",
            part(0, 8),
            part(8, 12),
            part(12, 16),
            part(16, 20),
            part(20, 32)
        )
    }
}

impl Default for Dice {
    fn default() -> Self {
        Self::new(1)
    }
}

impl Serialize for Dice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{:016x}", self.0))
    }
}

impl<'de> Deserialize<'de> for Dice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        u64::from_str_radix(&text, 16)
            .map(Self)
            .map_err(|_| serde::de::Error::custom("the dice are 16 hex digits"))
    }
}
