//! Why a call to the Kubernetes API did not give what was asked for.

use serde_json::Value;
use stairway_core::plan::wire::Failure;

/// What went wrong, as far as a caller must tell it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// No connection: nothing was sent.
    Unreachable,
    /// The server is not who it should be, or does not take our certificate.
    Identity,
    /// The credentials are not taken (401), or none could be had.
    Unauthorized,
    /// We may not (403).
    Forbidden,
    /// There is no such object or path (404).
    NotFound,
    /// A version or page that the server has forgotten (410).
    Gone,
    /// The object changed meanwhile, or a precondition failed (409, `Conflict`).
    Conflict,
    /// The name is taken (409, `AlreadyExists`).
    AlreadyExists,
    /// A disruption budget forbids the eviction (429 with the cause `DisruptionBudget`).
    Budget,
    /// Too many requests (429).
    Throttled,
    /// The server does not take the request (other 4xx).
    Refused,
    /// The server failed (5xx).
    Server,
    /// No answer, or not all of it, within the time.
    Timeout,
    /// The connection broke before the answer was whole.
    Cut,
    /// The answer is not what the API promises: no JSON, half of it, another kind.
    Garbled,
    /// The answer is larger than we take.
    TooLarge,
    /// The server answers with what was true earlier than what it told us before.
    Stale,
}

/// A call that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallError {
    /// What was attempted: `Listing pods of \`harbor\``.
    pub attempt: String,
    /// What went wrong.
    pub trouble: Trouble,
    /// The HTTP status, when there was an answer.
    pub status: Option<u16>,
    /// In words: the server's message, or the transport's.
    pub message: String,
    /// After how many seconds the server wants to be asked again.
    pub retry_after: Option<u32>,
    /// Messages of the causes that the server gave.
    pub causes: Vec<String>,
    /// How kubectl reaches the same cluster, for hints: `kubectl --kubeconfig FILE --context NAME`.
    pub kubectl: String,
}

impl std::fmt::Display for CallError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} failed: {}", self.attempt, self.reason())
    }
}

impl std::error::Error for CallError {}

impl CallError {
    /// Returns why it failed, without what was attempted: the same words for all calls that fail alike.
    pub fn reason(&self) -> String {
        let mut text = match self.status {
            Some(status) => format!("the API server answered {status}: {}", self.message),
            None => self.message.clone(),
        };
        for cause in self.causes.iter().filter(|cause| **cause != self.message) {
            text.push_str("; ");
            text.push_str(cause);
        }
        text
    }

    /// Returns true when a change that was asked for may have happened all the same.
    pub const fn in_doubt(&self) -> bool {
        match self.trouble {
            Trouble::Timeout
            | Trouble::Cut
            | Trouble::Garbled
            | Trouble::TooLarge
            | Trouble::Server => true,
            Trouble::Unreachable
            | Trouble::Identity
            | Trouble::Unauthorized
            | Trouble::Forbidden
            | Trouble::NotFound
            | Trouble::Gone
            | Trouble::Conflict
            | Trouble::AlreadyExists
            | Trouble::Budget
            | Trouble::Throttled
            | Trouble::Refused
            | Trouble::Stale => false,
        }
    }

    /// Returns true when the API server could not be reached or did not answer: an outage, not an answer.
    pub const fn is_outage(&self) -> bool {
        matches!(
            self.trouble,
            Trouble::Unreachable | Trouble::Timeout | Trouble::Cut | Trouble::Server
        )
    }

    /// Returns what kind of failure it is where the cluster was to be read: a server that is another one is refused,
    /// and one that does not answer, or not to us, leaves facts unread.
    pub const fn failure(&self) -> Failure {
        match self.trouble {
            Trouble::Identity => Failure::Refused,
            Trouble::Unreachable
            | Trouble::Unauthorized
            | Trouble::Throttled
            | Trouble::Server
            | Trouble::Timeout
            | Trouble::Cut
            | Trouble::Garbled
            | Trouble::TooLarge
            | Trouble::Stale
            | Trouble::Gone
            | Trouble::Forbidden => Failure::Unread,
            Trouble::NotFound
            | Trouble::Conflict
            | Trouble::AlreadyExists
            | Trouble::Budget
            | Trouble::Refused => Failure::Error,
        }
    }

    /// Returns what to do about it, as a command where there is one.
    pub fn hint(&self) -> Option<String> {
        let kubectl = &self.kubectl;
        match self.trouble {
            Trouble::Forbidden => Some(format!(
                "`{kubectl} auth can-i --list` shows what the identity may do; `stairway template rbac plan` and `apply` print the roles that stairway needs"
            )),
            Trouble::Unauthorized => Some(format!(
                "get fresh credentials (for EKS: `aws sts get-caller-identity`), then try `{kubectl} version`"
            )),
            Trouble::Unreachable
            | Trouble::Timeout
            | Trouble::Throttled
            | Trouble::Server
            | Trouble::Cut
            | Trouble::Garbled => Some(format!("`{kubectl} get --raw /readyz`")),
            Trouble::Identity => Some(format!(
                "compare the authority with `aws eks describe-cluster --name NAME --query cluster.certificateAuthority`; what the kubeconfig says: `{kubectl} config view --minify`"
            )),
            Trouble::NotFound
            | Trouble::Gone
            | Trouble::Conflict
            | Trouble::AlreadyExists
            | Trouble::Budget
            | Trouble::Refused
            | Trouble::TooLarge
            | Trouble::Stale => None,
        }
    }
}

/// What a `Status` object says; of other bodies the first line.
pub(super) struct Said {
    pub(super) message: String,
    pub(super) reason: String,
    pub(super) causes: Vec<String>,
    pub(super) is_budget: bool,
    pub(super) retry_after: Option<u32>,
}

/// A message is for people; the longest that servers make quotes an object.
const MESSAGE_CHARS: usize = 600;

fn bounded(text: &str) -> String {
    let clean: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    match clean.char_indices().nth(MESSAGE_CHARS) {
        Some((end, _)) => format!("{}…", clean.get(..end).unwrap_or_default()),
        None => clean,
    }
}

/// Reads the body of an answer that is no success.
pub(super) fn said(body: &[u8]) -> Said {
    let status: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |pointer: &str| {
        let found = status.pointer(pointer).and_then(Value::as_str);
        found.map(bounded).unwrap_or_default()
    };
    let listed = status.pointer("/details/causes").and_then(Value::as_array);
    let causes: Vec<&Value> = listed.into_iter().flatten().collect();
    let said_by = |cause: &&Value| cause.get("message").and_then(Value::as_str).map(bounded);
    let budget =
        |cause: &&Value| cause.get("reason").and_then(Value::as_str) == Some("DisruptionBudget");
    let mut message = text("/message");
    if message.is_empty() {
        let plain = String::from_utf8_lossy(body);
        message = bounded(plain.lines().next().unwrap_or_default().trim());
    }
    if message.is_empty() {
        "no message".clone_into(&mut message);
    }
    let seconds = status.pointer("/details/retryAfterSeconds");
    Said {
        message,
        reason: text("/reason"),
        is_budget: causes.iter().any(budget),
        causes: causes.iter().filter_map(said_by).collect(),
        retry_after: seconds
            .and_then(Value::as_u64)
            .and_then(|seconds| u32::try_from(seconds).ok()),
    }
}

/// Returns what an HTTP status and the reason beside it mean. Matched on the code first: not every error has a
/// reason (recordings 32, 58 of a real server).
pub(super) fn trouble_of(status: u16, said: &Said) -> Trouble {
    match status {
        401 => Trouble::Unauthorized,
        403 => Trouble::Forbidden,
        404 => Trouble::NotFound,
        409 if said.reason == "AlreadyExists" => Trouble::AlreadyExists,
        409 => Trouble::Conflict,
        410 => Trouble::Gone,
        429 if said.is_budget => Trouble::Budget,
        429 => Trouble::Throttled,
        500.. => Trouble::Server,
        _ => Trouble::Refused,
    }
}
