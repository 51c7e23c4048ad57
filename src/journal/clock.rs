//! May the clock be trusted? As long as the service that sets it says so, and no step is seen.
//!
//! `adjtimex(2)` would say it of any service, but is barred to the daemon along with what sets the
//! clock (`ProtectClock=` in its unit). systemd-timesyncd touches a file at each synchronisation; for
//! other services `preau-clock.timer` does, outside the daemon, as long as the kernel says that it is
//! synchronised.

use std::{
    fmt, fs,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;

/// timesyncd asks every 34 minutes at the latest (timesyncd.conf(5), `PollIntervalMaxSec=`): a few
/// hours without an answer, and a clock has drifted by less than a second.
const GOOD_FOR: Duration = Duration::from_secs(6 * 3600);
/// The wall clock may leave the steady one by so much between two looks.
const SLACK: Duration = Duration::from_millis(500);

/// What the machine's clocks say, at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// By the clock that nobody sets, since any moment.
    pub steady: Duration,
    /// By the clock that is set.
    pub now: Timestamp,
    /// When the latter was last synchronised, as it said itself; nothing: not since the machine
    /// started.
    pub synchronised: Option<Timestamp>,
}

impl Reading {
    /// Time since the steady clock said that.
    pub fn since(&self, steady: Duration) -> Duration {
        self.steady.saturating_sub(steady)
    }
}

/// The machine's clocks. Cheap to clone.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Reading + Send + Sync>);

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

impl Clock {
    /// That is read by this. Blocking.
    pub fn new(read: impl Fn() -> Reading + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// The system's, whose synchronisations touch a file.
    pub fn of_system(file: PathBuf) -> Self {
        let begun = Instant::now();
        Self::new(move || {
            let touched = fs::metadata(&file).and_then(|file| file.modified()).ok();
            Reading {
                steady: begun.elapsed(),
                now: Timestamp::now(),
                synchronised: touched.and_then(|touched| Timestamp::try_from(touched).ok()),
            }
        })
    }

    /// What they say now. Blocking.
    pub fn read(&self) -> Reading {
        (self.0)()
    }
}

/// Looks at the clocks now and then.
#[derive(Debug, Default)]
pub struct Watch {
    first: Option<Reading>,
    last: Option<Reading>,
    set: Option<Set>,
    /// A synchronisation was seen since the beginning.
    settled: bool,
}

/// The clock was set by somebody, and this was its last synchronisation then: another must come.
pub type Set = Option<Timestamp>;

/// What was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// It is not synchronised, or was set and not synchronised since.
    pub doubt: bool,
    /// May something be removed by it? Not in doubt, nor before a synchronisation was seen: the
    /// clock may have been set while nobody looked.
    pub settled: bool,
    /// Milliseconds by which it was set since the last look; 0 = it was not.
    pub step: i64,
}

impl Watch {
    /// Goes on where another ended.
    pub fn resume(set: Option<Set>) -> Self {
        Self { set, ..Self::default() }
    }

    /// Why it is in doubt, if it was set.
    pub fn set(&self) -> Option<Set> {
        self.set
    }

    /// What this reading means after those before it.
    pub fn look(&mut self, reading: Reading) -> Look {
        let last = self.last.replace(reading);
        let first = *self.first.get_or_insert(reading);
        let passed = last.map_or(Duration::ZERO, |last| reading.since(last.steady));
        let step = last.map_or(0, |last| step(last.now, reading.now, passed));
        let age = reading.synchronised.map(|at| reading.now.duration_since(at));
        // Nothing: it is in the future.
        let age = age.and_then(|age| Duration::try_from(age).ok());
        if step != 0 {
            // Synchronised since the last look by the clock as it is now: that was what set it.
            let by_service = age.is_some_and(|age| age <= passed);
            self.set = (!by_service).then_some(reading.synchronised);
        } else if self.set.is_some_and(|then| then != reading.synchronised) {
            self.set = None;
        }
        let doubt = step != 0 || self.set.is_some() || age.is_none_or(|age| age > GOOD_FOR);
        self.settled |= reading.synchronised != first.synchronised;
        Look { doubt, settled: !doubt && self.settled, step }
    }
}

/// Milliseconds by which the clock that is set left the steady one; 0 where that is little.
fn step(then: Timestamp, now: Timestamp, passed: Duration) -> i64 {
    let off =
        now.duration_since(then).as_millis() - i128::try_from(passed.as_millis()).unwrap_or(0);
    let slack = i128::try_from(SLACK.as_millis()).unwrap_or(0);
    if off.abs() > slack { i64::try_from(off).unwrap_or(i64::MAX) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> Timestamp {
        "2026-09-01T12:00:00Z".parse().unwrap()
    }

    /// Seconds by the steady clock, by the other after noon, and at which the latter was synchronised.
    fn reading(steady: u64, now: i64, synchronised: Option<i64>) -> Reading {
        let after = |seconds: i64| noon() + jiff::SignedDuration::from_secs(seconds);
        let synchronised = synchronised.map(after);
        Reading { steady: Duration::from_secs(steady), now: after(now), synchronised }
    }

    fn doubts(readings: &[(u64, i64, Option<i64>)]) -> Vec<(bool, i64)> {
        let mut watch = Watch::default();
        let look = |&(steady, now, at): &_| watch.look(reading(steady, now, at));
        readings.iter().map(look).map(|look| (look.doubt, look.step / 1000)).collect()
    }

    #[test]
    fn a_clock_is_doubted_until_it_is_synchronised_and_when_that_is_long_ago() {
        let hours = 6 * 3600;
        let readings =
            [(0, 0, None), (1, 1, Some(1)), (2, 2, Some(1)), (3 + hours, 3 + 6 * 3600, Some(1))];
        assert_eq!(doubts(&readings), [(true, 0), (false, 0), (false, 0), (true, 0)]);
    }

    #[test]
    fn the_service_itself_may_set_it() {
        // At the start of a machine whose own clock had stopped, and back by an hour.
        let readings = [(0, 0, None), (1, 3601, Some(3601)), (2, 3602, Some(3601))];
        assert_eq!(doubts(&readings), [(true, 0), (true, 3600), (false, 0)]);
        let readings = [(0, 3600, Some(3000)), (1, 1, Some(1)), (2, 2, Some(1))];
        assert_eq!(doubts(&readings), [(false, 0), (true, -3600), (false, 0)]);
    }

    #[test]
    fn set_by_another_it_is_doubted_until_the_service_has_seen_to_it() {
        // An hour ahead: the last synchronisation is not old, and tells nothing.
        let ahead = [(0, 0, Some(-60)), (1, 3601, Some(-60)), (2, 3602, Some(-60))];
        assert_eq!(doubts(&ahead), [(false, 0), (true, 3600), (true, 0)]);
        // A minute back, until long after the moment at which it had been synchronised.
        let back =
            [(0, 0, Some(-5)), (1, -59, Some(-5)), (400, 340, Some(-5)), (401, 341, Some(341))];
        assert_eq!(doubts(&back), [(false, 0), (true, -60), (true, 0), (false, 0)]);
        // Put right by the service, which is a step as well.
        let right = [(0, 0, Some(-60)), (1, 3601, Some(-60)), (2, 2, Some(2)), (3, 3, Some(2))];
        assert_eq!(doubts(&right), [(false, 0), (true, 3600), (true, -3600), (false, 0)]);
    }

    #[test]
    fn a_restart_makes_no_clock_sure_that_was_set() {
        let mut watch = Watch::default();
        watch.look(reading(0, 0, Some(-60)));
        watch.look(reading(1, 3601, Some(-60)));
        let mut watch = Watch::resume(watch.set());
        assert!(watch.look(reading(2, 3602, Some(-60))).doubt);
        assert!(!watch.look(reading(3, 3603, Some(3603))).doubt);
        assert_eq!(watch.set(), None);
    }

    #[test]
    fn nothing_is_removed_by_a_clock_that_may_have_been_set_while_nobody_looked() {
        let mut watch = Watch::default();
        let mut settled = |steady, now, at| watch.look(reading(steady, now, Some(at))).settled;
        assert!(!settled(0, 0, -60) && !settled(1, 1, -60));
        assert!(settled(60, 60, 59) && settled(61, 61, 59));
        assert!(!settled(62, 3662, 59), "nor by one that was set");
    }
}
