//! One log being written. What comes in a second is sealed at once and appended to the *tail* of the
//! hour's file, and synced; at the hour's end all of it is written again as one sealed file, which
//! packs far better, from what memory still has in the clear. After a crash memory has nothing, and
//! nothing on the box can open the tail: it then stays as it is, for good.
//!
//! Blocking: its owner works on the blocking pool.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    mem,
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp};

use super::{
    block::MAX_ROWS,
    chain::{Form, Head, Header, Link, Ratchet, link, piece, read_stub},
    folder::{self, DRAFT, GENESIS, HEAD, PURGED},
    place::{Place, last_piece},
    purge,
    record::Row,
    seal::{Recipient, SealError},
};
use crate::store::{StoreError, durable};

/// What memory holds of an hour, packed: past it the file is closed before its hour is over.
const MAX_HELD_BYTES: usize = 32 << 20;
/// A `genesis` is far smaller.
const MAX_SMALL_BYTES: u64 = 64 * 1024;
const HOUR_MILLIS: i64 = 3_600_000;
const GENESIS_MAGIC: [u8; 4] = *b"PJG1";
/// Bytes of `genesis` before what is sealed: magic, kind, moment.
pub(super) const GENESIS_HEAD_BYTES: usize = 16;

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
    /// The file in progress, or to come.
    place: Place,
    /// The last piece before it.
    previous: Link,
    /// Does the disk know of that place? No file is begun before.
    placed: bool,
    fingerprint: String,
    hour: Option<Hour<R>>,
    /// Bytes appended since somebody last asked.
    grown: u64,
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
    /// Of its rows, if there are any: is each moment sure, or none?
    sure: Option<bool>,
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
        if let Err(error) = purge::keep_spare(log) {
            tracing::warn!(%error, "no room is kept for a purge on a full disk");
        }
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
        let place = Place { file: 1, before: None, key };
        let mut book = Self::at(era, settings, place, &genesis);
        book.keep_place(now)?;
        durable::replace(&era.join(GENESIS), &era.join(DRAFT), &genesis)?;
        tracing::info!(fingerprint = %book.fingerprint, "a journal begins: the region notes its fingerprint");
        Ok(book)
    }

    fn at(era: &Path, settings: Settings, place: Place, genesis: &[u8]) -> Self {
        Self {
            era: era.to_owned(),
            settings,
            place,
            previous: link(genesis),
            placed: false,
            fingerprint: super::fingerprint(genesis),
            hour: None,
            grown: 0,
        }
    }

    fn resume(era: &Path, settings: Settings, now: Timestamp) -> Result<Self, BookError> {
        let broken = |why| BookError::Broken { path: era.to_owned(), why };
        let genesis = durable::read_small(&era.join(GENESIS), MAX_SMALL_BYTES)?;
        let genesis = genesis.ok_or_else(|| broken("no genesis"))?;
        let place = Place::read(era)?.ok_or_else(|| broken("no key"))?;
        let file = place.file;
        let _ = durable::remove(&era.join(DRAFT));
        let mut book = Self::at(era, settings, place, &genesis);
        let files = folder::files(era).map_err(StoreError::io("list", era))?;
        let Some(last) = files.last() else {
            // All was purged, or nothing was written yet.
            book.previous = book.before_first()?.ok_or_else(|| broken("its files are gone"))?;
            book.keep_place(now)?;
            return Ok(book);
        };
        let found = last_piece(&last.path).map_err(StoreError::io("read", &last.path))?;
        match (found, last.number) {
            (None, number) if number == file => {
                // Not one whole piece: the crash came with the first.
                durable::remove(&last.path)?;
                let earlier = files.len().checked_sub(2).and_then(|at| files.get(at));
                let earlier = earlier.and_then(|piece| last_piece(&piece.path).ok().flatten());
                book.previous = match earlier {
                    Some((_, last)) => last,
                    None => book.before_first()?.ok_or_else(|| broken("its last file is gone"))?,
                };
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

    /// The link of what stands before the file in progress, when no file does: `genesis`, or the
    /// last that was purged.
    fn before_first(&self) -> Result<Option<Link>, BookError> {
        if self.place.file == 1 {
            return Ok(Some(self.previous));
        }
        let small = |name: &str| durable::read_small(&self.era.join(name), MAX_SMALL_BYTES);
        let stub = small(PURGED)?;
        let purged = stub.as_deref().and_then(|bytes| Some((read_stub(bytes)?.0, link(bytes))));
        if let Some((_, last)) = purged.filter(|(last, _)| last.file + 1 == self.place.file) {
            return Ok(Some(last));
        }
        let head = small(HEAD)?;
        let head = head.as_deref().and_then(Head::read).map(|(head, ..)| head);
        Ok(head.filter(|head| head.file == self.place.file).map(|head| head.previous))
    }

    /// Names the journal for the region.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Bytes appended since this was last asked.
    pub fn grown(&mut self) -> u64 {
        mem::take(&mut self.grown)
    }

    /// Seals up to [`MAX_ROWS`] rows, and syncs them. When that fails none of them is kept. `lost` of
    /// them were lost before they came here: that is sealed even when no row comes with it. Rows whose
    /// moments are sure and others are kept in files of their own: where only the one is known to be
    /// due, the other stays.
    pub fn append(&mut self, rows: &[R], lost: u64, now: Timestamp) -> Result<(), BookError> {
        self.tick(now)?;
        let sure = (!rows.is_empty()).then(|| rows.iter().all(|row| row.sure().is_some()));
        let before = self.hour.as_ref().and_then(|hour| hour.sure);
        if sure.is_some() && before.is_some() && before != sure {
            self.end_file(now)?;
        }
        let mut lost = lost;
        if rows.is_empty() && lost > 0 {
            return self.append_some(rows, lost, now);
        }
        for rows in rows.chunks(MAX_ROWS) {
            self.append_some(rows, mem::take(&mut lost), now)?;
        }
        Ok(())
    }

    fn append_some(&mut self, rows: &[R], lost: u64, now: Timestamp) -> Result<(), BookError> {
        if !self.placed {
            self.keep_place(now)?;
        }
        let mut hour = match self.hour.take() {
            Some(hour) => hour,
            None => Hour::begin(&self.era, self.place.file, self.previous, now)?,
        };
        let sure = rows.iter().all(|row| row.sure().is_some()) && hour.sure != Some(false);
        let newest = rows.iter().filter_map(R::sure).map(Timestamp::as_millisecond).max();
        let newest = hour.newest.max(newest).filter(|_| sure);
        let sealed = self.settings.recipient.seal(&framed(&R::pack(rows)));
        let written = sealed.map_err(BookError::from).and_then(|sealed| {
            let header = Header {
                form: Form::Chunk,
                index: hour.pieces,
                rows: u32::try_from(rows.len()).unwrap_or(u32::MAX),
                lost,
                newest,
                previous: hour.last,
                ..self.header(&sealed, now)
            };
            let (piece, last) = piece(&header, &sealed, &self.place.key);
            hour.write(&piece, last)?;
            self.grown += piece.len() as u64;
            Ok(())
        });
        if written.is_ok() {
            hour.take(rows, lost, newest);
        }
        let full = hour.blocks.len() > MAX_HELD_BYTES;
        self.hour = Some(hour);
        written?;
        // What was asked for is done; what cannot be ended is so with the next rows.
        if full && let Err(error) = self.end_file(now) {
            tracing::error!(%error, "a file of the journal could not be ended");
        }
        Ok(())
    }

    /// What is the same in every header of this file.
    fn header(&self, sealed: &[u8], now: Timestamp) -> Header {
        Header {
            kind: R::KIND,
            form: Form::Hour,
            file: self.place.file,
            index: 0,
            rows: 0,
            lost: 0,
            written: now.as_millisecond(),
            newest: None,
            before: self.place.before,
            term: millis(self.settings.term),
            previous: self.previous,
            digest: link(sealed),
            sealed: u32::try_from(sealed.len()).unwrap_or(u32::MAX),
        }
    }

    /// Ends the file when its hour is over, whatever was done to the clock.
    pub fn tick(&mut self, now: Timestamp) -> Result<(), BookError> {
        match &self.hour {
            Some(hour) if hour.number != hour_of(now) => self.end_file(now),
            _ => Ok(()),
        }
    }

    /// As one piece; where there is no room for that, in those that are there already.
    fn end_file(&mut self, now: Timestamp) -> Result<(), BookError> {
        let Err(error) = self.close(now) else { return Ok(()) };
        let Some(hour) = self.hour.take() else { return Err(error) };
        tracing::error!(%error, "an hour of the journal stays in pieces");
        self.go_on(hour.last, hour.newest, now)
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
            rows: hour.count,
            lost: hour.lost,
            newest: hour.newest,
            ..self.header(&sealed, now)
        };
        let (whole, last) = piece(&header, &sealed, &self.place.key);
        let path = self.era.join(folder::name(self.place.file, Form::Hour));
        let written = durable::replace(&path, &self.era.join(DRAFT), &whole);
        if let (Err(error), false) = (&written, path.exists()) {
            tracing::debug!(%error, "an hour was not written");
            return Ok(written?);
        }
        let (tail, newest) = (hour.path.clone(), hour.newest);
        self.hour = None;
        // On a disk that is full this makes the room for what follows. What bears its name and may
        // not be durable is no reason to remove the pieces.
        let removed = written.and_then(|()| durable::remove(&tail));
        self.go_on(last, newest, now)?;
        Ok(removed?)
    }

    /// The next file: its key, and how far the chain goes.
    fn go_on(&mut self, last: Link, newest: Option<i64>, now: Timestamp) -> Result<(), BookError> {
        self.place = Place {
            file: self.place.file + 1,
            before: self.place.before.max(newest),
            key: self.place.key.next(),
        };
        self.previous = last;
        self.keep_place(now)
    }

    fn keep_place(&mut self, now: Timestamp) -> Result<(), BookError> {
        self.placed = false;
        self.place.keep(&self.era)?;
        let (file, written) = (self.place.file, now.as_millisecond());
        let head = Head { file, written, previous: self.previous }.to_bytes(&self.place.key);
        durable::replace(&self.era.join(HEAD), &self.era.join(DRAFT), &head)?;
        self.placed = true;
        Ok(())
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
            sure: None,
            lost: 0,
            count: 0,
            blocks: Vec::new(),
            rows: Vec::new(),
        })
    }

    fn write(&mut self, bytes: &[u8], link: Link) -> Result<(), BookError> {
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
        self.last = link;
        Ok(())
    }
}

impl<R: Row + Clone> Hour<R> {
    fn take(&mut self, rows: &[R], lost: u64, newest: Option<i64>) {
        self.newest = newest;
        if let Some(row) = rows.first() {
            self.sure = Some(row.sure().is_some() && self.sure != Some(false));
        }
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
