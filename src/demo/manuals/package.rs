//! Files written once, front to back, hashed as they go; and zips on top of them.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use flate2::{Compression, write::DeflateEncoder};
use rawzip::{CompressionMethod, ZipArchiveWriter, time::UtcDateTime};
use sha2::{Digest as _, Sha256};

use crate::store::BlobId;

/// Bytes gathered before they go to the disk.
const BUFFER_BYTES: usize = 256 * 1024;
/// Date of every entry of every zip (15 June 2026), so that versions differ in content only.
const ENTRY_DATE: i64 = 1_781_510_400;

/// A file being written: counts, hashes, tells progress.
pub(super) struct Output<'a> {
    file: BufWriter<File>,
    hash: Sha256,
    size: u64,
    progress: &'a mut dyn FnMut(u64),
}

impl<'a> Output<'a> {
    pub(super) fn create(path: &Path, progress: &'a mut dyn FnMut(u64)) -> io::Result<Self> {
        let file = BufWriter::with_capacity(BUFFER_BYTES, File::create(path)?);
        Ok(Self { file, hash: Sha256::new(), size: 0, progress })
    }

    /// Size and hash of the whole file.
    pub(super) fn finish(mut self) -> io::Result<(u64, BlobId)> {
        self.file.flush()?;
        (self.progress)(self.size);
        Ok((self.size, BlobId(self.hash.finalize().into())))
    }
}

impl Write for Output<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.hash.update(bytes.get(..count).unwrap_or(bytes));
        self.size += count as u64;
        (self.progress)(self.size);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A zip being written.
pub(super) struct Package<'a> {
    archive: ZipArchiveWriter<Output<'a>>,
}

impl<'a> Package<'a> {
    pub(super) fn new(output: Output<'a>) -> Self {
        Self { archive: ZipArchiveWriter::new(output) }
    }

    /// An EPUB's first entry (OCF 3.3 §4.2.4): stored, with no extra field.
    pub(super) fn mimetype(&mut self) -> io::Result<()> {
        self.stored("mimetype", |writer| writer.write_all(b"application/epub+zip"))
    }

    /// An entry as it is, for what is compressed already.
    pub(super) fn store(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.stored(name, |writer| writer.write_all(bytes))
    }

    /// An entry as it is, written piece by piece.
    pub(super) fn stored(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        let entry = self.archive.new_file(name).last_modified(UtcDateTime::from_unix(ENTRY_DATE));
        let (mut entry, config) = entry.start().map_err(io::Error::other)?;
        let mut writer = config.wrap(&mut entry);
        write(&mut writer)?;
        let (_, written) = writer.finish().map_err(io::Error::other)?;
        entry.finish(written).map_err(io::Error::other)?;
        Ok(())
    }

    /// An entry of text, deflated.
    pub(super) fn deflate(&mut self, name: &str, text: &str) -> io::Result<()> {
        let (mut entry, config) = self
            .archive
            .new_file(name)
            .compression_method(CompressionMethod::DEFLATE)
            .last_modified(UtcDateTime::from_unix(ENTRY_DATE))
            .start()
            .map_err(io::Error::other)?;
        let encoder = DeflateEncoder::new(&mut entry, Compression::default());
        let mut writer = config.wrap(encoder);
        writer.write_all(text.as_bytes())?;
        let (encoder, written) = writer.finish().map_err(io::Error::other)?;
        encoder.finish()?;
        entry.finish(written).map_err(io::Error::other)?;
        Ok(())
    }

    /// Size and hash of the whole package.
    pub(super) fn finish(self) -> io::Result<(u64, BlobId)> {
        self.archive.finish().map_err(io::Error::other)?.finish()
    }
}
