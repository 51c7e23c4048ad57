//! Open packages: each is opened once for all its readers, and closed when others are read more.

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
};

use lru::LruCache;
use tokio::sync::{OnceCell, Semaphore};

use crate::{
    publication::{Publication, PublicationError},
    store::{BlobId, Sidecar, Store},
};

/// Packages kept open: a class reads a few, a school some dozens.
const MAX_OPEN: NonZeroUsize = NonZeroUsize::new(64).unwrap();

/// Packages opened at once: looking into a large PDF takes all of it in memory.
const OPENINGS: usize = 2;
/// Bytes that the tables of all open packages may take together, about.
const MAX_OPEN_BYTES: usize = 128 << 20;

/// Media type of the cover of what has none.
pub const NO_COVER_TYPE: &str = "image/png";

/// A package that cannot be opened, and why, for people.
pub type Opened = Result<Arc<Publication>, Arc<str>>;

/// Why a package could not be opened.
#[derive(Debug, Clone)]
struct Failure {
    reason: Arc<str>,
    /// May it go better in a moment?
    passing: bool,
}

impl Failure {
    fn passing(why: &impl ToString) -> Self {
        Self { reason: why.to_string().into(), passing: true }
    }
}

/// A package that is open, or being opened.
type Cell = Arc<OnceCell<Result<Arc<Publication>, Failure>>>;

/// Memory that an open package takes, about; one being opened will be counted when it is.
fn weight(cell: &Cell) -> usize {
    cell.get().and_then(|opened| opened.as_ref().ok()).map_or(0, |p| p.memory())
}

/// The open packages of the store.
#[derive(Debug)]
pub struct Packages {
    store: Store,
    open: Mutex<LruCache<BlobId, Cell>>,
    /// Media types of covers, of every package that was opened once: feeds name them.
    covers: Mutex<HashMap<BlobId, Box<str>>>,
    openings: Semaphore,
    /// Bytes that all open packages may take.
    most: usize,
}

impl Packages {
    pub fn new(store: Store) -> Self {
        Self {
            store,
            open: Mutex::new(LruCache::new(MAX_OPEN)),
            covers: Mutex::default(),
            openings: Semaphore::new(OPENINGS),
            most: MAX_OPEN_BYTES,
        }
    }

    /// Opens a package, or finds it open. Readers who come together open it once.
    pub async fn open(&self, package: &Arc<Sidecar>) -> Opened {
        let cell = {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.get_or_insert(package.blob, Arc::default).clone()
        };
        let fresh = !cell.initialized();
        let opened = cell.get_or_init(|| self.read(package)).await.clone();
        if fresh {
            self.settle(&package.blob, &cell, &opened);
        }
        opened.map_err(|failure| failure.reason)
    }

    /// Lines of a package's table of contents, without keeping it open: it may never be read.
    /// Nothing when it cannot be opened.
    pub async fn contents(&self, package: &Arc<Sidecar>, most: usize) -> Option<Vec<String>> {
        let publication = self.read(package).await.ok()?;
        let mut lines = Vec::new();
        let mut waiting: Vec<_> = publication.contents.iter().rev().collect();
        while let Some(line) = waiting.pop().filter(|_| lines.len() < most) {
            lines.push(line.title.clone());
            waiting.extend(line.children.iter().rev());
        }
        Some(lines)
    }

    async fn read(&self, package: &Arc<Sidecar>) -> Result<Arc<Publication>, Failure> {
        // Never closed.
        let _turn = self.openings.acquire().await.ok();
        let (store, sidecar) = (self.store.clone(), package.clone());
        let opening = move || {
            let file = store.open_blob(&sidecar.blob).map_err(|e| Failure::passing(&e))?;
            let media_type = &sidecar.description.media_type;
            Publication::open(file, media_type).map_err(|e| match e {
                PublicationError::Read { .. } => Failure::passing(&e),
                _ => Failure { reason: e.to_string().into(), passing: false },
            })
        };
        let opened = tokio::task::spawn_blocking(opening).await;
        let opened = opened.unwrap_or_else(|_| Err(Failure::passing(&"its reading stopped short")));
        opened.map(Arc::new).inspect_err(|failure| {
            let reason = &failure.reason;
            tracing::warn!(blob = %package.blob, %reason, "package cannot be opened");
        })
    }

    /// Lets go of what must not stay: a failure that may pass (the system was short of files, a
    /// disk slipped), and the packages read longest ago when all take too much memory.
    fn settle(&self, blob: &BlobId, cell: &Cell, opened: &Result<Arc<Publication>, Failure>) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let passing = opened.as_ref().is_err_and(|failure| failure.passing);
        if passing && open.peek(blob).is_some_and(|kept| Arc::ptr_eq(kept, cell)) {
            open.pop(blob);
        }
        let mut held: usize = open.iter().map(|(_, cell)| weight(cell)).sum();
        while held > self.most && open.len() > 1 {
            let Some((_, cell)) = open.pop_lru() else { break };
            held -= weight(&cell);
        }
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{
        publication::testing::zip_bytes,
        store::{Description, StoreOptions, Ticket},
    };

    fn packages(folder: &Path) -> Packages {
        let options = StoreOptions {
            path: folder.to_owned(),
            quota: None,
            reserve: 0,
            keep_replaced: std::time::Duration::ZERO,
        };
        Packages::new(Store::open(options).unwrap())
    }

    fn put(packages: &Packages, holding: &str) -> Arc<Sidecar> {
        let long = format!("{holding}{}", "x".repeat(900));
        let bytes = zip_bytes(&[("index.html", b"<title>x</title>"), (&long, b"x")]);
        let mut incoming = packages.store.incoming(holding, Ticket::default()).unwrap();
        incoming.append(&bytes).unwrap();
        let description = Description {
            holding: holding.into(),
            identifiers: vec![holding.into()],
            title: holding.into(),
            publisher: None,
            media_type: "application/zip".into(),
            version: String::new(),
            origin: String::new(),
        };
        incoming.commit(description).unwrap()
    }

    fn open_now(packages: &Packages) -> usize {
        packages.open.lock().unwrap().len()
    }

    #[tokio::test]
    async fn a_failure_that_passes_is_forgotten_and_a_broken_package_is_not_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let packages = packages(folder.path());
        let package = put(&packages, "a");
        // As when the system has no file left to give, or the disk slips.
        let aside = folder.path().join("blobs-aside");
        let blobs = folder.path().join("blobs");
        rustix::fs::rename(&blobs, &aside).unwrap();
        assert!(packages.open(&package).await.is_err());
        rustix::fs::rename(&aside, &blobs).unwrap();
        assert!(packages.open(&package).await.is_ok());

        let mut incoming = packages.store.incoming("b", Ticket::default()).unwrap();
        incoming.append(b"no zip at all").unwrap();
        let broken = incoming.commit(package.description.clone()).unwrap();
        assert!(packages.open(&broken).await.is_err());
        assert_eq!(open_now(&packages), 2, "the broken one is known to be");
    }

    #[tokio::test]
    async fn open_packages_are_bounded_by_the_memory_they_take() {
        let folder = tempfile::tempdir().unwrap();
        let mut packages = packages(folder.path());
        let first = put(&packages, "0");
        let one = packages.open(&first).await.unwrap().memory();
        assert!(one > 1800, "two long names at least: {one}");
        packages.most = 3 * one + one / 2;
        for n in 1..10 {
            let package = put(&packages, &n.to_string());
            assert!(packages.open(&package).await.is_ok());
            assert!(open_now(&packages) <= 3, "{} are open", open_now(&packages));
        }
        packages.most = 1;
        assert!(packages.open(&put(&packages, "x")).await.is_ok(), "the last one always stays");
        assert_eq!(open_now(&packages), 1);
    }
}
