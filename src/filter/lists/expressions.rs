//! Regular expressions: POSIX extended ones of UT1 on the URL, those of AdGuard on the host.
//!
//! The `regex` crate takes linear time whatever the expression; its sizes are bounded here.

use std::fmt;

use regex::bytes::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use super::meaning::Sides;
use crate::filter::category::{Category, CategorySet};

/// Expressions of one compiled file.
pub(super) const MAX_EXPRESSIONS: usize = 512;
/// Bytes of one.
const MAX_PATTERN_BYTES: usize = 4 * 1024;
/// Bytes of one, compiled.
const MAX_PROGRAM_BYTES: usize = 512 * 1024;
/// Bytes of the states that one keeps while it matches.
const MAX_CACHE_BYTES: usize = 256 * 1024;

/// Classes of characters that POSIX names.
const CLASSES: [&str; 12] = [
    "alnum", "alpha", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
    "upper", "xdigit",
];

/// What an expression is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// Host, port and path, where the URL is visible.
    Url,
    /// The host alone, always.
    Host,
}

/// Why an expression is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadExpression {
    /// It is longer than any sane one.
    #[error("the expression is longer than {MAX_PATTERN_BYTES} bytes")]
    TooLong,
    /// It refers to what a group matched, which takes exponential time.
    #[error("back-references are not supported")]
    BackReference,
    /// A bracket is never closed.
    #[error("a bracket is not closed")]
    OpenBracket,
    /// What the compiler of expressions says.
    #[error("{0}")]
    Refused(String),
}

/// An expression as it is kept in the file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Written {
    pub(super) category: usize,
    pub(super) subject: Subject,
    pub(super) excepted: bool,
    /// As in its source, for people.
    pub(super) source: String,
    /// In the syntax of the `regex` crate.
    pub(super) pattern: String,
}

impl Written {
    /// Of a POSIX extended regular expression.
    pub(super) fn posix(source: &str) -> Result<String, BadExpression> {
        let pattern = translate(source)?;
        compile(&pattern).map(|_| pattern)
    }

    /// Of an expression as JavaScript and Perl write it.
    pub(super) fn perl(source: &str) -> Result<String, BadExpression> {
        compile(source).map(|_| source.to_owned())
    }
}

/// All expressions of the lists.
#[derive(Default)]
pub(super) struct Expressions {
    all: Vec<(Regex, Category, Written)>,
}

impl Expressions {
    pub(super) fn new(written: Vec<Written>) -> Result<Self, BadExpression> {
        let read = |written: Written| {
            let category = Category::new(written.category)
                .ok_or_else(|| BadExpression::Refused("of no category".to_owned()))?;
            Ok((compile(&written.pattern)?, category, written))
        };
        Ok(Self { all: written.into_iter().map(read).collect::<Result<_, _>>()? })
    }

    pub(super) fn written(&self) -> impl Iterator<Item = &Written> {
        self.all.iter().map(|(_, _, written)| written)
    }

    /// Is there one on this subject?
    pub(super) fn any_on(&self, subject: Subject) -> bool {
        self.written().any(|written| written.subject == subject)
    }

    /// The categories whose expressions on `subject` match `text`.
    pub(super) fn matching(&self, subject: Subject, text: &[u8]) -> Sides {
        let mut sides = Sides::default();
        for (regex, category, written) in &self.all {
            if written.subject == subject && regex.is_match(text) {
                let side = if written.excepted { &mut sides.excepted } else { &mut sides.listed };
                *side |= CategorySet::of(*category);
            }
        }
        sides
    }

    /// The first expression of `categories` on `subject` that matches.
    pub(super) fn first(
        &self,
        subject: Subject,
        text: &[u8],
        categories: CategorySet,
    ) -> Option<&str> {
        let matching = |(regex, category, written): &&(Regex, Category, Written)| {
            written.subject == subject && categories.contains(*category) && regex.is_match(text)
        };
        self.all.iter().find(matching).map(|(_, _, written)| written.source.as_str())
    }
}

impl fmt::Debug for Expressions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.written().map(|written| &written.source)).finish()
    }
}

fn compile(pattern: &str) -> Result<Regex, BadExpression> {
    if pattern.len() > 2 * MAX_PATTERN_BYTES {
        return Err(BadExpression::TooLong);
    }
    RegexBuilder::new(pattern)
        .case_insensitive(true)
        .unicode(false)
        .dot_matches_new_line(true)
        .size_limit(MAX_PROGRAM_BYTES)
        .dfa_size_limit(MAX_CACHE_BYTES)
        .nest_limit(64)
        .build()
        .map_err(|error| {
            let text = error.to_string();
            BadExpression::Refused(text.lines().last().unwrap_or(&text).trim().to_owned())
        })
}

/// A POSIX extended regular expression (IEEE 1003.1 §9.4) in the syntax of the `regex` crate. They
/// differ inside brackets, where POSIX knows no escapes, and after a backslash.
fn translate(posix: &str) -> Result<String, BadExpression> {
    if posix.len() > MAX_PATTERN_BYTES {
        return Err(BadExpression::TooLong);
    }
    let mut out = String::with_capacity(posix.len() + 16);
    let mut chars = posix.chars();
    while let Some(char) = chars.next() {
        match char {
            '[' => chars = bracket(chars.as_str(), &mut out)?.chars(),
            '\\' => match chars.next() {
                Some('1'..='9') => return Err(BadExpression::BackReference),
                // Those that the C library knows, which squidGuard uses.
                Some(known @ ('w' | 'W' | 's' | 'S' | 'b' | 'B')) => {
                    out.push('\\');
                    out.push(known);
                }
                Some('<') => out.push_str(r"\b{start}"),
                Some('>') => out.push_str(r"\b{end}"),
                Some(literal) => push_literal(literal, &mut out),
                None => return Err(BadExpression::Refused("it ends in a backslash".to_owned())),
            },
            '(' => {
                // `(?` has no meaning in POSIX, and many in the crate.
                out.push_str("(?:");
            }
            other => out.push(other),
        }
    }
    Ok(out)
}

/// Translates a bracket expression; `rest` begins behind its `[`. Gives what follows it.
fn bracket<'a>(rest: &'a str, out: &mut String) -> Result<&'a str, BadExpression> {
    out.push('[');
    let mut rest = rest;
    if let Some(inside) = rest.strip_prefix('^') {
        out.push('^');
        rest = inside;
    }
    let mut first = true;
    loop {
        if let Some(class) = rest.strip_prefix("[:") {
            let (name, after) = class.split_once(":]").ok_or(BadExpression::OpenBracket)?;
            if !CLASSES.contains(&name) {
                return Err(BadExpression::Refused(format!("there is no class {name:?}")));
            }
            out.push_str("[:");
            out.push_str(name);
            out.push_str(":]");
            rest = after;
        } else {
            let char = rest.chars().next().ok_or(BadExpression::OpenBracket)?;
            rest = rest.get(char.len_utf8()..).unwrap_or_default();
            match char {
                ']' if !first => {
                    out.push(']');
                    return Ok(rest);
                }
                // A range, unless it stands at either end.
                '-' if !first && !rest.starts_with(']') => out.push('-'),
                other => push_literal(other, out),
            }
        }
        first = false;
    }
}

fn push_literal(char: char, out: &mut String) {
    // An escaped angle is the edge of a word.
    if char.is_ascii_punctuation() && !matches!(char, '<' | '>') {
        out.push('\\');
    }
    out.push(char);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(posix: &str, text: &str) -> bool {
        compile(&translate(posix).unwrap()).unwrap().is_match(text.as_bytes())
    }

    #[test]
    fn a_backslash_in_a_bracket_is_itself() {
        assert!(matches(r"a[\?]b", r"a\b") && matches(r"a[\?]b", "a?b"));
        assert!(!matches(r"a[\?]b", "axb"));
        assert!(matches(r"[-\.]x", "-x") && matches(r"[-\.]x", ".x"));
        assert!(matches("[]x]+$", "]x") && !matches("^[^]x]", "]"));
        assert!(matches("^[a-c]$", "b") && !matches("^[ac-]$", "b") && matches("^[ac-]$", "-"));
        assert!(matches("^[[:digit:]_]+$", "1_2"));
        assert!(matches("^[a&&b]$", "&") && matches("^[~~]$", "~"));
    }

    #[test]
    fn escapes_outside_brackets_are_those_of_the_c_library() {
        assert!(matches(r"search\?q", "search?q") && !matches(r"^a\.b$", "axb"));
        assert!(matches(r"\<sex\>", "a sex b") && !matches(r"\<sex\>", "sussex"));
        assert!(matches(r"\d", "d") && !matches(r"\d", "1"));
        assert_eq!(translate(r"(a)\1"), Err(BadExpression::BackReference));
        assert!(translate("a\\").is_err());
    }

    #[test]
    fn what_cannot_be_compiled_is_said_and_not_a_panic() {
        for wrong in ["(", "a{2,1}", "*a", "[a", "[[:nothing:]]", "(?i)a", "a{1000}{1000}{1000}"] {
            assert!(Written::posix(wrong).is_err(), "{wrong}");
        }
        assert_eq!(Written::posix(&"a".repeat(5000)), Err(BadExpression::TooLong));
        assert!(Written::posix(&"(".repeat(2000)).is_err());
    }

    #[test]
    fn letters_match_in_either_case_and_bytes_that_are_no_text_too() {
        assert!(matches("PORN", "/porn/") && matches("[A-C]+", "abc"));
        assert!(compile("a.b").unwrap().is_match(b"a\xffb"));
    }
}
