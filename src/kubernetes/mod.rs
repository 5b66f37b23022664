//! The Kubernetes API of one cluster: who it is, what is asked of it, and how much.
//!
//! ```text
//! kubeconfig ─▶ Access ─▶ client (the one door to `kube`) ─▶ Reads ─▶ Writes
//! ```
//!
//! * [`kubeconfig`](read_kubeconfig): a context by its name, never the current one; exec plugins by allow-list.
//! * [`Access`]: endpoint, authority and credentials, and what of these is pinned.
//! * [`Reads`]: get, list by pages, watch, `/version`, `/metrics`, and access reviews. No method of it can change
//!   an object; asking what one may do ([`Reads::allowed`]) is the one POST.
//! * [`Writes`]: patch, create, replace, evict. Made from [`Reads`] by whoever acts.
//!
//! Every call is bounded in time and bytes, retried where that is harmless, and counted. Calls block: several at
//! once are several threads.

mod access;
mod client;
mod credentials;
mod error;
mod kubeconfig;
mod reads;
mod resource;
mod writes;

pub use access::{Access, Identity, PinError};
pub use credentials::{Credentials, RunPlugin, Secret};
pub use error::{CallError, Trouble};
pub use kubeconfig::{KubeconfigError, KubeconfigSource, read_kubeconfig};
pub use reads::{
    Around, Asked, Limits, Listed, Reads, ServerVersion, Traffic, WatchEnd, WatchStart, Watched,
};
pub use resource::{Object, Resource, Selector};
pub use writes::{Patch, Writes};
