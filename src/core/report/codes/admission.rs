//! Findings about who and what an API server lets in.

use super::Page;
use crate::plan::wire::Severity;

pub(super) static PAGES: &[Page] = &[
    Page {
        code: "STW-WEBHOOK",
        title: "an admission webhook that fails closed would have nobody to answer it",
        meaning: "A webhook with `failurePolicy: Fail` is asked about pods, evictions, nodes or leases. All pods of its service run on a group that is emptied and no budget keeps one of them, or none runs at all.",
        why: "While nobody answers, the API server refuses what the webhook is asked about. When that is every pod, the webhook's own pods are refused too, and only taking the webhook away ends it. It holds back the drain where the webhook stops itself, and is a warning where it comes back by itself, or where its selectors choose whom it sees.",
        remedy: "Run two replicas or more with a PodDisruptionBudget (`kubectl create poddisruptionbudget NAME --selector=KEY=VALUE --min-available=1`), or leave its own namespace out by its `namespaceSelector`.",
        source: "kubernetes.io, Dynamic Admission Control, failure policy; Amazon EKS Best Practices Guide, control plane, admission webhooks",
        url: Some(
            "https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#failure-policy",
        ),
        severities: &[Severity::Blocking, Severity::Warning],
        waivable: true,
        applies: "observations that hold webhooks, with the selectors of their services",
    },
    Page {
        code: "STW-AWS-AUTH",
        title: "nodes would lose their entry in the ConfigMap aws-auth",
        meaning: "A self-managed group goes whose instance role other groups have too, and `aws-auth` maps that role no more often than groups with it are deleted. Or several entries for one role differ.",
        why: "eksctl removes one entry of the role with each group that it deletes, whoever else needs it; the other nodes then become NotReady. Of several entries for one role only the last one counts.",
        remedy: "Append one more entry first (`eksctl create iamidentitymapping --arn ROLE …`), or give the nodes access entries: `eksctl utils migrate-to-access-entry`. Remove entries that should not count: `kubectl -n kube-system edit configmap aws-auth`.",
        source: "eksctl issues #1703 and #1368; eksctl, pkg/authconfigmap; aws/containers-roadmap #755",
        url: Some("https://github.com/eksctl-io/eksctl/issues/1703"),
        severities: &[Severity::Blocking, Severity::Warning],
        waivable: true,
        applies: "clusters whose authenticationMode is CONFIG_MAP or API_AND_CONFIG_MAP",
    },
];
