//! Connections answered: bounded, a panic that costs one request, and a drain at the end.

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};

use futures_util::FutureExt;
use http::{HeaderValue, Request, Response, StatusCode, header::CONTENT_TYPE};
use hyper::{
    body::Incoming,
    rt::{Read, Write},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    accept,
    body::Body,
    frames::{Frames, Way},
    guests::Guests,
    patience::Patient,
    sendfile::{Runs, Wire},
};

/// A request's head must come within this, counted from the first byte or from the last answer.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// A peer that takes no byte of its answer for this long is let go.
const STALL_TIMEOUT: Duration = Duration::from_mins(2);
/// A TLS handshake must be done within this.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Head of a request, and buffer of a connection.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// Header fields of a request.
const MAX_HEADER_FIELDS: usize = 64;

/// Who a request came from, as every request's extension says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// The address at the other end; IPv4 through an IPv6 socket is given as IPv4.
    pub address: IpAddr,
    /// Did it come over TLS?
    pub tls: bool,
}

/// Answers requests; one value serves every connection.
pub trait Handler: Clone + Send + Sync + 'static {
    /// One request, one answer. A panic becomes a 500.
    fn answer(&self, request: Request<Incoming>) -> impl Future<Output = Response<Body>> + Send;
}

/// Serves one listener until `token` is cancelled, then lets open requests finish: the tracker is
/// empty when they have. `places` bounds connections over all listeners; further ones wait in the
/// kernel's queue. A peer that holds more of them than are left gets no more.
pub async fn serve<H: Handler>(
    listener: TcpListener,
    handler: H,
    places: Arc<Semaphore>,
    tracker: TaskTracker,
    token: CancellationToken,
) {
    on(listener, None, handler, places, tracker, token).await;
}

/// The same under TLS. What `tls` shows as a certificate may change at any moment: open connections
/// go on.
pub async fn serve_tls<H: Handler>(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    handler: H,
    places: Arc<Semaphore>,
    tracker: TaskTracker,
    token: CancellationToken,
) {
    on(listener, Some(TlsAcceptor::from(tls)), handler, places, tracker, token).await;
}

async fn on<H: Handler>(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    handler: H,
    places: Arc<Semaphore>,
    tracker: TaskTracker,
    token: CancellationToken,
) {
    let guests = Guests::default();
    let take = |stream: TcpStream, peer: SocketAddr, place| {
        let Some(guest) = guests.admit(peer.ip(), places.available_permits()) else {
            return tracing::debug!(%peer, "holds more connections than there are places left");
        };
        let (handler, token) = (handler.clone(), token.clone());
        let (tls, address) = (tls.clone(), peer.ip().to_canonical());
        tracker.spawn(async move {
            // Without it the last packet of each answer would wait for an acknowledgement.
            let _ = stream.set_nodelay(true);
            match tls {
                None => plainly(stream, address, handler, token).await,
                Some(tls) => sealed(stream, address, tls, handler, token).await,
            }
            drop((guest, place));
        });
    };
    accept::each(&listener, &places, &token, take).await;
}

/// A connection in the clear, whose files the kernel sends.
async fn plainly<H: Handler>(
    stream: TcpStream,
    address: IpAddr,
    handler: H,
    token: CancellationToken,
) {
    let runs = Runs::default();
    let wire = Wire::new(stream, runs.clone());
    connection(wire, Way::Sent(runs), Peer { address, tls: false }, handler, token).await;
}

/// A connection under TLS.
async fn sealed<H: Handler>(
    stream: TcpStream,
    address: IpAddr,
    tls: TlsAcceptor,
    handler: H,
    token: CancellationToken,
) {
    let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream));
    let stream = match token.run_until_cancelled(handshake).await {
        None => return,
        Some(Ok(Ok(stream))) => TokioIo::new(stream),
        Some(Ok(Err(error))) => {
            return tracing::debug!(%error, "no TLS session was agreed on");
        }
        Some(Err(_)) => return tracing::debug!("no TLS session within {HANDSHAKE_TIMEOUT:?}"),
    };
    connection(stream, Way::Copied, Peer { address, tls: true }, handler, token).await;
}

async fn connection<H, I>(io: I, way: Way, peer: Peer, handler: H, token: CancellationToken)
where
    H: Handler,
    I: Read + Write + Unpin,
{
    let io = Patient::new(io, STALL_TIMEOUT);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        let (handler, way) = (handler.clone(), way.clone());
        async move { Ok::<_, Infallible>(answer(&handler, request).await.map(|b| Frames::new(b, way))) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADER_FIELDS)
        // Placeholders must reach the socket as they are, never copied into one buffer.
        .writev(true)
        .serve_connection(io, service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = token.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended early");
    }
}

async fn answer<H: Handler>(handler: &H, request: Request<Incoming>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let answered = AssertUnwindSafe(handler.answer(request)).catch_unwind().await;
    answered.unwrap_or_else(|_| {
        tracing::error!(path, "a request made its handler panic");
        plain(StatusCode::INTERNAL_SERVER_ERROR, "Erreur interne. Internal error.\n")
    })
}

/// A short answer in plain text.
pub fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::Bytes(text.into()));
    *response.status_mut() = status;
    let utf8 = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, utf8);
    response
}
