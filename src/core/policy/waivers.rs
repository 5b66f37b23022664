//! Which findings no owner can accept.

/// Codes of mandatory rules: whatever is found under them stays blocked, and a waiver for one is an
/// error. A code that is mandatory in one case and blocking in another is not here; there the
/// waiver counts for the cases that block. Pages say the same, and a test compares the two.
///
/// Source: DESIGN §8, rules R1 to R7 and R9.
pub const NEVER_WAIVED: [&str; 15] = [
    "STW-AMI-PINNED",
    "STW-AUDIT",
    "STW-FACTS-UNKNOWN",
    "STW-IGNORE-EXPIRED",
    "STW-OBSERVATION",
    "STW-R1-NOT-SETTLED",
    "STW-R2-KUBE-PROXY",
    "STW-R2-OUTSIDE-NODES",
    "STW-R2-SKEW",
    "STW-R4-AL2",
    "STW-R5-ROLLBACK",
    "STW-R6-UNSUPPORTED-TARGET",
    "STW-R7-LAST-CORE",
    "STW-WAIVER-EXPIRED",
    "STW-WINDOW",
];

/// Returns true for a finding that nothing waives.
pub fn is_never_waived(code: &str) -> bool {
    NEVER_WAIVED.contains(&code)
}
