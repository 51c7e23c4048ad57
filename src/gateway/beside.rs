//! The gateway's own pages at the library's addresses: the PAC file, what a device was refused lately,
//! and what a device asks that was told of a portal (RFC 8908).

use http::{
    HeaderValue, Method, Request, Response,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
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

/// Where a device that DHCP or its router told of it (RFC 8910) asks how things are.
pub const CAPTIVE_API: &str = "/captive-portal";

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
        let peer = request.extensions().get::<Peer>();
        let device = peer.map(|peer| peer.address);
        // RFC 8908 §4: under TLS only. In the clear a device is led there like to any page.
        let sealed = peer.is_some_and(|peer| peer.tls);
        let looks = matches!(*request.method(), Method::GET | Method::HEAD);
        match (&self.gateway, device) {
            (Some(gateway), _) if looks && self.has_proxy && pac::is_asked(path) => {
                gateway.pac().answer(fields).map(Body::Bytes)
            }
            (Some(gateway), Some(device)) if looks && sealed && path == CAPTIVE_API => {
                captive_state(&gateway.shared.home.page(device))
            }
            (Some(gateway), Some(device)) if path == LATELY => {
                blocked::answer(gateway, request, device).await
            }
            _ => self.inner.answer(request).await,
        }
    }
}

/// RFC 8908 §5: nobody is held captive, and this is the place to be.
fn captive_state(library: &str) -> Response<Body> {
    let state = serde_json::json!({
        "captive": false,
        "user-portal-url": library,
        "venue-info-url": library,
    });
    let mut answer = Response::new(Body::Bytes(state.to_string().into()));
    let head = answer.headers_mut();
    head.insert(CONTENT_TYPE, HeaderValue::from_static("application/captive+json"));
    // §4.2: for this device alone.
    head.insert(CACHE_CONTROL, HeaderValue::from_static("private"));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_asks_hears_that_it_is_free_and_where_the_library_is() {
        let answer = captive_state("https://box.example/");
        assert_eq!(answer.headers()[CONTENT_TYPE], "application/captive+json");
        assert_eq!(answer.headers()[CACHE_CONTROL], "private");
        let Body::Bytes(body) = answer.into_body() else { panic!("another body") };
        let state: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let expected = serde_json::json!({
            "captive": false,
            "user-portal-url": "https://box.example/",
            "venue-info-url": "https://box.example/",
        });
        assert_eq!(state, expected);
    }
}
