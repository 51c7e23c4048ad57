//! Bytes, and bytes a second.

use std::{fmt, str::FromStr};

use super::{BadUnit, as_text};

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

/// Bytes a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteRate(pub u64);

const A_SIZE: &str = "a size with its unit, such as \"400 GB\" or \"2 GiB\" (at most 1 EiB)";
const A_RATE: &str = "a rate with its unit, such as \"5 MB/s\" or \"20 Mbit/s\"";
/// No size or rate is larger: it leaves room for sums.
const MOST_BYTES: u64 = 1 << 60;
/// Digits after the point, at most.
const MOST_DECIMALS: usize = 6;

/// Multiples of the byte, as they are written; French ones (*octets*) are read too.
const SIZE_UNITS: [(&str, &str, u64); 9] = [
    ("B", "o", 1),
    ("kB", "ko", 1_000),
    ("MB", "Mo", 1_000_000),
    ("GB", "Go", 1_000_000_000),
    ("TB", "To", 1_000_000_000_000),
    ("KiB", "Kio", 1 << 10),
    ("MiB", "Mio", 1 << 20),
    ("GiB", "Gio", 1 << 30),
    ("TiB", "Tio", 1 << 40),
];
const BIT_UNITS: [(&str, u64); 4] =
    [("bit", 1), ("kbit", 1_000), ("Mbit", 1_000_000), ("Gbit", 1_000_000_000)];

impl ByteSize {
    /// `count` MiB.
    pub const fn mib(count: u64) -> Self {
        Self(count << 20)
    }
    /// `count` GiB.
    pub const fn gib(count: u64) -> Self {
        Self(count << 30)
    }
}

impl ByteRate {
    /// `count` KiB a second.
    pub const fn kib(count: u64) -> Self {
        Self(count << 10)
    }
    /// `count` MiB a second.
    pub const fn mib(count: u64) -> Self {
        Self(count << 20)
    }
}

/// Splits `1.5 GB` in its number, as (digits, decimals), and its unit.
fn number_and_unit(text: &str) -> Option<(u128, u32, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let complete = !whole.is_empty() && (number.len() == whole.len() || !fraction.is_empty());
    if !complete || fraction.len() > MOST_DECIMALS || whole.len() > 19 {
        return None;
    }
    let digits = format!("{whole}{fraction}").parse().ok()?;
    Some((digits, u32::try_from(fraction.len()).ok()?, unit.trim()))
}

/// `digits / 10^decimals * multiple / divisor`, when it is a whole number within bounds.
fn whole_bytes(digits: u128, decimals: u32, multiple: u64, divisor: u128) -> Option<u64> {
    let product = digits.checked_mul(u128::from(multiple))?;
    let divisor = divisor * 10_u128.pow(decimals);
    let bytes = u64::try_from(product / divisor).ok()?;
    (product % divisor == 0 && bytes <= MOST_BYTES).then_some(bytes)
}

/// Letters' case is forgiven except in `Mb`, which one reader in two takes for bits.
fn size_multiple(unit: &str) -> Option<u64> {
    let known =
        |name: &str| name == unit || (!unit.ends_with('b') && name.eq_ignore_ascii_case(unit));
    SIZE_UNITS.iter().find(|(en, fr, _)| known(en) || known(fr)).map(|&(_, _, multiple)| multiple)
}

impl FromStr for ByteSize {
    type Err = BadUnit;

    fn from_str(text: &str) -> Result<Self, BadUnit> {
        number_and_unit(text)
            .and_then(|(digits, decimals, unit)| {
                whole_bytes(digits, decimals, size_multiple(unit)?, 1)
            })
            .map(Self)
            .ok_or_else(|| BadUnit::new(text, A_SIZE))
    }
}

impl FromStr for ByteRate {
    type Err = BadUnit;

    fn from_str(text: &str) -> Result<Self, BadUnit> {
        let rate = || {
            let (digits, decimals, unit) = number_and_unit(text.trim().strip_suffix("/s")?)?;
            let bits = BIT_UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit));
            match bits {
                Some(&(_, multiple)) => whole_bytes(digits, decimals, multiple, 8),
                None => whole_bytes(digits, decimals, size_multiple(unit)?, 1),
            }
        };
        rate().map(Self).ok_or_else(|| BadUnit::new(text, A_RATE))
    }
}

/// The shortest whole number of some unit.
fn fmt_bytes(bytes: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (count, unit) = SIZE_UNITS
        .iter()
        .filter(|(.., multiple)| bytes.is_multiple_of(*multiple))
        .map(|(name, _, multiple)| (bytes / multiple, name))
        .min_by_key(|(count, _)| *count)
        .unwrap_or((bytes, &"B"));
    if bytes == 0 { f.write_str("0 B") } else { write!(f, "{count} {unit}") }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_bytes(self.0, f)
    }
}

impl fmt::Display for ByteRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_bytes(self.0, f)?;
        f.write_str("/s")
    }
}

as_text!(ByteSize, A_SIZE);
as_text!(ByteRate, A_RATE);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("400 GB", 400_000_000_000),
            ("2 GiB", 2 << 30),
            ("2GiB", 2 << 30),
            ("1.5 MB", 1_500_000),
            ("40 Go", 40_000_000_000),
            ("0.5 KiB", 512),
            ("12 B", 12),
        ] {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
        for text in ["", "GB", "1", "1 Mb", "-1 GB", "1. GB", ".5 GB", "0.3 B", "2 EiB", "9e9 B"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
    }

    #[test]
    fn rates_are_bytes_or_bits() {
        for (text, bytes) in
            [("5 MB/s", 5_000_000), ("20 Mbit/s", 2_500_000), ("1 KiB/s", 1024), ("8 bit/s", 1)]
        {
            assert_eq!(text.parse(), Ok(ByteRate(bytes)), "{text}");
        }
        for text in ["5 MB", "5 Mb/s", "1 bit/s", "/s", "1 /s"] {
            assert!(text.parse::<ByteRate>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(bytes in 0..=MOST_BYTES) {
            prop_assert_eq!(ByteSize(bytes).to_string().parse(), Ok(ByteSize(bytes)));
            prop_assert_eq!(ByteRate(bytes).to_string().parse(), Ok(ByteRate(bytes)));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,40}") {
            let _ = text.parse::<ByteSize>();
            let _ = text.parse::<ByteRate>();
        }
    }
}
