//! What this room does by itself: writes down, drops what has ended, renews keys and lists.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{
    Access, AccessError, Assigned, Person, Session, Way, app_keys, audit, journal,
    keys::Keys,
    lists::{self, Part, counts_until},
    lock,
};

/// How often what has ended is dropped.
const SWEEP_EVERY: Duration = Duration::from_mins(1);
/// How often keys and documents are looked after.
const UPKEEP_EVERY: Duration = Duration::from_hours(1);
/// What changes within this time is written together.
const GATHER: Duration = Duration::from_millis(200);
/// A disk that refused is tried again after this.
const REST: Duration = Duration::from_secs(10);
/// How long a sign-in waits for the person's list; it then comes by itself.
const LIST_WAIT: Duration = Duration::from_secs(3);
/// Schools asked for one person.
const MAX_UAIS: usize = 16;

impl Access {
    /// Writes down, sweeps, rotates keys and refreshes lists, until cancelled.
    pub async fn run(&self, token: CancellationToken) {
        tokio::join!(self.keep(&token), self.tend(&token));
    }

    async fn keep(&self, token: &CancellationToken) {
        loop {
            tokio::select! {
                () = token.cancelled() => break,
                () = self.inner.journal.wake.notified() => {}
            }
            pause(GATHER, token).await;
            if self.written_down().await {
                continue;
            }
            pause(REST, token).await;
            self.inner.journal.wake.notify_one();
        }
        self.written_down().await;
    }

    async fn written_down(&self) -> bool {
        let room = self.clone();
        match tokio::task::spawn_blocking(move || room.write_down()).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::warn!(%error, "sessions and passes are not written down: tried again");
                false
            }
            Err(_) => false,
        }
    }

    /// Writes all that is not written yet. Blocking.
    pub(super) fn write_down(&self) -> Result<(), AccessError> {
        let inner = &self.inner;
        // One at a time, or an older copy could be written over a newer one.
        let _one = lock(&inner.writing);
        let revoked = lock(&inner.revocations).take_unwritten();
        let revoked = revoked.map_or(Ok(()), |revoked| revoked.write(&inner.store));
        if revoked.is_err() {
            lock(&inner.revocations).write_again();
        }
        let written = lock(&inner.audit).take_unwritten();
        let audited =
            written.map_or(Ok(()), |(name, bytes)| inner.store.keep_document(&name, &bytes));
        if audited.is_err() {
            lock(&inner.audit).write_again();
        }
        let journal = inner.journal.write(&inner.store);
        revoked?;
        audited?;
        Ok(journal?)
    }

    /// Writes down what was done, a moment later.
    pub(super) fn note(&self, who: &str, what: &str, detail: &str, now: Timestamp) {
        tracing::info!(what, "access");
        let ended = lock(&self.inner.audit).note(who, what, detail, now);
        if let Some((name, bytes)) = ended
            && let Err(error) = self.inner.store.keep_document(&name, &bytes)
        {
            tracing::warn!(%error, "the last lines of a month of audit are lost");
        }
        self.inner.journal.wake.notify_one();
    }

    async fn tend(&self, token: &CancellationToken) {
        let mut ticks = tokio::time::interval(SWEEP_EVERY);
        let mut upkeep_due = Instant::now();
        loop {
            tokio::select! {
                () = token.cancelled() => return,
                _ = ticks.tick() => {}
            }
            let now = Timestamp::now();
            let settled = self.inner.clock.look(now, Instant::now());
            self.inner.journal.put(journal::CLOCK, b"latest", &settled);
            self.sweep(self.inner.clock.judged(now), settled);
            self.refresh_lists(self.inner.clock.judged(now));
            if upkeep_due <= Instant::now() {
                upkeep_due = Instant::now() + UPKEEP_EVERY;
                let room = self.clone();
                let done = tokio::task::spawn_blocking(move || room.upkeep(settled)).await;
                if let Ok(Err(error)) = done {
                    tracing::warn!(%error, "keys and documents could not be looked after");
                }
            }
        }
    }

    /// Drops from memory what has ended.
    pub(super) fn sweep(&self, now: Timestamp, settled: Timestamp) {
        let inner = &self.inner;
        lock(&inner.attempts).sweep(now);
        lock(&inner.challenges).sweep(now);
        lock(&inner.throttle).sweep(now);
        // Sessions and codes by the moment believed: a clock far ahead ends none for good.
        self.end_sessions(|session| session.until <= settled);
        for code in lock(&inner.codes).sweep(settled) {
            inner.journal.remove(journal::CODE, &code.hash.0);
        }
        for state in lock(&inner.passes).sweep(settled) {
            inner.journal.remove(journal::PASS, state.pass.as_bytes());
        }
    }

    /// Blocking.
    pub(super) fn upkeep(&self, settled: Timestamp) -> Result<(), AccessError> {
        let inner = &self.inner;
        if let Some(keys) = Keys::rotated(&inner.store, settled)? {
            self.take_keys(keys);
        }
        lock(&inner.revocations).sweep(settled);
        let gone = lock(&inner.lists).sweep(Timestamp::now(), settled);
        for person in gone {
            lists::forget(&inner.store, &person)?;
        }
        let keys = {
            let mut keys = self.app_keys_mut();
            keys.sweep(settled).then(|| keys.document())
        };
        if let Some(keys) = keys {
            app_keys::write(&inner.store, &keys)?;
        }
        let month = lock(&inner.audit).current().to_owned();
        audit::drop_old(&inner.store, &month)?;
        self.write_down()
    }

    /// What the GAR gave a person, as the box knows it.
    pub(super) fn assigned(&self, person: &str, way: Way, now: Timestamp) -> Arc<Assigned> {
        if way == Way::Code || self.inner.personal.is_none() {
            return Arc::new(Assigned::ByRole);
        }
        Arc::new(lock(&self.inner.lists).assigned(person, now))
    }

    /// Asks for the list of a person who signs in, and waits a moment for it.
    pub(super) async fn await_list(&self, person: &Person, now: Timestamp) {
        if self.inner.personal.is_none() || !lock(&self.inner.lists).begin(&person.id, now) {
            return;
        }
        let (room, person) = (self.clone(), person.clone());
        let asked = tokio::spawn(async move { room.fetch_list(&person).await });
        // Late or failed, it is no reason to keep somebody out.
        let _ = tokio::time::timeout(LIST_WAIT, asked).await;
    }

    /// Asks for lists that are old, of those who read now.
    fn refresh_lists(&self, now: Timestamp) {
        if self.inner.personal.is_none() {
            return;
        }
        let mut persons: BTreeMap<String, Person> =
            self.app_keys().persons().map(|person| (person.id.clone(), person.clone())).collect();
        for session in self.sessions().all().filter(|session| session.way != Way::Code) {
            persons.insert(session.person.id.clone(), session.person.clone());
        }
        for (id, person) in persons {
            // A part of the list may have ended.
            self.show_list(&id, now);
            if lock(&self.inner.lists).begin(&id, now) {
                let room = self.clone();
                tokio::spawn(async move { room.fetch_list(&person).await });
            }
        }
    }

    async fn fetch_list(&self, person: &Person) {
        let Some(source) = &self.inner.personal else { return };
        let Ok(_place) = self.inner.asking.acquire().await else { return };
        let mut came = BTreeMap::new();
        for uai in person.uais.iter().take(MAX_UAIS) {
            match source.ask(uai, &person.id).await {
                Ok(given) => {
                    let now = self.inner.clock.judged(Timestamp::now());
                    let until = counts_until(&given.headers, self.inner.config.rights_kept.0, now);
                    came.insert(uai.clone(), Part::new(given.names, now, until));
                }
                Err(error) => tracing::warn!(%uai, %error, "a person's list did not come"),
            }
        }
        let list = lock(&self.inner.lists).take_if_wanted(&person.id, came);
        let Some(list) = list else { return };
        self.show_list(&person.id, self.inner.clock.judged(Timestamp::now()));
        let store = self.inner.store.clone();
        let written = tokio::task::spawn_blocking(move || lists::write(&store, &list)).await;
        if let Ok(Err(error)) = written {
            tracing::warn!(%error, "a person's list is known but not written down");
        }
    }

    /// Gives the live sessions of a person the list as it is now.
    pub(super) fn show_list(&self, person: &str, now: Timestamp) {
        let assigned = self.assigned(person, Way::Ent, now);
        let with = |session: &Session| Session { assigned: assigned.clone(), ..session.clone() };
        let stale: Vec<Arc<Session>> = self
            .sessions()
            .of_person(person)
            .filter(|session| session.way != Way::Code && session.assigned != assigned)
            .cloned()
            .collect();
        let mut sessions = self.sessions_mut();
        for session in stale {
            sessions.replace(Arc::new(with(&session)));
        }
        drop(sessions);
        self.app_keys_mut().change(person, with);
    }
}

async fn pause(time: Duration, token: &CancellationToken) {
    let _ = tokio::time::timeout(time, token.cancelled()).await;
}
