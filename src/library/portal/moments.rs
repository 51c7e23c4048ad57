//! Class moments: a short word that leads a class to a page of a manual, for the rest of the day.
//!
//! It opens nothing: each pupil's own right decides when they land.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::{Timestamp, ToSpan as _, tz::TimeZone};
use rand::seq::IndexedRandom as _;
use serde::{Deserialize, Serialize};
use url::form_urlencoded;

use crate::store::{BlobId, Store};

/// Letters that are told apart on a blackboard and in a corridor.
const LETTERS: &[u8] = b"ACDEFGHJKLMNPQRTUVWXY3479";
/// Letters of a word.
const LENGTH: usize = 5;
/// Moments of one day, for the whole school; the first to end gives way.
const MAX_MOMENTS: usize = 2_000;
/// Bytes of a place in a book.
pub const MAX_PLACE_BYTES: usize = 2_048;
const DOCUMENT: &str = "moments";

/// Where a class goes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Moment {
    /// The package.
    pub blob: BlobId,
    /// The page of the reader, from 1.
    pub page: usize,
    /// A document of the package, where pages have no numbers: the reader's `ouvrir`.
    #[serde(default)]
    pub place: Option<String>,
    /// First moment at which it leads nowhere.
    pub until: Timestamp,
}

impl Moment {
    /// The reader's page that it leads to.
    pub fn address(&self) -> String {
        match &self.place {
            Some(place) => {
                let place: String = form_urlencoded::byte_serialize(place.as_bytes()).collect();
                format!("/lire/{}?ouvrir={place}", self.blob)
            }
            None => format!("/lire/{}?page={}", self.blob, self.page),
        }
    }
}

/// The moments of today.
#[derive(Debug)]
pub struct Moments {
    zone: TimeZone,
    by_word: Mutex<BTreeMap<String, Moment>>,
}

impl Moments {
    /// With those that were kept. Blocking.
    pub fn open(store: &Store, zone: TimeZone) -> Self {
        let kept = store.document(DOCUMENT).ok().flatten();
        let kept = kept.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        Self { zone, by_word: Mutex::new(kept) }
    }

    /// Makes one, good until midnight. *In memory.*
    pub fn make(&self, blob: BlobId, page: usize, place: Option<String>, now: Timestamp) -> String {
        let today = now.to_zoned_datetime(self.zone.clone());
        let midnight = today.start_of_day().and_then(|day| day.checked_add(1.day()));
        let until = midnight.map_or(now, |day| day.timestamp());
        let mut moments = self.moments();
        moments.retain(|_, moment| now < moment.until);
        if moments.len() >= MAX_MOMENTS {
            moments.pop_first();
        }
        let word = loop {
            let word = word();
            if !moments.contains_key(&word) {
                break word;
            }
        };
        moments.insert(word.clone(), Moment { blob, page, place, until });
        word
    }

    /// The moment of a word, however it was typed. *In memory.*
    pub fn find(&self, word: &str, now: Timestamp) -> Option<Moment> {
        let word: String = word.chars().take(LENGTH + 1).collect();
        let moments = self.moments();
        moments.get(&word.to_ascii_uppercase()).filter(|moment| now < moment.until).cloned()
    }

    /// Keeps them for after a restart. Blocking.
    pub fn keep(&self, store: &Store) {
        let bytes = serde_json::to_vec(&*self.moments()).unwrap_or_default();
        if let Err(error) = store.keep_document(DOCUMENT, &bytes) {
            tracing::warn!(%error, "class moments not kept: gone after a restart");
        }
    }

    fn moments(&self) -> MutexGuard<'_, BTreeMap<String, Moment>> {
        self.by_word.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn word() -> String {
    let mut dice = rand::rng();
    let letters = (0..LENGTH).filter_map(|_| LETTERS.choose(&mut dice));
    letters.map(|letter| char::from(*letter)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments() -> Moments {
        Moments { zone: TimeZone::UTC, by_word: Mutex::default() }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_moment_is_found_however_it_is_typed_until_midnight() {
        let moments = moments();
        let word = moments.make(BlobId([1; 32]), 12, None, at(3_600));
        assert_eq!(word.len(), LENGTH);
        let found = moments.find(&word.to_lowercase(), at(86_399)).unwrap();
        assert_eq!((found.blob, found.page), (BlobId([1; 32]), 12));
        assert_eq!(moments.find(&word, at(86_400)), None);
        assert_eq!(moments.find(&format!("{word}X"), at(3_600)), None);
        assert_eq!(moments.find("", at(3_600)), None);
    }

    #[test]
    fn a_moment_leads_to_its_document_where_pages_have_no_numbers() {
        let moments = moments();
        let word = moments.make(BlobId([1; 32]), 3, Some("OEBPS/c é.xhtml".into()), at(0));
        let address = moments.find(&word, at(1)).unwrap().address();
        assert!(address.ends_with("?ouvrir=OEBPS%2Fc+%C3%A9.xhtml"), "{address}");
        let word = moments.make(BlobId([1; 32]), 3, None, at(0));
        assert!(moments.find(&word, at(1)).unwrap().address().ends_with("?page=3"));
    }

    #[test]
    fn moments_are_bounded_and_those_of_yesterday_are_gone() {
        let moments = moments();
        for _ in 0..MAX_MOMENTS + 10 {
            moments.make(BlobId([1; 32]), 1, None, at(0));
        }
        assert_eq!(moments.moments().len(), MAX_MOMENTS);
        moments.make(BlobId([1; 32]), 1, None, at(86_400));
        assert_eq!(moments.moments().len(), 1);
    }
}
