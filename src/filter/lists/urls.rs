//! Beginnings of URLs, by host. The one place where a compiled file keeps text.

use std::collections::BTreeMap;

use super::meaning::{Meaning, Meanings};

/// No other rule of the host begins this one.
const NO_PARENT: u32 = u32::MAX;
/// Bytes of the longest rule's path.
pub(super) const MAX_PATH_BYTES: usize = 2 * 1024;

/// A path and query with which a URL of the host begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rule {
    /// Where its text begins.
    pub(super) at: u32,
    /// Bytes of it.
    pub(super) length: u32,
    /// The longest rule of the same host with which this one begins, by number.
    pub(super) parent: u32,
    /// By number.
    pub(super) meaning: u32,
}

/// All rules, those of a host together and in the order of their text.
#[derive(Debug, Default)]
pub(super) struct Urls {
    /// Where the rules of each host begin, and the end.
    pub(super) starts: Box<[u32]>,
    pub(super) rules: Box<[Rule]>,
    pub(super) text: Box<[u8]>,
}

/// A rule that matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hit {
    /// By number.
    pub(super) meaning: u32,
    /// Bytes of the path that the rule names.
    pub(super) length: usize,
}

impl Urls {
    /// Of rules by host and path. Hosts are numbered in order.
    pub(super) fn build(
        hosts: &BTreeMap<Vec<u8>, BTreeMap<Vec<u8>, Meaning>>,
        meanings: &mut Meanings,
    ) -> Option<Self> {
        let (mut starts, mut rules, mut text) = (vec![0], Vec::new(), Vec::new());
        for paths in hosts.values() {
            // Rules that may begin the next: in sorted order, a stack.
            let mut open: Vec<(u32, &[u8])> = Vec::new();
            for (path, meaning) in paths {
                while open.last().is_some_and(|(_, begin)| !path.starts_with(begin)) {
                    open.pop();
                }
                let number = u32::try_from(rules.len()).ok()?;
                rules.push(Rule {
                    at: u32::try_from(text.len()).ok()?,
                    length: u32::try_from(path.len()).ok()?,
                    parent: open.last().map_or(NO_PARENT, |(number, _)| *number),
                    meaning: meanings.number(*meaning),
                });
                text.extend_from_slice(path);
                open.push((number, path));
            }
            starts.push(u32::try_from(rules.len()).ok()?);
        }
        Some(Self { starts: starts.into(), rules: rules.into(), text: text.into() })
    }

    /// May it be asked? Of what a file held.
    pub(super) fn is_sound(&self) -> bool {
        let fits = |(number, rule): (usize, &Rule)| {
            let end = u64::from(rule.at) + u64::from(rule.length);
            // Each parent stands before its child, so that every walk ends.
            end <= self.text.len() as u64
                && (rule.parent == NO_PARENT || (rule.parent as usize) < number)
        };
        self.starts.is_sorted()
            && self.starts.last().is_none_or(|end| *end as usize == self.rules.len())
            && self.rules.iter().enumerate().all(fits)
    }

    /// Visits the rules of a host with which `path` begins, longest first, until told to stop.
    /// Says whether it was not.
    pub(super) fn matches(
        &self,
        host: usize,
        path: &[u8],
        visit: &mut dyn FnMut(Hit) -> bool,
    ) -> bool {
        let bounds = (self.starts.get(host), self.starts.get(host + 1));
        let (Some(begin), Some(end)) = bounds else { return true };
        let (begin, end) = (*begin as usize, *end as usize);
        let rules = self.rules.get(begin..end).unwrap_or_default();
        // What begins `path` begins also the last rule that sorts before it, or is that rule.
        let before = rules.partition_point(|rule| self.text_of(rule) <= path);
        let mut number = before.checked_sub(1).map(|last| begin + last);
        while let Some(rule) = number.and_then(|number| self.rules.get(number)) {
            if path.starts_with(self.text_of(rule)) {
                let hit = Hit { meaning: rule.meaning, length: rule.length as usize };
                if !visit(hit) {
                    return false;
                }
            }
            number = (rule.parent != NO_PARENT).then_some(rule.parent as usize);
        }
        true
    }

    fn text_of(&self, rule: &Rule) -> &[u8] {
        let begin = rule.at as usize;
        self.text.get(begin..begin + rule.length as usize).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::filter::{category::CategorySet, lists::meaning::Sides};

    fn meaning(bits: u128) -> Meaning {
        let listed = CategorySet::from_bits(bits);
        Meaning { itself: Sides { listed, ..Sides::default() }, ..Meaning::default() }
    }

    fn build(paths: &[&str]) -> Urls {
        let paths = paths.iter().zip(1..);
        let paths = paths.map(|(path, n)| (path.as_bytes().to_vec(), meaning(n))).collect();
        let hosts = BTreeMap::from([
            (b"h.example".to_vec(), paths),
            (b"other.example".to_vec(), BTreeMap::from([(b"/x".to_vec(), meaning(99))])),
        ]);
        Urls::build(&hosts, &mut Meanings::default()).unwrap()
    }

    fn lengths(urls: &Urls, path: &str) -> Vec<usize> {
        let mut lengths = Vec::new();
        urls.matches(0, path.as_bytes(), &mut |hit| {
            lengths.push(hit.length);
            true
        });
        lengths
    }

    #[test]
    fn every_rule_that_begins_a_url_is_found_longest_first() {
        let urls = build(&["/bar", "/bar/deeper", "/bar/d", "/foo", "/bar/deeper/still", "/"]);
        assert!(urls.is_sound());
        assert_eq!(lengths(&urls, "/bar/deeper/x"), [11, 6, 4, 1]);
        assert_eq!(lengths(&urls, "/barista"), [4, 1]);
        assert_eq!(lengths(&urls, "/ba"), [1]);
        assert_eq!(lengths(&urls, "/zzz"), [1]);
        assert_eq!(lengths(&urls, "/x"), [1]);
    }

    #[test]
    fn a_visitor_that_has_enough_is_asked_no_more() {
        let urls = build(&["/", "/a", "/a/b"]);
        let mut visits = 0;
        assert!(!urls.matches(0, b"/a/b", &mut |_| {
            visits += 1;
            visits < 2
        }));
        assert_eq!(visits, 2);
    }

    proptest! {
        #[test]
        fn the_walk_finds_what_a_look_at_every_rule_finds(
            paths in proptest::collection::btree_set("/[ab/]{0,6}", 1..30),
            asked in "/[ab/]{0,8}",
        ) {
            let all: Vec<_> = paths.iter().map(String::as_str).collect();
            let mut expected: Vec<_> =
                all.iter().filter(|path| asked.starts_with(**path)).map(|path| path.len()).collect();
            expected.reverse();
            prop_assert_eq!(lengths(&build(&all), &asked), expected);
        }
    }
}
