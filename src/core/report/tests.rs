//! The reports against committed snapshots, and the laws of their layout.

use super::fixtures::{
    blocked, conditions, create, differences, evil, four_hops, hop, in_sync, set,
};
use super::ladder::{is_legal, label, oldest_legal};
use super::table::display_width;
use super::words::{range, step_numbers};
use super::{
    Look, Sheet, codes, condition_in_words, diff_text, differences_table, explain_code,
    explain_step, plan_markdown, plan_table, planset_markdown, summary_line,
};
use crate::diff::text::unified;
use crate::model::{KubeMinor, Timestamp};
use crate::plan::wire::{DurationRange, PlanSet, Summary};
use std::collections::BTreeSet;

/// Compares with a committed file. To refresh one, copy what this prints.
pub(super) fn check(name: &str, expected: &str, actual: &str) {
    check_all(&[(name, expected, actual.to_owned())]);
}

/// As [`check`], for several: all that differ are printed.
pub(super) fn check_all(rows: &[(&str, &str, String)]) {
    let differ = |(name, expected, actual): &(&str, &str, String)| {
        (expected != actual).then(|| format!("<<<{name}\n{actual}>>>{name}\n"))
    };
    let changed: String = rows.iter().filter_map(differ).collect();
    assert!(
        changed.is_empty(),
        "snapshots differ; the texts are now:\n{changed}"
    );
}

/// Minutes after the instant at which the runs of these tests begin.
pub(super) fn time(minutes: i64) -> Timestamp {
    Timestamp::from_unix(1_787_400_000 + minutes * 60)
}

fn mixed() -> PlanSet {
    set(
        vec![
            four_hops(),
            blocked(),
            in_sync("alpha"),
            in_sync("hub-prod"),
        ],
        true,
    )
}

const UNICODE: Look = Look {
    width: 100,
    color: false,
    unicode: true,
};

#[test]
fn plans_look_as_committed() {
    let wide = Look {
        width: 120,
        ..UNICODE
    };
    let narrow = Look {
        width: 80,
        ..UNICODE
    };
    check(
        "plan_60_ascii",
        include_str!("snapshots/plan_60_ascii.txt"),
        &plan_table(&mixed(), &Look::plain(60)),
    );
    check(
        "plan_80",
        include_str!("snapshots/plan_80.txt"),
        &plan_table(&mixed(), &narrow),
    );
    check(
        "plan_120",
        include_str!("snapshots/plan_120.txt"),
        &plan_table(&mixed(), &wide),
    );
    let fleet: Vec<_> = (0..40)
        .map(|number| in_sync(&format!("hub-{number:02}")))
        .collect();
    check(
        "fleet_80",
        include_str!("snapshots/fleet_80.txt"),
        &plan_table(&set(fleet, false), &narrow),
    );
}

#[test]
fn markdown_looks_as_committed() {
    check(
        "plan_md",
        include_str!("snapshots/plan_md.txt"),
        &plan_markdown(&four_hops()),
    );
    check(
        "planset_md",
        include_str!("snapshots/planset_md.txt"),
        &planset_markdown(&mixed(), &Sheet::comment()),
    );
}

#[test]
fn explanations_and_differences_look_as_committed() {
    let text = format!(
        "{}\n{}",
        explain_step(&hop(30)),
        explain_step(&create("core-b", "1.33"))
    );
    check(
        "explain_step",
        include_str!("snapshots/explain_step.txt"),
        &text,
    );
    let table = differences_table("openscapes", &differences(), &UNICODE);
    check(
        "differences_100",
        include_str!("snapshots/differences_100.txt"),
        &table,
    );
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for width in [60, 76, 80, 100, 120, 200] {
        for unicode in [true, false] {
            let look = Look {
                width,
                color: false,
                unicode,
            };
            let nasty = set(vec![evil(), four_hops(), blocked(), in_sync("x")], true);
            let text = format!(
                "{}{}",
                plan_table(&nasty, &look),
                differences_table("openscapes", &differences(), &look)
            );
            for line in text.lines().filter(|line| !line.starts_with("Plan: ")) {
                assert!(display_width(line) <= width, "{width} columns: {line}");
            }
        }
    }
}

#[test]
fn plain_reports_hold_neither_escapes_nor_other_scripts() {
    let nasty = set(vec![evil(), four_hops(), blocked(), in_sync("x")], true);
    let text = plan_table(&nasty, &Look::plain(100));
    assert!(text.is_ascii(), "{text}");
    assert!(!text.contains('\u{1b}'));
    let text = plan_table(&nasty, &UNICODE);
    assert!(
        !text.chars().any(|sign| sign.is_control() && sign != '\n'),
        "{text}"
    );
}

#[test]
fn color_adds_nothing_but_color() {
    for width in [60, 80, 120] {
        let look = Look { width, ..UNICODE };
        let colored = plan_table(
            &mixed(),
            &Look {
                color: true,
                ..look
            },
        );
        assert!(colored.contains('\u{1b}'));
        let bare: String = colored
            .split('\u{1b}')
            .enumerate()
            .map(|(at, part)| {
                if at == 0 {
                    part
                } else {
                    part.split_once('m').map_or("", |(_, rest)| rest)
                }
            })
            .collect();
        assert_eq!(bare, plan_table(&mixed(), &look));
    }
}

#[test]
fn the_totals_are_the_first_and_the_last_line() {
    let cases = [
        (set(vec![], false), "No changes."),
        (set(vec![in_sync("a")], false), "No changes."),
        (
            set(vec![in_sync("a")], true),
            "Plan: 0 to upgrade, 0 to swap, 0 to update, 0 to roll back, 0 groups to delete, 0 phasing out, 0 blocked.",
        ),
        (
            mixed(),
            "Plan: 1 to upgrade, 5 to swap, 4 to update, 0 to roll back, 5 groups to delete, 0 phasing out, 1 blocked.",
        ),
    ];
    for (set, line) in cases {
        let text = plan_table(&set, &Look::plain(80));
        assert_eq!(text.lines().next(), Some(line));
        assert_eq!(text.lines().last(), Some(line));
        let page = planset_markdown(&set, &Sheet::comment());
        // The page also counts the clusters that got no plan.
        let line = match set.errors.len() {
            0 => line.to_owned(),
            _ => format!("{line} No plan for 1 cluster."),
        };
        let head = format!("<!-- stairway:plan all -->\n# Plan\n\n{line}\n");
        assert!(page.starts_with(&head), "{page}");
        assert_eq!(page.lines().last(), Some(line.as_str()));
    }
}

#[test]
fn the_summary_says_exactly_what_the_contract_says() {
    let summary = Summary {
        upgrade: 2,
        swap: 3,
        update: 4,
        delete: 3,
        phasing_out: 1,
        blocked: 1,
        ..Summary::default()
    };
    assert_eq!(
        summary_line(&summary),
        "Plan: 2 to upgrade, 3 to swap, 4 to update, 0 to roll back, 3 groups to delete, 1 phasing out, 1 blocked."
    );
    let created = Summary {
        create: 2,
        ..summary
    };
    assert!(summary_line(&created).contains("3 to swap, 2 to create, 4 to update"));
    let held = Summary {
        held_back: 1,
        ..Summary::default()
    };
    assert!(
        summary_line(&held).starts_with("Plan: 0 to upgrade"),
        "held back is not `No changes.`"
    );
}

#[test]
fn a_thousand_clusters_in_sync_are_one_paragraph() {
    let fleet: Vec<_> = (0..1_000)
        .map(|number| in_sync(&format!("hub-{number:04}")))
        .collect();
    let text = plan_table(&set(fleet, false), &Look::plain(100));
    assert!(text.lines().count() < 200, "{} lines", text.lines().count());
    assert!(text.contains("hub-0999"));
}

#[test]
fn every_point_of_no_return_is_said_in_words() {
    let plan = four_hops();
    let points = plan.points_of_no_return().count();
    let look = Look {
        width: 200,
        ..UNICODE
    };
    let text = plan_table(&set(vec![plan.clone()], false), &look);
    assert_eq!(text.matches("NO WAY BACK after this step").count(), points);
    assert_eq!(
        plan_markdown(&plan)
            .matches("**NO WAY BACK** after step")
            .count(),
        points
    );
}

#[test]
fn a_long_reason_is_said_once() {
    let text = plan_table(
        &set(vec![blocked()], false),
        &Look {
            width: 200,
            ..UNICODE
        },
    );
    assert_eq!(text.matches("which would be 4 minors behind").count(), 1);
}

#[test]
fn names_cannot_break_out_of_markdown() {
    let page = planset_markdown(&set(vec![evil(), in_sync("a|b")], false), &Sheet::comment());
    let mut fenced = false;
    let mut outside = String::new();
    for line in page.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            outside.push_str(&outside_code(line));
        }
    }
    for unsafe_text in [
        "<script",
        "</details>@",
        "@octocat",
        "\u{1b}",
        "#8712",
        " a|b",
    ] {
        assert!(!outside.contains(unsafe_text), "{unsafe_text}: {outside}");
    }
    assert!(
        outside.contains("octocat"),
        "the test must look at something"
    );
    for row in page.lines().filter(|line| line.starts_with("| ")) {
        let bars = row.replace(r"\|", "").matches('|').count();
        assert!((3..=7).contains(&bars), "{row}");
    }
}

/// Returns a line without its code spans, as CommonMark finds them.
fn outside_code(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find('`') {
        let escaped = rest[..at]
            .chars()
            .rev()
            .take_while(|sign| *sign == '\\')
            .count()
            % 2
            == 1;
        let run = if escaped {
            1
        } else {
            rest[at..].chars().take_while(|sign| *sign == '`').count()
        };
        let after = &rest[at + run..];
        let fence = "`".repeat(run);
        let close = after
            .match_indices(&fence)
            .map(|(close, _)| close)
            .find(|&close| {
                !after[..close].ends_with('`') && !after[close + run..].starts_with('`')
            });
        out.push_str(&rest[..at]);
        rest = match close {
            Some(close) if !escaped => &after[close + run..],
            Some(_) | None => after,
        };
    }
    out + rest
}

#[test]
fn the_skew_band_is_that_of_kubernetes() {
    let minor = KubeMinor::of;
    // kubernetes.io: "kubelet may be up to three minor versions older than kube-apiserver
    // (kubelet < 1.25 may only be up to two minor versions older)".
    let rows = [(34, 31), (28, 25), (27, 25), (26, 24), (25, 23), (1, 0)];
    for (plane, oldest) in rows {
        assert_eq!(oldest_legal(minor(plane)), minor(oldest), "under 1.{plane}");
    }
    assert!(!is_legal(minor(34), minor(33)), "a kubelet is never newer");
    assert!(!is_legal(minor(24), minor(27)), "below 1.25 two at most");
}

#[test]
fn groups_that_walk_together_share_a_name() {
    let name = |names: &[&str]| {
        label(
            &names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>(),
        )
    };
    assert_eq!(name(&["core-a"]), "core-a");
    assert_eq!(name(&["nb-prod-a", "nb-staging-a"]), "nb-*-a (2 groups)");
    assert_eq!(name(&["nb-a", "nb-b", "nb-c"]), "nb-* (3 groups)");
    assert_eq!(name(&["core-a", "nb-a"]), "*-a (2 groups)");
    assert_eq!(name(&["core", "gpu"]), "2 groups");
    assert_eq!(name(&["nb-é-a", "nb-è-a"]), "nb-*-a (2 groups)");
    assert_eq!(name(&["a-a", "a-a-a"]), "a-* (2 groups)");
}

#[test]
fn ranges_are_short() {
    let say = |min, max| {
        range(&DurationRange {
            min,
            typical: min,
            max,
            source: String::new(),
        })
    };
    assert_eq!(say(0, 0), "");
    assert_eq!(say(1800, 1800), "30 min");
    assert_eq!(say(480, 5400), "8–90 min");
    assert_eq!(say(5, 5400), "5 s – 1 h 30 min");
    assert_eq!(say(3600, 86_400), "1–24 h");
    assert_eq!(step_numbers(&[2, 5, 6, 7, 9]), "#2, #5–7 and #9");
}

#[test]
fn every_condition_has_its_own_words() {
    let texts: BTreeSet<String> = conditions().iter().map(condition_in_words).collect();
    assert_eq!(texts.len(), conditions().len());
    assert!(texts.iter().all(|text| text.len() > 10), "{texts:?}");
}

#[test]
fn every_code_has_one_whole_page() {
    let all = codes();
    let distinct: BTreeSet<&str> = all.iter().copied().collect();
    assert_eq!(distinct.len(), all.len());
    for code in all {
        let page = explain_code(&code.to_lowercase()).unwrap_or_default();
        for title in [
            "What it means:",
            "Why it matters:",
            "What to do:",
            "Source:",
        ] {
            assert!(page.contains(title), "{code} lacks `{title}`");
        }
        assert!(!page.contains("  \n"), "{code} has an empty section");
    }
    assert!(explain_code("STW-NOTHING").is_none());
}

#[test]
fn changed_words_are_visible_with_and_without_color() {
    let lines = unified("max: 3\nx\n", "max: 5\nx \n", "live", "git", 3);
    let text = diff_text(&lines, &Look::plain(80));
    assert!(
        text.contains("-max: [-3-]\n") && text.contains("+max: {+5+}\n"),
        "{text}"
    );
    let colored = diff_text(
        &lines,
        &Look {
            color: true,
            ..UNICODE
        },
    );
    assert!(colored.contains("\u{1b}[31;7m3\u{1b}[0m"), "{colored:?}");
}
