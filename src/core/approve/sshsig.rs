//! SSH keys and signatures; the one door to `ssh-key`.

use super::NAMESPACE;
use ssh_key::public::KeyData;
use ssh_key::{HashAlg, LineEnding, PrivateKey, SshSig};
use std::fmt;

/// The public half of an SSH key, without its comment.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    key: KeyData,
    fingerprint: String,
}

/// A private SSH key that can sign. It is never shown.
pub struct SigningKey {
    key: PrivateKey,
    public: PublicKey,
}

/// A signature in the format of `ssh-keygen -Y sign`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    sig: SshSig,
    key: PublicKey,
}

/// Why a key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The file is something else.
    #[error("it is no private key in OpenSSH's format ({why})")]
    NotAKey {
        /// The reason of the reader.
        why: String,
    },
    /// The file is the public half.
    #[error("it is a public key, and only the private half can sign")]
    Public,
    /// A passphrase protects it.
    #[error("a passphrase protects it, and stairway asks for none")]
    Encrypted,
    /// Its kind is not built in, or it is on a hardware token.
    #[error("keys of type `{kind}` cannot sign here")]
    Unsupported {
        /// The type as OpenSSH calls it.
        kind: String,
    },
}

/// Why a signature cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no SSH signature ({why})")]
pub struct SignatureError {
    why: String,
}

impl PublicKey {
    /// Reads `type base64 [comment]`.
    pub fn read(text: &str) -> Result<Self, KeyError> {
        // The reader takes single blanks only, and the comment says nothing.
        let words: Vec<&str> = text.split_ascii_whitespace().take(2).collect();
        ssh_key::PublicKey::from_openssh(&words.join(" "))
            .map(|key| Self::of(key.key_data()))
            .map_err(|error| KeyError::NotAKey {
                why: error.to_string(),
            })
    }

    fn of(key: &KeyData) -> Self {
        Self {
            key: key.clone(),
            fingerprint: key.fingerprint(HashAlg::Sha256).to_string(),
        }
    }

    /// Returns `SHA256:…` as `ssh-keygen -l` prints it.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Returns the type as OpenSSH calls it: `ssh-ed25519`.
    pub fn kind(&self) -> String {
        self.key.algorithm().as_str().to_owned()
    }

    /// Returns true when signatures by such a key can be checked here.
    pub fn is_supported(&self) -> bool {
        let p256 = self
            .key
            .ecdsa()
            .is_some_and(|key| key.curve() == ssh_key::EcdsaCurve::NistP256);
        p256 || self.key.is_ed25519() || self.key.is_sk_ed25519() || self.key.is_sk_ecdsa_p256()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.fingerprint)
    }
}

impl SigningKey {
    /// Reads a private key file in OpenSSH's format.
    ///
    /// # Errors
    /// It is something else, a passphrase protects it, or its kind is not built in.
    pub fn read(text: &[u8]) -> Result<Self, KeyError> {
        let key = match PrivateKey::from_openssh(text) {
            Ok(key) => key,
            Err(error) => {
                let public = std::str::from_utf8(text).is_ok_and(|t| PublicKey::read(t).is_ok());
                let why = error.to_string();
                return Err(if public {
                    KeyError::Public
                } else {
                    KeyError::NotAKey { why }
                });
            }
        };
        if key.is_encrypted() {
            return Err(KeyError::Encrypted);
        }
        let public = PublicKey::of(key.public_key().key_data());
        if !public.is_supported() || public.key.is_sk_ed25519() || public.key.is_sk_ecdsa_p256() {
            return Err(KeyError::Unsupported {
                kind: public.kind(),
            });
        }
        Ok(Self { key, public })
    }

    /// Reads the public half of a private key file, which no passphrase hides, or of a `.pub` file.
    ///
    /// # Errors
    /// The file is something else.
    pub fn public_half(text: &[u8]) -> Result<PublicKey, KeyError> {
        match PrivateKey::from_openssh(text) {
            Ok(key) => Ok(PublicKey::of(key.public_key().key_data())),
            Err(error) => std::str::from_utf8(text)
                .ok()
                .and_then(|text| PublicKey::read(text).ok())
                .ok_or_else(|| KeyError::NotAKey {
                    why: error.to_string(),
                }),
        }
    }

    /// Returns the public half.
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs in our namespace.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Signature, KeyError> {
        self.sign_in(NAMESPACE, message)
    }

    pub(super) fn sign_in(&self, namespace: &str, message: &[u8]) -> Result<Signature, KeyError> {
        // SHA-512 is what ssh-keygen takes when it is told nothing.
        let sig = self
            .key
            .sign(namespace, HashAlg::Sha512, message)
            .map_err(|_| KeyError::Unsupported {
                kind: self.public.kind(),
            })?;
        let key = self.public.clone();
        Ok(Signature { sig, key })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the private half of {:?}", self.public)
    }
}

impl Signature {
    /// Reads the armored form.
    ///
    /// # Errors
    /// It is something else.
    pub fn read(armored: &[u8]) -> Result<Self, SignatureError> {
        let sig = SshSig::from_pem(armored).map_err(|error| SignatureError {
            why: error.to_string(),
        })?;
        let key = PublicKey::of(sig.public_key());
        Ok(Self { sig, key })
    }

    /// Returns the armored form.
    pub fn armored(&self) -> String {
        // What was read or made can be written; an empty text would be no signature for anybody.
        self.sig.to_pem(LineEnding::LF).unwrap_or_default()
    }

    /// Returns the key that it says it was made with.
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Returns the namespace that it was made for.
    pub fn namespace(&self) -> &str {
        self.sig.namespace()
    }

    /// Returns true when its key made it over exactly this message in our namespace.
    pub fn covers(&self, message: &[u8]) -> bool {
        let key = ssh_key::PublicKey::from(self.key.key.clone());
        key.verify(NAMESPACE, message, &self.sig).is_ok()
    }
}
