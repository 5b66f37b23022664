//! Plans, approvals and journals on a branch of git, so that a run can go on from another machine.
//!
//! ```text
//! refs/heads/<branch>: plans/planset.json         the plans of the last invocation
//!                      plans/<id>/...             as in a folder, without `logs/`
//! <git>/stairway/store/<branch>/plans/<id>/...    the same here, on which commands work
//! <git>/stairway/store/<branch>/plans/<id>/.branch    what the branch had when it was last seen
//! ```
//!
//! # Guarantees
//! A run writes to its folder here first, synced as ever, and then to the branch. The branch moves only
//! from what was seen of the plan: when somebody else wrote a journal there, [`BranchStore::publish`]
//! refuses and names their commit. Approvals of others are taken in, other plans are not looked at.
//! No journal is taken, and none is pushed, whose chain of events is broken: see [`BranchError::Journal`].
//! A journal here is never cut short: one that is ahead of the branch's is kept, one that is behind is
//! replaced. Of two that went apart the one here is set aside when it announces no effect that the branch
//! does not know; else neither is touched.

mod journals;

use super::disk::{Disk as _, RealDisk};
use super::journal::{JOURNAL_FILE, LOGS_FOLDER};
use super::sets::SET_FILE;
use crate::files::{self, FileError, FileErrorKind};
use crate::vcs::{self, Branch, Change, Committed, Git, Made, Message, Tip, VcsError};
use stairway_core::journal::JournalError;
use stairway_core::model::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The remote that a store is published on unless another one is named: what `git clone` calls it.
pub const DEFAULT_REMOTE: &str = "origin";
/// What the name of a store on a branch begins with.
pub const PREFIX: &str = "branch:";
/// The folder of plans on the branch.
const PLANS: &str = "plans";
/// What the branch had when it was last seen; hidden, and never published.
const SEEN_FILE: &str = ".branch";
/// A plan's folder has some ten files; a journal of 100,000 events has about 40 MB.
const FILE_BYTES_MAX: u64 = 256 << 20;
/// A journal that was set aside by itself is `journal.ndjson.apart-1`, and so on; it is never published.
const APART: &str = ".apart-";
/// Nobody loses as many races about one plan.
const APART_MAX: u32 = 1000;
/// The plan in its folder.
const PLAN_FILE: &str = "plan.json";
/// Where approvals are in a plan's folder.
const APPROVALS: &str = "approvals/";

/// Why a branch could not be used as a store.
#[derive(Debug, thiserror::Error)]
pub enum BranchError {
    /// Git gave no answer, or refused.
    #[error(transparent)]
    Vcs(#[from] VcsError),
    /// The copy here cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// There is no repository.
    #[error("Opening the store `{PREFIX}{branch}` failed: `{}` is in no git repository", .folder.display())]
    NoRepository {
        /// The branch.
        branch: String,
        /// The folder.
        folder: PathBuf,
    },
    /// Neither here nor at the remote.
    #[error("Opening the store `{PREFIX}{branch}` failed: there is no branch `{branch}`{place}")]
    NoBranch {
        /// The branch.
        branch: String,
        /// Where it was looked for besides here.
        place: String,
    },
    /// Somebody else wrote to the plan's folder.
    #[error(
        "Publishing `{plan}` on the branch `{branch}` failed: somebody else works on this plan: {commit}"
    )]
    Taken {
        /// The branch.
        branch: String,
        /// The plan's id.
        plan: String,
        /// Their commit, in words.
        commit: String,
    },
    /// The journal here and the one on the branch went apart.
    #[error(
        "Taking `{plan}` from the branch `{branch}` failed: its journal there ({commit}) and the one here went apart after {common} events"
    )]
    Apart {
        /// The branch.
        branch: String,
        /// The plan's id.
        plan: String,
        /// Whose commit has the one there.
        commit: String,
        /// How many events both have.
        common: usize,
        /// The folder here.
        folder: PathBuf,
    },
    /// A journal on the branch that cannot be believed.
    #[error(
        "Taking `{plan}` from the branch `{branch}` failed: its journal there cannot be believed: {error}; last changed by {commit}"
    )]
    Journal {
        /// The branch.
        branch: String,
        /// The plan's id.
        plan: String,
        /// Whose commit has it.
        commit: String,
        /// What git calls the branch.
        rev: String,
        /// What is wrong.
        error: Box<JournalError>,
    },
    /// A journal here that cannot be believed.
    #[error(
        "Publishing `{plan}` on the branch `{branch}` failed: the journal here cannot be believed: {error}"
    )]
    JournalHere {
        /// The branch.
        branch: String,
        /// The plan's id.
        plan: String,
        /// The folder here.
        folder: PathBuf,
        /// What is wrong.
        error: Box<JournalError>,
    },
}

/// A journal that was here and is set aside, because the branch's tells everything that was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// The plan's id.
    pub plan: String,
    /// Where it is now.
    pub file: PathBuf,
    /// How many of its events the branch does not have.
    pub events: usize,
    /// Whose commit has the one there.
    pub commit: String,
}

impl BranchError {
    /// Returns what to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Vcs(error) => error.hint(),
            Self::File(_) => None,
            Self::NoRepository { .. } => {
                Some("run it in a clone, or keep plans in a folder: `--out plans`".to_owned())
            }
            Self::NoBranch { branch, .. } => {
                Some(format!("`stairway plan --store {PREFIX}{branch}` makes it"))
            }
            Self::Taken { branch, plan, .. } => {
                Some(format!("`stairway status {plan} --store {PREFIX}{branch}`"))
            }
            Self::Journal { plan, rev, .. } => Some(format!(
                "nothing was taken, and nothing was pushed; `git log -p {rev} -- {PLANS}/{plan}/{JOURNAL_FILE}` shows who changed what: revert that commit on the branch, then do this again"
            )),
            Self::JournalHere { folder, .. } => Some(format!(
                "nothing was pushed; to go on from the branch's, leave yours behind: `mv {0} {0}.aside`",
                folder.join(JOURNAL_FILE).display()
            )),
            Self::Apart { folder, .. } => Some(format!(
                "the branch's is what others go on from; to go on from it here too, leave yours behind: `mv {0} {0}.aside`",
                folder.join(JOURNAL_FILE).display()
            )),
        }
    }
}

/// What is told about a publication.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// The first line.
    pub subject: String,
    /// Lines at the end.
    pub trailers: Vec<(String, String)>,
}

/// One branch as a store of plans, with its copy here.
#[derive(Clone, Debug)]
pub struct BranchStore {
    git: Git,
    top: PathBuf,
    name: String,
    remote: Option<String>,
    /// True when the remote was named, so that commands in hints name it as well.
    named: bool,
    folder: PathBuf,
}

/// What the branch had of a plan when it was last seen: the tree, and each file with its id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    tree: String,
    files: BTreeMap<String, String>,
}

impl BranchStore {
    /// Opens the store of this name in the repository around `cwd`. Without a remote of that name the
    /// branch here is all of it, unless the remote was named on purpose.
    ///
    /// # Errors
    /// There is no repository, git takes no such name, the named remote is not there, or the copy
    /// cannot be made.
    pub fn open(
        git: Git,
        cwd: &Path,
        name: &str,
        remote: Option<&str>,
    ) -> Result<Self, BranchError> {
        let top = vcs::repository_around(cwd).ok_or_else(|| BranchError::NoRepository {
            branch: name.to_owned(),
            folder: cwd.to_path_buf(),
        })?;
        let wanted = remote.unwrap_or(DEFAULT_REMOTE);
        let there = {
            let branch = Branch::of(&git, &top, name, Some(wanted))?;
            let there = branch.has_remote()?;
            if !there && remote.is_some() {
                branch.fetch()?;
            }
            there
        };
        let common = vcs::common_folder(&top)?;
        // One folder for each branch, whatever slashes its name has.
        let plain = name.replace('%', "%25").replace('/', "%2F");
        let folder = common.join("stairway/store").join(plain).join(PLANS);
        let failed = |cause: std::io::Error| {
            BranchError::File(FileError {
                attempt: "Making",
                path: folder.clone(),
                kind: FileErrorKind::Os(cause),
            })
        };
        RealDisk.make_dir(&folder).map_err(failed)?;
        // A journal that is synced is found again only by names that are durable too.
        for above in folder.ancestors().take_while(|a| a.starts_with(&common)) {
            RealDisk.sync_dir(above).map_err(failed)?;
        }
        Ok(Self {
            git,
            top,
            name: name.to_owned(),
            remote: there.then(|| wanted.to_owned()),
            named: remote.is_some(),
            folder,
        })
    }

    /// Returns the folder here in which the plans are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the remote on which it is published, if there is one.
    pub fn remote(&self) -> Option<&str> {
        self.remote.as_deref()
    }

    /// Returns the options that name it, for commands in hints.
    pub fn option(&self) -> String {
        let store = format!(" --store {PREFIX}{}", self.name);
        match &self.remote {
            Some(remote) if self.named => format!("{store} --remote {remote}"),
            Some(_) | None => store,
        }
    }

    /// Returns the command that lists the plans on it.
    pub fn listing(&self) -> String {
        format!("git ls-tree --name-only {} {PLANS}/", self.rev())
    }

    /// Returns what git calls the branch here.
    fn rev(&self) -> String {
        let remote = self.remote.as_ref();
        let start = remote.map_or_else(String::new, |remote| format!("{remote}/"));
        format!("{start}{}", self.name)
    }

    /// Returns it as people say it.
    pub fn said(&self) -> String {
        match &self.remote {
            Some(remote) => format!("the branch `{}` of `{remote}`", self.name),
            None => format!("the branch `{}`", self.name),
        }
    }

    fn branch(&self) -> Result<Branch<'_>, VcsError> {
        Branch::of(&self.git, &self.top, &self.name, self.remote.as_deref())
    }

    /// Fetches the branch; without a remote there is nothing to fetch.
    ///
    /// # Errors
    /// The remote gave no answer.
    pub fn fetch(&self) -> Result<(), BranchError> {
        if self.remote.is_some() {
            self.branch()?.fetch()?;
        }
        Ok(())
    }

    /// Brings the copy here up to what was last fetched; what is ahead here stays, and so does a plan whose
    /// journal cannot be believed there or went apart from the branch's: [`BranchStore::check`] tells of it.
    ///
    /// # Errors
    /// Git or the disk refused.
    pub fn take(&self) -> Result<(), BranchError> {
        self.branch()?.look(|tip| {
            for (id, tree) in tip.folders(PLANS)? {
                match self.take_plan(tip, &id, &tree) {
                    // It is no obstacle for the other plans.
                    Ok(()) | Err(BranchError::Apart { .. } | BranchError::Journal { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            let set = format!("{PLANS}/{SET_FILE}");
            if let Some(bytes) = tip.read(&set)? {
                write_changed(&self.folder.join(SET_FILE), &bytes)?;
            }
            Ok(())
        })
    }

    /// Makes sure that the journal of a plan here and the one on the branch are of one run. One here that announces
    /// no effect of which the branch does not know is set aside.
    ///
    /// # Errors
    /// They went apart, or the branch's cannot be believed; or git or the disk refused.
    pub fn check(&self, id: &str) -> Result<Option<SetAside>, BranchError> {
        self.branch()?.look(|tip| {
            let found = tip.folders(PLANS)?.into_iter().find(|(name, _)| name == id);
            let Some((_, tree)) = found else {
                return Ok(None);
            };
            match self.take_plan(tip, id, &tree) {
                Ok(()) => Ok(None),
                Err(BranchError::Apart { commit, common, .. }) if self.may_leave(tip, id)? => {
                    let (file, events) = self.set_aside(id, common)?;
                    self.take_plan(tip, id, &tree)?;
                    Ok(Some(SetAside {
                        plan: id.to_owned(),
                        file,
                        events,
                        commit,
                    }))
                }
                Err(error) => Err(error),
            }
        })
    }

    /// Makes sure that all plans on the branch whose id begins so could be taken.
    ///
    /// # Errors
    /// One of them could not: its journal cannot be believed; or git or the disk refused.
    pub fn check_named(&self, start: &str) -> Result<(), BranchError> {
        self.branch()?.look(|tip| {
            for (id, tree) in tip.folders(PLANS)? {
                if id.starts_with(start) {
                    self.take_plan(tip, &id, &tree)?;
                }
            }
            Ok(())
        })
    }

    /// Returns true when the journal here can be believed, and announces no effect of which the branch does not know.
    fn may_leave(&self, tip: &Tip<'_>, id: &str) -> Result<bool, BranchError> {
        let here = read_here(&self.folder.join(id).join(JOURNAL_FILE))?.unwrap_or_default();
        let there = tip.read(&at(id, JOURNAL_FILE))?.unwrap_or_default();
        let digest = self.digest(tip, id)?;
        let read = |bytes: &[u8]| journals::read(bytes, digest.as_deref());
        Ok(match (read(&whole_lines(here)), read(&there)) {
            (Ok(here), Ok(there)) => journals::may_be_left(&here, &there),
            (Err(_), _) | (_, Err(_)) => false,
        })
    }

    /// Gives the journal of a plan another name, which is returned with the number of events after the first `common`.
    fn set_aside(&self, id: &str, common: usize) -> Result<(PathBuf, usize), BranchError> {
        let path = self.folder.join(id).join(JOURNAL_FILE);
        let failed = |cause: std::io::Error| {
            BranchError::File(FileError {
                attempt: "Setting aside",
                path: path.clone(),
                kind: FileErrorKind::Os(cause),
            })
        };
        let bytes = whole_lines(read_here(&path)?.unwrap_or_default());
        let events = bytes.iter().filter(|byte| **byte == b'\n').count();
        let file = (1..APART_MAX)
            .map(|number| path.with_file_name(format!("{JOURNAL_FILE}{APART}{number}")))
            .find(|file| !files::exists(file))
            .ok_or_else(|| failed(std::io::Error::other("too many journals were set aside")))?;
        RealDisk.rename(&path, &file).map_err(failed)?;
        RealDisk.sync_dir(&self.folder.join(id)).map_err(failed)?;
        Ok((file, events.saturating_sub(common)))
    }

    /// The digest of a plan, by which its journal is believed.
    fn digest(&self, tip: &Tip<'_>, id: &str) -> Result<Option<String>, BranchError> {
        let there = tip.read(&at(id, PLAN_FILE))?;
        Ok(journals::digest(
            &self.folder.join(id),
            there.as_deref(),
            id,
        ))
    }

    /// Returns true while there is no such branch, neither here nor as last fetched.
    ///
    /// # Errors
    /// Git's store cannot be read.
    pub fn is_empty(&self) -> Result<bool, BranchError> {
        self.branch()?.look(|tip| Ok(tip.id().is_none()))
    }

    /// The error of a branch that is not there.
    pub fn no_branch(&self) -> BranchError {
        BranchError::NoBranch {
            branch: self.name.clone(),
            place: match &self.remote {
                Some(remote) => format!(", neither here nor at `{remote}`"),
                None => String::new(),
            },
        }
    }

    fn take_plan(&self, tip: &Tip<'_>, id: &str, tree: &str) -> Result<(), BranchError> {
        let dir = self.folder.join(id);
        let journal_there = tip.read(&at(id, JOURNAL_FILE))?.unwrap_or_default();
        let journal_here = whole_lines(read_here(&dir.join(JOURNAL_FILE))?.unwrap_or_default());
        let all_here = |seen: &Seen| seen.files.keys().all(|name| files::exists(&dir.join(name)));
        let is_known = |seen: Seen| seen.tree == tree && all_here(&seen);
        if self.seen(id).is_some_and(is_known) && journal_here.starts_with(&journal_there) {
            return Ok(());
        }
        // Before anything of it is taken.
        let digest = self.digest(tip, id)?;
        if let Err(error) = journals::read(&journal_there, digest.as_deref()) {
            return Err(BranchError::Journal {
                branch: self.name.clone(),
                plan: id.to_owned(),
                commit: self.last_commit(tip, id),
                rev: self.rev(),
                error: Box::new(error),
            });
        }
        let there = files_of(tip, id)?;
        let is_ahead = journal_here.len() > journal_there.len();
        let (long, short) = if is_ahead {
            (&journal_here, &journal_there)
        } else {
            (&journal_there, &journal_here)
        };
        if !long.starts_with(short) {
            return Err(BranchError::Apart {
                branch: self.name.clone(),
                plan: id.to_owned(),
                commit: self.last_commit(tip, id),
                common: common_lines(&journal_there, &journal_here),
                folder: dir,
            });
        }
        let is_journal = |name: &str| name.starts_with("journal.");
        for name in there.keys() {
            // Whoever runs here writes here first, so an equal or longer one is left alone.
            if name == JOURNAL_FILE && journal_here.len() >= journal_there.len() {
                continue;
            }
            if let Some(bytes) = tip.read(&at(id, name))? {
                write_changed(&dir.join(name), &bytes)?;
            }
        }
        for name in published_names(&dir)? {
            let kept = there.contains_key(&name) || (is_journal(&name) && is_ahead);
            if !kept {
                files::remove(&dir.join(&name))?;
            }
        }
        self.see(id, tree, there)
    }

    /// Writes the folders of these plans to the branch, and the set where it is asked for, and pushes. Returns the
    /// commit, or none when the branch has all of it already.
    ///
    /// # Errors
    /// Somebody else wrote to the folder of one of the plans; or git refused.
    pub fn publish(
        &self,
        plans: &[String],
        with_set: bool,
        told: &Told,
        at: Timestamp,
    ) -> Result<Option<String>, BranchError> {
        let branch = self.branch()?;
        let mut make = |tip: &Tip<'_>| -> Result<Option<Change>, BranchError> {
            let mut entries = BTreeMap::new();
            let there: BTreeMap<String, String> = tip.folders(PLANS)?.into_iter().collect();
            for id in plans {
                self.join(tip, id, there.get(id))?;
                let files = self.files_here(id)?;
                self.believed(tip, id, &files)?;
                for (name, bytes) in files {
                    entries.insert(format!("{PLANS}/{id}/{name}"), Some(bytes));
                }
            }
            if with_set {
                let bytes = read_here(&self.folder.join(SET_FILE))?;
                entries.insert(format!("{PLANS}/{SET_FILE}"), bytes);
            }
            let message = Message {
                subject: told.subject.clone(),
                body: String::new(),
                trailers: told.trailers.clone(),
            };
            Ok(Some(Change { entries, message }))
        };
        let committed = if self.remote.is_some() {
            branch.publish_next(at, &mut make)?.committed
        } else {
            branch.commit(at, &mut make)?
        };
        let (tip, new) = match committed {
            Committed::New { commit, .. } => (Some(commit.clone()), Some(commit)),
            Committed::Same { tip } => (tip, None),
        };
        if let Some(tip) = tip {
            branch.look_at(&tip, |tip| -> Result<(), BranchError> {
                for (id, tree) in tip.folders(PLANS)? {
                    if plans.contains(&id) {
                        self.see(&id, &tree, files_of(tip, &id)?)?;
                    }
                }
                Ok(())
            })?;
        }
        Ok(new)
    }

    /// Looks at what became of a plan's folder on the branch since it was last seen: approvals of others are
    /// taken in; anything else is somebody at work.
    fn join(&self, tip: &Tip<'_>, id: &str, tree: Option<&String>) -> Result<(), BranchError> {
        let taken = || BranchError::Taken {
            branch: self.name.clone(),
            plan: id.to_owned(),
            commit: self.last_commit(tip, id),
        };
        match (tree, self.seen(id)) {
            (None, None) => Ok(()),
            (Some(tree), Some(seen)) if *tree == seen.tree => Ok(()),
            (Some(tree), Some(seen)) => {
                let there = files_of(tip, id)?;
                let names: BTreeSet<&String> = seen.files.keys().chain(there.keys()).collect();
                let changed = |name: &&String| seen.files.get(*name) != there.get(*name);
                let only_approvals = names
                    .into_iter()
                    .filter(changed)
                    .all(|name| name.starts_with(APPROVALS));
                if only_approvals {
                    self.take_approvals(tip, id, tree, &seen, there)
                } else {
                    Err(taken())
                }
            }
            // A plan that was made here again, or that is gone from there.
            (Some(tree), None) => self.take_plan(tip, id, tree),
            (None, Some(_)) => Err(taken()),
        }
    }

    /// Makes sure that what is about to be pushed can be believed.
    fn believed(
        &self,
        tip: &Tip<'_>,
        id: &str,
        files: &BTreeMap<String, Vec<u8>>,
    ) -> Result<(), BranchError> {
        let Some(journal) = files.get(JOURNAL_FILE) else {
            return Ok(());
        };
        let digest = self.digest(tip, id)?;
        match journals::read(journal, digest.as_deref()) {
            Ok(_) => Ok(()),
            Err(error) => Err(BranchError::JournalHere {
                branch: self.name.clone(),
                plan: id.to_owned(),
                folder: self.folder.join(id),
                error: Box::new(error),
            }),
        }
    }

    fn take_approvals(
        &self,
        tip: &Tip<'_>,
        id: &str,
        tree: &str,
        seen: &Seen,
        there: BTreeMap<String, String>,
    ) -> Result<(), BranchError> {
        let dir = self.folder.join(id);
        for name in there.keys().filter(|name| name.starts_with(APPROVALS)) {
            if let Some(bytes) = tip.read(&format!("{PLANS}/{id}/{name}"))? {
                write_changed(&dir.join(name), &bytes)?;
            }
        }
        for name in seen.files.keys().filter(|name| !there.contains_key(*name)) {
            let gone = dir.join(name);
            if files::exists(&gone) {
                files::remove(&gone)?;
            }
        }
        self.see(id, tree, there)
    }

    /// Returns true when a plan's journal here has events that the branch does not have, as far as was last seen.
    ///
    /// # Errors
    /// The copy cannot be read.
    pub fn is_ahead(&self, id: &str) -> Result<bool, BranchError> {
        let Some(seen) = self.seen(id) else {
            return Ok(false);
        };
        let here = self.files_here(id)?;
        let journal = here.get(JOURNAL_FILE);
        let ids = seen.files.get(JOURNAL_FILE);
        Ok(match journal {
            None => false,
            Some(bytes) => ids != vcs::content_id(bytes).as_ref(),
        })
    }

    /// What of a plan's folder is for the branch; of a journal, the whole lines.
    fn files_here(&self, id: &str) -> Result<BTreeMap<String, Vec<u8>>, BranchError> {
        let dir = self.folder.join(id);
        let mut found = BTreeMap::new();
        for name in published_names(&dir)? {
            let Some(bytes) = read_here(&dir.join(&name))? else {
                continue;
            };
            let bytes = if name == JOURNAL_FILE {
                whole_lines(bytes)
            } else {
                bytes
            };
            found.insert(name, bytes);
        }
        Ok(found)
    }

    fn seen(&self, id: &str) -> Option<Seen> {
        let path = self.folder.join(id).join(SEEN_FILE);
        let text = files::read_text(&path, FILE_BYTES_MAX).ok()?;
        let mut lines = text.lines();
        let tree = lines.next()?.to_owned();
        let files = lines
            .filter_map(|line| line.split_once(' '))
            .map(|(id, name)| (name.to_owned(), id.to_owned()))
            .collect();
        Some(Seen { tree, files })
    }

    /// Written last: what it says is here, is here.
    fn see(
        &self,
        id: &str,
        tree: &str,
        files: BTreeMap<String, String>,
    ) -> Result<(), BranchError> {
        let mut text = format!("{tree}\n");
        for (name, id) in files {
            text.push_str(&format!("{id} {name}\n"));
        }
        let path = self.folder.join(id).join(SEEN_FILE);
        Ok(files::write_report(&path, text.as_bytes())?)
    }

    /// The newest commit that changed a plan's folder, in words.
    fn last_commit(&self, tip: &Tip<'_>, id: &str) -> String {
        let rev = tip.id().unwrap_or_default();
        let path = format!("{PLANS}/{id}");
        let found = vcs::last_author(&self.top, &rev, &[path]);
        match found {
            Ok(Some(made)) => in_words(&made),
            Ok(None) | Err(_) => format!("commit {}", short(&rev)),
        }
    }
}

/// Where a file of a plan is on the branch.
fn at(id: &str, name: &str) -> String {
    format!("{PLANS}/{id}/{name}")
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

fn in_words(made: &Made) -> String {
    format!(
        "commit {} of {} <{}>, \"{}\"",
        short(&made.commit),
        made.name,
        made.email,
        made.subject
    )
}

/// The files of a plan on the branch, by their name in its folder, with the ids of their content.
fn files_of(tip: &Tip<'_>, id: &str) -> Result<BTreeMap<String, String>, VcsError> {
    let start = format!("{PLANS}/{id}/");
    let found = tip.files(&start)?;
    Ok(found
        .into_iter()
        .filter_map(|(path, id)| Some((path.strip_prefix(&start)?.to_owned(), id)))
        .filter(|(name, _)| is_published(name))
        .collect())
}

/// Outputs of tools stay where they ran, and so does what is hidden or was moved aside by hand.
fn is_published(name: &str) -> bool {
    !name.ends_with(".aside")
        && !name.starts_with(&format!("{JOURNAL_FILE}{APART}"))
        && !name.split('/').any(|part| part.starts_with('.'))
        && name.split('/').next() != Some(LOGS_FOLDER)
}

fn published_names(dir: &Path) -> Result<Vec<String>, BranchError> {
    if !files::is_dir(dir) {
        return Ok(Vec::new());
    }
    let mut names = files::walk(dir)?;
    names.retain(|name| is_published(name));
    Ok(names)
}

fn read_here(path: &Path) -> Result<Option<Vec<u8>>, BranchError> {
    match files::read_bounded(path, FILE_BYTES_MAX) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if matches!(error.kind, FileErrorKind::Missing) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn write_changed(path: &Path, bytes: &[u8]) -> Result<(), BranchError> {
    if read_here(path)?.as_deref() == Some(bytes) {
        return Ok(());
    }
    Ok(files::write_atomic(path, bytes)?)
}

/// What a crash left of a last line is nobody's event.
fn whole_lines(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.iter().rposition(|byte| *byte == b'\n');
    bytes.truncate(end.map_or(0, |end| end + 1));
    bytes
}

fn common_lines(one: &[u8], other: &[u8]) -> usize {
    let lines = |bytes| <[u8]>::split(bytes, |byte: &u8| *byte == b'\n');
    let pairs = lines(one).zip(lines(other));
    pairs.take_while(|(a, b)| a == b && !a.is_empty()).count()
}

#[cfg(test)]
mod tests;
