//! The worlds behind the sockets: each request is a load, a change and a save, and the door's own store is carried over.

use crate::live::{Kept, WorldError, WorldStore};
use stairway_core::model::Timestamp;
use stairway_world::World;
use stairway_world::door::{Door, DoorOptions, Polled, Reply, Request, Watch};
use std::collections::BTreeMap;

/// Where the worlds are.
#[derive(Debug)]
pub enum Ground {
    /// On disk, where others change them too.
    Stored(WorldStore),
    /// In this process, by name.
    Here(BTreeMap<String, World>),
}

/// The served clusters.
#[derive(Debug)]
pub struct Served {
    ground: Ground,
    kept: Kept,
    options: DoorOptions,
    doors: BTreeMap<String, Entry>,
}

/// A door and the world that it stands before.
#[derive(Debug)]
struct Entry {
    door: Door,
    /// What its world's clock showed when it was last looked through.
    at: Timestamp,
    /// How often a door was put here: a watch of an earlier one ends.
    life: u64,
    /// True when the world may have been changed by others since the last look.
    behind: bool,
}

/// A watch that a client holds.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) watch: Watch,
    life: u64,
}

/// What a request gets.
#[derive(Debug)]
pub(super) enum Answer {
    Whole(stairway_world::door::Response),
    Watch(Box<Held>),
}

impl Served {
    /// Opens a door before each of these clusters.
    ///
    /// # Errors
    /// The world cannot be read, or has no such cluster.
    pub fn open(
        ground: Ground,
        clusters: &[String],
        options: DoorOptions,
    ) -> Result<Self, WorldError> {
        let mut served = Self {
            ground,
            kept: Kept::default(),
            options,
            doors: BTreeMap::new(),
        };
        for name in clusters {
            served.with(name, |_, _| ())?;
        }
        Ok(served)
    }

    /// Lets a cluster's door and world be changed, by whoever holds the server: faults, time, tools.
    ///
    /// # Errors
    /// The world cannot be read or written. Then the change did not happen, and the door begins anew.
    pub fn with<R>(
        &mut self,
        name: &str,
        change: impl FnOnce(&mut Door, &mut World) -> R,
    ) -> Result<R, WorldError> {
        self.visit(name, true, change)
    }

    /// Answers a request.
    pub(super) fn handle(&mut self, name: &str, request: &Request) -> Result<Answer, WorldError> {
        let may_change = !matches!(request.method.as_str(), "GET" | "HEAD");
        let reply = self.visit(name, may_change, |door, world| door.handle(world, request))?;
        Ok(match reply {
            Reply::Answer(response) => Answer::Whole(response),
            Reply::Watch(watch) => Answer::Watch(Box::new(Held {
                watch: *watch,
                life: self.doors.get(name).map_or(0, |entry| entry.life),
            })),
        })
    }

    /// Returns what a watch has to tell, of the world as it was at the last visit.
    pub(super) fn poll(&self, name: &str, held: &mut Held, elapsed: u64) -> Polled {
        let world = match &self.ground {
            Ground::Stored(_) => self.kept.world(name),
            Ground::Here(worlds) => worlds.get(name),
        };
        match (self.doors.get(name), world) {
            (Some(entry), Some(world)) if entry.life == held.life => {
                entry.door.poll(world, &mut held.watch, elapsed)
            }
            // Nothing can be told while the world cannot be read; the next look reads it again.
            (Some(entry), None) if entry.life == held.life => Polled {
                events: Vec::new(),
                ended: false,
            },
            (Some(_) | None, Some(_) | None) => Polled {
                events: Vec::new(),
                ended: true,
            },
        }
    }

    /// Lets controllers act, and virtual time pass by so many seconds; returns whether anything may have changed.
    ///
    /// # Errors
    /// The world cannot be read or written.
    pub(super) fn look(&mut self, seconds: i64) -> Result<bool, WorldError> {
        let fresh = match &self.ground {
            Ground::Stored(store) => store.is_fresh(&self.kept),
            Ground::Here(_) => true,
        };
        let calm = |entry: &Entry| !entry.behind && entry.door.is_idle();
        if fresh && seconds == 0 && self.doors.values().all(calm) {
            return Ok(false);
        }
        if seconds > 0 {
            self.advance(seconds)?;
        }
        let names: Vec<String> = self.doors.keys().cloned().collect();
        for name in names {
            self.with(&name, |door, world| door.observe(world))?;
        }
        Ok(true)
    }

    /// All clusters of a world have the same time, also those that are not served.
    fn advance(&mut self, seconds: i64) -> Result<(), WorldError> {
        for entry in self.doors.values_mut() {
            entry.behind = true;
        }
        match &mut self.ground {
            Ground::Stored(store) => store.visit(&mut self.kept, |set, _| {
                set.worlds
                    .values_mut()
                    .for_each(|world| world.advance(seconds));
                ((), true)
            }),
            Ground::Here(worlds) => {
                worlds.values_mut().for_each(|world| world.advance(seconds));
                Ok(())
            }
        }
    }

    fn visit<R>(
        &mut self,
        name: &str,
        may_change: bool,
        visit: impl FnOnce(&mut Door, &mut World) -> R,
    ) -> Result<R, WorldError> {
        let (options, doors) = (&self.options, &mut self.doors);
        let store = match &mut self.ground {
            Ground::Stored(store) => store,
            Ground::Here(worlds) => {
                let known: Vec<String> = worlds.keys().cloned().collect();
                let Some(world) = worlds.get_mut(name) else {
                    return Err(no_cluster("memory", name, known));
                };
                let entry = enter(doors, name, world, options);
                return Ok(visit(&mut entry.door, world));
            }
        };
        let visited = store.visit(&mut self.kept, |set, fresh| {
            if !fresh {
                doors.values_mut().for_each(|entry| entry.behind = true);
            }
            let known: Vec<String> = set.worlds.keys().cloned().collect();
            let Some(world) = set.worlds.get_mut(name) else {
                return (Err(known), false);
            };
            let watched = may_change || doors.get(name).is_none_or(|entry| entry.behind);
            let before = watched.then(|| world.clone());
            let entry = enter(doors, name, world, options);
            let result = visit(&mut entry.door, world);
            entry.at = world.now;
            (Ok(result), before.is_some_and(|before| before != *world))
        });
        match visited {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(known)) => {
                let shown = store.definition().display().to_string();
                Err(no_cluster(&shown, name, known))
            }
            Err(error) => {
                // What the door was told may not be on disk: it begins anew from what is.
                if may_change {
                    self.kept.forget();
                    doors.values_mut().for_each(|entry| entry.behind = true);
                    if let Some(entry) = doors.get_mut(name) {
                        entry.at = FAR;
                    }
                }
                Err(error)
            }
        }
    }
}

/// Later than every clock: a door that was here then begins anew.
const FAR: Timestamp = Timestamp::from_unix(253_402_300_799);

/// Returns the door before a world, after its look at what others changed.
fn enter<'d>(
    doors: &'d mut BTreeMap<String, Entry>,
    name: &str,
    world: &mut World,
    options: &DoorOptions,
) -> &'d mut Entry {
    // When time went back, the world was reset, and with it everything that was told.
    let later = doors.get(name).filter(|entry| entry.at > world.now);
    let life = later.map_or(0, |entry| entry.life + 1);
    if life > 0 {
        doors.remove(name);
    }
    let entry = doors.entry(name.to_owned()).or_insert_with(|| Entry {
        door: Door::new(world, options.clone()),
        at: world.now,
        life,
        behind: false,
    });
    if entry.behind {
        entry.door.observe(world);
        entry.behind = false;
    }
    entry.at = world.now;
    entry
}

fn no_cluster(file: &str, name: &str, known: Vec<String>) -> WorldError {
    WorldError::NoCluster {
        file: file.to_owned(),
        name: name.to_owned(),
        known,
    }
}
