//! The few things the store does to a disk, each done so that a power cut cannot undo it.
//!
//! Every operation first passes a failpoint, `store::step`: tests kill the process there, at each
//! in turn. `store::sync` lets them refuse a sync, as a dying disk does.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::StoreError;

/// What the user's mask leaves of reading and writing for all, as files are made by default.
const SHARED_MODE: u32 = 0o666;
/// This user alone.
const SECRET_MODE: u32 = 0o600;

fn step() {
    fail::fail_point!("store::step");
}

#[allow(clippy::unnecessary_wraps, reason = "the failpoint is compiled in by tests alone")]
fn sync_fault() -> io::Result<()> {
    fail::fail_point!("store::sync", |_| Err(io::Error::from(io::ErrorKind::Other)));
    Ok(())
}

/// `fdatasync`: the bytes and the length of a file.
pub fn sync_data(file: &File, path: &Path) -> Result<(), StoreError> {
    step();
    sync_fault()
        .and_then(|()| file.sync_data())
        .map_err(|source| StoreError::NotDurable { path: path.to_owned(), source })
}

/// Makes the names in a folder durable.
pub fn sync_folder(path: &Path) -> Result<(), StoreError> {
    step();
    sync_fault()
        .and_then(|()| File::open(path)?.sync_all())
        .map_err(|source| StoreError::NotDurable { path: path.to_owned(), source })
}

/// Renames within the data folder, replacing what bears the new name; not durable by itself.
pub fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    step();
    rustix::fs::rename(from, to).map_err(|e| StoreError::io("rename to", to)(e.into()))
}

/// Removes a file, or finds that it is gone already; not durable by itself.
pub fn remove(path: &Path) -> Result<(), StoreError> {
    step();
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(StoreError::io("remove", path)(e)),
        _ => Ok(()),
    }
}

/// Makes a folder and its missing parents, durably.
pub fn make_folder(path: &Path) -> Result<(), StoreError> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        make_folder(parent)?;
        step();
        create_folder(path)?;
        return sync_folder(parent);
    }
    create_folder(path)
}

fn create_folder(path: &Path) -> Result<(), StoreError> {
    match fs::create_dir(path) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => {
            Err(StoreError::io("make the folder", path)(e))
        }
        _ => Ok(()),
    }
}

/// Replaces a small file whole: after a crash it holds the old bytes or the new ones. `draft` is
/// a path of the same disk that nobody reads.
pub fn replace(path: &Path, draft: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    replace_with_mode(path, draft, bytes, SHARED_MODE)
}

/// The same for what this user alone may read.
pub fn replace_secret(path: &Path, draft: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    replace_with_mode(path, draft, bytes, SECRET_MODE)
}

fn replace_with_mode(path: &Path, draft: &Path, bytes: &[u8], mode: u32) -> Result<(), StoreError> {
    let written = write_synced(draft, bytes, mode).and_then(|()| rename(draft, path));
    if written.is_err() {
        // The draft is worth nothing, and would take room on a disk that may be full.
        let _ = remove(draft);
    }
    written?;
    sync_folder(parent(path))
}

fn write_synced(path: &Path, bytes: &[u8], mode: u32) -> Result<(), StoreError> {
    step();
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(path)
        .map_err(StoreError::io("create", path))?;
    file.write_all(bytes).map_err(StoreError::io("write", path))?;
    sync_data(&file, path)
}

/// The folder a file is in.
pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        // A bare name, of the working folder.
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        parent => parent.unwrap_or(Path::new("/")),
    }
}

/// The files of a folder; none when it is absent.
pub fn files_of(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let entries = match fs::read_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(StoreError::io("list", folder))?,
    };
    entries.map(|entry| entry.map(|e| e.path()).map_err(StoreError::io("list", folder))).collect()
}

/// Bytes that the disk of `path` has left for this user.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let existing = path.ancestors().find(|p| p.exists()).unwrap_or(Path::new("/"));
    let disk = rustix::fs::statvfs(existing)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Reads a whole small file, `None` when it is absent.
pub fn read_small(path: &Path, most: u64) -> Result<Option<Vec<u8>>, StoreError> {
    let file = match File::open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(StoreError::io("open", path))?,
    };
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(file, most + 1), &mut bytes)
        .map_err(StoreError::io("read", path))?;
    if bytes.len() as u64 > most {
        return Err(StoreError::io("read", path)(io::Error::from(io::ErrorKind::FileTooLarge)));
    }
    Ok(Some(bytes))
}
