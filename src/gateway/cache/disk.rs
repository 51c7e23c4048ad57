//! The cache's own folder: a file of bytes a response, and beside it a note of what it is and which
//! of the bytes are there.
//!
//! A note is written after the bytes it speaks of were synced, and replaces the one before in one
//! step: whatever a crash leaves, nothing is served that is not there. Bytes without a note are
//! swept away at the next start. Every function here blocks.

use std::{
    collections::HashSet,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    num::NonZeroUsize,
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use lru::LruCache;

/// Open files that are kept.
const OPEN_FILES: NonZeroUsize = NonZeroUsize::MIN.saturating_add(511);
/// Bytes of one note.
const MAX_NOTE_BYTES: u64 = 1 << 20;
/// What pupils read is nobody else's business.
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// The folder.
#[derive(Debug)]
pub struct Disk {
    root: PathBuf,
    /// Free bytes always left on the disk, for manuals and all else.
    reserve: u64,
    open: Mutex<LruCache<u64, Arc<File>>>,
    /// Files made while those of before are looked through.
    young: Mutex<Option<HashSet<u64>>>,
}

impl Disk {
    /// A folder that is made when the first file is.
    pub fn new(root: &Path, reserve: u64) -> Self {
        let (open, young) = (LruCache::new(OPEN_FILES), Some(HashSet::new()));
        Self { root: root.to_owned(), reserve, open: Mutex::new(open), young: Mutex::new(young) }
    }

    fn path(&self, id: u64, extension: &str) -> PathBuf {
        self.root.join(format!("{:02x}", id >> 56)).join(format!("{id:016x}.{extension}"))
    }

    fn handles(&self) -> std::sync::MutexGuard<'_, LruCache<u64, Arc<File>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn young(&self) -> std::sync::MutexGuard<'_, Option<HashSet<u64>>> {
        self.young.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file, if it is open. *Does not block.*
    pub fn opened(&self, id: u64) -> Option<Arc<File>> {
        self.handles().get(&id).cloned()
    }

    /// Opens the bytes of a response.
    pub fn read(&self, id: u64) -> io::Result<Arc<File>> {
        if let Some(file) = self.opened(id) {
            return Ok(file);
        }
        let file = OpenOptions::new().read(true).write(true).open(self.path(id, "body"))?;
        let file = Arc::new(file);
        self.handles().put(id, file.clone());
        // Removed while it was opened: kept, it would take its room until others push it out.
        if rustix::fs::fstat(&file)?.st_nlink == 0 {
            self.handles().pop(&id);
        }
        Ok(file)
    }

    /// Makes the file for a response's bytes, if the disk has room for `length` more.
    pub fn create(&self, id: u64, length: u64) -> io::Result<Arc<File>> {
        self.has_room(length)?;
        if let Some(young) = &mut *self.young() {
            young.insert(id);
        }
        let path = self.path(id, "body");
        let make = || {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create_new(true).mode(FILE_MODE).open(&path)
        };
        let file = match make() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let folder = path.parent().unwrap_or(&self.root);
                fs::DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder)?;
                make()?
            }
            made => made?,
        };
        let file = Arc::new(file);
        self.handles().put(id, file.clone());
        Ok(file)
    }

    /// Has the disk room for so many bytes, beside what must stay free?
    pub fn has_room(&self, length: u64) -> io::Result<()> {
        if self.free()? < self.reserve.saturating_add(length) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    /// Bytes that are to be given back, so that enough stays free.
    pub fn short_of(&self) -> io::Result<u64> {
        Ok(self.reserve.saturating_sub(self.free()?))
    }

    fn free(&self) -> io::Result<u64> {
        let existing = self.root.ancestors().find(|path| path.exists());
        let disk = rustix::fs::statvfs(existing.unwrap_or(Path::new("/")))?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// Replaces the note of a response, once its bytes are durable.
    pub fn note(&self, id: u64, note: &[u8]) -> io::Result<()> {
        self.read(id)?.sync_data()?;
        let (draft, path) = (self.path(id, "draft"), self.path(id, "note"));
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(FILE_MODE)
            .open(&draft)?;
        file.write_all(note)?;
        // Not synced: a note that a power cut takes costs a fetch, and one that it tears is none.
        rustix::fs::rename(&draft, &path)?;
        Ok(())
    }

    /// Removes a response: the note first, so that its bytes are nobody's.
    pub fn remove(&self, id: u64) {
        for extension in ["note", "draft", "body"] {
            let path = self.path(id, extension);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::warn!(path = %path.display(), %error, "a cached response stays");
                }
                _ => {}
            }
        }
        // After its name is gone: whoever opened it before finds out, or is found here.
        self.handles().pop(&id);
    }

    /// Gives each note that was there at the start to `take`, once, and removes whatever it does not
    /// take. `take` is told how long the file of bytes is.
    pub fn sweep(&self, mut take: impl FnMut(u64, &[u8], u64) -> bool) -> io::Result<()> {
        if self.young().is_none() {
            return Ok(());
        }
        for shard in 0..=u8::MAX {
            let entries = match fs::read_dir(self.root.join(format!("{shard:02x}"))) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                entries => entries?,
            };
            for entry in entries {
                let path = entry?.path();
                let id = path
                    .file_stem()
                    .and_then(|stem| u64::from_str_radix(stem.to_str()?, 16).ok())
                    .filter(|id| id >> 56 == u64::from(shard));
                let Some(id) = id else {
                    let _ = fs::remove_file(&path);
                    continue;
                };
                let is = |extension| path.extension().is_some_and(|own| own == extension);
                let young = self.young().as_ref().is_some_and(|young| young.contains(&id));
                if young || (is("body") && self.path(id, "note").exists()) {
                    continue;
                }
                if !(is("note") && self.offer(id, &path, &mut take)) {
                    self.remove(id);
                }
            }
        }
        *self.young() = None;
        Ok(())
    }

    fn offer(&self, id: u64, path: &Path, take: &mut impl FnMut(u64, &[u8], u64) -> bool) -> bool {
        let Ok(body) = fs::metadata(self.path(id, "body")) else { return false };
        let small = fs::metadata(path).is_ok_and(|note| note.len() <= MAX_NOTE_BYTES);
        small && fs::read(path).is_ok_and(|note| take(id, &note, body.len()))
    }
}

/// Writes runs one after the other from an offset.
pub fn write(file: &File, mut offset: u64, runs: &[Bytes]) -> io::Result<()> {
    for run in runs {
        file.write_all_at(run, offset)?;
        offset += run.len() as u64;
    }
    Ok(())
}
