//! The region's side: copied folders opened with the private key, their chain verified. What does not
//! hold is said, file by file; rows are given all the same, marked as those of a file that does not.

use std::{fs, io, path::Path};

use jiff::{SignedDuration, Timestamp};

use super::{
    block::Malformed,
    book::GENESIS_HEAD_BYTES,
    chain::{Form, HEADER_BYTES, Head, Header, Link, Ratchet, TAG_BYTES, fingerprint, link},
    folder::{self, GENESIS, HEAD, MAX_FILES},
    record::Row,
    seal::{Identity, SealError},
};

/// A file of the journal is far smaller.
const MAX_FILE_BYTES: u64 = 1 << 30;
/// Files that are missing one after the other, beyond which they are not named one by one.
const MAX_NAMED: u64 = 1000;

/// Why nothing could be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The disk.
    #[error("could not read {path}: {source}")]
    Io {
        /// Which file or folder.
        path: std::path::PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// No journal.
    #[error(
        "{0} holds no journal: a folder with `genesis`, or with folders that have one, was expected"
    )]
    None(std::path::PathBuf),
    /// Not this log.
    #[error("{0} is of another log, or of another version")]
    Kind(std::path::PathBuf),
    /// The key.
    #[error("{path}: {source}")]
    Seal {
        /// Which file.
        path: std::path::PathBuf,
        /// Why it did not open.
        source: SealError,
    },
    /// Whoever asked would hear no more.
    #[error("could not write rows: {0}")]
    Told(io::Error),
}

/// What does not hold in a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No file of this number.
    #[error("it is missing")]
    Missing,
    /// The oldest file is there, but one before it was removed while its rows were to be kept.
    #[error("the file before it was removed before its term")]
    RemovedEarly,
    /// A piece that is of another file, or another place in it.
    #[error("a piece of it belongs elsewhere")]
    Misplaced,
    /// The bytes are not those that the box wrote.
    #[error("its tag does not fit: it was changed, or not written by this box")]
    Changed,
    /// It does not follow the piece before.
    #[error("it does not follow what stands before it")]
    Unlinked,
    /// Half a piece, or bytes that are none.
    #[error("it ends in bytes that are no whole piece")]
    Torn,
    /// The seal does not open, or what is in it is not as it should be.
    #[error("what is sealed in it cannot be read")]
    Unreadable,
    /// Not as many rows as its header says.
    #[error("its rows are not as many as it says")]
    Rows,
    /// `head` is missing, or not this chain's.
    #[error("`head` is missing, was changed, or is not of this chain")]
    Head,
    /// `head` knows of files that are not there.
    #[error("the chain ends before the place that `head` names: its end was cut off")]
    CutShort,
}

/// A fault, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file's name, or its number where there is none.
    pub file: String,
    /// What does not hold.
    pub fault: Fault,
}

/// What was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Names of the journals read; the region compares them with those noted when they began.
    pub fingerprints: Vec<String>,
    /// Files read.
    pub files: u64,
    /// Rows read.
    pub rows: u64,
    /// Rows that the box itself says it lost, for want of room.
    pub lost: u64,
    /// When the newest `head` was written: what came later is not covered by it.
    pub head_at: Option<Timestamp>,
    /// What does not hold; empty: nothing was cut, swapped, dropped or changed.
    pub findings: Vec<Finding>,
}

/// Reads a log from a copy of its folder and gives each row to `each`, with whether its file holds.
/// `now` says what should have been kept until today. Blocking.
pub fn read<R: Row>(
    log: &Path,
    identity: &Identity,
    now: Timestamp,
    mut each: impl FnMut(R, bool) -> io::Result<()>,
) -> Result<Report, ReadError> {
    let io = |source| ReadError::Io { path: log.to_owned(), source };
    let eras = folder::eras(log).map_err(io)?;
    if eras.is_empty() {
        return Err(ReadError::None(log.to_owned()));
    }
    let mut report = Report::default();
    for era in eras {
        Reader::<R>::open(&era, identity, now, &mut report)?.run(&mut each)?;
    }
    Ok(report)
}

struct Reader<'a, R> {
    era: &'a Path,
    identity: &'a Identity,
    now: Timestamp,
    report: &'a mut Report,
    key: Ratchet,
    /// The number of the file whose key that is.
    number: u64,
    /// The piece before; nothing after one that is missing.
    previous: Option<Link>,
    rows: std::marker::PhantomData<R>,
}

impl<'a, R: Row> Reader<'a, R> {
    fn open(
        era: &'a Path,
        identity: &'a Identity,
        now: Timestamp,
        report: &'a mut Report,
    ) -> Result<Self, ReadError> {
        let path = era.join(GENESIS);
        let genesis = bounded(&path)?;
        let sealed = match genesis.get(..GENESIS_HEAD_BYTES) {
            Some([b'P', b'J', b'G', b'1', kind, ..]) if *kind == R::KIND => {
                genesis.get(GENESIS_HEAD_BYTES..).unwrap_or_default()
            }
            _ => return Err(ReadError::Kind(path)),
        };
        let damaged = |source| ReadError::Seal { path: path.clone(), source };
        let first = identity.open(sealed).map_err(damaged)?;
        let first = first.try_into().map_err(|_| damaged(SealError::Damaged("no key".into())))?;
        report.fingerprints.push(fingerprint(&genesis));
        let previous = Some(link(&genesis));
        let (key, rows) = (Ratchet::new(first), std::marker::PhantomData);
        Ok(Self { era, identity, now, report, key, number: 1, previous, rows })
    }

    fn run(mut self, each: &mut impl FnMut(R, bool) -> io::Result<()>) -> Result<(), ReadError> {
        let io = |source| ReadError::Io { path: self.era.to_owned(), source };
        let files = folder::files(self.era).map_err(io)?;
        let last = files.last().map(|piece| piece.number);
        for (at, piece) in files.iter().enumerate() {
            let bytes = bounded(&piece.path)?;
            let name = piece.path.file_name().map(|name| name.to_string_lossy().into_owned());
            let name = name.unwrap_or_default();
            if at == 0 && piece.number > 1 {
                self.purged(&bytes, &name);
            } else {
                self.missing(piece.number);
            }
            self.forward_to(piece.number);
            self.file(&bytes, &name, Some(piece.number) == last, each)?;
        }
        self.head(last)
    }

    fn found(&mut self, file: &str, fault: Fault) {
        let finding = Finding { file: file.to_owned(), fault };
        if !self.report.findings.contains(&finding) {
            self.report.findings.push(finding);
        }
    }

    /// Files before the first one may be missing only when their rows were due.
    fn purged(&mut self, bytes: &[u8], name: &str) {
        self.previous = None;
        let Some(header) = Header::read(bytes) else { return };
        let due = |before: i64| {
            let term = SignedDuration::from_millis(header.term);
            let kept = Timestamp::from_millisecond(before).ok()?.checked_add(term).ok()?;
            Some(kept <= self.now)
        };
        if !header.before.and_then(due).unwrap_or(true) {
            self.found(name, Fault::RemovedEarly);
        }
    }

    fn missing(&mut self, upto: u64) {
        for number in (self.number..upto).take(usize::try_from(MAX_NAMED).unwrap_or(0)) {
            self.found(&number.to_string(), Fault::Missing);
            self.previous = None;
        }
    }

    fn forward_to(&mut self, number: u64) {
        while self.number < number {
            self.key = self.key.next();
            self.number += 1;
        }
    }

    fn file(
        &mut self,
        bytes: &[u8],
        name: &str,
        newest: bool,
        each: &mut impl FnMut(R, bool) -> io::Result<()>,
    ) -> Result<(), ReadError> {
        self.report.files += 1;
        let (mut rest, mut index) = (bytes, 0);
        while !rest.is_empty() {
            let header = Header::read(rest);
            let parts = header.and_then(|header| {
                let (piece, left) = rest.split_at_checked(header.piece_bytes())?;
                Some((header, piece, left))
            });
            let Some((header, piece, left)) = parts else {
                // A copy may be taken while the box writes its last second.
                if !newest || name.ends_with("hour") || index == 0 {
                    self.found(name, Fault::Torn);
                }
                break;
            };
            let before = self.report.findings.len();
            self.piece(&header, piece, name, index);
            let holds = self.report.findings.len() == before;
            self.rows(&header, piece, name, holds, each)?;
            // The next piece is not to blame for what this one has become.
            self.previous = holds.then(|| link(piece));
            (rest, index) = (left, index + 1);
        }
        if index == 0 {
            self.previous = None;
            if !newest || name.ends_with("hour") {
                self.found(name, Fault::Torn);
            }
        }
        self.number += 1;
        self.key = self.key.next();
        Ok(())
    }

    fn piece(&mut self, header: &Header, piece: &[u8], name: &str, index: u32) {
        let form = if name.ends_with("hour") { Form::Hour } else { Form::Chunk };
        let place = (header.kind, header.form, header.file, header.index);
        if place != (R::KIND, form, self.number, index) || (form == Form::Hour && index > 0) {
            self.found(name, Fault::Misplaced);
        }
        if self.previous.is_some_and(|previous| previous != header.previous) {
            self.found(name, Fault::Unlinked);
        }
        let (said, tag) = piece.split_at(piece.len() - TAG_BYTES);
        if !self.key.made(tag, said) {
            self.found(name, Fault::Changed);
        }
    }

    fn rows(
        &mut self,
        header: &Header,
        piece: &[u8],
        name: &str,
        holds: bool,
        each: &mut impl FnMut(R, bool) -> io::Result<()>,
    ) -> Result<(), ReadError> {
        let sealed = piece.get(HEADER_BYTES..piece.len() - TAG_BYTES).unwrap_or_default();
        let Ok(plain) = self.identity.open(sealed) else {
            self.found(name, Fault::Unreadable);
            return Ok(());
        };
        let (mut rest, mut count) = (&plain[..], 0_u64);
        while !rest.is_empty() {
            let Ok((rows, left)) = block::<R>(rest) else {
                self.found(name, Fault::Unreadable);
                break;
            };
            rest = left;
            count += rows.len() as u64;
            for row in rows {
                each(row, holds).map_err(ReadError::Told)?;
            }
        }
        if count != u64::from(header.rows) {
            self.found(name, Fault::Rows);
        }
        self.report.rows += count;
        self.report.lost += header.lost;
        Ok(())
    }

    /// `head` is under the key of the file to come: it cannot be made for an earlier place.
    fn head(mut self, last: Option<u64>) -> Result<(), ReadError> {
        let path = self.era.join(HEAD);
        let bytes = if path.exists() { bounded(&path)? } else { Vec::new() };
        let Some((head, said, tag)) = Head::read(&bytes) else {
            self.found(HEAD, Fault::Head);
            return Ok(());
        };
        if !(1..=MAX_FILES).contains(&head.file) {
            self.found(HEAD, Fault::Head);
            return Ok(());
        }
        // The file in progress is the head's own, or is still to come.
        let (next, last) = (self.number, last.unwrap_or(0));
        if head.file > next {
            self.found(&(head.file - 1).to_string(), Fault::CutShort);
        }
        // One behind: the copy was taken between two steps, or the file in progress is here.
        let key = self.key_of(head.file)?;
        let place = head.file >= last;
        if !key.made(tag, said) || !place {
            self.found(HEAD, Fault::Head);
            return Ok(());
        }
        self.report.head_at = Timestamp::from_millisecond(head.written).ok();
        if head.file == next && self.previous.is_some_and(|previous| previous != head.previous) {
            self.found(HEAD, Fault::CutShort);
        }
        Ok(())
    }

    /// The key of a file, from the first.
    fn key_of(&self, number: u64) -> Result<Ratchet, ReadError> {
        let path = self.era.join(GENESIS);
        let genesis = bounded(&path)?;
        let sealed = genesis.get(GENESIS_HEAD_BYTES..).unwrap_or_default();
        let damaged = |source| ReadError::Seal { path: path.clone(), source };
        let first = self.identity.open(sealed).map_err(damaged)?;
        let first = first.try_into().map_err(|_| damaged(SealError::Damaged("no key".into())))?;
        Ok((1..number).fold(Ratchet::new(first), |key, _| key.next()))
    }
}

fn block<R: Row>(bytes: &[u8]) -> Result<(Vec<R>, &[u8]), Malformed> {
    let (length, rest) = bytes.split_first_chunk::<4>().ok_or(Malformed::Short)?;
    let length = u32::from_le_bytes(*length) as usize;
    let (block, rest) = rest.split_at_checked(length).ok_or(Malformed::Short)?;
    Ok((R::unpack(block)?, rest))
}

fn bounded(path: &Path) -> Result<Vec<u8>, ReadError> {
    let io = |source| ReadError::Io { path: path.to_owned(), source };
    if fs::metadata(path).map_err(io)?.len() > MAX_FILE_BYTES {
        return Err(io(io::ErrorKind::FileTooLarge.into()));
    }
    fs::read(path).map_err(io)
}
