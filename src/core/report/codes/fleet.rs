//! Findings about when and in which order the clusters of a fleet go.

use super::Page;
use crate::plan::wire::Severity;

pub(super) static PAGES: &[Page] = &[Page {
    code: "STW-WINDOW",
    title: "maintenance windows, and whether the plan's units fit into them",
    meaning: "A step starts only where it can end inside a maintenance window of `policy.windows`. A unit is one step, or cordon to drained together. As a note it names the windows; as a mandatory finding it names a unit that is longer than every window.",
    why: "A unit that fits into no window never starts: the run would stop before it, with the steps before it done. So nothing from it on is in the plan's runnable steps.",
    remedy: "Write a longer window for this cluster, `policy: {windows: [{days: [sat], from: \"06:00\", for: 12h}]}`, or make the unit smaller, e.g. with more and smaller nodegroups. Times are UTC. A unit is judged by the longest time that its catalogued durations allow.",
    source: "stairway; durations are from the catalog, with their sources in each step",
    url: None,
    severities: &[Severity::Mandatory, Severity::Note],
    waivable: false,
    applies: "clusters with `policy.windows`",
}];
