//! A segment written anew: its bodies put together by series, and thinned.
//!
//! Of the values of a series within a minute (or 15) the last one stays, with its own moment: of a counter
//! that loses nothing but when it grew; of a gauge it is a true value, favouring neither peaks nor lulls.
//! What must not be missed between two values (time of outage, packets lost, starts) is told by counters.

use std::{
    fs::OpenOptions,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::Write as _,
    path::Path,
};

use super::{
    entry::{Entries, Found, written},
    file::{self, Segment},
};
use crate::{
    store::{StoreError, durable},
    uplink::message::{Body, Gathered, Sample, unpack},
};

/// Samples held in memory at once: of a larger segment a part of the series at a time.
const MAX_HELD_SAMPLES: u64 = 100_000;
/// Samples of a body that is put together.
const MAX_BODY_SAMPLES: usize = 20_000;

/// How far a segment was thinned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it was collected.
    Collected,
    /// Put together by series; nothing is missing.
    Whole,
    /// One value a minute.
    Minute,
    /// One in 15 minutes.
    Quarter,
}

impl Level {
    /// Milliseconds of which one value stays.
    fn span(self) -> Option<i64> {
        match self {
            Self::Collected | Self::Whole => None,
            Self::Minute => Some(60_000),
            Self::Quarter => Some(15 * 60_000),
        }
    }
}

impl From<Level> for u32 {
    fn from(level: Level) -> Self {
        match level {
            Level::Collected => 0,
            Level::Whole => 1,
            Level::Minute => 2,
            Level::Quarter => 3,
        }
    }
}

impl TryFrom<u32> for Level {
    type Error = u32;

    fn try_from(number: u32) -> Result<Self, u32> {
        [Self::Collected, Self::Whole, Self::Minute, Self::Quarter]
            .into_iter()
            .find(|&level| u32::from(level) == number)
            .ok_or(number)
    }
}

/// Of each span the last, in their order.
pub fn thin(samples: &[Sample], level: Level) -> Vec<Sample> {
    let Some(span) = level.span() else { return samples.to_vec() };
    let of = |sample: &Sample| sample.timestamp.div_euclid(span);
    let next = samples.iter().skip(1).map(Some).chain([None]);
    let last =
        samples.iter().zip(next).filter(|(one, next)| next.is_none_or(|next| of(next) != of(one)));
    last.map(|(one, _)| *one).collect()
}

/// Replaces a segment by what of it was not taken yet, thinned, and returns how many samples went by that.
///
/// # Errors
/// The disk; the segment is then what it was.
pub fn rewrite(
    folder: &Path,
    number: u64,
    segment: &mut Segment,
    level: Level,
) -> Result<u64, StoreError> {
    let bytes = file::read(folder, number, segment.offset..segment.bytes)?;
    let (draft, path) = (file::draft(folder, number), file::path(folder, number));
    let generation = segment.generation.wrapping_add(1);
    let mut new = Segment {
        level,
        generation,
        bytes: file::HEAD_BYTES,
        offset: file::HEAD_BYTES,
        left: 0,
        first: i64::MAX,
    };
    let mut thinned = 0;
    let mut writing = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&draft)
        .map_err(StoreError::io("create", &draft))?;
    let parts = segment.left.div_ceil(MAX_HELD_SAMPLES).max(1);
    let drafted = (|| {
        writing
            .write_all(&file::head(level, generation))
            .map_err(StoreError::io("write", &draft))?;
        for part in 0..parts {
            let bodies = bodies(&bytes, level, |hash| hash % parts == part, &mut thinned);
            new.left += bodies.iter().map(|body| u64::from(body.samples)).sum::<u64>();
            new.first = bodies.iter().map(|body| body.first).fold(new.first, i64::min);
            let bytes = written(&bodies);
            writing.write_all(&bytes).map_err(StoreError::io("write", &draft))?;
            new.bytes += bytes.len() as u64;
        }
        durable::sync_data(&writing, &draft)?;
        durable::rename(&draft, &path)?;
        durable::sync_folder(folder)
    })();
    if drafted.is_err() {
        let _ = durable::remove(&draft);
    }
    drafted?;
    *segment = new;
    Ok(thinned)
}

/// The series of which this wants the hash, thinned and packed.
fn bodies(bytes: &[u8], level: Level, wants: impl Fn(u64) -> bool, thinned: &mut u64) -> Vec<Body> {
    let mut gathered = Gathered::default();
    for found in Entries::new(bytes, true) {
        let Found::Entry(entry) = found else { continue };
        for series in unpack(entry.body).unwrap_or_default() {
            let mut hasher = DefaultHasher::new();
            series.labels.hash(&mut hasher);
            if wants(hasher.finish()) {
                gathered.add(series.labels, &series.samples);
            }
        }
    }
    let mut kept = Gathered::default();
    for series in gathered.into_series() {
        let samples = thin(&series.samples, level);
        *thinned += (series.samples.len() - samples.len()) as u64;
        kept.add(series.labels, &samples);
    }
    // A run of bounded samples is far below what snappy packs.
    kept.into_runs(MAX_BODY_SAMPLES).iter().filter_map(|run| Body::pack(run).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: &[i64]) -> Vec<Sample> {
        seconds.iter().map(|&second| Sample { value: 1.0, timestamp: second * 1000 }).collect()
    }

    #[test]
    fn the_last_of_each_minute_stays_with_its_own_moment() {
        let samples = at(&[-1, 0, 10, 59, 60, 61, 200]);
        assert_eq!(thin(&samples, Level::Minute), at(&[-1, 59, 61, 200]));
        assert_eq!(thin(&samples, Level::Quarter), at(&[-1, 200]));
        assert_eq!(thin(&samples, Level::Whole), samples);
        assert_eq!(thin(&[], Level::Quarter), []);
    }
}
