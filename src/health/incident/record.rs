//! An incident: what was wrong with which, from when to when, what it touched, what shows it.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::health::finding::{Evidence, Finding, Kind};

/// Times that one incident goes on again; a further one is another incident.
pub const MAX_SPELLS: usize = 200;
/// Effects named in an incident; the rest is counted.
pub const MAX_EFFECTS: usize = 64;
/// Rooms named in an incident.
pub const MAX_ROOMS: usize = 200;
/// Lines of evidence on one side.
pub const MAX_EVIDENCE: usize = 64;
/// Things that one belongs to.
const MAX_WITHIN: usize = 8;
/// Characters of a line.
const MAX_LINE_CHARS: usize = 300;
/// Characters of a name.
const MAX_NAME_CHARS: usize = 80;

/// What a finding or an incident is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Thing {
    /// What may be wrong.
    pub kind: Kind,
    /// With which; empty = the box.
    pub subject: String,
    /// What it belongs to.
    pub within: Vec<String>,
}

impl Thing {
    /// Of a finding.
    pub fn of(finding: &Finding) -> Self {
        let within = finding.within.iter().take(MAX_WITHIN).map(|one| name(one)).collect();
        Self { kind: finding.kind, subject: name(&finding.subject), within }
    }

    /// Kind and subject: one incident at most is open for each.
    pub fn key(&self) -> (Kind, String) {
        (self.kind, self.subject.clone())
    }
}

/// A span in which it was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spell {
    /// From when.
    pub from: Timestamp,
    /// Until when; nothing = it still is.
    pub to: Option<Timestamp>,
}

/// How an incident ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// It is good again.
    Good,
    /// It became part of the incident that is its cause.
    Folded {
        /// The identifier of that one.
        into: String,
    },
    /// Nobody watches it any more: the settings changed, or it was taken away.
    Unwatched,
}

/// The end of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Since when it is good, as far as was seen.
    pub at: Timestamp,
    /// When that was believed.
    pub noted_at: Timestamp,
    /// How.
    pub how: How,
}

/// Something wrong because of an incident, and therefore none of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// What.
    pub kind: Kind,
    /// With which.
    pub subject: String,
    /// What was seen, in French.
    pub detail: String,
}

/// A message about an incident that somebody took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// By which way: `mail`, `hook`.
    pub way: String,
    /// Was it over, as the message said?
    pub ended: bool,
    /// When it was taken.
    pub at: Timestamp,
}

/// An incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Its stable name, such as `0510035L-20261126-7KD2MC`.
    pub id: String,
    /// What it is about.
    #[serde(flatten)]
    pub thing: Thing,
    /// When it began, as far as was seen.
    pub since: Timestamp,
    /// When the box was sure.
    pub opened_at: Timestamp,
    /// When it last was good before.
    pub last_good: Option<Timestamp>,
    /// When it was wrong: several spans when it came and went.
    pub spells: Vec<Spell>,
    /// Its end, once there is one.
    pub ended: Option<Ended>,
    /// What was seen, in French.
    pub detail: String,
    /// How the cause was told apart, in French.
    pub reasoning: String,
    /// Rooms touched at most.
    pub rooms: Vec<String>,
    /// Access points touched at most.
    pub access_points: u32,
    /// Clients touched at most: those there just before.
    pub clients: Option<u32>,
    /// What is wrong because of it: the first of them.
    pub effects: Vec<Effect>,
    /// How many at once, at most.
    pub effects_in_all: usize,
    /// Seconds in which it was seen wrong.
    pub seconds_seen: u64,
    /// What was measured before it began.
    #[serde(default)]
    pub before: Vec<Evidence>,
    /// What was measured from then on.
    #[serde(default)]
    pub after: Vec<Evidence>,
    /// What was measured around its end.
    #[serde(default)]
    pub at_end: Vec<Evidence>,
    /// Who was told.
    #[serde(default)]
    pub told: Vec<Told>,
}

/// How incidents of a school are called.
#[derive(Debug, Clone)]
pub struct Naming {
    /// The school.
    pub uai: String,
    /// Its time: the day in the name is its own.
    pub zone: TimeZone,
}

/// Crockford's base 32: no letter that is heard or read as another.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl Naming {
    /// The name of what opened at a moment. A thing has one open incident at most, so that no two share
    /// one; what a watcher says of its beginning would not do.
    pub fn id(&self, thing: &Thing, opened_at: Timestamp) -> String {
        let day = opened_at.to_zoned_datetime(self.zone.clone()).strftime("%Y%m%d");
        let what = format!("{:?} {} {}", thing.kind, opened_at.as_millisecond(), thing.subject);
        let mut hash = crc32fast::hash(what.as_bytes());
        let mut short = String::new();
        for _ in 0..6 {
            let digit = DIGITS.get((hash & 31) as usize).copied().unwrap_or(b'0');
            short.push(char::from(digit));
            hash >>= 5;
        }
        format!("{}-{day}-{short}", self.uai)
    }
}

impl Incident {
    /// One that opens now, of something that was good at `after`.
    pub fn open(finding: &Finding, naming: &Naming, after: Timestamp, now: Timestamp) -> Self {
        let thing = Thing::of(finding);
        let since = finding.since.max(after).min(now);
        let mut opened = Self {
            id: naming.id(&thing, now),
            thing,
            since,
            opened_at: now,
            last_good: finding.last_good.filter(|good| *good <= now),
            spells: vec![Spell { from: since, to: None }],
            ended: None,
            detail: line(&finding.detail),
            reasoning: line(&finding.reasoning),
            rooms: Vec::new(),
            access_points: 0,
            clients: None,
            effects: Vec::new(),
            effects_in_all: 0,
            seconds_seen: 0,
            before: Vec::new(),
            after: Vec::new(),
            at_end: Vec::new(),
            told: Vec::new(),
        };
        opened.touch(finding);
        opened
    }

    /// Takes what is worse than before; is anything?
    pub fn touch(&mut self, finding: &Finding) -> bool {
        let mut worse = false;
        for room in &finding.rooms {
            let room = name(room);
            if self.rooms.len() < MAX_ROOMS && !self.rooms.contains(&room) {
                self.rooms.push(room);
                worse = true;
            }
        }
        if finding.access_points > self.access_points {
            (self.access_points, worse) = (finding.access_points, true);
        }
        if finding.clients > self.clients {
            (self.clients, worse) = (finding.clients, true);
        }
        // The line tells the worst, not the last; one that only counts seconds is not kept anew.
        if worse || self.detail.is_empty() {
            self.detail = line(&finding.detail);
        }
        if self.reasoning.is_empty() && !finding.reasoning.is_empty() {
            (self.reasoning, worse) = (line(&finding.reasoning), true);
        }
        worse
    }

    /// Notes what is wrong because of it; was it new?
    pub fn affects(&mut self, thing: &Thing, detail: &str) -> bool {
        let known = |one: &Effect| one.kind == thing.kind && one.subject == thing.subject;
        if self.effects.len() >= MAX_EFFECTS || self.effects.iter().any(known) {
            return false;
        }
        let (subject, detail) = (thing.subject.clone(), line(detail));
        self.effects.push(Effect { kind: thing.kind, subject, detail });
        self.effects_in_all = self.effects_in_all.max(self.effects.len());
        true
    }

    /// It ends; `at` is when it became good.
    pub fn end(&mut self, at: Timestamp, now: Timestamp, how: How) {
        let from = self.spells.last().map_or(self.since, |spell| spell.from);
        let at = at.clamp(from, now.max(from));
        if let Some(spell) = self.spells.last_mut() {
            spell.to = Some(at);
        }
        self.ended = Some(Ended { at, noted_at: now, how });
    }

    /// It goes on.
    pub fn go_on(&mut self, since: Timestamp, now: Timestamp) {
        let after = self.ended.take().map_or(self.since, |ended| ended.at);
        self.spells.push(Spell { from: since.clamp(after, now.max(after)), to: None });
        self.at_end.clear();
    }

    /// Is it open?
    pub fn is_open(&self) -> bool {
        self.ended.is_none()
    }

    /// For how long it was wrong, all spans together.
    pub fn lasted(&self, now: Timestamp) -> SignedDuration {
        self.spells.iter().fold(SignedDuration::ZERO, |sum, spell| {
            sum + spell.to.unwrap_or(now).duration_since(spell.from).max(SignedDuration::ZERO)
        })
    }

    /// Times that it went on again.
    pub fn returns(&self) -> usize {
        self.spells.len().saturating_sub(1)
    }
}

/// Evidence as it is kept: so many lines, of so many characters; those nearest to `to` when there are
/// more.
pub fn kept(mut evidence: Vec<Evidence>) -> Vec<Evidence> {
    evidence.truncate(4 * MAX_EVIDENCE);
    let more = evidence.len().saturating_sub(MAX_EVIDENCE);
    evidence.drain(..more);
    for one in &mut evidence {
        one.says = line(&one.says);
    }
    evidence
}

fn line(text: &str) -> String {
    short(text, MAX_LINE_CHARS)
}

fn name(text: &str) -> String {
    short(text, MAX_NAME_CHARS)
}

fn short(text: &str, most: usize) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    if text.chars().count() <= most {
        return text.chars().map(plain).collect();
    }
    text.chars().take(most - 1).map(plain).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::finding::Verdict;

    #[test]
    fn a_name_is_stable_tells_things_apart_and_has_the_school_s_day() {
        let zone = TimeZone::get("Europe/Paris").unwrap();
        let naming = Naming { uai: "0510035L".into(), zone };
        let at: Timestamp = "2026-11-26T23:30:00Z".parse().unwrap();
        let finding = Finding::new(Kind::LinkDown, "fibre", Verdict::Wrong, at);
        let thing = Thing::of(&finding);
        let id = naming.id(&thing, at);
        assert!(id.starts_with("0510035L-20261127-") && id.len() == 24, "{id}");
        assert_eq!(naming.id(&thing, at), id);
        assert_ne!(naming.id(&Thing { subject: "4g".into(), ..thing.clone() }, at), id);
        assert_ne!(naming.id(&thing, at + SignedDuration::from_secs(1)), id);
    }

    #[test]
    fn what_comes_from_outside_is_made_short_and_plain() {
        let mut finding =
            Finding::new(Kind::ProxyFails, &"x".repeat(500), Verdict::Wrong, Timestamp::UNIX_EPOCH);
        finding.detail = format!("a\nb\u{1b}[31m{}", "é".repeat(900));
        finding.rooms = (0..500).map(|room| format!("A {room}")).collect();
        let naming = Naming { uai: "0510035L".into(), zone: TimeZone::UTC };
        let incident = Incident::open(&finding, &naming, Timestamp::MIN, Timestamp::UNIX_EPOCH);
        assert_eq!(incident.thing.subject.chars().count(), MAX_NAME_CHARS);
        assert_eq!(incident.detail.chars().count(), MAX_LINE_CHARS);
        assert!(incident.detail.starts_with("a b [31m"), "{}", incident.detail);
        assert_eq!(incident.rooms.len(), MAX_ROOMS);
        let many = (0..1000)
            .map(|at| Evidence { at: Timestamp::from_second(at).unwrap(), says: "rien".into() });
        assert_eq!(kept(many.collect()).len(), MAX_EVIDENCE);
    }
}
