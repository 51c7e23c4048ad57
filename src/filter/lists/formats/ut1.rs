//! The lists of the Université Toulouse Capitole: a folder a category, with `domains`, `urls`,
//! `expressions` and `usage`. What a line means is what squidGuard makes of it.

mod archive;
mod tree;

use super::{Found, Why};
use crate::filter::{
    host::Host,
    lists::{
        Purpose, Subject,
        build::{Rule, Scope},
    },
    target::split_authority,
};

pub(super) use self::{archive::read_archive, tree::read_tree};

/// Bytes read of a `usage` file, and words kept of it.
const MAX_USAGE_BYTES: u64 = 4 * 1024;
const MAX_TAGS: usize = 16;
/// Characters of the name of a category.
const MAX_CATEGORY_CHARS: usize = 64;

/// A line of `domains`: a name, which covers all below it, or an address. Dots in front are not
/// minded. A single label covers a whole top-level domain.
pub fn domain(line: &str, each: &mut dyn FnMut(Found<'_>)) {
    let text = line.trim();
    if text.is_empty() || text.starts_with('#') {
        return;
    }
    each(match Host::parse(text.trim_start_matches('.')) {
        Ok(host) => Found::Listed(Rule::Host(host, Scope::Whole)),
        Err(bad) => Found::Bad(bad.into()),
    });
}

/// A line of `urls`: the beginning of a URL without its scheme. A port is not minded. What has no
/// path means every URL of the host.
pub fn url(line: &str, each: &mut dyn FnMut(Found<'_>)) {
    let Some(text) = line.split_whitespace().next() else { return };
    if text.starts_with('#') {
        return;
    }
    let text = text.split_once("://").map_or(text, |(_, rest)| rest);
    let path = text.find(['/', '?']).unwrap_or(text.len());
    let (authority, path) = text.split_at(path);
    each(match split_authority(authority) {
        Ok((host, _)) => Found::Listed(Rule::Url(host, path)),
        Err(bad) => Found::Bad(bad.into()),
    });
}

/// A line of `expressions`: a POSIX extended regular expression on the URL.
pub fn expression(line: &str, each: &mut dyn FnMut(Found<'_>)) {
    let text = line.trim();
    if !text.is_empty() && !text.starts_with('#') {
        each(Found::Listed(Rule::Posix(text, Subject::Url)));
    }
}

/// A `usage` file: which colours the category may have, the usual one first, and further words.
pub fn usage(text: &str) -> (Purpose, Vec<String>) {
    let mut purpose = Purpose::Unsaid;
    let mut tags = Vec::new();
    let lines = text.lines().map(str::trim);
    for word in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        purpose = match (word, purpose) {
            ("black", Purpose::Unsaid) => Purpose::Black,
            ("white", Purpose::Unsaid) => Purpose::White,
            ("black", Purpose::White) => Purpose::WhiteOrBlack,
            ("white", Purpose::Black) => Purpose::BlackOrWhite,
            ("black" | "white", said) => said,
            (tag, said) => {
                if tags.len() < MAX_TAGS {
                    tags.push(tag.chars().take(MAX_CATEGORY_CHARS).collect());
                }
                said
            }
        };
    }
    (purpose, tags)
}

/// May a folder's name be that of a category?
pub(super) fn is_category_name(name: &str) -> bool {
    (1..=MAX_CATEGORY_CHARS).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
        && !name.starts_with('.')
}

/// The files of a category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Domains,
    Urls,
    Expressions,
}

impl Part {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Domains, "domains"), (Self::Urls, "urls"), (Self::Expressions, "expressions")];

    /// `domains` is whole; `domains.0`, `domains.1` are the first pieces of it, cut anywhere.
    fn of_name(name: &str) -> Option<(Self, Option<u32>)> {
        let (stem, piece) = name.split_once('.').map_or((name, None), |(s, n)| (s, Some(n)));
        let (part, _) = Self::ALL.into_iter().find(|(_, own)| *own == stem)?;
        match piece {
            None => Some((part, None)),
            Some(piece) => Some((part, Some(piece.parse().ok()?))),
        }
    }

    fn reader(self) -> super::Reader {
        match self {
            Self::Domains => super::Reader::Ut1Domains,
            Self::Urls => super::Reader::Ut1Urls,
            Self::Expressions => super::Reader::Ut1Expressions,
        }
    }
}

/// Why a piece of a split file is not taken.
const OUT_OF_ORDER: Why = Why::Other("a piece of a split file is missing or out of order");

#[cfg(test)]
mod tests {
    use super::{super::testing::read, *};

    #[test]
    fn a_domain_is_a_name_with_all_below_or_an_address() {
        for (text, found) in [
            ("example.org", "listed example.org Whole"),
            (".afshin.example", "listed afshin.example Whole"),
            ("Caf\u{e9}.example", "listed xn--caf-dma.example Whole"),
            ("xxx", "listed xxx Whole"),
            ("ends-.example", "listed ends-.example Whole"),
            ("_a._b.example", "listed _a._b.example Whole"),
            ("192.0.2.1", "listed 192.0.2.1 Whole"),
            ("a..b", "bad"),
            ("a b", "bad"),
            ("example.org/path", "bad"),
            ("# comment", ""),
        ] {
            assert_eq!(read(domain, text).join(";"), found, "{text}");
        }
    }

    #[test]
    fn a_url_is_a_host_and_the_beginning_of_a_path() {
        for (text, found) in [
            ("example.org/Bar", "listed example.org /Bar"),
            ("http://example.org:8080/bar", "listed example.org /bar"),
            ("192.0.2.1/x", "listed 192.0.2.1 /x"),
            ("example.org", "listed example.org "),
            ("example.org?q=1", "listed example.org ?q=1"),
            ("a.example/type:x", "listed a.example /type:x"),
            ("/path", "bad"),
        ] {
            assert_eq!(read(url, text).join(";"), found, "{text}");
        }
    }

    #[test]
    fn usage_tells_the_usual_colour_first() {
        assert_eq!(usage("black\n"), (Purpose::Black, vec![]));
        assert_eq!(usage("#\tnote\nwhite\nblack\n").0, Purpose::WhiteOrBlack);
        assert_eq!(usage("black\nwhite\n").0, Purpose::BlackOrWhite);
        assert_eq!(usage("black\nadult\nporn\n").1, ["adult", "porn"]);
        assert_eq!(usage("").0, Purpose::Unsaid);
    }

    #[test]
    fn files_and_their_pieces_are_known_by_name() {
        assert_eq!(Part::of_name("domains"), Some((Part::Domains, None)));
        assert_eq!(Part::of_name("domains.12"), Some((Part::Domains, Some(12))));
        for other in ["domains.gz", "urls-2024", "usage", "very_restrictive_expression"] {
            assert_eq!(Part::of_name(other), None, "{other}");
        }
    }
}
