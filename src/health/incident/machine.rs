//! From findings to incidents: one state machine for all kinds. Pure: called once a second with the time.
//!
//! - A thing seen wrong for as long as its rule says opens an incident; seen good for as long, it closes.
//!   Seconds in which nobody can say count for neither.
//! - What opens again within `merge` of its end is the same incident, gone on.
//! - What another incident explains opens none: it is noted with its cause. What was open already when
//!   its cause opened becomes part of it, unless it began long before. What is still wrong some time
//!   after the cause has gone stands for itself.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::{
    record::{How, Incident, MAX_SPELLS, Naming, Thing},
    rules::{self, LONGEST_AFTER_CAUSE, rule},
};
use crate::health::finding::{Finding, Kind, Verdict};

/// Incidents open at once: more than any school has things to go wrong. Further ones are counted.
pub const MAX_OPEN: usize = 500;
/// Things that may be on their way to open at once.
const MAX_TRACKED: usize = 16_384;
/// Incidents that may go on again.
const MAX_SETTLING: usize = 1_000;
/// A second may last: a box that slept, or a clock that jumped, proves nothing about the time between.
const LONGEST_STEP: SignedDuration = SignedDuration::from_secs(5);
/// What began so long before its supposed cause is not its effect.
const OWN_BEFORE: SignedDuration = SignedDuration::from_hours(1);
/// An incident that nobody tells of any more is over after this.
const UNWATCHED_AFTER: SignedDuration = SignedDuration::from_mins(15);
/// Causes of causes looked at.
const DEEPEST: usize = 4;

type Key = (Kind, String);

/// What happened to an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// It is new.
    Opened,
    /// It goes on after it had ended.
    WentOn,
    /// It touches more than before.
    Grew,
    /// It ended.
    Ended,
}

/// Something that happened, and the incident as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// What.
    pub what: What,
    /// The incident.
    pub incident: Incident,
}

/// What is known of a thing that is, or lately was, wrong.
#[derive(Debug, Clone, Copy, Default)]
struct Track {
    /// Seen wrong, without a good second between; nothing = its last word was good.
    wrong_for: Option<SignedDuration>,
    /// The same the other way.
    good_for: Option<SignedDuration>,
    untold_for: SignedDuration,
}

/// The first second of a run proves nothing about the time before it.
fn longer(run: &mut Option<SignedDuration>, elapsed: SignedDuration) -> SignedDuration {
    let long = run.map_or(SignedDuration::ZERO, |run| run + elapsed);
    *run = Some(long);
    long
}

/// The machine.
#[derive(Debug)]
pub struct Machine {
    naming: Naming,
    merge: SignedDuration,
    tracks: BTreeMap<Key, Track>,
    open: BTreeMap<Key, Incident>,
    /// Ended lately, by themselves: they may go on, and what they explained waits.
    settling: BTreeMap<Key, Incident>,
    last: Option<Timestamp>,
    /// Incidents that there was no room for.
    left_out: u64,
}

impl Machine {
    /// With those that were open, or had ended lately, when the box went off.
    pub fn new(
        naming: Naming,
        merge: SignedDuration,
        kept: impl IntoIterator<Item = Incident>,
    ) -> Self {
        let (mut open, mut settling) = (BTreeMap::new(), BTreeMap::new());
        for incident in kept {
            let key = incident.thing.key();
            match &incident.ended {
                None if open.len() < MAX_OPEN => drop(open.insert(key, incident)),
                Some(ended) if ended.how == How::Good && settling.len() < MAX_SETTLING => {
                    settling.insert(key, incident);
                }
                _ => {}
            }
        }
        let tracks = BTreeMap::new();
        Self { naming, merge, tracks, open, settling, last: None, left_out: 0 }
    }

    /// Those that are open.
    pub fn open(&self) -> impl Iterator<Item = &Incident> {
        self.open.values()
    }

    /// One that is open or may go on, to be changed in what is no matter of the machine: evidence, who
    /// was told.
    pub fn get_mut(&mut self, id: &str) -> Option<&mut Incident> {
        let mut all = self.open.values_mut().chain(self.settling.values_mut());
        all.find(|incident| incident.id == id)
    }

    /// Incidents that there was no room for, since the start.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// A second: everything that is watched, as it is now.
    pub fn step(&mut self, findings: &[Finding], now: Timestamp) -> Vec<Event> {
        let elapsed = self.last.map_or(SignedDuration::ZERO, |last| {
            now.duration_since(last).clamp(SignedDuration::ZERO, LONGEST_STEP)
        });
        self.last = Some(now);
        let mut events = Vec::new();
        self.settling.retain(|_, one| {
            let noted = one.ended.as_ref().map_or(Timestamp::MIN, |ended| ended.noted_at);
            now.duration_since(noted) <= LONGEST_AFTER_CAUSE.max(self.merge)
        });
        let mut told = BTreeSet::new();
        let mut order: Vec<(Thing, &Finding)> =
            findings.iter().take(MAX_TRACKED).map(|one| (Thing::of(one), one)).collect();
        order.sort_by(|(one, _), (other, _)| {
            let place = |thing: &Thing| (rules::rank(thing.kind), thing.within.len());
            place(one).cmp(&place(other)).then_with(|| one.subject.cmp(&other.subject))
        });
        let wrong: Vec<Thing> = order
            .iter()
            .filter(|(thing, one)| one.verdict == Verdict::Wrong && rules::is_cause(thing.kind))
            .map(|(thing, _)| thing.clone())
            .collect();
        let mut hidden: BTreeMap<Key, usize> = BTreeMap::new();
        for (thing, finding) in &order {
            let key = thing.key();
            if !told.insert(key.clone()) {
                continue;
            }
            if let Some(track) = self.tracks.get_mut(&key) {
                track.untold_for = SignedDuration::ZERO;
            }
            match finding.verdict {
                Verdict::Unknown => {}
                Verdict::Good => self.good(&key, finding, elapsed, now, &mut events),
                Verdict::Wrong => {
                    let scene = Scene { finding, thing, wrong: &wrong, elapsed, now };
                    if let Some(cause) = self.wrong(&scene, &mut events) {
                        *hidden.entry(cause).or_default() += 1;
                    }
                }
            }
        }
        for (cause, count) in hidden {
            if let Some(incident) = self.open.get_mut(&cause)
                && count > incident.effects_in_all
            {
                incident.effects_in_all = count;
                grew(incident, &mut events);
            }
        }
        self.untold(&told, elapsed, now, &mut events);
        events
    }

    fn good(
        &mut self,
        key: &Key,
        finding: &Finding,
        elapsed: SignedDuration,
        now: Timestamp,
        events: &mut Vec<Event>,
    ) {
        let Some(incident) = self.open.get_mut(key) else {
            self.tracks.remove(key);
            return;
        };
        let track = self.tracks.entry(key.clone()).or_default();
        track.wrong_for = None;
        if longer(&mut track.good_for, elapsed) < rule(key.0).closes_after {
            return;
        }
        incident.end(finding.since, now, How::Good);
        self.tracks.remove(key);
        if let Some(incident) = self.open.remove(key) {
            events.push(Event { what: What::Ended, incident: incident.clone() });
            if self.settling.len() < MAX_SETTLING {
                self.settling.insert(key.clone(), incident);
            }
        }
    }

    /// Something is wrong; the answer is the open incident that explains it, if one does.
    fn wrong(&mut self, scene: &Scene<'_>, events: &mut Vec<Event>) -> Option<Key> {
        let key = scene.thing.key();
        let explained = self.explained(scene);
        if let Explained::By(cause) = &explained {
            if let Some(cause) = cause {
                self.note(cause, scene, events);
            }
            self.tracks.remove(&key);
            return cause.clone();
        }
        let room = self.tracks.len() < MAX_TRACKED;
        if !room && !self.tracks.contains_key(&key) {
            return None;
        }
        let track = self.tracks.entry(key.clone()).or_default();
        track.good_for = None;
        let ripe =
            longer(&mut track.wrong_for, scene.elapsed) >= rule(scene.thing.kind).opens_after;
        if let Some(incident) = self.open.get_mut(&key) {
            incident.seconds_seen += 1;
            if incident.touch(scene.finding) {
                grew(incident, events);
            }
        } else if ripe {
            self.begin(key, scene, events);
        }
        None
    }

    fn begin(&mut self, key: Key, scene: &Scene<'_>, events: &mut Vec<Event>) {
        if self.open.len() >= MAX_OPEN {
            self.left_out += 1;
            self.tracks.remove(&key);
            return;
        }
        let (finding, now) = (scene.finding, scene.now);
        let ended = |one: &Incident| one.ended.as_ref().map_or(Timestamp::MIN, |ended| ended.at);
        let before = self.settling.remove(&key);
        let after = before.as_ref().map_or(Timestamp::MIN, ended);
        let lately = before.filter(|one| {
            now.duration_since(ended(one)) <= self.merge && one.spells.len() < MAX_SPELLS
        });
        let (what, incident) = match lately {
            Some(mut incident) => {
                incident.go_on(finding.since, now);
                incident.touch(finding);
                (What::WentOn, incident)
            }
            None => (What::Opened, Incident::open(finding, &self.naming, after, now)),
        };
        events.push(Event { what, incident: incident.clone() });
        self.open.insert(key, incident);
    }

    /// Notes an effect with its cause. One that is open by itself becomes part of it.
    fn note(&mut self, cause: &Key, scene: &Scene<'_>, events: &mut Vec<Event>) {
        let Some(incident) = self.open.get_mut(cause) else { return };
        let id = incident.id.clone();
        if incident.affects(scene.thing, &scene.finding.detail) {
            grew(incident, events);
        }
        if let Some(mut own) = self.open.remove(&scene.thing.key()) {
            own.end(scene.now, scene.now, How::Folded { into: id });
            events.push(Event { what: What::Ended, incident: own });
        }
        self.settling.remove(&scene.thing.key());
    }

    /// Is it wrong because something else is, is about to be, or was until lately?
    fn explained(&self, scene: &Scene<'_>) -> Explained {
        let own = self.open.get(&scene.thing.key());
        let stands_alone = |cause: &Thing| {
            let began =
                |incident: &Incident| incident.spells.last().map_or(incident.since, |s| s.from);
            let (Some(own), Some(cause)) = (own, self.open.get(&cause.key())) else { return false };
            began(cause).duration_since(own.since) > OWN_BEFORE
        };
        let causes = self.causes_of(scene.thing, scene.wrong);
        let mut causes: Vec<Thing> = causes.into_iter().filter(|one| !stands_alone(one)).collect();
        let mut explained = !causes.is_empty();
        for _ in 0..DEEPEST {
            if let Some(open) =
                causes.iter().map(Thing::key).find(|key| self.open.contains_key(key))
            {
                return Explained::By(Some(open));
            }
            causes = causes.iter().flat_map(|one| self.causes_of(one, scene.wrong)).collect();
        }
        // One that is open already stays so while its cause is not sure yet.
        explained |= own.is_none() && self.waits(scene);
        if explained && own.is_none() { Explained::By(None) } else { Explained::Not }
    }

    /// What explains it, of all that is wrong now or open.
    fn causes_of(&self, effect: &Thing, wrong: &[Thing]) -> Vec<Thing> {
        let open = self.open.values().map(|incident| &incident.thing);
        let candidates = open.filter(|one| rules::is_cause(one.kind)).chain(wrong);
        let mut causes: Vec<Thing> =
            candidates.filter(|cause| rules::explains(cause, effect)).cloned().collect();
        causes.sort();
        causes.dedup();
        causes
    }

    /// Has its cause ended so lately that it may yet become good by itself?
    fn waits(&self, scene: &Scene<'_>) -> bool {
        let left = rule(scene.thing.kind).after_cause;
        self.settling.values().any(|one| {
            let noted = one.ended.as_ref().map_or(Timestamp::MIN, |ended| ended.noted_at);
            scene.now.duration_since(noted) < left && rules::explains(&one.thing, scene.thing)
        })
    }

    /// What nobody tells of any more.
    fn untold(
        &mut self,
        told: &BTreeSet<Key>,
        elapsed: SignedDuration,
        now: Timestamp,
        events: &mut Vec<Event>,
    ) {
        let open = &self.open;
        self.tracks.retain(|key, _| told.contains(key) || open.contains_key(key));
        let mut gone = Vec::new();
        for key in self.open.keys().filter(|key| !told.contains(*key)) {
            let track = self.tracks.entry(key.clone()).or_default();
            track.untold_for += elapsed;
            if track.untold_for >= UNWATCHED_AFTER {
                gone.push(key.clone());
            }
        }
        for key in gone {
            self.tracks.remove(&key);
            if let Some(mut incident) = self.open.remove(&key) {
                incident.end(now, now, How::Unwatched);
                events.push(Event { what: What::Ended, incident });
            }
        }
    }
}

/// A finding in its second.
struct Scene<'a> {
    finding: &'a Finding,
    thing: &'a Thing,
    /// Causes that are wrong in this second.
    wrong: &'a [Thing],
    elapsed: SignedDuration,
    now: Timestamp,
}

enum Explained {
    /// Nothing explains it.
    Not,
    /// By an open incident; by one that has not opened, or has ended lately.
    By(Option<Key>),
}

/// Says so once a second at most.
fn grew(incident: &Incident, events: &mut Vec<Event>) {
    let known = events.iter_mut().find(|event| event.incident.id == incident.id);
    match known {
        Some(event) => event.incident = incident.clone(),
        None => events.push(Event { what: What::Grew, incident: incident.clone() }),
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
