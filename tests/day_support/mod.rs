//! A school's day, small: its devices, the Internet that they ask, and the hands that swap lists and
//! settings meanwhile. For `tests/gateway_day.rs`.

pub mod device;
pub mod errands;
pub mod hands;
pub mod hours;
pub mod noise;
pub mod origins;
pub mod readings;
pub mod sockets;
pub mod tally;
pub mod troubles;
pub mod verdicts;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::sync::Semaphore;

use self::{noise::Noise, tally::Tally};

/// How long a single step may take: the machine may be busy with other things.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Quick errands at once: devices take turns, so that a slow machine sees fewer of them, not late
/// ones.
const TURNS: usize = 160;
/// Errands at once that last by themselves.
const LINGERING: usize = 160;

/// The box, and what lies beyond it.
#[derive(Debug)]
pub struct World {
    pub noise: Noise,
    pub tally: Tally,
    /// Where devices ask.
    pub proxy: SocketAddr,
    /// The box's own pages.
    pub library: SocketAddr,
    /// Sites that answer as they should. The last is listed in every second version of the lists,
    /// the two before it are denied in turns by the policy.
    pub sites: Vec<SocketAddr>,
    /// A site of nginx, if there is one.
    pub nginx: Option<SocketAddr>,
    /// Where sockets speak (`/ws`), and where they only echo.
    pub speaking: SocketAddr,
    pub echo: SocketAddr,
    /// Sites in trouble.
    pub troubles: SocketAddr,
    /// The version in which the sites' news are.
    pub news: Arc<AtomicU64>,
    /// Versions of the lists and of the settings.
    pub lists: Turned,
    pub settings: Turned,
    pub turns: Semaphore,
    pub lingering: Semaphore,
}

impl World {
    /// Places for errands.
    pub fn semaphores() -> (Semaphore, Semaphore) {
        (Semaphore::new(TURNS), Semaphore::new(LINGERING))
    }

    /// The site that every second version of the lists holds.
    pub fn listed(&self) -> SocketAddr {
        self.sites[self.sites.len() - 1]
    }

    /// The site that settings of this version deny.
    pub fn denied(&self, version: u64) -> SocketAddr {
        self.sites[self.sites.len() - 2 - usize::from(version % 2 == 1)]
    }

    /// Sites that nobody denies.
    pub fn open_sites(&self) -> &[SocketAddr] {
        &self.sites[..self.sites.len() - 3]
    }
}

/// Something that is replaced, version by version, while it is in use.
#[derive(Debug, Default)]
pub struct Turned {
    begun: AtomicU64,
    settled: AtomicU64,
}

impl Turned {
    /// From now on this version may be in force.
    pub fn begin(&self, version: u64) {
        self.begun.store(version, SeqCst);
    }

    /// From now on no earlier one is.
    pub fn settle(&self, version: u64) {
        self.settled.store(version, SeqCst);
    }

    /// The oldest version that may be in force.
    pub fn oldest(&self) -> u64 {
        self.settled.load(SeqCst)
    }

    /// The newest one.
    pub fn newest(&self) -> u64 {
        self.begun.load(SeqCst)
    }
}
