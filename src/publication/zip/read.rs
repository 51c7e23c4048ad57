//! Reads an archive's central directory, and checks each entry's local header against it.

use std::{fs::File, io, os::unix::fs::FileExt as _, sync::Arc};

use rawzip::{
    CompressionMethod, ErrorKind, MAX_CENTRAL_DIRECTORY_RECORD_SIZE, RECOMMENDED_BUFFER_SIZE,
    ReaderAt, ZipArchive, ZipArchiveEntryWayfinder, ZipFileHeaderRecord, ZipLocator,
};

use super::{
    super::PublicationError,
    names,
    rules::{
        BOMB_FLOOR_BYTES, MAX_DIRECTORY_BYTES, MAX_ENTRIES, MAX_INFLATED_BYTES, MAX_NAME_BYTES,
        MAX_RATIO, ZipError,
    },
    table::{Row, Table},
};

/// The end of central directory is in the last bytes of a file: its record and a comment of at
/// most 65,535 bytes.
const END_SEARCH_BYTES: u64 = 22 + 65_535;
/// A local header's name and extra field.
const MAX_LOCAL_BYTES: usize = 2 * 65_535;

/// A file read at positions, shared with whoever else reads it.
#[derive(Debug)]
struct Positioned<'a>(&'a File);

impl ReaderAt for Positioned<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }
}

/// An entry of the central directory that kept its own rules.
#[derive(Debug)]
struct Listed {
    path: String,
    /// The bytes of its name, to compare with the local header's.
    raw_name: Vec<u8>,
    is_folder: bool,
    header_at: u64,
    wayfinder: ZipArchiveEntryWayfinder,
    method: CompressionMethod,
    row: Row,
}

impl Table {
    /// Reads and checks an archive. Blocking.
    pub(in super::super) fn read(file: Arc<File>) -> Result<Self, PublicationError> {
        let len = file
            .metadata()
            .map_err(|source| PublicationError::Read {
                what: "the file".into(),
                offset: 0,
                source,
            })?
            .len();
        let (names, rows) = {
            let mut buffer = vec![0; RECOMMENDED_BUFFER_SIZE];
            let archive = ZipLocator::new()
                .max_search_space(END_SEARCH_BYTES)
                .locate_in_reader(Positioned(&file), &mut buffer, len)
                .map_err(|(_, error)| failed(error, ZipError::NoDirectory))?;
            let mut listed = list(&archive)?;
            check_local_headers(&archive, &mut listed)?;
            check_overlaps(&mut listed)?;
            compact(listed)?
        };
        Ok(Self::new(file, names, rows))
    }
}

/// A failed read stays one; anything else breaks the given rule.
fn failed(error: rawzip::Error, rule: impl FnOnce(String) -> ZipError) -> PublicationError {
    match error.into_kind() {
        ErrorKind::IO(source) if source.kind() != io::ErrorKind::UnexpectedEof => {
            PublicationError::Read { what: "the archive".into(), offset: 0, source }
        }
        kind => rule(kind.to_string()).into(),
    }
}

/// Reads the central directory.
fn list(archive: &ZipArchive<Positioned<'_>>) -> Result<Vec<Listed>, PublicationError> {
    let announced = archive.entries_hint();
    if announced > MAX_ENTRIES {
        return Err(ZipError::TooManyEntries { entries: announced }.into());
    }
    let bytes = archive.eocd_offset().saturating_sub(archive.directory_offset());
    if bytes > MAX_DIRECTORY_BYTES {
        return Err(ZipError::DirectoryTooLarge { bytes }.into());
    }
    let mut listed = Vec::new();
    let mut total = 0_u64;
    let mut record = 0_u64;
    let mut buffer = vec![0; MAX_CENTRAL_DIRECTORY_RECORD_SIZE];
    let mut entries = archive.entries(&mut buffer);
    while let Some(entry) = entries
        .next_entry()
        .map_err(|error| failed(error, |reason| ZipError::BadDirectory { record, reason }))?
    {
        let limit = archive.directory_offset();
        let one = check_record(&entry, record, limit)?;
        total = total.saturating_add(one.row.len);
        if total > MAX_INFLATED_BYTES {
            return Err(ZipError::TotalTooLarge { entry: one.path, total }.into());
        }
        record += 1;
        if record > MAX_ENTRIES {
            return Err(ZipError::TooManyEntries { entries: record }.into());
        }
        listed.push(one);
    }
    // Without zip64, writers announce the number modulo 2^16.
    if announced != record && announced != record & 0xffff {
        return Err(ZipError::WrongCount { announced, found: record }.into());
    }
    Ok(listed)
}

/// Holds one record of the central directory to the rules. Entries end before byte `limit`.
fn check_record(
    entry: &ZipFileHeaderRecord<'_>,
    record: u64,
    limit: u64,
) -> Result<Listed, ZipError> {
    let name = entry.file_path();
    let raw = name.as_bytes();
    let path = names::checked(raw, record)?;
    let is_folder = raw.ends_with(b"/");
    if !is_folder && path.is_empty() {
        return Err(ZipError::EmptyName { record });
    }
    if entry.mode().is_symlink() {
        return Err(ZipError::Symlink(path));
    }
    let flags = entry.flags();
    let method = entry.compression_method();
    if flags.is_encrypted() || flags.has_strong_encryption() || method == CompressionMethod::AES {
        return Err(ZipError::Encrypted(path));
    }
    let stored = entry.compressed_size_hint();
    let len = entry.uncompressed_size_hint();
    match method {
        CompressionMethod::STORE if stored != len => {
            return Err(ZipError::ImpossibleSize { entry: path, stored, len });
        }
        CompressionMethod::STORE | CompressionMethod::DEFLATE => {}
        other => return Err(ZipError::UnknownMethod { entry: path, method: other.as_u16() }),
    }
    if len > BOMB_FLOOR_BYTES && len / MAX_RATIO > stored {
        return Err(ZipError::Bomb { entry: path, stored, len });
    }
    let header_at = entry.local_header_offset();
    if header_at >= limit {
        return Err(ZipError::PastEnd { entry: path, end: header_at, limit });
    }
    let deflated = method == CompressionMethod::DEFLATE;
    Ok(Listed {
        path,
        raw_name: raw.to_vec(),
        is_folder,
        header_at,
        wayfinder: entry.wayfinder(),
        method,
        row: Row::new(0, (stored, len), entry.crc32(), deflated),
    })
}

/// Finds where each entry's data begins, and refuses local headers that say otherwise than the
/// directory: readers that trust one or the other would see two different packages.
fn check_local_headers(
    archive: &ZipArchive<Positioned<'_>>,
    listed: &mut [Listed],
) -> Result<(), PublicationError> {
    let limit = archive.directory_offset();
    let mut buffer = vec![0; MAX_LOCAL_BYTES];
    for one in listed {
        let no_header = |reason: String| ZipError::NoLocalHeader {
            entry: one.path.clone(),
            at: one.header_at,
            reason,
        };
        let entry = archive.get_entry(one.wayfinder).map_err(|error| failed(error, no_header))?;
        let (start, end) = entry.compressed_data_range();
        if end > limit || start > end {
            return Err(ZipError::PastEnd { entry: one.path.clone(), end, limit }.into());
        }
        let local = entry.local_header(&mut buffer).map_err(|error| failed(error, no_header))?;
        let path = local.file_path();
        if path.as_bytes() != one.raw_name {
            let shown = path.as_bytes().get(..MAX_NAME_BYTES.min(path.as_bytes().len()));
            let local = names::decode(shown.unwrap_or_default()).into_owned();
            return Err(ZipError::LocalName { entry: one.path.clone(), local }.into());
        }
        let (central, method) = (one.method.as_u16(), local.compression_method().as_u16());
        if central != method {
            let entry = one.path.clone();
            return Err(ZipError::LocalMethod { entry, central, local: method }.into());
        }
        if local.flags().is_encrypted() {
            return Err(ZipError::Encrypted(one.path.clone()).into());
        }
        // With a data descriptor the local header may leave its three fields at zero.
        let later = local.flags().has_data_descriptor();
        let fields = [
            ("size in the archive", one.row.stored_len, local.compressed_size_hint()),
            ("size", one.row.len, local.uncompressed_size_hint()),
            ("CRC-32", u64::from(one.row.crc32), u64::from(local.crc32())),
        ];
        for (what, central, local) in fields {
            // Writers of zip64 streams put the mark of a size kept elsewhere.
            let unsaid = later && (local == 0 || local == u64::from(u32::MAX));
            if central != local && !unsaid {
                let entry = one.path.clone();
                return Err(ZipError::LocalSizes { entry, what, central, local }.into());
            }
        }
        one.row.offset = start;
    }
    Ok(())
}

/// No byte may belong to two entries: that is how small archives pretend to be large.
fn check_overlaps(listed: &mut [Listed]) -> Result<(), ZipError> {
    listed.sort_by_key(|one| one.header_at);
    for pair in listed.windows(2) {
        let [first, second] = pair else { continue };
        let end = first.row.offset.saturating_add(first.row.stored_len);
        if second.header_at < end {
            return Err(ZipError::Overlap {
                first: first.path.clone(),
                second: second.path.clone(),
                at: second.header_at,
            });
        }
    }
    Ok(())
}

/// Sorts the files by path and refuses names that are there twice. Folders are dropped: nothing
/// is asked of them.
fn compact(mut listed: Vec<Listed>) -> Result<(String, Vec<Row>), ZipError> {
    listed.retain(|one| !one.is_folder);
    listed.sort_by(|a, b| a.path.cmp(&b.path));
    let mut names = String::with_capacity(listed.iter().map(|one| one.path.len()).sum());
    let mut rows = Vec::with_capacity(listed.len());
    let mut last: Option<&str> = None;
    for one in &listed {
        if last == Some(&one.path) {
            return Err(ZipError::DuplicateName(one.path.clone()));
        }
        last = Some(&one.path);
        let too_long = || ZipError::NameTooLong { entry: one.path.clone(), bytes: one.path.len() };
        let mut row = one.row;
        row.name = (
            u32::try_from(names.len()).map_err(|_| too_long())?,
            u16::try_from(one.path.len()).map_err(|_| too_long())?,
        );
        names.push_str(&one.path);
        rows.push(row);
    }
    Ok((names, rows))
}
