//! A part of the link: `20 Mbit/s` of it, or `25 %`.

use std::{fmt, str::FromStr};

use super::{BadUnit, ByteRate, as_text};

/// So much of the link, or so many hundredths of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkPart {
    /// Bytes a second, whatever the link carries.
    Rate(ByteRate),
    /// Hundredths, 0 to 100.
    Percent(u8),
}

const A_PART: &str = "a part of the link, such as \"20 Mbit/s\" or \"25 %\"";

impl LinkPart {
    /// Of a link that carries so much; a share of an unknown link is not known.
    pub fn of(self, link: Option<ByteRate>) -> Option<ByteRate> {
        match self {
            Self::Rate(rate) => Some(rate),
            Self::Percent(percent) => {
                let bytes = u128::from(link?.0) * u128::from(percent) / 100;
                u64::try_from(bytes).ok().map(ByteRate)
            }
        }
    }

    /// Is it as much as the other, or less, on every link?
    pub fn is_within(self, other: Self) -> bool {
        match (self, other) {
            (Self::Rate(own), Self::Rate(other)) => own <= other,
            (Self::Percent(own), Self::Percent(other)) => own <= other,
            _ => false,
        }
    }
}

impl FromStr for LinkPart {
    type Err = BadUnit;

    fn from_str(text: &str) -> Result<Self, BadUnit> {
        let percent = |digits: &str| digits.trim().parse().ok().filter(|percent| *percent <= 100);
        match text.trim().strip_suffix('%') {
            Some(digits) => percent(digits).map(Self::Percent),
            None => text.parse().ok().map(Self::Rate),
        }
        .ok_or_else(|| BadUnit::new(text, A_PART))
    }
}

impl fmt::Display for LinkPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rate(rate) => rate.fmt(f),
            Self::Percent(percent) => write!(f, "{percent} %"),
        }
    }
}

as_text!(LinkPart, A_PART);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_a_rate_or_a_share_and_is_read_back_as_it_is_shown() {
        let link = Some(ByteRate(1000));
        for (text, shown, of_link, alone) in [
            ("20 Mbit/s", "2500 kB/s", Some(2_500_000), Some(2_500_000)),
            ("25 %", "25 %", Some(250), None),
            (" 100%", "100 %", Some(1000), None),
            ("0 %", "0 %", Some(0), None),
        ] {
            let part: LinkPart = text.parse().unwrap();
            assert_eq!(part.to_string(), shown);
            assert_eq!(part.to_string().parse(), Ok(part));
            assert_eq!(part.of(link), of_link.map(ByteRate), "{text}");
            assert_eq!(part.of(None), alone.map(ByteRate), "{text}");
        }
        for text in ["", "%", "101 %", "-1 %", "2.5 %", "20", "20 Mbit", "1 % %"] {
            assert!(text.parse::<LinkPart>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_parts_of_one_kind_can_be_told_apart() {
        let part = |text: &str| text.parse::<LinkPart>().unwrap();
        assert!(part("20 %").is_within(part("20 %")) && part("1 MB/s").is_within(part("2 MB/s")));
        assert!(!part("21 %").is_within(part("20 %")) && !part("1 kB/s").is_within(part("99 %")));
    }
}
