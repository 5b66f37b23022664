//! From the fleet's and the cluster's own decisions to the settings of one cluster.

use super::{ClusterEntry, Fleet, Policy};
use stairway_core::policy::settings::Settings;

impl Fleet {
    /// Returns the settings of a cluster: defaults, then the fleet's decisions, then its own.
    ///
    /// `entry` is none for a config that the fleet does not list; `prune` are names from the
    /// command line.
    pub fn settings(&self, entry: Option<&ClusterEntry>, prune: &[String]) -> Settings {
        let mut settings = Settings {
            roles: self.file.roles.clone(),
            prune: self.file.prune.clone(),
            waivers: self.file.waivers.clone(),
            ignore: self.file.ignore.clone(),
            ..Settings::default()
        };
        settings.prune.extend_from_slice(prune);
        settings.prune.sort();
        settings.prune.dedup();
        apply(&self.file.policy, &mut settings);
        if let Some(entry) = entry {
            apply(&entry.policy, &mut settings);
            settings.nodegroups.clone_from(&entry.nodegroups);
        }
        settings
    }
}

fn apply(policy: &Policy, settings: &mut Settings) {
    // Approvals belong to apply, not to a plan's settings.
    let Policy {
        nodes,
        bake,
        phase_out_at_most,
        activity,
        windows,
        approvals: _,
    } = policy;
    if let Some(nodes) = nodes {
        settings.nodes = *nodes;
    }
    if let Some(bake) = bake {
        settings.bake = bake.0;
    }
    if let Some(limit) = phase_out_at_most {
        settings.phase_out_at_most = limit.0;
    }
    if let Some(activity) = activity {
        settings.activity.clone_from(activity);
    }
    if let Some(windows) = windows {
        settings.windows.clone_from(windows);
    }
}
