//! Categories by number, and sets of them in one register.

use std::ops::{BitAnd, BitOr, BitOrAssign};

/// Categories that one generation of lists may have.
pub const MAX_CATEGORIES: usize = 128;

/// A category of the lists in force; another generation may number them otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Category(u8);

impl Category {
    /// The category of a number below [`MAX_CATEGORIES`].
    pub fn new(number: usize) -> Option<Self> {
        (number < MAX_CATEGORIES).then(|| u8::try_from(number).ok().map(Self)).flatten()
    }

    /// Its number.
    pub fn number(self) -> usize {
        usize::from(self.0)
    }
}

/// A set of categories.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct CategorySet(u128);

impl CategorySet {
    /// None.
    pub const EMPTY: Self = Self(0);

    /// One.
    pub const fn of(category: Category) -> Self {
        Self(1 << category.0)
    }

    /// From its bits, as a compiled list holds them.
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }

    /// Its bits, the lowest for category 0.
    pub const fn bits(self) -> u128 {
        self.0
    }

    /// Is it in?
    pub const fn contains(self, category: Category) -> bool {
        self.0 & (1 << category.0) != 0
    }

    /// Has it none?
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those that are not in `other`.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The one of the lowest number.
    pub fn first(self) -> Option<Category> {
        Category::new(self.0.trailing_zeros() as usize)
    }

    /// All, by number.
    pub fn iter(self) -> impl Iterator<Item = Category> {
        let mut left = self;
        std::iter::from_fn(move || {
            let next = left.first()?;
            left = left.minus(Self::of(next));
            Some(next)
        })
    }
}

impl BitOr for CategorySet {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for CategorySet {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl BitAnd for CategorySet {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl FromIterator<Category> for CategorySet {
    fn from_iter<I: IntoIterator<Item = Category>>(categories: I) -> Self {
        categories.into_iter().map(Self::of).fold(Self::EMPTY, BitOr::bitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in_and_no_other() {
        let of = |number| Category::new(number).unwrap();
        let set: CategorySet = [of(0), of(64), of(127)].into_iter().collect();
        assert_eq!(set.iter().map(Category::number).collect::<Vec<_>>(), [0, 64, 127]);
        assert!(!set.contains(of(63)) && Category::new(128).is_none());
        assert_eq!((set & CategorySet::of(of(64))).first(), Some(of(64)));
        assert!(set.minus(set).is_empty() && CategorySet::EMPTY.first().is_none());
    }
}
