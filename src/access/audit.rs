//! What was done that somebody must answer for: who (opaque identifier), what, when. One document
//! a month, so that old ones go whole.

use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::{AccessError, offered::AuditLine};
use crate::store::Store;

/// Documents begin with it; the month follows.
const PREFIX: &str = "access-audit-";
/// Months kept, the one under way included.
const MONTHS_KEPT: usize = 13;
/// Lines of one month; later ones are counted only.
const MAX_LINES: usize = 10_000;
/// Characters of a detail.
const MAX_DETAIL_CHARS: usize = 80;

/// One month.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
struct Month {
    lines: Vec<AuditLine>,
    /// Lines for which there was no room.
    #[serde(default)]
    more: u64,
}

/// The month under way, in memory.
#[derive(Debug)]
pub(super) struct Audit {
    zone: TimeZone,
    name: String,
    month: Month,
    unwritten: bool,
}

impl Audit {
    /// Blocking.
    pub(super) fn open(store: &Store, zone: TimeZone, now: Timestamp) -> Result<Self, AccessError> {
        let name = name(now, &zone);
        let month = read(store, &name)?;
        Ok(Self { zone, name, month, unwritten: false })
    }

    /// Notes a line. Returns the month before to write, when a new one begins.
    pub(super) fn note(&mut self, who: &str, what: &str, detail: &str, now: Timestamp) -> Written {
        let name = name(now, &self.zone);
        // A clock that went back writes on in the month that is open.
        let ended = (name > self.name).then(|| {
            let ended = self.document();
            (self.name, self.month) = (name, Month::default());
            ended
        });
        if self.month.lines.len() >= MAX_LINES {
            self.month.more += 1;
        } else {
            self.month.lines.push(AuditLine {
                at: now,
                who: who.to_owned(),
                what: what.to_owned(),
                detail: detail.chars().take(MAX_DETAIL_CHARS).collect(),
            });
        }
        self.unwritten = true;
        ended.flatten()
    }

    fn document(&self) -> Written {
        Some((self.name.clone(), serde_json::to_vec(&self.month).ok()?))
    }

    /// The document to write, when there is something to write.
    pub(super) fn take_unwritten(&mut self) -> Written {
        if std::mem::take(&mut self.unwritten) { self.document() } else { None }
    }

    pub(super) fn write_again(&mut self) {
        self.unwritten = true;
    }

    /// The lines of a person in the month under way.
    pub(super) fn of_person(&self, who: &str) -> Vec<AuditLine> {
        self.month.lines.iter().filter(|line| line.who == who).cloned().collect()
    }

    /// Takes a person's identifier off every line of the month under way: what was done stays
    /// written, for others must answer for it too, but no longer by whom.
    pub(super) fn unname(&mut self, who: &str) {
        self.unwritten |= unname(&mut self.month, who);
    }

    pub(super) fn current(&self) -> &str {
        &self.name
    }
}

/// A document's name and bytes.
pub(super) type Written = Option<(String, Vec<u8>)>;

fn unname(month: &mut Month, who: &str) -> bool {
    let mut changed = false;
    for line in month.lines.iter_mut().filter(|line| line.who == who) {
        line.who.clear();
        changed = true;
    }
    changed
}

fn name(now: Timestamp, zone: &TimeZone) -> String {
    format!("{PREFIX}{}", zone.to_datetime(now).strftime("%Y-%m"))
}

fn read(store: &Store, name: &str) -> Result<Month, AccessError> {
    let bytes = store.document(name)?;
    Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default())
}

/// Past months but `current`, oldest first. Blocking.
fn past(store: &Store, current: &str) -> Result<Vec<String>, AccessError> {
    let mut names = store.documents(PREFIX)?;
    names.retain(|name| name != current);
    Ok(names)
}

/// A person's lines of past months. Blocking.
pub(super) fn past_of(store: &Store, current: &str, who: &str) -> Vec<AuditLine> {
    let names = past(store, current).unwrap_or_default();
    let months = names.iter().filter_map(|name| read(store, name).ok());
    months.flat_map(|month| month.lines).filter(|line| line.who == who).collect()
}

/// Takes a person's identifier off every line of past months. Blocking.
pub(super) fn unname_past(store: &Store, current: &str, who: &str) -> Result<(), AccessError> {
    for name in past(store, current)? {
        let mut month = read(store, &name)?;
        if unname(&mut month, who)
            && let Ok(bytes) = serde_json::to_vec(&month)
        {
            store.keep_document(&name, &bytes)?;
        }
    }
    Ok(())
}

/// Drops the months before the last thirteen that were written. Counted, not dated: a clock that
/// goes far forward drops none. Blocking.
pub(super) fn drop_old(store: &Store, current: &str) -> Result<(), AccessError> {
    let names = past(store, current)?;
    for name in names.iter().take(names.len().saturating_sub(MONTHS_KEPT - 1)) {
        store.forget_document(name)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::testing;

    fn day(text: &str) -> Timestamp {
        format!("{text}T12:00:00Z").parse().unwrap()
    }

    fn write(store: &Store, written: Written) {
        let (name, bytes) = written.unwrap();
        store.keep_document(&name, &bytes).unwrap();
    }

    #[test]
    fn what_was_done_is_written_a_month_at_a_time_and_kept_for_thirteen() {
        let (store, _folder) = testing::store();
        let mut audit = Audit::open(&store, TimeZone::UTC, day("2025-01-01")).unwrap();
        for n in 0..15 {
            let now = day(&format!("{}-{:02}-05", 2025 + n / 12, n % 12 + 1));
            if let Some(ended) = audit.note("x", "codes made", "2", now) {
                write(&store, Some(ended));
            }
        }
        write(&store, audit.take_unwritten());
        assert!(audit.take_unwritten().is_none());
        assert_eq!(past_of(&store, audit.current(), "x").len(), 14);
        drop_old(&store, audit.current()).unwrap();
        assert_eq!(store.documents(PREFIX).unwrap().len(), MONTHS_KEPT);
        let again = Audit::open(&store, TimeZone::UTC, day("2026-03-09")).unwrap();
        assert_eq!(again.of_person("x").len(), 1);
    }

    #[test]
    fn an_erased_persons_lines_stay_and_name_nobody() {
        let (store, _folder) = testing::store();
        let mut audit = Audit::open(&store, TimeZone::UTC, day("2025-01-01")).unwrap();
        audit.note("x", "codes made", "2", day("2025-01-05"));
        write(&store, audit.note("x", "codes made", "3", day("2025-02-05")));
        audit.unname("x");
        unname_past(&store, audit.current(), "x").unwrap();
        assert!(
            audit.of_person("x").is_empty() && past_of(&store, audit.current(), "x").is_empty()
        );
        assert_eq!(past_of(&store, audit.current(), "").len(), 1);
        assert_eq!(audit.of_person("").len(), 1);
    }

    #[test]
    fn a_month_is_bounded_and_a_clock_that_went_back_opens_no_other() {
        let (store, _folder) = testing::store();
        let mut audit = Audit::open(&store, TimeZone::UTC, day("2025-02-01")).unwrap();
        for _ in 0..MAX_LINES + 3 {
            assert!(audit.note("x", "w", &"d".repeat(999), day("2025-01-01")).is_none());
        }
        assert_eq!((audit.month.lines.len(), audit.month.more), (MAX_LINES, 3));
        assert_eq!(audit.month.lines[0].detail.len(), MAX_DETAIL_CHARS);
    }
}
