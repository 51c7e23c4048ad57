//! A body as it stands in a segment: a head of 36 bytes, each number little-endian, then the body.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | `PBDY` |
//! | 4 | length of the body |
//! | 4 | samples in it |
//! | 8, 8 | earliest and latest moment in it, in milliseconds since 1970 |
//! | 4 | CRC-32 of the body |
//! | 4 | CRC-32 of the 32 bytes before |

use crate::uplink::message::{Body, MAX_PACKED_BYTES};

const MAGIC: [u8; 4] = *b"PBDY";
/// Length of a head.
pub const HEAD_BYTES: usize = 36;
const HEAD_CRC_AT: usize = 32;

/// Bodies, one behind the other, each with its head.
pub fn written(bodies: &[Body]) -> Vec<u8> {
    let length = |body: &Body| HEAD_BYTES + body.packed.len();
    let mut bytes = Vec::with_capacity(bodies.iter().map(length).sum());
    for body in bodies {
        let at = bytes.len();
        let packed = u32::try_from(body.packed.len()).unwrap_or(u32::MAX);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&packed.to_le_bytes());
        bytes.extend_from_slice(&body.samples.to_le_bytes());
        bytes.extend_from_slice(&body.first.to_le_bytes());
        bytes.extend_from_slice(&body.last.to_le_bytes());
        bytes.extend_from_slice(&crc32fast::hash(&body.packed).to_le_bytes());
        let crc = crc32fast::hash(&bytes[at..]);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes.extend_from_slice(&body.packed);
    }
    bytes
}

/// A head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    length: usize,
    samples: u32,
    first: i64,
    last: i64,
    crc: u32,
}

impl Head {
    /// That at the beginning of these bytes, if one stands there whole.
    fn read(bytes: &[u8]) -> Option<Self> {
        let head = bytes.first_chunk::<HEAD_BYTES>()?;
        let four =
            |at: usize| head.get(at..at + 4)?.first_chunk().map(|four| u32::from_le_bytes(*four));
        let eight =
            |at: usize| head.get(at..at + 8)?.first_chunk().map(|eight| i64::from_le_bytes(*eight));
        if !head.starts_with(&MAGIC) || four(HEAD_CRC_AT)? != crc32fast::hash(&head[..HEAD_CRC_AT])
        {
            return None;
        }
        let length = usize::try_from(four(4)?).ok().filter(|&length| length <= MAX_PACKED_BYTES)?;
        Some(Self {
            length,
            samples: four(8)?,
            first: eight(12)?,
            last: eight(20)?,
            crc: four(28)?,
        })
    }
}

/// A body that is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// A snappy block.
    pub body: &'a [u8],
    /// Samples in it.
    pub samples: u32,
    /// Earliest moment in it, in milliseconds since 1970.
    pub first: i64,
    /// Latest moment in it.
    pub last: i64,
}

/// What stands in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<'a> {
    /// A body.
    Entry(Entry<'a>),
    /// Bytes that are none, up to the next body or the end. A head may still say how many samples it had.
    Damaged {
        /// 0 where no head says it.
        samples: u32,
    },
}

/// Bodies in bytes, from the beginning. Whatever the bytes are, each is looked at a few times at most.
#[derive(Debug)]
pub struct Entries<'a> {
    bytes: &'a [u8],
    at: usize,
    is_end: bool,
}

impl<'a> Entries<'a> {
    /// In these bytes; `is_end`: nothing stands behind them, so that a body that is cut is damaged.
    pub fn new(bytes: &'a [u8], is_end: bool) -> Self {
        Self { bytes, at: 0, is_end }
    }

    /// Bytes read so far.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Where the next bytes stand that may begin a head, from there on.
    fn seek(&self, from: usize) -> usize {
        let rest = self.bytes.get(from..).unwrap_or_default();
        let found = rest.windows(MAGIC.len()).position(|four| four == MAGIC);
        // The last three may be the beginning of one.
        let none =
            if self.is_end { rest.len() } else { rest.len().saturating_sub(MAGIC.len() - 1) };
        from + found.unwrap_or(none)
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Found<'a>;

    fn next(&mut self) -> Option<Found<'a>> {
        let rest = self.bytes.get(self.at..).filter(|rest| !rest.is_empty())?;
        let is_cut = |length: usize| rest.len() < length && !self.is_end;
        let Some(head) = Head::read(rest) else {
            if is_cut(HEAD_BYTES) {
                return None;
            }
            self.at = self.seek(self.at + 1);
            return Some(Found::Damaged { samples: 0 });
        };
        let end = HEAD_BYTES + head.length;
        if is_cut(end) {
            return None;
        }
        let damaged = Found::Damaged { samples: head.samples };
        let Some(body) = rest.get(HEAD_BYTES..end) else {
            // The tail that a crash tore off.
            self.at = self.bytes.len();
            return Some(damaged);
        };
        self.at += end;
        if crc32fast::hash(body) != head.crc {
            return Some(damaged);
        }
        let Head { samples, first, last, .. } = head;
        Some(Found::Entry(Entry { body, samples, first, last }))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    fn body(samples: u32, packed: &'static [u8]) -> Body {
        Body { packed: Bytes::from_static(packed), samples, first: -5, last: i64::MAX }
    }

    fn three() -> Vec<u8> {
        written(&[body(1, b"one"), body(2, b""), body(3, b"three")])
    }

    fn samples(bytes: &[u8]) -> Vec<(bool, u32)> {
        let seen = |found| match found {
            Found::Entry(entry) => (true, entry.samples),
            Found::Damaged { samples } => (false, samples),
        };
        Entries::new(bytes, true).map(seen).collect()
    }

    #[test]
    fn bodies_are_found_as_they_were_written() {
        let bytes = three();
        let found: Vec<_> = Entries::new(&bytes, true).collect();
        let entry = Entry { body: b"one", samples: 1, first: -5, last: i64::MAX };
        assert_eq!(found[0], Found::Entry(entry));
        assert_eq!(samples(&bytes), [(true, 1), (true, 2), (true, 3)]);
    }

    #[test]
    fn a_torn_tail_costs_the_last_body_alone() {
        let bytes = three();
        for cut in 1..=5 {
            let torn = &bytes[..bytes.len() - cut];
            assert_eq!(samples(torn), [(true, 1), (true, 2), (false, 3)], "{cut}");
        }
        let headless = &bytes[..bytes.len() - 6];
        assert_eq!(samples(headless), [(true, 1), (true, 2), (false, 0)]);
    }

    #[test]
    fn a_byte_that_changed_costs_its_own_body_alone() {
        let good = three();
        for at in 0..good.len() {
            let mut bytes = good.clone();
            bytes[at] ^= 0x10;
            let kept = samples(&bytes).into_iter().filter(|(whole, _)| *whole).count();
            assert_eq!(kept, 2, "byte {at}");
        }
    }

    #[test]
    fn a_window_that_ends_within_a_body_stops_before_it() {
        let bytes = three();
        for end in 0..bytes.len() {
            let mut entries = Entries::new(&bytes[..end], false);
            assert!(entries.by_ref().all(|found| matches!(found, Found::Entry(_))), "{end}");
            let whole = [0, HEAD_BYTES + 3, 2 * HEAD_BYTES + 3];
            let expected = whole.iter().rfind(|&&at| at <= end).unwrap();
            assert_eq!(entries.at(), *expected, "{end}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_go_on_for_ever(
            bytes in prop::collection::vec(prop_oneof![Just(b'P'), Just(b'B'), any::<u8>()], 0..300),
            is_end: bool,
        ) {
            let mut entries = Entries::new(&bytes, is_end);
            prop_assert!(entries.by_ref().count() <= bytes.len());
            prop_assert!(entries.at() <= bytes.len());
            prop_assert!(!is_end || entries.at() == bytes.len());
        }
    }
}
