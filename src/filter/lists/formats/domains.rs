//! One name a line: `example.org`, `.example.org` or `*.example.org`, all of which mean the name and
//! those below it, as the makers of such lists do. `#` begins a comment.

use super::{Found, Why};
use crate::filter::{
    host::Host,
    lists::build::{Rule, Scope},
};

/// Reads a line.
pub fn line(line: &str, each: &mut dyn FnMut(Found<'_>)) {
    let text = line.split('#').next().unwrap_or_default().trim();
    // Some lists have comments of the AdGuard kind.
    if text.is_empty() || text.starts_with('!') {
        return;
    }
    if text.contains(char::is_whitespace) {
        return each(Found::Bad(Why::Other("more than one word on the line")));
    }
    let name = text.strip_prefix("*.").or_else(|| text.strip_prefix('.')).unwrap_or(text);
    each(match Host::parse(name) {
        Ok(host) => Found::Listed(Rule::Host(host, Scope::Whole)),
        Err(bad) => Found::Bad(bad.into()),
    });
}

#[cfg(test)]
mod tests {
    use super::super::testing::read;

    #[test]
    fn a_name_with_or_without_star_means_itself_and_what_is_below() {
        let line = super::line;
        for text in ["Example.org", "*.example.org", ".example.org  # why", "example.org."] {
            assert_eq!(read(line, text), ["listed example.org Whole"], "{text}");
        }
        assert!(read(line, "# comment").is_empty() && read(line, "  ").is_empty());
        assert_eq!(read(line, "a b"), ["bad"]);
        assert_eq!(read(line, "a*b.*.org"), ["listed a*b.*.org Whole"]);
    }
}
