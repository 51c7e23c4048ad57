//! Datagrams.

use std::{net::IpAddr, sync::Arc, time::Duration};

use tokio::{net::UdpSocket, sync::Semaphore};
use tokio_util::sync::CancellationToken;

use super::{First, Way, first, further};
use crate::{dns::Resolver, net::around::own_address_toward};

/// Bytes of a question: a name, EDNS and a cookie; padding (RFC 8467) at most.
const MAX_QUESTION_BYTES: usize = 1500;
/// Questions of one socket that wait for others' answers; of further ones, devices ask again.
const MAX_WAITING: usize = 2048;
/// After the system refused to receive, for want of something.
const PAUSE: Duration = Duration::from_millis(50);
/// Bytes that the kernel keeps while the box is busy: a class that opens its browsers.
const BUFFER_BYTES: usize = 1 << 20;

pub async fn serve(own: Resolver, socket: Arc<UdpSocket>, token: CancellationToken) {
    let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(BUFFER_BYTES);
    let local = socket.local_addr().ok().map(|local| local.ip()).filter(|ip| !ip.is_unspecified());
    let waiting = Arc::new(Semaphore::new(MAX_WAITING));
    let mut buffer = [0; MAX_QUESTION_BYTES];
    loop {
        let received = tokio::select! {
            () = token.cancelled() => return,
            received = socket.recv_from(&mut buffer) => received,
        };
        let (length, peer) = match received {
            Ok(received) => received,
            Err(error) => {
                tracing::warn!(%error, "no datagrams can be received: waiting a moment");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let bytes = buffer.get(..length).unwrap_or_default();
        let near = nearest(local, peer.ip());
        match first(&own, bytes, peer, near, Way::Udp) {
            First::Silence => {}
            First::Answer(answer) => {
                // A full buffer, or a device that is gone: it asks again, or does not.
                let _ = socket.try_send_to(&answer, peer);
            }
            First::Ask(ask) => {
                let Ok(place) = waiting.clone().try_acquire_owned() else { continue };
                let (resolver, socket) = (own.clone(), socket.clone());
                own.shared.tracker.spawn(async move {
                    let (heard, ruling) = *ask;
                    let answer = further(&resolver, heard, ruling).await;
                    let _ = socket.send_to(&answer, peer).await;
                    drop(place);
                });
            }
        }
    }
}

/// The box's address nearest to a device: that of the socket, if it has one.
pub fn nearest(local: Option<IpAddr>, device: IpAddr) -> IpAddr {
    let device = device.to_canonical();
    local.or_else(|| own_address_toward(device).ok()).unwrap_or(device)
}
