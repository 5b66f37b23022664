//! What a finished plan says to whoever asks with an exit code.

use super::wire::{Finding, Plan, Severity};

/// A waiver ran out: it stops an approval and holds back no step by itself.
pub(super) const WAIVER_EXPIRED: &str = "STW-WAIVER-EXPIRED";
/// The same for a rule that leaves differences alone.
pub(super) const IGNORE_EXPIRED: &str = "STW-IGNORE-EXPIRED";

/// The facts of a plan that exit codes are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, each of which has a code of its own"
)]
pub struct ExitFacts {
    /// There is something to do, now or later.
    pub changes: bool,
    /// A mandatory rule or an unwaived finding stops all progress.
    pub blocked: bool,
    /// A mandatory or unwaived blocking finding is there, whether or not it stops this plan: what `check` fails on.
    pub unacceptable: bool,
    /// A fact that a rule needs is unknown.
    pub incomplete: bool,
    /// A waiver or an ignore rule has run out.
    pub lapsed: bool,
}

/// Returns what a plan says to its caller.
pub fn exit_facts(plan: &Plan) -> ExitFacts {
    ExitFacts {
        changes: !plan.is_empty(),
        blocked: plan.summary.blocked > 0,
        unacceptable: plan.findings.iter().any(is_unacceptable),
        incomplete: plan.findings.iter().any(is_unread),
        lapsed: plan.findings.iter().any(is_lapsed),
    }
}

/// Returns true for a finding that an owner must mend or waive.
fn is_unacceptable(finding: &Finding) -> bool {
    match finding.severity {
        Severity::Mandatory => true,
        Severity::Blocking => finding.waived.is_none(),
        Severity::Warning | Severity::Note => false,
    }
}

/// Returns true for a rule, R8 included, that could not be judged.
fn is_unread(finding: &Finding) -> bool {
    let counts = match finding.severity {
        Severity::Mandatory | Severity::Blocking | Severity::Warning => true,
        Severity::Note => false,
    };
    finding.not_assessed && counts
}

/// Returns the waivers and ignore rules that have run out, as their findings name them.
pub fn lapsed(plan: &Plan) -> impl Iterator<Item = &str> {
    let findings = plan.findings.iter().filter(|one| is_lapsed(one));
    findings.map(|one| one.subject.as_str())
}

/// Returns true for a decision of the owner that has run out.
pub(super) fn is_lapsed(finding: &Finding) -> bool {
    [WAIVER_EXPIRED, IGNORE_EXPIRED].contains(&finding.code.as_str())
}
