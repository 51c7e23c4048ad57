//! `preau sync`: asks every source, wakes the mirror, and watches it until it comes to rest.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::Instant;

use super::house::House;
use crate::control::{
    protocol::{Event, Fault, Moving, Refusal, SourceLine, SyncReport},
    server::Events,
};

/// The client is shown where things are at most this often.
const SHOW_EVERY: Duration = Duration::from_millis(250);

/// Asks every source, and wakes the mirror. Returns the call to listen for, and the sources.
pub(super) async fn refresh(house: &House, ignore_window: bool) -> (u64, Vec<SourceLine>) {
    let states = Box::pin(house.catalogue.refresh(Timestamp::now())).await;
    let call = house.mirror.wake(ignore_window);
    (call, states.iter().map(SourceLine::from).collect())
}

/// The whole of it.
pub(super) async fn wait(
    house: Arc<House>,
    ignore_window: bool,
    events: &Events,
) -> Result<SyncReport, Refusal> {
    let (call, sources) = refresh(&house, ignore_window).await;
    events.send(Event::Sources(sources.clone())).await;
    let moving = rest(&house, call, events).await?;
    Ok(SyncReport { waited: true, sources, moving })
}

/// Until nothing is left that could move, seen from `call` on.
async fn rest(house: &House, call: u64, events: &Events) -> Result<Moving, Refusal> {
    let gone = |_| Refusal::new(Fault::Stopping, "the mirror is stopping");
    let (mut heard, mut progress) = (house.mirror.heard(), house.mirror.progress());
    heard.wait_for(|number| *number >= call).await.map_err(gone)?;
    let mut show_at = Instant::now();
    loop {
        let moving = Moving::from(&**progress.borrow_and_update());
        if moving.is_at_rest() {
            return Ok(moving);
        }
        if show_at <= Instant::now() {
            events.show(Event::Moving(moving));
            show_at = Instant::now() + SHOW_EVERY;
        }
        progress.changed().await.map_err(gone)?;
    }
}
