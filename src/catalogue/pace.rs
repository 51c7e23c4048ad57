//! When sources are asked again. Pure.

use std::time::Duration;

/// Time between two refreshes when the configuration does not say.
pub(super) const USUAL: Duration = Duration::from_hours(6);
/// First wait after a failure; doubles each time.
const FIRST_RETRY: Duration = Duration::from_mins(1);

/// What to do next, and after how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Ask every source.
    All(Duration),
    /// Ask those that failed.
    Failed(Duration),
}

/// After `retries` rounds for the failed ones since the last whole round, `since` ago.
pub(super) fn next(failing: bool, retries: u32, period: Duration, since: Duration) -> Next {
    let left = period.saturating_sub(since);
    let retry = FIRST_RETRY.saturating_mul(2_u32.saturating_pow(retries.min(20)));
    if failing && retry < left { Next::Failed(retry) } else { Next::All(left) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    #[test]
    fn all_is_well_until_the_next_period() {
        assert_eq!(next(false, 0, USUAL, HOUR), Next::All(5 * HOUR));
        assert_eq!(next(false, 9, USUAL, 7 * HOUR), Next::All(Duration::ZERO));
    }

    #[test]
    fn a_failure_is_tried_again_soon_then_less_and_less() {
        let waits: Vec<_> = (0..12).map(|tries| next(true, tries, USUAL, Duration::ZERO)).collect();
        assert_eq!(waits[0], Next::Failed(Duration::from_mins(1)));
        assert_eq!(waits[3], Next::Failed(Duration::from_mins(8)));
        assert_eq!(waits[11], Next::All(USUAL));
        assert_eq!(next(true, u32::MAX, USUAL, Duration::ZERO), Next::All(USUAL));
    }
}
