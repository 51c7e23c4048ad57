//! A ticket for the region's desk, made of an incident: everything that somebody needs who was not there,
//! and nothing of any pupil. As data (JSON), text, and a page. Pure.

mod page;
mod sheet;
mod text;

use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

pub use self::{page::page, text::text};
use super::{
    availability::Availability,
    record::{Effect, How, Incident},
    rules::{Severity, rule},
};
use crate::{
    config::Percent,
    health::finding::{Evidence, Kind},
};

/// Name and version of the JSON form: `docs/fr/incidents.md` describes it. Fields are added, never
/// renamed or taken away, while it stays the same.
pub const SCHEMA: &str = "preau-ticket/1";

/// What tickets say beside the incident.
#[derive(Debug, Clone)]
pub struct About {
    /// The school's identifier.
    pub uai: String,
    /// Its name.
    pub school: String,
    /// Its time.
    pub zone: TimeZone,
    /// The regional network that it belongs to.
    pub plaque: Option<String>,
    /// Its links.
    pub links: Vec<LinkTerms>,
    /// Whom to call.
    pub contact: Option<String>,
    /// The terms of the contract.
    pub contract: Option<String>,
    /// What it promises for a month.
    pub promised: Option<Percent>,
}

/// What is known of a link by contract.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LinkTerms {
    /// Its name on the box.
    pub name: String,
    /// The regional network or operator.
    pub network: Option<String>,
    /// What the operator calls the line.
    pub reference: Option<String>,
    /// What it carries by contract, toward the school, as settings write it.
    pub down: Option<String>,
    /// The other way.
    pub up: Option<String>,
}

/// How the incident of a ticket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Going on.
    Open,
    /// Good again.
    Ended,
    /// Part of another.
    Folded,
    /// No longer watched.
    Unwatched,
}

/// What a ticket says beside its incident that changes from day to day.
#[derive(Debug, Clone, Default)]
pub struct Measured {
    /// The month's availability, of each link.
    pub months: Vec<Month>,
    /// What comes again within so many seconds is the same incident.
    pub merge_seconds: i64,
}

/// A link's month, and each day of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Month {
    /// In all.
    #[serde(flatten)]
    pub whole: Availability,
    /// Day by day, 0 to 1; nothing where nobody watched.
    pub days: Vec<Option<f64>>,
}

/// The school, on a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct School {
    /// Its identifier.
    pub uai: String,
    /// Its name.
    pub name: String,
    /// The regional network that it belongs to.
    pub plaque: Option<String>,
}

/// What an incident touched at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Touched {
    /// Rooms.
    pub rooms: Vec<String>,
    /// Access points.
    pub access_points: u32,
    /// Devices on the Wi-Fi just before.
    pub clients: Option<u32>,
}

/// Lines of what was measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Lines {
    /// Before it began.
    pub before: Vec<Evidence>,
    /// From then on.
    pub after: Vec<Evidence>,
    /// Around its end.
    pub at_end: Vec<Evidence>,
}

/// A ticket.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ticket {
    /// See [`SCHEMA`].
    pub schema: &'static str,
    /// The incident's name.
    pub id: String,
    /// How it is.
    pub state: State,
    /// How much it weighs.
    pub severity: Severity,
    /// What is wrong.
    pub kind: Kind,
    /// With which; empty = the box.
    pub subject: String,
    /// Where.
    pub school: School,
    /// The link in question; those of the school, when it is about no link.
    pub links: Vec<LinkTerms>,
    /// The fact, in one sentence.
    pub fact: String,
    /// When it began.
    pub since: Timestamp,
    /// When it last was good before.
    pub last_good: Option<Timestamp>,
    /// When the box was sure.
    pub opened_at: Timestamp,
    /// When it was good again.
    pub ended_at: Option<Timestamp>,
    /// For how long it was wrong.
    pub seconds: i64,
    /// Times that it came again.
    pub returns: usize,
    /// What comes again within so many seconds is the same incident.
    pub merge_seconds: i64,
    /// What it touched.
    pub touched: Touched,
    /// What was seen.
    pub seen: String,
    /// The cause, and how it was told apart.
    pub told_apart: String,
    /// What the box tried.
    pub tried: Vec<String>,
    /// What is wrong because of it: the first.
    pub effects: Vec<Effect>,
    /// How many in all.
    pub effects_in_all: usize,
    /// What was measured.
    pub evidence: Lines,
    /// The month's availability.
    pub availability: Vec<Month>,
    /// What the contract promises, 0 to 1.
    pub promised: Option<f64>,
    /// The terms of the contract.
    pub contract: Option<String>,
    /// Whom to call.
    pub contact: Option<String>,
    /// When this was written.
    pub written_at: Timestamp,
}

impl Ticket {
    /// Of an incident, as it is now.
    pub fn of(incident: &Incident, about: &About, measured: Measured, now: Timestamp) -> Self {
        let thing = &incident.thing;
        let words = sheet::Words::new(about.zone.clone());
        let state = match incident.ended.as_ref().map(|ended| &ended.how) {
            None => State::Open,
            Some(How::Good) => State::Ended,
            Some(How::Folded { .. }) => State::Folded,
            Some(How::Unwatched) => State::Unwatched,
        };
        let hangs_on =
            |link: &&LinkTerms| thing.subject == link.name || thing.within.contains(&link.name);
        let own: Vec<LinkTerms> = about.links.iter().filter(hangs_on).cloned().collect();
        let links = if own.is_empty() { about.links.clone() } else { own };
        let Measured { mut months, merge_seconds } = measured;
        months.retain(|month| {
            links.is_empty() || links.iter().any(|link| link.name == month.whole.link)
        });
        Self {
            schema: SCHEMA,
            id: incident.id.clone(),
            state,
            severity: rule(thing.kind).severity,
            kind: thing.kind,
            subject: thing.subject.clone(),
            school: School {
                uai: about.uai.clone(),
                name: about.school.clone(),
                plaque: about.plaque.clone(),
            },
            links,
            fact: words.fact(thing.kind, &thing.subject, state != State::Open),
            since: incident.since,
            last_good: incident.last_good,
            opened_at: incident.opened_at,
            ended_at: incident.ended.as_ref().map(|ended| ended.at),
            seconds: incident.lasted(now).as_secs(),
            returns: incident.returns(),
            merge_seconds,
            touched: Touched {
                rooms: incident.rooms.clone(),
                access_points: incident.access_points,
                clients: incident.clients,
            },
            seen: incident.detail.clone(),
            told_apart: incident.reasoning.clone(),
            tried: words.tried(thing.kind, incident.seconds_seen),
            effects: incident.effects.clone(),
            effects_in_all: incident.effects_in_all,
            evidence: Lines {
                before: incident.before.clone(),
                after: incident.after.clone(),
                at_end: incident.at_end.clone(),
            },
            availability: months,
            promised: about.promised.map(Percent::share),
            contract: about.contract.clone(),
            contact: about.contact.clone(),
            written_at: now,
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
