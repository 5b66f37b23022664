//! How tools behave on the world: arguments and files in, exit code and words out.
//!
//! eksctl 0.230 line; behaviours from its source, read in August 2026.

use crate::eks::{self, ApiError};
use crate::files::{self, ConfigFile};
use crate::{World, count, list};
use serde_json::{Map, Value, json};
use stairway_core::model::{Known, KubeMinor, LiveAddon, LiveNodegroup, Stack};
use std::collections::BTreeMap;

/// What a tool left behind on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// 0 or 1, nothing finer.
    pub exit: u8,
    /// eksctl logs here.
    pub stdout: String,
    /// Errors end here as `Error: …`.
    pub stderr: String,
}

fn done(text: impl Into<String>) -> Output {
    Output {
        exit: 0,
        stdout: text.into(),
        stderr: String::new(),
    }
}

fn failed(text: impl std::fmt::Display) -> Output {
    Output {
        exit: 1,
        stdout: String::new(),
        stderr: format!("Error: {text}\n"),
    }
}

struct Arguments<'a> {
    verb: String,
    options: BTreeMap<&'a str, &'a str>,
}

impl Arguments<'_> {
    fn get(&self, names: &[&str]) -> Option<&str> {
        names
            .iter()
            .find_map(|name| self.options.get(name))
            .copied()
    }

    fn has(&self, name: &str) -> bool {
        self.options.contains_key(name)
    }
}

/// Flags without a value.
const FLAGS: [&str; 6] = ["approve", "wait", "force", "undo", "preserve", "dry-run"];

fn arguments(argv: &[String]) -> Arguments<'_> {
    let mut verb: Vec<&str> = Vec::new();
    let mut options = BTreeMap::new();
    let mut index = 0;
    while index < argv.len() {
        let word = argv[index].as_str();
        index += 1;
        let name = word.trim_start_matches('-');
        if name == word {
            verb.push(word);
        } else if let Some((name, value)) = name.split_once('=') {
            options.insert(name, value);
        } else if FLAGS.contains(&name) {
            options.insert(name, "true");
        } else {
            options.insert(name, argv.get(index).map_or("", String::as_str));
            index += 1;
        }
    }
    Arguments {
        verb: verb.join(" "),
        options,
    }
}

/// Runs eksctl; `files` are what its arguments may name.
pub fn eksctl(argv: &[String], files: &BTreeMap<String, String>, world: &mut World) -> Output {
    let arguments = arguments(argv);
    let config = match arguments.get(&["f", "config-file"]) {
        None => None,
        Some(name) => match files.get(name).map(|text| files::read(text)) {
            None => return failed(format!("open {name}: no such file or directory")),
            Some(Err(why)) => return failed(why),
            Some(Ok(config)) => Some(config),
        },
    };
    let named = config.as_ref().map(|config| config.cluster.as_str());
    let cluster = named.or(match arguments.verb.as_str() {
        "upgrade cluster" => arguments.get(&["n", "name"]),
        _ => arguments.get(&["c", "cluster"]),
    });
    if cluster != Some(world.cluster.cluster.name.as_str()) {
        return failed(format!("cluster {cluster:?} not found"));
    }
    match (arguments.verb.as_str(), config) {
        ("upgrade cluster", None) => upgrade_cluster(&arguments, world),
        ("create nodegroup", Some(config)) => create_nodegroups(&arguments, &config, world),
        ("delete nodegroup", None) => delete_nodegroup(&arguments, world),
        ("drain nodegroup", None) => drain(&arguments, world),
        ("scale nodegroup", None) => scale(&arguments, world),
        ("update addon", Some(config)) => addons(&config, world, false),
        ("create addon", Some(config)) => addons(&config, world, arguments.has("force")),
        ("utils update-kube-proxy", None) => utility(&arguments, world, "kube-proxy", "kube-proxy"),
        ("utils update-aws-node", None) => utility(&arguments, world, "vpc-cni", "aws-node"),
        ("utils update-coredns", None) => utility(&arguments, world, "coredns", "coredns"),
        (verb, _) => failed(format!("unknown command \"{verb}\" for \"eksctl\"")),
    }
}

/// `ResolveUpgradeVersion`: empty and `auto` mean the next minor; one lower is a rollback since 0.229.
fn upgrade_cluster(arguments: &Arguments<'_>, world: &mut World) -> Output {
    let Some(live) = world.version() else {
        return failed("cluster has no version");
    };
    let to: KubeMinor = match arguments.get(&["version"]) {
        None | Some("" | "auto") => live.next(),
        Some(text) => match text.parse() {
            Ok(version) => version,
            Err(_) => return failed(format!("control plane version \"{text}\" is not supported")),
        },
    };
    if to == live {
        return done("no cluster version update required\n");
    }
    if to > live.next() {
        return failed(format!(
            "upgrading more than one version at a time is not supported. Found upgrade from \"{live}\" to \"{to}\". Please upgrade to \"{}\" first",
            live.next()
        ));
    }
    if to < live && Some(to) != live.previous() {
        return failed("downgrading more than one version at a time is not supported");
    }
    if !arguments.has("approve") {
        return done(format!(
            "(plan) would upgrade cluster control plane from current version \"{live}\" to \"{to}\"\n"
        ));
    }
    match eks::update_cluster_version(world, to) {
        Ok(()) => done(format!(
            "cluster control plane has been upgraded to version \"{to}\"\n"
        )),
        Err(error) => failed(error),
    }
}

fn create_nodegroups(arguments: &Arguments<'_>, config: &ConfigFile, world: &mut World) -> Output {
    let Some(plane) = world.version() else {
        return failed("cluster has no version");
    };
    let include = arguments.get(&["include"]);
    let mut log = String::new();
    for (spec, managed) in &config.groups {
        let name = spec.get("name").and_then(Value::as_str).unwrap_or_default();
        if include.is_some_and(|include| include != name) {
            continue;
        }
        let stack_name = stack_of(world, name);
        let exists = world.nodegroup(name).is_some()
            || world.cluster.stacks.items().iter().any(|s| {
                s.name == stack_name && s.status != "DELETE_COMPLETE" && s.status != "DELETE_FAILED"
            });
        if exists {
            log.push_str("1 existing nodegroup(s) (");
            log.push_str(name);
            log.push_str(") will be excluded\n");
            continue;
        }
        let version = if *managed {
            plane
        } else {
            config.version.unwrap_or(plane)
        };
        make(world, spec, *managed, version);
    }
    done(log)
}

fn stack_of(world: &World, group: &str) -> String {
    format!("eksctl-{}-nodegroup-{group}", world.cluster.cluster.name)
}

fn make(world: &mut World, spec: &Map<String, Value>, managed: bool, version: KubeMinor) {
    let name = spec
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let now = world.now;
    let group = LiveNodegroup {
        name: name.clone(),
        managed,
        status: Known::Value(if managed { "ACTIVE" } else { "CREATE_COMPLETE" }.to_owned()),
        version: Known::Value(version),
        release_version: Known::default(),
        arn: Known::Value(format!("arn:aws:eks:::nodegroup/{name}/{}", now.unix())),
        created_at: Known::Value(now),
        spec: spec.clone(),
        spec_complete: true,
    };
    let size = count(&group, "desiredCapacity").or(count(&group, "minSize"));
    world.nodegroups().push(group);
    // eksctl: minimum = desired, else 2.
    world.boot(&name, version, size.unwrap_or(2));
    let stack = Stack {
        name: stack_of(world, &name),
        status: "CREATE_COMPLETE".to_owned(),
    };
    list(&mut world.cluster.stacks).push(stack);
    world.cluster.past_nodegroups.insert(name);
    world.advance(300);
    world.watch_skew();
}

fn delete_nodegroup(arguments: &Arguments<'_>, world: &mut World) -> Output {
    let Some(name) = arguments.get(&["n", "name"]).map(str::to_owned) else {
        return failed("--name must be set");
    };
    if world.nodegroup(&name).is_none() {
        return failed(format!("nodegroup \"{name}\" not found"));
    }
    if arguments.get(&["drain"]) != Some("false") {
        world.evict(&name);
    }
    world.remove_nodes(&name);
    world.cluster.past_nodegroups.insert(name.clone());
    world.nodegroups().retain(|group| group.name != name);
    let stack = stack_of(world, &name);
    let waits = arguments.has("wait");
    for stack in list(&mut world.cluster.stacks)
        .iter_mut()
        .filter(|s| s.name == stack)
    {
        // Without --wait the stack is still going when eksctl returns.
        let status = if waits {
            "DELETE_COMPLETE"
        } else {
            "DELETE_IN_PROGRESS"
        };
        status.clone_into(&mut stack.status);
    }
    list(&mut world.cluster.stacks).retain(|stack| stack.status != "DELETE_COMPLETE");
    done(format!("deleted 1 nodegroup(s) from cluster ({name})\n"))
}

fn drain(arguments: &Arguments<'_>, world: &mut World) -> Output {
    let Some(name) = arguments.get(&["n", "name"]).map(str::to_owned) else {
        return failed("--name must be set");
    };
    if arguments.has("undo") {
        if let Known::Value(nodes) = &mut world.cluster.nodes {
            for node in nodes
                .iter_mut()
                .filter(|n| n.nodegroup.as_deref() == Some(&name))
            {
                node.unschedulable = false;
            }
        }
        return done("uncordoned\n");
    }
    world.evict(&name);
    done(format!("drained all nodes of {name}\n"))
}

fn scale(arguments: &Arguments<'_>, world: &mut World) -> Output {
    let name = arguments.get(&["n", "name"]).unwrap_or_default().to_owned();
    let read = |key: &str| {
        arguments
            .get(&[key])
            .and_then(|text| text.parse::<u32>().ok())
    };
    let (min, max) = (read("nodes-min"), read("nodes-max"));
    let Some(group) = world.nodegroup_mut(&name) else {
        return failed(format!("nodegroup \"{name}\" not found"));
    };
    for (key, value) in [("minSize", min), ("maxSize", max)] {
        if let Some(value) = value {
            group.spec.insert(key.to_owned(), json!(value));
        }
    }
    done("nodegroup successfully scaled\n")
}

fn addons(config: &ConfigFile, world: &mut World, overwrite: bool) -> Output {
    for spec in &config.addons {
        let name = spec.get("name").and_then(Value::as_str).unwrap_or_default();
        let version = spec
            .get("version")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let installed = world
            .cluster
            .addons
            .items()
            .iter()
            .any(|addon| addon.name == name);
        if !installed {
            install(world, name, overwrite);
        }
        if let Err(ApiError { code, message }) = eks::set_addon(world, name, version) {
            return failed(format!("{code}: {message}"));
        }
        if let Some(addon) = list(&mut world.cluster.addons)
            .iter_mut()
            .find(|a| a.name == name)
        {
            addon.spec.extend(spec.clone());
        }
    }
    done("")
}

/// EKS takes over a self-managed add-on only when it may overwrite it.
fn install(world: &mut World, name: &str, overwrite: bool) {
    let workload = if name == "vpc-cni" { "aws-node" } else { name };
    if overwrite {
        list(&mut world.cluster.workloads).retain(|other| other.name != workload);
    }
    list(&mut world.cluster.addons).push(LiveAddon {
        name: name.to_owned(),
        version: Known::default(),
        status: Known::Value("CREATING".to_owned()),
        spec: Map::new(),
        spec_complete: true,
    });
}

/// `utils update-*` refuse what EKS manages, and only plan without `--approve`.
fn utility(arguments: &Arguments<'_>, world: &mut World, addon: &str, workload: &str) -> Output {
    if world
        .cluster
        .addons
        .items()
        .iter()
        .any(|managed| managed.name == addon)
    {
        return failed(format!(
            "addon {addon} is installed as a managed EKS addon; to update it, use 'eksctl update addon' instead"
        ));
    }
    if !arguments.has("approve") {
        return done("(plan) would have replaced the manifest\n");
    }
    let Some(minor) = world.version() else {
        return failed("cluster has no version");
    };
    let newest = world
        .offers
        .get(addon)
        .and_then(|by| by.get(&minor)?.last())
        .cloned();
    let newest = newest.or_else(|| match addon {
        // A minor newer than any list still brings its own kube-proxy.
        "kube-proxy" => format!("v{minor}.0-minimal-eksbuild.1").parse().ok(),
        _ => None,
    });
    for live in list(&mut world.cluster.workloads)
        .iter_mut()
        .filter(|w| w.name == workload)
    {
        if let Some(version) = &newest {
            live.version = Known::Value(version.clone());
        }
        live.rolled_out = Known::Value(true);
    }
    done("")
}
