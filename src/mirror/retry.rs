//! What failed, why, and when it is tried again.

use std::{collections::BTreeMap, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    Failure,
    plan::{Key, Wanted},
};
use crate::net::client::Shown;

/// Failures kept; the oldest go first. More than any school has packages.
const MAX_FAILURES: usize = 10_000;
/// Doublings after which the wait no longer grows, whatever the first one was.
const MAX_DOUBLINGS: u32 = 30;

/// First and longest wait between two tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waits {
    /// After the first failure.
    pub first: Duration,
    /// Never longer.
    pub longest: Duration,
}

/// How long to wait after the `tries`-th failure: doubled each time, with jitter so that boxes
/// which failed together do not come back together. `chance` is a random number in `0.0..1.0`.
/// What cannot be mended by trying soon waits the longest at once.
pub fn wait(waits: Waits, tries: u32, hopeless: bool, chance: f64) -> Duration {
    let doublings = tries.saturating_sub(1).min(MAX_DOUBLINGS);
    let doubled = waits.first.saturating_mul(1 << doublings);
    let most = if hopeless { waits.longest } else { doubled.min(waits.longest) };
    let least = waits.first.min(most) / 2;
    let least = if hopeless { most / 2 } else { least };
    least + most.saturating_sub(least).mul_f64(chance.clamp(0.0, 1.0))
}

/// One kept failure: what was tried, so that another offer starts afresh.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Kept {
    media_type: String,
    url: String,
    version: String,
    #[serde(flatten)]
    failure: Failure,
}

/// The retry list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Failures {
    kept: BTreeMap<Key, Kept>,
}

/// The address without its query, which may hold a key.
fn shown(wanted: &Wanted) -> String {
    Shown::from(&wanted.offer.url).to_string()
}

/// Said of one failed try.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// What went wrong.
    pub reason: String,
    /// Not to be mended by trying soon (not found, a refused destination).
    pub hopeless: bool,
    /// More bytes are kept than after the try before: the waits start over.
    pub advanced: bool,
    /// The origin asked for this much patience (`Retry-After`).
    pub at_least: Duration,
}

impl Failures {
    /// Reads what `to_document` wrote; `None` when it is something else.
    pub fn from_document(bytes: &[u8]) -> Option<Self> {
        let list: Vec<Kept> = serde_json::from_slice(bytes).ok()?;
        let key = |kept: &Kept| Key {
            holding: kept.failure.holding.clone(),
            media_type: kept.media_type.clone(),
        };
        Some(Self { kept: list.into_iter().take(MAX_FAILURES).map(|k| (key(&k), k)).collect() })
    }

    /// The list as it is kept between restarts.
    pub fn to_document(&self) -> Vec<u8> {
        let list: Vec<&Kept> = self.kept.values().collect();
        // Strings and numbers only: this cannot fail, and an empty list is the right answer if so.
        serde_json::to_vec_pretty(&list).unwrap_or_else(|_| b"[]".to_vec())
    }

    /// When `key` may be tried again; `None` = it did not fail.
    pub fn again_at(&self, key: &Key) -> Option<Timestamp> {
        self.kept.get(key).map(|kept| kept.failure.again_at)
    }

    /// Tries of `key` so far, or since the last one that got further.
    pub fn tries(&self, key: &Key) -> u32 {
        self.kept.get(key).map_or(0, |kept| kept.failure.tries)
    }

    /// The first moment after `now` at which something may be tried again.
    pub fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        self.kept.values().map(|kept| kept.failure.again_at).filter(|due| *due > now).min()
    }

    /// Notes a failed try.
    pub fn note(
        &mut self,
        wanted: &Wanted,
        outcome: Outcome,
        waits: Waits,
        chance: f64,
        now: Timestamp,
    ) -> &Failure {
        let before = self.kept.get(&wanted.key).map_or(0, |kept| kept.failure.tries);
        let tries = if outcome.advanced { 1 } else { before.saturating_add(1) };
        let pause = wait(waits, tries, outcome.hopeless, chance).max(outcome.at_least);
        let pause = SignedDuration::try_from(pause).unwrap_or(SignedDuration::MAX);
        if self.kept.len() >= MAX_FAILURES && before == 0 {
            self.forget_oldest();
        }
        let kept = Kept {
            media_type: wanted.key.media_type.clone(),
            url: shown(wanted),
            version: wanted.offer.version.clone(),
            failure: Failure {
                holding: wanted.key.holding.clone(),
                title: wanted.holding.title.clone(),
                tries,
                reason: outcome.reason,
                at: now,
                again_at: now.saturating_add(pause).unwrap_or(Timestamp::MAX),
            },
        };
        &self.kept.entry(wanted.key.clone()).insert_entry(kept).into_mut().failure
    }

    fn forget_oldest(&mut self) {
        let oldest = self.kept.iter().min_by_key(|(_, kept)| kept.failure.at);
        if let Some(key) = oldest.map(|(key, _)| key.clone()) {
            self.kept.remove(&key);
        }
    }

    /// It came at last. Returns whether it was on the list.
    pub fn clear(&mut self, key: &Key) -> bool {
        self.kept.remove(key).is_some()
    }

    /// Drops what is no longer wanted, or is now offered otherwise. Returns whether any was.
    pub fn keep_only(&mut self, queue: &[Wanted]) -> bool {
        let offers: BTreeMap<&Key, &Wanted> = queue.iter().map(|w| (&w.key, w)).collect();
        let before = self.kept.len();
        self.kept.retain(|key, kept| {
            offers.get(key).is_some_and(|wanted| {
                kept.url == shown(wanted) && kept.version == wanted.offer.version
            })
        });
        before != self.kept.len()
    }

    /// Everything may be tried at once; the counts stay.
    pub fn wake(&mut self, now: Timestamp) {
        self.kept
            .values_mut()
            .for_each(|kept| kept.failure.again_at = kept.failure.again_at.min(now));
    }

    /// The list for people, soonest try first.
    pub fn list(&self) -> Vec<Failure> {
        let mut list: Vec<Failure> = self.kept.values().map(|kept| kept.failure.clone()).collect();
        list.sort_by(|a, b| (a.again_at, &a.holding).cmp(&(b.again_at, &b.holding)));
        list
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::catalogue::{Holding, Offer};

    const WAITS: Waits = Waits { first: Duration::from_secs(5), longest: Duration::from_hours(1) };

    fn wanted(id: &str, version: &str) -> Wanted {
        let holding: Holding = serde_json::from_value(serde_json::json!({
            "id": id, "identifiers": [], "title": id, "subjects": [], "levels": [],
            "manual": true, "licences": [], "offers": [],
        }))
        .unwrap();
        let offer = Offer {
            source: String::new(),
            url: "https://books.example/a".parse().unwrap(),
            media_type: "application/pdf".to_owned(),
            size: None,
            sha256: None,
            version: version.to_owned(),
            until: None,
        };
        let key = Key { holding: id.to_owned(), media_type: offer.media_type.clone() };
        Wanted { key, holding: Arc::new(holding), offer, pupils: 0, left: None, ends: None }
    }

    fn outcome(advanced: bool) -> Outcome {
        Outcome { reason: "cut".to_owned(), advanced, ..Outcome::default() }
    }

    #[test]
    fn waits_double_up_to_the_longest_and_progress_starts_them_over() {
        let seconds = |tries| wait(WAITS, tries, false, 1.0).as_secs();
        assert_eq!([1, 2, 3, 4].map(seconds), [5, 10, 20, 40]);
        assert_eq!(seconds(40), 3600);
        assert_eq!(wait(WAITS, 1, true, 1.0).as_secs(), 3600);
        let mut list = Failures::default();
        let (book, now) = (wanted("a", "1"), Timestamp::UNIX_EPOCH);
        for tries in 1..=3 {
            assert_eq!(list.note(&book, outcome(false), WAITS, 1.0, now).tries, tries);
        }
        assert_eq!(list.note(&book, outcome(true), WAITS, 1.0, now).tries, 1);
    }

    #[test]
    fn the_list_survives_its_document_and_another_offer_starts_afresh() {
        let mut list = Failures::default();
        let (book, now) = (wanted("a", "1"), Timestamp::UNIX_EPOCH);
        list.note(&book, outcome(false), WAITS, 0.5, now);
        let mut read = Failures::from_document(&list.to_document()).unwrap();
        assert_eq!(read, list);
        assert!(!read.keep_only(std::slice::from_ref(&book)));
        assert!(read.keep_only(&[wanted("a", "2")]));
        assert_eq!(read.again_at(&book.key), None);
        assert_eq!(Failures::from_document(b"garbage"), None);
    }

    #[test]
    fn waking_makes_everything_due_and_forgets_no_reason() {
        let mut list = Failures::default();
        let (book, now) = (wanted("a", "1"), Timestamp::UNIX_EPOCH);
        list.note(&book, outcome(false), WAITS, 0.5, now);
        assert!(list.next_due(now).is_some());
        list.wake(now);
        assert_eq!(list.next_due(now), None);
        assert_eq!(list.list()[0].reason, "cut");
    }

    proptest! {
        #[test]
        fn a_wait_is_bounded_on_both_sides(tries in any::<u32>(), hopeless: bool, chance in 0.0..1.0_f64) {
            let wait = wait(WAITS, tries, hopeless, chance);
            prop_assert!(wait >= WAITS.first / 2 && wait <= WAITS.longest);
        }
    }
}
