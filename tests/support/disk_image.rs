//! What a forgetful disk holds: every file and folder twice, as seen and as safe.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    ffi::{OsStr, OsString},
};

use fuser::Errno;

use super::store_writer::Dice;

pub type Answer<T> = Result<T, Errno>;

/// What a disk writes whole or not at all.
const BLOCK: usize = 4096;
/// The folder that is the mount point.
pub const ROOT: u64 = 1;

type Names = BTreeMap<OsString, u64>;
/// A name in a folder.
type Place = (u64, OsString);

pub enum Body {
    File { now: Vec<u8>, safe: Vec<u8>, dirty: BTreeSet<usize> },
    Folder { now: Names, safe: Names },
}

impl Body {
    pub fn file() -> Self {
        Self::File { now: Vec::new(), safe: Vec::new(), dirty: BTreeSet::new() }
    }

    pub fn folder() -> Self {
        Self::Folder { now: Names::new(), safe: Names::new() }
    }
}

/// What becomes of some names, all at once.
struct Change(Vec<(Place, Option<u64>)>);

pub struct Image {
    bodies: HashMap<u64, Body>,
    next: u64,
    /// Changes of names that are seen and not safe, oldest first.
    journal: Vec<Change>,
    /// Changes until the power goes; `Some(0)`: it has.
    pub left: Option<u64>,
}

impl Default for Image {
    fn default() -> Self {
        let bodies = HashMap::from([(ROOT, Body::folder())]);
        Self { bodies, next: ROOT + 1, journal: Vec::new(), left: None }
    }
}

impl Image {
    pub fn body(&self, ino: u64) -> Answer<&Body> {
        self.bodies.get(&ino).ok_or(Errno::ENOENT)
    }

    fn names(&mut self, folder: u64) -> Answer<&mut Names> {
        match self.bodies.get_mut(&folder) {
            Some(Body::Folder { now, .. }) => Ok(now),
            _ => Err(Errno::ENOENT),
        }
    }

    pub fn find(&self, folder: u64, name: &OsStr) -> Answer<u64> {
        match self.body(folder)? {
            Body::Folder { now, .. } => now.get(name).copied().ok_or(Errno::ENOENT),
            Body::File { .. } => Err(Errno::ENOTDIR),
        }
    }

    /// One change more, if there is power for it.
    fn tick(&mut self) -> Answer<()> {
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(1);
            if *left == 0 {
                return Err(Errno::EIO);
            }
        }
        Ok(())
    }

    fn change(&mut self, change: Change) -> Answer<()> {
        for ((folder, name), ino) in &change.0 {
            let names = self.names(*folder)?;
            match ino {
                Some(ino) => names.insert(name.clone(), *ino),
                None => names.remove(name),
            };
        }
        self.journal.push(change);
        Ok(())
    }

    pub fn make(&mut self, folder: u64, name: &OsStr, body: Body) -> Answer<u64> {
        self.tick()?;
        if self.find(folder, name).is_ok() {
            return Err(Errno::EEXIST);
        }
        let ino = self.next;
        self.next += 1;
        self.bodies.insert(ino, body);
        self.change(Change(vec![((folder, name.to_owned()), Some(ino))]))?;
        Ok(ino)
    }

    pub fn remove(&mut self, folder: u64, name: &OsStr) -> Answer<()> {
        self.tick()?;
        let ino = self.find(folder, name)?;
        if matches!(self.body(ino)?, Body::Folder { now, .. } if !now.is_empty()) {
            return Err(Errno::ENOTEMPTY);
        }
        self.change(Change(vec![((folder, name.to_owned()), None)]))
    }

    pub fn rename(&mut self, from: (u64, &OsStr), to: (u64, &OsStr)) -> Answer<()> {
        self.tick()?;
        let ino = self.find(from.0, from.1)?;
        let (from, to) = ((from.0, from.1.to_owned()), (to.0, to.1.to_owned()));
        if from == to {
            return Ok(());
        }
        self.change(Change(vec![(from, None), (to, Some(ino))]))
    }

    pub fn read(&self, ino: u64, offset: u64, size: u32) -> Answer<&[u8]> {
        let Body::File { now, .. } = self.body(ino)? else { return Err(Errno::EISDIR) };
        let from = usize::try_from(offset).map_or(now.len(), |o| o.min(now.len()));
        let to = now.len().min(from + usize::try_from(size).unwrap());
        Ok(&now[from..to])
    }

    pub fn write(&mut self, ino: u64, offset: u64, bytes: &[u8]) -> Answer<()> {
        self.tick()?;
        let from = usize::try_from(offset).map_err(|_| Errno::EFBIG)?;
        let end = from + bytes.len();
        let length = match self.body(ino)? {
            Body::File { now, .. } => now.len(),
            Body::Folder { .. } => return Err(Errno::EISDIR),
        };
        if end > length {
            self.set_length(ino, end)?;
        }
        if let Some(Body::File { now, dirty, .. }) = self.bodies.get_mut(&ino) {
            now[from..end].copy_from_slice(bytes);
            dirty.extend(from / BLOCK..end.div_ceil(BLOCK));
        }
        Ok(())
    }

    pub fn resize(&mut self, ino: u64, size: u64) -> Answer<()> {
        self.tick()?;
        self.set_length(ino, usize::try_from(size).map_err(|_| Errno::EFBIG)?)
    }

    fn set_length(&mut self, ino: u64, length: usize) -> Answer<()> {
        let Some(Body::File { now, dirty, .. }) = self.bodies.get_mut(&ino) else {
            return Err(Errno::EISDIR);
        };
        let (less, more) = (length.min(now.len()), length.max(now.len()));
        dirty.extend(less / BLOCK..more.div_ceil(BLOCK));
        now.resize(length, 0);
        Ok(())
    }

    pub fn sync_file(&mut self, ino: u64) -> Answer<()> {
        self.tick()?;
        if let Some(Body::File { now, safe, dirty }) = self.bodies.get_mut(&ino) {
            keep(now, safe, std::mem::take(dirty).into_iter(), now.len());
        }
        Ok(())
    }

    pub fn sync_folder(&mut self, folder: u64) -> Answer<()> {
        self.tick()?;
        // The folder's changes, and those of the same names before them.
        let mut places = HashSet::new();
        let mut safe: Vec<Change> = Vec::new();
        for change in std::mem::take(&mut self.journal).into_iter().rev() {
            let mut named = change.0.iter().map(|(place, _)| place);
            if named.any(|place| place.0 == folder || places.contains(place)) {
                places.extend(change.0.iter().map(|(place, _)| place.clone()));
                safe.push(change);
            } else {
                self.journal.insert(0, change);
            }
        }
        safe.iter().rev().for_each(|change| self.make_safe(change));
        Ok(())
    }

    fn make_safe(&mut self, change: &Change) {
        for ((folder, name), ino) in &change.0 {
            if let Some(Body::Folder { safe, .. }) = self.bodies.get_mut(folder) {
                match ino {
                    Some(ino) => safe.insert(name.clone(), *ino),
                    None => safe.remove(name),
                };
            }
        }
    }

    /// The power goes, and comes back.
    pub fn cut(&mut self, dice: &mut Dice) {
        // Nothing unsynced survives, or all of it, or any part.
        let chance = [0, 100, 50, 10, 90][usize::try_from(dice.below(5)).unwrap()];
        let mut survives = move || dice.below(100) < chance;
        let mut lost = HashSet::new();
        for change in std::mem::take(&mut self.journal) {
            if survives() && !change.0.iter().any(|(place, _)| lost.contains(place)) {
                self.make_safe(&change);
            } else {
                lost.extend(change.0.into_iter().map(|(place, _)| place));
            }
        }
        let mut inos: Vec<u64> = self.bodies.keys().copied().collect();
        inos.sort_unstable();
        for ino in inos {
            match self.bodies.get_mut(&ino) {
                Some(Body::File { now, safe, dirty }) if !dirty.is_empty() => {
                    let length = if survives() { now.len() } else { safe.len() };
                    let kept = std::mem::take(dirty).into_iter().filter(|_| survives());
                    keep(now, safe, kept, length);
                    now.clone_from(safe);
                }
                Some(Body::Folder { now, safe }) => now.clone_from(safe),
                _ => {}
            }
        }
        self.forget_unreachable();
        self.left = None;
    }

    fn forget_unreachable(&mut self) {
        let mut reached = HashSet::from([ROOT]);
        let mut open = vec![ROOT];
        while let Some(ino) = open.pop() {
            if let Some(Body::Folder { now, .. }) = self.bodies.get(&ino) {
                open.extend(now.values().filter(|ino| reached.insert(**ino)));
            }
        }
        self.bodies.retain(|ino, _| reached.contains(ino));
    }
}

/// Takes these blocks of `now` over to `safe`, which becomes so long.
fn keep(now: &[u8], safe: &mut Vec<u8>, blocks: impl Iterator<Item = usize>, length: usize) {
    safe.resize(length, 0);
    for block in blocks {
        let from = block * BLOCK;
        let to = (from + BLOCK).min(now.len()).min(length);
        if from < to {
            safe[from..to].copy_from_slice(&now[from..to]);
        }
    }
}
