//! What every table of contents goes through: titles for the items it names.

use std::collections::HashMap;

use super::{ContentsEntry, Item};

/// Lines kept of a table of contents; a manual of a thousand pages has some two thousand.
pub(super) const MAX_CONTENTS_LINES: usize = 20_000;

/// Marks in a reference that are tried as the end of its path.
const MAX_MARKS: usize = 8;

/// Splits `path?query#fragment` where the path ends. A path may itself hold `?` or `#`, so the
/// longest one that `known` recognises wins.
pub(super) fn split_href(href: &str, known: impl Fn(&str) -> bool) -> (&str, &str) {
    if known(href) {
        return (href, "");
    }
    let cuts = href
        .char_indices()
        .filter(|(_, c)| matches!(c, '?' | '#'))
        .map(|(at, _)| at)
        .take(MAX_MARKS);
    let first = cuts.clone().next();
    let cut = cuts.filter(|at| href.get(..*at).is_some_and(&known)).last().or(first);
    cut.and_then(|at| href.split_at_checked(at)).unwrap_or((href, ""))
}

/// Gives each item the title of the first line that leads to it.
pub(super) fn give_titles(contents: &[ContentsEntry], items: &mut [Item]) {
    let places: HashMap<String, usize> =
        items.iter().enumerate().map(|(place, item)| (item.path.clone(), place)).collect();
    let mut waiting: Vec<&ContentsEntry> = contents.iter().rev().collect();
    while let Some(entry) = waiting.pop() {
        if let Some(href) = &entry.href {
            let (path, _) = split_href(href, |path| places.contains_key(path));
            if let Some(item) = places.get(path).and_then(|place| items.get_mut(*place))
                && item.title.is_none()
                && !entry.title.is_empty()
            {
                item.title = Some(entry.title.clone());
            }
        }
        waiting.extend(entry.children.iter().rev());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_holds_a_hash_is_told_from_a_fragment() {
        let known = |path: &str| matches!(path, "a#b.html" | "c.html");
        assert_eq!(split_href("a#b.html", known), ("a#b.html", ""));
        assert_eq!(split_href("a#b.html#top", known), ("a#b.html", "#top"));
        assert_eq!(split_href("c.html?page=1#a#b", known), ("c.html", "?page=1#a#b"));
        assert_eq!(split_href("unknown.html#x", known), ("unknown.html", "#x"));
    }
}
