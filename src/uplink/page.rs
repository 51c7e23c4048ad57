//! `GET /metrics` at the library's addresses, for the networks of `uplink.metrics_for`; to others there is
//! no such page.

use std::{net::IpAddr, sync::Arc};

use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use hyper::body::Incoming;
use ipnet::IpNet;
use jiff::Timestamp;

use super::{collect, text};
use crate::{
    health::sample::Source,
    net::{
        body::Body,
        serve::{Handler, Peer, plain},
    },
};

/// Where values are told.
pub const METRICS: &str = "/metrics";

/// Who tells, and who may hear it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Told {
    sources: Arc<[Arc<dyn Source>]>,
    readers: Arc<[IpNet]>,
}

impl Told {
    /// What these sources say, to these networks.
    pub fn new(sources: Arc<[Arc<dyn Source>]>, readers: &[IpNet]) -> Self {
        Self { sources, readers: readers.into() }
    }

    /// The text, as of now.
    pub fn text(&self, now: Timestamp) -> String {
        text::exposition(collect::ask(&self.sources, now).samples())
    }

    fn may_read(&self, device: IpAddr) -> bool {
        self.readers.iter().any(|network| network.contains(&device))
    }
}

/// In front of other pages.
#[derive(Debug, Clone)]
pub struct WithMetrics<H> {
    inner: H,
    told: Told,
}

impl<H> WithMetrics<H> {
    /// In front of `inner`.
    pub fn new(inner: H, told: Told) -> Self {
        Self { inner, told }
    }
}

impl<H: Handler> Handler for WithMetrics<H> {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        if request.uri().path() != METRICS {
            return self.inner.answer(request).await;
        }
        let device = request.extensions().get::<Peer>().map(|peer| peer.address);
        if !device.is_some_and(|device| self.told.may_read(device)) {
            return plain(StatusCode::NOT_FOUND, "Page inconnue. No such page.\n");
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return plain(StatusCode::METHOD_NOT_ALLOWED, "GET.\n");
        }
        let mut answer = Response::new(Body::Bytes(self.told.text(Timestamp::now()).into()));
        let head = answer.headers_mut();
        head.insert(CONTENT_TYPE, HeaderValue::from_static(text::CONTENT_TYPE));
        head.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Uplink;

    #[test]
    fn by_default_the_box_alone_reads_its_metrics() {
        let told = Told::new(Arc::new([]), &Uplink::default().metrics_for);
        for (device, reads) in
            [("127.0.0.1", true), ("::1", true), ("10.1.2.3", false), ("fd00::1", false)]
        {
            assert_eq!(told.may_read(device.parse().unwrap()), reads, "{device}");
        }
    }
}
