//! Lists, policy and timetable, made into one question: may this go through?
//!
//! The gateway and the resolver ask; nobody else. Not here: what is done with the answer, and
//! where the lists come from. A question takes no lock and no memory, and what is asked meanwhile
//! is answered by the policy and the lists of before, or of after: never by a mix.

mod audit;
pub mod category;
pub mod host;
pub mod lists;
mod openings;
pub mod policy;
mod report;
pub mod reviews;
pub mod safe_search;
mod state;
pub mod target;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod verdict;

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use arc_swap::{ArcSwap, Guard};
use ipnet::IpNet;
use jiff::{Timestamp, tz::TimeZone};
use tokio_util::sync::CancellationToken;

pub use self::{
    audit::{AuditLine, Done},
    openings::{LONGEST, OpenError, Opening, Openings, Wish},
    report::{ListsReport, PolicyReport, ProfileReport, RuleReport},
    state::{Judged, State},
    verdict::{CategoryFacts, Ceiling, Reason, Verdict, Who, Why},
};
use self::{
    host::Host,
    lists::Lists,
    policy::{Explanation, Policy, Surroundings},
    reviews::Reviews,
    state::ListsFile,
    target::Target,
};
use crate::{
    config::{
        Config,
        filter::{Merged, Site},
    },
    store::{Store, StoreError},
};

/// How often openings and requests that are over are put away, and the hours ahead worked out anew.
const TEND_EVERY: Duration = Duration::from_secs(3600);

/// The room. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Filter {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: ArcSwap<State>,
    reviews: Reviews,
    store: Store,
    zone: TimeZone,
    /// Held while something changes, so that changes follow one another. Never while judging.
    changing: Mutex<Sources>,
}

/// What the state is made of.
#[derive(Debug)]
struct Sources {
    policy: Merged,
    own: Vec<Host>,
}

impl Filter {
    /// Takes up a policy and the openings that were kept; there are no lists yet. `own` are the
    /// box's names and addresses. Blocking.
    pub fn open(
        policy: Merged,
        own: Vec<Host>,
        zone: TimeZone,
        store: Store,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let openings = Arc::new(Openings::read(&store, now)?);
        let reviews = Reviews::open(store.clone())?;
        let sources = Sources { policy, own };
        let compiled = sources.compile(None, &zone, now);
        let state = State::new(compiled, None, openings);
        let state = ArcSwap::from_pointee(state);
        let changing = Mutex::new(sources);
        Ok(Self { inner: Arc::new(Inner { state, reviews, store, zone, changing }) })
    }

    /// The policy and the lists in force, for several questions or for a verdict's own words.
    /// Held for long, it keeps old lists in memory.
    pub fn state(&self) -> Guard<Arc<State>> {
        self.inner.state.load()
    }

    /// May it go through? The reason is told when it may not.
    pub fn judge(&self, who: &Who<'_>, target: &Target<'_>, now: Timestamp) -> Judged {
        Judged::of(&self.state().judge(who, target, now))
    }

    /// The verdict, and every rule that was looked at.
    pub fn explain(&self, who: &Who<'_>, target: &Target<'_>, now: Timestamp) -> Explanation {
        self.state().explain(who, target, now)
    }

    /// Puts another policy in force.
    pub fn replace_policy(&self, policy: Merged, now: Timestamp) {
        let mut sources = self.changing();
        for aside in &policy.set_aside {
            tracing::error!("{aside}");
        }
        sources.policy = policy;
        let old = self.inner.state.load_full();
        let compiled = sources.compile(old.lists(), &self.inner.zone, now);
        for complaint in compiled.complaints() {
            tracing::warn!("{complaint}");
        }
        self.inner.state.store(Arc::new(old.with_policy(compiled)));
    }

    /// Puts other lists in force.
    pub fn replace_lists(&self, lists: Arc<Lists>, now: Timestamp) {
        self.take_lists(lists, None, now);
    }

    fn take_lists(&self, lists: Arc<Lists>, file: Option<ListsFile>, now: Timestamp) {
        let sources = self.changing();
        let compiled = sources.compile(Some(&lists), &self.inner.zone, now);
        let openings = self.inner.state.load().openings().clone();
        let state = State::new(compiled, Some((lists, file)), openings);
        self.inner.state.store(Arc::new(state));
    }

    /// Reads the newest good generation of a folder, if it is not in force already. What is wrong
    /// with a newer one is returned, and told by [`report`](Self::report); the lists in force stay.
    /// Blocking.
    pub fn look_for_lists(&self, folder: &Path, now: Timestamp) -> Vec<String> {
        let (found, troubles) = state::newest(folder, self.state().file());
        if let Some((lists, file)) = found {
            tracing::info!(?file, "lists in force");
            self.take_lists(Arc::new(lists), Some(file), now);
        }
        for trouble in &troubles {
            tracing::error!("{trouble}");
        }
        let _one = self.changing();
        let state = self.inner.state.load_full().with_troubles(troubles.clone());
        self.inner.state.store(Arc::new(state));
        troubles
    }

    /// Opens a site to a class for a while. Written down before it is open. Blocking.
    pub fn open_site(&self, wish: Wish, now: Timestamp) -> Result<Opening, OpenError> {
        let opening = wish.from(now)?;
        let _one = self.changing();
        let state = self.inner.state.load_full();
        if let Some(rule) = state.locked(&opening) {
            return Err(OpenError::Locked { site: opening.site, rule });
        }
        let openings = state.openings().with(opening.clone(), now)?;
        self.note(Done::Opened, &opening.by, std::slice::from_ref(&opening), now)?;
        openings.write(&self.inner.store)?;
        self.inner.state.store(Arc::new(state.with_openings(openings)));
        let (site, network, until) = (&opening.name, opening.network, opening.until);
        tracing::info!(site, %network, %until, "site opened");
        Ok(opening)
    }

    /// Closes a site before its time, in a network or in all. The number that was open. Blocking.
    pub fn close_site(
        &self,
        site: &Site,
        network: Option<&IpNet>,
        by: &str,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let _one = self.changing();
        let state = self.inner.state.load_full();
        let (openings, gone) = state.openings().without(site, network);
        if !gone.is_empty() {
            // Closed at once, whatever the disk says; a restart may open it again until its end.
            let written = openings.write(&self.inner.store);
            self.inner.state.store(Arc::new(state.with_openings(openings)));
            written?;
            self.note(Done::Closed, by, &gone, now)?;
        }
        Ok(gone.len())
    }

    /// The school's time zone.
    pub fn zone(&self) -> &TimeZone {
        &self.inner.zone
    }

    /// What is open.
    pub fn openings(&self, now: Timestamp) -> Vec<Opening> {
        self.state().openings().iter().filter(|one| now < one.until).cloned().collect()
    }

    /// What pupils asked to look at again.
    pub fn reviews(&self) -> &Reviews {
        &self.inner.reviews
    }

    /// Who opened and closed what, in the last thirteen months. Blocking.
    pub fn audit(&self) -> Result<Vec<AuditLine>, StoreError> {
        audit::lines(&self.inner.store)
    }

    /// The policy and the lists, for a person.
    pub fn report(&self, now: Timestamp) -> PolicyReport {
        let sources = self.changing();
        report::report(&sources.policy, &self.state(), now)
    }

    /// Looks after openings and hours until cancelled.
    pub async fn run(&self, token: CancellationToken) {
        let mut ticks = tokio::time::interval(TEND_EVERY);
        ticks.tick().await;
        loop {
            if token.run_until_cancelled(ticks.tick()).await.is_none() {
                return;
            }
            let room = self.clone();
            let done = tokio::task::spawn_blocking(move || room.tend(Timestamp::now())).await;
            if let Ok(Err(error)) = done {
                tracing::warn!(%error, "openings and requests that are over could not be put away");
            }
        }
    }

    /// Blocking.
    fn tend(&self, now: Timestamp) -> Result<(), StoreError> {
        let sources = self.changing();
        let mut state = self.inner.state.load_full();
        let compiled = sources.compile(state.lists(), &self.inner.zone, now);
        state = Arc::new(state.with_policy(compiled));
        let left = state.openings().without_ended(now);
        let written = left.as_ref().map_or(Ok(()), |left| left.write(&self.inner.store));
        if let Some(left) = left {
            state = Arc::new(state.with_openings(left));
        }
        self.inner.state.store(state);
        drop(sources);
        written.and(self.inner.reviews.tend(now))
    }

    fn note(
        &self,
        what: Done,
        by: &str,
        openings: &[Opening],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let line = |opening: &Opening| AuditLine {
            at: now,
            what,
            by: by.to_owned(),
            opening: opening.clone(),
        };
        let lines = openings.iter().map(line).collect();
        audit::note(&self.inner.store, &self.inner.zone, lines, now)
    }

    /// A change that panicked left the state of before: whole.
    fn changing(&self) -> MutexGuard<'_, Sources> {
        self.inner.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The newest good lists of a folder. Blocking.
pub fn newest_lists(folder: &Path) -> Option<Lists> {
    state::newest(folder, None).0.map(|(lists, _)| lists)
}

/// The box's own name and addresses, which are never filtered.
pub fn own_hosts(config: &Config) -> Vec<Host> {
    let name = config.https.name.iter().filter_map(|name| Host::parse(name).ok());
    let addresses = config.network.listen.iter().chain(&config.https.listen);
    let addresses = addresses.map(std::net::SocketAddr::ip);
    name.chain(addresses.filter(|ip| !ip.is_unspecified()).map(Host::from)).collect()
}

impl Sources {
    fn compile(&self, lists: Option<&Lists>, zone: &TimeZone, now: Timestamp) -> Policy {
        let surroundings = Surroundings::of(lists, self.own.clone());
        Policy::compile(&self.policy, &surroundings, zone.clone(), now)
    }
}
