//! The uplink as a whole: collects, keeps, sends.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ipnet::IpNet;
use tokio::{
    task::spawn_blocking,
    time::{Instant, MissedTickBehavior, interval_at},
};
use tokio_util::sync::CancellationToken;

use super::{
    collect::{self, Collector, Whose},
    message::BadBody,
    page::Told,
    send::{Sender, Target, spread},
    spool::Spool,
    status::{Figures, Status},
    stuck::Stuck,
};
use crate::{
    health::{finding::Watcher, sample::Source},
    journal::Clock,
    net::client::Shown,
    store::StoreError,
};

/// By what values are reported.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where they wait.
    pub folder: PathBuf,
    /// The box's labels.
    pub whose: Whose,
    /// Time between two collections.
    pub interval: Duration,
    /// Bytes that what waits may take.
    pub quota: u64,
    /// Whose moments are sent, once it can be trusted.
    pub clock: Clock,
    /// Where they go; nothing = nothing is spooled.
    pub target: Option<Target>,
    /// Who may read `/metrics`.
    pub readers: Vec<IpNet>,
}

/// Why there is no uplink.
#[derive(Debug, thiserror::Error)]
pub enum UplinkError {
    /// The disk.
    #[error("the spool of measured values does not open: {0}")]
    Spool(#[from] StoreError),
}

/// Why a collection was lost.
#[derive(Debug, thiserror::Error)]
enum Lost {
    #[error(transparent)]
    Disk(#[from] StoreError),
    #[error(transparent)]
    Body(#[from] BadBody),
}

/// Reports what sources tell. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Uplink(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    options: Options,
    sources: Arc<[Arc<dyn Source>]>,
    figures: Figures,
    sender: Option<(Sender, Arc<Mutex<Spool>>)>,
}

impl Uplink {
    /// Takes up what waits in the folder. Blocking.
    ///
    /// # Errors
    /// The disk.
    pub fn open(options: Options, sources: &[Arc<dyn Source>]) -> Result<Self, UplinkError> {
        let sender = options.target.clone().map(|target| {
            let spool = Arc::new(Mutex::new(Spool::open(&options.folder, options.quota)?));
            let (whose, clock) = (options.whose.clone(), options.clock.clone());
            Ok::<_, StoreError>((Sender::new(target, whose, spool.clone(), clock), spool))
        });
        let sender = sender.transpose()?;
        let figures =
            sender.as_ref().map_or_else(Figures::default, |(sender, _)| sender.figures().clone());
        if let Some((_, spool)) = &sender {
            figures.note_spool(&spool.lock().unwrap_or_else(PoisonError::into_inner));
        }
        let own: Arc<dyn Source> = Arc::new(figures.clone());
        let sources = sources.iter().cloned().chain([own]).collect();
        Ok(Self(Arc::new(Shared { options, sources, figures, sender })))
    }

    /// What `/metrics` tells, and to whom.
    pub fn told(&self) -> Told {
        Told::new(self.0.sources.clone(), &self.0.options.readers)
    }

    /// Whoever finds that the region takes nothing.
    pub fn watcher(&self) -> Arc<dyn Watcher> {
        Arc::new(Stuck::new(self.0.figures.clone()))
    }

    /// How it does; nothing = nothing is sent.
    pub fn status(&self) -> Option<Status> {
        let target = self.0.options.target.as_ref()?;
        let url = Shown::from(&target.url).to_string();
        Some(self.0.figures.status(url, self.0.options.quota))
    }

    /// Collects at each interval and sends until cancelled; without an address only waits for that.
    pub async fn run(&self, token: CancellationToken) {
        let Some((sender, spool)) = &self.0.sender else { return token.cancelled().await };
        let collecting = self.collect(sender, spool, token.clone());
        tokio::join!(collecting, Box::pin(sender.clone().run(token)));
    }

    async fn collect(&self, sender: &Sender, spool: &Arc<Mutex<Spool>>, token: CancellationToken) {
        let options = &self.0.options;
        let mut collector = Collector::new(&options.whose);
        let first = Instant::now() + spread(&options.whose.uai, options.interval);
        let mut ticks = interval_at(first, options.interval);
        // After a pause of the machine's, one value tells as much as a burst of them.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        while token.run_until_cancelled(ticks.tick()).await.is_some() {
            let (shared, spool) = (self.0.clone(), spool.clone());
            let collected = spawn_blocking(move || {
                let kept = shared.once(&mut collector, &spool);
                (collector, kept)
            });
            let Ok((back, kept)) = collected.await else { return };
            collector = back;
            if let Err(error) = kept {
                tracing::error!(%error, "a collection is lost");
            }
            sender.wake();
        }
    }
}

impl Shared {
    /// One collection, on the disk when this returns. Blocking.
    fn once(&self, collector: &mut Collector, spool: &Mutex<Spool>) -> Result<(), Lost> {
        let now = self.options.clock.read().now;
        let telling = collect::ask(&self.sources, now);
        let collected = collector.collect(&telling, now)?;
        self.figures.note_series(collected.series);
        let mut spool = spool.lock().unwrap_or_else(PoisonError::into_inner);
        spool.refuse_clock(collected.ahead);
        let kept = spool.append(&collected.bodies);
        self.figures.note_spool(&spool);
        Ok(kept?)
    }
}
