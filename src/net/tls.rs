//! TLS as the box speaks it: versions, tickets, and the certificate in force.

use std::sync::Arc;

use rustls::{
    ServerConfig,
    crypto::ring,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::sync::watch;

use super::certificate::Certificate;

/// The certificate in force. Replaced whole at any moment: the next handshake shows the new one.
#[derive(Debug, Clone)]
pub struct Certificates {
    current: watch::Sender<Option<Arc<Certificate>>>,
}

impl Default for Certificates {
    fn default() -> Self {
        Self { current: watch::Sender::new(None) }
    }
}

impl Certificates {
    /// Puts a certificate in the place of the one before.
    pub fn put(&self, certificate: Certificate) {
        self.current.send_replace(Some(Arc::new(certificate)));
    }

    /// The one in force, if there is one yet.
    pub fn current(&self) -> Option<Arc<Certificate>> {
        self.current.borrow().clone()
    }

    /// What the server side of every connection shares: TLS 1.2 and 1.3, HTTP/1.1, and tickets, so
    /// that a class that comes back pays no second key exchange. Early data are refused: they can
    /// be replayed.
    pub fn server_config(&self) -> Result<Arc<ServerConfig>, rustls::Error> {
        self.speaking(b"http/1.1")
    }

    /// The same for questions to the resolver, whose protocol is called `dot` (RFC 7858 §3, IANA's
    /// ALPN identifiers); who names none is served too.
    pub fn resolver_config(&self) -> Result<Arc<ServerConfig>, rustls::Error> {
        self.speaking(b"dot")
    }

    fn speaking(&self, protocol: &[u8]) -> Result<Arc<ServerConfig>, rustls::Error> {
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth();
        let mut config = builder.with_cert_resolver(Arc::new(self.clone()));
        config.alpn_protocols = vec![protocol.to_vec()];
        config.ticketer = ring::Ticketer::new()?;
        Ok(Arc::new(config))
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.current.borrow().as_ref().map(|certificate| certificate.key.clone())
    }
}
