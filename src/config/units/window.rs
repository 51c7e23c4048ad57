//! Weekly hours.

use std::{fmt, str::FromStr};

use jiff::civil::Time;

use super::{BadUnit, as_text};

/// A weekly span of hours; `from` after `to` goes over midnight, both equal is 24 hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeWindow {
    /// Days it starts on, Monday = 0; all seven when none is named.
    pub days: [bool; 7],
    /// First moment inside.
    pub from: Time,
    /// First moment outside.
    pub to: Time,
}

const A_WINDOW: &str =
    "days and hours, such as \"lun-ven 08:00-18:00\", \"sat,sun 00:00-24:00\" or \"22:00-06:00\"";
/// English as written by `Display`, then French.
const DAY_NAMES: [[&str; 4]; 7] = [
    ["mon", "lun", "monday", "lundi"],
    ["tue", "mar", "tuesday", "mardi"],
    ["wed", "mer", "wednesday", "mercredi"],
    ["thu", "jeu", "thursday", "jeudi"],
    ["fri", "ven", "friday", "vendredi"],
    ["sat", "sam", "saturday", "samedi"],
    ["sun", "dim", "sunday", "dimanche"],
];

impl TimeWindow {
    /// Is this local moment inside?
    pub fn contains(&self, moment: jiff::civil::DateTime) -> bool {
        let day = |offset: i8| {
            let index = moment.date().weekday().to_monday_zero_offset() - offset;
            self.days[usize::try_from(index.rem_euclid(7)).unwrap_or(0)]
        };
        let time = moment.time();
        if self.from < self.to {
            day(0) && self.from <= time && time < self.to
        } else {
            (day(0) && time >= self.from) || (day(1) && time < self.to)
        }
    }
}

fn day(name: &str) -> Option<usize> {
    DAY_NAMES.iter().position(|names| names.iter().any(|known| known.eq_ignore_ascii_case(name)))
}

/// `lun-ven`, `sat,sun`, `ven-lun`.
fn days(text: &str) -> Option<[bool; 7]> {
    let mut days = [false; 7];
    for run in text.split(',') {
        let (first, last) = run.split_once('-').unwrap_or((run, run));
        let (first, last) = (day(first.trim())?, day(last.trim())?);
        let length = (last + 7 - first) % 7;
        (0..=length).for_each(|step| days[(first + step) % 7] = true);
    }
    Some(days)
}

/// `08:00` or, as the French write it, `8h` and `8h30`; `24:00` is the next midnight.
fn time(text: &str) -> Option<Time> {
    let (hour, minute) = text.trim().split_once([':', 'h'])?;
    let number = |digits: &str| {
        let good = (1..=2).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        good.then(|| digits.parse::<i8>().ok()).flatten()
    };
    let minute = if minute.is_empty() && text.contains('h') { 0 } else { number(minute)? };
    match (number(hour)?, minute) {
        (24, 0) => Some(Time::midnight()),
        (hour, minute) => Time::new(hour, minute, 0, 0).ok(),
    }
}

impl FromStr for TimeWindow {
    type Err = BadUnit;

    fn from_str(text: &str) -> Result<Self, BadUnit> {
        let window = || {
            let text = text.trim();
            let (named, hours) = match text.rsplit_once(char::is_whitespace) {
                Some((named, hours)) => (days(named)?, hours),
                None => ([true; 7], text),
            };
            let (from, to) = hours.split_once('-')?;
            Some(Self { days: named, from: time(from)?, to: time(to)? })
        };
        window().ok_or_else(|| BadUnit::new(text, A_WINDOW))
    }
}

impl fmt::Display for TimeWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.days != [true; 7] {
            let mut separator = "";
            let mut start = 0;
            for run in self.days.chunk_by(|a, b| a == b) {
                let end = start + run.len() - 1;
                if run[0] {
                    write!(f, "{separator}{}", DAY_NAMES[start][0])?;
                    if end > start {
                        write!(f, "-{}", DAY_NAMES[end][0])?;
                    }
                    separator = ",";
                }
                start = end + 1;
            }
            f.write_str(" ")?;
        }
        write!(f, "{}-", self.from.strftime("%H:%M"))?;
        if self.to == Time::midnight() {
            f.write_str("24:00")
        } else {
            write!(f, "{}", self.to.strftime("%H:%M"))
        }
    }
}

as_text!(TimeWindow, A_WINDOW);

#[cfg(test)]
mod tests {
    use jiff::civil::{date, time as at};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn windows_are_read_in_french_and_english() {
        let week = TimeWindow {
            days: [true, true, true, true, true, false, false],
            from: at(8, 0, 0, 0),
            to: at(18, 0, 0, 0),
        };
        for text in ["lun-ven 08:00-18:00", "mon-fri 8:00-18:00", "lundi-vendredi 8h-18h00"] {
            assert_eq!(text.parse(), Ok(week.clone()), "{text}");
        }
        assert_eq!(week.to_string(), "mon-fri 08:00-18:00");
        for text in ["", "lun", "lun-ven", "25:00-26:00", "8-18", "xyz 08:00-09:00", "08:60-09:00"]
        {
            assert!(text.parse::<TimeWindow>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_window_over_midnight_belongs_to_the_day_it_starts_on() {
        let night: TimeWindow = "ven 22:00-06:00".parse().unwrap();
        // 27 November 2026 is a Friday.
        assert!(night.contains(date(2026, 11, 27).at(23, 0, 0, 0)));
        assert!(night.contains(date(2026, 11, 28).at(5, 59, 0, 0)));
        assert!(!night.contains(date(2026, 11, 28).at(6, 0, 0, 0)));
        assert!(!night.contains(date(2026, 11, 27).at(5, 0, 0, 0)));
    }

    #[test]
    fn a_whole_day_is_24_hours() {
        let sunday: TimeWindow = "dim 00:00-24:00".parse().unwrap();
        assert!(sunday.contains(date(2026, 11, 29).at(0, 0, 0, 0)));
        assert!(sunday.contains(date(2026, 11, 29).at(23, 59, 59, 0)));
        assert!(!sunday.contains(date(2026, 11, 30).at(0, 0, 0, 0)));
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(
            days in any::<[bool; 7]>().prop_filter("some day", |days| days.contains(&true)),
            from in (0..24_i8, 0..60_i8),
            to in (0..24_i8, 0..60_i8),
        ) {
            let window = TimeWindow { days, from: at(from.0, from.1, 0, 0), to: at(to.0, to.1, 0, 0) };
            prop_assert_eq!(window.to_string().parse(), Ok(window));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[a-z0-9:h, -]{0,40}|.{0,40}") {
            let _ = text.parse::<TimeWindow>();
        }
    }
}
