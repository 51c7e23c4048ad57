//! Answers kept for the next who asks, bounded by the memory they take. Pure: the moment is passed
//! in.
//!
//! An answer is kept past its time, to be given when no better one can be had (RFC 8767); what is
//! asked for often is asked for again shortly before its time is over, so that nobody waits.

use std::{
    borrow::Borrow,
    num::NonZeroUsize,
    time::{Duration, Instant},
};

use hickory_proto::op::Query;
use lru::LruCache;

use super::wire::{self, Encoded};

/// Answers, whatever their size.
const MAX_ENTRIES: NonZeroUsize = NonZeroUsize::new(1_000_000).unwrap();
/// Bytes of an answer beside its key and message: the entry, its place in the table, and what two
/// allocations cost.
const ENTRY_BYTES: usize = 160;
/// An answer is asked for anew in the last so many hundredths of its time…
const LAST_PERCENT: u32 = 10;
/// …if so many asked for it since it came.
const ASKED_OFTEN: u32 = 3;

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

impl Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
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

#[derive(Debug)]
struct Entry {
    kept: Kept,
    since: Instant,
    ttl: u32,
    asked: u32,
    /// Is it being asked for anew?
    renewing: bool,
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

/// The cache.
#[derive(Debug)]
pub struct Cache {
    entries: LruCache<Key, Entry>,
    bytes: usize,
    most_bytes: usize,
    stale_for: Duration,
}

impl Cache {
    /// That takes at most so many bytes, and keeps answers for so long past their time.
    pub fn new(most_bytes: usize, stale_for: Duration) -> Self {
        // Not `new`: that would take the memory of all its entries at once.
        let mut entries = LruCache::unbounded();
        entries.resize(MAX_ENTRIES);
        Self { entries, bytes: 0, most_bytes, stale_for }
    }

    /// What is known of a question now.
    pub fn find(&mut self, key: &[u8], now: Instant) -> Found {
        let Some(entry) = self.entries.get_mut(key) else { return Found::Nothing };
        let age = now.saturating_duration_since(entry.since);
        let left = Duration::from_secs(entry.ttl.into()).saturating_sub(age);
        if left.is_zero() {
            if age > Duration::from_secs(entry.ttl.into()) + self.stale_for {
                self.forget(key);
                return Found::Nothing;
            }
            return Found::Stale(entry.kept.clone());
        }
        entry.asked = entry.asked.saturating_add(1);
        // What counts for a part of a second yet counts for one: never 0, which would not be kept.
        let left = u32::try_from(left.as_secs()).unwrap_or(u32::MAX).max(1);
        let last = u64::from(entry.ttl) * u64::from(LAST_PERCENT) / 100;
        let renew = !entry.renewing && entry.asked > ASKED_OFTEN && u64::from(left) <= last;
        entry.renewing |= renew;
        Found::Fresh { kept: entry.kept.clone(), left, renew }
    }

    /// Keeps an answer that counts for so many seconds; those asked for longest ago make room.
    pub fn keep(&mut self, key: Key, kept: Kept, ttl: u32, now: Instant) {
        if ttl == 0 || ENTRY_BYTES + kept.message.len() > self.most_bytes / 4 {
            return;
        }
        self.forget(key.as_ref());
        let entry = Entry { kept, since: now, ttl, asked: 0, renewing: false };
        self.bytes += weight(&key, &entry);
        if let Some((old_key, old)) = self.entries.push(key, entry) {
            self.bytes -= weight(&old_key, &old);
        }
        while self.bytes > self.most_bytes {
            let Some((key, entry)) = self.entries.pop_lru() else { break };
            self.bytes -= weight(&key, &entry);
        }
    }

    /// The answer could not be had anew: the next who asks may try.
    pub fn not_renewed(&mut self, key: &Key) {
        if let Some(entry) = self.entries.peek_mut(key) {
            entry.renewing = false;
        }
    }

    /// Answers, and bytes they take.
    pub fn size(&self) -> (usize, usize) {
        (self.entries.len(), self.bytes)
    }

    fn forget(&mut self, key: &[u8]) {
        if let Some((key, entry)) = self.entries.pop_entry(key) {
            self.bytes -= weight(&key, &entry);
        }
    }
}

fn weight(key: &Key, entry: &Entry) -> usize {
    ENTRY_BYTES + key.0.len() + entry.kept.message.len()
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
        cache.keep(key("a.example"), kept(50), 100, start);
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
        assert_eq!(cache.size(), (0, 0));
    }

    #[test]
    fn what_is_asked_for_often_is_renewed_before_its_end_and_once() {
        let (mut cache, start) = (Cache::new(1 << 20, SECOND), Instant::now());
        for name in ["often.example", "seldom.example"] {
            cache.keep(key(name), kept(50), 100, start);
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
            cache.keep(key(&format!("n{n}.example")), kept(100), 100, now);
            assert!(left(cache.find(key("n0.example").as_ref(), now)).is_some(), "{n}");
            assert!(cache.size().1 <= 100_000);
        }
        assert!(left(cache.find(key("n1.example").as_ref(), now)).is_none());
        assert!(left(cache.find(key("n1999.example").as_ref(), now)).is_some());
        // One answer does not take the place of all.
        cache.keep(key("huge.example"), kept(60_000), 100, now);
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
}
