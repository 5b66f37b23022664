//! Which files a rendering may read: those inside of its root.
//!
//! Confinement is decided on canonical paths, so that neither `..` nor a
//! symbolic link leads out. `.git` is outside, too: CI checkouts keep tokens in
//! `.git/config`, and what is imported ends up in a public comment.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::RenderOptions;
use super::error::{RenderError, RenderErrorKind};
use crate::files::{self, FileError};
use stairway_core::model::Digest;

/// A file to render, found inside of its root.
#[derive(Debug, Clone)]
pub(super) struct Site {
    /// The path as the user gave it.
    pub(super) path: PathBuf,
    /// The canonical root.
    pub(super) root: PathBuf,
    /// The file's name in messages.
    pub(super) display: String,
}

impl Site {
    /// Finds the root of `path` and checks that the file is inside.
    pub(super) fn find(
        path: &Path,
        options: &RenderOptions,
        folders: &mut Folders,
    ) -> Result<Self, RenderError> {
        let given = path.to_string_lossy().into_owned();
        let wrap = |cause: FileError| RenderError::file(&given, &cause);
        if path.to_str().is_none() {
            let message = "the path is not UTF-8 text";
            return Err(RenderError::new(
                RenderErrorKind::FileUnreadable,
                &given,
                message,
            ));
        }
        let (canonical, stands) = folders.resolve(path).map_err(wrap)?;
        // Where the file stands, not where a link to it leads.
        let folder = files::parent_of(&stands);
        let root = match &options.root {
            Some(root) => {
                let shown = root.to_string_lossy().into_owned();
                folders.canonical(root).map_err(|cause| {
                    RenderError::file(&given, &cause).hint(&format!(
                        "the root `{shown}` given with --root must be a folder"
                    ))
                })?
            }
            None => folders.top(&folder).unwrap_or_else(|| folder.clone()),
        };
        let display = display_of(path, &folder, &root);
        match inside(&canonical, &root) {
            Ok(()) => Ok(Self {
                path: path.to_path_buf(),
                root,
                display,
            }),
            Err(ban) => Err(banned(&display, ban)),
        }
    }

    /// Finds the file again, for reading; a link may have changed since.
    pub(super) fn locate(
        path: &Path,
        root: &Path,
        display: &str,
        folders: &mut Folders,
    ) -> Result<Found, RenderError> {
        find_path(path.to_path_buf(), root, folders).map_err(|refusal| match refusal {
            Refusal::Unreadable(cause) => RenderError::file(display, &cause),
            Refusal::Forbidden(ban) => banned(display, ban),
        })
    }
}

fn banned(display: &str, ban: Ban) -> RenderError {
    let message = format!("the file {}", ban.why);
    RenderError::new(RenderErrorKind::OutsideRoot, display, &message).hint(ban.remedy)
}

/// Relative paths are shown as given, absolute ones from the root on, so that
/// no message depends on where a checkout is.
fn display_of(path: &Path, folder: &Path, root: &Path) -> String {
    if path.is_absolute()
        && let Ok(folder) = folder.strip_prefix(root)
        && let Some(name) = path.file_name()
    {
        return slashed(&folder.join(name));
    }
    slashed(&normal(path))
}

/// Checks that a canonical path is below a canonical root and not in `.git`.
fn inside(canonical: &Path, root: &Path) -> Result<(), Ban> {
    match canonical.strip_prefix(root) {
        Err(_) => Err(OUTSIDE),
        Ok(inner) if inner.components().any(|c| c.as_os_str() == ".git") => Err(REPOSITORY),
        Ok(_) => Ok(()),
    }
}

/// Resolves `.` and `..` by name only: for messages, never for access.
pub(crate) fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir
                if matches!(out.components().next_back(), Some(Component::Normal(_))) =>
            {
                out.pop();
            }
            Component::ParentDir
            | Component::Normal(_)
            | Component::RootDir
            | Component::Prefix(_) => {
                out.push(part);
            }
        }
    }
    out
}

/// Writes a path with `/` between its parts.
pub(super) fn slashed(path: &Path) -> String {
    let parts: Vec<_> = path
        .components()
        .filter(|part| *part != Component::RootDir)
        .map(|part| part.as_os_str().to_string_lossy())
        .collect();
    let joined = parts.join("/");
    if path.is_absolute() {
        format!("/{joined}")
    } else {
        joined
    }
}

/// The content of a file at the time it was first read.
#[derive(Debug)]
pub(super) struct Content {
    /// All bytes of the file.
    pub(super) bytes: Vec<u8>,
    /// The digest of `bytes`.
    pub(super) digest: Digest,
}

impl Content {
    /// The bytes without the byte order mark that some editors write first.
    pub(super) fn text(&self) -> &[u8] {
        self.bytes
            .strip_prefix(b"\xef\xbb\xbf")
            .unwrap_or(&self.bytes)
    }
}

/// Canonical folders by the name they were reached by. Looking one up costs a
/// system call for each of its parts, and a fleet's files share few folders.
#[derive(Debug, Default)]
pub(super) struct Folders {
    known: HashMap<PathBuf, PathBuf>,
    /// Repository tops by canonical folder.
    tops: HashMap<PathBuf, Option<PathBuf>>,
}

impl Folders {
    fn canonical(&mut self, folder: &Path) -> Result<PathBuf, FileError> {
        if let Some(known) = self.known.get(folder) {
            return Ok(known.clone());
        }
        let canonical = files::canonicalize(folder)?;
        self.known.insert(folder.to_path_buf(), canonical.clone());
        Ok(canonical)
    }

    /// The canonical path of a file, and of the place where its name stands.
    fn resolve(&mut self, path: &Path) -> Result<(PathBuf, PathBuf), FileError> {
        let Some(name) = path.file_name() else {
            let canonical = files::canonicalize(path)?;
            return Ok((canonical.clone(), canonical));
        };
        let stands = self.canonical(&files::parent_of(path))?.join(name);
        let canonical = if files::is_link(&stands)? {
            files::canonicalize(&stands)?
        } else {
            stands.clone()
        };
        Ok((canonical, stands))
    }

    fn top(&mut self, folder: &Path) -> Option<PathBuf> {
        if let Some(top) = self.tops.get(folder) {
            return top.clone();
        }
        let top = files::repository_top(folder);
        self.tops.insert(folder.to_path_buf(), top.clone());
        top
    }
}

/// Files that one worker has read, so that a library shared by a thousand
/// clusters is read and hashed once, and is the same for all of them.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    pub(super) folders: Folders,
    contents: HashMap<PathBuf, Arc<Content>>,
    bytes: u64,
}

/// What a shelf keeps; beyond it everything is read again. Small against the
/// memory limit, large against any library.
const SHELF_BYTES: u64 = 32 << 20;

impl Shelf {
    /// Reads a canonical path.
    pub(super) fn read(&mut self, canonical: &Path, limit: u64) -> Result<Arc<Content>, FileError> {
        if let Some(content) = self.contents.get(canonical) {
            return Ok(Arc::clone(content));
        }
        let bytes = files::read_bounded(canonical, limit)?;
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if self.bytes.saturating_add(size) > SHELF_BYTES {
            self.contents.clear();
            self.bytes = 0;
        }
        self.bytes = self.bytes.saturating_add(size);
        let digest = Digest::of(&bytes);
        let content = Arc::new(Content { bytes, digest });
        self.contents
            .insert(canonical.to_path_buf(), Arc::clone(&content));
        Ok(content)
    }
}

/// An import that may be read.
#[derive(Debug)]
pub(super) struct Found {
    /// The path as reached from the entry file.
    pub(super) spelled: PathBuf,
    pub(super) canonical: PathBuf,
    /// The canonical path relative to the root, with `/`.
    pub(super) inner: String,
    /// Where the name stands when it is a link to `inner`, relative to the root.
    pub(super) link: Option<String>,
}

/// Why a path is not read, and what to do about it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ban {
    /// The predicate of a sentence about the file.
    pub(super) why: &'static str,
    pub(super) remedy: &'static str,
}

const OUTSIDE: Ban = Ban {
    why: "is outside of the root folder",
    remedy: "name the folder that holds all configs and imports with --root DIR",
};
const REPOSITORY: Ban = Ban {
    why: "is in a `.git` folder, which may hold credentials",
    remedy: "copy what is needed to a file of its own",
};
const ABSOLUTE: Ban = Ban {
    why: "is an absolute path",
    remedy: "write the path relative to the importing file",
};
const NO_PATH: Ban = Ban {
    why: "is not a path",
    remedy: "write the path relative to the importing file",
};

/// Why an import may not be read.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It must not be read.
    Forbidden(Ban),
    /// It cannot be read.
    Unreadable(FileError),
}

/// Finds what `import` means in the file `from`.
pub(super) fn find_import(
    from: &Path,
    import: &str,
    root: &Path,
    folders: &mut Folders,
) -> Result<Found, Refusal> {
    if import.is_empty() || import.contains('\0') {
        return Err(Refusal::Forbidden(NO_PATH));
    }
    if Path::new(import).is_absolute() {
        return Err(Refusal::Forbidden(ABSOLUTE));
    }
    find_path(files::parent_of(from).join(import), root, folders)
}

/// Finds a path and checks that it is inside of the root.
pub(super) fn find_path(
    spelled: PathBuf,
    root: &Path,
    folders: &mut Folders,
) -> Result<Found, Refusal> {
    let (canonical, stands) = folders.resolve(&spelled).map_err(Refusal::Unreadable)?;
    inside(&canonical, root).map_err(Refusal::Forbidden)?;
    let relative = |path: &Path| path.strip_prefix(root).ok().map(slashed);
    let inner = relative(&canonical).unwrap_or_default();
    let link = relative(&stands).filter(|stands| *stands != inner);
    Ok(Found {
        spelled,
        canonical,
        inner,
        link,
    })
}
