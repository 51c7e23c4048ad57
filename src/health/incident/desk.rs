//! What may be asked of the incidents: the book, a ticket, a month. And what they tell the region.

use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan as _, civil::Date};

use super::{
    availability::{self, Known},
    book::{self, Line},
    record::Incident,
    rules,
    run::Incidents,
    ticket::{self, Month, Ticket},
};
use crate::{
    health::{
        finding::Kind,
        metrics::{INCIDENTS_OPEN, INCIDENTS_OPENED},
        sample::{Source, Telling},
    },
    store::StoreError,
};

/// A ticket in its three forms.
#[derive(Debug, Clone)]
pub struct Forms {
    /// As data.
    pub ticket: Ticket,
    /// As text, in 72 columns.
    pub text: String,
    /// As a page.
    pub html: String,
}

impl Incidents {
    /// Was the book read? Before that nothing is known, and nothing is watched.
    pub fn is_ready(&self) -> bool {
        self.seen().ready
    }

    /// Incidents of which a ticket waits to be sent, or to be due.
    pub fn waiting(&self) -> usize {
        self.seen().outbox.waiting()
    }

    /// The open incidents, or all of the book, the latest first.
    pub fn lines(&self, all: bool) -> Vec<Line> {
        let seen = self.seen();
        let mut lines: Vec<Line> = if all {
            let open: BTreeMap<&str, &Incident> =
                seen.machine.open().map(|one| (one.id.as_str(), one)).collect();
            let line = |line: &Line| {
                open.get(line.id.as_str()).map_or_else(|| line.clone(), |open| Line::of(open))
            };
            seen.book.lines().map(line).collect()
        } else {
            seen.machine.open().map(Line::of).collect()
        };
        lines.sort_by(|one, other| (other.since, &one.id).cmp(&(one.since, &other.id)));
        lines
    }

    /// An incident's ticket in its three forms, as things are now. Blocking.
    ///
    /// # Errors
    /// The disk would not.
    pub fn ticket(&self, id: &str, now: Timestamp) -> Result<Option<Forms>, StoreError> {
        let known = self.seen().machine.get_mut(id).cloned();
        let incident = match known {
            Some(incident) => Some(incident),
            // Only what the book names is looked for: a name typed is no name of a file.
            None if self.seen().book.lines().any(|line| line.id == id) => {
                book::read(&self.0.store, id)?
            }
            None => None,
        };
        Ok(incident.map(|incident| {
            let ticket = self.ticket_of(&incident, now);
            let text = ticket::text(&ticket, &self.0.about);
            // The page is written to memory: it does not fail.
            let html = ticket::page(&ticket, &self.0.about).unwrap_or_default();
            Forms { ticket, text, html }
        }))
    }

    /// The month that a day is in, of each link.
    pub fn months(&self, day: Date, now: Timestamp) -> Vec<Month> {
        let (first, last) = availability::month_of(day);
        let (zone, clocks) = (&self.0.about.zone, &self.0.clocks);
        let seen = self.seen();
        let mut links: Vec<String> = self
            .0
            .about
            .links
            .iter()
            .map(|link| link.name.clone())
            .chain(seen.book.links())
            .collect();
        links.sort();
        links.dedup();
        let watched = seen.hours.spans_until(now);
        let today = self.day(now);
        let month = |link: String| {
            let down = seen.book.down(&link, now);
            let known = Known { down, watched: watched.clone() };
            let of = |days| availability::of(&link, days, &known, clocks, zone, now);
            let past = first.series(1.day()).take_while(|day| *day <= last.min(today));
            let days = past.map(|day| of((day, day)).shares.first()?.availability()).collect();
            Month { whole: of((first, last)), days }
        };
        links.into_iter().map(month).collect()
    }

    /// The day at the school.
    pub fn day(&self, at: Timestamp) -> Date {
        at.to_zoned_datetime(self.0.about.zone.clone()).date()
    }
}

impl Source for Incidents {
    fn tell(&self, now: Timestamp, telling: &mut Telling) {
        let seen = self.seen();
        if !seen.ready {
            return;
        }
        let mut open: BTreeMap<Kind, u64> = BTreeMap::new();
        for incident in seen.machine.open() {
            *open.entry(incident.thing.kind).or_default() += 1;
        }
        for kind in rules::KINDS {
            let count = |all: &BTreeMap<Kind, u64>| {
                u32::try_from(all.get(&kind).copied().unwrap_or(0)).map_or(f64::MAX, f64::from)
            };
            telling.say(&INCIDENTS_OPEN, &[rules::name(kind)], now, count(&open));
            telling.say(&INCIDENTS_OPENED, &[rules::name(kind)], now, count(&seen.opened));
        }
    }
}
