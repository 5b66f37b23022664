//! Compares an answer with a recording: uids, versions and times by their order, the rest as it is.

use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What was learned of renumbered values: recorded → ours.
#[derive(Debug, Default)]
pub(super) struct Learned {
    /// Per object, so that the order of an object's versions is kept.
    versions: BTreeMap<String, BTreeMap<u64, u64>>,
    uids: BTreeMap<String, String>,
}

/// Keys whose maps must be the same, with nothing more than recorded.
const EXACT: [&str; 6] = [
    "annotations",
    "data",
    "details",
    "managedFields",
    "taints",
    "status",
];
/// Keys that differ between a kwok node or a renamed image and the world.
const FREE: [&str; 4] = ["providerID", "capacity", "gitCommit", "lastHeartbeatTime"];

impl Learned {
    /// Returns our resourceVersion for a recorded one of an object.
    pub(super) fn version(&self, object: &str, recorded: &str) -> Option<String> {
        let recorded = recorded.parse().ok()?;
        self.versions
            .get(object)?
            .get(&recorded)
            .map(u64::to_string)
    }

    pub(super) fn uid(&self, recorded: &str) -> Option<&String> {
        self.uids.get(recorded)
    }

    fn learn_version(&mut self, object: &str, recorded: &Value, ours: &Value, at: &str) {
        let read = |value: &Value| value.as_str().and_then(|text| text.parse::<u64>().ok());
        let (Some(recorded), Some(ours)) = (read(recorded), read(ours)) else {
            panic!("{at}: {recorded} and {ours}");
        };
        let known = self.versions.entry(object.to_owned()).or_default();
        let before = *known.entry(recorded).or_insert(ours);
        assert_eq!(
            before, ours,
            "{at}: the version {recorded} of {object} was {before} before"
        );
        let sorted: Vec<u64> = known.values().copied().collect();
        assert!(
            sorted.is_sorted(),
            "{at}: versions of {object} lose their order: {known:?}"
        );
        let mut distinct = sorted.clone();
        distinct.dedup();
        assert_eq!(
            distinct.len(),
            sorted.len(),
            "{at}: versions of {object} fall together: {known:?}"
        );
    }

    fn learn_uid(&mut self, recorded: &Value, ours: &Value, at: &str) {
        let (recorded, ours) = (
            recorded.as_str().unwrap_or_default(),
            ours.as_str().unwrap_or_default(),
        );
        assert_eq!(ours.len(), 36, "{at}: `{ours}` is no uid");
        let before = self
            .uids
            .entry(recorded.to_owned())
            .or_insert_with(|| ours.to_owned());
        assert_eq!(before, ours, "{at}: the uid {recorded}");
    }

    /// Compares; `free` are pointers of the recording that are not looked at.
    pub(super) fn same(&mut self, recorded: &Value, ours: &Value, at: &str, free: &[&str]) {
        self.walk(recorded, ours, at, "", "", free);
    }

    fn walk(
        &mut self,
        recorded: &Value,
        ours: &Value,
        at: &str,
        path: &str,
        object: &str,
        free: &[&str],
    ) {
        if free.contains(&path) {
            return;
        }
        let place = format!("{at}{path}");
        if let (Some(recorded), Some(ours)) = (recorded.as_object(), ours.as_object()) {
            self.walk_map(recorded, ours, at, path, object, free);
        } else if let (Some(recorded), Some(ours)) = (recorded.as_array(), ours.as_array()) {
            assert_eq!(
                recorded.len(),
                ours.len(),
                "{place}: {}",
                Value::Array(ours.clone())
            );
            for (index, (one, other)) in recorded.iter().zip(ours).enumerate() {
                self.walk(one, other, at, &format!("{path}/{index}"), object, free);
            }
        } else {
            assert_eq!(plain(recorded), plain(ours), "{place}");
        }
    }

    fn walk_map(
        &mut self,
        recorded: &Map<String, Value>,
        ours: &Map<String, Value>,
        at: &str,
        path: &str,
        object: &str,
        free: &[&str],
    ) {
        let meta = recorded.get("metadata");
        let name = meta
            .and_then(|meta| meta.get("name"))
            .and_then(Value::as_str);
        let kind = recorded
            .get("kind")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let object = name.map_or_else(|| object.to_owned(), str::to_owned);
        let last = path.rsplit('/').next().unwrap_or_default();
        let parent_is_status = kind == "Status";
        let list_meta = last == "metadata" && !recorded.contains_key("name") && path == "/metadata";
        // Of nodes and pods the recordings kept some fields of the status only.
        let cut = last == "status"
            && (recorded.contains_key("nodeInfo") || recorded.contains_key("phase"));
        let whole = parent_is_status || list_meta || EXACT.contains(&last) && !cut;
        if whole {
            for key in ours.keys() {
                let pointer = format!("{path}/{key}");
                assert!(
                    recorded.contains_key(key) || free.contains(&pointer.as_str()),
                    "{at}{pointer} was not recorded: {}",
                    ours[key]
                );
            }
        }
        for (key, value) in recorded {
            let pointer = format!("{path}/{key}");
            if FREE.contains(&key.as_str()) || free.contains(&pointer.as_str()) {
                continue;
            }
            let Some(has) = ours.get(key) else {
                panic!("{at}{pointer} is missing: {}", Value::Object(ours.clone()));
            };
            match key.as_str() {
                "resourceVersion" => {
                    let subject = if object.is_empty() { "list" } else { &object };
                    self.learn_version(subject, value, has, &format!("{at}{pointer}"));
                }
                "uid" => self.learn_uid(value, has, &format!("{at}{pointer}")),
                "continue" => assert!(
                    has.as_str().is_some_and(|token| token.len() > 20),
                    "{at}{pointer}"
                ),
                "image" => assert_eq!(tag(value), tag(has), "{at}{pointer}"),
                _ => self.walk(value, has, at, &pointer, &object, free),
            }
        }
        if path.contains("/items/") && path.matches('/').count() == 2 {
            assert!(
                !ours.contains_key("kind") && !ours.contains_key("apiVersion"),
                "{at}{path}"
            );
        }
    }
}

fn tag(image: &Value) -> String {
    let text = image.as_str().unwrap_or_default();
    text.rsplit_once(':')
        .map_or(text, |(_, tag)| tag)
        .to_owned()
}

/// Times, uids and version numbers inside of texts are told by their kind only.
fn plain(value: &Value) -> Value {
    let Some(text) = value.as_str() else {
        return value.clone();
    };
    if text.len() == 20 && text.ends_with('Z') && text.contains('T') {
        return Value::String("<time>".to_owned());
    }
    let words = text.split_inclusive([' ', ')', '(', '"', ',']);
    let words = words.map(|word| {
        let bare = word.trim_end_matches([' ', ')', '(', '"', ',']);
        let tail = &word[bare.len()..];
        let dashes = bare.matches('-').count() == 4 && bare.len() == 36;
        let number = bare.len() == 4 && bare.chars().all(|c| c.is_ascii_digit());
        if dashes || bare.starts_with("uid-") {
            format!("<uid>{tail}")
        } else if number {
            format!("<number>{tail}")
        } else {
            word.to_owned()
        }
    });
    Value::String(words.collect())
}
