//! How a new zip is put together from an older one and ranges of itself: pure.
//!
//! An entry's data lies in both files under the same CRC, sizes and method, whatever its name and
//! place. Its local header is foretold from the central record, after the example of the older
//! entry; the hash of the whole decides whether that was right.

use std::collections::HashMap;

use bytes::Bytes;
use rawzip::extra_fields::ExtraFields;

use super::directory::{Directory, Entry, SHARED_FIELDS, Tail};

/// Two ranges closer than this are fetched as one: a request costs about as much.
const MERGE_BYTES: u64 = 4 * 1024;
/// Fixed part of a local header (APPNOTE.TXT §4.3.7).
pub const LOCAL_FIXED: usize = 30;
const LOCAL_SIGNATURE: [u8; 4] = *b"PK\x03\x04";
/// Bytes after an entry's data that are taken for its data descriptor (§4.3.9), at most.
const MAX_DESCRIPTOR: u64 = 24;
/// A header longer than this is not fetched by itself.
const MAX_HEADER: u64 = 64 * 1024;

/// A run of the new file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Bytes of the older file.
    Older {
        /// Where they start there.
        offset: u64,
        /// How many.
        len: u64,
    },
    /// Bytes at hand.
    Held(Bytes),
    /// Bytes of the new file, still at the origin.
    Fetch {
        /// Where they start.
        offset: u64,
        /// How many.
        len: u64,
    },
}

impl Piece {
    /// Bytes that it stands for.
    pub fn len(&self) -> u64 {
        match self {
            Self::Older { len, .. } | Self::Fetch { len, .. } => *len,
            Self::Held(bytes) => bytes.len() as u64,
        }
    }

    /// The piece without its first `count` bytes.
    pub fn skip(self, count: u64) -> Self {
        let count = count.min(self.len());
        match self {
            Self::Older { offset, len } => Self::Older { offset: offset + count, len: len - count },
            Self::Fetch { offset, len } => Self::Fetch { offset: offset + count, len: len - count },
            Self::Held(bytes) => {
                Self::Held(bytes.slice(usize::try_from(count).unwrap_or(bytes.len())..))
            }
        }
    }
}

/// An entry of the older file whose data the new one has too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Twin {
    /// Its central record.
    pub entry: Entry,
    /// The fields its local header shares with it, as written there.
    pub local: [u8; SHARED_FIELDS],
    /// Its local header's extra fields.
    pub local_extra: Vec<u8>,
}

impl Twin {
    /// Where its data starts.
    pub fn data(&self) -> u64 {
        let header = LOCAL_FIXED + self.entry.name.len() + self.local_extra.len();
        self.entry.start + header as u64
    }
    fn after_data(&self) -> u64 {
        self.entry.end.saturating_sub(self.data() + self.entry.packed)
    }
}

/// For each entry of the new zip, the entry of the older one with the same data; of the same name
/// when there is one.
pub fn matches(new: &Directory, older: &Directory) -> Vec<Option<usize>> {
    let content = |entry: &Entry| (entry.crc, entry.packed, entry.unpacked, entry.method);
    let mut by_content: HashMap<_, Vec<usize>> = HashMap::new();
    for (index, entry) in older.entries.iter().enumerate() {
        by_content.entry(content(entry)).or_default().push(index);
    }
    let by_name: HashMap<&[u8], usize> =
        older.entries.iter().enumerate().map(|(index, e)| (e.name.as_slice(), index)).collect();
    let find = |entry: &Entry| {
        let candidates = by_content.get(&content(entry))?;
        let named = by_name.get(entry.name.as_slice()).filter(|index| candidates.contains(index));
        named.or(candidates.first()).copied()
    };
    new.entries.iter().map(find).collect()
}

/// The local header that the new entry has if it was written the way its twin was.
pub fn foretell(entry: &Entry, twin: &Twin) -> Option<Bytes> {
    let shared = foretell_shared(entry, twin)?;
    let extra = foretell_extra(entry, twin)?;
    let mut header = Vec::with_capacity(LOCAL_FIXED + entry.name.len() + extra.len());
    header.extend_from_slice(&LOCAL_SIGNATURE);
    header.extend_from_slice(&shared);
    header.extend_from_slice(&u16::try_from(extra.len()).ok()?.to_le_bytes());
    header.extend_from_slice(&entry.name);
    header.extend_from_slice(&extra);
    // All bytes of the entry must be accounted for, or the guess is wrong for certain.
    let taken = header.len() as u64 + entry.packed + twin.after_data();
    (taken == entry.end - entry.start && twin.after_data() <= MAX_DESCRIPTOR).then(|| header.into())
}

/// Field by field: one that the older local header has from its central record is taken from the
/// new one's; one of its own is kept, if the central records do not tell that it changed.
fn foretell_extra(entry: &Entry, twin: &Twin) -> Option<Vec<u8>> {
    let find = |extra: &[u8], id| {
        ExtraFields::new(extra).find(|(known, _)| *known == id).map(|(_, data)| data.to_vec())
    };
    let mut extra = Vec::new();
    let mut fields = ExtraFields::new(&twin.local_extra);
    for (id, data) in fields.by_ref() {
        let (before, after) = (find(&twin.entry.extra, id), find(&entry.extra, id));
        let foretold = if before.as_deref() == Some(data) {
            after?
        } else if before == after {
            data.to_vec()
        } else {
            return None;
        };
        extra.extend_from_slice(&id.as_u16().to_le_bytes());
        extra.extend_from_slice(&u16::try_from(foretold.len()).ok()?.to_le_bytes());
        extra.extend_from_slice(&foretold);
    }
    // Padding that is no field stays as it was.
    extra.extend_from_slice(fields.remaining_bytes());
    Some(extra)
}

/// CRC and sizes stand in the local header, or zeros do when a descriptor follows the data.
fn foretell_shared(entry: &Entry, twin: &Twin) -> Option<[u8; SHARED_FIELDS]> {
    // Version needed, flags, method, time, date | CRC, sizes | name length.
    const SUMS: std::ops::Range<usize> = 10..22;
    let mut shared = entry.shared;
    let sums = twin.local.get(SUMS)?;
    if sums.iter().all(|byte| *byte == 0) {
        shared.get_mut(SUMS)?.fill(0);
    } else if Some(sums) != twin.entry.shared.get(SUMS) {
        return None;
    }
    // Version, flags and method must be repeated faithfully; some writers do not.
    let same_way = twin.local.get(..6) == twin.entry.shared.get(..6)
        && twin.local.get(6..10) == twin.entry.shared.get(6..10)
        && twin.entry.shared.get(2..4) == entry.shared.get(2..4);
    same_way.then_some(shared)
}

/// Ranges (offset and length) of the local headers that have to be fetched before laying out:
/// those in `foretold` that are `None`, if their data is worth it.
pub fn headers_to_fetch(
    new: &Directory,
    twins: &[Option<Twin>],
    foretold: &[Option<Bytes>],
) -> Vec<(usize, u64, u64)> {
    let entries = new.entries.iter().zip(twins).zip(foretold).enumerate();
    entries
        .filter(|(_, ((entry, twin), header))| {
            twin.is_some() && header.is_none() && entry.packed >= MERGE_BYTES
        })
        .map(|(index, ((entry, _), _))| {
            (index, entry.start, entry.end - entry.start - entry.packed)
        })
        .filter(|(_, _, len)| (LOCAL_FIXED as u64..=MAX_HEADER).contains(len))
        .collect()
}

/// Cuts a local header out of bytes that start with one; what follows it is the data.
pub fn cut_header(bytes: &Bytes) -> Option<Bytes> {
    let length = |at: usize| {
        let field = bytes.get(at..at + 2)?.try_into().ok()?;
        Some(usize::from(u16::from_le_bytes(field)))
    };
    let len = LOCAL_FIXED + length(26)? + length(28)?;
    (bytes.starts_with(&LOCAL_SIGNATURE) && len <= bytes.len()).then(|| bytes.slice(..len))
}

/// Lays the new file out, from its first byte to its last.
pub fn lay_out(
    new: &Directory,
    twins: &[Option<Twin>],
    headers: &[Option<Bytes>],
    tail: &Tail,
) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let first = new.entries.first().map_or(new.start, |entry| entry.start);
    new_bytes(&mut pieces, tail, 0, first);
    for ((entry, twin), header) in new.entries.iter().zip(twins).zip(headers) {
        match twin.as_ref().zip(header.as_ref()) {
            Some((twin, header)) => lay_entry(&mut pieces, tail, entry, twin, header),
            None => new_bytes(&mut pieces, tail, entry.start, entry.end),
        }
    }
    new_bytes(&mut pieces, tail, new.start, tail.size());
    merge(pieces)
}

/// Bytes of the new file as they are: at hand when the tail has them.
fn new_bytes(pieces: &mut Vec<Piece>, tail: &Tail, from: u64, to: u64) {
    let cut = to.min(tail.start.max(from));
    pieces.push(Piece::Fetch { offset: from, len: cut.saturating_sub(from) });
    let at = |offset: u64| {
        usize::try_from(offset.saturating_sub(tail.start))
            .unwrap_or(usize::MAX)
            .min(tail.bytes.len())
    };
    if cut < to {
        pieces.push(Piece::Held(tail.bytes.slice(at(cut)..at(to))));
    }
}

fn lay_entry(pieces: &mut Vec<Piece>, tail: &Tail, entry: &Entry, twin: &Twin, header: &Bytes) {
    let data = entry.start + header.len() as u64;
    let Some(after) = entry.end.checked_sub(data + entry.packed) else {
        new_bytes(pieces, tail, entry.start, entry.end);
        return;
    };
    pieces.push(Piece::Held(header.clone()));
    // A descriptor repeats what already made the two alike, so it is the same too.
    let with_descriptor = after == twin.after_data() && after <= MAX_DESCRIPTOR;
    let copied = entry.packed + if with_descriptor { after } else { 0 };
    pieces.push(Piece::Older { offset: twin.data(), len: copied });
    new_bytes(pieces, tail, data + copied, entry.end);
}

/// Joins neighbours, and ranges with little between them.
fn merge(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut merged: Vec<Piece> = Vec::with_capacity(pieces.len());
    // Pieces since the last fetch, and their bytes.
    let (mut since, mut between) = (None::<usize>, 0_u64);
    for piece in pieces {
        match piece {
            _ if piece.len() == 0 => {}
            Piece::Fetch { offset, len } => {
                match since {
                    Some(kept) if between < MERGE_BYTES => {
                        merged.truncate(kept + 1);
                        if let Some(Piece::Fetch { len: wider, .. }) = merged.last_mut() {
                            *wider += between + len;
                        }
                    }
                    _ => {
                        since = Some(merged.len());
                        merged.push(Piece::Fetch { offset, len });
                    }
                }
                between = 0;
            }
            other => {
                between = between.saturating_add(other.len());
                merged.push(other);
            }
        }
    }
    merged
}

/// Bytes that a layout fetches from the origin.
pub fn to_fetch(pieces: &[Piece]) -> u64 {
    let fetched = pieces.iter().filter(|piece| matches!(piece, Piece::Fetch { .. }));
    fetched.map(Piece::len).sum()
}

#[cfg(test)]
#[path = "layout/tests.rs"]
mod tests;
