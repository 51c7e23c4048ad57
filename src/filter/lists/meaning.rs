//! What it means that something is listed, interned: a few hundred meanings for millions of names.

use std::collections::HashMap;

use crate::filter::category::CategorySet;

/// Categories that list something, and categories whose own list takes it out again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Sides {
    /// They list it.
    pub listed: CategorySet,
    /// They take it out (`@@`, `rpz-passthru`).
    pub excepted: CategorySet,
}

impl Sides {
    /// Nobody says anything.
    pub fn is_empty(self) -> bool {
        self.listed.is_empty() && self.excepted.is_empty()
    }

    pub(super) fn add(&mut self, other: Self) {
        self.listed |= other.listed;
        self.excepted |= other.excepted;
    }
}

/// The place of a parent in a family: its children are looked up by label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Member {
    pub(super) family: u16,
    pub(super) place: u16,
}

/// Of a name: for itself, and for the names below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Meaning {
    pub(super) itself: Sides,
    pub(super) below: Sides,
    pub(super) member: Option<Member>,
}

/// Bytes of a meaning in the file.
pub(super) const MEANING_BYTES: usize = 68;
const NO_FAMILY: u16 = u16::MAX;

impl Meaning {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        for sides in [self.itself, self.below] {
            out.extend(sides.listed.bits().to_le_bytes());
            out.extend(sides.excepted.bits().to_le_bytes());
        }
        let member = self.member.unwrap_or(Member { family: NO_FAMILY, place: 0 });
        out.extend(member.family.to_le_bytes());
        out.extend(member.place.to_le_bytes());
    }

    pub(super) fn read(bytes: &[u8; MEANING_BYTES]) -> Self {
        let (sets, rest) = bytes.as_chunks::<16>();
        let mut sets = sets.iter().map(|set| CategorySet::from_bits(u128::from_le_bytes(*set)));
        let mut sides = || Sides {
            listed: sets.next().unwrap_or_default(),
            excepted: sets.next().unwrap_or_default(),
        };
        let (itself, below) = (sides(), sides());
        let member = match *rest {
            [a, b, c, d] => {
                Member { family: u16::from_le_bytes([a, b]), place: u16::from_le_bytes([c, d]) }
            }
            _ => Member { family: NO_FAMILY, place: 0 },
        };
        Self { itself, below, member: (member.family != NO_FAMILY).then_some(member) }
    }
}

/// Each meaning once, by number; number 0 means nothing.
#[derive(Debug)]
pub(super) struct Meanings {
    all: Vec<Meaning>,
    numbers: HashMap<Meaning, u32>,
}

impl Default for Meanings {
    fn default() -> Self {
        let nothing = Meaning::default();
        Self { all: vec![nothing], numbers: HashMap::from([(nothing, 0)]) }
    }
}

impl Meanings {
    /// The number of a meaning.
    pub(super) fn number(&mut self, meaning: Meaning) -> u32 {
        let next = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        *self.numbers.entry(meaning).or_insert_with(|| {
            self.all.push(meaning);
            next
        })
    }

    pub(super) fn get(&self, number: u32) -> Meaning {
        self.all.get(number as usize).copied().unwrap_or_default()
    }

    pub(super) fn into_all(self) -> Box<[Meaning]> {
        self.all.into_boxed_slice()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meaning_is_read_as_it_was_written() {
        let sides = |bits: u128| Sides {
            listed: CategorySet::from_bits(bits),
            excepted: CategorySet::from_bits(bits << 64),
        };
        let member = Some(Member { family: 3, place: 69 });
        for meaning in [
            Meaning::default(),
            Meaning { itself: sides(5), below: sides(6), member },
            Meaning { itself: sides(1), ..Meaning::default() },
        ] {
            let mut bytes = Vec::new();
            meaning.write(&mut bytes);
            assert_eq!(Meaning::read(bytes.as_slice().try_into().unwrap()), meaning);
        }
    }

    #[test]
    fn the_same_meaning_has_the_same_number() {
        let mut meanings = Meanings::default();
        let member = Some(Member { family: 0, place: 1 });
        let one = Meaning { member, ..Meaning::default() };
        assert_eq!(meanings.number(Meaning::default()), 0);
        assert_eq!((meanings.number(one), meanings.number(one)), (1, 1));
        assert_eq!(meanings.get(1), one);
        assert_eq!(meanings.get(7), Meaning::default());
    }
}
