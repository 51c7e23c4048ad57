//! Looks at the machine now and then, and remembers the last while.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{EVERY, Places, Reading, clock, disks, faults, heat, proc, tell, wear};
use crate::{
    health::{
        finding::{Evidence, Finding, Kind, Watcher},
        looks::{is_stale, look_each},
        sample::{Source, Telling},
        verdicts::Verdicts,
    },
    journal::Watch,
};

/// Readings that are remembered as evidence: half an hour.
const REMEMBERED: usize = 60;

/// The machine, watched. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Machine(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    places: Places,
    started_at: Timestamp,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// The latest is the last.
    readings: VecDeque<Arc<Reading>>,
    verdicts: Verdicts,
    clock: Watch,
    unsynchronised: Option<Timestamp>,
}

impl Machine {
    /// Of a daemon that started then. Nothing is looked at yet.
    pub fn new(places: Places, started_at: Timestamp) -> Self {
        Self(Arc::new(Shared { places, started_at, seen: Mutex::default() }))
    }

    /// Looks, until cancelled.
    pub async fn run(&self, token: CancellationToken) {
        let own = self.clone();
        look_each(EVERY, token, move |now| own.look(now)).await;
    }

    /// Looks once. Blocking.
    pub fn look(&self, now: Timestamp) {
        let places = &self.0.places;
        let root = &places.root;
        let mut reading = Reading {
            at: now,
            processor: proc::processor(root),
            load: proc::load(root),
            memory: proc::memory(root),
            disks: disks::disks(&places.disks),
            wear: wear::wear(root),
            heat: heat::heat(root),
            own: proc::own(root),
            ..Reading::default()
        };
        let mut seen = self.seen();
        let seen = &mut *seen;
        reading.clock = clock::state(&places.clock, &mut seen.clock, &places.offset);
        seen.unsynchronised = match (reading.clock.synchronised, seen.unsynchronised) {
            (true, _) => None,
            (false, since) => since.or(Some(now)),
        };
        faults::judge(&reading, seen.unsynchronised, &mut seen.verdicts);
        while seen.readings.len() >= REMEMBERED {
            seen.readings.pop_front();
        }
        seen.readings.push_back(Arc::new(reading));
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

impl Source for Machine {
    fn tell(&self, _now: Timestamp, telling: &mut Telling) {
        let last = self.seen().readings.back().cloned();
        if let Some(reading) = last {
            tell::tell(&reading, self.0.started_at, telling);
        }
    }
}

impl Watcher for Machine {
    fn findings(&self, _now: Timestamp) -> Vec<Finding> {
        self.seen().verdicts.findings()
    }

    fn evidence(&self, kind: Kind, subject: &str, from: Timestamp, to: Timestamp) -> Vec<Evidence> {
        let seen = self.seen();
        let within = seen.readings.iter().filter(|one| (from..=to).contains(&one.at));
        within.filter_map(|reading| faults::evidence(reading, kind, subject)).collect()
    }
}
