//! Families: parents that have most of their children in common.
//!
//! In UT1, four names of five are one of 62,588 blogs under 70 suffixes of one blog service. Such
//! children are kept once for all parents, by label, with a row that says what each means below
//! which parent. Rows are interned: few differ. Nothing is guessed: the row of a label says
//! exactly which of the family's parents list it, and as what.

use std::collections::{BTreeMap, HashSet};

use super::{Key, Names};
use crate::filter::lists::meaning::Member;

/// Children below which a parent is not looked at.
const MIN_CHILDREN: usize = 256;
/// Labels by which parents are compared: those of the smallest fingerprints.
const SKETCH_LABELS: usize = 64;
/// Of these, how many the first parent of a family must have too.
const MIN_SHARED: usize = 32;
/// Parents of one family.
const MAX_MEMBERS: usize = 1024;
/// Families.
const MAX_FAMILIES: usize = 1024;
/// Labels times parents that one family may have while it is worked out (four bytes each).
const MAX_CELLS: usize = 64_000_000;
/// Bytes that an entry of the table takes, and a cell of a row.
const ENTRY_BYTES: usize = 9;
const CELL_BYTES: usize = 4;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Families {
    /// The place of each parent.
    pub(super) parents: BTreeMap<Vec<u8>, Member>,
    /// Family, label, and where the row begins.
    pub(super) children: Vec<(u16, Vec<u8>, u32)>,
    /// Rows of meanings by number, one after the other.
    pub(super) rows: Vec<u32>,
    /// By number of the name: is it a child that stands in a row?
    folded: Vec<bool>,
    count: usize,
}

/// A parent with many children: `first..end` of the names sorted by parent.
#[derive(Debug, Clone, Copy)]
struct Parent<'a> {
    name: &'a [u8],
    first: usize,
    end: usize,
}

impl Families {
    /// Looks for families among the names.
    pub(super) fn find(names: &Names) -> Self {
        let by_parent = sorted_by_parent(names);
        let mut parents: Vec<Parent<'_>> = by_parent
            .chunk_by(|a, b| a.0 == b.0)
            .scan(0, |begin, same| {
                let first = *begin;
                *begin += same.len();
                Some((first, same))
            })
            .filter(|(_, same)| same.len() >= MIN_CHILDREN)
            .filter_map(|(first, same)| parent_of(names, first, same))
            .collect();
        // The largest first: it leads its family. Then by name, to be the same each time.
        parents.sort_unstable_by(|a, b| {
            (b.end - b.first).cmp(&(a.end - a.first)).then_with(|| a.name.cmp(b.name))
        });
        let groups = group(names, &by_parent, &parents);
        let all_parents: HashSet<&[u8]> = groups.iter().flatten().map(|p| p.name).collect();
        let mut found = Self { folded: vec![false; names.len()], ..Self::default() };
        for members in groups.iter().take(MAX_FAMILIES) {
            found.add(names, &by_parent, members, &all_parents);
        }
        found
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn folded(&self) -> usize {
        self.folded.iter().filter(|folded| **folded).count()
    }

    pub(super) fn is_folded(&self, number: usize) -> bool {
        self.folded.get(number).copied().unwrap_or(false)
    }

    /// Folds the children of one family, as far as that saves memory.
    fn add(
        &mut self,
        names: &Names,
        by_parent: &[(u64, u32)],
        members: &[Parent<'_>],
        all_parents: &HashSet<&[u8]>,
    ) {
        // What each label means below each parent, and the number of that name.
        let mut cells: BTreeMap<&[u8], Vec<(u16, u32, u32)>> = BTreeMap::new();
        for (place, parent) in (0..).zip(members) {
            for (_, number) in by_parent.get(parent.first..parent.end).unwrap_or_default() {
                let Some((name, meaning)) = names.get(*number as usize) else { continue };
                // A parent must be found by its own name.
                if !all_parents.contains(name) {
                    cells.entry(split(name).0).or_default().push((place, meaning, *number));
                }
            }
        }
        if cells.len().saturating_mul(members.len()) > MAX_CELLS {
            return;
        }
        let mut rows: BTreeMap<Vec<u32>, Vec<&[u8]>> = BTreeMap::new();
        for (label, listed) in &cells {
            let mut row = vec![0; members.len()];
            for (place, meaning, _) in listed {
                if let Some(cell) = row.get_mut(usize::from(*place)) {
                    *cell = *meaning;
                }
            }
            rows.entry(row).or_default().push(label);
        }
        let Ok(family) = u16::try_from(self.count) else { return };
        let before = self.children.len();
        for (row, labels) in rows {
            let entries = row.iter().filter(|meaning| **meaning != 0).count();
            let saved = entries.saturating_sub(1) * labels.len() * ENTRY_BYTES;
            let Ok(begin) = u32::try_from(self.rows.len()) else { return };
            if saved <= row.len() * CELL_BYTES {
                continue;
            }
            self.rows.extend(row);
            for label in labels {
                self.children.push((family, label.to_vec(), begin));
                for (_, _, number) in cells.get(label).into_iter().flatten() {
                    if let Some(folded) = self.folded.get_mut(*number as usize) {
                        *folded = true;
                    }
                }
            }
        }
        if self.children.len() > before {
            self.count += 1;
            for (place, parent) in (0..).zip(members) {
                self.parents.insert(parent.name.to_vec(), Member { family, place });
            }
        }
    }
}

/// The first label, and the rest; a name of one label has no parent.
fn split(name: &[u8]) -> (&[u8], Option<&[u8]>) {
    match name.iter().position(|byte| *byte == b'.') {
        Some(dot) => (name.get(..dot).unwrap_or_default(), name.get(dot + 1..)),
        None => (name, None),
    }
}

/// The fingerprint of each name's parent, and the name's number.
fn sorted_by_parent(names: &Names) -> Vec<(u64, u32)> {
    let mut all: Vec<(u64, u32)> = (0..)
        .zip(names.iter())
        .filter_map(|(number, (name, _))| {
            split(name).1.map(|parent| (Key::PROVISIONAL.name(parent), number))
        })
        .collect();
    all.sort_unstable();
    all
}

/// The parent of names whose parents have one fingerprint; `None` when these are not one name.
fn parent_of<'a>(names: &'a Names, first: usize, same: &[(u64, u32)]) -> Option<Parent<'a>> {
    let parent = |number: u32| split(names.get(number as usize)?.0).1;
    let name = parent(same.first()?.1)?;
    let one = same.iter().all(|(_, number)| parent(*number) == Some(name));
    one.then_some(Parent { name, first, end: first + same.len() })
}

/// Puts parents that share their children together; those that share with none are left out.
fn group<'a>(
    names: &Names,
    by_parent: &[(u64, u32)],
    parents: &[Parent<'a>],
) -> Vec<Vec<Parent<'a>>> {
    let mut groups: Vec<(Vec<u64>, Vec<Parent<'a>>)> = Vec::new();
    for parent in parents {
        let labels = labels_of(names, by_parent, parent);
        let sketch = labels.get(..SKETCH_LABELS.min(labels.len())).unwrap_or_default();
        let alike = |(leader, members): &&mut (Vec<u64>, Vec<Parent<'a>>)| {
            let shared = sketch.iter().filter(|label| leader.binary_search(label).is_ok());
            members.len() < MAX_MEMBERS && shared.count() >= MIN_SHARED
        };
        match groups.iter_mut().find(alike) {
            Some((_, members)) => members.push(*parent),
            None => groups.push((labels, vec![*parent])),
        }
    }
    groups.into_iter().map(|(_, members)| members).filter(|members| members.len() > 1).collect()
}

/// Fingerprints of the labels below a parent, sorted.
fn labels_of(names: &Names, by_parent: &[(u64, u32)], parent: &Parent<'_>) -> Vec<u64> {
    let children = by_parent.get(parent.first..parent.end).unwrap_or_default();
    let label = |(_, number): &(u64, u32)| {
        names.get(*number as usize).map(|(name, _)| Key::PROVISIONAL.name(split(name).0))
    };
    let mut labels: Vec<u64> = children.iter().filter_map(label).collect();
    labels.sort_unstable();
    labels
}
