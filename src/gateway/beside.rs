//! The gateway's own pages at the library's addresses: the PAC file, and what a device was refused
//! lately.

use http::{Method, Request, Response};
use hyper::body::Incoming;

use super::{
    Gateway,
    blocked::{self, LATELY},
    pac,
};
use crate::net::{
    body::Body,
    serve::{Handler, Peer},
};

/// In front of the library's pages.
#[derive(Debug, Clone)]
pub struct Beside<H> {
    inner: H,
    gateway: Option<Gateway>,
    has_proxy: bool,
}

impl<H> Beside<H> {
    /// In front of `inner`. Without a gateway there is neither page; without a proxy to ask, no PAC
    /// file.
    pub fn new(inner: H, gateway: Option<Gateway>, has_proxy: bool) -> Self {
        Self { inner, gateway, has_proxy }
    }
}

impl<H: Handler> Handler for Beside<H> {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let (path, fields) = (request.uri().path(), request.headers());
        let device = request.extensions().get::<Peer>().map(|peer| peer.address);
        let looks = matches!(*request.method(), Method::GET | Method::HEAD);
        match (&self.gateway, device) {
            (Some(gateway), _) if looks && self.has_proxy && pac::is_asked(path) => {
                gateway.pac().answer(fields).map(Body::Bytes)
            }
            (Some(gateway), Some(device)) if path == LATELY => {
                blocked::answer(gateway, request, device).await
            }
            _ => self.inner.answer(request).await,
        }
    }
}
