//! The mirror's task: plans, starts what may start, notes how it ended, says where it is.

mod active;
mod hold;
mod link;
mod rest;
mod say;
mod shelf;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::{task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

use self::{active::Active, hold::Hold, link::Gate, rest::Rests};
use super::{
    Calls, FetchError, Finished, Mirror, Settings,
    exchange::{Bounds, Remote},
    plan::{self, Key, Places, Wanted},
    retry::{Failures, Outcome, Waits},
    sink::Meter,
    transfer::{self, Arrival, Job},
};
use crate::{
    catalogue::Offer,
    net::link::{Sign, State},
    store::BlobId,
};

/// Progress is said at most this often.
const SAY_EVERY: Duration = Duration::from_millis(250);
/// The clock is looked at no less often, so that a jump of it is noticed.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);
/// Packages that came, remembered.
const MAX_FINISHED: usize = 32;
/// Stopped transfers may take so long to make their bytes durable.
const STOP_WITHIN: Duration = Duration::from_secs(15);
/// A call to work outside the window holds at least this long: what it is for (a new licence) may
/// become known a little later.
const IGNORE_WINDOW: SignedDuration = SignedDuration::from_mins(10);
/// Bytes that were whole and wrong cost a whole download: the longest wait grows this many times.
const COSTLY_WAITS: u32 = 24;
/// After so many failures in a row without getting further, no delta is tried.
const DELTA_TRIES: u32 = 3;

type Ended = (Key, Result<Arrival, FetchError>);

/// The task's own state; gone when it ends, but for what the store keeps.
struct Work<'a> {
    mirror: &'a Mirror,
    settings: Arc<Settings>,
    queue: Vec<Wanted>,
    active: BTreeMap<Key, Active>,
    tasks: JoinSet<Ended>,
    failures: Failures,
    /// Bytes kept of what was tried before.
    partial: HashMap<Key, u64>,
    hold: Hold,
    gate: Gate,
    rests: Rests,
    /// Set by a call to work outside the window, until then and until nothing moves any more.
    window_ignored: Option<Timestamp>,
    /// The last call of `wake` that was acted on.
    heard: u64,
    /// What came in this run. Two holdings of the very same bytes share one package, which names
    /// one of them: the other must not have it fetched again and again.
    came: HashMap<Key, (Offer, BlobId)>,
    finished: VecDeque<Finished>,
    collect_at: Timestamp,
}

pub(super) async fn run(mirror: &Mirror, token: CancellationToken) {
    let mut holdings = mirror.holdings.clone();
    let mut changes = mirror.store.changes();
    let mut settings = mirror.settings.subscribe();
    let mut calls = mirror.calls.subscribe();
    let mut link = mirror.link.changes();
    let Calls { all: heard, ignoring_window: mut ignoring } = *calls.borrow_and_update();
    let first = settings.borrow_and_update().clone();
    let mut work = Work::new(mirror, first, heard).await;
    let (mut say_at, mut unsaid, mut holdings_gone) = (Instant::now(), true, false);
    work.plan(Timestamp::now()).await;
    work.link_is(*link.borrow_and_update(), Timestamp::now());
    loop {
        let now = Timestamp::now();
        work.collect_if_due(now).await;
        work.start(now);
        let moving = unsaid || !work.active.is_empty();
        let idle = work.idle_for(now);
        tokio::select! {
            () = token.cancelled() => break,
            Some(ended) = work.tasks.join_next() => {
                work.ended(ended, Timestamp::now()).await;
                work.plan(Timestamp::now()).await;
                unsaid = true;
            }
            changed = holdings.changed(), if !holdings_gone => {
                holdings_gone = changed.is_err();
                work.plan(Timestamp::now()).await;
                unsaid = true;
            }
            Ok(()) = changes.changed() => {
                work.hold = Hold::default();
                work.plan(Timestamp::now()).await;
                unsaid = true;
            }
            Ok(()) = settings.changed() => {
                work.settings = settings.borrow_and_update().clone();
                unsaid = true;
            }
            Ok(()) = calls.changed() => {
                let Calls { all, ignoring_window: asked } = *calls.borrow_and_update();
                work.wake(asked > ignoring, Timestamp::now());
                work.plan(Timestamp::now()).await;
                (ignoring, work.heard) = (asked, all);
                unsaid = true;
            }
            Ok(()) = link.changed() => {
                work.link_is(*link.borrow_and_update(), Timestamp::now());
                unsaid = true;
            }
            () = tokio::time::sleep_until(say_at), if moving => {
                work.say(Timestamp::now());
                (say_at, unsaid) = (Instant::now() + SAY_EVERY, false);
            }
            () = tokio::time::sleep(idle) => {
                work.plan(Timestamp::now()).await;
                unsaid = true;
            }
        }
    }
    work.stop().await;
}

impl<'a> Work<'a> {
    /// Nothing under way; the failures of the last run are still to be waited for.
    async fn new(mirror: &'a Mirror, settings: Arc<Settings>, heard: u64) -> Self {
        Self {
            mirror,
            settings,
            queue: Vec::new(),
            active: BTreeMap::new(),
            tasks: JoinSet::new(),
            failures: shelf::failures(&mirror.store).await,
            partial: HashMap::new(),
            hold: Hold::default(),
            gate: Gate::default(),
            rests: Rests::default(),
            window_ignored: None,
            heard,
            came: HashMap::new(),
            finished: VecDeque::new(),
            collect_at: Timestamp::now(),
        }
    }

    /// Makes the queue anew; what is no longer wanted stops.
    async fn plan(&mut self, now: Timestamp) {
        let holdings = self.mirror.holdings.borrow().clone();
        let current = self.mirror.store.current();
        self.queue = plan::wanted(&holdings, &current, &self.partial, now);
        let (store, came) = (&self.mirror.store, &self.came);
        self.queue.retain(|wanted| {
            came.get(&wanted.key)
                .is_none_or(|(offer, blob)| *offer != wanted.offer || store.package(blob).is_none())
        });
        let queue = &self.queue;
        for active in self.active.values() {
            if !queue.iter().any(|wanted| active.is_for(wanted)) {
                active.stop();
            }
        }
        // Before any source was read, nothing says that a failure is over.
        let known = !holdings.all.is_empty() || !holdings.sources.is_empty();
        if known && self.failures.keep_only(&self.queue) {
            shelf::keep_failures(&self.mirror.store, &self.failures).await;
        }
    }

    /// Starts what may start, and stops everything when the window has closed.
    fn start(&mut self, now: Timestamp) {
        let state = self.settings.schedule.at(now);
        self.mirror.pace.set_rate(state.rate);
        if !state.open && self.window_ignored.is_none() {
            self.active.values().for_each(Active::stop);
            return;
        }
        if self.gate.opens(now) {
            // What could not be reached then may be now.
            self.rests.wake();
        }
        if !self.gate.is_open() {
            return;
        }
        let config = &self.settings.config;
        let places = Places { parallel: config.parallel, per_origin: config.parallel_per_origin };
        loop {
            let running = self.active.iter().map(|(k, a)| (k.clone(), a.origin.clone())).collect();
            let (failures, hold, rests) = (&self.failures, &self.hold, &self.rests);
            let may = |wanted: &Wanted| {
                failures.again_at(&wanted.key).is_none_or(|due| due <= now)
                    && hold.lets(wanted.left, now)
                    && rests.lets(&wanted.origin(), now)
            };
            let Some(next) = plan::next_start(&self.queue, &running, places, &may).cloned() else {
                break;
            };
            match self.job(&next) {
                Ok(job) => self.spawn(next, job),
                Err(error) => {
                    let outcome =
                        Outcome { reason: error.to_string(), hopeless: true, ..Outcome::default() };
                    self.failures.note(&next, outcome, self.waits(), rand::random(), now);
                }
            }
        }
        if self.active.is_empty() {
            self.window_ignored = self.window_ignored.filter(|until| now < *until);
        }
    }

    fn waits(&self) -> Waits {
        let config = &self.settings.config;
        Waits { first: config.retry_first.0, longest: config.retry_longest.0 }
    }

    fn job(&self, wanted: &Wanted) -> Result<Job, FetchError> {
        let source = &wanted.offer.source;
        let client = (self.mirror.clients)(source)
            .ok_or_else(|| FetchError::NoClient { name: source.clone() })?;
        let config = &self.settings.config;
        let bounds = Bounds {
            largest: config.largest_package.0,
            slowest: config.slowest.0,
            stall_after: config.stall_after.0,
        };
        let tried = self.failures.tries(&wanted.key);
        let older = shelf::older(&self.mirror.store, wanted).filter(|_| tried < DELTA_TRIES);
        Ok(Job {
            remote: Remote { client, url: wanted.offer.url.clone(), bounds },
            wanted: wanted.clone(),
            store: self.mirror.store.clone(),
            pace: self.mirror.pace.clone(),
            meter: Arc::new(Meter::default()),
            older,
        })
    }

    fn spawn(&mut self, wanted: Wanted, job: Job) {
        let stop = CancellationToken::new();
        let key = wanted.key.clone();
        let (named, token, meter) = (key.clone(), stop.clone(), job.meter.clone());
        let task = self.tasks.spawn(async move { (named, transfer::fetch(&job, &token).await) });
        self.active.insert(key, Active::new(wanted, meter, stop, task.id()));
    }

    /// Notes how a transfer ended.
    async fn ended(&mut self, ended: Result<Ended, tokio::task::JoinError>, now: Timestamp) {
        let (key, outcome) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                // A bug of ours: the package waits for its retry like any other.
                let broken = self.active.iter().find(|(_, active)| active.task == error.id());
                let Some(key) = broken.map(|(key, _)| key.clone()) else { return };
                (key, Err(FetchError::Task(error.to_string())))
            }
        };
        let Some(active) = self.active.remove(&key) else { return };
        let kept = active.meter.done();
        let before = self.partial.remove(&key).unwrap_or(0);
        match &outcome {
            Err(error) if error.is_unreached() => {
                self.mirror.link.note(Sign::missed(&active.origin));
                self.rests.unreached(&active.origin, self.waits(), rand::random(), now);
            }
            Err(FetchError::Stopped) => {}
            // Sources are the region's and distributors': all of them beyond the link.
            _ => {
                self.mirror.link.note(Sign::Reached);
                self.rests.reached(&active.origin);
            }
        }
        match outcome {
            Ok(arrival) => self.arrived(&active, arrival, now).await,
            Err(FetchError::Stopped) => drop(self.partial.insert(key, kept)),
            Err(error) if error.is_full() => {
                self.partial.insert(key, kept);
                self.make_room(&active, error.to_string(), now).await;
            }
            Err(error) => {
                self.partial.insert(key, kept);
                self.failed(&active, &error, kept, before, now).await;
            }
        }
    }

    async fn arrived(&mut self, active: &Active, arrival: Arrival, now: Timestamp) {
        let (moved, size) = (active.meter.moved(), arrival.sidecar.size);
        tracing::info!(
            holding = %active.wanted.key.holding, blob = %arrival.sidecar.blob,
            bytes = size, moved, note = arrival.note, "package stored"
        );
        let came = (active.wanted.offer.clone(), arrival.sidecar.blob);
        self.came.insert(active.wanted.key.clone(), came);
        self.finished.truncate(MAX_FINISHED - 1);
        self.finished.push_front(Finished {
            holding: active.wanted.key.holding.clone(),
            title: active.wanted.holding.title.clone(),
            blob: arrival.sidecar.blob,
            size,
            moved,
            note: arrival.note,
            at: now,
        });
        if self.failures.clear(&active.wanted.key) {
            shelf::keep_failures(&self.mirror.store, &self.failures).await;
        }
    }

    async fn failed(
        &mut self,
        active: &Active,
        error: &FetchError,
        kept: u64,
        before: u64,
        now: Timestamp,
    ) {
        let reason = match kept {
            0 => error.to_string(),
            _ => format!("{error}; {kept} bytes are kept to resume"),
        };
        let outcome = Outcome {
            reason,
            hopeless: error.is_hopeless(),
            advanced: kept > before,
            at_least: error.retry_after(),
        };
        let mut waits = self.waits();
        if error.is_mismatch() {
            let longest = waits.longest.saturating_mul(COSTLY_WAITS);
            waits = Waits { first: waits.longest, longest };
        }
        let failure = self.failures.note(&active.wanted, outcome, waits, rand::random(), now);
        tracing::warn!(
            holding = %failure.holding, tries = failure.tries, reason = failure.reason,
            again_at = %failure.again_at, "package did not come"
        );
        shelf::keep_failures(&self.mirror.store, &self.failures).await;
    }

    /// A full store is no fault of the origin: makes room, or holds back what is as large.
    async fn make_room(&mut self, active: &Active, reason: String, now: Timestamp) {
        let holdings = self.mirror.holdings.borrow().clone();
        let needed = active.left();
        let freed = shelf::make_room(&self.mirror.store, holdings, needed, now).await;
        if freed == 0 || freed < needed.unwrap_or(0) {
            tracing::warn!(holding = %active.wanted.key.holding, reason, "no room");
            self.hold.set(needed, reason, now);
        }
    }

    async fn collect_if_due(&mut self, now: Timestamp) {
        if now < self.collect_at {
            return;
        }
        self.collect_at = shelf::next_collection(now);
        let holdings = self.mirror.holdings.borrow().clone();
        shelf::collect(&self.mirror.store, holdings, now).await;
    }

    fn link_is(&mut self, state: State, now: Timestamp) {
        let others_look = self.mirror.link.sees_its_return();
        self.gate.note(state, others_look, rand::random(), now);
    }

    fn wake(&mut self, ignore_window: bool, now: Timestamp) {
        if ignore_window {
            self.window_ignored = now.saturating_add(IGNORE_WINDOW).ok();
        }
        self.hold = Hold::default();
        self.gate.hurry(now);
        self.rests.wake();
        self.failures.wake(now);
    }

    /// How long nothing can change by itself.
    fn idle_for(&self, now: Timestamp) -> Duration {
        let holdings = self.mirror.holdings.borrow().clone();
        [
            self.failures.next_due(now),
            self.settings.schedule.next_change(now),
            plan::next_change(&holdings, now),
            self.hold.until(now),
            self.gate.opens_at(),
            self.rests.next(now).map(|(_, until)| until),
            Some(self.collect_at),
            self.window_ignored,
        ]
        .into_iter()
        .flatten()
        .filter_map(|moment| Duration::try_from(moment.duration_since(now)).ok())
        // Never quite zero: a moment just passed must not spin.
        .map(|wait| wait + Duration::from_millis(1))
        .fold(LONGEST_SLEEP, Duration::min)
    }

    /// Stops every transfer and waits until their bytes are safe.
    async fn stop(mut self) {
        self.active.values().for_each(Active::stop);
        let ends = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_WITHIN, ends).await.is_err() {
            tracing::warn!("a transfer did not stop in time; its last checkpoint counts");
        }
        self.active.clear();
        self.say(Timestamp::now());
    }
}
