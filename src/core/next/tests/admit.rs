//! Whether a plan may begin on a cluster.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test stops at whatever it does not know"
)]

use super::stage::{gone, group, set_plane, start};
use super::*;
use crate::model::{Known, KubeMinor, Stack};

type Edit = fn(&mut Plan, &mut Observation);

fn plane(observed: &mut Observation) -> &mut crate::model::ControlPlane {
    match &mut observed.control_plane {
        Known::Value(plane) => plane,
        other => panic!("{other:?}"),
    }
}

/// A sentence, what is changed, and the verdict: `admitted`, or whether a fact is unknown, and why.
const ROWS: &[(&str, Edit, &str)] = &[
    ("the cluster is as the plan saw it", |_, _| {}, "admitted"),
    (
        "another name",
        |_, o| o.cluster.name = "d".to_owned(),
        "refused: the plan is for cluster `c` in us-west-2, and this is `d`",
    ),
    (
        "another region",
        |_, o| o.cluster.region = "eu-west-1".to_owned(),
        "refused: the plan is for cluster `c`",
    ),
    (
        "another account",
        |_, o| o.cluster.account_id = Some("9".to_owned()),
        "refused: the plan is for account 123456789012",
    ),
    (
        "the account is not known",
        |_, o| o.cluster.account_id = None,
        "unknown: the account",
    ),
    (
        "the plan knows no account",
        |p, _| p.identity.cluster.account_id = None,
        "admitted",
    ),
    (
        "a cluster that was made again",
        |_, o| plane(o).created_at = Known::Value(Timestamp::from_unix(1_700_000_000)),
        "refused: cluster `c` was made at 2023",
    ),
    (
        "nobody knows when it was made",
        |_, o| plane(o).created_at = Known::default(),
        "unknown: when the cluster was made",
    ),
    (
        "the plan does not know when it was made",
        |p, _| p.identity.created_at = None,
        "admitted",
    ),
    (
        "somebody moved the control plane on",
        |_, o| set_plane(o, KubeMinor::of(32), "ACTIVE"),
        "refused: the plan starts from 1.31",
    ),
    (
        "its version could not be read",
        |_, o| plane(o).version = Known::default(),
        "unknown: the version",
    ),
    (
        "it could not be read",
        |_, o| o.control_plane = Known::default(),
        "unknown: ",
    ),
    (
        "it is busy",
        |_, o| set_plane(o, KubeMinor::of(31), "UPDATING"),
        "refused: the control plane is UPDATING",
    ),
    (
        "its updates could not be read",
        |_, o| o.updates = Known::default(),
        "unknown: the updates",
    ),
    (
        "the insights could not be read",
        |_, o| o.insights = Known::default(),
        "unknown: the upgrade insights",
    ),
    (
        "the old core group was replaced, and it goes last",
        |_, o| group(o, "core-a").arn = Known::Value("arn:core-a:9".to_owned()),
        "refused: nodegroup `core-a` is another one",
    ),
    (
        "the old user group was made again",
        |_, o| group(o, "nb-a").created_at = Known::Value(start()),
        "refused: nodegroup `nb-a` is another one",
    ),
    (
        "a group that is to go is gone",
        |_, o| gone(o, "nb-a"),
        "refused: there is no nodegroup `nb-a`",
    ),
    (
        "the ARN of one could not be read",
        |_, o| group(o, "nb-a").arn = Known::default(),
        "unknown: ARN of nodegroup `nb-a`",
    ),
    (
        "the groups could not be read",
        |_, o| o.nodegroups = Known::default(),
        "unknown: ",
    ),
    (
        "what a later step needs is no reason yet",
        |_, o| {
            let Known::Value(stacks) = &mut o.stacks else {
                panic!("stacks")
            };
            stacks.push(Stack {
                name: stage::stack_name("core-b"),
                status: "ROLLBACK_COMPLETE".to_owned(),
            });
        },
        "admitted",
    ),
    (
        "a group that the plan makes under the old name is looked at, too",
        |p, o| {
            let create = first_of(p, StepKind::CreateNodegroup);
            let last = first_of(p, StepKind::DeleteNodegroup);
            let mut again = p.steps[create].clone();
            again.subject = "core-a".to_owned();
            p.steps.insert(last + 1, again);
            group(o, "core-a").arn = Known::Value("arn:core-a:9".to_owned());
        },
        "refused: nodegroup `core-a` is another one",
    ),
    (
        "a group that the plan makes first is not looked for",
        |p, _| {
            let delete = first_of(p, StepKind::DeleteNodegroup);
            let mut undo = p.steps[delete].clone();
            undo.subject = "core-b".to_owned();
            undo.preconditions = vec![Condition::NodegroupIdentity {
                nodegroup: "core-b".to_owned(),
                arn: String::new(),
                created_at: String::new(),
            }];
            p.steps.push(undo);
        },
        "admitted",
    ),
];

#[test]
fn a_plan_begins_on_its_cluster_and_as_it_was() {
    let stage = Stage::new("1.31", "1.32", true);
    let planned = stage.plan();
    let mut wrong = Vec::new();
    for (what, edit, expected) in ROWS {
        let (mut plan, mut observed) = (planned.plan.clone(), stage.observed.clone());
        edit(&mut plan, &mut observed);
        let said = match admit(&plan, &observed, start()) {
            Ok(()) => "admitted".to_owned(),
            Err(Refusal { why, unknown: true }) => format!("unknown: {why}"),
            Err(Refusal {
                why,
                unknown: false,
            }) => format!("refused: {why}"),
        };
        if !said.starts_with(expected) {
            wrong.push(format!("{what}: not `{expected}`, but `{said}`"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A resumed run asks for the cluster, and not for the state that it has changed itself.
#[test]
fn a_run_goes_on_only_on_its_cluster() {
    let stage = Stage::new("1.31", "1.32", true);
    let planned = stage.plan();
    let after = stage.after(&planned.plan, planned.plan.steps.len());
    assert_eq!(same_cluster(&planned.plan, &after), Ok(()));
    let mut other = after;
    other.cluster.account_id = Some("9".to_owned());
    assert!(same_cluster(&planned.plan, &other).is_err());
}
