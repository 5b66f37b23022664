//! Label and field selectors.

use super::errors::Refusal;
use super::kinds::Kind;
use serde_json::Value;
use std::collections::BTreeSet;

/// Which objects of a kind are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<(String, bool, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    In(BTreeSet<String>),
    NotIn(BTreeSet<String>),
    Exists,
    Missing,
    Above(i64),
    Below(i64),
}

/// Fields that can be selected beside `metadata.name` and `metadata.namespace`, by plural.
const FIELDS: [(&str, &[&str]); 5] = [
    (
        "pods",
        &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ],
    ),
    ("nodes", &["spec.unschedulable"]),
    ("namespaces", &["status.phase"]),
    ("secrets", &["type"]),
    (
        "events",
        &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
    ),
];

impl Selector {
    /// Reads both selectors of a request.
    pub(crate) fn read(kind: &Kind, labels: &str, fields: &str) -> Result<Self, Refusal> {
        let wrong =
            |why: String| Refusal::bad_request(format!("unable to parse requirement: {why}"));
        let mut selector = Self::default();
        for term in terms(labels) {
            selector.labels.push(requirement(&term).map_err(wrong)?);
        }
        for term in fields.split(',').filter(|term| !term.is_empty()) {
            let (field, equal, value) = field_term(term).ok_or_else(|| {
                Refusal::bad_request(format!(
                    "invalid selector: '{fields}'; can't understand '{term}'"
                ))
            })?;
            let common = matches!(field, "metadata.name" | "metadata.namespace");
            let own = FIELDS.iter().find(|(plural, _)| *plural == kind.plural);
            if !common && !own.is_some_and(|(_, list)| list.contains(&field)) {
                let why = format!("field label not supported: {field}");
                return Err(Refusal::bad_request(why));
            }
            selector
                .fields
                .push((field.to_owned(), equal, value.to_owned()));
        }
        Ok(selector)
    }

    /// Returns a selector of labels as a `LabelSelector` says it; an empty one matches everything.
    pub(crate) fn of_object(value: &Value) -> Self {
        let mut labels = Vec::new();
        let equal = value["matchLabels"].as_object();
        for (key, value) in equal.into_iter().flatten() {
            let one = value.as_str().unwrap_or_default().to_owned();
            let test = Test::In(BTreeSet::from([one]));
            labels.push(Requirement {
                key: key.clone(),
                test,
            });
        }
        let expressions = value["matchExpressions"].as_array();
        for term in expressions.into_iter().flatten() {
            let values = term["values"].as_array().into_iter().flatten();
            let values = values
                .filter_map(|v| v.as_str().map(str::to_owned))
                .collect();
            let test = match term["operator"].as_str() {
                Some("In") => Test::In(values),
                Some("NotIn") => Test::NotIn(values),
                Some("DoesNotExist") => Test::Missing,
                Some(_) | None => Test::Exists,
            };
            let key = term["key"].as_str().unwrap_or_default().to_owned();
            labels.push(Requirement { key, test });
        }
        Self {
            labels,
            fields: Vec::new(),
        }
    }

    /// Returns true when it selects everything.
    pub(crate) const fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// Returns true for an object that it selects.
    pub(crate) fn matches(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        self.labels.iter().all(|one| one.holds(labels))
            && self
                .fields
                .iter()
                .all(|(path, equal, value)| (field(object, path) == *value) == *equal)
    }
}

impl Requirement {
    fn holds(&self, labels: &Value) -> bool {
        let has = labels.get(&self.key).and_then(Value::as_str);
        let number = || has.and_then(|text| text.parse::<i64>().ok());
        match &self.test {
            Test::In(values) => has.is_some_and(|value| values.contains(value)),
            Test::NotIn(values) => !has.is_some_and(|value| values.contains(value)),
            Test::Exists => has.is_some(),
            Test::Missing => has.is_none(),
            Test::Above(bound) => number().is_some_and(|n| n > *bound),
            Test::Below(bound) => number().is_some_and(|n| n < *bound),
        }
    }
}

/// Splits at commas that are in no brackets.
fn terms(text: &str) -> Vec<String> {
    let (mut found, mut depth, mut term) = (Vec::new(), 0_u32, String::new());
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                found.push(std::mem::take(&mut term));
                continue;
            }
            _ => {}
        }
        term.push(c);
    }
    found.push(term);
    found.retain(|term| !term.trim().is_empty());
    found
}

fn requirement(term: &str) -> Result<Requirement, String> {
    let term = term.trim();
    let one = |value: &str| BTreeSet::from([value.trim().to_owned()]);
    let (key, test) = if let Some(key) = term.strip_prefix('!') {
        (key, Test::Missing)
    } else if let Some((key, value)) = term.split_once("!=") {
        (key, Test::NotIn(one(value)))
    } else if let Some((key, value)) = term.split_once("==").or_else(|| term.split_once('=')) {
        (key, Test::In(one(value)))
    } else if let Some((key, rest)) = term.split_once('(') {
        let values = rest.trim_end().strip_suffix(')');
        let values = values.ok_or_else(|| format!("found '{term}', expected: ')'"))?;
        let values = values.split(',').map(|v| v.trim().to_owned()).collect();
        let words: Vec<&str> = key.split_whitespace().collect();
        match words.as_slice() {
            [key, "in"] => (*key, Test::In(values)),
            [key, "notin"] => (*key, Test::NotIn(values)),
            _ => return Err(format!("found '{term}', expected: in, notin")),
        }
    } else if let Some((key, bound)) = term.split_once('>') {
        (key, Test::Above(whole(bound)?))
    } else if let Some((key, bound)) = term.split_once('<') {
        (key, Test::Below(whole(bound)?))
    } else {
        (term, Test::Exists)
    };
    let key = key.trim();
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    if key.is_empty() || !key.chars().all(fits) {
        return Err(format!("found '{term}', expected: a label key"));
    }
    Ok(Requirement {
        key: key.to_owned(),
        test,
    })
}

fn whole(text: &str) -> Result<i64, String> {
    let number = text.trim().parse();
    number.map_err(|_| format!("for 'Gt', 'Lt' operators, the value must be an integer: {text}"))
}

fn field_term(term: &str) -> Option<(&str, bool, &str)> {
    if let Some((field, value)) = term.split_once("!=") {
        return Some((field, false, value));
    }
    let (field, value) = term.split_once("==").or_else(|| term.split_once('='))?;
    Some((field, true, value))
}

fn field(object: &Value, path: &str) -> String {
    let mut at = object;
    for part in path.split('.') {
        at = &at[part];
    }
    if let Some(text) = at.as_str() {
        return text.to_owned();
    }
    match at.as_bool() {
        Some(flag) => flag.to_string(),
        // A flag that is not set is false, a text is empty.
        None if path == "spec.unschedulable" => "false".to_owned(),
        None => String::new(),
    }
}
