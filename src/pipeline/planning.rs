//! One loaded cluster to one plan.

use super::Loaded;
use crate::live::ObservationKind;
use stairway_core::catalog::Catalog;
use stairway_core::make_plan;
use stairway_core::model::KubeMinor;
use stairway_core::model::clusterconfig::Config;
use stairway_core::plan::wire::ClusterError;
use stairway_core::plan::{PlanInput, Planned};
use std::collections::{BTreeMap, BTreeSet};

/// What is asked of every plan of an invocation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanOptions {
    /// Another target than git's.
    pub to: Option<KubeMinor>,
    /// Groups to replace although nothing asks for it.
    pub replace: BTreeSet<String>,
    /// Undeclared groups and add-ons that may be deleted.
    pub prune: BTreeSet<String>,
}

/// Plans one cluster.
///
/// # Errors
/// The cluster is of a flavor that cannot be planned yet, or its live side was not read.
pub fn plan_cluster(
    loaded: &Loaded,
    options: &PlanOptions,
    catalog: &Catalog,
) -> Result<Planned, ClusterError> {
    let desired = match &loaded.config {
        Config::Eks(desired) => desired,
        Config::EksAnywhere(config) => {
            return Err(ClusterError {
                name: loaded.name.clone(),
                error: format!(
                    "`{}` is an EKS Anywhere cluster, and this build does not plan those yet",
                    config.name
                ),
                hint: Some(format!("leave it out with `--exclude {}`", loaded.name)),
                ..ClusterError::default()
            });
        }
    };
    let Some(live) = &loaded.live else {
        return Err(ClusterError {
            name: loaded.name.clone(),
            error: "The live side was not read".to_owned(),
            hint: None,
            ..ClusterError::default()
        });
    };
    let mut inputs = loaded.inputs.clone();
    inputs.options = options.recorded();
    Ok(make_plan(&PlanInput {
        wave: loaded.wave.clone(),
        missing_files: loaded.missing_files.clone(),
        name: loaded.name.clone(),
        desired,
        observed: &live.observation,
        assumed: live.kind == ObservationKind::Assumed,
        at: loaded.at,
        to: options.to,
        replace: options.replace.clone(),
        settings: &loaded.settings,
        catalog,
        inputs,
    }))
}

impl PlanOptions {
    /// Returns the options that change a plan, as plans record them.
    fn recorded(&self) -> BTreeMap<String, String> {
        let Self { to, replace, prune } = self;
        let mut options = BTreeMap::new();
        if let Some(to) = to {
            options.insert("to".to_owned(), to.to_string());
        }
        for (name, values) in [("replace", replace), ("prune", prune)] {
            if !values.is_empty() {
                let values: Vec<&str> = values.iter().map(String::as_str).collect();
                options.insert(name.to_owned(), values.join(","));
            }
        }
        options
    }
}
