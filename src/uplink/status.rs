//! How the uplink does: for `preau uplink`, and as values of its own.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    send::decide::Said,
    spool::{Counts, Room, Spool},
};
use crate::health::{
    metrics,
    sample::{Source, Telling},
};

/// How it does.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Where values are sent.
    pub url: String,
    /// Bytes that wait on the disk.
    pub bytes: u64,
    /// Bytes that may.
    pub quota: u64,
    /// Samples that wait.
    pub waiting: u64,
    /// The earliest moment among them.
    pub oldest: Option<Timestamp>,
    /// Series told at the last collection.
    pub series: u64,
    /// Samples since the daemon started, those found then included.
    pub came: u64,
    /// Of these, taken by the region.
    pub sent: u64,
    /// Of these, merged away for want of room.
    pub thinned: u64,
    /// Of these, lost.
    pub dropped: Dropped,
    /// When something was last taken.
    pub taken_at: Option<Timestamp>,
    /// The last answer, and when it came.
    pub answer: Option<(Timestamp, String)>,
    /// What keeps values from being taken.
    pub trouble: Option<String>,
    /// Nothing is sent until the clock can be trusted.
    pub clock_in_doubt: bool,
}

/// Samples lost, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// The region refused them.
    pub refused: u64,
    /// There was no room.
    pub full: u64,
    /// The disk gave other bytes than it was given.
    pub damaged: u64,
    /// Their moments cannot be true.
    pub clock: u64,
}

/// What is told of the uplink. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Figures(Arc<Mutex<Inside>>);

#[derive(Debug, Default)]
struct Inside {
    spools: bool,
    counts: Counts,
    room: Room,
    series: u64,
    /// Taken, refused, failed, unreachable.
    requests: [u64; 4],
    taken_at: Option<Timestamp>,
    /// The last of each run of answers that say the same, newest last.
    answers: VecDeque<(Timestamp, String)>,
    /// Since when, and the last words.
    trouble: Option<(Timestamp, String)>,
    doubt: bool,
}

/// What keeps values from being taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Since when; nothing: there is none.
    pub since: Option<Timestamp>,
    /// What was said last.
    pub words: String,
    /// Samples that wait.
    pub waiting: u64,
    /// When something was last taken.
    pub taken_at: Option<Timestamp>,
}

/// Answers that are remembered.
const MAX_ANSWERS: usize = 32;

const RESULTS: [&str; 4] = ["taken", "refused", "failed", "unreachable"];

impl Figures {
    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the spool is.
    pub(super) fn note_spool(&self, spool: &Spool) {
        let mut inside = self.lock();
        (inside.spools, inside.counts, inside.room) = (true, spool.counts(), spool.room());
    }

    /// So many series were told.
    pub(super) fn note_series(&self, series: usize) {
        self.lock().series = series as u64;
    }

    /// The clock is in doubt, or not.
    pub(super) fn note_clock(&self, doubt: bool) {
        self.lock().doubt = doubt;
    }

    /// An answer came, or none. `true`: the trouble is new, or over.
    pub(super) fn note_answer(&self, said: Said, words: String, now: Timestamp) -> bool {
        let mut inside = self.lock();
        let index = match said {
            Said::Taken => 0,
            Said::Refused | Said::TooLarge | Said::Older | Said::Barred => 1,
            Said::Failed | Said::Busy(_) => 2,
            Said::Unreachable => 3,
        };
        if let Some(count) = inside.requests.get_mut(index) {
            *count += 1;
        }
        let had_trouble = inside.trouble.is_some();
        if said == Said::Taken {
            (inside.taken_at, inside.trouble) = (Some(now), None);
        } else if said != Said::Older {
            let since = inside.trouble.as_ref().map_or(now, |(since, _)| *since);
            inside.trouble = Some((since, words.clone()));
        }
        if inside.answers.back().is_some_and(|(_, last)| *last == words) {
            inside.answers.pop_back();
        }
        inside.answers.push_back((now, words));
        if inside.answers.len() > MAX_ANSWERS {
            inside.answers.pop_front();
        }
        had_trouble != inside.trouble.is_some()
    }

    /// What keeps values from being taken; nothing: nothing was asked yet.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        let inside = self.lock();
        inside.answers.back()?;
        let (since, words) = inside.trouble.clone().unzip();
        let (words, waiting) = (words.unwrap_or_default(), inside.room.samples);
        Some(Trouble { since, words, waiting, taken_at: inside.taken_at })
    }

    /// The last answers, oldest first.
    pub(super) fn answers(&self) -> Vec<(Timestamp, String)> {
        self.lock().answers.iter().cloned().collect()
    }

    /// What is asked by a person.
    pub fn status(&self, url: String, quota: u64) -> Status {
        let inside = self.lock();
        let (counts, room) = (inside.counts, inside.room);
        Status {
            url,
            bytes: room.bytes,
            quota,
            waiting: room.samples,
            oldest: room.oldest,
            series: inside.series,
            came: counts.came,
            sent: counts.sent,
            thinned: counts.thinned_minute + counts.thinned_quarter,
            dropped: Dropped {
                refused: counts.refused,
                full: counts.full,
                damaged: counts.damaged,
                clock: counts.clock,
            },
            taken_at: inside.taken_at,
            answer: inside.answers.back().cloned(),
            trouble: inside.trouble.as_ref().map(|(_, words)| words.clone()),
            clock_in_doubt: inside.doubt,
        }
    }
}

impl Source for Figures {
    #[allow(clippy::cast_precision_loss, reason = "a count beyond 2^53 is told a little rounded")]
    fn tell(&self, now: Timestamp, telling: &mut Telling) {
        let inside = self.lock();
        let seconds = |at: Timestamp| at.as_millisecond() as f64 / 1000.0;
        telling.say(&metrics::HEARTBEAT, &[], now, seconds(now));
        if !inside.spools {
            return;
        }
        let (counts, room) = (inside.counts, inside.room);
        telling.say(&metrics::SERIES, &[], now, inside.series as f64);
        telling.say(&metrics::SPOOL_BYTES, &[], now, room.bytes as f64);
        telling.say(&metrics::SPOOL_SAMPLES, &[], now, room.samples as f64);
        telling.say_known(&metrics::SPOOL_OLDEST, &[], now, room.oldest.map(seconds));
        telling.say(&metrics::SAMPLES_SENT, &[], now, counts.sent as f64);
        for (step, count) in [("1m", counts.thinned_minute), ("15m", counts.thinned_quarter)] {
            telling.say(&metrics::SAMPLES_THINNED, &[step], now, count as f64);
        }
        for (reason, count) in [
            ("refused", counts.refused),
            ("full", counts.full),
            ("damaged", counts.damaged),
            ("clock", counts.clock),
        ] {
            telling.say(&metrics::SAMPLES_DROPPED, &[reason], now, count as f64);
        }
        for (result, count) in RESULTS.iter().zip(inside.requests) {
            telling.say(&metrics::UPLINK_REQUESTS, &[result], now, count as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_said_once_when_it_begins_and_once_when_it_is_over() {
        let (figures, now) = (Figures::default(), Timestamp::UNIX_EPOCH);
        let changes: Vec<bool> = [Said::Unreachable, Said::Failed, Said::Taken, Said::Taken]
            .map(|said| figures.note_answer(said, "words".into(), now))
            .into();
        assert_eq!(changes, [true, false, true, false]);
        assert_eq!(figures.lock().requests, [2, 0, 1, 1]);
    }

    #[test]
    fn a_box_that_sends_nothing_tells_its_heartbeat_alone() {
        let (mut telling, now) = (Telling::default(), Timestamp::UNIX_EPOCH);
        Figures::default().tell(now, &mut telling);
        assert_eq!(telling.samples().len(), 1);
        assert_eq!(telling.samples()[0].metric, &metrics::HEARTBEAT);
    }
}
