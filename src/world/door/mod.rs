//! The Kubernetes API of a world: what a kube-apiserver would answer, without sockets and without a clock.
//!
//! A [`Door`] stands before one [`World`]. Nodes, pods, budgets and workloads
//! are *projected* from the world; what clients write of them goes back into it
//! ([`effects`]), and what the world does not know (labels, leases, config maps)
//! lives in the door's own store. Every answer is made as the recordings of a
//! real server in `testdata/kubernetes` show it.
//!
//! # Time
//!
//! The only clock is [`World::now`]. Controllers act in [`Door::observe`], which
//! the caller runs after each step of the clock and after each tool, and which
//! [`Door::handle`] runs by itself when the clock moved. Until then a write has
//! no consequences yet, as with a real server: a cordoned node has no taint, a
//! patched Deployment still looks rolled out.
//!
//! # For whoever owns the sockets
//!
//! Read a request (a body up to one byte over [`Request::BODY_MAX`], header names
//! in lower case), call [`Door::handle`] under one lock with the world, and write
//! the [`Reply`]: wait `delay_ms` outside of that lock ([`NEVER_MS`]: for ever), send status and headers, break the connection
//! after `cut_after` bytes of the body. To HEAD no body is sent. A watch is a
//! chunked body: call [`Door::poll`] several times a second with the seconds since
//! it began, write each event as a chunk, and end the body when it says so; a
//! client that goes away needs no word. After each step of the clock, and after
//! each tool that ran, call [`Door::observe`].
//!
//! # Code map
//!
//! | module | one sentence |
//! |---|---|
//! | `request`, `route`, `kinds` | what is asked, and of what |
//! | `auth`, `faults`, `errors` | who may, what fails, and how refusals look |
//! | `store` | objects, versions, history |
//! | `project`, `gates`, `carry`, `control`, `workloads`, `counts` | from the world to objects, and what controllers do |
//! | `list`, `select`, `watch`, `table` | reads |
//! | `decode`, `protobuf`, `write`, `delete`, `patch`, `apply`, `owners`, `evict`, `effects` | writes, and what they do to the world |
//! | `schema`, `discovery`, `openapi`, `metrics` | what the server says of itself |

mod apply;
mod auth;
mod carry;
mod control;
mod counts;
mod decode;
mod delete;
mod discovery;
mod effects;
mod errors;
mod evict;
mod faults;
mod gates;
mod kinds;
mod list;
mod metrics;
mod openapi;
mod owners;
mod patch;
mod project;
mod protobuf;
mod request;
mod route;
mod schema;
mod select;
mod store;
mod table;
mod watch;
mod workloads;
mod write;

#[cfg(test)]
mod tests;

pub use auth::{Binding, Subject, User};
pub use faults::{DoorFault, Trouble};
pub use list::base64_padded;
pub use request::{NEVER_MS, Reply, Request, Response};
pub use watch::{Polled, Watch};

use crate::World;
use auth::{Attributes, Authority, Caller};
use control::Rollout;
use errors::Refusal;
use kinds::Kind;
use request::JSON;
use route::{Route, Target};
use serde_json::{Map, Value, json};
use stairway_core::model::{Known, Observation, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use store::{Key, Store};

/// What a door is opened with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DoorOptions {
    /// Who has a token; nobody else gets in.
    pub users: Vec<User>,
    /// What they may do; `system:masters` needs no binding.
    pub bindings: Vec<Binding>,
    /// The `gitVersion` of `/version`, e.g. `v1.35.6-eks-113cf36`; the world's version when left out.
    pub git_version: Option<String>,
    /// Objects that are there from the start, complete with kind, apiVersion and metadata: secrets, webhooks.
    pub objects: Vec<Value>,
    /// Reads YAML inside of objects; without it only JSON is read there.
    pub yaml: Option<Yaml>,
}

/// Reads a text as one document of YAML; nothing when it is none. A world knows no YAML by itself.
#[derive(Clone, Copy, Debug)]
pub struct Yaml(pub fn(&str) -> Option<Value>);

impl PartialEq for Yaml {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::fn_addr_eq(self.0, other.0)
    }
}

/// A request as the authorizer saw it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    /// The user's name.
    pub user: String,
    /// `get list watch create update patch delete deletecollection`.
    pub verb: String,
    /// The API group; empty for the core.
    pub group: String,
    /// The plural, with its subresource: `pods/eviction`; empty for a path that is no resource.
    pub resource: String,
    /// Empty at the cluster scope.
    pub namespace: String,
    /// The path of a request for no resource: `/version`, `/metrics`; empty for resources.
    pub path: String,
    /// The HTTP status of the answer; 200 for a watch.
    pub status: u16,
}

/// The API server of one world.
#[derive(Debug)]
pub struct Door {
    authority: Authority,
    git_version: Option<String>,
    yaml: Option<Yaml>,
    faults: Vec<DoorFault>,
    store: Store,
    /// What the world last looked like, as objects.
    pictures: BTreeMap<Key, Value>,
    seen: Option<Box<Observation>>,
    seen_at: Option<Timestamp>,
    /// The version at which controllers had nothing left to do.
    looked_at: Option<u64>,
    /// False until the first look is over: what it finds is as old as the cluster.
    opened: bool,
    rollouts: BTreeMap<Key, Rollout>,
    /// Budgets that a client wrote: the door counts for them, not the world.
    own_budgets: BTreeSet<Key>,
    /// Workloads that a client made: the door makes their pods.
    own_workloads: BTreeSet<Key>,
    /// Pods that a client deleted and that go at the next look.
    dying: BTreeSet<Key>,
    /// Deprecated resources that were asked for, by plural.
    deprecated: BTreeSet<&'static str>,
    asked: Vec<Asked>,
    /// Reads of the request at hand tell this version.
    lagging: Option<u64>,
    /// Counts names that the server makes up.
    names: u64,
}

/// What a request comes with, when its path is a resource that is served.
pub(crate) struct Call<'a> {
    pub(crate) request: &'a Request,
    pub(crate) target: &'a Target,
    pub(crate) kind: &'static Kind,
}

impl Call<'_> {
    pub(crate) fn key(&self, name: &str) -> Key {
        let namespace = if self.kind.namespaced {
            self.target.namespace.clone()
        } else {
            String::new()
        };
        (self.kind.id(), namespace, name.to_owned())
    }

    /// Returns true when nothing is to be stored.
    pub(crate) fn dry_run(&self) -> bool {
        self.request.param("dryRun") == Some("All")
    }

    /// Returns who writes: the parameter, else the first word of the user agent.
    pub(crate) fn manager(&self) -> String {
        if let Some(manager) = self.request.param("fieldManager").filter(|m| !m.is_empty()) {
            return manager.to_owned();
        }
        let agent = self.request.header("user-agent");
        let word = agent.split(['/', ' ']).next().unwrap_or_default();
        if word.is_empty() { "unknown" } else { word }.to_owned()
    }
}

/// Requests kept for [`Door::asked`]; a bound, for a door may stay open for days.
const ASKED_MAX: usize = 100_000;

impl Door {
    /// Opens the door: everything that the world shows is there at once.
    pub fn new(world: &mut World, options: DoorOptions) -> Self {
        let mut door = Self {
            authority: Authority {
                users: options.users,
                bindings: options.bindings,
            },
            git_version: options.git_version,
            yaml: options.yaml,
            faults: Vec::new(),
            store: Store::new(),
            pictures: BTreeMap::new(),
            seen: None,
            seen_at: None,
            looked_at: None,
            opened: false,
            rollouts: BTreeMap::new(),
            own_budgets: BTreeSet::new(),
            own_workloads: BTreeSet::new(),
            dying: BTreeSet::new(),
            deprecated: BTreeSet::new(),
            asked: Vec::new(),
            lagging: None,
            names: 0,
        };
        door.seed(world, options.objects);
        door.observe(world);
        door
    }

    /// Answers a request. The clock is the world's; what is written has its effect on the world at once.
    pub fn handle(&mut self, world: &mut World, request: &Request) -> Reply {
        if self.seen_at != Some(world.now) {
            self.observe(world);
        }
        let trouble = self.trouble_of(request);
        self.lagging = match trouble {
            Some(Trouble::Stale(by)) => {
                let then = self.store.revision().saturating_sub(by);
                Some(then.max(self.store.oldest()))
            }
            Some(_) | None => None,
        };
        let reply = match trouble.and_then(|trouble| self.refusal_of(trouble, request)) {
            Some(refusal) => Err(refusal),
            None => self.admit(world, request),
        };
        let mut reply = reply.unwrap_or_else(|refusal| Reply::Answer(refusal.response()));
        if let Some(trouble) = trouble {
            match &mut reply {
                Reply::Answer(response) => trouble.spoil(response),
                Reply::Watch(watch) => watch.spoil(trouble),
            }
        }
        reply
    }

    /// Returns the requests so far of whoever has a token, refused ones too; beyond 100,000 the oldest are forgotten.
    pub fn asked(&self) -> &[Asked] {
        &self.asked
    }

    /// Returns the newest resourceVersion.
    pub const fn revision(&self) -> u64 {
        self.store.revision()
    }

    /// Returns true when [`Door::observe`] would do nothing as long as nobody changes the world.
    pub fn is_idle(&self) -> bool {
        let quiet = self.rollouts.is_empty() && self.own_workloads.is_empty();
        quiet && self.dying.is_empty() && self.looked_at == Some(self.store.revision())
    }

    /// Forgets all history: older continue tokens and watches are told 410, as after a restart of the server.
    pub fn compact(&mut self) {
        self.store.compact();
    }

    /// Lets a user's token be unknown from now on; true when there was one.
    pub fn revoke(&mut self, token: &str) -> bool {
        let before = self.authority.users.len();
        self.authority.users.retain(|user| user.token != token);
        before != self.authority.users.len()
    }

    fn admit(&mut self, world: &mut World, request: &Request) -> Result<Reply, Refusal> {
        let caller = self.authority.caller(request)?;
        match route::route(&request.path) {
            Route::Plain => {
                let reply = self.plain(world, request, &caller).map(Reply::Answer);
                let asked = Attributes {
                    verb: discovery::verb_of(request).to_owned(),
                    ..Attributes::default()
                };
                self.note(&caller, &asked, &request.path, &reply);
                reply
            }
            Route::Resource(target) => {
                let asked = attributes(request, &target);
                let reply = if self.authority.allows(&caller, &asked).is_some() {
                    self.resource(world, request, &target, &caller)
                } else {
                    Err(auth::denied(&caller, &asked))
                };
                self.note(&caller, &asked, "", &reply);
                reply
            }
        }
    }

    fn note(
        &mut self,
        caller: &Caller,
        asked: &Attributes,
        path: &str,
        reply: &Result<Reply, Refusal>,
    ) {
        let status = match reply {
            Ok(Reply::Answer(response)) => response.status,
            Ok(Reply::Watch(_)) => 200,
            Err(refusal) => refusal.response().status,
        };
        let mut resource = asked.resource.clone();
        if !asked.subresource.is_empty() {
            resource = format!("{resource}/{}", asked.subresource);
        }
        if self.asked.len() >= ASKED_MAX {
            self.asked.drain(..ASKED_MAX / 2);
        }
        self.asked.push(Asked {
            user: caller.name.clone(),
            verb: asked.verb.clone(),
            group: asked.group.clone(),
            resource,
            namespace: asked.namespace.clone(),
            path: path.to_owned(),
            status,
        });
    }

    fn resource(
        &mut self,
        world: &mut World,
        request: &Request,
        target: &Target,
        caller: &Caller,
    ) -> Result<Reply, Refusal> {
        let Some(kind) = target.kind() else {
            return Err(Refusal::no_resource());
        };
        if request.body.len() > Request::BODY_MAX {
            return Err(Refusal::too_large(Request::BODY_MAX));
        }
        let accept = Accept::read(request.header("accept"))?;
        self.known(world, kind, target)?;
        let call = Call {
            request,
            target,
            kind,
        };
        let warnings: Vec<String> = kind.deprecation().map(str::to_owned).into_iter().collect();
        if !warnings.is_empty() {
            self.deprecated.insert(kind.plural);
        }
        if let Some(dry) = request.param("dryRun").filter(|dry| *dry != "All") {
            let why = format!("Invalid value: [\"{dry}\"]: supported values: \"All\"");
            return Err(Refusal::bad_request(format!("dryRun: {why}")));
        }
        let reply = match (request.method.as_str(), &target.name, target.sub.as_deref()) {
            ("GET" | "HEAD", None, None) if kind.verbs.contains(&"list") => {
                if request.flag("watch") {
                    return self
                        .watch(world, &call, accept)
                        .map(|w| Reply::Watch(Box::new(w)));
                }
                self.list(world, &call, accept)
            }
            ("GET" | "HEAD", Some(name), None) if kind.verbs.contains(&"get") => {
                self.get(world, &call, name, accept)
            }
            ("GET" | "HEAD", Some(name), Some("status")) if kind.has_status() => {
                self.get(world, &call, name, accept)
            }
            ("GET" | "HEAD", Some(name), Some("scale")) if kind.sub("scale").is_some() => {
                self.scale(&call, name)
            }
            ("POST", None, None) if kind.group.starts_with("auth") => self.review(&call, caller),
            ("POST" | "PUT" | "PATCH" | "DELETE", _, _) => self.write(world, &call),
            _ => Err(Refusal::no_method()),
        }?;
        Ok(Reply::Answer(reply.warned(&warnings)))
    }

    fn known(&self, world: &World, kind: &Kind, target: &Target) -> Result<(), Refusal> {
        let cluster = &world.cluster;
        match kind.plural {
            "nodes" => told(kind.plural, &cluster.nodes),
            "pods" => told(kind.plural, &cluster.pods),
            "poddisruptionbudgets" => told(kind.plural, &cluster.pdbs),
            // Pods have owners, also where nobody recorded the workloads as such.
            "daemonsets" | "deployments" if !cluster.workloads.is_unknown_by_default() => {
                told(kind.plural, &cluster.workloads)
            }
            _ => match self.unread_gate(world, kind.plural, target) {
                Some(why) => Err(untold(kind.plural, why)),
                None => Ok(()),
            },
        }
    }

    fn review(&self, call: &Call<'_>, caller: &Caller) -> Result<Response, Refusal> {
        let (review, _) = decode::decode(call, call.kind.kind)?;
        Ok(match call.kind.plural {
            "selfsubjectaccessreviews" => self.authority.access_review(caller, &review),
            "selfsubjectrulesreviews" => self.authority.rules_review(caller, &review),
            _ => auth::who_am_i(caller),
        })
    }
}

/// What nobody could read of a recorded cluster cannot be read here either: no answer, and not an empty one.
pub(crate) fn told<T>(what: &str, known: &Known<T>) -> Result<(), Refusal> {
    match known.unknown() {
        Some(why) => Err(untold(what, why)),
        None => Ok(()),
    }
}

fn untold(what: &str, why: &str) -> Refusal {
    let message = format!("{what} cannot be told: {why}");
    Refusal::new(503, "ServiceUnavailable", message)
}

fn attributes(request: &Request, target: &Target) -> Attributes {
    Attributes {
        verb: auth::verb_of(request, target).to_owned(),
        group: target.group.clone(),
        resource: target.plural.clone(),
        subresource: target.sub.clone().unwrap_or_default(),
        namespace: target.namespace.clone(),
        name: target
            .name
            .clone()
            .or_else(|| one_name(request))
            .unwrap_or_default(),
    }
}

/// A list or watch of one name is authorized as that name (apiserver, `RequestInfo`).
fn one_name(request: &Request) -> Option<String> {
    let fields = request.param("fieldSelector")?;
    let name = fields.strip_prefix("metadata.name=")?;
    let name = name.trim_start_matches('=');
    (!name.contains(',')).then(|| name.to_owned())
}

/// How an answer is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accept {
    /// The objects.
    Object,
    /// A Table, as `kubectl get` asks for.
    Table,
    /// Names and labels only.
    Metadata,
}

impl Accept {
    /// Takes the first clause that can be met.
    fn read(header: &str) -> Result<Self, Refusal> {
        if header.trim().is_empty() {
            return Ok(Self::Object);
        }
        for clause in header.split(',') {
            let mut parts = clause.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default();
            if !matches!(media, "application/json" | "application/*" | "*/*") {
                continue;
            }
            let shape = parts.find_map(|part| part.strip_prefix("as="));
            match shape {
                None => return Ok(Self::Object),
                Some("Table") => return Ok(Self::Table),
                Some("PartialObjectMetadata" | "PartialObjectMetadataList") => {
                    return Ok(Self::Metadata);
                }
                Some(_) => {}
            }
        }
        Err(Refusal::not_acceptable())
    }
}

/// Returns an object's metadata to change; what is no object becomes one.
pub(crate) fn meta_mut(object: &mut Value) -> &mut Map<String, Value> {
    map_mut(object, "metadata")
}

/// Returns a part of an object to change; what is no object becomes one.
pub(crate) fn map_mut<'a>(object: &'a mut Value, key: &str) -> &'a mut Map<String, Value> {
    if !object.is_object() {
        *object = json!({});
    }
    let part = &mut object[key];
    if !part.is_object() {
        *part = json!({});
    }
    loop {
        match part {
            Value::Object(map) => return map,
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => *part = Value::Object(Map::new()),
        }
    }
}

/// Returns a whole number of an object, or 0.
pub(crate) fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

/// Returns an object's name.
pub(crate) fn name_of(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}
