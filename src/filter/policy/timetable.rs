//! Which named period holds at a moment, and when the next one begins. Pure.

use jiff::{Timestamp, civil::Date, tz::TimeZone};

use super::zone::moment;
use crate::config::{
    TimeWindow,
    filter::{Days, Merged, NamedPeriod},
};

/// Days looked through for the next change: nothing a school plans is farther away.
const MAX_DAYS_AHEAD: usize = 400;

/// A period by its place in the policy; the one after the last is "no period".
pub(super) type PeriodIndex = usize;

/// From a moment to another, in one period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) period: PeriodIndex,
}

/// A school's hours: named periods on school days, in holidays, or on all days.
///
/// Hours are local. Those over midnight belong to the day they start on, and the first period of
/// the policy that holds is the one that counts.
#[derive(Debug, Clone)]
pub struct Timetable {
    zone: TimeZone,
    periods: Vec<NamedPeriod>,
    /// First and last days, by the first.
    holidays: Vec<(Date, Date)>,
    school_days: Vec<Date>,
}

impl Timetable {
    /// The hours of a policy.
    pub fn of(policy: &Merged, zone: TimeZone) -> Self {
        let mut holidays = policy.holidays.clone();
        holidays.sort_unstable();
        Self {
            zone,
            periods: policy.periods.clone(),
            holidays,
            school_days: policy.school_days.clone(),
        }
    }

    /// The name of the period at a moment, if there is one.
    pub fn period(&self, at: Timestamp) -> Option<&str> {
        self.name(self.index_at(at))
    }

    /// The first moment after `at` with another period (or none), within 400 days.
    pub fn next_change(&self, at: Timestamp) -> Option<Timestamp> {
        let now = self.index_at(at);
        let mut day = self.zone.to_datetime(at).date().yesterday().ok()?;
        for _ in 0..MAX_DAYS_AHEAD {
            let (next, after) = (day.tomorrow().ok()?, day.tomorrow().ok()?.tomorrow().ok()?);
            let mut bounds = self.bounds_of(day);
            bounds.extend(self.bounds_of(next));
            bounds.sort_unstable();
            // Hours of the day after these two may begin before those of these two end.
            let known = moment(&self.zone, after.at(0, 0, 0, 0));
            let changes = |then: &Timestamp| *then > at && self.index_at(*then) != now;
            let change = bounds.into_iter().take_while(|then| *then < known).find(changes);
            if change.is_some() {
                return change;
            }
            day = next;
        }
        None
    }

    /// Are there classes on this day, by the calendar?
    pub fn is_school_day(&self, day: Date) -> bool {
        let in_holidays = self.holidays.iter().take_while(|(from, _)| *from <= day);
        self.school_days.contains(&day) || !in_holidays.into_iter().any(|(_, to)| day <= *to)
    }

    /// What the school's clocks show.
    pub fn local(&self, at: Timestamp) -> jiff::civil::DateTime {
        self.zone.to_datetime(at)
    }

    pub(super) fn name(&self, period: PeriodIndex) -> Option<&str> {
        self.periods.get(period).map(|period| period.name.as_str())
    }

    pub(super) fn index_at(&self, at: Timestamp) -> PeriodIndex {
        let today = self.zone.to_datetime(at).date();
        let days = [today.yesterday().ok(), Some(today)];
        let holds = |period: &NamedPeriod| {
            days.iter().flatten().any(|day| {
                let mut spans = self.moments(period, *day);
                spans.any(|(from, to)| from <= at && at < to)
            })
        };
        self.periods.iter().position(holds).unwrap_or(self.periods.len())
    }

    /// The periods from the day before `from` for a number of days, one after the other.
    pub(super) fn agenda(&self, from: Timestamp, days: usize) -> Vec<Span> {
        let mut bounds = Vec::new();
        let mut day = self.zone.to_datetime(from).date().yesterday().unwrap_or(Date::MIN);
        let start = moment(&self.zone, day.at(0, 0, 0, 0));
        for _ in 0..=days {
            bounds.extend(self.bounds_of(day));
            day = day.tomorrow().unwrap_or(Date::MAX);
        }
        let end = moment(&self.zone, day.at(0, 0, 0, 0));
        bounds.extend([start, end]);
        bounds.retain(|bound| (start..=end).contains(bound));
        bounds.sort_unstable();
        bounds.dedup();
        let mut spans: Vec<Span> = Vec::new();
        for pair in bounds.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            let period = self.index_at(from);
            match spans.last_mut() {
                Some(last) if last.period == period => last.to = to,
                _ => spans.push(Span { from, to, period }),
            }
        }
        spans
    }

    /// Where the hours that start on a day begin and end.
    fn bounds_of(&self, day: Date) -> Vec<Timestamp> {
        let spans = self.periods.iter().flat_map(|period| self.moments(period, day));
        spans.flat_map(|(from, to)| [from, to]).collect()
    }

    /// The hours of a period that start on a day.
    fn moments<'a>(
        &'a self,
        period: &'a NamedPeriod,
        day: Date,
    ) -> impl Iterator<Item = (Timestamp, Timestamp)> + 'a {
        let starts = match period.days {
            Days::All => true,
            Days::School => self.is_school_day(day),
            Days::Holidays => !self.is_school_day(day),
        };
        let weekday = usize::try_from(day.weekday().to_monday_zero_offset()).unwrap_or(0);
        let hours = period.hours.iter().filter(move |window| starts && window.days[weekday]);
        hours.map(move |window| {
            let last = if window.from < window.to { day } else { next(day) };
            let TimeWindow { from, to, .. } = window;
            (moment(&self.zone, day.to_datetime(*from)), moment(&self.zone, last.to_datetime(*to)))
        })
    }
}

fn next(day: Date) -> Date {
    day.tomorrow().unwrap_or(day)
}

/// Where a moment is among spans that follow one another.
pub(super) fn place(spans: &[Span], at: Timestamp) -> Option<usize> {
    let after = spans.partition_point(|span| span.from <= at);
    let index = after.checked_sub(1)?;
    spans.get(index).filter(|span| at < span.to).map(|_| index)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use proptest::prelude::*;

    use super::*;

    fn period(name: &str, days: Days, hours: &[&str]) -> NamedPeriod {
        let hours = hours.iter().map(|text| text.parse().unwrap()).collect();
        NamedPeriod { name: name.into(), hours, days, locked: false }
    }

    fn school() -> Timetable {
        let day = |text: &str| text.parse::<Date>().unwrap();
        let policy = Merged {
            periods: vec![
                period("pause", Days::School, &["lun-ven 10:00-10:15", "lun-ven 12:00-13:00"]),
                period("cours", Days::School, &["lun-ven 08:00-17:00", "sam 08:00-12:00"]),
                period("nuit", Days::All, &["22:00-06:00"]),
                period("vacances", Days::Holidays, &["00:00-24:00"]),
            ],
            holidays: vec![
                (day("2026-12-19"), day("2027-01-03")),
                (day("2026-11-11"), day("2026-11-11")),
            ],
            school_days: vec![day("2027-01-02")],
            ..Merged::default()
        };
        Timetable::of(&policy, TimeZone::get("Europe/Paris").unwrap())
    }

    fn at(text: &str) -> Timestamp {
        let zone = TimeZone::get("Europe/Paris").unwrap();
        zone.to_timestamp(text.parse::<jiff::civil::DateTime>().unwrap()).unwrap()
    }

    #[test]
    fn the_first_period_that_holds_counts() {
        for (moment, period) in [
            ("2026-11-26T07:59", None),
            ("2026-11-26T08:00", Some("cours")),
            ("2026-11-26T10:00", Some("pause")),
            ("2026-11-26T10:15", Some("cours")),
            ("2026-11-26T16:59:59", Some("cours")),
            ("2026-11-26T17:00", None),
            ("2026-11-26T22:00", Some("nuit")),
            ("2026-11-27T05:59", Some("nuit")),
            ("2026-11-27T06:00", None),
            ("2026-11-28T09:00", Some("cours")),
            ("2026-11-29T09:00", None),
        ] {
            assert_eq!(school().period(at(moment)), period, "{moment}");
        }
    }

    #[test]
    fn holidays_and_their_exceptions_are_days_of_their_own() {
        for (moment, period) in [
            ("2026-11-11T10:30", Some("vacances")),
            ("2026-12-18T10:30", Some("cours")),
            ("2026-12-19T10:30", Some("vacances")),
            // The night of the year's end is a night, and so is every other one.
            ("2026-12-31T23:30", Some("nuit")),
            ("2027-01-01T00:30", Some("nuit")),
            ("2027-01-01T10:30", Some("vacances")),
            ("2027-01-02T09:00", Some("cours")),
            ("2027-01-04T10:05", Some("pause")),
        ] {
            assert_eq!(school().period(at(moment)), period, "{moment}");
        }
    }

    #[test]
    fn the_next_change_is_told_over_nights_and_holidays() {
        for (moment, next) in [
            ("2026-11-26T08:00", "2026-11-26T10:00"),
            ("2026-11-26T23:00", "2026-11-27T06:00"),
            ("2026-12-18T16:30", "2026-12-18T17:00"),
            ("2026-12-18T23:00", "2026-12-19T06:00"),
            ("2026-12-31T12:00", "2026-12-31T22:00"),
        ] {
            assert_eq!(school().next_change(at(moment)), Some(at(next)), "{moment}");
        }
        let never = Timetable::of(&Merged::default(), TimeZone::UTC);
        assert_eq!(never.next_change(at("2026-11-26T08:00")), None);
    }

    #[test]
    fn a_lesson_in_the_repeated_hour_is_given_once() {
        let policy = Merged {
            periods: vec![period("garde", Days::All, &["01:30-02:30"])],
            ..Merged::default()
        };
        let timetable = Timetable::of(&policy, TimeZone::get("Europe/Paris").unwrap());
        let utc = |text: &str| text.parse::<Timestamp>().unwrap();
        // 25 October 2026: 03:00 summer time is 02:00 winter time, so 02:30 comes twice.
        assert_eq!(timetable.period(utc("2026-10-25T00:29:59Z")), Some("garde"));
        assert_eq!(timetable.period(utc("2026-10-25T00:30:00Z")), None);
        assert_eq!(timetable.period(utc("2026-10-25T01:15:00Z")), None, "02:15 again");
        let change = timetable.next_change(utc("2026-10-25T00:30:00Z"));
        assert_eq!(change, Some(utc("2026-10-26T00:30:00Z")));
        // 28 March 2027: 02:00 is 03:00 at once, and the lesson half as long.
        assert_eq!(timetable.period(utc("2027-03-28T00:59:59Z")), Some("garde"));
        assert_eq!(timetable.period(utc("2027-03-28T01:00:00Z")), None);
    }

    #[test]
    fn the_night_the_clocks_change_is_one_night() {
        let utc = |text: &str| text.parse::<Timestamp>().unwrap();
        for (evening, morning, hours) in [
            ("2026-10-24T20:00:00Z", "2026-10-25T05:00:00Z", 9),
            ("2027-03-27T21:00:00Z", "2027-03-28T04:00:00Z", 7),
        ] {
            let change = school().next_change(utc(evening)).unwrap();
            assert_eq!(change, utc(morning));
            assert_eq!(change.duration_since(utc(evening)).as_hours(), hours);
            assert_eq!(school().period(utc(evening)), Some("nuit"));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_agenda_says_what_the_clock_says(minute in 0..500_000_i64, more in 0..20_000_i64) {
            let timetable = school();
            let from = at("2026-09-01T00:00") + SignedDuration::from_mins(minute);
            let then = from + SignedDuration::from_mins(more);
            let agenda = timetable.agenda(from, 21);
            let index = place(&agenda, then).unwrap();
            prop_assert_eq!(agenda[index].period, timetable.index_at(then));
            if let Some(next) = agenda.get(index + 1) {
                prop_assert_eq!(Some(next.from), timetable.next_change(then));
            }
        }

        #[test]
        fn nothing_changes_before_the_next_change(minute in 0..500_000_i64) {
            let timetable = school();
            let now = at("2026-09-01T00:00") + SignedDuration::from_mins(minute);
            let next = timetable.next_change(now).unwrap();
            prop_assert_ne!(timetable.index_at(next), timetable.index_at(now));
            let before = next - SignedDuration::from_secs(1);
            let mut then = now;
            while then <= before {
                prop_assert_eq!(timetable.index_at(then), timetable.index_at(now));
                then += SignedDuration::from_mins(7);
            }
            prop_assert_eq!(timetable.index_at(before), timetable.index_at(now));
        }
    }
}
