//! Lends: the pages, the reader, search, downloads and the OPDS catalogue.
//!
//! Not here: what the school holds (`catalogue`), or how packages are opened (`publication`).

use std::{convert::Infallible, sync::Arc};

use http::{Request, Response};

use crate::{catalogue::Holdings, config, mirror::Progress, net::body::Body, store::Store};

/// Answers every request of the portal. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Library {}

impl Library {
    /// Wires the pages to what they show.
    pub fn new(
        _school: &config::School,
        _config: &config::Library,
        _store: Store,
        _holdings: tokio::sync::watch::Receiver<Arc<Holdings>>,
        _progress: tokio::sync::watch::Receiver<Arc<Progress>>,
    ) -> Self {
        todo!()
    }
    /// Keeps the shelf and the search index up to date until cancelled.
    pub async fn run(&self, _token: tokio_util::sync::CancellationToken) {
        todo!()
    }
    /// One request, one answer.
    pub async fn answer(
        &self,
        _request: Request<hyper::body::Incoming>,
    ) -> Result<Response<Body>, Infallible> {
        todo!()
    }
}
