//! A kubeconfig: one context by its name. The file decides where credentials go, so what is not understood is refused.

use super::access::{Access, word};
use super::credentials::{Credentials, Secret};
use crate::files;
use crate::render::RenderError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A kubeconfig of a fleet with certificates for a thousand clusters has 4 MB.
const KUBECONFIG_BYTES_MAX: u64 = 16 << 20;
/// Certificates and token files have a few KB.
const PART_BYTES_MAX: u64 = 1 << 20;

/// Options of `aws` and of `aws eks get-token` that take a value (AWS CLI reference, 2026-11). `--endpoint-url` is not
/// among them: it would send the signed request elsewhere.
const WITH_VALUE: [&str; 8] = [
    "--cluster-name",
    "--cluster-id",
    "--region",
    "--profile",
    "--role-arn",
    "--role",
    "--output",
    "--color",
];
/// Variables that the kubeconfig may set for it: which account and region, and nothing that names a program or a URL.
const VARIABLES: [&str; 4] = [
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_STS_REGIONAL_ENDPOINTS",
];

/// Where a kubeconfig may be.
#[derive(Clone, Debug, Default)]
pub struct KubeconfigSource {
    /// The file that the fleet names; none for those of the user.
    pub named: Option<PathBuf>,
    /// The user's: `$KUBECONFIG`, split, or `~/.kube/config`.
    pub own: Vec<PathBuf>,
    /// The repository that is planned: no credential configuration is read from it.
    pub planned: Option<PathBuf>,
}

/// Why there is no access by a context.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Reading context `{context}` of the kubeconfig failed: {why}")]
pub struct KubeconfigError {
    /// The context.
    pub context: String,
    /// Why, the file included.
    pub why: String,
    /// What to do about it.
    pub hint: Option<String>,
}

struct Wrong {
    why: String,
    hint: Option<String>,
}

fn wrong(why: impl Into<String>) -> Wrong {
    Wrong {
        why: why.into(),
        hint: None,
    }
}

impl Wrong {
    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What is wrong in an entry is looked at where it stands, unless something better is known.
    fn or_look(self, context: &str, path: &Path) -> Self {
        let hint = self.hint.unwrap_or_else(|| {
            format!(
                "`kubectl config view --minify --kubeconfig {} --context {}` shows it",
                word(&path.display().to_string()),
                word(context)
            )
        });
        Self {
            why: self.why,
            hint: Some(hint),
        }
    }
}

/// Returns the command that writes a context of EKS into this file.
fn write_again(context: &str, shown: &str) -> String {
    format!(
        "`aws eks update-kubeconfig --name NAME --alias {} --kubeconfig {}`",
        word(context),
        word(shown)
    )
}

/// Reads the context called `context`. The file's current context is not looked at.
///
/// # Errors
/// No such file or context, a file inside of the planned repository, an exec plugin other than `aws eks get-token`,
/// verification of certificates switched off, or anything that is not understood.
pub fn read_kubeconfig(
    context: &str,
    source: &KubeconfigSource,
) -> Result<Access, KubeconfigError> {
    read(context, source).map_err(|Wrong { why, hint }| KubeconfigError {
        context: context.to_owned(),
        why,
        hint,
    })
}

fn read(context: &str, source: &KubeconfigSource) -> Result<Access, Wrong> {
    let candidates: Vec<&PathBuf> = match &source.named {
        Some(named) => vec![named],
        None => source
            .own
            .iter()
            .filter(|path| files::is_file(path))
            .collect(),
    };
    if candidates.is_empty() {
        return Err(Wrong {
            why: "there is no kubeconfig: neither does the fleet name one, nor has the user one".to_owned(),
            hint: Some(
                "write `live: {kubernetes: {context: NAME, kubeconfig: FILE}}`, or for EKS: `aws eks update-kubeconfig --name NAME --alias NAME`".to_owned(),
            ),
        });
    }
    let mut known: Vec<String> = Vec::new();
    let alone = candidates.len() == 1;
    for path in candidates {
        let file = load(context, path, source.planned.as_deref())?;
        let missing = missing(&file);
        // Files of one `$KUBECONFIG` complete each other.
        if alone && !missing.is_empty() {
            let lists: Vec<String> = missing.iter().map(|key| format!("`{key}`")).collect();
            return Err(damaged(
                path,
                &format!("it has no list {}", lists.join(" and no list ")),
            ));
        }
        if let Some(entry) = named(&file, "contexts", context, path)? {
            return access(context, &file, entry, path)
                .map_err(|wrong| wrong.or_look(context, path));
        }
        known.extend(names(&file, "contexts"));
    }
    let shown: Vec<&str> = known.iter().take(20).map(String::as_str).collect();
    Err(Wrong {
        why: "there is no such context".to_owned(),
        hint: Some(if shown.is_empty() {
            "`kubectl config get-contexts` lists them; there is none".to_owned()
        } else {
            format!("name one of: {}", shown.join(", "))
        }),
    })
}

fn load(context: &str, path: &Path, planned: Option<&Path>) -> Result<Value, Wrong> {
    let shown = path.display();
    let name = shown.to_string();
    let full = files::canonicalize(path).map_err(|error| {
        wrong(error.to_string()).hint(format!(
            "name another with `live: {{kubernetes: {{context: {context}, kubeconfig: FILE}}}}`, or write it, for EKS: {}",
            write_again(context, &name)
        ))
    })?;
    // The folder too may be named by a link.
    let planned = planned.map(|top| files::canonicalize(top).unwrap_or_else(|_| top.to_owned()));
    if let Some(planned) = planned {
        let is_inside = full.starts_with(&planned);
        if is_inside || leads_through(path, &planned) {
            let how = if is_inside {
                "is inside of"
            } else {
                "leads through a link inside of"
            };
            return Err(Wrong {
                why: format!(
                    "`{shown}` {how} the repository that is planned, and a change under review must not say where credentials go"
                ),
                hint: Some("keep the kubeconfig outside of it, e.g. in ~/.kube".to_owned()),
            });
        }
    }
    let text = files::read_text(&full, KUBECONFIG_BYTES_MAX).map_err(|error| {
        let aside = word(&format!("{name}.aside"));
        wrong(error.to_string()).hint(format!(
            "put it aside with `mv {} {aside}`, and write it again, for EKS: {}",
            word(&name),
            write_again(context, &name)
        ))
    })?;
    let mut documents = crate::render::parse_yaml(&text, &name)
        .map_err(|error| damaged(path, &broken_at(&error)))?;
    match (documents.pop(), documents.is_empty()) {
        (None, _) => Err(damaged(path, "it is empty")),
        (Some(file @ Value::Object(_)), true) => Ok(file),
        (Some(_), _) => Err(wrong(format!(
            "`{shown}` is no kubeconfig: one mapping is expected"
        ))),
    }
}

/// A path of links is longer than this in no system (Linux, `MAXSYMLINKS`).
const LINKS_MAX: usize = 40;

/// Returns true when a name on the way to a file stands in `planned`: whoever changes the repository then chooses the
/// file, wherever it lies.
fn leads_through(path: &Path, planned: &Path) -> bool {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        let stands_inside = |name: &Path| {
            let folder = files::canonicalize(&files::parent_of(name));
            folder.is_ok_and(|folder| folder.starts_with(planned))
        };
        let names = path.ancestors().filter(|name| name.file_name().is_some());
        if names.into_iter().any(stands_inside) {
            return true;
        }
        match files::link_target(&path) {
            Some(target) => path = files::parent_of(&path).join(target),
            None => return false,
        }
    }
    true
}

/// A file that is not all there, or was written over.
fn damaged(path: &Path, how: &str) -> Wrong {
    let shown = path.display();
    Wrong {
        why: format!("the kubeconfig `{shown}` is damaged: {how}"),
        hint: Some(
            "was it cut off while it was written? Write it again, for EKS: `aws eks update-kubeconfig --name NAME --alias NAME`"
                .to_owned(),
        ),
    }
}

/// Errors of YAML quote the line that they are about, and a line of a kubeconfig may be a credential: the place and the
/// first line of what is wrong must do.
fn broken_at(error: &RenderError) -> String {
    let message = error.message.lines().next().unwrap_or_default();
    match (error.line, error.column) {
        (Some(line), Some(column)) => format!("line {line}, column {column}: {message}"),
        (_, _) => message.to_owned(),
    }
}

/// Every kubeconfig that names a context has these; a file that was cut off has not all of them.
const LISTS: [&str; 3] = ["clusters", "contexts", "users"];

/// Returns the lists that a file does not have.
fn missing(file: &Value) -> Vec<&'static str> {
    let there = |key: &&'static str| !file.get(*key).is_some_and(Value::is_array);
    LISTS.into_iter().filter(there).collect()
}

fn list<'v>(file: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> + use<'v> {
    file.get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn names(file: &Value, key: &str) -> Vec<String> {
    list(file, key)
        .filter_map(|entry| entry.get("name").and_then(Value::as_str))
        .map(str::to_owned)
        .collect()
}

/// Of two with one name, which is meant is a guess (client-go refuses such a file too).
fn named<'v>(
    file: &'v Value,
    key: &str,
    name: &str,
    path: &Path,
) -> Result<Option<&'v Value>, Wrong> {
    let of_name = |entry: &&Value| entry.get("name").and_then(Value::as_str) == Some(name);
    let mut found = list(file, key).filter(of_name);
    match (found.next(), found.next()) {
        (first, None) => Ok(first),
        (_, Some(_)) => Err(wrong(format!(
            "`{}` has more than one of {key} called `{name}`",
            path.display()
        ))),
    }
}

fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value
        .get(key)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
}

fn access(context: &str, file: &Value, entry: &Value, path: &Path) -> Result<Access, Wrong> {
    let shown = path.display().to_string();
    let folder = files::parent_of(path);
    let inner = entry.get("context").unwrap_or(&Value::Null);
    let part = |key: &str, list: &str, inside: &str| -> Result<Value, Wrong> {
        let name = text(inner, key)
            .ok_or_else(|| wrong(format!("`{shown}`: the context names no {key}")))?;
        let found = named(file, list, name, path)?
            .ok_or_else(|| wrong(format!("`{shown}`: there is no {key} `{name}`")))?;
        // `{}` is a user who shows nothing; no value at all is half a file.
        found
            .get(inside)
            .filter(|part| part.is_object())
            .cloned()
            .ok_or_else(|| {
                wrong(format!("`{shown}`: the {key} `{name}` says nothing")).hint(format!(
                    "write what is missing under `{list}: - name: {name}`, for EKS: {}",
                    write_again(context, &shown)
                ))
            })
    };
    let cluster = part("cluster", "clusters", "cluster")?;
    let user = part("user", "users", "user")?;
    let endpoint = endpoint(&cluster, text(inner, "cluster").unwrap_or_default(), &shown)?;
    if cluster.get("insecure-skip-tls-verify") == Some(&Value::Bool(true)) {
        return Err(Wrong {
            why: "it switches the verification of the server's certificate off (insecure-skip-tls-verify)".to_owned(),
            hint: Some("give the authority instead: `certificate-authority-data`".to_owned()),
        });
    }
    if text(&cluster, "proxy-url").is_some() {
        return Err(wrong("`proxy-url` is not supported").hint(format!(
            "where the cluster is reached without it: `kubectl config unset clusters.{}.proxy-url --kubeconfig {}`",
            word(text(inner, "cluster").unwrap_or_default()),
            word(&shown)
        )));
    }
    let authority = match data(&cluster, "certificate-authority", &folder)? {
        None => Vec::new(),
        Some(pem) => certificates(&pem).map_err(|Wrong { why, .. }| Wrong {
            why: format!(
                "`{shown}`, cluster `{}`: {why}",
                text(inner, "cluster").unwrap_or_default()
            ),
            hint: Some(format!(
                "write the context again, for EKS: {}",
                write_again(context, &shown)
            )),
        })?,
    };
    let credentials = credentials(&user, &folder)?;
    // Any process of this machine may have the port by now: loopback is no reason to tell it a token.
    if !endpoint.starts_with(HTTPS) && !matches!(credentials, Credentials::None) {
        return Err(wrong(format!(
            "`{endpoint}` is not https, and its user `{}` has credentials, which would go over it in the clear",
            text(inner, "user").unwrap_or_default()
        ))
        .hint(encrypted(text(inner, "cluster").unwrap_or_default(), &shown)));
    }
    Ok(Access {
        context: context.to_owned(),
        shown,
        endpoint,
        authority,
        server_name: text(&cluster, "tls-server-name").map(str::to_owned),
        credentials,
    })
}

/// The one scheme over which credentials go.
const HTTPS: &str = "https://";

/// What to do about a server in the clear.
fn encrypted(cluster: &str, shown: &str) -> String {
    format!(
        "`kubectl config set-cluster {} --server=https://HOST:PORT --certificate-authority=FILE --kubeconfig {}`",
        word(cluster),
        word(shown)
    )
}

fn endpoint(cluster: &Value, name: &str, shown: &str) -> Result<String, Wrong> {
    let mend = || encrypted(name, shown);
    let server =
        text(cluster, "server").ok_or_else(|| wrong("its cluster has no server").hint(mend()))?;
    let server = server.trim_end_matches('/');
    // First, for every other message quotes it.
    if server.contains('@') {
        return Err(wrong("the server's URL holds credentials").hint(format!(
            "leave out what stands before the `@`, and let its user show a token, a client certificate, or `aws eks get-token`: {}",
            mend()
        )));
    }
    if server.starts_with(HTTPS) || is_loopback(server) {
        return Ok(server.to_owned());
    }
    Err(wrong(format!(
        "`{server}` is not https: a token would go over it in the clear"
    ))
    .hint(mend()))
}

/// What does not leave the machine may be in the clear, without credentials: `world serve --insecure-http`.
fn is_loopback(server: &str) -> bool {
    let local = ["127.0.0.1:", "[::1]:", "localhost:"];
    server
        .strip_prefix("http://")
        .is_some_and(|rest| local.iter().any(|host| rest.starts_with(host)))
}

/// Reads `KEY-data` (base64), else the file `KEY`.
fn data(value: &Value, key: &str, folder: &Path) -> Result<Option<Vec<u8>>, Wrong> {
    let inline = format!("{key}-data");
    if let Some(encoded) = text(value, &inline) {
        let compact: String = encoded.split_whitespace().collect();
        return STANDARD
            .decode(compact)
            .map(Some)
            .map_err(|_| wrong(format!("`{inline}` is no base64")));
    }
    let Some(path) = text(value, key) else {
        return Ok(None);
    };
    files::read_bounded(&folder.join(path), PART_BYTES_MAX)
        .map(Some)
        .map_err(|error| wrong(format!("`{key}`: {error}")))
}

/// Returns the certificates of a PEM file, DER.
fn certificates(pem: &[u8]) -> Result<Vec<Vec<u8>>, Wrong> {
    let (begin, end) = ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----");
    let text = String::from_utf8_lossy(pem);
    let mut found = Vec::new();
    for block in text.split(begin).skip(1) {
        let (inner, _) = block.split_once(end).ok_or_else(|| {
            wrong("the certificate authority ends in the middle of a certificate")
        })?;
        let compact: String = inner.split_whitespace().collect();
        let der = STANDARD
            .decode(compact)
            .map_err(|_| wrong("the certificate authority is no PEM"))?;
        let number = found.len() + 1;
        whole(&der).map_err(|why| {
            wrong(format!(
                "certificate {number} of the certificate authority cannot be read: {why}"
            ))
        })?;
        found.push(der);
    }
    if found.is_empty() {
        return Err(wrong("the certificate authority holds no certificate"));
    }
    Ok(found)
}

/// Says why this is no certificate by its frame: one DER sequence, all of it and nothing behind it (X.690, 8.1.3).
fn whole(der: &[u8]) -> Result<(), String> {
    const SEQUENCE: u8 = 0x30;
    const LONG_FORM: u8 = 0x80;
    let no_certificate = || "it is no certificate".to_owned();
    let [SEQUENCE, first, rest @ ..] = der else {
        return Err(no_certificate());
    };
    let (length, body) = if *first < LONG_FORM {
        (usize::from(*first), rest)
    } else {
        let digits = usize::from(*first - LONG_FORM);
        let (length, body) = rest.split_at_checked(digits).ok_or_else(no_certificate)?;
        // A certificate has a few KB; a length of more than four bytes is none.
        if digits > 4 {
            return Err(no_certificate());
        }
        let length = length
            .iter()
            .fold(0, |sum, byte| (sum << 8) | usize::from(*byte));
        (length, body)
    };
    if body.len() == length {
        return Ok(());
    }
    Err(format!("{} of its {length} bytes are there", body.len()))
}

fn credentials(user: &Value, folder: &Path) -> Result<Credentials, Wrong> {
    for key in [
        "auth-provider",
        "as",
        "as-uid",
        "as-groups",
        "as-user-extra",
        "username",
        "password",
    ] {
        if user.get(key).is_some_and(|value| !value.is_null()) {
            return Err(Wrong {
                why: format!("`{key}` of its user is not supported"),
                hint: Some("use a token, a client certificate, or `aws eks get-token`".to_owned()),
            });
        }
    }
    if let Some(exec) = user.get("exec").filter(|exec| !exec.is_null()) {
        return plugin(exec);
    }
    if let Some(file) = text(user, "tokenFile") {
        return Ok(Credentials::TokenFile(folder.join(file)));
    }
    if let Some(token) = text(user, "token") {
        return Ok(Credentials::Token(Secret::new(token.to_owned())));
    }
    let certificate = data(user, "client-certificate", folder)?;
    let key = data(user, "client-key", folder)?;
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Credentials::Certificate {
            certificate,
            key: Secret::new(String::from_utf8_lossy(&key).into_owned()),
        }),
        (None, None) => Ok(Credentials::None),
        (Some(_), None) | (None, Some(_)) => Err(wrong(
            "a client certificate and its key come together, and one is missing",
        )),
    }
}

/// Takes `aws eks get-token` with options that say which cluster and who, and nothing else.
fn plugin(exec: &Value) -> Result<Credentials, Wrong> {
    let command = text(exec, "command").unwrap_or_default();
    let refused = |why: String| {
        Wrong {
        why,
        hint: Some(
            "the one plugin that is run is `aws eks get-token`: `aws eks update-kubeconfig --name NAME --alias NAME` writes it".to_owned(),
        ),
    }
    };
    if command != "aws" {
        return Err(refused(format!(
            "its user runs the plugin `{command}`, and only `aws`, found on PATH, is run"
        )));
    }
    let argv: Vec<String> = list(exec, "args")
        .map(|word| word.as_str().map(str::to_owned))
        .collect::<Option<_>>()
        .ok_or_else(|| refused("an argument of its plugin is no text".to_owned()))?;
    let mut plain = Vec::new();
    let mut words = argv.iter();
    while let Some(word) = words.next() {
        if !word.starts_with('-') {
            plain.push(word.as_str());
            continue;
        }
        let (option, value) = match word.split_once('=') {
            Some((option, value)) => (option, Some(value.to_owned())),
            None => (word.as_str(), words.next().cloned()),
        };
        let good = value.is_some_and(|value| !value.is_empty() && !value.starts_with('-'));
        if !WITH_VALUE.contains(&option) || !good {
            return Err(refused(format!(
                "`{word}` is no option that its plugin may have"
            )));
        }
    }
    if plain != ["eks", "get-token"] {
        return Err(refused(format!(
            "its plugin is `aws {}`, not `aws eks get-token`",
            plain.join(" ")
        )));
    }
    let mut env = Vec::new();
    for entry in list(exec, "env") {
        let (name, value) = (text(entry, "name"), text(entry, "value"));
        let (Some(name), Some(value)) = (name, value) else {
            continue;
        };
        if !VARIABLES.contains(&name) {
            return Err(refused(format!("its plugin sets the variable `{name}`")));
        }
        env.push((name.to_owned(), value.to_owned()));
    }
    Ok(Credentials::Plugin { argv, env })
}

#[cfg(test)]
mod tests;
