//! What a plan asks of the Kubernetes API, read strictly: a word that nobody knows is refused.

use serde_json::{Map, Value};

/// A taint to set or to remove; of one to remove only the key must be known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Taint {
    pub(super) key: String,
    pub(super) value: Option<String>,
    pub(super) effect: Option<String>,
}

/// How nodes change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct NodeChange {
    pub(super) add: Vec<Taint>,
    pub(super) remove: Vec<Taint>,
    pub(super) unschedulable: Option<bool>,
}

/// How a group is drained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DrainAsked {
    pub(super) parallel: usize,
    pub(super) timeout_seconds: u32,
    pub(super) grace_seconds: Option<u32>,
    pub(super) bare_pods: bool,
}

/// The closed list.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Asked {
    PatchNodes {
        group: String,
        change: NodeChange,
    },
    DrainNodes {
        group: String,
        drain: DrainAsked,
    },
    PatchDaemonSet {
        namespace: String,
        name: String,
        body: Value,
    },
}

const PATCH_WORDS: [&str; 3] = ["addOrUpdateTaints", "removeTaints", "unschedulable"];
const DRAIN_WORDS: [&str; 4] = [
    "parallel",
    "timeoutSeconds",
    "gracePeriodSeconds",
    "barePods",
];
const TAINT_WORDS: [&str; 3] = ["key", "value", "effect"];
const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
/// A label's value has 63 characters (Kubernetes, Labels and Selectors).
const LABEL_CHARS_MAX: usize = 63;
/// The name of an object is a DNS subdomain of at most 253 characters.
const NAME_CHARS_MAX: usize = 253;

impl Asked {
    pub(super) fn read(verb: &str, object: &str, body: &Value) -> Result<Self, String> {
        let Value::Object(words) = body else {
            return Err("its body is no object".to_owned());
        };
        let group = || -> Result<String, String> {
            let name = object.strip_prefix("nodes?nodegroup=");
            let name = name.ok_or("it is known of `nodes?nodegroup=NAME` only")?;
            // Else the name would be more than a value in a selector of labels.
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            if name.is_empty() || name.len() > LABEL_CHARS_MAX || !name.chars().all(fits) {
                return Err(format!("{name:?} is no name of a nodegroup"));
            }
            Ok(name.to_owned())
        };
        match verb {
            "patch-nodes" => Ok(Self::PatchNodes {
                group: group()?,
                change: NodeChange::read(words)?,
            }),
            "drain-nodes" => Ok(Self::DrainNodes {
                group: group()?,
                drain: DrainAsked::read(words)?,
            }),
            "patch" => {
                let (namespace, name) = daemon_set(object)?;
                Ok(Self::PatchDaemonSet {
                    namespace,
                    name,
                    body: body.clone(),
                })
            }
            other => Err(format!(
                "`{other}` is none of `patch-nodes`, `drain-nodes` and `patch`"
            )),
        }
    }
}

fn daemon_set(object: &str) -> Result<(String, String), String> {
    let why = "it is known of `daemonsets/NAMESPACE/NAME` only";
    let rest = object.strip_prefix("daemonsets/").ok_or(why)?;
    let (namespace, name) = rest.split_once('/').ok_or(why)?;
    let fits = |name: &str| {
        let sign = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
        !name.is_empty() && name.len() <= NAME_CHARS_MAX && name.chars().all(sign)
    };
    if fits(namespace) && fits(name) {
        Ok((namespace.to_owned(), name.to_owned()))
    } else {
        Err(why.to_owned())
    }
}

fn known(words: &Map<String, Value>, all: &[&str], of: &str) -> Result<(), String> {
    match words.keys().find(|word| !all.contains(&word.as_str())) {
        Some(word) => Err(format!("{of} has no word `{word}`")),
        None => Ok(()),
    }
}

impl NodeChange {
    fn read(words: &Map<String, Value>) -> Result<Self, String> {
        known(words, &PATCH_WORDS, "patch-nodes")?;
        let taints = |key: &str| -> Result<Vec<Taint>, String> {
            let listed = match words.get(key) {
                None => return Ok(Vec::new()),
                Some(Value::Array(listed)) => listed,
                Some(_) => return Err(format!("`{key}` is no list")),
            };
            listed.iter().map(Taint::read).collect()
        };
        let unschedulable = match words.get("unschedulable") {
            None => None,
            Some(Value::Bool(closed)) => Some(*closed),
            Some(_) => return Err("`unschedulable` is neither true nor false".to_owned()),
        };
        let change = Self {
            add: taints("addOrUpdateTaints")?,
            remove: taints("removeTaints")?,
            unschedulable,
        };
        if let Some(taint) = change.add.iter().find(|taint| taint.effect.is_none()) {
            return Err(format!("the taint `{}` to add has no effect", taint.key));
        }
        Ok(change)
    }
}

impl Taint {
    fn read(value: &Value) -> Result<Self, String> {
        let Value::Object(words) = value else {
            return Err("a taint is no object".to_owned());
        };
        known(words, &TAINT_WORDS, "a taint")?;
        let text = |key: &str| match words.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(format!("the `{key}` of a taint is no text")),
        };
        let key = text("key")?.filter(|key| !key.is_empty());
        let effect = text("effect")?;
        if let Some(effect) = effect.as_deref().filter(|one| !EFFECTS.contains(one)) {
            return Err(format!("`{effect}` is none of {}", EFFECTS.join(", ")));
        }
        Ok(Self {
            key: key.ok_or("a taint has no key")?,
            value: text("value")?,
            effect,
        })
    }

    /// Returns true for a taint of a node that this one replaces or removes: key and effect tell taints apart.
    pub(super) fn is(&self, taint: &Value) -> bool {
        let text = |key: &str| taint.get(key).and_then(Value::as_str);
        text("key") == Some(&self.key)
            && self
                .effect
                .as_deref()
                .is_none_or(|effect| text("effect") == Some(effect))
    }
}

impl std::fmt::Display for Taint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.key)?;
        match &self.effect {
            Some(effect) => write!(f, ":{effect}"),
            None => Ok(()),
        }
    }
}

impl DrainAsked {
    fn read(words: &Map<String, Value>) -> Result<Self, String> {
        known(words, &DRAIN_WORDS, "drain-nodes")?;
        let number = |key: &str| match words.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_u64().and_then(|number| u32::try_from(number).ok()) {
                Some(number) => Ok(Some(number)),
                None => Err(format!("`{key}` is no count")),
            },
        };
        let (parallel, timeout) = (number("parallel")?, number("timeoutSeconds")?);
        let (Some(parallel @ 1..), Some(timeout_seconds @ 1..)) = (parallel, timeout) else {
            let why = "drain-nodes needs `parallel` and `timeoutSeconds`, each at least 1";
            return Err(why.to_owned());
        };
        let bare_pods = match words.get("barePods") {
            None => false,
            Some(Value::Bool(accepted)) => *accepted,
            Some(_) => return Err("`barePods` is neither true nor false".to_owned()),
        };
        Ok(Self {
            parallel: usize::try_from(parallel).unwrap_or(1),
            timeout_seconds,
            grace_seconds: number("gracePeriodSeconds")?,
            bare_pods,
        })
    }
}
