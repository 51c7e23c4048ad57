//! The outside world on loopback: an ENT, a GAR, a distributor, and the link that can be cut.
//!
//! The box only ever sees the link's addresses, as a school only ever sees its modem.

mod distributor;
mod ent;
mod feed;
mod gar;
mod link;

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};
use url::Url;

use self::{distributor::Distributor, ent::Ent, gar::Gar};
pub use self::{
    distributor::Sent,
    link::{LinkSwitch, Moved},
};
use super::{authority::Issued, manuals::Printed};
use crate::{
    config::Uai,
    net::{
        certificate::Certificate,
        client::{Client, Limits},
        serve::{Handler, serve, serve_tls},
        tls::Certificates,
    },
};

/// What is said between the peers and the box is small; only a test asks for a whole package.
const LIMITS: Limits = Limits {
    head: Duration::from_secs(20),
    stall_after: Duration::from_secs(20),
    slowest: 1,
    body: 1 << 30,
    redirects: 0,
};
/// The name in the ENT's certificate, and its host.
pub const ENT_NAME: &str = "127.0.0.1";
/// Connections that one peer answers at once.
const MAX_CONNECTIONS: usize = 64;
/// Port 0: any free one, on loopback only.
const ANYWHERE: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// What may keep the outside world from starting or changing.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// A socket of a peer.
    #[error("the {peer}: no loopback socket to listen on: {source}")]
    Listen {
        /// Which peer.
        peer: &'static str,
        /// Why.
        source: io::Error,
    },
    /// A package cannot be read, or its cover drawn.
    #[error("{path}: cannot be published: {source}")]
    Package {
        /// The package's file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An address that makes no URL; cannot happen on loopback.
    #[error("http://{0}/ is no address")]
    Address(SocketAddr),
    /// The ENT's certificate.
    #[error("the ENT cannot speak TLS: {0}")]
    Tls(String),
}

/// How the ENT shows who it is, and whom it knows.
#[derive(Debug)]
pub struct EntSetUp {
    /// Its certificate, for [`ENT_NAME`].
    pub issued: Issued,
    /// The box, the only service that is registered.
    pub service: Url,
    /// Asks the box, whose authority it trusts.
    pub client: Client,
}

/// The running peers; all their tasks end when this is dropped.
#[derive(Debug)]
pub struct Peers {
    /// The GAR's base address, behind the link.
    pub gar_url: Url,
    /// The first page of the distributor's feed, behind the link.
    pub feed_url: Url,
    /// The ENT's CAS server, behind the link.
    pub ent_url: Url,
    /// The link between the box and all of them.
    pub link: LinkSwitch,
    distributor: Distributor,
    _end: DropGuard,
}

impl Peers {
    /// Starts a GAR where the school `uai` has a licence for each manual, and a distributor that
    /// has them all, and an ENT with the people of the school. `now` places the licences in a
    /// school year.
    pub async fn start(
        printed: Vec<Printed>,
        uai: &Uai,
        now: Timestamp,
        ent: EntSetUp,
    ) -> Result<Self, PeerError> {
        let token = CancellationToken::new();
        let end = token.clone().drop_guard();
        let link = LinkSwitch::default();
        let manuals: Vec<_> = printed.iter().map(|p| p.manual.clone()).collect();
        let distributor = Distributor::default();
        for one in printed {
            distributor.publish(one).await?;
        }
        let behind = listen("distributor", distributor.clone(), &token).await?;
        let distributor_url = gate("distributor", "http", behind, &link, &token).await?;
        let gar = Gar::new(uai, &manuals, &distributor_url, now);
        let behind = listen("GAR", gar, &token).await?;
        let gar_url = below(&gate("GAR", "http", behind, &link, &token).await?, "gar/");
        let behind = listen_ent(uai, ent, &token).await?;
        let ent_url = below(&gate("ENT", "https", behind, &link, &token).await?, "cas/");
        let feed_url = below(&distributor_url, "opds2/feed.json");
        Ok(Self { gar_url, feed_url, ent_url, link, distributor, _end: end })
    }

    /// Publishes a manual, or a new version of one, in place of what its address held.
    pub async fn publish(&self, printed: Printed) -> Result<(), PeerError> {
        self.distributor.publish(printed).await
    }

    /// What the distributor answered so far.
    pub fn sent(&self) -> Sent {
        self.distributor.sent()
    }
}

fn below(base: &Url, path: &str) -> Url {
    base.join(path).unwrap_or_else(|_| base.clone())
}

/// Serves a peer on a port of its own.
async fn listen<H: Handler>(
    peer: &'static str,
    handler: H,
    token: &CancellationToken,
) -> Result<SocketAddr, PeerError> {
    let failed = |source| PeerError::Listen { peer, source };
    let listener = TcpListener::bind(ANYWHERE).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    tokio::spawn(serve(listener, handler, places, TaskTracker::new(), token.clone()));
    Ok(address)
}

/// The same under TLS, for the ENT.
async fn listen_ent(
    uai: &Uai,
    set_up: EntSetUp,
    token: &CancellationToken,
) -> Result<SocketAddr, PeerError> {
    let failed = |source| PeerError::Listen { peer: "ENT", source };
    let Issued { chain, key } = &set_up.issued;
    let certificate = Certificate::from_pem(chain.as_bytes(), key.as_bytes(), ENT_NAME)
        .map_err(|error| PeerError::Tls(error.to_string()))?;
    let certificates = Certificates::default();
    certificates.put(certificate);
    let tls = certificates.server_config().map_err(|error| PeerError::Tls(error.to_string()))?;
    let ent = Ent::new(uai.as_str(), set_up.service, set_up.client);
    let listener = TcpListener::bind(ANYWHERE).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    tokio::spawn(serve_tls(listener, tls, ent, places, TaskTracker::new(), token.clone()));
    Ok(address)
}

/// Opens a way through the link to a peer.
async fn gate(
    peer: &'static str,
    scheme: &'static str,
    to: SocketAddr,
    link: &LinkSwitch,
    token: &CancellationToken,
) -> Result<Url, PeerError> {
    let failed = |source| PeerError::Listen { peer, source };
    let address = link.open(to, token.clone()).await.map_err(failed)?;
    format!("{scheme}://{address}/").parse().map_err(|_| PeerError::Address(address))
}

#[cfg(test)]
mod tests;
