//! What the runs have met: an empty or blocked plan must not pass for a proof.

use crate::stage::Stage;
use stairway::drive::How;
use stairway::drive::sim::Story;
use stairway_world::Fault;
use std::collections::BTreeMap;
use std::fmt;

/// How often each of these was met.
#[derive(Default)]
pub(crate) struct Coverage {
    runs: u64,
    hops: u64,
    lives: u64,
    kills: BTreeMap<&'static str, u64>,
    kinds: BTreeMap<String, u64>,
    faults: BTreeMap<&'static str, u64>,
    endings: BTreeMap<String, u64>,
    lost_journals: u64,
    interrupted: u64,
}

impl Coverage {
    pub(crate) fn add(&mut self, stage: &Stage, story: &Story) {
        self.runs += 1;
        self.lives += u64::from(story.lives);
        for place in &story.killed_in {
            *self.kills.entry(place).or_default() += 1;
        }
        for step in &stage.planned.plan.steps {
            *self.kinds.entry(step.kind.name()).or_default() += 1;
        }
        for fault in Fault::ALL {
            *self.faults.entry(fault.name()).or_default() += u64::from(story.world.struck(*fault));
        }
        let hops = stage.planned.plan.steps.iter();
        let hops = hops
            .filter(|s| s.id.starts_with("upgrade-control-plane"))
            .count();
        self.hops += u64::from(hops > 1);
        *self
            .endings
            .entry(format!("{:?}", story.finish.how))
            .or_default() += 1;
        self.lost_journals += u64::from(stage.fate.loses_journal && story.lives > 1);
        self.interrupted += u64::from(!stage.fate.interrupts.is_empty());
    }

    /// Fails when something was met too rarely to be proven; `often` scales with the runs.
    pub(crate) fn check(&self, runs: u64) {
        // DESIGN section 10 asks for 50; a tenth of the long proof's runs meets each 5 times at least.
        let often = if runs >= 10_000 { 50 } else { 3 };
        let few = |what: &str, count: u64| {
            assert!(count >= often, "{what} was met only {count} times\n{self}");
        };
        for place in [
            "a look",
            "before a journal write",
            "in the middle of a journal write",
            "after a journal write",
            "before an effect",
            "a running tool",
            "a running drain",
            "after an effect",
            "a wait",
        ] {
            few(place, self.kills.get(place).copied().unwrap_or(0));
        }
        for kind in [
            "upgrade-control-plane",
            "create-nodegroup",
            "verify-nodegroup",
            "taint-nodegroup",
            "drain-nodegroup",
            "delete-nodegroup",
            "upgrade-nodegroup",
            "scale-nodegroup",
            "update-nodegroup",
            "update-addon",
            "phase-out",
            "bake",
        ] {
            few(kind, self.kinds.get(kind).copied().unwrap_or(0));
        }
        for fault in Fault::ALL {
            few(
                fault.name(),
                self.faults.get(fault.name()).copied().unwrap_or(0),
            );
        }
        few("a lost journal", self.lost_journals);
        few("an interrupt", self.interrupted);
        let done = self
            .endings
            .get(&format!("{:?}", How::Done))
            .copied()
            .unwrap_or(0);
        assert!(
            done * 10 >= self.runs * 6,
            "only {done} of {} runs finished\n{self}",
            self.runs
        );
        assert!(
            self.runs * 10 >= runs * 7,
            "only {} of {runs} had steps",
            self.runs
        );
        assert!(
            self.hops * 10 >= self.runs,
            "several hops: {} of {}",
            self.hops,
            self.runs
        );
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "{} runs, {} lives, {} with several hops",
            self.runs, self.lives, self.hops
        )?;
        writeln!(out, "endings {:?}", self.endings)?;
        writeln!(out, "kills {:?}", self.kills)?;
        writeln!(out, "steps {:?}", self.kinds)?;
        writeln!(out, "faults {:?}", self.faults)?;
        write!(
            out,
            "lost journals {}, interrupts {}",
            self.lost_journals, self.interrupted
        )
    }
}
