//! Incidents at work: each second the watchers are asked, what happens is written down with its
//! evidence, and whoever is to be told is told.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{
    availability,
    book::{self, Book},
    hours::{BEAT, Hours},
    machine::{Event, Machine, What},
    outbox::{Job, Outbox, Rules},
    post::{Post, PostError},
    record::{self, Incident, Naming, Told},
    rules::{self, LONGEST_AFTER_CAUSE, rule},
    ticket::{About, Measured, Ticket},
};
use crate::{
    config::{Network, Tickets},
    health::finding::{Evidence, Finding, Kind, Watcher},
    store::{Store, StoreError},
};

/// When the box was on, among the documents of the store.
const HOURS: &str = "health-hours";
/// What an incident touches more of than before is written down this often.
const GROWN_EVERY: SignedDuration = SignedDuration::from_secs(30);
/// Moments of evidence that are waited for.
const MAX_DUE: usize = 2_000;
/// A disk that would not write is tried again after this.
const WRITTEN_AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(10);

/// What incidents are told with.
#[derive(Debug)]
pub struct Setup {
    /// `[health.tickets]`.
    pub tickets: Tickets,
    /// How the hook and the mail server are reached.
    pub network: Network,
    /// What tickets say of the school.
    pub about: About,
    /// Hours of the clocks of availability.
    pub hours: availability::Hours,
    /// Who finds things wrong.
    pub watchers: Vec<Arc<dyn Watcher>>,
}

/// The incidents. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Incidents(pub(super) Arc<Shared>);

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) store: Store,
    merge: SignedDuration,
    pub(super) about: About,
    pub(super) clocks: availability::Hours,
    watchers: Mutex<Vec<Arc<dyn Watcher>>>,
    rules: Rules,
    post: Post,
    seen: Mutex<Seen>,
}

#[derive(Debug)]
pub(super) struct Seen {
    pub(super) machine: Machine,
    pub(super) book: Book,
    pub(super) hours: Hours,
    beaten_at: Option<Timestamp>,
    pub(super) outbox: Outbox,
    pub(super) opened: BTreeMap<Kind, u64>,
    due: Vec<Due>,
    /// To be written down in this second.
    unwritten: BTreeMap<String, Incident>,
    /// Taken out of the book, not yet off the disk.
    forgotten: Vec<String>,
    /// Not before this: the disk would not.
    write_at: Timestamp,
    /// What touches more than before, and since when that is not written down.
    grown: BTreeMap<String, Timestamp>,
    /// Was the book read?
    pub(super) ready: bool,
}

/// Evidence that is complete at a moment.
#[derive(Debug)]
struct Due {
    at: Timestamp,
    id: String,
    /// Around the end, not the beginning.
    end: bool,
}

/// What a second leaves to be done on the disk.
#[derive(Debug, Default)]
struct Work {
    write: Vec<Incident>,
    forget: Vec<String>,
    hours: Option<Vec<u8>>,
}

impl Seen {
    fn new(about: &About, merge: SignedDuration, rules: Rules) -> Self {
        Self {
            machine: Machine::new(naming(about), merge, []),
            book: Book::default(),
            hours: Hours::default(),
            beaten_at: None,
            outbox: Outbox::new(rules),
            opened: BTreeMap::new(),
            due: Vec::new(),
            unwritten: BTreeMap::new(),
            forgotten: Vec::new(),
            write_at: Timestamp::MIN,
            grown: BTreeMap::new(),
            ready: false,
        }
    }

    /// An incident is otherwise than before: in the book, for those who are to be told, on the disk.
    fn note(&mut self, incident: Incident, now: Timestamp) {
        self.grown.remove(&incident.id);
        self.outbox.note(&incident, now);
        for gone in self.book.note(&incident, now) {
            self.unwritten.remove(&gone);
            self.forgotten.push(gone);
        }
        self.unwritten.insert(incident.id.clone(), incident);
    }

    fn note_by_id(&mut self, id: &str, now: Timestamp) {
        if let Some(incident) = self.machine.get_mut(id).cloned() {
            self.note(incident, now);
        }
    }

    /// What is to be written, unless the disk would not a moment ago.
    fn work(&mut self, now: Timestamp) -> Work {
        let grown: Vec<String> = self
            .grown
            .iter()
            .filter(|(_, at)| now.duration_since(**at).abs() >= GROWN_EVERY)
            .map(|(id, _)| id.clone())
            .collect();
        for id in grown {
            self.grown.remove(&id);
            self.note_by_id(&id, now);
        }
        let mut work = Work::default();
        if now < self.write_at {
            return work;
        }
        work.write = std::mem::take(&mut self.unwritten).into_values().collect();
        work.forget = std::mem::take(&mut self.forgotten);
        if self.beaten_at.is_none_or(|at| now.duration_since(at).abs() >= BEAT) {
            self.beaten_at = Some(now);
            self.hours.beat(now);
            work.hours = Some(self.hours.document());
        }
        work
    }

    fn plan(&mut self, due: Due) {
        if self.due.len() < MAX_DUE {
            self.due.push(due);
        }
    }
}

impl Incidents {
    /// Reads the files that the settings name, not yet the book. Blocking.
    pub fn open(setup: Setup, store: Store) -> Result<Self, PostError> {
        let Setup { tickets, network, about, hours, watchers } = setup;
        let post = Post::open(&tickets, &network)?;
        let merge = SignedDuration::try_from(tickets.merge.0).unwrap_or(SignedDuration::ZERO);
        let rules = Rules::of(&tickets);
        let seen = Mutex::new(Seen::new(&about, merge, rules.clone()));
        let watchers = Mutex::new(watchers);
        let shared = Shared { store, merge, about, clocks: hours, watchers, rules, post, seen };
        Ok(Self(Arc::new(shared)))
    }

    /// One more who finds things wrong: whoever reports incidents is watched like all others.
    pub fn watch_too(&self, watcher: Arc<dyn Watcher>) {
        self.0.watchers.lock().unwrap_or_else(PoisonError::into_inner).push(watcher);
    }

    fn watchers(&self) -> Vec<Arc<dyn Watcher>> {
        self.0.watchers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks each second, until cancelled.
    pub async fn run(&self, token: CancellationToken) {
        if !self.seen().ready {
            let own = self.clone();
            let read = tokio::task::spawn_blocking(move || own.read(Timestamp::now())).await;
            match read {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%error, "the book of incidents cannot be read"),
                Err(error) => tracing::error!(%error, "the book of incidents was not read"),
            }
        }
        tokio::join!(self.watch(&token), self.tell(&token));
        let now = Timestamp::now();
        let work = {
            let mut seen = self.seen();
            (seen.beaten_at, seen.write_at) = (None, Timestamp::MIN);
            seen.work(now)
        };
        self.carry_out(work).await;
    }

    /// Blocking.
    fn read(&self, now: Timestamp) -> Result<(), StoreError> {
        let store = &self.0.store;
        let (mut kept, mut outbox) = (Vec::new(), Outbox::new(self.0.rules.clone()));
        let lately = LONGEST_AFTER_CAUSE.max(self.0.merge);
        let book = Book::open(store, &mut |incident| {
            outbox.note(&incident, now);
            let ended = incident.ended.as_ref().map(|ended| ended.noted_at);
            if ended.is_none_or(|at| now.duration_since(at) <= lately) {
                kept.push(incident);
            }
        })?;
        let hours = Hours::read(store.document(HOURS)?.as_deref());
        // Of one thing the latest is the one that may go on.
        kept.sort_by_key(|incident| incident.opened_at);
        let machine = Machine::new(naming(&self.0.about), self.0.merge, kept);
        let mut seen = self.seen();
        (seen.book, seen.hours, seen.outbox, seen.machine) = (book, hours, outbox, machine);
        seen.ready = true;
        Ok(())
    }

    async fn watch(&self, token: &CancellationToken) {
        let mut seconds = interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while token.run_until_cancelled(seconds.tick()).await.is_some() {
            let work = self.second(Timestamp::now());
            self.carry_out(work).await;
        }
    }

    /// One second: what the watchers find, what follows from it.
    fn second(&self, now: Timestamp) -> Work {
        let all: Vec<Finding> =
            self.watchers().iter().flat_map(|watcher| watcher.findings(now)).collect();
        let mut seen = self.seen();
        let seen = &mut *seen;
        let left_out = seen.machine.left_out();
        let events = seen.machine.step(&all, now);
        if left_out == 0 && seen.machine.left_out() > 0 {
            tracing::error!("more is wrong than there is room for: further incidents are left out");
        }
        for event in events {
            say(&event);
            self.happened(seen, event, now);
        }
        let all = std::mem::take(&mut seen.due).into_iter();
        let (ripe, rest): (Vec<Due>, Vec<Due>) = all.partition(|due| due.at <= now);
        seen.due = rest;
        for due in ripe {
            self.complete(seen, &due);
            seen.note_by_id(&due.id, now);
        }
        seen.work(now)
    }

    fn happened(&self, seen: &mut Seen, event: Event, now: Timestamp) {
        let Event { what, mut incident } = event;
        let (kind, id) = (incident.thing.kind, incident.id.clone());
        let span = rule(kind).evidence;
        match what {
            What::Grew => {
                seen.grown.entry(id).or_insert(now);
                return;
            }
            What::WentOn => {}
            What::Opened => {
                *seen.opened.entry(kind).or_default() += 1;
                let since = incident.since;
                let just_before = earlier(since, SignedDuration::from_nanos(1));
                incident.before = self.evidence(&incident, earlier(since, span), just_before);
                incident.after = self.evidence(&incident, since, now);
                seen.plan(Due { at: now.max(later(since, span)), id: id.clone(), end: false });
            }
            What::Ended => {
                if let Some(at) = incident.ended.as_ref().map(|ended| ended.at) {
                    incident.at_end = self.evidence(&incident, earlier(at, span), now);
                    seen.plan(Due { at: now.max(later(at, span)), id: id.clone(), end: true });
                }
                if kind == Kind::LinkDown {
                    seen.outbox.wake();
                }
            }
        }
        if let Some(own) = seen.machine.get_mut(&id) {
            own.before.clone_from(&incident.before);
            own.after.clone_from(&incident.after);
            own.at_end.clone_from(&incident.at_end);
        }
        seen.note(incident, now);
    }

    /// The evidence on the other side of a moment has come.
    fn complete(&self, seen: &mut Seen, due: &Due) {
        let Some(incident) = seen.machine.get_mut(&due.id) else { return };
        let span = rule(incident.thing.kind).evidence;
        if !due.end {
            let lines = self.evidence(incident, incident.since, later(incident.since, span));
            if lines.len() > incident.after.len() {
                incident.after = lines;
            }
        } else if let Some(at) = incident.ended.as_ref().map(|ended| ended.at) {
            let lines = self.evidence(incident, earlier(at, span), later(at, span));
            if lines.len() > incident.at_end.len() {
                incident.at_end = lines;
            }
        }
    }

    fn evidence(&self, incident: &Incident, from: Timestamp, to: Timestamp) -> Vec<Evidence> {
        let (kind, subject) = (incident.thing.kind, &incident.thing.subject);
        let all = self.watchers();
        let mut lines: Vec<Evidence> =
            all.iter().flat_map(|watcher| watcher.evidence(kind, subject, from, to)).collect();
        lines.sort_by_key(|line| line.at);
        record::kept(lines)
    }

    async fn carry_out(&self, work: Work) {
        let Work { write, forget, hours } = work;
        if write.is_empty() && forget.is_empty() && hours.is_none() {
            return;
        }
        let own = self.clone();
        let done =
            tokio::task::spawn_blocking(move || own.carry_out_blocking(write, forget, hours));
        if let Err(error) = done.await {
            tracing::error!(%error, "incidents were not written down");
        }
    }

    fn carry_out_blocking(
        &self,
        write: Vec<Incident>,
        forget: Vec<String>,
        hours: Option<Vec<u8>>,
    ) {
        let store = &self.0.store;
        let mut failed: Vec<Incident> = Vec::new();
        let mut why = None;
        for incident in write {
            if let Err(error) = book::write(store, &incident) {
                failed.push(incident);
                why = Some(error);
            }
        }
        let forgotten = book::forget(store, &forget);
        let beaten = hours.map_or(Ok(()), |hours| store.keep_document(HOURS, &hours));
        if let Some(error) = why.or(forgotten.err()).or(beaten.err()) {
            tracing::error!(%error, "incidents are not written down: it is tried again");
            let mut seen = self.seen();
            for incident in failed {
                // What came meanwhile is newer.
                seen.unwritten.entry(incident.id.clone()).or_insert(incident);
            }
            seen.write_at = later(Timestamp::now(), WRITTEN_AGAIN_AFTER);
        }
    }

    /// Sends what is due, one at a time, until cancelled.
    async fn tell(&self, token: &CancellationToken) {
        let mut seconds = interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while token.run_until_cancelled(seconds.tick()).await.is_some() {
            let now = Timestamp::now();
            let next = self.seen().outbox.next(now);
            let Some((job, incident)) = next else { continue };
            let ticket = self.ticket_of(&incident, now);
            let sent = self.0.post.send(job.way, &ticket, &self.0.about);
            match token.run_until_cancelled(sent).await {
                None => return,
                Some(Ok(())) => self.taken(&job, !incident.is_open(), Timestamp::now()),
                Some(Err(error)) => {
                    let chance = rand::random::<f64>();
                    let again = self.seen().outbox.failed(&job, Timestamp::now(), chance);
                    tracing::warn!(id = job.id, way = job.way.name(), %error, %again, "a ticket was not taken");
                }
            }
        }
    }

    fn taken(&self, job: &Job, ended: bool, now: Timestamp) {
        tracing::info!(id = job.id, way = job.way.name(), ended, "a ticket was taken");
        let told = Told { way: job.way.name().to_owned(), ended, at: now };
        let mut seen = self.seen();
        seen.outbox.taken(job, now);
        let own = seen.machine.get_mut(&job.id).map(|own| {
            own.told.push(told.clone());
            own.clone()
        });
        let latest = own.or_else(|| {
            let mut waited = seen.outbox.get(&job.id)?.clone();
            waited.told.push(told);
            Some(waited)
        });
        if let Some(incident) = latest {
            seen.note(incident, now);
        }
    }

    /// An incident's ticket, as things are now.
    pub(super) fn ticket_of(&self, incident: &Incident, now: Timestamp) -> Ticket {
        let months = self.months(self.day(incident.since), now);
        let measured = Measured { months, merge_seconds: self.0.merge.as_secs() };
        Ticket::of(incident, &self.0.about, measured, now)
    }

    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn naming(about: &About) -> Naming {
    Naming { uai: about.uai.clone(), zone: about.zone.clone() }
}

fn earlier(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_sub(by).unwrap_or(Timestamp::MIN)
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

fn say(event: &Event) {
    let Incident { id, thing, detail, .. } = &event.incident;
    let (kind, subject) = (rules::name(thing.kind), &thing.subject);
    match event.what {
        What::Opened => tracing::warn!(id, kind, subject, detail, "an incident opened"),
        What::WentOn => tracing::warn!(id, kind, subject, "an incident goes on again"),
        What::Grew => tracing::debug!(id, kind, subject, "an incident touches more"),
        What::Ended => {
            let how = event.incident.ended.as_ref().map(|ended| &ended.how);
            tracing::info!(id, kind, subject, ?how, "an incident ended");
        }
    }
}
