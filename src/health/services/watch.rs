//! Looks at the services now and then, and remembers the last while.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{
    EVERY, Reading, Rooms,
    faults::{self, Before, PROXY_WINDOW},
    read, tell,
};
use crate::health::{
    finding::{Evidence, Finding, Kind, Watcher},
    looks::{is_stale, look_each},
    sample::{Source, Telling},
    verdicts::Verdicts,
};

/// Readings that are remembered as evidence, the proxy's window among them: an hour.
const REMEMBERED: usize = 60;

/// The services, watched. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Services(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    rooms: Rooms,
    seen: Mutex<Seen>,
}

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The latest is the last.
    readings: VecDeque<Arc<Reading>>,
    pub(super) verdicts: Verdicts,
    moved_at: Option<Timestamp>,
}

impl Seen {
    /// Takes a reading.
    pub(super) fn take(&mut self, reading: Reading) {
        let last = self.readings.back();
        let moved = last.is_none_or(|last| last.mirror.moved != reading.mirror.moved);
        let moved_at = match self.moved_at {
            Some(at) if !moved => at,
            _ => reading.at,
        };
        self.moved_at = Some(moved_at);
        let within = |one: &&Arc<Reading>| reading.at.duration_since(one.at) <= PROXY_WINDOW;
        let proxy = self.readings.iter().find(within).map_or(reading.proxy, |one| one.proxy);
        faults::judge(&reading, Before { moved_at, proxy }, &mut self.verdicts);
        while self.readings.len() >= REMEMBERED {
            self.readings.pop_front();
        }
        self.readings.push_back(Arc::new(reading));
    }

    /// See [`Watcher::evidence`].
    pub(super) fn evidence(&self, kind: Kind, from: Timestamp, to: Timestamp) -> Vec<Evidence> {
        let before = std::iter::once(None).chain(self.readings.iter().map(Some));
        let pairs = self.readings.iter().zip(before);
        let within = pairs.filter(|(one, _)| (from..=to).contains(&one.at));
        let line = |(one, before): (&Arc<Reading>, Option<&Arc<Reading>>)| {
            faults::evidence(one, before.map(AsRef::as_ref), kind)
        };
        within.filter_map(line).collect()
    }
}

impl Services {
    /// Nothing is looked at yet.
    pub fn new(rooms: Rooms) -> Self {
        Self(Arc::new(Shared { rooms, seen: Mutex::default() }))
    }

    /// Looks, until cancelled.
    pub async fn run(&self, token: CancellationToken) {
        let own = self.clone();
        look_each(EVERY, token, move |now| own.look(now)).await;
    }

    /// Looks once. Blocking.
    pub fn look(&self, now: Timestamp) {
        let reading = read::read(&self.0.rooms, now);
        self.seen().take(reading);
    }

    /// Looks, unless the last look was just now: for somebody who asks. Blocking.
    pub fn look_again(&self, now: Timestamp) {
        let last = self.seen().readings.back().map(|last| last.at);
        if is_stale(last, now) {
            self.look(now);
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source for Services {
    fn tell(&self, _now: Timestamp, telling: &mut Telling) {
        let last = self.seen().readings.back().cloned();
        if let Some(reading) = last {
            tell::tell(&reading, telling);
        }
    }
}

impl Watcher for Services {
    fn findings(&self, _now: Timestamp) -> Vec<Finding> {
        self.seen().verdicts.findings()
    }

    fn evidence(&self, kind: Kind, _: &str, from: Timestamp, to: Timestamp) -> Vec<Evidence> {
        self.seen().evidence(kind, from, to)
    }
}
