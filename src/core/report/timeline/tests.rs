use super::*;
use crate::report::tests::{check_all, time};

const WIDE: Look = Look {
    width: 100,
    color: false,
    unicode: true,
};

fn row(step: &str, began: i64, ended: Option<i64>, outcome: &str) -> TimelineRow {
    TimelineRow {
        step: step.to_owned(),
        began: time(began),
        ended: ended.map(time),
        outcome: outcome.to_owned(),
        disrupted_nodes: 0,
        disrupted_pods: 0,
        notes: vec![],
    }
}

fn rehearsal() -> Rehearsal {
    let mut rows = vec![
        row(
            "update-addon/vpc-cni@v1.19.0-eksbuild.1",
            0,
            Some(3),
            "done",
        ),
        row("upgrade-control-plane/cluster@1.31", 3, Some(15), "done"),
        row("bake/cluster@1.31", 15, Some(45), "done"),
        row("create-nodegroup/core-b@1.31", 45, Some(52), "done"),
        row("drain-nodegroup/core-a@1.30", 52, Some(112), "stopped"),
    ];
    rows[3].notes = vec!["attempt 1 was throttled".to_owned()];
    rows[4].disrupted_nodes = 3;
    rows[4].disrupted_pods = 41;
    Rehearsal {
        plan: "openscapes-6b7038346ba1".to_owned(),
        rows,
        ending: "stopped: `drain-nodegroup/core-a@1.30` failed: 12 pods are left".to_owned(),
        exit: 4,
        virtual_seconds: 6_720,
        end_versions: [
            ("control plane", "1.31"),
            ("core-a", "1.30"),
            ("core-b", "1.31"),
        ]
        .map(|(name, version)| (name.to_owned(), version.to_owned()))
        .into(),
        mishaps: vec!["11:52 budget `prod/hub` allowed no disruption for 60 minutes".to_owned()],
        seed: 7,
        faults: vec!["throttle".to_owned(), "pdb".to_owned()],
    }
}

fn sweep() -> Sweep {
    let ending = |name: &str, runs, example: &str| (name.to_owned(), (runs, example.to_owned()));
    Sweep {
        runs: 200,
        endings: [
            ending("done", 183, "seed 1, no faults"),
            ending("stopped", 16, "seed 9, faults pdb"),
            ending("paused", 1, "seed 44, faults throttle"),
        ]
        .into(),
        stops: [
            ("drain-nodegroup/core-a@1.30".to_owned(), 12),
            ("upgrade-control-plane/cluster@1.31".to_owned(), 5),
        ]
        .into(),
        worst: vec!["seed 9 left `core-a` cordoned with 12 pods Pending for 60 min".to_owned()],
    }
}

#[test]
fn rehearsals_look_as_committed() {
    check_all(&[
        (
            "rehearsal_100",
            include_str!("../snapshots/rehearsal_100.txt"),
            rehearsal_table(&rehearsal(), &WIDE),
        ),
        (
            "rehearsal_60_ascii",
            include_str!("../snapshots/rehearsal_60_ascii.txt"),
            rehearsal_table(&rehearsal(), &Look::plain(60)),
        ),
        (
            "sweep_100",
            include_str!("../snapshots/sweep_100.txt"),
            sweep_table(&sweep(), &WIDE),
        ),
    ]);
}

#[test]
fn bars_cover_their_time_and_nothing_else() {
    let rows = rehearsal().rows;
    let axis = Axis::of(&rows, 6_720, 56);
    let look = Look::plain(80);
    for row in &rows {
        let bar = axis.bar(row, look);
        assert_eq!(display_width(&bar), 56, "{bar}");
        assert!(bar.contains('#'), "even the shortest is seen: {bar}");
    }
    assert_eq!(
        axis.bar(&rows[2], look).find('#'),
        Some(7),
        "15 of 112 minutes"
    );
    let open = row("bake/cluster@1.31", 100, None, "paused");
    assert!(axis.bar(&open, look).ends_with("~~"), "it goes on");
    let late = row("check/cluster@1.31", 112, Some(112), "done");
    assert!(
        axis.bar(&late, look).ends_with(".#"),
        "an instant at the end"
    );
}

#[test]
fn the_scale_has_round_times_at_their_columns() {
    for (seconds, columns) in [
        (1, 12),
        (60, 40),
        (6_720, 56),
        (864_000, 40),
        (100_000_000, 72),
    ] {
        let axis = Axis {
            from: time(0),
            seconds,
            columns,
        };
        let scale = axis.scale(Look::plain(80));
        assert_eq!(display_width(&scale), columns, "{scale}");
        assert!(scale.starts_with("0-"), "{scale}");
    }
    let axis = Axis {
        from: time(0),
        seconds: 7_200,
        columns: 40,
    };
    assert_eq!(
        axis.scale(Look::plain(80)),
        "0---------30m-------60m-------90m--2h00m"
    );
}

#[test]
fn everything_fits_and_steers_no_terminal() {
    let mut nasty = rehearsal();
    let evil = format!("x|\u{1b}[31m\u{202e}ユニコード-{}", "a".repeat(150));
    nasty.rows[0].step.clone_from(&evil);
    nasty.rows[1].notes.push(evil.clone());
    nasty.rows[2].outcome.clone_from(&evil);
    nasty.mishaps.push(evil.clone());
    let mut swept = sweep();
    swept.endings.insert(evil.clone(), (1, evil.clone()));
    swept.stops.insert(evil.clone(), 1);
    swept.worst.push(evil);
    for width in [60, 76, 80, 100, 120, 200] {
        for unicode in [true, false] {
            let look = Look {
                width,
                color: false,
                unicode,
            };
            let text = rehearsal_table(&nasty, &look) + &sweep_table(&swept, &look);
            assert!(unicode || text.is_ascii(), "{text}");
            assert!(
                !text.contains('\u{1b}') && !text.contains('\u{202e}'),
                "{text}"
            );
            for line in text.lines().filter(|line| !line.starts_with("Again: ")) {
                assert!(display_width(line) <= width, "{width} columns: {line}");
            }
        }
    }
}

#[test]
fn empty_ones_say_so() {
    let text = sweep_table(&Sweep::default(), &Look::plain(80));
    assert_eq!(text, "No rehearsal was run.\n");
    let one = Sweep {
        runs: 3,
        endings: [("done".to_owned(), (3, "seed 1".to_owned()))].into(),
        ..Sweep::default()
    };
    let text = sweep_table(&one, &Look::plain(80));
    assert!(
        text.starts_with("3 rehearsals: every one done.\n"),
        "{text}"
    );
    let nothing = Rehearsal {
        rows: vec![],
        end_versions: BTreeMap::new(),
        mishaps: vec![],
        faults: vec![],
        exit: 0,
        ending: "done".to_owned(),
        ..rehearsal()
    };
    let text = rehearsal_table(&nothing, &Look::plain(80));
    assert!(text.ends_with("Again: stairway rehearse openscapes-6b7038346ba1 --seed 7\n"));
}

#[test]
fn json_has_what_the_table_has() {
    let value = rehearsal_json(&rehearsal());
    assert_eq!(value["steps"][4]["took_seconds"], json!(3_600));
    assert_eq!(
        value["steps"][4]["disrupted"],
        json!({"nodes": 3, "pods": 41})
    );
    assert_eq!(value["exit"], json!(4));
    assert_eq!(value["end_versions"]["core-b"], json!("1.31"));
    let value = sweep_json(&sweep());
    assert_eq!(
        value["endings"][0],
        json!({"ending": "done", "runs": 183, "example": "seed 1, no faults"})
    );
    assert_eq!(value["stops"][0]["runs"], json!(12));
}
