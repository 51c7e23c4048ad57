//! The bytes of one resource: wrapped as gzip where they lie, or read, inflated and checked.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    os::unix::fs::FileExt as _,
    sync::Arc,
};

use flate2::bufread::DeflateDecoder;

use super::{Item, PublicationError};

/// Bytes read from the file at a time.
const READ_BYTES: usize = 32 * 1024;

/// The bytes of one resource, where they lie in the package.
#[derive(Debug, Clone)]
pub struct Resource {
    /// The package.
    pub file: Arc<File>,
    /// First byte of the stored or deflated data.
    pub offset: u64,
    /// Bytes there.
    pub stored_len: u64,
    /// Bytes once inflated; equal to `stored_len` when stored.
    pub len: u64,
    /// Is it a raw deflate stream (RFC 1951)?
    pub deflated: bool,
    /// CRC-32 of the inflated bytes; 0 for a PDF, whose file has none.
    pub crc32: u32,
    /// Media type.
    pub media_type: String,
    /// Does the package have a checksum of these bytes?
    pub(super) summed: bool,
}

impl Resource {
    /// A file that is its own one resource.
    pub(super) fn whole(file: Arc<File>, item: &Item) -> Self {
        Self {
            file,
            offset: 0,
            stored_len: item.size,
            len: item.size,
            deflated: false,
            crc32: 0,
            media_type: item.media_type.clone(),
            summed: false,
        }
    }

    /// RFC 1952 header and trailer that make the raw deflate stream a gzip file: header, trailer.
    pub fn gzip_frame(&self) -> ([u8; 10], [u8; 8]) {
        // §2.3: magic, deflate, no flags, no time, no hint of effort, unknown system.
        let header = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
        let mut trailer = [0; 8];
        let (sum, size) = trailer.split_at_mut(4);
        sum.copy_from_slice(&self.crc32.to_le_bytes());
        // ISIZE is the length modulo 2^32.
        let [a, b, c, d, ..] = self.len.to_le_bytes();
        size.copy_from_slice(&[a, b, c, d]);
        (header, trailer)
    }

    /// The bytes, inflated and checked, at most `limit`. Blocking.
    pub fn read(&self, limit: u64) -> Result<Vec<u8>, PublicationError> {
        if self.len > limit {
            return Err(PublicationError::TooLarge { len: self.len, offset: self.offset, limit });
        }
        let len = usize::try_from(self.len).map_err(|_| PublicationError::TooLarge {
            len: self.len,
            offset: self.offset,
            limit,
        })?;
        let mut bytes = Vec::with_capacity(len);
        if self.deflated {
            // One byte more than announced tells a stream that goes on.
            let mut inflater = DeflateDecoder::new(self.stored());
            let read = inflater.by_ref().take(self.len.saturating_add(1)).read_to_end(&mut bytes);
            read.map_err(|error| self.damaged(error.to_string()))?;
            let used = inflater.total_in();
            if bytes.len() == len && used != self.stored_len {
                return Err(self.damaged(format!("the deflate stream ends after {used} bytes")));
            }
        } else {
            self.stored().read_to_end(&mut bytes).map_err(|source| self.unreadable(source))?;
        }
        if bytes.len() != len {
            return Err(self.damaged(format!("{len} bytes were announced, {} came", bytes.len())));
        }
        let sum = crc32fast::hash(&bytes);
        if self.summed && sum != self.crc32 {
            let expected = self.crc32;
            return Err(self.damaged(format!("CRC-32 is {sum:08x}, {expected:08x} is announced")));
        }
        Ok(bytes)
    }

    /// The first inflated bytes, at most `limit`, unchecked: fewer when the stream is damaged.
    pub(super) fn head(&self, limit: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        // What came before an error is kept by `read_to_end`, and is enough for a look.
        let _ = if self.deflated {
            DeflateDecoder::new(self.stored()).take(limit).read_to_end(&mut bytes)
        } else {
            self.stored().take(limit).read_to_end(&mut bytes)
        };
        bytes
    }

    /// Inflates a deflated resource piece by piece.
    pub fn inflate(&self) -> Inflating {
        let (decoder, sum) = (DeflateDecoder::new(self.stored()), crc32fast::Hasher::new());
        Inflating { resource: self.clone(), decoder, sum, came: 0 }
    }

    fn stored(&self) -> BufReader<Span> {
        let span = Span { file: self.file.clone(), at: self.offset, left: self.stored_len };
        let room = usize::try_from(self.stored_len).unwrap_or(READ_BYTES).clamp(1, READ_BYTES);
        BufReader::with_capacity(room, span)
    }

    fn damaged(&self, reason: String) -> PublicationError {
        PublicationError::Damaged { offset: self.offset, stored_len: self.stored_len, reason }
    }

    fn unreadable(&self, source: io::Error) -> PublicationError {
        PublicationError::Read { what: "a resource".into(), offset: self.offset, source }
    }
}

/// A deflated resource, inflated piece by piece: memory for a piece, however large the whole.
#[derive(Debug)]
pub struct Inflating {
    resource: Resource,
    decoder: DeflateDecoder<BufReader<Span>>,
    sum: crc32fast::Hasher,
    came: u64,
}

impl Inflating {
    /// The next bytes, at most `most`; none at the end, once length and checksum were found to be
    /// the announced ones. Blocking.
    pub fn next(&mut self, most: usize) -> Result<Vec<u8>, PublicationError> {
        let resource = &self.resource;
        let mut piece = Vec::with_capacity(most);
        let read = self.decoder.by_ref().take(most as u64).read_to_end(&mut piece);
        read.map_err(|error| resource.damaged(error.to_string()))?;
        self.sum.update(&piece);
        self.came = self.came.saturating_add(piece.len() as u64);
        let (len, came) = (resource.len, self.came);
        if came > len || (piece.is_empty() && came < len) {
            return Err(resource.damaged(format!("{len} bytes were announced, {came} came")));
        }
        let sum = self.sum.clone().finalize();
        if came == len && resource.summed && sum != resource.crc32 {
            let expected = resource.crc32;
            let reason = format!("CRC-32 is {sum:08x}, {expected:08x} is announced");
            return Err(resource.damaged(reason));
        }
        Ok(piece)
    }
}

/// A span of a file, read without moving the file's own position: readers share it.
#[derive(Debug)]
struct Span {
    file: Arc<File>,
    at: u64,
    left: u64,
}

impl Read for Span {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let Some(buffer) = buffer.get_mut(..room) else { return Ok(0) };
        if buffer.is_empty() {
            return Ok(0);
        }
        let got = self.file.read_at(buffer, self.at)?;
        self.at = self.at.saturating_add(got as u64);
        self.left = self.left.saturating_sub(got as u64);
        Ok(got)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::DeflateEncoder};

    use super::*;

    fn deflated(plain: &[u8], more: &[u8]) -> Resource {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(plain).unwrap();
        let mut packed = encoder.finish().unwrap();
        packed.extend_from_slice(more);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"before").unwrap();
        file.write_all(&packed).unwrap();
        Resource {
            file: Arc::new(file),
            offset: 6,
            stored_len: packed.len() as u64,
            len: plain.len() as u64,
            deflated: true,
            crc32: crc32fast::hash(plain),
            media_type: "text/plain".into(),
            summed: true,
        }
    }

    #[test]
    fn the_frame_makes_a_gzip_file_of_the_stream() {
        let plain = b"abc".repeat(10_000);
        let resource = deflated(&plain, b"");
        let (header, trailer) = resource.gzip_frame();
        let mut gzip = header.to_vec();
        resource.stored().read_to_end(&mut gzip).unwrap();
        gzip.extend_from_slice(&trailer);
        let mut again = Vec::new();
        flate2::read::GzDecoder::new(&*gzip).read_to_end(&mut again).unwrap();
        assert_eq!(again, plain);
        assert_eq!(resource.read(1 << 20).unwrap(), plain);
        assert_eq!(resource.head(7), &plain[..7]);
    }

    #[test]
    fn pieces_are_the_bytes_and_damage_is_found_before_the_last_of_them() {
        let plain = b"0123456789".repeat(10_000);
        let pieces = |resource: &Resource| -> Result<Vec<u8>, PublicationError> {
            let (mut inflating, mut all) = (resource.inflate(), Vec::new());
            loop {
                let piece = inflating.next(4096)?;
                if piece.is_empty() {
                    return Ok(all);
                }
                all.extend(piece);
            }
        };
        assert!(pieces(&deflated(&plain, b"")).unwrap() == plain);
        let mut lies = deflated(&plain, b"");
        lies.crc32 ^= 1;
        assert!(pieces(&lies).unwrap_err().to_string().contains("CRC-32"));
        for lie in [99_999, 100_001] {
            let mut lies = deflated(&plain, b"");
            lies.len = lie;
            assert!(matches!(pieces(&lies), Err(PublicationError::Damaged { .. })), "{lie}");
        }
    }

    #[test]
    fn more_than_the_limit_is_not_read() {
        let resource = deflated(&[0; 1000], b"");
        assert!(matches!(resource.read(999), Err(PublicationError::TooLarge { len: 1000, .. })));
    }

    #[test]
    fn a_stream_longer_or_shorter_than_announced_is_damaged() {
        for lie in [999, 1001] {
            let mut resource = deflated(&[7; 1000], b"");
            resource.len = lie;
            assert!(matches!(resource.read(2000), Err(PublicationError::Damaged { .. })), "{lie}");
        }
        let trailing = deflated(&[7; 1000], b"more");
        assert!(matches!(trailing.read(2000), Err(PublicationError::Damaged { .. })));
    }

    #[test]
    fn a_wrong_checksum_is_damage() {
        let mut resource = deflated(b"text", b"");
        resource.crc32 ^= 1;
        let error = resource.read(100).unwrap_err().to_string();
        assert!(error.contains("CRC-32"), "{error}");
    }

    #[test]
    fn a_file_cut_short_is_damaged() {
        let resource = deflated(&[7; 10_000], b"");
        resource.file.set_len(20).unwrap();
        assert!(matches!(resource.read(20_000), Err(PublicationError::Damaged { .. })));
    }
}
