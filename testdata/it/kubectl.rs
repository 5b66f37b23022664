//! A real kubectl at the door of a served world: what it prints is what it printed before a real API server.

use crate::support::{Place, Run, is_set, read, testdata, top, wait_for, write};
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Instant;

/// A server that its test forgot ends by itself.
const IDLE: &str = "120";
/// Nothing that is typed here takes longer; the longest has a timeout of 30 s of its own.
const TYPED_SECONDS: u64 = 60;

/// Returns the kubectl that `.ci/kubectl` finds or fetches.
fn kubectl() -> &'static PathBuf {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| {
        let output = Command::new(top().join(".ci/kubectl"))
            .output()
            .expect(".ci/kubectl runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        assert!(
            output.status.success(),
            "these tests need a kubectl of 1.34 to 1.36:\n{}",
            text(&output.stderr)
        );
        PathBuf::from(text(&output.stdout))
    })
}

/// A served world.
struct Cluster {
    place: Place,
    server: Child,
    first_line: String,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _gone = self.server.kill();
        let _gone = self.server.wait();
    }
}

/// Returns a place with the world of the recordings and the manifests that the commands name.
fn place() -> Place {
    let place = Place::new();
    place.copy("testdata/kubectl");
    let folder = place.work().join("testdata/kubectl");
    for name in crate::support::names_in(&folder.join("manifests")) {
        place.file(&name, &read(&folder.join("manifests").join(&name)));
    }
    for name in ["world.yaml", "recorded.observed.json"] {
        place.file(name, &read(&folder.join(name)));
    }
    place
}

impl Cluster {
    fn serve(options: &[&str]) -> Self {
        Self::serve_in(place(), options)
    }

    fn serve_in(place: Place, options: &[&str]) -> Self {
        let arguments = [
            &["world", "serve", "world.yaml", "--until-idle", IDLE],
            options,
        ]
        .concat();
        let mut server = place
            .command(&arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut first_line = String::new();
        let out = server.stdout.as_mut().expect("a pipe");
        BufReader::new(out)
            .read_line(&mut first_line)
            .expect("a line");
        if first_line.is_empty() {
            let mut said = String::new();
            let err = server.stderr.as_mut().expect("a pipe");
            err.read_to_string(&mut said).expect("text");
            panic!("it does not serve: {said}");
        }
        Self {
            place,
            server,
            first_line,
        }
    }

    /// Types a line into a shell in which kubectl is ours.
    fn types(&self, line: &str) -> Run {
        self.types_with(line, ".stairway/recorded.kubeconfig")
    }

    fn types_with(&self, line: &str, kubeconfig: &str) -> Run {
        typed(self.shell(line, kubeconfig), line)
    }

    fn shell(&self, line: &str, kubeconfig: &str) -> Command {
        let folder = kubectl().parent().expect("a folder").display().to_string();
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", line])
            .env_clear()
            .env("HOME", self.place.work())
            .env("PATH", format!("{folder}:/usr/bin:/bin"))
            .env("KUBECONFIG", kubeconfig)
            .current_dir(self.place.work())
            .stdin(Stdio::null());
        command
    }

    /// The same for a command that must go well: how a state comes about.
    fn given(&self, line: &str) {
        self.types(line).expect(0);
    }

    /// Types a line until it prints what it should; controllers take a moment.
    fn soon(&self, line: &str, wanted: &str) {
        wait_for(&format!("`{wanted}` of `{line}`"), || {
            let run = self.types(line);
            if run.stdout.trim() == wanted {
                return Ok(());
            }
            Err(format!("{}{}", run.stdout, run.stderr))
        });
    }
}

fn typed(mut command: Command, line: &str) -> Run {
    let begun = Instant::now();
    let output = command.output().expect("a shell");
    let seconds = begun.elapsed().as_secs();
    assert!(seconds < TYPED_SECONDS, "`{line}` took {seconds} s");
    Run {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        seconds,
    }
}

/// A command of a recording and what it printed.
#[derive(Debug, Default)]
struct Recorded {
    line: String,
    stdout: String,
    stderr: String,
    code: i32,
}

fn recording(name: &str) -> Vec<Recorded> {
    let text = read(&testdata(&format!("kubectl/recorded/{name}.txt")));
    let mut found: Vec<Recorded> = Vec::new();
    let mut to_stderr = false;
    let mut open = false;
    for line in text.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            found.push(Recorded {
                line: command.to_owned(),
                ..Recorded::default()
            });
            open = true;
        } else if let Some(code) = line.strip_prefix("-- exit code ") {
            let code = code.split(',').next().expect("a number");
            found.last_mut().expect("a command").code = code.parse().expect("a number");
            open = false;
        } else if line == "-- stdout" || line == "-- stderr" {
            to_stderr = line == "-- stderr";
        } else if open {
            let last = found.last_mut().expect("a command");
            let stream = if to_stderr {
                &mut last.stderr
            } else {
                &mut last.stdout
            };
            stream.push_str(line);
            stream.push('\n');
        }
    }
    assert!(!found.is_empty(), "{name} has no commands");
    found
}

/// Returns the lines without what differs from run to run: ages, times, temporary folders, the width of
/// columns, which of two pods comes first, and what kubectl logs of itself. Retries print the same line again.
fn lines(text: &str) -> BTreeSet<String> {
    text.lines()
        .map(steady)
        .filter(|line| !is_log(line))
        .collect()
}

/// Empty lines, and those of klog: `E1120 19:35:17.142291 …`.
fn is_log(line: &str) -> bool {
    let mut chars = line.chars();
    let level = chars.next();
    level.is_none_or(|c| "EWI".contains(c) && chars.take(4).all(|c| c.is_ascii_digit()))
}

fn steady(line: &str) -> String {
    let words = line.split_whitespace().map(|word| {
        let bare = word.trim_matches(|c: char| "\",:}{".contains(c));
        let age = bare.len() > 1
            && bare.starts_with(|c: char| c.is_ascii_digit())
            && bare
                .chars()
                .all(|c| c.is_ascii_digit() || "ydhms".contains(c));
        if age {
            return word.replace(bare, "<age>");
        }
        let file = ["/LIVE", "/MERGED"].iter().find_map(|kind| {
            let (_, rest) = word.split_once(kind)?;
            let (_, file) = rest.split_once('/')?;
            Some(format!("<tmp>{kind}/{file}"))
        });
        file.unwrap_or_else(|| which(&times(word)))
    });
    let line = words.collect::<Vec<_>>().join(" ");
    match line.split_once("<time>") {
        // diff writes a day, a time and a zone, with or without quotes around.
        Some((head, _)) if line.starts_with("+++ ") || line.starts_with("--- ") => {
            format!("{head}<time>")
        }
        Some(_) | None => line,
    }
}

/// A day, with its time where one follows, is `<time>`.
fn times(word: &str) -> String {
    let Some(at) = word.find("2026-") else {
        return word.to_owned();
    };
    let end = word[at..]
        .find(|c: char| !(c.is_ascii_digit() || "-:TZ.".contains(c)))
        .map_or(word.len(), |end| at + end);
    format!("{}<time>{}", &word[..at], &word[end..])
}

/// Two pods of a Deployment are asked at the same time.
fn which(word: &str) -> String {
    ["p0001", "p0002"]
        .iter()
        .fold(word.to_owned(), |word, name| word.replace(name, "p000N"))
}

/// Where the door differs from the recording, and why that may be: command, line, reason.
const DIFFERENT: [(&str, &str, &str); 5] = [
    (
        "-o jsonpath='{.spec}'",
        "unschedulable",
        "nodes of EKS have a providerID, those of the recorded cluster had none",
    ),
    (
        "get pods -n shop -o custom-columns",
        "free-6959446b5d-",
        "the world's new pods get the names of the evicted ones, with other uids",
    ),
    (
        "set image",
        "rollout to finish",
        "how many steps of a rollout are seen differs from run to run",
    ),
    (
        "set image",
        "spec update to be observed",
        "how many steps of a rollout are seen differs from run to run",
    ),
    (
        "rollout history",
        "2 <none>",
        "the world's Deployments keep their ReplicaSet",
    ),
];

fn may_differ(command: &str, line: &str) -> bool {
    DIFFERENT
        .iter()
        .any(|(part, word, _)| command.contains(part) && line.contains(word))
}

/// A recording, the options of the server, and what brings its state about.
type Row = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

const ROWS: [Row; 12] = [
    ("apply-server-side", &[], &[]),
    ("cordon-uncordon", &[], &[]),
    (
        "diff",
        &[],
        &["kubectl apply --server-side --field-manager=stairway -f settings.yaml"],
    ),
    ("drain-blocked-by-pdb", &["--pace", "60"], &[]),
    ("drain-dry-run", &[], &[]),
    (
        // The recorded server made new pods ready at once, so that a budget of one let two go; here it is two.
        "drain-ok",
        &[],
        &[
            "kubectl cordon node-a",
            "kubectl delete pods -n shop -l app=free --wait=false",
            "kubectl patch pdb -n shop web --type=merge -p '{\"spec\":{\"minAvailable\":0}}'",
        ],
    ),
    ("drain-refused", &[], &[]),
    (
        "drain-refused-unmanaged",
        &[],
        &["kubectl apply -f bare.yaml"],
    ),
    ("errors", &[], &[]),
    ("rollout-status", &["--pace", "60"], &[]),
    (
        "rollout-status-stuck",
        &["--pace", "1"],
        &["kubectl apply -f stuck.yaml"],
    ),
    ("wait", &[], &["kubectl apply -f stuck.yaml"]),
];

/// Commands whose files or users are of other tests, and where.
const ELSEWHERE: [&str; 2] = ["viewer.kubeconfig", "nobody.kubeconfig"];

#[test]
fn kubectl_prints_at_the_door_what_it_printed_at_a_real_server() {
    let files: BTreeSet<String> = crate::support::names_in(&testdata("kubectl/recorded"))
        .iter()
        .map(|name| name.trim_end_matches(".txt").to_owned())
        .collect();
    assert_eq!(files, ROWS.iter().map(|row| row.0.to_owned()).collect());
    kubectl();
    let faults: Vec<String> = std::thread::scope(|scope| {
        let replays: Vec<_> = ROWS
            .iter()
            .map(|row| scope.spawn(move || replay(row)))
            .collect();
        replays
            .into_iter()
            .flat_map(|one| one.join().expect("a replay"))
            .collect()
    });
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Types the commands of a recording; returns what differs.
fn replay((name, options, state): &Row) -> Vec<String> {
    let cluster = Cluster::serve(options);
    bad_token(&cluster);
    for line in *state {
        cluster.given(line);
    }
    if *name == "drain-ok" {
        let pods = "kubectl get pods -n shop -o name --field-selector spec.nodeName=node-a | wc -l";
        cluster.soon(pods, "2");
    }
    let mut faults = Vec::new();
    for wanted in recording(name) {
        if ELSEWHERE.iter().any(|file| wanted.line.contains(file)) {
            continue;
        }
        let got = cluster.types(&wanted.line);
        for (what, one, other) in [
            ("stdout", &wanted.stdout, &got.stdout),
            ("stderr", &wanted.stderr, &got.stderr),
        ] {
            let (one, other) = (lines(one), lines(other));
            for line in one.symmetric_difference(&other) {
                let which = if one.contains(line) { "missing" } else { "new" };
                if !may_differ(&wanted.line, line) {
                    let command = &wanted.line;
                    faults.push(format!("{name}: $ {command}\n  {which} in {what}: {line}"));
                }
            }
        }
        if wanted.code != got.code {
            let (was, is) = (wanted.code, got.code);
            faults.push(format!("{name}: $ {}\n  exit {is}, not {was}", wanted.line));
        }
    }
    faults
}

/// Writes a kubeconfig with a token that nobody knows.
fn bad_token(cluster: &Cluster) {
    let text = read(&cluster.place.work().join(".stairway/recorded.kubeconfig"));
    let (before, rest) = text.split_once("token: \"").expect("a token");
    let (_, after) = rest.split_once('"').expect("its end");
    let name = "bad-token.kubeconfig";
    cluster
        .place
        .file(name, &format!("{before}token: \"nobodys\"{after}"));
}

/// What is typed where there is no recording, and by whom.
const STORY: [(&str, &str); 24] = [
    ("admin", "kubectl version"),
    ("admin", "kubectl get nodes"),
    ("admin", "kubectl get nodes -o name --chunk-size=1"),
    (
        "admin",
        "kubectl get nodes -l pool=blue,kubernetes.io/os=linux --no-headers",
    ),
    ("admin", "kubectl get nodes -l pool=green"),
    (
        "admin",
        "kubectl get pods -A --field-selector spec.nodeName=node-b",
    ),
    ("admin", "kubectl get pdb,deploy,ds -A"),
    ("admin", "kubectl drain node-b --ignore-daemonsets"),
    ("admin", "kubectl drain node-b --ignore-daemonsets --force"),
    ("admin", "kubectl get lease -n kube-system"),
    (
        "admin",
        "kubectl apply --server-side --field-manager=ann -f lease.yaml",
    ),
    (
        "admin",
        "kubectl apply --server-side --field-manager=bob -f lease-bob.yaml",
    ),
    ("admin", "kubectl get lease -n kube-system stairway"),
    ("admin", "kubectl delete lease -n kube-system stairway"),
    (
        "admin",
        "kubectl apply --server-side --field-manager=ann -f aws-node.yaml",
    ),
    (
        "admin",
        "kubectl apply --server-side --field-manager=ann --force-conflicts -f aws-node.yaml",
    ),
    (
        "admin",
        "kubectl get ds -n kube-system aws-node -o jsonpath='{.spec.template.spec.containers[0].image}'",
    ),
    ("admin", "kubectl get --raw /metrics"),
    ("admin", "kubectl auth whoami"),
    ("plan", "kubectl get nodes -o name"),
    ("plan", "kubectl cordon node-a"),
    ("plan", "kubectl get secrets -A"),
    (
        "plan",
        "kubectl auth can-i create pods --subresource=eviction -n shop",
    ),
    (
        "apply",
        "kubectl auth can-i create pods --subresource=eviction -n shop",
    ),
];

#[test]
fn the_story_of_a_served_world() {
    let cluster = Cluster::serve(&[]);
    cluster.given("kubectl apply -f unmanaged.yaml");
    let mut others = Vec::new();
    for role in ["plan", "apply"] {
        let config = format!("{role}.kubeconfig");
        let options = ["--role", role, "--kubeconfig", &config];
        others.push(Cluster::serve(&options));
    }
    let mut text = String::new();
    for (role, line) in STORY {
        let run = match role {
            "plan" => others[0].types_with(line, "plan.kubeconfig"),
            "apply" => others[1].types_with(line, "apply.kubeconfig"),
            _ => cluster.types(line),
        };
        text.push_str(&format!("{role} $ {line}\n"));
        for stream in [&run.stdout, &run.stderr] {
            // What kubectl says of itself is not ours.
            let ours = |line: &&str| {
                ![
                    "Client Version",
                    "Kustomize Version",
                    "Warning: version difference",
                ]
                .iter()
                .any(|word| line.starts_with(word))
            };
            for line in stream.lines().filter(ours) {
                text.push_str(&in_order(line.trim_end()));
                text.push('\n');
            }
        }
        text.push_str(&format!("(exit {})\n\n", run.code));
    }
    let path = testdata("kubectl/story.txt");
    if is_set("UPDATE_TRANSCRIPTS") {
        write(&path, &text);
    }
    let kept = read(&path);
    let first = text.lines().zip(kept.lines()).find(|(now, was)| now != was);
    assert_eq!(first, None, "UPDATE_TRANSCRIPTS=1 writes it anew");
    assert_eq!(text.lines().count(), kept.lines().count());
}

/// kubectl tells its reasons in the order of a Go map.
fn in_order(line: &str) -> String {
    let Some(reasons) = line.strip_prefix("Warning: ") else {
        return line.to_owned();
    };
    let mut reasons: Vec<&str> = reasons.split("; ").collect();
    reasons.sort_unstable_by(|one, other| other.cmp(one));
    format!("Warning: {}", reasons.join("; "))
}

#[test]
fn a_node_is_described_with_its_pods() {
    let cluster = Cluster::serve(&[]);
    let node = cluster
        .types("kubectl describe node node-a")
        .expect(0)
        .stdout;
    for words in [
        "Unschedulable:      false",
        "Kubelet Version:            v1.35.6-eks-0a1b2c3",
        "Non-terminated Pods:          (5 in total)",
        "web-864fbc6df4-p0001",
        "eks.amazonaws.com/nodegroup=blue",
    ] {
        assert!(node.contains(words), "`{words}` is missing in:\n{node}");
    }
    let pod = "kubectl describe pod -n shop web-864fbc6df4-p0001";
    let pod = cluster.types(pod).expect(0).stdout;
    for words in [
        "Controlled By:  ReplicaSet/web-864fbc6df4",
        "node-a",
        "Running",
    ] {
        assert!(pod.contains(words), "`{words}` is missing in:\n{pod}");
    }
}

/// A `kubectl get -w` that is ended by its handle.
struct Watching(Child, BufReader<std::process::ChildStdout>);

impl Watching {
    fn begin(cluster: &Cluster, line: &str) -> Self {
        let mut command = cluster.shell(&format!("exec {line}"), ".stairway/recorded.kubeconfig");
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        let out = BufReader::new(child.stdout.take().expect("a pipe"));
        Self(child, out)
    }

    /// Waits for a line; a watch that ends without it fails the test, and its request has a timeout.
    fn sees(&mut self, words: &[&str]) {
        let mut seen = String::new();
        loop {
            let mut line = String::new();
            let count = self.1.read_line(&mut line).expect("a line");
            assert!(count > 0, "no line has {words:?}: {seen}");
            if words.iter().all(|word| line.contains(word)) {
                return;
            }
            seen.push_str(&line);
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}

#[test]
fn a_watch_sees_what_others_do_to_the_world() {
    let cluster = Cluster::serve(&[]);
    let mut nodes = Watching::begin(
        &cluster,
        "kubectl get nodes -w --no-headers --request-timeout=60s",
    );
    nodes.sees(&["node-b", "Ready"]);
    cluster.given("kubectl cordon node-b");
    nodes.sees(&["node-b", "SchedulingDisabled"]);

    // Another server of the same world, and our own commands: both go over the disk.
    let show = ["world", "show", "world.yaml", "--format", "json"];
    let before = cluster.place.run(&show).expect(0).json()["clusters"][0]["now"].clone();
    let other = [
        "world",
        "serve",
        "world.yaml",
        "--until-idle",
        "60",
        "--kubeconfig",
        "other.kubeconfig",
    ];
    let mut second = cluster
        .place
        .command(&other)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    let out = second.stdout.take().expect("a pipe");
    BufReader::new(out).read_line(&mut line).expect("a line");
    assert!(line.starts_with("recorded  https://127.0.0.1:"), "{line}");
    let seen = cluster.types_with("kubectl get node node-b --no-headers", "other.kubeconfig");
    assert!(
        seen.stdout.contains("SchedulingDisabled"),
        "{}",
        seen.stdout
    );
    cluster
        .types_with("kubectl uncordon node-b", "other.kubeconfig")
        .expect(0);
    nodes.sees(&["node-b", "Ready "]);
    let _gone = second.kill();
    let _gone = second.wait();

    cluster
        .place
        .run(&["world", "advance", "world.yaml", "1h"])
        .expect(0);
    let after = cluster.place.run(&show).expect(0).json()["clusters"][0]["now"].clone();
    assert_ne!(before, after);
    cluster.soon(
        "kubectl get node node-b -o jsonpath='{.status.conditions[0].type}'",
        "Ready",
    );
    let age = cluster.types("kubectl get node node-b --no-headers").stdout;
    assert!(
        age.contains("60m"),
        "the served clock is the world's: {age}"
    );
    cluster
        .place
        .run(&["world", "reset", "world.yaml"])
        .expect(0);
    let age = cluster.types("kubectl get node node-b --no-headers").stdout;
    assert!(age.contains("31s"), "the world began again: {age}");
}

#[test]
fn what_clients_did_outlives_the_server() {
    let mut cluster = Cluster::serve(&[]);
    cluster.given("kubectl cordon node-a");
    cluster.given("kubectl drain node-a --ignore-daemonsets --disable-eviction --timeout=20s");
    let mut watch = Watching::begin(
        &cluster,
        "kubectl get pods -n shop -w --no-headers --request-timeout=60s",
    );
    watch.sees(&["web"]);
    let pid = cluster.server.id();
    cluster.given(&format!("kill -TERM {pid}"));
    let ended = cluster.server.wait().expect("it ends");
    assert_eq!(
        ended.code(),
        Some(0),
        "it ends by itself, its watches with it"
    );
    let mut said = String::new();
    let err = cluster.server.stderr.as_mut().expect("a pipe");
    err.read_to_string(&mut said).expect("text");
    assert!(said.contains("The server ended, as asked"), "{said}");
    drop(watch);

    let again = cluster
        .place
        .command(&["world", "serve", "world.yaml", "--until-idle", IDLE])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    cluster.server = again.expect("it starts");
    let mut line = String::new();
    let out = cluster.server.stdout.as_mut().expect("a pipe");
    BufReader::new(out).read_line(&mut line).expect("a line");
    let node = cluster
        .types("kubectl get node node-a --no-headers")
        .expect(0)
        .stdout;
    assert!(node.contains("SchedulingDisabled"), "{node}");
    let pods = "kubectl get pods -n shop -o name --field-selector spec.nodeName=node-a | wc -l";
    cluster.soon(pods, "0");
}

#[test]
fn the_kubeconfig_is_private_and_names_the_authority() {
    use std::os::unix::fs::PermissionsExt as _;
    let cluster = Cluster::serve(&["--token", "a-token-of-mine"]);
    assert!(
        cluster
            .first_line
            .starts_with("recorded  https://127.0.0.1:"),
        "{}",
        cluster.first_line
    );
    let path = cluster.place.work().join(".stairway/recorded.kubeconfig");
    let mode = std::fs::metadata(&path)
        .expect("a file")
        .permissions()
        .mode()
        & 0o777;
    assert_eq!(mode, 0o600);
    let text = read(&path);
    assert!(text.contains("a-token-of-mine"));
    let without: Vec<&str> = text
        .lines()
        .filter(|line| !line.contains("certificate-authority"))
        .collect();
    cluster
        .place
        .file("unknown.kubeconfig", &without.join("\n"));
    let run = cluster.types_with("kubectl get nodes", "unknown.kubeconfig");
    assert_eq!(run.code, 1);
    assert!(
        run.stderr
            .contains("certificate signed by unknown authority"),
        "{}",
        run.stderr
    );
    let contexts = cluster
        .types("kubectl config get-contexts -o name")
        .expect(0);
    assert_eq!(contexts.stdout, "recorded\n");
}

#[test]
fn a_world_that_cannot_be_served_says_why() {
    let cluster = Cluster::serve(&[]);
    let port = cluster
        .first_line
        .split([':', ' '])
        .find_map(|part| part.parse::<u16>().ok());
    let port = port.expect("a port").to_string();
    let place = &cluster.place;
    place.file("mine.kubeconfig", "apiVersion: v1\nkind: Config\n");
    let rows: [(&[&str], i32, &[&str]); 6] = [
        (
            &["--port", &port, "--kubeconfig", "new.kubeconfig"],
            1,
            &["127.0.0.1", "in use", "--port"],
        ),
        (
            &["--cluster", "nowhere"],
            1,
            &["no cluster `nowhere`", "recorded"],
        ),
        (
            &["--kubeconfig", "mine.kubeconfig"],
            5,
            &["did not write", "--kubeconfig"],
        ),
        (&["--token", "two words"], 64, &["--token", "random"]),
        (&["--pace", "0"], 64, &["--pace"]),
        (&["--role", "none"], 64, &["plan, apply, admin"]),
    ];
    for (options, code, words) in rows {
        let arguments = [&["world", "serve", "world.yaml"], options].concat();
        let run = place.run(&arguments);
        assert_eq!(run.code, code, "{options:?}: {}", run.stderr);
        for word in words {
            assert!(
                run.stderr.contains(word),
                "{options:?}: `{word}`: {}",
                run.stderr
            );
        }
    }
    assert_eq!(
        read(&place.work().join("mine.kubeconfig")),
        "apiVersion: v1\nkind: Config\n"
    );
    let help = place.run(&["world", "serve", "--help"]).expect(0).stdout;
    for words in ["kubectl --context harbor get nodes", "--pace", "Ctrl-C"] {
        assert!(help.contains(words), "{help}");
    }
    place
        .run(&[
            "world",
            "serve",
            "world.yaml",
            "--until-idle",
            "1",
            "--kubeconfig",
            "idle.kubeconfig",
        ])
        .expect(0)
        .calm();
}
