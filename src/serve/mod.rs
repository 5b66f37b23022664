//! The embedded world as a Kubernetes API that real clients accept: HTTP/1.1 on loopback, with TLS and a token.
//!
//! ```text
//! listen ─▶ tls ─▶ wire ─Request─▶ served ─▶ stairway_world::door
//!                    ◀─Reply, events─┘  └──▶ live::WorldStore (load, change, save)
//! ```
//!
//! What a cluster answers is the door's; here are sockets, the clock of the socket, and the world's file.
//!
//! * Requests are served one after another, through one lock on the world in this process and the lock of
//!   its file between processes: what `world advance`, `apply` or the stand-in for eksctl do is seen, and
//!   what clients write is on disk before they have their answer.
//! * Requests do not let virtual time pass. Controllers look at the world ten times a second, as they would
//!   in a real cluster within a moment of each change; with a pace, virtual time runs with the real one.
//! * What only the door knows (labels, leases, config maps, versions) lives as long as the server does.

mod kubeconfig;
mod listen;
mod roles;
mod served;
mod tls;
mod wire;

pub use kubeconfig::{MARK as KUBECONFIG_MARK, kubeconfig};
pub use listen::Serving;
pub use roles::{APPLY as APPLY_ROLE, PLAN as PLAN_ROLE, Role};
pub use served::{Ground, Served};

use std::net::SocketAddr;
use std::time::Duration;

/// How a world is served.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// The clusters, each on a port of its own.
    pub clusters: Vec<String>,
    /// The port of the first, those of the others follow; 0 lets the operating system choose.
    pub port: u16,
    /// The bearer token that clients show.
    pub token: String,
    /// What they may do with it.
    pub role: Role,
    /// False for plain HTTP, over which kubectl sends no token.
    pub tls: bool,
    /// Virtual seconds that pass in a real second; 0 when only others let time pass.
    pub pace: u32,
    /// After how long without any request the server ends by itself.
    pub until_idle: Option<Duration>,
}

/// Where a cluster is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The cluster.
    pub cluster: String,
    /// The address, always of loopback.
    pub address: SocketAddr,
    /// The certificate of the authority that signed the server's, as PEM; none without TLS.
    pub authority: Option<String>,
}

impl Endpoint {
    /// Returns `https://127.0.0.1:41234`.
    pub fn url(&self) -> String {
        let scheme = match self.authority {
            Some(_) => "https",
            None => "http",
        };
        format!("{scheme}://{}", self.address)
    }
}

/// Why a world is not served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The world cannot be read, or has no such cluster.
    #[error("{0}")]
    World(#[from] crate::live::WorldError),
    /// No socket.
    #[error("Serving `{cluster}` on {address} failed: {cause}")]
    Socket {
        /// The cluster.
        cluster: String,
        /// Where.
        address: SocketAddr,
        /// Why.
        cause: std::io::Error,
    },
    /// No port is left for a cluster.
    #[error("Serving {clusters} clusters from port {port} failed: the ports end at 65535")]
    Ports {
        /// How many.
        clusters: usize,
        /// The first port.
        port: u16,
    },
    /// No certificate could be made.
    #[error("Making a certificate failed: {0}")]
    Certificate(String),
    /// No thread or no runtime.
    #[error("Starting the server failed: {0}")]
    Start(std::io::Error),
}

#[cfg(test)]
mod tests;
