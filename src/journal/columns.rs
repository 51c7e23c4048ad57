//! Columns of numbers, addresses and texts, each deflated by itself (RFC 1951).
//!
//! A number outside a column is a varint (LEB128). A column is the varint of its packed length, then
//! its bytes: deflated, or as they are when that is no shorter. Numbers are split in planes, the
//! lowest bytes of all first: their statistics differ, and each plane then has codes of its own. How
//! long a column unpacked is follows from what was read before, so nothing hostile makes it grow.

use std::{
    collections::HashMap,
    hash::Hash,
    io::{Read as _, Write as _},
    net::IpAddr,
};

use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};

use super::block::Malformed;

/// Text of one field; longer ones are cut at a character.
pub const MAX_TEXT_BYTES: usize = 255;

/// Signed to unsigned, small ones staying small.
pub fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

/// The reverse of [`zigzag`].
pub fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

/// Each value once, the most frequent first, and where each of the rows is among them.
pub fn ranked<T: Eq + Hash + Ord + Copy>(
    rows: impl Iterator<Item = T> + Clone,
) -> (Vec<T>, Vec<u64>) {
    let mut counts: HashMap<T, usize> = HashMap::new();
    for row in rows.clone() {
        *counts.entry(row).or_default() += 1;
    }
    let mut values: Vec<(T, usize)> = counts.into_iter().collect();
    // Neighbours in the alphabet share their letters: they pack better side by side.
    values.sort_unstable_by(|(a, many), (b, more)| more.cmp(many).then_with(|| a.cmp(b)));
    let ranks: HashMap<T, u64> =
        (0..).zip(&values).map(|(rank, (value, _))| (*value, rank)).collect();
    let found = rows.filter_map(|row| ranks.get(&row).copied()).collect();
    (values.into_iter().map(|(value, _)| value).collect(), found)
}

/// A block being written.
#[derive(Debug, Default)]
pub struct Columns(Vec<u8>);

impl Columns {
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    pub fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(low(number) | 0x80);
            number >>= 7;
        }
        self.0.push(low(number));
    }

    pub fn numbers(&mut self, numbers: &[u64]) {
        let widest = numbers.iter().copied().max().unwrap_or(0);
        let planes = 8 - widest.leading_zeros() / 8;
        self.number(u64::from(planes));
        for plane in 0..planes {
            let bytes: Vec<u8> = numbers.iter().map(|number| low(number >> (8 * plane))).collect();
            self.column(&bytes);
        }
    }

    /// Lengths, one more than they are so that 0 says "none", and all the letters in a row.
    pub fn texts<'a>(&mut self, texts: impl Iterator<Item = Option<&'a str>>) {
        let (mut lengths, mut letters) = (Vec::new(), Vec::new());
        for text in texts {
            let text = text.map(cut);
            lengths.push(text.map_or(0, |text| text.len() as u64 + 1));
            letters.extend_from_slice(text.unwrap_or_default().as_bytes());
        }
        self.numbers(&lengths);
        self.column(&letters);
    }

    /// Bytes of each address (0, 4 or 16), and all the addresses in a row.
    pub fn addresses(&mut self, addresses: impl Iterator<Item = Option<IpAddr>>) {
        let (mut lengths, mut bytes) = (Vec::new(), Vec::new());
        for address in addresses {
            let before = bytes.len();
            match address {
                None => {}
                Some(IpAddr::V4(address)) => bytes.extend(address.octets()),
                Some(IpAddr::V6(address)) => bytes.extend(address.octets()),
            }
            lengths.push((bytes.len() - before) as u64);
        }
        self.numbers(&lengths);
        self.column(&bytes);
    }

    fn column(&mut self, bytes: &[u8]) {
        let mut packer = DeflateEncoder::new(Vec::new(), Compression::best());
        // Writing to memory does not fail; were it to, the bytes go as they are.
        let packed = packer.write_all(bytes).and_then(|()| packer.finish()).ok();
        let packed = packed.filter(|packed| packed.len() < bytes.len());
        let packed = packed.as_deref().unwrap_or(bytes);
        self.number(packed.len() as u64);
        self.0.extend_from_slice(packed);
    }
}

fn low(number: u64) -> u8 {
    number.to_le_bytes()[0]
}

fn cut(text: &str) -> &str {
    let most = (0..=text.len().min(MAX_TEXT_BYTES)).rev().find(|at| text.is_char_boundary(*at));
    text.get(..most.unwrap_or(0)).unwrap_or_default()
}

/// A block being read.
#[derive(Debug)]
pub struct Parts<'a>(pub &'a [u8]);

impl Parts<'_> {
    pub fn number(&mut self) -> Result<u64, Malformed> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or(Malformed::Short)?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Malformed::Number)
    }

    pub fn numbers(&mut self, count: usize) -> Result<Vec<u64>, Malformed> {
        let planes = self.number()?;
        if planes > 8 {
            return Err(Malformed::Number);
        }
        let mut numbers = vec![0_u64; count];
        for plane in 0..planes {
            let bytes = self.column(count)?;
            for (number, byte) in numbers.iter_mut().zip(bytes) {
                *number |= u64::from(byte) << (8 * plane);
            }
        }
        Ok(numbers)
    }

    pub fn texts(&mut self, count: usize) -> Result<Vec<Option<String>>, Malformed> {
        let lengths = self.numbers(count)?;
        let lengths = lengths.into_iter().map(|length| match usize::try_from(length) {
            Ok(0) => Ok(None),
            Ok(length) if length <= MAX_TEXT_BYTES + 1 => Ok(Some(length - 1)),
            _ => Err(Malformed::Number),
        });
        let lengths = lengths.collect::<Result<Vec<_>, _>>()?;
        let letters = self.column(lengths.iter().flatten().sum())?;
        let mut rest = &letters[..];
        let mut next = |length: usize| {
            let (text, left) = rest.split_at_checked(length).ok_or(Malformed::Short)?;
            rest = left;
            String::from_utf8(text.to_vec()).map_err(|_| Malformed::Text)
        };
        lengths.into_iter().map(|length| length.map(&mut next).transpose()).collect()
    }

    pub fn addresses(&mut self, count: usize) -> Result<Vec<Option<IpAddr>>, Malformed> {
        let lengths = self.numbers(count)?;
        if lengths.iter().any(|length| !matches!(length, 0 | 4 | 16)) {
            return Err(Malformed::Number);
        }
        let sum: u64 = lengths.iter().sum();
        let bytes = self.column(usize::try_from(sum).map_err(|_| Malformed::Number)?)?;
        let mut rest = &bytes[..];
        let address = |length: u64| {
            if length == 4 {
                let (four, left) = rest.split_first_chunk::<4>().ok_or(Malformed::Short)?;
                rest = left;
                Ok(Some(IpAddr::from(*four)))
            } else if length == 16 {
                let (sixteen, left) = rest.split_first_chunk::<16>().ok_or(Malformed::Short)?;
                rest = left;
                Ok(Some(IpAddr::from(*sixteen)))
            } else {
                Ok(None)
            }
        };
        lengths.into_iter().map(address).collect()
    }

    /// `length` is what it must unpack to.
    fn column(&mut self, length: usize) -> Result<Vec<u8>, Malformed> {
        let packed = usize::try_from(self.number()?).map_err(|_| Malformed::Number)?;
        let (packed, rest) = self.0.split_at_checked(packed).ok_or(Malformed::Short)?;
        self.0 = rest;
        if packed.len() >= length {
            return if packed.len() == length { Ok(packed.to_vec()) } else { Err(Malformed::Long) };
        }
        let mut bytes = Vec::with_capacity(length);
        let unpacked = DeflateDecoder::new(packed).take(length as u64 + 1).read_to_end(&mut bytes);
        unpacked.map_err(|_| Malformed::Packing)?;
        if bytes.len() == length { Ok(bytes) } else { Err(Malformed::Long) }
    }
}
