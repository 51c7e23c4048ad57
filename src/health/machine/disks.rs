//! How full file systems are (statvfs(3)).

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use rustix::fs::{StatVfsMountFlags, statvfs};

use super::Free;

/// A twentieth of a file system.
const TWENTIETH: u64 = 20;
/// Of a large one so much is enough.
const ENOUGH_BYTES: u64 = 2 << 30;

/// A file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// Where it is mounted.
    pub mountpoint: String,
    /// Its size, in bytes.
    pub size: u64,
    /// What programs without privilege may take of it, in bytes.
    pub free: u64,
    /// What is to stay free of it, in bytes.
    pub wanted: u64,
    /// Files it may hold, and how many more; a system that makes room for them as it goes says 0.
    pub files: (u64, u64),
    /// Nothing can be written.
    pub read_only: bool,
}

/// Those that these paths are on, each once: where two are on the same one, the first says what is to
/// stay free. One that is not there is left out. Blocking.
pub fn disks(places: &[(PathBuf, Free)]) -> Vec<Disk> {
    let mut found: Vec<Disk> = Vec::new();
    for (path, free) in places {
        let Some(mountpoint) = mountpoint(path) else { continue };
        let mountpoint = mountpoint.display().to_string();
        if found.iter().any(|disk| disk.mountpoint == mountpoint) {
            continue;
        }
        let Ok(room) = statvfs(path) else { continue };
        let bytes = |blocks: u64| blocks.saturating_mul(room.f_frsize);
        let size = bytes(room.f_blocks);
        let twentieth = (size / TWENTIETH).min(ENOUGH_BYTES);
        found.push(Disk {
            mountpoint,
            size,
            free: bytes(room.f_bavail),
            wanted: match free {
                Free::Bytes(bytes) => (*bytes).min(size / TWENTIETH),
                Free::Twentieth => twentieth,
            },
            files: (room.f_files, room.f_favail),
            read_only: room.f_flag.contains(StatVfsMountFlags::RDONLY),
        });
    }
    found
}

/// The highest folder above a path that is on the same file system.
fn mountpoint(path: &Path) -> Option<PathBuf> {
    let path = fs::canonicalize(path).ok()?;
    let device = fs::metadata(&path).ok()?.dev();
    let same = |above: &&Path| fs::metadata(above).is_ok_and(|above| above.dev() == device);
    path.ancestors().take_while(same).last().map(Path::to_owned)
}
