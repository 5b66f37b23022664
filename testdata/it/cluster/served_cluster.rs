//! A served world: what only a world can do.

use super::{SERVED, TestCluster, ground};
use stairway::serve::{Role, Serving};
use stairway_world::World;
use stairway_world::door::{Asked, Door, DoorFault};
use std::ops::Deref;

/// A cluster that is a world served in this process.
pub(crate) struct ServedCluster(TestCluster);

impl Deref for ServedCluster {
    type Target = TestCluster;

    fn deref(&self) -> &TestCluster {
        &self.0
    }
}

impl ServedCluster {
    /// Serves [`ground::world`] to one who may do everything.
    pub(crate) fn new() -> Self {
        Self::of(ground::world(), Role::Admin)
    }

    /// Serves a world to somebody with this role.
    pub(crate) fn of(world: World, role: Role) -> Self {
        Self::with_token(world, role, "t0ken")
    }

    pub(crate) fn with_token(world: World, role: Role, token: &str) -> Self {
        let cluster = TestCluster::served(world, role, token);
        if matches!(role, Role::Admin) {
            return Self(cluster.prepared());
        }
        Self(cluster)
    }

    fn serving(&self) -> &Serving {
        self.0.served.as_ref().expect("it is served")
    }

    /// Looks at and changes the world and its door.
    pub(crate) fn with<R>(&self, change: impl FnOnce(&mut Door, &mut World) -> R) -> R {
        self.serving().with(SERVED, change).expect("a cluster")
    }

    pub(crate) fn strike(&self, fault: DoorFault) {
        self.with(|door, _| door.strike(fault));
    }

    pub(crate) fn heal(&self) {
        self.with(|door, _| door.heal());
    }

    /// Returns the requests so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.with(|door, _| door.asked().to_vec())
    }

    /// Returns the requests from the one with this number on.
    pub(crate) fn asked_since(&self, first: usize) -> Vec<Asked> {
        self.with(|door, _| door.asked().get(first..).unwrap_or_default().to_vec())
    }

    /// Ends the server: whoever waits for an answer gets none.
    pub(crate) fn stop(&mut self) {
        if let Some(serving) = &mut self.0.served {
            serving.stop();
        }
    }
}
