//! The links, watched: once a second each is looked at, and in between everything is asked.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use jiff::Timestamp;
use rustls::ClientConfig;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use super::{
    Pace,
    interfaces::{Interface, Kernel, Looked},
    plan::Plan,
    probe,
    throughput::Bench,
    uplink::Link,
};
use crate::{
    config::Config,
    net::client::{self, ClientError},
    store::{Store, StoreError},
};

const SECOND: Duration = Duration::from_secs(1);
/// Other interfaces than the links' are looked at each so many seconds.
const ALL_EVERY: u64 = 30;
/// The kernel's socket is opened again after this.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Why the links cannot be watched as the settings say.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Certificate authorities cannot be read.
    #[error("health.targets: {0}")]
    Tls(#[from] ClientError),
    /// What was kept of throughput tests cannot be read.
    #[error("what is kept of throughput tests: {0}")]
    Store(#[from] StoreError),
}

/// The school's links. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Links(pub(super) Arc<Shared>);

/// What all tasks share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) links: Vec<Link>,
    pub(super) tls: Arc<ClientConfig>,
    pub(super) bench: Bench,
    /// All interfaces, and when they were looked at.
    interfaces: Mutex<(Option<Timestamp>, Vec<Interface>)>,
    pace: Pace,
}

impl Links {
    /// As the settings say; nothing when they name no link. Reads files. Blocking.
    ///
    /// # Errors
    /// Certificate authorities, or what was kept, cannot be read.
    pub fn open(config: &Config, store: Store) -> Result<Option<Self>, LinkError> {
        Self::paced(config, store, Pace::default())
    }

    /// The same at another pace: tests have no minutes to wait. Blocking.
    ///
    /// # Errors
    /// As of [`Links::open`].
    pub fn paced(config: &Config, store: Store, pace: Pace) -> Result<Option<Self>, LinkError> {
        if config.health.links.is_empty() {
            return Ok(None);
        }
        let at = Timestamp::now();
        let plans = Plan::of(&config.health);
        let authorities: &[PathBuf] = &config.network.extra_authorities;
        let tls = Arc::new(client::tls(authorities)?);
        let bench = Bench::open(config, store)?;
        let links = plans.into_iter().map(|plan| Link::new(plan, pace, at)).collect();
        let interfaces = Mutex::new((None, Vec::new()));
        Ok(Some(Self(Arc::new(Shared { links, tls, bench, interfaces, pace }))))
    }

    /// Asks and looks, until cancelled.
    pub async fn run(&self, token: CancellationToken) {
        let shared = &self.0;
        let mut tasks: Vec<_> = shared
            .links
            .iter()
            .flat_map(|link| probe::tasks(link, &shared.tls, shared.pace))
            .collect();
        tasks.push(Box::pin(self.look()));
        tasks.push(Box::pin(self.test_nightly()));
        let _ = token.run_until_cancelled(join_all(tasks)).await;
    }

    pub(super) fn interfaces(&self) -> MutexGuard<'_, (Option<Timestamp>, Vec<Interface>)> {
        self.0.interfaces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn look(&self) {
        let mut said = false;
        loop {
            match Kernel::open() {
                Ok(kernel) => {
                    self.look_by(kernel).await;
                    tracing::warn!("rtnetlink says nothing any more: opened again");
                }
                Err(error) => {
                    if !said {
                        tracing::error!(%error, "no rtnetlink: carriers and counters are not known");
                    }
                    said = true;
                    for link in &self.0.links {
                        link.second(Timestamp::now(), Looked::Unknown);
                    }
                }
            }
            sleep(AGAIN_AFTER).await;
        }
    }

    /// Until the kernel says no more.
    async fn look_by(&self, mut kernel: Kernel) {
        let mut ticks = interval(SECOND);
        // Seconds that the box slept through are nobody's outage.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut number = 0_u64;
        loop {
            tokio::select! {
                _ = ticks.tick() => {
                    if number.is_multiple_of(ALL_EVERY) {
                        self.look_at_all(&kernel).await;
                    }
                    number += 1;
                    for link in &self.0.links {
                        let found = kernel.interface(&link.plan.link.interface).await;
                        let looked = match &found {
                            Ok(Some(interface)) => Looked::Here(interface),
                            Ok(None) => Looked::Gone,
                            Err(error) => {
                                tracing::debug!(%error, "rtnetlink does not answer");
                                Looked::Unknown
                            }
                        };
                        link.second(Timestamp::now(), looked);
                    }
                }
                changed = kernel.next() => {
                    let Some(interface) = changed else { return };
                    let of = |link: &&Link| link.plan.link.interface == interface.name;
                    for link in self.0.links.iter().filter(of) {
                        link.carrier(Timestamp::now(), interface.carrier);
                    }
                }
            }
        }
    }

    async fn look_at_all(&self, kernel: &Kernel) {
        match kernel.all().await {
            Ok(all) => *self.interfaces() = (Some(Timestamp::now()), all),
            Err(error) => tracing::debug!(%error, "rtnetlink does not list interfaces"),
        }
    }
}
