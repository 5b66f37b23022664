//! Watches: a cursor in the history that its holder polls.

use super::errors::Refusal;
use super::list::asked_revision;
use super::request::NEVER_MS;
use super::select::Selector;
use super::store::{Change, Key};
use super::{Accept, Call, Door, JSON, Trouble, table};
use crate::World;
use serde_json::{Map, Value, json};
use stairway_core::model::Timestamp;
use std::collections::VecDeque;
use std::sync::Arc;

/// Seconds after which the server ends a watch that names no time (kube-apiserver `--min-request-timeout`).
const TIMEOUT: u64 = 1_800;
/// A bookmark comes about every minute, and in the last seconds of a watch (cacher's `bookmarkFrequency`).
const BOOKMARKS_EVERY: u64 = 60;
const LAST_SECONDS: u64 = 3;

/// A watch that somebody holds: the status is 200, the body a stream of JSON lines that ends without a word.
#[derive(Clone, Debug, PartialEq)]
pub struct Watch {
    call: Told,
    kind: usize,
    namespace: String,
    selector: Selector,
    /// Everything up to here was told.
    cursor: u64,
    first: VecDeque<Value>,
    bookmarks: bool,
    timeout: u64,
    /// Seconds at which the next bookmark is due.
    next_bookmark: u64,
    ended: bool,
    /// Milliseconds to wait before the headers.
    pub delay_ms: u64,
    /// After how many bytes of the stream the connection breaks.
    pub cut_after: Option<usize>,
    status: Option<u16>,
}

/// How events are written.
#[derive(Clone, Debug, PartialEq)]
struct Told {
    accept: Accept,
    kind: &'static super::Kind,
    include: Option<String>,
}

/// What came since the last poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Polled {
    /// Events, each a line of JSON with its line feed, to be written as one chunk each.
    pub events: Vec<Vec<u8>>,
    /// True when the server ends the stream now.
    pub ended: bool,
}

impl PartialEq for super::Kind {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Watch {
    /// Returns the content type of the stream.
    pub const fn content_type(&self) -> &'static str {
        JSON
    }

    /// Returns the status of an answer that was lost, when a fault says so; else the status is 200.
    pub const fn status(&self) -> u16 {
        match self.status {
            Some(status) => status,
            None => 200,
        }
    }

    pub(crate) fn spoil(&mut self, trouble: Trouble) {
        match trouble {
            Trouble::AnswerLost(code) => {
                self.status = Some(code);
                self.ended = true;
            }
            Trouble::Cut(bytes) => self.cut_after = Some(bytes),
            Trouble::HalfPage | Trouble::Truncated => self.cut_after = Some(1),
            Trouble::Slow(milliseconds) => {
                self.delay_ms = self.delay_ms.saturating_add(milliseconds);
            }
            Trouble::NeverAnswers => self.delay_ms = NEVER_MS,
            Trouble::Busy(_)
            | Trouble::Unwell(_)
            | Trouble::Expired
            | Trouble::Forbidden
            | Trouble::Conflict
            | Trouble::Dropped
            | Trouble::Gone
            | Trouble::Stale(_) => {}
        }
    }
}

impl Door {
    /// Begins a watch.
    pub(crate) fn watch(
        &self,
        world: &World,
        call: &Call<'_>,
        accept: Accept,
    ) -> Result<Watch, Refusal> {
        let selector = self.selector(call)?;
        let asked = asked_revision(call)?;
        let initial = call.request.flag("sendInitialEvents");
        if initial && call.request.param("resourceVersionMatch") != Some("NotOlderThan") {
            let why = "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch unless resourceVersionMatch is set to NotOlderThan";
            return Err(Refusal::bad_request(why));
        }
        let timeout = call.request.param("timeoutSeconds");
        let timeout = timeout.and_then(|t| t.parse().ok()).filter(|t| *t > 0);
        let timeout = timeout.unwrap_or(TIMEOUT);
        let include = call.request.param("includeObject").map(str::to_owned);
        let mut watch = Watch {
            call: Told {
                accept,
                kind: call.kind,
                include,
            },
            kind: call.kind.id(),
            namespace: call.key("").1,
            selector,
            cursor: asked,
            first: VecDeque::new(),
            bookmarks: call.request.flag("allowWatchBookmarks"),
            timeout,
            next_bookmark: BOOKMARKS_EVERY.min(timeout.saturating_sub(LAST_SECONDS)),
            ended: false,
            delay_ms: 0,
            cut_after: None,
            status: None,
        };
        if initial || asked == 0 {
            let now = self.lagging.unwrap_or_else(|| self.store.revision());
            watch.cursor = now;
            for (key, object) in self.store.at(watch.kind, now) {
                if watch.wants(&key) && watch.selector.matches(&object) {
                    watch
                        .first
                        .push_back(watch.event("ADDED", &object, world.now));
                }
            }
            if initial {
                let marks = json!({"k8s.io/initial-events-end": "true"});
                watch.first.push_back(watch.bookmark(now, Some(&marks)));
            }
        } else if asked < self.store.oldest() {
            let status = Refusal::too_old(asked, self.store.oldest()).status();
            watch
                .first
                .push_back(json!({"type": "ERROR", "object": status}));
            watch.ended = true;
        }
        Ok(watch)
    }

    /// Returns what a watch has to tell; `elapsed` are the seconds since it began, by the clock of the socket.
    pub fn poll(&self, world: &World, watch: &mut Watch, elapsed: u64) -> Polled {
        let mut events: Vec<Value> = watch.first.drain(..).collect();
        if !watch.ended && watch.cursor < self.store.oldest() {
            let status = Refusal::too_old(watch.cursor, self.store.oldest()).status();
            events.push(json!({"type": "ERROR", "object": status}));
            watch.ended = true;
        }
        if !watch.ended {
            for change in self.store.since(watch.cursor) {
                if change.key.0 == watch.kind && watch.wants(&change.key) {
                    events.extend(watch.told(change, world.now));
                }
            }
            watch.cursor = watch.cursor.max(self.store.revision());
            if watch.bookmarks && elapsed >= watch.next_bookmark {
                events.push(watch.bookmark(self.store.revision(), None));
                let last = watch.timeout.saturating_sub(LAST_SECONDS);
                watch.next_bookmark = if elapsed < last {
                    last.min(elapsed + BOOKMARKS_EVERY)
                } else {
                    elapsed + 1
                };
            }
            watch.ended = elapsed >= watch.timeout;
        }
        Polled {
            events: events
                .iter()
                .map(|event| format!("{event}\n").into_bytes())
                .collect(),
            ended: watch.ended,
        }
    }
}

impl Watch {
    fn wants(&self, key: &Key) -> bool {
        self.namespace.is_empty() || key.1 == self.namespace
    }

    /// An object that begins to fit is ADDED, one that no longer does is DELETED as it last fitted.
    fn told(&self, change: &Change, now: Timestamp) -> Option<Value> {
        let fits = |object: &Option<Arc<Value>>| {
            object
                .as_ref()
                .filter(|object| self.selector.matches(object))
                .cloned()
        };
        match (fits(&change.before), fits(&change.after)) {
            (None, None) => None,
            (None, Some(after)) => Some(self.event("ADDED", &after, now)),
            (Some(_), Some(after)) => Some(self.event("MODIFIED", &after, now)),
            (Some(before), None) => {
                let mut last = (*before).clone();
                let version = json!(change.revision.to_string());
                super::meta_mut(&mut last).insert("resourceVersion".to_owned(), version);
                Some(self.event("DELETED", &Arc::new(last), now))
            }
        }
    }

    fn event(&self, what: &str, object: &Arc<Value>, now: Timestamp) -> Value {
        let object = match self.call.accept {
            Accept::Object => (**object).clone(),
            Accept::Metadata => table::metadata_of(object),
            Accept::Table => {
                let meta = Map::from_iter([(
                    "resourceVersion".to_owned(),
                    object["metadata"]["resourceVersion"].clone(),
                )]);
                let rows = [Arc::clone(object)];
                table::rows(
                    self.call.kind,
                    &rows,
                    meta,
                    now,
                    self.call.include.as_deref(),
                )
            }
        };
        json!({"type": what, "object": object})
    }

    fn bookmark(&self, revision: u64, marks: Option<&Value>) -> Value {
        let mut meta = json!({"resourceVersion": revision.to_string()});
        if let Some(marks) = marks {
            meta["annotations"] = marks.clone();
        }
        let kind = self.call.kind;
        let object = match self.call.accept {
            Accept::Object => {
                json!({"kind": kind.kind, "apiVersion": kind.api_version(), "metadata": meta})
            }
            Accept::Table => {
                json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": meta, "columnDefinitions": [], "rows": []})
            }
            Accept::Metadata => {
                json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": meta})
            }
        };
        json!({"type": "BOOKMARK", "object": object})
    }
}
