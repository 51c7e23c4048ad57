//! When the next attempt is due. Pure.

use std::time::Duration;

use jiff::Timestamp;

/// Wait after a first failure; doubled after each further one.
const FIRST_WAIT: Duration = Duration::from_secs(60);
/// Longest wait. Authorities bound attempts an hour; a certificate has a third of its life left.
const LONGEST_WAIT: Duration = Duration::from_secs(6 * 3600);
/// Boxes of one region that started together renew apart: up to this share of a life earlier.
const SPREAD: f64 = 0.05;

/// How long to wait before asking, with a certificate valid from and until then, so many failures
/// in a row, and a roll of the dice in 0..1.
pub(super) fn wait(
    validity: Option<(Timestamp, Timestamp)>,
    failures: u32,
    now: Timestamp,
    roll: f64,
) -> Duration {
    if failures > 0 {
        let doubled = FIRST_WAIT.saturating_mul(1 << (failures - 1).min(16)).min(LONGEST_WAIT);
        return doubled.mul_f64(1.0 - roll.clamp(0.0, 1.0) / 2.0);
    }
    let Some((begins, ends)) = validity else { return Duration::ZERO };
    let life = Duration::try_from(ends.duration_since(begins)).unwrap_or_default();
    let after = life.mul_f64(2.0 / 3.0 - SPREAD * roll.clamp(0.0, 1.0));
    let lived = now.duration_since(begins);
    match Duration::try_from(lived) {
        Ok(lived) => after.saturating_sub(lived),
        // It begins in the future: the clock is wrong, here or there. A new one may help.
        Err(_) => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_certificate_is_renewed_at_two_thirds_of_its_life() {
        let validity = Some((at(1000), at(4000)));
        let seconds = |now, roll| wait(validity, 0, at(now), roll).as_secs();
        assert_eq!(seconds(1000, 0.0), 2000);
        assert_eq!(seconds(2500, 0.0), 500);
        assert_eq!(seconds(1000, 1.0), 1850, "a little earlier, by chance");
        assert_eq!((seconds(3000, 0.0), seconds(9000, 0.5)), (0, 0));
        assert_eq!(seconds(0, 0.0), 0, "a certificate of tomorrow helps nobody");
        assert_eq!(wait(None, 0, at(0), 0.3), Duration::ZERO);
    }

    #[test]
    fn failures_wait_longer_each_time_up_to_six_hours() {
        let wait = |failures| wait(None, failures, at(0), 0.0);
        let minutes: Vec<_> = (1..=10).map(|n| wait(n).as_secs() / 60).collect();
        assert_eq!(minutes, [1, 2, 4, 8, 16, 32, 64, 128, 256, 360]);
        assert_eq!(wait(u32::MAX), LONGEST_WAIT);
        let lucky = super::wait(None, 1, at(0), 1.0);
        assert_eq!(lucky, FIRST_WAIT / 2, "boxes do not come back all at once");
    }
}
