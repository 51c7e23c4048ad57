//! The book of incidents: a document each in the store, replaced whole, and a line each in memory.
//!
//! A document an incident, since one alone is a few kilobytes with its evidence and all together would be
//! tens of megabytes, written anew at each change.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    record::{Ended, Incident, Spell, Told},
    spans::{Span, Spans},
};
use crate::{
    health::finding::Kind,
    store::{Store, StoreError},
};

/// Incidents kept.
pub const MAX_KEPT: usize = 5_000;
/// One that ended is kept for so long: a year's contract, and a month to argue about it.
pub const KEPT_FOR: SignedDuration = SignedDuration::from_hours(400 * 24);
/// Begins the names of their documents.
const PREFIX: &str = "incident-";
/// A larger document was not written here.
const MAX_BYTES: usize = 256 * 1024;
/// Characters of what was seen, in a line.
const MAX_DETAIL_CHARS: usize = 160;

/// An incident, in a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Its name.
    pub id: String,
    /// What is wrong.
    pub kind: Kind,
    /// With which.
    pub subject: String,
    /// When it began.
    pub since: Timestamp,
    /// Its end.
    pub ended: Option<Ended>,
    /// What was seen.
    pub detail: String,
    /// Times that it went on again.
    pub returns: usize,
    /// What is wrong because of it, at most.
    pub effects: usize,
    /// Who was told.
    pub told: Vec<Told>,
    /// When it was wrong; of links alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spells: Vec<Spell>,
}

impl Line {
    /// Of an incident.
    pub fn of(incident: &Incident) -> Self {
        let link = incident.thing.kind == Kind::LinkDown;
        Self {
            id: incident.id.clone(),
            kind: incident.thing.kind,
            subject: incident.thing.subject.clone(),
            since: incident.since,
            ended: incident.ended.clone(),
            detail: incident.detail.chars().take(MAX_DETAIL_CHARS).collect(),
            returns: incident.returns(),
            effects: incident.effects_in_all,
            told: incident.told.clone(),
            spells: if link { incident.spells.clone() } else { Vec::new() },
        }
    }
}

/// The book.
#[derive(Debug, Default)]
pub struct Book {
    lines: BTreeMap<String, Line>,
}

impl Book {
    /// Reads it, and gives each incident to `see`. What cannot be read is left out, and said in the log.
    /// Blocking.
    pub fn open(store: &Store, see: &mut dyn FnMut(Incident)) -> Result<Self, StoreError> {
        let mut book = Self::default();
        // Names begin with the school and the day: the latest are the last.
        let names = store.documents(PREFIX)?;
        for name in names.iter().rev().take(MAX_KEPT) {
            let Some(bytes) = store.document(name)?.filter(|bytes| bytes.len() <= MAX_BYTES) else {
                continue;
            };
            match serde_json::from_slice::<Incident>(&bytes) {
                Ok(incident) if format!("{PREFIX}{}", incident.id) == *name => {
                    book.lines.insert(incident.id.clone(), Line::of(&incident));
                    see(incident);
                }
                Ok(_) => tracing::warn!(name, "an incident is kept under another's name: left out"),
                Err(error) => tracing::warn!(name, %error, "an incident cannot be read: left out"),
            }
        }
        Ok(book)
    }

    /// Notes an incident that was written, or is about to be; the answer is those that have to go.
    pub fn note(&mut self, incident: &Incident, now: Timestamp) -> Vec<String> {
        self.lines.insert(incident.id.clone(), Line::of(incident));
        let mut ended: Vec<(Timestamp, String)> = self
            .lines
            .values()
            .filter_map(|line| Some((line.ended.as_ref()?.at, line.id.clone())))
            .collect();
        let old = |at: Timestamp| now.duration_since(at) > KEPT_FOR;
        let most = self.lines.len().saturating_sub(MAX_KEPT);
        if most == 0 && !ended.iter().any(|(at, _)| old(*at)) {
            return Vec::new();
        }
        ended.sort();
        let go: Vec<String> = ended
            .into_iter()
            .enumerate()
            .filter(|(place, (at, _))| *place < most || old(*at))
            .map(|(_, (_, id))| id)
            .collect();
        for id in &go {
            self.lines.remove(id);
        }
        go
    }

    /// Every incident, by name.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = &Line> {
        self.lines.values()
    }

    /// Links of which there is an outage in the book.
    pub fn links(&self) -> Vec<String> {
        let links = self.lines.values().filter(|line| line.kind == Kind::LinkDown);
        let mut links: Vec<String> = links.map(|line| line.subject.clone()).collect();
        links.sort();
        links.dedup();
        links
    }

    /// When a link was down, up to now.
    pub fn down(&self, link: &str, now: Timestamp) -> Spans {
        let own = |line: &&Line| line.kind == Kind::LinkDown && line.subject == link;
        let spells = self.lines.values().filter(own).flat_map(|line| &line.spells);
        Spans::of(spells.map(|one| Span { from: one.from, to: one.to.unwrap_or(now) }))
    }
}

/// Writes an incident down. Blocking.
pub fn write(store: &Store, incident: &Incident) -> Result<(), StoreError> {
    // Text keys only: this cannot fail.
    let bytes = serde_json::to_vec(incident).unwrap_or_default();
    store.keep_document(&format!("{PREFIX}{}", incident.id), &bytes)
}

/// An incident as it was written down. Blocking.
pub fn read(store: &Store, id: &str) -> Result<Option<Incident>, StoreError> {
    let bytes = store.document(&format!("{PREFIX}{id}"))?;
    Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

/// Takes incidents out. Blocking.
pub fn forget(store: &Store, ids: &[String]) -> Result<(), StoreError> {
    ids.iter().try_for_each(|id| store.forget_document(&format!("{PREFIX}{id}")))
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::{
        health::{
            finding::{Finding, Verdict},
            incident::record::{How, Naming},
        },
        store::StoreOptions,
    };

    fn day(at: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + at * 86_400).unwrap()
    }

    fn store(folder: &std::path::Path) -> Store {
        Store::open(StoreOptions {
            path: folder.to_owned(),
            quota: None,
            reserve: 0,
            keep_replaced: std::time::Duration::ZERO,
        })
        .unwrap()
    }

    fn incident(at: i64, ended: bool) -> Incident {
        let naming = Naming { uai: "0510035L".into(), zone: TimeZone::UTC };
        let finding = Finding::new(Kind::LinkDown, "fibre", Verdict::Wrong, day(at));
        let mut incident = Incident::open(&finding, &naming, Timestamp::MIN, day(at));
        if ended {
            incident.end(day(at) + SignedDuration::from_hours(1), day(at), How::Good);
        }
        incident
    }

    #[test]
    fn what_was_written_is_there_after_a_new_start_and_what_is_damaged_harms_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        let (open, ended) = (incident(2, false), incident(1, true));
        for one in [&open, &ended] {
            write(&store, one).unwrap();
        }
        store.keep_document("incident-0510035L-20260101-AAAAAA", b"{}").unwrap();
        let other = serde_json::to_vec(&open).unwrap();
        store.keep_document("incident-0510035L-20260101-BBBBBB", &other).unwrap();
        let mut seen = Vec::new();
        let book = Book::open(&store, &mut |one| seen.push(one)).unwrap();
        assert_eq!(seen, [open.clone(), ended.clone()], "the latest first");
        assert_eq!(book.lines().count(), 2);
        assert_eq!(read(&store, &ended.id).unwrap(), Some(ended.clone()));
        forget(&store, std::slice::from_ref(&ended.id)).unwrap();
        assert_eq!(read(&store, &ended.id).unwrap(), None);
        let down = book.down("fibre", day(3));
        assert_eq!(down.length(), SignedDuration::from_hours(24), "one hour became none, one day");
    }

    #[test]
    fn the_book_is_bounded_by_age_and_number_and_what_is_open_stays() {
        let mut book = Book::default();
        let open = incident(0, false);
        assert_eq!(book.note(&open, day(0)), Vec::<String>::new());
        for at in 1..400 {
            assert_eq!(book.note(&incident(at, true), day(at)), Vec::<String>::new(), "{at}");
        }
        let gone = book.note(&incident(500, true), day(500));
        assert_eq!(gone.len(), 99, "those of more than 400 days ago");
        assert!(book.lines().any(|line| line.id == open.id));
        let mut book = Book::default();
        let mut gone = Vec::new();
        for at in 0..i64::try_from(MAX_KEPT).unwrap() + 10 {
            let mut one = incident(300, true);
            one.id = format!("{at:05}");
            one.ended =
                one.ended.map(|end| Ended { at: day(300) + SignedDuration::from_secs(at), ..end });
            gone.extend(book.note(&one, day(300)));
        }
        assert_eq!((book.lines().count(), gone.len()), (MAX_KEPT, 10));
        assert_eq!(gone[0], "00000");
    }
}
