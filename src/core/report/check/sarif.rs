//! A check as SARIF 2.1.0, which GitHub code scanning and editors read.
//!
//! Source: OASIS, Static Analysis Results Interchange Format 2.1.0; GitHub Docs, "SARIF support for
//! code scanning".

use super::super::codes;
use super::super::findings::{waiver, window};
use super::super::layout::is_steering;
use super::super::markup::{code_cell, prose, shortened};
use super::super::words::{count, list_some};
use super::{CheckReport, CheckedCluster};
use crate::model::Digest;
use crate::plan::wire::{Finding, Severity};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Results of one run that GitHub takes; it shows the first 5,000. GitHub Docs, SARIF support.
const RESULTS_MAX: usize = 25_000;
/// Rules of one run that GitHub takes. Ibidem.
const RULES_MAX: usize = 25_000;
/// Characters of one message: with 25,000 results the file stays far below GitHub's 10 MB when
/// compressed, and nobody reads more in an alert.
const TEXT_MAX: usize = 2_000;
/// How many objects of one result are listed.
const OBJECTS_SHOWN: usize = 20;
/// Hex digits of a fingerprint: half of SHA-256, so that no two findings of a fleet meet.
const FINGERPRINT_DIGITS: usize = 32;

/// Returns the report as SARIF, pretty-printed. `key` tells this run from others on the same
/// commit; the shards of a fleet need different ones.
pub fn check_sarif(report: &CheckReport, key: &str, tool_version: &str) -> String {
    let mut found: Vec<(&CheckedCluster, &Finding, u32)> = Vec::new();
    for cluster in &report.clusters {
        let mut seen: BTreeMap<(&str, &str), u32> = BTreeMap::new();
        for finding in &cluster.findings {
            let number = seen.entry((&finding.code, &finding.subject)).or_default();
            *number += 1;
            found.push((cluster, finding, *number));
        }
    }
    // GitHub keeps the first: the worst come first.
    found.sort_by_key(|(_, finding, _)| (finding.severity, finding.waived.is_some()));
    let total = found.len();
    found.truncate(RESULTS_MAX);
    let mut levels: BTreeMap<&str, Severity> = BTreeMap::new();
    for (_, finding, _) in &found {
        let worst = levels.entry(&finding.code).or_insert(finding.severity);
        *worst = (*worst).min(finding.severity);
    }
    let indexes: BTreeMap<&str, usize> = levels.keys().copied().zip(0..).take(RULES_MAX).collect();
    let rules: Vec<Value> = levels
        .iter()
        .take(RULES_MAX)
        .map(|(code, severity)| rule(code, *severity))
        .collect();
    let results: Vec<Value> = found
        .iter()
        .map(|(cluster, finding, number)| result(cluster, finding, *number, &indexes))
        .collect();
    let category = if key.is_empty() { "fleet" } else { key };
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "stairway",
                "semanticVersion": tool_version,
                "version": tool_version,
                "rules": rules,
            }},
            "automationDetails": {"id": format!("stairway-check/{}/", tame(category))},
            "columnKind": "unicodeCodePoints",
            "invocations": [{
                "executionSuccessful": report.errors.is_empty(),
                "exitCode": report.exit,
                "toolExecutionNotifications": notifications(report, total),
            }],
            "results": results,
        }],
    });
    format!("{log:#}\n")
}

/// What a reader must know about the run itself: clusters that were not checked, results left out.
fn notifications(report: &CheckReport, total: usize) -> Vec<Value> {
    let mut all: Vec<Value> = report
        .errors
        .iter()
        .map(|error| {
            let text = format!("`{}` was not checked: {}", error.name, error.error);
            json!({"level": "error", "message": {"text": words(&text)}})
        })
        .collect();
    if let Some(missing) = total.checked_sub(RESULTS_MAX).filter(|more| *more > 0) {
        let missing = count(missing, "result");
        let text = format!(
            "{missing} left out: GitHub takes {RESULTS_MAX} per run. The worst are here; `stairway check --format json` has all."
        );
        all.push(json!({"level": "warning", "message": {"text": text}}));
    }
    all
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Mandatory | Severity::Blocking => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

fn rule(code: &str, worst: Severity) -> Value {
    let mut rule = Map::new();
    rule.insert("id".to_owned(), json!(words(code)));
    rule.insert(
        "defaultConfiguration".to_owned(),
        json!({"level": level(worst)}),
    );
    let Some(page) = codes::page(code) else {
        rule.insert("shortDescription".to_owned(), json!({"text": words(code)}));
        return Value::Object(rule);
    };
    let codes::Page {
        code: _,
        title,
        meaning,
        why,
        remedy,
        source,
        url,
        severities: _,
        waivable: _,
        applies: _,
    } = page;
    let command = format!("stairway explain {code}");
    let plain = format!(
        "{meaning}\n\nWhy it matters: {why}\n\nWhat to do: {remedy}\n\nSource: {source}\n\n{command}"
    );
    let markdown = format!(
        "{}\n\n**Why it matters:** {}\n\n**What to do:** {}\n\nSource: {}\n\n{}",
        prose(meaning),
        prose(why),
        prose(remedy),
        prose(source),
        code_cell(&command)
    );
    rule.insert("shortDescription".to_owned(), json!({"text": *title}));
    rule.insert(
        "fullDescription".to_owned(),
        json!({"text": format!("{meaning} {why}")}),
    );
    rule.insert(
        "help".to_owned(),
        json!({"text": plain, "markdown": markdown}),
    );
    if let Some(url) = url {
        rule.insert("helpUri".to_owned(), json!(url));
    }
    Value::Object(rule)
}

fn result(
    cluster: &CheckedCluster,
    finding: &Finding,
    number: u32,
    indexes: &BTreeMap<&str, usize>,
) -> Value {
    let mut result = Map::new();
    result.insert("ruleId".to_owned(), json!(words(&finding.code)));
    if let Some(index) = indexes.get(finding.code.as_str()) {
        result.insert("ruleIndex".to_owned(), json!(index));
    }
    result.insert("level".to_owned(), json!(level(finding.severity)));
    result.insert(
        "message".to_owned(),
        json!({"text": message(cluster, finding)}),
    );
    result.insert("locations".to_owned(), json!([location(cluster, finding)]));
    let print = fingerprint(cluster, finding, number);
    result.insert(
        "partialFingerprints".to_owned(),
        // The first is ours; the second is the only one that GitHub compares.
        json!({"stairwayFinding/v1": print, "primaryLocationLineHash": format!("{print}:1")}),
    );
    let suppressions = match &finding.waived {
        None => json!([]),
        Some(by) => json!([{
            "kind": "external",
            "status": "accepted",
            "justification": words(&waiver(by)),
        }]),
    };
    result.insert("suppressions".to_owned(), suppressions);
    Value::Object(result)
}

/// Stable under other messages, other orders and new plans: code, cluster and subject only; `number`
/// tells several findings with all three apart.
fn fingerprint(cluster: &CheckedCluster, finding: &Finding, number: u32) -> String {
    let parts = [
        finding.code.as_str(),
        &cluster.name,
        &finding.subject,
        &number.to_string(),
    ];
    Digest::of_canonical(&parts)
        .short(FINGERPRINT_DIGITS)
        .to_owned()
}

fn message(cluster: &CheckedCluster, finding: &Finding) -> String {
    let about = if finding.subject.is_empty() {
        cluster.name.clone()
    } else {
        format!("{}, {}", cluster.name, finding.subject)
    };
    let mut text = format!("{about}: {}", finding.message);
    if finding.not_assessed {
        text.push_str("\nNot assessed: a fact is unknown.");
    }
    let counts = finding.applies.as_ref().map(window).unwrap_or_default();
    if !counts.is_empty() {
        text.push_str("\nCounts ");
        text.push_str(&counts);
        text.push('.');
    }
    if !finding.objects.is_empty() {
        text.push_str("\nAffects: ");
        text.push_str(&list_some(&finding.objects, OBJECTS_SHOWN));
    }
    if !finding.remedy.is_empty() {
        text.push_str("\nDo: ");
        text.push_str(&finding.remedy);
    }
    words(&text)
}

fn location(cluster: &CheckedCluster, finding: &Finding) -> Value {
    let name = if finding.subject.is_empty() {
        "cluster"
    } else {
        &finding.subject
    };
    let logical = json!([{
        "name": words(name),
        "fullyQualifiedName": words(&format!("{}/{name}", cluster.name)),
        "kind": "resource",
    }]);
    let mut location = Map::new();
    let uri = uri(&cluster.config);
    if !uri.is_empty() {
        // No finding knows its line: configs are programs, and what is wrong is what they render.
        location.insert(
            "physicalLocation".to_owned(),
            json!({
                "artifactLocation": {"uri": uri, "uriBaseId": "%SRCROOT%"},
                "region": {"startLine": 1},
            }),
        );
    }
    location.insert("logicalLocations".to_owned(), logical);
    Value::Object(location)
}

/// Returns a relative path as a URI reference: percent-encoded, without a leading slash or `./`.
fn uri(path: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::new();
    for byte in path
        .trim_start_matches("./")
        .trim_start_matches('/')
        .bytes()
    {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Returns the letters of a category that GitHub shows as they are.
fn tame(key: &str) -> String {
    let keep = |sign: char| {
        if sign.is_ascii_alphanumeric() || "._-".contains(sign) {
            sign
        } else {
            '-'
        }
    };
    key.chars().map(keep).take(64).collect()
}

/// Returns text without what steers a screen, shortened to what an alert shows.
fn words(text: &str) -> String {
    let tame = |sign: char| match sign {
        '\n' => '\n',
        '\t' | '\r' => ' ',
        _ if is_steering(sign) => '\u{fffd}',
        _ => sign,
    };
    let text: String = text.chars().map(tame).collect();
    shortened(&text, TEXT_MAX)
}
