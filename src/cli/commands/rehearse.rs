//! `stairway rehearse`

use crate::actuate::StepFiles;
use crate::cli::args::DiffFormat;
use crate::cli::branch::Reach;
use crate::cli::carry::exit_of;
use crate::cli::error::CliError;
use crate::cli::exit_code;
use crate::cli::request::RehearseRequest;
use crate::cli::session::Session;
use crate::cli::subject::Subject;
use crate::drive::sim::{Fate, Story, live, world_of};
use crate::drive::{How, Report};
use crate::store;
use serde_json::Value;
use stairway_core::approve::{Approved, Confirmation, Requirements, Used, admit, check_plan};
use stairway_core::model::{Observation, Timestamp};
use stairway_core::plan::wire::Plan;
use stairway_core::report::{
    Rehearsal, Sweep, TimelineRow, rehearsal_json, rehearsal_table, sweep_json, sweep_table,
};
use stairway_world::{Fault, Misbehaviour, World};
use std::collections::BTreeMap;

/// Faults in one run of a sweep, at most.
const FAULTS_MAX: u64 = 2;
/// Kills in one run of a sweep, at most.
const KILLS_MAX: u64 = 2;
/// How many bad endings a sweep tells in full.
const WORST_MAX: usize = 5;

/// Runs a plan on a simulated copy of its cluster.
///
/// # Errors
/// There is no such plan, or nothing is known of its cluster.
pub(crate) fn run(session: &mut Session<'_>, request: &RehearseRequest) -> Result<u8, CliError> {
    let subject = Subject::open(session, &request.scope, Reach::Read)?;
    check_plan(&subject.plan).map_err(|refusal| subject.named(refusal, None))?;
    let sides = subject.sides(session, &request.scope)?;
    let files = subject.files(session, &sides)?;
    let observed = match store::read_observed(&subject.dir, &subject.plan) {
        Ok(observed) => observed,
        Err(error) => {
            session.terminal.warn(&format!(
                "{error}; the rehearsal begins from what is live now"
            ));
            let live = sides.loaded.live.map(|live| live.observation);
            live.ok_or_else(|| CliError::internal("The live side was not read"))?
        }
    };
    let at = observed.observed_at.value().copied();
    let stage = Stage {
        at: at.or(subject.plan.inputs.at).unwrap_or(session.ambient.now),
        approved: for_rehearsal(subject.plan)?,
        observed,
        files,
    };
    match request.sweep {
        Some(runs) => sweep(session, request, &stage, runs),
        None => once(session, request, &stage),
    }
}

/// What every rehearsal of a plan begins with.
struct Stage {
    approved: Approved<Plan>,
    observed: Observation,
    files: StepFiles,
    at: Timestamp,
}

/// A rehearsal touches nothing, and needs nobody's approval.
fn for_rehearsal(plan: Plan) -> Result<Approved<Plan>, CliError> {
    let confirmation = Confirmation::by_digest(&plan.digest, &plan)?;
    let nobody = Requirements::default();
    let at = Timestamp::from_unix(0);
    Ok(admit(
        plan,
        &confirmation,
        &nobody,
        &[],
        &Used::default(),
        at,
    )?)
}

impl Stage {
    fn world(&self, seed: u64, faults: &[Misbehaviour]) -> World {
        let mut world = world_of(&self.observed, self.at, seed);
        for fault in faults {
            world.misbehave(fault.clone());
        }
        world
    }

    fn play(&self, fate: Fate, faults: &[Misbehaviour]) -> Story {
        let world = self.world(fate.seed, faults);
        live(&self.approved, &self.files, world, fate)
    }
}

fn once(
    session: &mut Session<'_>,
    request: &RehearseRequest,
    stage: &Stage,
) -> Result<u8, CliError> {
    let fate = Fate {
        seed: request.seed,
        retries: 0,
        ..Fate::default()
    };
    let story = stage.play(fate, &request.faults);
    let told = tell(stage, &story, request);
    match request.format {
        DiffFormat::Table => {
            let text = rehearsal_table(&told, &session.look());
            session.terminal.data(&text)?;
        }
        DiffFormat::Json => json(session, &rehearsal_json(&told))?,
    }
    Ok(told.exit)
}

fn json(session: &mut Session<'_>, value: &Value) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    session.terminal.data(&format!("{text}\n"))?;
    Ok(())
}

fn tell(stage: &Stage, story: &Story, request: &RehearseRequest) -> Rehearsal {
    let plan = stage.approved.plan();
    let ends = story.world.now;
    let mut end_versions = BTreeMap::new();
    if let Some(version) = story.world.cluster.version() {
        end_versions.insert("control plane".to_owned(), version.to_string());
    }
    for group in story.world.cluster.nodegroups.items() {
        let version = group.version.value().map(ToString::to_string);
        end_versions.insert(
            format!("nodegroup {}", group.name),
            version.unwrap_or_else(|| "unknown".to_owned()),
        );
    }
    for addon in story.world.cluster.addons.items() {
        let version = addon.version.value().map(ToString::to_string);
        end_versions.insert(
            format!("add-on {}", addon.name),
            version.unwrap_or_else(|| "unknown".to_owned()),
        );
    }
    Rehearsal {
        plan: plan.id.clone(),
        rows: rows(plan, story),
        ending: format!("{}: {}", word(story.finish.how), story.finish.why),
        exit: exit_of(story.finish.how),
        virtual_seconds: u64::try_from(ends.seconds_since(stage.at)).unwrap_or(0),
        end_versions,
        mishaps: story.broken.clone(),
        seed: request.seed,
        faults: request.faults.iter().map(named).collect(),
    }
}

fn rows(plan: &Plan, story: &Story) -> Vec<TimelineRow> {
    let mut rows: Vec<TimelineRow> = Vec::new();
    for (at, report) in &story.shown {
        match report {
            Report::StepBegan { step, .. } => {
                let step = &plan.steps[*step];
                if rows.last().is_some_and(|row| row.step == step.id) {
                    continue;
                }
                rows.push(TimelineRow {
                    step: step.id.clone(),
                    began: *at,
                    ended: None,
                    outcome: "open".to_owned(),
                    disrupted_nodes: step.disruption.nodes.unwrap_or(0),
                    disrupted_pods: step.disruption.pods.unwrap_or(0),
                    notes: Vec::new(),
                });
            }
            Report::StepDone { facts, .. } => {
                if let Some(row) = rows.last_mut() {
                    row.ended = Some(*at);
                    "done".clone_into(&mut row.outcome);
                    row.notes.clone_from(facts);
                }
            }
            Report::Waiting { why, .. } => {
                if let Some(row) = rows.last_mut() {
                    row.notes = vec![why.clone()];
                }
            }
            Report::Began { .. }
            | Report::Acting { .. }
            | Report::Returned { .. }
            | Report::Note(_) => {}
        }
    }
    if story.finish.how != How::Done
        && let Some(row) = rows.last_mut()
        && row.ended.is_none()
    {
        row.outcome = word(story.finish.how).to_owned();
        row.notes = vec![story.finish.why.clone()];
    }
    rows
}

const fn word(how: How) -> &'static str {
    match how {
        How::Done => "done",
        How::Refused => "refused",
        How::Unread => "unread",
        How::Stopped => "stopped",
        How::Left => "left",
        How::Paused => "paused",
    }
}

fn named(one: &Misbehaviour) -> String {
    match &one.subject {
        Some(subject) => format!("{}:{subject}", one.fault.name()),
        None => one.fault.name().to_owned(),
    }
}

/// SplitMix64: equal seeds give equal sweeps.
struct Dice(u64);

impl Dice {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// Tries many seeds, each with its own faults and kills.
fn sweep(
    session: &mut Session<'_>,
    request: &RehearseRequest,
    stage: &Stage,
    runs: u32,
) -> Result<u8, CliError> {
    let smooth = stage.play(
        Fate {
            seed: request.seed,
            retries: 0,
            ..Fate::default()
        },
        &request.faults,
    );
    let calls = smooth.calls.max(1);
    let mut told = Sweep {
        runs,
        endings: BTreeMap::new(),
        stops: BTreeMap::new(),
        worst: Vec::new(),
    };
    for number in 0..u64::from(runs) {
        let seed = request.seed.wrapping_add(number);
        let mut dice = Dice(seed);
        let mut faults = request.faults.clone();
        for _ in 0..dice.next() % (FAULTS_MAX + 1) {
            let index = usize::try_from(dice.next() % Fault::ALL.len() as u64).unwrap_or(0);
            faults.push(Misbehaviour::of(Fault::ALL[index], 1));
        }
        let kills = (0..dice.next() % (KILLS_MAX + 1))
            .map(|_| 1 + dice.next() % calls)
            .collect();
        let fate = Fate {
            seed,
            kills,
            orphans: dice.next().is_multiple_of(2),
            retries: 0,
            ..Fate::default()
        };
        let story = stage.play(fate, &faults);
        count(&mut told, seed, &faults, &story);
    }
    match request.format {
        DiffFormat::Table => {
            let text = sweep_table(&told, &session.look());
            session.terminal.data(&text)?;
        }
        DiffFormat::Json => json(session, &sweep_json(&told))?,
    }
    Ok(exit_code::DONE)
}

fn count(told: &mut Sweep, seed: u64, faults: &[Misbehaviour], story: &Story) {
    let names: Vec<String> = faults.iter().map(named).collect();
    let example = if names.is_empty() {
        format!("--seed {seed}")
    } else {
        format!("--seed {seed} --faults {}", names.join(","))
    };
    let ending = told
        .endings
        .entry(word(story.finish.how).to_owned())
        .or_insert_with(|| (0, example.clone()));
    ending.0 += 1;
    if story.finish.how == How::Done && story.broken.is_empty() {
        return;
    }
    if let Some(step) = &story.finish.step {
        *told.stops.entry(step.clone()).or_default() += 1;
    }
    if told.worst.len() < WORST_MAX {
        let why = story.broken.first().unwrap_or(&story.finish.why);
        told.worst.push(format!("{why} ({example})"));
    }
}
