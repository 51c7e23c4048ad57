//! The bytes of one stored response, while they come and after: which are here, which are on
//! their way, and who is told when that changes.
//!
//! Small bodies lie in memory, larger ones in a file of the cache's own. Readers never wait for a
//! body to be whole: they take what is here and wait for the next bytes.

use std::{
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::{Bytes, BytesMut};
use tokio::sync::watch;

use super::{Carried, held::Held};

/// Where the bytes are.
#[derive(Debug)]
enum Place {
    /// Pieces by offset, sorted and disjoint.
    Memory(Vec<(u64, Bytes)>),
    /// In the cache's folder.
    Disk,
}

#[derive(Debug)]
struct State {
    held: Held,
    /// Ranges that somebody fetches; the end is `u64::MAX` where the length is not known.
    coming: Vec<Range<u64>>,
    total: Option<u64>,
    place: Place,
    /// From an offset on, what could not be stored: for the first reader who gets there.
    rest: Option<(u64, Rest)>,
}

/// Bytes that could not be stored, and where the others come from.
pub type Rest = (Vec<Bytes>, Carried);

/// The body of a stored response.
#[derive(Debug)]
pub struct Content {
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

/// What a reader finds at its place.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// These bytes.
    Bytes(Bytes),
    /// These bytes of the file.
    File(Range<u64>),
    /// Somebody is fetching them.
    Coming,
    /// They are not here, and nobody fetches them.
    Gap(Range<u64>),
    /// There is no more.
    End,
}

/// The right to add bytes in one range, which nobody else adds. Dropping it lets others try.
#[derive(Debug)]
pub struct Filling {
    content: Arc<Content>,
    range: Range<u64>,
    at: u64,
}

impl Content {
    /// An empty body, in memory or on disk.
    pub fn new(total: Option<u64>, on_disk: bool) -> Arc<Self> {
        let place = if on_disk { Place::Disk } else { Place::Memory(Vec::new()) };
        let state = State { held: Held::default(), coming: Vec::new(), total, place, rest: None };
        Arc::new(Self { state: Mutex::new(state), changed: watch::Sender::new(()) })
    }

    /// A body that was found on disk.
    pub fn found(total: u64, held: Held) -> Arc<Self> {
        let (coming, total) = (Vec::new(), Some(total));
        let state = State { held, coming, total, place: Place::Disk, rest: None };
        Arc::new(Self { state: Mutex::new(state), changed: watch::Sender::new(()) })
    }

    /// Every change is made in one step, so a poisoned lock guards whole data.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells of every change; whoever holds one counts as a reader.
    pub fn watch(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Does anybody wait for the bytes?
    pub fn is_awaited(&self) -> bool {
        self.changed.receiver_count() > 0
    }

    /// Length of the whole, once it is known.
    pub fn total(&self) -> Option<u64> {
        self.state().total
    }

    /// Is every byte here?
    pub fn is_whole(&self) -> bool {
        let state = self.state();
        state.total.is_some_and(|total| state.held.covers(0..total))
    }

    /// The first bytes of a range that are neither here nor on their way.
    pub fn next_gap(&self, range: Range<u64>) -> Option<Range<u64>> {
        let state = self.state();
        let end = range.end.min(state.total.unwrap_or(u64::MAX));
        let mut at = range.start;
        while at < end {
            match state.gap_at(at, end) {
                Ok(gap) => return Some(gap),
                Err(next) => at = next,
            }
        }
        None
    }

    /// Does somebody fetch some of it?
    pub fn is_coming(&self) -> bool {
        !self.state().coming.is_empty()
    }

    /// Is it in a file?
    pub fn is_on_disk(&self) -> bool {
        matches!(self.state().place, Place::Disk)
    }

    /// What is here, to be kept.
    pub fn held(&self) -> Held {
        self.state().held.clone()
    }

    /// Number of bytes that are here.
    pub fn bytes(&self) -> u64 {
        self.state().held.bytes()
    }

    /// What is at `at`, up to `until`.
    pub fn step(&self, at: u64, until: u64) -> Step {
        let state = self.state();
        let end = until.min(state.total.unwrap_or(u64::MAX));
        if at >= end {
            return Step::End;
        }
        match (state.held.run_end(at), &state.place) {
            (Some(run), Place::Disk) => Step::File(at..run.min(end)),
            (Some(_), Place::Memory(pieces)) => {
                piece_at(pieces, at, end).map_or(Step::Gap(at..end), Step::Bytes)
            }
            (None, _) => state.gap_at(at, end).map_or(Step::Coming, Step::Gap),
        }
    }

    /// The gap of `within` that `at` lies in, back to where it begins.
    pub fn gap_around(&self, at: u64, within: Range<u64>) -> Range<u64> {
        let state = self.state();
        let mut start = within.start;
        while start < at {
            match state.gap_at(start, within.end) {
                Ok(gap) if gap.contains(&at) => return gap,
                Ok(gap) => start = gap.end,
                Err(next) => start = next,
            }
        }
        state.gap_at(at, within.end).unwrap_or(at..at)
    }

    /// Begins to fetch a range, unless somebody already fetches some of it.
    pub fn begin(self: &Arc<Self>, range: Range<u64>) -> Option<Filling> {
        let mut state = self.state();
        let busy =
            state.coming.iter().any(|other| other.start < range.end && range.start < other.end);
        if busy || range.is_empty() {
            return None;
        }
        state.coming.push(range.clone());
        drop(state);
        Some(Filling { content: self.clone(), at: range.start, range })
    }

    /// The pieces in memory, which go to a file: `None` when they are there already.
    pub fn pieces(&self) -> Option<Vec<(u64, Bytes)>> {
        match &self.state().place {
            Place::Memory(pieces) => Some(pieces.clone()),
            Place::Disk => None,
        }
    }

    /// The pieces are in the file now.
    pub fn moved_to_disk(&self) {
        self.state().place = Place::Disk;
    }

    /// Bytes from `at` on that could not be stored.
    pub fn hand_over(&self, at: u64, runs: Vec<Bytes>, body: Carried) {
        self.state().rest = Some((at, (runs, body)));
    }

    /// Takes what could not be stored, if it begins at `at` and nobody took it before.
    pub fn take_rest(&self, at: u64) -> Option<Rest> {
        let mut state = self.state();
        state.rest.take_if(|(start, _)| *start == at).map(|(_, rest)| rest)
    }

    /// A whole body in memory becomes one buffer of its very length: those it came in are larger.
    fn settle(&self) {
        let mut state = self.state();
        let Place::Memory(pieces) = &state.place else { return };
        let length = pieces.iter().map(|(_, piece)| piece.len()).sum();
        let adjoining = pieces.windows(2).all(|p| p[0].0 + p[0].1.len() as u64 == p[1].0);
        let Some(start) = pieces.first().map(|(start, _)| *start).filter(|_| adjoining) else {
            return;
        };
        let mut whole = BytesMut::with_capacity(length);
        for (_, piece) in pieces {
            whole.extend_from_slice(piece);
        }
        state.place = Place::Memory(vec![(start, whole.freeze())]);
    }
}

impl State {
    /// The gap that begins at `at`; or, where there is none, the next place to look.
    fn gap_at(&self, at: u64, end: u64) -> Result<Range<u64>, u64> {
        if let Some(run) = self.held.run_end(at) {
            return Err(run);
        }
        if let Some(coming) = self.coming.iter().find(|range| range.contains(&at)) {
            return Err(coming.end);
        }
        let gap = self.held.first_gap(at..end).ok_or(end)?;
        let next = self.coming.iter().map(|range| range.start).filter(|start| *start > at).min();
        Ok(at..gap.end.min(next.unwrap_or(u64::MAX)))
    }
}

fn piece_at(pieces: &[(u64, Bytes)], at: u64, end: u64) -> Option<Bytes> {
    let next = pieces.partition_point(|(start, _)| *start <= at);
    let (start, piece) = pieces.get(next.checked_sub(1)?)?;
    let from = usize::try_from(at - start).ok().filter(|from| *from < piece.len())?;
    let most = usize::try_from(end - at).unwrap_or(usize::MAX);
    Some(piece.slice(from..piece.len().min(from.saturating_add(most))))
}

impl Filling {
    /// Where the next bytes go.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Bytes that may still be added.
    pub fn left(&self) -> u64 {
        self.range.end - self.at
    }

    /// Is less here than was to come?
    pub fn is_short(&self) -> bool {
        self.range.end != u64::MAX && self.at < self.range.end
    }

    /// The origin gives less than was asked for.
    pub fn shorten(&mut self, end: u64) {
        let mut state = self.content.state();
        if let Some(coming) = state.coming.iter_mut().find(|range| **range == self.range) {
            coming.end = end.clamp(self.at, self.range.end);
            self.range.end = coming.end;
        }
    }

    /// Bytes that are to stay in memory. `false` where they are in too many pieces.
    pub fn put(&mut self, bytes: Bytes) -> bool {
        let (at, length) = (self.at, bytes.len() as u64);
        self.add(length, |place| {
            if let Place::Memory(pieces) = place {
                let next = pieces.partition_point(|(start, _)| *start < at);
                pieces.insert(next, (at, bytes));
            }
        })
    }

    /// `length` bytes were written to the file.
    pub fn written(&mut self, length: u64) -> bool {
        self.add(length, |_| {})
    }

    fn add(&mut self, length: u64, place: impl FnOnce(&mut Place)) -> bool {
        let mut state = self.content.state();
        place(&mut state.place);
        let added = state.held.add(self.at..self.at + length);
        drop(state);
        self.at += length;
        self.content.changed.send_replace(());
        added
    }

    /// The last byte has come: where the length was not known, it is now.
    pub fn finish(self) {
        if self.range.end == u64::MAX {
            self.content.state().total = Some(self.at);
        }
        if self.content.is_whole() {
            self.content.settle();
        }
    }
}

impl Drop for Filling {
    fn drop(&mut self) {
        self.content.state().coming.retain(|range| *range != self.range);
        self.content.changed.send_replace(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(content: &Arc<Content>, range: Range<u64>, text: &'static str) {
        let mut filling = content.begin(range).unwrap();
        assert!(filling.put(Bytes::from_static(text.as_bytes())));
        filling.finish();
    }

    #[test]
    fn a_reader_sees_what_is_here_what_comes_and_what_is_missing() {
        let content = Content::new(Some(10), false);
        put(&content, 2..4, "cd");
        let filling = content.begin(6..8).unwrap();
        assert_eq!(content.step(0, 10), Step::Gap(0..2));
        assert_eq!(content.step(3, 10), Step::Bytes(Bytes::from_static(b"d")));
        assert_eq!(content.step(4, 10), Step::Gap(4..6));
        assert_eq!(content.step(7, 10), Step::Coming);
        assert_eq!(content.step(8, 9), Step::Gap(8..9));
        assert_eq!(content.step(10, 99), Step::End);
        assert_eq!(content.next_gap(6..8), None);
        assert_eq!(content.next_gap(6..9), Some(8..9));
        drop(filling);
        assert_eq!(content.step(6, 10), Step::Gap(6..10));
    }

    #[test]
    fn nobody_fetches_what_another_fetches() {
        let content = Content::new(Some(10), false);
        let first = content.begin(2..6).unwrap();
        assert!(content.begin(5..8).is_none() && content.begin(0..3).is_none());
        assert!(content.begin(6..8).is_some() && content.begin(0..2).is_some());
        drop(first);
        assert!(content.begin(5..8).is_some());
    }

    #[test]
    fn a_body_of_unknown_length_has_one_once_it_ended_and_only_then() {
        let content = Content::new(None, false);
        let mut filling = content.begin(0..u64::MAX).unwrap();
        assert!(filling.put(Bytes::from_static(b"abc")));
        assert_eq!(content.step(3, u64::MAX), Step::Coming);
        drop(filling);
        assert!(matches!(content.step(3, u64::MAX), Step::Gap(_)), "cut is not ended");
        let content = Content::new(None, false);
        put(&content, 0..u64::MAX, "abc");
        assert_eq!((content.total(), content.step(3, u64::MAX)), (Some(3), Step::End));
        assert!(content.is_whole());
    }

    #[test]
    fn the_gap_around_a_place_begins_where_the_bytes_before_it_end() {
        let content = Content::new(Some(100), true);
        let mut filling = content.begin(10..12).unwrap();
        assert!(filling.written(2));
        filling.finish();
        assert_eq!(content.gap_around(20, 0..32), 12..32);
        assert_eq!(content.gap_around(5, 0..32), 0..10);
        assert_eq!(content.gap_around(0, 0..32), 0..10);
        assert_eq!(content.gap_around(40, 32..64), 32..64);
    }
}
