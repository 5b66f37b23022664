//! What a reader makes of a look: sorted, sensitive values as digests.
//!
//! Most looks see the settings of the look before, and digests take most of the time of a
//! simulation: what was redacted once is kept.

use serde_json::{Map, Value};
use stairway_core::catalog::Catalog;
use stairway_core::diff::normalize::{redact, redact_addon};
use stairway_core::model::{Known, Observation};
use std::collections::BTreeMap;

type Settings = Map<String, Value>;

/// The looks of one story, and what they redacted.
#[derive(Clone, Debug, Default)]
pub(super) struct Eyes(BTreeMap<String, (Settings, Settings)>);

impl Eyes {
    /// Returns `observed` as a reader gives it.
    pub(super) fn see(&mut self, observed: Observation) -> Observation {
        let mut observed = observed.sorted();
        if let Known::Value(groups) = &mut observed.nodegroups {
            for group in groups.iter_mut() {
                self.look(
                    &format!("nodegroup {}", group.name),
                    &mut group.spec,
                    redact,
                );
            }
        }
        if let Known::Value(addons) = &mut observed.addons {
            for addon in addons.iter_mut() {
                self.look(
                    &format!("addon {}", addon.name),
                    &mut addon.spec,
                    redact_addon,
                );
            }
        }
        if let Known::Value(plane) = &mut observed.control_plane {
            self.look("cluster", &mut plane.settings, redact);
        }
        observed
    }

    fn look(
        &mut self,
        name: &str,
        settings: &mut Settings,
        how: fn(&Settings, &Catalog) -> Settings,
    ) {
        if let Some((raw, redacted)) = self.0.get(name)
            && raw == settings
        {
            settings.clone_from(redacted);
            return;
        }
        let redacted = how(settings, Catalog::embedded());
        let raw = std::mem::replace(settings, redacted.clone());
        self.0.insert(name.to_owned(), (raw, redacted));
    }
}
