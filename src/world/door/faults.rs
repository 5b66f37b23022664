//! How the door misbehaves when it is told to: each way in which a network or a server fails a client.

use super::Door;
use super::errors::Refusal;
use super::request::{Request, Response};
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
    /// The connection breaks after this many bytes of the body, or before this many events of a watch are over.
    Cut(usize),
    /// The connection breaks in the middle of the body.
    HalfPage,
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
}

impl Trouble {
    /// Returns the refusal of what is refused before any effect.
    pub(crate) fn refusal(self) -> Option<Refusal> {
        match self {
            Self::Busy(retry) => Some(Refusal::busy(retry)),
            Self::Unwell(code) => Some(Refusal::unwell(code)),
            Self::Expired => Some(Refusal::unauthorized()),
            Self::AnswerLost(_)
            | Self::Cut(_)
            | Self::HalfPage
            | Self::Slow(_)
            | Self::Stale(_) => None,
        }
    }

    /// Spoils an answer.
    pub(crate) fn spoil(self, response: &mut Response) {
        match self {
            Self::AnswerLost(code) => *response = Refusal::unwell(code).response(),
            Self::Cut(bytes) => response.cut_after = Some(bytes),
            Self::HalfPage => response.cut_after = Some(response.body.len() / 2),
            Self::Slow(milliseconds) => response.delay_ms += milliseconds,
            Self::Busy(_) | Self::Unwell(_) | Self::Expired | Self::Stale(_) => {}
        }
    }
}
