//! How tools behave on the world: arguments and files in, words and an exit code out, and time between.
//!
//! eksctl 0.230 line; behaviours from its source, read in August 2026. Logs go
//! to stdout, errors end as `Error: …` on stderr, and exit codes are 0 or 1.

mod arguments;
mod phases;

use crate::drain::Drain;
use crate::faults::Fault;
use crate::files::{self, ConfigFile};
use crate::{World, list};
use arguments::{Arguments, go_duration, seconds};
use phases::{Draining, Making, Phase, Progress};
use serde_json::{Value, json};
use stairway_core::model::{KubeMinor, Timestamp};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The version that the world's eksctl says it is (newest release of August 2026).
pub const EKSCTL_VERSION: &str = "0.230.0";
/// `--timeout` of most commands (eksctl, cmdutils: 25 minutes).
const TIMEOUT: i64 = 25 * 60;
/// `--timeout` of `upgrade cluster` (eksctl, upgradeClusterTimeout: 65 minutes).
const UPGRADE_TIMEOUT: i64 = 65 * 60;
/// What eksctl says when its token is older than 15 minutes (eksctl #4357).
const CREDENTIALS: &str = "the server has asked for the client to provide credentials";

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

/// What a tool in flight does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The tool waits; the caller advances the clock by `seconds` and turns again.
    Waits {
        /// At least 1.
        seconds: u32,
        /// New stdout.
        said: String,
    },
    /// The tool is gone.
    Exits {
        /// 0 or 1.
        exit: u8,
        /// New stdout.
        said: String,
        /// New stderr.
        complained: String,
    },
}

/// A tool process in flight. To kill it, turn it no more: what EKS and CloudFormation had begun goes on.
#[derive(Clone, Debug)]
pub struct Running {
    /// A group, an add-on or the cluster: whom misbehaviours may name.
    subject: String,
    timeout: i64,
    deadline: Timestamp,
    phase: Phase,
    /// True when something was begun, so that a lie about it is one.
    acted: bool,
    said: String,
    complained: String,
}

/// Runs eksctl to its end; `files` are what its arguments may name.
pub fn eksctl(argv: &[String], files: &BTreeMap<String, String>, world: &mut World) -> Output {
    let mut running = Running::start(argv, files, world);
    let mut stdout = String::new();
    loop {
        match running.turn(world) {
            Turn::Waits { seconds, said } => {
                stdout.push_str(&said);
                world.advance(i64::from(seconds));
            }
            Turn::Exits {
                exit,
                said,
                complained,
            } => {
                stdout.push_str(&said);
                return Output {
                    exit,
                    stdout,
                    stderr: complained,
                };
            }
        }
    }
}

impl Running {
    /// Starts eksctl: reads its arguments and files, checks, and begins the change.
    pub fn start(argv: &[String], files: &BTreeMap<String, String>, world: &mut World) -> Self {
        let arguments = Arguments::read(argv);
        let timeout = arguments.get(&["timeout"]).and_then(seconds);
        let timeout = timeout.unwrap_or(match arguments.verb.as_str() {
            "upgrade cluster" => UPGRADE_TIMEOUT,
            _ => TIMEOUT,
        });
        let mut running = Self {
            subject: String::new(),
            timeout,
            deadline: crate::clock::later(world.now, timeout),
            phase: Phase::Finishes,
            acted: false,
            said: String::new(),
            complained: String::new(),
        };
        world.remember();
        if let Err(why) = running.begin(&arguments, files, world) {
            running.phase = Phase::Fails(why);
        } else if running.acted && world.strikes(Fault::ErrorAfterEffect, &running.subject) {
            running.phase = Phase::Fails(lost_answer());
        }
        world.watch();
        running
    }

    /// Goes on from where it waited.
    pub fn turn(&mut self, world: &mut World) -> Turn {
        if let Phase::Over(exit) = self.phase {
            return self.exit(exit);
        }
        let progress = self.proceed(world);
        world.watch();
        let progress = if self.acted && matches!(progress, Progress::Done) {
            self.lie(world)
        } else {
            progress
        };
        match progress {
            Progress::Wait(pause) => {
                let left = self.deadline.seconds_since(world.now);
                if left <= 0 {
                    let why = self.timed_out();
                    return self.fail(&why);
                }
                let seconds = pause.clamp(1, left);
                Turn::Waits {
                    seconds: u32::try_from(seconds).unwrap_or(1),
                    said: std::mem::take(&mut self.said),
                }
            }
            Progress::Done => self.exit(0),
            Progress::Failed(why) => self.fail(&why),
        }
    }

    /// The change is done; what the tool makes of it.
    fn lie(&mut self, world: &mut World) -> Progress {
        if world.strikes(Fault::Exit1AfterSuccess, &self.subject) {
            return Progress::Failed(CREDENTIALS.to_owned());
        }
        if world.strikes(Fault::ToolHangs, &self.subject) {
            self.phase = Phase::Hangs;
            return Progress::Wait(60);
        }
        Progress::Done
    }

    fn exit(&mut self, exit: u8) -> Turn {
        self.phase = Phase::Over(exit);
        Turn::Exits {
            exit,
            said: std::mem::take(&mut self.said),
            complained: std::mem::take(&mut self.complained),
        }
    }

    fn fail(&mut self, why: &str) -> Turn {
        self.complained.push_str(&format!("Error: {why}\n"));
        self.exit(1)
    }

    /// `2006-01-02 15:04:05 [ℹ]  …`: two blanks after the mark (eksctl, pkg/utils/logger).
    fn log(&mut self, world: &World, mark: &str, text: &str) {
        let time = world.now.to_string().replace('T', " ");
        let time = time.trim_end_matches('Z');
        self.said.push_str(&format!("{time} [{mark}]  {text}\n"));
    }

    fn inform(&mut self, world: &World, text: &str) {
        self.log(world, "ℹ", text);
    }

    fn succeed(&mut self, world: &World, text: &str) {
        self.log(world, "✔", text);
    }

    /// Reads the command line and begins what it asks for.
    fn begin(
        &mut self,
        arguments: &Arguments,
        files: &BTreeMap<String, String>,
        world: &mut World,
    ) -> Result<(), String> {
        if arguments.verb == "version" {
            self.tell_version(arguments);
            return Ok(());
        }
        let config = match arguments.get(&["f", "config-file"]) {
            None => None,
            Some(name) => match files.get(name).map(|text| files::read(text)) {
                None => return Err(format!("open {name}: no such file or directory")),
                Some(read) => Some(read?),
            },
        };
        self.subject = subject(arguments, config.as_ref(), world);
        find_cluster(arguments, config.as_ref(), world)?;
        if world.strikes(Fault::Throttle, &self.subject) {
            return Err("unable to describe cluster control plane: operation error EKS: DescribeCluster, exceeded maximum number of attempts, 13, https response error StatusCode: 400, ThrottlingException: Rate exceeded".to_owned());
        }
        if world.strikes(Fault::ErrorBeforeEffect, &self.subject) {
            return Err("operation error EKS: DescribeCluster, https response error StatusCode: 500, ServerException: Internal server error".to_owned());
        }
        match (arguments.verb.as_str(), config) {
            ("upgrade cluster", None) => self.upgrade_cluster(arguments, world),
            ("create nodegroup", Some(config)) => self.create_nodegroups(arguments, &config, world),
            ("delete nodegroup", None) => self.delete_nodegroup(arguments, world),
            ("drain nodegroup", None) => self.drain_nodegroup(arguments, world),
            ("scale nodegroup", None) => self.scale(arguments, world),
            ("update addon", Some(config)) => self.addons(&config, world, None),
            ("create addon", Some(config)) => {
                self.addons(&config, world, Some(arguments.has("force")))
            }
            ("delete addon", None) => self.delete_addon(arguments, world),
            ("utils update-kube-proxy", None) => {
                self.utility(arguments, world, "kube-proxy", "kube-proxy")
            }
            ("utils update-aws-node", None) => {
                self.utility(arguments, world, "vpc-cni", "aws-node")
            }
            ("utils update-coredns", None) => self.utility(arguments, world, "coredns", "coredns"),
            (verb, _) => Err(format!("unknown command \"{verb}\" for \"eksctl\"")),
        }
    }

    /// `version -o json` ends without a newline.
    fn tell_version(&mut self, arguments: &Arguments) {
        if arguments.get(&["o", "output"]) == Some("json") {
            let told = json!({
                "Version": EKSCTL_VERSION,
                "PreReleaseID": "",
                "Metadata": {"BuildDate": "2026-08-13T09:00:00Z", "GitCommit": ""},
            });
            self.said = told.to_string();
        } else {
            self.said = format!("{EKSCTL_VERSION}\n");
        }
    }

    /// `ResolveUpgradeVersion`: empty and `auto` mean the next minor; one lower is a rollback since 0.229.
    fn upgrade_cluster(&mut self, arguments: &Arguments, world: &mut World) -> Result<(), String> {
        let live = world.version().ok_or("cluster has no version")?;
        let to: KubeMinor = match arguments.get(&["version"]) {
            None | Some("" | "auto") => live.next(),
            Some(text) => text
                .parse()
                .map_err(|_| format!("control plane version \"{text}\" is not supported"))?,
        };
        let name = world.cluster.cluster.name.clone();
        if to > live.next() {
            return Err(format!(
                "upgrading more than one version at a time is not supported. Found upgrade from \"{live}\" to \"{to}\". Please upgrade to \"{}\" first",
                live.next()
            ));
        }
        if to < live && Some(to) != live.previous() {
            return Err("downgrading more than one version at a time is not supported".to_owned());
        }
        if to == live {
            self.inform(world, "no cluster version update required");
            self.inform(
                world,
                &format!("re-building cluster stack \"eksctl-{name}-cluster\""),
            );
            return Ok(());
        }
        let verb = if to < live { "roll back" } else { "upgrade" };
        let change = format!(
            "{verb} cluster \"{name}\" control plane from current version \"{live}\" to \"{to}\""
        );
        if !arguments.has("approve") {
            self.inform(world, &format!("(plan) would {change}"));
            self.log(
                world,
                "!",
                "no changes were applied, run again with '--approve' to apply the changes",
            );
            return Ok(());
        }
        self.inform(world, &format!("will {change}"));
        let update = world
            .begin_version(to, arguments.has("force"))
            .map_err(|error| format!("operation error EKS: UpdateClusterVersion, {error}"))?;
        self.acted = true;
        self.phase = Phase::Upgrades {
            update,
            to,
            down: to < live,
        };
        Ok(())
    }

    /// Names whose stack exists in any state but two are left out, and that is no error (`SetOnlyLocal`).
    fn create_nodegroups(
        &mut self,
        arguments: &Arguments,
        config: &ConfigFile,
        world: &mut World,
    ) -> Result<(), String> {
        let plane = world.version().ok_or("cluster has no version")?;
        let include = arguments.get(&["include"]);
        let chosen: Vec<_> = config
            .groups
            .iter()
            .map(|(spec, managed)| {
                let name = spec.get("name").and_then(Value::as_str).unwrap_or_default();
                (name, spec, *managed)
            })
            .filter(|(name, _, _)| {
                include.is_none_or(|include| include.split(',').any(|one| one == *name))
            })
            .collect();
        if let Some(include) = include.filter(|_| chosen.is_empty()) {
            return Err(format!(
                "no nodegroups match include glob filter specification: \"{include}\""
            ));
        }
        let version = config.version.unwrap_or(plane);
        if version != plane {
            self.log(world, "!", &format!("will use version {version} for new nodegroup(s), while control plane version is {plane}; to automatically inherit the version use \"--version=auto\""));
        } else {
            self.inform(
                world,
                &format!(
                    "will use version {version} for new nodegroup(s) based on control plane version"
                ),
            );
        }
        let mut making = Vec::new();
        for (name, spec, managed) in chosen {
            if self.leaves_out(name, world) {
                self.inform(
                    world,
                    &format!("1 existing nodegroup(s) ({name}) will be excluded"),
                );
                continue;
            }
            if world.stack_status(name) == Some("DELETE_FAILED") {
                let stack = world.stack_name(name);
                return Err(format!(
                    "creating CloudFormation stack \"{stack}\": operation error CloudFormation: CreateStack, AlreadyExistsException: Stack [{stack}] already exists"
                ));
            }
            world.begin_group(spec, managed, if managed { plane } else { version });
            self.acted = true;
            let stack = world.stack_name(name);
            self.inform(world, &format!("building nodegroup stack \"{stack}\""));
            self.inform(world, &format!("deploying stack \"{stack}\""));
            making.push(Making {
                name: name.to_owned(),
                managed,
                complete: false,
            });
        }
        self.phase = Phase::Creates { making };
        Ok(())
    }

    fn leaves_out(&self, name: &str, world: &mut World) -> bool {
        let stack = world
            .stack_status(name)
            .is_some_and(|status| status != "DELETE_COMPLETE" && status != "DELETE_FAILED");
        // Of groups without a stack EKS lists only the managed ones.
        let listed = world
            .nodegroup(name)
            .is_some_and(|group| group.managed || world.stack_status(name).is_none());
        stack || listed || world.strikes(Fault::SilentSkip, name)
    }

    fn delete_nodegroup(&mut self, arguments: &Arguments, world: &mut World) -> Result<(), String> {
        let name = arguments
            .get(&["n", "name"])
            .ok_or("--name must be set")?
            .to_owned();
        if world.nodegroup(&name).is_none() && world.stack_status(&name).is_none() {
            return Err(format!("nodegroup \"{name}\" not found"));
        }
        self.inform(
            world,
            &format!("1 nodegroup ({name}) was included (based on the include/exclude rules)"),
        );
        let waits = arguments.has("wait");
        if arguments.get(&["drain"]) != Some("false") && world.nodegroup(&name).is_some() {
            self.begin_drain(&name, arguments, world, Some(waits));
            return Ok(());
        }
        self.begin_deletion(&name, waits, world);
        Ok(())
    }

    fn begin_deletion(&mut self, name: &str, waits: bool, world: &mut World) {
        let stack = world.stack_name(name);
        self.inform(world, &format!("will delete stack \"{stack}\""));
        world.begin_delete(name);
        self.acted = true;
        if waits {
            self.inform(
                world,
                &format!("waiting for stack \"{stack}\" to get deleted"),
            );
        }
        self.phase = Phase::Deletes {
            name: name.to_owned(),
            waits,
        };
    }

    fn drain_nodegroup(&mut self, arguments: &Arguments, world: &mut World) -> Result<(), String> {
        let name = arguments
            .get(&["n", "name"])
            .ok_or("--name must be set")?
            .to_owned();
        if world.nodegroup(&name).is_none() {
            return Err(format!("nodegroup \"{name}\" not found"));
        }
        if arguments.has("undo") {
            let nodes = world.node_names(&name);
            for node in &nodes {
                self.inform(world, &format!("uncordon node \"{node}\""));
            }
            world.cordon(&nodes, false);
            self.acted = true;
            return Ok(());
        }
        self.begin_drain(&name, arguments, world, None);
        Ok(())
    }

    fn begin_drain(
        &mut self,
        name: &str,
        arguments: &Arguments,
        world: &mut World,
        then_delete: Option<bool>,
    ) {
        let cluster = world.cluster.cluster.name.clone();
        self.inform(
            world,
            &format!("will drain 1 nodegroup(s) in cluster \"{cluster}\""),
        );
        let parallel = arguments.count("parallel").unwrap_or(1).max(1);
        self.inform(
            world,
            &format!("starting parallel draining, max in-flight of {parallel}"),
        );
        let nodes = world.node_names(name);
        for node in &nodes {
            self.inform(world, &format!("cordon node \"{node}\""));
        }
        self.acted = true;
        self.phase = Phase::Drains(Draining {
            drain: Drain::begin(world, name, parallel as usize),
            held_back: BTreeSet::new(),
            then_delete,
        });
    }

    fn scale(&mut self, arguments: &Arguments, world: &mut World) -> Result<(), String> {
        let name = arguments.get(&["n", "name"]).unwrap_or_default().to_owned();
        let (min, max) = (arguments.count("nodes-min"), arguments.count("nodes-max"));
        let desired = arguments.count("nodes");
        let Some(group) = world.nodegroup(&name) else {
            return Err(format!("nodegroup \"{name}\" not found"));
        };
        self.inform(
            world,
            &format!(
                "scaling nodegroup \"{name}\" in cluster {}",
                world.cluster.cluster.name
            ),
        );
        if group.managed {
            let input = json!({"nodegroupName": name, "scalingConfig": {
                "minSize": min, "maxSize": max, "desiredSize": desired,
            }});
            let begun = world.begin_config(&input);
            begun
                .map_err(|error| format!("operation error EKS: UpdateNodegroupConfig, {error}"))?;
        } else {
            world.set_bounds(&name, min, max, desired);
        }
        self.acted = true;
        self.inform(world, "nodegroup successfully scaled");
        Ok(())
    }

    fn addons(
        &mut self,
        config: &ConfigFile,
        world: &mut World,
        create: Option<bool>,
    ) -> Result<(), String> {
        if let Some(version) = world.version() {
            let cluster = world.cluster.cluster.name.clone();
            self.inform(
                world,
                &format!("Kubernetes version \"{version}\" in use by cluster \"{cluster}\""),
            );
        }
        self.phase = Phase::Addons {
            rest: VecDeque::from(config.addons.clone()),
            current: None,
            create,
        };
        // The first one is begun at once, as a process does that is killed a moment later.
        match self.next_addon(world) {
            Some(Progress::Failed(why)) => Err(why),
            Some(Progress::Wait(_) | Progress::Done) | None => Ok(()),
        }
    }

    fn delete_addon(&mut self, arguments: &Arguments, world: &mut World) -> Result<(), String> {
        let name = arguments.get(&["name"]).ok_or("--name must be set")?;
        let name = name.to_owned();
        world
            .remove_addon(&name, arguments.has("preserve"))
            .map_err(|error| error.to_string())?;
        self.acted = true;
        self.inform(world, &format!("deleted addon: {name}"));
        Ok(())
    }

    /// `utils update-*` refuse what EKS manages, and only plan without `--approve`.
    fn utility(
        &mut self,
        arguments: &Arguments,
        world: &mut World,
        addon: &str,
        workload: &str,
    ) -> Result<(), String> {
        if world.addon(addon).is_some() {
            return Err(format!(
                "addon {addon} is installed as a managed EKS addon; to update it, use 'eksctl update addon' instead"
            ));
        }
        if !arguments.has("approve") {
            self.log(
                world,
                "!",
                &format!("(plan) \"{workload}\" is not up-to-date"),
            );
            return Ok(());
        }
        let minor = world.version().ok_or("cluster has no version")?;
        let offers = world.offers.get(addon).and_then(|by| by.get(&minor));
        let newest = offers.and_then(|offers| offers.last()).cloned();
        let newest = newest.or_else(|| match addon {
            // A minor newer than any list still brings its own kube-proxy.
            "kube-proxy" => format!("v{minor}.0-minimal-eksbuild.1").parse().ok(),
            _ => None,
        });
        list(&mut world.cluster.workloads);
        world.begin_rollout(workload, newest.as_ref());
        self.acted = true;
        self.inform(world, &format!("\"{workload}\" is now up-to-date"));
        Ok(())
    }

    fn timed_out(&self) -> String {
        let limit = go_duration(self.timeout);
        match &self.phase {
            Phase::Drains(draining) => format!(
                "timed out (after {limit}) waiting for nodegroup \"{}\" to be drained",
                draining.drain.group
            ),
            Phase::Creates { making } => {
                let first = making.first().map_or("", |one| one.name.as_str());
                format!(
                    "timed out (after {limit}) waiting for nodes to join the cluster and become ready in \"{first}\""
                )
            }
            Phase::Deletes { name, .. } => {
                format!(
                    "waiting for CloudFormation stack of nodegroup \"{name}\": exceeded max wait time for StackDeleteComplete waiter"
                )
            }
            Phase::Upgrades { .. } => {
                format!("timed out (after {limit}) waiting for requested \"VersionUpdate\"")
            }
            Phase::Addons { .. } => format!("timed out (after {limit}) waiting for addon"),
            Phase::Hangs | Phase::Finishes | Phase::Fails(_) | Phase::Over(_) => {
                "context deadline exceeded".to_owned()
            }
        }
    }
}

/// Whom misbehaviours may name: the group or add-on of the command, else the cluster.
fn subject(arguments: &Arguments, config: Option<&ConfigFile>, world: &World) -> String {
    let named = match arguments.verb.as_str() {
        "upgrade cluster" => None,
        "create nodegroup" => arguments.get(&["include"]).map(str::to_owned),
        "update addon" | "create addon" => config
            .and_then(|config| config.addons.first())
            .and_then(|spec| spec.get("name").and_then(Value::as_str))
            .map(str::to_owned),
        "utils update-kube-proxy" => Some("kube-proxy".to_owned()),
        "utils update-aws-node" => Some("vpc-cni".to_owned()),
        "utils update-coredns" => Some("coredns".to_owned()),
        _ => arguments.get(&["n", "name"]).map(str::to_owned),
    };
    named.unwrap_or_else(|| world.cluster.cluster.name.clone())
}

/// The prologue of every command: the cluster must exist in that region.
fn find_cluster(
    arguments: &Arguments,
    config: Option<&ConfigFile>,
    world: &World,
) -> Result<(), String> {
    let named = config.map(|config| config.cluster.as_str());
    let cluster = named.or(match arguments.verb.as_str() {
        "upgrade cluster" => arguments.get(&["n", "name"]),
        _ => arguments.get(&["c", "cluster"]),
    });
    let live = &world.cluster.cluster;
    let region = arguments.get(&["r", "region"]);
    let elsewhere = region.is_some_and(|region| !live.region.is_empty() && region != live.region);
    if cluster != Some(live.name.as_str()) || elsewhere {
        return Err(format!(
            "unable to describe cluster control plane: operation error EKS: DescribeCluster, https response error StatusCode: 404, ResourceNotFoundException: No cluster found for name: {}.",
            cluster.unwrap_or_default()
        ));
    }
    Ok(())
}

fn lost_answer() -> String {
    "operation error EKS: https response error StatusCode: 0, request send failed: read: connection reset by peer".to_owned()
}
