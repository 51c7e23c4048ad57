//! Segments as files: `NUMBER.spool`, a head of 20 bytes and then bodies.
//!
//! The head: `PREAUSP1`, how far it was thinned, which rewriting of the segment it is (both 4 bytes,
//! little-endian), and the CRC-32 of the 16 bytes before.

use std::{
    fs::{File, OpenOptions},
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    ops::Range,
    path::{Path, PathBuf},
};

use super::{
    cursor::Cursor,
    entry::{Entries, Found},
    rewrite::Level,
};
use crate::store::{StoreError, durable};

const MAGIC: [u8; 8] = *b"PREAUSP1";
/// Length of a file's head.
pub const HEAD_BYTES: u64 = 20;
const EXTENSION: &str = "spool";
const DRAFT: &str = "draft";
/// More of a file is not read: no segment is so large.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// A segment, as it is remembered.
#[derive(Debug, Clone, Copy)]
pub struct Segment {
    /// How far it was thinned.
    pub level: Level,
    /// How often it was written anew.
    pub generation: u32,
    /// Length of its file.
    pub bytes: u64,
    /// Where in it those begin that were not taken yet.
    pub offset: u64,
    /// Samples that were not taken yet.
    pub left: u64,
    /// The earliest moment among them, in milliseconds since 1970.
    pub first: i64,
}

/// The segment under way.
#[derive(Debug)]
pub struct Open {
    /// Which.
    pub number: u64,
    /// How many collections it holds.
    pub collections: u32,
    path: PathBuf,
    file: File,
}

/// Where a segment is.
pub fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:016}.{EXTENSION}"))
}

/// Where it is written anew.
pub fn draft(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:016}.{DRAFT}"))
}

/// A draft that a crash left behind?
pub fn is_draft(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == DRAFT)
}

/// Which segment this is, if it is one.
pub fn number(path: &Path) -> Option<u64> {
    let is_one = path.extension().is_some_and(|extension| extension == EXTENSION);
    path.file_stem().filter(|_| is_one)?.to_str()?.parse().ok()
}

/// A file's head.
pub fn head(level: Level, generation: u32) -> Vec<u8> {
    let mut head = MAGIC.to_vec();
    head.extend_from_slice(&u32::from(level).to_le_bytes());
    head.extend_from_slice(&generation.to_le_bytes());
    head.extend_from_slice(&crc32fast::hash(&head).to_le_bytes());
    head
}

fn read_head(bytes: &[u8]) -> Option<(Level, u32)> {
    let (head, crc) = bytes.get(..20)?.split_at(16);
    let four =
        |at: usize| head.get(at..at + 4)?.first_chunk().map(|four| u32::from_le_bytes(*four));
    let good = head.starts_with(&MAGIC) && crc == crc32fast::hash(head).to_le_bytes();
    good.then_some((Level::try_from(four(8)?).ok()?, four(12)?))
}

/// Bytes of a segment; fewer where the file is shorter.
pub fn read(folder: &Path, number: u64, range: Range<u64>) -> Result<Vec<u8>, StoreError> {
    let path = path(folder, number);
    let mut bytes = Vec::new();
    let length = range.end.saturating_sub(range.start).min(MAX_FILE_BYTES);
    File::open(&path)
        .and_then(|mut file| {
            file.seek(SeekFrom::Start(range.start))?;
            file.take(length).read_to_end(&mut bytes)
        })
        .map_err(StoreError::io("read", &path))?;
    Ok(bytes)
}

impl Segment {
    /// Looks through a file; also how many samples are seen to be lost in it.
    pub fn read(path: &Path, number: u64, cursor: Cursor) -> Result<(Self, u64), StoreError> {
        let folder = durable::parent(path);
        let bytes = read(folder, number, 0..MAX_FILE_BYTES)?;
        // Bodies behind a head that is damaged are still good.
        let head = read_head(&bytes);
        let (level, generation) = head.unwrap_or((Level::Collected, 0));
        let begin = if head.is_some() { HEAD_BYTES } else { 0 };
        let at_cursor = cursor.number == number && cursor.generation == generation;
        let offset = if at_cursor { cursor.offset.max(begin) } else { begin };
        let offset = offset.min(bytes.len() as u64);
        let rest = bytes.get(usize::try_from(offset).unwrap_or(usize::MAX)..).unwrap_or_default();
        let (mut left, mut lost, mut first) = (0, 0, i64::MAX);
        for found in Entries::new(rest, true) {
            match found {
                Found::Entry(entry) => {
                    left += u64::from(entry.samples);
                    first = first.min(entry.first);
                }
                Found::Damaged { samples } => lost += u64::from(samples),
            }
        }
        let bytes = bytes.len() as u64;
        Ok((Self { level, generation, bytes, offset, left, first }, lost))
    }
}

impl Open {
    /// A new one, on the disk.
    pub fn create(folder: &Path, number: u64) -> Result<(Self, Segment), StoreError> {
        let (path, level) = (path(folder, number), Level::Collected);
        let mut file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(&path)
            .map_err(StoreError::io("create", &path))?;
        file.write_all(&head(level, 0)).map_err(StoreError::io("write", &path))?;
        durable::sync_data(&file, &path)?;
        durable::sync_folder(folder)?;
        let (bytes, offset) = (HEAD_BYTES, HEAD_BYTES);
        let segment = Segment { level, generation: 0, bytes, offset, left: 0, first: i64::MAX };
        Ok((Self { number, collections: 0, path, file }, segment))
    }

    /// A collection's bodies, behind those that are there; on the disk when this returns.
    pub fn append(&mut self, bytes: &[u8], length: u64) -> Result<(), StoreError> {
        let written = self.file.write_all(bytes).map_err(StoreError::io("write", &self.path));
        let kept = written.and_then(|()| durable::sync_data(&self.file, &self.path));
        match &kept {
            Ok(()) => self.collections += 1,
            // A part of a collection would be half a truth; if this fails too, its CRC tells.
            Err(_) => drop(self.file.set_len(length)),
        }
        kept
    }
}
