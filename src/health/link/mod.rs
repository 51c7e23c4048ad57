//! The school's links to the Internet, measured: outages, round trips, loss, names, fetches, what
//! interfaces carry, and now and then how much a link carries at all.
//!
//! `outage`, `quality` and `budget`, pure, decide; `ring` remembers three minutes; `probe`, `interfaces`
//! and `throughput` ask; `tell` and `find` say what was seen. Only `ping` and `interfaces` know the
//! libraries that they use.
//! Not here: what devices' own traffic says (`net::link`), which is the gateway's quick judgement.

pub mod budget;
mod fetch;
mod find;
mod interfaces;
pub mod lines;
mod names;
pub mod outage;
mod path_mtu;
mod ping;
mod plan;
mod probe;
pub mod quality;
mod ring;
mod tell;
mod throughput;
mod uplink;
mod watch;
mod way;

use std::time::Duration;

pub use self::{
    throughput::{Moved, NoTest},
    watch::{LinkError, Links},
};

/// How often is looked at what takes minutes to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Seconds of a slot in which loss and latency are judged.
    pub slot_seconds: u32,
    /// Time between two looks at large packets.
    pub large_every: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { slot_seconds: quality::SLOT_SECONDS, large_every: Duration::from_secs(60) }
    }
}

#[cfg(test)]
mod month;
