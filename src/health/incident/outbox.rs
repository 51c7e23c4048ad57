//! Who is to be told what, and when. Pure: the time is passed in.
//!
//! Of an incident one message says that it began, once it lasted; another that it is over, once it cannot
//! go on again. One that ended before anybody took the first makes one message, which says both.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use super::{
    record::{How, Incident},
    rules::{self, Severity, rule},
};
use crate::config::{TicketSeverity, Tickets};

/// Incidents that wait for somebody to take a message of theirs.
const MAX_WAITING: usize = 1_000;
/// What nobody took for so long is of no use to them any more; it stays in the book.
const GIVEN_UP_AFTER: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Wait after a first failure of a way; doubled after each further one.
const FIRST_WAIT: SignedDuration = SignedDuration::from_secs(5);
/// Longest wait.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_mins(15);
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// How a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// By mail.
    Mail,
    /// By HTTPS.
    Hook,
}

impl Way {
    /// Its name in the book.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Hook => "hook",
        }
    }
}

/// What the settings say of it.
#[derive(Debug, Clone)]
pub struct Rules {
    ways: Vec<Way>,
    delay: SignedDuration,
    merge: SignedDuration,
    least: Severity,
    kinds: Vec<String>,
    most_per_hour: usize,
}

impl Rules {
    /// Of the settings.
    pub fn of(tickets: &Tickets) -> Self {
        let signed = |period: crate::config::Period| {
            SignedDuration::try_from(period.0).unwrap_or(SignedDuration::MAX)
        };
        let mail = tickets.mail.as_ref().map(|_| Way::Mail);
        let hook = tickets.hook.as_ref().map(|_| Way::Hook);
        Self {
            ways: mail.into_iter().chain(hook).collect(),
            delay: signed(tickets.delay),
            merge: signed(tickets.merge),
            least: match tickets.severity {
                TicketSeverity::Notice => Severity::Notice,
                TicketSeverity::Degraded => Severity::Degraded,
                TicketSeverity::Outage => Severity::Outage,
            },
            kinds: tickets.kinds.clone(),
            most_per_hour: usize::try_from(tickets.most_per_hour).unwrap_or(usize::MAX),
        }
    }

    /// When the next message about an incident is due by a way, as things stand; nothing = there is none.
    fn due(&self, incident: &Incident, way: Way) -> Option<Timestamp> {
        let kind = incident.thing.kind;
        let named = self.kinds.is_empty() || self.kinds.iter().any(|one| one == rules::name(kind));
        if rule(kind).severity < self.least || !named {
            return None;
        }
        let told =
            |ended| incident.told.iter().any(|one| one.way == way.name() && one.ended == ended);
        let Some(ended) = &incident.ended else {
            let at = incident.opened_at.saturating_add(self.delay).unwrap_or(Timestamp::MAX);
            return (!told(false) && !told(true)).then_some(at);
        };
        if told(true) {
            return None;
        }
        // Who was told of the beginning is told of the end, however short it was.
        let short = incident.lasted(ended.noted_at) < self.delay;
        let inside_another = matches!(ended.how, How::Folded { .. });
        if !told(false) && (short || inside_another) {
            return None;
        }
        let settles = if ended.how == How::Good { self.merge } else { SignedDuration::ZERO };
        Some(ended.noted_at.saturating_add(settles).unwrap_or(Timestamp::MAX))
    }
}

/// A message that is due.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Job {
    /// The incident.
    pub id: String,
    /// How it goes.
    pub way: Way,
}

/// What is known of a way.
#[derive(Debug, Default)]
struct Road {
    failures: u32,
    again_at: Option<Timestamp>,
    /// When messages were taken, in the last hour.
    taken: VecDeque<Timestamp>,
}

/// The messages that wait.
#[derive(Debug)]
pub struct Outbox {
    rules: Rules,
    waiting: BTreeMap<String, Incident>,
    /// Failed tries of a message: those with the fewest go first, so that one which nobody takes holds
    /// up no other.
    tries: BTreeMap<Job, u32>,
    roads: BTreeMap<Way, Road>,
}

impl Outbox {
    /// One in which nothing waits.
    pub fn new(rules: Rules) -> Self {
        let roads = rules.ways.iter().map(|way| (*way, Road::default())).collect();
        Self { rules, waiting: BTreeMap::new(), tries: BTreeMap::new(), roads }
    }

    /// An incident as it is now.
    pub fn note(&mut self, incident: &Incident, now: Timestamp) {
        for one in &incident.told {
            let road = self.roads.iter_mut().find(|(way, _)| way.name() == one.way);
            if let Some((_, road)) = road
                && now.duration_since(one.at) < HOUR
                && !road.taken.contains(&one.at)
            {
                road.taken.push_back(one.at);
            }
        }
        let last = incident.ended.as_ref().map_or(now, |ended| ended.noted_at);
        let fresh = now.duration_since(last) < GIVEN_UP_AFTER;
        let due = self.rules.ways.iter().any(|way| self.rules.due(incident, *way).is_some());
        if !fresh || !due {
            self.waiting.remove(&incident.id);
            self.tries.retain(|job, _| job.id != incident.id);
        } else if self.waiting.len() < MAX_WAITING || self.waiting.contains_key(&incident.id) {
            self.waiting.insert(incident.id.clone(), incident.clone());
        }
    }

    /// The message to be sent now, and its incident.
    pub fn next(&mut self, now: Timestamp) -> Option<(Job, Incident)> {
        for road in self.roads.values_mut() {
            road.taken.retain(|at| now.duration_since(*at) < HOUR);
        }
        let open = |way: &Way| {
            self.roads.get(way).is_some_and(|road| {
                road.taken.len() < self.rules.most_per_hour
                    && road.again_at.is_none_or(|again| again <= now)
            })
        };
        let ways: Vec<Way> = self.rules.ways.iter().copied().filter(open).collect();
        let mut due: Vec<(u32, Timestamp, Job)> = Vec::new();
        for incident in self.waiting.values() {
            for way in &ways {
                let Some(at) = self.rules.due(incident, *way).filter(|at| *at <= now) else {
                    continue;
                };
                let job = Job { id: incident.id.clone(), way: *way };
                due.push((self.tries.get(&job).copied().unwrap_or(0), at, job));
            }
        }
        let (_, _, job) = due.into_iter().min()?;
        let incident = self.waiting.get(&job.id)?.clone();
        Some((job, incident))
    }

    /// It was taken. (The incident, with that noted, comes by `note`.)
    pub fn taken(&mut self, job: &Job, now: Timestamp) {
        self.tries.remove(job);
        if let Some(road) = self.roads.get_mut(&job.way) {
            (road.failures, road.again_at) = (0, None);
            road.taken.push_back(now);
        }
    }

    /// It was not. `chance` is a random number from 0 to 1: boxes that failed together do not come back
    /// together. The answer is when this way is tried again.
    pub fn failed(&mut self, job: &Job, now: Timestamp, chance: f64) -> Timestamp {
        let tries = self.tries.entry(job.clone()).or_default();
        *tries = tries.saturating_add(1);
        let Some(road) = self.roads.get_mut(&job.way) else { return now };
        let doubled = FIRST_WAIT.as_secs() << road.failures.min(16);
        road.failures = road.failures.saturating_add(1);
        let most = SignedDuration::from_secs(doubled).min(LONGEST_WAIT);
        let wait = most.as_secs_f64() * (0.5 + 0.5 * chance.clamp(0.0, 1.0));
        let wait = SignedDuration::try_from_secs_f64(wait).unwrap_or(LONGEST_WAIT);
        let again = now.saturating_add(wait).unwrap_or(Timestamp::MAX);
        road.again_at = Some(again);
        again
    }

    /// The link is back: whoever could not be reached is tried at once.
    pub fn wake(&mut self) {
        for road in self.roads.values_mut() {
            (road.failures, road.again_at) = (0, None);
        }
    }

    /// One of which a message waits.
    pub fn get(&self, id: &str) -> Option<&Incident> {
        self.waiting.get(id)
    }

    /// Incidents of which a message waits.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
