//! Where a chain stands, as the box keeps it for itself: which file comes, under which key.

use std::{
    fs::OpenOptions,
    io::{self, Read as _},
    path::Path,
};

use super::{
    chain::{HEADER_BYTES, Header, Link, Ratchet, TAG_BYTES, link, stub},
    folder::{self, DRAFT, KEY},
};
use crate::store::{StoreError, durable};

/// Number, latest sure moment, key.
const KEY_BYTES: usize = 8 + 8 + 32;
const NONE: i64 = i64::MIN;

/// What `key` holds.
#[derive(Debug)]
pub struct Place {
    /// The file in progress, or to come.
    pub file: u64,
    /// Latest sure moment of all files before, in milliseconds since 1970.
    pub before: Option<i64>,
    /// The key of that file.
    pub key: Ratchet,
}

impl Place {
    /// `None`: there is none, or what is there is no place.
    pub fn read(era: &Path) -> Result<Option<Self>, StoreError> {
        let bytes = durable::read_small(&era.join(KEY), KEY_BYTES as u64)?;
        Ok(bytes.and_then(|bytes| Self::from_bytes(&bytes)))
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; KEY_BYTES] = bytes.try_into().ok()?;
        let (file, rest) = bytes.split_first_chunk::<8>()?;
        let (before, key) = rest.split_first_chunk::<8>()?;
        let before = i64::from_le_bytes(*before);
        Some(Self {
            file: u64::from_le_bytes(*file),
            before: (before != NONE).then_some(before),
            key: Ratchet::new(key.try_into().ok()?),
        })
    }

    /// Replaces the key before it, which is then nowhere any more.
    pub fn keep(&self, era: &Path) -> Result<(), StoreError> {
        let mut bytes = self.file.to_le_bytes().to_vec();
        bytes.extend(self.before.unwrap_or(NONE).to_le_bytes());
        bytes.extend(self.key.bytes());
        durable::replace_secret(&era.join(KEY), &era.join(DRAFT), &bytes)
    }
}

/// The last whole piece of a file, and its link. What follows it was being written: it is cut off.
pub fn last_piece(path: &Path) -> io::Result<Option<(Header, Link)>> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let length = file.metadata()?.len();
    let (mut at, mut last) = (0, None);
    while let Some(header) = folder::header(&mut file)? {
        let rest = header.piece_bytes() - HEADER_BYTES;
        if length - at < header.piece_bytes() as u64 {
            break;
        }
        let mut whole = Vec::with_capacity(rest);
        (&mut file).take(rest as u64).read_to_end(&mut whole)?;
        at += header.piece_bytes() as u64;
        let tag = whole.get(rest - TAG_BYTES..).unwrap_or_default();
        let link = link(&stub(&header.to_bytes(), tag));
        last = Some((header, link));
    }
    if at < length {
        file.set_len(at)?;
        file.sync_all()?;
    }
    Ok(last)
}
