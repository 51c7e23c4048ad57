//! Local hours as moments of the one true time.

use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::AmbiguousOffset, tz::TimeZone};

/// The moment at which local clocks first show `local`, or, when they skip it, the moment of the
/// skip. What comes later on the clock never comes earlier in truth, so that hours which follow
/// one another without a gap do so on the two odd days of the year too, and no hour comes twice.
///
/// Moments out of `jiff`'s years are its first or last.
pub(super) fn moment(zone: &TimeZone, local: DateTime) -> Timestamp {
    let ambiguous = zone.to_ambiguous_timestamp(local);
    let far = if local.year() < 0 { Timestamp::MIN } else { Timestamp::MAX };
    match ambiguous.offset() {
        AmbiguousOffset::Gap { .. } => {
            // `later` reads the clock as if it had not been put forward: after the skip.
            let after = ambiguous.later().unwrap_or(far);
            let just_after = after.checked_add(SignedDuration::from_secs(1)).unwrap_or(far);
            let skip = zone.preceding(just_after).next();
            skip.map_or(after, |skip| skip.timestamp())
        }
        _ => ambiguous.earlier().unwrap_or(far),
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    fn paris() -> TimeZone {
        TimeZone::get("Europe/Paris").unwrap()
    }

    fn at(day: (i16, i8, i8), hour: i8, minute: i8) -> String {
        moment(&paris(), date(day.0, day.1, day.2).at(hour, minute, 0, 0)).to_string()
    }

    #[test]
    fn a_skipped_hour_is_the_moment_of_the_skip() {
        let spring = (2027, 3, 28);
        assert_eq!(at(spring, 1, 59), "2027-03-28T00:59:00Z");
        for (hour, minute) in [(2, 0), (2, 1), (2, 30), (2, 59), (3, 0)] {
            assert_eq!(at(spring, hour, minute), "2027-03-28T01:00:00Z", "{hour}:{minute}");
        }
        assert_eq!(at(spring, 3, 1), "2027-03-28T01:01:00Z");
    }

    #[test]
    fn a_repeated_hour_is_its_first_coming() {
        let autumn = (2026, 10, 25);
        assert_eq!(at(autumn, 2, 0), "2026-10-25T00:00:00Z");
        assert_eq!(at(autumn, 2, 59), "2026-10-25T00:59:00Z");
        assert_eq!(at(autumn, 3, 0), "2026-10-25T02:00:00Z");
    }

    proptest! {
        #[test]
        fn what_is_later_on_the_clock_is_not_earlier_in_truth(
            minute in 0..2_000_000_i64,
            more in 0..200_i64,
        ) {
            let start = date(2025, 1, 1).at(0, 0, 0, 0);
            let local = start + SignedDuration::from_mins(minute);
            let later = local + SignedDuration::from_mins(more);
            prop_assert!(moment(&paris(), local) <= moment(&paris(), later));
        }
    }
}
