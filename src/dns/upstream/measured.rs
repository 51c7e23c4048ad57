//! How quick each resolver was, and which is asked next. Pure: the moment and the dice are passed
//! in.

use std::time::{Duration, Instant};

/// Of a resolver that was not asked yet.
const UNKNOWN: Duration = Duration::from_millis(100);
/// Of a resolver that does not answer: far behind all that do.
const AWAY: Duration = Duration::from_secs(10);
/// Failures one after the other before a resolver counts as away.
const FAILURES: u32 = 3;
/// One that is away is tried as any other after this: it may be back.
const FORGIVEN_AFTER: Duration = Duration::from_secs(10);
/// The next is asked beside it no sooner and no later than this.
const HEDGE: (Duration, Duration) = (Duration::from_millis(30), Duration::from_millis(800));
/// In so many questions, one goes first to another than the quickest: how quick is it today?
const EXPLORED: u32 = 32;

/// What is known of one resolver.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Measured {
    /// Smoothed time of an answer and its deviation (RFC 6298 §2, as for TCP).
    times: Option<(Duration, Duration)>,
    /// Since its last answer.
    failures: u32,
    failed_at: Option<Instant>,
}

impl Measured {
    /// It answered after this time.
    pub fn answered(&mut self, took: Duration) {
        self.times = Some(match self.times {
            None => (took, took / 2),
            Some((smooth, deviation)) => {
                ((smooth * 7 + took) / 8, (deviation * 3 + smooth.abs_diff(took)) / 4)
            }
        });
        (self.failures, self.failed_at) = (0, None);
    }

    /// It had not answered yet when another was asked in its place.
    pub fn outrun(&mut self, after: Duration) {
        if self.times.is_none_or(|(smooth, _)| smooth < after) {
            let deviation = self.times.map_or(after / 2, |(_, deviation)| deviation);
            let smooth = self.times.map_or(after, |(smooth, _)| (smooth * 7 + after) / 8);
            self.times = Some((smooth, deviation));
        }
    }

    /// It did not answer.
    pub fn failed(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        self.failed_at = Some(now);
    }

    /// Is it away, as far as is known?
    pub fn is_away(&self) -> bool {
        self.failures >= FAILURES
    }

    fn cost(&self, now: Instant) -> Duration {
        let since = self.failed_at.map(|at| now.saturating_duration_since(at));
        let forgiven = since.is_some_and(|since| since > FORGIVEN_AFTER);
        if self.failures > 0 && !forgiven {
            return AWAY * self.failures.min(FAILURES);
        }
        self.times.map_or(UNKNOWN, |(smooth, _)| smooth)
    }

    /// After this without an answer, the next is asked beside it.
    pub fn hedge(&self) -> Duration {
        let expected = self.times.map_or(UNKNOWN * 4, |(smooth, deviation)| smooth + deviation * 4);
        expected.clamp(HEDGE.0, HEDGE.1)
    }
}

/// The resolvers by number, the quickest first; now and then, as `dice` falls, another.
pub fn order(all: &[Measured], now: Instant, dice: u32) -> Vec<usize> {
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by_key(|index| all.get(*index).map(|one| one.cost(now)));
    let others = u32::try_from(all.len().saturating_sub(1)).unwrap_or(0);
    if others > 0 && dice.is_multiple_of(EXPLORED) {
        let which = 1 + usize::try_from(dice / EXPLORED % others).unwrap_or(0);
        let away = order.get(which).and_then(|index| all.get(*index)).is_none_or(Measured::is_away);
        if !away {
            order.swap(0, which);
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn quick(times: u32) -> Measured {
        let mut one = Measured::default();
        one.answered(MS * times);
        one
    }

    #[test]
    fn the_quickest_is_asked_first_and_one_that_fails_last_until_it_is_forgiven() {
        let now = Instant::now();
        let mut all = [quick(80), quick(20), Measured::default()];
        assert_eq!(order(&all, now, 1), [1, 0, 2]);
        all[1].failed(now);
        assert_eq!(order(&all, now, 1), [0, 2, 1]);
        assert_eq!(order(&all, now + FORGIVEN_AFTER + MS, 1), [1, 0, 2]);
        all[1].answered(MS * 20);
        assert_eq!(order(&all, now, 1), [1, 0, 2]);
    }

    #[test]
    fn now_and_then_another_is_asked_first_but_none_that_is_away() {
        let now = Instant::now();
        let mut all = [quick(20), quick(80), quick(90)];
        let firsts = |all: &[Measured]| {
            let count = |of| (0..320).filter(|dice| order(all, now, *dice)[0] == of).count();
            [count(0), count(1), count(2)]
        };
        assert_eq!(firsts(&all), [310, 5, 5]);
        (0..FAILURES).for_each(|_| all[2].failed(now));
        assert_eq!(firsts(&all), [315, 5, 0]);
        assert_eq!(order(&[quick(1)], now, 0), [0]);
    }

    #[test]
    fn the_wait_for_a_second_follows_what_was_measured() {
        let mut one = quick(20);
        assert_eq!(one.hedge(), MS * 60);
        (0..50).for_each(|_| one.answered(MS * 20));
        assert!(one.hedge() == HEDGE.0, "{:?}", one.hedge());
        one.answered(MS * 500);
        assert!(one.hedge() > MS * 400 && one.hedge() <= HEDGE.1);
        assert_eq!(Measured::default().hedge(), MS * 400);
        let mut outrun = quick(20);
        outrun.outrun(MS * 300);
        assert!(outrun.cost(Instant::now()) > MS * 50);
    }
}
