//! How one is let in. What is secret is never shown: not in errors, not by `Debug`.

use serde_json::Value;
use stairway_core::model::Timestamp;
use std::path::PathBuf;
use std::sync::Arc;

/// Text that is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text.
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// Returns it, for the one who sends it.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// How one is let in.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// Nothing is shown; the server decides.
    None,
    /// A bearer token.
    Token(Secret),
    /// A file that holds a bearer token, read anew when it is needed.
    TokenFile(PathBuf),
    /// A client certificate, PEM, and its key.
    Certificate {
        /// The certificates.
        certificate: Vec<u8>,
        /// The key.
        key: Secret,
    },
    /// `aws eks get-token`, the one plugin that is run.
    Plugin {
        /// The arguments, from `eks get-token` on as the kubeconfig has them.
        argv: Vec<String>,
        /// Variables for it: profile and region, and no others.
        env: Vec<(String, String)>,
    },
}

/// Runs the plugin `aws` with these arguments and variables beside the scrubbed environment; returns its stdout, or
/// why there is none.
pub type RunPlugin =
    Arc<dyn Fn(&[String], &[(String, String)]) -> Result<String, String> + Send + Sync>;

/// A token, and until when it is good.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) secret: Secret,
    pub(super) until: Option<Timestamp>,
}

impl Token {
    /// A token that ends within this time is fetched anew: a list of many pages takes less.
    const MARGIN_SECONDS: i64 = 60;

    pub(super) fn is_fresh(&self, now: Timestamp) -> bool {
        self.until
            .is_none_or(|until| until.seconds_since(now) > Self::MARGIN_SECONDS)
    }
}

/// The types of answer that clients of 1.24 and later take (client-go, `client.authentication.k8s.io`).
const ANSWERS: [&str; 2] = [
    "client.authentication.k8s.io/v1beta1",
    "client.authentication.k8s.io/v1",
];

/// Reads what the plugin printed. No error quotes it: it is a credential.
pub(super) fn read_answer(stdout: &str) -> Result<Token, String> {
    let answer: Value =
        serde_json::from_str(stdout.trim()).map_err(|_| "it printed no JSON".to_owned())?;
    let text = |pointer: &str| answer.pointer(pointer).and_then(Value::as_str);
    if text("/kind") != Some("ExecCredential")
        || !text("/apiVersion").is_some_and(|version| ANSWERS.contains(&version))
    {
        return Err(format!(
            "it printed no ExecCredential of {}",
            ANSWERS.join(" or ")
        ));
    }
    let Some(token) = text("/status/token").filter(|token| !token.is_empty()) else {
        return Err("its answer has no token".to_owned());
    };
    let until = match text("/status/expirationTimestamp") {
        None => None,
        Some(until) => Some(
            until
                .parse::<Timestamp>()
                .map_err(|_| "its answer ends at no RFC 3339 time".to_owned())?,
        ),
    };
    Ok(Token {
        secret: Secret::new(token.to_owned()),
        until,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_plugin_prints_is_a_token_or_a_reason_that_does_not_quote_it() {
        let good = r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1beta1","status":{"token":"k8s-aws-v1.SECRET","expirationTimestamp":"2026-11-20T10:14:00Z"}}"#;
        let token = read_answer(good).unwrap();
        assert_eq!(token.secret.reveal(), "k8s-aws-v1.SECRET");
        assert!(token.is_fresh("2026-11-20T10:00:00Z".parse().unwrap()));
        assert!(!token.is_fresh("2026-11-20T10:13:30Z".parse().unwrap()));
        assert!(!format!("{token:?}").contains("SECRET"));
        for bad in [
            "",
            "SECRET",
            "{",
            r#"{"token":"SECRET"}"#,
            &good.replace("v1beta1", "v1alpha1"),
            &good.replace("k8s-aws-v1.SECRET", ""),
            &good.replace("2026-11-20T10:14:00Z", "SECRET"),
        ] {
            let why = read_answer(bad).unwrap_err();
            assert!(!why.contains("SECRET"), "{why}");
        }
    }
}
