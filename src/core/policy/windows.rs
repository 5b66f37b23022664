//! Maintenance windows: when steps may start.

use super::settings::write_duration;
use crate::model::{DAY_SECONDS, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A time in which steps may run. All times are UTC: a window must not move when a clock does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Window {
    /// On which days it opens; every day when left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<Day>,
    /// When it opens, `22:00` in UTC.
    #[serde(with = "clock_text")]
    #[schemars(with = "String")]
    pub from: u32,
    /// How long it is open, `4h`.
    #[serde(rename = "for", with = "super::settings::duration_text")]
    #[schemars(with = "String")]
    pub length: u32,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

/// 1970-01-01 was a Thursday.
const FROM_EPOCH: [Day; 7] = [
    Day::Thu,
    Day::Fri,
    Day::Sat,
    Day::Sun,
    Day::Mon,
    Day::Tue,
    Day::Wed,
];

/// Whether something may start now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// It may.
    Now,
    /// Not before this time.
    At(Timestamp),
    /// No window is ever long enough; the longest has this many seconds.
    Never(u32),
}

/// Returns when something that takes `seconds` may start.
pub fn opening(windows: &[Window], now: Timestamp, seconds: u32) -> Opening {
    if windows.is_empty() {
        return Opening::Now;
    }
    let longest = windows
        .iter()
        .map(|window| window.length)
        .max()
        .unwrap_or(0);
    let mut best: Option<Timestamp> = None;
    for window in windows.iter().filter(|window| window.length >= seconds) {
        match window.next_start(now, seconds) {
            Some(at) if at <= now => return Opening::Now,
            Some(at) => best = Some(best.map_or(at, |best| best.min(at))),
            None => {}
        }
    }
    best.map_or(Opening::Never(longest), Opening::At)
}

impl Window {
    /// Returns the earliest time from `now` on at which `seconds` fit into this window.
    fn next_start(&self, now: Timestamp, seconds: u32) -> Option<Timestamp> {
        let today = now.unix().div_euclid(DAY_SECONDS);
        // From yesterday, whose window may last into today, to the same day of next week.
        (today - 1..=today + 7).find_map(|day| {
            let weekday = usize::try_from(day.rem_euclid(7)).unwrap_or(0);
            if !self.days.is_empty() && !self.days.contains(&FROM_EPOCH[weekday]) {
                return None;
            }
            let opens = day * DAY_SECONDS + i64::from(self.from);
            let last_start = opens + i64::from(self.length) - i64::from(seconds);
            (last_start >= now.unix()).then(|| Timestamp::from_unix(opens.max(now.unix())))
        })
    }
}

impl fmt::Display for Window {
    /// Writes `fri, sat 22:00 UTC for 4h`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days: Vec<&str> = self.days.iter().map(|day| day.name()).collect();
        let days = if days.is_empty() {
            "every day".to_owned()
        } else {
            days.join(", ")
        };
        write!(
            out,
            "{days} {:02}:{:02} UTC for {}",
            self.from / 3600,
            self.from / 60 % 60,
            write_duration(self.length)
        )
    }
}

impl Day {
    const fn name(self) -> &'static str {
        match self {
            Self::Mon => "mon",
            Self::Tue => "tue",
            Self::Wed => "wed",
            Self::Thu => "thu",
            Self::Fri => "fri",
            Self::Sat => "sat",
            Self::Sun => "sun",
        }
    }
}

/// A time of day, `22:00`, as seconds.
mod clock_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "the signature is serde's"
    )]
    pub(super) fn serialize<S: Serializer>(seconds: &u32, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&format!("{:02}:{:02}", seconds / 3600, seconds / 60 % 60))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<u32, D::Error> {
        let text = String::deserialize(input)?;
        let wrong = || D::Error::custom(format!("`{text}` is not a time of day such as `22:00`"));
        let (hours, minutes) = text.split_once(':').ok_or_else(wrong)?;
        let hours: u32 = hours.parse().map_err(|_| wrong())?;
        let minutes: u32 = minutes.parse().map_err(|_| wrong())?;
        if hours > 23 || minutes > 59 || text.len() != 5 {
            return Err(wrong());
        }
        Ok(hours * 3600 + minutes * 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(json: &str) -> Vec<Window> {
        serde_json::from_str(json).expect("windows")
    }

    #[test]
    fn a_step_starts_only_where_it_can_end() {
        // 2026-11-20 is a Friday.
        let night = r#"[{"days": ["fri"], "from": "22:00", "for": "4h"}]"#;
        let rows = [
            (
                "no window at all",
                "[]",
                "2026-11-20T12:00:00Z",
                3600,
                "now",
            ),
            (
                "before it opens",
                night,
                "2026-11-20T12:00:00Z",
                3600,
                "2026-11-20T22:00:00Z",
            ),
            ("inside", night, "2026-11-20T22:30:00Z", 3600, "now"),
            (
                "inside, after midnight",
                night,
                "2026-11-21T00:30:00Z",
                3600,
                "now",
            ),
            (
                "too late to end inside",
                night,
                "2026-11-21T01:30:00Z",
                3600,
                "2026-11-27T22:00:00Z",
            ),
            (
                "the last second",
                night,
                "2026-11-21T01:00:00Z",
                3600,
                "now",
            ),
            (
                "longer than any window",
                night,
                "2026-11-20T22:00:00Z",
                20_000,
                "never, 14400 at most",
            ),
            (
                "the earlier of two",
                r#"[{"from": "22:00", "for": "4h"}, {"from": "14:00", "for": "2h"}]"#,
                "2026-11-20T12:00:00Z",
                3600,
                "2026-11-20T14:00:00Z",
            ),
        ];
        for (what, json, now, seconds, expected) in rows {
            let now: Timestamp = now.parse().expect("a time");
            let said = match opening(&windows(json), now, seconds) {
                Opening::Now => "now".to_owned(),
                Opening::At(at) => at.to_string(),
                Opening::Never(longest) => format!("never, {longest} at most"),
            };
            assert_eq!(said, expected, "{what}");
        }
    }

    #[test]
    fn times_of_day_are_read_strictly() {
        for bad in ["24:00", "7:00", "12:60", "noon", "12"] {
            let json = format!(r#"[{{"from": "{bad}", "for": "1h"}}]"#);
            assert!(serde_json::from_str::<Vec<Window>>(&json).is_err(), "{bad}");
        }
    }
}
