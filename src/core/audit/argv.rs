//! Reads a tool's arguments as the tool would.

use std::collections::BTreeMap;

/// A command of eksctl, read from its arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Command<'a> {
    /// `upgrade cluster`, `create nodegroup`, …
    pub(super) verb: String,
    /// Options by name, without dashes; flags have an empty value.
    pub(super) options: BTreeMap<&'a str, &'a str>,
}

/// Reads verbs up to the first option, then options with or without `=`.
pub(super) fn read<'a>(argv: &'a [String]) -> Command<'a> {
    let mut command = Command::default();
    let mut rest = argv.iter().map(String::as_str).peekable();
    let mut verbs: Vec<&str> = Vec::new();
    while let Some(word) = rest.peek().filter(|word| !word.starts_with('-')) {
        verbs.push(word);
        rest.next();
    }
    command.verb = verbs.join(" ");
    while let Some(option) = rest.next() {
        let name = option.trim_start_matches('-');
        if let Some((name, value)) = name.split_once('=') {
            command.options.insert(name, value);
        } else if let Some(value) = rest.peek().filter(|word| !word.starts_with('-')) {
            command.options.insert(name, value);
            rest.next();
        } else {
            command.options.insert(name, "");
        }
    }
    command
}

impl Command<'_> {
    /// Returns the value of the first of `names` that is there.
    pub(super) fn get(&self, names: &[&str]) -> Option<&str> {
        names
            .iter()
            .find_map(|name| self.options.get(name))
            .copied()
    }

    /// Returns true when the flag is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.options.contains_key(name)
    }
}
