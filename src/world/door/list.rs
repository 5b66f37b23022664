//! Reads: one object, lists and their pages.

use super::errors::Refusal;
use super::request::Response;
use super::select::Selector;
use super::store::Key;
use super::{Accept, Call, Door, JSON, table};
use crate::World;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Where a list goes on: the version of its first page, and the first key that was not told.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Token {
    /// None: at the newest version, after the first one expired.
    revision: Option<u64>,
    /// `namespace/name` or `name`.
    start: String,
}

const TOKEN_VERSION: &str = "meta.k8s.io/v1";

impl Token {
    fn read(text: &str) -> Option<Self> {
        let bytes = unbase64(text)?;
        let token: Value = serde_json::from_slice(&bytes).ok()?;
        if token["v"] != TOKEN_VERSION {
            return None;
        }
        let start = token["start"].as_str()?.trim_start_matches('/');
        let revision = match token["rv"].as_i64()? {
            -1 => None,
            other => Some(u64::try_from(other).ok()?),
        };
        Some(Self {
            revision,
            start: start.trim_end_matches('\0').to_owned(),
        })
    }

    /// The start is the key after the last one that was told: its name and the lowest letter there is.
    fn write(&self) -> String {
        let (revision, lead) = match self.revision {
            Some(revision) => (json!(revision), "/"),
            None => (json!(-1), ""),
        };
        let start = serde_json::to_string(&format!("{lead}{}\0", self.start)).unwrap_or_default();
        let text = format!("{{\"v\":\"{TOKEN_VERSION}\",\"rv\":{revision},\"start\":{start}}}");
        base64(text.as_bytes())
    }
}

/// A page of a list.
struct Page {
    items: Vec<Arc<Value>>,
    revision: u64,
    token: Option<String>,
    remaining: Option<usize>,
}

impl Door {
    /// Answers GET of one object.
    pub(crate) fn get(
        &self,
        world: &World,
        call: &Call<'_>,
        name: &str,
        accept: Accept,
    ) -> Result<Response, Refusal> {
        self.not_from_the_future(call)?;
        let key = call.key(name);
        let found = match self.lagging {
            Some(then) => self.store.at(key.0, then).remove(&key),
            None => self.store.get(&key).cloned(),
        };
        let object = found.ok_or_else(|| Refusal::not_found(call.kind, name))?;
        let body = match accept {
            Accept::Object => (*object).clone(),
            Accept::Metadata => table::metadata_of(&object),
            Accept::Table => {
                let revision = object["metadata"]["resourceVersion"].clone();
                let meta = Map::from_iter([("resourceVersion".to_owned(), revision)]);
                table::table(call, &[object], meta, world.now)
            }
        };
        Ok(Response::json(200, &body))
    }

    /// Answers GET of a scale.
    pub(crate) fn scale(&self, call: &Call<'_>, name: &str) -> Result<Response, Refusal> {
        let key = call.key(name);
        let object = self
            .store
            .get(&key)
            .ok_or_else(|| Refusal::not_found(call.kind, name))?;
        Ok(Response::json(200, &scale_of(object)))
    }

    /// Answers GET of a list.
    pub(crate) fn list(
        &self,
        world: &World,
        call: &Call<'_>,
        accept: Accept,
    ) -> Result<Response, Refusal> {
        let selector = self.selector(call)?;
        let page = self.page(call, &selector)?;
        let mut meta = Map::from_iter([(
            "resourceVersion".to_owned(),
            json!(page.revision.to_string()),
        )]);
        if let Some(token) = page.token {
            meta.insert("continue".to_owned(), json!(token));
        }
        if let Some(remaining) = page.remaining {
            meta.insert("remainingItemCount".to_owned(), json!(remaining));
        }
        let body = match accept {
            Accept::Table => table::table(call, &page.items, meta, world.now),
            Accept::Object => {
                let items: Vec<String> = page.items.iter().map(|item| bare(item)).collect();
                let (version, kind) = (json!(call.kind.api_version()), json!(list_kind(call)));
                let (items, meta) = (items.join(","), Value::Object(meta));
                // Written without a copy of the objects: a page has some megabytes.
                let body = format!(
                    r#"{{"apiVersion":{version},"items":[{items}],"kind":{kind},"metadata":{meta}}}"#
                );
                return Ok(Response::text(200, JSON, body));
            }
            Accept::Metadata => {
                let items: Vec<Value> = page.items.iter().map(|i| table::metadata_of(i)).collect();
                json!({
                    "kind": "PartialObjectMetadataList",
                    "apiVersion": "meta.k8s.io/v1",
                    "metadata": meta,
                    "items": items,
                })
            }
        };
        Ok(Response::text(200, JSON, body.to_string()))
    }

    pub(crate) fn selector(&self, call: &Call<'_>) -> Result<Selector, Refusal> {
        let labels = call.request.param("labelSelector").unwrap_or_default();
        let fields = call.request.param("fieldSelector").unwrap_or_default();
        Selector::read(call.kind, labels, fields)
    }

    /// Refuses a resourceVersion that this server has not reached.
    fn not_from_the_future(&self, call: &Call<'_>) -> Result<(), Refusal> {
        let asked = asked_revision(call)?;
        let current = self.store.revision();
        if asked > current {
            return Err(Refusal::from_the_future(asked, current));
        }
        Ok(())
    }

    fn page(&self, call: &Call<'_>, selector: &Selector) -> Result<Page, Refusal> {
        let asked = asked_revision(call)?;
        let token = match call.request.param("continue").filter(|t| !t.is_empty()) {
            Some(text) => Some(Token::read(text).ok_or_else(|| {
                Refusal::bad_request("continue key is not valid: encoded start key cannot be read")
            })?),
            None => None,
        };
        if token.is_none() {
            self.not_from_the_future(call)?;
        }
        let mut revision = self.lagging.unwrap_or_else(|| self.store.revision());
        if let Some(Token {
            revision: Some(first),
            start,
        }) = &token
        {
            if *first < self.store.oldest() {
                let start = start.clone();
                let fresh = Token {
                    revision: None,
                    start,
                };
                return Err(Refusal::page_expired(fresh.write()));
            }
            revision = *first;
        } else if call.request.param("resourceVersionMatch") == Some("Exact") && asked > 0 {
            if asked < self.store.oldest() {
                return Err(Refusal::too_old(asked, self.store.oldest()));
            }
            revision = asked;
        }
        let start = token.map(|token| token.start);
        Ok(self.page_at(call, selector, revision, start))
    }

    fn page_at(
        &self,
        call: &Call<'_>,
        selector: &Selector,
        revision: u64,
        start: Option<String>,
    ) -> Page {
        let namespace = call.key("").1;
        let objects = self.store.at(call.kind.id(), revision);
        let mut fitting = objects.iter().filter(|(key, object)| {
            (namespace.is_empty() || key.1 == namespace)
                && start.as_ref().is_none_or(|start| place_of(key) > *start)
                && selector.matches(object)
        });
        // From the cache (resourceVersion=0) the whole list comes, whatever the limit.
        let limit = call
            .request
            .param("limit")
            .and_then(|limit| limit.parse::<usize>().ok());
        let limit = limit.filter(|limit| *limit > 0);
        let limit = limit.filter(|_| call.request.param("resourceVersion") != Some("0"));
        let mut items = Vec::new();
        let mut last = String::new();
        for (key, object) in fitting.by_ref().take(limit.unwrap_or(usize::MAX)) {
            last = place_of(key);
            items.push(Arc::clone(object));
        }
        let rest = fitting.count();
        let token = (rest > 0).then(|| {
            let revision = Some(revision);
            Token {
                revision,
                start: last,
            }
            .write()
        });
        Page {
            items,
            revision,
            token,
            remaining: (rest > 0 && selector.is_empty()).then_some(rest),
        }
    }
}

/// Returns the resourceVersion of a request; 0 when there is none.
pub(crate) fn asked_revision(call: &Call<'_>) -> Result<u64, Refusal> {
    let text = call.request.param("resourceVersion").unwrap_or_default();
    if text.is_empty() {
        return Ok(0);
    }
    text.parse().map_err(|_| {
        let why = format!(
            "Invalid value: \"{text}\": strconv.ParseUint: parsing \"{text}\": invalid syntax"
        );
        Refusal::bad_request(format!("resourceVersion: {why}"))
    })
}

/// Returns the Scale of a workload.
pub(crate) fn scale_of(object: &Value) -> Value {
    let meta = &object["metadata"];
    let labels = object["spec"]["selector"]["matchLabels"].as_object();
    let terms: Vec<String> = labels
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    json!({
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": meta["name"],
            "namespace": meta["namespace"],
            "uid": meta["uid"],
            "resourceVersion": meta["resourceVersion"],
            "creationTimestamp": meta["creationTimestamp"],
        },
        "spec": {"replicas": object["spec"]["replicas"]},
        "status": {
            "replicas": super::number(&object["status"]["replicas"]),
            "selector": terms.join(","),
        },
    })
}

/// `EndpointsList` and not `EndpointssList`.
pub(crate) fn list_kind(call: &Call<'_>) -> String {
    format!("{}List", call.kind.kind)
}

/// Writes an item of a list: it carries neither kind nor apiVersion.
fn bare(object: &Value) -> String {
    let Some(fields) = object.as_object() else {
        return object.to_string();
    };
    let kept = fields
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "kind" | "apiVersion"));
    let kept: Vec<String> = kept
        .map(|(name, field)| format!("{}:{field}", json!(name)))
        .collect();
    format!("{{{}}}", kept.join(","))
}

fn place_of(key: &Key) -> String {
    if key.1.is_empty() {
        return key.2.clone();
    }
    format!("{}/{}", key.1, key.2)
}

/// The alphabet of RFC 4648 for URLs; tokens have no padding.
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Writes base64url without padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let mut group = 0_u32;
        for index in 0..3 {
            group = group << 8 | u32::from(chunk.get(index).copied().unwrap_or(0));
        }
        for index in 0..=chunk.len() {
            let letter = group >> (18 - 6 * index) & 63;
            text.push(char::from(LETTERS[letter as usize]));
        }
    }
    text
}

/// Writes the bytes of a Secret as JSON does: the ordinary alphabet, with padding.
pub fn base64_padded(bytes: &[u8]) -> String {
    let mut text = base64(bytes).replace('-', "+").replace('_', "/");
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

fn unbase64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut group, mut bits) = (0_u32, 0);
    for letter in text.trim_end_matches('=').bytes() {
        let value = LETTERS.iter().position(|one| *one == letter)?;
        group = group << 6 | u32::try_from(value).ok()?;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(group >> bits & 255).ok()?);
        }
    }
    Some(bytes)
}
