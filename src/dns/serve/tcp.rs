//! Connections: so many in all and so many a device, in the clear or under TLS.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use rustls::ServerConfig;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::{converse::converse, is_served};
use crate::{
    dns::Resolver,
    net::{accept, guests::Guests},
};

/// Connections at once.
const MAX_CONNECTIONS: usize = 1024;
/// Of one device.
const MAX_OF_A_DEVICE: usize = 32;
/// RFC 7766 §6.2.3: a connection on which nobody asks is closed.
const IDLE: Duration = Duration::from_secs(10);
/// RFC 7858 §3.4: one whose opening cost more is kept longer.
const SEALED_IDLE: Duration = Duration::from_secs(30);
/// A handshake must be done within this.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// The places of devices' connections, and how they are spoken.
#[derive(Clone)]
pub struct Connections {
    places: Arc<Semaphore>,
    guests: Guests,
    tls: Option<TlsAcceptor>,
}

impl Connections {
    /// In the clear.
    pub fn plain() -> Self {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        Self { places, guests: Guests::of_at_most(MAX_OF_A_DEVICE), tls: None }
    }

    /// Under TLS, with places of their own.
    pub fn sealed(tls: Arc<ServerConfig>) -> Self {
        Self { tls: Some(tls.into()), ..Self::plain() }
    }
}

/// Serves one listener until cancelled.
pub async fn serve(
    own: Resolver,
    listener: TcpListener,
    connections: Connections,
    token: CancellationToken,
) {
    let take = |stream: TcpStream, peer: SocketAddr, place: OwnedSemaphorePermit| {
        // A stranger is told so in the clear; a handshake would be too much.
        if connections.tls.is_some() && !is_served(&own, peer.ip()) {
            return;
        }
        let left = connections.places.available_permits();
        let Some(guest) = connections.guests.admit(peer.ip(), left) else { return };
        let (resolver, token, tls) = (own.clone(), token.clone(), connections.tls.clone());
        own.shared.tracker.spawn(async move {
            let serving = connection(&resolver, stream, peer, tls);
            if let Some(Err(error)) = token.run_until_cancelled(serving).await {
                tracing::debug!(%error, "a device's connection to the resolver ended early");
            }
            drop((guest, place));
        });
    };
    accept::each(&listener, &connections.places, &token, take).await;
}

async fn connection(
    own: &Resolver,
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let near: IpAddr = stream.local_addr().map_or(peer.ip(), |local| local.ip());
    let Some(tls) = tls else { return converse(own, stream, (peer, near), IDLE).await };
    let stream = timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await??;
    converse(own, stream, (peer, near), SEALED_IDLE).await
}
