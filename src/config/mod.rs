//! The fleet file: found, read, checked, and composed into what each cluster needs.

mod compose;
mod decisions;
mod entry;
mod error;
mod file;
mod nearest;
mod shape;

pub use entry::NewEntry;
pub use error::{FleetError, FleetProblem};
pub use file::{
    Approvals, AwsPins, ClusterEntry, FLEET_API, FLEET_KIND, FleetFile, KubernetesLive, Live,
    Policy, Seconds,
};
pub use nearest::nearest;
pub use shape::{PathStep, ShapeError, ValuePath, read_shape};

use crate::files;
use crate::render::{self, RenderError};
use serde_json::Value;
use stairway_core::model::Digest;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A fleet of 5,000 clusters with all keys has about 2 MB.
const FLEET_BYTES_MAX: u64 = 16 << 20;
/// The names under which a fleet is found, in this order.
pub(crate) const FLEET_NAMES: [&str; 3] = ["fleet.yaml", "fleet.yml", "fleet.jsonnet"];
/// Hex digits of a SHA-256.
const FINGERPRINT_DIGITS: usize = 64;
/// EKS gives cluster names at most 100 characters; an alias stands in names of files and plans.
const NAME_CHARS_MAX: usize = 100;

/// A fleet file that was read and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fleet {
    /// The file, canonical.
    pub path: PathBuf,
    /// The folder of the file, absolute; paths in it are relative to this.
    pub folder: PathBuf,
    /// The folder that nothing named in the file may leave.
    pub root: PathBuf,
    /// The file, relative to the root.
    pub shown: String,
    /// Digest of its text, or of what it evaluates to.
    pub digest: Digest,
    /// Its content.
    pub file: FleetFile,
}

/// Returns the fleet file in `from` or the nearest folder above it, up to the top of the repository.
///
/// # Errors
/// One folder has two files that could be meant.
pub fn find(from: &Path) -> Result<Option<PathBuf>, FleetError> {
    let top = files::repository_top(from);
    for folder in from.ancestors() {
        let mut here = FLEET_NAMES
            .iter()
            .map(|name| folder.join(name))
            .filter(|path| files::is_file(path));
        if let Some(first) = here.next() {
            return match here.next() {
                None => Ok(Some(first)),
                Some(second) => Err(FleetError::Ambiguous {
                    first: first.display().to_string(),
                    second: second.display().to_string(),
                }),
            };
        }
        let at_top = top.is_some() && files::canonicalize(folder).ok() == top;
        if at_top {
            break;
        }
    }
    Ok(None)
}

/// Evaluates the jsonnet file at the first path within the root at the second.
pub type Evaluate<'e> = &'e dyn Fn(&Path, &Path) -> Result<Vec<Value>, RenderError>;

/// Reads the fleet at `path`. Jsonnet is evaluated by `evaluate`, which gets the path and the root.
///
/// # Errors
/// The file is unreadable, is no fleet, or something in it is wrong: with line and column for
/// YAML and JSON, with the JSON path for jsonnet.
pub fn load(path: &Path, root: Option<&Path>, evaluate: Evaluate<'_>) -> Result<Fleet, FleetError> {
    let full = files::canonicalize(path).map_err(FleetError::Unreadable)?;
    let folder = files::parent_of(&full);
    let root = match root {
        Some(root) => files::canonicalize(root).map_err(FleetError::Unreadable)?,
        None => files::repository_top(&folder).unwrap_or_else(|| folder.clone()),
    };
    let shown = files_shown(&full, &root);
    let (documents, text, digest) = if path.extension().is_some_and(|e| e == "jsonnet") {
        let documents = evaluate(&full, &root).map_err(FleetError::Unparsable)?;
        let digest = Digest::of_canonical(&documents);
        (documents, None, digest)
    } else {
        let text = files::read_text(&full, FLEET_BYTES_MAX).map_err(FleetError::Unreadable)?;
        let documents = render::parse_yaml(&text, &shown).map_err(FleetError::Unparsable)?;
        let digest = Digest::of(text.as_bytes());
        (documents, Some(text), digest)
    };
    let told = |wrong| explained(wrong, &shown, text.as_deref());
    let file = single(&documents, &shown).map_err(told)?;
    check_places(&file, &folder, &root).map_err(|shape| told(shape.into()))?;
    Ok(Fleet {
        path: full,
        folder,
        root,
        shown,
        digest,
        file,
    })
}

/// Reads the text of a fleet in YAML or JSON, e.g. of another revision; `shown` names it in messages.
///
/// # Errors
/// As [`load`]; whether the files that it names are inside of the root is not looked at.
pub fn read_text(text: &str, shown: &str) -> Result<FleetFile, FleetError> {
    let documents = render::parse_yaml(text, shown).map_err(FleetError::Unparsable)?;
    single(&documents, shown).map_err(|wrong| explained(wrong, shown, Some(text)))
}

fn single(documents: &[Value], shown: &str) -> Result<FleetFile, Wrong> {
    let [document] = documents else {
        let why = format!("it has {} documents and a fleet is one", documents.len());
        return Err(Wrong::NotAFleet(why));
    };
    check(document, shown)
}

fn explained(wrong: Wrong, shown: &str, text: Option<&str>) -> FleetError {
    let file = shown.to_owned();
    match wrong {
        Wrong::NotAFleet(why) => FleetError::NotAFleet { file, why },
        Wrong::Shape(shape) => {
            let place = text.and_then(|text| render::place_of(text, &shape.path.0));
            FleetError::Wrong(FleetProblem { file, place, shape })
        }
    }
}

/// Returns `path` relative to `root`; outside of it only the name, because plans hold no host paths.
pub fn files_shown(path: &Path, root: &Path) -> String {
    let inner = path
        .strip_prefix(root)
        .ok()
        .filter(|inner| !inner.as_os_str().is_empty());
    let shown = inner
        .or_else(|| path.file_name().map(Path::new))
        .unwrap_or(path);
    shown.to_string_lossy().into_owned()
}

enum Wrong {
    NotAFleet(String),
    Shape(ShapeError),
}

impl From<ShapeError> for Wrong {
    fn from(error: ShapeError) -> Self {
        Self::Shape(error)
    }
}

fn check(document: &Value, shown: &str) -> Result<FleetFile, Wrong> {
    let api = document.get("apiVersion").and_then(Value::as_str);
    let root = ValuePath::default();
    match api {
        None => {
            let why = format!("it has no `apiVersion: {FLEET_API}`");
            return Err(Wrong::NotAFleet(why));
        }
        Some(FLEET_API) => {}
        Some(other) if other.starts_with("stairway/") => {
            let message = format!("this build reads `{FLEET_API}` and not `{other}`");
            return Err(ShapeError::new(root.key("apiVersion"), message).into());
        }
        Some(other) => {
            let why = format!("its apiVersion is `{other}`, not `{FLEET_API}`");
            return Err(Wrong::NotAFleet(why));
        }
    }
    let file: FleetFile = read_shape(document)?;
    if file.kind != FLEET_KIND {
        let message = format!("the kind is `{}`, not `{FLEET_KIND}`", file.kind);
        return Err(ShapeError::new(root.key("kind"), message).into());
    }
    if file.clusters.is_empty() {
        let message = format!("`{shown}` lists no cluster");
        return Err(ShapeError::new(root.key("clusters"), message).into());
    }
    check_waves(&file.waves)?;
    check_entries(&file)?;
    decisions::check(&file)?;
    check_configs(&file)?;
    Ok(file)
}

fn check_waves(waves: &[String]) -> Result<(), ShapeError> {
    let mut seen = BTreeSet::new();
    for (index, wave) in waves.iter().enumerate() {
        let path = || ValuePath::default().key("waves").item(index);
        if wave.trim().is_empty() {
            return Err(ShapeError::new(path(), "a wave needs a name"));
        }
        if !seen.insert(wave) {
            let message = format!("the wave `{wave}` is there twice, and goes once");
            return Err(ShapeError::new(path(), message));
        }
    }
    Ok(())
}

/// One config may make several clusters, by other arguments: then each needs a name to go by.
fn check_configs(file: &FleetFile) -> Result<(), ShapeError> {
    let mut users: BTreeMap<PathBuf, usize> = BTreeMap::new();
    for entry in &file.clusters {
        *users.entry(plain_path(&entry.config)).or_default() += 1;
    }
    for (index, entry) in file.clusters.iter().enumerate() {
        let several = users
            .get(&plain_path(&entry.config))
            .is_some_and(|users| *users > 1);
        if several && entry.name.is_none() {
            let path = ValuePath::default()
                .key("clusters")
                .item(index)
                .key("config");
            let message = format!("another cluster has the config `{}` too", entry.config);
            return Err(ShapeError::new(path, message).hint("give each of them a `name`"));
        }
    }
    Ok(())
}

/// Nothing that the file names may leave the root. Links are judged when they are followed.
fn check_places(file: &FleetFile, folder: &Path, root: &Path) -> Result<(), ShapeError> {
    for (index, entry) in file.clusters.iter().enumerate() {
        let path = ValuePath::default().key("clusters").item(index);
        let live = path.key("live");
        let named = [
            (Some(&entry.config), path.key("config")),
            (entry.live.recorded.as_ref(), live.key("recorded")),
            (entry.live.assumed.as_ref(), live.key("assumed")),
            (entry.live.world.as_ref(), live.key("world")),
        ];
        for (name, path) in named {
            let Some(name) = name else { continue };
            if name.is_empty() {
                return Err(ShapeError::new(path, "a file is to be named here"));
            }
            let inside = render::normal(&folder.join(name)).starts_with(root);
            if !inside {
                let message = format!("`{name}` is outside of the root folder");
                let hint = "name a file of this repository, relative to the fleet file; `--root DIR` widens the root";
                return Err(ShapeError::new(path, message).hint(hint));
            }
        }
    }
    Ok(())
}

/// A path by which equal files are found: without `.` and `..`.
fn plain_path(path: &str) -> PathBuf {
    render::normal(Path::new(path))
}

fn check_entries(file: &FleetFile) -> Result<(), ShapeError> {
    let mut names: BTreeMap<String, &str> = BTreeMap::new();
    for (index, entry) in file.clusters.iter().enumerate() {
        let path = ValuePath::default().key("clusters").item(index);
        if let Some(name) = &entry.name {
            check_name(name).map_err(|why| ShapeError::new(path.key("name"), why))?;
            if let Some(other) = names.insert(name.to_ascii_lowercase(), name.as_str()) {
                let (message, hint) = if other == name {
                    let message = format!("another cluster is called `{name}`");
                    (message, "names are unique in a fleet")
                } else {
                    let message = format!("`{name}` and `{other}` differ in case only");
                    (
                        message,
                        "their plans would share a folder where case does not count",
                    )
                };
                return Err(ShapeError::new(path.key("name"), message).hint(hint));
            }
        }
        check_live(&entry.live, &path.key("live"))?;
        if let Some(wave) = &entry.wave
            && !file.waves.contains(wave)
        {
            let message = format!("there is no wave `{wave}`");
            let hint = match nearest(wave, file.waves.iter().map(String::as_str)).first() {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("add it to `waves`, which has: {}", file.waves.join(", ")),
            };
            return Err(ShapeError::new(path.key("wave"), message).hint(hint));
        }
    }
    Ok(())
}

/// Says what is wrong with a cluster's alias, which becomes a part of file names.
fn check_name(name: &str) -> Result<(), String> {
    let plain = name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    if !plain {
        return Err(format!(
            "`{name}` has characters other than letters, digits, `-`, `_` and `.`, or begins with one of these"
        ));
    }
    if name.len() > NAME_CHARS_MAX {
        return Err(format!(
            "`{name}` is longer than {NAME_CHARS_MAX} characters"
        ));
    }
    Ok(())
}

/// A pin that no cluster can have is a mistake in writing, and no other cluster.
fn check_pins(live: &KubernetesLive, path: &ValuePath) -> Result<(), ShapeError> {
    if let Some(pin) = &live.certificate_authority {
        let hex = pin.strip_prefix("sha256:").unwrap_or_default();
        if hex.len() != FINGERPRINT_DIGITS || !hex.chars().all(|c| c.is_ascii_hexdigit()) {
            let message = format!(
                "the pin `{pin}` is malformed: `sha256:` and {FINGERPRINT_DIGITS} hex digits are needed"
            );
            return Err(ShapeError::new(path.key("certificateAuthority"), message)
                .hint("`stairway observe NAME` without the pin tells it as `certificate_authority`; compare it before you take it"));
        }
    }
    let Some(endpoint) = &live.endpoint else {
        return Ok(());
    };
    let host = ["https://", "http://"]
        .iter()
        .find_map(|scheme| endpoint.strip_prefix(scheme));
    if host.is_some_and(|host| !host.is_empty()) {
        return Ok(());
    }
    let message = format!("the pin `{endpoint}` is malformed: a URL is needed, `https://HOST`");
    Err(ShapeError::new(path.key("endpoint"), message))
}

fn check_live(live: &Live, path: &ValuePath) -> Result<(), ShapeError> {
    let Live {
        recorded,
        assumed,
        world,
        kubernetes,
    } = live;
    let given = [
        (recorded.is_some(), "recorded"),
        (assumed.is_some(), "assumed"),
        (world.is_some(), "world"),
        (kubernetes.is_some(), "kubernetes"),
    ];
    let named: Vec<&str> = given
        .iter()
        .filter(|(is, _)| *is)
        .map(|(_, name)| *name)
        .collect();
    if let Some(kubernetes) = kubernetes {
        check_pins(kubernetes, &path.key("kubernetes"))?;
    }
    let hint = "write exactly one of `recorded`, `assumed`, `world` and `kubernetes`";
    match named.as_slice() {
        [_] => Ok(()),
        [] => {
            let message = "it does not say how the cluster is read";
            Err(ShapeError::new(path.clone(), message).hint(hint))
        }
        several => {
            let message = format!("it names several ways: {}", several.join(", "));
            Err(ShapeError::new(path.clone(), message).hint(hint))
        }
    }
}

#[cfg(test)]
mod tests;
