//! What a config asks for: eksctl `ClusterConfig` documents as typed values.
//!
//! Field names and shapes: eksctl `pkg/apis/eksctl.io/v1alpha5/types.go`.

use super::eksa::{self, EksaConfig};
use super::{ClusterId, KubeMinor};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The apiVersion of eksctl's configs.
pub const EKSCTL_API: &str = "eksctl.io/v1alpha5";
/// Kubernetes refuses longer label values, and eksctl labels every node with its group's name.
pub const NAME_LENGTH_MAX: usize = 63;
/// Bounds what a config may ask for, far above the quota that EKS ever grants.
const NODEGROUPS_MAX: usize = 2000;

/// A cluster that a config file asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Config {
    /// An Amazon EKS cluster made by eksctl.
    Eks(Box<Desired>),
    /// An EKS Anywhere cluster.
    EksAnywhere(Box<EksaConfig>),
}

/// Why a rendered config was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{path}`: {message}")]
pub struct ConfigError {
    /// Where in the rendered config, as a JSON path: `managedNodeGroups[2].name`.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl ConfigError {
    pub(super) fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            message: message.into(),
            hint: None,
        }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// What git asks of one EKS cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Desired {
    /// `metadata.name` and `metadata.region`.
    pub cluster: ClusterId,
    /// `metadata.version`; none when the config leaves it out.
    pub version: Option<KubeMinor>,
    /// `upgradePolicy.supportType`.
    pub support_type: Option<String>,
    /// Nodegroups of both lists, by name.
    pub nodegroups: BTreeMap<String, DesiredNodegroup>,
    /// Add-ons by name; none when the config has no `addons`.
    pub addons: Option<BTreeMap<String, DesiredAddon>>,
    /// `autoModeConfig.enabled`.
    pub auto_mode: bool,
    /// True when the config has Fargate profiles.
    pub fargate: bool,
    /// True when the config sets up Karpenter.
    pub karpenter: bool,
    /// The document as rendered.
    pub document: Map<String, Value>,
}

/// A nodegroup that git asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct DesiredNodegroup {
    /// Its name in git.
    pub name: String,
    /// True when it stands in `managedNodeGroups`.
    pub managed: bool,
    /// Its object as rendered.
    pub spec: Map<String, Value>,
}

/// An add-on that git asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct DesiredAddon {
    /// Its name.
    pub name: String,
    /// Its `version`: exact, a prefix, `latest`, or left out.
    pub version: Option<String>,
    /// Its object as rendered.
    pub spec: Map<String, Value>,
}

/// A taint of a nodegroup.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Taint {
    /// Key.
    pub key: String,
    /// Value, often empty.
    pub value: String,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    pub effect: String,
}

/// A file that a config names and that eksctl reads when it makes a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileReference {
    /// Where the config names it: `managedNodeGroups[0].ssh.publicKeyPath`.
    pub at: String,
    /// The path as it is written there.
    pub path: String,
    /// The group that needs it.
    pub group: String,
    /// Where it is.
    pub standing: Standing,
}

/// Where a file that a config names is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Inside the root; the path relative to it.
    Inside(String),
    /// In somebody's home, on another disk, or outside of the root: it cannot be checked.
    Elsewhere,
}

/// Lists the files that a config names, in the order of its groups.
///
/// eksctl resolves them against its working folder, and a repository has no other than the folder of
/// the config; `config` is the config's own path, relative to the root. The only such field of its schema is `ssh.publicKeyPath`
/// (eksctl `pkg/apis/eksctl.io/v1alpha5/types.go`, NodeGroupSSH).
pub fn referenced_files(desired: &Desired, config: &str) -> Vec<FileReference> {
    let mut all = Vec::new();
    for key in ["nodeGroups", "managedNodeGroups"] {
        let groups = desired.document.get(key).and_then(Value::as_array);
        for (index, group) in groups.into_iter().flatten().enumerate() {
            let path = group
                .get("ssh")
                .and_then(|ssh| text(ssh.as_object()?, "publicKeyPath"));
            let Some((path, name)) = path
                .filter(|path| !path.is_empty())
                .zip(group.get("name").and_then(Value::as_str))
            else {
                continue;
            };
            all.push(FileReference {
                at: format!("{key}[{index}].ssh.publicKeyPath"),
                path: path.to_owned(),
                group: name.to_owned(),
                standing: standing(path, config),
            });
        }
    }
    all
}

/// Follows a path from the folder of a config, as words: nothing is read.
fn standing(path: &str, config: &str) -> Standing {
    if path.starts_with(['~', '/']) {
        return Standing::Elsewhere;
    }
    let mut parts: Vec<&str> = config.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.pop().is_none() => return Standing::Elsewhere,
            ".." => {}
            part => parts.push(part),
        }
    }
    Standing::Inside(parts.join("/"))
}

/// Reads rendered documents as configs.
///
/// # Errors
/// The first wrong kind, missing name, float version, placeholder or colliding name, with its path.
pub fn read_documents(documents: &[Value]) -> Result<Vec<Config>, ConfigError> {
    let mut configs = Vec::new();
    let mut anywhere: Vec<&Map<String, Value>> = Vec::new();
    for (index, document) in documents.iter().enumerate() {
        let at = if documents.len() == 1 {
            String::new()
        } else {
            format!("[{index}]")
        };
        let map = object(document, &root(&at))?;
        match (text(map, "apiVersion"), text(map, "kind")) {
            (Some(EKSCTL_API), Some("ClusterConfig")) => {
                configs.push(Config::Eks(Box::new(read_eks(map, &at)?)));
            }
            (Some(api), _) if api.starts_with(eksa::API_GROUP) => anywhere.push(map),
            (_, Some(kind)) if eksa::is_companion(kind) => anywhere.push(map),
            (api, kind) => return Err(wrong_kind(&root(&at), api, kind)),
        }
    }
    for config in eksa::read(&anywhere)? {
        configs.push(Config::EksAnywhere(Box::new(config)));
    }
    if configs.is_empty() {
        return Err(ConfigError::new("$", "the file renders to no cluster")
            .hint("a config holds an eksctl `ClusterConfig` or an EKS Anywhere `Cluster`"));
    }
    Ok(configs)
}

fn root(at: &str) -> String {
    if at.is_empty() {
        "$".to_owned()
    } else {
        format!("${at}")
    }
}

fn wrong_kind(at: &str, api: Option<&str>, kind: Option<&str>) -> ConfigError {
    let message = match (api, kind) {
        (None, None) => "neither `apiVersion` nor `kind` is there".to_owned(),
        (api, kind) => format!(
            "apiVersion `{}`, kind `{}` is no cluster config",
            api.unwrap_or("(missing)"),
            kind.unwrap_or("(missing)")
        ),
    };
    ConfigError::new(at, message).hint(format!(
        "stairway reads `{EKSCTL_API}` ClusterConfig and `{}` documents",
        eksa::API_GROUP
    ))
}

/// Reads one ClusterConfig; `at` is `""`, or the document's index in brackets.
fn read_eks(map: &Map<String, Value>, at: &str) -> Result<Desired, ConfigError> {
    refuse_placeholders(map, at)?;
    let metadata_path = join(at, "metadata");
    let metadata = match map.get("metadata") {
        Some(value) => object(value, &metadata_path)?,
        None => return Err(ConfigError::new(metadata_path, "is missing")),
    };
    let cluster = ClusterId {
        name: required(metadata, "name", &metadata_path)?,
        region: required(metadata, "region", &metadata_path)?,
        account_id: None,
        endpoint: None,
        certificate_authority: None,
    };
    check_cluster_name(&cluster.name, &metadata_path)?;
    let nodegroups = read_nodegroups(map, at)?;
    let auto_mode = map
        .get("autoModeConfig")
        .and_then(|auto| auto.get("enabled"))
        .is_some_and(|enabled| enabled == &Value::Bool(true));
    let support = map.get("upgradePolicy").and_then(|p| p.get("supportType"));
    Ok(Desired {
        cluster,
        version: read_version(metadata.get("version"), &join(&metadata_path, "version"))?,
        support_type: support.and_then(Value::as_str).map(str::to_owned),
        nodegroups,
        addons: read_addons(map, at)?,
        auto_mode,
        fargate: map
            .get("fargateProfiles")
            .and_then(Value::as_array)
            .is_some_and(|p| !p.is_empty()),
        karpenter: map.get("karpenter").is_some_and(|k| !k.is_null()),
        document: map.clone(),
    })
}

/// EKS: 1 to 100 letters, digits, `-` and `_`, first one alphanumeric (CreateCluster, `name`).
fn check_cluster_name(name: &str, path: &str) -> Result<(), ConfigError> {
    const LENGTH_MAX: usize = 100;
    let plain = name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    let first = name
        .chars()
        .next()
        .is_some_and(|c| c.is_ascii_alphanumeric());
    if plain && first && name.len() <= LENGTH_MAX {
        return Ok(());
    }
    Err(ConfigError::new(
        join(path, "name"),
        format!("`{name}` cannot be an EKS cluster's name"),
    )
    .hint("EKS takes 1 to 100 letters, digits, `-` and `_`, the first a letter or digit"))
}

/// Reads a version that must be a string.
///
/// # Errors
/// A number: YAML reads an unquoted `1.30` as the float 1.3, and the zero is gone.
pub(super) fn read_version(
    value: Option<&Value>,
    path: &str,
) -> Result<Option<KubeMinor>, ConfigError> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() || text == "auto" || text == "latest" => {
            if text.is_empty() {
                return Ok(None);
            }
            Err(ConfigError::new(path, format!("`{text}` is not an exact version"))
                .hint("write the minor that you want, e.g. `version: \"1.33\"`, or leave it out to keep what runs"))
        }
        Some(Value::String(text)) => text
            .parse()
            .map(Some)
            .map_err(|error: super::VersionError| ConfigError::new(path, error.to_string())),
        Some(Value::Number(number)) => Err(ConfigError::new(
            path,
            format!("is the number {number}; an unquoted `1.30` becomes 1.3"),
        )
        .hint("quote it: `version: \"1.30\"`")),
        Some(other) => Err(ConfigError::new(
            path,
            format!("is {}, not a string", kind_of(other)),
        )),
    }
}

fn read_nodegroups(
    map: &Map<String, Value>,
    at: &str,
) -> Result<BTreeMap<String, DesiredNodegroup>, ConfigError> {
    let mut groups: BTreeMap<String, DesiredNodegroup> = BTreeMap::new();
    for (key, managed) in [("nodeGroups", false), ("managedNodeGroups", true)] {
        let list_path = join(at, key);
        for (index, value) in list(map.get(key), &list_path)?.iter().enumerate() {
            let path = format!("{list_path}[{index}]");
            let spec = object(value, &path)?.clone();
            let name = required(&spec, "name", &path)?;
            check_shape(&spec, &path)?;
            let group = DesiredNodegroup {
                name: name.clone(),
                managed,
                spec,
            };
            if groups.insert(name.clone(), group).is_some() {
                return Err(
                    ConfigError::new(path, format!("the name `{name}` is used twice")).hint(
                        "names are unique over `nodeGroups` and `managedNodeGroups` together",
                    ),
                );
            }
        }
    }
    if groups.len() > NODEGROUPS_MAX {
        return Err(ConfigError::new(
            join(at, "nodeGroups"),
            format!(
                "{} nodegroups; at most {NODEGROUPS_MAX} are read",
                groups.len()
            ),
        ));
    }
    Ok(groups)
}

/// Checks the kinds of the fields that stairway computes with.
fn check_shape(spec: &Map<String, Value>, path: &str) -> Result<(), ConfigError> {
    for key in [
        "minSize",
        "maxSize",
        "desiredCapacity",
        "volumeSize",
        "maxPodsPerNode",
    ] {
        if let Some(value) = spec.get(key)
            && !value.is_null()
            && count_of(value).is_none()
        {
            return Err(ConfigError::new(
                join(path, key),
                format!(
                    "is {}, not a whole number from 0 to 4294967295",
                    kind_of(value)
                ),
            ));
        }
    }
    let count = |key: &str| spec.get(key).and_then(count_of);
    if let (Some(min), Some(max)) = (count("minSize"), count("maxSize"))
        && min > max
    {
        return Err(ConfigError::new(
            join(path, "minSize"),
            format!("is {min}, more than `maxSize` ({max})"),
        ));
    }
    for key in ["labels", "tags"] {
        if let Some(value) = spec.get(key)
            && !value.is_null()
        {
            for (name, entry) in object(value, &join(path, key))? {
                if !entry.is_string() {
                    return Err(ConfigError::new(
                        format!("{path}.{key}.{name}"),
                        format!("is {}, not a string", kind_of(entry)),
                    )
                    .hint("quote it"));
                }
            }
        }
    }
    for key in ["amiFamily", "ami", "instanceType"] {
        if let Some(value) = spec.get(key)
            && !value.is_null()
            && !value.is_string()
        {
            return Err(ConfigError::new(
                join(path, key),
                format!("is {}, not a string", kind_of(value)),
            ));
        }
    }
    read_taints(spec.get("taints"), &join(path, "taints")).map(|_| ())
}

/// Reads taints as a list of objects or as eksctl's older map `key: value:Effect`.
///
/// # Errors
/// A shape that is neither.
pub fn read_taints(value: Option<&Value>, path: &str) -> Result<Vec<Taint>, ConfigError> {
    let mut taints = BTreeSet::new();
    match value {
        None | Some(Value::Null) => {}
        Some(Value::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                let path = format!("{path}[{index}]");
                let map = object(item, &path)?;
                taints.insert(Taint {
                    key: required(map, "key", &path)?,
                    value: text(map, "value").unwrap_or_default().to_owned(),
                    effect: required(map, "effect", &path)?,
                });
            }
        }
        Some(Value::Object(map)) => {
            for (key, entry) in map {
                let Value::String(entry) = entry else {
                    return Err(ConfigError::new(format!("{path}.{key}"), "is not a string")
                        .hint("as a map, a taint is `key: \"value:NoSchedule\"`"));
                };
                let (value, effect) = entry.rsplit_once(':').unwrap_or(("", entry));
                taints.insert(Taint {
                    key: key.clone(),
                    value: value.to_owned(),
                    effect: effect.to_owned(),
                });
            }
        }
        Some(other) => {
            return Err(
                ConfigError::new(path, format!("is {}", kind_of(other))).hint(
                    "taints are a list of `{key, value, effect}` or a map `key: \"value:Effect\"`",
                ),
            );
        }
    }
    Ok(taints.into_iter().collect())
}

fn read_addons(
    map: &Map<String, Value>,
    at: &str,
) -> Result<Option<BTreeMap<String, DesiredAddon>>, ConfigError> {
    let list_path = join(at, "addons");
    let value = match map.get("addons") {
        None | Some(Value::Null) => return Ok(None),
        Some(value) => value,
    };
    let mut addons = BTreeMap::new();
    for (index, value) in list(Some(value), &list_path)?.iter().enumerate() {
        let path = format!("{list_path}[{index}]");
        let spec = object(value, &path)?.clone();
        let name = required(&spec, "name", &path)?;
        let version = match spec.get("version") {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if text.is_empty() => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(other) => {
                return Err(ConfigError::new(
                    join(&path, "version"),
                    format!("is {}, not a string", kind_of(other)),
                )
                .hint("quote it"));
            }
        };
        let addon = DesiredAddon {
            name: name.clone(),
            version,
            spec,
        };
        if addons.insert(name.clone(), addon).is_some() {
            return Err(ConfigError::new(
                path,
                format!("the add-on `{name}` is listed twice"),
            ));
        }
    }
    Ok(Some(addons))
}

/// Fields in which `${…}` belongs to a shell or an IAM policy and is no forgotten placeholder.
const VERBATIM_FIELDS: [&str; 5] = [
    "preBootstrapCommands",
    "overrideBootstrapCommand",
    "attachPolicy",
    "configurationValues",
    "userData",
];
/// Bounds the walk: rendered configs are a handful of levels deep.
const DEPTH_MAX: usize = 64;

/// Refuses `${VAR}`: nobody substitutes it after rendering, and eksctl would take it literally.
fn refuse_placeholders(map: &Map<String, Value>, at: &str) -> Result<(), ConfigError> {
    let mut found: Vec<(String, String)> = Vec::new();
    for (key, value) in map {
        if !VERBATIM_FIELDS.contains(&key.as_str()) {
            find_placeholders(value, &join(at, key), 0, &mut found)?;
        }
    }
    let Some((path, first)) = found.first() else {
        return Ok(());
    };
    let names: BTreeSet<String> = found
        .iter()
        .map(|(_, name)| format!("`${{{name}}}`"))
        .collect();
    let names: Vec<String> = names.into_iter().collect();
    let message = match names.as_slice() {
        [one] => format!("holds the placeholder {one}, which nothing fills in"),
        many => format!(
            "and {} more hold the placeholders {}, which nothing fills in",
            found.len().saturating_sub(1),
            many.join(", ")
        ),
    };
    Err(ConfigError::new(path, message).hint(format!(
        "render the value: `std.extVar('{first}')` with `--ext-str {first}=VALUE`"
    )))
}

fn find_placeholders(
    value: &Value,
    path: &str,
    depth: usize,
    found: &mut Vec<(String, String)>,
) -> Result<(), ConfigError> {
    if depth > DEPTH_MAX {
        return Err(ConfigError::new(
            path,
            format!("is nested deeper than {DEPTH_MAX} levels"),
        ));
    }
    match value {
        Value::String(text) => {
            found.extend(placeholder(text).map(|name| (path.to_owned(), name.to_owned())));
            Ok(())
        }
        Value::Array(items) => items.iter().enumerate().try_for_each(|(index, item)| {
            find_placeholders(item, &format!("{path}[{index}]"), depth + 1, found)
        }),
        Value::Object(map) => map
            .iter()
            .filter(|(key, _)| !VERBATIM_FIELDS.contains(&key.as_str()))
            .try_for_each(|(key, item)| {
                find_placeholders(item, &join(path, key), depth + 1, found)
            }),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

/// Returns the name inside the first `${NAME}` with an environment variable's name.
fn placeholder(text: &str) -> Option<&str> {
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let tail = &rest[start + 2..];
        let end = tail.find('}')?;
        let name = &tail[..end];
        let plain = name
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
        if plain && !name.is_empty() {
            return Some(name);
        }
        rest = &tail[end..];
    }
    None
}

impl DesiredNodegroup {
    /// Returns the labels; values were checked to be strings.
    pub fn labels(&self) -> BTreeMap<String, String> {
        labels_of(&self.spec)
    }

    /// Returns the taints, sorted.
    pub fn taints(&self) -> Vec<Taint> {
        read_taints(self.spec.get("taints"), "taints").unwrap_or_default()
    }
}

/// Returns the string labels of a nodegroup in eksctl's shape.
pub fn labels_of(spec: &Map<String, Value>) -> BTreeMap<String, String> {
    let labels = spec.get("labels").and_then(Value::as_object);
    labels
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

/// Returns a whole, non-negative number that fits 32 bits.
pub fn count_of(value: &Value) -> Option<u32> {
    let number = value.as_u64().or_else(|| {
        let float = value.as_f64()?;
        // Jsonnet has doubles only; a whole one is a count.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked to be whole and in range"
        )]
        let whole = (float.fract() == 0.0 && (0.0..=4_294_967_295.0).contains(&float))
            .then_some(float as u64);
        whole
    })?;
    u32::try_from(number).ok()
}

pub(super) fn join(at: &str, key: &str) -> String {
    if at.is_empty() {
        key.to_owned()
    } else {
        format!("{at}.{key}")
    }
}

pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

pub(super) fn object<'a>(
    value: &'a Value,
    path: &str,
) -> Result<&'a Map<String, Value>, ConfigError> {
    value
        .as_object()
        .ok_or_else(|| ConfigError::new(path, format!("is {}, not an object", kind_of(value))))
}

pub(super) fn list<'a>(value: Option<&'a Value>, path: &str) -> Result<&'a [Value], ConfigError> {
    match value {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(other) => Err(ConfigError::new(
            path,
            format!("is {}, not a list", kind_of(other)),
        )),
    }
}

pub(super) fn text<'a>(map: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    map.get(key).and_then(Value::as_str)
}

pub(super) fn required(
    map: &Map<String, Value>,
    key: &str,
    path: &str,
) -> Result<String, ConfigError> {
    match map.get(key) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        Some(Value::String(_)) => Err(ConfigError::new(join(path, key), "is empty")),
        None | Some(Value::Null) => Err(ConfigError::new(join(path, key), "is missing")),
        Some(other) => Err(ConfigError::new(
            join(path, key),
            format!("is {}, not a string", kind_of(other)),
        )),
    }
}
