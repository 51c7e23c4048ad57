//! The box's services: certificate, mirror, store, filter lists, proxy and resolver.
//!
//! `read` asks the rooms, `faults`, pure, says what is wrong, `tell` makes values of it; `watch` is the
//! task. Not here: whether names are answered at all (`link`), and updates, which the box does not yet
//! make itself.

mod faults;
mod read;
mod tell;
mod watch;

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::sync::watch as channel;

pub use self::watch::Services;
use crate::{
    dns::Resolver,
    filter::Filter,
    gateway::Gateway,
    mirror::Progress,
    net::{tally::Counts, tls::Certificates},
    store::Store,
};

/// The rooms that are asked.
#[derive(Debug, Clone)]
pub struct Rooms {
    /// Packages.
    pub store: Store,
    /// Where the mirror is.
    pub mirror: channel::Receiver<Arc<Progress>>,
    /// Lists.
    pub filter: Filter,
    /// The proxy.
    pub gateway: Gateway,
    /// The resolver; nothing: it is not used.
    pub names: Option<Resolver>,
    /// The certificate of the box's name, if it has one.
    pub certificates: Option<Certificates>,
}

/// What was seen of the services at one moment. What could not be read is not there.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reading {
    /// When.
    pub at: Timestamp,
    /// The certificate in force: from when, until when.
    pub certificate: Option<(Timestamp, Timestamp)>,
    /// The mirror.
    pub mirror: Mirror,
    /// Packages that are kept, and their bytes.
    pub kept: (usize, u64),
    /// When every package had been read back last.
    pub scrubbed: Option<Timestamp>,
    /// When each damaged package was set aside; nothing: the disk does not say.
    pub damaged: Option<Vec<Timestamp>>,
    /// Date of the lists in force.
    pub lists: Option<Timestamp>,
    /// What came of what the proxy was asked.
    pub proxy: Counts,
    /// What came of devices' questions.
    pub names: Option<Counts>,
}

/// Where the mirror is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mirror {
    /// Packages under way or waiting.
    pub wanted: usize,
    /// Packages that failed and are tried again.
    pub failed: usize,
    /// Bytes still to come, as far as sizes are known.
    pub missing: u64,
    /// Changes whenever a byte or a package comes.
    pub moved: (u64, Option<Timestamp>),
    /// The most tries that one package took since it last got further, its title, and why it failed.
    pub hardest: Option<(u32, String, String)>,
    /// Why nothing moves.
    pub held_back: Option<String>,
}

/// Time between two looks.
const EVERY: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
