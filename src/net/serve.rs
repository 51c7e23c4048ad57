//! The accept loop: bounded connections, a panic that costs one request, and a drain at the end.

use std::{
    convert::Infallible, io, net::IpAddr, panic::AssertUnwindSafe, sync::Arc, time::Duration,
};

use futures_util::FutureExt;
use http::{HeaderValue, Request, Response, StatusCode, header::CONTENT_TYPE};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioTimer;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    body::Body,
    guests::Guests,
    sendfile::{Runs, Wire, Wired},
};

/// A request's head must come within this, counted from the first byte or from the last answer.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// A peer that takes no byte of its answer for this long is let go.
const STALL_TIMEOUT: Duration = Duration::from_mins(2);
/// Head of a request, and buffer of a connection.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// Header fields of a request.
const MAX_HEADER_FIELDS: usize = 64;
/// Pause after the system refused a connection for want of something.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

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
    let guests = Guests::default();
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
            Ok((stream, peer)) => {
                let Some(guest) = guests.admit(peer.ip(), places.available_permits()) else {
                    tracing::debug!(%peer, "holds more connections than there are places left");
                    continue;
                };
                let (handler, token) = (handler.clone(), token.clone());
                let peer = Peer { address: peer.ip().to_canonical(), tls: false };
                tracker.spawn(async move {
                    connection(stream, peer, handler, token).await;
                    drop((guest, place));
                });
            }
            Err(error) => accept_failed(&error).await,
        }
    }
}

/// One bad connection is no reason to stop; a system short of something needs a moment.
async fn accept_failed(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    if !matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted) {
        tracing::warn!(%error, "accept refused by the system: waiting a moment");
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

async fn connection<H: Handler>(
    stream: TcpStream,
    peer: Peer,
    handler: H,
    token: CancellationToken,
) {
    // Without it the last packet of each answer would wait for an acknowledgement.
    let _ = stream.set_nodelay(true);
    let runs = Runs::default();
    let wire = Wire::new(stream, runs.clone(), STALL_TIMEOUT);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        let (handler, runs) = (handler.clone(), runs.clone());
        async move { Ok::<_, Infallible>(answer(&handler, request).await.map(|b| Wired::new(b, runs))) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADER_FIELDS)
        // Placeholders must reach the socket as they are, never copied into one buffer.
        .writev(true)
        .serve_connection(wire, service);
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
