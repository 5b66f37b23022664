//! Which signatures count for a plan, and why each other one does not.

use super::refusal::list;
use super::signers::{AllowedSigners, NotAllowed};
use super::statement::{Nonce, Signed, Statement, StatementKind};
use crate::model::Timestamp;
use crate::plan::wire::Plan;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fmt;

/// How far the clock of the signer's machine may be ahead of this one. Machines that ask a time
/// server are within a second; more than minutes is a wrong clock or a statement kept for later.
const CLOCK_SKEW_SECONDS: i64 = 300;

/// What the owner of the clusters asks of approvals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requirements {
    /// How many persons must have signed.
    pub required: u32,
    /// True when the author of the change does not count.
    pub not_author: bool,
    /// The mail address of the committer of the plan's revision; none when unknown, and with
    /// `not_author` an unknown author is refused.
    pub author: Option<String>,
    /// Who may sign.
    pub signers: AllowedSigners,
    /// The seconds that an approval counts at most, whatever it says itself.
    pub longest: u32,
}

/// What earlier runs did with the plan: from its journals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// The approvals that a run has consumed.
    pub nonces: BTreeSet<Nonce>,
    /// True when a run brought the plan to its end, or back.
    pub finished: bool,
    /// True when this goes on with the run that consumed them.
    pub resuming: bool,
}

/// An approval that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Names the statement.
    pub nonce: Nonce,
    /// Who signed.
    pub signer: String,
    /// With which key.
    pub fingerprint: String,
    /// The first instant at which it counts no more.
    pub expires: Timestamp,
}

/// A signature that does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uncounted {
    /// Names the statement.
    pub nonce: Nonce,
    /// Who it says signed.
    pub signer: String,
    /// Why it does not count.
    pub why: WhyNot,
}

/// Why a signature does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WhyNot {
    /// It was made for something else.
    #[error("its signature is for `{namespace}` and not for `stairway-plan`", namespace = .0.escape_debug())]
    Namespace(String),
    /// Its kind of key is not built in.
    #[error("signatures by keys of type `{0}` cannot be checked here")]
    KeyType(String),
    /// The signature is not of these bytes by this key.
    #[error("its signature is wrong")]
    Wrong,
    /// It is about another plan.
    #[error("it approves another plan, {0}")]
    OtherPlan(String),
    /// It names other clusters than the plan changes.
    #[error("it names {said} and the plan changes {found}")]
    OtherClusters {
        /// As signed.
        said: String,
        /// As planned.
        found: String,
    },
    /// No line of `allowed_signers` has both.
    #[error("the signers allow no key {fingerprint} for `{signer}`")]
    Signer {
        /// The principal.
        signer: String,
        /// The key.
        fingerprint: String,
    },
    /// The key may sign other things.
    #[error("the signers allow the key for other namespaces than `stairway-plan`")]
    KeyNamespace,
    /// The key is not valid then.
    #[error("the signers do not allow the key at {0}")]
    KeyTime(Timestamp),
    /// Its time is in the future.
    #[error("it was issued at {0}, which is in the future")]
    NotYet(Timestamp),
    /// Its time is over.
    #[error("it expired at {0}")]
    Expired(Timestamp),
    /// The signer took it back.
    #[error("`{by}` revoked it at {at}")]
    Revoked {
        /// Who.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// Nobody approves an own change.
    #[error("`{0}` is the author of the change")]
    Author(String),
    /// Another approval of the same person or with the same key counts already.
    #[error("it is of the same {what} as the approval {nonce}")]
    Twice {
        /// `person` or `key`.
        what: &'static str,
        /// The one that counts.
        nonce: Nonce,
    },
    /// An earlier run has consumed it.
    #[error("an earlier run has consumed it")]
    Consumed,
}

impl fmt::Display for Uncounted {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = self.nonce.as_str().get(..8).unwrap_or("");
        write!(
            out,
            "the one of `{}` ({short}) because {}",
            self.signer, self.why
        )
    }
}

/// Which approvals count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Those that count, one per person and key, the one that lasts longest first.
    pub counted: Vec<Counted>,
    /// The others.
    pub others: Vec<Uncounted>,
}

impl Tally {
    /// Returns whether the statement of this nonce counts, or why not; none when it is not there.
    pub fn verdict(&self, nonce: &Nonce) -> Option<Result<(), &WhyNot>> {
        if self.counted.iter().any(|one| one.nonce == *nonce) {
            return Some(Ok(()));
        }
        let other = self.others.iter().find(|one| one.nonce == *nonce);
        other.map(|one| Err(&one.why))
    }
}

/// Counts the approvals of a plan. The plan's digest is taken as said: [`super::admit`] checks it.
pub fn tally(
    plan: &Plan,
    requirements: &Requirements,
    signed: &[Signed],
    used: &Used,
    now: Timestamp,
) -> Tally {
    let scale = Scale {
        plan,
        requirements,
        signed,
        used,
        now,
    };
    let mut others = Vec::new();
    let mut sound: Vec<(Counted, &Signed)> = Vec::new();
    for one in signed {
        let statement = one.statement();
        if statement.kind == StatementKind::Revocation {
            continue;
        }
        match scale.weigh(one) {
            Ok(expires) => sound.push((counted(one, expires), one)),
            Err(why) => others.push(uncounted(statement, why)),
        }
    }
    sound.sort_by(|(a, _), (b, _)| {
        (Reverse(a.expires), &a.nonce).cmp(&(Reverse(b.expires), &b.nonce))
    });
    let mut taken: Vec<(Counted, &Signed)> = Vec::new();
    for (own, one) in sound {
        let twice = taken.iter().find_map(|(other, by)| {
            let same_person = other.signer.eq_ignore_ascii_case(&own.signer);
            let what = match (same_person, by.key() == one.key()) {
                (true, _) => "person",
                (false, true) => "key",
                (false, false) => return None,
            };
            let nonce = other.nonce.clone();
            Some(WhyNot::Twice { what, nonce })
        });
        match twice {
            None => taken.push((own, one)),
            Some(why) => others.push(uncounted(one.statement(), why)),
        }
    }
    others.sort_by(|a, b| (&a.signer, &a.nonce).cmp(&(&b.signer, &b.nonce)));
    Tally {
        counted: taken.into_iter().map(|(counted, _)| counted).collect(),
        others,
    }
}

/// Checks that a revocation takes something back: signed right, about this plan, by a listed signer.
/// It needs no valid time.
///
/// # Errors
/// Why it does not.
pub fn check_revocation(
    plan: &Plan,
    requirements: &Requirements,
    one: &Signed,
) -> Result<(), WhyNot> {
    check_signature(one)?;
    let statement = one.statement();
    check_subject(plan, statement)?;
    if requirements.signers.gives(&statement.signer, one.key()) {
        return Ok(());
    }
    Err(WhyNot::Signer {
        signer: statement.signer.clone(),
        fingerprint: one.key().fingerprint().to_owned(),
    })
}

fn counted(one: &Signed, expires: Timestamp) -> Counted {
    Counted {
        nonce: one.statement().nonce.clone(),
        signer: one.statement().signer.clone(),
        fingerprint: one.key().fingerprint().to_owned(),
        expires,
    }
}

fn uncounted(statement: &Statement, why: WhyNot) -> Uncounted {
    Uncounted {
        nonce: statement.nonce.clone(),
        signer: statement.signer.clone(),
        why,
    }
}

fn check_signature(one: &Signed) -> Result<(), WhyNot> {
    let signature = one.signature();
    if signature.namespace() != super::NAMESPACE {
        return Err(WhyNot::Namespace(signature.namespace().to_owned()));
    }
    if !one.key().is_supported() {
        return Err(WhyNot::KeyType(one.key().kind()));
    }
    if !signature.covers(one.bytes()) {
        return Err(WhyNot::Wrong);
    }
    Ok(())
}

fn check_subject(plan: &Plan, statement: &Statement) -> Result<(), WhyNot> {
    let digest = statement.digest.to_string();
    if digest != plan.digest {
        return Err(WhyNot::OtherPlan(digest));
    }
    let name = std::slice::from_ref(&plan.identity.cluster.name);
    if statement.clusters != name {
        return Err(WhyNot::OtherClusters {
            said: list(&statement.clusters),
            found: list(name),
        });
    }
    Ok(())
}

/// What one signature is weighed against.
struct Scale<'a> {
    plan: &'a Plan,
    requirements: &'a Requirements,
    signed: &'a [Signed],
    used: &'a Used,
    now: Timestamp,
}

impl Scale<'_> {
    /// Returns when the approval expires if it counts taken alone.
    fn weigh(&self, one: &Signed) -> Result<Timestamp, WhyNot> {
        check_signature(one)?;
        let statement = one.statement();
        check_subject(self.plan, statement)?;
        let signers = &self.requirements.signers;
        signers
            .check(&statement.signer, one.key(), &[statement.issued, self.now])
            .map_err(|why| match why {
                NotAllowed::Unlisted => WhyNot::Signer {
                    signer: statement.signer.clone(),
                    fingerprint: one.key().fingerprint().to_owned(),
                },
                NotAllowed::Namespace => WhyNot::KeyNamespace,
                NotAllowed::NotValid(at) => WhyNot::KeyTime(at),
            })?;
        let expires = self.check_times(statement)?;
        if let Some(revocation) = self.revocation_of(one) {
            return Err(WhyNot::Revoked {
                by: revocation.signer.clone(),
                at: revocation.issued,
            });
        }
        if self.is_authors(one) {
            return Err(WhyNot::Author(statement.signer.clone()));
        }
        if self.used.nonces.contains(&statement.nonce) && !self.used.resuming {
            return Err(WhyNot::Consumed);
        }
        Ok(expires)
    }

    fn check_times(&self, statement: &Statement) -> Result<Timestamp, WhyNot> {
        if statement.issued.seconds_since(self.now) > CLOCK_SKEW_SECONDS {
            return Err(WhyNot::NotYet(statement.issued));
        }
        let longest = statement
            .issued
            .unix()
            .saturating_add(i64::from(self.requirements.longest));
        let expires = statement.expires.min(Timestamp::from_unix(longest));
        if self.now >= expires {
            return Err(WhyNot::Expired(expires));
        }
        Ok(expires)
    }

    /// A revocation needs no valid time: who could sign once may always take back.
    fn revocation_of(&self, one: &Signed) -> Option<&Statement> {
        let signers = &self.requirements.signers;
        let approval = one.statement();
        self.signed
            .iter()
            .filter(|other| other.statement().kind == StatementKind::Revocation)
            .filter(|other| other.statement().digest == approval.digest)
            .filter(|other| other.statement().issued >= approval.issued)
            .filter(|other| {
                let by = &other.statement().signer;
                other.key() == one.key()
                    || (by.eq_ignore_ascii_case(&approval.signer) && signers.gives(by, other.key()))
            })
            .find(|other| check_signature(other).is_ok())
            .map(Signed::statement)
    }

    /// The author may sign under another name with an own key.
    fn is_authors(&self, one: &Signed) -> bool {
        let (true, Some(author)) = (self.requirements.not_author, &self.requirements.author) else {
            return false;
        };
        let is_author = |name: &str| name.eq_ignore_ascii_case(author);
        is_author(&one.statement().signer)
            || self
                .requirements
                .signers
                .principals_of(one.key())
                .iter()
                .any(|name| is_author(name))
    }
}
