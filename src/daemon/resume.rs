//! After an outage: sources that could not be asked are asked again, some time after the link is good,
//! each box at a moment of its own. The mirror comes later still, by itself.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::house::House;
use crate::net::link::State;

/// How long the link must have been good, at least and at most.
const SOONEST: Duration = Duration::from_secs(10);
const LATEST: Duration = Duration::from_secs(60);
const SPREAD: Duration = LATEST.saturating_sub(SOONEST);

pub(super) async fn run(house: Arc<House>, token: CancellationToken) {
    let _ = token.run_until_cancelled(watch(&house)).await;
}

async fn watch(house: &House) {
    let mut changes = house.link.changes();
    loop {
        // The sender is the house's own: neither fails while it stands.
        let _ = changes.wait_for(|state| *state == State::Down).await;
        let _ = changes.wait_for(|state| *state == State::Up).await;
        let pause = wait(rand::random());
        let again = changes.wait_for(|state| *state == State::Down);
        if tokio::time::timeout(pause, again).await.is_ok() {
            continue;
        }
        let missed =
            house.catalogue.holdings().borrow().sources.iter().any(|s| s.failure.is_some());
        if missed {
            tracing::info!("the link is back: the sources are asked again");
            Box::pin(house.catalogue.refresh(Timestamp::now())).await;
        }
    }
}

/// `chance` is a random number in `0.0..1.0`: boxes that lost the same link do not ask together.
fn wait(chance: f64) -> Duration {
    SOONEST + SPREAD.mul_f64(chance.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_box_waits_its_own_time_within_a_minute() {
        assert_eq!(wait(0.0), SOONEST);
        assert_eq!(wait(1.0), LATEST);
        assert!(wait(0.3) > SOONEST && wait(0.3) < wait(0.6));
    }
}
