//! What the server holds: objects by key, one counter of versions, and the history of changes.

use serde_json::{Value, json};
use stairway_core::model::{Digest, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Number of the kind, namespace (empty at the cluster scope), name.
pub(crate) type Key = (usize, String, String);

/// A change: nothing before is a creation, nothing after a deletion.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) revision: u64,
    pub(crate) key: Key,
    pub(crate) before: Option<Arc<Value>>,
    pub(crate) after: Option<Arc<Value>>,
}

/// Where the counter begins: a cluster in use is never at 1.
const FIRST: u64 = 1_000;
/// How many changes are remembered; who asks for older ones is told 410.
const HISTORY_MAX: usize = 20_000;

/// The objects and their history.
#[derive(Debug)]
pub(crate) struct Store {
    revision: u64,
    oldest: u64,
    objects: BTreeMap<Key, Arc<Value>>,
    history: VecDeque<Change>,
    /// How many objects a key has had: each has its own uid.
    lives: BTreeMap<Key, u32>,
}

impl Store {
    pub(crate) const fn new() -> Self {
        Self {
            revision: FIRST,
            oldest: FIRST,
            objects: BTreeMap::new(),
            history: VecDeque::new(),
            lives: BTreeMap::new(),
        }
    }

    /// Returns the newest resourceVersion.
    pub(crate) const fn revision(&self) -> u64 {
        self.revision
    }

    /// Returns the oldest resourceVersion that can be told.
    pub(crate) const fn oldest(&self) -> u64 {
        self.oldest
    }

    /// Forgets the history, as a restart of the server after a compaction does.
    pub(crate) fn compact(&mut self) {
        self.history.clear();
        self.oldest = self.revision;
    }

    pub(crate) fn get(&self, key: &Key) -> Option<&Arc<Value>> {
        self.objects.get(key)
    }

    /// Returns the objects of a kind, by namespace and name.
    pub(crate) fn of_kind(&self, kind: usize) -> impl Iterator<Item = (&Key, &Arc<Value>)> {
        let from = (kind, String::new(), String::new());
        let until = (kind + 1, String::new(), String::new());
        self.objects.range(from..until)
    }

    /// Returns the keys of all objects.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.objects.keys()
    }

    /// Returns the objects of a kind as they were at a version that is not older than [`Store::oldest`].
    pub(crate) fn at(&self, kind: usize, revision: u64) -> BTreeMap<Key, Arc<Value>> {
        let mut then: BTreeMap<Key, Arc<Value>> = self
            .of_kind(kind)
            .map(|(key, object)| (key.clone(), Arc::clone(object)))
            .collect();
        for change in self.history.iter().rev() {
            if change.revision <= revision {
                break;
            }
            if change.key.0 != kind {
                continue;
            }
            match &change.before {
                Some(before) => {
                    then.insert(change.key.clone(), Arc::clone(before));
                }
                None => {
                    then.remove(&change.key);
                }
            }
        }
        then
    }

    /// Returns the changes after a version, oldest first.
    pub(crate) fn since(&self, revision: u64) -> impl Iterator<Item = &Change> {
        let from = self.history.partition_point(|c| c.revision <= revision);
        self.history.range(from..)
    }

    /// Returns the uid that the next object under this key gets: the same history gives the same uids.
    pub(crate) fn next_uid(&self, key: &Key) -> String {
        let life = self.lives.get(key).copied().unwrap_or(0) + 1;
        let seed = format!("{}/{}/{}/{life}", key.0, key.1, key.2);
        let hex = Digest::of(seed.as_bytes());
        let hex = hex.hex();
        format!(
            "{}-{}-4{}-a{}-{}",
            &hex[..8],
            &hex[8..12],
            &hex[13..16],
            &hex[17..20],
            &hex[20..32]
        )
    }

    /// Fills what the server gives to a new object.
    pub(crate) fn born(&self, key: &Key, object: &mut Value, now: Timestamp) {
        let uid = self.next_uid(key);
        let meta = super::meta_mut(object);
        meta.insert("uid".to_owned(), json!(uid));
        let at = meta.entry("creationTimestamp").or_insert(Value::Null);
        *at = json!(now.to_string());
        meta.remove("resourceVersion");
    }

    /// Stores an object under a new version; the same object again changes nothing.
    pub(crate) fn put(&mut self, key: &Key, mut object: Value) -> Arc<Value> {
        let before = self.objects.get(key).cloned();
        if let Some(before) = &before {
            let version = before["metadata"]["resourceVersion"].clone();
            super::meta_mut(&mut object).insert("resourceVersion".to_owned(), version);
            if **before == object {
                return Arc::clone(before);
            }
        } else {
            *self.lives.entry(key.clone()).or_default() += 1;
        }
        self.revision += 1;
        let version = json!(self.revision.to_string());
        super::meta_mut(&mut object).insert("resourceVersion".to_owned(), version);
        let object = Arc::new(object);
        self.objects.insert(key.clone(), Arc::clone(&object));
        self.note(key, before, Some(Arc::clone(&object)));
        object
    }

    /// Takes an object away.
    pub(crate) fn remove(&mut self, key: &Key) -> Option<Arc<Value>> {
        let before = self.objects.remove(key)?;
        self.revision += 1;
        self.note(key, Some(Arc::clone(&before)), None);
        Some(before)
    }

    fn note(&mut self, key: &Key, before: Option<Arc<Value>>, after: Option<Arc<Value>>) {
        self.history.push_back(Change {
            revision: self.revision,
            key: key.clone(),
            before,
            after,
        });
        while self.history.len() > HISTORY_MAX {
            if let Some(gone) = self.history.pop_front() {
                self.oldest = gone.revision;
            }
        }
    }
}
