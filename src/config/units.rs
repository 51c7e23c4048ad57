//! Sizes, rates, durations and hours as a person writes them: `400 GB`, `5 MiB/s`, `6h`, `08:00-18:00`.

use std::time::Duration;

use jiff::civil::Time;
use serde::Deserialize;

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct ByteSize(pub u64);

impl ByteSize {
    /// `count` MiB.
    pub const fn mib(count: u64) -> Self {
        Self(count << 20)
    }
    /// `count` GiB.
    pub const fn gib(count: u64) -> Self {
        Self(count << 30)
    }
}

/// Bytes a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct ByteRate(pub u64);

impl ByteRate {
    /// `count` KiB a second.
    pub const fn kib(count: u64) -> Self {
        Self(count << 10)
    }
    /// `count` MiB a second.
    pub const fn mib(count: u64) -> Self {
        Self(count << 20)
    }
}

/// A length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Period(pub Duration);

impl Period {
    /// `count` seconds.
    pub const fn seconds(count: u64) -> Self {
        Self(Duration::from_secs(count))
    }
    /// `count` hours.
    pub const fn hours(count: u64) -> Self {
        Self(Duration::from_secs(count * 3600))
    }
}

/// A weekly span of hours; `from` after `to` goes over midnight.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TimeWindow {
    /// Days it starts on, Monday = 0; all seven when none is named.
    pub days: [bool; 7],
    /// First moment inside.
    pub from: Time,
    /// First moment outside.
    pub to: Time,
}

impl TimeWindow {
    /// Is this local moment inside?
    pub fn contains(&self, moment: jiff::civil::DateTime) -> bool {
        let day = |offset: i8| {
            let index = moment.date().weekday().to_monday_zero_offset() - offset;
            self.days[usize::try_from(index.rem_euclid(7)).unwrap_or(0)]
        };
        let time = moment.time();
        if self.from <= self.to {
            day(0) && self.from <= time && time < self.to
        } else {
            (day(0) && time >= self.from) || (day(1) && time < self.to)
        }
    }
}
