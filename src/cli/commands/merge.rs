//! `stairway merge`

use super::plan::print_set;
use crate::cli::args::{MergeArgs, PlanFormat};
use crate::cli::error::CliError;
use crate::cli::exit_code;
use crate::cli::review;
use crate::cli::session::Session;
use crate::pipeline::Shard;
use crate::store::sets::{Origin, SET_FILE, SetFile, SetPlan, read_set};
use crate::store::{Kept, SetDraft, Writer};
use stairway_core::model::Timestamp;
use stairway_core::plan::wire::Partial;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Puts plan sets together: the set of one run over everything that they are about.
///
/// # Errors
/// A set cannot be read, or the sets contradict each other. A missing shard is told, and the exit
/// code is that of an error: a fleet with a hole in it must not pass for a whole one in CI, and what
/// is there can be read nevertheless.
pub(crate) fn run(session: &mut Session<'_>, request: &MergeArgs) -> Result<u8, CliError> {
    let cwd = session.ambient.cwd.clone();
    let mut sets = Vec::new();
    for named in &request.sets {
        sets.push(read_set(&cwd.join(named), &named.to_string_lossy())?);
    }
    let Merged {
        mut draft,
        plans,
        missing,
        notes,
        short,
    } = merge(sets)?;
    for note in notes {
        session.terminal.warn(&note);
    }
    if let Some(out) = &request.out {
        write_folders(&plans, &cwd.join(out))?;
    }
    draft.clusters = plans.into_iter().map(|found| found.plan.kept()).collect();
    if let Some(out) = &request.out {
        draft.write_file(&cwd.join(out).join(SET_FILE))?;
    }
    if let Some(path) = &request.review.json_into {
        draft.write_file(&cwd.join(path))?;
    }
    let exit = draft.exit;
    let failed = exit_code::of_failed(&draft.errors);
    if request.format != PlanFormat::Json || review::needs_plans(&request.review) {
        draft.clusters = as_plans(draft.clusters)?;
    }
    let whole = review::whole(&request.review, request.out.as_deref());
    print_set(session, request.format, &request.review, whole, draft)?;
    if let Some(error) = incomplete(&missing).or(short) {
        return Err(error);
    }
    Ok(match (request.detailed_exitcode, failed) {
        (true, _) => exit,
        (false, failed) => failed.unwrap_or(exit_code::DONE),
    })
}

fn incomplete(missing: &[Shard]) -> Option<CliError> {
    let first = missing.first()?;
    let said = if missing.len() == 1 {
        format!(
            "Merging the shards failed: shard {first} is missing, so the set is not the whole fleet"
        )
    } else {
        let all: Vec<String> = missing.iter().map(Shard::to_string).collect();
        format!(
            "Merging the shards failed: the shards {} are missing, so the set is not the whole fleet",
            all.join(", ")
        )
    };
    Some(CliError::user(said).hint(format!(
        "`stairway plan --shard {first} --out DIR`, and merge again with `DIR` among the sets"
    )))
}

/// Reports need plans.
fn as_plans(clusters: Vec<(String, Kept)>) -> Result<Vec<(String, Kept)>, CliError> {
    let read = |(name, kept)| match kept {
        Kept::Json(json) => match serde_json::from_slice(&json) {
            Ok(plan) => Ok((name, Kept::Plan(Box::new(plan)))),
            Err(error) => Err(CliError::internal(format!(
                "Reading the plan of `{name}` again failed: {error}"
            ))),
        },
        Kept::Plan(plan) => Ok((name, Kept::Plan(plan))),
    };
    clusters.into_iter().map(read).collect()
}

fn write_folders(plans: &[Found], out: &Path) -> Result<(), CliError> {
    let writer = Writer::start(out);
    let mut outcome = Ok(());
    for found in plans {
        outcome = outcome.and_then(|()| writer.write(found.plan.folder(&found.folder)?));
    }
    outcome.and(writer.finish())?;
    Ok(())
}

/// A plan and the folder of the set that it was found in.
#[derive(Debug)]
struct Found {
    plan: SetPlan,
    /// The set, as it was named.
    set: String,
    folder: PathBuf,
}

/// Sets as one.
#[derive(Debug)]
struct Merged {
    /// All but the plans.
    draft: SetDraft,
    /// By name.
    plans: Vec<Found>,
    /// Shards that no set is of.
    missing: Vec<Shard>,
    notes: Vec<String>,
    /// Why all shards together are not the whole fleet, if so.
    short: Option<CliError>,
}

fn merge(sets: Vec<SetFile>) -> Result<Merged, CliError> {
    let mut notes = Vec::new();
    let (partial, missing) = partial(&sets)?;
    let mut draft = SetDraft {
        waves: waves(&sets)?,
        partial,
        ..SetDraft::default()
    };
    let sharded = sets.iter().any(|set| part_of(set).0.is_some());
    let shards = shards(&sets);
    let mut by_name: BTreeMap<String, Found> = BTreeMap::new();
    let mut codes = vec![exit_code::DONE];
    for set in sets {
        let SetFile {
            shown,
            folder,
            clusters,
            errors,
            waves: _,
            partial: _,
            exit,
        } = set;
        codes.push(exit);
        for error in errors {
            if !draft.errors.contains(&error) {
                draft.errors.push(error);
            }
        }
        for plan in clusters {
            if let Some(other) = by_name.get(&plan.name) {
                if other.plan.digest == plan.digest {
                    continue;
                }
                return Err(contradiction(other, &plan, &shown));
            }
            let found = Found {
                plan,
                set: shown.clone(),
                folder: folder.clone(),
            };
            by_name.insert(found.plan.name.clone(), found);
        }
    }
    let plans: Vec<Found> = by_name.into_values().collect();
    agree(&plans, sharded, &mut notes)?;
    for found in &plans {
        draft.add(&found.plan.summary);
    }
    draft
        .errors
        .sort_by(|a, b| (&a.name, &a.error).cmp(&(&b.name, &b.error)));
    draft.exit = exit_code::strongest(codes);
    let here = plans.len() + draft.errors.len();
    // Sets of all shards without another choice make the whole fleet; it has said how many that are.
    let short = shards.filter(|all| draft.partial.is_none() && here < all.of as usize);
    let told = short.as_ref().map(|all| too_few(all, here));
    draft.partial = draft.partial.or(short);
    Ok(Merged {
        draft,
        plans,
        missing,
        notes,
        short: told,
    })
}

/// Returns the shards that the sets are of, and how many clusters the fleet has.
fn shards(sets: &[SetFile]) -> Option<Partial> {
    let of = sets.first()?.partial.as_ref()?.of;
    let found: BTreeSet<_> = sets
        .iter()
        .filter_map(|set| part_of(set).0)
        .map(|shard| (shard.index, shard.of))
        .collect();
    let by: Vec<String> = found
        .into_iter()
        .map(|(index, of)| format!("--shard {}", Shard { index, of }))
        .collect();
    let gone = gone(sets);
    (!by.is_empty()).then_some(Partial { of, by, gone })
}

fn too_few(all: &Partial, here: usize) -> CliError {
    let shard = all.by.first().map_or("", String::as_str);
    CliError::user(format!(
        "Merging the shards failed: the fleet has {} clusters and all shards together have {here}, so the set is not the whole fleet: a cluster was taken out of a set, or skipped when it was planned",
        all.of
    ))
    .hint(format!(
        "plan each shard again, the first with `stairway plan {shard} --out DIR`, and merge what comes out"
    ))
}

fn contradiction(other: &Found, plan: &SetPlan, shown: &str) -> CliError {
    let name = &plan.name;
    CliError::user(format!(
        "Merging the sets failed: they have different plans of `{name}`: `{}` has {}, and `{shown}` has {}",
        other.set, other.plan.id, plan.id
    ))
    .hint(format!(
        "leave the older set out, or plan both again from one revision; to compare: `stairway show {}`",
        other.set
    ))
}

/// Returns the shard that a set is of, and what else chose its part.
fn part_of(set: &SetFile) -> (Option<Shard>, Vec<String>) {
    let mut shard = None;
    let mut rest = Vec::new();
    for by in set.partial.iter().flat_map(|partial| &partial.by) {
        match by
            .strip_prefix("--shard ")
            .and_then(|text| text.parse().ok())
        {
            Some(found) => shard = Some(found),
            None => rest.push(by.clone()),
        }
    }
    (shard, rest)
}

/// Returns which part of the fleet the sets are together, and which shards are missing.
fn partial(sets: &[SetFile]) -> Result<(Option<Partial>, Vec<Shard>), CliError> {
    let Some((first, others)) = sets.split_first() else {
        return Ok((None, Vec::new()));
    };
    let differ = |set: &SetFile, how: &str, hint: &str| {
        CliError::user(format!(
            "Merging the sets failed: `{}` and `{}` {how}",
            first.shown, set.shown
        ))
        .hint(hint.to_owned())
    };
    let (shard, rest) = part_of(first);
    let (Some(shard), Some(partial)) = (shard, &first.partial) else {
        if let Some(set) = others.iter().find(|set| part_of(set).0.is_some()) {
            let how = "cannot be put together: the second is a shard, the first is not";
            return Err(differ(set, how, "merge the shards first, then the result"));
        }
        return Ok((parts_by_choice(sets), Vec::new()));
    };
    let mut present = BTreeSet::from([shard.index]);
    for set in others {
        let (other, other_rest) = part_of(set);
        let hint = "plan all shards from one revision with the same options";
        let other = match other {
            Some(other) if other.of == shard.of => other,
            Some(other) => {
                let how = format!("are shards of {} and of {}", shard.of, other.of);
                return Err(differ(set, &how, hint));
            }
            None => {
                let how = "cannot be put together: the first is a shard, the second is not";
                return Err(differ(set, how, "merge the shards first, then the result"));
            }
        };
        if set
            .partial
            .as_ref()
            .is_none_or(|other| other.of != partial.of)
        {
            let how = "are shards of fleets of different sizes";
            return Err(differ(set, how, hint));
        }
        if other_rest != rest {
            let how = "are shards of different parts of the fleet";
            return Err(differ(set, how, hint));
        }
        present.insert(other.index);
    }
    let all = (1..=shard.of.get()).filter_map(std::num::NonZeroU32::new);
    let missing: Vec<Shard> = all
        .filter(|index| !present.contains(index))
        .map(|index| Shard { index, ..shard })
        .collect();
    let mut by: Vec<String> = Vec::new();
    if !missing.is_empty() {
        by.extend(present.iter().map(|index| {
            format!(
                "--shard {}",
                Shard {
                    index: *index,
                    ..shard
                }
            )
        }));
    }
    by.extend(rest);
    let of = partial.of;
    let gone = gone(sets);
    let partial = (!by.is_empty()).then_some(Partial { of, by, gone });
    Ok((partial, missing))
}

/// Parts that were chosen by name, by change or by wave: with a whole fleet among them the set is
/// whole; else it is what any of them chose.
fn parts_by_choice(sets: &[SetFile]) -> Option<Partial> {
    let mut by: Vec<String> = Vec::new();
    let mut of = 0;
    for set in sets {
        let partial = set.partial.as_ref()?;
        of = of.max(partial.of);
        for one in &partial.by {
            if !by.contains(one) {
                by.push(one.clone());
            }
        }
    }
    let gone = gone(sets);
    Some(Partial { of, by, gone })
}

/// Returns the clusters that any of the sets tells to be gone.
fn gone(sets: &[SetFile]) -> Vec<String> {
    let all = sets.iter().flat_map(|set| &set.partial);
    let names: BTreeSet<&String> = all.flat_map(|partial| &partial.gone).collect();
    names.into_iter().cloned().collect()
}

fn waves(sets: &[SetFile]) -> Result<Vec<String>, CliError> {
    let mut named = sets.iter().filter(|set| !set.waves.is_empty());
    let Some(first) = named.next() else {
        return Ok(Vec::new());
    };
    match named.find(|set| set.waves != first.waves) {
        None => Ok(first.waves.clone()),
        Some(set) => Err(CliError::user(format!(
            "Merging the sets failed: `{}` has the waves {}, and `{}` has {}: they are of different fleets",
            first.shown,
            first.waves.join(", "),
            set.shown,
            set.waves.join(", ")
        ))
        .hint("merge sets of one fleet file only")),
    }
}

/// Says where the plans do not come from one state of one fleet. Shards of two states of a fleet are
/// refused: a cluster may have moved from one to the other, and be in none.
fn agree(plans: &[Found], sharded: bool, notes: &mut Vec<String>) -> Result<(), CliError> {
    type Ask = fn(&Origin) -> Option<&str>;
    let questions: [(&str, Ask); 4] = [
        ("fleet files", |origin| origin.fleet.as_deref()),
        ("git revisions", |origin| origin.revision.as_deref()),
        ("catalogs", |origin| Some(&origin.catalog)),
        ("versions of stairway", |origin| Some(&origin.tool)),
    ];
    for (at, (what, ask)) in questions.into_iter().enumerate() {
        let mut answers: BTreeMap<Option<&str>, &str> = BTreeMap::new();
        for found in plans {
            answers.entry(ask(&found.plan.origin)).or_insert(&found.set);
        }
        if answers.len() < 2 {
            continue;
        }
        let listed: Vec<String> = answers
            .iter()
            .map(|(answer, set)| format!("{} (`{set}`)", answer.unwrap_or("none")))
            .collect();
        let said = format!(
            "the plans were made from different {what}: {}",
            listed.join(", ")
        );
        if sharded && at == 0 {
            return Err(CliError::user(format!("Merging the shards failed: {said}"))
                .hint("plan all shards from one revision of the fleet file"));
        }
        notes.push(said);
    }
    match other_options(plans).or_else(|| other_day(plans).filter(|_| sharded)) {
        Some(said) if sharded => Err(CliError::user(format!("Merging the shards failed: {said}"))
            .hint("plan all shards with the same options")),
        Some(said) => {
            notes.push(said);
            Ok(())
        }
        None => Ok(()),
    }
}

/// Says that not all plans were made for the day of one `--at`. Without it a plan is for the instant
/// at which its live side was read, and where that is assumed, for the day of its run.
fn other_day(plans: &[Found]) -> Option<String> {
    let mut days: BTreeMap<Timestamp, &str> = BTreeMap::new();
    let mut given = None;
    let mut own = None;
    for found in plans {
        let origin = &found.plan.origin;
        let Some(at) = origin.at else { continue };
        if origin.observed_at == Some(at) {
            own = own.or(Some(&found.set));
            continue;
        }
        days.entry(at).or_insert(&found.set);
        if origin.observed_at.is_some() {
            given = given.or(Some((at, &found.set)));
        }
    }
    let listed: Vec<String> = match (days.len(), given, own) {
        (0 | 1, Some((at, set)), Some(own)) => {
            vec![format!("{at} (`{set}`)"), format!("without it (`{own}`)")]
        }
        (0 | 1, _, _) => return None,
        (_, _, _) => days
            .iter()
            .map(|(at, set)| format!("{at} (`{set}`)"))
            .collect(),
    };
    Some(format!(
        "the plans were made for different days, see `--at`: {}",
        listed.join(", ")
    ))
}

/// Names the first option with which not all plans were made.
fn other_options(plans: &[Found]) -> Option<String> {
    let options = || plans.iter().map(|found| &found.plan.origin.options);
    let names: BTreeSet<&String> = options().flat_map(BTreeMap::keys).collect();
    for name in names {
        let mut answers: BTreeMap<Option<&String>, &str> = BTreeMap::new();
        for found in plans {
            let answer = found.plan.origin.options.get(name);
            answers.entry(answer).or_insert(&found.set);
        }
        if answers.len() < 2 {
            continue;
        }
        let listed: Vec<String> = answers
            .iter()
            .map(|(answer, set)| match answer {
                Some(value) => format!("`{value}` (`{set}`)"),
                None => format!("without it (`{set}`)"),
            })
            .collect();
        return Some(format!(
            "the plans were made with different `--{name}`: {}",
            listed.join(", ")
        ));
    }
    None
}
