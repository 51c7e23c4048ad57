//! How long a link carried of the time in which it should: on three clocks, against the contract. Pure.
//!
//! Time in which the box itself was off is unknown: it counts neither for the operator nor against.

use jiff::{
    SignedDuration, Timestamp, ToSpan as _,
    civil::{Date, DateTime},
    tz::TimeZone,
};
use serde::{Deserialize, Serialize};

use super::spans::{Span, Spans};
use crate::config::TimeWindow;

/// Days that one period may have.
const MAX_DAYS: usize = 400;

/// Which hours count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// All of them.
    Always,
    /// While classes are on.
    Classes,
    /// While boarders are in.
    Boarding,
}

/// Hours in which the link is looked at; nothing = always.
#[derive(Debug, Clone, Default)]
pub struct Hours {
    /// While classes are on; empty = nobody said when.
    pub classes: Vec<TimeWindow>,
    /// While boarders are in; empty = there are none.
    pub boarding: Vec<TimeWindow>,
}

/// On one clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Which one.
    pub clock: Clock,
    /// Seconds of the period on this clock, up to now.
    pub seconds: i64,
    /// Of them, seconds in which the box watched.
    pub watched: i64,
    /// Of those, seconds in which the link was down.
    pub down: i64,
}

impl Share {
    /// The part of the watched time in which the link carried, 0 to 1; nothing when nobody watched.
    #[allow(clippy::cast_precision_loss, reason = "a year has 3.2e7 seconds")]
    pub fn availability(&self) -> Option<f64> {
        (self.watched > 0).then(|| 1.0 - self.down as f64 / self.watched as f64)
    }

    /// Seconds of which nobody knows.
    pub fn unknown(&self) -> i64 {
        self.seconds - self.watched
    }
}

/// What a link did in a period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Availability {
    /// The link.
    pub link: String,
    /// The first day, at the school.
    pub first: Date,
    /// The last day, at the school.
    pub last: Date,
    /// On each clock of which the hours are known.
    pub shares: Vec<Share>,
    /// Times that it went down.
    pub outages: usize,
    /// The longest, in seconds.
    pub longest: i64,
}

/// What is known of a link.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// When it was down.
    pub down: Spans,
    /// When the box was on.
    pub watched: Spans,
}

/// A link's availability from one day of the school to another, both included, as far as it is past.
pub fn of(
    link: &str,
    (first, last): (Date, Date),
    known: &Known,
    hours: &Hours,
    zone: &TimeZone,
    now: Timestamp,
) -> Availability {
    let to = start_of(last.saturating_add(1.day()), zone).min(now);
    let period = Spans::of([Span { from: start_of(first, zone), to }]);
    let mut shares = vec![share(Clock::Always, &period, known)];
    for (clock, windows) in [(Clock::Classes, &hours.classes), (Clock::Boarding, &hours.boarding)] {
        if !windows.is_empty() {
            let open = opened(windows, (first, last), zone).and(&period);
            shares.push(share(clock, &open, known));
        }
    }
    let down = known.down.and(&known.watched).and(&period);
    let longest = down.iter().map(|one| one.to.duration_since(one.from)).max();
    Availability {
        link: link.to_owned(),
        first,
        last,
        shares,
        outages: down.iter().count(),
        longest: longest.unwrap_or(SignedDuration::ZERO).as_secs(),
    }
}

/// The first and last day of the month that a day is in.
pub fn month_of(day: Date) -> (Date, Date) {
    (day.first_of_month(), day.last_of_month())
}

fn share(clock: Clock, open: &Spans, known: &Known) -> Share {
    let watched = open.and(&known.watched);
    Share {
        clock,
        seconds: open.length().as_secs(),
        watched: watched.length().as_secs(),
        down: watched.and(&known.down).length().as_secs(),
    }
}

/// When the windows are open, from the eve of the first day on (a window may go over midnight).
fn opened(windows: &[TimeWindow], (first, last): (Date, Date), zone: &TimeZone) -> Spans {
    let days = first.saturating_sub(1.day()).series(1.day()).take(MAX_DAYS + 1);
    let days = days.take_while(|day| *day <= last);
    let spans = days.flat_map(|day| {
        let weekday = usize::try_from(day.weekday().to_monday_zero_offset()).unwrap_or(0);
        let of_day = windows.iter().filter(move |one| one.days.get(weekday) == Some(&true));
        of_day.map(move |window| {
            let over_midnight = window.to <= window.from;
            let end = if over_midnight { day.saturating_add(1.day()) } else { day };
            let moment = |date, time| moment(DateTime::from_parts(date, time), zone);
            Span { from: moment(day, window.from), to: moment(end, window.to) }
        })
    });
    Spans::of(spans)
}

fn start_of(day: Date, zone: &TimeZone) -> Timestamp {
    moment(day.at(0, 0, 0, 0), zone)
}

fn moment(local: DateTime, zone: &TimeZone) -> Timestamp {
    zone.to_ambiguous_timestamp(local).compatible().unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    fn zone() -> TimeZone {
        TimeZone::get("Europe/Paris").unwrap()
    }

    fn windows(texts: &[&str]) -> Vec<TimeWindow> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn span(from: &str, to: &str) -> Span {
        Span { from: from.parse().unwrap(), to: to.parse().unwrap() }
    }

    fn november(down: &[Span], watched: &[Span]) -> Availability {
        let known = Known {
            down: Spans::of(down.iter().copied()),
            watched: Spans::of(watched.iter().copied()),
        };
        let hours = Hours {
            classes: windows(&["lun-ven 08:00-18:00"]),
            boarding: windows(&["lun-jeu,dim 18:00-22:00"]),
        };
        let now = "2027-01-01T00:00:00Z".parse().unwrap();
        of("fibre", month_of(date(2026, 11, 12)), &known, &hours, &zone(), now)
    }

    #[test]
    fn an_outage_counts_on_the_clocks_on_which_it_was_felt() {
        let always = [span("2026-10-01T00:00:00Z", "2027-01-01T00:00:00Z")];
        // Thursday 26 November, 17:30 to 19:00 in Paris.
        let month = november(&[span("2026-11-26T16:30:00Z", "2026-11-26T18:00:00Z")], &always);
        assert_eq!((month.first, month.last), (date(2026, 11, 1), date(2026, 11, 30)));
        let [all, classes, boarding] = month.shares[..] else { panic!("{month:?}") };
        assert_eq!((all.seconds, all.down, all.unknown()), (30 * 86_400, 5_400, 0));
        // 21 working days of ten hours; 22 evenings of four.
        assert_eq!((classes.seconds, classes.down), (21 * 36_000, 1_800));
        assert_eq!((boarding.seconds, boarding.down), (22 * 14_400, 3_600));
        assert_eq!((month.outages, month.longest), (1, 5_400));
        let share = all.availability().unwrap();
        assert!((share - (1.0 - 5_400.0 / 2_592_000.0)).abs() < 1e-12, "{share}");
    }

    #[test]
    fn while_the_box_was_off_nothing_is_known_and_nothing_is_held_against_the_operator() {
        let on = [
            span("2026-11-01T00:00:00Z", "2026-11-10T00:00:00Z"),
            span("2026-11-20T00:00:00Z", "2026-12-10T00:00:00Z"),
        ];
        // It went down an hour before the box went off, and was up again half an hour after.
        let month = november(&[span("2026-11-09T23:00:00Z", "2026-11-20T00:30:00Z")], &on);
        let all = month.shares[0];
        // The first hour of November in Paris is the last of October elsewhere: the box was not on yet.
        assert_eq!((all.unknown(), all.down), (10 * 86_400 + 3_600, 5_400));
        assert_eq!(month.outages, 2, "the box saw it twice");
        let none = november(&[], &[]);
        assert_eq!(none.shares[0].availability(), None);
    }

    #[test]
    fn a_day_under_way_counts_up_to_now_and_a_day_that_changes_its_clock_has_25_hours() {
        let known = Known {
            down: Spans::default(),
            watched: Spans::of([span("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z")]),
        };
        let now = "2026-11-26T11:00:00Z".parse().unwrap();
        let hours = Hours::default();
        let day = |day| of("fibre", (day, day), &known, &hours, &zone(), now);
        assert_eq!(day(date(2026, 11, 26)).shares[0].seconds, 12 * 3_600);
        assert_eq!(day(date(2026, 10, 25)).shares[0].seconds, 25 * 3_600);
        assert_eq!(day(date(2026, 3, 29)).shares[0].seconds, 23 * 3_600);
        assert_eq!(day(date(2026, 11, 27)).shares[0].seconds, 0, "it has not begun");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

        /// The same as counting minutes one by one.
        #[test]
        fn spans_say_what_counting_every_minute_says(
            down in prop::collection::vec((0..20_160_i64, 1..3_000_i64), 0..6),
            on in prop::collection::vec((0..20_160_i64, 1..9_000_i64), 0..4),
            hours in prop::collection::vec((any::<[bool; 7]>(), 5..24_i8, 5..24_i8), 1..3),
        ) {
            // Two weeks of January: no change of the clock.
            let first = date(2026, 1, 5);
            let start = start_of(first, &zone());
            let minute = |at: i64| start + SignedDuration::from_mins(at);
            let spans = |all: &[(i64, i64)]| Spans::of(
                all.iter().map(|(at, long)| Span { from: minute(*at), to: minute(at + long) }));
            let classes: Vec<TimeWindow> = hours.iter().map(|(days, from, to)| TimeWindow {
                days: *days,
                from: jiff::civil::time(*from, 0, 0, 0),
                to: jiff::civil::time(*to, 0, 0, 0),
            }).collect();
            let known = Known { down: spans(&down), watched: spans(&on) };
            let hours = Hours { classes: classes.clone(), boarding: Vec::new() };
            let last = date(2026, 1, 18);
            let told = of("x", (first, last), &known, &hours, &zone(), Timestamp::MAX);
            let within = |all: &[(i64, i64)], at: i64| {
                all.iter().any(|(from, long)| (*from..from + long).contains(&at))
            };
            let (mut seconds, mut watched, mut lost) = (0, 0, 0);
            for at in 0..20_160 {
                let local = zone().to_datetime(minute(at));
                if !classes.iter().any(|one| one.contains(local)) {
                    continue;
                }
                seconds += 60;
                if within(&on, at) {
                    watched += 60;
                    lost += if within(&down, at) { 60 } else { 0 };
                }
            }
            let share = told.shares[1];
            prop_assert_eq!((share.seconds, share.watched, share.down), (seconds, watched, lost));
        }
    }
}
