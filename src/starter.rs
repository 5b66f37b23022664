//! What `init` writes: a repository that plans at once, on a world of its own.

mod ci;

pub use ci::{CI_FOLDER, CiHost};

use crate::render;
use crate::template::Template;
use serde_json::{Map, Value, json};
use stairway_core::catalog::{Catalog, SupportState};
use stairway_core::diff::{assume, effective_spec};
use stairway_core::model::clusterconfig::{Config, Desired, count_of, read_documents};
use stairway_core::model::{DAY_SECONDS, KubeMinor, Timestamp};
use std::collections::BTreeMap;

/// The template of cluster files, as it stands in the repository of this program.
pub const TEMPLATE: &str = include_str!("../templates/cluster.jsonnet");
/// The library that it imports.
pub const LIBRARY: &str = include_str!("../templates/lib/eksctl.libsonnet");
/// Where the library is in a repository.
pub const LIBRARY_PATH: &str = "lib/eksctl.libsonnet";
/// Where the template is in a repository.
pub const TEMPLATE_PATH: &str = "templates/cluster.jsonnet";
/// How a record names the template in the program.
pub const BUILTIN: &str = "builtin";
/// The fleet file, which is written last: with it, the repository is one.
pub const FLEET_PATH: &str = "fleet.yaml";

const FLEET: &str = include_str!("../templates/repository/fleet.yaml");
const README: &str = include_str!("../templates/repository/README.md");
const IGNORE: &str = include_str!("../templates/repository/gitignore");
const SIGNERS: &str = include_str!("../templates/repository/allowed_signers");

/// Nodes of a nodegroup that is never empty: enough to move pods between.
const CORE_NODES: u32 = 2;
/// Pods of services on such a group: hubs and proxies of a few hubs.
const CORE_PODS: u32 = 6;
/// Real milliseconds between two looks of a tool, so that a run can be watched.
const PACE: u32 = 20;

/// Returns the template as it stands in a repository: the library is one folder up and down.
pub fn template_text() -> String {
    TEMPLATE.replace("import 'lib/", "import '../lib/")
}

/// Returns the template in the program, read.
///
/// # Errors
/// Never: a test reads it.
pub fn template() -> Result<Template, crate::template::TemplateError> {
    Template::read(&template_text(), TEMPLATE_PATH)
}

/// Returns the newest minor in standard support at `at`; the newest offered when none is.
pub fn newest_minor(catalog: &Catalog, at: Timestamp) -> Option<KubeMinor> {
    let standard = catalog.support_windows().rev().find(|window| {
        matches!(
            catalog.support_state(window.minor, at),
            SupportState::Standard { .. }
        )
    });
    standard
        .map(|window| window.minor)
        .or_else(|| catalog.newest_offered(at))
}

/// Checks that EKS offers a minor, as far as the catalog knows. Returns why it does not, and what to type.
pub fn check_offered(
    catalog: &Catalog,
    at: Timestamp,
    minor: KubeMinor,
) -> Result<(), (String, String)> {
    let why = match catalog.support_state(minor, at) {
        SupportState::Standard { .. } | SupportState::Extended { .. } => return Ok(()),
        SupportState::NotYetOffered { from } => {
            format!("EKS offers {minor} from {} on", from.day())
        }
        SupportState::Ended { since } => {
            format!("EKS support of {minor} ended on {}", since.day())
        }
        SupportState::Uncatalogued => match catalog.newest_offered(at) {
            Some(newest) if minor > newest => {
                format!("the newest that EKS offers, as far as this stairway knows, is {newest}")
            }
            Some(_) | None => "EKS does not offer it".to_owned(),
        },
    };
    let offered: Vec<String> = catalog
        .support_windows()
        .rev()
        .map(|window| window.minor)
        .filter(|minor| {
            matches!(
                catalog.support_state(*minor, at),
                SupportState::Standard { .. } | SupportState::Extended { .. }
            )
        })
        .map(|minor| format!("--version {minor}"))
        .collect();
    Err((why, format!("EKS offers {}", offered.join(", "))))
}

/// Returns the files of a new repository by path, without the cluster's own ones.
pub fn repository(name: &str, region: &str, ci: Option<CiHost>) -> BTreeMap<String, String> {
    let fill = |text: &str| text.replace("@NAME@", name).replace("@REGION@", region);
    let mut files = BTreeMap::from([
        (FLEET_PATH.to_owned(), fill(FLEET)),
        ("README.md".to_owned(), fill(README)),
        (".gitignore".to_owned(), IGNORE.to_owned()),
        (".stairway/allowed_signers".to_owned(), SIGNERS.to_owned()),
        ("plans/.gitkeep".to_owned(), String::new()),
        (TEMPLATE_PATH.to_owned(), template_text()),
        (LIBRARY_PATH.to_owned(), LIBRARY.to_owned()),
    ]);
    let workflows = ci.map(CiHost::files).unwrap_or_default();
    files.extend(
        workflows
            .into_iter()
            .map(|(path, text)| (path.to_owned(), text.to_owned())),
    );
    files
}

/// Returns the world in which the cluster of a rendered config runs one minor behind what git asks for.
///
/// # Errors
/// A sentence: the documents are no EKS cluster, or it has no version.
pub fn world(documents: &[Value], now: Timestamp, catalog: &Catalog) -> Result<String, String> {
    let configs = read_documents(documents).map_err(|error| error.to_string())?;
    let [Config::Eks(desired)] = configs.as_slice() else {
        return Err("a world is made for one EKS cluster".to_owned());
    };
    let wanted = desired.version.ok_or("`metadata.version` is missing")?;
    let runs = wanted.previous().unwrap_or(wanted);
    let start = Timestamp::from_unix(now.unix() - now.unix().rem_euclid(DAY_SECONDS));
    let cluster = world_cluster(desired, runs, catalog);
    let mut text = format!(
        "# An embedded world: `{}` as it might run, one minor behind what git asks for when this was written.\n\
         # `stairway world show FILE` prints what has become of it, `stairway world reset FILE` begins again.\n",
        desired.cluster.name
    );
    text.push_str(&render::to_yaml(&json!({
        "apiVersion": "stairway/v1",
        "kind": "World",
        "start": start.to_string(),
        "pace": PACE,
        "clusters": [cluster],
    })));
    Ok(text)
}

/// What an add-on was made with beside its name and version.
fn made_with(spec: &Map<String, Value>) -> Map<String, Value> {
    let mut settings = spec.clone();
    settings.retain(|key, _| !matches!(key.as_str(), "name" | "version"));
    settings
}

fn world_cluster(desired: &Desired, runs: KubeMinor, catalog: &Catalog) -> Value {
    let live = Desired {
        version: Some(runs),
        ..desired.clone()
    };
    let observed = assume(&live, "starter", catalog);
    let addons: BTreeMap<&str, &str> = observed
        .addons
        .items()
        .iter()
        .filter_map(|addon| Some((addon.name.as_str(), addon.version.value()?.as_str())))
        .collect();
    let settings: BTreeMap<&str, Map<String, Value>> = observed
        .addons
        .items()
        .iter()
        .map(|addon| (addon.name.as_str(), made_with(&addon.spec)))
        .filter(|(_, settings)| !settings.is_empty())
        .collect();
    let groups: Vec<Value> = desired
        .nodegroups
        .values()
        .map(|group| {
            let mut spec = effective_spec(desired, group);
            spec.remove("name");
            let least = spec.get("minSize").and_then(count_of).unwrap_or(0);
            let most = spec.get("maxSize").and_then(count_of).unwrap_or(u32::MAX);
            let mut world = json!({
                "name": group.name,
                "managed": group.managed,
                "nodes": if least == 0 { 0 } else { least.max(CORE_NODES).min(most) },
                "spec": spec,
            });
            if least > 0 {
                world["pods"] = json!(CORE_PODS);
            }
            world
        })
        .collect();
    let mut cluster = json!({
        "name": desired.cluster.name,
        "region": desired.cluster.region,
        "version": runs.to_string(),
        "addons": addons,
        "addonSettings": settings,
        "nodegroups": groups,
    });
    if let Some(support) = &desired.support_type {
        cluster["support"] = json!(support);
    }
    if let Some(plane) = observed.control_plane.value() {
        cluster["settings"] = Value::Object(plane.settings.clone());
    }
    cluster
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_have_no_placeholder_left() {
        for (path, text) in repository("reef", "us-west-2", Some(CiHost::Github)) {
            assert!(!text.contains('@') || !text.contains("@NAME@"), "{path}");
            assert!(!text.contains("@REGION@"), "{path}");
        }
        assert!(template_text().contains("import '../lib/eksctl.libsonnet'"));
    }

    #[test]
    fn the_newest_minor_is_one_in_standard_support() {
        let catalog = Catalog::embedded();
        let at = "2026-11-01T00:00:00Z".parse().unwrap();
        let minor = newest_minor(catalog, at).unwrap();
        assert!(matches!(
            catalog.support_state(minor, at),
            SupportState::Standard { .. }
        ));
        assert_eq!(Some(minor), catalog.newest_offered(at));
    }
}
