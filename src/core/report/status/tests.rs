use super::*;
use crate::journal::{Event, JOURNAL_FORMAT, What, fold, token_of};
use crate::report::fixtures::{evil, four_hops};
use crate::report::tests::{check_all, time};

const RUN: &str = "3f2a9c0d71e84b55aa0192837465d1f0";
const WIDE: Look = Look {
    width: 120,
    color: false,
    unicode: true,
};

fn six_steps() -> Plan {
    let mut plan = four_hops();
    plan.steps.truncate(6);
    plan.not_now.clear();
    // Fixed, so that a field more in a plan is no other status.
    plan.id = "openscapes-0123456789ab".to_owned();
    plan.digest = format!(
        "sha256:{}",
        "0123456789ab".repeat(6).get(..64).unwrap_or_default()
    );
    plan
}

/// Events with the minute in which each was written.
struct Story<'p> {
    plan: &'p Plan,
    events: Vec<Event>,
}

impl<'p> Story<'p> {
    fn new(plan: &'p Plan) -> Self {
        let story = Self {
            plan,
            events: Vec::new(),
        };
        story.then(
            0,
            What::RunStarted {
                format_version: JOURNAL_FORMAT,
                plan: plan.digest.clone(),
                cluster: "openscapes us-west-2 -".to_owned(),
                tool: "stairway 0".to_owned(),
                confirmed: "--approve".to_owned(),
                approvals: vec![],
                signers: vec![],
                adopted: false,
            },
        )
    }

    fn then(mut self, minute: i64, what: What) -> Self {
        let prev = self.events.last().map(Event::hash);
        self.events.push(Event {
            seq: self.events.len() as u64 + 1,
            at: time(minute),
            run: RUN.to_owned(),
            actor: "ana@laptop".to_owned(),
            prev_hash: prev.unwrap_or_else(|| self.plan.digest.clone()),
            what,
        });
        self
    }

    fn id(&self, step: usize) -> String {
        self.plan.steps[step].id.clone()
    }

    fn intended(self, minute: i64, step: usize, attempt: u32) -> Self {
        let id = self.id(step);
        let what = What::StepIntended {
            token: token_of(RUN, &id, 0, attempt),
            step: id,
            action: 0,
            attempt,
            health: None,
        };
        self.then(minute, what)
    }

    fn returned(self, minute: i64, step: usize, attempt: u32, ok: bool, said: &str) -> Self {
        let id = self.id(step);
        let what = What::EffectReturned {
            token: token_of(RUN, &id, 0, attempt),
            step: id,
            action: 0,
            attempt,
            claim: Claim {
                ok,
                said: said.to_owned(),
                tail: vec!["the last line \u{1b}[2J".to_owned(), String::new()],
                output: String::new(),
                stopped: false,
            },
        };
        self.then(minute, what)
    }

    fn seen(self, minute: i64, step: usize, fact: &str) -> Self {
        let what = What::StepObserved {
            step: self.id(step),
            attempt: 1,
            facts: vec![fact.to_owned()],
        };
        self.then(minute, what)
    }

    fn failed(self, minute: i64, step: usize, why: &str) -> Self {
        let step = self.id(step);
        let why = why.to_owned();
        let what = What::StepFailed {
            step: step.clone(),
            attempt: 1,
            why: why.clone(),
        };
        let ended = What::RunEnded {
            ending: Ending::Stopped,
            why: format!("`{step}` failed: {why}"),
        };
        self.then(minute, what).then(minute, ended)
    }

    /// One step done, the second begun.
    fn two(self) -> Self {
        self.intended(1, 0, 1)
            .returned(2, 0, 1, true, "update 7f")
            .seen(3, 0, "add-on `vpc-cni` is ACTIVE at v1.19.0-eksbuild.1")
            .intended(4, 1, 1)
    }

    fn fold(&self) -> Fold {
        fold(self.plan, &self.events)
    }
}

fn view<'v>(plan: &'v Plan, fold: &'v Fold, minute: i64) -> StatusView<'v> {
    StatusView {
        plan,
        fold,
        now: time(minute),
        torn: None,
        lock: None,
        looked: false,
        words: String::new(),
        journal: Some(format!("plans/{}/journal.ndjson", plan.id)),
    }
}

fn lock(run: &str) -> LockView {
    LockView {
        holder: "ana@laptop".to_owned(),
        since: Some(time(0)),
        run: Some(run.to_owned()),
    }
}

#[test]
fn a_lock_without_a_run_is_told_in_a_whole_sentence() {
    let plan = four_hops();
    let fold = Fold::default();
    let mut view = view(&plan, &fold, 1);
    view.lock = Some(lock(""));
    let text = status_table(&view, &WIDE);
    let said = "for a run that has not begun yet.";
    assert!(text.contains(said), "{text}");
}

fn first_line(view: &StatusView<'_>) -> String {
    let look = Look { width: 200, ..WIDE };
    let text = status_table(view, &look);
    let ends = |line: &&str| line.is_empty() || line.starts_with("Started ");
    let lines: Vec<&str> = text.lines().take_while(|line| !ends(line)).collect();
    lines.join(" ")
}

fn paused(step: String, resume_after: Option<Timestamp>) -> What {
    What::Paused {
        step,
        why: "the cluster fares as before; 1500 seconds to go".to_owned(),
        resume_after,
    }
}

#[test]
fn statuses_look_as_committed() {
    let plan = six_steps();
    let failed = Story::new(&plan)
        .two()
        .returned(14, 1, 1, false, "exit 1")
        .failed(15, 1, "the control plane is ACTIVE at 1.30");
    let fixed = |fold: Fold| Fold {
        head: format!("sha256:{}", "c0ffee11".repeat(8)),
        ..fold
    };
    let fold = fixed(failed.fold());
    let torn = Torn { line: 9, bytes: 17 };
    let view_of = StatusView {
        torn: Some(&torn),
        ..view(&plan, &fold, 27)
    };
    let killed = fixed(Story::new(&plan).two().fold());
    check_all(&[
        (
            "status_failed_120",
            include_str!("../snapshots/status_failed_120.txt"),
            status_table(&view_of, &WIDE),
        ),
        (
            "status_failed_60_ascii",
            include_str!("../snapshots/status_failed_60_ascii.txt"),
            status_table(&view_of, &Look::plain(60)),
        ),
        (
            "status_in_doubt_80",
            include_str!("../snapshots/status_in_doubt_80.txt"),
            status_table(&view(&plan, &killed, 27), &Look { width: 80, ..WIDE }),
        ),
    ]);
}

#[test]
fn the_first_line_says_where_the_run_is() {
    let plan = six_steps();
    let (id, hop, bake) = (&plan.id, &plan.steps[1].id, &plan.steps[2].id);
    let none = fold(&plan, &[]);
    assert_eq!(
        first_line(&view(&plan, &none, 0)),
        format!("No run yet of plan {id}: 6 steps to run.")
    );
    let one = format!("Run 3f2a9c0d of plan {id}: 1 of 6 steps done");
    let killed = Story::new(&plan).two().fold();
    assert_eq!(
        first_line(&view(&plan, &killed, 16)),
        format!("{one}; at `{hop}`; last heard of 12 min ago: it runs, or it was killed.")
    );
    let alive = StatusView {
        lock: Some(lock(RUN)),
        ..view(&plan, &killed, 16)
    };
    assert_eq!(first_line(&alive), format!("{one}; running, at `{hop}`."));
    let failed = Story::new(&plan).two().failed(5, 1, "no").fold();
    assert_eq!(
        first_line(&view(&plan, &failed, 17)),
        format!("{one}; stopped at `{hop}` (failed 12 min ago).")
    );
    let baking = Story::new(&plan)
        .two()
        .seen(20, 1, "1.31")
        .intended(21, 2, 1)
        .then(22, paused(bake.clone(), Some(time(51))))
        .fold();
    assert_eq!(
        first_line(&view(&plan, &baking, 25)),
        format!("Run 3f2a9c0d of plan {id}: 2 of 6 steps done; paused in `{bake}` (3 min ago).")
    );
    let note = |minute| {
        let view = view(&plan, &baking, minute);
        note(&view, &rows(&view)[2], true)
    };
    assert!(note(25).ends_with("seconds to go; goes on after 2026-08-22T12:51:00Z"));
    assert!(note(60).ends_with("seconds to go; it may go on since 2026-08-22T12:51:00Z"));
    let mut whole = Story::new(&plan);
    for step in 0..6 {
        whole = whole.seen(10, step, "seen");
    }
    let end = |ending| What::RunEnded {
        ending,
        why: String::new(),
    };
    let done = whole.then(60, end(Ending::Done));
    let fold = done.fold();
    let text = status_table(&view(&plan, &fold, 120), &Look { width: 200, ..WIDE });
    assert!(
        text.starts_with(&format!(
            "Run 3f2a9c0d of plan {id}: 6 of 6 steps done; over 1 h ago, after 1 h.\n"
        )),
        "{text}"
    );
    assert!(!text.contains("stairway "), "nothing is left to do: {text}");
    let back = done.then(70, end(Ending::RolledBack)).fold();
    assert!(first_line(&view(&plan, &back, 82)).ends_with("rolled back 12 min ago."));
}

#[test]
fn the_next_command_fits_where_the_run_is() {
    let plan = six_steps();
    let digits = plan.digest.trim_start_matches("sha256:")[..12].to_owned();
    let next = |fold: &Fold, holder: Option<LockView>| {
        let value = status_json(&StatusView {
            lock: holder,
            ..view(&plan, fold, 30)
        });
        (value["next"].clone(), value["rollback"].clone())
    };
    let id = &plan.id;
    let begin = json!(format!("stairway apply {id} --approve={digits}"));
    let go_on = json!(format!("stairway apply {id} --resume --approve={digits}"));
    let back = json!(format!("stairway rollback {id}"));
    let none = fold(&plan, &[]);
    assert_eq!(next(&none, None), (begin, Value::Null));
    let started = Story::new(&plan).fold();
    assert_eq!(next(&started, None), (go_on.clone(), Value::Null));
    let killed = Story::new(&plan).two().fold();
    assert_eq!(next(&killed, None), (go_on.clone(), back.clone()));
    assert_eq!(next(&killed, Some(lock("another"))), (go_on, back));
    assert_eq!(next(&killed, Some(lock(RUN))), (Value::Null, Value::Null));
    let preview = Plan {
        preview: true,
        ..plan.clone()
    };
    assert_eq!(status_json(&view(&preview, &none, 0))["next"], Value::Null);
}

#[test]
fn states_are_those_of_the_contract() {
    let plan = six_steps();
    let steps = |fold: &Fold| {
        let value = status_json(&view(&plan, fold, 30));
        let of = |row: &Value| row["state"].as_str().map(str::to_owned);
        let states: Vec<String> = value["steps"]
            .as_array()
            .map(|rows| rows.iter().filter_map(of).collect())
            .unwrap_or_default();
        (value["state"].clone(), states.join(" "))
    };
    let rest = "not-started not-started not-started not-started";
    let row = |run: &str, steps: &str| (json!(run), format!("{steps} {rest}"));
    let two = || Story::new(&plan).two();
    assert_eq!(
        steps(&fold(&plan, &[])),
        row("not-started", "not-started not-started")
    );
    assert_eq!(
        steps(&two().fold()),
        row("running-or-killed", "done in-doubt")
    );
    let back = two().returned(9, 1, 1, true, "exit 0");
    assert_eq!(
        steps(&back.fold()),
        row("running-or-killed", "done waiting")
    );
    let why = paused(plan.steps[1].id.clone(), Some(time(50)));
    assert_eq!(
        steps(&back.then(10, why).fold()),
        row("paused", "done paused")
    );
    let failed = two().failed(5, 1, "no");
    assert_eq!(steps(&failed.fold()), row("stopped", "done failed"));
    let resumed = failed.then(
        9,
        What::Resumed {
            adopted: false,
            torn_bytes: 0,
        },
    );
    assert_eq!(
        steps(&resumed.fold()),
        row("running-or-killed", "done failed")
    );
    let adopted = resumed.then(
        9,
        What::Resumed {
            adopted: true,
            torn_bytes: 0,
        },
    );
    let (_, states) = steps(&adopted.fold());
    assert_eq!(
        states,
        ["in-doubt"; 6].join(" "),
        "nobody knows any of them"
    );
}

#[test]
fn json_holds_times_attempts_and_claims() {
    let plan = six_steps();
    let fold = Story::new(&plan)
        .two()
        .returned(9, 1, 1, false, "exit 1")
        .failed(10, 1, "no")
        .fold();
    let torn = Torn { line: 9, bytes: 1 };
    let value = status_json(&StatusView {
        torn: Some(&torn),
        lock: Some(lock("another")),
        ..view(&plan, &fold, 30)
    });
    assert_eq!(value["head"], json!(fold.head));
    assert_eq!(value["ended_at"], json!(time(10)));
    assert_eq!(value["torn"], json!({"line": 9, "bytes": 1}));
    assert_eq!(value["lock"]["ours"], json!(false));
    let step = &value["steps"][1];
    assert_eq!(step["intended_at"], json!(time(4)));
    assert_eq!(step["ended_at"], json!(time(10)));
    assert_eq!(step["took_seconds"], json!(360));
    assert_eq!(step["attempt"], json!(1));
    assert_eq!(step["claim"]["said"], json!("exit 1"));
    assert_eq!(step["why"], json!("no"));
    assert_eq!(value["step"], step["id"]);
}

#[test]
fn in_doubt_is_said_plainly() {
    let plan = six_steps();
    let killed = Story::new(&plan).two().fold();
    let text = status_table(&view(&plan, &killed, 27), &Look { width: 200, ..WIDE });
    let said = format!(
        "intended at 12:04:00, nobody knows whether it happened; `stairway apply {} --resume` looks",
        plan.id
    );
    let row = text.lines().find(|line| line.contains("IN DOUBT"));
    assert!(row.is_some_and(|row| row.ends_with(&said)), "{text}");
}

#[test]
fn statuses_fit_and_steer_no_terminal() {
    let mut plan = evil();
    plan.steps.truncate(1);
    let story = Story::new(&plan).intended(1, 0, 1);
    let story = story.returned(2, 0, 1, false, "exit\u{1b}]0;owned\u{7} 1");
    let fold = story.failed(3, 0, "why \u{1b}[31m \u{202e}").fold();
    for width in [60, 76, 80, 100, 120, 200] {
        for unicode in [true, false] {
            let look = Look {
                width,
                color: false,
                unicode,
            };
            let text = status_table(&view(&plan, &fold, 9), &look);
            assert!(
                !text
                    .chars()
                    .any(|c| c != '\n' && super::super::layout::is_steering(c)),
                "{text}"
            );
            assert!(unicode || text.is_ascii(), "{text}");
            let copied = ["To ", "Journal:", "Head:"];
            for line in text
                .lines()
                .filter(|l| !copied.iter().any(|c| l.starts_with(c)))
            {
                let columns = super::super::table::display_width(line);
                assert!(columns <= width, "{width} columns: {line}");
            }
        }
    }
}

#[test]
fn runs_are_named_as_short_as_they_can_be() {
    assert_eq!(run_shown(RUN, "canyon-0123"), "3f2a9c0d");
    assert_eq!(run_shown("canyon-0123-r3f2a", "canyon-0123"), "r3f2a");
    assert_eq!(run_shown("canyon-0123", "canyon-0123"), "canyon-0123");
    assert_eq!(run_shown("nightly", "canyon-0123"), "nightly");
}

#[test]
fn spans_are_short() {
    let said: Vec<String> = [0, 59, 60, 602, 3_600, 3_900, 86_400, 97_200]
        .into_iter()
        .map(took)
        .collect();
    let expected = [
        "0s", "59s", "1m00s", "10m02s", "1h00m", "1h05m", "1d0h", "1d3h",
    ];
    assert_eq!(said, expected);
}

#[test]
fn several_plans_are_listed_and_the_one_that_may_run_is_named() {
    let mut plans = [six_steps(), six_steps(), six_steps()];
    plans[0].id = "harbor-0".to_owned();
    plans[1].id = "lagoon-1".to_owned();
    plans[2].id = "meadow-2".to_owned();
    let failed = Story::new(&plans[1]).two().failed(5, 1, "no").fold();
    let begun = Story::new(&plans[2]).two().fold();
    let folds = [Fold::default(), failed, begun];
    let views: Vec<StatusView<'_>> = plans
        .iter()
        .zip(&folds)
        .map(|(plan, fold)| StatusView {
            words: " --fleet f.yaml".to_owned(),
            ..view(plan, fold, 16)
        })
        .collect();
    let text = status_set_table(&views, &WIDE);
    let rows = [
        ("harbor-0", "not started", "0 of"),
        ("lagoon-1", "stopped", "1 of 6"),
        ("meadow-2", "running or killed", "12 min ago"),
    ];
    for (id, state, more) in rows {
        let row = text.lines().find(|line| line.starts_with(id));
        assert!(
            row.is_some_and(|row| row.contains(state) && row.contains(more)),
            "{id}: {text}"
        );
    }
    let hint = "Look closer: stairway status meadow-2 --fleet f.yaml\n";
    assert!(text.ends_with(hint), "{text}");
    let value = status_set_json(&views);
    let states: Vec<&str> = value
        .as_array()
        .map(|all| all.iter().filter_map(|one| one["state"].as_str()).collect())
        .unwrap_or_default();
    assert_eq!(states, ["not-started", "stopped", "running-or-killed"]);
}

#[test]
fn a_run_without_the_lock_and_without_an_end_is_stopped() {
    let plan = six_steps();
    let (id, hop) = (&plan.id, &plan.steps[1].id);
    let killed = Story::new(&plan).two().fold();
    let one = format!("Run 3f2a9c0d of plan {id}: 1 of 6 steps done");
    let ended = "its journal has no end: it was killed, or it lost the cluster's lock";
    for (sentence, holder) in [
        ("nobody has the lock", None),
        ("another has the lock", Some(lock("another"))),
        (
            "somebody wrote a name into the lease",
            Some(LockView {
                run: None,
                ..lock("")
            }),
        ),
    ] {
        let cut_off = StatusView {
            lock: holder,
            looked: true,
            words: " --fleet f.yaml".to_owned(),
            ..view(&plan, &killed, 16)
        };
        let line = first_line(&cut_off);
        assert_eq!(
            line,
            format!("{one}; stopped at `{hop}`, last heard of 12 min ago: {ended}."),
            "{sentence}"
        );
        let value = status_json(&cut_off);
        assert_eq!(value["state"], "stopped", "{sentence}");
        assert_eq!(value["why"], ended, "{sentence}");
        let text = status_table(&cut_off, &Look { width: 300, ..WIDE });
        for command in [
            format!("stairway apply {id} --fleet f.yaml --resume` looks"),
            format!("stairway apply {id} --fleet f.yaml --resume --approve="),
            format!("stairway rollback {id} --fleet f.yaml\n"),
        ] {
            assert!(text.contains(&command), "{sentence}: `{command}`: {text}");
        }
    }
}
