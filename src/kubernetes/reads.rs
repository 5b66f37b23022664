//! Reading: get, list by pages, watch. No method here can change an object.

use super::access::Access;
use super::client::{Ask, Broken, Client, Got, Line};
use super::credentials::{Credentials, RunPlugin, Secret, Token, read_answer};
use super::error::{CallError, Trouble, said, trouble_of};
use super::resource::{Object, Resource, Selector};
use crate::files;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_json::{Map, Value, json};
use stairway_core::model::Timestamp;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

mod pages;

/// What a connection needs from outside.
#[derive(Clone)]
pub struct Around {
    /// Runs `aws eks get-token`.
    pub plugin: RunPlugin,
    /// The clock by which tokens end.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

/// How much a call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// One exchange, from the request to the end of its answer.
    pub request: Duration,
    /// How often a read is tried, and a write that does nothing twice.
    pub attempts: u32,
    /// Objects of a page.
    pub page: u32,
    /// Pages of a list.
    pub pages: u32,
    /// Bytes of an answer.
    pub bytes: usize,
    /// The first pause before another try; each later one is twice as long.
    pub pause: Duration,
    /// The longest pause, also when the server asks for more.
    pub pause_max: Duration,
}

impl Default for Limits {
    /// 500 objects a page are client-go's (`defaultPageSize`); 64 MiB hold 500 pods of the largest size that etcd takes
    /// at 128 KiB each; 400 pages are 200,000 objects, more than Kubernetes' own limit of 150,000 pods.
    fn default() -> Self {
        Self {
            request: Duration::from_secs(30),
            attempts: 4,
            page: 500,
            pages: 400,
            bytes: 64 << 20,
            pause: Duration::from_millis(250),
            pause_max: Duration::from_secs(10),
        }
    }
}

/// What was asked for so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Requests, tries included.
    pub requests: u64,
    /// Of these, tries after the first.
    pub retries: u64,
    /// Bytes of answers.
    pub bytes: u64,
}

/// A kind of request, for whoever compares with what a role allows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    /// The verb as roles have it.
    pub verb: &'static str,
    /// The group; empty for the core, and for a path.
    pub group: String,
    /// The resource with its subresource, or the path.
    pub resource: String,
}

/// A list, whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listed {
    /// The objects, in the server's order.
    pub items: Vec<Value>,
    /// The version of the list, for a watch that goes on from there.
    pub version: String,
}

/// What `/version` tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerVersion {
    /// The version, e.g. `v1.35.6-eks-113cf36`.
    pub git_version: String,
}

/// From where a watch goes on, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchStart {
    /// The version of the list that was read before.
    pub version: String,
    /// How long it is listened to.
    pub at_most: Duration,
}

/// An event of a watch.
#[derive(Clone, Debug, PartialEq)]
pub enum Watched {
    /// An object is there, or changed; as it is now.
    Is(Value),
    /// An object is gone, or no longer chosen; as it was last.
    Gone(Value),
    /// Nothing up to this version is missing.
    Bookmark(String),
}

/// How a watch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchEnd {
    /// The caller had enough.
    Enough,
    /// The server or the connection ended it; a new one may go on.
    Ended,
    /// The time is up.
    TimeUp,
}

/// The reading side of one cluster's API. Clones share the connection and the counts.
#[derive(Clone)]
pub struct Reads(Arc<Inner>);

struct Inner {
    client: Client,
    access: Access,
    around: Around,
    limits: Limits,
    token: Mutex<Option<Token>>,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    traffic: Traffic,
    /// The newest version of each resource's lists so far.
    newest: BTreeMap<String, u64>,
    warnings: Vec<String>,
}

impl std::fmt::Debug for Reads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reads")
            .field("context", &self.0.access.context)
            .finish_non_exhaustive()
    }
}

/// A request without its limits.
pub(super) struct Plain<'a> {
    pub(super) attempt: &'a str,
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) content_type: Option<&'static str>,
    pub(super) body: Vec<u8>,
    /// True when doing it twice does no more than doing it once.
    pub(super) repeatable: bool,
}

impl Reads {
    /// Prepares a connection; nothing is sent yet.
    ///
    /// # Errors
    /// The endpoint or the certificates cannot be used.
    pub fn open(access: Access, limits: Limits, around: Around) -> Result<Self, CallError> {
        let client = Client::open(&access).map_err(|broken| {
            broken_call(
                &format!("Connecting to `{}`", access.endpoint),
                &access,
                broken,
            )
        })?;
        Ok(Self(Arc::new(Inner {
            client,
            access,
            around,
            limits,
            token: Mutex::new(None),
            counts: Mutex::new(Counts::default()),
        })))
    }

    /// Returns by which way the cluster is reached.
    pub fn access(&self) -> &Access {
        &self.0.access
    }

    /// Returns what the clock of the connection shows, the one by which tokens end.
    pub fn now(&self) -> Timestamp {
        (self.0.around.clock)()
    }

    /// Returns how much a call may take.
    pub fn limits(&self) -> Limits {
        self.0.limits
    }

    /// Returns what was asked for so far.
    pub fn traffic(&self) -> Traffic {
        self.counts().traffic
    }

    /// Returns the warnings that the server gave so far, each once.
    pub fn warnings(&self) -> Vec<String> {
        self.counts().warnings.clone()
    }

    /// Reads the server's version: the first request, which also proves that it is let in.
    ///
    /// # Errors
    /// No answer, or one that is no version.
    pub fn version(&self) -> Result<ServerVersion, CallError> {
        let attempt = "Reading the version of the API server";
        let (value, _) = self.json::<Map<String, Value>>(attempt, "/version")?;
        match value.get("gitVersion").and_then(Value::as_str) {
            Some(git_version) => Ok(ServerVersion {
                git_version: git_version.to_owned(),
            }),
            None => Err(self.garbled(attempt, "it tells no gitVersion")),
        }
    }

    /// Reads a text, e.g. `/metrics`.
    ///
    /// # Errors
    /// No answer, or one that is no text.
    pub fn text(&self, path: &str) -> Result<String, CallError> {
        let attempt = format!("Reading {path}");
        let got = self.ask(&self.get_of(&attempt, path.to_owned()))?;
        String::from_utf8(got.body).map_err(|_| self.garbled(&attempt, "it is no UTF-8"))
    }

    /// Reads an object; none when there is no such one.
    ///
    /// # Errors
    /// No answer, or one that is no object.
    pub fn get(&self, object: &Object<'_>) -> Result<Option<Value>, CallError> {
        let attempt = format!("Reading {}", object.shown());
        match self.json::<Map<String, Value>>(&attempt, &object.path()) {
            Ok((value, _)) => {
                self.is_of(&attempt, value.get("kind"), object.resource.kind)?;
                Ok(Some(Value::Object(value)))
            }
            Err(error) if error.trouble == Trouble::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Listens to what happens to the objects of a list.
    ///
    /// # Errors
    /// The watch could not begin, or the server has forgotten the version ([`Trouble::Gone`]): list again.
    pub fn watch(
        &self,
        resource: Resource,
        namespace: Option<&str>,
        selector: &Selector,
        start: &WatchStart,
        each: &mut dyn FnMut(Watched) -> ControlFlow<()>,
    ) -> Result<WatchEnd, CallError> {
        let attempt = format!("Watching {}", resource.plural);
        let mut query = query(selector);
        query.append_pair("watch", "1");
        query.append_pair("allowWatchBookmarks", "true");
        query.append_pair("resourceVersion", &start.version);
        query.append_pair(
            "timeoutSeconds",
            &start.at_most.as_secs().max(1).to_string(),
        );
        let path = format!("{}?{}", resource.path(namespace), query.finish());
        let ask = Ask {
            method: "GET",
            path,
            content_type: None,
            body: Vec::new(),
            bytes_max: self.0.limits.bytes,
            at_most: start.at_most,
        };
        let token = self.token(&attempt, false)?;
        self.count(0, 0);
        let mut status = 200;
        let mut failed: Option<CallError> = None;
        let mut enough = false;
        let mut hear = |line: Line<'_>| match line {
            Line::Opened(opened) => {
                status = opened;
                ControlFlow::Continue(())
            }
            Line::One([]) => ControlFlow::Continue(()),
            Line::One(bytes) if status >= 300 => {
                failed = Some(self.refused(&attempt, status, bytes, None));
                ControlFlow::Break(())
            }
            Line::One(bytes) => match event(bytes) {
                Ok(Some(watched)) => {
                    let flow = each(watched);
                    enough |= flow.is_break();
                    flow
                }
                Ok(None) => ControlFlow::Continue(()),
                Err(Some((code, body))) => {
                    failed = Some(self.refused(&attempt, code, &body, None));
                    ControlFlow::Break(())
                }
                // The last line of a connection that broke: the watch ends there.
                Err(None) => ControlFlow::Break(()),
            },
        };
        let ended = self.0.client.lines(&ask, token.as_ref(), &mut hear);
        match (failed, ended) {
            (Some(error), _) => Err(error),
            (None, _) if enough => Ok(WatchEnd::Enough),
            (None, Ok(true)) => Ok(WatchEnd::TimeUp),
            (None, Ok(false)) => Ok(WatchEnd::Ended),
            (None, Err(broken)) if broken.trouble == Trouble::Cut => Ok(WatchEnd::Ended),
            (None, Err(broken)) => Err(broken_call(&attempt, &self.0.access, broken)),
        }
    }

    /// Asks whether the identity may do this, in one namespace or in all.
    ///
    /// # Errors
    /// No answer, or one that says neither.
    pub fn allowed(
        &self,
        verb: &str,
        resource: Resource,
        subresource: &str,
        namespace: Option<&str>,
    ) -> Result<bool, CallError> {
        let attempt = format!("Asking whether one may {verb} {}", resource.plural);
        let body = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {
                "verb": verb,
                "group": resource.group,
                "version": resource.version,
                "resource": resource.plural,
                "subresource": subresource,
                "namespace": namespace.unwrap_or_default(),
            }},
        });
        let got = self.ask(&Plain {
            attempt: &attempt,
            method: "POST",
            path: Resource::ACCESS_REVIEWS.path(None),
            content_type: Some(JSON),
            body: body.to_string().into_bytes(),
            repeatable: true,
        })?;
        let review = self.parsed(&attempt, &got)?;
        match review.pointer("/status/allowed") {
            Some(Value::Bool(allowed)) => Ok(*allowed),
            Some(_) | None => Err(self.garbled(&attempt, "it says neither yes nor no")),
        }
    }

    /// Waits as the connection's own retries do.
    pub fn pause(&self, time: Duration) {
        self.0.client.pause(time);
    }

    fn get_of<'a>(&self, attempt: &'a str, path: String) -> Plain<'a> {
        Plain {
            attempt,
            method: "GET",
            path,
            content_type: None,
            body: Vec::new(),
            repeatable: true,
        }
    }

    /// Asks for an object of JSON, again when half of it came under a success: a broken connection that nobody noticed.
    fn json<T: DeserializeOwned>(
        &self,
        attempt: &str,
        path: &str,
    ) -> Result<(T, Vec<u8>), CallError> {
        let mut tries = 0;
        loop {
            let got = self.ask(&self.get_of(attempt, path.to_owned()))?;
            match self.parse(attempt, &got.body) {
                Ok(value) => return Ok((value, got.body)),
                Err(_) if tries + 1 < self.0.limits.attempts => {
                    self.wait(tries, None);
                    tries += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn parse<T: DeserializeOwned>(&self, attempt: &str, body: &[u8]) -> Result<T, CallError> {
        // The types that are read here would take a list for an object too.
        if body.trim_ascii_start().first() == Some(&b'[') {
            return Err(self.garbled(attempt, "the answer is no object"));
        }
        serde_json::from_slice(body).map_err(|error| match error.classify() {
            Category::Eof => self.garbled(attempt, "the answer ends in the middle"),
            Category::Data => self.garbled(attempt, "the answer is no object"),
            Category::Io | Category::Syntax => {
                self.garbled(attempt, &format!("the answer is no JSON: {error}"))
            }
        })
    }

    /// Sends a request, again where that is harmless, and returns its answer when it is a success.
    pub(super) fn ask(&self, plain: &Plain<'_>) -> Result<Got, CallError> {
        let mut tries = 0;
        let mut renewed = false;
        loop {
            let error = match self.once(plain, tries > 0, renewed) {
                Ok(got) => return Ok(got),
                Err(error) => error,
            };
            if error.trouble == Trouble::Unauthorized && error.status.is_some() && !renewed {
                // The token may have ended since it was fetched; a new one is tried once.
                if self.can_renew() {
                    renewed = true;
                    continue;
                }
            }
            let again = match error.trouble {
                Trouble::Unreachable | Trouble::Throttled => true,
                Trouble::Server | Trouble::Cut => plain.repeatable,
                // A minute was waited already.
                Trouble::Timeout => false,
                Trouble::Identity
                | Trouble::Unauthorized
                | Trouble::Forbidden
                | Trouble::NotFound
                | Trouble::Gone
                | Trouble::Conflict
                | Trouble::AlreadyExists
                | Trouble::Budget
                | Trouble::Refused
                | Trouble::Garbled
                | Trouble::TooLarge
                | Trouble::Stale => false,
            };
            if !again || tries + 1 >= self.0.limits.attempts {
                return Err(error);
            }
            self.wait(tries, error.retry_after);
            tries += 1;
        }
    }

    fn once(&self, plain: &Plain<'_>, again: bool, renewed: bool) -> Result<Got, CallError> {
        let token = self.token(plain.attempt, renewed)?;
        let ask = Ask {
            method: plain.method,
            path: plain.path.clone(),
            content_type: plain.content_type,
            body: plain.body.clone(),
            bytes_max: self.0.limits.bytes,
            at_most: self.0.limits.request,
        };
        let answer = self.0.client.ask(&ask, token.as_ref());
        let bytes = answer.as_ref().map_or(0, |got| got.body.len() as u64);
        self.count(u64::from(again), bytes);
        let got = answer.map_err(|broken| broken_call(plain.attempt, &self.0.access, broken))?;
        let mut counts = self.counts();
        for warning in &got.warnings {
            if counts.warnings.len() < WARNINGS_MAX && !counts.warnings.contains(warning) {
                counts.warnings.push(warning.clone());
            }
        }
        drop(counts);
        if (200..300).contains(&got.status) {
            return Ok(got);
        }
        Err(self.refused(plain.attempt, got.status, &got.body, got.retry_after))
    }

    fn refused(
        &self,
        attempt: &str,
        status: u16,
        body: &[u8],
        retry_after: Option<u32>,
    ) -> CallError {
        let said = said(body);
        CallError {
            attempt: attempt.to_owned(),
            trouble: trouble_of(status, &said),
            status: Some(status),
            retry_after: retry_after.or(said.retry_after),
            message: said.message,
            causes: said.causes,
            kubectl: self.0.access.kubectl(),
        }
    }

    pub(super) fn garbled(&self, attempt: &str, why: &str) -> CallError {
        CallError {
            attempt: attempt.to_owned(),
            trouble: Trouble::Garbled,
            status: None,
            message: why.to_owned(),
            retry_after: None,
            causes: Vec::new(),
            kubectl: self.0.access.kubectl(),
        }
    }

    pub(super) fn parsed(&self, attempt: &str, got: &Got) -> Result<Value, CallError> {
        self.parse(attempt, &got.body).map(Value::Object)
    }

    /// Waits before another try: twice as long each time, as long as the server asks, and never longer than the limit.
    fn wait(&self, tries: u32, retry_after: Option<u32>) {
        let limits = self.0.limits;
        let grown = limits.pause.saturating_mul(2_u32.saturating_pow(tries));
        let asked = retry_after.map(|seconds| Duration::from_secs(u64::from(seconds)));
        self.0
            .client
            .pause(asked.unwrap_or(grown).min(limits.pause_max));
    }

    fn can_renew(&self) -> bool {
        match self.0.access.credentials {
            Credentials::TokenFile(_) | Credentials::Plugin { .. } => true,
            Credentials::None | Credentials::Token(_) | Credentials::Certificate { .. } => false,
        }
    }

    fn token(&self, attempt: &str, renew: bool) -> Result<Option<Secret>, CallError> {
        let failed = |why: String| CallError {
            trouble: Trouble::Unauthorized,
            message: why,
            ..self.garbled(attempt, "")
        };
        let inner = &self.0;
        let fetch = || match &inner.access.credentials {
            Credentials::None | Credentials::Certificate { .. } => Ok(None),
            Credentials::Token(secret) => Ok(Some(Token {
                secret: secret.clone(),
                until: None,
            })),
            Credentials::TokenFile(path) => {
                let text = files::read_text(path, TOKEN_BYTES_MAX)
                    .map_err(|error| failed(format!("the token file cannot be read: {error}")))?;
                let secret = Secret::new(text.trim().to_owned());
                // Whoever renews the file does so in time; a minute is client-go's.
                let until = Timestamp::from_unix((inner.around.clock)().unix() + FILE_SECONDS);
                Ok(Some(Token {
                    secret,
                    until: Some(until),
                }))
            }
            Credentials::Plugin { argv, env } => {
                let stdout = (inner.around.plugin)(argv, env)
                    .map_err(|why| failed(format!("`aws eks get-token` failed: {why}")))?;
                let token = read_answer(&stdout)
                    .map_err(|why| failed(format!("`aws eks get-token` cannot be used: {why}")))?;
                Ok(Some(token))
            }
        };
        let mut kept = inner.token.lock().unwrap_or_else(PoisonError::into_inner);
        let now = (inner.around.clock)();
        match kept.as_ref().filter(|token| !renew && token.is_fresh(now)) {
            Some(token) => Ok(Some(token.secret.clone())),
            None => {
                *kept = fetch()?;
                Ok(kept.as_ref().map(|token| token.secret.clone()))
            }
        }
    }

    fn count(&self, retries: u64, bytes: u64) {
        let mut counts = self.counts();
        counts.traffic.requests += 1;
        counts.traffic.retries += retries;
        counts.traffic.bytes += bytes;
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.0.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The content type of objects.
pub(super) const JSON: &str = "application/json";
/// A token of a service account has 1 KB.
const TOKEN_BYTES_MAX: u64 = 64 << 10;
/// client-go reads token files again after a minute; the margin of freshness is another.
const FILE_SECONDS: i64 = 120;
/// More warnings say nothing new.
const WARNINGS_MAX: usize = 50;

fn query(selector: &Selector) -> form_urlencoded::Serializer<'static, String> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    if !selector.labels.is_empty() {
        query.append_pair("labelSelector", &selector.labels);
    }
    if !selector.fields.is_empty() {
        query.append_pair("fieldSelector", &selector.fields);
    }
    query
}

fn broken_call(attempt: &str, access: &Access, broken: Broken) -> CallError {
    let Broken { trouble, why } = broken;
    let message = match trouble {
        Trouble::Identity => format!(
            "`{}` does not prove to be the cluster of context `{}`: {why}",
            access.endpoint, access.context
        ),
        Trouble::Unreachable => format!("`{}` cannot be reached: {why}", access.endpoint),
        Trouble::Unauthorized
        | Trouble::Forbidden
        | Trouble::NotFound
        | Trouble::Gone
        | Trouble::Conflict
        | Trouble::AlreadyExists
        | Trouble::Budget
        | Trouble::Throttled
        | Trouble::Refused
        | Trouble::Server
        | Trouble::Timeout
        | Trouble::Cut
        | Trouble::Garbled
        | Trouble::TooLarge
        | Trouble::Stale => why,
    };
    CallError {
        attempt: attempt.to_owned(),
        trouble,
        status: None,
        message,
        retry_after: None,
        causes: Vec::new(),
        kubectl: access.kubectl(),
    }
}

/// Reads a line of a watch: an event, nothing that matters, an error of the server, or a line that is cut.
fn event(line: &[u8]) -> Result<Option<Watched>, Option<(u16, Vec<u8>)>> {
    let mut event: Value = serde_json::from_slice(line).map_err(|_| None)?;
    let object = event.get_mut("object").map(Value::take).unwrap_or_default();
    match event.get("type").and_then(Value::as_str) {
        Some("ADDED" | "MODIFIED") => Ok(Some(Watched::Is(object))),
        Some("DELETED") => Ok(Some(Watched::Gone(object))),
        Some("BOOKMARK") => {
            let version = object.pointer("/metadata/resourceVersion");
            let version = version.and_then(Value::as_str).unwrap_or_default();
            Ok(Some(Watched::Bookmark(version.to_owned())))
        }
        Some("ERROR") => {
            let code = object.get("code").and_then(Value::as_u64).unwrap_or(500);
            let code = u16::try_from(code).unwrap_or(500);
            Err(Some((code, object.to_string().into_bytes())))
        }
        Some(_) | None => Ok(None),
    }
}

#[cfg(test)]
mod tests;
