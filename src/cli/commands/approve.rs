//! `stairway approve`

use crate::approvals::{self, ApprovalsError, OwnerPolicy, SIGNATURE_ENDING, SIGNED_BYTES_MAX};
use crate::cli::ambient::Ambient;
use crate::cli::args::ApproveFormat;
use crate::cli::branch::{self, Reach};
use crate::cli::error::CliError;
use crate::cli::exit_code;
use crate::cli::request::{ApproveAct, ApproveRequest};
use crate::cli::session::Session;
use crate::files;
use crate::store::branch::{BranchStore, Told};
use crate::store::{self, Stored};
use serde::Serialize;
use stairway_core::approve::{
    ConfirmationError, KeyError, NAMESPACE, Nonce, PublicKey, Refusal, Requirements, Signed,
    SigningKey, Statement, StatementKind, Tally, Used, WhyNot, check_plan, check_revocation, tally,
};
use stairway_core::plan::wire::Plan;
use stairway_core::policy::settings::write_duration;
use stairway_core::report::is_steering;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The major format version of what `--format json` prints.
const APPROVALS_FORMAT: u32 = 1;
/// An RSA key of 16384 bits has under 16 kB.
const KEY_BYTES_MAX: u64 = 64 << 10;
/// Who besides its owner may read or write a file.
const OTHERS: u32 = 0o077;

/// A plan with everything that its approval depends on.
struct Case {
    plan: Plan,
    dir: PathBuf,
    requirements: Requirements,
    signed: Vec<Signed>,
    /// What this run wrote.
    written: Option<PathBuf>,
}

/// Signs a plan, takes back an own signature, or takes in one that was made elsewhere.
///
/// # Errors
/// There is no such plan, it cannot be approved, or the signature would not count.
pub(crate) fn run(session: &mut Session<'_>, request: &ApproveRequest) -> Result<u8, CliError> {
    let reach = match &request.act {
        ApproveAct::Statement { .. } => Reach::Read,
        ApproveAct::Sign { .. } | ApproveAct::Import { .. } => Reach::Write,
    };
    let store = match &request.store {
        Some(option) => Some(branch::open_filled(session, option, reach)?),
        None => None,
    };
    let mut cases = cases(session, request, store.as_deref())?;
    match &request.act {
        ApproveAct::Statement { key, signer, kind } => {
            let statement = match cases.as_slice() {
                [case] => {
                    let key = key
                        .as_deref()
                        .map(|path| public_half(session.ambient, path))
                        .transpose()?;
                    let signer = principal(case, signer.as_deref(), key.as_ref())?;
                    statement(session.ambient, request, case, *kind, &signer)?
                }
                several => return Err(one_plan_each(several.len())),
            };
            session.terminal.bytes(&statement.bytes())?;
            let plan = &request.plan;
            session.terminal.say(&by_hand("KEY", plan));
            return Ok(exit_code::DONE);
        }
        ApproveAct::Sign { key, signer, kind } => {
            let key = signing_key(session.ambient, key, &request.plan)?;
            let mut subjects = 0_usize;
            for case in &mut cases {
                let signer = principal(case, signer.as_deref(), Some(key.public()))?;
                if *kind == StatementKind::Revocation && !has_own(case, &signer, key.public()) {
                    continue;
                }
                subjects += 1;
                let statement = statement(session.ambient, request, case, *kind, &signer)?;
                let signed = Signed::sign(statement, &key).map_err(|error| unusable(&error))?;
                keep(session, case, signed)?;
            }
            if subjects == 0 {
                return Err(CliError::refused(format!(
                    "Revoking the approval of `{}` failed: there is none of this signer",
                    request.plan
                )));
            }
        }
        ApproveAct::Import { signature } => {
            let signed = read_import(session.ambient, signature)?;
            let digest = signed.statement().digest.to_string();
            let Some(case) = cases.iter_mut().find(|case| case.plan.digest == digest) else {
                return Err(CliError::refused(format!(
                    "Importing `{}` failed: it is about the plan with the digest {digest}, and `{}` is another",
                    signature.display(),
                    request.plan
                )));
            };
            keep(session, case, signed)?;
        }
    }
    if let Some(store) = store {
        publish(session, &store, &cases)?;
    }
    show(session, request, &cases)?;
    Ok(exit_code::DONE)
}

/// Publishes what was signed. A signature that others cannot see is none, so it does not stay here either.
fn publish(session: &mut Session<'_>, store: &BranchStore, cases: &[Case]) -> Result<(), CliError> {
    let written = || cases.iter().filter(|case| case.written.is_some());
    let ids: Vec<String> = written().map(|case| case.plan.id.clone()).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let told = Told {
        subject: match ids.as_slice() {
            [one] => format!("{one}: signed"),
            several => format!("{} plans: signed", several.len()),
        },
        trailers: Vec::new(),
    };
    match store.publish(&ids, false, &told, session.ambient.now) {
        Ok(_) => {
            let line = format!("Put the signature on {}", store.said());
            session.terminal.say(&line);
            Ok(())
        }
        Err(error) => {
            for path in written().filter_map(|case| case.written.as_ref()) {
                let signature = format!("{}{SIGNATURE_ENDING}", path.display());
                files::remove(path)?;
                files::remove(Path::new(&signature))?;
            }
            Err(error.into())
        }
    }
}

/// Reads the plans and what their approvals depend on. Of a set, those that cannot run are left out.
fn cases(
    session: &mut Session<'_>,
    request: &ApproveRequest,
    branch: Option<&BranchStore>,
) -> Result<Vec<Case>, CliError> {
    let (named, cwd, folders) = match branch {
        None => (
            request.plan.clone(),
            session.ambient.cwd.clone(),
            request.folders.clone(),
        ),
        Some(branch) => {
            let folder = branch.folder().to_path_buf();
            let named = branch::plain_name(branch, &request.plan)?;
            (named, folder.clone(), vec![folder])
        }
    };
    let stored = store::open(&named, &cwd, &folders).map_err(|error| match branch {
        Some(branch) => branch::not_found(branch, error),
        None => error.into(),
    })?;
    let (plans, alone) = match stored {
        Stored::Plan(plan) => (vec![*plan], true),
        Stored::Set(set) => (set.clusters, false),
    };
    let policy = OwnerPolicy::read(&request.policy)?;
    let mut notes = BTreeSet::new();
    let mut cases = Vec::new();
    for plan in plans {
        if let Err(refusal) = check_plan(&plan) {
            if alone {
                return Err(refusal.into());
            }
            notes.insert(format!("left out: {refusal}"));
            continue;
        }
        let dir = approvals::plan_dir(&plan, &named, &cwd, &folders)?;
        let (requirements, own) = policy.requirements(&plan)?;
        notes.extend(own);
        let (signed, own) = approvals::read_signed(&dir);
        notes.extend(own.into_iter().map(|note| format!("{}: {note}", plan.id)));
        cases.push(Case {
            plan,
            dir,
            requirements,
            signed,
            written: None,
        });
    }
    for note in &notes {
        session.terminal.warn(note);
    }
    if cases.is_empty() {
        let message = format!("No plan of `{}` can be approved", request.plan);
        return Err(
            CliError::refused(message).hint(format!("`stairway show {}` says why", request.plan))
        );
    }
    Ok(cases)
}

/// Returns in whose name is signed: as told, or the one principal that the signers give the key.
fn principal(case: &Case, told: Option<&str>, key: Option<&PublicKey>) -> Result<String, CliError> {
    if let Some(told) = told {
        return Ok(told.to_owned());
    }
    let Some(key) = key else {
        return Err(CliError::usage("Nobody is named who signs")
            .hint("add `--signer PRINCIPAL`, or `--key FILE` with a key that the signers list"));
    };
    let signers = &case.requirements.signers;
    match signers.principals_of(key).as_slice() {
        [one] => Ok(one.clone()),
        [] if signers.lists(key) || (signers.is_empty() && case.requirements.required == 0) => {
            let fingerprint = key.fingerprint();
            Err(
                CliError::usage(format!("The signers name nobody for the key {fingerprint}"))
                    .hint("say who signs with `--signer PRINCIPAL`"),
            )
        }
        [] => Err(CliError::refused(format!(
            "Approving the plan `{}` failed: the signers do not list the key {}",
            case.plan.id,
            key.fingerprint()
        ))
        .hint("have the key added to the file that `policy.approvals.signers` names")),
        several => Err(CliError::usage(format!(
            "The key {} belongs to several principals: {}",
            key.fingerprint(),
            several.join(", ")
        ))
        .hint(format!("choose one: `--signer {}`", several[0]))),
    }
}

fn statement(
    ambient: &Ambient,
    request: &ApproveRequest,
    case: &Case,
    kind: StatementKind,
    signer: &str,
) -> Result<Statement, CliError> {
    let longest = case.requirements.longest;
    let seconds = request.expires.unwrap_or(longest);
    if seconds > longest {
        let (asked, longest) = (write_duration(seconds), write_duration(longest));
        return Err(CliError::usage(format!(
            "`--expires {asked}` is longer than the fleet allows, {longest}"
        ))
        .hint(format!("`--expires {longest}`")));
    }
    let bytes = Ambient::nonce()
        .map_err(|error| CliError::user(format!("Making a nonce failed: {error}")))?;
    Statement::about(
        &case.plan,
        kind,
        signer,
        (ambient.now, seconds),
        Nonce::of(bytes),
    )
    .map_err(|error| CliError::usage(format!("Signing as `{signer}` failed: {error}")))
}

fn has_own(case: &Case, signer: &str, key: &PublicKey) -> bool {
    case.signed.iter().any(|one| {
        let statement = one.statement();
        statement.kind == StatementKind::Approval
            && statement.digest.to_string() == case.plan.digest
            && (statement.signer.eq_ignore_ascii_case(signer) || one.key() == key)
    })
}

/// Writes a signature that counts; another is refused with the reason.
fn keep(session: &mut Session<'_>, case: &mut Case, signed: Signed) -> Result<(), CliError> {
    let mut all = case.signed.clone();
    all.push(signed.clone());
    let nonce = signed.statement().nonce.clone();
    let weighed = match signed.statement().kind {
        StatementKind::Revocation => check_revocation(&case.plan, &case.requirements, &signed),
        StatementKind::Approval => {
            let tally = count(session, case, &all);
            match tally.verdict(&nonce) {
                Some(Err(why)) => Err(why.clone()),
                Some(Ok(())) | None => Ok(()),
            }
        }
    };
    let signer = &signed.statement().signer;
    let unchecked = case.requirements.signers.is_empty() && case.requirements.required == 0;
    match weighed {
        Ok(()) => {}
        Err(WhyNot::Signer { .. }) if unchecked => session.terminal.warn(
            "no approval is required, and there is no file of signers that this one could be checked against",
        ),
        Err(WhyNot::Twice { .. }) => {
            session.terminal.warn(&format!(
                "`{signer}` has approved the plan `{}` already, for as long",
                case.plan.id
            ));
            return Ok(());
        }
        Err(why) => {
            return Err(CliError::refused(format!(
                "Approving the plan `{}` as `{signer}` failed: {why}",
                case.plan.id
            )));
        }
    }
    case.written = Some(approvals::write_signed(&case.dir, &signed)?);
    case.signed = all;
    Ok(())
}

/// What earlier runs consumed is the business of `apply`.
fn count(session: &Session<'_>, case: &Case, signed: &[Signed]) -> Tally {
    let (requirements, now) = (&case.requirements, session.ambient.now);
    tally(&case.plan, requirements, signed, &Used::default(), now)
}

fn signing_key(ambient: &Ambient, path: &Path, plan: &str) -> Result<SigningKey, CliError> {
    let shown = path.display();
    let full = ambient.cwd.join(path);
    let mode = files::mode_of(&full)?;
    if mode & OTHERS != 0 {
        return Err(CliError::refused(format!(
            "Reading the key `{shown}` failed: others than its owner may read it (mode {mode:04o})"
        ))
        .hint(format!("`chmod 600 {shown}`")));
    }
    let bytes = files::read_bounded(&full, KEY_BYTES_MAX)?;
    SigningKey::read(&bytes).map_err(|error| {
        let told = CliError::user(format!("Reading the key `{shown}` failed: {error}"));
        match &error {
            KeyError::Public => told.hint(format!(
                "name the private half: `--key {}`",
                shown.to_string().trim_end_matches(".pub")
            )),
            KeyError::Encrypted => told.hint(by_hand(&shown.to_string(), plan)),
            KeyError::Unsupported { .. } => {
                let checked = SigningKey::public_half(&bytes).is_ok_and(|key| key.is_supported());
                if checked {
                    told.hint(by_hand(&shown.to_string(), plan))
                } else {
                    told.hint("make one that can: `ssh-keygen -t ed25519`")
                }
            }
            KeyError::NotAKey { .. } => told.hint("make one with `ssh-keygen -t ed25519`"),
        }
    })
}

fn public_half(ambient: &Ambient, path: &Path) -> Result<PublicKey, CliError> {
    let bytes = files::read_bounded(&ambient.cwd.join(path), KEY_BYTES_MAX)?;
    SigningKey::public_half(&bytes).map_err(|error| {
        CliError::user(format!(
            "Reading the key `{}` failed: {error}",
            path.display()
        ))
    })
}

/// How to sign with OpenSSH's own tool, which knows passphrases, agents and hardware keys.
fn by_hand(key: &str, plan: &str) -> String {
    format!(
        "sign with OpenSSH: `stairway approve {plan} --statement --key {key} > STATEMENT`, \
         `ssh-keygen -Y sign -n {NAMESPACE} -f {key} STATEMENT`, \
         `stairway approve {plan} --import STATEMENT{SIGNATURE_ENDING}`"
    )
}

/// Reads a signature and the statement beside it, where `ssh-keygen -Y sign` leaves them.
fn read_import(ambient: &Ambient, signature: &Path) -> Result<Signed, CliError> {
    let shown = signature.display().to_string();
    let Some(statement) = shown.strip_suffix(SIGNATURE_ENDING) else {
        return Err(CliError::usage(format!(
            "`--import {shown}` does not end in `{SIGNATURE_ENDING}`"
        ))
        .hint(format!("`ssh-keygen -Y sign -n {NAMESPACE} -f KEY STATEMENT` writes `STATEMENT{SIGNATURE_ENDING}`")));
    };
    let read = |name: &str| files::read_bounded(&ambient.cwd.join(name), SIGNED_BYTES_MAX);
    Signed::read(read(statement)?, &read(&shown)?)
        .map_err(|error| CliError::user(format!("Importing `{shown}` failed: {error}")))
}

/// One plan as it is printed.
#[derive(Serialize)]
struct Shown {
    id: String,
    digest: String,
    cluster: String,
    flavor: String,
    account_id: Option<String>,
    region: String,
    from: Option<String>,
    to: Option<String>,
    steps: usize,
    held_back: usize,
    first_irreversible: Option<String>,
    required: u32,
    approved: bool,
    approvals: Vec<ShownApproval>,
    written: Option<String>,
}

/// One approval as it is printed.
#[derive(Serialize)]
struct ShownApproval {
    signer: String,
    nonce: String,
    counts: bool,
    expires: Option<String>,
    why_not: Option<String>,
}

fn shown(session: &Session<'_>, case: &Case) -> Shown {
    let plan = &case.plan;
    let Tally { counted, others } = count(session, case, &case.signed);
    let required = case.requirements.required;
    let approved = counted.len() >= usize::try_from(required).unwrap_or(usize::MAX);
    let mut approvals: Vec<ShownApproval> = counted
        .into_iter()
        .map(|one| ShownApproval {
            signer: one.signer,
            nonce: one.nonce.to_string(),
            counts: true,
            expires: Some(one.expires.to_string()),
            why_not: None,
        })
        .collect();
    approvals.extend(others.into_iter().map(|one| ShownApproval {
        signer: one.signer,
        nonce: one.nonce.to_string(),
        counts: false,
        expires: None,
        why_not: Some(one.why.to_string()),
    }));
    let relative = |path: &PathBuf| {
        let inner = path.strip_prefix(&session.ambient.cwd).unwrap_or(path);
        inner.display().to_string()
    };
    Shown {
        id: plan.id.clone(),
        digest: plan.digest.clone(),
        cluster: plan.identity.cluster.name.clone(),
        flavor: plan.flavor.clone(),
        account_id: plan.identity.cluster.account_id.clone(),
        region: plan.identity.cluster.region.clone(),
        from: plan.from.map(|minor| minor.to_string()),
        to: plan.to.map(|minor| minor.to_string()),
        steps: plan.steps.len(),
        held_back: plan.not_now.len(),
        first_irreversible: plan
            .points_of_no_return()
            .next()
            .map(|step| step.id.clone()),
        required,
        approved,
        approvals,
        written: case.written.as_ref().map(relative),
    }
}

fn show(
    session: &mut Session<'_>,
    request: &ApproveRequest,
    cases: &[Case],
) -> Result<(), CliError> {
    let plans: Vec<Shown> = cases.iter().map(|case| shown(session, case)).collect();
    match request.format {
        ApproveFormat::Json => {
            let document = serde_json::json!({
                "format_version": APPROVALS_FORMAT,
                "kind": "Approvals",
                "plans": plans,
            });
            session.terminal.bytes(&store::json_line(&document))?;
        }
        ApproveFormat::Table => {
            let arrow = if session.ambient.unicode { "→" } else { "->" };
            let texts: Vec<String> = plans.iter().map(|plan| table(plan, arrow)).collect();
            session.terminal.data(&texts.join("\n"))?;
        }
    }
    Ok(())
}

fn table(plan: &Shown, arrow: &str) -> String {
    let unknown = || "unknown".to_owned();
    let minor = |minor: &Option<String>| minor.clone().unwrap_or_else(unknown);
    let have = plan.approvals.iter().filter(|one| one.counts).count();
    let later = match plan.held_back {
        0 => String::new(),
        count => format!(", {count} held back"),
    };
    let mut rows = vec![
        ("Plan", plan.id.clone()),
        ("Cluster", format!("{} ({})", plan.cluster, plan.flavor)),
        ("Account", plan.account_id.clone().unwrap_or_else(unknown)),
        ("Region", plan.region.clone()),
        (
            "Version",
            format!("{} {arrow} {}", minor(&plan.from), minor(&plan.to)),
        ),
        ("Digest", plan.digest.clone()),
        ("Steps", format!("{}{later}", plan.steps)),
        (
            "No way back after",
            plan.first_irreversible
                .clone()
                .unwrap_or_else(|| "none of them".to_owned()),
        ),
        ("Approvals", format!("{have} of {} required", plan.required)),
    ];
    for one in &plan.approvals {
        let state = match (&one.expires, &one.why_not) {
            (Some(at), _) => format!("until {at}"),
            (None, why) => format!("does not count: {}", why.as_deref().unwrap_or_default()),
        };
        rows.push(("", format!("{} {state}", one.signer)));
    }
    if let Some(path) = &plan.written {
        rows.push(("Written", path.clone()));
    }
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    rows.iter()
        .map(|(name, value)| format!("{name:width$}  {}\n", harmless(value)))
        .collect()
}

/// A plan's names must not steer the terminal, nor break the line or reorder it.
fn harmless(text: &str) -> String {
    let shown = |c: char| if is_steering(c) { '\u{fffd}' } else { c };
    text.chars().map(shown).collect()
}

fn unusable(error: &KeyError) -> CliError {
    CliError::user(format!("Signing failed: {error}"))
}

fn one_plan_each(count: usize) -> CliError {
    CliError::usage(format!(
        "`--statement` prints the statement of one plan, and {count} are named"
    ))
    .hint("name one plan by its id")
}

impl From<ApprovalsError> for CliError {
    fn from(error: ApprovalsError) -> Self {
        let (message, hint) = (error.to_string(), error.hint());
        let mut shown = match error {
            ApprovalsError::Fleet(error) => return error.into(),
            ApprovalsError::NoFleet { .. }
            | ApprovalsError::NoSigners { .. }
            | ApprovalsError::Outside { .. }
            | ApprovalsError::SignersOutside { .. } => CliError::refused(message),
            ApprovalsError::Vcs(_)
            | ApprovalsError::File(_)
            | ApprovalsError::NoRepository { .. }
            | ApprovalsError::Signers { .. }
            | ApprovalsError::SignersBytes { .. }
            | ApprovalsError::NoFolder { .. } => Self::user(message),
        };
        shown.hint = hint;
        shown
    }
}

impl From<Refusal> for CliError {
    fn from(refusal: Refusal) -> Self {
        let hint = match &refusal {
            Refusal::Preview { .. } => {
                Some("plan from a recorded or live cluster: `stairway plan --out plans`".to_owned())
            }
            Refusal::Changed { .. } | Refusal::Finished { .. } => {
                Some("make the plan again with `stairway plan --out plans`".to_owned())
            }
            Refusal::Flavor { .. } => None,
            Refusal::Nothing { id, .. } => {
                Some(format!("`stairway show {id}` says what holds steps back"))
            }
            Refusal::NotConfirmed { id } => Some(format!("`stairway show {id}`")),
            Refusal::AuthorUnknown { .. } => Some(
                "commit the change and make the plan again with `stairway plan --out plans`, \
                 or decide `policy.approvals.notAuthor: false`"
                    .to_owned(),
            ),
            Refusal::TooFew { id, .. } | Refusal::Expired { id, .. } => {
                Some(format!("`stairway approve {id} --key FILE`"))
            }
        };
        let mut shown = CliError::refused(refusal.to_string());
        shown.hint = hint;
        shown
    }
}

impl From<ConfirmationError> for CliError {
    fn from(error: ConfirmationError) -> Self {
        CliError::refused(error.to_string())
            .hint("`stairway show PLAN` prints both the digest and the name")
    }
}
