//! Which bytes of a body are here: a set of ranges, kept sorted, apart and few. Pure.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// Ranges that one body may be held in; more are refused rather than tracked.
pub const MAX_RANGES: usize = 16 * 1024;

/// Sorted, disjoint, never touching, never empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held(Vec<(u64, u64)>);

impl Held {
    /// Adds bytes; what touches or overlaps becomes one. `false` where that would be too many.
    pub fn add(&mut self, range: Range<u64>) -> bool {
        if range.is_empty() {
            return true;
        }
        let first = self.0.partition_point(|(_, end)| *end < range.start);
        let last = self.0.partition_point(|(start, _)| *start <= range.end);
        let (mut start, mut end) = (range.start, range.end);
        if first < last {
            start = start.min(self.0[first].0);
            end = end.max(self.0[last - 1].1);
        } else if self.0.len() >= MAX_RANGES {
            return false;
        }
        self.0.splice(first..last, [(start, end)]);
        true
    }

    /// Where the held run that contains `at` ends.
    pub fn run_end(&self, at: u64) -> Option<u64> {
        let next = self.0.partition_point(|(_, end)| *end <= at);
        self.0.get(next).filter(|(start, _)| *start <= at).map(|(_, end)| *end)
    }

    /// The first bytes of `range` that are not here.
    pub fn first_gap(&self, range: Range<u64>) -> Option<Range<u64>> {
        let start = self.run_end(range.start).unwrap_or(range.start);
        if start >= range.end {
            return None;
        }
        let next = self.0.partition_point(|(from, _)| *from <= start);
        let end = self.0.get(next).map_or(range.end, |(from, _)| range.end.min(*from));
        Some(start..end)
    }

    /// Are all of these here?
    pub fn covers(&self, range: Range<u64>) -> bool {
        self.first_gap(range).is_none()
    }

    /// Number of bytes here.
    pub fn bytes(&self) -> u64 {
        self.0.iter().map(|(start, end)| end - start).sum()
    }

    /// Is what was read from a file what this type keeps, within `total` bytes?
    pub fn is_sound(&self, total: u64) -> bool {
        self.0.len() <= MAX_RANGES
            && self.0.iter().all(|(start, end)| start < end && *end <= total)
            && self.0.windows(2).all(|pair| pair[0].1 < pair[1].0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_holds_what_was_added_and_nothing_else(
            added in proptest::collection::vec((0u64..60, 0u64..20), 0..12),
            asked in (0u64..70, 0u64..30),
        ) {
            let mut held = Held::default();
            let mut plain = [false; 100];
            for (start, length) in added {
                prop_assert!(held.add(start..start + length));
                (start..start + length).for_each(|at| plain[usize::try_from(at).unwrap()] = true);
            }
            prop_assert!(held.is_sound(100));
            let here = |at: u64| plain[usize::try_from(at).unwrap()];
            prop_assert_eq!(held.bytes(), (0..100).filter(|at| here(*at)).count() as u64);
            let range = asked.0..asked.0 + asked.1;
            let gap = range.clone().find(|at| !here(*at)).map(|start| {
                let end = (start..range.end).find(|at| here(*at)).unwrap_or(range.end);
                start..end
            });
            prop_assert_eq!(held.first_gap(range), gap);
            for at in 0..80 {
                let end = here(at).then(|| (at..100).find(|at| !here(*at)).unwrap());
                prop_assert_eq!(held.run_end(at), end);
            }
        }
    }
}
