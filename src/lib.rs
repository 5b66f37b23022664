//! The effects around [`stairway_core`].
//!
//! ```text
//! cli ─▶ pipeline ─▶ config, render, live, vcs ─▶ files
//!   ├──▶ store ────▶ files
//!   ├──▶ drive ────▶ live, actuate, store
//!   └──▶ serve ────▶ live
//! ```
//!
//! * [`cli`]: argv to a request, a request to one call chain, errors to messages and exit codes.
//! * [`pipeline`]: from a selection of clusters to plans, without the command line.
//! * [`config`]: the fleet file.
//! * [`render`]: jsonnet, JSON and YAML to documents, hermetic and bounded.
//! * [`live`]: the reading port; it has no method that could change a cluster.
//! * [`kubernetes`]: the Kubernetes API of one cluster: who it is, reads and writes.
//! * [`drive`]: a state machine that does an approved plan, its loop, its real ports and its simulated ones.
//! * [`actuate`]: the acting port: tools as processes, and the embedded world.
//! * [`serve`]: the embedded world as a Kubernetes API on loopback.
//! * [`store`]: plan directories, journals and the locks of clusters.
//! * [`approvals`]: signed statements beside their plan, and what the owner asks of them.
//! * [`vcs`]: git: revisions, files and committers; commits that touch no work tree; remotes; history.
//! * [`eksctl_schema`]: eksctl's own schema, to warn by.
//! * [`template`]: templates of cluster files, and the records of what was generated.
//! * [`starter`]: the files of a new repository.
//! * [`propose`]: the edit of configs that makes them render to something else.
//! * [`files`]: the one door to the file system.

pub mod actuate;
pub mod approvals;
pub mod cli;
pub mod config;
pub mod drive;
pub mod eksctl_schema;
pub mod files;
pub mod kubernetes;
pub mod live;
mod overlay;
pub mod pipeline;
pub mod propose;
pub mod render;
pub mod serve;
pub mod starter;
pub mod store;
pub mod template;
pub mod vcs;
