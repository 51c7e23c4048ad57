//! What has been kept long enough goes; nothing before.
//!
//! Before files go, the stub of the last of them (`chain.rs`) is left in `purged`: who reads the chain
//! sees that it was due, and that nothing else is missing.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp};

use super::{
    book::millis,
    chain::{Header, STUB_BYTES, read_stub},
    folder::{self, DRAFT, PURGED},
    place::Place,
};
use crate::store::{StoreError, durable};

/// Room kept in a log's folder.
const SPARE: &str = "spare";
/// Two blocks of most file systems.
const SPARE_BYTES: usize = 8192;

/// A file that goes, and its stub, if there is a whole piece in it.
struct Going {
    path: PathBuf,
    stub: Option<Vec<u8>>,
}

/// Removes files all of whose rows have been kept for the whole term at `now`, which must be sure;
/// returns how many. It goes from the oldest on and stops at the first that is not due. Rows whose
/// moment was in doubt go with the next file whose moments are sure: it was written later. A file was
/// given its term when it was written: a shorter one that is asked for since does not change it.
pub fn purge(log: &Path, term: SignedDuration, now: Timestamp) -> Result<usize, StoreError> {
    let eras = folder::eras(log).map_err(StoreError::io("list", log))?;
    let mut walk = Walk::new(millis(term), now.as_millisecond());
    let (mut due, mut waiting) = (Vec::new(), Vec::new());
    'eras: for era in &eras {
        // Its writer has the file in progress open.
        let in_progress = Place::read(era)?.map_or(u64::MAX, |place| place.file);
        let files = folder::files(era).map_err(StoreError::io("list", era))?;
        for piece in files.into_iter().filter(|piece| piece.number < in_progress) {
            let stub = folder::last_stub(&piece.path);
            let stub = stub.map_err(StoreError::io("read", &piece.path))?;
            let (header, stub) = stub.unzip();
            waiting.push(Going { path: piece.path, stub });
            match walk.next(header.as_ref()) {
                Says::Waits => {}
                Says::Due => due.append(&mut waiting),
                Says::Stop => break 'eras,
            }
        }
    }
    if due.is_empty() {
        return Ok(0);
    }
    for era in &eras {
        let mut of_era = due.iter().filter(|one| one.path.starts_with(era));
        if let Some(stub) = of_era.clone().rev().find_map(|one| one.stub.as_ref()) {
            let left = leave(era, stub);
            if left.is_err() {
                // A disk that is full has room for this, kept for it.
                durable::remove(&log.join(SPARE))?;
                leave(era, stub)?;
            }
        }
        of_era.try_for_each(|one| durable::remove(&one.path))?;
        durable::sync_folder(era)?;
    }
    keep_spare(log)?;
    Ok(due.len())
}

/// Keeps the room that a purge needs where there is no other.
pub(super) fn keep_spare(log: &Path) -> Result<(), StoreError> {
    let path = log.join(SPARE);
    if path.exists() {
        return Ok(());
    }
    durable::replace(&path, &log.join(DRAFT), &[0; SPARE_BYTES])
}

/// Leaves the stub of the last file that goes; unless that of a later one is there, from a purge that
/// was cut off.
fn leave(era: &Path, stub: &[u8]) -> Result<(), StoreError> {
    let path = era.join(PURGED);
    let left = durable::read_small(&path, STUB_BYTES as u64)?;
    let file = |bytes: &[u8]| read_stub(bytes).map(|(header, ..)| header.file);
    if left.as_deref().and_then(file) >= file(stub) {
        return Ok(());
    }
    durable::replace(&path, &era.join(DRAFT), stub)
}

/// Files in their order, each judged.
struct Walk {
    now: i64,
    term: i64,
    /// The longest term of those that wait.
    longest: i64,
    /// The latest sure moment so far.
    latest: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    /// It goes, and all that wait before it.
    Due,
    /// When it was written nobody knew the time: it goes with the next of which that is known.
    Waits,
    /// It stays, and all after it.
    Stop,
}

impl Walk {
    fn new(term: i64, now: i64) -> Self {
        Self { now, term, longest: term, latest: None }
    }

    fn next(&mut self, header: Option<&Header>) -> Says {
        let Some(header) = header else { return Says::Waits };
        self.longest = self.longest.max(header.term);
        let is_past = |moment: &i64| *moment <= self.now;
        self.latest = self.latest.max(header.before.filter(is_past));
        // A moment that is still to come, or before one that had passed already, is no sure one,
        // whatever was thought of the clock then.
        let newest = header.newest.filter(is_past);
        let Some(newest) = newest.filter(|newest| Some(*newest) >= self.latest) else {
            return Says::Waits;
        };
        self.latest = Some(newest);
        if newest.saturating_add(self.longest) > self.now {
            return Says::Stop;
        }
        self.longest = self.term;
        Says::Due
    }
}

/// Bytes on disk, files, and the oldest file's first moment of writing.
pub fn weigh(log: &Path) -> io::Result<(u64, u64, Option<Timestamp>)> {
    let (bytes, files) = folder::weigh(log)?;
    let mut oldest = None;
    for era in folder::eras(log)? {
        if let Some(piece) = folder::files(&era)?.first() {
            let header = folder::header(&mut File::open(&piece.path)?)?;
            oldest = header.and_then(|header| Timestamp::from_millisecond(header.written).ok());
            break;
        }
    }
    Ok((bytes, files, oldest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;
    const TERM: i64 = 100 * HOUR;

    /// What a walk says of files whose newest sure moments, in hours, and terms are these.
    fn said(files: &[(Option<i64>, i64)], now: i64) -> Vec<Says> {
        let mut walk = Walk::new(TERM, now * HOUR);
        let mut before: Option<i64> = None;
        let mut said = Vec::new();
        for (newest, term) in files {
            let newest = newest.map(|hour| hour * HOUR);
            let header = Header { newest, before, term: *term, ..Header::nothing() };
            before = before.max(newest);
            said.push(walk.next(Some(&header)));
        }
        said
    }

    #[test]
    fn what_a_clock_that_was_wrong_and_thought_right_said_neither_hastens_nor_stops_a_purge() {
        use Says::{Due, Stop, Waits};
        let of = |hours: &[i64]| hours.iter().map(|hour| (Some(*hour), TERM)).collect::<Vec<_>>();
        assert_eq!(said(&of(&[1, 2, 3]), 102), [Due, Due, Stop]);
        // Years ahead: it goes with the next, not years later.
        assert_eq!(said(&of(&[1, 90_000, 3, 4]), 103), [Due, Waits, Due, Stop]);
        // Years back: not before the one it came after, nor before the next.
        assert_eq!(said(&of(&[50, -90_000, 52]), 151), [Due, Waits, Stop]);
        assert_eq!(said(&of(&[50, -90_000, 52]), 152), [Due, Waits, Due]);
    }

    #[test]
    fn a_term_that_is_shortened_holds_for_what_is_written_from_then_on() {
        use Says::{Due, Stop, Waits};
        let files = [(Some(1), 2 * TERM), (Some(2), TERM)];
        assert_eq!(said(&files, 150)[0], Stop);
        assert_eq!(said(&files, 201), [Due, Due]);
        // What waits has its own term.
        let files = [(None, 2 * TERM), (Some(2), TERM)];
        assert_eq!(said(&files, 201), [Waits, Stop]);
        assert_eq!(said(&files, 202), [Waits, Due]);
    }
}
