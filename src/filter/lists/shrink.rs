//! Is an update too small to be believed? A list that lost a fifth of itself overnight was cut
//! short, emptied or replaced on its way more often than it was cleaned.

use std::{collections::BTreeMap, fmt};

use super::Lists;

/// Share of a category that an update may take away, in hundredths, unless the caller says
/// otherwise.
pub const DEFAULT_SHARE_PERCENT: u8 = 20;
/// Rules below which a category may shrink as it likes: there, one removal is a large share.
pub const FLOOR_RULES: u64 = 100;

/// A category that would lose too much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shrunk {
    /// Its name.
    pub category: String,
    /// Rules in force.
    pub before: u64,
    /// Rules of the update; 0 when the category is not in it.
    pub after: u64,
}

impl fmt::Display for Shrunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} rules before, {} now", self.category, self.before, self.after)
    }
}

/// Rules by category.
pub type Counts = BTreeMap<String, u64>;

/// The categories that would lose more than `share_percent` hundredths of their rules. When there
/// is any, the update is not to be taken.
pub fn shrunk(before: &Counts, after: &Counts, share_percent: u8) -> Vec<Shrunk> {
    let kept_percent = 100 - u64::from(share_percent.min(100));
    let mut shrunk = Vec::new();
    for (category, before) in before {
        let after = after.get(category).copied().unwrap_or(0);
        let too_few = u128::from(after) * 100 < u128::from(*before) * u128::from(kept_percent);
        if *before >= FLOOR_RULES && too_few {
            shrunk.push(Shrunk { category: category.clone(), before: *before, after });
        }
    }
    shrunk
}

impl Lists {
    /// Rules by category, for [`shrunk`].
    pub fn counts(&self) -> Counts {
        self.categories().map(|(_, about)| (about.name.clone(), about.rules.total())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(of: &[(&str, u64)]) -> Counts {
        of.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    }

    #[test]
    fn a_list_that_shrinks_by_more_than_its_share_is_refused() {
        let before = counts(&[("adult", 1000), ("games", 1000)]);
        assert!(shrunk(&before, &counts(&[("adult", 800), ("games", 5000)]), 20).is_empty());
        let refused = shrunk(&before, &counts(&[("adult", 799), ("games", 1000)]), 20);
        assert_eq!(refused.len(), 1);
        assert_eq!(refused[0].to_string(), "adult: 1000 rules before, 799 now");
    }

    #[test]
    fn a_list_that_is_gone_has_shrunk_to_nothing() {
        let refused = shrunk(&counts(&[("adult", 1000)]), &counts(&[]), 99);
        assert_eq!((refused[0].before, refused[0].after), (1000, 0));
        assert!(shrunk(&counts(&[("adult", 1000)]), &counts(&[]), 100).is_empty());
    }

    #[test]
    fn small_lists_and_new_ones_may_change_as_they_like() {
        assert!(shrunk(&counts(&[("child", 99)]), &counts(&[("child", 1)]), 20).is_empty());
        assert!(shrunk(&counts(&[]), &counts(&[("child", 1)]), 20).is_empty());
        assert_eq!(shrunk(&counts(&[("child", 100)]), &counts(&[("child", 1)]), 0).len(), 1);
    }
}
