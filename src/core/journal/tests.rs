use super::*;

fn event(seq: u64, prev: &str, what: What) -> Event {
    Event {
        seq,
        at: Timestamp::from_unix(1_800_000_000 + i64::try_from(seq).unwrap_or(0)),
        run: "r1".to_owned(),
        actor: "one@host".to_owned(),
        prev_hash: prev.to_owned(),
        what,
    }
}

fn chain() -> (Vec<Event>, Vec<u8>) {
    let mut events: Vec<Event> = Vec::new();
    let mut prev = "sha256:plan".to_owned();
    let whats = [
        What::Resumed {
            adopted: false,
            torn_bytes: 0,
        },
        What::Paused {
            step: "bake/cluster@1.32".to_owned(),
            why: "bake".to_owned(),
            resume_after: None,
        },
        What::RunEnded {
            ending: Ending::Done,
            why: String::new(),
        },
    ];
    let mut bytes = Vec::new();
    for (seq, what) in (1..).zip(whats) {
        let one = event(seq, &prev, what);
        prev = one.hash();
        bytes.extend(one.line());
        bytes.push(b'\n');
        events.push(one);
    }
    (events, bytes)
}

#[test]
fn a_journal_is_read_as_it_was_written() {
    let (events, bytes) = chain();
    let journal = read(&bytes, "sha256:plan").expect("a journal");
    assert_eq!(journal.events, events);
    assert_eq!(journal.torn, None);
    assert_eq!(journal.valid_bytes, bytes.len() as u64);
}

/// The crash of law 4: the file may keep any byte prefix of the last write.
#[test]
fn every_prefix_gives_the_whole_events_before_it() {
    let (events, bytes) = chain();
    for cut in 0..bytes.len() {
        let journal = read(&bytes[..cut], "sha256:plan").expect("a torn journal");
        let whole = bytes[..cut].iter().filter(|b| **b == b'\n').count();
        assert_eq!(journal.events, events[..whole], "cut at {cut}");
        let rest = cut as u64 - journal.valid_bytes;
        assert_eq!(
            journal.torn.map_or(0, |torn| torn.bytes),
            rest,
            "cut at {cut}"
        );
    }
}

#[test]
fn a_changed_line_a_gap_and_a_foreign_journal_are_refused_with_their_line() {
    let (_, bytes) = chain();
    let text = String::from_utf8(bytes).expect("text");
    let lines: Vec<&str> = text.lines().collect();
    let rows = [
        (
            "a changed time in line 1 breaks line 2",
            text.replacen("2027-01-15T08:00:01Z", "2027-01-15T08:00:09Z", 1),
            2,
        ),
        ("a missing line", format!("{}\n{}\n", lines[0], lines[2]), 2),
        (
            "rubbish between two lines",
            format!("{}\nrubbish\n{}\n", lines[0], lines[1]),
            2,
        ),
    ];
    for (what, text, line) in rows {
        let error = read(text.as_bytes(), "sha256:plan").expect_err(what);
        assert_eq!(error.line, line, "{what}: {error}");
    }
    let error = read(text.as_bytes(), "sha256:other").expect_err("a foreign journal");
    assert!(error.to_string().contains("belongs to the plan"), "{error}");
}

/// Whoever hashes can hang a line on the chain; its number and its run must fit all the same.
#[test]
fn a_sound_chain_with_a_wrong_number_or_run_is_refused() {
    let (events, bytes) = chain();
    let last = events.last().expect("an event");
    let next = |seq: u64, run: &str| {
        let mut one = event(seq, &last.hash(), last.what.clone());
        run.clone_into(&mut one.run);
        [bytes.as_slice(), &one.line(), b"\n"].concat()
    };
    assert_eq!(
        read(&next(4, "r1"), "sha256:plan")
            .expect("a journal")
            .events
            .len(),
        4
    );
    for (bytes, said) in [
        (next(5, "r1"), "its number is 5"),
        (next(4, "r2"), "it is of run r2"),
    ] {
        let error = read(&bytes, "sha256:plan").expect_err(said);
        assert!(error.line == 4 && error.why.contains(said), "{error}");
    }
}

#[test]
fn tokens_differ_by_run_step_action_and_attempt() {
    let base = token_of("r", "s", 0, 1);
    for other in [
        token_of("q", "s", 0, 1),
        token_of("r", "t", 0, 1),
        token_of("r", "s", 1, 1),
        token_of("r", "s", 0, 2),
    ] {
        assert_ne!(base, other);
    }
    assert_eq!(base, token_of("r", "s", 0, 1));
    assert!(base.len() <= 64, "EKS takes up to 64 characters: {base}");
}

/// Hostile input: whatever stands in the file, reading it never panics and never makes up the past.
mod hostile {
    use super::*;
    use crate::next::tests::stage::Stage;
    use crate::plan::wire::Plan;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::{Index, select};
    use std::sync::OnceLock;

    fn plan() -> &'static Plan {
        static PLAN: OnceLock<Plan> = OnceLock::new();
        PLAN.get_or_init(|| Stage::new("1.31", "1.32", true).plan().plan)
    }

    fn config() -> ProptestConfig {
        ProptestConfig {
            cases: 300,
            failure_persistence: None,
            ..ProptestConfig::default()
        }
    }

    fn time() -> impl Strategy<Value = Timestamp> {
        // Years 1 to 9999, which RFC 3339 can write.
        (-62_000_000_000_i64..253_000_000_000).prop_map(Timestamp::from_unix)
    }

    fn step() -> impl Strategy<Value = String> {
        let mut ids: Vec<String> = plan().steps.iter().map(|step| step.id.clone()).collect();
        ids.push("no-such-step/x@1.99".to_owned());
        prop_oneof![4 => select(ids), 1 => any::<String>()]
    }

    fn claim() -> impl Strategy<Value = Claim> {
        (
            any::<bool>(),
            any::<String>(),
            vec(any::<String>(), 0..3),
            any::<bool>(),
        )
            .prop_map(|(ok, said, tail, stopped)| Claim {
                ok,
                output: said.clone(),
                said,
                tail,
                stopped,
            })
    }

    fn health() -> impl Strategy<Value = Option<Health>> {
        let names = || vec(any::<String>(), 0..3);
        let health = (any::<u32>(), names(), names(), names()).prop_map(
            |(ready, not_ready, pending, waiting)| Health {
                ready,
                not_rolled_out: pending.clone(),
                not_ready,
                pending,
                waiting,
            },
        );
        proptest::option::of(health)
    }

    fn what() -> impl Strategy<Value = What> {
        let number = || 0..4_u32;
        prop_oneof![
            (any::<String>(), vec(any::<String>(), 0..2), any::<bool>()).prop_map(
                |(text, list, adopted)| {
                    What::RunStarted {
                        format_version: JOURNAL_FORMAT,
                        plan: text.clone(),
                        cluster: text.clone(),
                        tool: text.clone(),
                        confirmed: text,
                        approvals: list.clone(),
                        signers: list,
                        adopted,
                    }
                }
            ),
            (step(), number(), number(), any::<String>(), health()).prop_map(
                |(step, action, attempt, token, health)| What::StepIntended {
                    step,
                    action,
                    attempt,
                    token,
                    health,
                }
            ),
            (step(), number(), number(), claim()).prop_map(|(step, action, attempt, claim)| {
                What::EffectReturned {
                    step,
                    action,
                    attempt,
                    token: String::new(),
                    claim,
                }
            }),
            (step(), number(), vec(any::<String>(), 0..3)).prop_map(|(step, attempt, facts)| {
                What::StepObserved {
                    step,
                    attempt,
                    facts,
                }
            }),
            (step(), number(), any::<String>()).prop_map(|(step, attempt, why)| What::StepFailed {
                step,
                attempt,
                why
            }),
            (step(), any::<String>(), proptest::option::of(time())).prop_map(
                |(step, why, resume_after)| {
                    What::Paused {
                        step,
                        why,
                        resume_after,
                    }
                }
            ),
            // Canonical JSON has doubles: whole numbers are exact up to 2^53.
            (any::<bool>(), 0..(1_u64 << 53)).prop_map(|(adopted, torn_bytes)| What::Resumed {
                adopted,
                torn_bytes
            }),
            (
                select(vec![Ending::Done, Ending::Stopped, Ending::RolledBack]),
                any::<String>()
            )
                .prop_map(|(ending, why)| What::RunEnded { ending, why }),
        ]
    }

    /// A valid journal of the plan.
    fn journal(lines: std::ops::Range<usize>) -> impl Strategy<Value = (Vec<Event>, Vec<u8>)> {
        vec((what(), time()), lines).prop_map(|whats| {
            let (mut events, mut bytes) = (Vec::new(), Vec::new());
            let mut prev = plan().digest.clone();
            for (seq, (what, at)) in (1..).zip(whats) {
                let mut one = event(seq, &prev, what);
                one.at = at;
                prev = one.hash();
                bytes.extend(one.line());
                bytes.push(b'\n');
                events.push(one);
            }
            (events, bytes)
        })
    }

    #[derive(Clone, Debug)]
    enum Edit {
        Flip(Index, u8),
        Insert(Index, Vec<u8>),
        Cut(Index, Index),
        Repeat(Index, Index),
        Move(Index, Index),
    }

    fn edit() -> impl Strategy<Value = Edit> {
        let at = any::<Index>;
        prop_oneof![
            (at(), 1..=255_u8).prop_map(|(at, bits)| Edit::Flip(at, bits)),
            (at(), vec(any::<u8>(), 1..20)).prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
            (at(), at()).prop_map(|(from, to)| Edit::Cut(from, to)),
            (at(), at()).prop_map(|(line, before)| Edit::Repeat(line, before)),
            (at(), at()).prop_map(|(line, before)| Edit::Move(line, before)),
        ]
    }

    fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
        bytes
            .split_inclusive(|byte| *byte == b'\n')
            .map(<[u8]>::to_vec)
            .collect()
    }

    fn apply(bytes: &mut Vec<u8>, edit: &Edit) {
        if bytes.is_empty() {
            return;
        }
        match edit {
            Edit::Flip(at, bits) => {
                let at = at.index(bytes.len());
                bytes[at] ^= bits;
            }
            Edit::Insert(at, more) => {
                let at = at.index(bytes.len());
                bytes.splice(at..at, more.iter().copied());
            }
            Edit::Cut(from, to) => {
                let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
                bytes.drain(from.min(to)..from.max(to));
            }
            Edit::Repeat(line, before) => {
                let mut all = lines(bytes);
                let (line, before) = (line.get(&all).clone(), before.index(all.len()));
                all.insert(before, line);
                *bytes = all.concat();
            }
            Edit::Move(line, before) => {
                let mut all = lines(bytes);
                let line = all.remove(line.index(all.len()));
                all.insert(before.index(all.len() + 1), line);
                *bytes = all.concat();
            }
        }
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn an_event_is_equal_after_a_round_trip((events, bytes) in journal(1..6)) {
            for event in &events {
                let line = event.line();
                prop_assert!(!line.contains(&b'\n'));
                let back: Event = serde_json::from_slice(&line).expect("an event");
                prop_assert_eq!(&back, event);
                prop_assert_eq!(back.line(), line);
            }
            prop_assert_eq!(read(&bytes, &plan().digest).expect("a journal").events, events);
        }

        #[test]
        fn rubbish_is_no_event(bytes in vec(any::<u8>(), 0..200)) {
            if let Ok(journal) = read(&bytes, &plan().digest) {
                prop_assert!(journal.events.is_empty());
                prop_assert!(journal.valid_bytes == 0);
            }
        }

        /// The chain holds every line but the last, which only an anchored head holds.
        #[test]
        fn edits_never_change_what_a_later_line_holds(
            (events, bytes) in journal(1..6),
            edits in vec(edit(), 1..4),
        ) {
            let mut edited = bytes.clone();
            edits.iter().for_each(|edit| apply(&mut edited, edit));
            let Ok(journal) = read(&edited, &plan().digest) else { return Ok(()) };
            let got = journal.events.len();
            prop_assert!(got <= events.len());
            if got > 0 {
                prop_assert_eq!(&journal.events[..got - 1], &events[..got - 1]);
                let last = lines(&edited)[got - 1].clone();
                if hash_of(last.trim_ascii_end()) == events[got - 1].hash() {
                    prop_assert_eq!(&journal.events[got - 1], &events[got - 1]);
                }
            }
            let whole: usize = lines(&edited)[..got].iter().map(Vec::len).sum();
            prop_assert_eq!(journal.valid_bytes, whole as u64);
            let rest = edited.len() as u64 - journal.valid_bytes;
            prop_assert_eq!(journal.torn.map_or(0, |torn| torn.bytes), rest);
        }

        /// But for the line break before the last line: see below.
        #[test]
        fn a_flip_before_the_last_line_is_found(
            (events, bytes) in journal(2..6),
            at in any::<Index>(),
            bits in 1..=255_u8,
        ) {
            let last = lines(&bytes).last().map_or(0, Vec::len);
            let at = at.index(bytes.len() - last - 1);
            let mut edited = bytes;
            edited[at] ^= bits;
            prop_assert!(read(&edited, &plan().digest).is_err(), "{} of {}", at, events.len());
        }

        /// Whatever stands in a journal, and in whatever order.
        #[test]
        fn every_prefix_folds((events, _) in journal(0..12)) {
            let mut step_by_step = fold(plan(), &[]);
            for cut in 0..=events.len() {
                let whole = fold(plan(), &events[..cut]);
                prop_assert_eq!(&whole, &step_by_step);
                prop_assert_eq!(whole.steps.len(), plan().steps.len());
                prop_assert!(whole.done() <= plan().steps.len());
                prop_assert!(whole.current().is_none_or(|at| at <= whole.done()));
                if let Some(event) = events.get(cut) {
                    step_by_step.add(event);
                }
            }
        }
    }

    /// A crash leaves no line break behind half a line; a flipped byte does, and two events are gone.
    #[test]
    fn a_flipped_line_break_hides_no_events() {
        let (_, mut bytes) = chain();
        let last = lines(&bytes).last().map_or(0, Vec::len);
        let at = bytes.len() - last - 1;
        bytes[at] = b' ';
        let journal = read(&bytes, "sha256:plan");
        assert!(journal.is_err(), "{journal:?}");
    }
}
