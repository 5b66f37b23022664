//! By which way a cluster is reached, and whether it is the one that is meant.

use super::credentials::Credentials;
use stairway_core::model::Digest;

/// A cluster's API server and how one is let in: what a context of a kubeconfig says.
#[derive(Clone, Debug)]
pub struct Access {
    /// The context's name.
    pub context: String,
    /// The kubeconfig, for messages.
    pub shown: String,
    /// `https://…`, without a slash at its end.
    pub endpoint: String,
    /// The certificates of the authority, DER; empty for those of the system.
    pub authority: Vec<Vec<u8>>,
    /// The name in the server's certificate, when it is not the endpoint's.
    pub server_name: Option<String>,
    /// How one is let in.
    pub credentials: Credentials,
}

/// What tells one cluster from another: recorded in plans, compared before the first read and the first write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The endpoint.
    pub endpoint: Option<String>,
    /// `sha256:` and the hex digest of the authority's certificates, DER, in their order.
    pub authority: Option<String>,
}

/// The cluster is another one than it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "Connecting to context `{context}` was refused: its {what} is {found}, and {pinned_by} pins {pinned}"
)]
pub struct PinError {
    /// The context.
    pub context: String,
    /// `endpoint` or `certificate authority`.
    pub what: &'static str,
    /// What the kubeconfig says.
    pub found: String,
    /// Who pins it: `the fleet file`, `the plan`.
    pub pinned_by: &'static str,
    /// What is pinned.
    pub pinned: String,
}

impl Access {
    /// Returns the beginning of a kubectl command about this cluster, as it is typed: kubectl looks into another
    /// kubeconfig than the fleet's, and at another context, unless it is told.
    pub fn kubectl(&self) -> String {
        format!(
            "kubectl --kubeconfig {} --context {}",
            word(&self.shown),
            word(&self.context)
        )
    }

    /// Returns what tells this cluster from others.
    pub fn identity(&self) -> Identity {
        let joined = self.authority.concat();
        Identity {
            endpoint: Some(self.endpoint.clone()),
            authority: (!joined.is_empty())
                .then(|| format!("sha256:{}", Digest::of(&joined).hex())),
        }
    }

    /// Compares with what is pinned; what is not pinned is not compared.
    ///
    /// # Errors
    /// Endpoint or authority are others.
    pub fn matches(&self, pins: &Identity, pinned_by: &'static str) -> Result<(), PinError> {
        let own = self.identity();
        let rows = [
            ("endpoint", &pins.endpoint, own.endpoint),
            ("certificate authority", &pins.authority, own.authority),
        ];
        for (what, pinned, found) in rows {
            let Some(pinned) = pinned else { continue };
            let same = found.as_deref().is_some_and(|found| same(found, pinned));
            if !same {
                return Err(PinError {
                    context: self.context.clone(),
                    what,
                    found: found
                        .map_or_else(|| "not given".to_owned(), |found| format!("`{found}`")),
                    pinned_by,
                    pinned: format!("`{pinned}`"),
                });
            }
        }
        Ok(())
    }
}

/// Hosts and hex digits have no case, and a slash at the end of a URL says nothing.
fn same(one: &str, other: &str) -> bool {
    one.trim_end_matches('/')
        .eq_ignore_ascii_case(other.trim_end_matches('/'))
}

/// Returns a word as a shell takes it.
pub(super) fn word(text: &str) -> String {
    stairway_core::model::shell_word(text)
}
