//! What the sockets promise, over plain HTTP and by hand: every byte that a client would see.

use super::{Ground, Role, ServeOptions, Serving};
use stairway_core::model::{ClusterId, Known, Node, Observation};
use stairway_world::door::{DoorFault, Request, Trouble};
use stairway_world::{Offers, World};
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

const NODES: &str = "/api/v1/nodes";
/// A socket that says nothing for so long has hung.
const HUNG: Duration = Duration::from_secs(20);

fn world() -> World {
    let id = ClusterId {
        name: "small".to_owned(),
        region: String::new(),
        account_id: None,
        endpoint: None,
        certificate_authority: None,
    };
    let mut seen = Observation::unknown(id, "test");
    seen.nodes = Known::Value(vec![Node {
        name: "node-a".to_owned(),
        nodegroup: None,
        provisioner: None,
        kubelet: Known::Value("v1.35.6-eks-0a1b2c3".parse().expect("a version")),
        ready: Known::Value(true),
        unschedulable: false,
        taints: Vec::new(),
        zone: Known::Absent,
        instance_type: Known::Absent,
    }]);
    let start = "2026-01-01T00:00:00Z".parse().expect("a time");
    World::of(seen, Offers::new(), start)
}

fn serve() -> Serving {
    let options = ServeOptions {
        clusters: vec!["small".to_owned()],
        port: 0,
        token: "token".to_owned(),
        role: Role::Admin,
        tls: false,
        pace: 0,
        until_idle: Some(Duration::from_secs(60)),
    };
    let worlds = BTreeMap::from([("small".to_owned(), world())]);
    Serving::start(Ground::Here(worlds), &options).expect("it serves")
}

fn connect(serving: &Serving) -> TcpStream {
    let stream = TcpStream::connect(serving.endpoints()[0].address).expect("a connection");
    stream.set_read_timeout(Some(HUNG)).expect("a timeout");
    stream
}

fn head(method: &str, target: &str, more: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer token\r\n{more}\r\n")
}

/// Sends one request on a connection of its own and returns all that comes until it closes.
fn ask(serving: &Serving, method: &str, target: &str, body: &[u8]) -> String {
    let mut stream = connect(serving);
    let more = format!(
        "connection: close\r\ncontent-type: application/merge-patch+json\r\ncontent-length: {}\r\n",
        body.len()
    );
    stream
        .write_all(head(method, target, &more).as_bytes())
        .expect("sent");
    // A server that has read enough may have closed its side already.
    let _early = stream.write_all(body);
    rest(&mut stream)
}

fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
            Err(error) => {
                let hung = error.kind() == std::io::ErrorKind::WouldBlock;
                assert!(!hung, "no end after {}", String::from_utf8_lossy(&bytes));
                break;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads until the answer so far has these words.
fn until(stream: &mut TcpStream, words: &str) -> String {
    let mut text = String::new();
    let mut chunk = [0; 4096];
    while !text.contains(words) {
        let count = stream.read(&mut chunk).expect("more");
        assert!(count > 0, "it ends without `{words}`: {text}");
        text.push_str(&String::from_utf8_lossy(&chunk[..count]));
    }
    text
}

fn strike(serving: &Serving, trouble: Trouble) {
    serving
        .with("small", |door, _| {
            door.heal();
            door.strike(DoorFault::of("/api/v1/*", trouble));
        })
        .expect("a cluster");
}

#[test]
fn a_connection_takes_request_after_request() {
    let serving = serve();
    let mut stream = connect(&serving);
    for _ in 0..3 {
        stream
            .write_all(head("GET", NODES, "").as_bytes())
            .expect("sent");
        let text = until(&mut stream, "\"node-a\"");
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
        assert!(text.contains("content-length: "), "{text}");
    }
    let answer = ask(&serving, "HEAD", NODES, b"");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(
        answer.ends_with("\r\n\r\n"),
        "to HEAD no body is sent: {answer}"
    );
}

#[test]
fn bodies_are_bounded_and_bad_requests_are_answered() {
    let serving = serve();
    let large = vec![b' '; 2 * Request::BODY_MAX];
    let answer = ask(&serving, "PATCH", "/api/v1/nodes/node-a", &large);
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let mut stream = connect(&serving);
    stream
        .write_all(b"no request at all\r\n\r\n")
        .expect("sent");
    let answer = rest(&mut stream);
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    let mut stream = connect(&serving);
    let long = "x".repeat(200 << 10);
    let _early = stream.write_all(head("GET", &format!("/{long}"), "").as_bytes());
    let answer = rest(&mut stream);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
        "{answer}"
    );
    let mut stream = connect(&serving);
    let other = head("GET", NODES, "").replace("Bearer token", "Bearer other");
    stream.write_all(other.as_bytes()).expect("sent");
    until(&mut stream, "HTTP/1.1 401 ");
}

#[test]
fn faults_reach_the_socket() {
    let serving = serve();
    let whole = ask(&serving, "GET", NODES, b"");
    let (_, body) = whole.split_once("\r\n\r\n").expect("a head");
    let length = format!("content-length: {}", body.len());

    for (trouble, left) in [
        (Trouble::Cut(10), 10),
        (Trouble::Cut(0), 0),
        (Trouble::HalfPage, body.len() / 2),
    ] {
        strike(&serving, trouble);
        let cut = ask(&serving, "GET", NODES, b"");
        let (head, part) = cut.split_once("\r\n\r\n").expect("a head");
        assert!(
            head.contains(&length),
            "the head promises all of it: {head}"
        );
        assert_eq!(part, &body[..left], "{trouble:?}");
    }
    strike(&serving, Trouble::Truncated);
    let half = ask(&serving, "GET", NODES, b"");
    let (head_of_half, part) = half.split_once("\r\n\r\n").expect("a head");
    assert_eq!(part, &body[..body.len() / 2]);
    let length = format!("content-length: {}", part.len());
    assert!(
        head_of_half.contains(&length),
        "it looks whole: {head_of_half}"
    );

    strike(&serving, Trouble::Slow(300));
    let mut stream = connect(&serving);
    stream
        .write_all(head("GET", NODES, "").as_bytes())
        .expect("sent");
    stream
        .set_read_timeout(Some(Duration::from_millis(100)))
        .expect("a timeout");
    assert!(stream.read(&mut [0]).is_err(), "the first byte is slow");
    stream.set_read_timeout(Some(HUNG)).expect("a timeout");
    until(&mut stream, "node-a");
    for (trouble, code) in [
        (Trouble::Busy(Some(3)), "429"),
        (Trouble::Unwell(503), "503"),
        (Trouble::AnswerLost(504), "504"),
        (Trouble::Expired, "401"),
        (Trouble::Forbidden, "403"),
        (Trouble::Gone, "410"),
    ] {
        strike(&serving, trouble);
        let answer = ask(&serving, "GET", NODES, b"");
        assert!(answer.starts_with(&format!("HTTP/1.1 {code} ")), "{answer}");
    }
    strike(&serving, Trouble::Cut(40));
    let watch = ask(&serving, "GET", &format!("{NODES}?watch=1"), b"");
    assert!(
        watch.contains("{\"object\":{\"") || watch.contains("{\"type\":"),
        "{watch}"
    );
    assert!(
        !watch.ends_with("0\r\n\r\n"),
        "it breaks, it does not end: {watch}"
    );
}

/// A client that waits holds up nobody: requests of one client overlap, however slow each of them is.
#[test]
fn slow_answers_and_those_that_never_come_hold_up_nobody_and_end_with_the_server() {
    for trouble in [Trouble::Slow(3_600_000), Trouble::NeverAnswers] {
        let mut serving = serve();
        strike(&serving, trouble);
        let mut waiting: Vec<TcpStream> = (0..10)
            .map(|_| {
                let mut stream = connect(&serving);
                stream
                    .write_all(head("GET", NODES, "").as_bytes())
                    .expect("sent");
                stream
            })
            .collect();
        let cordon = br#"{"spec":{"unschedulable":true}}"#;
        let mut write = connect(&serving);
        let more = format!(
            "content-type: application/merge-patch+json\r\ncontent-length: {}\r\n",
            cordon.len()
        );
        let patch = head("PATCH", "/api/v1/nodes/node-a", &more);
        write.write_all(patch.as_bytes()).expect("sent");
        write.write_all(cordon).expect("sent");
        // The write is done before its answer is out; whoever asks something else is answered meanwhile.
        while !serving
            .with("small", |_, world| {
                world.cluster.nodes.items()[0].unschedulable
            })
            .expect("a cluster")
        {
            let answer = ask(&serving, "GET", "/readyz", b"");
            assert!(answer.starts_with("HTTP/1.1 200 "), "{trouble:?}: {answer}");
        }
        let asked = ask(&serving, "GET", "/readyz", b"");
        assert!(asked.starts_with("HTTP/1.1 200 "), "{trouble:?}: {asked}");
        serving.stop();
        waiting.push(write);
        for mut stream in waiting {
            let answer = rest(&mut stream);
            let never = trouble == Trouble::NeverAnswers;
            assert!(!never || answer.is_empty(), "{answer}");
        }
    }
}

#[test]
fn a_watch_is_a_stream_that_ends_with_the_server() {
    let mut serving = serve();
    let mut stream = connect(&serving);
    stream
        .write_all(head("GET", &format!("{NODES}?watch=1"), "").as_bytes())
        .expect("sent");
    let text = until(&mut stream, "ADDED");
    assert!(text.contains("transfer-encoding: chunked"), "{text}");
    let cordon = br#"{"spec":{"unschedulable":true}}"#;
    let answer = ask(&serving, "PATCH", "/api/v1/nodes/node-a", cordon);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    // Both events may come in one read.
    let taint = until(&mut stream, "node.kubernetes.io/unschedulable");
    assert_eq!(
        taint.matches("\"MODIFIED\"").count(),
        2,
        "controllers act a moment later: {taint}"
    );
    let unschedulable = serving
        .with("small", |_, world| {
            world.cluster.nodes.items()[0].unschedulable
        })
        .expect("a cluster");
    assert!(unschedulable, "the world knows");
    serving.stop();
    assert!(serving.is_over());
    assert!(rest(&mut stream).ends_with("0\r\n\r\n"), "a clean end");
}

#[test]
fn a_watch_with_a_timeout_ends_in_time() {
    let serving = serve();
    let target = format!("{NODES}?watch=1&timeoutSeconds=1&allowWatchBookmarks=true");
    let answer = ask(&serving, "GET", &target, b"");
    assert!(answer.contains("BOOKMARK"), "{answer}");
    assert!(answer.ends_with("0\r\n\r\n"), "{answer}");
}
