//! From a name to a connection: resolution, the check of every address, TCP, then TLS.

use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
    vec,
};

use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::{
    client::legacy::connect::{HttpConnector, dns::Name},
    rt::TokioIo,
};
use ipnet::IpNet;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::net::TcpStream;
use tower_service::Service;

use super::{ClientError, ClientOptions, destination::may_reach};

/// Name, TCP and TLS together may take this long.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// RFC 8305 §8: how long the first address family has before the other is tried beside it.
const HAPPY_EYEBALLS_DELAY: Duration = Duration::from_millis(250);
/// Idle pooled connections are probed, so that one a middlebox forgot is not picked.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// Most addresses of one name that are tried.
const MAX_ADDRESSES: usize = 16;

/// The name leads to an address that may not be reached.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not on the public Internet")]
pub(super) struct RefusedAddress(pub(super) IpAddr);

/// Resolves by the system, and lets only reachable addresses through. As the connection is made
/// to the very addresses checked here, a name that changes its answer gains nothing.
#[derive(Debug, Clone)]
pub(super) struct CheckedResolver {
    allow_private: Arc<[IpNet]>,
}

impl Service<Name> for CheckedResolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let allow_private = self.allow_private.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.take(MAX_ADDRESSES).collect();
            // One bad address spoils the answer: a name that mixes public and private ones is
            // either rebinding or broken.
            match found.iter().find(|address| !may_reach(address.ip(), &allow_private)) {
                Some(address) => Err(io::Error::other(RefusedAddress(address.ip()))),
                None => Ok(found.into_iter()),
            }
        })
    }
}

/// Connects to what may be reached, in plain or by TLS as the scheme says.
#[derive(Clone)]
pub(super) struct CheckedConnector {
    inner: HttpsConnector<HttpConnector<CheckedResolver>>,
    allow_private: Arc<[IpNet]>,
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl CheckedConnector {
    pub(super) fn new(allow_private: Arc<[IpNet]>, tls: ClientConfig) -> Self {
        let resolver = CheckedResolver { allow_private: allow_private.clone() };
        let mut tcp = HttpConnector::new_with_resolver(resolver);
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEPALIVE));
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        tcp.set_happy_eyeballs_timeout(Some(HAPPY_EYEBALLS_DELAY));
        Self { inner: HttpsConnector::from((tcp, tls)), allow_private }
    }
}

impl Service<Uri> for CheckedConnector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        // An address written out never passes through the resolver: it is checked here.
        let literal = uri.host().and_then(|host| {
            host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok()
        });
        if let Some(address) = literal
            && !may_reach(address, &self.allow_private)
        {
            return Box::pin(async move { Err(RefusedAddress(address).into()) });
        }
        let connecting = self.inner.call(uri);
        Box::pin(async move {
            tokio::time::timeout(CONNECT_TIMEOUT, connecting).await.map_err(|_| {
                io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!("not connected within {CONNECT_TIMEOUT:?}"),
                )
            })?
        })
    }
}

/// The TLS side of a client: the system's authorities, the school's own, and who we are.
pub(super) fn tls_config(
    options: &ClientOptions,
    with_identity: bool,
) -> Result<ClientConfig, ClientError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable("TLS", &error))?
        .with_root_certificates(authorities(options)?);
    let mut config = match options.identity.as_ref().filter(|_| with_identity) {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => {
            let certificates = read_certificates(chain)?;
            let private = PrivateKeyDer::from_pem_file(key)
                .map_err(|error| unusable(&key.display().to_string(), &error))?;
            builder.with_client_auth_cert(certificates, private).map_err(|error| {
                unusable(&format!("{} with {}", chain.display(), key.display()), &error)
            })?
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn authorities(options: &ClientOptions) -> Result<RootCertStore, ClientError> {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    for error in &native.errors {
        tracing::warn!(%error, "system certificate authority not read");
    }
    roots.add_parsable_certificates(native.certs);
    for path in &options.extra_authorities {
        for certificate in read_certificates(path)? {
            roots
                .add(certificate)
                .map_err(|error| unusable(&path.display().to_string(), &error))?;
        }
    }
    Ok(roots)
}

fn read_certificates(path: &std::path::Path) -> Result<Vec<CertificateDer<'static>>, ClientError> {
    let shown = path.display().to_string();
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unusable(&shown, &error))?;
    if certificates.is_empty() {
        return Err(ClientError::Options {
            what: shown,
            reason: "holds no certificate; a PEM file with at least one is expected".to_owned(),
        });
    }
    Ok(certificates)
}

fn unusable(what: &str, error: &(dyn std::error::Error + 'static)) -> ClientError {
    ClientError::Options { what: what.to_owned(), reason: super::error::causes(error) }
}
