//! Adds a cluster to a fleet file as a person would: a few lines of text, and nothing else changes.

use super::file::FleetFile;
use serde_json::{Value, json};

use crate::render;

/// What a new entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEntry {
    /// The alias.
    pub name: String,
    /// The config, relative to the fleet file.
    pub config: String,
    /// One of the fleet's waves.
    pub wave: Option<String>,
    /// How live is read: `world`, `recorded`, `assumed` with a file, `kubernetes` with a context.
    pub live: (&'static str, String),
    /// The region to pin.
    pub region: Option<String>,
}

impl NewEntry {
    /// Returns the entry as a value.
    pub fn value(&self) -> Value {
        let mut value = json!({"name": self.name, "config": self.config});
        if let Some(wave) = &self.wave {
            value["wave"] = json!(wave);
        }
        let (key, what) = &self.live;
        value["live"] = match *key {
            "kubernetes" => json!({"kubernetes": {"context": what}}),
            key => json!({key: what}),
        };
        if let Some(region) = &self.region {
            value["aws"] = json!({"region": region});
        }
        value
    }

    /// Returns the entry as lines of YAML, without indentation.
    pub fn lines(&self) -> Vec<String> {
        let scalar = |text: &str| render::to_yaml(&json!(text)).trim_end().to_owned();
        let mut lines = vec![
            format!("- name: {}", scalar(&self.name)),
            format!("  config: {}", scalar(&self.config)),
        ];
        if let Some(wave) = &self.wave {
            lines.push(format!("  wave: {}", scalar(wave)));
        }
        let (key, what) = &self.live;
        lines.push(match *key {
            "kubernetes" => format!("  live: {{kubernetes: {{context: {}}}}}", json!(what)),
            key => format!("  live: {{{key}: {}}}", json!(what)),
        });
        if let Some(region) = &self.region {
            lines.push(format!("  aws: {{region: {}}}", json!(region)));
        }
        lines
    }

    /// Returns the text of a fleet file in YAML with this entry behind the others; none when the text
    /// is written in a way that this cannot be done and verified.
    pub fn add_to(&self, text: &str) -> Option<String> {
        let added = self.inserted(text)?;
        let before = one_document(text)?;
        let after = one_document(&added)?;
        let mut expected = before;
        expected
            .get_mut("clusters")?
            .as_array_mut()?
            .push(self.value());
        let fleet = super::check(&after, "fleet.yaml").ok()?;
        let holds = |fleet: &FleetFile| {
            fleet.clusters.last().and_then(|c| c.name.as_ref()) == Some(&self.name)
        };
        (after == expected && holds(&fleet)).then_some(added)
    }

    fn inserted(&self, text: &str) -> Option<String> {
        let ending = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let key = lines.iter().position(|line| {
            let bare = line.split(" #").next().unwrap_or(line).trim_end();
            bare == "clusters:"
        })?;
        let indent_of = |line: &str| line.len() - line.trim_start_matches(' ').len();
        let says = |line: &str| {
            let bare = line.trim();
            !bare.is_empty() && !bare.starts_with('#')
        };
        let first = lines.iter().skip(key + 1).find(|line| says(line))?;
        let indent = indent_of(first);
        if !first.trim_start().starts_with("- ") {
            return None;
        }
        let mut end = key + 1;
        for (index, line) in lines.iter().enumerate().skip(key + 1) {
            let inside = indent_of(line) > indent
                || (indent_of(line) == indent && line.trim_start().starts_with('-'));
            if says(line) && (!inside || line.starts_with("---")) {
                break;
            }
            if says(line) {
                end = index + 1;
            }
        }
        let mut out: String = lines.get(..end)?.concat();
        if !out.ends_with('\n') {
            out.push_str(ending);
        }
        // Entries with an empty line between them get one more.
        let rest = lines.get(key + 1..end)?;
        let spaced = rest
            .windows(2)
            .any(|pair| matches!(pair, [blank, next] if blank.trim().is_empty() && says(next)));
        if spaced {
            out.push_str(ending);
        }
        for line in self.lines() {
            out.push_str(&" ".repeat(indent));
            out.push_str(&line);
            out.push_str(ending);
        }
        out.push_str(&lines.get(end..)?.concat());
        Some(out)
    }
}

fn one_document(text: &str) -> Option<Value> {
    let mut documents = render::parse_yaml(text, "fleet.yaml").ok()?;
    (documents.len() == 1).then(|| documents.pop()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str) -> NewEntry {
        NewEntry {
            name: name.to_owned(),
            config: format!("clusters/{name}.jsonnet"),
            wave: None,
            live: ("kubernetes", name.to_owned()),
            region: Some("us-west-2".to_owned()),
        }
    }

    const HEAD: &str = "apiVersion: stairway/v1\nkind: Fleet\n";
    const NEW: &str = "- name: b\n  config: clusters/b.jsonnet\n  live: {kubernetes: {context: \"b\"}}\n  aws: {region: \"us-west-2\"}\n";

    fn indented(by: usize) -> String {
        NEW.lines()
            .map(|line| format!("{}{line}\n", " ".repeat(by)))
            .collect()
    }

    #[test]
    fn the_entry_goes_behind_the_others_and_nothing_else_changes() {
        let one = "- {name: a, config: a.json, live: {assumed: a.json}}\n";
        let rows = [
            (
                format!("{HEAD}clusters:\n{one}"),
                format!("{HEAD}clusters:\n{one}{NEW}"),
            ),
            (
                format!("{HEAD}clusters: # all\n  {one}# end\nprune: [x]\n"),
                format!(
                    "{HEAD}clusters: # all\n  {one}{}# end\nprune: [x]\n",
                    indented(2)
                ),
            ),
            (
                format!(
                    "{HEAD}clusters:\n  # one\n\n  {one}\n  {}\n",
                    one.replace("name: a", "name: c").trim_end()
                ),
                format!(
                    "{HEAD}clusters:\n  # one\n\n  {one}\n  {}\n{}",
                    one.replace("name: a", "name: c"),
                    indented(2)
                )
                .replace("}}\n\n  - name: b", "}}\n\n  - name: b"),
            ),
            (
                format!("{HEAD}clusters:\n  {}", one.trim_end()),
                format!("{HEAD}clusters:\n  {one}{}", indented(2)),
            ),
        ];
        for (before, expected) in rows {
            assert_eq!(
                entry("b").add_to(&before).as_deref(),
                Some(expected.as_str()),
                "{before}"
            );
        }
        let windows = format!("{HEAD}clusters:\n{one}").replace('\n', "\r\n");
        let added = entry("b").add_to(&windows).unwrap();
        assert_eq!(
            added,
            format!("{HEAD}clusters:\n{one}{NEW}").replace('\n', "\r\n")
        );
    }

    #[test]
    fn what_cannot_be_edited_with_certainty_is_left_alone() {
        let one = "{name: a, config: a.json, live: {assumed: a.json}}";
        for text in [
            format!("{HEAD}clusters: [{one}]\n"),
            format!("{HEAD}clusters: &all\n- {one}\n"),
            format!("{HEAD}policy: {{}}\n"),
            format!("{HEAD}clusters:\n- {one}\n---\nkind: Fleet\n"),
            format!(
                "{{\"apiVersion\": \"stairway/v1\", \"kind\": \"Fleet\", \"clusters\": [{one}]}}"
            ),
            "clusters:\n- [\n".to_owned(),
        ] {
            assert_eq!(entry("b").add_to(&text), None, "{text}");
        }
        let twice = format!("{HEAD}clusters:\n- {one}\n");
        assert_eq!(entry("a").add_to(&twice), None, "a name that is taken");
    }

    #[test]
    fn names_that_yaml_reads_as_something_else_are_quoted() {
        for name in ["true", "null", "1e3", "on", "0x1F"] {
            let text = format!(
                "{HEAD}clusters:\n- {{name: a, config: a.json, live: {{assumed: a.json}}}}\n"
            );
            let added = entry(name).add_to(&text);
            assert!(added.is_some(), "{name}");
        }
    }
}
