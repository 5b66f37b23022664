//! What a recorded observation tells a reviewer, beside the steps.
//!
//! | module | what it looks at |
//! |---|---|
//! | `cluster` | kubelets and kube-proxy against the control plane |
//! | `support` | support dates and what they cost |
//! | `apis` | APIs that a hop takes away, and how old EKS's word on them is |
//! | `aws_auth` | roles that the ConfigMap lets in, and what eksctl takes out of it |
//! | `addons` | the health of add-ons |
//! | `groups` | the health of groups, and stacks that are half made |
//! | `declared` | names, generations and files that git declares |
//! | `owner` | waivers and ignore rules |

pub(super) mod addons;
pub(super) mod apis;
pub(super) mod aws_auth;
mod cluster;
pub(super) mod declared;
pub(super) mod groups;
mod owner;
mod support;

pub use owner::idle_decisions;

use super::draft::Draft;
use super::wire::{BlockedBy, Severity};
use crate::model::KubeMinor;

/// What stands against this hop, for which everything before it is planned already.
pub(super) fn of_hop(draft: &mut Draft<'_>, next: KubeMinor) -> Vec<BlockedBy> {
    let mut blockers = cluster::kube_proxy_at(draft, next);
    blockers.extend(apis::removed_at(draft, next));
    blockers.extend(addons::unhealthy_core(draft));
    blockers.extend(groups::cluster_stack(draft));
    blockers
}

/// What is worth saying once the whole plan is known.
pub(super) fn remark(draft: &mut Draft<'_>, to: Option<KubeMinor>) {
    cluster::broken_now(draft);
    support::remark(draft, to);
    apis::remark(draft, to);
    addons::remark(draft);
    groups::remark(draft);
    aws_auth::remark(draft);
    super::drain::remark_webhooks(draft);
    declared::remark(draft);
    // Last: it says what the waivers covered.
    owner::remark(draft);
}

/// Returns true when a finding of this code on this subject is there already.
fn is_said(draft: &Draft<'_>, code: &str, subject: &str) -> bool {
    let mut known = draft.findings.iter();
    known.any(|finding| finding.code == code && finding.subject == subject)
}

/// Returns true when the plan raises the control plane, now or later.
fn hops(draft: &Draft<'_>) -> bool {
    let later = draft.later.iter().map(|later| &later.step);
    let mut steps = draft.steps.iter().chain(later);
    steps.any(|step| step.kind == super::wire::StepKind::UpgradeControlPlane)
}

/// Whether the plan mends what is broken decides how bad it is.
const fn mended_or_mandatory(mended: bool) -> Severity {
    if mended {
        Severity::Warning
    } else {
        Severity::Mandatory
    }
}
