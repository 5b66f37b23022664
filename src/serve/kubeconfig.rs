//! The file by which clients find the served clusters.

use super::Endpoint;
use stairway_world::door::base64_padded;
use std::fmt::Write as _;

/// The first line of every kubeconfig that we write; a file without it is somebody else's and is not replaced.
pub const MARK: &str =
    "# Written by `stairway world serve`; it is good for as long as that server runs.";

/// Returns a kubeconfig with a context for each cluster, all by the cluster's name.
///
/// The current context is set when there is one only: with several, whoever uses it has to say which.
pub fn kubeconfig(endpoints: &[Endpoint], user: &str, token: &str) -> String {
    let (mut clusters, mut contexts, mut users) = (String::new(), String::new(), String::new());
    for endpoint in endpoints {
        // A string of JSON is one of YAML, whatever is in it.
        let name = quoted(&endpoint.cluster);
        let login = quoted(&format!("{user}@{}", endpoint.cluster));
        let server = quoted(&endpoint.url());
        let authority = match &endpoint.authority {
            Some(pem) => format!(
                "\n    certificate-authority-data: {}",
                base64_padded(pem.as_bytes())
            ),
            None => String::new(),
        };
        // Writing to a string cannot fail.
        let _ = write!(
            clusters,
            "\n- name: {name}\n  cluster:\n    server: {server}{authority}"
        );
        let _ = write!(
            contexts,
            "\n- name: {name}\n  context: {{cluster: {name}, user: {login}}}"
        );
        let _ = write!(
            users,
            "\n- name: {login}\n  user: {{token: {}}}",
            quoted(token)
        );
    }
    let current = match endpoints {
        [only] => quoted(&only.cluster),
        _ => quoted(""),
    };
    format!(
        "{MARK}\napiVersion: v1\nkind: Config\nclusters:{clusters}\ncontexts:{contexts}\nusers:{users}\ncurrent-context: {current}\n"
    )
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
