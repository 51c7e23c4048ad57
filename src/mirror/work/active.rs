//! One running transfer, and how it is shown.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;

use crate::mirror::{Transfer, plan::Wanted, sink::Meter};

/// The rate shown is that of about this span.
const RATE_SPAN: Duration = Duration::from_secs(3);

/// A transfer under way.
pub(super) struct Active {
    pub wanted: Wanted,
    pub origin: String,
    pub meter: Arc<Meter>,
    pub task: tokio::task::Id,
    stop: CancellationToken,
    /// Moments and bytes moved by then, within the span.
    samples: VecDeque<(Instant, u64)>,
}

impl Active {
    pub fn new(
        wanted: Wanted,
        meter: Arc<Meter>,
        stop: CancellationToken,
        task: tokio::task::Id,
    ) -> Self {
        let samples = VecDeque::from([(Instant::now(), 0)]);
        Self { origin: wanted.origin(), wanted, meter, task, stop, samples }
    }

    /// Is it still the same package that is wanted?
    pub fn is_for(&self, wanted: &Wanted) -> bool {
        self.wanted.key == wanted.key && self.wanted.offer == wanted.offer
    }

    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Bytes still to come, when known.
    pub fn left(&self) -> Option<u64> {
        let total = self.meter.total().or(self.wanted.offer.size)?;
        Some(total.saturating_sub(self.meter.done()))
    }

    /// How it stands now.
    pub fn shown(&mut self) -> Transfer {
        let (now, moved) = (Instant::now(), self.meter.moved());
        self.samples.push_back((now, moved));
        while self.samples.len() > 2
            && self.samples.front().is_some_and(|(at, _)| now.duration_since(*at) > RATE_SPAN)
        {
            self.samples.pop_front();
        }
        let rate = self.samples.front().map_or(0, |(at, before)| {
            let millis = now.duration_since(*at).as_millis().max(1);
            let rate = u128::from(moved.saturating_sub(*before)) * 1000 / millis;
            u64::try_from(rate).unwrap_or(u64::MAX)
        });
        Transfer {
            done: self.meter.done(),
            total: self.meter.total().or(self.wanted.offer.size),
            moved,
            rate,
            ..waiting(&self.wanted, None)
        }
    }
}

/// A package that waits, of which `kept` bytes are here.
pub(super) fn waiting(wanted: &Wanted, kept: Option<u64>) -> Transfer {
    Transfer {
        holding: wanted.key.holding.clone(),
        title: wanted.holding.title.clone(),
        done: kept.unwrap_or(0),
        total: wanted.offer.size,
        moved: 0,
        rate: 0,
    }
}
