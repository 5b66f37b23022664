//! Plans as one page of HTML: a board of the fleet, and every cluster with its ladder drawn.
//!
//! The page stands alone: no script, no font, no address outside of it is loaded, so that it can
//! be kept as an artefact of a pipeline and read years later. All text is escaped by the template
//! engine (minijinja, by the template's `.html` name).

mod ladder;

use super::explain::explain_step;
use super::findings::groups;
use super::later::{held_by, reasons};
use super::layout::is_steering;
use super::markup::entity;
use super::summary::{set_heading, set_summary_line};
use super::terminal::{is_quiet, journey, verdict};
use super::words::{
    change_lines, count, disturbs, no_way_back, open_until, range, severity, total_disruption,
    total_time, way_back,
};
use crate::plan::wire::{ClusterError, Finding, LaterStep, Plan, PlanSet, Severity, Step};
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value};
use serde::Serialize;

/// The page's template; its name decides that values are escaped for HTML.
const TEMPLATE: (&str, &str) = ("plans.html", include_str!("html/plans.html"));

/// Returns a set of plans as one page of HTML that needs nothing else.
///
/// Clusters with something to do come first and are open; the others are one table.
pub fn planset_html(set: &PlanSet) -> String {
    let (quiet, active): (Vec<&Plan>, Vec<&Plan>) =
        set.clusters.iter().partition(|plan| is_quiet(plan));
    let board = Board {
        summary: plain(&set_summary_line(set)),
        partial: set_heading(set).map(|heading| plain(&heading)),
        errors: errors(&set.errors),
        rows: active.iter().map(|plan| Row::of(plan)).collect(),
        clusters: active.iter().map(|plan| Cluster::of(plan)).collect(),
        quiet: quiet.iter().map(|plan| Quiet::of(plan)).collect(),
    };
    draw(&board)
}

fn draw(board: &Board) -> String {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.add_filter("marked", |text: String| {
        Value::from_safe_string(marked(&text))
    });
    let (name, source) = TEMPLATE;
    let page = environment
        .add_template(name, source)
        .and_then(|()| environment.get_template(name)?.render(Serde(board)));
    match page {
        Ok(page) => page,
        // The template is embedded and tested; should it fail all the same, that is said and nothing is made up.
        Err(error) => format!(
            "<!doctype html><title>stairway</title><p>The page could not be drawn: {}</p>\n",
            escaped(&error.to_string())
        ),
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for sign in text.chars() {
        match entity(sign) {
            Some(entity) => out.push_str(entity),
            None => out.push(sign),
        }
    }
    out
}

/// Text with what stands between backticks as code; a backtick without a partner stays one.
fn marked(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    let mut page = String::new();
    for (at, part) in parts.iter().enumerate() {
        let part = escaped(part);
        match (at % 2, at + 1 == parts.len()) {
            (0, _) => page.push_str(&part),
            (_, false) => page.push_str(&format!("<code>{part}</code>")),
            (_, true) => page.push_str(&format!("`{part}")),
        }
    }
    page
}

/// Text without signs that steer a terminal or turn the direction of writing.
fn plain(text: &str) -> String {
    text.chars()
        .filter(|sign| *sign == '\n' || !is_steering(*sign))
        .collect()
}

/// What the template draws.
#[derive(Serialize)]
struct Board {
    summary: String,
    partial: Option<String>,
    errors: Vec<ErrorLine>,
    rows: Vec<Row>,
    clusters: Vec<Cluster>,
    quiet: Vec<Quiet>,
}

/// A cluster that got no plan.
#[derive(Serialize)]
struct ErrorLine {
    name: String,
    error: String,
    hint: String,
}

fn errors(errors: &[ClusterError]) -> Vec<ErrorLine> {
    errors
        .iter()
        .map(|error| ErrorLine {
            name: plain(&error.name),
            error: plain(&error.error),
            hint: plain(error.hint.as_deref().unwrap_or_default()),
        })
        .collect()
}

/// A cluster's line on the board.
#[derive(Serialize)]
struct Row {
    name: String,
    anchor: String,
    wave: String,
    journey: String,
    verdict: String,
    blocked: bool,
    points: String,
    disturbs: String,
    takes: String,
}

impl Row {
    fn of(plan: &Plan) -> Self {
        let points = plan.points_of_no_return().count();
        Self {
            name: plain(&plan.name),
            anchor: anchor(plan),
            wave: plain(plan.wave.as_deref().unwrap_or_default()),
            journey: journey(plan),
            verdict: verdict(plan),
            blocked: plan.summary.blocked > 0,
            points: match points {
                0 => String::new(),
                some => count(some, "step"),
            },
            disturbs: match plan.steps.is_empty() {
                true => String::new(),
                false => total_disruption(&plan.steps),
            },
            takes: match plan.steps.is_empty() {
                true => String::new(),
                false => total_time(plan.steps.iter()),
            },
        }
    }
}

/// Names of clusters are letters, digits, `-`, `_` and `.`; the digest keeps two of them apart.
fn anchor(plan: &Plan) -> String {
    let short = plan.digest.get(..19).unwrap_or(&plan.digest);
    let text = format!("{}-{short}", plan.name);
    text.chars()
        .map(|sign| {
            if sign.is_ascii_alphanumeric() {
                sign
            } else {
                '-'
            }
        })
        .collect()
}

/// A cluster in full.
#[derive(Serialize)]
struct Cluster {
    row: Row,
    preview: bool,
    rollback: bool,
    digest: String,
    id: String,
    points: Vec<Point>,
    ladder: Option<ladder::Drawing>,
    steps: Vec<StepLine>,
    reasons: Vec<ReasonLine>,
    later: Vec<LaterLine>,
    findings: Vec<FindingLine>,
    inputs: Vec<(&'static str, String)>,
}

#[derive(Serialize)]
struct Point {
    number: usize,
    id: String,
    why: String,
}

#[derive(Serialize)]
struct StepLine {
    number: usize,
    id: String,
    change: Vec<String>,
    disturbs: String,
    takes: String,
    back: String,
    until: String,
    no_return: bool,
    told: String,
}

#[derive(Serialize)]
struct ReasonLine {
    mark: String,
    text: String,
}

#[derive(Serialize)]
struct LaterLine {
    number: usize,
    id: String,
    change: Vec<String>,
    held: String,
}

#[derive(Serialize)]
struct FindingLine {
    severity: &'static str,
    class: &'static str,
    code: String,
    messages: Vec<(String, String)>,
    remedy: String,
    source: String,
}

#[derive(Serialize)]
struct Quiet {
    name: String,
    journey: String,
    findings: Vec<FindingLine>,
}

impl Quiet {
    fn of(plan: &Plan) -> Self {
        Self {
            name: plain(&plan.name),
            journey: journey(plan),
            findings: findings(&plan.findings),
        }
    }
}

impl Cluster {
    fn of(plan: &Plan) -> Self {
        let numbered = plan.steps.iter().enumerate();
        let points = numbered.clone().filter_map(|(at, step)| {
            no_way_back(step).map(|why| Point {
                number: at + 1,
                id: plain(&step.id),
                why: plain(&why),
            })
        });
        Self {
            row: Row::of(plan),
            preview: plan.preview,
            rollback: plan.rollback,
            digest: plan.digest.clone(),
            id: plain(&plan.id),
            points: points.collect(),
            ladder: ladder::draw(plan),
            steps: numbered.map(|(at, step)| step_line(at + 1, step)).collect(),
            reasons: reasons(&plan.not_now)
                .iter()
                .map(|reason| ReasonLine {
                    mark: reason.mark.clone(),
                    text: plain(&reason.text()),
                })
                .collect(),
            later: later_lines(&plan.not_now, plan.steps.len() + 1),
            findings: findings(&plan.findings),
            inputs: inputs(plan),
        }
    }
}

fn step_line(number: usize, step: &Step) -> StepLine {
    let no_return = no_way_back(step).is_some();
    StepLine {
        number,
        id: plain(&step.id),
        change: lines(&change_lines(step)),
        disturbs: plain(&disturbs(&step.disruption)),
        takes: range(&step.duration),
        back: if no_return {
            "none".to_owned()
        } else {
            way_back(&step.rollback)
        },
        until: plain(open_until(step).unwrap_or_default()),
        no_return,
        told: plain(&explain_step(step)),
    }
}

fn later_lines(later: &[LaterStep], first: usize) -> Vec<LaterLine> {
    let reasons = reasons(later);
    let mut previous = None;
    let mut rows = Vec::with_capacity(later.len());
    for (at, one) in later.iter().enumerate() {
        rows.push(LaterLine {
            number: first + at,
            id: plain(&one.step.id),
            change: lines(&change_lines(&one.step)),
            held: plain(&held_by(one, previous, &reasons)),
        });
        previous = Some(one.step.id.as_str());
    }
    rows
}

fn findings(list: &[Finding]) -> Vec<FindingLine> {
    let line = |group: super::findings::Group<'_>| FindingLine {
        severity: severity(group.first.severity),
        class: match group.first.severity {
            Severity::Mandatory | Severity::Blocking => "bad",
            Severity::Warning => "caution",
            Severity::Note => "faint",
        },
        code: plain(&group.first.code),
        messages: group
            .messages
            .iter()
            .map(|said| (plain(&said.text()), plain(&said.objects())))
            .collect(),
        remedy: plain(&group.first.remedy),
        source: plain(&group.first.source),
    };
    groups(list).into_iter().map(line).collect()
}

fn inputs(plan: &Plan) -> Vec<(&'static str, String)> {
    let inputs = &plan.inputs;
    let day = |time: &Option<crate::model::Timestamp>| {
        time.as_ref().map_or_else(String::new, ToString::to_string)
    };
    [
        ("config", inputs.config.clone()),
        ("rendered", inputs.render_digest.clone()),
        ("evaluator", inputs.evaluator.clone()),
        (
            "observation",
            format!("{} {}", inputs.observation_kind, inputs.observation_digest),
        ),
        ("observed at", day(&inputs.observed_at)),
        ("calendars read for", day(&inputs.at)),
        ("catalog", inputs.catalog_date.clone()),
        (
            "git revision",
            inputs.git_revision.clone().unwrap_or_default(),
        ),
        ("stairway", plan.tool.version.clone()),
    ]
    .into_iter()
    .map(|(name, value)| (name, plain(value.trim())))
    .filter(|(_, value)| !value.is_empty())
    .collect()
}

fn lines(text: &str) -> Vec<String> {
    plain(text).lines().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
