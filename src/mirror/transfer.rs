//! One package from its origin into the store: as a delta when there is an older version to build
//! on, else whole.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{
    FetchError, delta, download,
    exchange::{Facts, Remote},
    pace::Pace,
    plan::Wanted,
    sink::{Meter, blocking},
};
use crate::{
    net::client::Shown,
    store::{Description, Incoming, Sidecar, Store, Ticket},
};

/// Everything a transfer needs.
#[derive(Debug)]
pub(super) struct Job {
    pub wanted: Wanted,
    pub remote: Remote,
    pub store: Store,
    pub pace: Arc<Pace>,
    pub meter: Arc<Meter>,
    /// The version that the new one replaces.
    pub older: Option<Arc<Sidecar>>,
}

/// A package that arrived.
#[derive(Debug)]
pub(super) struct Arrival {
    pub sidecar: Arc<Sidecar>,
    /// How it came, when that deserves a word.
    pub note: Option<String>,
}

impl Job {
    /// The transfer's name in the store.
    pub fn name(&self) -> String {
        format!("{} {}", self.wanted.key.holding, self.wanted.key.media_type)
    }

    /// What must stay the same for the bytes to be continued; the feed's word goes before the
    /// origin's.
    pub fn ticket(&self, facts: &Facts) -> Ticket {
        let offer = &self.wanted.offer;
        Ticket {
            url: offer.url.to_string(),
            etag: facts.etag.clone(),
            length: offer.size.or(facts.length),
            sha256: offer.sha256.or(facts.sha256),
        }
    }

    fn description(&self, ticket: &Ticket) -> Description {
        let (holding, offer) = (&self.wanted.holding, &self.wanted.offer);
        let version = match &ticket.etag {
            Some(tag) if offer.version.is_empty() => tag.clone(),
            _ => offer.version.clone(),
        };
        Description {
            holding: holding.id.clone(),
            identifiers: holding.identifiers.clone(),
            title: holding.title.clone(),
            publisher: holding.publisher.clone(),
            media_type: offer.media_type.clone(),
            version,
            origin: Shown::from(&offer.url).to_string(),
        }
    }

    /// Publishes what came; on any error the bytes are not to be trusted.
    pub async fn commit(&self, incoming: Incoming) -> Result<Arc<Sidecar>, FetchError> {
        let description = self.description(incoming.ticket());
        let committed = blocking(move || incoming.commit(description)).await;
        if committed.is_err() {
            self.meter.set_done(0);
        }
        committed
    }
}

/// Fetches one package. Stopped or failed, it keeps what came.
pub(super) async fn fetch(job: &Job, stop: &CancellationToken) -> Result<Arrival, FetchError> {
    let note = match delta::fetch(job, stop).await {
        Ok(sidecar) => return Ok(Arrival { sidecar, note: Some("as a delta".to_owned()) }),
        Err(delta::End::NotHere) => None,
        Err(delta::End::Declined(reason)) => {
            tracing::warn!(holding = %job.wanted.key.holding, reason, "no delta, fetching it whole");
            Some(format!("whole, not as a delta: {reason}"))
        }
        Err(delta::End::Failed(error)) => return Err(error),
    };
    let incoming = download::whole(job, stop).await?;
    let sidecar = job.commit(incoming).await?;
    Ok(Arrival { sidecar, note })
}
