//! The table behind a lookup: fingerprints in buckets of one cache line, by quotienting.
//!
//! A fingerprint's high bits choose the bucket and are not stored; 40 low bits are, beside a value
//! of 23 bits. With the 18 bits of a table of 1.8 million that makes 58: a name that is not
//! listed is taken for one that is once in 10^11 lookups, and which names those are depends on
//! the key.
//!
//! Nearly all that is asked is not listed, and to find that out in a table larger than the
//! processor's caches costs a wait for memory a label. A sieve an eighth of its size answers most of it:
//! a word of 64 bits a bucket, four bits of it an entry. It is made from the buckets when they are
//! read.

/// Slots of a bucket: 64 bytes together.
pub(super) const SLOTS: usize = 8;
/// Slots taken of a hundred: fuller is smaller, and sends more lookups to a second line.
const FULLNESS_PERCENT: usize = 85;
/// Buckets looked at before a table counts as broken.
const MAX_PROBES: usize = 64;
/// Largest value.
pub(super) const MAX_VALUE: u32 = (1 << VALUE_BITS) - 1;

const VALUE_BITS: u32 = 23;
/// In the first slot of a bucket: an entry of this bucket went to the next.
const SPILLED: u64 = 1 << VALUE_BITS;
const REMAINDER_SHIFT: u32 = VALUE_BITS + 1;

/// Eight slots; a slot whose value is 0 is empty.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
pub(super) struct Bucket(pub(super) [u64; SLOTS]);

/// Fingerprints and their values, 1 to [`MAX_VALUE`].
#[derive(Debug, Default)]
pub(super) struct Table {
    buckets: Box<[Bucket]>,
    /// For each bucket, the bits of all entries that begin their way there.
    sieve: Box<[u64]>,
}

/// Two fingerprints are too alike: take another key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Clash;

impl Table {
    /// Builds it, and asks it for each entry.
    pub(super) fn build(mut entries: Vec<(u64, u32)>) -> Result<Self, Clash> {
        // In the order of buckets: neighbours in memory, and the same file from the same lists.
        entries.sort_unstable();
        let count = (entries.len() * 100).div_ceil(SLOTS * FULLNESS_PERCENT);
        let mut buckets = vec![Bucket::default(); count].into_boxed_slice();
        for (fingerprint, value) in &entries {
            place(&mut buckets, *fingerprint, *value)?;
        }
        let table = Self::of(buckets);
        let told = |(fingerprint, value): &(u64, u32)| table.get(*fingerprint) == Some(*value);
        if entries.iter().all(told) { Ok(table) } else { Err(Clash) }
    }

    /// As read from a file.
    pub(super) fn of_buckets(buckets: Vec<Bucket>) -> Self {
        Self::of(buckets.into_boxed_slice())
    }

    fn of(buckets: Box<[Bucket]>) -> Self {
        let sieve = (0..buckets.len()).map(|number| sifted(&buckets, number)).collect();
        Self { buckets, sieve }
    }

    /// Bytes that it takes in memory.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.buckets) + size_of_val(&*self.sieve)
    }

    pub(super) fn buckets(&self) -> &[Bucket] {
        &self.buckets
    }

    /// The value of a fingerprint.
    pub(super) fn get(&self, fingerprint: u64) -> Option<u32> {
        let mut number = quotient(fingerprint, self.buckets.len());
        let bits = sieve_bits(remainder(fingerprint));
        if self.sieve.get(number)? & bits != bits {
            return None;
        }
        let sought = remainder(fingerprint);
        for _ in 0..MAX_PROBES {
            let Bucket(slots) = self.buckets.get(number)?;
            let mut found = 0;
            for slot in slots {
                // Without a branch for each: no fingerprint stands twice in a bucket.
                let alike = slot >> REMAINDER_SHIFT == sought;
                found |= if alike { slot & u64::from(MAX_VALUE) } else { 0 };
            }
            if found != 0 {
                return u32::try_from(found).ok();
            }
            if slots[0] & SPILLED == 0 {
                return None;
            }
            number = next(number, self.buckets.len());
        }
        None
    }
}

/// The bits of all entries of a bucket, and of those to which it may have sent some of its own.
fn sifted(buckets: &[Bucket], first: usize) -> u64 {
    let (mut bits, mut number) = (0, first);
    for _ in 0..MAX_PROBES {
        let Some(Bucket(slots)) = buckets.get(number) else { break };
        let taken = slots.iter().filter(|slot| **slot & u64::from(MAX_VALUE) != 0);
        bits = taken.fold(bits, |bits, slot| bits | sieve_bits(slot >> REMAINDER_SHIFT));
        if slots[0] & SPILLED == 0 {
            break;
        }
        number = next(number, buckets.len());
    }
    bits
}

/// Four bits of a word, by 24 bits of what is kept of a fingerprint.
fn sieve_bits(remainder: u64) -> u64 {
    [0, 6, 12, 18].iter().fold(0, |bits, shift| bits | 1 << (remainder >> shift & 63))
}

fn place(buckets: &mut [Bucket], fingerprint: u64, value: u32) -> Result<(), Clash> {
    let count = buckets.len();
    let mut number = quotient(fingerprint, count);
    for _ in 0..MAX_PROBES {
        let Bucket(slots) = buckets.get_mut(number).ok_or(Clash)?;
        let alike = |slot: &&mut u64| {
            **slot & u64::from(MAX_VALUE) != 0
                && **slot >> REMAINDER_SHIFT == remainder(fingerprint)
        };
        if slots.iter_mut().any(|slot| alike(&slot)) {
            return Err(Clash);
        }
        if let Some(free) = slots.iter_mut().find(|slot| **slot & u64::from(MAX_VALUE) == 0) {
            *free |= remainder(fingerprint) << REMAINDER_SHIFT | u64::from(value & MAX_VALUE);
            return Ok(());
        }
        slots[0] |= SPILLED;
        number = next(number, count);
    }
    Err(Clash)
}

/// The bucket: the high half of the fingerprint, scaled to their number.
#[allow(clippy::cast_possible_truncation, reason = "it is below `buckets`")]
fn quotient(fingerprint: u64, buckets: usize) -> usize {
    (((fingerprint >> 32) * buckets as u64) >> 32) as usize
}

fn remainder(fingerprint: u64) -> u64 {
    fingerprint & ((1 << (64 - REMAINDER_SHIFT)) - 1)
}

fn next(number: usize, buckets: usize) -> usize {
    if number + 1 == buckets { 0 } else { number + 1 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_empty_table_knows_nothing() {
        let table = Table::build(Vec::new()).unwrap();
        assert_eq!(table.get(0), None);
        assert_eq!(table.get(u64::MAX), None);
    }

    #[test]
    fn a_bucket_that_overflows_spills_into_the_next() {
        // All of one bucket, the last: the spill goes round to the first.
        let entries: Vec<_> = (1..=20).map(|i| (u64::MAX << 32 | u64::from(i), i)).collect();
        let table = Table::build(entries.clone()).unwrap();
        for (fingerprint, value) in entries {
            assert_eq!(table.get(fingerprint), Some(value));
        }
        assert_eq!(table.get((u64::MAX << 32) + 21), None);
    }

    #[test]
    fn fingerprints_that_cannot_be_told_apart_are_refused() {
        assert_eq!(Table::build(vec![(7, 1), (7, 2)]).err(), Some(Clash));
        // They differ in bits that neither choose the bucket nor are kept.
        assert_eq!(Table::build(vec![(7, 1), (7 | 1 << 40, 2)]).err(), Some(Clash));
    }

    proptest! {
        #[test]
        fn what_was_put_in_is_found_and_nothing_else(
            entries in proptest::collection::btree_map(any::<u64>(), 1..=MAX_VALUE, 0..400),
            others in proptest::collection::vec(any::<u64>(), 0..100),
        ) {
            let table = Table::build(entries.clone().into_iter().collect()).unwrap();
            for (fingerprint, value) in &entries {
                prop_assert_eq!(table.get(*fingerprint), Some(*value));
            }
            for other in others.iter().filter(|other| !entries.contains_key(other)) {
                prop_assert_eq!(table.get(*other), None);
            }
        }
    }
}
