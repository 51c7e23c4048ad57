//! How often manuals are opened, and by how many: counts of a day, never persons.
//!
//! Readers are told apart within a day by a hash under a salt that is drawn each day, kept in
//! memory alone and dropped at the day's end. What is kept on disk is counts. A restart loses the
//! salt: a reader of the morning who comes back counts again, so that day's readers are "at most".

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::store::Store;

/// A manual that a reader did not touch for this long is opened anew.
const OPENING_PAUSE_SECONDS: i64 = 30 * 60;
/// Days kept: a school year.
const MAX_DAYS: usize = 366;
/// Manuals counted in one day; a school holds some thousands.
const MAX_MANUALS: usize = 10_000;
/// Readers told apart for all manuals of a day; past it, openings alone are counted.
const MAX_READERS: usize = 200_000;
/// Counts under this are shown as such: few readers could be known by their number.
const FEWEST: u64 = 5;
const DOCUMENT: &str = "indicators";

/// Counts of one manual on one day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Count {
    /// Times it was opened.
    pub openings: u64,
    /// Different readers.
    pub readers: u64,
}

/// Counts of one day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Day {
    /// By the manual's canonical identifier.
    pub manuals: BTreeMap<String, Count>,
    /// The box started again during the day: readers are at most what is said.
    #[serde(default)]
    pub at_most: bool,
}

/// Counts a page may show: a number, or that there are fewer than five.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown(pub u64);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("0"),
            few if few < FEWEST => write!(f, "< {FEWEST}"),
            many => write!(f, "{many}"),
        }
    }
}

/// The counts of every day.
#[derive(Debug)]
pub struct Indicators {
    zone: TimeZone,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    days: BTreeMap<Date, Day>,
    today: Option<Today>,
    /// Something was counted since it was kept.
    fresh: bool,
}

/// What tells today's readers apart.
struct Today {
    date: Date,
    salt: [u8; 32],
    /// When each reader last touched each manual, by their hash with the salt.
    seen: HashMap<[u8; 16], Timestamp>,
}

impl fmt::Debug for Today {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Today({})", self.date)
    }
}

impl Indicators {
    /// With the counts that were kept. Blocking.
    pub fn open(store: &Store, zone: TimeZone) -> Self {
        let kept = store.document(DOCUMENT).ok().flatten();
        let days = kept.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        Self { zone, counts: Mutex::new(Counts { days, ..Counts::default() }) }
    }

    /// A reader has a manual open: its first page, or the next. `reader` is nothing where nobody
    /// signs in: then only openings are counted. *In memory.*
    pub fn touched(&self, manual: &str, reader: Option<&str>, now: Timestamp) {
        let date = now.to_zoned_datetime(self.zone.clone()).date();
        self.counts().touched(manual, reader, date, now);
    }

    /// Every day's counts, latest first. *In memory.*
    pub fn days(&self) -> Vec<(Date, Day)> {
        self.counts().days.iter().rev().map(|(date, day)| (*date, day.clone())).collect()
    }

    /// Ends yesterday, and keeps the counts if there are new ones. Blocking.
    pub fn keep(&self, store: &Store, now: Timestamp) {
        let date = now.to_zoned_datetime(self.zone.clone()).date();
        let bytes = {
            let mut counts = self.counts();
            counts.turn(date);
            if !std::mem::take(&mut counts.fresh) {
                return;
            }
            serde_json::to_vec(&counts.days).unwrap_or_default()
        };
        if let Err(error) = store.keep_document(DOCUMENT, &bytes) {
            tracing::warn!(%error, "indicators not kept: tried again");
            self.counts().fresh = true;
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    /// Makes `date` today: the salt of another day is dropped, with what it told apart.
    fn turn(&mut self, date: Date) {
        if self.today.as_ref().is_some_and(|today| today.date == date) {
            return;
        }
        self.today = None;
        while self.days.len() > MAX_DAYS {
            self.days.pop_first();
        }
    }

    fn touched(&mut self, manual: &str, reader: Option<&str>, date: Date, now: Timestamp) {
        self.turn(date);
        let day = self.days.entry(date).or_default();
        if self.today.is_none() {
            day.at_most |= !day.manuals.is_empty();
        }
        let today = self.today.get_or_insert_with(|| Today {
            date,
            salt: rand::random(),
            seen: HashMap::new(),
        });
        if !day.manuals.contains_key(manual) && day.manuals.len() >= MAX_MANUALS {
            return;
        }
        let Some(reader) = reader else {
            day.manuals.entry(manual.to_owned()).or_default().openings += 1;
            self.fresh = true;
            return;
        };
        let mut hash = Sha256::new();
        hash.update(today.salt);
        hash.update((reader.len() as u64).to_be_bytes());
        hash.update(reader);
        hash.update(manual);
        let mut key = [0; 16];
        key.copy_from_slice(&hash.finalize()[..16]);
        let before = today.seen.get(&key).copied();
        if before.is_some() || today.seen.len() < MAX_READERS {
            today.seen.insert(key, now);
        }
        let pause = before.map(|before| now.as_second() - before.as_second());
        if pause.is_none_or(|pause| pause >= OPENING_PAUSE_SECONDS) {
            let count = day.manuals.entry(manual.to_owned()).or_default();
            count.openings += 1;
            count.readers += u64::from(before.is_none());
            self.fresh = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: i64, minute: i64) -> (Date, Timestamp) {
        let now = Timestamp::from_second(day * 86_400 + minute * 60).unwrap();
        (now.to_zoned_datetime(TimeZone::UTC).date(), now)
    }

    fn touch(counts: &mut Counts, reader: &str, day: i64, minute: i64) {
        let (date, now) = at(day, minute);
        counts.touched("manual", Some(reader), date, now);
    }

    fn of(counts: &Counts, day: i64) -> (u64, u64) {
        let count = counts.days[&at(day, 0).0].manuals["manual"];
        (count.openings, count.readers)
    }

    #[test]
    fn turning_pages_is_one_opening_and_coming_back_later_another() {
        let mut counts = Counts::default();
        for minute in 0..20 {
            touch(&mut counts, "a", 0, minute);
        }
        touch(&mut counts, "b", 0, 3);
        assert_eq!(of(&counts, 0), (2, 2));
        touch(&mut counts, "a", 0, 120);
        assert_eq!(of(&counts, 0), (3, 2));
    }

    #[test]
    fn nothing_of_a_day_tells_its_readers_the_next() {
        let mut counts = Counts::default();
        touch(&mut counts, "a", 0, 0);
        let salt = counts.today.as_ref().unwrap().salt;
        touch(&mut counts, "a", 1, 0);
        let today = counts.today.as_ref().unwrap();
        assert_ne!(today.salt, salt);
        assert_eq!(today.seen.len(), 1);
        assert_eq!((of(&counts, 0), of(&counts, 1)), ((1, 1), (1, 1)));
        let kept = serde_json::to_string(&counts.days).unwrap();
        assert!(!kept.contains("\"a\"") && kept.contains("manual"), "{kept}");
    }

    #[test]
    fn a_restart_keeps_the_counts_of_the_day_and_says_that_readers_are_at_most() {
        let mut counts = Counts::default();
        touch(&mut counts, "a", 0, 0);
        let days = serde_json::from_slice(&serde_json::to_vec(&counts.days).unwrap()).unwrap();
        let mut again = Counts { days, ..Counts::default() };
        touch(&mut again, "a", 0, 1);
        assert_eq!(of(&again, 0), (2, 2));
        assert!(again.days[&at(0, 0).0].at_most && !counts.days[&at(0, 0).0].at_most);
    }

    #[test]
    fn few_readers_are_not_told_by_number() {
        let said: Vec<_> = [0, 1, 4, 5, 61].map(|n| Shown(n).to_string()).into();
        assert_eq!(said, ["0", "< 5", "< 5", "5", "61"]);
    }

    #[test]
    fn days_and_readers_are_bounded() {
        let mut counts = Counts::default();
        for day in 0..400 {
            touch(&mut counts, "a", day, 0);
        }
        assert!(counts.days.len() <= MAX_DAYS + 1);
    }
}
