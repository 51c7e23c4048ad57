//! The link shared between devices that compete for it: whoever takes more than its share waits
//! while others are served, no profile is above its ceiling, and nobody waits while there is room.
//!
//! Not here: what a ceiling is and whom it is for (`filter`), nor the bytes themselves. A part of the
//! link is left alone, always: it is the mirror's and the region's, whose bytes nobody counts, and
//! it keeps the queue in this box, where it is fair, and not at the provider's end of the link.

mod lane;
mod order;
mod paced;
mod shares;

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use arc_swap::ArcSwapOption;
use tokio::sync::{Notify, oneshot};

pub use self::paced::Paced;
use self::shares::{Piece, Shares, Under};
use crate::{
    config::{ByteRate, LinkPart},
    filter::Ceiling,
};

/// The ceiling that somebody is under right now: verdicts change it.
pub type Held = ArcSwapOption<Ceiling>;

/// The link's shares. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Fairness(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// What the link carries; nothing = it is not shared out, and only ceilings hold.
    link: Option<ByteRate>,
    state: Mutex<State>,
    /// Somebody came whose turn is before the moment for which the task of [`Fairness::run`] sleeps.
    sooner: Notify,
}

#[derive(Debug)]
struct State {
    shares: Shares<oneshot::Sender<Turn>>,
    /// Does a task grant turns? Without one nobody waits.
    runs: bool,
    /// When that task looks again; nothing = when it is called.
    wakes: Option<Instant>,
}

impl Fairness {
    /// Of a link that carries so much, of which `reserve` is left alone.
    pub fn new(link: Option<ByteRate>, reserve: LinkPart) -> Self {
        let reserved = reserve.of(link).map_or(0, |reserve| reserve.0);
        let rate = link.map(|link| link.0.saturating_sub(reserved));
        let shares = Shares::new(rate, Instant::now());
        let state = Mutex::new(State { shares, runs: false, wakes: None });
        Self(Arc::new(Inner { link, state, sooner: Notify::new() }))
    }

    /// What counts for one device; nothing when nothing could make it wait.
    pub fn meter(&self, device: IpAddr, ceiling: Arc<Held>) -> Option<Meter> {
        let counts = self.0.link.is_some() || ceiling.load().is_some();
        counts.then(|| Meter { fairness: self.clone(), device, ceiling })
    }

    /// Grants turns as they come, for as long as it runs; then nobody waits any more.
    pub async fn run(&self) {
        let _runs = Runs::begin(self);
        loop {
            let wakes = self.release(true);
            let sooner = self.0.sooner.notified();
            match wakes {
                None => sooner.await,
                Some(at) => {
                    tokio::select! {
                        () = tokio::time::sleep_until(at.into()) => {}
                        () = sooner => {}
                    }
                }
            }
        }
    }

    /// Grants what may be granted now; when to look again, if anybody waits.
    fn release(&self, by_task: bool) -> Option<Instant> {
        let (granted, next) = {
            let mut state = self.state();
            let (granted, next) = state.shares.release(Instant::now());
            let sooner = match (next, state.wakes) {
                (Some(next), Some(wakes)) => next < wakes,
                (Some(_), None) => true,
                (None, _) => false,
            };
            if by_task {
                state.wakes = next;
            } else if sooner {
                self.0.sooner.notify_one();
            }
            (granted, next)
        };
        self.tell(granted);
        next
    }

    /// Who has gone meanwhile drops the turn, and what it was charged is given back: never while the
    /// state is held.
    fn tell(&self, granted: Vec<(oneshot::Sender<Turn>, Piece)>) {
        for (who, piece) in granted {
            let _ = who.send(self.turn(piece));
        }
    }

    fn turn(&self, piece: Piece) -> Turn {
        Turn { fairness: self.clone(), piece: Some(piece) }
    }

    /// Every change is made in one step, so a poisoned lock guards whole data.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A task grants turns, until this is dropped.
struct Runs<'a>(&'a Fairness);

impl<'a> Runs<'a> {
    fn begin(fairness: &'a Fairness) -> Self {
        fairness.state().runs = true;
        Self(fairness)
    }
}

impl Drop for Runs<'_> {
    fn drop(&mut self) {
        let waiting = {
            let mut state = self.0.state();
            (state.runs, state.wakes) = (false, None);
            state.shares.release_all()
        };
        self.0.tell(waiting);
    }
}

/// Counts what one device takes on one connection.
#[derive(Debug, Clone)]
pub struct Meter {
    fairness: Fairness,
    device: IpAddr,
    ceiling: Arc<Held>,
}

impl Meter {
    /// Ends when it may take a piece more, of the usual size.
    pub async fn turn(&self) -> Turn {
        self.turn_for(None).await
    }

    /// The same for a piece of so many bytes.
    async fn turn_for(&self, bytes: Option<u64>) -> Turn {
        let asked = match self.ask(bytes) {
            Ok(turn) => return turn,
            Err(asked) => asked,
        };
        self.fairness.release(false);
        match asked.await {
            Ok(turn) => turn,
            // Nobody grants turns any more.
            Err(_) => Turn { fairness: self.fairness.clone(), piece: None },
        }
    }

    /// A turn, or a place in the queue.
    fn ask(&self, bytes: Option<u64>) -> Result<Turn, oneshot::Receiver<Turn>> {
        let (under, now) = (self.under(), Instant::now());
        let mut state = self.fairness.state();
        let piece = state.shares.piece(self.device, under, bytes, now);
        if !state.runs {
            state.shares.took(&piece, now);
            return Ok(self.fairness.turn(piece));
        }
        match state.shares.at_once(piece, now) {
            Ok(piece) => Ok(self.fairness.turn(piece)),
            Err(piece) => {
                let (who, asked) = oneshot::channel();
                state.shares.wait(piece, who, now);
                Err(asked)
            }
        }
    }

    /// A turn for so many bytes, if that is now.
    fn at_once(&self, bytes: u64) -> Option<Turn> {
        let (under, now) = (self.under(), Instant::now());
        let mut state = self.fairness.state();
        let piece = state.shares.piece(self.device, under, Some(bytes), now);
        if !state.runs {
            state.shares.took(&piece, now);
            return Some(self.fairness.turn(piece));
        }
        state.shares.at_once(piece, now).ok().map(|piece| self.fairness.turn(piece))
    }

    /// It took these bytes without having asked.
    fn took(&self, bytes: u64) {
        let (under, now) = (self.under(), Instant::now());
        let mut state = self.fairness.state();
        let piece = state.shares.piece(self.device, under, Some(bytes), now);
        state.shares.took(&piece, now);
    }

    fn under(&self) -> Option<Under> {
        let ceiling = self.ceiling.load_full()?;
        let rate = ceiling.most.of(self.fairness.0.link)?.0;
        Some(Under { ceiling, rate })
    }
}

/// A piece that may be taken now. Dropped, it was not.
#[derive(Debug)]
pub struct Turn {
    fairness: Fairness,
    piece: Option<Piece>,
}

impl Turn {
    /// Its bytes.
    pub fn bytes(&self) -> usize {
        let bytes = self.piece.as_ref().map_or(u64::MAX, |piece| piece.bytes);
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// So many were taken.
    pub fn took(mut self, bytes: usize) {
        self.settle(bytes as u64);
    }

    fn settle(&mut self, took: u64) {
        if let Some(piece) = self.piece.take() {
            self.fairness.state().shares.settle(&piece, took, Instant::now());
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.settle(0);
    }
}

#[cfg(test)]
mod tests {
    use std::{task::Poll, time::Duration};

    use futures_util::{FutureExt as _, poll};

    use super::*;

    const DEVICE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

    fn slow() -> Fairness {
        Fairness::new(Some(ByteRate(10_000)), LinkPart::Percent(10))
    }

    fn held(most: LinkPart) -> Arc<Held> {
        let ceiling = Ceiling { profile: "guests".into(), most };
        Arc::new(Held::from_pointee(ceiling))
    }

    #[test]
    fn who_cannot_be_made_to_wait_is_not_counted() {
        let unknown = Fairness::new(None, LinkPart::Percent(10));
        assert!(unknown.meter(DEVICE, Arc::default()).is_none());
        assert!(unknown.meter(DEVICE, held(LinkPart::Rate(ByteRate(1)))).is_some());
        assert!(slow().meter(DEVICE, Arc::default()).is_some());
    }

    #[tokio::test]
    async fn nobody_waits_for_a_task_that_does_not_run() {
        let fairness = slow();
        let meter = fairness.meter(DEVICE, Arc::default()).unwrap();
        for _ in 0..100 {
            let turn = meter.turn().now_or_never().expect("at once");
            let bytes = turn.bytes();
            turn.took(bytes);
        }
        let mut run = Box::pin(fairness.run());
        assert!(poll!(run.as_mut()).is_pending());
        let mut waits = Box::pin(meter.turn());
        assert!(poll!(waits.as_mut()).is_pending(), "there is much to catch up");
        drop(run);
        assert!(matches!(poll!(waits.as_mut()), Poll::Ready(_)));
    }

    #[tokio::test]
    async fn who_waits_is_told_when_there_is_room_and_who_went_is_passed_over() {
        // A piece takes this link eight milliseconds.
        let fairness = Fairness::new(Some(ByteRate(1_000_000)), LinkPart::Percent(0));
        let runs = fairness.clone();
        let task = tokio::spawn(async move { runs.run().await });
        tokio::task::yield_now().await;
        let meter = fairness.meter(DEVICE, Arc::default()).unwrap();
        let begun = Instant::now();
        let mut granted = 0;
        while granted < 30 {
            let given_up = Box::pin(meter.turn());
            let turn = meter.turn();
            // Asked before, and gone before its turn.
            let _ = given_up.now_or_never();
            let turn = turn.await;
            let bytes = turn.bytes();
            turn.took(bytes);
            granted += 1;
        }
        // 30 pieces of 8 KiB are 246 ms, of which the link's own queue holds 50.
        assert!(begun.elapsed() >= Duration::from_millis(150), "{:?}", begun.elapsed());
        task.abort();
    }

    #[tokio::test]
    async fn a_ceiling_that_a_new_verdict_lifts_holds_no_longer() {
        let fairness = Fairness::new(None, LinkPart::Percent(0));
        let runs = fairness.clone();
        let task = tokio::spawn(async move { runs.run().await });
        tokio::task::yield_now().await;
        let ceiling = held(LinkPart::Rate(ByteRate(1)));
        let meter = fairness.meter(DEVICE, ceiling.clone()).unwrap();
        let turn = meter.turn().now_or_never().expect("the first");
        let bytes = turn.bytes();
        turn.took(bytes);
        assert!(meter.turn().now_or_never().is_none(), "hours behind");
        ceiling.store(None);
        assert!(meter.turn().now_or_never().is_some());
        task.abort();
    }
}
