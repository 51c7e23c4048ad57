//! Answers kept for the next who asks, bounded by the memory they take. Pure: the moment is passed
//! in.
//!
//! An answer is kept past its time, to be given when no better one can be had (RFC 8767); what is
//! asked for often is asked for again shortly before its time is over, so that nobody waits.

use std::{
    collections::HashMap,
    hash::BuildHasher as _,
    time::{Duration, Instant},
};

use foldhash::fast::RandomState;
use hickory_proto::op::Query;

use super::{
    shelf::{Place, Shelf},
    wire::{self, Encoded},
};

/// Bytes of memory that an answer takes beside the shelf: its place in the table, which is half empty
/// at times.
const PLACE_BYTES: usize = 56;
/// Of the memory, so many hundredths are the shelf's; the rest is the table's.
const SHELF_PERCENT: usize = 75;
/// An answer is asked for anew in the last so many hundredths of its time…
const LAST_PERCENT: u32 = 10;
/// …if so many asked for it since it came.
const ASKED_OFTEN: u8 = 3;

/// The question, whoever asks: its name in lower case, type, and what changes the answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key(Box<[u8]>);

impl Key {
    /// Of a question; with or without signatures, checked or not.
    pub fn new(asked: &Query, signatures: bool, no_checking: bool) -> Self {
        let mut key = wire::key(&asked.name, asked.query_type);
        key.push(u8::from(signatures) | u8::from(no_checking) << 1);
        Self(key.into())
    }
}

impl AsRef<[u8]> for Key {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// An answer that is kept.
#[derive(Debug, Clone)]
pub struct Kept {
    /// The message, in lower case, without EDNS.
    pub message: Encoded,
    /// Can it be given as it is: are there no names in it to be judged?
    pub is_plain: bool,
}

/// What the cache knows of a question.
#[derive(Debug)]
pub enum Found {
    /// It counts for so many seconds more.
    Fresh {
        /// The answer.
        kept: Kept,
        /// Seconds left.
        left: u32,
        /// Should it be asked for anew, behind the back of who asks now? Said once.
        renew: bool,
    },
    /// Its time is over.
    Stale(Kept),
    /// Nothing.
    Nothing,
}

/// What is kept beside an answer, in the first bytes of its item.
#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Milliseconds from the cache's first moment; what came before it has none.
    since: i64,
    ttl: u32,
    /// Bytes of the answer's message; its places come behind it.
    end: u32,
    /// Bytes of the key, which stands before the answer.
    key: u16,
    asked: u8,
    /// Is it being asked for anew?
    renewing: bool,
    is_plain: bool,
}

/// Bytes of an [`Entry`].
const ENTRY_BYTES: usize = 21;

impl Entry {
    fn to_bytes(self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        let fields: [&[u8]; 6] = [
            &self.since.to_ne_bytes(),
            &self.ttl.to_ne_bytes(),
            &self.end.to_ne_bytes(),
            &self.key.to_ne_bytes(),
            &[self.asked],
            &[u8::from(self.renewing), u8::from(self.is_plain)],
        ];
        for (place, byte) in bytes.iter_mut().zip(fields.into_iter().flatten()) {
            *place = *byte;
        }
        bytes
    }

    /// Of an item, with its key and its answer.
    fn read(item: &[u8]) -> Option<(Self, &[u8], &[u8])> {
        let (since, rest) = item.split_first_chunk()?;
        let (ttl, rest) = rest.split_first_chunk()?;
        let (end, rest) = rest.split_first_chunk()?;
        let (key, rest) = rest.split_first_chunk()?;
        let ([asked, renewing, is_plain], rest) = rest.split_first_chunk()?;
        let entry = Self {
            since: i64::from_ne_bytes(*since),
            ttl: u32::from_ne_bytes(*ttl),
            end: u32::from_ne_bytes(*end),
            key: u16::from_ne_bytes(*key),
            asked: *asked,
            renewing: *renewing != 0,
            is_plain: *is_plain != 0,
        };
        let (key, answer) = rest.split_at_checked(entry.key.into())?;
        Some((entry, key, answer))
    }
}

/// An answer that was copied out of the cache: with room that is used again, nothing is allocated for
/// each.
#[derive(Debug, Default)]
pub struct Copied {
    /// As [`Encoded`] has it.
    pub bytes: Vec<u8>,
    /// Bytes of its message.
    pub end: usize,
    /// As [`Kept::is_plain`].
    pub is_plain: bool,
}

/// The cache.
#[derive(Debug)]
pub struct Cache {
    /// By the keys' hashes: of two with the same one, the later stays.
    places: HashMap<u64, Place, RandomState>,
    shelf: Shelf,
    /// From which moments are counted.
    begun: Instant,
    most_entries: usize,
    stale_for: Duration,
}

/// How an answer counts.
enum State {
    Fresh { left: u32, renew: bool },
    Stale,
}

impl Cache {
    /// That takes at most so many bytes, and keeps answers for so long past their time.
    pub fn new(most_bytes: usize, stale_for: Duration) -> Self {
        let of_shelf = most_bytes / 100 * SHELF_PERCENT;
        Self {
            places: HashMap::default(),
            shelf: Shelf::new(of_shelf),
            begun: Instant::now(),
            most_entries: (most_bytes - of_shelf) / PLACE_BYTES,
            stale_for,
        }
    }

    /// What is known of a question now.
    pub fn find(&mut self, key: &[u8], now: Instant) -> Found {
        let Some((place, state)) = self.look(key, now) else { return Found::Nothing };
        let item = self.shelf.get(place).and_then(Entry::read);
        let Some((entry, _, answer)) = item else { return Found::Nothing };
        let end = usize::try_from(entry.end).unwrap_or(usize::MAX);
        let kept = Kept { message: Encoded::of_parts(answer, end), is_plain: entry.is_plain };
        match state {
            State::Fresh { left, renew } => Found::Fresh { kept, left, renew },
            State::Stale => Found::Stale(kept),
        }
    }

    /// What counts of a question now, copied: the seconds left, and whether it should be asked for
    /// anew, as [`Found::Fresh`] has them.
    pub fn copy(&mut self, key: &[u8], now: Instant, into: &mut Copied) -> Option<(u32, bool)> {
        let (place, state) = self.look(key, now)?;
        let State::Fresh { left, renew } = state else { return None };
        let (entry, _, answer) = Entry::read(self.shelf.get(place)?)?;
        into.bytes.clear();
        into.bytes.extend_from_slice(answer);
        into.end = usize::try_from(entry.end).ok()?;
        into.is_plain = entry.is_plain;
        Some((left, renew))
    }

    /// Where it is, and how it counts; what is old on the shelf moves to its front.
    fn look(&mut self, key: &[u8], now: Instant) -> Option<(Place, State)> {
        let hash = self.places.hasher().hash_one(key);
        let mut place = *self.places.get(&hash)?;
        let moment = self.moment(now);
        let stale_for = i64::try_from(self.stale_for.as_millis()).unwrap_or(i64::MAX);
        let item = self.shelf.get_mut(place)?;
        let (mut entry, own_key, _) = Entry::read(item)?;
        if own_key != key {
            return None;
        }
        let age = moment.saturating_sub(entry.since).max(0);
        let left = i64::from(entry.ttl) * 1000 - age;
        if left <= 0 && -left > stale_for {
            self.places.remove(&hash);
            return None;
        }
        if left <= 0 {
            return Some((place, State::Stale));
        }
        // What counts for a part of a second yet counts for one: never 0, which would not be kept.
        let left = u32::try_from(left / 1000).unwrap_or(u32::MAX).max(1);
        let last = u64::from(entry.ttl) * u64::from(LAST_PERCENT) / 100;
        entry.asked = entry.asked.saturating_add(1);
        let renew = !entry.renewing && entry.asked > ASKED_OFTEN && u64::from(left) <= last;
        entry.renewing |= renew;
        *item.first_chunk_mut()? = entry.to_bytes();
        if self.shelf.is_old(place) {
            let item = self.shelf.get(place)?.to_vec();
            place = self.put(hash, &[&item])?;
        }
        Some((place, State::Fresh { left, renew }))
    }

    /// Keeps an answer that counts for so many seconds; those not asked for lately make room.
    pub fn keep(&mut self, key: &Key, kept: &Kept, ttl: u32, now: Instant) {
        if ttl == 0 {
            return;
        }
        let key = key.as_ref();
        let hash = self.places.hasher().hash_one(key);
        let (answer, end) = kept.message.to_parts();
        let lengths = (u16::try_from(key.len()), u32::try_from(end));
        let (Ok(key_bytes), Ok(end)) = lengths else { return };
        let entry = Entry {
            since: self.moment(now),
            ttl,
            end,
            key: key_bytes,
            asked: 0,
            renewing: false,
            is_plain: kept.is_plain,
        };
        self.put(hash, &[&entry.to_bytes(), key, answer]);
    }

    /// Puts an item in the place of the one before.
    fn put(&mut self, hash: u64, parts: &[&[u8]]) -> Option<Place> {
        let places = &mut self.places;
        let is_new = !places.contains_key(&hash);
        while is_new && places.len() >= self.most_entries {
            self.shelf.give_up(|place, item| forget(places, place, item))?;
        }
        let place = self.shelf.put(parts, |place, item| forget(places, place, item))?;
        self.places.insert(hash, place);
        Some(place)
    }

    /// The answer could not be had anew: the next who asks may try.
    pub fn not_renewed(&mut self, key: &Key) {
        let hash = self.places.hasher().hash_one(key.as_ref());
        let Some(item) = self.places.get(&hash).and_then(|place| self.shelf.get_mut(*place)) else {
            return;
        };
        let entry = Entry::read(item).filter(|(_, own, _)| *own == key.as_ref());
        if let Some((mut entry, ..)) = entry
            && let Some(bytes) = item.first_chunk_mut()
        {
            entry.renewing = false;
            *bytes = entry.to_bytes();
        }
    }

    /// Answers, and bytes they take.
    pub fn size(&self) -> (usize, usize) {
        (self.places.len(), self.shelf.bytes() + self.places.len() * PLACE_BYTES)
    }

    fn moment(&self, now: Instant) -> i64 {
        let milliseconds = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        match now.checked_duration_since(self.begun) {
            Some(after) => milliseconds(after),
            None => -milliseconds(self.begun.saturating_duration_since(now)),
        }
    }
}

/// What was renewed or asked for since lies further on, and stays.
fn forget(places: &mut HashMap<u64, Place, RandomState>, place: Place, item: &[u8]) {
    let Some((_, key, _)) = Entry::read(item) else { return };
    let hash = places.hasher().hash_one(key);
    if places.get(&hash) == Some(&place) {
        places.remove(&hash);
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::RecordType;

    use super::*;
    use crate::dns::{
        answer::Answer,
        testing::{question, record},
    };

    fn key(text: &str) -> Key {
        Key::new(&question(text, RecordType::A), false, false)
    }

    /// That takes about so many bytes.
    fn kept(bytes: usize) -> Kept {
        let text = record("a.example", RecordType::TXT, &vec![0; bytes], 60);
        let message = Answer::of(vec![text], 60).encoded(&question("a.example", RecordType::TXT));
        Kept { message: message.unwrap(), is_plain: true }
    }

    fn left(found: Found) -> Option<(u32, bool)> {
        match found {
            Found::Fresh { left, renew, .. } => Some((left, renew)),
            _ => None,
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn an_answer_counts_for_its_time_then_only_in_need_then_no_more() {
        let (mut cache, start) = (Cache::new(1 << 20, 3600 * SECOND), Instant::now());
        cache.keep(&key("a.example"), &kept(50), 100, start);
        assert_eq!(
            left(cache.find(key("A.EXAMPLE").as_ref(), start + 40 * SECOND)),
            Some((60, false))
        );
        assert_eq!(
            left(cache.find(key("a.example").as_ref(), start + 99 * SECOND)),
            Some((1, false))
        );
        assert!(matches!(
            cache.find(key("a.example").as_ref(), start + 100 * SECOND),
            Found::Stale(_)
        ));
        assert!(matches!(
            cache.find(key("a.example").as_ref(), start + 3700 * SECOND),
            Found::Stale(_)
        ));
        assert!(matches!(
            cache.find(key("a.example").as_ref(), start + 3702 * SECOND),
            Found::Nothing
        ));
        assert_eq!(cache.size().0, 0);
    }

    #[test]
    fn what_is_asked_for_often_is_renewed_before_its_end_and_once() {
        let (mut cache, start) = (Cache::new(1 << 20, SECOND), Instant::now());
        for name in ["often.example", "seldom.example"] {
            cache.keep(&key(name), &kept(50), 100, start);
        }
        for _ in 0..5 {
            assert!(!left(cache.find(key("often.example").as_ref(), start)).unwrap().1);
        }
        let late = start + 95 * SECOND;
        assert_eq!(left(cache.find(key("seldom.example").as_ref(), late)), Some((5, false)));
        assert_eq!(left(cache.find(key("often.example").as_ref(), late)), Some((5, true)));
        assert_eq!(left(cache.find(key("often.example").as_ref(), late)), Some((5, false)));
        cache.not_renewed(&key("often.example"));
        assert_eq!(left(cache.find(key("often.example").as_ref(), late)), Some((5, true)));
    }

    #[test]
    fn the_cache_never_takes_more_than_its_bytes_and_keeps_what_was_asked_for_last() {
        let (mut cache, now) = (Cache::new(100_000, SECOND), Instant::now());
        for n in 0..2000 {
            cache.keep(&key(&format!("n{n}.example")), &kept(100), 100, now);
            assert!(left(cache.find(key("n0.example").as_ref(), now)).is_some(), "{n}");
            assert!(cache.size().1 <= 100_000);
        }
        assert!(left(cache.find(key("n1.example").as_ref(), now)).is_none());
        assert!(left(cache.find(key("n1999.example").as_ref(), now)).is_some());
        // One answer does not take the place of all.
        cache.keep(&key("huge.example"), &kept(60_000), 100, now);
        assert!(left(cache.find(key("huge.example").as_ref(), now)).is_none());
    }

    #[test]
    fn questions_that_differ_in_what_they_want_are_kept_apart() {
        let asked = question("a.example", RecordType::A);
        let keys = [(false, false), (true, false), (false, true), (true, true)]
            .map(|(signatures, unchecked)| Key::new(&asked, signatures, unchecked));
        assert_eq!(keys.iter().collect::<std::collections::HashSet<_>>().len(), 4);
        assert_ne!(keys[0], Key::new(&question("a.example", RecordType::AAAA), false, false));
    }

    #[test]
    fn what_is_copied_is_what_is_found_and_nothing_old_is() {
        let (mut cache, start) = (Cache::new(1 << 20, 3600 * SECOND), Instant::now());
        cache.keep(&key("a.example"), &kept(50), 100, start);
        let mut copied = Copied { bytes: vec![7; 9], ..Copied::default() };
        let key = key("a.example");
        let seen = cache.copy(key.as_ref(), start + 40 * SECOND, &mut copied);
        assert_eq!(seen, Some((60, false)));
        let own = kept(50).message;
        assert_eq!(
            (&copied.bytes[..], copied.end, copied.is_plain),
            (own.to_parts().0, own.to_parts().1, true)
        );
        assert_eq!(cache.copy(key.as_ref(), start + 100 * SECOND, &mut copied), None);
        assert_eq!(cache.copy(b"another", start, &mut copied), None);
    }

    #[test]
    fn answers_so_small_that_their_table_is_full_first_make_room_too() {
        let (mut cache, now) = (Cache::new(1 << 20, SECOND), Instant::now());
        for n in 0..20_000 {
            cache.keep(&key(&format!("n{n}")), &kept(0), 100, now);
            assert!(left(cache.find(key(&format!("n{n}")).as_ref(), now)).is_some(), "{n}");
        }
        let (answers, bytes) = cache.size();
        assert!(answers > 2000 && bytes <= 1 << 20, "{answers} {bytes}");
        assert!(left(cache.find(key("n0").as_ref(), now)).is_none());
    }
}
