//! The outside world on loopback: a GAR, a distributor, and the link that can be cut.
//!
//! The box only ever sees the link's addresses, as a school only ever sees its modem.

mod distributor;
mod feed;
mod gar;
mod link;

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc};

use jiff::Timestamp;
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};
use url::Url;

use self::{distributor::Distributor, gar::Gar};
pub use self::{
    distributor::Sent,
    link::{LinkSwitch, Moved},
};
use super::manuals::Printed;
use crate::{
    config::Uai,
    net::serve::{Handler, serve},
};

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
}

/// The running peers; all their tasks end when this is dropped.
#[derive(Debug)]
pub struct Peers {
    /// The GAR's base address, behind the link.
    pub gar_url: Url,
    /// The first page of the distributor's feed, behind the link.
    pub feed_url: Url,
    /// The link between the box and both.
    pub link: LinkSwitch,
    distributor: Distributor,
    _end: DropGuard,
}

impl Peers {
    /// Starts a GAR where the school `uai` has a licence for each manual, and a distributor that
    /// has them all. `now` places the licences in a school year.
    pub async fn start(
        printed: Vec<Printed>,
        uai: &Uai,
        now: Timestamp,
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
        let distributor_url = gate("distributor", behind, &link, &token).await?;
        let gar = Gar::new(uai, &manuals, &distributor_url, now);
        let behind = listen("GAR", gar, &token).await?;
        let gar_url = below(&gate("GAR", behind, &link, &token).await?, "gar/");
        let feed_url = below(&distributor_url, "opds2/feed.json");
        Ok(Self { gar_url, feed_url, link, distributor, _end: end })
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

/// Opens a way through the link to a peer.
async fn gate(
    peer: &'static str,
    to: SocketAddr,
    link: &LinkSwitch,
    token: &CancellationToken,
) -> Result<Url, PeerError> {
    let failed = |source| PeerError::Listen { peer, source };
    let address = link.open(to, token.clone()).await.map_err(failed)?;
    format!("http://{address}/").parse().map_err(|_| PeerError::Address(address))
}

#[cfg(test)]
mod tests;
