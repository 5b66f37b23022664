//! `stairway world` as it is typed.

use super::DiffFormat;
use clap::{Args, Subcommand, ValueEnum};
use stairway_core::policy::settings::read_duration;
use std::path::PathBuf;

/// Arguments of `world`.
#[derive(Debug, Args)]
pub struct WorldArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub command: WorldCommand,
}

/// What can be done with a world.
#[derive(Debug, Subcommand)]
pub enum WorldCommand {
    /// Print its clusters as they are now; nothing is written
    Show {
        /// The world's definition
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// How to print
        #[arg(long, value_enum, default_value_t = DiffFormat::Table)]
        format: DiffFormat,
    },
    /// Let time pass in all of its clusters
    Advance {
        /// The world's definition
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// How long: 90s, 30m, 12h or 60d
        #[arg(value_name = "DURATION", value_parser = read_duration)]
        duration: u32,
    },
    /// Let a cluster or its tools misbehave
    Break {
        /// The world's definition
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The cluster
        #[arg(value_name = "CLUSTER")]
        cluster: String,
        /// The misbehaviour; `stairway world faults` lists them
        #[arg(value_name = "FAULT[:SUBJECT]")]
        fault: String,
        /// The group, add-on or cluster that it strikes [default: whoever it meets]
        #[arg(long, value_name = "NAME")]
        subject: Option<String>,
        /// How often it strikes; 0 for always
        #[arg(long, value_name = "N", default_value_t = 1)]
        times: u32,
    },
    /// Switch the misbehaviours of a cluster off
    Mend {
        /// The world's definition
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The cluster
        #[arg(value_name = "CLUSTER")]
        cluster: String,
    },
    /// Forget what has become of it: it begins again as its definition says
    Reset {
        /// The world's definition
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Serve it as a Kubernetes API, for kubectl and every other client
    ///
    /// Answers on loopback as an API server would, with TLS and a token of its own, until Ctrl-C. Nodes,
    /// pods, budgets and workloads are the world's: what clients do to them becomes of the world, and what
    /// `world advance` and runs do is seen by clients. Labels, leases and config maps live as long as the
    /// server does. Each cluster has a port of its own.
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(ServeArgs),
    /// List the misbehaviours, each with who documents it
    Faults,
}

/// Arguments of `world serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The world's definition
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Only this cluster [default: all of them]
    #[arg(long, value_name = "NAME")]
    pub cluster: Option<String>,
    /// The port; with several clusters that of the first, the others follow [default: any that are free]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// Where to write one kubeconfig for all [default: .stairway/CLUSTER.kubeconfig beside the world]
    #[arg(long, value_name = "OUT")]
    pub kubeconfig: Option<PathBuf>,
    /// The bearer token that clients show [default: a random one]
    #[arg(long, value_name = "T")]
    pub token: Option<String>,
    /// What the token allows
    #[arg(long, value_enum, default_value_t = ServeRole::Admin)]
    pub role: ServeRole,
    /// Plain HTTP, for tools to look into; kubectl sends no token over it
    #[arg(long)]
    pub insecure_http: bool,
    /// Let virtual time run: so many virtual seconds in each real one [default: only `world advance` does]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub pace: Option<u32>,
    /// End after so many seconds without any request
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    pub until_idle: Option<u32>,
    /// Wait so many milliseconds before each answer, as a distant network would
    #[arg(long, value_name = "MS", hide = true, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    pub delay_ms: Option<u64>,
}

/// What the token of a served world allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ServeRole {
    /// Read what a plan needs
    Plan,
    /// Do what an apply needs
    Apply,
    /// Everything
    Admin,
}

const SERVE_EXAMPLES: &str = "\
Examples:
  stairway world serve testdata/demo/worlds/demo.yaml --cluster harbor --port 6443
  export KUBECONFIG=testdata/demo/worlds/.stairway/harbor.kubeconfig
  kubectl --context harbor get nodes
  kubectl --context harbor drain NODE --ignore-daemonsets --timeout=60s
  stairway world serve testdata/demo/worlds/demo.yaml --cluster harbor --pace 60 --role plan";

pub(super) const WORLD_EXAMPLES: &str = "\
Examples:
  stairway world show testdata/demo/worlds/demo.yaml
  stairway world advance testdata/demo/worlds/demo.yaml 30m
  stairway world break testdata/demo/worlds/demo.yaml harbor exit-1-after-success
  stairway world serve testdata/demo/worlds/demo.yaml --cluster harbor
  stairway world reset testdata/demo/worlds/demo.yaml";
