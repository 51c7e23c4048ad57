//! sled, behind one narrow type: small records, always rebuildable from the sidecars.
//!
//! sled 0.34 has two habits to hold. `flush` ends in `sync_file_range`, which does not survive a
//! power cut: [`Index::barrier`] syncs the files itself. And damage can make `open` panic: it is
//! caught, the damaged folder set aside, and a new index made.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use rustix::fs::FlockOperation;
use serde::{Serialize, de::DeserializeOwned};

use super::{BlobId, Sidecar, StoreError, durable};

/// Form of the index this version writes. Older forms are made anew from the sidecars.
const INDEX_SCHEMA: u64 = 1;
/// Memory sled may keep for pages.
const CACHE_BYTES: u64 = 4 << 20;

/// How long an index that was just closed may stay locked: 5 s in all.
const RELEASE_PAUSE: Duration = Duration::from_millis(10);
const RELEASE_TRIES: u32 = 500;

const SCHEMA_KEY: &[u8] = b"schema";
const SCRUB_KEY: &[u8] = b"scrub";

/// The index of one store.
#[derive(Debug)]
pub struct Index {
    path: PathBuf,
    /// `None` when it is absent, or being dropped.
    trees: Option<Trees>,
    /// A write or sync failed: what sled believes to be on the disk may not be.
    distrusted: bool,
}

#[derive(Debug)]
struct Trees {
    db: sled::Db,
    packages: sled::Tree,
    lent: sled::Tree,
    records: sled::Tree,
}

/// sled syncs when its last handle goes, and panics when the disk refuses.
impl Drop for Index {
    fn drop(&mut self) {
        let trees = self.trees.take();
        if catch_unwind(AssertUnwindSafe(|| drop(trees))).is_err() {
            tracing::warn!(path = %self.path.display(), "the disk refused sled's last sync");
        }
    }
}

/// How the index was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Whole.
    Whole,
    /// Absent, of an older form, or damaged: it is now empty and must be filled.
    Empty,
}

impl Index {
    /// Opens the index; whatever is wrong with it ends in `aside` and an empty one is given.
    pub fn open(path: &Path, aside: &Path) -> Result<(Self, Found), StoreError> {
        let there = path.join("db").exists();
        await_release(&path.join("db"));
        let opened = Self::try_open(path).or_else(|reason| {
            tracing::warn!(path = %path.display(), reason, "index damaged: trying without snapshots");
            // sled makes a snapshot again from the log: an emptied one is the usual damage.
            for file in durable::files_of(path).map_err(|e| e.to_string())? {
                let name = file.file_name().and_then(|n| n.to_str()).unwrap_or_default();
                if name.starts_with("snap.") {
                    durable::remove(&file).map_err(|e| e.to_string())?;
                }
            }
            Self::try_open(path)
        });
        let usable = opened.and_then(|index| match index.schema()? {
            // Damage further down shows when it is read.
            Some(INDEX_SCHEMA) => index.readable().map(|()| (index, Found::Whole)),
            Some(newer) if newer > INDEX_SCHEMA => Err(format!("form {newer} is newer than ours")),
            _ if there => Err("it says no form".to_owned()),
            _ => index.written().map(|index| (index, Found::Empty)),
        });
        match usable {
            Ok(usable) => Ok(usable),
            Err(reason) => {
                tracing::error!(path = %path.display(), reason, "index set aside; made anew from the sidecars");
                Self::renew(path, aside).map(|index| (index, Found::Empty))
            }
        }
    }

    /// No index at all, where none can be made (a full disk): to be renewed before its first use.
    pub fn absent(path: &Path) -> Self {
        Self { path: path.to_owned(), trees: None, distrusted: true }
    }

    /// Sets the folder aside and starts an empty index. No other `Index` of it may be open.
    pub fn renew(path: &Path, aside: &Path) -> Result<Self, StoreError> {
        if path.exists() {
            durable::rename(path, aside)?;
            durable::sync_folder(durable::parent(path))?;
        }
        let failed = |reason| StoreError::Index { path: path.to_owned(), reason };
        Self::try_open(path).and_then(Self::written).map_err(|reason| {
            // Half an index: every further try would set one more aside, on a disk that may be full.
            let _ = std::fs::remove_dir_all(path);
            failed(reason)
        })
    }

    fn try_open(path: &Path) -> Result<Self, String> {
        let open = || {
            let db = sled::Config::new()
                .path(path)
                .cache_capacity(CACHE_BYTES)
                .mode(sled::Mode::LowSpace)
                .flush_every_ms(None)
                .open()?;
            let packages = db.open_tree("packages")?;
            let lent = db.open_tree("lent")?;
            let records = db.open_tree("records")?;
            let trees = Some(Trees { db, packages, lent, records });
            Ok(Self { path: path.to_owned(), trees, distrusted: false })
        };
        // A lost tail segment panics inside sled.
        match catch_unwind(AssertUnwindSafe(open)) {
            Ok(Ok(index)) => Ok(index),
            Ok(Err(error)) => Err(sled::Error::to_string(&error)),
            Err(_) => Err("sled panicked while opening".to_owned()),
        }
    }

    fn schema(&self) -> Result<Option<u64>, String> {
        let bytes = self.guarded(|i| i.db.get(SCHEMA_KEY))?;
        Ok(bytes.and_then(|b| <[u8; 8]>::try_from(&*b).ok()).map(u64::from_be_bytes))
    }

    fn readable(&self) -> Result<(), String> {
        self.guarded(|i| {
            let mut all = i.packages.iter().chain(i.lent.iter()).chain(i.records.iter());
            all.try_for_each(|pair| pair.map(drop))
        })
    }

    fn written(mut self) -> Result<Self, String> {
        self.guarded(|i| i.db.insert(SCHEMA_KEY, &INDEX_SCHEMA.to_be_bytes()))?;
        self.barrier().map_err(|e| e.to_string())?;
        Ok(self)
    }

    /// Runs one sled operation; its panics become errors too.
    fn guarded<T>(&self, work: impl FnOnce(&Trees) -> sled::Result<T>) -> Result<T, String> {
        let Some(trees) = &self.trees else { return Err("it is closed".to_owned()) };
        match catch_unwind(AssertUnwindSafe(|| work(trees))) {
            Ok(done) => done.map_err(|e| e.to_string()),
            Err(_) => Err("sled panicked".to_owned()),
        }
    }

    fn run<T>(&mut self, work: impl FnOnce(&Trees) -> sled::Result<T>) -> Result<T, StoreError> {
        let done = self.guarded(work);
        done.map_err(|reason| {
            self.distrusted = true;
            StoreError::Index { path: self.path.clone(), reason }
        })
    }

    /// Did something fail? Then it must be renewed before it is written again.
    pub fn distrusted(&self) -> bool {
        self.distrusted
    }

    /// Makes everything written so far survive a power cut.
    pub fn barrier(&mut self) -> Result<(), StoreError> {
        self.run(|i| i.db.flush())?;
        let db = self.path.join("db");
        let synced = std::fs::File::open(&db)
            .map_err(StoreError::io("open", &db))
            .and_then(|file| durable::sync_data(&file, &db))
            .and_then(|()| durable::sync_folder(&self.path));
        self.distrusted |= synced.is_err();
        synced
    }

    /// Every package on record; records that cannot be read are left out.
    pub fn packages(&mut self) -> Result<Vec<Sidecar>, StoreError> {
        self.run(|i| i.packages.iter().values().collect::<sled::Result<Vec<_>>>())
            .map(|values| values.iter().filter_map(|v| decode(v)).collect())
    }

    /// Records a package; durable after [`Index::barrier`].
    pub fn put(&mut self, sidecar: &Sidecar) -> Result<(), StoreError> {
        let value = encode(sidecar);
        self.run(|i| i.packages.insert(sidecar.blob.0, value)).map(drop)
    }

    /// Forgets a package; durable after [`Index::barrier`].
    pub fn forget(&mut self, blob: &BlobId) -> Result<(), StoreError> {
        self.run(|i| i.packages.remove(blob.0).and_then(|_| i.lent.remove(blob.0))).map(drop)
    }

    /// When each package was last lent.
    pub fn lendings(&mut self) -> Result<Vec<(BlobId, Timestamp)>, StoreError> {
        let pairs = self.run(|i| i.lent.iter().collect::<sled::Result<Vec<_>>>())?;
        let decoded = |(key, value): &(sled::IVec, sled::IVec)| {
            Some((BlobId(key.as_ref().try_into().ok()?), decode(value)?))
        };
        Ok(pairs.iter().filter_map(decoded).collect())
    }

    /// Records when a package was last lent.
    pub fn put_lending(&mut self, blob: &BlobId, at: Timestamp) -> Result<(), StoreError> {
        self.run(|i| i.lent.insert(blob.0, encode(&at))).map(drop)
    }

    /// The bytes of the first `most` records whose key begins with `prefix`.
    pub fn records(&mut self, prefix: &[u8], most: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        let values = |i: &Trees| i.records.scan_prefix(prefix).values().take(most).collect();
        let values: Vec<sled::IVec> = self.run(values)?;
        Ok(values.iter().map(|value| value.to_vec()).collect())
    }

    /// Writes records, or removes those without bytes, all or none; durable after
    /// [`Index::barrier`].
    pub fn change_records(
        &mut self,
        changes: &[(Vec<u8>, Option<&[u8]>)],
    ) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        for (key, value) in changes {
            match value {
                Some(value) => batch.insert(key.as_slice(), *value),
                None => batch.remove(key.as_slice()),
            }
        }
        self.run(|i| i.records.apply_batch(batch))
    }

    /// The last package that the scrub found whole.
    pub fn scrubbed(&mut self) -> Result<Option<BlobId>, StoreError> {
        self.run(|i| i.db.get(SCRUB_KEY)).map(|v| v.and_then(|v| decode(&v)))
    }

    /// Records where the scrub is. Losing it costs a second reading: no barrier.
    pub fn put_scrubbed(&mut self, blob: &BlobId) -> Result<(), StoreError> {
        self.run(|i| i.db.insert(SCRUB_KEY, encode(blob))).map(drop)
    }
}

/// sled's threads may hold its log a moment after the last handle is gone, and its `open` would
/// take that for a failure. Only this process can: the data folder is locked.
#[allow(clippy::disallowed_methods, reason = "the store blocks: never on a runtime's thread")]
fn await_release(db: &Path) {
    let Ok(file) = std::fs::File::open(db) else { return };
    for _ in 0..RELEASE_TRIES {
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(rustix::io::Errno::WOULDBLOCK) => std::thread::sleep(RELEASE_PAUSE),
            // Given back when the file is closed, on return.
            _ => return,
        }
    }
}

fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    // Only for this file's types, which are plain records: their JSON cannot fail.
    serde_json::to_vec(value).unwrap_or_default()
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok()
}
