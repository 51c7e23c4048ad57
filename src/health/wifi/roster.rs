//! Every access point that was ever seen, and how it stands: controllers forget those that are gone
//! (Cisco drops them from its table), and a box that shows only what is there shows no outage.
//!
//! Pure: the time is passed in.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::survey::{AccessPoint, ApState, Mac, Survey};

/// Access points that are remembered.
pub const MAX_REMEMBERED: usize = 8192;
/// Looks in a row without it before an access point counts as gone: one may fall between two tables.
const ABSENT_LOOKS: u32 = 2;
/// One that is gone for so long is forgotten.
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_hours(180 * 24);

/// How an access point stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// At work.
    Up,
    /// Its controller says that it is not, or that it is about to be.
    Down,
    /// Its controller does not name it any more.
    Missing,
    /// Its controller does not say, or does not answer.
    Unknown,
}

/// What is remembered of an access point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its last name.
    pub name: Option<String>,
    /// Its last model.
    #[serde(default)]
    pub model: Option<String>,
    /// Its last serial number.
    #[serde(default)]
    pub serial: Option<String>,
    /// The controller that it belongs to.
    pub controller: String,
    /// How it stands.
    pub standing: Standing,
    /// Since when; one that is missing, since it was last seen.
    pub since: Timestamp,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// When a controller last named it.
    pub last_seen: Timestamp,
    /// Looks in a row without it.
    #[serde(default)]
    absent: u32,
}

impl Entry {
    /// Did the last look leave open how it stands?
    pub fn is_open(&self) -> bool {
        match self.standing {
            Standing::Unknown => true,
            Standing::Up | Standing::Down => self.absent > 0,
            Standing::Missing => false,
        }
    }
}

/// What a look changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The access point.
    pub mac: Mac,
    /// What happened to it.
    pub what: News,
}

/// What happened to an access point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// It was never seen before.
    New,
    /// It belongs to another controller now.
    Moved {
        /// The one that it belonged to.
        from: String,
    },
    /// It stands otherwise.
    Stands {
        /// As before.
        before: Standing,
        /// As now.
        now: Standing,
    },
    /// It was gone for so long that it is forgotten.
    Forgotten,
}

/// The roster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roster {
    entries: BTreeMap<Mac, Entry>,
    /// Access points that there was no room for, at the last look.
    #[serde(skip)]
    unlisted: usize,
}

impl Roster {
    /// Every access point, by address.
    pub fn entries(&self) -> impl Iterator<Item = (Mac, &Entry)> {
        self.entries.iter().map(|(mac, entry)| (*mac, entry))
    }

    /// One of them.
    pub fn get(&self, mac: Mac) -> Option<&Entry> {
        self.entries.get(&mac)
    }

    /// Access points that the last look named and that there was no room for.
    pub fn unlisted(&self) -> usize {
        self.unlisted
    }

    /// A look that told something. What it does not tell changes nothing: only of a list that is whole
    /// may one be missing.
    pub fn take(&mut self, survey: &Survey, now: Timestamp) -> Vec<Change> {
        let mut changes = Vec::new();
        let named: BTreeSet<Mac> = survey.access_points.iter().map(|one| one.mac).collect();
        self.unlisted = 0;
        for one in &survey.access_points {
            self.see(one, &survey.controller, now, &mut changes);
        }
        let own = |entry: &Entry| entry.controller == survey.controller;
        for (mac, entry) in self.entries.iter_mut().filter(|(_, entry)| own(entry)) {
            if !survey.whole || named.contains(mac) {
                continue;
            }
            entry.absent = entry.absent.saturating_add(1);
            if entry.absent >= ABSENT_LOOKS {
                let since = entry.last_seen;
                stand(entry, *mac, Standing::Missing, since, &mut changes);
            }
        }
        self.forget(now, &mut changes);
        changes
    }

    /// Its controller gives no answer: of its access points nothing is known. Those that were missing
    /// before stay so.
    pub fn unreachable(&mut self, controller: &str, now: Timestamp) -> Vec<Change> {
        let mut changes = Vec::new();
        let own =
            |entry: &Entry| entry.controller == controller && entry.standing != Standing::Missing;
        for (mac, entry) in self.entries.iter_mut().filter(|(_, entry)| own(entry)) {
            stand(entry, *mac, Standing::Unknown, now, &mut changes);
        }
        changes
    }

    fn see(
        &mut self,
        one: &AccessPoint,
        controller: &str,
        now: Timestamp,
        changes: &mut Vec<Change>,
    ) {
        let standing = match one.state {
            Some(ApState::Up) => Standing::Up,
            Some(ApState::Down | ApState::Leaving | ApState::Loading) => Standing::Down,
            None => Standing::Unknown,
        };
        let room = self.entries.len() < MAX_REMEMBERED;
        let Some(entry) = self.entries.get_mut(&one.mac) else {
            if room {
                let entry = Entry {
                    name: one.name.clone(),
                    model: one.model.clone(),
                    serial: one.serial.clone(),
                    controller: controller.to_owned(),
                    standing,
                    since: now,
                    first_seen: now,
                    last_seen: now,
                    absent: 0,
                };
                self.entries.insert(one.mac, entry);
                changes.push(Change { mac: one.mac, what: News::New });
            } else {
                self.unlisted += 1;
            }
            return;
        };
        if entry.controller != controller {
            // Two controllers of a pair name each other's: it belongs to the one where it is up.
            let leaves = entry.standing != Standing::Up || entry.absent > 0;
            if standing != Standing::Up || !leaves {
                return;
            }
            let from = std::mem::replace(&mut entry.controller, controller.to_owned());
            changes.push(Change { mac: one.mac, what: News::Moved { from } });
        }
        let learn = |known: &mut Option<String>, told: &Option<String>| {
            if told.is_some() && known != told {
                known.clone_from(told);
            }
        };
        learn(&mut entry.name, &one.name);
        learn(&mut entry.model, &one.model);
        learn(&mut entry.serial, &one.serial);
        entry.absent = 0;
        entry.last_seen = now;
        stand(entry, one.mac, standing, now, changes);
    }

    fn forget(&mut self, now: Timestamp, changes: &mut Vec<Change>) {
        self.entries.retain(|mac, entry| {
            let gone = entry.standing == Standing::Missing
                && now.duration_since(entry.last_seen) > FORGOTTEN_AFTER;
            if gone {
                changes.push(Change { mac: *mac, what: News::Forgotten });
            }
            !gone
        });
    }

    /// Read from what was kept; a controller that the settings do not name any more takes its access
    /// points with it.
    #[must_use]
    pub fn of_controllers(mut self, names: &[&str]) -> Self {
        self.entries.retain(|_, entry| names.contains(&entry.controller.as_str()));
        while self.entries.len() > MAX_REMEMBERED {
            self.entries.pop_last();
        }
        self
    }
}

fn stand(entry: &mut Entry, mac: Mac, now: Standing, since: Timestamp, changes: &mut Vec<Change>) {
    let before = entry.standing;
    if before != now {
        (entry.standing, entry.since) = (now, since);
        changes.push(Change { mac, what: News::Stands { before, now } });
    }
}

#[cfg(test)]
#[path = "roster_tests.rs"]
mod tests;
