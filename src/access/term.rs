//! Until when a device pass is good. Pure.

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};

/// No pass is good for longer, whatever the region sets: this bounds how long keys and
/// revocations are kept.
pub(super) const LONGEST_PASS: SignedDuration = SignedDuration::from_hours(400 * 24);
/// A pass made this shortly before the end of a term is good for the next one.
const SHORTEST_PASS: SignedDuration = SignedDuration::from_hours(14 * 24);
/// First days after the terms: of autumn, of winter, and of spring with the summer, in which the
/// year's licences still run.
const AFTER_TERMS: [(i8, i8); 3] = [(1, 1), (4, 1), (9, 1)];

/// First moment at which a pass made now no longer counts: the region's last day is its last, or
/// the term's end.
pub(super) fn pass_until(last_day: Option<Date>, now: Timestamp, zone: &TimeZone) -> Timestamp {
    let longest = now.checked_add(LONGEST_PASS).unwrap_or(now);
    let until = match last_day {
        Some(day) => day.tomorrow().ok().and_then(|day| start(day, zone)),
        None => end_of_term(now, zone),
    };
    until.unwrap_or(longest).min(longest)
}

fn end_of_term(now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let earliest = now.checked_add(SHORTEST_PASS).ok()?;
    let year = zone.to_datetime(now).year();
    (year..=year.saturating_add(1))
        .flat_map(|year| AFTER_TERMS.map(|(month, day)| Date::new(year, month, day)))
        .filter_map(|day| start(day.ok()?, zone))
        .find(|end| *end >= earliest)
}

fn start(day: Date, zone: &TimeZone) -> Option<Timestamp> {
    zone.to_timestamp(day.at(0, 0, 0, 0)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn until(now: &str, last_day: Option<&str>) -> String {
        let zone = TimeZone::get("Europe/Paris").unwrap();
        let last_day = last_day.map(|day| day.parse().unwrap());
        pass_until(last_day, now.parse().unwrap(), &zone).to_string()
    }

    #[test]
    fn a_pass_is_good_to_the_end_of_its_term() {
        for (now, end) in [
            ("2026-09-01T06:00:00Z", "2026-12-31T23:00:00Z"),
            ("2026-11-25T06:00:00Z", "2026-12-31T23:00:00Z"),
            ("2026-12-20T06:00:00Z", "2027-03-31T22:00:00Z"),
            ("2027-02-01T06:00:00Z", "2027-03-31T22:00:00Z"),
            ("2027-05-01T06:00:00Z", "2027-08-31T22:00:00Z"),
        ] {
            assert_eq!(until(now, None), end, "{now}");
        }
    }

    #[test]
    fn the_regions_last_day_counts_whole_and_never_for_longer_than_400_days() {
        let now = "2026-11-25T06:00:00Z";
        assert_eq!(until(now, Some("2027-07-03")), "2027-07-03T22:00:00Z");
        assert_eq!(until(now, Some("2026-01-01")), "2026-01-01T23:00:00Z", "over already");
        assert_eq!(until(now, Some("2099-01-01")), "2027-12-30T06:00:00Z");
    }
}
