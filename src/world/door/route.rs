//! Paths: what they name.

use super::kinds::{self, Kind, VERSION};

/// What a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// No resource: discovery, health, version, metrics.
    Plain,
    /// A resource, served or not.
    Resource(Target),
}

/// A resource as a path names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) plural: String,
    /// Empty at the cluster scope and over all namespaces.
    pub(crate) namespace: String,
    pub(crate) name: Option<String>,
    pub(crate) sub: Option<String>,
}

impl Target {
    /// Returns the kind, when this version of it is served.
    pub(crate) fn kind(&self) -> Option<&'static Kind> {
        kinds::find(&self.group, &self.plural).filter(|_| self.version == VERSION)
    }

    pub(crate) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }
}

/// Reads a path.
pub(crate) fn route(path: &str) -> Route {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let (group, version, rest) = match parts.as_slice() {
        ["api", version, rest @ ..] if !rest.is_empty() => ("", *version, rest),
        ["apis", group, version, rest @ ..] if !rest.is_empty() => (*group, *version, rest),
        _ => return Route::Plain,
    };
    let mut target = Target {
        group: group.to_owned(),
        version: version.to_owned(),
        ..Target::default()
    };
    let rest = match rest {
        ["namespaces", namespace, more @ ..]
            if !more.is_empty() && !matches!(more, ["status" | "finalize"]) =>
        {
            target.namespace = (*namespace).to_owned();
            more
        }
        rest => rest,
    };
    let mut rest = rest.iter();
    target.plural = rest
        .next()
        .map_or_else(String::new, |part| (*part).to_owned());
    target.name = rest.next().map(|part| (*part).to_owned());
    let sub: Vec<&str> = rest.copied().collect();
    target.sub = (!sub.is_empty()).then(|| sub.join("/"));
    // The authorizer sees a namespace as being inside itself.
    if target.plural == "namespaces" && target.group.is_empty() {
        target.namespace = target.name.clone().unwrap_or_default();
    }
    Route::Resource(target)
}
