//! What a source says of a book, in one form whichever source it was: this is what is kept.

use std::collections::HashSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{Licence, Offer};

/// Version of the kept form.
pub(super) const SCHEMA: u16 = 1;
/// Entries taken from one source; what comes after is refused.
pub(super) const MAX_ENTRIES: usize = 50_000;

/// One book, as one answer tells of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Entry {
    /// Canonical identifiers, the source's main one first; never empty once accepted.
    pub identifiers: Vec<String>,
    /// Title.
    pub title: Option<String>,
    /// Publisher.
    pub publisher: Option<String>,
    /// BCP 47 language.
    pub language: Option<String>,
    /// Subjects, as people read them.
    pub subjects: Vec<String>,
    /// Levels, as people read them.
    pub levels: Vec<String>,
    /// Description, plain text.
    pub description: Option<String>,
    /// Is it a manual? `None` when the source does not say.
    pub manual: Option<bool>,
    /// Cover address.
    pub cover: Option<Url>,
    /// Where it is read online.
    pub online: Option<Url>,
    /// Subscriptions that the source knows.
    pub licences: Vec<Licence>,
    /// Packages that the source offers.
    pub offers: Vec<Offer>,
}

/// What sort of source it is. The order is the one in which names are believed: the GAR's own
/// list, then its subscriptions (worded by the seller), then what the school typed, then feeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    ResourceList,
    Subscriptions,
    Import,
    Feed,
}

/// A part of an answer that comes or fails by itself: a school, a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    /// The school's UAI or the page's address.
    pub(super) key: String,
    /// When it came.
    pub(super) at: Timestamp,
    /// What it said.
    pub(super) entries: Vec<Entry>,
}

/// The last good answer of a source, as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) schema: u16,
    pub(super) kind: Kind,
    pub(super) parts: Vec<Part>,
    pub(super) refused: Vec<String>,
}

impl Kept {
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.parts.iter().flat_map(|part| &part.entries)
    }

    /// The date to show: the oldest part's, so that nothing is older than it says; of imports,
    /// which do not age, the last one's.
    pub(super) fn good_at(&self) -> Option<Timestamp> {
        let dates = self.parts.iter().map(|part| part.at);
        if self.kind == Kind::Import { dates.max() } else { dates.min() }
    }
}

/// What one round of asking brought.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) parts: Vec<Part>,
    pub(super) missing: Missing,
    /// Why something is missing; or why the rest is less than it could be.
    pub(super) failure: Option<String>,
    pub(super) refused: Vec<String>,
}

/// Which parts did not come, and are better taken from the last good answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Missing {
    /// All came.
    #[default]
    None,
    /// These keys failed.
    These(Vec<String>),
    /// A page failed, so nobody knows what would have followed.
    Unknown,
}

/// The answer to keep from now on: what came, and what did not come as it was. Pure.
pub(super) fn succeed(old: Option<&Kept>, kind: Kind, outcome: Outcome) -> Option<Kept> {
    if outcome.parts.is_empty() && outcome.missing != Missing::None {
        return old.cloned();
    }
    let mut parts = outcome.parts;
    // A book that came again is not kept beside itself: its old package is no longer offered.
    let named: HashSet<String> =
        parts.iter().flat_map(|p| &p.entries).flat_map(|e| &e.identifiers).cloned().collect();
    let old_parts = old.filter(|old| old.kind == kind).map(|old| old.parts.as_slice());
    for part in old_parts.unwrap_or_default() {
        let wanted = match &outcome.missing {
            Missing::None => false,
            Missing::These(keys) => keys.contains(&part.key),
            Missing::Unknown => true,
        };
        if wanted && !parts.iter().any(|new| new.key == part.key) {
            let mut part = part.clone();
            if outcome.missing == Missing::Unknown {
                part.entries.retain(|e| !e.identifiers.iter().any(|id| named.contains(id)));
                // A feed that never ends well, with other pages each time, must not grow for ever.
                let held: usize = parts.iter().map(|p| p.entries.len()).sum();
                if part.entries.is_empty() || held + part.entries.len() > MAX_ENTRIES {
                    continue;
                }
            }
            parts.push(part);
        }
    }
    Some(Kept { schema: SCHEMA, kind, parts, refused: outcome.refused })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(key: &str, at: i64) -> Part {
        let entry = Entry { identifiers: vec![format!("urn:{key}")], ..Entry::default() };
        let at = Timestamp::from_second(at).unwrap();
        Part { key: key.to_owned(), at, entries: vec![entry] }
    }

    fn kept(parts: Vec<Part>) -> Kept {
        Kept { schema: SCHEMA, kind: Kind::Feed, parts, refused: vec![] }
    }

    #[test]
    fn a_part_that_failed_stays_as_it_was_and_shows_its_age() {
        let old = kept(vec![part("a", 1), part("b", 1), part("gone", 1)]);
        let outcome = Outcome {
            parts: vec![part("a", 9)],
            missing: Missing::These(vec!["b".into()]),
            ..Outcome::default()
        };
        let new = succeed(Some(&old), Kind::Feed, outcome).unwrap();
        assert_eq!(new.parts, [part("a", 9), part("b", 1)]);
        assert_eq!(new.good_at(), Some(Timestamp::from_second(1).unwrap()));
    }

    #[test]
    fn a_book_that_moved_to_another_page_is_not_kept_twice() {
        let old = kept(vec![part("a", 1), part("b", 1)]);
        let mut moved = part("a", 9);
        moved.entries.extend(part("b", 9).entries);
        let outcome =
            Outcome { parts: vec![moved], missing: Missing::Unknown, ..Outcome::default() };
        let new = succeed(Some(&old), Kind::Feed, outcome).unwrap();
        assert_eq!(new.entries().count(), 2);
    }

    #[test]
    fn a_feed_that_fails_each_time_with_other_books_does_not_grow_for_ever() {
        let mut shelf = kept(vec![]);
        for round in 0..6 {
            let mut new = part(&format!("page-{round}"), round);
            new.entries = (0..MAX_ENTRIES / 4)
                .map(|n| Entry { identifiers: vec![format!("{round}-{n}")], ..Entry::default() })
                .collect();
            let outcome =
                Outcome { parts: vec![new], missing: Missing::Unknown, ..Outcome::default() };
            shelf = succeed(Some(&shelf), Kind::Feed, outcome).unwrap();
        }
        assert_eq!(shelf.entries().count(), MAX_ENTRIES);
        assert_eq!(shelf.parts[0].key, "page-5", "what came last is there");
    }

    #[test]
    fn a_whole_answer_replaces_all_and_none_replaces_nothing() {
        let old = kept(vec![part("a", 1), part("b", 1)]);
        let whole = Outcome { parts: vec![part("a", 9)], ..Outcome::default() };
        assert_eq!(succeed(Some(&old), Kind::Feed, whole).unwrap().parts, [part("a", 9)]);
        let broken = Outcome { missing: Missing::Unknown, ..Outcome::default() };
        assert_eq!(succeed(Some(&old), Kind::Feed, broken), Some(old));
        let none = Outcome { missing: Missing::Unknown, ..Outcome::default() };
        assert_eq!(succeed(None, Kind::Feed, none), None);
    }
}
