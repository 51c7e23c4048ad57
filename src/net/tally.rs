//! How many were served, refused, and failed: three counters, for whoever answers.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What came of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// It has what it asked for, or was told that there is none: as much as could be.
    Served,
    /// It may not.
    Refused,
    /// It failed on this side.
    Failed,
}

/// The counters.
#[derive(Debug, Default)]
pub struct Tally {
    served: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
}

/// What they say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Those that have what they asked for.
    pub served: u64,
    /// Those that may not.
    pub refused: u64,
    /// Those that failed on this side.
    pub failed: u64,
}

impl Tally {
    /// One more.
    pub fn came(&self, came: Came) {
        let counter = match came {
            Came::Served => &self.served,
            Came::Refused => &self.refused,
            Came::Failed => &self.failed,
        };
        counter.fetch_add(1, Relaxed);
    }

    /// All of it.
    pub fn counts(&self) -> Counts {
        Counts {
            served: self.served.load(Relaxed),
            refused: self.refused.load(Relaxed),
            failed: self.failed.load(Relaxed),
        }
    }
}
