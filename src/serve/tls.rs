//! Certificates that live as long as the server: the one door to rcgen and to tokio-rustls.

use super::ServeError;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use std::io;
use std::sync::Arc;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::server::TlsStream;

/// The names by which clients on this machine reach the server.
const NAMES: [&str; 2] = ["127.0.0.1", "localhost"];
/// What the server speaks: watches of HTTP/1.1 are streams of chunks, which every client of Kubernetes reads.
const PROTOCOL: &[u8] = b"http/1.1";

/// A server's certificate and the authority that signed it; the authority's key is forgotten at once.
#[derive(Clone)]
pub(super) struct Identity {
    /// The authority's certificate as PEM.
    pub(super) authority: String,
    acceptor: tokio_rustls::TlsAcceptor,
}

/// Makes an authority and a certificate of it.
///
/// Both are valid for as long as a certificate can be: their keys never leave this process and end with it.
pub(super) fn identity() -> Result<Identity, ServeError> {
    make().map_err(|error| ServeError::Certificate(error.to_string()))
}

fn make() -> Result<Identity, Box<dyn std::error::Error>> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority
        .distinguished_name
        .push(DnType::CommonName, "stairway served world");
    let key = KeyPair::generate()?;
    let signed = authority.self_signed(&key)?;
    let issuer = Issuer::new(authority, key);

    let mut leaf = CertificateParams::new(NAMES.map(str::to_owned))?;
    leaf.distinguished_name
        .push(DnType::CommonName, "kube-apiserver");
    leaf.use_authority_key_identifier_extension = true;
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let certificate = leaf.signed_by(&key, &issuer)?;

    let provider = Arc::new(ring::default_provider());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(Identity {
        authority: signed.pem(),
        acceptor: tokio_rustls::TlsAcceptor::from(Arc::new(config)),
    })
}

impl Identity {
    /// Answers a client's hello.
    ///
    /// # Errors
    /// It does not speak TLS, or does not trust us.
    pub(super) async fn greet<S>(&self, stream: S) -> io::Result<TlsStream<S>>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    {
        self.acceptor.accept(stream).await
    }
}
