//! One log being written. What comes in a second is sealed at once and appended to the *tail* of the
//! hour's file, and synced; at the hour's end all of it is written again as one sealed file, which
//! packs far better, from what memory still has in the clear. After a crash memory has nothing, and
//! nothing on the box can open the tail: it then stays as it is, for good.
//!
//! Blocking: its owner works on the blocking pool.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Write as _},
    mem,
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp};

use super::{
    block::MAX_ROWS,
    chain::{Form, HEADER_BYTES, Head, Header, Link, Ratchet, link, piece},
    folder::{self, DRAFT, GENESIS, HEAD, KEY},
    record::Row,
    seal::{Recipient, SealError},
};
use crate::store::{StoreError, durable};

/// What memory holds of an hour, packed: past it the file is closed before its hour is over.
const MAX_HELD_BYTES: usize = 32 << 20;
/// A `genesis` or a `key` is far smaller.
const MAX_SMALL_BYTES: u64 = 64 * 1024;
const HOUR_MILLIS: i64 = 3_600_000;
const GENESIS_MAGIC: [u8; 4] = *b"PJG1";
/// Bytes of `genesis` before what is sealed: magic, kind, moment.
pub(super) const GENESIS_HEAD_BYTES: usize = 16;
/// Number, latest sure moment, key.
const KEY_BYTES: usize = 8 + 8 + 32;
const NONE: i64 = i64::MIN;

/// What went wrong, on what.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// The disk.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The seal.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The chain cannot go on from what is there.
    #[error("{path}: the chain of the journal cannot go on: {why}")]
    Broken {
        /// The era's folder.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
}

/// What a log is written by.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The region's public key.
    pub recipient: Recipient,
    /// How long rows are kept; said in every header.
    pub term: SignedDuration,
}

/// A log being written.
#[derive(Debug)]
pub struct Book<R> {
    era: PathBuf,
    settings: Settings,
    key: Ratchet,
    /// The file in progress, or to come.
    file: u64,
    /// The last piece before it.
    previous: Link,
    /// Latest sure moment of all files before.
    before: Option<i64>,
    fingerprint: String,
    hour: Option<Hour<R>>,
}

/// The file in progress.
#[derive(Debug)]
struct Hour<R> {
    tail: File,
    path: PathBuf,
    length: u64,
    pieces: u32,
    last: Link,
    /// Hours since 1970 at its beginning.
    number: i64,
    newest: Option<i64>,
    lost: u64,
    count: u32,
    /// Packed, each with its length before it.
    blocks: Vec<u8>,
    /// Not yet.
    rows: Vec<R>,
}

impl<R: Row + Clone> Book<R> {
    /// Goes on with the log in a folder, or begins it. An era whose chain cannot go on is left as it
    /// is, and another begun: what matters most is that the account goes on.
    pub fn open(log: &Path, settings: Settings, now: Timestamp) -> Result<Self, BookError> {
        durable::make_folder(log)?;
        let eras = folder::eras(log).map_err(StoreError::io("list", log))?;
        if let Some(last) = eras.last() {
            if !last.join(GENESIS).exists() {
                return Self::begin(last, settings, now);
            }
            match Self::resume(last, settings.clone(), now) {
                Err(error @ BookError::Broken { .. }) => {
                    tracing::error!(%error, "the journal goes on in a new folder beside it");
                }
                other => return other,
            }
        }
        Self::begin(&folder::next_era(log, &eras), settings, now)
    }

    fn begin(era: &Path, settings: Settings, now: Timestamp) -> Result<Self, BookError> {
        durable::make_folder(era)?;
        let key = Ratchet::new(rand::random());
        let mut genesis = GENESIS_MAGIC.to_vec();
        genesis.extend([R::KIND, 0, 0, 0]);
        genesis.extend(now.as_millisecond().to_le_bytes());
        genesis.extend(settings.recipient.seal(key.bytes())?);
        let book = Self {
            era: era.to_owned(),
            settings,
            key,
            file: 1,
            previous: link(&genesis),
            before: None,
            fingerprint: super::fingerprint(&genesis),
            hour: None,
        };
        book.keep_place(now)?;
        durable::replace(&era.join(GENESIS), &era.join(DRAFT), &genesis)?;
        tracing::info!(fingerprint = %book.fingerprint, "a journal begins: the region notes its fingerprint");
        Ok(book)
    }

    fn resume(era: &Path, settings: Settings, now: Timestamp) -> Result<Self, BookError> {
        let broken = |why| BookError::Broken { path: era.to_owned(), why };
        let small = |name: &str| durable::read_small(&era.join(name), MAX_SMALL_BYTES);
        let genesis = small(GENESIS)?.ok_or_else(|| broken("no genesis"))?;
        let (file, before, key) =
            small(KEY)?.and_then(|bytes| read_key(&bytes)).ok_or_else(|| broken("no key"))?;
        let _ = durable::remove(&era.join(DRAFT));
        let mut book = Self {
            era: era.to_owned(),
            settings,
            key,
            file,
            previous: link(&genesis),
            before,
            fingerprint: super::fingerprint(&genesis),
            hour: None,
        };
        let files = folder::files(era).map_err(StoreError::io("list", era))?;
        let Some(last) = files.last() else {
            // All was purged, or nothing was written yet.
            if let Some(head) = small(HEAD)?.as_deref().and_then(Head::read)
                && file > 1
                && head.0.file == file
            {
                book.previous = head.0.previous;
            } else if file > 1 {
                return Err(broken("its files are gone"));
            }
            book.keep_place(now)?;
            return Ok(book);
        };
        let found = last_piece(&last.path).map_err(StoreError::io("read", &last.path))?;
        match (found, last.number) {
            (None, number) if number == file => {
                // Not one whole piece: the crash came with the first.
                durable::remove(&last.path)?;
                let earlier = files.len().checked_sub(2).and_then(|at| files.get(at));
                match earlier.map(|piece| last_piece(&piece.path)) {
                    None if file == 1 => {}
                    Some(Ok(Some((_, last)))) => book.previous = last,
                    _ => match small(HEAD)?.as_deref().and_then(Head::read) {
                        Some((head, ..)) if head.file == file => book.previous = head.previous,
                        _ => return Err(broken("its last file is gone")),
                    },
                }
                book.keep_place(now)?;
            }
            (Some((header, last)), number) if number == file => {
                book.go_on(last, header.newest, now)?;
            }
            (Some((_, last)), number) if number + 1 == file => {
                book.previous = last;
                book.keep_place(now)?;
            }
            _ => return Err(broken("its key and its files do not belong together")),
        }
        // Where the hour was written whole, its chunks are no longer needed.
        let whole = last.path.extension().is_some_and(|ending| ending == "hour");
        if whole {
            durable::remove(&era.join(folder::name(last.number, Form::Chunk)))?;
        }
        Ok(book)
    }

    /// Names the journal for the region.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Seals rows, and syncs them. When that fails none of them is kept. `lost` of them were lost
    /// before they came here.
    pub fn append(&mut self, rows: &[R], lost: u64, now: Timestamp) -> Result<(), BookError> {
        self.tick(now)?;
        let mut lost = lost;
        for rows in rows.chunks(MAX_ROWS) {
            self.append_some(rows, mem::take(&mut lost), now)?;
        }
        Ok(())
    }

    fn append_some(&mut self, rows: &[R], lost: u64, now: Timestamp) -> Result<(), BookError> {
        let mut hour = match self.hour.take() {
            Some(hour) => hour,
            None => Hour::begin(&self.era, self.file, self.previous, now)?,
        };
        let newest = rows.iter().filter_map(R::sure).map(Timestamp::as_millisecond).max();
        let newest = hour.newest.max(newest);
        let sealed = self.settings.recipient.seal(&framed(&R::pack(rows)));
        let written = sealed.map_err(BookError::from).and_then(|sealed| {
            let header = Header {
                kind: R::KIND,
                form: Form::Chunk,
                file: self.file,
                index: hour.pieces,
                rows: u32::try_from(rows.len()).unwrap_or(u32::MAX),
                lost,
                written: now.as_millisecond(),
                newest,
                before: self.before,
                term: millis(self.settings.term),
                previous: hour.last,
                sealed: u32::try_from(sealed.len()).unwrap_or(u32::MAX),
            };
            hour.write(&piece(&header, &sealed, &self.key))
        });
        if written.is_ok() {
            hour.take(rows, lost, newest);
        }
        let full = hour.blocks.len() > MAX_HELD_BYTES;
        self.hour = Some(hour);
        written?;
        // What was asked for is done; closing is tried again with the next rows.
        if full && let Err(error) = self.close(now) {
            tracing::error!(%error, "a file of the journal could not be closed");
        }
        Ok(())
    }

    /// Ends the file when its hour is over, whatever was done to the clock.
    pub fn tick(&mut self, now: Timestamp) -> Result<(), BookError> {
        match &self.hour {
            Some(hour) if hour.number != hour_of(now) => self.close(now),
            _ => Ok(()),
        }
    }

    /// Writes what memory has of the file in progress as one, and forgets it.
    pub fn close(&mut self, now: Timestamp) -> Result<(), BookError> {
        let Some(hour) = &self.hour else { return Ok(()) };
        let mut plain = hour.blocks.clone();
        if !hour.rows.is_empty() {
            plain.extend(framed(&R::pack(&hour.rows)));
        }
        let sealed = self.settings.recipient.seal(&plain)?;
        let header = Header {
            kind: R::KIND,
            form: Form::Hour,
            file: self.file,
            index: 0,
            rows: hour.count,
            lost: hour.lost,
            written: now.as_millisecond(),
            newest: hour.newest,
            before: self.before,
            term: millis(self.settings.term),
            previous: self.previous,
            sealed: u32::try_from(sealed.len()).unwrap_or(u32::MAX),
        };
        let whole = piece(&header, &sealed, &self.key);
        let path = self.era.join(folder::name(self.file, Form::Hour));
        durable::replace(&path, &self.era.join(DRAFT), &whole)?;
        let (tail, newest) = (hour.path.clone(), hour.newest);
        self.hour = None;
        self.go_on(link(&whole), newest, now)?;
        Ok(durable::remove(&tail)?)
    }

    /// The next file: its key, and how far the chain goes.
    fn go_on(&mut self, last: Link, newest: Option<i64>, now: Timestamp) -> Result<(), BookError> {
        self.file += 1;
        self.key = self.key.next();
        self.previous = last;
        self.before = self.before.max(newest);
        self.keep_place(now)
    }

    fn keep_place(&self, now: Timestamp) -> Result<(), BookError> {
        let mut key = self.file.to_le_bytes().to_vec();
        key.extend(self.before.unwrap_or(NONE).to_le_bytes());
        key.extend(self.key.bytes());
        let draft = self.era.join(DRAFT);
        durable::replace_secret(&self.era.join(KEY), &draft, &key)?;
        let head = Head { file: self.file, written: now.as_millisecond(), previous: self.previous };
        Ok(durable::replace(&self.era.join(HEAD), &draft, &head.to_bytes(&self.key))?)
    }
}

impl<R: Clone> Hour<R> {
    fn begin(era: &Path, file: u64, previous: Link, now: Timestamp) -> Result<Self, BookError> {
        let path = era.join(folder::name(file, Form::Chunk));
        let opened = OpenOptions::new().create(true).truncate(true).write(true).open(&path);
        let tail = opened.map_err(StoreError::io("create", &path))?;
        durable::sync_folder(era)?;
        Ok(Self {
            tail,
            path,
            length: 0,
            pieces: 0,
            last: previous,
            number: hour_of(now),
            newest: None,
            lost: 0,
            count: 0,
            blocks: Vec::new(),
            rows: Vec::new(),
        })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), BookError> {
        let written = self.tail.write_all(bytes).map_err(StoreError::io("write", &self.path));
        let synced = written.and_then(|()| durable::sync_data(&self.tail, &self.path));
        if let Err(error) = synced {
            // Half a piece must not stand in the middle.
            let _ = self.tail.set_len(self.length);
            let _ = io::Seek::seek(&mut self.tail, io::SeekFrom::Start(self.length));
            return Err(error.into());
        }
        self.length += bytes.len() as u64;
        self.pieces += 1;
        self.last = link(bytes);
        Ok(())
    }
}

impl<R: Row + Clone> Hour<R> {
    fn take(&mut self, rows: &[R], lost: u64, newest: Option<i64>) {
        self.newest = newest;
        self.lost += lost;
        self.count = self.count.saturating_add(u32::try_from(rows.len()).unwrap_or(u32::MAX));
        self.rows.extend_from_slice(rows);
        while self.rows.len() >= MAX_ROWS {
            let rest = self.rows.split_off(MAX_ROWS);
            self.blocks.extend(framed(&R::pack(&self.rows)));
            self.rows = rest;
        }
    }
}

/// A block with its length before it.
fn framed(block: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(block.len()).unwrap_or(u32::MAX).to_le_bytes().to_vec();
    bytes.extend_from_slice(block);
    bytes
}

pub(super) fn millis(duration: SignedDuration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn hour_of(now: Timestamp) -> i64 {
    now.as_millisecond().div_euclid(HOUR_MILLIS)
}

fn read_key(bytes: &[u8]) -> Option<(u64, Option<i64>, Ratchet)> {
    let bytes: &[u8; KEY_BYTES] = bytes.try_into().ok()?;
    let (file, rest) = bytes.split_first_chunk::<8>()?;
    let (before, key) = rest.split_first_chunk::<8>()?;
    let before = i64::from_le_bytes(*before);
    let before = (before != NONE).then_some(before);
    Some((u64::from_le_bytes(*file), before, Ratchet::new(key.try_into().ok()?)))
}

/// The last whole piece of a file, and its link. What follows it was being written: it is cut off.
fn last_piece(path: &Path) -> io::Result<Option<(Header, Link)>> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let length = file.metadata()?.len();
    let (mut at, mut last) = (0, None);
    while let Some(header) = folder::header(&mut file)? {
        let rest = header.piece_bytes() - HEADER_BYTES;
        if length - at < header.piece_bytes() as u64 {
            break;
        }
        let mut whole = header.to_bytes().to_vec();
        (&mut file).take(rest as u64).read_to_end(&mut whole)?;
        at += whole.len() as u64;
        last = Some((header, link(&whole)));
    }
    if at < length {
        file.set_len(at)?;
        file.sync_all()?;
    }
    Ok(last)
}
