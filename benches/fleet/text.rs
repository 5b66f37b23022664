//! The jsonnet of a cluster: what git asks for, and what was applied last.

use super::rng::Rng;
use super::{Form, name_of};
use std::fmt::Write as _;

/// What there is to do for a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Situation {
    /// Git and live agree.
    InSync,
    /// One minor up, managed groups.
    OneHop,
    /// Four minors up, self-managed groups replaced once on the way.
    FourHops,
    /// From Amazon Linux 2 at 1.32 to Amazon Linux 2023 at 1.33.
    LeavesAl2,
    /// The next generation of every group at the same version.
    Swap,
    /// Wants 1.33 and keeps Amazon Linux 2.
    Blocked,
    /// Managed groups one minor behind their control plane.
    InPlace,
    /// The next generation, with notebook groups that go when they are empty.
    PhaseOut,
    /// Other sizes, labels and tags.
    Settings,
    /// A volume was made larger without another name.
    Edited,
}

/// All of them; cluster `n` is in the situation `n` modulo their number.
pub(super) const SITUATIONS: [Situation; 10] = [
    Situation::FourHops,
    Situation::InSync,
    Situation::OneHop,
    Situation::LeavesAl2,
    Situation::Swap,
    Situation::Blocked,
    Situation::InPlace,
    Situation::PhaseOut,
    Situation::Settings,
    Situation::Edited,
];

impl Situation {
    pub(super) const fn of(index: usize) -> Self {
        SITUATIONS[index % SITUATIONS.len()]
    }
}

/// Both sides of a cluster.
#[derive(Clone, Debug)]
pub(super) struct Sides {
    pub(super) index: usize,
    pub(super) seed: u64,
    /// The config in git.
    pub(super) git: String,
    /// The config that was applied last.
    pub(super) live: String,
    /// Nodes are this many minors older than the control plane.
    pub(super) nodes_behind: u16,
}

/// What differs between the sides and between clusters.
struct Side {
    version: u16,
    generation: char,
    family: &'static str,
    managed: bool,
    max: usize,
    volume: usize,
    team: &'static str,
}

const REGIONS: [&str; 5] = [
    "us-west-2",
    "us-east-1",
    "eu-central-1",
    "ap-southeast-2",
    "ca-central-1",
];
const AL2: &str = "AmazonLinux2";
const AL2023: &str = "AmazonLinux2023";

/// Returns both sides of a cluster.
pub(super) fn sides(index: usize, seed: u64) -> Sides {
    let (git, live, nodes_behind) = match Situation::of(index) {
        Situation::InSync => (at(34), at(34), 0),
        Situation::OneHop => (at(34), at(33), 0),
        Situation::FourHops => (next(at(34)).unmanaged(), at(30).unmanaged(), 0),
        Situation::LeavesAl2 => (next(at(33)), at(32).of(AL2), 0),
        Situation::Swap | Situation::PhaseOut => (next(at(34)), at(34), 0),
        Situation::Blocked => (at(33).of(AL2), at(32).of(AL2), 0),
        Situation::InPlace => (at(34), at(34), 1),
        Situation::Settings => (at(34).resized(), at(34), 0),
        Situation::Edited => (at(34).grown(), at(34), 0),
    };
    // Both sides draw the same groups.
    let write = |side: &Side| cluster(index, &mut Rng::new(seed, index), side);
    let (git, live) = (write(&git), write(&live));
    Sides {
        index,
        seed,
        git,
        live,
        nodes_behind,
    }
}

/// Returns a side at a minor.
const fn at(version: u16) -> Side {
    Side {
        version,
        generation: 'b',
        family: AL2023,
        managed: true,
        max: 60,
        volume: 200,
        team: "research",
    }
}

/// Returns the side with the next generation of every group.
const fn next(mut side: Side) -> Side {
    side.generation = 'c';
    side
}

impl Side {
    const fn unmanaged(mut self) -> Self {
        self.managed = false;
        self
    }

    const fn of(mut self, family: &'static str) -> Self {
        self.family = family;
        self
    }

    const fn resized(mut self) -> Self {
        self.max = 90;
        self.team = "platform";
        self
    }

    const fn grown(mut self) -> Self {
        self.volume = 400;
        self
    }
}

fn cluster(index: usize, rng: &mut Rng, side: &Side) -> String {
    let Side {
        version,
        generation,
        family,
        managed,
        max,
        volume,
        team,
    } = side;
    let region = rng.pick(&REGIONS);
    let weight = 4 + rng.below(18);
    let mut out = format!(
        "// {} ({}): made by benches/fleet\n\
         local eksctl = import '../lib/eksctl.libsonnet';\n\
         local fleet = import '../lib/fleet.libsonnet';\n\n\
         eksctl.cluster(fleet.in_('{region}') {{\n  \
           name: '{}',\n  version: '1.{version}',\n  managed: {managed},\n  family: '{family}',\n  \
           kubelet: fleet.kubelet,\n  addons: fleet.addons,\n",
        name_of(index),
        Form::Jsonnet.ending(),
        name_of(index),
    );
    let core = ["m6i.xlarge", "m7i.xlarge", "r6i.large"];
    let _infallible = writeln!(
        out,
        "  core: [{{ instance: '{}', min: 2, max: 6 }}],",
        rng.pick(&core)
    );
    let hubs = ["staging", "prod"];
    let kind = rng.pick(&["r6i", "r7i", "m6i", "r5"]);
    out.push_str("  user: [\n");
    // Seven to nine notebook groups, so that a cluster has eleven to thirteen.
    let sizes = ["large", "xlarge", "2xlarge", "4xlarge", "8xlarge"];
    for nth in 0..7 + rng.below(3) {
        let _infallible = writeln!(
            out,
            "    {{ hub: '{}', instance: '{kind}.{}', max: {max} }},",
            hubs[nth / sizes.len()],
            sizes[nth % sizes.len()],
        );
    }
    out.push_str("  ],\n  worker: [\n");
    for hub in hubs {
        let _infallible = writeln!(
            out,
            "    {{ hub: '{hub}', instance: ['{kind}.4xlarge', 'r5.4xlarge'], spot: true }},"
        );
    }
    out.push_str("    { hub: 'batch', instance: 'c6i.8xlarge', spot: true },\n  ],\n");
    let _infallible = write!(
        out,
        "  generations: ['{generation}'],\n  set: fleet.group('{team}', {volume}, {weight}),\n  extra: fleet.extra,\n}})\n"
    );
    out
}

/// Returns the library of the fleet: what makes real configs large are the same kubelet settings,
/// bootstrap scripts, tags and policies on every group.
pub(super) fn library() -> String {
    include_str!("fleet.libsonnet").to_owned()
}
