//! What nobody may miss: blockers, points of no return, disturbance, clusters without a plan.
//!
//! Each list has forms from the fullest to one that fills what is left with names and counts the
//! others. The fullest form that leaves room for the rest is taken.

use super::super::alike::alike;
use super::super::codes;
use super::super::findings::{blocks, waiver};
use super::super::later::reasons;
use super::super::markup::{code_cell, fenced, prose, shortened};
use super::super::terminal::journey;
use super::super::words::{Toll, count, list, list_some, no_way_back, severity, total_time};
use super::{ASIDE, NAME_MAX, Page, fill, named};
use crate::plan::wire::{ClusterError, Finding, Plan, PlanSet, Severity, Step};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Bytes for waivers: about ten, or four with long reasons. The others are counted.
const WAIVERS_MAX: usize = 1_024;
/// How many subjects of one code are listed per cluster.
const SUBJECTS_SHOWN: usize = 6;
/// A sentence about a blocker is shortened to this; the whole one is in the plan.
const SENTENCE_MAX: usize = 600;
/// An error's text is shortened to this on a page that many share.
const ERROR_MAX: usize = 2_000;
/// The part of the room that the ids of the points of no return may take. Where they are more, the
/// details, which say each of them twice, cannot fit anyway.
const IDS_SHARE: usize = 3;
/// The part of the room that is kept free for the shortest form of each later list, at most.
const LATER_SHARE: usize = 4;

/// Writes everything about risk.
pub(super) fn write(set: &PlanSet, active: &[&Plan], page: &mut Page) {
    if !set.clusters.is_empty() {
        let lines = glance(set, active);
        page.add(&lines);
    }
    let blocked: Vec<Blocked<'_>> = active.iter().filter_map(|plan| Blocked::of(plan)).collect();
    let points: Vec<Points<'_>> = active.iter().filter_map(|plan| Points::of(plan)).collect();
    // Each later list has room for its shortest form kept free, so that no list is crowded out.
    let cap = page.room / LATER_SHARE;
    let for_points = points.iter().map(|one| one.name().len() + 2 * ASIDE / 16);
    let for_points = for_points.fold(0, usize::saturating_add).min(cap);
    let for_blocked = match by_code(&blocked, cap, false) {
        Some(text) => text.len() + ASIDE,
        None => cap,
    };
    if !set.errors.is_empty() {
        let head = format!("## No plan for {}\n\n", count(set.errors.len(), "cluster"));
        let room = page.room - for_points - for_blocked.min(cap);
        let text = without_plan(&head, &set.errors, room, &mut page.cuts);
        page.add(&text);
    }
    if !blocked.is_empty() {
        let text = blockers(
            &blocked,
            page.room.saturating_sub(for_points),
            &mut page.cuts,
        );
        page.add(&text);
    }
    if !points.is_empty() {
        let text = no_return(&points, page.room, &mut page.cuts);
        page.add(&text);
    }
}

/// The risk in a few bounded lines.
fn glance(set: &PlanSet, active: &[&Plan]) -> String {
    let mut lines = Vec::new();
    let all = count(set.clusters.len(), "cluster");
    let stuck = active
        .iter()
        .filter(|plan| plan.summary.blocked > 0)
        .count();
    if stuck > 0 {
        lines.push(format!(
            "**{stuck} of {all} can go nowhere** until what blocks is mended."
        ));
    }
    let partly = active
        .iter()
        .filter(|plan| plan.summary.blocked == 0 && Blocked::of(plan).is_some())
        .count();
    if partly > 0 {
        lines.push(format!(
            "**{partly} of {all} can go only a part of the way.**"
        ));
    }
    if stuck + partly == 0 {
        lines.push(unblocked(active));
    }
    let running: Vec<&&Plan> = active
        .iter()
        .filter(|plan| !plan.steps.is_empty())
        .collect();
    let points: usize = running
        .iter()
        .map(|plan| plan.points_of_no_return().count())
        .sum();
    let on = running
        .iter()
        .filter(|plan| plan.points_of_no_return().next().is_some())
        .count();
    if points > 0 {
        lines.push(format!(
            "**After {} on {} there is no way back.**",
            count(points, "step"),
            count(on, "cluster")
        ));
    } else if !running.is_empty() {
        lines.push("Every step has a way back.".to_owned());
    }
    if !running.is_empty() {
        lines.push(disturbance(&running));
    }
    let previews = active.iter().filter(|plan| plan.preview).count();
    if previews > 0 {
        lines.push(format!(
            "**{} a PREVIEW:** live was assumed; such a plan can never be applied.",
            if previews == 1 {
                "1 plan is".to_owned()
            } else {
                format!("{previews} plans are each")
            }
        ));
    }
    lines.extend(matters(set));
    let mut out = String::new();
    for line in lines {
        let _ = writeln!(out, "* {line}");
    }
    out.push('\n');
    out
}

/// Says that nothing blocks, as far as somebody looked.
fn unblocked(active: &[&Plan]) -> String {
    let mut findings = active.iter().flat_map(|plan| &plan.findings);
    if findings.any(|found| found.not_assessed) {
        "Nothing that was read blocks; what was not read is said below.".to_owned()
    } else {
        "Nothing blocks.".to_owned()
    }
}

/// Returns who is disturbed by all plans, and how long the longest takes.
fn disturbance(running: &[&&Plan]) -> String {
    let steps: usize = running.iter().map(|plan| plan.steps.len()).sum();
    let toll = running.iter().map(|plan| Toll::of(&plan.steps));
    let toll = toll.fold(Toll::default(), Toll::and);
    let total = |plan: &Plan| {
        let typical = plan.steps.iter().map(|step| step.duration.typical);
        typical.fold(0_u64, u64::saturating_add)
    };
    let longest = running
        .iter()
        .max_by_key(|plan| (total(plan), std::cmp::Reverse(&plan.name)));
    let mut text = format!(
        "{} to run on {}: {}",
        count(steps, "step"),
        count(running.len(), "cluster"),
        toll.text()
    );
    if let Some(longest) = longest {
        let time = total_time(longest.steps.iter());
        if running.len() == 1 {
            let _ = write!(text, "; takes {time}");
        } else {
            let name = prose(&shortened(&longest.name, NAME_MAX));
            let _ = write!(text, "; {name} takes longest, {time}");
        }
    }
    text.push('.');
    text
}

/// Returns the waivers and the codes of the warnings, each with its number.
fn matters(set: &PlanSet) -> Vec<String> {
    let mut lines = Vec::new();
    let mut warnings: BTreeMap<&str, usize> = BTreeMap::new();
    let mut waived = Vec::new();
    for plan in &set.clusters {
        for finding in &plan.findings {
            match (&finding.waived, finding.severity) {
                (Some(by), Severity::Blocking) => waived.push(format!(
                    "{} on {} {}",
                    shortened(&finding.code, NAME_MAX),
                    shortened(&plan.name, NAME_MAX),
                    shortened(&waiver(by), SENTENCE_MAX / 3)
                )),
                (None, Severity::Warning) => *warnings.entry(&finding.code).or_default() += 1,
                (Some(_) | None, _) => {}
            }
        }
    }
    if !waived.is_empty() {
        waived.sort();
        let said: Vec<String> = waived.iter().map(|one| prose(one)).collect();
        let blockers = count(said.len(), "blocker");
        lines.push(format!(
            "**{blockers} waived:** {}.",
            named(&said, WAIVERS_MAX)
        ));
    }
    let total: usize = warnings.values().sum();
    if total > 0 {
        let mut codes: Vec<(&str, usize)> = warnings.into_iter().collect();
        codes.sort_by_key(|(code, number)| (std::cmp::Reverse(*number), *code));
        let say = |(code, number): &(&str, usize)| {
            format!("{} {number}", code_cell(&shortened(code, NAME_MAX)))
        };
        let codes: Vec<String> = codes.iter().map(say).collect();
        let codes = named(&codes, 2 * ASIDE);
        lines.push(format!("{}: {codes}.", count(total, "warning")));
    }
    lines
}

/// One thing that blocks.
struct Blocker<'p> {
    severity: Severity,
    code: &'p str,
    subject: String,
    message: String,
    remedy: &'p str,
    unread: bool,
}

/// A cluster on which something blocks.
pub(in crate::report) struct Blocked<'p> {
    name: String,
    /// What follows the name: how far the cluster can go.
    state: String,
    blockers: Vec<Blocker<'p>>,
}

impl<'p> Blocked<'p> {
    fn of(plan: &'p Plan) -> Option<Self> {
        let mut blockers: Vec<Blocker<'p>> = plan
            .findings
            .iter()
            .filter(|finding| blocks(finding))
            .map(of_finding)
            .collect();
        if blockers.is_empty() && plan.summary.blocked > 0 {
            blockers.extend(held_back(plan));
        }
        let stuck = if plan.summary.blocked > 0 {
            "nothing can go on"
        } else {
            "a part of the way is closed"
        };
        let state = format!(" ({}): {stuck}", journey(plan));
        Self::made(&plan.name, state, blockers)
    }

    /// Returns what blocks among these findings; none when nothing does.
    pub(in crate::report) fn among(name: &str, found: &[&'p Finding]) -> Option<Self> {
        let own = found.iter().copied().filter(|finding| blocks(finding));
        Self::made(name, String::new(), own.map(of_finding).collect())
    }

    fn made(name: &str, state: String, mut blockers: Vec<Blocker<'p>>) -> Option<Self> {
        blockers.sort_by(|one, other| {
            (one.severity, one.code, &one.subject, &one.message).cmp(&(
                other.severity,
                other.code,
                &other.subject,
                &other.message,
            ))
        });
        let name = prose(&shortened(name, NAME_MAX));
        (!blockers.is_empty()).then_some(Self {
            name,
            state,
            blockers,
        })
    }
}

fn of_finding(finding: &Finding) -> Blocker<'_> {
    Blocker {
        severity: finding.severity,
        code: &finding.code,
        subject: shortened(&finding.subject, NAME_MAX),
        message: shortened(&finding.message, SENTENCE_MAX),
        remedy: &finding.remedy,
        unread: finding.not_assessed,
    }
}

/// What blocks a cluster on which no finding says so: the reasons of the steps that are held back.
fn held_back(plan: &Plan) -> Vec<Blocker<'_>> {
    let code_of = |code: &str| {
        let blockers = plan.not_now.iter().flat_map(|later| &later.blocked_by);
        blockers
            .map(|blocker| blocker.code.as_str())
            .find(|known| *known == code)
    };
    let mut blockers: Vec<Blocker<'_>> = reasons(&plan.not_now)
        .into_iter()
        .map(|reason| Blocker {
            severity: Severity::Blocking,
            code: code_of(&reason.code).unwrap_or("BLOCKED"),
            subject: shortened(&list_some(&reason.subjects, SUBJECTS_SHOWN), NAME_MAX),
            message: shortened(&reason.why, SENTENCE_MAX),
            remedy: "",
            unread: false,
        })
        .collect();
    if blockers.is_empty() {
        blockers.push(Blocker {
            severity: Severity::Blocking,
            code: "BLOCKED",
            subject: String::new(),
            message: "no step can run now".to_owned(),
            remedy: "",
            unread: false,
        });
    }
    blockers
}

/// The fullest form of the blockers that leaves room for the rest.
pub(in crate::report) fn blockers(
    blocked: &[Blocked<'_>],
    room: usize,
    cuts: &mut Vec<String>,
) -> String {
    let head = format!("## What blocks, on {}\n\n", count(blocked.len(), "cluster"));
    let list_room = room.saturating_sub(head.len() + 1);
    if let Some(full) = full_blockers(blocked, list_room) {
        return format!("{head}{full}\n");
    }
    cuts.push(
        "the sentences about each blocker (`stairway explain CODE` has the page of a code)"
            .to_owned(),
    );
    if let Some(subjects) = by_code(blocked, list_room, true) {
        return format!("{head}{subjects}\n");
    }
    cuts.push("the subjects of each blocker".to_owned());
    if let Some(names) = by_code(blocked, list_room, false) {
        return format!("{head}{names}\n");
    }
    let (text, missing) = counted(blocked, list_room);
    if missing > 0 {
        cuts.push(format!(
            "{} in the lists of blockers; how many clusters each code blocks is there",
            count(missing, "name")
        ));
    }
    format!("{head}{text}\n")
}

/// Per cluster, each blocker with its sentence; none when that is longer than `room`.
fn full_blockers(blocked: &[Blocked<'_>], room: usize) -> Option<String> {
    let mut out = String::new();
    for one in blocked {
        let _ = writeln!(out, "* **{}**{}.", one.name, one.state);
        for blocker in &one.blockers {
            let lead = if blocker.subject.is_empty() {
                String::new()
            } else {
                format!("{}: ", blocker.subject)
            };
            let unread = if blocker.unread { ", not assessed" } else { "" };
            let _ = writeln!(
                out,
                "  * **{}** {}{unread} {}",
                severity(blocker.severity),
                code_cell(&shortened(blocker.code, NAME_MAX)),
                prose(&format!("{lead}{}", blocker.message))
            );
            if !blocker.remedy.is_empty() {
                let remedy = shortened(blocker.remedy, SENTENCE_MAX);
                let _ = writeln!(out, "    Do: {}", prose(&remedy));
            }
        }
        if out.len() > room {
            return None;
        }
    }
    Some(out)
}

/// Clusters, each with its subjects.
type Named = Vec<(String, Vec<String>)>;

/// One code of blockers with its clusters, each with its subjects.
struct Code<'b> {
    severity: Severity,
    code: &'b str,
    clusters: Named,
}

/// The blockers by code: the worst first, then those on most clusters.
fn codes_of<'b>(blocked: &'b [Blocked<'_>]) -> Vec<Code<'b>> {
    let mut codes: BTreeMap<(Severity, &str), Named> = BTreeMap::new();
    for one in blocked {
        for blocker in &one.blockers {
            let clusters = codes.entry((blocker.severity, blocker.code)).or_default();
            let name = one.name.clone();
            if clusters.last().is_none_or(|(last, _)| *last != name) {
                clusters.push((name, Vec::new()));
            }
            if let Some((_, subjects)) = clusters.last_mut()
                && !blocker.subject.is_empty()
                && !subjects.contains(&blocker.subject)
            {
                subjects.push(blocker.subject.clone());
            }
        }
    }
    let mut codes: Vec<Code<'_>> = codes
        .into_iter()
        .map(|((severity, code), clusters)| Code {
            severity,
            code,
            clusters,
        })
        .collect();
    codes.sort_by_key(|code| {
        (
            code.severity,
            std::cmp::Reverse(code.clusters.len()),
            code.code,
        )
    });
    codes
}

fn code_head(code: &Code<'_>) -> String {
    let title = match codes::page(code.code) {
        Some(page) => format!(", {}", page.title),
        None => String::new(),
    };
    format!(
        "* **{}** {}{} (on {})",
        severity(code.severity),
        code_cell(&shortened(code.code, NAME_MAX)),
        prose(&title),
        count(code.clusters.len(), "cluster")
    )
}

/// One line per code with all its clusters; none when that is longer than `room`.
fn by_code(blocked: &[Blocked<'_>], room: usize, subjects: bool) -> Option<String> {
    let mut out = String::new();
    for code in codes_of(blocked) {
        let say = |(name, about): &(String, Vec<String>)| {
            if !subjects || about.is_empty() {
                return name.clone();
            }
            format!("{name} ({})", prose(&list_some(about, SUBJECTS_SHOWN)))
        };
        let names: Vec<String> = code.clusters.iter().map(say).collect();
        let _ = writeln!(out, "{}: {}.", code_head(&code), names.join(", "));
        if out.len() > room {
            return None;
        }
    }
    Some(out)
}

/// Codes with their numbers of clusters, and names until `room` is used; how many are not shown.
fn counted(blocked: &[Blocked<'_>], room: usize) -> (String, usize) {
    /// Bytes for ` and 5000 more` on each line, and for the line that counts further codes.
    const MORE: usize = 32;
    const FURTHER: usize = 96;
    let codes = codes_of(blocked);
    let mut budget = room.saturating_sub(FURTHER);
    let mut heads = Vec::new();
    for code in &codes {
        let head = code_head(code);
        let need = head.len() + MORE;
        if need > budget {
            break;
        }
        budget -= need;
        heads.push(head);
    }
    let mut out = String::new();
    let mut missing = 0;
    let shown = heads.len();
    for (at, (code, head)) in codes.iter().zip(heads).enumerate() {
        // Equal parts of what is left for the codes that are left.
        let names: Vec<&str> = code
            .clusters
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        let (text, more) = fill(&names, budget / (shown - at));
        budget -= text.len();
        missing += more;
        let lead = if text.is_empty() { "" } else { ": " };
        let tail = match (more, text.is_empty()) {
            (0, _) => ".".to_owned(),
            (_, true) => ".".to_owned(),
            (more, false) => format!(" and {more} more."),
        };
        let _ = writeln!(out, "{head}{lead}{text}{tail}");
    }
    if shown < codes.len() {
        let _ = writeln!(
            out,
            "* and {} more; the clusters are counted above",
            count(codes.len() - shown, "code")
        );
    }
    (out, missing)
}

/// The points of no return of one cluster.
struct Points<'p> {
    plan: &'p Plan,
    steps: Vec<(usize, &'p Step)>,
}

impl<'p> Points<'p> {
    fn of(plan: &'p Plan) -> Option<Self> {
        let numbered = plan.steps.iter().enumerate();
        let steps: Vec<(usize, &Step)> = numbered
            .filter(|(_, step)| no_way_back(step).is_some())
            .map(|(at, step)| (at + 1, step))
            .collect();
        (!steps.is_empty()).then_some(Self { plan, steps })
    }

    fn name(&self) -> String {
        prose(&shortened(&self.plan.name, NAME_MAX))
    }
}

/// The fullest form of the points of no return that leaves room for the rest.
fn no_return(points: &[Points<'_>], room: usize, cuts: &mut Vec<String>) -> String {
    let total = points.iter().map(|one| one.steps.len()).sum();
    let head = format!(
        "## No way back: {} on {}\n\n",
        count(total, "step"),
        count(points.len(), "cluster")
    );
    let mut out = String::new();
    for one in points {
        let ids: Vec<String> = one
            .steps
            .iter()
            .map(|(number, step)| {
                format!("{number} {}", code_cell(&shortened(&step.id, 2 * NAME_MAX)))
            })
            .collect();
        let _ = writeln!(out, "* **{}** after step {}", one.name(), list(&ids));
        if out.len() > room / IDS_SHARE {
            break;
        }
    }
    if out.len() <= room / IDS_SHARE {
        return format!("{head}{out}\n");
    }
    cuts.push("the ids of the steps after which there is no way back".to_owned());
    let mut lines = Vec::new();
    for one in points {
        let numbers: Vec<usize> = one.steps.iter().map(|(number, _)| *number).collect();
        let numbers = runs(&numbers);
        lines.push(format!(
            "{} (after {numbers} of {})",
            one.name(),
            one.plan.steps.len()
        ));
    }
    let names: Vec<&str> = lines.iter().map(String::as_str).collect();
    let room = room.saturating_sub(head.len() + 64);
    let (text, missing) = fill(&names, room);
    if missing == 0 {
        return format!("{head}{text}.\n\n");
    }
    let short: Vec<String> = points
        .iter()
        .map(|one| format!("{} ({})", one.name(), one.steps.len()))
        .collect();
    let names: Vec<&str> = short.iter().map(String::as_str).collect();
    let (text, missing) = fill(&names, room);
    cuts.push(
        "the numbers of the steps after which there is no way back; each cluster's count is there"
            .to_owned(),
    );
    if missing == 0 {
        return format!("{head}{text}.\n\n");
    }
    cuts.push(format!(
        "{} whose plans have points of no return; they are counted",
        count(missing, "name")
    ));
    format!("{head}{text} and {missing} more.\n\n")
}

/// Returns `3, 7–9`.
fn runs(numbers: &[usize]) -> String {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for &number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            Some(_) | None => runs.push((number, number)),
        }
    }
    let say = |(first, last): &(usize, usize)| {
        if first == last {
            first.to_string()
        } else {
            format!("{first}–{last}")
        }
    };
    list(&runs.iter().map(say).collect::<Vec<_>>())
}

/// The clusters that failed, below `head`: alike errors once, with the names of their clusters.
pub(in crate::report) fn without_plan(
    head: &str,
    errors: &[ClusterError],
    room: usize,
    cuts: &mut Vec<String>,
) -> String {
    let list_room = room.saturating_sub(head.len());
    if let Some(whole) = error_texts(errors, list_room, usize::MAX) {
        return format!("{head}{whole}");
    }
    cuts.push("the errors of clusters that failed, in full".to_owned());
    if let Some(short) = error_texts(errors, list_room, ERROR_MAX) {
        return format!("{head}{short}");
    }
    if let Some(lines) = error_texts(errors, list_room, 2 * NAME_MAX) {
        return format!("{head}{lines}");
    }
    let names: Vec<String> = errors
        .iter()
        .map(|error| prose(&shortened(&error.name, NAME_MAX)))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (text, missing) = fill(&names, list_room.saturating_sub(64));
    if missing == 0 {
        return format!("{head}{text}.\n\n");
    }
    cuts.push(format!(
        "{} of clusters that failed; they are counted",
        count(missing, "name")
    ));
    format!("{head}{text} and {missing} more.\n\n")
}

/// Every error with its clusters, no text longer than `most`; none when that is longer than `room`.
fn error_texts(errors: &[ClusterError], room: usize, most: usize) -> Option<String> {
    let mut out = String::new();
    for one in alike(errors) {
        let names: Vec<String> = one
            .names
            .iter()
            .map(|name| prose(&shortened(name, NAME_MAX)))
            .collect();
        let number = match names.len() {
            1 => String::new(),
            more => format!(" ({})", count(more, "cluster")),
        };
        let text = fenced("text", &shortened(&one.error, most));
        let _ = write!(out, "**{}**{number}\n\n{text}\n", names.join(", "));
        if let Some(hint) = &one.hint {
            let hint = shortened(hint, SENTENCE_MAX.min(most));
            let _ = write!(out, "Hint: {}\n\n", prose(&hint));
        }
        if out.len() > room {
            return None;
        }
    }
    Some(out)
}
