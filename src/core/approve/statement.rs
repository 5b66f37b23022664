//! What is signed, and what was signed.

use super::sshsig::{KeyError, PublicKey, Signature, SignatureError, SigningKey};
use crate::model::{Digest, Timestamp, canonical_bytes};
use crate::plan::wire::Plan;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The major format version of statements that this build reads and writes.
pub const STATEMENT_FORMAT: u32 = 1;
/// Two statements never share a nonce: 128 random bits.
const NONCE_BYTES: usize = 16;
/// A principal is a mail address nearly always; those have at most 254 bytes.
const SIGNER_BYTES_MAX: usize = 256;

/// What a signature says: this person approves, or no longer approves, this plan.
///
/// The bytes under the signature are its canonical JSON (RFC 8785), and nothing else is read as one:
/// what a person sees in the file is all that there is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// Major version of this format.
    pub format_version: u32,
    /// What is said.
    pub kind: StatementKind,
    /// The digest of the one plan that it is about.
    pub digest: Digest,
    /// The clusters that the plan changes, for whoever reads the statement.
    pub clusters: Vec<String>,
    /// Who says it: a principal of `allowed_signers`.
    pub signer: String,
    /// When it was said.
    pub issued: Timestamp,
    /// The first instant at which it counts no more. A revocation counts for ever.
    pub expires: Timestamp,
    /// Names this statement, so that a run can consume it.
    pub nonce: Nonce,
}

/// What a statement says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum StatementKind {
    /// The signer approves the plan.
    Approval,
    /// The signer takes back all own approvals of the plan so far.
    Revocation,
}

/// 128 random bits as 32 hex digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Nonce(String);

impl Nonce {
    /// Returns the nonce of these bytes, which must be random.
    pub fn of(bytes: [u8; NONCE_BYTES]) -> Self {
        Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Returns the hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Nonce {
    type Error = String;

    /// It becomes the name of a file, so nothing but hex digits is taken.
    fn try_from(text: String) -> Result<Self, String> {
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() == 2 * NONCE_BYTES && text.bytes().all(hex) {
            Ok(Self(text))
        } else {
            Err("the nonce is not 32 lower-case hex digits".to_owned())
        }
    }
}

impl From<Nonce> for String {
    fn from(nonce: Nonce) -> Self {
        nonce.0
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Why bytes are no statement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// They are no JSON object with exactly these keys.
    #[error("it is no statement: {0}")]
    Shape(String),
    /// It was written in another format.
    #[error("it has statement format {found}, and this build reads format {STATEMENT_FORMAT}")]
    Format {
        /// Its format.
        found: u32,
    },
    /// The bytes are another text for the same value.
    #[error("it is not canonical JSON (RFC 8785): a byte was added or changed")]
    NotCanonical,
    /// The signer's name could steer a terminal or is too long.
    #[error("the signer's name is empty, too long, or has control characters")]
    Signer,
}

impl Statement {
    /// Returns what `signer` says about a plan, from `issued` on for `seconds`.
    ///
    /// # Errors
    /// The plan has no digest, or the signer's name cannot stand in a statement.
    pub fn about(
        plan: &Plan,
        kind: StatementKind,
        signer: &str,
        (issued, seconds): (Timestamp, u32),
        nonce: Nonce,
    ) -> Result<Self, StatementError> {
        let statement = Self {
            format_version: STATEMENT_FORMAT,
            kind,
            digest: Digest::try_from(plan.digest.clone()).map_err(StatementError::Shape)?,
            clusters: vec![plan.identity.cluster.name.clone()],
            signer: signer.to_owned(),
            issued,
            expires: Timestamp::from_unix(issued.unix().saturating_add(i64::from(seconds))),
            nonce,
        };
        // What is written can be read.
        Self::read(&statement.bytes())
    }

    /// Reads the bytes of a statement.
    ///
    /// # Errors
    /// See [`StatementError`].
    pub fn read(bytes: &[u8]) -> Result<Self, StatementError> {
        let statement: Self = serde_json::from_slice(bytes)
            .map_err(|error| StatementError::Shape(error.to_string()))?;
        if statement.format_version != STATEMENT_FORMAT {
            return Err(StatementError::Format {
                found: statement.format_version,
            });
        }
        let signer = &statement.signer;
        if signer.is_empty()
            || signer.len() > SIGNER_BYTES_MAX
            || signer.chars().any(char::is_control)
        {
            return Err(StatementError::Signer);
        }
        if statement.bytes() != bytes {
            return Err(StatementError::NotCanonical);
        }
        Ok(statement)
    }

    /// Returns the bytes that are signed.
    pub fn bytes(&self) -> Vec<u8> {
        canonical_bytes(self)
    }
}

/// A statement with a signature. Whether the signature is right, and counts, only a tally tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    statement: Statement,
    bytes: Vec<u8>,
    signature: Signature,
}

/// Why two files are no signed statement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignedError {
    /// The statement cannot be read.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// The signature cannot be read.
    #[error(transparent)]
    Signature(#[from] SignatureError),
}

impl Signed {
    /// Reads the bytes of a statement and an armored signature over them.
    ///
    /// # Errors
    /// One of the two is something else. A wrong signature is none of these errors.
    pub fn read(bytes: Vec<u8>, armored: &[u8]) -> Result<Self, SignedError> {
        Ok(Self {
            statement: Statement::read(&bytes)?,
            signature: Signature::read(armored)?,
            bytes,
        })
    }

    /// Signs a statement.
    ///
    /// # Errors
    /// The key cannot sign.
    pub fn sign(statement: Statement, key: &SigningKey) -> Result<Self, KeyError> {
        let bytes = statement.bytes();
        let signature = key.sign(&bytes)?;
        Ok(Self {
            statement,
            bytes,
            signature,
        })
    }

    /// Returns what was signed.
    pub const fn statement(&self) -> &Statement {
        &self.statement
    }

    /// Returns the bytes that were signed.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the signature as `ssh-keygen -Y sign` writes it.
    pub fn armored(&self) -> String {
        self.signature.armored()
    }

    /// Returns the key that the signature says it was made with.
    pub const fn key(&self) -> &PublicKey {
        self.signature.key()
    }

    /// Returns what the signature is about.
    pub(super) const fn signature(&self) -> &Signature {
        &self.signature
    }
}
