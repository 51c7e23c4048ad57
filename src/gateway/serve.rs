//! Devices' connections: accepted within bounds, watched, served, and drained at the end.

use std::{
    convert::Infallible,
    io,
    net::{IpAddr, SocketAddr},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};

use futures_util::FutureExt as _;
use http::{Request, Response, StatusCode};
use hyper::{
    body::Incoming,
    server::conn::http1,
    service::service_fn,
    upgrade::{OnUpgrade, Upgraded},
};
use hyper_util::rt::TokioTimer;
use socket2::SockRef;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::OwnedSemaphorePermit,
};
use tokio_util::sync::CancellationToken;

use super::{
    Gateway,
    fairness::Held,
    guard::Guarded,
    interim::{Heralded, Interim},
    noted::{Counted, Note},
    transparent::tls,
    tunnel::End,
};
use crate::filter::Ceiling;
use crate::net::{
    accept,
    around::own_address_toward,
    body::Body,
    frames::{Frames, Way},
    guests::Guest,
    patience::Patient,
    sendfile::{Runs, Wire},
    serve::plain,
};

/// A request's head must come within this, counted from the first byte or from the last answer:
/// browsers keep connections to a proxy for the next page.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
/// A device that takes no byte of its answer for this long is let go.
const STALL_TIMEOUT: Duration = Duration::from_mins(2);
/// Head of a request, and buffer of a connection.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Header fields of a request.
const MAX_HEADER_FIELDS: usize = 128;

/// A device's connection, as hyper has it.
type Watched = Heralded<Patient<Wire<Guarded>>>;

/// How devices come to a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// They ask a proxy.
    Proxy,
    /// Their requests in the clear are taken on their way (TPROXY).
    Plain,
    /// Their TLS connections are.
    Tls,
}

/// A device's place at the box; free again when the last who holds it is done.
#[derive(Debug)]
pub struct Seat {
    /// The device; IPv4 through an IPv6 socket is given as IPv4.
    pub device: IpAddr,
    /// The port it spoke from; 0 where that is not known.
    pub port: u16,
    /// The box's address at which it came; where it was taken on its way, the one nearest to it.
    pub local: IpAddr,
    /// Where it was going, when it was taken on its way.
    pub original: Option<SocketAddr>,
    /// What it is under, as the last verdict said.
    pub ceiling: Arc<Held>,
    /// What it is to hear before the answer to its request.
    pub interim: Interim,
    _guest: Guest,
    _place: OwnedSemaphorePermit,
}

impl Seat {
    /// For one request that came by another of the box's doors; `None` when there is no place left.
    pub fn for_one(gateway: &Gateway, device: IpAddr) -> Option<Arc<Self>> {
        let shared = &gateway.shared;
        let guest = shared.guests.admit(device, shared.places.available_permits())?;
        let place = shared.places.clone().try_acquire_owned().ok()?;
        let local = own_address_toward(device).unwrap_or(device).to_canonical();
        Some(Arc::new(Self {
            device: device.to_canonical(),
            port: 0,
            local,
            original: None,
            ceiling: Arc::default(),
            interim: Interim::default(),
            _guest: guest,
            _place: place,
        }))
    }

    /// It is under this ceiling from now on, or under none.
    pub fn is_under(&self, ceiling: Option<Arc<Ceiling>>) {
        // A verdict that says the same again, as most do, writes nothing.
        if self.ceiling.load().as_ref().map(Arc::as_ptr) != ceiling.as_ref().map(Arc::as_ptr) {
            self.ceiling.store(ceiling);
        }
    }
}

pub async fn accept(gateway: Gateway, listener: TcpListener, door: Door, token: CancellationToken) {
    // Connections inherit it. Without it the last packet of each answer would wait for an
    // acknowledgement.
    let _ = SockRef::from(&listener).set_tcp_nodelay(true);
    let local = listener.local_addr().ok().filter(|local| !local.ip().is_unspecified());
    let door = Doorway { door, local };
    let take = |stream, peer: SocketAddr, place| {
        seated(&gateway, stream, (peer, &door), place, &token);
    };
    accept::each(&listener, &gateway.shared.places, &token, take).await;
}

/// A listener.
struct Doorway {
    door: Door,
    /// Where it is, when it is at one address: that of all its connections, then.
    local: Option<SocketAddr>,
}

fn seated(
    gateway: &Gateway,
    stream: TcpStream,
    (peer, doorway): (SocketAddr, &Doorway),
    place: OwnedSemaphorePermit,
    token: &CancellationToken,
) {
    let (shared, device) = (&gateway.shared, peer.ip());
    let Some(guest) = shared.guests.admit(device, shared.places.available_permits()) else {
        return tracing::debug!(%device, "holds as many connections as one device may");
    };
    let door = doorway.door;
    let own = doorway.local.filter(|_| door == Door::Proxy).map_or_else(|| stream.local_addr(), Ok);
    let Ok(local) = own else { return };
    // The kernel gives a socket taken on its way the address that the device dialled (TPROXY).
    let original =
        (door != Door::Proxy).then(|| SocketAddr::new(local.ip().to_canonical(), local.port()));
    let local = match original {
        None => local.ip(),
        Some(_) => own_address_toward(device).unwrap_or_else(|_| local.ip()),
    };
    let seat = Arc::new(Seat {
        device: device.to_canonical(),
        port: peer.port(),
        local: local.to_canonical(),
        original,
        ceiling: Arc::default(),
        interim: Interim::default(),
        _guest: guest,
        _place: place,
    });
    let (gateway, token) = (gateway.clone(), token.clone());
    match original {
        Some(original) if door == Door::Tls => {
            shared.tracker.spawn(tls::connection(gateway.clone(), stream, original, seat, token));
        }
        _ => drop(shared.tracker.spawn(connection(gateway.clone(), stream, seat, token))),
    }
}

async fn connection(
    gateway: Gateway,
    stream: TcpStream,
    seat: Arc<Seat>,
    token: CancellationToken,
) {
    let runs = Runs::default();
    let way = Way::Sent(runs.clone());
    let watched = Patient::new(Wire::new(Guarded::new(stream), runs), STALL_TIMEOUT);
    let io: Watched = Heralded::new(watched, seat.interim.clone());
    let end = token.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let (gateway, seat, token) = (gateway.clone(), seat.clone(), token.clone());
        let (way, interim) = (way.clone(), seat.interim.clone());
        async move {
            let answering = AssertUnwindSafe(gateway.answer(request, seat, token));
            let answered = answering.catch_unwind().await.unwrap_or_else(|_| panicked());
            interim.end();
            let note = answered.extensions().get::<Note>().cloned().unwrap_or_default();
            let counted = |body| Counted { body: Frames::new(body, way), note };
            Ok::<_, Infallible>(answered.map(counted))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADER_FIELDS)
        // Placeholders must reach the socket as they are, never copied into one buffer.
        .writev(true)
        .serve_connection(io, service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = end.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a device's connection ended early");
    }
}

fn panicked() -> Response<Body> {
    tracing::error!("a request made the gateway panic");
    plain(StatusCode::INTERNAL_SERVER_ERROR, "Erreur interne. Internal error.\n")
}

/// The device's socket, once its answer has switched it to something else.
pub async fn device_end(switched: OnUpgrade) -> io::Result<End> {
    let upgraded: Upgraded = switched.await.map_err(io::Error::other)?;
    let parts =
        upgraded.downcast::<Watched>().map_err(|_| io::Error::other("another connection"))?;
    let stream = parts.io.into_inner().into_inner().into_inner().into_inner();
    Ok(End { stream, early: parts.read_buf })
}
