//! What a tool printed: shown as it comes, kept in a file, its end kept in the claim.

use crate::store::disk::{Disk as _, RealDisk};
use crate::{files, store};
use stairway_core::model::Digest;
use std::collections::VecDeque;
use std::path::PathBuf;

/// Lines of a claim.
const TAIL_LINES: usize = 20;
/// Characters of a line in a claim.
const TAIL_CHARS: usize = 500;
/// What is kept of a tool's output; the rest is counted.
const KEPT_BYTES_MAX: usize = 8 << 20;

/// Collects what a tool prints.
#[derive(Debug, Default)]
pub(super) struct Output {
    tail: VecDeque<String>,
    kept: Vec<u8>,
    dropped: usize,
}

impl Output {
    /// Takes in a line and returns it as it may be shown.
    pub(super) fn add(&mut self, line: &str) -> String {
        let line = discreet(line);
        if self.tail.len() == TAIL_LINES {
            self.tail.pop_front();
        }
        let shown: String = line.chars().take(TAIL_CHARS).collect();
        self.tail.push_back(shown);
        if self.dropped == 0 && self.kept.len() + line.len() < KEPT_BYTES_MAX {
            self.kept.extend_from_slice(line.as_bytes());
            self.kept.push(b'\n');
        } else {
            self.dropped += line.len() + 1;
        }
        line
    }

    /// Returns the last lines.
    pub(super) fn tail(&self) -> Vec<String> {
        self.tail.iter().cloned().collect()
    }

    /// Writes the log, readable by its owner only, and returns its digest; empty without output.
    ///
    /// # Errors
    /// The file system refused, in words; the action happened nevertheless.
    pub(super) fn keep(mut self, log: Option<&PathBuf>) -> Result<String, String> {
        if self.kept.is_empty() {
            return Ok(String::new());
        }
        if self.dropped > 0 {
            let last = format!("… and {} bytes more\n", self.dropped);
            self.kept.extend_from_slice(last.as_bytes());
        }
        if let Some(log) = log {
            let folder = files::parent_of(log);
            RealDisk
                .make_dir(&folder)
                .map_err(|cause| format!("Making `{}` failed: {cause}", folder.display()))?;
            files::write_private(log, &self.kept).map_err(|error| error.to_string())?;
        }
        Ok(Digest::of(&self.kept).to_string())
    }
}

/// Beginnings of words that are credentials: access keys and tokens of EKS.
const CREDENTIALS: [&str; 4] = ["AKIA", "ASIA", "k8s-aws-v1.", "eyJ"];
/// Shorter words that begin so are names.
const CREDENTIAL_CHARS_MIN: usize = 16;
/// Words after which a value is secret.
const SECRET_NAMES: [&str; 5] = [
    "password",
    "secret",
    "token",
    "secretaccesskey",
    "sessiontoken",
];
const HIDDEN: &str = "(hidden)";

/// Returns a line without what looks like a credential.
pub(super) fn discreet(line: &str) -> String {
    let suspicious = CREDENTIALS.iter().any(|begin| line.contains(begin)) || {
        let lower = line.to_ascii_lowercase();
        SECRET_NAMES.iter().any(|name| lower.contains(name))
    };
    if !suspicious {
        return line.to_owned();
    }
    let mut out = String::with_capacity(line.len());
    let mut hide_next = false;
    for part in line.split_inclusive(|c: char| c.is_whitespace() || "\"',;&".contains(c)) {
        let word = part.trim_end_matches(|c: char| c.is_whitespace() || "\"',;&".contains(c));
        let end = part.get(word.len()..).unwrap_or_default();
        out.push_str(&discreet_word(word, end, &mut hide_next));
        out.push_str(end);
    }
    out
}

/// `end` is what ends the word: a quote after a name is JSON, and its value comes next.
fn discreet_word(word: &str, end: &str, hide_next: &mut bool) -> String {
    let is_credential = |text: &str| {
        let begins = CREDENTIALS.iter().any(|begin| text.starts_with(begin));
        begins && text.len() >= CREDENTIAL_CHARS_MIN
    };
    let split = word
        .find(['=', ':'])
        .filter(|at| !word.get(at + 1..).unwrap_or_default().starts_with("//"));
    let (name, value) = match split {
        Some(at) => word.split_at(at + 1),
        None => ("", word),
    };
    let is_secret_name = |text: &str| {
        let bare: String = text
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_lowercase())
            .collect();
        SECRET_NAMES.iter().any(|secret| bare.ends_with(secret))
    };
    let secret_name = is_secret_name(name);
    if !word.contains(|c: char| c.is_alphanumeric()) {
        return word.to_owned();
    }
    let told_before = std::mem::take(hide_next);
    let quoted_name = split.is_none() && end.starts_with('"') && is_secret_name(word);
    if !told_before && (quoted_name || (secret_name && value.is_empty())) {
        *hide_next = true;
        return word.to_owned();
    }
    if secret_name || told_before || is_credential(value) {
        return format!("{name}{HIDDEN}");
    }
    word.to_owned()
}

/// Returns a command line as people write it in a shell, without secrets.
pub(super) fn command_line(tool: &str, argv: &[String]) -> String {
    let mut out = tool.to_owned();
    let mut hide_next = false;
    for word in argv {
        out.push(' ');
        let bare: String = word.chars().filter(char::is_ascii_alphanumeric).collect();
        let lower = bare.to_ascii_lowercase();
        let is_flag = word.starts_with('-') && SECRET_NAMES.iter().any(|s| lower.ends_with(s));
        if std::mem::replace(&mut hide_next, is_flag) {
            out.push_str(HIDDEN);
        } else {
            out.push_str(&quoted(&discreet(word)));
        }
    }
    out
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// Returns where the output of an action is kept.
pub(super) fn log_of(plan_dir: Option<&PathBuf>, token: &str) -> Option<PathBuf> {
    plan_dir.map(|folder| store::journal::log_path(folder, token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_hidden_and_everything_else_is_shown() {
        let rows = [
            (
                "2026-11-20 [ℹ]  building cluster stack \"eksctl-x\"",
                "2026-11-20 [ℹ]  building cluster stack \"eksctl-x\"",
            ),
            ("using AKIAIOSFODNN7EXAMPLE now", "using (hidden) now"),
            (
                "aws_secret_access_key=abc/def+ghi",
                "aws_secret_access_key=(hidden)",
            ),
            ("password: hunter2 and more", "password: (hidden) and more"),
            (
                "{\"SessionToken\":\"IQoJb3JpZ2lu\"}",
                "{\"SessionToken\":\"(hidden)\"}",
            ),
            ("token k8s-aws-v1.aHR0cHM6Ly9zdHM", "token (hidden)"),
            ("https://host/path?x=1", "https://host/path?x=1"),
            ("clientRequestToken is used", "clientRequestToken is used"),
        ];
        for (line, expected) in rows {
            assert_eq!(discreet(line), expected);
        }
    }

    #[test]
    fn a_command_line_can_be_pasted() {
        let argv = ["create", "-f", "a b.json", "--token", "hunter2", "it's"];
        let argv: Vec<String> = argv.map(str::to_owned).to_vec();
        assert_eq!(
            command_line("eksctl", &argv),
            "eksctl create -f 'a b.json' --token (hidden) 'it'\\''s'"
        );
    }

    #[test]
    fn a_flood_is_bounded_and_says_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("logs/x.log");
        let mut output = Output::default();
        let line = "x".repeat(1 << 20);
        for _ in 0..20 {
            output.add(&line);
        }
        assert_eq!(output.tail().len(), TAIL_LINES);
        assert!(output.tail().iter().all(|line| line.len() == TAIL_CHARS));
        let digest = output.keep(Some(&log)).expect("a log");
        let bytes = files::read_bounded(&log, 9 << 20).expect("a log");
        assert_eq!(Digest::of(&bytes).to_string(), digest);
        assert!(bytes.ends_with(b"bytes more\n"));
    }
}
