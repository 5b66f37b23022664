//! One file per command: a request in, text and an exit code out.

pub(super) mod apply;
pub(super) mod approve;
pub(super) mod check;
pub(super) mod diff;
pub(super) mod drift;
pub(super) mod explain;
pub(super) mod init;
pub(super) mod init_cluster;
pub(super) mod man;
pub(super) mod merge;
pub(super) mod observe;
pub(super) mod plan;
pub(super) mod propose;
pub(super) mod rehearse;
pub(super) mod render;
pub(super) mod rollback;
pub(super) mod schema;
pub(super) mod show;
pub(super) mod status;
pub(super) mod template;
pub(super) mod world;
mod world_serve;
