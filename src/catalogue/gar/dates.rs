//! Dates as the GAR, feeds and people write them. A date without an offset is the school's.

use jiff::{Timestamp, ToSpan, civil, tz::TimeZone};

/// Which end of a span a date stands for: a bare day starts at its first moment and ends at the
/// first moment past it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::catalogue) enum Edge {
    Start,
    End,
}

/// `2021-09-02T16:18:27.000+02:00`, `2026-09-01T00:00:00`, `2026-09-01` or `01/09/2026`.
pub(in crate::catalogue) fn moment(text: &str, edge: Edge, zone: &TimeZone) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(exact) = text.parse::<Timestamp>() {
        return Some(exact);
    }
    if text.contains([':', 'T'])
        && let Ok(local) = text.parse::<civil::DateTime>()
    {
        return at(local, zone);
    }
    let day = french_day(text).or_else(|| text.parse::<civil::Date>().ok())?;
    let day = match edge {
        Edge::Start => day,
        Edge::End => day.checked_add(1.day()).ok()?,
    };
    at(day.at(0, 0, 0, 0), zone)
}

/// End of the school year `2026-2027`: 31 August of its second year, 24:00.
pub(in crate::catalogue) fn end_of_school_year(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let (first, second) = text.trim().split_once('-')?;
    let year = |text: &str| text.trim().parse::<i16>().ok().filter(|y| (1990..=2200).contains(y));
    let (first, second) = (year(first)?, year(second)?);
    (second > first).then_some(())?;
    at(civil::Date::new(second, 9, 1).ok()?.at(0, 0, 0, 0), zone)
}

fn at(local: civil::DateTime, zone: &TimeZone) -> Option<Timestamp> {
    zone.to_timestamp(local).ok()
}

/// `31/08/2027`
fn french_day(text: &str) -> Option<civil::Date> {
    let mut parts = text.split('/');
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    civil::Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paris() -> TimeZone {
        TimeZone::get("Europe/Paris").unwrap()
    }

    fn read(text: &str, edge: Edge) -> String {
        moment(text, edge, &paris()).map(|t| t.to_string()).unwrap_or_default()
    }

    #[test]
    fn dates_are_read_with_and_without_offset() {
        assert_eq!(read("2021-09-02T16:18:27.000+02:00", Edge::End), "2021-09-02T14:18:27Z");
        assert_eq!(read("2026-09-01T00:00:00", Edge::Start), "2026-08-31T22:00:00Z");
        assert_eq!(read("2026-09-01", Edge::Start), "2026-08-31T22:00:00Z");
        assert_eq!(read("2027-08-31", Edge::End), "2027-08-31T22:00:00Z");
        assert_eq!(read("31/08/2027", Edge::End), "2027-08-31T22:00:00Z");
        assert_eq!(read("2027-08-31T23:59:59Z", Edge::End), "2027-08-31T23:59:59Z");
        for text in ["", "soon", "31/02/2027", "2027-13-01", "1/2/3/4"] {
            assert_eq!(read(text, Edge::Start), "", "{text}");
        }
    }

    #[test]
    fn a_school_year_ends_with_august() {
        let end = |text| end_of_school_year(text, &paris()).map(|t| t.to_string());
        assert_eq!(end("2026-2027").as_deref(), Some("2027-08-31T22:00:00Z"));
        assert_eq!(end("2027-2026"), None);
        assert_eq!(end("2026"), None);
    }
}
