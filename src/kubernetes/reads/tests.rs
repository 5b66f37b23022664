//! What is sent when, against a server that answers by a script: every request counts.

use super::super::writes::{Patch, Writes};
use super::*;
use crate::files::TemporaryDir;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

const CANARY: &str = "c4n4ry-token";
const NODES: Resource = Resource::NODES;

/// An answer of the script.
#[derive(Clone, Debug)]
enum Act {
    /// Status, more headers, body.
    Say(u16, &'static str, String),
    /// The connection closes without a word.
    Close,
    /// The head promises more than comes.
    Half(String),
    /// Nothing ever comes; the connection stays until the test ends.
    Silence,
}

fn ok(body: &Value) -> Act {
    Act::Say(200, "", body.to_string())
}

fn failed(status: u16) -> Act {
    let body = json!({"kind": "Status", "code": status, "message": format!("script says {status}"), "reason": ""});
    Act::Say(status, "", body.to_string())
}

fn page(names: &[&str], version: &str, next: &str) -> Act {
    let items: Vec<Value> = names
        .iter()
        .map(|name| json!({"metadata": {"name": name}}))
        .collect();
    ok(&json!({
        "kind": "NodeList",
        "metadata": {"resourceVersion": version, "continue": next},
        "items": items,
    }))
}

/// A request as the server saw it.
#[derive(Clone, Debug)]
struct Heard {
    line: String,
    token: String,
}

/// A server on loopback that answers by a script; after its end with 599.
struct Script {
    address: String,
    heard: Arc<Mutex<Vec<Heard>>>,
    _thread: JoinHandle<()>,
}

impl Script {
    fn of(acts: Vec<Act>) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", socket.local_addr().expect("an address"));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let to = Arc::clone(&heard);
        let thread = std::thread::spawn(move || {
            let mut acts = acts.into_iter();
            let mut silent = Vec::new();
            for stream in socket.incoming() {
                let Ok(mut stream) = stream else { return };
                let Some(request) = hear(&mut stream) else {
                    continue;
                };
                to.lock().expect("no panic").push(request);
                match acts.next().unwrap_or_else(|| failed(599)) {
                    Act::Close => {}
                    Act::Silence => silent.push(stream),
                    Act::Say(status, more, body) => {
                        let length = body.len();
                        let _gone = write!(
                            stream,
                            "HTTP/1.1 {status} X\r\nconnection: close\r\n{more}content-length: {length}\r\n\r\n{body}"
                        );
                    }
                    Act::Half(body) => {
                        let length = body.len() + 100;
                        let _gone = write!(
                            stream,
                            "HTTP/1.1 200 X\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
                        );
                    }
                }
            }
        });
        Self {
            address,
            heard,
            _thread: thread,
        }
    }

    fn heard(&self) -> Vec<Heard> {
        self.heard.lock().expect("no panic").clone()
    }

    fn access(&self, credentials: Credentials) -> Access {
        Access {
            context: "test".to_owned(),
            shown: "kubeconfig".to_owned(),
            endpoint: self.address.clone(),
            authority: Vec::new(),
            server_name: None,
            credentials,
        }
    }

    fn reads(&self) -> Reads {
        let token = Credentials::Token(Secret::new(CANARY.to_owned()));
        Reads::open(self.access(token), limits(), around(&Arc::default())).expect("opened")
    }
}

/// Reads a request with its body.
fn hear(stream: &mut std::net::TcpStream) -> Option<Heard> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    let head = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let field = |name: &str| {
        let mut lines = text.lines();
        let line = lines.find(|line| line.to_ascii_lowercase().starts_with(name));
        line.and_then(|line| line.split_once(": "))
            .map(|(_, value)| value.to_owned())
    };
    let length: usize = field("content-length").map_or(0, |text| text.parse().expect("a length"));
    while bytes.len() < head + 4 + length {
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
        }
    }
    Some(Heard {
        line: text.lines().next().unwrap_or_default().to_owned(),
        token: field("authorization").unwrap_or_default(),
    })
}

/// Enough for a server on this machine, and too short for one that says nothing to be waited for long.
fn limits() -> Limits {
    Limits {
        request: Duration::from_secs(20),
        attempts: 3,
        page: 2,
        pages: 5,
        bytes: 4096,
        pause: Duration::from_millis(1),
        pause_max: Duration::from_millis(2),
    }
}

const NOW: &str = "2026-11-20T10:00:00Z";

/// Each call of the plugin gives another token, good for an hour.
fn around(calls: &Arc<AtomicUsize>) -> Around {
    let calls = Arc::clone(calls);
    Around {
        plugin: Arc::new(move |_, _| {
            let call = calls.fetch_add(1, Ordering::SeqCst) + 1;
            Ok(answer(&format!("{CANARY}-{call}"), "2026-11-20T11:00:00Z"))
        }),
        clock: Arc::new(|| NOW.parse().expect("a time")),
    }
}

fn answer(token: &str, until: &str) -> String {
    json!({
        "kind": "ExecCredential",
        "apiVersion": "client.authentication.k8s.io/v1",
        "status": {"token": token, "expirationTimestamp": until},
    })
    .to_string()
}

fn plugin() -> Credentials {
    Credentials::Plugin {
        argv: vec!["eks".to_owned(), "get-token".to_owned()],
        env: Vec::new(),
    }
}

fn version() -> Act {
    ok(&json!({"gitVersion": "v1.35.0"}))
}

#[test]
fn a_token_is_renewed_once_when_it_is_not_taken_any_more() {
    let calls = Arc::new(AtomicUsize::new(0));
    let script = Script::of(vec![
        version(),
        failed(401),
        version(),
        failed(401),
        failed(401),
    ]);
    let reads = Reads::open(script.access(plugin()), limits(), around(&calls)).expect("opened");
    reads.version().expect("let in");
    reads.version().expect("let in with a new token");
    let error = reads.version().expect_err("no token is good");
    assert_eq!(error.trouble, Trouble::Unauthorized);
    assert!(
        error
            .hint()
            .is_some_and(|hint| hint.contains("aws sts get-caller-identity"))
    );
    let tokens: Vec<String> = script.heard().into_iter().map(|one| one.token).collect();
    let wanted = [1, 1, 2, 2, 3].map(|number| format!("Bearer {CANARY}-{number}"));
    assert_eq!(tokens, wanted);
    assert_eq!(calls.load(Ordering::SeqCst), 3);
}

#[test]
fn a_token_that_cannot_be_renewed_is_tried_once() {
    let script = Script::of(vec![failed(401)]);
    let error = script.reads().version().expect_err("not let in");
    assert_eq!(
        (error.trouble, error.status),
        (Trouble::Unauthorized, Some(401))
    );
    assert_eq!(script.heard().len(), 1);
    assert!(!format!("{error} {error:?} {:?}", error.hint()).contains(CANARY));
}

#[test]
fn a_token_that_ends_soon_and_a_file_that_changed_are_read_anew() {
    let folder = TemporaryDir::create().expect("a folder");
    let path = folder.path().join("token");
    files::write_private(&path, b"one\n").expect("written");
    let script = Script::of(vec![version(), failed(401), version()]);
    let access = script.access(Credentials::TokenFile(path.clone()));
    let reads = Reads::open(access, limits(), around(&Arc::default())).expect("opened");
    reads.version().expect("let in");
    files::write_private(&path, b"two\n").expect("written");
    reads.version().expect("the file was read again");
    let tokens: Vec<String> = script.heard().into_iter().map(|one| one.token).collect();
    assert_eq!(tokens, ["Bearer one", "Bearer one", "Bearer two"]);

    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let ends_soon = Around {
        plugin: Arc::new(move |_, _| {
            counted.fetch_add(1, Ordering::SeqCst);
            Ok(answer("t", "2026-11-20T10:00:59Z"))
        }),
        ..around(&Arc::default())
    };
    let script = Script::of(vec![version(), version()]);
    let reads = Reads::open(script.access(plugin()), limits(), ends_soon).expect("opened");
    reads
        .version()
        .and_then(|_| reads.version())
        .expect("let in");
    assert_eq!(calls.load(Ordering::SeqCst), 2, "one for each");
}

#[test]
fn without_a_token_nothing_is_sent_and_what_the_plugin_printed_is_not_told() {
    let rows: [(&str, Result<String, String>, &str); 4] = [
        (
            "it failed",
            Err("exit code 255: Unable to locate credentials".to_owned()),
            "Unable to locate credentials",
        ),
        ("it printed no JSON", Ok(CANARY.to_owned()), "no JSON"),
        (
            "it printed another object",
            Ok(format!("{{\"token\": \"{CANARY}\"}}")),
            "no ExecCredential",
        ),
        (
            "its token is no header",
            Ok(answer(&format!("{CANARY}\n"), "2026-11-20T11:00:00Z")),
            "no header may have",
        ),
    ];
    for (says, printed, words) in rows {
        let script = Script::of(Vec::new());
        let silent = Around {
            plugin: Arc::new(move |_, _| printed.clone()),
            ..around(&Arc::default())
        };
        let reads = Reads::open(script.access(plugin()), limits(), silent).expect("opened");
        let error = reads.version().expect_err(says);
        assert_eq!(error.trouble, Trouble::Unauthorized, "{says}");
        assert!(error.message.contains(words), "{says}: {error}");
        assert!(
            !format!("{error} {error:?}").contains(CANARY),
            "{says}: {error}"
        );
        assert!(script.heard().is_empty(), "{says}: something was sent");
    }
}

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Read,
    List,
    Review,
    Patch,
    Evict,
    Create,
    Replace,
}

fn call(reads: &Reads, call: Call) -> Result<(), CallError> {
    let writes = Writes::of(reads.clone());
    let (node, pod) = (
        Object::of(NODES, "n"),
        Object::within(Resource::PODS, "d", "p"),
    );
    let lease = Object::within(Resource::LEASES, "kube-system", "l");
    let body = json!({"metadata": {"name": "l"}});
    match call {
        Call::Read => reads.get(&node).map(|_| ()),
        Call::List => reads.list(NODES, None, &Selector::all()).map(|_| ()),
        Call::Review => reads.allowed("list", NODES, "", None).map(|_| ()),
        Call::Patch => writes.patch(&node, Patch::Merge, &json!({})).map(|_| ()),
        Call::Evict => writes.evict(&pod, "u", None),
        Call::Create => writes
            .create(Resource::LEASES, Some("kube-system"), &body)
            .map(|_| ()),
        Call::Replace => writes.replace(&lease, &body).map(|_| ()),
    }
}

const CALLS: [Call; 7] = [
    Call::Read,
    Call::List,
    Call::Review,
    Call::Patch,
    Call::Evict,
    Call::Create,
    Call::Replace,
];

#[test]
fn what_may_have_happened_is_asked_again_only_where_that_is_harmless() {
    let busy = Act::Say(429, "retry-after: 3600\r\n", "{}".to_owned());
    let budget = json!({"code": 429, "message": "m", "details": {"causes": [{"reason": "DisruptionBudget", "message": "web"}]}});
    // What the server does, each time; requests of a call that does nothing twice, and of one that might.
    let rows: [(&str, Act, Trouble, usize, usize); 11] = [
        ("503", failed(503), Trouble::Server, 3, 1),
        ("500", failed(500), Trouble::Server, 3, 1),
        ("a connection that breaks", Act::Close, Trouble::Cut, 3, 1),
        (
            "half an answer",
            Act::Half("{\"kind\":".to_owned()),
            Trouble::Cut,
            3,
            1,
        ),
        ("429 before any effect", busy, Trouble::Throttled, 3, 3),
        (
            "429 of a budget",
            Act::Say(429, "", budget.to_string()),
            Trouble::Budget,
            1,
            1,
        ),
        ("403", failed(403), Trouble::Forbidden, 1, 1),
        ("401", failed(401), Trouble::Unauthorized, 1, 1),
        ("404", failed(404), Trouble::NotFound, 1, 1),
        ("409", failed(409), Trouble::Conflict, 1, 1),
        (
            "too much",
            Act::Say(200, "", format!("{{\"a\": \"{}\"}}", "x".repeat(5000))),
            Trouble::TooLarge,
            1,
            1,
        ),
    ];
    for (says, act, trouble, repeated, once) in rows {
        for one in CALLS {
            let script = Script::of(vec![act.clone(); 9]);
            let reads = script.reads();
            let result = call(&reads, one);
            if trouble == Trouble::NotFound && one == Call::Read {
                result.expect("a missing object is no error");
                continue;
            }
            let error = result.expect_err(says);
            assert_eq!(error.trouble, trouble, "{says}, {one:?}: {error}");
            let wanted = if matches!(one, Call::Create | Call::Replace) {
                once
            } else {
                repeated
            };
            assert_eq!(script.heard().len(), wanted, "{says}, {one:?}");
            let counted = reads.traffic();
            assert_eq!(counted.requests, wanted as u64, "{says}, {one:?}");
            assert_eq!(counted.retries, wanted as u64 - 1, "{says}, {one:?}");
            assert!(!format!("{error} {:?}", error.hint()).contains(CANARY));
        }
    }
}

#[test]
fn a_server_that_says_nothing_is_waited_for_once() {
    for one in CALLS {
        let script = Script::of(vec![Act::Silence; 9]);
        let token = Credentials::Token(Secret::new(CANARY.to_owned()));
        let short = Limits {
            request: Duration::from_millis(50),
            ..limits()
        };
        let reads =
            Reads::open(script.access(token), short, around(&Arc::default())).expect("opened");
        let error = call(&reads, one).expect_err("no answer");
        assert_eq!(error.trouble, Trouble::Timeout, "{one:?}");
        assert!(error.in_doubt(), "{one:?}");
        assert_eq!(reads.traffic().requests, 1, "{one:?}");
    }
}

#[test]
fn a_server_that_is_not_there_is_tried_as_often_as_the_limits_say() {
    let gone = TcpListener::bind("127.0.0.1:0")
        .and_then(|socket| socket.local_addr())
        .expect("a port");
    let mut access = Script::of(Vec::new()).access(Credentials::None);
    access.endpoint = format!("http://{gone}");
    let reads = Reads::open(access, limits(), around(&Arc::default())).expect("opened");
    for one in CALLS {
        let before = reads.traffic().requests;
        let error = call(&reads, one).expect_err("nobody is there");
        assert_eq!(error.trouble, Trouble::Unreachable, "{one:?}: {error}");
        assert!(error.message.contains(&gone.to_string()), "{error}");
        assert!(!error.in_doubt(), "{one:?}: nothing was sent");
        assert_eq!(reads.traffic().requests - before, 3, "{one:?}");
    }
}

fn names(listed: &Listed) -> Vec<&str> {
    let name = |item| Value::pointer(item, "/metadata/name").and_then(Value::as_str);
    listed.items.iter().filter_map(name).collect()
}

/// What is told, what the server does, what comes of it, and after how many requests.
type Row<'r> = (&'r str, Vec<Act>, Result<&'r [&'r str], Trouble>, usize);

#[test]
#[expect(clippy::too_many_lines, reason = "a table, one sentence a row")]
fn lists_are_read_page_by_page_and_end() {
    let rows: [Row<'_>; 10] = [
        (
            "two pages",
            vec![page(&["a", "b"], "7", "n1"), page(&["c"], "7", "")],
            Ok(&["a", "b", "c"]),
            2,
        ),
        (
            "an empty list",
            vec![ok(
                &json!({"kind": "NodeList", "metadata": {}, "items": null}),
            )],
            Ok(&[]),
            1,
        ),
        (
            "a page that leads to itself",
            vec![page(&["a"], "7", "n1"); 9],
            Err(Trouble::Garbled),
            2,
        ),
        (
            "pages that lead in a circle",
            vec![
                page(&["a"], "7", "n1"),
                page(&["b"], "7", "n2"),
                page(&["a"], "7", "n1"),
                page(&["b"], "7", "n2"),
                page(&["a"], "7", "n1"),
            ],
            Err(Trouble::TooLarge),
            5,
        ),
        (
            "a page that was forgotten, and the list anew",
            vec![
                page(&["a"], "7", "n1"),
                failed(410),
                page(&["a", "b"], "9", "n2"),
                page(&["c"], "9", ""),
            ],
            Ok(&["a", "b", "c"]),
            4,
        ),
        (
            "pages that are forgotten each time",
            [page(&["a"], "7", "n"), failed(410)]
                .into_iter()
                .cycle()
                .take(12)
                .collect(),
            Err(Trouble::Gone),
            6,
        ),
        (
            "no list",
            vec![ok(&json!({"kind": "Status"}))],
            Err(Trouble::Garbled),
            1,
        ),
        (
            "half of it once",
            vec![
                Act::Say(200, "", "{\"metadata\": {".to_owned()),
                page(&["a"], "7", ""),
            ],
            Ok(&["a"]),
            2,
        ),
        (
            "no object",
            vec![Act::Say(200, "", "[]".to_owned()); 9],
            Err(Trouble::Garbled),
            3,
        ),
        (
            "HTML of a proxy",
            vec![Act::Say(200, "", "<html>".to_owned()); 9],
            Err(Trouble::Garbled),
            3,
        ),
    ];
    for (says, acts, wanted, requests) in rows {
        let script = Script::of(acts);
        let listed = script.reads().list(NODES, None, &Selector::all());
        match (&listed, wanted) {
            (Ok(listed), Ok(wanted)) => assert_eq!(names(listed), wanted, "{says}"),
            (Err(error), Err(trouble)) => assert_eq!(error.trouble, trouble, "{says}: {error}"),
            (_, wanted) => panic!("{says}: {listed:?}, not {wanted:?}"),
        }
        let heard = script.heard();
        assert_eq!(heard.len(), requests, "{says}");
        assert!(
            heard.iter().all(|one| one.line.contains("limit=2")),
            "{says}: {heard:?}"
        );
    }
}

#[test]
fn a_list_older_than_one_before_is_asked_for_again_and_then_refused() {
    let script = Script::of(vec![
        page(&["a"], "10", ""),
        page(&["a"], "9", ""),
        page(&["b"], "11", ""),
        page(&[], "3", ""),
        page(&[], "3", ""),
        page(&[], "3", ""),
    ]);
    let reads = script.reads();
    let list = || reads.list(NODES, None, &Selector::all());
    assert_eq!(names(&list().expect("the first")), ["a"]);
    assert_eq!(
        names(&list().expect("the second, at its second try")),
        ["b"]
    );
    let error = list().expect_err("older each time");
    assert_eq!(error.trouble, Trouble::Stale);
    assert_eq!(script.heard().len(), 6);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table, one sentence a row")]
fn a_watch_tells_what_comes_and_how_it_ended() {
    let event = |kind: &str, name: &str| {
        json!({"type": kind, "object": {"metadata": {"name": name, "resourceVersion": "8"}, "code": 410, "reason": "Expired", "message": "too old"}}).to_string() + "\n"
    };
    let bytes = |events: &[String]| Act::Say(200, "", events.concat());
    let half = event("ADDED", "late");
    let rows: [(&str, Act, Result<WatchEnd, Trouble>, usize); 6] = [
        (
            "it ends",
            bytes(&[
                event("ADDED", "a"),
                event("DELETED", "a"),
                event("BOOKMARK", ""),
            ]),
            Ok(WatchEnd::Ended),
            3,
        ),
        (
            "the version is forgotten",
            bytes(&[event("ADDED", "a"), event("ERROR", "")]),
            Err(Trouble::Gone),
            1,
        ),
        (
            "the last line is cut",
            bytes(&[event("ADDED", "a"), half[..20].to_owned()]),
            Ok(WatchEnd::Ended),
            1,
        ),
        (
            "it breaks",
            Act::Half(event("ADDED", "a")),
            Ok(WatchEnd::Ended),
            1,
        ),
        ("it is refused", failed(403), Err(Trouble::Forbidden), 0),
        (
            "a kind of event that nobody knows",
            bytes(&[event("NEWS", "a"), event("ADDED", "b")]),
            Ok(WatchEnd::Ended),
            1,
        ),
    ];
    let start = WatchStart {
        version: "7".to_owned(),
        at_most: Duration::from_secs(20),
    };
    for (says, act, wanted, events) in rows {
        let script = Script::of(vec![act]);
        let mut told = 0;
        let ended = script
            .reads()
            .watch(NODES, None, &Selector::all(), &start, &mut |_| {
                told += 1;
                ControlFlow::Continue(())
            });
        assert_eq!(ended.map_err(|error| error.trouble), wanted, "{says}");
        assert_eq!(told, events, "{says}");
        assert_eq!(
            script.heard().len(),
            1,
            "{says}: a watch is the caller's to begin again"
        );
        assert!(script.heard()[0].line.contains("resourceVersion=7"));
    }
    let script = Script::of(vec![Act::Silence]);
    let short = WatchStart {
        at_most: Duration::from_millis(50),
        ..start
    };
    let ended = script
        .reads()
        .watch(NODES, None, &Selector::all(), &short, &mut |_| {
            ControlFlow::Continue(())
        });
    assert_eq!(ended, Ok(WatchEnd::TimeUp));
}

#[test]
fn warnings_are_kept_once() {
    let warned = Act::Say(
        200,
        "warning: 299 - \"v1 Endpoints is deprecated\"\r\n",
        "{\"gitVersion\": \"v\"}".to_owned(),
    );
    let script = Script::of(vec![warned.clone(), warned]);
    let reads = script.reads();
    reads
        .version()
        .and_then(|_| reads.version())
        .expect("answers");
    assert_eq!(reads.warnings(), ["v1 Endpoints is deprecated"]);
}
