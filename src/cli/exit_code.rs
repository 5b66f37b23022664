//! The exit codes, the same for every command.

use stairway_core::plan::ExitFacts;
use stairway_core::plan::wire::{ClusterError, Failure};

/// Done, or nothing to do.
pub const DONE: u8 = 0;
/// Something failed.
pub const ERROR: u8 = 1;
/// Changes are present; only with `--detailed-exitcode`. For drift: new drift.
pub const CHANGES: u8 = 2;
/// A mandatory rule or an unwaived finding stops all progress on some cluster.
pub const BLOCKED: u8 = 3;
/// An apply stopped part-way and left its journal.
pub const STOPPED: u8 = 4;
/// Refused before anything was done: stale, approval, identity, lock, window, preview.
pub const REFUSED: u8 = 5;
/// The read was incomplete: facts that a rule needs are unknown.
pub const INCOMPLETE: u8 = 6;
/// Paused by plan; the JSON says when to resume.
pub const PAUSED: u8 = 7;
/// The command line was wrong. 64 is `EX_USAGE` of `sysexits.h`.
pub const USAGE: u8 = 64;

/// Every code with its meaning, for the README and the man page.
pub const TABLE: [(u8, &str); 9] = [
    (DONE, "done, or nothing to do"),
    (ERROR, "an error"),
    (
        CHANGES,
        "changes are present (`plan` and `diff`: only with `--detailed-exitcode`)",
    ),
    (
        BLOCKED,
        "some cluster is blocked, or a waiver or ignore rule has expired (`plan`: only with `--detailed-exitcode`)",
    ),
    (STOPPED, "an apply stopped part-way and left its journal"),
    (
        REFUSED,
        "refused before anything was done: stale, approval, identity, lock, window, preview",
    ),
    (
        INCOMPLETE,
        "facts that a rule needs are unknown (`plan`: only with `--detailed-exitcode`)",
    ),
    (PAUSED, "paused by plan"),
    (USAGE, "the command line is wrong"),
];

/// Strongest first. A wrong command line does nothing, so it never meets another code.
const PRECEDENCE: [u8; 9] = [
    USAGE, ERROR, STOPPED, REFUSED, BLOCKED, INCOMPLETE, PAUSED, CHANGES, DONE,
];

/// Returns the code that wins when several apply.
pub fn strongest(codes: impl IntoIterator<Item = u8>) -> u8 {
    let rank = |code: u8| PRECEDENCE.iter().position(|known| *known == code);
    // An unknown code is a fault of ours; it counts as an error rather than as success.
    codes
        .into_iter()
        .min_by_key(|code| rank(*code).unwrap_or(1))
        .unwrap_or(DONE)
}

/// Returns the code of clusters that were to be read and compared, and failed; none without any.
///
/// A cluster that did not answer is an error here: nobody gets an answer about it.
pub fn of_failed(errors: &[ClusterError]) -> Option<u8> {
    let code = |error: &ClusterError| match error.failure {
        Failure::Refused => REFUSED,
        Failure::Error | Failure::Unread => ERROR,
    };
    (!errors.is_empty()).then(|| strongest(errors.iter().map(code)))
}

/// Returns the codes that `--detailed-exitcode` gives for a plan.
pub fn of_plan(facts: ExitFacts) -> Vec<u8> {
    let blocked = facts.blocked || facts.lapsed;
    [
        (facts.changes, CHANGES),
        (blocked, BLOCKED),
        (facts.incomplete, INCOMPLETE),
    ]
    .into_iter()
    .filter_map(|(holds, code)| holds.then_some(code))
    .collect()
}

/// Returns the codes of `check`, which has no use for changes: any finding that nobody accepted blocks.
pub fn of_check(facts: ExitFacts) -> Vec<u8> {
    let blocked = facts.unacceptable || facts.lapsed;
    [(blocked, BLOCKED), (facts.incomplete, INCOMPLETE)]
        .into_iter()
        .filter_map(|(holds, code)| holds.then_some(code))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_and_a_check_of_it_say_what_holds() {
        let facts = |change: fn(&mut ExitFacts)| {
            let mut facts = ExitFacts::default();
            change(&mut facts);
            facts
        };
        for (sentence, facts, plan, check) in [
            ("nothing at all", facts(|_| {}), DONE, DONE),
            (
                "changes and no more",
                facts(|f| f.changes = true),
                CHANGES,
                DONE,
            ),
            (
                "a blocking finding beside steps that run",
                facts(|f| (f.changes, f.unacceptable) = (true, true)),
                CHANGES,
                BLOCKED,
            ),
            (
                "nothing can go on",
                facts(|f| (f.changes, f.blocked, f.unacceptable) = (true, true, true)),
                BLOCKED,
                BLOCKED,
            ),
            (
                "a waiver ran out",
                facts(|f| f.lapsed = true),
                BLOCKED,
                BLOCKED,
            ),
            (
                "a fact is unknown",
                facts(|f| (f.changes, f.incomplete) = (true, true)),
                INCOMPLETE,
                INCOMPLETE,
            ),
        ] {
            assert_eq!(strongest(of_plan(facts)), plan, "plan: {sentence}");
            assert_eq!(strongest(of_check(facts)), check, "check: {sentence}");
        }
    }

    #[test]
    fn clusters_that_failed_give_the_strongest_code() {
        use Failure::{Error, Refused, Unread};
        let rows: [(&str, &[Failure], Option<u8>); 6] = [
            ("none failed", &[], None),
            ("a file is broken", &[Error], Some(ERROR)),
            ("another cluster answers", &[Refused], Some(REFUSED)),
            (
                "two other clusters answer",
                &[Refused, Refused],
                Some(REFUSED),
            ),
            (
                "one is another, one is broken",
                &[Refused, Error],
                Some(ERROR),
            ),
            ("nobody answers", &[Unread], Some(ERROR)),
        ];
        for (sentence, failures, code) in rows {
            let errors: Vec<ClusterError> = failures
                .iter()
                .map(|failure| ClusterError {
                    failure: *failure,
                    ..ClusterError::default()
                })
                .collect();
            assert_eq!(of_failed(&errors), code, "{sentence}");
        }
    }

    #[test]
    fn precedence_is_that_of_the_design() {
        let order = [
            ERROR, STOPPED, REFUSED, BLOCKED, INCOMPLETE, PAUSED, CHANGES, DONE,
        ];
        assert_eq!(order, [1, 4, 5, 3, 6, 7, 2, 0]);
        for (rank, strong) in order.iter().enumerate() {
            for weak in &order[rank..] {
                assert_eq!(
                    strongest([*strong, *weak]),
                    *strong,
                    "{strong} against {weak}"
                );
                assert_eq!(
                    strongest([*weak, *strong]),
                    *strong,
                    "{weak} against {strong}"
                );
            }
        }
    }

    #[test]
    fn nothing_at_all_is_done() {
        assert_eq!(strongest([]), DONE);
    }

    #[test]
    fn usage_is_64_and_wins() {
        assert_eq!(USAGE, 64);
        assert_eq!(strongest([ERROR, USAGE]), USAGE);
    }

    #[test]
    fn the_table_has_every_code_once() {
        let mut codes: Vec<u8> = TABLE.iter().map(|(code, _)| *code).collect();
        codes.sort_unstable();
        let mut known = PRECEDENCE.to_vec();
        known.sort_unstable();
        assert_eq!(codes, known);
    }
}
