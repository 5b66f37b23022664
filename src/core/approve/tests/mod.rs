//! Keys are fixtures that `ssh-keygen` made; times and nonces are chosen.

mod admit;
mod signers;
mod sshsig;

use super::*;
use crate::model::{Digest, Timestamp};
use crate::plan::wire::Plan;
use serde_json::{Value, json};

const ANN: &str = include_str!("../../../../testdata/approvals/test-only-ann.key");
const BOB: &str = include_str!("../../../../testdata/approvals/test-only-bob.key");
const EVE: &str = include_str!("../../../../testdata/approvals/test-only-eve-p256.key");
const HOUR: i64 = 3600;

fn now() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

fn later(seconds: i64) -> Timestamp {
    Timestamp::from_unix(now().unix() + seconds)
}

fn key(text: &str) -> SigningKey {
    SigningKey::read(text.as_bytes()).unwrap()
}

fn public(text: &str) -> PublicKey {
    key(text).public().clone()
}

/// The public half as a line of `allowed_signers` ends with it.
fn line_of(text: &str) -> &'static str {
    match text {
        ANN => include_str!("../../../../testdata/approvals/test-only-ann.key.pub"),
        BOB => include_str!("../../../../testdata/approvals/test-only-bob.key.pub"),
        EVE => include_str!("../../../../testdata/approvals/test-only-eve-p256.key.pub"),
        other => panic!("no public half of {other}"),
    }
}

fn step() -> Value {
    json!({
        "id": "upgrade-control-plane/cluster@1.33",
        "kind": "upgrade-control-plane",
        "cluster": "demo",
        "subject": "cluster",
        "before": {"version": "1.32"},
        "after": {"version": "1.33"},
        "reason": [],
        "preconditions": [],
        "actions": [],
        "wait": null,
        "disruption": {"nodes": 0, "pods": 0, "pdbs": []},
        "duration": {"min": 1, "typical": 2, "max": 3, "source": "catalog"},
        "rollback": {"kind": "nothing-to-undo"},
        "reversible_until": null,
        "irreversible": true,
    })
}

fn plan_value() -> Value {
    json!({
        "format_version": 1,
        "kind": "Plan",
        "id": "",
        "digest": "",
        "tool": {"name": "stairway", "version": "0.0.0"},
        "inputs": {
            "config": "demo.jsonnet", "evaluator": "", "imports": {}, "render_digest": "",
            "observation_digest": "", "observation_kind": "recorded", "observed_at": null,
            "at": null, "catalog_date": "", "fleet_digest": null, "git_revision": null,
            "options": {},
        },
        "name": "demo",
        "flavor": "eks",
        "identity": {"name": "demo", "region": "us-west-2", "account_id": "111122223333"},
        "preview": false,
        "from": "1.32",
        "to": "1.33",
        "differences": [],
        "steps": [step()],
        "not_now": [],
        "findings": [],
        "summary": {
            "upgrade": 1, "swap": 0, "update": 0, "create": 0, "roll_back": 0, "delete": 0,
            "phasing_out": 0, "blocked": 0, "held_back": 0,
        },
    })
}

fn read_plan(value: Value) -> Plan {
    let plan: Plan = serde_json::from_value(value).unwrap();
    plan.seal()
}

fn plan() -> Plan {
    read_plan(plan_value())
}

/// A nonce that ends in this number.
fn nonce(number: u8) -> Nonce {
    let mut bytes = [0; 16];
    bytes[15] = number;
    Nonce::of(bytes)
}

fn statement(plan: &Plan, signer: &str, number: u8) -> Statement {
    Statement {
        format_version: STATEMENT_FORMAT,
        kind: StatementKind::Approval,
        digest: Digest::try_from(plan.digest.clone()).unwrap(),
        clusters: vec![plan.identity.cluster.name.clone()],
        signer: signer.to_owned(),
        issued: now(),
        expires: later(24 * HOUR),
        nonce: nonce(number),
    }
}
