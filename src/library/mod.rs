//! Lends: the pages, the reader, search, downloads and the OPDS catalogue.
//!
//! Not here: what the school holds (`catalogue`), or how packages are opened (`publication`).

mod arrival;
mod assets;
mod cache;
mod card;
mod fold;
mod hot;
mod indicators;
mod inflated;
mod mine;
mod opds;
mod packages;
mod pages;
mod portal;
mod reader;
mod reading;
mod refusal;
mod request;
mod scorm;
mod search;
mod search_page;
mod shelf;
mod shelf_page;
mod shell;
mod takehome;
mod tables;
mod words;

use std::sync::Arc;

use http::{HeaderValue, Method, Request, Response, StatusCode, header::ALLOW};
use hyper::body::Incoming;
use jiff::{Timestamp, tz::TimeZone};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use self::words::{Language, Speech, Words};
use self::{
    hot::Hot, indicators::Indicators, packages::Packages, portal::Moments, search::SearchIndex,
    shelf::Shelf, tables::Tables,
};
use crate::{
    access::Access,
    catalogue::Holdings,
    config,
    mirror::Progress,
    net::{
        body::Body,
        serve::{Handler, plain},
    },
    store::Store,
};

/// Counts of openings lost to a power cut are those of this long.
const COUNTS_KEPT_EVERY: std::time::Duration = std::time::Duration::from_mins(1);

/// Answers every request of the portal. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Library {
    shared: Arc<Shared>,
    hot: Arc<Hot>,
    pages: axum::Router,
}

/// What the school has, and how to find it; replaced whole when it changed.
#[derive(Debug)]
struct View {
    shelf: Shelf,
    index: SearchIndex,
}

#[derive(Debug)]
struct Shared {
    school: String,
    words: Arc<Words>,
    access: Access,
    indicators: Arc<Indicators>,
    moments: Moments,
    shelves: shelf_page::Kept,
    store: Store,
    packages: Arc<Packages>,
    tables: Arc<Tables>,
    holdings: watch::Receiver<Arc<Holdings>>,
    progress: watch::Receiver<Arc<Progress>>,
    view: watch::Sender<Arc<View>>,
}

/// What is wrong with what the library was given.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// The school's time zone is unknown.
    #[error("school.timezone '{name}' is not a time zone of the IANA list: {reason}")]
    Zone {
        /// The name given.
        name: String,
        /// Why.
        reason: String,
    },
}

impl Library {
    /// Wires the pages to what they show; the shelf is ready when this returns.
    pub fn new(
        school: &config::School,
        config: &config::Library,
        access: Access,
        store: Store,
        holdings: watch::Receiver<Arc<Holdings>>,
        progress: watch::Receiver<Arc<Progress>>,
    ) -> Result<Self, LibraryError> {
        let zone = TimeZone::get(&school.timezone).map_err(|e| LibraryError::Zone {
            name: school.timezone.clone(),
            reason: e.to_string(),
        })?;
        let packages = Arc::new(Packages::new(store.clone()));
        let tables = Arc::new(Tables::open(store.clone()));
        let view = watch::Sender::new(Arc::new(view(&holdings.borrow(), &store, &tables)));
        let memory = usize::try_from(config.memory.0).unwrap_or(usize::MAX);
        let words = Arc::new(Words::new(zone.clone()));
        let indicators = Arc::new(Indicators::open(&store, zone.clone()));
        let hot = Hot::new(hot::Parts {
            access: access.clone(),
            words: words.clone(),
            indicators: indicators.clone(),
            store: store.clone(),
            packages: packages.clone(),
            view: view.subscribe(),
            memory,
        });
        let shared = Arc::new(Shared {
            school: school.name.clone(),
            words,
            access,
            indicators,
            moments: Moments::open(&store, zone),
            shelves: shelf_page::Kept::default(),
            store,
            packages,
            tables,
            holdings,
            progress,
            view,
        });
        let pages = pages::router(shared.clone());
        Ok(Self { shared, hot: Arc::new(hot), pages })
    }

    /// Keeps the shelf and the search index up to date until cancelled.
    pub async fn run(&self, token: CancellationToken) {
        let shared = &self.shared;
        let (mut holdings, mut changes) = (shared.holdings.clone(), shared.store.changes());
        loop {
            let (held, store) = (holdings.borrow_and_update().clone(), shared.store.clone());
            let tables = shared.tables.clone();
            changes.mark_unchanged();
            let made = tokio::task::spawn_blocking(move || view(&held, &store, &tables)).await;
            if let Ok(made) = made {
                shared.packages.keep_only(|blob| shared.store.package(blob).is_some());
                shared.view.send_replace(Arc::new(made));
            }
            let more = tokio::select! {
                () = token.cancelled() => return self.keep_counts().await,
                changed = holdings.changed() => changed.is_ok(),
                changed = changes.changed() => changed.is_ok(),
                () = self.learned() => true,
                () = self.counted() => true,
            };
            if !more {
                // Whoever told of changes is gone: the box is stopping.
                token.cancelled().await;
                return self.keep_counts().await;
            }
        }
    }
}

impl Library {
    /// Keeps the counts of openings every minute; never ends.
    async fn counted(&self) {
        let mut ticks = tokio::time::interval(COUNTS_KEPT_EVERY);
        loop {
            ticks.tick().await;
            self.keep_counts().await;
        }
    }

    async fn keep_counts(&self) {
        let (indicators, store) = (self.shared.indicators.clone(), self.shared.store.clone());
        let keeping = move || indicators.keep(&store, Timestamp::now());
        // A panic in there loses a minute's counts at most.
        let _ = tokio::task::spawn_blocking(keeping).await;
    }

    /// Ends when tables of contents were read that the search does not know yet.
    async fn learned(&self) {
        if !self.shared.tables.learn(&self.shared.packages).await {
            std::future::pending::<()>().await;
        }
    }
}

fn view(holdings: &Holdings, store: &Store, tables: &Tables) -> View {
    let shelf = Shelf::of(holdings, &store.current(), &store.packages());
    let index = SearchIndex::of(&shelf, |book| tables.words(&book.main()?.blob));
    View { shelf, index }
}

impl Handler for Library {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        let path = request.uri().path();
        if !reads && (*request.method() != Method::POST || path == "/" || path.starts_with("/p/")) {
            let mut refused = plain(StatusCode::METHOD_NOT_ALLOWED, "GET, HEAD\n");
            refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refused;
        }
        if path.starts_with("/p/") {
            return self.hot.answer(request.method(), path, request.headers()).await;
        }
        if path == "/" {
            let (parts, _) = request.into_parts();
            return shelf_page::answer(&self.shared, &parts);
        }
        let mut pages = self.pages.clone();
        match tower_service::Service::call(&mut pages, request.map(axum::body::Body::new)).await {
            Ok(response) => response.map(Body::Page),
            Err(never) => match never {},
        }
    }
}
