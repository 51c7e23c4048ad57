//! Reads packages again, a little every second, all year round.

use std::{sync::Arc, time::Duration};

use tokio::{task::spawn_blocking, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::house::House;

/// One step a second: the rate is then the size of a step.
const STEP_EVERY: Duration = Duration::from_secs(1);
/// After this many seconds without anything to read, an empty store is left alone for as long.
const EMPTY_PAUSE: Duration = Duration::from_secs(60);

/// Scrubs until cancelled; ends early when a step fails, to be started again later.
pub(super) async fn run(house: Arc<House>, token: CancellationToken) {
    let rate = house.config().store.scrub_rate.0;
    let store = house.store.clone();
    let Ok(mut scrub) = spawn_blocking(move || store.scrub()).await else { return };
    let mut ticks = tokio::time::interval(STEP_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        if token.run_until_cancelled(ticks.tick()).await.is_none() {
            return;
        }
        let stepped = spawn_blocking(move || {
            let step = scrub.step(rate);
            (scrub, step)
        })
        .await;
        let step = match stepped {
            Ok((back, Ok(step))) => {
                scrub = back;
                step
            }
            Ok((_, Err(error))) => {
                tracing::warn!(%error, "scrub could not go on");
                return;
            }
            Err(error) => {
                tracing::error!(%error, "scrub failed");
                return;
            }
        };
        if let Some(package) = &step.damaged {
            tracing::warn!(blob = %package.blob, holding = package.description.holding,
                "a damaged package is fetched again");
            house.mirror.wake(false);
        }
        if step.bytes == 0
            && token.run_until_cancelled(tokio::time::sleep(EMPTY_PAUSE)).await.is_none()
        {
            return;
        }
    }
}
