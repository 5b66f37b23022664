//! The user's own git: how it is started, who they are, and whether they sign.

use super::{VcsError, open};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The name of commits by somebody whom neither environment nor settings name, as in continuous integration.
pub const FALLBACK_NAME: &str = "stairway";
/// Their address: `.invalid` is nobody's (RFC 2606 §2).
pub const FALLBACK_EMAIL: &str = "stairway@stairway.invalid";

/// Settings are read and objects are written within moments.
const LOCAL_AT_MOST: Duration = Duration::from_secs(60);

/// One start of git.
#[derive(Clone, Debug)]
pub struct GitCall<'c> {
    /// What follows `git`.
    pub argv: &'c [String],
    /// Variables beside those that every start gets.
    pub env: &'c [(String, String)],
    /// Where it runs.
    pub folder: &'c Path,
    /// When it is stopped.
    pub at_most: Duration,
}

/// What a start of git gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GitSaid {
    /// True when it left with 0.
    pub ok: bool,
    /// What it printed.
    pub out: String,
    /// What it complained.
    pub err: String,
}

/// Starts git; the error says why it could not be started, or that it took too long.
pub type RunGit = Arc<dyn Fn(&GitCall<'_>) -> Result<GitSaid, String> + Send + Sync>;

/// The user's own git.
#[derive(Clone)]
pub struct Git {
    /// How it is started.
    pub run: RunGit,
    /// The variables by which git knows who writes: `GIT_AUTHOR_NAME`, `GIT_COMMITTER_EMAIL`, ….
    pub identity: BTreeMap<String, String>,
    /// True when the environment says how ssh is started.
    pub own_ssh: bool,
}

impl fmt::Debug for Git {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Git")
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

/// Author or committer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) email: String,
}

/// What of the user's settings a commit depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) author: Person,
    pub(super) committer: Person,
    pub(super) signed: bool,
    /// True when the settings say how ssh is started.
    pub(super) own_ssh: bool,
}

impl Git {
    /// Runs git in a repository.
    pub(super) fn call(
        &self,
        top: &Path,
        argv: &[&str],
        env: &[(String, String)],
        at_most: Duration,
    ) -> Result<GitSaid, String> {
        // No hook of the repository runs, and nothing is left running behind us.
        let fixed = [
            "-c",
            "core.hooksPath=/dev/null",
            "-c",
            "gc.auto=0",
            "-c",
            "maintenance.auto=false",
        ];
        let all: Vec<String> = fixed
            .iter()
            .chain(argv)
            .map(|&word| word.to_owned())
            .collect();
        (self.run)(&GitCall {
            argv: &all,
            env,
            folder: top,
            at_most,
        })
    }

    /// Runs git for something that needs no network.
    pub(super) fn call_locally(
        &self,
        top: &Path,
        argv: &[&str],
        env: &[(String, String)],
    ) -> Result<GitSaid, String> {
        self.call(top, argv, env, LOCAL_AT_MOST)
    }

    /// Reads the settings as git sees them; without a git to ask, as libgit2 does.
    pub(super) fn settings(&self, top: &Path) -> Result<Settings, VcsError> {
        let asked = self.call_locally(top, &["config", "--null", "--list"], &[]);
        let found = match asked {
            Ok(said) if said.ok => listed(&said.out),
            Ok(_) | Err(_) => by_library(top)?,
        };
        Ok(self.interpret(&found))
    }

    fn interpret(&self, found: &BTreeMap<String, String>) -> Settings {
        let one = |variable: &str, keys: [&str; 2], fallback: &str| {
            let told = self.identity.get(variable);
            let set = || keys.iter().find_map(|key| found.get(*key));
            told.filter(|text| !text.trim().is_empty())
                .or_else(set)
                .map(|text| without_marks(text))
                .filter(|text| !text.is_empty())
                .unwrap_or_else(|| fallback.to_owned())
        };
        let person = |variable: &str, key: &str| Person {
            name: one(
                &format!("GIT_{variable}_NAME"),
                [&format!("{key}.name"), "user.name"],
                FALLBACK_NAME,
            ),
            email: one(
                &format!("GIT_{variable}_EMAIL"),
                [&format!("{key}.email"), "user.email"],
                FALLBACK_EMAIL,
            ),
        };
        Settings {
            author: person("AUTHOR", "author"),
            committer: person("COMMITTER", "committer"),
            signed: found
                .get("commit.gpgsign")
                .is_some_and(|text| is_true(text)),
            own_ssh: self.own_ssh || found.contains_key("core.sshcommand"),
        }
    }
}

/// The form of `git config --null --list`: key, line break, value, NUL; the last one counts. A key
/// without a value is true.
fn listed(text: &str) -> BTreeMap<String, String> {
    text.split('\0')
        .filter(|entry| !entry.is_empty())
        .map(|entry| entry.split_once('\n').unwrap_or((entry, "true")))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

fn by_library(top: &Path) -> Result<BTreeMap<String, String>, VcsError> {
    let wrap = |error: git2::Error| super::broken("Reading git's settings".to_owned(), &error);
    let config = open(top)?.config().and_then(|mut all| all.snapshot());
    let config = config.map_err(wrap)?;
    let keys = [
        "user.name",
        "user.email",
        "author.name",
        "author.email",
        "committer.name",
        "committer.email",
        "commit.gpgsign",
        "core.sshcommand",
    ];
    Ok(keys
        .into_iter()
        .filter_map(|key| Some((key.to_owned(), config.get_string(key).ok()?)))
        .collect())
}

/// What git takes for true: `true`, `yes`, `on` and every number but 0 (git-config(1), "Values").
fn is_true(text: &str) -> bool {
    let lower = text.trim().to_ascii_lowercase();
    matches!(lower.as_str(), "true" | "yes" | "on")
        || lower.parse::<i64>().is_ok_and(|number| number != 0)
}

/// Git leaves angle brackets and control characters out of names, because a commit's header has no quotes.
fn without_marks(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control() && !matches!(c, '<' | '>'))
        .collect::<String>()
        .trim()
        .to_owned()
}

/// Returns the folders of git in which a `HEAD` says what a work tree has checked out, with that work tree.
pub(super) fn work_trees(repository: &git2::Repository) -> Vec<(PathBuf, PathBuf)> {
    let common = repository.commondir().to_path_buf();
    let mut found = Vec::new();
    // Of a bare repository with linked work trees, the HEAD in the middle is nobody's.
    let is_bare = git2::Repository::open(&common).is_ok_and(|main| main.is_bare());
    if !is_bare {
        found.push((common.clone(), crate::files::parent_of(&common)));
    }
    let linked = common.join("worktrees");
    for name in crate::files::list_dir(&linked).unwrap_or_default() {
        let folder = linked.join(name);
        let link = crate::files::read_text(&folder.join("gitdir"), 1 << 16).unwrap_or_default();
        found.push((folder, crate::files::parent_of(Path::new(link.trim_end()))));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn git(identity: &[(&str, &str)]) -> Git {
        Git {
            run: Arc::new(|_| Err("there is none".to_owned())),
            identity: identity
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
            own_ssh: false,
        }
    }

    #[test]
    fn who_commits_is_the_environment_then_the_settings_then_nobody() {
        type Row<'r> = (&'r [(&'r str, &'r str)], &'r str, [&'r str; 4]);
        let nobody = [FALLBACK_NAME, FALLBACK_EMAIL, FALLBACK_NAME, FALLBACK_EMAIL];
        let rows: [Row<'_>; 5] = [
            (&[], "", nobody),
            (
                &[],
                "user.name\nAnn\0user.email\na@x\0",
                ["Ann", "a@x", "Ann", "a@x"],
            ),
            (
                &[("GIT_AUTHOR_NAME", "Bo"), ("GIT_COMMITTER_EMAIL", "c@x")],
                "user.name\nAnn\0user.email\na@x\0",
                ["Bo", "a@x", "Ann", "c@x"],
            ),
            (
                &[("GIT_AUTHOR_NAME", "  ")],
                "user.name\nAnn\0author.name\nCy\0user.name\nDee\0user.email\n<e@x>\0",
                ["Cy", "e@x", "Dee", "e@x"],
            ),
            (&[], "user.name\n<>\0", nobody),
        ];
        for (variables, config, expected) in rows {
            let found = git(variables).interpret(&listed(config));
            let Settings {
                author, committer, ..
            } = found;
            let seen = [author.name, author.email, committer.name, committer.email];
            assert_eq!(seen, expected, "{variables:?} {config:?}");
        }
    }

    #[test]
    fn signing_is_what_git_takes_for_true() {
        for (text, expected) in [
            ("", false),
            ("commit.gpgsign\ntrue\0", true),
            ("commit.gpgsign\0", true),
            ("commit.gpgsign\nYes\0", true),
            ("commit.gpgsign\n1\0", true),
            ("commit.gpgsign\n0\0", false),
            ("commit.gpgsign\ntrue\0commit.gpgsign\nfalse\0", false),
        ] {
            assert_eq!(
                git(&[]).interpret(&listed(text)).signed,
                expected,
                "{text:?}"
            );
        }
    }
}
