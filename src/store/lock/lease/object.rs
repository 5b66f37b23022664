//! The Lease as an object of the API: what it says, and what is written into it.

use super::{Kept, LEASE_NAME, LEASE_NAMESPACE};
use crate::store::lock::{LockContent, read_content};
use serde_json::{Value, json};
use stairway_core::model::{Timestamp, canonical_bytes};

/// The annotation that holds what a lock file says.
const NOTE: &str = "stairway/lock";
/// All annotations of an object have 256 KiB (`TotalAnnotationSizeLimitB`); others may want some of that.
const NOTE_BYTES_MAX: usize = 200 << 10;

/// What the lease in a cluster says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseSeen {
    /// Who holds it; empty while nobody does.
    pub holder: String,
    /// Since when.
    pub since: Option<Timestamp>,
    /// When it was last renewed.
    pub renewed: Option<Timestamp>,
    /// Seconds after a renewal at which others may take it.
    pub seconds: Option<u32>,
    /// What is known of runs; none where only a name was written.
    pub content: Option<LockContent>,
    /// True when somebody wrote another name over the holder's: what is known of runs is not the holder's.
    pub written_over: bool,
}

impl LeaseSeen {
    /// Returns what is known of the run of whoever held it before; none unless another name was written over.
    pub fn before(&self) -> Option<String> {
        let content = self.content.as_ref().filter(|_| self.written_over)?;
        Some(if content.run.is_empty() {
            format!("of {}", content.holder)
        } else {
            format!("of run {} of {}", content.run, content.holder)
        })
    }

    /// Returns true when who holds it wrote nothing that we could tell apart from others: no id frees it.
    pub fn is_strange(&self) -> bool {
        !self.holder.is_empty() && (self.written_over || self.content.is_none())
    }

    /// Returns for what it is held, as a sentence ends.
    pub fn what_for(&self) -> String {
        match (self.before(), &self.content) {
            (Some(before), _) => {
                format!(
                    "and does not tell for what; its annotation is {before}, who held it before"
                )
            }
            (None, None) => "and does not tell for what".to_owned(),
            (None, Some(content)) if content.run.is_empty() => {
                format!(
                    "for a run of the plan {} that has not begun yet",
                    content.plan
                )
            }
            (None, Some(content)) => {
                format!("for run {} of the plan {}", content.run, content.plan)
            }
        }
    }

    /// Returns the id of the holding; empty when there is none.
    pub fn id(&self) -> &str {
        self.content
            .as_ref()
            .map_or("", |content| content.id.as_str())
    }

    /// Returns from when on others may take it; none when it does not tell, and then nobody may.
    pub fn ends(&self) -> Option<Timestamp> {
        let from = self.renewed.or(self.since)?;
        Some(Timestamp::from_unix(
            from.unix().saturating_add(i64::from(self.seconds?)),
        ))
    }
}

fn text<'v>(object: &'v Value, pointer: &str) -> &'v str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn time(object: &Value, pointer: &str) -> Option<Timestamp> {
    text(object, pointer).parse().ok()
}

fn note(object: &Value) -> Option<&str> {
    object
        .get("metadata")?
        .get("annotations")?
        .get(NOTE)?
        .as_str()
}

/// Reads a lease; why its annotation is no lock, otherwise.
pub(super) fn seen(object: &Value) -> Result<LeaseSeen, String> {
    let content = note(object)
        .map(|note| read_content(note.as_bytes()))
        .transpose()
        .map_err(|why| format!("its annotation `{NOTE}`: {why}"))?;
    let seconds = object
        .pointer("/spec/leaseDurationSeconds")
        .and_then(Value::as_u64);
    let holder = text(object, "/spec/holderIdentity").to_owned();
    // Somebody else wrote the name over: the annotation tells of the holder before, and its id frees nothing.
    let is_other = |content: &LockContent| !holder.is_empty() && holder != holder_of(content);
    let written_over = content.as_ref().is_some_and(is_other);
    let content = content.map(|mut content| {
        if written_over {
            content.id.clear();
        }
        content
    });
    Ok(LeaseSeen {
        holder,
        since: time(object, "/spec/acquireTime"),
        renewed: time(object, "/spec/renewTime"),
        seconds: seconds.and_then(|seconds| u32::try_from(seconds).ok()),
        content,
        written_over,
    })
}

/// Returns how many seconds ago it was renewed; none when it does not tell.
pub(super) fn age(object: &Value, now: Timestamp) -> Option<i64> {
    time(object, "/spec/renewTime").map(|renewed| now.seconds_since(renewed))
}

pub(super) fn same_uid(one: &Value, other: &Value) -> bool {
    text(one, "/metadata/uid") == text(other, "/metadata/uid")
}

/// Says why a lease is not the one that we hold.
pub(super) fn is_ours(found: &Value, kept: &Kept) -> Result<(), String> {
    if !same_uid(found, &kept.object) {
        return Err("it was deleted and made again".to_owned());
    }
    let seen = seen(found)?;
    let mine = &kept.holding.mine;
    if seen.holder.is_empty() {
        return Err("it was released".to_owned());
    }
    if seen.id() != mine.id || seen.holder != holder_of(mine) {
        return Err(format!("{} holds it", seen.holder));
    }
    Ok(())
}

/// Whom `kubectl get lease` shows; the id makes it one of a kind.
fn holder_of(content: &LockContent) -> String {
    format!("{} {}", content.holder, content.id)
}

/// Forgets the oldest runs that ended until the rest can be written; returns how many that were.
pub(super) fn fit(content: &mut LockContent) -> Result<usize, String> {
    let mut forgotten = 0;
    while canonical_bytes(content).len() > NOTE_BYTES_MAX {
        let plan = content.plan.clone();
        if !content.forget_one(&plan) {
            return Err(format!(
                "what is known of runs without an end has more than {NOTE_BYTES_MAX} bytes"
            ));
        }
        forgotten += 1;
    }
    Ok(forgotten)
}

/// Returns the lease before anybody took it.
pub(super) fn empty() -> Value {
    json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": LEASE_NAME, "namespace": LEASE_NAMESPACE},
        "spec": {},
    })
}

/// What is written into a lease.
pub(super) struct Written {
    note: String,
    holder: Option<String>,
    renewed: Option<(Timestamp, u32)>,
    begins: bool,
}

impl Written {
    fn of(content: &LockContent) -> Self {
        Self {
            note: String::from_utf8_lossy(&canonical_bytes(content)).into_owned(),
            holder: None,
            renewed: None,
            begins: false,
        }
    }

    /// A lease that is taken.
    pub(super) fn taken(content: &LockContent, now: Timestamp, seconds: u32) -> Self {
        Self {
            begins: true,
            ..Self::held(content, now, seconds)
        }
    }

    /// A lease that is renewed.
    pub(super) fn held(content: &LockContent, now: Timestamp, seconds: u32) -> Self {
        Self {
            holder: Some(holder_of(content)),
            renewed: Some((now, seconds)),
            ..Self::of(content)
        }
    }

    /// A lease that nobody holds any more.
    pub(super) fn released(content: &LockContent) -> Self {
        Self::of(content)
    }

    /// Returns a lease with this in it, with uid and version as they were.
    pub(super) fn onto(&self, object: &Value) -> Value {
        let mut body = object.clone();
        if let Some(meta) = body.get_mut("metadata").and_then(Value::as_object_mut) {
            // The server knows better who wrote what.
            meta.remove("managedFields");
        }
        body["metadata"]["annotations"][NOTE] = json!(self.note);
        let spec = &mut body["spec"];
        if let Some((now, seconds)) = self.renewed {
            spec["renewTime"] = json!(micro_time(now));
            spec["leaseDurationSeconds"] = json!(seconds);
            if self.begins {
                let before = spec.get("leaseTransitions").and_then(Value::as_u64);
                spec["leaseTransitions"] = json!(before.map_or(0, |before| before + 1));
                spec["acquireTime"] = json!(micro_time(now));
            }
        }
        match (&self.holder, spec.as_object_mut()) {
            (Some(holder), Some(spec)) => {
                spec.insert("holderIdentity".to_owned(), json!(holder));
            }
            (None, Some(spec)) => {
                spec.remove("holderIdentity");
            }
            (Some(_) | None, None) => {}
        }
        body
    }

    /// Returns true when this is what a lease says.
    pub(super) fn is_on(&self, found: &Value) -> bool {
        let renewed = self.renewed.map(|(now, _)| now);
        note(found) == Some(&self.note)
            && text(found, "/spec/holderIdentity") == self.holder.as_deref().unwrap_or_default()
            && renewed.is_none_or(|now| time(found, "/spec/renewTime") == Some(now))
    }
}

/// The API's `MicroTime` takes no time without a fraction (apimachinery, `micro_time.go`).
fn micro_time(at: Timestamp) -> String {
    format!("{}.000000Z", at.to_string().trim_end_matches('Z'))
}
