//! The report as an XML reader takes it: well formed, of the schema's shape, with counts that add up.
//!
//! No crate here reads XML, and what we write needs little of it: elements, attributes between double
//! quotes, text, the five entities. The reader below takes that and nothing else.

use super::super::tests::{cluster, finding, hostile_report, mixed, waived};
use super::super::{CheckReport, check_junit};
use crate::plan::wire::Severity;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Default)]
struct Element {
    name: String,
    attributes: BTreeMap<String, String>,
    children: Vec<Element>,
    text: String,
}

impl Element {
    fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }

    fn number(&self, name: &str) -> Result<usize, String> {
        let number = self.attribute(name).parse();
        number.map_err(|_| format!("`{name}` of <{}> is no number", self.name))
    }

    /// How many children have a child called `name`.
    fn with(&self, name: &str) -> usize {
        let has = |one: &&Self| one.children.iter().any(|inner| inner.name == name);
        self.children.iter().filter(has).count()
    }
}

/// Reads one document. The rules are those of XML 1.0, fifth edition.
fn read(text: &str) -> Result<Element, String> {
    if let Some(sign) = text.chars().find(|sign| !is_legal(*sign)) {
        return Err(format!("XML cannot hold {sign:?}"));
    }
    let mut rest = text;
    take(&mut rest, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")?;
    let root = element(&mut rest)?;
    if rest.trim().is_empty() {
        Ok(root)
    } else {
        Err(format!("behind the root: {rest}"))
    }
}

/// Production 2: what a document may hold at all.
const fn is_legal(sign: char) -> bool {
    matches!(sign, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

fn take(rest: &mut &str, wanted: &str) -> Result<(), String> {
    let Some(behind) = rest.strip_prefix(wanted) else {
        return Err(format!("`{wanted}` is missing at `{rest:.40}`"));
    };
    *rest = behind;
    Ok(())
}

fn name(rest: &mut &str) -> Result<String, String> {
    let end = rest.find(|sign: char| !(sign.is_ascii_lowercase() || sign == '-'));
    let (name, behind) = rest.split_at(end.unwrap_or(rest.len()));
    *rest = behind;
    if name.is_empty() {
        return Err(format!("a name is missing at `{rest:.40}`"));
    }
    Ok(name.to_owned())
}

fn element(rest: &mut &str) -> Result<Element, String> {
    take(rest, "<")?;
    let mut own = Element {
        name: name(rest)?,
        ..Element::default()
    };
    loop {
        if take(rest, "/>").is_ok() {
            return Ok(own);
        }
        if take(rest, ">").is_ok() {
            break;
        }
        take(rest, " ")?;
        let key = name(rest)?;
        take(rest, "=\"")?;
        let value = up_to('"', rest)?;
        take(rest, "\"")?;
        if value.contains(['<', '\n', '\t']) {
            return Err(format!("`{key}` holds what an attribute loses: {value}"));
        }
        if own.attributes.insert(key.clone(), plain(value)?).is_some() {
            return Err(format!("<{}> has `{key}` twice", own.name));
        }
    }
    loop {
        let text = up_to('<', rest)?;
        if text.contains("]]>") {
            return Err("`]]>` stands in text".to_owned());
        }
        own.text.push_str(&plain(text)?);
        if take(rest, "</").is_ok() {
            let closed = name(rest)?;
            take(rest, ">")?;
            if closed == own.name {
                return Ok(own);
            }
            return Err(format!("</{closed}> closes <{}>", own.name));
        }
        own.children.push(element(rest)?);
    }
}

fn up_to<'t>(end: char, rest: &mut &'t str) -> Result<&'t str, String> {
    let place = rest.find(end).ok_or(format!("`{end}` never comes"))?;
    let (before, behind) = rest.split_at(place);
    *rest = behind;
    Ok(before)
}

/// Reads the entities; a `&` that begins none is an error.
fn plain(text: &str) -> Result<String, String> {
    let entities = [
        ("&amp;", '&'),
        ("&lt;", '<'),
        ("&gt;", '>'),
        ("&quot;", '"'),
        ("&apos;", '\''),
    ];
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, _)) = rest.split_once('&') {
        out.push_str(before);
        rest = &rest[before.len()..];
        let known = entities
            .iter()
            .find(|(entity, _)| take(&mut rest, entity).is_ok());
        let (_, sign) = known.ok_or(format!("no entity begins at `{rest:.10}`"))?;
        out.push(*sign);
    }
    Ok(out + rest)
}

/// Element, its children in the order in which they stand, what it must say, what it may say.
type Shape = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
    &'static [&'static str],
);

/// The schema by which Jenkins reads reports (`junit-10.xsd` of its xUnit plugin, quoted for `testcase`
/// in pytest's documentation of `record_xml_attribute`; looked up on 2026-11-20), as far as we write
/// it. `file` of a case is of the older family, which GitLab reads; `skipped` is optional there.
const SHAPES: [Shape; 7] = [
    (
        "testsuites",
        &["testsuite"],
        &[],
        &["name", "tests", "failures", "errors"],
    ),
    (
        "testsuite",
        &["testcase"],
        &["name", "tests", "failures", "errors"],
        &["skipped"],
    ),
    (
        "testcase",
        &["skipped", "error", "failure", "system-out"],
        &["name"],
        &["classname", "file"],
    ),
    ("skipped", &[], &[], &["message"]),
    ("error", &[], &[], &["message", "type"]),
    ("failure", &[], &[], &["message", "type"]),
    ("system-out", &[], &[], &[]),
];

fn check_shape(element: &Element) -> Result<(), String> {
    let name = element.name.as_str();
    let shape = SHAPES.iter().find(|(known, ..)| *known == name);
    let (_, children, must, may) = shape.ok_or(format!("<{name}> is unknown"))?;
    if let Some(missing) = must.iter().find(|key| element.attribute(key).is_empty()) {
        return Err(format!("<{name}> lacks `{missing}`"));
    }
    let known = |key: &String| must.iter().chain(*may).any(|one| one == key);
    if let Some(other) = element.attributes.keys().find(|key| !known(key)) {
        return Err(format!("<{name}> has `{other}`"));
    }
    let mut last = 0;
    for child in &element.children {
        let place = children.iter().position(|one| *one == child.name);
        let place = place.ok_or(format!("<{}> stands in <{name}>", child.name))?;
        if place < last {
            return Err(format!("<{}> comes too late in <{name}>", child.name));
        }
        last = place;
        check_shape(child)?;
    }
    let holds_elements = !children.is_empty();
    if holds_elements && !element.text.trim().is_empty() {
        return Err(format!("<{name}> has text: {}", element.text));
    }
    Ok(())
}

/// Every count is the number of what it counts, and a case has one outcome and a name of its own.
fn check_counts(root: &Element) -> Result<(), String> {
    for (attribute, outcome) in [
        ("failures", "failure"),
        ("errors", "error"),
        ("skipped", "skipped"),
    ] {
        let mut total = 0;
        for suite in &root.children {
            let (told, found) = (suite.number(attribute)?, suite.with(outcome));
            if told != found {
                return Err(format!(
                    "{attribute}: {told} are told and {found} are there"
                ));
            }
            total += found;
        }
        if attribute != "skipped" && root.number(attribute)? != total {
            return Err(format!("{attribute}: the suites have {total}"));
        }
    }
    let total: usize = root.children.iter().map(|suite| suite.children.len()).sum();
    if root.number("tests")? != total {
        return Err(format!("tests: the suites have {total}"));
    }
    for suite in &root.children {
        if suite.number("tests")? != suite.children.len() {
            return Err(format!("tests: {} has others", suite.attribute("name")));
        }
        let mut names = BTreeSet::new();
        for case in &suite.children {
            let outcomes = case.children.iter().filter(|one| one.name != "system-out");
            let own = case.attribute("classname") == suite.attribute("name");
            if outcomes.count() > 1 || !own || !names.insert(case.attribute("name")) {
                return Err(format!(
                    "the case {} is not one case",
                    case.attribute("name")
                ));
            }
        }
    }
    Ok(())
}

fn taken(text: &str) -> Result<Element, String> {
    let root = read(text)?;
    if root.name != "testsuites" {
        return Err(format!("the root is <{}>", root.name));
    }
    check_shape(&root)?;
    check_counts(&root)?;
    Ok(root)
}

#[test]
fn reports_are_of_the_schema_and_their_counts_add_up() {
    let one = finding(Severity::Blocking, "STW-R8-PDB", "nodegroup core-a");
    let rows = [
        ("one of everything", mixed()),
        ("hostile names", hostile_report()),
        ("no cluster", CheckReport::of(vec![], vec![], 0)),
        (
            "nothing found",
            CheckReport::of(vec![cluster("calm", vec![])], vec![], 0),
        ),
        (
            "the same finding twice",
            CheckReport::of(
                vec![cluster("busy", vec![one.clone(), one.clone()])],
                vec![],
                3,
            ),
        ),
        (
            "a waiver for what nobody can waive",
            CheckReport::of(
                vec![cluster(
                    "busy",
                    vec![
                        waived(finding(Severity::Mandatory, "STW-R1", "x")),
                        waived(one),
                    ],
                )],
                vec![],
                3,
            ),
        ),
    ];
    for (what, report) in rows {
        let text = check_junit(&report);
        let root = taken(&text).unwrap_or_else(|why| panic!("{what}: {why}\n{text}"));
        assert_eq!(
            root.children.len(),
            report.clusters.len() + report.errors.len(),
            "{what}"
        );
        let blocking = root.number("failures").expect("a number");
        assert_eq!(
            Ok(report.summary.blocking),
            u32::try_from(blocking),
            "{what}"
        );
    }
}

#[test]
fn what_was_written_is_what_is_read() {
    let root = taken(&check_junit(&hostile_report())).expect("a report");
    let suite = &root.children[0];
    assert_eq!(
        suite.attribute("name"),
        "a\u{fffd}[2J<b>&\"'\u{fffd}]]>\u{fffd}\u{fffd} ::error::x"
    );
    let failure = &suite.children[1].children[0];
    assert!(
        failure
            .text
            .contains("<b>&\"'\u{fffd}]]>\u{fffd}\u{fffd}\n::error::x is not as it should be"),
        "{}",
        failure.text
    );
}

/// A reader that takes everything proves nothing.
#[test]
fn what_is_no_report_is_refused() {
    let whole = check_junit(&mixed());
    taken(&whole).expect("a report");
    let rows = [
        ("</testsuites>", "", "never comes"),
        ("</testsuites>", "</testsuites><x/>", "behind the root"),
        ("</testcase>", "</testsuite>", "closes"),
        ("name=\"quiet\"", "name=quiet", "is missing"),
        ("name=\"quiet\"", "name=\"a&b\"", "no entity"),
        ("name=\"quiet\"", "name=\"a<b\"", "attribute loses"),
        ("name=\"quiet\"", "name=\"quiet\" name=\"x\"", "twice"),
        ("name=\"quiet\"", "name=\"\u{b}\"", "cannot hold"),
        ("Do: Mend it.", "]]>", "stands in text"),
        ("<testsuite name=\"quiet\"", "<testsuite", "lacks `name`"),
        (
            "<testsuite name=\"quiet\"",
            "<testsuite name=\"quiet\" rows=\"1\"",
            "has `rows`",
        ),
        ("<failure", "<x/><failure", "stands in"),
        ("<failure", "<system-out/><failure", "comes too late"),
        ("<testcase", "words<testcase", "has text"),
        ("failures=\"2\"", "failures=\"3\"", "failures"),
        ("tests=\"1\"", "tests=\"2\"", "tests"),
        ("classname=\"quiet\"", "classname=\"other\"", "not one case"),
    ];
    for (from, to, said) in rows {
        let broken = whole.replacen(from, to, 1);
        assert_ne!(broken, whole, "{from}");
        let why = taken(&broken).expect_err(to);
        assert!(why.contains(said), "{from} -> {to}: {why}");
    }
}
