//! Approvals beside their plan, and what the owner of the clusters asks of them.
//!
//! ```text
//! plans/<id>/approvals/<nonce>.json        a statement: the bytes that were signed, and no other
//! plans/<id>/approvals/<nonce>.json.sig    the signature, as `ssh-keygen -Y sign` writes it
//! ```
//!
//! Both are plain files to be committed with the plan. What lies there is read and weighed by
//! [`stairway_core::approve`]; a file that is something else is named and does not count. Who can
//! delete files there can delete a revocation: the protected branch keeps them, not this program.

mod policy;

pub use policy::{OwnerPolicy, PolicySource, requirements_for};

use crate::config::FleetError;
use crate::files::{self, FileError, FileErrorKind};
use crate::store::{self, Stored};
use crate::vcs::VcsError;
use stairway_core::approve::{Signed, SignersError};
use stairway_core::plan::wire::Plan;
use std::path::{Path, PathBuf};

/// The folder in a plan's directory.
pub const FOLDER: &str = "approvals";
/// A statement has under 1 kB, a signature too.
pub const SIGNED_BYTES_MAX: u64 = 16 << 10;
/// More files than this are not approvals of one plan.
const NAMES_MAX: usize = 1000;
/// The ending of a signature's name, as `ssh-keygen -Y sign` adds it.
pub const SIGNATURE_ENDING: &str = ".sig";
const STATEMENT_ENDING: &str = ".json";

/// Why approvals, or what is asked of them, could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ApprovalsError {
    /// The fleet file is wrong.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// Git's store gave no answer.
    #[error(transparent)]
    Vcs(#[from] VcsError),
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A revision needs a repository.
    #[error("Reading the policy from `{rev}` failed: `{}` is in no git repository", .folder.display())]
    NoRepository {
        /// The revision.
        rev: String,
        /// The folder.
        folder: PathBuf,
    },
    /// The revision has no fleet file: without one nothing would be required.
    #[error(
        "Reading the policy from `{rev}` failed: it has no fleet file in this folder or above it"
    )]
    NoFleet {
        /// The revision.
        rev: String,
    },
    /// The file that was named is not in the repository.
    #[error("Reading the policy from `{rev}` failed: `{}` is outside of the repository", .path.display())]
    Outside {
        /// The revision.
        rev: String,
        /// As given.
        path: PathBuf,
    },
    /// The file of signers is wrong.
    #[error("Reading the signers failed: `{file}`, {error}")]
    Signers {
        /// The file as shown.
        file: String,
        /// What is wrong, and where.
        error: SignersError,
    },
    /// The file of signers is no text.
    #[error("Reading the signers failed: `{file}` is not UTF-8 text")]
    SignersBytes {
        /// The file as shown.
        file: String,
    },
    /// Signatures are required and nobody may sign.
    #[error("{required} of the signers must approve, and their file `{file}` is not there")]
    NoSigners {
        /// How many.
        required: u32,
        /// The file as shown.
        file: String,
    },
    /// The signers are outside of what the fleet may name.
    #[error("Reading the signers failed: `{file}` is outside of the fleet's folder tree")]
    SignersOutside {
        /// The file as the fleet names it.
        file: String,
    },
    /// The plan has no directory where approvals could be.
    #[error("The plan `{id}` has no directory for its approvals")]
    NoFolder {
        /// The plan.
        id: String,
    },
}

impl ApprovalsError {
    /// Returns what to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Fleet(error) => error.hint(),
            Self::Vcs(error) => error.hint(),
            Self::NoFleet { .. } => Some("name it with `--fleet FILE`".to_owned()),
            Self::NoSigners { file, .. } => Some(format!(
                "write one with `echo \"you@example.org $(cat ~/.ssh/id_ed25519.pub)\" >> {file}`, and commit it"
            )),
            Self::NoFolder { .. } => {
                Some("write it with `stairway plan --out plans`, and name that".to_owned())
            }
            Self::NoRepository { .. } => {
                Some("run it in a clone, or leave `--policy-from` out".to_owned())
            }
            Self::Signers { .. } => {
                Some("`man ssh-keygen` describes the format under ALLOWED SIGNERS".to_owned())
            }
            Self::File(_)
            | Self::Outside { .. }
            | Self::SignersBytes { .. }
            | Self::SignersOutside { .. } => None,
        }
    }
}

/// Finds the directory of a plan that was opened as `subject`.
///
/// # Errors
/// There is none with this very plan in it.
pub fn plan_dir(
    plan: &Plan,
    subject: &str,
    cwd: &Path,
    folders: &[PathBuf],
) -> Result<PathBuf, ApprovalsError> {
    let named = cwd.join(subject);
    let beside = files::parent_of(&named);
    let mut places = vec![
        named.clone(),
        beside.clone(),
        named.join(&plan.id),
        beside.join(&plan.id),
    ];
    places.extend(folders.iter().map(|folder| folder.join(&plan.id)));
    places
        .into_iter()
        .find(|place| holds(place, plan))
        .ok_or_else(|| ApprovalsError::NoFolder {
            id: plan.id.clone(),
        })
}

fn holds(place: &Path, plan: &Plan) -> bool {
    let file = place.join("plan.json");
    files::is_file(&file)
        && match store::read(&file, "plan.json") {
            Ok(Stored::Plan(found)) => found.digest == plan.digest,
            Ok(Stored::Set(_)) | Err(_) => false,
        }
}

/// Reads what was signed about the plan in this directory, and notes on files that are something else.
pub fn read_signed(plan_dir: &Path) -> (Vec<Signed>, Vec<String>) {
    let folder = plan_dir.join(FOLDER);
    let names = match files::list_dir(&folder) {
        Ok(names) => names,
        Err(error) if matches!(error.kind, FileErrorKind::Missing) => return Default::default(),
        Err(error) => return (Vec::new(), vec![format!("no approvals were read: {error}")]),
    };
    let mut signed = Vec::new();
    let mut notes = Vec::new();
    for name in names.iter().take(NAMES_MAX) {
        let mut note = |why: &str| notes.push(format!("`{FOLDER}/{name}` does not count: {why}"));
        if let Some(statement) = name.strip_suffix(SIGNATURE_ENDING) {
            if !names.iter().any(|other| other == statement) {
                note("its statement is not there");
            }
            continue;
        }
        match read_one(&folder, name) {
            Ok(one) => signed.push(one),
            Err(why) => note(&why),
        }
    }
    if names.len() > NAMES_MAX {
        let rest = names.len() - NAMES_MAX;
        notes.push(format!("{rest} more files in `{FOLDER}` were not read"));
    }
    (signed, notes)
}

fn read_one(folder: &Path, name: &str) -> Result<Signed, String> {
    let Some(nonce) = name.strip_suffix(STATEMENT_ENDING) else {
        return Err("it is neither a statement nor a signature".to_owned());
    };
    let read = |name: &str| {
        files::read_bounded(&folder.join(name), SIGNED_BYTES_MAX).map_err(|error| error.kind)
    };
    let bytes = read(name).map_err(|why| why.to_string())?;
    let armored = read(&format!("{name}{SIGNATURE_ENDING}"))
        .map_err(|why| format!("its signature cannot be read: {why}"))?;
    let signed = Signed::read(bytes, &armored).map_err(|error| error.to_string())?;
    if signed.statement().nonce.as_str() != nonce {
        return Err("its name is not its nonce".to_owned());
    }
    Ok(signed)
}

/// Writes a signed statement beside its plan and returns the statement's file.
///
/// # Errors
/// The file system refused.
pub fn write_signed(plan_dir: &Path, signed: &Signed) -> Result<PathBuf, FileError> {
    let name = format!("{}{STATEMENT_ENDING}", signed.statement().nonce);
    let path = plan_dir.join(FOLDER).join(&name);
    // The signature first: a statement that is there has one.
    let signature = plan_dir
        .join(FOLDER)
        .join(format!("{name}{SIGNATURE_ENDING}"));
    files::write_atomic(&signature, signed.armored().as_bytes())?;
    files::write_atomic(&path, signed.bytes())?;
    Ok(path)
}

#[cfg(test)]
mod tests;
