//! Open packages: each is opened once for all its readers, and closed when others are read more.

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
};

use lru::LruCache;
use tokio::sync::OnceCell;

use crate::{
    publication::Publication,
    store::{BlobId, Sidecar, Store},
};

/// Packages kept open: a class reads a few, a school some dozens.
const MAX_OPEN: NonZeroUsize = NonZeroUsize::new(64).unwrap();

/// Media type of the cover of what has none.
pub const NO_COVER_TYPE: &str = "image/png";

/// A package that cannot be opened, and why, for people.
pub type Opened = Result<Arc<Publication>, Arc<str>>;

/// The open packages of the store.
#[derive(Debug)]
pub struct Packages {
    store: Store,
    open: Mutex<LruCache<BlobId, Arc<OnceCell<Opened>>>>,
    /// Media types of covers, of every package that was opened once: feeds name them.
    covers: Mutex<HashMap<BlobId, Box<str>>>,
}

impl Packages {
    pub fn new(store: Store) -> Self {
        Self { store, open: Mutex::new(LruCache::new(MAX_OPEN)), covers: Mutex::default() }
    }

    /// Opens a package, or finds it open. Readers who come together open it once.
    pub async fn open(&self, package: &Arc<Sidecar>) -> Opened {
        let cell = {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.get_or_insert(package.blob, Arc::default).clone()
        };
        let (store, sidecar) = (self.store.clone(), package.clone());
        let opened = cell
            .get_or_init(|| async {
                let opening = move || {
                    let file = store.open_blob(&sidecar.blob).map_err(|e| e.to_string())?;
                    let media_type = &sidecar.description.media_type;
                    Publication::open(file, media_type).map_err(|e| e.to_string())
                };
                let opened = tokio::task::spawn_blocking(opening).await;
                let opened = opened.unwrap_or_else(|_| Err("its reading stopped short".into()));
                opened.map(Arc::new).map_err(|reason| {
                    tracing::warn!(blob = %package.blob, %reason, "package cannot be opened");
                    Arc::from(reason)
                })
            })
            .await;
        opened.clone()
    }

    /// The media type of what a package's cover address answers with.
    pub async fn cover_type(&self, package: &Arc<Sidecar>) -> Box<str> {
        let covers = || self.covers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = covers().get(&package.blob) {
            return known.clone();
        }
        let opened = self.open(package).await.ok();
        let cover = opened.and_then(|p| p.resource(p.cover.as_deref()?));
        let media_type = cover.map_or(NO_COVER_TYPE.into(), |c| c.media_type.into_boxed_str());
        covers().insert(package.blob, media_type.clone());
        media_type
    }

    /// Forgets packages that left the store, so that their files are closed and their room freed.
    pub fn keep_only(&self, present: impl Fn(&BlobId) -> bool) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let gone: Vec<_> = open.iter().map(|(blob, _)| *blob).filter(|b| !present(b)).collect();
        for blob in gone {
            open.pop(&blob);
        }
        self.covers.lock().unwrap_or_else(PoisonError::into_inner).retain(|b, _| present(b));
    }
}
