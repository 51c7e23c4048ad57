//! A TLS connection on its way to port 443: named by its `ClientHello`, judged, and joined to the
//! place of that name. A refusal is an alert, which browsers show at once.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::hello::{Alert, BadHello, Reader};
use crate::gateway::{
    Gateway, Shared,
    asked::{Asked, host_of},
    connect::{carry, ruled},
    dial::{DialError, Dialled},
    judged::Ruling,
    noted::Note,
    serve::Seat,
    tally,
    tunnel::End,
};
use crate::{journal::Verdict, net::tally::Came};

/// A client says its hello within this.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);
/// What a hello may take on the wire: in the smallest records that anybody sends, and more.
const MAX_WIRE_BYTES: usize = 512 * 1024;
/// Read at once.
const READ_BYTES: usize = 4 * 1024;
/// A refused client reads its alert within this.
const ALERT_TIMEOUT: Duration = Duration::from_secs(2);

/// Why nothing is carried.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("{0}")]
    Hello(#[from] BadHello),
    #[error("no hello: {0}")]
    Silent(std::io::Error),
    #[error("it names no server, and connections without a name are not let through")]
    Nameless,
    #[error("the policy denies it")]
    Denied,
    #[error("{0}")]
    Dial(#[from] DialError),
}

impl Refused {
    fn verdict(&self) -> Verdict {
        match self {
            Self::Denied => Verdict::Denied,
            Self::Dial(DialError::Prohibited(_)) | Self::Hello(_) | Self::Nameless => {
                Verdict::Refused
            }
            Self::Silent(_) | Self::Dial(_) => Verdict::Failed,
        }
    }

    fn came(&self) -> Came {
        match self {
            Self::Dial(error) => tally::came_of_dialling(error),
            // One that sent nothing among them: nobody here failed.
            Self::Silent(_) | Self::Hello(_) | Self::Nameless | Self::Denied => Came::Refused,
        }
    }

    fn alert(&self) -> Option<Alert> {
        match self {
            Self::Hello(bad) => bad.alert(),
            Self::Silent(_) => None,
            Self::Nameless | Self::Denied | Self::Dial(DialError::Prohibited(_)) => {
                Some(Alert::AccessDenied)
            }
            Self::Dial(_) => Some(Alert::InternalError),
        }
    }
}

/// From the first byte to the last. `original` is where the device was going.
pub async fn connection(
    gateway: Gateway,
    mut device: TcpStream,
    original: SocketAddr,
    seat: Arc<Seat>,
    token: CancellationToken,
) {
    let shared = &gateway.shared;
    let note = shared.note(&seat, Some(&Asked::at(original)));
    let opening = open(shared, &mut device, original, (&seat, &note));
    let opened = token.run_until_cancelled(opening).await;
    match opened {
        None => {}
        Some(Ok((asked, ruling, early, dialled))) => {
            note.came(Came::Served);
            let device = End { stream: device, early };
            let origin = End { stream: dialled.stream, early: dialled.early };
            let place = (&asked, ruling.instead.as_ref());
            let carried = carry(shared, place, (&seat, &note), &token, device, origin).await;
            if let Err(error) = carried {
                tracing::debug!(%error, %asked, "a connection taken on its way ended early");
            }
        }
        Some(Err(refused)) => {
            note.ends(refused.verdict());
            note.came(refused.came());
            // Its moment is this, not that at which the device has read the alert.
            drop(note);
            tracing::debug!(%refused, device = %seat.device, %original, "not carried");
            if let Some(alert) = refused.alert() {
                let telling = async {
                    device.write_all(&alert.record()).await?;
                    device.shutdown().await?;
                    // Closed before the device has read it, the alert would be lost to a reset.
                    tokio::io::copy(&mut device, &mut tokio::io::sink()).await
                };
                let _ = timeout(ALERT_TIMEOUT, telling).await;
            }
        }
    }
}

/// Phases, in their order: who is asked for? may it? where is it?
async fn open(
    shared: &Shared,
    device: &mut TcpStream,
    original: SocketAddr,
    (seat, note): (&Seat, &Note),
) -> Result<(Asked, Ruling, Bytes, Dialled), Refused> {
    let (name, early) = hello(device).await?;
    // The hello's reader took it for a name already.
    let host = name.map(|name| host_of(&name)).transpose().map_err(|_| Refused::Nameless)?;
    let asked = match host {
        Some(host) => Asked { host, port: original.port() },
        None if shared.config.transparent.nameless => Asked::at(original),
        None => return Err(Refused::Nameless),
    };
    note.asks(&asked);
    let ruling = ruled(shared, &asked, None, seat);
    note.judged(&ruling);
    if let Some(denial) = &ruling.denied {
        note.denied(denial);
        return Err(Refused::Denied);
    }
    let via = shared.pseudonym.via(http::Version::HTTP_11);
    let dialer = &shared.origins.dialer;
    let dialled = if ruling.instead.is_some() {
        dialer.for_tunnel(&ruling.place(&asked), &via).await?
    } else {
        dialer.for_splice(&asked, original.ip(), &via).await?
    };
    note.leads_to(dialer.leads(&asked, &dialled.stream));
    Ok((asked, ruling, early, dialled))
}

/// The name asked for, and all that came with it.
async fn hello(device: &mut TcpStream) -> Result<(Option<String>, Bytes), Refused> {
    let reading = async {
        let (mut came, mut reader) = (BytesMut::new(), Reader::default());
        loop {
            let seen = came.len();
            came.reserve(READ_BYTES);
            if device.read_buf(&mut came).await.map_err(Refused::Silent)? == 0 {
                return Err(Refused::Silent(std::io::ErrorKind::UnexpectedEof.into()));
            }
            if let Some(hello) = reader.take(&came[seen..])? {
                return Ok((hello.name, came.freeze()));
            }
            if came.len() > MAX_WIRE_BYTES {
                return Err(BadHello::TooLarge.into());
            }
        }
    };
    let late = |_| Refused::Silent(std::io::ErrorKind::TimedOut.into());
    timeout(HELLO_TIMEOUT, reading).await.map_err(late)?
}
