//! The one state of the link to the Internet, for every room that asks: from what those who reach for
//! something see anyhow and, only in doubt or during an outage, from bare TCP connections to a few
//! configured targets.
//!
//! Not here: what follows from it.

mod machine;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use jiff::Timestamp;
use tokio::{
    net::TcpStream,
    sync::{Notify, watch},
    time::{sleep, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use self::machine::{Answer, Machine};
pub use self::machine::{Place, Sign, State};
use crate::config::{self, Endpoint};

/// A target that has not accepted a connection by then is silent.
const TARGET_TIMEOUT: Duration = Duration::from_millis(1500);
/// The next one is asked beside it after this.
const STAGGER: Duration = Duration::from_millis(100);

/// The link. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Link(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    targets: Vec<Endpoint>,
    seen: Mutex<Seen>,
    state: watch::Sender<State>,
    /// Somebody doubts, or the state has changed.
    wake: Notify,
}

#[derive(Debug)]
struct Seen {
    machine: Machine,
    since: Timestamp,
}

impl Default for Link {
    /// One without targets.
    fn default() -> Self {
        Self::new(&config::Link::default())
    }
}

impl Link {
    /// Taken to be up until something says otherwise.
    pub fn new(config: &config::Link) -> Self {
        Self(Arc::new(Shared {
            targets: config.targets.clone(),
            seen: Mutex::new(Seen { machine: Machine::new(), since: Timestamp::now() }),
            state: watch::Sender::default(),
            wake: Notify::new(),
        }))
    }

    /// How it is. Takes no time: for each request.
    pub fn state(&self) -> State {
        *self.0.state.borrow()
    }

    /// Since when.
    pub fn since(&self) -> Timestamp {
        self.seen().since
    }

    /// Tells of each change.
    pub fn changes(&self) -> watch::Receiver<State> {
        self.0.state.subscribe()
    }

    /// Ends when nothing beyond the link answers any more; at once, if that is so.
    pub async fn goes_down(&self) {
        let mut changes = self.changes();
        // The sender is ours: the channel does not close meanwhile.
        let _ = changes.wait_for(|state| *state == State::Down).await;
    }

    /// Is the end of an outage seen without anybody else who tries? Only where targets have answered.
    pub fn sees_its_return(&self) -> bool {
        !self.0.targets.is_empty() && self.seen().machine.trusts()
    }

    /// What somebody saw who tried to reach something beyond the link. What is on this side of it
    /// says nothing.
    pub fn note(&self, sign: Sign) {
        self.hear(|machine, now| machine.note(sign, now));
    }

    /// Asks the targets when that is called for, until cancelled. Without it signs alone count.
    pub async fn run(&self, token: CancellationToken) {
        while let Some(due) = token.run_until_cancelled(self.next_task()).await {
            if due {
                let (begun, asking) = (Instant::now(), self.ask());
                let Some(answer) = token.run_until_cancelled(asking).await else { return };
                self.hear(|machine, now| machine.probed(answer, begun, now));
            } else {
                self.hear(Machine::look);
            }
        }
    }

    /// Waits for something to do: are the targets to be asked?
    async fn next_task(&self) -> bool {
        loop {
            let (probe_at, look_at) = {
                let (seen, now) = (self.seen(), Instant::now());
                let nobody = self.0.targets.is_empty() && seen.machine.places().next().is_none();
                let asks = seen.machine.probe_at(now).filter(|_| !nobody);
                (asks, seen.machine.look_at(now))
            };
            let at = |moment: Option<Instant>| async move {
                match moment {
                    Some(moment) => sleep_until(moment.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = at(probe_at) => return true,
                () = at(look_at) => return false,
                () = self.0.wake.notified() => {}
            }
        }
    }

    /// Targets, then places that were reached before, each a moment after the one before: the first
    /// that accepts a connection is enough, and mostly the only one asked. A refusal is none: a machine
    /// on this side of the link may well say it.
    async fn ask(&self) -> Answer {
        let places: Vec<SocketAddr> = self.seen().machine.places().collect();
        let targets = self.0.targets.iter().map(|one| (one.host.clone(), one.port, Answer::Target));
        let places = places.iter().map(|one| (one.ip().to_string(), one.port(), Answer::Place));
        let ask = |(turn, (host, port, whose)): (u32, (String, u16, Answer))| async move {
            sleep(STAGGER * turn).await;
            let connecting = TcpStream::connect((host.as_str(), port));
            let answers = matches!(timeout(TARGET_TIMEOUT, connecting).await, Ok(Ok(_)));
            if answers { whose } else { Answer::None }
        };
        let mut asked: FuturesUnordered<_> = (0..).zip(targets.chain(places)).map(ask).collect();
        while let Some(answer) = asked.next().await {
            if answer != Answer::None {
                return answer;
            }
        }
        Answer::None
    }

    /// Has the machine hear something, and tells what changed.
    fn hear(&self, say: impl FnOnce(&mut Machine, Instant)) {
        let mut seen = self.seen();
        let doubted = seen.machine.doubts();
        let before = seen.machine.state();
        say(&mut seen.machine, Instant::now());
        let after = seen.machine.state();
        if after != before {
            seen.since = Timestamp::now();
            // Under the lock, so that changes are told in their order.
            self.0.state.send_replace(after);
            match after {
                State::Up => tracing::info!("the link to the Internet is up"),
                State::Degraded => tracing::warn!("the link to the Internet is degraded"),
                State::Down => tracing::warn!("the link to the Internet is down"),
            }
        }
        if after != before || seen.machine.doubts() != doubted {
            self.0.wake.notify_one();
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// Longer than any machine of a test takes.
    const PATIENCE: Duration = Duration::from_secs(60);

    fn asking(target: &TcpListener) -> (Link, CancellationToken) {
        let target = target.local_addr().unwrap().to_string().parse().unwrap();
        let link = Link::new(&config::Link { targets: vec![target] });
        let token = CancellationToken::new();
        let (running, until) = (link.clone(), token.clone());
        tokio::spawn(async move { running.run(until).await });
        (link, token)
    }

    async fn becomes(link: &Link, wanted: State) {
        let mut changes = link.changes();
        let came = changes.wait_for(|state| *state == wanted);
        timeout(PATIENCE, came).await.unwrap_or_else(|_| panic!("never {wanted}")).unwrap();
    }

    #[tokio::test]
    async fn one_slow_place_and_a_silent_target_are_an_outage_that_ends_by_itself() {
        let target = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = target.local_addr().unwrap();
        let (link, token) = asking(&target);
        // It is asked once at the start: whoever accepts has seen it.
        tokio::task::spawn_blocking(move || target.accept().map(drop)).await.unwrap().unwrap();
        let trusted = async {
            while link.seen().machine.probe_at(Instant::now()).is_some() {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, trusted).await.unwrap();
        assert_eq!(link.state(), State::Up);
        link.note(Sign::Slow);
        timeout(PATIENCE, link.goes_down()).await.unwrap();
        let since = link.since();
        let _back = TcpListener::bind(address).unwrap();
        becomes(&link, State::Degraded).await;
        assert!(link.since() >= since);
        token.cancel();
    }

    #[tokio::test]
    async fn without_targets_signs_alone_decide_and_everyone_hears() {
        let link = Link::default();
        let (mut one, heard) = (link.changes(), link.clone());
        for place in ["a", "b", "c"] {
            heard.note(Sign::missed(place));
        }
        assert!(one.has_changed().unwrap() && *one.borrow_and_update() == State::Down);
        link.goes_down().await;
        link.note(Sign::Reached);
        assert_eq!((link.state(), *one.borrow_and_update()), (State::Degraded, State::Degraded));
    }
}
