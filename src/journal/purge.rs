//! What has been kept long enough goes; nothing before.

use std::{fs::File, io, path::Path};

use jiff::{SignedDuration, Timestamp};

use super::{book::millis, chain::HEADER_BYTES, folder};
use crate::store::{StoreError, durable};

/// Removes files all of whose rows have been kept for the whole term at `now`, which must be sure;
/// returns how many. It goes from the oldest on and stops at the first that is not due. Rows whose
/// moment was in doubt go with the next file whose moments are sure: it was written later.
pub fn purge(log: &Path, term: SignedDuration, now: Timestamp) -> Result<usize, StoreError> {
    let last_due = now.as_millisecond().saturating_sub(millis(term));
    let eras = folder::eras(log).map_err(StoreError::io("list", log))?;
    let (mut due, mut waiting) = (Vec::new(), Vec::new());
    'eras: for era in &eras {
        let files = folder::files(era).map_err(StoreError::io("list", era))?;
        for piece in files {
            waiting.push(piece.path.clone());
            let newest = newest_of(&piece.path).map_err(StoreError::io("read", &piece.path))?;
            match newest {
                None => {}
                Some(newest) if newest <= last_due => due.append(&mut waiting),
                Some(_) => break 'eras,
            }
        }
    }
    for path in &due {
        durable::remove(path)?;
    }
    for era in eras.iter().filter(|era| due.iter().any(|path| path.starts_with(era))) {
        durable::sync_folder(era)?;
    }
    Ok(due.len())
}

/// The latest sure moment in a file, read from its headers.
fn newest_of(path: &Path) -> io::Result<Option<i64>> {
    let mut file = File::open(path)?;
    let mut newest = None;
    while let Some(header) = folder::header(&mut file)? {
        newest = newest.max(header.newest);
        let rest = i64::try_from(header.piece_bytes() - HEADER_BYTES).unwrap_or(i64::MAX);
        io::Seek::seek(&mut file, io::SeekFrom::Current(rest))?;
    }
    Ok(newest)
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
