//! Lengths of time.

use std::{fmt, str::FromStr, time::Duration};

use jiff::{
    SignedDuration, Span, SpanRelativeTo,
    fmt::friendly::{Spacing, SpanPrinter},
};

use super::{BadUnit, as_text};

/// A length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(pub Duration);

const A_PERIOD: &str = "a duration with its unit, such as \"90s\", \"6h\", \"1h 30m\" or \"2d\"";
/// No period is longer: ten years of 365 days.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 86_400);

impl Period {
    /// `count` seconds.
    pub const fn seconds(count: u64) -> Self {
        Self(Duration::from_secs(count))
    }
    /// `count` hours.
    pub const fn hours(count: u64) -> Self {
        Self(Duration::from_secs(count * 3600))
    }
}

impl FromStr for Period {
    type Err = BadUnit;

    fn from_str(text: &str) -> Result<Self, BadUnit> {
        text.trim()
            .parse::<Span>()
            .and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()))
            .ok()
            .and_then(|signed| Duration::try_from(signed).ok())
            .filter(|duration| *duration <= LONGEST)
            .map(Self)
            .ok_or_else(|| BadUnit::new(text, A_PERIOD))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const PRINTER: SpanPrinter = SpanPrinter::new().spacing(Spacing::BetweenUnits);
        let signed = SignedDuration::try_from(self.0).unwrap_or(SignedDuration::MAX);
        f.write_str(&PRINTER.duration_to_string(&signed))
    }
}

as_text!(Period, A_PERIOD);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn periods_are_read_as_people_write_them() {
        for (text, seconds) in
            [("90s", 90), ("6h", 21_600), ("1h 30m", 5_400), ("2d", 172_800), ("10 minutes", 600)]
        {
            assert_eq!(text.parse(), Ok(Period::seconds(seconds)), "{text}");
        }
        for text in ["", "6", "-6h", "6h ago", "1 month", "1000000h", "six hours"] {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
        assert_eq!(Period::seconds(5_400).to_string(), "1h 30m");
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(seconds in 0..=LONGEST.as_secs(), millis in 0..1000_u32) {
            let duration = Duration::new(seconds, millis * 1_000_000).min(LONGEST);
            prop_assert_eq!(Period(duration).to_string().parse(), Ok(Period(duration)));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,40}") {
            let _ = text.parse::<Period>();
        }
    }
}
