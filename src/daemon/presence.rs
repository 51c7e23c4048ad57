//! Looks around, every few seconds: by which interface devices are reached, and whether those at
//! which somebody is signed in are still the same.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::house::House;
use crate::net::around::Around;

/// An address that another device took is that device's within this time. The tables are a few
/// files that the kernel writes as they are read.
const EVERY: Duration = Duration::from_secs(5);

/// Between two looks, whoever comes.
const REST: Duration = Duration::from_millis(200);

/// The first look. Without these tables no profile fits by interface; all else goes on. Blocking.
pub(super) fn look(around: &Around) {
    if let Err(error) = around.look() {
        tracing::warn!(%error, "the kernel's tables of routes and neighbours cannot be read");
    }
}

pub(super) async fn run(house: Arc<House>, token: CancellationToken) {
    loop {
        let due = async {
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = house.access.somebody_came() => {}
            }
        };
        if token.run_until_cancelled(due).await.is_none() {
            return;
        }
        let looking = house.clone();
        let looked = tokio::task::spawn_blocking(move || {
            if let Err(error) = looking.around.look() {
                tracing::debug!(%error, "what was seen around stays");
            }
            looking.access.look_around(&looking.around.seen(), Timestamp::now());
        });
        // A panic in there leaves what was seen before.
        let _ = looked.await;
        // A class that signs in is looked at together.
        token.run_until_cancelled(tokio::time::sleep(REST)).await;
    }
}
