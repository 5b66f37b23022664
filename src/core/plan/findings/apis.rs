//! APIs that a hop takes away while somebody still asks for them.

use super::super::draft::{Draft, finding};
use super::super::wire::{Applies, BlockedBy, Finding, Severity};
use super::hops;
use crate::model::{
    ApiClient, DAY_SECONDS, DeprecatedApi, DeprecatedUse, Insight, Known, KubeMinor, Timestamp,
};
use std::collections::BTreeMap;

/// How often EKS refreshes insights by itself (EKS user guide, cluster-insights).
const REFRESHED_EVERY_SECONDS: i64 = DAY_SECONDS;
/// How many clients one sentence names; all are among the objects.
const CLIENTS_SHOWN: usize = 3;

/// One API in use, as told by EKS, by the API server, or by both.
#[derive(Default)]
struct Use<'a> {
    clients: Vec<&'a ApiClient>,
    /// The API server counted requests since it started.
    in_metrics: bool,
    replaced_with: Option<String>,
}

/// Group and version, and the resource: `policy/v1beta1`, `podsecuritypolicies`.
type Api = (String, String);

/// R8: the hop to the minor that stops to serve an API that is in use, and no other hop.
pub(super) fn removed_at(draft: &mut Draft<'_>, next: KubeMinor) -> Vec<BlockedBy> {
    let found: Vec<Finding> = uses(draft, next)
        .into_iter()
        .map(|(api, used)| removed(draft, next, &api, &used))
        .collect();
    let blocked = found.into_iter().flat_map(|finding| draft.block(finding));
    blocked.collect()
}

fn uses<'a>(draft: &Draft<'a>, next: KubeMinor) -> BTreeMap<Api, Use<'a>> {
    let observed = draft.input.observed;
    let mut uses: BTreeMap<Api, Use<'a>> = BTreeMap::new();
    for insight in observed.insights.items() {
        let ready = insight.category == "UPGRADE_READINESS";
        for used in insight.deprecations.iter().filter(|_| ready) {
            if stops_in(insight, used) != Some(next) {
                continue;
            }
            let mut clients = used.clients.iter().filter(|client| still_asks(client));
            let Some(first) = clients.next() else {
                continue;
            };
            let entry = uses.entry(api_of(&used.usage)).or_default();
            entry.clients.extend(std::iter::once(first).chain(clients));
            if !used.replaced_with.is_empty() {
                entry.replaced_with = Some(used.replaced_with.clone());
            }
        }
    }
    for asked in observed.deprecated_apis.items() {
        if removed_in(draft, asked) == Some(next) {
            let api = (asked.group_version.clone(), asked.resource.clone());
            uses.entry(api).or_default().in_metrics = true;
        }
    }
    uses
}

fn stops_in(insight: &Insight, used: &DeprecatedUse) -> Option<KubeMinor> {
    let stops = used.stops_in.value().or_else(|| insight.version.value());
    stops.copied()
}

/// EKS lists every removed API, most without a client; a count that nobody read is not zero.
fn still_asks(client: &ApiClient) -> bool {
    client.requests.value() != Some(&0)
}

/// Splits `/apis/policy/v1beta1/podsecuritypolicies`; the core group has `/api/v1/…`.
fn api_of(usage: &str) -> Api {
    let path = usage.trim_matches('/');
    let path = path
        .strip_prefix("apis/")
        .or_else(|| path.strip_prefix("api/"))
        .unwrap_or(path);
    match path.rsplit_once('/') {
        Some((group_version, resource)) => (group_version.to_owned(), resource.to_owned()),
        None => (path.to_owned(), String::new()),
    }
}

/// The metric says it, or the catalog does.
fn removed_in(draft: &Draft<'_>, asked: &DeprecatedApi) -> Option<KubeMinor> {
    if let Known::Value(minor) = &asked.removed_in {
        return Some(*minor);
    }
    let mut known = draft.input.catalog.removed_apis();
    let api = known.find(|api| {
        let kind = |kind: &String| plural(kind) == asked.resource;
        api.group_version == asked.group_version && api.kinds.iter().any(kind)
    });
    api.map(|api| api.removed_in)
}

/// The resource of a kind, by the rule that Kubernetes itself follows for its own kinds.
fn plural(kind: &str) -> String {
    let kind = kind.to_ascii_lowercase();
    if let Some(stem) = kind.strip_suffix('y') {
        return format!("{stem}ies");
    }
    if kind.ends_with('s') {
        return format!("{kind}es");
    }
    format!("{kind}s")
}

fn removed(draft: &Draft<'_>, next: KubeMinor, (group, resource): &Api, used: &Use<'_>) -> Finding {
    let subject = format!("api {group}/{resource}");
    let mut found = finding("STW-R8-REMOVED-API", "R8", Severity::Blocking, &subject);
    let mut clients: Vec<&ApiClient> = used.clients.clone();
    clients.sort_by(|a, b| {
        let key = |c: &ApiClient| {
            (
                std::cmp::Reverse(c.requests.value().copied()),
                c.user_agent.clone(),
            )
        };
        key(a).cmp(&key(b))
    });
    let mut who: Vec<String> = clients.iter().take(CLIENTS_SHOWN).map(|c| say(c)).collect();
    if clients.len() > CLIENTS_SHOWN {
        who.push(format!("and {} more", clients.len() - CLIENTS_SHOWN));
    }
    if used.in_metrics {
        who.push("the API server's own count since it started".to_owned());
    }
    found.message = format!(
        "{next} no longer serves `{group}` {resource}, and it is in use: {}.",
        who.join("; ")
    );
    let replacement = used
        .replaced_with
        .clone()
        .or_else(|| in_catalog(draft, group, resource));
    let first = match replacement {
        Some(new) => format!("Move these clients to `{new}`."),
        None => "There is no replacement; remove what asks for it.".to_owned(),
    };
    found.remedy = format!(
        "{first} Who asks: kubectl get --raw /metrics | grep apiserver_requested_deprecated_apis; EKS looks back 30 days."
    );
    found.source = if used.clients.is_empty() {
        "API server metric apiserver_requested_deprecated_apis; Kubernetes deprecated API migration guide"
    } else {
        "EKS API, DescribeInsight: deprecationDetails; Kubernetes deprecated API migration guide"
    }
    .to_owned();
    let mut objects: Vec<String> = clients
        .iter()
        .map(|client| format!("client {}", client.user_agent))
        .collect();
    objects.sort();
    objects.dedup();
    found.objects = objects;
    found.applies = Some(Applies {
        from: Some(next),
        ..Applies::default()
    });
    found
}

fn say(client: &ApiClient) -> String {
    let requests = match client.requests.value() {
        Some(1) => "1 request in 30 days".to_owned(),
        Some(count) => format!("{count} requests in 30 days"),
        None => "an unknown number of requests".to_owned(),
    };
    let last = match client.last_request.value() {
        Some(last) => format!(", the last on {}", last.day()),
        None => String::new(),
    };
    format!("`{}` ({requests}{last})", client.user_agent)
}

fn in_catalog(draft: &Draft<'_>, group: &str, resource: &str) -> Option<String> {
    let mut known = draft.input.catalog.removed_apis();
    let api = known.find(|api| {
        api.group_version == group && api.kinds.iter().any(|kind| plural(kind) == resource)
    });
    api.and_then(|api| api.replacement.clone())
}

/// Insights older than a day speak of another day's cluster.
pub(super) fn remark(draft: &mut Draft<'_>, to: Option<KubeMinor>) {
    if !hops(draft) {
        return;
    }
    let at = draft.input.at;
    let matters = |insight: &&Insight| {
        insight.category == "UPGRADE_READINESS"
            && insight
                .version
                .value()
                .is_none_or(|version| to.is_none_or(|to| *version <= to))
    };
    let old = |refreshed: &Timestamp| at.seconds_since(*refreshed) > REFRESHED_EVERY_SECONDS;
    let insights = draft.input.observed.insights.items().iter().filter(matters);
    let mut aged: Vec<(Timestamp, String)> = insights
        .filter_map(|insight| {
            let refreshed = insight.refreshed_at.value().copied().filter(old)?;
            Some((refreshed, format!("insight {}", insight.name)))
        })
        .collect();
    aged.sort();
    let Some((oldest, _)) = aged.first().cloned() else {
        return;
    };
    let cluster = &draft.input.desired.cluster;
    let mut found = finding("STW-R8-INSIGHT-AGE", "R8", Severity::Note, "cluster");
    found.message = format!(
        "EKS last looked at {} on {}; what came up since then is not in the insights.",
        match aged.len() {
            1 => "1 upgrade insight".to_owned(),
            count => format!("{count} upgrade insights"),
        },
        oldest.day()
    );
    found.remedy = format!(
        "aws eks start-insights-refresh --cluster-name {} --region {}; then observe and plan again",
        cluster.name, cluster.region
    );
    found.source =
        "EKS user guide, cluster-insights: refreshed every 24 hours; EKS API, StartInsightsRefresh"
            .to_owned();
    let mut objects: Vec<String> = aged.into_iter().map(|(_, object)| object).collect();
    objects.sort();
    objects.dedup();
    found.objects = objects;
    found.applies = Some(Applies {
        since: Some(Timestamp::from_unix(
            oldest.unix() + REFRESHED_EVERY_SECONDS,
        )),
        ..Applies::default()
    });
    draft.find(found);
}
