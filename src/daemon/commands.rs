//! What the control socket's commands do.

use std::{path::PathBuf, sync::Arc};

use jiff::Timestamp;
use tokio::{runtime::Handle, task::spawn_blocking};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{filtering, holdings, house::House, incidents, reload, sync};
use crate::{
    catalogue::CatalogueError,
    control::{
        protocol::{
            Command, Event, Fault, LinkLine, MAX_LISTED, Moving, Outcome, Refusal, SourceLine,
            Status, SyncReport, VerifyReport, clip,
        },
        server::{Commands, Events},
    },
    health::link::{Links, NoTest, budget::Refused},
    journal::Journal,
    store::StoreError,
};

/// Lines of holdings in one event.
const HOLDINGS_AT_ONCE: usize = 100;
/// Lines of access points in one event: some hundred bytes each.
const ACCESS_POINTS_AT_ONCE: usize = 100;
/// Lines of metrics in one event, of some hundred bytes each.
const METRICS_AT_ONCE: usize = 100;

/// Carries out commands in a house.
#[derive(Debug, Clone)]
pub(super) struct Desk {
    pub(super) house: Arc<House>,
    pub(super) tracker: TaskTracker,
    pub(super) token: CancellationToken,
}

impl Commands for Desk {
    async fn obey(&self, command: Command, events: Events) -> Result<Outcome, Refusal> {
        let house = self.house.clone();
        match command {
            Command::Status => blocking(move || status(&house)).await.map(Outcome::Status),
            Command::Sync { wait: true, ignore_window } => {
                Box::pin(sync::wait(house, ignore_window, &events)).await.map(Outcome::Sync)
            }
            Command::Sync { wait: false, ignore_window } => Ok(self.sync_later(ignore_window)),
            Command::Import { folder } => blocking(move || import(&house, folder, &events)).await,
            Command::Verify => blocking(move || verify(&house, &events)).await,
            Command::Rebuild => {
                blocking(move || {
                    let packages = house.store.rebuild().map_err(refused)?;
                    tracing::info!(packages, "index made anew from the sidecars");
                    Ok(Outcome::Rebuild { packages })
                })
                .await
            }
            Command::Usage => {
                blocking(move || house.store.usage().map(Outcome::Usage).map_err(refused)).await
            }
            Command::Holdings => {
                let lines = blocking(move || Ok(holdings::lines(&house))).await?;
                for part in lines.chunks(HOLDINGS_AT_ONCE) {
                    events.send(Event::Holdings(part.to_vec())).await;
                }
                Ok(Outcome::Holdings { count: lines.len() })
            }
            Command::Wifi => Ok(wifi(&house, &events).await),
            Command::Machine => {
                let now = Timestamp::now();
                blocking(move || Ok(Outcome::Machine(house.measuring.itself(now)))).await
            }
            Command::Links => {
                Ok(Outcome::Links(house.links.as_ref().map(Links::lines).unwrap_or_default()))
            }
            Command::Throughput { link } => Box::pin(throughput(&house, link, &events)).await,
            Command::Incidents { ask } => {
                incidents::answer(house, ask, &events).await.map(Outcome::Incidents)
            }
            Command::Revoke { what } => {
                blocking(move || {
                    let revoked = house.access.revoke(what, Timestamp::now());
                    let count = revoked.map_err(|error| Refusal::new(Fault::Io, error))?;
                    tracing::info!(count, "passes, sessions and keys taken back");
                    Ok(Outcome::Revoke { count })
                })
                .await
            }
            Command::Filter { ask } => {
                blocking(move || filtering::answer(&house, ask).map(Outcome::Filter)).await
            }
            Command::Journal => {
                Ok(Outcome::Journal(self.house.journal.as_ref().map(Journal::status)))
            }
            Command::Metrics => Ok(metrics(&house, &events).await),
            Command::Uplink => Ok(Outcome::Uplink(self.house.uplink.status())),
            Command::Reload => reload::reload(&house).await.map(Outcome::Reload),
        }
    }
}

/// Every access point, then the controllers.
async fn wifi(house: &House, events: &Events) -> Outcome {
    let Some(wifi) = &house.wifi else { return Outcome::Wifi(Vec::new()) };
    let (controllers, points) = wifi.lines();
    for part in points.chunks(ACCESS_POINTS_AT_ONCE) {
        events.send(Event::AccessPoints(part.to_vec())).await;
    }
    Outcome::Wifi(controllers)
}

/// What is measured, line by line.
async fn metrics(house: &House, events: &Events) -> Outcome {
    let text = house.uplink.told().text(Timestamp::now());
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    for part in lines.chunks(METRICS_AT_ONCE) {
        events.send(Event::Metrics(part.concat())).await;
    }
    Outcome::Metrics(lines.len())
}

async fn throughput(
    house: &House,
    link: Option<String>,
    events: &Events,
) -> Result<Outcome, Refusal> {
    let none = || Refusal::new(Fault::Config, "no link is set ([[health.links]])");
    let links = house.links.as_ref().ok_or_else(none)?;
    let show = |moved| events.show(Event::Throughput(moved));
    let tested = links.test(link.as_deref(), &show).await;
    tested.map(Outcome::Throughput).map_err(|why| {
        let fault = match &why {
            NoTest::Refused(Refused::NoObject) => Fault::Config,
            NoTest::NoLink(_) => Fault::NoInput,
            _ => Fault::Busy,
        };
        Refusal::new(fault, why)
    })
}

impl Desk {
    fn sync_later(&self, ignore_window: bool) -> Outcome {
        let (house, token) = (self.house.clone(), self.token.clone());
        let moving = Moving::from(&**house.mirror.progress().borrow());
        self.tracker.spawn(async move {
            let refreshed = Box::pin(sync::refresh(&house, ignore_window));
            let _ = token.run_until_cancelled(refreshed).await;
        });
        Outcome::Sync(SyncReport { waited: false, sources: Vec::new(), moving })
    }
}

/// Work on the disk, away from the runtime's own threads.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let done = spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Refusal::new(Fault::Internal, error)))
}

pub(super) fn refused(error: StoreError) -> Refusal {
    let fault = match &error {
        StoreError::Busy { .. } | StoreError::InUse { .. } => Fault::Busy,
        StoreError::Newer { .. } => Fault::Data,
        _ => Fault::Io,
    };
    Refusal::new(fault, error)
}

/// Inside a runtime.
fn status(house: &House) -> Result<Box<Status>, Refusal> {
    let config = house.config();
    let holdings = house.catalogue.holdings().borrow().clone();
    let moving = Moving::from(&**house.mirror.progress().borrow());
    Ok(Box::new(Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uai: config.school.uai.to_string(),
        school: config.school.name.clone(),
        started_at: house.started_at,
        addresses: house.addresses(),
        https: house.secure.as_ref().map(|secure| secure.line(Timestamp::now())),
        link: Some(LinkLine { state: house.link.state(), since: house.link.since() }),
        holdings: holdings.all.len(),
        here: holdings::here(house),
        sources: holdings.sources.iter().map(SourceLine::from).collect(),
        moving,
        usage: house.store.usage().map_err(refused)?,
        tasks: Handle::current().metrics().num_alive_tasks(),
        cache: house.gateway.cached().map(Into::into),
        waiting_for_restart: house.waiting.borrow().clone(),
    }))
}

fn import(house: &House, folder: PathBuf, events: &Events) -> Result<Outcome, Refusal> {
    if !folder.is_absolute() {
        return Err(Refusal::new(Fault::Usage, "an absolute folder was expected"));
    }
    let mut progress = |at: &crate::catalogue::ImportProgress| {
        events.show(Event::Import(at.clone()));
        !events.is_gone()
    };
    let imported = house.catalogue.import(&folder, Timestamp::now(), &mut progress);
    let mut report = imported.map_err(|error| {
        let fault = match &error {
            CatalogueError::Busy => Fault::Busy,
            CatalogueError::Folder { .. } => Fault::NoInput,
            CatalogueError::Order { .. } => Fault::Data,
            CatalogueError::Keep { .. } => Fault::Io,
            CatalogueError::TimeZone { .. } => Fault::Config,
        };
        Refusal::new(fault, error)
    })?;
    let (stored, known, refused) = (report.stored, report.known, report.refused.len());
    tracing::info!(stored, known, refused, "folder imported");
    let more = refused.saturating_sub(MAX_LISTED);
    report.refused.truncate(MAX_LISTED);
    report.refused.iter_mut().for_each(|reason| *reason = clip(reason));
    if more > 0 {
        report.refused.push(format!("and {more} more"));
    }
    Ok(Outcome::Import(report))
}

fn verify(house: &House, events: &Events) -> Result<Outcome, Refusal> {
    let mut progress = |done, total| {
        events.show(Event::Verify { done, total });
        !events.is_gone()
    };
    let found = house.store.verify(&mut progress).map_err(refused)?;
    let damaged = found.damaged.len();
    if damaged > 0 {
        house.mirror.wake(false);
    }
    let titles =
        found.damaged.iter().take(MAX_LISTED).map(|package| clip(&package.description.title));
    Ok(Outcome::Verify(VerifyReport {
        checked: found.checked,
        bytes: found.bytes,
        mended: found.mended,
        damaged,
        titles: titles.collect(),
    }))
}
