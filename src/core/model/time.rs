//! Instants and durations in whole seconds; the one door to `jiff`.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// An instant in UTC with second precision, written in RFC 3339.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(i64);

/// Seconds in a day; leap seconds do not exist in Unix time.
pub const DAY_SECONDS: i64 = 86_400;

impl Timestamp {
    /// Returns the instant `seconds` after 1970-01-01T00:00:00Z.
    pub const fn from_unix(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Returns the seconds since 1970-01-01T00:00:00Z.
    pub const fn unix(self) -> i64 {
        self.0
    }

    /// Returns the instant `days` later.
    pub const fn plus_days(self, days: i64) -> Self {
        Self(self.0.saturating_add(days.saturating_mul(DAY_SECONDS)))
    }

    /// Returns the seconds from `earlier` to `self`, negative when `self` is earlier.
    pub const fn seconds_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Returns the calendar day in UTC, `2026-11-20`.
    pub fn day(self) -> String {
        self.to_string().chars().take(10).collect()
    }
}

impl FromStr for Timestamp {
    type Err = String;

    /// Reads RFC 3339, or a bare day, which means its first second in UTC.
    fn from_str(text: &str) -> Result<Self, String> {
        let full = if text.len() == 10 {
            format!("{text}T00:00:00Z")
        } else {
            text.to_owned()
        };
        let instant: jiff::Timestamp = full.parse().map_err(|_| {
            format!("`{text}` is not a time such as `2026-11-20T12:00:00Z` or `2026-11-20`")
        })?;
        Ok(Self(instant.as_second()))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.0) {
            Ok(instant) => write!(out, "{instant}"),
            Err(_) => write!(out, "@{}", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{self}")
    }
}

impl TryFrom<String> for Timestamp {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Timestamp> for String {
    fn from(instant: Timestamp) -> Self {
        instant.to_string()
    }
}

impl schemars::JsonSchema for Timestamp {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "format": "date-time"})
    }
}

/// Writes whole seconds as people say them: `45 s`, `10 min`, `1 h 30 min`, `7 d`.
pub fn say_seconds(seconds: u64) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 3600;
    const DAY: u64 = 86_400;
    let (big, small, big_unit, small_unit) = match seconds {
        0..=119 => return format!("{seconds} s"),
        120..HOUR => return format!("{} min", seconds.div_ceil(MINUTE)),
        HOUR..DAY => (seconds / HOUR, seconds % HOUR / MINUTE, "h", "min"),
        _ => (seconds / DAY, seconds % DAY / HOUR, "d", "h"),
    };
    if small == 0 {
        format!("{big} {big_unit}")
    } else {
        format!("{big} {big_unit} {small} {small_unit}")
    }
}
