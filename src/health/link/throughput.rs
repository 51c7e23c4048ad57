//! The throughput test: some connections at once fetch a region's object, or send to it, until bytes or time
//! are used up.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::future::join_all;
use http::Method;
use http_body::{Body, Frame};
use http_body_util::{BodyExt as _, Empty};
use jiff::{Timestamp, tz::TimeZone};
use rand::Rng as _;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::Semaphore,
    time::{sleep, timeout_at},
};
use url::Url;

use super::{
    budget::{Ledger, Limits, Refused, Test},
    fetch::{FetchError, Phases, dial},
    uplink::Link,
    watch::{LinkError, Links},
};
use crate::{
    config::{Config, Throughput, TimeWindow},
    store::Store,
};

/// Connections at once: one alone is held back by the round trip.
const PARALLEL: usize = 4;
/// Rates are told of what came after this: connections begin slowly.
const WARM_UP: Duration = Duration::from_secs(1);
/// What was sent in time must have arrived this long after.
const ARRIVED_WITHIN: Duration = Duration::from_secs(5);
/// Bytes of one piece that is sent.
const PIECE: usize = 64 * 1024;
/// Between two reports of where a test is.
const SHOWN_EVERY: Duration = Duration::from_millis(250);
/// Between two looks at whether a nightly test is due.
const LOOKED_EVERY: Duration = Duration::from_secs(60);
/// The ledger's name among the documents of the store.
const DOCUMENT: &str = "link-throughput";

/// Where a test is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Moved {
    /// Over which link.
    pub link: String,
    /// From the school? Else toward it.
    pub up: bool,
    /// Bytes so far.
    pub bytes: u64,
    /// Bytes at most.
    pub most: u64,
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum NoTest {
    /// None may be made now.
    #[error("no throughput test now: {0}")]
    Refused(#[from] Refused),
    /// Another is under way.
    #[error("a throughput test is under way already")]
    UnderWay,
    /// There is no such link.
    #[error("no link is called `{0}` ([[health.links]])")]
    NoLink(String),
    /// The link is cut.
    #[error("the link {0} is cut: there is nothing to test")]
    Down(String),
    /// Nothing came.
    #[error("the test of {link} moved nothing: {why}")]
    Failed {
        /// Which.
        link: String,
        /// The first reason.
        why: String,
    },
}

/// What tests need.
#[derive(Debug)]
pub struct Bench {
    test: Throughput,
    zone: TimeZone,
    limits: Mutex<Limits>,
    ledger: Mutex<Ledger>,
    store: Store,
    one: Semaphore,
}

impl Bench {
    /// With what was kept. Blocking.
    pub fn open(config: &Config, store: Store) -> Result<Self, LinkError> {
        let kept = store.document(DOCUMENT)?;
        let ledger = kept.and_then(|bytes| {
            let read = serde_json::from_slice::<Ledger>(&bytes);
            read.inspect_err(|error| {
                tracing::warn!(%error, "the account of throughput tests cannot be read: it begins anew");
            })
            .ok()
        });
        let zone = TimeZone::get(&config.school.timezone).unwrap_or(TimeZone::UTC);
        let test = config.health.throughput.clone();
        let limits = Limits::new(zone.clone(), &config.mirror.class_hours, &test);
        Ok(Self {
            test,
            zone,
            limits: Mutex::new(limits),
            ledger: Mutex::new(ledger.unwrap_or_default()),
            store,
            one: Semaphore::new(1),
        })
    }

    /// What tests have moved, and found.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When and how much.
    pub fn limits(&self) -> Limits {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn keep(&self) {
        let (store, ledger) = (self.store.clone(), self.ledger().clone());
        let kept = tokio::task::spawn_blocking(move || {
            // It has text keys only, so that this cannot fail.
            let bytes = serde_json::to_vec(&ledger).unwrap_or_default();
            store.keep_document(DOCUMENT, &bytes)
        });
        if let Ok(Err(error)) = kept.await {
            tracing::warn!(%error, "the account of throughput tests is not kept");
        }
    }
}

impl Links {
    /// Class hours are others from now on.
    pub fn set_class_hours(&self, class_hours: &[TimeWindow]) {
        let bench = &self.0.bench;
        let limits = Limits::new(bench.zone.clone(), class_hours, &bench.test);
        *bench.limits.lock().unwrap_or_else(PoisonError::into_inner) = limits;
    }

    /// Makes a test of a link, or of the first; `show` hears where it is.
    ///
    /// # Errors
    /// None may be made now, or it moved nothing.
    pub async fn test(
        &self,
        link: Option<&str>,
        show: &(dyn Fn(Moved) + Send + Sync),
    ) -> Result<Test, NoTest> {
        let named = |one: &&Link| link.is_none_or(|name| one.plan.link.name == name);
        let found = self.0.links.iter().find(named);
        let found = found.ok_or_else(|| NoTest::NoLink(link.unwrap_or_default().to_owned()))?;
        self.test_of(found, false, show).await
    }

    async fn test_of(
        &self,
        link: &Link,
        nightly: bool,
        show: &(dyn Fn(Moved) + Send + Sync),
    ) -> Result<Test, NoTest> {
        let bench = &self.0.bench;
        let name = link.plan.link.name.clone();
        let Ok(_one) = bench.one.try_acquire() else { return Err(NoTest::UnderWay) };
        let (limits, begun) = (bench.limits(), Timestamp::now());
        let most = bench.ledger().may(begun, &limits)?;
        if link.seen().is_down() {
            return Err(NoTest::Down(name));
        }
        bench.ledger().spend(begun, &limits, most);
        bench.keep().await;
        let beside = link.seen().rates();
        let ways = if bench.test.upload.is_some() { 2 } else { 1 };
        let down = self.one_way(link, bench.test.url.as_ref(), false, most / ways, show).await;
        let up = self.one_way(link, bench.test.upload.as_ref(), true, most / ways, show).await;
        let moved = [&down, &up].into_iter().flatten().map(|way| way.bytes).sum::<u64>();
        #[allow(clippy::cast_precision_loss, reason = "rates")]
        let beside = (beside.0 as f64, beside.1 as f64);
        let rate = |way: &Option<OneWay>| way.as_ref().and_then(|way| way.rate);
        let test = Test {
            at: Timestamp::now(),
            link: name.clone(),
            nightly,
            down: rate(&down),
            up: rate(&up),
            beside,
            bytes: moved,
        };
        let failed = [down, up].into_iter().flatten().find_map(|way| way.failed);
        bench.ledger().ended(most, test.clone());
        bench.keep().await;
        match failed {
            Some(why) if test.down.is_none() && test.up.is_none() => {
                tracing::warn!(link = name, why, "a throughput test moved nothing");
                Err(NoTest::Failed { link: name, why })
            }
            _ => {
                tracing::info!(link = name, down = ?test.down, up = ?test.up, "throughput tested");
                Ok(test)
            }
        }
    }

    async fn one_way(
        &self,
        link: &Link,
        url: Option<&Url>,
        up: bool,
        most: u64,
        show: &(dyn Fn(Moved) + Send + Sync),
    ) -> Option<OneWay> {
        let url = url?;
        let meter = Arc::new(Meter::new(most, self.0.bench.test.time.0));
        let line = async || {
            let mut phases = Phases::default();
            if up {
                let mut line = dial(&link.way, &self.0.tls, url, &mut phases).await?;
                // Answered when all of it has arrived, what waited in the box included.
                let answer = line.send(Method::PUT, url, Filling::new(meter.clone())).await?;
                meter.arrived();
                let status = answer.status();
                return if status.is_success() { Ok(()) } else { Err(FetchError::Status(status)) };
            }
            let mut line = dial(&link.way, &self.0.tls, url, &mut phases).await?;
            let answer = line.send(Method::GET, url, Empty::<Bytes>::new()).await?;
            if !answer.status().is_success() {
                return Err(FetchError::Status(answer.status()));
            }
            let mut body = answer.into_body();
            while let Some(frame) = body.frame().await {
                let length = frame?.data_ref().map_or(0, Bytes::len);
                if !meter.moves(length) {
                    break;
                }
            }
            Ok(())
        };
        let bounded = async || {
            let at = meter.begun + meter.time + if up { ARRIVED_WITHIN } else { Duration::ZERO };
            timeout_at(at.into(), Box::pin(line())).await.unwrap_or(Ok(()))
        };
        let shown = async {
            loop {
                sleep(SHOWN_EVERY).await;
                let (link, bytes) = (link.plan.link.name.clone(), meter.bytes.load(Relaxed));
                show(Moved { link, up, bytes, most });
            }
        };
        let all = join_all((0..PARALLEL).map(|_| bounded()));
        let ended = tokio::select! {
            ended = all => ended,
            () = shown => Vec::new(),
        };
        let failed = ended.into_iter().find_map(Result::err).map(|error| error.to_string());
        Some(OneWay { rate: meter.rate(), bytes: meter.bytes.load(Relaxed), failed })
    }

    /// Makes a test of each link once a night.
    pub(super) async fn test_nightly(&self) {
        loop {
            sleep(LOOKED_EVERY).await;
            for link in &self.0.links {
                let (limits, now) = (self.0.bench.limits(), Timestamp::now());
                let last = self.0.bench.ledger().last_nightly(&link.plan.link.name);
                if limits.is_due(now, last, rand::rng().random())
                    && let Err(why) = Box::pin(self.test_of(link, true, &|_| ())).await
                {
                    tracing::info!(%why, "no throughput test this night");
                }
            }
        }
    }
}

/// What one way moved.
#[derive(Debug)]
struct OneWay {
    rate: Option<f64>,
    bytes: u64,
    failed: Option<String>,
}

/// Counts what all connections of a test move.
#[derive(Debug)]
struct Meter {
    begun: Instant,
    time: Duration,
    most: u64,
    bytes: AtomicU64,
    /// Bytes when the warm-up was over, and when that was, in microseconds since the start.
    warm: Mutex<Option<(u64, Duration)>>,
    last: Mutex<Duration>,
}

impl Meter {
    fn new(most: u64, time: Duration) -> Self {
        let (bytes, last) = (AtomicU64::new(0), Mutex::new(Duration::ZERO));
        Self { begun: Instant::now(), time, most, bytes, warm: Mutex::new(None), last }
    }

    /// So many bytes moved. May more?
    fn moves(&self, length: usize) -> bool {
        let now = self.begun.elapsed();
        let bytes = self.bytes.fetch_add(length as u64, Relaxed) + length as u64;
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = now;
        let mut warm = self.warm.lock().unwrap_or_else(PoisonError::into_inner);
        if warm.is_none() && now >= WARM_UP {
            *warm = Some((bytes, now));
        }
        bytes < self.most && now < self.time
    }

    /// What was sent has arrived: of all that was sent, and all the time that it took, the rate is made. The
    /// warm-up filled the box's own buffers first.
    fn arrived(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = self.begun.elapsed();
        *self.warm.lock().unwrap_or_else(PoisonError::into_inner) = Some((0, Duration::ZERO));
    }

    /// Bytes a second after the warm-up, or of all where that was all.
    fn rate(&self) -> Option<f64> {
        let bytes = self.bytes.load(Relaxed);
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let warm = *self.warm.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, before) = match warm {
            Some((bytes, at)) if last >= at + WARM_UP / 2 => (at, bytes),
            _ => (Duration::ZERO, 0),
        };
        let took = last.saturating_sub(since).as_secs_f64();
        #[allow(clippy::cast_precision_loss, reason = "a rate")]
        let rate = (bytes - before) as f64 / took;
        (bytes > 0 && took > 0.0).then_some(rate)
    }
}

/// A body that is sent until the test is over. Its bytes do not compress.
#[derive(Debug)]
struct Filling {
    meter: Arc<Meter>,
    piece: Bytes,
    done: bool,
}

impl Filling {
    fn new(meter: Arc<Meter>) -> Self {
        let mut piece = vec![0; PIECE];
        rand::rng().fill(&mut piece[..]);
        Self { meter, piece: piece.into(), done: false }
    }
}

impl Body for Filling {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.done {
            return Poll::Ready(None);
        }
        self.done = !self.meter.moves(self.piece.len());
        Poll::Ready(Some(Ok(Frame::data(self.piece.clone()))))
    }
}
