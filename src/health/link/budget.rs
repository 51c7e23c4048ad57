//! May a throughput test be made now, and how much may it move? Pure: the moment is passed in.

use std::collections::VecDeque;

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::config::{Throughput, TimeWindow};

/// Tests that are remembered.
pub const MAX_TESTS: usize = 64;
/// A test that may move less says nothing.
const LEAST_BYTES: u64 = 1_000_000;
/// Class hours where the settings name none: better a test too few than a class without a link.
const USUAL_CLASS_HOURS: &str = "mon-fri 07:30-18:30";
/// A nightly test is made when so many hours have passed since the last one that was made by itself.
const NIGHT_HOURS: i64 = 12;
/// Chance of each minute within the window to begin: it spreads the boxes of a region.
const CHANCE: f64 = 0.05;
/// A link that moved less than this part of its contract, twice in a row, is slow.
const SLOW: f64 = 0.8;

/// A test that was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Test {
    /// When it ended.
    pub at: Timestamp,
    /// Over which link.
    pub link: String,
    /// Was it made by itself?
    pub nightly: bool,
    /// Bytes a second that it moved toward the school.
    pub down: Option<f64>,
    /// Bytes a second that it moved from the school.
    pub up: Option<f64>,
    /// Bytes a second that others took just before, toward the school and from it: they had their part.
    pub beside: (f64, f64),
    /// Bytes that it moved.
    pub bytes: u64,
}

/// What tests have moved, and found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    /// The day that is counted, as `2026-11-26`.
    day: String,
    day_bytes: u64,
    month: String,
    month_bytes: u64,
    /// The last ones, oldest first.
    tests: VecDeque<Test>,
}

/// Why no test is made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Nothing says what is fetched.
    #[error("no object is set (health.throughput.url)")]
    NoObject,
    /// Classes are on.
    #[error("class hours: a test would take the link from the classes")]
    ClassHours,
    /// The day's bytes are used up.
    #[error("today's tests have moved {moved} of {most} bytes (health.throughput.bytes_per_day)")]
    Day {
        /// Moved so far.
        moved: u64,
        /// May be moved.
        most: u64,
    },
    /// The month's are.
    #[error(
        "this month's tests have moved {moved} of {most} bytes (health.throughput.bytes_per_month)"
    )]
    Month {
        /// Moved so far.
        moved: u64,
        /// May be moved.
        most: u64,
    },
}

/// When and how much, as the settings say.
#[derive(Debug, Clone)]
pub struct Limits {
    zone: TimeZone,
    class_hours: Vec<TimeWindow>,
    test: Throughput,
}

impl Limits {
    /// Of a school in this time zone, with these class hours.
    pub fn new(zone: TimeZone, class_hours: &[TimeWindow], test: &Throughput) -> Self {
        let mut class_hours = class_hours.to_vec();
        if class_hours.is_empty() {
            class_hours.extend(USUAL_CLASS_HOURS.parse::<TimeWindow>());
        }
        Self { zone, class_hours, test: test.clone() }
    }

    fn local(&self, now: Timestamp) -> DateTime {
        self.zone.to_datetime(now)
    }

    /// Is a test to be made by itself now? `dice` from 0 to 1.
    pub fn is_due(&self, now: Timestamp, last: Option<Timestamp>, dice: f64) -> bool {
        let Some(window) = &self.test.nightly else { return false };
        let rested = last.is_none_or(|last| now.duration_since(last).as_hours() >= NIGHT_HOURS);
        rested && window.contains(self.local(now)) && dice < CHANCE
    }
}

impl Ledger {
    /// Bytes that a test over both ways may move now, at most `2 * bytes`.
    ///
    /// # Errors
    /// None may be made.
    pub fn may(&self, now: Timestamp, limits: &Limits) -> Result<u64, Refused> {
        let test = &limits.test;
        if test.url.is_none() {
            return Err(Refused::NoObject);
        }
        let local = limits.local(now);
        if limits.class_hours.iter().any(|window| window.contains(local)) {
            return Err(Refused::ClassHours);
        }
        let (day, month) = names(local);
        let moved = if self.day == day { self.day_bytes } else { 0 };
        let of_day = test.bytes_per_day.0.saturating_sub(moved);
        if of_day < LEAST_BYTES {
            return Err(Refused::Day { moved, most: test.bytes_per_day.0 });
        }
        let moved = if self.month == month { self.month_bytes } else { 0 };
        let of_month = test.bytes_per_month.0.saturating_sub(moved);
        if of_month < LEAST_BYTES {
            return Err(Refused::Month { moved, most: test.bytes_per_month.0 });
        }
        let ways = if test.upload.is_some() { 2 } else { 1 };
        Ok((test.bytes.0.saturating_mul(ways)).min(of_day).min(of_month))
    }

    /// Bytes are set aside for a test before it begins, so that one that never ends has cost them.
    pub fn spend(&mut self, now: Timestamp, limits: &Limits, bytes: u64) {
        let (day, month) = names(limits.local(now));
        if self.day != day {
            (self.day, self.day_bytes) = (day, 0);
        }
        if self.month != month {
            (self.month, self.month_bytes) = (month, 0);
        }
        self.day_bytes = self.day_bytes.saturating_add(bytes);
        self.month_bytes = self.month_bytes.saturating_add(bytes);
    }

    /// A test ended: what it moved takes the place of what was set aside for it.
    pub fn ended(&mut self, set_aside: u64, test: Test) {
        for bytes in [&mut self.day_bytes, &mut self.month_bytes] {
            *bytes = bytes.saturating_sub(set_aside).saturating_add(test.bytes);
        }
        if self.tests.len() >= MAX_TESTS {
            self.tests.pop_front();
        }
        self.tests.push_back(test);
    }

    /// The tests of a link, newest first.
    pub fn tests<'a>(&'a self, link: &'a str) -> impl Iterator<Item = &'a Test> {
        self.tests.iter().rev().filter(move |test| test.link == link)
    }

    /// When a test was last made by itself.
    pub fn last_nightly(&self, link: &str) -> Option<Timestamp> {
        self.tests(link).find(|test| test.nightly).map(|test| test.at)
    }

    /// Bytes that tests moved in the day and the month of this moment.
    pub fn moved(&self, now: Timestamp, limits: &Limits) -> (u64, u64) {
        let (day, month) = names(limits.local(now));
        let of = |same: bool, bytes| if same { bytes } else { 0 };
        (of(self.day == day, self.day_bytes), of(self.month == month, self.month_bytes))
    }

    /// Does a link carry less than its contract says? Two tests in a row must say so, whatever others took
    /// meanwhile added; nothing = too few tests. Contract: bytes a second, down and up.
    pub fn is_slow(&self, link: &str, contract: [Option<u64>; 2]) -> Option<bool> {
        let mut slow = None;
        for (way, promised) in contract.into_iter().enumerate() {
            let Some(promised) = promised else { continue };
            let of = |test: &Test| match way {
                0 => test.down.map(|rate| rate + test.beside.0),
                _ => test.up.map(|rate| rate + test.beside.1),
            };
            let mut last = self.tests(link).filter_map(of).take(2);
            #[allow(clippy::cast_precision_loss, reason = "a rate")]
            let least = promised as f64 * SLOW;
            if let (Some(one), Some(two)) = (last.next(), last.next()) {
                slow = Some(slow.unwrap_or(false) || (one < least && two < least));
            }
        }
        slow
    }
}

fn names(local: DateTime) -> (String, String) {
    (local.strftime("%Y-%m-%d").to_string(), local.strftime("%Y-%m").to_string())
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::config::ByteSize;

    /// A Thursday, 23:00 in Paris.
    const NIGHT: &str = "2026-11-26T22:00:00Z";

    fn limits() -> Limits {
        let test = Throughput {
            url: Some("https://region.example/100".parse().unwrap()),
            nightly: Some("22:00-05:00".parse().unwrap()),
            bytes: ByteSize(100_000_000),
            bytes_per_day: ByteSize(250_000_000),
            bytes_per_month: ByteSize(1_000_000_000),
            ..Throughput::default()
        };
        Limits::new(TimeZone::get("Europe/Paris").unwrap(), &[], &test)
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn test(at: Timestamp, down: f64) -> Test {
        let (link, beside) = ("fibre".to_owned(), (0.0, 0.0));
        Test { at, link, nightly: true, down: Some(down), up: None, beside, bytes: 0 }
    }

    #[test]
    fn no_test_is_made_in_class_hours_whether_they_are_set_or_not() {
        let (ledger, morning) = (Ledger::default(), at("2026-11-26T09:00:00Z"));
        assert_eq!(ledger.may(morning, &limits()), Err(Refused::ClassHours));
        assert_eq!(ledger.may(at(NIGHT), &limits()), Ok(100_000_000));
        let saturday = ["sat 08:00-12:00".parse().unwrap()];
        let own = Limits::new(TimeZone::UTC, &saturday, &limits().test);
        assert!(ledger.may(morning, &own).is_ok());
        assert_eq!(ledger.may(at("2026-11-28T09:00:00Z"), &own), Err(Refused::ClassHours));
    }

    #[test]
    fn tests_move_no_more_than_a_day_and_a_month_allow() {
        let (mut ledger, limits) = (Ledger::default(), limits());
        let mut now = at(NIGHT);
        let mut moved = Vec::new();
        // Ten tests a night, for thirty nights of one month.
        for _ in 0..30 {
            for _ in 0..10 {
                if let Ok(bytes) = ledger.may(now, &limits) {
                    ledger.spend(now, &limits, bytes);
                    moved.push(bytes);
                }
            }
            now += SignedDuration::from_hours(24);
        }
        // 26 to 30 November: four nights of 250 MB are the month's; then December's.
        assert_eq!(moved.iter().sum::<u64>(), 2_000_000_000);
        assert_eq!(moved[..3], [100_000_000, 100_000_000, 50_000_000]);
        let refused = ledger.may(now - SignedDuration::from_hours(24), &limits);
        assert!(matches!(refused, Err(Refused::Month { .. })), "{refused:?}");
    }

    #[test]
    fn what_a_test_did_not_move_is_given_back_and_one_that_died_has_cost_its_part() {
        let (mut ledger, limits) = (Ledger::default(), limits());
        ledger.spend(at(NIGHT), &limits, 100_000_000);
        assert_eq!(ledger.moved(at(NIGHT), &limits).0, 100_000_000);
        ledger.ended(100_000_000, Test { bytes: 40_000_000, ..test(at(NIGHT), 1.0) });
        assert_eq!(ledger.moved(at(NIGHT), &limits), (40_000_000, 40_000_000));
    }

    #[test]
    fn a_night_has_one_test_of_its_own() {
        let limits = limits();
        assert!(limits.is_due(at(NIGHT), None, 0.0));
        assert!(!limits.is_due(at(NIGHT), None, 0.5));
        assert!(!limits.is_due(at("2026-11-26T20:00:00Z"), None, 0.0), "21:00");
        let later = at("2026-11-27T02:00:00Z");
        assert!(!limits.is_due(later, Some(at(NIGHT)), 0.0));
        assert!(limits.is_due(at("2026-11-27T22:00:00Z"), Some(at(NIGHT)), 0.0));
    }

    #[test]
    fn a_link_is_slow_when_two_tests_in_a_row_say_so() {
        let mut ledger = Ledger::default();
        let contract = [Some(1_000_000), None];
        assert_eq!(ledger.is_slow("fibre", contract), None);
        for (down, slow) in [(700_000.0, None), (900_000.0, Some(false)), (700_000.0, Some(false))]
        {
            ledger.ended(0, test(at(NIGHT), down));
            assert_eq!(ledger.is_slow("fibre", contract), slow);
        }
        ledger.ended(0, test(at(NIGHT), 700_000.0));
        assert_eq!(ledger.is_slow("fibre", contract), Some(true));
        // Others had their part of it.
        let busy = Test { beside: (300_000.0, 0.0), ..test(at(NIGHT), 700_000.0) };
        ledger.ended(0, busy);
        assert_eq!(ledger.is_slow("fibre", contract), Some(false));
        assert_eq!(ledger.is_slow("other", contract), None);
    }

    #[test]
    fn the_ledger_does_not_grow() {
        let mut ledger = Ledger::default();
        for _ in 0..1000 {
            ledger.ended(0, test(at(NIGHT), 1.0));
        }
        assert_eq!(ledger.tests("fibre").count(), MAX_TESTS);
    }
}
