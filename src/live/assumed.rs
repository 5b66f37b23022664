//! A config taken as if it were live: plans from it are previews and never applicable.

use super::{LiveError, LiveReader, ObservationKind};
use serde_json::Value;
use stairway_core::catalog::Catalog;
use stairway_core::diff::assume;
use stairway_core::model::Observation;
use stairway_core::model::clusterconfig::{Config, read_documents};

/// A rendered config that is taken as live.
#[derive(Clone, Copy, Debug)]
pub struct Assumed<'a> {
    /// What the file renders to.
    pub documents: &'a [Value],
    /// The file as plans and messages name it.
    pub shown: &'a str,
    /// Facts that a config does not tell.
    pub catalog: &'a Catalog,
}

impl LiveReader for Assumed<'_> {
    fn observe(&self) -> Result<Observation, LiveError> {
        let configs = read_documents(self.documents).map_err(|error| LiveError::Config {
            file: self.shown.to_owned(),
            error,
        })?;
        match configs.as_slice() {
            [Config::Eks(desired)] => {
                let source = format!("assumed: {}", self.shown);
                Ok(assume(desired, &source, self.catalog).sorted())
            }
            [Config::EksAnywhere(_)] => Err(LiveError::NotThereYet {
                what: "an EKS Anywhere config as if it were live".to_owned(),
            }),
            several => Err(LiveError::Count {
                file: self.shown.to_owned(),
                count: several.len(),
            }),
        }
    }

    fn kind(&self) -> ObservationKind {
        ObservationKind::Assumed
    }
}
