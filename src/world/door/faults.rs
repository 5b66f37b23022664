//! How the door misbehaves when it is told to: each way in which a network or a server fails a client.

use super::errors::Refusal;
use super::request::{NEVER_MS, Request, Response};
use super::route::{self, Route};
use super::{Door, attributes, auth, discovery};
use stairway_core::model::glob_matches;

/// One way to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// 429 before any effect, with or without `retry-after` in seconds.
    Busy(Option<u32>),
    /// 500, 503 and the like before any effect.
    Unwell(u16),
    /// 500, 503, 504 and the like, and what was asked is done all the same.
    AnswerLost(u16),
    /// 401, whatever the token.
    Expired,
    /// 403, whatever the bindings, in the words of RBAC.
    Forbidden,
    /// 409 before any effect, as if somebody else had written in between.
    Conflict,
    /// The connection breaks before any effect.
    Dropped,
    /// 410: what was asked for is older than the history.
    Gone,
    /// The connection breaks after this many bytes of the body, or before this many events of a watch are over.
    Cut(usize),
    /// The connection breaks in the middle of the body.
    HalfPage,
    /// The body ends in the middle, and the head says that this is all of it, as from a proxy that gave up.
    Truncated,
    /// What was asked is done, and no answer ever comes; see [`super::NEVER_MS`].
    NeverAnswers,
    /// The first byte comes after this many milliseconds.
    Slow(u64),
    /// Reads tell what was true this many resourceVersions ago, as a cache that lags does.
    Stale(u64),
}

/// When the door fails in which way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoorFault {
    /// A method, or any.
    pub method: Option<String>,
    /// A glob on the path; `*` runs over slashes.
    pub path: String,
    /// Only watches, or everything but watches; none for both.
    pub watches: Option<bool>,
    /// How many requests that fit go well first.
    pub after: u32,
    /// How many fail then; 0 means all.
    pub times: u32,
    /// What happens.
    pub trouble: Trouble,
}

impl DoorFault {
    /// Returns a fault of every request to a path.
    pub fn of(path: &str, trouble: Trouble) -> Self {
        Self {
            method: None,
            path: path.to_owned(),
            watches: None,
            after: 0,
            times: 0,
            trouble,
        }
    }

    /// Returns the same for one method.
    #[must_use]
    pub fn on(mut self, method: &str) -> Self {
        self.method = Some(method.to_owned());
        self
    }

    /// Returns the same for watches only, or for everything but watches.
    #[must_use]
    pub const fn of_watches(mut self, watches: bool) -> Self {
        self.watches = Some(watches);
        self
    }

    /// Returns the same for the first `times` requests only.
    #[must_use]
    pub const fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// Returns the same after `requests` that go well.
    #[must_use]
    pub const fn after(mut self, requests: u32) -> Self {
        self.after = requests;
        self
    }

    fn fits(&self, request: &Request) -> bool {
        self.method
            .as_ref()
            .is_none_or(|method| *method == request.method)
            && glob_matches(&self.path, &request.path)
            && self
                .watches
                .is_none_or(|watches| watches == request.flag("watch"))
    }
}

impl Door {
    /// Switches a fault on, until it has struck as often as it says or [`Door::heal`] is called.
    pub fn strike(&mut self, fault: DoorFault) {
        self.faults.push(fault);
    }

    /// Switches all faults off.
    pub fn heal(&mut self) {
        self.faults.clear();
    }

    /// Returns what strikes a request, and counts it; every fault that fits counts, the first ripe one strikes.
    pub(crate) fn trouble_of(&mut self, request: &Request) -> Option<Trouble> {
        let mut strikes = None;
        self.faults.retain_mut(|fault| {
            if !fault.fits(request) {
                return true;
            }
            if fault.after > 0 {
                fault.after -= 1;
                return true;
            }
            if strikes.is_some() {
                return true;
            }
            strikes = Some(fault.trouble);
            match fault.times {
                0 => true,
                1 => false,
                more => {
                    fault.times = more - 1;
                    true
                }
            }
        });
        strikes
    }

    /// Returns the refusal of what is refused before any effect.
    pub(crate) fn refusal_of(&self, trouble: Trouble, request: &Request) -> Option<Refusal> {
        match trouble {
            Trouble::Busy(retry) => Some(Refusal::busy(retry)),
            Trouble::Unwell(code) => Some(Refusal::unwell(code)),
            Trouble::Expired => Some(Refusal::unauthorized()),
            Trouble::Forbidden => Some(self.denial(request)),
            Trouble::Conflict => Some(conflict(request)),
            // Of this answer nothing but a promise leaves.
            Trouble::Dropped => Some(Refusal::unwell(503)),
            Trouble::Gone => {
                let asked = request
                    .param("resourceVersion")
                    .and_then(|v| v.parse().ok());
                let asked: u64 = asked.unwrap_or(1);
                Some(Refusal::too_old(asked, self.revision().max(asked + 1)))
            }
            Trouble::AnswerLost(_)
            | Trouble::Cut(_)
            | Trouble::HalfPage
            | Trouble::Truncated
            | Trouble::NeverAnswers
            | Trouble::Slow(_)
            | Trouble::Stale(_) => None,
        }
    }

    fn denial(&self, request: &Request) -> Refusal {
        match (self.authority.caller(request), route::route(&request.path)) {
            (Err(refusal), _) => refusal,
            (Ok(caller), Route::Plain) => {
                auth::denied_path(&caller, discovery::verb_of(request), &request.path)
            }
            (Ok(caller), Route::Resource(target)) => {
                auth::denied(&caller, &attributes(request, &target))
            }
        }
    }
}

impl Trouble {
    /// Spoils an answer.
    pub(crate) fn spoil(self, response: &mut Response) {
        match self {
            Self::AnswerLost(code) => *response = Refusal::unwell(code).response(),
            Self::Cut(bytes) => response.cut_after = Some(bytes),
            Self::Dropped => response.cut_after = Some(0),
            Self::HalfPage => response.cut_after = Some(response.body.len() / 2),
            Self::Slow(milliseconds) => {
                response.delay_ms = response.delay_ms.saturating_add(milliseconds)
            }
            Self::Truncated => response.body.truncate(response.body.len() / 2),
            Self::NeverAnswers => response.delay_ms = NEVER_MS,
            Self::Busy(_)
            | Self::Unwell(_)
            | Self::Expired
            | Self::Forbidden
            | Self::Conflict
            | Self::Gone
            | Self::Stale(_) => {}
        }
    }
}

fn conflict(request: &Request) -> Refusal {
    const WHY: &str = "the object has been modified; please apply your changes to the latest version and try again";
    let Route::Resource(target) = route::route(&request.path) else {
        return Refusal::no_method();
    };
    match target.kind() {
        Some(kind) => Refusal::conflict(kind, target.name(), WHY),
        None => Refusal::no_resource(),
    }
}
