//! A set of plans as one page of Markdown that never outgrows its place: a comment, a job summary.
//!
//! ```text
//! marker, totals, what was left out     always
//! blockers, points of no return         never left out; shorter forms when they are many
//! overview                              rows by risk
//! details by risk                       whole, brief, or none
//! clusters with nothing to do           named, with findings, or counted
//! ```
//!
//! The page is filled from the top, so what is left out is what is least risky.

mod risk;

use super::markdown::{Depth, findings, rest, risk as risk_of_plan};
use super::markup::{cell, code_cell, html, prose, shortened, table};
use super::summary::{set_summary_line, summary_line};
use super::terminal::{is_quiet, journey, verdict};
use super::words::{count, disturbs};
use crate::model::{Digest, say_seconds};
use crate::plan::wire::{Disruption, Partial, Plan, PlanSet, StepKind};
use std::fmt::Write as _;

/// What every page of ours begins with; texts from clusters cannot hold it.
const MARKER: &str = "<!-- stairway:";
/// Bytes for what always stands on the page: marker, totals twice, which part of the fleet it is, how
/// many clusters have nothing to do, and the note of what was left out. Each is bounded: the longest note has thirteen short sentences.
const FRAME: usize = 3_072;
/// Bytes for names inside a sentence that always stands on the page.
const ASIDE: usize = 256;
/// A name longer than this is shortened: Kubernetes allows 63 characters for most, 253 for the rest.
const NAME_MAX: usize = 96;
/// Nothing that is worth folding away is smaller; below this room no more details are tried.
const DETAILS_MIN: usize = 600;
/// So many details in a row that do not fit end the search.
const MISSES_MAX: usize = 12;
/// Digits of the digest that tells one selection from another in the marker.
const KEY_DIGITS: usize = 8;
/// Bytes of a marker's key; longer ones are replaced by their digest.
const KEY_MAX: usize = 48;

/// Where the page is to stand: how long it may be, and how it is found again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// The most bytes of the page.
    pub limit: usize,
    /// What tells this page from others on the same pull request; empty: told by the selection.
    pub key: String,
}

impl Sheet {
    /// Characters of a comment on GitHub: the API answers "Body is too long (maximum is 65536
    /// characters)" above. Whether it counts code points, UTF-16 units or bytes is nowhere
    /// documented; bytes are never fewer than either, so bytes are what is bounded here.
    pub const COMMENT_MAX: usize = 65_536;
    /// Bytes of a job summary, per step: "supports content up to a size of 1024k", GitHub Docs,
    /// Workflow commands.
    pub const SUMMARY_MAX: usize = 1 << 20;
    /// What is left for whoever posts the page: a link to its run, a mention of the author.
    const MARGIN: usize = 1_024;
    /// The shortest page that can say what was left out. A lower limit counts as this.
    pub const LEAST: usize = 8_192;

    /// Returns the sheet of a comment on GitHub.
    pub const fn comment() -> Self {
        Self {
            limit: Self::COMMENT_MAX - Self::MARGIN,
            key: String::new(),
        }
    }

    /// Returns the sheet of a job summary that already holds `used` bytes; none when it is full.
    pub const fn summary(used: usize) -> Option<Self> {
        match (Self::SUMMARY_MAX - Self::MARGIN).checked_sub(used) {
            Some(limit) if limit >= Self::LEAST => Some(Self {
                limit,
                key: String::new(),
            }),
            Some(_) | None => None,
        }
    }

    /// Returns the sheet with a key for its marker.
    #[must_use]
    pub fn keyed(mut self, key: &str) -> Self {
        key.clone_into(&mut self.key);
        self
    }
}

/// Returns the first line of the page of a set: stable for one selection of one fleet, so that a
/// workflow finds its own comment and replaces it.
pub fn marker(set: &PlanSet, key: &str) -> String {
    let chosen = match &set.partial {
        Some(partial) if !partial.by.is_empty() => {
            let by = Digest::of(partial.by.join("\n").as_bytes());
            format!("part-{}", by.short(KEY_DIGITS))
        }
        Some(_) | None => "all".to_owned(),
    };
    marker_of("plan", key, &chosen)
}

/// Returns the first line of a page of this kind. Keys that could end the comment are replaced by
/// their digests.
pub(super) fn marker_of(kind: &str, key: &str, chosen: &str) -> String {
    let plain = |sign: char| sign.is_ascii_alphanumeric() || "._-/".contains(sign);
    let key = if key.is_empty() {
        String::new()
    } else if key.len() <= KEY_MAX && key.chars().all(plain) && !key.contains("--") {
        format!("{key} ")
    } else {
        format!("key-{} ", Digest::of(key.as_bytes()).short(KEY_DIGITS))
    };
    format!("{MARKER}{kind} {key}{chosen} -->")
}

/// Returns a set of plans as one page of Markdown of at most `sheet.limit` bytes.
///
/// Risk comes first: what blocks, after what there is no way back, who is disturbed and for how
/// long. Every blocker and every point of no return is on the page, in shorter words when there are
/// many; what else does not fit is left out from the least risky on, and the page says what.
pub fn planset_markdown(set: &PlanSet, sheet: &Sheet) -> String {
    let limit = sheet.limit.max(Sheet::LEAST);
    let (quiet, mut active): (Vec<&Plan>, Vec<&Plan>) =
        set.clusters.iter().partition(|plan| is_quiet(plan));
    active.sort_by_key(|plan| std::cmp::Reverse(Rank::of(plan)));
    let mut page = Page {
        room: limit.saturating_sub(FRAME),
        body: String::new(),
        cuts: Vec::new(),
    };
    risk::write(set, &active, &mut page);
    overview(&active, &mut page);
    details(&active, &mut page);
    at_rest(&quiet, active.is_empty(), &mut page);
    let summary = set_summary_line(set);
    let mut out = format!("{}\n# Plan\n\n{summary}\n\n", marker(set, &sheet.key));
    if let Some(partial) = &set.partial {
        let _ = write!(out, "{}\n\n", part(set, partial));
    }
    out.push_str(&note(&page.cuts, limit));
    out.push_str(&page.body);
    let _ = writeln!(out, "{summary}");
    out
}

/// A page under construction.
struct Page {
    room: usize,
    body: String,
    cuts: Vec<String>,
}

impl Page {
    /// Adds `text` if it fits into what is left.
    fn add(&mut self, text: &str) -> bool {
        let fits = text.len() <= self.room;
        if fits {
            self.room -= text.len();
            self.body.push_str(text);
        }
        fits
    }

    fn cut(&mut self, what: impl Into<String>) {
        self.cuts.push(what.into());
    }
}

fn part(set: &PlanSet, partial: &Partial) -> String {
    let Partial { of, by, gone } = partial;
    let here = set.clusters.len() + set.errors.len();
    let listed = |names: &[String]| {
        let cells: Vec<String> = names
            .iter()
            .map(|one| code_cell(&shortened(one, NAME_MAX)))
            .collect();
        named(&cells, ASIDE)
    };
    let by = match listed(by) {
        by if by.is_empty() => by,
        by => format!(", chosen by {by}"),
    };
    let gone = match listed(gone) {
        gone if gone.is_empty() => gone,
        gone => format!(" **No longer in the fleet: {gone}.**"),
    };
    format!("This is a part of the fleet: {here} of {of} clusters{by}.{gone}")
}

/// Returns as many of `names` as fit into `room` bytes, and how many more there are.
fn named(names: &[String], room: usize) -> String {
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    match fill(&all, room) {
        (text, 0) => text,
        (text, more) if text.is_empty() => format!("{more} that are not named here"),
        (text, more) => format!("{text} and {more} more"),
    }
}

/// Returns as many of `names` as fit into `room` bytes, separated by commas, and how many did not.
fn fill(names: &[&str], room: usize) -> (String, usize) {
    let mut out = String::new();
    for (at, name) in names.iter().enumerate() {
        let gap = if at == 0 { "" } else { ", " };
        if out.len() + gap.len() + name.len() > room {
            return (out, names.len() - at);
        }
        out.push_str(gap);
        out.push_str(name);
    }
    (out, 0)
}

fn note(cuts: &[String], limit: usize) -> String {
    if cuts.is_empty() {
        return String::new();
    }
    let kib = limit >> 10;
    let mut out = format!(
        "> **Shortened to {kib} KiB.** No blocker and no point of no return is left out. Left out or shortened:\n"
    );
    for cut in cuts {
        let _ = writeln!(out, "> * {cut}");
    }
    out.push_str(
        ">\n> Everything: `stairway show planset.json`, on the file that `--json-into planset.json` wrote in the same run.\n\n",
    );
    out
}

/// How risky a plan is; the riskiest is the greatest. The name comes last, so that equal risks have
/// one order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank<'p> {
    blocked: bool,
    blockers: usize,
    no_way_back: usize,
    moves: bool,
    pods: u32,
    nodes: u32,
    steps: usize,
    name: std::cmp::Reverse<&'p str>,
}

impl<'p> Rank<'p> {
    fn of(plan: &'p Plan) -> Self {
        let sum = |pick: fn(&Disruption) -> Option<u32>| {
            // What nobody assessed counts as one.
            let known = plan
                .steps
                .iter()
                .map(|step| pick(&step.disruption).unwrap_or(1));
            known.fold(0_u32, u32::saturating_add)
        };
        let blockers = plan.findings.iter();
        Self {
            blocked: plan.summary.blocked > 0,
            blockers: blockers.filter(|one| super::findings::blocks(one)).count(),
            no_way_back: plan.points_of_no_return().count(),
            moves: !is_in_place(plan),
            pods: sum(|disruption| disruption.pods),
            nodes: sum(|disruption| disruption.nodes),
            steps: plan.steps.len() + plan.not_now.len(),
            name: std::cmp::Reverse(&plan.name),
        }
    }
}

/// Returns true when a plan only updates and scales: no hop, no group made, emptied or deleted.
fn is_in_place(plan: &Plan) -> bool {
    plan.points_of_no_return().next().is_none()
        && plan.all_steps().all(|step| match step.kind {
            StepKind::UpdateAddon
            | StepKind::CreateAddon
            | StepKind::RepairAddon
            | StepKind::ScaleNodegroup
            | StepKind::UpdateNodegroup
            | StepKind::UntaintNodegroup
            | StepKind::UncordonNodegroup
            | StepKind::SetUpgradePolicy
            | StepKind::MapIdentity
            | StepKind::Bake
            | StepKind::Check
            | StepKind::Backup
            | StepKind::Notify => true,
            StepKind::UpgradeControlPlane
            | StepKind::RollbackControlPlane
            | StepKind::CreateNodegroup
            | StepKind::VerifyNodegroup
            | StepKind::CordonNodegroup
            | StepKind::TaintNodegroup
            | StepKind::DrainNodegroup
            | StepKind::DeleteNodegroup
            | StepKind::UpgradeNodegroup
            | StepKind::PhaseOut
            | StepKind::Manual => false,
        })
}

/// The clusters with something to do, one row each, the riskiest first.
fn overview(active: &[&Plan], page: &mut Page) {
    if active.len() < 2 {
        return;
    }
    let waves = active.iter().any(|plan| plan.wave.is_some());
    let mut titles = vec![
        "cluster",
        "version",
        "plan",
        "no way back",
        "disturbs",
        "takes about",
    ];
    if waves {
        titles.insert(1, "wave");
    }
    let head = format!("## Overview\n\n{}", table(&titles, &[]));
    let Some(mut room) = page.room.checked_sub(head.len() + 1) else {
        page.cut(format!(
            "the overview of {}",
            count(active.len(), "cluster")
        ));
        return;
    };
    let mut text = head;
    let mut shown = 0;
    for plan in active {
        let row = format!("| {} |\n", row(plan, waves).join(" | "));
        if row.len() > room {
            break;
        }
        room -= row.len();
        text.push_str(&row);
        shown += 1;
    }
    text.push('\n');
    page.add(&text);
    if shown < active.len() {
        let missing = count(active.len() - shown, "cluster");
        page.cut(format!("the rows of the {missing} with the least risk"));
    }
}

fn row(plan: &Plan, waves: bool) -> Vec<String> {
    let points = plan.points_of_no_return().count();
    let points = if points == 0 {
        String::new()
    } else {
        count(points, "step")
    };
    let typical = plan.steps.iter().map(|step| step.duration.typical);
    let typical = typical.fold(0_u64, u64::saturating_add);
    let takes = if plan.steps.is_empty() {
        String::new()
    } else {
        say_seconds(typical)
    };
    let mut row = vec![
        cell(&shortened(&plan.name, NAME_MAX)),
        journey(plan),
        verdict(plan),
        points,
        disturbed(plan),
        takes,
    ];
    if waves {
        let wave = plan.wave.as_deref().unwrap_or_default();
        row.insert(1, cell(&shortened(wave, NAME_MAX)));
    }
    row
}

/// Returns who is disturbed by all steps that can run, in a few words.
fn disturbed(plan: &Plan) -> String {
    let sum = |pick: fn(&Disruption) -> Option<u32>| {
        let known = plan.steps.iter().filter_map(|step| pick(&step.disruption));
        Some(known.fold(0_u32, u32::saturating_add))
    };
    let unread = |step: &&crate::plan::wire::Step| {
        step.disruption.nodes.is_none() || step.disruption.pods.is_none()
    };
    let unread = plan.steps.iter().filter(unread).count();
    let known = disturbs(&Disruption {
        nodes: sum(|disruption| disruption.nodes),
        pods: sum(|disruption| disruption.pods),
        pdbs: Vec::new(),
    });
    match (known.is_empty(), unread) {
        (_, 0) => known,
        (true, unread) => format!("not assessed in {}", count(unread, "step")),
        (false, unread) => format!("{known}, not assessed in {}", count(unread, "step")),
    }
}

/// The clusters with something to do, folded away: first all briefly, then the riskiest in full.
fn details(active: &[&Plan], page: &mut Page) {
    let mut left = page.room;
    let mut chosen: Vec<Option<String>> = Vec::with_capacity(active.len());
    let mut misses = 0;
    let mut missed = false;
    for plan in active {
        // Changes in place go before anything riskier goes, even where they would still fit.
        let last = missed && is_in_place(plan);
        let text = if last || left < DETAILS_MIN || misses >= MISSES_MAX {
            None
        } else {
            Some(folded(plan, Depth::Brief, active.len() == 1)).filter(|text| text.len() <= left)
        };
        match &text {
            Some(text) => {
                left -= text.len();
                misses = 0;
            }
            None => {
                misses += 1;
                missed = true;
            }
        }
        chosen.push(text);
    }
    let mut brief = 0;
    misses = 0;
    for (plan, slot) in active.iter().zip(&mut chosen) {
        let Some(text) = slot else { continue };
        let whole = (misses < MISSES_MAX)
            .then(|| folded(plan, Depth::Whole, active.len() == 1))
            .filter(|whole| whole.len() <= text.len() + left);
        match whole {
            Some(whole) => {
                left = left + text.len() - whole.len();
                *text = whole;
            }
            None => {
                misses += 1;
                brief += 1;
            }
        }
    }
    let missing: Vec<&&Plan> = active
        .iter()
        .zip(&chosen)
        .filter(|(_, slot)| slot.is_none())
        .map(|(plan, _)| plan)
        .collect();
    if !missing.is_empty() {
        let names: Vec<String> = missing
            .iter()
            .map(|plan| prose(&shortened(&plan.name, NAME_MAX)))
            .collect();
        page.cut(format!(
            "ladder and steps of {} of {}, which keep their rows: {}",
            missing.len(),
            count(active.len(), "cluster"),
            named(&names, ASIDE)
        ));
    }
    if brief > 0 {
        page.cut(format!(
            "the ladder as text and the inputs of {}",
            count(brief, "cluster")
        ));
    }
    for text in chosen.into_iter().flatten() {
        page.add(&text);
    }
}

fn folded(plan: &Plan, depth: Depth, open: bool) -> String {
    let open = if open { " open" } else { "" };
    let mut out = format!(
        "<details{open}><summary><b>{}</b> {}: {}</summary>\n\n{}\n\n",
        html(&shortened(&plan.name, NAME_MAX)),
        journey(plan),
        verdict(plan),
        summary_line(&plan.summary)
    );
    out.push_str(&risk_of_plan(plan));
    rest(plan, "###", depth, &mut out);
    out.push_str("</details>\n\n");
    out
}

/// The clusters with nothing to do: named, with what was found on them; shorter when there is no room.
fn at_rest(quiet: &[&Plan], alone: bool, page: &mut Page) {
    if quiet.is_empty() {
        return;
    }
    let head = format!("## Nothing to do on {}\n\n", count(quiet.len(), "cluster"));
    let names: Vec<String> = quiet
        .iter()
        .map(|plan| {
            let name = prose(&shortened(&plan.name, NAME_MAX));
            format!("{name} ({})", journey(plan))
        })
        .collect();
    let named = format!("{head}{}.\n\n", names.join(", "));
    let mut found = String::new();
    findings(
        quiet.iter().flat_map(|plan| &plan.findings),
        "###",
        &mut found,
    );
    if !alone && !found.is_empty() {
        let inner = found.trim_start_matches("### Findings\n\n");
        let number = quiet.iter().map(|plan| plan.findings.len()).sum();
        found = format!(
            "<details><summary>{} there</summary>\n\n{inner}</details>\n\n",
            count(number, "finding")
        );
    }
    let had = !found.is_empty();
    if had && page.add(&format!("{named}{found}")) {
        return;
    }
    if page.add(&named) {
        if had {
            page.cut("the findings on clusters with nothing to do");
        }
        return;
    }
    // The heading alone is part of the frame: no cluster is dropped without being counted.
    page.body.push_str(&head);
    page.cut("the names of the clusters with nothing to do");
}

#[cfg(test)]
mod tests;
