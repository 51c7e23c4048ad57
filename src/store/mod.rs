//! Keeps packages: immutable blobs named by their SHA-256, a sidecar beside each, and an index
//! that can always be rebuilt from them.
//!
//! Every function here blocks on the disk: call them from `spawn_blocking`, except the ones
//! marked *in memory*. Nobody outside touches the data folder.

mod blob_id;

use std::{fs::File, path::PathBuf, sync::Arc, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::blob_id::BlobId;

/// What the store needs to know.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// The data folder; made when absent.
    pub path: PathBuf,
    /// Most bytes of packages, with transfers under way.
    pub quota: Option<u64>,
    /// Free bytes always left on the disk.
    pub reserve: u64,
    /// Bytes a second that the scrub reads.
    pub scrub_rate: u64,
    /// How long a replaced version stays readable.
    pub keep_replaced: Duration,
}

/// What a package is, said by whoever brings it; kept in the sidecar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// Canonical identifier of the holding it belongs to.
    pub holding: String,
    /// Every identifier known for it, canonical one included.
    pub identifiers: Vec<String>,
    /// Title, for a shelf rebuilt with no catalogue at all.
    pub title: String,
    /// Publisher, likewise.
    pub publisher: Option<String>,
    /// Media type of the package, such as `application/epub+zip`.
    pub media_type: String,
    /// The source's version text (a `modified` date, an ETag, an order number); may be empty.
    pub version: String,
    /// Where it came from: an address without its query, or `import:` and a file name.
    pub origin: String,
}

/// The JSON file beside a blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sidecar {
    /// Version of this form; 1.
    pub schema: u16,
    /// Name of the blob.
    pub blob: BlobId,
    /// Its size in bytes.
    pub size: u64,
    /// When it was stored.
    pub stored_at: Timestamp,
    /// What it is.
    #[serde(flatten)]
    pub description: Description,
}

/// What a transfer under way must keep to be resumed: written beside its bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// Where the bytes come from.
    pub url: String,
    /// The origin's strong validator, when it gave one.
    pub etag: Option<String>,
    /// Announced length in bytes.
    pub length: Option<u64>,
    /// Announced hash.
    pub sha256: Option<BlobId>,
}

/// A transfer under way: an append-only file under `incoming/`.
#[derive(Debug)]
pub struct Incoming {}

impl Incoming {
    /// Bytes present: at opening, the prefix that is known to be durable and whole. *In memory.*
    pub fn len(&self) -> u64 {
        todo!()
    }
    /// Nothing yet?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// What was known of the transfer. *In memory.*
    pub fn ticket(&self) -> &Ticket {
        todo!()
    }
    /// Forgets the bytes and starts anew under another ticket (the origin's copy changed).
    pub fn restart(&mut self, _ticket: Ticket) -> Result<(), StoreError> {
        todo!()
    }
    /// Adds bytes at the end; syncs and records progress every few MiB by itself. Refuses to pass
    /// the quota, the reserve or the announced length.
    pub fn append(&mut self, _bytes: &[u8]) -> Result<(), StoreError> {
        todo!()
    }
    /// `fdatasync`, then records the durable length.
    pub fn checkpoint(&mut self) -> Result<(), StoreError> {
        todo!()
    }
    /// Checks length and hash, then publishes: when this returns `Ok`, the package survives a
    /// power cut. It becomes current for its holding and media type; the one it replaces stays
    /// readable for `keep_replaced`.
    pub fn commit(self, _description: Description) -> Result<Arc<Sidecar>, StoreError> {
        todo!()
    }
    /// Removes the bytes.
    pub fn discard(self) -> Result<(), StoreError> {
        todo!()
    }
}

/// The store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {}

impl Store {
    /// Opens the data folder, mends the index if it must, sweeps half-written files away.
    pub fn open(_options: StoreOptions) -> Result<Self, StoreError> {
        todo!()
    }
    /// Every whole package, current or replaced. *In memory.*
    pub fn packages(&self) -> Arc<Vec<Arc<Sidecar>>> {
        todo!()
    }
    /// The packages that are current for their holding and media type. *In memory.*
    pub fn current(&self) -> Arc<Vec<Arc<Sidecar>>> {
        todo!()
    }
    /// One package by name. *In memory.*
    pub fn package(&self, _blob: &BlobId) -> Option<Arc<Sidecar>> {
        todo!()
    }
    /// Rises by one whenever `packages` or `current` changes.
    pub fn changes(&self) -> tokio::sync::watch::Receiver<u64> {
        todo!()
    }
    /// The blob's file, for reading.
    pub fn open_blob(&self, _blob: &BlobId) -> Result<File, StoreError> {
        todo!()
    }
    /// Opens or resumes the transfer called `name` (any text; one writer at a time). A ticket
    /// whose url, etag, length or hash contradicts the kept one starts anew.
    pub fn incoming(&self, _name: &str, _ticket: Ticket) -> Result<Incoming, StoreError> {
        todo!()
    }
    /// Notes that a package was lent now: what is lent least is evicted first. *In memory, written
    /// from time to time.*
    pub fn lent(&self, _blob: &BlobId, _now: Timestamp) {}
    /// Removes a package: index first, then files.
    pub fn remove(&self, _blob: &BlobId) -> Result<(), StoreError> {
        todo!()
    }
    /// Removes what is no longer needed: replaced versions past their time, transfers given up.
    /// `keep` says which holdings are assigned now and must stay. Returns bytes freed.
    pub fn collect(
        &self,
        _keep: &dyn Fn(&Sidecar) -> bool,
        _now: Timestamp,
    ) -> Result<u64, StoreError> {
        todo!()
    }
    /// Keeps a small document (a source's last good answer) durably, replacing it whole.
    pub fn keep_document(&self, _name: &str, _bytes: &[u8]) -> Result<(), StoreError> {
        todo!()
    }
    /// A kept document, `None` when there is none.
    pub fn document(&self, _name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        todo!()
    }
    /// How full the store is.
    pub fn usage(&self) -> Result<Usage, StoreError> {
        todo!()
    }
    /// Reads every blob and checks its hash, at `rate` bytes a second when given; `progress` is
    /// told (bytes done, bytes in all) and may stop it by returning `false`.
    pub fn verify(
        &self,
        _rate: Option<u64>,
        _progress: &mut dyn FnMut(u64, u64) -> bool,
    ) -> Result<Verified, StoreError> {
        todo!()
    }
    /// Throws the index away and makes it anew from the sidecars. Returns the packages found.
    pub fn rebuild(&self) -> Result<usize, StoreError> {
        todo!()
    }
}

/// How full the store is, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Packages.
    pub packages: u64,
    /// Number of packages.
    pub count: u64,
    /// Transfers under way.
    pub incoming: u64,
    /// The index.
    pub index: u64,
    /// The quota, if there is one.
    pub quota: Option<u64>,
    /// Free space of the disk.
    pub free: u64,
}

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// Packages read whole.
    pub checked: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Packages whose bytes are not what their name says: quarantined, to be fetched again.
    pub damaged: Vec<Sidecar>,
}

/// What went wrong, on which file.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// More variants come with the code.
    #[error("{0}")]
    Other(String),
}
