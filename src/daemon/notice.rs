//! What the service manager is told: `READY=1`, `WATCHDOG=1`, `STATUS=…` (`sd_notify(3)`). Without
//! a service manager nothing is sent.

use std::{sync::Arc, time::Duration};

use indicatif::HumanBytes;
use sd_notify::NotifyState;
use tokio_util::sync::CancellationToken;

use super::{holdings, house::House};
use crate::control::protocol::Moving;

/// The status text is looked at so often, and sent when it changed.
const STATUS_EVERY: Duration = Duration::from_secs(5);

/// Sends notices; one that cannot be sent is logged and otherwise harmless.
pub(super) fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager could not be told");
    }
}

/// A reload begins (`Type=notify-reload` wants to know when, by the clock that never jumps).
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!(%error, "no monotonic clock"),
    }
}

/// Keeps the watchdog quiet as long as the runtime and the store answer.
pub(super) async fn watchdog(house: Arc<House>, token: CancellationToken) {
    let Some(limit) = sd_notify::watchdog_enabled() else { return token.cancelled().await };
    let every = limit / 2;
    loop {
        let store = house.store.clone();
        let answer = tokio::task::spawn_blocking(move || store.usage());
        match tokio::time::timeout(every / 2, answer).await {
            Ok(Ok(Ok(_))) => notify(&[NotifyState::Watchdog]),
            Ok(Ok(Err(error))) => {
                tracing::error!(%error, "the store does not answer: no sign of life is given");
            }
            Ok(Err(error)) => tracing::error!(%error, "the store failed: no sign of life"),
            Err(_) => tracing::error!(within = ?every / 2, "the store is too slow to answer"),
        }
        if token.run_until_cancelled(tokio::time::sleep(every / 2)).await.is_none() {
            return;
        }
    }
}

/// Keeps `systemctl status` up to date.
pub(super) async fn status(house: Arc<House>, token: CancellationToken) {
    let mut said = String::new();
    loop {
        let text = line(&house);
        if text != said {
            notify(&[NotifyState::Status(&text)]);
            said = text;
        }
        if token.run_until_cancelled(tokio::time::sleep(STATUS_EVERY)).await.is_none() {
            return;
        }
    }
}

fn line(house: &House) -> String {
    let here = holdings::here(house);
    let bytes: u64 = house.store.packages().iter().map(|package| package.size).sum();
    let moving = Moving::from(&**house.mirror.progress().borrow());
    words(here, bytes, &moving)
}

fn words(here: usize, bytes: u64, moving: &Moving) -> String {
    let mut text = format!("Lending {here} books ({})", HumanBytes(bytes));
    if !moving.active.is_empty() || moving.queued > 0 {
        let waiting = moving.queued;
        text.push_str(&format!("; fetching {}, {waiting} waiting", moving.active.len()));
    }
    if moving.failed > 0 {
        text.push_str(&format!("; {} failed and will be tried again", moving.failed));
    }
    if let Some(why) = &moving.held_back {
        text.push_str(&format!("; held back: {why}"));
    }
    // A line end would begin another notice.
    text.replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_line_says_what_is_lent_and_what_is_missing() {
        assert_eq!(words(3, 2 << 20, &Moving::default()), "Lending 3 books (2.00 MiB)");
        let moving =
            Moving { queued: 2, failed: 1, held_back: Some("a\nb".into()), ..Moving::default() };
        assert_eq!(
            words(0, 0, &moving),
            "Lending 0 books (0 B); fetching 0, 2 waiting; 1 failed and will be tried again; held back: a b"
        );
    }
}
