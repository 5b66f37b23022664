//! A real kubectl at the door of a served world: what it prints is what it printed before a real API server.

use crate::support::{Place, Run, is_set, read, testdata, top, write};
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

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

    /// Tries until a line prints what it should; controllers take a moment.
    fn soon(&self, line: &str, wanted: &str) {
        let begun = Instant::now();
        loop {
            let run = self.types(line);
            if run.stdout.trim() == wanted {
                return;
            }
            let late = begun.elapsed() > Duration::from_secs(10);
            assert!(!late, "{line}: {}{}", run.stdout, run.stderr);
            std::thread::sleep(Duration::from_millis(50));
        }
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
/// columns, the names of new pods, and which of two pods comes first. Retries print the same line again.
fn lines(text: &str) -> BTreeSet<String> {
    text.lines().map(steady).collect()
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
        if let Some(at) = word.find("/LIVE").or_else(|| word.find("/MERGED")) {
            let (_, rest) = word.split_at(at);
            let kind = if rest.starts_with("/LIVE") {
                "LIVE"
            } else {
                "MERGED"
            };
            let file = rest[1..].split_once('/').map_or("", |(_, file)| file);
            return format!("<tmp>/{kind}/{file}");
        }
        pod(&times(word))
    });
    words.collect::<Vec<_>>().join(" ")
}

/// A day with a time, in whatever form, is `<time>`.
fn times(word: &str) -> String {
    let Some(at) = word
        .find("2026-")
        .or_else(|| word.find("20").filter(|_| false))
    else {
        return word.to_owned();
    };
    let end = word[at..]
        .find(|c: char| !(c.is_ascii_digit() || "-:TZ.".contains(c)))
        .map_or(word.len(), |end| at + end);
    format!("{}<time>{}", &word[..at], &word[end..])
}

fn pod(word: &str) -> String {
    let mut text = word.to_owned();
    for prefix in ["web-864fbc6df4-", "free-6959446b5d-"] {
        let parts: Vec<&str> = word.split(prefix).collect();
        if parts.len() < 2 {
            continue;
        }
        let rest = parts[1..].iter().map(|part| {
            let end = part
                .find(|c: char| !c.is_ascii_alphanumeric())
                .unwrap_or(part.len());
            let old = ["p0001", "p0002"].contains(&&part[..end]);
            let name = if old { "<old>" } else { "<new>" };
            format!("{prefix}{name}{}", &part[end..])
        });
        text = format!("{}{}", parts[0], rest.collect::<String>());
    }
    text
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
            for line in one.difference(&other) {
                faults.push(format!(
                    "{name}: $ {}\n  missing in {what}: {line}",
                    wanted.line
                ));
            }
            for line in other.difference(&one) {
                faults.push(format!(
                    "{name}: $ {}\n  new in {what}: {line}",
                    wanted.line
                ));
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
    ("plan", "kubectl auth can-i create pods/eviction -n shop"),
    ("apply", "kubectl auth can-i create pods/eviction -n shop"),
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
                text.push_str(line.trim_end());
                text.push('\n');
            }
        }
        text.push_str(&format!("(exit {})\n\n", run.code));
    }
    let path = testdata("kubectl/story.txt");
    if is_set("UPDATE_TRANSCRIPTS") {
        write(&path, &text);
    }
    assert_eq!(text, read(&path), "UPDATE_TRANSCRIPTS=1 writes it anew");
}
