//! What waits to be sent, on the disk: append-only segments of bodies, thinned as their quota nears, and
//! how far the region has taken them.
//!
//! Not here: when anything is sent (`send`). Everything blocks.

mod cursor;
pub mod entry;
mod file;
mod gather;
mod rewrite;
mod room;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use self::{
    cursor::Cursor,
    file::{Open, Segment},
    gather::Gathering,
    room::{Seen, Step},
};
use super::message::{Body, Series};
use crate::store::{StoreError, durable};

pub use self::rewrite::Level;

/// Collections in a segment: once they are put together, each series has so many samples side by side.
const MAX_COLLECTIONS: u32 = 60;
/// Bytes of a segment, or an eighth of the quota.
const MAX_SEGMENT_BYTES: u64 = 16 << 20;

/// What became of samples since the spool was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Found when it was opened, and put in since.
    pub came: u64,
    /// The region took them.
    pub sent: u64,
    /// Merged away to one a minute.
    pub thinned_minute: u64,
    /// Merged away to one in 15 minutes.
    pub thinned_quarter: u64,
    /// The region refused them.
    pub refused: u64,
    /// There was no room.
    pub full: u64,
    /// The disk gave other bytes than it was given.
    pub damaged: u64,
    /// Their moments cannot be true.
    pub clock: u64,
}

/// What waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Room {
    /// Bytes on the disk.
    pub bytes: u64,
    /// Samples that were not taken yet.
    pub samples: u64,
    /// The earliest moment among them.
    pub oldest: Option<Timestamp>,
}

/// How much one batch may hold.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bounds {
    /// Samples, or those of one body.
    pub samples: u64,
    /// Bytes as they are spooled, or those of one body: put together they are fewer.
    pub bytes: u64,
}

/// What is sent next.
#[derive(Debug)]
pub struct Batch {
    /// Put together by series.
    pub series: Vec<Series>,
    to: Place,
    /// Samples between the cursor and there, of that segment alone.
    passed: u64,
}

/// A place between two bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    number: u64,
    offset: u64,
}

/// What became of a batch's samples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fate {
    /// Taken.
    pub sent: u64,
    /// Refused for good.
    pub refused: u64,
    /// Left out, since their moments cannot be true.
    pub clock: u64,
}

/// The spool.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    quota: u64,
    segments: BTreeMap<u64, Segment>,
    open: Option<Open>,
    next: u64,
    /// The last segment of a batch that is being sent: up to it nothing is rewritten or dropped.
    pinned: Option<u64>,
    counts: Counts,
}

impl Spool {
    /// Takes up what is in the folder, of which so many bytes may be used; makes it when it is absent.
    ///
    /// # Errors
    /// The disk.
    pub fn open(folder: &Path, quota: u64) -> Result<Self, StoreError> {
        durable::make_folder(folder)?;
        let cursor = Cursor::read(folder)?;
        let mut spool = Self {
            folder: folder.to_owned(),
            quota,
            segments: BTreeMap::new(),
            open: None,
            next: cursor.number + 1,
            pinned: None,
            counts: Counts::default(),
        };
        for path in durable::files_of(folder)? {
            let Some(number) = file::number(&path) else {
                if file::is_draft(&path) {
                    durable::remove(&path)?;
                }
                continue;
            };
            spool.next = spool.next.max(number + 1);
            if number < cursor.number {
                durable::remove(&path)?;
                continue;
            }
            let (segment, lost) = Segment::read(&path, number, cursor)?;
            spool.counts.came += segment.left + lost;
            spool.counts.damaged += lost;
            if segment.left == 0 {
                durable::remove(&path)?;
            } else {
                spool.segments.insert(number, segment);
            }
        }
        Ok(spool)
    }

    /// Puts a collection in. It is on the disk when this returns. What finds no room is counted and gone.
    ///
    /// # Errors
    /// The disk; the collection is then lost, and counted.
    pub fn append(&mut self, bodies: &[Body]) -> Result<(), StoreError> {
        let samples: u64 = bodies.iter().map(|body| u64::from(body.samples)).sum();
        if samples == 0 {
            return Ok(());
        }
        self.counts.came += samples;
        let bytes = entry::written(bodies);
        let kept = if self.make_room(bytes.len() as u64 + file::HEAD_BYTES) {
            self.write(&bytes, bodies, samples)
        } else {
            self.counts.full += samples;
            return Ok(());
        };
        if kept.is_err() {
            self.counts.full += samples;
        }
        kept
    }

    fn write(&mut self, bytes: &[u8], bodies: &[Body], samples: u64) -> Result<(), StoreError> {
        let most = MAX_SEGMENT_BYTES.min(self.quota / 8);
        let full = |open: &Open, segment: &Segment| {
            open.collections >= MAX_COLLECTIONS || segment.bytes + bytes.len() as u64 > most
        };
        let current = self.open.as_ref().and_then(|open| {
            self.segments.get(&open.number).filter(|segment| !full(open, segment)).map(|_| ())
        });
        if current.is_none() {
            self.seal()?;
            let number = self.next;
            self.next += 1;
            let (open, segment) = Open::create(&self.folder, number)?;
            self.segments.insert(number, segment);
            self.open = Some(open);
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        let Some(segment) = self.segments.get_mut(&open.number) else { return Ok(()) };
        let written = open.append(bytes, segment.bytes);
        if written.is_err() {
            // What a failed sync left behind is not trusted: the next collection begins another file.
            self.open = None;
            return written;
        }
        segment.bytes += bytes.len() as u64;
        segment.left += samples;
        for body in bodies {
            segment.first = segment.first.min(body.first);
        }
        Ok(())
    }

    /// Nothing more is put into the segment under way. One that was taken whole goes.
    fn seal(&mut self) -> Result<(), StoreError> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let taken = self.segments.get(&open.number).is_some_and(|segment| segment.left == 0);
        if taken { self.remove(open.number) } else { Ok(()) }
    }

    /// Puts together, thins or drops, one step at a time, until so many bytes more fit. `false`: they
    /// cannot.
    fn make_room(&mut self, more: u64) -> bool {
        while let Some(step) = room::next(&self.seen(), self.bytes() + more, self.quota) {
            let taken = match step {
                Step::Fold(number) => self.rewrite(number, Level::Whole),
                Step::Thin(number, level) => self.rewrite(number, level),
                Step::Drop(number) => self.drop_oldest(number),
            };
            if let Err(error) = taken {
                // What comes in is worth more than room: it is tried again with the next collection.
                tracing::warn!(%error, "no room was made in the spool");
                break;
            }
        }
        self.bytes() + more <= self.quota
    }

    fn drop_oldest(&mut self, number: u64) -> Result<(), StoreError> {
        let left = self.segments.get(&number).map_or(0, |segment| segment.left);
        self.remove(number)?;
        self.counts.full += left;
        Ok(())
    }

    fn seen(&self) -> Vec<Seen> {
        let open = self.open.as_ref().map(|open| open.number);
        let pinned = |number| self.pinned.is_some_and(|pinned| number <= pinned);
        let movable = |&(&number, _): &(&u64, &Segment)| Some(number) != open && !pinned(number);
        let seen = |(&number, segment): (&u64, &Segment)| Seen { number, level: segment.level };
        self.segments.iter().filter(movable).map(seen).collect()
    }

    fn rewrite(&mut self, number: u64, level: Level) -> Result<(), StoreError> {
        let Some(segment) = self.segments.get_mut(&number) else { return Ok(()) };
        let before = segment.left;
        let thinned = rewrite::rewrite(&self.folder, number, segment, level)?;
        match level {
            Level::Quarter => self.counts.thinned_quarter += thinned,
            _ => self.counts.thinned_minute += thinned,
        }
        let gone = before.saturating_sub(segment.left);
        self.counts.damaged += gone.saturating_sub(thinned);
        if segment.left == 0 { self.remove(number) } else { Ok(()) }
    }

    fn remove(&mut self, number: u64) -> Result<(), StoreError> {
        durable::remove(&file::path(&self.folder, number))?;
        self.segments.remove(&number);
        Ok(())
    }

    /// The oldest that waits, put together by series within bounds; nothing: nothing waits. It stays as it
    /// is until [`done`](Self::done) or [`release`](Self::release).
    ///
    /// # Errors
    /// The disk.
    pub fn batch(&mut self, bounds: Bounds) -> Result<Option<Batch>, StoreError> {
        let mut batch = Gathering::new(bounds);
        for (&number, segment) in &self.segments {
            if !batch.read(&self.folder, number, segment)? {
                break;
            }
        }
        let Some((to, passed)) = batch.to else { return Ok(None) };
        self.pinned = Some(to.number);
        Ok(Some(Batch { series: batch.gathered.into_series(), to, passed }))
    }

    /// A batch is over, and this became of it. Its place is remembered past a restart.
    ///
    /// # Errors
    /// The disk: then a restart sends it again.
    pub fn done(&mut self, batch: &Batch, fate: Fate) -> Result<(), StoreError> {
        self.pinned = None;
        let before = self.samples();
        let open = self.open.as_ref().map(|open| open.number);
        let taken: Vec<u64> = self.segments.range(..batch.to.number).map(|(&n, _)| n).collect();
        for number in taken {
            let Some(segment) = self.segments.get_mut(&number) else { continue };
            segment.left = 0;
            segment.offset = segment.bytes;
        }
        let mut generation = 0;
        if let Some(segment) = self.segments.get_mut(&batch.to.number) {
            let at_its_end = batch.to.offset >= segment.bytes;
            segment.offset = batch.to.offset.min(segment.bytes);
            segment.left = if at_its_end { 0 } else { segment.left.saturating_sub(batch.passed) };
            generation = segment.generation;
        }
        self.counts.sent += fate.sent;
        self.counts.refused += fate.refused;
        self.counts.clock += fate.clock;
        let gone = before.saturating_sub(self.samples());
        let told = fate.sent + fate.refused + fate.clock;
        self.counts.damaged += gone.saturating_sub(told);
        let cursor = Cursor { number: batch.to.number, generation, offset: batch.to.offset };
        let kept = cursor.keep(&self.folder);
        let taken = |&(&number, segment): &(&u64, &Segment)| {
            segment.left == 0 && Some(number) != open && segment.offset >= segment.bytes
        };
        let taken: Vec<u64> = self.segments.iter().filter(taken).map(|(&n, _)| n).collect();
        taken.into_iter().try_for_each(|number| self.remove(number))?;
        kept
    }

    /// A batch was not taken, and will be asked for again.
    pub fn release(&mut self) {
        self.pinned = None;
    }

    /// What waits.
    pub fn room(&self) -> Room {
        let first = self.segments.values().filter(|segment| segment.left > 0);
        let first = first.map(|segment| segment.first).min();
        let oldest = first.and_then(|first| Timestamp::from_millisecond(first).ok());
        Room { bytes: self.bytes(), samples: self.samples(), oldest }
    }

    /// What became of samples.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Counts samples that never came in, since their moments cannot be true.
    pub fn refuse_clock(&mut self, samples: u64) {
        self.counts.came += samples;
        self.counts.clock += samples;
    }

    fn samples(&self) -> u64 {
        self.segments.values().map(|segment| segment.left).sum()
    }

    fn bytes(&self) -> u64 {
        self.segments.values().map(|segment| segment.bytes).sum()
    }
}

#[cfg(test)]
mod tests;
