//! Who may sign: the `ALLOWED SIGNERS` file of ssh-keygen(1).
//!
//! It is read as OpenSSH reads it, with two differences on the safe side. A line that cannot be read
//! is an error and not skipped, because a typing error must not quietly change who counts; lines with
//! `cert-authority` are such errors, since certificates are not checked here. And a time without `Z`
//! is UTC and not the local time of whichever machine reads it.

use super::NAMESPACE;
use super::sshsig::PublicKey;
use crate::model::{Timestamp, glob_matches};
use std::collections::BTreeSet;

/// The keys that may sign, and for whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedSigners {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    principals: Patterns,
    options: Options,
    key: PublicKey,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Options {
    namespaces: Option<Patterns>,
    valid_after: Option<Timestamp>,
    valid_before: Option<Timestamp>,
}

/// A pattern-list of ssh_config(5): any must match, and none that begins with `!`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Patterns(Vec<String>);

/// What is wrong with an `allowed_signers` file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct SignersError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: String,
}

/// Why a key may not sign for a principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotAllowed {
    /// No line has both.
    Unlisted,
    /// A line has both, for other namespaces.
    Namespace,
    /// A line has both, for another time; the first of the given times at which it is not valid.
    NotValid(Timestamp),
}

impl Patterns {
    fn match_text(&self, text: &str) -> bool {
        let hit = |pattern: &str| glob_matches(pattern, text);
        let refused = self
            .0
            .iter()
            .filter_map(|pattern| pattern.strip_prefix('!'))
            .any(hit);
        let wanted = self
            .0
            .iter()
            .filter(|pattern| !pattern.starts_with('!'))
            .any(|pattern| hit(pattern));
        wanted && !refused
    }

    /// The patterns that name exactly one text.
    fn literal(&self) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .map(String::as_str)
            .filter(|pattern| !pattern.contains(['*', '?', '!']))
            .filter(|text| self.match_text(text))
    }
}

fn patterns(list: &str) -> Result<Patterns, String> {
    let parts: Vec<String> = list.split(',').map(str::to_owned).collect();
    if parts
        .iter()
        .any(|part| part.trim_start_matches('!').is_empty())
    {
        return Err(format!("`{list}` has an empty pattern"));
    }
    if parts.iter().all(|part| part.starts_with('!')) {
        return Err(format!("`{list}` excludes and names nobody"));
    }
    Ok(Patterns(parts))
}

impl Options {
    fn valid_at(&self, at: Timestamp) -> bool {
        self.valid_after.is_none_or(|after| at >= after)
            && self.valid_before.is_none_or(|before| at <= before)
    }
}

impl AllowedSigners {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// The first line that cannot be read.
    pub fn read(text: &str) -> Result<Self, SignersError> {
        let mut entries = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim_start_matches([' ', '\t', '\r']);
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let entry = read_entry(line).map_err(|why| SignersError {
                line: index + 1,
                why,
            })?;
            entries.push(entry);
        }
        Ok(Self { entries })
    }

    /// Returns true when nobody may sign.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the principals that lines with this key name without wildcards, sorted.
    pub fn principals_of(&self, key: &PublicKey) -> Vec<String> {
        let names: BTreeSet<&str> = self
            .entries
            .iter()
            .filter(|entry| entry.key == *key)
            .flat_map(|entry| entry.principals.literal())
            .collect();
        names.into_iter().map(str::to_owned).collect()
    }

    /// Returns true when a line has this key, under whatever principals.
    pub fn lists(&self, key: &PublicKey) -> bool {
        self.entries.iter().any(|entry| entry.key == *key)
    }

    /// Returns true when a line gives this key to this principal, whenever it is valid.
    pub(super) fn gives(&self, principal: &str, key: &PublicKey) -> bool {
        self.entries
            .iter()
            .any(|entry| entry.key == *key && entry.principals.match_text(principal))
    }

    /// Checks that one line lets this key sign plans for this principal at all of these times.
    pub(super) fn check(
        &self,
        principal: &str,
        key: &PublicKey,
        times: &[Timestamp],
    ) -> Result<(), NotAllowed> {
        let mut why = NotAllowed::Unlisted;
        for entry in &self.entries {
            if entry.key != *key || !entry.principals.match_text(principal) {
                continue;
            }
            let ours = |list: &Patterns| list.match_text(NAMESPACE);
            if !entry.options.namespaces.as_ref().is_none_or(ours) {
                if why == NotAllowed::Unlisted {
                    why = NotAllowed::Namespace;
                }
                continue;
            }
            match times.iter().find(|at| !entry.options.valid_at(**at)) {
                None => return Ok(()),
                Some(at) => why = NotAllowed::NotValid(*at),
            }
        }
        Err(why)
    }
}

fn read_entry(line: &str) -> Result<Entry, String> {
    let (principals, rest) = first_word(line)?;
    let principals = patterns(&principals)?;
    let rest = rest.trim_start();
    if rest.is_empty() {
        return Err("it has principals and no key".to_owned());
    }
    if let Ok(key) = PublicKey::read(rest) {
        return Ok(Entry {
            principals,
            options: Options::default(),
            key,
        });
    }
    let kind = rest.split_ascii_whitespace().next().unwrap_or("");
    if ["ssh-", "ecdsa-", "sk-"]
        .iter()
        .any(|p| kind.starts_with(p))
        && !kind.contains('=')
    {
        return Err(format!("the `{kind}` key cannot be read"));
    }
    let end = options_end(rest)?;
    let (options, key) = rest.split_at(end);
    let options = read_options(options)?;
    let key = key.trim_start();
    if key.is_empty() {
        return Err("it has no key after its options".to_owned());
    }
    let key =
        PublicKey::read(key).map_err(|_| "the key after the options cannot be read".to_owned())?;
    Ok(Entry {
        principals,
        options,
        key,
    })
}

/// Splits off the principals: up to a blank, or in quotes.
fn first_word(line: &str) -> Result<(String, &str), String> {
    let Some(quoted) = line.strip_prefix('"') else {
        let end = line.find([' ', '\t', '\r']).unwrap_or(line.len());
        let (word, rest) = line.split_at(end);
        if word.contains('"') {
            return Err("the principals have a quote in the middle".to_owned());
        }
        return Ok((word.to_owned(), rest));
    };
    let (word, rest) = quoted
        .split_once('"')
        .ok_or("the quote before the principals is not closed")?;
    if !rest.is_empty() && !rest.starts_with([' ', '\t']) {
        return Err("something follows the quoted principals without a blank".to_owned());
    }
    Ok((word.to_owned(), rest))
}

/// Finds the first blank outside of quotes.
fn options_end(text: &str) -> Result<usize, String> {
    let mut quoted = false;
    let mut escaped = false;
    for (index, c) in text.char_indices() {
        match c {
            '"' if escaped => {}
            '"' => quoted = !quoted,
            ' ' | '\t' if !quoted => return Ok(index),
            _ => {}
        }
        escaped = c == '\\' && !escaped;
    }
    if quoted {
        return Err("a quote in the options is not closed".to_owned());
    }
    Ok(text.len())
}

fn read_options(text: &str) -> Result<Options, String> {
    let mut options = Options::default();
    let mut rest = text;
    loop {
        let end = rest.find(['=', ',']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let lower = name.to_ascii_lowercase();
        if lower == "cert-authority" {
            return Err(
                "`cert-authority` is not supported: list the keys of the signers themselves"
                    .to_owned(),
            );
        }
        let Some(value) = after.strip_prefix('=') else {
            return Err(unknown(name));
        };
        let (value, after) = quoted_value(&lower, value)?;
        match lower.as_str() {
            "namespaces" => set(&mut options.namespaces, &lower, patterns(&value)?)?,
            "valid-after" => set(&mut options.valid_after, &lower, read_time(&value)?)?,
            "valid-before" => set(&mut options.valid_before, &lower, read_time(&value)?)?,
            _ => return Err(unknown(name)),
        }
        if after.is_empty() {
            break;
        }
        rest = after
            .strip_prefix(',')
            .filter(|rest| !rest.is_empty())
            .ok_or_else(|| format!("something other than another option follows `{name}`"))?;
    }
    if let (Some(after), Some(before)) = (options.valid_after, options.valid_before)
        && before <= after
    {
        return Err("`valid-before` is not later than `valid-after`".to_owned());
    }
    Ok(options)
}

fn unknown(name: &str) -> String {
    format!(
        "`{name}` is neither a key type nor one of the options `namespaces=`, `valid-after=` and `valid-before=`"
    )
}

fn set<T>(slot: &mut Option<T>, name: &str, value: T) -> Result<(), String> {
    if slot.replace(value).is_some() {
        return Err(format!("`{name}` is given twice"));
    }
    Ok(())
}

/// Reads a value in quotes, in which `\"` is a quote.
fn quoted_value<'t>(name: &str, text: &'t str) -> Result<(String, &'t str), String> {
    let inner = text
        .strip_prefix('"')
        .ok_or_else(|| format!("the value of `{name}` is not in quotes"))?;
    let mut value = String::new();
    let mut chars = inner.char_indices().peekable();
    while let Some((index, c)) = chars.next() {
        match c {
            '\\' if chars.peek().is_some_and(|(_, next)| *next == '"') => {
                value.push('"');
                chars.next();
            }
            '"' => return Ok((value, inner.get(index + 1..).unwrap_or(""))),
            _ => value.push(c),
        }
    }
    Err(format!("the quote after `{name}=` is not closed"))
}

/// Reads `YYYYMMDD[HHMM[SS]][Z]`.
fn read_time(text: &str) -> Result<Timestamp, String> {
    let wrong = || {
        format!("`{text}` is not a time such as `20261120Z`, `202611201200Z` or `20261120120000Z`")
    };
    let digits = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) || ![8, 12, 14].contains(&digits.len()) {
        return Err(wrong());
    }
    let part = |from: usize| digits.get(from..from + 2).unwrap_or("00");
    let year = digits.get(..4).unwrap_or("");
    let (month, day, hour, minute, second) = (part(4), part(6), part(8), part(10), part(12));
    format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z")
        .parse()
        .map_err(|_| wrong())
}
