//! The one door to `kube` and the runtime that it needs: one exchange with the API server, bounded in time and bytes.

use super::access::Access;
use super::credentials::{Credentials, Secret};
use super::error::Trouble;
use http_body_util::BodyExt as _;
use kube::client::Body;
use std::ops::ControlFlow;
use std::time::Duration;

/// A request, whole.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) method: &'static str,
    /// With its query.
    pub(super) path: String,
    pub(super) content_type: Option<&'static str>,
    pub(super) body: Vec<u8>,
    /// The most that is read of an answer.
    pub(super) bytes_max: usize,
    /// How long all of it may take.
    pub(super) at_most: Duration,
}

/// An answer, whole.
#[derive(Clone, Debug)]
pub(super) struct Got {
    pub(super) status: u16,
    pub(super) retry_after: Option<u32>,
    pub(super) warnings: Vec<String>,
    pub(super) body: Vec<u8>,
}

/// No answer, or not all of it.
#[derive(Clone, Debug)]
pub(super) struct Broken {
    pub(super) trouble: Trouble,
    pub(super) why: String,
}

/// How a stream of lines goes on.
pub(super) enum Line<'l> {
    /// The server took the request: its status.
    Opened(u16),
    /// A line of the body.
    One(&'l [u8]),
}

/// A connection to one API server.
pub(super) struct Client {
    runtime: tokio::runtime::Runtime,
    kube: kube::Client,
}

/// A server in the same region answers in milliseconds, one across the world within a second.
const CONNECT: Duration = Duration::from_secs(10);
/// A line of a watch is one object; etcd takes objects of 1.5 MiB.
const LINE_BYTES_MAX: usize = 8 << 20;

impl Client {
    /// Prepares a connection; nothing is sent yet.
    pub(super) fn open(access: &Access) -> Result<Self, Broken> {
        let failed = |why: String| Broken {
            trouble: Trouble::Identity,
            why,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("kubernetes")
            .enable_all()
            .build()
            .map_err(|error| failed(error.to_string()))?;
        let endpoint = access
            .endpoint
            .parse()
            .map_err(|error| failed(format!("`{}` is no URL: {error}", access.endpoint)))?;
        let mut config = kube::Config::new(endpoint);
        config.root_cert = (!access.authority.is_empty()).then(|| access.authority.clone());
        config.tls_server_name.clone_from(&access.server_name);
        config.connect_timeout = Some(CONNECT);
        // Times and retries are ours: they are told, and counted.
        config.read_timeout = None;
        config.write_timeout = None;
        config.default_retry = false;
        if let Credentials::Certificate { certificate, key } = &access.credentials {
            let encode = |bytes: &[u8]| base64(bytes);
            config.auth_info.client_certificate_data = Some(encode(certificate));
            config.auth_info.client_key_data = Some(encode(key.reveal().as_bytes()).into());
        }
        let kube = {
            let _inside = runtime.enter();
            // What a server sends is judged later; this is about what the kubeconfig holds.
            kube::Client::try_from(config).map_err(|error| Broken {
                trouble: Trouble::Refused,
                why: format!(
                    "the certificates in `{}` cannot be used: {}",
                    access.shown,
                    chain(&error)
                ),
            })?
        };
        Ok(Self { runtime, kube })
    }

    /// Sends a request and reads the answer.
    pub(super) fn ask(&self, ask: &Ask, token: Option<&Secret>) -> Result<Got, Broken> {
        let request = request(ask, token)?;
        self.runtime.block_on(async {
            let whole = async {
                let response = self
                    .kube
                    .send(request)
                    .await
                    .map_err(|error| sent(&error))?;
                let (parts, body) = response.into_parts();
                let mut got = Got {
                    status: parts.status.as_u16(),
                    retry_after: header(&parts.headers, "retry-after")
                        .and_then(|text| text.parse().ok()),
                    warnings: warnings(&parts.headers),
                    body: Vec::new(),
                };
                let mut body = body;
                while let Some(frame) = body.frame().await {
                    let frame = frame.map_err(|error| cut(&error))?;
                    let Some(data) = frame.data_ref() else {
                        continue;
                    };
                    if got.body.len() + data.len() > ask.bytes_max {
                        return Err(Broken {
                            trouble: Trouble::TooLarge,
                            why: format!("the answer has more than {} bytes", ask.bytes_max),
                        });
                    }
                    got.body.extend_from_slice(data);
                }
                Ok(got)
            };
            tokio::time::timeout(ask.at_most, whole)
                .await
                .unwrap_or_else(|_| Err(late(ask.at_most)))
        })
    }

    /// Sends a request and hands over its lines as they come, until `each` has enough, the body ends, or time is up.
    ///
    /// Returns true when the time was up before the body ended.
    pub(super) fn lines(
        &self,
        ask: &Ask,
        token: Option<&Secret>,
        each: &mut dyn FnMut(Line<'_>) -> ControlFlow<()>,
    ) -> Result<bool, Broken> {
        let request = request(ask, token)?;
        self.runtime.block_on(async {
            let whole = async {
                let response = self
                    .kube
                    .send(request)
                    .await
                    .map_err(|error| sent(&error))?;
                let (parts, mut body) = response.into_parts();
                if each(Line::Opened(parts.status.as_u16())).is_break() {
                    return Ok(());
                }
                let mut rest: Vec<u8> = Vec::new();
                while let Some(frame) = body.frame().await {
                    let frame = frame.map_err(|error| cut(&error))?;
                    let Some(data) = frame.data_ref() else {
                        continue;
                    };
                    rest.extend_from_slice(data);
                    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                        let line: Vec<u8> = rest.drain(..=end).collect();
                        if each(Line::One(line.trim_ascii())).is_break() {
                            return Ok(());
                        }
                    }
                    if rest.len() > LINE_BYTES_MAX {
                        return Err(Broken {
                            trouble: Trouble::TooLarge,
                            why: format!("an event has more than {LINE_BYTES_MAX} bytes"),
                        });
                    }
                }
                if !rest.trim_ascii().is_empty() && each(Line::One(rest.trim_ascii())).is_break() {
                    return Ok(());
                }
                Ok(())
            };
            match tokio::time::timeout(ask.at_most, whole).await {
                Ok(ended) => ended.map(|()| false),
                Err(_) => Ok(true),
            }
        })
    }

    /// Waits, in the time of this runtime.
    pub(super) fn pause(&self, time: Duration) {
        // A timer can be made inside of the runtime only.
        self.runtime
            .block_on(async move { tokio::time::sleep(time).await });
    }
}

fn request(ask: &Ask, token: Option<&Secret>) -> Result<http::Request<Body>, Broken> {
    let mut builder = http::Request::builder()
        .method(ask.method)
        .uri(&ask.path)
        .header("accept", "application/json, */*;q=0.5")
        .header(
            "user-agent",
            concat!("stairway/", env!("CARGO_PKG_VERSION")),
        );
    if let Some(kind) = ask.content_type {
        builder = builder.header("content-type", kind);
    }
    let failed = |why: String| Broken {
        trouble: Trouble::Unauthorized,
        why,
    };
    if let Some(token) = token {
        let mut value = http::HeaderValue::from_str(&format!("Bearer {}", token.reveal()))
            .map_err(|_| failed("the token has signs that no header may have".to_owned()))?;
        value.set_sensitive(true);
        builder = builder.header("authorization", value);
    }
    builder
        .body(Body::from(ask.body.clone()))
        .map_err(|error| failed(error.to_string()))
}

fn header<'h>(headers: &'h http::HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The texts of `warning: 299 - "text"`.
fn warnings(headers: &http::HeaderMap) -> Vec<String> {
    let all = headers.get_all("warning").iter();
    all.filter_map(|value| value.to_str().ok())
        .filter_map(|value| value.split_once('"'))
        .map(|(_, text)| text.trim_end_matches('"').to_owned())
        .collect()
}

fn late(at_most: Duration) -> Broken {
    Broken {
        trouble: Trouble::Timeout,
        why: format!("no whole answer within {} s", at_most.as_secs_f32()),
    }
}

fn cut(error: &dyn std::error::Error) -> Broken {
    Broken {
        trouble: Trouble::Cut,
        why: format!(
            "the connection broke in the middle of the answer: {}",
            chain(error)
        ),
    }
}

/// Tells whether a request that failed may have arrived.
fn sent(error: &kube::Error) -> Broken {
    let why = chain(error);
    let mut link: Option<&(dyn std::error::Error + 'static)> = Some(error);
    let mut is_connect = false;
    while let Some(one) = link {
        let legacy = one.downcast_ref::<hyper_util::client::legacy::Error>();
        is_connect |= legacy.is_some_and(hyper_util::client::legacy::Error::is_connect);
        link = one.source();
    }
    // rustls says so in words only, by the time its errors have passed through the layers.
    let certificate = ["certificate", "tls handshake", "HandshakeFailure"]
        .iter()
        .any(|word| why.contains(word));
    let trouble = match (is_connect, certificate) {
        (true, true) => Trouble::Identity,
        (true, false) => Trouble::Unreachable,
        (false, true) => Trouble::Identity,
        (false, false) => Trouble::Cut,
    };
    Broken {
        trouble,
        why: without_layers(&why).to_owned(),
    }
}

/// Leaves out the names of the layers of the client, which tell a person nothing.
fn without_layers(why: &str) -> &str {
    let why = why.strip_prefix("ServiceError: ").unwrap_or(why);
    let inner = why
        .strip_prefix("client error (")
        .and_then(|rest| rest.split_once("): "));
    inner.map_or(why, |(_, inner)| inner)
}

/// An error with its causes, each once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut link = error.source();
    while let Some(one) = link {
        let more = one.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        link = one.source();
    }
    text
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
