//! Fetches packages: plans, downloads, patches (delta), verifies, and stays polite.
//!
//! `plan`, `schedule`, `pace` and `retry` decide, from data and a moment; `work` is the task that
//! asks them; `transfer` brings one package, as a delta (`delta`) or whole (`download`).

mod delta;
mod download;
mod error;
mod exchange;
mod pace;
mod plan;
mod retry;
mod schedule;
mod sink;
mod transfer;
mod work;

use std::{fmt, sync::Arc};

use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use self::error::{FetchError, MirrorError};
use self::{pace::Pace, schedule::Schedule};
use crate::{
    catalogue::Holdings,
    config,
    net::{client::Client, link::Link},
    store::{BlobId, Store},
};

/// Where the mirror is, for pages and the command line.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Transfers under way.
    pub active: Vec<Transfer>,
    /// Packages waiting, in order.
    pub queued: Vec<Transfer>,
    /// Packages that failed and when they are tried again.
    pub failed: Vec<Failure>,
    /// Why nothing moves, when nothing does although something waits (window, quota…).
    pub held_back: Option<String>,
    /// The last packages that came, latest first.
    #[serde(default)]
    pub finished: Vec<Finished>,
}

/// A package on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transfer {
    /// Holding's canonical identifier.
    pub holding: String,
    /// Title.
    pub title: String,
    /// Bytes present.
    pub done: u64,
    /// Bytes in all, when known.
    pub total: Option<u64>,
    /// Bytes that crossed the network (a delta moves fewer than `total`).
    pub moved: u64,
    /// Bytes a second lately.
    pub rate: u64,
}

/// A package that came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finished {
    /// Holding's canonical identifier.
    pub holding: String,
    /// Title.
    pub title: String,
    /// Its name in the store.
    pub blob: BlobId,
    /// Its size, in bytes.
    pub size: u64,
    /// Bytes that crossed the network in the last try.
    pub moved: u64,
    /// How it came, when that deserves a word: as a delta, or why not.
    pub note: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// A failure on the retry list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// Holding's canonical identifier.
    pub holding: String,
    /// Title.
    pub title: String,
    /// Tries so far, or since the last one that got further.
    pub tries: u32,
    /// What went wrong.
    pub reason: String,
    /// When it failed last.
    pub at: Timestamp,
    /// When it is tried again.
    pub again_at: Timestamp,
}

/// Gives the client to fetch a source's packages with, by the source's name.
pub type Clients = Arc<dyn Fn(&str) -> Option<Client> + Send + Sync>;

/// The mirror's task and its handle.
pub struct Mirror {
    zone: TimeZone,
    store: Store,
    holdings: watch::Receiver<Arc<Holdings>>,
    clients: Clients,
    link: Link,
    pace: Arc<Pace>,
    settings: watch::Sender<Arc<Settings>>,
    calls: watch::Sender<Calls>,
    /// The last call that `progress` takes account of.
    heard: watch::Sender<u64>,
    progress: watch::Sender<Arc<Progress>>,
}

/// What a reload may change.
#[derive(Debug)]
struct Settings {
    config: config::Mirror,
    schedule: Schedule,
}

/// How often `wake` was called, in all and to pass over the window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Calls {
    all: u64,
    ignoring_window: u64,
}

impl fmt::Debug for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mirror")
            .field("store", &self.store)
            .field("progress", &*self.progress.borrow())
            .finish_non_exhaustive()
    }
}

impl Mirror {
    /// Nothing runs until `run`.
    pub fn new(
        school: &config::School,
        config: &config::Mirror,
        store: Store,
        holdings: watch::Receiver<Arc<Holdings>>,
        clients: Clients,
    ) -> Result<Self, MirrorError> {
        let zone = TimeZone::get(&school.timezone).map_err(|error| MirrorError::Zone {
            name: school.timezone.clone(),
            reason: error.to_string(),
        })?;
        let schedule = Schedule::new(zone.clone(), config);
        let rate = schedule.at(Timestamp::now()).rate;
        Ok(Self {
            zone,
            store,
            holdings,
            clients,
            link: Link::default(),
            pace: Arc::new(Pace::new(rate)),
            settings: watch::Sender::new(Arc::new(Settings { config: config.clone(), schedule })),
            calls: watch::Sender::default(),
            heard: watch::Sender::default(),
            progress: watch::Sender::default(),
        })
    }

    /// Behind this link: while it is down nothing is started, and after that other work goes first.
    #[must_use]
    pub fn behind(self, link: Link) -> Self {
        Self { link, ..self }
    }

    /// Works until cancelled: plans whenever holdings, store or time call for it. Transfers under
    /// way then stop with what they have made durable.
    pub async fn run(&self, token: CancellationToken) {
        work::run(self, token).await;
    }

    /// Where it is.
    pub fn progress(&self) -> watch::Receiver<Arc<Progress>> {
        self.progress.subscribe()
    }

    /// Tries failed packages at once and, if `ignore_window`, outside the window too, until
    /// nothing is left that could move. Returns the call's number: see [`Mirror::heard`].
    pub fn wake(&self, ignore_window: bool) -> u64 {
        let mut number = 0;
        self.calls.send_modify(|calls| {
            calls.all += 1;
            calls.ignoring_window += u64::from(ignore_window);
            number = calls.all;
        });
        number
    }

    /// Number of the last call of [`Mirror::wake`] that `progress` takes account of, with the
    /// holdings as they were then.
    pub fn heard(&self) -> watch::Receiver<u64> {
        self.heard.subscribe()
    }

    /// Applies a reloaded configuration to what starts next; a rate at once.
    pub fn reconfigure(&self, config: &config::Mirror) {
        let schedule = Schedule::new(self.zone.clone(), config);
        self.settings.send_replace(Arc::new(Settings { config: config.clone(), schedule }));
    }
}
