//! What ties pieces to one another, so that none is cut, swapped, dropped or changed unseen.
//!
//! Two ties. Each piece carries the SHA-256 of the one before. And each bears a tag (HMAC-SHA256) of
//! a key that goes forward only: the key of file *n+1* is a hash of that of file *n*, which is then
//! erased; the first was sealed to the region in `genesis`. Whoever takes the box over finds the
//! present key alone: with it the files of the past can be neither remade nor shortened.
//!
//! Both ties are over the header, which has the SHA-256 of what is sealed. So a piece's *stub*, its
//! header and tag, can be verified without the rest: a purge leaves that of the last file it removed,
//! and nobody can make one for a file that was not due.

use std::fmt::Write as _;

use ring::hmac;
use sha2::{Digest as _, Sha256};

/// SHA-256 of a piece's stub, or of `genesis`.
pub type Link = [u8; 32];

const MAGIC: [u8; 4] = *b"PJF2";
/// Bytes of a header.
pub const HEADER_BYTES: usize = 132;
/// Bytes of a tag.
pub const TAG_BYTES: usize = 32;
/// Bytes of a stub.
pub const STUB_BYTES: usize = HEADER_BYTES + TAG_BYTES;
/// What is sealed of one piece: no more is ever read into memory.
pub const MAX_SEALED_BYTES: usize = 256 << 20;
/// "No sure moment", in a header.
const NONE: i64 = i64::MIN;

/// Of bytes.
pub fn link(bytes: &[u8]) -> Link {
    Sha256::digest(bytes).into()
}

/// A journal's name for those who compare it: the SHA-256 of its `genesis`, in letters.
pub fn fingerprint(genesis: &[u8]) -> String {
    let mut letters = String::new();
    for byte in link(genesis) {
        // Writing to memory does not fail.
        let _ = write!(letters, "{byte:02x}");
    }
    letters
}

/// A key that goes forward only.
#[derive(Clone)]
pub struct Ratchet([u8; 32]);

impl std::fmt::Debug for Ratchet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ratchet")
    }
}

impl Ratchet {
    pub fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The next file's.
    pub fn next(&self) -> Self {
        Self(self.derive(b"preau journal: next"))
    }

    fn derive(&self, label: &[u8]) -> [u8; 32] {
        let mut derived = [0; 32];
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.0), label);
        derived.copy_from_slice(tag.as_ref());
        derived
    }

    fn key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &self.derive(b"preau journal: tag"))
    }

    /// Over these bytes.
    pub fn tag(&self, bytes: &[u8]) -> [u8; TAG_BYTES] {
        let mut tag = [0; TAG_BYTES];
        tag.copy_from_slice(hmac::sign(&self.key(), bytes).as_ref());
        tag
    }

    /// Is it the tag of these bytes?
    pub fn made(&self, tag: &[u8], bytes: &[u8]) -> bool {
        hmac::verify(&self.key(), bytes, tag).is_ok()
    }
}

/// Of what a file is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One piece, of an hour at most.
    Hour,
    /// One of many: what came in about a second.
    Chunk,
}

/// What a piece says in the clear. Moments are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    pub kind: u8,
    pub form: Form,
    /// The file's number, from 1.
    pub file: u64,
    /// The piece's place in its file, from 0.
    pub index: u32,
    pub rows: u32,
    /// Rows lost since the piece before, for want of room.
    pub lost: u64,
    /// When it was written.
    pub written: i64,
    /// The latest sure moment of a row in this file so far.
    pub newest: Option<i64>,
    /// The same of the whole file before.
    pub before: Option<i64>,
    /// Milliseconds that rows are kept.
    pub term: i64,
    /// The piece before; of the first, `genesis`.
    pub previous: Link,
    /// SHA-256 of what is sealed.
    pub digest: [u8; 32],
    /// Bytes that are sealed.
    pub sealed: u32,
}

impl Header {
    #[cfg(test)]
    pub fn nothing() -> Self {
        let (kind, file, index, rows, lost, sealed) = (1, 1, 0, 0, 0, 0);
        let (form, newest, before) = (Form::Hour, None, None);
        let (written, term, previous, digest) = (0, 0, [0; 32], [0; 32]);
        Self {
            kind,
            form,
            file,
            index,
            rows,
            lost,
            written,
            newest,
            before,
            term,
            previous,
            digest,
            sealed,
        }
    }

    pub fn to_bytes(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let mut rest = &mut bytes[..];
        let mut put = |part: &[u8]| {
            if let Some((here, left)) = std::mem::take(&mut rest).split_at_mut_checked(part.len()) {
                here.copy_from_slice(part);
                rest = left;
            }
        };
        put(&MAGIC);
        put(&[self.kind, u8::from(self.form == Form::Chunk), 0, 0]);
        put(&self.file.to_le_bytes());
        put(&self.index.to_le_bytes());
        put(&self.rows.to_le_bytes());
        put(&self.lost.to_le_bytes());
        put(&self.written.to_le_bytes());
        put(&self.newest.unwrap_or(NONE).to_le_bytes());
        put(&self.before.unwrap_or(NONE).to_le_bytes());
        put(&self.term.to_le_bytes());
        put(&self.previous);
        put(&self.digest);
        put(&self.sealed.to_le_bytes());
        bytes
    }

    /// `None`: this is no header.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        if take::<4>(&mut rest)? != MAGIC {
            return None;
        }
        let [kind, form, 0, 0] = take::<4>(&mut rest)? else { return None };
        let form = match form {
            0 => Form::Hour,
            1 => Form::Chunk,
            _ => return None,
        };
        let file = u64::from_le_bytes(take(&mut rest)?);
        let (index, rows) = (take(&mut rest)?, take(&mut rest)?);
        let lost = u64::from_le_bytes(take(&mut rest)?);
        let mut moment = || Some(i64::from_le_bytes(take(&mut rest)?));
        let (written, newest, before, term) = (moment()?, moment()?, moment()?, moment()?);
        let header = Self {
            kind,
            form,
            file,
            index: u32::from_le_bytes(index),
            rows: u32::from_le_bytes(rows),
            lost,
            written,
            newest: (newest != NONE).then_some(newest),
            before: (before != NONE).then_some(before),
            term,
            previous: take(&mut rest)?,
            digest: take(&mut rest)?,
            sealed: u32::from_le_bytes(take(&mut rest)?),
        };
        (header.sealed as usize <= MAX_SEALED_BYTES).then_some(header)
    }

    /// Bytes of the whole piece.
    pub fn piece_bytes(&self) -> usize {
        HEADER_BYTES + self.sealed as usize + TAG_BYTES
    }
}

fn take<const N: usize>(from: &mut &[u8]) -> Option<[u8; N]> {
    let (part, left) = from.split_first_chunk::<N>()?;
    *from = left;
    Some(*part)
}

/// A piece: header, what is sealed, tag; and its link.
pub fn piece(header: &Header, sealed: &[u8], key: &Ratchet) -> (Vec<u8>, Link) {
    let said = header.to_bytes();
    let tag = key.tag(&said);
    ([&said, sealed, &tag].concat(), link(&stub(&said, &tag)))
}

/// What stays of a piece that goes.
pub fn stub(header: &[u8], tag: &[u8]) -> Vec<u8> {
    [header, tag].concat()
}

/// A stub that was kept: what it says, the bytes under its tag, and the tag.
pub fn read_stub(bytes: &[u8]) -> Option<(Header, &[u8], &[u8])> {
    let (said, tag) = bytes.split_at_checked(HEADER_BYTES)?;
    Some((Header::read(said)?, said, tag)).filter(|_| tag.len() == TAG_BYTES)
}

const HEAD_MAGIC: [u8; 4] = *b"PJH1";
/// Bytes of the file `head`.
pub const HEAD_BYTES: usize = 4 + 8 + 8 + 32 + TAG_BYTES;

/// How far the chain goes, under the key of the file that comes: it cannot be put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The file in progress, or to come.
    pub file: u64,
    /// When this was written.
    pub written: i64,
    /// The last piece of the file before.
    pub previous: Link,
}

impl Head {
    pub fn to_bytes(&self, key: &Ratchet) -> Vec<u8> {
        let mut bytes = HEAD_MAGIC.to_vec();
        bytes.extend(self.file.to_le_bytes());
        bytes.extend(self.written.to_le_bytes());
        bytes.extend(self.previous);
        bytes.extend(key.tag(&bytes));
        bytes
    }

    /// What it says, the bytes under its tag, and the tag.
    pub fn read(bytes: &[u8]) -> Option<(Self, &[u8], &[u8])> {
        let (said, tag) = bytes.split_at_checked(HEAD_BYTES - TAG_BYTES)?;
        let mut rest = said;
        if take::<4>(&mut rest)? != HEAD_MAGIC || tag.len() != TAG_BYTES {
            return None;
        }
        let file = u64::from_le_bytes(take(&mut rest)?);
        let written = i64::from_le_bytes(take(&mut rest)?);
        Some((Self { file, written, previous: take(&mut rest)? }, said, tag))
    }
}
