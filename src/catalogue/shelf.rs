//! The catalogue at work: asks, keeps, merges, tells.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError},
    time::Duration,
};

use futures_util::{StreamExt as _, stream};
use jiff::{Timestamp, tz::TimeZone};
use tokio::{
    sync::{Notify, Semaphore, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    CatalogueError, Holdings, ImportProgress, ImportReport, SourceState,
    entry::{Kept, Kind, Outcome, SCHEMA, succeed},
    gar::Place,
    import,
    merge::merge,
    pace::{self, Next},
    sources::{Source, nothing},
};
use crate::{
    config,
    net::client::Client,
    store::{Store, StoreError},
};

/// Sources asked at once.
const ASKED_AT_ONCE: usize = 4;
/// Longest that one source may take in all.
const SOURCE_TIME: Duration = Duration::from_mins(20);
/// Name of plan B among the sources.
const IMPORT: &str = "import";

/// The sources and their last good answers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Catalogue {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    place: Place,
    store: Store,
    wanted: Mutex<Wanted>,
    answers: Mutex<BTreeMap<String, Standing>>,
    holdings: watch::Sender<Arc<Holdings>>,
    /// One round of asking at a time.
    rounds: Semaphore,
    /// One import at a time.
    importing: Mutex<()>,
    /// The sources changed: ask them.
    changed: Notify,
}

/// The configuration in force.
#[derive(Debug)]
struct Wanted {
    sources: Vec<Arc<Ready>>,
    network: config::Network,
    period: Duration,
}

/// A source and the client to ask it with, when its credentials can be read.
#[derive(Debug)]
struct Ready {
    source: Source,
    client: Mutex<Option<Client>>,
}

/// What is known from one source.
#[derive(Debug, Default)]
struct Standing {
    kept: Option<Kept>,
    failure: Option<String>,
}

/// A panic elsewhere leaves whole values behind: every change below is one assignment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Wanted {
    /// Reads certificates and tokens; a source without them fails alone.
    fn new(config: &config::Catalogue, network: &config::Network) -> Self {
        let ready = |source: Source| {
            let client = source.client(network).map_err(
                |error| warn!(source = source.name(), %error, "source without its client"),
            );
            Arc::new(Ready { client: Mutex::new(client.ok()), source })
        };
        Self {
            sources: Source::of(config).into_iter().map(ready).collect(),
            network: network.clone(),
            period: config.refresh.map_or(pace::USUAL, |period| period.0),
        }
    }
}

impl Catalogue {
    /// Reads the kept answers, so that the shelf is there before any source answers. Blocking.
    pub fn open(
        school: &config::School,
        config: &config::Catalogue,
        network: &config::Network,
        store: Store,
    ) -> Result<Self, CatalogueError> {
        let zone = TimeZone::get(&school.timezone).map_err(|error| CatalogueError::TimeZone {
            name: school.timezone.clone(),
            reason: error.to_string(),
        })?;
        let place = Place { uai: school.uai.as_str().to_owned(), zone };
        let catalogue = Self {
            inner: Arc::new(Inner {
                place,
                store,
                wanted: Mutex::new(Wanted::new(config, network)),
                answers: Mutex::default(),
                holdings: watch::Sender::new(Arc::default()),
                rounds: Semaphore::new(1),
                importing: Mutex::new(()),
                changed: Notify::new(),
            }),
        };
        catalogue.inner.read_kept();
        catalogue.inner.publish();
        Ok(catalogue)
    }

    /// What the school holds; a new value after each refresh or import that changed it.
    pub fn holdings(&self) -> watch::Receiver<Arc<Holdings>> {
        self.inner.holdings.subscribe()
    }

    /// Takes up other sources: new ones are asked at once, removed ones leave the shelf. Blocking.
    pub fn reconfigure(
        &self,
        config: &config::Catalogue,
        network: &config::Network,
    ) -> Result<(), CatalogueError> {
        let wanted = Wanted::new(config, network);
        *lock(&self.inner.wanted) = wanted;
        self.inner.read_kept();
        self.inner.publish();
        self.inner.changed.notify_one();
        Ok(())
    }

    /// Asks every source once. A failing one keeps its last good answer.
    pub async fn refresh(&self, now: Timestamp) -> Vec<SourceState> {
        self.round(now, false).await
    }

    /// Refreshes at the configured pace until cancelled.
    pub async fn run(&self, token: CancellationToken) {
        let (mut only_failed, mut retries, mut whole_at) = (false, 0, Instant::now());
        loop {
            let round = self.round(Timestamp::now(), only_failed);
            let Some(states) = token.run_until_cancelled(Box::pin(round)).await else { return };
            if only_failed {
                retries += 1;
            } else {
                (retries, whole_at) = (0, Instant::now());
            }
            let failing = states.iter().any(|state| state.failure.is_some());
            let period = lock(&self.inner.wanted).period;
            let next = pace::next(failing, retries, period, whole_at.elapsed());
            let (Next::All(wait) | Next::Failed(wait)) = next;
            only_failed = matches!(next, Next::Failed(_));
            // Up to a tenth later, so that a region's boxes do not all ask at the same moment.
            let wait = wait.mul_f64(1.0 + rand::random::<f64>() / 10.0);
            tokio::select! {
                () = token.cancelled() => return,
                () = self.inner.changed.notified() => only_failed = false,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// The client to fetch a source's packages with.
    pub fn client_of(&self, source: &str) -> Option<Client> {
        let wanted = lock(&self.inner.wanted);
        let ready = wanted.sources.iter().find(|ready| ready.source.name() == source)?;
        lock(&ready.client).clone()
    }

    /// Plan B: reads an order CSV and the package files beside it (a folder or USB stick) into the
    /// store. Blocking. `progress` is told after each piece; `false` stops the import, and what
    /// was read so far stays.
    pub fn import(
        &self,
        folder: &Path,
        now: Timestamp,
        progress: &mut dyn FnMut(&ImportProgress) -> bool,
    ) -> Result<ImportReport, CatalogueError> {
        let _only = match self.inner.importing.try_lock() {
            Ok(only) => only,
            Err(TryLockError::Poisoned(only)) => only.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(CatalogueError::Busy),
        };
        let order = import::read_order(folder, &self.inner.place)?;
        let old = lock(&self.inner.answers).get(IMPORT).and_then(|known| known.kept.clone());
        let kept = import::add(old, &order, now);
        self.inner
            .keep(IMPORT, &kept)
            .map_err(|error| CatalogueError::Keep { name: IMPORT.to_owned(), reason: error })?;
        let standing = Standing { kept: Some(kept), failure: None };
        lock(&self.inner.answers).insert(IMPORT.to_owned(), standing);
        // First the holdings, so that each package is filed under the book that it belongs to.
        self.inner.publish();
        let holdings = self.inner.holdings.borrow().clone();
        Ok(import::bring(folder, &order, &self.inner.store, &holdings, progress))
    }

    /// One round of asking, every source or those that failed; the states of all.
    async fn round(&self, now: Timestamp, only_failed: bool) -> Vec<SourceState> {
        // The semaphore is never closed; were it, two rounds at once would harm nothing.
        let _one = self.inner.rounds.acquire().await.ok();
        let asked: Vec<Arc<Ready>> = {
            let wanted = lock(&self.inner.wanted);
            let answers = lock(&self.inner.answers);
            let failed = |name: &str| answers.get(name).is_none_or(|known| known.failure.is_some());
            let due = wanted.sources.iter().filter(|r| !only_failed || failed(r.source.name()));
            due.cloned().collect()
        };
        stream::iter(asked)
            .map(|ready| Box::pin(self.inner.clone().ask(ready, now)))
            .buffer_unordered(ASKED_AT_ONCE)
            .collect::<()>()
            .await;
        self.inner.holdings.borrow().sources.clone()
    }
}

impl Inner {
    /// Asks one source and takes what it says.
    async fn ask(self: Arc<Self>, ready: Arc<Ready>, now: Timestamp) {
        let name = ready.source.name().to_owned();
        let old = lock(&self.answers).get(&name).and_then(|known| known.kept.clone());
        let outcome = match self.clone().renewed_client(ready.clone()).await {
            Ok(client) => {
                let asking = ready.source.ask(&client, &self.place, old.as_ref(), now);
                tokio::time::timeout(SOURCE_TIME, Box::pin(asking))
                    .await
                    .unwrap_or_else(|_| nothing(format!("not done within {SOURCE_TIME:?}")))
            }
            Err(failure) => nothing(failure),
        };
        let inner = self.clone();
        let taking = move || inner.take(&ready, old.as_ref(), outcome);
        if let Err(error) = tokio::task::spawn_blocking(taking).await {
            warn!(source = name, %error, "an answer was lost");
        }
    }

    async fn renewed_client(self: Arc<Self>, ready: Arc<Ready>) -> Result<Client, String> {
        let network = lock(&self.wanted).network.clone();
        tokio::task::spawn_blocking(move || {
            let client = ready.source.client(&network).map_err(|error| error.to_string())?;
            *lock(&ready.client) = Some(client.clone());
            Ok(client)
        })
        .await
        .map_err(|error| error.to_string())?
    }

    /// Keeps an answer, or the last good one, and tells everybody. Blocking.
    fn take(&self, ready: &Arc<Ready>, old: Option<&Kept>, outcome: Outcome) {
        let name = ready.source.name();
        let mut failure = outcome.failure.clone();
        let brought = !outcome.parts.is_empty();
        let kept = succeed(old, ready.source.kind(), outcome);
        if let (true, Some(kept)) = (brought, &kept)
            && let Err(reason) = self.keep(name, kept)
        {
            failure = Some(format!("its answer is not kept for the next start: {reason}"));
        }
        if let Some(reason) = &failure {
            warn!(source = name, reason, "source failed; its last good answer stays");
        } else {
            let entries = kept.as_ref().map_or(0, |kept| kept.entries().count());
            info!(source = name, entries, "source answered");
        }
        {
            // The configuration may have changed while the source was asked.
            let wanted = lock(&self.wanted);
            if !wanted.sources.iter().any(|other| Arc::ptr_eq(other, ready)) {
                return;
            }
            lock(&self.answers).insert(name.to_owned(), Standing { kept, failure });
        }
        self.publish();
    }

    fn keep(&self, name: &str, kept: &Kept) -> Result<(), String> {
        let bytes = serde_json::to_vec(kept).map_err(|error| error.to_string())?;
        self.store.keep_document(&document(name), &bytes).map_err(|error| error.to_string())
    }

    /// Brings what is known in line with the sources wanted: forgets the removed ones, reads the
    /// kept answers of the new ones.
    fn read_kept(&self) {
        let wanted: Vec<(String, Kind)> = {
            let wanted = lock(&self.wanted);
            let sources =
                wanted.sources.iter().map(|r| (r.source.name().to_owned(), r.source.kind()));
            sources.chain([(IMPORT.to_owned(), Kind::Import)]).collect()
        };
        let mut answers = lock(&self.answers);
        let mut old = std::mem::take(&mut *answers);
        for (name, kind) in wanted {
            let known = old.remove(&name);
            let same = |s: &Standing| s.kept.as_ref().is_none_or(|kept| kept.kind == kind);
            let standing = match known.filter(same) {
                Some(standing) => standing,
                None => match kept_document(self.store.document(&document(&name)), kind) {
                    Ok(kept) => Standing { kept, failure: None },
                    Err(reason) => {
                        warn!(source = name, reason, "kept answer not readable");
                        Standing { kept: None, failure: Some(reason) }
                    }
                },
            };
            answers.insert(name, standing);
        }
    }

    /// Merges what is known and tells everybody who watches, if it changed.
    fn publish(&self) {
        let wanted = lock(&self.wanted);
        let names = wanted.sources.iter().map(|ready| ready.source.name()).chain([IMPORT]);
        let answers = lock(&self.answers);
        let known = answers.iter().filter_map(|(name, s)| Some((name.as_str(), s.kept.as_ref()?)));
        let holdings = Holdings {
            all: merge(known),
            sources: names.filter_map(|name| state(name, answers.get(name))).collect(),
        };
        self.holdings.send_if_modified(|current| {
            let differs = **current != holdings;
            if differs {
                *current = Arc::new(holdings);
            }
            differs
        });
    }
}

/// How a source stands; plan B is a source once something was imported.
fn state(name: &str, standing: Option<&Standing>) -> Option<SourceState> {
    let kept = standing.and_then(|known| known.kept.as_ref());
    if name == IMPORT && kept.is_none() {
        return None;
    }
    Some(SourceState {
        name: name.to_owned(),
        good_at: kept.and_then(Kept::good_at),
        failure: standing.and_then(|known| known.failure.clone()),
        entries: kept.map_or(0, |kept| kept.entries().count()),
        refused: kept.map(|kept| kept.refused.clone()).unwrap_or_default(),
    })
}

/// Name of the document that keeps a source's answer.
fn document(source: &str) -> String {
    Store::document_name("source", source)
}

/// A kept answer, if it is one of this kind that this version can read.
fn kept_document(
    read: Result<Option<Vec<u8>>, StoreError>,
    kind: Kind,
) -> Result<Option<Kept>, String> {
    let Some(bytes) = read.map_err(|error| error.to_string())? else { return Ok(None) };
    let kept: Kept = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    if kept.schema != SCHEMA {
        return Err(format!("its schema is {}, {SCHEMA} was expected", kept.schema));
    }
    Ok((kept.kind == kind).then_some(kept))
}
