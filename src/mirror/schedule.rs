//! When bulk work may run and how fast, in the school's own time.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

use crate::config::{self, TimeWindow};

/// Days looked ahead for a change: weekly hours repeat after seven, and one more for the edge.
const DAYS_AHEAD: i64 = 8;

/// The weekly hours and rates in force.
#[derive(Debug, Clone)]
pub struct Schedule {
    zone: TimeZone,
    window: Vec<TimeWindow>,
    class_hours: Vec<TimeWindow>,
    rate: Option<u64>,
    class_hours_rate: Option<u64>,
}

/// What holds at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// May bulk work run?
    pub open: bool,
    /// Bytes a second that it may take; `None` = no cap.
    pub rate: Option<u64>,
}

impl Schedule {
    /// The schedule that a configuration asks for.
    pub fn new(zone: TimeZone, config: &config::Mirror) -> Self {
        Self {
            zone,
            window: config.window.clone(),
            class_hours: config.class_hours.clone(),
            rate: config.rate.map(|rate| rate.0),
            class_hours_rate: config.class_hours_rate.map(|rate| rate.0),
        }
    }

    /// What holds at `moment`.
    pub fn at(&self, moment: Timestamp) -> Now {
        let local = self.zone.to_datetime(moment);
        let inside = |windows: &[TimeWindow]| windows.iter().any(|window| window.contains(local));
        let rate =
            if inside(&self.class_hours) { self.class_hours_rate.or(self.rate) } else { self.rate };
        Now { open: self.window.is_empty() || inside(&self.window), rate }
    }

    /// First moment after `now` at which something else holds, within a week.
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        let holds = self.at(now);
        self.first_after(now, |moment| self.at(moment) != holds)
    }

    /// When bulk work may run again, if it may not now.
    pub fn opens_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.first_after(now, |moment| self.at(moment).open)
    }

    /// A moment as people of the school say it; with its day unless it is today.
    pub fn say(&self, moment: Timestamp, now: Timestamp) -> String {
        let (local, today) = (self.zone.to_datetime(moment), self.zone.to_datetime(now));
        let form = if local.date() == today.date() { "%H:%M" } else { "%Y-%m-%d %H:%M" };
        local.strftime(form).to_string()
    }

    /// First moment after `now` that passes, among those where anything can change: the edges of
    /// the windows, and the clock's own jumps.
    fn first_after(&self, now: Timestamp, passes: impl Fn(Timestamp) -> bool) -> Option<Timestamp> {
        let today = self.zone.to_datetime(now).date();
        let times: Vec<_> = self
            .window
            .iter()
            .chain(&self.class_hours)
            .flat_map(|window| [window.from, window.to])
            .collect();
        let mut moments: Vec<Timestamp> = (-1..=DAYS_AHEAD)
            .filter_map(|days| today.checked_add(jiff::Span::new().days(days)).ok())
            .flat_map(|date| times.iter().map(move |time| DateTime::from_parts(date, *time)))
            .filter_map(|local| self.zone.to_ambiguous_timestamp(local).compatible().ok())
            .chain(self.zone.following(now).take(1).map(|jump| jump.timestamp()))
            .filter(|moment| *moment > now)
            .collect();
        moments.sort_unstable();
        moments.into_iter().find(|moment| passes(*moment))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::ByteRate;

    fn schedule(window: &[&str], class_hours: &[&str]) -> Schedule {
        let windows = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let config = config::Mirror {
            window: windows(window),
            class_hours: windows(class_hours),
            rate: Some(ByteRate(1000)),
            class_hours_rate: Some(ByteRate(10)),
            ..config::Mirror::default()
        };
        Schedule::new(TimeZone::get("Europe/Paris").unwrap(), &config)
    }

    fn moment(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn no_window_is_always_open_and_never_changes() {
        let always = schedule(&[], &[]);
        let now = moment("2026-11-24T12:00:00Z");
        assert_eq!(always.at(now), Now { open: true, rate: Some(1000) });
        assert_eq!(always.next_change(now), None);
    }

    #[test]
    fn hours_are_the_school_s_own() {
        let night = schedule(&["18:00-06:00"], &["lun-ven 08:00-17:00"]);
        // Paris is one hour ahead in winter, two in summer.
        let noon = moment("2026-11-24T11:00:00Z");
        assert_eq!(night.at(noon), Now { open: false, rate: Some(10) });
        assert_eq!(night.next_change(noon), Some(moment("2026-11-24T16:00:00Z")));
        assert_eq!(night.opens_at(noon), Some(moment("2026-11-24T17:00:00Z")));
        assert_eq!(night.say(moment("2026-11-24T17:00:00Z"), noon), "18:00");
        assert_eq!(
            night.opens_at(moment("2026-07-01T10:00:00Z")),
            Some(moment("2026-07-01T16:00:00Z"))
        );
        assert_eq!(night.say(moment("2026-11-25T17:00:00Z"), noon), "2026-11-25 18:00");
    }

    #[test]
    fn an_hour_that_the_clock_skips_opens_when_it_jumps() {
        // On 29 March 2026, Paris goes from 02:00 to 03:00.
        let skipped = schedule(&["dim 02:30-04:00"], &[]);
        let before = moment("2026-03-29T00:30:00Z");
        assert_eq!(skipped.opens_at(before), Some(moment("2026-03-29T01:00:00Z")));
    }

    proptest! {
        #[test]
        fn nothing_changes_before_the_next_change(
            start in 1_767_225_600..1_798_761_600_i64,
            (from, to, class) in (0..24_u8, 0..24_u8, 0..24_u8),
            share in 0.0..1.0_f64,
        ) {
            let schedule =
                schedule(&[&format!("{from}:00-{to}:30")], &[&format!("lun-ven {class}:15-{to}:00")]);
            let now = Timestamp::from_second(start).unwrap();
            let holds = schedule.at(now);
            let change = schedule.next_change(now).map_or(start + 6 * 86_400, Timestamp::as_second);
            #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
            let between = start + ((change - start) as f64 * share) as i64;
            prop_assert_eq!(schedule.at(Timestamp::from_second(between).unwrap()), holds);
            if let Some(change) = schedule.next_change(now) {
                prop_assert_ne!(schedule.at(change), holds);
            }
        }
    }
}
