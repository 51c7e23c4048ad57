//! What is stored, by address, within bounds: what was used longest ago goes first.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use http::HeaderMap;
use lru::LruCache;

use super::{entry::Entry, key::Key};

/// Responses stored for one address, for requests that differ in what `Vary` names.
const MAX_VARIANTS: usize = 8;
/// What an entry takes beside its bytes, about.
const ENTRY_BYTES: u64 = 1024;

/// How much may be stored in one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of bodies, and about a KiB for each head.
    pub bytes: u64,
    /// Responses.
    pub count: usize,
}

/// Where an entry counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Its bytes are in memory.
    Memory,
    /// Its bytes are in a file.
    Disk,
}

/// What there is for a request.
#[derive(Debug, Default)]
pub struct Found {
    /// What answers it.
    pub entry: Option<Arc<Entry>>,
    /// Is anything stored for the address?
    pub any: bool,
}

#[derive(Debug)]
struct Charged {
    entry: Arc<Entry>,
    bytes: u64,
}

#[derive(Debug)]
struct Shelf {
    bounds: Bounds,
    recent: LruCache<u64, Charged>,
    bytes: u64,
}

#[derive(Debug)]
struct Inner {
    by_key: HashMap<Key, Vec<Arc<Entry>>>,
    memory: Shelf,
    disk: Shelf,
}

/// The index.
#[derive(Debug)]
pub struct Index {
    inner: Mutex<Inner>,
}

/// What had to go. Whoever gets it removes the files.
pub type Gone = Vec<Arc<Entry>>;

/// What came of asking for room.
#[must_use = "the files of what is gone are to be removed"]
#[derive(Debug, Default)]
pub struct Room {
    /// Is there enough?
    pub fits: bool,
    /// What had to go.
    pub gone: Gone,
}

impl Shelf {
    fn new(bounds: Bounds) -> Self {
        Self { bounds, recent: LruCache::unbounded(), bytes: 0 }
    }

    /// For these bytes, of so many more responses: of one, or of none but those that are here.
    fn has_room(&self, bytes: u64, more: usize) -> bool {
        self.bytes.saturating_add(bytes) <= self.bounds.bytes
            && self.recent.len().saturating_add(more) <= self.bounds.count
    }

    fn charge(&mut self, id: u64, bytes: u64) {
        if let Some(charged) = self.recent.peek_mut(&id) {
            charged.bytes = charged.bytes.saturating_add(bytes);
            self.bytes = self.bytes.saturating_add(bytes);
        }
    }

    fn release(&mut self, id: u64, bytes: u64) {
        if let Some(charged) = self.recent.peek_mut(&id) {
            let bytes = bytes.min(charged.bytes.saturating_sub(ENTRY_BYTES));
            charged.bytes -= bytes;
            self.bytes -= bytes;
        }
    }
}

impl Inner {
    fn shelf(&mut self, place: Place) -> &mut Shelf {
        match place {
            Place::Memory => &mut self.memory,
            Place::Disk => &mut self.disk,
        }
    }

    /// Makes room for `bytes` more by letting go of what was used longest ago, but never of `but`, nor
    /// of what is still coming: those who wait for it could not all be given the rest. `false` where
    /// that is not enough.
    fn make_room(&mut self, place: Place, bytes: u64, but: u64, gone: &mut Gone) -> bool {
        let shelf = self.shelf(place);
        if bytes > shelf.bounds.bytes {
            return false;
        }
        let more = usize::from(!shelf.recent.contains(&but));
        let mut spared = 0;
        while !self.shelf(place).has_room(bytes, more) {
            let shelf = self.shelf(place);
            let Some((&id, charged)) = shelf.recent.peek_lru() else { return false };
            if id == but || charged.entry.content.is_coming() {
                spared += 1;
                if spared > shelf.recent.len() {
                    return false;
                }
                shelf.recent.promote(&id);
                continue;
            }
            let entry = charged.entry.clone();
            self.remove(&entry);
            gone.push(entry);
        }
        true
    }

    /// Those that answer the same requests as `entry`, or the oldest where there are too many.
    fn replaced_by(&self, entry: &Entry) -> Gone {
        let variants = self.by_key.get(&entry.key).map_or(&[][..], Vec::as_slice);
        let same: Gone =
            variants.iter().filter(|other| other.selecting == entry.selecting).cloned().collect();
        if same.is_empty() && variants.len() >= MAX_VARIANTS {
            return variants
                .iter()
                .min_by_key(|o| o.head().times.answered)
                .cloned()
                .into_iter()
                .collect();
        }
        same
    }

    fn remove(&mut self, entry: &Arc<Entry>) -> bool {
        entry.drop_out();
        if let Some(variants) = self.by_key.get_mut(&entry.key) {
            variants.retain(|other| other.id != entry.id);
            if variants.is_empty() {
                self.by_key.remove(&entry.key);
            }
        }
        let mut known = false;
        for shelf in [&mut self.memory, &mut self.disk] {
            if let Some(charged) = shelf.recent.pop(&entry.id) {
                shelf.bytes -= charged.bytes;
                known = true;
            }
        }
        known
    }
}

impl Index {
    /// An empty index.
    pub fn new(memory: Bounds, disk: Bounds) -> Self {
        let inner =
            Inner { by_key: HashMap::new(), memory: Shelf::new(memory), disk: Shelf::new(disk) };
        Self { inner: Mutex::new(inner) }
    }

    /// Every change is made in one step, so a poisoned lock guards whole data.
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What answers a request: of several, the one made last (RFC 9111 §4.1).
    pub fn find(&self, key: &Key, request: &HeaderMap) -> Found {
        let mut inner = self.inner();
        let Some(variants) = inner.by_key.get(key) else { return Found::default() };
        let entry = match variants.as_slice() {
            [only] => Some(only).filter(|only| only.selecting.matches(request)),
            several => several
                .iter()
                .filter(|entry| entry.selecting.matches(request))
                .max_by_key(|entry| entry.head().date()),
        }
        .cloned();
        if let Some(entry) = &entry {
            inner.memory.recent.promote(&entry.id);
            inner.disk.recent.promote(&entry.id);
        }
        Found { entry, any: true }
    }

    /// Adds an entry that will have so many bytes, in place of the one that answers the same
    /// requests.
    pub fn insert(&self, entry: &Arc<Entry>, place: Place, bytes: u64) -> Room {
        let mut inner = self.inner();
        let bytes = bytes.saturating_add(ENTRY_BYTES);
        let mut room = Room { fits: false, gone: inner.replaced_by(entry) };
        for old in &room.gone {
            inner.remove(old);
        }
        room.fits = inner.make_room(place, bytes, entry.id, &mut room.gone);
        if room.fits {
            inner.by_key.entry(entry.key.clone()).or_default().push(entry.clone());
            let shelf = inner.shelf(place);
            shelf.recent.push(entry.id, Charged { entry: entry.clone(), bytes });
            shelf.bytes += bytes;
        } else {
            entry.drop_out();
        }
        room
    }

    /// Adds an entry that was found on disk, unless there is a newer one.
    pub fn adopt(&self, entry: &Arc<Entry>, bytes: u64) -> Room {
        let newer = !self.inner().replaced_by(entry).is_empty();
        if newer { Room::default() } else { self.insert(entry, Place::Disk, bytes) }
    }

    /// Counts more bytes of an entry. There is no room for one that is here no longer.
    pub fn grow(&self, entry: &Arc<Entry>, place: Place, bytes: u64) -> Room {
        let mut inner = self.inner();
        let mut room = Room::default();
        room.fits = inner.shelf(place).recent.contains(&entry.id)
            && inner.make_room(place, bytes, entry.id, &mut room.gone);
        if room.fits {
            inner.shelf(place).charge(entry.id, bytes);
        }
        room
    }

    /// Counts fewer bytes of an entry.
    pub fn shrink(&self, entry: &Entry, place: Place, bytes: u64) {
        self.inner().shelf(place).release(entry.id, bytes);
    }

    /// An entry goes from memory to disk, where it will have so many bytes.
    pub fn move_to_disk(&self, entry: &Arc<Entry>, bytes: u64) -> Room {
        let mut inner = self.inner();
        let (mut room, bytes) = (Room::default(), bytes.saturating_add(ENTRY_BYTES));
        if inner.memory.recent.contains(&entry.id)
            && inner.make_room(Place::Disk, bytes, entry.id, &mut room.gone)
            && let Some(charged) = inner.memory.recent.pop(&entry.id)
        {
            inner.memory.bytes -= charged.bytes;
            inner.disk.recent.push(entry.id, Charged { entry: entry.clone(), bytes });
            inner.disk.bytes += bytes;
            room.fits = true;
        }
        room
    }

    /// Forgets an entry; was it known?
    pub fn remove(&self, entry: &Arc<Entry>) -> bool {
        self.inner().remove(entry)
    }

    /// Forgets all that is stored for an address.
    pub fn remove_key(&self, key: &Key) -> Gone {
        let mut inner = self.inner();
        let gone = inner.by_key.get(key).cloned().unwrap_or_default();
        for entry in &gone {
            inner.remove(entry);
        }
        gone
    }

    /// Lets go of what was used longest ago until the files have so many bytes fewer.
    pub fn give_back(&self, bytes: u64) -> Gone {
        let mut inner = self.inner();
        let aim = inner.disk.bytes.saturating_sub(bytes);
        let mut gone = Gone::new();
        while inner.disk.bytes > aim {
            let Some(entry) = inner.disk.recent.peek_lru().map(|(_, c)| c.entry.clone()) else {
                break;
            };
            inner.remove(&entry);
            gone.push(entry);
        }
        gone
    }

    /// Bytes and number of responses: in memory, and on disk.
    pub fn usage(&self) -> [(u64, usize); 2] {
        let inner = self.inner();
        [&inner.memory, &inner.disk].map(|shelf| (shelf.bytes, shelf.recent.len()))
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, StatusCode};
    use jiff::Timestamp;

    use super::*;
    use crate::gateway::cache::{
        content::Content,
        head::{Head, Times},
        vary::Selecting,
    };

    const KIB: u64 = 1024;

    fn index(bytes: u64, count: usize) -> Index {
        Index::new(Bounds { bytes, count }, Bounds { bytes, count })
    }

    fn named(name: &str, foo: &'static str) -> (Arc<Entry>, HeaderMap) {
        let now = Timestamp::constant(1_700_000_000, 0);
        let request = HeaderMap::from_iter([(
            http::HeaderName::from_static("foo"),
            HeaderValue::from_static(foo),
        )]);
        let mut headers = HeaderMap::new();
        headers.insert(http::header::VARY, HeaderValue::from_static("foo"));
        let selecting = Selecting::of(&headers, &request).unwrap();
        let head = Head::new(StatusCode::OK, headers, Times { asked: now, answered: now });
        let key = Key::kept(&format!("http://a:80/{name}")).unwrap();
        (Entry::new(key, selecting, head, Content::new(Some(0), false)), request)
    }

    #[test]
    fn what_was_used_longest_ago_makes_room() {
        let index = index(10 * KIB, 100);
        let (a, request) = named("a", "1");
        let (b, _) = named("b", "1");
        let (c, _) = named("c", "1");
        assert!(index.insert(&a, Place::Memory, 3 * KIB).fits);
        assert!(index.insert(&b, Place::Memory, 3 * KIB).fits);
        assert!(index.find(&a.key, &request).entry.is_some(), "used: it stays");
        let room = index.insert(&c, Place::Memory, 3 * KIB);
        assert!(room.fits && room.gone.len() == 1 && room.gone[0].id == b.id && b.is_dropped());
        let (huge, _) = named("huge", "1");
        let room = index.insert(&huge, Place::Memory, 10 * KIB);
        assert!(!room.fits && room.gone.is_empty(), "what can never fit makes nobody leave");
        assert_eq!(index.usage()[0], (8 * KIB, 2));
    }

    #[test]
    fn what_is_still_coming_is_not_let_go() {
        let index = index(10 * KIB, 100);
        let (a, _) = named("a", "1");
        let (b, _) = named("b", "1");
        assert!(index.insert(&a, Place::Memory, 3 * KIB).fits);
        assert!(index.insert(&b, Place::Memory, 3 * KIB).fits);
        let coming = a.content.begin(0..u64::MAX).unwrap();
        let (c, _) = named("c", "1");
        let room = index.insert(&c, Place::Memory, 3 * KIB);
        assert!(room.fits && room.gone[0].id == b.id, "not the one used longest ago");
        let too = c.content.begin(0..u64::MAX).unwrap();
        let (d, _) = named("d", "1");
        let room = index.insert(&d, Place::Memory, 3 * KIB);
        assert!(!room.fits && room.gone.is_empty(), "all that is there is coming");
        drop((coming, too));
        assert!(index.insert(&d, Place::Memory, 3 * KIB).fits && a.is_dropped());
    }

    #[test]
    fn an_entry_never_makes_room_for_itself() {
        let index = index(10 * KIB, 100);
        let (a, _) = named("a", "1");
        assert!(index.insert(&a, Place::Disk, KIB).fits);
        assert!(index.grow(&a, Place::Disk, 7 * KIB).fits);
        assert!(!index.grow(&a, Place::Disk, 2 * KIB).fits && !a.is_dropped());
        index.shrink(&a, Place::Disk, 4 * KIB);
        assert_eq!(index.usage()[1], (5 * KIB, 1));
        assert!(index.remove(&a) && !index.remove(&a));
        assert_eq!(index.usage()[1], (0, 0));
    }

    #[test]
    fn what_grows_takes_no_other_s_place() {
        let index = index(10 * KIB, 2);
        let ((a, _), (b, _)) = (named("a", "1"), named("b", "1"));
        assert!(index.insert(&a, Place::Disk, KIB).fits && index.insert(&b, Place::Disk, KIB).fits);
        let room = index.grow(&a, Place::Disk, KIB);
        assert!(room.fits && room.gone.is_empty(), "there are no more than there were");
        let room = index.insert(&named("c", "1").0, Place::Disk, KIB);
        assert!(room.fits && room.gone.len() == 1, "one more would be too many");
    }

    #[test]
    fn variants_of_one_address_are_few_and_each_replaces_its_like() {
        let index = index(1 << 30, 100);
        let (first, request) = named("a", "0");
        assert!(index.insert(&first, Place::Memory, 0).gone.is_empty());
        let (again, _) = named("a", "0");
        assert_eq!(index.insert(&again, Place::Memory, 0).gone[0].id, first.id);
        for foo in ["1", "2", "3", "4", "5", "6", "7", "8", "9"] {
            let _ = index.insert(&named("a", foo).0, Place::Memory, 0);
        }
        assert_eq!(index.usage()[0].1, MAX_VARIANTS);
        let found = index.find(&first.key, &request);
        assert!(found.any && found.entry.is_none_or(|entry| entry.id == again.id));
        assert_eq!(index.remove_key(&first.key).len(), MAX_VARIANTS);
        assert!(!index.find(&first.key, &request).any);
    }

    #[test]
    fn what_is_found_on_disk_is_older_than_what_is_here() {
        let index = index(1 << 30, 100);
        let (new, request) = named("a", "0");
        let (old, _) = named("a", "0");
        assert!(index.insert(&new, Place::Memory, 0).fits);
        assert!(!index.adopt(&old, 0).fits);
        assert_eq!(index.find(&new.key, &request).entry.unwrap().id, new.id);
    }
}
