//! Keeps packages: immutable blobs named by their SHA-256, a sidecar beside each, and an index
//! that can always be rebuilt from them.
//!
//! Every function here blocks on the disk: call them from `spawn_blocking`, except the ones
//! marked *in memory*. Nobody outside touches the data folder.

mod blob_id;
mod collect;
mod documents;
pub mod durable;
mod error;
mod incoming;
mod index;
mod layout;
mod open;
mod record;
mod records;
mod room;
mod scrub;
mod secrets;
mod shelf;
mod sidecar;

use std::{
    collections::HashMap,
    fs::File,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::Duration,
};

use jiff::Timestamp;
use tokio::sync::watch;

pub use self::{
    blob_id::{BadBlobId, BlobId},
    error::StoreError,
    incoming::Incoming,
    record::Ticket,
    records::{MAX_RECORD_BYTES, RecordChange},
    room::Usage,
    scrub::{Scrub, ScrubStep, Verified},
    sidecar::{Description, Sidecar},
};
use self::{index::Index, layout::Layout, room::Transfers, shelf::Shelf};

/// What the store needs to know.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// The data folder; made when absent.
    pub path: PathBuf,
    /// Most bytes of packages, with transfers under way.
    pub quota: Option<u64>,
    /// Free bytes always left on the disk.
    pub reserve: u64,
    /// How long a replaced version stays readable.
    pub keep_replaced: Duration,
}

impl StoreOptions {
    /// What `[store]` says.
    pub fn of(config: &crate::config::Store) -> Self {
        Self {
            path: config.path.clone(),
            quota: config.quota.map(|q| q.0),
            reserve: config.reserve.0,
            keep_replaced: config.keep_replaced.0,
        }
    }
}

/// The store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    options: StoreOptions,
    layout: Layout,
    /// Held as long as the store is open: one process a data folder.
    _lock: File,
    /// Locked for each change of the packages, so that changes follow one another.
    index: Mutex<Index>,
    shelf: RwLock<Arc<Shelf>>,
    changes: watch::Sender<u64>,
    transfers: Transfers,
    lent: Mutex<HashMap<BlobId, Timestamp>>,
}

/// A lock whose holder panicked still guards whole data here: every change is made in one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn shelf(&self) -> Arc<Shelf> {
        self.shelf.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn show(&self, shelf: Shelf) {
        *self.shelf.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(shelf);
        self.changes.send_modify(|n| *n += 1);
    }

    /// The index, renewed first if its last write failed.
    fn index(&self) -> Result<MutexGuard<'_, Index>, StoreError> {
        let mut index = lock(&self.index);
        if index.distrusted() {
            self.renew(&mut index)?;
        }
        Ok(index)
    }

    /// Makes a package known, after its files are durable.
    fn publish(&self, index: &mut Index, sidecar: Sidecar) -> Result<Arc<Sidecar>, StoreError> {
        index.put(&sidecar)?;
        index.barrier()?;
        let sidecar = Arc::new(sidecar);
        self.show(self.shelf().with(sidecar.clone()));
        Ok(sidecar)
    }
}

impl Store {
    /// Every whole package, current or replaced, oldest first. *In memory.*
    pub fn packages(&self) -> Arc<Vec<Arc<Sidecar>>> {
        self.shared.shelf().packages.clone()
    }

    /// The packages that are current for their holding and media type. *In memory.*
    pub fn current(&self) -> Arc<Vec<Arc<Sidecar>>> {
        self.shared.shelf().current.clone()
    }

    /// One package by name. *In memory.*
    pub fn package(&self, blob: &BlobId) -> Option<Arc<Sidecar>> {
        self.shared.shelf().get(blob).cloned()
    }

    /// Rises by one whenever `packages` or `current` changes.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    /// The blob's file, for reading.
    pub fn open_blob(&self, blob: &BlobId) -> Result<File, StoreError> {
        if self.package(blob).is_none() {
            return Err(StoreError::Unknown { blob: *blob });
        }
        let path = self.shared.layout.blob(blob);
        File::open(&path).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => StoreError::Unknown { blob: *blob },
            _ => StoreError::io("open", &path)(e),
        })
    }

    /// Notes that a package was lent: what was lent longest ago is evicted first. *In memory,
    /// written by [`Store::collect`].*
    pub fn lent(&self, blob: &BlobId, now: Timestamp) {
        lock(&self.shared.lent).insert(*blob, now);
    }
}
