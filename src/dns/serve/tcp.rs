//! Connections: so many in all and so many a device, questions answered in their order.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::sync::CancellationToken;

use super::{First, Way, first, further};
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
/// Bytes of a question, as by UDP with room for padding.
const MAX_QUESTION_BYTES: usize = 4096;

/// The places of devices' connections.
#[derive(Debug, Clone)]
pub struct Connections {
    places: Arc<Semaphore>,
    guests: Guests,
}

impl Connections {
    pub fn new() -> Self {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        Self { places, guests: Guests::of_at_most(MAX_OF_A_DEVICE) }
    }
}

pub async fn serve(
    own: Resolver,
    listener: TcpListener,
    connections: Connections,
    token: CancellationToken,
) {
    let take = |stream: TcpStream, peer: SocketAddr, place| {
        let left = connections.places.available_permits();
        let Some(guest) = connections.guests.admit(peer.ip(), left) else { return };
        let (resolver, token) = (own.clone(), token.clone());
        own.shared.tracker.spawn(async move {
            let near = stream.local_addr().map_or(peer.ip(), |local| local.ip());
            let serving = connection(&resolver, stream, peer, near);
            if let Some(Err(error)) = token.run_until_cancelled(serving).await {
                tracing::debug!(%error, "a device's connection to the resolver ended early");
            }
            drop::<(_, tokio::sync::OwnedSemaphorePermit)>((guest, place));
        });
    };
    accept::each(&listener, &connections.places, &token, take).await;
}

async fn connection(
    own: &Resolver,
    mut stream: TcpStream,
    peer: SocketAddr,
    near: IpAddr,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    while let Some(question) = tokio::time::timeout(IDLE, question(&mut stream)).await?? {
        let answer = match first(own, &question, peer, near, Way::Tcp) {
            First::Silence => return Ok(()),
            First::Answer(answer) => answer,
            First::Ask(ask) => {
                let (heard, ruling) = *ask;
                further(own, heard, ruling).await
            }
        };
        let length = u16::try_from(answer.len()).map_err(io::Error::other)?;
        let whole = [&length.to_be_bytes()[..], &answer].concat();
        tokio::time::timeout(IDLE, stream.write_all(&whole)).await??;
    }
    Ok(())
}

/// The next question; nothing: the device has no more.
async fn question(stream: &mut TcpStream) -> io::Result<Option<Vec<u8>>> {
    let length = match stream.read_u16().await {
        Ok(length) => usize::from(length),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    };
    if length > MAX_QUESTION_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "no question is that long"));
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await?;
    Ok(Some(bytes))
}
