//! The faults of the two matrices: what goes wrong, and in which words the tables tell it.

use stairway_world::door::{Asked, DoorFault, Trouble};
use std::collections::BTreeMap;

/// A way in which a network or a server fails its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    Forbidden,
    Expired,
    Busy,
    BusyForAnHour,
    Conflict,
    Forgotten,
    InternalError,
    Unavailable,
    AnswerLost,
    Dropped,
    CutAfterEffect,
    CutMidBody,
    HalfJson,
    Slow,
    NeverAnswers,
    Stale,
    WrongAuthority,
    NewerServer,
}

/// Of every read.
pub(super) const OF_READS: [Fault; 17] = [
    Fault::Forbidden,
    Fault::Expired,
    Fault::Busy,
    Fault::BusyForAnHour,
    Fault::Forgotten,
    Fault::InternalError,
    Fault::Unavailable,
    Fault::AnswerLost,
    Fault::Dropped,
    Fault::CutAfterEffect,
    Fault::CutMidBody,
    Fault::HalfJson,
    Fault::Slow,
    Fault::NeverAnswers,
    Fault::Stale,
    Fault::WrongAuthority,
    Fault::NewerServer,
];

/// Of every request of what writes.
pub(super) const OF_WRITES: [Fault; 14] = [
    Fault::Forbidden,
    Fault::Expired,
    Fault::Busy,
    Fault::BusyForAnHour,
    Fault::Conflict,
    Fault::InternalError,
    Fault::Unavailable,
    Fault::AnswerLost,
    Fault::Dropped,
    Fault::CutAfterEffect,
    Fault::CutMidBody,
    Fault::HalfJson,
    Fault::Slow,
    Fault::NeverAnswers,
];

impl Fault {
    /// How the door does it; none for what is no fault of one request.
    pub(super) fn trouble(self) -> Option<Trouble> {
        match self {
            Self::Forbidden => Some(Trouble::Forbidden),
            Self::Expired => Some(Trouble::Expired),
            Self::Busy => Some(Trouble::Busy(None)),
            Self::BusyForAnHour => Some(Trouble::Busy(Some(3600))),
            Self::Conflict => Some(Trouble::Conflict),
            Self::Forgotten => Some(Trouble::Gone),
            Self::InternalError => Some(Trouble::Unwell(500)),
            Self::Unavailable => Some(Trouble::Unwell(503)),
            Self::AnswerLost => Some(Trouble::AnswerLost(504)),
            Self::Dropped => Some(Trouble::Dropped),
            Self::CutAfterEffect => Some(Trouble::Cut(0)),
            Self::CutMidBody => Some(Trouble::HalfPage),
            Self::HalfJson => Some(Trouble::Truncated),
            Self::Slow => Some(Trouble::Slow(3_600_000)),
            Self::NeverAnswers => Some(Trouble::NeverAnswers),
            Self::Stale => Some(Trouble::Stale(3)),
            Self::WrongAuthority | Self::NewerServer => None,
        }
    }

    /// True for what only a limit of time ends.
    pub(super) const fn is_silence(self) -> bool {
        matches!(self, Self::Slow | Self::NeverAnswers)
    }

    /// True for what another try of a request that does nothing twice gets over, when it strikes once.
    pub(super) const fn passes(self) -> bool {
        matches!(
            self,
            Self::Busy
                | Self::BusyForAnHour
                | Self::InternalError
                | Self::Unavailable
                | Self::AnswerLost
                | Self::Dropped
                | Self::CutAfterEffect
                | Self::CutMidBody
        )
    }
}

/// A kind of request, as the server saw it: verb and `group/resource`, or verb and path.
pub(super) type Kind = (String, String);

/// Returns the kinds among these requests, each with the first of it.
pub(super) fn kinds(asked: &[Asked]) -> BTreeMap<Kind, Asked> {
    let mut found = BTreeMap::new();
    for one in asked {
        let what = match (one.path.as_str(), one.group.as_str()) {
            ("", "") => one.resource.clone(),
            ("", group) => format!("{group}/{}", one.resource),
            (path, _) => path.to_owned(),
        };
        found
            .entry((one.verb.clone(), what))
            .or_insert_with(|| one.clone());
    }
    found
}

/// Returns the fault that strikes all requests of the kind of this one.
pub(super) fn on_kind(asked: &Asked, trouble: Trouble) -> DoorFault {
    if !asked.path.is_empty() {
        return DoorFault::of(&asked.path, trouble);
    }
    let root = match asked.group.as_str() {
        "" => "/api/v1".to_owned(),
        group => format!("/apis/{group}/v1"),
    };
    let within = match asked.namespace.as_str() {
        "" => String::new(),
        namespace => format!("/namespaces/{namespace}"),
    };
    let (plural, sub) = asked
        .resource
        .split_once('/')
        .unwrap_or((&asked.resource, ""));
    let (method, name) = match asked.verb.as_str() {
        "list" | "watch" => ("GET", ""),
        "get" => ("GET", "/*"),
        "patch" => ("PATCH", "/*"),
        "update" => ("PUT", "/*"),
        "create" if sub.is_empty() => ("POST", ""),
        "create" => ("POST", "/*/"),
        other => panic!("{other} is no verb of stairway"),
    };
    let path = format!("{root}{within}/{plural}{name}{sub}");
    DoorFault::of(&path, trouble)
        .on(method)
        .of_watches(asked.verb == "watch")
}

/// Prints a table: rows are kinds of requests, and each cell counts.
#[expect(clippy::print_stdout, reason = "`--nocapture` shows what was covered")]
pub(super) fn print(title: &str, cells: &BTreeMap<(String, Fault), usize>) {
    println!("{title}");
    let mut rows: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for ((row, fault), count) in cells {
        rows.entry(row)
            .or_default()
            .push(format!("{fault:?}:{count}"));
    }
    for (row, cells) in &rows {
        println!("  {row:55} {}", cells.join(" "));
    }
    println!("  {} kinds of requests, {} cells", rows.len(), cells.len());
}
