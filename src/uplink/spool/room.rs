//! What is done for room, and in which order: pure.

use super::rewrite::Level;

/// The parts of the quota from which on values are thinned: three of four.
const NEAR: (u64, u64) = (3, 4);

/// A segment that may be rewritten or dropped, as the decision sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Which.
    pub number: u64,
    /// How far it was thinned.
    pub level: Level,
}

/// One thing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Put its bodies together by series; nothing is lost.
    Fold(u64),
    /// Thin it.
    Thin(u64, Level),
    /// Drop it.
    Drop(u64),
}

/// The next step for segments, oldest first, that take so many bytes of the quota. Every one is put
/// together once it is whole. Near the quota all are thinned to a minute, the oldest first, then all to 15;
/// the oldest is dropped only past the quota, when there is nothing left to thin.
pub fn next(seen: &[Seen], bytes: u64, quota: u64) -> Option<Step> {
    let oldest_below = |level| seen.iter().find(|one| one.level < level).map(|one| one.number);
    if let Some(number) = oldest_below(Level::Whole) {
        return Some(Step::Fold(number));
    }
    if bytes > quota / NEAR.1 * NEAR.0 {
        for level in [Level::Minute, Level::Quarter] {
            if let Some(number) = oldest_below(level) {
                return Some(Step::Thin(number, level));
            }
        }
    }
    seen.first().filter(|_| bytes > quota).map(|oldest| Step::Drop(oldest.number))
}

#[cfg(test)]
mod tests {
    use Level::{Collected, Minute, Quarter, Whole};

    use super::*;

    fn seen(levels: &[Level]) -> Vec<Seen> {
        (1..).zip(levels).map(|(number, &level)| Seen { number, level }).collect()
    }

    #[test]
    fn nothing_is_thinned_before_the_quota_is_near_nor_dropped_before_all_is_thinned() {
        for (levels, bytes, step) in [
            (&[Whole, Whole, Collected][..], 10, Some(Step::Fold(3))),
            (&[Whole, Whole, Whole], 75, None),
            (&[Whole, Whole, Whole], 76, Some(Step::Thin(1, Minute))),
            (&[Minute, Whole, Whole], 76, Some(Step::Thin(2, Minute))),
            (&[Minute, Minute, Minute], 76, Some(Step::Thin(1, Quarter))),
            (&[Quarter, Quarter, Whole], 200, Some(Step::Thin(3, Minute))),
            (&[Quarter, Quarter, Quarter], 100, None),
            (&[Quarter, Quarter, Quarter], 101, Some(Step::Drop(1))),
            (&[], 500, None),
        ] {
            assert_eq!(next(&seen(levels), bytes, 100), step, "{levels:?} {bytes}");
        }
    }
}
