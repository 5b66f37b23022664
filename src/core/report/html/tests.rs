use super::planset_html;
use crate::plan::wire::{ClusterError, Partial, PlanSet};
use crate::report::fixtures;

/// The tags of a page whose content a browser would run or load.
const LIVELY: [&str; 6] = [
    "<script",
    "<iframe",
    "<object",
    "<link",
    " src=",
    "javascript:",
];

fn page(set: &PlanSet) -> String {
    let page = planset_html(set);
    assert!(
        page.starts_with("<!doctype html>"),
        "{}",
        &page[..80.min(page.len())]
    );
    assert!(page.trim_end().ends_with("</html>"));
    for lively in LIVELY {
        assert!(!page.contains(lively), "{lively}");
    }
    page
}

#[test]
fn a_set_shows_every_cluster_its_steps_and_its_ladder() {
    let set = fixtures::set(
        vec![
            fixtures::four_hops(),
            fixtures::blocked(),
            fixtures::in_sync("quiet"),
        ],
        true,
    );
    let page = page(&set);
    for plan in &set.clusters {
        assert!(page.contains(&plan.name), "{}", plan.name);
        for step in &plan.steps {
            assert!(
                page.contains(&step.id.replace('/', "&#x2f;")),
                "{}",
                step.id
            );
        }
    }
    assert!(page.contains("<svg"));
    assert!(page.contains("No way back") || page.contains("Every step has a way back."));
}

#[test]
fn what_clusters_are_called_cannot_become_markup() {
    let mut set = fixtures::set(
        vec![
            fixtures::four_hops(),
            fixtures::blocked(),
            fixtures::in_sync("quiet"),
        ],
        true,
    );
    let evil = "<script>alert(1)</script>\u{202e}\u{1b}[31m\"'&";
    for plan in &mut set.clusters {
        plan.name = evil.to_owned();
        plan.wave = Some(evil.to_owned());
        for step in &mut plan.steps {
            step.id = evil.to_owned();
            step.reason = vec![evil.to_owned()];
        }
        for finding in &mut plan.findings {
            finding.message = evil.to_owned();
            finding.source = evil.to_owned();
        }
    }
    set.errors = vec![ClusterError {
        name: evil.to_owned(),
        error: evil.to_owned(),
        hint: Some(evil.to_owned()),
        ..ClusterError::default()
    }];
    set.partial = Some(Partial {
        of: 9,
        by: vec![evil.to_owned()],
        gone: Vec::new(),
    });
    let page = page(&set);
    assert!(page.contains("&lt;script&gt;"));
    // Right-to-left marks and escapes never reach a name.
    let names = page.matches('\u{1b}').count();
    assert_eq!(names, 0, "escape codes reached the page");
}

#[test]
fn a_set_without_plans_is_a_page_as_well() {
    let mut set = fixtures::set(
        vec![
            fixtures::four_hops(),
            fixtures::blocked(),
            fixtures::in_sync("quiet"),
        ],
        true,
    );
    set.clusters.clear();
    let page = page(&set);
    assert!(page.contains("<h1>"));
}

#[test]
fn backticks_become_code_and_hide_no_markup() {
    let rows = [
        ("plain", "plain"),
        ("a `b` c", "a <code>b</code> c"),
        (
            "`<b>` & \"q\"",
            "<code>&lt;b&gt;</code> &amp; &quot;q&quot;",
        ),
        ("one ` alone", "one ` alone"),
        ("`a` and ` b", "<code>a</code> and ` b"),
        ("", ""),
    ];
    for (text, expected) in rows {
        assert_eq!(super::marked(text), expected, "{text}");
    }
}
