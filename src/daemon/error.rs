//! Why a daemon does not start.

use crate::{
    access::AccessError,
    catalogue::CatalogueError,
    control::socket::SocketError,
    dns::AnchorsError,
    filter::safe_search::BadEngines,
    gateway::{NoAccount, cache::updates::BadRules},
    health::{incident::PostError, link::LinkError, wifi::WifiError},
    journal::{BookError, SealError},
    library::LibraryError,
    mirror::MirrorError,
    net::{
        acme::AcmeError, certificate::CertificateError, client::ClientError, listen::ListenError,
    },
    store::StoreError,
    uplink::UplinkError,
};

/// What stands in the way, in the words of the room that found it.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The data folder.
    #[error("the store does not open: {0}")]
    Store(#[from] StoreError),
    /// The sources.
    #[error("the catalogue does not open: {0}")]
    Catalogue(#[from] CatalogueError),
    /// The downloads.
    #[error("the mirror cannot be set up: {0}")]
    Mirror(#[from] MirrorError),
    /// Who may read.
    #[error("sign-in cannot be set up: {0}")]
    Access(#[from] AccessError),
    /// The pages.
    #[error("the library cannot be set up: {0}")]
    Library(#[from] LibraryError),
    /// A socket for pages.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The account at the upstream proxy.
    #[error(transparent)]
    Account(#[from] NoAccount),
    /// The rules of the proxy's cache.
    #[error("gateway.cache.rules is of no use: {0}")]
    CacheRules(#[from] BadRules),
    /// The engines that search safely.
    #[error("gateway.search_engines is of no use: {0}")]
    Engines(#[from] BadEngines),
    /// The keys by which signatures of names are checked.
    #[error(transparent)]
    Anchors(#[from] AnchorsError),
    /// TLS toward the resolvers that are asked.
    #[error("dns.resolvers cannot be asked under TLS: {0}")]
    Resolvers(#[from] ClientError),
    /// The Wi-Fi's controllers.
    #[error(transparent)]
    Wifi(#[from] WifiError),
    /// What is reported.
    #[error(transparent)]
    Uplink(#[from] UplinkError),
    /// The links, and what is asked over them.
    #[error("health.links cannot be measured: {0}")]
    Links(#[from] LinkError),
    /// How tickets are sent.
    #[error(transparent)]
    Post(#[from] PostError),
    /// The account of connections.
    #[error("the journal does not open: {0}")]
    Journal(#[from] BookError),
    /// The key that it is sealed to.
    #[error("journal.region_key: {0}")]
    RegionKey(#[from] SealError),
    /// The certificate.
    #[error("https.certificate and https.key are of no use: {0}")]
    Certificate(#[from] CertificateError),
    /// The authority's part of the settings, or the folder of its keys.
    #[error("https.acme cannot be set up: {0}")]
    Acme(#[from] AcmeError),
    /// HTTPS without a socket.
    #[error(
        "https.name is set and nothing listens for it: \
         set https.listen, or start the socket that systemd passes (preau-https.socket)"
    )]
    NoHttpsSocket,
    /// TLS itself.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The socket for the command line.
    #[error(transparent)]
    Control(#[from] SocketError),
    /// The system gives no signals.
    #[error("signals cannot be received: {0}")]
    Signals(std::io::Error),
    /// A bug.
    #[error("a task of the daemon failed: {0}")]
    Task(String),
}
