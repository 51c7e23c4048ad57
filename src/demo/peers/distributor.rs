//! A distributor: its feed, covers, and packages with strong validators and ranges.

use std::{
    collections::BTreeMap,
    fs::File,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;

use super::{PeerError, feed, gar::typed};
use crate::{
    demo::manuals::{Printed, cover},
    net::{
        body::{Body, Segment},
        conditional::{Representation, answer},
        serve::{Handler, plain},
    },
};

/// Clients must ask again before they use what they kept: a package may have a new version.
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");

/// What the distributor answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sent {
    /// Requests of any kind.
    pub requests: u64,
    /// Requests for packages or parts of them.
    pub package_requests: u64,
    /// Bytes of package in the answers begun. An answer that was cut counts whole: what really
    /// crossed, the link counts.
    pub package_bytes: u64,
}

/// The distributor. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Distributor {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    shelf: Mutex<BTreeMap<&'static str, Stock>>,
    requests: AtomicU64,
    package_requests: AtomicU64,
    package_bytes: AtomicU64,
}

/// A manual as offered now.
#[derive(Debug, Clone)]
struct Stock {
    printed: Printed,
    file: Arc<File>,
    cover: Bytes,
}

impl Distributor {
    /// Offers a manual, in place of an older version. Transfers of the older one go on.
    pub(super) async fn publish(&self, printed: Printed) -> Result<(), PeerError> {
        let path = printed.path.clone();
        let failed = |source| PeerError::Package { path: path.clone(), source };
        let opened = tokio::task::spawn_blocking(move || {
            let file = Arc::new(File::open(&printed.path)?);
            let cover = Bytes::from(cover(&printed.manual)?);
            Ok(Stock { printed, file, cover })
        });
        let stock = opened.await.map_err(|e| failed(e.into()))?.map_err(failed)?;
        self.shelf().insert(stock.printed.manual.slug, stock);
        Ok(())
    }

    pub(super) fn sent(&self) -> Sent {
        Sent {
            requests: self.shared.requests.load(Ordering::Relaxed),
            package_requests: self.shared.package_requests.load(Ordering::Relaxed),
            package_bytes: self.shared.package_bytes.load(Ordering::Relaxed),
        }
    }

    fn shelf(&self) -> MutexGuard<'_, BTreeMap<&'static str, Stock>> {
        self.shared.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn feed(&self, query: Option<&str>) -> Response<Body> {
        let shelf: Vec<Printed> = self.shelf().values().map(|s| s.printed.clone()).collect();
        let number = query.and_then(|q| q.strip_prefix("page=")).map_or(Ok(1), str::parse);
        match number.ok().and_then(|number| feed::page(&shelf, number)) {
            Some(page) => typed(StatusCode::OK, "application/opds+json", page.to_string()),
            None => plain(StatusCode::NOT_FOUND, "no such page of the feed\n"),
        }
    }

    fn package(&self, method: &Method, headers: &HeaderMap, name: &str) -> Response<Body> {
        let stock = self.shelf().values().find(|s| s.printed.manual.file_name() == name).cloned();
        let Some(Stock { printed, file, .. }) = stock else { return missing() };
        let written = printed.written;
        let whole = Segment::File { file, offset: 0, len: written.size };
        let etag = format!("\"{}\"", written.sha256);
        let body = Body::Segments(vec![whole]);
        let response = represented(method, headers, body, written.media_type, &etag);
        self.shared.package_requests.fetch_add(1, Ordering::Relaxed);
        if response.status().is_success() {
            let bytes = response.body().len().unwrap_or(0);
            self.shared.package_bytes.fetch_add(bytes, Ordering::Relaxed);
        }
        response
    }

    fn cover(&self, method: &Method, headers: &HeaderMap, name: &str) -> Response<Body> {
        let slug = Path::new(name).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let cover = self.shelf().get(slug).map(|stock| stock.cover.clone());
        let Some(cover) = cover else { return missing() };
        let etag = format!("\"{slug}-{}\"", cover.len());
        represented(method, headers, Body::Bytes(cover), "image/jpeg", &etag)
    }
}

impl Handler for Distributor {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        self.shared.requests.fetch_add(1, Ordering::Relaxed);
        let (method, headers, uri) = (request.method(), request.headers(), request.uri());
        if method != Method::GET && method != Method::HEAD {
            return plain(StatusCode::METHOD_NOT_ALLOWED, "GET or HEAD\n");
        }
        let path: Vec<&str> = uri.path().split('/').skip(1).collect();
        match path.as_slice() {
            ["opds2", "feed.json"] => self.feed(uri.query()),
            ["packages", name] => self.package(method, headers, name),
            ["covers", name] => self.cover(method, headers, name),
            _ => missing(),
        }
    }
}

fn missing() -> Response<Body> {
    plain(StatusCode::NOT_FOUND, "the distributor has no such thing\n")
}

fn represented(
    method: &Method,
    headers: &HeaderMap,
    body: Body,
    media_type: &'static str,
    etag: &str,
) -> Response<Body> {
    let Ok(etag) = HeaderValue::from_str(etag) else { return missing() };
    let whole = Representation {
        body,
        media_type: HeaderValue::from_static(media_type),
        etag,
        cache: REVALIDATE,
        encoding: None,
        varies: false,
        ranges: true,
        fields: &[],
    };
    answer(method, headers, whole)
}
