//! Names in a log's folder, read and written.
//!
//! `connections/0001/`: an *era*, from a `genesis` to the moment at which its key was lost or
//! damaged; there is one, as long as nothing breaks. In it: `genesis`, `key` (the box's own, never
//! copied), `head`, the files, `0000000001.hour` or `0000000001.tail`, and once some of them were
//! purged, the stub of the last of those in `purged`.

use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

use super::chain::{Form, HEADER_BYTES, Header, STUB_BYTES, TAG_BYTES, stub};

/// Sealed first key of the chain.
pub const GENESIS: &str = "genesis";
/// The present key of the chain.
pub const KEY: &str = "key";
/// How far the chain goes.
pub const HEAD: &str = "head";
/// The stub of the last file that was purged: all up to it were.
pub const PURGED: &str = "purged";
/// Where files are written before they bear their name.
pub const DRAFT: &str = "draft";
/// Files of one era: an hour each, for nineteen centuries.
pub const MAX_FILES: u64 = 1 << 24;
/// Eras of one log.
const MAX_ERAS: u32 = 9999;

/// A file of the chain.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Piece {
    pub number: u64,
    pub path: PathBuf,
}

pub fn name(number: u64, form: Form) -> String {
    let ending = match form {
        Form::Hour => "hour",
        Form::Chunk => "tail",
    };
    format!("{number:010}.{ending}")
}

fn number_of(path: &Path) -> Option<(u64, Form)> {
    let name = path.file_name()?.to_str()?;
    let (digits, ending) = name.split_once('.')?;
    let form = match ending {
        "hour" => Form::Hour,
        "tail" => Form::Chunk,
        _ => return None,
    };
    let number = (digits.len() == 10).then(|| digits.parse().ok()).flatten()?;
    (1..=MAX_FILES).contains(&number).then_some((number, form))
}

/// Files of one era, in order. Where a file was written whole and its chunks were still there, the
/// whole one counts.
pub fn files(era: &Path) -> io::Result<Vec<Piece>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(era)? {
        let path = entry?.path();
        if let Some((number, form)) = number_of(&path) {
            found.push((number, form == Form::Chunk, path));
        }
    }
    found.sort();
    found.dedup_by_key(|(number, ..)| *number);
    Ok(found.into_iter().map(|(number, _, path)| Piece { number, path }).collect())
}

/// Eras of a log, in order. A folder that is itself an era is its only one.
pub fn eras(log: &Path) -> io::Result<Vec<PathBuf>> {
    if log.join(GENESIS).exists() {
        return Ok(vec![log.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(log)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if name.is_some_and(|name| name.len() == 4 && name.parse::<u32>().is_ok()) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The folder of the era after these.
pub fn next_era(log: &Path, eras: &[PathBuf]) -> PathBuf {
    let last = eras.last().and_then(|era| era.file_name()?.to_str()?.parse::<u32>().ok());
    log.join(format!("{:04}", last.map_or(1, |last| (last + 1).min(MAX_ERAS))))
}

/// Bytes of all files below, and their number.
pub fn weigh(folder: &Path) -> io::Result<(u64, u64)> {
    let (mut bytes, mut count) = (0, 0);
    for era in eras(folder)? {
        for piece in files(&era)? {
            bytes += fs::metadata(&piece.path)?.len();
            count += 1;
        }
    }
    Ok((bytes, count))
}

/// The header that comes next in a file; nothing at its end, or where none is.
pub fn header(file: &mut File) -> io::Result<Option<Header>> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES);
    file.take(HEADER_BYTES as u64).read_to_end(&mut bytes)?;
    Ok(Header::read(&bytes))
}

/// The stub of the last whole piece of a file, and what it says.
pub fn last_stub(path: &Path) -> io::Result<Option<(Header, Vec<u8>)>> {
    let mut file = File::open(path)?;
    let mut last = None;
    while let Some(header) = self::header(&mut file)? {
        file.seek(SeekFrom::Current(header.sealed.into()))?;
        let mut tag = Vec::with_capacity(TAG_BYTES);
        (&mut file).take(TAG_BYTES as u64).read_to_end(&mut tag)?;
        let bytes = stub(&header.to_bytes(), &tag);
        if bytes.len() < STUB_BYTES {
            break;
        }
        last = Some((header, bytes));
    }
    Ok(last)
}
