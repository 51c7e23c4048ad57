//! What time it is, when the clock may lie. A box without a battery starts in 1970; a wrong time
//! server sends it to 2038.
//!
//! A jump is believed after the clock ran so for a day. Until then, a clock that went back is not
//! followed (nothing lasts longer for it), and one that went forward destroys nothing.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};

use super::lock;

/// A clock corrected by less than this is followed at once.
const SLACK: SignedDuration = SignedDuration::from_mins(5);
/// A longer step forward between two looks is a jump.
const LONGEST_STEP: SignedDuration = SignedDuration::from_hours(48);
/// How long a clock must run on after a jump to be believed.
const BELIEVED_AFTER: Duration = Duration::from_hours(24);

/// The latest moment believed, and how long the clock has disagreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    settled: Timestamp,
    disagreed: Duration,
}

/// Pure: the state after `elapsed`, when the clock says `now`.
fn step(state: State, now: Timestamp, elapsed: Duration) -> State {
    let passed = SignedDuration::try_from(elapsed).unwrap_or_default();
    let expected = state.settled.checked_add(passed).unwrap_or(state.settled);
    let off = now.duration_since(expected);
    if (-SLACK..=LONGEST_STEP).contains(&off) {
        return State { settled: now, disagreed: Duration::ZERO };
    }
    let disagreed = state.disagreed + elapsed;
    if disagreed >= BELIEVED_AFTER {
        return State { settled: now, disagreed: Duration::ZERO };
    }
    State { settled: expected, disagreed }
}

/// The room's clock.
#[derive(Debug)]
pub(super) struct Clock {
    state: Mutex<(State, Option<Instant>)>,
}

impl Clock {
    /// `latest` is what was believed when the box last ran.
    pub(super) fn new(latest: Option<Timestamp>, now: Timestamp) -> Self {
        let state = State { settled: latest.unwrap_or(now), disagreed: Duration::ZERO };
        Self { state: Mutex::new((state, None)) }
    }

    /// A look at the clock, once a minute. Returns the moment believed.
    pub(super) fn look(&self, now: Timestamp, at: Instant) -> Timestamp {
        let mut state = lock(&self.state);
        let elapsed = state.1.map_or(Duration::ZERO, |before| at.saturating_duration_since(before));
        *state = (step(state.0, now, elapsed), Some(at));
        state.0.settled
    }

    /// The moment to judge by: the clock's, unless it went back.
    pub(super) fn judged(&self, now: Timestamp) -> Timestamp {
        let settled = lock(&self.state).0.settled;
        if settled.duration_since(now) > SLACK { settled } else { now }
    }

    /// The moment to drop kept data by: never later than was believed.
    pub(super) fn settled(&self) -> Timestamp {
        lock(&self.state).0.settled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const DAY: i64 = 86_400;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Runs for `minutes` with a clock that is `off` seconds wrong.
    fn run(mut state: State, from: i64, minutes: i64, off: i64) -> State {
        for minute in 1..=minutes {
            state = step(state, at(from + minute * 60 + off), MINUTE);
        }
        state
    }

    #[test]
    fn a_clock_that_goes_back_is_not_followed_for_a_day() {
        let start = State { settled: at(100 * DAY), disagreed: Duration::ZERO };
        let hour = run(start, 100 * DAY, 60, -90 * DAY);
        assert_eq!(hour.settled, at(100 * DAY + 3600), "time goes on as if nothing was");
        let day = run(start, 100 * DAY, 24 * 60, -90 * DAY);
        assert_eq!(day.settled, at(11 * DAY), "then the clock is believed");
    }

    #[test]
    fn a_clock_that_goes_far_forward_makes_nothing_old_for_a_day() {
        let start = State { settled: at(100 * DAY), disagreed: Duration::ZERO };
        let hour = run(start, 100 * DAY, 60, 4000 * DAY);
        assert_eq!(hour.settled, at(100 * DAY + 3600));
        let back = run(hour, 100 * DAY + 3600, 1, 0);
        assert_eq!((back.settled, back.disagreed), (at(100 * DAY + 3660), Duration::ZERO));
    }

    #[test]
    fn a_night_switched_off_and_a_clock_put_right_are_no_jumps() {
        let clock = Clock::new(Some(at(DAY)), at(DAY + 14 * 3600));
        assert_eq!(clock.look(at(DAY + 14 * 3600), Instant::now()), at(DAY + 14 * 3600));
        assert_eq!(clock.judged(at(DAY + 14 * 3600 - 200)), at(DAY + 14 * 3600 - 200));
        assert_eq!(clock.judged(at(0)), at(DAY + 14 * 3600), "1970 is not followed");
    }
}
