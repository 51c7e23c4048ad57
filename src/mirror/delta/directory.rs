//! A zip's central directory, as the layout needs it (APPNOTE.TXT §4.3).

use bytes::Bytes;
use rawzip::{MAX_CENTRAL_DIRECTORY_RECORD_SIZE, ReaderAt, ZipArchive, ZipLocator};

use super::layout::{LOCAL_FIXED, Twin};

/// Entries of one package, at most.
const MAX_ENTRIES: usize = 200_000;
/// Fixed part of a central record (§4.3.12).
const CENTRAL_FIXED: usize = 46;
/// The part of it that a local header repeats: from *version needed* to *file name length*.
pub const SHARED_FIELDS: usize = 24;
const SHARED_AT: usize = 6;

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where its local header starts.
    pub start: u64,
    /// Where the next entry, or the central directory, starts.
    pub end: u64,
    /// Bytes of its data as they lie in the zip.
    pub packed: u64,
    /// Bytes once unpacked.
    pub unpacked: u64,
    /// CRC-32 of the unpacked bytes.
    pub crc: u32,
    /// Compression method.
    pub method: u16,
    /// Version needed, flags, method, time, date, CRC, sizes, name length: as they are written.
    pub shared: [u8; SHARED_FIELDS],
    /// File name, as it is written.
    pub name: Vec<u8>,
    /// The central record's extra fields.
    pub extra: Vec<u8>,
}

/// All entries by position, and where the central directory starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    /// Sorted by `start`; they follow each other without overlap.
    pub entries: Vec<Entry>,
    /// First byte of the central directory.
    pub start: u64,
}

/// The end of a file that is not here yet.
#[derive(Debug, Clone)]
pub struct Tail {
    /// Where `bytes` starts in the file.
    pub start: u64,
    /// From there to the end.
    pub bytes: Bytes,
}

impl Tail {
    /// Size of the whole file.
    pub fn size(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

impl ReaderAt for Tail {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> std::io::Result<usize> {
        let missing = || std::io::Error::new(std::io::ErrorKind::NotFound, "not fetched");
        let at = offset.checked_sub(self.start).ok_or_else(missing)?;
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let here = self.bytes.get(at..).unwrap_or_default();
        let count = here.len().min(buf.len());
        buf.iter_mut().zip(here).for_each(|(to, from)| *to = *from);
        Ok(count)
    }
}

/// Why an archive cannot serve as a delta's base or target.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// Not a zip, or a broken one.
    #[error("not a sound zip: {0}")]
    Broken(#[from] rawzip::Error),
    /// Its bytes could not be read.
    #[error("cannot be read: {0}")]
    Read(#[from] std::io::Error),
    /// It has more entries than accepted.
    #[error("more than {MAX_ENTRIES} entries")]
    TooMany,
    /// Two entries share bytes, or one lies past the directory.
    #[error("its entries overlap")]
    Overlap,
}

fn locate<R: ReaderAt>(reader: R, size: u64) -> Result<ZipArchive<R>, rawzip::Error> {
    let mut buffer = vec![0; rawzip::RECOMMENDED_BUFFER_SIZE];
    ZipLocator::new().locate_in_reader(reader, &mut buffer, size).map_err(|(_, error)| error)
}

/// Where the central directory is said to start; less than that when a preamble shifts it.
pub fn directory_start<R: ReaderAt>(reader: R, size: u64) -> Result<u64, DirectoryError> {
    Ok(locate(reader, size)?.directory_offset())
}

/// Reads the whole directory.
pub fn read<R: ReaderAt>(reader: R, size: u64) -> Result<Directory, DirectoryError> {
    let archive = locate(reader, size)?;
    let start = archive.directory_offset();
    let mut entries = Vec::new();
    let mut buffer = vec![0; MAX_CENTRAL_DIRECTORY_RECORD_SIZE];
    let mut records = archive.entries(&mut buffer);
    while let Some(record) = records.next_entry()? {
        if entries.len() >= MAX_ENTRIES {
            return Err(DirectoryError::TooMany);
        }
        let mut fixed = [0; CENTRAL_FIXED];
        archive.get_ref().read_exact_at(&mut fixed, record.central_directory_offset())?;
        let mut shared = [0; SHARED_FIELDS];
        let repeated = fixed.iter().skip(SHARED_AT);
        shared.iter_mut().zip(repeated).for_each(|(to, from)| *to = *from);
        entries.push(Entry {
            start: record.local_header_offset(),
            end: start,
            packed: record.compressed_size_hint(),
            unpacked: record.uncompressed_size_hint(),
            crc: record.crc32(),
            method: record.compression_method().as_u16(),
            shared,
            name: record.file_path().as_bytes().to_vec(),
            extra: record.extra_fields().remaining_bytes().to_vec(),
        });
    }
    entries.sort_by_key(|entry| entry.start);
    let mut next = start;
    for entry in entries.iter_mut().rev() {
        entry.end = next;
        next = entry.start;
        if entry.start.checked_add(entry.packed).is_none_or(|least| least > entry.end) {
            return Err(DirectoryError::Overlap);
        }
    }
    Ok(Directory { entries, start })
}

/// Reads an entry's local header.
pub fn twin<R: ReaderAt>(reader: &R, entry: Entry) -> Result<Twin, DirectoryError> {
    let mut fixed = [0; LOCAL_FIXED];
    reader.read_exact_at(&mut fixed, entry.start)?;
    let [_, _, _, _, local @ .., low, high] = fixed;
    let mut variable = vec![0; entry.name.len() + usize::from(u16::from_le_bytes([low, high]))];
    reader.read_exact_at(&mut variable, entry.start + LOCAL_FIXED as u64)?;
    let local_extra = variable.split_off(entry.name.len().min(variable.len()));
    // A name of another length would shift the data; nothing good was written that way.
    if local.last_chunk() != entry.shared.last_chunk::<2>() || variable != entry.name {
        return Err(DirectoryError::Overlap);
    }
    let twin = Twin { entry, local, local_extra };
    if twin.data().checked_add(twin.entry.packed).is_none_or(|end| end > twin.entry.end) {
        return Err(DirectoryError::Overlap);
    }
    Ok(twin)
}
