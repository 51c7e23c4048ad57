//! Connections of a listener, one by one, as there are places for them.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::sync::CancellationToken;

/// Pause after the system refused a connection for want of something.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Gives each connection to `take`, with its place, until `token` is cancelled. Without a place left,
/// further ones wait in the kernel's queue. Ends too when `places` are closed.
pub async fn each(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    token: &CancellationToken,
    mut take: impl FnMut(TcpStream, SocketAddr, OwnedSemaphorePermit),
) {
    loop {
        let place = tokio::select! {
            () = token.cancelled() => return,
            place = places.clone().acquire_owned() => place,
        };
        let Ok(place) = place else { return };
        let accepted = tokio::select! {
            () = token.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => take(stream, peer, place),
            Err(error) => failed(&error).await,
        }
    }
}

/// One bad connection is no reason to stop; a system short of something needs a moment.
async fn failed(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    if !matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted) {
        tracing::warn!(%error, "accept refused by the system: waiting a moment");
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}
