//! A daemon under a service manager: notices and signals, from ready to drained.

use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Bound, DaemonError, notice, reload};

/// What a signal asks for.
enum Asked {
    Stop(&'static str),
    Reload,
}

/// The signals that a daemon takes.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> Result<Self, DaemonError> {
        let take = |kind| signal(kind).map_err(DaemonError::Signals);
        Ok(Self {
            terminate: take(SignalKind::terminate())?,
            interrupt: take(SignalKind::interrupt())?,
            hangup: take(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Stop("SIGTERM"),
            _ = self.interrupt.recv() => Asked::Stop("SIGINT"),
            _ = self.hangup.recv() => Asked::Reload,
        }
    }
}

pub(super) async fn run(bound: Bound) -> Result<bool, DaemonError> {
    let mut signals = Signals::new()?;
    let running = bound.start();
    let house = &running.house;
    let watched = house.clone();
    running.tasks.supervised("watchdog", move |token| notice::watchdog(watched.clone(), token));
    let shown = house.clone();
    running.tasks.supervised("status", move |token| notice::status(shown.clone(), token));
    tracing::info!(addresses = ?running.addresses, school = %house.config().school.uai, "ready");
    notice::notify(&[NotifyState::Ready]);
    loop {
        match signals.next().await {
            Asked::Stop(name) => {
                tracing::info!(signal = name, "stopping: open requests may finish");
                break;
            }
            Asked::Reload => {
                notice::reloading();
                // Logged by the reload itself; the old configuration goes on either way.
                let _ = reload::reload(house).await;
                notice::notify(&[NotifyState::Ready]);
            }
        }
    }
    notice::notify(&[NotifyState::Stopping]);
    let drained = running.stop().await;
    tracing::info!(drained, "stopped");
    Ok(drained)
}
