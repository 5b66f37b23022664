//! The nouns of the field as values with invariants.

mod admission;
mod budget;
mod canonical;
pub mod clusterconfig;
mod condition;
mod digest;
pub mod eksa;
mod known;
mod observation;
mod shell;
mod time;
mod version;

pub use admission::{MappedRole, Webhook};
pub use condition::{Condition, PodSelector, glob_matches};
pub use digest::{Digest, canonical_bytes};
pub use known::Known;
pub use observation::{
    ApiClient, ClusterId, ControlPlane, DeprecatedApi, DeprecatedUse, HealthIssue, Insight,
    LiveAddon, LiveNodegroup, Node, OBSERVATION_FORMAT, Observation, Pdb, Pod, Stack, Subnet,
    Update, Workload,
};
pub use shell::shell_word;
pub use time::{DAY_SECONDS, Timestamp, say_seconds};
pub use version::{AddonVersion, KubeMinor, KubeVersion, VersionError};
