use super::*;
use crate::cli::terminal::tests::Captured;
use stairway_core::journal::Claim;

const RUN: &str = "3f2a";

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_unix(1_787_400_000 + seconds)
}

fn steps() -> Vec<StepFace> {
    let face = |id: &str, expected| StepFace {
        id: id.to_owned(),
        expected,
    };
    vec![
        face("upgrade-control-plane/cluster@1.33", 720),
        face("bake/cluster@1.33", 1_800),
    ]
}

/// A writer that tells of everything that is written.
struct Telling(mpsc::Sender<String>);

impl Write for Telling {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let _nobody_listens = self.0.send(text);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn outlet(out: &Captured, err: &Captured, json: bool) -> Outlet {
    Outlet {
        out: Box::new(out.clone()),
        err: Box::new(err.clone()),
        json,
        // Longer than any test: these tests want no ticker.
        every: Duration::from_secs(100_000),
    }
}

fn claim(ok: bool, said: &str) -> Claim {
    Claim {
        ok,
        said: said.to_owned(),
        tail: vec![],
        output: String::new(),
        stopped: false,
    }
}

#[test]
fn the_first_wish_to_stop_is_answered_at_once_and_told_at_the_end() {
    let acting = Report::Acting {
        step: 0,
        what: "drain nodegroup blue through the Eviction API".to_owned(),
    };
    let waiting = Report::Waiting {
        step: 0,
        why: "it is UPDATING".to_owned(),
    };
    for (sentence, report, words) in [
        (
            "a drain",
            acting,
            "Stopping at the next safe place: `drain nodegroup blue through the Eviction API` ends first; press Ctrl-C again to stop now",
        ),
        (
            "a wait",
            waiting,
            "Stopping at the next safe place: a wait that only watches ends now, one for what was begun goes on to its end; press Ctrl-C again to stop now",
        ),
    ] {
        for json in [false, true] {
            let (out, err) = (Captured::default(), Captured::default());
            let screen = Screen::to_outlet(outlet(&out, &err, json), time(0), steps());
            let interrupts = crate::actuate::Interrupts::none();
            interrupts.tell(screen.hears_interrupts());
            screen.show(
                time(1),
                &Report::StepBegan {
                    step: 0,
                    attempt: 1,
                    expected: 720,
                },
            );
            screen.show(time(1), &report);
            interrupts.add();
            assert!(err.text().contains(words), "{sentence}: {}", err.text());
            interrupts.add();
            assert!(
                err.text().contains("Stopping now"),
                "{sentence}: {}",
                err.text()
            );
            let finish = Finish {
                how: How::Stopped,
                why: "it failed".to_owned(),
                step: None,
                resume_after: None,
                head: String::new(),
            };
            screen.finish(&finish, 4).expect("written");
            let all = format!("{}{}", out.text(), err.text());
            assert!(
                all.contains("it failed (the operator had asked to stop)"),
                "{sentence}: {all}"
            );
        }
    }
}

fn began() -> Report {
    Report::Began {
        run: RUN.to_owned(),
        resumed: false,
        done: 0,
        of: 2,
        expected: 2_520,
    }
}

fn waiting(why: &str) -> Report {
    Report::Waiting {
        step: 0,
        why: why.to_owned(),
    }
}

fn step_began(step: usize, attempt: u32, expected: u64) -> Report {
    Report::StepBegan {
        step,
        attempt,
        expected,
    }
}

fn done(step: usize, fact: &str) -> Report {
    Report::StepDone {
        step,
        facts: vec![fact.to_owned(), "and \u{1b}[1mmore\u{1b}[0m".to_owned()],
    }
}

/// A run that pauses in its second step.
fn play(screen: Screen) {
    screen.show(time(0), &began());
    screen.show(time(0), &step_began(0, 1, 720));
    let what = "eksctl upgrade cluster".to_owned();
    screen.show(time(1), &Report::Acting { step: 0, what });
    screen.clock(time(2));
    screen.tool_line("\u{1b}[36m[i]\u{1b}[0m  will upgrade\u{7}\u{1b}]0;title\u{7}");
    screen.tool_line("\u{1b}[2K");
    let claim = claim(false, "exit 1");
    screen.show(time(3), &Report::Returned { step: 0, claim });
    screen.show(time(3), &waiting("the control plane is UPDATING"));
    screen.show(time(18), &waiting("the control plane is UPDATING"));
    screen.show(time(602), &done(0, "the control plane is ACTIVE at 1.33"));
    screen.show(time(602), &Report::Note("the sky is blue".to_owned()));
    screen.show(time(602), &step_began(1, 2, 0));
    screen
        .finish(
            &Finish {
                how: How::Paused,
                why: "the bake takes its time".to_owned(),
                step: Some("bake/cluster@1.33".to_owned()),
                resume_after: Some(time(2_402)),
                head: "sha256:abc".to_owned(),
            },
            7,
        )
        .expect("captured writers take everything");
}

#[test]
fn elsewhere_each_event_is_a_line() {
    let (out, err) = (Captured::default(), Captured::default());
    play(Screen::to_outlet(
        outlet(&out, &err, false),
        time(0),
        steps(),
    ));
    assert_eq!(out.text(), "", "talk is no data");
    let expected = "\
2026-08-22T12:00:00Z  Run 3f2a begins: 2 steps, about 42 min in all
2026-08-22T12:00:00Z  [1/2] upgrade-control-plane/cluster@1.33 begins, about 12 min
2026-08-22T12:00:01Z  [1/2] does `eksctl upgrade cluster`
2026-08-22T12:00:02Z  [1/2] | [i]  will upgrade
2026-08-22T12:00:03Z  [1/2] came back and claims FAILURE: exit 1
2026-08-22T12:00:03Z  [1/2] waits: the control plane is UPDATING
2026-08-22T12:10:02Z  [1/2] upgrade-control-plane/cluster@1.33 done after 10m02s: the control plane is ACTIVE at 1.33; and more
2026-08-22T12:10:02Z  note: the sky is blue
2026-08-22T12:10:02Z  [2/2] bake/cluster@1.33 begins, attempt 2
2026-08-22T12:10:02Z  Paused: the bake takes its time; resume after 2026-08-22T12:40:02Z
2026-08-22T12:10:02Z  journal head sha256:abc
";
    assert_eq!(err.text(), expected);
}

#[test]
fn the_id_of_a_step_steers_no_terminal() {
    let (out, err) = (Captured::default(), Captured::default());
    let hostile = StepFace {
        id: "bake/a\u{1b}[2Jb\u{202e}c\n::d".to_owned(),
        expected: 720,
    };
    let outlet = outlet(&out, &err, false);
    let screen = Screen::to_outlet(outlet, time(0), vec![hostile]);
    screen.show(time(0), &step_began(0, 1, 720));
    screen.show(time(9), &done(0, "seen"));
    drop(screen);
    let text = err.text();
    assert_eq!(text.matches("bake/abc ::d").count(), 2, "{text}");
    assert_eq!(text.lines().count(), 2, "{text}");
}

#[test]
fn programs_get_an_object_per_report() {
    let (out, err) = (Captured::default(), Captured::default());
    play(Screen::to_outlet(
        outlet(&out, &err, true),
        time(0),
        steps(),
    ));
    assert_eq!(err.text(), "", "nothing was worth talking about");
    let expected = r#"{"at":"2026-08-22T12:00:00Z","event":"run-began","run":"3f2a","resumed":false,"done":0,"of":2,"expected":2520}
{"at":"2026-08-22T12:00:00Z","event":"step-began","step":"upgrade-control-plane/cluster@1.33","number":1,"attempt":1,"expected":720}
{"at":"2026-08-22T12:00:01Z","event":"acting","step":"upgrade-control-plane/cluster@1.33","what":"eksctl upgrade cluster"}
{"at":"2026-08-22T12:00:02Z","event":"tool-output","step":"upgrade-control-plane/cluster@1.33","line":"[i]  will upgrade"}
{"at":"2026-08-22T12:00:03Z","event":"returned","step":"upgrade-control-plane/cluster@1.33","ok":false,"stopped":false,"said":"exit 1"}
{"at":"2026-08-22T12:00:03Z","event":"waiting","step":"upgrade-control-plane/cluster@1.33","why":"the control plane is UPDATING"}
{"at":"2026-08-22T12:00:18Z","event":"waiting","step":"upgrade-control-plane/cluster@1.33","why":"the control plane is UPDATING"}
{"at":"2026-08-22T12:10:02Z","event":"step-done","step":"upgrade-control-plane/cluster@1.33","number":1,"took":602,"facts":["the control plane is ACTIVE at 1.33","and more"]}
{"at":"2026-08-22T12:10:02Z","event":"note","text":"the sky is blue"}
{"at":"2026-08-22T12:10:02Z","event":"step-began","step":"bake/cluster@1.33","number":2,"attempt":2,"expected":0}
{"at":"2026-08-22T12:10:02Z","event":"finish","how":"paused","exit":7,"why":"the bake takes its time","step":"bake/cluster@1.33","resume_after":"2026-08-22T12:40:02Z","head":"sha256:abc"}
"#;
    assert_eq!(out.text(), expected);
}

#[test]
fn a_silent_run_gives_signs_of_life() {
    for json in [false, true] {
        let (tell, told) = mpsc::channel();
        let out = Captured::default();
        let screen = Screen::to_outlet(
            Outlet {
                out: Box::new(out.clone()),
                err: Box::new(Telling(tell)),
                json,
                every: Duration::from_millis(2),
            },
            time(0),
            steps(),
        );
        // Nobody tells the screen anything: the main thread sits in a child.
        let lines: Vec<String> = told.iter().take(3).collect();
        for line in lines {
            assert!(
                line.contains("still waiting for a look at the cluster"),
                "{line}"
            );
        }
        drop(screen);
        assert_eq!(told.iter().filter(|line| line.is_empty()).count(), 0);
        assert_eq!(out.text(), "", "signs of life are talk");
    }
}

/// Screens on which time is only told: no thread runs.
fn still(json: bool) -> (Shown, Captured) {
    let err = Captured::default();
    let outlet = Outlet {
        every: Duration::from_secs(30),
        ..outlet(&Captured::default(), &err, json)
    };
    (Shown::new(outlet, time(0), steps()), err)
}

#[test]
fn silence_is_counted_from_the_last_line_and_time_from_the_last_word() {
    let (mut shown, err) = still(false);
    shown.tell(time(0));
    shown.show(&step_began(0, 1, 720));
    shown.show(&waiting("it is slow"));
    shown.tick(Duration::from_secs(20));
    shown.tell(time(21));
    shown.show(&waiting("it is slow"));
    shown.tick(Duration::from_secs(9));
    assert_eq!(err.text().lines().count(), 2, "{}", err.text());
    shown.tick(Duration::from_secs(1));
    let expected = "2026-08-22T12:00:31Z  [1/2] still waiting for upgrade-control-plane/cluster@1.33, 31s of about 12 min: it is slow";
    assert_eq!(err.text().lines().nth(2), Some(expected));
    shown.tick(Duration::from_secs(29));
    assert_eq!(err.text().lines().count(), 3);
    shown.tick(Duration::from_secs(1));
    assert_eq!(err.text().lines().count(), 4);
}

#[test]
fn a_terminal_keeps_what_is_done_and_forgets_what_passes() {
    let (mut shown, _) = still(false);
    shown.take_in(&step_began(0, 1, 720));
    shown.tell(time(602));
    let above = |shown: &Shown, report: &Report| shown.lines_above(report).join("\n");
    let finished = done(0, "the control plane is ACTIVE at 1.33");
    assert_eq!(
        above(&shown, &finished),
        "✔ 12:10:02 upgrade-control-plane/cluster@1.33  10m02s  the control plane is ACTIVE at 1.33; and more"
    );
    assert_eq!(above(&shown, &waiting("it is slow")), "");
    let failed = Report::Returned {
        step: 0,
        claim: claim(false, "exit 1"),
    };
    assert_eq!(
        above(&shown, &failed),
        "! 12:10:02 upgrade-control-plane/cluster@1.33  claims FAILURE: exit 1"
    );
    shown.unicode = false;
    shown.color = true;
    assert!(above(&shown, &finished).starts_with("\u{1b}[32m+\u{1b}[0m 12:10:02 "));
}

#[test]
fn bars_show_run_and_step() {
    let (mut shown, _) = still(false);
    let [(run, _), (step, text)] = shown.bars();
    assert_eq!((run, step), (0, 0));
    assert_eq!(text, "a look at the cluster");
    shown.take_in(&step_began(0, 1, 720));
    shown.take_in(&waiting("it is slow"));
    shown.tell(time(300));
    shown.since_told = Duration::from_secs(60);
    let [(run, run_text), (step, step_text)] = shown.bars();
    assert_eq!((run, step), (142, 500), "360 of 2520 and of 720 seconds");
    assert_eq!(run_text, "0/2 steps, 6m00s, about 36 min left");
    assert_eq!(
        step_text,
        "upgrade-control-plane/cluster@1.33  6m00s of about 12 min: it is slow"
    );
    shown.tell(time(7_200));
    let [(run, _), (step, _)] = shown.bars();
    assert_eq!((run, step), (285, 1_000), "late is full, and no more");
}

#[test]
fn what_tools_say_cannot_steer() {
    let rows = [
        ("plain – ünï", "plain – ünï"),
        ("a\tb\rc\nd  ", "a b c d"),
        ("\u{1b}[1;31mred\u{1b}[0m", "red"),
        ("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{7}", "link"),
        ("\u{1b}(Bok\u{1b}=\u{1b}M", "ok"),
        ("\u{9b}2Jok\u{90}q\u{9c}!", "ok!"),
        ("\u{202e}txt\u{200b}\u{feff}\u{8}\u{7f}", "txt"),
        ("\u{1b}[999", ""),
        ("\u{1b}", ""),
        ("\u{1b}]never ends", ""),
        ("\u{1b}[\u{1b}[2Jok", "ok"),
    ];
    for (text, expected) in rows {
        assert_eq!(bare(text), expected, "{text:?}");
    }
    assert!(bare(&"x".repeat(100_000)).len() <= 4_000);
}

#[test]
fn a_reader_that_went_away_is_no_error_and_a_full_disk_is() {
    struct Failing(io::ErrorKind);
    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }
    for (kind, fine) in [
        (io::ErrorKind::BrokenPipe, true),
        (io::ErrorKind::StorageFull, false),
    ] {
        let outlet = Outlet {
            out: Box::new(Failing(kind)),
            err: Box::new(Captured::default()),
            json: true,
            every: Duration::from_secs(100_000),
        };
        let screen = Screen::to_outlet(outlet, time(0), steps());
        screen.show(time(0), &began());
        let finish = Finish {
            how: How::Done,
            why: String::new(),
            step: None,
            resume_after: None,
            head: String::new(),
        };
        assert_eq!(screen.finish(&finish, 0).is_ok(), fine, "{kind:?}");
    }
}

#[test]
fn what_is_shown_of_the_time_never_falls_back() {
    let (mut shown, err) = still(false);
    // A world's clock may be behind this machine's: the first word counts.
    shown.tell(time(-500));
    shown.show(&step_began(0, 1, 720));
    shown.tick(Duration::from_secs(20));
    shown.show(&waiting("real time goes on"));
    // The cluster's clock stood still meanwhile: nobody could read it.
    shown.tell(time(-500));
    shown.show(&waiting("nobody reads the clock"));
    shown.tell(time(-490));
    shown.show(&waiting("it is behind what was shown"));
    shown.tell(time(-400));
    shown.show(&waiting("it has caught up"));
    let stamps: Vec<String> = err
        .text()
        .lines()
        .filter_map(|line| line.get(11..19).map(str::to_owned))
        .collect();
    assert_eq!(
        stamps,
        ["11:51:40", "11:52:00", "11:52:00", "11:52:00", "11:53:20"],
        "{}",
        err.text()
    );
}
