//! Zones of volumes: from a pod over its claims to what a volume says of where it lies.

use super::object::{
    Fetched, Index, Place, Wrong, at, index, known, labels, list, needed, place, shown, text, texts,
};
use serde_json::Value;
use stairway_core::model::Known;
use std::collections::BTreeSet;

/// Keys by which a volume is bound to zones: Kubernetes' own, its beta that old volumes have, and that of the EBS
/// driver (Kubernetes, well-known labels; aws-ebs-csi-driver, `docs/parameters.md`).
const ZONE_KEYS: [&str; 3] = [
    "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/zone",
    "topology.ebs.csi.aws.com/zone",
];
/// A local volume is bound to its node by it.
const HOSTNAME: &str = "kubernetes.io/hostname";
/// Between zones in the label of a volume that lies in several (Kubernetes, `topology.kubernetes.io/zone`).
const BETWEEN: &str = "__";

type Zones = BTreeSet<String>;

/// Volumes and claims of a cluster.
pub(super) struct Volumes {
    /// The volume of each claim; none for one that waits for it.
    claims: Index<Option<String>>,
    /// The zones of each volume; empty for one that can be used in all.
    volumes: Index<Zones>,
}

impl Volumes {
    pub(super) fn of(claims: &Fetched, volumes: &Fetched) -> Self {
        Self {
            claims: index(claims, "persistentvolumeclaims", |claim| {
                Ok(text(claim, "/spec/volumeName")?.map(str::to_owned))
            }),
            volumes: index(volumes, "persistentvolumes", zones),
        }
    }

    /// Returns where a pod's volumes let it run; empty when they do not say.
    pub(super) fn zones_of(&self, pod: &Value) -> Known<Vec<String>> {
        let zones = self.common(pod);
        known(zones.map(|zones| zones.into_iter().collect()))
    }

    /// A pod runs where all of its volumes are.
    fn common(&self, pod: &Value) -> Result<Zones, Wrong> {
        let mut common: Option<Zones> = None;
        for claim in claims(pod)? {
            let zones = self.of_claim(&claim)?;
            if zones.is_empty() {
                continue;
            }
            common = Some(match common {
                None => zones,
                Some(before) => before.intersection(&zones).cloned().collect(),
            });
        }
        match common {
            Some(zones) if zones.is_empty() => {
                Err("its volumes lie in zones that have none in common".to_owned())
            }
            Some(zones) => Ok(zones),
            None => Ok(Zones::new()),
        }
    }

    fn of_claim(&self, claim: &Place) -> Result<Zones, Wrong> {
        let named = format!("its claim `{}/{}`", shown(&claim.0), shown(&claim.1));
        let bound = match self.claims.as_ref().map_err(Clone::clone)?.get(claim) {
            None => return Err(format!("{named} is not listed")),
            Some(Err(wrong)) => return Err(format!("{named} cannot be understood: {wrong}")),
            Some(Ok(bound)) => bound,
        };
        // A claim without a volume gets one where the pod is placed.
        let Some(volume) = bound else {
            return Ok(Zones::new());
        };
        let at = (String::new(), volume.clone());
        let named = format!("its volume `{}`", shown(volume));
        match self.volumes.as_ref().map_err(Clone::clone)?.get(&at) {
            None => Err(format!("{named} is not listed")),
            Some(Err(wrong)) => Err(format!("{named} {wrong}")),
            Some(Ok(zones)) => Ok(zones.clone()),
        }
    }
}

/// The claims of a pod, those that are made with it among them.
fn claims(pod: &Value) -> Result<Vec<Place>, Wrong> {
    let (namespace, name) = place(pod)?;
    let mut claims = Vec::new();
    for volume in list(pod, "/spec/volumes")? {
        if at(volume, "/persistentVolumeClaim").is_some() {
            let claim = needed(volume, "/persistentVolumeClaim/claimName")?;
            claims.push((namespace.clone(), claim.to_owned()));
        } else if at(volume, "/ephemeral").is_some() {
            // Kubernetes, Ephemeral Volumes: the pod's name, a hyphen, the volume's name.
            let claim = format!("{name}-{}", needed(volume, "/name")?);
            claims.push((namespace.clone(), claim));
        } else if at(volume, "/awsElasticBlockStore").is_some() {
            return Err(
                "a volume of it is named in the pod itself, and its zone is not".to_owned(),
            );
        }
    }
    Ok(claims)
}

/// The zones of a volume: of what it requires of nodes, else of its labels.
fn zones(volume: &Value) -> Result<Zones, Wrong> {
    let terms = list(volume, "/spec/nodeAffinity/required/nodeSelectorTerms")?;
    if terms.is_empty() {
        let labels = labels(volume, "/metadata/labels")?;
        let label = ZONE_KEYS.iter().find_map(|key| labels.get(*key));
        let zones = label.into_iter().flat_map(|label| label.split(BETWEEN));
        let zones = zones.filter(|zone| !zone.is_empty());
        return Ok(zones.map(str::to_owned).collect());
    }
    let mut all = Zones::new();
    for term in terms {
        match zones_of_term(term)? {
            Some(zones) => all.extend(zones),
            // One of the terms is enough.
            None => return Ok(Zones::new()),
        }
    }
    Ok(all)
}

fn zones_of_term(term: &Value) -> Result<Option<Zones>, Wrong> {
    let one_node = || "lies on one node".to_owned();
    if !list(term, "/matchFields")?.is_empty() {
        return Err(one_node());
    }
    let mut zones: Option<Zones> = None;
    for expression in list(term, "/matchExpressions")? {
        let key = needed(expression, "/key")?;
        if key == HOSTNAME {
            return Err(one_node());
        }
        if !ZONE_KEYS.contains(&key) {
            continue;
        }
        let operator = needed(expression, "/operator")?;
        if operator != "In" {
            return Err(format!("binds its zone by `{}`", shown(operator)));
        }
        let named: Zones = texts(expression, "/values")?.into_iter().collect();
        zones = Some(match zones {
            None => named,
            Some(before) => before.intersection(&named).cloned().collect(),
        });
    }
    Ok(zones)
}
