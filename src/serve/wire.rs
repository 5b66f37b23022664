//! HTTP/1.1: the one door to hyper.

use super::served::{Answer, Held, Served};
use crate::live::WorldError;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response as HttpResponse, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use stairway_world::door::{NEVER_MS, Request, Response};
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context as Waker, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// For the head of the next request, and so also how long a connection may be idle; Go's clients keep theirs
/// for 90 s and open a new one when it was closed.
const HEAD: Duration = Duration::from_secs(60);
/// Bytes of a head: labels and selectors of real clients take a few thousand.
const HEAD_BYTES_MAX: usize = 128 << 10;
/// A client on the same machine sends 3 MiB at once.
const BODY: Duration = Duration::from_secs(30);
/// How much more than that is read from a client that sends too much; then the connection closes.
const THROWN_MAX: usize = 32 << 20;
/// Events of a watch that wait for a slow client; then the watch itself waits.
const EVENTS_WAITING: usize = 16;
/// A watch looks up for its bookmarks and its end, also when nothing happens.
const WATCH_TICK: Duration = Duration::from_secs(1);
/// What was written before a cut must have left, or the client sees nothing of it.
const BEFORE_CUT: Duration = Duration::from_millis(20);

/// One served cluster, as its connections see it.
pub(super) struct Site {
    pub(super) cluster: String,
    pub(super) served: Arc<Mutex<Served>>,
    pub(super) stopped: watch::Receiver<bool>,
    /// Counts up when watches may have something to tell.
    pub(super) changed: Arc<watch::Sender<u64>>,
    pub(super) traffic: Arc<Traffic>,
}

/// Whether anybody wants anything.
pub(super) struct Traffic {
    open: AtomicUsize,
    last: Mutex<Instant>,
}

impl Traffic {
    pub(super) fn new() -> Self {
        Self {
            open: AtomicUsize::new(0),
            last: Mutex::new(Instant::now()),
        }
    }

    /// Returns how long ago the last request ended; nothing while one is open.
    pub(super) fn quiet_for(&self) -> Duration {
        if self.open.load(Ordering::SeqCst) > 0 {
            return Duration::ZERO;
        }
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.elapsed()
    }

    fn begin(self: &Arc<Self>) -> Asking {
        self.open.fetch_add(1, Ordering::SeqCst);
        Asking(Arc::clone(self))
    }
}

/// An open request.
struct Asking(Arc<Traffic>);

impl Drop for Asking {
    fn drop(&mut self) {
        let mut last = self.0.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Instant::now();
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Answers the requests of one connection until either side ends it.
pub(super) async fn converse<S>(stream: S, site: &Arc<Site>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(|request| answer(Arc::clone(site), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    // How a connection ended is the client's business: it sees the same.
    tokio::select! {
        _ended = connection.as_mut() => {}
        () = site.over() => {
            connection.as_mut().graceful_shutdown();
            let _ended = connection.await;
        }
    }
}

/// Answers one request; an error closes the connection without an answer.
async fn answer(
    site: Arc<Site>,
    request: hyper::Request<Incoming>,
) -> io::Result<HttpResponse<Stream>> {
    let arrived = Instant::now();
    let asking = site.traffic.begin();
    let (head, body) = request.into_parts();
    let body = timeout(BODY, whole(body))
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    let target = head
        .uri
        .path_and_query()
        .map_or("/", |target| target.as_str());
    let mut asked = Request::new(head.method.as_str(), target).with_body(body);
    asked.headers = headers_of(&head.headers);
    let reads = matches!(head.method.as_str(), "GET" | "HEAD");
    let cluster = site.cluster.clone();
    let answer = site
        .ask(move |served| served.handle(&cluster, &asked))
        .await?;
    if !reads {
        site.changed.send_modify(|count| *count += 1);
    }
    match answer {
        Ok(Answer::Whole(response)) => {
            site.wait(arrived, response.delay_ms).await?;
            Ok(written(response, asking))
        }
        Ok(Answer::Watch(held)) => {
            site.wait(arrived, held.watch.delay_ms).await?;
            Ok(watching(site, held, asking))
        }
        Err(error) => Ok(written(unread(&error), asking)),
    }
}

impl Site {
    /// Waits for the world on another thread, so that other sockets are served meanwhile.
    async fn ask<R: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut Served) -> R + Send + 'static,
    ) -> io::Result<R> {
        let served = Arc::clone(&self.served);
        let asked = tokio::task::spawn_blocking(move || {
            let mut served = served.lock().unwrap_or_else(PoisonError::into_inner);
            ask(&mut served)
        });
        asked.await.map_err(io::Error::other)
    }

    /// Waits before an answer, with no lock held: requests of one client overlap. The time counts from the request
    /// on: a slow answer takes that long, whatever of it was work. An answer that never comes ends with the server, and then the connection breaks.
    async fn wait(&self, arrived: Instant, milliseconds: u64) -> io::Result<()> {
        if milliseconds == 0 {
            return Ok(());
        }
        if milliseconds == NEVER_MS {
            self.over().await;
            return Err(io::Error::from(io::ErrorKind::ConnectionAborted));
        }
        tokio::select! {
            () = sleep_until(arrived + Duration::from_millis(milliseconds)) => {}
            () = self.over() => {}
        }
        Ok(())
    }

    /// Returns when the server is to end.
    pub(super) async fn over(&self) {
        let mut stopped = self.stopped.clone();
        // Without anybody who could say so, it is to end too.
        let _said = stopped.wait_for(|stop| *stop).await;
    }
}

/// Reads a body up to one byte more than the door takes; that one the door refuses with 413. More is thrown
/// away: a client that still sends would not read the answer.
async fn whole(mut body: Incoming) -> io::Result<Vec<u8>> {
    let (mut bytes, mut thrown) = (Vec::new(), 0);
    while let Some(frame) =
        std::future::poll_fn(|waker| Pin::new(&mut body).poll_frame(waker)).await
    {
        let Ok(chunk) = frame.map_err(io::Error::other)?.into_data() else {
            continue;
        };
        let room = (Request::BODY_MAX + 1).saturating_sub(bytes.len());
        bytes.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
        thrown += chunk.len().saturating_sub(room);
        if thrown > THROWN_MAX {
            break;
        }
    }
    Ok(bytes)
}

/// Header fields that come twice are one with commas (RFC 9110 §5.2); what is no text is left out.
fn headers_of(headers: &HeaderMap) -> std::collections::BTreeMap<String, String> {
    let mut all = std::collections::BTreeMap::<String, String>::new();
    for (name, value) in headers {
        let Ok(value) = value.to_str() else { continue };
        all.entry(name.as_str().to_owned())
            .and_modify(|text| *text = format!("{text}, {value}"))
            .or_insert_with(|| value.to_owned());
    }
    all
}

/// The answer when the world cannot be read or written: what an API server says that lost its etcd.
fn unread(error: &WorldError) -> Response {
    let hint = error.hint().map(|hint| format!("; {hint}"));
    let message = format!("{error}{}", hint.unwrap_or_default());
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": "InternalError", "code": 500,
    });
    Response {
        status: 500,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: status.to_string().into_bytes(),
        delay_ms: 0,
        cut_after: None,
    }
}

fn written(response: Response, asking: Asking) -> HttpResponse<Stream> {
    let length = response.body.len();
    let cut = response.cut_after.filter(|cut| *cut < length);
    let parts = match cut {
        None => Parts::Whole(Some(Bytes::from(response.body))),
        Some(cut) => {
            let (tell, told) = mpsc::channel(2);
            let part = Bytes::from(response.body).slice(..cut);
            tokio::spawn(async move { break_after(&tell, part).await });
            Parts::More(told)
        }
    };
    let mut written = HttpResponse::new(Stream {
        parts,
        _asking: asking,
    });
    *written.status_mut() =
        StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in &response.headers {
        // Neither can fail for what the door says; a header that does is left out.
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_bytes(value.as_bytes()),
        ) {
            written.headers_mut().append(name, value);
        }
    }
    if cut.is_some() {
        // The head promises all of it.
        written
            .headers_mut()
            .insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    written
}

/// Writes the last bytes, lets them leave, and breaks the connection.
async fn break_after(tell: &mpsc::Sender<io::Result<Bytes>>, part: Bytes) {
    if !part.is_empty() {
        let _gone = tell.send(Ok(part)).await;
    }
    sleep(BEFORE_CUT).await;
    let cut = io::Error::from(io::ErrorKind::ConnectionAborted);
    let _gone = tell.send(Err(cut)).await;
}

fn watching(site: Arc<Site>, held: Box<Held>, asking: Asking) -> HttpResponse<Stream> {
    let status = StatusCode::from_u16(held.watch.status());
    let content_type = HeaderValue::from_static(held.watch.content_type());
    let (tell, told) = mpsc::channel(EVENTS_WAITING);
    tokio::spawn(async move { tell_all(&site, held, &tell).await });
    let mut response = HttpResponse::new(Stream {
        parts: Parts::More(told),
        _asking: asking,
    });
    *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// Tells a watch's events until it ends, the client goes, or the server stops.
async fn tell_all(site: &Site, mut held: Box<Held>, tell: &mpsc::Sender<io::Result<Bytes>>) {
    let begun = Instant::now();
    let mut changed = site.changed.subscribe();
    let mut left = held.watch.cut_after;
    loop {
        // What changes from here on is looked at in the next round.
        changed.mark_unchanged();
        let (elapsed, cluster) = (begun.elapsed().as_secs(), site.cluster.clone());
        let poll = move |served: &mut Served| {
            let polled = served.poll(&cluster, &mut held, elapsed);
            (polled, held)
        };
        let Ok((polled, back)) = site.ask(poll).await else {
            return;
        };
        held = back;
        for event in polled.events {
            let event = Bytes::from(event);
            match left {
                Some(bytes) if event.len() > bytes => {
                    return break_after(tell, event.slice(..bytes)).await;
                }
                Some(bytes) => left = Some(bytes - event.len()),
                None => {}
            }
            if tell.send(Ok(event)).await.is_err() {
                return;
            }
        }
        if polled.ended {
            return;
        }
        tokio::select! {
            () = tell.closed() => return,
            () = site.over() => return,
            _ = changed.changed() => {}
            () = sleep(WATCH_TICK) => {}
        }
    }
}

/// The body of an answer; the request is open as long as it is.
struct Stream {
    parts: Parts,
    _asking: Asking,
}

enum Parts {
    Whole(Option<Bytes>),
    More(mpsc::Receiver<io::Result<Bytes>>),
}

impl Body for Stream {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        waker: &mut Waker<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match &mut self.get_mut().parts {
            Parts::Whole(bytes) => Poll::Ready(bytes.take().map(|all| Ok(Frame::data(all)))),
            Parts::More(told) => told
                .poll_recv(waker)
                .map(|part| part.map(|part| part.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.parts {
            Parts::Whole(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Parts::More(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.parts {
            Parts::Whole(bytes) => {
                let length = bytes.as_ref().map_or(0, Bytes::len);
                SizeHint::with_exact(u64::try_from(length).unwrap_or(u64::MAX))
            }
            Parts::More(_) => SizeHint::new(),
        }
    }
}
