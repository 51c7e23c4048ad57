//! May the clock be trusted? As long as the service that sets it says so, and no step is seen.
//!
//! `adjtimex(2)` would say it of any service, but is barred to the daemon along with what sets the
//! clock (`ProtectClock=` in its unit). systemd-timesyncd touches a file at each synchronisation.

use std::{
    path::PathBuf,
    time::{Duration, Instant, SystemTime},
};

use jiff::Timestamp;

/// timesyncd asks every 34 minutes at the latest (timesyncd.conf(5), `PollIntervalMaxSec=`): a few
/// hours without an answer, and a clock has drifted by less than a second.
const GOOD_FOR: Duration = Duration::from_secs(6 * 3600);
/// The wall clock may leave the steady one by so much between two looks.
const SLACK: Duration = Duration::from_millis(500);

/// Looks at the clock now and then.
#[derive(Debug)]
pub struct Clock {
    /// Touched when the clock is synchronised.
    file: PathBuf,
    last: Option<(Instant, Timestamp)>,
}

/// What was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// It is not synchronised, or was set since the last look.
    pub doubt: bool,
    /// Milliseconds by which it was set since the last look; 0 = it was not.
    pub step: i64,
}

impl Clock {
    pub fn new(file: PathBuf) -> Self {
        Self { file, last: None }
    }

    /// Looks. Blocking.
    pub fn look(&mut self) -> Look {
        let touched = std::fs::metadata(&self.file).and_then(|file| file.modified()).ok();
        let age = touched.map(|touched| SystemTime::now().duration_since(touched).ok());
        self.judge(age.flatten(), Instant::now(), Timestamp::now())
    }

    /// `age` of the last synchronisation; nothing = there was none, or it is in the future.
    fn judge(&mut self, age: Option<Duration>, steady: Instant, now: Timestamp) -> Look {
        let step = self.last.map_or(0, |(then, said)| {
            let passed = i128::try_from(steady.duration_since(then).as_millis()).unwrap_or(0);
            let off = now.duration_since(said).as_millis() - passed;
            let slack = i128::try_from(SLACK.as_millis()).unwrap_or(0);
            if off.abs() > slack { i64::try_from(off).unwrap_or(i64::MAX) } else { 0 }
        });
        self.last = Some((steady, now));
        Look { doubt: step != 0 || age.is_none_or(|age| age > GOOD_FOR), step }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_doubted_until_it_is_synchronised_and_while_it_is_set() {
        let mut clock = Clock::new(PathBuf::new());
        let (begun, noon) = (Instant::now(), "2026-09-01T12:00:00Z".parse::<Timestamp>().unwrap());
        let at = |seconds: u64| begun + Duration::from_secs(seconds);
        let said = |seconds: i64| noon + jiff::SignedDuration::from_secs(seconds);
        let fresh = Some(Duration::from_secs(60));
        assert_eq!(clock.judge(None, at(0), said(0)), Look { doubt: true, step: 0 });
        assert_eq!(clock.judge(fresh, at(1), said(1)), Look { doubt: false, step: 0 });
        assert_eq!(clock.judge(fresh, at(2), said(3602)), Look { doubt: true, step: 3_600_000 });
        assert_eq!(clock.judge(fresh, at(3), said(3603)), Look { doubt: false, step: 0 });
        assert_eq!(clock.judge(fresh, at(4), said(4)), Look { doubt: true, step: -3_600_000 });
        let old = Some(GOOD_FOR + Duration::from_secs(1));
        assert_eq!(clock.judge(old, at(5), said(5)), Look { doubt: true, step: 0 });
    }
}
