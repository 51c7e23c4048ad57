//! How far the region has taken what was spooled: a small file, replaced whole.

use std::path::Path;

use super::file;
use crate::store::{StoreError, durable};

const NAME: &str = "taken";
/// Three numbers are far shorter.
const MAX_BYTES: u64 = 200;

/// All before it was taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cursor {
    /// Of which segment.
    pub number: u64,
    /// Of which of its rewritings: in another, nothing was taken yet.
    pub generation: u32,
    /// Bytes of that file.
    pub offset: u64,
}

impl Cursor {
    /// What was kept; one that cannot be read is the beginning: all is then sent again.
    pub fn read(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(NAME);
        let Some(bytes) = durable::read_small(&path, MAX_BYTES)? else {
            return Ok(Self::default());
        };
        let cursor = str::from_utf8(&bytes).ok().and_then(Self::parse);
        if cursor.is_none() {
            tracing::warn!(path = %path.display(), "what the region took is forgotten: damaged");
        }
        Ok(cursor.unwrap_or_default())
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace();
        let cursor = Self {
            number: words.next()?.parse().ok().filter(|&number| number < u64::MAX)?,
            generation: words.next()?.parse().ok()?,
            offset: words.next()?.parse().ok()?,
        };
        words.next().is_none().then_some(cursor)
    }

    /// Keeps it.
    pub fn keep(self, folder: &Path) -> Result<(), StoreError> {
        let Self { number, generation, offset } = self;
        let text = format!("{number} {generation} {offset}\n");
        durable::replace(&folder.join(NAME), &file::draft(folder, 0), text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_was_kept_and_damage_is_the_beginning() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Cursor::read(folder.path()).unwrap(), Cursor::default());
        let cursor = Cursor { number: 7, generation: 2, offset: 4096 };
        cursor.keep(folder.path()).unwrap();
        assert_eq!(Cursor::read(folder.path()).unwrap(), cursor);
        for text in ["", "7 2", "7 2 4096 1", "7 -2 4096", "\u{fffd}", "18446744073709551615 0 0"] {
            std::fs::write(folder.path().join(NAME), text).unwrap();
            assert_eq!(Cursor::read(folder.path()).unwrap(), Cursor::default(), "{text}");
        }
    }
}
