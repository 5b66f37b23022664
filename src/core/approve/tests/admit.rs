//! The gate: what passes, and each refusal by name.

use super::*;
use crate::model::DAY_SECONDS;
use std::collections::BTreeSet;

const ANN_AT: &str = "ann@example.org";
const BOB_AT: &str = "bob@example.org";
const EVE_AT: &str = "eve@example.org";
const AUTHOR: &str = "author@example.org";

/// Ann, Bob and Eve may sign; two must, and not the author; an approval counts for three days.
fn requirements(required: u32) -> Requirements {
    let (ann, bob, eve) = (line_of(ANN), line_of(BOB), line_of(EVE));
    let text = format!("{ANN_AT} {ann}{BOB_AT} {bob}{EVE_AT} {eve}");
    Requirements {
        required,
        not_author: true,
        author: Some(AUTHOR.to_owned()),
        signers: AllowedSigners::read(&text).unwrap(),
        longest: u32::try_from(3 * DAY_SECONDS).unwrap(),
    }
}

fn sign(statement: Statement, by: &str) -> Signed {
    Signed::sign(statement, &key(by)).unwrap()
}

fn approval(plan: &Plan, signer: &str, by: &str, number: u8) -> Signed {
    sign(statement(plan, signer, number), by)
}

fn with(change: impl FnOnce(&mut Statement)) -> Signed {
    let mut statement = statement(&plan(), ANN_AT, 1);
    change(&mut statement);
    sign(statement, ANN)
}

fn confirmed(plan: &Plan) -> Confirmation {
    Confirmation::by_name("demo", plan).unwrap()
}

fn try_admit(
    plan: Plan,
    requirements: &Requirements,
    signed: &[Signed],
    used: &Used,
    now: Timestamp,
) -> Result<Approved<Plan>, Refusal> {
    let confirmation = confirmed(&plan);
    admit(plan, &confirmation, requirements, signed, used, now)
}

/// Checks that the one approval does not count and that the refusal says why.
fn check_uncounted(signed: &[Signed], requirements: &Requirements, used: &Used, said: &str) {
    let refusal = try_admit(plan(), requirements, signed, used, now()).unwrap_err();
    let text = refusal.to_string();
    assert!(matches!(refusal, Refusal::TooFew { .. }), "{text}");
    assert!(text.contains(said), "`{text}` lacks `{said}`");
}

#[test]
fn one_sound_approval_is_enough_where_one_is_required() {
    let plan = plan();
    let signed = [approval(&plan, ANN_AT, ANN, 1)];
    let approved = try_admit(
        plan.clone(),
        &requirements(1),
        &signed,
        &Used::default(),
        now(),
    );
    let approved = approved.unwrap();
    assert_eq!(*approved.plan(), plan);
    assert_eq!(approved.steps.len(), 1);
    assert_eq!(approved.expires(), Some(later(24 * HOUR)));
    assert_eq!(approved.signers().collect::<Vec<_>>(), [ANN_AT]);
    assert_eq!(approved.nonces().collect::<Vec<_>>(), [&nonce(1)]);
    assert_eq!(approved.still_valid(later(24 * HOUR - 1)), Ok(()));
    let expired = approved.still_valid(later(24 * HOUR)).unwrap_err();
    let said = format!(
        "The approvals of the plan `{}` expired at 2026-11-21T12:00:00Z",
        plan.id
    );
    assert_eq!(expired.to_string(), said);
}

#[test]
fn without_required_approvals_the_confirmation_is_enough_and_nothing_expires() {
    let nobody = Requirements {
        not_author: true,
        ..Requirements::default()
    };
    let approved = try_admit(plan(), &nobody, &[], &Used::default(), now()).unwrap();
    assert_eq!(approved.expires(), None);
    assert_eq!(approved.still_valid(later(1000 * DAY_SECONDS)), Ok(()));
}

#[test]
fn n_of_m_counts_persons() {
    let plan = plan();
    let (ann, bob) = (
        approval(&plan, ANN_AT, ANN, 1),
        approval(&plan, BOB_AT, BOB, 2),
    );
    let mut short = statement(&plan, EVE_AT, 3);
    short.expires = later(HOUR);
    let eve = sign(short, EVE);
    let used = Used::default();
    let one = std::slice::from_ref(&ann);
    let refusal = try_admit(plan.clone(), &requirements(2), one, &used, now()).unwrap_err();
    let said = format!("The plan `{}` has 1 of 2 approvals", plan.id);
    assert_eq!(refusal.to_string(), said);
    let all = [eve.clone(), ann.clone(), bob];
    // The third lasts for an hour only, and two are left after it.
    let approved = try_admit(plan.clone(), &requirements(2), &all, &used, now()).unwrap();
    assert_eq!(approved.expires(), Some(later(24 * HOUR)));
    assert_eq!(approved.nonces().count(), 3);
    let approved = try_admit(plan.clone(), &requirements(3), &all, &used, now()).unwrap();
    assert_eq!(approved.expires(), Some(later(HOUR)));
    // The order of files does not matter.
    let mut turned = all.to_vec();
    turned.reverse();
    let (a, b) = (
        tally(&plan, &requirements(2), &all, &used, now()),
        tally(&plan, &requirements(2), &turned, &used, now()),
    );
    assert_eq!(a, b);
}

#[test]
fn one_person_or_one_key_counts_once() {
    let plan = plan();
    let twice = [
        approval(&plan, ANN_AT, ANN, 1),
        approval(&plan, ANN_AT, ANN, 2),
    ];
    let used = Used::default();
    check_uncounted(
        &twice,
        &requirements(2),
        &used,
        "it is of the same person as the approval",
    );
    // One key under two principals.
    let mut shared = requirements(2);
    let text = format!("{ANN_AT},{BOB_AT} {}", line_of(ANN));
    shared.signers = AllowedSigners::read(&text).unwrap();
    let two_names = [
        approval(&plan, ANN_AT, ANN, 1),
        approval(&plan, BOB_AT, ANN, 2),
    ];
    check_uncounted(
        &two_names,
        &shared,
        &used,
        "it is of the same key as the approval",
    );
    // One principal with two keys, written in two ways.
    let text = format!("{ANN_AT} {}ANN@example.org {}", line_of(ANN), line_of(BOB));
    shared.signers = AllowedSigners::read(&text).unwrap();
    let two_keys = [
        approval(&plan, ANN_AT, ANN, 1),
        approval(&plan, "ANN@example.org", BOB, 2),
    ];
    check_uncounted(
        &two_keys,
        &shared,
        &used,
        "it is of the same person as the approval",
    );
}

#[test]
fn law_6_an_approval_of_a_plan_that_differs_by_one_byte_never_counts() {
    let before = plan();
    let signed = [approval(&before, ANN_AT, ANN, 1)];
    let mut value = plan_value();
    value["steps"][0]["reason"] = json!(["."]);
    let after = read_plan(value);
    let refusal = try_admit(after, &requirements(1), &signed, &Used::default(), now());
    let text = refusal.unwrap_err().to_string();
    let said = format!("it approves another plan, {}", before.digest);
    assert!(text.contains(&said), "{text}");
    // The same change under the approved digest.
    let mut forged = before.clone();
    forged.steps[0].reason = vec![".".to_owned()];
    let refusal = try_admit(forged, &requirements(1), &signed, &Used::default(), now());
    assert!(
        matches!(refusal, Err(Refusal::Changed { .. })),
        "{refusal:?}"
    );
    let mut renamed = before;
    renamed.id = "other-000000000000".to_owned();
    let refusal = try_admit(renamed, &requirements(1), &signed, &Used::default(), now());
    assert!(
        matches!(refusal, Err(Refusal::Changed { .. })),
        "{refusal:?}"
    );
}

#[test]
fn law_6_no_change_of_a_statement_or_signature_counts() {
    let plan = plan();
    let one = approval(&plan, ANN_AT, ANN, 1);
    let (ours, used) = (requirements(1), Used::default());
    for index in 0..one.bytes().len() {
        for bit in 0..8 {
            let mut bytes = one.bytes().to_vec();
            bytes[index] ^= 1 << bit;
            let Ok(changed) = Signed::read(bytes, one.armored().as_bytes()) else {
                continue;
            };
            let outcome = try_admit(plan.clone(), &ours, &[changed], &used, now());
            assert!(
                matches!(outcome, Err(Refusal::TooFew { .. })),
                "byte {index}"
            );
        }
    }
}

#[test]
fn each_reason_not_to_count_is_named() {
    let (ours, fresh) = (requirements(1), Used::default());
    let rows: [(Signed, &str); 9] = [
        (
            with(|s| s.issued = later(301)),
            "it was issued at 2026-11-20T12:05:01Z, which is in the future",
        ),
        (
            with(|s| s.expires = now()),
            "it expired at 2026-11-20T12:00:00Z",
        ),
        (
            with(|s| s.expires = later(-1)),
            "it expired at 2026-11-20T11:59:59Z",
        ),
        (
            with(|s| {
                s.issued = later(-3 * DAY_SECONDS);
                s.expires = later(30 * DAY_SECONDS);
            }),
            "it expired at 2026-11-20T12:00:00Z",
        ),
        (
            with(|s| s.clusters = vec!["prod".to_owned()]),
            "it names `prod` and the plan changes `demo`",
        ),
        (with(|s| s.clusters = Vec::new()), "it names no cluster and"),
        (
            with(|s| s.clusters.push("prod".to_owned())),
            "it names `demo`, `prod` and",
        ),
        (
            with(|s| s.signer = BOB_AT.to_owned()),
            "the signers allow no key SHA256:",
        ),
        (
            with(|s| s.signer = AUTHOR.to_owned()),
            "the signers allow no key SHA256:",
        ),
    ];
    for (signed, said) in rows {
        check_uncounted(&[signed], &ours, &fresh, said);
    }
}

#[test]
fn a_signature_that_is_something_else_is_named() {
    let (ours, fresh) = (requirements(1), Used::default());
    let bytes = with(|_| ()).bytes().to_vec();
    let elsewhere = key(ANN).sign_in("git", &bytes).unwrap().armored();
    let elsewhere = Signed::read(bytes.clone(), elsewhere.as_bytes()).unwrap();
    check_uncounted(
        &[elsewhere],
        &ours,
        &fresh,
        "its signature is for `git` and not for `stairway-plan`",
    );
    let other = with(|s| s.nonce = nonce(2)).armored();
    let wrong = Signed::read(bytes.clone(), other.as_bytes()).unwrap();
    check_uncounted(&[wrong], &ours, &fresh, "its signature is wrong");
    let rsa = include_bytes!("../../../../testdata/approvals/statement.rsa.sig");
    let rsa = Signed::read(bytes, rsa).unwrap();
    check_uncounted(
        &[rsa],
        &ours,
        &fresh,
        "keys of type `ssh-rsa` cannot be checked here",
    );
    let used = Used {
        nonces: BTreeSet::from([nonce(1)]),
        ..Used::default()
    };
    check_uncounted(
        &[with(|_| ())],
        &ours,
        &used,
        "an earlier run has consumed it",
    );
}

#[test]
fn the_times_and_namespaces_of_the_signers_bind() {
    let ann = line_of(ANN);
    let rows = [
        (
            "valid-after=\"20261121Z\"",
            "the signers do not allow the key at 2026-11-20T12:00:00Z",
        ),
        (
            "valid-before=\"20261120Z\"",
            "the signers do not allow the key at",
        ),
        ("namespaces=\"git\"", "for other namespaces"),
    ];
    for (options, said) in rows {
        let mut ours = requirements(1);
        ours.signers = AllowedSigners::read(&format!("{ANN_AT} {options} {ann}")).unwrap();
        check_uncounted(&[with(|_| ())], &ours, &Used::default(), said);
    }
    // A key that was taken back cannot sign for the time before.
    let mut ours = requirements(1);
    let text = format!("{ANN_AT} valid-before=\"202611201100Z\" {ann}");
    ours.signers = AllowedSigners::read(&text).unwrap();
    let backdated = with(|s| s.issued = later(-2 * HOUR));
    check_uncounted(
        &[backdated],
        &ours,
        &Used::default(),
        "do not allow the key at 2026-11-20T12:00:00Z",
    );
}

#[test]
fn an_approval_counts_to_the_second_before_it_expires() {
    let plan = plan();
    let signed = [approval(&plan, ANN_AT, ANN, 1)];
    let ours = requirements(1);
    let used = Used::default();
    for (at, counts) in [
        (-301, false),
        (-300, true),
        (0, true),
        (24 * HOUR - 1, true),
        (24 * HOUR, false),
    ] {
        let outcome = try_admit(plan.clone(), &ours, &signed, &used, later(at));
        assert_eq!(outcome.is_ok(), counts, "at {at}");
    }
    // The owner's limit binds, whatever the statement says.
    let long = [with(|s| s.expires = later(300 * DAY_SECONDS))];
    let approved = try_admit(plan, &ours, &long, &used, now()).unwrap();
    assert_eq!(approved.expires(), Some(later(3 * DAY_SECONDS)));
}

#[test]
fn a_revocation_takes_back_the_signers_own_approvals_so_far() {
    let plan = plan();
    let ours = requirements(1);
    let used = Used::default();
    let approved = approval(&plan, ANN_AT, ANN, 1);
    let revocation = |signer: &str, by: &str, at: i64| {
        let mut own = statement(&plan, signer, 9);
        own.kind = StatementKind::Revocation;
        own.issued = later(at);
        own.expires = later(at);
        sign(own, by)
    };
    let revoked = "`ann@example.org` revoked it at 2026-11-20T12:00:00Z";
    check_uncounted(
        &[approved.clone(), revocation(ANN_AT, ANN, 0)],
        &ours,
        &used,
        revoked,
    );
    let still = [
        revocation(ANN_AT, ANN, -1),
        revocation(BOB_AT, BOB, 1),
        revocation(ANN_AT, BOB, 1),
    ];
    for other in still {
        let both = [approved.clone(), other];
        assert!(
            try_admit(plan.clone(), &ours, &both, &used, now()).is_ok(),
            "{both:?}"
        );
    }
    let mut forged = revocation(ANN_AT, ANN, 0).bytes().to_vec();
    let elsewhere = key(ANN).sign_in("git", &forged).unwrap().armored();
    let elsewhere = Signed::read(std::mem::take(&mut forged), elsewhere.as_bytes()).unwrap();
    let both = [approved.clone(), elsewhere];
    assert!(try_admit(plan.clone(), &ours, &both, &used, now()).is_ok());
    // A revocation approves nothing, and a later approval counts again.
    check_uncounted(&[revocation(ANN_AT, ANN, 0)], &ours, &used, "0 of 1");
    let mut again = statement(&plan, ANN_AT, 3);
    again.issued = later(1);
    let all = [approved, revocation(ANN_AT, ANN, 0), sign(again, ANN)];
    let outcome = try_admit(plan.clone(), &ours, &all, &used, later(2)).unwrap();
    assert_eq!(outcome.nonces().collect::<Vec<_>>(), [&nonce(3)]);
}

#[test]
fn the_author_does_not_approve_the_own_change() {
    let signed = [with(|_| ())];
    let used = Used::default();
    let mut ours = requirements(1);
    ours.author = Some("Ann@Example.org".to_owned());
    check_uncounted(
        &signed,
        &ours,
        &used,
        "`ann@example.org` is the author of the change",
    );
    // Nor under another name that the key has.
    ours.author = Some(AUTHOR.to_owned());
    let text = format!("{ANN_AT},{AUTHOR} {}", line_of(ANN));
    ours.signers = AllowedSigners::read(&text).unwrap();
    check_uncounted(
        &signed,
        &ours,
        &used,
        "`ann@example.org` is the author of the change",
    );
    ours.not_author = false;
    assert!(try_admit(plan(), &ours, &signed, &used, now()).is_ok());
    let mut unknown = requirements(1);
    unknown.author = None;
    let refusal = try_admit(plan(), &unknown, &signed, &used, now()).unwrap_err();
    assert!(
        matches!(refusal, Refusal::AuthorUnknown { .. }),
        "{refusal}"
    );
    unknown.not_author = false;
    assert!(try_admit(plan(), &unknown, &signed, &used, now()).is_ok());
}

#[test]
fn the_run_that_consumed_approvals_may_go_on_until_they_expire() {
    let signed = [with(|_| ())];
    let resumed = Used {
        nonces: BTreeSet::from([nonce(1)]),
        finished: false,
        resuming: true,
    };
    let ours = requirements(1);
    assert!(try_admit(plan(), &ours, &signed, &resumed, later(HOUR)).is_ok());
    let expired = try_admit(plan(), &ours, &signed, &resumed, later(24 * HOUR)).unwrap_err();
    assert!(expired.to_string().contains("it expired at"), "{expired}");
    let finished = Used {
        finished: true,
        ..resumed
    };
    let refusal = try_admit(plan(), &ours, &signed, &finished, now()).unwrap_err();
    let said = format!(
        "The plan `{}` already ran to its end, and a plan runs once",
        plan().id
    );
    assert_eq!(refusal.to_string(), said);
}

#[test]
fn plans_that_nobody_can_approve_are_refused_first() {
    type Row = (&'static str, Value, &'static str);
    let rows: [Row; 4] = [
        (
            "preview",
            json!(true),
            "is a preview: its live side was assumed and not read",
        ),
        (
            "flavor",
            json!("eks-anywhere"),
            "is for a cluster of flavor `eks-anywhere`, and this build acts on `eks` only",
        ),
        ("steps", json!([]), "has no step that can run: it is empty"),
        ("flavor", json!("\u{1b}"), "is for a cluster of flavor"),
    ];
    for (key, value, said) in rows {
        let mut changed = plan_value();
        changed[key] = value;
        let plan = read_plan(changed);
        let signed = [approval(&plan, ANN_AT, ANN, 1)];
        let refusal = try_admit(
            plan.clone(),
            &requirements(1),
            &signed,
            &Used::default(),
            now(),
        );
        let text = refusal.unwrap_err().to_string();
        assert!(
            text.starts_with("The plan `demo-") && text.contains(said),
            "{text}"
        );
        assert!(check_plan(&plan).is_err());
    }
    let mut held = plan_value();
    let mut later_step = step();
    later_step["blocked_by"] = json!([{"code": "R4", "subject": "x", "why": "y"}]);
    held["steps"] = json!([]);
    held["not_now"] = json!([later_step]);
    let text = check_plan(&read_plan(held)).unwrap_err().to_string();
    assert!(
        text.contains("no step that can run: its only step is held back"),
        "{text}"
    );
    assert_eq!(check_plan(&plan()), Ok(()));
}

#[test]
fn a_confirmation_is_of_one_plan() {
    let plan = plan();
    let hex = plan.digest.strip_prefix("sha256:").unwrap();
    for good in [
        &hex[..12],
        hex,
        plan.digest.as_str(),
        &hex[..40].to_ascii_uppercase(),
    ] {
        assert!(Confirmation::by_digest(good, &plan).is_ok(), "{good}");
    }
    let mut wrong = hex[..12].to_owned();
    wrong.replace_range(11..12, if wrong.ends_with('0') { "1" } else { "0" });
    for bad in [
        "",
        "sha256:",
        &hex[..11],
        &hex[1..14],
        &wrong,
        &format!("{hex}0"),
        "zzzzzzzzzzzz",
        "äääääääääääää",
    ] {
        assert!(Confirmation::by_digest(bad, &plan).is_err(), "{bad}");
    }
    assert!(Confirmation::by_name("demo\n", &plan).is_ok());
    for bad in ["", "Demo", "dem", "demo2", "*"] {
        assert!(Confirmation::by_name(bad, &plan).is_err(), "{bad}");
    }
    let mut value = plan_value();
    value["to"] = json!("1.34");
    let other = read_plan(value);
    let refusal = admit(
        plan.clone(),
        &confirmed(&other),
        &Requirements::default(),
        &[],
        &Used::default(),
        now(),
    );
    let said = format!("The plan `{}` is not the one that was confirmed", plan.id);
    assert_eq!(refusal.unwrap_err().to_string(), said);
}
