//! Names while they are gathered: text in one piece of memory, sixteen bytes beside each.

use super::{Category, Families, Key, Meaning, Meanings, Scope, sides_of};

/// Bytes of all names: what an offset of 32 bits can reach.
const MAX_TEXT_BYTES: usize = 1024 * 1024 * 1024;
/// Names.
const MAX_NAMES: usize = 32_000_000;

/// A name as a source gave it.
#[derive(Debug, Clone, Copy)]
struct Record {
    fingerprint: u64,
    at: u32,
    length: u8,
    category: Category,
    scope: Scope,
    excepted: bool,
}

/// All of them, in the order they came.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    text: Vec<u8>,
    records: Vec<Record>,
    overflowed: bool,
}

impl Gathered {
    pub(super) fn add(&mut self, name: &[u8], category: Category, scope: Scope, excepted: bool) {
        let at = u32::try_from(self.text.len()).ok().filter(|at| (*at as usize) < MAX_TEXT_BYTES);
        let (Some(at), Ok(length)) = (at, u8::try_from(name.len())) else {
            self.overflowed = true;
            return;
        };
        if self.records.len() >= MAX_NAMES {
            self.overflowed = true;
            return;
        }
        self.text.extend_from_slice(name);
        let fingerprint = Key::PROVISIONAL.name(name);
        self.records.push(Record { fingerprint, at, length, category, scope, excepted });
    }

    pub(super) fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// Joins what is said of each name.
    pub(super) fn join(self, meanings: &mut Meanings) -> Names {
        let Self { text, mut records, .. } = self;
        let name = |record: &Record| slice(&text, record.at, record.length);
        records.sort_unstable_by(|a, b| {
            a.fingerprint.cmp(&b.fingerprint).then_with(|| name(a).cmp(name(b)))
        });
        let mut all: Vec<Entry> = Vec::new();
        for same in records.chunk_by(|a, b| a.fingerprint == b.fingerprint && name(a) == name(b)) {
            let Some(first) = same.first() else { continue };
            let mut meaning = Meaning::default();
            for record in same {
                let sides = sides_of(record.category, record.excepted);
                if record.scope != Scope::Below {
                    meaning.itself.add(sides);
                }
                if record.scope != Scope::Itself {
                    meaning.below.add(sides);
                }
            }
            let meaning = meanings.number(meaning);
            all.push(Entry { at: first.at, length: first.length, meaning });
        }
        Names { text, all }
    }
}

fn slice(text: &[u8], at: u32, length: u8) -> &[u8] {
    text.get(at as usize..at as usize + usize::from(length)).unwrap_or_default()
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    at: u32,
    length: u8,
    meaning: u32,
}

/// Names, each once, with what they mean.
#[derive(Debug, Default)]
pub(super) struct Names {
    text: Vec<u8>,
    all: Vec<Entry>,
}

impl Names {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Each name and the number of its meaning.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], u32)> {
        self.all.iter().map(|entry| (slice(&self.text, entry.at, entry.length), entry.meaning))
    }

    pub(super) fn get(&self, number: usize) -> Option<(&[u8], u32)> {
        let entry = self.all.get(number)?;
        Some((slice(&self.text, entry.at, entry.length), entry.meaning))
    }

    /// Takes out the children of families, and marks their parents, which are added when no
    /// source lists them.
    pub(super) fn fold(&mut self, families: &Families, meanings: &mut Meanings) {
        let Self { text, all } = self;
        let mut number = 0;
        all.retain(|_| {
            number += 1;
            !families.is_folded(number - 1)
        });
        let mut parents = families.parents.clone();
        for entry in all.iter_mut() {
            if let Some(member) = parents.remove(slice(text, entry.at, entry.length)) {
                let member = Some(member);
                entry.meaning = meanings.number(Meaning { member, ..meanings.get(entry.meaning) });
            }
        }
        for (name, member) in parents {
            let at = u32::try_from(text.len()).unwrap_or(u32::MAX);
            let length = u8::try_from(name.len()).unwrap_or(u8::MAX);
            text.extend_from_slice(&name);
            let meaning = Meaning { member: Some(member), ..Meaning::default() };
            all.push(Entry { at, length, meaning: meanings.number(meaning) });
        }
    }
}
