//! Fetches packages: plans, downloads, patches (delta), verifies, and stays polite.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

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

/// A failure on the retry list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// Holding's canonical identifier.
    pub holding: String,
    /// Title.
    pub title: String,
    /// Tries so far.
    pub tries: u32,
    /// What went wrong.
    pub reason: String,
    /// When it failed last.
    pub at: Timestamp,
    /// When it is tried again.
    pub again_at: Timestamp,
}

/// The mirror's task and its handle.
#[derive(Debug)]
pub struct Mirror {}

impl Mirror {
    /// Nothing runs until `run`.
    pub fn new(
        _school: &crate::config::School,
        _config: &crate::config::Mirror,
        _store: crate::store::Store,
        _catalogue: Arc<crate::catalogue::Catalogue>,
    ) -> Self {
        todo!()
    }
    /// Works until cancelled: plans whenever holdings, store or time call for it.
    pub async fn run(&self, _token: tokio_util::sync::CancellationToken) {
        todo!()
    }
    /// Where it is.
    pub fn progress(&self) -> tokio::sync::watch::Receiver<Arc<Progress>> {
        todo!()
    }
    /// Tries failed packages at once and, if `ignore_window`, outside the window too.
    pub fn wake(&self, _ignore_window: bool) {
        todo!()
    }
    /// Applies a reloaded configuration to what starts next.
    pub fn reconfigure(&self, _config: &crate::config::Mirror) {
        todo!()
    }
}
