//! A disk that does what a power cut does: what was not synced is forgotten, or torn.
//!
//! A FUSE file system in memory that keeps two states of everything: what programs see, and what
//! is safe. `fsync` of a file makes its bytes and its length safe, `fsync` of a folder the names
//! in it. As on a disk with a journal, one rename is safe in both folders or in none, and a change
//! of a name is safe only with those of the same name before it; nothing else is promised: not
//! even that a new file's `fsync` keeps its name.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, SystemTime},
};

use fuser::{
    BackgroundSession, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags,
    Generation, INodeNo, LockOwner, MountOption, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate,
    ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request,
    TimeOrNow, WriteFlags,
};

use super::{
    disk_image::{Answer, Body, Image, ROOT},
    store_writer::Dice,
};

/// The kernel keeps nothing: after a cut it would be wrong.
const NO_CACHE: Duration = Duration::ZERO;
/// Size of the disk, in blocks of 4 KiB: 4 GiB, which no test fills.
const DISK_BLOCKS: u64 = 1 << 20;

/// A mounted forgetful disk; unmounted when dropped.
pub struct ForgetfulDisk {
    image: Arc<Mutex<Image>>,
    session: Option<BackgroundSession>,
    folder: tempfile::TempDir,
}

impl ForgetfulDisk {
    /// Mounts one; where that is not possible (no root, no `/dev/fuse`), says so and gives none.
    /// In continuous integration that is a failure.
    pub fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let image = Arc::new(Mutex::new(Image::default()));
        let mut config = Config::default();
        config.mount_options = vec![MountOption::FSName("forgetful".into())];
        match fuser::spawn_mount(Disk(image.clone()), folder.path(), &config) {
            Ok(session) => Some(Self { image, session: Some(session), folder }),
            Err(error) => {
                assert!(std::env::var_os("CI").is_none(), "no FUSE file system: {error}");
                eprintln!("SKIPPED: no FUSE file system can be mounted here: {error}");
                None
            }
        }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// The power goes after so many changes more: from then on the disk answers no change.
    pub fn power_goes_after(&self, changes: u64) {
        self.image().left = Some(changes);
    }

    /// Has the power gone?
    pub fn is_off(&self) -> bool {
        self.image().left == Some(0)
    }

    /// Cuts the power, if it has not gone already, and turns it on again: what is safe is there,
    /// and of the rest as little or as much as the dice say.
    pub fn cut(&self, dice: &mut Dice) {
        self.image().cut(dice);
    }

    fn image(&self) -> MutexGuard<'_, Image> {
        self.image.lock().unwrap()
    }
}

impl Drop for ForgetfulDisk {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            let _ = session.umount_and_join();
        }
    }
}

/// The file system as the kernel knows it.
struct Disk(Arc<Mutex<Image>>);

impl Disk {
    fn image(&self) -> MutexGuard<'_, Image> {
        self.0.lock().unwrap()
    }
}

fn attributes(ino: u64, image: &Image) -> Answer<FileAttr> {
    let (kind, perm, size) = match image.body(ino)? {
        Body::Folder { .. } => (FileType::Directory, 0o755, 4096),
        Body::File { now, .. } => (FileType::RegularFile, 0o644, now.len() as u64),
    };
    // Everything was changed just now: nothing here is old enough to be given up.
    let time = SystemTime::now();
    Ok(FileAttr {
        ino: INodeNo(ino),
        size,
        blocks: size.div_ceil(512),
        atime: time,
        mtime: time,
        ctime: time,
        crtime: time,
        kind,
        perm,
        nlink: 1,
        uid: nix::unistd::getuid().as_raw(),
        gid: nix::unistd::getgid().as_raw(),
        rdev: 0,
        blksize: 4096,
        flags: 0,
    })
}

fn done(answer: Answer<()>, reply: ReplyEmpty) {
    match answer {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(error),
    }
}

fn entry(answer: Answer<FileAttr>, reply: ReplyEntry) {
    match answer {
        Ok(attributes) => reply.entry(&NO_CACHE, &attributes, Generation(0)),
        Err(error) => reply.error(error),
    }
}

impl Filesystem for Disk {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let image = self.image();
        entry(image.find(parent.0, name).and_then(|ino| attributes(ino, &image)), reply);
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match attributes(ino.0, &self.image()) {
            Ok(found) => reply.attr(&NO_CACHE, &found),
            Err(error) => reply.error(error),
        }
    }

    fn setattr(
        &self,
        _: &Request,
        ino: INodeNo,
        _mode: Option<u32>,
        _uid: Option<u32>,
        _gid: Option<u32>,
        size: Option<u64>,
        _atime: Option<TimeOrNow>,
        _mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        _: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<fuser::BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let mut image = self.image();
        let resized = size.map_or(Ok(()), |size| image.resize(ino.0, size));
        match resized.and_then(|()| attributes(ino.0, &image)) {
            Ok(found) => reply.attr(&NO_CACHE, &found),
            Err(error) => reply.error(error),
        }
    }

    fn mkdir(&self, _: &Request, parent: INodeNo, name: &OsStr, _: u32, _: u32, reply: ReplyEntry) {
        let mut image = self.image();
        let made = image.make(parent.0, name, Body::folder());
        entry(made.and_then(|ino| attributes(ino, &image)), reply);
    }

    fn create(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        _mode: u32,
        _umask: u32,
        _flags: i32,
        reply: ReplyCreate,
    ) {
        let mut image = self.image();
        let made = image.make(parent.0, name, Body::file());
        match made.and_then(|ino| attributes(ino, &image)) {
            Ok(found) => {
                let direct = FopenFlags::FOPEN_DIRECT_IO;
                reply.created(&NO_CACHE, &found, Generation(0), FileHandle(0), direct);
            }
            Err(error) => reply.error(error),
        }
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        done(self.image().remove(parent.0, name), reply);
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        done(self.image().remove(parent.0, name), reply);
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        newparent: INodeNo,
        newname: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        if !flags.is_empty() {
            return reply.error(Errno::EINVAL);
        }
        done(self.image().rename((parent.0, name), (newparent.0, newname)), reply);
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        reply.opened(FileHandle(0), FopenFlags::FOPEN_DIRECT_IO);
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.image().read(ino.0, offset, size) {
            Ok(bytes) => reply.data(bytes),
            Err(error) => reply.error(error),
        }
    }

    fn write(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.image().write(ino.0, offset, data) {
            Ok(()) => reply.written(u32::try_from(data.len()).unwrap()),
            Err(error) => reply.error(error),
        }
    }

    fn fsync(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        done(self.image().sync_file(ino.0), reply);
    }

    fn fsyncdir(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        done(self.image().sync_folder(ino.0), reply);
    }

    fn readdir(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let image = self.image();
        let Ok(Body::Folder { now, .. }) = image.body(ino.0) else {
            return reply.error(Errno::ENOTDIR);
        };
        let dots = [(OsStr::new("."), ino.0), (OsStr::new(".."), ROOT)];
        let entries = dots.into_iter().chain(now.iter().map(|(name, ino)| (name.as_ref(), *ino)));
        for (place, (name, ino)) in
            (1..).zip(entries).skip(usize::try_from(offset).unwrap_or(usize::MAX))
        {
            let folder = matches!(image.body(ino), Ok(Body::Folder { .. }));
            let kind = if folder { FileType::Directory } else { FileType::RegularFile };
            if reply.add(INodeNo(ino), place, kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        reply.statfs(DISK_BLOCKS, DISK_BLOCKS, DISK_BLOCKS, 1 << 20, 1 << 20, 4096, 255, 4096);
    }
}

/// Every file below a folder, for tests of the disk itself.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
