//! Requests and answers as values; sockets are the caller's.

use super::watch::Watch;
use serde_json::Value;
use std::collections::BTreeMap;

/// A delay that does not end: whoever owns the socket waits until the client goes or the server ends, and
/// then breaks the connection.
pub const NEVER_MS: u64 = u64::MAX;

/// The content type of nearly every answer.
pub(crate) const JSON: &str = "application/json";

/// A request as it came from the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `PATCH`, … in capitals.
    pub method: String,
    /// The path, percent-decoded.
    pub path: String,
    /// Parameters in their order, decoded.
    pub query: Vec<(String, String)>,
    /// Headers by lower-case name; `accept`, `authorization`, `content-type` and `user-agent` are looked at.
    pub headers: BTreeMap<String, String>,
    /// The body, unpacked; see [`Request::BODY_MAX`].
    pub body: Vec<u8>,
}

impl Request {
    /// Bytes that a body may have (kube-apiserver, `MaxRequestBodyBytes`); whoever reads a socket may stop one byte later.
    pub const BODY_MAX: usize = 3 * 1024 * 1024;

    /// Returns a request without headers and body; `target` is a path with its query, as on the request line.
    pub fn new(method: &str, target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let query = pairs.map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key, true), decode(value, true))
        });
        Self {
            method: method.to_owned(),
            path: decode(path, false),
            query: query.collect(),
            headers: BTreeMap::new(),
            body: Vec::new(),
        }
    }

    /// Returns the same request with one more header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers
            .insert(name.to_ascii_lowercase(), value.to_owned());
        self
    }

    /// Returns the same request with a body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Returns true for `1`, `true` and a name without value, as Go's conversion does.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.param(name)
            .is_some_and(|value| !matches!(value, "0" | "false" | "False" | "FALSE"))
    }
}

/// An answer to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Headers by lower-case name, a name may come twice; length and encoding are the writer's.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
    /// Milliseconds to wait before the first byte.
    pub delay_ms: u64,
    /// After how many bytes of the body the connection breaks, while the headers promise all of it.
    pub cut_after: Option<usize>,
}

impl Response {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::text(status, JSON, body.to_string())
    }

    pub(crate) fn text(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            body: body.into(),
            delay_ms: 0,
            cut_after: None,
        }
    }

    pub(crate) fn warned(mut self, warnings: &[String]) -> Self {
        for words in warnings {
            let quoted = words.replace('\\', "\\\\").replace('"', "\\\"");
            let header = ("warning".to_owned(), format!("299 - \"{quoted}\""));
            self.headers.push(header);
        }
        self
    }

    /// Returns a header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// What the door says to a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// One answer.
    Answer(Response),
    /// A stream of events: poll it with [`super::Door::poll`] until it ends.
    Watch(Box<Watch>),
}

/// Percent-decoding; in a query `+` is a space.
fn decode(text: &str, query: bool) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' if query => bytes.push(b' '),
            b'%' => {
                let mut ahead = rest.clone();
                let digits = (ahead.next().and_then(digit), ahead.next().and_then(digit));
                if let (Some(high), Some(low)) = digits {
                    bytes.push(high * 16 + low);
                    rest = ahead;
                } else {
                    bytes.push(byte);
                }
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|d| u8::try_from(d).ok())
}
