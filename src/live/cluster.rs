//! A live cluster through its own APIs: Kubernetes by a context, and AWS by whatever answers for it.
//!
//! ```text
//! identity ─▶ the Kubernetes API ─┐
//!             (pins first)        ├─ combine ─▶ Observation
//!             EKS, or its world ──┘
//! ```
//!
//! This build has no client of AWS. Where nothing answers for it, its facts are Unknown with that reason, and rules that
//! need them block. A served world (`stairway world serve`) has an EKS that answers: its world file.

use super::{KubernetesReader, LiveError, LiveReader, ObservationKind, WorldStore, combine};
use crate::kubernetes::{
    Around, Identity, KubeconfigSource, Limits, Reads, RunPlugin, read_kubeconfig,
};
use stairway_core::model::{ClusterId, Observation, Timestamp};
use std::path::PathBuf;
use std::sync::Arc;

/// Which APIs a cluster has, and what is pinned of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiSource {
    /// The context in the kubeconfig.
    pub context: String,
    /// The kubeconfig, where `~/` is the user's folder; none for the user's own.
    pub kubeconfig: Option<PathBuf>,
    /// What the endpoint and its authority must be.
    pub pins: Identity,
    /// The repository: no credentials are read from it.
    pub planned: Option<PathBuf>,
    /// The region that the fleet pins.
    pub region: Option<String>,
    /// The account that the fleet pins.
    pub account_id: Option<String>,
    /// What answers for AWS: a world file, and the folder that it must be in.
    pub cloud: Option<(PathBuf, PathBuf)>,
}

/// What is outside of the repository: the user's kubeconfigs, a plugin, the clock.
#[derive(Clone)]
pub struct Outside {
    /// The user's folder.
    pub home: Option<PathBuf>,
    /// The user's own kubeconfigs.
    pub kubeconfigs: Vec<PathBuf>,
    /// Runs `aws eks get-token`.
    pub plugin: RunPlugin,
    /// The clock.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// How much a call may take.
    pub limits: Limits,
}

impl Default for Outside {
    /// Nothing is outside: no kubeconfig, no plugin, a clock that stands still.
    fn default() -> Self {
        Self {
            home: None,
            kubeconfigs: Vec::new(),
            plugin: Arc::new(|_, _| Err("plugins are not run here".to_owned())),
            clock: Arc::new(|| Timestamp::from_unix(0)),
            limits: Limits::default(),
        }
    }
}

impl std::fmt::Debug for Outside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outside")
            .field("kubeconfigs", &self.kubeconfigs)
            .finish_non_exhaustive()
    }
}

impl ApiSource {
    /// Prepares the connection to the Kubernetes API, once it is clear that it is the one that is pinned.
    ///
    /// # Errors
    /// There is no such context, it cannot be used, or it leads elsewhere.
    pub fn connect(&self, outside: &Outside) -> Result<Reads, LiveError> {
        let at_home = |path: &PathBuf| match (path.strip_prefix("~"), &outside.home) {
            (Ok(rest), Some(home)) => home.join(rest),
            (Ok(_) | Err(_), _) => path.clone(),
        };
        let source = KubeconfigSource {
            named: self.kubeconfig.as_ref().map(at_home),
            own: outside.kubeconfigs.clone(),
            planned: self.planned.clone(),
        };
        let access = read_kubeconfig(&self.context, &source)?;
        access.matches(&self.pins, "the fleet file")?;
        let around = Around {
            plugin: Arc::clone(&outside.plugin),
            clock: Arc::clone(&outside.clock),
        };
        Ok(Reads::open(access, outside.limits, around)?)
    }

    /// Returns the world that answers for AWS.
    ///
    /// # Errors
    /// Its file is missing, or outside of its folder.
    pub fn world(&self) -> Result<Option<WorldStore>, LiveError> {
        let Some((path, root)) = &self.cloud else {
            return Ok(None);
        };
        Ok(Some(WorldStore::of(path, Some(root))?))
    }
}

/// Reads a cluster through its APIs.
#[derive(Debug)]
pub struct ThroughApis<'a> {
    /// Which APIs.
    pub source: &'a ApiSource,
    /// The connection.
    pub reads: &'a Reads,
    /// What the config calls the cluster.
    pub cluster: &'a str,
    /// When the reading began, for clusters with a real clock.
    pub now: Timestamp,
    /// True during a run: a world is seen as it is, its settings unredacted digests included.
    pub in_run: bool,
}

impl LiveReader for ThroughApis<'_> {
    fn observe(&self) -> Result<Observation, LiveError> {
        let identity = self.reads.access().identity();
        let id = ClusterId {
            name: self.cluster.to_owned(),
            region: self.source.region.clone().unwrap_or_default(),
            account_id: self.source.account_id.clone(),
            endpoint: identity.endpoint,
            certificate_authority: identity.authority,
        };
        let reader = KubernetesReader {
            reads: self.reads.clone(),
            cluster: id.clone(),
        };
        let mut kubernetes = reader.read()?;
        kubernetes.observed_at = stairway_core::model::Known::Value(self.now);
        let Some(store) = self.source.world()? else {
            return Ok(kubernetes);
        };
        let mut cloud = if self.in_run {
            store.observe_in_run(self.cluster)?
        } else {
            store.observe(self.cluster)?
        };
        self.pinned(&cloud.cluster)?;
        cloud.cluster.endpoint = id.endpoint;
        cloud.cluster.certificate_authority = id.certificate_authority;
        self.same(&kubernetes, &cloud)?;
        Ok(combine(kubernetes, cloud))
    }

    fn kind(&self) -> ObservationKind {
        ObservationKind::Kubernetes
    }
}

impl ThroughApis<'_> {
    /// Account and region are compared before anything is taken for true.
    fn pinned(&self, found: &ClusterId) -> Result<(), LiveError> {
        let rows = [
            (
                "account",
                &self.source.account_id,
                found.account_id.as_deref(),
            ),
            ("region", &self.source.region, Some(found.region.as_str())),
        ];
        for (what, pinned, found) in rows {
            if let (Some(pinned), Some(found)) = (pinned, found)
                && pinned != found
            {
                return Err(LiveError::Elsewhere {
                    cluster: self.cluster.to_owned(),
                    why: format!("the fleet pins it to {what} {pinned}, and it is in {found}"),
                });
            }
        }
        Ok(())
    }

    /// Nodes in another region, or of nodegroups that EKS does not know, are those of another cluster.
    ///
    /// During a run the endpoint is pinned by the plan, and groups come and go between two reads: there all of the
    /// nodes must be strangers.
    fn same(&self, kubernetes: &Observation, cloud: &Observation) -> Result<(), LiveError> {
        let nodes = kubernetes.nodes.items();
        let region = cloud.cluster.region.as_str();
        let abroad = nodes.iter().find_map(|node| {
            let zone = node.zone.value()?;
            // Zones, local zones and wavelength zones begin with the name of their region (EC2, zone names).
            (!region.is_empty() && !zone.starts_with(region)).then_some((&node.name, zone))
        });
        if let Some((node, zone)) = abroad {
            return Err(self.elsewhere(&format!(
                "node `{node}` in {zone}, and this cluster is in {region}"
            )));
        }
        if cloud.nodegroups.is_unknown() {
            return Ok(());
        }
        let named: Vec<&str> = nodes
            .iter()
            .filter_map(|node| node.nodegroup.as_deref())
            .collect();
        let strangers = named.iter().filter(|name| cloud.nodegroup(name).is_none());
        let strangers: Vec<&&str> = strangers.collect();
        match strangers.first() {
            Some(first) if !self.in_run || strangers.len() == named.len() => {
                Err(self.elsewhere(&format!(
                    "nodes of the nodegroup `{first}`, which this cluster does not have (or has only just: then read again)"
                )))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn elsewhere(&self, what: &str) -> LiveError {
        LiveError::Elsewhere {
            cluster: self.cluster.to_owned(),
            why: format!(
                "context `{}` leads to {what}: it is another cluster's",
                self.source.context
            ),
        }
    }
}
