//! AdGuard's rules, as far as they are about hosts: `||example.org^` (the name and those below),
//! `|example.org^` and `example.org` (the name), `.example.org^` (those below), `/regex/` on the
//! host, each with `@@` in front to take out. A rule with modifiers (`$…`) is left out whole: it is
//! never wider here than its maker wrote it. So are rules on parts of names, and on pages.

use super::{Found, hosts};
use crate::filter::{
    host::Host,
    lists::{
        Subject,
        build::{Rule, Scope},
    },
};

/// What rules about the elements of pages contain.
const COSMETIC: [&str; 5] = ["##", "#@#", "#?#", "#$#", "#%#"];

/// Reads a line.
pub fn line(line: &str, each: &mut dyn FnMut(Found<'_>)) {
    let text = line.trim();
    if text.is_empty() || text.starts_with('!') || text.starts_with('[') {
        return;
    }
    if COSMETIC.iter().any(|mark| text.contains(mark)) {
        return each(Found::Ignored("it is about elements of pages"));
    }
    if text.starts_with('#') {
        return;
    }
    let (excepted, rule) = text.strip_prefix("@@").map_or((false, text), |rule| (true, rule));
    if rule.contains(char::is_whitespace) && !excepted && !rule.starts_with('/') {
        return hosts::line(rule, each);
    }
    let found = read(rule);
    each(match found {
        Found::Listed(rule) if excepted => Found::Excepted(rule),
        found => found,
    });
}

fn read(rule: &str) -> Found<'_> {
    if let Some(expression) = rule.strip_prefix('/').filter(|_| !rule.starts_with("//")) {
        return match expression.rsplit_once('/') {
            Some(("", _)) | None => Found::Ignored("it is about a part of a URL"),
            Some((expression, "")) => Found::Listed(Rule::Perl(expression, Subject::Host)),
            Some((_, after)) if after.starts_with('$') => Found::Ignored("it has modifiers"),
            Some(_) => Found::Ignored("it is about a part of a URL"),
        };
    }
    if rule.contains('$') {
        return Found::Ignored("it has modifiers");
    }
    let Some((name, scope)) = name_and_scope(rule) else {
        return Found::Ignored("it is about a part of a name or a URL");
    };
    let (name, scope) = match name.strip_prefix("*.") {
        Some(name) if scope == Scope::Whole => (name, Scope::Below),
        _ => (name, scope),
    };
    if name.contains(['*', '/', '^', '|']) {
        return Found::Ignored("it is about a part of a name or a URL");
    }
    match Host::parse(name) {
        Ok(host) => Found::Listed(Rule::Host(host, scope)),
        Err(bad) => Found::Bad(bad.into()),
    }
}

/// The name that a rule pins at both ends, and which names it means; `None` when it does not.
fn name_and_scope(rule: &str) -> Option<(&str, Scope)> {
    let ended = rule.strip_suffix("^|").or_else(|| rule.strip_suffix('^'));
    if rule.starts_with("||") {
        return Some((ended?.strip_prefix("||")?, Scope::Whole));
    }
    let begins = ["|", "://", "//"];
    if let Some(begin) = begins.iter().find(|begin| rule.starts_with(**begin)) {
        return Some((ended?.strip_prefix(begin)?, Scope::Itself));
    }
    if rule.starts_with('.') {
        return Some((ended?.strip_prefix('.')?, Scope::Below));
    }
    // What is left may be a bare name, as in lists of names; `-banner-` is a part of one.
    let ends = |c: char| !c.is_alphanumeric();
    let whole = rule.contains('.') && !rule.starts_with(ends) && !rule.ends_with(ends);
    whole.then_some((rule, Scope::Itself))
}

#[cfg(test)]
mod tests {
    use super::super::testing::read;

    fn one(text: &str) -> String {
        read(super::line, text).join("; ")
    }

    #[test]
    fn rules_on_names_mean_what_adguard_says() {
        for (text, found) in [
            ("||Example.org^", "listed example.org Whole"),
            ("||example.org^|", "listed example.org Whole"),
            ("@@||example.org^", "excepted example.org Whole"),
            ("||*.example.org^", "listed example.org Below"),
            ("|example.org^", "listed example.org Itself"),
            ("@@|example.org^|", "excepted example.org Itself"),
            ("://example.org^", "listed example.org Itself"),
            ("//example.org^", "listed example.org Itself"),
            (".example.org^", "listed example.org Below"),
            ("example.org", "listed example.org Itself"),
            ("||192.0.2.1^", "listed 192.0.2.1 Whole"),
            ("0.0.0.0 example.org", "listed example.org Itself"),
            ("/^ads?[0-9]*\\./", "listed perl ^ads?[0-9]*\\. Host"),
            ("@@/^good\\./", "excepted perl ^good\\. Host"),
        ] {
            assert_eq!(one(text), found, "{text}");
        }
    }

    #[test]
    fn a_rule_with_what_is_not_known_is_left_out_whole() {
        for text in [
            "||example.org^$third-party",
            "||example.org^$important",
            "@@||example.org^$client=1.2.3.4",
            "/ads/$domain=a.example",
            "||example.org/path^",
            "||example.*^",
            "||ex*mple.org^",
            "||example.org",
            "example.org^",
            "-banner-",
            "/banner/img.gif",
            "example.org##.ad",
            "example.org#@#.ad",
            "://*.example.org^",
        ] {
            assert_eq!(one(text), "ignored", "{text}");
        }
    }

    #[test]
    fn comments_and_heads_say_nothing() {
        for text in ["! Title: x", "# x", "[Adblock Plus 2.0]", ""] {
            assert_eq!(one(text), "", "{text}");
        }
        assert_eq!(one("||a..b^"), "bad");
        assert_eq!(one("||^"), "bad");
    }
}
