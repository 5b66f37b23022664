//! `stairway world`

use crate::cli::args::DiffFormat;
use crate::cli::error::CliError;
use crate::cli::exit_code;
use crate::cli::request::WorldRequest;
use crate::cli::session::Session;
use crate::live::{LiveError, WorldError, WorldStore};
use serde_json::{Value, json};
use stairway_core::model::{Known, LiveNodegroup, say_seconds};
use stairway_world::{Fault, Misbehaviour, World, WorldSet};
use std::fmt::Write as _;
use std::path::Path;

/// Shows or changes an embedded world.
///
/// # Errors
/// The world cannot be read or changed, or stdout cannot take the text.
pub(crate) fn run(session: &mut Session<'_>, request: &WorldRequest) -> Result<u8, CliError> {
    match request {
        WorldRequest::Serve(serve) => return super::world_serve::run(session, serve),
        WorldRequest::Faults => session.terminal.data(&faults())?,
        WorldRequest::Show { file, format } => {
            let set = open(file)?.read()?;
            let text = match format {
                DiffFormat::Table => as_text(&set),
                DiffFormat::Json => format!("{:#}\n", as_value(&set)),
            };
            session.terminal.data(&text)?;
        }
        WorldRequest::Advance { file, seconds } => {
            let now = open(file)?.change_all(|set| {
                for world in set.worlds.values_mut() {
                    world.advance(i64::from(*seconds));
                }
                set.worlds.values().map(|world| world.now).max()
            })?;
            let said = match now {
                Some(now) => format!("{} passed: it is {now}", say_seconds(u64::from(*seconds))),
                None => "The world has no cluster".to_owned(),
            };
            session.terminal.say(&said);
        }
        WorldRequest::Break {
            file,
            cluster,
            misbehaviour,
        } => {
            open(file)?.change(cluster, |world| world.misbehave(misbehaviour.clone()))?;
            let said = words(misbehaviour);
            session.terminal.say(&format!(
                "`{cluster}` misbehaves: {said}: {}",
                misbehaviour.fault.meaning()
            ));
        }
        WorldRequest::Mend { file, cluster } => {
            let gone = open(file)?.change(cluster, |world| std::mem::take(&mut world.misbehave))?;
            let said = match gone.as_slice() {
                [] => format!("`{cluster}` did not misbehave"),
                list => {
                    let list: Vec<String> = list.iter().map(words).collect();
                    format!("`{cluster}` no longer misbehaves: {}", list.join(", "))
                }
            };
            session.terminal.say(&said);
        }
        WorldRequest::Reset { file } => {
            let store = open(file)?;
            let said = if store.reset()? {
                "Forgot what had become of the world: it begins again as its definition says"
            } else {
                "Nothing had become of the world yet"
            };
            session.terminal.say(said);
        }
    }
    Ok(exit_code::DONE)
}

fn open(file: &Path) -> Result<WorldStore, WorldError> {
    WorldStore::of_operator(file)
}

impl From<WorldError> for CliError {
    fn from(error: WorldError) -> Self {
        match error {
            WorldError::InUse { .. } => {
                let hint = error.hint().unwrap_or_default();
                Self::refused(error.to_string()).hint(hint)
            }
            WorldError::Definition(_)
            | WorldError::Unbuildable { .. }
            | WorldError::Snapshot { .. }
            | WorldError::Changed { .. }
            | WorldError::NoCluster { .. }
            | WorldError::Disk { .. } => LiveError::from(error).into(),
        }
    }
}

fn faults() -> String {
    let width = Fault::ALL.iter().map(|fault| fault.name().len()).max();
    let mut out = String::new();
    for fault in Fault::ALL {
        let name = fault.name();
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "{name:width$}  {}",
            fault.meaning(),
            width = width.unwrap_or(0)
        );
    }
    out
}

/// `drain-timeout on core-a, twice`.
fn words(one: &Misbehaviour) -> String {
    let whom = match &one.subject {
        Some(subject) => format!(" on `{subject}`"),
        None => String::new(),
    };
    let often = match one.times {
        0 => "always".to_owned(),
        1 => "once".to_owned(),
        times => format!("{times} times"),
    };
    format!("{}{whom}, {often}", one.fault.name())
}

fn fact<T: ToString>(known: &Known<T>) -> String {
    match known {
        Known::Value(value) => value.to_string(),
        Known::Absent => "(absent)".to_owned(),
        Known::Unknown(_) => "(unknown)".to_owned(),
    }
}

/// Returns how many nodes of a group are Ready, and how many it has.
fn nodes_of(world: &World, group: &LiveNodegroup) -> (usize, usize) {
    let nodes = || world.cluster.nodes_of(&group.name);
    let ready = nodes()
        .filter(|node| node.ready.value() == Some(&true))
        .count();
    (ready, nodes().count())
}

/// Updates that go on, as EKS lists them.
fn updates_of(world: &World) -> Vec<String> {
    let going = world.cluster.updates.items().iter();
    going
        .filter(|update| update.status == "InProgress")
        .map(|update| {
            let whom = update.nodegroup.as_ref().or(update.addon.as_ref());
            let whom = whom.map_or_else(String::new, |whom| format!(" of `{whom}`"));
            let to = match &update.version {
                Known::Value(version) => format!(" to {version}"),
                Known::Absent | Known::Unknown(_) => String::new(),
            };
            format!("{} {}{whom}{to}", update.id, update.kind)
        })
        .collect()
}

fn as_text(set: &WorldSet) -> String {
    let mut out = String::new();
    for (index, (name, world)) in set.worlds.iter().enumerate() {
        let gap = if index > 0 { "\n" } else { "" };
        let status = match &world.cluster.control_plane {
            Known::Value(plane) => fact(&plane.status),
            Known::Absent | Known::Unknown(_) => "(unknown)".to_owned(),
        };
        let version = world
            .version()
            .map_or("(unknown)".to_owned(), |v| v.to_string());
        let _ = writeln!(out, "{gap}{name}  {version}  {status}  {}", world.now);
        let groups = world.cluster.nodegroups.items();
        let width = groups
            .iter()
            .map(|group| group.name.len())
            .max()
            .unwrap_or(0);
        for group in groups {
            let (ready, all) = nodes_of(world, group);
            let kind = if group.managed {
                "managed"
            } else {
                "self-managed"
            };
            let _ = writeln!(
                out,
                "  {:width$}  {kind:12}  {}  {ready}/{all} Ready",
                group.name,
                fact(&group.version)
            );
        }
        for update in updates_of(world) {
            let _ = writeln!(out, "  in progress: {update}");
        }
        for one in &world.misbehave {
            let _ = writeln!(out, "  misbehaves: {}", words(one));
        }
        for mishap in &world.mishaps {
            let shown = serde_json::to_string(mishap).unwrap_or_default();
            let _ = writeln!(out, "  mishap: {shown}");
        }
    }
    out
}

fn as_value(set: &WorldSet) -> Value {
    let clusters: Vec<Value> = set
        .worlds
        .iter()
        .map(|(name, world)| {
            let groups: Vec<Value> = world
                .cluster
                .nodegroups
                .items()
                .iter()
                .map(|group| {
                    let (ready, nodes) = nodes_of(world, group);
                    json!({
                        "name": group.name, "managed": group.managed, "version": group.version,
                        "ready": ready, "nodes": nodes,
                    })
                })
                .collect();
            let plane = world.cluster.control_plane.value();
            json!({
                "name": name,
                "now": world.now,
                "version": world.version(),
                "status": plane.map(|plane| &plane.status),
                "nodegroups": groups,
                "in_progress": updates_of(world),
                "misbehave": world.misbehave,
                "mishaps": world.mishaps,
                "quiet": world.is_quiet(),
            })
        })
        .collect();
    json!({"kind": "WorldShow", "pace": set.pace, "clusters": clusters})
}
