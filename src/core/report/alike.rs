//! Errors that many clusters share, said once.

use crate::plan::wire::ClusterError;
use std::collections::BTreeMap;

/// What stands for the name of each cluster in an error that several share.
const EACH: &str = "<cluster>";

/// One error with the clusters that have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alike {
    /// The clusters, in the order in which they failed.
    pub names: Vec<String>,
    /// The error; where several clusters have it, `<cluster>` stands for the name of each.
    pub error: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Returns errors by text: those that differ only in the name of their cluster are one. The order is
/// that of the first cluster of each; the error that most clusters share comes first.
pub fn alike(errors: &[ClusterError]) -> Vec<Alike> {
    let mut places: BTreeMap<(String, Option<String>), usize> = BTreeMap::new();
    let mut found: Vec<(Alike, (String, Option<String>))> = Vec::new();
    for one in errors {
        let shared = |text: &str| without_name(text, &one.name);
        let key = (shared(&one.error), one.hint.as_deref().map(shared));
        if let Some((known, _)) = places.get(&key).and_then(|place| found.get_mut(*place)) {
            known.names.push(one.name.clone());
            continue;
        }
        places.insert(key.clone(), found.len());
        let alone = Alike {
            names: vec![one.name.clone()],
            error: one.error.clone(),
            hint: one.hint.clone(),
        };
        found.push((alone, key));
    }
    let mut all: Vec<Alike> = found
        .into_iter()
        .map(|(mut one, (error, hint))| {
            if one.names.len() > 1 {
                (one.error, one.hint) = (error, hint);
            }
            one
        })
        .collect();
    all.sort_by_key(|one| std::cmp::Reverse(one.names.len()));
    all
}

/// Replaces a name where it is quoted or a part of a path: elsewhere it may be any word.
fn without_name(text: &str, name: &str) -> String {
    if name.is_empty() {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(name) {
        let (before, from) = rest.split_at(at);
        let after = from.get(name.len()..).unwrap_or_default();
        out.push_str(before);
        let opened = out.ends_with(['`', '/', '"', '\'']);
        let closed = after.starts_with(['`', '/', '"', '\'', '.', '@']);
        out.push_str(if opened && closed { EACH } else { name });
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::{ClusterError, alike};

    fn error(name: &str, text: &str) -> ClusterError {
        ClusterError {
            name: name.to_owned(),
            error: text.to_owned(),
            hint: Some(format!("stairway render clusters/{name}.jsonnet")),
            ..ClusterError::default()
        }
    }

    #[test]
    fn errors_that_differ_in_the_name_alone_are_one() {
        let errors = [
            error("a", "a library `lib/a.libsonnet` is missing"),
            error("b", "Rendering `b` failed: no `x` in lib"),
            error("c", "Rendering `c` failed: no `x` in lib"),
            error("d", "Rendering `d` failed: no `y` in lib"),
        ];
        let found = alike(&errors);
        let said: Vec<(String, &str)> = found
            .iter()
            .map(|one| (one.names.join(" "), one.error.as_str()))
            .collect();
        assert_eq!(
            said,
            [
                (
                    "b c".to_owned(),
                    "Rendering `<cluster>` failed: no `x` in lib"
                ),
                ("a".to_owned(), "a library `lib/a.libsonnet` is missing"),
                ("d".to_owned(), "Rendering `d` failed: no `y` in lib"),
            ]
        );
        assert_eq!(
            found[0].hint.as_deref(),
            Some("stairway render clusters/<cluster>.jsonnet")
        );
    }
}
