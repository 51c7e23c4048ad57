//! What is written beside a transfer under way, so that it survives a restart.

use std::{fs::File, os::unix::fs::FileExt, path::Path};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{BlobId, StoreError};

/// Bytes covered by one checksum of the record. A torn or rotten part costs its own bytes and
/// those after it, never those before.
pub const PART_BYTES: u64 = 8 << 20;
const READ_BYTES: usize = 256 * 1024;

/// What a transfer under way must keep to be resumed: written beside its bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// Where the bytes come from.
    pub url: String,
    /// The origin's strong validator, when it gave one.
    pub etag: Option<String>,
    /// Announced length in bytes.
    pub length: Option<u64>,
    /// Announced hash.
    pub sha256: Option<BlobId>,
}

impl Ticket {
    /// May bytes fetched under `kept` be continued under this ticket? The same announced hash is
    /// the same bytes, wherever they come from.
    pub(super) fn continues(&self, kept: &Self) -> bool {
        let agree = |a: Option<u64>, b: Option<u64>| a.is_none() || b.is_none() || a == b;
        if !agree(self.length, kept.length) {
            return false;
        }
        match (&self.sha256, &kept.sha256) {
            (Some(now), Some(before)) => now == before,
            _ => {
                self.url == kept.url
                    && (self.etag.is_none() || kept.etag.is_none() || self.etag == kept.etag)
            }
        }
    }

    /// This ticket, with what only the kept one knows.
    pub(super) fn completed_by(self, kept: Self) -> Self {
        Self {
            etag: self.etag.or(kept.etag),
            length: self.length.or(kept.length),
            sha256: self.sha256.or(kept.sha256),
            url: self.url,
        }
    }
}

/// The record of a transfer: its ticket, and how much of its file is known to be good.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The transfer's name, for people.
    pub name: String,
    pub ticket: Ticket,
    pub extent: Extent,
}

/// A durable prefix: its length, and the CRC-32 of each part of it (the last may be short).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    pub length: u64,
    pub parts: Vec<u32>,
}

/// The checks of a file being appended to.
#[derive(Debug, Clone, Default)]
pub struct Running {
    whole: Sha256,
    closed: Vec<u32>,
    open: crc32fast::Hasher,
    length: u64,
}

impl Running {
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Bytes until the part under way is full.
    pub fn left_in_part(&self) -> u64 {
        PART_BYTES - self.length % PART_BYTES
    }

    /// Adds bytes of one part.
    fn add(&mut self, piece: &[u8]) {
        self.whole.update(piece);
        self.open.update(piece);
        self.length += piece.len() as u64;
        if self.length.is_multiple_of(PART_BYTES) {
            self.closed.push(std::mem::take(&mut self.open).finalize());
        }
    }

    /// Adds bytes, whatever parts they fall in.
    pub fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let most = usize::try_from(self.left_in_part()).unwrap_or(usize::MAX);
            let (piece, rest) = bytes.split_at(bytes.len().min(most));
            self.add(piece);
            bytes = rest;
        }
    }

    pub fn extent(&self) -> Extent {
        let mut parts = self.closed.clone();
        if !self.length.is_multiple_of(PART_BYTES) {
            parts.push(self.open.clone().finalize());
        }
        Extent { length: self.length, parts }
    }

    pub fn hash(&self) -> BlobId {
        BlobId(self.whole.clone().finalize().into())
    }

    /// Reads a file back: the checks of its longest prefix of whole parts that is as recorded.
    pub fn reread(file: &File, path: &Path, extent: &Extent) -> Result<Self, StoreError> {
        let mut good = Self::default();
        let mut buffer = vec![0; READ_BYTES];
        for crc in &extent.parts {
            let end = extent.length.min(good.length + PART_BYTES);
            let mut part = good.clone();
            while part.length < end {
                let most = usize::try_from(end - part.length).unwrap_or(READ_BYTES).min(READ_BYTES);
                let read = file
                    .read_at(&mut buffer[..most], part.length)
                    .map_err(StoreError::io("read", path))?;
                if read == 0 {
                    return Ok(good);
                }
                part.update(&buffer[..read]);
            }
            if part.extent().parts.last() != Some(crc) {
                return Ok(good);
            }
            good = part;
        }
        Ok(good)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    fn a_file_read_back_is_trusted_up_to_its_first_bad_part() {
        let part = usize::try_from(PART_BYTES).unwrap();
        let mut bytes: Vec<u8> =
            (0..2 * part + 1000).map(|i| u8::try_from(i % 251).unwrap()).collect();
        let mut running = Running::default();
        running.update(&bytes);
        let (extent, here) = (running.extent(), Path::new("test"));
        let whole = Running::reread(&file(&bytes), here, &extent).unwrap();
        assert_eq!((whole.length(), whole.hash()), (bytes.len() as u64, running.hash()));
        // The last, short part is lost.
        let cut = Running::reread(&file(&bytes[..2 * part + 999]), here, &extent).unwrap();
        assert_eq!(cut.length(), 2 * PART_BYTES);
        // One bit of the second part.
        bytes[part + 5] ^= 1;
        let torn = Running::reread(&file(&bytes), here, &extent).unwrap();
        assert_eq!(torn.length(), PART_BYTES);
    }

    #[test]
    fn only_the_same_bytes_are_continued() {
        let kept = Ticket {
            url: "http://a/x".into(),
            etag: Some("\"1\"".into()),
            length: Some(9),
            sha256: None,
        };
        assert!(Ticket { etag: None, ..kept.clone() }.continues(&kept));
        assert!(!Ticket { etag: Some("\"2\"".into()), ..kept.clone() }.continues(&kept));
        assert!(!Ticket { length: Some(8), ..kept.clone() }.continues(&kept));
        assert!(!Ticket { url: "http://b/x".into(), ..kept.clone() }.continues(&kept));
        let hashed = Ticket { sha256: Some(BlobId([1; 32])), ..kept.clone() };
        let moved = Ticket { url: "http://b/x".into(), etag: None, ..hashed.clone() };
        assert!(moved.continues(&hashed));
        assert!(!Ticket { sha256: Some(BlobId([2; 32])), ..hashed.clone() }.continues(&hashed));
    }
}
