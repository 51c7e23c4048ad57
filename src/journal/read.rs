//! The region's side: copied folders opened with the private key, their chain verified. What does not
//! hold is said, file by file; rows are given all the same, marked as those of a file that does not.

mod report;

use std::{fs, io, path::Path};

use jiff::Timestamp;

pub use self::report::{Fault, Finding, ReadError, Report};

use super::{
    block::Malformed,
    book::GENESIS_HEAD_BYTES,
    chain::{
        Form, HEADER_BYTES, Head, Header, Link, Ratchet, TAG_BYTES, fingerprint, link, read_stub,
        stub,
    },
    folder::{self, GENESIS, HEAD, MAX_FILES, PURGED},
    record::Row,
    seal::{Identity, SealError},
};

/// A file of the journal is far smaller.
const MAX_FILE_BYTES: u64 = 1 << 30;
/// Files that are missing one after the other, beyond which they are not named one by one.
const MAX_NAMED: u64 = 1000;

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
    // Purged, and when it was written is known only by what was purged after it.
    let mut unproven = Vec::new();
    for era in eras {
        let mut reader = Reader::<R>::open(&era, identity, now, &mut report)?;
        match reader.mark()? {
            Mark::Nothing => {}
            Mark::Due => unproven.clear(),
            Mark::Unproven(finding) => unproven.push(finding),
        }
        reader.run(&mut each)?;
    }
    report.findings.append(&mut unproven);
    Ok(report)
}

/// What the mark of an era's purge says.
enum Mark {
    /// There is none, or it does not hold.
    Nothing,
    /// All up to a file that was due.
    Due,
    /// All up to a file of which that cannot be said by itself.
    Unproven(Finding),
}

struct Reader<'a, R> {
    era: &'a Path,
    identity: &'a Identity,
    now: Timestamp,
    report: &'a mut Report,
    genesis: Link,
    /// The first file's key.
    first: Ratchet,
    /// The last file that was purged, and its link.
    purged: Option<(u64, Link)>,
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
        let (genesis, first) = (link(&genesis), Ratchet::new(first));
        let (key, previous, purged) = (first.clone(), Some(genesis), None);
        let (number, rows) = (1, std::marker::PhantomData);
        Ok(Self { era, identity, now, report, genesis, first, purged, key, number, previous, rows })
    }

    fn run(mut self, each: &mut impl FnMut(R, bool) -> io::Result<()>) -> Result<(), ReadError> {
        let io = |source| ReadError::Io { path: self.era.to_owned(), source };
        let files = folder::files(self.era).map_err(io)?;
        let last = files.last().map(|piece| piece.number);
        // A purge that was cut off left its mark, and files that it was about to remove.
        if let Some(first) = files.first().filter(|first| first.number < self.number) {
            self.back_to(first.number);
        }
        for piece in &files {
            let bytes = bounded(&piece.path)?;
            let name = piece.path.file_name().map(|name| name.to_string_lossy().into_owned());
            let name = name.unwrap_or_default();
            self.missing(piece.number);
            self.forward_to(piece.number);
            self.file(&bytes, &name, Some(piece.number) == last, each)?;
        }
        self.after_purged();
        self.head(last)
    }

    /// Reads the mark of a purge: files up to its own may be missing, and the chain goes on from it.
    /// Nobody can make one for a file of the past: its key is gone.
    fn mark(&mut self) -> Result<Mark, ReadError> {
        let path = self.era.join(PURGED);
        if !path.exists() {
            return Ok(Mark::Nothing);
        }
        let bytes = bounded(&path)?;
        let parts = read_stub(&bytes).filter(|(header, ..)| {
            header.kind == R::KIND && (1..=MAX_FILES).contains(&header.file)
        });
        let Some((header, said, tag)) = parts else {
            self.found(PURGED, Fault::Purged);
            return Ok(Mark::Nothing);
        };
        self.forward_to(header.file);
        if !self.key.made(tag, said) {
            self.found(PURGED, Fault::Purged);
            self.back_to(1);
            return Ok(Mark::Nothing);
        }
        self.report.purged += header.file;
        self.purged = Some((header.file, link(&bytes)));
        self.after_purged();
        // As `purge.rs` goes by them.
        let is_past = |moment: &i64| *moment <= self.now.as_millisecond();
        let newest = header.newest.filter(|newest| Some(*newest) >= header.before.filter(is_past));
        let early = Finding { file: header.file.to_string(), fault: Fault::RemovedEarly };
        let Some(newest) = newest.filter(is_past) else { return Ok(Mark::Unproven(early)) };
        if newest.saturating_add(header.term) > self.now.as_millisecond() {
            self.report.findings.push(early);
        }
        Ok(Mark::Due)
    }

    fn found(&mut self, file: &str, fault: Fault) {
        let finding = Finding { file: file.to_owned(), fault };
        if !self.report.findings.contains(&finding) {
            self.report.findings.push(finding);
        }
    }

    fn after_purged(&mut self) {
        if let Some((last, link)) = self.purged.filter(|(last, _)| self.number <= last + 1) {
            self.forward_to(last + 1);
            self.previous = Some(link);
        }
    }

    /// Files that should stand before `upto` and do not; those that were purged should not.
    fn missing(&mut self, upto: u64) {
        if self.number < upto {
            self.previous = None;
        }
        let from = self.number.max(self.purged.map_or(1, |(last, _)| last + 1));
        for number in (from..upto).take(usize::try_from(MAX_NAMED).unwrap_or(0)) {
            self.found(&number.to_string(), Fault::Missing);
        }
    }

    fn back_to(&mut self, number: u64) {
        (self.key, self.number) = (self.first.clone(), 1);
        self.previous = (number == 1).then_some(self.genesis);
        self.forward_to(number);
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
            self.previous = holds.then(|| {
                let (said, tag) = parts_of(piece);
                link(&stub(said, tag))
            });
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
        let (said, tag) = parts_of(piece);
        if !self.key.made(tag, said) || link(sealed_in(piece)) != header.digest {
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
        let Ok(plain) = self.identity.open(sealed_in(piece)) else {
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
        let purged = self.purged.map_or(0, |(last, _)| last);
        let (next, last) = (self.number, last.unwrap_or(0).max(purged));
        if head.file > next {
            self.found(&(head.file - 1).to_string(), Fault::CutShort);
        }
        // One behind: the copy was taken between two steps, or the file in progress is here.
        let key = (1..head.file).fold(self.first.clone(), |key, _| key.next());
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
}

/// Header and tag of a whole piece.
fn parts_of(piece: &[u8]) -> (&[u8], &[u8]) {
    let (said, rest) = piece.split_at(HEADER_BYTES.min(piece.len()));
    (said, rest.split_at(rest.len().saturating_sub(TAG_BYTES)).1)
}

fn sealed_in(piece: &[u8]) -> &[u8] {
    piece.get(HEADER_BYTES..piece.len() - TAG_BYTES).unwrap_or_default()
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
