//! Who asks, and whether they may: bearer tokens and RBAC, and the reviews that tell it.

use super::errors::Refusal;
use super::request::{Request, Response};
use super::route::Target;
use serde_json::{Map, Value, json};
use stairway_core::model::glob_matches;

/// Somebody with a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// As 403 messages name them.
    pub name: String,
    /// `system:masters` may do everything.
    pub groups: Vec<String>,
    /// The bearer token.
    pub token: String,
}

/// A role and who has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Binding {
    /// The binding's name.
    pub name: String,
    /// The name of a user or of a group.
    pub subject: Subject,
    /// The namespace of a RoleBinding; none for a ClusterRoleBinding.
    pub namespace: Option<String>,
    /// A `Role` or `ClusterRole` as JSON: `metadata.name` and `rules` are read.
    pub role: Value,
}

/// Whom a binding binds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A user by name.
    User(String),
    /// A group by name.
    Group(String),
}

impl User {
    /// Returns a user who may do everything.
    pub fn admin(token: &str) -> Self {
        Self {
            name: "admin".to_owned(),
            groups: vec!["system:masters".to_owned()],
            token: token.to_owned(),
        }
    }
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) name: String,
    groups: Vec<String>,
}

/// What is asked of the authorizer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attributes {
    pub(crate) verb: String,
    pub(crate) group: String,
    pub(crate) resource: String,
    pub(crate) subresource: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

/// The users and their roles.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Authority {
    pub(crate) users: Vec<User>,
    pub(crate) bindings: Vec<Binding>,
}

/// What `system:discovery` and `system:public-info-viewer` let every authenticated user read.
const OPEN: [&str; 11] = [
    "/api",
    "/api/*",
    "/apis",
    "/apis/*",
    "/healthz",
    "/livez",
    "/openapi",
    "/openapi/*",
    "/readyz",
    "/version",
    "/version/",
];
/// What `system:public-info-viewer` lets anybody read.
const PUBLIC: [&str; 5] = ["/healthz", "/livez", "/readyz", "/version", "/version/"];
const MASTERS: &str = "system:masters";
const ANONYMOUS: &str = "system:anonymous";

impl Authority {
    /// Returns who sent a request; one without a token is anonymous.
    pub(crate) fn caller(&self, request: &Request) -> Result<Caller, Refusal> {
        let header = request.header("authorization");
        if header.is_empty() {
            return Ok(Caller {
                name: ANONYMOUS.to_owned(),
                groups: vec!["system:unauthenticated".to_owned()],
            });
        }
        let token = header
            .split_once(' ')
            .filter(|(kind, _)| kind.eq_ignore_ascii_case("bearer"));
        let token = token
            .map(|(_, token)| token.trim())
            .filter(|token| !token.is_empty());
        let known = token.and_then(|token| self.users.iter().find(|user| user.token == token));
        let user = known.ok_or_else(Refusal::unauthorized)?;
        let mut groups = user.groups.clone();
        groups.push("system:authenticated".to_owned());
        Ok(Caller {
            name: user.name.clone(),
            groups,
        })
    }

    fn bindings_of<'a>(&'a self, caller: &'a Caller) -> impl Iterator<Item = &'a Binding> {
        self.bindings
            .iter()
            .filter(|binding| match &binding.subject {
                Subject::User(name) => *name == caller.name,
                Subject::Group(name) => caller.groups.contains(name),
            })
    }

    /// Returns why something is allowed, or nothing.
    pub(crate) fn allows(&self, caller: &Caller, asked: &Attributes) -> Option<String> {
        if caller.groups.iter().any(|group| group == MASTERS) {
            return Some(String::new());
        }
        let basic = caller.name != ANONYMOUS && asked.verb == "create" && is_self_review(asked);
        if basic {
            return Some("RBAC: allowed by ClusterRoleBinding \"system:basic-user\" of ClusterRole \"system:basic-user\" to Group \"system:authenticated\"".to_owned());
        }
        let binding = self.bindings_of(caller).find(|binding| {
            let here = binding.namespace.as_ref();
            here.is_none_or(|namespace| *namespace == asked.namespace)
                && rules(&binding.role).iter().any(|rule| covers(rule, asked))
        })?;
        Some(binding.reason())
    }

    /// Returns true for a path that is no resource and that the caller may read.
    pub(crate) fn allows_path(&self, caller: &Caller, verb: &str, path: &str) -> bool {
        if caller.groups.iter().any(|group| group == MASTERS) {
            return true;
        }
        let open: &[&str] = if caller.name == ANONYMOUS {
            &PUBLIC
        } else {
            &OPEN
        };
        let fits = |pattern: &str| glob_matches(pattern, path);
        if verb == "get" && open.iter().any(|pattern| fits(pattern)) {
            return true;
        }
        self.bindings_of(caller)
            .filter(|binding| binding.namespace.is_none())
            .flat_map(|binding| rules(&binding.role))
            .any(|rule| has(&rule["verbs"], verb) && strings(&rule["nonResourceURLs"]).any(fits))
    }

    /// Answers a SelfSubjectAccessReview.
    pub(crate) fn access_review(&self, caller: &Caller, review: &Value) -> Response {
        let spec = &review["spec"];
        let resource = &spec["resourceAttributes"];
        let text = |key: &str| resource[key].as_str().unwrap_or_default().to_owned();
        let reason = if resource.is_object() {
            let asked = Attributes {
                verb: text("verb"),
                group: text("group"),
                resource: text("resource"),
                subresource: text("subresource"),
                namespace: text("namespace"),
                name: text("name"),
            };
            self.allows(caller, &asked)
        } else {
            let path = spec["nonResourceAttributes"]["path"]
                .as_str()
                .unwrap_or_default();
            let verb = spec["nonResourceAttributes"]["verb"]
                .as_str()
                .unwrap_or_default();
            self.allows_path(caller, verb, path).then(String::new)
        };
        let mut status = json!({"allowed": reason.is_some()});
        if let Some(reason) = reason.filter(|reason| !reason.is_empty()) {
            status["reason"] = json!(reason);
        }
        let answer = json!({
            "kind": "SelfSubjectAccessReview",
            "apiVersion": "authorization.k8s.io/v1",
            "metadata": {},
            "spec": spec,
            "status": status,
        });
        Response::json(201, &answer)
    }

    /// Answers a SelfSubjectRulesReview; the namespace that was asked for is not echoed.
    pub(crate) fn rules_review(&self, caller: &Caller, review: &Value) -> Response {
        let namespace = review["spec"]["namespace"].as_str().unwrap_or_default();
        let mut resource_rules = vec![
            json!({"verbs": ["create"], "apiGroups": ["authorization.k8s.io"], "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"]}),
            json!({"verbs": ["create"], "apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"]}),
        ];
        let mut other_rules = vec![
            json!({"verbs": ["get"], "nonResourceURLs": PUBLIC}),
            json!({"verbs": ["get"], "nonResourceURLs": OPEN}),
            json!({"verbs": ["get"], "nonResourceURLs": ["/.well-known", "/.well-known/*"]}),
        ];
        if caller.groups.iter().any(|group| group == MASTERS) {
            resource_rules.push(json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}));
            other_rules.push(json!({"verbs": ["*"], "nonResourceURLs": ["*"]}));
        }
        for binding in self.bindings_of(caller) {
            let here = binding.namespace.as_ref();
            if here.is_some_and(|here| here != namespace) {
                continue;
            }
            for rule in rules(&binding.role) {
                if rule.get("nonResourceURLs").is_some() {
                    other_rules.push(rule);
                } else {
                    resource_rules.push(rule);
                }
            }
        }
        let answer = json!({
            "kind": "SelfSubjectRulesReview",
            "apiVersion": "authorization.k8s.io/v1",
            "metadata": {},
            "spec": {},
            "status": {
                "resourceRules": resource_rules,
                "nonResourceRules": other_rules,
                "incomplete": false,
            },
        });
        Response::json(201, &answer)
    }
}

/// Answers a SelfSubjectReview (`kubectl auth whoami`).
pub(crate) fn who_am_i(caller: &Caller) -> Response {
    let answer = json!({
        "kind": "SelfSubjectReview",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {},
        "status": {"userInfo": {"username": caller.name, "groups": caller.groups}},
    });
    Response::json(201, &answer)
}

impl Binding {
    fn reason(&self) -> String {
        let kind = self.role["kind"].as_str().unwrap_or("ClusterRole");
        let role = self.role["metadata"]["name"].as_str().unwrap_or_default();
        let (binding, name) = match &self.namespace {
            None => ("ClusterRoleBinding", self.name.clone()),
            Some(namespace) => ("RoleBinding", format!("{}/{namespace}", self.name)),
        };
        let to = match &self.subject {
            Subject::User(name) => format!("User \"{name}\""),
            Subject::Group(name) => format!("Group \"{name}\""),
        };
        format!("RBAC: allowed by {binding} \"{name}\" of {kind} \"{role}\" to {to}")
    }
}

/// Returns the refusal of what nobody allowed.
pub(crate) fn denied(caller: &Caller, asked: &Attributes) -> Refusal {
    let mut resource = asked.resource.clone();
    if !asked.subresource.is_empty() {
        resource = format!("{resource}/{}", asked.subresource);
    }
    let scope = if asked.namespace.is_empty() {
        "at the cluster scope".to_owned()
    } else {
        format!("in the namespace \"{}\"", asked.namespace)
    };
    let mut subject = asked.resource.clone();
    if !asked.group.is_empty() {
        subject = format!("{subject}.{}", asked.group);
    }
    if !asked.name.is_empty() {
        subject = format!("{subject} \"{}\"", asked.name);
    }
    let message = format!(
        "{subject} is forbidden: User \"{}\" cannot {} resource \"{resource}\" in API group \"{}\" {scope}",
        caller.name, asked.verb, asked.group
    );
    let mut details = Map::new();
    if !asked.name.is_empty() {
        details.insert("name".to_owned(), json!(asked.name));
    }
    if !asked.group.is_empty() {
        details.insert("group".to_owned(), json!(asked.group));
    }
    details.insert("kind".to_owned(), json!(asked.resource));
    Refusal::forbidden(details, message)
}

/// Returns the refusal of a path that is no resource.
pub(crate) fn denied_path(caller: &Caller, verb: &str, path: &str) -> Refusal {
    let message = format!(
        "forbidden: User \"{}\" cannot {verb} path \"{path}\"",
        caller.name
    );
    Refusal::forbidden(Map::new(), message)
}

/// Returns the verb of the authorizer for a method.
pub(crate) fn verb_of(request: &Request, target: &Target) -> &'static str {
    let whole = target.name.is_none();
    match request.method.as_str() {
        "GET" | "HEAD" if request.flag("watch") && whole => "watch",
        "GET" | "HEAD" if whole => "list",
        "GET" | "HEAD" => "get",
        "POST" => "create",
        "PUT" => "update",
        "PATCH" => "patch",
        "DELETE" if whole => "deletecollection",
        "DELETE" => "delete",
        _ => "",
    }
}

fn is_self_review(asked: &Attributes) -> bool {
    match asked.group.as_str() {
        "authorization.k8s.io" => matches!(
            asked.resource.as_str(),
            "selfsubjectaccessreviews" | "selfsubjectrulesreviews"
        ),
        "authentication.k8s.io" => asked.resource == "selfsubjectreviews",
        _ => false,
    }
}

fn rules(role: &Value) -> Vec<Value> {
    role["rules"].as_array().cloned().unwrap_or_default()
}

fn strings(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

fn has(list: &Value, wanted: &str) -> bool {
    strings(list).any(|one| one == "*" || one == wanted)
}

/// RBAC: a rule covers a request when verb, group, resource and name are all in it.
fn covers(rule: &Value, asked: &Attributes) -> bool {
    let resource = if asked.subresource.is_empty() {
        asked.resource.clone()
    } else {
        format!("{}/{}", asked.resource, asked.subresource)
    };
    let any_of = format!("*/{}", asked.subresource);
    let resources = strings(&rule["resources"]).any(|one| {
        one == "*" || one == resource || (!asked.subresource.is_empty() && one == any_of)
    });
    let mut names = strings(&rule["resourceNames"]).peekable();
    let named = names.peek().is_none() || names.any(|name| name == asked.name);
    has(&rule["verbs"], &asked.verb) && has(&rule["apiGroups"], &asked.group) && resources && named
}
