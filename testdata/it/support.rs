//! What the tests share: where things are, and the real binary in an empty environment.

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

/// Columns of every line that the tests read.
pub(crate) const COLUMNS: &str = "100";
/// The exit code of a wrong command line.
pub(crate) const USAGE: i32 = 64;
/// "Within seconds": three times what the render worker's clock allows would be no answer any more.
pub(crate) const PATIENCE_SECONDS: u64 = 30;
/// Between two looks of [`wait_for`]: short beside whatever a test waits for.
const LOOK: Duration = Duration::from_millis(10);
/// What has not come by then, on the slowest machine, never comes.
const WAITED_MAX: Duration = Duration::from_secs(180);

/// Looks until there is what the test waits for, and returns it: the one place where these tests sleep.
///
/// `look` gives what is seen instead when it is not there yet; a wait in vain fails with those words.
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    let begun = Instant::now();
    loop {
        match look() {
            Ok(seen) => return seen,
            Err(instead) => assert!(
                begun.elapsed() < WAITED_MAX,
                "waited in vain for {what}; instead: {instead}"
            ),
        }
        std::thread::sleep(LOOK);
    }
}

/// Waits until a process has ended.
pub(crate) fn wait_for_end(what: &str, child: &mut Child) -> ExitStatus {
    wait_for(what, || {
        let ended = child.try_wait().expect("a child");
        ended.ok_or_else(|| "it still runs".to_owned())
    })
}

/// Returns the top of the repository.
pub(crate) fn top() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Returns `testdata/<inner>`.
pub(crate) fn testdata(inner: &str) -> PathBuf {
    top().join("testdata").join(inner)
}

/// Reads a text file of the repository.
pub(crate) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Writes a file and the folders above it.
pub(crate) fn write(path: &Path, text: &str) {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).expect("a folder");
    }
    std::fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// Returns the names in a folder, sorted.
pub(crate) fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

/// Returns every file below a folder as a path relative to it, sorted.
pub(crate) fn files_below(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting = vec![PathBuf::new()];
    while let Some(inner) = waiting.pop() {
        for name in names_in(&folder.join(&inner)) {
            let path = inner.join(name);
            if folder.join(&path).is_dir() {
                waiting.push(path);
            } else {
                found.push(path.to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    found
}

/// Returns true when the committed files are to be rewritten: `UPDATE_TESTDATA=1`.
pub(crate) fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty() && value != "0")
}

/// What a run of the binary gave.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) seconds: u64,
}

impl Run {
    /// Fails unless the exit code is `code`.
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "stdout:\n{}\nstderr:\n{}",
            self.stdout, self.stderr
        );
        self
    }

    /// Fails unless the run was a clear refusal: no panic, no partial data, an error with words.
    pub(crate) fn refused(self, codes: &[i32], words: &[&str]) -> Self {
        assert!(
            codes.contains(&self.code),
            "exit {} is none of {codes:?}: {}",
            self.code,
            self.stderr
        );
        assert!(
            self.stderr.contains("Error"),
            "no error is told: {}",
            self.stderr
        );
        for word in words {
            assert!(
                self.stderr.contains(word),
                "`{word}` is missing in: {}",
                self.stderr
            );
        }
        self.calm()
    }

    /// Fails when the run panicked or took too long.
    pub(crate) fn calm(self) -> Self {
        for word in [
            "panicked at",
            "RUST_BACKTRACE",
            "thread 'main'",
            "stack overflow",
        ] {
            assert!(!self.stderr.contains(word), "{}", self.stderr);
        }
        assert!(
            self.seconds <= PATIENCE_SECONDS,
            "it took {} s",
            self.seconds
        );
        self
    }

    /// Reads stdout as one JSON document.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("stdout is no JSON ({error}): {}", self.stdout))
    }
}

/// A folder with a home of its own, in which the binary runs.
pub(crate) struct Place {
    folder: tempfile::TempDir,
    variables: BTreeMap<String, String>,
}

impl Place {
    /// Makes an empty one, outside of any repository.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut variables = BTreeMap::new();
        let home = folder.path().join("home");
        std::fs::create_dir(&home).expect("a home");
        std::fs::create_dir(folder.path().join("work")).expect("a working folder");
        variables.insert("HOME".to_owned(), home.to_string_lossy().into_owned());
        variables.insert("COLUMNS".to_owned(), COLUMNS.to_owned());
        Self { folder, variables }
    }

    /// Adds an environment variable.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Returns the working folder.
    pub(crate) fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// Writes a file in the working folder.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.work().join(name);
        write(&path, text);
        path
    }

    /// Writes a JSON file in the working folder.
    pub(crate) fn json(&self, name: &str, value: &Value) -> PathBuf {
        self.file(name, &format!("{value:#}\n"))
    }

    /// Copies a folder of the repository into the working folder, keeping its path.
    pub(crate) fn copy(&self, inner: &str) {
        for file in files_below(&top().join(inner)) {
            let to = self.work().join(inner).join(&file);
            std::fs::create_dir_all(to.parent().expect("a parent")).expect("a folder");
            std::fs::copy(top().join(inner).join(&file), to).expect("a copy");
        }
    }

    /// Returns a command that runs the binary with an empty environment.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stairway"));
        command
            .args(arguments)
            .env_clear()
            .envs(&self.variables)
            .current_dir(self.work())
            .stdin(Stdio::null());
        command
    }

    /// Runs the binary in the working folder.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        let started = Instant::now();
        let output = self.command(arguments).output().expect("the binary runs");
        let seconds = started.elapsed().as_secs();
        of_output(&output, seconds)
    }
}

fn of_output(output: &Output, seconds: u64) -> Run {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("output is UTF-8");
    Run {
        code: output.status.code().unwrap_or(-1),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
        seconds,
    }
}

/// Returns a place with a clone of the demo fleet in it: a repository before its first commit.
pub(crate) fn demo() -> Place {
    let place = Place::new();
    place.file(".git/HEAD", "ref: refs/heads/main\n");
    place.copy("testdata/demo");
    place.copy("templates");
    place
}

/// The fleet file of [`demo`].
pub(crate) const DEMO_FLEET: &str = "testdata/demo/fleet.yaml";

/// The clusters of the demo fleet.
pub(crate) const DEMO_CLUSTERS: [&str; 8] = [
    "canyon", "delta", "glacier", "harbor", "lagoon", "meadow", "summit", "tundra",
];
