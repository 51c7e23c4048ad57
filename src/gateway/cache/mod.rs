//! A shared cache of plain HTTP for a school (RFC 9111): what one computer fetched, the others need
//! not fetch again.
//!
//! Given a request and the proxy's own way to the origin, it answers with what is stored, or asks
//! the origin once for all who wait. Decisions (`rules`, `freshness`, `vary`, `conditions`,
//! `ranges`, `renew`) are pure; bytes lie in memory or in a folder of its own with its own quota,
//! and every reader takes them as they come.
//!
//! Not here: connections, names, policy. What must not be seen is refused before the cache is
//! asked.

mod answer;
mod asked;
mod conditions;
mod content;
mod directives;
mod disk;
mod entry;
mod exchange;
mod fields;
mod fill;
mod flights;
mod freshness;
mod handle;
mod head;
mod held;
mod index;
mod keep;
mod key;
mod pass;
mod ranges;
mod reader;
mod renew;
mod rest;
mod rules;
mod said;
pub mod updates;
mod vary;

/// Readers of what others write: of messages, and of the cache's own folder after a crash. For who
/// throws any bytes at them (`fuzz/`).
pub mod foreign {
    pub use super::{
        directives::{RequestDirectives, ResponseDirectives},
        entry::Entry,
        fields::{MAX_MEMBERS, http_date, members},
        freshness::Lifetime,
        head::{Head, Times, Validators},
        held::Held,
        key::{Key, beside},
        ranges::{Given, Parts, Spec, asked, content_range, given, parts, range},
        vary::Selecting,
    };
}

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use http::{Request, Response};
use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use self::index::Bounds;
use self::{
    disk::Disk,
    entry::Entry,
    flights::Flights,
    index::{Gone, Index},
    updates::Rules,
};
use crate::net::body::Body;

/// Bodies on their way from a client or an origin.
pub type Carried = axum::body::Body;

/// What the proxy's way to the origin gives: the origin's answer or, where it could not be had, the
/// page that says so.
pub type Fetched = Result<Response<Carried>, Box<Response<Body>>>;

/// The proxy's way to the origin.
type Fetch = Arc<dyn Fn(Request<Carried>) -> BoxFuture<'static, Fetched> + Send + Sync>;

/// Bodies longer than this lie in a file.
const SMALL_BYTES: u64 = 128 * 1024;
/// Parts in which system updates are fetched and kept.
const SLICE_BYTES: u64 = 1 << 20;

/// How often the cache looks whether the disk is short of room.
const TEND_EVERY: Duration = Duration::from_secs(10);

/// What the cache needs to know.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder of its own; without one, only small responses are stored.
    pub folder: Option<PathBuf>,
    /// How much it may hold in memory.
    pub memory: Bounds,
    /// How much it may hold on disk.
    pub disk: Bounds,
    /// Free bytes always left on the disk.
    pub reserve: u64,
    /// Rules for system updates.
    pub rules: Rules,
}

/// How much is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Bytes in memory, heads included, about.
    pub memory_bytes: u64,
    /// Responses in memory.
    pub memory_count: usize,
    /// Bytes on disk.
    pub disk_bytes: u64,
    /// Responses on disk.
    pub disk_count: usize,
}

/// The cache. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Cache {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    disk: Option<Arc<Disk>>,
    /// Bytes of the longest body that is stored.
    longest: u64,
    rules: Rules,
    index: Index,
    flights: Flights,
    tracker: TaskTracker,
    token: CancellationToken,
}

/// The moment of a request, carried on by a clock that nobody sets.
#[derive(Debug, Clone, Copy)]
struct Clock {
    begun: Timestamp,
    at: Instant,
}

impl Clock {
    fn starting(now: Timestamp) -> Self {
        Self { begun: now, at: Instant::now() }
    }

    fn now(&self) -> Timestamp {
        self.begun.checked_add(self.at.elapsed()).unwrap_or(self.begun)
    }
}

impl Cache {
    /// An empty cache. What was stored before is found by [`Cache::run`].
    pub fn new(options: Options) -> Self {
        let disk = options.folder.as_ref().map(|folder| Disk::new(folder, options.reserve));
        let shared = Shared {
            longest: options.disk.bytes / 2,
            index: Index::new(options.memory, options.disk),
            rules: options.rules,
            flights: Flights::default(),
            disk: disk.map(Arc::new),
            tracker: TaskTracker::new(),
            token: CancellationToken::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Finds what was stored before, then gives room back whenever the disk is short of it; once
    /// cancelled, breaks off what is being fetched and ends when its files are in order.
    pub async fn run(&self, token: CancellationToken) {
        let shared = self.shared.clone();
        let found = self.shared.tracker.spawn_blocking(move || shared.find());
        if let Ok(Err(error)) = found.await {
            tracing::warn!(%error, "what was cached before is not all found");
        }
        let mut ticks = tokio::time::interval(TEND_EVERY);
        while token.run_until_cancelled(ticks.tick()).await.is_some() {
            let cache = self.clone();
            let Some(disk) = self.shared.disk.clone() else { continue };
            let tended = tokio::task::spawn_blocking(move || {
                disk.short_of().map(|bytes| cache.give_back(bytes))
            });
            if let Ok(Err(error)) = tended.await {
                tracing::warn!(%error, "the disk of the cache cannot be measured");
            }
        }
        self.shared.token.cancel();
        self.shared.tracker.close();
        self.shared.tracker.wait().await;
    }

    /// How much is stored.
    pub fn usage(&self) -> Usage {
        let [(memory_bytes, memory_count), (disk_bytes, disk_count)] = self.shared.index.usage();
        Usage { memory_bytes, memory_count, disk_bytes, disk_count }
    }

    /// Its rules for system updates.
    pub fn rules(&self) -> &Rules {
        &self.shared.rules
    }

    /// Gives so many bytes of the disk back, those used longest ago first. *Blocks.*
    pub fn give_back(&self, bytes: u64) {
        let gone = self.shared.index.give_back(bytes);
        if let Some(disk) = &self.shared.disk {
            for entry in &gone {
                entry.bury(disk);
            }
        }
    }
}

impl Shared {
    /// Takes in what the folder holds, and removes what cannot be trusted.
    fn find(&self) -> io::Result<()> {
        let Some(disk) = &self.disk else { return Ok(()) };
        disk.sweep(|id, note, length| {
            let Some(entry) = Entry::found(id, note, length) else { return false };
            // What came since the start is newer.
            let room = self.index.adopt(&entry, entry.content.bytes());
            for old in &room.gone {
                old.bury(disk);
            }
            room.fits
        })
    }

    /// Removes the files of what the index let go, in the background.
    fn bury(&self, gone: Gone) {
        let Some(disk) = &self.disk else { return };
        let gone: Gone = gone.into_iter().filter(|entry| entry.content.is_on_disk()).collect();
        if !gone.is_empty() {
            let disk = disk.clone();
            self.tracker.spawn_blocking(move || gone.iter().for_each(|entry| entry.bury(&disk)));
        }
    }

    /// Forgets an entry and its files.
    fn forget(&self, entry: &Arc<Entry>) {
        if self.index.remove(entry) {
            self.bury(vec![entry.clone()]);
        }
    }

    /// Writes down what is here of an entry, in the background.
    fn keep_note(&self, entry: &Arc<Entry>) {
        let Some(disk) = self.disk.clone().filter(|_| entry.content.is_on_disk()) else { return };
        let entry = entry.clone();
        self.tracker.spawn_blocking(move || {
            if let Err(error) = entry.keep(&disk) {
                tracing::warn!(%error, "a cached response will be forgotten at the next start");
            }
        });
    }
}
