//! The box as a Delivery Optimization cache host: Windows, told of it by DHCP option 235 or by
//! policy, asks it for `/path?…&cacheHostOrigin=HOST`, at the library's address. Only hosts that the
//! cache's rules list are fetched from: else the box would be an open proxy.

use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio_util::sync::CancellationToken;

use super::{Gateway, cache::updates::NoOrigin, forward, serve::Seat};
use crate::net::{
    body::Body,
    serve::{Handler, Peer, plain},
};

/// In front of the library's pages.
#[derive(Debug, Clone)]
pub struct WithCacheHost<H> {
    inner: H,
    gateway: Option<Gateway>,
}

impl<H> WithCacheHost<H> {
    /// In front of `inner`; without a gateway the box is no cache host.
    pub fn new(inner: H, gateway: Option<Gateway>) -> Self {
        Self { inner, gateway }
    }
}

impl<H: Handler> Handler for WithCacheHost<H> {
    async fn answer(&self, mut request: Request<Incoming>) -> Response<Body> {
        let Some(gateway) = &self.gateway else { return self.inner.answer(request).await };
        match lead(gateway, &mut request) {
            Led::Elsewhere => self.inner.answer(request).await,
            Led::Refused => refused(),
            Led::ToOrigin => {
                let peer = request.extensions().get::<Peer>();
                let Some(seat) = peer.and_then(|peer| Seat::for_one(gateway, peer.address)) else {
                    return plain(StatusCode::SERVICE_UNAVAILABLE, "Complet. No place left.\n");
                };
                let token = CancellationToken::new();
                Box::pin(forward::answer(gateway, request, seat, token)).await
            }
        }
    }
}

/// Where a request that names no host leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Led {
    /// It is none for a cache host.
    Elsewhere,
    /// To a host that is not listed.
    Refused,
    /// To its origin, whose address it bears now.
    ToOrigin,
}

/// Reads `cacheHostOrigin`, and gives the request the address of its origin.
pub fn lead(gateway: &Gateway, request: &mut Request<Incoming>) -> Led {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let Some(cache) = gateway.shared.cache.as_ref().filter(|_| reads) else {
        return Led::Elsewhere;
    };
    match cache.rules().behind_cache_host(request.uri()) {
        Ok(origin) => {
            *request.uri_mut() = origin;
            Led::ToOrigin
        }
        Err(NoOrigin::Unnamed) => Led::Elsewhere,
        Err(error) => {
            tracing::debug!(%error, "a cache host's request is refused");
            Led::Refused
        }
    }
}

/// The origin is not listed.
pub fn refused() -> Response<Body> {
    plain(StatusCode::FORBIDDEN, "Origine non admise. This origin is not listed.\n")
}
