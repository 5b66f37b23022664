//! Arguments of eksctl, read as cobra and pflag read them.

use std::collections::BTreeMap;

/// A command line: the verbs, and options without their dashes.
pub(crate) struct Arguments {
    pub(crate) verb: String,
    options: BTreeMap<String, String>,
}

/// Flags without a value.
const FLAGS: [&str; 10] = [
    "approve",
    "wait",
    "force",
    "undo",
    "preserve",
    "dry-run",
    "drain",
    "disable-eviction",
    "only-missing",
    "force-upgrade",
];

impl Arguments {
    pub(crate) fn read(argv: &[String]) -> Self {
        let mut verb: Vec<&str> = Vec::new();
        let mut options = BTreeMap::new();
        let mut words = argv.iter().map(String::as_str);
        while let Some(word) = words.next() {
            let name = word.trim_start_matches('-');
            if name == word {
                verb.push(word);
            } else if let Some((name, value)) = name.split_once('=') {
                options.insert(name.to_owned(), value.to_owned());
            } else if FLAGS.contains(&name) {
                options.insert(name.to_owned(), "true".to_owned());
            } else {
                let value = words.next().unwrap_or_default();
                options.insert(name.to_owned(), value.to_owned());
            }
        }
        Self {
            verb: verb.join(" "),
            options,
        }
    }

    pub(crate) fn get(&self, names: &[&str]) -> Option<&str> {
        let found = names.iter().find_map(|name| self.options.get(*name));
        found.map(String::as_str)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.options.get(name).is_some_and(|value| value != "false")
    }

    pub(crate) fn count(&self, name: &str) -> Option<u32> {
        self.get(&[name])?.parse().ok()
    }
}

/// Reads a duration of Go: `90m`, `1h30m`, `10s`.
pub(crate) fn seconds(text: &str) -> Option<i64> {
    let mut total = 0_i64;
    let mut digits = String::new();
    for c in text.chars() {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        let unit = match c {
            'h' => 3600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        let number: i64 = digits.parse().ok()?;
        total = total.checked_add(number.checked_mul(unit)?)?;
        digits.clear();
    }
    (digits.is_empty() && total > 0).then_some(total)
}

/// Writes a duration as Go does: `1h0m0s`, `25m0s`.
pub(crate) fn go_duration(seconds: i64) -> String {
    let (hours, minutes, rest) = (seconds / 3600, seconds % 3600 / 60, seconds % 60);
    if hours > 0 {
        format!("{hours}h{minutes}m{rest}s")
    } else if minutes > 0 {
        format!("{minutes}m{rest}s")
    } else {
        format!("{rest}s")
    }
}
