//! The bytes of one stored response, while they come and after: which are here, which are on
//! their way, and who is told when that changes.
//!
//! Small bodies lie in memory, larger ones in a file of the cache's own. Readers never wait for a
//! body to be whole: they take what is here and wait for the next bytes.

use std::{
    fs::File,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio::sync::watch;

use super::{held::Held, rest::Rest};

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
    /// What could not be stored: for the first reader who gets there.
    rest: Option<Rest>,
    /// How many read, or are about to.
    readers: usize,
    /// The file to which the bytes went while they were read: its name may be gone before those who
    /// began in memory get to it.
    spilled: Option<Arc<File>>,
}

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
    /// Nobody waits for the rest, and it is not fetched.
    left: bool,
}

/// Somebody who reads, or is about to: while there is one, what comes goes on coming.
#[derive(Debug)]
pub struct Joined {
    content: Arc<Content>,
    seen: watch::Receiver<()>,
}

impl State {
    fn new(total: Option<u64>, held: Held, place: Place) -> Self {
        Self { held, coming: Vec::new(), total, place, rest: None, readers: 0, spilled: None }
    }
}

impl Content {
    /// An empty body, in memory or on disk.
    pub fn new(total: Option<u64>, on_disk: bool) -> Arc<Self> {
        let place = if on_disk { Place::Disk } else { Place::Memory(Vec::new()) };
        let state = State::new(total, Held::default(), place);
        Arc::new(Self { state: Mutex::new(state), changed: watch::Sender::new(()) })
    }

    /// A body that was found on disk.
    pub fn found(total: u64, held: Held) -> Arc<Self> {
        let state = State::new(Some(total), held, Place::Disk);
        Arc::new(Self { state: Mutex::new(state), changed: watch::Sender::new(()) })
    }

    /// Every change is made in one step, so a poisoned lock guards whole data.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts as a reader until it is dropped, and is told of every change.
    pub fn join(self: &Arc<Self>) -> Joined {
        self.state().readers += 1;
        Joined { content: self.clone(), seen: self.changed.subscribe() }
    }

    /// Length of the whole, once it is known.
    pub fn total(&self) -> Option<u64> {
        self.state().total
    }

    /// Is every byte here?
    pub fn is_whole(&self) -> bool {
        self.state().is_whole()
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
        Some(Filling { content: self.clone(), at: range.start, range, left: false })
    }

    /// The pieces in memory, which go to a file: `None` when they are there already.
    pub fn pieces(&self) -> Option<Vec<(u64, Bytes)>> {
        match &self.state().place {
            Place::Memory(pieces) => Some(pieces.clone()),
            Place::Disk => None,
        }
    }

    /// The pieces are in the file now.
    pub fn moved_to_disk(&self, file: Arc<File>) {
        let mut state = self.state();
        state.place = Place::Disk;
        state.spilled = (state.readers > 0).then_some(file);
    }

    /// The file to which the bytes went while somebody read them who still does.
    pub fn spilled(&self) -> Option<Arc<File>> {
        self.state().spilled.clone()
    }

    /// Bytes that could not be stored.
    pub fn hand_over(&self, rest: Rest) {
        self.state().rest = Some(rest);
    }

    /// Takes what could not be stored, if it begins at `at` and nobody took it before.
    pub fn take_rest(&self, at: u64) -> Option<Rest> {
        self.state().rest.take_if(|rest| rest.at() == at)
    }
}

impl State {
    fn is_whole(&self) -> bool {
        self.total.is_some_and(|total| self.held.covers(0..total))
    }

    /// What came in `came`, or the whole once it is here, becomes one buffer of its very length: those
    /// it came in are larger, and shared with what else their connection brought.
    fn settle(&mut self, came: Range<u64>) {
        let range = if self.is_whole() { 0..u64::MAX } else { came };
        let Place::Memory(pieces) = &mut self.place else { return };
        let first = pieces.partition_point(|(start, _)| *start < range.start);
        let last = pieces.partition_point(|(start, _)| *start < range.end);
        let Some((start, _)) = pieces[first..last].first() else { return };
        let (start, mut all) = (*start, Vec::new());
        all.reserve_exact(pieces[first..last].iter().map(|(_, piece)| piece.len()).sum());
        for (_, piece) in pieces.drain(first..last) {
            all.extend_from_slice(&piece);
        }
        pieces.insert(first, (start, all.into()));
    }

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

impl Joined {
    /// What is read.
    pub fn content(&self) -> &Arc<Content> {
        &self.content
    }

    /// From here on, a change is news.
    pub fn mark_seen(&mut self) {
        self.seen.mark_unchanged();
    }

    /// Waits for a change since [`Joined::mark_seen`].
    pub async fn changed(&mut self) {
        // It cannot be closed: the content is held.
        let _ = self.seen.changed().await;
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        let mut state = self.content.state();
        state.readers -= 1;
        if state.readers == 0 {
            state.spilled = None;
        }
    }
}

impl Filling {
    /// Gives the rest up, unless somebody reads: in one step, so that whoever joins either finds the
    /// bytes on their way, and they come, or sees that they are not. Was it given up?
    pub fn leave(&mut self) -> bool {
        let mut state = self.content.state();
        if state.readers == 0 && !self.left {
            state.coming.retain(|range| *range != self.range);
            self.left = true;
        }
        self.left
    }

    /// Where the next bytes go.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Where the last bytes end; `u64::MAX` where the length is not known.
    pub fn end(&self) -> u64 {
        self.range.end
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
        if !state.held.add(self.at..self.at + length) {
            return false;
        }
        place(&mut state.place);
        drop(state);
        self.at += length;
        self.content.changed.send_replace(());
        true
    }

    /// The last byte has come: where the length was not known, it is now.
    pub fn finish(self) {
        if self.range.end == u64::MAX {
            self.content.state().total = Some(self.at);
        }
    }
}

impl Drop for Filling {
    fn drop(&mut self) {
        let mut state = self.content.state();
        // What was left may be another's by now.
        if !self.left {
            state.coming.retain(|range| *range != self.range);
        }
        state.settle(self.range.start..self.at);
        drop(state);
        self.content.changed.send_replace(());
    }
}

#[cfg(test)]
#[path = "content_tests.rs"]
mod tests;
