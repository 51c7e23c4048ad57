//! The box itself: processor, memory, disks, heat, clock, and the daemon's own share of them.
//!
//! `proc`, `disks`, `wear`, `heat` and `clock` read files of the kernel below a root that is passed in,
//! without any privilege; `faults`, pure, says what is wrong of it; `watch` is the task. What cannot be
//! read without privilege (SMART proper) is unknown, and not told.

mod clock;
mod disks;
mod faults;
mod files;
mod heat;
mod proc;
mod tell;
mod watch;
mod wear;

use std::{path::PathBuf, time::Duration};

use jiff::Timestamp;

pub use self::{
    clock::ClockState,
    disks::Disk,
    heat::Heat,
    proc::{Memory, Own, Processor},
    watch::Machine,
    wear::Wear,
};
use crate::{config::Config, journal::Clock};

/// Where this machine's files are, and what of it is looked at.
#[derive(Debug, Clone)]
pub struct Places {
    /// Above `proc` and `sys`.
    pub root: PathBuf,
    /// File systems that are looked at, each by a path in it, and how much of it is to stay free.
    pub disks: Vec<(PathBuf, Free)>,
    /// The clock, and when it was synchronised.
    pub clock: Clock,
    /// Seconds by which the clock is off, as whoever sets it says.
    pub offset: PathBuf,
}

/// How much of a file system is to stay free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Free {
    /// So many bytes: packages fill what is beside them.
    Bytes(u64),
    /// A twentieth, and 2 GiB at most.
    Twentieth,
}

impl Places {
    /// Those of this machine.
    pub fn of(config: &Config) -> Self {
        // The store leaves its reserve free; half of it gone is somebody else's doing.
        let own = (config.store.path.clone(), Free::Bytes(config.store.reserve.0 / 2));
        let synchronised = config.journal.synchronised.clone();
        Self {
            root: PathBuf::from("/"),
            disks: vec![own, (PathBuf::from("/"), Free::Twentieth)],
            clock: Clock::of_system(synchronised),
            offset: PathBuf::from(clock::OFFSET),
        }
    }
}

/// What was seen of the machine at one moment. What could not be read is not there.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reading {
    /// When.
    pub at: Timestamp,
    /// Its processor.
    pub processor: Option<Processor>,
    /// Load of the last minute.
    pub load: Option<f64>,
    /// Its memory.
    pub memory: Option<Memory>,
    /// Its file systems.
    pub disks: Vec<Disk>,
    /// What its disks say of themselves.
    pub wear: Vec<Wear>,
    /// How hot it is.
    pub heat: Vec<Heat>,
    /// Its clock.
    pub clock: ClockState,
    /// The daemon.
    pub own: Own,
}

/// Time between two looks.
const EVERY: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests;
